//! Programs that tests start, and how a machine gets them.

use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that tests need.
struct Program {
    /// What must be found.
    binary: &'static str,
    /// Debian package that brings it.
    package: &'static str,
    /// Service that the package starts by itself, if it does.
    service: Option<&'static str>,
}

/// Everything that tests start. Add a row when a test needs one more.
const PROGRAMS: [Program; 15] = [
    Program { binary: "haproxy", package: "haproxy", service: Some("haproxy") },
    Program { binary: "prometheus", package: "prometheus", service: Some("prometheus") },
    Program { binary: "promtool", package: "prometheus", service: Some("prometheus") },
    Program { binary: "initdb", package: "postgresql", service: Some("postgresql") },
    Program { binary: "pg_ctl", package: "postgresql", service: Some("postgresql") },
    Program { binary: "setpriv", package: "util-linux", service: None },
    Program { binary: "faketime", package: "faketime", service: None },
    Program { binary: "openssl", package: "openssl", service: None },
    Program { binary: "python3", package: "python3", service: None },
    Program { binary: "git", package: "git", service: None },
    Program { binary: "curl", package: "curl", service: None },
    Program { binary: "jq", package: "jq", service: None },
    Program { binary: "jsonschema", package: "python3-jsonschema", service: None },
    Program { binary: "chromium", package: "chromium", service: None },
    Program { binary: "pdftotext", package: "poppler-utils", service: None },
];

/// Folders beside `PATH` where Debian keeps such programs; PostgreSQL's differ by version.
const FOLDERS: [&str; 5] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin"];
/// Folder with a folder per installed version of PostgreSQL.
const POSTGRESQL_FOLDER: &str = "/usr/lib/postgresql";

/// Installs what is missing. Does nothing, and needs no network and no rights, when everything is there.
pub(crate) fn install_missing() -> Result<()> {
    let missing: Vec<&Program> = PROGRAMS.iter().filter(|program| !is_there(program.binary)).collect();
    if missing.is_empty() {
        println!("all programs that tests need are installed");
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    packages.sort_unstable();
    packages.dedup();
    println!("installing: {}", packages.join(" "));
    apt(&["update"], &packages)?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(&packages);
    apt(&install, &packages)?;
    for service in missing.iter().filter_map(|program| program.service) {
        stop(service);
    }
    match missing.iter().find(|program| !is_there(program.binary)) {
        Some(program) => bail!("{} is still missing after installing {}; install it by hand", program.binary, program.package),
        None => Ok(()),
    }
}

fn is_there(binary: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).any(|folder| folder.join(binary).is_file());
    let in_folder = FOLDERS.iter().any(|folder| Path::new(folder).join(binary).is_file());
    in_path || in_folder || is_postgresql(binary)
}

fn is_postgresql(binary: &str) -> bool {
    let versions = std::fs::read_dir(POSTGRESQL_FOLDER);
    versions.is_ok_and(|versions| versions.flatten().any(|version| version.path().join("bin").join(binary).is_file()))
}

/// Runs `apt-get`, as root or through `sudo`. `RUNLEVEL=1` tells packages not to start their services.
fn apt(arguments: &[&str], packages: &[&str]) -> Result<()> {
    let by_hand = || format!("install the packages by hand: apt-get install {}", packages.join(" "));
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    let mut command = if is_root {
        Command::new("env")
    } else {
        let mut command = Command::new("sudo");
        command.args(["--non-interactive", "env"]);
        command
    };
    command.args(["RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).args(arguments);
    let status = command.stdin(Stdio::null()).status().with_context(by_hand)?;
    if !status.success() {
        bail!("apt-get {} failed; {}", arguments.join(" "), by_hand());
    }
    Ok(())
}

/// Tests start their own servers on free ports; one that a package started anyway only holds memory and ports.
fn stop(service: &str) {
    let stopped = Command::new("service").args([service, "stop"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !stopped.is_ok_and(|status| status.success()) {
        println!("the service {service} could not be stopped, or was not running");
    }
}

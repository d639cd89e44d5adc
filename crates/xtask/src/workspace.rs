//! Where the project is, and what is in it.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A package of the workspace, as `cargo metadata` tells.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Name, such as `glidepath-model`.
    pub(crate) name: String,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
    manifest_path: PathBuf,
}

/// A dependency of a package.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// Name of the package.
    pub(crate) name: String,
    /// `None` for an ordinary one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Package {
    /// The package's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// The last word of the name: `model`.
    pub(crate) fn short_name(&self) -> &str {
        self.name.strip_prefix("glidepath-").unwrap_or(&self.name)
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`, so that cargo says where the project is")?;
    let root = Path::new(&manifest).ancestors().nth(2).context("the crate xtask is not in crates/xtask")?;
    Ok(root.to_owned())
}

/// A `cargo` command in the root of the workspace.
pub(crate) fn cargo() -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?);
    // What cargo told this program about itself must not reach the cargo it starts: build scripts would run again.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    Ok(command)
}

/// Builds the product's binary; gives its path.
pub(crate) fn glidepath_binary(release: bool) -> Result<PathBuf> {
    let mut command = cargo()?;
    command.args(["build", "--quiet", "--package", "glidepath-cli", "--message-format", "json-render-diagnostics"]);
    if release {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("the binary glidepath does not compile");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Built>(line).ok()).filter_map(|built| built.executable);
    built.reduce(|_, last| last).context("cargo does not say where it put the binary glidepath")
}

/// What cargo says of something it built.
#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
}

/// The packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let output = cargo()?.args(["metadata", "--no-deps", "--format-version", "1"]).output().context("cargo metadata cannot be started")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata is not as expected")?;
    Ok(metadata.packages)
}

/// Files that belong to the project: committed ones and new ones that are not ignored, relative to the root.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let root = root()?;
    let output = Command::new("git")
        .current_dir(&root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git cannot be started; tidy asks it which files belong to the project")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let listed = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let mut files: Vec<PathBuf> =
        listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).filter(|path| root.join(path).is_file()).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

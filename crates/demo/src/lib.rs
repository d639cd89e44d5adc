//! The fleet of the demo: services as processes, load, a small router, and the three acts that are flown on them.
//!
//! Everything is real: `glidepath demo` writes a project, starts processes that call each other over HTTP behind a router, and
//! then calls the same binary that a person would call (`plan`, `run`, `watch`) in that folder. Nothing here touches the planner, the
//! engine or the judge.

pub mod acts;
pub mod command;
pub mod error;
pub mod fleet;
pub mod gateway;
pub mod http;
pub mod keeper;
pub mod layout;
pub mod load;
pub mod metrics;
pub mod outcome;
pub mod project;
pub mod random;
pub mod router;
pub mod service;
pub mod show;

use crate::layout::Layout;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Exit code for words that are not understood.
const USAGE: u8 = 2;
/// Between two looks whether a host answers.
const AWAIT_LOOK: Duration = Duration::from_millis(20);

/// Runs a part of the fleet in this process until it is no longer wanted: `service ROOT HOST VERSION`, `router ROOT REGION`,
/// `gateway ROOT`, `load ROOT`; or one of the small helpers of the scripts: `await ROOT HOST VERSION MILLISECONDS`, `left ROOT`.
pub fn part_main(part: &str, words: Vec<String>) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match (part, words.as_slice()) {
        ("service", [root, host, version]) => in_runtime(service::serve(Path::new(root), host, version)),
        ("router", [root, region]) => in_runtime(router::serve(Path::new(root), region)),
        ("gateway", [root]) => in_runtime(gateway::serve(Path::new(root))),
        ("load", [root]) => in_runtime(load::run(Path::new(root))),
        ("await", [root, host, version, patience]) => match patience.parse() {
            Ok(ms) => in_runtime(await_version(Path::new(root), host, version, Duration::from_millis(ms))),
            Err(_) => return ExitCode::from(USAGE),
        },
        ("left", [root]) => left(Path::new(root)),
        _ => {
            let _ = writeln!(io::stderr(), "these words belong to no part of the demo's fleet: {part} {}", words.join(" "));
            return ExitCode::from(USAGE);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{part} {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn in_runtime(part: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(part)
}

/// Returns when `host` is healthy and serves `version`.
async fn await_version(root: &Path, host: &str, version: &str, patience: Duration) -> io::Result<()> {
    let layout = Layout::read(root)?;
    let address = layout.address(host).ok_or_else(|| io::Error::other(format!("{host} is not in the fleet")))?;
    let begun = Instant::now();
    loop {
        let step = Duration::from_secs(1);
        let serving = http::get_once(address, "/version", step).await.map(|a| a.text()).unwrap_or_default();
        if serving == version && http::get_once(address, "/healthz", step).await.is_ok_and(|a| a.status == 200) {
            return Ok(());
        }
        if begun.elapsed() >= patience {
            let found = if serving.is_empty() { "does not answer".to_owned() } else { format!("serves {serving}") };
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{host} {found} after {} ms", patience.as_millis())));
        }
        tokio::time::sleep(AWAIT_LOOK).await;
    }
}

/// Lists the processes that still carry the demo's mark.
fn left(root: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for process in keeper::marked(root) {
        let command = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        let words = String::from_utf8_lossy(&command).replace('\0', " ");
        writeln!(out, "{} {words}", process.pid)?;
    }
    Ok(())
}

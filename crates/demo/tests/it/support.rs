//! A fleet in a fresh folder, and how to wait.

use glidepath_demo::fleet::{Fleet, FleetOptions, find_program};
use glidepath_demo::project::Pace;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn fleet(with_haproxy: bool) -> (TempDir, Fleet) {
    let folder = tempfile::Builder::new().prefix("gp").tempdir().unwrap();
    let haproxy = with_haproxy.then(|| find_program("haproxy").unwrap());
    let pace = Pace { rate: 100.0, ..Pace::FAST };
    let options = FleetOptions { program: env!("CARGO_BIN_EXE_demo-part").into(), haproxy, prometheus: None, pace };
    let fleet = Fleet::start(folder.path(), &options).await.unwrap();
    (folder, fleet)
}

/// Waits until `what` gives a value.
pub(crate) async fn until<T>(name: &str, mut what: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = what().await {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {name}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The answer of a router to one command.
pub(crate) fn ask(socket: &Path, command: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

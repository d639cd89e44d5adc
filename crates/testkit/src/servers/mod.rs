//! Real servers on free ports of this machine, each in a folder of its own, ended by their process id when dropped.
//! A missing program fails the test with the line that installs it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose server does not start has nothing better to do than to fail")]

mod certificates;
mod haproxy;
mod native;
mod postgres;
mod prometheus;
mod proxy;

pub use certificates::Authority;
pub use haproxy::Haproxy;
pub use native::NativeSample;
pub use postgres::{LockHolder, Postgres};
pub use prometheus::Prometheus;
pub use proxy::Proxy;

use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(30);

/// Time between two looks at a server that starts.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server's process; ended when dropped.
struct Server {
    child: Child,
    name: &'static str,
    log: PathBuf,
    /// What ends it and the processes it made.
    signal: Signal,
}

impl Server {
    fn start(name: &'static str, install: &str, command: &mut Command, log: PathBuf, signal: Signal) -> Self {
        let output = std::fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started ({error}); install it: apt-get install {install}"));
        Self { child, name, log, signal }
    }

    fn wait_until(&mut self, mut ready: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(ended.is_none(), "{} ended: {}", self.name, log());
            assert!(begin.elapsed() < START_MAX, "{} did not answer within {START_MAX:?}: {}", self.name, log());
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Server {
    fn send(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it by this signal instead of its own.
    fn end_by(mut self, signal: Signal) {
        self.signal = signal;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.send(self.signal);
        let _ = self.child.wait();
    }
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Runs a program to its end; gives its standard output.
fn finish(install: &str, command: &mut Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}); install it: apt-get install {install}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

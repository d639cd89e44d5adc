//! Prometheus.

use super::{Server, accepts, finish, free_port};
use rustix::process::Signal;
use std::process::Command;
use tempfile::TempDir;

/// Debian package that brings it and `promtool`.
const INSTALL: &str = "prometheus";

/// A Prometheus with history made from an OpenMetrics text; it scrapes nothing.
pub struct Prometheus {
    _server: Server,
    _folder: TempDir,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Prometheus {
    /// One that knows what the text says, which must end with `# EOF`.
    pub fn with_history(openmetrics: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("glidepath-prom-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("history.txt"), openmetrics).unwrap();
        std::fs::write(path("prometheus.yml"), "global:\n  scrape_interval: 15s\n").unwrap();
        finish(
            INSTALL,
            Command::new("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h"])
                .arg(path("history.txt"))
                .arg(path("data")),
        );
        let port = free_port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--storage.tsdb.retention.time=10y").current_dir(folder.path());
        let mut server = Server::start("Prometheus", INSTALL, &mut command, path("log"), Signal::KILL);
        let log = path("log");
        server.wait_until(|| accepts(port) && std::fs::read_to_string(&log).is_ok_and(|l| l.contains("ready to receive web requests")));
        Self { _server: server, _folder: folder, port }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

//! Prometheus.

use super::{Server, accepts, finish, free_port};
use rustix::process::Signal;
use std::process::Command;
use tempfile::TempDir;

/// Debian package that brings it and `promtool`.
const INSTALL: &str = "prometheus";

/// A Prometheus: with history made from an OpenMetrics text, or one that scrapes.
pub struct Prometheus {
    _server: Server,
    _folder: TempDir,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    scheme: &'static str,
}

impl Prometheus {
    /// One that knows what the text says, which must end with `# EOF`.
    pub fn with_history(openmetrics: &str) -> Self {
        Self::start(Self::folder_with(openmetrics), "global:\n  scrape_interval: 15s\n", &[])
    }

    /// One without history that takes native histograms written to it.
    pub fn with_native_histograms() -> Self {
        let flags = ["--enable-feature=native-histograms", "--web.enable-remote-write-receiver"];
        Self::start(Self::folder(), "global:\n  scrape_interval: 15s\n", &flags)
    }

    /// One without history, guarded as its web config says: by passwords, certificates or both.
    pub fn guarded(web_config: &str) -> Self {
        let folder = Self::folder();
        std::fs::write(folder.path().join("web.yml"), web_config).unwrap();
        let scheme = if web_config.contains("tls_server_config") { "https" } else { "http" };
        Self { scheme, ..Self::start(folder, "global:\n  scrape_interval: 15s\n", &["--web.config.file=web.yml"]) }
    }

    /// One that scrapes a port of this machine every second, as the job `glidepath`.
    pub fn scraping(port: u16) -> Self {
        Self::start(Self::folder(), &Self::jobs(port), &[])
    }

    /// The same, with what the text says before: series go on where it gives them the labels of what is scraped ([`Self::scraped`]).
    pub fn scraping_after(openmetrics: &str, port: u16) -> Self {
        Self::start(Self::folder_with(openmetrics), &Self::jobs(port), &[])
    }

    /// Labels that Prometheus gives to what it scrapes of a port.
    pub fn scraped(port: u16) -> String {
        format!("instance=\"127.0.0.1:{port}\",job=\"glidepath\"")
    }

    fn jobs(port: u16) -> String {
        let jobs = format!("scrape_configs:\n  - job_name: glidepath\n    static_configs: [ {{ targets: [ \"127.0.0.1:{port}\" ] }} ]\n");
        format!("global:\n  scrape_interval: 1s\n{jobs}")
    }

    fn folder_with(openmetrics: &str) -> TempDir {
        let folder = Self::folder();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("history.txt"), openmetrics).unwrap();
        finish(
            INSTALL,
            Command::new("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h"])
                .arg(path("history.txt"))
                .arg(path("data")),
        );
        folder
    }

    fn folder() -> TempDir {
        tempfile::Builder::new().prefix("glidepath-prom-").tempdir().unwrap()
    }

    fn start(folder: TempDir, config: &str, flags: &[&str]) -> Self {
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("prometheus.yml"), config).unwrap();
        let port = free_port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()));
        command
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--storage.tsdb.retention.time=10y")
            .args(flags)
            .current_dir(folder.path());
        let mut server = Server::start("Prometheus", INSTALL, &mut command, path("log"), Signal::KILL);
        let log = path("log");
        server.wait_until(|| accepts(port) && std::fs::read_to_string(&log).is_ok_and(|l| l.contains("ready to receive web requests")));
        Self { _server: server, _folder: folder, port, scheme: "http" }
    }

    /// What it answers to a query now: the value of each series, with its labels as JSON has them.
    pub fn query(&self, query: &str) -> Vec<(String, f64)> {
        let out = finish(INSTALL, Command::new("promtool").args(["query", "instant", "-o", "json", &self.url(), query]));
        let found: serde_json::Value = serde_json::from_str(&out).unwrap();
        let value = |one: &serde_json::Value| one["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap();
        found.as_array().into_iter().flatten().map(|one| (one["metric"].to_string(), value(one))).collect()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }
}

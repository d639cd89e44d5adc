//! Real servers on free ports of this machine, each in a folder of its own, ended by their process id when dropped.
//! A missing program fails the test with the line that installs it.

use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(30);

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
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
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, self.signal);
        }
        let _ = self.child.wait();
    }
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Runs a program to its end.
fn finish(install: &str, command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}); install it: apt-get install {install}"));
    assert!(output.status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// A PostgreSQL cluster of its own.
pub(crate) struct Postgres {
    _server: Server,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        Self::start_with(false)
    }

    /// With TLS by the certificate `server.crt`; `other.crt` is another of the same name.
    pub(crate) fn start_with_tls() -> Self {
        Self::start_with(true)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start_with(tls: bool) -> Self {
        const INSTALL: &str = "postgresql";
        let folder = tempfile::Builder::new().prefix("glidepath-pg-").tempdir().unwrap();
        let bin = Self::bin();
        let user = Self::user();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        let program = |name: &str, bin: &Path| {
            let mut command = Command::new(bin.join(name));
            command.current_dir(folder.path());
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        finish(
            INSTALL,
            program("initdb", &bin).arg("-D").arg(&data).args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]),
        );
        let port = free_port();
        let mut command = program("postgres", &bin);
        command.arg("-D").arg(&data).arg("-k").arg(folder.path()).args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
        ]);
        if tls {
            for name in ["server", "other"] {
                let mut openssl = program("openssl", Path::new(""));
                openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
                openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1"]);
                finish("openssl", openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]));
            }
            for (setting, name) in [("ssl_key_file", "server.key"), ("ssl_cert_file", "server.crt")] {
                command.args(["-c", &format!("{setting}={}", folder.path().join(name).display())]);
            }
            command.args(["-c", "ssl=on"]);
        }
        let mut server = Server::start("PostgreSQL", INSTALL, &mut command, folder.path().with_extension("log"), Signal::QUIT);
        let mut ready = program("pg_isready", &bin);
        ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        server.wait_until(|| ready.status().is_ok_and(|s| s.success()));
        let _ = std::fs::remove_file(&server.log);
        Self { _server: server, folder, port }
    }

    pub(crate) fn url(&self) -> String {
        Self::url_at(self.port)
    }

    pub(crate) fn url_at(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    fn bin() -> PathBuf {
        let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
        installed
            .filter(|bin| bin.join("initdb").exists())
            .max()
            .unwrap_or_else(|| panic!("PostgreSQL is not installed: apt-get install postgresql"))
    }

    /// PostgreSQL refuses to run as root; the package's user takes its place.
    fn user() -> Option<(u32, u32)> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let line =
            passwd.lines().find(|l| l.starts_with("postgres:")).unwrap_or_else(|| panic!("no user `postgres`: apt-get install postgresql"));
        let fields: Vec<&str> = line.split(':').collect();
        Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    }
}

/// A HAProxy with one frontend and one backend named `payments`.
pub(crate) struct Haproxy {
    _server: Server,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Haproxy {
    /// With these servers (name and port), each at weight 100.
    pub(crate) fn start(servers: &[(&str, u16)], balance: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("glidepath-ha-").tempdir().unwrap();
        let port = free_port();
        let lines: String = servers.iter().map(|(name, port)| format!("  server {name} 127.0.0.1:{port} weight 100\n")).collect();
        let text = format!(
            "global\n  stats socket {0}/admin.sock mode 600 level admin\n  stats socket {0}/user.sock mode 600 level user\n\
             defaults\n  mode http\n  timeout connect 2s\n  timeout client 30s\n  timeout server 30s\n  option http-server-close\n\
             frontend in\n  bind 127.0.0.1:{port}\n  default_backend payments\n\
             backend payments\n  balance {balance}\n{lines}",
            folder.path().display()
        );
        let config = folder.path().join("haproxy.cfg");
        std::fs::write(&config, text).unwrap();
        let log = folder.path().join("log");
        let mut server = Server::start("HAProxy", "haproxy", Command::new("haproxy").arg("-db").arg("-f").arg(&config), log, Signal::TERM);
        server.signal = Signal::INT;
        server.wait_until(|| accepts(port));
        Self { _server: server, folder, port }
    }

    pub(crate) fn socket(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// A Prometheus with history made from an OpenMetrics text; it scrapes nothing.
pub(crate) struct Prometheus {
    _server: Server,
    _folder: TempDir,
    pub(crate) port: u16,
}

impl Prometheus {
    pub(crate) fn with_history(openmetrics: &str) -> Self {
        const INSTALL: &str = "prometheus";
        let folder = tempfile::Builder::new().prefix("glidepath-prom-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("history.txt"), openmetrics).unwrap();
        write_lines(&path("prometheus.yml"), &["global:", "  scrape_interval: 15s"]);
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

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn write_lines(path: &Path, lines: &[&str]) {
    let mut file = std::fs::File::create(path).unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
}

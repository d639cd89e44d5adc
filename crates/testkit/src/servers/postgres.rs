//! PostgreSQL.

use super::{LOOK_EVERY, START_MAX, Server, finish, free_port};
use rustix::process::Signal;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// Debian package that brings it.
const INSTALL: &str = "postgresql";

/// A PostgreSQL cluster of its own, with the database `postgres` and the superuser `postgres`.
pub struct Postgres {
    /// `None` while it is stopped.
    server: Option<Server>,
    folder: TempDir,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    password: Option<String>,
    tls: bool,
    synced: bool,
}

/// How a cluster differs from the plain one.
#[derive(Default)]
struct Wishes {
    tls: bool,
    password: Option<String>,
    /// Whether commits are on the disk before they are answered; tests do without.
    synced: bool,
}

impl Postgres {
    /// One that trusts everybody.
    pub fn start() -> Self {
        Self::start_with(Wishes::default())
    }

    /// One whose commits are on the disk before they are answered, as in production: for measurements.
    pub fn start_synced() -> Self {
        Self::start_with(Wishes { synced: true, ..Wishes::default() })
    }

    /// With TLS by the certificate `server.crt`; `other.crt` is another of the same name.
    pub fn start_with_tls() -> Self {
        Self::start_with(Wishes { tls: true, ..Wishes::default() })
    }

    /// One that lets nobody in without this password.
    pub fn start_with_password(password: &str) -> Self {
        Self::start_with(Wishes { password: Some(password.to_owned()), ..Wishes::default() })
    }

    /// A file in its folder, such as a certificate.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The connection string, with the password where there is one.
    pub fn url(&self) -> String {
        let password = self.password.as_deref().map(|word| format!(":{word}")).unwrap_or_default();
        format!("postgres://postgres{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// The connection string of a server without password at this port.
    pub fn url_at(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Where `psql` is.
    pub fn psql_path() -> PathBuf {
        bin().join("psql")
    }

    /// `psql` on this server, without alignment and headings, ending at the first error. The password is in its environment.
    fn psql(&self) -> Command {
        let mut command = Command::new(Self::psql_path());
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        command.args(["--host", "127.0.0.1", "--port", &self.port.to_string(), "--username", "postgres", "--dbname", "postgres"]);
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        command
    }

    /// What these statements answer, trimmed.
    pub fn ask(&self, statements: &str) -> String {
        finish(INSTALL, self.psql().args(["--command", statements])).trim().to_owned()
    }

    /// A session that keeps everybody away from a table until it is dropped.
    pub fn lock(&self, table: &str) -> LockHolder {
        let text = format!("begin; lock table {table} in access exclusive mode;\n");
        let mut child = self.psql().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        let holder = LockHolder { child };
        let held =
            format!("select count(*) from pg_locks where relation = '{table}'::regclass and mode = 'AccessExclusiveLock' and granted");
        let begin = Instant::now();
        while self.ask(&held) != "1" {
            assert!(begin.elapsed() < START_MAX, "the lock on {table} was not had within {START_MAX:?}");
            std::thread::sleep(LOOK_EVERY);
        }
        holder
    }

    fn start_with(wishes: Wishes) -> Self {
        let folder = tempfile::Builder::new().prefix("glidepath-pg-").tempdir().unwrap();
        if let Some((uid, gid)) = user() {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        make_cluster(folder.path(), &data, wishes.password.as_deref());
        if wishes.tls {
            make_certificates(folder.path());
        }
        let mut cluster =
            Self { server: None, folder, port: free_port(), password: wishes.password, tls: wishes.tls, synced: wishes.synced };
        cluster.start_again();
        cluster
    }

    /// Ends every process of it at once, as a crash would: connections break, what was committed is recovered at the next start.
    pub fn crash(&mut self) {
        self.server = None;
    }

    /// Kills its first process with SIGKILL, which ends none of the others: these find out by themselves. Returns when all are gone, as the next start
    /// needs it.
    pub fn kill(&mut self) {
        let Some(server) = self.server.take() else { return };
        // Stopped first, so that it makes no more of them meanwhile.
        server.send(Signal::STOP);
        let others = children_of(server.child.id());
        server.end_by(Signal::KILL);
        let begin = Instant::now();
        while others.iter().any(|pid| is_alive(*pid)) {
            assert!(begin.elapsed() < START_MAX, "processes of PostgreSQL outlived its first one by {START_MAX:?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Starts it on the same port, if it does not run, and waits until it answers.
    pub fn start_again(&mut self) {
        if self.server.is_some() {
            return;
        }
        let folder = self.folder.path();
        let mut command = program(folder, &bin().join("postgres"));
        command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", if self.synced { "fsync=on" } else { "fsync=off" }]);
        if self.tls {
            for (setting, name) in [("ssl_key_file", "server.key"), ("ssl_cert_file", "server.crt")] {
                command.args(["-c", &format!("{setting}={}", folder.join(name).display())]);
            }
            command.args(["-c", "ssl=on"]);
        }
        // SIGQUIT is its word for an immediate end, without closing anything.
        let mut server = Server::start("PostgreSQL", INSTALL, &mut command, folder.join("log"), Signal::QUIT);
        let mut ready = program(folder, &bin().join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        server.wait_until(|| ready.status().is_ok_and(|s| s.success()));
        self.server = Some(server);
    }

    /// A new, empty database of this server; gives its connection string.
    pub fn database(&self, name: &str) -> String {
        self.ask(&format!("CREATE DATABASE {name}"));
        format!("{}/{name}", self.url().trim_end_matches("/postgres"))
    }
}

/// A session that holds a lock; its end lets it go.
pub struct LockHolder {
    child: Child,
}

impl Drop for LockHolder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn make_cluster(folder: &Path, data: &Path, password: Option<&str>) {
    let mut command = program(folder, &bin().join("initdb"));
    command.arg("-D").arg(data).args(["-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]);
    match password {
        None => drop(command.args(["-A", "trust"])),
        Some(password) => {
            let file = folder.join("password");
            std::fs::write(&file, password).unwrap();
            command.args(["-A", "scram-sha-256"]).arg(format!("--pwfile={}", file.display()));
        }
    }
    finish(INSTALL, &mut command);
}

fn make_certificates(folder: &Path) {
    for name in ["server", "other"] {
        let mut openssl = program(folder, Path::new("openssl"));
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1"]);
        finish("openssl", openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]));
    }
}

/// Processes that this one made.
fn children_of(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| state_and_parent(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// Whether a process holds anything still: one that waits to be asked for its result does not.
fn is_alive(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| !matches!(state.as_str(), "Z" | "X"))
}

fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything: the state, then the parent.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// A program in the folder, as the user who owns it.
fn program(folder: &Path, path: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir(folder);
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

fn bin() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    installed
        .filter(|bin| bin.join("initdb").exists())
        .max()
        .unwrap_or_else(|| panic!("PostgreSQL is not installed: apt-get install {INSTALL}"))
}

/// PostgreSQL refuses to run as root; the package's user takes its place.
fn user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line =
        passwd.lines().find(|l| l.starts_with("postgres:")).unwrap_or_else(|| panic!("no user `postgres`: apt-get install {INSTALL}"));
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

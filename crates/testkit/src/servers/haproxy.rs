//! HAProxy.

use super::{Server, accepts, free_port};
use rustix::process::Signal;
use std::process::Command;
use tempfile::TempDir;

/// A HAProxy with one frontend and one backend named `payments`.
pub struct Haproxy {
    _server: Server,
    folder: TempDir,
    /// Where its frontend listens on 127.0.0.1.
    pub port: u16,
}

impl Haproxy {
    /// With these servers (name and port), each at weight 100.
    pub fn start(servers: &[(&str, u16)], balance: &str) -> Self {
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
        let mut server = Server::start("HAProxy", "haproxy", Command::new("haproxy").arg("-db").arg("-f").arg(&config), log, Signal::INT);
        // Whoever answers at the port may be another one that was as quick to take it; the socket is its own.
        let admin = folder.path().join("admin.sock");
        server.wait_until(|| accepts(port) && std::os::unix::net::UnixStream::connect(&admin).is_ok());
        Self { _server: server, folder, port }
    }

    /// The path of `admin.sock`, which may change weights, or of `user.sock`, which may not.
    pub fn socket(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

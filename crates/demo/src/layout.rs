//! What stands where in the demo: services, versions, hosts, addresses, files. Written once as `fleet/fleet.json`, read by every part.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// The services, callers first.
pub const SERVICES: [&str; 3] = ["frontend", "auth", "payments"];
/// The regions.
pub const REGIONS: [&str; 2] = ["eu-west", "us-east"];
/// Replicas of a service in a region.
pub const REPLICAS: usize = 3;
/// Longest path of a Unix socket that every system takes, in bytes.
pub const SOCKET_PATH_BYTES_MAX: usize = 100;

/// First port tried. Below the range from which outgoing connections take theirs, so that none of them sits on the port of
/// a replica that restarts.
const PORT_FIRST: u16 = 18_000;
/// Last port tried.
const PORT_LAST: u16 = 32_000;

/// The whole fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout {
    /// The program whose parts make up the fleet.
    pub program: PathBuf,
    /// All replicas, by host name.
    pub hosts: BTreeMap<String, Host>,
    /// Where a region's router takes requests for a service: by region, then service.
    pub routes: BTreeMap<String, BTreeMap<String, u16>>,
    /// The admin socket of each region's router.
    pub sockets: BTreeMap<String, PathBuf>,
    /// The door through which hosts are reached by their names: `http://127.0.0.1:PORT/HOST/...`.
    pub gateway: u16,
    /// Prometheus, where it is used.
    pub prometheus: Option<u16>,
    /// Whether HAProxy routes; else a router of ours.
    pub haproxy: bool,
    /// Requests per second sent to each region.
    pub rate: f64,
    /// The version each service begins with.
    pub first_versions: BTreeMap<String, String>,
    /// How versions behave: by service, then version.
    pub behaviour: BTreeMap<String, BTreeMap<String, Behaviour>>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Its service.
    pub service: String,
    /// Its region.
    pub region: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// How a version of a service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Behaviour {
    /// Share of requests that it fails by itself, 0 to 1.
    pub errors: f64,
    /// Time its own work takes, in milliseconds.
    pub work_ms: u64,
}

impl Layout {
    /// The service that `service` calls.
    pub fn callee(service: &str) -> Option<&'static str> {
        let at = SERVICES.iter().position(|s| *s == service)?;
        SERVICES.get(at + 1).copied()
    }

    /// Hosts of a service in a region, in order.
    pub fn hosts_of<'a>(&'a self, service: &'a str, region: &'a str) -> impl Iterator<Item = (&'a String, &'a Host)> {
        self.hosts.iter().filter(move |(_, h)| h.service == service && h.region == region)
    }

    /// Address of a host.
    pub fn address(&self, host: &str) -> Option<SocketAddr> {
        self.hosts.get(host).map(|h| local(h.port))
    }

    /// Where requests for a service enter in a region.
    pub fn route(&self, region: &str, service: &str) -> Option<SocketAddr> {
        self.routes.get(region)?.get(service).copied().map(local)
    }

    /// Reads the layout of the demo in `root`.
    ///
    /// # Errors
    /// When the file is not there or is none.
    pub fn read(root: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(root.join(FLEET_FILE))?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }

    /// Writes the layout into the demo in `root`, with the list of addresses that `deploy.sh` reads.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        std::fs::create_dir_all(root.join("fleet/log"))?;
        let hosts: String = self.hosts.iter().map(|(name, h)| format!("{name} 127.0.0.1:{}\n", h.port)).collect();
        std::fs::write(root.join("fleet/hosts"), hosts)?;
        write_whole(&root.join(FLEET_FILE), &serde_json::to_vec_pretty(self)?)
    }
}

/// The layout's file, relative to the demo's folder.
pub const FLEET_FILE: &str = "fleet/fleet.json";

/// An address of this machine alone.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The short name of a region in host names.
pub fn short(region: &str) -> &str {
    region.split('-').next().unwrap_or(region)
}

/// Host names of a service in a region: `payments-1.eu`, ...
pub fn host_names(service: &str, region: &str, replicas: usize) -> Vec<String> {
    (1..=replicas).map(|n| format!("{service}-{n}.{}", short(region))).collect()
}

/// Free ports, each held until all are found, so that no two are the same.
///
/// # Errors
/// When there are not that many.
pub fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let span = PORT_LAST - PORT_FIRST;
    // Two demos that begin at the same moment look at different places.
    let start = PORT_FIRST + u16::try_from(std::process::id().wrapping_mul(97) % u32::from(span)).unwrap_or(0);
    let mut held = Vec::new();
    for port in (start..PORT_LAST).chain(PORT_FIRST..start) {
        if held.len() == count {
            break;
        }
        if let Ok(listener) = TcpListener::bind(local(port)) {
            held.push((port, listener));
        }
    }
    if held.len() < count {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{count} free ports are needed between {PORT_FIRST} and {PORT_LAST}, {} were found", held.len()),
        ));
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

/// Writes a file so that readers see the old text or the new, never a part.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(name);
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)
}

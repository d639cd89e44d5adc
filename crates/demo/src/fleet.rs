//! Starting the fleet in a folder, asking how it is, and ending it.

use crate::error::DemoError;
use crate::http::get_once;
use crate::keeper::{Identity, MARK, end_all};
use crate::layout::{Host, Layout, REGIONS, REPLICAS, SERVICES, SOCKET_PATH_BYTES_MAX, free_ports, host_names, local};
use crate::project::{self, FIRST_VERSIONS, Pace, behaviour};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the fleet may take to come up.
const UP_MAX: Duration = Duration::from_secs(40);
/// Between two looks whether it is up.
const LOOK: Duration = Duration::from_millis(50);
/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Bytes that HAProxy appends to a socket's path while it binds.
const SOCKET_SUFFIX_BYTES: usize = 15;
/// Lines of a part's log that an error shows.
const LOG_LINES_SHOWN: usize = 6;

/// What the fleet is to be made of.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// The program whose parts make up the fleet.
    pub program: PathBuf,
    /// HAProxy, where it is to be used.
    pub haproxy: Option<PathBuf>,
    /// Prometheus, where it is to be used.
    pub prometheus: Option<PathBuf>,
    /// Rates and bake times.
    pub pace: Pace,
}

/// A fleet that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Fleet {
    /// Its folder, links resolved.
    pub root: PathBuf,
    /// What stands where.
    pub layout: Layout,
    kept: bool,
}

impl Fleet {
    /// Writes the project into `root`, an existing folder, and starts everything in it.
    ///
    /// # Errors
    /// When a part does not come up; nothing is left running then.
    pub async fn start(root: &Path, options: &FleetOptions) -> Result<Self, DemoError> {
        let root = root.canonicalize().map_err(|error| DemoError::folder(root, error))?;
        let layout = plan(&root, options)?;
        let written = layout
            .write(&root)
            .and_then(|()| project::write(&root, &layout, options.pace))
            .and_then(|()| Identity::own()?.write(&root.join("fleet/owner")));
        written.map_err(|error| DemoError::folder(&root, error))?;
        // From here on dropping ends what was started.
        let fleet = Self { root, layout, kept: false };
        fleet.start_parts(options)?;
        fleet.deploy_first_versions().await?;
        fleet.wait_until_up().await?;
        fleet.start_part("load", &["load"])?;
        Ok(fleet)
    }

    fn start_parts(&self, options: &FleetOptions) -> Result<(), DemoError> {
        self.start_part("gateway", &["gateway"])?;
        for region in REGIONS {
            match &options.haproxy {
                Some(haproxy) => {
                    let file = self.root.join(format!("fleet/haproxy-{region}.cfg"));
                    std::fs::write(&file, haproxy_config(&self.layout, region)).map_err(|error| DemoError::folder(&self.root, error))?;
                    let mut command = Command::new(haproxy);
                    command.arg("-db").arg("-q").arg("-f").arg(&file);
                    self.spawn(&format!("haproxy-{region}"), command)?;
                }
                None => self.start_part(&format!("router-{region}"), &["router", region])?,
            }
        }
        if let (Some(prometheus), Some(port)) = (&options.prometheus, self.layout.prometheus) {
            let file = self.root.join("fleet/prometheus.yml");
            std::fs::write(&file, prometheus_config(&self.layout)).map_err(|error| DemoError::folder(&self.root, error))?;
            let mut command = Command::new(prometheus);
            command
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", self.root.join("fleet/prometheus").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--log.level=warn");
            self.spawn("prometheus", command)?;
        }
        Ok(())
    }

    /// Starts a part of ours: its name, then `ROOT`, then further words.
    fn start_part(&self, log: &str, words: &[&str]) -> Result<(), DemoError> {
        let mut command = Command::new(&self.layout.program);
        let (part, rest) = words.split_first().unwrap_or((&"", &[]));
        command.arg("__demo").arg(part).arg(&self.root).args(rest);
        self.spawn(log, command)
    }

    fn spawn(&self, log: &str, mut command: Command) -> Result<(), DemoError> {
        let failed = |error: std::io::Error| {
            DemoError::new(
                DemoError::PART,
                format!("{log} cannot be started: {error}"),
                "check that the program is still there and may be executed",
            )
        };
        let file = File::create(self.root.join(format!("fleet/log/{log}.log"))).map_err(failed)?;
        command.env(MARK, &self.root).current_dir(&self.root).process_group(0);
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        // Not waited for: the fleet lives until all processes with the mark are ended.
        command.spawn().map(drop).map_err(failed)
    }

    /// Brings the first versions to all hosts by the same script that changes use.
    async fn deploy_first_versions(&self) -> Result<(), DemoError> {
        let mut running = Vec::new();
        for (host, place) in &self.layout.hosts {
            let version = self.layout.first_versions.get(&place.service).map_or("", String::as_str);
            let mut command = tokio::process::Command::new(self.root.join("deploy.sh"));
            command.arg(host).arg(version).current_dir(&self.root).stdin(Stdio::null()).process_group(0).env(MARK, &self.root);
            running.push((host.clone(), tokio::spawn(async move { command.output().await })));
        }
        for (host, task) in running {
            let trouble = match task.await {
                Ok(Ok(output)) if output.status.success() => continue,
                Ok(Ok(output)) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            return Err(self.part_failed(&host, &trouble));
        }
        Ok(())
    }

    /// Waits until requests pass through every router and everything else answers.
    async fn wait_until_up(&self) -> Result<(), DemoError> {
        let begun = Instant::now();
        for region in REGIONS {
            for service in SERVICES {
                let Some(address) = self.layout.route(region, service) else { continue };
                let name = if self.layout.haproxy { format!("haproxy-{region}") } else { format!("router-{region}") };
                self.wait_for(&name, address, "/", begun).await?;
            }
        }
        if let Some(host) = self.layout.hosts.keys().next() {
            self.wait_for("gateway", local(self.layout.gateway), &format!("/{host}/healthz"), begun).await?;
        }
        if let Some(port) = self.layout.prometheus {
            self.wait_for("prometheus", local(port), "/-/ready", begun).await?;
        }
        Ok(())
    }

    /// Waits until Prometheus, which looks for its targets only some seconds after its start, has seen as much of every replica as
    /// a rate needs. Without Prometheus nothing has to be waited for.
    ///
    /// # Errors
    /// When it does not within the time for coming up.
    pub async fn wait_until_observed(&self) -> Result<(), DemoError> {
        let Some(port) = self.layout.prometheus else { return Ok(()) };
        let query = "/api/v1/query?query=count(count_over_time(up%5B6s%5D)%3E%3D5)";
        let begun = Instant::now();
        loop {
            let answer = get_once(local(port), query, ANSWER_MAX).await.map(|a| a.text()).unwrap_or_default();
            if answer.contains(&format!("\"{}\"", self.layout.hosts.len())) {
                return Ok(());
            }
            if begun.elapsed() > UP_MAX {
                return Err(self
                    .part_failed("prometheus", &format!("it does not see all {} replicas; it answers {answer}", self.layout.hosts.len())));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn wait_for(&self, part: &str, address: std::net::SocketAddr, path: &str, begun: Instant) -> Result<(), DemoError> {
        loop {
            let answer = get_once(address, path, ANSWER_MAX).await;
            if answer.as_ref().is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            if begun.elapsed() > UP_MAX {
                let trouble = answer.map_or_else(|error| error.to_string(), |a| format!("it answers with status {}", a.status));
                return Err(self.part_failed(part, &trouble));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn part_failed(&self, part: &str, trouble: &str) -> DemoError {
        let log = std::fs::read_to_string(self.root.join(format!("fleet/log/{part}.log"))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join(" | ");
        let message = if tail.is_empty() {
            format!("{part} did not come up: {trouble}")
        } else {
            format!("{part} did not come up: {trouble}; its log ends with: {tail}")
        };
        DemoError::new(DemoError::PART, message, "if a port was taken by another program meanwhile, run the demo again")
    }

    /// The version that each replica of a service says it serves.
    pub async fn versions(&self, service: &str) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        for (name, host) in self.layout.hosts.iter().filter(|(_, h)| h.service == service) {
            let answer = get_once(local(host.port), "/version", ANSWER_MAX).await;
            versions.insert(name.clone(), answer.map_or_else(|error| format!("no answer ({error})"), |a| a.text()));
        }
        versions
    }

    /// Leaves the fleet running when this value is dropped.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub fn keep(&mut self) -> std::io::Result<()> {
        std::fs::write(self.root.join("fleet/keep"), "stop.sh removes this file and the fleet ends\n")?;
        self.kept = true;
        Ok(())
    }

    /// Ends everything; returns how many processes would not.
    pub fn end(&mut self) -> usize {
        self.kept = true;
        end_all(&self.root)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if !self.kept {
            end_all(&self.root);
        }
    }
}

/// What stands where, on ports that are free now.
fn plan(root: &Path, options: &FleetOptions) -> Result<Layout, DemoError> {
    let hosts_count = SERVICES.len() * REGIONS.len() * REPLICAS;
    let routes_count = SERVICES.len() * REGIONS.len();
    let ports = free_ports(hosts_count + routes_count + 2)
        .map_err(|error| DemoError::new(DemoError::PORTS, error.to_string(), "end what listens there, or try again"))?;
    let mut ports = ports.into_iter();
    let mut port = || ports.next().unwrap_or_default();
    let mut hosts = BTreeMap::new();
    let mut routes: BTreeMap<String, BTreeMap<String, u16>> = BTreeMap::new();
    let mut sockets = BTreeMap::new();
    for region in REGIONS {
        for service in SERVICES {
            for name in host_names(service, region, REPLICAS) {
                hosts.insert(name, Host { service: service.to_owned(), region: region.to_owned(), port: port() });
            }
            routes.entry(region.to_owned()).or_default().insert(service.to_owned(), port());
        }
        let socket = root.join(format!("fleet/{region}.sock"));
        let bytes = socket.as_os_str().len();
        if bytes + SOCKET_SUFFIX_BYTES > SOCKET_PATH_BYTES_MAX {
            let message = format!(
                "{} has {bytes} bytes, and a socket's path may have {}",
                socket.display(),
                SOCKET_PATH_BYTES_MAX - SOCKET_SUFFIX_BYTES
            );
            return Err(DemoError::new(DemoError::PATH_LENGTH, message, "name a folder with a shorter path with `--dir DIR`"));
        }
        sockets.insert(region.to_owned(), socket);
    }
    let first_versions = FIRST_VERSIONS.iter().map(|(s, v)| ((*s).to_owned(), (*v).to_owned())).collect();
    Ok(Layout {
        program: options.program.clone(),
        hosts,
        routes,
        sockets,
        gateway: port(),
        prometheus: options.prometheus.as_ref().map(|_| port()),
        haproxy: options.haproxy.is_some(),
        rate: options.pace.rate,
        first_versions,
        behaviour: behaviour(),
    })
}

fn haproxy_config(layout: &Layout, region: &str) -> String {
    let socket = layout.sockets.get(region).map(|s| s.display().to_string()).unwrap_or_default();
    let mut text = format!(
        "# The router of {region}. Glidepath sets weights over the socket.
global
    maxconn 2000
    nbthread 1
    stats socket {socket} mode 600 level admin
defaults
    mode http
    balance roundrobin
    timeout connect 1s
    timeout client 30s
    timeout server 5s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    option httpchk GET /healthz
    default-server check inter 300ms fall 2 rise 1 weight 100
"
    );
    for service in SERVICES {
        let port = layout.route(region, service).map_or(0, |a| a.port());
        let _ = write!(text, "frontend to-{service}\n    bind 127.0.0.1:{port}\n    default_backend {service}\nbackend {service}\n");
        for (name, host) in layout.hosts_of(service, region) {
            let _ = writeln!(text, "    server {name} 127.0.0.1:{}", host.port);
        }
    }
    text
}

fn prometheus_config(layout: &Layout) -> String {
    let targets: Vec<String> = layout.hosts.values().map(|h| format!("\"127.0.0.1:{}\"", h.port)).collect();
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 900ms }}
scrape_configs:
  - job_name: fleet
    static_configs: [ {{ targets: [ {} ] }} ]
",
        targets.join(", ")
    )
}

/// Where a program is: along `PATH`, then where system programs are kept.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

//! The canary of the checkout example, on a real Prometheus and a real HAProxy. Of the whole change, which takes hours by its own bakes, it is the one
//! target `payments-production` in `eu-west` that flies here; hosts that are reached by SSH are files, and what their requests come to is counted by the
//! weights that the router really has.

use crate::harness::Project;
use glidepath_testkit::servers::{Haproxy, Prometheus};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HOSTS: [&str; 3] = ["pay-1.eu", "pay-2.eu", "pay-3.eu"];
const VERSION_BEFORE: &str = "4.11.2";
const VERSION_AFTER: &str = "4.12.0";
/// Requests per second of the region: so many that the judge sees in seconds what it needs.
const REQUESTS_PER_SECOND: f64 = 1e6;
/// Share of requests that a good version fails.
const BAD_SHARE: f64 = 0.001;
/// Share of requests that the version in `state/bad` fails.
const BAD_SHARE_OF_BAD: f64 = 0.02;
/// Between two looks at the weights and versions.
const COUNT_EVERY: Duration = Duration::from_millis(50);

/// Requests and failed ones, by version.
type Counters = BTreeMap<String, (f64, f64)>;

/// The hosts of the region as HTTP sees them, and the page that Prometheus scrapes.
struct Hosts {
    port: u16,
}

impl Hosts {
    /// Hosts whose versions stand in `folder`, behind the router with this admin socket.
    fn start(folder: &Path, router: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (folder, counters) = (folder.to_owned(), Arc::new(Mutex::new(Counters::new())));
        // The threads end with the process of the test.
        let (counted, counted_in) = (counters.clone(), folder.clone());
        std::thread::spawn(move || {
            let mut last = Instant::now();
            loop {
                std::thread::sleep(COUNT_EVERY);
                let now = Instant::now();
                count(&counted_in, &router, now.duration_since(last).as_secs_f64(), &mut counted.lock().unwrap());
                last = now;
            }
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &folder, &counters);
            }
        });
        Self { port }
    }
}

fn version(folder: &Path, host: &str) -> String {
    std::fs::read_to_string(folder.join("versions").join(host)).unwrap_or_default().trim().to_owned()
}

/// The weight that the router gives a host now.
fn weight(router: &str, host: &str) -> f64 {
    let ask = || -> std::io::Result<String> {
        let mut socket = UnixStream::connect(router)?;
        socket.write_all(format!("get weight payments/{host}\n").as_bytes())?;
        let mut said = String::new();
        socket.read_to_string(&mut said)?;
        Ok(said)
    };
    ask().ok().and_then(|said| said.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// What the requests of the last moments came to.
fn count(folder: &Path, router: &str, seconds: f64, counters: &mut Counters) {
    let weights = HOSTS.map(|host| weight(router, host));
    let sum: f64 = weights.iter().sum();
    let bad = std::fs::read_to_string(folder.join("state/bad")).unwrap_or_default();
    for (host, weight) in HOSTS.iter().zip(weights).filter(|(_, weight)| *weight > 0.0) {
        let version = version(folder, host);
        let share = if version == bad.trim() { BAD_SHARE_OF_BAD } else { BAD_SHARE };
        let requests = REQUESTS_PER_SECOND * seconds * weight / sum;
        let (all, failed) = counters.entry(version).or_default();
        (*all, *failed) = (*all + requests, *failed + requests * share);
    }
}

fn answer(mut stream: TcpStream, folder: &Path, counters: &Mutex<Counters>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    let path: Vec<&str> = request.split_whitespace().nth(1).unwrap_or_default().split('/').skip(1).collect();
    let body = match path[..] {
        ["metrics"] => page(&counters.lock().unwrap()),
        [host, "version"] => version(folder, host),
        _ => "well".to_owned(),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

/// Counters as the example's queries name them.
fn page(counters: &Counters) -> String {
    let mut page = String::new();
    for (version, (all, failed)) in counters {
        let labels = format!("app=\"payments\",env=\"production\",region=\"eu-west\",version=\"{version}\"");
        writeln!(page, "http_requests_total{{{labels},code=\"500\"}} {:.0}", failed).unwrap();
        writeln!(page, "http_requests_total{{{labels},code=\"200\"}} {:.0}", all - failed).unwrap();
        for bound in ["0.3", "+Inf"] {
            writeln!(page, "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {all:.0}").unwrap();
        }
        writeln!(page, "http_request_duration_seconds_count{{{labels}}} {all:.0}").unwrap();
    }
    page
}

/// The example with its one target, and what stands around it.
struct Checkout {
    project: Project,
    router: Haproxy,
    _prometheus: Prometheus,
}

const CHANGE: &str = "\
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: payments }
spec:
  title: Require 3-D Secure at checkout
  reason: Strong customer authentication becomes mandatory
  environments: [ production ]
  owner: group:default/payments-team
  items: [ { component: payments, type: code, to: 4.12.0, expectFrom: 4.11.2, strategy: canary } ]
";

/// Stands in for `ssh`: a host is a file.
const SSH: &str = "\
#!/bin/sh
# Usage: ssh -o BatchMode=yes deploy@HOST \"/opt/deploy/install 'COMPONENT' 'VERSION'\"
set -eu
host=${3#deploy@}
version=$(echo \"$4\" | sed \"s/.* '\\([^']*\\)'\\$/\\1/\")
echo \"$host $version\" >> state/deploys.log
echo \"$version\" > \"versions/$host.new\"
mv \"versions/$host.new\" \"versions/$host\"
";

fn checkout() -> Checkout {
    let project = Project::example("checkout");
    let path = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap());
    let project = project.with_variable("PATH", &path);
    let router = Haproxy::start(&HOSTS.map(|host| (host, 1)), "roundrobin");
    let hosts = Hosts::start(project.path(), router.socket("admin.sock"));
    let prometheus = Prometheus::scraping(hosts.port);
    project.write("bin/ssh", SSH);
    HOSTS.iter().for_each(|host| project.write(&format!("versions/{host}"), VERSION_BEFORE));
    project.write("state/bad", "");
    // What holds in November, and what belongs to the other targets.
    std::fs::remove_dir_all(project.path().join("calendar")).unwrap();
    std::fs::remove_dir_all(project.path().join("rehearsals")).unwrap();
    std::fs::remove_file(project.path().join("changes/checkout-3ds.yaml")).unwrap();
    project.write("changes/payments.yaml", CHANGE);
    let edit = |file: &str, edits: &[(&str, &str)]| {
        let mut text = project.read(file);
        for (from, to) in edits {
            assert!(text.contains(from), "{file} does not say `{from}`");
            text = text.replace(from, to);
        }
        project.write(file, &text);
    };
    let (url, socket, addresses) = (prometheus.url(), router.socket("admin.sock"), format!("http://127.0.0.1:{}/{{host}}/", hosts.port));
    edit(
        "glidepath.yaml",
        &[
            ("http://127.0.0.1:9090", &url),
            ("minBake: 3m", "minBake: 1s"),
            ("maxBake: 1h", "maxBake: 30s"),
            ("immediate, length: 2m", "immediate, length: 1s"),
            (
                "        - { name: short, length: 3m }\n        - { name: medium, length: 10m }\n        - { name: long, length: 45m, observe: true }\n",
                "",
            ),
        ],
    );
    let east = "    - { name: us-east, hosts: [ pay-1.us, pay-2.us ], router: { haproxy: { socket: /run/haproxy-us.sock, backend: payments } }, pair: eu-west }\n";
    edit(
        "catalog/targets.yaml",
        &[
            ("http://{host}:8080/", &addresses),
            ("[5m]", "[5s]"),
            ("/run/haproxy-eu.sock, backend: payments } }\n      pair: us-east\n", &format!("{socket}, backend: payments }} }}\n")),
            (east, ""),
            ("capacity: { replica: 320 requests/s }", "capacity: { replica: 1000000 requests/s }"),
        ],
    );
    Checkout { project, router, _prometheus: prometheus }
}

impl Checkout {
    fn versions(&self) -> [String; 3] {
        HOSTS.map(|host| version(self.project.path(), host))
    }

    fn weights(&self) -> [f64; 3] {
        HOSTS.map(|host| weight(&self.router.socket("admin.sock"), host))
    }

    /// Plans once figures are there; gives the plan's id.
    fn planned(&self) -> String {
        let mut said = String::new();
        crate::harness::wait_for("a plan with figures", || {
            said = self.project.say(&["plan", "payments", "--format", "json"]).out;
            said.contains("\"proportion\"")
        });
        let plan: serde_json::Value = serde_json::from_str(&said).unwrap();
        plan["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_canary_of_the_checkout_lands_and_a_bad_one_goes_back_from_one_host() {
    std::thread::scope(|scope| {
        scope.spawn(a_good_version_lands);
        scope.spawn(a_bad_version_goes_back);
    });
}

fn a_good_version_lands() {
    let good = checkout();
    let plan = good.planned();
    good.project.ok(&["run", &plan, "--yes"], 0);
    assert_eq!((good.versions(), good.weights()), ([VERSION_AFTER; 3].map(str::to_owned), [100.0; 3]));
}

fn a_bad_version_goes_back() {
    let bad = checkout();
    bad.project.write("state/bad", VERSION_AFTER);
    let plan = bad.planned();
    bad.project.ok(&["run", &plan, "--yes"], 1);
    assert_eq!((bad.versions(), bad.weights()), ([VERSION_BEFORE; 3].map(str::to_owned), [100.0; 3]));
    let deploys: Vec<String> = bad.project.read("state/deploys.log").lines().map(str::to_owned).collect();
    let host = deploys[0].split(' ').next().unwrap();
    assert_eq!(deploys, [format!("{host} {VERSION_AFTER}"), format!("{host} {VERSION_BEFORE}")], "more than one host got it");
    let judged = bad.project.events().iter().any(|event| event["event"]["kind"] == "gateClosed" && event["event"]["passed"] == false);
    assert!(judged, "it went back without a verdict");
}

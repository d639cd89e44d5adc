//! A concurrent baseline in flight: hosts that were just started fail more often for a while, whatever they run, and a real Prometheus counts it.

use crate::harness::Project;
use crate::measured::page_of;
use glidepath_testkit::servers::Prometheus;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const HOSTS: usize = 4;
/// Requests that each host answers between two pages, and time between them.
const REQUESTS: u64 = 400;
const BETWEEN: Duration = Duration::from_millis(200);
/// Of a hundred requests so many fail: on a host that has served for long, on one that was just started, and in a bad version on top.
const WARM: u64 = 1;
const COLD: u64 = 8;
const BAD: u64 = 24;

const SIGNALS: &str = "  strategies: [ canary ]
  traffic: 8000 requests/s
  capacity: { replica: 4000 requests/s }
  signals:
    split: { label: version, BASELINE }
    errors: { ratio: { bad: 'requests_total{code=\"500\"}', total: requests_total } }
";
const BASELINE: &str = "host: { label: host }, concurrentBaseline: true";

/// Counters of the hosts as a page of metrics, for as long as the test lasts.
fn serve(project: &Path, bad: u64) -> PathBuf {
    let (root, page) = (project.to_owned(), project.join("metrics"));
    let file = page.clone();
    std::thread::spawn(move || {
        let mut counted: BTreeMap<String, (usize, u64, u64)> = BTreeMap::new();
        let text = |path: String| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        loop {
            let (log, mut told) = (text("effects.log".to_owned()), String::from("# TYPE requests_total counter\n"));
            for host in (1..=HOSTS).map(|number| format!("shop-{number}")) {
                let version = text(format!("versions/{host}"));
                let starts = log.lines().filter(|line| line.split(' ').nth(1) == Some(&host)).count();
                let (known, all, failed) = counted.entry(host.clone()).or_default();
                if *known != starts {
                    // A process that was started counts from zero.
                    (*known, *all, *failed) = (starts, 0, 0);
                }
                let share = if starts == 0 { WARM } else { COLD } + if version.trim() == "2.0.0" { bad } else { 0 };
                *all += REQUESTS;
                *failed += REQUESTS * share / 100;
                for (code, count) in [("200", *all - *failed), ("500", *failed)] {
                    writeln!(told, "requests_total{{host=\"{host}\",version=\"{}\",code=\"{code}\"}} {count}", version.trim()).unwrap();
                }
            }
            let new = root.join("metrics.new");
            // The folder is gone when the test is over.
            if std::fs::write(&new, told).and_then(|()| std::fs::rename(&new, &file)).is_err() {
                return;
            }
            std::thread::sleep(BETWEEN);
        }
    });
    page
}

/// A flight: how it ended and what it said, its project, and what was deployed where, in order.
struct Flown {
    code: i32,
    words: String,
    project: Project,
    deployed: Vec<String>,
}

impl Flown {
    fn versions(&self) -> Vec<String> {
        (1..=HOSTS).map(|number| self.project.read(&format!("versions/shop-{number}")).trim().to_owned()).collect()
    }
}

/// Flies the upgrade of a fleet whose new version is bad or not.
fn flown(baseline: &str, bad: u64) -> Flown {
    let project = Project::fleet(&["shop"], HOSTS, 10);
    let prometheus = Prometheus::scraping(page_of(serve(project.path(), bad)));
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", prometheus.url());
    let config = project.read("glidepath.yaml").replace("maxBake: 10s", "maxBake: 60s");
    project.write("glidepath.yaml", &(config + &telemetry));
    let signals = SIGNALS.replace(", BASELINE", baseline);
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{signals}"));
    project.write("catalog/services.yaml", &catalog);
    crate::harness::wait_for("counters of every host", || prometheus.query("rate(requests_total[10s]) > 0").len() == 2 * HOSTS);
    let said = project.say(&["run", "upgrade", "--yes"]);
    let effects = std::fs::read_to_string(project.path().join("effects.log")).unwrap_or_default();
    let deployed = effects.lines().filter_map(|line| line.split_once(' ')).map(|(_, what)| what.to_owned()).collect();
    Flown { code: said.code, words: said.out + &said.err, project, deployed }
}

#[test]
fn a_good_version_is_not_blamed_for_cold_hosts_and_a_bad_one_is_still_found() {
    let beside = format!(", {BASELINE}");
    // Compared with hosts that have served for long, a good version fails for having been started.
    let whole = flown("", 0);
    assert_eq!((whole.code, whole.versions()), (1, vec!["1.0.0".to_owned(); HOSTS]), "{}", whole.words);
    // Compared with a host that was started when it was, it lands; that host is changed in its turn.
    let good = flown(&beside, 0);
    assert_eq!((good.code, good.versions()), (0, vec!["2.0.0".to_owned(); HOSTS]), "{}", good.words);
    let mut first = good.deployed[..2].to_vec();
    first.sort();
    assert_eq!(first, ["shop-1 2.0.0", "shop-2 1.0.0"], "{:?}", good.deployed);
    // A bad one is as cold, and worse.
    let bad = flown(&beside, BAD);
    assert_eq!((bad.code, bad.versions()), (1, vec!["1.0.0".to_owned(); HOSTS]), "{}", bad.words);
}

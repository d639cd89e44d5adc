//! Native histograms in flight: a real Prometheus takes them from hosts that run two versions, and the slow share of the new one decides.

use crate::harness::{Project, wait_for};
use glidepath_testkit::servers::{NativeSample, Prometheus};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOSTS: usize = 4;
/// Requests that each host answers between two samples, and time between them.
const REQUESTS: u64 = 400;
const BETWEEN: Duration = Duration::from_millis(200);
/// Of a hundred requests so many are answered within the bucket of the limit, from 0.2973 to 0.3242 s.
const OPEN: u64 = 1;
/// So many are slower, of the old version and of a good new one.
const SLOW: u64 = 3;
/// Numbers of the buckets at schema 3: far below the limit, around it, far above.
const BUCKETS: [i32; 3] = [-20, -13, -3];

const SIGNALS: &str = "  strategies: [ canary ]
  traffic: 8000 requests/s
  capacity: { replica: 4000 requests/s }
  signals:
    split: { label: version }
    slow: { above: { histogram: took_seconds, limit: 300ms } }
";

/// Writes what every host counted, by the version that it runs, until nobody holds the other end. A process that was started counts from zero.
fn count(root: &Path, prometheus: &Prometheus, slow_of_new: u64, until: &Receiver<()>) {
    let mut counted: BTreeMap<String, (String, [u64; 3])> = BTreeMap::new();
    while until.recv_timeout(BETWEEN) == Err(RecvTimeoutError::Timeout) {
        for host in (1..=HOSTS).map(|number| format!("shop-{number}")) {
            let Ok(version) = std::fs::read_to_string(root.join("versions").join(&host)) else { continue };
            let version = version.trim();
            let (runs, counts) = counted.entry(host.clone()).or_default();
            if runs != version {
                (*runs, *counts) = (version.to_owned(), [0; 3]);
            }
            let slow = if version == "2.0.0" { slow_of_new } else { SLOW };
            for (count, share) in counts.iter_mut().zip([100 - OPEN - slow, OPEN, slow]) {
                *count += REQUESTS * share / 100;
            }
            let sample = NativeSample { schema: 3, zero: 0, buckets: BUCKETS.into_iter().zip(*counts).collect() };
            let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
            let labels = [("__name__", "took_seconds"), ("host", &host), ("version", version)];
            prometheus.write_histogram(&labels, &sample, i64::try_from(at_ms).unwrap());
        }
    }
}

/// A flight: its code and words, the versions that it left, and the looks at its gates with their verdicts.
struct Flown {
    code: i32,
    words: String,
    versions: Vec<String>,
    looks: Vec<(String, String)>,
}

/// Flies the upgrade of a fleet, of whose new version so many of a hundred requests are slow.
fn flown(slow_of_new: u64) -> Flown {
    let project = Project::fleet(&["shop"], HOSTS, 10);
    let prometheus = Prometheus::with_native_histograms();
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", prometheus.url());
    let config = project.read("glidepath.yaml").replace("maxBake: 10s", "maxBake: 60s");
    project.write("glidepath.yaml", &(config + &telemetry));
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{SIGNALS}"));
    project.write("catalog/services.yaml", &catalog);
    let (alive, until) = channel();
    let (root, server) = (project.path(), &prometheus);
    let said = std::thread::scope(|scope| {
        scope.spawn(move || count(root, server, slow_of_new, &until));
        // However this ends, the writer ends with it.
        let _alive = alive;
        let grows = "histogram_count(rate(took_seconds[10s])) > 0";
        wait_for("histograms of every host", || server.query(grows).len() == HOSTS);
        project.say(&["run", "upgrade", "--yes"])
    });
    let events = project.events().into_iter().map(|event| event["event"].clone()).filter(|event| event["kind"] == "gateLooked");
    let text = |event: &serde_json::Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let looks = events.map(|event| (text(&event, "verdict"), text(&event, "line"))).collect();
    let versions = (1..=HOSTS).map(|number| project.read(&format!("versions/shop-{number}")).trim().to_owned()).collect();
    Flown { code: said.code, words: said.out + &said.err, versions, looks }
}

#[test]
fn a_good_version_lands_by_its_native_histogram_and_a_slow_one_is_turned_back() {
    let counted = |(_, line): &(String, String)| {
        line.contains("counted above 0.2973 s, the bound nearest to 300 ms, which lies in the bucket from 0.2973 to 0.3242 s")
    };
    let good = flown(SLOW);
    assert_eq!((good.code, good.versions), (0, vec!["2.0.0".to_owned(); HOSTS]), "{}\n{:#?}", good.words, good.looks);
    let passed = good.looks.iter().find(|look| look.0 == "noRegression" && counted(look)).unwrap_or_else(|| panic!("{:#?}", good.looks));
    // What the bucket of the limit holds is told of both sides.
    assert_eq!(passed.1.matches("(3.00 % to 4.00 % are slow)").count(), 2, "{}", passed.1);
    assert!(good.looks.iter().all(|(verdict, _)| verdict != "regression"), "{:#?}", good.looks);

    let slow = flown(30);
    assert_eq!((slow.code, slow.versions), (1, vec!["1.0.0".to_owned(); HOSTS]), "{}\n{:#?}", slow.words, slow.looks);
    let last = slow.looks.last().unwrap();
    assert!(last.0 == "regression" && counted(last), "{last:?}");
    assert!(last.1.contains("(30.00 % to 31.00 % are slow)") && last.1.contains("(3.00 % to 4.00 % are slow)"), "{last:?}");
}

//! Figures compared side against side: their noise is read from a real Prometheus when a plan is made.

use crate::harness::Project;
use glidepath_testkit::servers::Prometheus;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

const HOSTS: usize = 4;
const SIGNALS: &str = "  strategies: [ canary ]
  traffic: 4000 requests/s
  capacity: { replica: 2000 requests/s }
  signals:
    split: { label: version }
    errors: { ratio: { bad: 'requests_total{code=\"500\"}', total: requests_total } }
    values:
      - { name: p99 latency, query: 'avg(p99_seconds{{side}})', host: { label: instance, value: \"{host}:80\" }, every: 30s, margin: 1.5x }
      - { name: two series, query: 'p99_seconds{{side}}', host: { label: instance, value: \"{host}:80\" }, every: 30s }
";

/// Four hours of a latency of each host that scatters by some percent, and of counters of the version that runs.
fn history() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let times: Vec<u64> = (0..480).map(|at| now - 60 - (479 - at) * 30).collect();
    let mut text = String::from("# TYPE p99_seconds gauge\n");
    let mut noise = 1_u64;
    for host in 1..=HOSTS {
        for at in &times {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let scatter = (noise >> 40) as f64 / (1_u64 << 24) as f64 - 0.5;
            writeln!(text, "p99_seconds{{instance=\"shop-{host}:80\"}} {} {at}", 0.2 * (1.0 + 0.2 * scatter)).unwrap();
        }
    }
    text.push_str("# TYPE requests counter\n");
    for (code, each) in [("200", 990), ("500", 10)] {
        for (number, at) in times.iter().enumerate() {
            writeln!(text, "requests_total{{version=\"1.0.0\",code=\"{code}\"}} {} {at}", number * each).unwrap();
        }
    }
    text + "# EOF\n"
}

#[test]
fn the_noise_of_a_figure_is_learnt_from_the_hosts_that_run() {
    let server = Prometheus::with_history(&history());
    let project = Project::fleet(&["shop"], HOSTS, 10);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    let config = project.read("glidepath.yaml").replace("maxBake: 10s", "maxBake: 20m").replace("holdLimit: 30s", "holdLimit: 1h");
    project.write("glidepath.yaml", &(config + &telemetry));
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{SIGNALS}"));
    project.write("catalog/services.yaml", &catalog);
    let plan: Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    let checks = |name: &'static str| {
        let steps = plan["body"]["steps"].as_array().unwrap().iter();
        let all = steps.filter_map(|step| step["work"]["gate"]["checks"].as_array()).flatten().map(|check| &check["values"]);
        all.filter(|check| check["name"] == name).cloned().collect::<Vec<Value>>()
    };
    let compared = checks("p99 latency");
    assert!(!compared.is_empty(), "{:#}", plan["derived"]);
    for check in &compared {
        assert_eq!(check["canary"], "avg(p99_seconds{version=\"2.0.0\"})");
        let noise = &check["asked"]["noise"];
        // Even scatter of a width of 20 % has a deviation of 5.8 % on one host, and of 3.3 % in the mean of the three others.
        let sd = noise["sdLearnt"].as_f64().unwrap();
        assert!((0.05..0.1).contains(&sd), "{noise:#}");
        assert!(noise["points"].as_u64().unwrap() > 300, "{noise:#}");
    }
    assert!(checks("two series").is_empty());
    let found = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == 370).unwrap();
    assert!(found["message"].as_str().unwrap().contains("a figure is one"), "{found:#}");
}

/// Six hours of counters of four hosts: a host in a mood fails thrice as often for ten minutes; each in its turn where there are moods.
fn counters(moods: bool) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut text = String::from("# TYPE requests counter\n");
    let mut noise = 7_u64;
    for host in 0..HOSTS as u64 {
        let (mut good, mut bad) = (0, 0);
        let mut lines = [String::new(), String::new()];
        for minute in 0..370_u64 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Even scatter of the width of chance: a variance of 40 around 40.
            let scatter = (noise >> 33) % 23;
            let is_moody = moods && (minute / 10).is_multiple_of(4) && (minute / 40) % HOSTS as u64 == host;
            let more = (29 + scatter) * if is_moody { 3 } else { 1 };
            (good, bad) = (good + 4000 - more, bad + more);
            let at = now - (370 - minute) * 60;
            for (line, (code, count)) in lines.iter_mut().zip([("200", good), ("500", bad)]) {
                writeln!(line, "requests_total{{instance=\"shop-{}:80\",version=\"1.0.0\",code=\"{code}\"}} {count} {at}", host + 1)
                    .unwrap();
            }
        }
        text.push_str(&lines.concat());
    }
    text + "# EOF\n"
}

const SPLIT: &str = "  strategies: [ canary ]
  traffic: 266 requests/s
  capacity: { replica: 133 requests/s }
  signals:
    split: { label: version, host: { label: instance, value: \"{host}:80\" } }
    errors: { ratio: { bad: 'requests_total{code=\"500\"}', total: requests_total } }
";

/// What a plan knows of the noise of the counts, and the first judged stage that follows.
fn scatter_of(history: &str) -> (Value, Value, u64) {
    let server = Prometheus::with_history(history);
    let project = Project::fleet(&["shop"], HOSTS, 10);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    let config = project.read("glidepath.yaml").replace("maxBake: 10s", "maxBake: 6h").replace("holdLimit: 30s", "holdLimit: 12h");
    project.write("glidepath.yaml", &(config + &telemetry));
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{SPLIT}"));
    project.write("catalog/services.yaml", &catalog);
    let plan: Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    let steps = plan["body"]["steps"].as_array().unwrap().iter();
    let gates: Vec<&Value> = steps.map(|step| &step["work"]["gate"]).filter(|gate| gate["checks"][0]["proportion"].is_object()).collect();
    let first = gates.first().unwrap_or_else(|| panic!("{:#}", plan["alternatives"]));
    (first["checks"][0]["proportion"].clone(), plan["derived"].clone(), first["bakeMs"].as_u64().unwrap())
}

#[test]
fn the_noise_of_counts_is_learnt_from_the_hosts_that_run_and_lengthens_the_watch() {
    let (quiet, told, bake) = scatter_of(&counters(false));
    assert!((1.0..1.6).contains(&quiet["dispersion"].as_f64().unwrap()) && quiet["dispersionWindows"].as_u64() > Some(50), "{quiet:#}");
    assert!(told.to_string().contains("of hosts that run the same scatter 1"), "{told:#}");
    let (moody, told, longer) = scatter_of(&counters(true));
    assert!(moody["dispersion"].as_f64().unwrap() > 3.0, "{moody:#} {told:#}");
    assert!(longer > 2 * bake, "{longer} ms, and {bake} ms without moods");
}

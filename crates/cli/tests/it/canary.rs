//! A canary config of Kayenta in flight: its queries asked of a real Prometheus, its score at every look, and what is left of it after a kill.

use crate::harness::{Pace, Project, kill, wait_for};
use crate::measured::page_saying;
use glidepath_testkit::servers::Prometheus;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Metrics of the config; each is in a group of its own that weighs a quarter.
const METRICS: [&str; 4] = ["failed_percent", "latency_ms", "memory_mb", "queue_length"];

fn config() -> Value {
    let metric = |name: &str| {
        let query = match name {
            "latency_ms" => {
                json!({ "type": "prometheus", "customInlineTemplate": format!("PromQL:max({name}{{version=\"${{scope}}\",place=\"${{place}}\"}})") })
            }
            _ => json!({ "type": "prometheus", "metricName": name, "customFilterTemplate": "by version" }),
        };
        let canary = json!({ "direction": "increase", "critical": name == "failed_percent" });
        json!({ "name": name, "groups": [name], "query": query, "analysisConfigurations": { "canary": canary } })
    };
    json!({
        "name": "shop", "configVersion": "1", "applications": ["shop"], "judge": { "name": "NetflixACAJudge-v1.0", "judgeConfigurations": {} },
        "metrics": METRICS.map(metric),
        "templates": { "by version": "version=\"${scope}\"" },
        "classifier": { "groupWeights": {}, "scoreThresholds": { "pass": 95, "marginal": 60 } }
    })
}

const SIGNALS: &str = "  signals:
    split: { label: version }
    kayenta: { config: canary/shop.json, params: { place: here }, lifetime: 8s, interval: 2s, step: 1s }
";

/// Two hosts, and a Prometheus that scrapes the metrics of both versions, which scatter by a few percent.
fn fleet(hold_limit: &'static str) -> (Project, Prometheus) {
    let project = Project::fleet(&["shop"], 2, 10);
    project.pace(&Pace { min_bake: "1s", hold_limit, window: "1s" });
    let levels = project.path().join("levels");
    let page = page_saying(move || scattered(&std::fs::read_to_string(&levels).unwrap_or_default()));
    let prometheus = Prometheus::scraping(page);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", prometheus.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{SIGNALS}"));
    project.write("catalog/services.yaml", &catalog);
    project.write("canary/shop.json", &config().to_string());
    are_worse(&project, &[], &METRICS);
    wait_for("a first scrape", || prometheus.query("latency_ms").len() == 2);
    (project, prometheus)
}

/// The page of these levels at this moment.
fn scattered(levels: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let mut page = String::new();
    for (at, line) in levels.lines().enumerate() {
        let (series, level) = line.rsplit_once(' ').unwrap();
        let scatter = 1.0 + 0.03 * f64::from((nanos / 1000 + 7919 * at as u32) % 1000) / 1000.0;
        writeln!(page, "{series} {}", level.parse::<f64>().unwrap() * scatter).unwrap();
    }
    page
}

/// Sets in which of its metrics the new version is half as bad again; it has only those that are `seen`.
fn are_worse(project: &Project, worse: &[&str], seen: &[&str]) {
    let mut levels = String::new();
    for metric in METRICS {
        writeln!(levels, "{metric}{{version=\"1.0.0\",place=\"here\"}} 20").unwrap();
        if seen.contains(&metric) {
            writeln!(levels, "{metric}{{version=\"2.0.0\",place=\"here\"}} {}", if worse.contains(&metric) { 30 } else { 20 }).unwrap();
        }
    }
    project.write("levels.new", &levels);
    std::fs::rename(project.path().join("levels.new"), project.path().join("levels")).unwrap();
}

/// The looks of the newest run: verdict, line, and how many looks of the config were made by then.
fn looks(project: &Project) -> Vec<(String, String, u64)> {
    let events = project.events().into_iter().map(|event| event["event"].clone()).filter(|event| event["kind"] == "gateLooked");
    let made = |event: &Value| {
        let checks = event["state"]["checks"].as_array().into_iter().flatten();
        checks.filter_map(|check| check["canary"]["behind"].as_u64()).next()
    };
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    events.filter_map(|event| Some((text(&event, "verdict"), text(&event, "line"), made(&event)?))).collect()
}

fn versions(project: &Project) -> [String; 2] {
    ["shop-1", "shop-2"].map(|host| project.read(&format!("versions/{host}")).trim().to_owned())
}

#[test]
fn a_good_version_lands_after_the_last_look_and_a_bad_one_is_taken_back() {
    let (project, prometheus) = fleet("40s");
    project.ok(&["run", "upgrade", "--yes"], 0);
    let seen = looks(&project);
    assert!(seen.iter().any(|(verdict, line, made)| verdict == "undecided" && *made == 1 && line.contains("goes on")), "{seen:#?}");
    let passed = |look: &(String, String, u64)| {
        look.2 == 4 && look.1.contains("canary config shop: look 4 of 4: score 100, 95 passes: no regression")
    };
    assert!(seen.iter().any(passed), "{seen:#?}");
    assert_eq!(versions(&project), ["2.0.0", "2.0.0"]);
    for host in ["shop-1", "shop-2"] {
        project.write(&format!("versions/{host}"), "1.0.0\n");
    }
    are_worse(&project, &["failed_percent"], &METRICS);
    wait_for("the bad version in Prometheus", || prometheus.query("failed_percent > 29").len() == 1);
    project.ok(&["run", "upgrade", "--yes"], 1);
    let seen = looks(&project);
    let (verdict, line, made) = seen.last().unwrap();
    assert!(verdict == "regression" && line.contains("failed_percent is critical") && *made < 4, "{seen:#?}");
    assert_eq!(versions(&project), ["1.0.0", "1.0.0"]);
}

#[test]
fn metrics_that_the_new_version_does_not_have_are_no_pass() {
    let (project, prometheus) = fleet("14s");
    are_worse(&project, &[], &METRICS[..2]);
    wait_for("the metrics to be gone", || prometheus.query("memory_mb").len() == 1);
    assert_ne!(project.say(&["run", "upgrade", "--yes"]).code, 0);
    let seen = looks(&project);
    assert!(seen.iter().all(|(verdict, ..)| verdict == "undecided"), "{seen:#?}");
    assert!(seen.last().unwrap().1.contains("nothing is known of memory_mb, queue_length"), "{seen:#?}");
    assert_eq!(versions(&project), ["1.0.0", "1.0.0"]);
}

#[test]
fn the_last_look_reaches_back_to_the_beginning_after_the_owner_was_killed() {
    let (project, prometheus) = fleet("60s");
    are_worse(&project, &["memory_mb"], &METRICS);
    wait_for("the bad version in Prometheus", || prometheus.query("memory_mb > 29").len() == 1);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    let made = || looks(&project).last().map_or(0, |look| look.2);
    wait_for("a first look", || made() >= 1);
    project.processes_of("__guard").into_iter().chain(project.owner()).for_each(kill);
    let _ = run.wait();
    let before = made();
    let mut again = project.start(&["resume", &project.run_id()]);
    wait_for("the run to end", || !project.is_live());
    let _ = again.wait();
    let seen = looks(&project);
    let (verdict, line, made) = seen.last().unwrap();
    assert!(verdict == "regression" && line.contains("the last look needs 95"), "{before} looks before the kill: {seen:#?}");
    assert_eq!(*made, 4, "{seen:#?}");
    assert!(seen.windows(2).all(|pair| pair[1].2 >= pair[0].2), "no look is made twice: {seen:#?}");
    assert_eq!(versions(&project), ["1.0.0", "1.0.0"]);
}

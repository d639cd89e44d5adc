//! History of an objective that is new, from counters that a real Prometheus has kept, beside what `slo` says of the same time.

use crate::harness::Project;
use glidepath_testkit::servers::Prometheus;
use serde_json::Value;
use std::fmt::Write;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// As near as what was recorded must come to what is counted exactly.
const NEAR: f64 = 1e-6;

const OBJECTIVE: &str = r#"apiVersion: openslo/v1
kind: SLO
metadata: { name: answers }
spec:
  service: front
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: { metricSource: { spec: { query: 'hits_total{app="front",code="500"}' } } }
        total: { metricSource: { spec: { query: 'hits_total{app="front"}' } } }
  timeWindow: [ { duration: 30d, isRolling: true } ]
  budgetingMethod: Occurrences
  objectives: [ { target: 0.99 } ]
"#;

/// A hundred requests a minute for 29 days, of which one fails, and twelve since ten hours ago.
fn history(now: i64) -> String {
    let mut text = "# TYPE hits counter\n".to_owned();
    for (code, usual, since) in [("200", 99, 88), ("500", 1, 12)] {
        let mut value = 1_000;
        for at in (now - 29 * DAY..=now).step_by(MINUTE as usize) {
            writeln!(text, "hits_total{{app=\"front\",code=\"{code}\"}} {value} {at}").unwrap();
            value += if at < now - 10 * HOUR { usual } else { since };
        }
    }
    text + "# EOF\n"
}

fn only(server: &Prometheus, query: &str) -> f64 {
    let found = server.query(query);
    let [(_, value)] = found.as_slice() else { panic!("{query}: {found:?}") };
    *value
}

#[test]
fn the_history_of_a_new_objective_agrees_with_what_is_counted_exactly() {
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let now = now - now.rem_euclid(5 * MINUTE);
    let (counters, project) = (Prometheus::with_history(&history(now)), Project::fleet(&["front"], 1, 10));
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", counters.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    project.write("slo/front.yaml", OBJECTIVE);
    let at = glidepath_model::Timestamp::from_micros(now * 1_000_000).to_string();

    let said = project.ok(&["slo", "backfill", "answers", "--at", &at, "--out", "history.om"], 0);
    // Of the first day there is nothing, nor of the minutes before a slice has two samples.
    assert!(said.err.contains("warning[GP0706]: nothing could be computed for answers in 144"), "{}", said.err);
    assert!(said.err.contains("wrote blocks to history.blocks"), "{}", said.err);
    assert!(std::fs::read_dir(project.path().join("history.blocks")).unwrap().count() > 0);

    let recorded = Prometheus::with_history(&project.read("history.om"));
    let told: Value = serde_json::from_str(&project.ok(&["slo", "answers", "--at", &at, "--format", "json"], 0).out).unwrap();
    let told = &told["objectives"][0];
    let sum = |what: &str| only(&recorded, &format!("sum_over_time(slo:{what}:increase5m{{slo=\"answers\"}}[2591970s:5m] @ {now})"));
    let (share, exact) = (sum("bad") / sum("total"), told["badShare"].as_f64().unwrap());
    assert!((share - exact).abs() < NEAR, "{share} and {exact}");
    for (window, hours) in [("1h", 1), ("6h", 6), ("1d", 24), ("3d", 72)] {
        let burn = only(&recorded, &format!("slo:burn:ratio{{slo=\"answers\",window=\"{window}\"}} @ {now}"));
        let exact = told["burn"].as_array().unwrap().iter().find(|burn| burn["windowMs"] == hours * HOUR * 1_000).unwrap()["burn"]
            .as_f64()
            .unwrap();
        assert!((burn - exact).abs() < NEAR, "{window}: {burn} and {exact}");
    }
    // What is added up here is what the rules would add up.
    let by_rule = format!(
        "sum_over_time(slo:bad:increase5m{{slo=\"answers\"}}[86370s:5m] @ {now}) / sum_over_time(slo:total:increase5m{{slo=\"answers\"}}[86370s:5m] @ {now}) / 0.01"
    );
    let (by_rule, written) =
        (only(&recorded, &by_rule), only(&recorded, &format!("slo:burn:ratio{{slo=\"answers\",window=\"1d\"}} @ {now}")));
    assert!((by_rule - written).abs() < NEAR, "{by_rule} and {written}");
}

#[test]
fn what_has_no_rules_or_no_series_has_no_history() {
    let server = Prometheus::with_history("# TYPE hits counter\nhits_total{app=\"other\"} 1 1764370000\n# EOF\n");
    let project = Project::fleet(&["front"], 1, 10);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    project.write("slo/front.yaml", OBJECTIVE);
    let said = project.ok(&["slo", "backfill", "answers"], 5);
    assert!(said.err.contains("error[GP0697]: nothing is known of answers"), "{}", said.err);
    assert!(!project.path().join("slo-answers.om").exists());
    let said = project.ok(&["slo", "backfill", "unheard-of"], 2);
    assert!(said.err.contains("error[GP0696]: there is no objective `unheard-of`"), "{}", said.err);
    project.write(
        "slo/front.yaml",
        &OBJECTIVE
            .replace("budgetingMethod: Occurrences", "budgetingMethod: RatioTimeslices")
            .replace("target: 0.99", "target: 0.99, timeSliceWindow: 5m"),
    );
    let said = project.ok(&["slo", "backfill", "answers"], 2);
    assert!(said.err.contains("error[GP0698]: no rules for answers: it counts by RatioTimeslices"), "{}", said.err);
}

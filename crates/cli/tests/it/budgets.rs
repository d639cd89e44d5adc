//! Error budgets of a real Prometheus with history, against the truth that the history was made from; and the rules that are written for it.

use crate::harness::Project;
use glidepath_model::Timestamp;
use glidepath_testkit::servers::Prometheus;
use serde_json::Value;
use std::fmt::Write;
use std::process::Command;

/// Seconds between two samples.
const STEP: i64 = 30;
/// The history begins before March and ends well after the clocks of Berlin went forward on the 29th.
const FROM: &str = "2026-02-25T00:00:00Z";
const TO: &str = "2026-04-10T00:00:00Z";

/// Objectives on the same two counters, one for each method and kind of period, and one on a value.
const OBJECTIVES: &str = r#"
---
apiVersion: openslo/v1
kind: SLI
metadata: { name: errors }
spec: { ratioMetric: { counter: true, bad: { metricSource: { spec: { query: 'hits_total{app="shop",code=~"5.."}' } } }, total: { metricSource: { spec: { query: 'sum(rate(hits_total{app="shop"}[5m]))' } } } } }
---
apiVersion: openslo/v1
kind: SLI
metadata: { name: good }
spec: { ratioMetric: { counter: true, good: { metricSource: { spec: { query: 'hits_total{app="shop",code="200"}' } } }, total: { metricSource: { spec: { query: 'hits_total{app="shop"}' } } } } }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: occurrences }
spec: { service: shop, indicatorRef: errors, timeWindow: [ { duration: 30d } ], budgetingMethod: Occurrences, objectives: [ { target: 0.99 } ] }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: from-good }
spec: { service: shop, indicatorRef: good, timeWindow: [ { duration: 30d } ], budgetingMethod: Occurrences, objectives: [ { target: 0.99 } ] }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: month }
spec:
  service: shop
  indicatorRef: errors
  timeWindow: [ { duration: 1M, calendar: { startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin } } ]
  budgetingMethod: Occurrences
  objectives: [ { target: 0.99 } ]
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: slices }
spec: { service: shop, indicatorRef: errors, timeWindow: [ { duration: 30d } ], budgetingMethod: Timeslices, objectives: [ { target: 0.6, timeSliceTarget: 0.99, timeSliceWindow: 10m } ] }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: ratios }
spec: { service: shop, indicatorRef: errors, timeWindow: [ { duration: 7d } ], budgetingMethod: RatioTimeslices, objectives: [ { target: 0.98, timeSliceWindow: 2m } ] }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: queue }
spec:
  service: shop
  indicator: { spec: { thresholdMetric: { metricSource: { spec: { query: queue_length } } } } }
  timeWindow: [ { duration: 7d } ]
  objectives: [ { op: lt, value: 50, target: 0.5 } ]
"#;

fn seconds(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().as_micros() / 1_000_000
}

/// What happened in the step that ended at each sample.
struct Truth {
    /// Sample times, in seconds.
    at: Vec<i64>,
    good: Vec<u32>,
    bad: Vec<u32>,
}

impl Truth {
    fn of_spring() -> Self {
        let at: Vec<i64> = (seconds(FROM)..=seconds(TO)).step_by(STEP as usize).collect();
        // More by day than by night, and a wave of failures every third hour; nothing fails in the first two days.
        let mixed = |at: i64| (at / STEP).wrapping_mul(2_654_435_761).rem_euclid(97) as u32;
        let good = at.iter().map(|at| 20 + mixed(*at) * u32::from(at % 86_400 > 25_000)).collect();
        let fails = |at: i64| at > seconds(FROM) + 172_800 && at / 3600 % 3 == 0;
        let bad = at.iter().map(|at| if fails(*at) { mixed(at + 7) % 5 } else { 0 }).collect();
        Self { at, good, bad }
    }

    /// Counters of two processes: the second takes over in the middle, between two edges of slices, and each restarts now and then.
    fn history(&self) -> String {
        let mut text = "# TYPE hits counter\n".to_owned();
        let half = self.at.len() / 2 + 3;
        let steps: Vec<(usize, i64)> = self.at.iter().copied().enumerate().collect();
        for (code, grown) in [("200", &self.good), ("500", &self.bad)] {
            for (pod, part) in [("a", &steps[..half]), ("b", &steps[half..])] {
                // The first process ran before anybody looked; what fails first appears with its first failure.
                let mut value = if (pod, code) == ("a", "200") { 1_000_000_u64 } else { 0 };
                for (index, at) in part {
                    let step = u64::from(grown[*index]) * u64::from(*index > 0);
                    value = if index % 5437 == 5436 { step } else { value + step };
                    if code == "200" || value > 0 || index % 5437 == 5436 {
                        writeln!(text, "hits_total{{app=\"shop\",pod=\"{pod}\",code=\"{code}\"}} {value} {at}").unwrap();
                    }
                }
            }
        }
        text.push_str("# TYPE queue_length gauge\n");
        for (_, at) in &steps {
            writeln!(text, "queue_length{{app=\"shop\"}} {} {at}", queue(*at)).unwrap();
        }
        text + "# EOF\n"
    }

    /// Bad and all after one time, up to and with another.
    fn counts(&self, from: i64, to: i64) -> (f64, f64) {
        let within = self.at.iter().enumerate().filter(|(_, at)| from < **at && **at <= to).map(|(index, _)| index);
        within.fold((0.0, 0.0), |(bad, all), index| {
            (bad + f64::from(self.bad[index]), all + f64::from(self.bad[index]) + f64::from(self.good[index]))
        })
    }
}

fn queue(at: i64) -> i64 {
    at / 60 % 60
}

fn shop(server: &Prometheus) -> Project {
    let project = Project::fleet(&["shop"], 1, 10);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    project.write("slo/shop.yaml", OBJECTIVES.trim_start_matches("\n---\n"));
    project
}

fn near(is: &Value, wanted: f64, what: &str) {
    let is = is.as_f64().unwrap_or_else(|| panic!("{what}: {is}"));
    assert!((is - wanted).abs() <= 1e-6 * wanted.abs().max(1e-3), "{what}: {is} was read, {wanted} is true");
}

#[test]
fn budgets_are_true_to_a_millionth_over_a_change_of_clocks() {
    let truth = Truth::of_spring();
    let server = Prometheus::with_history(&truth.history());
    let project = shop(&server);
    let now = seconds("2026-04-09T12:00:00Z");
    let began = std::time::Instant::now();
    let answer: Value = serde_json::from_str(&project.ok(&["slo", "--at", "2026-04-09T12:02:17Z", "--format", "json"], 0).out).unwrap();
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let of = |name: &str| answer["objectives"].as_array().unwrap().iter().find(|o| o["name"] == name).unwrap().clone();

    let (bad, all) = truth.counts(now - 30 * 86_400, now);
    for name in ["occurrences", "from-good"] {
        let objective = of(name);
        near(&objective["counts"]["bad"], bad, name);
        near(&objective["counts"]["total"], all, name);
        near(&objective["remaining"], 1.0 - bad / all / 0.01, name);
        for (at, hours) in [1, 6, 24, 72].into_iter().enumerate() {
            let (bad, all) = truth.counts(now - hours * 3600, now);
            near(&objective["burn"][at]["burn"], bad / all / 0.01, name);
        }
        assert_eq!(objective["burnByHour"].as_array().unwrap().len(), 24);
    }

    // April began when it was 22:00 in UTC, and it is 8 days and 14 hours old.
    let (begin, end) = (seconds("2026-03-31T22:00:00Z"), seconds("2026-04-30T22:00:00Z"));
    let (bad, all) = truth.counts(begin, now);
    let month = of("month");
    assert_eq!((&month["period"]["from"], &month["period"]["to"]), (&"2026-03-31T22:00:00Z".into(), &"2026-04-30T22:00:00Z".into()));
    near(&month["remaining"], 1.0 - bad / all / 0.01 * (now - begin) as f64 / (end - begin) as f64, "month");

    let slices: Vec<(f64, f64)> = (0..30 * 144).map(|slice| truth.counts_of(now - 30 * 86_400 + slice * 600, 600)).collect();
    let bad = slices.iter().filter(|(bad, all)| bad / all > 0.01).count() as f64;
    near(&of("slices")["remaining"], 1.0 - bad / slices.len() as f64 / 0.4, "slices");

    // The last slice of two minutes that was over ended two minutes later than that of five.
    let ratios: Vec<f64> =
        (0..7 * 720).map(|slice| truth.counts_of(now + 120 - 7 * 86_400 + slice * 120, 120)).map(|(bad, all)| bad / all).collect();
    near(&of("ratios")["badShare"], ratios.iter().sum::<f64>() / ratios.len() as f64, "ratios");

    // A value each minute, on the minute, of which 10 in 60 are too high.
    near(&of("queue")["badShare"], 1.0 / 6.0, "queue");

    // March had an hour less than 31 days.
    let answer: Value =
        serde_json::from_str(&project.ok(&["slo", "month", "--at", "2026-03-31T22:00:00Z", "--format", "json"], 0).out).unwrap();
    let month = &answer["objectives"][0];
    let (begin, end) = (seconds("2026-02-28T23:00:00Z"), seconds("2026-03-31T22:00:00Z"));
    let (bad, all) = truth.counts(begin, end);
    assert_eq!(month["period"]["lengthMs"], 743 * 3_600_000_i64);
    near(&month["remaining"], 1.0 - bad / all / 0.01, "March");

    let told = project.ok(&["slo", "--at", "2026-04-09T12:02:17Z"], 0).out;
    assert!(told.contains("occurrences") && told.contains("30 d rolling") && told.lines().count() >= 9, "{told}");
    let one = project.ok(&["slo", "month", "--at", "2026-04-09T12:02:17Z"], 0).out;
    assert!(one.contains("Wed 2026-04-01 00:00 CEST to Fri 2026-05-01 00:00 CEST"), "{one}");
}

impl Truth {
    /// The same for one slice, by its place among the samples.
    fn counts_of(&self, from: i64, length: i64) -> (f64, f64) {
        let index = |at: i64| usize::try_from((at - self.at[0]) / STEP).unwrap();
        let steps = index(from) + 1..=index(from + length);
        let sum = |of: &[u32]| of[steps.clone()].iter().copied().map(f64::from).sum::<f64>();
        (sum(&self.bad), sum(&self.bad) + sum(&self.good))
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_never_a_full_budget() {
    let server = Prometheus::with_history("# TYPE up gauge\nup 1 1775000000\n# EOF\n");
    let project = shop(&server);
    let answer = project.ok(&["slo", "occurrences", "--at", "2026-04-09T12:00:00Z"], 5);
    assert!(
        answer.err.contains(
            "error[GP0697]: nothing is known of the budget of occurrences: `hits_total{app=\"shop\"}` has no series over the period"
        ),
        "{}",
        answer.err
    );
    assert!(!answer.out.contains("healthy"), "{}", answer.out);
    let unknown = project.ok(&["slo", "occurences"], 2);
    assert!(unknown.err.contains("error[GP0696]: there is no objective `occurences`"), "{}", unknown.err);
    let table = project.ok(&["slo", "--at", "2026-04-09T12:00:00Z"], 5).out;
    assert!(table.lines().skip(1).take(6).all(|line| line.contains("unknown")), "{table}");
}

fn promtool(words: &[&str], project: &Project) -> String {
    let output =
        Command::new("promtool").args(words).current_dir(project.path()).output().expect("promtool comes with Debian's package prometheus");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {}: {text}", words.join(" "));
    text
}

/// Rules under test: 100 events a minute, of which 3 % fail for good after two hours. Every minute of the third hour is maintenance.
const RULE_TESTS: &str = r#"
rule_files: [ rules.yaml ]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'hits_total{app="shop",code="200"}', values: '0+100x120 12097+97x240' }
      - { series: 'hits_total{app="shop",code="503"}', values: '_x121 3+3x240' }
    promql_expr_test:
      # Nothing has failed yet: none, and not unknown.
      - { expr: 'slo:bad:increase5m{slo="occurrences"}', eval_time: 90m, exp_samples: [ { labels: 'slo:bad:increase5m{slo="occurrences",component="shop"}', value: 0 } ] }
      - { expr: 'slo:burn:ratio{slo="occurrences",window="1h"}', eval_time: 120m, exp_samples: [ { labels: 'slo:burn:ratio{slo="occurrences",component="shop",window="1h"}', value: 0 } ] }
      # An hour of failures: 3 % of a budget of 1 %.
      - { expr: 'round(slo:burn:ratio{slo="occurrences",window="1h"}, 0.0001)', eval_time: 240m, exp_samples: [ { labels: '{slo="occurrences",component="shop",window="1h"}', value: 3 } ] }
      # All of it was maintenance for the other.
      - { expr: 'slo:burn:ratio{slo="month",window="5m"}', eval_time: 150m, exp_samples: [] }
      - { expr: 'round(slo:burn:ratio{slo="month",window="5m"}, 0.0001)', eval_time: 200m, exp_samples: [ { labels: '{slo="month",component="shop",window="5m"}', value: 3 } ] }
    alert_rule_test:
      - { alertname: SloBurn, eval_time: 120m, exp_alerts: [] }
      - alertname: SloBurn
        eval_time: 290m
        exp_alerts:
          - { exp_labels: { slo: occurrences, component: shop, window: 1h, severity: page, policy: fast, targets: pager }, exp_annotations: { summary: 'occurrences burns its error budget 2 times as fast as it lasts, over 1 h' } }
          - { exp_labels: { slo: from-good, component: shop, window: 3d, severity: ticket }, exp_annotations: { summary: 'from-good burns its error budget more than 1.0 times as fast as it lasts: 10 % of it within 3 d' } }
          - { exp_labels: { slo: month, component: shop, window: 3d, severity: ticket }, exp_annotations: { summary: 'month burns its error budget more than 1.0 times as fast as it lasts: 10 % of it within 3 d' } }
"#;

#[test]
fn rules_pass_promtool_and_burn_as_they_should() {
    let server = Prometheus::with_history("# TYPE up gauge\nup 1 1775000000\n# EOF\n");
    let project = shop(&server);
    let alerts = "budgetingMethod: Occurrences, alertPolicies: [ { kind: AlertPolicy, metadata: { name: fast }, spec: { conditions: [ { spec: { severity: page, condition: { threshold: 2, lookbackWindow: 1h } } } ], notificationTargets: [ { spec: { target: pager } } ] } } ], objectives: [ { target: 0.99 } ] }";
    let text = OBJECTIVES.trim_start_matches("\n---\n");
    let text = text.replacen("budgetingMethod: Occurrences, objectives: [ { target: 0.99 } ] }", alerts, 1);
    let text =
        text.replace("metadata: { name: month }", "metadata: { name: month, annotations: { glidepath.dev/maintenance: third-hour } }");
    project.write("slo/shop.yaml", &text);
    project.write(
        "calendar/maintenance.yaml",
        "apiVersion: glidepath.dev/v1\nkind: Calendar\nmetadata: { name: third-hour }\nspec:\n  timeZone: UTC\n  windows: [ { name: night, days: [ thu ], from: \"02:00\", to: \"03:00\" } ]\n",
    );
    // Tests of rules begin in 1970, on a Thursday.
    let said = project.ok(&["slo", "rules", "--at", "1970-01-01T00:00:00Z", "--out", "rules.yaml"], 0);
    for (name, why) in [
        ("queue", "it is no ratio of two counters"),
        ("slices", "it counts by Timeslices, and rules count events"),
        ("ratios", "it counts by RatioTimeslices, and rules count events"),
    ] {
        assert!(said.err.contains(&format!("warning[GP0698]: no rules for {name}: {why}")), "{}", said.err);
    }
    let checked = promtool(&["check", "rules", "rules.yaml"], &project);
    assert!(checked.contains("SUCCESS"), "{checked}");
    project.write("tests.yaml", RULE_TESTS);
    promtool(&["test", "rules", "tests.yaml"], &project);
}

//! Judges on series in files.

use crate::harness::Project;
use serde_json::{Value, json};

/// A row for each of `moments` minutes, as `row` writes it after the time.
fn csv(columns: &str, moments: u32, row: impl Fn(u32) -> String) -> String {
    let rows: String = (0..moments).map(|i| format!("{},{}\n", i * 60, row(i))).collect();
    format!("time,{columns}\n{rows}")
}

fn counts(moments: u32, bad: u32) -> String {
    csv("metric,good,bad", moments, |i| format!("errors,{},{}", 2000 - bad, bad + i % 3))
}

fn values(moments: u32, metric: &str, level: f64) -> String {
    csv("metric,value", moments, |i| format!("{metric},{}", level + f64::from(i * 7 % 11)))
}

fn with(baseline: &str, canary: &str) -> Project {
    let project = Project::empty();
    project.write("old.csv", baseline);
    project.write("new.csv", canary);
    project
}

fn judged(project: &Project, judge: &[&str], code: i32) -> Value {
    let mut words = vec!["judge", "--baseline", "old.csv", "--canary", "new.csv", "--format", "json"];
    words.extend(judge);
    serde_json::from_str(&project.ok(&words, code).out).unwrap()
}

#[test]
fn counts_are_judged_as_gates_judge_them() {
    let project = with(&counts(30, 20), &counts(30, 100));
    let answer = judged(&project, &[], 3);
    assert_eq!((&answer["judge"], &answer["verdict"]), (&json!("sequential"), &json!("regression")));
    let metric = &answer["metrics"][0];
    assert_eq!(
        (&metric["verdict"], &metric["reasonCode"], &metric["looks"]),
        (&json!("regression"), &json!("effect_above_limit"), &json!(30))
    );
    let (effect, low, high) =
        (metric["effect"].as_f64().unwrap(), metric["interval"]["low"].as_f64().unwrap(), metric["interval"]["high"].as_f64().unwrap());
    assert!(low < effect && effect < high && (4.0..6.0).contains(&effect), "{metric}");
    assert_eq!(metric["n"]["canary"], json!(60_030));
    let human = project.ok(&["judge", "--baseline", "old.csv", "--canary", "new.csv"], 3).out;
    assert!(human.starts_with("REGRESSION: worse in errors\n  errors  regression     bad requests of errors 5 % against 1"), "{human}");

    assert_eq!(judged(&with(&counts(60, 40), &counts(60, 40)), &[], 0)["verdict"], json!("noRegression"));
    assert_eq!(judged(&with(&counts(1, 1), &counts(1, 1)), &[], 4)["metrics"][0]["reasonCode"], json!("not_enough_evidence"));
}

#[test]
fn what_cannot_be_judged_never_passes() {
    // Values need a history.
    let project = with(&values(60, "p99", 200.0), &values(60, "p99", 200.0));
    let answer = judged(&project, &[], 4);
    assert_eq!((&answer["metrics"][0]["reasonCode"], &answer["findings"][0]["code"]), (&json!("no_history"), &json!(695)));

    // No traffic, moments of one side only, nothing measured.
    let none = csv("metric,good,bad", 60, |_| "errors,0,0".to_owned());
    assert_eq!(judged(&with(&counts(60, 40), &none), &[], 4)["metrics"][0]["reasonCode"], json!("no_traffic"));
    let later = counts(60, 40).replace("\n", "\n9");
    let later = later.trim_end_matches('9').to_owned();
    let answer = judged(&with(&counts(60, 40), &later), &[], 4);
    assert!(answer["metrics"][0]["reason"].as_str().unwrap().ends_with("moments have data on one side only, or on none"), "{answer}");
    let dark = csv("metric,value", 60, |_| "p99,NaN".to_owned());
    for judge in ["sequential", "kayenta"] {
        assert_eq!(judged(&with(&dark, &dark), &["--judge", judge], 4)["verdict"], json!("undecided"), "{judge}");
    }
    let infinite = csv("metric,value", 60, |_| "p99,+Inf".to_owned());
    let answer = judged(&with(&values(60, "p99", 200.0), &infinite), &["--judge", "kayenta"], 4);
    assert_eq!(answer["metrics"][0]["reasonCode"], json!("not_testable"));

    // One side lacks a metric that the other has.
    let both = counts(60, 40) + counts(60, 40).replace("errors", "slow").split_once('\n').unwrap().1;
    let answer = judged(&with(&both, &counts(60, 40)), &[], 4);
    assert_eq!((&answer["metrics"][1]["reasonCode"], &answer["findings"][0]["code"]), (&json!("one_side_only"), &json!(692)));
}

/// Noise that looks like some, the same each time: a row of numbers between -0.5 and 0.5.
fn noise(seed: u32) -> impl Fn(u32) -> f64 {
    move |i| {
        let mixed = (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
        f64::from((mixed ^ (mixed >> 15)) % 10_000) / 10_000.0 - 0.5
    }
}

/// Minutes of a metric that scatters by a tenth or so around a level.
fn noisy(columns: &str, after: &str, moments: u32, level: f64, seed: u32) -> String {
    let noise = noise(seed);
    csv(columns, moments, |i| format!("p99,{}{after}", level * (1.0 + 0.3 * noise(i))))
}

/// A day of two halves.
fn history() -> String {
    let half = |half: &str, seed| noisy("metric,value,half", &format!(",{half}"), 1440, 200.0, seed);
    half("canary", 1) + half("baseline", 2).split_once('\n').unwrap().1
}

#[test]
fn values_are_judged_against_the_noise_of_their_history() {
    let watch = |level, seed| noisy("metric,value", "", 60, level, seed);
    let project = with(&watch(200.0, 3), &watch(300.0, 4));
    project.write("history.csv", &history());
    let words = ["--history", "history.csv"];
    let answer = judged(&project, &words, 3);
    let metric = &answer["metrics"][0];
    assert_eq!(
        (&metric["reasonCode"], &metric["effectIs"], &metric["looks"]),
        (&json!("effect_above_limit"), &json!("ratioOfValues"), &json!(60))
    );
    let (effect, low) = (metric["effect"].as_f64().unwrap(), metric["interval"]["low"].as_f64().unwrap());
    assert!((1.4..1.6).contains(&effect) && low > 1.3, "{metric}");
    assert!(metric["reason"].as_str().unwrap().contains("learnt from 1440 points: regression, 1 % false alarms allowed"), "{metric}");

    project.write("new.csv", &watch(200.0, 4));
    assert_eq!(judged(&project, &words, 0)["metrics"][0]["reasonCode"], json!("within_margin"));
    // A gap at the end is no pass, and one in the middle is a look without a value.
    let gap = watch(200.0, 4)
        .lines()
        .enumerate()
        .filter(|(line, _)| !(20..25).contains(line))
        .map(|(_, line)| format!("{line}\n"))
        .collect::<String>();
    project.write("new.csv", &gap);
    let answer = judged(&project, &words, 0);
    assert_eq!(answer["metrics"][0]["n"]["canary"], json!(55));

    // A way in which values are worse can be told.
    project.write("new.csv", &watch(120.0, 4));
    assert_eq!(judged(&project, &words, 3)["verdict"], json!("regression"));
    project.write("up.json", &json!({"metrics": [{"name": "p99", "direction": "increase"}]}).to_string());
    assert_eq!(judged(&project, &[&words[..], &["--config", "up.json"]].concat(), 0)["verdict"], json!("noRegression"));
}

#[test]
fn a_history_that_does_not_serve_is_refused_with_the_reason() {
    let watch = values(60, "p99", 200.0);
    let project = with(&watch, &watch);
    let judged_with = |text: &str, code| {
        project.write("history.csv", text);
        judged(&project, &["--history", "history.csv"], code)["metrics"][0]["reason"].as_str().unwrap().to_owned()
    };
    let short = history().lines().take(100).map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(judged_with(&short, 4), "the history has 0 points, at least 120 are needed");
    let slow = history()
        .lines()
        .map(|line| {
            line.split_once(',').map_or(String::new(), |(time, rest)| {
                time.parse::<u32>().map_or(format!("{line}\n"), |time| format!("{},{rest}\n", 5 * time))
            })
        })
        .collect::<String>();
    assert_eq!(judged_with(&slow, 4), "the history has a look every 300 s, the watch every 60 s");
    project.write("history.csv", &watch);
    let refused = project.ok(&["judge", "--baseline", "old.csv", "--canary", "new.csv", "--history", "history.csv"], 2).err;
    assert!(refused.contains("must name the column half"), "{refused}");
    project.write("history.csv", "time,metric,value,half\n60,p99,1,left\n");
    let refused = project.ok(&["judge", "--baseline", "old.csv", "--canary", "new.csv", "--history", "history.csv"], 2).err;
    assert!(refused.contains("half must be canary or baseline, and is left"), "{refused}");
}

#[test]
fn conditions_and_ranges_of_other_tools_are_read() {
    let project = with("", &values(12, "p99", 200.0));
    let words = ["judge", "--judge", "threshold", "--canary", "new.csv", "--config", "limits.json"];
    let metric = |fields: Value| {
        let mut metric = json!({"name": "p99", "measurementsNeeded": 10});
        metric.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        project.write("limits.json", &json!({"metrics": [metric]}).to_string());
    };
    metric(json!({"successCondition": "result[0] < 300", "failureCondition": "result[0] >= 500", "inconclusiveLimit": 2}));
    assert!(project.ok(&words, 0).out.contains("wanted result[0] < 300, never result[0] >= 500"));
    metric(json!({"failureCondition": "result[0] > 205"}));
    project.ok(&words, 3);
    metric(json!({"thresholdRange": {"max": 205}, "threshold": 3}));
    assert!(project.ok(&words, 3).out.contains("2 failures allowed"));
    metric(json!({"successCondition": "len(result) > 0", "threshold": 3}));
    let refused = project.ok(&words, 2).err;
    assert!(
        refused.contains("successCondition: there is no `len`") && refused.contains("stands only beside a thresholdRange"),
        "{refused}"
    );
}

#[test]
fn limits_hold_the_canary_alone() {
    let project = with("", &values(12, "p99", 200.0));
    let config = |max: u32| json!({"metrics": [{"name": "p99", "max": max, "failureLimit": 1, "measurementsNeeded": 10}]}).to_string();
    project.write("loose.json", &config(300));
    project.write("tight.json", &config(205));
    let words = |config| ["judge", "--judge", "threshold", "--canary", "new.csv", "--config", config];
    let said = project.ok(&words("loose.json"), 0).out;
    assert!(said.starts_with("NO REGRESSION: not worse in p99\n"), "{said}");
    let said = project.ok(&words("tight.json"), 3).out;
    assert!(said.contains("1 failures allowed"), "{said}");
    let refused = project.ok(&["judge", "--judge", "threshold", "--canary", "new.csv"], 2).err;
    assert!(refused.contains("GP0691") && refused.contains("there are no limits"), "{refused}");
}

#[test]
fn canary_configs_of_kayenta_are_read_and_judged() {
    let series = |level: f64, slow: f64| values(40, "p99", slow) + values(40, "queue", level).split_once('\n').unwrap().1;
    let project = with(&series(50.0, 200.0), &series(50.0, 300.0));
    let metric = |name: &str, group: &str, canary: Value| json!({"name": name, "query": {"type": "prometheus"}, "groups": [group], "analysisConfigurations": {"canary": canary}});
    let config = json!({
        "name": "checkout", "configVersion": "1", "judge": {"name": "NetflixACAJudge-v1.0"},
        "metrics": [
            metric("p99", "latency", json!({"direction": "increase", "outliers": {"strategy": "remove", "outlierFactor": 3.0}})),
            metric("queue", "saturation", json!({"nanStrategy": "replace", "effectSize": {"measure": "cles"}})),
        ],
        "classifier": {"groupWeights": {"latency": 70}, "scoreThresholds": {"pass": 90, "marginal": 50}}
    });
    project.write("canary.json", &config.to_string());
    let answer = judged(&project, &["--judge", "kayenta", "--config", "canary.json"], 3);
    assert_eq!(
        (&answer["score"]["score"], &answer["score"]["class"], &answer["score"]["pass"]),
        (&json!(30.0), &json!("Fail"), &json!(90.0))
    );
    let metric = &answer["metrics"][0];
    assert_eq!(
        (&metric["reasonCode"], &metric["effectIs"], &metric["n"]["baseline"]),
        (&json!("high"), &json!("ratioOfMeans"), &json!(40))
    );
    assert!((metric["interval"]["low"].as_f64().unwrap()..metric["interval"]["high"].as_f64().unwrap()).contains(&100.0), "{metric}");
    // Without a config every metric counts alike.
    assert_eq!(judged(&project, &["--judge", "kayenta"], 3)["score"]["score"], json!(50.0));
    project.write("new.csv", &series(50.5, 200.5));
    assert_eq!(judged(&project, &["--judge", "kayenta", "--config", "canary.json"], 0)["verdict"], json!("noRegression"));
}

#[test]
fn every_problem_is_told_at_once() {
    let project = with("time,metric,value\nyesterday,p99,1\n60,p99,fast\n", "time,metric\n");
    let config = json!({
        "metrics": [
            {"name": "p99", "groups": ["all"], "analysisConfigurations": {"canary": {"direction": "up", "critcal": true, "effectSize": {"allowedIncrease": "1.1"}}}},
            {"groups": []},
        ],
        "thresholds": {"pass": "high"}
    });
    project.write("canary.json", &config.to_string());
    let words = ["judge", "--judge", "kayenta", "--config", "canary.json", "--baseline", "old.csv", "--canary", "new.csv"];
    let refused = project.ok(&words, 2).err;
    for told in [
        "time is neither RFC 3339 nor seconds since 1970: yesterday",
        "--> old.csv:3:1",
        "value is not a number: fast",
        "the first line must name the columns",
        "canary.json: metrics[0].analysisConfigurations.canary.direction: must be one of increase, decrease, either, and is \"up\"",
        "metrics[0].analysisConfigurations.canary.critcal: there is no such field",
        "metrics[0].analysisConfigurations.canary.effectSize.allowedIncrease: must be a number",
        "metrics[1].name: is missing",
        "thresholds.pass: must be a number",
    ] {
        assert!(refused.contains(told), "{told}\n{refused}");
    }
    project.write("sequential.json", r#"{"metrics": [{"name": "errors", "margin": 0.5}, {"name": "errors", "dispersion": -1}]}"#);
    let refused = project.ok(&["judge", "--config", "sequential.json", "--canary", "missing.csv"], 2).err;
    for told in
        ["missing.csv: it cannot be read", "there is no baseline", "margin must be a ratio", "errors is there twice", "dispersion must be"]
    {
        assert!(refused.contains(told), "{told}\n{refused}");
    }
}

#[test]
fn a_config_that_does_not_list_a_metric_says_so() {
    let project = with(&counts(60, 40), &counts(60, 40));
    project.write("config.json", r#"{"metrics": [{"name": "eror"}]}"#);
    let answer = judged(&project, &["--config", "config.json"], 4);
    assert_eq!(
        (&answer["findings"][0]["message"], &answer["metrics"][0]["reasonCode"]),
        (&json!("errors is not judged: the config does not list it"), &json!("dark_metric"))
    );
}

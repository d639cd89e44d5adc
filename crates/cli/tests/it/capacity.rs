//! Capacity from files and from a real Prometheus with history.

use crate::harness::Project;
use glidepath_testkit::servers::Prometheus;
use serde_json::{Value, json};
use std::fmt::Write;

/// Monday, 2 November 2026, 00:00 UTC.
const FROM: i64 = 1_793_577_600;
const HOUR: i64 = 3600;

/// Load of an hour: a day, a week, and noise of a twentieth up or down.
fn load(hour: i64) -> f64 {
    let day = (std::f64::consts::TAU * ((hour % 24) as f64 - 9.0) / 24.0).sin();
    let week = if hour / 24 % 7 >= 5 { 0.7 } else { 1.0 };
    let mut mixed = (hour as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let noise = ((mixed >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.1;
    400.0 * (0.5 * day + noise).exp() * week
}

fn csv(hours: i64, row: impl Fn(i64) -> String) -> String {
    let rows: String = (0..hours).map(|hour| format!("{},{}\n", FROM + hour * HOUR, row(hour))).collect();
    format!("time,value\n{rows}")
}

/// A shop with one region, `hosts` hosts of 200 requests/s.
fn shop(hosts: usize) -> Project {
    let project = Project::fleet(&["shop"], hosts, 10);
    let target = "catalog/services.yaml";
    let declared = project.read(target).replacen("  component: shop\n", "  component: shop\n  capacity: { replica: 200 requests/s }\n", 1);
    assert!(declared.contains("replica: 200"), "{declared}");
    project.write(target, &declared);
    project
}

fn capacity(project: &Project, words: &[&str], code: i32) -> Value {
    let mut all = vec!["capacity", "--format", "json"];
    all.extend(words);
    serde_json::from_str(&project.ok(&all, code).out).unwrap()
}

#[test]
fn a_load_from_a_file_is_carried_on() {
    let project = shop(6);
    project.write("load.csv", &csv(24 * 56, |hour| format!("{:.1}", load(hour))));
    let words = ["--history", "load.csv", "--days", "7", "--lead", "3d"];
    let answer = capacity(&project, &words, 0);
    let place = &answer["places"][0];
    assert_eq!((&place["capacity"], &place["limit"]), (&json!(1200.0), &json!(840.0)));
    let peak = place["now"]["peak"].as_f64().unwrap();
    assert!((600.0..720.0).contains(&peak) && place["now"]["state"] == "within", "{}", place["now"]);
    let ahead = &place["ahead"];
    let (low, high) = (ahead["peakLow"].as_f64().unwrap(), ahead["peakHigh"].as_f64().unwrap());
    assert!(low <= high && (600.0..720.0).contains(&low) && (600.0..720.0).contains(&high), "{ahead}");
    assert_eq!((&ahead["passesLimit"], &ahead["byDay"].as_array().unwrap().len()), (&json!(0.0), &7));
    assert_eq!(place["order"]["when"], "notBefore");
    assert_eq!(place["model"]["seasons"], json!([24, 168]));
    assert!(["Sat", "Sun"].map(Value::from).contains(&place["quiet"][0]["day"]), "{}", place["quiet"]);
    assert_eq!(capacity(&project, &words, 0), answer, "the same load, the same answer");

    // Twice the load in three days' time: too late for an order that takes longer.
    let event = "2026-12-31T00:00:00Z/2027-01-01T00:00:00Z=2";
    let late = capacity(&project, &["--history", "load.csv", "--days", "7", "--lead", "5d", "--event", event], 4);
    assert_eq!((&late["places"][0]["order"]["when"], &late["places"][0]["ahead"]["passesLimit"]), (&json!("late"), &json!(1.0)));
    let human = project.ok(&["capacity", "shop", "--history", "load.csv", "--days", "7"], 0).out;
    for line in ["within the policy", "(80 %: ", "the limit with <", "not before ", "best of ", "quiet      "] {
        assert!(human.contains(line), "{line}: {human}");
    }
    let table = project.ok(&["capacity", "--history", "load.csv", "--days", "7"], 0).out;
    assert!(table.contains("│") && table.contains("1200"), "{table}");
}

#[test]
fn what_is_not_known_is_said_and_never_a_small_load() {
    let project = shop(6);
    for (name, text, says) in [
        ("short", csv(30, |hour| load(hour).to_string()), "30 steps of history are too few"),
        ("silent", csv(24 * 20, |_| "0".to_owned()), "there was no load at all"),
        ("flat", csv(24 * 20, |_| "17.5".to_owned()), "the value never moved"),
        ("negative", csv(24 * 20, |hour| (load(hour) - 500.0).to_string()), "a value is negative"),
        ("infinite", csv(24 * 20, |hour| if hour == 9 { "inf".to_owned() } else { load(hour).to_string() }), "not a finite number"),
        (
            "gaps",
            csv(24 * 20, |hour| if hour % 5 == 0 { String::new() } else { load(hour).to_string() }),
            "20 % of the steps have no sample",
        ),
        ("one", csv(1, |_| "5".to_owned()), "there is one sample"),
        ("nothing measured", csv(24, |_| "NaN".to_owned()), "there are no samples"),
    ] {
        project.write("load.csv", &text);
        let told = project.ok(&["capacity", "shop", "--history", "load.csv"], 5);
        assert!(
            told.err.contains("error[GP0699]: nothing is known of the load to come of ") && told.err.contains(says),
            "{name}: {}",
            told.err
        );
        assert!(!told.out.contains("order"), "{name}: {}", told.out);
    }
    // No week, and no so many days.
    project.write("load.csv", &csv(24 * 15, |hour| load(hour).to_string()));
    let notes = capacity(&project, &["--history", "load.csv"], 0)["places"][0]["notes"].to_string();
    assert!(notes.contains("too short to know a season of 168 steps") && notes.contains("tested until "), "{notes}");
    // As of a day after the last sample.
    project.write("load.csv", &csv(24 * 40, |hour| load(hour).to_string()));
    let at = glidepath_model::Timestamp::from_micros((FROM + 24 * 41 * HOUR) * 1_000_000).to_string();
    let notes = capacity(&project, &["--history", "load.csv", "--days", "7", "--at", &at], 0)["places"][0]["notes"].to_string();
    assert!(notes.contains("the newest sample is 1 d old"), "{notes}");
    // Nobody to ask.
    let told = project.ok(&["capacity"], 5);
    assert!(told.err.contains("error[GP0704]: nothing is known of the load of "), "{}", told.err);
}

#[test]
fn files_and_names_that_cannot_be_used_are_told() {
    let project = shop(3);
    for (text, says) in [
        ("when,value\n", "GP0702]: the header has no column time"),
        ("time,value\nyesterday,5\n2026-11-02T00:00:00Z,many\n", "GP0702]: `many` is no number"),
        ("time,value\n", "GP0702]: load.csv has no rows"),
        ("time,value,target\n2026-11-02T00:00:00Z,5,shap\n", "GP0703]: the load of shap is that of no place looked at"),
    ] {
        project.write("load.csv", text);
        let told = project.ok(&["capacity", "--history", "load.csv"], 2);
        assert!(told.err.contains(says), "{says}: {}", told.err);
    }
    assert!(project.ok(&["capacity", "shap"], 2).err.contains("GP0703]: there is no target or component `shap`"));
    assert!(project.ok(&["capacity", "--zone", "Mars/Olympus"], 2).err.contains("is no time zone"));
    assert!(project.ok(&["capacity", "--event", "tomorrow=2"], 2).err.contains("FROM/TO=FACTOR"));
    // Without a declared capacity there is a limit only where one is stated.
    let bare = Project::fleet(&["shop"], 3, 10);
    bare.write("load.csv", &csv(24 * 40, |hour| load(hour).to_string()));
    let told = bare.ok(&["capacity", "shop", "--history", "load.csv", "--days", "7", "--limit", "900"], 0);
    assert!(
        told.err.contains("warning[GP0705]: nothing is known of the capacity of") && told.out.contains("limit 900"),
        "{} {}",
        told.err,
        told.out
    );
}

#[test]
fn a_load_is_read_from_prometheus_by_its_busiest_minutes() {
    // Each hour is twice as busy in its last sample of five minutes.
    let (hours, mut text) = (24 * 40, "# TYPE load gauge\n".to_owned());
    for five in 0..hours * 12 {
        let factor = if five % 12 == 11 { 1.0 } else { 0.5 };
        writeln!(text, "load{{app=\"shop\"}} {} {}", load(five / 12) * factor, FROM + five * 300).unwrap();
    }
    let server = Prometheus::with_history(&(text + "# EOF\n"));
    let project = shop(6);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    let target = "catalog/services.yaml";
    let asked = project.read(target).replacen("  component: shop\n", "  component: shop\n  traffic: { query: 'sum(load)' }\n", 1);
    project.write(target, &asked);
    let at = glidepath_model::Timestamp::from_micros((FROM + hours * HOUR) * 1_000_000).to_string();
    let answer = capacity(&project, &["--days", "7", "--lead", "3d", "--back", "40", "--at", &at], 0);
    let place = &answer["places"][0];
    let greatest = (hours - 168..hours).map(load).fold(0.0, f64::max);
    assert_eq!(place["notes"], json!([]), "nothing is old");
    assert!((place["now"]["peak"].as_f64().unwrap() - greatest).abs() < 1e-6 * greatest, "{} {greatest}", place["now"]);
    assert_eq!((&place["history"]["stepMs"], &place["history"]["filled"]), (&json!(3_600_000), &json!(0)));
    assert!(place["ahead"]["peak"].as_f64().unwrap() > 0.9 * greatest, "{}", place["ahead"]);
}

#[test]
fn a_plan_for_a_later_hour_is_reckoned_with_the_traffic_to_come() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let hour = now / HOUR;
    let mut text = "# TYPE load gauge\n".to_owned();
    // Up to now, so that what is seen now is known too.
    for at in ((hour - 24 * 28) * HOUR..=now).step_by(120) {
        writeln!(text, "load {} {at}", load(at / HOUR)).unwrap();
    }
    let server = Prometheus::with_history(&(text + "# EOF\n"));
    let project = shop(6);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    let target = "catalog/services.yaml";
    let asked = project.read(target).replacen("  component: shop\n", "  component: shop\n  traffic: { query: 'sum(load)' }\n", 1);
    project.write(target, &asked);
    project.ok(&["plan", "upgrade", "--save-facts", "facts.json"], 0);
    let facts: Value = serde_json::from_str(&project.read("facts.json")).unwrap();
    let ahead = &facts["targets"].as_object().unwrap().values().next().unwrap()["trafficAhead"];
    let fact = ahead.as_object().unwrap_or_else(|| panic!("{:#}", facts["missing"])).values().next().unwrap();
    assert_eq!(fact["source"], "sum(load)");
    let (from, hours) = (fact["value"]["from"].as_str().unwrap(), fact["value"]["hours"].as_array().unwrap());
    let from = glidepath_model::Timestamp::parse(from).unwrap();
    assert!(from.as_micros() / 1_000_000 > hour * HOUR && hours.len() >= 24, "{from} {}", hours.len());
    for (number, told) in (from.as_micros() / 1_000_000 / HOUR..).zip(&hours[..24]) {
        let (expected, comes) = (told["expected"].as_f64().unwrap(), load(number));
        assert!((expected / comes - 1.0).abs() < 0.25, "{number}: {told} {comes}");
    }
    // Six hours later, from the same facts.
    let at = from.plus(glidepath_model::Millis::from_mins(5 * 60 + 30));
    let words = ["plan", "upgrade", "--facts", "facts.json", "--accept-stale", "--format", "json", "--at"];
    let plan: Value = serde_json::from_str(&project.ok(&[&words[..], &[&at.to_string()]].concat(), 0).out).unwrap();
    let told = plan["derived"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .find(|line| line.contains("are expected when its stages begin"));
    let told = told.unwrap_or_else(|| panic!("{:#}", plan["derived"]));
    assert!(told.contains("of `sum(load)`") && told.contains("are seen now"), "{told}");
}

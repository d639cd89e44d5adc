//! Traffic to come: stages are reckoned with the rates of the hours at which they stand.

use crate::fixture::*;
use glidepath_model::calendar::{Calendar, Window};
use glidepath_model::facts::{HourAhead, Sourced, TrafficAhead};
use glidepath_model::plan::{Plan, Strategy};
use glidepath_model::{Change, Facts, HostName, Millis, Share, Timestamp};
use glidepath_plan::{PlanOptions, codes, plan, revalidate};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// `payments` on eight hosts with 400 requests/s now, at 10:00, which may be changed each day from a minute of the day on; and the rates to come from
/// 11:00 on, by hour of the day.
fn night(from_minute: u16, hours: usize, rate: impl Fn(usize) -> f64) -> (Change, Facts) {
    let mut place = region("eu", "pay", 8, true);
    place.standby = (1..=8).map(|n| HostName::new(format!("spare-{n}.eu"))).collect();
    let mut facts = facts(vec![component("payments", &[])], vec![target("payments", "production", vec![place])], &["production"]);
    facts.catalog.calendars = vec![Calendar {
        name: "nights".to_owned(),
        time_zone: "UTC".to_owned(),
        environments: Vec::new(),
        windows: vec![Window { name: "night".to_owned(), days: (1..=7).collect(), from_minute, to_minute: 5 * 60 }],
        freezes: Vec::new(),
        no_friday_afternoon: false,
    }];
    let hour = |number: usize| {
        let expected = rate((11 + number) % 24);
        HourAhead { expected, low: expected * 0.9, high: expected * 1.2 }
    };
    let ahead = TrafficAhead {
        from: time("2026-11-17T11:00:00Z"),
        hours: (0..hours).map(hour).collect(),
        within: Share::percent(90),
        model: "seasonal_mean".to_owned(),
        history_ms: Millis::from_mins(28 * 24 * 60),
    };
    let name = only_target(&mut facts).name.clone();
    facts.targets.get_mut(&name).unwrap().traffic_ahead.insert("eu".into(), Sourced::observed(ahead, "sum(rate(x[5m]))", now()));
    (change(&["production"], vec![version("payments", "1.1.0")]), facts)
}

fn as_canary((mut change, facts): (Change, Facts)) -> (Change, Facts) {
    change.items[0].strategy = Some("canary".to_owned());
    (change, facts)
}

/// Requests per second of both sides, stage by stage.
fn rates(plan: &Plan) -> Vec<f64> {
    let both =
        plan.body.assignments[0].ladder.iter().filter(|stage| stage.power.is_some()).map(|stage| stage.canary_rate + stage.baseline_rate);
    both.map(|rate| (rate * 10.0).round() / 10.0).collect()
}

#[test]
fn a_stage_at_night_is_reckoned_with_the_traffic_of_the_night() {
    let (change, facts) = as_canary(night(2 * 60, 48, |hour| if hour < 6 { 150.0 } else { 400.0 }));
    let (_, now_only) = as_canary(night(2 * 60, 0, |_| 0.0));
    let (by_night, by_day) = (plan_of(&change, &facts), plan_of(&change, &now_only));
    assert_eq!(by_night.prediction.schedule.as_ref().unwrap().takes_off, time("2026-11-18T02:00:00Z"));
    assert!(rates(&by_night).iter().all(|rate| *rate == 150.0), "{:?}", rates(&by_night));
    assert!(rates(&by_day).iter().all(|rate| *rate == 400.0), "{:?}", rates(&by_day));
    let bake = |plan: &Plan| plan.body.assignments[0].ladder[0].bake_ms;
    assert!(bake(&by_night) > bake(&by_day), "fewer requests take longer: {} {}", bake(&by_night), bake(&by_day));
    assert!(by_night.prediction.bad_requests_if_failing < by_day.prediction.bad_requests_if_failing);
    let told = by_night.derived.iter().find(|line| line.contains("are expected when its stages begin")).unwrap();
    for part in [
        "payments-production in eu: 150 requests/s",
        "135 to 180 with 90 %",
        "seasonal_mean from 28 d of `sum(rate(x[5m]))`; 400 are seen now",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(
        by_day.derived.iter().any(|line| line.contains("nothing is known of the traffic when its stages begin (Wed 2026-11-18 02:")),
        "{:?}",
        by_day.derived
    );
    assert_eq!(plan_of(&change, &facts), by_night, "the same facts, the same plan");
}

#[test]
fn a_later_stage_has_the_rate_of_the_hour_it_stands_in() {
    let (change, facts) = as_canary(night(2 * 60 + 55, 48, |hour| if hour == 3 { 1000.0 } else { 200.0 }));
    let plan = plan_of(&change, &facts);
    let rates = rates(&plan);
    assert_eq!(rates.first(), Some(&200.0), "{rates:?}");
    assert!(rates.len() > 1 && rates[1..].iter().all(|rate| *rate == 1000.0), "{rates:?}");
}

#[test]
fn a_copy_has_to_carry_the_peak_of_the_hours_at_which_it_stands() {
    let against = |peak: f64| {
        let (change, mut facts) = night(2 * 60, 48, |hour| if hour < 6 { peak / 1.2 } else { 100.0 });
        only_target(&mut facts).replica_capacity = Some(100.0);
        let planning = planned(&change, &facts);
        let ruled_out = planning.plan.map(|plan| plan.ruled_out).unwrap_or_default();
        let facts = ruled_out.iter().filter(|out| out.strategy == Strategy::BlueGreen).map(|out| &out.fact);
        let refused = planning.diagnostics.iter().map(|diagnostic| &diagnostic.message);
        facts.chain(refused).cloned().collect::<Vec<String>>().join(" ")
    };
    assert!(against(900.0).contains("needs 9 hosts in eu to carry 900 requests/s"), "{}", against(900.0));
    assert!(!against(700.0).contains("hosts in eu to carry"), "{}", against(700.0));
}

#[test]
fn a_plan_for_the_night_takes_off_with_the_traffic_of_the_night() {
    let (change, facts) = as_canary(night(2 * 60, 48, |hour| if hour < 6 { 150.0 } else { 400.0 }));
    let at = time("2026-11-18T02:00:00Z");
    let made = plan(&change, &facts, &descriptors(), &PlanOptions { now: now(), ..options() }).plan.unwrap();
    let found = |rate: f64| {
        let mut present = facts.clone();
        let name = only_target(&mut present).name.clone();
        present.targets.get_mut(&name).unwrap().request_rate.insert("eu".into(), Sourced::observed(rate, "x", at));
        let found = revalidate(&made.body, &facts, &present);
        found.into_iter().filter(|finding| finding.code == codes::TRAFFIC_OTHERWISE).map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert_eq!(found(150.0), Vec::<String>::new());
    assert!(found(15.0)[0].contains("has 15 requests/s; the plan was made for 150"), "{:?}", found(15.0));
}

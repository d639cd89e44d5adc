//! Figures compared side against side: what is learnt of them decides what a stage can hold them to.

use crate::fixture::*;
use glidepath_judge::group::{GroupConfig, GroupState, Values};
use glidepath_model::catalog::{ValueSignal, Worse};
use glidepath_model::facts::{MissingFact, Sourced, SplitHistory, ValueHistory};
use glidepath_model::plan::{GateCheck, GateSpec, Plan, Strategy, Work};
use glidepath_model::{Change, Facts, Millis};
use std::collections::BTreeMap;

const P99: &str = "p99 latency";

fn p99() -> ValueSignal {
    ValueSignal {
        name: P99.to_owned(),
        query: "max(p99{app=\"payments\",{side}})".to_owned(),
        host_label: "instance".to_owned(),
        host_value: "{host}".to_owned(),
        worse: Worse::Increase,
        margin: 1.25,
        every_ms: Millis::from_secs(60),
    }
}

/// Numbers that scatter evenly about 0 with a deviation of 1, always the same.
struct Scatter(u64);

impl Scatter {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 / 9_007_199_254_740_992.0 - 0.5) * 12.0_f64.sqrt()
    }
}

/// A day of one host and of half of them against the rest, with this much noise.
fn day(hosts: usize, noise: f64) -> ValueHistory {
    day_of(Scatter(7), hosts, noise)
}

fn day_of(mut scatter: Scatter, hosts: usize, noise: f64) -> ValueHistory {
    let mut window = || (0..180).map(|_| Some([0.2 * (noise * scatter.next()).exp(), 0.2])).collect();
    let splits = [1, hosts / 2].map(|hosts| SplitHistory { hosts, windows: (0..8).map(|_| window()).collect() });
    ValueHistory { every_ms: Millis::from_secs(60), hosts, splits: splits.to_vec() }
}

/// `payments` on eight hosts of one region, with a figure that has this history.
fn with(history: Option<ValueHistory>) -> (Change, Facts) {
    let place = region("eu", "pay", 8, true);
    let mut facts = facts(vec![component("payments", &[])], vec![target("payments", "production", vec![place])], &["production"]);
    only_target(&mut facts).signals.as_mut().unwrap().values.push(p99());
    let name = only_target(&mut facts).name.clone();
    if let Some(history) = history {
        let known = BTreeMap::from([(P99.to_owned(), Sourced::observed(history, "prometheus", now()))]);
        facts.targets.get_mut(&name).unwrap().values.insert("eu".into(), known);
    }
    let mut item = version("payments", "1.1.0");
    item.strategy = Some("canary".to_owned());
    (change(&["production"], vec![item]), facts)
}

fn stages(plan: &Plan) -> Vec<(f64, &GateSpec)> {
    let shares: Vec<f64> = plan.body.assignments[0].ladder.iter().map(|stage| stage.share.as_f64()).collect();
    let gates = plan.body.steps.iter().filter(|step| step.stage > 0).filter_map(|step| match &step.work {
        Work::Gate(gate) => Some(&**gate),
        _ => None,
    });
    shares.into_iter().zip(gates).collect()
}

fn compared(gate: &GateSpec) -> Option<(&String, &String, f64, &serde_json::Value)> {
    gate.checks.iter().find_map(|check| match check {
        GateCheck::Values { canary, baseline, alpha, asked, .. } => Some((canary, baseline, *alpha, asked)),
        _ => None,
    })
}

#[test]
fn stages_as_large_as_a_host_compare_the_figure_and_smaller_ones_say_why_not() {
    let (change, facts) = with(Some(day(8, 0.1)));
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.body.assignments[0].strategy, Strategy::Canary);
    let stages = stages(&plan);
    let (small, large): (Vec<_>, Vec<_>) = stages.iter().filter(|(share, _)| *share < 1.0).partition(|(share, _)| *share < 0.125);
    assert!(!small.is_empty() && !large.is_empty(), "{:?}", plan.body.assignments[0].ladder);
    assert!(small.iter().all(|(_, gate)| compared(gate).is_none()));
    for (share, gate) in large {
        let (canary, baseline, _, asked) = compared(gate).unwrap_or_else(|| panic!("at {share}"));
        assert_eq!(canary, "max(p99{app=\"payments\",version=\"1.1.0\"})");
        assert_eq!(baseline, "max(p99{app=\"payments\",version=\"1.0.0\"})");
        let looks = asked["boundary"]["looksMax"].as_u64().unwrap();
        assert_eq!(looks, gate.patience_ms.0 / 60_000, "as many looks as there is patience for");
        assert!(gate.bake_ms >= Millis::from_mins(3), "{} is too short for three values", gate.bake_ms);
    }
    let told = plan.derived.iter().filter(|line| line.contains("p99 latency is not compared")).collect::<Vec<_>>();
    assert_eq!(told.len(), small.len(), "{told:?}");
    assert!(told[0].contains("sides of 12.5 % and more"), "{told:?}");
    assert!(!plan.findings.iter().any(|finding| finding.code.to_string() == "GP0370"));
}

#[test]
fn all_comparisons_of_a_change_share_its_false_alarms() {
    let (change, facts) = with(Some(day(8, 0.1)));
    let plan = plan_of(&change, &facts);
    let spent: f64 = plan
        .body
        .steps
        .iter()
        .filter_map(|step| if let Work::Gate(gate) = &step.work { Some(gate) } else { None })
        .flat_map(|gate| &gate.checks)
        .map(|check| match check {
            GateCheck::Proportion { alpha, .. } | GateCheck::Values { alpha, .. } => *alpha,
            _ => 0.0,
        })
        .sum();
    assert!(spent > 0.0 && spent <= facts.catalog.settings.verification.false_alarm.as_f64() + 1e-12, "{spent}");
}

#[test]
fn a_figure_of_which_nothing_can_be_learnt_holds_nothing_up_and_is_told() {
    let (change, mut unknown) = with(None);
    let short = ValueHistory { splits: vec![SplitHistory { hosts: 1, windows: vec![vec![Some([0.2, 0.21]); 40]] }], ..day(8, 0.1) };
    unknown.missing.push(MissingFact {
        what: "history of p99 latency of payments-production in eu".to_owned(),
        why: "there is one host only".to_owned(),
        target: Some("payments-production".into()),
        kind: "values".to_owned(),
    });
    for (facts, why) in [
        (with(None).1, "there is no history to learn its noise from"),
        (unknown, "there is one host only"),
        (with(Some(short)).1, "no stage is large and long enough"),
        (with(Some(day(8, 3.0))).1, "no stage is large and long enough"),
    ] {
        let plan = plan_of(&change, &facts);
        assert_eq!(plan.body.assignments[0].strategy, Strategy::Canary);
        assert!(stages(&plan).iter().all(|(_, gate)| compared(gate).is_none()), "{why}");
        let finding = plan.findings.iter().find(|finding| finding.code.to_string() == "GP0370").unwrap_or_else(|| panic!("{why}"));
        assert!(finding.message.contains(why), "{}", finding.message);
    }
}

/// Share of watches of noise as in [`day`] that end with a regression within so many values, where the new side is `worse` times worse.
fn found(asked: &serde_json::Value, noise: f64, worse: f64, looks: u64) -> f64 {
    const WATCHES: u32 = 2000;
    let config: GroupConfig = serde_json::from_value(asked.clone()).unwrap();
    let mut scatter = Scatter(1001);
    let mut watch = || {
        let mut state = GroupState::default();
        for look in 1..=looks {
            let canary = 0.2 * worse * (noise * scatter.next()).exp();
            state.look(&config, Some(Values { canary, baseline: 0.2 }), look * 60_000);
        }
        state.has_regression()
    };
    f64::from((0..WATCHES).map(|_| u32::from(watch())).sum::<u32>()) / f64::from(WATCHES)
}

#[test]
fn the_ladder_tells_the_power_of_a_figure_as_watches_of_it_come_out() {
    const HISTORIES: u64 = 4;
    const NOISE: f64 = 0.15;
    // By share: the power that was told and that came, and how often the least worsening was found; means of the histories.
    let mut found_at: BTreeMap<u64, [f64; 3]> = BTreeMap::new();
    for seed in 0..HISTORIES {
        let (change, facts) = with(Some(day_of(Scatter(7 + 1000 * seed), 8, NOISE)));
        let plan = plan_of(&change, &facts);
        for (stage, (_, gate)) in plan.body.assignments[0].ladder.iter().zip(stages(&plan)) {
            let Some((_, _, _, asked)) = compared(gate) else {
                assert!(stage.values.is_empty(), "{:?}", stage.values);
                continue;
            };
            let [value] = stage.values.as_slice() else { panic!("{:?}", stage.values) };
            assert_eq!((value.name.as_str(), value.margin), (P99, 1.25));
            assert!(stage.explanation.contains("; p99 latency 1.25x worse is found with "), "{}", stage.explanation);
            let looks = stage.bake_ms.0 / 60_000;
            let came = [value.power, found(asked, NOISE, 1.25, looks), found(asked, NOISE, value.detects.unwrap(), looks)];
            let means = found_at.entry(stage.share.as_f64().to_bits()).or_default();
            means.iter_mut().zip(came).for_each(|(mean, one)| *mean += one / HISTORIES as f64);
        }
    }
    assert!(!found_at.is_empty(), "no stage compares it");
    for [told, came, least] in found_at.values() {
        assert!((told - came).abs() <= 0.05, "told {told}, came {came}");
        assert!((0.75..=0.85).contains(least), "to be found with 80 %, came {least}");
    }
}

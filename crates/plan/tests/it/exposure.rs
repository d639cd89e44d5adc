//! How far a rollout reaches at once: zones inside a region, and the bound of an environment on a wave.

use crate::fixture::*;
use glidepath_model::catalog::{Region, WaveBound};
use glidepath_model::facts::{BudgetFact, Sourced};
use glidepath_model::plan::{Plan, Strategy, Work};
use glidepath_model::{Change, Facts, Share};
use std::collections::{BTreeMap, BTreeSet};

/// A region of nine hosts in three zones.
fn in_zones(name: &str) -> Region {
    let mut region = region(name, "pay", 9, true);
    region.zones = region.hosts.iter().enumerate().map(|(at, host)| (host.clone(), format!("zone-{}", at / 3))).collect();
    region
}

fn one_region(place: Region, strategy: &str) -> (Change, Facts) {
    let facts = facts(vec![component("payments", &[])], vec![target("payments", "production", vec![place])], &["production"]);
    let mut item = version("payments", "1.1.0");
    item.strategy = Some(strategy.to_owned());
    (change(&["production"], vec![item]), facts)
}

/// Hosts that are deployed to, by the part of the id before them, which is that of a batch.
fn batches(plan: &Plan) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in &plan.body.steps {
        if let Some((batch, host)) = step.id.as_str().split_once("/deploy-") {
            found.entry(batch.to_owned()).or_default().insert(host.to_owned());
        }
    }
    found
}

#[test]
fn a_batch_never_reaches_into_two_zones() {
    for strategy in ["rolling", "canary"] {
        let (change, mut facts) = one_region(in_zones("eu"), strategy);
        // Two hosts may be missing, and three make a zone.
        only_target(&mut facts).replica_capacity = Some(58.0);
        let plan = plan_of(&change, &facts);
        let zones = &only_target(&mut facts).regions[0].zones;
        let batches = batches(&plan);
        assert!(batches.values().any(|hosts| hosts.len() == 2), "{batches:?}");
        for (batch, hosts) in &batches {
            let reached: BTreeSet<&String> = hosts.iter().filter_map(|host| zones.get(&host.as_str().into())).collect();
            assert_eq!(reached.len(), 1, "{batch} reaches {reached:?}");
        }
    }
}

#[test]
fn the_first_region_goes_host_by_zone_by_region_with_a_watch_between() {
    let (change, facts) = one_region(in_zones("eu"), "rolling");
    let plan = plan_of(&change, &facts);
    let watched: Vec<usize> = (1..=3)
        .map(|stage| batches(&plan).iter().filter(|(id, _)| id.contains(&format!("stage-{stage}"))).map(|(_, hosts)| hosts.len()).sum())
        .collect();
    assert_eq!(watched, [1, 2, 6]);
    let gates = plan.body.steps.iter().filter(|step| step.stage > 0 && matches!(step.work, Work::Gate(_))).count();
    assert_eq!(gates, 3);
    let (change, facts) = one_region(region("eu", "pay", 9, true), "rolling");
    assert_eq!(plan_of(&change, &facts).body.steps.iter().map(|step| step.stage).max(), Some(2));
}

/// `payments` in four regions of 400 requests/s each.
fn four_regions(bound: WaveBound) -> (Change, Facts) {
    let regions = ["r1", "r2", "r3", "r4"].map(|name| region(name, "pay", 4, true)).to_vec();
    let mut facts = facts(vec![component("payments", &[])], vec![target("payments", "production", regions)], &["production"]);
    facts.catalog.environments[0].max_wave = Some(bound);
    let mut item = version("payments", "1.1.0");
    item.strategy = Some("rolling".to_owned());
    (change(&["production"], vec![item]), facts)
}

fn regions_by_wave(plan: &Plan) -> Vec<usize> {
    let mut waves: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for step in plan.body.steps.iter().filter(|step| step.stage > 0) {
        waves.entry(step.wave).or_default().extend(step.region.as_ref().map(|region| region.as_str()));
    }
    waves.into_values().map(|regions| regions.len()).collect()
}

#[test]
fn a_bound_on_users_splits_waves_and_rules_out_what_passes_it_alone() {
    let bound = |rate: f64| WaveBound { rate: Some(rate), budget: None };
    for (rate, waves) in [(1_300.0, vec![1, 3]), (900.0, vec![1, 2, 1]), (400.0, vec![1, 1, 1, 1])] {
        let (change, facts) = four_regions(bound(rate));
        assert_eq!(regions_by_wave(&plan_of(&change, &facts)), waves, "{rate}");
    }
    let (change, facts) = four_regions(bound(399.0));
    let planning = planned(&change, &facts);
    let message = &planning.diagnostics[0].message;
    assert!(message.contains("reaches 400 requests/s, at most 399 allowed for a wave in production"), "{message}");
    assert!(planning.diagnostics[0].hint.contains("maxWave.traffic of 400 requests/s in production"), "{:?}", planning.diagnostics);
    // A canary shows itself to so few that the same bound holds nothing back.
    let (mut change, facts) = four_regions(bound(399.0));
    change.items[0].strategy = None;
    assert_eq!(plan_of(&change, &facts).body.assignments[0].strategy, Strategy::Canary);
}

#[test]
fn a_bound_on_the_budget_splits_waves() {
    let (change, mut facts) = four_regions(WaveBound { rate: None, budget: Some(Share::percent(1)) });
    facts.catalog.objectives.push(ratio_objective("availability", "payments", "99.9%"));
    let budget = BudgetFact { bad_ratio: 0.0, total: 1e6, remaining: 1.0, ..BudgetFact::default() };
    facts.budgets.insert("availability".to_owned(), Sourced::observed(budget, "prometheus", now()));
    let together = |plan: &Plan| regions_by_wave(plan).into_iter().max().unwrap();
    // A region of 400 requests/s with 1 % errors spends in two minutes 480 of 4,147,200 bad requests: 0.01 %.
    assert_eq!(together(&plan_of(&change, &facts)), 3);
    facts.catalog.environments[0].max_wave = Some(WaveBound { rate: None, budget: Share::parse("0.024%") });
    assert_eq!(together(&plan_of(&change, &facts)), 2);
}

#[test]
fn a_bound_that_nothing_is_held_against_is_said() {
    let (change, mut facts) = four_regions(WaveBound { rate: None, budget: Some(Share::percent(1)) });
    let said = |facts: &Facts, words: &str| plan_of(&change, facts).derived.iter().any(|sentence| sentence == words);
    let no_objective =
        "production/payments: maxWave.budget of production bounds none of its waves: it has no objective that allows bad requests.";
    assert!(said(&facts, no_objective));
    for target in facts.targets.values_mut() {
        target.request_rate.clear();
    }
    assert!(said(&facts, "production/payments: maxWave of production bounds none of its waves: its traffic is not known."));
}

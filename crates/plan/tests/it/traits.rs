//! What the table of strategies says of their risk, held against the plans that come of them: who meets the new side before anything has watched it,
//! how those who do are brought back, and whether there is a point of no return.

use crate::fixture::{only_target, payments, plan_of, template};
use glidepath_model::Millis;
use glidepath_model::change::{ItemKind, VersionedKind};
use glidepath_model::ids::StepId;
use glidepath_model::plan::{Assignment, Back, Met, Plan, RiskLevel, Step, Strategy, Work};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What a plan does with one target.
#[derive(Debug)]
struct Done {
    plan: String,
    met: Met,
    back: Back,
    is_one_way: bool,
    /// Whether a router is told who gets what.
    is_routed: bool,
    /// Whether whoever meets it first is everybody because a single host serves them.
    is_of_single_hosts: bool,
}

/// The plans of all scenarios, one of the strategy that none of them ends with, and one of settings that no router is in front of.
fn all_plans() -> Vec<Plan> {
    let mut plans = crate::scenarios::plans();
    let (mut change, mut facts) = payments();
    change.items[0].strategy = Some("recreate".to_owned());
    change.constraints.downtime_ms = Some(Millis::from_mins(60));
    only_target(&mut facts).restart_ms = Some(Millis::from_secs(20));
    plans.push(plan_of(&change, &facts));

    let (mut change, mut facts) = payments();
    change.items[0].strategy = Some("in-place".to_owned());
    let ItemKind::Version { what, .. } = &mut change.items[0].kind else { panic!("{:?}", change.items) };
    *what = VersionedKind::Config;
    only_target(&mut facts).reload = Some(Box::new(template("exec", json!({"argv": ["./reload.sh", "{host}", "{version}"]}))));
    only_target(&mut facts).regions.iter_mut().for_each(|region| region.router = None);
    plans.push(plan_of(&change, &facts));
    plans
}

/// What is done at a target, where nothing else is done to it.
fn done(plan: &Plan, of: &Assignment) -> Done {
    let here = |step: &&Step| step.target.as_ref() == Some(&of.target);
    let gates: BTreeSet<&StepId> = plan.body.steps.iter().filter(here).filter(|s| matches!(s.work, Work::Gate(_))).map(|s| &s.id).collect();
    let mut behind_gates: BTreeSet<&StepId> = BTreeSet::new();
    let mut met = Met::Nobody;
    let mut back = Back::OneCall;
    let mut before: BTreeMap<&StepId, BTreeSet<&StepId>> = BTreeMap::new();
    for step in &plan.body.steps {
        let all = step.needs.iter().flat_map(|need| before[need].iter().copied().chain([need])).collect();
        before.insert(&step.id, all);
    }
    for step in &plan.body.steps {
        if step.needs.iter().any(|need| gates.contains(need) || behind_gates.contains(need)) {
            behind_gates.insert(&step.id);
        }
        let Some(exposure) = step.exposure.as_ref().filter(|_| here(&step) && !behind_gates.contains(&step.id)) else { continue };
        let hosts_changed = plan.body.steps.iter().filter(here).any(exposes_by_hosts);
        met = match (exposure.share.as_f64() >= 1.0, hosts_changed && met != Met::Everybody) {
            (true, _) => Met::Everybody,
            (false, true) => Met::FirstHosts,
            (false, false) => Met::FirstShare,
        };
        let goes_back_first = |need: &&StepId| before[&step.id].contains(*need);
        if exposure.safety.is_none() || exposure.safety_needs.iter().any(|need| goes_back_first(&need)) {
            back = Back::StepByStep;
        }
    }
    let is_one_way =
        plan.body.envelope.one_way.iter().any(|id| plan.body.step(id).is_some_and(|step| step.target.as_ref() == Some(&of.target)));
    let exposures: Vec<_> = plan.body.steps.iter().filter(here).filter_map(|step| step.exposure.as_ref()).collect();
    let regions: BTreeSet<_> = exposures.iter().map(|exposure| &exposure.region).collect();
    let is_routed = exposures.iter().any(|exposure| exposure.safety.is_some());
    let is_of_single_hosts = exposures.len() == regions.len() && !is_routed;
    Done { plan: plan.body.change.name.to_string(), met, back, is_one_way, is_routed, is_of_single_hosts }
}

/// Whether a step exposes those whom a host serves, without a router that gives it a share.
fn exposes_by_hosts(step: &Step) -> bool {
    step.exposure.as_ref().is_some_and(|exposure| exposure.safety.is_none())
}

#[test]
fn the_risk_of_each_strategy_is_that_of_its_plans() {
    let mut seen: BTreeMap<Strategy, Vec<Done>> = BTreeMap::new();
    for plan in all_plans() {
        for assignment in &plan.body.assignments {
            seen.entry(assignment.strategy).or_default().push(done(&plan, assignment));
        }
    }
    for strategy in Strategy::ALL {
        let (traits, seen) = (strategy.traits(), seen.get(strategy).map(Vec::as_slice).unwrap_or_default());
        for plan in seen {
            let (met, back) = (traits.met.max(plan.met), traits.back.max(plan.back));
            assert!(met == traits.met || traits.met == Met::FirstHosts && plan.is_of_single_hosts, "{strategy} of {}: {plan:?}", plan.plan);
            assert!(back == traits.back || traits.back == Back::ByRouter && !plan.is_routed, "{strategy} of {}: {plan:?}", plan.plan);
            assert!(traits.no_return != "none" || !plan.is_one_way, "{strategy} of {}: {plan:?}", plan.plan);
        }
        // What is said is not only never exceeded, it happens.
        let is_met = |plan: &Done| plan.met == traits.met || traits.met == Met::Nobody;
        assert!(seen.iter().any(is_met), "{strategy}: {seen:?}");
        assert!(traits.back == Back::OneCall || seen.iter().any(|plan| plan.back == Back::StepByStep), "{strategy}: {seen:?}");
        assert_eq!(traits.no_return != "none", seen.iter().any(|plan| plan.is_one_way), "{strategy}: {seen:?}");
    }
}

#[test]
fn the_level_follows_from_the_way_back() {
    let level = |strategy: Strategy| strategy.traits().risk();
    for strategy in [Strategy::Canary, Strategy::BlueGreen, Strategy::Flag, Strategy::Experiment, Strategy::AliasShift, Strategy::Shadow] {
        assert_eq!(level(strategy), RiskLevel::Low, "{strategy}");
    }
    for strategy in [Strategy::Rolling, Strategy::Recreate, Strategy::Failover, Strategy::Rotate] {
        assert_eq!(level(strategy), RiskLevel::Medium, "{strategy}");
    }
    assert!(Strategy::Failover.traits().risk_words().ends_with("; high where there is no way back"));
    assert!(Strategy::Recreate.traits().risk_words().ends_with(", and it is down meanwhile"));
}

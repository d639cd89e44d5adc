//! Random catalogs and changes: never a panic, and what a plan promises holds in every plan.

use crate::fixture::*;
use glidepath_model::catalog::{EdgeKind, HostLabel, Router};
use glidepath_model::change::*;
use glidepath_model::plan::{Plan, Step, Work};
use glidepath_model::{Change, Facts, Millis, Share, StepId};
use glidepath_plan::plan;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub(crate) struct Shape {
    hosts: Vec<u8>,
    weighted: bool,
    paired: bool,
    standby: bool,
    concurrent: bool,
    rate: Option<u16>,
    capacity: Option<u16>,
    probe: bool,
    restart: bool,
    depends: Vec<u8>,
    tied: bool,
    strategy: u8,
    kind: u8,
}

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    (
        (prop::collection::vec(1_u8..10, 1..4), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (prop::option::of(0_u16..2000), prop::option::of(1_u16..500), any::<bool>(), any::<bool>()),
        (prop::collection::vec(0_u8..5, 0..3), any::<bool>(), 0_u8..10, 0_u8..6),
    )
        .prop_map(
            |((hosts, weighted, paired, standby, concurrent), (rate, capacity, probe, restart), (depends, tied, strategy, kind))| Shape {
                hosts,
                weighted,
                paired,
                standby,
                concurrent,
                rate,
                capacity,
                probe,
                restart,
                depends,
                tied,
                strategy,
                kind,
            },
        )
}

pub(crate) fn build(shapes: &[Shape], environments: &[&str], downtime: bool, on_failure: OnFailure) -> (Change, Facts) {
    let names: Vec<String> = (0..shapes.len()).map(|n| format!("c{n}")).collect();
    let mut components = Vec::new();
    let mut targets = Vec::new();
    let mut items = Vec::new();
    for (shape, name) in shapes.iter().zip(&names) {
        let depends: Vec<&str> =
            shape.depends.iter().filter_map(|n| names.get(usize::from(*n))).map(String::as_str).filter(|n| n != name).collect();
        let mut component = component(name, &depends);
        if shape.tied {
            component.depends_on.iter_mut().for_each(|d| d.kind = EdgeKind::DeploysWith);
        }
        components.push(component);
        for environment in environments {
            let mut regions: Vec<_> = shape
                .hosts
                .iter()
                .enumerate()
                .map(|(n, hosts)| region(&format!("r{n}"), name, usize::from(*hosts), shape.weighted))
                .collect();
            if shape.paired && regions.len() > 1 {
                regions[0].pair = Some("r1".into());
            }
            if shape.standby {
                regions.iter_mut().for_each(|r| r.standby = r.hosts.iter().map(|h| format!("standby-{h}").as_str().into()).collect());
            }
            let mut target = target(name, environment, regions);
            let split = target.signals.as_mut().and_then(|signals| signals.split.as_mut()).unwrap();
            let label = HostLabel { label: "instance".to_owned(), value: "{host}:8080".to_owned() };
            (split.host, split.concurrent_baseline) = (Some(label), shape.concurrent);
            target.replica_capacity = shape.capacity.map(f64::from);
            target.restart_ms = shape.restart.then_some(Millis::from_secs(20));
            if !shape.probe {
                target.version_probe = None;
            }
            targets.push(target);
        }
        let mut item = version(name, "2.0.0");
        item.strategy = ["rolling", "canary", "blue-green", "recreate"].get(usize::from(shape.strategy)).map(|s| (*s).to_owned());
        if shape.kind == 0 {
            item.kind = ItemKind::Flag { flag: "f".to_owned(), to: Share::ALL, remove_by: None };
            item.strategy = None;
        }
        items.push(item);
    }
    let mut facts = facts(components, targets, environments);
    for (shape, name) in shapes.iter().zip(&names) {
        for environment in environments {
            let Some(observed) = facts.targets.get_mut(&format!("{name}-{environment}").as_str().into()) else { continue };
            match shape.rate {
                Some(rate) => observed.request_rate.values_mut().for_each(|r| r.value = f64::from(rate)),
                None => observed.request_rate.clear(),
            }
        }
    }
    let mut change = change(environments, items);
    change.on_failure = on_failure;
    change.constraints.downtime_ms = downtime.then_some(Millis::from_mins(5));
    (change, facts)
}

fn name_of(step: &Step) -> &str {
    step.id.as_str().rsplit('/').next().unwrap()
}

/// The host that a step starts, and whether it is on the new version then.
fn changed(step: &Step) -> Option<(bool, &str)> {
    let name = name_of(step);
    name.strip_prefix("deploy-").map(|host| (true, host)).or_else(|| Some((false, name.strip_prefix("renew-")?)))
}

fn check_plan(plan: &Plan, facts: &Facts) -> Result<(), TestCaseError> {
    let mut seen: BTreeMap<&str, &Step> = BTreeMap::new();
    for step in &plan.body.steps {
        prop_assert!(step.needs.iter().all(|need| seen.contains_key(need.as_str())), "{} needs what does not precede it", step.id);
        let holds_back = |need: &StepId| plan.body.step(need).is_none_or(|s| !s.after_landing);
        prop_assert!(step.needs.iter().all(holds_back), "{} waits for a watch that begins after landing", step.id);
        prop_assert!(seen.insert(step.id.as_str(), step).is_none(), "{} comes twice", step.id);
        let text = serde_json::to_string(&step.work).unwrap();
        let is_complete = !text.contains("{host}") && !text.contains("{version}");
        prop_assert!(is_complete);
    }
    for step in &plan.body.steps {
        for need in step.exposure.iter().flat_map(|e| &e.safety_needs) {
            prop_assert!(seen.contains_key(need.as_str()), "{} rests on the unknown {need}", step.id);
        }
    }
    prop_assert!(plan.findings.iter().all(|f| f.severity != glidepath_model::Severity::Error), "{:?}", plan.findings);
    for assignment in &plan.body.assignments {
        for region in &facts.catalog.targets[&assignment.target].regions {
            fly(plan, assignment.target.as_str(), region, facts)?;
        }
        pairs_apart(plan, assignment.target.as_str(), facts)?;
    }
    Ok(())
}

fn pairs_apart(plan: &Plan, target: &str, facts: &Facts) -> Result<(), TestCaseError> {
    let waves = |region: &str| -> BTreeSet<u32> {
        let here = |s: &&Step| {
            s.wave > 0 && s.target.as_ref().is_some_and(|t| t.as_str() == target) && s.region.as_ref().is_some_and(|r| r.as_str() == region)
        };
        plan.body.steps.iter().filter(here).map(|s| s.wave).collect()
    };
    for region in &facts.catalog.targets[&target.into()].regions {
        if let Some(pair) = &region.pair {
            prop_assert!(waves(region.name.as_str()).is_disjoint(&waves(pair.as_str())));
        }
    }
    Ok(())
}

/// Flies the way of one region on a model of its router, and turns back at every point of it.
fn fly(plan: &Plan, target: &str, region: &glidepath_model::catalog::Region, facts: &Facts) -> Result<(), TestCaseError> {
    let Some(Router::Haproxy { .. }) = &region.router else { return Ok(()) };
    let declared = &facts.catalog.targets[&target.into()];
    let rate = facts.targets.get(&target.into()).and_then(|t| t.request_rate.get(&region.name)).map(|r| r.value);
    let hosts = region.hosts.len();
    let needed = match (declared.replica_capacity, rate) {
        (Some(capacity), Some(rate)) => ((rate / capacity).ceil() as usize).clamp(1, hosts),
        _ if hosts < 2 => hosts,
        _ => hosts - (hosts / 3).max(1),
    };
    let way: Vec<&Step> = plan
        .body
        .steps
        .iter()
        .filter(|s| s.target.as_ref().is_some_and(|t| t.as_str() == target) && s.region.as_ref() == Some(&region.name) && s.stage > 0)
        .collect();
    let is_recreated = way.iter().all(|s| name_of(s) != "shift");
    if is_recreated || region.hosts.len() < 2 {
        return Ok(());
    }
    let mut model = Model::new(region, needed);
    for at in 0..way.len() {
        let step = way[at];
        model.forward(step)?;
        let begun = &way[..=at];
        let mut back = model.clone();
        // What just began may have failed half-way.
        if let Some((_, host)) = changed(step) {
            back.broken.insert(host.to_owned());
        }
        back.roll_back(begun, plan)?;
    }
    Ok(())
}

#[derive(Clone)]
struct Model {
    weight: BTreeMap<String, u16>,
    new: BTreeSet<String>,
    /// Half-way through a deploy: must have no traffic.
    broken: BTreeSet<String>,
    regular: BTreeSet<String>,
    /// Started afresh on the old version, and not given traffic since.
    fresh: BTreeSet<String>,
    needed: usize,
}

impl Model {
    fn new(region: &glidepath_model::catalog::Region, needed: usize) -> Self {
        let regular: BTreeSet<String> = region.hosts.iter().map(|h| h.as_str().to_owned()).collect();
        let standby = region.standby.iter().map(|h| (h.as_str().to_owned(), 0));
        let weight = regular.iter().map(|h| (h.clone(), 100)).chain(standby).collect();
        Self { weight, new: BTreeSet::new(), broken: BTreeSet::new(), regular, fresh: BTreeSet::new(), needed }
    }

    fn set(&mut self, call: &glidepath_model::ActionCall) {
        for (server, weight) in call.input["weights"].as_object().into_iter().flatten() {
            self.weight.insert(server.clone(), weight.as_u64().unwrap() as u16);
        }
    }

    fn share(&self) -> f64 {
        let sum = |new: bool| self.weight.iter().filter(|(h, _)| self.new.contains(*h) == new).map(|(_, w)| f64::from(*w)).sum::<f64>();
        sum(true) / (sum(true) + sum(false)).max(1.0)
    }

    /// No host gets more than it can carry, and none that is half-way gets any.
    fn carries(&self, at: &Step) -> Result<(), TestCaseError> {
        let total: f64 = self.weight.values().map(|w| f64::from(*w)).sum();
        prop_assert!(total > 0.0, "{}: no host serves", at.id);
        for (host, weight) in &self.weight {
            let part = f64::from(*weight) / total;
            // Whole weights and the part that omitted hosts keep cost a few percent.
            prop_assert!(
                part <= 1.1 / self.needed as f64 + 1e-9,
                "{}: {host} gets {part:.2}, {} needed, {:?}",
                at.id,
                self.needed,
                self.weight
            );
            prop_assert!(*weight == 0 || !self.broken.contains(host), "{}: {host} is half-way and gets traffic", at.id);
        }
        Ok(())
    }

    fn forward(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match (&step.work, changed(step)) {
            (Work::Call(_), Some((is_new, host))) => {
                prop_assert_eq!(self.weight.get(host).copied(), Some(0), "{} gets traffic while it is changed", host);
                let side = if is_new { &mut self.new } else { &mut self.fresh };
                side.insert(host.to_owned());
            }
            (Work::Call(call), None) => {
                self.set(call);
                self.carries(step)?;
                match &step.exposure {
                    Some(exposure) => prop_assert!(
                        (self.share() - exposure.share.as_f64()).abs() < 1e-6,
                        "{}: {} {}",
                        step.id,
                        self.share(),
                        exposure.share
                    ),
                    None => prop_assert!(name_of(step) != "shift"),
                }
                if name_of(step) == "shift" {
                    let new: BTreeSet<u16> = self.new.iter().map(|host| self.weight[host]).collect();
                    for host in std::mem::take(&mut self.fresh) {
                        prop_assert_eq!(BTreeSet::from([self.weight[&host]]), new.clone(), "{} has another share than the new side", host);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn undo(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let glidepath_model::plan::Undo::Call { call, .. } = &step.undo else { return Ok(()) };
        match changed(step) {
            Some((_, host)) => {
                prop_assert_eq!(self.weight.get(host).copied(), Some(0), "{} gets traffic while it goes back", host);
                self.new.remove(host);
                self.broken.remove(host);
            }
            None => {
                self.set(call);
                self.carries(step)?;
            }
        }
        Ok(())
    }

    /// As the engine does: what safety needs, against the order; safety; everything else against the order.
    fn roll_back(&mut self, begun: &[&Step], plan: &Plan) -> Result<(), TestCaseError> {
        let mut undone = BTreeSet::new();
        if let Some(step) = begun.iter().rev().find(|s| s.exposure.is_some()) {
            let exposure = step.exposure.as_ref().unwrap();
            for back in begun.iter().rev().filter(|s| exposure.safety_needs.contains(&s.id)) {
                self.undo(back)?;
                undone.insert(&back.id);
            }
            self.set(exposure.safety.as_ref().unwrap());
            self.carries(step)?;
            prop_assert_eq!(self.share(), 0.0, "{} does not reach safety", &step.id);
        }
        for back in begun.iter().rev().filter(|s| !undone.contains(&s.id)) {
            self.undo(back)?;
            prop_assert_eq!(self.share(), 0.0, "{} exposes again", &back.id);
        }
        let step = begun[0];
        let router = plan.body.steps.iter().find(|s| s.target == step.target && s.region == step.region && name_of(s) == "router").unwrap();
        self.undo(router)?;
        let is_restored =
            self.weight.iter().all(|(host, weight)| (*weight == 100) == self.regular.contains(host) && matches!(weight, 0 | 100));
        prop_assert!(is_restored);
        Ok(())
    }
}

#[test]
fn a_figure_too_large_to_round_stays_finite() {
    let (change, mut facts) = payments();
    facts.targets.values_mut().for_each(|t| t.request_rate.values_mut().for_each(|r| r.value = 18_784.9));
    facts.catalog.settings.verification.effect = 1e302;
    let plan = planned(&change, &facts).plan.unwrap();
    assert!(plan.prediction.bad_requests_straight.is_finite(), "{:?}", plan.prediction);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn plans_keep_their_promises(shapes in prop::collection::vec(shape(), 1..5), two in any::<bool>(), downtime in any::<bool>(), hold in 0_u8..3) {
        let environments: &[&str] = if two { &["staging", "production"] } else { &["production"] };
        let on_failure = [OnFailure::RollbackChange, OnFailure::RollbackItem, OnFailure::Hold][usize::from(hold)];
        let (change, facts) = build(&shapes, environments, downtime, on_failure);
        let first = planned(&change, &facts);
        let second = plan(&change, &facts, &descriptors(), &options());
        prop_assert_eq!(serde_json::to_vec(&first.plan).unwrap(), serde_json::to_vec(&second.plan).unwrap());
        prop_assert!(first.plan.is_some() || !first.refused.is_empty() || !first.diagnostics.is_empty());
        if let Some(plan) = &first.plan {
            check_plan(plan, &facts)?;
        }
    }

    #[test]
    fn odd_figures_never_panic(rate in any::<f64>(), ratio in any::<f64>(), capacity in any::<f64>(), effect in any::<f64>(), bake in any::<u64>()) {
        let (change, mut facts) = payments();
        facts.targets.values_mut().for_each(|t| {
            t.request_rate.values_mut().for_each(|r| r.value = rate);
            t.error_ratio.values_mut().for_each(|r| r.value = ratio);
        });
        facts.catalog.settings.verification.effect = effect;
        facts.catalog.environments[0].max_bake_ms = Millis(bake);
        facts.catalog.environments[0].min_bake_ms = Millis(bake / 2);
        only_target(&mut facts).replica_capacity = Some(capacity);
        let planning = planned(&change, &facts);
        let finite = |p: &Plan| p.prediction.bad_requests.is_finite() && p.prediction.failure.mean.is_finite();
        prop_assert!(planning.plan.as_ref().is_none_or(finite));
    }
}

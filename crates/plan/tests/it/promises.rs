//! What a plan promises of its way back, held against the engine: plans are flown in virtual time, in which each call takes its expected median, and
//! turned back at every exposure. No flight back may take longer than was promised, and nothing may be promised across a step that cannot be undone.

use crate::fixture::*;
use crate::property::{build, shape};
use glidepath_engine::{Claiming, Effect, Input, RunState, decide, effects, next_wake};
use glidepath_files::{Loaded, Project};
use glidepath_model::action::ActionCall;
use glidepath_model::catalog::{ErrorRatio, Region, Selector, Signals};
use glidepath_model::change::{Constraints, ItemKind, OnFailure};
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, RunEnd};
use glidepath_model::facts::{DurationFact, Sourced, TargetFacts};
use glidepath_model::plan::{Estimate, GateCheck, Plan, Prediction, RiskLevel, Step, Undo, Work};
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Change, Facts, Millis, Money, RegionName, RunId, Share, StepId, TargetName, Timestamp};
use glidepath_plan::{codes, plan, plan_runbook};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Inputs after which a flight that has not ended counts as stuck.
const INPUTS_MAX: usize = 20_000;
/// Exposures of one plan at which it is turned back, at most.
const TURNS_MAX: usize = 12;

/// A promise holds at every moment of a flight, so at its end it may be longer than what is left to do, by this factor at most.
const TOO_LONG: f64 = 1.5;

/// How a flight back went.
struct Back {
    /// Promised for the place of the step at which it turned back, and what it took there.
    here: Option<(Millis, Millis)>,
    /// From turning back until all traffic was safe.
    safe: Millis,
    /// From turning back until everything was undone.
    undone: Millis,
}

/// What a call on the way back takes: a router answers at once or drains, everything else takes as long as forward.
fn median(step: &Step, call: &ActionCall, direction: Direction) -> Millis {
    let drains = call.input.get("drain").and_then(|d| d.as_array()).is_some_and(|d| !d.is_empty());
    match (direction, call.kind.as_str()) {
        (Direction::Safety | Direction::Undo, "haproxy") if drains => Millis::from_secs(5),
        (Direction::Safety | Direction::Undo, "haproxy") => Millis::from_secs(1),
        _ => step.expected.p50_ms,
    }
}

fn who() -> Who {
    Who { name: "pilot".to_owned(), known_by: "test".to_owned() }
}

/// What is to be told to the engine, by time and then in the order in which it came up.
#[derive(Default)]
struct Queue {
    inputs: BTreeMap<(Timestamp, usize), Input>,
    count: usize,
}

impl Queue {
    fn tell(&mut self, at: Timestamp, input: Input) {
        self.count += 1;
        self.inputs.insert((at, self.count), input);
    }

    /// What an attempt comes to, it comes to now.
    fn hasten(&mut self, attempt: &AttemptRef, at: Timestamp) {
        let is_of = |input: &Input| matches!(input, Input::AttemptEnded { attempt: of, .. } if of == attempt);
        let planned = self.inputs.iter().find(|(_, input)| is_of(input)).map(|(key, _)| *key);
        if let Some(input) = planned.and_then(|key| self.inputs.remove(&key)) {
            self.tell(at, input);
        }
    }

    fn next(&mut self, wake: Option<Timestamp>) -> Option<(Timestamp, Input)> {
        match self.inputs.first_key_value().map(|(key, _)| *key) {
            Some(key) if wake.is_none_or(|wake| key.0 <= wake) => Some((key.0, self.inputs.remove(&key)?)),
            _ => wake.map(|wake| (wake, Input::Wake)),
        }
    }
}

/// Flies a plan until `turn` has begun, or to its end, turns back there, and measures.
fn turned_back(plan: &Plan, turn: Option<&StepId>) -> Back {
    let body = &plan.body;
    let mut state = RunState::new(RunId::new("run-000000000001"));
    let mut queue = Queue::default();
    let start = Input::Start { plan: plan.id.clone(), who: who(), seed: 7, claims: Claiming::Granted(Vec::new()) };
    queue.tell(now(), start);
    let (mut at, mut turned, mut here) = (now(), false, None);
    for _ in 0..INPUTS_MAX {
        let wake = next_wake(&state, body).map(|time| time.max(at));
        let (time, input) = queue.next(wake).unwrap_or_else(|| panic!("{}: nothing follows", body.change.name));
        at = time;
        let events = decide(body, &mut state, input, at);
        for effect in effects(body, &state, &events) {
            match effect {
                Effect::Attempt { attempt, call, .. } => {
                    let took_ms = median(body.step(&attempt.step).unwrap(), &call, attempt.direction);
                    let outcome = Outcome::Done { outputs: BTreeMap::new() };
                    queue.tell(at.plus(took_ms), Input::AttemptEnded { attempt, outcome, took_ms });
                }
                Effect::Watch { step, spec, opened_at, .. } => {
                    let verdict = VerdictKind::NoRegression;
                    let look = Input::GateLook { step, verdict, line: "all is well".to_owned(), state: json!({}) };
                    queue.tell(opened_at.plus(spec.bake_ms), look);
                }
                // What is ended had done its work just then: the worst that it can have come to.
                Effect::Cancel { attempt } => queue.hasten(&attempt, at),
                Effect::Admit { step, .. } => queue.tell(at, Input::Admitted { step }),
                Effect::StopWatching { .. } | Effect::Page { .. } => {}
            }
        }
        let began = |event: &Event| matches!(event, Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do && Some(&attempt.step) == turn);
        let landed = state.ended.as_ref().is_some_and(|ended| ended.end == RunEnd::Succeeded);
        if !turned && (events.iter().any(began) || landed) {
            turned = true;
            here = turn.and_then(|id| promised_here(plan, &state, body.step(id)?));
            let verb = if landed { Verb::Rollback } else { Verb::Abort };
            queue
                .tell(at, Input::Request(Request { run: state.run.clone(), verb, step: None, who: who(), reason: None, at, signal: None }));
        }
        let Some(rollback) = &state.rollback else { continue };
        if let Some(place) = here.as_mut().filter(|place| place.took.is_none()) {
            let is_exposed = state.exposures(body).iter().any(|e| (&e.target, &e.region) == (&place.target, &place.region));
            place.took = (!is_exposed).then(|| at.since(rollback.began_at));
        }
        if let (Some(safe_at), Some(ended)) =
            (rollback.safety_reached, state.ended.as_ref().filter(|ended| ended.end == RunEnd::RolledBack))
        {
            let here = here.and_then(|place| Some((place.promised, place.took?)));
            return Back { here, safe: safe_at.since(rollback.began_at), undone: ended.at.since(rollback.began_at) };
        }
    }
    panic!("{}: stuck on the way back from {turn:?}, {:?}", body.change.name, state.mode());
}

/// A target in a region, on its way to safety.
struct Place {
    target: TargetName,
    region: Option<RegionName>,
    promised: Millis,
    took: Option<Millis>,
}

/// What the latest exposure of the step's place promises, where it is exposed.
fn promised_here(plan: &Plan, state: &RunState, step: &Step) -> Option<Place> {
    let (target, region) = (step.target.clone()?, step.region.clone());
    let is_here = |s: &&Step| s.exposure.as_ref().is_some_and(|e| e.target == target && e.region == region) && state.step(&s.id).began;
    let promised = plan.body.steps.iter().rfind(is_here)?.exposure.as_ref()?.safety_takes.as_ref()?.p50_ms;
    Some(Place { target, region, promised, took: None })
}

/// Turns the plan back at its exposures and at its end, and holds what is measured against what was promised. Where every duration is `exact`, a promise
/// may not be far too long either.
fn check_promises(plan: &Plan, exact: bool) -> Result<(), TestCaseError> {
    let name = &plan.body.change.name;
    let one_way: Vec<&Step> = plan.body.steps.iter().filter(|s| matches!(s.undo, Undo::ForwardOnly { .. })).collect();
    if let Some(step) = one_way.first() {
        prop_assert!(plan.prediction.time_to_rollback.is_none(), "{name}: all is undone in {:?}, across {}", plan.prediction, step.id);
        return Ok(());
    }
    let Some(Estimate { p50_ms: to_safety, .. }) = plan.prediction.time_to_safety else {
        return Err(TestCaseError::fail(format!("{name}: no way to safety, though every step can be undone")));
    };
    let undone = plan.prediction.time_to_rollback.as_ref().map(|time| time.p50_ms).unwrap_or_default();
    let exposing: Vec<&Step> = plan.body.steps.iter().filter(|s| s.exposure.is_some()).collect();
    for step in &exposing {
        let takes = step.exposure.as_ref().and_then(|e| e.safety_takes.as_ref());
        prop_assert!(takes.is_some_and(|t| t.p50_ms <= to_safety), "{name}: {} takes {takes:?} of {to_safety}", step.id);
    }
    // The step that exposes, and what follows it until the next exposure: the deploys that are then under way.
    let calls: Vec<&Step> = plan.body.steps.iter().filter(|s| s.stage > 0 && matches!(s.work, Work::Call(_))).collect();
    let stride = calls.len().div_ceil(TURNS_MAX).max(1);
    let turns = calls.iter().step_by(stride).chain(calls.last()).map(|s| Some(&s.id)).chain([None]);
    for turn in turns {
        let back = turned_back(plan, turn);
        if let Some((promised, took)) = back.here {
            prop_assert!(took <= promised, "{name}: safe {took} after {turn:?}, promised {promised} there");
        }
        prop_assert!(back.safe <= to_safety, "{name}: safe {} after {turn:?}, {to_safety} at the longest", back.safe);
        prop_assert!(back.undone <= undone, "{name}: undone {} after {turn:?}, promised {undone}", back.undone);
        if turn.is_none() && exact {
            prop_assert!(undone.0 as f64 <= back.undone.0 as f64 * TOO_LONG, "{name}: promised {undone}, undone in {}", back.undone);
        }
    }
    Ok(())
}

/// The facts that an example brings along, or those of healthy hosts of a known version.
fn facts_of(root: &Path, loaded: &Loaded) -> Facts {
    if let Ok(text) = std::fs::read_to_string(root.join("facts.json")) {
        return serde_json::from_str(&text).unwrap();
    }
    let mut facts = Facts::of_catalog(loaded.catalog.clone(), now());
    for target in loaded.catalog.targets.values() {
        let mut observed = TargetFacts::default();
        for host in target.hosts().map(|(_, host)| host) {
            observed.versions.insert(host.clone(), Sourced::observed("1.0.0".into(), "probe", now()));
            observed.healthy.insert(host.clone(), Sourced::observed(true, "probe", now()));
        }
        for item in loaded.changes.values().flat_map(|change| &change.items).filter(|item| item.component == target.component) {
            if let ItemKind::Flag { flag, .. } = &item.kind {
                observed.flags.insert(flag.clone(), Sourced::observed(0.0, "probe", now()));
            }
        }
        facts.targets.insert(target.name.clone(), observed);
    }
    facts
}

/// Lets every step take what it is expected to take, to the millisecond.
/// So many steps took that long that nothing of the usual spread is left.
fn certain(facts: &mut Facts) {
    let components: Vec<_> = facts.catalog.components.keys().cloned().collect();
    for (component, (kind, seconds)) in
        components.iter().flat_map(|c| [("deploy", 30), ("drain", 5), ("shift", 1), ("flag", 2)].map(|k| (c, k)))
    {
        let fact = DurationFact { p50_ms: Millis::from_secs(seconds), p95_ms: Millis::from_secs(seconds), count: 1_000_000 };
        facts.durations.insert(format!("{kind}/{component}"), Sourced::observed(fact, "store", now()));
    }
}

/// Every change and runbook of every example, planned.
fn examples() -> Vec<Plan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut roots: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    roots.sort();
    let mut plans = Vec::new();
    for root in roots {
        let loaded = Project::load(&root);
        let facts = facts_of(&root, &loaded);
        let accepted = glidepath_plan::PlanOptions { accept_stale: true, ..options() };
        // A contract is refused without a record of what has landed; the tests of examples fly it.
        let is_contract = |change: &&Change| change.items.iter().any(|item| matches!(item.kind, ItemKind::Contract { .. }));
        let changes = loaded
            .changes
            .values()
            .filter(|change| !is_contract(change))
            .map(|change| plan(change, &facts, &runbook_descriptors(), &accepted));
        let runbooks = loaded.runbooks.values().map(|runbook| plan_runbook(runbook, &facts, &runbook_descriptors(), &accepted));
        for planning in changes.chain(runbooks) {
            let stands_in_the_way = format!("{}: {:?} {:?}", root.display(), planning.refused, planning.diagnostics);
            plans.push(planning.plan.unwrap_or_else(|| panic!("{stands_in_the_way}")));
        }
    }
    plans
}

#[test]
fn every_example_is_back_as_soon_as_it_promises() {
    let plans = examples();
    assert!(plans.len() >= 4, "{}", plans.len());
    for plan in plans {
        // A runbook waits for people and events, and moves no traffic.
        let is_flown = plan.body.steps.iter().all(|s| matches!(s.work, Work::Call(_) | Work::Gate(_) | Work::Wait(_)));
        let has_one_way = plan.body.steps.iter().any(|s| matches!(s.undo, Undo::ForwardOnly { .. }));
        if is_flown || has_one_way {
            check_promises(&plan, false).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_way_back_takes_longer_than_promised(shapes in prop::collection::vec(shape(), 1..4), two in any::<bool>(), downtime in any::<bool>(), exact in any::<bool>()) {
        let environments: &[&str] = if two { &["staging", "production"] } else { &["production"] };
        let (change, mut facts) = build(&shapes, environments, downtime, OnFailure::RollbackChange);
        if exact {
            certain(&mut facts);
        }
        if let Some(plan) = planned(&change, &facts).plan {
            check_promises(&plan, exact)?;
        }
    }
}

#[test]
fn more_hosts_than_go_back_at_once_take_turns() {
    let mut web = target("web", "production", vec![region("default", "web", 150, false)]);
    web.restart_ms = Some(Millis::from_secs(30));
    let mut facts = facts(vec![component("web", &[])], vec![web], &["production"]);
    certain(&mut facts);
    let mut item = version("web", "2.0");
    item.strategy = Some("recreate".to_owned());
    let mut change = change(&["production"], vec![item]);
    change.constraints.downtime_ms = Some(Millis::from_mins(10));
    let plan = plan_of(&change, &facts);
    let back = turned_back(&plan, None);
    assert_eq!(back.safe, Millis::from_secs(90), "150 deploys, 64 at a time");
    check_promises(&plan, true).unwrap();
}

#[test]
fn all_hosts_are_stopped_before_one_is_started_there_and_back() {
    let regions = vec![region("eu-west", "eu", 3, false), region("us-east", "us", 2, false)];
    let mut web = target("web", "production", regions);
    web.restart_ms = Some(Millis::from_secs(30));
    web.stop = Some(Box::new(template("exec", json!({"argv": ["./stop.sh", "{host}"]}))));
    let mut facts = facts(vec![component("web", &[])], vec![web], &["production"]);
    certain(&mut facts);
    let mut item = version("web", "2.0");
    item.strategy = Some("recreate".to_owned());
    let mut change = change(&["production"], vec![item]);
    change.constraints.downtime_ms = Some(Millis::from_mins(10));
    let plan = plan_of(&change, &facts);
    let named = |verb: &str| plan.body.steps.iter().filter(|step| step.id.as_str().contains(verb)).collect::<Vec<_>>();
    let (stops, starts) = (named("/stop-"), named("/deploy-"));
    let ids = stops.iter().map(|step| step.id.clone()).collect::<Vec<_>>();
    assert_eq!((stops.len(), starts.len()), (5, 5));
    let says = |undo: &Undo, word: &str| matches!(undo, Undo::Call { call, .. } if call.input.to_string().contains(word));
    for step in starts {
        assert_eq!(step.needs, ids, "{} begins once all hosts are stopped", step.id);
        assert!(says(&step.undo, "stop.sh"), "{:?}", step.undo);
    }
    assert!(stops.iter().all(|step| says(&step.undo, "1.0.0")), "{:?}", stops[0].undo);
    assert!(!plan.findings.iter().any(|finding| finding.code == codes::VERSIONS_BESIDE));
    check_promises(&plan, true).unwrap();
}

#[test]
fn once_hosts_must_be_deployed_again_first_safety_is_no_longer_one_call() {
    let (change, facts) = payments();
    let plan = plan_of(&change, &facts);
    let takes = |end: &str| {
        let step = plan.body.steps.iter().find(|s| s.id.as_str().ends_with(end)).unwrap_or_else(|| panic!("{end}"));
        step.exposure.as_ref().unwrap().safety_takes.clone().unwrap()
    };
    let last = plan.body.steps.iter().rfind(|s| s.exposure.is_some()).map(|s| s.id.to_string()).unwrap();
    let (early, late) = (takes("stage-1/shift"), takes(&last));
    assert_eq!((early.p50_ms, early.source.as_str()), (Millis::from_secs(1), "one call"));
    assert!(late.p50_ms >= Millis::from_secs(30 + 5 + 1), "a deploy, its drain and the call: {late:?}");
    let worst = plan.prediction.time_to_safety.as_ref().unwrap();
    assert!(worst.p50_ms >= late.p50_ms && worst.p95_ms >= late.p95_ms, "{worst:?}");
    assert!(worst.source.ends_with(" steps in a row go back first"), "{}", worst.source);
    let promised = Prediction { reasons: vec![], stages: vec![], ..plan.prediction.clone() };
    assert_eq!(plan.candidates[0].prediction, promised, "the chosen candidate promises what the plan promises");
}

/// Three hosts without a router: only undo takes the traffic away.
fn by_hand(router: bool) -> (Change, Facts) {
    let mut web = target("web", "production", vec![region("default", "web", 3, router)]);
    web.deploy = Some(template("manual", json!({"text": "install {version} on {host}", "deadlineMs": 60_000})));
    web.undo = None;
    let facts = facts(vec![component("web", &[])], vec![web], &["production"]);
    (change(&["production"], vec![version("web", "2.0")]), facts)
}

#[test]
fn across_a_deploy_that_only_goes_forward_nothing_is_promised() {
    for router in [false, true] {
        let (change, facts) = by_hand(router);
        let plan = plan_of(&change, &facts);
        assert_eq!(plan.prediction.time_to_rollback, None, "with a router: {router}");
        assert_eq!(plan.prediction.time_to_safety, None, "once too few old hosts are left, no call brings the old version back");
        assert_eq!(plan.prediction.risk, RiskLevel::High);
        let reasons = plan.prediction.risk_reasons.join("; ");
        assert!(reasons.contains("cannot go back: web is deployed by hand") && !reasons.contains("every step can be undone"), "{reasons}");
        assert!(plan.candidates.iter().all(|c| c.prediction.time_to_rollback.is_none()));
        let first = plan.body.steps.iter().find_map(|s| s.exposure.as_ref()).unwrap();
        assert_eq!(first.safety_takes.is_some(), router, "while the old hosts carry all, one call of the router is enough");
    }
}

#[test]
fn what_costs_nothing_is_not_called_unknown() {
    let hour = Money::parse("0.12 EUR");
    let mut db = target("db", "production", Vec::new());
    db.replica_hour = None;
    db.flag = Some(Box::new(template("exec", json!({"argv": ["./flag.sh", "{flag}", "{share}"]}))));
    let mut web = target("web", "production", vec![region("default", "web", 3, true)]);
    let mut flag = version("db", "on");
    flag.kind = ItemKind::Flag { flag: "f".to_owned(), to: Share::ALL, remove_by: None };
    let change = Change { constraints: Constraints::default(), ..change(&["production"], vec![version("web", "2.0"), flag]) };
    for (price, expected) in [(hour.clone(), hour.map(|h| h.times(0.0))), (None, None)] {
        web.replica_hour = price;
        let facts = facts(vec![component("db", &[]), component("web", &[])], vec![db.clone(), web.clone()], &["production"]);
        assert_eq!(plan_of(&change, &facts).prediction.extra_cost, expected, "a target without hosts has nothing that could cost more");
    }
}

#[test]
fn the_windows_after_deployment_watch_the_errors_of_every_region() {
    let watched = |regions: Vec<Region>, by_region: bool| -> Vec<(String, String)> {
        let mut web = target("web", "production", regions);
        let selector = |text: &str| Selector::parse(text).unwrap();
        let place = if by_region { ",region=\"{region}\"" } else { "" };
        web.signals = web.signals.map(|signals| Signals {
            errors: Some(ErrorRatio {
                bad: selector(&format!("requests_total{{status=\"500\"{place}}}")),
                total: selector(&format!("requests_total{{job=\"web\"{place}}}")),
            }),
            ..signals
        });
        let mut facts = facts(vec![component("web", &[])], vec![web], &["production"]);
        facts.catalog.objectives.push(ratio_objective("availability", "web", "99.9%"));
        let plan = plan_of(&change(&["production"], vec![version("web", "2.0")]), &facts);
        let gate = |s: &&Step| s.id.as_str().starts_with("production/verify");
        let Some(Work::Gate(gate)) = plan.body.steps.iter().find(gate).map(|s| s.work.clone()) else { panic!("no window") };
        let ceiling = |check: &GateCheck| match check {
            GateCheck::Threshold { name, query, .. } if name.starts_with("error share") => Some((name.clone(), query.clone())),
            _ => None,
        };
        gate.checks.iter().filter_map(ceiling).collect()
    };
    let both = || vec![region("eu-west", "eu", 3, true), region("us-east", "us", 3, true)];
    let apart = watched(both(), true);
    assert_eq!(
        apart.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["error share of web in eu-west", "error share of web in us-east"]
    );
    assert!(apart[0].1.contains("eu-west") && apart[1].1.contains("us-east"), "{apart:?}");
    let together = watched(both(), false);
    assert_eq!(together.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["error share of web"], "one look sees all of it");
    // With a reading a minute, which is the default of a Prometheus, a minute holds no two of them.
    assert!(together[0].1.contains("[1m])) or (sum(rate(") && together[0].1.ends_with("[5m]))"), "{together:?}");
}

#[test]
fn what_a_stage_tolerates_burns_no_budget_that_holds_others() {
    let tolerated = |promised: &str| {
        let web = target("web", "production", vec![region("eu-west", "eu", 3, true)]);
        let mut facts = facts(vec![component("web", &[])], vec![web], &["production"]);
        facts.catalog.objectives.push(ratio_objective("availability", "web", promised));
        let plan = plan_of(&change(&["production"], vec![version("web", "2.0")]), &facts);
        let checks = plan.body.steps.iter().filter_map(|step| if let Work::Gate(gate) = &step.work { Some(&gate.checks) } else { None });
        let of_stages = checks.flatten().filter_map(|check| match check {
            GateCheck::Proportion { tolerated, ceiling, .. } => Some((tolerated.unwrap(), ceiling.unwrap_or(1.0))),
            _ => None,
        });
        let found: Vec<(f64, f64)> = of_stages.collect();
        assert!(!found.is_empty() && found.iter().all(|(tolerated, ceiling)| tolerated < ceiling), "{promised}: {found:?}");
        found[0].0
    };
    for (promised, most) in [("99%", 0.01), ("99.9%", 0.001), ("99.99%", 0.0004), ("99.999%", 0.00004)] {
        let found = tolerated(promised);
        assert!(found <= most * 1.001, "{promised}: {found}");
    }
}

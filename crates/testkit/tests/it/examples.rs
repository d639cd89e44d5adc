//! The plan of every example keeps the laws of plans: whatever goes wrong in it, and whenever its owner dies, the run ends by itself or with an
//! honest person's help, and leaves the world in balance.

use glidepath_model::Severity;
use glidepath_model::event::RunEnd;
use glidepath_model::plan::{PlanBody, Work};
use glidepath_model::request::Verb;
use glidepath_testkit::examples::{self, Example, examples};
use glidepath_testkit::laws::{Death, Flight, Flown, PlanCase, gate_cases, last_failure, plan_cases};
use glidepath_testkit::sim::{Options, ReadyPlan, Tally, simulate};
use std::collections::{BTreeMap, BTreeSet};

/// Appends at which the owner of one flight dies, at most.
const DEATHS_MAX: usize = 60;
/// Seed at which the simulations begin.
const SEED: u64 = 41_000;
/// Simulations of a plan, at most.
const SIMULATIONS_MAX: u64 = 300;
/// Simulations of a plan, at least; `cargo xtask sim --plan NAME` makes more of them, and optimised.
const SIMULATIONS_MIN: u64 = 25;
/// Steps of all simulations of a plan together, between these.
const STEPS_SIMULATED: u64 = 6_000;

fn example(name: &str) -> Example {
    examples::example(name).unwrap_or_else(|problem| panic!("{problem}"))
}

fn fly(example: &Example, case: PlanCase, death: Option<Death>) -> Flown {
    flown(example, Flight { case, death, ..Flight::default() })
}

fn flown(example: &Example, flight: Flight) -> Flown {
    let flight = Flight { outputs: example.outputs.clone(), ..flight };
    flight.fly(&example.plan.body).unwrap_or_else(|problem| panic!("{}: {problem}", example.name))
}

/// Each call and each gate goes wrong in each way.
fn everything_goes_wrong_once(name: &str) {
    let example = example(name);
    let body = &example.plan.body;
    let cases = of_each_role(body, plan_cases(body).into_iter().chain(gate_cases(body)).collect());
    let (mut landed, mut turned_back) = (0, 0);
    for case in cases {
        let (told, expected) = (case.name.clone(), case.end);
        let end = fly(&example, case, None).end;
        assert!(expected.is_none_or(|expected| end == expected), "{name}, {told}: expected {expected:?}, but it {end}");
        landed += u32::from(end == RunEnd::Succeeded);
        turned_back += u32::from(end == RunEnd::RolledBack);
    }
    assert!(landed > 0 && turned_back > 0, "{name}: {landed} landed, {turned_back} turned back");
}

/// The owner dies at each append: on the way to landing, and on the way back from the last failure.
fn the_owner_dies_at_every_append(name: &str) {
    let example = example(name);
    let body = &example.plan.body;
    for (case, expected) in [(PlanCase::default(), RunEnd::Succeeded), (last_failure(body).unwrap(), RunEnd::RolledBack)] {
        let whole = fly(&example, case.clone(), None);
        assert_eq!(whole.end, expected, "{name}, {}", case.name);
        // Of a long flight only some appends: they are alike for each host and each region.
        let stride = whole.appends.div_ceil(DEATHS_MAX);
        for append in (1..=whole.appends).step_by(stride) {
            for death in [Death::BeforeActing(append), Death::AfterActing(append)] {
                assert_eq!(fly(&example, case.clone(), Some(death)).end, expected, "{name}, {}, {death:?}", case.name);
            }
        }
    }
}

/// A person calls it off at each append, before what was begun by then has ended.
fn a_person_calls_it_off_at_every_append(name: &str) {
    let example = example(name);
    let whole = fly(&example, PlanCase::default(), None);
    let stride = whole.appends.div_ceil(DEATHS_MAX);
    let mut turned_back = 0;
    for append in (1..whole.appends).step_by(stride) {
        let flown = flown(&example, Flight { aborted_after: Some(append), ..Flight::default() });
        let expected = if flown.asked.contains(&Verb::Abort) { RunEnd::RolledBack } else { RunEnd::Succeeded };
        assert_eq!(flown.end, expected, "{name}, after append {append}");
        turned_back += u32::from(flown.end == RunEnd::RolledBack);
    }
    assert!(turned_back > 0, "{name}: nothing was called off");
}

/// Of cases that differ in nothing but the host or the region of their step, the first and the last.
fn of_each_role(body: &PlanBody, cases: Vec<PlanCase>) -> Vec<PlanCase> {
    let role = |case: &PlanCase| {
        let (id, what) = case.name.split_once(": ").unwrap_or((&case.name, ""));
        let step = body.step(&id.into()).unwrap();
        let work = match &step.work {
            Work::Call(call) => call.kind.as_str(),
            _ => "no call",
        };
        let undo = std::mem::discriminant(&step.undo);
        let exposes = step.exposure.as_ref().map(|exposure| (exposure.safety.is_some(), exposure.safety_needs.is_empty()));
        let (saves, lands) = (step.saves_data, step.after_landing);
        format!(
            "{what} {work} {undo:?} {exposes:?} {saves} {lands} {:?} {:?} {:?} {:?}",
            step.phase, step.compensate_on, step.on_unknown, step.group
        )
    };
    let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        places.entry(role(case)).and_modify(|(_, last)| *last = at).or_insert((at, at));
    }
    let chosen: BTreeSet<usize> = places.into_values().flat_map(|(first, last)| [first, last]).collect();
    cases.into_iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, case)| case).collect()
}

/// The example in the simulator: nodes, store and world fail as well.
fn every_promise_is_kept_in_the_simulator(name: &str) {
    let example = example(name);
    let ready = ReadyPlan::new(name, &example.plan.body);
    let options = Options { plans: [ready].into(), only: Some(name.to_owned()), ..Options::default() };
    let seeds = (STEPS_SIMULATED / example.plan.body.steps.len() as u64).clamp(SIMULATIONS_MIN, SIMULATIONS_MAX);
    let mut sum = Tally::default();
    for seed in SEED..SEED + seeds {
        sum.add(&simulate(seed, &options).unwrap_or_else(|failure| panic!("{failure}")));
    }
    assert!(sum.effects > seeds && sum.faults > seeds && sum.takeovers > 0, "{name}: {sum:?}");
}

#[test]
fn each_example_is_flown_here() {
    let found = examples().unwrap_or_else(|problem| panic!("{problem}"));
    let names: Vec<&str> = found.iter().map(|example| example.name.as_str()).collect();
    assert_eq!(names, FLOWN, "a new example needs its line in `laws!`");
    for Example { name, plan, .. } in &found {
        let wrong: Vec<_> = plan.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        assert!(plan.body.steps.iter().any(|step| matches!(step.work, Work::Call(_))), "{name} calls nothing");
    }
}

macro_rules! laws {
    ($($module:ident $name:literal)*) => {
        const FLOWN: [&str; [$($name),*].len()] = [$($name),*];

        $(mod $module {
            #[test]
            fn everything_goes_wrong_once() {
                super::everything_goes_wrong_once($name);
            }

            #[test]
            fn the_owner_dies_at_every_append() {
                super::the_owner_dies_at_every_append($name);
            }

            #[test]
            fn a_person_calls_it_off_at_every_append() {
                super::a_person_calls_it_off_at_every_append($name);
            }

            #[test]
            fn every_promise_is_kept_in_the_simulator() {
                super::every_promise_is_kept_in_the_simulator($name);
            }
        })*
    };
}

laws! {
    blue_green "blue-green/shop-2"
    capacity "capacity/busy-week"
    checkout "checkout/checkout-3ds"
    compose "compose/web-1-5"
    config "config/cache-2"
    database_notes "database/notes"
    database_contract "database/notes-contract"
    edge "edge/storefront-2"
    experiment "experiment/one-page"
    lead_north "failover/lead-north"
    leave_west "failover/leave-west"
    flag "flag/new-search"
    kubernetes "kubernetes/web-1-5"
    recreate "recreate/ledger-2"
    replace "replace/image-2"
    rotate "rotate/signing-key"
    announce "runbook/announce"
    rotate_keys "runbook/rotate-keys"
    schema_cents "schema/cents"
    schema_contract "schema/cents-contract"
    schema_orders "schema/orders"
    serverless "serverless/resize-2"
    shadow "shadow/search-2"
    vm_fleet "vm-fleet/agent-2"
}

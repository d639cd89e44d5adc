//! What each fault does to flights, and that equal seeds give equal ones.

use crate::fixture::{SEED, all, example, faults, fly};
use glidepath_model::{Millis, StepId};
use glidepath_rehearse::{Distribution, End, Model, Rehearsal, Turned, summary};

const CHECKOUT: &str = "checkout/checkout-3ds";
const FLEET: &str = "vm-fleet/agent-2";
const FLAG: &str = "flag/new-search";

fn median(of: Option<&Distribution>) -> f64 {
    of.map_or(0.0, |of| of.p50)
}

#[test]
fn equal_seeds_give_equal_bytes_whoever_flies_which_numbers() {
    let faults = faults(&["dark:10m", "node-lost", "step-fails:20%", "slow-rollback:2"]);
    for example in all() {
        let model = Model::new(&example.plan, &example.facts, &faults);
        let there: Vec<_> = (0..40).map(|number| model.fly(SEED, number)).collect();
        let mut back: Vec<_> = (0..40).rev().map(|number| model.fly(SEED, number)).collect();
        back.reverse();
        assert_eq!(there, back, "{}", example.name);
        let written = |flown: &[_]| serde_json::to_string(&summary(SEED, flown)).unwrap();
        assert_eq!(written(&there), written(&back));
        let other: Vec<_> = (0..40).map(|number| model.fly(SEED + 1000, number)).collect();
        assert_ne!(there, other, "{}: another seed gives other flights", example.name);
        for number in [0, 17, 39] {
            let story = model.tell(SEED, number);
            assert_eq!(Some(&story.outcome), there.get(number as usize), "{}: telling a flight changes nothing", example.name);
            assert!(story.moments.is_sorted_by_key(|moment| moment.at_ms) && !story.moments.is_empty());
        }
    }
}

#[test]
fn every_flight_ends() {
    for example in all() {
        let (_, found) = fly(&example.name, &[], 60);
        assert_eq!(found.ended(End::GivenUp), 0, "{}: {:?}", example.name, found.ends);
        assert!(found.landed_share() > 0.5, "{}: {:?}", example.name, found.ends);
    }
}

#[test]
fn a_step_that_fails_turns_every_flight_back() {
    let step = example(FLAG).plan.body.steps.iter().find(|s| s.exposure.is_some()).map(|s| s.id.to_string()).unwrap();
    let (_, found) = fly(FLAG, &[&format!("step-fails:{step}")], 60);
    assert_eq!((found.ended(End::RolledBack), found.landed_share()), (60, 0.0));
    assert_eq!(found.turned.first(), Some(&(Turned::Step(StepId::new(&step)), 60)));
    let (_, some) = fly(FLAG, &["step-fails:50%"], 200);
    assert!((60..140).contains(&some.ended(End::RolledBack)), "{:?}", some.ends);
}

#[test]
fn in_the_dark_gates_ask_and_people_turn_back() {
    let (_, light) = fly(CHECKOUT, &[], 40);
    let (flown, dark) = fly(CHECKOUT, &["dark:12h"], 40);
    assert!(dark.landed_share() < light.landed_share() / 2.0, "{:?} {:?}", dark.ends, light.ends);
    assert!(dark.asked_ms.as_ref().is_some_and(|asked| asked.count > 10));
    assert!(flown.iter().any(|o| matches!(o.turned, Some(Turned::Asked(_)))));
    // Whoever does not come before the hold limit finds traffic safe.
    let (late, _) = fly(CHECKOUT, &["dark:12h", "approval-late:5h"], 40);
    assert!(late.iter().any(|o| o.turned == Some(Turned::Limit)), "the hold limit brings traffic back");
    assert!(late.iter().all(|o| o.asked < Millis::from_mins(5 * 60)), "nobody waits for people beyond it");
}

#[test]
fn a_node_that_is_lost_costs_a_takeover_and_what_was_under_way() {
    let (_, usual) = fly(FLEET, &[], 600);
    let (_, found) = fly(FLEET, &["node-lost@1m"], 600);
    assert_eq!(found.ended(End::GivenUp), 0, "{:?}", found.ends);
    assert!(found.landed_share() > 0.7, "{:?}", found.ends);
    let longer = median(found.duration_ms.as_ref()) - median(usual.duration_ms.as_ref());
    assert!(longer > 30_000.0, "{longer} ms longer: a takeover takes half a minute");
}

#[test]
fn a_dependency_that_is_down_turns_back_what_is_not_to_blame() {
    let (_, fine) = fly(CHECKOUT, &[], 40);
    let (_, down) = fly(CHECKOUT, &["dependency-down:payments:15m@40m"], 40);
    assert!(down.landed_share() < fine.landed_share(), "{:?} {:?}", down.ends, fine.ends);
}

#[test]
fn with_less_traffic_evidence_takes_longer() {
    let (_, usual) = fly(CHECKOUT, &[], 40);
    let (_, less) = fly(CHECKOUT, &["traffic-drop:40%:12h@0s"], 40);
    assert!(median(less.duration_ms.as_ref()) > median(usual.duration_ms.as_ref()) * 1.1);
}

#[test]
fn a_slow_way_back_is_slow() {
    let (_, usual) = fly(FLEET, &["step-fails"], 60);
    let (_, slow) = fly(FLEET, &["step-fails", "slow-rollback:2"], 60);
    let mean = |of: &Rehearsal| of.to_undone_ms.as_ref().map_or(0.0, |of| of.mean);
    assert!(mean(&slow) > mean(&usual) * 1.3, "{} against {}", mean(&slow), mean(&usual));
}

#[test]
fn a_fault_that_fits_nothing_is_named() {
    let example = example(FLAG);
    let gate = example.plan.body.steps.iter().find(|s| matches!(s.work, glidepath_model::plan::Work::Gate(_))).unwrap();
    let faults = faults(&["step-fails:nowhere", &format!("step-fails:{}", gate.id), "dependency-down:nobody:5m", "dark:5m"]);
    let misfits = Model::new(&example.plan, &example.facts, &faults).misfits(&example.facts);
    assert_eq!(misfits.len(), 3, "{misfits:?}");
    assert!(
        misfits[0].contains("no step 'nowhere'") && misfits[1].contains("calls nothing") && misfits[2].contains("no component 'nobody'")
    );
}

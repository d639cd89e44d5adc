//! The examples, rehearsed: what their plans predict is what their flights come to.

use crate::fixture::{SEED, all, fly};
use glidepath_rehearse::{Agreement, Model, agreement};
use std::time::Instant;

/// Flights of an example: as many as hold a few ten thousand steps.
fn runs(steps: usize) -> u64 {
    (60_000 / steps.max(1) as u64).clamp(300, 3000)
}

#[test]
fn the_plans_of_the_examples_predict_what_their_flights_come_to() {
    for example in all() {
        let (_, found) = fly(&example.name, &[], runs(example.plan.body.steps.len()));
        let compared = agreement(&example.plan, &found);
        assert!(compared.iter().any(|one| one.what.starts_with("duration")));
        let wrong: Vec<&Agreement> = compared.iter().filter(|one| !one.holds).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", example.name);
    }
}

#[test]
#[ignore = "prints the figures of docs/concepts/rehearsal.md"]
fn figures() {
    for example in all() {
        let began = Instant::now();
        let (flown, found) = fly(&example.name, &[], runs(example.plan.body.steps.len()));
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{}: {} steps, {:.0} flights/s, {:?}",
            example.name,
            example.plan.body.steps.len(),
            flown.len() as f64 / seconds,
            found.ends
        );
        println!("  {} failing, turned {:?}", found.failing, &found.turned[..found.turned.len().min(5)]);
        for one in agreement(&example.plan, &found) {
            println!(
                "  {:<38} {:>12.3} [{:.3}..{:.3}], {:.3} [{:.3}..{:.3}] {}",
                one.what, one.predicted, one.predicted_low, one.predicted_high, one.simulated, one.low, one.high, one.holds
            );
        }
        let model = Model::new(&example.plan, &example.facts, &[]);
        for moment in model.tell(SEED, found.worst).moments {
            println!("    +{} {}", moment.at_ms, moment.line);
        }
    }
}

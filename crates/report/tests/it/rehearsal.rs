//! A rehearsal in the terminal.

use crate::fixture::{facts, plan};
use glidepath_rehearse::{Fault, Model, Outcome, agreement, summary};
use glidepath_report::{Rehearsed, Style, rehearsal};

fn told(faults: &[&str], style: Style) -> String {
    let (plan, facts) = (plan(), facts());
    let faults: Vec<Fault> = faults.iter().map(|text| Fault::parse(text).unwrap()).collect();
    let model = Model::new(&plan, &facts, &faults);
    let flown: Vec<Outcome> = (0..300).map(|number| model.fly(3, number)).collect();
    let found = summary(3, &flown);
    let compared = if faults.is_empty() { agreement(&plan, &found) } else { Vec::new() };
    let story = model.tell(3, found.worst);
    rehearsal(&Rehearsed { plan: &plan, faults: &faults, rehearsal: &found, agreement: &compared, story: &story }, style)
}

#[test]
fn a_rehearsal_tells_ends_distributions_what_saved_it_and_the_worst_flight() {
    let text = told(&[], Style::Plain);
    for part in
        ["How it ends", "take-off to landing", "What turned it back", "The worst flight, number", "0:00:00  takes off", "does not land"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}') && told(&[], Style::Ansi).contains('\u{1b}'));
    for leak in ["NaN", "inf", "Some(", "None"] {
        assert!(!text.contains(leak), "{leak}: {text}");
    }
}

#[test]
fn with_a_fault_it_says_what_was_made_to_go_wrong_and_compares_nothing() {
    let text = told(&["dark:10m@5m", "slow-rollback:2"], Style::Plain);
    assert!(text.contains("Made to go wrong: telemetry is dark for 10 min, 5 min after take-off."), "{text}");
    assert!(text.contains("Made to go wrong: the way back takes 2 times as long."), "{text}");
    assert!(!text.contains("What the plan predicts"), "{text}");
}

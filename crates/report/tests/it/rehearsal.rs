//! A rehearsal in the terminal.

use crate::fixture::{facts, plan};
use glidepath_rehearse::{Fault, Model, Outcome, agreement, summary};
use glidepath_report::{Block, Rehearsed, Style, rehearsal, rehearsal_document, to_html, to_markdown};

fn told(faults: &[&str], style: Style) -> String {
    with(faults, |found| rehearsal(found, style))
}

fn with<R>(faults: &[&str], tell: impl Fn(&Rehearsed<'_>) -> R) -> R {
    let (plan, facts) = (plan(), facts());
    let faults: Vec<Fault> = faults.iter().map(|text| Fault::parse(text).unwrap()).collect();
    let model = Model::new(&plan, &facts, &faults);
    let flown: Vec<Outcome> = (0..300).map(|number| model.fly(3, number)).collect();
    let found = summary(3, &flown);
    let compared = if faults.is_empty() { agreement(&plan, &found) } else { Vec::new() };
    let story = model.tell(3, found.worst);
    tell(&Rehearsed { plan: &plan, faults: &faults, rehearsal: &found, agreement: &compared, story: &story })
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

#[test]
fn the_document_has_the_distributions_as_pictures_and_names_what_saved_the_flight_that_is_told() {
    let document = with(&[], rehearsal_document);
    let titles: Vec<&str> = document.sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["How it ends", "What turned it back", "The worst flight", "What the plan predicts, against this"]);
    let blocks = |at: usize| document.sections[at].blocks.iter();
    let figures = blocks(0).filter(|block| matches!(block, Block::Figure(_))).count();
    assert_eq!(figures, 2);
    let callouts: Vec<&str> =
        blocks(2).filter_map(|block| if let Block::Callout { title, .. } = block { Some(title.as_str()) } else { None }).collect();
    assert!(matches!(callouts.as_slice(), ["Saved by a gate" | "Turned back without need" | "No gate saved it"]), "{callouts:?}");
    for text in [to_html(&document), to_markdown(&document)] {
        for part in ["Take-off to landing", "median", "does not land", "+0:00"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for leak in ["NaN", "inf\"", "Some(", "None"] {
            assert!(!text.contains(leak), "{leak}");
        }
    }
    let faulty = with(&["dark:10m@5m"], rehearsal_document);
    assert!(faulty.badges.iter().any(|badge| badge.text == "with faults"));
    assert!(faulty.sections.iter().all(|section| section.title != "What the plan predicts, against this"));
}

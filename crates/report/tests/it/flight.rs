//! The card, the live view and the record of a run.

use crate::fixture::{at, events, facts, flying, plan, run};
use glidepath_engine::RunState;
use glidepath_judge::proportion::{Counts, SequentialConfig, SequentialState};
use glidepath_model::{Event, Facts, Plan, Recorded};
use glidepath_report::{
    CARD_COLUMNS_MAX, CARD_LINES_MAX, Style, Way, card, document, event_line, live, run_record, to_html, to_markdown, variants,
};
use serde_json::json;

const NOW: u64 = 650;

#[test]
fn the_card_fits_a_screen_before_and_in_flight() {
    let (plan, facts) = (plan(), facts());
    let state = flying(&plan);
    for text in
        [card(&plan, Some(&facts), None, at(0)), card(&plan, Some(&facts), Some(&state), at(NOW)), card(&plan, None, Some(&state), at(NOW))]
    {
        assert!(text.lines().count() <= CARD_LINES_MAX, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= CARD_COLUMNS_MAX || line.starts_with("  $ ") || line.starts_with("     "), "{line}");
        }
    }
    insta::assert_snapshot!("card-before", card(&plan, Some(&facts), None, at(0)));
    insta::assert_snapshot!("card-flying", card(&plan, Some(&facts), Some(&state), at(NOW)));
}

#[test]
fn what_is_of_another_day_has_its_date_on_the_card_and_in_the_live_view() {
    const DAY: u64 = 24 * 60 * 60;
    let plan = plan();
    let state = flying(&plan);
    let today = card(&plan, None, Some(&state), at(NOW));
    let tomorrow = card(&plan, None, Some(&state), at(NOW + DAY));
    assert!(today.contains("\n  09:09:02 done in 1 s") && today.contains("NEXT     09:11:32 ("), "{today}");
    assert!(tomorrow.contains("\n  2026-11-24 09:09:02 done in 1 s") && tomorrow.contains("NEXT     2026-11-24 09:11:32 ("), "{tomorrow}");
    let frame = live(&plan, &state, None, at(NOW + DAY), 100, 30, Style::Plain).join("\n");
    assert!(frame.contains("\n2026-11-24 09:10:32 Watch payments"), "{frame}");
    let waits = Event::WaitStarted { step: "ask".into(), until: at(NOW + DAY) };
    assert_eq!(event_line(&waits, at(NOW)).as_deref(), Some("waits until 2026-11-25 09:10:50: ask"));
    assert_eq!(event_line(&waits, at(NOW + DAY)).as_deref(), Some("waits until 09:10:50: ask"));
}

#[test]
fn a_command_on_the_card_can_be_copied_whole() {
    let plan = plan();
    let text = card(&plan, None, Some(&flying(&plan)), at(NOW));
    let joined = text.replace(" \\\n     ", " ");
    let command = plan.body.steps.iter().find_map(|s| s.exposure.as_ref()?.safety_command.clone()).unwrap();
    assert!(joined.contains(&command), "{text}");
}

#[test]
fn long_commands_do_not_push_the_rest_off_the_card_and_those_left_out_are_counted() {
    let mut plan = plan();
    for exposure in plan.body.steps.iter_mut().filter_map(|step| step.exposure.as_mut()) {
        exposure.safety_command = exposure.safety_command.take().map(|command| vec![command; 4].join(" && "));
    }
    for (state, needed) in [(None, "VERDICT"), (Some(flying(&plan)), "NEXT")] {
        let text = card(&plan, Some(&facts()), state.as_ref(), at(NOW));
        assert!(text.lines().count() <= CARD_LINES_MAX, "{text}");
        assert!(text.contains(needed) && text.contains("HELD BY"), "{text}");
        assert!(state.is_some() || text.contains("in order, in section 6 of the document"), "{text}");
    }
}

#[test]
fn the_live_view_fits_each_terminal_and_shows_what_matters() {
    let (plan, facts) = (plan(), facts());
    let state = flying(&plan);
    for (width, height) in [(100, 30), (60, 20), (200, 60), (40, 10), (0, 0)] {
        let frame = live(&plan, &state, Some(&facts), at(NOW), width, height, Style::Plain);
        assert!(frame.len() <= height.max(10), "{width}x{height}: {} lines", frame.len());
        for line in &frame {
            assert!(line.chars().count() <= width.max(40), "{width}x{height}: {line}");
        }
        assert!(frame[0].contains("FLYING"), "{}", frame[0]);
        assert!(frame.last().unwrap().contains("glidepath"));
    }
    insta::assert_snapshot!("live-100x30", live(&plan, &state, Some(&facts), at(NOW), 100, 30, Style::Plain).join("\n"));
    insta::assert_snapshot!("live-60x20", live(&plan, &state, Some(&facts), at(NOW), 60, 20, Style::Plain).join("\n"));
}

#[test]
fn a_long_verdict_is_wrapped_and_keeps_its_numbers() {
    let (plan, facts) = (plan(), facts());
    let state = flying(&plan);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let verdict = "undecided: errors 1.1-fold, 95 % interval 0.7 to 1.6, margin 2.0; about 45 s more to decide";
    for (width, height) in [(80, 40), (80, 24), (64, 40)] {
        let frame = live(&plan, &state, Some(&facts), at(NOW), width, height, Style::Plain).join("\n");
        let gate = frame.split(" gate ").nth(1).and_then(|rest| rest.split("last events").next()).unwrap();
        assert!(words(gate).contains(verdict), "{width}x{height}:\n{frame}");
        assert!(frame.ends_with("run-7k2m9x4q8c1d"), "the line to copy is whole:\n{frame}");
    }
    let card = words(&card(&plan, Some(&facts), Some(&state), at(NOW)));
    assert_eq!(card.matches(verdict).count(), 2, "as verdict and as last event: {card}");
}

#[test]
fn a_styled_frame_is_the_plain_one_with_colours() {
    let plan = plan();
    let state = flying(&plan);
    let plain = live(&plan, &state, None, at(NOW), 100, 30, Style::Plain);
    let styled = live(&plan, &state, None, at(NOW), 100, 30, Style::Ansi);
    let stripped: Vec<String> = styled.iter().map(|l| strip(l).trim_end().to_owned()).collect();
    assert_eq!(stripped, plain);
    assert!(styled[0].contains("\u{1b}["));
}

fn strip(line: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in line.chars() {
        match (inside, c) {
            (false, '\u{1b}') => inside = true,
            (true, 'm') => inside = false,
            (true, _) => {}
            (false, c) => out.push(c),
        }
    }
    out
}

#[test]
fn the_record_sets_what_was_counted_against_what_was_predicted() {
    let (plan, facts) = (plan(), facts());
    let events = events(&plan);
    let state = RunState::fold(run(), &plan.body, &events).unwrap();
    let record = run_record(&plan, Some(&facts), &state, &events);
    let text = to_markdown(&record);
    let headings: Vec<&str> = text.lines().filter(|l| l.starts_with("## ")).collect();
    assert_eq!(
        headings,
        [
            "## 1. Outcome",
            "## 2. Predicted and actual",
            "## 3. Steps",
            "## 4. Timeline",
            "## 5. Who did what",
            "## 6. What stays and what follows"
        ]
    );
    assert!(text.contains("| bad requests | 38 | 4 |"), "{text}");
    assert!(text.contains("looking at the dashboard"));
    assert!(to_html(&record).contains("Run record"));
}

/// Where the traffic of one place is not known, what is predicted is a part of it, wherever it stands.
#[test]
fn predictions_of_a_part_of_the_traffic_are_at_least_so_much() {
    let (mut plan, facts) = (plan(), facts());
    let not_known = vec!["production/auth".to_owned()];
    plan.candidates.iter_mut().for_each(|candidate| candidate.prediction.traffic_not_known.clone_from(&not_known));
    plan.prediction.traffic_not_known = not_known;
    let (state, events) = (flying(&plan), events(&plan));
    let landed = RunState::fold(run(), &plan.body, &events).unwrap();
    let ways = [Way { name: "usual", about: None, outcome: Ok(&plan) }];
    let page = to_markdown(&document(&plan, &facts));
    let record = to_markdown(&run_record(&plan, Some(&facts), &landed, &events));
    let live = live(&plan, &state, Some(&facts), at(NOW), 100, 30, Style::Plain).join("\n");
    for (text, words) in [
        (&live, "predicted at least 38 bad"),
        (&record, "| bad requests | at least 38 | 4 |"),
        (&record, "| bad requests of a straight deploy | at least 18,400 |"),
        (&variants("Fees", &ways, Style::Plain), "at least 38"),
        (&page, "If it fails, at least 342 requests are bad on average until it is back."),
        (&page, "On average at least 342 requests are bad until such a change is back."),
        (&page, ", at least 38 bad requests, and "),
        (&to_html(&document(&plan, &facts)), "at least 38 bad requests, 31 min"),
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_prediction_without_traffic_figures_is_not_a_prediction_of_none() {
    let (mut plan, facts) = (plan(), facts());
    (plan.prediction.bad_requests, plan.prediction.bad_requests_if_failing, plan.prediction.bad_requests_straight) = (0.0, 0.0, 0.0);
    let (state, events) = (flying(&plan), events(&plan));
    let landed = RunState::fold(run(), &plan.body, &events).unwrap();
    let record = to_markdown(&run_record(&plan, Some(&facts), &landed, &events));
    assert!(record.contains("| bad requests | not known | 4 |"), "{record}");
    let live = live(&plan, &state, Some(&facts), at(NOW), 100, 30, Style::Plain).join("\n");
    assert!(live.contains("no traffic figures") && !live.contains("predicted 0 bad"), "{live}");
}

/// Events in which each gate of payments counted these requests, as the judge remembers them.
fn counted(plan: &Plan, counts: Counts) -> Vec<Recorded> {
    let mut judge = SequentialState::new(SequentialConfig::default()).unwrap();
    judge.look(Some(counts), 90_000);
    let seen = json!({ "checks": [{ "proportion": { "judge": judge, "seen": counts } }] });
    let mut events = events(plan);
    for recorded in &mut events {
        if let Event::GateLooked { state, .. } = &mut recorded.event
            && state.get("checks").is_some()
        {
            state.clone_from(&seen);
        }
    }
    events
}

#[test]
fn the_record_says_what_the_run_itself_spent_of_a_budget() {
    let (plan, mut facts) = (plan(), facts());
    facts.budgets.values_mut().for_each(|budget| budget.value.total = 1e6);
    let row = |canary_bad: f64, facts: Option<&Facts>| {
        let counts = Counts { canary_bad, canary_total: 10_000.0, baseline_bad: 90.0, baseline_total: 30_000.0 };
        let events = counted(&plan, counts);
        let state = RunState::fold(run(), &plan.body, &events).unwrap();
        let text = to_markdown(&run_record(&plan, facts, &state, &events));
        text.lines().find(|line| line.starts_with("| error budget")).unwrap_or_default().to_owned()
    };
    // The old side fails 30 of 10 000: of 90, 60 are the run's own, at each of two gates, of 1000 that the objective allows in a million.
    let own = row(90.0, Some(&facts));
    assert!(
        own.starts_with("| error budget of payments-availability |") && own.contains("| 12 % by its own: 120 bad requests, between "),
        "{own}"
    );
    // No worse than the old side: nothing is charged, and how much it may be is said.
    let none = row(30.0, Some(&facts));
    assert!(none.contains("by its own: 0 bad requests, between 0 and "), "{none}");
    let nobody_knows = row(90.0, None);
    assert!(!nobody_knows.contains("by its own"), "{nobody_knows}");
}

//! What the world is asked for, and what a run teaches.

use crate::flight::{Flight, done, process, who};
use glidepath_engine::{Effect, Input, effects, lessons, record, recovery, settlements};
use glidepath_model::event::{Event, Outcome, RunEnd};
use glidepath_model::plan::Again;
use glidepath_model::projection::Lesson;
use glidepath_model::request::Verb;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, RunId};
use glidepath_testkit::plans::parse_plan;

const PLAN: &str = "plan items 1
call deploy item 0 validate yes compensate attempt
call shift needs deploy item 0 target web region eu share 5
gate gate needs shift item 0 bake 10s
call late item 0
";

fn flight() -> Flight {
    Flight::new(parse_plan("scripted", PLAN).unwrap())
}

fn asked(flight: &Flight, events: &[Event]) -> Vec<String> {
    let line = |effect: Effect| match effect {
        Effect::Attempt { attempt, call, validations, key, .. } => {
            format!("{attempt}: {} with {} validations, key {key}", call.input["what"], validations.len())
        }
        Effect::Watch { step, round, resume, .. } => format!("watch {step} {round}, resumed: {}", resume.is_some()),
        Effect::StopWatching { step } => format!("stop watching {step}"),
        Effect::Cancel { attempt } => format!("cancel {attempt}"),
        Effect::Admit { step, .. } => format!("admit {step}"),
        Effect::Page { line } => format!("page: {line}"),
    };
    effects(&flight.plan, &flight.state, events).into_iter().map(line).collect()
}

#[test]
fn intents_become_calls_watches_cancels_and_pages() {
    let mut flight = flight();
    let key = |step: &str, way: &str| format!("key run-000000000001/{step}/{way}/1");
    let events = flight.start();
    let expected = [
        format!("do deploy 1.1: \"do\" with 1 validations, {}", key("deploy", "do")),
        format!("do late 1.1: \"do\" with 0 validations, {}", key("late", "do")),
    ];
    assert_eq!(asked(&flight, &events), expected);
    let deploy = flight.open().remove(0);
    flight.end(deploy, done());
    let shift = flight.open().remove(0);
    let events = flight.end(shift, done());
    assert_eq!(asked(&flight, &events), ["watch gate 1, resumed: false"]);
    let gate = flight.watched().remove(0);
    let events = flight.look(&gate, VerdictKind::Regression);
    let expected = [
        "stop watching gate".to_owned(),
        "cancel do late 1.1".to_owned(),
        "page: A change for tests turns back: 'gate' failed: it looks like regression.".to_owned(),
        format!("safety shift 1.1: \"safety\" with 0 validations, {}", key("shift", "safety")),
    ];
    assert_eq!(asked(&flight, &events), expected);
}

#[test]
fn a_new_owner_learns_of_open_attempts_their_processes_and_the_gates_last_state() {
    let mut flight = flight();
    flight.start();
    let attempts = flight.open();
    flight.input(Input::ProcessStarted { attempt: attempts[1].clone(), process: process(77) });
    flight.end(attempts[0].clone(), done());
    let shift = flight.open().remove(0);
    flight.end(shift, done());
    let gate = flight.watched().remove(0);
    flight.look(&gate, VerdictKind::Undecided);
    let found = recovery(&flight.plan, &flight.folded_anew());
    assert_eq!(found.open.len(), 1);
    assert_eq!((found.open[0].process.clone(), found.open[0].cancel), (Some(process(77)), false));
    assert!(matches!(&found.watches[..], [Effect::Watch { resume: Some(_), .. }]));
    flight.ask(Verb::Abort, None, None);
    let found = recovery(&flight.plan, &flight.folded_anew());
    assert_eq!(
        found.open.iter().map(|open| open.cancel).collect::<Vec<_>>(),
        [false, true],
        "safety is to be waited for, forward work is to be ended"
    );
    flight.input(Input::Took { epoch: 2, who: who("guard"), process: process(78), window: None });
}

#[test]
fn a_new_owner_tells_the_person_whom_its_predecessor_may_have_died_before_telling() {
    let mut flight = flight();
    assert_eq!(recovery(&flight.plan, &flight.state).pages, Vec::new());
    flight.start();
    assert_eq!(recovery(&flight.plan, &flight.state).pages, Vec::new(), "a run that asks nobody pages nobody");
    flight.plan.on_failure = glidepath_model::change::OnFailure::Hold;
    let attempt = flight.open().remove(0);
    let events = flight.end(attempt, Outcome::NotDone { reason: "exit code 1".to_owned(), retryable: false });
    let told: Vec<Effect> =
        effects(&flight.plan, &flight.state, &events).into_iter().filter(|effect| matches!(effect, Effect::Page { .. })).collect();
    assert_eq!(told.len(), 1, "{events:?}");
    assert_eq!(recovery(&flight.plan, &flight.folded_anew()).pages, told);
}

#[test]
fn a_question_pages_once_and_again_only_where_nobody_can_know_whether_it_did() {
    // Beside the question something is at work, so that a new owner takes the run at once.
    let mut flight = Flight::new(parse_plan("scripted", "plan\ncall one\ncall long\nmanual sure for 3600s needs one").unwrap());
    flight.start();
    let one = flight.open().remove(0);
    flight.now = flight.now.plus(Millis::from_secs(1));
    flight.end(one, done());
    let asked = ["A change for tests waits for a person until 2026-12-01T01:00:01Z: may it go on?"];
    assert_eq!(flight.pages, asked);
    let again: Vec<Effect> = asked.map(|line| Effect::Page { line: line.to_owned() }).into();
    assert_eq!(recovery(&flight.plan, &flight.folded_anew()).pages, again, "its owner may have died before it paged");

    flight.now = flight.now.plus(Millis::from_secs(1));
    flight.input(Input::Took { epoch: 2, who: who("guard"), process: process(78), window: None });
    assert_eq!(flight.pages, Vec::<String>::new());
    assert_eq!(recovery(&flight.plan, &flight.folded_anew()).pages, Vec::new(), "what was journaled after it says that it did");
}

#[test]
fn a_run_that_slept_over_its_question_is_not_asked_again_when_somebody_wakes_it() {
    let mut flight = Flight::new(parse_plan("scripted", "plan\nmanual sure for 3600s").unwrap());
    flight.start();
    assert_eq!(flight.pages.len(), 1);
    assert!(flight.state.sleeps(&flight.plan));
    assert_eq!(recovery(&flight.plan, &flight.folded_anew()).pages, Vec::new());
}

#[test]
fn a_run_whose_owners_die_again_and_again_does_not_turn_back_for_it_but_still_does_for_failures() {
    let mut flight = flight();
    flight.start();
    flight.input(Input::Took { epoch: 1, who: who("pilot"), process: process(1), window: None });
    let lost = || Outcome::NotDone { reason: "the earlier owner died before the work began".to_owned(), retryable: true };
    for death in 2..30 {
        let attempt = flight.open().remove(0);
        flight.input(Input::Took { epoch: death, who: who("pilot"), process: process(1), window: None });
        flight.end(attempt, lost());
        flight.now = flight.now.plus(Millis::from_mins(10));
        flight.input(Input::Wake);
        assert!(flight.state.rollback.is_none(), "it turned back after {death} deaths");
    }
    let mut failures = 0;
    while flight.state.rollback.is_none() {
        failures += 1;
        assert!(failures < 20, "a step that fails is not tried for ever");
        let attempt = flight.open().remove(0);
        flight.end(attempt, Outcome::NotDone { reason: "exit code 1".to_owned(), retryable: true });
        flight.now = flight.now.plus(Millis::from_mins(10));
        flight.input(Input::Wake);
    }
}

#[test]
fn durations_and_outcomes_are_learnt_when_the_run_ends() {
    let mut flight = flight();
    flight.start();
    let mut learnt = Vec::new();
    while flight.state.ended.is_none() {
        assert_eq!(learnt, [], "each run teaches once");
        let events = match (flight.open().into_iter().next(), flight.watched().into_iter().next()) {
            (Some(attempt), _) => flight.end(attempt, done()),
            (None, Some(gate)) => {
                flight.now = flight.now.plus(Millis::from_secs(10));
                flight.look(&gate, VerdictKind::NoRegression)
            }
            (None, None) => panic!("nothing is open"),
        };
        learnt.extend(lessons(&flight.plan, &flight.state, &events));
    }
    assert_eq!(flight.state.ended.as_ref().map(|e| e.end), Some(RunEnd::Succeeded));
    let keys: Vec<&str> = learnt
        .iter()
        .filter_map(|lesson| match lesson {
            Lesson::Duration { key, took_ms, .. } if *took_ms == Millis(100) => Some(key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ["test/deploy", "test/shift", "test/late"]);
    assert!(matches!(learnt.last(), Some(Lesson::Outcome { landed: true, rolled_back: false, .. })));
    let mut events = flight.ask(Verb::Rollback, None, None);
    while let Some(attempt) = flight.open().into_iter().next() {
        events = flight.end(attempt, done());
    }
    let last = lessons(&flight.plan, &flight.state, &events);
    assert!(matches!(last[..], [Lesson::Outcome { landed: true, rolled_back: true, .. }]), "{last:?}");
}

#[test]
fn a_run_that_is_abandoned_teaches_how_long_what_was_done_took() {
    let mut flight = flight();
    flight.start();
    let attempt = flight.open().remove(0);
    flight.end(attempt, done());
    flight.ask(Verb::Pause, None, None);
    while let Some(attempt) = flight.open().into_iter().next() {
        flight.end(attempt, done());
    }
    let abandoned = flight.ask(Verb::Abandon, None, None);
    let learnt = lessons(&flight.plan, &flight.state, &abandoned);
    assert!(learnt.iter().any(|lesson| matches!(lesson, Lesson::Duration { took_ms: Millis(100), .. })), "{learnt:?}");
}

#[test]
fn a_run_whose_results_were_only_recorded_does_not_sleep() {
    let mut flight = Flight::new(parse_plan("scripted", "plan\ncall one\nwait long for 3600s\ncall two needs one").unwrap());
    flight.start();
    let attempt = flight.open().remove(0);
    let ended = Input::AttemptEnded { attempt, outcome: done(), took_ms: Millis(1) };
    let mut recorded = flight.state.clone();
    assert_eq!(record(&flight.plan, &mut recorded, ended, flight.now).len(), 1, "the result alone");
    assert!(!recorded.sleeps(&flight.plan), "the next owner has something to begin");
}

/// A run of a plan that does a step again which another run gave up.
fn replay() -> Flight {
    let mut plan = parse_plan("scripted", "plan items 1\ncall again unknown ask\n").unwrap();
    plan.again = Some(Again { letter: 12, run: RunId::new("run-first"), identity: Some("run-first/again/do/1".to_owned()) });
    Flight::new(plan)
}

#[test]
fn what_was_given_up_keeps_its_identity_and_its_way_back_has_its_own() {
    let mut flight = replay();
    let events = flight.start();
    assert_eq!(asked(&flight, &events), ["do again 1.1: \"do\" with 0 validations, key run-first/again/do/1"]);
    assert_eq!(recovery(&flight.plan, &flight.folded_anew()).open[0].key, "run-first/again/do/1", "a new owner knows it, too");
    let open = flight.open().remove(0);
    flight.end(open, Outcome::Unknown { reason: "nobody answers".to_owned() });
    let events = flight.ask(Verb::Retry, Some("again".into()), None);
    assert_eq!(
        asked(&flight, &events),
        ["do again 2.1: \"do\" with 0 validations, key run-000000000001/again/do/2"],
        "a person says once more"
    );
    let open = flight.open().remove(0);
    flight.end(open, done());
    let events = flight.ask(Verb::Rollback, None, None);
    let undo = asked(&flight, &events).pop().unwrap();
    assert!(undo.ends_with("key run-000000000001/again/undo/1"), "{undo}");
}

#[test]
fn a_letter_is_settled_when_its_step_was_done_and_the_run_lands() {
    let mut flight = replay();
    flight.start();
    let open = flight.open().remove(0);
    let events = flight.end(open, done());
    let settled = settlements(&flight.plan, &flight.state, &events);
    assert_eq!(
        settled.iter().map(|one| (one.letter, one.how.replayed, one.how.who.clone())).collect::<Vec<_>>(),
        [(12, true, who("pilot"))]
    );
    let events = flight.ask(Verb::Rollback, None, None);
    assert_eq!(settlements(&flight.plan, &flight.state, &events), []);

    let mut flight = replay();
    flight.start();
    let open = flight.open().remove(0);
    flight.end(open, Outcome::Unknown { reason: "nobody answers".to_owned() });
    let events = flight.ask(Verb::Skip, Some("again".into()), None);
    assert!(events.iter().any(|event| matches!(event, Event::RunEnded { end: RunEnd::Succeeded, .. })), "{events:?}");
    assert_eq!(settlements(&flight.plan, &flight.state, &events), [], "a step that was left out was not done");
}

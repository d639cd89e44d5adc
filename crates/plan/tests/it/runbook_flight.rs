//! Plans of runbooks on the engine: what the files say is what is flown.

use crate::fixture::*;
use glidepath_engine::{Claiming, Effect, Input, Mode, RunState, dead_letters, decide, effects, next_wake};
use glidepath_files::Project;
use glidepath_model::action::ActionCall;
use glidepath_model::event::{Event, Outcome, RunEnd};
use glidepath_model::plan::{Again, Plan};
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::{Facts, Millis, RunId, Timestamp};
use glidepath_plan::{plan_again, plan_runbook};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// Inputs after which a flight that has not ended counts as stuck.
const INPUTS_MAX: usize = 500;

fn example() -> Plan {
    let loaded = Project::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/runbook"));
    let facts = Facts::of_catalog(loaded.catalog.clone(), now());
    plan_runbook(&loaded.runbooks[&"rotate-keys".into()], &facts, &runbook_descriptors(), &options()).plan.unwrap()
}

fn who() -> Who {
    Who { name: "pilot".to_owned(), known_by: "test".to_owned() }
}

fn done(outputs: Value) -> Outcome {
    let outputs: BTreeMap<String, Value> = serde_json::from_value(outputs).unwrap();
    Outcome::Done { outputs }
}

/// What came of a flight.
struct Flown {
    /// Commands in the order in which they were called.
    called: Vec<String>,
    /// Elements that failed and were borne.
    letters: Vec<String>,
    /// How the run ended.
    end: RunEnd,
}

/// Flies a plan to its end in a world that answers as `world` says.
fn fly(plan: &Plan, partners: u64, world: impl Fn(&ActionCall) -> Outcome) -> Flown {
    let body = &plan.body;
    let mut state = RunState::new(RunId::new("run-000000000001"));
    let (mut at, mut called, mut letters): (Timestamp, Vec<String>, Vec<String>) = (now(), Vec::new(), Vec::new());
    let mut inputs: VecDeque<Input> =
        [Input::Start { plan: plan.id.clone(), who: who(), seed: 7, claims: Claiming::Granted(Vec::new()) }].into();
    for _ in 0..INPUTS_MAX {
        let input = match inputs.pop_front() {
            Some(input) => input,
            None => match next_wake(&state, body) {
                Some(wake) => {
                    at = at.max(wake);
                    Input::Wake
                }
                None => match state.mode() {
                    Mode::Ended(ended) => return Flown { called, letters, end: ended.end },
                    mode => panic!("nothing follows and the run has not ended: {mode:?}, {called:?}"),
                },
            },
        };
        let events = decide(body, &mut state, input, at);
        letters.extend(dead_letters(body, &state, &events).iter().map(|letter| format!("{:?}", letter.what)));
        let awaits = |event: &Event| matches!(event, Event::WaitStarted { step, .. } if step.as_str() == "partners");
        if events.iter().any(awaits) {
            let signal = Signal { event: "partners-know".into(), outputs: [("count".to_owned(), json!(partners))].into() };
            let request =
                Request { run: state.run.clone(), verb: Verb::Signal, step: None, who: who(), reason: None, at, signal: Some(signal) };
            inputs.push_back(Input::Request(request));
        }
        for effect in effects(body, &state, &events) {
            if let Effect::Attempt { attempt, call, .. } = effect {
                let words: Vec<String> = serde_json::from_value(call.input["argv"].clone()).unwrap();
                called.push(words.join(" "));
                inputs.push_back(Input::AttemptEnded { attempt, outcome: world(&call), took_ms: Millis(100) });
            }
        }
    }
    panic!("stuck after {called:?}");
}

fn answers(text: &'static str, broken: &'static [&'static str]) -> impl Fn(&ActionCall) -> Outcome {
    move |call| {
        let words = call.input["argv"].to_string();
        match broken.iter().any(|host| words.contains("install.sh") && words.contains(host)) {
            true => Outcome::NotDone { reason: "it does not answer".to_owned(), retryable: false },
            false => done(json!({ "exitCode": 0, "text": text })),
        }
    }
}

#[test]
fn a_due_key_is_rotated_and_one_dead_host_is_borne() {
    let Flown { called, letters, end } = fly(&example(), 3, answers("due", &["eu-2"]));
    assert_eq!(called.first().map(String::as_str), Some("./scripts/look.sh"));
    assert_eq!(called.last().map(String::as_str), Some("./scripts/retire.sh"));
    assert_eq!(called.iter().filter(|c| c.contains("install.sh")).count(), 4, "{called:?}");
    assert!(letters.len() == 1 && letters[0].contains("install/eu-2"), "{letters:?}");
    assert_eq!(end, RunEnd::Succeeded);
}

#[test]
fn too_few_partners_leave_the_old_key_and_a_fresh_one_leaves_all() {
    let flown = fly(&example(), 1, answers("due", &[]));
    assert!(!flown.called.iter().any(|c| c.contains("retire.sh")), "{:?}", flown.called);
    let flown = fly(&example(), 3, answers("fresh", &[]));
    assert_eq!((flown.called, flown.end), (vec!["./scripts/look.sh".to_owned()], RunEnd::Succeeded));
}

#[test]
fn two_dead_hosts_take_everything_back_against_the_needs() {
    let flown = fly(&example(), 3, answers("due", &["eu-1", "eu-2"]));
    assert_eq!(flown.called.last().map(String::as_str), Some("rm -f state/store/new"), "{:?}", flown.called);
    assert!(!flown.called.iter().any(|c| c.contains("retire.sh")), "{:?}", flown.called);
    assert_eq!(flown.end, RunEnd::RolledBack);
}

#[test]
fn a_host_that_was_given_up_is_planned_again_alone_and_leaves_no_second_letter() {
    let (plan, step) = (example(), "install/eu-2".into());
    let catalog = Project::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/runbook")).catalog;
    let later = now().plus(Millis::from_mins(60 * 24 * 30));
    let letter = Again { letter: 12, run: RunId::new("run-000000000001"), identity: Some("the first".to_owned()) };
    assert_eq!(plan_again(&plan.body, &"install/nowhere".into(), letter.clone(), &catalog, later), None);
    let again = plan_again(&plan.body, &step, letter.clone(), &catalog, later).unwrap();
    let (body, first) = (&again.body, plan.body.step(&step).unwrap());
    let [only] = &body.steps[..] else { panic!("{:?}", body.steps) };
    assert_eq!((&only.work, &only.undo, &only.retry, &only.id), (&first.work, &first.undo, &first.retry, &first.id));
    assert!(only.needs.is_empty() && only.when.is_none() && only.group.is_none() && body.groups.is_empty());
    assert_eq!((body.all_claims(), body.engine_semantics, &body.again), (plan.body.all_claims(), 3, &Some(letter)));
    assert_eq!((body.created_at, body.expires_at > later), (later, true));
    assert_eq!(body.change.title, format!("again: {}", first.title));

    let flown = fly(&again, 3, answers("due", &[]));
    assert_eq!((flown.called.len(), flown.end), (1, RunEnd::Succeeded));
    let flown = fly(&again, 3, answers("due", &["eu-2"]));
    assert_eq!((flown.letters, flown.end), (vec![], RunEnd::RolledBack));
}

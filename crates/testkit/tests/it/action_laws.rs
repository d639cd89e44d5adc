//! The laws of actions find each way in which an action is no good, and pass one that is.

use glidepath_model::action::{ActionDescriptor, OnUnknown};
use glidepath_model::event::{Direction, Outcome};
use glidepath_model::{ActionCall, Millis};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use glidepath_testkit::laws::{ActionCase, Broken, Law};
use glidepath_testkit::{NoSecrets, ScriptedAction, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What is wrong with an action.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    /// Each further try adds to the world.
    Adds,
    /// Its undo leaves something.
    LeavesSome,
    /// Its undo needs something to undo.
    NeedsSome,
    /// Its undo takes one away whatever is there.
    TakesOne,
    /// Says that nothing was done when it was told to end in the middle.
    ForgetsWhenCancelled,
    /// Says that all was done when it was told to end before.
    BoastsWhenCancelled,
    /// Hears neither of its deadline nor that it is to end.
    Deaf,
    /// Does nothing at all.
    Idle,
}

/// Sets a number to 1 and back, with a pause in between.
struct Setter {
    fault: Fault,
    number: Arc<Mutex<i64>>,
    idempotent: bool,
}

impl Setter {
    fn set(&self, change: impl FnOnce(i64) -> i64) {
        let mut number = self.number.lock().unwrap();
        *number = change(*number);
    }

    fn undo(&self) -> Outcome {
        let before = *self.number.lock().unwrap();
        match self.fault {
            Fault::NeedsSome if before == 0 => return Outcome::NotDone { reason: "nothing is there".to_owned(), retryable: false },
            Fault::LeavesSome => self.set(|_| 7),
            Fault::TakesOne => self.set(|number| number - 1),
            _ => self.set(|_| 0),
        }
        done()
    }

    async fn forward(&self, context: &ActionContext, hangs: bool) -> Outcome {
        if context.cancel.is_cancelled() && self.fault == Fault::BoastsWhenCancelled {
            return done();
        }
        if context.cancel.is_cancelled() && self.fault != Fault::Deaf {
            return Outcome::NotDone { reason: "it was told to end".to_owned(), retryable: true };
        }
        match self.fault {
            Fault::Idle => {}
            Fault::Adds => self.set(|number| number + 1),
            _ => self.set(|_| 1),
        }
        tokio::task::yield_now().await;
        if self.fault == Fault::Deaf {
            return if hangs { std::future::pending().await } else { done() };
        }
        if hangs {
            tokio::select! {
                () = context.cancel.cancelled() => {}
                () = tokio::time::sleep_until(context.deadline.into()) => {}
            }
        }
        match (self.fault, hangs || context.cancel.is_cancelled()) {
            (Fault::ForgetsWhenCancelled, true) => Outcome::NotDone { reason: "it was told to end".to_owned(), retryable: true },
            (_, true) => Outcome::Unknown { reason: "it was told to end".to_owned() },
            (_, false) => done(),
        }
    }
}

fn done() -> Outcome {
    Outcome::Done { outputs: BTreeMap::new() }
}

impl Action for Setter {
    fn descriptor(&self) -> ActionDescriptor {
        ActionDescriptor {
            kind: "setter".to_owned(),
            version: 1,
            summary: String::new(),
            input: Vec::new(),
            on_unknown: if self.idempotent { OnUnknown::Rerun } else { OnUnknown::Ask },
            timeout_ms: Millis::from_secs(60),
            attempts_max: 2,
            idempotent: self.idempotent,
            shifts_traffic: false,
            read_only: false,
            outputs: BTreeMap::new(),
        }
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match context.attempt.direction {
                Direction::Undo => self.undo(),
                _ => self.forward(context, input["hangs"] == true).await,
            }
        })
    }
}

fn call(input: Value) -> ActionCall {
    ActionCall { kind: "setter".to_owned(), version: 1, input }
}

async fn broken(fault: Fault, exceptions: &[Law], idempotent: bool) -> Vec<Broken> {
    let folder = tempfile::tempdir().unwrap();
    let number = Arc::new(Mutex::new(0));
    let action = Setter { fault, number: number.clone(), idempotent };
    let (forward, hangs) = (call(json!({})), call(json!({"hangs": true})));
    let observe = || -> BoxFuture<'_, Value> { Box::pin(async { json!(*number.lock().unwrap()) }) };
    let reset = || -> BoxFuture<'_, ()> { Box::pin(async { *number.lock().unwrap() = 0 }) };
    let case = ActionCase {
        action: &action,
        forward: &forward,
        undo: Some(&forward),
        hangs: Some(&hangs),
        exceptions,
        observe: &observe,
        reset: &reset,
        secrets: Arc::new(NoSecrets),
        folder: folder.path(),
    };
    case.broken_laws().await
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_an_action_breaks_its_law() {
    let cases: [(Fault, &[Law], bool, &[Law]); 15] = [
        (Fault::Nothing, &[], true, &[]),
        (Fault::Idle, &[], true, &[Law::Undo]),
        (Fault::LeavesSome, &[], true, &[Law::Undo, Law::UndoTwice, Law::UndoInDoubt, Law::Repeat]),
        (Fault::NeedsSome, &[], true, &[Law::UndoTwice, Law::UndoInDoubt]),
        (Fault::TakesOne, &[], true, &[Law::UndoTwice, Law::UndoInDoubt]),
        (Fault::Adds, &[], true, &[Law::Repeat]),
        (Fault::ForgetsWhenCancelled, &[], true, &[Law::Cancel, Law::Deadline]),
        (Fault::BoastsWhenCancelled, &[], true, &[Law::Cancel]),
        (Fault::Deaf, &[], true, &[Law::Cancel, Law::Deadline]),
        // What cannot hold is said so; what holds all the same, or must hold by the action's own word, may not be left out.
        (Fault::Adds, &[Law::Repeat], false, &[]),
        (Fault::NeedsSome, &[Law::UndoTwice, Law::UndoInDoubt], true, &[]),
        (Fault::NeedsSome, &[Law::UndoTwice], true, &[Law::UndoInDoubt]),
        (Fault::Adds, &[Law::Repeat], true, &[Law::Repeat]),
        (Fault::Nothing, &[Law::Repeat], false, &[Law::Repeat]),
        (Fault::Nothing, &[Law::Cancel], true, &[Law::Cancel]),
    ];
    for (fault, exceptions, idempotent, expected) in cases {
        let broken = broken(fault, exceptions, idempotent).await;
        let mut found: Vec<Law> = broken.iter().map(|broken| broken.law).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "{fault:?} but for {exceptions:?}: {broken:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_scripted_action_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let (action, call) = (ScriptedAction::new("setter", world.clone()), call(json!({})));
    // Each law has a step of its own; the world is the last of them that is in place.
    let observe = || -> BoxFuture<'_, Value> {
        let last = world.marks().last().map(|mark| mark.attempt.direction == Direction::Do);
        Box::pin(async move { json!(last.unwrap_or(false)) })
    };
    let reset = || -> BoxFuture<'_, ()> { Box::pin(async { world.forget() }) };
    let case = ActionCase {
        action: &action,
        forward: &call,
        undo: Some(&call),
        hangs: None,
        exceptions: &[],
        observe: &observe,
        reset: &reset,
        secrets: Arc::new(NoSecrets),
        folder: folder.path(),
    };
    assert_eq!(case.broken_laws().await, Vec::new());
}

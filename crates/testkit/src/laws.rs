//! Laws that every action and every plan must keep: repeat every step, fail at every step, undo twice.

use crate::world::{Script, World};
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Undo, Work};
use glidepath_model::{ActionCall, Millis, PlanId, RunId, StepId};
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock, ProcessJournal, ProgressSink, Secrets, StoreError};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A way to say what the world looks like, for comparison.
pub type Observe<'a> = &'a dyn Fn() -> BoxFuture<'a, Value>;

/// An action with a call and the call that undoes it.
pub struct ActionCase<'a> {
    /// The action.
    pub action: &'a dyn Action,
    /// Forward.
    pub forward: &'a ActionCall,
    /// Back, where there is one.
    pub undo: Option<&'a ActionCall>,
    /// What the world looks like.
    pub observe: Observe<'a>,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Secrets of the calls.
    pub secrets: Arc<dyn Secrets>,
    /// A folder for files.
    pub folder: &'a Path,
}

impl ActionCase<'_> {
    /// Checks the laws; gives one sentence for each that is broken.
    pub async fn broken_laws(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let before = (self.observe)().await;
        if let Some(undo) = self.undo {
            self.expect_done(undo, "undoing what was never done", &mut broken).await;
            self.expect_same(&before, "undoing what was never done", &mut broken).await;
        }
        self.expect_harmless_when_cancelled(&before, &mut broken).await;
        self.expect_done(self.forward, "doing", &mut broken).await;
        let done = (self.observe)().await;
        if self.action.descriptor().idempotent {
            self.expect_done(self.forward, "doing twice", &mut broken).await;
            self.expect_same(&done, "doing twice", &mut broken).await;
        }
        if let Some(undo) = self.undo {
            for what in ["undoing", "undoing twice"] {
                self.expect_done(undo, what, &mut broken).await;
                self.expect_same(&before, what, &mut broken).await;
            }
        }
        broken
    }

    async fn expect_done(&self, call: &ActionCall, what: &str, broken: &mut Vec<String>) {
        match self.call(call, CancelToken::new()).await {
            Outcome::Done { .. } => {}
            outcome => broken.push(format!("{what} must be possible, but it said {outcome:?}")),
        }
    }

    async fn expect_same(&self, expected: &Value, what: &str, broken: &mut Vec<String>) {
        let found = (self.observe)().await;
        if found != *expected {
            broken.push(format!("after {what} the world must be {expected}, but it is {found}"));
        }
    }

    /// An attempt that is cancelled before it began may say `NotDone` only when nothing happened.
    async fn expect_harmless_when_cancelled(&self, before: &Value, broken: &mut Vec<String>) {
        let cancel = CancelToken::new();
        cancel.cancel();
        if let Outcome::NotDone { .. } = self.call(self.forward, cancel).await {
            self.expect_same(before, "a cancelled attempt that says `NotDone`", broken).await;
        }
    }

    async fn call(&self, call: &ActionCall, cancel: CancelToken) -> Outcome {
        let attempt = AttemptRef { step: StepId::from("laws"), direction: Direction::Do, round: 1, number: 1 };
        let run = RunId::from("run-laws");
        let context = ActionContext {
            idempotency_key: attempt.idempotency_key(&run),
            run,
            plan: PlanId::new("0".repeat(64)),
            attempt,
            deadline: self.clock.now().plus(Millis::from_secs(30)),
            cancel,
            processes: Arc::new(Unheard),
            progress: Arc::new(Unheard),
            secrets: self.secrets.clone(),
            root: self.folder.to_owned(),
            attempt_dir: self.folder.to_owned(),
        };
        self.action.run(&context, &call.input).await
    }
}

/// Lets every process begin and throws lines away.
struct Unheard;

impl ProcessJournal for Unheard {
    fn started(&self, _attempt: &AttemptRef, _process: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

impl ProgressSink for Unheard {
    fn line(&self, _attempt: &AttemptRef, _line: &str) {}
}

/// One flight of a plan in which one call goes wrong.
#[derive(Clone, Debug)]
pub struct PlanCase {
    /// For messages.
    pub name: String,
    /// Scripts to set before the flight.
    pub scripts: Vec<(StepId, Direction, Script)>,
}

impl PlanCase {
    /// Sets the scripts.
    pub fn prepare(&self, world: &World) {
        for (step, direction, script) in &self.scripts {
            world.script(step, *direction, script.clone());
        }
    }
}

/// Every way in which one call of a plan goes wrong: each step repeated after a doubt, doubted without effect, failing once, failing for good;
/// each undo failing once, and done twice after a doubt.
pub fn plan_cases(plan: &PlanBody) -> Vec<PlanCase> {
    let mut cases = Vec::new();
    for step in plan.steps.iter().filter(|step| matches!(step.work, Work::Call(_))) {
        let mut add = |name: &str, scripts: Vec<(Direction, Script)>| {
            let scripts = scripts.into_iter().map(|(direction, script)| (step.id.clone(), direction, script)).collect();
            cases.push(PlanCase { name: format!("{}: {name}", step.id), scripts });
        };
        add("done, but nobody knows", vec![(Direction::Do, Script::unknown(true))]);
        add("not done, but nobody knows", vec![(Direction::Do, Script::unknown(false))]);
        add("fails once", vec![(Direction::Do, Script::fails(true))]);
        add("fails for good", vec![(Direction::Do, Script::fails(false))]);
        if matches!(step.undo, Undo::Call { .. }) {
            let then_fails = || (Direction::Do, Script { acts: true, ..Script::fails(false) });
            add("half done, undo fails once", vec![then_fails(), (Direction::Undo, Script::fails(true))]);
            add("half done, undo done twice", vec![then_fails(), (Direction::Undo, Script::unknown(true))]);
        }
    }
    cases
}

/// What is wrong with the world after a run ended so; one sentence each.
pub fn imbalances(plan: &PlanBody, world: &World, end: RunEnd) -> Vec<String> {
    let calls = || plan.steps.iter().filter(|step| matches!(step.work, Work::Call(_)));
    let mut found = Vec::new();
    match end {
        RunEnd::Succeeded => {
            let missing = |step: &&Step| world.count(&step.id, Direction::Do) == 0;
            found.extend(calls().filter(missing).map(|step| format!("{} had no effect, but the run landed", step.id)));
        }
        RunEnd::RolledBack => {
            let left = |step: &&Step| matches!(step.undo, Undo::Call { .. }) && world.is_in_place(&step.id);
            found.extend(calls().filter(left).map(|step| format!("{} is still in place after the rollback", step.id)));
            let shifts = |step: &StepId| plan.step(step).is_some_and(|step| step.exposure.as_ref().is_some_and(|e| e.safety.is_some()));
            let last = world.marks().into_iter().rfind(|mark| shifts(&mark.attempt.step));
            if let Some(last) = last.filter(|mark| mark.attempt.direction != Direction::Safety) {
                found.push(format!("the last effect on traffic is {}, not one of safety", last.attempt));
            }
        }
        RunEnd::Abandoned | RunEnd::Superseded => {}
    }
    found
}

//! A world of named values that scripted actions change, and that survives the crash of whoever changes it.
//!
//! Every call leaves a mark with its idempotency key, so that a test can say how often each effect really happened.
//! Scripts make single calls slow, failing, unknown, or lying; a call without a script takes effect and says `Done`.

use glidepath_model::action::{ActionDescriptor, OnUnknown};
use glidepath_model::event::{AttemptRef, Direction, Outcome};
use glidepath_model::{Millis, StepId};
use glidepath_ports::{Action, ActionContext, BoxFuture, Clock};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One effect that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Which attempt caused it.
    pub attempt: AttemptRef,
    /// Its idempotency key.
    pub key: String,
    /// Input of the call.
    pub input: Value,
}

/// What one call does instead of taking effect and saying `Done`.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// How long it takes; a cancelled call ends at once.
    pub takes: Millis,
    /// Whether the effect happens (at the end of that time).
    pub acts: bool,
    /// What the call says; `Done` without outputs when none.
    pub says: Option<Outcome>,
}

impl Script {
    /// Takes effect after a time.
    pub fn slow(takes: Millis) -> Self {
        Self { takes, acts: true, says: None }
    }

    /// Has no effect and says so.
    pub fn fails(retryable: bool) -> Self {
        Self { takes: Millis::ZERO, acts: false, says: Some(Outcome::NotDone { reason: "scripted failure".to_owned(), retryable }) }
    }

    /// Has or has not an effect, and nobody knows.
    pub fn unknown(acts: bool) -> Self {
        Self { takes: Millis::ZERO, acts, says: Some(Outcome::Unknown { reason: "scripted doubt".to_owned() }) }
    }

    /// Says `Done` without an effect.
    pub fn lies() -> Self {
        Self { takes: Millis::ZERO, acts: false, says: None }
    }

    /// Never ends by itself, and has no effect.
    pub fn hangs() -> Self {
        Self { takes: Millis::from_mins(60 * 24), acts: false, says: None }
    }
}

#[derive(Default)]
struct Content {
    marks: Vec<Mark>,
    calls: Vec<AttemptRef>,
    scripts: BTreeMap<(StepId, Direction), VecDeque<Script>>,
    always: BTreeMap<(StepId, Direction), Script>,
    on_call: Option<Arc<dyn Fn(&AttemptRef) + Send + Sync>>,
}

/// The world. Clones share it.
#[derive(Clone, Default)]
pub struct World {
    content: Arc<Mutex<Content>>,
}

impl World {
    /// A world in which nothing happened.
    pub fn new() -> Self {
        Self::default()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scripts the next unscripted call of a step in a direction.
    pub fn script(&self, step: &StepId, direction: Direction, script: Script) {
        self.content().scripts.entry((step.clone(), direction)).or_default().push_back(script);
    }

    /// Scripts every call of a step in a direction for which nothing else is scripted.
    pub fn always(&self, step: &StepId, direction: Direction, script: Script) {
        self.content().always.insert((step.clone(), direction), script);
    }

    /// Calls this when a call begins.
    pub fn on_call(&self, hook: impl Fn(&AttemptRef) + Send + Sync + 'static) {
        self.content().on_call = Some(Arc::new(hook));
    }

    /// Every effect, in order.
    pub fn marks(&self) -> Vec<Mark> {
        self.content().marks.clone()
    }

    /// Every call, in order, whether it took effect or not.
    pub fn calls(&self) -> Vec<AttemptRef> {
        self.content().calls.clone()
    }

    /// How often the effect of a step happened in a direction.
    pub fn count(&self, step: &StepId, direction: Direction) -> usize {
        self.content().marks.iter().filter(|mark| mark.attempt.step == *step && mark.attempt.direction == direction).count()
    }

    /// Whether the step's effect is in place: its last effect was forward.
    pub fn is_in_place(&self, step: &StepId) -> bool {
        let content = self.content();
        let changing = |mark: &&Mark| mark.attempt.step == *step && matches!(mark.attempt.direction, Direction::Do | Direction::Undo);
        content.marks.iter().rev().find(changing).is_some_and(|mark| mark.attempt.direction == Direction::Do)
    }

    fn begin(&self, attempt: &AttemptRef) -> (Option<Script>, Option<Arc<dyn Fn(&AttemptRef) + Send + Sync>>) {
        let mut content = self.content();
        content.calls.push(attempt.clone());
        let key = (attempt.step.clone(), attempt.direction);
        let scripted = content.scripts.get_mut(&key).and_then(VecDeque::pop_front);
        (scripted.or_else(|| content.always.get(&key).cloned()), content.on_call.clone())
    }

    fn mark(&self, mark: Mark) {
        self.content().marks.push(mark);
    }
}

/// An action of any kind that changes the world as scripted. An input with a field `check` only reads: it passes unless scripted.
pub struct ScriptedAction {
    descriptor: ActionDescriptor,
    world: World,
    clock: Arc<dyn Clock>,
}

impl ScriptedAction {
    /// An action that answers to `kind`, input version 1.
    pub fn new(kind: &str, world: World, clock: Arc<dyn Clock>) -> Self {
        let descriptor = ActionDescriptor {
            kind: kind.to_owned(),
            version: 1,
            summary: "does what the test says".to_owned(),
            input: Vec::new(),
            on_unknown: OnUnknown::Rerun,
            timeout_ms: Millis::from_secs(60),
            attempts_max: 3,
            idempotent: true,
            shifts_traffic: false,
            read_only: false,
            outputs: BTreeMap::new(),
        };
        Self { descriptor, world, clock }
    }
}

impl Action for ScriptedAction {
    fn descriptor(&self) -> ActionDescriptor {
        self.descriptor.clone()
    }

    fn works_in_journaled_processes(&self) -> bool {
        false
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (script, hook) = self.world.begin(&context.attempt);
            if let Some(hook) = hook {
                hook(&context.attempt);
            }
            let is_check = input.get("check").is_some();
            if script.is_none() && is_check {
                return Outcome::Done { outputs: BTreeMap::new() };
            }
            if script.is_none() && matches!(context.attempt.direction, Direction::Probe | Direction::ProbeUndo) {
                return self.probe(&context.attempt);
            }
            let script = script.unwrap_or_else(|| Script::slow(Millis::ZERO));
            tokio::select! {
                () = self.clock.sleep_until(self.clock.now().plus(script.takes)) => {}
                () = context.cancel.cancelled() => return Outcome::Unknown { reason: "it was told to end".to_owned() },
            }
            if script.acts && !is_check {
                self.world.mark(Mark { attempt: context.attempt.clone(), key: context.idempotency_key.clone(), input: input.clone() });
            }
            script.says.unwrap_or_else(|| Outcome::Done { outputs: BTreeMap::new() })
        })
    }
}

impl ScriptedAction {
    /// Says the truth about whether the step is in place, whichever way was tried.
    fn probe(&self, attempt: &AttemptRef) -> Outcome {
        if self.world.is_in_place(&attempt.step) {
            Outcome::Done { outputs: BTreeMap::new() }
        } else {
            Outcome::NotDone { reason: "the probe does not find it".to_owned(), retryable: false }
        }
    }
}

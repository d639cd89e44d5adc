//! A world of named values that scripted actions change, and that survives the crash of whoever changes it.
//!
//! Every call leaves a mark with its idempotency key, so that a test can say how often each effect really happened.
//! Scripts make single calls slow, failing, unknown, or lying; a call without a script takes effect and says `Done`.

use glidepath_model::action::{ActionDescriptor, OnUnknown};
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::{Millis, StepId};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

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

/// What a test wants to be told when a call begins.
type OnCall = Arc<dyn Fn(&AttemptRef) + Send + Sync>;

#[derive(Default)]
struct Content {
    marks: Vec<Mark>,
    calls: Vec<AttemptRef>,
    scripts: BTreeMap<(StepId, Direction), VecDeque<Script>>,
    always: BTreeMap<(StepId, Direction), Script>,
    on_call: Option<OnCall>,
    /// Ends of scripted processes by process id, and how long they worked; none while one is at work.
    processes: Vec<Option<(Outcome, Millis)>>,
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

    /// Takes every effect back, as if nothing had happened.
    pub fn forget(&self) {
        self.content().marks.clear();
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

    fn begin(&self, attempt: &AttemptRef) -> (Option<Script>, Option<OnCall>) {
        let mut content = self.content();
        content.calls.push(attempt.clone());
        let key = (attempt.step.clone(), attempt.direction);
        let scripted = content.scripts.get_mut(&key).and_then(VecDeque::pop_front);
        (scripted.or_else(|| content.always.get(&key).cloned()), content.on_call.clone())
    }

    /// Makes a call that takes no time: it has its effect and says what it says as scripted. Probes say the truth unless scripted.
    pub fn act(&self, attempt: &AttemptRef, key: &str, input: &Value) -> Outcome {
        let (script, hook) = self.begin(attempt);
        if let Some(hook) = hook {
            hook(attempt);
        }
        let is_probe = matches!(attempt.direction, Direction::Probe | Direction::ProbeUndo);
        if script.is_none() && is_probe {
            return self.probe(attempt);
        }
        let script = script.unwrap_or_else(|| Script::slow(Millis::ZERO));
        if script.acts && !is_probe {
            self.mark(Mark { attempt: attempt.clone(), key: key.to_owned(), input: input.clone() });
        }
        script.says.unwrap_or_else(|| Outcome::Done { outputs: BTreeMap::new() })
    }

    /// Says the truth about whether the step is in place, whichever way was tried.
    fn probe(&self, attempt: &AttemptRef) -> Outcome {
        if self.is_in_place(&attempt.step) {
            Outcome::Done { outputs: BTreeMap::new() }
        } else {
            Outcome::NotDone { reason: "the probe does not find it".to_owned(), retryable: false }
        }
    }

    /// Starts a scripted process, which outlives whoever started it.
    fn start_process(&self) -> ProcessMark {
        let mut content = self.content();
        content.processes.push(None);
        ProcessMark { boot_id: "scripted".to_owned(), pid: u32::try_from(content.processes.len()).unwrap_or(u32::MAX), start_ticks: 1 }
    }

    fn end_process(&self, process: &ProcessMark, outcome: Outcome, took: Millis) {
        if let Some(place) = self.content().processes.get_mut(process.pid as usize - 1) {
            *place = Some((outcome, took));
        }
    }

    /// Waits for the end of a scripted process, and says how long it worked.
    async fn end_of(&self, context: &ActionContext, process: &ProcessMark) -> Outcome {
        loop {
            match self.content().processes.get(process.pid as usize - 1) {
                None => return Outcome::Unknown { reason: "there was no such process".to_owned() },
                Some(Some((outcome, took))) => {
                    context.processes.ended(&context.attempt, *took);
                    return outcome.clone();
                }
                Some(None) => {}
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn mark(&self, mark: Mark) {
        self.content().marks.push(mark);
    }
}

/// An action of any kind that changes the world as scripted. An input with a field `check` only reads: it passes unless scripted.
pub struct ScriptedAction {
    descriptor: ActionDescriptor,
    world: World,
    in_processes: bool,
}

impl ScriptedAction {
    /// The same, but its effects happen in journaled processes that outlive the owner and can be adopted.
    #[must_use]
    pub fn in_processes(self) -> Self {
        Self { in_processes: true, ..self }
    }

    /// An action that answers to `kind`, input version 1.
    pub fn new(kind: &str, world: World) -> Self {
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
        Self { descriptor, world, in_processes: false }
    }
}

impl Action for ScriptedAction {
    fn descriptor(&self) -> ActionDescriptor {
        self.descriptor.clone()
    }

    fn works_in_journaled_processes(&self) -> bool {
        self.in_processes
    }

    fn adopt<'a>(&'a self, context: &'a ActionContext, input: &'a Value, process: &'a ProcessMark) -> BoxFuture<'a, Outcome> {
        let _ = input;
        Box::pin(self.world.end_of(context, process))
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
                return self.world.probe(&context.attempt);
            }
            let script = script.unwrap_or_else(|| Script::slow(Millis::ZERO));
            if self.in_processes && !is_check {
                return self.run_in_process(context, input, script).await;
            }
            tokio::select! {
                () = sleep(script.takes.to_std()) => {}
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
    async fn run_in_process(&self, context: &ActionContext, input: &Value, script: Script) -> Outcome {
        let process = self.world.start_process();
        // Until the go-ahead the process ends by itself when its owner goes away.
        let mut waiting = WaitsForOrder { world: &self.world, process: &process, has_order: false };
        if let Err(error) = context.processes.started(&context.attempt, process.clone()).await {
            return Outcome::NotDone { reason: format!("the process was not journaled: {error}"), retryable: true };
        }
        waiting.has_order = true;
        let mark = Mark { attempt: context.attempt.clone(), key: context.idempotency_key.clone(), input: input.clone() };
        let (world, of_process) = (self.world.clone(), process.clone());
        tokio::spawn(async move {
            sleep(script.takes.to_std()).await;
            if script.acts {
                world.mark(mark);
            }
            world.end_process(&of_process, script.says.unwrap_or_else(|| Outcome::Done { outputs: BTreeMap::new() }), script.takes);
        });
        self.world.end_of(context, &process).await
    }
}

/// A scripted process that has not been told to begin.
struct WaitsForOrder<'a> {
    world: &'a World,
    process: &'a ProcessMark,
    has_order: bool,
}

impl Drop for WaitsForOrder<'_> {
    fn drop(&mut self) {
        if !self.has_order {
            let reason = "its owner died before the go-ahead".to_owned();
            self.world.end_process(self.process, Outcome::NotDone { reason, retryable: true }, Millis::ZERO);
        }
    }
}

//! Laws of actions.
//!
//! Each law is tried by itself on a world that was put back before. A cancelled attempt is tried at every point at which it can be: it is told
//! to end after its first pause, then after its second, until it ends before it is told.

use glidepath_model::action::OnUnknown;
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::{ActionCall, Millis, PlanId, RunId, StepId};
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, ProcessJournal, ProgressSink, Secrets, StoreError};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time of an attempt that is to end by itself.
const ATTEMPT_TIME: Millis = Millis::from_secs(30);

/// Time of an attempt that would never end by itself.
const HANGING_TIME: Millis = Millis(600);

/// How long after it was told to end, or after its deadline, an attempt may take to end.
const ENDING_MAX: Duration = Duration::from_secs(15);

/// Points at which an attempt is cancelled, at most.
const CANCEL_POINTS_MAX: usize = 100;

/// A way to say what the world looks like, for comparison, once nothing is at work in it any more.
pub type Observe<'a> = &'a (dyn Fn() -> BoxFuture<'a, Value> + 'a);

/// A way to put the world back to how it was before anything was done.
pub type Reset<'a> = &'a (dyn Fn() -> BoxFuture<'a, ()> + 'a);

/// What an action owes to those who rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// What was done can be undone, and then the world is as it was.
    Undo,
    /// Undoing twice is undoing once.
    UndoTwice,
    /// What was never done, or perhaps half done, can be undone.
    UndoInDoubt,
    /// A further try of the same round, also after a doubt, has the effect of one.
    Repeat,
    /// A cancelled attempt ends, and says `NotDone` only when nothing happened and `Done` only when all of it did.
    Cancel,
    /// An attempt ends at its deadline, and is as honest about it.
    Deadline,
}

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: Law,
    /// What was seen, one sentence.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.what)
    }
}

/// An action with a call and the call that undoes it.
pub struct ActionCase<'a> {
    /// The action.
    pub action: &'a dyn Action,
    /// Forward.
    pub forward: &'a ActionCall,
    /// Back, where there is one.
    pub undo: Option<&'a ActionCall>,
    /// A call that never ends by itself, perhaps after an effect that `undo` takes back. Some actions have none.
    pub hangs: Option<&'a ActionCall>,
    /// Laws that cannot hold by the nature of these calls. Each must be seen broken; one that holds all the same is a broken promise.
    pub exceptions: &'a [Law],
    /// What the world looks like.
    pub observe: Observe<'a>,
    /// How it is put back.
    pub reset: Reset<'a>,
    /// Secrets of the calls.
    pub secrets: Arc<dyn Secrets>,
    /// Root of the project, and a place for the folders of attempts.
    pub folder: &'a Path,
}

impl ActionCase<'_> {
    /// Checks the laws; gives one sentence for each time that one is broken, and for each exception that is none.
    pub async fn broken_laws(&self) -> Vec<Broken> {
        let mut trial = Trial {
            case: self,
            before: Value::Null,
            done: Value::Null,
            step: StepId::from("laws"),
            tries: Cell::new(0),
            broken: Vec::new(),
        };
        trial.try_undo().await;
        trial.try_repeat().await;
        trial.try_cancel(self.forward, ATTEMPT_TIME).await;
        trial.try_deadline().await;
        let seen: BTreeSet<Law> = trial.broken.iter().map(|broken| broken.law).collect();
        let mut broken: Vec<Broken> = trial.broken.into_iter().filter(|broken| !self.exceptions.contains(&broken.law)).collect();
        for law in self.exceptions.iter().filter(|law| !seen.contains(law)) {
            broken.push(Broken { law: *law, what: "it was said not to hold, and it holds".to_owned() });
        }
        let descriptor = self.action.descriptor();
        if self.exceptions.contains(&Law::Repeat) && (descriptor.idempotent || descriptor.on_unknown == OnUnknown::Rerun) {
            broken.push(Broken { law: Law::Repeat, what: format!("{} says of itself that it may be repeated", descriptor.kind) });
        }
        broken
    }
}

/// The trial of an action.
struct Trial<'t, 'a> {
    case: &'t ActionCase<'a>,
    /// The world before anything was done.
    before: Value,
    /// The world when all is done.
    done: Value,
    /// A step of its own for each law, so that nothing of an earlier one is taken for its work.
    step: StepId,
    /// Attempts so far, of all steps.
    tries: Cell<u32>,
    broken: Vec<Broken>,
}

/// How far a cancelled attempt came.
#[derive(Clone, Copy)]
struct Cut {
    /// Pauses after which it is cancelled; 0 cancels it before it begins, `None` never.
    after: Option<usize>,
    /// Time that it has.
    time: Millis,
}

impl Trial<'_, '_> {
    async fn try_undo(&mut self) {
        self.begin("undo").await;
        self.expect_done(Law::Undo, Direction::Do, "doing it").await;
        self.done = (self.case.observe)().await;
        if self.done == self.before {
            self.break_law(Law::Undo, "doing it must change the world that is observed".to_owned());
        }
        if self.case.undo.is_none() {
            return;
        }
        for (law, what) in [(Law::Undo, "undoing it"), (Law::UndoTwice, "undoing it twice")] {
            self.expect_done(law, Direction::Undo, what).await;
            self.expect_before(law, what).await;
        }
        self.begin("undo-in-doubt").await;
        self.expect_done(Law::UndoInDoubt, Direction::Undo, "undoing what was never done").await;
        self.expect_before(Law::UndoInDoubt, "undoing what was never done").await;
    }

    async fn try_repeat(&mut self) {
        self.begin("repeat").await;
        for what in ["doing it", "doing it twice"] {
            self.expect_done(Law::Repeat, Direction::Do, what).await;
            self.expect_world(Law::Repeat, what, &self.done.clone()).await;
        }
        self.expect_undone(Law::Repeat, "undoing once what was done twice").await;
    }

    /// Cancels at every point. Whatever was said, undo must bring everything back, and in another attempt a further try must end it.
    async fn try_cancel(&mut self, call: &ActionCall, time: Millis) {
        for after in 0..CANCEL_POINTS_MAX {
            let what = format!("an attempt cancelled after {after} pauses");
            let cut = Cut { after: Some(after), time };
            self.begin(&format!("cancel-{}-{after}", self.tries.get())).await;
            let is_cut = self.expect_honest(Law::Cancel, call, cut, &what).await;
            self.expect_undone(Law::UndoInDoubt, &format!("undoing {what}")).await;
            if !is_cut {
                return;
            }
            if call == self.case.forward {
                self.begin(&format!("cancel-repeat-{after}")).await;
                self.attempt(call, Direction::Do, cut).await;
                let again = format!("a further try after {what}");
                self.expect_done(Law::Repeat, Direction::Do, &again).await;
                self.expect_world(Law::Repeat, &again, &self.done.clone()).await;
            }
        }
        self.break_law(Law::Cancel, format!("it pauses more than {CANCEL_POINTS_MAX} times"));
    }

    async fn try_deadline(&mut self) {
        self.begin("deadline").await;
        let late = Cut { after: None, time: Millis::ZERO };
        self.expect_honest(Law::Deadline, self.case.forward, late, "an attempt whose deadline has passed").await;
        let Some(hangs) = self.case.hangs else { return };
        self.begin("hangs").await;
        let cut = Cut { after: None, time: HANGING_TIME };
        self.expect_honest(Law::Deadline, hangs, cut, "an attempt that would never end").await;
        self.expect_undone(Law::UndoInDoubt, "undoing an attempt that would never end").await;
        self.try_cancel(hangs, HANGING_TIME).await;
    }

    async fn begin(&mut self, law: &str) {
        (self.case.reset)().await;
        self.before = (self.case.observe)().await;
        self.step = StepId::new(format!("laws/{law}"));
    }

    fn break_law(&mut self, law: Law, what: String) {
        self.broken.push(Broken { law, what });
    }

    /// Tries until it is done, as often as the engine would.
    async fn expect_done(&mut self, law: Law, direction: Direction, what: &str) {
        let call = if direction == Direction::Undo { self.case.undo } else { Some(self.case.forward) };
        let Some(call) = call else { return };
        let mut said = None;
        for _ in 0..self.case.action.descriptor().attempts_max.max(1) {
            match self.attempt(call, direction, Cut { after: None, time: ATTEMPT_TIME }).await.0 {
                Some(Outcome::Done { .. }) => return,
                outcome => said = outcome,
            }
        }
        self.break_law(law, format!("{what} must be possible, but it said {said:?}"));
    }

    async fn expect_undone(&mut self, law: Law, what: &str) {
        if self.case.undo.is_some() {
            self.expect_done(law, Direction::Undo, what).await;
            self.expect_before(law, what).await;
        }
    }

    async fn expect_before(&mut self, law: Law, what: &str) {
        self.expect_world(law, what, &self.before.clone()).await;
    }

    async fn expect_world(&mut self, law: Law, what: &str, expected: &Value) {
        let found = (self.case.observe)().await;
        if found != *expected {
            self.break_law(law, format!("after {what} the world must be {expected}, but it is {found}"));
        }
    }

    /// The attempt ends in time, and what it says is what became of the world. Gives whether it was cancelled before it ended.
    async fn expect_honest(&mut self, law: Law, call: &ActionCall, cut: Cut, what: &str) -> bool {
        let (outcome, is_cut) = self.attempt(call, Direction::Do, cut).await;
        match outcome {
            None => self.break_law(law, format!("{what} does not end within {ENDING_MAX:?}")),
            Some(Outcome::NotDone { reason, .. }) => {
                self.expect_before(law, &format!("{what} that says `NotDone` ({reason})")).await;
            }
            Some(Outcome::Done { .. }) if Some(call) == self.case.hangs => self.break_law(law, format!("{what} says `Done`")),
            Some(Outcome::Done { .. }) => self.expect_world(law, &format!("{what} that says `Done`"), &self.done.clone()).await,
            Some(Outcome::Unverified { .. }) => self.expect_world(law, &format!("{what} that says `Unverified`"), &self.done.clone()).await,
            Some(Outcome::Unknown { .. }) => {}
        }
        is_cut
    }

    /// One attempt: what it said, if it ended in time, and whether it was cancelled before.
    async fn attempt(&self, call: &ActionCall, direction: Direction, cut: Cut) -> (Option<Outcome>, bool) {
        let case = self.case;
        self.tries.set(self.tries.get() + 1);
        let attempt = AttemptRef { step: self.step.clone(), direction, round: 1, number: self.tries.get() };
        let attempt_dir = case.folder.join("attempts").join(self.tries.get().to_string());
        if let Err(error) = std::fs::create_dir_all(&attempt_dir) {
            return (Some(Outcome::Unknown { reason: format!("the folder of the attempt cannot be made: {error}") }), false);
        }
        let run = RunId::from("run-laws");
        let cancel = CancelToken::new();
        let context = ActionContext {
            idempotency_key: attempt.idempotency_key(&run),
            traceparent: None,
            run,
            plan: PlanId::new("0".repeat(64)),
            attempt,
            deadline: (Instant::now() + cut.time.to_std()).into_std(),
            fences: Vec::new(),
            cancel: cancel.clone(),
            processes: Arc::new(Unheard),
            progress: Arc::new(Unheard),
            secrets: case.secrets.clone(),
            root: case.folder.to_owned(),
            attempt_dir,
        };
        if cut.after == Some(0) {
            cancel.cancel();
        }
        let mut running = pin!(case.action.run(&context, &call.input));
        let mut pauses = 0;
        let counted = poll_fn(|polled| {
            let state = running.as_mut().poll(polled);
            pauses += usize::from(state.is_pending());
            if state.is_pending() && cut.after == Some(pauses) {
                cancel.cancel();
            }
            state
        });
        let ended = tokio::time::timeout(cut.time.to_std() + ENDING_MAX, counted).await.ok();
        (ended, cancel.is_cancelled())
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

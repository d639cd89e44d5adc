//! The state of a run: what the fold of its events says.

use crate::steps::Steps;
use glidepath_model::event::{AttemptRef, Direction, ProcessMark, RunEnd};
use glidepath_model::plan::PlanBody;
use glidepath_model::projection::{ClaimWait, Fence, RunStatus};
use glidepath_model::request::{Signal, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{EventName, Millis, PlanId, Recorded, RunId, StepId, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use thiserror::Error;

/// The state of a run. Only `apply` changes it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The run.
    pub run: RunId,
    /// The plan it flies; `None` before the first event.
    pub plan: Option<PlanId>,
    /// Position of the last event folded; 0 before the first.
    pub seq: u64,
    /// Time of the last event folded.
    pub last_at: Timestamp,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it landed, if it ever did; kept when it is rolled back later.
    pub landed_at: Option<Timestamp>,
    /// Who started it.
    pub who: Option<Who>,
    /// Seed of the retry jitter.
    pub seed: u64,
    /// The present owner.
    pub owner: Option<Owner>,
    /// What it holds, or waits for.
    pub claims: Claims,
    /// Events outside that were told, each once.
    pub signals: BTreeMap<EventName, Signal>,
    /// Retries of forward steps so far.
    pub retries: u32,
    /// When it must have landed.
    pub deadline_at: Option<Timestamp>,
    /// What the pilot asked for.
    pub pilot: Pilot,
    /// The hold, while a person is asked.
    pub hold: Option<Hold>,
    /// The window, while it is closed.
    pub closed_window: Option<ClosedWindow>,
    /// Whether a person let it go on although an error budget burns: burn alone does not turn it back any more.
    pub burn_passed: bool,
    /// The operator's case, while only a person can help.
    pub operator: Option<OperatorNeed>,
    /// The way back, once the run turned back.
    pub rollback: Option<Rollback>,
    /// The end, once it ended.
    pub ended: Option<Ended>,
    /// How often it ended: a run that was landed or abandoned may still go back, and ends once more.
    pub ends: u32,
    /// Since when the run rests (paused, stopped, holding, needs an operator) without flying in between.
    pub resting_since: Option<Timestamp>,
    /// The step that it went back to, while it rests there.
    pub went_back_to: Option<StepId>,
    /// Who asked the run to turn back, when a person (or the guard) did.
    pub turned_back_by: Option<Who>,
    /// Each step of the plan.
    pub steps: Steps,
    /// The last events, for people, oldest first.
    pub recent: VecDeque<Recorded>,
}

/// Where a run stands, the strongest condition first: ended, needs operator, rolling back, holding, stopped, paused, flying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode<'a> {
    /// Steps are being done.
    Flying,
    /// Nothing new is started; gates go on and may pass.
    Paused,
    /// Exposure is frozen where it is: nothing new is started and no gate passes.
    Stopped,
    /// Exposure is held and a person is asked.
    Holding(&'a Hold),
    /// On the way back.
    RollingBack(&'a Rollback),
    /// Only a person can help. `RunState::rollback` says whether the run is on the way back.
    NeedsOperator(&'a OperatorNeed),
    /// Over.
    Ended(&'a Ended),
}

/// The process that owns a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its epoch.
    pub epoch: u64,
    /// Who.
    pub who: Who,
    /// The process.
    pub process: ProcessMark,
}

/// What a run holds of what it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claims {
    /// All of it, under these numbers; none where it claims nothing.
    Held(Vec<Fence>),
    /// Nothing yet: it waits in the queue.
    Waiting(ClaimWait),
}

/// What the pilot asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pilot {
    /// To fly.
    Fly,
    /// To start nothing new.
    Pause,
    /// To freeze exposure.
    Stop,
    /// To start nothing new, and to end for another run once nothing is under way.
    GiveWay,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The step that could not go on; `None` when the window closed.
    pub step: Option<StepId>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When traffic goes to safety by itself.
    pub until: Option<Timestamp>,
}

/// A window that closed in mid-flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedWindow {
    /// Why no change may start now.
    pub reason: String,
    /// Since when that is known.
    pub since: Timestamp,
    /// Whether a person goes on all the same, in flight or at take-off.
    pub passed: bool,
}

/// What an operator is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorNeed {
    /// The step, if one.
    pub step: Option<StepId>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// The way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// Why.
    pub cause: String,
    /// The item that goes back; `None` for everything.
    pub item: Option<u32>,
    /// The step at which it ends, so that the run can go on from there; `None` for all the way.
    pub to: Option<StepId>,
    /// Steps that go back.
    pub scope: BTreeSet<StepId>,
    /// When the run turned back.
    pub began_at: Timestamp,
    /// When no exposure was left.
    pub safety_reached: Option<Timestamp>,
    /// Whether an operator accepted that one-way steps stay, so that the rest may go back.
    pub one_way_accepted: bool,
}

/// The end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub end: RunEnd,
    /// What stays in place, one line each.
    pub leftovers: Vec<String>,
    /// When.
    pub at: Timestamp,
}

/// The state of one step: three independent tracks, since a step may be done, made safe, and undone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Forward.
    pub forward: Track,
    /// Exposure to zero.
    pub safety: Track,
    /// Back.
    pub undo: Track,
    /// Whether a forward attempt may have begun, in any round.
    pub began: bool,
    /// Whether an attempt may have done it: one of unknown outcome, or one whose validations did not pass.
    pub maybe_done: bool,
    /// Whether its exposure was brought to zero since its last attempt.
    pub cleared: bool,
    /// Whether it was done and stayed in place when the run went back to an earlier step: it is not done again.
    pub kept: bool,
    /// Whether an operator asked for the probe that is open.
    pub reconciling: bool,
    /// When the first forward attempt, wait or watch began.
    pub started_at: Option<Timestamp>,
    /// When it must be done, retries included.
    pub deadline_at: Option<Timestamp>,
    /// When it was done, skipped or failed.
    pub ended_at: Option<Timestamp>,
    /// How long the forward attempt took that did it.
    pub took: Option<Millis>,
    /// Typed outputs of the forward action.
    pub outputs: BTreeMap<String, Value>,
}

/// One direction of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Where it stands.
    pub progress: Progress,
    /// Round, from 1; raised by an operator's redo and by each opening of a gate.
    pub round: u32,
    /// Tries made in this round.
    pub attempts: u32,
    /// Probes made in this round.
    pub probes: u32,
    /// Tries of this round that were open when their owner died. The step is not to blame for them: they do not count against its limit.
    pub attempts_orphaned: u32,
    /// The same for probes.
    pub probes_orphaned: u32,
    /// The attempt that was counted as orphaned last; it may see several owners die.
    pub orphan: Option<AttemptRef>,
}

impl Default for Track {
    fn default() -> Self {
        Self::UNTOUCHED
    }
}

/// Where a track stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Progress {
    /// Not begun, or not to be begun.
    #[default]
    Waiting,
    /// An attempt is open (a probe too).
    Running {
        /// Which.
        attempt: AttemptRef,
        /// When it began.
        since: Timestamp,
        /// When it must have ended.
        deadline: Timestamp,
        /// Its process, where it has one.
        process: Option<ProcessMark>,
    },
    /// A further try is set.
    RetryAt(Timestamp),
    /// The gate watches.
    Watching {
        /// When it was opened.
        opened_at: Timestamp,
        /// Its last look.
        last: Option<Look>,
    },
    /// Time passes.
    WaitingUntil(Timestamp),
    /// A person is asked.
    AskingPerson {
        /// Until when.
        until: Timestamp,
    },
    /// An event outside is waited for.
    AwaitingEvent {
        /// Until when.
        until: Timestamp,
    },
    /// The target was asked whether an attempt may begin.
    Asked,
    /// The target takes no attempt before a time.
    Delayed {
        /// When it is asked again.
        until: Timestamp,
        /// Why, one sentence.
        reason: String,
    },
    /// Failed for good as an element of a fan-out that tolerates it.
    Tolerated {
        /// Why.
        reason: String,
    },
    /// Done, passed, or undone.
    Done,
    /// Left out.
    Skipped,
    /// Not done.
    Failed {
        /// Why.
        reason: String,
        /// Whether another try can help.
        retryable: bool,
    },
    /// Nobody knows.
    Unsure {
        /// Why not.
        reason: String,
        /// Whether only a person can say.
        ask: bool,
    },
}

/// One look of a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// What it concludes.
    pub verdict: VerdictKind,
    /// One line for people.
    pub line: String,
    /// The judge's state, to go on from.
    pub state: Value,
}

/// One word about a step, for people and for colours.
#[derive(Clone, Debug, PartialEq)]
pub enum StepStatus {
    /// Not begun.
    Waiting,
    /// An attempt is open.
    Running,
    /// A further try is set.
    RetryAt(Timestamp),
    /// The gate watches.
    Watching,
    /// Time passes until then.
    WaitingUntil(Timestamp),
    /// A person is asked.
    AskingPerson(Timestamp),
    /// An event outside is waited for.
    AwaitingEvent(Timestamp),
    /// Its target takes no attempt now.
    Throttled(Option<Timestamp>),
    /// Failed, and the plan tolerates it.
    Tolerated(String),
    /// Done.
    Done,
    /// Failed, or nobody knows.
    Failed(String),
    /// Left out.
    Skipped,
    /// On the way back.
    Undoing,
    /// Back.
    Undone,
    /// The undo failed for good or nobody knows.
    UndoFailed(String),
}

/// An event or a plan that this engine cannot go on from; stops that run only.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The event cannot follow in this state.
    #[error("GP0400: event {seq} ({kind}) of run {run} cannot follow: {reason}")]
    IllegalEvent {
        /// The run.
        run: RunId,
        /// Position of the event.
        seq: u64,
        /// Its kind.
        kind: &'static str,
        /// Why not.
        reason: String,
    },
    /// A stored event is of a kind or version that this program does not know.
    #[error("GP0401: stored event of kind {kind}, version {version} is not known to this program: {reason}")]
    UnknownEvent {
        /// Kind.
        kind: String,
        /// Version.
        version: u32,
        /// Details.
        reason: String,
    },
    /// The run was started with another meaning of the steps.
    #[error("GP0402: run {run} is bound to engine semantics {bound}, this program has {have}")]
    OtherSemantics {
        /// The run.
        run: RunId,
        /// What it is bound to.
        bound: u32,
        /// What this program has.
        have: u32,
    },
}

impl EngineError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::IllegalEvent { .. } => "GP0400",
            Self::UnknownEvent { .. } => "GP0401",
            Self::OtherSemantics { .. } => "GP0402",
        }
    }
}

impl RunState {
    /// The state before the first event.
    pub fn new(run: RunId) -> Self {
        Self {
            run,
            plan: None,
            seq: 0,
            last_at: Timestamp::EPOCH,
            started_at: Timestamp::EPOCH,
            landed_at: None,
            who: None,
            claims: Claims::Held(Vec::new()),
            signals: BTreeMap::new(),
            retries: 0,
            deadline_at: None,
            seed: 0,
            owner: None,
            pilot: Pilot::Fly,
            hold: None,
            closed_window: None,
            burn_passed: false,
            operator: None,
            rollback: None,
            ended: None,
            ends: 0,
            resting_since: None,
            went_back_to: None,
            turned_back_by: None,
            steps: Steps::default(),
            recent: VecDeque::new(),
        }
    }

    /// Folds a journal from its beginning.
    ///
    /// # Errors
    /// The first event that cannot follow.
    pub fn fold(run: RunId, plan: &PlanBody, events: &[Recorded]) -> Result<Self, EngineError> {
        let mut state = Self::new(run);
        for recorded in events {
            crate::apply(&mut state, plan, recorded)?;
        }
        Ok(state)
    }

    /// Where it stands.
    pub fn mode(&self) -> Mode<'_> {
        match (&self.ended, &self.operator, &self.rollback, &self.hold) {
            (Some(ended), ..) => Mode::Ended(ended),
            (None, Some(need), ..) => Mode::NeedsOperator(need),
            (None, None, Some(rollback), _) => Mode::RollingBack(rollback),
            (None, None, None, Some(hold)) => Mode::Holding(hold),
            (None, None, None, None) => match self.pilot {
                Pilot::Fly => Mode::Flying,
                Pilot::Pause | Pilot::GiveWay => Mode::Paused,
                Pilot::Stop => Mode::Stopped,
            },
        }
    }

    /// Where it stands, as stores and lists show it.
    pub fn status(&self) -> RunStatus {
        match self.mode() {
            Mode::Flying => RunStatus::Flying,
            Mode::Paused | Mode::Stopped => RunStatus::Paused,
            Mode::Holding(_) => RunStatus::Holding,
            Mode::RollingBack(_) => RunStatus::RollingBack,
            Mode::NeedsOperator(_) => RunStatus::NeedsOperator,
            Mode::Ended(ended) => RunStatus::Ended(ended.end),
        }
    }

    /// State of one step; a step that has no event yet waits.
    pub fn step(&self, id: &StepId) -> &StepState {
        static UNTOUCHED: StepState = StepState::UNTOUCHED;
        self.steps.get(id).unwrap_or(&UNTOUCHED)
    }

    /// Numbers of the claims that it holds.
    pub fn fences(&self) -> Vec<Fence> {
        match &self.claims {
            Claims::Held(fences) => fences.clone(),
            Claims::Waiting(_) => Vec::new(),
        }
    }

    /// Whether it waits in the queue of claims: nothing of it is begun.
    pub const fn waits_for_claims(&self) -> Option<&ClaimWait> {
        match &self.claims {
            Claims::Waiting(wait) => Some(wait),
            Claims::Held(_) => None,
        }
    }

    /// Whether no step has begun.
    pub(crate) fn began_nothing(&self) -> bool {
        self.steps.values().all(|own| own.started_at.is_none() && own.forward.progress == Progress::Waiting)
    }

    /// Whether the run rests until a person speaks (or the hold limit passes).
    pub fn is_resting(&self) -> bool {
        self.ended.is_none() && self.rollback.is_none() && (self.pilot != Pilot::Fly || self.hold.is_some() || self.operator.is_some())
    }

    /// Whether a person is asked about the run rather than about a step of it: nothing at all follows by itself then,
    /// no timer, no hold limit, no way back, because what the journal says may no longer be so.
    pub fn rests_as_a_whole(&self) -> bool {
        self.operator.as_ref().is_some_and(|need| need.step.is_none())
    }
}

impl Rollback {
    /// Whether everything goes back, all the way.
    pub const fn is_whole(&self) -> bool {
        self.item.is_none() && self.to.is_none()
    }
}

impl StepState {
    const UNTOUCHED: Self = Self {
        forward: Track::UNTOUCHED,
        safety: Track::UNTOUCHED,
        undo: Track::UNTOUCHED,
        began: false,
        maybe_done: false,
        cleared: false,
        kept: false,
        reconciling: false,
        started_at: None,
        deadline_at: None,
        ended_at: None,
        took: None,
        outputs: BTreeMap::new(),
    };

    /// One word about it: what the way back says, else what the way forward says.
    pub fn status(&self) -> StepStatus {
        match &self.undo.progress {
            Progress::Done => return StepStatus::Undone,
            Progress::Running { .. } | Progress::RetryAt(_) => return StepStatus::Undoing,
            Progress::Failed { reason, .. } | Progress::Unsure { reason, .. } => return StepStatus::UndoFailed(reason.clone()),
            _ => {}
        }
        match &self.forward.progress {
            Progress::Waiting => StepStatus::Waiting,
            Progress::Running { .. } => StepStatus::Running,
            Progress::RetryAt(at) => StepStatus::RetryAt(*at),
            Progress::Watching { .. } => StepStatus::Watching,
            Progress::WaitingUntil(until) => StepStatus::WaitingUntil(*until),
            Progress::AskingPerson { until } => StepStatus::AskingPerson(*until),
            Progress::AwaitingEvent { until } => StepStatus::AwaitingEvent(*until),
            Progress::Asked => StepStatus::Throttled(None),
            Progress::Delayed { until, .. } => StepStatus::Throttled(Some(*until)),
            Progress::Tolerated { reason } => StepStatus::Tolerated(reason.clone()),
            Progress::Done => StepStatus::Done,
            Progress::Skipped => StepStatus::Skipped,
            Progress::Failed { reason, .. } | Progress::Unsure { reason, .. } => StepStatus::Failed(reason.clone()),
        }
    }

    /// Whether the step no longer holds back those that need it.
    pub fn is_behind(&self) -> bool {
        matches!(self.forward.progress, Progress::Done | Progress::Skipped | Progress::Tolerated { .. })
    }

    /// Whether it may have changed something that is still in place.
    pub fn may_be_in_place(&self) -> bool {
        self.undo.progress != Progress::Done
            && (self.forward.progress == Progress::Done || self.kept || self.maybe_done || self.forward.is_running())
    }

    /// All three tracks.
    pub fn tracks(&self) -> [&Track; 3] {
        [&self.forward, &self.safety, &self.undo]
    }
}

impl Track {
    const UNTOUCHED: Self =
        Self { progress: Progress::Waiting, round: 1, attempts: 0, probes: 0, attempts_orphaned: 0, probes_orphaned: 0, orphan: None };

    /// Tries of this round that the step itself had.
    pub(crate) fn attempts_counted(&self) -> u32 {
        self.attempts.saturating_sub(self.attempts_orphaned)
    }

    /// Probes of this round that could say something.
    pub(crate) fn probes_counted(&self) -> u32 {
        self.probes.saturating_sub(self.probes_orphaned)
    }

    /// The owner died while this track may have had an attempt open.
    pub(crate) fn owner_died(&mut self) {
        let Progress::Running { attempt, .. } = &self.progress else { return };
        if self.orphan.as_ref() == Some(attempt) {
            return;
        }
        match attempt.direction {
            Direction::Probe | Direction::ProbeUndo => self.probes_orphaned += 1,
            Direction::Do | Direction::Undo | Direction::Safety => self.attempts_orphaned += 1,
        }
        self.orphan = Some(attempt.clone());
    }

    /// Whether an attempt is open.
    pub fn is_running(&self) -> bool {
        matches!(self.progress, Progress::Running { .. })
    }

    /// The open attempt.
    pub fn open(&self) -> Option<(&AttemptRef, Timestamp, Option<&ProcessMark>)> {
        match &self.progress {
            Progress::Running { attempt, deadline, process, .. } => Some((attempt, *deadline, process.as_ref())),
            _ => None,
        }
    }
}

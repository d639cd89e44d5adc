//! The simulated world: calls that take time, fail, hang and lie; processes that outlive their node; what is in place.
//!
//! A call inside a node reaches its target as a request that is on its way: it has its effect although the node stands still, and for a short
//! time after the node died. A call in a process has its effect whatever happens to the node, and can be adopted by the next owner.

use super::fault::FaultKind;
use super::random::FaultRates;
use super::store::RunNumber;
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::plan::PlanBody;
use glidepath_model::{Millis, StepId};
use glidepath_rehearse::Random;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How long a request of a dead node may still be on its way, in milliseconds.
const IN_FLIGHT_MAX_MS: u64 = 500;

/// A node and how often it was started before.
pub(super) type NodeLife = (usize, u32);

/// Number of a call.
pub(super) type CallNumber = usize;

/// A call.
pub(super) struct Call {
    pub(super) run: RunNumber,
    pub(super) attempt: AttemptRef,
    pub(super) listener: NodeLife,
    pub(super) stage: Stage,
    pub(super) in_process: bool,
    pub(super) ends_ms: u64,
    says: Outcome,
    acts: bool,
    heeds_cancel: bool,
    takes_ms: u64,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A process that waits for its go-ahead.
    Waiting,
    Working,
    Ended,
}

/// A change of the world.
pub(super) struct Landed {
    pub(super) run: RunNumber,
    pub(super) attempt: AttemptRef,
}

/// The world.
pub(super) struct Ground {
    pub(super) calls: Vec<Call>,
    in_place: BTreeSet<(RunNumber, StepId)>,
    /// Targets that fail until they are mended.
    broken: BTreeSet<(RunNumber, StepId, Direction)>,
    /// Gates that see nothing.
    blind: BTreeSet<(RunNumber, StepId)>,
    /// Calls that said something other than what they did, by step.
    pub(super) lied: BTreeMap<(RunNumber, StepId), u32>,
}

impl Ground {
    pub(super) fn new<'a>(random: &mut Random, rates: &FaultRates, plans: impl IntoIterator<Item = &'a PlanBody>) -> Self {
        let mut ground =
            Self { calls: Vec::new(), in_place: BTreeSet::new(), broken: BTreeSet::new(), blind: BTreeSet::new(), lied: BTreeMap::new() };
        for (run, plan) in plans.into_iter().enumerate() {
            for step in &plan.steps {
                for direction in [Direction::Do, Direction::Safety, Direction::Undo] {
                    if random.chance(rates.of(FaultKind::TargetBroken)) {
                        ground.broken.insert((run, step.id.clone(), direction));
                    }
                }
                if random.chance(rates.of(FaultKind::GateTrouble) / 4) {
                    ground.blind.insert((run, step.id.clone()));
                }
            }
        }
        ground
    }

    /// Every target works again, every gate sees.
    pub(super) fn mend(&mut self) {
        self.broken.clear();
        self.blind.clear();
    }

    pub(super) fn is_blind(&self, run: RunNumber, step: &StepId) -> bool {
        self.blind.contains(&(run, step.clone()))
    }

    pub(super) fn is_in_place(&self, run: RunNumber, step: &StepId) -> bool {
        self.in_place.contains(&(run, step.clone()))
    }

    /// Makes a call: how it goes is drawn now, when it does what it does is drawn now as well.
    pub(super) fn call(
        &mut self,
        random: &mut Random,
        rates: &FaultRates,
        (run, attempt): (RunNumber, &AttemptRef),
        timeout: Millis,
        listener: NodeLife,
        in_process: bool,
    ) -> CallNumber {
        let mut call = Call {
            run,
            attempt: attempt.clone(),
            listener,
            stage: if in_process { Stage::Waiting } else { Stage::Working },
            in_process,
            ends_ms: u64::MAX,
            says: done(),
            acts: !is_probe(attempt),
            heeds_cancel: random.chance(800),
            takes_ms: if random.chance(800) { random.between(1, 400) } else { random.between(1, timeout.0) },
        };
        let [fails, unknown, hangs, lies] = [FaultKind::CallFails, FaultKind::CallUnknown, FaultKind::CallHangs, FaultKind::CallLies]
            .map(|kind| (random.chance(rates.of(kind)), random.chance(500)));
        let not_done = |retryable: bool| Outcome::NotDone { reason: "it failed".to_owned(), retryable };
        if lies.0 && !is_probe(attempt) {
            (call.acts, call.says) = if lies.1 { (true, not_done(true)) } else { (false, done()) };
        }
        if fails.0 {
            // A probe that fails says nothing about the step.
            let says = if is_probe(attempt) { Outcome::Unknown { reason: "the probe failed".to_owned() } } else { not_done(fails.1) };
            (call.acts, call.says) = (false, says);
        }
        if unknown.0 {
            (call.acts, call.says) = (unknown.1 && call.acts, Outcome::Unknown { reason: "no answer came".to_owned() });
        }
        if hangs.0 {
            (call.acts, call.takes_ms) = (hangs.1 && call.acts, timeout.0.saturating_mul(2));
        }
        if self.broken.contains(&(run, attempt.step.clone(), attempt.direction)) {
            (call.acts, call.says) = (false, not_done(true));
        }
        self.calls.push(call);
        self.calls.len() - 1
    }

    /// A call begins to work; gives when it ends.
    pub(super) fn begin(&mut self, number: CallNumber, now_ms: u64) -> Option<u64> {
        let call = self.calls.get_mut(number).filter(|call| call.stage != Stage::Ended)?;
        call.stage = Stage::Working;
        call.ends_ms = now_ms + call.takes_ms;
        Some(call.ends_ms)
    }

    /// A call comes to its end; gives what it changed, and whether it says something else.
    pub(super) fn end(&mut self, number: CallNumber, now_ms: u64) -> (Option<Landed>, bool) {
        let at_its_end = |call: &&mut Call| call.stage == Stage::Working && call.ends_ms <= now_ms;
        let Some(call) = self.calls.get_mut(number).filter(at_its_end) else { return (None, false) };
        call.stage = Stage::Ended;
        let (run, attempt, acts) = (call.run, call.attempt.clone(), call.acts);
        match attempt.direction {
            Direction::Probe | Direction::ProbeUndo if call.says == done() => {
                let found = self.is_in_place(run, &attempt.step);
                let missing = || Outcome::NotDone { reason: "the probe does not find it".to_owned(), retryable: false };
                if let Some(call) = self.calls.get_mut(number).filter(|_| !found) {
                    call.says = missing();
                }
                return (None, false);
            }
            Direction::Probe | Direction::ProbeUndo => return (None, false),
            Direction::Do | Direction::Safety | Direction::Undo => {}
        }
        let is_lie = matches!((&call.says, acts), (Outcome::Done { .. }, false) | (Outcome::NotDone { .. }, true));
        if is_lie {
            *self.lied.entry((run, attempt.step.clone())).or_default() += 1;
        }
        (acts.then(|| self.land(run, attempt)), is_lie)
    }

    fn land(&mut self, run: RunNumber, attempt: AttemptRef) -> Landed {
        let place = (run, attempt.step.clone());
        match attempt.direction {
            Direction::Do => {
                self.in_place.insert(place);
            }
            Direction::Undo => {
                self.in_place.remove(&place);
            }
            Direction::Safety | Direction::Probe | Direction::ProbeUndo => {}
        }
        Landed { run, attempt }
    }

    /// Tells a call to end. True when it did.
    pub(super) fn cancel(&mut self, number: CallNumber) -> bool {
        let Some(call) = self.calls.get_mut(number).filter(|call| call.stage != Stage::Ended) else { return false };
        if call.stage == Stage::Working && !call.heeds_cancel {
            return false;
        }
        call.says = match call.stage {
            Stage::Waiting => Outcome::NotDone { reason: "it never had its go-ahead".to_owned(), retryable: true },
            Stage::Working | Stage::Ended => Outcome::Unknown { reason: "it was told to end".to_owned() },
        };
        call.stage = Stage::Ended;
        true
    }

    /// How a call ended; `None` while it has not.
    pub(super) fn outcome(&self, number: CallNumber) -> Option<Outcome> {
        self.calls.get(number).filter(|call| call.stage == Stage::Ended).map(|call| call.says.clone())
    }

    /// The node is gone, or has let a run go: processes that wait for their go-ahead end, requests on their way arrive soon or never.
    pub(super) fn node_left(&mut self, life: NodeLife, run: Option<RunNumber>, now_ms: u64) {
        let is_left = |call: &&mut Call| call.listener == life && run.is_none_or(|run| run == call.run);
        for call in self.calls.iter_mut().filter(is_left) {
            let is_lost = !call.in_process && call.ends_ms > now_ms + IN_FLIGHT_MAX_MS;
            if call.stage == Stage::Waiting {
                call.says = Outcome::NotDone { reason: "its owner died before the go-ahead".to_owned(), retryable: true };
                call.stage = Stage::Ended;
            } else if call.stage == Stage::Working && is_lost {
                call.stage = Stage::Ended;
            }
        }
    }
}

/// The mark of the process in which a call runs.
pub(super) fn mark_of(number: CallNumber) -> ProcessMark {
    ProcessMark { boot_id: "simulated".to_owned(), pid: u32::try_from(number).unwrap_or(u32::MAX), start_ticks: 1 }
}

/// The call that runs in a process.
pub(super) fn call_of(mark: &ProcessMark) -> CallNumber {
    mark.pid as usize
}

pub(super) fn is_probe(attempt: &AttemptRef) -> bool {
    matches!(attempt.direction, Direction::Probe | Direction::ProbeUndo)
}

pub(super) fn done() -> Outcome {
    Outcome::Done { outputs: BTreeMap::from([("count".to_owned(), Value::from(1)), ("text".to_owned(), Value::from("due"))]) }
}

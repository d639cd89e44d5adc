//! The people of a simulation: pilots who ask for anything at any time, and operators who answer what the runs ask.

use super::{OPERATORS_MS_MAX, Phase, QUIET_MS_MAX, Simulation};
use crate::sim::checks::{Broken, Promise};
use crate::sim::store::{Left, RunNumber};
use glidepath_engine::next_wake;
use glidepath_model::action::OutputType;
use glidepath_model::plan::Work;
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::{EventName, RunId};
use serde_json::Value;
use std::collections::BTreeMap;

impl Simulation {
    pub(super) fn leave_random_request(&mut self) {
        let run = usize::try_from(self.random.below(self.plans.len() as u64)).unwrap_or(0);
        let verb = self.random.pick(&Verb::ALL).copied().unwrap_or(Verb::Pause);
        let named = self.random.chance(330);
        let at = self.random.next();
        let step = self.plans.get(run).filter(|_| named).and_then(|plan| {
            let at = usize::try_from(at % (plan.steps.len().max(1) as u64)).unwrap_or(0);
            plan.steps.get(at).map(|step| step.id.clone())
        });
        let twice = self.random.chance(250);
        for _ in 0..=u32::from(twice) {
            self.leave(run, verb, step.clone());
        }
    }

    fn leave(&mut self, run: RunNumber, verb: Verb, step: Option<glidepath_model::StepId>) {
        let who = Who { name: format!("pilot-{}", self.store.requests.len()), known_by: "os-user".to_owned() };
        self.note(|| format!("{} asks run-{run}: {verb} {}", who.name, step.as_ref().map_or("", |step| step.as_str())));
        let (run_id, reason) = (RunId::new(format!("run-{run}")), Some("asked".to_owned()));
        let signal = (verb == Verb::Signal).then(|| self.signal(run));
        let request = Request { run: run_id, verb, step, who, reason, at: self.wall(0), signal };
        self.store.requests.push(Left { run, request, answered: false });
    }

    /// The first event that the run waits for at some time, with outputs that let it go on.
    fn signal(&self, run: RunNumber) -> Signal {
        let awaited = self.plans.get(run).and_then(|plan| {
            plan.steps.iter().find_map(|step| match &step.work {
                Work::Event { event, outputs, .. } => Some((event, outputs)),
                Work::Call(_) | Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } => None,
            })
        });
        let Some((event, outputs)) = awaited else { return Signal { event: EventName::from("go"), outputs: BTreeMap::new() } };
        let brought = outputs.iter().map(|(name, kind)| (name.clone(), example_of(*kind))).collect();
        Signal { event: event.clone(), outputs: brought }
    }

    /// A run is settled when it has ended, waits for a person and for nothing else, or waits for what another run holds.
    fn is_settled(&self, run: RunNumber) -> bool {
        let (Some(state), Some(plan)) = (self.folded(run), self.plans.get(run)) else { return true };
        let is_open = state.steps.values().flat_map(|step| step.tracks()).any(|track| track.is_running());
        let asks = state.is_resting() || state.operator.is_some();
        let is_asked = self.store.requests.iter().any(|left| left.run == run && !left.answered);
        // By its owner, who knows all of the journal: one that stands still may not know yet that it lost the run.
        let epoch = self.store.streams.get(run).map_or(0, |stream| stream.owner_epoch);
        let owner = self.seats.iter().find(|seat| seat.is_up && seat.node.epoch == epoch && seat.paused_until_ms <= self.now_ms);
        let is_flown =
            owner.and_then(|seat| seat.node.flights.get(&run)).is_some_and(|flown| flown.is_quiet() && flown.state.seq == state.seq);
        let queues = is_flown && state.ended.is_none() && state.waits_for_claims().is_some();
        !is_asked
            && (queues
                || (state.ended.is_some() && !state.is_observing())
                || (asks && is_flown && !is_open && next_wake(state, plan).is_none()))
    }

    pub(super) fn look_whether_settled(&mut self, since_ms: u64) -> Result<(), Broken> {
        let unsettled = (0..self.plans.len()).find(|run| !self.is_settled(*run));
        match unsettled {
            None => {
                for run in 0..self.plans.len() {
                    if let Some(folded) = self.folded(run) {
                        self.checks.person_knows(run, folded)?;
                    }
                }
                self.note(|| "every run has ended or asks; operators help from here".to_owned());
                self.ground.mend();
                self.phase = Phase::Operators { since_ms: self.now_ms };
                Ok(())
            }
            Some(run) if self.now_ms > since_ms + QUIET_MS_MAX => Err(self.stuck(run)),
            Some(_) => Ok(()),
        }
    }

    fn stuck(&self, run: RunNumber) -> Broken {
        let status = self.folded(run).map(|state| format!("{:?}", state.status())).unwrap_or_default();
        Broken::new(Promise::NeverStuck, format!("run-{run} has not come to rest ({status}), although nothing has failed for long"))
    }

    pub(super) fn let_operators_help(&mut self, since_ms: u64) -> Result<(), Broken> {
        let live: Vec<RunNumber> = (0..self.plans.len())
            .filter(|run| !self.folded(*run).is_some_and(|state| state.ended.is_some() && !state.is_observing()))
            .collect();
        if live.is_empty() {
            self.phase = Phase::Over;
            return Ok(());
        }
        if let Some(run) = live.iter().find(|_| self.now_ms > since_ms + OPERATORS_MS_MAX) {
            return Err(self.stuck(*run));
        }
        // Who waits for a claim is helped by helping its holder.
        let asks = |run: &RunNumber| self.is_settled(*run) && self.folded(*run).is_some_and(|state| state.waits_for_claims().is_none());
        for run in live.into_iter().filter(asks).collect::<Vec<_>>() {
            self.help(run)?;
        }
        Ok(())
    }

    /// Says one of the verbs that the run would take.
    fn help(&mut self, run: RunNumber) -> Result<(), Broken> {
        let (Some(state), Some(plan)) = (self.folded(run), self.plans.get(run)) else { return Ok(()) };
        const HELPFUL: [Verb; 9] = [
            Verb::Resume,
            Verb::Retry,
            Verb::Promote,
            Verb::Reconcile,
            Verb::MarkDone,
            Verb::Override,
            Verb::Skip,
            Verb::Abort,
            Verb::Abandon,
        ];
        let verbs = state.allowed_verbs(plan);
        let mut offered: Vec<_> = verbs.into_iter().filter(|(verb, _)| HELPFUL.contains(verb)).collect();
        let is_last_resort = self.random.chance(50);
        if !is_last_resort && offered.iter().any(|(verb, _)| !matches!(verb, Verb::Abandon | Verb::Abort)) {
            offered.retain(|(verb, _)| !matches!(verb, Verb::Abandon | Verb::Abort));
        }
        match self.random.pick(&offered).cloned() {
            Some((verb, step)) => {
                self.leave(run, verb, step);
                Ok(())
            }
            None => Err(Broken::new(Promise::Verbs, format!("run-{run} asks for a person, but takes no verb"))),
        }
    }
}

fn example_of(kind: OutputType) -> Value {
    match kind {
        OutputType::Boolean => Value::from(true),
        OutputType::Integer => Value::from(3),
        OutputType::Decimal => Value::from(0.5),
        OutputType::ShortText => Value::from("due"),
        OutputType::Digest => Value::from(format!("sha256:{}", "0".repeat(64))),
    }
}

//! What runs ask of others before they begin: their claims, and their turn at throttled targets.
//!
//! A run that waits in the queue of claims asks again and again, a few at a time and in turn, in the background. A throttled target is asked once
//! for each attempt, with patience when the store does not answer; an answer that was granted and got lost costs the target one start.

use super::flight::Then;
use super::{Message, Owner};
use crate::limits::{CLAIMS_ASKED_AT_ONCE_MAX, STORE_PAUSE_FIRST, STORE_PAUSE_MAX};
use crate::runtime::RuntimeError;
use futures_util::future::join_all;
use glidepath_engine::{Claiming, Input};
use glidepath_model::plan::Throttle;
use glidepath_model::projection::ClaimWait;
use glidepath_model::{RunId, StepId};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Admission, ClaimOrder, Taking};
use std::ops::Bound;

impl Owner<'_> {
    /// Asks again for what runs claim that wait, when the last question is answered.
    pub(super) fn ask_for_claims(&mut self) {
        if self.claims_question.as_ref().is_some_and(|question| !question.is_finished()) {
            return;
        }
        let waits = |run: &RunId| {
            let flight = self.flights.get(run)?;
            let waits = flight.state.ended.is_none() && flight.state.waits_for_claims().is_some() && flight.is_quiet();
            waits.then(|| (run.clone(), ClaimOrder { claims: flight.plan.body.all_claims(), waits: true }))
        };
        let after = self.claims_asked_last.take();
        let mut asked = Vec::new();
        // In turn: first those after the last that was asked, then from the beginning.
        let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        for run in self.flights.runs_from(from).chain(self.flights.runs_from(Bound::Unbounded)) {
            if asked.len() == CLAIMS_ASKED_AT_ONCE_MAX || asked.iter().any(|(other, _)| other == run) {
                break;
            }
            asked.extend(waits(run));
        }
        self.claims_asked_last = asked.last().map(|(run, _)| run.clone());
        if asked.is_empty() {
            return;
        }
        let (store, epoch, to_inbox) = (self.deps.store.clone(), self.epoch, self.to_inbox.clone());
        self.claims_question = Some(self.background.spawn(async move {
            // Together, so that a store far away is asked once for all of them.
            let takings = join_all(asked.iter().map(|(run, order)| store.take_run(epoch, run, order))).await;
            for ((run, _), taking) in asked.into_iter().zip(takings) {
                // What is wrong with the store is met by the loop when it appends.
                let Ok(taking) = taking else { continue };
                if to_inbox.send(Message::Claimed(run, taking)).await.is_err() {
                    return;
                }
            }
        }));
    }

    /// Hands the answer about a run's claims to it.
    pub(super) fn claimed(&mut self, run: &RunId, taking: Taking) -> Result<(), RuntimeError> {
        let claiming = match taking {
            Taking::Taken { fences } => Claiming::Granted(fences),
            Taking::Queued(wait) | Taking::Held(wait) => Claiming::Queued(wait),
            Taking::OwnedByAnother | Taking::OtherSemantics => return Ok(()),
        };
        if let Some(flight) = self.flights.touch(run) {
            flight.push(Input::Claims(claiming), Then::Nothing);
        }
        Ok(())
    }

    /// Asks a throttled target whether an attempt may begin.
    pub(super) fn ask_admission(&mut self, run: &RunId, step: StepId, throttle: Throttle) {
        let (store, clock, to_inbox) = (self.deps.store.clone(), self.deps.clock.clone(), self.to_inbox.clone());
        let run = run.clone();
        self.background.spawn(async move {
            let mut pause = STORE_PAUSE_FIRST;
            let admission = loop {
                match store.admit(&throttle, clock.now()).await {
                    Ok(admission) => break admission,
                    Err(StoreError::Unavailable { .. } | StoreError::Full { .. }) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(STORE_PAUSE_MAX);
                    }
                    // The loop meets the same error when it appends.
                    Err(_) => return,
                }
            };
            // When the loop is gone, the next owner asks again.
            let _ = to_inbox.send(Message::Admission(run, step, admission)).await;
        });
    }

    /// Hands the answer of a throttled target to the run that asked.
    pub(super) fn take_admission(&mut self, run: &RunId, step: StepId, admission: Admission) {
        if let Some(flight) = self.flights.touch(run) {
            let input = match admission {
                Admission::Granted => Input::Admitted { step },
                Admission::NotBefore { until, reason } => Input::Delayed { step, until, reason },
            };
            flight.push(input, Then::Nothing);
        }
    }

    /// Why a run does not get what it claims, and what to do: `wait` says how one waits for it.
    pub(super) fn held_by(&self, held: &ClaimWait, wait: &str) -> String {
        let ClaimWait { resource, by, since, holds } = held;
        let since = since.to_second();
        let how = if *holds { "held by" } else { "waited for before by" };
        let title = self.flights.get(by).map(|flight| format!(" (\"{}\")", flight.plan.body.change.title)).unwrap_or_default();
        format!("GP0430: {resource} is {how} {by}{title} since {since}; {wait}, or ask it with `glidepath abort {by}`")
    }
}

//! What other flights and the calendar mean for a flight: windows that close while it is under way, and watches that another run makes
//! worthless.
//!
//! Only flights whose change acts on a closed window are asked about: when they are taken over, every 30 s, and after a jump of the clock before
//! anything is decided on. The regular question is asked in the background, since calendars are files that may be slow to read; its answer
//! comes back as a message. Only a change is handed to the engine. When nobody can say, people are told once and nothing follows.

use super::flight::{Flight, Then};
use super::{Message, Owner};
use crate::limits::{AIRSPACE_ANSWER_MAX, AIRSPACE_ASK_EVERY, OBSERVED_RUNS_MAX};
use glidepath_engine::{Input, WindowNow};
use glidepath_model::change::OnWindowEnd;
use glidepath_model::event::{Event, RunEnd};
use glidepath_model::{Plan, RunId, Timestamp};
use glidepath_ports::{Airspace, AirspaceError};
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// The answer to one question.
pub(super) type WindowAnswer = Result<Option<String>, AirspaceError>;

impl Owner<'_> {
    /// Whether changes like that of the plan may start at `at`; `None` when nobody can say, or when the change does not ask.
    pub(super) async fn window_at(&mut self, plan: &Plan, at: Timestamp) -> Option<WindowNow> {
        if plan.body.change.on_window_end == OnWindowEnd::Finish {
            return None;
        }
        match ask(self.deps.airspace.as_ref(), plan, at).await {
            Ok(Some(reason)) => Some(WindowNow::Closed(reason)),
            Ok(None) => Some(WindowNow::Open),
            Err(error) => {
                self.window_is_unknown(&error);
                None
            }
        }
    }

    /// Asks about every flight that acts on it, in the background, when it is time to.
    pub(super) fn ask_windows_when_due(&mut self) {
        let is_asking = self.window_question.as_ref().is_some_and(|question| !question.is_finished());
        if is_asking || self.windows_asked_at.elapsed() < AIRSPACE_ASK_EVERY {
            return;
        }
        self.windows_asked_at = Instant::now();
        let concerned: Vec<(RunId, Arc<Plan>)> = self.concerned();
        if concerned.is_empty() {
            return;
        }
        let (airspace, clock, to_inbox) = (self.deps.airspace.clone(), self.deps.clock.clone(), self.to_inbox.clone());
        self.window_question = Some(self.background.spawn(async move {
            for (run, plan) in concerned {
                let answer = ask(airspace.as_ref(), &plan, clock.now()).await;
                if to_inbox.send(Message::Window(run, answer)).await.is_err() {
                    return;
                }
            }
        }));
    }

    /// Looks whether the wall clock was set since the last turn. What that means for windows is asked at once, and decided on right after the jump.
    pub(super) async fn notice_jump(&mut self) {
        let Some(jump) = self.clock_watch.look() else { return };
        self.deps.observer.trouble(&jump.to_string());
        let now = self.deps.clock.now();
        for (run, plan) in self.concerned() {
            let answer = ask(self.deps.airspace.as_ref(), &plan, now).await;
            self.take_window(&run, answer);
        }
        // The jump goes ahead of the answers.
        self.flights.clock_jumped(jump);
    }

    /// Hands an answer to the flight, ahead of what waits for it, when it is news.
    pub(super) fn take_window(&mut self, run: &RunId, answer: WindowAnswer) {
        let closed = match answer {
            Ok(closed) => closed,
            Err(error) => return self.window_is_unknown(&error),
        };
        self.window_trouble = None;
        let is_news = self.flights.get(run).is_some_and(|flight| flight.state.closed_window.is_some() != closed.is_some());
        if let Some(flight) = self.flights.touch(run).filter(|_| is_news) {
            flight.push_first(Input::Window(closed.map_or(WindowNow::Open, WindowNow::Closed)));
        }
    }

    fn window_is_unknown(&mut self, error: &AirspaceError) {
        let line = format!("whether the window is still open cannot be said, so nothing follows from it: {error}");
        if self.window_trouble.as_ref() != Some(&line) {
            self.deps.observer.trouble(&line);
            self.window_trouble = Some(line);
        }
    }

    fn concerned(&self) -> Vec<(RunId, Arc<Plan>)> {
        let is_concerned = |flight: &&Flight| {
            let state = &flight.state;
            state.ended.is_none() && state.rollback.is_none() && flight.plan.body.change.on_window_end != OnWindowEnd::Finish
        };
        self.flights.iter().filter(|(_, flight)| is_concerned(flight)).map(|(run, flight)| (run.clone(), flight.plan.clone())).collect()
    }

    /// Ends the watches after landing that these journaled events of a run make worthless, or that are too many.
    pub(super) fn end_observations(&mut self, run: &RunId, events: &[Event]) {
        let takes_targets =
            |event: &Event| matches!(event, Event::RunStarted { .. } | Event::OwnerTook { .. } | Event::RollbackBegan { .. });
        if events.iter().any(takes_targets) {
            self.end_observations_of_the_same_targets(run);
        }
        if events.iter().any(|event| matches!(event, Event::RunEnded { end: RunEnd::Succeeded, .. })) {
            self.bound_observations();
        }
    }

    fn end_observations_of_the_same_targets(&mut self, run: &RunId) {
        let Some(flight) = self.flights.get(run).filter(|flight| flight.state.status().is_live()) else { return };
        let targets = flight.targets();
        let others = self.flights.iter().filter(|(other, flight)| *other != run && flight.state.is_observing());
        let over: Vec<RunId> = others.filter(|(_, flight)| flight.shared_target(&targets).is_some()).map(|(run, _)| run.clone()).collect();
        for observed in over {
            self.end_observation(
                &observed,
                format!("{run} changes the same targets, so what is seen from now on is not of this change alone"),
            );
        }
    }

    fn bound_observations(&mut self) {
        let observed = || self.flights.iter().filter(|(_, flight)| flight.state.is_observing());
        if observed().count() <= OBSERVED_RUNS_MAX {
            return;
        }
        let first = observed().min_by_key(|(_, flight)| flight.state.observing_until(&flight.plan.body)).map(|(run, _)| run.clone());
        if let Some(run) = first {
            self.end_observation(&run, format!("more than {OBSERVED_RUNS_MAX} landed runs would be watched at once"));
        }
    }

    fn end_observation(&mut self, run: &RunId, reason: String) {
        if let Some(flight) = self.flights.touch(run) {
            flight.push(Input::ObservationOver { reason }, Then::Nothing);
        }
    }
}

/// Asks, but waits for the answer no longer than the limit.
async fn ask(airspace: &dyn Airspace, plan: &Plan, at: Timestamp) -> WindowAnswer {
    let late = || AirspaceError { reason: format!("there was no answer within {} s", AIRSPACE_ANSWER_MAX.as_secs()) };
    timeout(AIRSPACE_ANSWER_MAX, airspace.closed(plan, at)).await.unwrap_or_else(|_| Err(late()))
}

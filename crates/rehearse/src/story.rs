//! One flight, told: when what happened, in the order of virtual time.

use crate::model::Model;
use crate::outcome::Outcome;
use glidepath_engine::RunState;
use glidepath_model::event::{Direction, Event, Outcome as Came};
use glidepath_model::plan::{Plan, Step, Work};
use glidepath_model::{Millis, Share};
use serde::Serialize;

/// Something that happened in a flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// When, after take-off.
    pub at_ms: Millis,
    /// What, one line.
    pub line: String,
}

/// A flight with what happened in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// What came of it.
    pub outcome: Outcome,
    /// What happened, in order.
    pub moments: Vec<Moment>,
}

impl Model<'_> {
    /// Flies again and tells what happened.
    pub fn tell(&self, seed: u64, number: u64) -> Story {
        let (outcome, mut moments) = self.fly_and_tell(seed, number);
        let end = moments.iter().map(|moment| moment.at_ms).max().unwrap_or_default();
        let last = outcome.took.max(end);
        moments.retain(|moment| moment.at_ms <= last);
        moments.sort_by_key(|moment| moment.at_ms);
        Story { outcome, moments }
    }
}

/// Tells what is worth telling.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    pub(crate) moments: Vec<Moment>,
}

impl Teller {
    pub(crate) fn say(&mut self, at_ms: Millis, line: String) {
        self.moments.push(Moment { at_ms, line });
    }

    pub(crate) fn tell(&mut self, plan: &Plan, state: &RunState, events: &[Event], at_ms: Millis) {
        for event in events {
            if let Some(line) = line_of(plan, state, event) {
                self.say(at_ms, line);
            }
        }
    }
}

fn line_of(plan: &Plan, state: &RunState, event: &Event) -> Option<String> {
    let titled = |id| plan.body.step(id).map(|step: &Step| step.title.as_str());
    Some(match event {
        Event::AttemptEnded { attempt, outcome, .. } => {
            let step = plan.body.step(&attempt.step)?;
            match (outcome, attempt.direction) {
                (Came::Done { .. }, Direction::Do) => exposed_by(step)?,
                (Came::Done { .. }, Direction::Safety) => format!("traffic is off the new side: {}", place_of(step)),
                (Came::Done { .. }, _) => return None,
                (Came::NotDone { reason, .. } | Came::Unverified { reason } | Came::Unknown { reason }, direction) => {
                    let what = match direction {
                        Direction::Undo | Direction::ProbeUndo => "the undo of ",
                        Direction::Safety => "taking traffic off by ",
                        Direction::Do | Direction::Probe => "",
                    };
                    format!("{what}'{}' does not succeed (try {}): {reason}", step.title, attempt.number)
                }
            }
        }
        Event::GateClosed { step, passed: true, .. } => format!("passes: {}", titled(step)?),
        Event::GateClosed { step, passed: false, reason } if state.rollback.is_none() || reason != "the run turned back" => {
            format!("sees something: {}: {reason}", titled(step)?)
        }
        Event::WaitStarted { step, .. } => match &plan.body.step(step)?.work {
            Work::Manual { prompt, .. } => format!("asks a person: {}", prompt.lines().next().unwrap_or_default()),
            Work::Event { event, .. } => format!("waits for {event}"),
            Work::Call(_) | Work::Gate(_) | Work::Wait(_) => return None,
        },
        Event::RequestTaken { request, granted: true, answer } => format!("a person says `{}`: {answer}", request.verb),
        Event::HoldBegan { reason, .. } => format!("holds and pages: {reason}"),
        Event::OperatorNeeded { reason, .. } => format!("needs an operator, and pages: {reason}"),
        Event::RollbackBegan { cause, .. } => format!("turns back: {cause}"),
        Event::SafetyReached => "all traffic is safe".to_owned(),
        Event::FailureTolerated { step, .. } => format!("tolerated: {} failed", titled(step)?),
        Event::RunEnded { end, .. } => end.to_string(),
        _ => return None,
    })
}

fn exposed_by(step: &Step) -> Option<String> {
    let exposure = step.exposure.as_ref().filter(|exposure| exposure.share > Share::ZERO)?;
    Some(format!("{} on the new side: {}", exposure.share, place_of(step)))
}

fn place_of(step: &Step) -> String {
    match step.exposure.as_ref() {
        Some(exposure) => match &exposure.region {
            Some(region) => format!("{} in {region}", exposure.target),
            None => exposure.target.to_string(),
        },
        None => step.title.clone(),
    }
}

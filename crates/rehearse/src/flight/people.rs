//! The people around a flight: whoever is asked, whoever tells an event, and users who notice.

use super::{Flight, Happening, who};
use crate::model::{PEOPLE_ANSWER, example_of};
use crate::outcome::Turned;
use glidepath_engine::{Input, Mode, Progress};
use glidepath_model::plan::Work;
use glidepath_model::request::{Request, Signal, Verb};
use glidepath_model::{Millis, StepId};

/// Questions to people in one flight after which they give it up.
const QUESTIONS_MAX: u32 = 20;

impl Flight<'_, '_> {
    /// People and events outside that a step waits for.
    pub(super) fn wait_of(&mut self, id: &StepId) {
        let Some((step, planned)) = self.model.step(id) else { return };
        let (deadline, happening, late) = match planned.work {
            Work::Manual { deadline_ms, .. } => (deadline_ms, Happening::Answers(Some(id.clone())), self.weather.late),
            Work::Event { deadline_ms, .. } => (deadline_ms, Happening::Tells(id.clone()), Millis::ZERO),
            Work::Call(_) | Work::Gate(_) | Work::Wait(_) => return,
        };
        // As with calls: without a fault nobody is taken to come too late.
        let takes = self.random.length(step.forward).min(Millis(deadline.0.saturating_sub(1)));
        self.queue_at(self.now.plus(takes).plus(late), happening);
    }

    pub(super) fn answer_time(&mut self) -> Millis {
        self.random.length(PEOPLE_ANSWER).plus(self.weather.late)
    }

    /// What a person says who knows what is true: back with what fails or cannot be seen, on with what is well.
    pub(super) fn answer(&mut self, about: Option<StepId>) {
        let plan = &self.model.plan.body;
        if self.landed.is_some() && self.turned_at.is_none() {
            return self.request(Verb::Rollback, None);
        }
        if let Some(id) = about.as_ref().filter(|id| matches!(self.state.step(id).forward.progress, Progress::AskingPerson { .. })) {
            return self.request(Verb::Promote, Some(id.clone()));
        }
        self.questions += 1;
        let asks_still = matches!(self.state.mode(), Mode::Holding(_) | Mode::NeedsOperator(_));
        if !asks_still {
            return;
        }
        let back = self.state.rollback.is_some();
        let gate = about.as_ref().and_then(|id| self.model.step(id)).and_then(|(step, _)| step.gate.as_ref());
        let is_broken = about.as_ref().and_then(|id| self.model.index(id)).is_some_and(|at| self.broken.contains(&at));
        let is_broken = is_broken || about.as_ref().is_some_and(|id| self.ended.contains(id));
        let fails = gate.is_some_and(|gate| gate.suspects.iter().any(|at| self.failing.get(*at) == Some(&true)));
        let cannot_be_seen = gate.is_some_and(|gate| gate.needs_telemetry && self.weather.is_dark(self.now));
        if !back && (fails || is_broken || cannot_be_seen) {
            if let Some(step) = about {
                self.out.turned.get_or_insert(Turned::Asked(step));
            }
            return self.request(Verb::Abort, None);
        }
        let offered = self.state.allowed_verbs(plan);
        let wanted: &[Verb] = match (self.questions > QUESTIONS_MAX, back) {
            (true, _) => &[Verb::Abandon],
            (false, true) => &[Verb::Retry, Verb::MarkDone, Verb::Override, Verb::Abandon],
            (false, false) => &[Verb::Promote, Verb::MarkDone, Verb::Retry, Verb::Override, Verb::Resume, Verb::Abort],
        };
        let said = wanted.iter().find_map(|verb| offered.iter().find(|(other, _)| other == verb)).cloned();
        if let Some((verb, step)) = said {
            self.request(verb, step);
        }
        // Whoever helped stays until the run goes on.
        if matches!(self.state.mode(), Mode::Holding(_) | Mode::NeedsOperator(_)) && self.questions <= QUESTIONS_MAX {
            let (at, about) = (self.now.plus(self.answer_time()), self.asks_about());
            self.queue_at(at, Happening::Answers(about));
        }
    }

    fn asks_about(&self) -> Option<StepId> {
        match self.state.mode() {
            Mode::Holding(hold) => hold.step.clone(),
            Mode::NeedsOperator(need) => need.step.clone(),
            _ => None,
        }
    }

    /// A failure that no gate saw is seen by people, who take the change back.
    pub(super) fn notice(&mut self, component: usize) {
        let is_gone = self.state.rollback.is_some() || self.failing.get(component) != Some(&true);
        if is_gone {
            return;
        }
        if let (Some(teller), Some(component)) = (&mut self.teller, self.model.components.get(component)) {
            teller.say(self.now.since(self.began), format!("people notice by themselves that {} fails", component.name));
        }
        self.out.turned = Some(Turned::People);
        self.request(if self.landed.is_some() { Verb::Rollback } else { Verb::Abort }, None);
    }

    pub(super) fn signal(&mut self, id: &StepId) {
        let Some((step, planned)) = self.model.step(id) else { return };
        let Work::Event { event, outputs, .. } = &planned.work else { return };
        let brought = outputs.iter().map(|(name, kind)| {
            let usual = || example_of(*kind);
            (name.clone(), step.outputs.get(name).cloned().unwrap_or_else(usual))
        });
        let signal = Signal { event: event.clone(), outputs: brought.collect() };
        let request = self.request_of(Verb::Signal, None, Some(signal));
        self.take(Input::Request(request));
    }

    fn request(&mut self, verb: Verb, step: Option<StepId>) {
        let request = self.request_of(verb, step, None);
        self.take(Input::Request(request));
    }

    fn request_of(&self, verb: Verb, step: Option<StepId>, signal: Option<Signal>) -> Request {
        let reason = Some("as rehearsed".to_owned());
        Request { run: self.state.run.clone(), verb, step, who: who("pilot"), reason, at: self.now, signal }
    }
}

//! Spans of a run, told from its events. The same journal gives the same spans, whoever reads it and whenever.
//!
//! The run is the root; each attempt, gate and wait is a span below it, with the times at which its beginning and its end were journaled. A run may end more than
//! once, such as when it goes back after its landing: what follows an end is a span of its own, so that none that ended is sent with other times.

use glidepath_adapters::otlp::{Attribute, Fact, Span, SpanEvent, Status};
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Undo, Work};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Plan, RunId, SpanId, StepId, Timestamp, TraceId};
use std::collections::{BTreeMap, BTreeSet};

/// Events of one span at most; the last ones stay.
const EVENTS_PER_SPAN_MAX: usize = 128;

/// What is under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Attempt(AttemptRef),
    Gate(StepId),
    Wait(StepId),
    /// The run, or what it does after an end.
    Leg,
}

/// What is known of the spans of a run.
#[derive(Clone, Debug)]
pub(super) struct Flown {
    run: RunId,
    /// Position of the last event folded.
    pub(super) seq: u64,
    open: BTreeMap<Open, Span>,
    /// Under which spans begin now.
    leg: SpanId,
    ends: u32,
    turns_back: bool,
}

impl Flown {
    pub(super) fn new(run: &RunId) -> Self {
        let (run, leg) = (run.clone(), SpanId::of_run(run));
        Self { run, seq: 0, open: BTreeMap::new(), leg, ends: 0, turns_back: false }
    }

    /// Folds the next event; gives the spans that ended with it.
    pub(super) fn fold(&mut self, plan: &Plan, at: Timestamp, event: &Event) -> Vec<Span> {
        self.seq += 1;
        let mut ended = Vec::new();
        match event {
            Event::RunStarted { .. } => self.begin_run(plan, at),
            Event::AttemptStarted { attempt, .. } => self.begin_attempt(&plan.body, attempt, at),
            Event::AttemptEnded { attempt, outcome, .. } => {
                let (word, status) = end_of(attempt.direction, outcome);
                ended.extend(self.end(&Open::Attempt(attempt.clone()), word, status, at));
            }
            Event::WaitStarted { step, .. } => self.begin_wait(&plan.body, step, at),
            Event::WaitEnded { step, passed } => {
                let (word, status) = match passed {
                    true => ("passed", Status::Ok),
                    false => ("deadline-passed", Status::Error("nobody answered in time".to_owned())),
                };
                ended.extend(self.end(&Open::Wait(step.clone()), word, status, at));
            }
            Event::GateOpened { step, round } => self.begin_gate(&plan.body, step, *round, at),
            Event::GateLooked { step, verdict, line, .. } => {
                let known = vec![("glidepath.verdict", text(verdict_name(*verdict))), ("glidepath.line", text(line))];
                self.happened(&Open::Gate(step.clone()), "look", known, at);
            }
            Event::GateClosed { step, passed, reason } => ended.extend(self.close_gate(step, *passed, reason, at)),
            Event::RollbackBegan { .. } => ended.extend(self.turn_back(at)),
            Event::RunEnded { end, .. } => ended.extend(self.end_run(*end, at)),
            Event::WentBack { .. } => self.turns_back = false,
            Event::OwnerTook { .. }
            | Event::ClockJumped { .. }
            | Event::ProcessStarted { .. }
            | Event::RetrySet { .. }
            | Event::RequestTaken { .. }
            | Event::HoldBegan { .. }
            | Event::HoldEnded
            | Event::ClaimsQueued { .. }
            | Event::ClaimsGranted { .. }
            | Event::StepLeftOut { .. }
            | Event::FailureTolerated { .. }
            | Event::AdmissionAsked { .. }
            | Event::StartDelayed { .. }
            | Event::SafetyReached
            | Event::OperatorNeeded { .. }
            | Event::WindowClosed { .. }
            | Event::WindowOpened
            | Event::Noted { .. } => {}
        }
        if let Some((name, known)) = remark(event) {
            self.happened(&Open::Leg, name, known, at);
        }
        ended
    }

    fn begin(&mut self, what: Open, id: SpanId, parent: Option<SpanId>, name: String, attributes: Vec<Attribute>, at: Timestamp) {
        let span = Span {
            trace: TraceId::of(&self.run),
            id,
            parent,
            name,
            begun: at,
            ended: at,
            attributes,
            events: Vec::new(),
            events_dropped: 0,
            status: Status::Unset,
        };
        self.open.insert(what, span);
    }

    fn begin_run(&mut self, plan: &Plan, at: Timestamp) {
        let name = format!("run {}", plan.body.change.name);
        self.begin(Open::Leg, SpanId::of_run(&self.run), None, name, of_run(&self.run, plan), at);
    }

    fn begin_attempt(&mut self, plan: &PlanBody, attempt: &AttemptRef, at: Timestamp) {
        let AttemptRef { step, direction, round, number } = attempt;
        let mut known = of_step(plan, step);
        known.extend([
            ("glidepath.direction", text(direction.to_string())),
            ("glidepath.attempt.round", Fact::Number(i64::from(*round))),
            ("glidepath.attempt.number", Fact::Number(i64::from(*number))),
        ]);
        known.extend(plan.step(step).and_then(|step| action_of(step, *direction)).map(|kind| ("glidepath.action", text(kind))));
        let id = SpanId::of_attempt(&self.run, attempt);
        self.begin(Open::Attempt(attempt.clone()), id, Some(self.leg.clone()), format!("{direction} {step}"), known, at);
    }

    fn begin_gate(&mut self, plan: &PlanBody, step: &StepId, round: u32, at: Timestamp) {
        let id = SpanId::of_gate(&self.run, step, round);
        self.begin(Open::Gate(step.clone()), id, Some(self.leg.clone()), format!("gate {step}"), of_step(plan, step), at);
    }

    fn begin_wait(&mut self, plan: &PlanBody, step: &StepId, at: Timestamp) {
        let id = SpanId::of_wait(&self.run, step, at);
        self.begin(Open::Wait(step.clone()), id, Some(self.leg.clone()), format!("wait {step}"), of_step(plan, step), at);
    }

    fn happened(&mut self, what: &Open, name: &'static str, attributes: Vec<Attribute>, at: Timestamp) {
        let Some(span) = self.open.get_mut(what) else { return };
        if span.events.len() >= EVENTS_PER_SPAN_MAX {
            span.events.remove(0);
            span.events_dropped = span.events_dropped.saturating_add(1);
        }
        span.events.push(SpanEvent { at, name, attributes });
    }

    fn end(&mut self, what: &Open, outcome: &str, status: Status, at: Timestamp) -> Option<Span> {
        let mut span = self.open.remove(what)?;
        span.attributes.push(("glidepath.outcome", text(outcome)));
        // The clock may have been set back meanwhile.
        span.ended = at.max(span.begun);
        span.status = status;
        Some(span)
    }

    /// A gate that is only cut off, because the run turns back, is no gate that failed.
    fn close_gate(&mut self, step: &StepId, passed: bool, reason: &str, at: Timestamp) -> Option<Span> {
        let (word, status) = match (passed, self.turns_back) {
            (true, _) => ("passed", Status::Ok),
            (false, true) => ("cut-off", Status::Unset),
            (false, false) => ("failed", Status::Error(reason.to_owned())),
        };
        let mut span = self.end(&Open::Gate(step.clone()), word, status, at)?;
        span.attributes.push(("glidepath.reason", text(reason)));
        Some(span)
    }

    /// Waits end without a word when a run turns back. One that had ended begins to fly again.
    fn turn_back(&mut self, at: Timestamp) -> Vec<Span> {
        self.turns_back = true;
        if !self.open.contains_key(&Open::Leg) {
            self.leg = SpanId::of_way_back(&self.run, self.ends);
            let known = vec![("glidepath.run.id", text(self.run.as_str()))];
            self.begin(Open::Leg, self.leg.clone(), Some(SpanId::of_run(&self.run)), "way back".to_owned(), known, at);
        }
        let waits: Vec<Open> = self.open.keys().filter(|what| matches!(what, Open::Wait(_))).cloned().collect();
        waits.iter().filter_map(|wait| self.end(wait, "cut-off", Status::Unset, at)).collect()
    }

    fn end_run(&mut self, end: RunEnd, at: Timestamp) -> Vec<Span> {
        let status = match end {
            RunEnd::Succeeded => Status::Ok,
            RunEnd::RolledBack | RunEnd::Abandoned => Status::Error(format!("the run was {end}")),
            RunEnd::Superseded => Status::Unset,
        };
        (self.ends, self.turns_back) = (self.ends + 1, false);
        // What a person abandoned may still wait or watch.
        let others: Vec<Open> = self.open.keys().filter(|what| **what != Open::Leg).cloned().collect();
        let mut ended: Vec<Span> = others.iter().filter_map(|what| self.end(what, "cut-off", Status::Unset, at)).collect();
        ended.extend(self.end(&Open::Leg, &end.to_string(), status, at));
        ended
    }
}

fn text(text: impl Into<String>) -> Fact {
    Fact::Text(text.into())
}

fn texts<T: ToString>(several: impl Iterator<Item = T>) -> Fact {
    Fact::Texts(several.map(|one| one.to_string()).collect())
}

/// What is known of a run from the beginning.
fn of_run(run: &RunId, plan: &Plan) -> Vec<Attribute> {
    let (body, change) = (&plan.body, &plan.body.change);
    let components: BTreeSet<_> =
        body.assignments.iter().map(|of| of.component.as_str()).chain(change.items.iter().map(|item| item.component.as_str())).collect();
    let environments: BTreeSet<_> =
        change.environments.iter().chain(body.steps.iter().filter_map(|step| step.environment.as_ref())).collect();
    vec![
        ("glidepath.run.id", text(run.as_str())),
        ("glidepath.plan.digest", text(plan.id.as_str())),
        ("glidepath.change.name", text(change.name.as_str())),
        ("glidepath.change.title", text(&change.title)),
        ("glidepath.change.class", text(change.class.name())),
        ("glidepath.components", texts(components.into_iter())),
        ("glidepath.environments", texts(environments.into_iter())),
    ]
}

/// What is known of a step.
fn of_step(plan: &PlanBody, id: &StepId) -> Vec<Attribute> {
    let mut known = vec![("glidepath.step", text(id.as_str()))];
    let Some(step) = plan.step(id) else { return known };
    let component = step.item.and_then(|at| plan.change.items.get(at as usize)).map(|item| item.component.as_str());
    known.extend(component.map(|name| ("glidepath.component", text(name))));
    known.extend(step.environment.as_ref().map(|name| ("glidepath.environment", text(name.as_str()))));
    known.extend(step.region.as_ref().map(|name| ("glidepath.region", text(name.as_str()))));
    known
}

/// The kind of action that an attempt calls.
fn action_of(step: &Step, direction: Direction) -> Option<&str> {
    let call = match (direction, &step.undo, &step.work) {
        (Direction::Undo, Undo::Call { call, .. }, _) => Some(call),
        (Direction::Safety, ..) => step.exposure.as_ref().and_then(|of| of.safety.as_ref()),
        (Direction::Probe | Direction::ProbeUndo, ..) => step.probe.as_ref(),
        (Direction::Do, _, Work::Call(call)) => Some(call),
        (Direction::Undo | Direction::Do, ..) => None,
    };
    call.map(|call| call.kind.as_str())
}

/// How an attempt ended. A probe that says no has answered.
fn end_of(direction: Direction, outcome: &Outcome) -> (&'static str, Status) {
    let asks = matches!(direction, Direction::Probe | Direction::ProbeUndo);
    match outcome {
        Outcome::Done { .. } => ("done", Status::Ok),
        Outcome::NotDone { .. } if asks => ("not-done", Status::Unset),
        Outcome::NotDone { reason, .. } => ("not-done", Status::Error(reason.clone())),
        Outcome::Unverified { reason } => ("unverified", Status::Error(reason.clone())),
        Outcome::Unknown { reason } => ("unknown", Status::Error(reason.clone())),
    }
}

const fn verdict_name(verdict: VerdictKind) -> &'static str {
    match verdict {
        VerdictKind::Regression => "regression",
        VerdictKind::NoRegression => "no-regression",
        VerdictKind::Undecided => "undecided",
    }
}

/// What an event of the run as a whole is called in its span; nothing for what is a span of its own.
fn remark(event: &Event) -> Option<(&'static str, Vec<Attribute>)> {
    let reason = |reason: &str| vec![("glidepath.reason", text(reason))];
    let of_step = |step: &StepId| vec![("glidepath.step", text(step.as_str()))];
    Some(match event {
        Event::OwnerTook { epoch, .. } => {
            ("owner-took", vec![("glidepath.epoch", Fact::Number(i64::try_from(*epoch).unwrap_or(i64::MAX)))])
        }
        Event::ClockJumped { by_ms } => ("clock-jumped", vec![("glidepath.by_ms", Fact::Number(*by_ms))]),
        Event::RequestTaken { request, granted, .. } => {
            let answer = if *granted { "granted" } else { "refused" };
            ("request", vec![("glidepath.verb", text(request.verb.name())), ("glidepath.answer", text(answer))])
        }
        Event::HoldBegan { reason: why, .. } => ("hold-began", reason(why)),
        Event::HoldEnded => ("hold-ended", Vec::new()),
        Event::RollbackBegan { cause, .. } => ("turned-back", reason(cause)),
        Event::WentBack { to } => ("went-back", of_step(to)),
        Event::ClaimsQueued { .. } => ("claims-queued", Vec::new()),
        Event::ClaimsGranted { .. } => ("claims-granted", Vec::new()),
        Event::StepLeftOut { step, .. } => ("step-left-out", of_step(step)),
        Event::FailureTolerated { step, .. } => ("failure-tolerated", of_step(step)),
        Event::SafetyReached => ("safety-reached", Vec::new()),
        Event::OperatorNeeded { reason: why, .. } => ("operator-needed", reason(why)),
        Event::WindowClosed { reason: why } => ("window-closed", reason(why)),
        Event::WindowOpened => ("window-opened", Vec::new()),
        Event::RunStarted { .. }
        | Event::AttemptStarted { .. }
        | Event::ProcessStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::RetrySet { .. }
        | Event::WaitStarted { .. }
        | Event::WaitEnded { .. }
        | Event::GateOpened { .. }
        | Event::GateLooked { .. }
        | Event::GateClosed { .. }
        | Event::AdmissionAsked { .. }
        | Event::StartDelayed { .. }
        | Event::RunEnded { .. }
        | Event::Noted { .. } => return None,
    })
}

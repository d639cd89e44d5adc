//! What pilots and operators may ask, and the answer to each: granted or refused, with one sentence.

use crate::apply::{clear_exposure, drop_needless_safety};
use crate::exposure::{ExposureNow, carries};
use crate::next::attempt_event;
use crate::outputs::fits;
use crate::rollback::{leftovers, scope_after, stuck_step};
use crate::state::{Look, Mode, Pilot, Progress, RunState, Track};
use crate::window;
use glidepath_model::event::{Direction, Event, RunEnd};
use glidepath_model::plan::{GateCheck, Phase, PlanBody, Step, Undo, Work};
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{StepId, Timestamp};
use std::collections::BTreeSet;

/// What a granted request brings about.
struct Grant {
    /// The step it is about, found where the request named none.
    step: Option<StepId>,
    /// One sentence.
    answer: String,
    /// Events that follow at once.
    follow: Vec<Event>,
}

impl Grant {
    fn new(answer: impl Into<String>) -> Self {
        Self { step: None, answer: answer.into(), follow: Vec::new() }
    }

    fn on(step: &Step, answer: impl Into<String>) -> Self {
        Self { step: Some(step.id.clone()), ..Self::new(answer) }
    }

    fn then(mut self, event: Event) -> Self {
        self.follow.push(event);
        self
    }
}

/// One sentence: why not, and what to do instead.
type Refusal = String;

/// The journaled answer to a request, with the events that follow from it at once.
pub(crate) fn answer(plan: &PlanBody, state: &RunState, mut request: Request, now: Timestamp) -> Vec<Event> {
    match judge(plan, state, &request, now) {
        Ok(grant) => {
            request.step = grant.step;
            let mut events = vec![Event::RequestTaken { request, granted: true, answer: grant.answer }];
            events.extend(grant.follow);
            events
        }
        Err(refusal) => vec![Event::RequestTaken { request, granted: false, answer: refusal }],
    }
}

/// Verbs that would be granted now. Reasons are taken as given.
pub(crate) fn allowed(plan: &PlanBody, state: &RunState) -> Vec<(Verb, Option<StepId>)> {
    let ask = |verb: Verb, step: Option<StepId>| {
        let who = Who { name: String::new(), known_by: String::new() };
        let request =
            Request { run: state.run.clone(), verb, step, who, reason: Some("asked".to_owned()), at: state.last_at, signal: None };
        judge(plan, state, &request, Timestamp::from_micros(i64::MAX / 2)).is_ok()
    };
    let of_verb = |verb: Verb| -> Vec<(Verb, Option<StepId>)> {
        match verb {
            Verb::Pause | Verb::Resume | Verb::Stop | Verb::Abort | Verb::Rollback | Verb::Abandon => {
                if ask(verb, None) {
                    vec![(verb, None)]
                } else {
                    Vec::new()
                }
            }
            // Only who starts another run says so.
            Verb::Supersede => Vec::new(),
            // Which event, and with which outputs, only the plan and the world know.
            Verb::Signal => {
                let waits = |own: &Progress| matches!(own, Progress::AwaitingEvent { .. });
                let named = plan.steps.iter().filter(|step| waits(&state.step(&step.id).forward.progress));
                named.map(|step| (verb, Some(step.id.clone()))).collect()
            }
            Verb::Promote | Verb::Retry | Verb::Skip | Verb::Override | Verb::MarkDone | Verb::Reconcile => {
                let named = plan.steps.iter().map(|step| step.id.clone()).filter(|id| ask(verb, Some(id.clone())));
                named.map(|id| (verb, Some(id))).collect()
            }
        }
    };
    Verb::ALL.into_iter().flat_map(of_verb).collect()
}

fn judge(plan: &PlanBody, state: &RunState, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
    if let Mode::Ended(ended) = state.mode() {
        return match (request.verb, ended.end) {
            (Verb::Rollback, RunEnd::Succeeded) if request.step.is_some() => {
                Err("a run that has landed goes back all the way; leave `--to` out".to_owned())
            }
            (Verb::Rollback, RunEnd::Succeeded) => {
                Ok(turn_back(state, request, "the run is opened again and everything that can be undone goes back"))
            }
            (Verb::Rollback, RunEnd::RolledBack) => Err("the run is rolled back already; nothing is left to undo".to_owned()),
            (verb, RunEnd::Succeeded) => Err(format!(
                "the run has landed, so it takes no `{verb}`; `glidepath rollback {}` goes back, a new plan changes anything else",
                state.run
            )),
            (verb, end) => Err(format!("the run has ended ({end}), so it takes no `{verb}`; make a new plan to change anything")),
        };
    }
    if state.rests_as_a_whole() {
        rests_as_a_whole(state, request.verb)?;
    }
    match request.verb {
        Verb::Resume if state.rests_as_a_whole() => Ok(Grant::new("the run goes on from where its journal stands")),
        Verb::Pause | Verb::Stop | Verb::Resume => pilot(state, request),
        Verb::Abort | Verb::Rollback => match &state.rollback {
            Some(rollback) if rollback.is_whole() || request.step.is_some() => {
                Err("the run is on its way back already; asking again does no harm and changes nothing".to_owned())
            }
            _ => match (request.verb, &request.step) {
                (Verb::Rollback, Some(to)) => turn_back_to(plan, state, request, to),
                _ => Ok(turn_back(state, request, "the run turns back: traffic goes to safety first, then the steps are undone")),
            },
        },
        Verb::Promote => promote(plan, state, request, now),
        Verb::Retry => retry(plan, state, request),
        Verb::Skip => skip(plan, state, request),
        Verb::Override => override_verdict(plan, state, request, now),
        Verb::MarkDone => mark_done(plan, state, request),
        Verb::Abandon => abandon(plan, state),
        Verb::Supersede => supersede(plan, state),
        Verb::Reconcile => reconcile(plan, state, request, now),
        Verb::Signal => signal(plan, state, request),
    }
}

/// Only what answers for the whole run is taken while the run is in question as a whole.
fn rests_as_a_whole(state: &RunState, verb: Verb) -> Result<(), Refusal> {
    match verb {
        Verb::Resume | Verb::Abort | Verb::Rollback | Verb::Abandon => Ok(()),
        Verb::Pause
        | Verb::Stop
        | Verb::Promote
        | Verb::Retry
        | Verb::Skip
        | Verb::Override
        | Verb::MarkDone
        | Verb::Supersede
        | Verb::Reconcile
        | Verb::Signal => {
            let reason = state.operator.as_ref().map_or("", |need| need.reason.as_str());
            Err(format!("the run rests as a whole until `resume`, `abort` or `abandon`: {reason}"))
        }
    }
}

fn pilot(state: &RunState, request: &Request) -> Result<Grant, Refusal> {
    let verb = request.verb;
    if state.rollback.is_some() {
        return Err(format!("the run is on its way back, and nothing holds that up; `{verb}` is for runs that fly forward"));
    }
    match verb {
        Verb::Pause if state.pilot == Pilot::Pause => Err("the run is paused already; `resume` goes on".to_owned()),
        Verb::Pause | Verb::Stop if state.pilot == Pilot::GiveWay => {
            Err("the run starts nothing new any more, since it gives way to another one; `resume` goes on all the same".to_owned())
        }
        Verb::Pause => Ok(Grant::new("nothing new is started; gates go on watching, and `resume` goes on")),
        Verb::Stop if state.pilot == Pilot::Stop => Err("exposure is frozen already; `resume` goes on, `abort` goes back".to_owned()),
        Verb::Stop => Ok(Grant::new(
            "exposure is frozen where it is; `resume` goes on, `abort` goes back, and at the hold limit it goes back by itself",
        )),
        _ => resume(state, request),
    }
}

/// Whether the run waits for nothing but a word about the closed window.
fn waits_for_window(state: &RunState) -> bool {
    window::is_held(state) && state.operator.is_none() && state.pilot == Pilot::Fly
}

fn resume(state: &RunState, request: &Request) -> Result<Grant, Refusal> {
    if waits_for_window(state) {
        return match request.reason {
            Some(_) => Ok(Grant::new("the run goes on although the window has closed; the record says who and why").then(Event::HoldEnded)),
            None => {
                Err("the window has closed, so going on needs a reason, which goes into the record; repeat it with `--reason`".to_owned())
            }
        };
    }
    let waits_for = state.operator.as_ref().map(|o| &o.reason).or(state.hold.as_ref().map(|h| &h.reason));
    match (waits_for, state.pilot) {
        (Some(reason), Pilot::Fly) => {
            Err(format!("the run does not wait for `resume` but for an answer: {reason}; see `status` for the verbs that are allowed"))
        }
        (Some(reason), Pilot::Pause | Pilot::Stop | Pilot::GiveWay) => {
            Ok(Grant::new(format!("the pause is over, but the run still waits for an answer: {reason}")))
        }
        (None, Pilot::Fly) => Err("the run flies already".to_owned()),
        (None, Pilot::Pause | Pilot::Stop | Pilot::GiveWay) => Ok(Grant::new("the run goes on")),
    }
}

fn turn_back(state: &RunState, request: &Request, answer: &str) -> Grant {
    let landed = if state.ended.is_some() { "rolled back after landing" } else { "aborted" };
    let why = request.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Grant::new(answer).then(Event::RollbackBegan { cause: format!("{landed} by {}{why}", request.who), item: None, to: None })
}

fn turn_back_to(plan: &PlanBody, state: &RunState, request: &Request, to: &StepId) -> Result<Grant, Refusal> {
    let scope = scope_after(plan, to)?;
    if state.step(to).forward.progress != Progress::Done {
        return Err(format!("{to} is not done, so the run cannot go back to it; `rollback` without `--to` goes all the way"));
    }
    let cause = format!("taken back to {to} by {}{}", request.who, because(request));
    let answer = format!(
        "the run goes back to {to}: traffic goes to safety first, then what came after is undone; it rests there, `resume` flies on and `rollback` goes all the way{}",
        one_way_within(plan, state, &scope)
    );
    let grant = Grant { step: Some(to.clone()), ..Grant::new(answer) };
    Ok(grant.then(Event::RollbackBegan { cause, item: None, to: Some(to.clone()) }))
}

/// What is told beforehand of a step that stays on a way back that has to cross it.
fn one_way_within(plan: &PlanBody, state: &RunState, scope: &BTreeSet<StepId>) -> String {
    let stays = plan.steps.iter().filter(|step| scope.contains(&step.id) && state.step(&step.id).may_be_in_place());
    let one_way = stays.filter_map(|step| match &step.undo {
        Undo::ForwardOnly { reason } => Some(format!("'{}' ({reason})", step.title)),
        Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
    });
    match one_way.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        steps => format!("; but {steps} cannot be undone: once traffic is safe the run waits there for a person"),
    }
}

/// An event may be told before a step waits for it, but not for a plan that never will, and only once.
fn signal(plan: &PlanBody, state: &RunState, request: &Request) -> Result<Grant, Refusal> {
    let Some(told) = &request.signal else { return Err("it names no event".to_owned()) };
    if state.rollback.is_some() {
        return Err("the run is on its way back, where no event is waited for".to_owned());
    }
    let waits = |step: &&Step| matches!(&step.work, Work::Event { event, .. } if *event == told.event);
    let Some(step) = plan.steps.iter().find(waits) else {
        let known: Vec<&str> = plan.steps.iter().filter_map(|step| event_of(step)).collect();
        return Err(match known.is_empty() {
            true => "no step of the run waits for an event".to_owned(),
            false => format!("no step of the run waits for {}; it waits for {}", told.event, known.join(", ")),
        });
    };
    if state.signals.contains_key(&told.event) {
        return Err(format!("{} was told already, and counts once", told.event));
    }
    for step in plan.steps.iter().filter(waits) {
        check_outputs(step, told)?;
    }
    let answer = match state.step(&step.id).forward.progress {
        Progress::AwaitingEvent { .. } => "the step that waits for it goes on",
        _ => "it is kept until a step waits for it",
    };
    Ok(Grant::new(answer))
}

fn event_of(step: &Step) -> Option<&str> {
    match &step.work {
        Work::Event { event, .. } => Some(event.as_str()),
        Work::Call(_) | Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } => None,
    }
}

/// The outputs that the step declares, all of them, none other, each of its type.
fn check_outputs(step: &Step, told: &Signal) -> Result<(), Refusal> {
    let Work::Event { outputs, .. } = &step.work else { return Ok(()) };
    let wrong: Vec<String> = outputs
        .iter()
        .filter_map(|(name, kind)| match told.outputs.get(name) {
            None => Some(format!("{name} is missing ({kind})")),
            Some(value) if !fits(value, *kind) => Some(format!("{name} is {value}, which is no {kind}")),
            Some(_) => None,
        })
        .chain(told.outputs.keys().filter(|name| !outputs.contains_key(*name)).map(|name| format!("{name} is not known")))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("the outputs of {} do not fit: {}", told.event, wrong.join("; "))) }
}

fn promote(plan: &PlanBody, state: &RunState, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
    let waits = |step: &Step| matches!(state.step(&step.id).forward.progress, Progress::AskingPerson { .. } | Progress::Watching { .. });
    let step = resolve(plan, state, request, waits, "no manual step or gate waits for a promotion")?;
    match (&state.step(&step.id).forward.progress, &step.work) {
        (Progress::Watching { opened_at, last }, Work::Gate(spec)) => {
            let bake_over = opened_at.plus(spec.min_bake_ms);
            gate_may_be_passed(request, last.as_ref(), bake_over, now)?;
            let reason = format!("promoted by {}{}", request.who, because(request));
            Ok(Grant::on(step, "the gate is passed on your word").then(Event::GateClosed { step: step.id.clone(), passed: true, reason }))
        }
        _ => Ok(Grant::on(step, "the step is promoted").then(Event::WaitEnded { step: step.id.clone(), passed: true })),
    }
}

fn gate_may_be_passed(request: &Request, last: Option<&Look>, bake_over: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let verdict = last.map_or(VerdictKind::Undecided, |look| look.verdict);
    match verdict {
        _ if now < bake_over => Err(format!("the shortest bake is never waived; ask again at {bake_over}")),
        VerdictKind::Regression => Err("the gate sees a regression; `override --reason` passes it against its verdict".to_owned()),
        VerdictKind::Undecided if request.reason.is_none() => {
            Err("the gate is undecided, so a promotion needs a reason; repeat it with `--reason`".to_owned())
        }
        VerdictKind::Undecided | VerdictKind::NoRegression => Ok(()),
    }
}

fn retry(plan: &PlanBody, state: &RunState, request: &Request) -> Result<Grant, Refusal> {
    if state.rollback.is_some() {
        let step = stuck(plan, state, request)?;
        return Ok(Grant::on(step, "it is tried again on the way back"));
    }
    let step = resolve(plan, state, request, |s| is_troubled(state, s), "no step has failed, so there is nothing to try again")?;
    Ok(Grant::on(step, "the step is tried again with a new round of tries"))
}

fn skip(plan: &PlanBody, state: &RunState, request: &Request) -> Result<Grant, Refusal> {
    if state.rollback.is_some() {
        let step = stuck(plan, state, request)?;
        return match carries(plan, state, step, state.step(&step.id)) || matches!(step.undo, Undo::ForwardOnly { .. }) {
            true => Err("traffic must be safe before anything is left out; `retry`, or `mark-done` once it was done by hand".to_owned()),
            false => Ok(Grant::on(step, "its undo is left out; the record lists it as left in place")),
        };
    }
    let step = resolve(plan, state, request, |s| is_troubled(state, s), "only a step that has failed can be left out")?;
    if matches!(step.work, Work::Gate(_)) || step.phase == Phase::Verify {
        return Err("verification is never left out; `override --reason` passes it on your word, `abort` goes back".to_owned());
    }
    if step.saves_data {
        return Err("a backup is never left out; `retry`, or `mark-done` once it was made by hand".to_owned());
    }
    if matches!(step.undo, Undo::ForwardOnly { .. }) {
        return Err("a one-way step is never left out; `retry`, `mark-done` once it was done by hand, or `abort`".to_owned());
    }
    Ok(Grant::on(step, "the step is left out; the record lists it"))
}

fn override_verdict(plan: &PlanBody, state: &RunState, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
    if request.reason.is_none() {
        return Err("an override needs a reason, which goes into the record; repeat it with `--reason`".to_owned());
    }
    if let Some(rollback) = &state.rollback {
        let one_way = |step: &Step| matches!(step.undo, Undo::ForwardOnly { .. }) && is_operators_step(state, &step.id);
        let step = resolve(plan, state, request, one_way, "on the way back only a one-way step can be overridden")?;
        return match rollback.one_way_accepted {
            true => Err("it was accepted already that one-way steps stay".to_owned()),
            false => Ok(Grant::on(step, "the one-way steps stay, and everything else is undone around them")),
        };
    }
    let is_gate = |step: &Step| {
        let watched = matches!(state.step(&step.id).forward.progress, Progress::Watching { .. });
        matches!(step.work, Work::Gate(_)) && (watched || is_troubled(state, step))
    };
    let step = resolve(plan, state, request, is_gate, "only a gate can be overridden; a failed step takes `retry`, `skip` or `mark-done`")?;
    match (&state.step(&step.id).forward.progress, &step.work) {
        (Progress::Watching { opened_at, .. }, Work::Gate(spec)) if now < opened_at.plus(spec.min_bake_ms) => {
            Err(format!("the shortest bake is never waived; ask again at {}", opened_at.plus(spec.min_bake_ms)))
        }
        (Progress::Watching { .. }, _) => {
            let reason = format!("overridden by {}{}", request.who, because(request));
            Ok(Grant::on(step, "the gate is passed against its verdict").then(Event::GateClosed {
                step: step.id.clone(),
                passed: true,
                reason,
            }))
        }
        _ => Ok(Grant::on(step, "the gate is passed against its verdict")),
    }
}

fn mark_done(plan: &PlanBody, state: &RunState, request: &Request) -> Result<Grant, Refusal> {
    if state.rollback.is_some() {
        let may = |step: &Step| {
            is_stuck(plan, state, step) || (matches!(step.undo, Undo::ForwardOnly { .. }) && is_operators_step(state, &step.id))
        };
        let step = resolve(plan, state, request, may, "nothing on the way back waits for a person")?;
        return Ok(Grant::on(step, "it counts as done by hand, and the way back goes on"));
    }
    let step = resolve(plan, state, request, |s| is_troubled(state, s), "no step waits for a person to say that it was done")?;
    match step.work {
        Work::Gate(_) => Err("a gate is not done by hand; `override --reason` passes it on your word".to_owned()),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => Ok(Grant::on(step, "the step counts as done by hand")),
    }
}

fn abandon(plan: &PlanBody, state: &RunState) -> Result<Grant, Refusal> {
    let rests = state.operator.is_some() || state.is_resting();
    if !rests {
        return Err("only a run that rests can be abandoned; `abort` goes back, `pause` rests".to_owned());
    }
    if state.steps.values().flat_map(|s| s.tracks()).any(Track::is_running) {
        return Err("attempts are still running; ask again when they have ended".to_owned());
    }
    let exposed = exposed(plan, state).into_iter().map(|(place, share)| format!("{place} stays exposed: {share}"));
    let stays = exposed.chain(leftovers(plan, state)).collect();
    Ok(Grant::new("the run ends here; what is in place stays and counts as unknown until probed")
        .then(Event::RunEnded { end: RunEnd::Abandoned, leftovers: stays }))
}

/// Where traffic or users are on the new side, with their share.
fn exposed(plan: &PlanBody, state: &RunState) -> Vec<(String, String)> {
    let place = |e: ExposureNow| {
        let region = e.region.map(|r| format!(" in {r}")).unwrap_or_default();
        (format!("{}{region}", e.target), format!("{} on the new side", e.share))
    };
    state.exposures(plan).into_iter().map(place).collect()
}

/// Nobody watches what a run leaves that has ended, so it gives way only where no user is on the new side.
fn supersede(plan: &PlanBody, state: &RunState) -> Result<Grant, Refusal> {
    if state.rollback.is_some() {
        return Err("the run is on its way back; what is to take its place waits until it has ended".to_owned());
    }
    if state.pilot == Pilot::GiveWay {
        return Err("the run gives way already; asking again does no harm and changes nothing".to_owned());
    }
    match exposed(plan, state).as_slice() {
        [] => {
            Ok(Grant::new("nothing new is started, and the run ends as superseded once nothing is under way; what is done stays in place"))
        }
        places => {
            let places: Vec<String> = places.iter().map(|(place, share)| format!("{place} ({share})")).collect();
            Err(format!("users are where nobody would watch them any more: {}; the run must land or go back first", places.join(", ")))
        }
    }
}

fn reconcile(plan: &PlanBody, state: &RunState, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
    let turned_back = state.rollback.is_some();
    let may = |step: &Step| if turned_back { is_stuck(plan, state, step) } else { is_troubled(state, step) };
    let step = resolve(plan, state, request, may, "no step is in doubt, so there is nothing to probe")?;
    let on_undo = turned_back && matches!(stuck_direction(plan, state, step), Some(Direction::Undo));
    if step.probe.is_none() || (turned_back && !on_undo) {
        return Err("there is no probe for this; look yourself, then say `mark-done` or `retry`".to_owned());
    }
    let own = state.step(&step.id);
    let probe = match turned_back {
        true => attempt_event(state, step, Direction::ProbeUndo, &own.undo, now),
        false => attempt_event(state, step, Direction::Probe, &own.forward, now),
    };
    Ok(Grant::on(step, "the probe is asked, and its answer is journaled").then(probe))
}

/// Finds the one step a request is about: the one it names, the one the run asks about, or the only one there is.
fn resolve<'a>(
    plan: &'a PlanBody,
    state: &RunState,
    request: &Request,
    may: impl Fn(&Step) -> bool,
    none: &str,
) -> Result<&'a Step, Refusal> {
    if let Some(id) = &request.step {
        let step = plan.step(id).ok_or_else(|| format!("the plan has no step {id}; see `status` for its steps"))?;
        return if may(step) { Ok(step) } else { Err(format!("`{}` does not apply to {id} now: {none}", request.verb)) };
    }
    let candidates: Vec<&Step> = plan.steps.iter().filter(|step| may(step)).collect();
    let asked_about = candidates.iter().find(|step| is_operators_step(state, &step.id) || is_held_step(state, &step.id));
    let found = match (asked_about, candidates.as_slice()) {
        (Some(step), _) => *step,
        (None, [only]) => *only,
        (None, []) => return Err(none.to_owned()),
        (None, [first, ..]) => return Err(format!("it could be about {} steps; name one, such as `{}`", candidates.len(), first.id)),
    };
    match waits_since(state, found).filter(|since| request.at < *since) {
        Some(since) => Err(format!(
            "it was asked before {} began to wait at {since}, so it answers something else; look at `status`, then name the step: `--step {}`",
            found.id, found.id
        )),
        None => Ok(found),
    }
}

/// Since when the step, or the run because of it, waits for a person's word. An answer from before is one to an earlier question: two people may
/// have answered that, or one of them twice.
fn waits_since(state: &RunState, step: &Step) -> Option<Timestamp> {
    match (&state.step(&step.id).forward.progress, &step.work) {
        (Progress::Watching { opened_at, .. }, _) => Some(*opened_at),
        (Progress::AskingPerson { until }, Work::Manual { deadline_ms, .. }) => Some(until.minus(*deadline_ms)),
        _ => state.operator.as_ref().map(|need| need.since).or_else(|| state.hold.as_ref().map(|hold| hold.since)),
    }
}

fn stuck<'a>(plan: &'a PlanBody, state: &RunState, request: &Request) -> Result<&'a Step, Refusal> {
    resolve(plan, state, request, |step| is_stuck(plan, state, step), "nothing on the way back waits for a person")
}

fn is_stuck(plan: &PlanBody, state: &RunState, step: &Step) -> bool {
    stuck_direction(plan, state, step).is_some()
}

fn stuck_direction(plan: &PlanBody, state: &RunState, step: &Step) -> Option<Direction> {
    state.operator.as_ref()?;
    stuck_step(plan, state, step).map(|(direction, _)| direction)
}

fn is_operators_step(state: &RunState, id: &StepId) -> bool {
    state.operator.as_ref().is_some_and(|o| o.step.as_ref() == Some(id))
}

fn is_held_step(state: &RunState, id: &StepId) -> bool {
    state.hold.as_ref().is_some_and(|h| h.step.as_ref() == Some(id))
}

/// A forward step that failed or is in doubt while the run rests.
fn is_troubled(state: &RunState, step: &Step) -> bool {
    matches!(state.step(&step.id).forward.progress, Progress::Failed { .. } | Progress::Unsure { .. })
}

fn because(request: &Request) -> String {
    request.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// Folds a granted request. A request that this engine would refuse is no legal event.
pub(crate) fn apply_granted(state: &mut RunState, plan: &PlanBody, request: &Request, at: Timestamp) -> Result<(), Refusal> {
    judge(plan, state, request, at)?;
    state.burn_passed |= matches!(request.verb, Verb::Promote | Verb::Override)
        && state.rollback.is_none()
        && request.step.as_ref().and_then(|id| plan.step(id)).is_some_and(looks_at_budgets);
    match (request.verb, &request.step) {
        (Verb::Pause, _) => state.pilot = Pilot::Pause,
        (Verb::Stop, _) => state.pilot = Pilot::Stop,
        (Verb::Supersede, _) => state.pilot = Pilot::GiveWay,
        (Verb::Resume, _) => {
            let passes = waits_for_window(state);
            if state.rests_as_a_whole() {
                // The time to a hold limit begins anew with this person's word.
                (state.operator, state.resting_since) = (None, None);
            }
            state.pilot = Pilot::Fly;
            if let Some(closed) = state.closed_window.as_mut().filter(|_| passes) {
                closed.passed = true;
            }
        }
        (Verb::Abort | Verb::Rollback, _) => state.turned_back_by = Some(request.who.clone()),
        // Their follow-up events carry the change.
        (Verb::Promote | Verb::Abandon, _) => {}
        (Verb::Signal, _) => state.signals.extend(request.signal.iter().map(|told| (told.event.clone(), told.clone()))),
        (Verb::Retry | Verb::Skip | Verb::Override | Verb::MarkDone | Verb::Reconcile, Some(step)) => {
            answer_step(state, plan, request.verb, step, at);
        }
        (Verb::Retry | Verb::Skip | Verb::Override | Verb::MarkDone | Verb::Reconcile, None) => return Err("it names no step".to_owned()),
    }
    Ok(())
}

fn looks_at_budgets(step: &Step) -> bool {
    matches!(&step.work, Work::Gate(spec) if spec.checks.iter().any(|check| matches!(check, GateCheck::Burn { .. })))
}

fn answer_step(state: &mut RunState, plan: &PlanBody, verb: Verb, id: &StepId, at: Timestamp) {
    let Some(step) = plan.step(id) else { return };
    let direction = match &state.rollback {
        None => Direction::Do,
        Some(_) => stuck_direction(plan, state, step).unwrap_or(Direction::Undo),
    };
    if is_operators_step(state, id) {
        state.operator = None;
    }
    if verb == Verb::Override && direction != Direction::Do {
        if let Some(rollback) = &mut state.rollback {
            rollback.one_way_accepted = true;
        }
        return;
    }
    let Some(own) = state.steps.get_mut(id) else { return };
    own.reconciling = verb == Verb::Reconcile;
    let track = match direction {
        Direction::Do | Direction::Probe => &mut own.forward,
        Direction::Safety => &mut own.safety,
        Direction::Undo | Direction::ProbeUndo => &mut own.undo,
    };
    match verb {
        Verb::Retry => *track = Track { round: track.round.saturating_add(1), ..Track::default() },
        Verb::Skip => track.progress = Progress::Skipped,
        // A gate that still watches is passed by the event that follows.
        Verb::Override if matches!(track.progress, Progress::Watching { .. }) => {}
        Verb::Override | Verb::MarkDone => track.progress = Progress::Done,
        _ => {}
    }
    if direction == Direction::Do && verb == Verb::Retry {
        // A person who tries again gives the step its whole time anew.
        own.deadline_at = None;
    }
    if direction == Direction::Do && verb != Verb::Reconcile {
        own.ended_at = (verb != Verb::Retry).then_some(at);
    }
    if direction == Direction::Safety && verb == Verb::MarkDone {
        clear_exposure(state, plan, id);
    }
    drop_needless_safety(state, plan);
}

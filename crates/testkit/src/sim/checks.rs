//! What must hold after every event of a simulation: each check stands for a promise that people rely on.

use super::ground::{Ground, Landed};
use super::store::{RunNumber, Stream};
use glidepath_engine::claims::{ClaimEntry, in_the_way};
use glidepath_engine::{Claims, Progress, RunState, decide, invariants};
use glidepath_model::action::OnUnknown;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, Recorded, RunEnd};
use glidepath_model::plan::{Claim, ClaimMode, PlanBody, Step, Undo};
use glidepath_model::request::{Request, Verb};
use glidepath_model::{ResourceName, Share, StepId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

macro_rules! promises {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $text:literal;)*) => {
        /// A promise, and the check that stands for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Promise { $($(#[$doc])* $variant,)* }

        impl Promise {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name of the check.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The promise, one sentence.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

promises! {
    /// The invariants of the engine.
    Invariants, "invariants", "a run's state is sound after every event";
    /// The journal can be read back and folded.
    Readable, "readable", "what the journal accepted can be read back and folded by whoever comes next";
    /// The fold equals what the owner keeps.
    Fold, "fold", "the state that the owner keeps is the fold of the journal";
    /// Nothing is left undecided.
    Decided, "decided", "everything that follows from an event is decided with it";
    /// Appends of two owners never alternate.
    OneOwner, "one-owner", "only one owner at a time is heard by a run's journal";
    /// Intents come first.
    IntentFirst, "intent-first", "nothing outside is touched before its intent is in the journal";
    /// Only the present owner acts.
    OwnerActs, "owner-acts", "only the present owner of a run acts for it";
    /// An attempt is made once.
    Once, "once", "an attempt is handed to the world once";
    /// No effect is doubled.
    NoDouble, "no-double", "a step takes effect once, or as often as its onUnknown allows";
    /// Open attempts are known to the owner.
    Accounted, "accounted-for", "the owner knows of every open attempt, whoever began it";
    /// Undo waits for safety.
    SafetyFirst, "safety-first", "traffic is safe before anything else is undone";
    /// Claims exclude, and their numbers grow.
    Claims, "claims", "no two runs hold what cannot go together, and every grant of a resource has a greater number than those before";
    /// Limits of the plan hold.
    Limits, "limits", "no more is at work at the same time, and no more failures are tolerated, than the plan says";
    /// Undo keeps the order.
    UndoOrder, "undo-order", "a step goes back after all that needs it";
    /// Nothing holds up the way back.
    UndoFree, "undo-free", "no gate, wait, pause or hold stands in the way of undo";
    /// The way back is complete.
    Undone, "undone", "after a rollback nothing that can be undone is in place, and nothing is exposed";
    /// Exposure ends with the hold limit.
    HoldLimit, "hold-limit", "no exposure is held beyond its limit while a node lives and the store is up";
    /// Requests are taken once.
    RequestOnce, "request-once", "a request is taken once, however often it is read";
    /// Timers are of use.
    Timer, "timer", "when a timer is due, something follows";
    /// People are told.
    Paged, "paged", "who is to help is told so";
    /// Every rest has a way out.
    Verbs, "verbs", "a run that asks for a person has a verb for them";
    /// No run is stuck.
    NeverStuck, "never-stuck", "once faults stop every run ends, or rests and asks a person";
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// What was seen, one sentence.
    pub what: String,
}

impl Broken {
    pub(super) fn new(promise: Promise, what: impl Into<String>) -> Self {
        Self { promise, what: what.into() }
    }
}

/// What the checks remember of a run.
struct Watched {
    plan: Rc<PlanBody>,
    epoch: u64,
    epochs_past: BTreeSet<u64>,
    started: BTreeSet<AttemptRef>,
    /// Effects that came while their attempt was open, by round.
    effects: BTreeMap<(StepId, Direction, u32), u32>,
    /// Attempts that ended unknown, by round.
    unknowns: BTreeMap<(StepId, Direction, u32), u32>,
    /// Effects that came after their attempt was given up: each may be a reason to act once more.
    late: BTreeMap<StepId, u32>,
    exposed: BTreeSet<StepId>,
    /// Whether the world and the journal may differ through no fault of the engine: a call lied, an effect came after its
    /// attempt was given up, or a person vouched for a step.
    is_tainted: bool,
    requests: Vec<Request>,
    asked_seq: u64,
    paged_seq: u64,
    hold_until: Option<Timestamp>,
}

/// The checks.
pub(super) struct Checks {
    runs: Vec<Watched>,
    /// The greatest number of each resource, and the greatest of those who held it alone.
    fences: BTreeMap<ResourceName, (u64, u64)>,
}

impl Checks {
    pub(super) fn new(plans: &[Rc<PlanBody>]) -> Self {
        let watched = |plan: &Rc<PlanBody>| Watched {
            plan: plan.clone(),
            epoch: 0,
            epochs_past: BTreeSet::new(),
            started: BTreeSet::new(),
            effects: BTreeMap::new(),
            unknowns: BTreeMap::new(),
            late: BTreeMap::new(),
            exposed: BTreeSet::new(),
            is_tainted: false,
            requests: Vec::new(),
            asked_seq: 0,
            paged_seq: 0,
            hold_until: None,
        };
        Self { runs: plans.iter().map(watched).collect(), fences: BTreeMap::new() }
    }

    /// An event was accepted and is about to be folded.
    pub(super) fn appended(
        &mut self,
        run: RunNumber,
        owner_epoch: u64,
        before: &RunState,
        recorded: &Recorded,
        ground: &Ground,
    ) -> Result<(), Broken> {
        let Some(watched) = self.runs.get_mut(run) else { return Ok(()) };
        if recorded.epoch != owner_epoch {
            let what = format!("run-{run} took an append of epoch {}, but belongs to epoch {owner_epoch}", recorded.epoch);
            return Err(Broken::new(Promise::OneOwner, what));
        }
        if recorded.epoch != watched.epoch {
            let last = std::mem::replace(&mut watched.epoch, recorded.epoch);
            watched.epochs_past.insert(last);
            // Nodes have epochs, and runs change hands in any order; but who lost a run is never heard again.
            if watched.epochs_past.contains(&recorded.epoch) {
                let what = format!("run-{run} took an append of epoch {} again after one of epoch {last}", recorded.epoch);
                return Err(Broken::new(Promise::OneOwner, what));
            }
        }
        match &recorded.event {
            Event::SafetyReached => check_safe(run, watched, before)?,
            Event::WentBack { .. } => check_undone(run, watched, before, ground)?,
            Event::FailureTolerated { step, .. } => check_tolerated(&watched.plan, before, step)?,
            Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Undo && (attempt.round, attempt.number) == (1, 1) => {
                check_undo_order(&watched.plan, before, attempt)?;
            }
            Event::AttemptEnded { attempt, outcome: Outcome::Unknown { .. }, .. } => {
                *watched.unknowns.entry(key_of(attempt)).or_default() += 1;
            }
            Event::HoldBegan { .. } | Event::OperatorNeeded { .. } => watched.asked_seq = recorded.seq,
            Event::RequestTaken { request, granted, .. } => {
                // The request that was left named perhaps no step; the journal names the one that was found.
                let is_same = |other: &Request| other.who == request.who && other.at == request.at && other.verb == request.verb;
                if watched.requests.iter().any(is_same) {
                    return Err(Broken::new(Promise::RequestOnce, format!("run-{run} took `{}` of {} twice", request.verb, request.who)));
                }
                watched.requests.push(request.clone());
                let vouches = matches!(request.verb, Verb::Skip | Verb::Override | Verb::MarkDone | Verb::Abandon);
                watched.is_tainted |= *granted && vouches;
            }
            _ => {}
        }
        Ok(())
    }

    /// An append was folded: the state must be sound, and what the world shows must fit to what it says.
    pub(super) fn folded(&mut self, run: RunNumber, state: &RunState, events: &[Recorded], ground: &Ground) -> Result<(), Broken> {
        let Some(watched) = self.runs.get_mut(run) else { return Ok(()) };
        let plan = watched.plan.clone();
        if let Some(what) = invariants(&plan, state).into_iter().next() {
            return Err(Broken::new(Promise::Invariants, what));
        }
        let more = decide(&plan, &mut state.clone(), glidepath_engine::Input::Wake, state.last_at);
        if let Some(event) = more.first() {
            return Err(Broken::new(Promise::Decided, format!("run-{run}: {event:?} follows, but was not decided")));
        }
        check_free_way_back(run, state)?;
        check_limits(run, &plan, state)?;
        watched.hold_until = state.hold_until(&plan);
        let is_rolled_back = |recorded: &Recorded| matches!(recorded.event, Event::RunEnded { end: RunEnd::RolledBack, .. });
        if events.iter().any(is_rolled_back) { check_undone(run, watched, state, ground) } else { Ok(()) }
    }

    /// A run holds what it claims: nobody holds what cannot go together with it, and its numbers are the greatest so far.
    pub(super) fn claimed(&mut self, run: RunNumber, streams: &[Stream]) -> Result<(), Broken> {
        let Some(own) = streams.get(run) else { return Ok(()) };
        let holds = |(other, stream): &(usize, &Stream)| {
            *other != run && stream.folded.ended.is_none() && matches!(&stream.folded.claims, Claims::Held(fences) if !fences.is_empty())
        };
        let entry = |stream: &Stream, claim: &Claim| ClaimEntry {
            resource: claim.resource.clone(),
            mode: claim.mode,
            run: stream.folded.run.clone(),
            ticket: None,
            since: stream.folded.started_at,
        };
        let held: Vec<ClaimEntry> = streams
            .iter()
            .enumerate()
            .filter(holds)
            .flat_map(|(_, stream)| stream.plan.claims.iter().map(move |claim| entry(stream, claim)))
            .collect();
        if let Some(wait) = in_the_way(&own.plan.claims, &own.folded.run, None, &held) {
            return Err(Broken::new(Promise::Claims, format!("run-{run} holds {} together with {}", wait.resource, wait.by)));
        }
        let Claims::Held(fences) = &own.folded.claims else { return Ok(()) };
        for fence in fences {
            // Those who hold a resource together may be heard in any order; who holds it alone comes after all before.
            let is_alone = own.plan.claims.contains(&Claim { resource: fence.resource.clone(), mode: ClaimMode::Exclusive });
            let (greatest, greatest_alone) = self.fences.entry(fence.resource.clone()).or_default();
            let last = if is_alone { *greatest } else { *greatest_alone };
            *greatest = (*greatest).max(fence.number);
            if is_alone {
                *greatest_alone = (*greatest_alone).max(fence.number);
            }
            if fence.number <= last {
                let what = format!("run-{run} holds {} as number {}, after number {last}", fence.resource, fence.number);
                return Err(Broken::new(Promise::Claims, what));
            }
        }
        Ok(())
    }

    /// A node begins or adopts an attempt.
    pub(super) fn acts(
        &mut self,
        run: RunNumber,
        attempt: &AttemptRef,
        folded: &RunState,
        (node_epoch, owner_epoch): (u64, u64),
        is_new: bool,
    ) -> Result<(), Broken> {
        let Some(watched) = self.runs.get_mut(run) else { return Ok(()) };
        if !is_open(folded, attempt) {
            return Err(Broken::new(
                Promise::IntentFirst,
                format!("run-{run}: {attempt} begins, but the journal does not say that it is open"),
            ));
        }
        if node_epoch != owner_epoch {
            let what = format!("run-{run}: a node of epoch {node_epoch} begins {attempt}, but epoch {owner_epoch} owns the run");
            return Err(Broken::new(Promise::OwnerActs, what));
        }
        if is_new && !watched.started.insert(attempt.clone()) {
            return Err(Broken::new(Promise::Once, format!("run-{run}: {attempt} was handed to the world twice")));
        }
        Ok(())
    }

    /// A process is told to begin.
    pub(super) fn begins(&self, run: RunNumber, attempt: &AttemptRef, folded: &RunState) -> Result<(), Broken> {
        match is_open(folded, attempt) {
            true => Ok(()),
            false => {
                Err(Broken::new(Promise::IntentFirst, format!("run-{run}: the process of {attempt} begins, but the attempt is not open")))
            }
        }
    }

    /// An effect happened.
    pub(super) fn landed(&mut self, landed: &Landed, folded: &RunState, ground: &Ground) -> Result<(), Broken> {
        let Landed { run, attempt } = landed;
        let Some(watched) = self.runs.get_mut(*run) else { return Ok(()) };
        watched.expose(attempt);
        if !is_open(folded, attempt) {
            watched.is_tainted = true;
            *watched.late.entry(attempt.step.clone()).or_default() += 1;
            return Ok(());
        }
        let Some(step) = watched.plan.step(&attempt.step) else { return Ok(()) };
        let may_repeat = attempt.direction == Direction::Safety || step.on_unknown == OnUnknown::Rerun;
        let unknowns = watched.unknowns.get(&key_of(attempt)).copied().unwrap_or(0);
        let lies = ground.lied.get(&(*run, attempt.step.clone())).copied().unwrap_or(0);
        let late = watched.late.get(&attempt.step).copied().unwrap_or(0);
        let allowed = 1 + lies + late + if may_repeat { unknowns } else { 0 };
        let count = watched.effects.entry(key_of(attempt)).or_default();
        *count += 1;
        if *count > allowed {
            let what = format!("run-{run}: {attempt} took effect, and its step has done so {count} times, {allowed} are allowed");
            return Err(Broken::new(Promise::NoDouble, what));
        }
        Ok(())
    }

    /// The node believes that the journal has what it decided up to event `seq`.
    pub(super) fn committed(&self, run: RunNumber, seq: u64, own: &RunState, folded: &RunState) -> Result<(), Broken> {
        if seq > folded.seq {
            let what = format!("run-{run}: the owner acts on event {seq}, the journal ends with {}", folded.seq);
            return Err(Broken::new(Promise::IntentFirst, what));
        }
        // Perhaps it has decided on more since.
        match own.seq != folded.seq || is_same(own, folded) {
            true => Ok(()),
            false => Err(Broken::new(Promise::Fold, format!("run-{run}: the owner's state at event {} is not the fold", own.seq))),
        }
    }

    pub(super) fn lied(&mut self, run: RunNumber) {
        if let Some(watched) = self.runs.get_mut(run) {
            watched.is_tainted = true;
        }
    }

    pub(super) fn paged(&mut self, run: RunNumber, folded: &RunState) {
        if let Some(watched) = self.runs.get_mut(run) {
            watched.paged_seq = folded.seq;
        }
    }

    /// Whether the person whom the run asks was told.
    pub(super) fn person_knows(&self, run: RunNumber, folded: &RunState) -> Result<(), Broken> {
        let Some(watched) = self.runs.get(run) else { return Ok(()) };
        let asks = folded.hold.is_some() || folded.operator.is_some();
        match asks && watched.paged_seq < watched.asked_seq {
            true => Err(Broken::new(Promise::Paged, format!("run-{run} asks since event {}, but nobody was told", watched.asked_seq))),
            false => Ok(()),
        }
    }

    /// The first run whose hold limit passed before `latest`.
    pub(super) fn held_too_long(&self, latest: Timestamp) -> Result<(), Broken> {
        let late = |watched: &Watched| watched.hold_until.filter(|until| *until < latest);
        match self.runs.iter().enumerate().find_map(|(run, watched)| Some((run, late(watched)?))) {
            Some((run, until)) => Err(Broken::new(Promise::HoldLimit, format!("run-{run} should have gone to safety at {until}"))),
            None => Ok(()),
        }
    }
}

impl Watched {
    fn expose(&mut self, attempt: &AttemptRef) {
        let Some(exposure) = self.plan.step(&attempt.step).and_then(|step| step.exposure.as_ref()) else { return };
        match attempt.direction {
            Direction::Do if exposure.share > Share::ZERO => {
                self.exposed.insert(attempt.step.clone());
            }
            Direction::Safety => {
                let plan = self.plan.clone();
                let elsewhere = |id: &StepId| {
                    plan.step(id)
                        .and_then(|s| s.exposure.as_ref())
                        .is_some_and(|e| (&e.target, &e.region) != (&exposure.target, &exposure.region))
                };
                self.exposed.retain(elsewhere);
            }
            Direction::Undo => {
                self.exposed.remove(&attempt.step);
            }
            Direction::Do | Direction::Probe | Direction::ProbeUndo => {}
        }
    }
}

fn key_of(attempt: &AttemptRef) -> (StepId, Direction, u32) {
    (attempt.step.clone(), attempt.direction, attempt.round)
}

fn is_open(state: &RunState, attempt: &AttemptRef) -> bool {
    state.step(&attempt.step).tracks().into_iter().filter_map(|track| track.open()).any(|(open, ..)| open == attempt)
}

/// Whether two states are the same but for the events kept for people, whose epochs the store writes.
fn is_same(own: &RunState, folded: &RunState) -> bool {
    let rest = |s: &RunState| (s.seq, s.last_at, s.started_at, s.landed_at, s.seed, s.pilot, s.resting_since);
    rest(own) == rest(folded)
        && own.steps == folded.steps
        && own.hold == folded.hold
        && own.closed_window == folded.closed_window
        && own.operator == folded.operator
        && own.rollback == folded.rollback
        && own.ended == folded.ended
        && own.owner == folded.owner
        && own.turned_back_by == folded.turned_back_by
        && own.who == folded.who
        && own.claims == folded.claims
        && own.signals == folded.signals
        && (own.retries, own.deadline_at) == (folded.retries, folded.deadline_at)
}

/// No more steps, and no more elements of a fan-out, are at work than the plan allows.
fn check_limits(run: RunNumber, plan: &PlanBody, state: &RunState) -> Result<(), Broken> {
    let at_work = |step: &&Step| state.step(&step.id).forward.is_running();
    let most = plan.limits.in_flight_max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
    if plan.steps.iter().filter(at_work).count() > most {
        return Err(Broken::new(Promise::Limits, format!("run-{run} does more than {most} steps at the same time")));
    }
    for group in &plan.groups {
        let count = plan.steps.iter().filter(|step| step.group.as_ref() == Some(&group.name)).filter(at_work).count();
        if count > usize::try_from(group.in_flight_max).unwrap_or(usize::MAX) {
            return Err(Broken::new(Promise::Limits, format!("run-{run} has {count} elements of {} at work", group.name)));
        }
    }
    Ok(())
}

/// A failure is tolerated only in a fan-out that has some left to tolerate.
fn check_tolerated(plan: &PlanBody, before: &RunState, id: &StepId) -> Result<(), Broken> {
    let name = plan.step(id).and_then(|step| step.group.as_ref());
    let before_it =
        |step: &&Step| step.group.as_ref() == name && matches!(before.step(&step.id).forward.progress, Progress::Tolerated { .. });
    let count = plan.steps.iter().filter(before_it).count();
    let allowed = plan.groups.iter().find(|group| Some(&group.name) == name).map_or(0, |group| group.failures_max as usize);
    match count < allowed {
        true => Ok(()),
        false => Err(Broken::new(Promise::Limits, format!("the failure of {id} is tolerated, but {allowed} are allowed"))),
    }
}

fn check_free_way_back(run: RunNumber, state: &RunState) -> Result<(), Broken> {
    if state.rollback.is_none() || state.ended.is_some() {
        return Ok(());
    }
    let holds_up = |progress: &Progress| {
        matches!(
            progress,
            Progress::Watching { .. }
                | Progress::WaitingUntil(_)
                | Progress::AskingPerson { .. }
                | Progress::AwaitingEvent { .. }
                | Progress::Asked
                | Progress::Delayed { .. }
        )
    };
    let blocking = state.steps.iter().find(|(_, own)| holds_up(&own.forward.progress));
    match (blocking, state.hold.is_some() || state.pilot != glidepath_engine::Pilot::Fly) {
        (Some((step, _)), _) => Err(Broken::new(Promise::UndoFree, format!("run-{run} goes back, but {step} still waits"))),
        (None, true) => Err(Broken::new(Promise::UndoFree, format!("run-{run} goes back, but is paused or holds"))),
        (None, false) => Ok(()),
    }
}

fn check_undo_order(plan: &PlanBody, before: &RunState, attempt: &AttemptRef) -> Result<(), Broken> {
    let Some(rollback) = &before.rollback else { return Ok(()) };
    if rollback.safety_reached.is_none() {
        let exposures = || plan.steps.iter().filter_map(|step| Some((step, step.exposure.as_ref()?)));
        let serves_safety =
            exposures().any(|(step, e)| e.safety_needs.contains(&attempt.step) || (step.id == attempt.step && e.safety.is_none()));
        return match serves_safety {
            true => Ok(()),
            false => Err(Broken::new(Promise::SafetyFirst, format!("{} is undone before traffic is safe", attempt.step))),
        };
    }
    for dependant in plan.steps.iter().filter(|step| step.needs.contains(&attempt.step)) {
        let own = before.step(&dependant.id);
        let is_due = own.forward.progress == Progress::Done && own.began && matches!(dependant.undo, Undo::Call { .. });
        if is_due && rollback.scope.contains(&dependant.id) && !matches!(own.undo.progress, Progress::Done | Progress::Skipped) {
            return Err(Broken::new(Promise::UndoOrder, format!("{} is undone before {}, which needs it", attempt.step, dependant.id)));
        }
    }
    Ok(())
}

/// When the run says that traffic is safe, the world agrees.
fn check_safe(run: RunNumber, watched: &Watched, state: &RunState) -> Result<(), Broken> {
    let Some(rollback) = state.rollback.as_ref().filter(|_| !watched.is_tainted) else { return Ok(()) };
    let has_safety = |id: &StepId| watched.plan.step(id).and_then(|s| s.exposure.as_ref()).is_some_and(|e| e.safety.is_some());
    match watched.exposed.iter().find(|id| rollback.scope.contains(*id) && has_safety(id)) {
        Some(step) => Err(Broken::new(Promise::Undone, format!("run-{run} says that traffic is safe, but {step} is exposed"))),
        None => Ok(()),
    }
}

fn check_undone(run: RunNumber, watched: &Watched, state: &RunState, ground: &Ground) -> Result<(), Broken> {
    let Some(rollback) = &state.rollback else { return Ok(()) };
    let in_scope = |step: &&Step| rollback.scope.contains(&step.id) && matches!(step.undo, Undo::Call { .. });
    for step in watched.plan.steps.iter().filter(in_scope) {
        let own = state.step(&step.id);
        let went_back = matches!(own.undo.progress, Progress::Done | Progress::Skipped);
        if own.forward.progress == Progress::Done && !went_back {
            return Err(Broken::new(Promise::Undone, format!("run-{run} is rolled back, but {} was done and is not undone", step.id)));
        }
        if !watched.is_tainted && ground.is_in_place(run, &step.id) {
            return Err(Broken::new(Promise::Undone, format!("run-{run} is rolled back, but {} is still in place", step.id)));
        }
    }
    check_safe(run, watched, state)
}

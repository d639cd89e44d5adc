//! What to journal when something reached the owner.

use crate::jump::event_time;
use crate::state::{Progress, RunState};
use crate::window::{self, WindowNow};
use crate::{Claims, ENGINE_SEMANTICS, ENGINE_SEMANTICS_USUAL, apply, landed, next, requests};
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, ProcessMark, Recorded};
use glidepath_model::plan::PlanBody;
use glidepath_model::projection::{ClaimWait, Fence};
use glidepath_model::request::{Request, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, PlanId, StepId, Timestamp};
use serde_json::Value;

/// Events that one input may bring about, at most. A plan has far fewer; the limit turns a fault into a stop.
pub(crate) const EVENTS_PER_INPUT_MAX: usize = 20_000;

/// What came of asking for claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claiming {
    /// All are held, under these numbers.
    Granted(Vec<Fence>),
    /// The run waits in the queue.
    Queued(ClaimWait),
}

/// What reached the owner of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The run is accepted.
    Start {
        /// The plan's digest.
        plan: PlanId,
        /// Who starts it.
        who: Who,
        /// Seed of everything random in the run.
        seed: u64,
        /// What came of its claims.
        claims: Claiming,
    },
    /// What came of asking for the claims again that it waits for.
    Claims(Claiming),
    /// A throttled target lets the attempt begin that was asked about.
    Admitted {
        /// The step.
        step: StepId,
    },
    /// A throttled target takes no attempt before a time.
    Delayed {
        /// The step.
        step: StepId,
        /// When it is to be asked again.
        until: Timestamp,
        /// Why, one sentence.
        reason: String,
    },
    /// A process took the run over. Open attempts (`recovery`) are to be reported next.
    Took {
        /// Its epoch.
        epoch: u64,
        /// Who.
        who: Who,
        /// The process.
        process: ProcessMark,
        /// Whether changes may start now, where that was asked: a new owner begins nothing in a window that has closed.
        window: Option<WindowNow>,
    },
    /// A process was made for an attempt and waits to begin. It may begin when the answer's first event is
    /// `Event::ProcessStarted`; else the attempt is no longer open and the process must be ended.
    ProcessStarted {
        /// For which attempt.
        attempt: AttemptRef,
        /// The process.
        process: ProcessMark,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Which.
        attempt: AttemptRef,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took_ms: Millis,
    },
    /// A gate looked.
    GateLook {
        /// The step.
        step: StepId,
        /// What it concludes so far.
        verdict: VerdictKind,
        /// One line for people.
        line: String,
        /// The judge's state, to go on from.
        state: Value,
    },
    /// Somebody asks for something.
    Request(Request),
    /// Whether changes may start now. The same answer again brings nothing about.
    Window(WindowNow),
    /// What is seen of the landed run from now on is no longer of this change alone.
    ObservationOver {
        /// Why, one sentence.
        reason: String,
    },
    /// The wall clock jumped.
    ClockJumped {
        /// By how much; negative is backwards.
        by_ms: i64,
    },
    /// The journal was restored from an older copy: nobody knows what the run did since, or what its watch after landing sees.
    Restored {
        /// One sentence: since when, and what a person is to do.
        reason: String,
        /// New numbers of the claims that it holds: others were given greater ones than its own since.
        fences: Vec<Fence>,
    },
    /// A time that `next_wake` named has come.
    Wake,
}

/// The events to journal: the input's own first, then every intent that now follows. Empty when nothing follows.
/// They are folded into `state` already and must be appended in one transaction, dated `event_time` of the state before.
pub fn decide(plan: &PlanBody, state: &mut RunState, input: Input, now: Timestamp) -> Vec<Event> {
    let now = event_time(state, Some(&input), now);
    let mut events = take(plan, state, input, now);
    while events.len() < EVENTS_PER_INPUT_MAX
        && let Some(event) = next::next(plan, state, now)
        && push(plan, state, &mut events, event, now)
    {}
    events
}

/// The input's own events alone, without the intents that follow: for an owner that hands the run over. The next owner's first decision
/// finds what follows, as it does after a crash.
pub fn record(plan: &PlanBody, state: &mut RunState, input: Input, now: Timestamp) -> Vec<Event> {
    let now = event_time(state, Some(&input), now);
    take(plan, state, input, now)
}

fn take(plan: &PlanBody, state: &mut RunState, input: Input, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for event in own_events(plan, state, input, now) {
        if !push(plan, state, &mut events, event, now) {
            break;
        }
    }
    events
}

fn push(plan: &PlanBody, state: &mut RunState, events: &mut Vec<Event>, event: Event, at: Timestamp) -> bool {
    let epoch = match (&event, &state.owner) {
        (Event::OwnerTook { epoch, .. }, _) => *epoch,
        (_, Some(owner)) => owner.epoch,
        (_, None) => 0,
    };
    let recorded = Recorded { seq: state.seq + 1, epoch, at, event };
    let folded = apply(state, plan, &recorded);
    debug_assert!(folded.is_ok(), "an event of the engine's own cannot follow: {folded:?}");
    if folded.is_ok() {
        events.push(recorded.event);
    }
    folded.is_ok()
}

fn own_events(plan: &PlanBody, state: &RunState, input: Input, now: Timestamp) -> Vec<Event> {
    let started = state.seq > 0;
    match input {
        Input::Start { plan: id, who, seed, claims } if !started => {
            let engine_semantics = plan.engine_semantics.clamp(ENGINE_SEMANTICS_USUAL, ENGINE_SEMANTICS);
            let mut events = vec![Event::RunStarted { plan: id, engine_semantics, who, seed }];
            match claims {
                Claiming::Granted(fences) if fences.is_empty() => {}
                Claiming::Granted(fences) => events.push(Event::ClaimsGranted { fences }),
                Claiming::Queued(wait) => events.push(Event::ClaimsQueued { wait }),
            }
            events
        }
        Input::Start { .. } => Vec::new(),
        _ if !started => Vec::new(),
        Input::Claims(claiming) => match (&state.claims, claiming) {
            (Claims::Waiting(_), Claiming::Granted(fences)) if state.ended.is_none() => vec![Event::ClaimsGranted { fences }],
            // Only who is in the way is news, not for how long.
            (Claims::Waiting(before), Claiming::Queued(wait)) if state.ended.is_none() && *before != wait => {
                vec![Event::ClaimsQueued { wait }]
            }
            (Claims::Waiting(_) | Claims::Held(_), _) => Vec::new(),
        },
        // The run may have ended while its target was asked.
        Input::Admitted { .. } | Input::Delayed { .. } if state.ended.is_some() => Vec::new(),
        Input::Admitted { step } => next::admitted(plan, state, &step, now).into_iter().collect(),
        Input::Delayed { step, until, reason } => match state.step(&step).forward.progress {
            Progress::Asked => vec![Event::StartDelayed { step, until, reason }],
            _ => Vec::new(),
        },
        Input::Took { epoch, who, process, window } => {
            let closed = window.map(|window| window::events(state, window)).unwrap_or_default();
            std::iter::once(Event::OwnerTook { epoch, who, process }).chain(closed).collect()
        }
        Input::ProcessStarted { attempt, process } => match is_open(state, &attempt) {
            true => vec![Event::ProcessStarted { attempt, process }],
            false => vec![Event::Noted { line: format!("process {} came too late for {attempt} and does not begin", process.pid) }],
        },
        Input::AttemptEnded { attempt, outcome, took_ms } => match is_open(state, &attempt) {
            true => vec![Event::AttemptEnded { attempt, outcome, took_ms }],
            false => vec![Event::Noted { line: format!("late result of {attempt}: {}", outcome_line(&outcome)) }],
        },
        Input::GateLook { step, verdict, line, state: judge } => {
            // A look of a gate that was closed meanwhile is of no interest to anybody.
            let watches =
                (state.ended.is_none() || state.has_landed()) && matches!(state.step(&step).forward.progress, Progress::Watching { .. });
            watches.then_some(Event::GateLooked { step, verdict, line, state: judge }).into_iter().collect()
        }
        Input::Request(request) => requests::answer(plan, state, request, now),
        Input::Window(window) => window::events(state, window),
        Input::ObservationOver { reason } => landed::over(plan, state, &reason),
        Input::ClockJumped { by_ms } => vec![Event::ClockJumped { by_ms }],
        // The question about the whole run takes the place of one about a step; that one follows again from the state.
        Input::Restored { reason, fences } if state.ended.is_none() => {
            let granted = (!fences.is_empty()).then_some(Event::ClaimsGranted { fences });
            granted.into_iter().chain([Event::OperatorNeeded { step: None, reason }]).collect()
        }
        Input::Restored { reason, .. } => landed::over(plan, state, &reason),
        Input::Wake => Vec::new(),
    }
}

fn is_open(state: &RunState, attempt: &AttemptRef) -> bool {
    let own = state.step(&attempt.step);
    let track = match attempt.direction {
        Direction::Do | Direction::Probe => &own.forward,
        Direction::Safety => &own.safety,
        Direction::Undo | Direction::ProbeUndo => &own.undo,
    };
    state.ended.is_none() && track.open().is_some_and(|(open, ..)| open == attempt)
}

fn outcome_line(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::NotDone { reason, .. } => format!("not done, {reason}"),
        Outcome::Unverified { reason } => format!("not verified, {reason}"),
        Outcome::Unknown { reason } => format!("unknown, {reason}"),
    }
}

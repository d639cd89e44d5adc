//! Child runs: a step that flies another plan as a run of its own, and its undo, which takes that run back.
//!
//! # Theory of operation
//!
//! The name of a child run follows from the parent run, its step and the round, so that a retry, a new owner and the undo find the same run. The
//! action leaves a start for it, as `run` does, and follows its journal until it has ended; whoever owns runs flies it, this process or
//! another. It waits in the queue for what others hold. Plans are named by their digests, so that none can contain itself.
//!
//! How a child ends says how the attempt ends: landed is done, rolled back is not done, abandoned is unknown. A child that needs an operator is
//! waited for until the deadline. When the attempt is cancelled the child is asked to abort, and waited for as long as an attempt may take to end.
//!
//! Races:
//! - The owner dies after it left the start: the next one leaves it again under the same name, and the run is there already or is begun once.
//! - The child lands while it is asked to abort: the request is refused, and the attempt is done.
//! - The parent holds what the child claims: the child would wait for its own parent; that is refused before it begins.
//! - A person asks for the rollback of a child that landed while its parent flies on: the owner refuses it, since the parent would land without it.

use crate::limits::{CHILD_LOOK_EVERY, EVENTS_READ_MAX};
use crate::runtime::{RuntimeError, load_events, load_plan_of};
use glidepath_engine::claims::{ClaimEntry, in_the_way};
use glidepath_model::action::{ActionDescriptor, InputField, OnUnknown, OutputType, RunInput};
use glidepath_model::event::{Direction, Event, Outcome, RunEnd};
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::{Digest, Millis, Plan, PlanId, Recorded, RunId, StepId};
use glidepath_ports::store::Submission;
use glidepath_ports::{Action, ActionContext, BoxFuture, Clock, Store, StoreError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Version of the inputs.
const INPUT_VERSION: u32 = 1;
/// Characters of a child run's name after `run-`.
const NAME_CHARS: usize = 12;

/// `run`: flies a plan as a child run.
pub fn run_descriptor() -> ActionDescriptor {
    ActionDescriptor {
        kind: "run".to_owned(),
        version: INPUT_VERSION,
        summary: "Flies another plan as a run of its own and waits for its end.".to_owned(),
        input: vec![plan_field()],
        on_unknown: OnUnknown::Rerun,
        timeout_ms: Millis::from_mins(24 * 60),
        attempts_max: 3,
        idempotent: true,
        shifts_traffic: false,
        read_only: false,
        outputs: BTreeMap::from([("run".to_owned(), OutputType::ShortText), ("landed".to_owned(), OutputType::Boolean)]),
    }
}

/// `run-back`: takes the child runs of a step back.
pub fn run_back_descriptor() -> ActionDescriptor {
    ActionDescriptor {
        kind: "run-back".to_owned(),
        summary: "Takes the run back that the same step's `run` flew.".to_owned(),
        outputs: BTreeMap::new(),
        ..run_descriptor()
    }
}

fn plan_field() -> InputField {
    let summary = "The plan: the 64 digits of its id.".to_owned();
    InputField { name: "plan".to_owned(), kind: "text".to_owned(), required: true, summary }
}

/// What both actions use.
#[derive(Clone)]
struct Children {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Woken when something was submitted by this very process.
    submitted: Arc<Notify>,
}

/// Flies a child run.
pub(crate) struct FlyChild(Children);

/// Takes child runs back.
pub(crate) struct TakeChildBack(Children);

/// Both actions.
pub(crate) fn actions(store: Arc<dyn Store>, clock: Arc<dyn Clock>, submitted: Arc<Notify>) -> [Arc<dyn Action>; 2] {
    let children = Children { store, clock, submitted };
    [Arc::new(FlyChild(children.clone())), Arc::new(TakeChildBack(children))]
}

impl Action for FlyChild {
    fn descriptor(&self) -> ActionDescriptor {
        run_descriptor()
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match serde_json::from_value::<RunInput>(input.clone()) {
                Ok(input) => self.0.fly(context, &input.plan).await.unwrap_or_else(unknown),
                Err(error) => not_done(format!("the input cannot be read: {error}"), false),
            }
        })
    }

    fn waits_for_runs(&self) -> bool {
        true
    }
}

impl Action for TakeChildBack {
    fn descriptor(&self) -> ActionDescriptor {
        run_back_descriptor()
    }

    fn run<'a>(&'a self, context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { self.0.take_back(context).await.unwrap_or_else(unknown) })
    }

    fn waits_for_runs(&self) -> bool {
        true
    }
}

/// How far a child is.
#[derive(Default)]
struct Followed {
    seq: u64,
    ended: Option<RunEnd>,
    cause: Option<String>,
}

impl Children {
    async fn fly(&self, context: &ActionContext, plan: &PlanId) -> Result<Outcome, StoreError> {
        let child = child_of(&context.run, &context.attempt.step, context.attempt.round);
        let mut followed = Followed::default();
        self.follow(&child, &mut followed).await?;
        if followed.seq == 0 {
            let child_plan = self.store.load_plan(plan.as_str()).await?.plan;
            if let Some(refusal) = called_wrong(&child_plan) {
                return Ok(not_done(refusal, false));
            }
            if let Some(refusal) = self.claims_of_the_parent(context, &child_plan).await? {
                return Ok(not_done(refusal, false));
            }
            let start = Submission::Start {
                plan: plan.clone(),
                run: child.clone(),
                who: Who::of_run(&context.run),
                at: self.clock.now(),
                waits: true,
            };
            if let Some(line) = self.refusal(context, start).await? {
                return Ok(not_done(format!("{child} was not taken: {line}"), true));
            }
        }
        Ok(match self.end_of(context, &child, &mut followed).await? {
            None => Outcome::Unknown { reason: format!("{child} has not ended") },
            Some(RunEnd::Succeeded) => {
                let outputs = BTreeMap::from([("run".to_owned(), json!(child.as_str())), ("landed".to_owned(), json!(true))]);
                Outcome::Done { outputs }
            }
            Some(RunEnd::RolledBack) => {
                let cause = followed.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                not_done(format!("{child} rolled back{cause}"), false)
            }
            Some(end @ (RunEnd::Abandoned | RunEnd::Superseded)) => Outcome::Unknown { reason: format!("{child} ended {end}") },
        })
    }

    /// What the child claims and its parent, which waits for it, holds.
    async fn claims_of_the_parent(&self, context: &ActionContext, child: &Plan) -> Result<Option<String>, StoreError> {
        let Ok(parent) = load_plan_of(self.store.as_ref(), &context.run).await else { return Ok(None) };
        let held = |claim: glidepath_model::plan::Claim| ClaimEntry {
            resource: claim.resource,
            mode: claim.mode,
            run: context.run.clone(),
            ticket: None,
            since: self.clock.now(),
        };
        let held: Vec<ClaimEntry> = parent.body.all_claims().into_iter().map(held).collect();
        let none = RunId::new("");
        Ok(in_the_way(&child.body.all_claims(), &none, None, &held).map(|wait| {
            format!("it claims {}, which this run holds while it waits for it; leave that lock to one of the two plans", wait.resource)
        }))
    }

    async fn take_back(&self, context: &ActionContext) -> Result<Outcome, StoreError> {
        let journal = match load_events(self.store.as_ref(), &context.run).await {
            Ok((_, events)) => events,
            Err(RuntimeError::Store(error)) => return Err(error),
            Err(error) => return Ok(not_done(error.to_string(), true)),
        };
        let (mut left, mut may_change) = (Vec::new(), false);
        for round in rounds_of(&journal, &context.attempt.step) {
            let child = child_of(&context.run, &context.attempt.step, round);
            let mut followed = Followed::default();
            self.follow(&child, &mut followed).await?;
            // It never began, or is back.
            if followed.seq == 0 || followed.ended == Some(RunEnd::RolledBack) {
                continue;
            }
            let verb = if followed.ended.is_some() { Verb::Rollback } else { Verb::Abort };
            let refusal = self.refusal(context, self.ask(context, &child, verb)).await?;
            // It may have ended, or be on its way back, already; its journal says what became of it.
            if followed.ended.is_none() || refusal.is_none() {
                followed.ended = None;
                self.end_of(context, &child, &mut followed).await?;
            }
            if followed.ended != Some(RunEnd::RolledBack) {
                // Nothing takes an abandoned run back any more.
                may_change |= !matches!(followed.ended, Some(RunEnd::Abandoned | RunEnd::Superseded));
                left.push(format!("{child} is not rolled back{}", refusal.map(|line| format!(": {line}")).unwrap_or_default()));
            }
        }
        Ok(match left.is_empty() {
            true => Outcome::Done { outputs: BTreeMap::new() },
            false => not_done(left.join("; "), may_change),
        })
    }

    fn ask(&self, context: &ActionContext, child: &RunId, verb: Verb) -> Submission {
        Submission::Ask(Request {
            run: child.clone(),
            verb,
            step: None,
            who: Who::of_run(&context.run),
            reason: Some(format!("{} goes back", context.run)),
            at: self.clock.now(),
            signal: None,
        })
    }

    /// Leaves a submission and waits for its answer; the line of a refusal.
    async fn refusal(&self, context: &ActionContext, submission: Submission) -> Result<Option<String>, StoreError> {
        let number = self.store.submit(submission).await?;
        self.submitted.notify_one();
        loop {
            if let Some(answer) = self.store.answer_to(number).await? {
                return Ok((!answer.granted).then_some(answer.line));
            }
            if Instant::now() >= Instant::from_std(context.deadline) {
                return Ok(Some("nobody answered in time".to_owned()));
            }
            tokio::time::sleep(CHILD_LOOK_EVERY).await;
        }
    }

    /// Waits until the child has ended; asks it once to abort when the attempt is cancelled.
    async fn end_of(&self, context: &ActionContext, child: &RunId, followed: &mut Followed) -> Result<Option<RunEnd>, StoreError> {
        let mut is_asked = false;
        loop {
            self.follow(child, followed).await?;
            if followed.ended.is_some() {
                return Ok(followed.ended);
            }
            if context.cancel.is_cancelled() && !is_asked && context.attempt.direction == Direction::Do {
                self.store.submit(self.ask(context, child, Verb::Abort)).await?;
                self.submitted.notify_one();
                is_asked = true;
            }
            tokio::time::sleep(CHILD_LOOK_EVERY).await;
        }
    }

    async fn follow(&self, child: &RunId, followed: &mut Followed) -> Result<(), StoreError> {
        loop {
            let events = self.store.read_run(child, followed.seq, EVENTS_READ_MAX).await?;
            let is_all = events.len() < EVENTS_READ_MAX;
            for recorded in events {
                followed.seq = recorded.seq;
                match recorded.event {
                    Event::RunEnded { end, .. } => followed.ended = Some(end),
                    // One that landed may be taken back later.
                    Event::RollbackBegan { cause, .. } => (followed.ended, followed.cause) = (None, Some(cause)),
                    _ => {}
                }
            }
            if is_all {
                return Ok(());
            }
        }
    }
}

/// Rounds in which a run tried a step; each may have a child run.
fn rounds_of(journal: &[Recorded], step: &StepId) -> BTreeSet<u32> {
    let round = |recorded: &Recorded| match &recorded.event {
        Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do && attempt.step == *step => Some(attempt.round),
        _ => None,
    };
    journal.iter().filter_map(round).collect()
}

/// The child run of a step of a run in that round.
pub fn child_of(parent: &RunId, step: &StepId, round: u32) -> RunId {
    let digest = Digest::of(format!("{parent}/{step}/{round}").as_bytes());
    RunId::new(format!("run-{}", digest.as_str().get(..NAME_CHARS).unwrap_or_default()))
}

/// Why a plan is not flown from a step: its own findings call it wrong, and no person is asked about it there.
fn called_wrong(child: &Plan) -> Option<String> {
    let codes: BTreeSet<String> = child.errors().map(|finding| finding.code.to_string()).collect();
    let codes: Vec<String> = codes.into_iter().collect();
    let plan = child.id.short();
    (!codes.is_empty()).then(|| {
        format!(
            "findings call plan {plan} wrong ({}), and nobody is asked about it here; mend what they name and plan again, or fly it by itself with `glidepath run {plan} --cleared-by REASON`",
            codes.join(", ")
        )
    })
}

fn not_done(reason: String, retryable: bool) -> Outcome {
    Outcome::NotDone { reason, retryable }
}

/// The store did not answer: the child may be flying.
fn unknown(error: StoreError) -> Outcome {
    Outcome::Unknown { reason: error.to_string() }
}

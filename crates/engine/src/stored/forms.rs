//! One stored form per kind of event, version 1.

use super::parts::*;
use super::{from_json, to_json};
use glidepath_model::{Event, Millis, PlanId, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! forms {
    ($($form:ident { $($field:ident: $type:ty),* $(,)? })+) => {
        $(
            #[derive(Serialize, Deserialize)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            struct $form { $($field: $type),* }
        )+
    };
}

forms! {
    RunStartedV1 { plan: String, engine_semantics: u32, who: WhoV1, seed: u64 }
    OwnerTookV1 { epoch: u64, who: WhoV1, process: ProcessV1 }
    ClockJumpedV1 { by_ms: i64 }
    AttemptStartedV1 { attempt: AttemptV1, deadline: i64 }
    ProcessStartedV1 { attempt: AttemptV1, process: ProcessV1 }
    AttemptEndedV1 { attempt: AttemptV1, outcome: OutcomeV1, took_ms: u64 }
    RetrySetV1 { step: String, direction: String, at: i64 }
    WaitStartedV1 { step: String, until: i64 }
    WaitEndedV1 { step: String, passed: bool }
    GateOpenedV1 { step: String, round: u32 }
    GateLookedV1 { step: String, verdict: String, line: String, state: Value }
    GateClosedV1 { step: String, passed: bool, reason: String }
    RequestTakenV1 { request: RequestV1, granted: bool, answer: String }
    HoldBeganV1 { step: Option<String>, reason: String, until: Option<i64> }
    EmptyV1 {}
    WentBackV1 { to: String }
    ClaimsQueuedV1 { wait: ClaimWaitV1 }
    ClaimsGrantedV1 { fences: Vec<FenceV1> }
    StepReasonV1 { step: String, reason: String }
    AdmissionAskedV1 { step: String }
    StartDelayedV1 { step: String, until: i64, reason: String }
    OperatorNeededV1 { step: Option<String>, reason: String }
    RunEndedV1 { end: String, leftovers: Vec<String> }
    WindowClosedV1 { reason: String }
    NotedV1 { line: String }
}

/// Older journals have no `to`: they went all the way.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RollbackBeganV1 {
    cause: String,
    item: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

pub(super) fn write(event: &Event) -> Value {
    let name = |step: &StepId| step.as_str().to_owned();
    match event {
        Event::RunStarted { plan, engine_semantics, who, seed } => to_json(&RunStartedV1 {
            plan: plan.as_str().to_owned(),
            engine_semantics: *engine_semantics,
            who: WhoV1::write(who),
            seed: *seed,
        }),
        Event::OwnerTook { epoch, who, process } => {
            to_json(&OwnerTookV1 { epoch: *epoch, who: WhoV1::write(who), process: ProcessV1::write(process) })
        }
        Event::ClockJumped { by_ms } => to_json(&ClockJumpedV1 { by_ms: *by_ms }),
        Event::AttemptStarted { attempt, deadline } => {
            to_json(&AttemptStartedV1 { attempt: AttemptV1::write(attempt), deadline: write_time(*deadline) })
        }
        Event::ProcessStarted { attempt, process } => {
            to_json(&ProcessStartedV1 { attempt: AttemptV1::write(attempt), process: ProcessV1::write(process) })
        }
        Event::AttemptEnded { attempt, outcome, took_ms } => {
            to_json(&AttemptEndedV1 { attempt: AttemptV1::write(attempt), outcome: OutcomeV1::write(outcome), took_ms: took_ms.0 })
        }
        Event::RetrySet { step, direction, at } => {
            to_json(&RetrySetV1 { step: name(step), direction: write_direction(*direction), at: write_time(*at) })
        }
        Event::WaitStarted { step, until } => to_json(&WaitStartedV1 { step: name(step), until: write_time(*until) }),
        Event::WaitEnded { step, passed } => to_json(&WaitEndedV1 { step: name(step), passed: *passed }),
        Event::GateOpened { step, round } => to_json(&GateOpenedV1 { step: name(step), round: *round }),
        Event::GateLooked { step, verdict, line, state } => {
            to_json(&GateLookedV1 { step: name(step), verdict: write_verdict(*verdict), line: line.clone(), state: state.clone() })
        }
        Event::GateClosed { step, passed, reason } => to_json(&GateClosedV1 { step: name(step), passed: *passed, reason: reason.clone() }),
        Event::RequestTaken { request, granted, answer } => {
            to_json(&RequestTakenV1 { request: RequestV1::write(request), granted: *granted, answer: answer.clone() })
        }
        Event::HoldBegan { step, reason, until } => {
            to_json(&HoldBeganV1 { step: step.as_ref().map(name), reason: reason.clone(), until: until.map(write_time) })
        }
        Event::WindowClosed { reason } => to_json(&WindowClosedV1 { reason: reason.clone() }),
        Event::HoldEnded | Event::WindowOpened | Event::SafetyReached => to_json(&EmptyV1 {}),
        Event::RollbackBegan { cause, item, to } => {
            to_json(&RollbackBeganV1 { cause: cause.clone(), item: *item, to: to.as_ref().map(name) })
        }
        Event::WentBack { to } => to_json(&WentBackV1 { to: name(to) }),
        Event::ClaimsQueued { wait } => to_json(&ClaimsQueuedV1 { wait: ClaimWaitV1::write(wait) }),
        Event::ClaimsGranted { fences } => to_json(&ClaimsGrantedV1 { fences: fences.iter().map(FenceV1::write).collect() }),
        Event::StepLeftOut { step, reason } | Event::FailureTolerated { step, reason } => {
            to_json(&StepReasonV1 { step: name(step), reason: reason.clone() })
        }
        Event::AdmissionAsked { step } => to_json(&AdmissionAskedV1 { step: name(step) }),
        Event::StartDelayed { step, until, reason } => {
            to_json(&StartDelayedV1 { step: name(step), until: write_time(*until), reason: reason.clone() })
        }
        Event::OperatorNeeded { step, reason } => to_json(&OperatorNeededV1 { step: step.as_ref().map(name), reason: reason.clone() }),
        Event::RunEnded { end, leftovers } => to_json(&RunEndedV1 { end: write_end(*end), leftovers: leftovers.clone() }),
        Event::Noted { line } => to_json(&NotedV1 { line: line.clone() }),
    }
}

/// Reads a form of version 1. The error is one sentence without the kind's name.
pub(super) fn read(kind: &str, json: &Value) -> Result<Event, String> {
    Ok(match kind {
        "RunStarted" => {
            let RunStartedV1 { plan, engine_semantics, who, seed } = from_json(json)?;
            Event::RunStarted { plan: PlanId::new(plan), engine_semantics, who: who.read(), seed }
        }
        "OwnerTook" => {
            let OwnerTookV1 { epoch, who, process } = from_json(json)?;
            Event::OwnerTook { epoch, who: who.read(), process: process.read() }
        }
        "ClockJumped" => {
            let ClockJumpedV1 { by_ms } = from_json(json)?;
            Event::ClockJumped { by_ms }
        }
        "AttemptStarted" => {
            let AttemptStartedV1 { attempt, deadline } = from_json(json)?;
            Event::AttemptStarted { attempt: attempt.read()?, deadline: read_time(deadline) }
        }
        "ProcessStarted" => {
            let ProcessStartedV1 { attempt, process } = from_json(json)?;
            Event::ProcessStarted { attempt: attempt.read()?, process: process.read() }
        }
        "AttemptEnded" => {
            let AttemptEndedV1 { attempt, outcome, took_ms } = from_json(json)?;
            Event::AttemptEnded { attempt: attempt.read()?, outcome: outcome.read()?, took_ms: Millis(took_ms) }
        }
        "RetrySet" => {
            let RetrySetV1 { step, direction, at } = from_json(json)?;
            Event::RetrySet { step: StepId::new(step), direction: read_direction(&direction)?, at: read_time(at) }
        }
        "ClaimsQueued" | "ClaimsGranted" | "StepLeftOut" | "FailureTolerated" | "AdmissionAsked" | "StartDelayed" => {
            read_shaping(kind, json)?
        }
        "WaitStarted" | "WaitEnded" | "GateOpened" | "GateLooked" | "GateClosed" => read_watching(kind, json)?,
        _ => read_course(kind, json)?,
    })
}

fn read_watching(kind: &str, json: &Value) -> Result<Event, String> {
    Ok(match kind {
        "WaitStarted" => {
            let WaitStartedV1 { step, until } = from_json(json)?;
            Event::WaitStarted { step: StepId::new(step), until: read_time(until) }
        }
        "WaitEnded" => {
            let WaitEndedV1 { step, passed } = from_json(json)?;
            Event::WaitEnded { step: StepId::new(step), passed }
        }
        "GateOpened" => {
            let GateOpenedV1 { step, round } = from_json(json)?;
            Event::GateOpened { step: StepId::new(step), round }
        }
        "GateLooked" => {
            let GateLookedV1 { step, verdict, line, state } = from_json(json)?;
            Event::GateLooked { step: StepId::new(step), verdict: read_verdict(&verdict)?, line, state }
        }
        _ => {
            let GateClosedV1 { step, passed, reason } = from_json(json)?;
            Event::GateClosed { step: StepId::new(step), passed, reason }
        }
    })
}

fn read_shaping(kind: &str, json: &Value) -> Result<Event, String> {
    Ok(match kind {
        "ClaimsQueued" => {
            let ClaimsQueuedV1 { wait } = from_json(json)?;
            Event::ClaimsQueued { wait: wait.read() }
        }
        "ClaimsGranted" => {
            let ClaimsGrantedV1 { fences } = from_json(json)?;
            Event::ClaimsGranted { fences: fences.into_iter().map(FenceV1::read).collect() }
        }
        "StepLeftOut" => {
            let StepReasonV1 { step, reason } = from_json(json)?;
            Event::StepLeftOut { step: StepId::new(step), reason }
        }
        "FailureTolerated" => {
            let StepReasonV1 { step, reason } = from_json(json)?;
            Event::FailureTolerated { step: StepId::new(step), reason }
        }
        "AdmissionAsked" => {
            let AdmissionAskedV1 { step } = from_json(json)?;
            Event::AdmissionAsked { step: StepId::new(step) }
        }
        _ => {
            let StartDelayedV1 { step, until, reason } = from_json(json)?;
            Event::StartDelayed { step: StepId::new(step), until: read_time(until), reason }
        }
    })
}

fn read_course(kind: &str, json: &Value) -> Result<Event, String> {
    Ok(match kind {
        "RequestTaken" => {
            let RequestTakenV1 { request, granted, answer } = from_json(json)?;
            Event::RequestTaken { request: request.read()?, granted, answer }
        }
        "HoldBegan" => {
            let HoldBeganV1 { step, reason, until } = from_json(json)?;
            Event::HoldBegan { step: step.map(StepId::new), reason, until: until.map(read_time) }
        }
        "HoldEnded" => {
            let EmptyV1 {} = from_json(json)?;
            Event::HoldEnded
        }
        "WindowClosed" => {
            let WindowClosedV1 { reason } = from_json(json)?;
            Event::WindowClosed { reason }
        }
        "WindowOpened" => {
            let EmptyV1 {} = from_json(json)?;
            Event::WindowOpened
        }
        "RollbackBegan" => {
            let RollbackBeganV1 { cause, item, to } = from_json(json)?;
            Event::RollbackBegan { cause, item, to: to.map(StepId::new) }
        }
        "WentBack" => {
            let WentBackV1 { to } = from_json(json)?;
            Event::WentBack { to: StepId::new(to) }
        }
        "SafetyReached" => {
            let EmptyV1 {} = from_json(json)?;
            Event::SafetyReached
        }
        "OperatorNeeded" => {
            let OperatorNeededV1 { step, reason } = from_json(json)?;
            Event::OperatorNeeded { step: step.map(StepId::new), reason }
        }
        "RunEnded" => {
            let RunEndedV1 { end, leftovers } = from_json(json)?;
            Event::RunEnded { end: read_end(&end)?, leftovers }
        }
        "Noted" => {
            let NotedV1 { line } = from_json(json)?;
            Event::Noted { line }
        }
        _ => return Err("the kind is not known".to_owned()),
    })
}

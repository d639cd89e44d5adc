//! Plans for flights in tests.

use glidepath_model::action::OnUnknown;
use glidepath_model::plan::*;
use glidepath_model::{ActionCall, Millis, Plan, PlanBody, Share, Step, StepId, TargetName};
use glidepath_testkit::TEST_EPOCH;
use glidepath_testkit::plans::{body_of, whole_plan};
use serde_json::json;

/// A call of the scripted action.
pub(crate) fn call(what: &str) -> ActionCall {
    ActionCall { kind: "scripted".to_owned(), version: 1, input: json!({ "what": what }) }
}

/// A call that only reads.
pub(crate) fn check(what: &str) -> ActionCall {
    ActionCall { input: json!({ "check": what }), ..call(what) }
}

pub(crate) fn estimate() -> Estimate {
    Estimate { p50_ms: Millis(10), p95_ms: Millis(20), source: "stated".to_owned() }
}

/// A step that calls the scripted action, can be undone, and asks its probe when in doubt.
pub(crate) fn step(id: &str, needs: &[&str]) -> Step {
    Step {
        id: StepId::from(id),
        title: format!("do {id}"),
        phase: Phase::Deploy,
        saves_data: false,
        item: None,
        target: Some(TargetName::from("payments-production")),
        environment: None,
        region: None,
        wave: 1,
        stage: 0,
        owner: None,
        needs: needs.iter().map(|id| StepId::from(*id)).collect(),
        after_landing: false,
        when: None,
        group: None,
        deadline_ms: None,
        work: Work::Call(call(id)),
        validations: Vec::new(),
        undo: Undo::Call { call: call(id), validations: Vec::new(), command: format!("undo {id}"), timeout_ms: Millis::from_secs(30) },
        compensate_on: CompensateOn::Attempt,
        on_unknown: OnUnknown::Probe,
        probe: Some(call(id)),
        retry: RetryPolicy { attempts_max: 4, first_delay_ms: Millis(100), delay_max_ms: Millis::from_secs(1) },
        timeout_ms: Millis::from_secs(30),
        expected: estimate(),
        exposure: None,
        duration_key: None,
        command: format!("do {id}"),
    }
}

/// A step that sets a share of traffic.
pub(crate) fn shift(id: &str, needs: &[&str], percent: u32) -> Step {
    Step {
        exposure: Some(Exposure {
            target: TargetName::from("payments-production"),
            region: None,
            share: Share::percent(percent),
            safety: Some(call(id)),
            safety_command: None,
            safety_needs: Vec::new(),
            safety_takes: None,
        }),
        undo: Undo::Nothing,
        on_unknown: OnUnknown::Rerun,
        probe: None,
        ..step(id, needs)
    }
}

pub(crate) fn gate(id: &str, needs: &[&str], spec: GateSpec) -> Step {
    Step { work: Work::Gate(Box::new(spec)), undo: Undo::Nothing, probe: None, ..step(id, needs) }
}

pub(crate) fn wait(id: &str, needs: &[&str], length: Millis) -> Step {
    Step { work: Work::Wait(length), undo: Undo::Nothing, probe: None, ..step(id, needs) }
}

/// A gate that looks every second and bakes for ten.
pub(crate) fn gate_spec(checks: Vec<GateCheck>) -> GateSpec {
    GateSpec {
        subject: "payments at 5 %".to_owned(),
        checks,
        min_bake_ms: Millis::from_secs(3),
        bake_ms: Millis::from_secs(10),
        patience_ms: Millis::from_secs(60),
        look_every_ms: Millis::from_secs(1),
        early_promotion: false,
    }
}

/// A check that makes one scripted call at each look.
pub(crate) fn probe_check(what: &str) -> GateCheck {
    GateCheck::Probe { name: "health".to_owned(), calls: vec![check(what)], failures_max: 2 }
}

pub(crate) fn plan_of(steps: Vec<Step>, target: &str) -> Plan {
    let assignment = Assignment {
        item: 0,
        component: "payments".into(),
        target: TargetName::from(target),
        environment: "production".into(),
        strategy: Strategy::Canary,
        from: "1".to_owned(),
        to: "2".to_owned(),
        artifact: None,
        verification: VerificationKind::Probe,
        blind_to: None,
        ladder: Vec::new(),
        reason: String::new(),
    };
    let steps = steps.into_iter().map(|step| Step { target: Some(TargetName::from(target)), ..step }).collect();
    whole_plan(PlanBody {
        created_at: TEST_EPOCH,
        expires_at: TEST_EPOCH.plus(Millis::from_mins(600)),
        assignments: vec![assignment],
        hold_limit_ms: Millis::from_secs(120),
        ..body_of(&format!("Change of {target}"), steps)
    })
}

/// Thirty steps: deploys in chains and side by side, shifts of traffic, gates, waits.
pub(crate) fn thirty_steps() -> Plan {
    let mut steps = vec![step("preflight", &[]), step("backup", &["preflight"])];
    let mut before = "backup".to_owned();
    for stage in 1..=4_u32 {
        let id = |what: &str| format!("stage-{stage}/{what}");
        let hosts = [id("host-a"), id("host-b"), id("host-c")];
        steps.extend(hosts.iter().map(|host| step(host, &[&before])));
        let host_refs: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let shifted = id("shift");
        steps.push(shift(&shifted, &host_refs, stage * 25));
        let watched = id("watch");
        let watch = GateSpec {
            look_every_ms: Millis::from_secs(2),
            min_bake_ms: Millis::from_secs(1),
            bake_ms: Millis::from_secs(3),
            ..gate_spec(vec![probe_check("healthy")])
        };
        steps.push(gate(&watched, &[&shifted], watch));
        let waited = id("wait");
        steps.push(wait(&waited, &[&watched], Millis(300)));
        let noted = id("note");
        steps.push(Step { undo: Undo::LeaveInPlace { reason: "a note".to_owned() }, ..step(&noted, &[&waited]) });
        before = noted;
    }
    plan_of(steps, "payments-production")
}

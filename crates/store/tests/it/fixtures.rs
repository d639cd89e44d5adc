//! Small runs, plans and stores for tests.

use glidepath_engine::{Claiming, Input, RunState, decide};
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark, RunEnd};
use glidepath_model::plan::{Claim, ClaimMode};
use glidepath_model::projection::{ClaimWait, Fence, RunStatus, RunSummary};
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan, PlanBody, PlanId, ResourceName, RunId, StepId, Timestamp};
use glidepath_ports::store::{ClaimOrder, StreamAppend, Taking};
use glidepath_ports::{Ownership, Store, StoreError};
use glidepath_testkit::plans::{body_of, parse_plan, whole_plan};
use std::collections::{BTreeMap, BTreeSet};

/// A point in time some seconds after a fixed one.
pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + seconds * 1_000_000)
}

pub(crate) fn who() -> Who {
    Who { name: "pilot".to_owned(), known_by: "os-user".to_owned() }
}

pub(crate) fn process() -> ProcessMark {
    ProcessMark { boot_id: "boot".to_owned(), pid: 7, start_ticks: 99 }
}

pub(crate) fn run_id(number: u64) -> RunId {
    RunId::new(format!("run-{number:012}"))
}

pub(crate) fn noted(line: impl Into<String>) -> Event {
    Event::Noted { line: line.into() }
}

pub(crate) fn summary(run: &RunId, started: Timestamp, status: RunStatus) -> RunSummary {
    RunSummary {
        run: run.clone(),
        plan: PlanId::new("ab".repeat(32)),
        change: "checkout".into(),
        title: "Require 3-D Secure".to_owned(),
        status,
        now: "bakes".to_owned(),
        started_at: started,
        ended_at: (!status.is_live()).then_some(started),
        wake_at: None,
        targets: vec!["payments-production".into()],
        components: vec!["payments".into()],
        observing_until: None,
        claims: BTreeSet::new(),
        waits_for: None,
        sleeps: false,
    }
}

/// An append of events to one run that flies.
pub(crate) fn append(run: &RunId, expected_seq: u64, events: Vec<Event>) -> StreamAppend {
    StreamAppend {
        run: run.clone(),
        expected_seq,
        at: time(0),
        events,
        summary: summary(run, time(0), RunStatus::Flying),
        lessons: vec![],
        reports: vec![],
        dead_letters: vec![],
        settlements: vec![],
    }
}

/// The first append of a run, which binds it to the semantics of this program's engine.
pub(crate) fn started(run: &RunId) -> StreamAppend {
    let begin =
        Event::RunStarted { plan: PlanId::new("ab".repeat(32)), engine_semantics: glidepath_engine::ENGINE_SEMANTICS, who: who(), seed: 1 };
    append(run, 0, vec![begin])
}

/// Becomes the owner; the ownership lives as long as the test holds it.
pub(crate) async fn own(store: &dyn Store) -> Ownership {
    store.try_own(who(), process()).await.unwrap().expect("nobody else owns the store of this test")
}

/// Becomes the owner of the store and of new runs with the numbers 0 to 9.
pub(crate) async fn own_with_runs(store: &dyn Store) -> Ownership {
    let owner = own(store).await;
    for number in 0..10 {
        take(store, owner.epoch, &run_id(number)).await;
    }
    owner
}

/// Takes a run that nobody has and that claims nothing.
pub(crate) async fn take(store: &dyn Store, epoch: u64, run: &RunId) {
    assert_eq!(store.take_run(epoch, run, &ClaimOrder::default()).await, Ok(Taking::Taken { fences: vec![] }));
}

/// A claim as `resource mode`: `x` for exclusive, `s` for shared, `2/3` for two of three units.
pub(crate) fn claim(text: &str) -> Claim {
    let (resource, mode) = text.split_once(' ').unwrap();
    let mode = match (mode, mode.split_once('/')) {
        ("x", _) => ClaimMode::Exclusive,
        ("s", _) => ClaimMode::Shared,
        (_, Some((units, of))) => ClaimMode::Counted { units: units.parse().unwrap(), of: of.parse().unwrap() },
        _ => panic!("{text}"),
    };
    Claim { resource: ResourceName::new(resource), mode }
}

/// An order of such claims.
pub(crate) fn order(claims: &[&str], waits: bool) -> ClaimOrder {
    ClaimOrder { claims: claims.iter().map(|text| claim(text)).collect(), waits }
}

/// What came of taking a run, without numbers and times: these differ between stores.
pub(crate) fn outline(taking: &Taking) -> String {
    let wait = |wait: &ClaimWait| format!("{} of {}", wait.resource, wait.by);
    match taking {
        Taking::Taken { fences } => {
            let resources: Vec<&str> = fences.iter().map(|fence| fence.resource.as_str()).collect();
            format!("taken {}", resources.join(" ")).trim_end().to_owned()
        }
        Taking::Held(by) => format!("held {}", wait(by)),
        Taking::Queued(by) => format!("queued {}", wait(by)),
        other => format!("{other:?}"),
    }
}

/// Whether a store says that an ownership is over.
pub(crate) fn is_over<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Fenced { .. } | StoreError::LeaseOver { .. }))
}

/// A plan of these steps, in the compact text of the test support.
pub(crate) fn flown_plan(text: &str) -> Plan {
    whole_plan(parse_plan("scripted", text).unwrap())
}

/// Keeps a plan, starts a run of it and takes it over, as an owner does.
pub(crate) async fn begin_run(store: &dyn Store, epoch: u64, run: &RunId, plan: &Plan) {
    store.save_plan(plan, b"{}").await.unwrap();
    let mut state = RunState::new(run.clone());
    let start = Input::Start { plan: plan.id.clone(), who: who(), seed: 1, claims: Claiming::Granted(vec![]) };
    let took = Input::Took { epoch, who: who(), process: process(), window: None };
    let events: Vec<Event> = [start, took].into_iter().flat_map(|input| decide(&plan.body, &mut state, input, time(0))).collect();
    let summary = state.summary(&plan.body);
    store.append(epoch, vec![StreamAppend { summary, ..append(run, 0, events) }]).await.unwrap();
}

fn attempt() -> AttemptRef {
    AttemptRef { step: StepId::new("production/payments/deploy"), direction: Direction::Do, round: 1, number: 2 }
}

/// One event of each kind.
pub(crate) fn every_event() -> Vec<Event> {
    let step = StepId::new("production/payments/gate");
    let request = Request {
        run: run_id(1),
        verb: Verb::Override,
        step: Some(step.clone()),
        who: who(),
        reason: Some("seen".into()),
        at: time(3),
        signal: Some(Signal { event: "load-test".into(), outputs: BTreeMap::from([("passed".to_owned(), true.into())]) }),
    };
    vec![
        Event::RunStarted { plan: PlanId::new("ab".repeat(32)), engine_semantics: 1, who: who(), seed: u64::MAX },
        Event::OwnerTook { epoch: 1, who: who(), process: process() },
        Event::ClockJumped { by_ms: -40_000 },
        Event::AttemptStarted { attempt: attempt(), deadline: time(60) },
        Event::ProcessStarted { attempt: attempt(), process: process() },
        Event::AttemptEnded {
            attempt: attempt(),
            outcome: Outcome::Done { outputs: BTreeMap::from([("rows".to_owned(), 12.into())]) },
            took_ms: Millis(1500),
        },
        Event::RetrySet { step: step.clone(), direction: Direction::Undo, at: time(61) },
        Event::WaitStarted { step: step.clone(), until: time(90) },
        Event::WaitEnded { step: step.clone(), passed: true },
        Event::GateOpened { step: step.clone(), round: 1 },
        Event::GateLooked {
            step: step.clone(),
            verdict: VerdictKind::Undecided,
            line: "no traffic \"yet\" \u{1f6eb}".to_owned(),
            state: serde_json::json!({"counts": [1, 2, 3], "nothing": null}),
        },
        Event::GateClosed { step: step.clone(), passed: false, reason: "5x errors".to_owned() },
        Event::RequestTaken { request, granted: true, answer: "promoted".to_owned() },
        Event::HoldBegan { step: Some(step.clone()), reason: "undecided".to_owned(), until: Some(time(600)) },
        Event::HoldEnded,
        Event::WindowClosed { reason: "freeze sale holds".to_owned() },
        Event::WindowOpened,
        Event::RollbackBegan { cause: "regression".to_owned(), item: None, to: None },
        Event::SafetyReached,
        Event::WentBack { to: step.clone() },
        Event::ClaimsQueued { wait: ClaimWait { resource: "db".into(), by: run_id(2), since: time(1), holds: true } },
        Event::ClaimsGranted { fences: vec![Fence { resource: "db".into(), number: u64::MAX >> 1 }] },
        Event::StepLeftOut { step: step.clone(), reason: "no rows to move".to_owned() },
        Event::FailureTolerated { step: step.clone(), reason: "one host of many".to_owned() },
        Event::AdmissionAsked { step: step.clone() },
        Event::StartDelayed { step: step.clone(), until: time(70), reason: "two in ten seconds".to_owned() },
        Event::OperatorNeeded { step: Some(step), reason: "the router is gone".to_owned() },
        Event::RunEnded { end: RunEnd::RolledBack, leftovers: vec!["the expanded schema".to_owned()] },
        noted("late result"),
    ]
}

/// A plan of no steps, made at a time.
pub(crate) fn plan(title: &str, created_at: Timestamp) -> Plan {
    whole_plan(PlanBody { created_at, expires_at: created_at.plus(Millis::from_mins(60)), ..body_of(title, vec![]) })
}

/// Runs that the store gives, which may make a node wait for its share.
pub(crate) async fn taken(store: &dyn Store, epoch: u64, now: Timestamp, runs_max: usize) -> Vec<RunId> {
    let begin = std::time::Instant::now();
    loop {
        let taken = store.take_runs(epoch, now, runs_max).await.unwrap();
        assert!(begin.elapsed() < std::time::Duration::from_secs(10), "nothing was given");
        if !taken.is_empty() {
            return taken;
        }
        tokio::task::yield_now().await;
    }
}

/// An append of a live run that claims these, and nothing else.
pub(crate) fn claiming(run: &RunId, expected_seq: u64, order: &ClaimOrder) -> StreamAppend {
    let mut one = if expected_seq == 0 { started(run) } else { append(run, expected_seq, vec![noted("flies")]) };
    (one.summary.targets, one.summary.claims) = (vec![], order.claims.clone());
    one
}

/// An append after which the run has ended.
pub(crate) fn ended(run: &RunId, expected_seq: u64) -> StreamAppend {
    let mut over = append(run, expected_seq, vec![noted("landed")]);
    over.summary.status = RunStatus::Ended(RunEnd::Succeeded);
    over
}

//! The owner dies before and after every append of a run: the next one reaches the same end, nothing is lost, nothing is done twice.

use crate::burning;
use crate::landed::watched_for;
use crate::plans::{plan_of, probe_check, step, thirty_steps};
use crate::sky::{Sky, run_id};
use crate::windows::with_rule;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::OnWindowEnd;
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{Undo, Work};
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan, Step, StepId};
use glidepath_ports::{CancelToken, Store};
use glidepath_runtime::{RuntimeError, Until};
use glidepath_testkit::{Fault, FaultyStore, Script};
use std::sync::Arc;
use std::time::Duration;

/// No flight of these plans takes longer, in virtual time.
const FLIGHT_MAX: Duration = Duration::from_secs(600);

/// Runs a future on virtual time of its own.
fn on_virtual_time<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

/// Flies the plan with a store that fails so; when the owner dies another one goes on. Gives the sky and the number of appends of the first.
async fn fly_through(plan: &Plan, prepare: &dyn Fn(&mut Sky), fault: Option<(u64, Fault)>) -> (Sky, u64) {
    let mut sky = Sky::new();
    prepare(&mut sky);
    let run = run_id("crash");
    sky.submit_start(plan, &run).await;
    let store = FaultyStore::new(sky.store.clone());
    let store = Arc::new(match &fault {
        Some((at, fault)) => store.with(*at, *at, fault.clone()),
        None => store,
    });
    let until = if plan.body.steps.iter().any(|step| step.after_landing) { Until::NoLiveRuns } else { Until::RunEnds(run) };
    let first = sky.runtime_on(store.clone()).own_and_fly(&until, &CancelToken::new()).await;
    match &fault {
        None => assert!(first.is_ok(), "{first:?}"),
        // Which inputs share an append is up to chance, so that the last of them may not be reached.
        Some((at, _)) => assert!(matches!(first, Err(RuntimeError::Fenced { .. })) || store.appends() < *at, "{first:?}"),
    }
    let second = tokio::time::timeout(FLIGHT_MAX, sky.runtime().own_and_fly(&until, &CancelToken::new())).await;
    assert!(matches!(second, Ok(Ok(_))), "{fault:?}: {second:?}, {:?}", sky.status(&run_id("crash")).await);
    (sky, store.appends())
}

fn effects_of<'a>(plan: &'a Plan, is_wanted: impl Fn(&glidepath_model::Step) -> bool + 'a) -> impl Iterator<Item = &'a StepId> {
    plan.body.steps.iter().filter(move |step| matches!(step.work, Work::Call(_)) && is_wanted(step)).map(|step| &step.id)
}

/// Looks at a sky after a flight: how the run stands, its journal, and what was done to it.
type Check<'a> = &'a dyn Fn(&Sky, Option<RunStatus>, &[Event], &str);

/// Crashes at every append, before and after it, and checks what became of the world.
fn crash_everywhere(plan: &Plan, prepare: &dyn Fn(&mut Sky), check: Check<'_>) {
    let appends = on_virtual_time(async {
        let (sky, appends) = fly_through(plan, prepare, None).await;
        check(&sky, sky.status(&run_id("crash")).await, &sky.events(&run_id("crash")).await, "without a crash");
        appends
    });
    assert!(appends >= 15, "only {appends} appends");
    for at in 1..=appends {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let what = format!("{fault:?} at append {at} of {appends}");
            on_virtual_time(async {
                let (sky, _) = fly_through(plan, prepare, Some((at, fault))).await;
                check(&sky, sky.status(&run_id("crash")).await, &sky.events(&run_id("crash")).await, &what);
                let audit = sky.store.verify().await.unwrap();
                assert_eq!(audit.findings, Vec::<String>::new(), "{what}");
            });
        }
    }
}

#[test]
fn a_landing_is_the_same_whenever_the_owner_dies() {
    let plan = thirty_steps();
    assert_eq!(plan.body.steps.len(), 30);
    crash_everywhere(&plan, &|_| {}, &|sky, status, _, what| {
        for id in effects_of(&plan, |_| true) {
            let count = sky.world.count(id, Direction::Do);
            let most = if plan.body.step(id).unwrap().exposure.is_some() { 2 } else { 1 };
            assert!((1..=most).contains(&count), "{what}: {id} took effect {count} times");
        }
        assert_eq!(sky.world.marks().iter().filter(|mark| mark.attempt.direction != Direction::Do).count(), 0, "{what}");
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}");
    });
}

#[test]
fn a_rollback_is_the_same_whenever_the_owner_dies() {
    let plan = thirty_steps();
    let failing = StepId::from("stage-3/host-b");
    let script = |sky: &mut Sky| sky.world.always(&failing, Direction::Do, Script::fails(false));
    crash_everywhere(&plan, &script, &|sky, status, _, what| {
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{what}");
        for id in effects_of(&plan, |step| matches!(step.undo, Undo::Call { .. })) {
            assert!(!sky.world.is_in_place(id), "{what}: {id} is still in place");
            let (done, undone) = (sky.world.count(id, Direction::Do), sky.world.count(id, Direction::Undo));
            assert!(done <= 1 && undone <= done.max(1), "{what}: {id} done {done} times, undone {undone} times");
        }
        let shifts: Vec<_> = sky.world.marks().into_iter().filter(|mark| mark.attempt.step.as_str().ends_with("/shift")).collect();
        assert_eq!(shifts.last().map(|mark| mark.attempt.direction), Some(Direction::Safety), "{what}: traffic ends on the old side");
    });
}

#[test]
fn work_in_journaled_processes_happens_exactly_once_and_nobody_is_asked() {
    let ask = |step: Step| Step { on_unknown: OnUnknown::Ask, probe: None, ..step };
    let names: Vec<String> = (1..=8).map(|number| format!("step-{number}")).collect();
    let mut steps: Vec<Step> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        // Two chains side by side: even steps need the even one before.
        let needs: Vec<&str> = at.checked_sub(2).map(|before| names[before].as_str()).into_iter().collect();
        steps.push(ask(step(name, &needs)));
    }
    let plan = plan_of(steps, "payments");
    let prepare = |sky: &mut Sky| {
        sky.in_processes = true;
        for (at, name) in names.iter().enumerate() {
            sky.world.always(&StepId::new(name.clone()), Direction::Do, Script::slow(Millis(700 + 90 * at as u64)));
        }
    };
    crash_everywhere(&plan, &prepare, &|sky, status, _, what| {
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}");
        for id in effects_of(&plan, |_| true) {
            assert_eq!(sky.world.count(id, Direction::Do), 1, "{what}: {id}");
        }
    });
}

#[test]
fn a_watch_after_landing_ends_the_same_whenever_the_owner_dies() {
    let plan = watched_for("payments", Millis::from_mins(2));
    crash_everywhere(&plan, &|_| {}, &|sky, status, events, what| {
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}");
        let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
        assert_eq!(count(|event| matches!(event, Event::GateOpened { .. })), 1, "{what}");
        assert_eq!(count(|event| matches!(event, Event::GateClosed { passed: true, .. })), 1, "{what}");
        assert!(sky.pages().is_empty(), "{what}: {:?}", sky.pages());
    });
}

#[test]
fn a_burning_budget_holds_whenever_the_owner_dies() {
    let plan = burning::flight(vec![probe_check("healthy")], burning::burn(false, false));
    let prepare = |sky: &mut Sky| burning::counted(sky, burning::outage_until(-165.0), 0.01, 0.01);
    crash_everywhere(&plan, &prepare, &|sky, status, events, what| {
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}");
        let of_budgets = |event: &Event, wanted: VerdictKind| matches!(event, Event::GateLooked { step, verdict, .. } if step.as_str() == "budgets" && *verdict == wanted);
        let at = |holds: &dyn Fn(&Event) -> bool| events.iter().position(holds);
        let waited = at(&|event| of_budgets(event, VerdictKind::Undecided));
        let passed = at(&|event| of_budgets(event, VerdictKind::NoRegression));
        let shifted = at(&|event| matches!(event, Event::AttemptStarted { attempt, .. } if attempt.step.as_str() == "half"));
        assert!(waited.is_some() && waited < passed && passed < shifted, "{what}: {waited:?}, {passed:?}, {shifted:?}");
        // A share of traffic may be set again when nobody knows whether it was.
        for id in effects_of(&plan, |step| step.exposure.is_none()) {
            assert_eq!(sky.world.count(id, Direction::Do), 1, "{what}: {id}");
        }
    });
}

#[test]
fn a_closed_window_holds_whenever_the_owner_dies() {
    let names: Vec<String> = (1..=20).map(|number| format!("step-{number}")).collect();
    let steps = names.iter().enumerate().map(|(at, name)| {
        let before: Vec<&str> = at.checked_sub(1).map(|before| names[before].as_str()).into_iter().collect();
        step(name, &before)
    });
    let plan = with_rule(plan_of(steps.collect(), "payments"), OnWindowEnd::Hold);
    let prepare = |sky: &mut Sky| {
        sky.world.script(&StepId::from("step-3"), Direction::Do, Script::slow(Millis::from_secs(40)));
        let (closing, opening) = (sky.airspace.clone(), sky.airspace.clone());
        sky.world.on_call(move |attempt| {
            if attempt.step.as_str() == "step-3" && closing.asked() < 4 {
                closing.close("freeze sale holds until Mon 08:00 Europe/Berlin");
            }
        });
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(200)).await;
            opening.open();
        });
    };
    crash_everywhere(&plan, &prepare, &|sky, status, events, what| {
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}");
        let mut is_closed = false;
        for event in events {
            match event {
                Event::WindowClosed { .. } => is_closed = true,
                Event::WindowOpened => is_closed = false,
                Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do => {
                    assert!(!is_closed, "{what}: {attempt} begins in a closed window")
                }
                _ => {}
            }
        }
        for id in effects_of(&plan, |_| true) {
            assert_eq!(sky.world.count(id, Direction::Do), 1, "{what}: {id}");
        }
    });
}

#[test]
fn a_probe_whose_owner_dies_is_asked_again_and_does_not_count_as_a_no() {
    let names: Vec<String> = (1..=8).map(|number| format!("step-{number}")).collect();
    let steps = names.iter().enumerate().map(|(at, name)| {
        let before: Vec<&str> = at.checked_sub(1).map(|before| names[before].as_str()).into_iter().collect();
        step(name, &before)
    });
    let plan = plan_of(steps.collect(), "payments");
    for in_processes in [false, true] {
        let prepare = |sky: &mut Sky| {
            sky.in_processes = in_processes;
            for name in &names {
                sky.world.script(&StepId::new(name.clone()), Direction::Do, Script::unknown(true));
            }
        };
        crash_everywhere(&plan, &prepare, &|sky, status, _, what| {
            assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}");
            for id in effects_of(&plan, |_| true) {
                assert_eq!(sky.world.count(id, Direction::Do), 1, "{what}: {id} was done, its probe would have said so");
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_end_is_heard_late_took_as_long_as_its_process_worked() {
    let (mut sky, run) = (Sky::new(), run_id("late"));
    sky.in_processes = true;
    let (worked, one) = (Millis::from_secs(8), Step { duration_key: Some("deploy".to_owned()), ..step("one", &[]) });
    sky.world.script(&one.id, Direction::Do, Script::slow(worked));
    sky.submit_start(&plan_of(vec![one], "payments"), &run).await;
    let owner = sky.runtime();
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &CancelToken::new()).await });
    sky.until(&run, "its process", |events| events.iter().any(|event| matches!(event, Event::ProcessStarted { .. }))).await;
    flying.abort();
    let _ = flying.await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await.unwrap();
    let took = sky.events(&run).await.into_iter().find_map(|event| match event {
        Event::AttemptEnded { took_ms, .. } => Some(took_ms),
        _ => None,
    });
    assert_eq!(took, Some(worked));
    assert_eq!(sky.store.lessons().await.unwrap().durations["deploy"].p50_ms, worked, "the next plan expects what it took");
}

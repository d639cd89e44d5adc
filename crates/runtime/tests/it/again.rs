//! Runs that do again what another one gave up, beside one that goes back.

use crate::plans::{plan_of, step};
use crate::shaped::{LANDED, ROLLED_BACK, ended, own, parent_of, shaped, start};
use crate::sky::{Sky, run_id, who};
use glidepath_model::event::{AttemptRef, Direction};
use glidepath_model::plan::{Again, PlanBody};
use glidepath_model::projection::DeadLetterKind;
use glidepath_model::request::Verb;
use glidepath_model::{Event, Millis, Plan, RunId, StepId};
use glidepath_ports::store::{Answer, Submission};
use glidepath_ports::{CancelToken, Clock, Store};
use glidepath_runtime::again;
use glidepath_testkit::Script;
use glidepath_testkit::plans::whole_plan;

const GIVES_UP: &str = "plan groups hosts:2:1:1s\ncall host/1 group hosts\ncall host/2 group hosts\ncall join needs host/1,host/2";

/// A run that landed without one of its steps, and the attempt of that step.
async fn one_that_gave_up(sky: &Sky) -> (RunId, AttemptRef) {
    let origin = run_id("origin");
    sky.world.script(&StepId::from("host/2"), Direction::Do, Script::fails(false));
    let owner = own(sky);
    start(sky, &shaped(GIVES_UP), &origin, false).await;
    assert_eq!(ended(sky, &origin).await, LANDED);
    owner.leave().await;
    let letter = sky.store.dead_letters(10).await.unwrap().letters.remove(0).1;
    let DeadLetterKind::Effect { attempt, .. } = letter.what else { panic!("{letter:?}") };
    (origin, attempt)
}

fn doing_again(origin: &RunId) -> Plan {
    let again = Again { letter: 1, run: origin.clone(), identity: None };
    let body = PlanBody { again: Some(again), ..plan_of(vec![step("host/2", &[])], "payments").body };
    whole_plan(PlanBody { engine_semantics: body.semantics_needed(), ..body })
}

async fn leave_start(sky: &Sky, plan: &Plan, run: &RunId) -> u64 {
    sky.store.save_plan(plan, b"{}").await.unwrap();
    let start = Submission::Start { plan: plan.id.clone(), run: run.clone(), who: who(), at: sky.clock.now(), waits: false };
    sky.store.submit(start).await.unwrap()
}

async fn answer(sky: &Sky, number: u64) -> Answer {
    sky.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_again_above_a_run_that_goes_back_or_went_back() {
    let sky = Sky::new();
    let (origin, attempt) = one_that_gave_up(&sky).await;
    let (plan, tries) = (doing_again(&origin), [1, 2, 3].map(|number| again::run_of(&origin, &attempt, number)));
    sky.world.always(&StepId::from("host/1"), Direction::Undo, Script::slow(Millis::from_secs(5)));

    // Left before anybody flies: both reach the owner in one turn, before the way back is decided on.
    let back = sky.store.submit(sky.request(&origin, Verb::Rollback, None)).await.unwrap();
    let with_it = leave_start(&sky, &plan, &tries[0]).await;
    let owner = own(&sky);
    assert!(answer(&sky, back).await.granted);
    let while_it_goes = leave_start(&sky, &plan, &tries[1]).await;
    for number in [with_it, while_it_goes] {
        let line = answer(&sky, number).await.line;
        assert!(line.contains(&format!("GP0677: {origin} is rolling back")), "{line}");
    }
    assert_eq!(ended(&sky, &origin).await, ROLLED_BACK);
    let after_it = leave_start(&sky, &plan, &tries[2]).await;
    let line = answer(&sky, after_it).await.line;
    assert!(line.contains(&format!("GP0677: {origin} is rolled-back")), "{line}");
    assert_eq!(sky.world.count(&attempt.step, Direction::Do), 0, "it would stay in place, and nobody would know");
    for run in &tries {
        assert!(sky.events(run).await.is_empty(), "{run}");
    }
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_does_not_go_back_beneath_one_that_was_begun_in_the_same_turn() {
    let sky = Sky::new();
    let (origin, attempt) = one_that_gave_up(&sky).await;
    let replay = again::run_of(&origin, &attempt, 1);
    let begin = leave_start(&sky, &doing_again(&origin), &replay).await;
    let back = sky.store.submit(sky.request(&origin, Verb::Rollback, None)).await.unwrap();
    let owner = own(&sky);
    assert!(answer(&sky, begin).await.granted);
    let refused = answer(&sky, back).await;
    assert!(!refused.granted && refused.line.contains(&format!("{replay} is doing what this run had given up")), "{refused:?}");
    assert_eq!(ended(&sky, &replay).await, LANDED);
    assert_eq!((sky.status(&origin).await, sky.world.count(&attempt.step, Direction::Do)), (LANDED, 1));
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_again_for_a_child_whose_parent_goes_back() {
    let (sky, parent, after) = (Sky::new(), run_id("parent"), StepId::from("after"));
    sky.world.script(&StepId::from("host/2"), Direction::Do, Script::fails(false));
    sky.world.always(&after, Direction::Do, Script::slow(Millis::from_secs(20)));
    sky.world.always(&after, Direction::Undo, Script::slow(Millis::from_secs(20)));
    let child = shaped(GIVES_UP);
    sky.store.save_plan(&child, b"{}").await.unwrap();
    let owner = own(&sky);
    start(&sky, &parent_of(&child), &parent, false).await;
    let began =
        |events: &[Event]| events.iter().any(|event| matches!(event, Event::AttemptStarted { attempt, .. } if attempt.step == after));
    sky.until(&parent, "the last step", began).await;
    assert!(sky.ask(&parent, Verb::Abort, None).await.granted);
    sky.until(&parent, "the way back", |events| events.iter().any(|event| matches!(event, Event::RollbackBegan { .. }))).await;

    // What comes after the child is undone first: the child still stands as it landed.
    let origin = glidepath_runtime::child::child_of(&parent, &StepId::from("fly"), 1);
    assert_eq!(sky.status(&origin).await, LANDED);
    let replay = run_id("replay");
    let number = leave_start(&sky, &doing_again(&origin), &replay).await;
    let line = answer(&sky, number).await.line;
    assert!(line.contains(&format!("GP0677: {parent} goes back, and {origin} with it")), "{line}");
    for run in [&parent, &origin] {
        assert_eq!(ended(&sky, run).await, ROLLED_BACK);
    }
    assert_eq!(sky.world.count(&StepId::from("host/2"), Direction::Do), 0);
    owner.leave().await;
}

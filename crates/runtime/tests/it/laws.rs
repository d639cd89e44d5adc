//! Every call of a plan goes wrong once in every way: the run ends by itself and leaves the world in balance.

use crate::plans::{gate, gate_spec, plan_of, probe_check, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_model::ActionCall;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_runtime::FlightEnd;
use glidepath_testkit::laws::{ActionCase, imbalances, plan_cases};
use glidepath_testkit::{NoSecrets, ScriptedAction};
use serde_json::json;
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_the_world_ends_in_balance() {
    let plan = plan_of(
        vec![
            step("backup", &[]),
            step("host-a", &["backup"]),
            step("host-b", &["backup"]),
            shift("half", &["host-a", "host-b"], 50),
            gate("watch", &["half"], gate_spec(vec![probe_check("healthy")])),
            step("host-c", &["watch"]),
            shift("all", &["host-c"], 100),
        ],
        "payments",
    );
    let cases = plan_cases(&plan.body);
    assert!(cases.len() > 30);
    for case in cases {
        let (sky, run) = (Sky::new(), run_id("laws"));
        case.prepare(&sky.world);
        assert_eq!(sky.fly(&plan, &run).await, Ok(FlightEnd::Reached), "{}", case.name);
        let Some(RunStatus::Ended(end)) = sky.status(&run).await else { panic!("{}: the run has not ended", case.name) };
        let expected = if case.name.contains("for good") || case.name.contains("undo") { RunEnd::RolledBack } else { RunEnd::Succeeded };
        assert_eq!(end, expected, "{}", case.name);
        assert_eq!(imbalances(&plan.body, &sky.world, end), Vec::<String>::new(), "{}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_laws_of_actions_find_one_that_is_no_good() {
    let sky = Sky::new();
    let action = ScriptedAction::new("scripted", sky.world.clone(), sky.clock.clone());
    let call = ActionCall { kind: "scripted".to_owned(), version: 1, input: json!({}) };
    // The scripted action only counts: its undo is one more effect, so that the world is never as it was.
    let observe = || -> glidepath_ports::BoxFuture<'_, serde_json::Value> { Box::pin(async { json!(sky.world.marks().len()) }) };
    let case = ActionCase {
        action: &action,
        forward: &call,
        undo: Some(&call),
        observe: &observe,
        clock: sky.clock.as_ref(),
        secrets: Arc::new(NoSecrets),
        folder: sky.folder.path(),
    };
    let broken = case.broken_laws().await;
    assert!(broken.iter().any(|line| line.contains("doing twice")), "{broken:?}");
    assert!(broken.iter().any(|line| line.contains("undoing twice")), "{broken:?}");
}

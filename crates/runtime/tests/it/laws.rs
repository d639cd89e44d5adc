//! Every call of a plan goes wrong once in every way: the run ends by itself and leaves the world in balance.

use crate::plans::{gate, gate_spec, plan_of, probe_check, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_model::projection::RunStatus;
use glidepath_runtime::FlightEnd;
use glidepath_testkit::laws::{imbalances, plan_cases};

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
        assert_eq!(Some(end), case.end, "{}", case.name);
        assert_eq!(imbalances(&plan.body, &sky.world, end), Vec::<String>::new(), "{}", case.name);
    }
}

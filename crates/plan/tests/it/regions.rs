//! Another region that takes the writes, and shares of the traffic that move.

use crate::fixture::*;
use glidepath_model::catalog::{Failover, TrafficShares, TrafficSource};
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::plan::{Plan, Step, Undo};
use glidepath_model::{Facts, Millis, RegionName, Share};
use glidepath_plan::codes;
use serde_json::json;
use std::collections::BTreeMap;

/// `payments` written in eu-west, to be written in us-east.
fn failover(spoil: impl FnOnce(&mut Failover)) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    change.items[0].kind =
        ItemKind::Failover { to: "us-east".into(), expect_from: Some("eu-west".into()), loss_max_ms: Millis::ZERO, until: None };
    let run = |words: &[&str]| {
        let argv: Vec<&str> = ["./db.sh"].iter().chain(words).copied().collect();
        template("exec", json!({"argv": argv}))
    };
    let mut how = Failover {
        rpo_ms: Millis(2_500),
        leader: run(&["leader"]),
        lag: run(&["lag", "{from}", "{to}", "{seconds}"]),
        drain: run(&["drain", "{from}"]),
        promote: run(&["promote", "{to}"]),
        demote: Some(run(&["demote", "{from}", "{to}"])),
        verify: Some(run(&["verify", "{from}", "{to}"])),
        route: run(&["route", "{to}"]),
    };
    spoil(&mut how);
    only_target(&mut facts).failover = Some(Box::new(how));
    (change, facts)
}

fn may_lose(change: &mut Change, length: Millis) {
    if let ItemKind::Failover { loss_max_ms, .. } = &mut change.items[0].kind {
        *loss_max_ms = length;
    }
}

fn step<'p>(plan: &'p Plan, name: &str) -> &'p Step {
    plan.body.steps.iter().find(|step| step.id.as_str().ends_with(name)).unwrap_or_else(|| panic!("{name} is not there"))
}

fn command_back(step: &Step) -> &str {
    match &step.undo {
        Undo::Call { command, .. } => command,
        other => panic!("{}: {other:?}", step.id),
    }
}

fn expected(step: &Step) -> Vec<String> {
    step.validations.iter().map(|call| format!("{} = {}", call.input["argv"], call.input["expectText"])).collect()
}

#[test]
fn writes_stop_and_are_caught_up_before_anything_is_promoted() {
    let (change, facts) = failover(|_| ());
    let plan = plan_of(&change, &facts);
    let in_order = ["preflight/leader", "preflight/lag", "preflight/health", "drain", "promote", "demote", "verify", "route", "gate"];
    let at = |name: &str| plan.body.steps.iter().position(|s| s.id.as_str().ends_with(name)).unwrap();
    let places: Vec<usize> = in_order.iter().map(|name| at(&format!("/{name}"))).collect();
    assert!(places.is_sorted(), "{in_order:?} {places:?}");
    assert!(step(&plan, "preflight/lag").command.ends_with("lag eu-west us-east 2.5"));
    assert_eq!(
        expected(step(&plan, "/drain")),
        [r#"["./db.sh","leader"] = "none""#, r#"["./db.sh","lag","eu-west","us-east","0"] = null"#]
    );
    assert_eq!(expected(step(&plan, "/promote")), [r#"["./db.sh","leader"] = "us-east""#]);
    // Only hosts of the region that takes over are looked at: the other one may be in trouble.
    assert!(!step(&plan, "preflight/health").command.contains("eu-west"));
    assert!(plan.body.envelope.one_way.is_empty() && plan.prediction.time_to_rollback.is_some());
}

#[test]
fn the_way_back_is_the_same_way_in_the_other_direction() {
    let (change, facts) = failover(|_| ());
    let plan = plan_of(&change, &facts);
    let back: Vec<&str> = ["/route", "/promote", "/drain", "preflight/leader"].iter().map(|name| command_back(step(&plan, name))).collect();
    assert_eq!(back, ["./db.sh drain us-east", "./db.sh demote us-east eu-west", "./db.sh promote eu-west", "./db.sh route eu-west"]);
    let Undo::Call { validations, .. } = &step(&plan, "/route").undo else { panic!() };
    assert_eq!(validations.last().unwrap().input["argv"], json!(["./db.sh", "lag", "us-east", "eu-west", "0"]));
    // No single call takes clients back: without a leader there they would find nobody, and writes could be lost.
    let exposure = step(&plan, "/route").exposure.as_ref().unwrap();
    assert!(exposure.safety.is_none() && exposure.safety_needs.len() == 3, "{exposure:?}");
}

#[test]
fn the_writes_that_a_failover_refuses_are_counted_told_and_limited() {
    let (mut change, facts) = failover(|_| ());
    let plan = plan_of(&change, &facts);
    let between = ["/drain", "/promote", "/demote", "/verify", "/route"].map(|name| step(&plan, name).expected.p50_ms.as_secs_f64());
    let (takes, p) = (between.iter().sum::<f64>(), &plan.prediction);
    let down = p.downtime.clone().expect("writes are refused");
    assert_eq!(down.places, ["production/payments/failover"]);
    assert!((down.takes.p50_ms.as_secs_f64() / takes - 1.0).abs() < 0.2, "{down:?}, {takes} s by the steps");
    // 800 requests a second, all of them refused; going back refuses as many again.
    assert!(p.bad_requests >= 800.0 * takes && p.bad_requests_if_failing >= 1.5 * 800.0 * takes, "{p:?}");
    assert!(p.risk_reasons.iter().any(|reason| reason.contains("refuses writes while another region takes over")), "{:?}", p.risk_reasons);
    change.constraints.downtime_ms = Some(Millis::ZERO);
    let refused = planned(&change, &facts);
    assert!(refused.plan.is_none() && refused.diagnostics[0].message.contains("of downtime"), "{:?}", refused.diagnostics);
    change.constraints.downtime_ms = Some(down.takes.p95_ms);
    plan_of(&change, &facts);
}

#[test]
fn a_promotion_that_may_lose_writes_is_the_point_of_no_return() {
    let (mut change, facts) = failover(|_| ());
    may_lose(&mut change, Millis::from_secs(2));
    let plan = plan_of(&change, &facts);
    let Undo::ForwardOnly { reason } = &step(&plan, "/promote").undo else { panic!("{:?}", step(&plan, "/promote").undo) };
    assert!(reason.starts_with("up to 2 s of writes that eu-west took may be missing in us-east"), "{reason}");
    assert_eq!(plan.body.envelope.one_way, [step(&plan, "/promote").id.clone()]);
    assert_eq!((&plan.prediction.time_to_safety, &plan.prediction.time_to_rollback), (&None, &None));
    assert!(plan.findings.iter().any(|finding| finding.code == codes::WRITES_LOST));
    // The drain waits for no more than what must not be lost, and nothing waits for the region that may be gone.
    assert!(step(&plan, "/drain").validations[1].input["argv"].as_array().unwrap().contains(&json!("2")));
    assert!(plan.body.steps.iter().all(|step| !step.id.as_str().ends_with("/demote") && !step.id.as_str().ends_with("/verify")));
    // Whoever overrides the point of no return does not send clients to a region that may lack what they wrote.
    assert!(matches!(step(&plan, "preflight/leader").undo, Undo::Nothing));
    assert!(plan.body.follow_ups[0].command.contains("keep what only eu-west has"), "{:?}", plan.body.follow_ups);
}

#[test]
fn a_leader_that_cannot_step_down_again_cannot_go_back() {
    let (change, facts) = failover(|how| how.demote = None);
    let plan = plan_of(&change, &facts);
    let Undo::ForwardOnly { reason } = &step(&plan, "/promote").undo else { panic!() };
    assert!(reason.contains("failover.demote"), "{reason}");
    assert!(plan.findings.iter().all(|finding| finding.code != codes::WRITES_LOST), "nothing is lost: {:?}", plan.findings);
}

#[test]
fn a_region_that_is_too_small_for_all_the_traffic_is_not_promoted() {
    let (change, mut facts) = failover(|_| ());
    only_target(&mut facts).replica_capacity = Some(200.0);
    let said = &planned(&change, &facts).diagnostics[0];
    assert!(said.message.contains("us-east carries 600 requests/s with its 3 hosts, and 800 requests/s would arrive there"), "{said:?}");
}

#[test]
fn of_three_regions_the_change_says_which_one_leads() {
    let (mut change, mut facts) = failover(|_| ());
    if let ItemKind::Failover { expect_from, .. } = &mut change.items[0].kind {
        *expect_from = None;
    }
    assert_eq!(plan_of(&change, &facts).body.assignments[0].from, "eu-west");
    only_target(&mut facts).regions.push(region("ap-south", "pay", 1, false));
    let said = &planned(&change, &facts).diagnostics[0];
    assert!(said.message.contains("nothing says which region"), "{said:?}");
}

/// `payments`, 800 requests/s over both regions, from half and half to `east` percent in us-east.
fn shares(east: u32) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    let split = |west: u32, east: u32| -> BTreeMap<RegionName, Share> {
        [("eu-west".into(), Share::percent(west)), ("us-east".into(), Share::percent(east))].into()
    };
    change.items[0].kind = ItemKind::Traffic { shares: split(100 - east, east), expect_shares: split(50, 50) };
    let target = only_target(&mut facts);
    target.shares = Some(Box::new(TrafficShares {
        set: template("exec", json!({"argv": ["./dns.sh", "{shares}"]})),
        read: Some(template("exec", json!({"argv": ["./dns.sh"]}))),
        headroom: Some(template("exec", json!({"argv": ["./room.sh", "{region}", "{share}", "{rate}"]}))),
    }));
    target.replica_capacity = Some(250.0);
    (change, facts)
}

#[test]
fn traffic_moves_in_steps_and_each_waits_for_room() {
    let (change, facts) = shares(90);
    let plan = plan_of(&change, &facts);
    let deploy: Vec<&Step> = plan.body.steps.iter().filter(|step| step.stage > 0).collect();
    let set: Vec<&str> = deploy.iter().filter(|s| s.exposure.is_some()).map(|s| s.command.trim_start_matches("./dns.sh ")).collect();
    assert_eq!(
        set,
        ["eu-west=46,us-east=54", "eu-west=45,us-east=55", "eu-west=40,us-east=60", "eu-west=30,us-east=70", "eu-west=10,us-east=90"]
    );
    for (room, shift) in deploy.iter().filter(|s| s.id.as_str().ends_with("/room")).zip(deploy.iter().filter(|s| s.exposure.is_some())) {
        assert_eq!(shift.needs, std::slice::from_ref(&room.id));
    }
    assert!(step(&plan, "stage-1/room").command.starts_with("./room.sh us-east 54 432\n"), "{}", step(&plan, "stage-1/room").command);
    assert!(step(&plan, "preflight/shares").command.contains("dns.sh"));
    let safety: Vec<_> = deploy.iter().filter_map(|s| s.exposure.as_ref()?.safety_command.as_deref()).collect();
    assert!(safety.iter().all(|command| *command == "./dns.sh eu-west=50,us-east=50"), "{safety:?}");
    assert!(plan.prediction.time_to_safety.is_some());
}

#[test]
fn no_region_gets_traffic_for_which_it_has_no_room() {
    let (change, facts) = shares(95);
    let said = &planned(&change, &facts).diagnostics[0];
    assert!(
        said.message.contains("us-east carries 750 requests/s with its 3 hosts, and 95 % of 800 requests/s are 760"),
        "{}",
        said.message
    );
    assert!(said.hint.contains("1 more host in us-east"), "{said:?}");
}

#[test]
fn traffic_is_not_moved_where_nobody_knows_whether_there_is_room() {
    let (change, mut facts) = shares(90);
    let target = only_target(&mut facts);
    (target.replica_capacity, target.shares.as_mut().unwrap().headroom) = (None, None);
    let said = &planned(&change, &facts).diagnostics[0];
    assert!(said.message.contains("nothing says whether us-east has room for 90 % of the traffic"), "{}", said.message);
    // A look in flight is enough, where it needs no figure that nobody has.
    let look = template("exec", json!({"argv": ["./room.sh", "{region}", "{share}"]}));
    let target = only_target(&mut facts);
    target.shares.as_mut().unwrap().headroom = Some(look);
    target.traffic = Some(TrafficSource::Query("x".to_owned()));
    facts.targets.values_mut().for_each(|observed| observed.request_rate.clear());
    let plan = plan_of(&change, &facts);
    assert!(step(&plan, "stage-1/room").command.contains("./room.sh us-east"));
}

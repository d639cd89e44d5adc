//! What rules a strategy out, and that what would make it possible is enough.

use crate::fixture::*;
use glidepath_model::Facts;
use glidepath_model::Millis;
use glidepath_model::catalog::{ActionTemplate, Replacement, Scaling, TrafficSource};
use glidepath_model::change::{Change, ItemKind, VersionedKind};
use glidepath_model::facts::Sourced;
use glidepath_model::plan::{Plan, RuledOut, Step, Strategy, Undo, Work};
use serde_json::json;

struct Case {
    strategy: Strategy,
    spoil: fn(&mut Change, &mut Facts),
    fact: &'static str,
    would_do: &'static str,
    mend: fn(&mut Change, &mut Facts),
}

const CASES: &[Case] = &[
    Case {
        strategy: Strategy::Rolling,
        spoil: |_, f| only_target(f).replica_capacity = Some(100.0),
        fact: "needs 3 of 3 hosts in eu-west to carry 400 requests/s, so none can be taken out",
        would_do: "2 more hosts in eu-west",
        mend: |_, f| add_hosts(f, 2),
    },
    Case {
        strategy: Strategy::Rolling,
        spoil: |_, f| {
            only_target(f).restart_ms = Some(Millis::from_secs(20));
            only_target(f).regions.iter_mut().for_each(|region| region.hosts.truncate(1));
        },
        fact: "1 host in eu-west restarts in 20 s, and no downtime is allowed",
        would_do: "1 more host in eu-west, or 1 min 8 s of downtime allowed by the change",
        mend: |_, f| add_hosts(f, 1),
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| only_target(f).signals.as_mut().unwrap().split = None,
        fact: "payments-production declares no split that tells the new side's figures from the old side's",
        would_do: "split under signals of payments-production",
        mend: |_, f| *f = payments().1,
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| f.targets.values_mut().flat_map(|t| t.error_ratio.values_mut()).for_each(|ratio| ratio.value = 1.0),
        fact: "100 % of the requests of payments in eu-west count as failed now, so that no rise could be seen",
        would_do: "queries under signals of payments-production of which the one for bad requests finds the bad ones only",
        mend: |_, f| f.targets.values_mut().flat_map(|t| t.error_ratio.values_mut()).for_each(|ratio| ratio.value = 0.01),
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| {
            let split = only_target(f).signals.as_mut().unwrap().split.as_mut().unwrap();
            std::mem::swap(&mut split.canary, &mut split.baseline);
        },
        fact: "the split of payments-production takes the old version for the new side, so that a worse one would look better",
        would_do: "`canary` with `{version}` and `baseline` with `{from}` in the split of payments-production",
        mend: |_, f| *f = payments().1,
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| {
            let split = only_target(f).signals.as_mut().unwrap().split.as_mut().unwrap();
            (split.canary, split.baseline) = ("web-{from}".to_owned(), "web-{version}".to_owned());
        },
        fact: "the split of payments-production takes the old version for the new side, so that a worse one would look better",
        would_do: "`canary` with `{version}` and `baseline` with `{from}` in the split of payments-production",
        mend: |_, f| *f = payments().1,
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| {
            let answer = Sourced::observed(false, "http_requests_total{version=\"1.0.0\"}", now());
            f.targets.values_mut().for_each(|target| target.split_answers = Some(answer.clone()));
        },
        fact: "no series of the old side were found for payments-production under `http_requests_total{version=\"1.0.0\"}`",
        would_do: "series that carry the label of the split, from the version that runs now",
        mend: |_, f| f.targets.values_mut().for_each(|target| target.split_answers.as_mut().unwrap().value = true),
    },
    Case {
        strategy: Strategy::BlueGreen,
        spoil: |_, _| (),
        fact: "needs 3 standby hosts in eu-west, 0 declared",
        would_do: "3 more standby hosts in eu-west while both copies run",
        mend: |_, f| {
            let standby = ["spare-1", "spare-2", "spare-3"];
            only_target(f).regions.iter_mut().for_each(|region| region.standby = standby.map(Into::into).to_vec());
        },
    },
    Case {
        strategy: Strategy::Recreate,
        spoil: |_, f| only_target(f).restart_ms = Some(Millis::from_secs(20)),
        fact: "needs 58 s (95 %: 1 min 26 s) of downtime, none allowed",
        would_do: "1 min 26 s of downtime allowed by the change",
        mend: |c, _| c.constraints.downtime_ms = Some(Millis::from_secs(87)),
    },
    Case {
        strategy: Strategy::InPlace,
        spoil: |c, _| set_what(c, VersionedKind::Config),
        fact: "payments-production does not say how a host takes new settings while it serves",
        would_do: "reload on payments-production",
        mend: |_, f| only_target(f).reload = Some(Box::new(by_script("reload"))),
    },
    Case {
        strategy: Strategy::InPlace,
        spoil: |c, f| {
            set_what(c, VersionedKind::Config);
            only_target(f).reload = Some(Box::new(by_script("reload")));
            only_target(f).replica_capacity = Some(100.0);
        },
        fact: "needs 3 of 3 hosts in eu-west to carry 400 requests/s, so none can be taken out",
        would_do: "2 more hosts in eu-west",
        mend: |_, f| add_hosts(f, 2),
    },
    Case {
        strategy: Strategy::DrainAndReplace,
        spoil: |c, _| set_what(c, VersionedKind::Infrastructure),
        fact: "payments-production does not say how a machine is replaced",
        would_do: "replace.host on payments-production",
        mend: |_, f| only_target(f).replace = Some(Box::new(replacement())),
    },
    Case {
        strategy: Strategy::DrainAndReplace,
        spoil: |c, f| {
            set_what(c, VersionedKind::Infrastructure);
            only_target(f).replace = Some(Box::new(Replacement { admit: None, ..replacement() }));
        },
        fact: "payments-production says how a host is drained, and not how it takes work again",
        would_do: "replace.admit on payments-production",
        mend: |_, f| only_target(f).replace = Some(Box::new(replacement())),
    },
    Case {
        strategy: Strategy::DrainAndReplace,
        spoil: |c, f| {
            set_what(c, VersionedKind::Infrastructure);
            only_target(f).replace = Some(Box::new(replacement()));
            only_target(f).regions.iter_mut().for_each(|region| region.hosts.truncate(1));
        },
        fact: "needs at least 2 hosts in eu-west, so that one works while the other is replaced; 1 declared",
        would_do: "1 more host in eu-west",
        mend: |_, f| add_hosts(f, 1),
    },
    Case {
        strategy: Strategy::Rolling,
        spoil: |c, f| {
            set_what(c, VersionedKind::Config);
            only_target(f).reload = Some(Box::new(by_script("reload")));
            only_target(f).deploy = None;
        },
        fact: "payments-production declares no deploy",
        would_do: "deploy on payments-production",
        mend: |_, f| only_target(f).deploy = Some(by_script("deploy")),
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| only_target(f).strategies_allowed = vec!["rolling".to_owned()],
        fact: "payments-production allows only rolling",
        would_do: "canary in the strategies of payments-production",
        mend: |_, f| only_target(f).strategies_allowed.push("canary".to_owned()),
    },
];

fn set_what(change: &mut Change, kind: VersionedKind) {
    let ItemKind::Version { what, .. } = &mut change.items[0].kind else { panic!("{:?}", change.items) };
    *what = kind;
}

fn by_script(verb: &str) -> ActionTemplate {
    template("exec", json!({"argv": [format!("./{verb}.sh"), "{host}", "{version}"]}))
}

fn replacement() -> Replacement {
    let warm_up_ms = Millis::from_mins(5);
    Replacement { host: by_script("replace"), drain: Some(by_script("drain")), admit: Some(by_script("admit")), warm_up_ms }
}

fn add_hosts(facts: &mut Facts, count: usize) {
    for region in &mut only_target(facts).regions {
        region.hosts.extend((0..count).map(|number| format!("more-{number}.{}", region.name).as_str().into()));
    }
    observe(facts, "1.0.0");
}

fn ruled_out(plan: &Plan, strategy: Strategy) -> Option<&RuledOut> {
    plan.ruled_out.iter().find(|one| one.strategy == strategy)
}

#[test]
fn what_would_do_is_said_and_is_enough() {
    for case in CASES {
        let (mut change, mut facts) = payments();
        (case.spoil)(&mut change, &mut facts);
        let planning = planned(&change, &facts);
        // Where nothing else is possible either, the fact and the way out stand in the refusal.
        if let Some(plan) = &planning.plan {
            let out = ruled_out(plan, case.strategy).unwrap();
            assert_eq!((out.fact.as_str(), out.would_do.as_deref()), (case.fact, Some(case.would_do)));
        } else {
            let refusal = &planning.diagnostics[0];
            assert!(refusal.message.contains(case.fact), "{refusal:?}");
            assert!(refusal.hint.contains(&format!("{} with {}", case.strategy, case.would_do)), "{refusal:?}");
        }
        (case.mend)(&mut change, &mut facts);
        let mended = plan_of(&change, &facts);
        assert_eq!(ruled_out(&mended, case.strategy), None, "{} with {}", case.strategy, case.would_do);
    }
}

#[test]
fn settings_meet_one_host_at_a_time() {
    let (mut change, mut facts) = payments();
    set_what(&mut change, VersionedKind::Config);
    change.items[0].strategy = Some("in-place".to_owned());
    only_target(&mut facts).reload = Some(Box::new(by_script("reload")));
    let plan = plan_of(&change, &facts);
    let reloads: Vec<_> = plan.body.steps.iter().filter(|step| step.command.contains("reload.sh")).collect();
    assert_eq!(reloads.len(), 6);
    for step in &reloads {
        assert!(plan.body.steps.iter().filter(|other| other.needs == step.needs).count() == 1, "{} goes beside another", step.id);
        assert!(matches!(&step.undo, Undo::Call { command, .. } if command.ends_with("1.0.0")), "{:?}", step.undo);
    }
}

#[test]
fn a_new_machine_is_warm_before_the_next_is_taken_out_and_a_drained_one_takes_work_again() {
    let (mut change, mut facts) = payments();
    set_what(&mut change, VersionedKind::Infrastructure);
    change.items[0].strategy = Some("drain-and-replace".to_owned());
    only_target(&mut facts).replace = Some(Box::new(replacement()));
    let plan = plan_of(&change, &facts);
    let steps = |part: &str| plan.body.steps.iter().filter(|step| step.id.as_str().contains(part)).collect::<Vec<_>>();
    let (vacated, replaced, warm) = (steps("/vacate-"), steps("/replace-"), steps("/warm-up"));
    assert_eq!((vacated.len(), replaced.len(), warm.len()), (6, 6, 6));
    assert!(warm.iter().all(|step| matches!(step.work, Work::Wait(length) if length == Millis::from_mins(5))));
    assert!(vacated.iter().all(|step| matches!(&step.undo, Undo::Call { command, .. } if command.contains("admit.sh"))));
    // The way back is the same: empty it, replace it, let it take work, wait until it is warm, and only then take the next.
    let undo = |step: &Step| match &step.undo {
        Undo::Call { command, .. } => command.clone(),
        _ => String::new(),
    };
    let back: Vec<String> = plan.body.steps.iter().rev().map(undo).filter(|command| !command.is_empty()).collect();
    let back: Vec<&str> =
        back.iter().map(String::as_str).filter(|command| !command.contains("haproxy") && !command.contains("socat")).collect();
    assert_eq!(back.chunks(4).count(), 6, "{back:#?}");
    for machine in back.chunks(4) {
        let is_in_order = machine[0].contains("drain.sh") && machine[1].contains("replace.sh") && machine[1].contains("1.0.0");
        assert!(is_in_order && machine[2].contains("admit.sh") && machine[3] == "sleep 300", "{machine:#?}");
    }
    for ready in steps("/ready") {
        assert!(ready.needs.iter().all(|need| need.as_str().ends_with("/warm-up")), "{} takes traffic cold", ready.id);
    }
    // Six replacements, each with its warm-up, regions of a pair one after the other.
    assert!(plan.prediction.duration.p50_ms >= Millis::from_mins(6 * 10), "{}", plan.prediction.duration.p50_ms);
}

/// `payments` with a number of replicas instead of hosts, from three to `replicas`, at 400 requests/s.
fn scaled(replicas: u32) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    let until = now().plus(Millis::from_mins(7 * 24 * 60));
    change.items[0].kind = ItemKind::Capacity { replicas, expect_replicas: Some(3), until: Some(until) };
    let set = template("exec", json!({"argv": ["./replicas.sh", "set", "{replicas}"]}));
    let read = Some(template("exec", json!({"argv": ["./replicas.sh", "read"]})));
    let target = only_target(&mut facts);
    target.scale = Some(Box::new(Scaling { set, read, warm_up_ms: Millis::from_mins(5) }));
    target.regions.truncate(1);
    observe(&mut facts, "1.0.0");
    (change, facts)
}

#[test]
fn more_replicas_count_once_they_are_warm_and_one_call_takes_them_back() {
    let (change, facts) = scaled(6);
    let plan = plan_of(&change, &facts);
    let step = |name: &str| plan.body.steps.iter().find(|step| step.id.as_str().ends_with(name)).unwrap();
    let (look, set, warm, gate) = (step("preflight/replicas"), step("stage-1/scale"), step("warm-up"), step("stage-1/gate"));
    assert!(look.command.contains("read") && set.needs.contains(&look.id) && warm.needs.contains(&set.id) && gate.needs.contains(&warm.id));
    assert!(set.validations.iter().any(|call| call.input["expectText"] == "6"), "{:?}", set.validations);
    assert!(matches!(&set.undo, Undo::Call { command, .. } if command.ends_with("set 3")), "{:?}", set.undo);
    let back = plan.body.follow_ups.iter().find(|one| one.command.contains("set 3")).unwrap();
    assert_eq!(back.not_before_ms, Millis::from_mins(7 * 24 * 60));
    assert!(plan.prediction.duration.p50_ms >= Millis::from_mins(6), "{}", plan.prediction.duration.p50_ms);
    // Three more at 0.12 EUR an hour for a week.
    assert_eq!(plan.prediction.extra_cost.as_ref().map(|cost| cost.micros), Some(60_480_000));
}

#[test]
fn fewer_replicas_are_only_what_the_traffic_leaves_over() {
    let (change, mut facts) = scaled(1);
    only_target(&mut facts).replica_capacity = Some(200.0);
    let said = &planned(&change, &facts).diagnostics[0];
    assert!(said.message.contains("needs 2 replicas to carry 400 requests/s, and 1 would be left"), "{said:?}");
    only_target(&mut facts).replica_capacity = Some(400.0);
    let plan = plan_of(&change, &facts);
    let set: Vec<_> =
        plan.body.steps.iter().filter(|step| step.id.as_str().ends_with("/scale")).map(|step| step.command.as_str()).collect();
    assert_eq!(set, ["./replicas.sh set 2", "./replicas.sh set 1"]);
    assert_eq!(plan.body.steps.iter().filter(|step| matches!(step.undo, Undo::Call { .. })).count(), 1);
    // Where no host is named the traffic counts as well.
    let target = only_target(&mut facts);
    target.traffic = Some(TrafficSource::Assumed(500.0));
    target.regions.iter_mut().for_each(|region| region.hosts.clear());
    facts.targets.values_mut().for_each(|observed| observed.request_rate.clear());
    let said = &planned(&change, &facts).diagnostics[0];
    assert!(said.message.contains("needs 2 replicas to carry 500 requests/s, and 1 would be left"), "{said:?}");
}

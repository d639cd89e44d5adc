//! A second side beside the first, and the share that a router gives it.

use crate::fixture::*;
use glidepath_model::action::OnUnknown;
use glidepath_model::calendar::{Calendar, Freeze};
use glidepath_model::catalog::{Infrastructure, Mirror, Router, SecondSide, ShareRouter, ThresholdSignal, UserOutcome};
use glidepath_model::change::{Change, Experiment, ItemKind};
use glidepath_model::plan::{Phase, Plan, Step, Undo, Work};
use glidepath_model::{Facts, Millis, Share};
use serde_json::json;

/// `payments` as one function per region behind an alias; nothing observes after landing.
fn functions(strategy: &str) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    change.items[0].strategy = Some(strategy.to_owned());
    let exec = |words: &[&str]| template("exec", json!({ "argv": words }));
    let target = only_target(&mut facts);
    target.infrastructure = if strategy == "alias-shift" { Infrastructure::Serverless } else { Infrastructure::Kubernetes };
    target.deploy = Some(exec(&["./fn.sh", "publish", "{host}", "{version}"]));
    target.side = Some(Box::new(SecondSide {
        health: Some(exec(&["./fn.sh", "invoke", "{host}", "{version}"])),
        retire: Some(exec(&["./fn.sh", "remove", "{host}", "{version}"])),
    }));
    for region in &mut target.regions {
        region.hosts.truncate(1);
        region.router = Some(Router::Share(Box::new(ShareRouter {
            set: exec(&["./fn.sh", "alias", "{region}", "{version}", "{from}", "{share}", "{rest}", "{fraction}"]),
            read: Some(exec(&["./fn.sh", "share", "{region}", "{version}"])),
            cohort: None,
            mirror: None,
            step: Share::percent(1),
        })));
    }
    facts.catalog.environments.iter_mut().for_each(|environment| environment.verify.retain(|window| !window.observe));
    observe(&mut facts, "1.0.0");
    (change, facts)
}

fn router(facts: &mut Facts, alter: fn(&mut ShareRouter)) {
    for region in &mut only_target(facts).regions {
        if let Some(Router::Share(share)) = &mut region.router {
            alter(share);
        }
    }
}

fn steps<'p>(plan: &'p Plan, part: &str) -> Vec<&'p Step> {
    plan.body.steps.iter().filter(|step| step.id.as_str().contains(part)).collect()
}

/// Shares of a region's shifts, in percent.
fn shares(plan: &Plan, region: &str) -> Vec<f64> {
    let here = steps(plan, &format!("/{region}/"));
    here.iter().filter_map(|step| Some(step.exposure.as_ref()?.share.as_f64() * 100.0)).collect()
}

#[test]
fn the_new_side_stands_before_it_gets_its_share_and_one_call_takes_the_share_back() {
    for strategy in ["canary", "rolling", "blue-green", "alias-shift"] {
        let (change, facts) = functions(strategy);
        let plan = plan_of(&change, &facts);
        for region in ["eu-west", "us-east"] {
            let shares = shares(&plan, region);
            assert!(shares.is_sorted() && shares.last() == Some(&100.0), "{strategy}: {shares:?}");
            assert!(strategy == "blue-green" || region == "us-east" || shares[0] <= 5.0, "{strategy}: {shares:?}");
        }
        for (number, shift) in steps(&plan, "/shift").into_iter().enumerate() {
            let exposure = shift.exposure.as_ref().unwrap();
            let back = exposure.safety_command.as_deref().unwrap();
            assert!(back.ends_with("1.1.0 1.0.0 0 100 0"), "{strategy}: {back}");
            assert_eq!(exposure.safety_needs.is_empty(), exposure.share < Share::ALL, "{strategy}: {}", shift.id);
            assert_eq!(shift.on_unknown, OnUnknown::Probe);
            assert_eq!(shift.probe.as_ref(), shift.validations.first(), "{number}");
            let is_first = shift.stage == 1;
            assert_eq!(is_first, matches!(&shift.undo, Undo::Call { validations, .. } if validations[0].input["expectText"] == "0"));
        }
        let (sides, looks) = (steps(&plan, "/deploy-"), steps(&plan, "preflight/share"));
        assert_eq!((sides.len(), looks.len()), (2, 2), "{strategy}");
        for side in sides {
            assert!(side.validations[0].input["argv"][1] == "invoke" && side.exposure.is_none(), "{side:?}");
            assert!(matches!(&side.undo, Undo::Call { command, .. } if command.contains("remove") && command.ends_with("1.1.0")));
        }
        assert!(looks.iter().all(|look| look.command.contains("share") && look.phase == Phase::Preflight));
    }
}

#[test]
fn the_old_side_goes_last_and_safety_says_that_it_must_come_back_from_then_on() {
    let (change, facts) = functions("alias-shift");
    let plan = plan_of(&change, &facts);
    let (gates, retired) = (steps(&plan, "verify/"), steps(&plan, "/retire-"));
    assert_eq!((gates.len(), retired.len()), (1, 2));
    for step in &retired {
        let look = plan.body.step(&step.needs[0]).unwrap();
        assert!(
            look.needs.contains(&gates[0].id) && matches!(&look.work, Work::Call(call) if call.input["expectText"] == "100"),
            "{look:?}"
        );
        assert!(step.command.contains("remove") && step.command.ends_with("1.0.0"), "{}", step.command);
        let Undo::Call { command, validations, .. } = &step.undo else { panic!("{:?}", step.undo) };
        assert!(command.contains("publish") && command.ends_with("1.0.0") && validations[0].input["argv"][3] == "1.0.0");
        let group = plan.body.groups.iter().find(|group| Some(&group.name) == step.group.as_ref()).unwrap();
        assert_eq!(group.failures_max, 2, "what cannot be taken away must not turn a good change back");
    }
    // A deployment takes 30 s where nothing is known of it.
    for exposure in steps(&plan, "/shift").into_iter().filter_map(|step| step.exposure.as_ref()) {
        let takes = exposure.safety_takes.as_ref().unwrap().p50_ms;
        assert_eq!(takes >= Millis::from_secs(30), exposure.share == Share::ALL, "{} at {}", takes, exposure.share);
        assert!(plan.prediction.time_to_safety.as_ref().unwrap().p50_ms >= takes);
    }
}

#[test]
fn the_old_side_stays_while_a_window_observes_and_where_nothing_says_how_it_goes() {
    let (change, mut facts) = functions("canary");
    let observing = environment("production").verify;
    facts.catalog.environments.iter_mut().for_each(|environment| environment.verify.clone_from(&observing));
    let plan = plan_of(&change, &facts);
    assert!(steps(&plan, "/retire-").is_empty() && plan.body.groups.is_empty());
    let later = plan.body.follow_ups.iter().find(|one| one.command.contains("remove")).unwrap();
    assert_eq!(later.not_before_ms, Millis::from_mins(60));
    assert!(steps(&plan, "/shift").iter().all(|step| step.exposure.as_ref().unwrap().safety_needs.is_empty()));
    only_target(&mut facts).side = None;
    let plan = plan_of(&change, &facts);
    assert!(plan.body.follow_ups.iter().all(|one| !one.command.contains("remove")));
    assert!(steps(&plan, "/deploy-").iter().all(|step| matches!(step.undo, Undo::LeaveInPlace { .. })));
}

#[test]
fn a_share_is_one_that_the_router_can_set() {
    for step in [2, 3, 5] {
        for strategy in ["canary", "rolling"] {
            let (change, mut facts) = functions(strategy);
            router(
                &mut facts,
                match step {
                    2 => |router| router.step = Share::percent(2),
                    3 => |router| router.step = Share::percent(3),
                    _ => |router| router.step = Share::percent(5),
                },
            );
            let plan = plan_of(&change, &facts);
            for share in shares(&plan, "eu-west") {
                assert!(share == 100.0 || (share / f64::from(step)).fract() < 1e-9, "{strategy} in steps of {step}: {share}");
            }
        }
    }
    for strategy in ["canary", "rolling"] {
        let (change, mut facts) = functions(strategy);
        router(&mut facts, |router| router.step = Share::percent(10));
        let said = &planned(&change, &facts).diagnostics[0].message;
        assert!(said.contains("sets shares in steps of 10 %, and a first stage of at most 5 % is allowed"), "{said}");
    }
}

#[test]
fn what_a_second_side_rules_out_is_said() {
    let no_probe: fn(&mut Facts) = |facts| {
        only_target(facts).version_probe = None;
        facts.targets.values_mut().for_each(|observed| observed.versions.clear());
    };
    let some_regions: fn(&mut Facts) = |facts| only_target(facts).regions[0].router = None;
    let on_vms: fn(&mut Facts) = |facts| only_target(facts).infrastructure = Infrastructure::Vm;
    let serverless: fn(&mut Facts) = |facts| only_target(facts).infrastructure = Infrastructure::Serverless;
    let hosts: fn(&mut Facts) = |facts| only_target(facts).regions.iter_mut().for_each(|region| region.router = None);
    for (strategy, spoil, fact) in [
        ("recreate", on_vms, "a new version of payments-production stands beside the old one, so that nothing has to stop"),
        ("alias-shift", on_vms, "payments-production is no serverless target"),
        ("alias-shift", hosts, "payments-production declares no router that sets the share of a version"),
        ("canary", serverless, "payments-production is serverless: its versions get their share by alias-shift"),
        ("rolling", some_regions, "some regions of payments-production have a router that gives sides their share, and some have none"),
        ("rolling", no_probe, "is not known, so nothing says where the rest of the traffic goes"),
    ] {
        let (change, mut facts) = functions(strategy);
        spoil(&mut facts);
        let said = &planned(&change, &facts).diagnostics[0].message;
        assert!(said.contains(fact), "{strategy}: {said}");
    }
    // A target of another kind is not told about aliases at all.
    let (mut change, facts) = functions("canary");
    change.items[0].strategy = None;
    assert!(plan_of(&change, &facts).ruled_out.iter().all(|one| one.strategy.name() != "alias-shift"));
}

#[test]
fn without_signals_an_alias_rises_in_fixed_steps_and_the_plan_says_that_nothing_is_compared() {
    let (change, mut facts) = functions("alias-shift");
    only_target(&mut facts).signals = None;
    let plan = plan_of(&change, &facts);
    assert_eq!(shares(&plan, "eu-west"), [5.0, 25.0, 50.0, 100.0]);
    let assignment = &plan.body.assignments[0];
    assert!(assignment.ladder[0].explanation.contains("the two sides are not compared"), "{}", assignment.ladder[0].explanation);
    assert!(assignment.blind_to.is_some());
}

#[test]
fn a_router_that_cannot_be_read_is_set_again_when_nobody_knows() {
    let (change, mut facts) = functions("canary");
    router(&mut facts, |router| router.read = None);
    let plan = plan_of(&change, &facts);
    let shifts = steps(&plan, "/shift");
    assert!(!shifts.is_empty() && shifts.iter().all(|step| step.on_unknown == OnUnknown::Rerun && step.validations.is_empty()));
    assert!(steps(&plan, "preflight/share").is_empty());
}

/// `payments` behind gateways that mirror, with a check of what the new side answers.
fn mirrored() -> (Change, Facts) {
    let (change, mut facts) = functions("shadow");
    router(&mut facts, |router| {
        let exec = |words: &[&str]| template("exec", json!({ "argv": words }));
        router.mirror = Some(Mirror {
            set: exec(&["./gw.sh", "mirror", "{region}", "{version}", "{share}", "{methods}", "{paths}"]),
            read: Some(exec(&["./gw.sh", "mirrored", "{region}", "{version}"])),
            check: Some(exec(&["./gw.sh", "answers", "{region}", "{version}"])),
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            paths: vec!["/search".to_owned()],
        });
    });
    (change, facts)
}

#[test]
fn a_mirror_exposes_nobody_and_is_over_before_the_first_share() {
    let (change, facts) = mirrored();
    let plan = plan_of(&change, &facts);
    let copies: Vec<&Step> = steps(&plan, "eu-west/").into_iter().filter(|step| step.command.contains("gw.sh mirror ")).collect();
    let commands: Vec<&str> = copies.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands, ["5", "100", "0"].map(|share| format!("./gw.sh mirror eu-west 1.1.0 {share} GET,HEAD /search")));
    assert!(copies.iter().all(|step| step.exposure.is_none() && step.on_unknown == OnUnknown::Probe));
    assert!(matches!(&copies[0].undo, Undo::Call { command, .. } if command.ends_with(" 0 GET,HEAD /search")), "{:?}", copies[0].undo);
    let position = |step: &Step| plan.body.steps.iter().position(|one| one.id == step.id).unwrap();
    let first_share = plan.body.steps.iter().position(|step| step.exposure.is_some()).unwrap();
    assert!(position(copies[2]) < first_share && plan.body.steps[first_share].needs == [copies[2].id.clone()]);
    for gate in steps(&plan, "eu-west/stage-1/gate").into_iter().chain(steps(&plan, "eu-west/stage-2/gate")) {
        let Work::Gate(spec) = &gate.work else { panic!("{gate:?}") };
        assert!(spec.subject.contains("a mirror of") && serde_json::to_string(&spec.checks).unwrap().contains("answers"), "{spec:?}");
    }
    // Only where it flies first; elsewhere the version has proved itself already.
    assert!(steps(&plan, "us-east/").iter().all(|step| !step.command.contains("gw.sh mirror ")));
    assert!(plan.derived.iter().any(|said| said.contains("repeats GET and HEAD below /search")), "{:?}", plan.derived);
}

#[test]
fn what_a_shadow_lacks_is_said_and_other_targets_are_not_told_of_it() {
    for (spoil, fact) in [
        (
            (|router| router.mirror.as_mut().unwrap().methods.push("POST".to_owned())) as fn(&mut ShareRouter),
            "payments-production would mirror POST, which may change something, and it would happen twice",
        ),
        (|router| router.mirror.as_mut().unwrap().paths.clear(), "nothing says which reads of payments-production may be mirrored"),
        (|router| router.mirror = None, "the router of payments-production in eu-west cannot mirror"),
        (
            |router| router.mirror.as_mut().unwrap().check = None,
            "nothing of payments-production tells how the new side answers what is mirrored to it",
        ),
    ] {
        let (change, mut facts) = mirrored();
        router(&mut facts, spoil);
        let said = &planned(&change, &facts).diagnostics[0].message;
        assert!(said.contains(fact), "{said}");
    }
    // A threshold that asks about the new side does as well as a check, but only where there is somebody to ask.
    let (change, mut facts) = mirrored();
    router(&mut facts, |router| router.mirror.as_mut().unwrap().check = None);
    let own = ThresholdSignal {
        name: "failures of the new side".to_owned(),
        query: "failures{version=\"{version}\"}".to_owned(),
        min: None,
        max: Some(1.0),
        failures_max: 1,
        measured: None,
    };
    only_target(&mut facts).signals.as_mut().unwrap().thresholds.push(own);
    plan_of(&change, &facts);
    facts.catalog.settings.prometheus = None;
    let said = &planned(&change, &facts).diagnostics[0].message;
    assert!(said.contains("nothing of payments-production tells how the new side answers"), "{said}");
    let (mut change, facts) = functions("canary");
    change.items[0].strategy = None;
    assert!(plan_of(&change, &facts).ruled_out.iter().all(|one| one.strategy.name() != "shadow"));
}

/// `payments` in an experiment on purchases: 3 % now, 400 visits/s in the first region.
fn tried(effect: u32) -> (Change, Facts) {
    let (mut change, mut facts) = functions("experiment");
    change.items[0].strategy = None;
    let exec = |words: &[&str]| template("exec", json!({ "argv": words }));
    let ItemKind::Version { experiment, .. } = &mut change.items[0].kind else { panic!("{:?}", change.items) };
    *experiment = Some(Experiment {
        share: Share::percent(50),
        effect: Share::percent(effect),
        metric: "purchases".to_owned(),
        within_ms: DAY.times(14),
        decide_within_ms: DAY,
    });
    let read = exec(&["./figures.sh", "{region}", "{version}", "{window}"]);
    only_target(&mut facts).outcomes =
        vec![UserOutcome { name: "purchases".to_owned(), now: Share::percent(3), units_per_second: None, read }];
    router(&mut facts, |router| {
        router.cohort = Some(template("exec", json!({"argv": ["./fn.sh", "cohort", "{region}", "{version}", "{share}"]})));
    });
    (change, facts)
}

const DAY: Millis = Millis::from_mins(24 * 60);

trait Times {
    fn times(self, count: u64) -> Self;
}

impl Times for Millis {
    fn times(self, count: u64) -> Self {
        Self(self.0 * count)
    }
}

#[test]
fn an_experiment_holds_its_share_for_the_window_and_a_person_decides_with_the_figures() {
    let (change, facts) = tried(10);
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.body.assignments[0].strategy.name(), "experiment");
    assert_eq!(shares(&plan, "eu-west"), [5.0, 25.0, 50.0, 100.0]);
    let (held, gate) = (steps(&plan, "eu-west/stage-3/shift")[0], steps(&plan, "eu-west/stage-3/gate")[0]);
    assert_eq!(held.command, "./fn.sh cohort eu-west 1.1.0 50");
    assert_eq!(steps(&plan, "eu-west/stage-1/shift")[0].command, "./fn.sh cohort eu-west 1.1.0 5", "who met the new side stays there");
    assert!(held.exposure.as_ref().unwrap().safety_command.as_deref().unwrap().contains("alias eu-west 1.1.0 1.0.0 0 100"));
    let Work::Gate(spec) = &gate.work else { panic!("{gate:?}") };
    assert!(spec.bake_ms > Millis::from_mins(5) && !spec.early_promotion, "{}", spec.bake_ms);
    let (figures, asks) = (steps(&plan, "/measure-"), steps(&plan, "/decide"));
    let commands: Vec<&str> = figures.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands, ["1.1.0", "1.0.0"].map(|version| format!("./figures.sh eu-west {version} {}s", spec.bake_ms.0 / 1000)));
    assert!(figures.iter().all(|step| step.needs == [gate.id.clone()]) && asks.len() == 1);
    let Work::Manual { prompt, deadline_ms } = &asks[0].work else { panic!("{:?}", asks[0]) };
    for part in ["measure-new", "measure-old", "percentage points", "`promote`", "`abort`", "50 %"] {
        assert!(prompt.contains(part), "`{part}` is missing in: {prompt}");
    }
    assert_eq!(*deadline_ms, DAY);
    assert_eq!(steps(&plan, "eu-west/stage-4/shift")[0].needs, [asks[0].id.clone()]);
    // Elsewhere nothing is given before the decision.
    let after = plan.body.steps.iter().position(|step| step.id == asks[0].id).unwrap();
    assert!(plan.body.steps[..after].iter().all(|step| !step.id.as_str().contains("us-east/stage")));
    assert!(
        plan.derived
            .iter()
            .any(|said| said.contains("rests on 3 % of purchases now, which is declared and was not observed, and on 400 requests/s")),
        "{:?}",
        plan.derived
    );
    assert!(plan.prediction.duration.p50_ms >= spec.bake_ms);
    assert!(plan.ruled_out.iter().any(|one| one.strategy.name() == "canary" && one.fact.contains("asks for an experiment")));
}

#[test]
fn an_effect_that_needs_too_long_is_ruled_out_with_its_days_and_each_way_out_is_one() {
    let (change, mut facts) = tried(5);
    only_target(&mut facts).outcomes[0].units_per_second = Some(1.0);
    let said = planned(&change, &facts).diagnostics[0].clone();
    let days: u64 = said.message.split("needs ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
    assert!(days > 14 && said.message.contains("days for the effect: at 50 %, to see 5 % more or less of purchases (3 % now)"), "{said:?}");
    assert!(said.hint.contains(&format!("within: {days}d")) && said.hint.contains("or an effect of "), "{said:?}");
    let effect: u32 = said.hint.split("an effect of ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
    let alter = |alter: &dyn Fn(&mut Experiment)| {
        let mut change = change.clone();
        let ItemKind::Version { experiment: Some(experiment), .. } = &mut change.items[0].kind else { panic!("{change:?}") };
        alter(experiment);
        change
    };
    plan_of(&alter(&|experiment| experiment.within_ms = DAY.times(days)), &facts);
    plan_of(&alter(&|experiment| experiment.effect = Share::percent(effect)), &facts);
    let short = planned(&alter(&|experiment| experiment.within_ms = DAY.times(days - 1)), &facts);
    assert!(short.plan.is_none(), "a day less is too few");
}

#[test]
fn what_an_experiment_lacks_is_said() {
    for (spoil, fact) in [
        ((|facts: &mut Facts| router(facts, |router| router.cohort = None)) as fn(&mut Facts), "in eu-west cannot keep a user on one side"),
        (|facts| only_target(facts).outcomes.clear(), "payments-production declares no outcome purchases"),
        (|facts| router(facts, |router| router.step = Share::percent(4)), "sets shares in steps of 4 %, and the experiment asks for 50 %"),
        (|facts| facts.targets.values_mut().for_each(|observed| observed.request_rate.clear()), "nothing says how many users"),
    ] {
        let (change, mut facts) = tried(10);
        spoil(&mut facts);
        let said = &planned(&change, &facts).diagnostics[0].message;
        assert!(said.contains(fact), "{said}");
    }
}

#[test]
fn a_freeze_that_begins_within_the_window_is_told_before_take_off() {
    let (change, mut facts) = tried(10);
    only_target(&mut facts).outcomes[0].units_per_second = Some(1.0);
    let time = |text| glidepath_model::Timestamp::parse(text).unwrap();
    let (from, to) = (time("2026-11-19T00:00:00Z"), time("2026-12-01T00:00:00Z"));
    facts.catalog.calendars = vec![Calendar {
        name: "shop".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        environments: Vec::new(),
        windows: Vec::new(),
        freezes: vec![Freeze { name: "sale".to_owned(), from, to, reason: None, except: Vec::new() }],
        no_friday_afternoon: false,
    }];
    let plan = plan_of(&change, &facts);
    assert!(plan.prediction.duration.p50_ms > DAY.times(2), "{}", plan.prediction.duration.p50_ms);
    assert!(plan.findings.iter().any(|finding| finding.code == glidepath_plan::codes::FREEZE_IN_FLIGHT), "{:?}", plan.findings);
}

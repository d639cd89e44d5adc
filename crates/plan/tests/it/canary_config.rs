//! Canary configs of Kayenta: which stages they judge, how long these last, what is refused, and what a child plan must keep of them.

use crate::fixture::*;
use glidepath_judge::kayenta::{KayentaMetric, config::of_names};
use glidepath_model::catalog::{KayentaSeries, KayentaSignal, KayentaTiming};
use glidepath_model::plan::{GateCheck, Plan, Work};
use glidepath_model::{Change, Facts, Millis};
use glidepath_plan::{codes, outside};

/// One metric, three looks ten minutes apart from the fifth minute on.
fn declared() -> KayentaSignal {
    let side = |scope: &str| format!("max(p99{{app=\"{scope}\",zone=\"{{region}}\"}})");
    KayentaSignal {
        name: "payments".to_owned(),
        metrics: vec![KayentaSeries { metric: "p99".to_owned(), canary: side("payments-{version}"), baseline: side("payments-{from}") }],
        timing: KayentaTiming {
            begin_after_ms: Millis::from_mins(4),
            interval_ms: Millis::from_mins(6),
            looks: 3,
            lookback_ms: None,
            step_ms: Millis::from_secs(60),
        },
        asked: serde_json::to_value(of_names(&["p99".to_owned()])).unwrap(),
    }
}

/// `payments` in two regions with this canary config, by a strategy.
fn with(strategy: &str, signal: KayentaSignal) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    change.items[0].strategy = Some(strategy.to_owned());
    only_target(&mut facts).signals.as_mut().unwrap().kayenta = Some(Box::new(signal));
    (change, facts)
}

fn altered(alter: impl Fn(&mut KayentaSignal)) -> KayentaSignal {
    let mut signal = declared();
    alter(&mut signal);
    signal
}

/// Share, bake and canary config of each gate of a stage.
fn stages(plan: &Plan) -> Vec<(String, Millis, Millis, Option<Vec<KayentaSeries>>)> {
    let gates = plan.body.steps.iter().filter(|step| step.stage > 0).filter_map(|step| match &step.work {
        Work::Gate(gate) => Some((step, gate)),
        _ => None,
    });
    let found = gates.map(|(step, gate)| {
        let metrics =
            gate.checks.iter().find_map(|check| if let GateCheck::Kayenta { metrics, .. } = check { Some(metrics.clone()) } else { None });
        (gate.subject.clone(), gate.bake_ms, step.expected.p50_ms, metrics)
    });
    found.collect()
}

#[test]
fn stages_with_an_old_side_are_judged_for_a_whole_lifetime_and_the_last_one_is_not() {
    for strategy in ["canary", "rolling"] {
        let (change, facts) = with(strategy, declared());
        let plan = plan_of(&change, &facts);
        let all = stages(&plan);
        let (mut judged, mut last) = (0, 0);
        for (subject, bake, expected, metrics) in &all {
            let is_last = subject.ends_with("at 100 %");
            assert_eq!(metrics.is_none(), is_last, "{strategy}: {subject}");
            let Some(metrics) = metrics else {
                last += 1;
                continue;
            };
            judged += 1;
            assert!(*bake >= Millis::from_mins(22) && *expected >= Millis::from_mins(22), "{strategy}: {subject} bakes {bake}, {expected}");
            let region = if subject.contains("eu-west") { "eu-west" } else { "us-east" };
            assert_eq!(metrics[0].canary, format!("max(p99{{app=\"payments-1.1.0\",zone=\"{region}\"}})"), "{subject}");
            assert_eq!(metrics[0].baseline, format!("max(p99{{app=\"payments-1.0.0\",zone=\"{region}\"}})"), "{subject}");
        }
        assert!(judged > 0 && last > 0, "{strategy}: {all:#?}");
        assert!(!plan.findings.iter().any(|finding| finding.code == codes::VALUE_UNCOMPARED), "{strategy}: {:#?}", plan.findings);
    }
}

#[test]
fn what_nobody_could_ask_or_takes_too_long_is_refused_and_one_that_judges_no_stage_is_told() {
    let long = altered(|signal| signal.timing.looks = 5);
    let (change, facts) = with("canary", long);
    let said = planned(&change, &facts).diagnostics;
    let text = "The canary config payments of payments-production takes 34 min to its last look, and no stage of production may last longer than 30 min.";
    assert!(said.iter().any(|finding| finding.code == codes::THRESHOLD_TOO_LONG && finding.message == text), "{said:#?}");
    let (change, mut facts) = with("rolling", declared());
    facts.catalog.settings.prometheus = None;
    assert_eq!(planned(&change, &facts).diagnostics[0].code, codes::THRESHOLD_UNASKED);
    let (change, mut facts) = with("blue-green", declared());
    for region in &mut only_target(&mut facts).regions {
        region.standby = region.hosts.iter().map(|host| format!("standby-{host}").as_str().into()).collect();
    }
    let plan = plan_of(&change, &facts);
    let told = plan.findings.iter().find(|finding| finding.code == codes::VALUE_UNCOMPARED);
    assert!(
        told.is_some_and(|finding| finding.message.contains("payments of payments judges no stage: blue-green leaves no stage")),
        "{:#?}",
        plan.findings
    );
}

#[test]
fn a_child_plan_may_not_judge_by_another_config_or_less() {
    let body = |signal| {
        let (change, facts) = with("canary", signal);
        plan_of(&change, &facts).body
    };
    let approved = body(declared());
    let other = altered(|signal| {
        let mut config = of_names(&["p99".to_owned()]);
        config.metrics = vec![KayentaMetric { tolerance: 0.5, ..KayentaMetric::new("p99", "all") }];
        signal.asked = serde_json::to_value(config).unwrap();
    });
    let rows = [
        (declared(), None),
        (altered(|signal| signal.timing.interval_ms = Millis::from_mins(7)), Some("less often")),
        (altered(|signal| signal.timing.looks = 2), Some("for a shorter time")),
        (altered(|signal| signal.timing.begin_after_ms = Millis::from_mins(5)), Some("from later on")),
        (altered(|signal| signal.timing.lookback_ms = Some(Millis::from_mins(6))), Some("over other stretches of time")),
        (altered(|signal| signal.metrics[0].baseline = signal.metrics[0].baseline.replace("max", "min")), Some("by other queries")),
        (other, Some("by another canary config")),
        (altered(|signal| signal.name = "other".to_owned()), Some("would not watch canary config payments any more")),
    ];
    for (signal, wanted) in rows {
        let said = outside(&approved, &body(signal));
        match wanted {
            None => assert_eq!(said, Vec::<String>::new()),
            Some(text) => assert!(said.iter().any(|line| line.contains(text)), "{text} is not in {said:#?}"),
        }
    }
}

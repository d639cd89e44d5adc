//! Values that are measured at times of their own: what a stage does for them, what is refused, and what a child plan must keep of them.

use crate::fixture::*;
use glidepath_model::catalog::{Measuring, ThresholdSignal};
use glidepath_model::plan::{GateCheck, Plan, Work};
use glidepath_model::{Change, Diagnostic, Facts, Millis};
use glidepath_plan::{codes, outside};

/// Ten measurements a minute apart, of which two may be bad.
fn failures() -> ThresholdSignal {
    ThresholdSignal {
        name: "failed share".to_owned(),
        query: "failed{region=\"{region}\",{side}}".to_owned(),
        min: None,
        max: None,
        failures_max: 3,
        measured: Some(Measuring {
            success_condition: Some("result < 0.05".to_owned()),
            failure_condition: None,
            interval_ms: Millis::from_secs(60),
            count: Some(20),
            consecutive_success_limit: None,
            inconclusive_limit: 1,
            consecutive_error_limit: 4,
            initial_delay_ms: Millis::from_secs(120),
        }),
    }
}

/// `payments` in two regions with this check, by a strategy.
fn with(strategy: &str, threshold: ThresholdSignal) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    change.items[0].strategy = Some(strategy.to_owned());
    only_target(&mut facts).signals.as_mut().unwrap().thresholds.push(threshold);
    (change, facts)
}

fn altered(alter: impl Fn(&mut Measuring)) -> ThresholdSignal {
    let mut threshold = failures();
    threshold.measured.iter_mut().for_each(alter);
    threshold
}

fn findings(strategy: &str, threshold: ThresholdSignal) -> (Option<Plan>, Vec<Diagnostic>) {
    let (change, facts) = with(strategy, threshold);
    let planning = planned(&change, &facts);
    let found = planning.plan.iter().flat_map(|plan| plan.findings.clone()).chain(planning.diagnostics).collect();
    (planning.plan, found)
}

#[test]
fn every_stage_measures_the_new_side_beside_its_other_checks_and_lasts_as_long_as_that_takes() {
    for (strategy, judged) in [("canary", true), ("rolling", false), ("blue-green", false)] {
        let (change, mut facts) = with(strategy, failures());
        for region in only_target(&mut facts).regions.iter_mut().filter(|_| strategy == "blue-green") {
            region.standby = region.hosts.iter().map(|host| format!("standby-{host}").as_str().into()).collect();
        }
        let planning = planned(&change, &facts);
        let Some(plan) = planning.plan else { panic!("{strategy}: {:?}", planning.diagnostics) };
        let stages: Vec<_> = plan.body.steps.iter().filter(|step| step.stage > 0).collect();
        let gates = stages.iter().filter_map(|step| if let Work::Gate(gate) = &step.work { Some((step, gate)) } else { None });
        let mut seen = 0;
        for (step, gate) in gates {
            let region = step.region.as_ref().map_or("eu-west", |region| region.as_str());
            let query = gate.checks.iter().find_map(|check| match check {
                GateCheck::Threshold { query, measured: Some(_), failures_max: 3, .. } => Some(query.as_str()),
                _ => None,
            });
            assert_eq!(query, Some(format!("failed{{region=\"{region}\",version=\"1.1.0\"}}").as_str()), "{strategy} {}", step.id);
            assert!(gate.bake_ms >= Millis::from_mins(22), "{}: 2 min and 20 measurements do not fit into {}", step.id, gate.bake_ms);
            assert!(step.expected.p50_ms >= Millis::from_mins(22), "{}: {:?}", step.id, step.expected);
            assert!(gate.look_every_ms <= Millis::from_secs(60));
            seen += usize::from(gate.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. })));
        }
        assert!(judged == (seen > 0), "{strategy}: {seen} stages are judged");
    }
}

#[test]
fn what_cannot_be_read_or_never_passes_or_takes_too_long_is_refused_and_what_never_fails_is_told() {
    let success = |text: &str| {
        let text = text.to_owned();
        altered(move |m| m.success_condition = Some(text.clone()))
    };
    let rows = [
        (
            success("result << 5"),
            codes::CONDITION_UNREADABLE,
            true,
            "The successCondition of failed share of payments-production cannot be read: ",
        ),
        (altered(|m| m.failure_condition = Some("reslt > 1".to_owned())), codes::CONDITION_UNREADABLE, true, "there is no `reslt`"),
        (success("result < 1 && result > 2"), codes::THRESHOLD_NEVER_PASSES, true, "could pass `result < 1 && result > 2`"),
        (
            altered(|m| m.failure_condition = Some("result < 0.1".to_owned())),
            codes::THRESHOLD_NEVER_PASSES,
            true,
            "`result < 0.05` and `result < 0.1`",
        ),
        (success("result < 1 || result >= 1"), codes::THRESHOLD_NEVER_FAILS, false, "could turn a change back"),
        (
            altered(|m| m.count = Some(29)),
            codes::THRESHOLD_TOO_LONG,
            true,
            "takes 31 min to be measured, and no stage of production may last longer than 30 min",
        ),
    ];
    for (threshold, code, is_refused, text) in rows {
        let (plan, found) = findings("canary", threshold);
        let said = found.iter().find(|finding| finding.code == code);
        assert!(said.is_some_and(|finding| finding.message.contains(text)), "{code}: {text} is not in {found:#?}");
        assert_eq!(plan.is_none(), is_refused, "{code}");
    }
    let (change, mut facts) = with("rolling", failures());
    facts.catalog.settings.prometheus = None;
    assert_eq!(planned(&change, &facts).diagnostics[0].code, codes::THRESHOLD_UNASKED);
    let mine = [codes::CONDITION_UNREADABLE, codes::THRESHOLD_NEVER_PASSES, codes::THRESHOLD_NEVER_FAILS, codes::THRESHOLD_TOO_LONG];
    for sound in [success("result * result < 4"), success("result < 0.05"), success("result < 0.05 || isNaN(result)")] {
        let (plan, found) = findings("canary", sound);
        assert!(plan.is_some() && !found.iter().any(|finding| mine.contains(&finding.code)), "{found:#?}");
    }
}

#[test]
fn a_child_plan_may_not_measure_less_than_was_approved() {
    let body = |threshold| {
        let (change, facts) = with("canary", threshold);
        plan_of(&change, &facts).body
    };
    let approved = body(failures());
    let plain = || ThresholdSignal { measured: None, max: Some(0.05), ..failures() };
    let rows = [
        (failures(), None),
        (altered(|m| m.count = Some(25)), None),
        (altered(|m| m.interval_ms = Millis::from_secs(30)), Some("would bake")),
        (altered(|m| m.success_condition = Some("result < 0.5".to_owned())), Some("would watch failed share by another condition")),
        (altered(|m| m.count = None), Some("would watch failed share by fewer measurements")),
        (altered(|m| m.consecutive_error_limit = 9), Some("would watch failed share with more measurements that say nothing")),
        (altered(|m| m.initial_delay_ms = Millis::from_secs(180)), Some("would watch failed share from later on")),
        (ThresholdSignal { failures_max: 4, ..failures() }, Some("would watch failed share with more bad measurements")),
        (plain(), Some("would watch failed share in another way than was approved")),
        (ThresholdSignal { name: "other".to_owned(), ..failures() }, Some("would not watch failed share any more")),
    ];
    for (threshold, wanted) in rows {
        let said = outside(&approved, &body(threshold));
        match wanted {
            None => assert_eq!(said, Vec::<String>::new()),
            Some(text) => assert!(said.iter().any(|line| line.contains(text)), "{text} is not in {said:#?}"),
        }
    }
}

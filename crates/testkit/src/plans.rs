//! Small plans for tests, from a compact text, one step per line:
//!
//! ```text
//! plan on-failure hold hold-limit 60s items 2
//! call deploy/eu item 0 compensate attempt unknown probe
//! call shift/eu/5 needs deploy/eu item 0 target payments region eu share 5
//! gate watch/eu/5 needs shift/eu/5 item 0 bake 10s min-bake 4s patience 20s
//! wait settle needs watch/eu/5 for 30s
//! manual sign-off needs settle for 60s
//! gate long needs sign-off bake 10m after-landing yes
//! event approved needs settle named go for 60s outputs count:integer
//! call extra needs approved when approved.count>3
//! call host/1 needs approved group hosts step-deadline 30s
//! ```
//!
//! The first line may also say `in-flight N`, `retries N`, `deadline LENGTH`, `locks db,cache:shared,slots:1/2`, `groups
//! NAME:IN-FLIGHT:FAILURES:STAGGER`, `rate TARGET:STARTS/LENGTH` and `breaker TARGET:FAILURES/WITHIN/OPEN`.
//!
//! Words after the id come in pairs. Lists are separated by commas. A call is undone by a call unless `undo` says
//! `nothing`, `leave` or `one-way`; an exposure has a safety call unless `safety` says `none`. `saves data` marks a backup. Every call is of the
//! kind the caller names, with the input `{"step": ID, "what": "do" | "undo" | "safety" | "probe" | "validate"}`.

use glidepath_model::action::{ActionCall, OnUnknown, OutputType};
use glidepath_model::catalog::{Access, Selector};
use glidepath_model::change::{Change, ChangeClass, Constraints, Intent, Item, ItemKind, OnFailure, OnWindowEnd, VersionedKind};
use glidepath_model::plan::*;
use glidepath_model::{
    ChangeName, ComponentName, Digest, EventName, GroupName, Millis, Plan, RegionName, ResourceName, Share, StepId, TargetName, Timestamp,
    Version,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Time at which test plans are made: 2026-12-01T00:00:00Z.
pub const MADE_AT: Timestamp = Timestamp::from_micros(1_796_083_200_000_000);

/// A plan around a body, with a made-up prediction.
pub fn whole_plan(body: PlanBody) -> Plan {
    let estimate = Estimate { p50_ms: Millis(10), p95_ms: Millis(20), source: "stated".to_owned() };
    let prediction = Prediction {
        failure: ProbabilityEstimate {
            mean: 0.05,
            low: 0.01,
            high: 0.125,
            label: "prior only, 0 of your runs".to_owned(),
            uncorrected: None,
            of_change: None,
        },
        bad_requests: 12.5,
        bad_requests_if_failing: 40.0,
        bad_requests_straight: 900.0,
        budget_share: None,
        budgets_not_known: Vec::new(),
        duration: estimate.clone(),
        schedule: None,
        extra_cost: None,
        extra_cost_p95: None,
        downtime: None,
        time_to_safety: Some(estimate.clone()),
        time_to_rollback: Some(estimate),
        risk: RiskLevel::Low,
        risk_reasons: vec![],
        bad_requests_between: None,
        traffic_not_known: Vec::new(),
        users_not_counted: Vec::new(),
        reasons: vec![],
        stages: vec![],
    };
    Plan::new(body, prediction, vec![], vec![], vec![], vec!["assumed 1 region".to_owned()])
}

/// The body of a plan of these steps, for a change without items, made at `MADE_AT`.
pub fn body_of(title: &str, steps: Vec<Step>) -> PlanBody {
    plan_of(&Words::from([("items".to_owned(), "0".to_owned())]), steps, title)
}

/// A chain of `steps` calls, each needing the one before.
pub fn chain_plan(kind: &str, steps: usize) -> PlanBody {
    let mut text = String::from("plan\n");
    for number in 1..=steps {
        let needs = if number > 1 { format!(" needs step-{}", number - 1) } else { String::new() };
        let _ = writeln!(text, "call step-{number}{needs} timeout 10s");
    }
    text_plan(kind, &text)
}

/// Thirty steps as a planner makes them: a preflight, a backup, a migration that may stay, then in each of two
/// regions three deploys, and three stages of shift and gate with a settling wait, and a finish. Gates bake `bake`.
pub fn canary_plan(kind: &str, bake: Millis) -> PlanBody {
    let gate_times =
        format!("bake {}ms min-bake {}ms patience {}ms look {}ms", bake.0, bake.0 / 2, bake.0.saturating_mul(3), (bake.0 / 4).max(1));
    let mut text =
        String::from("plan hold-limit 60s items 2\ncall preflight undo nothing\ncall backup needs preflight saves data undo leave\n");
    text.push_str("call migrate needs backup item 0 undo leave\n");
    let mut before = "migrate".to_owned();
    for region in ["eu-west", "us-east"] {
        for host in 1..=3 {
            let _ = writeln!(
                text,
                "call {region}/deploy-{host} needs {before} item 1 compensate attempt unknown probe target payments region {region}"
            );
        }
        let deploys = format!("{region}/deploy-1,{region}/deploy-2,{region}/deploy-3");
        let mut needs = deploys;
        for share in [5, 25, 100] {
            let _ = writeln!(
                text,
                "call {region}/shift-{share} needs {needs} item 1 target payments region {region} share {share} undo nothing"
            );
            let _ = writeln!(
                text,
                "gate {region}/gate-{share} needs {region}/shift-{share} item 1 target payments region {region} {gate_times}"
            );
            needs = format!("{region}/gate-{share}");
        }
        let _ = writeln!(text, "wait {region}/settle needs {needs} item 1 for 20ms");
        let _ = writeln!(text, "call {region}/verify needs {region}/settle item 1 undo nothing");
        let _ = writeln!(text, "call {region}/drain-old needs {region}/verify item 1");
        before = format!("{region}/drain-old");
    }
    let _ = writeln!(
        text,
        "call notice needs {before} undo nothing\ncall clean-up needs {before}\ncall close needs notice,clean-up undo nothing"
    );
    text_plan(kind, &text)
}

/// The plan of a compact text. A text that cannot be read gives a plan with fewer steps and a title that says so,
/// which no test takes for what it asked for; `parse_plan` gives the error itself.
pub fn text_plan(kind: &str, text: &str) -> PlanBody {
    parse_plan(kind, text).unwrap_or_else(|error| plan_of(&BTreeMap::new(), Vec::new(), &error))
}

/// Reads the compact text.
///
/// # Errors
/// One sentence with the line that cannot be read.
pub fn parse_plan(kind: &str, text: &str) -> Result<PlanBody, String> {
    let mut header = BTreeMap::new();
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let said = |error: String| format!("{line}: {error}");
        let mut words = line.split_whitespace();
        match words.next() {
            Some("plan") => header = pairs(words).map_err(said)?,
            Some(work) => {
                let id = words.next().ok_or_else(|| said("a step needs an id".to_owned()))?;
                let step = step(kind, work, id, &pairs(words).map_err(said)?).map_err(said)?;
                if let Some(need) = step.needs.iter().find(|need| !steps.iter().any(|s| s.id == **need && !s.after_landing)) {
                    return Err(said(format!("no earlier step is called {need}")));
                }
                steps.push(step);
            }
            None => {}
        }
    }
    let mut plan = plan_of(&header, steps, "A change for tests");
    shape(&mut plan, &header).map_err(|error| format!("plan: {error}"))?;
    Ok(plan)
}

type Words = BTreeMap<String, String>;

fn pairs<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Words, String> {
    let mut found = BTreeMap::new();
    while let Some(key) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{key}` has no value"))?;
        found.insert(key.to_owned(), value.to_owned());
    }
    Ok(found)
}

fn plan_of(header: &Words, steps: Vec<Step>, title: &str) -> PlanBody {
    let on_failure = match header.get("on-failure").map(String::as_str) {
        Some("hold") => OnFailure::Hold,
        Some("rollback-item") => OnFailure::RollbackItem,
        _ => OnFailure::RollbackChange,
    };
    let on_window_end = match header.get("on-window-end").map(String::as_str) {
        Some("hold") => OnWindowEnd::Hold,
        Some("rollback") => OnWindowEnd::Rollback,
        _ => OnWindowEnd::Finish,
    };
    let items = header.get("items").and_then(|n| n.parse().ok()).unwrap_or(1);
    PlanBody {
        format: 1,
        engine_semantics: 1,
        change: Change { on_window_end, ..change(title, items, on_failure) },
        facts: Digest::of(b"facts"),
        created_at: MADE_AT,
        expires_at: MADE_AT.plus(Millis::from_mins(24 * 60)),
        seed: 7,
        assignments: Vec::new(),
        takeoff: Vec::new(),
        steps,
        groups: Vec::new(),
        claims: BTreeSet::new(),
        throttles: Vec::new(),
        limits: RunLimits::default(),
        again: None,
        parent: None,
        on_failure,
        matrices: Vec::new(),
        hold_limit_ms: header.get("hold-limit").and_then(|t| Millis::parse(t)).unwrap_or(Millis::from_mins(10)),
        envelope: Envelope { items: Vec::new(), greatest_exposure: Share::ALL, least_bake_ms: Millis::ZERO, one_way: Vec::new() },
        follow_ups: Vec::new(),
    }
}

/// What the header says beside the edges of the graph.
fn shape(plan: &mut PlanBody, header: &Words) -> Result<(), String> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text} is no number"));
    let time = |text: &str| Millis::parse(text).ok_or_else(|| format!("{text} is no length of time"));
    let list = |key: &str| header.get(key).map(|text| text.split(',').collect::<Vec<_>>()).unwrap_or_default();
    plan.limits.in_flight_max = header.get("in-flight").map(|text| number(text)).transpose()?;
    plan.limits.retries_max = header.get("retries").map(|text| number(text)).transpose()?;
    plan.limits.deadline_ms = header.get("deadline").map(|text| time(text)).transpose()?;
    for lock in list("locks") {
        let (resource, mode) = lock.split_once(':').unwrap_or((lock, "exclusive"));
        let mode = match (mode, mode.split_once('/')) {
            (_, Some((units, of))) => ClaimMode::Counted { units: number(units)?, of: number(of)? },
            ("shared", None) => ClaimMode::Shared,
            (_, None) => ClaimMode::Exclusive,
        };
        plan.claims.insert(Claim { resource: ResourceName::new(resource), mode });
    }
    for group in list("groups") {
        let [name, in_flight, failures, stagger] = group.split(':').collect::<Vec<_>>()[..] else {
            return Err(format!("{group} is no fan-out"));
        };
        plan.groups.push(Group {
            name: GroupName::new(name),
            in_flight_max: number(in_flight)?,
            failures_max: number(failures)?,
            stagger_ms: time(stagger)?,
        });
    }
    let mut throttles: BTreeMap<TargetName, Throttle> = BTreeMap::new();
    let mut of_target = |target: &str, rate: Option<Rate>, breaker: Option<Breaker>| {
        let target = TargetName::new(target);
        let kept = throttles.entry(target.clone()).or_insert(Throttle { target, rate: None, breaker: None });
        kept.rate = rate.or(kept.rate);
        kept.breaker = breaker.or(kept.breaker);
    };
    for rate in list("rate") {
        let [target, starts, per] = rate.split([':', '/']).collect::<Vec<_>>()[..] else { return Err(format!("{rate} is no rate")) };
        of_target(target, Some(Rate { starts_max: number(starts)?, per_ms: time(per)? }), None);
    }
    for breaker in list("breaker") {
        let [target, failures, within, open] = breaker.split([':', '/']).collect::<Vec<_>>()[..] else {
            return Err(format!("{breaker} is no breaker"));
        };
        let breaker = Breaker { failures_max: number(failures)?, within_ms: time(within)?, open_ms: time(open)? };
        of_target(target, None, Some(breaker));
    }
    plan.throttles = throttles.into_values().collect();
    plan.engine_semantics = plan.semantics_needed();
    Ok(())
}

/// `approved.count>3&approved.mode==full`; values that are no JSON are text.
fn condition(text: &str) -> Result<Condition, String> {
    const SIGNS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let test = |text: &str| {
        let found = SIGNS.iter().find_map(|(sign, is)| Some((text.split_once(sign)?, *is)));
        let ((output, value), is) = found.ok_or_else(|| format!("{text} compares nothing"))?;
        let (step, output) = output.rsplit_once('.').ok_or_else(|| format!("{output} is no output"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        Ok(Test { step: StepId::from(step), output: output.to_owned(), is, value })
    };
    Ok(Condition { all: text.split('&').map(test).collect::<Result<_, String>>()? })
}

fn outputs(text: &str) -> Result<BTreeMap<String, OutputType>, String> {
    let output = |text: &str| {
        let (name, kind) = text.split_once(':').ok_or_else(|| format!("{text} has no type"))?;
        let kinds = [OutputType::Boolean, OutputType::Integer, OutputType::Decimal, OutputType::ShortText, OutputType::Digest];
        let kind = kinds.into_iter().find(|known| known.name() == kind).ok_or_else(|| format!("{kind} is no type"))?;
        Ok((name.to_owned(), kind))
    };
    text.split(',').map(output).collect()
}

fn change(title: &str, items: u32, on_failure: OnFailure) -> Change {
    let item = |number: u32| Item {
        component: ComponentName::new(format!("component-{number}")),
        kind: ItemKind::Version {
            what: VersionedKind::Code,
            to: Version::from("2"),
            expect_from: None,
            artifact: None,
            removes: false,
            experiment: None,
        },
        strategy: None,
        declared_at: None,
    };
    Change {
        name: ChangeName::from("test-change"),
        title: title.to_owned(),
        reason: None,
        class: ChangeClass::default(),
        intent: Intent::default(),
        environments: Vec::new(),
        owner: None,
        ticket: None,
        committed_at: None,
        items: (0..items).map(item).collect(),
        on_failure,
        on_window_end: OnWindowEnd::default(),
        constraints: Constraints::default(),
        locks: std::collections::BTreeSet::new(),
        prefer: None,
        source: None,
    }
}

fn step(kind: &str, work: &str, id: &str, words: &Words) -> Result<Step, String> {
    let call = |what: &str| ActionCall { kind: kind.to_owned(), version: 1, input: json!({ "step": id, "what": what }) };
    let word = |key: &str| words.get(key).map(String::as_str);
    let list = |key: &str| word(key).map(|ids| ids.split(',').map(StepId::from).collect()).unwrap_or_default();
    let timeout_ms = length(words, "timeout", Millis::from_secs(10))?;
    let undo_call = Undo::Call { call: call("undo"), validations: Vec::new(), command: format!("undo {id}"), timeout_ms };
    let undo = match (work, word("undo")) {
        ("call", None) | (_, Some("call")) => undo_call,
        (_, Some("leave")) => Undo::LeaveInPlace { reason: "it may stay".to_owned() },
        (_, Some("one-way")) => Undo::ForwardOnly { reason: "it drops data".to_owned() },
        _ => Undo::Nothing,
    };
    let on_unknown = match word("unknown") {
        Some("probe") => OnUnknown::Probe,
        Some("ask") => OnUnknown::Ask,
        _ => OnUnknown::Rerun,
    };
    Ok(Step {
        id: StepId::from(id),
        title: id.to_owned(),
        phase: Phase::Deploy,
        saves_data: word("saves") == Some("data"),
        item: words.get("item").map(|n| n.parse().map_err(|_| format!("{n} is no item"))).transpose()?,
        target: word("target").map(TargetName::from),
        environment: None,
        region: word("region").map(RegionName::from),
        wave: 0,
        stage: 0,
        owner: None,
        needs: list("needs"),
        after_landing: word("after-landing") == Some("yes"),
        when: word("when").map(condition).transpose()?,
        group: word("group").map(GroupName::from),
        deadline_ms: word("step-deadline").map(|_| length(words, "step-deadline", Millis::ZERO)).transpose()?,
        work: work_of(work, words, call("do"))?,
        validations: if word("validate") == Some("yes") { vec![call("validate")] } else { Vec::new() },
        undo,
        compensate_on: if word("compensate") == Some("attempt") { CompensateOn::Attempt } else { CompensateOn::Done },
        on_unknown,
        probe: (on_unknown == OnUnknown::Probe || word("probe") == Some("yes")).then(|| call("probe")),
        retry: RetryPolicy {
            attempts_max: words.get("tries").map_or(Ok(2), |n| n.parse().map_err(|_| format!("{n} is no number of tries")))?,
            first_delay_ms: length(words, "delay", Millis(100))?,
            delay_max_ms: Millis::from_secs(5),
        },
        timeout_ms,
        expected: Estimate { p50_ms: Millis(100), p95_ms: Millis(300), source: "stated".to_owned() },
        exposure: exposure(words, list("safety-needs"), call("safety"))?,
        duration_key: Some(format!("test/{id}")),
        command: format!("do {id}"),
    })
}

fn work_of(work: &str, words: &Words, call: ActionCall) -> Result<Work, String> {
    match work {
        "call" => Ok(Work::Call(call)),
        "wait" => Ok(Work::Wait(length(words, "for", Millis::from_secs(1))?)),
        "manual" => Ok(Work::Manual { prompt: "may it go on?".to_owned(), deadline_ms: length(words, "for", Millis::from_secs(60))? }),
        "event" => Ok(Work::Event {
            event: EventName::new(words.get("named").map_or("event", String::as_str)),
            deadline_ms: length(words, "for", Millis::from_secs(60))?,
            outputs: words.get("outputs").map(|text| outputs(text)).transpose()?.unwrap_or_default(),
        }),
        "gate" => {
            let check = match words.get("check").map(String::as_str) {
                Some("threshold") => GateCheck::Threshold {
                    name: "errors".to_owned(),
                    source: no_source(),
                    query: "0".to_owned(),
                    min: None,
                    max: Some(1.0),
                    failures_max: 3,
                    measured: None,
                },
                _ => proportion(),
            };
            Ok(Work::Gate(Box::new(GateSpec {
                subject: "test traffic".to_owned(),
                checks: vec![check],
                min_bake_ms: length(words, "min-bake", Millis::ZERO)?,
                bake_ms: length(words, "bake", Millis::from_secs(10))?,
                patience_ms: length(words, "patience", Millis::from_secs(30))?,
                look_every_ms: length(words, "look", Millis::from_secs(1))?,
                early_promotion: words.get("early").map(String::as_str) == Some("yes"),
            })))
        }
        other => Err(format!("{other} is no kind of step")),
    }
}

fn proportion() -> GateCheck {
    let selector = || Selector { metric: "requests_total".to_owned(), matchers: Vec::new() };
    let counts = || CountSelectors::BadOfTotal { bad: selector(), total: selector() };
    GateCheck::Proportion {
        name: "errors".to_owned(),
        source: no_source(),
        canary: counts(),
        baseline: counts(),
        effect: 2.0,
        alpha: 0.01,
        dispersion: None,
        ceiling: None,
        tolerated: None,
        baseline_hosts: Vec::new(),
        dispersion_windows: None,
    }
}

fn no_source() -> CountSource {
    CountSource::Scrape { urls: Vec::new(), timeout_ms: Millis::from_secs(1), access: Access::default() }
}

fn exposure(words: &Words, safety_needs: Vec<StepId>, safety: ActionCall) -> Result<Option<Exposure>, String> {
    let Some(share) = words.get("share") else { return Ok(None) };
    let percent: u32 = share.parse().map_err(|_| format!("{share} is no whole number of percent"))?;
    let has_safety = words.get("safety").map(String::as_str) != Some("none");
    Ok(Some(Exposure {
        target: TargetName::from(words.get("target").map_or("target", String::as_str)),
        region: words.get("region").map(|r| RegionName::from(r.as_str())),
        share: Share::percent(percent),
        safety: has_safety.then_some(safety),
        safety_command: has_safety.then(|| "safety".to_owned()),
        safety_needs,
        safety_takes: None,
    }))
}

fn length(words: &Words, key: &str, default: Millis) -> Result<Millis, String> {
    words.get(key).map_or(Ok(default), |text| Millis::parse(text).ok_or_else(|| format!("{key} {text} is no length of time")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_ready_made_plans_have_the_steps_they_promise() {
        assert_eq!(chain_plan("fake", 5).steps.len(), 5);
        let canary = canary_plan("fake", Millis(40));
        assert_eq!((canary.change.title.as_str(), canary.steps.len()), ("A change for tests", 30));
        assert!(parse_plan("fake", "call b needs a").unwrap_err().contains("no earlier step"));
    }
}

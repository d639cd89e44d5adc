//! The planner and its document in process: changes of catalogs in memory, from a thousand to a hundred thousand components.

use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Context as _, Result, ensure};
use glidepath_model::action::OnUnknown;
use glidepath_model::catalog::{
    Access, ActionTemplate, Component, Dependency, EdgeKind, Environment, ErrorRatio, Infrastructure, PrometheusSource, Region, Router,
    Selector, Settings, Signals, Split, Target, TrafficSource, VerifyWindow,
};
use glidepath_model::change::{ChangeClass, Constraints, Intent, Item, ItemKind, OnFailure, OnWindowEnd, VersionedKind};
use glidepath_model::facts::{Sourced, TargetFacts};
use glidepath_model::{Catalog, Change, Digest, Facts, HostName, Millis, Plan, Share, TargetName, Timestamp};
use glidepath_plan::{PlanOptions, plan};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

/// Times of which the median is taken.
const TIMES: usize = 5;
/// Components of the catalog in which two hundred are changed.
const CATALOG: usize = 10_000;
/// Dependencies of each component.
const EDGES: usize = 5;
/// Hosts of each target, behind one router.
const HOSTS: usize = 3;
/// Changed components of the rows that show the growth with the catalog.
const CHANGED_OF_GROWTH: usize = 10;
/// Steps that the plan of the document has at least.
const DOCUMENT_STEPS: usize = 500;
/// The plan takes off here.
const NOW: Timestamp = Timestamp::from_micros(1_795_510_800_000_000);
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Ten components of a small catalog.
pub(crate) fn ten(_: &mut Machine) -> Result<Vec<Row>> {
    let seconds = planning_seconds(10, 10)?;
    Ok(vec![Row::with_goal("plan.10", seconds * 1000.0, "ms", Goal::AtMost(10.0))])
}

/// Two hundred components of ten thousand with fifty thousand dependencies: time, and the memory of a process that does nothing else.
pub(crate) fn two_hundred(_: &mut Machine) -> Result<Vec<Row>> {
    let seconds = planning_seconds(CATALOG, 200)?;
    let output = Command::new(std::env::current_exe()?).arg("--plan-once").output().context("the other process cannot be started")?;
    ensure!(output.status.success(), "the other process ended with {}", output.status);
    let megabytes: f64 = String::from_utf8(output.stdout)?.trim().parse().context("the other process says something else")?;
    Ok(vec![
        Row::with_goal("plan.200-of-10k", seconds, "s", Goal::AtMost(1.0)),
        Row::with_goal("plan.200-of-10k-memory", megabytes, "MB", Goal::AtMost(100.0)),
    ])
}

/// Makes the plan of two hundred components and says what the process took at most, in megabytes.
pub(crate) fn plan_once() -> Result<()> {
    let (change, facts) = fleet(CATALOG, 200)?;
    black_box(planned(&change, &facts)?);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/self/status")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().context("unexpected form of VmHWM")?;
    println!("{}", kibibytes * 1024.0 / MEGABYTE);
    Ok(())
}

/// The same change of catalogs that grow tenfold: the goal is what n log n makes of the row before.
pub(crate) fn growth(_: &mut Machine) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, components) in [("plan.growth.1k", 1_000_usize), ("plan.growth.10k", 10_000), ("plan.growth.100k", 100_000)] {
        let millis = planning_seconds(components, CHANGED_OF_GROWTH)? * 1000.0;
        rows.push(match rows.last() {
            None => Row::of_machine(name, millis, "ms"),
            Some(before) => {
                let logarithm = |count: usize| (count as f64).log2();
                let factor = 10.0 * logarithm(components) / logarithm(components / 10);
                Row::with_goal(name, millis, "ms", Goal::AtMost(before.figure * factor))
            }
        });
    }
    Ok(rows)
}

/// The document of a plan of five hundred steps as Markdown and as a page, of a change in a catalog of ten thousand components.
pub(crate) fn document(_: &mut Machine) -> Result<Vec<Row>> {
    let (change, facts) = fleet(CATALOG, 27)?;
    let plan = planned(&change, &facts)?;
    ensure!(plan.body.steps.len() >= DOCUMENT_STEPS, "the plan has {} steps", plan.body.steps.len());
    let seconds = median_seconds(|| {
        let document = glidepath_report::document(&plan, &facts);
        black_box((glidepath_report::to_markdown(&document), glidepath_report::to_html(&document)));
        Ok(())
    })?;
    Ok(vec![Row::with_goal("document.500", seconds * 1000.0, "ms", Goal::AtMost(100.0))])
}

fn planning_seconds(components: usize, changed: usize) -> Result<f64> {
    let (change, facts) = fleet(components, changed)?;
    median_seconds(|| {
        black_box(planned(&change, &facts)?);
        Ok(())
    })
}

fn median_seconds(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut seconds = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let began = Instant::now();
        work()?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[TIMES / 2])
}

fn planned(change: &Change, facts: &Facts) -> Result<Plan> {
    let options = PlanOptions { now: NOW, seed: 7, accept_stale: false, facts_digest: Digest::of(b"facts") };
    let planning = plan(change, facts, &glidepath_testkit::examples::descriptors(), &options);
    planning.plan.with_context(|| format!("no plan: {:?} {:?}", planning.refused.first(), planning.diagnostics.first()))
}

/// A catalog of that many components, each with some dependencies on earlier ones anywhere and a target, and a change of some of them, spread over all.
fn fleet(count: usize, changed: usize) -> Result<(Change, Facts)> {
    let mut catalog = Catalog { environments: vec![environment()], settings: settings(), ..Catalog::default() };
    let mut random = 1_u64;
    let (mut components, mut targets) = (Vec::new(), Vec::new());
    for number in 0..count {
        // Knuth's linear congruential generator: the same catalog each time.
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % limit.max(1)
        };
        let edges: BTreeSet<usize> = (0..EDGES.min(number)).map(|_| below(number)).collect();
        let component = component(number, edges);
        let target = target(number)?;
        components.push((component.name.clone(), component));
        targets.push((target.name.clone(), target));
    }
    // Built at once, as the files are read.
    (catalog.components, catalog.targets) = (components.into_iter().collect(), targets.into_iter().collect());
    let mut facts = Facts::of_catalog(catalog, NOW);
    let numbers: Vec<usize> = (0..changed).map(|at| at * count / changed).collect();
    for number in &numbers {
        let mut observed = TargetFacts::default();
        for host in hosts(*number) {
            observed.versions.insert(host.clone(), Sourced::observed("1.0.0".into(), "probe", NOW));
            observed.healthy.insert(host, Sourced::observed(true, "probe", NOW));
        }
        // Services differ, so that no figure of one serves for the next.
        observed.request_rate.insert("eu-west".into(), Sourced::observed(200.0 + (number * 37 % 400) as f64, "prometheus", NOW));
        observed.error_ratio.insert("eu-west".into(), Sourced::observed(0.002, "prometheus", NOW));
        facts.targets.insert(TargetName::new(format!("service-{number}-production")), observed);
    }
    let change = Change {
        name: "many".into(),
        title: "Raise many services".to_owned(),
        reason: None,
        class: ChangeClass::Normal,
        intent: Intent::Feature,
        environments: vec!["production".into()],
        owner: None,
        ticket: None,
        committed_at: None,
        items: numbers.iter().map(|number| item(*number)).collect(),
        on_failure: OnFailure::RollbackChange,
        on_window_end: OnWindowEnd::Finish,
        constraints: Constraints::default(),
        locks: BTreeSet::new(),
        prefer: None,
        source: None,
    };
    Ok((change, facts))
}

fn item(number: usize) -> Item {
    let kind = ItemKind::Version {
        what: VersionedKind::Code,
        to: "2.0.0".into(),
        expect_from: None,
        artifact: None,
        removes: false,
        experiment: None,
    };
    Item { component: name(number).as_str().into(), kind, strategy: None, declared_at: None }
}

fn name(number: usize) -> String {
    format!("service-{number}")
}

fn hosts(number: usize) -> Vec<HostName> {
    (1..=HOSTS).map(|host| HostName::new(format!("service-{number}-{host}.eu-west"))).collect()
}

fn settings() -> Settings {
    let prometheus =
        PrometheusSource { url: "http://127.0.0.1:9090".to_owned(), access: Access::default(), timeout_ms: Millis::from_secs(5) };
    Settings { project: "bench".to_owned(), prometheus: Some(prometheus), ..Settings::default() }
}

fn environment() -> Environment {
    Environment {
        name: "production".into(),
        local: false,
        gated: false,
        stage: None,
        min_bake_ms: Millis::from_mins(2),
        max_bake_ms: Millis::from_mins(30),
        first_stage_max: Share::percent(5),
        max_wave: None,
        hold_limit_ms: Millis::from_mins(60),
        verify: vec![VerifyWindow { name: "immediate".to_owned(), length_ms: Millis::from_mins(2), observe: false }],
    }
}

fn component(number: usize, edges: BTreeSet<usize>) -> Component {
    Component {
        name: name(number).as_str().into(),
        title: None,
        description: None,
        kind: "service".to_owned(),
        lifecycle: None,
        owner: Some("group:default/bench-team".into()),
        system: None,
        tier: Some(2),
        depends_on: edges.into_iter().map(|to| Dependency { to: name(to).as_str().into(), kind: EdgeKind::Calls }).collect(),
        links: Vec::new(),
    }
}

fn target(number: usize) -> Result<Target> {
    let name = name(number);
    let selector = |code: &str| {
        let text = format!("http_requests_total{{app=\"{name}\"{code}}}");
        Selector::parse(&text).ok().with_context(|| format!("{text} cannot be read"))
    };
    let template = |kind: &str, input: Value| {
        Some(ActionTemplate { kind: kind.to_owned(), input, timeout_ms: None, on_unknown: Some(OnUnknown::Rerun), attempts_max: None })
    };
    Ok(Target {
        name: TargetName::new(format!("{name}-production")),
        component: name.as_str().into(),
        environment: "production".into(),
        infrastructure: Infrastructure::Vm,
        runway: None,
        regions: vec![Region {
            name: "eu-west".into(),
            hosts: hosts(number),
            standby: Vec::new(),
            router: Some(Router::Haproxy { socket: "/run/haproxy.sock".to_owned(), backend: name.clone(), server: "{host}".to_owned() }),
            pair: None,
            zones: std::collections::BTreeMap::new(),
        }],
        regions_assumed: false,
        version_probe: template("http", json!({"url": "http://{host}:8080/version"})),
        deploy: template("exec", json!({"argv": ["./deploy.sh", "{host}", "{version}"]})),
        undo: None,
        health: template("http", json!({"url": "http://{host}:8080/healthz"})),
        backup: None,
        flag: None,
        flag_read: None,
        stop: None,
        reload: None,
        replace: None,
        scale: None,
        side: None,
        failover: None,
        shares: None,
        outcomes: Vec::new(),
        rotate: None,
        restore_test: None,
        database: None,
        traffic: Some(TrafficSource::Query("rate".to_owned())),
        signals: Some(Signals {
            split: Some(Split {
                label: "version".to_owned(),
                canary: "{version}".to_owned(),
                baseline: "{from}".to_owned(),
                host: None,
                concurrent_baseline: false,
            }),
            errors: Some(ErrorRatio { bad: selector(",code=~\"5..\"")?, total: selector("")? }),
            slow: None,
            thresholds: Vec::new(),
            values: Vec::new(),
            kayenta: None,
        }),
        metrics_url: None,
        metrics_access: None,
        metrics_json: None,
        replica_capacity: None,
        restart_ms: None,
        replica_hour: None,
        strategies_allowed: Vec::new(),
        rate: None,
        breaker: None,
        locks: BTreeSet::new(),
        declared_at: None,
    })
}

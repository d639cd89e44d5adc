//! Catalogs, facts and changes to plan with.

use glidepath_model::action::{ActionDescriptor, ExecInput, HaproxyInput, HttpInput, InputField, OnUnknown, OutputType, SqlInput};
use glidepath_model::catalog::*;
use glidepath_model::change::*;
use glidepath_model::facts::*;
use glidepath_model::ids::*;
use glidepath_model::plan::Plan;
use glidepath_model::{Facts, Millis, Money, Share, Timestamp};
use glidepath_plan::{PlanOptions, Planning};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tuesday 10:00 UTC.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-17T10:00:00Z").unwrap()
}

pub(crate) fn options() -> PlanOptions {
    PlanOptions { now: now(), seed: 7, accept_stale: false, facts_digest: Digest::of(b"facts") }
}

/// An objective over 30 days, by a share of bad requests.
pub(crate) fn ratio_objective(name: &str, component: &str, target: &str) -> Objective {
    Objective {
        name: name.to_owned(),
        component: component.into(),
        target: Share::parse(target).unwrap(),
        period_ms: Millis::from_mins(30 * 24 * 60),
        rolling: true,
        indicator: Indicator::Ratio { bad: Some("b".to_owned()), good: None, total: "t".to_owned() },
        terms: Terms::default(),
    }
}

fn descriptor(kind: &str, fields: &[(&str, bool)], on_unknown: OnUnknown) -> ActionDescriptor {
    ActionDescriptor {
        kind: kind.to_owned(),
        version: 1,
        summary: String::new(),
        input: fields
            .iter()
            .map(|(name, required)| InputField {
                name: (*name).to_owned(),
                kind: "text".to_owned(),
                required: *required,
                summary: String::new(),
            })
            .collect(),
        on_unknown,
        timeout_ms: Millis::from_mins(10),
        attempts_max: 3,
        idempotent: false,
        shifts_traffic: kind == "haproxy",
        read_only: false,
        outputs: BTreeMap::new(),
    }
}

pub(crate) fn descriptors() -> Vec<ActionDescriptor> {
    vec![
        descriptor(
            "exec",
            &[("argv", true), ("shell", false), ("env", false), ("secrets", false), ("cwd", false), ("expectText", false)],
            OnUnknown::Ask,
        ),
        descriptor(
            "http",
            &[
                ("url", true),
                ("method", false),
                ("headers", false),
                ("body", false),
                ("expect", false),
                ("pointer", false),
                ("expectText", false),
            ],
            OnUnknown::Ask,
        ),
        descriptor(
            "sql",
            &[
                ("engine", true),
                ("connection", true),
                ("text", true),
                ("path", false),
                ("lockTimeoutMs", true),
                ("statementTimeoutMs", true),
                ("transaction", false),
                ("expectText", false),
                ("batches", false),
            ],
            OnUnknown::Rerun,
        ),
        descriptor(
            "haproxy",
            &[("socket", true), ("backend", true), ("weights", false), ("drain", false), ("drainMaxMs", false), ("expectServers", false)],
            OnUnknown::Rerun,
        ),
        descriptor("manual", &[("text", true), ("deadlineMs", true)], OnUnknown::Rerun),
    ]
}

/// What actions say of themselves, with the fields of their typed inputs and their outputs, as runbooks are checked against.
pub(crate) fn runbook_descriptors() -> Vec<ActionDescriptor> {
    let fields = |value: Value| -> Vec<(String, bool)> { value.as_object().unwrap().keys().map(|name| (name.clone(), false)).collect() };
    let sql: SqlInput =
        serde_json::from_value(json!({"engine": "", "connection": "", "text": "", "lockTimeoutMs": 1, "statementTimeoutMs": 1})).unwrap();
    let http: HttpInput = serde_json::from_value(json!({"url": ""})).unwrap();
    let kinds = [
        (
            "exec",
            serde_json::to_value(ExecInput::default()).unwrap(),
            vec![("exitCode", OutputType::Integer), ("text", OutputType::ShortText)],
        ),
        ("http", serde_json::to_value(http).unwrap(), vec![("status", OutputType::Integer), ("text", OutputType::ShortText)]),
        ("sql", serde_json::to_value(sql).unwrap(), vec![("text", OutputType::ShortText), ("alreadyApplied", OutputType::Boolean)]),
        ("haproxy", serde_json::to_value(HaproxyInput::default()).unwrap(), vec![("sessionsLeft", OutputType::Integer)]),
        ("run", json!({"plan": ""}), vec![("run", OutputType::ShortText), ("landed", OutputType::Boolean)]),
    ];
    let described = kinds.into_iter().map(|(kind, input, outputs)| {
        let fields = fields(input);
        let fields: Vec<(&str, bool)> = fields.iter().map(|(name, required)| (name.as_str(), *required)).collect();
        let outputs = outputs.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        ActionDescriptor { outputs, ..descriptor(kind, &fields, OnUnknown::Ask) }
    });
    described.collect()
}

pub(crate) fn template(kind: &str, input: Value) -> ActionTemplate {
    ActionTemplate { kind: kind.to_owned(), input, timeout_ms: None, on_unknown: None, attempts_max: None }
}

pub(crate) fn environment(name: &str) -> Environment {
    Environment {
        name: name.into(),
        local: false,
        gated: false,
        stage: None,
        min_bake_ms: Millis::from_mins(2),
        max_bake_ms: Millis::from_mins(30),
        first_stage_max: Share::percent(5),
        max_wave: None,
        hold_limit_ms: Millis::from_mins(60),
        verify: vec![
            VerifyWindow { name: "immediate".to_owned(), length_ms: Millis::from_mins(2), observe: false },
            VerifyWindow { name: "long".to_owned(), length_ms: Millis::from_mins(60), observe: true },
        ],
    }
}

pub(crate) fn component(name: &str, depends_on: &[&str]) -> Component {
    Component {
        name: name.into(),
        title: None,
        description: None,
        kind: "service".to_owned(),
        lifecycle: None,
        owner: Some("group:default/shop-team".into()),
        system: None,
        tier: Some(1),
        depends_on: depends_on.iter().map(|to| Dependency { to: (*to).into(), kind: EdgeKind::Calls }).collect(),
        links: Vec::new(),
    }
}

pub(crate) fn region(name: &str, component: &str, hosts: usize, weighted: bool) -> Region {
    Region {
        name: name.into(),
        hosts: (1..=hosts).map(|n| HostName::new(format!("{component}-{n}.{name}"))).collect(),
        standby: Vec::new(),
        router: weighted.then(|| Router::Haproxy {
            socket: format!("/run/{name}.sock"),
            backend: component.to_owned(),
            server: "{host}".to_owned(),
        }),
        pair: None,
        zones: std::collections::BTreeMap::new(),
    }
}

/// A target with everything: probes, deploy, health, signals, cost.
pub(crate) fn target(component: &str, environment: &str, regions: Vec<Region>) -> Target {
    let selector =
        |code: &str| Selector::parse(&format!("http_requests_total{{app=\"{component}\",region=\"{{region}}\"{code}}}")).unwrap();
    Target {
        name: TargetName::new(format!("{component}-{environment}")),
        component: component.into(),
        environment: environment.into(),
        infrastructure: Infrastructure::Vm,
        runway: None,
        regions,
        regions_assumed: false,
        version_probe: Some(template("http", json!({"url": "http://{host}:8080/version"}))),
        deploy: Some(template("exec", json!({"argv": ["./deploy.sh", "{host}", "{version}"]}))),
        undo: None,
        health: Some(template("http", json!({"url": "http://{host}:8080/healthz"}))),
        backup: None,
        flag: Some(Box::new(template("http", json!({"url": "http://flags/{flag}?share={share}", "method": "PUT"})))),
        stop: None,
        reload: None,
        replace: None,
        restore_test: None,
        flag_read: None,
        scale: None,
        side: None,
        failover: None,
        shares: None,
        outcomes: Vec::new(),
        rotate: None,
        database: None,
        traffic: Some(TrafficSource::Query("x".to_owned())),
        signals: Some(Signals {
            split: Some(Split {
                label: "version".to_owned(),
                canary: "{version}".to_owned(),
                baseline: "{from}".to_owned(),
                host: None,
                concurrent_baseline: false,
            }),
            errors: Some(ErrorRatio { bad: selector(",code=~\"5..\""), total: selector("") }),
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
        replica_hour: Money::parse("0.12 EUR"),
        strategies_allowed: Vec::new(),
        rate: None,
        breaker: None,
        locks: std::collections::BTreeSet::new(),
        declared_at: None,
    }
}

/// Facts under which everything answers: version 1.0.0 everywhere, 400 requests/s and 1 % errors per region.
pub(crate) fn facts(components: Vec<Component>, targets: Vec<Target>, environments: &[&str]) -> Facts {
    let mut catalog = Catalog {
        components: components.into_iter().map(|c| (c.name.clone(), c)).collect(),
        targets: targets.into_iter().map(|t| (t.name.clone(), t)).collect(),
        environments: environments.iter().map(|name| environment(name)).collect(),
        settings: Settings {
            project: "shop".to_owned(),
            plan_ttl_ms: Millis::from_mins(24 * 60),
            fact_age_max_ms: Millis::from_mins(15),
            prometheus: Some(PrometheusSource {
                url: "http://127.0.0.1:9090".to_owned(),
                access: Access::default(),
                timeout_ms: Millis::from_secs(5),
            }),
            notify: vec![NotifyCommand { argv: vec!["./page.sh".to_owned()], timeout_ms: Millis::from_secs(10) }],
            ..Settings::default()
        },
        ..Catalog::default()
    };
    let owner: OwnerRef = "group:default/shop-team".into();
    catalog.owners.insert(
        owner.clone(),
        Owner {
            reference: owner,
            display_name: None,
            email: None,
            chat: None,
            on_call_primary: Some("+49 30 1".to_owned()),
            on_call_secondary: Some("+49 30 2".to_owned()),
            escalation: None,
            members: Vec::new(),
            emergency: BTreeMap::new(),
        },
    );
    let mut facts = Facts::of_catalog(catalog, now());
    observe(&mut facts, "1.0.0");
    facts
}

/// Observes every target anew.
pub(crate) fn observe(facts: &mut Facts, version: &str) {
    let mut targets = BTreeMap::new();
    for target in facts.catalog.targets.values() {
        let mut observed = TargetFacts::default();
        for region in &target.regions {
            for host in &region.hosts {
                observed.versions.insert(host.clone(), Sourced::observed(version.into(), "probe", now()));
                observed.healthy.insert(host.clone(), Sourced::observed(true, "probe", now()));
            }
            observed.request_rate.insert(region.name.clone(), Sourced::observed(400.0, "prometheus", now()));
            observed.error_ratio.insert(region.name.clone(), Sourced::observed(0.01, "prometheus", now()));
        }
        targets.insert(target.name.clone(), observed);
    }
    facts.targets = targets;
    for target in facts.catalog.targets.values() {
        facts
            .history
            .insert(target.component.clone(), History { landed: 9, failed: 1, last_ended_at: Some(now()), last_rollback_at: Some(now()) });
    }
}

pub(crate) fn version(component: &str, to: &str) -> Item {
    Item {
        component: component.into(),
        kind: ItemKind::Version {
            what: VersionedKind::Code,
            to: to.into(),
            expect_from: None,
            artifact: Some(format!("sha256:{}", "9f".repeat(32))),
            removes: false,
            experiment: None,
        },
        strategy: None,
        declared_at: None,
    }
}

pub(crate) fn change(environments: &[&str], items: Vec<Item>) -> Change {
    Change {
        name: "checkout".into(),
        title: "Checkout".to_owned(),
        reason: None,
        class: ChangeClass::Normal,
        intent: Intent::Feature,
        environments: environments.iter().map(|e| (*e).into()).collect(),
        owner: Some("group:default/shop-team".into()),
        ticket: None,
        committed_at: None,
        items,
        on_failure: OnFailure::RollbackChange,
        on_window_end: OnWindowEnd::Finish,
        constraints: Constraints::default(),
        locks: std::collections::BTreeSet::new(),
        prefer: None,
        source: None,
    }
}

/// `payments` in two paired regions with routers, three hosts each.
pub(crate) fn payments() -> (Change, Facts) {
    let mut regions = vec![region("eu-west", "pay", 3, true), region("us-east", "pay", 3, true)];
    regions[0].pair = Some("us-east".into());
    let facts = facts(vec![component("payments", &[])], vec![target("payments", "production", regions)], &["production"]);
    (change(&["production"], vec![version("payments", "1.1.0")]), facts)
}

pub(crate) fn planned(change: &Change, facts: &Facts) -> Planning {
    glidepath_plan::plan(change, facts, &descriptors(), &options())
}

/// The plan, or everything that stood in its way.
pub(crate) fn plan_of(change: &Change, facts: &Facts) -> Plan {
    let planning = planned(change, facts);
    match planning.plan {
        Some(plan) => plan,
        None => panic!("{:#?} {:#?}", planning.refused, planning.diagnostics),
    }
}

pub(crate) fn only_target(facts: &mut Facts) -> &mut Target {
    facts.catalog.targets.values_mut().next().unwrap()
}

/// A plan in few lines: assignments, ladder, steps with what they need, exposure and way back.
pub(crate) fn rendered(plan: &Plan) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for a in &plan.body.assignments {
        let _ = writeln!(out, "{}/{}: {} {} -> {}, {}", a.environment, a.component, a.strategy, a.from, a.to, a.verification);
        if let Some(blind) = &a.blind_to {
            let _ = writeln!(out, "  {blind}");
        }
        for stage in &a.ladder {
            let _ =
                writeln!(out, "  {} bakes {}: {}", stage.region.as_ref().map_or("all", |r| r.as_str()), stage.bake_ms, stage.explanation);
        }
    }
    for r in &plan.ruled_out {
        let would_do = r.would_do.as_ref().map_or(String::new(), |would_do| format!("; possible with {would_do}"));
        let _ = writeln!(out, "not {} {}/{}: {}{would_do}", r.strategy, r.environment, r.component, r.fact);
    }
    for step in &plan.body.steps {
        let needs: Vec<&str> = step.needs.iter().map(|n| n.as_str()).collect();
        let needs = if needs.len() > 3 { format!("{} steps", needs.len()) } else { needs.join(", ") };
        let after = if step.after_landing { ", after landing" } else { "" };
        let _ = writeln!(out, "{} [{} w{} s{}{after}] <- {needs}", step.id, step.phase, step.wave, step.stage);
        if let glidepath_model::plan::Work::Call(call) = &step.work
            && call.kind == "haproxy"
        {
            let _ = writeln!(out, "  weights {} drain {}", call.input["weights"], call.input["drain"]);
        }
        if let glidepath_model::plan::Undo::Call { call, .. } = &step.undo
            && call.kind == "haproxy"
        {
            let _ = writeln!(out, "  back weights {} drain {}", call.input["weights"], call.input["drain"]);
        }
        if let Some(exposure) = &step.exposure {
            let safety = exposure.safety.as_ref().map_or_else(|| "by undo".to_owned(), |s| s.input["weights"].to_string());
            let after: Vec<&str> = exposure.safety_needs.iter().map(|s| s.as_str().rsplit('/').next().unwrap_or("")).collect();
            let _ = writeln!(out, "  exposes {:.1} %, safety {safety} after {after:?}", exposure.share.as_f64() * 100.0);
        }
    }
    for follow in &plan.body.follow_ups {
        let _ = writeln!(out, "later: {} ({})", follow.title, follow.not_before_ms);
    }
    out
}

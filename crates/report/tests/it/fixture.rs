//! A realistic change: a canary of payments over two regions, a rolling update of auth, a schema that is expanded.

use glidepath_engine::RunState;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::*;
use glidepath_model::change::*;
use glidepath_model::diagnostic::{Code, Diagnostic};
use glidepath_model::event::*;
use glidepath_model::facts::*;
use glidepath_model::plan::*;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::*;
use serde_json::json;
use std::collections::BTreeMap;

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::parse("2026-11-24T09:00:00Z").unwrap().plus(Millis::from_secs(seconds))
}

fn estimate(p50: u64, p95: u64, source: &str) -> Estimate {
    Estimate { p50_ms: Millis::from_secs(p50), p95_ms: Millis::from_secs(p95), source: source.to_owned() }
}

fn exec(words: &[&str]) -> ActionCall {
    ActionCall { kind: "exec".to_owned(), version: 1, input: json!({ "argv": words }) }
}

fn healthy(host: &str) -> ActionCall {
    ActionCall { kind: "http".to_owned(), version: 1, input: json!({ "url": format!("http://{host}:8080/healthz"), "expect": 200 }) }
}

fn component(name: &str, kind: &str, owner: Option<&str>, tier: u8, needs: &[(&str, EdgeKind)]) -> (ComponentName, Component) {
    let depends_on = needs.iter().map(|(to, kind)| Dependency { to: (*to).into(), kind: *kind }).collect();
    let component = Component {
        name: name.into(),
        title: None,
        description: None,
        kind: kind.to_owned(),
        lifecycle: Some("production".to_owned()),
        owner: owner.map(|o| OwnerRef::new(format!("group:default/{o}"))),
        system: Some("checkout".to_owned()),
        tier: Some(tier),
        depends_on,
        links: vec![],
    };
    (name.into(), component)
}

fn owner(name: &str, display: &str, full: bool) -> (OwnerRef, Owner) {
    let reference = OwnerRef::new(format!("group:default/{name}"));
    let owner = Owner {
        reference: reference.clone(),
        display_name: Some(display.to_owned()),
        email: full.then(|| format!("{name}@shop.example")),
        chat: Some(format!("#{name}")),
        on_call_primary: full.then(|| format!("pager {name}-primary, +49 30 555 0101")),
        on_call_secondary: None,
        escalation: full.then(|| "head of payments, +49 30 555 0199".to_owned()),
        members: vec![],
        emergency: if full {
            BTreeMap::from([("database".to_owned(), "dba on call, +49 30 555 0142".to_owned())])
        } else {
            BTreeMap::new()
        },
    };
    (reference, owner)
}

fn target(component: &str, environment: &str, regions: &[(&str, &[&str])]) -> (TargetName, Target) {
    let name = TargetName::new(format!("{component}-{environment}"));
    let regions = regions
        .iter()
        .map(|(region, hosts)| Region {
            name: (*region).into(),
            hosts: hosts.iter().map(|h| (*h).into()).collect(),
            standby: vec![],
            router: None,
            pair: None,
            zones: std::collections::BTreeMap::new(),
        })
        .collect();
    let errors = ErrorRatio {
        bad: Selector::parse("http_requests_total{code=~\"5..\"}").unwrap(),
        total: Selector::parse("http_requests_total").unwrap(),
    };
    let target = Target {
        name: name.clone(),
        component: component.into(),
        environment: environment.into(),
        infrastructure: Infrastructure::Vm,
        runway: None,
        regions,
        regions_assumed: false,
        version_probe: None,
        deploy: None,
        undo: None,
        health: None,
        backup: None,
        flag: None,
        flag_read: None,
        stop: None,
        reload: None,
        replace: None,
        restore_test: None,
        scale: None,
        side: None,
        failover: None,
        shares: None,
        outcomes: Vec::new(),
        rotate: None,
        database: None,
        traffic: None,
        signals: (component == "payments").then_some(Signals {
            split: None,
            errors: Some(errors),
            slow: None,
            thresholds: vec![],
            values: vec![],
            kayenta: None,
        }),
        metrics_url: None,
        metrics_access: None,
        metrics_json: None,
        replica_capacity: (component == "payments").then_some(220.0),
        restart_ms: None,
        replica_hour: None,
        strategies_allowed: vec![],
        rate: None,
        breaker: None,
        locks: std::collections::BTreeSet::new(),
        declared_at: None,
    };
    (name, target)
}

fn window(name: &str, minutes: u64, observe: bool) -> VerifyWindow {
    VerifyWindow { name: name.to_owned(), length_ms: Millis::from_mins(minutes), observe }
}

pub(crate) fn facts() -> Facts {
    use EdgeKind::{Calls, Publishes, Reads, Writes};
    let production = Environment {
        name: "production".into(),
        local: false,
        gated: true,
        stage: None,
        min_bake_ms: Millis::from_mins(2),
        max_bake_ms: Millis::from_mins(60),
        first_stage_max: Share::percent(5),
        max_wave: None,
        hold_limit_ms: Millis::from_mins(30),
        verify: vec![window("immediate", 2, false), window("short", 3, false), window("medium", 10, false), window("long", 60, true)],
    };
    let catalog = Catalog {
        components: BTreeMap::from([
            component("frontend", "website", Some("web-team"), 1, &[("auth", Calls), ("payments", Calls)]),
            component("mobile-gateway", "service", None, 2, &[("frontend", Calls)]),
            component("auth", "service", Some("identity-team"), 1, &[("user-store", Reads)]),
            component(
                "payments",
                "service",
                Some("payments-team"),
                1,
                &[("payments-db", Writes), ("ledger-events", Publishes), ("auth", Calls)],
            ),
            component("payments-db", "database", Some("payments-team"), 1, &[]),
            component("reporting", "service", Some("data-team"), 3, &[("payments-db", Reads)]),
            component("user-store", "database", Some("identity-team"), 1, &[]),
            component("ledger-events", "queue", Some("data-team"), 2, &[]),
        ]),
        owners: BTreeMap::from([
            owner("payments-team", "Payments team", true),
            owner("identity-team", "Identity team", false),
            owner("web-team", "Web team", false),
            owner("data-team", "Data team", false),
        ]),
        targets: BTreeMap::from([
            target("payments", "production", &[("eu-west", &["pay-1.eu", "pay-2.eu", "pay-3.eu"]), ("us-east", &["pay-1.us", "pay-2.us"])]),
            target("auth", "production", &[("eu-west", &["auth-1.eu", "auth-2.eu"])]),
            target("payments-db", "production", &[("eu-west", &["db-1.eu"])]),
        ]),
        objectives: vec![Objective {
            name: "payments-availability".to_owned(),
            component: "payments".into(),
            target: Share::parse("99.9%").unwrap(),
            period_ms: Millis::from_mins(43_200),
            rolling: true,
            indicator: Indicator::Ratio { bad: None, good: None, total: "http_requests_total".to_owned() },
            terms: glidepath_model::catalog::Terms::default(),
        }],
        environments: vec![production],
        ..Catalog::default()
    };
    let mut facts = Facts::of_catalog(catalog, at(0));
    let mut payments = TargetFacts::default();
    for host in ["pay-1.eu", "pay-2.eu", "pay-3.eu", "pay-1.us", "pay-2.us"] {
        payments.versions.insert(host.into(), Sourced::observed("4.11.2".into(), format!("http http://{host}:8080/version"), at(0)));
        payments.healthy.insert(host.into(), Sourced::observed(true, format!("http http://{host}:8080/healthz"), at(0)));
    }
    for (region, rate) in [("eu-west", 420.0), ("us-east", 260.0)] {
        payments.request_rate.insert(region.into(), Sourced::observed(rate, "prometheus", at(0)));
        payments.error_ratio.insert(region.into(), Sourced::observed(0.0012, "prometheus", at(0)));
    }
    facts.targets.insert("payments-production".into(), payments);
    facts.budgets.insert(
        "payments-availability".to_owned(),
        Sourced::observed(BudgetFact { bad_ratio: 0.0004, total: 9e8, remaining: 0.61, ..BudgetFact::default() }, "prometheus", at(0)),
    );
    facts.missing.push(MissingFact {
        what: "traffic of auth in eu-west".to_owned(),
        why: "the target declares no traffic".to_owned(),
        target: Some("auth-production".into()),
        kind: "traffic".to_owned(),
    });
    facts
}

fn step(id: &str, title: &str, phase: Phase, wave: u32, stage: u32, needs: &[&str]) -> Step {
    Step {
        id: id.into(),
        title: title.to_owned(),
        phase,
        saves_data: false,
        item: None,
        target: None,
        environment: Some("production".into()),
        region: None,
        wave,
        stage,
        owner: Some("group:default/payments-team".into()),
        needs: needs.iter().map(|n| (*n).into()).collect(),
        after_landing: false,
        when: None,
        group: None,
        deadline_ms: None,
        work: Work::Call(exec(&["true"])),
        validations: vec![],
        undo: Undo::Nothing,
        compensate_on: CompensateOn::Done,
        on_unknown: OnUnknown::Rerun,
        probe: None,
        retry: RetryPolicy::default(),
        timeout_ms: Millis::from_mins(10),
        expected: estimate(3, 6, "default, never observed"),
        exposure: None,
        duration_key: None,
        command: "true".to_owned(),
    }
}

fn deploy(id: &str, component: &str, item: u32, (host, region): (&str, &str), (from, to): (&str, &str), wave: u32, needs: &[&str]) -> Step {
    let mut step = step(id, &format!("Bring {component} {to} to {host}"), Phase::Deploy, wave, 0, needs);
    step.item = Some(item);
    step.target = Some(TargetName::new(format!("{component}-production")));
    step.region = Some(region.into());
    step.work = Work::Call(exec(&["./deploy.sh", host, to]));
    step.command = format!("./deploy.sh {host} {to}");
    step.validations = vec![healthy(host)];
    step.undo = Undo::Call {
        call: exec(&["./deploy.sh", host, from]),
        validations: vec![healthy(host)],
        command: format!("./deploy.sh {host} {from}"),
        timeout_ms: Millis::from_mins(10),
    };
    step.expected = estimate(48, 95, "7 earlier steps");
    step
}

fn shift(region: &str, share: u32, wave: u32, stage: u32, needs: &[&str]) -> Step {
    let mut step = step(
        &format!("production/payments/{region}/stage-{stage}/shift"),
        &format!("Give payments 4.12.0 {share} % in {region}"),
        Phase::Deploy,
        wave,
        stage,
        needs,
    );
    step.item = Some(1);
    step.target = Some("payments-production".into());
    step.region = Some(region.into());
    step.command = format!("echo 'set server payments/canary weight {share}' | socat stdio /run/haproxy-{region}.sock");
    let socket = format!("/run/haproxy-{region}.sock");
    step.work = Work::Call(ActionCall {
        kind: "haproxy".to_owned(),
        version: 1,
        input: json!({ "socket": socket, "backend": "payments", "weights": { "canary": share, "stable": 100 - share } }),
    });
    step.exposure = Some(Exposure {
        target: "payments-production".into(),
        region: Some(region.into()),
        share: Share::percent(share),
        safety: Some(ActionCall {
            kind: "haproxy".to_owned(),
            version: 1,
            input: json!({ "socket": socket, "backend": "payments", "weights": { "canary": 0, "stable": 256 } }),
        }),
        safety_command: Some(format!(
            "echo 'set server payments/canary weight 0; set server payments/stable weight 256' | socat stdio {socket}"
        )),
        safety_needs: vec![],
        safety_takes: Some(if share <= 25 { estimate(1, 3, "one call") } else { estimate(192, 280, "2 steps go back first") }),
    });
    step.expected = estimate(1, 2, "12 earlier steps");
    step
}

fn gate(region: &str, share: u32, wave: u32, stage: u32, bake_s: u64) -> Step {
    let before = format!("production/payments/{region}/stage-{stage}/shift");
    let mut step = step(
        &format!("production/payments/{region}/stage-{stage}/gate"),
        &format!("Watch payments in {region} at {share} %"),
        Phase::Deploy,
        wave,
        stage,
        &[&before],
    );
    let side = |version: &str| CountSelectors::BadOfTotal {
        bad: Selector::parse("http_requests_total{code=~\"5..\"}").unwrap().with("version", version),
        total: Selector::parse("http_requests_total").unwrap().with("version", version),
    };
    step.item = Some(1);
    step.target = Some("payments-production".into());
    step.region = Some(region.into());
    step.work = Work::Gate(Box::new(GateSpec {
        subject: format!("payments in {region} at {share} %"),
        checks: vec![GateCheck::Proportion {
            name: "errors".to_owned(),
            source: CountSource::Prometheus(PrometheusSource {
                url: "http://prometheus:9090".to_owned(),
                access: Access::default(),
                timeout_ms: Millis::from_secs(5),
            }),
            canary: side("4.12.0"),
            baseline: side("4.11.2"),
            effect: 2.0,
            alpha: 0.002,
            dispersion: None,
            ceiling: Some(0.02),
            tolerated: Some(0.002),
            baseline_hosts: Vec::new(),
            dispersion_windows: None,
        }],
        min_bake_ms: Millis::from_mins(2),
        bake_ms: Millis::from_secs(bake_s),
        patience_ms: Millis::from_secs(bake_s * 3),
        look_every_ms: Millis::from_secs(15),
        early_promotion: true,
    }));
    step.command = format!("glidepath judge payments --region {region}");
    step.expected = estimate(bake_s, bake_s * 3 / 2, "power of the stage");
    step
}

fn steps() -> Vec<Step> {
    let mut steps = vec![step("preflight/health", "Every host of payments and auth is healthy", Phase::Preflight, 0, 0, &[])];
    steps[0].command = "curl -fsS http://pay-1.eu:8080/healthz".to_owned();
    let mut backup = step("production/payments-db/backup", "Save payments-db", Phase::Prepare, 0, 0, &["preflight/health"]);
    backup.saves_data = true;
    backup.command = "pg_dump --format=custom --file=payments.dump \"$PAYMENTS_DB\"".to_owned();
    backup.expected = estimate(140, 260, "stated");
    backup.undo = Undo::LeaveInPlace { reason: "a backup harms nobody".to_owned() };
    let mut expand =
        step("production/payments-db/expand", "Add the column mandate_id", Phase::Prepare, 1, 0, &["production/payments-db/backup"]);
    expand.item = Some(0);
    expand.target = Some("payments-db-production".into());
    expand.region = Some("eu-west".into());
    expand.command = "psql \"$PAYMENTS_DB\" --file=migrations/0042_expand.sql".to_owned();
    expand.undo = Undo::LeaveInPlace { reason: "the column is additive; 4.11.2 does not read it".to_owned() };
    steps.extend([backup, expand]);
    steps.push(deploy(
        "production/auth/auth-1.eu/deploy",
        "auth",
        2,
        ("auth-1.eu", "eu-west"),
        ("2.3.0", "2.3.1"),
        2,
        &["production/payments-db/expand"],
    ));
    steps.push(deploy(
        "production/auth/auth-2.eu/deploy",
        "auth",
        2,
        ("auth-2.eu", "eu-west"),
        ("2.3.0", "2.3.1"),
        2,
        &["production/auth/auth-1.eu/deploy"],
    ));
    let mut before = "production/auth/auth-2.eu/deploy".to_owned();
    for (wave, region, host) in [(3, "eu-west", "pay-1.eu"), (4, "us-east", "pay-1.us")] {
        let id = format!("production/payments/{region}/{host}/deploy");
        steps.push(deploy(&id, "payments", 1, (host, region), ("4.11.2", "4.12.0"), wave, &[&before]));
        before = id;
        for (stage, share, bake) in [(1, 5, 250), (2, 25, 150), (3, 100, 300)] {
            steps.push(shift(region, share, wave, stage, &[&before]));
            steps.push(gate(region, share, wave, stage, bake));
            before = format!("production/payments/{region}/stage-{stage}/gate");
        }
    }
    let mut verify = step("production/verify/medium", "Watch production for the medium window", Phase::Verify, 0, 0, &[&before]);
    verify.work = Work::Wait(Millis::from_mins(10));
    verify.command = "sleep 600".to_owned();
    verify.expected = estimate(600, 600, "stated");
    steps.push(verify);
    steps
}

fn ladder() -> Vec<LadderStage> {
    let mut found = Vec::new();
    for (region, rate) in [("eu-west", 420.0), ("us-east", 260.0)] {
        for (share, bake, power, detects) in [(5, 250, 0.82, 2.0), (25, 150, 0.97, 1.6), (100, 300, 0.0, 0.0)] {
            found.push(LadderStage {
                region: Some(region.into()),
                share: Share::percent(share),
                canary_rate: rate * f64::from(share) / 100.0,
                baseline_rate: rate * f64::from(100 - share) / 100.0,
                bake_ms: Millis::from_secs(bake),
                power: (power > 0.0).then_some(power),
                detects: (detects > 0.0).then_some(detects),
                values: Vec::new(),
                explanation: format!("at {share} % this stage sees {:.0} requests/s", rate * f64::from(share) / 100.0),
            });
        }
    }
    found
}

fn assignment(item: u32, component: &str, strategy: Strategy, from: &str, to: &str, verification: VerificationKind) -> Assignment {
    Assignment {
        item,
        component: component.into(),
        target: TargetName::new(format!("{component}-production")),
        environment: "production".into(),
        strategy,
        from: from.to_owned(),
        to: to.to_owned(),
        artifact: None,
        verification,
        blind_to: (verification == VerificationKind::Probe)
            .then(|| "blind to errors of requests: only health checks are declared".to_owned()),
        ladder: if strategy == Strategy::Canary { ladder() } else { vec![] },
        reason: match strategy {
            Strategy::Canary => "two routers can weigh hosts, and 420 requests/s let a stage at 5 % see a doubling of errors".to_owned(),
            _ => "no router is declared, and two hosts can stand side by side".to_owned(),
        },
    }
}

pub(crate) fn prediction(bad: f64, minutes: u64) -> Prediction {
    Prediction {
        failure: ProbabilityEstimate {
            mean: 0.11,
            low: 0.03,
            high: 0.24,
            label: "prior only, 0 of your runs".to_owned(),
            uncorrected: None,
            of_change: None,
        },
        bad_requests: bad,
        bad_requests_if_failing: bad * 9.0,
        bad_requests_straight: 18_400.0,
        budget_share: Some(0.004),
        budgets_not_known: Vec::new(),
        duration: estimate(minutes * 60, minutes * 90, "critical path over 19 steps"),
        schedule: Some(Schedule {
            takes_off: at(3600),
            lands_p50: at(3600 + minutes * 60),
            lands_p95: at(3600 + minutes * 90),
            held: vec![],
            time_zone: Some("Europe/Berlin".to_owned()),
        }),
        extra_cost: Some(Money::parse("1.20 EUR").unwrap()),
        extra_cost_p95: None,
        downtime: None,
        time_to_safety: Some(estimate(192, 280, "2 steps in a row go back first")),
        time_to_rollback: Some(estimate(540, 800, "safety first, then 4 steps in a row")),
        risk: RiskLevel::Medium,
        risk_reasons: vec!["payments is tier 1".to_owned(), "a schema is expanded; nothing irreversible is in the plan".to_owned()],
        bad_requests_between: None,
        traffic_not_known: Vec::new(),
        users_not_counted: Vec::new(),
        reasons: vec![],
        stages: vec![],
    }
}

fn change(title: &str) -> Change {
    let version = |component: &str, to: &str| Item {
        component: component.into(),
        kind: ItemKind::Version {
            what: VersionedKind::Code,
            to: to.into(),
            expect_from: None,
            artifact: None,
            removes: false,
            experiment: None,
        },
        strategy: None,
        declared_at: None,
    };
    let expand =
        DataStep::Sql { path: "migrations/0042_expand.sql".to_owned(), text: "alter table mandate add column mandate_id text".to_owned() };
    Change {
        name: "checkout-3ds".into(),
        title: title.to_owned(),
        reason: Some("Strong customer authentication becomes mandatory on 1 December.".to_owned()),
        class: ChangeClass::Normal,
        intent: Intent::Feature,
        environments: vec!["production".into()],
        owner: Some("group:default/payments-team".into()),
        ticket: Some("https://tickets.example/CHG0031337".to_owned()),
        committed_at: None,
        items: vec![
            Item {
                component: "payments-db".into(),
                kind: ItemKind::Schema { expand, backfill: None, batches: None, verify: None, contract: None },
                strategy: None,
                declared_at: None,
            },
            version("payments", "4.12.0"),
            version("auth", "2.3.1"),
        ],
        on_failure: OnFailure::RollbackChange,
        on_window_end: OnWindowEnd::Finish,
        constraints: Constraints { compliance: vec!["pci-dss".to_owned()], finish_before: Some(at(600_000)), ..Constraints::default() },
        locks: std::collections::BTreeSet::new(),
        prefer: None,
        source: None,
    }
}

pub(crate) fn plan() -> Plan {
    plan_titled("Require 3-D Secure at checkout")
}

pub(crate) fn plan_titled(title: &str) -> Plan {
    let body = PlanBody {
        format: 1,
        engine_semantics: 1,
        change: change(title),
        facts: Digest::of(b"facts"),
        created_at: at(0),
        expires_at: at(86_400),
        seed: 7,
        assignments: vec![
            assignment(0, "payments-db", Strategy::ExpandContract, "schema 41", "schema 42 expanded", VerificationKind::Probe),
            assignment(1, "payments", Strategy::Canary, "4.11.2", "4.12.0", VerificationKind::Statistical),
            assignment(2, "auth", Strategy::Rolling, "2.3.0", "2.3.1", VerificationKind::Probe),
        ],
        takeoff: vec![TakeoffGate::Fresh, TakeoffGate::Budget { objective: "payments-availability".to_owned(), remaining: 0.61 }],
        steps: steps(),
        groups: Vec::new(),
        claims: std::collections::BTreeSet::new(),
        throttles: Vec::new(),
        limits: Default::default(),
        again: None,
        parent: None,
        on_failure: OnFailure::RollbackChange,
        matrices: vec![VersionMatrix {
            when: "payments fails in eu-west".to_owned(),
            versions: BTreeMap::from([("payments".into(), "4.11.2".to_owned()), ("auth".into(), "2.3.0".to_owned())]),
            seen_in_flight: true,
            note: "what runs today, with the new column beside it".to_owned(),
        }],
        hold_limit_ms: Millis::from_mins(30),
        envelope: Envelope {
            items: vec!["payments 4.12.0 in production".to_owned()],
            greatest_exposure: Share::percent(25),
            least_bake_ms: Millis::from_mins(2),
            one_way: vec![],
        },
        follow_ups: vec![FollowUp {
            title: "Remove the old mandate columns".to_owned(),
            not_before_ms: Millis::from_mins(10_080),
            command: "glidepath plan changes/checkout-3ds-contract.yaml".to_owned(),
            owner: None,
            file: None,
        }],
    };
    let candidate = |rank: u32, name: &str, bad: f64, minutes: u64, reason: &str| CandidateSummary {
        rank,
        name: name.to_owned(),
        strategies: BTreeMap::from([(
            "production/payments".to_owned(),
            if rank == 3 {
                Strategy::Recreate
            } else if rank == 2 {
                Strategy::Rolling
            } else {
                Strategy::Canary
            },
        )]),
        prediction: prediction(bad, minutes),
        reason: reason.to_owned(),
        on_front: true,
        dominated_by: None,
    };
    Plan::new(
        body,
        prediction(38.0, 31),
        vec![
            candidate(1, "canary payments, rolling auth", 38.0, 31, "least expected bad requests within the deadline"),
            candidate(2, "rolling payments, rolling auth", 260.0, 14, "17 min faster, but 6.8 times the bad requests"),
            candidate(3, "recreate payments, rolling auth", 900.0, 8, "takes payments down for 48 s"),
        ],
        vec![RuledOut {
            component: "payments".into(),
            environment: "production".into(),
            strategy: Strategy::BlueGreen,
            fact: "needs 3 standby hosts in eu-west, 0 declared".to_owned(),
            would_do: Some("3 more standby hosts in eu-west while both copies run".to_owned()),
        }],
        vec![
            Diagnostic::warning(Code(305), "auth has no signals in production")
                .because("A regression would be seen by its users first.")
                .hint("add spec.signals to target auth-production"),
        ],
        vec!["auth has no traffic figures: health checks only".to_owned()],
    )
}

fn me() -> Who {
    Who { name: "on-call".to_owned(), known_by: "os-user".to_owned() }
}

/// Events from take-off to the watch of payments at 25 % in eu-west, then as the caller wishes.
pub(crate) fn events(plan: &Plan) -> Vec<Recorded> {
    let mut all = vec![
        (0, Event::RunStarted { plan: plan.id.clone(), engine_semantics: 1, who: me(), seed: 1 }),
        (0, Event::OwnerTook { epoch: 1, who: me(), process: ProcessMark { boot_id: "boot".to_owned(), pid: 4242, start_ticks: 1 } }),
    ];
    let mut clock = 0;
    for step in &plan.body.steps {
        let attempt = AttemptRef { step: step.id.clone(), direction: Direction::Do, round: 1, number: 1 };
        match &step.work {
            Work::Gate(_) => {
                all.push((clock, Event::GateOpened { step: step.id.clone(), round: 1 }));
                let state = json!({ "looks": 9, "checks": [{ "proportion": { "seen": { "canaryBad": 21.0, "canaryTotal": 15_750.0, "baselineBad": 57.0, "baselineTotal": 47_250.0 } } }] });
                let line = "errors 1.1-fold, 95 % interval 0.7 to 1.6, margin 2.0; about 45 s more to decide".to_owned();
                all.push((clock + 90, Event::GateLooked { step: step.id.clone(), verdict: VerdictKind::Undecided, line, state }));
                if step.id.as_str().ends_with("eu-west/stage-2/gate") {
                    break;
                }
                clock += step.expected.p50_ms.0 / 1000;
                all.push((
                    clock,
                    Event::GateLooked {
                        step: step.id.clone(),
                        verdict: VerdictKind::NoRegression,
                        line: "errors 1.0-fold, interval 0.8 to 1.3".to_owned(),
                        state: json!({}),
                    },
                ));
                all.push((
                    clock,
                    Event::GateClosed {
                        step: step.id.clone(),
                        passed: true,
                        reason: "no regression: errors 1.0-fold, interval 0.8 to 1.3".to_owned(),
                    },
                ));
            }
            _ => {
                all.push((clock, Event::AttemptStarted { attempt: attempt.clone(), deadline: at(clock + 600) }));
                clock += step.expected.p50_ms.0 / 1000;
                all.push((
                    clock,
                    Event::AttemptEnded { attempt, outcome: Outcome::Done { outputs: BTreeMap::new() }, took_ms: step.expected.p50_ms },
                ));
            }
        }
    }
    all.push((
        clock + 95,
        Event::RequestTaken {
            request: Request {
                run: run(),
                verb: Verb::Pause,
                step: None,
                who: me(),
                reason: Some("looking at the dashboard".to_owned()),
                at: at(clock + 95),
                signal: None,
            },
            granted: true,
            answer: "nothing new is started".to_owned(),
        },
    ));
    all.into_iter().enumerate().map(|(i, (seconds, event))| Recorded { seq: i as u64 + 1, epoch: 1, at: at(seconds), event }).collect()
}

pub(crate) fn run() -> RunId {
    RunId::new("run-7k2m9x4q8c1d")
}

/// The state after the events, without the last request: flying.
pub(crate) fn flying(plan: &Plan) -> RunState {
    let events = events(plan);
    RunState::fold(run(), &plan.body, &events[..events.len() - 1]).unwrap()
}

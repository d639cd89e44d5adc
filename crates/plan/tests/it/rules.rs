//! Every rule of the linter: a plan that triggers it, and one that does not.

use crate::fixture::*;
use glidepath_model::action::OnUnknown;
use glidepath_model::calendar::{Calendar, Freeze, Window};
use glidepath_model::catalog::{
    ActionTemplate, Database, Link, Objective, Runway, TableSize, ThresholdSignal, TrafficSource, ValueSignal, Worse,
};
use glidepath_model::change::*;
use glidepath_model::facts::{BudgetFact, DurationFact, HourAhead, MissingFact, Sourced, TrafficAhead};
use glidepath_model::plan::{Estimate, Undo, Work};
use glidepath_model::{Change, Diagnostic, Facts, Millis, Plan, Share, Timestamp};
use glidepath_plan::{RULES, check, codes, plan};
use serde_json::json;

/// What spoils a good plan.
enum Spoil {
    Input(fn(&mut Change, &mut Facts)),
    Plan(fn(&mut Plan)),
}

/// 400 requests/s in each region, and 100 from some hour of the forecast on.
fn quiet_from(facts: &mut Facts, quiet: usize) {
    let hour = |number: usize| {
        let expected = if number < quiet { 400.0 } else { 100.0 };
        HourAhead { expected, low: expected, high: expected }
    };
    let ahead = TrafficAhead {
        from: now(),
        hours: (0..24).map(hour).collect(),
        within: Share::percent(90),
        model: "seasonal_mean".to_owned(),
        history_ms: Millis::from_mins(28 * 24 * 60),
    };
    let regions: Vec<_> = only_target(facts).regions.iter().map(|region| region.name.clone()).collect();
    let observed = facts.targets.values_mut().next().unwrap();
    observed.traffic_ahead.extend(regions.into_iter().map(|region| (region, Sourced::observed(ahead.clone(), "x", now()))));
}

/// A change of `payments` with which nothing is wrong.
fn careful() -> (Change, Facts) {
    let (change, mut facts) = payments();
    for component in facts.catalog.components.values_mut() {
        component.links = vec![Link { title: "Runbook".to_owned(), url: "https://runbooks.example/payments".to_owned() }];
    }
    facts.catalog.objectives.push(objective("payments-answers", "95%"));
    ended_long_ago(&mut facts);
    (change, facts)
}

fn ended_long_ago(facts: &mut Facts) {
    facts.history.values_mut().for_each(|history| history.last_ended_at = Some(now().minus(Millis::from_mins(24 * 60))));
}

fn objective(name: &str, target: &str) -> Objective {
    ratio_objective(name, "payments", target)
}

fn budget(total: f64, remaining: f64) -> Sourced<BudgetFact> {
    Sourced::observed(BudgetFact { bad_ratio: 0.009, total, remaining, ..BudgetFact::default() }, "prometheus", now())
}

/// `web`, which calls payments and is owned by nobody.
fn caller(facts: &mut Facts) {
    facts.catalog.components.insert("web".into(), glidepath_model::catalog::Component { owner: None, ..component("web", &["payments"]) });
}

fn to_version(change: &mut Change, version: &str, does_remove: bool) {
    if let ItemKind::Version { to, removes, .. } = &mut change.items[0].kind {
        (*to, *removes) = (version.into(), does_remove);
    }
}

fn no_probe(facts: &mut Facts) {
    only_target(facts).version_probe = None;
}

fn sql(path: &str, text: &str) -> DataStep {
    DataStep::Sql { path: path.to_owned(), text: text.to_owned() }
}

fn schema(change: &mut Change, facts: &mut Facts) {
    only_target(facts).database = Some(Database {
        engine: "postgres".to_owned(),
        connection: "env:DB".to_owned(),
        lock_timeout_ms: Millis::from_secs(1),
        statement_timeout_ms: Millis::from_secs(5),
        tables: std::collections::BTreeMap::new(),
    });
    change.items[0].kind = ItemKind::Schema {
        expand: sql("e.sql", "create index if not exists i on t (c)"),
        backfill: Some(sql("b.sql", "update t set c = 1 where d")),
        batches: None,
        verify: None,
        contract: None,
    };
}

fn many(change: &mut Change, facts: &mut Facts) {
    for n in 0..11 {
        let name = format!("svc-{n:02}");
        facts.catalog.components.insert(name.as_str().into(), component(&name, &[]));
        let target = target(&name, "production", vec![region("default", &name, 2, false)]);
        facts.catalog.targets.insert(target.name.clone(), target);
        change.items.push(version(&name, "2"));
    }
    observe(facts, "1.0.0");
}

fn calendar() -> Calendar {
    Calendar {
        name: "shop".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        environments: Vec::new(),
        windows: Vec::new(),
        freezes: Vec::new(),
        no_friday_afternoon: true,
    }
}

fn freeze_from(from: &str) -> Freeze {
    let time = |text: &str| Timestamp::parse(text).unwrap();
    Freeze { name: "sale".to_owned(), from: time(from), to: time("2026-11-18T00:00:00Z"), reason: None, except: Vec::new() }
}

const ROWS: &[(glidepath_model::Code, &str, Spoil)] = &[
    (
        codes::NO_SIGNAL,
        "Nothing tells whether payments works",
        Spoil::Input(|_, f| {
            let target = only_target(f);
            (target.health, target.signals) = (None, None);
        }),
    ),
    (
        codes::NO_UNDO,
        "has no undo",
        Spoil::Plan(|p| {
            let deploy = p.body.steps.iter_mut().find(|s| s.id.as_str().contains("/deploy-")).unwrap();
            deploy.undo = Undo::Nothing;
        }),
    ),
    (
        codes::NO_OWNER,
        "Nobody owns payments",
        Spoil::Input(|c, f| {
            c.owner = None;
            f.catalog.components.values_mut().for_each(|c| c.owner = None);
        }),
    ),
    (codes::STAGE_BLIND, "finds its effect with 40 % only", Spoil::Plan(|p| p.body.assignments[0].ladder[0].power = Some(0.4))),
    (codes::TOO_LARGE, "alters 12 components", Spoil::Input(many)),
    (
        codes::OUTSIDE_WINDOW,
        "A start in production is not allowed",
        Spoil::Input(|_, f| {
            f.catalog.calendars.push(Calendar { freezes: vec![freeze_from("2026-11-17T00:00:00Z")], ..calendar() });
        }),
    ),
    (codes::NO_BACKUP, "changed without a backup", Spoil::Input(schema)),
    (
        codes::TRAFFIC_FIRST,
        "before anything is deployed",
        Spoil::Plan(|p| {
            let shift = p.body.steps.iter_mut().find(|s| s.id.as_str().ends_with("stage-1/shift")).unwrap();
            shift.needs.clear();
        }),
    ),
    (
        codes::STALE_ACCEPTED,
        "that are 1 h old",
        Spoil::Input(|_, f| {
            let old = now().minus(Millis::from_mins(60));
            f.targets.values_mut().for_each(|t| t.request_rate.values_mut().for_each(|r| r.observed_at = old));
        }),
    ),
    (
        codes::NO_TELEMETRY,
        "Telemetry is missing for payments-production: request rate (no answer)",
        Spoil::Input(|_, f| {
            let target = Some(only_target(f).name.clone());
            f.missing.push(MissingFact {
                what: "request rate".to_owned(),
                why: "no answer".to_owned(),
                target,
                kind: "traffic".to_owned(),
            });
        }),
    ),
    (codes::UNKNOWN_ASKS, "would wait for a person", Spoil::Input(|_, f| no_probe(f))),
    (
        codes::FLAG_STAYS,
        "Nothing says when the flag x",
        Spoil::Input(|c, _| {
            c.items[0].kind = ItemKind::Flag { flag: "x".to_owned(), to: Share::ALL, remove_by: None };
        }),
    ),
    (
        codes::ALL_EGGS,
        "has one region in production and no canary",
        Spoil::Input(|_, f| {
            let target = only_target(f);
            target.regions.truncate(1);
            target.signals = None;
        }),
    ),
    (codes::NO_ON_CALL, "names nobody on call", Spoil::Input(|_, f| f.catalog.owners.clear())),
    (codes::UNDO_UNTRIED, "No rollback of payments is on record", Spoil::Input(|_, f| f.history.clear())),
    (
        codes::ARTIFACT_MUTABLE,
        "the artifact payments:latest, which is not a digest",
        Spoil::Input(|c, _| {
            if let ItemKind::Version { artifact, .. } = &mut c.items[0].kind {
                *artifact = Some("payments:latest".to_owned());
            }
        }),
    ),
    (
        codes::TAG_MOVES,
        "1.0.0 of payments-production is a tag, which can be pushed again",
        Spoil::Input(|c, f| {
            only_target(f).runway = Some(Runway::Kubernetes);
            if let ItemKind::Version { to, .. } = &mut c.items[0].kind {
                *to = "1.1.0@sha256:8c3a".into();
            }
        }),
    ),
    (
        codes::PAIR_TOGETHER,
        "eu-west and us-east of payments change in the same wave",
        Spoil::Plan(|p| {
            p.body.steps.iter_mut().filter(|s| s.wave > 0).for_each(|s| s.wave = 1);
        }),
    ),
    (
        codes::HOLD_SHORT,
        "exposure may be held for 30 s only",
        Spoil::Input(|_, f| f.catalog.environments[0].hold_limit_ms = Millis::from_secs(30)),
    ),
    (
        codes::BUDGET_LOW,
        "The error budget of availability has 10 % left",
        Spoil::Input(|_, f| {
            f.catalog.objectives.push(objective("availability", "99%"));
            f.budgets.insert("availability".to_owned(), budget(1e9, 0.1));
        }),
    ),
    (
        codes::BUDGET_ASKS,
        "The error budget of availability burns at 9.5 over the last hour; it asks for another moment: the change is a feature",
        Spoil::Input(|_, f| {
            f.catalog.objectives.push(objective("availability", "99%"));
            let mut fact = budget(1e9, 0.9);
            fact.value.burn_1h = Some(9.5);
            f.budgets.insert("availability".to_owned(), fact);
        }),
    ),
    (codes::NOT_REPEATABLE, "b.sql line 1 changes rows again when it is run again: no condition leaves out", Spoil::Input(schema)),
    (codes::LOCK_UNKNOWN, "e.sql line 1 reads the whole of t while its writes wait", Spoil::Input(schema)),
    (
        codes::LOCK_LONG,
        "e.sql line 1 reads the whole of t while its writes wait, for about 1 min 40 s",
        Spoil::Input(|change, facts| {
            schema(change, facts);
            let database = only_target(facts).database.as_mut().unwrap();
            database.statement_timeout_ms = Millis::from_mins(60);
            database.tables.insert("t".to_owned(), TableSize { bytes: 10_000_000_000, rows: None });
        }),
    ),
    (
        codes::ONE_WAY,
        "cannot be undone",
        Spoil::Input(|_, f| {
            only_target(f).deploy = Some(template("manual", json!({"text": "Deploy {version} to {host}", "deadlineMs": 1000})));
        }),
    ),
    (
        codes::OUTLASTS_WINDOW,
        "from Tue 2026-11-17 11:10 CET on nothing may start: the window morning of calendar shop ended Tue 11:10",
        Spoil::Input(|_, f| {
            let morning = Window { name: "morning".to_owned(), days: vec![2], from_minute: 8 * 60, to_minute: 11 * 60 + 10 };
            f.catalog.calendars.push(Calendar { windows: vec![morning], ..calendar() });
        }),
    ),
    (
        codes::FREEZE_IN_FLIGHT,
        "from Tue 2026-11-17 11:10 CET on nothing may start: freeze sale holds until Wed 01:00",
        Spoil::Input(|_, f| {
            f.catalog.calendars.push(Calendar { freezes: vec![freeze_from("2026-11-17T10:10:00Z")], ..calendar() });
        }),
    ),
    (
        codes::RESTORE_UNTESTED,
        "production/payments/backfill cannot be undone, and the backup of payments-production was never restored in a test.",
        Spoil::Input(|c, f| {
            schema(c, f);
            only_target(f).backup = Some(Box::new(template("exec", json!({"argv": ["./backup.sh"]}))));
        }),
    ),
    (
        codes::FLAG_STAYS,
        "The flag x of payments was to be removed by 2026-11-01T00:00:00Z, and is set to 100 % instead",
        Spoil::Input(|c, _| {
            c.items[0].kind = ItemKind::Flag { flag: "x".to_owned(), to: Share::ALL, remove_by: Timestamp::parse("2026-11-01T00:00:00Z") };
        }),
    ),
    (
        codes::FLAG_UNREAD,
        "The flag x of payments is taken to be at 0 % in production: nothing reads it",
        Spoil::Input(|c, _| {
            c.items[0].kind = ItemKind::Flag { flag: "x".to_owned(), to: Share::ALL, remove_by: None };
        }),
    ),
    (
        codes::NO_ON_CALL,
        "group:default/shop-team names one contact on call and nobody after",
        Spoil::Input(|_, f| f.catalog.owners.values_mut().for_each(|owner| owner.on_call_secondary = None)),
    ),
    (
        codes::LATE_IN_WEEK,
        "It would take off in production late in the week, Fri 2026-11-20 13:30 CET",
        Spoil::Input(|_, f| {
            let until_friday = Freeze { to: Timestamp::parse("2026-11-20T12:30:00Z").unwrap(), ..freeze_from("2026-11-17T00:00:00Z") };
            f.catalog.calendars.push(Calendar { freezes: vec![until_friday], no_friday_afternoon: false, ..calendar() });
        }),
    ),
    (
        codes::ONE_WAY_EARLY,
        "cannot be undone, and 6 gates look only after it",
        Spoil::Plan(|p| {
            let deploy = p.body.steps.iter_mut().find(|s| s.id.as_str().contains("/deploy-")).unwrap();
            deploy.undo = Undo::ForwardOnly { reason: "x".to_owned() };
        }),
    ),
    (
        codes::SECRET_OPEN,
        "the header `Authorization` stands in the plan in clear",
        Spoil::Input(|_, f| {
            only_target(f).health =
                Some(template("http", json!({"url": "http://{host}:8080/healthz", "headers": {"Authorization": "Bearer abc"}})));
        }),
    ),
    (
        codes::POST_REPEATED,
        "sends POST again when its outcome is unknown",
        Spoil::Input(|_, f| {
            let mut post = template("http", json!({"url": "http://{host}/deploy/{version}", "method": "post"}));
            post.on_unknown = Some(OnUnknown::Rerun);
            only_target(f).deploy = Some(post);
        }),
    ),
    (codes::VERSION_BACK, "payments goes back from 1.0.0 to 0.9.0 in production", Spoil::Input(|c, _| to_version(c, "0.9.0", false))),
    (
        codes::SAFETY_SLOW,
        "on it takes 10 min until traffic of payments in production is safe",
        Spoil::Plan(|p| {
            let takes = Some(Estimate { p50_ms: Millis::from_mins(10), p95_ms: Millis::from_mins(20), source: String::new() });
            p.body.steps.iter_mut().filter_map(|s| s.exposure.as_mut()).for_each(|e| e.safety_takes.clone_from(&takes));
        }),
    ),
    (codes::NO_OBJECTIVE, "payments is of tier 1, has figures, and has no objective", Spoil::Input(|_, f| f.catalog.objectives.clear())),
    (
        codes::RECORD_BAD,
        "3 of 7 earlier runs of payments did not land",
        Spoil::Input(|_, f| f.history.values_mut().for_each(|history| (history.landed, history.failed) = (4, 3))),
    ),
    (
        codes::CALLERS_LEFT_OUT,
        "payments 1.1.0 removes an interface, and web, which uses it, is not in the change",
        Spoil::Input(|c, f| {
            caller(f);
            to_version(c, "1.1.0", true);
        }),
    ),
    (
        codes::CALLERS_LEFT_OUT,
        "payments goes from 1.0.0 to 2.0.0, a new major version, and web, which uses it",
        Spoil::Input(|c, f| {
            caller(f);
            to_version(c, "2.0.0", false);
        }),
    ),
    (
        codes::FAILURE_SPENDS_BUDGET,
        "requests fail on average, and payments-answers allows 25 more",
        Spoil::Input(|_, f| drop(f.budgets.insert("payments-answers".to_owned(), budget(1_000.0, 0.5)))),
    ),
    (codes::NOBODY_TOLD, "Nobody is told when a run in production needs somebody", Spoil::Input(|_, f| f.catalog.settings.notify.clear())),
    (
        codes::FAILS_ALREADY,
        "20 % of the requests to payments in us-east fail now, and payments-answers allows 5 %",
        Spoil::Input(|_, f| {
            f.targets.values_mut().flat_map(|t| t.error_ratio.values_mut()).for_each(|ratio| ratio.value = 0.2);
        }),
    ),
    (codes::DEPENDANT_UNOWNED, "web depends on what is changed and has no owner", Spoil::Input(|_, f| caller(f))),
    (
        codes::DEPENDENCY_ILL,
        "ledger in production, on which payments depends, is ill on ledger-1.eu-west",
        Spoil::Input(|_, f| {
            f.catalog.components.insert("payments".into(), component("payments", &["ledger"]));
            f.catalog.components.insert("ledger".into(), component("ledger", &[]));
            let ledger = target("ledger", "production", vec![region("eu-west", "ledger", 2, false)]);
            let name = ledger.name.clone();
            f.catalog.targets.insert(name.clone(), ledger);
            observe(f, "1.0.0");
            let ill = Sourced::observed(false, "probe", now());
            f.targets.get_mut(&name).unwrap().healthy.insert("ledger-1.eu-west".into(), ill);
        }),
    ),
    (
        codes::EXPOSED_WAIT,
        "waits up to 2 h for an answer, with 5 % of the traffic on the new side",
        Spoil::Plan(|p| {
            let gate = p.body.steps.iter_mut().find(|s| s.id.as_str().ends_with("stage-1/gate")).unwrap();
            gate.work = Work::Manual { prompt: "Go on?".to_owned(), deadline_ms: Millis::from_mins(120) };
        }),
    ),
    (
        codes::NO_LINKS,
        "payments is of tier 1 and has no links",
        Spoil::Input(|_, f| f.catalog.components.values_mut().for_each(|c| c.links.clear())),
    ),
    (
        codes::BACK_TO_BACK,
        "A run of payments ended 10 min ago, and what it did is watched for 1 h",
        Spoil::Input(|_, f| f.history.values_mut().for_each(|h| h.last_ended_at = Some(now().minus(Millis::from_mins(10))))),
    ),
    (
        codes::GATE_JUMPY,
        "One bad look at queue length fails",
        Spoil::Input(|_, f| {
            let queue = ThresholdSignal {
                name: "queue length".to_owned(),
                query: "q".to_owned(),
                min: None,
                max: Some(10.0),
                failures_max: 1,
                measured: None,
            };
            only_target(f).signals.as_mut().unwrap().thresholds.push(queue);
        }),
    ),
    (
        codes::VALUE_UNCOMPARED,
        "p99 latency of payments is compared in no stage: there is no history to learn its noise from",
        Spoil::Input(|_, f| {
            let p99 = ValueSignal {
                name: "p99 latency".to_owned(),
                query: "p99{{side}}".to_owned(),
                host_label: "instance".to_owned(),
                host_value: "{host}".to_owned(),
                worse: Worse::Increase,
                margin: 1.25,
                every_ms: Millis::from_secs(60),
            };
            only_target(f).signals.as_mut().unwrap().values.push(p99);
        }),
    ),
    (codes::LONG_FLIGHT, "The flight takes 9 h", Spoil::Plan(|p| p.prediction.duration.p50_ms = Millis::from_mins(9 * 60))),
    (
        codes::FOLLOW_UP_EARLY,
        "The contract of payments may follow 10 min after landing, and the change is watched for 1 h",
        Spoil::Input(|c, f| {
            schema(c, f);
            if let ItemKind::Schema { contract, .. } = &mut c.items[0].kind {
                let step = sql("c.sql", "alter table t drop column o");
                *contract = Some(ContractStep { step, not_before_ms: Millis::from_mins(10) });
            }
        }),
    ),
    (
        codes::HEADROOM_THIN,
        "With one host of payments in eu-west out, the other 2 carry 91 % of what they can",
        Spoil::Input(|_, f| only_target(f).replica_capacity = Some(220.0)),
    ),
    (
        codes::TIMEOUT_SHORT,
        "may take 10 min, and 9 earlier ones took up to 20 min (95 %)",
        Spoil::Input(|_, f| {
            only_target(f).deploy.as_mut().unwrap().timeout_ms = Some(Millis::from_mins(10));
            let took = DurationFact { p50_ms: Millis::from_mins(8), p95_ms: Millis::from_mins(20), count: 9 };
            f.durations.insert("deploy/payments".to_owned(), Sourced::observed(took, "store", now()));
        }),
    ),
    (
        codes::TIMEOUT_SHORT,
        "may take 6 s, and a command in it waits up to 20 s by its own `--timeout`",
        Spoil::Input(|_, f| {
            let target = only_target(f);
            target.health = Some(template("exec", json!({"argv": ["kubectl", "rollout", "status", "deployment/pay", "--timeout=20s"]})));
            target.deploy.as_mut().unwrap().timeout_ms = Some(Millis::from_secs(6));
        }),
    ),
    (
        codes::STEP_CUT,
        "may take 2 min, and is expected to take 10 min (95 %: 20 min): it is ended at all of its 3 tries with 100 %",
        Spoil::Input(|_, f| {
            only_target(f).restart_ms = Some(Millis::from_mins(10));
            only_target(f).deploy.as_mut().unwrap().timeout_ms = Some(Millis::from_mins(2));
        }),
    ),
    (
        codes::TRAFFIC_DECLARED,
        "declares 100 requests/s, and its counters count 0.01.",
        Spoil::Input(|_, f| {
            only_target(f).traffic = Some(TrafficSource::Assumed(100.0));
            let counted = Sourced::observed(0.01, "prometheus", now());
            f.targets.values_mut().for_each(|seen| drop(seen.counted_rate.insert("eu-west".into(), counted.clone())));
        }),
    ),
    (
        codes::TRAFFIC_DECLARED,
        "declares 0.5 requests/s, and its counters count 100000.",
        Spoil::Input(|_, f| {
            only_target(f).traffic = Some(TrafficSource::Assumed(0.5));
            let counted = Sourced::observed(100_000.0, "prometheus", now());
            f.targets.values_mut().for_each(|seen| drop(seen.counted_rate.insert("eu-west".into(), counted.clone())));
        }),
    ),
    (
        codes::VERSIONS_BESIDE,
        "The hosts of payments in production are restarted each by itself: two versions run side by side until the last region",
        Spoil::Input(|c, f| {
            c.items[0].strategy = Some("recreate".to_owned());
            c.constraints.downtime_ms = Some(Millis::from_mins(30));
            only_target(f).restart_ms = Some(Millis::from_secs(20));
        }),
    ),
    (codes::LANDS_RARELY, "The change does not land with 31 %", Spoil::Plan(|p| p.prediction.failure.mean = 0.31)),
    (
        codes::UNDO_CUT,
        "may take 1 s, and is expected to take 8 s (95 %: 16 s)",
        Spoil::Input(|_, f| {
            only_target(f).restart_ms = Some(Millis::from_secs(8));
            let undo = template("exec", json!({"argv": ["./undo.sh", "{host}"]}));
            only_target(f).undo = Some(ActionTemplate { timeout_ms: Some(Millis::from_secs(1)), ..undo });
        }),
    ),
    (
        codes::UNDO_GOES_FORWARD,
        "The undo of payments-production gets the new version, and not the old one",
        Spoil::Input(|_, f| only_target(f).undo = Some(template("exec", json!({"argv": ["./undo.sh", "{host}", "{version}"]})))),
    ),
    (
        codes::HOSTS_ALIKE,
        "6 hosts of payments-production are given one and the same undo command",
        Spoil::Input(|_, f| only_target(f).undo = Some(template("exec", json!({"argv": ["./undo.sh", "{from}"]})))),
    ),
    (
        codes::HOSTS_ALIKE,
        "hosts of payments-production are given one and the same deploy command",
        Spoil::Input(|_, f| only_target(f).deploy = Some(template("exec", json!({"argv": ["./deploy.sh", "pay-1", "{version}"]})))),
    ),
    (
        codes::VERSION_UNNAMED,
        "The deploy of payments-production is not told which version to bring",
        Spoil::Input(|_, f| only_target(f).deploy = Some(template("exec", json!({"argv": ["./deploy.sh", "{host}", "2.0.0"]})))),
    ),
    (codes::QUIETER_HOUR, "would meet 800 requests/s, and from Tue 2026-11-17 16:00 UTC on 200", Spoil::Input(|_, f| quiet_from(f, 6))),
    (
        codes::ENVIRONMENTS_UNLIKE,
        "staging is unlike production for payments: it has not a router; it ran 0.9.0, and production runs 1.0.0",
        Spoil::Input(|c, f| {
            staging(f);
            c.environments.insert(0, "staging".into());
            f.catalog.targets.get_mut(&"payments-staging".into()).unwrap().regions.iter_mut().for_each(|region| region.router = None);
        }),
    ),
    (
        codes::NEVER_RAN_BEFORE,
        "payments 1.1.0 goes into production and never ran in staging, which runs 0.9.0",
        Spoil::Input(|_, f| staging(f)),
    ),
];

/// `payments` also in staging, where 0.9.0 runs.
fn staging(facts: &mut Facts) {
    facts.catalog.environments.insert(0, environment("staging"));
    let mut place = only_target(facts).clone();
    (place.name, place.environment) = ("payments-staging".into(), "staging".into());
    facts.catalog.targets.insert(place.name.clone(), place.clone());
    let mut observed = facts.targets.values().next().unwrap().clone();
    observed.versions.values_mut().for_each(|version| version.value = "0.9.0".into());
    facts.targets.insert(place.name, observed);
}

/// What is found in comparing environments.
fn of_environments(change: &Change, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = plan_of(change, facts).findings;
    findings.retain(|finding| [codes::ENVIRONMENTS_UNLIKE, codes::NEVER_RAN_BEFORE].contains(&finding.code));
    findings
}

#[test]
fn environments_that_are_alike_and_have_met_the_version_are_no_finding() {
    let (mut change, mut facts) = payments();
    staging(&mut facts);
    facts.targets.get_mut(&"payments-staging".into()).unwrap().versions.values_mut().for_each(|version| version.value = "1.1.0".into());
    assert_eq!(of_environments(&change, &facts), []);
    facts.targets.get_mut(&"payments-staging".into()).unwrap().versions.values_mut().for_each(|version| version.value = "1.0.0".into());
    change.environments.insert(0, "staging".into());
    assert_eq!(of_environments(&change, &facts), []);
}

fn findings(spoil: &Spoil) -> (Plan, Facts) {
    let (mut change, mut facts) = careful();
    let mut options = options();
    options.accept_stale = true;
    if let Spoil::Input(spoil) = spoil {
        spoil(&mut change, &mut facts);
    }
    let planning = plan(&change, &facts, &descriptors(), &options);
    let mut plan = planning.plan.unwrap_or_else(|| panic!("{:#?} {:#?}", planning.refused, planning.diagnostics));
    if let Spoil::Plan(spoil) = spoil {
        spoil(&mut plan);
    }
    (plan, facts)
}

#[test]
fn each_rule_finds_its_mistake() {
    for (code, text, spoil) in ROWS {
        let (plan, facts) = findings(spoil);
        let found = check(&plan, &facts);
        let finding = found.iter().find(|d| d.code == *code).unwrap_or_else(|| panic!("{code}: {found:#?}"));
        assert!(finding.message.contains(text), "{code}: {}", finding.message);
        let rule = RULES.iter().find(|rule| rule.code == *code).unwrap();
        assert!(finding.severity <= rule.severity, "{code} is listed as {:?}", rule.severity);
        assert!(!finding.reason.is_empty() && !finding.hint.is_empty(), "{code}");
    }
}

#[test]
fn every_rule_has_a_mistake_and_is_as_bad_as_listed() {
    // Rules about what only runbooks or rotations hold are tried in `runbooks` and `rotate`.
    let elsewhere = [codes::DEADLINE_SHORT, codes::ALL_MAY_FAIL, codes::READER_LEFT_OUT];
    for rule in RULES.iter().filter(|rule| !elsewhere.contains(&rule.code)) {
        let rows = ROWS.iter().filter(|(code, ..)| *code == rule.code).map(|(_, _, spoil)| findings(spoil));
        let found: Vec<_> = rows.flat_map(|(plan, facts)| check(&plan, &facts)).filter(|finding| finding.code == rule.code).collect();
        assert_eq!(found.iter().map(|finding| finding.severity).max(), Some(rule.severity), "{} {}", rule.code, rule.name);
    }
    assert!(RULES.is_sorted_by_key(|rule| rule.code));
}

#[test]
fn a_careful_plan_has_no_finding() {
    let (change, facts) = careful();
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.findings, []);
    assert!(plan.body.steps.iter().any(|s| matches!(s.work, Work::Gate(_))));
}

#[test]
fn every_code_has_a_page() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for code in (250..=284).chain([286, 288, 294]).chain(300..=350).chain(355..=365) {
        let page = std::fs::read_to_string(folder.join(format!("GP{code:04}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# GP{code:04}: ")), "GP{code:04}");
        assert!((6..=20).contains(&page.lines().count()), "GP{code:04} has {} lines", page.lines().count());
    }
}

//! Every rule of the linter: a plan that triggers it, and one that does not.

use crate::fixture::*;
use glidepath_model::calendar::{Calendar, Freeze, Window};
use glidepath_model::catalog::{Database, Indicator, Objective};
use glidepath_model::change::*;
use glidepath_model::facts::{BudgetFact, MissingFact, Sourced};
use glidepath_model::plan::{Undo, Work};
use glidepath_model::{Change, Facts, Millis, Plan, Share, Timestamp};
use glidepath_plan::{check, codes, plan};
use serde_json::json;

/// What spoils a good plan.
enum Spoil {
    Input(fn(&mut Change, &mut Facts)),
    Plan(fn(&mut Plan)),
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
    });
    change.items[0].kind = ItemKind::Schema {
        expand: sql("e.sql", "create index if not exists i on t (c)"),
        backfill: Some(sql("b.sql", "update t set c = 1 where d")),
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

const RULES: &[(glidepath_model::Code, &str, Spoil)] = &[
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
            f.catalog.objectives.push(Objective {
                name: "availability".to_owned(),
                component: "payments".into(),
                target: Share::parse("99%").unwrap(),
                period_ms: Millis::from_mins(30 * 24 * 60),
                rolling: true,
                indicator: Indicator::Ratio { bad: Some("b".to_owned()), good: None, total: "t".to_owned() },
            });
            f.budgets.insert(
                "availability".to_owned(),
                Sourced::observed(BudgetFact { bad_ratio: 0.009, total: 1e9, remaining: 0.1 }, "prometheus", now()),
            );
        }),
    ),
    (codes::NOT_REPEATABLE, "b.sql line 1 changes rows again when it is run again: no condition leaves out", Spoil::Input(schema)),
    (codes::LOCK_UNKNOWN, "e.sql line 1 reads the whole of t while its writes wait", Spoil::Input(schema)),
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
];

fn findings(spoil: &Spoil) -> (Plan, Facts) {
    let (mut change, mut facts) = payments();
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
    for (code, text, spoil) in RULES {
        let (plan, facts) = findings(spoil);
        let found = check(&plan, &facts);
        let finding = found.iter().find(|d| d.code == *code).unwrap_or_else(|| panic!("{code}: {found:#?}"));
        assert!(finding.message.contains(text), "{code}: {}", finding.message);
        assert!(!finding.reason.is_empty() && !finding.hint.is_empty(), "{code}");
    }
}

#[test]
fn a_careful_plan_has_no_finding() {
    let (change, facts) = payments();
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.findings, []);
    assert!(plan.body.steps.iter().any(|s| matches!(s.work, Work::Gate(_))));
}

#[test]
fn every_code_has_a_page() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for code in (250..=282).chain([284, 288]).chain(300..=325) {
        let page = std::fs::read_to_string(folder.join(format!("GP{code:04}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# GP{code:04}: ")), "GP{code:04}");
        assert!((6..=20).contains(&page.lines().count()), "GP{code:04} has {} lines", page.lines().count());
    }
}

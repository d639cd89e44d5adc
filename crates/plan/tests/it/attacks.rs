//! Attempts to make the planner promise what is not so: each spoils a sound change or its facts, and says what must come of it.

mod clocks;
mod corpus;
mod sound;
mod sql;

use crate::fixture::*;
use glidepath_model::catalog::{Dependency, EdgeKind, Split};
use glidepath_model::change::*;
use glidepath_model::facts::{BudgetFact, DurationFact, History, Sourced};
use glidepath_model::plan::{Plan, Strategy, Undo, VerificationKind, Work};
use glidepath_model::{Change, Facts, Millis, Money, Share, StepId, Timestamp};
use glidepath_plan::{PlanOptions, plan};
use serde_json::json;
use sound::sound;
use std::collections::BTreeSet;

/// What must come of an attack.
enum Must {
    /// No plan, for this code and words.
    Refuse(u16, &'static str),
    /// A plan of which this holds.
    Hold(fn(&Plan) -> bool),
    /// A plan or none, as long as it is sound.
    BeSound,
}

use Must::{BeSound, Hold, Refuse};

type Attack = (&'static str, fn(&mut Change, &mut Facts), Must);

fn is_compared(plan: &Plan) -> bool {
    plan.body.assignments.iter().any(|a| a.strategy == Strategy::Canary || a.verification == VerificationKind::Statistical)
}

fn rates(facts: &mut Facts, rate: f64) {
    facts.targets.values_mut().flat_map(|t| t.request_rate.values_mut()).for_each(|r| r.value = rate);
}

fn errors(facts: &mut Facts, share: f64) {
    facts.targets.values_mut().flat_map(|t| t.error_ratio.values_mut()).for_each(|r| r.value = share);
}

fn record(facts: &mut Facts, landed: u32, failed: u32) {
    facts.history.insert("payments".into(), History { landed, failed, ..History::default() });
}

fn one_host(facts: &mut Facts) {
    only_target(facts).regions.iter_mut().for_each(|region| region.hosts.truncate(1));
}

fn split(facts: &mut Facts, canary: &str, baseline: &str) {
    let signals = only_target(facts).signals.as_mut().unwrap();
    signals.split = Some(Split {
        label: "version".to_owned(),
        canary: canary.to_owned(),
        baseline: baseline.to_owned(),
        host: None,
        concurrent_baseline: false,
    });
}

fn objective(facts: &mut Facts, fact: Option<BudgetFact>) {
    facts.catalog.objectives.push(ratio_objective("availability", "payments", "99%"));
    facts.budgets.extend(fact.map(|fact| ("availability".to_owned(), Sourced::observed(fact, "prometheus", now()))));
}

fn budget(remaining: f64, total: f64) -> Option<BudgetFact> {
    Some(BudgetFact { bad_ratio: 0.001, total, remaining, ..BudgetFact::default() })
}

fn may_spend(change: &mut Change, percent: u32) {
    change.constraints.max_budget_share = Some(Share::percent(percent));
}

fn standby(facts: &mut Facts, price: Option<Money>) {
    let target = only_target(facts);
    target.replica_hour = price;
    target.regions.iter_mut().for_each(|r| r.standby = r.hosts.iter().map(|h| format!("standby-{h}").as_str().into()).collect());
}

fn took(facts: &mut Facts, p50_ms: u64, p95_ms: u64) {
    for kind in ["deploy", "drain", "shift", "check"] {
        let fact = DurationFact { p50_ms: Millis(p50_ms), p95_ms: Millis(p95_ms), count: u32::MAX };
        facts.durations.insert(format!("{kind}/payments"), Sourced::observed(fact, "store", now()));
    }
}

/// Three services in a row: web asks auth, auth asks payments; each is changed unless left out.
fn row(change: &mut Change, facts: &mut Facts, changed: &[&str]) {
    for (name, provider) in [("auth", "payments"), ("web", "auth")] {
        facts.catalog.components.insert(name.into(), component(name, &[provider]));
        let target = target(name, "production", vec![region("eu-west", name, 3, true)]);
        facts.catalog.targets.insert(target.name.clone(), target);
    }
    observe(facts, "1.0.0");
    change.items = changed.iter().map(|name| version(name, "2.0.0")).collect();
}

fn removes(change: &mut Change, name: &str) {
    for item in change.items.iter_mut().filter(|item| item.component.as_str() == name) {
        if let ItemKind::Version { removes, .. } = &mut item.kind {
            *removes = true;
        }
    }
}

fn edge(facts: &mut Facts, from: &str, to: &str, kind: EdgeKind) {
    facts.catalog.components.get_mut(&from.into()).unwrap().depends_on.push(Dependency { to: to.into(), kind });
}

/// Whether all deploys of one component are behind before any of another begins.
fn goes_before(plan: &Plan, first: &str, second: &str) -> bool {
    let deploys = |name: &str| {
        let place = format!("production/{name}/");
        let is_deploy = move |id: &&StepId| id.as_str().starts_with(&place) && id.as_str().contains("/deploy-");
        plan.body.steps.iter().map(|step| &step.id).filter(is_deploy).collect::<Vec<_>>()
    };
    let behind = |id: &StepId| {
        let (mut found, mut open) = (BTreeSet::new(), vec![id.clone()]);
        while let Some(id) = open.pop() {
            let needs = plan.body.step(&id).unwrap().needs.clone();
            open.extend(needs.into_iter().filter(|need| found.insert(need.clone())));
        }
        found
    };
    let (early, late) = (deploys(first), deploys(second));
    !early.is_empty() && !late.is_empty() && late.iter().all(|id| early.iter().all(|one| behind(id).contains(*one)))
}

fn by_hand(facts: &mut Facts) {
    only_target(facts).deploy = Some(template("manual", json!({"text": "install {version} on {host}", "deadlineMs": 60_000})));
}

/// The words of all deploys.
fn argv(plan: &Plan) -> Vec<String> {
    let calls = plan.body.steps.iter().filter(|s| s.id.as_str().contains("/deploy-")).filter_map(|s| match &s.work {
        Work::Call(call) => call.input["argv"].as_array().cloned(),
        _ => None,
    });
    calls.flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

const NONSENSE: [f64; 8] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-308, 1e308, 2.0];

const ATTACKS: &[Attack] = &[
    // What cannot be undone.
    (
        "a rollback across a deploy by hand",
        |_, f| by_hand(f),
        Hold(|p| p.prediction.time_to_rollback.is_none() && !p.body.envelope.one_way.is_empty()),
    ),
    (
        "a rollback of one item across a deploy by hand",
        |c, f| {
            by_hand(f);
            c.on_failure = OnFailure::RollbackItem;
        },
        Hold(|p| p.prediction.time_to_rollback.is_none()),
    ),
    (
        "a rollback to a version that nobody knows",
        |_, f| {
            only_target(f).version_probe = None;
            f.targets.values_mut().for_each(|t| t.versions.clear());
        },
        Hold(|p| {
            let deploys = p.body.steps.iter().filter(|s| s.id.as_str().contains("/deploy-"));
            p.prediction.time_to_rollback.is_none() && deploys.into_iter().all(|s| matches!(s.undo, Undo::ForwardOnly { .. }))
        }),
    ),
    // Canaries that cannot detect.
    ("a canary without traffic", |_, f| rates(f, 0.0), Hold(|p| !is_compared(p))),
    ("a canary on hardly any traffic", |_, f| rates(f, 0.001), Hold(|p| !is_compared(p))),
    ("a canary on traffic that is no number", |_, f| rates(f, f64::NAN), Hold(|p| !is_compared(p))),
    ("a canary on traffic without end", |_, f| rates(f, f64::INFINITY), Hold(|p| !is_compared(p))),
    (
        "a canary on more traffic than there is",
        |_, f| rates(f, 1e308),
        Hold(|p| !is_compared(p) && p.prediction.risk_reasons.iter().any(|why| why.starts_with("no traffic figures"))),
    ),
    ("a canary that must not be watched", |_, f| f.catalog.environments[0].max_bake_ms = Millis(1), Hold(|p| !is_compared(p))),
    ("a canary that is to find nothing", |_, f| f.catalog.settings.verification.effect = 1.0, Hold(|p| !is_compared(p))),
    ("a canary that is to find what is no number", |_, f| f.catalog.settings.verification.effect = f64::NAN, Hold(|p| !is_compared(p))),
    ("a canary that finds with certainty", |_, f| f.catalog.settings.verification.power = Share::ALL, BeSound),
    ("a canary that never cries wolf", |_, f| f.catalog.settings.verification.false_alarm = Share::ZERO, BeSound),
    ("a canary that is its own yardstick", |_, f| split(f, "stable", "stable"), Hold(|p| !is_compared(p))),
    ("a canary with the label of the old side", |_, f| split(f, "{from}", "{from}"), Hold(|p| !is_compared(p))),
    ("a canary that counts only failures", |_, f| errors(f, 1.0), BeSound),
    ("a canary on shares of failures over all", |_, f| errors(f, 7.0), BeSound),
    ("a canary on one host", |_, f| one_host(f), Hold(|p| !is_compared(p))),
    (
        "one host that is down while it restarts",
        |_, f| {
            one_host(f);
            only_target(f).restart_ms = Some(Millis::from_secs(20));
        },
        Refuse(258, "1 host in eu-west restarts in 20 s, and no downtime is allowed"),
    ),
    ("a canary of everything", |_, f| f.catalog.environments[0].first_stage_max = Share::ALL, BeSound),
    ("a canary of nothing", |_, f| f.catalog.environments[0].first_stage_max = Share::ZERO, BeSound),
    // Capacity.
    (
        "hosts that carry less than there is",
        |_, f| {
            only_target(f).replica_capacity = Some(1.0);
            rates(f, 1e6);
        },
        Refuse(258, "so none can be taken out"),
    ),
    ("hosts that carry hardly anything", |_, f| only_target(f).replica_capacity = Some(1e-300), Refuse(258, "so none can be taken out")),
    // Orders that cannot be.
    (
        "together, with one between",
        |c, f| {
            row(c, f, &["web", "auth", "payments"]);
            edge(f, "web", "payments", EdgeKind::DeploysWith);
        },
        Refuse(250, "in a circle"),
    ),
    (
        "together with itself",
        |_, f| {
            edge(f, "payments", "payments", EdgeKind::DeploysWith);
            edge(f, "payments", "payments", EdgeKind::Calls);
        },
        BeSound,
    ),
    (
        "removal and use in one change",
        |c, f| {
            row(c, f, &["payments", "web"]);
            removes(c, "payments");
        },
        Hold(|p| goes_before(p, "web", "payments")),
    ),
    (
        "removal all along the row",
        |c, f| {
            row(c, f, &["payments", "auth", "web"]);
            removes(c, "payments");
            removes(c, "auth");
        },
        Hold(|p| goes_before(p, "web", "auth") && goes_before(p, "auth", "payments")),
    ),
    (
        "removal of one, addition by the next",
        |c, f| {
            row(c, f, &["payments", "auth", "web"]);
            removes(c, "auth");
        },
        Hold(|p| goes_before(p, "payments", "auth") && goes_before(p, "web", "auth")),
    ),
    (
        "an interface removed by what asks for it itself",
        |c, f| {
            row(c, f, &["payments", "auth"]);
            edge(f, "payments", "auth", EdgeKind::Calls);
            removes(c, "payments");
        },
        BeSound,
    ),
    // Things twice, and nothing at all.
    ("the same item twice", |c, _| c.items.push(version("payments", "1.1.0")), Refuse(252, "changed twice")),
    (
        "code and settings of one component",
        |c, _| {
            let mut item = version("payments", "7");
            if let ItemKind::Version { what, .. } = &mut item.kind {
                *what = VersionedKind::Config;
            }
            c.items.push(item);
        },
        Refuse(252, "changed twice"),
    ),
    ("an environment twice", |c, _| c.environments.push("production".into()), Refuse(252, "production is named twice")),
    ("a host twice", |_, f| only_target(f).regions[0].hosts[1] = "pay-1.eu-west".into(), Refuse(256, "names the host pay-1.eu-west twice")),
    (
        "a host in two regions",
        |_, f| only_target(f).regions[1].hosts[0] = "pay-1.eu-west".into(),
        Refuse(256, "names the host pay-1.eu-west twice"),
    ),
    (
        "a host that stands by for itself",
        |_, f| only_target(f).regions[0].standby = vec!["pay-1.eu-west".into()],
        Refuse(256, "names the host pay-1.eu-west twice"),
    ),
    ("a region twice", |_, f| only_target(f).regions[1].name = "eu-west".into(), Refuse(256, "names the region eu-west twice")),
    ("a region that is its own pair", |_, f| only_target(f).regions[0].pair = Some("eu-west".into()), BeSound),
    ("no items", |c, _| c.items.clear(), Refuse(253, "asks for nothing")),
    ("no environments", |c, _| c.environments.clear(), Refuse(253, "asks for nothing")),
    ("regions without hosts", |_, f| only_target(f).regions.iter_mut().for_each(|r| r.hosts.clear()), Refuse(256, "has no hosts")),
    (
        "one region without hosts",
        |_, f| only_target(f).regions[0].hosts.clear(),
        Hold(|p| p.body.steps.iter().all(|s| s.region != Some("eu-west".into()))),
    ),
    // Limits whose other side is not known.
    ("a deadline long ago", |c, _| c.constraints.finish_before = Some(Timestamp::EPOCH), Refuse(259, "after Thu 1970-01-01")),
    (
        "cost that is not known under a limit",
        |c, f| {
            standby(f, None);
            c.items[0].strategy = Some("blue-green".to_owned());
            c.constraints.max_extra_cost = Money::parse("1 EUR");
        },
        Refuse(286, "costs nobody knows how much more"),
    ),
    (
        "cost without end",
        |c, f| {
            standby(f, Some(Money { micros: i64::MAX, currency: "EUR".to_owned() }));
            c.items[0].strategy = Some("blue-green".to_owned());
            c.constraints.max_extra_cost = Money::parse("1 EUR");
        },
        Refuse(286, "at most 1.00 EUR allowed"),
    ),
    (
        "a part of a budget that nobody has seen",
        |c, f| {
            objective(f, None);
            may_spend(c, 100);
        },
        Hold(|p| p.findings.iter().any(|d| d.code.0 == 260 && d.message.contains("error budget of availability is not known"))),
    ),
    (
        "a part of a budget that is no number",
        |c, f| {
            objective(f, budget(f64::NAN, 1e9));
            may_spend(c, 100);
        },
        Hold(|p| p.findings.iter().any(|d| d.code.0 == 260 && d.message.contains("error budget of availability is not known"))),
    ),
    (
        "a part of an overspent budget",
        |c, f| {
            objective(f, budget(-3.0, 1e9));
            may_spend(c, 100);
        },
        Refuse(259, "nothing is left"),
    ),
    (
        "a budget of nothing",
        |c, f| {
            objective(f, budget(1.0, 0.0));
            f.catalog.objectives[0].target = Share::ALL;
            may_spend(c, 10);
        },
        BeSound,
    ),
    // History and time that lie.
    ("a record of nothing but failures", |_, f| record(f, 0, u32::MAX), Hold(|p| p.prediction.failure.mean > 0.99)),
    ("a record beyond counting", |_, f| record(f, u32::MAX, u32::MAX), Hold(|p| (0.4..0.6).contains(&p.prediction.failure.mean))),
    (
        "a median over its 95 %",
        |_, f| took(f, 600_000, 1),
        Hold(|p| p.prediction.time_to_safety.as_ref().unwrap().p50_ms >= Millis(600_000)),
    ),
    ("steps that take no time", |_, f| took(f, 0, 0), BeSound),
    ("steps that take for ever", |_, f| took(f, u64::MAX, u64::MAX), Hold(|p| p.prediction.duration.p50_ms == Millis(u64::MAX))),
    (
        "for ever, before a deadline",
        |c, f| {
            took(f, u64::MAX, u64::MAX);
            c.constraints.finish_before = Some(now().plus(Millis(u64::MAX)));
        },
        BeSound,
    ),
    ("a bake for ever", |_, f| f.catalog.environments[0].min_bake_ms = Millis(u64::MAX), BeSound),
    ("a window for ever", |_, f| f.catalog.environments[0].verify.iter_mut().for_each(|w| w.length_ms = Millis(u64::MAX)), BeSound),
    ("exposure that is not held at all", |_, f| f.catalog.environments[0].hold_limit_ms = Millis(1), BeSound),
    ("a plan for ever", |_, f| f.catalog.settings.plan_ttl_ms = Millis(u64::MAX), BeSound),
    (
        "downtime for ever",
        |c, f| {
            only_target(f).restart_ms = Some(Millis(u64::MAX));
            c.constraints.downtime_ms = Some(Millis(u64::MAX));
            c.items[0].strategy = Some("recreate".to_owned());
        },
        BeSound,
    ),
    // Names that are more than names.
    (
        "a version that asks to be filled in",
        |c, _| c.items = vec![version("payments", "{host}")],
        Hold(|p| argv(p).contains(&"{host}".to_owned())),
    ),
    (
        "a version that is a command",
        |c, _| c.items = vec![version("payments", "1'; rm -rf / #")],
        Hold(|p| {
            argv(p).contains(&"1'; rm -rf / #".to_owned()) && p.body.steps.iter().any(|s| s.command.ends_with(r"'1'\''; rm -rf / #'"))
        }),
    ),
    ("a version of nothing", |c, _| c.items = vec![version("payments", "")], BeSound),
    ("a version from right to left", |c, _| c.items = vec![version("payments", "\u{202e}1.1.0\u{0000}💳")], BeSound),
    ("a version without end", |c, _| c.items = vec![version("payments", &"v".repeat(100_000))], BeSound),
    ("a host with a path", |_, f| only_target(f).regions[0].hosts[0] = "../../stage-1/gate".into(), BeSound),
];

#[test]
fn no_attack_brings_a_false_promise() {
    let mut broken = Vec::new();
    for (name, spoil, must) in ATTACKS {
        let (mut change, mut facts) = payments();
        spoil(&mut change, &mut facts);
        let accepted = PlanOptions { accept_stale: true, ..options() };
        let planning = plan(&change, &facts, &descriptors(), &accepted);
        broken.extend(sound(&planning, &facts).err().map(|problem| format!("{name}: {problem}")));
        let told = || planning.refused.iter().chain(&planning.diagnostics);
        match (must, &planning.plan) {
            (BeSound, _) => {}
            (Hold(holds), Some(plan)) if holds(plan) => {}
            (Refuse(code, text), None) if told().any(|d| d.code.0 == *code && d.message.contains(text)) => {}
            (Hold(_), Some(plan)) => broken.push(format!("{name}: planned as\n{}", rendered(plan).chars().take(1_500).collect::<String>())),
            (Refuse(..), Some(plan)) => {
                broken.push(format!("{name}: planned as\n{}", rendered(plan).chars().take(1_500).collect::<String>()))
            }
            (_, None) => broken.push(format!("{name}: {:?}", told().map(|d| format!("{} {}", d.code, d.message)).collect::<Vec<_>>())),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A figure, set to a value.
type Figure = (&'static str, fn(&mut Change, &mut Facts, f64));

#[test]
fn no_nonsense_in_a_figure_comes_out_as_a_promise() {
    let figures: [Figure; 12] = [
        ("rate", |_, f, x| rates(f, x)),
        ("errors", |_, f, x| errors(f, x)),
        ("capacity", |_, f, x| only_target(f).replica_capacity = Some(x)),
        ("effect", |_, f, x| f.catalog.settings.verification.effect = x),
        ("dispersion", |_, f, x| f.catalog.settings.verification.dispersion = Some(x)),
        ("budget left", |_, f, x| objective(f, budget(x, 1e9))),
        ("budget events", |_, f, x| objective(f, budget(0.5, x))),
        ("bad share", |_, f, x| objective(f, Some(BudgetFact { bad_ratio: x, total: 1e9, remaining: 0.5, ..BudgetFact::default() }))),
        ("limit of the budget", |c, f, x| {
            objective(f, budget(x, 1e9));
            may_spend(c, 10);
        }),
        ("flag", |c, f, x| {
            c.items[0].kind = ItemKind::Flag { flag: "new".to_owned(), to: Share::ALL, remove_by: None };
            f.targets.values_mut().for_each(|t| drop(t.flags.insert("new".to_owned(), Sourced::observed(x, "provider", now()))));
        }),
        ("declared rate", |_, f, x| {
            f.targets.values_mut().for_each(|t| t.request_rate.clear());
            only_target(f).traffic = Some(glidepath_model::catalog::TrafficSource::Assumed(x));
        }),
        ("rate beyond capacity", |_, f, x| {
            rates(f, 1e12);
            only_target(f).replica_capacity = Some(x);
        }),
    ];
    let mut broken = Vec::new();
    for (name, set) in figures {
        for value in NONSENSE {
            let (mut change, mut facts) = payments();
            set(&mut change, &mut facts, value);
            let problem = sound(&planned(&change, &facts), &facts).err();
            broken.extend(problem.map(|problem| format!("{name} {value:e}: {problem}")));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_time_of_the_plan_is_too_early_or_too_late() {
    let (first, last) = (Timestamp::EPOCH.minus(Millis(u64::MAX)), Timestamp::EPOCH.plus(Millis(u64::MAX)));
    for now in [first, Timestamp::EPOCH.minus(Millis(1)), Timestamp::EPOCH, last] {
        let (change, facts) = payments();
        let planning = plan(&change, &facts, &descriptors(), &PlanOptions { now, ..options() });
        sound(&planning, &facts).unwrap_or_else(|problem| panic!("{now}: {problem}"));
    }
}

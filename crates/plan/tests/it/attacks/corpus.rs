//! Catalogs of any shape and size with figures of any kind: always a sound plan or a reason why there is none, and never a panic.
//!
//! A catalog is written down as a recipe, word by word what is odd about it. Recipes that once broke the planner are kept under `tests/corpus` and are
//! made again in every run; where the test of random ones fails, it prints the recipe, and a file of that text belongs there.

use super::sound::sound;
use crate::fixture::*;
use glidepath_model::catalog::{Dependency, EdgeKind, Indicator, Objective, TrafficSource};
use glidepath_model::change::*;
use glidepath_model::facts::{BudgetFact, DurationFact, History, Sourced};
use glidepath_model::ids::RunId;
use glidepath_model::{Change, Facts, Millis, Money, Share, Timestamp};
use glidepath_plan::{PlanOptions, plan};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

/// Items of a change at most: what is changed is small, what is around it is not.
const ITEMS_MAX: usize = 4;

/// A figure as recipes write it.
const FIGURES: [(&str, f64); 12] = [
    ("nan", f64::NAN),
    ("inf", f64::INFINITY),
    ("-inf", f64::NEG_INFINITY),
    ("-1", -1.0),
    ("0", 0.0),
    ("1e-308", 1e-308),
    ("0.001", 0.001),
    ("0.5", 0.5),
    ("1", 1.0),
    ("300", 300.0),
    ("1e12", 1e12),
    ("1e308", 1e308),
];

/// A length of time as recipes write it.
const LENGTHS: [(&str, u64); 6] =
    [("0ms", 0), ("1ms", 1), ("20s", 20_000), ("1h", 3_600_000), ("100y", 3_155_760_000_000), ("max", u64::MAX)];

#[derive(Clone, Copy)]
enum Odd {
    Figure(fn(&mut Change, &mut Facts, f64)),
    Length(fn(&mut Change, &mut Facts, Millis)),
    Shape(fn(&mut Change, &mut Facts)),
}

fn observed<T>(value: T) -> Sourced<T> {
    Sourced::observed(value, "probe", now())
}

fn targets(facts: &mut Facts) -> impl Iterator<Item = &mut glidepath_model::catalog::Target> {
    facts.catalog.targets.values_mut()
}

fn environments(facts: &mut Facts) -> impl Iterator<Item = &mut glidepath_model::catalog::Environment> {
    facts.catalog.environments.iter_mut()
}

fn first_component(change: &Change) -> glidepath_model::ComponentName {
    change.items.first().map_or("c0".into(), |item| item.component.clone())
}

fn with_budget(change: &Change, facts: &mut Facts, fact: BudgetFact) {
    let component = first_component(change);
    facts.catalog.objectives.push(Objective {
        name: "availability".to_owned(),
        component,
        target: Share::parse("99.9%").unwrap(),
        period_ms: Millis::from_mins(30 * 24 * 60),
        rolling: true,
        indicator: Indicator::Ratio { bad: Some("b".to_owned()), good: None, total: "t".to_owned() },
        terms: glidepath_model::catalog::Terms::default(),
    });
    facts.budgets.insert("availability".to_owned(), observed(fact));
}

/// Every oddity by its word.
const ODDITIES: &[(&str, Odd)] = &[
    ("rate", Odd::Figure(|_, f, x| f.targets.values_mut().flat_map(|t| t.request_rate.values_mut()).for_each(|r| r.value = x))),
    ("declared-rate", Odd::Figure(|_, f, x| targets(f).for_each(|t| t.traffic = Some(TrafficSource::Assumed(x))))),
    ("errors", Odd::Figure(|_, f, x| f.targets.values_mut().flat_map(|t| t.error_ratio.values_mut()).for_each(|r| r.value = x))),
    ("capacity", Odd::Figure(|_, f, x| targets(f).for_each(|t| t.replica_capacity = Some(x)))),
    ("effect", Odd::Figure(|_, f, x| f.catalog.settings.verification.effect = x)),
    ("dispersion", Odd::Figure(|_, f, x| f.catalog.settings.verification.dispersion = Some(x))),
    ("power", Odd::Figure(|_, f, x| f.catalog.settings.verification.power = Share::from_f64(x))),
    ("false-alarm", Odd::Figure(|_, f, x| f.catalog.settings.verification.false_alarm = Share::from_f64(x))),
    ("first-stage", Odd::Figure(|_, f, x| environments(f).for_each(|e| e.first_stage_max = Share::from_f64(x)))),
    (
        "budget-left",
        Odd::Figure(|c, f, x| with_budget(c, f, BudgetFact { bad_ratio: 0.1, total: 1e6, remaining: x, ..BudgetFact::default() })),
    ),
    (
        "budget-events",
        Odd::Figure(|c, f, x| with_budget(c, f, BudgetFact { bad_ratio: 0.1, total: x, remaining: 0.5, ..BudgetFact::default() })),
    ),
    ("price", Odd::Figure(|_, f, x| targets(f).for_each(|t| t.replica_hour = Money::parse("1 EUR").map(|m| m.times(x))))),
    ("spend", Odd::Figure(|c, _, x| c.constraints.max_budget_share = Some(Share::from_f64(x)))),
    ("cost", Odd::Figure(|c, _, x| c.constraints.max_extra_cost = Money::parse("1 EUR").map(|m| m.times(x)))),
    ("min-bake", Odd::Length(|_, f, l| environments(f).for_each(|e| e.min_bake_ms = l))),
    ("max-bake", Odd::Length(|_, f, l| environments(f).for_each(|e| e.max_bake_ms = l))),
    ("hold", Odd::Length(|_, f, l| environments(f).for_each(|e| e.hold_limit_ms = l))),
    ("window", Odd::Length(|_, f, l| environments(f).flat_map(|e| &mut e.verify).for_each(|w| w.length_ms = l))),
    ("restart", Odd::Length(|_, f, l| targets(f).for_each(|t| t.restart_ms = Some(l)))),
    ("downtime", Odd::Length(|c, _, l| c.constraints.downtime_ms = Some(l))),
    ("ttl", Odd::Length(|_, f, l| f.catalog.settings.plan_ttl_ms = l)),
    ("age", Odd::Length(|_, f, l| f.catalog.settings.fact_age_max_ms = l)),
    ("deadline", Odd::Length(|c, _, l| c.constraints.finish_before = Some(now().plus(l)))),
    (
        "took",
        Odd::Length(|c, f, l| {
            for (item, kind) in c.items.iter().flat_map(|item| ["deploy", "drain", "shift"].map(|kind| (item, kind))) {
                let fact = DurationFact { p50_ms: l, p95_ms: Millis(l.0 / 2), count: 0 };
                f.durations.insert(format!("{kind}/{}", item.component), observed(fact));
            }
        }),
    ),
    ("no-targets", Odd::Shape(|_, f| f.catalog.targets.clear())),
    ("no-facts", Odd::Shape(|_, f| f.targets.clear())),
    ("no-components", Odd::Shape(|_, f| f.catalog.components.clear())),
    ("no-environments", Odd::Shape(|_, f| f.catalog.environments.clear())),
    ("no-hosts", Odd::Shape(|_, f| targets(f).flat_map(|t| &mut t.regions).for_each(|r| r.hosts.clear()))),
    ("no-regions", Odd::Shape(|_, f| targets(f).for_each(|t| t.regions.clear()))),
    ("no-router", Odd::Shape(|_, f| targets(f).flat_map(|t| &mut t.regions).for_each(|r| r.router = None))),
    ("no-deploy", Odd::Shape(|_, f| targets(f).for_each(|t| t.deploy = None))),
    ("no-health", Odd::Shape(|_, f| targets(f).for_each(|t| t.health = None))),
    ("no-versions", Odd::Shape(|_, f| f.targets.values_mut().for_each(|t| t.versions.clear()))),
    ("one-host", Odd::Shape(|_, f| targets(f).flat_map(|t| &mut t.regions).for_each(|r| r.hosts.truncate(1)))),
    ("same-hosts", Odd::Shape(|_, f| targets(f).flat_map(|t| &mut t.regions).flat_map(|r| &mut r.hosts).for_each(|h| *h = "one".into()))),
    ("same-regions", Odd::Shape(|_, f| targets(f).flat_map(|t| &mut t.regions).for_each(|r| r.name = "here".into()))),
    (
        "standby",
        Odd::Shape(|_, f| {
            targets(f)
                .flat_map(|t| &mut t.regions)
                .for_each(|r| r.standby = r.hosts.iter().map(|h| format!("by-{h}").as_str().into()).collect())
        }),
    ),
    ("ill", Odd::Shape(|_, f| f.targets.values_mut().flat_map(|t| t.healthy.values_mut()).for_each(|h| h.value = false))),
    (
        "mixed",
        Odd::Shape(|_, f| f.targets.values_mut().flat_map(|t| t.versions.values_mut()).step_by(2).for_each(|v| v.value = "0.9".into())),
    ),
    (
        "runs-already",
        Odd::Shape(|_, f| f.targets.values_mut().flat_map(|t| t.versions.values_mut()).for_each(|v| v.value = "2.0.0".into())),
    ),
    ("held", Odd::Shape(|_, f| f.active = f.catalog.targets.keys().map(|name| (name.clone(), RunId::new(""))).collect())),
    (
        "dangling",
        Odd::Shape(|_, f| {
            for c in f.catalog.components.values_mut() {
                c.depends_on.push(Dependency { to: "nowhere".into(), kind: EdgeKind::Calls });
                c.depends_on.push(Dependency { to: "nowhere".into(), kind: EdgeKind::DeploysWith });
            }
        }),
    ),
    (
        "circle",
        Odd::Shape(|c, f| {
            let (first, last) = (first_component(c), c.items.last().map_or("c0".into(), |item| item.component.clone()));
            f.catalog.components.entry(first).and_modify(|c| c.depends_on.push(Dependency { to: last, kind: EdgeKind::Calls }));
        }),
    ),
    (
        "tied",
        Odd::Shape(|_, f| f.catalog.components.values_mut().flat_map(|c| &mut c.depends_on).for_each(|d| d.kind = EdgeKind::DeploysWith)),
    ),
    (
        "removes",
        Odd::Shape(|c, _| {
            for item in &mut c.items {
                if let ItemKind::Version { removes, .. } = &mut item.kind {
                    *removes = true;
                }
            }
        }),
    ),
    ("twice", Odd::Shape(|c, _| c.items = c.items.iter().chain(&c.items).cloned().collect())),
    ("no-items", Odd::Shape(|c, _| c.items.clear())),
    (
        "flags",
        Odd::Shape(|c, _| {
            for item in &mut c.items {
                item.kind = ItemKind::Flag { flag: "f".to_owned(), to: Share::ALL, remove_by: None };
            }
        }),
    ),
    (
        "replicas",
        Odd::Shape(|c, _| {
            for item in &mut c.items {
                item.kind = ItemKind::Capacity { replicas: u32::MAX, expect_replicas: None, until: Some(Timestamp::EPOCH) };
            }
        }),
    ),
    (
        "failures",
        Odd::Shape(|_, f| {
            f.history =
                f.catalog.components.keys().map(|c| (c.clone(), History { landed: 0, failed: u32::MAX, ..History::default() })).collect()
        }),
    ),
    ("no-signals", Odd::Shape(|_, f| targets(f).for_each(|t| t.signals = None))),
    ("canaries", Odd::Shape(|c, _| c.items.iter_mut().for_each(|item| item.strategy = Some("canary".to_owned())))),
    ("hold-on-failure", Odd::Shape(|c, _| c.on_failure = OnFailure::Hold)),
    ("item-on-failure", Odd::Shape(|c, _| c.on_failure = OnFailure::RollbackItem)),
];

/// `components` in all, of which the first few are changed, each asking `edges` of those after it.
fn catalog(components: usize, edges: usize) -> (Change, Facts) {
    let names: Vec<String> = (0..components).map(|n| format!("c{n}")).collect();
    let asked = |n: usize| -> Vec<&str> {
        (1..=edges).map(|e| names[(n + e * e) % components].as_str()).filter(|to| *to > names[n].as_str()).collect()
    };
    let all = (0..components).map(|n| component(&names[n], &asked(n))).collect();
    let regions = |name: &str| vec![region("r0", name, 3, true), region("r1", name, 2, true)];
    let targets = names.iter().map(|name| target(name, "production", regions(name))).collect();
    let facts = facts(all, targets, &["production"]);
    let items = names.iter().take(ITEMS_MAX).map(|name| version(name, "2.0.0")).collect();
    (change(&["production"], items), facts)
}

/// Makes a recipe: `catalog COMPONENTS EDGES`, then one oddity a line.
fn make(recipe: &str) -> Result<(), String> {
    let mut made: Option<(Change, Facts)> = None;
    for line in recipe.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let odd = |word: &str| ODDITIES.iter().find(|(known, _)| *known == word).map(|(_, odd)| *odd).ok_or(format!("unknown: {line}"));
        match (words.as_slice(), &mut made) {
            (["catalog", components, edges], made) => {
                let number = |text: &str| text.parse::<usize>().map_err(|_| format!("no number: {line}"));
                *made = Some(catalog(number(components)?.max(1), number(edges)?));
            }
            ([word, rest @ ..], Some((change, facts))) => match (odd(word)?, rest) {
                (Odd::Figure(set), [value]) => set(change, facts, figure(value).ok_or(format!("no figure: {line}"))?),
                (Odd::Length(set), [value]) => set(change, facts, length(value).ok_or(format!("no length: {line}"))?),
                (Odd::Shape(spoil), []) => spoil(change, facts),
                _ => return Err(format!("not understood: {line}")),
            },
            _ => return Err(format!("before the catalog: {line}")),
        }
    }
    let (change, facts) = made.ok_or("no catalog")?;
    let planning = plan(&change, &facts, &descriptors(), &PlanOptions { accept_stale: true, ..options() });
    sound(&planning, &facts)
}

fn figure(text: &str) -> Option<f64> {
    FIGURES.iter().find(|(known, _)| *known == text).map(|(_, value)| *value)
}

fn length(text: &str) -> Option<Millis> {
    LENGTHS.iter().find(|(known, _)| *known == text).map(|(_, value)| Millis(*value))
}

/// A recipe of a catalog of so many components and random oddities.
fn recipe(components: impl Strategy<Value = usize>, odd: usize) -> impl Strategy<Value = String> {
    let oddity = (0..ODDITIES.len(), 0_usize..FIGURES.len() * LENGTHS.len());
    (components, 0_usize..7, prop::collection::vec(oddity, 0..=odd)).prop_map(|(components, edges, oddities)| {
        let mut text = format!("catalog {components} {edges}\n");
        for (at, value) in oddities {
            let (word, odd) = ODDITIES[at];
            let _ = match odd {
                Odd::Figure(_) => writeln!(text, "{word} {}", FIGURES[value % FIGURES.len()].0),
                Odd::Length(_) => writeln!(text, "{word} {}", LENGTHS[value % LENGTHS.len()].0),
                Odd::Shape(_) => writeln!(text, "{word}"),
            };
        }
        text
    })
}

fn holds(recipe: &str) -> Result<(), TestCaseError> {
    make(recipe).map_err(|problem| TestCaseError::fail(format!("{problem}\n{recipe}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn odd_catalogs_are_planned_soundly_or_refused(recipe in recipe(1_usize..9, 6)) {
        holds(&recipe)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, max_shrink_iters: 8, ..ProptestConfig::default() })]
    #[test]
    fn large_catalogs_are_planned_soundly_or_refused(recipe in recipe(5_000_usize..=10_000, 2)) {
        holds(&recipe)?;
    }
}

#[test]
fn what_once_broke_the_planner_does_not_break_it_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut broken = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        count += 1;
        let problem = make(&std::fs::read_to_string(&path).unwrap()).err();
        broken.extend(problem.map(|problem| format!("{}: {problem}", path.display())));
    }
    assert!(count > 0 && broken.is_empty(), "{}", broken.join("\n"));
}

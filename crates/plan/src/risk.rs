//! How likely each component's change fails, and why: what is known of it, by the stated weights.
//!
//! The strategy is no reason: it decides what is caught, not what is wrong. A change that fails does so in every environment, so each component
//! counts once however many places it goes to. What several places know of it counts as the worst of them. A weight that is not known to apply does not.

use crate::site::Site;
use glidepath_judge::calibration::BASE_RATE;
use glidepath_judge::correction::Correction;
use glidepath_judge::risk::{self, Risk, base, of_record, of_several, part};
use glidepath_model::Timestamp;
use glidepath_model::catalog::{Catalog, Target};
use glidepath_model::change::{Change, Item, ItemKind, VersionedKind};
use glidepath_model::facts::{Facts, History, Sourced};
use glidepath_model::ids::{ComponentName, EnvironmentName, OwnerRef, Version};
use glidepath_model::plan::{ComponentRisk, ProbabilityEstimate, RiskReason};
use glidepath_model::text::plural;
use std::collections::{BTreeMap, BTreeSet};

/// A weight as published: what is counted, what one of it adds to the log-odds, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// What it is about.
    pub about: &'static str,
    /// What is counted; the weight is for one of it.
    pub counts: &'static str,
    /// Added to the log-odds for each.
    pub log_odds: f64,
    /// Why, with the source where there is one.
    pub why: &'static str,
}

const CONFIG: Weight = Weight {
    about: "kind: configuration",
    counts: "1 if it is one",
    log_odds: 0.2,
    why: "Our judgement: seldom tested as code is, and read by all hosts alike.",
};
const INFRASTRUCTURE: Weight =
    Weight { about: "kind: infrastructure", counts: "1 if it is one", log_odds: 0.4, why: "Our judgement: everything above it feels it." };
const SCHEMA: Weight = Weight {
    about: "kind: schema or data",
    counts: "1 if it is one",
    log_odds: 0.4,
    why: "Our judgement: two versions of the code and real data have to agree with it.",
};
const SECRET: Weight = Weight {
    about: "kind: secret",
    counts: "1 if it is one",
    log_odds: 0.2,
    why: "Our judgement: readers that nobody declared are found when the old value goes.",
};
const CAPACITY: Weight = Weight {
    about: "kind: capacity",
    counts: "1 if it is one",
    log_odds: -0.5,
    why: "Our judgement: what runs is not altered, only how much of it.",
};
const FAILOVER: Weight = Weight {
    about: "kind: failover",
    counts: "1 if it is one",
    log_odds: 0.4,
    why: "Our judgement: the way is walked seldom, and writes are refused meanwhile.",
};
const TRAFFIC: Weight = Weight {
    about: "kind: traffic",
    counts: "1 if it is one",
    log_odds: -0.3,
    why: "Our judgement: what runs is not altered, only who comes to it.",
};
const FLAG: Weight = Weight {
    about: "kind: flag",
    counts: "1 if it is one",
    log_odds: -0.4,
    why: "Our judgement: the code runs already, and was deployed without being used.",
};
const HOSTS: Weight = Weight {
    about: "size: hosts",
    counts: "tenfolds of its hosts, in the environment that has most",
    log_odds: 0.15,
    why: "Our judgement: more machines, more of them in a state that nobody expects.",
};
const TIER: Weight = Weight {
    about: "tier",
    counts: "tiers above 3; negative below",
    log_odds: 0.1,
    why: "Our judgement: what matters more is watched more closely, so less that is wrong goes unnoticed.",
};
const ONE_WAY: Weight = Weight {
    about: "reversibility",
    counts: "1 if it moves data, or what runs now is not known",
    log_odds: 0.3,
    why: "Our judgement: what cannot be put back as it was cannot be tried before.",
};
const DEPENDANTS: Weight = Weight {
    about: "dependants",
    counts: "doublings of 1 + the components that depend on it directly",
    log_odds: 0.1,
    why: "Direction: what many depend on has more failures (Zimmermann and Nagappan, \"Predicting defects using network analysis on dependency graphs\", 2008); size: our judgement.",
};
const EVIDENCE: Weight = Weight {
    about: "evidence",
    counts: "1 if the same version was seen running on all its hosts in an earlier environment",
    log_odds: -0.5,
    why: "Our judgement: what is wrong everywhere was wrong there, too; what is wrong only under production's load was not.",
};
const BUDGET: Weight = Weight {
    about: "error budget",
    counts: "1 if less than a quarter of an objective's budget is left, 2 if none is",
    log_odds: 0.25,
    why: "Our judgement: a service that fails its users now has less room for what a change adds. Thresholds: those of the error-budget policy.",
};
const TIME: Weight = Weight {
    about: "time of week",
    counts: "1 if it takes off on Friday from 12:00, at the weekend, or between 19:00 and 7:00, in the time zone of its calendar",
    log_odds: 0.2,
    why: "Direction: changes made on Fridays induce most fixes (Śliwerski, Zimmermann and Zeller, \"When do changes induce fixes?\", 2005); size and hours: our judgement.",
};
const RECORD: Weight = Weight {
    about: "component's record",
    counts: "log-odds by which its own runs moved the share of failures from one in twenty (Beta-Binomial)",
    log_odds: 1.0,
    why: "Arithmetic, not opinion. One in twenty: the change failure rate of the best cluster of DORA's \"Accelerate State of DevOps 2024\" is 5 %; a change that was planned is held to be one of those until its record says otherwise.",
};
const OWNER: Weight = Weight {
    about: "author's record",
    counts: "the same from runs of the change's owner on other components",
    log_odds: 0.5,
    why: "Direction: experience matters (Kamei and others, 2013); half of it is held to carry over from one component to another, our judgement.",
};

/// All of them, in the order in which they are told.
pub const WEIGHTS: [Weight; 17] = [
    CONFIG,
    INFRASTRUCTURE,
    SCHEMA,
    SECRET,
    CAPACITY,
    FAILOVER,
    TRAFFIC,
    FLAG,
    HOSTS,
    TIER,
    ONE_WAY,
    DEPENDANTS,
    EVIDENCE,
    BUDGET,
    TIME,
    RECORD,
    OWNER,
];

/// Share of a budget under which little is left of it.
const BUDGET_LITTLE: f64 = 0.25;
/// Hours of a day in which people are at work, first and one past the last.
const DAY: (i8, i8) = (7, 19);
/// Hour of a Friday from which the weekend is near.
const FRIDAY_NOON: i8 = 12;

/// How likely a change fails: each component, and the whole.
pub(crate) struct Risks {
    /// Likeliest first.
    pub(crate) components: Vec<ComponentRisk>,
    pub(crate) whole: ProbabilityEstimate,
}

impl Risks {
    /// The probability that a component's change fails.
    pub(crate) fn of(&self, component: &ComponentName) -> Option<&ComponentRisk> {
        self.components.iter().find(|one| one.component == *component)
    }
}

/// The risks of a change that takes off at that time of a time zone, where one is known.
pub(crate) fn risks(
    change: &Change,
    facts: &Facts,
    around: &Around<'_>,
    sites: &[&Site<'_>],
    takes_off: Option<(Timestamp, &str)>,
) -> Risks {
    let names: BTreeSet<&ComponentName> = sites.iter().map(|site| &site.target.component).collect();
    let mut runs = 0;
    let mut found: Vec<(ComponentRisk, Risk)> = Vec::new();
    for name in names {
        let here: Vec<&Site<'_>> = sites.iter().copied().filter(|site| site.target.component == *name).collect();
        let history = facts.history.get(name);
        let (failed, landed) = history.map_or((0, 0), counts);
        runs += failed + landed;
        let reasons = reasons(change, facts, around, name, &here, takes_off);
        let weights: Vec<f64> = reasons.iter().map(|reason| reason.log_odds).collect();
        let risk = risk::risk(failed, landed, &weights);
        let record = said(RECORD, record_words(failed, landed), of_record(failed, landed));
        let reasons = record.into_iter().chain(reasons).collect();
        let one = ComponentRisk {
            component: name.clone(),
            probability: risk.mean,
            low: risk.low,
            high: risk.high,
            base: logistic_base(),
            reasons,
        };
        found.push((one, risk));
    }
    let mut whole = of_several(&found.iter().map(|(_, risk)| *risk).collect::<Vec<_>>());
    let before = whole.mean;
    let correction = facts.correction.as_ref().map(|c| Correction { intercept: c.intercept, slope: c.slope, runs: c.runs });
    let label = match &correction {
        Some(correction) => {
            whole = Risk { mean: correction.apply(whole.mean), low: correction.apply(whole.low), high: correction.apply(whole.high) };
            format!("corrected by {} of your runs", correction.runs)
        }
        None if runs == 0 => "prior only, 0 of your runs".to_owned(),
        None => format!("prior and {runs} of your runs"),
    };
    let mut components: Vec<ComponentRisk> = found.into_iter().map(|(one, _)| one).collect();
    if correction.is_some() {
        for one in &mut components {
            let corrected = |of: f64| part(of, before, whole.mean);
            (one.probability, one.low, one.high) = (corrected(one.probability), corrected(one.low), corrected(one.high));
        }
    }
    components.sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.component.cmp(&b.component)));
    let uncorrected = correction.map(|_| tidy(before));
    Risks {
        components,
        whole: ProbabilityEstimate {
            mean: tidy(whole.mean),
            low: tidy(whole.low),
            high: tidy(whole.high),
            label,
            uncorrected,
            of_change: None,
        },
    }
}

/// The probability that something fails of which nothing at all is known.
pub(crate) fn unknown() -> ProbabilityEstimate {
    let risk = risk::risk(0, 0, &[]);
    let label = "prior only, 0 of your runs".to_owned();
    ProbabilityEstimate { mean: tidy(risk.mean), low: tidy(risk.low), high: tidy(risk.high), label, uncorrected: None, of_change: None }
}

fn logistic_base() -> f64 {
    tidy(risk::logistic(base()))
}

fn counts(history: &History) -> (u64, u64) {
    (u64::from(history.failed), u64::from(history.landed))
}

fn record_words(failed: u64, landed: u64) -> String {
    match (failed, landed) {
        (0, 1) => "its one run landed".to_owned(),
        (0, landed) => format!("all of its {landed} runs landed"),
        (1, 0) => "its one run did not land".to_owned(),
        (failed, landed) => format!("{failed} of its {} runs did not land", failed + landed),
    }
}

/// Figures to six digits, so that they read well.
fn tidy(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// A reason, where it moves anything.
fn said(weight: Weight, words: String, times: f64) -> Option<RiskReason> {
    let log_odds = tidy(weight.log_odds * times);
    (log_odds != 0.0 && log_odds.is_finite()).then(|| RiskReason { about: weight.about.to_owned(), what: words, log_odds })
}

/// What stands around the components of a change, looked up once: a catalog may be large.
pub(crate) struct Around<'a> {
    dependants: BTreeMap<&'a ComponentName, BTreeSet<&'a ComponentName>>,
    targets: BTreeMap<(&'a ComponentName, &'a EnvironmentName), &'a Target>,
}

impl<'a> Around<'a> {
    pub(crate) fn of<'s>(catalog: &'a Catalog, sites: impl Iterator<Item = &'s Site<'s>>) -> Self {
        let names: BTreeSet<&ComponentName> = sites.map(|site| &site.target.component).collect();
        let mut dependants: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for component in catalog.components.values() {
            for dependency in component.depends_on.iter().filter(|dependency| names.contains(&dependency.to)) {
                dependants.entry(&dependency.to).or_default().insert(&component.name);
            }
        }
        let of_them = catalog.targets.values().filter(|target| names.contains(&target.component));
        let targets = of_them.map(|target| ((&target.component, &target.environment), target)).collect();
        Self { dependants, targets }
    }
}

/// What is known of a component's change beside its own record.
fn reasons(
    change: &Change,
    facts: &Facts,
    around: &Around<'_>,
    name: &ComponentName,
    sites: &[&Site<'_>],
    takes_off: Option<(Timestamp, &str)>,
) -> Vec<RiskReason> {
    let component = facts.catalog.components.get(name);
    let hosts = sites.iter().map(|site| site.regions.iter().map(|at| at.region.hosts.len()).sum::<usize>()).max().unwrap_or(0);
    let tier = component.and_then(|component| component.tier);
    let dependants = around.dependants.get(name).map_or(0, BTreeSet::len);
    let found = [
        sites
            .iter()
            .map(|site| site.change_item)
            .filter_map(kind)
            .max_by(|a, b| a.log_odds.total_cmp(&b.log_odds))
            .and_then(|weight| said(weight, weight.about.trim_start_matches("kind: ").to_owned(), 1.0)),
        said(HOSTS, plural(hosts, "host", "hosts"), (hosts.max(1) as f64).log10()),
        tier.and_then(|tier| said(TIER, format!("tier {tier}"), 3.0 - f64::from(tier.clamp(1, 4)))),
        one_way(sites).and_then(|why| said(ONE_WAY, why.to_owned(), 1.0)),
        said(DEPENDANTS, plural(dependants, "component depends on it", "components depend on it"), (1.0 + dependants as f64).log2()),
        evidence(facts, around, sites).and_then(|words| said(EVIDENCE, words, 1.0)),
        budget(facts, name),
        takes_off
            .and_then(|(time, zone)| Some((time, is_odd_hour(time, zone)?, zone)))
            .filter(|(_, odd, _)| *odd)
            .and_then(|(time, _, zone)| said(TIME, format!("takes off {}", time.shown_in(Some(zone))), 1.0)),
        change.owner.as_ref().and_then(|owner| of_owner(facts, owner, change)),
    ];
    found.into_iter().flatten().collect()
}

/// The weight of an item's kind; code is what everything is set against.
fn kind(item: &Item) -> Option<Weight> {
    match &item.kind {
        ItemKind::Version { what: VersionedKind::Code, .. } => None,
        ItemKind::Version { what: VersionedKind::Config, .. } => Some(CONFIG),
        ItemKind::Version { what: VersionedKind::Infrastructure, .. } => Some(INFRASTRUCTURE),
        ItemKind::Schema { .. } | ItemKind::Contract { .. } => Some(SCHEMA),
        ItemKind::Flag { .. } => Some(FLAG),
        ItemKind::Secret { .. } => Some(SECRET),
        ItemKind::Capacity { .. } => Some(CAPACITY),
        ItemKind::Failover { .. } => Some(FAILOVER),
        ItemKind::Traffic { .. } => Some(TRAFFIC),
    }
}

fn one_way(sites: &[&Site<'_>]) -> Option<&'static str> {
    let moves_data = |site: &&Site<'_>| matches!(&site.change_item.kind, ItemKind::Schema { backfill: Some(_), .. });
    if sites.iter().any(moves_data) {
        return Some("it moves data");
    }
    if sites.iter().any(|site| matches!(&site.change_item.kind, ItemKind::Contract { .. })) {
        return Some("nothing brings back what it takes away");
    }
    sites.iter().any(|site| site.from.is_none()).then_some("what runs now is not known")
}

/// Where what is to be deployed was seen on every host of an earlier environment.
fn evidence(facts: &Facts, around: &Around<'_>, sites: &[&Site<'_>]) -> Option<String> {
    let order = |name: &EnvironmentName| facts.catalog.environments.iter().position(|environment| environment.name == *name);
    let first = sites.iter().filter_map(|site| order(&site.environment.name)).min()?;
    let wanted: BTreeSet<&str> = sites
        .iter()
        .filter_map(|site| match &site.change_item.kind {
            ItemKind::Version { to, .. } => Some(to.as_str()),
            ItemKind::Schema { .. }
            | ItemKind::Contract { .. }
            | ItemKind::Flag { .. }
            | ItemKind::Secret { .. }
            | ItemKind::Capacity { .. }
            | ItemKind::Failover { .. }
            | ItemKind::Traffic { .. } => None,
        })
        .collect();
    let name = &sites.first()?.target.component;
    let wanted = if wanted.len() == 1 { *wanted.first()? } else { return None };
    facts.catalog.environments.iter().take(first).find_map(|environment| {
        let target = around.targets.get(&(name, &environment.name))?;
        let seen = &facts.targets.get(&target.name)?.versions;
        let runs = |version: &Sourced<Version>| !version.assumed && version.value.as_str() == wanted;
        let on_all = target.hosts().count() > 0 && target.hosts().all(|(_, host)| seen.get(host).is_some_and(runs));
        on_all.then(|| format!("{wanted} runs in {}", environment.name))
    })
}

fn budget(facts: &Facts, name: &ComponentName) -> Option<RiskReason> {
    let of_it = facts.catalog.objectives.iter().filter(|objective| objective.component == *name);
    let left = of_it.filter_map(|objective| facts.budgets.get(&objective.name)).map(|budget| budget.value.remaining).reduce(f64::min)?;
    let times = match left {
        left if left <= 0.0 => 2.0,
        left if left < BUDGET_LITTLE => 1.0,
        _ => 0.0,
    };
    // What is overspent may be so without end, and how far tells nobody anything.
    let words =
        if left > 0.0 { format!("{:.0} % of its error budget is left", left * 100.0) } else { "its error budget is spent".to_owned() };
    said(BUDGET, words, times)
}

fn of_owner(facts: &Facts, owner: &OwnerRef, change: &Change) -> Option<RiskReason> {
    let changed: BTreeSet<&ComponentName> = change.items.iter().flat_map(Item::components).collect();
    let others = facts.owners.get(owner)?.iter().filter(|(component, _)| !changed.contains(component));
    let (failed, landed) = others.map(|(_, history)| counts(history)).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    // Without its kind and its namespace, as people know it.
    let team = owner.as_str().rsplit('/').next().unwrap_or_default();
    let words = match (failed, landed) {
        (0, 1) => format!("the one run of {team} on another component landed"),
        (1, 0) => format!("the one run of {team} on another component did not land"),
        (0, landed) => format!("all {landed} runs of {team} on other components landed"),
        (failed, landed) => format!("{failed} of {} runs of {team} on other components did not land", failed + landed),
    };
    said(OWNER, words, of_record(failed, landed))
}

/// Whether few people are at work then; `None` where the time zone is not known.
fn is_odd_hour(time: Timestamp, zone: &str) -> Option<bool> {
    let civil = time.to_jiff().in_tz(zone).ok()?;
    let (day, hour) = (civil.weekday().to_monday_one_offset(), civil.hour());
    Some(day > 5 || (day == 5 && hour >= FRIDAY_NOON) || !(DAY.0..DAY.1).contains(&hour))
}

/// Histories of owners by component, from what became of their runs.
pub fn add_to_owners(
    owners: &mut BTreeMap<OwnerRef, BTreeMap<ComponentName, History>>,
    owner: &OwnerRef,
    components: &[ComponentName],
    landed: bool,
) {
    let of_owner = owners.entry(owner.clone()).or_default();
    for component in components {
        let history = of_owner.entry(component.clone()).or_default();
        let count = if landed { &mut history.landed } else { &mut history.failed };
        *count = count.saturating_add(1);
    }
}

// What the label of a record calls a prior is the same one in twenty.
const _: () = assert!(BASE_RATE.failures / (BASE_RATE.failures + BASE_RATE.successes) == 0.05);

//! Section 3: how things are before take-off, and the list to say go or no-go by.

use super::Sources;
use crate::document::{Section, Text, Tone};
use crate::figures::{listed, minute, percent, plural, rate};
use crate::places::rows_told_once;
use crate::promise;
use crate::state;
use glidepath_judge::slo::BURN_MAX;
use glidepath_model::change::{ChangeClass, Intent};
use glidepath_model::plan::{Assignment, Phase};
use glidepath_model::{ComponentName, version_shown};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(3, "Preflight");
    baseline(of, &mut section);
    dependencies(of, &mut section);
    checks(of, &mut section);
    go(of, &mut section);
    section
}

fn baseline(of: &Sources<'_>, section: &mut Section) {
    section.heading("Infrastructure, application and monitoring baseline");
    let rows = of.plan.body.assignments.iter().flat_map(|a| rows(of, a)).collect();
    section.table(&["Target", "Region", "Healthy", "Runs", "Requests", "Errors", "Slow", "Seen"], rows);
    if !of.facts.missing.is_empty() {
        section.callout(Tone::Caution, "Not observed", "What follows could not be seen; the plan does not pretend that it was.");
        section.list(of.facts.missing.iter().map(|m| Text::new().strong(format!("{}: ", m.what)).plain(m.why.as_str())).collect());
    }
}

fn rows(of: &Sources<'_>, assignment: &Assignment) -> Vec<Vec<Text>> {
    let Some(target) = of.catalog.targets.get(&assignment.target) else {
        return vec![vec![
            assignment.target.as_str().into(),
            "not declared".into(),
            "".into(),
            "".into(),
            "".into(),
            "".into(),
            "".into(),
            "".into(),
        ]];
    };
    let facts = of.facts.targets.get(&target.name).cloned().unwrap_or_default();
    target
        .regions
        .iter()
        .map(|region| {
            let known: Vec<bool> = region.hosts.iter().filter_map(|h| facts.healthy.get(h)).map(|s| s.value).collect();
            let healthy = format!("{} of {}", known.iter().filter(|h| **h).count(), plural(region.hosts.len(), "host", "hosts"));
            let mut versions: Vec<&str> = region.hosts.iter().filter_map(|h| facts.versions.get(h)).map(|v| v.value.as_str()).collect();
            versions.dedup();
            let figure = |fact: Option<&glidepath_model::facts::Sourced<f64>>, words: fn(f64) -> String| {
                fact.map_or_else(
                    || "not observed".to_owned(),
                    |f| format!("{}{}", words(f.value), if f.assumed { " (assumed)" } else { "" }),
                )
            };
            let seen = facts
                .request_rate
                .get(&region.name)
                .map(|f| f.observed_at)
                .into_iter()
                .chain(region.hosts.iter().filter_map(|h| facts.healthy.get(h)).map(|f| f.observed_at))
                .max();
            vec![
                target.name.as_str().into(),
                region.name.as_str().into(),
                if known.is_empty() { "not observed".into() } else { healthy.into() },
                if versions.is_empty() {
                    Text::new().code(version_shown(&assignment.from)).plain(" (not observed per host)")
                } else {
                    Text::new().code(versions.iter().map(|version| version_shown(version)).collect::<Vec<_>>().join(" "))
                },
                figure(facts.request_rate.get(&region.name), rate).into(),
                figure(facts.error_ratio.get(&region.name), percent).into(),
                figure(facts.slow_ratio.get(&region.name), percent).into(),
                seen.map_or_else(|| "-".to_owned(), minute).into(),
            ]
        })
        .collect()
}

fn dependencies(of: &Sources<'_>, section: &mut Section) {
    section.heading("Dependencies that must be available");
    let changed: BTreeSet<&ComponentName> = of.components().into_iter().collect();
    let needed: Vec<Text> = of
        .blast
        .edges
        .iter()
        .filter(|(from, to, _)| changed.contains(from) && !changed.contains(to))
        .map(|(from, to, kind)| Text::new().strong(to.as_str()).plain(format!(" must answer: {from} {} it", words(*kind))))
        .collect();
    if needed.is_empty() {
        section.paragraph("The changed components need nothing outside this change.");
    }
    section.checklist(needed);
}

const fn words(kind: glidepath_model::catalog::EdgeKind) -> &'static str {
    use glidepath_model::catalog::EdgeKind;
    match kind {
        EdgeKind::Calls => "calls",
        EdgeKind::Reads => "reads",
        EdgeKind::Writes => "writes",
        EdgeKind::Publishes => "publishes to",
        EdgeKind::DeploysWith => "deploys with",
    }
}

/// The preflight steps, those that look at the same thing in other places together; their commands stand in the procedure.
fn checks(of: &Sources<'_>, section: &mut Section) {
    let steps = of.plan.body.steps.iter().enumerate().filter(|(_, s)| s.phase == Phase::Preflight);
    let names = names(of);
    let mut kinds: Vec<(&str, &str, Vec<usize>)> = Vec::new();
    let mut number_of: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (at, step) in steps {
        let environment = step.environment.as_ref().map_or("", |environment| environment.as_str());
        let number = *number_of.entry((environment, kind_of(&names, &step.title))).or_insert_with(|| {
            kinds.push((environment, &step.title, Vec::new()));
            kinds.len() - 1
        });
        kinds[number].2.push(at + 1);
    }
    if kinds.is_empty() {
        return;
    }
    section.heading("Checks that the run makes itself");
    section.paragraph("Their exact commands stand in section 4, under the numbers given here.");
    let items = kinds.into_iter().map(|(environment, first, numbers)| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let likewise = if numbers.len() > 1 {
            format!(", and so in {}", plural(numbers.len() - 1, "other place", "other places"))
        } else {
            String::new()
        };
        let head = if environment.is_empty() { Text::new() } else { Text::new().strong(format!("{environment}:")).plain(" ") };
        head.plain(format!("{first}{likewise} ({})", numbers.join(", ")))
    });
    section.checklist(items.collect());
}

/// Names of components, versions and regions of the plan.
fn names<'a>(of: &Sources<'a>) -> BTreeSet<&'a str> {
    let changed = of.plan.body.assignments.iter().flat_map(|a| [a.component.as_str(), a.from.as_str(), a.to.as_str()]);
    let regions = of.plan.body.steps.iter().filter_map(|step| step.region.as_ref()).map(|region| region.as_str());
    changed.chain(regions).collect()
}

/// A title without names: what is left says what is looked at.
fn kind_of(names: &BTreeSet<&str>, title: &str) -> String {
    title.split_whitespace().filter(|word| !names.contains(word)).collect::<Vec<_>>().join(" ")
}

/// The version of what could not be asked.
const UNKNOWN: &str = "unknown";

fn go(of: &Sources<'_>, section: &mut Section) {
    section.heading("Go or no-go");
    let runs = of.plan.body.assignments.iter().map(|a| {
        let has_hosts = of.catalog.targets.get(&a.target).is_some_and(|target| target.hosts().next().is_some());
        if a.from == UNKNOWN {
            return vec![
                format!("{} in {}", a.component, a.environment).into(),
                Text::new().strong("no-go until somebody has found out what runs there"),
            ];
        }
        let is_so = match state::is_of_hosts(of.plan, a) {
            true if has_hosts => " on every host, and every host is healthy",
            true => ", and it answers",
            false => "",
        };
        vec![format!("{} in {}", a.component, a.environment).into(), state::words(of.plan, a, &a.from).plain(is_so)]
    });
    let runs = rows_told_once(runs.collect(), 0).into_iter().map(|row| {
        let mut text = Text::new();
        for (at, cell) in row.into_iter().enumerate() {
            text.0.extend(cell.0);
            text = if at == 0 { text.plain(": ") } else { text };
        }
        text
    });
    let mut items: Vec<Text> = runs.collect();
    let change = &of.plan.body.change;
    let go = if change.intent == Intent::Feature && change.class != ChangeClass::Emergency {
        let burn_max = of.facts.catalog.settings.policy.burn_max.unwrap_or(BURN_MAX);
        format!("go above 25 % and at a burn of {burn_max} at most")
    } else {
        "it holds no such change back".to_owned()
    };
    let budgets = of.facts.budgets.iter().map(|(name, budget)| {
        let burn = budget.value.burn_1h.map_or_else(String::new, |burn| format!(", burning at {burn:.1} over the last hour"));
        let state = format!("{} remains{burn} (seen {}); {go}", percent(budget.value.remaining), minute(budget.observed_at));
        vec![name.as_str().into(), state.into()]
    });
    items.extend(rows_told_once(budgets.collect(), 0).iter().map(|row| {
        let words: Vec<String> = row.iter().map(Text::words).collect();
        format!("Budget of {}", words.join(": ")).into()
    }));
    let errors = of.plan.findings.iter().filter(|f| f.severity == glidepath_model::Severity::Error).count();
    if errors > 0 {
        items.push(format!("No-go as it stands: {} of section 1", plural(errors, "finding is an error", "findings are errors")).into());
    }
    let busy: Vec<String> = of.facts.active.iter().map(|(target, run)| format!("{target} by {run}")).collect();
    items.push(if busy.is_empty() {
        Text::from("No other run holds a target of this change: ").code("glidepath claims")
    } else {
        format!("Targets held by other runs: {}", listed(&busy)).into()
    });
    let way = promise::safe_within(of.plan, promise::P95);
    items.push(if promise::one_way(of.plan).is_empty() {
        format!("Somebody can turn back, and section 6 is at hand: {way}").into()
    } else {
        format!("Everybody knows how far the way back leads, and section 6 is at hand: {way}").into()
    });
    section.checklist(items);
}

//! The rollout document: the flight card, then ten sections in a fixed order, all from the plan and its facts. How much they say follows from where the
//! change goes and from its risk; a section that is left out keeps its number.

mod afterwards;
mod approvals;
mod asked;
mod communication;
mod contacts;
mod contingency;
pub(crate) mod criteria;
mod executive;
mod preflight;
mod premortem;
mod procedure;
mod risk;
mod rollback;
mod runways;
mod windows;

pub(crate) use afterwards::how;

/// Findings that say that requests wait for statements of the database, for a time that the plan does not know.
pub(crate) const WAITS: [&str; 2] = ["GP0295", "GP0325"];

use crate::blast::{self, Blast};
use crate::card::card;
use crate::depth::Depth;
use crate::directory::{lead, name};
use crate::document::{Badge, DOCUMENT_FORMAT, Document, DocumentKind, Entry, Highlight, Text, Tone};
use crate::figures::{bad_requests, estimate, knows_traffic, left_out, listed, minute, not_counted, percent};
use crate::flight::ONLY_REGION;
use crate::promise;
use glidepath_model::catalog::{Catalog, Environment, Region};
use glidepath_model::plan::RiskLevel;
use glidepath_model::{EnvironmentName, Facts, Plan};
use std::collections::BTreeSet;

/// The rollout document of a plan.
pub fn document(plan: &Plan, facts: &Facts) -> Document {
    let blast = blast::of(plan, &facts.catalog);
    let of = Sources { plan, facts, catalog: &facts.catalog, blast: &blast, depth: Depth::of_plan(plan, &facts.catalog) };
    let change = &plan.body.change;
    Document {
        format: DOCUMENT_FORMAT,
        kind: DocumentKind::RolloutPlan,
        title: change.title.clone(),
        subtitle: change.reason.clone().unwrap_or_else(|| format!("no reason is stated: add spec.reason to the change {}", change.name)),
        badges: badges(plan),
        identity: identity(&of),
        highlights: highlights(plan),
        card: card(plan, Some(facts), None, plan.body.created_at),
        sections: match of.depth {
            Depth::Minimal => vec![executive::section(&of), procedure::section(&of), rollback::section(&of)],
            Depth::Simplified | Depth::Standard | Depth::Full => vec![
                executive::section(&of),
                approvals::section(&of),
                preflight::section(&of),
                procedure::section(&of),
                windows::section(&of),
                rollback::section(&of),
                communication::section(&of),
                afterwards::section(&of),
                contingency::section(&of),
                contacts::section(&of),
            ],
        },
    }
}

/// What every section is written from.
#[derive(Clone, Copy)]
struct Sources<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    catalog: &'a Catalog,
    /// Who is touched by the change.
    blast: &'a Blast<'a>,
    /// How much the document says as a whole; a section about one environment asks for that of its own.
    depth: Depth,
}

impl<'a> Sources<'a> {
    /// Environments of the change in order, with what is declared about them.
    fn environments(&self) -> Vec<(&'a EnvironmentName, Option<&'a Environment>)> {
        self.plan.body.change.environments.iter().map(|name| (name, self.catalog.environment(name))).collect()
    }

    /// Components of the change, each once, in order.
    fn components(&self) -> Vec<&'a glidepath_model::ComponentName> {
        let mut seen = BTreeSet::new();
        self.plan.body.change.items.iter().map(|item| &item.component).filter(|component| seen.insert(*component)).collect()
    }
}

/// Marks of a plan: risk, class, intent.
pub(crate) fn badges(plan: &Plan) -> Vec<Badge> {
    let tone = match plan.prediction.risk {
        RiskLevel::Low => Tone::Good,
        RiskLevel::Medium => Tone::Caution,
        RiskLevel::High => Tone::Bad,
    };
    vec![
        Badge { text: format!("{} risk", plan.prediction.risk), tone },
        Badge { text: format!("{} change", class_words(plan.body.change.class)), tone: Tone::Neutral },
        Badge { text: intent_words(plan.body.change.intent).to_owned(), tone: Tone::Neutral },
    ]
}

const fn class_words(class: glidepath_model::change::ChangeClass) -> &'static str {
    use glidepath_model::change::ChangeClass;
    match class {
        ChangeClass::Standard => "standard",
        ChangeClass::Normal => "normal",
        ChangeClass::Emergency => "emergency",
    }
}

const fn intent_words(intent: glidepath_model::change::Intent) -> &'static str {
    use glidepath_model::change::Intent;
    match intent {
        Intent::Feature => "feature",
        Intent::Fix => "fix",
        Intent::Reliability => "reliability",
        Intent::Security => "security",
    }
}

fn identity(of: &Sources<'_>) -> Vec<Entry> {
    let (body, change) = (&of.plan.body, &of.plan.body.change);
    let environments: Vec<&str> = change.environments.iter().map(|e| e.as_str()).collect();
    let owner = lead(of.plan, Some(of.catalog))
        .map_or_else(|| Text::from("no owner: add ").code("spec.owner").plain(" to the change"), |o| name(Some(of.catalog), o).into());
    let ticket = change
        .ticket
        .as_ref()
        .map_or_else(|| Text::from("no ticket: add ").code("spec.ticket.url").plain(" to the change"), |t| Text::new().link(t.as_str()));
    let entry = |name: &str, value: Text| Entry { name: name.to_owned(), value };
    vec![
        entry("Change", Text::new().code(change.name.as_str())),
        entry("Plan", Text::new().code(of.plan.id.as_str())),
        entry("Owner", owner),
        entry("Ticket", ticket),
        entry("Environments", environments.join(" then ").into()),
        entry("Made", minute(body.created_at).into()),
        entry("Expires", format!("{}, unless in flight", minute(body.expires_at)).into()),
        entry(
            "Facts",
            Text::new()
                .code(body.facts.as_str().get(..12).unwrap_or(body.facts.as_str()))
                .plain(format!(", collected {}", minute(of.facts.collected_at))),
        ),
    ]
}

fn highlights(plan: &Plan) -> Vec<Highlight> {
    let p = &plan.prediction;
    let highlight = |name: &str, value: String, note: String| Highlight { name: name.to_owned(), value, note };
    vec![
        highlight("Duration", p.duration.p50_ms.to_string(), format!("95 %: {}; {}", p.duration.p95_ms, p.duration.source)),
        highlight(
            "Does not land",
            percent(p.failure.mean),
            format!("90 %: {} to {}; {}", percent(p.failure.low), percent(p.failure.high), p.failure.label),
        ),
        match knows_traffic(plan) {
            true => highlight(
                "Bad requests expected",
                bad_requests(p, p.bad_requests),
                format!(
                    "{} if it fails; {} by a straight deploy that nothing watches{}{}",
                    bad_requests(p, p.bad_requests_if_failing),
                    bad_requests(p, p.bad_requests_straight),
                    left_out(p),
                    not_counted(p)
                ),
            ),
            false => highlight("Bad requests expected", "not known".to_owned(), "there are no traffic figures".to_owned()),
        },
        match promise::moves_traffic(plan) {
            true => {
                // The figure that holds first is the large one; what it grows to, or why there is none, stands beneath.
                let words = promise::safety(plan, promise::MEDIAN);
                let source = promise::source(p.time_to_safety.as_ref());
                let first =
                    [", ", ": ", "; "].iter().filter_map(|mark| words.find(mark).map(|at| (&words[..at], &words[at + mark.len()..])));
                match first.min_by_key(|(first, _)| first.len()) {
                    Some((first, later)) => highlight("Time to safe traffic", first.to_owned(), format!("{later}; {source}")),
                    None => highlight("Time to safe traffic", words, source),
                }
            }
            false => highlight("Until all is undone", promise::undone(plan, promise::BOTH), promise::source(p.time_to_rollback.as_ref())),
        },
    ]
}

/// A duration with where it comes from.
fn sourced(e: &glidepath_model::plan::Estimate) -> String {
    format!("{}; {}", estimate(e), e.source)
}

fn regions_words(of: &Sources<'_>, target: &glidepath_model::TargetName) -> String {
    let Some(target) = of.catalog.targets.get(target).filter(|target| target.hosts().next().is_some()) else {
        return "as a whole".to_owned();
    };
    let hosts = |region: &Region| crate::figures::plural(region.hosts.len(), "host", "hosts");
    let name =
        |region: &Region| if region.name.as_str() == ONLY_REGION { hosts(region) } else { format!("{} ({})", region.name, hosts(region)) };
    let regions: Vec<String> = target.regions.iter().map(name).collect();
    listed(&regions)
}

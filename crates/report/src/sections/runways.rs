//! What to know of the runways and kinds of change before a command is typed: a paragraph for each that the plan has, with its own figures.

use super::Sources;
use crate::document::{Section, Text};
use crate::figures::{listed, rate};
use crate::places::rows_told_once;
use glidepath_model::Millis;
use glidepath_model::catalog::{Infrastructure, Target};
use glidepath_model::change::{Item, ItemKind, VersionedKind};
use glidepath_model::plan::{Assignment, Strategy};

/// Queries that wait for a lock, and those before them.
const WAITING: &str = "select pid, pg_blocking_pids(pid), query from pg_stat_activity where wait_event_type = 'Lock'";

pub(super) fn paragraphs(of: &Sources<'_>, section: &mut Section) {
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for assignment in &of.plan.body.assignments {
        let place = format!("{} in {}", assignment.component, assignment.environment);
        let target = of.catalog.targets.get(&assignment.target);
        let words = target.and_then(|target| runway(of, assignment, target)).into_iter().chain(kind(of, assignment));
        let told = words.reduce(|mut all, more| {
            all.0.extend(Text::new().plain(" ").0);
            all.0.extend(more.0);
            all
        });
        rows.extend(told.map(|words| vec![place.as_str().into(), words]));
    }
    let rows = rows_told_once(rows, 0);
    if rows.is_empty() {
        return;
    }
    section.heading("What to know before you type");
    let told = rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter();
        let (place, words) = (cells.next()?, cells.next()?);
        let mut text = Text::new().strong(format!("{}.", place.words())).plain(" ");
        text.0.extend(words.0);
        Some(text)
    });
    section.list(told.collect());
}

/// What is particular of the infrastructure.
fn runway(of: &Sources<'_>, assignment: &Assignment, target: &Target) -> Option<Text> {
    let item = of.plan.body.change.items.get(assignment.item as usize);
    let brings_version = |item: &Item| matches!(item.kind, ItemKind::Version { .. });
    let moves_regions = |item: &Item| matches!(item.kind, ItemKind::Failover { .. } | ItemKind::Traffic { .. });
    let is_always_told = matches!(target.infrastructure, Infrastructure::Vm | Infrastructure::Database);
    if item.is_some_and(moves_regions) || !is_always_told && !item.is_some_and(brings_version) {
        return None;
    }
    match target.infrastructure {
        Infrastructure::Vm => hosts(of, assignment, target),
        Infrastructure::Database => target.database.as_ref().map(|database| {
            let words = format!(
                "A statement gives up after {} without its lock and after {} of work. While it waits for a lock, every query behind it waits too",
                database.lock_timeout_ms, database.statement_timeout_ms
            );
            match database.engine.as_str() {
                "postgres" => Text::new().plain(format!("{words}; who waits is in ")).code(WAITING).plain("."),
                _ => format!("{words}.").into(),
            }
        }),
        Infrastructure::Kubernetes => Some(Text::from(
            "The cluster replaces what it runs by itself, also after a command has failed. What runs is what it answers now, not what the command said.",
        )),
        Infrastructure::Container => Some(Text::from("Containers are begun anew: what they kept inside is gone, and their logs may be as well.")),
        Infrastructure::Serverless => Some(Text::from("Requests that are under way end on the old version: errors of both sides overlap for as long as the longest of them.")),
        Infrastructure::Edge => Some(Text::from("The edge answers from its caches: users may meet the old side until these have expired, also after going back.")),
    }
}

/// What stays to carry the traffic while a host is out.
fn hosts(of: &Sources<'_>, assignment: &Assignment, target: &Target) -> Option<Text> {
    if matches!(assignment.strategy, Strategy::BlueGreen | Strategy::Recreate | Strategy::Flag | Strategy::ExpandContract) {
        return None;
    }
    let facts = of.facts.targets.get(&target.name)?;
    let capacity = target.replica_capacity?;
    let regions: Vec<String> = target
        .regions
        .iter()
        .filter(|region| region.hosts.len() > 1)
        .filter_map(|region| {
            let seen = facts.request_rate.get(&region.name)?.value;
            Some(format!("{} carries {} and is asked for {}", region.name, rate(capacity * (region.hosts.len() - 1) as f64), rate(seen)))
        })
        .collect();
    (!regions.is_empty()).then(|| format!("Never take out a second host: with one out, {}.", listed(&regions)).into())
}

/// What is particular of the kind of change.
fn kind(of: &Sources<'_>, assignment: &Assignment) -> Option<Text> {
    let item = of.plan.body.change.items.get(assignment.item as usize)?;
    let is_own = item.component == assignment.component;
    match &item.kind {
        ItemKind::Schema { backfill, contract, .. } => Some(
            match contract {
                None if backfill.is_none() => "Nothing is altered that was there before: what is added stands beside it.".to_owned(),
                Some(contract) => format!(
                    "Old and new form stand side by side until the contract, {} after landing at the earliest. Nothing that is done here takes the old form away.",
                    contract.not_before_ms
                ),
                None => "Old and new form stand side by side. Nothing that is done here takes the old form away.".to_owned(),
            }
            .into(),
        ),
        ItemKind::Contract { of: expansion, .. } => Some(
            format!("The old form goes, and nothing but the backup brings it back. Whoever still needs what {expansion} replaced fails from then on.").into(),
        ),
        ItemKind::Flag { flag, to, .. } => Some(
            Text::from("Nothing is deployed: ")
                .code(flag.as_str())
                .plain(format!(" is raised to {to} of users. Who keeps flags for long sees the old share until then, also after going back.")),
        ),
        ItemKind::Secret { secret, retire_after_ms, .. } if is_own => Some(
            Text::from("Never show ")
                .code(secret.as_str())
                .plain(format!(", also not to see whether it arrived. Both values are valid until {retire_after_ms} after landing, so nothing is in a hurry."))
        ),
        ItemKind::Capacity { replicas, until, .. } => Some(
            format!(
                "The number goes to {replicas}{}. It says nothing of whether they answer: look at their health, too.",
                until.map_or_else(String::new, |until| format!(", wanted until {}", crate::figures::minute(until)))
            )
            .into(),
        ),
        ItemKind::Version { what: VersionedKind::Config, .. } => Some(
            "A host that does not take the new settings goes on with the old ones and looks well. What counts is what it says it runs, not that it answers.".into(),
        ),
        ItemKind::Version { what: VersionedKind::Infrastructure, .. } => {
            Some("What a machine kept for itself goes with it. A new one is slower at first: give it its time before the next is emptied.".into())
        }
        ItemKind::Version { what: VersionedKind::Code, removes: true, .. } => {
            Some("The new version takes an interface away. Nothing that still uses it may run when it is in place.".into())
        }
        ItemKind::Failover { to, loss_max_ms, .. } => {
            let loss = match *loss_max_ms {
                Millis::ZERO => String::new(),
                loss => format!(" Up to {loss} of the last writes may be missing in {to}."),
            };
            Some(
                format!(
                    "Writes are refused from when they stop until clients are routed to {to}. Never let {to} take them while another region still does: what both have taken cannot be made one again.{loss}"
                )
                .into(),
            )
        }
        ItemKind::Traffic { .. } => Some(
            "All shares are set in one command, never one region alone. A region that is full fails all who come to it, not only those who were moved: look at its room before its share rises.".into(),
        ),
        ItemKind::Secret { .. } | ItemKind::Version { what: VersionedKind::Code, .. } => None,
    }
}

//! How long a statement keeps others waiting: from what it does with the whole of a table, and how large that is.
//!
//! The size is observed, or declared by the target; the rates are stated here and said in the plan, since no text and no catalog of a server tells
//! them. They are those of one process on storage as clouds rent it, on the slow side: [`SCAN_RATE`] for reading every row once and looking at it, a
//! build of an index included, and [`REWRITE_RATE`] for writing every row anew with its indexes and its log. Three times as long is expected of one flight in
//! twenty. What locks and what rewrites, and where that is written: `sql`. Size with indexes: PostgreSQL, "Database Object Management Functions",
//! <https://www.postgresql.org/docs/current/functions-admin.html>. Whoever has rehearsed the statement on a copy of the data knows better, and declares a size that gives what was measured.

use crate::ladder::tenths;
use crate::sql::{Engine, Lock, News, Script, read};
use glidepath_model::Millis;
use glidepath_model::catalog::{Database, TableSize, Target};
use glidepath_model::change::{Batches, Change, DataStep, Item, ItemKind};
use glidepath_model::facts::Facts;
use glidepath_model::plan::Estimate;
use std::collections::BTreeSet;

/// Bytes of a table that are read in a second.
const SCAN_RATE: u64 = 100_000_000;
/// Bytes of a table that are written anew in a second.
const REWRITE_RATE: u64 = 30_000_000;
/// Factor from the expected time to its 95 % quantile.
const SPREAD: u64 = 3;
/// What a batch takes beside the pause after it.
const BATCH: Millis = Millis(100);

/// How long a lock is expected to be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) p50: Millis,
    pub(crate) p95: Millis,
    /// `12.4 GB at 100 MB/s`.
    pub(crate) why: String,
}

impl Length {
    /// Prolongs what is expected of a step.
    pub(crate) fn add_to(&self, estimate: &mut Estimate) {
        estimate.p50_ms = estimate.p50_ms.plus(self.p50);
        estimate.p95_ms = estimate.p95_ms.plus(self.p95);
        estimate.source = format!("{}; {}", estimate.source, self.why);
    }
}

/// A table that is locked for as long as it is large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Long<'a> {
    /// Line of the statement.
    pub(crate) line: u32,
    pub(crate) table: &'a str,
    pub(crate) lock: Lock,
    /// The way in which nobody waits, where there is one.
    pub(crate) instead: &'a str,
    /// `None` where nobody knows how large it is.
    pub(crate) length: Option<Length>,
}

impl Long<'_> {
    /// What the statement does, and who waits meanwhile.
    pub(crate) fn told(&self) -> (&'static str, &'static str) {
        match self.lock {
            Lock::Rewrite => ("rewrites", "reads and writes"),
            Lock::ClosedScan => ("reads", "reads and writes"),
            _ => ("reads", "writes"),
        }
    }
}

/// The long locks of a text, in its order.
pub(crate) fn long<'a>(script: &'a Script, target: &Target, facts: &Facts) -> Vec<Long<'a>> {
    let holds = script.statements.iter().flat_map(|statement| statement.judged.holds.iter().map(move |hold| (statement.line, hold)));
    let long = holds.filter(|(_, hold)| matches!(hold.lock, Lock::Scan | Lock::ClosedScan | Lock::Rewrite));
    long.map(|(line, hold)| {
        let length = size(&hold.table, target, facts).map(|size| length(hold.lock, &size, script.engine));
        Long { line, table: &hold.table, lock: hold.lock, instead: &hold.instead, length }
    })
    .collect()
}

/// How long the statements of a text take that depend on sizes, as far as these are known: those that keep nobody waiting included.
pub(crate) fn takes(script: &Script, target: &Target, facts: &Facts) -> Option<Length> {
    let mut parts: Vec<Length> = Vec::new();
    for statement in &script.statements {
        // Tables that one statement locks are read together.
        let of_statement =
            statement.judged.holds.iter().filter(|hold| matches!(hold.lock, Lock::Scan | Lock::ClosedScan | Lock::Rewrite | Lock::Beside));
        let known = of_statement.filter_map(|hold| Some(length(hold.lock, &size(&hold.table, target, facts)?, script.engine)));
        parts.extend(known.max_by_key(|length| length.p50));
    }
    let sum = |of: fn(&Length) -> Millis| Millis(parts.iter().map(|part| of(part).0).fold(0, u64::saturating_add));
    let why = parts.iter().map(|part| part.why.as_str()).collect::<Vec<_>>().join(", ");
    (!parts.is_empty()).then(|| Length { p50: sum(|part| part.p50), p95: sum(|part| part.p95), why })
}

/// The same of all batches of a backfill, where the number of rows is known.
pub(crate) fn of_batches(batches: &Batches, target: &Target, facts: &Facts) -> Option<Length> {
    let each = &batches.each;
    let rows = size(&each.table, target, facts)?.rows?;
    let count = rows.div_ceil(u64::from(each.size.max(1)));
    let p50 = Millis(count.saturating_mul(each.pause_ms.plus(BATCH).0));
    let why = format!("{rows} rows in {count} batches, {} each and {} between them", BATCH, each.pause_ms);
    Some(Length { p50, p95: Millis(p50.0.saturating_mul(SPREAD)), why })
}

/// The same of an item, part by part.
pub(crate) fn of_item(item: &Item, target: &Target, facts: &Facts) -> Vec<Length> {
    let mut parts: Vec<Length> = scripts(item, target).iter().filter_map(|script| takes(script, target, facts)).collect();
    if let ItemKind::Schema { batches: Some(batches), .. } = &item.kind {
        parts.extend(of_batches(batches, target, facts));
    }
    parts
}

/// A lock in figures: `12 GB at 100 MB/s: 2 min, at most 6 min`.
pub(crate) fn told(lock: Lock, table: &str, script: &Script, target: &Target, facts: &Facts) -> Option<String> {
    if !matches!(lock, Lock::Scan | Lock::ClosedScan | Lock::Rewrite | Lock::Beside) {
        return None;
    }
    let length = length(lock, &size(table, target, facts)?, script.engine);
    Some(format!("{table}, {}: {}, at most {}", length.why, length.p50, length.p95))
}

/// How long others may be kept waiting: as long as the change allows downtime, else as long as the target lets a statement hold them up that waits for its
/// own lock.
pub(crate) fn allowed(change: &Change, database: &Database) -> Millis {
    change.constraints.downtime_ms.unwrap_or_default().max(database.lock_timeout_ms)
}

fn length(lock: Lock, size: &TableSize, engine: Option<Engine>) -> Length {
    let (rate, spoken) = if lock == Lock::Rewrite { (REWRITE_RATE, "30 MB/s") } else { (SCAN_RATE, "100 MB/s") };
    let p50 = Millis(size.bytes.saturating_mul(1000) / rate);
    // Of SQLite the whole file is known, and no table is larger.
    let most = if engine == Some(Engine::Sqlite) { "at most " } else { "" };
    Length { p50, p95: Millis(p50.0.saturating_mul(SPREAD)), why: format!("{most}{} at {spoken}", bytes_text(size.bytes)) }
}

/// Size of a table, as observed, else as the target declares it.
pub(crate) fn size(table: &str, target: &Target, facts: &Facts) -> Option<TableSize> {
    let wanted = plain(table);
    let observed = facts.targets.get(&target.name).into_iter().flat_map(|facts| facts.tables.iter().map(|(name, fact)| (name, fact.value)));
    let declared = target.database.iter().flat_map(|database| database.tables.iter().map(|(name, size)| (name, *size)));
    observed.chain(declared).find(|(name, _)| plain(name) == wanted).map(|(_, size)| size)
}

/// A name as it is compared: without quotes, in small letters, without the schema that everybody leaves out.
fn plain(table: &str) -> String {
    let name = table.replace('"', "").to_lowercase();
    name.strip_prefix("public.").map(str::to_owned).unwrap_or(name)
}

/// `12.4 GB`.
fn bytes_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        None => format!("{bytes} bytes"),
        Some((size, unit)) => {
            let number = bytes as f64 / *size as f64;
            if number < 10.0 { format!("{} {unit}", tenths(number)) } else { format!("{number:.0} {unit}") }
        }
    }
}

/// Tables whose sizes a plan of the item on a target asks for: those that are gone through from end to end.
pub fn tables(item: &Item, target: &Target) -> BTreeSet<String> {
    let scripts = scripts(item, target);
    let holds = scripts.iter().flat_map(|script| &script.statements).flat_map(|statement| &statement.judged.holds);
    let long = holds.filter(|hold| matches!(hold.lock, Lock::Scan | Lock::ClosedScan | Lock::Rewrite | Lock::Beside));
    let mut found: BTreeSet<String> = long.map(|hold| hold.table.clone()).collect();
    if let ItemKind::Schema { batches: Some(batches), .. } = &item.kind {
        found.insert(batches.each.table.clone());
    }
    found
}

/// The texts of an item, read.
fn scripts(item: &Item, target: &Target) -> Vec<Script> {
    let Some(database) = &target.database else { return Vec::new() };
    let parts: Vec<&DataStep> = match &item.kind {
        ItemKind::Schema { expand, backfill, .. } => std::iter::once(expand).chain(backfill).collect(),
        ItemKind::Contract { contract, .. } => vec![&contract.step],
        _ => Vec::new(),
    };
    let mut news = News::default();
    let mut scripts = Vec::new();
    for part in parts {
        let DataStep::Sql { text, .. } = part else { continue };
        let script = read(&database.engine, text, &news);
        news.clone_from(&script.news);
        scripts.push(script);
    }
    scripts
}

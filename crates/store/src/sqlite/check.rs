//! The whole check of a store: pages, references, chains, projections, reserve.
//!
//! Chains prove that the journal is what was written; they say nothing of what was derived from it. So every run is
//! folded anew by the engine, and its summary must be the one that lists and owners read. All is done in one snapshot,
//! run by run, while runs may fly.

use super::SqliteStore;
use super::archives::Archives;
use super::audit::audit;
use super::backup::{BackupError, Partial};
use super::heads_log;
use super::open::{connect, store_error};
use super::readers::ReadError;
use super::reads;
use super::reserve::{RESERVE_BYTES, RESERVE_FILE};
use super::writes::Listing;
use crate::record::{from_json, grants_from_json};
use glidepath_engine::{Claims, RunState};
use glidepath_model::plan::PlanBody;
use glidepath_model::projection::RunSummary;
use glidepath_model::{PlanId, RunId};
use glidepath_ports::StoreError;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Findings of one part that are told one by one.
const FINDINGS_MAX: usize = 100;
/// Plan bodies kept while runs are folded; runs of one plan mostly follow each other.
const PLANS_KEPT_MAX: usize = 16;

const PAGES_NEXT: &str =
    "the file is damaged: copy the folder, look after the disk, then `glidepath db restore FILE --replace` with the newest backup";
const REFERENCES_NEXT: &str = "something was taken out of the database: `glidepath db restore FILE --replace` with the newest backup";
const CHAINS_NEXT: &str = "the journal says something else than when it was written: keep a copy as evidence (`cp -a .glidepath glidepath-evidence`), \
     then `glidepath db restore FILE --replace` with the newest backup";
const SUMMARIES_NEXT: &str = "what lists show is not what the journal says: trust `glidepath logs RUN`, and `glidepath db restore FILE --replace` \
     with the newest backup";
const RESERVE_NEXT: &str = "make room (`df -h .glidepath`), then `rm -f .glidepath/reserve`; the next run makes it anew";

/// One part of a store that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPart {
    /// Which: `pages`, `references`, `chains`, `summaries`, `reserve`; of a shared store `references`, `chains`, `summaries`, `claims`.
    pub name: &'static str,
    /// What was looked at, one sentence.
    pub seen: String,
    /// What is wrong, one sentence each; empty when all is well.
    pub findings: Vec<String>,
    /// What to do about findings.
    pub next: &'static str,
}

impl SqliteStore {
    /// Checks everything that can be checked without the outside.
    ///
    /// # Errors
    /// When the database cannot be opened or read at all.
    pub async fn check(&self) -> Result<Vec<CheckedPart>, StoreError> {
        let state_dir = self.state_dir.clone();
        self.readers.read(move |connection| check(connection, &state_dir)).await
    }
}

fn check(connection: &Connection, state_dir: &Path) -> Result<Vec<CheckedPart>, ReadError> {
    // The audit reads in a snapshot of its own, after the mirror; the order of the other parts does not matter.
    let chains = chains(connection, state_dir);
    let snapshot = connection.unchecked_transaction()?;
    Ok(vec![
        readable("pages", PAGES_NEXT, pages(&snapshot).map_err(ReadError::from)),
        readable("references", REFERENCES_NEXT, references(&snapshot).map_err(ReadError::from)),
        chains,
        readable("summaries", SUMMARIES_NEXT, summaries(&snapshot, &Archives::Files(state_dir.to_owned()))),
        reserve(&snapshot, state_dir)?,
    ])
}

/// References and summaries of a copy of a shared store; the copy is removed.
pub(crate) fn check_copy(partial: Partial) -> Result<(CheckedPart, CheckedPart), BackupError> {
    let connection = connect(partial.path()).map_err(|error| store_error(partial.path(), &error))?;
    let references = readable("references", REFERENCES_NEXT, references(&connection).map_err(ReadError::from));
    let summaries = readable("summaries", SUMMARIES_NEXT, summaries(&connection, &Archives::Embedded));
    Ok((references, summaries))
}

/// A part that cannot be read to its end is a finding, and no reason to leave the others out.
fn readable(name: &'static str, next: &'static str, checked: Result<CheckedPart, ReadError>) -> CheckedPart {
    let reason = match checked {
        Ok(part) => return part,
        Err(ReadError::Store(error)) => error.to_string(),
        Err(ReadError::Sqlite(error)) => error.to_string(),
    };
    CheckedPart { name, seen: "not all of it".to_owned(), findings: vec![format!("it cannot be read to its end: {reason}.")], next }
}

fn pages(connection: &Connection) -> rusqlite::Result<CheckedPart> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    Ok(CheckedPart {
        name: "pages",
        seen: format!("{pages} pages of the database file were read"),
        findings: lines.into_iter().filter(|line| line != "ok").collect(),
        next: PAGES_NEXT,
    })
}

fn references(connection: &Connection) -> rusqlite::Result<CheckedPart> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, String>(2)?)))?;
    let findings = rows
        .take(FINDINGS_MAX)
        .map(|row| {
            row.map(|(table, id, parent)| format!("row {} of {table} names something that is not in {parent}.", id.unwrap_or_default()))
        })
        .collect::<rusqlite::Result<_>>()?;
    Ok(CheckedPart { name: "references", seen: "every row that names another was followed".to_owned(), findings, next: REFERENCES_NEXT })
}

fn chains(connection: &Connection, state_dir: &Path) -> CheckedPart {
    let found = audit(connection, heads_log::read(state_dir), &Archives::Files(state_dir.to_owned()));
    CheckedPart {
        name: "chains",
        seen: format!("{} events in {} streams were followed link by link", found.events, found.streams),
        findings: found.findings,
        next: CHAINS_NEXT,
    }
}

fn summaries(connection: &Connection, archives: &Archives) -> Result<CheckedPart, ReadError> {
    let mut folder = Folder { connection, archives, bodies: BTreeMap::new() };
    let mut findings = Vec::new();
    let mut count = 0_u64;
    let mut statement =
        connection.prepare("SELECT run, started_at, has_work, sleeps, wake_at, holds, fences, summary FROM runs ORDER BY run")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let listed = Listed {
            run: RunId::new(row.get::<_, String>(0)?),
            listing: Listing {
                started_at: row.get(1)?,
                has_work: row.get(2)?,
                sleeps: row.get(3)?,
                wake_at: row.get(4)?,
                holds: row.get(5)?,
            },
            fences: row.get(6)?,
            summary: row.get(7)?,
        };
        count += 1;
        if findings.len() < FINDINGS_MAX
            && let Some(finding) = folder.finding_about(&listed)?
        {
            findings.push(finding);
        }
    }
    Ok(CheckedPart { name: "summaries", seen: format!("{count} runs were folded anew from their events"), findings, next: SUMMARIES_NEXT })
}

/// A run as the lists have it.
struct Listed {
    run: RunId,
    listing: Listing,
    fences: Option<String>,
    summary: String,
}

/// Folds runs, and keeps the bodies of a few plans meanwhile.
struct Folder<'a> {
    connection: &'a Connection,
    archives: &'a Archives,
    bodies: BTreeMap<PlanId, PlanBody>,
}

impl Folder<'_> {
    fn finding_about(&mut self, listed: &Listed) -> Result<Option<String>, ReadError> {
        let run = &listed.run;
        let summary: RunSummary = match from_json("the summary of a run", listed.summary.as_bytes()) {
            Ok(summary) => summary,
            Err(error) => return Ok(Some(format!("run {run}: {error}."))),
        };
        let events = match reads::run(self.connection, self.archives, run, 0, usize::MAX) {
            Ok(events) => events,
            Err(ReadError::Store(error)) => return Ok(Some(format!("run {run}: {error}."))),
            Err(error) => return Err(error),
        };
        if Listing::of(&summary) != listed.listing {
            return Ok(Some(format!("run {run} is listed at another place than its summary says.")));
        }
        let Some(body) = self.body(&summary.plan)? else {
            return Ok(Some(format!("the plan of run {run} is not in the store.")));
        };
        Ok(match RunState::fold(run.clone(), body, &events) {
            Err(error) => Some(format!("run {run} cannot be followed: {error}.")),
            Ok(state) => difference(&summary, &state.summary(body)).map(|what| format!("the summary of run {run} {what}.")).or_else(|| {
                has_other_fences(listed, &state)
                    .then(|| format!("run {run} is listed with other numbers of its claims than its events say."))
            }),
        })
    }

    fn body(&mut self, plan: &PlanId) -> Result<Option<&PlanBody>, ReadError> {
        if !self.bodies.contains_key(plan) {
            let mut statement = self.connection.prepare_cached("SELECT body FROM plans WHERE id = ?1")?;
            let bytes: Option<Vec<u8>> = statement.query_row([plan.as_str()], |row| row.get(0)).optional()?;
            let Some(bytes) = bytes else { return Ok(None) };
            if self.bodies.len() >= PLANS_KEPT_MAX {
                self.bodies.clear();
            }
            self.bodies.insert(plan.clone(), from_json("the body of a plan", &bytes)?);
        }
        Ok(self.bodies.get(plan))
    }
}

/// What differs, if anything does. The line for people is left out: another version may word it otherwise. A run may be kept awake that could
/// sleep, as older versions did; not the other way round.
fn difference(kept: &RunSummary, folded: &RunSummary) -> Option<String> {
    if kept.status != folded.status {
        return Some(format!("says {}, its events say {}", kept.status, folded.status));
    }
    let sleeps = kept.sleeps && folded.sleeps;
    let folded = RunSummary { now: kept.now.clone(), sleeps, ..folded.clone() };
    (*kept != folded).then(|| "is not the one that follows from its events".to_owned())
}

/// Whether a run is listed with other grants than its journal has. One may have none here or there: it is older than claims.
fn has_other_fences(listed: &Listed, state: &RunState) -> bool {
    let Some(json) = &listed.fences else { return false };
    let Ok(kept) = grants_from_json(json) else { return true };
    !matches!(&state.claims, Claims::Held(fences) if fences.is_empty() || BTreeSet::from_iter(fences) == BTreeSet::from_iter(&kept.fences))
}

fn reserve(connection: &Connection, state_dir: &Path) -> rusqlite::Result<CheckedPart> {
    let was_owned: bool = connection.query_row("SELECT EXISTS (SELECT 1 FROM epochs)", [], |row| row.get(0))?;
    let bytes = std::fs::metadata(state_dir.join(RESERVE_FILE)).map(|found| found.len()).ok();
    let finding = match bytes {
        None if was_owned => Some("the space kept for a rollback on a full disk is used up or was removed.".to_owned()),
        Some(bytes) if bytes != RESERVE_BYTES => {
            Some(format!("the space kept for a rollback is {bytes} bytes instead of {RESERVE_BYTES}."))
        }
        None | Some(_) => None,
    };
    Ok(CheckedPart {
        name: "reserve",
        seen: "the space kept for a rollback on a full disk was looked at".to_owned(),
        findings: finding.into_iter().collect(),
        next: RESERVE_NEXT,
    })
}

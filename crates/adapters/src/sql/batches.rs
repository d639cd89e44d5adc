//! Going through a table in batches, each a transaction of its own.
//!
//! # Where it goes on
//!
//! The table `glidepath_progress` holds for each step how far it has come: the greatest key of the last batch, as a literal, with the numbers of batches and
//! of rows. A batch reads it under a lock, finds its bounds beyond it, applies the text between them and writes the new place, all in one
//! transaction. So whatever dies between two moments, the batch is applied with its place or without both, and the next try begins where the last
//! commit ended. A session that somebody forgot holds the lock; the next one waits for it, `lockTimeoutMs` at most.
//!
//! The place belongs to the step of the run, not to a round of it: whoever lets the step try again lets it go on.
//!
//! # What it does not see
//!
//! Rows whose keys are written below the place meanwhile are not seen any more. Keys that grow do not do that, but for the moment in which
//! transactions overlap; whatever is checked afterwards tells.

use super::statements::{Dialect, replaced};
use crate::input::{never, not_yet, quoted};
use glidepath_model::Code;
use glidepath_model::action::{SqlBatches, SqlInput};
use glidepath_model::event::{Direction, Outcome};
use glidepath_ports::ActionContext;
use std::time::Duration;

/// Table of how far steps have come.
pub const PROGRESS_TABLE: &str = "glidepath_progress";

/// Between two questions how far replicas are behind.
pub(super) const LAG_LOOK: Duration = Duration::from_secs(1);

/// How far replicas of PostgreSQL are behind, in seconds; `hidden` where the role may not see it.
const POSTGRES_LAG: &str = "SELECT CASE WHEN count(*) FILTER (WHERE state IS NULL) > 0 THEN 'hidden' \
     ELSE coalesce(extract(epoch FROM max(replay_lag)), 0)::text END FROM pg_stat_replication";

/// How far a step has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Greatest key of the last batch, as a literal.
    pub(super) last: Option<String>,
    pub(super) batches: u64,
    pub(super) rows: u64,
}

impl Place {
    /// The place after one more batch.
    pub(super) fn after(&self, last: &str, rows: u64) -> Self {
        Self { last: Some(last.to_owned()), batches: self.batches + 1, rows: self.rows + rows }
    }

    /// For people, and as what the step brings.
    pub(super) fn told(&self) -> String {
        let noun = |count: u64, one: &'static str, more: &'static str| if count == 1 { one } else { more };
        let (batches, rows) = (self.batches, self.rows);
        format!("{batches} {}, {rows} {} changed", noun(batches, "batch", "batches"), noun(rows, "row", "rows"))
    }

    /// What a failure adds, so that nobody takes it for the whole.
    pub(super) fn kept(&self) -> String {
        format!("{} so far, which stay; the next try goes on from there", self.told())
    }
}

/// What became of a batch.
pub(super) enum Batch {
    /// Applied, so that the step has come to this place; on PostgreSQL but for the commit.
    Applied(Place),
    /// There is no row left.
    Nothing,
    Over(Outcome),
}

/// A failure before a commit, with what stays of the batches before.
pub(super) fn with_place(outcome: Outcome, place: &Place) -> Outcome {
    match outcome {
        Outcome::NotDone { reason, retryable } if place.batches > 0 => {
            Outcome::NotDone { reason: format!("{reason}; {}", place.kept()), retryable }
        }
        other => other,
    }
}

/// Under which key the place is kept.
pub(super) fn key(context: &ActionContext) -> String {
    let direction = match context.attempt.direction {
        Direction::Do => "",
        Direction::Undo => "/undo",
        Direction::Safety => "/safety",
        Direction::Probe | Direction::ProbeUndo => "/probe",
    };
    format!("{}/{}{direction}", context.run, context.attempt.step)
}

/// Why the input cannot be applied in batches.
pub(super) fn check(batches: &SqlBatches, input: &SqlInput, dialect: Dialect) -> Result<(), Outcome> {
    let wrong = |text: String| Err(never(Code(589), text));
    if let Some(name) = [&batches.table, &batches.by].into_iter().find(|name| !SqlBatches::is_name(name)) {
        return wrong(format!("`{}` is not a plain name of a table or column", quoted(name)));
    }
    if batches.size == 0 {
        return wrong("a batch of 0 rows never comes to an end".to_owned());
    }
    if !input.transaction || input.expect_text.is_some() {
        return wrong(
            "batches are transactions, and what they answer is not looked at: leave out `transaction` and `expectText`".to_owned(),
        );
    }
    let unbounded =
        [SqlBatches::FIRST, SqlBatches::LAST].into_iter().find(|name| replaced(&input.text, dialect, &[(name, "1")]) == input.text);
    if let Some(name) = unbounded {
        let file = super::place(input, None);
        return wrong(format!("{file} does not say `{name}`, so that each batch would go beyond its bounds"));
    }
    if dialect == Dialect::Sqlite && batches.lag_max_ms.is_some() && batches.lag_query.is_none() {
        return wrong("SQLite knows of no replicas: say with `lagQuery` how far they are behind, or leave out `lagMaxMs`".to_owned());
    }
    Ok(())
}

/// The text between two keys.
pub(super) fn bounded(input: &SqlInput, dialect: Dialect, first: &str, last: &str) -> String {
    replaced(&input.text, dialect, &[(SqlBatches::FIRST, first), (SqlBatches::LAST, last)])
}

/// Keys of the next batch as a table `batch (k)`.
pub(super) fn next_keys(batches: &SqlBatches, place: &Place) -> String {
    let SqlBatches { table, by, size, .. } = batches;
    let beyond = place.last.as_ref().map_or_else(String::new, |last| format!(" WHERE {by} > {last}"));
    format!("WITH batch AS (SELECT {by} AS k FROM {table}{beyond} ORDER BY {by} LIMIT {size})")
}

/// Asks for a row without a key.
pub(super) fn keyless(batches: &SqlBatches) -> String {
    format!("SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} IS NULL LIMIT 1) AS keyless", batches.table, batches.by)
}

pub(super) fn has_keyless(batches: &SqlBatches) -> Outcome {
    never(Code(589), format!("rows of {} have no {}, so that no batch would ever reach them", batches.table, batches.by))
}

/// The question how far replicas are behind, and how far they may be.
pub(super) fn lag(batches: &SqlBatches) -> Option<(&str, f64)> {
    let limit = batches.lag_max_ms?;
    Some((batches.lag_query.as_deref().unwrap_or(POSTGRES_LAG), limit.as_secs_f64()))
}

/// How many seconds replicas may be behind.
pub(super) fn limit(input: &SqlInput) -> Option<f64> {
    input.batches.as_ref().and_then(|each| each.lag_max_ms).map(|limit| limit.as_secs_f64())
}

/// The answer to it, in seconds.
pub(super) fn read_lag(answer: Option<&str>) -> Result<f64, Outcome> {
    match answer {
        // No replica, or none that has anything to say.
        None => Ok(0.0),
        Some("hidden") => {
            Err(never(Code(588), "how far replicas are behind is hidden from this role: grant it `pg_monitor`, or say it with `lag.query`"))
        }
        Some(text) => match text.trim().parse::<f64>() {
            Ok(seconds) if seconds.is_finite() => Ok(seconds),
            _ => Err(never(Code(588), format!("the lag of replicas was answered with `{}`, which is no number of seconds", quoted(text)))),
        },
    }
}

/// The attempt ended while replicas were behind.
pub(super) fn lagging(seconds: f64, limit: f64, why: &str, place: &Place) -> Outcome {
    not_yet(
        Code(588),
        format!("it {why} while replicas were {seconds:.1} s behind, and at most {limit:.1} s are allowed; {}", place.kept()),
    )
}

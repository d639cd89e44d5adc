//! SQL statements on PostgreSQL and SQLite.
//!
//! # Once, not twice
//!
//! Text in a transaction is applied exactly once per step and round. The transaction that changes something also
//! inserts the attempt's idempotency key into the table `glidepath_applied (key text primary key, at)`, which is
//! made when it is missing. A connection that breaks while the commit is under way leaves the outcome unknown; the next
//! try finds the key and is done, or does not find it and applies the text. Text that only reads leaves no key and is
//! read anew each time; probes run in a read-only transaction.
//!
//! Text outside a transaction (`transaction: false`, for `CREATE INDEX CONCURRENTLY` and the like) is sent statement by
//! statement and has no such promise: what ran before a failure stays, and the outcome says so.
//!
//! Text that is applied in batches is applied exactly once for each batch of a step, whatever dies between them: see `batches`.
//!
//! # What an ending means
//!
//! In a transaction everything before the commit is certainly not done when it fails: lock timeout, deadlock, lost
//! connection and cancelled attempt are worth a retry; an error in a statement is not. Only a commit without an answer is
//! unknown.

mod batches;
mod postgres;
mod sqlite;
mod statements;

use crate::descriptors;
use crate::input::{never, not_yet, quoted, read, text_output, unknown};
use glidepath_model::action::SqlInput;
use glidepath_model::event::{Direction, Outcome};
use glidepath_model::{ActionDescriptor, Code, Millis};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::{Value, json};
use statements::{Dialect, split};
use std::collections::BTreeMap;

/// Greatest timeout that both engines accept, about 24 days.
const TIMEOUT_MAX: Millis = Millis(i32::MAX as u64);

/// Table of the keys of what was applied.
pub const APPLIED_TABLE: &str = "glidepath_applied";

pub use batches::PROGRESS_TABLE;

/// Runs SQL.
#[derive(Default)]
pub struct SqlAction {}

impl SqlAction {
    /// The action.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Action for SqlAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::sql()
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = match check(input) {
                Ok((Dialect::Postgres, input)) => postgres::run(context, &input).await,
                Ok((Dialect::Sqlite, input)) => sqlite::run(context, &input).await,
                Err(outcome) => outcome,
            };
            redacted(context, outcome)
        })
    }
}

/// The typed input, when it may be run.
fn check(input: &Value) -> Result<(Dialect, SqlInput), Outcome> {
    let input: SqlInput = read("sql", input)?;
    let dialect = match input.engine.as_str() {
        "postgres" => Dialect::Postgres,
        "sqlite" => Dialect::Sqlite,
        other => return Err(never(Code(576), format!("the engine `{other}` is not known; it is `postgres` or `sqlite`"))),
    };
    for (name, timeout) in [("lockTimeoutMs", input.lock_timeout_ms), ("statementTimeoutMs", input.statement_timeout_ms)] {
        if timeout == Millis::ZERO || timeout > TIMEOUT_MAX {
            let why = "a statement that waits without limit for a lock stops everybody who queues behind it";
            return Err(never(Code(571), format!("`{name}` is {} ms; it must be from 1 to {} because {why}", timeout.0, TIMEOUT_MAX.0)));
        }
    }
    let statements = split(&input.text, dialect);
    if statements.is_empty() {
        return Err(never(Code(576), format!("{} holds no statement", place(&input, None))));
    }
    if let (true, Some(control)) = (input.transaction, statements.iter().find(|s| s.controls_transaction())) {
        let hint = "leave it out, or set `transaction: false`";
        let text = format!(
            "{} begins or ends a transaction itself (`{}`), which would undo the promise to apply it once; {hint}",
            place(&input, Some(control.line)),
            quoted(control.text)
        );
        return Err(never(Code(578), text));
    }
    if let Some(each) = &input.batches {
        batches::check(each, &input, dialect)?;
    }
    Ok((dialect, input))
}

/// `migrations/0042.sql line 3`, or what there is of it.
fn place(input: &SqlInput, line: Option<usize>) -> String {
    let file = input.path.as_deref().unwrap_or("the text");
    line.map_or_else(|| file.to_owned(), |line| format!("{file} line {line}"))
}

/// Whether the attempt only asks.
fn is_probe(context: &ActionContext) -> bool {
    match context.attempt.direction {
        Direction::Probe | Direction::ProbeUndo => true,
        Direction::Do | Direction::Safety | Direction::Undo => false,
    }
}

fn done(value: Option<&str>, already: bool) -> Outcome {
    let text = text_output(value.unwrap_or(""), 0);
    Outcome::Done { outputs: BTreeMap::from([("text".to_owned(), json!(text)), ("alreadyApplied".to_owned(), json!(already))]) }
}

/// The sentence about an answer that is not the expected one; `None` when it is.
fn mismatch(input: &SqlInput, value: Option<&str>) -> Option<String> {
    let expected = input.expect_text.as_deref()?;
    match value {
        Some(value) if value == expected => None,
        Some(value) => Some(format!("{} answered `{}`, `{}` was expected", place(input, None), quoted(value), quoted(expected))),
        None => Some(format!("{} answered nothing, `{}` was expected", place(input, None), quoted(expected))),
    }
}

/// An answer that is not the expected one, after statements that were not rolled back.
fn mismatch_outside(context: &ActionContext, sentence: &str) -> Outcome {
    if is_probe(context) {
        not_yet(Code(558), sentence)
    } else {
        unknown(Code(558), format!("{sentence}; what the statements changed stays, because they are no transaction"))
    }
}

/// A failure at statement `at` (from 0) of `count` that are no transaction: what ran before stays, and of that statement itself what the database does not
/// take back, where it `leaves_nothing` everything.
fn failed_outside(at: usize, count: usize, leaves_nothing: bool, failure: Outcome) -> Outcome {
    match failure {
        Outcome::NotDone { reason, .. } if at > 0 => {
            Outcome::Unknown { reason: format!("statement {} of {count} failed and the ones before it stay applied: {reason}", at + 1) }
        }
        Outcome::NotDone { reason, .. } if !leaves_nothing => Outcome::Unknown {
            reason: format!("statement 1 of {count} failed outside of a transaction, and a part of it may stay: {reason}"),
        },
        other => other,
    }
}

fn redacted(context: &ActionContext, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::NotDone { reason, retryable } => Outcome::NotDone { reason: context.secrets.redact(&reason), retryable },
        Outcome::Unverified { reason } => Outcome::Unverified { reason: context.secrets.redact(&reason) },
        Outcome::Unknown { reason } => Outcome::Unknown { reason: context.secrets.redact(&reason) },
        Outcome::Done { mut outputs } => {
            if let Some(text) = outputs.get_mut("text")
                && let Some(plain) = text.as_str()
            {
                *text = json!(context.secrets.redact(plain));
            }
            Outcome::Done { outputs }
        }
    }
}

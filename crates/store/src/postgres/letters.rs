//! Dead letters: kept until somebody settles them, and counted so that there are never too many; those that were settled first are forgotten.
//!
//! How many are unsettled, and how many were lost because there were too many, is one row. Whoever adds or settles locks it first, so that
//! the count is exact and no circle of waiting arises.

use super::numbers::{from_stored, limit, to_stored};
use super::sessions::{Fault, Session};
use crate::record::{SETTLED_LETTERS_MAX, letter_to_json, list_letter, list_settled, no_such_letter, settled_to_json};
use glidepath_model::projection::{DeadLetter, Settled};
use glidepath_ports::StoreError;
use glidepath_ports::store::{DEAD_LETTERS_MAX, DeadLetters, SettledLetters};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Statement, Transaction};

/// The statements that add and settle dead letters.
pub(super) struct Statements {
    lock: Statement,
    add: Statement,
    settle: Statement,
}

impl Statements {
    pub(super) async fn prepare(session: &mut Session) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            lock: session.statement(LOCK).await?,
            add: session
                .statement(
                    "WITH kept AS (
                         INSERT INTO dead_letters (body) SELECT l.body FROM unnest($1::text[]) WITH ORDINALITY AS l (body, place) ORDER BY l.place
                     )
                     UPDATE dead_letters_count SET open = open + cardinality($1), lost = lost + $2",
                )
                .await?,
            // The one that is settled now is not among those that the statement sees.
            settle: session
                .statement(
                    "WITH settled AS (
                         UPDATE dead_letters SET settled_at = $2, settled = $3 WHERE number = $1 AND settled_at IS NULL RETURNING number
                     ), old AS (
                         SELECT number FROM dead_letters WHERE settled_at IS NOT NULL ORDER BY settled_at DESC, number DESC OFFSET $4
                     ), forgotten AS (
                         DELETE FROM dead_letters USING old, settled WHERE dead_letters.number = old.number
                     )
                     UPDATE dead_letters_count SET open = open - 1 FROM settled",
                )
                .await?,
        })
    }
}

const LOCK: &str = "SELECT open FROM dead_letters_count FOR UPDATE";

/// Keeps dead letters, as many as there is room for.
pub(super) async fn add_within(transaction: &Transaction<'_>, statements: &Statements, letters: &[&DeadLetter]) -> Result<(), Fault> {
    let open = from_stored(transaction.query_one(&statements.lock, &[]).await?.try_get(0)?);
    let room = usize::try_from(DEAD_LETTERS_MAX.saturating_sub(open)).unwrap_or(usize::MAX);
    let bodies = letters.iter().take(room).map(|letter| letter_to_json(letter)).collect::<Result<Vec<String>, StoreError>>()?;
    let lost = letters.len() - bodies.len();
    transaction.execute(&statements.add, &[&bodies, &limit(lost)]).await?;
    Ok(())
}

pub(super) async fn add(session: &mut Session, letter: &DeadLetter) -> Result<(), Fault> {
    let statements = Statements::prepare(session).await?;
    let transaction = session.client.transaction().await?;
    add_within(&transaction, &statements, &[letter]).await?;
    Ok(transaction.commit().await?)
}

/// The oldest that nobody settled.
pub(super) async fn unsettled(session: &mut Session, letters_max: usize) -> Result<DeadLetters, Fault> {
    let look = session
        .statement(
            "SELECT c.open, c.lost, l.number, l.body FROM dead_letters_count c LEFT JOIN LATERAL (
                 SELECT number, body FROM dead_letters WHERE settled_at IS NULL ORDER BY number LIMIT $1) AS l ON true
             ORDER BY l.number",
        )
        .await?;
    let mut found = DeadLetters::default();
    for row in session.client.query(&look, &[&limit(letters_max)]).await? {
        (found.count, found.lost) = (from_stored(row.try_get(0)?), from_stored(row.try_get(1)?));
        let (number, body): (Option<i64>, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
        if let (Some(number), Some(body)) = (number, body) {
            list_letter(&mut found, from_stored(number), body);
        }
    }
    Ok(found)
}

/// Those that were settled last.
pub(super) async fn settled(session: &mut Session, letters_max: usize) -> Result<SettledLetters, Fault> {
    let look = session
        .statement(
            "SELECT number, body, settled_at, settled FROM dead_letters WHERE settled_at IS NOT NULL ORDER BY settled_at DESC, number DESC LIMIT $1",
        )
        .await?;
    let mut found = SettledLetters::default();
    for row in session.client.query(&look, &[&limit(letters_max)]).await? {
        list_settled(&mut found, from_stored(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    }
    Ok(found)
}

/// Settles one unless somebody did so before, or it is forgotten already.
pub(super) async fn settle_within(
    transaction: &Transaction<'_>,
    statements: &Statements,
    number: u64,
    how: &Settled,
) -> Result<bool, Fault> {
    transaction.query_one(&statements.lock, &[]).await?;
    let values: [&(dyn ToSql + Sync); 4] =
        [&to_stored(number), &how.at.as_micros(), &settled_to_json(how)?, &limit(SETTLED_LETTERS_MAX - 1)];
    Ok(transaction.execute(&statements.settle, &values).await? > 0)
}

/// Settles one, unless somebody did so before.
pub(super) async fn settle(session: &mut Session, number: u64, how: &Settled) -> Result<bool, Fault> {
    let statements = Statements::prepare(session).await?;
    let look = session.statement("SELECT FROM dead_letters WHERE number = $1").await?;
    let transaction = session.client.transaction().await?;
    if settle_within(&transaction, &statements, number, how).await? {
        transaction.commit().await?;
        return Ok(true);
    }
    let is_there = transaction.query_opt(&look, &[&to_stored(number)]).await?.is_some();
    transaction.rollback().await?;
    if is_there { Ok(false) } else { Err(no_such_letter(number).into()) }
}

//! Dead letters: kept up to a limit, settled once, forgotten when many were settled after them.

use super::writes::Refusal;
use crate::record::{SETTLED_LETTERS_MAX, no_such_letter, settled_to_json};
use glidepath_model::projection::Settled;
use glidepath_ports::store::DEAD_LETTERS_MAX;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Keeps letters as far as there is room, and counts the others.
pub(super) fn add(connection: &Connection, letters: &[String]) -> Result<(), Refusal> {
    if letters.is_empty() {
        return Ok(());
    }
    let mut count = connection.prepare_cached("SELECT count(*) FROM dead_letters WHERE settled_at IS NULL")?;
    let open: i64 = count.query_row([], |row| row.get(0))?;
    let room = usize::try_from(DEAD_LETTERS_MAX.saturating_sub(open.unsigned_abs())).unwrap_or(usize::MAX);
    let (kept, lost) = letters.split_at(room.min(letters.len()));
    let mut insert = connection.prepare_cached("INSERT INTO dead_letters (letter) VALUES (?1)")?;
    for letter in kept {
        insert.execute([letter])?;
    }
    if !lost.is_empty() {
        connection.prepare_cached("UPDATE letters_lost SET count = count + ?1")?.execute([lost.len() as i64])?;
    }
    Ok(())
}

/// Settles a letter; gives 1 when nobody had done so before.
pub(super) fn settle(connection: &Connection, number: u64, how: &Settled) -> Result<u64, Refusal> {
    if settle_if_open(connection, number, how)? {
        return Ok(1);
    }
    let mut select = connection.prepare_cached("SELECT 1 FROM dead_letters WHERE number = ?1")?;
    match select.query_row([stored(number)], |_| Ok(())).optional()? {
        Some(()) => Ok(0),
        None => Err(no_such_letter(number).into()),
    }
}

/// Settles a letter unless somebody did so before, or it is forgotten already.
pub(super) fn settle_if_open(connection: &Connection, number: u64, how: &Settled) -> Result<bool, Refusal> {
    let mut update =
        connection.prepare_cached("UPDATE dead_letters SET settled_at = ?2, settled = ?3 WHERE number = ?1 AND settled_at IS NULL")?;
    let is_first = update.execute(params![stored(number), how.at.as_micros(), settled_to_json(how)?])? > 0;
    if is_first {
        forget_old(connection)?;
    }
    Ok(is_first)
}

/// A number beyond the range of the table is none of its numbers.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn forget_old(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM dead_letters WHERE number IN
                 (SELECT number FROM dead_letters WHERE settled_at IS NOT NULL ORDER BY settled_at DESC, number DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([SETTLED_LETTERS_MAX as i64])?;
    Ok(())
}

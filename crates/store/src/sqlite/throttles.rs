//! What is known of targets whose attempts are throttled: one row for each, in the engine's form.

use super::writes::{Done, Refusal};
use crate::record::{from_json, to_json};
use glidepath_engine::throttle::ThrottleState;
use glidepath_model::plan::Throttle;
use glidepath_model::projection::AttemptReport;
use glidepath_model::{TargetName, Timestamp};
use glidepath_ports::StoreError;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Asks whether an attempt may begin. Who may not has changed nothing.
pub(super) fn admit(connection: &Connection, throttle: &Throttle, at: Timestamp) -> Result<Done, Refusal> {
    let mut state = state_of(connection, &throttle.target)?;
    match state.admit(throttle, at) {
        Ok(()) => {
            save(connection, &throttle.target, &state)?;
            Ok(Done::Number(0))
        }
        Err((until, reason)) => Ok(Done::NotBefore { until, reason }),
    }
}

/// Takes note of how an attempt ended. Most end well on a target that is well, which changes nothing.
pub(super) fn report(connection: &Connection, report: &AttemptReport) -> Result<(), Refusal> {
    if report.throttle.breaker.is_none() {
        return Ok(());
    }
    let before = match state_of(connection, &report.throttle.target) {
        // A newer program keeps it in its own way. What a run did must be journaled all the same.
        Err(Refusal::Store(StoreError::Corrupt { .. })) => return Ok(()),
        known => known?,
    };
    let mut after = before.clone();
    after.report(&report.throttle, report.done, report.at);
    if after == before { Ok(()) } else { save(connection, &report.throttle.target, &after) }
}

fn state_of(connection: &Connection, target: &TargetName) -> Result<ThrottleState, Refusal> {
    let mut select = connection.prepare_cached("SELECT state FROM throttles WHERE target = ?1")?;
    let stored: Option<String> = select.query_row([target.as_str()], |row| row.get(0)).optional()?;
    Ok(stored.map(|json| from_json("the throttle of a target", json.as_bytes())).transpose()?.unwrap_or_default())
}

fn save(connection: &Connection, target: &TargetName, state: &ThrottleState) -> Result<(), Refusal> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO throttles (target, state) VALUES (?1, ?2)")?
        .execute(params![target.as_str(), to_json(state)?])?;
    Ok(())
}

//! Throttled targets: what all nodes together know of each, changed by the engine's rule under the lock of its row.
//!
//! Whoever asks whether an attempt may begin locks one row. An append that tells how attempts ended locks the rows of its targets in the order of
//! their names before it writes anything else, so that no circle of waiting arises.

use super::sessions::{Fault, Session};
use crate::record::{from_json, to_json};
use glidepath_engine::throttle::ThrottleState;
use glidepath_model::Timestamp;
use glidepath_model::plan::Throttle;
use glidepath_model::projection::AttemptReport;
use glidepath_ports::StoreError;
use glidepath_ports::store::Admission;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Statement, Transaction};

/// The statements that change what is known of targets.
pub(super) struct Statements {
    make: Statement,
    lock: Statement,
    keep: Statement,
}

impl Statements {
    pub(super) async fn prepare(session: &mut Session) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            make: session
                .statement(
                    "INSERT INTO throttles (target, state) SELECT t.target, $2 FROM unnest($1::text[]) AS t (target)
                     WHERE NOT EXISTS (SELECT FROM throttles k WHERE k.target = t.target) ORDER BY t.target ON CONFLICT DO NOTHING",
                )
                .await?,
            lock: session.statement("SELECT target, state FROM throttles WHERE target = ANY ($1) ORDER BY target FOR UPDATE").await?,
            keep: session
                .statement(
                    "UPDATE throttles SET state = k.state FROM unnest($1::text[], $2::text[]) AS k (target, state)
                     WHERE throttles.target = k.target",
                )
                .await?,
        })
    }
}

/// Makes the rows of targets that have none. It is done in a transaction of its own: within one that has locks it would be a lock out of
/// order.
pub(super) async fn make_rows(session: &Session, statements: &Statements, targets: &BTreeSet<&str>) -> Result<(), Fault> {
    let targets: Vec<&str> = targets.iter().copied().collect();
    session.client.execute(&statements.make, &[&targets, &to_json(&ThrottleState::default())?]).await?;
    Ok(())
}

/// Targets whose rows are locked until the end of the transaction, with what is known of them.
pub(super) struct Locked {
    states: BTreeMap<String, ThrottleState>,
    /// Targets whose state a newer program keeps in its own way: nothing is reported of them, and no attempt on them is admitted.
    unread: BTreeMap<String, StoreError>,
    changed: BTreeSet<String>,
}

impl Locked {
    /// Waits for the rows of these targets.
    pub(super) async fn wait(transaction: &Transaction<'_>, statements: &Statements, targets: &BTreeSet<&str>) -> Result<Self, Fault> {
        let targets: Vec<&str> = targets.iter().copied().collect();
        let (mut states, mut unread) = (BTreeMap::new(), BTreeMap::new());
        for row in transaction.query(&statements.lock, &[&targets]).await? {
            let (target, state): (String, &str) = (row.try_get(0)?, row.try_get(1)?);
            match from_json("what is known of a throttled target", state.as_bytes()) {
                Ok(state) => drop(states.insert(target, state)),
                Err(error) => drop(unread.insert(target, error)),
            }
        }
        Ok(Self { states, unread, changed: BTreeSet::new() })
    }

    /// Lets an attempt begin and counts it, or says when to ask again. `None` when the target has no row.
    fn admit(&mut self, throttle: &Throttle, at: Timestamp) -> Result<Option<Admission>, StoreError> {
        if let Some(error) = self.unread.get(throttle.target.as_str()) {
            return Err(error.clone());
        }
        let Some(state) = self.states.get_mut(throttle.target.as_str()) else { return Ok(None) };
        Ok(Some(match state.admit(throttle, at) {
            Ok(()) => {
                self.changed.insert(throttle.target.to_string());
                Admission::Granted
            }
            Err((until, reason)) => Admission::NotBefore { until, reason },
        }))
    }

    /// Takes note of how an attempt ended.
    pub(super) fn report(&mut self, report: &AttemptReport) {
        let Some(state) = self.states.get_mut(report.throttle.target.as_str()) else { return };
        let before = state.clone();
        state.report(&report.throttle, report.done, report.at);
        if *state != before {
            self.changed.insert(report.throttle.target.to_string());
        }
    }

    /// Writes what has changed.
    pub(super) async fn keep(&self, transaction: &Transaction<'_>, statements: &Statements) -> Result<(), Fault> {
        let (mut targets, mut states) = (Vec::new(), Vec::new());
        for (target, state) in self.states.iter().filter(|(target, _)| self.changed.contains(*target)) {
            targets.push(target.as_str());
            states.push(to_json(state)?);
        }
        if !targets.is_empty() {
            transaction.execute(&statements.keep, &[&targets, &states]).await?;
        }
        Ok(())
    }
}

/// Asks whether an attempt may begin, and counts it if so.
pub(super) async fn admit(session: &mut Session, throttle: &Throttle, at: Timestamp) -> Result<Admission, Fault> {
    let statements = Statements::prepare(session).await?;
    let target = BTreeSet::from([throttle.target.as_str()]);
    loop {
        let transaction = session.client.transaction().await?;
        let mut locked = Locked::wait(&transaction, &statements, &target).await?;
        let admission = locked.admit(throttle, at)?;
        locked.keep(&transaction, &statements).await?;
        transaction.commit().await?;
        match admission {
            Some(admission) => return Ok(admission),
            // Nobody deletes the row that is made now.
            None => make_rows(session, &statements, &target).await?,
        }
    }
}

//! Durations of steps: all are written, the newest of each key are read, and the others are deleted now and then.

use super::appends::StreamRows;
use super::numbers::limit;
use super::sessions::Session;
use crate::learning::DURATIONS_PER_KEY_MAX;
use std::collections::BTreeSet;

/// Durations learnt by this process after which old ones are deleted.
const LEARNT_BETWEEN_DELETIONS: usize = 256;

/// Deletes durations that nobody reads any more. It is done aside from the appends: two nodes that learn about the same step must not
/// wait for each other.
#[derive(Default)]
pub(super) struct Forgetting {
    keys: BTreeSet<String>,
    learnt: usize,
}

impl Forgetting {
    /// Takes note of what was written.
    pub(super) fn learnt(&mut self, stream: &StreamRows) {
        for key in stream.duration_keys() {
            self.learnt += 1;
            if !self.keys.contains(key) {
                self.keys.insert(key.to_owned());
            }
        }
    }

    /// Deletes old durations when many new ones were learnt. A failure leaves them for the next time.
    pub(super) async fn forget_if_due(&mut self, session: &mut Session) {
        if self.learnt < LEARNT_BETWEEN_DELETIONS {
            return;
        }
        let keys: Vec<String> = std::mem::take(&mut self.keys).into_iter().collect();
        self.learnt = 0;
        let delete = "WITH old AS (
                SELECT d.number FROM unnest($1::text[]) AS k (key), LATERAL (
                    SELECT number FROM durations WHERE key = k.key ORDER BY number DESC OFFSET $2) AS d
            ), mine AS (SELECT number FROM durations WHERE number IN (SELECT number FROM old) FOR UPDATE SKIP LOCKED)
            DELETE FROM durations USING mine WHERE durations.number = mine.number";
        if let Ok(statement) = session.statement(delete).await {
            let _ = session.client.execute(&statement, &[&keys, &limit(DURATIONS_PER_KEY_MAX)]).await;
        }
    }
}

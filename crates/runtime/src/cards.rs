//! Flight cards as plain files, so that they survive the program.
//!
//! A card is rewritten after each event: to a file beside it first, then renamed over it, so that a reader never sees half a
//! card. While events follow each other quickly a card is written at most every 100 ms, the last one always.

use crate::limits::CARD_EVERY;
use glidepath_engine::RunState;
use glidepath_model::{Plan, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::Instant;

/// Makes the text of a card.
pub type CardWriter = Arc<dyn Fn(&Plan, &RunState, Timestamp) -> String + Send + Sync>;

/// The card file of a run.
pub fn card_path(state_dir: &Path, run: &RunId) -> PathBuf {
    state_dir.join("cards").join(format!("{}.txt", crate::calls::folder_name(run.as_str())))
}

/// Writes a card file in one piece.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn write_card(state_dir: &Path, run: &RunId, text: &str) -> io::Result<()> {
    let path = card_path(state_dir, run);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // The name holds the process, since the guard and an owner may write the same card.
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, &path).inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}

/// Cards that wait to be written.
#[derive(Default)]
pub(crate) struct DueCards {
    changed: BTreeSet<RunId>,
    written: BTreeMap<RunId, Instant>,
}

impl DueCards {
    /// Says that a run changed.
    pub(crate) fn changed(&mut self, run: &RunId) {
        self.changed.insert(run.clone());
    }

    /// Says that a run's card is to be written at the next chance, however recent the last one is.
    pub(crate) fn write_now(&mut self, run: &RunId) {
        if self.changed.contains(run) {
            self.written.remove(run);
        }
    }

    /// Takes the runs whose cards may be written now.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<RunId> {
        let recent = |run: &RunId| self.written.get(run).is_some_and(|at| now.duration_since(*at) < CARD_EVERY);
        let due: Vec<RunId> = self.changed.iter().filter(|run| !recent(run)).cloned().collect();
        for run in &due {
            self.changed.remove(run);
            self.written.insert(run.clone(), now);
        }
        due
    }

    /// Forgets a run.
    pub(crate) fn forget(&mut self, run: &RunId) {
        self.changed.remove(run);
        self.written.remove(run);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::from("run-1");
        write_card(folder.path(), &run, "first").unwrap();
        write_card(folder.path(), &run, "second").unwrap();
        assert_eq!(std::fs::read_to_string(card_path(folder.path(), &run)).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path().join("cards")).unwrap().count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_in_a_row_write_one_card_and_the_last_one_is_not_lost() {
        let mut due = DueCards::default();
        let run = RunId::from("run-1");
        due.changed(&run);
        assert_eq!(due.take_due(Instant::now()), vec![run.clone()]);
        due.changed(&run);
        assert_eq!(due.take_due(Instant::now()), vec![]);
        tokio::time::advance(CARD_EVERY).await;
        assert_eq!(due.take_due(Instant::now()), vec![run.clone()]);
        assert_eq!(due.take_due(Instant::now()), vec![]);
    }
}

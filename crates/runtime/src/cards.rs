//! Flight cards as plain files, so that they survive the program.
//!
//! A card is rewritten after each event: to a file beside it first, then renamed over it, so that a reader never sees half a
//! card. While events follow each other quickly a card is written at most every 100 ms, the last one always.

use crate::limits::{CARD_EVERY, CARD_FIRST_AFTER, CARDS_WAITING_MAX, SHORT_RUN_CARDS_MAX};
use crate::runtime::Observer;
use glidepath_engine::RunState;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_model::{Plan, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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

/// Writes the cards of an owner's runs, on a thread of its own: a slow disk must not hold up what the cards tell of.
///
/// Changed runs are handed over in passes, at most one every `CARD_EVERY`; a card that was not written when the next
/// one of the same run comes is replaced by it. The first comes when a run exposes something, whose way back must be at hand, or has been in
/// the air for `CARD_FIRST_AFTER`. Of the runs that land before that only a few get one: making files is dear, and a burst of short runs shall hold up neither the journal nor the cards of
/// those that are in trouble. `glidepath card RUN` makes it from the journal.
pub(crate) struct CardDesk {
    desk: Arc<Desk>,
    changed: BTreeSet<RunId>,
    /// Runs in the air that have a card.
    carded: BTreeSet<RunId>,
    /// Those that have none yet, and when they first changed.
    young: BTreeMap<RunId, Instant>,
    passed_at: Option<Instant>,
    short_runs: ShortRuns,
}

/// Counts the cards of runs that landed before their first one.
#[derive(Default)]
struct ShortRuns {
    counted_from: Option<Instant>,
    cards: usize,
}

impl ShortRuns {
    /// Whether one more may have a card.
    fn admit(&mut self, now: Instant) -> bool {
        if self.counted_from.is_none_or(|from| now.duration_since(from) >= CARD_EVERY) {
            *self = Self { counted_from: Some(now), cards: 0 };
        }
        self.cards += 1;
        self.cards <= SHORT_RUN_CARDS_MAX
    }
}

/// What a card is made from.
struct CardJob {
    plan: Arc<Plan>,
    state: RunState,
    now: Timestamp,
}

struct Desk {
    tray: Mutex<Tray>,
    changed: Condvar,
    emptied: Condvar,
}

#[derive(Default)]
struct Tray {
    waiting: BTreeMap<RunId, CardJob>,
    is_writing: bool,
    is_closed: bool,
    /// Cards that found no place since the last were written.
    left_out: u64,
}

impl CardDesk {
    /// Starts the thread; it ends after the desk is dropped and everything handed over is written.
    pub(crate) fn open(state_dir: PathBuf, writer: CardWriter, observer: Arc<dyn Observer>) -> Self {
        let desk = Arc::new(Desk { tray: Mutex::default(), changed: Condvar::new(), emptied: Condvar::new() });
        let of_thread = desk.clone();
        let trouble = observer.clone();
        let started =
            std::thread::Builder::new().name("cards".to_owned()).spawn(move || of_thread.write_all(&state_dir, &writer, observer.as_ref()));
        if let Err(error) = started {
            desk.lock().is_closed = true;
            trouble.trouble(&format!("flight cards are not written to files: {error}; `glidepath card RUN` makes them from the journal"));
        }
        Self {
            desk,
            changed: BTreeSet::new(),
            carded: BTreeSet::new(),
            young: BTreeMap::new(),
            passed_at: None,
            short_runs: ShortRuns::default(),
        }
    }

    /// Says that a run changed.
    pub(crate) fn changed(&mut self, run: &RunId, now: Instant) {
        if self.changed.contains(run) {
            return;
        }
        self.changed.insert(run.clone());
        if !self.carded.contains(run) {
            self.young.entry(run.clone()).or_insert(now);
        }
    }

    /// The runs whose cards are to be handed over now; `exposes` says of one whether something of it is exposed.
    pub(crate) fn take_pass(&mut self, now: Instant, exposes: impl Fn(&RunId) -> bool) -> BTreeSet<RunId> {
        if self.changed.is_empty() || self.passed_at.is_some_and(|at| now.duration_since(at) < CARD_EVERY) {
            return BTreeSet::new();
        }
        self.passed_at = Some(now);
        let due = self.young.extract_if(.., |run, since| now.duration_since(*since) >= CARD_FIRST_AFTER || exposes(run));
        self.carded.extend(due.map(|(run, _)| run));
        self.changed.extract_if(.., |run| self.carded.contains(run)).collect()
    }

    /// Whether the run changed since its last card.
    pub(crate) fn is_due(&mut self, run: &RunId) -> bool {
        self.changed.remove(run)
    }

    /// Hands over what the last card of a run is to be made from.
    pub(crate) fn hand_over_last(&mut self, plan: Arc<Plan>, state: RunState, now: Timestamp) {
        let (has_card, changed) = (self.carded.remove(&state.run), self.changed.remove(&state.run));
        self.young.remove(&state.run);
        let landed = state.status() == RunStatus::Ended(RunEnd::Succeeded);
        if changed && (has_card || !landed || self.short_runs.admit(Instant::now())) {
            self.hand_over(plan, state, now);
        }
    }

    /// Hands over what a run's card is to be made from.
    pub(crate) fn hand_over(&self, plan: Arc<Plan>, state: RunState, now: Timestamp) {
        let mut tray = self.desk.lock();
        let run = state.run.clone();
        if tray.is_closed || (tray.waiting.len() >= CARDS_WAITING_MAX && !tray.waiting.contains_key(&run)) {
            tray.left_out += 1;
            return;
        }
        tray.waiting.insert(run, CardJob { plan, state, now });
        drop(tray);
        self.desk.changed.notify_one();
    }

    /// Waits until everything handed over is written.
    pub(crate) async fn written(&self) {
        let desk = self.desk.clone();
        // When the waiting thread breaks down nobody can say more than a timeout would.
        let _ = tokio::task::spawn_blocking(move || desk.wait_until_empty()).await;
    }
}

impl Drop for CardDesk {
    fn drop(&mut self) {
        self.desk.lock().is_closed = true;
        self.desk.changed.notify_one();
        self.desk.emptied.notify_all();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until_empty(&self) {
        let mut tray = self.lock();
        while !tray.is_closed && (tray.is_writing || !tray.waiting.is_empty()) {
            tray = self.emptied.wait(tray).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write_all(&self, state_dir: &Path, writer: &CardWriter, observer: &dyn Observer) {
        while let Some((cards, left_out)) = self.next_cards() {
            if left_out > 0 {
                observer.trouble(&format!(
                    "{left_out} flight cards were not written to files, more than {CARDS_WAITING_MAX} waited; `glidepath card RUN` makes them from the journal"
                ));
            }
            for (run, card) in cards {
                let text = writer(&card.plan, &card.state, card.now);
                if let Err(error) = write_card(state_dir, &run, &text) {
                    observer.trouble(&format!("the card of {run} cannot be written: {error}"));
                }
            }
        }
    }

    /// Waits for cards; `None` once the desk is closed and nothing is left.
    fn next_cards(&self) -> Option<(BTreeMap<RunId, CardJob>, u64)> {
        let mut tray = self.lock();
        loop {
            tray.is_writing = !tray.waiting.is_empty();
            if tray.is_writing {
                let left_out = std::mem::take(&mut tray.left_out);
                return Some((std::mem::take(&mut tray.waiting), left_out));
            }
            self.emptied.notify_all();
            if tray.is_closed {
                return None;
            }
            tray = self.changed.wait(tray).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::runtime::NoObserver;
    use glidepath_engine::Ended;

    #[test]
    fn a_card_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::from("run-1");
        write_card(folder.path(), &run, "first").unwrap();
        write_card(folder.path(), &run, "second").unwrap();
        assert_eq!(std::fs::read_to_string(card_path(folder.path(), &run)).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path().join("cards")).unwrap().count(), 1);
    }

    fn handed_over(desk: &mut CardDesk) -> usize {
        desk.take_pass(Instant::now(), |_| false).len()
    }

    fn desk(folder: &Path) -> CardDesk {
        let text = |_: &Plan, state: &RunState, _: Timestamp| format!("card of {}", state.run);
        CardDesk::open(folder.to_owned(), Arc::new(text), Arc::new(NoObserver))
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_in_a_row_hand_over_one_card_and_the_last_one_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = desk(folder.path());
        let run = RunId::from("run-1");
        desk.changed(&run, Instant::now());
        assert_eq!(handed_over(&mut desk), 0, "it may land soon");
        let exposing = RunId::from("run-2");
        desk.changed(&exposing, Instant::now());
        tokio::time::advance(CARD_EVERY).await;
        assert_eq!(desk.take_pass(Instant::now(), |run| *run == exposing), BTreeSet::from([exposing.clone()]));
        tokio::time::advance(CARD_FIRST_AFTER).await;
        assert_eq!(handed_over(&mut desk), 1);
        desk.changed(&run, Instant::now());
        assert_eq!(handed_over(&mut desk), 0, "too soon after the last pass");
        tokio::time::advance(CARD_EVERY).await;
        assert_eq!(handed_over(&mut desk), 1);
        tokio::time::advance(CARD_EVERY).await;
        assert_eq!(handed_over(&mut desk), 0, "nothing changed");
    }

    fn plan() -> Arc<Plan> {
        Arc::new(glidepath_testkit::plans::whole_plan(glidepath_testkit::plans::chain_plan("nothing", 1)))
    }

    #[tokio::test]
    async fn what_was_handed_over_is_on_the_disk_once_it_counts_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        for number in 0..100 {
            let run = RunId::new(format!("run-{number:012}"));
            desk.hand_over(plan(), RunState::new(run), Timestamp::EPOCH);
        }
        desk.written().await;
        assert_eq!(std::fs::read_dir(folder.path().join("cards")).unwrap().count(), 100);
        let last = card_path(folder.path(), &RunId::from("run-000000000099"));
        assert_eq!(std::fs::read_to_string(last).unwrap(), "card of run-000000000099");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_short_runs_gets_few_cards_and_one_in_trouble_gets_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = desk(folder.path());
        let ended = |run: RunId, end: RunEnd| {
            let ended = Ended { end, leftovers: Vec::new(), at: Timestamp::EPOCH };
            RunState { ended: Some(ended), ..RunState::new(run) }
        };
        let landed = |number: usize| ended(RunId::new(format!("run-{number:012}")), RunEnd::Succeeded);
        for number in 0..100 {
            let state = landed(number);
            desk.changed(&state.run, Instant::now());
            desk.hand_over_last(plan(), state, Timestamp::EPOCH);
        }
        let failed = ended(RunId::from("run-failed"), RunEnd::RolledBack);
        desk.changed(&failed.run, Instant::now());
        desk.hand_over_last(plan(), failed, Timestamp::EPOCH);
        desk.written().await;
        assert_eq!(std::fs::read_dir(folder.path().join("cards")).unwrap().count(), SHORT_RUN_CARDS_MAX + 1);
        assert!(card_path(folder.path(), &RunId::from("run-failed")).exists());
        tokio::time::advance(CARD_EVERY).await;
        desk.changed(&landed(100).run, Instant::now());
        desk.hand_over_last(plan(), landed(100), Timestamp::EPOCH);
        desk.written().await;
        assert!(card_path(folder.path(), &landed(100).run).exists());
    }
}

//! What listings give: entries that can be read, and beside them those that cannot. During an upgrade programs of two versions use a shared store, so that one
//! entry of a newer form is nothing unusual, and must keep none of the others back.

use super::{StoreError, Submission};
use glidepath_model::projection::RunSummary;
use glidepath_model::{RunId, Timestamp};

/// A numbered entry that this program cannot read: a newer one wrote it, or it is damaged. It keeps none of the others back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its number.
    pub number: u64,
    /// What cannot be read of it.
    pub reason: String,
}

/// A run whose summary this program cannot read. It keeps none of the others back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadRun {
    /// The run.
    pub run: RunId,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// What cannot be read of it.
    pub reason: String,
}

/// Runs of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Summaries, newest first.
    pub read: Vec<RunSummary>,
    /// Runs whose summaries cannot be read, newest first.
    pub unread: Vec<UnreadRun>,
}

impl Runs {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.read.len() + self.unread.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the run is among them.
    pub fn has(&self, run: &RunId) -> bool {
        self.names().any(|known| known == run)
    }

    /// All of them by name.
    pub fn names(&self) -> impl Iterator<Item = &RunId> {
        self.read.iter().map(|run| &run.run).chain(self.unread.iter().map(|run| &run.run))
    }

    /// The newest, at most so many.
    #[must_use]
    pub fn newest(mut self, runs_max: usize) -> Self {
        while self.len() > runs_max {
            let older = |read: &RunSummary, unread: &UnreadRun| (read.started_at, &read.run) < (unread.started_at, &unread.run);
            match (self.read.last(), self.unread.last()) {
                (Some(read), Some(unread)) if older(read, unread) => drop(self.read.pop()),
                (Some(_), None) => drop(self.read.pop()),
                (_, Some(_)) => drop(self.unread.pop()),
                (None, None) => break,
            }
        }
        self
    }

    /// The newest of them, for whoever asked about one run.
    ///
    /// # Errors
    /// When its summary cannot be read.
    pub fn one(self) -> Result<Option<RunSummary>, StoreError> {
        let mut newest = self.newest(1);
        match newest.unread.pop() {
            Some(unread) => Err(StoreError::Corrupt { reason: format!("run {}: {}", unread.run, unread.reason) }),
            None => Ok(newest.read.pop()),
        }
    }
}

/// Submissions for one owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submissions {
    /// With their numbers, oldest first.
    pub read: Vec<(u64, Submission)>,
    /// Those that cannot be read.
    pub unread: Vec<Unread>,
}

/// Submissions that nobody has answered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many there are.
    pub count: u64,
    /// Those of them that cannot be read.
    pub unread: Vec<Unread>,
}

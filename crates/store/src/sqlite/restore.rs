//! Restoring: a backup becomes the state folder, whole or not at all.
//!
//! Theory of operation. Everything happens in a new folder beside the state folder: the backup is copied there and
//! proven there (pages, chains, mirror), what was live in it is put to rest, and all of it is synced. Only then does
//! the folder take its place, in one rename: where there was no state folder it gets the name, and where there was
//! one the two exchange their names. A kill at any moment leaves the old state or the new one, never a mix; what it
//! may leave beside it, a folder that ends in `.restoring-` and a number, is worth nothing.
//!
//! A backup is of another time. Runs that were live in it may have gone on since, landed or been rolled back, and
//! nobody here knows. So each of them is given an event that makes it rest as a whole: no timer, no gate, no hold
//! limit and no owner moves it until a person says `resume`, `abort` or `abandon`, and it keeps its targets until
//! then. A watch after landing ends without a verdict. Requests that nobody had answered are answered: refused.
//!
//! Fencing numbers never go back: what guards a resource has seen those of owners that came after the backup, and would refuse smaller ones. Nobody
//! may be left who knows how many owners that were, so the epoch, of which the numbers are made, leaps over as many as there can have been. The
//! resting runs hold what they hold under new numbers.
//!
//! Races:
//! - Somebody owns or guards the runs of the folder that is to be replaced: both locks are taken first, and held until
//!   the names are exchanged. Whoever comes to the locks after that comes to those of the new folder.
//! - A process has the old database open: it finds another file at the path before its next commit, and stops.
//! - Two restores at once: the second finds the locks of the first, or a state folder that is no longer empty.

use super::backup::{BackupError, BackupFacts, on_disk, rename_new, sync_folder_of, unpack};
use super::open::{FILE_MODE, FOLDER_MODE, file_error, reading_connection};
use super::owner::{GUARD_LOCK_FILE, LOCK_FILE, try_lock_file};
use super::{DATABASE_FILE, SqliteStore};
use crate::claim_book::GRANTS_PER_OWNER_BITS;
use glidepath_engine::{Input, RunState, decide, event_time};
use glidepath_model::Timestamp;
use glidepath_model::event::ProcessMark;
use glidepath_model::projection::{Fence, RunSummary};
use glidepath_model::request::Who;
use glidepath_ports::store::{Answer, StreamAppend};
use glidepath_ports::{Store, StoreError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Owners that a store has had since its backup was made, at most: so many, and so many more for each second since.
const UNKNOWN_OWNERS_MAX: u64 = 4_096;
const UNKNOWN_OWNERS_PER_SECOND_MAX: u64 = 4;

/// What is to be restored, and for whom.
#[derive(Clone, Debug)]
pub struct RestoreOrder {
    /// The backup.
    pub file: PathBuf,
    /// The state folder that is to be.
    pub state_dir: PathBuf,
    /// Whether a folder that holds a journal may be moved aside.
    pub replace: bool,
    /// Who restores.
    pub who: Who,
    /// The process that does it.
    pub process: ProcessMark,
    /// The time.
    pub now: Timestamp,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup held.
    pub backup: BackupFacts,
    /// Runs that were live in it; each rests until a person speaks.
    pub resting: Vec<RunSummary>,
    /// Requests in it that nobody had answered; all are refused now.
    pub refused_requests: usize,
    /// Where the former state folder lies now, if there was one.
    pub moved_aside: Option<PathBuf>,
}

/// Makes a backup the state folder.
///
/// # Errors
/// When the backup cannot be used, the folder holds a journal and `replace` is not set, or somebody owns or guards
/// its runs. The state folder is then as it was.
pub async fn restore(order: RestoreOrder) -> Result<Restored, BackupError> {
    let looked = order.clone();
    let (old, staging, backup) = on_disk(move || {
        let old = OldState::look(&looked)?;
        let staging = Staging::begin(&looked.state_dir)?;
        let backup = copy_and_prove(&looked.file, &staging.path)?;
        Ok((old, staging, backup))
    })
    .await?;
    let known = old.as_ref().map_or(0, |old| old.epoch);
    let (resting, refused_requests) = put_to_rest(&staging.path, &order, backup.made_at, known).await?;
    let moved_aside = on_disk(move || take_the_place(staging, old, &order)).await?;
    Ok(Restored { backup, resting, refused_requests, moved_aside })
}

/// A backup that was made a local store in a folder of its own, proven and put to rest; the folder is removed with it.
pub(crate) struct Staged {
    staging: Staging,
    restored: Restored,
}

impl Staged {
    pub(crate) fn folder(&self) -> &Path {
        &self.staging.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.staging.path.join(DATABASE_FILE)
    }

    pub(crate) fn restored(self) -> Restored {
        self.restored
    }
}

/// Makes a backup a local store beside the state folder of the order, for a store that is elsewhere.
///
/// # Errors
/// When the backup cannot be used, or there is no room for it.
pub(crate) async fn stage(order: &RestoreOrder) -> Result<Staged, BackupError> {
    let looked = order.clone();
    let (staging, backup) = on_disk(move || {
        let staging = Staging::begin(&looked.state_dir)?;
        let backup = copy_and_prove(&looked.file, &staging.path)?;
        Ok((staging, backup))
    })
    .await?;
    let (resting, refused_requests) = put_to_rest(&staging.path, order, backup.made_at, 0).await?;
    Ok(Staged { staging, restored: Restored { backup, resting, refused_requests, moved_aside: None } })
}

/// The state folder that is there already, with its locks.
struct OldState {
    /// Held until the folder has been moved aside.
    _locks: Vec<File>,
    /// That of its last owner, as far as it can be read.
    epoch: u64,
}

impl OldState {
    /// `None` when there is no state folder.
    fn look(order: &RestoreOrder) -> Result<Option<Self>, BackupError> {
        let state_dir = &order.state_dir;
        match std::fs::metadata(state_dir) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error(state_dir, &error).into()),
        }
        let mut locks = Vec::new();
        for (file, who) in [(LOCK_FILE, "the owner"), (GUARD_LOCK_FILE, "the guard")] {
            locks.push(try_lock_file(&state_dir.join(file))?.ok_or_else(|| BackupError::InUse { who, state_dir: state_dir.clone() })?);
        }
        if !order.replace && holds_a_journal(state_dir) {
            return Err(BackupError::NotEmpty { state_dir: state_dir.clone() });
        }
        Ok(Some(Self { _locks: locks, epoch: last_epoch(state_dir) }))
    }
}

/// Whether anything would be lost. A database that cannot be read may hold everything.
fn holds_a_journal(state_dir: &Path) -> bool {
    let database = state_dir.join(DATABASE_FILE);
    if std::fs::metadata(&database).map_or(true, |found| found.len() == 0) {
        return false;
    }
    let is_empty = reading_connection(&database).ok().and_then(|connection| {
        let anything = "SELECT EXISTS (SELECT 1 FROM runs) OR EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM plans)
                        OR EXISTS (SELECT 1 FROM submissions)";
        connection.query_row(anything, [], |row| row.get::<_, bool>(0)).ok()
    });
    is_empty != Some(false)
}

/// The epoch of the last owner of a state folder; 0 when nobody can say.
fn last_epoch(state_dir: &Path) -> u64 {
    // Rows of a shared store's backup come without the nodes of the store that it was restored from before.
    let look = "SELECT max(coalesce((SELECT max(epoch) FROM epochs), 0), coalesce((SELECT max(epoch) FROM events), 0))";
    let connection = reading_connection(&state_dir.join(DATABASE_FILE)).ok();
    let found = connection.and_then(|connection| connection.query_row(look, [], |row| row.get::<_, i64>(0)).ok());
    found.map_or(0, i64::unsigned_abs)
}

/// The folder that becomes the state folder; removed when it does not.
struct Staging {
    path: PathBuf,
    is_kept: bool,
}

impl Staging {
    fn begin(state_dir: &Path) -> Result<Self, BackupError> {
        let path = beside(state_dir, &format!("restoring-{}", std::process::id()))?;
        DirBuilder::new().mode(FOLDER_MODE).create(&path).map_err(|error| file_error(&path, &error))?;
        Ok(Self { path, is_kept: false })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_kept {
            // Its name says what it is, should it stay.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// A path in the same folder whose name begins with that of the state folder.
fn beside(state_dir: &Path, suffix: &str) -> Result<PathBuf, BackupError> {
    let state_dir = std::path::absolute(state_dir).map_err(|error| file_error(state_dir, &error))?;
    let mut name = state_dir.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(format!(".{suffix}"));
    Ok(state_dir.with_file_name(name))
}

/// What is proven is the copy that will be used, whatever happens to the file meanwhile.
fn copy_and_prove(file: &Path, staging: &Path) -> Result<BackupFacts, BackupError> {
    let database = staging.join(DATABASE_FILE);
    let unreadable = |error: io::Error| BackupError::Unusable { file: file.to_owned(), reason: error.to_string() };
    let mut from = File::open(file).map_err(unreadable)?;
    if !from.metadata().map_err(unreadable)?.is_file() {
        return Err(BackupError::Unusable { file: file.to_owned(), reason: "it is not a file".to_owned() });
    }
    let mut to =
        OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&database).map_err(|error| file_error(&database, &error))?;
    let bytes = io::copy(&mut from, &mut to).map_err(|error| file_error(&database, &error))?;
    drop(to);
    let mut facts = unpack(&database, staging, file)?;
    facts.bytes = bytes;
    Ok(facts)
}

/// Makes every run that was live rest as a whole, and refuses what nobody had answered.
async fn put_to_rest(
    staging: &Path,
    order: &RestoreOrder,
    made_at: Timestamp,
    known_epoch: u64,
) -> Result<(Vec<RunSummary>, usize), StoreError> {
    let last = last_epoch(staging).max(known_epoch);
    let store = SqliteStore::open(staging)?;
    let in_use = || StoreError::Unavailable { place: staging.display().to_string(), reason: "somebody else works in it".to_owned() };
    let seconds = order.now.since(made_at).to_std().as_secs();
    let beyond = last + UNKNOWN_OWNERS_MAX + UNKNOWN_OWNERS_PER_SECOND_MAX * seconds;
    let ownership = store.own_beyond(beyond, order.who.clone(), order.process.clone()).await?.ok_or_else(in_use)?;
    let mut resting = Vec::new();
    let mut number = ownership.epoch << GRANTS_PER_OWNER_BITS;
    // One whose summary cannot be read is left alone, as by every owner that cannot follow its journal.
    for listed in store.runs(true, usize::MAX).await?.read {
        let summary = match rest(&store, &listed, order, made_at, &mut number).await? {
            Some(append) => {
                let summary = append.summary.clone();
                store.append(ownership.epoch, vec![append]).await?;
                summary
            }
            None => listed,
        };
        // A landed run that was still watched only loses its watch.
        resting.extend(Some(summary).filter(|summary| summary.status.is_live()));
    }
    let open = store.submissions(ownership.epoch, 0).await?;
    let open: Vec<u64> = open.read.iter().map(|(number, _)| *number).chain(open.unread.iter().map(|unread| unread.number)).collect();
    for number in &open {
        let line = format!("refused: the journal was restored from a backup made at {made_at} before anybody took it; ask again.");
        store.answer(*number, Answer { granted: false, line }).await?;
    }
    Ok((resting, open.len()))
}

/// What makes one run rest, with new numbers, which follow `number`, for what it holds; `None` when its journal cannot be followed: every owner leaves such a run alone by itself.
async fn rest(
    store: &SqliteStore,
    listed: &RunSummary,
    order: &RestoreOrder,
    made_at: Timestamp,
    number: &mut u64,
) -> Result<Option<StreamAppend>, StoreError> {
    let run = &listed.run;
    let followed = async {
        let events = store.read_run(run, 0, usize::MAX).await?;
        let plan = store.load_plan(listed.plan.as_str()).await?.plan;
        Ok((events, plan))
    };
    let (events, plan) = match followed.await {
        Ok(found) => found,
        Err(StoreError::Corrupt { .. } | StoreError::Broken { .. } | StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if events.is_empty() {
        return Ok(None);
    }
    let Ok(mut state) = RunState::fold(run.clone(), &plan.body, &events) else { return Ok(None) };
    let restored = format!("it was restored by {} from a backup made at {made_at}", order.who.name);
    let reason = match state.is_observing() {
        true => format!("{restored}, and nobody knows what was done to the same targets since"),
        false => format!(
            "{restored} and may have gone on since; look at its targets, then `resume` goes on from the journal, `abort` turns back, `abandon` leaves what is in place"
        ),
    };
    let renumbered = |held: Fence| {
        *number += 1;
        Fence { number: *number, ..held }
    };
    let input = Input::Restored { reason, fences: state.fences().into_iter().map(renumbered).collect() };
    let (expected_seq, at) = (state.seq, event_time(&state, Some(&input), order.now));
    let events = decide(&plan.body, &mut state, input, at);
    let summary = state.summary(&plan.body);
    Ok(Some(StreamAppend {
        run: run.clone(),
        expected_seq,
        at,
        events,
        summary,
        lessons: Vec::new(),
        reports: Vec::new(),
        dead_letters: Vec::new(),
        settlements: Vec::new(),
    }))
}

/// Gives the new folder its name. From here on a kill leaves the old state or the new one under it.
fn take_the_place(mut staging: Staging, old: Option<OldState>, order: &RestoreOrder) -> Result<Option<PathBuf>, BackupError> {
    let state_dir = &order.state_dir;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::NotEmpty { state_dir: state_dir.clone() },
        _ => file_error(state_dir, &error).into(),
    };
    sync_files(&staging.path).map_err(failed)?;
    let Some(_held) = old else {
        rename_new(&staging.path, state_dir).map_err(failed)?;
        staging.is_kept = true;
        sync_folder_of(state_dir).map_err(failed)?;
        return Ok(None);
    };
    // The new folder first takes the name that the old one is to have: after the exchange every name is right.
    let aside = beside(state_dir, &format!("replaced-{}", order.now.to_string().replace([':', '-'], "")))?;
    rename_new(&staging.path, &aside).map_err(|error| file_error(&aside, &error))?;
    staging.path.clone_from(&aside);
    renameat_with(CWD, &aside, CWD, state_dir, RenameFlags::EXCHANGE).map_err(|error| not_exchanged(state_dir, error))?;
    staging.is_kept = true;
    sync_folder_of(state_dir).map_err(failed)?;
    Ok(Some(aside))
}

fn not_exchanged(state_dir: &Path, error: Errno) -> BackupError {
    let reason = match error {
        Errno::INVAL | Errno::NOSYS => {
            "its file system cannot exchange two folders in one step; move the folder aside by hand (`mv`) and restore without replacing"
                .to_owned()
        }
        other => io::Error::from(other).to_string(),
    };
    StoreError::Unavailable { place: state_dir.display().to_string(), reason }.into()
}

/// The archives were synced when they were written.
fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

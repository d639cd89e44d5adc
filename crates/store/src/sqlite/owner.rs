//! The lock that makes a process the owner of all runs in a state folder.

use super::open::{FILE_MODE, file_error};
use glidepath_ports::StoreError;
use glidepath_ports::store::Lease;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The file whose lock is the ownership.
pub(super) const LOCK_FILE: &str = "owner.lock";

/// Opens the file, and makes it when it is missing.
pub(super) fn open_lock_file(state_dir: &Path) -> Result<File, StoreError> {
    let path = state_dir.join(LOCK_FILE);
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path).map_err(|error| file_error(&path, &error))
}

/// The file whose lock a living guard holds.
pub(super) const GUARD_LOCK_FILE: &str = "guard.lock";

/// Holds the lock for as long as its file is open.
pub(super) struct OwnerLock {
    /// Tells the store of this process that it is the owner no more.
    is_owner: Arc<AtomicBool>,
    _file: File,
}

impl Lease for OwnerLock {}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        self.is_owner.store(false, Ordering::SeqCst);
    }
}

/// Takes the lock when nobody holds it. The kernel gives it up when the file is dropped or the process dies; child
/// processes do not inherit it, because the file is closed on exec.
pub(super) fn try_lock(state_dir: &Path, is_owner: &Arc<AtomicBool>) -> Result<Option<OwnerLock>, StoreError> {
    let locked = try_lock_file(&state_dir.join(LOCK_FILE))?;
    Ok(locked.map(|file| OwnerLock { is_owner: Arc::clone(is_owner), _file: file }))
}

/// Takes a lock that somebody alive would hold; `None` when somebody does.
pub(super) fn try_lock_file(path: &Path) -> Result<Option<File>, StoreError> {
    let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path).map_err(|error| file_error(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(file_error(path, &error)),
    }
}

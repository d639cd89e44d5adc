//! The lock that makes a process the owner of all runs in a state folder.

use super::open::{FILE_MODE, file_error};
use glidepath_ports::StoreError;
use glidepath_ports::store::Lease;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file whose lock is the ownership.
pub(super) const LOCK_FILE: &str = "owner.lock";

/// Opens the file, and makes it when it is missing.
pub(super) fn open_lock_file(state_dir: &Path) -> Result<File, StoreError> {
    let path = state_dir.join(LOCK_FILE);
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path).map_err(|error| file_error(&path, &error))
}

/// Holds the lock for as long as its file is open.
pub(super) struct OwnerLock(#[expect(dead_code, reason = "an open file is all that the lock needs")] File);

impl Lease for OwnerLock {}

/// Takes the lock when nobody holds it. The kernel gives it up when the file is dropped or the process dies; child
/// processes do not inherit it, because the file is closed on exec.
pub(super) fn try_lock(state_dir: &Path) -> Result<Option<OwnerLock>, StoreError> {
    let file = open_lock_file(state_dir)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(OwnerLock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(file_error(&state_dir.join(LOCK_FILE), &error)),
    }
}

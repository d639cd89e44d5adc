//! Space kept free for the worst moment.
//!
//! On a full disk a rollback must still be journaled. The owner therefore keeps a file of 1 MiB beside the
//! database; when a write that must not be lost finds no space, the file is deleted and the write is tried again.
//! A database with a size limit of its own keeps the same amount below that limit.
//!
//! Whoever asks is told that the store is short of room from then on, until the owner could make the file anew: once twice as much is free, so that
//! the next append does not take it away again.

use super::StoreLimits;
use super::open::FILE_MODE;
use rusqlite::Connection;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The file that holds the space.
pub(super) const RESERVE_FILE: &str = "reserve";
/// Its size in bytes.
pub(super) const RESERVE_BYTES: u64 = 1024 * 1024;
/// Space that must be free beside the reserve before it is made anew, in bytes.
const ROOM_BESIDE_BYTES: u64 = RESERVE_BYTES;
/// Fewest pages a database may be limited to beyond the reserve: its empty tables must fit.
const PAGES_MIN: u64 = 64;

/// Space kept free.
pub(super) struct Reserve {
    path: PathBuf,
    pages_max: Option<u64>,
    reserve_pages: u64,
    freed: bool,
    /// The same, for those who ask.
    is_short: Arc<AtomicBool>,
}

impl Reserve {
    pub(super) fn new(state_dir: &Path, connection: &Connection, limits: StoreLimits, is_short: Arc<AtomicBool>) -> rusqlite::Result<Self> {
        let page_bytes: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let page_bytes = page_bytes.unsigned_abs().max(1);
        let reserve_pages = RESERVE_BYTES / page_bytes;
        let pages_max = limits.database_bytes_max.map(|bytes| (bytes / page_bytes).max(reserve_pages + PAGES_MIN));
        let reserve = Self { path: state_dir.join(RESERVE_FILE), pages_max, reserve_pages, freed: false, is_short };
        reserve.limit_pages(connection)?;
        Ok(reserve)
    }

    /// Makes the file when it is missing. A disk that is too full for it is no reason to refuse work.
    pub(super) fn fill(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let is_missing = !self.path.exists() && self.make_file().is_err();
        self.set_freed(is_missing);
        self.limit_pages(connection)
    }

    /// Makes the file anew when there is room for it again. Another process may have freed it, which the owner sees here.
    pub(super) fn look(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let is_gone = self.freed || !self.path.exists();
        let has_room = is_gone && self.disk_has_room() && self.pages_have_room(connection)?;
        if has_room {
            return self.fill(connection);
        }
        self.set_freed(is_gone);
        Ok(())
    }

    /// Whether what room there is belongs to the way back: the space was freed, here or by another process, and could not be kept anew.
    pub(super) fn is_in_use(&self) -> bool {
        self.freed || (!self.path.exists() && !self.disk_has_room())
    }

    fn disk_has_room(&self) -> bool {
        let wanted = if self.path.exists() { ROOM_BESIDE_BYTES } else { RESERVE_BYTES + ROOM_BESIDE_BYTES };
        let folder = self.path.parent().unwrap_or(&self.path);
        rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= wanted)
    }

    /// A database with a size limit has free pages in its file, and those that the file may still grow by.
    fn pages_have_room(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let Some(pages_max) = self.pages_max else { return Ok(true) };
        let pages = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
        let free = pages("freelist_count")? + pages_max.saturating_sub(pages("page_count")?);
        Ok(free >= 2 * self.reserve_pages)
    }

    fn set_freed(&mut self, freed: bool) {
        self.freed = freed;
        self.is_short.store(freed, Ordering::SeqCst);
    }

    /// Frees the space; says whether there was any left to free.
    pub(super) fn free(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        if self.freed {
            return Ok(false);
        }
        self.set_freed(true);
        // A file that is not there leaves the space below the database's own limit, which is freed all the same.
        let removed = std::fs::remove_file(&self.path).is_ok();
        self.limit_pages(connection)?;
        Ok(removed || self.pages_max.is_some())
    }

    fn limit_pages(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(pages_max) = self.pages_max else { return Ok(()) };
        let allowed = if self.freed { pages_max } else { pages_max - self.reserve_pages };
        connection.query_row(&format!("PRAGMA max_page_count = {allowed}"), [], |_| Ok(()))
    }

    fn make_file(&self) -> io::Result<()> {
        let written = self.write_file();
        if written.is_err() {
            // Half a reserve would be taken for a whole one at the next start. When even the removal fails, the
            // next start finds less than it hopes for, which is what the disk had to give.
            let _ = std::fs::remove_file(&self.path);
        }
        written
    }

    fn write_file(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&self.path)?;
        file.write_all(&incompressible_bytes())?;
        file.sync_all()
    }
}

/// Bytes that a file system cannot compress or share away.
fn incompressible_bytes() -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(RESERVE_BYTES as usize);
    while (bytes.len() as u64) < RESERVE_BYTES {
        // Xorshift: any sequence without short repetitions will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

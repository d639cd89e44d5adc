//! Backup, check and restore of a shared store, by way of a local one.
//!
//! Theory of operation. A backup of a shared store is the same kind of file as that of a local store: every row is copied from one repeatable-read
//! snapshot, after the audit has followed all chains in that very snapshot, into the tables of a local store; what came out is audited once more
//! as a whole, and gets its name only then. A check makes such a copy beside the state folder, looks at it as at a local store, and removes
//! it. A restore makes the backup a local store in a folder of its own, exactly as the local restore does: it is proven, and what was live in it
//! is put to rest. The rows of that store go into the shared one in one transaction, which ends with an audit and the commit.
//!
//! Races:
//! - Nodes append while a backup or a check reads: the snapshot does not change, and the nodes do not wait.
//! - Somebody uses the store that is being restored: the tables are locked first, and looked at after that. Who waits for them finds the
//!   restored store.
//! - The program is killed: a restore leaves the empty store, as long as it had not been committed; a backup leaves a file that ends in `.partial-`.

use super::PostgresStore;
use super::audit::audit_within;
use super::copies::{Differences, Writing, holds_anything, living_nodes, send_all};
use super::heads_log::{self, Line};
use super::sessions::{Fault, Session};
use super::{AUDIT_MAX, SCHEMA};
use crate::sqlite::{self, BackupError, BackupFacts, CheckedPart, CopiedRow, Partial, ROWS_WAITING_MAX, RestoreOrder, Restored};
use glidepath_model::Timestamp;
use glidepath_ports::StoreError;
use glidepath_ports::store::Audit;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_postgres::IsolationLevel;

/// Name of the copy that a check makes in the state folder for as long as it lasts.
const CHECKED_COPY: &str = "check-of-shared-store";

const CHAINS_NEXT: &str = "the journal says something else than when it was written: keep a copy of the database as evidence (`pg_dump`), \
     then restore the newest backup into an empty database (`glidepath db restore FILE`)";
const REFERENCES_NEXT: &str =
    "something was taken out of the database: restore the newest backup into an empty one (`glidepath db restore FILE`)";
const SUMMARIES_NEXT: &str = "what lists show is not what the journal says: trust `glidepath logs RUN`, and restore the newest backup into an empty \
     database (`glidepath db restore FILE`)";
const CLAIMS_NEXT: &str = "see who holds what with `glidepath claims`; a run that holds too little is safe after `glidepath abort RUN` or \
     `glidepath abandon RUN`, and a claim that is nobody's goes with a restore";

/// What a copy of everything came to.
struct Copied {
    audit: Audit,
    differences: Differences,
}

impl PostgresStore {
    /// Writes everything that the store holds now to a new file, while nodes fly its runs. `made_at` dates it.
    ///
    /// # Errors
    /// When the file exists, the store does not pass its audit, the server fails, or the disk is full or refuses; no file is left then.
    pub async fn back_up(&self, file: &Path, made_at: Timestamp) -> Result<BackupFacts, BackupError> {
        let named = file.to_owned();
        let partial = sqlite::on_disk(move || Partial::beside(&named)).await?;
        let (copied, end) = self.copy_to(partial.path()).await?;
        if !copied.audit.findings.is_empty() {
            return Err(BackupError::Damaged { findings: copied.audit.findings });
        }
        let file = file.to_owned();
        sqlite::on_disk(move || sqlite::publish_copy(partial, &file, end, made_at)).await
    }

    /// Checks everything that can be checked without the outside.
    ///
    /// # Errors
    /// When the server cannot be read to its end, or there is no room for the copy in the state folder.
    pub async fn check(&self) -> Result<Vec<CheckedPart>, StoreError> {
        let state_dir = self.state_dir.clone().unwrap_or_else(std::env::temp_dir);
        let checked = async {
            let partial = sqlite::on_disk(move || Partial::within(&state_dir, CHECKED_COPY)).await?;
            let (copied, _) = self.copy_to(partial.path()).await?;
            let (references, summaries) = sqlite::on_disk(move || sqlite::check_copy(partial)).await?;
            Ok(parts(copied, references, summaries))
        };
        checked.await.map_err(|error| match error {
            BackupError::Store(error) => error,
            other => StoreError::Unavailable { place: self.place().to_owned(), reason: other.to_string() },
        })
    }

    /// Makes a backup the content of this store, which must be empty. What was live in it rests until a person speaks. `state_dir` of the order is
    /// the folder beside which the backup is proven.
    ///
    /// # Errors
    /// When the backup cannot be used, the store holds anything, or a node of it lives. The store is then as it was.
    pub async fn restore(&self, order: RestoreOrder) -> Result<Restored, BackupError> {
        let place = self.place().to_owned();
        self.sessions
            .call(|session| {
                Box::pin(async move {
                    let transaction = session.client.build_transaction().read_only(true).start().await?;
                    refusal(&transaction, &place).await
                })
            })
            .await?
            .map_or(Ok(()), Err)?;
        let staged = sqlite::stage(&order).await?;
        let (rows, waiting) = mpsc::channel(ROWS_WAITING_MAX);
        let (database, folder) = (staged.database(), staged.folder().to_owned());
        let sending = tokio::task::spawn_blocking(move || sqlite::send_all(&database, &folder, &rows));
        let place = self.place().to_owned();
        let written = self.sessions.call_within(AUDIT_MAX, |session| Box::pin(write_all(session, waiting, place))).await;
        let sent = sending.await.unwrap_or_else(|error| Err(stopped(&error)));
        // Who sends learns only that nobody takes any more; why, says the other side. So it is the other way round when the sender failed.
        match (written, sent) {
            (Ok(None), Ok(())) => {}
            (Ok(Some(refusal)), _) => return Err(refusal),
            (Ok(None), Err(error)) => return Err(error.into()),
            (Err(StoreError::Unavailable { reason, .. }), Err(error)) if reason == sqlite::BROKE_OFF => return Err(error.into()),
            (Err(error), _) => return Err(error.into()),
        }
        let moved_aside = self.move_mirror_aside(order.now);
        Ok(Restored { moved_aside, ..staged.restored() })
    }

    /// The mirror of this node is of the runs that were in the database before; what it says of the restored ones may come from after the backup.
    fn move_mirror_aside(&self, now: Timestamp) -> Option<PathBuf> {
        let mirror = heads_log::path(self.state_dir.as_deref()?);
        let aside = mirror.with_extension(format!("log.replaced-{}", now.to_string().replace([':', '-'], "")));
        std::fs::rename(&mirror, &aside).ok().map(|()| aside)
    }

    /// Copies everything into an empty file.
    async fn copy_to(&self, path: &Path) -> Result<(Copied, sqlite::CopyEnd), BackupError> {
        // The mirror is read first: it lags behind the database, so what it names must be in the snapshot.
        let mirror = heads_log::read(self.state_dir.as_deref());
        let (rows, waiting) = mpsc::channel(ROWS_WAITING_MAX);
        let path = path.to_owned();
        let filling = tokio::task::spawn_blocking(move || sqlite::fill(&path, waiting));
        let copied = self.sessions.call_within(AUDIT_MAX, |session| Box::pin(read_all(session, mirror, rows))).await;
        let filled = filling.await.unwrap_or_else(|error| Err(stopped(&error)));
        match (copied, filled) {
            (Ok(copied), Ok(end)) => Ok((copied, end)),
            // A copy that broke off because the server failed says only that.
            (Err(error), Err(StoreError::Unavailable { reason, .. })) if reason == sqlite::BROKE_OFF => Err(error.into()),
            (_, Err(error)) | (Err(error), Ok(_)) => Err(error.into()),
        }
    }
}

fn stopped(error: &tokio::task::JoinError) -> StoreError {
    StoreError::Unavailable { place: "the copy".to_owned(), reason: format!("the work stopped ({error})") }
}

/// Follows all chains and sends every row, in one snapshot.
async fn read_all(session: &mut Session, mirror: (Vec<Line>, Vec<String>), rows: mpsc::Sender<CopiedRow>) -> Result<Copied, Fault> {
    let snapshot = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    snapshot.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    let audit = audit_within(&snapshot, mirror).await?;
    let differences = send_all(&snapshot, &rows).await?;
    snapshot.rollback().await?;
    Ok(Copied { audit, differences })
}

/// Why nothing may be restored into this store, if so.
async fn refusal(transaction: &tokio_postgres::Transaction<'_>, place: &str) -> Result<Option<BackupError>, Fault> {
    let nodes = living_nodes(transaction).await?;
    if !nodes.is_empty() {
        return Ok(Some(BackupError::NodesLive { place: place.to_owned(), nodes }));
    }
    Ok(holds_anything(transaction).await?.then(|| BackupError::SharedNotEmpty { place: place.to_owned() }))
}

/// Writes everything in one transaction, and proves it before it counts.
async fn write_all(session: &mut Session, rows: mpsc::Receiver<CopiedRow>, place: String) -> Result<Option<BackupError>, Fault> {
    let transaction = session.client.transaction().await?;
    transaction.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    transaction
        .batch_execute(&format!(
            "LOCK TABLE {SCHEMA}.nodes, {SCHEMA}.runs, {SCHEMA}.plans, {SCHEMA}.submissions, {SCHEMA}.blobs IN EXCLUSIVE MODE"
        ))
        .await?;
    if let Some(refusal) = refusal(&transaction, &place).await? {
        return Ok(Some(refusal));
    }
    Writing::new(&transaction).everything(rows).await?;
    let findings = audit_within(&transaction, (Vec::new(), Vec::new())).await?.findings;
    if !findings.is_empty() {
        return Ok(Some(BackupError::Damaged { findings }));
    }
    transaction.commit().await?;
    Ok(None)
}

fn parts(copied: Copied, references: CheckedPart, summaries: CheckedPart) -> Vec<CheckedPart> {
    let Copied { audit, differences } = copied;
    let mut of_summaries = summaries.findings;
    of_summaries.extend(differences.summaries);
    vec![
        CheckedPart { next: REFERENCES_NEXT, ..references },
        CheckedPart {
            name: "chains",
            seen: format!("{} events in {} streams were followed link by link", audit.events, audit.streams),
            findings: audit.findings,
            next: CHAINS_NEXT,
        },
        CheckedPart { findings: of_summaries, next: SUMMARIES_NEXT, ..summaries },
        CheckedPart {
            name: "claims",
            seen: "what every live run holds was compared with the table of claims".to_owned(),
            findings: differences.claims,
            next: CLAIMS_NEXT,
        },
    ]
}

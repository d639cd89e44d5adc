//! `db archive`, `db backup`, `db restore`, `db check`: the store as a thing to keep.

use crate::args::{DbCommand, Form};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::project::STATE_FOLDER;
use crate::world::{World, who};
use glidepath_adapters::EnvFileSecrets;
use glidepath_model::text::plural;
use glidepath_model::{Code, Diagnostic, Millis, Timestamp};
use glidepath_ports::Clock as _;
use glidepath_ports::store::Archived;
use glidepath_runtime::RealClock;
use glidepath_runtime::limits::ARCHIVED_AT_ONCE_MAX;
use glidepath_store::{BackupError, CheckedPart, PostgresOptions, PostgresStore, RestoreOrder, Restored, SqliteStore};
use std::path::Path;

pub(crate) async fn run(root: &Path, command: &DbCommand) -> Result<Exit, Failure> {
    match command {
        DbCommand::Backup { file, format } => backup(root, file, *format).await,
        DbCommand::Restore { file, replace, format } => restore(root, file, *replace, *format).await,
        DbCommand::Check { format } => check(root, *format).await,
        DbCommand::Archive { older_than, format } => archive(root, *older_than, *format).await,
    }
}

/// The store of the project, where it is.
enum Kept {
    Local(Box<SqliteStore>),
    Shared(Box<PostgresStore>),
}

impl Kept {
    async fn open(root: &Path) -> Result<Self, Failure> {
        match crate::stores::named_by_files(root)? {
            Some(named) => Ok(Self::Shared(Box::new(shared(root, &named).await?))),
            None => Ok(Self::Local(Box::new(SqliteStore::open(&root.join(STATE_FOLDER))?))),
        }
    }

    /// What time it is by the clock that everything in the store goes by.
    fn now(&self) -> Timestamp {
        match self {
            Self::Local(_) => RealClock.now(),
            Self::Shared(store) => store.clock().now(),
        }
    }
}

async fn shared(root: &Path, named: &str) -> Result<PostgresStore, Failure> {
    let options = PostgresOptions { state_dir: Some(root.join(STATE_FOLDER)), ..PostgresOptions::new(crate::stores::default_node_name()) };
    crate::stores::open_postgres(named, &EnvFileSecrets::new(root.to_path_buf()), options).await
}

/// What was in a folder can be moved aside; a database that others use cannot.
fn never_replaced() -> Failure {
    Failure::new(
        Exit::BadInput,
        Diagnostic::error(Code(674), "`--replace` is for the store in a project's own folder; this project has a shared one")
            .because("a shared store is never replaced under those who use it")
            .hint("make an empty database, name it in the project's `store`, and run `glidepath db restore FILE` without `--replace`"),
    )
}

/// `db archive [--older-than AGE]`: everything that is due, a few runs at a time.
async fn archive(root: &Path, older_than: Option<Millis>, form: Form) -> Result<Exit, Failure> {
    let World { store, clock, .. } = World::open(root).await?;
    let age = older_than.unwrap_or_else(|| crate::stores::retention(root));
    let quiet_since = clock.now().minus(age);
    let mut archived = Archived::default();
    loop {
        let more = store.archive(quiet_since, ARCHIVED_AT_ONCE_MAX).await?;
        archived.runs += more.runs;
        archived.events += more.events;
        archived.bytes += more.bytes;
        if more.runs == 0 {
            break;
        }
    }
    match form {
        Form::Json => output::json(&serde_json::json!({ "runs": archived.runs, "events": archived.events, "bytes": archived.bytes })),
        Form::Human if archived.runs == 0 => {
            output::say(&format!("No run was archived: none that ended has been quiet for {age}, or another process archives right now."));
        }
        Form::Human => output::data(&format!(
            "archived {} with {} in {} KiB",
            plural(archived.runs, "run", "runs"),
            plural(archived.events, "event", "events"),
            archived.bytes.div_ceil(1024)
        )),
    }
    Ok(Exit::Done)
}

/// `db backup FILE`.
async fn backup(root: &Path, file: &Path, form: Form) -> Result<Exit, Failure> {
    let kept = Kept::open(root).await?;
    let made_at = kept.now();
    let facts = match kept {
        Kept::Local(store) => store.back_up(file, made_at).await,
        Kept::Shared(store) => store.back_up(file, made_at).await,
    };
    let facts = facts.map_err(failure)?;
    match form {
        Form::Json => output::json(&serde_json::json!({
            "file": file, "madeAt": facts.made_at, "runs": facts.runs, "runsWithWork": facts.runs_with_work, "events": facts.events, "bytes": facts.bytes,
        })),
        Form::Human => output::data(&format!(
            "{}: {} ({} live or watched), {}, {} KiB, every chain closed",
            file.display(),
            plural(facts.runs, "run", "runs"),
            facts.runs_with_work,
            plural(facts.events, "event", "events"),
            facts.bytes.div_ceil(1024)
        )),
    }
    Ok(Exit::Done)
}

/// `db restore FILE [--replace]`.
async fn restore(root: &Path, file: &Path, replace: bool, form: Form) -> Result<Exit, Failure> {
    let process = glidepath_runtime::process::own_mark()?;
    let state_dir = root.join(STATE_FOLDER);
    let order = |now| RestoreOrder { file: file.to_owned(), state_dir, replace, who: who(), process, now };
    let restored = match crate::stores::named_by_files(root)? {
        None => glidepath_store::restore(order(RealClock.now())).await,
        Some(_) if replace => return Err(never_replaced()),
        Some(named) => {
            let store = shared(root, &named).await?;
            let order = order(store.clock().now());
            Box::pin(store.restore(order)).await
        }
    };
    let restored = restored.map_err(failure)?;
    match form {
        Form::Json => output::json(&serde_json::json!({
            "madeAt": restored.backup.made_at, "runs": restored.backup.runs, "events": restored.backup.events, "resting": restored.resting,
            "refusedRequests": restored.refused_requests, "movedAside": restored.moved_aside,
        })),
        Form::Human => tell(&restored),
    }
    Ok(if restored.resting.is_empty() { Exit::Done } else { Exit::NeedsOperator })
}

fn tell(restored: &Restored) {
    let backup = &restored.backup;
    let (runs, events) = (plural(backup.runs, "run", "runs"), plural(backup.events, "event", "events"));
    output::data(&format!("restored what was there at {}: {runs}, {events}", backup.made_at));
    if let Some(aside) = &restored.moved_aside {
        output::say(&format!("What was there before is now {}; remove it when you are sure.", aside.display()));
    }
    if restored.refused_requests > 0 {
        let refused = plural(restored.refused_requests, "request that nobody had taken was", "requests that nobody had taken were");
        output::say(&format!("{refused} refused; ask again what is still wanted."));
    }
    for run in &restored.resting {
        output::say(&format!("warning: {} (\"{}\") was live then and may have gone on since; nothing moves it now", run.run, run.title));
        output::say(&format!("  look at its targets: {}", run.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
        let id = &run.run;
        output::say(&format!(
            "  leave what is in place: glidepath abandon {id} --reason \"...\"\n  turn back:              glidepath abort {id} --reason \"...\"\n  go on from the journal: glidepath resume {id}"
        ));
    }
}

/// `db check`.
async fn check(root: &Path, form: Form) -> Result<Exit, Failure> {
    let parts = match Kept::open(root).await? {
        Kept::Local(store) => store.check().await?,
        Kept::Shared(store) => store.check().await?,
    };
    let wrong: Vec<&CheckedPart> = parts.iter().filter(|part| !part.findings.is_empty()).collect();
    match form {
        Form::Json => {
            let told: Vec<_> = parts
                .iter()
                .map(|part| serde_json::json!({ "name": part.name, "seen": part.seen, "findings": part.findings, "next": if part.findings.is_empty() { "" } else { part.next } }))
                .collect();
            output::json(&serde_json::json!({ "intact": wrong.is_empty(), "parts": told }));
        }
        Form::Human => parts.iter().for_each(show),
    }
    if wrong.is_empty() {
        return Ok(Exit::Done);
    }
    let names: Vec<&str> = wrong.iter().map(|part| part.name).collect();
    let diagnostic = Diagnostic::error(
        Code(515),
        format!("{} of {} parts of the store are not as they should be: {}", wrong.len(), parts.len(), names.join(", ")),
    )
    .hint("do what is said above, from the top, then run `glidepath db check` again");
    Err(Failure::new(Exit::Internal, diagnostic))
}

fn show(part: &CheckedPart) {
    let word = if part.findings.is_empty() { "well  " } else { "FAILED" };
    output::data(&format!("{word}  {:<10}  {}", part.name, part.seen));
    for finding in &part.findings {
        output::data(&format!("{:20}{finding}", ""));
    }
    if !part.findings.is_empty() {
        output::data(&format!("{:20}→ {}", "", part.next));
    }
}

fn failure(error: BackupError) -> Failure {
    let (code, exit, hint) = match &error {
        BackupError::Store(error) => return Failure::from(error.clone()),
        BackupError::Exists { .. } => (
            511,
            Exit::BadInput,
            "a backup never replaces a file: name another one, for example with the date in it (`glidepath db backup backup-$(date +%F).db`)",
        ),
        BackupError::Unusable { .. } => (
            512,
            Exit::BadInput,
            "nothing was touched; try an older backup, or the version that made this one (`glidepath --version` shows this one)",
        ),
        BackupError::NotEmpty { .. } => {
            (513, Exit::BadInput, "`--replace` moves it aside, whole, under a name that says when; nothing was touched")
        }
        BackupError::SharedNotEmpty { .. } => (
            513,
            Exit::BadInput,
            "make an empty database (`createdb`), name it in the project's `store`, and run `glidepath db restore FILE` again; nothing was touched",
        ),
        BackupError::NodesLive { .. } => {
            (514, Exit::Refused, "let them leave (`glidepath drain`), restore, then start them again (`glidepath node`)")
        }
        BackupError::InUse { .. } => (
            514,
            Exit::Refused,
            "let its runs end, or end them with `glidepath abort RUN --reason \"...\"`; `glidepath status` shows them; its guard leaves some 15 s after the last",
        ),
        BackupError::Damaged { .. } => (
            516,
            Exit::Internal,
            "`glidepath db check` lists everything; keep the store as it is (`cp -a .glidepath glidepath-evidence`, or `pg_dump` of a shared one)",
        ),
    };
    Failure::new(exit, Diagnostic::error(Code(code), error.to_string()).hint(hint))
}

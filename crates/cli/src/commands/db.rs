//! `db backup`, `db restore`, `db check`: the store as a thing to keep.

use crate::args::{DbCommand, Form};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::project::STATE_FOLDER;
use crate::world::who;
use glidepath_model::{Code, Diagnostic};
use glidepath_ports::Clock as _;
use glidepath_runtime::RealClock;
use glidepath_store::{BackupError, CheckedPart, RestoreOrder, Restored, SqliteStore};
use std::path::Path;

pub(crate) async fn run(root: &Path, command: &DbCommand) -> Result<Exit, Failure> {
    if crate::stores::named_by_config(root)?.is_some() {
        return Err(Failure::new(
            Exit::BadInput,
            Diagnostic::error(Code(674), "the journals of this project are in its shared store on PostgreSQL")
                .because("these commands are for the store in the project's own folder")
                .hint("back that database up with its own tools (`pg_dump`); `glidepath audit verify` checks what is in it"),
        ));
    }
    match command {
        DbCommand::Backup { file, format } => backup(root, file, *format).await,
        DbCommand::Restore { file, replace, format } => restore(root, file, *replace, *format).await,
        DbCommand::Check { format } => check(root, *format).await,
    }
}

/// `db backup FILE`.
async fn backup(root: &Path, file: &Path, form: Form) -> Result<Exit, Failure> {
    let store = SqliteStore::open(&root.join(STATE_FOLDER))?;
    let facts = store.back_up(file, RealClock.now()).await.map_err(failure)?;
    match form {
        Form::Json => output::json(&serde_json::json!({
            "file": file, "madeAt": facts.made_at, "runs": facts.runs, "runsWithWork": facts.runs_with_work, "events": facts.events, "bytes": facts.bytes,
        })),
        Form::Human => output::data(&format!(
            "{}: {} runs ({} live or watched), {} events, {} KiB, every chain closed",
            file.display(),
            facts.runs,
            facts.runs_with_work,
            facts.events,
            facts.bytes.div_ceil(1024)
        )),
    }
    Ok(Exit::Done)
}

/// `db restore FILE [--replace]`.
async fn restore(root: &Path, file: &Path, replace: bool, form: Form) -> Result<Exit, Failure> {
    let process = glidepath_runtime::process::own_mark()?;
    let state_dir = root.join(STATE_FOLDER);
    let order = RestoreOrder { file: file.to_owned(), state_dir, replace, who: who(), process, now: RealClock.now() };
    let restored = glidepath_store::restore(order).await.map_err(failure)?;
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
    output::data(&format!("restored what was there at {}: {} runs, {} events", backup.made_at, backup.runs, backup.events));
    if let Some(aside) = &restored.moved_aside {
        output::say(&format!("The former state folder is now {}; remove it when you are sure.", aside.display()));
    }
    if restored.refused_requests > 0 {
        output::say(&format!("{} requests that nobody had taken were refused; ask again what is still wanted.", restored.refused_requests));
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
    let parts = SqliteStore::open(&root.join(STATE_FOLDER))?.check().await?;
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
        BackupError::InUse { .. } => {
            (514, Exit::Refused, "let its runs end, or end them with `glidepath abort RUN --reason \"...\"`; `glidepath status` shows them")
        }
        BackupError::Damaged { .. } => {
            (516, Exit::Internal, "`glidepath db check` lists everything; keep the folder as it is (`cp -a .glidepath glidepath-evidence`)")
        }
    };
    Failure::new(exit, Diagnostic::error(Code(code), error.to_string()).hint(hint))
}

//! `audit verify`, `audit export`: the journal as evidence.

use crate::args::Form;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::world::{EVENTS_MAX, RUNS_MAX, UNREAD, World};
use glidepath_model::text::plural;
use glidepath_model::{Code, Diagnostic};
use std::path::Path;

/// `audit verify`.
pub(crate) async fn verify(root: &Path, form: Form) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let audit = world.store.verify().await?;
    if form == Form::Json {
        output::json(
            &serde_json::json!({ "streams": audit.streams, "events": audit.events, "findings": audit.findings, "intact": audit.findings.is_empty() }),
        );
    } else if audit.findings.is_empty() {
        output::data(&format!(
            "intact: {} in {}, every chain closed",
            plural(audit.events, "event", "events"),
            plural(audit.streams, "stream", "streams")
        ));
    }
    if audit.findings.is_empty() {
        return Ok(Exit::Done);
    }
    let next = match world.shared {
        None => {
            "keep the folder as it is (`cp -a .glidepath glidepath-evidence`); to go on from the newest backup: `glidepath db restore FILE --replace`"
        }
        Some(_) => {
            "keep the database as it is (`pg_dump`); to go on from the newest backup: `glidepath db restore FILE` into an empty database, which `store` names then"
        }
    };
    let diagnostics = audit.findings.into_iter().map(|line| {
        Diagnostic::error(Code(657), line)
            .because("the journal is evidence: it says something else now than when it was written")
            .hint(next)
    });
    Err(Failure { exit: Exit::Internal, diagnostics: diagnostics.collect() })
}

/// `audit export`.
pub(crate) async fn export(root: &Path, run: Option<&str>) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let runs = match run {
        Some(_) => vec![world.find_run(run).await?],
        None => {
            let found = world.store.runs(false, RUNS_MAX).await?;
            found.unread.iter().for_each(|run| output::say(&format!("warning: {} is left out: it was {UNREAD}", run.run)));
            found.read
        }
    };
    for summary in runs {
        for recorded in world.store.read_run(&summary.run, 0, EVENTS_MAX).await? {
            output::data(&serde_json::json!({ "run": summary.run, "plan": summary.plan, "recorded": recorded }).to_string());
        }
    }
    Ok(Exit::Done)
}

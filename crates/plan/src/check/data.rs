//! Rules about schema changes: whether their text may be run again, and whom it keeps waiting.

use super::places;
use crate::codes;
use crate::sql::{self, Again, Engine, Lock, News, Script};
use glidepath_model::change::{DataStep, ItemKind};
use glidepath_model::diagnostic::Severity;
use glidepath_model::{Diagnostic, Facts, Plan};

/// A text of a schema change, as its target's database reads it.
struct Read<'a> {
    path: &'a str,
    script: Script,
}

/// The texts that the plan runs, each once for each target.
fn texts<'a>(plan: &'a Plan, facts: &'a Facts) -> Vec<Read<'a>> {
    let mut found = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let item = plan.body.change.items.get(assignment.item as usize);
        let (Some(ItemKind::Schema { expand, backfill, .. }), Some(database)) = (item.map(|item| &item.kind), &target.database) else {
            continue;
        };
        let mut news = News::default();
        for data in [Some(expand), backfill.as_ref()].into_iter().flatten() {
            let DataStep::Sql { path, text } = data else { continue };
            let script = sql::read(&database.engine, text, &news);
            news.clone_from(&script.news);
            found.push(Read { path, script });
        }
    }
    found
}

/// Text that fails or does harm when the change is flown anew, after a rollback that left it in place.
pub(super) fn not_repeatable(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for Read { path, script, .. } in texts(plan, facts) {
        for statement in &script.statements {
            let line = statement.line;
            let (severity, what, hint) = match &statement.judged.again {
                Again::Same => continue,
                Again::Fails(clause) => (
                    Severity::Note,
                    format!("{path} line {line} fails when it is run again: `{}`.", statement.shown),
                    format!("Write it with {clause}."),
                ),
                Again::Doubles(why) => (
                    Severity::Warning,
                    format!("{path} line {line} changes rows again when it is run again: {why}."),
                    "Give it a condition that leaves out what is done, such as `where COLUMN is null`.".to_owned(),
                ),
            };
            let reason = "A rollback leaves it in place, and the next flight of the change runs it once more.";
            findings.push(Diagnostic::new(codes::NOT_REPEATABLE, severity, what).because(reason).hint(hint));
        }
    }
    findings
}

/// A lock that lasts as long as a table is large.
pub(super) fn lock_unknown(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let unknown = |message: String, hint: String| {
        Diagnostic::warning(codes::LOCK_UNKNOWN, message)
            .because("The text does not tell how large the table is; on a large one users wait until the statement is done or its timeout ends it.")
            .hint(hint)
    };
    let mut findings = Vec::new();
    for Read { path, script } in texts(plan, facts) {
        for statement in &script.statements {
            for hold in &statement.judged.holds {
                let (who, what) = match hold.lock {
                    Lock::Scan => ("writes", "reads"),
                    Lock::Rewrite => ("reads and writes", "rewrites"),
                    Lock::Rows | Lock::Beside | Lock::Brief => continue,
                };
                findings.push(unknown(
                    format!(
                        "{path} line {} {what} the whole of {} while its {who} wait, for nobody knows how long.",
                        statement.line, hold.table
                    ),
                    format!("{} {}", hold.instead, how_large(script.engine, &hold.table)).trim().to_owned(),
                ));
            }
        }
        for held in script.lasting() {
            findings.push(unknown(
                format!(
                    "{path} line {} locks {}, and the transaction keeps it locked until line {} is done, for nobody knows how long.",
                    held.line, held.table, held.until
                ),
                "Put what takes its time into a file of its own: each file is one transaction.".to_owned(),
            ));
        }
    }
    findings
}

fn how_large(engine: Option<Engine>, table: &str) -> String {
    let query = match engine {
        Some(Engine::Postgres) => format!("select pg_size_pretty(pg_total_relation_size('{table}'))"),
        Some(Engine::Sqlite) | None => format!("select count(*) from {table}"),
    };
    format!("How large it is: `{query}`.")
}

//! Rules about schema changes: whether their text may be run again, and whom it keeps waiting.

use super::places;
use crate::codes;
use crate::lock_time;
use crate::sql::{self, Again, Engine, News, Script};
use glidepath_model::catalog::Target;
use glidepath_model::change::{DataStep, ItemKind};
use glidepath_model::diagnostic::Severity;
use glidepath_model::facts::MissingFact;
use glidepath_model::plan::{Step, Strategy, Undo};
use glidepath_model::{Diagnostic, Facts, Plan};

/// A text of a schema change, as its target's database reads it.
struct Read<'a> {
    path: &'a str,
    /// Whether no flight after it runs it once more, since there is nothing left to do.
    is_last: bool,
    target: &'a Target,
    script: Script,
}

/// The texts that the plan runs, each once for each target.
fn texts<'a>(plan: &'a Plan, facts: &'a Facts) -> Vec<Read<'a>> {
    let mut found = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let item = plan.body.change.items.get(assignment.item as usize);
        let Some(database) = &target.database else { continue };
        let (is_last, parts) = match item.map(|item| &item.kind) {
            Some(ItemKind::Schema { expand, backfill, .. }) => (false, [Some(expand), backfill.as_ref()]),
            Some(ItemKind::Contract { contract, .. }) => (true, [Some(&contract.step), None]),
            _ => continue,
        };
        let mut news = News::default();
        for data in parts.into_iter().flatten() {
            let DataStep::Sql { path, text } = data else { continue };
            let script = sql::read(&database.engine, text, &news);
            news.clone_from(&script.news);
            found.push(Read { path, is_last, target, script });
        }
    }
    found
}

/// Text that fails or does harm when the change is flown anew, after a rollback that left it in place.
pub(super) fn not_repeatable(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for Read { path, script, .. } in texts(plan, facts).into_iter().filter(|read| !read.is_last) {
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

/// A step that nothing takes back, on a target whose backup nobody knows to be good.
pub(super) fn restore_untested(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let is_one_way = |step: &&Step| matches!(step.undo, Undo::ForwardOnly { .. });
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let mut of_target = plan.body.steps.iter().filter(|step| step.target.as_ref() == Some(&target.name));
        let is_data = assignment.strategy == Strategy::ExpandContract;
        let item = plan.body.change.items.get(assignment.item as usize);
        let has_evidence = item.is_some_and(|item| matches!(&item.kind, ItemKind::Contract { restore_tested: Some(_), .. }));
        if !is_data || target.backup.is_none() || target.restore_test.is_some() || has_evidence {
            continue;
        }
        let Some(step) = of_target.find(is_one_way) else { continue };
        findings.push(
            Diagnostic::warning(
                codes::RESTORE_UNTESTED,
                format!("{} cannot be undone, and the backup of {} was never restored in a test.", step.id, target.name),
            )
            .because("A backup that was never restored may hold nothing, and this step leaves nothing else.")
            .hint(format!(
                "Declare spec.restoreTest on {}: a command that restores the newest backup beside what serves, and looks at it.",
                target.name
            )),
        );
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
    for Read { path, script, target, .. } in texts(plan, facts) {
        for long in lock_time::long(&script, target, facts).iter().filter(|long| long.length.is_none()) {
            let (does, who) = long.told();
            findings.push(unknown(
                format!("{path} line {} {does} the whole of {} while its {who} wait, for nobody knows how long.", long.line, long.table),
                format!("{} {}{}", long.instead, how_large(script.engine, long.table), not_told(target, long.table, facts))
                    .trim()
                    .to_owned(),
            ));
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

/// A lock that lasts longer than others may be kept waiting.
pub(super) fn lock_long(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for Read { path, script, target, .. } in texts(plan, facts) {
        let Some(database) = &target.database else { continue };
        let allowed = lock_time::allowed(&plan.body.change, database);
        for long in lock_time::long(&script, target, facts) {
            let Some(length) = long.length.as_ref().filter(|length| length.p50 > allowed) else { continue };
            let (does, who) = long.told();
            let message = format!(
                "{path} line {} {does} the whole of {} while its {who} wait, for about {}, at most {} ({}): longer than the {allowed} that others may be kept waiting.",
                long.line, long.table, length.p50, length.p95, length.why
            );
            let reason = "Requests that wait for the table pile up behind it, and those that wait longer than their own deadline fail.";
            findings.push(Diagnostic::warning(codes::LOCK_LONG, message).because(reason).hint(long.instead));
        }
    }
    findings
}

/// Why the database did not tell how large a table is, where it was asked.
fn not_told(target: &Target, table: &str, facts: &Facts) -> String {
    let of_table = |missing: &&MissingFact| {
        missing.kind == "table" && missing.target.as_ref() == Some(&target.name) && missing.what.contains(&format!("table {table} "))
    };
    let missing = facts.missing.iter().find(of_table);
    missing.map_or_else(String::new, |missing| format!(" It was asked, and did not tell: {}.", missing.why.trim_end_matches('.')))
}

fn how_large(engine: Option<Engine>, table: &str) -> String {
    let query = match engine {
        Some(Engine::Postgres) => format!("select pg_size_pretty(pg_total_relation_size('{table}'))"),
        Some(Engine::Sqlite) | None => format!("select count(*) from {table}"),
    };
    format!("How large it is: `{query}`.")
}

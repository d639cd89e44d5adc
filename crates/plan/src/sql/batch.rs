//! Text that is run batch by batch: whether the batches come to an end.

use super::expression::folded;
use super::rows::assigned;
use super::{Engine, cut};
use sqlparser::ast::{MergeAction, ObjectName, ObjectNamePart, Statement, TableFactor, TableObject, visit_statements};
use std::ops::ControlFlow;

/// Why batches would go on to what they have made themselves, with the line: they go by the keys of `by` in `table` until none is greater.
pub(crate) fn feeds_itself(engine: &str, text: &str, table: &str, by: &str) -> Vec<(u32, String)> {
    let Some(engine) = Engine::named(engine) else { return Vec::new() };
    let mut found = Vec::new();
    for piece in cut::pieces(engine, text) {
        let Ok(statement) = &piece.parsed else { continue };
        let _ = visit_statements(statement, |part| {
            found.extend(grows(part, table, by).map(|why| (piece.line, why)));
            ControlFlow::<()>::Continue(())
        });
    }
    found
}

fn grows(statement: &Statement, table: &str, by: &str) -> Option<String> {
    let adds = || format!("adds rows to {table}, through which its batches go: they would go on to the rows that they have made");
    match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) if is_same(name, table) => Some(adds()),
            _ => None,
        },
        Statement::Merge(merge) => {
            let inserts = merge.clauses.iter().any(|clause| matches!(clause.action, MergeAction::Insert(_)));
            (inserts && names(&merge.table, table)).then(adds)
        }
        Statement::Update(update) => {
            let sets = assigned(&update.assignments).keys().any(|column| column.eq_ignore_ascii_case(by));
            (sets && names(&update.table.relation, table))
                .then(|| format!("changes {by} of {table}, by which its batches go: they would come to the same rows again"))
        }
        _ => None,
    }
}

fn names(factor: &TableFactor, table: &str) -> bool {
    matches!(factor, TableFactor::Table { name, .. } if is_same(name, table))
}

/// Whether two names may mean one table: their schemas are left out, for one of them may have none.
fn is_same(name: &ObjectName, table: &str) -> bool {
    let last = table.rsplit('.').next().unwrap_or(table);
    matches!(name.0.last(), Some(ObjectNamePart::Identifier(ident)) if folded(ident).eq_ignore_ascii_case(last))
}

//! Names with a dot, which PostgreSQL may read as calls.
//!
//! Where `t.name` is no column of `t`, it is `name(t)`: a function that takes a row of the table is called, and may do anything ("Functional notation"
//! and "attribute notation", PostgreSQL, "Value Expressions" and "SQL Functions on Composite Types",
//! <https://www.postgresql.org/docs/current/xfunc-sql.html#XFUNC-SQL-COMPOSITE-FUNCTIONS>). The text alone does not tell the two apart, unless it
//! declares the column or has it where only a column can stand. A name without a dot is never such a call.
//!
//! So a name with a dot is one of three: *a column*, because the text says so; *not known*, where nobody needs to write it so: behind a parenthesis, in
//! a query whose rows nobody takes, and where the text makes a function of that name itself; or *granted*, in statements that move rows, where
//! `alias.column` is how one writes. What is granted is told with what it is granted for.

use super::expression::{folded, key};
use super::{Engine, Reader};
use sqlparser::ast::{
    AccessExpr, Assignment, AssignmentTarget, Expr, Ident, ObjectName, ObjectNamePart, OnConflictAction, OnInsert, Query, SelectItem,
    SetExpr, Statement, TableAlias, TableFactor, TableObject, Visit, Visitor,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The row that an upsert could not insert.
const EXCLUDED: &str = "excluded";

/// Names with a dot that no column is declared for.
#[derive(Debug, Default)]
pub(super) struct Dotted {
    /// They may be calls, and nobody needs to write a column so.
    pub(super) may_call: BTreeSet<String>,
    /// They are taken to be columns.
    pub(super) granted: BTreeSet<String>,
}

impl Reader {
    /// Names with a dot in a statement, whose rows somebody takes or nobody (`is_look`).
    pub(super) fn dotted(&self, statement: &Statement, is_look: bool) -> Dotted {
        let mut dotted = Dotted::default();
        if self.engine != Engine::Postgres {
            return dotted;
        }
        let mut names = Names::default();
        let _ = statement.visit(&mut names);
        dotted.may_call.extend(names.behind_parentheses);
        for (qualifier, column) in names.qualified {
            let tables = names.tables.get(&qualifier).cloned().unwrap_or_else(|| BTreeSet::from([qualifier.clone()]));
            let is_column = |table: &String| names.columns.contains(&(table.clone(), column.clone())) || self.news.declares(table, &column);
            if tables.iter().all(is_column) {
                continue;
            }
            let shown = format!("{qualifier}.{column}");
            if is_look || self.news.functions.contains(&column) {
                dotted.may_call.insert(shown)
            } else {
                dotted.granted.insert(shown)
            };
        }
        dotted
    }
}

/// Names of a statement.
#[derive(Default)]
struct Names {
    /// What stands before the last dot, and behind it.
    qualified: BTreeSet<(String, String)>,
    /// Such as `(t).name`.
    behind_parentheses: BTreeSet<String>,
    /// What a name before a dot means: tables by their names, and queries by their own.
    tables: BTreeMap<String, BTreeSet<String>>,
    /// Tables and queries, with columns that the statement has where only a column can stand, or gives them itself.
    columns: BTreeSet<(String, String)>,
}

impl Names {
    fn means(&mut self, alias: Option<String>, table: &str) {
        let last = table.rsplit('.').next().unwrap_or(table).to_owned();
        self.tables.entry(alias.unwrap_or(last)).or_default().insert(table.to_owned());
    }

    fn has(&mut self, table: &str, columns: impl IntoIterator<Item = String>) {
        self.columns.extend(columns.into_iter().map(|column| (table.to_owned(), column)));
    }

    fn sets(&mut self, table: &str, assignments: &[Assignment]) {
        for assignment in assignments {
            match &assignment.target {
                AssignmentTarget::ColumnName(name) => self.has(table, last(name)),
                AssignmentTarget::Tuple(names) => self.has(table, names.iter().filter_map(last)),
            }
        }
    }

    /// A query by the name that it has in the statement.
    fn query(&mut self, alias: &TableAlias, query: Option<&Query>) {
        let name = folded(&alias.name);
        let given = query.map(|query| outputs(&query.body)).unwrap_or_default();
        self.has(&name, given.into_iter().chain(alias.columns.iter().map(|column| folded(&column.name))));
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::CompoundIdentifier(parts) => {
                if let Some((column, qualifier)) = parts.split_last() {
                    self.qualified.insert((joined(qualifier), folded(column)));
                }
            }
            Expr::CompoundFieldAccess { access_chain, .. }
                if access_chain.iter().any(|access| matches!(access, AccessExpr::Dot(Expr::Identifier(_)))) =>
            {
                self.behind_parentheses.insert(expression.to_string());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let table = key(name);
                self.means(alias.as_ref().map(|alias| folded(&alias.name)), &table);
                let renamed = alias.iter().flat_map(|alias| &alias.columns).map(|column| folded(&column.name));
                self.has(&table, renamed);
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => self.query(alias, Some(subquery)),
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. } => self.query(alias, None),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.query(&cte.alias, Some(&cte.query));
            // What is asked of one table alone, and without a dot, is a column of it.
            if let Some((table, given)) = of_one_table(&cte.query) {
                self.has(&table, given);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Update(update) => {
                if let TableFactor::Table { name, .. } = &update.table.relation {
                    self.sets(&key(name), &update.assignments);
                }
            }
            Statement::Insert(insert) => {
                let TableObject::TableName(name) = &insert.table else { return ControlFlow::Continue(()) };
                let table = key(name);
                self.means(insert.table_alias.as_ref().map(|alias| folded(&alias.alias)), &table);
                self.means(Some(EXCLUDED.to_owned()), &table);
                self.has(&table, insert.columns.iter().filter_map(last));
                if let Some(OnInsert::OnConflict(conflict)) = &insert.on
                    && let OnConflictAction::DoUpdate(update) = &conflict.action
                {
                    self.sets(&table, &update.assignments);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The columns that a query of one table gives by their names alone.
fn of_one_table(query: &Query) -> Option<(String, Vec<String>)> {
    let SetExpr::Select(select) = &*query.body else { return None };
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, args: None, .. } = &from.relation else { return None };
    let bare = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => Some(folded(column)),
        _ => None,
    };
    from.joins.is_empty().then(|| (key(name), select.projection.iter().filter_map(bare).collect()))
}

fn last(name: &ObjectName) -> Option<String> {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => Some(folded(ident)),
        Some(ObjectNamePart::Function(_)) | None => None,
    }
}

fn joined(parts: &[Ident]) -> String {
    parts.iter().map(folded).collect::<Vec<_>>().join(".")
}

/// Names of the columns that a query gives, as far as they can be told.
fn outputs(body: &SetExpr) -> Vec<String> {
    match body {
        SetExpr::Select(select) => select.projection.iter().filter_map(given_as).collect(),
        SetExpr::Query(query) => outputs(&query.body),
        SetExpr::SetOperation { left, .. } => outputs(left),
        // `returning` names what comes back.
        SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) => returned(statement),
        _ => Vec::new(),
    }
}

fn returned(statement: &Statement) -> Vec<String> {
    let items = match statement {
        Statement::Insert(insert) => &insert.returning,
        Statement::Update(update) => &update.returning,
        Statement::Delete(delete) => &delete.returning,
        _ => return Vec::new(),
    };
    items.iter().flatten().filter_map(given_as).collect()
}

/// The name under which an expression comes back.
fn given_as(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => Some(folded(column)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(folded),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

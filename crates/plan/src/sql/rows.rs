//! Statements about rows: what they overwrite, and what happens when they are run again.

use super::define::what_it_calls;
use super::expression::{Guard, column, column_of, guards, is_null, key, selection};
use super::news::Reference;
use super::{Again, Effect, Engine, Judged, Lock, Reader};
use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, DoUpdate, Expr, FromTable, InTarget, Insert, Join, JoinOperator, Merge, MergeAction,
    MergeClauseKind, ObjectName, OnConflictAction, OnInsert, Query, SetExpr, SqliteOnConflict, Statement, TableFactor, TableObject, Update,
    Visit, Visitor, visit_relations, visit_statements,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

impl Reader {
    /// A query: it may call what changes something, and its parts may be statements that do.
    pub(super) fn query(&mut self, query: &Query) -> Judged {
        let mut inner = Vec::new();
        let _ = visit_statements(query, |statement| {
            inner.push(statement.clone());
            ControlFlow::<()>::Continue(())
        });
        let mut judged = Judged::default();
        for statement in &inner {
            let part = match statement {
                Statement::Update(update) => self.update(update, Some(query)),
                other => self.judge(other),
            };
            judged.effects.extend(part.effects);
            judged.holds.extend(part.holds);
            judged.changes_rows |= part.changes_rows;
            if judged.again == Again::Same {
                judged.again = part.again;
            }
        }
        if let SetExpr::Select(select) = &*query.body
            && select.into.is_some()
        {
            judged.effects.push(Effect::Additive);
            judged.again = Again::Fails("CREATE TABLE IF NOT EXISTS ... AS");
        }
        for locked in &query.locks {
            let tables: Vec<ObjectName> =
                locked.of.iter().cloned().chain(locked.of.is_none().then(|| read_by(query)).into_iter().flatten()).collect();
            tables.iter().for_each(|table| judged.hold(table.to_string(), Lock::Rows, ""));
        }
        judged.effects.extend(what_it_calls(query));
        judged
    }

    /// `around` is the query whose part the update is; what it reads from may hold the guard.
    pub(super) fn update(&mut self, update: &Update, around: Option<&Query>) -> Judged {
        let Some(name) = name_of(&update.table.relation) else {
            return Judged::of(Effect::Unjudged("updates what is no table by name".to_owned()));
        };
        let table = key(name);
        let sets = assigned(&update.assignments);
        let own: Vec<Guard<'_>> = update.selection.iter().flat_map(guards).collect();
        let mut all = own.clone();
        let ctes = around.and_then(|query| query.with.as_ref()).map_or(&[][..], |with| &with.cte_tables);
        all.extend(ctes.iter().filter_map(|cte| selection(&cte.query)).flat_map(guards));

        let fills = |column: &&String| own.contains(&Guard::Empty((*column).clone()));
        // A column that may have been there loses nothing where only what is empty in it is filled.
        let is_free =
            |column: &&String| self.news.has_column(&table, column) || (fills(column) && self.news.has_column_perhaps(&table, column));
        let old: Vec<&String> = sets.keys().filter(|column| !is_free(column)).collect();
        let listed = |columns: &[&String]| columns.iter().map(|column| format!("{name}.{column}")).collect::<Vec<_>>().join(", ");
        let overwritten: Vec<&String> = old.iter().copied().filter(|column| !fills(column)).collect();
        let effect = match (old.is_empty(), overwritten.is_empty()) {
            (true, _) => Effect::Additive,
            (false, true) => Effect::Widens(format!("fills what was empty in {}", listed(&old))),
            (false, false) => Effect::Overwrites(listed(&overwritten)),
        };
        let is_done = |(column, value): (&String, &Option<&Expr>)| all.iter().any(|guard| leaves_out(guard, column, *value));
        let again = if sets.iter().any(is_done) {
            Again::Same
        } else {
            Again::Doubles(format!(
                "no condition leaves out rows whose {} is set already",
                sets.keys().cloned().collect::<Vec<_>>().join(", ")
            ))
        };
        let others = self.news.referred_by(&table, |reference| reference.columns.iter().any(|column| sets.contains_key(column)));
        self.news.fill(&table);
        self.holding(effect, name, &table, others).again(again)
    }

    pub(super) fn insert(&mut self, insert: &Insert) -> Judged {
        let TableObject::TableName(name) = &insert.table else {
            return Judged::of(Effect::Unjudged("inserts into what is no table by name".to_owned()));
        };
        let table = key(name);
        let replaces = insert.replace_into || insert.or == Some(SqliteOnConflict::Replace);
        let update = match &insert.on {
            Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
                OnConflictAction::DoUpdate(update) => Some(update),
                OnConflictAction::DoNothing => None,
            },
            Some(_) | None => None,
        };
        // A table that may have been there may be filled; what is replaced in it may be somebody's.
        let effect = match (self.news.is_of_the_text(&table), replaces || update.is_some()) {
            (true, false) => Effect::Additive,
            (true, true) if self.news.may_lose_rows(&table) => Effect::Additive,
            (_, true) => Effect::Overwrites(format!("rows of {name}")),
            (false, false) => Effect::Widens(format!("adds rows to {name}, which the running version sees")),
        };
        let again = match (update, &insert.source) {
            (Some(update), _) if counts_on(update) => Again::Doubles(format!("what it sets in {name} builds on what it has set before")),
            _ if replaces || insert.on.is_some() || insert.or == Some(SqliteOnConflict::Ignore) => Again::Same,
            (_, Some(source)) if leaves_out_rows_of(source, &table) => Again::Same,
            _ => Again::Doubles(format!("nothing leaves out rows that {name} has already (ON CONFLICT DO NOTHING, WHERE NOT EXISTS)")),
        };
        let others = self.news.referred_by(&table, |reference| sets_it(insert, reference));
        self.news.fill(&table);
        let mut judged = self.holding(effect, name, &table, others).again(again);
        let changes = |source: &Query| visit_statements(source, |_| ControlFlow::Break(())).is_break();
        if let Some(source) = insert.source.as_deref().filter(|source| changes(source)) {
            // What it inserts may be what it takes away elsewhere.
            let taken = self.query(source);
            judged.effects.extend(taken.effects);
            judged.holds.extend(taken.holds);
        }
        judged
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Judged {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let Some(name) = from.first().and_then(|table| name_of(&table.relation)) else {
            return Judged::of(Effect::Unjudged("deletes from what is no table by name".to_owned()));
        };
        let table = key(name);
        let effect = if self.news.may_lose_rows(&table) { Effect::Additive } else { takes_rows(name) };
        self.rows(effect, name, &table)
    }

    pub(super) fn merge(&mut self, merge: &Merge) -> Judged {
        let Some(name) = name_of(&merge.table) else {
            return Judged::of(Effect::Unjudged("merges into what is no table by name".to_owned()));
        };
        let table = key(name);
        let is_new = self.news.may_lose_rows(&table);
        let mut effect =
            if is_new { Effect::Additive } else { Effect::Widens(format!("adds rows to {name}, which the running version sees")) };
        let mut again = Again::Same;
        for clause in &merge.clauses {
            match &clause.action {
                MergeAction::Delete { .. } if !is_new => effect = takes_rows(name),
                MergeAction::Update(_) if !is_new && !matches!(effect, Effect::Breaking { .. }) => {
                    effect = Effect::Overwrites(format!("rows of {name}"));
                }
                _ => {}
            }
            if clause.clause_kind == MergeClauseKind::Matched && clause.predicate.is_none() {
                again = Again::Doubles(format!("it changes rows of {name} that it has changed before"));
            }
        }
        let others = self.news.referred_by(&table, |_| true);
        self.news.fill(&table);
        self.holding(effect, name, &table, others).again(again)
    }

    /// What writes rows that refer to those of `others`, which are in use.
    fn holding(&self, effect: Effect, name: &ObjectName, table: &str, others: BTreeSet<String>) -> Judged {
        let listed = others.iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
        let effect = if effect == Effect::Additive && !others.is_empty() { refers(name, &listed) } else { effect };
        let mut judged = self.rows(effect, name, table);
        others.into_iter().for_each(|other| judged.hold(other, Lock::Rows, ""));
        judged
    }

    fn rows(&self, effect: Effect, name: &ObjectName, table: &str) -> Judged {
        let mut judged = Judged { changes_rows: true, ..Judged::of(effect) };
        if !self.news.is_made(table) || self.engine == Engine::Sqlite {
            judged.hold(name.to_string(), Lock::Rows, "");
        }
        judged
    }
}

fn takes_rows(name: &ObjectName) -> Effect {
    Effect::Breaking {
        why: format!("takes rows of {name} away from the running version, and no rollback brings them back"),
        instead: format!("Leave the rows of {name} where they are until nothing reads them; delete them in `contract`."),
    }
}

/// Rows of a new table, or a new column, keep rows of a table that is in use.
pub(super) fn refers(name: &ObjectName, other: &str) -> Effect {
    Effect::Widens(format!("lets rows of {name} refer to {other}, so that the running version can no longer delete what they refer to"))
}

/// Whether an insert may set a foreign key: it names its columns, or gives as many values as it takes to come to them.
fn sets_it(insert: &Insert, reference: &Reference) -> bool {
    if reference.has_value {
        return true;
    }
    if !insert.columns.is_empty() {
        return insert.columns.iter().any(|name| reference.columns.contains(&column(name)));
    }
    let width = insert.source.as_ref().and_then(|source| match &*source.body {
        SetExpr::Values(values) => values.rows.iter().map(|row| row.len()).max(),
        _ => None,
    });
    width.zip(reference.place).is_none_or(|(width, place)| width > place)
}

fn name_of(factor: &TableFactor) -> Option<&ObjectName> {
    match factor {
        TableFactor::Table { name, args: None, .. } => Some(name),
        _ => None,
    }
}

/// Columns with what they are set to; `None` where a row of values is assigned at once.
pub(super) fn assigned(assignments: &[Assignment]) -> BTreeMap<String, Option<&Expr>> {
    let mut sets = BTreeMap::new();
    for assignment in assignments {
        match &assignment.target {
            AssignmentTarget::ColumnName(name) => drop(sets.insert(column(name), Some(&assignment.value))),
            AssignmentTarget::Tuple(names) => sets.extend(names.iter().map(|name| (column(name), None))),
        }
    }
    sets
}

/// Whether rows in which `column` was set to `value` do not meet the guard any more.
fn leaves_out(guard: &Guard<'_>, column: &str, value: Option<&Expr>) -> bool {
    match guard {
        Guard::Empty(guarded) => guarded == column && !value.is_some_and(is_null),
        Guard::Differs(guarded, from) => guarded == column && value == Some(*from),
        // Two constants that differ; anything else might be equal.
        Guard::Is(guarded, before) => {
            let differ = |value: &Expr| matches!((value, before), (Expr::Value(value), Expr::Value(before)) if value.value != before.value);
            guarded == column && value.is_some_and(differ)
        }
        Guard::Untrue(guarded) => guarded == column && value.is_some_and(|value| value.to_string().eq_ignore_ascii_case("true")),
    }
}

/// Whether what `DO UPDATE` sets rests on the row that is there, as in `n = counters.n + 1`.
fn counts_on(update: &DoUpdate) -> bool {
    let sets = assigned(&update.assignments);
    let reads_itself = |value: &Expr| {
        let mut found = false;
        let _ = sqlparser::ast::visit_expressions(value, |part| {
            let is_excluded =
                matches!(part, Expr::CompoundIdentifier(parts) if parts.first().is_some_and(|p| p.value.eq_ignore_ascii_case("excluded")));
            found |= !is_excluded && column_of(part).is_some_and(|column| sets.contains_key(&column));
            ControlFlow::<()>::Continue(())
        });
        found
    };
    sets.values().flatten().any(|value| reads_itself(value))
}

/// Whether a query leaves out rows that `table` has: `NOT EXISTS`, `NOT IN`, or an outer join whose other side is to be empty.
fn leaves_out_rows_of(source: &Query, table: &str) -> bool {
    let mut visitor = Absence { table, found: false };
    let _ = source.visit(&mut visitor);
    visitor.found
}

struct Absence<'a> {
    table: &'a str,
    found: bool,
}

impl Absence<'_> {
    fn is_about(&self, part: &impl Visit) -> bool {
        visit_relations(part, |name| if key(name) == self.table { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }).is_break()
    }

    fn is_outer_join(&self, join: &Join) -> bool {
        matches!(join.join_operator, JoinOperator::Left(_) | JoinOperator::LeftOuter(_))
            && name_of(&join.relation).is_some_and(|name| key(name) == self.table)
    }
}

impl Visitor for Absence<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Exists { subquery: query, negated: true } | Expr::In { target: InTarget::Subquery(query), negated: true, .. } => {
                self.found |= self.is_about(query);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = &*query.body {
            let joined = select.from.iter().flat_map(|from| &from.joins).any(|join| self.is_outer_join(join));
            let wants_none = select.selection.iter().flat_map(guards).any(|guard| matches!(guard, Guard::Empty(_)));
            self.found |= joined && wants_none;
        }
        ControlFlow::Continue(())
    }
}

/// Tables that something reads.
pub(super) fn read_by(part: &impl Visit) -> Vec<ObjectName> {
    let mut found = Vec::new();
    let _ = visit_relations(part, |name| {
        found.push(name.clone());
        ControlFlow::<()>::Continue(())
    });
    found
}

//! What is made, renamed and dropped beside the columns of a table, and what only concerns the connection.

use super::expression::{calls, columns_in, folded, key};
use super::news::{Made, Reference};
use super::rows::read_by;
use super::{Again, Effect, Engine, Judged, Lock, Reader};
use sqlparser::ast::{
    AlterTypeOperation, CascadeOption, ColumnOption, CopySource, CreateIndex, CreateTable, CreateView, ForeignKeyConstraint, Insert,
    ObjectName, ObjectType, OnCommit, ReferentialAction, Set, SetExpr, Statement, TableConstraint, Truncate, UtilityOption, Visit,
    visit_statements,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Where names without a schema are looked up.
const SEARCH_PATH: &str = "search_path";
/// Settings of a connection that change nothing of what a statement does.
const SETTINGS: [&str; 10] = [
    SEARCH_PATH,
    "timezone",
    "work_mem",
    "maintenance_work_mem",
    "client_min_messages",
    "client_encoding",
    "standard_conforming_strings",
    "application_name",
    "xmloption",
    "row_security",
];
/// Limits that the target sets.
const LIMITS: [&str; 4] = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"];

impl Reader {
    /// Judges a statement, and remembers what it adds.
    pub(super) fn judge(&mut self, statement: &Statement) -> Judged {
        let mut judged = self.judge_itself(statement);
        self.lock_itself(statement, &mut judged);
        judged.takes_time |= takes_time(statement);
        if matches!(statement, Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_)) {
            judged.effects.extend(what_it_calls(statement));
        }
        if reads_rows(statement) {
            let dotted = self.dotted(statement, only_looks(statement) || is_made_of_rows(statement));
            judged.effects.extend(may_call(&dotted.may_call));
            judged.granted.extend(dotted.granted);
        }
        if let Statement::CreateFunction(function) = statement {
            self.news.functions.extend(key(&function.name).rsplit('.').next().map(str::to_owned));
        }
        judged
    }

    /// Locks of statements whose effect is judged without looking at what they hold. PostgreSQL only: SQLite knows none of them, but for triggers, for which it
    /// locks no table.
    fn lock_itself(&self, statement: &Statement, judged: &mut Judged) {
        if self.engine != Engine::Postgres {
            return;
        }
        let (name, lock, instead) = match statement {
            Statement::CreateTrigger(trigger) => (&trigger.table_name, Lock::Brief, ""),
            Statement::CreatePolicy(policy) => (&policy.table_name, Lock::Brief, ""),
            Statement::CreateRule(rule) => (&rule.table_name, Lock::Brief, ""),
            Statement::CreateView(view) if view.or_replace => (&view.name, Lock::Brief, ""),
            Statement::RefreshMaterializedView(refresh) if !refresh.concurrently => {
                (&refresh.name, Lock::Rewrite, "`refresh materialized view concurrently` lets reads go on, where a unique index is on it.")
            }
            Statement::Vacuum(vacuum) => {
                let lock = if vacuum.full { Lock::Rewrite } else { Lock::Beside };
                let instead = if vacuum.full { "`vacuum` without `full` lets reads and writes go on." } else { "" };
                let table = vacuum.table_name.as_ref().map_or_else(|| "every table".to_owned(), ToString::to_string);
                return judged.hold(table, lock, instead);
            }
            Statement::Lock(lock) => {
                for table in &lock.tables {
                    judged.hold(table.name.to_string(), Lock::Brief, "");
                }
                return;
            }
            Statement::Copy { source: CopySource::Table { table_name, .. }, to: false, .. } => (table_name, Lock::Rows, ""),
            _ => return,
        };
        if !self.news.is_made(&key(name)) {
            judged.hold(name.to_string(), lock, instead);
        }
    }

    fn judge_itself(&mut self, statement: &Statement) -> Judged {
        match statement {
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::CreateTable(table) => self.create_table(table),
            Statement::CreateIndex(index) => self.create_index(index),
            Statement::CreateView(view) => create_view(view),
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update, None),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Merge(merge) => self.merge(merge),
            Statement::Truncate(truncate) => self.truncate(truncate),
            Statement::Drop { object_type, names, .. } => self.drop(*object_type, names),
            Statement::AlterType(alter) => alter_type(&alter.name, &alter.operation),
            Statement::CreateFunction(function) if !function.or_replace => Judged::of(Effect::Additive),
            Statement::CreateFunction(function) => Judged::of(Effect::Unjudged(format!(
                "puts another body in the place of {}, which the running version may call",
                function.name
            ))),
            Statement::CreateTrigger(trigger) => Judged::of(Effect::Unjudged(format!(
                "lets {} run something with writes of the running version, and what that does is not in the statement",
                trigger.table_name
            ))),
            Statement::CreateSchema { if_not_exists, .. } | Statement::CreateSequence { if_not_exists, .. } => {
                Judged::of(Effect::Additive).again(unless(*if_not_exists, "IF NOT EXISTS"))
            }
            Statement::CreateExtension(extension) => Judged::of(Effect::Additive).again(unless(extension.if_not_exists, "IF NOT EXISTS")),
            Statement::CreateType { name, representation } => {
                if representation.is_some() {
                    self.news.types.insert(key(name));
                }
                Judged::of(Effect::Additive)
            }
            Statement::CreateDomain(_) | Statement::CreateRole(_) | Statement::CreateCollation(_) => Judged::of(Effect::Additive),
            Statement::Comment { object_name, .. } => {
                Judged::of(Effect::Widens(format!("gives {object_name} another comment, and nothing keeps the one that it had")))
            }
            Statement::Grant(_) => Judged::of(Effect::Widens("gives rights, which stay until somebody revokes them".to_owned())),
            Statement::Revoke(_) => Judged::of(Effect::Breaking {
                why: "takes a right away that the running version may need".to_owned(),
                instead: "Revoke it in `contract`, when the version that needed it is gone.".to_owned(),
            }),
            Statement::DropFunction(_)
            | Statement::DropTrigger(_)
            | Statement::DropDomain(_)
            | Statement::DropPolicy(_)
            | Statement::DropExtension(_)
            | Statement::DropProcedure { .. } => dropped("what the running version may use"),
            Statement::Set(set) => self.setting(set),
            Statement::Analyze(_) | Statement::ShowVariable { .. } | Statement::Savepoint { .. } | Statement::ReleaseSavepoint { .. } => {
                Judged::default()
            }
            // Whatever stands behind the word: what is read as "off" here and as "on" there would run unseen.
            Statement::Explain { analyze, options, statement, .. } if *analyze || options.iter().flatten().any(runs_it) => {
                self.judge(statement)
            }
            Statement::Explain { .. } => Judged::default(),
            Statement::Rollback { savepoint: Some(_), .. } => {
                self.news.forget();
                Judged::default()
            }
            Statement::StartTransaction { .. } | Statement::Commit { .. } | Statement::Rollback { savepoint: None, .. } => {
                Judged::of(Effect::Meddles {
                    why: "begins or ends a transaction itself, which would undo the promise to apply the text once and whole".to_owned(),
                    instead: "Leave it out: the step is one transaction, unless a statement in it refuses to be part of one.",
                })
            }
            _ => Judged::of(Effect::Unjudged("does what cannot be told from its text".to_owned())),
        }
    }

    fn create_table(&mut self, table: &CreateTable) -> Judged {
        let mut judged = Judged::of(Effect::Additive).again(unless(table.if_not_exists, "IF NOT EXISTS"));
        let own = key(&table.name);
        let parents: Vec<&ObjectName> = table.inherits.iter().flatten().collect();
        let references = references_of(table);
        if let (Engine::Postgres, Some(parent)) = (self.engine, &table.partition_of)
            && !self.news.is_made(&key(parent))
        {
            let aside = "Where it has a default partition, its rows are read: make the table alone and `attach partition` it, with a CHECK on the default partition that leaves the new rows out.";
            judged.hold(parent.to_string(), Lock::ClosedScan, aside);
        }
        let mut named: Vec<&ObjectName> = references.iter().map(|(foreign, _)| &foreign.foreign_table).chain(parents.clone()).collect();
        named.sort();
        named.dedup();
        for other in named {
            if self.engine == Engine::Postgres && !self.news.is_made(&key(other)) && key(other) != own {
                judged.hold(other.to_string(), Lock::Brief, "");
            }
        }
        let mut above = parents.into_iter().chain(&table.partition_of).map(key).collect::<Vec<_>>();
        let is_part = above.iter().any(|parent| !self.news.is_of_the_text(parent));
        above.retain(|parent| self.news.is_perhaps(parent));
        match (table.if_not_exists, is_part) {
            // It may have been there, and the running version meets it: as any table that is in use.
            (true, true) => {}
            (false, true) => self.name_table(table, &own, Made::Seen),
            (may_be_there, false) => {
                let made = if may_be_there || !above.is_empty() { Made::Perhaps } else { Made::Free };
                self.name_table(table, &own, made);
            }
        }
        for column in &table.columns {
            self.news.declare(&own, folded(&column.name));
        }
        for (foreign, reference) in references {
            if key(&foreign.foreign_table) != own && !self.news.is_of_the_text(&reference.to) && keeps_rows(foreign) {
                self.news.refer(&own, reference);
            }
        }
        if let Some(query) = &table.query {
            // Rows that it is made of may come from more than a look.
            let made = self.query(query);
            judged.effects.extend(made.effects);
            judged.holds.extend(made.holds);
            self.news.fill(&own);
        }
        judged
    }

    /// Takes a table for new under the names that certainly mean it.
    fn name_table(&mut self, table: &CreateTable, own: &str, made: Made) {
        let schema = match self.engine {
            Engine::Postgres => "pg_temp",
            Engine::Sqlite => "temp",
        };
        let is_gone = table.on_commit == Some(OnCommit::Drop) && !self.is_transaction;
        // The catalog comes first where names are looked up.
        let is_of_catalog = self.engine == Engine::Postgres && own.starts_with("pg_") && !own.contains('.');
        if is_gone || is_of_catalog {
            return;
        }
        if table.temporary || own.strip_prefix(schema).is_some_and(|rest| rest.starts_with('.')) {
            self.news.add_temporary(own, schema, made);
        } else {
            self.news.add_table(own, made);
        }
    }

    fn create_index(&self, index: &CreateIndex) -> Judged {
        let table = key(&index.table_name);
        let name = index.name.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string);
        let columns = columns_in(&index.columns);
        let is_new = self.news.is_free(&table);
        // Rows of the running version are unlike as long as they leave a column empty.
        let on_new =
            is_new || (index.nulls_distinct != Some(false) && columns.iter().any(|column| self.news.has_empty_column(&table, column)));
        let effect = if index.unique && !on_new {
            Effect::Breaking {
                why: format!("refuses from now on what the running version may write to {} twice", index.table_name),
                instead: format!(
                    "Let the new version write unique values first; make the index in `contract`: `create unique index concurrently {name} on {} ({})`.{}",
                    index.table_name,
                    listed(&index.columns),
                    self.news.aside(&table, &columns)
                ),
            }
        } else {
            Effect::Additive
        };
        let mut judged = Judged::of(effect).again(unless(index.if_not_exists, "IF NOT EXISTS"));
        if !is_new {
            // An index on an expression computes it for every row.
            judged.effects.extend(what_it_calls(index));
        }
        match (self.news.is_made(&table), index.concurrently) {
            (true, _) => {}
            (false, true) => judged.hold(index.table_name.to_string(), Lock::Beside, ""),
            // A table made IF NOT EXISTS may have been there, with rows and with who writes to it.
            (false, false) => {
                let instead = self.index_beside(&name) + self.news.aside(&table, []);
                judged.hold(index.table_name.to_string(), Lock::Scan, instead);
            }
        }
        judged
    }

    fn index_beside(&self, name: &str) -> String {
        match self.engine {
            Engine::Postgres => format!("`create index concurrently {name}`, in a file of its own, lets writes go on."),
            Engine::Sqlite => "Build it at a quiet time: on SQLite every writer waits.".to_owned(),
        }
    }

    fn truncate(&self, truncate: &Truncate) -> Judged {
        let names: Vec<&ObjectName> = truncate.table_names.iter().map(|target| &target.name).collect();
        let cascades = truncate.cascade == Some(CascadeOption::Cascade);
        let old: Vec<&&ObjectName> = names.iter().filter(|name| !self.news.may_be_emptied(&key(name), cascades)).collect();
        let mut judged = Judged { changes_rows: true, ..Judged::default() };
        for name in old {
            judged.effects.push(Effect::Breaking {
                why: format!("empties {name}, and no rollback brings its rows back"),
                instead: format!("Empty {name} in `contract`, when nothing reads it."),
            });
            judged.hold(name.to_string(), Lock::Brief, "");
        }
        judged
    }

    fn drop(&self, kind: ObjectType, names: &[ObjectName]) -> Judged {
        let mut judged = Judged::default();
        for name in names {
            let (why, instead) = match kind {
                ObjectType::Index => (
                    format!("drops the index {name}, without which the running version may be slow"),
                    format!("Drop it in `contract`, when no version asks by it: {}.", self.drop_index(name)),
                ),
                ObjectType::Table => (
                    format!("drops the table {name} with its rows, while the running version uses it"),
                    format!("Let the new version stop using {name}; drop it in `contract`."),
                ),
                _ => (
                    format!("drops {name}, while the running version may use it"),
                    format!("Drop {name} in `contract`, when nothing uses it."),
                ),
            };
            judged.effects.push(Effect::Breaking { why, instead });
            if kind == ObjectType::Table {
                judged.hold(name.to_string(), Lock::Brief, "");
            }
        }
        judged
    }

    fn setting(&mut self, set: &Set) -> Judged {
        let name = match set {
            Set::SingleAssignment { variable, values, .. } => {
                let name = key(variable);
                if name == SEARCH_PATH {
                    self.news.look_up_in(&listed(values));
                }
                name
            }
            Set::SetTimeZone { .. } | Set::SetNames { .. } | Set::SetNamesDefault {} => return Judged::default(),
            _ => return Judged::of(Effect::Unjudged("changes what the connection may do or see".to_owned())),
        };
        if LIMITS.contains(&name.as_str()) {
            return Judged::of(Effect::Meddles {
                why: format!("sets {name} itself, past the limits of the target"),
                instead: "Leave it out, and set `lockTimeout` and `statementTimeout` of the target's `database`.",
            });
        }
        if SETTINGS.contains(&name.as_str()) {
            return Judged::default();
        }
        Judged::of(Effect::Unjudged(format!("sets {name}, which may change what the other statements do")))
    }

    fn drop_index(&self, name: &ObjectName) -> String {
        match self.engine {
            Engine::Postgres => format!("`drop index concurrently {name}`"),
            Engine::Sqlite => format!("`drop index {name}`"),
        }
    }
}

/// An option by which EXPLAIN does what it explains.
fn runs_it(option: &UtilityOption) -> bool {
    folded(&option.name) == "analyze"
}

/// Whether a statement goes through rows, whomever it locks: until it is done, what was locked before in its transaction stays locked.
fn takes_time(statement: &Statement) -> bool {
    let goes_through = match statement {
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => true,
        Statement::CreateTable(table) => table.query.is_some(),
        Statement::CreateView(view) => view.materialized,
        Statement::Analyze(_) | Statement::Copy { .. } => return true,
        Statement::Explain { analyze, options, .. } => *analyze || options.iter().flatten().any(runs_it),
        _ => false,
    };
    // Rows that stand in the text are few.
    goes_through && (!read_by(statement).is_empty()) && !matches!(statement, Statement::Insert(insert) if is_written_out(insert))
}

fn is_written_out(insert: &Insert) -> bool {
    insert.source.as_ref().is_none_or(|source| matches!(&*source.body, SetExpr::Values(_)))
}

/// Whether a statement evaluates expressions on rows while it runs. A plain view is evaluated by whoever reads it.
fn reads_rows(statement: &Statement) -> bool {
    match statement {
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => true,
        Statement::CreateTable(table) => table.query.is_some(),
        Statement::CreateView(view) => view.materialized,
        Statement::AlterTable(_) | Statement::CreateIndex(_) => true,
        _ => false,
    }
}

/// Whether a statement makes a table of the rows of a query. Who needs names with a dot in it makes the table first, and inserts.
fn is_made_of_rows(statement: &Statement) -> bool {
    match statement {
        Statement::CreateTable(table) => table.query.is_some(),
        Statement::CreateView(view) => view.materialized,
        _ => false,
    }
}

/// The foreign keys of a new table.
fn references_of(table: &CreateTable) -> Vec<(&ForeignKeyConstraint, Reference)> {
    let place = |name: &String| table.columns.iter().position(|column| folded(&column.name) == *name);
    let has_value = |name: &String| {
        let column = place(name).and_then(|at| table.columns.get(at));
        column.is_some_and(|column| column.options.iter().any(|option| matches!(option.option, ColumnOption::Default(_))))
    };
    let reference = |foreign: &ForeignKeyConstraint, columns: Vec<String>| Reference {
        to: key(&foreign.foreign_table),
        place: columns.iter().filter_map(place).min(),
        has_value: columns.iter().any(has_value),
        columns,
    };
    let of_columns = table.columns.iter().flat_map(|column| column.options.iter().map(move |option| (column, option)));
    let of_columns = of_columns.filter_map(|(column, option)| match &option.option {
        ColumnOption::ForeignKey(foreign) => Some((foreign, reference(foreign, vec![folded(&column.name)]))),
        _ => None,
    });
    let of_table = table.constraints.iter().filter_map(|constraint| match constraint {
        TableConstraint::ForeignKey(foreign) => Some((foreign, reference(foreign, foreign.columns.iter().map(folded).collect()))),
        _ => None,
    });
    of_columns.chain(of_table).collect()
}

/// Whether a row that refers to another keeps it from being deleted.
pub(super) fn keeps_rows(foreign: &ForeignKeyConstraint) -> bool {
    !matches!(foreign.on_delete, Some(ReferentialAction::Cascade | ReferentialAction::SetNull))
}

/// Whether a statement is a query whose rows nobody takes.
fn only_looks(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else { return false };
    let goes_somewhere = matches!(&*query.body, SetExpr::Select(select) if select.into.is_some());
    let changes = visit_statements(&**query, |_| ControlFlow::Break(())).is_break();
    !goes_somewhere && !changes
}

/// Names with a dot that PostgreSQL calls where they are no columns.
fn may_call(names: &BTreeSet<String>) -> Option<Effect> {
    let listed = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        Effect::Unjudged(format!("has {listed}, which PostgreSQL reads as a call where it is no column; a column without a table or a parenthesis before it is always one"))
    })
}

/// What running it again comes to, where a clause says that it may be there.
pub(super) fn unless(there: bool, clause: &'static str) -> Again {
    if there { Again::Same } else { Again::Fails(clause) }
}

pub(super) fn listed<T: ToString>(parts: &[T]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a statement sets going beside its own work: a function may do anything.
pub(super) fn what_it_calls(statement: &impl Visit) -> Option<Effect> {
    let called = calls(statement).into_iter().collect::<Vec<_>>().join(", ");
    (!called.is_empty()).then(|| Effect::Unjudged(format!("calls {called}, and what that does is not in the text")))
}

fn dropped(what: &str) -> Judged {
    Judged::of(Effect::Breaking { why: format!("drops {what}"), instead: "Drop it in `contract`, when nothing uses it.".to_owned() })
}

/// PostgreSQL takes another query for a view only when the columns that were there stay as they are.
fn create_view(view: &CreateView) -> Judged {
    match (view.or_replace, view.materialized) {
        (true, _) => Judged::of(Effect::Replaces(format!("the view {}", view.name))),
        // Its query is run at once, that of a plain view by whoever reads it.
        (false, true) => {
            let mut judged = Judged::of(Effect::Additive).again(unless(view.if_not_exists, "IF NOT EXISTS"));
            judged.effects.extend(what_it_calls(&view.query));
            judged
        }
        (false, false) => Judged::of(Effect::Additive).again(unless(view.if_not_exists, "OR REPLACE, or IF NOT EXISTS on SQLite")),
    }
}

fn alter_type(name: &ObjectName, operation: &AlterTypeOperation) -> Judged {
    match operation {
        AlterTypeOperation::AddValue(value) => {
            Judged::of(Effect::Widens(format!("adds {} to {name}, which the running version does not know", value.value)))
                .again(unless(value.if_not_exists, "IF NOT EXISTS"))
        }
        AlterTypeOperation::Rename(_) | AlterTypeOperation::RenameValue(_) => Judged::of(Effect::Breaking {
            why: format!("renames in {name} what the running version calls by its old name"),
            instead: format!(
                "Add the new name beside the old one: `alter type {name} add value ...`; let the new version write it; move the rows in `backfill`."
            ),
        }),
    }
}

//! `ALTER TABLE`: which forms the running version does not notice, and how long they lock.

use super::define::{keeps_rows, listed, unless, what_it_calls};
use super::expression::{columns_in, folded, is_null, is_steady, is_steady_function, key, lets_empty_pass};
use super::news::Reference;
use super::rows::refers;
use super::{Again, Effect, Engine, Judged, Lock, Reader};
use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, DataType, Expr, ForeignKeyConstraint,
    GeneratedExpressionMode, Ident, NullsDistinctOption, ObjectName, ReferentialAction, RenameTableNameKind, TableConstraint,
};
use std::collections::BTreeSet;

/// Types that are a number with a default of the next of a sequence.
const COUNTING: [&str; 6] = ["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"];

/// Types of PostgreSQL and of its extensions that the parser has no word of its own for, without a rule of their own.
const BASE_TYPES: [&str; 38] = [
    "box",
    "cidr",
    "circle",
    "citext",
    "cube",
    "daterange",
    "geography",
    "geometry",
    "halfvec",
    "hstore",
    "inet",
    "int4range",
    "int8range",
    "jsonpath",
    "lquery",
    "line",
    "lseg",
    "ltree",
    "ltxtquery",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "regclass",
    "sparsevec",
    "tsquery",
    "tsrange",
    "tstzrange",
    "tsvector",
    "vector",
    "xml",
];

/// A table that is altered.
struct Place<'a> {
    name: &'a ObjectName,
    key: String,
    /// Whether the text made it, and nobody else has to do with it.
    is_new: bool,
}

/// What the options of a new column ask for.
#[derive(Default)]
struct Wants<'a> {
    not_null: bool,
    unique: bool,
    primary: bool,
    identity: bool,
    default: Option<&'a Expr>,
    /// Whether its value is computed and kept.
    stored: bool,
    computed: bool,
    checks: Vec<&'a Expr>,
    refers_to: Option<&'a ForeignKeyConstraint>,
}

impl<'a> Wants<'a> {
    fn of(column: &'a ColumnDef) -> Self {
        let mut wants = Self { identity: is_counting(&column.data_type), ..Self::default() };
        for option in &column.options {
            match &option.option {
                ColumnOption::NotNull => wants.not_null = true,
                ColumnOption::Unique(_) => wants.unique = true,
                ColumnOption::PrimaryKey(_) => wants.primary = true,
                ColumnOption::Identity(_) => wants.identity = true,
                ColumnOption::Default(default) => wants.default = Some(default).filter(|default| !is_null(default)),
                ColumnOption::Check(check) => wants.checks.push(&check.expr),
                ColumnOption::ForeignKey(foreign) => wants.refers_to = Some(foreign),
                ColumnOption::Generated { generation_expr: None, .. } => wants.identity = true,
                ColumnOption::Generated { generation_expr: Some(_), generation_expr_mode, .. } => {
                    wants.computed = true;
                    wants.stored = *generation_expr_mode == Some(GeneratedExpressionMode::Stored);
                }
                _ => {}
            }
        }
        wants
    }

    /// Whether a row has a value that does not name the column.
    fn has_value(&self) -> bool {
        self.default.is_some() || self.identity || self.computed
    }
}

fn is_counting(data_type: &DataType) -> bool {
    COUNTING.contains(&data_type.to_string().to_lowercase().as_str())
}

impl Reader {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> Judged {
        let table = key(&alter.name);
        let place = Place { name: &alter.name, is_new: self.news.is_free(&table), key: table };
        let mut judged = Judged::default();
        for operation in &alter.operations {
            let (effect, again) = self.operation(&place, operation, &mut judged);
            judged.effects.push(effect);
            if judged.again == Again::Same {
                judged.again = again;
            }
        }
        if self.news.is_made(&place.key) {
            judged.holds.retain(|hold| hold.table != place.name.to_string());
        }
        if !place.is_new {
            // A default, a computed value or a rule is worked out for rows that are there, and for those of the running version.
            judged.effects.extend(what_it_calls(&alter.operations));
        }
        judged
    }

    fn operation(&mut self, place: &Place<'_>, operation: &AlterTableOperation, judged: &mut Judged) -> (Effect, Again) {
        let table = place.name;
        let effect = match operation {
            AlterTableOperation::AddColumn { column_def, if_not_exists, .. } => {
                let mut effect = self.add_column(place, column_def, judged);
                let (own, wants) = (folded(&column_def.name), Wants::of(column_def));
                if let Some(foreign) = wants.refers_to {
                    let other = key(&foreign.foreign_table);
                    let holds_on_to = wants.has_value() && keeps_rows(foreign) && !self.news.is_of_the_text(&other) && other != place.key;
                    // With a default every row refers at once, and so does each new one of the running version.
                    if holds_on_to && !place.is_new && effect == Effect::Additive {
                        effect = refers(table, &other);
                    }
                    self.refer(place, foreign, vec![own.clone()], wants.has_value());
                }
                self.news.add_column(&place.key, own, wants.has_value(), !*if_not_exists);
                // SQLite has no such clause.
                let may_be_there = *if_not_exists || self.engine == Engine::Sqlite;
                return (effect, unless(may_be_there, "IF NOT EXISTS"));
            }
            AlterTableOperation::AddConstraint { constraint, not_valid } => self.add_constraint(place, constraint, *not_valid, judged),
            AlterTableOperation::AlterColumn { column_name, op } => self.alter_column(place, column_name, op, judged),
            AlterTableOperation::ValidateConstraint { .. } => {
                judged.hold(table.to_string(), Lock::Beside, "");
                Effect::Additive
            }
            AlterTableOperation::SetLogged => {
                judged.hold(table.to_string(), Lock::Rewrite, "Do it at a quiet time.");
                Effect::Additive
            }
            AlterTableOperation::SetOptionsParens { .. } | AlterTableOperation::ResetOptions { .. } => {
                judged.hold(table.to_string(), Lock::Brief, "");
                Effect::Additive
            }
            other => {
                let (lock, instead) = match (self.engine, other) {
                    (Engine::Sqlite, AlterTableOperation::DropColumn { .. }) | (_, AlterTableOperation::SetUnlogged) => {
                        (Lock::Rewrite, "Do it at a quiet time.")
                    }
                    _ => (Lock::Brief, ""),
                };
                judged.hold(table.to_string(), lock, instead);
                takes_away(table, other)
            }
        };
        (effect, Again::Same)
    }

    fn add_column(&self, place: &Place<'_>, column: &ColumnDef, judged: &mut Judged) -> Effect {
        let (table, name, data_type) = (place.name, &column.name, &column.data_type);
        let wants = Wants::of(column);
        let is_foreign = self.engine == Engine::Postgres && self.is_of_unknown_type(data_type);
        let lock = if is_foreign { Lock::Rewrite } else { self.column_lock(&wants) };
        let instead = if is_foreign {
            format!(
                "{data_type} is not known here: an enumeration is added at once, a domain with a rule has the table written anew. Instead of such a domain add its base type, and its rule by a CHECK `not valid`."
            )
        } else if lock > Lock::Brief {
            let then = wants
                .default
                .map(|default| format!(" `alter table {table} alter column {name} set default {default}`;"))
                .unwrap_or_default();
            format!("`alter table {table} add column {name} {data_type}` alone is done at once;{then} fill it in `backfill`.")
        } else {
            String::new()
        };
        judged.hold(table.to_string(), lock, instead);
        if let (Some(other), Engine::Postgres) = (wants.refers_to.map(|foreign| &foreign.foreign_table), self.engine)
            && !self.news.is_made(&key(other))
        {
            judged.hold(other.to_string(), if wants.default.is_some() { Lock::Scan } else { Lock::Brief }, "");
        }
        if place.is_new {
            return Effect::Additive;
        }
        let own = folded(name);
        let filled = format!(
            "In `expand`: `alter table {table} add column {name} {data_type}`, without NOT NULL. Let the new version write it, and fill it in `backfill`: `update {table} set {name} = ... where {name} is null`. "
        );
        if wants.primary || (wants.not_null && !wants.has_value()) {
            return Effect::Breaking {
                why: format!(
                    "adds {table}.{name}, which must have a value and gets none: not in rows that are there, and not from the running version"
                ),
                instead: format!(
                    "{filled}Ask for it in `contract`: {}{}",
                    set_not_null(self.engine, table, name),
                    self.news.aside(&place.key, [])
                ),
            };
        }
        if wants.unique && (wants.default.is_some() || self.engine == Engine::Sqlite) {
            return Effect::Breaking {
                why: format!("adds {table}.{name} as unique in a way that fails as soon as two rows are there"),
                instead: format!("{filled}Then make a unique index on it, in `contract`."),
            };
        }
        let is_known = |column: &String| *column == own || self.news.has_column(&place.key, column);
        let is_kept = |check: &&Expr| columns_in(*check).iter().all(is_known) && (wants.has_value() || lets_empty_pass(check));
        if !wants.checks.iter().all(is_kept) {
            return Effect::Breaking {
                why: format!("asks of {table} from now on what the running version may not keep"),
                instead: format!("{filled}Add the CHECK in `contract`.{}", self.news.aside(&place.key, [])),
            };
        }
        Effect::Additive
    }

    fn column_lock(&self, wants: &Wants<'_>) -> Lock {
        let is_written = match self.engine {
            Engine::Postgres => {
                let differs = |default: &Expr| !is_steady(default, is_steady_function);
                wants.stored || wants.identity || wants.default.is_some_and(differs)
            }
            // SQLite writes no row for a new column; it takes constant defaults only.
            Engine::Sqlite => false,
        };
        let is_read = match self.engine {
            Engine::Postgres => {
                wants.unique || wants.primary || !wants.checks.is_empty() || (wants.refers_to.is_some() && wants.default.is_some())
            }
            Engine::Sqlite => !wants.checks.is_empty() || (wants.computed && wants.not_null),
        };
        match (is_written, is_read) {
            (true, _) => Lock::Rewrite,
            // To add a column takes the table from everybody, and so it stays until its rows are read.
            (false, true) => self.closed_scan(),
            (false, false) => Lock::Brief,
        }
    }

    /// A table that is read under the lock of an ALTER TABLE: on SQLite readers see what was there before.
    fn closed_scan(&self) -> Lock {
        match self.engine {
            Engine::Postgres => Lock::ClosedScan,
            Engine::Sqlite => Lock::Scan,
        }
    }

    /// Whether a type is neither one of the engine nor an enumeration that the text made.
    fn is_of_unknown_type(&self, data_type: &DataType) -> bool {
        match data_type {
            DataType::Custom(name, _) => {
                let name = key(name);
                let plain = name.strip_prefix("pg_catalog.").unwrap_or(&name);
                !BASE_TYPES.contains(&plain) && !COUNTING.contains(&plain) && !self.news.types.contains(&name)
            }
            _ => false,
        }
    }

    fn add_constraint(&mut self, place: &Place<'_>, constraint: &TableConstraint, not_valid: bool, judged: &mut Judged) -> Effect {
        let table = place.name;
        let (columns, by_rows) = match constraint {
            TableConstraint::Check(check) => (columns_in(&*check.expr), true),
            TableConstraint::ForeignKey(foreign) => (foreign.columns.iter().map(folded).collect(), true),
            TableConstraint::Unique(unique) => (columns_in(&unique.columns), false),
            TableConstraint::PrimaryKey(primary) => (columns_in(&primary.columns), false),
            // The index refuses already what the constraint refuses.
            TableConstraint::UniqueUsingIndex(_) => {
                judged.hold(table.to_string(), Lock::Brief, "");
                return Effect::Additive;
            }
            _ => (BTreeSet::new(), false),
        };
        let bare = constraint.to_string();
        let steps = if by_rows {
            format!("`alter table {table} add {bare} not valid`, then `alter table {table} validate constraint ...`")
        } else {
            format!(
                "`create unique index concurrently ... on {table} ({})`, then `alter table {table} add constraint ... using index ...`",
                listed(&columns.iter().collect::<Vec<_>>())
            )
        };
        let lock = match constraint {
            _ if not_valid => Lock::Brief,
            // PostgreSQL keeps only writers out, on both sides.
            TableConstraint::ForeignKey(_) => Lock::Scan,
            _ => self.closed_scan(),
        };
        let beside = if lock > Lock::Brief { format!("In two parts nobody waits: {steps}.") } else { String::new() };
        judged.hold(table.to_string(), lock, beside.clone());
        if let TableConstraint::ForeignKey(foreign) = constraint
            && !self.news.is_made(&key(&foreign.foreign_table))
        {
            judged.hold(foreign.foreign_table.to_string(), lock, beside);
        }
        let is_primary = matches!(constraint, TableConstraint::PrimaryKey(_) | TableConstraint::PrimaryKeyUsingIndex(_));
        let is_empty = |column: &String| self.news.has_empty_column(&place.key, column);
        let all_new = !columns.is_empty() && columns.iter().all(|column| self.news.has_column(&place.key, column));
        let is_kept = match constraint {
            TableConstraint::Check(check) => all_new && (!columns.iter().any(is_empty) || lets_empty_pass(&check.expr)),
            TableConstraint::Unique(unique) => unique.nulls_distinct != NullsDistinctOption::NotDistinct && columns.iter().any(is_empty),
            _ => all_new && !is_primary,
        };
        if place.is_new || is_kept {
            let TableConstraint::ForeignKey(foreign) = constraint else { return Effect::Additive };
            let other = key(&foreign.foreign_table);
            let holds_on_to = keeps_rows(foreign) && self.news.is_filled(&place.key) && !self.news.is_of_the_text(&other);
            self.refer(place, foreign, foreign.columns.iter().map(folded).collect(), false);
            return if holds_on_to { refers(table, &other) } else { Effect::Additive };
        }
        let aside = self.news.aside(&place.key, &columns);
        Effect::Breaking {
            why: format!("holds what the running version writes to {table} to a rule that it does not know"),
            instead: format!("Let the new version keep it first; ask for it in `contract`: {steps}.{aside}"),
        }
    }

    /// Keeps in mind who refers to whom, where one of the two is in use and the other is not.
    fn refer(&mut self, place: &Place<'_>, foreign: &ForeignKeyConstraint, columns: Vec<String>, has_value: bool) {
        let to = key(&foreign.foreign_table);
        match (place.is_new, self.news.is_of_the_text(&to)) {
            (_, false) if keeps_rows(foreign) && to != place.key => {
                self.news.refer(&place.key, Reference { to, columns, place: None, has_value });
            }
            (false, true) => self.news.refer_back(&to, foreign.on_delete == Some(ReferentialAction::Cascade)),
            _ => {}
        }
    }

    fn alter_column(&self, place: &Place<'_>, column: &Ident, operation: &AlterColumnOperation, judged: &mut Judged) -> Effect {
        let table = place.name;
        let is_new = self.news.has_column(&place.key, &folded(column));
        let (lock, effect) = match operation {
            AlterColumnOperation::SetNotNull => (
                self.closed_scan(),
                Effect::Breaking {
                    why: format!("asks for a value of {table}.{column} in each row, of rows that are there and of the running version"),
                    instead: format!(
                        "Let the new version write it, fill it in `backfill`, and ask for it in `contract`: {}",
                        set_not_null(self.engine, table, column)
                    ),
                },
            ),
            AlterColumnOperation::SetDataType { data_type, .. } => (
                Lock::Rewrite,
                Effect::Breaking {
                    why: format!("gives {table}.{column} another type, while the running version reads and writes it with the old one"),
                    instead: another_column(table, column, &format!("{column}_new"), &data_type.to_string()),
                },
            ),
            AlterColumnOperation::DropDefault => (
                Lock::Brief,
                Effect::Breaking {
                    why: format!("drops the default of {table}.{column}, on which the running version may rely"),
                    instead: format!("Let the new version write {column} itself; drop the default in `contract`."),
                },
            ),
            AlterColumnOperation::DropNotNull => {
                (Lock::Brief, Effect::Widens(format!("lets {table}.{column} be empty, which the running version may not expect")))
            }
            AlterColumnOperation::SetDefault { .. } if self.news.has_column_perhaps(&place.key, &folded(column)) => (
                Lock::Brief,
                Effect::Widens(format!("sets the default of {table}.{column}, which had another one if the column was there")),
            ),
            AlterColumnOperation::SetDefault { .. } => {
                (Lock::Brief, Effect::Replaces(format!("the default of {table}.{column}, also for rows of the running version")))
            }
            AlterColumnOperation::AddGenerated { .. } | AlterColumnOperation::GenericOptions { .. } => {
                (Lock::Brief, Effect::Unjudged(format!("changes how {table}.{column} gets its value")))
            }
        };
        // The running version leaves a new column empty, so that it still needs the default that it has.
        let asks = matches!(operation, AlterColumnOperation::SetNotNull | AlterColumnOperation::DropDefault);
        let free = place.is_new || (is_new && !asks);
        judged.hold(
            table.to_string(),
            lock,
            if lock > Lock::Brief { "Do it at a quiet time, or in the parts that `contract` is made of." } else { "" },
        );
        if free { Effect::Additive } else { effect }
    }
}

/// Forms that take something away, and those whose effect cannot be told.
fn takes_away(table: &ObjectName, operation: &AlterTableOperation) -> Effect {
    let (why, instead) = match operation {
        AlterTableOperation::DropColumn { column_names, .. } => {
            let columns = listed(column_names);
            (
                format!("drops {columns} of {table} with what it holds, while the running version uses it"),
                format!("Let the new version stop using {columns}; drop it in `contract`: `alter table {table} drop column {columns}`."),
            )
        }
        AlterTableOperation::RenameColumn { old_column_name: old, new_column_name: new } => (
            format!("renames {table}.{old}, which the running version calls by its old name"),
            another_column(table, old, &new.to_string(), "TYPE"),
        ),
        AlterTableOperation::RenameTable { table_name: RenameTableNameKind::As(new) | RenameTableNameKind::To(new) } => (
            format!("renames {table}, which the running version calls by its old name"),
            format!(
                "In `expand`: `create view {new} as select * from {table}`. Let the new version use {new}. In `contract`: drop the view and rename {table}."
            ),
        ),
        AlterTableOperation::DropConstraint { name, .. } | AlterTableOperation::DropForeignKey { name, .. } => (
            format!("drops {name} of {table}, on which the running version may rely (ON CONFLICT, rows that were never there)"),
            format!("Drop it in `contract`: `alter table {table} drop constraint {name}`."),
        ),
        AlterTableOperation::DropPrimaryKey { .. } => {
            (format!("drops the primary key of {table}, on which the running version relies"), "Drop it in `contract`.".to_owned())
        }
        AlterTableOperation::RenameConstraint { old_name, .. } => (
            format!("renames {old_name} of {table}, which the running version may name in ON CONFLICT"),
            "Rename it in `contract`.".to_owned(),
        ),
        AlterTableOperation::DetachPartitionOf { partition, .. } => (
            format!("takes the rows of {partition} out of {table}"),
            format!("Detach {partition} in `contract`, when nothing reads its rows in {table}."),
        ),
        AlterTableOperation::EnableRowLevelSecurity | AlterTableOperation::ForceRowLevelSecurity => (
            format!("hides rows of {table} from the running version, unless a policy shows them"),
            format!(
                "Let the new version work under the policies first; enable them in `contract`: `alter table {table} enable row level security`."
            ),
        ),
        AlterTableOperation::SetUnlogged => (
            format!("takes {table} out of the log: a crash empties it, and a replica does not have it"),
            format!("Keep {table} logged, or give it a new unlogged table beside."),
        ),
        _ => return Effect::Unjudged(format!("changes {table} in a way that cannot be told from the text")),
    };
    Effect::Breaking { why, instead }
}

/// A column in the place of another, in parts.
fn another_column(table: &ObjectName, old: &Ident, new: &str, data_type: &str) -> String {
    format!(
        "In `expand`: `alter table {table} add column {new} {data_type}`. Let the new version write both. In `backfill`: `update {table} set {new} = {old} where {new} is null`. When every version reads {new}, in `contract`: `alter table {table} drop column {old}`."
    )
}

/// Asking for a value in each row without holding anybody up.
fn set_not_null(engine: Engine, table: &ObjectName, column: &Ident) -> String {
    match engine {
        Engine::Postgres => format!(
            "`alter table {table} add constraint {column}_set check ({column} is not null) not valid`, `alter table {table} validate constraint {column}_set`, `alter table {table} alter column {column} set not null`, of which the last one reads no row any more."
        ),
        Engine::Sqlite => "SQLite asks for it in a new table only: make one, copy the rows, and rename it.".to_owned(),
    }
}

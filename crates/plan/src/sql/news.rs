//! What a text adds itself: nobody uses it yet, so it is free for the taking.
//!
//! A name is new only as it was written when it was made. `create temp table t` leaves `public.t` what it was, and which table `t` means beside
//! `shop.t` depends on where names are looked up: so the same name with a schema and without one are two names here, and one without is kept with the
//! path by which it is looked up.

use std::collections::{BTreeMap, BTreeSet};

/// A name and where it is looked up; that is empty for names with a schema, and where nothing set it.
type Name = (String, String);

/// How a table came with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It was certainly not there, and the running version does not meet it.
    Free,
    /// It was certainly not there, and the running version meets its rows in another table, which it is a partition of or inherits from.
    Seen,
    /// `IF NOT EXISTS`: it may have been there, with rows and with who uses them.
    Perhaps,
}

/// A column that came with the text, in a table that did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Added {
    /// Whether each row of the running version has a value in it, too, which does not name it.
    has_value: bool,
    /// Whether it was certainly not there.
    is_certain: bool,
}

/// A foreign key that the text made to a table that is in use, and that keeps rows of that table from being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) to: String,
    pub(super) columns: Vec<String>,
    /// Place of its first column in a row that names none, where it is known.
    pub(super) place: Option<usize>,
    /// Whether a row has a value in it that does not name it.
    pub(super) has_value: bool,
}

/// Tables and columns that nobody uses yet, by their folded names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    tables: BTreeMap<Name, Made>,
    /// Those of the tables that only their own connection sees.
    temporary: BTreeSet<Name>,
    columns: BTreeMap<(Name, String), Added>,
    references: BTreeMap<Name, Vec<Reference>>,
    /// Tables with rows that this change wrote.
    filled: BTreeSet<Name>,
    /// New tables to which tables in use refer; whether rows of these go with theirs.
    referred: BTreeMap<Name, bool>,
    /// Types that are enumerations or made of several values: no rule is on them.
    pub(super) types: BTreeSet<String>,
    /// Columns that a text has named as columns, of tables that it makes or alters.
    declared: BTreeSet<(Name, String)>,
    /// Functions that it makes, without their schemas.
    pub(super) functions: BTreeSet<String>,
    /// Where names without a schema are looked up; empty where nothing set it.
    search_path: String,
    /// Whether the text has put temporary tables behind others in the search path.
    is_temporary_last: bool,
}

impl News {
    /// What a text finds that runs after the one that made it, on a connection of its own: temporary tables are gone.
    pub(super) fn for_another_connection(&self) -> Self {
        let mut news = self.clone();
        news.tables.retain(|name, _| !self.temporary.contains(name));
        news.declared.retain(|(name, _)| !self.temporary.contains(name));
        news.temporary.clear();
        news.search_path.clear();
        news.is_temporary_last = false;
        news
    }

    /// After `ROLLBACK TO SAVEPOINT` nobody knows here what of it is left.
    pub(super) fn forget(&mut self) {
        self.tables.clear();
        self.columns.clear();
        self.types.clear();
        self.declared.clear();
    }

    pub(super) fn look_up_in(&mut self, path: &str) {
        self.is_temporary_last |= path.to_lowercase().contains("pg_temp");
        // As written: `'Shop'` is not `'shop'`, and `public` need not be what a role looks up by itself.
        path.clone_into(&mut self.search_path);
    }

    fn name(&self, table: &str) -> Name {
        let path = if table.contains('.') { String::new() } else { self.search_path.clone() };
        (path, table.to_owned())
    }

    pub(super) fn add_table(&mut self, table: &str, made: Made) {
        let name = self.name(table);
        // Where the text made it before, IF NOT EXISTS makes nothing.
        if made != Made::Perhaps || !self.tables.contains_key(&name) {
            self.tables.insert(name, made);
        }
    }

    /// A table of this connection alone: it hides others of its name, and none that is named with its schema.
    pub(super) fn add_temporary(&mut self, table: &str, schema: &str, made: Made) {
        let bare = table.rsplit('.').next().unwrap_or(table);
        let qualified = format!("{schema}.{bare}");
        for table in [qualified.as_str(), bare].into_iter().take(if self.is_temporary_last { 1 } else { 2 }) {
            self.add_table(table, made);
            self.temporary.insert(self.name(table));
        }
    }

    pub(super) fn add_column(&mut self, table: &str, column: String, has_value: bool, is_certain: bool) {
        self.declare(table, column.clone());
        if self.is_free(table) {
            return;
        }
        let added = self.columns.entry((self.name(table), column)).or_insert(Added { has_value, is_certain });
        if is_certain {
            *added = Added { has_value, is_certain };
        }
    }

    pub(super) fn declare(&mut self, table: &str, column: String) {
        self.declared.insert((self.name(table), column));
    }

    pub(super) fn declares(&self, table: &str, column: &str) -> bool {
        self.declared.contains(&(self.name(table), column.to_owned()))
    }

    fn made(&self, table: &str) -> Option<Made> {
        self.tables.get(&self.name(table)).copied()
    }

    /// Whether nobody but this change has to do with the table.
    pub(super) fn is_free(&self, table: &str) -> bool {
        self.made(table) == Some(Made::Free)
    }

    /// Whether it was certainly not there: nobody waits for it.
    pub(super) fn is_made(&self, table: &str) -> bool {
        matches!(self.made(table), Some(Made::Free | Made::Seen))
    }

    /// Whether the text makes it, and makes it no part of another: rows may be added.
    pub(super) fn is_of_the_text(&self, table: &str) -> bool {
        matches!(self.made(table), Some(Made::Free | Made::Perhaps))
    }

    /// Whether it may have been there.
    pub(super) fn is_perhaps(&self, table: &str) -> bool {
        self.made(table) == Some(Made::Perhaps)
    }

    fn column(&self, table: &str, column: &str) -> Option<Added> {
        self.columns.get(&(self.name(table), column.to_owned())).copied()
    }

    /// Whether the column, or the table with it, was certainly not there.
    pub(super) fn has_column(&self, table: &str, column: &str) -> bool {
        self.is_free(table) || self.column(table, column).is_some_and(|added| added.is_certain)
    }

    /// Whether the column was added `IF NOT EXISTS`: it may have been there.
    pub(super) fn has_column_perhaps(&self, table: &str, column: &str) -> bool {
        self.column(table, column).is_some_and(|added| !added.is_certain)
    }

    /// Whether rows of the running version leave the column empty.
    pub(super) fn has_empty_column(&self, table: &str, column: &str) -> bool {
        self.is_free(table) || self.column(table, column).is_some_and(|added| added.is_certain && !added.has_value)
    }

    pub(super) fn fill(&mut self, table: &str) {
        self.filled.insert(self.name(table));
    }

    pub(super) fn is_filled(&self, table: &str) -> bool {
        self.filled.contains(&self.name(table))
    }

    pub(super) fn refer(&mut self, table: &str, reference: Reference) {
        self.references.entry(self.name(table)).or_default().push(reference);
    }

    /// Tables in use that rows of `table` refer to, by those of its foreign keys that `is_set` tells.
    pub(super) fn referred_by(&self, table: &str, is_set: impl Fn(&Reference) -> bool) -> BTreeSet<String> {
        let references = self.references.get(&self.name(table)).into_iter().flatten();
        references.filter(|reference| is_set(reference)).map(|reference| reference.to.clone()).collect()
    }

    /// A table in use refers to a new one.
    pub(super) fn refer_back(&mut self, table: &str, goes_with_it: bool) {
        *self.referred.entry(self.name(table)).or_default() |= goes_with_it;
    }

    /// Whether deleting its rows takes none from anybody.
    pub(super) fn may_lose_rows(&self, table: &str) -> bool {
        self.is_free(table) && self.referred.get(&self.name(table)) != Some(&true)
    }

    /// Whether emptying it takes no rows from anybody; `cascades` empties whatever refers to it.
    pub(super) fn may_be_emptied(&self, table: &str, cascades: bool) -> bool {
        self.is_free(table) && !(cascades && self.referred.contains_key(&self.name(table)))
    }

    /// What to do instead where only IF NOT EXISTS is in the way.
    pub(super) fn aside<'a>(&self, table: &str, columns: impl IntoIterator<Item = &'a String>) -> &'static str {
        if self.is_perhaps(table) {
            " Of a table made IF NOT EXISTS nobody knows whether it was there: leave the clause out, or ask for it in its `create table`."
        } else if columns.into_iter().any(|column| self.has_column_perhaps(table, column)) {
            " Of a column added IF NOT EXISTS nobody knows whether it was there: leave the clause out where it is certainly new."
        } else {
            ""
        }
    }
}

//! What SQL does to a version that runs meanwhile: read before anything is promised of it.
//!
//! An expansion goes out before the code and stays when the code goes back, so it must leave the running version working. Whether it does is not
//! taken on trust from the name of a field: [`read`] cuts the text into statements (`cut`), has each parsed, and judges it by its kind: tables that
//! are altered (`alter`), what is made and dropped (`define`), rows (`rows`). Only this module knows the parser; what leaves it are types of our own.
//!
//! Three answers are kept apart. *Effect*: what the running version and its data meet. *Lock*: who waits meanwhile, as a class, since the text does not
//! tell how large a table is. *Again*: what happens when the same text is run another time, as it is when a change that went back is flown anew.
//!
//! The judgement errs on one side. A statement that cannot be parsed, or whose effect lies elsewhere (a function, a trigger, a command of the
//! engine that is not known here), is never called harmless: it is told as what it is, not read.
//!
//! What a text adds itself is free for the taking: nobody uses a column yet that came a line before. [`News`] holds what is new (`news`), by the name
//! under which it was made, and goes from the expansion to the backfill. A table or column made `IF NOT EXISTS` may have been there: rows may be added
//! to it and values filled where none is, but nothing is overwritten or emptied in it, and nothing asked of it that the running version may not keep.
//!
//! A new table is in use as soon as the running version meets it elsewhere: as a part of a table that is there, or by a foreign key that keeps rows of
//! such a table from being deleted.
//!
//! Sources of what locks and what rewrites: PostgreSQL, "ALTER TABLE", <https://www.postgresql.org/docs/current/sql-altertable.html> (lock levels in
//! the description, scans and rewrites in the notes), "Explicit Locking", <https://www.postgresql.org/docs/current/explicit-locking.html>, "CREATE
//! INDEX", <https://www.postgresql.org/docs/current/sql-createindex.html>; SQLite, "ALTER TABLE", <https://www.sqlite.org/lang_altertable.html>.
//! Locks of triggers, policies, rules, views and of what cleans up: "CREATE TRIGGER", "REFRESH MATERIALIZED VIEW" and "VACUUM" of the same manual, and "Explicit Locking".
//! Names with a dot, which PostgreSQL may read as calls: `attribute`. Lock and journal of SQLite: "File Locking And Concurrency",
//! <https://www.sqlite.org/lockingv3.html>, and "Write-Ahead Logging", <https://www.sqlite.org/wal.html>.
//! A column of a domain with a rule has the table written anew; a domain cannot be told from an enumeration that the text did not make, so a type of
//! neither the engine nor the text is told as written anew.

mod alter;
mod attribute;
mod batch;
mod cut;
mod define;
mod expression;
mod news;
mod rows;
#[cfg(test)]
mod tests;

use crate::sql::cut::Piece;
use std::collections::BTreeSet;

pub(crate) use batch::feeds_itself;
pub(crate) use news::News;

/// Characters of a statement that are shown.
const SHOWN_MAX: usize = 80;

/// A database whose SQL is understood: those that the action `sql` speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    /// By the name a target gives it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "postgres" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }
}

/// A text of SQL, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// Who reads it; `None` where its SQL is not known here.
    pub(crate) engine: Option<Engine>,
    pub(crate) statements: Vec<Statement>,
    /// What could not be read.
    pub(crate) unread: Vec<Unread>,
    /// What is new once it is through, including what was new before.
    pub(crate) news: News,
    /// Whether a statement refuses to be part of a transaction.
    pub(crate) needs_no_transaction: bool,
}

/// A lock that was meant to be short and is not, for a transaction keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lasting<'a> {
    pub(crate) table: &'a str,
    /// Line of the statement that locks.
    pub(crate) line: u32,
    /// Line of the last statement that takes its time.
    pub(crate) until: u32,
}

impl Script {
    /// What is taken to be a column, and no call: `customers.id and t.status`.
    pub(crate) fn granted(&self) -> BTreeSet<&str> {
        self.statements.iter().flat_map(|statement| &statement.judged.granted).map(String::as_str).collect()
    }

    /// Tables that are locked for moments, and then for as long as what follows in the same transaction. On SQLite a transaction keeps out no reader.
    pub(crate) fn lasting(&self) -> Vec<Lasting<'_>> {
        if self.engine != Some(Engine::Postgres) || self.needs_no_transaction {
            return Vec::new();
        }
        let takes_time =
            |statement: &&Statement| statement.judged.takes_time || statement.judged.holds.iter().any(|hold| hold.lock != Lock::Brief);
        let Some(last) = self.statements.iter().rposition(|statement| takes_time(&statement)) else {
            return Vec::new();
        };
        let mut found: Vec<Lasting<'_>> = Vec::new();
        for statement in &self.statements[..last] {
            for hold in statement.judged.holds.iter().filter(|hold| hold.lock == Lock::Brief) {
                if !found.iter().any(|held| held.table == hold.table) {
                    found.push(Lasting { table: &hold.table, line: statement.line, until: self.statements[last].line });
                }
            }
        }
        found
    }
}

/// A statement that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Line of its first word, from 1.
    pub(crate) line: u32,
    /// Its beginning, for people.
    pub(crate) shown: String,
    pub(crate) judged: Judged,
}

/// A statement that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Line of its first word, from 1.
    pub(crate) line: u32,
    /// Its beginning, for people.
    pub(crate) shown: String,
    pub(crate) why: String,
}

/// What is known of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// One for each thing it does; none where it only looks.
    pub(crate) effects: Vec<Effect>,
    /// Whether it changes rows, rather than the schema.
    pub(crate) changes_rows: bool,
    /// Whether it takes as long as what it reads is large, whomever it locks.
    pub(crate) takes_time: bool,
    pub(crate) holds: Vec<Hold>,
    pub(crate) again: Again,
    /// Names with a dot that are taken to be columns: PostgreSQL would call a function of the name behind the dot where they are none.
    pub(crate) granted: BTreeSet<String>,
}

impl Judged {
    fn of(effect: Effect) -> Self {
        Self { effects: vec![effect], ..Self::default() }
    }

    fn again(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    fn hold(&mut self, table: impl Into<String>, lock: Lock, instead: impl Into<String>) {
        self.holds.push(Hold { table: table.into(), lock, instead: instead.into() });
    }
}

/// What the running version and its data meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Something is added that the running version does not look at.
    Additive,
    /// The running version works on, and meets what it has not met before: said in words.
    Widens(String),
    /// Values that are there are replaced: said which.
    Overwrites(String),
    /// The running version works on, with another definition than before, and nothing keeps the old one: said what is replaced.
    Replaces(String),
    /// Something is taken away from the running version, or asked of it.
    Breaking {
        /// As a predicate: "drops payments.amount, ...".
        why: String,
        /// How to reach the same in parts that break nothing.
        instead: String,
    },
    /// It is the step's own business, and the text would take it over.
    Meddles {
        /// As a predicate.
        why: String,
        /// What to do.
        instead: &'static str,
    },
    /// Its effect is not in its text: said where.
    Unjudged(String),
}

/// A table that is locked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) table: String,
    pub(crate) lock: Lock,
    /// The way in which nobody waits; empty where the lock is short or there is none.
    pub(crate) instead: String,
}

/// Who waits, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lock {
    /// Rows are locked until they are written; on SQLite, all other writers wait.
    Rows,
    /// As long as the table is large, while reads and writes go on.
    Beside,
    /// Reads and writes wait for the catalog to be changed. PostgreSQL lets reads of a table go on that is only referred to.
    Brief,
    /// The table is read from end to end, and its writers wait.
    Scan,
    /// The table is read from end to end, and everybody waits.
    ClosedScan,
    /// The table is written anew, and everybody waits.
    Rewrite,
}

/// What happens when the text is run once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same as after the first time.
    #[default]
    Same,
    /// It fails, for what it makes is there: said how it would not.
    Fails(&'static str),
    /// It changes rows that it has changed before: said why.
    Doubles(String),
}

/// What a statement is judged with.
struct Reader {
    engine: Engine,
    news: News,
    /// Whether the text is one transaction.
    is_transaction: bool,
}

/// Reads `text` as the engine of that name would; `news` is what earlier texts of the same change have added.
pub(crate) fn read(engine: &str, text: &str, news: &News) -> Script {
    let Some(engine) = Engine::named(engine) else {
        let unread = Unread { line: 1, shown: shown(text), why: format!("the SQL of {engine} is not known here") };
        return Script { unread: vec![unread], news: news.clone(), ..Script::default() };
    };
    let pieces = cut::pieces(engine, text);
    let needs_no_transaction = pieces.iter().any(|piece| piece.needs_no_transaction);
    // Each text has a connection of its own.
    let mut reader = Reader { engine, news: news.for_another_connection(), is_transaction: !needs_no_transaction };
    let mut script = Script { engine: Some(engine), needs_no_transaction, ..Script::default() };
    for Piece { line, text, parsed, .. } in pieces {
        let shown = shown(&text);
        match parsed {
            Ok(statement) => script.statements.push(Statement { line, shown, judged: reader.judge(&statement) }),
            Err(why) => script.unread.push(Unread { line, shown, why }),
        }
    }
    script.news = reader.news;
    script
}

/// The beginning of a text on one line.
fn shown(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= SHOWN_MAX {
        return words;
    }
    format!("{} ...", words.chars().take(SHOWN_MAX).collect::<String>().trim_end())
}

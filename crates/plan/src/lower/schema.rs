//! Schema changes: expand and backfill as steps, each promised only what its text was read to do. The contract is a change of its own (`contract`), which
//! follows this one (`follow_up`).
//!
//! Text that takes something away from the running version is refused, with the way in parts. A step whose statements could not be read is one-way,
//! so that no rollback is promised across it. A command cannot be read at all; it is left in place on the word of the change, and the plan says so.

use super::calls;
use super::{Lowering, Spot};
use crate::codes;
use crate::command::shell_line;
use crate::durations::{Kind, is_known};
use crate::lock_time::{self, Length};
use crate::notes::Notes;
use crate::site::Site;
use crate::sql::{self, Effect, Engine, Lock, News, Script, Statement};
use crate::template::expecting;
use glidepath_model::Millis;
use glidepath_model::action::{ActionCall, ExecInput, OnUnknown, SqlInput};
use glidepath_model::catalog::{Database, Target};
use glidepath_model::change::{Batches, ContractStep, DataCheck, DataStep, ItemKind};
use glidepath_model::diagnostic::{Diagnostic, Place, Severity};
use glidepath_model::facts::Facts;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{CompensateOn, Estimate, Phase, RetryPolicy, Step, Undo, Work};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Deadline of a data step beyond its statement timeout.
const DATA_GRACE: Millis = Millis::from_secs(30);
/// Deadline of a data step by command.
const DATA_EXEC_TIMEOUT: Millis = Millis::from_mins(60);
/// Statements of one SQL text that the deadline allows for at most.
const STATEMENTS_MAX: usize = 50;
/// Tries of a data step.
const DATA_ATTEMPTS_MAX: u32 = 5;
/// Batches that the pause and the time for all of them leave room for, at the least.
const BATCHES_MIN: u64 = 10;
/// Names that a promise rests on and that are written out; of more the number is told.
const GRANTED_MAX: usize = 4;

/// The parts of a schema change. The first two fly with it, the contract as a change of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Expand,
    Backfill,
    Contract,
}

impl Half {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Backfill => "backfill",
            Self::Contract => "contract",
        }
    }

    /// Each is learnt by itself: how long a column takes to be added tells nothing of the rows that are to be filled.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Expand => Kind::Expand,
            Self::Backfill => Kind::Backfill,
            Self::Contract => Kind::Contract,
        }
    }

    pub(super) fn title(self, site: &Site<'_>, script: Option<&Script>) -> String {
        match self {
            Self::Expand => format!("Expand the schema of {}", site.target.component),
            Self::Backfill => match script.and_then(overwritten) {
                Some(what) => format!("Overwrite {what} of {}", site.target.component),
                None => format!("Fill the new columns of {}", site.target.component),
            },
            Self::Contract => format!("Contract the schema of {}", site.target.component),
        }
    }

    fn why_nothing_may_break(self) -> &'static str {
        match self {
            Self::Expand => {
                "The running version meets the expansion before the new one does, and again after a rollback, which leaves it in place."
            }
            Self::Backfill => "The running version serves while the backfill runs, and again after a rollback, which leaves it in place.",
            Self::Contract => "Nobody needs any more what goes.",
        }
    }

    fn harmless(self) -> &'static str {
        match self {
            Self::Expand => "additive: the old version does not look at it",
            Self::Backfill => "additive: it fills only what the expansion added",
            Self::Contract => "nobody needs any more what goes",
        }
    }
}

/// A part of a schema change with its call, read as far as it can be.
pub(super) struct Ready {
    pub(super) call: ActionCall,
    /// What its text was read to do; `None` for commands.
    pub(super) script: Option<Script>,
    /// What tables take that it goes through.
    takes: Option<Length>,
    timeout_ms: Millis,
}

impl Ready {
    /// Deadline, length, tries and meaning of an unknown outcome.
    pub(super) fn apply_to(&self, step: &mut Step) {
        if let Some(takes) = &self.takes {
            takes.add_to(&mut step.expected);
        }
        step.timeout_ms = self.timeout_ms;
        step.retry = RetryPolicy { attempts_max: DATA_ATTEMPTS_MAX, ..RetryPolicy::default() };
        if self.script.as_ref().is_some_and(|script| script.needs_no_transaction) {
            // What ran before a failure stays, and no key tells.
            step.on_unknown = OnUnknown::Ask;
        }
    }

    /// Its statements or its command, for people.
    pub(super) fn shown(&self) -> Vec<String> {
        let Some(script) = &self.script else { return vec![format!("`{}`", shell_line(&self.call))] };
        let read = script.statements.iter().map(|statement| (statement.line, &statement.shown));
        let unread = script.unread.iter().map(|statement| (statement.line, &statement.shown));
        let by_line: BTreeMap<u32, &String> = read.chain(unread).collect();
        by_line.into_values().map(|shown| format!("`{shown}`")).collect()
    }
}

impl Lowering<'_> {
    /// Expand, then backfill, then the look at what it came to.
    pub(crate) fn schema(&mut self, site: &Site<'_>, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let ItemKind::Schema { expand, backfill, batches, verify, contract } = &site.change_item.kind else { return needs };
        let mut frontier = needs;
        let mut news = News::default();
        for (half, data) in [(Half::Expand, Some(expand)), (Half::Backfill, backfill.as_ref())] {
            let Some(data) = data else { continue };
            let Some(mut step) = self.data_step(site, half, data, wave, frontier.clone(), &mut news) else { continue };
            if let (Half::Backfill, Some(batches)) = (half, batches) {
                self.in_batches(site, data, batches, &mut step);
            }
            frontier = vec![self.push(step)];
        }
        if let Some(check) = verify {
            frontier = self.data_check(site, check, wave, frontier);
        }
        if let Some(contract) = contract {
            self.contract_is_fit(site, contract);
        }
        frontier
    }

    /// The text batch by batch instead of once.
    fn in_batches(&mut self, site: &Site<'_>, data: &DataStep, batches: &Batches, step: &mut Step) {
        let (Work::Call(call), DataStep::Sql { path, text }) = (&mut step.work, data) else { return };
        if call.input.get("transaction") == Some(&Value::Bool(false)) {
            self.notes.wrong(
                Diagnostic::error(
                    codes::STATEMENT_UNFIT,
                    format!("{path} holds a statement that refuses a transaction, and each batch is one."),
                )
                .because("Without a transaction nobody knows after a failure which batches were applied.")
                .hint("Leave out `batches`, or put the statement into a file of its own."),
            );
        }
        let each = &batches.each;
        self.ends(site, path, text, batches);
        let is_sqlite = site.target.database.as_ref().is_some_and(|database| database.engine == "sqlite");
        if is_sqlite && each.lag_max_ms.is_some() && each.lag_query.is_none() {
            self.notes.wrong(
                Diagnostic::error(codes::TARGET_CANNOT, format!("{} is SQLite, which knows of no replicas.", site.target.name))
                    .because("Nobody could say how far they are behind.")
                    .hint("Leave out `lag`, or say with `lag: { query: ... }` who knows."),
            );
        }
        if let (Some(input), Ok(value)) = (call.input.as_object_mut(), serde_json::to_value(each)) {
            input.insert("batches".to_owned(), value);
        }
        step.command = shell_line(call);
        step.timeout_ms = batches.within_ms;
        match lock_time::of_batches(batches, site.target, self.facts) {
            Some(length) => length.add_to(&mut step.expected),
            None if !is_known(&step.expected) => self.untimed(site, path, batches, &step.expected),
            None => {}
        }
        // Batches that were applied before a failure stay, and the record is to say so.
        step.compensate_on = CompensateOn::Attempt;
        let lag = each.lag_max_ms.map_or_else(String::new, |limit| format!(" and until replicas are at most {limit} behind"));
        self.notes.derive(format!(
            "{path} goes through {} on {} by {}, {} rows at a time, each batch a transaction of its own; between two of them it rests {}{lag}. After a failure it goes on where it was.",
            each.table, site.target.name, each.by, each.size, each.pause_ms
        ));
    }

    /// Batches of which nobody knows how many there are.
    fn untimed(&mut self, site: &Site<'_>, path: &str, batches: &Batches, counted: &Estimate) {
        let (table, Estimate { p50_ms, p95_ms, .. }) = (&batches.each.table, counted);
        self.notes.find(
            Diagnostic::warning(
                codes::BACKFILL_UNTIMED,
                format!("How long {path} takes is not known, since nobody knows how many rows {table} has: {p50_ms} (95 %: {p95_ms}) are counted for it."),
            )
            .because("The duration and the landing of the plan rest on that figure, which nobody measured.")
            .hint(format!("Declare `tables: {{ {table}: {{ megabytes: SIZE, rows: ROWS }} }}` under `database` of {}.", site.target.name)),
        );
    }

    /// Batches that never come to an end, or to next to none of their rows.
    fn ends(&mut self, site: &Site<'_>, path: &str, text: &str, batches: &Batches) {
        let each = &batches.each;
        let engine = site.target.database.as_ref().map_or("", |database| database.engine.as_str());
        for (line, why) in sql::feeds_itself(engine, text, &each.table, &each.by) {
            self.notes.wrong(
                Diagnostic::error(codes::STATEMENT_UNFIT, format!("{path} line {line} {why}."))
                    .because("Batches go on from key to key until none is greater: these would make their own work, and never end.")
                    .hint("Write new rows to a table of their own, and fill those that are there by `update`, without touching the key.")
                    .at(place(path, text, line)),
            );
        }
        let fit = batches.within_ms.0 / each.pause_ms.0.max(1);
        if fit < BATCHES_MIN && lock_time::of_batches(batches, site.target, self.facts).is_none() {
            self.notes.find(
                Diagnostic::warning(
                    codes::BATCHES_FEW,
                    format!(
                        "{path} rests {} between two batches and may take {} in all: time for {} rows of {} at most.",
                        each.pause_ms,
                        batches.within_ms,
                        (fit + 1) * u64::from(each.size),
                        each.table
                    ),
                )
                .because("How many rows there are is not known; where there are more, the step is ended before it is done, and the change turns back.")
                .hint("Shorten `pause`, take more rows at a time (`size`), or give all of them longer (`within`)."),
            );
        }
    }

    /// What must hold once the data is moved.
    fn data_check(&mut self, site: &Site<'_>, check: &DataCheck, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let DataCheck { path, text, expect_text } = check;
        let Some(database) = database(site, path, self.notes) else { return needs };
        let script = sql::read(&database.engine, text, &News::default());
        // A function that is called for its answer is taken at its word: most of them only reckon.
        let changes = |effect: &Effect| !matches!(effect, Effect::Unjudged(_));
        for statement in script.statements.iter().filter(|statement| statement.judged.effects.iter().any(changes)) {
            self.notes.wrong(
                Diagnostic::error(
                    codes::STATEMENT_UNFIT,
                    format!("{path} line {} does more than look: `{}`.", statement.line, statement.shown),
                )
                .because("A check that changes what it looks at proves nothing.")
                .hint("Move it into `backfill`, and leave a `select` here whose first value tells.")
                .at(place(path, text, statement.line)),
            );
        }
        for unread in &script.unread {
            self.notes.wrong(
                Diagnostic::error(
                    codes::STATEMENT_UNFIT,
                    format!("{path} line {} could not be read (`{}`): {}.", unread.line, unread.shown, unread.why.trim_end_matches('.')),
                )
                .because("Nobody can say that it only looks.")
                .hint("Ask in one plain `select` whose first value tells.")
                .at(place(path, text, unread.line)),
            );
        }
        let spot = Spot { phase: Phase::Prepare, wave, stage: 0, region: None, prefix: site.path() };
        let call = sql_call(database, path, text, &script);
        let Some(call) = expecting(call, expect_text) else { return needs };
        let title = format!("Check what was filled in {}", site.target.component);
        let mut step = self.draft(site, &spot, "verify-data", title, Work::Call(call), Kind::Check);
        step.timeout_ms = deadline(database, &script);
        step.on_unknown = OnUnknown::Rerun;
        step.duration_key = None;
        step.needs = needs;
        vec![self.push(step)]
    }

    /// The contract half flies later; what would keep it from flying is said now.
    fn contract_is_fit(&mut self, site: &Site<'_>, contract: &ContractStep) {
        match &contract.step {
            DataStep::Sql { path, .. } => drop(database(site, path, self.notes)),
            DataStep::Exec { argv } => drop(self.command(site, argv)),
        }
    }

    fn data_step(&mut self, site: &Site<'_>, half: Half, data: &DataStep, wave: u32, needs: Vec<StepId>, news: &mut News) -> Option<Step> {
        let spot = Spot { phase: Phase::Prepare, wave, stage: 0, region: None, prefix: site.path() };
        let ready = self.made_ready(site, half, data, news)?;
        let mut step =
            self.draft(site, &spot, half.name(), half.title(site, ready.script.as_ref()), Work::Call(ready.call.clone()), half.kind());
        step.undo = match &ready.script {
            Some(script) => way_back(half, script),
            None => Undo::LeaveInPlace { reason: "on the word of the change; what its command does was not read".to_owned() },
        };
        ready.apply_to(&mut step);
        step.needs = needs;
        Some(step)
    }

    /// Reads a half and makes its call; what does not belong into it refuses the plan.
    pub(super) fn made_ready(&mut self, site: &Site<'_>, half: Half, data: &DataStep, news: &mut News) -> Option<Ready> {
        match data {
            DataStep::Sql { path, text } => {
                let database = database(site, path, self.notes)?;
                let script = sql::read(&database.engine, text, news);
                news.clone_from(&script.news);
                judge(half, path, text, &script, self.notes);
                self.too_long(path, text, site, database, &script);
                self.notes.derive(locks(path, database, &script, site.target, self.facts));
                let takes = lock_time::takes(&script, site.target, self.facts);
                let (call, timeout_ms) = (sql_call(database, path, text, &script), deadline(database, &script));
                Some(Ready { call, script: Some(script), takes, timeout_ms })
            }
            DataStep::Exec { argv } => {
                let call = self.command(site, argv)?;
                if half != Half::Contract {
                    self.notes.find(unread_command(half, site, &call));
                }
                Some(Ready { call, script: None, takes: None, timeout_ms: DATA_EXEC_TIMEOUT })
            }
        }
    }

    /// A statement that its own timeout would end while it keeps others waiting, once for each try.
    fn too_long(&mut self, path: &str, text: &str, site: &Site<'_>, database: &Database, script: &Script) {
        for long in lock_time::long(script, site.target, self.facts) {
            let Some(length) = long.length.as_ref().filter(|length| length.p50 > database.statement_timeout_ms) else { continue };
            let (does, who) = long.told();
            let message = format!(
                "{path} line {} {does} the whole of {} while its {who} wait, for about {} ({}), and the statement timeout of {} ends it before.",
                long.line, long.table, length.p50, length.why, database.statement_timeout_ms
            );
            let hint = format!(
                "{} Whoever has a time in which nobody needs the table raises `statementTimeout` on {}.",
                long.instead, site.target.name
            );
            self.notes.wrong(
                Diagnostic::error(codes::LOCK_LONG, message)
                    .because("It would be tried again and again, keep everybody waiting each time, and never be done.")
                    .hint(hint.trim())
                    .at(place(path, text, long.line)),
            );
        }
    }

    fn command(&mut self, site: &Site<'_>, argv: &[String]) -> Option<ActionCall> {
        let values = calls::site_values(site);
        let mut left = Vec::new();
        let argv = argv.iter().map(|word| values.text(word, &mut left)).collect();
        if !left.is_empty() {
            self.notes.wrong(
                Diagnostic::error(
                    codes::PLACEHOLDER_LEFT,
                    format!("A data step of {} has no value for {{{}}}.", site.target.component, left.join("}, {")),
                )
                .because("A command must be complete before it is planned.")
                .hint("Known here are {version}, {component} and {environment}."),
            );
            return None;
        }
        let input = ExecInput { argv, ..ExecInput::default() };
        Some(ActionCall { kind: "exec".to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) })
    }
}

fn database<'a>(site: &Site<'a>, path: &str, notes: &mut Notes) -> Option<&'a Database> {
    if site.target.database.is_none() {
        notes.wrong(
            Diagnostic::error(codes::TARGET_CANNOT, format!("{} declares no database, and {path} is SQL.", site.target.name))
                .because("The statements need a connection and time limits.")
                .hint(format!("Declare spec.database on {}, with engine, connection and timeouts.", site.target.name)),
        );
    }
    site.target.database.as_ref()
}

fn sql_call(database: &Database, path: &str, text: &str, script: &Script) -> ActionCall {
    let input = SqlInput {
        engine: database.engine.clone(),
        connection: database.connection.clone(),
        text: text.to_owned(),
        path: Some(path.to_owned()),
        lock_timeout_ms: database.lock_timeout_ms,
        statement_timeout_ms: database.statement_timeout_ms,
        transaction: !script.needs_no_transaction,
        expect_text: None,
        batches: None,
    };
    ActionCall { kind: "sql".to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) }
}

fn deadline(database: &Database, script: &Script) -> Millis {
    let statements = (script.statements.len() + script.unread.len()).clamp(1, STATEMENTS_MAX) as u64;
    Millis(database.statement_timeout_ms.0.saturating_mul(statements)).plus(DATA_GRACE)
}

/// Refuses what does not belong into this half, and says what could not be read.
fn judge(half: Half, path: &str, text: &str, script: &Script, notes: &mut Notes) {
    let unfit = |line: u32, what: String| {
        Diagnostic::error(codes::STATEMENT_UNFIT, format!("{path} line {line} {what}.")).at(place(path, text, line))
    };
    for statement in &script.statements {
        let line = statement.line;
        for effect in &statement.judged.effects {
            match effect {
                // The contract is one-way whatever it does, and says so.
                Effect::Breaking { .. } | Effect::Unjudged(_) if half == Half::Contract => {}
                Effect::Breaking { why, instead } => {
                    notes.wrong(unfit(line, why.clone()).because(half.why_nothing_may_break()).hint(instead.as_str()));
                }
                Effect::Meddles { why, instead } => {
                    notes.wrong(unfit(line, why.clone()).because("The plan has promised otherwise.").hint(*instead));
                }
                Effect::Widens(what) if half == Half::Expand && statement.judged.changes_rows => {
                    notes.wrong(rows_in_expand(unfit(line, what.clone())));
                }
                Effect::Overwrites(what) if half == Half::Expand => {
                    notes.wrong(rows_in_expand(unfit(line, format!("overwrites {what}"))));
                }
                Effect::Unjudged(why) => notes.find(unread(path, text, line, why)),
                Effect::Additive | Effect::Widens(_) | Effect::Overwrites(_) | Effect::Replaces(_) => {}
            }
        }
    }
    for statement in script.unread.iter().filter(|_| half != Half::Contract) {
        notes.find(unread(
            path,
            text,
            statement.line,
            &format!("could not be read (`{}`): {}", statement.shown, statement.why.trim_end_matches('.')),
        ));
    }
}

fn rows_in_expand(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .because("An expansion is additive: it leaves rows that are there as they are, so that it can stay after a rollback.")
        .hint("Move the statement into `backfill`; in `expand` only tables and columns may be filled that the same file adds, by the name that it gives them and without IF NOT EXISTS.")
}

fn unread(path: &str, text: &str, line: u32, what: &str) -> Diagnostic {
    Diagnostic::warning(codes::STATEMENT_UNREAD, format!("{path} line {line} {what}."))
        .because("Nobody can say whether the running version works with it, so the step is planned as one-way.")
        .hint("Say it in plain statements, each for what it adds; or leave it out and do it in a runbook, with a way back of its own.")
        .at(place(path, text, line))
}

fn unread_command(half: Half, site: &Site<'_>, call: &ActionCall) -> Diagnostic {
    let message = format!("What `{}` does to {} is not read.", shell_line(call), site.target.component);
    Diagnostic::new(codes::STATEMENT_UNREAD, Severity::Note, message)
        .because("A rollback leaves it in place on the word of the change alone.")
        .hint(format!("Name the SQL file itself where the command runs one: `{}: FILE.sql`.", half.name()))
}

fn place(path: &str, text: &str, line: u32) -> Place {
    let snippet = text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
    let indent = snippet.chars().take_while(|c| c.is_whitespace()).count();
    let length = snippet.trim().chars().count().max(1);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file: path.to_owned(), line, column: count(indent + 1), length: count(length), snippet: snippet.to_owned() }
}

/// What a text overwrites that the change did not add: `orders.amount, orders.state`.
fn overwritten(script: &Script) -> Option<String> {
    let effects = script.statements.iter().flat_map(|statement| &statement.judged.effects);
    let found: BTreeSet<&str> =
        effects.filter_map(|effect| if let Effect::Overwrites(what) = effect { Some(what.as_str()) } else { None }).collect();
    (!found.is_empty()).then(|| found.into_iter().collect::<Vec<_>>().join(", "))
}

/// What a rollback does with the step, from what its text was read to do.
fn way_back(half: Half, script: &Script) -> Undo {
    let effects = || script.statements.iter().flat_map(|statement| &statement.judged.effects);
    if !script.unread.is_empty() || effects().any(|effect| matches!(effect, Effect::Unjudged(_))) {
        return Undo::ForwardOnly { reason: "what it does could not be read".to_owned() };
    }
    let replaced: BTreeSet<&str> = effects()
        .filter_map(|effect| match effect {
            Effect::Replaces(what) => Some(what.as_str()),
            _ => None,
        })
        .collect();
    if !replaced.is_empty() {
        let listed = replaced.into_iter().collect::<Vec<_>>().join(", and ");
        return Undo::ForwardOnly {
            reason: format!("it replaces {listed}; nothing keeps the old definition, which going back would need"),
        };
    }
    if let Some(listed) = overwritten(script) {
        return Undo::ForwardOnly { reason: format!("it overwrites {listed}, which this change did not add") };
    }
    let widened: BTreeSet<&str> = effects()
        .filter_map(|effect| match effect {
            Effect::Widens(what) => Some(what.as_str()),
            _ => None,
        })
        .collect();
    let granted = granted(script).map_or_else(String::new, |granted| format!(" ({granted})"));
    if widened.is_empty() {
        return Undo::LeaveInPlace { reason: format!("{}{granted}", half.harmless()) };
    }
    Undo::LeaveInPlace {
        reason: format!("the old version works on with it; it {}{granted}", widened.into_iter().collect::<Vec<_>>().join(", and ")),
    }
}

/// What a promise rests on that the text does not say: `taken for granted: c.id and c.status are columns, not functions`.
fn granted(script: &Script) -> Option<String> {
    let names: Vec<&str> = script.granted().into_iter().collect();
    let more = names.len().saturating_sub(GRANTED_MAX);
    let shown = names.iter().take(GRANTED_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let are = if names.len() == 1 { "is a column, not a function" } else { "are columns, not functions" };
    (!names.is_empty()).then(|| format!("taken for granted: {shown}{more} {are}"))
}

/// Who waits while the text runs: one sentence for the plan.
fn locks(path: &str, database: &Database, script: &Script, target: &Target, facts: &Facts) -> String {
    if script.engine == Some(Engine::Sqlite) {
        return locks_of_file(path, database, script, target, facts);
    }
    let lasting: BTreeSet<&str> = script.lasting().iter().map(|held| held.table).collect();
    let mut worst: BTreeMap<&str, Lock> = BTreeMap::new();
    for hold in script.statements.iter().flat_map(|statement| &statement.judged.holds) {
        let lock = worst.entry(&hold.table).or_insert(hold.lock);
        *lock = hold.lock.max(*lock);
    }
    worst.retain(|table, _| !lasting.contains(table));
    let mut parts = Vec::new();
    if !lasting.is_empty() {
        let tables = lasting.into_iter().collect::<Vec<_>>().join(", ");
        parts.push(format!("reads and writes of {tables} wait until the last statement is done"));
    }
    for lock in [Lock::Brief, Lock::Scan, Lock::ClosedScan, Lock::Rewrite, Lock::Beside, Lock::Rows] {
        let tables: Vec<&str> = worst.iter().filter(|(_, of)| **of == lock).map(|(table, _)| *table).collect();
        if !tables.is_empty() {
            let sizes =
                tables.iter().filter_map(|table| lock_time::told(lock, table, script, target, facts)).collect::<Vec<_>>().join("; ");
            let told = if sizes.is_empty() { sizes } else { format!(" ({sizes})") };
            parts.push(format!("{}{told}", waiting(lock, &tables.join(", "))));
        }
    }
    let is_unknown = |statement: &Statement| {
        statement.judged.holds.is_empty() && statement.judged.effects.iter().any(|effect| matches!(effect, Effect::Unjudged(_)))
    };
    if !script.unread.is_empty() {
        parts.push("what statements lock that could not be read is not known".to_owned());
    }
    if script.statements.iter().any(is_unknown) {
        parts.push("what statements lock that do more than their text says is not known".to_owned());
    }
    let granted = granted(script).map_or_else(String::new, |granted| format!("; {granted}"));
    if parts.is_empty() {
        return format!("{path} locks nothing that is in use{granted}.");
    }
    format!("{path}: {}; no statement waits longer than {} for its lock{granted}.", parts.join("; "), database.lock_timeout_ms)
}

/// The same for SQLite, where a lock is that of the whole file: one writes at a time, whatever the table, and who reads sees what was there before.
fn locks_of_file(path: &str, database: &Database, script: &Script, target: &Target, facts: &Facts) -> String {
    let changes = |statement: &Statement| !statement.judged.effects.is_empty();
    if !script.statements.iter().any(changes) && script.unread.is_empty() {
        return format!("{path} only looks: on SQLite it keeps nobody from reading, and a writer only at the moment of its commit.");
    }
    let holds = script.statements.iter().flat_map(|statement| &statement.judged.holds);
    let sizes: BTreeSet<String> = holds.filter_map(|hold| lock_time::told(hold.lock, &hold.table, script, target, facts)).collect();
    let sizes = if sizes.is_empty() { String::new() } else { format!(" ({})", sizes.into_iter().collect::<Vec<_>>().join("; ")) };
    let unread = if script.unread.is_empty() { "" } else { "; how long that is with statements that could not be read is not known" };
    format!(
        "{path}: SQLite locks the whole file: nobody else writes to any table of it until the text is done{sizes}, and reads wait for the moment of its commit, or not at all under write-ahead logging{unread}; it waits {} at most for its own turn.",
        database.lock_timeout_ms
    )
}

fn waiting(lock: Lock, tables: &str) -> String {
    match lock {
        Lock::Rows => format!("rows of {tables} are locked while they are changed"),
        Lock::Beside => format!("reads and writes of {tables} go on while it is read from end to end"),
        Lock::Brief => format!("reads and writes of {tables} wait for moments"),
        Lock::Scan => format!("writes of {tables} wait while it is read from end to end"),
        Lock::ClosedScan => format!("reads and writes of {tables} wait while it is read from end to end"),
        Lock::Rewrite => format!("reads and writes of {tables} wait while it is written anew"),
    }
}

//! The PostgreSQL side of `sql`.

use super::batches::{self, Batch, PROGRESS_TABLE, Place, with_place};
use super::statements::{Dialect, Statement, split};
use super::{APPLIED_TABLE, done, failed_outside, is_probe, mismatch, mismatch_outside, place};
use crate::input::{chain, never, not_yet, quoted, time_left, unknown};
use futures_util::StreamExt;
use glidepath_model::Code;
use glidepath_model::action::{SqlBatches, SqlInput};
use glidepath_model::event::Outcome;
use glidepath_ports::ActionContext;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{CancelToken, Client, Config, Error, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Longest wait for the server to take a request to cancel.
const CANCEL_MAX: Duration = Duration::from_secs(2);

/// Longest wait for the server to end a session that was broken off, and the pause between two looks.
const END_MAX: Duration = Duration::from_secs(2);
const END_LOOK: Duration = Duration::from_millis(20);

/// First words of statements that are a transaction of their own where they are in no other one.
const OWN_TRANSACTION: [&str; 16] = [
    "SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "TRUNCATE", "COMMENT",
    "REFRESH", "ANALYZE",
];

/// Columns of the table of keys.
const APPLIED_COLUMNS: &str = "(key text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())";

/// Columns of the table of how far steps have come.
const PROGRESS_COLUMNS: &str = "(key text PRIMARY KEY, last_key text, batches bigint NOT NULL DEFAULT 0, changed bigint NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now())";

/// How far an attempt has come, for whoever has to break it off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing that lasts was sent.
    #[default]
    Harmless,
    /// The commit was sent.
    Committing,
    /// Statements outside a transaction were sent.
    Outside,
}

/// What breaking off needs.
#[derive(Default)]
struct Progress {
    stage: Mutex<Stage>,
    cancel: Mutex<Option<CancelToken>>,
    /// The server's process of the session.
    process: Mutex<Option<String>>,
    /// How far the batches have come, and how far replicas are behind while they are waited for.
    batches: Mutex<Option<(Place, Option<f64>)>>,
}

impl Progress {
    fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn stage(&self) -> Stage {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn come(&self, place: &Place, behind: Option<f64>) {
        *self.batches.lock().unwrap_or_else(PoisonError::into_inner) = Some((place.clone(), behind));
    }
}

pub(crate) async fn run(context: &ActionContext, input: &SqlInput) -> Outcome {
    let config = match config(context, input) {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    let progress = Progress::default();
    let why = tokio::select! {
        outcome = attempt(context, input, &config, &progress) => return outcome,
        () = context.cancel.cancelled() => "was stopped",
        () = tokio::time::sleep(time_left(context)) => "reached its deadline",
    };
    let token = progress.cancel.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(token) = token {
        let cancelled = async {
            match tls(&config) {
                Ok(Some(tls)) => token.cancel_query(tls).await,
                Ok(None) | Err(_) => token.cancel_query(NoTls).await,
            }
        };
        let _ = tokio::time::timeout(CANCEL_MAX, cancelled).await;
    }
    let process = progress.process.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(process) = process.filter(|_| progress.stage() != Stage::Harmless) {
        // What was sent may not have been read yet, and must not take effect after whatever comes next, such as an undo.
        let _ = tokio::time::timeout(END_MAX, ended(&config, input, &process)).await;
    }
    let file = place(input, None);
    let come = progress.batches.lock().unwrap_or_else(PoisonError::into_inner).take();
    match progress.stage() {
        Stage::Harmless if let Some((place, behind)) = come => match (behind, batches::limit(input)) {
            (Some(seconds), Some(limit)) => batches::lagging(seconds, limit, why, &place),
            _ => not_yet(Code(577), format!("{file} {why} between two commits; {}", place.kept())),
        },
        Stage::Harmless => not_yet(Code(577), format!("{file} {why} before its commit was sent; the server rolls it back")),
        Stage::Committing => unknown(
            Code(575),
            format!("{file} {why} while its commit was under way; running it again is safe, its key tells whether it was applied"),
        ),
        Stage::Outside => unknown(Code(575), format!("{file} {why} between statements that are no transaction")),
    }
}

fn config(context: &ActionContext, input: &SqlInput) -> Result<Config, Outcome> {
    let secret = context.secrets.resolve(&input.connection).map_err(|error| never(Code(555), error.to_string()))?;
    // The parser's error may quote the text it read, so only its kind is told.
    let mut config: Config = secret.expose().parse().map_err(|_: Error| {
        never(Code(576), format!("the value behind {} is not a PostgreSQL connection string such as `postgres://user:password@host:5432/database?sslmode=require`", input.connection))
    })?;
    config.connect_timeout(CONNECT_MAX.min(time_left(context))).application_name("glidepath");
    Ok(config)
}

/// TLS with the system's roots where the connection string asks for it (`sslmode=require`; the certificate is always
/// checked); `None` where it does not.
fn tls(config: &Config) -> Result<Option<MakeRustlsConnect>, Outcome> {
    match config.get_ssl_mode() {
        SslMode::Require => {}
        // `prefer` promises nothing: it takes whatever the other side says, a person in the middle included.
        _ => return Ok(None),
    }
    crate::install_tls_provider();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(never(
            Code(572),
            "`sslmode=require` needs the system's root certificates, and none were found; install `ca-certificates` or set SSL_CERT_FILE",
        ));
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

async fn attempt(context: &ActionContext, input: &SqlInput, config: &Config, progress: &Progress) -> Outcome {
    let client = match connect(config, input).await {
        Ok(client) => client,
        Err(outcome) => return outcome,
    };
    *progress.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.cancel_token());
    let limits = format!("SET lock_timeout = {}; SET statement_timeout = {}", input.lock_timeout_ms.0, input.statement_timeout_ms.0);
    if let Err(error) = client.batch_execute(&limits).await {
        return fault(input, &error, 0);
    }
    let process = first(&client, "SELECT pg_backend_pid()").await;
    *progress.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
    match &input.batches {
        Some(each) => in_batches(context, input, each, &client, progress).await,
        None if input.transaction => inside(context, input, &client, progress).await,
        None => outside(context, input, &client, progress).await,
    }
}

/// Comes back when the server has ended a session of its own accord: its client is gone.
async fn ended(config: &Config, input: &SqlInput, process: &str) {
    let Ok(client) = connect(config, input).await else { return };
    let look = format!("SELECT pid FROM pg_stat_activity WHERE pid = {process}");
    while first(&client, &look).await.is_some() {
        tokio::time::sleep(END_LOOK).await;
    }
}

/// The first value of the first row; nothing where there is none, or no answer.
async fn first(client: &Client, query: &str) -> Option<String> {
    let answer = client.simple_query(query).await.ok()?;
    answer.iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None })
}

async fn connect(config: &Config, input: &SqlInput) -> Result<Client, Outcome> {
    let refused = |error: &Error| {
        let text = format!("the database behind {} cannot be reached: {}", input.connection, chain(error));
        match error.code() {
            // A wrong password or database name stays wrong.
            Some(code) if code.code().starts_with("28") || code.code().starts_with("3D") => never(Code(570), text),
            _ if text.contains("certificate") => never(Code(572), text),
            _ => not_yet(Code(570), text),
        }
    };
    // The connection's task ends when the client is dropped.
    Ok(match tls(config)? {
        Some(tls) => {
            let (client, connection) = config.connect(tls).await.map_err(|error| refused(&error))?;
            tokio::spawn(connection);
            client
        }
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| refused(&error))?;
            tokio::spawn(connection);
            client
        }
    })
}

/// One transaction, with its key.
async fn inside(context: &ActionContext, input: &SqlInput, client: &Client, progress: &Progress) -> Outcome {
    match transact(context, input, client).await {
        Ok(Prepared::Over(outcome)) => outcome,
        Ok(Prepared::ToCommit(value)) => {
            progress.set(Stage::Committing);
            match client.batch_execute("COMMIT").await {
                Ok(()) => done(value.as_deref(), false),
                Err(error) if error.as_db_error().is_some_and(|e| !e.code().code().starts_with("57P")) => fault(input, &error, 0),
                Err(error) => {
                    let text = format!("the connection was lost while {} was being committed: {}", place(input, None), chain(&error));
                    unknown(Code(575), format!("{text}; running it again is safe, its key tells whether it was applied"))
                }
            }
        }
        Err((error, line)) => fault(input, &error, line),
    }
}

enum Prepared {
    Over(Outcome),
    ToCommit(Option<String>),
}

/// Everything up to the commit. A failure carries the line at which the text sent begins, 0 for our own statements.
async fn transact(context: &ActionContext, input: &SqlInput, client: &Client) -> Result<Prepared, (Error, usize)> {
    let ours = |error| (error, 0);
    let key = literal(&context.idempotency_key);
    let probe = is_probe(context);
    let mut table = None;
    if !probe {
        let (name, there) = own_table(client, APPLIED_TABLE).await.map_err(ours)?;
        if there && first_value(client, &format!("SELECT 1 FROM {name} WHERE key = {key}")).await.map_err(ours)?.is_some() {
            return Ok(Prepared::Over(done(None, true)));
        }
        table = Some((name, there));
    }
    client.batch_execute(if probe { "BEGIN READ ONLY" } else { "BEGIN" }).await.map_err(ours)?;
    let value = first_value(client, &input.text).await.map_err(|error| (error, 1))?;
    if let Some(sentence) = mismatch(input, value.as_deref()) {
        client.batch_execute("ROLLBACK").await.map_err(ours)?;
        return Ok(Prepared::Over(not_yet(Code(558), format!("{sentence}; it was rolled back"))));
    }
    if let Some((name, there)) = table
        && first_value(client, "SELECT txid_current_if_assigned()").await.map_err(ours)?.is_some()
    {
        let create = if there { String::new() } else { format!("CREATE TABLE IF NOT EXISTS {name} {APPLIED_COLUMNS};") };
        match client.batch_execute(&format!("{create} INSERT INTO {name} (key) VALUES ({key})")).await {
            Ok(()) => {}
            // Another try of the same step committed in the meantime; ours is rolled back with its connection.
            Err(error) if there && error.code() == Some(&SqlState::UNIQUE_VIOLATION) => return Ok(Prepared::Over(done(None, true))),
            Err(error) => return Ok(Prepared::Over(table_fault(APPLIED_TABLE, &error))),
        }
    }
    Ok(Prepared::ToCommit(value))
}

/// A table of our own: its full name, and whether it is there.
async fn own_table(client: &Client, table: &str) -> Result<(String, bool), Error> {
    let there = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass";
    if let Some(name) = first_value(client, &format!("{there}('{table}')")).await? {
        return Ok((name, true));
    }
    let schema = first_value(client, "SELECT quote_ident(coalesce(current_schema(), 'public'))").await?;
    Ok((format!("{}.{table}", schema.unwrap_or_else(|| "public".to_owned())), false))
}

/// The table that keeps steps from being applied twice could not be used; everything is rolled back with the connection.
fn table_fault(table: &str, error: &Error) -> Outcome {
    let text = chain_of(error);
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let columns = if table == PROGRESS_TABLE { PROGRESS_COLUMNS } else { APPLIED_COLUMNS };
        let hint = format!("grant it, or make the table by hand: `CREATE TABLE {table} {columns}`");
        return never(Code(579), format!("the table {table} that keeps a step from being applied twice may not be used: {text}; {hint}"));
    }
    not_yet(
        Code(579),
        format!("the key that keeps a step from being applied twice could not be written: {text}; everything was rolled back"),
    )
}

/// Statement by statement, each on its own.
async fn outside(context: &ActionContext, input: &SqlInput, client: &Client, progress: &Progress) -> Outcome {
    let statements = split(&input.text, Dialect::Postgres);
    let mut value = None;
    for (at, statement) in statements.iter().enumerate() {
        progress.set(Stage::Outside);
        match first_value(client, statement.text).await {
            Ok(answer) => value = answer,
            Err(error) if error.as_db_error().is_none() => {
                let text = format!("the connection was lost at {}: {}", place(input, Some(statement.line)), chain(&error));
                return unknown(Code(575), format!("{text}; nobody knows whether statement {} of {} was done", at + 1, statements.len()));
            }
            Err(error) => {
                let leaves_nothing = is_probe(context) || leaves_nothing(statement, &error);
                return failed_outside(at, statements.len(), leaves_nothing, fault(input, &error, statement.line));
            }
        }
    }
    match mismatch(input, value.as_deref()) {
        Some(sentence) => mismatch_outside(context, &sentence),
        None => done(value.as_deref(), false),
    }
}

/// Whether nothing stays of a statement that failed outside of a transaction. Most are a transaction of their own. Those that commit on their way (`CALL`, `DO`) or
/// are none at all (`CONCURRENTLY`, `VACUUM`) may leave a part, such as an index that is not valid; unless they were not even begun, because the server
/// could not make sense of them (class 42 of its errors).
fn leaves_nothing(statement: &Statement<'_>, error: &Error) -> bool {
    let commits = statement.begins_with(&["CALL", "DO"]);
    let is_own_transaction = statement.begins_with(&OWN_TRANSACTION) && !statement.text.to_ascii_uppercase().contains("CONCURRENTLY");
    let was_not_begun = error.code().is_some_and(|code| code.code().starts_with("42"));
    is_own_transaction || (was_not_begun && !commits)
}

/// What a text answers.
#[derive(Default)]
struct Answer {
    /// First row of its last statement.
    row: Vec<Option<String>>,
    /// Rows that the statement changed or gave that did so with most.
    rows: u64,
}

/// The answer to `text`. Rows beyond the first are read and forgotten.
async fn answer(client: &Client, text: &str) -> Result<Answer, Error> {
    let mut messages = pin!(client.simple_query_raw(text).await?);
    let (mut row_now, mut told) = (None, Answer::default());
    while let Some(message) = messages.next().await {
        match message? {
            SimpleQueryMessage::Row(row) if row_now.is_none() => {
                row_now = Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
            SimpleQueryMessage::CommandComplete(rows) => {
                told = Answer { row: row_now.take().unwrap_or_default(), rows: told.rows.max(rows) };
            }
            _ => {}
        }
    }
    Ok(told)
}

/// First value of the first row of the last statement of `text`.
async fn first_value(client: &Client, text: &str) -> Result<Option<String>, Error> {
    Ok(answer(client, text).await?.row.into_iter().next().flatten())
}

/// The text batch by batch, from where the step has come to.
async fn in_batches(context: &ActionContext, input: &SqlInput, each: &SqlBatches, client: &Client, progress: &Progress) -> Outcome {
    let table = match progress_table(client).await {
        Ok(table) => table,
        Err(error) => return table_fault(PROGRESS_TABLE, &error),
    };
    let mut place = Place::default();
    loop {
        if let Err(outcome) = replicas(each, input, client, &place, progress).await {
            return outcome;
        }
        progress.set(Stage::Harmless);
        let next = match batch(context, input, each, client, &table, &mut place).await {
            Ok(Batch::Applied(next)) => next,
            Ok(Batch::Nothing) => return done(Some(&place.told()), false),
            Ok(Batch::Over(outcome)) => return outcome,
            Err((error, line)) => return with_place(fault(input, &error, line), &place),
        };
        progress.set(Stage::Committing);
        if let Err(error) = client.batch_execute("COMMIT").await {
            return match error.as_db_error() {
                Some(db) if !db.code().code().starts_with("57P") => with_place(fault(input, &error, 0), &place),
                _ => {
                    let text = format!(
                        "the connection was lost while a batch of {} was being committed: {}",
                        super::place(input, None),
                        chain(&error)
                    );
                    unknown(Code(575), format!("{text}; running it again is safe, {PROGRESS_TABLE} tells whether it was applied"))
                }
            };
        }
        place = next;
        progress.set(Stage::Harmless);
        progress.come(&place, None);
        context.progress.line(&context.attempt, &place.told());
        tokio::time::sleep(each.pause_ms.to_std()).await;
    }
}

/// A batch up to its commit, from the place that is read into `place`. A failure carries the line at which the text sent begins, 0 for our own statements.
async fn batch(
    context: &ActionContext,
    input: &SqlInput,
    each: &SqlBatches,
    client: &Client,
    table: &str,
    place: &mut Place,
) -> Result<Batch, (Error, usize)> {
    let ours = |error| (error, 0);
    let key = literal(&batches::key(context));
    let lock = format!(
        "BEGIN; INSERT INTO {table} (key) VALUES ({key}) ON CONFLICT DO NOTHING; SELECT last_key, batches, changed FROM {table} WHERE key = {key} FOR UPDATE"
    );
    let kept = answer(client, &lock).await.map_err(ours)?.row;
    let number = |at: usize| kept.get(at).cloned().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
    *place = Place { last: kept.first().cloned().flatten(), batches: number(1), rows: number(2) };
    if place.last.is_none() && first_value(client, &batches::keyless(each)).await.map_err(ours)?.as_deref() != Some("0") {
        return Ok(Batch::Over(batches::has_keyless(each)));
    }
    // The columns are named with their table: by its name alone an output column goes first, and as text 10 is less than 9.
    let end = |order: &str| format!("quote_literal((SELECT batch.k::text FROM batch ORDER BY batch.k {order} LIMIT 1))");
    let bounds = format!("{} SELECT {}, {}", batches::next_keys(each, place), end("ASC"), end("DESC"));
    let bounds = answer(client, &bounds).await.map_err(ours)?.row;
    let [Some(first), Some(last)] = bounds.as_slice() else {
        client.batch_execute("ROLLBACK").await.map_err(ours)?;
        return Ok(Batch::Nothing);
    };
    let rows = answer(client, &batches::bounded(input, Dialect::Postgres, first, last)).await.map_err(|error| (error, 1))?.rows;
    let next = place.after(last, rows);
    let keep = format!(
        "UPDATE {table} SET last_key = {}, batches = {}, changed = {}, at = now() WHERE key = {key}",
        literal(last),
        next.batches,
        next.rows
    );
    client.batch_execute(&keep).await.map_err(ours)?;
    Ok(Batch::Applied(next))
}

/// Waits until replicas are near enough. The attempt's deadline ends the wait.
async fn replicas(each: &SqlBatches, input: &SqlInput, client: &Client, place: &Place, progress: &Progress) -> Result<(), Outcome> {
    let Some((query, limit)) = batches::lag(each) else { return Ok(()) };
    loop {
        let answered = first_value(client, query).await.map_err(|error| with_place(fault(input, &error, 0), place))?;
        let seconds = batches::read_lag(answered.as_deref())?;
        if seconds <= limit {
            return Ok(());
        }
        progress.come(place, Some(seconds));
        tokio::time::sleep(batches::LAG_LOOK).await;
    }
}

/// The table of how far steps have come, made where it is missing.
async fn progress_table(client: &Client) -> Result<String, Error> {
    let (name, there) = own_table(client, PROGRESS_TABLE).await?;
    if there {
        return Ok(name);
    }
    match client.batch_execute(&format!("CREATE TABLE IF NOT EXISTS {name} {PROGRESS_COLUMNS}")).await {
        // Somebody else made it at the same moment, which `IF NOT EXISTS` does not see: the server says so once theirs is committed.
        Err(error) if matches!(error.code(), Some(&(SqlState::UNIQUE_VIOLATION | SqlState::DUPLICATE_TABLE))) => Ok(name),
        made => made.map(|()| name),
    }
}

/// What an error before the commit means. `line` is where the failing text begins, 0 for our own statements.
fn fault(input: &SqlInput, error: &Error, line: usize) -> Outcome {
    let Some(db) = error.as_db_error() else {
        return not_yet(Code(570), format!("the connection was lost before the commit: {}; the server rolls it back", chain(error)));
    };
    let line = match db.position() {
        Some(ErrorPosition::Original(position)) if line > 0 => {
            let before = input.text.chars().take((*position as usize).saturating_sub(1));
            // A statement sent by itself begins at `line`, and its positions count from there.
            Some(if input.transaction { 1 + before.filter(|c| *c == '\n').count() } else { line })
        }
        _ => (line > 1).then_some(line),
    };
    let place = place(input, line);
    let (text, undone) = (chain_of(error), if input.transaction { "; it was rolled back" } else { "" });
    match db.code() {
        &SqlState::LOCK_NOT_AVAILABLE => {
            not_yet(Code(573), format!("{place} did not get its lock within {}: {text}{undone}", input.lock_timeout_ms))
        }
        &SqlState::QUERY_CANCELED => not_yet(Code(577), format!("{place} ran longer than {}: {text}{undone}", input.statement_timeout_ms)),
        &SqlState::ACTIVE_SQL_TRANSACTION => {
            never(Code(578), format!("{place} cannot run in a transaction: {text}; set `transaction: false` and `onUnknown: ask`"))
        }
        code if ["40", "53", "57", "08"].contains(&code.code().get(..2).unwrap_or("")) => {
            not_yet(Code(574), format!("{place} failed: {text}"))
        }
        _ => never(Code(574), format!("{place} failed: {text}")),
    }
}

/// The server's own words with the code it gave.
fn chain_of(error: &Error) -> String {
    match error.as_db_error() {
        None => chain(error),
        Some(db) => {
            let detail = db.detail().map_or_else(String::new, |d| format!(" ({d})"));
            quoted(&format!("{}{detail} [SQLSTATE {}]", db.message(), db.code().code()))
        }
    }
}

/// A text as an SQL literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

//! Tables, and the version they are at.
//!
//! Versions only go forward, each in one transaction under an advisory lock, so that of several programs that start at once one makes the
//! tables and the others find them. Beside its version the database says which older version of this program may still use it: a change
//! that only adds something leaves the nodes of the version before at work, and any other cuts them off until they are replaced.

use super::SCHEMA;
use super::connect::Connector;
use super::sessions::Fault;
use glidepath_ports::StoreError;
use std::time::Duration;
use tokio_postgres::Client;

/// Version of the tables that this program makes.
const VERSION: i64 = 3;
/// The advisory lock under which tables are made: `glide` in ASCII.
const LOCK: i64 = 0x67_6c69_6465;
/// Longest time for making or changing tables; waiting for another program that does so is included.
const MIGRATION_MAX: Duration = Duration::from_secs(60);

/// The step to each version, and the oldest version of the program that may use the tables after it.
const STEPS: [(i64, &str, i64); 3] =
    [(1, include_str!("schema-1.sql"), 1), (2, include_str!("schema-2.sql"), 2), (3, include_str!("schema-3.sql"), 3)];

/// What is found in a database.
enum Found {
    /// Tables that can be used.
    Usable,
    /// No tables, or older ones; the version, 0 for none.
    Older(i64),
}

/// Makes the tables, or brings them to this program's version.
pub(super) async fn bring_up_to_date(connector: &Connector) -> Result<(), StoreError> {
    let meant = |fault| match fault {
        Fault::Store(error) => error,
        Fault::Database(error) => connector.error(&error),
    };
    let mut client = connector.connect().await?;
    match look(&client, connector.place()).await.map_err(meant)? {
        Found::Usable => return Ok(()),
        Found::Older(_) => {}
    }
    let migrated = tokio::time::timeout(MIGRATION_MAX, migrate(&mut client, connector.place())).await;
    migrated.unwrap_or(Err(Fault::Store(connector.silent(MIGRATION_MAX)))).map_err(meant)
}

/// Refuses tables that this program may not use. Asked on every new connection: somebody may have changed them meanwhile.
pub(super) async fn check(client: &Client, place: &str) -> Result<(), Fault> {
    match look(client, place).await? {
        Found::Usable => Ok(()),
        Found::Older(found) => Err(other(place, found).into()),
    }
}

fn other(place: &str, found: i64) -> StoreError {
    StoreError::OtherSchema { place: place.to_owned(), found, known: VERSION }
}

async fn look(client: &Client, place: &str) -> Result<Found, Fault> {
    // Asked of the catalog itself: `to_regclass` may answer from what this session saw before it waited for a lock.
    let there = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'version')";
    if client.query_one(there, &[&SCHEMA]).await?.try_get::<_, bool>(0)? {
        let row = client.query_one(&format!("SELECT version, oldest FROM {SCHEMA}.version"), &[]).await?;
        let (version, oldest): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        return match version {
            found if found < VERSION => Ok(Found::Older(found)),
            found if oldest > VERSION => Err(other(place, found).into()),
            _ => Ok(Found::Usable),
        };
    }
    Ok(Found::Older(0))
}

async fn migrate(client: &mut Client, place: &str) -> Result<(), Fault> {
    let transaction = client.transaction().await?;
    let limits = format!("SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}", MIGRATION_MAX.as_millis());
    transaction.batch_execute(&limits).await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Another program may have made the tables while this one waited for the lock.
    let Found::Older(found) = look(transaction.client(), place).await? else { return Ok(()) };
    // A user who may use an existing schema need not be allowed to make one.
    let there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    if !transaction.query_one(there, &[&SCHEMA]).await?.try_get::<_, bool>(0)? {
        transaction.batch_execute(&format!("CREATE SCHEMA {SCHEMA}")).await?;
    }
    for (version, step, oldest) in STEPS.iter().filter(|(version, ..)| *version > found) {
        transaction.batch_execute(step).await?;
        transaction.execute("UPDATE version SET version = $1, oldest = $2", &[version, oldest]).await?;
    }
    Ok(transaction.commit().await?)
}

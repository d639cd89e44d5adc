//! Who owns which run: joining, taking, releasing.
//!
//! A node is a row with a lease. The lease ends in one of two ways, and both end the row for good: the node leaves, or the lease has run
//! out by the database's clock and another node, on its round, ends the row. Renewing and ending lock the row, so that one of the
//! two comes first: a renewal that is being committed is waited for or skipped, never overtaken, and a renewal that comes after the end
//! finds no row to renew.
//!
//! A run is free when its row names no owner. Nodes that end others' rows set the runs of these free in the same round. A node takes
//! free runs under a lock that others skip, and holds its own row meanwhile, so that it cannot be ended between having been found alive and
//! having taken: else a run could belong to a node that everybody has done away with.

use super::numbers::{from_stored, limit, to_stored};
use super::reads::json;
use super::sessions::{Fault, Session};
use glidepath_model::{RunId, TargetName, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Node, Taking};
use std::time::{Duration, SystemTime};
use tokio_postgres::error::SqlState;

/// Runs of dead nodes that one round sets free.
const FREED_MAX: usize = 1000;
/// Runs that one round takes.
pub(super) const TAKEN_MAX: usize = 64;
/// A run that has been free for this long is taken by whoever sees it, however many that node has already.
const FREE_MAX: Duration = Duration::from_millis(750);
/// Tries of taking a run whose target seems held and is not.
const TRIES_MAX: usize = 3;

/// What a node knows of itself.
pub(super) struct Joining {
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) semantics: Vec<i32>,
    /// Who and process, as JSON.
    pub(super) who: String,
    pub(super) process: String,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Joins under a name that no living node has; gives the epoch.
pub(super) async fn join(session: &mut Session, joining: &Joining) -> Result<Option<u64>, Fault> {
    let end = session
        .statement("UPDATE nodes SET ended_at = lease_until WHERE name = $1 AND ended_at IS NULL AND lease_until <= clock_timestamp()")
        .await?;
    session.client.execute(&end, &[&joining.name]).await?;
    let insert = session
        .statement(
            "INSERT INTO nodes (epoch, name, lease_until, semantics, who, process)
             SELECT nextval('epochs'), $1, clock_timestamp() + $2::bigint * interval '1 microsecond', $3, $4, $5
             WHERE NOT EXISTS (SELECT FROM nodes WHERE name = $1 AND ended_at IS NULL)
             ON CONFLICT (name) WHERE ended_at IS NULL DO NOTHING RETURNING epoch",
        )
        .await?;
    let values = session
        .client
        .query_opt(&insert, &[&joining.name, &micros(joining.lease), &joining.semantics, &joining.who, &joining.process])
        .await?;
    Ok(values.map(|row| row.try_get(0)).transpose()?.map(from_stored))
}

/// Renews a lease that is not over; gives whether the node is asked to drain, and `None` when the lease is over.
pub(super) async fn renew(session: &mut Session, epoch: u64, lease: Duration) -> Result<Option<bool>, Fault> {
    let statement = session
        .statement(
            "UPDATE nodes SET lease_until = clock_timestamp() + $2::bigint * interval '1 microsecond'
             WHERE epoch = $1 AND ended_at IS NULL AND lease_until > clock_timestamp() RETURNING draining",
        )
        .await?;
    let row = session.client.query_opt(&statement, &[&to_stored(epoch), &micros(lease)]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Ends a node's row and sets its runs free.
pub(super) async fn leave(session: &mut Session, epoch: u64) -> Result<(), Fault> {
    let end = session.statement("UPDATE nodes SET ended_at = clock_timestamp() WHERE epoch = $1 AND ended_at IS NULL").await?;
    session.client.execute(&end, &[&to_stored(epoch)]).await?;
    set_free(session).await
}

/// One round of a node: does away with nodes whose lease is over, sets their runs free, and takes its share of what is free.
pub(super) async fn take_runs(session: &mut Session, epoch: u64, semantics: &[i32], runs_max: usize) -> Result<Vec<RunId>, Fault> {
    let end = session
        .statement(
            "UPDATE nodes SET ended_at = lease_until FROM (
                 SELECT epoch FROM nodes WHERE ended_at IS NULL AND lease_until <= clock_timestamp() FOR UPDATE SKIP LOCKED) AS over
             WHERE nodes.epoch = over.epoch",
        )
        .await?;
    session.client.execute(&end, &[]).await?;
    set_free(session).await?;
    let share = share(session, epoch, semantics).await?.min(runs_max);
    if share == 0 {
        return Ok(Vec::new());
    }
    let take = session
        .statement(
            "WITH me AS MATERIALIZED (
                 SELECT epoch FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND lease_until > clock_timestamp() AND NOT draining FOR SHARE
             ), free AS (
                 SELECT run, free_since FROM runs
                 WHERE has_work AND owner_epoch IS NULL AND semantics = ANY ($2) AND EXISTS (SELECT FROM me)
                 ORDER BY free_since, run LIMIT $3 FOR UPDATE SKIP LOCKED
             )
             UPDATE runs SET owner_epoch = $1, free_since = NULL FROM free WHERE runs.run = free.run
             RETURNING runs.run, free.free_since",
        )
        .await?;
    let rows = session.client.query(&take, &[&to_stored(epoch), &semantics, &limit(share)]).await?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        taken.push((row.try_get::<_, Option<SystemTime>>(1)?, RunId::new(row.try_get::<_, String>(0)?)));
    }
    taken.sort();
    Ok(taken.into_iter().map(|(_, run)| run).collect())
}

/// Sets the live runs of ended nodes free, so many at a time, and forgets what they took and never began: new runs, and the targets of
/// ended runs that were to go back.
async fn set_free(session: &mut Session) -> Result<(), Fault> {
    let ended = session.statement("SELECT EXISTS (SELECT FROM nodes WHERE ended_at IS NOT NULL AND holds_runs)").await?;
    if !session.client.query_one(&ended, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(());
    }
    let free = session
        .statement(
            "UPDATE runs SET owner_epoch = NULL, free_since = left_over.ended_at FROM (
                 SELECT r.run, n.ended_at FROM runs r JOIN nodes n ON n.epoch = r.owner_epoch
                 WHERE r.has_work AND n.ended_at IS NOT NULL AND n.holds_runs LIMIT $1 FOR UPDATE OF r SKIP LOCKED) AS left_over
             WHERE runs.run = left_over.run",
        )
        .await?;
    session.client.execute(&free, &[&limit(FREED_MAX)]).await?;
    let forget = session
        .statement(
            "WITH freed_targets AS (
                 DELETE FROM claims USING runs r, nodes n
                 WHERE claims.run = r.run AND NOT r.has_work AND n.epoch = r.owner_epoch AND n.ended_at IS NOT NULL AND n.holds_runs
             )
             DELETE FROM runs USING nodes n
             WHERE n.epoch = owner_epoch AND n.ended_at IS NOT NULL AND n.holds_runs AND started_at IS NULL",
        )
        .await?;
    session.client.execute(&forget, &[]).await?;
    // A statement of its own: it must see what was committed by others after the one above began.
    let done = session
        .statement(
            "UPDATE nodes SET holds_runs = false
             WHERE ended_at IS NOT NULL AND holds_runs AND NOT EXISTS (SELECT FROM runs WHERE has_work AND owner_epoch = nodes.epoch)
                 AND NOT EXISTS (SELECT FROM runs WHERE started_at IS NULL AND owner_epoch = nodes.epoch)",
        )
        .await?;
    session.client.execute(&done, &[]).await?;
    Ok(())
}

/// How many free runs this node should take now: what it has less than its share of all, and something at any rate when a run waits for
/// long.
async fn share(session: &mut Session, epoch: u64, semantics: &[i32]) -> Result<usize, Fault> {
    let look = session
        .statement(
            "SELECT count(*), coalesce(bool_or(free_since <= clock_timestamp() - $2::bigint * interval '1 microsecond'), false),
                    EXISTS (SELECT FROM nodes WHERE epoch = $3 AND ended_at IS NULL AND lease_until > clock_timestamp())
             FROM (SELECT free_since FROM runs WHERE has_work AND owner_epoch IS NULL AND semantics = ANY ($1) ORDER BY free_since, run LIMIT 1000) AS free",
        )
        .await?;
    let row = session.client.query_one(&look, &[&semantics, &micros(FREE_MAX), &to_stored(epoch)]).await?;
    let (free, one_waits, lives): (i64, bool, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if !lives {
        return Err(StoreError::LeaseOver { mine: epoch }.into());
    }
    if free == 0 {
        return Ok(0);
    }
    if one_waits {
        return Ok(TAKEN_MAX);
    }
    let count = session
        .statement(
            "SELECT (SELECT count(*) FROM runs WHERE has_work), (SELECT count(*) FROM runs WHERE has_work AND owner_epoch = $1),
                    (SELECT count(*) FROM nodes WHERE ended_at IS NULL AND NOT draining AND semantics && $2)",
        )
        .await?;
    let row = session.client.query_one(&count, &[&to_stored(epoch), &semantics]).await?;
    let (live, mine, nodes): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let share = from_stored(live).div_ceil(from_stored(nodes).max(1)).saturating_sub(from_stored(mine));
    Ok(usize::try_from(share).unwrap_or(TAKEN_MAX).min(TAKEN_MAX))
}

/// Takes one run with the targets it needs.
pub(super) async fn take_run(
    session: &mut Session,
    epoch: u64,
    semantics: &[i32],
    run: &RunId,
    targets: &[TargetName],
) -> Result<Taking, Fault> {
    let targets: Vec<&str> = targets.iter().map(TargetName::as_str).collect();
    for _ in 0..TRIES_MAX {
        match take_at_once(session, epoch, semantics, run, &targets).await {
            Ok(true) => return Ok(Taking::Taken),
            Ok(false) => return why_not(session, epoch, semantics, run).await,
            Err(Fault::Database(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                if let Some(held) = holder(session, run, &targets).await? {
                    return Ok(held);
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(StoreError::Unavailable { place: "the store".to_owned(), reason: format!("the targets of run {run} change hands too fast") }.into())
}

async fn take_at_once(session: &mut Session, epoch: u64, semantics: &[i32], run: &RunId, targets: &[&str]) -> Result<bool, Fault> {
    let take = session
        .statement(
            "WITH me AS MATERIALIZED (
                 SELECT epoch FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND lease_until > clock_timestamp() FOR SHARE
             ), mine AS (
                 INSERT INTO runs AS kept (run, owner_epoch) SELECT $2, epoch FROM me
                 ON CONFLICT (run) DO UPDATE SET owner_epoch = excluded.owner_epoch, free_since = NULL
                 WHERE (kept.semantics IS NULL OR kept.semantics = ANY ($4))
                     AND (kept.owner_epoch IS NULL OR kept.owner_epoch = $1
                          OR NOT EXISTS (SELECT FROM nodes n WHERE n.epoch = kept.owner_epoch AND n.ended_at IS NULL))
                 RETURNING run
             ), held AS (
                 INSERT INTO claims (target, run) SELECT DISTINCT t.target, mine.run FROM mine, unnest($3::text[]) AS t (target)
                 WHERE NOT EXISTS (SELECT FROM claims c WHERE c.target = t.target AND c.run = mine.run) ORDER BY t.target
             )
             SELECT run FROM mine",
        )
        .await?;
    let row = session.client.query_opt(&take, &[&to_stored(epoch), &run.as_str(), &targets, &semantics]).await?;
    Ok(row.is_some())
}

/// Why a run was not taken although its targets are free.
async fn why_not(session: &mut Session, epoch: u64, semantics: &[i32], run: &RunId) -> Result<Taking, Fault> {
    let look = session
        .statement(
            "SELECT EXISTS (SELECT FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND lease_until > clock_timestamp()),
                    EXISTS (SELECT FROM runs WHERE run = $2 AND NOT semantics = ANY ($3))",
        )
        .await?;
    let row = session.client.query_one(&look, &[&to_stored(epoch), &run.as_str(), &semantics]).await?;
    let (lives, is_of_others): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if !lives {
        return Err(StoreError::LeaseOver { mine: epoch }.into());
    }
    Ok(if is_of_others { Taking::OtherSemantics } else { Taking::OwnedByAnother })
}

async fn holder(session: &mut Session, run: &RunId, targets: &[&str]) -> Result<Option<Taking>, Fault> {
    let look = session
        .statement("SELECT run, target FROM claims WHERE target = ANY ($1) AND run <> $2 ORDER BY array_position($1, target) LIMIT 1")
        .await?;
    let row = session.client.query_opt(&look, &[&targets, &run.as_str()]).await?;
    row.map(|row| {
        let (by, target): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Taking::Held { by: RunId::new(by), target: TargetName::new(target) })
    })
    .transpose()
}

/// Sets runs free; one that has no event yet is forgotten. Only live runs keep their targets.
pub(super) async fn release_runs(session: &mut Session, epoch: u64, runs: &[RunId]) -> Result<(), Fault> {
    let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    let release = session
        .statement(
            "WITH freed_targets AS (
                 DELETE FROM claims USING runs r
                 WHERE claims.run = r.run AND NOT r.has_work AND r.run = ANY ($2) AND r.owner_epoch = $1
             ), unborn AS (
                 DELETE FROM runs WHERE run = ANY ($2) AND owner_epoch = $1 AND started_at IS NULL
             )
             UPDATE runs SET owner_epoch = NULL, free_since = clock_timestamp()
             WHERE run = ANY ($2) AND owner_epoch = $1 AND started_at IS NOT NULL",
        )
        .await?;
    session.client.execute(&release, &[&to_stored(epoch), &names]).await?;
    Ok(())
}

/// Living nodes, by name.
pub(super) async fn nodes(session: &mut Session) -> Result<Vec<Node>, Fault> {
    let look = session
        .statement(
            "SELECT name, epoch, who, (extract(epoch FROM joined_at) * 1000000)::bigint, (extract(epoch FROM lease_until) * 1000000)::bigint,
                    draining, (SELECT count(*) FROM runs WHERE has_work AND owner_epoch = nodes.epoch)
             FROM nodes WHERE ended_at IS NULL AND lease_until > clock_timestamp() ORDER BY name",
        )
        .await?;
    let rows = session.client.query(&look, &[]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Node {
                name: row.try_get(0)?,
                epoch: from_stored(row.try_get(1)?),
                who: json("a node", row.try_get(2)?)?,
                joined_at: Timestamp::from_micros(row.try_get(3)?),
                lease_until: Timestamp::from_micros(row.try_get(4)?),
                is_draining: row.try_get(5)?,
                runs: from_stored(row.try_get(6)?),
            })
        })
        .collect()
}

/// Marks a living node as draining.
pub(super) async fn ask_to_drain(session: &mut Session, name: &str) -> Result<(), Fault> {
    let ask = session
        .statement("UPDATE nodes SET draining = true WHERE name = $1 AND ended_at IS NULL AND lease_until > clock_timestamp()")
        .await?;
    if session.client.execute(&ask, &[&name]).await? == 0 {
        return Err(StoreError::NotFound { what: format!("a living node {name:?}") }.into());
    }
    Ok(())
}

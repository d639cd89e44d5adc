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
//!
//! A run that sleeps and is free lies in an index of its own, by the time at which it is to be woken: however many sleep, a round sees those
//! whose time has come, and the shares of the nodes count the others for nothing.
//!
//! The answer of a round may be lost on its way: the runs are then owned by a node that does not know of them. Every round has a number,
//! which the node's row and the runs that it takes are marked with. A process that has not heard the end of a round tells the next one
//! so, and is given again what was taken since the last round that it heard of. The mark on the node's row is what a round that was held up
//! on its way stumbles over: once a later round has been there, it takes nothing.

use super::numbers::{from_stored, limit, to_stored};
use super::reads::json;
use super::sessions::{Fault, Session};
use glidepath_model::request::Who;
use glidepath_model::{RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::Node;
use std::time::Duration;

/// Runs of dead nodes that one round sets free.
const FREED_MAX: usize = 1000;
/// Runs that one round takes.
pub(super) const TAKEN_MAX: usize = 64;
/// A run that has been free for this long is taken by whoever sees it, however many that node has already.
const FREE_MAX: Duration = Duration::from_millis(750);
/// Free runs that one round looks at, of each kind.
const FREE_SEEN_MAX: usize = 1000;

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
        .statement("UPDATE nodes SET ended_at = leased_until WHERE name = $1 AND ended_at IS NULL AND leased_until <= clock_timestamp()")
        .await?;
    session.client.execute(&end, &[&joining.name]).await?;
    let insert = session
        .statement(
            "INSERT INTO nodes (epoch, name, leased_until, semantics, who, process)
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

/// A lease that was renewed.
pub(super) struct Renewed {
    /// Whether the node is asked to drain.
    pub(super) is_draining: bool,
    /// The database's time.
    pub(super) at_micros: i64,
}

/// The database's time, in microseconds.
pub(super) async fn time(session: &mut Session) -> Result<i64, Fault> {
    let look = session.statement("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").await?;
    Ok(session.client.query_one(&look, &[]).await?.try_get(0)?)
}

/// Renews a lease that is not over; `None` when it is.
pub(super) async fn renew(session: &mut Session, epoch: u64, lease: Duration) -> Result<Option<Renewed>, Fault> {
    let statement = session
        .statement(
            "UPDATE nodes SET leased_until = clock_timestamp() + $2::bigint * interval '1 microsecond'
             WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp()
             RETURNING draining, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
        )
        .await?;
    let row = session.client.query_opt(&statement, &[&to_stored(epoch), &micros(lease)]).await?;
    row.map(|row| Ok(Renewed { is_draining: row.try_get(0)?, at_micros: row.try_get(1)? })).transpose()
}

/// Ends a node's row and sets its runs free.
pub(super) async fn leave(session: &mut Session, epoch: u64) -> Result<(), Fault> {
    let end = session.statement("UPDATE nodes SET ended_at = clock_timestamp() WHERE epoch = $1 AND ended_at IS NULL").await?;
    session.client.execute(&end, &[&to_stored(epoch)]).await?;
    set_free(session).await
}

/// One round of a node, as its process asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) epoch: u64,
    /// Its number, greater than that of every round before it.
    pub(super) number: u64,
    /// The newest round whose answer has come.
    pub(super) heard: u64,
}

impl Round {
    /// The last round of a node that lives, for a process that was told of it.
    pub(super) async fn last(session: &mut Session, epoch: u64) -> Result<Self, Fault> {
        let look =
            session.statement("SELECT round FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp()").await?;
        let row = session.client.query_opt(&look, &[&to_stored(epoch)]).await?.ok_or(StoreError::LeaseOver { mine: epoch })?;
        let number = from_stored(row.try_get(0)?);
        Ok(Self { epoch, number, heard: number })
    }

    /// Whether the answers of all rounds before this one have come.
    const fn knows_all(&self) -> bool {
        self.heard + 1 >= self.number
    }
}

/// One round of a node: does away with nodes whose lease is over, sets their runs free, and takes its share of what is free. What a round
/// took whose answer was lost comes first.
pub(super) async fn take_runs(
    session: &mut Session,
    round: Round,
    semantics: &[i32],
    now: Timestamp,
    runs_max: usize,
) -> Result<Vec<RunId>, Fault> {
    let end = session
        .statement(
            "UPDATE nodes SET ended_at = leased_until FROM (
                 SELECT epoch FROM nodes WHERE ended_at IS NULL AND leased_until <= clock_timestamp() FOR UPDATE SKIP LOCKED) AS over
             WHERE nodes.epoch = over.epoch",
        )
        .await?;
    session.client.execute(&end, &[]).await?;
    set_free(session).await?;
    let mut taken = if round.knows_all() { Vec::new() } else { taken_unheard(session, round).await? };
    let share = share(session, round.epoch, semantics, now).await?.min(runs_max.saturating_sub(taken.len()));
    if share > 0 {
        taken.extend(take_free(session, round, semantics, now, share).await?);
    }
    Ok(taken)
}

/// What rounds took whose answers were lost. Those that are still on their way take nothing any more.
async fn taken_unheard(session: &mut Session, round: Round) -> Result<Vec<RunId>, Fault> {
    let overtake = session.statement("UPDATE nodes SET round = $2 WHERE epoch = $1 AND round < $2").await?;
    session.client.execute(&overtake, &[&to_stored(round.epoch), &to_stored(round.number.saturating_sub(1))]).await?;
    let look = session.statement("SELECT run FROM runs WHERE has_work AND owner_epoch = $1 AND round > $2 ORDER BY run").await?;
    let rows = session.client.query(&look, &[&to_stored(round.epoch), &to_stored(round.heard)]).await?;
    rows.iter().map(|row| Ok(RunId::new(row.try_get::<_, String>(0)?))).collect()
}

/// Takes free runs, those first that could have been taken for longest.
async fn take_free(session: &mut Session, round: Round, semantics: &[i32], now: Timestamp, runs_max: usize) -> Result<Vec<RunId>, Fault> {
    let take = session
        .statement(
            "WITH me AS MATERIALIZED (
                 UPDATE nodes SET round = $5
                 WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp() AND NOT draining AND round < $5 RETURNING epoch
             ), awake AS MATERIALIZED (
                 SELECT run, clock_timestamp() - free_since AS waited FROM runs
                 WHERE has_work AND owner_epoch IS NULL AND wake_at IS NULL AND semantics = ANY ($2) AND EXISTS (SELECT FROM me)
                 ORDER BY free_since, run LIMIT $3 FOR UPDATE SKIP LOCKED
             ), woken AS MATERIALIZED (
                 SELECT run, least(clock_timestamp() - free_since, ($4::bigint - wake_at) * interval '1 microsecond') AS waited FROM runs
                 WHERE has_work AND owner_epoch IS NULL AND wake_at <= $4 AND semantics = ANY ($2) AND EXISTS (SELECT FROM me)
                 ORDER BY wake_at, run LIMIT $3 FOR UPDATE SKIP LOCKED
             ), free AS (
                 SELECT run, waited FROM awake UNION ALL SELECT run, waited FROM woken ORDER BY waited DESC, run LIMIT $3
             ), taken AS (
                 UPDATE runs SET owner_epoch = $1, free_since = NULL, round = $5 FROM free WHERE runs.run = free.run
                 RETURNING runs.run, free.waited
             )
             SELECT run FROM taken ORDER BY waited DESC, run",
        )
        .await?;
    let (epoch, number) = (to_stored(round.epoch), to_stored(round.number));
    let rows = session.client.query(&take, &[&epoch, &semantics, &limit(runs_max), &now.as_micros(), &number]).await?;
    rows.iter().map(|row| Ok(RunId::new(row.try_get::<_, String>(0)?))).collect()
}

/// Sets the runs of ended nodes that have work free, so many at a time, and forgets what these nodes took and never began: new runs, and the
/// claims of landed runs that were to go back. Runs that are live keep their claims, and their places in the queue.
async fn set_free(session: &mut Session) -> Result<(), Fault> {
    let ended = session.statement("SELECT EXISTS (SELECT FROM nodes WHERE ended_at IS NOT NULL AND holds_runs)").await?;
    if !session.client.query_one(&ended, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(());
    }
    let forget = session
        .statement(
            "WITH unborn AS (
                 SELECT r.run FROM runs r JOIN nodes n ON n.epoch = r.owner_epoch
                 WHERE r.started_at IS NULL AND n.ended_at IS NOT NULL AND n.holds_runs FOR UPDATE OF r SKIP LOCKED
             ), landed AS (
                 SELECT r.run FROM runs r JOIN nodes n ON n.epoch = r.owner_epoch
                 WHERE NOT r.is_live AND r.started_at IS NOT NULL AND EXISTS (SELECT FROM claims c WHERE c.run = r.run)
                     AND n.ended_at IS NOT NULL AND n.holds_runs FOR UPDATE OF r SKIP LOCKED
             ), freed_claims AS (
                 DELETE FROM claims USING (SELECT run FROM unborn UNION ALL SELECT run FROM landed) AS over WHERE claims.run = over.run
             )
             DELETE FROM runs USING unborn WHERE runs.run = unborn.run",
        )
        .await?;
    session.client.execute(&forget, &[]).await?;
    let free = session
        .statement(
            "UPDATE runs SET owner_epoch = NULL, free_since = left_over.ended_at FROM (
                 SELECT r.run, n.ended_at FROM runs r JOIN nodes n ON n.epoch = r.owner_epoch
                 WHERE r.has_work AND n.ended_at IS NOT NULL AND n.holds_runs LIMIT $1 FOR UPDATE OF r SKIP LOCKED) AS left_over
             WHERE runs.run = left_over.run",
        )
        .await?;
    session.client.execute(&free, &[&limit(FREED_MAX)]).await?;
    // A statement of its own: it must see what was committed by others after the one above began.
    let done = session
        .statement(
            "UPDATE nodes SET holds_runs = false
             WHERE ended_at IS NOT NULL AND holds_runs AND NOT EXISTS (SELECT FROM runs WHERE has_work AND owner_epoch = nodes.epoch)
                 AND NOT EXISTS (SELECT FROM runs WHERE started_at IS NULL AND owner_epoch = nodes.epoch)
                 AND NOT EXISTS (SELECT FROM claims c JOIN runs r ON r.run = c.run WHERE NOT r.is_live AND r.owner_epoch = nodes.epoch)",
        )
        .await?;
    session.client.execute(&done, &[]).await?;
    Ok(())
}

/// How many free runs this node should take now: what it has less than its share of all, and something at any rate when a run waits for
/// long. A run that sleeps counts once its time has come.
async fn share(session: &mut Session, epoch: u64, semantics: &[i32], now: Timestamp) -> Result<usize, Fault> {
    let look = session
        .statement(
            "SELECT count(*), coalesce(bool_or(waited >= $2::bigint * interval '1 microsecond'), false),
                    EXISTS (SELECT FROM nodes WHERE epoch = $3 AND ended_at IS NULL AND leased_until > clock_timestamp())
             FROM (
                 (SELECT clock_timestamp() - free_since AS waited FROM runs
                  WHERE has_work AND owner_epoch IS NULL AND wake_at IS NULL AND semantics = ANY ($1) ORDER BY free_since, run LIMIT $5)
                 UNION ALL
                 (SELECT least(clock_timestamp() - free_since, ($4::bigint - wake_at) * interval '1 microsecond') FROM runs
                  WHERE has_work AND owner_epoch IS NULL AND wake_at <= $4 AND semantics = ANY ($1) ORDER BY wake_at, run LIMIT $5)) AS free",
        )
        .await?;
    let seen_max = limit(FREE_SEEN_MAX);
    let row = session.client.query_one(&look, &[&semantics, &micros(FREE_MAX), &to_stored(epoch), &now.as_micros(), &seen_max]).await?;
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
            "SELECT (SELECT count(*) FROM runs WHERE has_work AND owner_epoch IS NOT NULL),
                    (SELECT count(*) FROM runs WHERE has_work AND owner_epoch = $1),
                    (SELECT count(*) FROM nodes WHERE ended_at IS NULL AND NOT draining AND semantics && $2)",
        )
        .await?;
    let row = session.client.query_one(&count, &[&to_stored(epoch), &semantics]).await?;
    let (owned, mine, nodes): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let share = from_stored(owned + free).div_ceil(from_stored(nodes).max(1)).saturating_sub(from_stored(mine));
    Ok(usize::try_from(share).unwrap_or(TAKEN_MAX).min(TAKEN_MAX))
}

/// Sets runs free; one that has no event yet is forgotten. Only live runs keep their claims and their places in the queue.
pub(super) async fn release_runs(session: &mut Session, epoch: u64, runs: &[RunId]) -> Result<(), Fault> {
    let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    let release = session
        .statement(
            "WITH freed_claims AS (
                 DELETE FROM claims USING runs r
                 WHERE claims.run = r.run AND NOT r.is_live AND r.run = ANY ($2) AND r.owner_epoch = $1
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
            "SELECT name, epoch, who, (extract(epoch FROM joined_at) * 1000000)::bigint, (extract(epoch FROM leased_until) * 1000000)::bigint,
                    draining, (SELECT count(*) FROM runs WHERE has_work AND owner_epoch = nodes.epoch)
             FROM nodes WHERE ended_at IS NULL AND leased_until > clock_timestamp() ORDER BY name",
        )
        .await?;
    let rows = session.client.query(&look, &[]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Node {
                name: row.try_get(0)?,
                epoch: from_stored(row.try_get(1)?),
                // A newer program may write more of it; what else is known of the node is told all the same.
                who: json("a node", row.try_get(2)?).unwrap_or_else(|_| Who { name: "?".to_owned(), known_by: "unread".to_owned() }),
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
        .statement("UPDATE nodes SET draining = true WHERE name = $1 AND ended_at IS NULL AND leased_until > clock_timestamp()")
        .await?;
    if session.client.execute(&ask, &[&name]).await? == 0 {
        return Err(StoreError::NotFound { what: format!("a living node {name:?}") }.into());
    }
    Ok(())
}

//! Taking runs by name, and the claims that they hold or wait for.
//!
//! Runs that are asked for at the same time are taken together. Where none of them wants anything that is one statement. Where they do, it is
//! one transaction: the resources are locked, the entries about them read, the engine's rule decides for one run after the other, and what
//! follows is written. An asker who waits and asks again writes nothing as long as nothing has changed.
//!
//! Races, and what settles them:
//! - Two nodes decide about the same resource: deciding happens under an advisory lock for each resource, given back by the commit. Everybody takes the
//!   locks in the order of their numbers, so that no circle of waiting arises. What a resource's number is, is a matter between all nodes.
//! - A run ends while somebody decides: the end takes no lock, because it only gives way. Who did not see it yet is refused or waits, and asks again.
//! - A run goes to another node between the look at it and the taking: the transaction is rolled back, and each of its runs is tried alone.
//! - A node is ended while it takes: it holds its own row when it writes, so that nobody forgets the run and leaves its claims behind.
//! - A run that is not live was taken by a node that died, and goes to another while somebody tidies up after the dead one: what is found of its
//!   claims counts for nothing and is written anew, in rows that the other one does not see.
//! - Numbers of grants: drawn from a sequence under the lock, so that those of one resource grow in the order of the grants.

use super::numbers::{from_stored, limit, to_stored};
use super::sessions::{Fault, Session};
use super::together::{Answers, Together};
use futures_util::future::try_join;
use glidepath_engine::claims::{ClaimEntry, in_the_way};
use glidepath_model::plan::{Claim, ClaimMode};
use glidepath_model::projection::Fence;
use glidepath_model::{ResourceName, RunId, Timestamp};
use glidepath_ports::store::{ClaimLine, ClaimOrder, Taking};
use glidepath_ports::{BoxFuture, StoreError};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row, Statement, Transaction};

/// The first key of the advisory locks: `clai` in ASCII. All nodes must agree on it, as on the number of locks.
const LOCKS: i32 = 0x63_6c_61_69;
/// Locks there are; resources share them. A server has room for some thousands.
const LOCKS_MAX: u16 = 512;
/// Runs that are taken together, at most.
pub(super) const TAKEN_TOGETHER_MAX: usize = 64;
/// Above every ticket that was drawn: places of those who ask for the first time, in the order of asking, until they have drawn theirs.
const TICKETS_UNDRAWN: u64 = 1 << 62;

/// A run that is asked for.
pub(super) struct Asked {
    pub(super) epoch: u64,
    pub(super) run: RunId,
    pub(super) order: ClaimOrder,
}

/// Takes runs for a program that knows these engine semantics.
pub(super) struct TakeRuns {
    pub(super) semantics: Vec<i32>,
}

impl Together for TakeRuns {
    type Asked = Asked;
    type Given = Taking;
    const TOGETHER_MAX: usize = TAKEN_TOGETHER_MAX;

    /// Those that want nothing do not wait for the locks of those that do.
    fn goes_with(batch: &[Asked], next: &Asked) -> bool {
        batch.iter().all(|asked| {
            asked.epoch == next.epoch && asked.run != next.run && asked.order.claims.is_empty() == next.order.claims.is_empty()
        })
    }

    fn answer<'a>(self: Arc<Self>, session: &'a mut Session, batch: Arc<Vec<Asked>>) -> BoxFuture<'a, Answers<Taking>> {
        Box::pin(async move {
            if batch.iter().all(|asked| asked.order.claims.is_empty()) {
                return take_plainly(session, &self.semantics, &batch).await;
            }
            match take_with_claims(session, &self.semantics, &batch).await? {
                Some(takings) => Ok(takings),
                None => one_by_one(session, &self.semantics, &batch).await,
            }
        })
    }
}

/// Runs that are this node's need no lock on its row, nor a commit: they cannot become nobody's.
const TAKE: &str = "
WITH asked AS MATERIALIZED (
    SELECT a.run, k.run IS NOT NULL AS is_there, coalesce(k.owner_epoch = $1, false) AS is_mine, coalesce(k.semantics = ANY ($3), true) AS is_known
    FROM unnest($2::text[]) AS a (run) LEFT JOIN runs k ON k.run = a.run
), me AS MATERIALIZED (
    SELECT epoch FROM nodes
    WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp() AND EXISTS (SELECT FROM asked WHERE NOT is_mine) FOR SHARE
), begun AS (
    INSERT INTO runs (run, owner_epoch) SELECT a.run, me.epoch FROM asked a, me WHERE NOT a.is_there ORDER BY a.run
    ON CONFLICT (run) DO NOTHING RETURNING run
), found AS (
    UPDATE runs SET owner_epoch = me.epoch, free_since = NULL FROM asked a, me
    WHERE runs.run = a.run AND NOT a.is_mine AND (runs.semantics IS NULL OR runs.semantics = ANY ($3))
        AND (runs.owner_epoch IS NULL OR EXISTS (SELECT FROM nodes n WHERE n.epoch = runs.owner_epoch AND n.ended_at IS NOT NULL))
    RETURNING runs.run
)
SELECT run FROM begun UNION ALL SELECT run FROM found UNION ALL
SELECT run FROM asked
WHERE is_mine AND is_known AND EXISTS (SELECT FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp())";

async fn take<C: GenericClient>(
    client: &C,
    statement: &Statement,
    epoch: u64,
    semantics: &[i32],
    runs: &[&str],
) -> Result<BTreeSet<String>, tokio_postgres::Error> {
    let rows = client.query(statement, &[&to_stored(epoch), &runs, &semantics]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

fn names(batch: &[Asked]) -> Vec<&str> {
    batch.iter().map(|asked| asked.run.as_str()).collect()
}

fn epoch_of(batch: &[Asked]) -> u64 {
    batch.first().map_or(0, |asked| asked.epoch)
}

/// Takes runs that want nothing.
async fn take_plainly(session: &mut Session, semantics: &[i32], batch: &[Asked]) -> Answers<Taking> {
    let statement = session.statement(TAKE).await?;
    let taken = take(&session.client, &statement, epoch_of(batch), semantics, &names(batch)).await?;
    let mut takings = Vec::with_capacity(batch.len());
    for asked in batch {
        takings.push(match taken.contains(asked.run.as_str()) {
            true => Ok(Taking::Taken { fences: Vec::new() }),
            false => why_not(session, semantics, asked).await?,
        });
    }
    Ok(takings)
}

/// Why a run was not taken although nothing it wants is in the way.
async fn why_not(session: &mut Session, semantics: &[i32], asked: &Asked) -> Result<Result<Taking, StoreError>, Fault> {
    let look = session
        .statement(
            "SELECT EXISTS (SELECT FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp()),
                    EXISTS (SELECT FROM runs WHERE run = $2 AND NOT semantics = ANY ($3))",
        )
        .await?;
    let row = session.client.query_one(&look, &[&to_stored(asked.epoch), &asked.run.as_str(), &semantics]).await?;
    let (lives, is_of_others): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match (lives, is_of_others) {
        (false, _) => Err(StoreError::LeaseOver { mine: asked.epoch }),
        (true, true) => Ok(Taking::OtherSemantics),
        (true, false) => Ok(Taking::OwnedByAnother),
    })
}

/// Each run in a transaction of its own.
async fn one_by_one(session: &mut Session, semantics: &[i32], batch: &[Asked]) -> Answers<Taking> {
    let mut takings = Vec::with_capacity(batch.len());
    for asked in batch {
        let alone = take_with_claims(session, semantics, std::slice::from_ref(asked)).await?.and_then(|mut takings| takings.pop());
        takings.push(match alone {
            Some(taking) => taking,
            None => why_not(session, semantics, asked).await?,
        });
    }
    Ok(takings)
}

/// Takes runs with what they want. `None` when a run went to another node meanwhile: then nothing was done.
async fn take_with_claims(
    session: &mut Session,
    semantics: &[i32],
    batch: &[Asked],
) -> Result<Option<Vec<Result<Taking, StoreError>>>, Fault> {
    let epoch = epoch_of(batch);
    let statements = Statements::prepare(session).await?;
    let transaction = session.client.transaction().await?;
    let resources: BTreeSet<&str> = batch.iter().flat_map(|asked| &asked.order.claims).map(|claim| claim.resource.as_str()).collect();
    let resources: Vec<&str> = resources.into_iter().collect();
    transaction.query(&statements.lock, &[&LOCKS, &lock_numbers(&resources)]).await?;
    // Statements of their own: they must see what was committed before the locks were had.
    let (names, stored_epoch) = (names(batch), to_stored(epoch));
    let entries: [&(dyn ToSql + Sync); 2] = [&resources, &names];
    let states: [&(dyn ToSql + Sync); 3] = [&stored_epoch, &names, &semantics];
    let (entries, states) =
        try_join(transaction.query(&statements.entries, &entries), transaction.query(&statements.states, &states)).await?;
    let states = states.iter().map(State::read).collect::<Result<Vec<State>, _>>()?;
    let mut table = Table::read(&entries)?;
    let mut takings: Vec<Result<Taking, StoreError>> = Vec::with_capacity(batch.len());
    for (asked, state) in batch.iter().zip(&states) {
        takings.push(match state.standing {
            Standing::NodeIsOver => Err(StoreError::LeaseOver { mine: epoch }),
            Standing::OtherSemantics => Ok(Taking::OtherSemantics),
            Standing::OwnedByAnother => Ok(Taking::OwnedByAnother),
            Standing::Mine => Ok(table.decide(asked, state.now)),
            Standing::CanBeMine { is_live } => {
                if !is_live {
                    table.forget(&asked.run);
                }
                Ok(table.decide(asked, state.now))
            }
        });
    }
    table.draw_numbers(&transaction, &statements.draw).await?;
    let mut to_take = Vec::new();
    for ((asked, state), taking) in batch.iter().zip(&states).zip(takings.iter_mut()) {
        match taking {
            Ok(Taking::Taken { fences }) => *fences = table.fences(asked),
            Ok(Taking::Queued(_)) => {}
            Ok(Taking::Held(_) | Taking::OwnedByAnother | Taking::OtherSemantics) | Err(_) => continue,
        }
        if matches!(state.standing, Standing::CanBeMine { .. }) {
            to_take.push(asked.run.as_str());
        }
    }
    let is_ours = match (to_take.is_empty(), table.has_changed()) {
        (false, _) => take(&transaction, &statements.take, epoch, semantics, &to_take).await?.len() == to_take.len(),
        (true, true) => transaction.query_opt(&statements.hold, &[&stored_epoch]).await?.is_some(),
        (true, false) => true,
    };
    if !is_ours {
        transaction.rollback().await?;
        return Ok(None);
    }
    table.write(&transaction, &statements).await?;
    transaction.commit().await?;
    Ok(Some(takings))
}

/// The numbers of the locks of these resources, in the order in which they are to be had.
fn lock_numbers(resources: &[&str]) -> Vec<i32> {
    let number = |resource: &&str| {
        let digest: [u8; 32] = Sha256::digest(resource.as_bytes()).into();
        let [high, low, ..] = digest;
        i32::from(u16::from_be_bytes([high, low]) % LOCKS_MAX)
    };
    resources.iter().map(number).collect::<BTreeSet<i32>>().into_iter().collect()
}

struct Statements {
    lock: Statement,
    entries: Statement,
    states: Statement,
    draw: Statement,
    take: Statement,
    /// Holds this node's row, as taking does.
    hold: Statement,
    leave: Statement,
    enter: Statement,
}

impl Statements {
    async fn prepare(session: &mut Session) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            lock: session.statement("SELECT pg_advisory_xact_lock($1, number) FROM unnest($2::integer[]) AS l (number)").await?,
            entries: session
                .statement(
                    "SELECT resource, mode, units, of, run, ticket, fence, since FROM claims WHERE resource = ANY ($1) OR run = ANY ($2)
                     ORDER BY resource, ticket NULLS FIRST, fence",
                )
                .await?,
            states: session
                .statement(
                    "SELECT EXISTS (SELECT FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp()),
                            coalesce(k.semantics = ANY ($3), true), coalesce(k.owner_epoch = $1, false),
                            k.owner_epoch IS NULL OR EXISTS (SELECT FROM nodes n WHERE n.epoch = k.owner_epoch AND n.ended_at IS NOT NULL),
                            coalesce(k.is_live, false), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
                     FROM unnest($2::text[]) WITH ORDINALITY AS a (run, place) LEFT JOIN runs k ON k.run = a.run ORDER BY a.place",
                )
                .await?,
            draw: session.statement("SELECT nextval('claim_numbers') FROM generate_series(1, $1::bigint)").await?,
            take: session.statement(TAKE).await?,
            hold: session
                .statement(
                    "SELECT epoch FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND leased_until > clock_timestamp() FOR SHARE",
                )
                .await?,
            leave: session.statement("DELETE FROM claims WHERE run = ANY ($1) AND (ticket IS NOT NULL OR run = ANY ($2))").await?,
            enter: session
                .statement(
                    "INSERT INTO claims (resource, run, mode, units, of, ticket, fence, since)
                     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])",
                )
                .await?,
        })
    }
}

/// A run that is asked for, as it was read.
struct State {
    standing: Standing,
    /// The server's time.
    now: Timestamp,
}

/// Whether a run can be this node's.
enum Standing {
    NodeIsOver,
    OtherSemantics,
    OwnedByAnother,
    CanBeMine { is_live: bool },
    Mine,
}

impl State {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let (lives, is_known): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
        let (is_mine, is_free): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
        let standing = match (lives, is_known) {
            (false, _) => Standing::NodeIsOver,
            (true, false) => Standing::OtherSemantics,
            (true, true) if is_mine => Standing::Mine,
            (true, true) if is_free => Standing::CanBeMine { is_live: row.try_get(4)? },
            (true, true) => Standing::OwnedByAnother,
        };
        Ok(Self { standing, now: Timestamp::from_micros(row.try_get(5)?) })
    }
}

pub(super) fn mode_to_stored(mode: ClaimMode) -> (&'static str, i64, i64) {
    match mode {
        ClaimMode::Exclusive => ("exclusive", 0, 0),
        ClaimMode::Shared => ("shared", 0, 0),
        ClaimMode::Counted { units, of } => ("counted", i64::from(units), i64::from(of)),
    }
}

/// The claim at the first columns of a row: resource, mode, units, of.
pub(super) fn claim_from_stored(row: &Row) -> Result<Claim, Fault> {
    let (mode, units, of): (&str, i64, i64) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let mode = match (mode, u32::try_from(units), u32::try_from(of)) {
        ("exclusive", ..) => ClaimMode::Exclusive,
        ("shared", ..) => ClaimMode::Shared,
        ("counted", Ok(units), Ok(of)) => ClaimMode::Counted { units, of },
        _ => return Err(StoreError::Corrupt { reason: format!("a claim of {units} of {of} in the mode {mode:?}") }.into()),
    };
    Ok(Claim { resource: ResourceName::new(row.try_get::<_, String>(0)?), mode })
}

/// What is held and waited for of the resources that are asked for, as it was read and as it becomes.
struct Table {
    entries: Vec<ClaimEntry>,
    /// Numbers of the grants.
    fences: BTreeMap<(RunId, Claim), u64>,
    /// Runs whose places in the queue are given up, or written anew.
    leaving: BTreeSet<RunId>,
    /// Runs of which everything found was left by an owner that died.
    forgotten: BTreeSet<RunId>,
    /// What is new among the entries.
    entering: BTreeSet<(RunId, Claim)>,
    /// Runs that wait and have drawn no number yet, in the order of their asking.
    undrawn: Vec<RunId>,
}

fn claim_of(entry: &ClaimEntry) -> Claim {
    Claim { resource: entry.resource.clone(), mode: entry.mode }
}

impl Table {
    fn read(rows: &[Row]) -> Result<Self, Fault> {
        let (mut entries, mut fences) = (Vec::with_capacity(rows.len()), BTreeMap::new());
        for row in rows {
            let (claim, run) = (claim_from_stored(row)?, RunId::new(row.try_get::<_, String>(4)?));
            let (ticket, fence): (Option<i64>, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
            if let Some(fence) = fence {
                fences.insert((run.clone(), claim.clone()), from_stored(fence));
            }
            let since = Timestamp::from_micros(row.try_get(7)?);
            entries.push(ClaimEntry { resource: claim.resource, mode: claim.mode, run, ticket: ticket.map(from_stored), since });
        }
        Ok(Self { entries, fences, leaving: BTreeSet::new(), forgotten: BTreeSet::new(), entering: BTreeSet::new(), undrawn: Vec::new() })
    }

    /// Passes over what is found of a run.
    fn forget(&mut self, run: &RunId) {
        let count = self.entries.len();
        self.entries.retain(|entry| entry.run != *run);
        if self.entries.len() < count {
            self.fences.retain(|(holder, _), _| holder != run);
            self.forgotten.insert(run.clone());
        }
    }

    fn has_changed(&self) -> bool {
        !(self.leaving.is_empty() && self.forgotten.is_empty() && self.entering.is_empty())
    }

    /// What becomes of a run that can be taken, for it and for those who come after. Who holds something never waits for more: circles of
    /// waiting would follow.
    fn decide(&mut self, asked: &Asked, now: Timestamp) -> Taking {
        let run = &asked.run;
        let missing: BTreeSet<Claim> = asked.order.claims.iter().filter(|claim| !self.is_held(run, claim)).cloned().collect();
        let place = self.entries.iter().filter(|entry| entry.run == *run).find_map(|entry| Some((entry.ticket?, entry.since)));
        let Some(wait) = in_the_way(&missing, run, place.map(|(ticket, _)| ticket), &self.entries) else {
            self.leave_queue(run);
            self.enter(run, missing, None, now);
            return Taking::Taken { fences: Vec::new() };
        };
        if !asked.order.waits || self.entries.iter().any(|entry| entry.run == *run && entry.ticket.is_none()) {
            return Taking::Held(wait);
        }
        let waits_for_these =
            || self.entries.iter().filter(|entry| entry.run == *run).map(claim_of).collect::<BTreeSet<Claim>>() == missing;
        match place {
            Some(_) if waits_for_these() => {}
            Some((ticket, since)) => {
                self.leave_queue(run);
                self.enter(run, missing, Some(ticket), since);
            }
            None => {
                self.undrawn.push(run.clone());
                self.enter(run, missing, Some(TICKETS_UNDRAWN + self.undrawn.len() as u64), now);
            }
        }
        Taking::Queued(wait)
    }

    /// Whether the run holds as much of the resource already.
    fn is_held(&self, run: &RunId, claim: &Claim) -> bool {
        let is_enough = |entry: &ClaimEntry| entry.mode == claim.mode || entry.mode == ClaimMode::Exclusive;
        let held = self.entries.iter().filter(|entry| entry.run == *run && entry.ticket.is_none() && entry.resource == claim.resource);
        held.into_iter().any(is_enough)
    }

    fn leave_queue(&mut self, run: &RunId) {
        let count = self.entries.len();
        self.entries.retain(|entry| entry.run != *run || entry.ticket.is_none());
        if self.entries.len() < count {
            self.leaving.insert(run.clone());
        }
    }

    /// Lets a run hold these claims, or wait for them at a place in the queue.
    fn enter(&mut self, run: &RunId, claims: BTreeSet<Claim>, ticket: Option<u64>, since: Timestamp) {
        for claim in claims {
            self.entries.push(ClaimEntry { resource: claim.resource.clone(), mode: claim.mode, run: run.clone(), ticket, since });
            self.entering.insert((run.clone(), claim));
        }
    }

    /// Numbers for what is new: one for each run that waits, and one for each resource that is granted to a run.
    async fn draw_numbers(&mut self, transaction: &Transaction<'_>, draw: &Statement) -> Result<(), Fault> {
        let is_new = |entry: &ClaimEntry| self.entering.contains(&(entry.run.clone(), claim_of(entry)));
        let granted: BTreeSet<(RunId, ResourceName)> = self
            .entries
            .iter()
            .filter(|entry| entry.ticket.is_none() && is_new(entry))
            .map(|entry| (entry.run.clone(), entry.resource.clone()))
            .collect();
        let count = self.undrawn.len() + granted.len();
        if count == 0 {
            return Ok(());
        }
        let rows = transaction.query(draw, &[&limit(count)]).await?;
        let mut numbers = rows.iter().map(|row| row.try_get::<_, i64>(0).map(from_stored)).collect::<Result<Vec<u64>, _>>()?;
        numbers.sort_unstable();
        let mut numbers = numbers.into_iter();
        let tickets: BTreeMap<RunId, u64> = std::mem::take(&mut self.undrawn).into_iter().zip(numbers.by_ref()).collect();
        let granted: BTreeMap<(RunId, ResourceName), u64> = granted.into_iter().zip(numbers).collect();
        for entry in &mut self.entries {
            match &mut entry.ticket {
                Some(ticket) => *ticket = tickets.get(&entry.run).copied().unwrap_or(*ticket),
                None => {
                    let key = (entry.run.clone(), claim_of(entry));
                    if self.entering.contains(&key)
                        && let Some(number) = granted.get(&(entry.run.clone(), entry.resource.clone()))
                    {
                        self.fences.insert(key, *number);
                    }
                }
            }
        }
        Ok(())
    }

    /// The number of each resource that a run was to hold, in the order of the resources.
    fn fences(&self, asked: &Asked) -> Vec<Fence> {
        let mut numbers: BTreeMap<&ResourceName, u64> = BTreeMap::new();
        let wanted: BTreeSet<&ResourceName> = asked.order.claims.iter().map(|claim| &claim.resource).collect();
        for ((run, claim), number) in &self.fences {
            if *run == asked.run && wanted.contains(&claim.resource) {
                let greatest = numbers.entry(&claim.resource).or_default();
                *greatest = (*number).max(*greatest);
            }
        }
        numbers.into_iter().map(|(resource, number)| Fence { resource: resource.clone(), number }).collect()
    }

    async fn write(&self, transaction: &Transaction<'_>, statements: &Statements) -> Result<(), Fault> {
        if !(self.leaving.is_empty() && self.forgotten.is_empty()) {
            let leaving: Vec<&str> = self.leaving.union(&self.forgotten).map(RunId::as_str).collect();
            let forgotten: Vec<&str> = self.forgotten.iter().map(RunId::as_str).collect();
            transaction.execute(&statements.leave, &[&leaving, &forgotten]).await?;
        }
        let entering: Vec<(&ClaimEntry, Option<u64>)> = self
            .entries
            .iter()
            .map(|entry| (entry, (entry.run.clone(), claim_of(entry))))
            .filter(|(_, key)| self.entering.contains(key))
            .map(|(entry, key)| (entry, self.fences.get(&key).copied()))
            .collect();
        if entering.is_empty() {
            return Ok(());
        }
        fn of<'a, T>(entries: &[(&'a ClaimEntry, Option<u64>)], value: impl Fn(&'a ClaimEntry) -> T) -> Vec<T> {
            entries.iter().map(|(entry, _)| value(entry)).collect()
        }
        transaction
            .execute(
                &statements.enter,
                &[
                    &of(&entering, |entry| entry.resource.as_str()),
                    &of(&entering, |entry| entry.run.as_str()),
                    &of(&entering, |entry| mode_to_stored(entry.mode).0),
                    &of(&entering, |entry| mode_to_stored(entry.mode).1),
                    &of(&entering, |entry| mode_to_stored(entry.mode).2),
                    &of(&entering, |entry| entry.ticket.map(to_stored)),
                    &entering.iter().map(|(_, fence)| fence.map(to_stored)).collect::<Vec<_>>(),
                    &of(&entering, |entry| entry.since.as_micros()),
                ],
            )
            .await?;
        Ok(())
    }
}

/// Who holds and who waits for what.
pub(super) async fn claims(session: &mut Session) -> Result<Vec<ClaimLine>, Fault> {
    let look = session
        .statement(
            "SELECT resource, mode, units, of, run, fence, since FROM claims ORDER BY resource, ticket NULLS FIRST, fence, run, mode",
        )
        .await?;
    let rows = session.client.query(&look, &[]).await?;
    rows.iter()
        .map(|row| {
            let fence: Option<i64> = row.try_get(5)?;
            Ok(ClaimLine {
                claim: claim_from_stored(row)?,
                run: RunId::new(row.try_get::<_, String>(4)?),
                holds: fence.is_some(),
                fence: fence.map(from_stored),
                since: Timestamp::from_micros(row.try_get(6)?),
            })
        })
        .collect()
}

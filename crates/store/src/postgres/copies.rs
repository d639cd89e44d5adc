//! Every row of a shared store, on its way into a backup and out of one.
//!
//! Reading happens in one repeatable-read snapshot, which the caller holds, so that a copy is one moment of the store while nodes fly. Writing
//! happens in one transaction, which the caller commits once what was written is proven. Rows come and go one by one; events, which are
//! many, are written together.

use super::appends::wake_at_of;
use super::claims::{claim_from_stored, mode_to_stored};
use super::numbers::{from_stored, to_stored};
use super::reads::stored_row;
use super::sessions::Fault;
use crate::claim_book::{GRANTS_PER_OWNER_BITS, Grants};
use crate::holdings::claims_of;
use crate::record::{StoredRow, from_json, grants_from_json, grants_to_json, submission_from_json, to_json};
use crate::sqlite::{BROKE_OFF, CopiedRow};
use futures_util::TryStreamExt as _;
use glidepath_engine::stored;
use glidepath_model::facts::History;
use glidepath_model::plan::{Claim, PlanBody};
use glidepath_model::projection::{Fence, RunSummary};
use glidepath_model::{Event, ResourceName, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::Submission;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

/// Events that are written by one statement, at most.
const EVENTS_WRITTEN_TOGETHER_MAX: usize = 500;

/// What the lists say otherwise than the summaries, and the claims otherwise than the runs; one sentence each.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) summaries: Vec<String>,
    pub(super) claims: Vec<String>,
}

/// Sends every row; stops when nobody takes them any more.
pub(super) async fn send_all(snapshot: &Transaction<'_>, rows: &mpsc::Sender<CopiedRow>) -> Result<Differences, Fault> {
    let out = Out { snapshot, rows };
    out.each("SELECT epoch, who, process FROM nodes ORDER BY epoch", |row| {
        Ok(CopiedRow::Epoch { epoch: row.try_get(0)?, who: row.try_get(1)?, process: row.try_get(2)? })
    })
    .await?;
    out.each("SELECT digest, bytes FROM blobs", |row| Ok(CopiedRow::Blob { digest: row.try_get(0)?, bytes: row.try_get(1)? })).await?;
    out.each("SELECT id, created_at, title, body, whole, facts FROM plans", |row| {
        Ok(CopiedRow::Plan {
            id: row.try_get(0)?,
            created_at: row.try_get(1)?,
            title: row.try_get(2)?,
            body: row.try_get(3)?,
            whole: row.try_get(4)?,
            facts: row.try_get(5)?,
        })
    })
    .await?;
    let differences = out.runs().await?;
    out.each("SELECT run, digest, bytes FROM archived_runs ORDER BY run", |row| {
        Ok(CopiedRow::Archive { run: row.try_get(0)?, digest: row.try_get(1)?, bytes: row.try_get(2)? })
    })
    .await?;
    out.each("SELECT run, head, seq, epoch, at, kind, version, payload FROM events ORDER BY run, seq", |row| {
        Ok(CopiedRow::Event { run: row.try_get(0)?, head: row.try_get(1)?, row: stored_row(row, 2)? })
    })
    .await?;
    out.lessons().await?;
    out.each("SELECT number, body, answer FROM submissions ORDER BY number", |row| {
        Ok(CopiedRow::Submission { number: row.try_get(0)?, body: row.try_get(1)?, answer: row.try_get(2)? })
    })
    .await?;
    out.each("SELECT target, state FROM throttles", |row| Ok(CopiedRow::Throttle { target: row.try_get(0)?, state: row.try_get(1)? }))
        .await?;
    out.each("SELECT number, body, settled_at, settled FROM dead_letters ORDER BY number", |row| {
        Ok(CopiedRow::Letter { number: row.try_get(0)?, letter: row.try_get(1)?, settled_at: row.try_get(2)?, settled: row.try_get(3)? })
    })
    .await?;
    out.each("SELECT lost FROM dead_letters_count", |row| Ok(CopiedRow::LettersLost(row.try_get(0)?))).await?;
    out.send(CopiedRow::End).await?;
    Ok(differences)
}

struct Out<'a> {
    snapshot: &'a Transaction<'a>,
    rows: &'a mpsc::Sender<CopiedRow>,
}

/// What a run has in the table of claims.
#[derive(Default)]
struct Claimed {
    held: BTreeSet<Claim>,
    /// The greatest number of each resource.
    fences: BTreeMap<ResourceName, u64>,
    since: i64,
}

impl Out<'_> {
    async fn each(&self, query: &str, read: impl Fn(&Row) -> Result<CopiedRow, tokio_postgres::Error>) -> Result<(), Fault> {
        let mut found = pin!(self.snapshot.query_raw(query, std::iter::empty::<&(dyn ToSql + Sync)>()).await?);
        while let Some(row) = found.try_next().await? {
            self.send(read(&row)?).await?;
        }
        Ok(())
    }

    /// Whoever takes the rows knows why it went away.
    async fn send(&self, row: CopiedRow) -> Result<(), Fault> {
        let gone = || StoreError::Unavailable { place: "the copy".to_owned(), reason: "it takes no more rows".to_owned() };
        Ok(self.rows.send(row).await.map_err(|_| gone())?)
    }

    async fn claimed(&self, differences: &mut Differences) -> Result<BTreeMap<RunId, Claimed>, Fault> {
        // A run that ended holds something only while its living owner is about to turn it back.
        let look = "SELECT resource, mode, units, of, c.run, fence, since,
                r.run IS NULL OR (r.started_at IS NOT NULL AND NOT r.is_live
                    AND NOT EXISTS (SELECT FROM nodes n WHERE n.epoch = r.owner_epoch AND n.ended_at IS NULL))
            FROM claims c LEFT JOIN runs r ON r.run = c.run ORDER BY c.run, resource";
        let mut claimed: BTreeMap<RunId, Claimed> = BTreeMap::new();
        for row in self.snapshot.query(look, &[]).await? {
            let (claim, run) = (claim_from_stored(&row)?, RunId::new(row.try_get::<_, String>(4)?));
            if row.try_get(7)? {
                differences.claims.push(format!("{} is claimed by run {run}, which is not live.", claim.resource));
            }
            let of_run = claimed.entry(run).or_default();
            if let Some(fence) = row.try_get::<_, Option<i64>>(5)?.map(from_stored) {
                let greatest = of_run.fences.entry(claim.resource.clone()).or_default();
                *greatest = fence.max(*greatest);
                of_run.since = of_run.since.max(row.try_get(6)?);
                of_run.held.insert(claim);
            }
        }
        Ok(claimed)
    }

    /// Runs with what they hold, and what of the lists does not follow from their summaries.
    async fn runs(&self) -> Result<Differences, Fault> {
        let mut differences = Differences::default();
        let mut claimed = self.claimed(&mut differences).await?;
        let mut holders = Vec::new();
        let look = "SELECT run, count, head, at, summary, archived, started_at, has_work, is_live, wake_at FROM runs
            WHERE started_at IS NOT NULL ORDER BY run";
        let mut found = pin!(self.snapshot.query_raw(look, std::iter::empty::<&(dyn ToSql + Sync)>()).await?);
        while let Some(row) = found.try_next().await? {
            let (run, summary): (String, String) = (row.try_get(0)?, row.try_get(4)?);
            let claimed = claimed.remove(&RunId::new(&run)).unwrap_or_default();
            if let Ok(read) = from_json::<RunSummary>("the summary of a run", summary.as_bytes()) {
                let listed = (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?, row.try_get(9)?);
                let expected = (read.started_at.as_micros(), read.has_work(), read.status.is_live(), wake_at_of(&read));
                if listed != expected {
                    differences.summaries.push(format!("run {run} is listed at another place than its summary says."));
                }
                // A run that waits holds nothing yet.
                if read.status.is_live() && read.waits_for.is_none() {
                    holders.push((read, claimed.held));
                }
            }
            let fences = claimed.fences.into_iter().map(|(resource, number)| Fence { resource, number }).collect::<Vec<_>>();
            let grants = (!fences.is_empty()).then(|| Grants { at: Timestamp::from_micros(claimed.since), fences });
            self.send(CopiedRow::Run {
                run,
                count: row.try_get(1)?,
                head: row.try_get(2)?,
                at: row.try_get(3)?,
                summary,
                fences: grants.map(|grants| grants_to_json(&grants)).transpose()?,
                archived: row.try_get(5)?,
            })
            .await?;
        }
        for (summary, held) in holders {
            let missing = claimed_by(self.snapshot, &summary).await?.into_iter().filter(|claim| !held.contains(claim));
            differences.claims.extend(missing.map(|claim| format!("run {} is live and does not hold {}.", summary.run, claim.resource)));
        }
        Ok(differences)
    }

    async fn lessons(&self) -> Result<(), Fault> {
        for row in self.snapshot.query("SELECT component, landed, failed, last_ended_at, last_rollback_at FROM outcomes", &[]).await? {
            let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
            let (ended_at, rollback_at): (Option<i64>, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
            let history = History {
                landed: count(row.try_get(1)?),
                failed: count(row.try_get(2)?),
                last_ended_at: ended_at.map(Timestamp::from_micros),
                last_rollback_at: rollback_at.map(Timestamp::from_micros),
            };
            self.send(CopiedRow::Outcome { component: row.try_get(0)?, history: to_json(&history)? }).await?;
        }
        self.each("SELECT key, took_ms FROM durations ORDER BY number", |row| {
            Ok(CopiedRow::Duration { key: row.try_get(0)?, took_ms: row.try_get(1)? })
        })
        .await
    }
}

/// What a live run claims: its plan says so, and where that is not there its summary.
async fn claimed_by(transaction: &Transaction<'_>, summary: &RunSummary) -> Result<BTreeSet<Claim>, Fault> {
    let look = "SELECT body FROM plans WHERE id = $1";
    let Some(row) = transaction.query_opt(look, &[&summary.plan.as_str()]).await? else { return Ok(claims_of(summary)) };
    let body = from_json::<PlanBody>("the body of a plan", row.try_get(0)?);
    Ok(body.map_or_else(|_| claims_of(summary), |body| body.all_claims()))
}

/// Writes the rows of a backup into tables that are empty.
pub(super) struct Writing<'a> {
    transaction: &'a Transaction<'a>,
    events: Vec<(String, StoredRow, Vec<u8>)>,
    epoch: i64,
    /// The last owner in the backup, which is whoever restored: epoch, who, process.
    restorer: Option<(i64, String, String)>,
    fence: i64,
    is_whole: bool,
    /// Runs that claim something, in the order in which they started.
    claiming: Vec<(RunSummary, Option<Grants>)>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>) -> Self {
        Self { transaction, events: Vec::new(), epoch: 0, restorer: None, fence: 0, is_whole: false, claiming: Vec::new() }
    }

    /// Writes what comes until there is no more.
    ///
    /// # Errors
    /// When the server fails, or the rows end before they are all there: whoever sends them knows why.
    pub(super) async fn everything(mut self, mut rows: mpsc::Receiver<CopiedRow>) -> Result<(), Fault> {
        while let Some(row) = rows.recv().await {
            self.row(row).await?;
        }
        if !self.is_whole {
            let reason = BROKE_OFF.to_owned();
            return Err(StoreError::Unavailable { place: "the backup".to_owned(), reason }.into());
        }
        self.flush_events().await?;
        self.claims().await?;
        self.numbers().await
    }

    async fn execute(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), Fault> {
        self.transaction.execute(statement, values).await?;
        Ok(())
    }

    async fn row(&mut self, row: CopiedRow) -> Result<(), Fault> {
        match row {
            // Their nodes are not those of this store; only the numbers go on, from that of whoever restored.
            CopiedRow::Epoch { epoch, who, process } => {
                self.restorer = self.restorer.take().filter(|(greatest, ..)| *greatest > epoch).or(Some((epoch, who, process)));
                self.epoch = self.epoch.max(epoch);
            }
            CopiedRow::Blob { digest, bytes } => {
                self.execute("INSERT INTO blobs (digest, bytes) VALUES ($1, $2)", &[&digest, &bytes]).await?;
            }
            CopiedRow::Plan { id, created_at, title, body, whole, facts } => {
                let read: PlanBody = from_json("the body of a plan", &body)?;
                let semantics = i32::try_from(read.engine_semantics).unwrap_or(i32::MAX);
                let insert = "INSERT INTO plans (id, created_at, title, semantics, body, whole, facts) VALUES ($1, $2, $3, $4, $5, $6, $7)";
                // PostgreSQL keeps no zero character in a text.
                let title = title.replace('\0', "\u{fffd}");
                self.execute(insert, &[&id, &created_at, &title, &semantics, &body, &whole, &facts]).await?;
            }
            CopiedRow::Run { run, count, head, at, summary, fences, archived } => {
                self.run(run, (count, head, at), summary, fences, archived).await?;
            }
            CopiedRow::Archive { run, digest, bytes } => {
                self.execute("INSERT INTO archived_runs (run, digest, bytes) VALUES ($1, $2, $3)", &[&run, &digest, &bytes]).await?;
            }
            CopiedRow::Event { run, row, head } => {
                self.epoch = self.epoch.max(to_stored(row.place.epoch));
                self.events.push((run, row, head));
                if self.events.len() >= EVENTS_WRITTEN_TOGETHER_MAX {
                    self.flush_events().await?;
                }
            }
            CopiedRow::Outcome { component, history } => {
                let History { landed, failed, last_ended_at, last_rollback_at } = from_json("a component's history", history.as_bytes())?;
                let insert =
                    "INSERT INTO outcomes (component, landed, failed, last_ended_at, last_rollback_at) VALUES ($1, $2, $3, $4, $5)";
                let (ended_at, rollback_at) = (last_ended_at.map(Timestamp::as_micros), last_rollback_at.map(Timestamp::as_micros));
                self.execute(insert, &[&component, &i64::from(landed), &i64::from(failed), &ended_at, &rollback_at]).await?;
            }
            CopiedRow::Duration { key, took_ms } => {
                self.execute("INSERT INTO durations (key, took_ms) VALUES ($1, $2)", &[&key, &took_ms]).await?;
            }
            CopiedRow::Submission { number, body, answer } => {
                let (run, plan) = match submission_from_json(&body) {
                    Ok(Submission::Start { plan, run, .. }) => (run, Some(plan.to_string())),
                    Ok(Submission::Ask(request)) => (request.run, None),
                    // It is no run's here: what nobody has answered is refused, and who knows what was answered needs no run.
                    Err(_) => (RunId::new(""), None),
                };
                let insert =
                    "INSERT INTO submissions (number, body, run, plan, answer) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5)";
                self.execute(insert, &[&number, &body, &run.as_str(), &plan, &answer]).await?;
            }
            CopiedRow::Throttle { target, state } => {
                self.execute("INSERT INTO throttles (target, state) VALUES ($1, $2)", &[&target, &state]).await?;
            }
            CopiedRow::Letter { number, letter, settled_at, settled } => {
                let insert = "INSERT INTO dead_letters (number, body, settled_at, settled) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)";
                self.execute(insert, &[&number, &letter, &settled_at, &settled]).await?;
            }
            CopiedRow::LettersLost(lost) => self.execute("UPDATE dead_letters_count SET lost = $1", &[&lost]).await?,
            CopiedRow::End => self.is_whole = true,
        }
        Ok(())
    }

    async fn run(
        &mut self,
        run: String,
        (count, head, at): (i64, Vec<u8>, i64),
        summary: String,
        fences: Option<String>,
        archived: bool,
    ) -> Result<(), Fault> {
        let read: RunSummary = from_json("the summary of a run", summary.as_bytes())?;
        let insert = "INSERT INTO runs (run, count, head, at, free_since, has_work, started_at, summary, is_live, wake_at, archived)
            VALUES ($1, $2, $3, $4, clock_timestamp(), $5, $6, $7, $8, $9, $10)";
        let (is_live, wake_at) = (read.status.is_live(), wake_at_of(&read));
        self.execute(
            insert,
            &[&run, &count, &head, &at, &read.has_work(), &read.started_at.as_micros(), &summary, &is_live, &wake_at, &archived],
        )
        .await?;
        if is_live {
            let grants = fences.as_deref().map(grants_from_json).transpose()?;
            let greatest = grants.iter().flat_map(|grants| &grants.fences).map(|fence| to_stored(fence.number)).max();
            self.fence = self.fence.max(greatest.unwrap_or_default());
            self.claiming.push((read, grants));
        }
        Ok(())
    }

    async fn flush_events(&mut self) -> Result<(), Fault> {
        let events = std::mem::take(&mut self.events);
        fn of<'a, T>(events: &'a [(String, StoredRow, Vec<u8>)], value: impl Fn(&'a (String, StoredRow, Vec<u8>)) -> T) -> Vec<T> {
            events.iter().map(value).collect()
        }
        let insert = "INSERT INTO events (run, seq, epoch, at, kind, version, payload, head)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::integer[], $7::text[], $8::bytea[])";
        self.execute(
            insert,
            &[
                &of(&events, |(run, ..)| run.as_str()),
                &of(&events, |(_, row, _)| to_stored(row.place.seq)),
                &of(&events, |(_, row, _)| to_stored(row.place.epoch)),
                &of(&events, |(_, row, _)| row.place.at_micros),
                &of(&events, |(_, row, _)| row.event.kind.as_str()),
                &of(&events, |(_, row, _)| i32::try_from(row.event.version).unwrap_or(i32::MAX)),
                &of(&events, |(_, row, _)| row.event.json.as_str()),
                &of(&events, |(_, _, head)| head.as_slice()),
            ],
        )
        .await?;
        // A run is bound to the semantics it began with.
        for (run, row, _) in events.iter().filter(|(_, row, _)| row.place.seq == 1) {
            if let Ok(Event::RunStarted { engine_semantics, .. }) = stored::decode(&row.event) {
                let semantics = i32::try_from(engine_semantics).unwrap_or(i32::MAX);
                self.execute("UPDATE runs SET semantics = $2 WHERE run = $1", &[run, &semantics]).await?;
            }
        }
        Ok(())
    }

    /// What live runs hold, under the numbers that their journals have, and the queue, in the order in which they started.
    async fn claims(&mut self) -> Result<(), Fault> {
        // Local stores make their numbers of the epoch, and this one may have given more than the backup knows of; the epoch has leapt beyond both.
        let beyond = self.epoch.saturating_mul(1 << GRANTS_PER_OWNER_BITS).max(self.fence);
        self.execute("SELECT setval('claim_numbers', greatest($1::bigint, 1))", &[&beyond]).await?;
        let insert = "INSERT INTO claims (resource, run, mode, units, of, ticket, fence, since)
            VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN $7::bigint END, CASE WHEN NOT $6 THEN coalesce($8, $7) END, $9)";
        for (summary, grants) in std::mem::take(&mut self.claiming) {
            let waits = summary.waits_for.is_some();
            // One number is a place in the queue for everything that the run waits for, or stands where its journal has none.
            let number: i64 = self.transaction.query_one("SELECT nextval('claim_numbers')", &[]).await?.try_get(0)?;
            let since = grants.as_ref().map_or(summary.started_at, |grants| grants.at).as_micros();
            for claim in claimed_by(self.transaction, &summary).await? {
                let of_resource = |grants: &Grants| grants.fences.iter().find(|fence| fence.resource == claim.resource).map(|f| f.number);
                let fence = grants.as_ref().and_then(of_resource).map(to_stored);
                let (mode, units, of) = mode_to_stored(claim.mode);
                let values: [&(dyn ToSql + Sync); 9] =
                    [&claim.resource.as_str(), &summary.run.as_str(), &mode, &units, &of, &waits, &number, &fence, &since];
                self.execute(insert, &values).await?;
            }
        }
        Ok(())
    }

    /// Numbers go on from those of the backup.
    async fn numbers(&self) -> Result<(), Fault> {
        if let Some((epoch, who, process)) = &self.restorer {
            // The next backup must know of it also when nobody has flown in between.
            let insert = "INSERT INTO nodes (epoch, name, leased_until, ended_at, holds_runs, semantics, who, process)
                VALUES ($1, 'restore', clock_timestamp(), clock_timestamp(), false, '{}', $2, $3)";
            self.execute(insert, &[epoch, who, process]).await?;
        }
        self.execute("SELECT setval('epochs', greatest($1::bigint, 1))", &[&self.epoch]).await?;
        for (table, column) in [("submissions", "number"), ("dead_letters", "number"), ("durations", "number")] {
            let set =
                format!("SELECT setval(pg_get_serial_sequence('{table}', '{column}'), greatest((SELECT max({column}) FROM {table}), 1))");
            self.execute(&set, &[]).await?;
        }
        self.execute("UPDATE dead_letters_count SET open = (SELECT count(*) FROM dead_letters WHERE settled_at IS NULL)", &[]).await
    }
}

/// Whether the tables hold anything that a restore would mix with.
pub(super) async fn holds_anything(transaction: &Transaction<'_>) -> Result<bool, Fault> {
    let look =
        "SELECT EXISTS (SELECT FROM runs) OR EXISTS (SELECT FROM events) OR EXISTS (SELECT FROM plans) OR EXISTS (SELECT FROM submissions)
        OR EXISTS (SELECT FROM archived_runs) OR EXISTS (SELECT FROM blobs) OR EXISTS (SELECT FROM dead_letters)";
    Ok(transaction.query_one(look, &[]).await?.try_get(0)?)
}

/// Names of nodes whose lease is not over.
pub(super) async fn living_nodes(transaction: &Transaction<'_>) -> Result<Vec<String>, Fault> {
    let look = "SELECT name FROM nodes WHERE ended_at IS NULL AND leased_until > clock_timestamp() ORDER BY name";
    transaction.query(look, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

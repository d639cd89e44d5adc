//! The store under many writers at once.

use crate::machine::Machine;
use crate::rows::Row;
use anyhow::{Context as _, Result};
use glidepath_model::event::ProcessMark;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::Who;
use glidepath_model::{Event, PlanId, RunId, Timestamp};
use glidepath_ports::Store;
use glidepath_ports::store::StreamAppend;
use glidepath_store::SqliteStore;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Streams that are appended to at once.
const STREAMS: usize = 64;
/// How long appends are made.
const MEASURE_FOR: Duration = Duration::from_secs(2);

/// Appends of one event each to 64 streams at once, each acknowledged after its commit.
pub(crate) fn appends(machine: &mut Machine) -> Result<Vec<Row>> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&machine.folder().join("appends"))?);
    let runtime = tokio::runtime::Runtime::new()?;
    let (done, seconds) = runtime.block_on(append_for_a_while(store))?;
    let row = Row::of_machine("store.appends", done as f64 / seconds, "appends/s");
    Ok(vec![row.limit(machine.group_rows_per_second()?)])
}

async fn append_for_a_while(store: Arc<dyn Store>) -> Result<(usize, f64)> {
    let who = Who { name: "bench".to_owned(), known_by: "engine".to_owned() };
    let process = ProcessMark { boot_id: "bench".to_owned(), pid: 1, start_ticks: 1 };
    let owner = store.try_own(who, process).await?.context("the new store is owned by somebody else")?;
    let (started, epoch) = (Instant::now(), owner.epoch);
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..STREAMS {
        let store = Arc::clone(&store);
        streams.spawn(async move {
            let run = RunId::new(format!("run-{number:012}"));
            let mut seq = 0;
            while started.elapsed() < MEASURE_FOR {
                store.append(epoch, vec![one_event(&run, seq)]).await?;
                seq += 1;
            }
            anyhow::Ok(seq as usize)
        });
    }
    let mut done = 0;
    while let Some(stream) = streams.join_next().await {
        done += stream??;
    }
    Ok((done, started.elapsed().as_secs_f64()))
}

fn one_event(run: &RunId, seq: u64) -> StreamAppend {
    let summary = RunSummary {
        run: run.clone(),
        plan: PlanId::new("0".repeat(64)),
        change: "bench".into(),
        title: "A change for the benchmark".to_owned(),
        status: RunStatus::Flying,
        now: "flies".to_owned(),
        started_at: Timestamp::EPOCH,
        ended_at: None,
        wake_at: None,
        targets: vec![],
        components: vec![],
        observing_until: None,
        claims: Default::default(),
        waits_for: None,
        sleeps: false,
    };
    let events = vec![Event::Noted { line: "x".repeat(200) }];
    StreamAppend {
        run: run.clone(),
        expected_seq: seq,
        at: Timestamp::EPOCH,
        events,
        summary,
        lessons: vec![],
        reports: vec![],
        dead_letters: vec![],
        settlements: vec![],
    }
}

//! The same runs on a PostgreSQL of its own, beside what that server commits.

use crate::engine::{RUNS, fly};
use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Result, ensure};
use glidepath_ports::Store;
use glidepath_store::{PostgresOptions, PostgresStore};
use glidepath_testkit::servers::Postgres;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// Runs at once, and clients that commit at once.
const AT_ONCE: usize = 64;
/// How long commits are measured.
const MEASURE_FOR: Duration = Duration::from_secs(3);
/// Commits that a run costs at least: its start, one per step.
const COMMITS_PER_RUN: f64 = 6.0;
/// The goal for runs, as a share of what the server's commits allow.
const RUNS_GOAL_SHARE: f64 = 0.5;

/// One-row commits of 64 clients, and 1,000 runs with 64 at once.
pub(crate) fn runs(machine: &mut Machine) -> Result<Vec<Row>> {
    let server = Postgres::start_synced();
    let folder = machine.folder().join("postgres");
    std::fs::create_dir_all(&folder)?;
    let (commits, flown) = tokio::runtime::Runtime::new()?.block_on(async {
        let commits = commits_per_second(&server.url()).await?;
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&server.url(), PostgresOptions::new("bench")).await?);
        anyhow::Ok((commits, fly(&store, &folder, AT_ONCE).await?))
    })?;
    let limit = commits / COMMITS_PER_RUN;
    Ok(vec![
        Row::of_machine("postgres.one-row-commits", commits, "commits/s"),
        Row::with_goal("engine.postgres-runs.64", RUNS as f64 / flown.seconds, "runs/s", Goal::AtLeast(RUNS_GOAL_SHARE * limit))
            .limit(limit),
    ])
}

async fn commits_per_second(url: &str) -> Result<f64> {
    let first = connect(url).await?;
    ensure!(first.query_one("SHOW fsync", &[]).await?.get::<_, String>(0) == "on", "the server does not sync its commits");
    ensure!(first.query_one("SHOW synchronous_commit", &[]).await?.get::<_, String>(0) == "on", "the server does not wait for its commits");
    first.batch_execute("CREATE TABLE bench_rows (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL)").await?;
    let started = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let client = connect(url).await?;
        clients.spawn(async move {
            let insert = client.prepare("INSERT INTO bench_rows (payload) VALUES ($1)").await?;
            let (payload, mut done) = ("x".repeat(300), 0_u32);
            while started.elapsed() < MEASURE_FOR {
                client.execute(&insert, &[&payload]).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(client) = clients.join_next().await {
        done += client??;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // The connection ends with its client; what went wrong is told to the client.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

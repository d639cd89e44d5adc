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

/// Runs at once, with the names of the rows for their rate and for the latency of their steps.
const FLIGHTS: [(usize, [&str; 3]); 3] = [
    (1, ["engine.postgres-runs.1", "engine.postgres-step-p50.1", "engine.postgres-step-p99.1"]),
    (16, ["engine.postgres-runs.16", "engine.postgres-step-p50.16", "engine.postgres-step-p99.16"]),
    (AT_ONCE, ["engine.postgres-runs.64", "engine.postgres-step-p50.64", "engine.postgres-step-p99.64"]),
];

/// One-row commits of 64 clients, and 1,000 runs with 1, 16 and 64 at once.
pub(crate) fn runs(machine: &mut Machine) -> Result<Vec<Row>> {
    let server = Postgres::start_synced();
    let runtime = tokio::runtime::Runtime::new()?;
    let commits = runtime.block_on(commits_per_second(&server.url()))?;
    let limit = commits / COMMITS_PER_RUN;
    let mut rows = vec![Row::of_machine("postgres.one-row-commits", commits, "commits/s")];
    for (at_once, [runs_name, p50_name, p99_name]) in FLIGHTS {
        let (url, folder) = (server.database(&format!("at_once_{at_once}")), machine.folder().join(format!("postgres-{at_once}")));
        std::fs::create_dir_all(&folder)?;
        let flown = runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&url, PostgresOptions::new("bench")).await?);
            fly(&store, &folder, at_once).await
        })?;
        let per_second = RUNS as f64 / flown.seconds;
        rows.push(match at_once {
            AT_ONCE => Row::with_goal(runs_name, per_second, "runs/s", Goal::AtLeast(RUNS_GOAL_SHARE * limit)).limit(limit),
            _ => Row::of_machine(runs_name, per_second, "runs/s"),
        });
        rows.push(Row::of_machine(p50_name, flown.percentile_us(0.50), "us"));
        rows.push(Row::of_machine(p99_name, flown.percentile_us(0.99), "us"));
    }
    Ok(rows)
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

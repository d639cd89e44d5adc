//! `sql` in batches: whatever dies in the middle, it goes on from the last commit, and no batch is applied twice.

use crate::support::{Attempt, WAIT_MAX, assert_told, told};
use glidepath_adapters::SqlAction;
use glidepath_model::event::Outcome;
use glidepath_ports::Action;
use glidepath_testkit::servers::Postgres;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROWS: u32 = 1_000;

/// Counts how often each row was changed: nothing in it keeps it from counting twice.
const TEXT: &str = "update orders set filled = filled + 1 where id between :first and :last";

const SCHEMA: &str = "create table orders (id integer primary key, filled integer not null default 0);";

fn input(engine: &str, connection: &str, size: u32, pause_ms: u64) -> Value {
    json!({
        "engine": engine, "connection": connection, "text": TEXT, "path": "b.sql", "lockTimeoutMs": 2_000, "statementTimeoutMs": 5_000,
        "batches": { "table": "orders", "by": "id", "size": size, "pauseMs": pause_ms },
    })
}

/// A server with as many orders, and an attempt on it.
fn postgres() -> (Postgres, Attempt) {
    let server = Postgres::start();
    server.ask(&format!("{SCHEMA} insert into orders (id) select n * 3 from generate_series(1, {ROWS}) n"));
    let attempt = Attempt::new(Duration::from_secs(60));
    attempt.write("url", &server.url());
    (server, attempt)
}

fn sqlite() -> (rusqlite::Connection, Attempt) {
    let attempt = Attempt::new(Duration::from_secs(60));
    let connection = rusqlite::Connection::open(attempt.path("app.db")).unwrap();
    let rows = format!(
        "with recursive n(x) as (select 1 union all select x + 1 from n where x < {ROWS}) insert into orders (id) select x * 3 from n"
    );
    connection.execute_batch(&format!("{SCHEMA} {rows}")).unwrap();
    (connection, attempt)
}

async fn run(attempt: &Attempt, input: &Value) -> Outcome {
    SqlAction::new().run(&attempt.context, input).await
}

fn how_often(server: &Postgres) -> String {
    server
        .ask("select string_agg(filled || ' times ' || n, ', ' order by filled) from (select filled, count(*) n from orders group by 1) s")
}

/// Runs until `is_there`, and gives what `then` says.
async fn until<T>(what: &str, mut is_there: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = is_there().await {
            return found;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_between_batches_and_within_one_goes_on_where_it_was() {
    let (mut server, attempt) = postgres();
    let input = input("postgres", "file:url", 50, 30);
    let context = attempt.context.clone();
    let given = input.clone();
    let first = tokio::spawn(async move { SqlAction::new().run(&context, &given).await });
    let batches = "select coalesce(max(batches), 0) from glidepath_progress";
    until("the third batch", async || {
        (server.ask("select to_regclass('glidepath_progress') is not null") == "t" && server.ask(batches).parse::<u32>().unwrap() >= 3)
            .then_some(())
    })
    .await;
    server.crash();
    let outcome = first.await.unwrap();
    let (kind, words) = told(&outcome);
    assert!(
        kind == "not-done" && words.contains("which stay; the next try goes on from there")
            || kind == "unknown" && words.contains("running it again is safe"),
        "{kind}: {words}"
    );
    server.start_again();
    let done: u32 = server.ask(batches).parse().unwrap();
    assert!((3..20).contains(&done), "{done}");
    assert_eq!(how_often(&server), format!("0 times {}, 1 times {}", ROWS - done * 50, done * 50));
    // The same step, tried again by whoever owns the run now.
    assert_told(&run(&attempt, &input).await, "done", "20 batches, 1000 rows changed");
    assert_eq!(how_often(&server), "1 times 1000");
    // And once more, as after a lost answer.
    assert_told(&run(&attempt, &input).await, "done", "20 batches, 1000 rows changed");
    assert_eq!(how_often(&server), "1 times 1000");
    assert_eq!(
        server.ask("select key || ' ' || last_key from glidepath_progress"),
        "run-000000000001/production/payments/eu/deploy '3000'"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_killed_in_the_middle_of_a_batch_leaves_nothing_of_that_one() {
    let (server, attempt) = postgres();
    let mut input = input("postgres", "file:url", 400, 0);
    input["text"] = json!(format!("{TEXT}; select pg_sleep(case when :last = 2400 then 4 else 0 end)"));
    let killed = async {
        let sleeping = "select count(*) from pg_stat_activity where application_name = 'glidepath' and wait_event = 'PgSleep'";
        until("the second batch", async || (server.ask(sleeping) == "1").then_some(())).await;
        server.ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'glidepath'");
    };
    let (outcome, ()) = tokio::join!(run(&attempt, &input), killed);
    assert_told(&outcome, "not-done", "1 batch, 400 rows changed so far");
    assert_eq!(how_often(&server), "0 times 600, 1 times 400");
    input["text"] = json!(TEXT);
    assert_told(&run(&attempt, &input).await, "done", "3 batches");
    assert_eq!(how_often(&server), "1 times 1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_of_one_step_do_not_apply_a_batch_twice() {
    let (server, attempt) = postgres();
    let input = input("postgres", "file:url", 20, 1);
    let (one, other) = tokio::join!(run(&attempt, &input), run(&attempt, &input));
    assert_told(&one, "done", "50 batches, 1000 rows changed");
    assert_told(&other, "done", "50 batches, 1000 rows changed");
    assert_eq!(how_often(&server), "1 times 1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_wait_for_replicas_that_are_behind_and_stop_when_they_are_told_to() {
    let (server, attempt) = postgres();
    server.ask("create table behind (seconds numeric); insert into behind values (9.5)");
    let mut input = input("postgres", "file:url", 500, 0);
    input["batches"]["lagMaxMs"] = json!(2_000);
    input["batches"]["lagQuery"] = json!("select seconds from behind");
    let stop = async {
        let asked = "select count(*) from pg_stat_activity where application_name = 'glidepath' and query like '%from behind%'";
        until("the question", async || (server.ask(asked) == "1").then_some(())).await;
        attempt.context.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(run(&attempt, &input), stop);
    assert_told(
        &outcome,
        "not-done",
        "it was stopped while replicas were 9.5 s behind, and at most 2.0 s are allowed; 0 batches, 0 rows changed so far",
    );
    assert_eq!(how_often(&server), "0 times 1000");

    let again = Attempt::new(Duration::from_secs(60));
    again.write("url", &server.url());
    let caught_up = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.ask("update behind set seconds = 0.4");
    };
    let (outcome, ()) = tokio::join!(run(&again, &input), caught_up);
    assert_told(&outcome, "done", "2 batches, 1000 rows changed");
    // Without a query of its own the server is asked, which has no replica here.
    input["batches"].as_object_mut().unwrap().remove("lagQuery");
    assert_told(&run(&again, &input).await, "done", "2 batches");
    server.ask("update behind set seconds = 'NaN'");
    input["batches"]["lagQuery"] = json!("select seconds from behind");
    assert_told(&run(&again, &input).await, "never", "no number of seconds (GP0588)");
}

#[tokio::test]
async fn sqlite_goes_on_where_it_was_stopped() {
    let (connection, attempt) = sqlite();
    let input = input("sqlite", "path:app.db", 100, 40);
    let stop = async {
        until("the third batch", async || {
            let batches = connection.query_row("select batches from glidepath_progress", [], |row| row.get::<_, u32>(0));
            (batches.is_ok_and(|batches| batches >= 3)).then_some(())
        })
        .await;
        attempt.context.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(run(&attempt, &input), stop);
    assert_told(&outcome, "not-done", "which stay; the next try goes on from there");
    let mut again = attempt.context.clone();
    again.cancel = glidepath_ports::CancelToken::new();
    assert_told(&SqlAction::new().run(&again, &input).await, "done", "10 batches, 1000 rows changed");
    let twice = connection.query_row("select count(*) from orders where filled <> 1", [], |row| row.get::<_, u32>(0));
    assert_eq!(twice.unwrap(), 0);
}

/// Keys of any type, in the order of their type: as texts 10 is less than 9.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_are_gone_through_once() {
    let server = Postgres::start();
    for (at, (kind, values)) in [
        ("int", "(1), (9), (10), (11), (100), (-5)"),
        ("text", "('a'), ('b'), ('it''s'), ('ü'), ('\\x'), ('')"),
        (
            "uuid",
            "('00000000-0000-0000-0000-000000000001'), ('10000000-0000-0000-0000-000000000000'), ('f0000000-0000-0000-0000-000000000000')",
        ),
        ("timestamptz", "('2026-01-01'), ('2026-01-01 00:00:00.000001'), ('2025-01-01'), ('2025-01-01')"),
        ("numeric", "(1.5), (1.50), (20), (3)"),
    ]
    .into_iter()
    .enumerate()
    {
        server.ask(&format!(
            "drop table if exists orders; create table orders (id {kind}, filled int default 0); insert into orders (id) values {values}"
        ));
        let mut attempt = Attempt::new(Duration::from_secs(60));
        attempt.write("url", &server.url());
        attempt.context.attempt.step = format!("step-{at}").as_str().into();
        assert_told(&run(&attempt, &input("postgres", "file:url", 2, 0)).await, "done", "changed");
        assert_eq!(server.ask("select bool_and(filled = 1) from orders"), "t", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cut_is_refused_before_anything_is_changed() {
    let (server, attempt) = postgres();
    server.ask("alter table orders drop constraint orders_pkey; alter table orders alter column id drop not null; insert into orders values (null)");
    type Spoil = fn(&mut Value);
    let cases: &[(Spoil, &str)] = &[
        (|_| {}, "rows of orders have no id, so that no batch would ever reach them (GP0589)"),
        (|i| i["text"] = json!("update orders set filled = 1 where id >= :first"), "b.sql does not say `:last`"),
        (|i| i["text"] = json!("update orders set filled = 1 -- :first :last"), "b.sql does not say `:first`"),
        (|i| i["batches"]["table"] = json!("orders; drop table orders"), "is not a plain name"),
        (|i| i["batches"]["size"] = json!(0), "a batch of 0 rows"),
        (|i| i["expectText"] = json!("1"), "leave out `transaction` and `expectText`"),
        (|i| i["batches"]["by"] = json!("nowhere"), "column \"nowhere\" does not exist"),
    ];
    for (spoil, expected) in cases {
        let mut input = input("postgres", "file:url", 100, 0);
        spoil(&mut input);
        assert_told(&run(&attempt, &input).await, "never", expected);
    }
    assert_eq!(how_often(&server), "0 times 1001");
    let (_connection, attempt) = sqlite();
    let mut input = input("sqlite", "path:app.db", 100, 0);
    input["batches"]["lagMaxMs"] = json!(1_000);
    assert_told(&run(&attempt, &input).await, "never", "SQLite knows of no replicas");
}

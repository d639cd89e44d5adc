//! `sql` against a real PostgreSQL and real SQLite files.

use crate::support::{Attempt, WAIT_MAX, assert_told, told};
use glidepath_adapters::SqlAction;
use glidepath_model::event::{Direction, Outcome};
use glidepath_ports::Action;
use glidepath_testkit::servers::Postgres;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::{Client, NoTls};

const LONG: Duration = Duration::from_secs(60);

fn postgres(url: &str, text: &str) -> (Attempt, Value) {
    let attempt = Attempt::new(LONG);
    attempt.write("url", url);
    (
        attempt,
        json!({"engine": "postgres", "connection": "file:url", "text": text, "lockTimeoutMs": 300, "statementTimeoutMs": 2000, "path": "m.sql"}),
    )
}

fn sqlite(text: &str) -> (Attempt, Value) {
    let attempt = Attempt::new(LONG);
    attempt.write("app.db", "");
    (
        attempt,
        json!({"engine": "sqlite", "connection": "path:app.db", "text": text, "lockTimeoutMs": 300, "statementTimeoutMs": 500, "path": "m.sql"}),
    )
}

async fn run(attempt: &Attempt, input: &Value) -> Outcome {
    SqlAction::new().run(&attempt.context, input).await
}

async fn session(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// Both engines, one text each in turn; `with` is merged into the input.
#[tokio::test]
async fn outcomes_of_both_engines() {
    let server = Postgres::start();
    let cases = [
        ("select 'x' as a; select 42, 7; ", json!({"expectText": "42"}), "done", "42"),
        (
            "select 1 where 1 = 0",
            json!({"expectText": "1"}),
            "not-done",
            "m.sql answered nothing, `1` was expected; it was rolled back (GP0558)",
        ),
        ("select 2", json!({"expectText": "1"}), "not-done", "answered `2`, `1` was expected"),
        ("create table a (x int);\ninsert into a values (1);\ninsert into nowhere values (2)", json!({}), "never", "m.sql"),
        ("select count(*) from a", json!({}), "never", "(GP0574)"),
        ("create table b (x int); commit; drop table b", json!({}), "never", "m.sql line 1 begins or ends a transaction itself (`commit`)"),
        ("create table c (x int); create table d (x int)", json!({"transaction": false}), "done", ""),
        (
            "insert into c values (1);\nnonsense;\ninsert into c values (2)",
            json!({"transaction": false}),
            "unknown",
            "statement 2 of 3 failed and the ones before it stay applied: m.sql line 2 failed",
        ),
        ("nonsense; insert into c values (2)", json!({"transaction": false}), "never", "m.sql line 1 failed"),
        ("select count(*) from c", json!({"expectText": "1"}), "done", "1"),
        ("  -- nothing\n;", json!({}), "never", "holds no statement"),
        ("select 1", json!({"lockTimeoutMs": 0}), "never", "`lockTimeoutMs` is 0 ms"),
        ("select 1", json!({"statementTimeoutMs": 0}), "never", "(GP0571)"),
        ("select 1", json!({"engine": "oracle"}), "never", "`postgres` or `sqlite`"),
        ("select 1", json!({"connection": "file:absent"}), "never", "(GP0555)"),
    ];
    let file = tempfile::tempdir().unwrap();
    std::fs::write(file.path().join("app.db"), "").unwrap();
    for engine in ["postgres", "sqlite"] {
        for (text, with, kind, part) in &cases {
            let (mut attempt, mut input) = if engine == "postgres" { postgres(&server.url(), text) } else { sqlite(text) };
            if engine == "sqlite" {
                input["connection"] = json!(format!("path:{}", file.path().join("app.db").display()));
            }
            // Each case is a step of its own.
            attempt.context.idempotency_key = format!("{text}{with}");
            input.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
            let outcome = run(&attempt, &input).await;
            let (told_kind, words) = told(&outcome);
            assert!(
                told_kind == *kind && words.contains(part),
                "{engine}: {text}: expected {kind} with `{part}`, got {told_kind}: {words}"
            );
        }
    }
    let (attempt, input) = postgres(&server.url(), "create table e (x int);\n\nselct 1");
    assert_told(&run(&attempt, &input).await, "never", "m.sql line 3 failed: syntax error");
    let (attempt, input) = postgres(&server.url(), "select pg_sleep(30)");
    assert_told(&run(&attempt, &input).await, "not-done", "ran longer than 2 s");
    let (attempt, mut input) = postgres(&server.url(), "create index concurrently c_x on c (x)");
    assert_told(&run(&attempt, &input).await, "never", "set `transaction: false`");
    input["transaction"] = json!(false);
    assert_told(&run(&attempt, &input).await, "done", "");
    let (attempt, input) = postgres(&format!("{}?sslmode=require", server.url()), "select 1");
    assert_told(&run(&attempt, &input).await, "not-done", "(GP0570)");
    let (attempt, input) = postgres("postgres://postgres@127.0.0.1:1/x", "select 1");
    assert_told(&run(&attempt, &input).await, "not-done", "file:url cannot be reached");
    let (attempt, input) = postgres("not a string hunter2", "select 1");
    let (kind, words) = told(&run(&attempt, &input).await);
    assert!(kind == "never" && words.contains("GP0576") && !words.contains("hunter2"), "{words}");
}

#[tokio::test]
async fn nobody_calls_a_statement_undone_that_leaves_a_part_of_it() {
    let server = Postgres::start();
    let mut other = session(&server).await;
    other.batch_execute("create table t (x int); insert into t values (1), (1)").await.unwrap();
    let commits = "create procedure fill() language plpgsql as $$ begin for n in 10..30 loop \
         insert into t values (n); commit; perform pg_sleep(0.2); end loop; end $$";
    other.batch_execute(commits).await.unwrap();
    let holder = other.transaction().await.unwrap();
    holder.batch_execute("lock table t in row exclusive mode").await.unwrap();
    let cases = [
        ("create index concurrently t_slow on t (x)", "unknown", "did not get its lock"),
        ("create unique index concurrently t_once on t (x)", "unknown", "a part of it may stay"),
        ("call fill()", "unknown", "ran longer than 2 s"),
        ("do $$ begin perform 1 / 0; end $$", "unknown", "division by zero"),
        ("create index concurrently t_none on t (y)", "never", "does not exist"),
        ("update t set x = 1 / 0", "never", "division by zero"),
        ("alter table t add column y int", "not-done", "did not get its lock"),
    ];
    for (text, kind, part) in cases {
        let (mut attempt, mut input) = postgres(&server.url(), text);
        attempt.context.idempotency_key = text.to_owned();
        input["transaction"] = json!(false);
        let outcome = run(&attempt, &input).await;
        assert_told(&outcome, kind, part);
        assert!(!told(&outcome).1.contains("rolled back"), "{text}: {:?}", told(&outcome));
    }
    holder.rollback().await.unwrap();
    assert!(count(&other, "select count(*) from t where x >= 10").await > 0, "what the procedure committed is there");
    assert!(count(&other, "select count(*) from pg_index where not indisvalid").await > 0, "and an index that is not valid");
}

#[tokio::test]
async fn a_lock_that_is_held_fails_the_step_soon_and_a_retry_applies_it() {
    let server = Postgres::start();
    let mut other = session(&server).await;
    other.batch_execute("create table t (x int)").await.unwrap();
    let holder = other.transaction().await.unwrap();
    holder.batch_execute("lock table t in access exclusive mode").await.unwrap();
    let (attempt, input) = postgres(&server.url(), "alter table t add column y int");
    assert_told(&run(&attempt, &input).await, "not-done", "did not get its lock within 300 ms");
    holder.rollback().await.unwrap();
    assert_told(&run(&attempt, &input).await, "done", "");
    assert_eq!(count(&other, "select count(*) from information_schema.columns where table_name = 't'").await, 2);
}

/// A server in between that lets everything pass and cuts both ends when it has seen the answer to a commit.
async fn cut_after_commit(listener: TcpListener, port: u16) {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    let mut committing = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read.unwrap()];
                committing |= bytes.windows(7).any(|w| w == b"COMMIT\0");
                server.write_all(bytes).await.unwrap();
            }
            read = server.read(&mut down) => {
                let read = read.unwrap();
                if committing || read == 0 { return; }
                client.write_all(&down[..read]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn text_is_applied_once_although_the_answer_to_its_commit_was_lost() {
    let server = Postgres::start();
    let other = session(&server).await;
    other.batch_execute("create table t (x int)").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (attempt, input) = postgres(&Postgres::url_at(listener.local_addr().unwrap().port()), "insert into t values (1)");
    let action = SqlAction::new();
    let (outcome, ()) = tokio::join!(action.run(&attempt.context, &input), cut_after_commit(listener, server.port));
    assert_told(&outcome, "unknown", "running it again is safe");

    attempt.write("url", &server.url());
    for _ in 0..2 {
        let Outcome::Done { outputs } = run(&attempt, &input).await else { panic!() };
        assert_eq!(outputs["alreadyApplied"], json!(true));
    }
    assert_eq!(count(&other, "select count(*) from t").await, 1);

    // The undo of the step, and a redo by an operator, have keys of their own.
    let (mut undo, mut input) = postgres(&server.url(), "delete from t");
    undo.context.attempt.direction = Direction::Undo;
    undo.context.idempotency_key = undo.context.attempt.idempotency_key(&undo.context.run);
    assert_told(&run(&undo, &input).await, "done", "");
    assert_eq!(count(&other, "select count(*) from t").await, 0);

    // What only reads is read anew each time, and a probe cannot write.
    input["text"] = json!("select count(*) from t");
    let (mut probe, _) = postgres(&server.url(), "");
    probe.context.attempt.direction = Direction::Probe;
    probe.context.idempotency_key = "probe".to_owned();
    assert_told(&run(&probe, &input).await, "done", "0");
    other.batch_execute("insert into t values (5)").await.unwrap();
    assert_told(&run(&probe, &input).await, "done", "1");
    input["text"] = json!("delete from t");
    assert_told(&run(&probe, &input).await, "never", "read-only transaction");
}

#[tokio::test]
async fn a_session_that_is_killed_or_stopped_before_its_commit_leaves_nothing() {
    let server = Postgres::start();
    let other = session(&server).await;
    other.batch_execute("create table t (x int)").await.unwrap();
    let text = "insert into t values (1); select pg_sleep(1.9)";
    let sleeping = "select count(*) from pg_stat_activity where application_name = 'glidepath' and wait_event = 'PgSleep'";
    let until_sleeping = async |expected: i64| {
        let begin = std::time::Instant::now();
        while count(&other, sleeping).await != expected {
            assert!(begin.elapsed() < WAIT_MAX);
        }
    };
    let action = SqlAction::new();

    let (attempt, input) = postgres(&server.url(), text);
    let kill = async {
        until_sleeping(1).await;
        other.batch_execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'glidepath'").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(action.run(&attempt.context, &input), kill);
    assert_told(&outcome, "not-done", "m.sql");

    let stop = async {
        until_sleeping(1).await;
        attempt.context.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(action.run(&attempt.context, &input), stop);
    assert_told(&outcome, "not-done", "was stopped before its commit was sent");
    until_sleeping(0).await;
    assert_eq!(count(&other, "select count(*) from t").await, 0);
}

#[tokio::test]
async fn sqlite_applies_once_waits_for_locks_and_stops_what_runs_too_long() {
    let (attempt, input) = sqlite("create table t (x int); insert into t values (1)");
    assert_told(&run(&attempt, &input).await, "done", "");
    let Outcome::Done { outputs } = run(&attempt, &input).await else { panic!() };
    assert_eq!(outputs["alreadyApplied"], json!(true));

    let holder = rusqlite::Connection::open(attempt.path("app.db")).unwrap();
    holder.execute_batch("begin immediate; insert into t values (2)").unwrap();
    let mut second = input.clone();
    second["text"] = json!("insert into t values (3)");
    let mut context = attempt.context.clone();
    context.idempotency_key = "second".to_owned();
    let action = SqlAction::new();
    assert_told(&action.run(&context, &second).await, "not-done", "did not get its lock within 300 ms");
    holder.execute_batch("rollback").unwrap();

    second["text"] =
        json!("insert into t values (4); with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n");
    assert_told(&action.run(&context, &second).await, "not-done", "ran longer than its statement timeout");
    assert_eq!(holder.query_row("select count(*) from t", [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    second["connection"] = json!("path:typo.db");
    assert_told(&action.run(&context, &second).await, "never", "make it first");
    attempt.write("junk.db", &"this is no database ".repeat(100));
    second["connection"] = json!("path:junk.db");
    assert_told(&action.run(&context, &second).await, "never", "not a database");
}

/// Run by the test below in a process of its own, whose trusted roots are those of the variable SSL_CERT_FILE.
#[tokio::test]
#[ignore = "part of `a_connection_that_requires_tls_has_it_only_to_a_server_that_is_trusted`"]
async fn asks_over_tls() {
    let url = std::env::var("TEST_POSTGRES_URL").unwrap();
    let (attempt, input) = postgres(&url, "select ssl from pg_stat_ssl where pid = pg_backend_pid()");
    let (kind, words) = told(&run(&attempt, &input).await);
    let expected = std::env::var("TEST_EXPECTED").unwrap();
    let (expected_kind, part) = expected.split_once(": ").unwrap();
    assert!(kind == expected_kind && words.contains(part), "expected {expected}, got {kind}: {words}");
}

#[test]
fn a_connection_that_requires_tls_has_it_only_to_a_server_that_is_trusted() {
    let server = Postgres::start_with_tls();
    for (certificate, mode, expected) in [
        (server.file("server.crt"), "require", "done: t"),
        (server.file("other.crt"), "require", "never: invalid peer certificate"),
        (server.file("other.crt"), "disable", "done: f"),
    ] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "sql::asks_over_tls", "--ignored", "--nocapture"]);
        child
            .env("SSL_CERT_FILE", certificate)
            .env("TEST_EXPECTED", expected)
            .env("TEST_POSTGRES_URL", format!("{}?sslmode={mode}", server.url()));
        let output = child.output().unwrap();
        assert!(
            output.status.success(),
            "{mode}, {expected}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

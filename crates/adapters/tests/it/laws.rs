//! Every action that touches the world keeps the laws of actions, against the real thing. `wait`, `manual` and `gate` touch nothing: the engine
//! and the runtime do them.

use crate::support::eventually;
use glidepath_adapters::{EnvFileSecrets, ExecAction, HaproxyAction, HttpAction, SqlAction, Supervisor, registry};
use glidepath_model::ActionCall;
use glidepath_ports::{Action, BoxFuture};
use glidepath_testkit::examples;
use glidepath_testkit::laws::{ActionCase, Broken, Law};
use glidepath_testkit::servers::{Haproxy, Postgres};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Kinds with a test below.
const TRIED: [&str; 4] = ["exec", "http", "sql", "haproxy"];

fn supervisor() -> Supervisor {
    Supervisor { program: env!("CARGO_BIN_EXE_glidepath-supervise").into(), args: Vec::new() }
}

#[test]
fn no_action_is_left_out() {
    let kinds: Vec<String> = registry(supervisor()).iter().map(|action| action.descriptor().kind).collect();
    assert_eq!(kinds, TRIED);
}

/// The plans of the examples rest on what the actions say of themselves.
#[test]
fn the_examples_are_planned_with_what_the_actions_say_of_themselves() {
    for (action, mut known) in registry(supervisor()).iter().zip(examples::descriptors()) {
        let own = action.descriptor();
        let names = |descriptor: &glidepath_model::ActionDescriptor| {
            descriptor.input.iter().map(|field| field.name.clone()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&known), names(&own), "{}", own.kind);
        (known.summary, known.input) = (own.summary.clone(), own.input.clone());
        assert_eq!(known, own);
    }
}

/// A kind of call with inputs: forward, back, and one that never ends by itself.
struct Calls {
    forward: ActionCall,
    undo: ActionCall,
    hangs: ActionCall,
}

fn calls(kind: &str, forward: Value, undo: Value, hangs: Value) -> Calls {
    let call = |input: Value| ActionCall { kind: kind.to_owned(), version: 1, input };
    Calls { forward: call(forward), undo: call(undo), hangs: call(hangs) }
}

async fn assert_laws<'a>(
    action: &'a dyn Action,
    calls: &'a Calls,
    exceptions: &'a [Law],
    folder: &'a Path,
    observe: &'a (dyn Fn() -> BoxFuture<'a, Value> + 'a),
    reset: &'a (dyn Fn() -> BoxFuture<'a, ()> + 'a),
) {
    let case = ActionCase {
        action,
        forward: &calls.forward,
        undo: Some(&calls.undo),
        hangs: Some(&calls.hangs),
        exceptions,
        observe,
        reset,
        secrets: Arc::new(EnvFileSecrets::new(folder)),
        folder,
    };
    let broken: Vec<Broken> = case.broken_laws().await;
    assert!(broken.is_empty(), "{} breaks laws:\n{}", calls.forward.kind, broken.iter().map(|b| format!("{b}\n")).collect::<String>());
}

/// `exec` with what a file named `state` holds; the shell commands for: before anything, forward, back, hanging.
async fn assert_exec(before: &str, forward: &str, undo: &str, hangs: &str, exceptions: &[Law]) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let shell = |text: &str| json!({"argv": [text], "shell": true});
    let calls = calls("exec", shell(forward), shell(undo), shell(hangs));
    let observe = || -> BoxFuture<'_, Value> { Box::pin(async { json!(std::fs::read_to_string(&state).ok()) }) };
    let reset = || -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = std::fs::remove_file(&state);
            if !before.is_empty() {
                std::fs::write(&state, before).unwrap();
            }
        })
    };
    assert_laws(&ExecAction::new(supervisor()), &calls, exceptions, folder.path(), &observe, &reset).await;
}

#[tokio::test]
async fn exec_keeps_the_laws_with_commands_that_may_be_repeated() {
    assert_exec("", "echo 2 > state.new && mv state.new state", "rm -f state", "echo 2 > state; exec sleep 300", &[]).await;
}

/// Whether a command may be repeated is its own affair: the action says that it is not, and its doubts go to a person.
#[tokio::test]
async fn exec_keeps_the_other_laws_with_commands_that_may_not_be_repeated() {
    let exceptions = [Law::Repeat, Law::UndoTwice, Law::UndoInDoubt];
    assert_exec("1\n", "echo 2 >> state", "sed -i '$d' state", "echo 2 >> state; exec sleep 300", &exceptions).await;
}

/// Keeps what was `PUT` until it is `DELETE`d. It serves one connection after the other, so that a request that nobody waits for any more
/// takes effect before the next one.
struct Shelf {
    port: u16,
    kept: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Shelf {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shelf = Self { port: listener.local_addr().unwrap().port(), kept: Arc::default() };
        let kept = shelf.kept.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A client that went away in the middle of its request is of no concern.
                let _ = serve(socket, &kept).await;
            }
        });
        shelf
    }

    fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What is kept, once everything that was sent before has been served.
    async fn list(&self) -> Value {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        socket.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        socket.read_to_string(&mut String::new()).await.unwrap();
        json!(*self.kept.lock().unwrap())
    }

    /// Empties it, once everything that was sent before has been served: a request whose sender was cut off may still be on its way.
    async fn clear(&self) {
        self.list().await;
        self.kept.lock().unwrap().clear();
    }
}

async fn serve(mut socket: TcpStream, kept: &Mutex<BTreeMap<String, String>>) -> std::io::Result<()> {
    let (read, mut write) = socket.split();
    let mut read = BufReader::new(read);
    let (mut line, mut length) = (String::new(), 0);
    read.read_line(&mut line).await?;
    loop {
        let mut header = String::new();
        read.read_line(&mut header).await?;
        match header.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
    match method {
        "PUT" => drop(kept.lock().unwrap().insert(path, String::from_utf8_lossy(&body).into_owned())),
        "DELETE" => drop(kept.lock().unwrap().remove(&path)),
        _ => {}
    }
    write.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await
}

#[tokio::test]
async fn http_keeps_the_laws_with_requests_that_may_be_repeated() {
    let (folder, shelf) = (tempfile::tempdir().unwrap(), Shelf::open().await);
    // Takes connections and never answers.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let calls = calls(
        "http",
        json!({"url": shelf.at("/flags/search"), "method": "PUT", "body": "100"}),
        json!({"url": shelf.at("/flags/search"), "method": "DELETE"}),
        json!({"url": format!("http://{}/flags/search", mute.local_addr().unwrap()), "method": "PUT", "body": "100"}),
    );
    let observe = || -> BoxFuture<'_, Value> { Box::pin(shelf.list()) };
    let reset = || -> BoxFuture<'_, ()> { Box::pin(shelf.clear()) };
    assert_laws(&HttpAction::new(), &calls, &[], folder.path(), &observe, &reset).await;
}

fn sql_calls(engine: &str, connection: &str, hangs: &str) -> Calls {
    // A session that nobody waits for any more ends at the statement timeout at the latest, well within what the test waits for it.
    let input =
        |text: &str| json!({"engine": engine, "connection": connection, "text": text, "lockTimeoutMs": 5_000, "statementTimeoutMs": 8_000});
    calls(
        "sql",
        // Neither statement may be repeated by itself: what keeps them from it is the key of the round.
        input("insert into t values (1); create table extra (x int); insert into t values (2)"),
        input("drop table if exists extra; delete from t"),
        input(&format!("insert into t values (3); {hangs}")),
    )
}

#[tokio::test]
async fn sql_keeps_the_laws_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let open = || rusqlite::Connection::open(folder.path().join("app.db")).unwrap();
    let endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n";
    let calls = sql_calls("sqlite", "path:app.db", endless);
    let observe = || -> BoxFuture<'_, Value> {
        Box::pin(async {
            let number = |query: &str| open().query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
            json!([number("select coalesce(sum(x), 0) from t"), number("select count(*) from sqlite_master where name = 'extra'")])
        })
    };
    let reset = || -> BoxFuture<'_, ()> {
        Box::pin(async {
            open().execute_batch("drop table if exists extra; create table if not exists t (x int); delete from t").unwrap();
        })
    };
    assert_laws(&SqlAction::new(), &calls, &[], folder.path(), &observe, &reset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_keeps_the_laws_on_postgresql() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Postgres::start());
    std::fs::write(folder.path().join("url"), server.url()).unwrap();
    let calls = sql_calls("postgres", "file:url", "select pg_sleep(300)");
    // A commit that nobody waits for may still be on its way.
    let sessions = || server.ask("select count(*) from pg_stat_activity where application_name = 'glidepath'");
    let observe = || -> BoxFuture<'_, Value> {
        Box::pin(async {
            eventually("the sessions of all attempts to end", || sessions() == "0").await;
            json!(server.ask("select coalesce(sum(x), 0), to_regclass('extra') from t"))
        })
    };
    let reset = || -> BoxFuture<'_, ()> {
        Box::pin(async {
            server.ask("drop table if exists extra; create table if not exists t (x int); delete from t");
        })
    };
    assert_laws(&SqlAction::new(), &calls, &[], folder.path(), &observe, &reset).await;
}

fn admin(socket: &str, command: &str) -> String {
    let mut socket = UnixStream::connect(socket).unwrap();
    socket.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Two servers that take connections and never answer, with one session on each.
struct Busy {
    router: Haproxy,
    _servers: [TcpListener; 2],
    _sessions: Vec<TcpStream>,
}

impl Busy {
    async fn start() -> Self {
        let servers = [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
        let [stable, canary] = servers.each_ref().map(|server| server.local_addr().unwrap().port());
        let router = Haproxy::start(&[("stable", stable), ("canary", canary)], "roundrobin");
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let mut session = TcpStream::connect(("127.0.0.1", router.port)).await.unwrap();
            session.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
            sessions.push(session);
        }
        let socket = router.socket("admin.sock");
        let busy = || {
            let stat = admin(&socket, "show stat");
            // The fifth column is the number of sessions now.
            let sessions =
                |server: &str| stat.lines().any(|l| l.starts_with(&format!("payments,{server},")) && l.split(',').nth(4) == Some("1"));
            sessions("stable") && sessions("canary")
        };
        eventually("a session on each server", busy).await;
        Self { router, _servers: servers, _sessions: sessions }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_keeps_the_laws() {
    let (folder, busy) = (tempfile::tempdir().unwrap(), Busy::start().await);
    let socket = busy.router.socket("admin.sock");
    let input =
        |stable: u16, canary: u16| json!({"socket": socket, "backend": "payments", "weights": {"stable": stable, "canary": canary}});
    let mut hangs = input(60, 40);
    hangs.as_object_mut().unwrap().extend([("drain".to_owned(), json!(["canary"])), ("drainMaxMs".to_owned(), json!(300_000))]);
    let calls = calls("haproxy", input(75, 25), input(100, 0), hangs);
    let observe = || -> BoxFuture<'_, Value> {
        Box::pin(async {
            let weight = |server: &str| admin(&socket, &format!("get weight payments/{server}")).trim().to_owned();
            json!([weight("stable"), weight("canary")])
        })
    };
    let reset = || -> BoxFuture<'_, ()> {
        Box::pin(async {
            for (server, weight) in [("stable", 100), ("canary", 0)] {
                admin(&socket, &format!("set server payments/{server} weight {weight}"));
            }
        })
    };
    assert_laws(&HaproxyAction::new(), &calls, &[], folder.path(), &observe, &reset).await;
}

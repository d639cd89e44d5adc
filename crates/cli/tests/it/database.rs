//! Expand, backfill, contract: flown by the program on a real PostgreSQL, together with the code that needs the new column.

use crate::harness::{Project, Said, wait_for};
use glidepath_testkit::servers::Postgres;
use serde_json::Value;

/// The first step of the code.
const DEPLOY_STEP: &str = "production/payments/here/stage-1/deploy-payments-1";
/// The password of the database; nobody but PostgreSQL, the program and its deploy script may ever see it.
const PASSWORD: &str = "hunter2-of-the-ledger";
/// How often the database step is tried.
const TRIES: usize = 5;

/// A fleet of two hosts whose code needs a column that a migration brings, and the database with three payments.
struct Shop {
    server: Postgres,
    project: Project,
}

impl Shop {
    fn new() -> Self {
        let server = Postgres::start_with_password(PASSWORD);
        server.ask(
            "create table payments (id int primary key, cents text not null); insert into payments values (1, '1'), (2, '2'), (3, '3')",
        );
        let project = Project::fleet(&["payments"], 2, 10);
        let catalog = project.read("catalog/services.yaml");
        assert_eq!(catalog.matches("\" ] } }\n  health").count() + catalog.matches("\" ] }\n    timeout: 20s").count(), 2, "{catalog}");
        let secret = "secrets: { PGPASSWORD: \"env:LEDGER_PASSWORD\" }";
        let catalog = catalog
            .replace("  owner: group:default/fleet-team\n", "  owner: group:default/fleet-team\n  dependsOn: [ \"resource:ledger\" ]\n")
            .replace("\" ] }\n    timeout: 20s", &format!("\" ], {secret} }}\n    timeout: 3s"))
            .replace("\" ] } }\n  health", &format!("\" ], {secret} }} }}\n  health"));
        project.write("catalog/services.yaml", &(catalog + LEDGER));
        project.write("changes/upgrade.yaml", CHANGE);
        project.write("migrations/expand.sql", EXPAND);
        project.write("migrations/backfill.sql", BACKFILL);
        project.write("migrations/contract.sql", CONTRACT);
        let ask = format!("{} -XqtA -h 127.0.0.1 -p {} -U postgres -d postgres", Postgres::psql_path().display(), server.port);
        project.write("scripts/deploy.sh", &DEPLOY.replace("ASK", &ask));
        project.write("scripts/health.sh", HEALTH);
        let url = server.url();
        let project = project.with_variable("LEDGER_URL", &url).with_variable("LEDGER_PASSWORD", PASSWORD);
        Self { server, project }
    }

    fn columns(&self) -> String {
        self.server
            .ask("select string_agg(column_name, ' ' order by column_name) from information_schema.columns where table_name = 'payments'")
    }

    /// What the flight card says of the database.
    fn card_line(&self) -> String {
        let card = self.project.ok(&["card", &self.project.run_id()], 0).out;
        let line = card.lines().find(|line| line.trim_start().starts_with("ledger "));
        line.unwrap_or_else(|| panic!("{card}")).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn versions(&self) -> [String; 2] {
        ["payments-1", "payments-2"].map(|host| self.project.read(&format!("versions/{host}")).trim().to_owned())
    }

    /// Flies the change to an end with this exit code; meanwhile no command line of the machine may show the password.
    #[track_caller]
    fn fly(&self, code: i32) {
        let mut run = self.project.start(&["run", "upgrade", "--yes"]);
        let ended = loop {
            assert_eq!(shown_on_command_lines(PASSWORD), None);
            if let Some(status) = run.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        assert_eq!(ended.code(), Some(code), "{}", self.project.read("run.log"));
    }

    /// The password is in no file of the state folder and in no answer of the program.
    fn assert_secret_is_kept(&self, step: &str) {
        let found = self.project.files_with(PASSWORD.as_bytes());
        assert!(found.is_empty(), "the password is in {found:?}");
        let run = self.project.run_id();
        for words in [
            &["plan", "upgrade", "--format", "json", "--accept-stale"][..],
            &["plan", "upgrade", "--format", "html", "--accept-stale"],
            &["status", &run],
            &["logs", &run],
            &["logs", &run, "--step", step],
            &["audit", "export", &run],
            &["history", &run, "--format", "json"],
            &["history", &run, "--format", "markdown"],
            &["card", &run],
        ] {
            let Said { out, err, .. } = self.project.say(words);
            assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "glidepath {words:?} shows the password");
            assert!(!out.is_empty() || !err.is_empty(), "glidepath {words:?} says nothing");
        }
    }
}

/// A command line on this machine that holds the text.
fn shown_on_command_lines(text: &str) -> Option<String> {
    let lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).find(|line| line.contains(text))
}

fn ends(events: &[Value]) -> &Value {
    &events.iter().rev().find(|e| e["event"]["kind"] == "runEnded").unwrap()["event"]
}

fn reasons_of(events: &[Value], step: &str) -> Vec<String> {
    let of_step =
        |e: &&Value| e["event"]["kind"] == "attemptEnded" && e["event"]["attempt"]["step"].as_str().is_some_and(|s| s.ends_with(step));
    events.iter().filter(of_step).map(|e| e["event"]["outcome"].to_string()).collect()
}

#[test]
fn the_schema_is_expanded_and_filled_before_the_code_and_the_contract_waits_for_its_day() {
    let shop = Shop::new();
    let plan: Value = serde_json::from_str(&shop.project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    let contract = plan["body"]["followUps"].as_array().unwrap().iter().find(|f| f["command"] == "glidepath plan upgrade-contract");
    assert_eq!(contract.unwrap()["notBeforeMs"], 7 * 24 * 3600 * 1000, "{contract:?}");
    let document = shop.project.ok(&["plan", "upgrade", "--format", "markdown"], 0).out;
    assert!(document.contains("Contract the schema of ledger") && document.contains("7 d"), "{document}");

    shop.fly(0);
    assert_eq!(shop.project.read("saw.log"), "payments-1 2.0.0 saw 3 of 3\npayments-2 2.0.0 saw 3 of 3\n");
    assert_eq!(shop.columns(), "cents currency id", "the contract half was run");
    assert_eq!(shop.server.ask("select count(*) from glidepath_applied"), "2");
    assert_eq!(shop.versions(), ["2.0.0", "2.0.0"]);
    let run = shop.project.run_id();
    assert_eq!(shop.card_line(), "ledger production migrations/expand.sql 100 %");
    let record = shop.project.ok(&["history", &run, "--format", "markdown"], 0).out;
    assert!(record.contains("Contract the schema of ledger"), "{record}");
    shop.assert_secret_is_kept(DEPLOY_STEP);
}

#[test]
fn code_that_is_sick_after_the_expansion_goes_back_and_the_expansion_stays_by_name() {
    let shop = Shop::new();
    shop.project.write("sick", "2.0.0\n");
    shop.fly(1);
    assert_eq!(shop.versions(), ["1.0.0", "1.0.0"]);
    assert!(shop.project.read("saw.log").contains("payments-1 2.0.0 saw 3 of 3\n"), "{}", shop.project.read("saw.log"));
    assert_eq!(shop.columns(), "cents currency id");
    assert_eq!(shop.card_line(), "ledger production migrations/expand.sql 100 %");
    let events = shop.project.events();
    let left = ends(&events)["leftovers"].to_string();
    assert!(left.contains("Expand the schema of ledger") && left.contains("Fill the new columns of ledger"), "{left}");
    let record = shop.project.ok(&["history", &shop.project.run_id(), "--format", "markdown"], 0).out;
    let stays = record.split("## ").find(|section| section.contains("What stays and what follows")).unwrap_or_else(|| panic!("{record}"));
    assert!(stays.contains("Expand the schema of ledger"), "{stays}");
    shop.assert_secret_is_kept(DEPLOY_STEP);
}

#[test]
fn a_lock_that_somebody_holds_ends_the_flight_in_bounded_time_with_nothing_half_done() {
    let shop = Shop::new();
    let holder = shop.server.lock("payments");
    let begun = std::time::Instant::now();
    shop.fly(1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it took {:?}", begun.elapsed());
    drop(holder);
    let reasons = reasons_of(&shop.project.events(), "/expand");
    assert_eq!(reasons.len(), TRIES, "{reasons:?}");
    assert!(reasons.iter().all(|r| r.contains("GP0573") && r.contains("expand.sql")), "{reasons:?}");
    assert!(shop.project.read("run.log").contains("GP0573"), "{}", shop.project.read("run.log"));
    assert_eq!(shop.server.ask("select to_regclass('currencies') is null and to_regclass('glidepath_applied') is null"), "t");
    assert_eq!(shop.columns(), "cents id");
    assert_eq!(shop.card_line(), "ledger production before the expansion 100 %");
    assert_eq!((shop.versions(), shop.project.read("saw.log")), (["1.0.0", "1.0.0"].map(str::to_owned), String::new()));
    shop.assert_secret_is_kept("production/ledger/expand");

    // The same change flies once the lock is gone.
    shop.fly(0);
    assert_eq!(shop.columns(), "cents currency id");
}

#[test]
fn a_backfill_that_is_killed_between_its_batches_goes_on_and_doubles_none() {
    let shop = Shop::new();
    shop.server.ask("insert into payments select n, n::text from generate_series(4, 400) n");
    shop.project.write("migrations/expand.sql", &format!("{EXPAND}alter table payments add column seen int not null default 0;\n"));
    let counted = "update payments set currency = 'EUR', seen = seen + 1 where id between :first and :last;\n";
    shop.project.write("migrations/backfill.sql", counted);
    shop.project.write("migrations/verify.sql", "select count(*) from payments where currency is null;\n");
    let in_batches = "{ sql: migrations/backfill.sql, batches: { table: payments, by: id, size: 20, pause: 100ms }, verify: { sql: migrations/verify.sql, expectText: \"0\" } }";
    shop.project.write("changes/upgrade.yaml", &CHANGE.replace("backfill: migrations/backfill.sql", &format!("backfill: {in_batches}")));
    let batches = || {
        let there = shop.server.ask("select to_regclass('glidepath_progress') is not null") == "t";
        if there { shop.server.ask("select coalesce(max(batches), 0) from glidepath_progress").parse::<u32>().unwrap() } else { 0 }
    };
    let mut run = shop.project.start(&["run", "upgrade", "--yes"]);
    for kills in 1..=3 {
        wait_for("a few more batches", || batches() >= kills * 4);
        // The runner, its guard and whatever else works for it, all at once.
        shop.project.end_processes();
        let _ = run.wait();
        run = shop.project.start(&["resume"]);
    }
    assert_eq!(run.wait().unwrap().code(), Some(0), "{}", shop.project.read("run.log"));
    assert_eq!(shop.server.ask("select min(seen) || ' ' || max(seen) || ' ' || count(currency) from payments"), "1 1 400");
    assert_eq!(shop.server.ask("select batches || ' ' || changed from glidepath_progress"), "20 400");
    assert!(shop.project.read("saw.log").contains("payments-1 2.0.0 saw 400 of 400\n"), "{}", shop.project.read("saw.log"));
    assert!(shop.project.events().iter().any(|e| e.to_string().contains("20 batches, 400 rows changed")));
}

#[test]
fn a_migration_that_cannot_work_is_tried_once_and_named_by_line() {
    for (file, text, line, kept) in [
        ("expand", "create table currencies (code text);\nalter table payments ad column currency text;\n", 2, "cents id"),
        ("backfill", "update payments set currency = 'EUR';\nupdate payments set curency = 'EUR';\n", 2, "cents currency id"),
    ] {
        let shop = Shop::new();
        shop.project.write(&format!("migrations/{file}.sql"), text);
        shop.fly(1);
        let reasons = reasons_of(&shop.project.events(), &format!("/{file}"));
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        let place = format!("{file}.sql line {line}");
        assert!(reasons[0].contains("GP0574") && reasons[0].contains(&place), "{reasons:?}");
        assert!(shop.project.read("run.log").contains(&place), "{}", shop.project.read("run.log"));
        assert_eq!(shop.columns(), kept);
        let half = if file == "expand" {
            "select to_regclass('currencies') is not null"
        } else {
            "select bool_or(currency is not null) from payments"
        };
        assert_eq!(shop.server.ask(half), "f", "{file} is half done");
        assert_eq!((shop.versions(), shop.project.read("saw.log")), (["1.0.0", "1.0.0"].map(str::to_owned), String::new()));
        shop.assert_secret_is_kept(&format!("production/ledger/{file}"));
    }
}

const LEDGER: &str = "\
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: { name: ledger }
spec: { type: database, owner: group:default/fleet-team }
---
apiVersion: glidepath.dev/v1
kind: Target
metadata: { name: ledger-production }
spec:
  component: ledger
  environment: production
  infrastructure: database
  database: { engine: postgres, connection: \"env:LEDGER_URL\", lockTimeout: 300ms, statementTimeout: 10s }
  health: { sql: { text: select 1, expectText: \"1\" } }
";

const CHANGE: &str = "\
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: upgrade }
spec:
  title: Payments know their currency
  reason: The tests need something to change
  environments: [ production ]
  owner: group:default/fleet-team
  items:
    - component: ledger
      type: schema
      expand: migrations/expand.sql
      backfill: migrations/backfill.sql
      contract: { sql: migrations/contract.sql, notBefore: 7d }
    - { component: payments, type: code, to: 2.0.0 }
";

/// Two statements, so that it can be seen whether one of them stays alone.
const EXPAND: &str = "create table currencies (code text primary key);\nalter table payments add column currency text;\n";
const BACKFILL: &str = "update payments set currency = 'EUR' where currency is null;\n";
const CONTRACT: &str = "alter table payments alter column currency set not null;\nalter table payments drop column cents;\n";

/// Writes down how many payments have a currency at the moment of the deploy, and babbles the secret.
const DEPLOY: &str = "\
#!/bin/sh
set -eu
echo \"the password is $PGPASSWORD\"
saw=$(ASK -c \"select count(to_jsonb(p)->>'currency') || ' of ' || count(*) from payments p\")
if [ \"$2\" = 2.0.0 ]; then echo \"$1 $2 saw $saw\" >> saw.log; fi
echo \"$2\" > \"versions/$1\"
";

/// Healthy unless it runs the version in the file `sick`.
const HEALTH: &str = "\
#!/bin/sh
test \"$(cat \"versions/$1\")\" != \"$(cat sick 2>/dev/null)\"
";

/// The example that is saved and tried by the programs of PostgreSQL, with the connections of this server.
fn by_its_own_programs(server: &Postgres) -> Project {
    let project = Project::example("database");
    let path = format!("{}:{}", Postgres::psql_path().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let project = project.with_variable("PATH", &path).with_variable("ORDERS_DB", &server.database("orders"));
    services(&project, server.port);
    project
}

/// Writes the connections; backups are restored at this port.
fn services(project: &Project, restore_port: u16) {
    let url = project.variable("ORDERS_DB");
    let port = url.rsplit_once(':').and_then(|(_, rest)| rest.split_once('/')).unwrap().0.to_owned();
    let service =
        |name: &str, port: &str, database: &str| format!("[{name}]\nhost=127.0.0.1\nport={port}\nuser=postgres\ndbname={database}\n");
    let text = service("orders", &port, "orders") + &service("orders-restore", &restore_port.to_string(), "postgres");
    project.write("state/pg_service.conf", &text);
}

fn backups(project: &Project) -> usize {
    let names =
        std::fs::read_dir(project.path().join("state/backups")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with("Z.dump")).count()
}

#[test]
fn a_database_is_saved_and_its_backup_restored_by_exact_commands_before_anything_goes() {
    let server = Postgres::start();
    let project = by_its_own_programs(&server);
    let ask = |statement: &str| {
        let url = project.variable("ORDERS_DB");
        let asked = std::process::Command::new(Postgres::psql_path()).args(["-XqtA", "-c", statement, url]).output().unwrap();
        String::from_utf8_lossy(&asked.stdout).trim().to_owned()
    };
    ask("create table orders (id serial primary key, remark text); insert into orders (remark) values ('at the door')");
    let columns =
        || ask("select string_agg(column_name, ' ' order by column_name) from information_schema.columns where table_name = 'orders'");
    project.ok(&["validate", "--live"], 0);
    let said = project.ok(&["plan", "notes", "--format", "json"], 0).out;
    let commands =
        "no adapter for health, backup and restore test of a database yet, so exact psql, pg_dump and pg_restore commands are used";
    assert!(said.contains(commands), "{said}");
    project.ok(&["run", "notes", "--yes"], 0);
    assert_eq!((columns().as_str(), backups(&project)), ("id note remark", 1));

    let contract = project.read("changes/notes-contract.yaml");
    project.write("changes/notes-contract.yaml", &contract.replace("notBefore: 7d", "notBefore: 1ms"));
    // The server on which backups are tried does not answer: nobody is asked, and nothing goes.
    services(&project, 1);
    project.ok(&["run", "notes-contract", "--yes"], 1);
    assert_eq!(columns(), "id note remark");
    services(&project, server.port);
    let mut run = project.start(&["run", "notes-contract", "--yes"]);
    wait_for("the question whether it may", || project.ok(&["status"], 0).out.contains("drop column if exists remark"));
    project.ok(&["promote", "--reason", "the backup is good"], 0);
    assert_eq!(run.wait().unwrap().code(), Some(0), "{}", project.read("run.log"));
    assert_eq!(columns(), "id note");
    assert_eq!(server.ask("select count(*) from pg_database where datname like 'glidepath_restore_test%'"), "0");
}

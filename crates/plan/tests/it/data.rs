//! What a plan promises of a schema change, and what it refuses to promise.

use crate::fixture::*;
use glidepath_model::action::{OnUnknown, SqlBatches};
use glidepath_model::catalog::{Database, TableSize};
use glidepath_model::change::*;
use glidepath_model::facts::{DurationFact, Facts, Sourced};
use glidepath_model::plan::{CompensateOn, Plan, Step, Undo, Work};
use glidepath_model::{Diagnostic, Millis};
use glidepath_plan::{Planning, codes};
use serde_json::json;

const LOCK_TIMEOUT: Millis = Millis::from_secs(2);
const STATEMENT_TIMEOUT: Millis = Millis::from_secs(30);

/// `orders-db` on an engine, and a change of its schema.
pub(crate) fn schema(engine: &str, expand: DataStep, backfill: Option<DataStep>) -> (Change, Facts) {
    let mut db = target("orders-db", "production", Vec::new());
    db.database = Some(Database {
        engine: engine.to_owned(),
        connection: "env:ORDERS_DB".to_owned(),
        lock_timeout_ms: LOCK_TIMEOUT,
        statement_timeout_ms: STATEMENT_TIMEOUT,
        tables: std::collections::BTreeMap::new(),
    });
    let facts = facts(vec![component("orders-db", &[])], vec![db], &["production"]);
    let item = Item {
        component: "orders-db".into(),
        kind: ItemKind::Schema { expand, backfill, batches: None, verify: None, contract: None },
        strategy: None,
        declared_at: None,
    };
    (change(&["production"], vec![item]), facts)
}

pub(crate) fn sql(name: &str, text: &str) -> DataStep {
    DataStep::Sql { path: format!("migrations/{name}.sql"), text: text.to_owned() }
}

fn planning(expand: &str, backfill: Option<&str>) -> Planning {
    let (change, facts) = schema("postgres", sql("expand", expand), backfill.map(|text| sql("backfill", text)));
    planned(&change, &facts)
}

fn flown(expand: &str, backfill: Option<&str>) -> Plan {
    let planning = planning(expand, backfill);
    planning.plan.unwrap_or_else(|| panic!("{expand}: {:#?}", planning.diagnostics))
}

fn step<'a>(plan: &'a Plan, name: &str) -> &'a Step {
    plan.body.steps.iter().find(|s| s.id.as_str().ends_with(name)).unwrap()
}

fn undo(step: &Step) -> String {
    match &step.undo {
        Undo::LeaveInPlace { reason } => format!("stays: {reason}"),
        Undo::ForwardOnly { reason } => format!("one-way: {reason}"),
        Undo::Call { .. } | Undo::Nothing => "?".to_owned(),
    }
}

fn is_transaction(step: &Step) -> bool {
    let Work::Call(call) = &step.work else { panic!("{}", step.id) };
    call.input["transaction"].as_bool().unwrap()
}

#[test]
fn statements_that_break_the_running_version_are_refused_with_the_way_in_parts() {
    let text = "alter table payments drop column amount;\n  alter table payments alter column id type bigint;\nalter table payments rename column fee to cost;\n";
    let planning = planning(text, None);
    assert!(planning.plan.is_none());
    let told: Vec<&Diagnostic> = planning.diagnostics.iter().filter(|d| d.code == codes::STATEMENT_UNFIT).collect();
    assert_eq!(told.len(), 3, "{:#?}", planning.diagnostics);
    assert_eq!(
        told[0].message,
        "migrations/expand.sql line 1 drops amount of payments with what it holds, while the running version uses it."
    );
    assert!(told[0].hint.contains("in `contract`: `alter table payments drop column amount`"), "{}", told[0].hint);
    let place = told[1].place.as_ref().unwrap();
    assert_eq!((place.line, place.column, place.snippet.as_str()), (2, 3, "  alter table payments alter column id type bigint;"));
    for part in [
        "`alter table payments add column id_new BIGINT`",
        "write both",
        "`update payments set id_new = id where id_new is null`",
        "`alter table payments drop column id`",
    ] {
        assert!(told[1].hint.contains(part), "{part}: {}", told[1].hint);
    }
    assert!(told[2].hint.contains("add column cost TYPE"), "{}", told[2].hint);
    assert!(told.iter().all(|d| d.reason.contains("after a rollback")));
}

/// Expansion, backfill, and part of what refuses them.
const REFUSED: &[(&str, &str, &str)] = &[
    ("drop table payments", "", "expand.sql line 1 drops the table payments"),
    ("update payments set fee = 0 where fee is null", "", "expand.sql line 1 fills what was empty in payments.fee"),
    ("insert into rates values (1)", "", "expand.sql line 1 adds rows to rates"),
    ("update payments set fee = 0", "", "expand.sql line 1 overwrites payments.fee"),
    ("select 1", "delete from payments where old", "backfill.sql line 1 takes rows of payments away"),
    ("select 1", "alter table payments alter fee set not null", "backfill.sql line 1 asks for a value of payments.fee"),
    ("select 1", "select 1;\nset statement_timeout = 0", "backfill.sql line 2 sets statement_timeout itself"),
    ("create temp table payments (id int); delete from public.payments", "", "expand.sql line 1 takes rows of public.payments away"),
    ("alter table payments add column if not exists fee int; update payments set fee = 0", "", "expand.sql line 1 overwrites payments.fee"),
    ("create temp table payments (id int)", "truncate payments", "backfill.sql line 1 empties payments"),
    (
        "create table n (p int references payments); insert into n select id from payments",
        "",
        "expand.sql line 1 lets rows of n refer to payments",
    ),
    ("begin; alter table payments add column c int; commit", "", "expand.sql line 1 begins or ends a transaction itself"),
];

#[test]
fn what_does_not_belong_into_a_half_is_refused_there() {
    for (expand, backfill, expected) in REFUSED {
        let planning = planning(expand, Some(*backfill).filter(|text| !text.is_empty()));
        assert!(planning.plan.is_none(), "{expected}");
        let told =
            planning.diagnostics.iter().find(|d| d.message.contains(expected)).unwrap_or_else(|| panic!("{:#?}", planning.diagnostics));
        assert!(told.code == codes::STATEMENT_UNFIT && !told.reason.is_empty() && !told.hint.is_empty(), "{told:#?}");
    }
}

/// Expansion, backfill, and what a rollback does with the last of them.
const WAYS_BACK: &[(&str, &str, &str)] = &[
    ("alter table payments add column c int", "", "stays: additive: the old version does not look at it"),
    (
        "alter table payments alter fee drop not null",
        "",
        "stays: the old version works on with it; it lets payments.fee be empty, which the running version may not expect",
    ),
    ("alter tabel payments add column c int", "", "one-way: what it does could not be read"),
    ("do $$ begin execute 'drop table payments'; end $$", "", "one-way: what it does could not be read"),
    ("select drop_everything()", "", "one-way: what it does could not be read"),
    (
        "alter table payments add column c int",
        "update payments set c = 1 where c is null",
        "stays: additive: it fills only what the expansion added",
    ),
    (
        "select 1",
        "update payments set fee = 1 where fee is null",
        "stays: the old version works on with it; it fills what was empty in payments.fee",
    ),
    (
        "alter table payments add column if not exists fee int",
        "update payments set fee = 1",
        "one-way: it overwrites payments.fee, which this change did not add",
    ),
    (
        "create table n (p int references payments)",
        "insert into n select id from payments on conflict do nothing",
        "stays: the old version works on with it; it lets rows of n refer to payments, so that the running version can no longer delete what they refer to",
    ),
    ("create table n as select payments.fee from payments", "", "one-way: what it does could not be read"),
    ("select 1", "update payments set fee = 1 where fee = 2", "one-way: it overwrites payments.fee, which this change did not add"),
    (
        "create table if not exists rates (id int primary key); insert into rates values (1) on conflict do nothing",
        "",
        "stays: additive: the old version does not look at it",
    ),
];

#[test]
fn a_rollback_is_promised_only_across_what_was_read_to_be_harmless() {
    for (expand, backfill, expected) in WAYS_BACK {
        let backfill = Some(*backfill).filter(|text| !text.is_empty());
        let plan = flown(expand, backfill);
        let step = step(&plan, if backfill.is_some() { "/backfill" } else { "/expand" });
        assert_eq!(undo(step), *expected, "{expand}");
        assert_eq!(plan.body.envelope.one_way.contains(&step.id), expected.starts_with("one-way"), "{expand}");
        let is_unread = plan.findings.iter().any(|d| d.code == codes::STATEMENT_UNREAD);
        assert_eq!(is_unread, expected.contains("could not be read"), "{:#?}", plan.findings);
    }
}

#[test]
fn a_command_is_left_in_place_on_the_word_of_the_change_and_the_plan_says_so() {
    let exec = DataStep::Exec { argv: vec!["./migrate.sh".to_owned(), "{environment}".to_owned()] };
    let (change, facts) = schema("postgres", exec, None);
    let plan = plan_of(&change, &facts);
    assert_eq!(undo(step(&plan, "/expand")), "stays: on the word of the change; what its command does was not read");
    let finding = plan.findings.iter().find(|d| d.code == codes::STATEMENT_UNREAD).unwrap();
    assert_eq!(finding.message, "What `./migrate.sh production` does to orders-db is not read.");
}

#[test]
fn a_comment_does_not_turn_the_transaction_off_and_a_concurrent_index_does() {
    let plan = flown("-- not concurrently\nalter table payments add column if not exists c int; select 'a;b;c';", None);
    let expand = step(&plan, "/expand");
    assert!(is_transaction(expand));
    assert_eq!(expand.on_unknown, OnUnknown::Rerun);
    assert_eq!(expand.timeout_ms, Millis(2 * STATEMENT_TIMEOUT.0).plus(Millis::from_secs(30)), "two statements");
    let plan = flown("create index concurrently if not exists i on payments (c)", None);
    let expand = step(&plan, "/expand");
    assert!(!is_transaction(expand));
    assert_eq!(expand.on_unknown, OnUnknown::Ask, "no key tells whether it was applied");
    let finding = plan.findings.iter().find(|d| d.code == codes::UNKNOWN_ASKS).unwrap();
    assert!(finding.hint.contains("in a file of its own"), "{}", finding.hint);
}

#[test]
fn the_plan_tells_who_waits_for_each_text() {
    for (engine, text, expected) in [
        ("postgres", "create table if not exists n (id int)", "migrations/expand.sql locks nothing that is in use."),
        (
            "postgres",
            "create table if not exists n (id int, c int); create index if not exists i on n (c)",
            "migrations/expand.sql: writes of n wait while it is read from end to end; no statement waits longer than 2 s for its lock.",
        ),
        (
            "postgres",
            "alter table a add column if not exists c int; alter table b add column if not exists c int",
            "migrations/expand.sql: reads and writes of a, b wait for moments; no statement waits longer than 2 s for its lock.",
        ),
        (
            "postgres",
            "alter table a add column if not exists c int; create index if not exists i on b (d)",
            "migrations/expand.sql: reads and writes of a wait until the last statement is done; writes of b wait while it is read from end to end; no statement waits longer than 2 s for its lock.",
        ),
        (
            "postgres",
            "alter table a add column if not exists c uuid default gen_random_uuid()",
            "migrations/expand.sql: reads and writes of a wait while it is written anew; no statement waits longer than 2 s for its lock.",
        ),
        (
            "sqlite",
            "create table n (id int); insert into n values (1)",
            "migrations/expand.sql: SQLite locks the whole file: nobody else writes to any table of it until the text is done, and reads wait for the moment of its commit, or not at all under write-ahead logging; it waits 2 s at most for its own turn.",
        ),
    ] {
        let (change, facts) = schema(engine, sql("expand", text), None);
        let plan = plan_of(&change, &facts);
        assert!(plan.derived.iter().any(|sentence| sentence == expected), "{expected}\n{:#?}", plan.derived);
    }
}

#[test]
fn a_long_lock_is_named_with_the_way_around_it() {
    let plan = flown("create index if not exists i on payments (c)", None);
    let finding = plan.findings.iter().find(|d| d.code == codes::LOCK_UNKNOWN).unwrap();
    assert!(finding.hint.starts_with("`create index concurrently i`"), "{}", finding.hint);
    assert!(finding.hint.ends_with("`select pg_size_pretty(pg_total_relation_size('payments'))`."), "{}", finding.hint);
}

#[test]
fn a_short_lock_before_a_long_statement_is_a_long_lock() {
    let plan = flown("alter table payments add column if not exists c int;\nupdate payments set c = 1 where c is null", None);
    let finding = plan.findings.iter().find(|d| d.code == codes::LOCK_UNKNOWN).unwrap();
    assert_eq!(
        finding.message,
        "migrations/expand.sql line 1 locks payments, and the transaction keeps it locked until line 2 is done, for nobody knows how long."
    );
}

#[test]
fn the_contract_half_follows_as_a_change_that_says_what_is_known_and_asks_the_rest() {
    let (mut change, mut facts) = schema("postgres", sql("expand", "select 1"), None);
    if let ItemKind::Schema { contract, .. } = &mut change.items[0].kind {
        *contract =
            Some(ContractStep { step: sql("contract", "alter table payments drop column fee"), not_before_ms: Millis::from_mins(90) });
    }
    for name in ["payments", "reports"] {
        let mut user = component(name, &["orders-db"]);
        user.name = name.into();
        facts.catalog.components.insert(name.into(), user);
    }
    let hosts = target("payments", "production", vec![region("default", "pay", 2, false)]);
    facts.catalog.targets.insert(hosts.name.clone(), hosts);
    observe(&mut facts, "1.0.0");
    change.items.push(version("payments", "1.1.0"));
    let plan = plan_of(&change, &facts);
    let follow_up = plan.body.follow_ups.iter().find(|f| f.title.starts_with("Contract")).unwrap();
    assert_eq!(follow_up.command, "glidepath plan checkout-contract");
    let file = follow_up.file.as_ref().unwrap();
    assert_eq!(file.name, "checkout-contract.yaml");
    assert_eq!(
        file.text,
        "# What nobody needs any more once checkout has landed everywhere. One-way: look at `readers` before it is planned.
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: checkout-contract }
spec:
  title: \"Contract after: Checkout\"
  environments: [ production ]
  owner: \"group:default/shop-team\"
  items:
    - component: orders-db
      type: contract
      of: checkout
      contract: { sql: \"migrations/contract.sql\", notBefore: 90m }
      # When its backup was last restored in a test, as not every target declares restoreTest.
      # restoreTested: { at: TIME, evidence: WHERE }
      # For each component that uses orders-db, the first version that does without what goes.
      readers:
        payments: \"1.1.0\"
        # reports: VERSION
"
    );
}

const BOUNDED: &str = "update payments set c = 'x' where c is null and id between :first and :last";

/// A backfill in batches, checked by `verify`.
fn in_batches(engine: &str, lag_max_ms: Option<Millis>, verify: &str) -> Planning {
    let (mut change, facts) = schema(engine, sql("expand", "alter table payments add column c text"), Some(sql("backfill", BOUNDED)));
    if let ItemKind::Schema { batches, verify: check, .. } = &mut change.items[0].kind {
        let each =
            SqlBatches { table: "payments".to_owned(), by: "id".to_owned(), size: 500, pause_ms: Millis(250), lag_max_ms, lag_query: None };
        *batches = Some(Batches { each, within_ms: Millis::from_mins(120) });
        *check = Some(DataCheck { path: "verify.sql".to_owned(), text: verify.to_owned(), expect_text: "0".to_owned() });
    }
    planned(&change, &facts)
}

#[test]
fn a_backfill_in_batches_is_checked_before_the_code_goes_out() {
    let planning = in_batches("postgres", Some(Millis::from_secs(5)), "select count(*) from payments where c is null");
    let plan = planning.plan.unwrap_or_else(|| panic!("{:#?}", planning.diagnostics));
    let backfill = step(&plan, "/backfill");
    let Work::Call(call) = &backfill.work else { panic!() };
    assert_eq!(call.input["batches"], json!({"table": "payments", "by": "id", "size": 500, "pauseMs": 250, "lagMaxMs": 5000}));
    assert_eq!((backfill.timeout_ms, backfill.compensate_on), (Millis::from_mins(120), CompensateOn::Attempt));
    assert_eq!(undo(backfill), "stays: additive: it fills only what the expansion added");
    let check = step(&plan, "/verify-data");
    assert_eq!(check.needs, std::slice::from_ref(&backfill.id));
    let Work::Call(call) = &check.work else { panic!() };
    assert_eq!((call.input["expectText"].as_str(), call.input["path"].as_str()), (Some("0"), Some("verify.sql")));
    let told = "migrations/backfill.sql goes through payments on orders-db-production by id, 500 rows at a time, each batch a transaction of its own; between two of them it rests 250 ms and until replicas are at most 5 s behind. After a failure it goes on where it was.";
    assert!(plan.derived.iter().any(|sentence| sentence == told), "{:#?}", plan.derived);
}

/// A backfill of that text in batches that rest so long, within 12 hours.
fn of_batches(text: &str, pause_ms: Millis) -> Planning {
    let (change, facts) = with_batches(text, pause_ms);
    planned(&change, &facts)
}

fn with_batches(text: &str, pause_ms: Millis) -> (Change, Facts) {
    let (mut change, facts) = schema("postgres", sql("expand", "alter table payments add column c text"), Some(sql("backfill", text)));
    if let ItemKind::Schema { batches, .. } = &mut change.items[0].kind {
        let each = SqlBatches { table: "payments".to_owned(), by: "id".to_owned(), size: 500, pause_ms, lag_max_ms: None, lag_query: None };
        *batches = Some(Batches { each, within_ms: Millis::from_mins(720) });
    }
    (change, facts)
}

#[test]
fn batches_that_never_end_are_refused() {
    for (text, expected) in [
        (
            "insert into payments (id) select id + 1000000 from payments where id between :first and :last",
            "migrations/backfill.sql line 1 adds rows to payments, through which its batches go: they would go on to the rows that they have made.",
        ),
        (
            "update payments\nset id = id + 1000000 where id between :first and :last",
            "migrations/backfill.sql line 1 changes id of payments, by which its batches go: they would come to the same rows again.",
        ),
    ] {
        let planning = of_batches(text, Millis(250));
        let told: Vec<(u16, &str)> = planning.diagnostics.iter().map(|d| (d.code.0, d.message.as_str())).collect();
        assert!(planning.plan.is_none() && told.contains(&(codes::STATEMENT_UNFIT.0, expected)), "{told:#?}");
    }
}

#[test]
fn batches_of_which_few_fit_into_their_time_are_told() {
    for (pause_ms, expected) in [
        (Millis(250), None),
        (Millis::from_mins(72), None),
        (
            Millis::from_mins(80),
            Some(
                "migrations/backfill.sql rests 1 h 20 min between two batches and may take 12 h in all: time for 5000 rows of payments at most.",
            ),
        ),
        (
            Millis::from_mins(8760 * 60),
            Some(
                "migrations/backfill.sql rests 365 d between two batches and may take 12 h in all: time for 500 rows of payments at most.",
            ),
        ),
    ] {
        let planning = of_batches(BOUNDED, pause_ms);
        let plan = planning.plan.unwrap_or_else(|| panic!("{:#?}", planning.diagnostics));
        let told = plan.findings.iter().find(|d| d.code == codes::BATCHES_FEW).map(|d| d.message.as_str());
        assert_eq!(told, expected, "{pause_ms}");
    }
}

#[test]
fn a_backfill_of_which_nobody_knows_the_rows_is_of_no_known_length() {
    let (change, mut facts) = with_batches(BOUNDED, Millis(250));
    let told = |facts: &Facts| {
        let found = plan_of(&change, facts).findings;
        found.into_iter().find(|finding| finding.code == codes::BACKFILL_UNTIMED).map(|finding| finding.message)
    };
    let words = "How long migrations/backfill.sql takes is not known, since nobody knows how many rows payments has: 10 s (95 %: 30 s) are counted for it.";
    assert_eq!(told(&facts).as_deref(), Some(words));
    // An earlier flight has shown it, or somebody has counted.
    let mut seen = facts.clone();
    let took = DurationFact { count: 3, p50_ms: Millis::from_mins(50), p95_ms: Millis::from_mins(60) };
    let key = step(&plan_of(&change, &facts), "/backfill").duration_key.clone().unwrap();
    seen.durations.insert(key, Sourced::observed(took, "store", now()));
    assert_eq!(told(&seen), None);
    let database = facts.catalog.targets.get_mut(&"orders-db-production".into()).unwrap().database.as_mut().unwrap();
    database.tables.insert("payments".to_owned(), TableSize { bytes: 1_000_000, rows: Some(20_000) });
    assert_eq!(told(&facts), None);
}

#[test]
fn batches_and_checks_that_cannot_do_what_they_are_for_are_refused() {
    for (engine, lag, verify, expected) in [
        ("sqlite", Some(Millis::from_secs(5)), "select 1", "orders-db-production is SQLite, which knows of no replicas."),
        ("postgres", None, "select 1;\ndelete from payments", "verify.sql line 2 does more than look: `delete from payments`."),
        ("postgres", None, "select 1;\nselct 2", "verify.sql line 2 could not be read (`selct 2`)"),
    ] {
        let planning = in_batches(engine, lag, verify);
        let told: Vec<&String> = planning.diagnostics.iter().map(|d| &d.message).collect();
        assert!(planning.plan.is_none() && told.len() == 1 && told[0].starts_with(expected), "{expected}\n{told:#?}");
    }
}

//! How long others wait for a table: told from its size, found where it is too long, refused where the statement could never be done.

use crate::fixture::*;
use glidepath_model::action::SqlBatches;
use glidepath_model::catalog::{Database, TableSize};
use glidepath_model::change::*;
use glidepath_model::facts::{Facts, MissingFact, Sourced};
use glidepath_model::{Code, Millis};
use glidepath_plan::{Planning, codes};
use std::collections::BTreeMap;

const MEGABYTE: u64 = 1_000_000;

fn sized(engine: &str, expand: &str, bytes: Option<u64>) -> (Change, Facts) {
    let mut db = target("orders-db", "production", Vec::new());
    db.database = Some(Database {
        engine: engine.to_owned(),
        connection: "env:ORDERS_DB".to_owned(),
        lock_timeout_ms: Millis::from_secs(2),
        statement_timeout_ms: Millis::from_secs(60),
        tables: BTreeMap::new(),
    });
    let mut facts = facts(vec![component("orders-db", &[])], vec![db], &["production"]);
    if let Some(bytes) = bytes {
        let size = Sourced::observed(TableSize { bytes, rows: Some(50_000) }, "asked", now());
        facts.targets.get_mut(&"orders-db-production".into()).unwrap().tables.insert("Payments".to_owned(), size);
    }
    let item = Item {
        component: "orders-db".into(),
        kind: ItemKind::Schema {
            expand: DataStep::Sql { path: "e.sql".to_owned(), text: expand.to_owned() },
            backfill: None,
            batches: None,
            verify: None,
            contract: None,
        },
        strategy: None,
        declared_at: None,
    };
    (change(&["production"], vec![item]), facts)
}

const INDEX: &str = "create index if not exists i on public.payments (c)";
const REWRITE: &str = "alter table payments add column if not exists c uuid default gen_random_uuid()";

/// What is said of locks: findings, refusals, and the sentence.
fn said(planning: &Planning) -> Vec<(Code, String)> {
    let plan = planning.plan.iter().flat_map(|plan| &plan.findings);
    let of_locks = |code: Code| [codes::LOCK_UNKNOWN, codes::LOCK_LONG].contains(&code);
    plan.chain(&planning.diagnostics).filter(|d| of_locks(d.code)).map(|d| (d.code, d.message.clone())).collect()
}

#[test]
fn a_lock_is_told_by_the_size_of_its_table_and_found_where_others_wait_too_long() {
    /// A statement, the bytes of its table where they are known, and what is found.
    type Case = (&'static str, Option<u64>, Option<(Code, &'static str)>);
    let cases: &[Case] = &[
        (INDEX, None, Some((codes::LOCK_UNKNOWN, "for nobody knows how long"))),
        (INDEX, Some(200 * MEGABYTE), None),
        (
            INDEX,
            Some(1_500 * MEGABYTE),
            Some((
                codes::LOCK_LONG,
                "e.sql line 1 reads the whole of public.payments while its writes wait, for about 15 s, at most 45 s (1.5 GB at 100 MB/s): longer than the 2 s that others may be kept waiting.",
            )),
        ),
        (
            REWRITE,
            Some(300 * MEGABYTE),
            Some((
                codes::LOCK_LONG,
                "e.sql line 1 rewrites the whole of payments while its reads and writes wait, for about 10 s, at most 30 s (300 MB at 30 MB/s): longer than the 2 s that others may be kept waiting.",
            )),
        ),
        (
            REWRITE,
            Some(30_000 * MEGABYTE),
            Some((
                codes::LOCK_LONG,
                "e.sql line 1 rewrites the whole of payments while its reads and writes wait, for about 16 min 40 s (30 GB at 30 MB/s), and the statement timeout of 1 min ends it before.",
            )),
        ),
        ("create index concurrently if not exists i on payments (c)", Some(30_000 * MEGABYTE), None),
        ("alter table payments add column if not exists c text", None, None),
    ];
    for (text, bytes, expected) in cases {
        let (change, facts) = sized("postgres", text, *bytes);
        let planning = planned(&change, &facts);
        let said = said(&planning);
        match expected {
            None => assert_eq!(said, [], "{text}"),
            Some((code, words)) => assert!(said.len() == 1 && said[0].0 == *code && said[0].1.contains(words), "{text}\n{said:#?}"),
        }
        let is_refused = bytes.is_some_and(|bytes| bytes > 10_000 * MEGABYTE) && text == &REWRITE;
        assert_eq!(planning.plan.is_none(), is_refused, "{text} {:#?}", planning.diagnostics);
        if is_refused {
            let hint = &planning.diagnostics[0].hint;
            assert!(hint.contains("alone is done at once"), "{hint}");
        }
    }
}

#[test]
fn why_a_size_is_not_known_is_told_with_the_query() {
    let (change, mut facts) = sized("postgres", INDEX, None);
    facts.missing.push(MissingFact {
        what: "size of the table public.payments on orders-db-production".to_owned(),
        why: "the secret env:ORDERS_DB is not set".to_owned(),
        target: Some("orders-db-production".into()),
        kind: "table".to_owned(),
    });
    let plan = plan_of(&change, &facts);
    let finding = plan.findings.iter().find(|d| d.code == codes::LOCK_UNKNOWN).unwrap();
    assert!(finding.hint.ends_with("It was asked, and did not tell: the secret env:ORDERS_DB is not set."), "{}", finding.hint);
}

#[test]
fn an_allowed_downtime_allows_a_lock_as_long() {
    let (mut change, facts) = sized("postgres", REWRITE, Some(300 * MEGABYTE));
    change.constraints.downtime_ms = Some(Millis::from_secs(30));
    assert_eq!(said(&planned(&change, &facts)), []);
}

#[test]
fn a_size_that_nobody_could_ask_for_is_taken_as_declared_and_what_was_seen_goes_first() {
    let (change, mut facts) = sized("postgres", INDEX, None);
    let database = only_target(&mut facts).database.as_mut().unwrap();
    database.tables.insert("payments".to_owned(), TableSize { bytes: 1_500 * MEGABYTE, rows: None });
    assert_eq!(said(&planned(&change, &facts))[0].0, codes::LOCK_LONG);
    let seen = Sourced::observed(TableSize { bytes: MEGABYTE, rows: None }, "asked", now());
    facts.targets.get_mut(&"orders-db-production".into()).unwrap().tables.insert("payments".to_owned(), seen);
    assert_eq!(said(&planned(&change, &facts)), []);
}

#[test]
fn what_large_tables_take_is_in_the_plan_and_in_its_duration() {
    let (change, facts) = sized("postgres", "create index concurrently if not exists i on payments (c)", Some(60_000 * MEGABYTE));
    let plan = plan_of(&change, &facts);
    let expected = "e.sql: reads and writes of payments go on while it is read from end to end (payments, 60 GB at 100 MB/s: 10 min, at most 30 min); no statement waits longer than 2 s for its lock.";
    assert!(plan.derived.iter().any(|sentence| sentence == expected), "{:#?}", plan.derived);
    let step = plan.body.steps.iter().find(|step| step.id.as_str().ends_with("/expand")).unwrap();
    assert_eq!(step.expected.p50_ms, Millis::from_secs(610));
    assert_eq!(step.expected.source, "default, never observed; 60 GB at 100 MB/s");
    assert!(plan.prediction.duration.p50_ms >= Millis::from_secs(610), "{:?}", plan.prediction.duration);
}

#[test]
fn a_backfill_in_batches_takes_as_long_as_its_rows_are_many() {
    let (mut change, facts) = sized("postgres", "alter table payments add column if not exists c text", Some(MEGABYTE));
    if let ItemKind::Schema { backfill, batches, .. } = &mut change.items[0].kind {
        let text = "update payments set c = 'x' where c is null and id between :first and :last";
        *backfill = Some(DataStep::Sql { path: "b.sql".to_owned(), text: text.to_owned() });
        let each = SqlBatches {
            table: "payments".to_owned(),
            by: "id".to_owned(),
            size: 1_000,
            pause_ms: Millis(400),
            lag_max_ms: Some(Millis::from_secs(5)),
            lag_query: None,
        };
        *batches = Some(Batches { each, within_ms: Millis::from_mins(60) });
    }
    let plan = plan_of(&change, &facts);
    let step = plan.body.steps.iter().find(|step| step.id.as_str().ends_with("/backfill")).unwrap();
    assert_eq!(step.expected.source, "default, never observed; 50000 rows in 50 batches, 100 ms each and 400 ms between them");
    assert_eq!(step.expected.p50_ms, Millis::from_secs(35));
    assert_eq!(step.timeout_ms, Millis::from_mins(60));
}

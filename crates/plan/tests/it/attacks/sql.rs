//! Statements that take something away or change what the running version meets, dressed up as additions. None of them may come out as a step of which
//! the plan says that the old version does not look at it.

use super::sound::sound;
use crate::data::{schema, sql};
use crate::fixture::planned;
use glidepath_model::plan::{Step, Undo};

/// Texts for PostgreSQL as an expansion.
const POSTGRES: &[&str] = &[
    // Comments.
    "/* only adds */ drop table payments",
    "-- only adds\r\ndrop table payments",
    "drop/**/table payments",
    "/* /* one in the other */ still */ drop table payments",
    "select 1 /* ; */; drop table payments",
    "alter table payments add column if not exists c int; -- drop nothing\ndrop table payments;",
    // Quotes.
    "select '--'; drop table payments",
    "select 'it''s; fine'; drop table payments",
    r"select '\'; drop table payments; --'",
    r"select E'\''; drop table payments; --'",
    "select \"a;b\"; drop table payments",
    "select \"a\"\";\"; drop table \"payments\"",
    "select U&'\\0027'; drop table payments; --'",
    "select $$;$$; drop table payments",
    "select $a$ $b$ ; $a$; drop table payments",
    "select $a$ $$ $a$; drop table payments; select $$ $$",
    // Bodies that nobody reads.
    "do $$ begin drop table payments; end $$",
    "do $x$ begin execute 'drop ' || 'table payments'; end $x$ language plpgsql",
    "do language plpgsql 'begin delete from payments; end'",
    "create function f() returns void language sql as $$ drop table payments $$; select f()",
    "create or replace function taken() returns int language sql as 'select 1'",
    "call wipe()",
    "prepare p as delete from payments; execute p",
    "select pg_terminate_backend(1)",
    "select dblink_exec('x', 'drop table payments')",
    "select query_to_xml('delete from payments returning *', true, true, '')",
    "select setval('payments_id_seq', 1)",
    "select lo_unlink(1)",
    // Calls that look like columns, or run on rows that are there.
    "select payments.wipe from payments",
    "select max(p.wipe) from payments p",
    "select (payments).wipe from payments",
    "create function wipe(payments) returns int language sql as 'delete from payments returning 1'; create table if not exists n as select payments.wipe from payments",
    "create materialized view if not exists m as select wipe()",
    "alter table payments add column if not exists c int default wipe()",
    "alter table payments add column if not exists c int generated always as (wipe(id)) stored",
    "create index if not exists i on payments (wipe(id))",
    // Writes within reads.
    "with gone as (delete from payments returning *) select * from gone",
    "create table if not exists old as with gone as (delete from payments returning *) select * from gone",
    "create table if not exists old as select wipe()",
    "create table if not exists n (id int); insert into n select wipe()",
    "create table if not exists n (id int); with u as (update payments set amount = 0 returning id) insert into n select id from u",
    "explain analyze delete from payments",
    "select * into fresh from payments; truncate payments",
    "copy payments from program 'cat /tmp/x'",
    "copy (select 1) to program 'sh'",
    // Many at once.
    "alter table payments add column if not exists c int, drop column amount",
    "alter table payments add column if not exists c int; alter table payments rename to p",
    ";;; drop table payments ;;;",
    "select 1; commit; drop table payments",
    "begin; drop table payments; rollback; alter table payments add column if not exists c int",
    // Where names lead.
    "select set_config('search_path', 'evil', false)",
    "alter role app set search_path = evil",
    "alter database shop set search_path = evil",
    "create or replace view payments_view as select 1",
    "alter table payments set schema attic",
    // What the running version meets from then on.
    "create trigger t before insert on payments for each row execute function f()",
    "create rule r as on insert to payments do instead nothing",
    "create policy p on payments using (false)",
    "alter table payments enable row level security",
    "alter table payments disable trigger all",
    "create unique index if not exists u on payments (card)",
    "alter table payments add constraint pk primary key (id)",
    "alter table payments alter column c type int using 0",
    "alter type mood rename value 'good' to 'bad'",
    "drop type mood",
    "alter sequence payments_id_seq restart",
    "revoke all on payments from app",
    "drop owned by app",
    "reassign owned by app to nobody",
    "drop table if exists payments, orders cascade",
    "merge into payments p using n on p.id = n.id when matched then delete",
    "insert into payments (id) values (1) on conflict (id) do update set amount = 0",
    // What is no statement.
    "\u{feff}drop table payments",
    "drop\u{a0}table payments",
    "dr\u{200b}op table payments",
    "\\i drop.sql",
    "drop table payments -- ;",
    "drop table payments\0",
];

/// Texts for SQLite.
const SQLITE: &[&str] = &[
    "attach database 'x' as y; drop table y.t",
    "pragma writable_schema = 1",
    "insert or replace into payments values (1)",
    "replace into payments values (1)",
    "create trigger t after insert on payments begin delete from payments; end",
    "create table n (id int); drop table payments",
    "detach y",
    "alter table payments rename to p",
    "delete from payments -- where",
    "select load_extension('x')",
];

/// Backfills that do more than fill what the expansion `add column c` added.
const BACKFILLS: &[&str] = &[
    "update payments set c = 1 where c is null; delete from payments",
    "update payments set c = 1, amount = 0 where c is null",
    "update payments p set amount = 0 from orders o where o.id = p.id",
    "update orders set c = 1 where c is null",
    "update \"Payments\" set c = 1 where c is null",
    "update other.payments set c = 1 where c is null",
    "set search_path to other; update payments set c = 1",
    "set local search_path = other, public; update payments set c = 1 where c is null",
    "update payments set c = wipe(c) where c is null",
    "update payments set c = (select wipe()) where c is null",
    "update payments set c = (payments).wipe where c is null",
    "with gone as (delete from payments returning id) update payments set c = 1 where c is null",
    "delete from payments where c is null",
    "truncate payments",
];

/// What a plan says where it takes a name with a dot for a column.
const GRANTED: &str = "taken for granted: payments.wipe is a column, not a function";

/// `t.name` is how one writes a column, and a call where there is none: what is promised under that is promised with it.
#[test]
fn a_promise_that_rests_on_a_column_says_so() {
    for (expand, backfill, is_told) in [
        ("create table n (wiped int); insert into n select payments.wipe from payments", None, true),
        ("create table if not exists n as select payments.wipe from payments", None, false),
        ("alter table payments add column if not exists c int", Some("update payments set c = payments.wipe where c is null"), true),
        ("alter table payments add column if not exists c int", Some("update payments set c = wipe where c is null"), false),
        (
            "alter table payments add column if not exists wipe int",
            Some("update payments set wipe = payments.wipe + 1 where wipe is null"),
            false,
        ),
    ] {
        let (change, facts) = schema("postgres", sql("expand", expand), backfill.map(|text| sql("backfill", text)));
        let plan = planned(&change, &facts).plan.unwrap();
        let undos: Vec<String> = plan.body.steps.iter().map(|step| format!("{:?}", step.undo)).collect();
        assert_eq!(undos.iter().any(|undo| undo.contains(GRANTED)), is_told, "{undos:#?}");
        assert_eq!(plan.derived.iter().any(|told| told.contains(GRANTED)), is_told, "{:#?}", plan.derived);
    }
}

/// The steps of a text of which the plan says that the old version does not look at what they did.
fn additions(engine: &str, expand: &str, backfill: Option<&str>) -> Vec<String> {
    let (change, facts) = schema(engine, sql("expand", expand), backfill.map(|text| sql("backfill", text)));
    let planning = planned(&change, &facts);
    sound(&planning, &facts).unwrap_or_else(|problem| panic!("{expand}: {problem}"));
    let Some(plan) = planning.plan else { return Vec::new() };
    let steps = plan.body.steps.iter().filter(|step| step.id.as_str().ends_with("/expand") || step.id.as_str().ends_with("/backfill"));
    let is_addition = |step: &&Step| matches!(&step.undo, Undo::LeaveInPlace { reason } if reason.starts_with("additive"));
    steps.filter(is_addition).map(|step| step.id.to_string()).collect()
}

#[test]
fn nothing_that_takes_away_passes_as_an_addition() {
    let mut passed = Vec::new();
    for (engine, texts) in [("postgres", POSTGRES), ("sqlite", SQLITE)] {
        passed.extend(texts.iter().filter(|text| !additions(engine, text, None).is_empty()).map(|text| format!("{engine}: {text}")));
    }
    let expand = "alter table payments add column if not exists c int";
    let passes = |text: &&&str| additions("postgres", expand, Some(text)).iter().any(|id| id.ends_with("/backfill"));
    passed.extend(BACKFILLS.iter().filter(passes).map(|text| format!("backfill: {text}")));
    assert!(passed.is_empty(), "{passed:#?}");
}

#[test]
fn what_only_adds_passes_in_any_dress() {
    for text in [
        "/* drop table payments */ alter table payments add column if not exists c int",
        "alter table payments add column if not exists c text default '; drop table payments; --'",
        "alter table payments add column if not exists c text default $$; drop table payments$$;",
        "ALTER TABLE\n\tpayments -- delete from payments\n ADD COLUMN IF NOT EXISTS \"drop table\" int",
    ] {
        assert_eq!(additions("postgres", text, None), ["production/orders-db/expand"], "{text}");
    }
}

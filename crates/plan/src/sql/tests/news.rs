//! What a text may take for new, and what is in use although a line before it seems to have made it.

use super::told;
use crate::sql::{News, feeds_itself, read};

/// What is told of the last statement of a text.
fn last(engine: &str, text: &str) -> String {
    told(engine, text).lines().last().unwrap_or_default().to_owned()
}

/// What is made, what then is done, and whether that is additive. Each pair differs in the name or the clause alone.
const POSTGRES: &[(&str, &str, bool)] = &[
    // A name is new as it was written.
    ("create temp table u (b int)", "delete from u", true),
    ("create temp table u (b int)", "delete from pg_temp.u", true),
    ("create temp table u (b int)", "delete from public.u", false),
    ("create temp table u (b int)", "truncate public.u", false),
    ("create temp table u (b int)", "update public.u set b = 1", false),
    ("create temporary table u (b int)", "alter table public.u alter b type text", false),
    ("create table pg_temp.u (b int)", "delete from u", true),
    ("create table t (b int)", "update t set b = 1", true),
    ("create table t (b int)", "update public.t set b = 1", false),
    ("create table public.t (b int)", "delete from public.t", true),
    ("create table public.t (b int)", "delete from t", false),
    ("create table shop.t (b int)", "delete from shop.t", true),
    ("create table shop.t (b int)", "delete from store.t", false),
    ("create table \"public.t\" (b int)", "delete from \"public.t\"", true),
    ("create table \"public.t\" (b int)", "delete from public.t", false),
    ("create table \"T\" (b int)", "delete from t", false),
    ("create table T (b int)", "delete from t", true),
    ("create table pg_class (b int)", "delete from pg_class", false),
    ("alter table public.t add column a int", "update public.t set a = 0", true),
    ("alter table public.t add column a int", "update t set a = 0", false),
    // Where names are looked up may change, and what was made may be gone.
    ("set search_path to shop; create table t (b int)", "delete from t", true),
    ("set search_path to shop; create table t (b int); set search_path to public", "delete from t", false),
    ("create table t (b int); set search_path to shop", "delete from t", false),
    ("create table t (b int); set search_path to public", "delete from t", false),
    ("set search_path to 'Shop'; create table t (b int); set search_path to 'shop'", "delete from t", false),
    ("set search_path to public, pg_temp; create temp table t (b int)", "delete from t", false),
    ("savepoint s; create temp table t (b int); rollback to s", "delete from t", false),
    ("create temp table t (b int) on commit drop", "delete from t", true),
    ("create index concurrently i on o (a); create temp table t (b int) on commit drop", "delete from t", false),
    // What was made IF NOT EXISTS may have been there.
    ("alter table t add column a int", "update t set a = 0", true),
    ("alter table t add column if not exists a int", "update t set a = 0", false),
    ("alter table t add column if not exists a int", "update t set a = 0 where a is null", true),
    ("alter table t add column if not exists a int", "update t set a = 0 where a is null or a > 0", false),
    ("alter table t add column a int", "alter table t alter column a type bigint", true),
    ("alter table t add column if not exists a int", "alter table t alter column a type bigint", false),
    ("alter table t add column a int; alter table t add column if not exists a int", "update t set a = 0", true),
    ("alter table t add column if not exists a int", "create unique index on t (a)", false),
    ("alter table t add column if not exists a int", "alter table t add constraint c check (a > 0)", false),
    ("create table u (b int)", "create unique index on u (b)", true),
    ("create table if not exists u (b int)", "create unique index on u (b)", false),
    ("create table if not exists u (b int)", "create index on u (b)", true),
    ("create table if not exists u (b int)", "alter table u add column c int", true),
    ("create table u (b int)", "alter table u add column c int not null", true),
    ("create table if not exists u (b int)", "alter table u add column c int not null", false),
    ("create table if not exists u (b int)", "alter table u add column c int check (c > b)", false),
    ("create table u (b int)", "alter table u add constraint c check (b > 0)", true),
    ("create table if not exists u (b int)", "alter table u add constraint c check (b > 0)", false),
    ("create table if not exists u (b int)", "alter table u add primary key (b)", false),
    ("create table if not exists u (b int)", "insert into u values (1) on conflict do nothing", true),
    ("create table u (b int); create table if not exists u (b int)", "delete from u", true),
    // A part of a table that is there is met in it.
    ("create table n () inherits (t)", "insert into n values (1)", false),
    ("create table n () inherits (public.t)", "alter table n add constraint c check (a > 0)", false),
    ("create table x partition of t for values in (1)", "insert into x values (1)", false),
    ("create table x partition of t for values in (1)", "create unique index on x (a)", false),
    ("create table x partition of t for values in (1)", "create index on x (a)", true),
    ("create table if not exists x partition of t for values in (1)", "insert into x values (1)", false),
    ("create table t (a int) partition by list (a); create table x partition of t for values in (1)", "insert into x values (1)", true),
    ("create table x partition of t for values in (1); create table y () inherits (x)", "insert into y values (1)", false),
    // A row that refers to another keeps it.
    ("create table n (a int references p (id))", "insert into n select id from p", false),
    ("create table n (a int references p (id) on delete restrict)", "insert into n (a) values (1)", false),
    ("create table n (a int references p (id) on delete cascade)", "insert into n select id from p", true),
    ("create table n (a int references p (id) on delete set null)", "insert into n select id from p", true),
    ("create table n (b int, a int references p (id))", "insert into n (b) values (1)", true),
    ("create table n (b int, a int references p (id))", "insert into n values (1)", true),
    ("create table n (b int, a int references p (id))", "insert into n values (1, 2)", false),
    ("create table n (b int, a int default 1 references p (id))", "insert into n (b) values (1)", false),
    ("create table n (a int, foreign key (a) references p (id))", "insert into n select id from p", false),
    ("create table n (a int references p (id)); insert into n (b) values (1)", "update n set a = 1", false),
    ("create table n (a int); insert into n select id from p", "alter table n add foreign key (a) references p (id)", false),
    ("create table n (a int)", "alter table n add foreign key (a) references p (id)", true),
    ("create table p (id int); create table n (a int references p (id))", "insert into n values (1)", true),
    ("create table if not exists p (id int); create table n (a int references p (id))", "insert into n values (1)", true),
    ("alter table t add column a int references p (id)", "update t set a = 1 where a is null", false),
    // Rows that go with those of a new table.
    ("create table n (id int); alter table t add column a int references n (id)", "delete from n", true),
    ("create table n (id int); alter table t add column a int references n (id) on delete cascade", "delete from n", false),
    ("create table n (id int); alter table t add column a int references n (id)", "truncate n cascade", false),
    ("create table n (id int)", "truncate n cascade", true),
];

const SQLITE: &[(&str, &str, bool)] = &[
    ("create temp table u (b int)", "delete from u", true),
    ("create temp table u (b int)", "delete from temp.u", true),
    ("create temp table u (b int)", "delete from main.u", false),
    ("create table u (b int)", "delete from main.u", false),
    ("create table main.u (b int)", "delete from main.u", true),
    ("alter table t add column a int", "update t set a = 0", true),
    ("create table if not exists u (b int)", "create unique index i on u (b)", false),
    ("create table n (a int references p (id))", "insert into n select id from p", false),
];

#[test]
fn only_what_the_text_certainly_made_is_free_for_the_taking() {
    let cases = POSTGRES.iter().map(|case| ("postgres", case)).chain(SQLITE.iter().map(|case| ("sqlite", case)));
    let wrong: Vec<String> = cases
        .filter_map(|(engine, (made, done, expected))| {
            let told = last(engine, &format!("{made}; {done}"));
            // A text that only empties what it made is told for nothing.
            let is_additive = told.starts_with("additive") || told.starts_with("looks");
            let is_right = is_additive == *expected && !told.contains("unread");
            (!is_right).then(|| format!("{engine}: {made}; {done}\n  told {told}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rows of a new table may be those that the same statement takes from another.
#[test]
fn what_an_insert_takes_away_elsewhere_is_told() {
    for text in [
        "insert into n with gone as (delete from t returning a) select a from gone",
        "with gone as (delete from t returning a) insert into n select a from gone",
    ] {
        let told = last("postgres", &format!("create table n (a int); {text}"));
        assert!(told.contains("breaking: takes rows of t away"), "{text}: {told}");
    }
}

#[test]
fn rows_that_keep_others_are_told_with_the_rows_that_they_lock() {
    let told = last("postgres", "create table n (a int references p (id)); insert into n select id from p");
    let expected =
        "widens: lets rows of n refer to p, so that the running version can no longer delete what they refer to | p rows | doubles";
    assert_eq!(told, expected);
}

/// A text that runs later has another connection: temporary tables are gone, and with them what was added to them.
#[test]
fn what_was_made_for_one_connection_is_not_new_to_the_next() {
    for (expand, backfill, expected) in [
        ("create temp table u (b int)", "delete from u", false),
        ("create temp table u (b int); alter table u add column c int", "update u set c = 1", false),
        ("create table u (b int)", "delete from u", true),
        ("set search_path to shop; create table u (b int)", "delete from u", false),
        ("create table n (a int references p (id))", "insert into n select id from p", false),
    ] {
        let news = read("postgres", expand, &News::default()).news;
        let script = read("postgres", backfill, &news);
        let told = super::line(&script.statements[0].judged);
        assert_eq!(told.starts_with("additive"), expected, "{expand}; {backfill}: {told}");
    }
}

#[test]
fn batches_that_make_their_own_work_are_known() {
    for (text, expected) in [
        ("update orders set a = 1 where id between :first and :last", false),
        ("insert into totals select id from orders where id between :first and :last", false),
        ("insert into orders (id) select id + 1000 from orders where id between :first and :last", true),
        ("insert into shop.Orders (id) select id + 1000 from orders where id between :first and :last on conflict do nothing", true),
        ("with made as (insert into orders select 1 returning id) select id from made", true),
        ("update orders set id = id + 1000 where id between :first and :last", true),
        ("update totals set id = id + 1000 where id between :first and :last", false),
        ("select 1; merge into orders using s on orders.id = s.id when not matched then insert (id) values (s.id)", true),
        ("merge into orders using s on orders.id = s.id when matched then update set n = s.n", false),
    ] {
        assert_eq!(!feeds_itself("postgres", text, "public.orders", "id").is_empty(), expected, "{text}");
    }
    let text = "select 1;\ninsert into orders select id + 1 from orders";
    assert_eq!(feeds_itself("sqlite", text, "orders", "id")[0].0, 2);
}

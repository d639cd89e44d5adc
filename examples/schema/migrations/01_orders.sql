-- Additive: nobody looks at this table yet.
create table if not exists orders (id integer primary key, amount text not null);
insert into orders (id, amount)
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 1000)
select n, n || '.50' from numbers where not exists (select 1 from orders);

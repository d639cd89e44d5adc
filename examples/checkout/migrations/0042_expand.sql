-- Additive: the old version never looks at these columns.
alter table payments add column if not exists three_ds_status text;
alter table payments add column if not exists three_ds_reference text;

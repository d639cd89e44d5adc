alter table orders add column if not exists note text;

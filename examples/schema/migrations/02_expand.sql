-- Additive: version 1 never looks at this column.
alter table orders add column cents integer;

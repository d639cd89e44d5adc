-- Version 3 of the tables on PostgreSQL: archives of ended runs. Programs of version 2 would miss their events, and call that damage.

-- A run whose events are in its archive. Its row stays, with the length and head of its stream.
ALTER TABLE runs ADD COLUMN archived boolean NOT NULL DEFAULT false;
CREATE INDEX runs_in_tables ON runs (started_at, run) WHERE NOT has_work AND NOT archived AND started_at IS NOT NULL;

-- The archives themselves: no file of one node would be there for the others.
CREATE TABLE archived_runs (
    run         text COLLATE "C" PRIMARY KEY,
    digest      text NOT NULL,
    bytes       bytea NOT NULL
);
-- They are compressed already.
ALTER TABLE archived_runs ALTER COLUMN bytes SET STORAGE EXTERNAL;

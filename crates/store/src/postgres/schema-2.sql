-- Version 2 of the tables on PostgreSQL: claims of every kind with queues and fencing numbers, runs that sleep, throttles, dead letters.
-- Nodes of version 1 know no queue and no shared claim, and must not take runs beside those of version 2.

-- What the column is called tells nodes of version 1 to go: their next renewal fails, they connect anew, and find tables that they may not
-- use. Until then they append to the runs they have, as long as their lease lasts.
ALTER TABLE nodes RENAME COLUMN lease_until TO leased_until;
-- The newest round in which the node took free runs. A round that comes later than a newer one takes nothing.
ALTER TABLE nodes ADD COLUMN round bigint NOT NULL DEFAULT 0;

-- A run that is not live keeps no claim when it is set free; one without summary is not live. wake_at is set while the run sleeps: when it is to
-- be given to somebody, the greatest number for never. round is that of the node which took the run when it was free.
ALTER TABLE runs
    ADD COLUMN is_live boolean NOT NULL DEFAULT false,
    ADD COLUMN wake_at bigint,
    ADD COLUMN round   bigint;
UPDATE runs SET is_live = (summary::json ->> 'endedAt') IS NULL WHERE has_work;
DROP INDEX runs_free;
CREATE INDEX runs_free ON runs (free_since, run) WHERE has_work AND owner_epoch IS NULL AND wake_at IS NULL;
CREATE INDEX runs_asleep ON runs (wake_at, run) WHERE has_work AND owner_epoch IS NULL AND wake_at IS NOT NULL;

-- A claim that is held has a fence, the number of its grant; one that waits has a ticket, its place in the queue. One sequence gives both;
-- it is drawn from by whoever has the lock of the resource, so that the numbers of a resource grow. since is UTC microseconds by this server.
CREATE SEQUENCE claim_numbers AS bigint;
ALTER TABLE claims RENAME COLUMN target TO resource;
ALTER TABLE claims DROP CONSTRAINT claims_pkey;
ALTER TABLE claims
    ADD COLUMN mode   text NOT NULL DEFAULT 'exclusive' CHECK (mode IN ('exclusive', 'shared', 'counted')),
    ADD COLUMN units  bigint NOT NULL DEFAULT 0,
    ADD COLUMN of     bigint NOT NULL DEFAULT 0,
    ADD COLUMN ticket bigint,
    ADD COLUMN fence  bigint,
    ADD COLUMN since  bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
UPDATE claims SET fence = nextval('claim_numbers');
ALTER TABLE claims
    ALTER COLUMN mode DROP DEFAULT,
    ALTER COLUMN units DROP DEFAULT,
    ALTER COLUMN of DROP DEFAULT,
    ALTER COLUMN since DROP DEFAULT,
    ADD CHECK ((ticket IS NULL) <> (fence IS NULL)),
    ADD PRIMARY KEY (resource, run, mode, units, of);

-- What is known of targets whose attempts are limited, by the engine's rule.
CREATE TABLE throttles (
    target      text COLLATE "C" PRIMARY KEY,
    state       text NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE dead_letters (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body        text NOT NULL,
    settled_at  bigint,
    settled     text
);
CREATE INDEX dead_letters_open ON dead_letters (number) WHERE settled_at IS NULL;
CREATE INDEX dead_letters_settled ON dead_letters (settled_at, number) WHERE settled_at IS NOT NULL;

-- How many of them are unsettled, and how many were not kept. Whoever changes one of the two locks the row first.
CREATE TABLE dead_letters_count (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    open        bigint NOT NULL DEFAULT 0,
    lost        bigint NOT NULL DEFAULT 0
);
INSERT INTO dead_letters_count DEFAULT VALUES;

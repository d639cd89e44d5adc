-- Version 1 of the tables on PostgreSQL. Never edited once released: a later version is a step of its own.
-- Times of events are UTC microseconds as on every store; times of leases are the database's own.

CREATE TABLE version (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    version    bigint NOT NULL,
    oldest     bigint NOT NULL
);
INSERT INTO version (version, oldest) VALUES (0, 0);

CREATE SEQUENCE epochs AS bigint;

-- One row per joining. A row without ended_at is a node whose lease may still be renewed; ending the row ends the lease for good.
CREATE TABLE nodes (
    epoch       bigint PRIMARY KEY,
    name        text COLLATE "C" NOT NULL,
    lease_until timestamptz NOT NULL,
    ended_at    timestamptz,
    holds_runs  boolean NOT NULL DEFAULT true,
    draining    boolean NOT NULL DEFAULT false,
    semantics   integer[] NOT NULL,
    who         text NOT NULL,
    process     text NOT NULL,
    joined_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX nodes_living ON nodes (name) WHERE ended_at IS NULL;
CREATE INDEX nodes_dead ON nodes (epoch) WHERE ended_at IS NOT NULL AND holds_runs;

-- A stream and its summary are one row, so that an append changes one row besides the events. A run that was taken but has no event
-- yet has no started_at and no summary. A run with
-- work for an owner (it is live, or still watched after landing) and without owner_epoch is free.
CREATE TABLE runs (
    run         text COLLATE "C" PRIMARY KEY,
    count       bigint NOT NULL DEFAULT 0,
    head        bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    at          bigint NOT NULL DEFAULT -9223372036854775808,
    owner_epoch bigint,
    free_since  timestamptz,
    semantics   integer,
    has_work    boolean NOT NULL DEFAULT false,
    started_at  bigint,
    summary     text
) WITH (fillfactor = 50);
CREATE INDEX runs_by_start ON runs (started_at DESC, run DESC) WHERE started_at IS NOT NULL;
CREATE INDEX runs_unborn ON runs (owner_epoch) WHERE started_at IS NULL;
CREATE INDEX runs_with_work ON runs (owner_epoch) WHERE has_work;
CREATE INDEX runs_free ON runs (free_since, run) WHERE has_work AND owner_epoch IS NULL;

CREATE TABLE events (
    run         text COLLATE "C" NOT NULL,
    seq         bigint NOT NULL,
    epoch       bigint NOT NULL,
    at          bigint NOT NULL,
    kind        text NOT NULL,
    version     integer NOT NULL,
    payload     text NOT NULL,
    head        bytea NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE claims (
    target      text COLLATE "C" PRIMARY KEY,
    run         text COLLATE "C" NOT NULL
);
CREATE INDEX claims_by_run ON claims (run);

CREATE TABLE outcomes (
    component        text COLLATE "C" PRIMARY KEY,
    landed           bigint NOT NULL,
    failed           bigint NOT NULL,
    last_ended_at    bigint,
    last_rollback_at bigint
);

CREATE TABLE durations (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text COLLATE "C" NOT NULL,
    took_ms     bigint NOT NULL
);
CREATE INDEX durations_by_key ON durations (key, number);

CREATE TABLE blobs (
    digest      text COLLATE "C" PRIMARY KEY,
    bytes       bytea NOT NULL
);

CREATE TABLE plans (
    id          text COLLATE "C" PRIMARY KEY,
    created_at  bigint NOT NULL,
    title       text NOT NULL,
    semantics   integer NOT NULL,
    body        bytea NOT NULL,
    whole       bytea NOT NULL,
    facts       text COLLATE "C" NOT NULL REFERENCES blobs (digest)
);
CREATE INDEX plans_by_time ON plans (created_at DESC, id);

-- A submission with a plan is a start, and given to one node; one without is a request, and goes to the owner of its run.
CREATE TABLE submissions (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body        text NOT NULL,
    run         text COLLATE "C" NOT NULL,
    plan        text COLLATE "C",
    given_to    bigint,
    answer      text
);
CREATE INDEX submissions_open ON submissions (number) WHERE answer IS NULL;

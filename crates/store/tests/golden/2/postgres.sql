--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: glidepath; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA glidepath;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: archived_runs; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.archived_runs (
    run text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY glidepath.archived_runs ALTER COLUMN bytes SET STORAGE EXTERNAL;


--
-- Name: blobs; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.blobs (
    digest text NOT NULL COLLATE pg_catalog."C",
    bytes bytea NOT NULL
);


--
-- Name: claim_numbers; Type: SEQUENCE; Schema: glidepath; Owner: -
--

CREATE SEQUENCE glidepath.claim_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: claims; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.claims (
    resource text NOT NULL COLLATE pg_catalog."C",
    run text NOT NULL COLLATE pg_catalog."C",
    mode text NOT NULL,
    units bigint NOT NULL,
    of bigint NOT NULL,
    ticket bigint,
    fence bigint,
    since bigint NOT NULL,
    CONSTRAINT claims_check CHECK (((ticket IS NULL) <> (fence IS NULL))),
    CONSTRAINT claims_mode_check CHECK ((mode = ANY (ARRAY['exclusive'::text, 'shared'::text, 'counted'::text])))
);


--
-- Name: dead_letters; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.dead_letters (
    number bigint NOT NULL,
    body text NOT NULL,
    settled_at bigint,
    settled text
);


--
-- Name: dead_letters_count; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.dead_letters_count (
    one boolean DEFAULT true NOT NULL,
    open bigint DEFAULT 0 NOT NULL,
    lost bigint DEFAULT 0 NOT NULL,
    CONSTRAINT dead_letters_count_one_check CHECK (one)
);


--
-- Name: dead_letters_number_seq; Type: SEQUENCE; Schema: glidepath; Owner: -
--

ALTER TABLE glidepath.dead_letters ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glidepath.dead_letters_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: durations; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.durations (
    number bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    took_ms bigint NOT NULL
);


--
-- Name: durations_number_seq; Type: SEQUENCE; Schema: glidepath; Owner: -
--

ALTER TABLE glidepath.durations ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glidepath.durations_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: epochs; Type: SEQUENCE; Schema: glidepath; Owner: -
--

CREATE SEQUENCE glidepath.epochs
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: events; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.events (
    run text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    payload text NOT NULL,
    head bytea NOT NULL
);


--
-- Name: nodes; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.nodes (
    epoch bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    leased_until timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    holds_runs boolean DEFAULT true NOT NULL,
    draining boolean DEFAULT false NOT NULL,
    semantics integer[] NOT NULL,
    who text NOT NULL,
    process text NOT NULL,
    joined_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    round bigint DEFAULT 0 NOT NULL
);


--
-- Name: outcomes; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.outcomes (
    component text NOT NULL COLLATE pg_catalog."C",
    landed bigint NOT NULL,
    failed bigint NOT NULL,
    last_ended_at bigint,
    last_rollback_at bigint
);


--
-- Name: plans; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.plans (
    id text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    title text NOT NULL,
    semantics integer NOT NULL,
    body bytea NOT NULL,
    whole bytea NOT NULL,
    facts text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: runs; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.runs (
    run text NOT NULL COLLATE pg_catalog."C",
    count bigint DEFAULT 0 NOT NULL,
    head bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    at bigint DEFAULT '-9223372036854775808'::bigint NOT NULL,
    owner_epoch bigint,
    free_since timestamp with time zone,
    semantics integer,
    has_work boolean DEFAULT false NOT NULL,
    started_at bigint,
    summary text,
    is_live boolean DEFAULT false NOT NULL,
    wake_at bigint,
    round bigint,
    archived boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');


--
-- Name: submissions; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.submissions (
    number bigint NOT NULL,
    body text NOT NULL,
    run text NOT NULL COLLATE pg_catalog."C",
    plan text COLLATE pg_catalog."C",
    given_to bigint,
    answer text
);


--
-- Name: submissions_number_seq; Type: SEQUENCE; Schema: glidepath; Owner: -
--

ALTER TABLE glidepath.submissions ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glidepath.submissions_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: throttles; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.throttles (
    target text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL
)
WITH (fillfactor='50');


--
-- Name: version; Type: TABLE; Schema: glidepath; Owner: -
--

CREATE TABLE glidepath.version (
    one boolean DEFAULT true NOT NULL,
    version bigint NOT NULL,
    oldest bigint NOT NULL,
    CONSTRAINT version_one_check CHECK (one)
);


--
-- Data for Name: archived_runs; Type: TABLE DATA; Schema: glidepath; Owner: -
--



--
-- Data for Name: blobs; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.blobs VALUES ('a652f730f596d39f3e14dc197590b3c6c04ad1b4ede446d615db8805fa9a0400', '\x7b226661637473223a747275657d');


--
-- Data for Name: claims; Type: TABLE DATA; Schema: glidepath; Owner: -
--



--
-- Data for Name: dead_letters; Type: TABLE DATA; Schema: glidepath; Owner: -
--



--
-- Data for Name: dead_letters_count; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.dead_letters_count VALUES (true, 0, 0);


--
-- Data for Name: durations; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (1, 'test/preflight', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (2, 'test/backup', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (3, 'test/migrate', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (4, 'deploy/payments', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (5, 'test/eu-west/deploy-2', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (6, 'test/eu-west/deploy-3', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (7, 'test/eu-west/shift-5', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (8, 'test/eu-west/shift-25', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (9, 'test/eu-west/shift-100', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (10, 'test/eu-west/verify', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (11, 'test/eu-west/drain-old', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (12, 'deploy/payments', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (13, 'test/us-east/deploy-2', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (14, 'test/us-east/deploy-3', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (15, 'test/us-east/shift-5', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (16, 'test/us-east/shift-25', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (17, 'test/us-east/shift-100', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (18, 'test/us-east/verify', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (19, 'test/us-east/drain-old', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (20, 'test/notice', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (21, 'test/clean-up', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (22, 'test/close', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (23, 'test/preflight', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (24, 'test/backup', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (25, 'test/migrate', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (26, 'deploy/payments', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (27, 'test/eu-west/deploy-2', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (28, 'test/eu-west/deploy-3', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (29, 'test/eu-west/shift-5', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (30, 'test/eu-west/shift-25', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (31, 'test/eu-west/shift-100', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (32, 'test/eu-west/verify', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (33, 'test/eu-west/drain-old', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (34, 'deploy/payments', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (35, 'test/us-east/deploy-2', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (36, 'test/us-east/deploy-3', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (37, 'test/preflight', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (38, 'test/backup', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (39, 'test/migrate', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (40, 'deploy/payments', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (41, 'test/eu-west/deploy-2', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (42, 'test/eu-west/deploy-3', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (43, 'test/eu-west/shift-5', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (44, 'test/eu-west/shift-25', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (45, 'test/eu-west/shift-100', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (46, 'test/eu-west/verify', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (47, 'test/eu-west/drain-old', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (48, 'deploy/payments', 40);
INSERT INTO glidepath.durations OVERRIDING SYSTEM VALUE VALUES (49, 'test/us-east/deploy-2', 40);


--
-- Data for Name: events; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.events VALUES ('run-000000000001', 1, 1, 1796083200000000, 'RunStarted', 1, '{"engineSemantics":2,"plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","seed":7,"who":{"knownBy":"os-user","name":"pilot"}}', '\xd871ffb85dca54bd434f276a281c7cfdace3bd5e1372ec405d159b51cf8115cb');
INSERT INTO glidepath.events VALUES ('run-000000000001', 2, 1, 1796083200000000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"preflight"},"deadline":1796083210000000}', '\xe9f455e6ee2f5ce7e96d0cf3ccd090bb8ea12df1f8446247f8b486d35c734b88');
INSERT INTO glidepath.events VALUES ('run-000000000001', 3, 1, 1796083200010000, 'OwnerTook', 1, '{"epoch":1,"process":{"bootId":"boot","pid":7,"startTicks":99},"who":{"knownBy":"os-user","name":"pilot"}}', '\xc67f8c6d842666dd21406aa37dbbc4734bdcf75d4ab5cc6679175d5f80870641');
INSERT INTO glidepath.events VALUES ('run-000000000001', 4, 1, 1796083200020000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"preflight"},"outcome":{"outcome":"done"},"tookMs":40}', '\x14447f39a91400172b52cd7da1c73674af217047b68d8323b28197997dfe5765');
INSERT INTO glidepath.events VALUES ('run-000000000001', 5, 1, 1796083200020000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"backup"},"deadline":1796083210020000}', '\xa4276406bf83cf85dfcc2067268226ae4a3b7075c903a5205b56359ed0f99183');
INSERT INTO glidepath.events VALUES ('run-000000000001', 6, 1, 1796083200030000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"backup"},"outcome":{"outcome":"done"},"tookMs":40}', '\x2a4b6ce9e147e959092d943c0c46ffb4d5dd39b8ba19eb5f8fc1a5cd5ebfa713');
INSERT INTO glidepath.events VALUES ('run-000000000001', 7, 1, 1796083200030000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"migrate"},"deadline":1796083210030000}', '\x4fdc5637850355b3c29bf726fb2dd078abbdc11e8a729058f3e350c40d3eac1d');
INSERT INTO glidepath.events VALUES ('run-000000000001', 8, 1, 1796083200040000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"migrate"},"outcome":{"outcome":"done"},"tookMs":40}', '\xbba57d3aee656cf3f42ee0e4e7a269cf04fcd23734a51c6274e9f85fc64d9759');
INSERT INTO glidepath.events VALUES ('run-000000000001', 9, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-1"},"deadline":1796083210040000}', '\x94f855c3e66400007ab402834e3e2095d763b217d3b09209b3c894adee7b7243');
INSERT INTO glidepath.events VALUES ('run-000000000001', 10, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-2"},"deadline":1796083210040000}', '\xbbfe145b7e6fe99ae6d7c1b76cc8d5c95b4b909bf173dc564751e1f34a5de2c8');
INSERT INTO glidepath.events VALUES ('run-000000000001', 11, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-3"},"deadline":1796083210040000}', '\xac983ac1c11e627b16c2dcc6b60f9b823b0e9cc0c68999db0b49e83c36d89dfe');
INSERT INTO glidepath.events VALUES ('run-000000000001', 12, 1, 1796083200050000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\x6d8af9a78cad7ae762f20e46585f43875e60482225fcf9063cefe8c24604a084');
INSERT INTO glidepath.events VALUES ('run-000000000001', 13, 1, 1796083200060000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\x244ae35e0e04c2dd471e1f521acf28748694e7653bd27971d6f02a28c3c99d81');
INSERT INTO glidepath.events VALUES ('run-000000000001', 14, 1, 1796083200070000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\x23ddaca4748434e8e99140e0d2b96d894f53bcd19809a61938dd52ca6d6abd8e');
INSERT INTO glidepath.events VALUES ('run-000000000001', 15, 1, 1796083200070000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-5"},"deadline":1796083210070000}', '\x1118a89bc180a71b65e442dc8ec3f007f87559ec05760edc980ba17756ed8eca');
INSERT INTO glidepath.events VALUES ('run-000000000001', 16, 1, 1796083200080000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-5"},"outcome":{"outcome":"done"},"tookMs":40}', '\xdcdbcfb53e3a5e4f09a7e827ab4e93f7fe0cf0437f76b87bae1f40ae51b8477c');
INSERT INTO glidepath.events VALUES ('run-000000000001', 17, 1, 1796083200080000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-5"}', '\x17a8b15c14eb1d8ee66e231da7324deeb18d89f2b3304f8f61d899da03a1d1e4');
INSERT INTO glidepath.events VALUES ('run-000000000001', 18, 1, 1796083202081000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-5","verdict":"noRegression"}', '\xd6da3c0cf5fe87364e04cd717e4b6286d545259b2dab0281ed22f5649ca325e3');
INSERT INTO glidepath.events VALUES ('run-000000000001', 19, 1, 1796083202081000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-5"}', '\xb89ad3ec7aa6e67cb9e62036ce3dc2e573edf38fe4133821575f586390e0f075');
INSERT INTO glidepath.events VALUES ('run-000000000001', 20, 1, 1796083202081000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-25"},"deadline":1796083212081000}', '\xef633e2d6b3aef2888bc833e6f947c5c881b0d85bd093e4e61822a213b3683ed');
INSERT INTO glidepath.events VALUES ('run-000000000001', 21, 1, 1796083202091000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-25"},"outcome":{"outcome":"done"},"tookMs":40}', '\x85f8414b49cad5e8125d69633f43c4e9530c926e6035cf5e9d519158b87483f7');
INSERT INTO glidepath.events VALUES ('run-000000000001', 22, 1, 1796083202091000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-25"}', '\xe8e9ec982cee00486955232ec8900469a3c2d1a3799aa7738d9cac6b18111df9');
INSERT INTO glidepath.events VALUES ('run-000000000001', 23, 1, 1796083204092000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-25","verdict":"noRegression"}', '\xb2e65dbed5244a13eb063fb3a824439cfd15dc140e3b28e7d10b86ff4eb7eea3');
INSERT INTO glidepath.events VALUES ('run-000000000001', 24, 1, 1796083204092000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-25"}', '\xd8b00d4d4bdb4b9ebb1ac14b801f2a606eaec0dcb92d4675f227b7d01a49b0cc');
INSERT INTO glidepath.events VALUES ('run-000000000001', 25, 1, 1796083204092000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-100"},"deadline":1796083214092000}', '\x6aece49ef7bf3106b18603530c6d3f4fe5810390855120097f9f923a87325268');
INSERT INTO glidepath.events VALUES ('run-000000000001', 26, 1, 1796083204102000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-100"},"outcome":{"outcome":"done"},"tookMs":40}', '\xfb7387f6b94dc2cd24a8af95e725293432e1ecf117090cb26cc18bbc160d143f');
INSERT INTO glidepath.events VALUES ('run-000000000001', 27, 1, 1796083204102000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-100"}', '\x316d0b4e11021dfde226aaa3468efcab89415e9d817d8bde94ca51a3b3c7f3e8');
INSERT INTO glidepath.events VALUES ('run-000000000001', 28, 1, 1796083206103000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-100","verdict":"noRegression"}', '\x2c85e6215e4a17f71896c3e0583d53b96187cc1c7ba2a03c02ad86a7edb08d0f');
INSERT INTO glidepath.events VALUES ('run-000000000001', 29, 1, 1796083206103000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-100"}', '\xcff2e4d2de78f4d89d9e03cb73bcf972d6ffcd07cc97c1c4f2ad4204c4fa701d');
INSERT INTO glidepath.events VALUES ('run-000000000001', 30, 1, 1796083206103000, 'WaitStarted', 1, '{"step":"eu-west/settle","until":1796083206123000}', '\x3344d831c30d2e7d818bf18a7840f118a4b909d041f8e6f082307c6eefabf664');
INSERT INTO glidepath.events VALUES ('run-000000000001', 31, 1, 1796083206213000, 'WaitEnded', 1, '{"passed":true,"step":"eu-west/settle"}', '\xf18a0ac7c926ab4104c05cbe2fbe9eb78baded28010ca293e51f2b89fca5e27c');
INSERT INTO glidepath.events VALUES ('run-000000000001', 32, 1, 1796083206213000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/verify"},"deadline":1796083216213000}', '\xdb337f3a41a92056bfef8f4d0c0e64aac6645bc8dd5df74f2224456b2c4670bd');
INSERT INTO glidepath.events VALUES ('run-000000000001', 33, 1, 1796083206223000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/verify"},"outcome":{"outcome":"done"},"tookMs":40}', '\x5c22bf87b63d7e69f0a4f382f94ea99c9602921b2d44e594878a2c503bdd09e3');
INSERT INTO glidepath.events VALUES ('run-000000000001', 34, 1, 1796083206223000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/drain-old"},"deadline":1796083216223000}', '\x044a0d6e945c8bd271ed5e7fabe9a9180f905eabb23b0cc65deac48921810e50');
INSERT INTO glidepath.events VALUES ('run-000000000001', 35, 1, 1796083206233000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/drain-old"},"outcome":{"outcome":"done"},"tookMs":40}', '\x7874f76f310622ca7c1b4bb4c8bd60f40469f6f16e84bdfd3d79bd5d965b2c91');
INSERT INTO glidepath.events VALUES ('run-000000000001', 36, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-1"},"deadline":1796083216233000}', '\x3eaac1dd9379b95add414cfdb46d71e339c3ead39e359e7cf384f1ef7b947f19');
INSERT INTO glidepath.events VALUES ('run-000000000001', 37, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-2"},"deadline":1796083216233000}', '\xf7b694a709f6e65c0b1da1bb99c1aa823f544a77a90ff1fdb4ee1c10e1665177');
INSERT INTO glidepath.events VALUES ('run-000000000001', 38, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-3"},"deadline":1796083216233000}', '\x490bc51fbb0601cf6b5901dd5f4c057075a5d59bd8024486bbfdb4a319a2d86d');
INSERT INTO glidepath.events VALUES ('run-000000000001', 39, 1, 1796083206243000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\x7797395dc0f7539a768d5a3f7c68c3141ea7bd3c72c2efa85c7ed8a49af6deb4');
INSERT INTO glidepath.events VALUES ('run-000000000001', 40, 1, 1796083206253000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\xe36acb7e2eba94b7f8c12ee3b9b30bd6dcbab9a06a79a29f7b2299d31d058576');
INSERT INTO glidepath.events VALUES ('run-000000000001', 41, 1, 1796083206263000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\x2ba59d7ab0321f0d36fba4d731a3147434b2b29c9525e386661aafcebad19415');
INSERT INTO glidepath.events VALUES ('run-000000000001', 42, 1, 1796083206263000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/shift-5"},"deadline":1796083216263000}', '\xacdaac27f88e56939c15a35750a3d756330c16c1a6907dbfb3ae59f229ad7812');
INSERT INTO glidepath.events VALUES ('run-000000000001', 43, 1, 1796083206273000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/shift-5"},"outcome":{"outcome":"done"},"tookMs":40}', '\x085f556d9261468b1fafadb2fb38cf92b20d33b33f740649292ed0c0f52f453f');
INSERT INTO glidepath.events VALUES ('run-000000000001', 44, 1, 1796083206273000, 'GateOpened', 1, '{"round":1,"step":"us-east/gate-5"}', '\x3a5cfdfcec2c4426c46b7d2557c42f7d4a61dcac3c9b747211c74bf90b500c8d');
INSERT INTO glidepath.events VALUES ('run-000000000001', 45, 1, 1796083208274000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"us-east/gate-5","verdict":"noRegression"}', '\x613d77bc1c3dc5076f28b936c013ce50fd73e2a99d1992d0c826f3454d6ca42a');
INSERT INTO glidepath.events VALUES ('run-000000000001', 46, 1, 1796083208274000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"us-east/gate-5"}', '\x96344a7827adf458d2cfdab225720a9758fc69179c6cefffbd91de459d1f4128');
INSERT INTO glidepath.events VALUES ('run-000000000001', 47, 1, 1796083208274000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/shift-25"},"deadline":1796083218274000}', '\x4aae1610dce27d348288436d37b731913fb457ae5b3b2ecb2aacd6dc94e3b036');
INSERT INTO glidepath.events VALUES ('run-000000000001', 48, 1, 1796083208284000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/shift-25"},"outcome":{"outcome":"done"},"tookMs":40}', '\x42e339ce6794a933a62cd8b6aba5fd72d72806a99e785160192426633ad46c33');
INSERT INTO glidepath.events VALUES ('run-000000000001', 49, 1, 1796083208284000, 'GateOpened', 1, '{"round":1,"step":"us-east/gate-25"}', '\x901b3d3830eb6d1545d5783f7e6ea588e2efd89cfc7e113b5dbe89177f0901b1');
INSERT INTO glidepath.events VALUES ('run-000000000001', 50, 1, 1796083210285000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"us-east/gate-25","verdict":"noRegression"}', '\xa1c8b069399428c89a8811829f50ad0f51cb92128e25700c1a38a430eb788818');
INSERT INTO glidepath.events VALUES ('run-000000000001', 51, 1, 1796083210285000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"us-east/gate-25"}', '\x6ac0dd22cb4afa1e0c479f18f59211918ed2b0a64da13d4127bc71bb030ae6a1');
INSERT INTO glidepath.events VALUES ('run-000000000001', 52, 1, 1796083210285000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/shift-100"},"deadline":1796083220285000}', '\x8639ce85dfbead5ce2417524c5fc4464103675265475566d9af564b52f9a89be');
INSERT INTO glidepath.events VALUES ('run-000000000001', 53, 1, 1796083210295000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/shift-100"},"outcome":{"outcome":"done"},"tookMs":40}', '\x469c5e3334a3fe1c95f5b202f783077826ff0ef60b1164ff9c3681f3906f23df');
INSERT INTO glidepath.events VALUES ('run-000000000001', 54, 1, 1796083210295000, 'GateOpened', 1, '{"round":1,"step":"us-east/gate-100"}', '\xd8989bc413a37af287de32c7e8b64c769c438f6c03d55da768c9f6b226d178b6');
INSERT INTO glidepath.events VALUES ('run-000000000001', 55, 1, 1796083212296000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"us-east/gate-100","verdict":"noRegression"}', '\x6d1350e23d9e74169ab67b5b093f00c5bcb43539f2ca022f5e2d965716654dcf');
INSERT INTO glidepath.events VALUES ('run-000000000001', 56, 1, 1796083212296000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"us-east/gate-100"}', '\x2b5061e343ba27b6f85375cb2653d55f7783bf670f830dad7114605111a947a9');
INSERT INTO glidepath.events VALUES ('run-000000000001', 57, 1, 1796083212296000, 'WaitStarted', 1, '{"step":"us-east/settle","until":1796083212316000}', '\xdc396b53152eb47f9e4d747721fe670c4f76bfa4572250cf8630c5ca10a3a5ed');
INSERT INTO glidepath.events VALUES ('run-000000000001', 58, 1, 1796083212406000, 'WaitEnded', 1, '{"passed":true,"step":"us-east/settle"}', '\xfb841dd895bf44e17bdfc5195c87ad8d4f4439f1701505bec993312df9e67df6');
INSERT INTO glidepath.events VALUES ('run-000000000001', 59, 1, 1796083212406000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/verify"},"deadline":1796083222406000}', '\x4328996fc192eca91bed558062570635c1663a80eda2594cf638e30e29d29681');
INSERT INTO glidepath.events VALUES ('run-000000000001', 60, 1, 1796083212416000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/verify"},"outcome":{"outcome":"done"},"tookMs":40}', '\x649fa689bb10f21d519d185976934b34f40510bebd08da60e34378ea118ba38f');
INSERT INTO glidepath.events VALUES ('run-000000000001', 61, 1, 1796083212416000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/drain-old"},"deadline":1796083222416000}', '\xf77e8c8d794efb15c85835f8c12df07fbb815db53d001fb0324cf5ee7cfea31e');
INSERT INTO glidepath.events VALUES ('run-000000000001', 62, 1, 1796083212426000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/drain-old"},"outcome":{"outcome":"done"},"tookMs":40}', '\x7c6e129634cd0359dbaa66218f65314f7eb6e656f89d1dfbfa513c3fd006a67d');
INSERT INTO glidepath.events VALUES ('run-000000000001', 63, 1, 1796083212426000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"notice"},"deadline":1796083222426000}', '\x692504c5b541ba8fb6b638d2cd9dda1e02080125b6d72f9d2d7bf678696a60bd');
INSERT INTO glidepath.events VALUES ('run-000000000001', 64, 1, 1796083212426000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"clean-up"},"deadline":1796083222426000}', '\xe81f4a8f5138d07b7b306507eabcb9fce9d28c330a0269cd0118b313991cd618');
INSERT INTO glidepath.events VALUES ('run-000000000001', 65, 1, 1796083212436000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"notice"},"outcome":{"outcome":"done"},"tookMs":40}', '\x9ff0e4f749d6d2a80ca21dd81dc36254ff9895e704f6e5ed12f2abc5e8773fd5');
INSERT INTO glidepath.events VALUES ('run-000000000001', 66, 1, 1796083212446000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"clean-up"},"outcome":{"outcome":"done"},"tookMs":40}', '\x3f75344264b5e8a50244a0478a04aecdcad4488366daeb7c9620f16a8490ec46');
INSERT INTO glidepath.events VALUES ('run-000000000001', 67, 1, 1796083212446000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"close"},"deadline":1796083222446000}', '\x4fd2bda0a7aac3761c6a44403c116a4e2038c0e91858ae7c5800abfd6480ec88');
INSERT INTO glidepath.events VALUES ('run-000000000001', 68, 1, 1796083212456000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"close"},"outcome":{"outcome":"done"},"tookMs":40}', '\xdad2dbfb0d33a6d114c2cfbc99714e22b3bfc08a34caf4355d4fa2f62b9df1ee');
INSERT INTO glidepath.events VALUES ('run-000000000001', 69, 1, 1796083212456000, 'RunEnded', 1, '{"end":"succeeded","leftovers":[]}', '\x6e6e666075bf165ddb3d2b00b9a2ca9beac0c277fac1e7500cd0cc85f6e81a02');
INSERT INTO glidepath.events VALUES ('run-000000000002', 1, 1, 1796083200000000, 'RunStarted', 1, '{"engineSemantics":2,"plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","seed":7,"who":{"knownBy":"os-user","name":"pilot"}}', '\x487b25e96ab9648ab7181661670921a460d4f7a07d81225338524aaf8118b5ac');
INSERT INTO glidepath.events VALUES ('run-000000000002', 2, 1, 1796083200000000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"preflight"},"deadline":1796083210000000}', '\x88e25fca18fcbcb502be402854c64b315f68c740d1ac57909a03d4887071bf22');
INSERT INTO glidepath.events VALUES ('run-000000000002', 3, 1, 1796083200010000, 'OwnerTook', 1, '{"epoch":1,"process":{"bootId":"boot","pid":7,"startTicks":99},"who":{"knownBy":"os-user","name":"pilot"}}', '\xcc3a7e91eebe7ff99d566ea11d8f1ef2e59492a9cfcb0e7de739213452e40eaa');
INSERT INTO glidepath.events VALUES ('run-000000000002', 4, 1, 1796083200020000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"preflight"},"outcome":{"outcome":"done"},"tookMs":40}', '\x7f2c0b0945d002bec3786f73ac6a6e581452ab2cbec5980689368a26520c9527');
INSERT INTO glidepath.events VALUES ('run-000000000002', 5, 1, 1796083200020000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"backup"},"deadline":1796083210020000}', '\xbbf84b3231cf82218425aec3fdf746ebbf022e7f42034f3178fb74cb137812a8');
INSERT INTO glidepath.events VALUES ('run-000000000002', 6, 1, 1796083200030000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"backup"},"outcome":{"outcome":"done"},"tookMs":40}', '\x80573bd6f0ca880c0c0555acc0a08ce0eb38a9189d4e246f10931cbec0c5e680');
INSERT INTO glidepath.events VALUES ('run-000000000002', 7, 1, 1796083200030000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"migrate"},"deadline":1796083210030000}', '\xc0afd004a93c7bdade2cad353ecf50fa7d97df454891d90dc55dfd1d129f1b47');
INSERT INTO glidepath.events VALUES ('run-000000000002', 8, 1, 1796083200040000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"migrate"},"outcome":{"outcome":"done"},"tookMs":40}', '\x446eb8c7ca592109a9faaf835f60217f487ac5ab2c8fdf30e31b5ad14ceed0fd');
INSERT INTO glidepath.events VALUES ('run-000000000002', 9, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-1"},"deadline":1796083210040000}', '\xf4ef489ffdb00f94bbc6d46a7b122982f5eca514830574fa62d1348a014d35db');
INSERT INTO glidepath.events VALUES ('run-000000000002', 10, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-2"},"deadline":1796083210040000}', '\x01b69a78628c488904ce677e454fb34a3473f6975c0ad6ccd7460d3deb82dbf2');
INSERT INTO glidepath.events VALUES ('run-000000000002', 11, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-3"},"deadline":1796083210040000}', '\x07df62b032806c296496cb84b94fa1aadc9d30c06ee8d1b48024133069e274c1');
INSERT INTO glidepath.events VALUES ('run-000000000002', 12, 1, 1796083200050000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\xe420261c2e323af61b8eda87f7992a6ea06d0996fbdd5599b55330973c98fadb');
INSERT INTO glidepath.events VALUES ('run-000000000002', 13, 1, 1796083200060000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\x5b267421fb7e896df295ba42570f81645258f883ed1548e2d7871db8a2e24399');
INSERT INTO glidepath.events VALUES ('run-000000000002', 14, 1, 1796083200070000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\x385e69c8e31241c3ff9e56e90949ea7e81c3c9bc52612da568f95b2b37a5b9ac');
INSERT INTO glidepath.events VALUES ('run-000000000002', 15, 1, 1796083200070000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-5"},"deadline":1796083210070000}', '\x214f27f2b31004d87dd22f3aee9c8ad03dd74c8580d8f11300dc2eacdcda310c');
INSERT INTO glidepath.events VALUES ('run-000000000002', 16, 1, 1796083200080000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-5"},"outcome":{"outcome":"done"},"tookMs":40}', '\x3cc4fc9bb5ce9447d3ad556ad3502ace3220c09976ab1f63b8a082e0bb26475e');
INSERT INTO glidepath.events VALUES ('run-000000000002', 17, 1, 1796083200080000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-5"}', '\x5ac9346a59a4eceead96b70407f2347334ada0ca82523208e29b873b90aa9cf8');
INSERT INTO glidepath.events VALUES ('run-000000000002', 18, 1, 1796083202081000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-5","verdict":"noRegression"}', '\xda2449fb1fca25e66248b383e877fb9d3e03881bd075ffbf987bd3a557371202');
INSERT INTO glidepath.events VALUES ('run-000000000002', 19, 1, 1796083202081000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-5"}', '\xacd47d67dd20f466ee26917fd86fdf456edcb9ee84c5e0e36dd848b2ae802ac9');
INSERT INTO glidepath.events VALUES ('run-000000000002', 20, 1, 1796083202081000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-25"},"deadline":1796083212081000}', '\x73e42e6fc23d1a351bc4a32ede7e4a488deef1fea301632701fa7f88adf6b284');
INSERT INTO glidepath.events VALUES ('run-000000000002', 21, 1, 1796083202091000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-25"},"outcome":{"outcome":"done"},"tookMs":40}', '\xeb67943364e985cbfa6a20ba32617038d70d578e39b55540cebab5efb242f807');
INSERT INTO glidepath.events VALUES ('run-000000000002', 22, 1, 1796083202091000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-25"}', '\x392672c1bca9a7ea3a45e7c63f1d9d6b6d89eaa46baaa553930d1c0f37539c3c');
INSERT INTO glidepath.events VALUES ('run-000000000002', 23, 1, 1796083204092000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-25","verdict":"noRegression"}', '\x9013e8e82c0be532d3c6a38a86dbee6faac83e4a435eb1cb1245608c2b01eeed');
INSERT INTO glidepath.events VALUES ('run-000000000002', 24, 1, 1796083204092000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-25"}', '\x98b9d739d54679428f660d93cd4aee8de8f2e6d510d5a070ffd2a20e192b7c14');
INSERT INTO glidepath.events VALUES ('run-000000000002', 25, 1, 1796083204092000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-100"},"deadline":1796083214092000}', '\xfeb5296a99506699015025c651180dc30e6d628a9f40134608a05f2393d2c9ea');
INSERT INTO glidepath.events VALUES ('run-000000000002', 26, 1, 1796083204102000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-100"},"outcome":{"outcome":"done"},"tookMs":40}', '\x7d06c330d43132a497045f1aeecc8270c33b1acc9550ff41d6edac29b6d969db');
INSERT INTO glidepath.events VALUES ('run-000000000002', 27, 1, 1796083204102000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-100"}', '\x6537802e13ffe0eeaac53e262362d7b8f76793f22216e645047d36a1d35b8878');
INSERT INTO glidepath.events VALUES ('run-000000000002', 28, 1, 1796083206103000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-100","verdict":"noRegression"}', '\xd54e022bc2a0f6c8feede9db58cf56311be2f0a73685397310448bfae25c1667');
INSERT INTO glidepath.events VALUES ('run-000000000002', 29, 1, 1796083206103000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-100"}', '\xea8bf473ab1d6b32f4cccb851c394e5bff9fbca571879ad02463c08a1707e6ea');
INSERT INTO glidepath.events VALUES ('run-000000000002', 30, 1, 1796083206103000, 'WaitStarted', 1, '{"step":"eu-west/settle","until":1796083206123000}', '\x8c3396560a7d4f185d2e3d5cf9e6d66c067e2bfae9b71cb321d5e67a9a398b75');
INSERT INTO glidepath.events VALUES ('run-000000000002', 31, 1, 1796083206213000, 'WaitEnded', 1, '{"passed":true,"step":"eu-west/settle"}', '\x81a76b39158c9bce520baca93833c8217b6ea79fe69b89b46b059da57fd4b92c');
INSERT INTO glidepath.events VALUES ('run-000000000002', 32, 1, 1796083206213000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/verify"},"deadline":1796083216213000}', '\x45c3f8fa3e852372583aa225d7cdde2790b44567c09525b73d6bbacbff45ae12');
INSERT INTO glidepath.events VALUES ('run-000000000002', 33, 1, 1796083206223000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/verify"},"outcome":{"outcome":"done"},"tookMs":40}', '\xd41c597ea6fb75c02f2d11818c169f67daef26de1ddf95e131d7ea079f5f5761');
INSERT INTO glidepath.events VALUES ('run-000000000002', 34, 1, 1796083206223000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/drain-old"},"deadline":1796083216223000}', '\xf51d4ac616b3031e17693a96e4ac9457fa1dff0dfc43766344e4aa666b804664');
INSERT INTO glidepath.events VALUES ('run-000000000002', 35, 1, 1796083206233000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/drain-old"},"outcome":{"outcome":"done"},"tookMs":40}', '\xdf3ef61039d137b1e5161857336a875d3df3f01df88d00a00977769497713961');
INSERT INTO glidepath.events VALUES ('run-000000000002', 36, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-1"},"deadline":1796083216233000}', '\xa2da5504e550c3a9f06d10c184ea611e9edb9c54524f289d0b8ae3b87cf5e2e0');
INSERT INTO glidepath.events VALUES ('run-000000000002', 37, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-2"},"deadline":1796083216233000}', '\xa6b9bf1d7f487ca5d02ab790e2c510b37ccf864bbeda934d44607e5bdc41931a');
INSERT INTO glidepath.events VALUES ('run-000000000002', 38, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-3"},"deadline":1796083216233000}', '\x66d9f79c9238beca8e3ecdd9b38efeb9d71c8f0264dd81176696c779b66b467f');
INSERT INTO glidepath.events VALUES ('run-000000000002', 39, 1, 1796083206243000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\xb84526c85b5d74273de7b9885e547106d2110c7fe5c8c41146fccdc64699b768');
INSERT INTO glidepath.events VALUES ('run-000000000002', 40, 1, 1796083206253000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\x1a57963ac9684c47d3099d4a8718db29c52e7e6667bc55b04fd365e25471471f');
INSERT INTO glidepath.events VALUES ('run-000000000002', 41, 1, 1796083206263000, 'RequestTaken', 1, '{"answer":"the run turns back: traffic goes to safety first, then the steps are undone","granted":true,"request":{"at":1796083206263000,"reason":null,"run":"run-000000000002","step":null,"verb":"abort","who":{"knownBy":"os-user","name":"pilot"}}}', '\x376b01356c49ae26fa52362a759feda0cb41888fc36230195357a7225d9d6961');
INSERT INTO glidepath.events VALUES ('run-000000000002', 42, 1, 1796083206263000, 'RollbackBegan', 1, '{"cause":"aborted by pilot (os-user)","item":null}', '\x80232c28cbdd3ca08289e966251bb2a638cce9660ed4f4c53ca3f9c8f2b42c7a');
INSERT INTO glidepath.events VALUES ('run-000000000002', 43, 1, 1796083206263000, 'AttemptStarted', 1, '{"attempt":{"direction":"safety","number":1,"round":1,"step":"eu-west/shift-100"},"deadline":1796083216263000}', '\x48ffac834465ac931784d95c2b3e68b874b0f64d0b00166c294e0e345714a833');
INSERT INTO glidepath.events VALUES ('run-000000000002', 44, 1, 1796083206273000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\x2cd830ba396afd18d43cf503748a423661149feaa286a90bdba0b2d5267c13e3');
INSERT INTO glidepath.events VALUES ('run-000000000002', 45, 1, 1796083206283000, 'AttemptEnded', 1, '{"attempt":{"direction":"safety","number":1,"round":1,"step":"eu-west/shift-100"},"outcome":{"outcome":"done"},"tookMs":40}', '\x325ff3db472d87ef81180191ad457d6e46a233c123ee683d8d5b6430f90ebb04');
INSERT INTO glidepath.events VALUES ('run-000000000002', 46, 1, 1796083206283000, 'SafetyReached', 1, '{}', '\x937537a428e437da6963ee991e18cac08620b5ba1b4a0e2515c76e13f8f975de');
INSERT INTO glidepath.events VALUES ('run-000000000002', 47, 1, 1796083206283000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"us-east/deploy-3"},"deadline":1796083216283000}', '\xe6497b79b79f22325fcbcceacd7a0bd1bf94496b73c40c16ba2952cf11baa5e0');
INSERT INTO glidepath.events VALUES ('run-000000000002', 48, 1, 1796083206283000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"us-east/deploy-2"},"deadline":1796083216283000}', '\x4ddff2533017258e5e03fa2f0a462e9bb42a1a2908dd0a93f4c9c3e6ba3c2f58');
INSERT INTO glidepath.events VALUES ('run-000000000002', 49, 1, 1796083206283000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"us-east/deploy-1"},"deadline":1796083216283000}', '\x029eabf8e28f34b3e37a83cffcf533a704cdafc34c37e195e27f26577d6012e9');
INSERT INTO glidepath.events VALUES ('run-000000000002', 50, 1, 1796083206293000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"us-east/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\xbc84da3057ebd7f3c8623e300c27ee7ade8e9f890e4b38c31ed32540923a1163');
INSERT INTO glidepath.events VALUES ('run-000000000002', 51, 1, 1796083206303000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"us-east/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\x0c588b873279ca12601f48eb1e8d5da8aeea4877595eacd3ce69dc8e8cfad6a8');
INSERT INTO glidepath.events VALUES ('run-000000000002', 52, 1, 1796083206313000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"us-east/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\x6f370a9b6caf5c5e6c57996df4204f0bfb9f676a6241fe930b1ac42425c474b1');
INSERT INTO glidepath.events VALUES ('run-000000000002', 53, 1, 1796083206313000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/drain-old"},"deadline":1796083216313000}', '\x029d3e526167fe540966b0068a2a907282e576db5fb8a9a36472a84eceebd1b0');
INSERT INTO glidepath.events VALUES ('run-000000000002', 54, 1, 1796083206323000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/drain-old"},"outcome":{"outcome":"done"},"tookMs":40}', '\xb7d1e40e5b9cf4e4d9bae13b97edff5c978a62773fafb1905321c27d760f3d2f');
INSERT INTO glidepath.events VALUES ('run-000000000002', 55, 1, 1796083206323000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/deploy-3"},"deadline":1796083216323000}', '\x6c2daa65362f5937798ccb6646ce29cd003b568c09d3009589dcf4aa46157e7c');
INSERT INTO glidepath.events VALUES ('run-000000000002', 56, 1, 1796083206323000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/deploy-2"},"deadline":1796083216323000}', '\xae1db8dff43f82f15f6ddb74cff89a306db29c11c2c29e8a6030e8f91cfcbcf2');
INSERT INTO glidepath.events VALUES ('run-000000000002', 57, 1, 1796083206323000, 'AttemptStarted', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/deploy-1"},"deadline":1796083216323000}', '\x4ac4f33ef6c5f90e89b4390f16a71d410172d1c2799f60a222ea45dc7152befe');
INSERT INTO glidepath.events VALUES ('run-000000000002', 58, 1, 1796083206333000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\x9fb7d51b984d4a63ff8fec54ea383e6a853a9dc6d0a50e64e65b52c74c302a11');
INSERT INTO glidepath.events VALUES ('run-000000000002', 59, 1, 1796083206343000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\x17ed2b8e3a6c46c9a8c97e0ad6af4ec875740f33b9cc746f5dd2d5d06e7a7218');
INSERT INTO glidepath.events VALUES ('run-000000000002', 60, 1, 1796083206353000, 'AttemptEnded', 1, '{"attempt":{"direction":"undo","number":1,"round":1,"step":"eu-west/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\x0f305edddb04d552f7ee520a893395c544227d7bb0b945af1f00796677464210');
INSERT INTO glidepath.events VALUES ('run-000000000002', 61, 1, 1796083206353000, 'RunEnded', 1, '{"end":"rolledBack","leftovers":["backup (it may stay)","migrate (it may stay)"]}', '\xe5ddc65ce3e26012ff93ae92a0dd093126b804c4dd8596f1b343a7b2105e0bca');
INSERT INTO glidepath.events VALUES ('run-000000000003', 1, 1, 1796083200000000, 'RunStarted', 1, '{"engineSemantics":2,"plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","seed":7,"who":{"knownBy":"os-user","name":"pilot"}}', '\x694303bb0353ee64c77820581311270dcbccda5aa0b60f3cff45e65ee8b5793b');
INSERT INTO glidepath.events VALUES ('run-000000000003', 2, 1, 1796083200000000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"preflight"},"deadline":1796083210000000}', '\x92053316150652e05b0cd2eabe54ee49abefd4855b24cc6eb84486b6e9fe2098');
INSERT INTO glidepath.events VALUES ('run-000000000003', 3, 1, 1796083200010000, 'OwnerTook', 1, '{"epoch":1,"process":{"bootId":"boot","pid":7,"startTicks":99},"who":{"knownBy":"os-user","name":"pilot"}}', '\x56d0501066bce76b07f10a59f0a3dcd197b2344810827f747e2240f212b72c3e');
INSERT INTO glidepath.events VALUES ('run-000000000003', 4, 1, 1796083200020000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"preflight"},"outcome":{"outcome":"done"},"tookMs":40}', '\x0cd8dad54a275ab5fe2e9e51a5a6cb7d8d2fbe7308d019fa39761e712b44c214');
INSERT INTO glidepath.events VALUES ('run-000000000003', 5, 1, 1796083200020000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"backup"},"deadline":1796083210020000}', '\x0c0f97ac17e13d46c42303c0a64d1472513f6bda2a2bd691551dd87519265da4');
INSERT INTO glidepath.events VALUES ('run-000000000003', 6, 1, 1796083200030000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"backup"},"outcome":{"outcome":"done"},"tookMs":40}', '\xe4b9e50d37a575166d54f51ae3c28799935bafab1ec47776504498e730523e02');
INSERT INTO glidepath.events VALUES ('run-000000000003', 7, 1, 1796083200030000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"migrate"},"deadline":1796083210030000}', '\xb2021daa5f80acb177f29f8e897265e66a0b660e6685ac56a225de1425b1794b');
INSERT INTO glidepath.events VALUES ('run-000000000003', 8, 1, 1796083200040000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"migrate"},"outcome":{"outcome":"done"},"tookMs":40}', '\x790b17298f2d05306c066e58b0931336ac4b9e5e127a92ae71006417c08a7ad7');
INSERT INTO glidepath.events VALUES ('run-000000000003', 9, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-1"},"deadline":1796083210040000}', '\xef193582ebb8958d826a526d082c2a6eee5616d3c3bd037a2f496f4ff106c7c8');
INSERT INTO glidepath.events VALUES ('run-000000000003', 10, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-2"},"deadline":1796083210040000}', '\x0279914b6395c1663889378b31a30314b8003757d208d9c3ac4baeaf481aad58');
INSERT INTO glidepath.events VALUES ('run-000000000003', 11, 1, 1796083200040000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-3"},"deadline":1796083210040000}', '\xfbcf0be45533407d5b4f10adb6f59dd8f764481b670b20f3f93f3ff325cfdd49');
INSERT INTO glidepath.events VALUES ('run-000000000003', 12, 1, 1796083200050000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\x100a761244bdd7cf484b7e84a343f859e8e7d13ba9930ed42ecfeef15e9b6cf6');
INSERT INTO glidepath.events VALUES ('run-000000000003', 13, 1, 1796083200060000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\xf6d1f786dd5ebb117b4a43e5dc781f0bfcbf0c1b8cc499905ba8ac743c119e3b');
INSERT INTO glidepath.events VALUES ('run-000000000003', 14, 1, 1796083200070000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/deploy-3"},"outcome":{"outcome":"done"},"tookMs":40}', '\x68710e9f0f7aad654d4262a6dad6af7460b749b8618be4f5fbc54307c2a37498');
INSERT INTO glidepath.events VALUES ('run-000000000003', 15, 1, 1796083200070000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-5"},"deadline":1796083210070000}', '\x6d8548c5001dfb1232c72a1cef43fff4aebf65b0c699db8d80929ec31a78060d');
INSERT INTO glidepath.events VALUES ('run-000000000003', 16, 1, 1796083200080000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-5"},"outcome":{"outcome":"done"},"tookMs":40}', '\x779ab8166adc921cf02c7550c822c4738e8201e28228ea41585dbf80aa8a07ed');
INSERT INTO glidepath.events VALUES ('run-000000000003', 17, 1, 1796083200080000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-5"}', '\x7b789784d34529d7b34a195b7e803b5b09637415ed0ea22a7375b44b1b0d2746');
INSERT INTO glidepath.events VALUES ('run-000000000003', 18, 1, 1796083202081000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-5","verdict":"noRegression"}', '\xa7d185cec886a4e2ee8e00d92db92c59c701b2620d7efea44654c55e7ba5ed50');
INSERT INTO glidepath.events VALUES ('run-000000000003', 19, 1, 1796083202081000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-5"}', '\xe775bdf9aca217ea631233f3cf7fcf94fb2ab56f120345b163e4c53941931590');
INSERT INTO glidepath.events VALUES ('run-000000000003', 20, 1, 1796083202081000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-25"},"deadline":1796083212081000}', '\xbbd1181b84548cc15762959b589fbbb644f0df49d907cbd153967484417958ad');
INSERT INTO glidepath.events VALUES ('run-000000000003', 21, 1, 1796083202091000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-25"},"outcome":{"outcome":"done"},"tookMs":40}', '\xe1f1e1dc90053fd208d530acf6f370bcb5132e797b4ebd25c1c57533e2f58dc1');
INSERT INTO glidepath.events VALUES ('run-000000000003', 22, 1, 1796083202091000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-25"}', '\xeca2742f814f6d48d466f000685577a0bcb27a74dbdec06661f2459733a6869d');
INSERT INTO glidepath.events VALUES ('run-000000000003', 23, 1, 1796083204092000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-25","verdict":"noRegression"}', '\x682cd0a392c2810219a4a2d16ca32d78921eae44554215e3596381a2db7057b1');
INSERT INTO glidepath.events VALUES ('run-000000000003', 24, 1, 1796083204092000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-25"}', '\x63d9e368af83e01e3f7a2a5a2a2887acab89ec1de15623352903c243f03776b1');
INSERT INTO glidepath.events VALUES ('run-000000000003', 25, 1, 1796083204092000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-100"},"deadline":1796083214092000}', '\x39dc127ffb05ceef91c28f2ce96a502e700de7764c1f8003b089fd1a104ce728');
INSERT INTO glidepath.events VALUES ('run-000000000003', 26, 1, 1796083204102000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/shift-100"},"outcome":{"outcome":"done"},"tookMs":40}', '\x6d21de2de1991f91a8bf5ed4a38c856c3e63bbc7181eb627d956ceea3d5c3bb5');
INSERT INTO glidepath.events VALUES ('run-000000000003', 27, 1, 1796083204102000, 'GateOpened', 1, '{"round":1,"step":"eu-west/gate-100"}', '\xe0b31cb4738c118c3bf04756cbb215e860a3d438d26a7eeaf58263f313aa1ed4');
INSERT INTO glidepath.events VALUES ('run-000000000003', 28, 1, 1796083206103000, 'GateLooked', 1, '{"line":"as before","state":{"looks":1},"step":"eu-west/gate-100","verdict":"noRegression"}', '\xd5069025d3966d483bdbbb8feba895e89f3ca0ed51d7d53daa95f8b78a4196d1');
INSERT INTO glidepath.events VALUES ('run-000000000003', 29, 1, 1796083206103000, 'GateClosed', 1, '{"passed":true,"reason":"as before","step":"eu-west/gate-100"}', '\x696a6702331ad808487709450906e19eb520c94ae8120889b8292383f5c000cf');
INSERT INTO glidepath.events VALUES ('run-000000000003', 30, 1, 1796083206103000, 'WaitStarted', 1, '{"step":"eu-west/settle","until":1796083206123000}', '\x937948979ccf05e36338739efc21592671aa049bb61dec6228aad90550a899cb');
INSERT INTO glidepath.events VALUES ('run-000000000003', 31, 1, 1796083206213000, 'WaitEnded', 1, '{"passed":true,"step":"eu-west/settle"}', '\xcffb6c0a0e0d25bad6e54e15bc48d10f99a0a9025d1001b42396d0035ec1921e');
INSERT INTO glidepath.events VALUES ('run-000000000003', 32, 1, 1796083206213000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/verify"},"deadline":1796083216213000}', '\xa1b2ba994e7395cc2a9b24c9f35fbe87aff1983ffb0e4fbb817a5dffa2779907');
INSERT INTO glidepath.events VALUES ('run-000000000003', 33, 1, 1796083206223000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/verify"},"outcome":{"outcome":"done"},"tookMs":40}', '\x4649ba7b057651a14143b011063d88c8161185c26ef4df6a89b31a4fc0b3459d');
INSERT INTO glidepath.events VALUES ('run-000000000003', 34, 1, 1796083206223000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/drain-old"},"deadline":1796083216223000}', '\x3186f817494f1f79ac8673958350f6c7ea9dd2265b8cd750d478ae4832f7356c');
INSERT INTO glidepath.events VALUES ('run-000000000003', 35, 1, 1796083206233000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"eu-west/drain-old"},"outcome":{"outcome":"done"},"tookMs":40}', '\xfcd29f899e65c84a02c185efcd88a4427aa7abdb82b859641edb52401794242b');
INSERT INTO glidepath.events VALUES ('run-000000000003', 36, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-1"},"deadline":1796083216233000}', '\x357ac6b0215f5adab17c928baab9fe5e3753b8920a33dc895380f412be62a420');
INSERT INTO glidepath.events VALUES ('run-000000000003', 37, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-2"},"deadline":1796083216233000}', '\x87d0331a1c67165c9ec831a8acf8e54bda240886c664c93277ac8c680a024e9b');
INSERT INTO glidepath.events VALUES ('run-000000000003', 38, 1, 1796083206233000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-3"},"deadline":1796083216233000}', '\x0969764b371f7a3c048d910cdaf12c1cbed9dbfe4bc9450bfd8a626b1f7d23cd');
INSERT INTO glidepath.events VALUES ('run-000000000003', 39, 1, 1796083206243000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-1"},"outcome":{"outcome":"done"},"tookMs":40}', '\x24f7abe023a2a609b4104bff094650a22bb5cd59101849b0c3daeedba2952ed6');
INSERT INTO glidepath.events VALUES ('run-000000000003', 40, 1, 1796083206253000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":1,"round":1,"step":"us-east/deploy-2"},"outcome":{"outcome":"done"},"tookMs":40}', '\x997b8672d6bb40a28f199545788d40075759407b4463881461fd609093dc7654');
INSERT INTO glidepath.events VALUES ('run-000000000004', 1, 1, 1790000000000000, 'RunStarted', 1, '{"engineSemantics":1,"plan":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615,"who":{"knownBy":"os-user","name":"pilot"}}', '\xc19559acdb4e5d2b0c76c9fcbe8989807ccce5c650f5cb457d96f830e738e073');
INSERT INTO glidepath.events VALUES ('run-000000000004', 2, 1, 1790000000000000, 'OwnerTook', 1, '{"epoch":1,"process":{"bootId":"boot","pid":7,"startTicks":99},"who":{"knownBy":"os-user","name":"pilot"}}', '\x8e8468ad196fe1349c0f1e6832e0bae0699fc829f0e1437da40504feefa5ffce');
INSERT INTO glidepath.events VALUES ('run-000000000004', 3, 1, 1790000000000000, 'ClockJumped', 1, '{"byMs":-40000}', '\x2d15021dc4140849ec1c4040eea4949ef47125a090401ba1b72df682da61641d');
INSERT INTO glidepath.events VALUES ('run-000000000004', 4, 1, 1790000000000000, 'AttemptStarted', 1, '{"attempt":{"direction":"do","number":2,"round":1,"step":"production/payments/deploy"},"deadline":1790000060000000}', '\x6b8d56e0855e642a724fab7cbcb7c0fc8b41755f43dc8505eca878da55be13df');
INSERT INTO glidepath.events VALUES ('run-000000000004', 5, 1, 1790000000000000, 'ProcessStarted', 1, '{"attempt":{"direction":"do","number":2,"round":1,"step":"production/payments/deploy"},"process":{"bootId":"boot","pid":7,"startTicks":99}}', '\xefd7b64c892063dca401b329a52a952b7462690adcdaab1e871f8385e79e2c9d');
INSERT INTO glidepath.events VALUES ('run-000000000004', 6, 1, 1790000000000000, 'AttemptEnded', 1, '{"attempt":{"direction":"do","number":2,"round":1,"step":"production/payments/deploy"},"outcome":{"outcome":"done","outputs":{"rows":12}},"tookMs":1500}', '\x8c14d9ce76616b17b2c088557bae804d94565e1e40bd941bc63fbb03e910dc75');
INSERT INTO glidepath.events VALUES ('run-000000000004', 7, 1, 1790000000000000, 'RetrySet', 1, '{"at":1790000061000000,"direction":"undo","step":"production/payments/gate"}', '\x38a407466f83d49c38664deaad670b888089510ee1d20162d4ac71c71fe6e68a');
INSERT INTO glidepath.events VALUES ('run-000000000004', 8, 1, 1790000000000000, 'WaitStarted', 1, '{"step":"production/payments/gate","until":1790000090000000}', '\x8dabfbdf5cc56e9ee2cd73690d140449b1715e62c9ebcf99ac9ea55ba40716c9');
INSERT INTO glidepath.events VALUES ('run-000000000004', 9, 1, 1790000000000000, 'WaitEnded', 1, '{"passed":true,"step":"production/payments/gate"}', '\x405767db4da0383263420979f1efab1a1e7c2eae6f484dce9941bf5880f8dffe');
INSERT INTO glidepath.events VALUES ('run-000000000004', 10, 1, 1790000000000000, 'GateOpened', 1, '{"round":1,"step":"production/payments/gate"}', '\x7f8fbc4a00ed5ded75fb2c0af16aa8f8ebdc19751013e4ce25f093f1e6817743');
INSERT INTO glidepath.events VALUES ('run-000000000004', 11, 1, 1790000000000000, 'GateLooked', 1, '{"line":"no traffic \"yet\" 🛫","state":{"counts":[1,2,3],"nothing":null},"step":"production/payments/gate","verdict":"undecided"}', '\xf2d86de2f2d30d2ad7a451ea1de462ae77bc677c7d89ff3e266b0890a74b9d4a');
INSERT INTO glidepath.events VALUES ('run-000000000004', 12, 1, 1790000000000000, 'GateClosed', 1, '{"passed":false,"reason":"5x errors","step":"production/payments/gate"}', '\x7a5b19531c7b4daf8940551f804c3c4d591209094e87c63576ebd106021ddcce');
INSERT INTO glidepath.events VALUES ('run-000000000004', 13, 1, 1790000000000000, 'RequestTaken', 1, '{"answer":"promoted","granted":true,"request":{"at":1790000003000000,"reason":"seen","run":"run-000000000001","signal":{"event":"load-test","outputs":{"passed":true}},"step":"production/payments/gate","verb":"override","who":{"knownBy":"os-user","name":"pilot"}}}', '\x003cfd3ea70da04efc0b152e4716c5fc3eae5d18c5d0eaad5c7f88169f66a473');
INSERT INTO glidepath.events VALUES ('run-000000000004', 14, 1, 1790000000000000, 'HoldBegan', 1, '{"reason":"undecided","step":"production/payments/gate","until":1790000600000000}', '\xd3e8c9c264a34346446c13bd6992398fe762f6fa14ca9fa84a94d2b38040ea64');
INSERT INTO glidepath.events VALUES ('run-000000000004', 15, 1, 1790000000000000, 'HoldEnded', 1, '{}', '\xa5899112d4855518471c27e8a6b96d4b4f4619765daee49a09185cdf9ffd081b');
INSERT INTO glidepath.events VALUES ('run-000000000004', 16, 1, 1790000000000000, 'WindowClosed', 1, '{"reason":"freeze sale holds"}', '\x58269f21ad0026ae67487ea70e6a60505f079cee1c51768d7fc5018a4e9453df');
INSERT INTO glidepath.events VALUES ('run-000000000004', 17, 1, 1790000000000000, 'WindowOpened', 1, '{}', '\x2d68a0da66d92618e3d1e0b48ac9e8f38cfb79e2cac5ba1b01b6812c94d65c1f');
INSERT INTO glidepath.events VALUES ('run-000000000004', 18, 1, 1790000000000000, 'RollbackBegan', 1, '{"cause":"regression","item":null}', '\x5088ac2402bf905a519644290adf74fb41513205354fff91467e96475896e65e');
INSERT INTO glidepath.events VALUES ('run-000000000004', 19, 1, 1790000000000000, 'SafetyReached', 1, '{}', '\xcefabf58f020a8c611c7051bde890e7ee9a43607e2d9b5f658f58e42a8a12e66');
INSERT INTO glidepath.events VALUES ('run-000000000004', 20, 1, 1790000000000000, 'WentBack', 1, '{"to":"production/payments/gate"}', '\xfb094f8259e15a71636d32da942d04766e7355aa565b4d279997b2736ba4c052');
INSERT INTO glidepath.events VALUES ('run-000000000004', 21, 1, 1790000000000000, 'ClaimsQueued', 1, '{"wait":{"by":"run-000000000002","holds":true,"resource":"db","since":1790000001000000}}', '\x88d1c18c6979d3560a4252497396782088e28973f4c394d3dadfc8b2e1f2c224');
INSERT INTO glidepath.events VALUES ('run-000000000004', 22, 1, 1790000000000000, 'ClaimsGranted', 1, '{"fences":[{"number":9223372036854775807,"resource":"db"}]}', '\x36f96b9d310eb066fa6f9bd170e40ac09785e2c230c5611e370149761487edb3');
INSERT INTO glidepath.events VALUES ('run-000000000004', 23, 1, 1790000000000000, 'StepLeftOut', 1, '{"reason":"no rows to move","step":"production/payments/gate"}', '\xaee089af684b33631462cf4fcdc1270065c729d51d77764da991be05b86e078e');
INSERT INTO glidepath.events VALUES ('run-000000000004', 24, 1, 1790000000000000, 'FailureTolerated', 1, '{"reason":"one host of many","step":"production/payments/gate"}', '\x76e22369ab415650f34bbb507b7be832714383ebf2daaf53781cc8d6a4d75473');
INSERT INTO glidepath.events VALUES ('run-000000000004', 25, 1, 1790000000000000, 'AdmissionAsked', 1, '{"step":"production/payments/gate"}', '\x06bd2b89126f049a07f1efa3ead2367b668e4379b528a1c17deb37bb3d5d7287');
INSERT INTO glidepath.events VALUES ('run-000000000004', 26, 1, 1790000000000000, 'StartDelayed', 1, '{"reason":"two in ten seconds","step":"production/payments/gate","until":1790000070000000}', '\x60eb25ef806d442d247f0097922e7b89579ddeb6bad5c6b890dc6e6868fd1e0a');
INSERT INTO glidepath.events VALUES ('run-000000000004', 27, 1, 1790000000000000, 'OperatorNeeded', 1, '{"reason":"the router is gone","step":"production/payments/gate"}', '\x22c37d046a340620e7cae701803ae956fbacb378bf7adff69f48777d00779a9b');
INSERT INTO glidepath.events VALUES ('run-000000000004', 28, 1, 1790000000000000, 'RunEnded', 1, '{"end":"rolledBack","leftovers":["the expanded schema"]}', '\xf117a0bfb4bd2a99970c6b00c9532dab6e8e78d46c104d8130cdd026583924e4');
INSERT INTO glidepath.events VALUES ('run-000000000004', 29, 1, 1790000000000000, 'Noted', 1, '{"line":"late result"}', '\xe70902f00751a921649000cea42977246dfefddb55ba6cc5b2551e84a6d92937');


--
-- Data for Name: nodes; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.nodes VALUES (1, 'old', '2026-11-28 03:39:39.096663+00', '2026-11-28 03:39:24.232104+00', false, false, '{1,2}', '{"name":"pilot","knownBy":"os-user"}', '{"bootId":"boot","pid":7,"startTicks":99}', '2026-11-28 03:39:24.096666+00', 0);


--
-- Data for Name: outcomes; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.outcomes VALUES ('component-0', 1, 1, 1796083212456000, 1796083206353000);
INSERT INTO glidepath.outcomes VALUES ('component-1', 1, 1, 1796083212456000, 1796083206353000);


--
-- Data for Name: plans; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.plans VALUES ('4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a', 1796083200000000, 'A change for tests', 1, '\x7b22666f726d6174223a312c22656e67696e6553656d616e74696373223a312c226368616e6765223a7b226e616d65223a22746573742d6368616e6765222c227469746c65223a2241206368616e676520666f72207465737473222c22726561736f6e223a6e756c6c2c22636c617373223a226e6f726d616c222c22696e74656e74223a2266656174757265222c22656e7669726f6e6d656e7473223a5b5d2c226f776e6572223a6e756c6c2c227469636b6574223a6e756c6c2c226974656d73223a5b7b22636f6d706f6e656e74223a22636f6d706f6e656e742d30222c226b696e64223a7b2274797065223a2276657273696f6e222c2277686174223a22636f6465222c22746f223a2232222c2265787065637446726f6d223a6e756c6c2c226172746966616374223a6e756c6c2c2272656d6f766573223a66616c73657d2c227374726174656779223a6e756c6c2c226465636c617265644174223a6e756c6c7d2c7b22636f6d706f6e656e74223a22636f6d706f6e656e742d31222c226b696e64223a7b2274797065223a2276657273696f6e222c2277686174223a22636f6465222c22746f223a2232222c2265787065637446726f6d223a6e756c6c2c226172746966616374223a6e756c6c2c2272656d6f766573223a66616c73657d2c227374726174656779223a6e756c6c2c226465636c617265644174223a6e756c6c7d5d2c226f6e4661696c757265223a22726f6c6c6261636b4368616e6765222c226f6e57696e646f77456e64223a2266696e697368222c22636f6e73747261696e7473223a7b22646f776e74696d654d73223a6e756c6c2c2266696e6973684265666f7265223a6e756c6c2c226d61784275646765745368617265223a6e756c6c2c226d61784578747261436f7374223a6e756c6c2c22636f6d706c69616e6365223a5b5d7d2c22707265666572223a6e756c6c2c22736f75726365223a6e756c6c7d2c226661637473223a2230363934616163623636643632653734326139326538643566316538326264396432613863613162653838373434323031666265363364306635303037353032222c22637265617465644174223a22323032362d31322d30315430303a30303a30305a222c22657870697265734174223a22323032362d31322d30325430303a30303a30305a222c2273656564223a372c2261737369676e6d656e7473223a5b5d2c2274616b656f6666223a5b5d2c227374657073223a5b7b226964223a22707265666c69676874222c227469746c65223a22707265666c69676874222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b5d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22707265666c69676874222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f707265666c69676874222c22636f6d6d616e64223a22646f20707265666c69676874227d2c7b226964223a226261636b7570222c227469746c65223a226261636b7570222c227068617365223a226465706c6f79222c22736176657344617461223a747275652c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b22707265666c69676874225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a226261636b7570222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b226c65617665496e506c616365223a7b22726561736f6e223a226974206d61792073746179227d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f6261636b7570222c22636f6d6d616e64223a22646f206261636b7570227d2c7b226964223a226d696772617465222c227469746c65223a226d696772617465222c227068617365223a226465706c6f79222c226974656d223a302c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226261636b7570225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a226d696772617465222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b226c65617665496e506c616365223a7b22726561736f6e223a226974206d61792073746179227d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f6d696772617465222c22636f6d6d616e64223a22646f206d696772617465227d2c7b226964223a2265752d776573742f6465706c6f792d31222c227469746c65223a2265752d776573742f6465706c6f792d31222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226d696772617465225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d31222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d31222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f6465706c6f792d31222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d31222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a226465706c6f792f7061796d656e7473222c22636f6d6d616e64223a22646f2065752d776573742f6465706c6f792d31227d2c7b226964223a2265752d776573742f6465706c6f792d32222c227469746c65223a2265752d776573742f6465706c6f792d32222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226d696772617465225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d32222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d32222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f6465706c6f792d32222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d32222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f6465706c6f792d32222c22636f6d6d616e64223a22646f2065752d776573742f6465706c6f792d32227d2c7b226964223a2265752d776573742f6465706c6f792d33222c227469746c65223a2265752d776573742f6465706c6f792d33222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226d696772617465225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d33222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d33222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f6465706c6f792d33222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d33222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f6465706c6f792d33222c22636f6d6d616e64223a22646f2065752d776573742f6465706c6f792d33227d2c7b226964223a2265752d776573742f73686966742d35222c227469746c65223a2265752d776573742f73686966742d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f6465706c6f792d31222c2265752d776573742f6465706c6f792d32222c2265752d776573742f6465706c6f792d33225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d35222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2265752d77657374222c227368617265223a35303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d35222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f65752d776573742f73686966742d35222c22636f6d6d616e64223a22646f2065752d776573742f73686966742d35227d2c7b226964223a2265752d776573742f676174652d35222c227469746c65223a2265752d776573742f676174652d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f73686966742d35225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f676174652d35222c22636f6d6d616e64223a22646f2065752d776573742f676174652d35227d2c7b226964223a2265752d776573742f73686966742d3235222c227469746c65223a2265752d776573742f73686966742d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f676174652d35225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d3235222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2265752d77657374222c227368617265223a3235303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d3235222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f65752d776573742f73686966742d3235222c22636f6d6d616e64223a22646f2065752d776573742f73686966742d3235227d2c7b226964223a2265752d776573742f676174652d3235222c227469746c65223a2265752d776573742f676174652d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f73686966742d3235225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f676174652d3235222c22636f6d6d616e64223a22646f2065752d776573742f676174652d3235227d2c7b226964223a2265752d776573742f73686966742d313030222c227469746c65223a2265752d776573742f73686966742d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f676174652d3235225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d313030222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2265752d77657374222c227368617265223a313030303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d313030222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f65752d776573742f73686966742d313030222c22636f6d6d616e64223a22646f2065752d776573742f73686966742d313030227d2c7b226964223a2265752d776573742f676174652d313030222c227469746c65223a2265752d776573742f676174652d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f73686966742d313030225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f676174652d313030222c22636f6d6d616e64223a22646f2065752d776573742f676174652d313030227d2c7b226964223a2265752d776573742f736574746c65222c227469746c65223a2265752d776573742f736574746c65222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f676174652d313030225d2c22776f726b223a7b2277616974223a32307d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f736574746c65222c22636f6d6d616e64223a22646f2065752d776573742f736574746c65227d2c7b226964223a2265752d776573742f766572696679222c227469746c65223a2265752d776573742f766572696679222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f736574746c65225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f766572696679222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f766572696679222c22636f6d6d616e64223a22646f2065752d776573742f766572696679227d2c7b226964223a2265752d776573742f647261696e2d6f6c64222c227469746c65223a2265752d776573742f647261696e2d6f6c64222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f766572696679225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f647261696e2d6f6c64222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f647261696e2d6f6c64222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f647261696e2d6f6c64222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f647261696e2d6f6c64222c22636f6d6d616e64223a22646f2065752d776573742f647261696e2d6f6c64227d2c7b226964223a2275732d656173742f6465706c6f792d31222c227469746c65223a2275732d656173742f6465706c6f792d31222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d31222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d31222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f6465706c6f792d31222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d31222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a226465706c6f792f7061796d656e7473222c22636f6d6d616e64223a22646f2075732d656173742f6465706c6f792d31227d2c7b226964223a2275732d656173742f6465706c6f792d32222c227469746c65223a2275732d656173742f6465706c6f792d32222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d32222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d32222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f6465706c6f792d32222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d32222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f6465706c6f792d32222c22636f6d6d616e64223a22646f2075732d656173742f6465706c6f792d32227d2c7b226964223a2275732d656173742f6465706c6f792d33222c227469746c65223a2275732d656173742f6465706c6f792d33222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d33222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d33222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f6465706c6f792d33222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d33222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f6465706c6f792d33222c22636f6d6d616e64223a22646f2075732d656173742f6465706c6f792d33227d2c7b226964223a2275732d656173742f73686966742d35222c227469746c65223a2275732d656173742f73686966742d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f6465706c6f792d31222c2275732d656173742f6465706c6f792d32222c2275732d656173742f6465706c6f792d33225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d35222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2275732d65617374222c227368617265223a35303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d35222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f75732d656173742f73686966742d35222c22636f6d6d616e64223a22646f2075732d656173742f73686966742d35227d2c7b226964223a2275732d656173742f676174652d35222c227469746c65223a2275732d656173742f676174652d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f73686966742d35225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f676174652d35222c22636f6d6d616e64223a22646f2075732d656173742f676174652d35227d2c7b226964223a2275732d656173742f73686966742d3235222c227469746c65223a2275732d656173742f73686966742d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f676174652d35225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d3235222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2275732d65617374222c227368617265223a3235303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d3235222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f75732d656173742f73686966742d3235222c22636f6d6d616e64223a22646f2075732d656173742f73686966742d3235227d2c7b226964223a2275732d656173742f676174652d3235222c227469746c65223a2275732d656173742f676174652d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f73686966742d3235225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f676174652d3235222c22636f6d6d616e64223a22646f2075732d656173742f676174652d3235227d2c7b226964223a2275732d656173742f73686966742d313030222c227469746c65223a2275732d656173742f73686966742d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f676174652d3235225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d313030222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2275732d65617374222c227368617265223a313030303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d313030222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f75732d656173742f73686966742d313030222c22636f6d6d616e64223a22646f2075732d656173742f73686966742d313030227d2c7b226964223a2275732d656173742f676174652d313030222c227469746c65223a2275732d656173742f676174652d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f73686966742d313030225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f676174652d313030222c22636f6d6d616e64223a22646f2075732d656173742f676174652d313030227d2c7b226964223a2275732d656173742f736574746c65222c227469746c65223a2275732d656173742f736574746c65222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f676174652d313030225d2c22776f726b223a7b2277616974223a32307d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f736574746c65222c22636f6d6d616e64223a22646f2075732d656173742f736574746c65227d2c7b226964223a2275732d656173742f766572696679222c227469746c65223a2275732d656173742f766572696679222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f736574746c65225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f766572696679222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f766572696679222c22636f6d6d616e64223a22646f2075732d656173742f766572696679227d2c7b226964223a2275732d656173742f647261696e2d6f6c64222c227469746c65223a2275732d656173742f647261696e2d6f6c64222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f766572696679225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f647261696e2d6f6c64222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f647261696e2d6f6c64222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f647261696e2d6f6c64222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f647261696e2d6f6c64222c22636f6d6d616e64223a22646f2075732d656173742f647261696e2d6f6c64227d2c7b226964223a226e6f74696365222c227469746c65223a226e6f74696365222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a226e6f74696365222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f6e6f74696365222c22636f6d6d616e64223a22646f206e6f74696365227d2c7b226964223a22636c65616e2d7570222c227469746c65223a22636c65616e2d7570222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22636c65616e2d7570222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22636c65616e2d7570222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f20636c65616e2d7570222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f636c65616e2d7570222c22636f6d6d616e64223a22646f20636c65616e2d7570227d2c7b226964223a22636c6f7365222c227469746c65223a22636c6f7365222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226e6f74696365222c22636c65616e2d7570225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22636c6f7365222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f636c6f7365222c22636f6d6d616e64223a22646f20636c6f7365227d5d2c226f6e4661696c757265223a22726f6c6c6261636b4368616e6765222c226d61747269636573223a5b5d2c22686f6c644c696d69744d73223a36303030302c22656e76656c6f7065223a7b226974656d73223a5b5d2c2267726561746573744578706f73757265223a313030303030303030302c226c6561737442616b654d73223a302c226f6e65576179223a5b5d7d2c22666f6c6c6f77557073223a5b5d7d', '\x7b226964223a2234333138623862643932363737343636343133396437633637303837346337353461383563353133393065363465643164326364373036616139663662643061222c22626f6479223a7b22666f726d6174223a312c22656e67696e6553656d616e74696373223a312c226368616e6765223a7b226e616d65223a22746573742d6368616e6765222c227469746c65223a2241206368616e676520666f72207465737473222c22726561736f6e223a6e756c6c2c22636c617373223a226e6f726d616c222c22696e74656e74223a2266656174757265222c22656e7669726f6e6d656e7473223a5b5d2c226f776e6572223a6e756c6c2c227469636b6574223a6e756c6c2c226974656d73223a5b7b22636f6d706f6e656e74223a22636f6d706f6e656e742d30222c226b696e64223a7b2274797065223a2276657273696f6e222c2277686174223a22636f6465222c22746f223a2232222c2265787065637446726f6d223a6e756c6c2c226172746966616374223a6e756c6c2c2272656d6f766573223a66616c73657d2c227374726174656779223a6e756c6c2c226465636c617265644174223a6e756c6c7d2c7b22636f6d706f6e656e74223a22636f6d706f6e656e742d31222c226b696e64223a7b2274797065223a2276657273696f6e222c2277686174223a22636f6465222c22746f223a2232222c2265787065637446726f6d223a6e756c6c2c226172746966616374223a6e756c6c2c2272656d6f766573223a66616c73657d2c227374726174656779223a6e756c6c2c226465636c617265644174223a6e756c6c7d5d2c226f6e4661696c757265223a22726f6c6c6261636b4368616e6765222c226f6e57696e646f77456e64223a2266696e697368222c22636f6e73747261696e7473223a7b22646f776e74696d654d73223a6e756c6c2c2266696e6973684265666f7265223a6e756c6c2c226d61784275646765745368617265223a6e756c6c2c226d61784578747261436f7374223a6e756c6c2c22636f6d706c69616e6365223a5b5d7d2c22707265666572223a6e756c6c2c22736f75726365223a6e756c6c7d2c226661637473223a2230363934616163623636643632653734326139326538643566316538326264396432613863613162653838373434323031666265363364306635303037353032222c22637265617465644174223a22323032362d31322d30315430303a30303a30305a222c22657870697265734174223a22323032362d31322d30325430303a30303a30305a222c2273656564223a372c2261737369676e6d656e7473223a5b5d2c2274616b656f6666223a5b5d2c227374657073223a5b7b226964223a22707265666c69676874222c227469746c65223a22707265666c69676874222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b5d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22707265666c69676874222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f707265666c69676874222c22636f6d6d616e64223a22646f20707265666c69676874227d2c7b226964223a226261636b7570222c227469746c65223a226261636b7570222c227068617365223a226465706c6f79222c22736176657344617461223a747275652c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b22707265666c69676874225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a226261636b7570222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b226c65617665496e506c616365223a7b22726561736f6e223a226974206d61792073746179227d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f6261636b7570222c22636f6d6d616e64223a22646f206261636b7570227d2c7b226964223a226d696772617465222c227469746c65223a226d696772617465222c227068617365223a226465706c6f79222c226974656d223a302c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226261636b7570225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a226d696772617465222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b226c65617665496e506c616365223a7b22726561736f6e223a226974206d61792073746179227d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f6d696772617465222c22636f6d6d616e64223a22646f206d696772617465227d2c7b226964223a2265752d776573742f6465706c6f792d31222c227469746c65223a2265752d776573742f6465706c6f792d31222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226d696772617465225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d31222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d31222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f6465706c6f792d31222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d31222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a226465706c6f792f7061796d656e7473222c22636f6d6d616e64223a22646f2065752d776573742f6465706c6f792d31227d2c7b226964223a2265752d776573742f6465706c6f792d32222c227469746c65223a2265752d776573742f6465706c6f792d32222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226d696772617465225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d32222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d32222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f6465706c6f792d32222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d32222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f6465706c6f792d32222c22636f6d6d616e64223a22646f2065752d776573742f6465706c6f792d32227d2c7b226964223a2265752d776573742f6465706c6f792d33222c227469746c65223a2265752d776573742f6465706c6f792d33222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226d696772617465225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d33222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d33222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f6465706c6f792d33222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f6465706c6f792d33222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f6465706c6f792d33222c22636f6d6d616e64223a22646f2065752d776573742f6465706c6f792d33227d2c7b226964223a2265752d776573742f73686966742d35222c227469746c65223a2265752d776573742f73686966742d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f6465706c6f792d31222c2265752d776573742f6465706c6f792d32222c2265752d776573742f6465706c6f792d33225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d35222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2265752d77657374222c227368617265223a35303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d35222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f65752d776573742f73686966742d35222c22636f6d6d616e64223a22646f2065752d776573742f73686966742d35227d2c7b226964223a2265752d776573742f676174652d35222c227469746c65223a2265752d776573742f676174652d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f73686966742d35225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f676174652d35222c22636f6d6d616e64223a22646f2065752d776573742f676174652d35227d2c7b226964223a2265752d776573742f73686966742d3235222c227469746c65223a2265752d776573742f73686966742d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f676174652d35225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d3235222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2265752d77657374222c227368617265223a3235303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d3235222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f65752d776573742f73686966742d3235222c22636f6d6d616e64223a22646f2065752d776573742f73686966742d3235227d2c7b226964223a2265752d776573742f676174652d3235222c227469746c65223a2265752d776573742f676174652d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f73686966742d3235225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f676174652d3235222c22636f6d6d616e64223a22646f2065752d776573742f676174652d3235227d2c7b226964223a2265752d776573742f73686966742d313030222c227469746c65223a2265752d776573742f73686966742d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f676174652d3235225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d313030222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2265752d77657374222c227368617265223a313030303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f73686966742d313030222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f65752d776573742f73686966742d313030222c22636f6d6d616e64223a22646f2065752d776573742f73686966742d313030227d2c7b226964223a2265752d776573742f676174652d313030222c227469746c65223a2265752d776573742f676174652d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2265752d77657374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f73686966742d313030225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f676174652d313030222c22636f6d6d616e64223a22646f2065752d776573742f676174652d313030227d2c7b226964223a2265752d776573742f736574746c65222c227469746c65223a2265752d776573742f736574746c65222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f676174652d313030225d2c22776f726b223a7b2277616974223a32307d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f736574746c65222c22636f6d6d616e64223a22646f2065752d776573742f736574746c65227d2c7b226964223a2265752d776573742f766572696679222c227469746c65223a2265752d776573742f766572696679222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f736574746c65225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f766572696679222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f766572696679222c22636f6d6d616e64223a22646f2065752d776573742f766572696679227d2c7b226964223a2265752d776573742f647261696e2d6f6c64222c227469746c65223a2265752d776573742f647261696e2d6f6c64222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f766572696679225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f647261696e2d6f6c64222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2265752d776573742f647261696e2d6f6c64222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2065752d776573742f647261696e2d6f6c64222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f65752d776573742f647261696e2d6f6c64222c22636f6d6d616e64223a22646f2065752d776573742f647261696e2d6f6c64227d2c7b226964223a2275732d656173742f6465706c6f792d31222c227469746c65223a2275732d656173742f6465706c6f792d31222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d31222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d31222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f6465706c6f792d31222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d31222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a226465706c6f792f7061796d656e7473222c22636f6d6d616e64223a22646f2075732d656173742f6465706c6f792d31227d2c7b226964223a2275732d656173742f6465706c6f792d32222c227469746c65223a2275732d656173742f6465706c6f792d32222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d32222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d32222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f6465706c6f792d32222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d32222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f6465706c6f792d32222c22636f6d6d616e64223a22646f2075732d656173742f6465706c6f792d32227d2c7b226964223a2275732d656173742f6465706c6f792d33222c227469746c65223a2275732d656173742f6465706c6f792d33222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2265752d776573742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d33222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d33222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f6465706c6f792d33222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22617474656d7074222c226f6e556e6b6e6f776e223a2270726f6265222c2270726f6265223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f6465706c6f792d33222c2277686174223a2270726f6265227d7d2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f6465706c6f792d33222c22636f6d6d616e64223a22646f2075732d656173742f6465706c6f792d33227d2c7b226964223a2275732d656173742f73686966742d35222c227469746c65223a2275732d656173742f73686966742d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f6465706c6f792d31222c2275732d656173742f6465706c6f792d32222c2275732d656173742f6465706c6f792d33225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d35222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2275732d65617374222c227368617265223a35303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d35222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f75732d656173742f73686966742d35222c22636f6d6d616e64223a22646f2075732d656173742f73686966742d35227d2c7b226964223a2275732d656173742f676174652d35222c227469746c65223a2275732d656173742f676174652d35222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f73686966742d35225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f676174652d35222c22636f6d6d616e64223a22646f2075732d656173742f676174652d35227d2c7b226964223a2275732d656173742f73686966742d3235222c227469746c65223a2275732d656173742f73686966742d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f676174652d35225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d3235222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2275732d65617374222c227368617265223a3235303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d3235222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f75732d656173742f73686966742d3235222c22636f6d6d616e64223a22646f2075732d656173742f73686966742d3235227d2c7b226964223a2275732d656173742f676174652d3235222c227469746c65223a2275732d656173742f676174652d3235222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f73686966742d3235225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f676174652d3235222c22636f6d6d616e64223a22646f2075732d656173742f676174652d3235227d2c7b226964223a2275732d656173742f73686966742d313030222c227469746c65223a2275732d656173742f73686966742d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f676174652d3235225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d313030222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a7b22746172676574223a227061796d656e7473222c22726567696f6e223a2275732d65617374222c227368617265223a313030303030303030302c22736166657479223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f73686966742d313030222c2277686174223a22736166657479227d7d2c22736166657479436f6d6d616e64223a22736166657479222c227361666574794e65656473223a5b5d7d2c226475726174696f6e4b6579223a22746573742f75732d656173742f73686966742d313030222c22636f6d6d616e64223a22646f2075732d656173742f73686966742d313030227d2c7b226964223a2275732d656173742f676174652d313030222c227469746c65223a2275732d656173742f676174652d313030222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a227061796d656e7473222c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a2275732d65617374222c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f73686966742d313030225d2c22776f726b223a7b2267617465223a7b227375626a656374223a22746573742074726166666963222c22636865636b73223a5b7b2270726f706f7274696f6e223a7b226e616d65223a226572726f7273222c22736f75726365223a7b22736372617065223a7b2275726c73223a5b5d2c2274696d656f75744d73223a313030307d7d2c2263616e617279223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22626173656c696e65223a7b226261644f66546f74616c223a7b22626164223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d2c22746f74616c223a7b226d6574726963223a2272657175657374735f746f74616c222c226d61746368657273223a5b5d7d7d7d2c22656666656374223a322e302c22616c706861223a302e30312c2264697370657273696f6e223a6e756c6c2c226365696c696e67223a6e756c6c2c22746f6c657261746564223a6e756c6c7d7d5d2c226d696e42616b654d73223a313030302c2262616b654d73223a323030302c2270617469656e63654d73223a363030302c226c6f6f6b45766572794d73223a3530302c226561726c7950726f6d6f74696f6e223a66616c73657d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f676174652d313030222c22636f6d6d616e64223a22646f2075732d656173742f676174652d313030227d2c7b226964223a2275732d656173742f736574746c65222c227469746c65223a2275732d656173742f736574746c65222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f676174652d313030225d2c22776f726b223a7b2277616974223a32307d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f736574746c65222c22636f6d6d616e64223a22646f2075732d656173742f736574746c65227d2c7b226964223a2275732d656173742f766572696679222c227469746c65223a2275732d656173742f766572696679222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f736574746c65225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f766572696679222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f766572696679222c22636f6d6d616e64223a22646f2075732d656173742f766572696679227d2c7b226964223a2275732d656173742f647261696e2d6f6c64222c227469746c65223a2275732d656173742f647261696e2d6f6c64222c227068617365223a226465706c6f79222c226974656d223a312c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f766572696679225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f647261696e2d6f6c64222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a2275732d656173742f647261696e2d6f6c64222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f2075732d656173742f647261696e2d6f6c64222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f75732d656173742f647261696e2d6f6c64222c22636f6d6d616e64223a22646f2075732d656173742f647261696e2d6f6c64227d2c7b226964223a226e6f74696365222c227469746c65223a226e6f74696365222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a226e6f74696365222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f6e6f74696365222c22636f6d6d616e64223a22646f206e6f74696365227d2c7b226964223a22636c65616e2d7570222c227469746c65223a22636c65616e2d7570222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b2275732d656173742f647261696e2d6f6c64225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22636c65616e2d7570222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a7b2263616c6c223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22636c65616e2d7570222c2277686174223a22756e646f227d7d2c2276616c69646174696f6e73223a5b5d2c22636f6d6d616e64223a22756e646f20636c65616e2d7570222c2274696d656f75745f6d73223a31303030307d7d2c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f636c65616e2d7570222c22636f6d6d616e64223a22646f20636c65616e2d7570227d2c7b226964223a22636c6f7365222c227469746c65223a22636c6f7365222c227068617365223a226465706c6f79222c226974656d223a6e756c6c2c22746172676574223a6e756c6c2c22656e7669726f6e6d656e74223a6e756c6c2c22726567696f6e223a6e756c6c2c2277617665223a302c227374616765223a302c226f776e6572223a6e756c6c2c226e65656473223a5b226e6f74696365222c22636c65616e2d7570225d2c22776f726b223a7b2263616c6c223a7b226b696e64223a227363726970746564222c2276657273696f6e223a312c22696e707574223a7b2273746570223a22636c6f7365222c2277686174223a22646f227d7d7d2c2276616c69646174696f6e73223a5b5d2c22756e646f223a226e6f7468696e67222c22636f6d70656e736174654f6e223a22646f6e65222c226f6e556e6b6e6f776e223a22726572756e222c2270726f6265223a6e756c6c2c227265747279223a7b22617474656d7074734d6178223a322c22666972737444656c61794d73223a3130302c2264656c61794d61784d73223a353030307d2c2274696d656f75744d73223a31303030302c226578706563746564223a7b227035304d73223a3130302c227039354d73223a3330302c22736f75726365223a22737461746564227d2c226578706f73757265223a6e756c6c2c226475726174696f6e4b6579223a22746573742f636c6f7365222c22636f6d6d616e64223a22646f20636c6f7365227d5d2c226f6e4661696c757265223a22726f6c6c6261636b4368616e6765222c226d61747269636573223a5b5d2c22686f6c644c696d69744d73223a36303030302c22656e76656c6f7065223a7b226974656d73223a5b5d2c2267726561746573744578706f73757265223a313030303030303030302c226c6561737442616b654d73223a302c226f6e65576179223a5b5d7d2c22666f6c6c6f77557073223a5b5d7d2c2270726564696374696f6e223a7b226661696c757265223a7b226d65616e223a302e30352c226c6f77223a302e30312c2268696768223a302e3132352c226c6162656c223a227072696f72206f6e6c792c2030206f6620796f75722072756e73227d2c226261645265717565737473223a31322e352c22626164526571756573747349664661696c696e67223a34302e302c2262616452657175657374735374726169676874223a3930302e302c226275646765745368617265223a6e756c6c2c226475726174696f6e223a7b227035304d73223a31302c227039354d73223a32302c22736f75726365223a22737461746564227d2c226578747261436f7374223a6e756c6c2c2274696d65546f536166657479223a7b227035304d73223a31302c227039354d73223a32302c22736f75726365223a22737461746564227d2c2274696d65546f526f6c6c6261636b223a7b227035304d73223a31302c227039354d73223a32302c22736f75726365223a22737461746564227d2c227269736b223a226c6f77222c227269736b526561736f6e73223a5b5d7d2c2263616e64696461746573223a5b5d2c2272756c65644f7574223a5b5d2c2266696e64696e6773223a5b5d2c2264657269766564223a5b22617373756d6564203120726567696f6e225d7d', 'a652f730f596d39f3e14dc197590b3c6c04ad1b4ede446d615db8805fa9a0400');


--
-- Data for Name: runs; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.runs VALUES ('run-000000000001', 69, '\x6e6e666075bf165ddb3d2b00b9a2ca9beac0c277fac1e7500cd0cc85f6e81a02', 1796083212456000, 1, NULL, 2, false, 1796083200000000, '{"run":"run-000000000001","plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","change":"test-change","title":"A change for tests","status":{"ended":"succeeded"},"now":"landed; 30 of 30 steps done","startedAt":"2026-12-01T00:00:00Z","endedAt":"2026-12-01T00:00:12.456Z","wakeAt":null,"targets":["payments"],"components":["component-0","component-1"],"observingUntil":null}', false, NULL, NULL, false);
INSERT INTO glidepath.runs VALUES ('run-000000000002', 61, '\xe5ddc65ce3e26012ff93ae92a0dd093126b804c4dd8596f1b343a7b2105e0bca', 1796083206353000, 1, NULL, 2, false, 1796083200000000, '{"run":"run-000000000002","plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","change":"test-change","title":"A change for tests","status":{"ended":"rolledBack"},"now":"rolled back; aborted by pilot (os-user)","startedAt":"2026-12-01T00:00:00Z","endedAt":"2026-12-01T00:00:06.353Z","wakeAt":null,"targets":["payments"],"components":["component-0","component-1"],"observingUntil":null}', false, NULL, NULL, false);
INSERT INTO glidepath.runs VALUES ('run-000000000004', 29, '\xe70902f00751a921649000cea42977246dfefddb55ba6cc5b2551e84a6d92937', 1790000000000000, 1, NULL, 1, false, 1790000000000000, '{"run":"run-000000000004","plan":"abababababababababababababababababababababababababababababababab","change":"checkout","title":"Require 3-D Secure","status":{"ended":"rolledBack"},"now":"bakes","startedAt":"2026-09-21T14:13:20Z","endedAt":null,"wakeAt":null,"targets":["payments-production"],"components":["payments"],"observingUntil":null}', false, NULL, NULL, false);
INSERT INTO glidepath.runs VALUES ('run-000000000003', 40, '\x997b8672d6bb40a28f199545788d40075759407b4463881461fd609093dc7654', 1796083206253000, NULL, '2026-11-28 03:39:24.232104+00', 2, true, 1796083200000000, '{"run":"run-000000000003","plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","change":"test-change","title":"A change for tests","status":"flying","now":"doing us-east/deploy-3; 17 of 30 steps done","startedAt":"2026-12-01T00:00:00Z","endedAt":null,"wakeAt":"2026-12-01T00:00:46.233Z","targets":["payments"],"components":["component-0","component-1"],"observingUntil":null}', true, NULL, NULL, false);


--
-- Data for Name: submissions; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.submissions OVERRIDING SYSTEM VALUE VALUES (1, '{"kind":"start","plan":"4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a","run":"run-000000000009","who":{"name":"pilot","knownBy":"os-user"},"at":"2026-12-01T00:00:00Z","waits":false}', 'run-000000000009', '4318b8bd926774664139d7c670874c754a85c51390e64ed1d2cd706aa9f6bd0a', NULL, NULL);


--
-- Data for Name: throttles; Type: TABLE DATA; Schema: glidepath; Owner: -
--



--
-- Data for Name: version; Type: TABLE DATA; Schema: glidepath; Owner: -
--

INSERT INTO glidepath.version VALUES (true, 3, 3);


--
-- Name: claim_numbers; Type: SEQUENCE SET; Schema: glidepath; Owner: -
--

SELECT pg_catalog.setval('glidepath.claim_numbers', 1, false);


--
-- Name: dead_letters_number_seq; Type: SEQUENCE SET; Schema: glidepath; Owner: -
--

SELECT pg_catalog.setval('glidepath.dead_letters_number_seq', 1, false);


--
-- Name: durations_number_seq; Type: SEQUENCE SET; Schema: glidepath; Owner: -
--

SELECT pg_catalog.setval('glidepath.durations_number_seq', 49, true);


--
-- Name: epochs; Type: SEQUENCE SET; Schema: glidepath; Owner: -
--

SELECT pg_catalog.setval('glidepath.epochs', 1, true);


--
-- Name: submissions_number_seq; Type: SEQUENCE SET; Schema: glidepath; Owner: -
--

SELECT pg_catalog.setval('glidepath.submissions_number_seq', 1, true);


--
-- Name: archived_runs archived_runs_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.archived_runs
    ADD CONSTRAINT archived_runs_pkey PRIMARY KEY (run);


--
-- Name: blobs blobs_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.blobs
    ADD CONSTRAINT blobs_pkey PRIMARY KEY (digest);


--
-- Name: claims claims_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (resource, run, mode, units, of);


--
-- Name: dead_letters_count dead_letters_count_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.dead_letters_count
    ADD CONSTRAINT dead_letters_count_pkey PRIMARY KEY (one);


--
-- Name: dead_letters dead_letters_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (number);


--
-- Name: durations durations_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.durations
    ADD CONSTRAINT durations_pkey PRIMARY KEY (number);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (run, seq);


--
-- Name: nodes nodes_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (epoch);


--
-- Name: outcomes outcomes_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (component);


--
-- Name: plans plans_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (id);


--
-- Name: runs runs_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run);


--
-- Name: submissions submissions_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (number);


--
-- Name: throttles throttles_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.throttles
    ADD CONSTRAINT throttles_pkey PRIMARY KEY (target);


--
-- Name: version version_pkey; Type: CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (one);


--
-- Name: claims_by_run; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX claims_by_run ON glidepath.claims USING btree (run);


--
-- Name: dead_letters_open; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX dead_letters_open ON glidepath.dead_letters USING btree (number) WHERE (settled_at IS NULL);


--
-- Name: dead_letters_settled; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX dead_letters_settled ON glidepath.dead_letters USING btree (settled_at, number) WHERE (settled_at IS NOT NULL);


--
-- Name: durations_by_key; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX durations_by_key ON glidepath.durations USING btree (key, number);


--
-- Name: nodes_dead; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX nodes_dead ON glidepath.nodes USING btree (epoch) WHERE ((ended_at IS NOT NULL) AND holds_runs);


--
-- Name: nodes_living; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE UNIQUE INDEX nodes_living ON glidepath.nodes USING btree (name) WHERE (ended_at IS NULL);


--
-- Name: plans_by_time; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX plans_by_time ON glidepath.plans USING btree (created_at DESC, id);


--
-- Name: runs_asleep; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX runs_asleep ON glidepath.runs USING btree (wake_at, run) WHERE (has_work AND (owner_epoch IS NULL) AND (wake_at IS NOT NULL));


--
-- Name: runs_by_start; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX runs_by_start ON glidepath.runs USING btree (started_at DESC, run DESC) WHERE (started_at IS NOT NULL);


--
-- Name: runs_free; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX runs_free ON glidepath.runs USING btree (free_since, run) WHERE (has_work AND (owner_epoch IS NULL) AND (wake_at IS NULL));


--
-- Name: runs_in_tables; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX runs_in_tables ON glidepath.runs USING btree (started_at, run) WHERE ((NOT has_work) AND (NOT archived) AND (started_at IS NOT NULL));


--
-- Name: runs_unborn; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX runs_unborn ON glidepath.runs USING btree (owner_epoch) WHERE (started_at IS NULL);


--
-- Name: runs_with_work; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX runs_with_work ON glidepath.runs USING btree (owner_epoch) WHERE has_work;


--
-- Name: submissions_open; Type: INDEX; Schema: glidepath; Owner: -
--

CREATE INDEX submissions_open ON glidepath.submissions USING btree (number) WHERE (answer IS NULL);


--
-- Name: plans plans_facts_fkey; Type: FK CONSTRAINT; Schema: glidepath; Owner: -
--

ALTER TABLE ONLY glidepath.plans
    ADD CONSTRAINT plans_facts_fkey FOREIGN KEY (facts) REFERENCES glidepath.blobs(digest);


--
-- PostgreSQL database dump complete
--



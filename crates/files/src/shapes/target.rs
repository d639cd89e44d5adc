//! Target, TargetClass and the actions declared on them.

use super::access::{BASIC, BEARER, TLS};
use super::moves::{FAILOVER, SHARES};
use super::runbook::LOCKS;
use super::runways::{CLIENT, CONTAINER, EDGE, KUBERNETES, SERVERLESS};
use crate::shape::{Field, Form, Shape};
use glidepath_model::catalog::Mirror;
use glidepath_model::plan::{Strategy, THROTTLE_COUNT_MAX};

/// Placeholders that stand for the target itself; filled when the file is read.
const SELF_PLACES: &[&str] = &["component", "environment", "region"];
const HOST_PLACES: &[&str] = &["host", "region", "component", "environment"];
/// A page is of a host; a server that answers JSON is asked for a side, and for what it counted since a time.
const METRICS_PLACES: &[&str] = &["host", "side", "since", "region", "component", "environment"];
/// A probe may say what its answer looks like: `expectText: "shop:{version}"`.
const PROBE_PLACES: &[&str] = &["host", "region", "component", "environment", "version"];
const DEPLOY_PLACES: &[&str] = &["host", "region", "component", "environment", "version", "from"];
const SIGNAL_PLACES: &[&str] = &["region", "component", "environment", "version", "from"];
/// What a figure of one side is asked by.
const VALUE_PLACES: &[&str] = &["side", "region", "component", "environment"];
const THRESHOLD_PLACES: &[&str] = &["side", "region", "component", "environment", "version", "from"];
const BACKUP_PLACES: &[&str] = &["component", "environment", "version", "from", "host", "region"];
const FLAG_PLACES: &[&str] = &["flag", "share", "value", "component", "environment"];
const FLAG_READ_PLACES: &[&str] = &["flag", "component", "environment"];
/// What a router is told: the sides by their versions, and the share of the new one.
const SHARE_PLACES: &[&str] = &["share", "rest", "fraction", "version", "from", "region", "component", "environment"];
const SHARE_READ_PLACES: &[&str] = &["version", "from", "region", "component", "environment"];
const OUTCOME_PLACES: &[&str] = &["window", "version", "from", "region", "component", "environment"];
const MIRROR_PLACES: &[&str] = &["share", "rest", "fraction", "methods", "paths", "version", "from", "region", "component", "environment"];
const SIDE_PLACES: &[&str] = &["version", "host", "region", "component", "environment"];
const SCALE_PLACES: &[&str] = &["replicas", "component", "environment"];
const STORE_PLACES: &[&str] = &["secret", "component", "environment"];
const READER_PLACES: &[&str] = &["secret", "host", "region", "component", "environment"];

macro_rules! target_fields {
    ($($head:expr),*) => {
        &[
            $($head,)*
            Field::optional("infrastructure", Form::Choice(&["vm", "container", "kubernetes", "serverless", "database", "edge"]), "Kind of runway; `vm` when left out."),
            Field::optional("kubernetes", Form::Object(&KUBERNETES), "Short form of deploy, undo, health and version for a Deployment of Kubernetes."),
            Field::optional("container", Form::Object(&CONTAINER), "The same for a service of Docker Compose."),
            Field::optional("serverless", Form::Object(&SERVERLESS), "The same for an alias of a function."),
            Field::optional("edge", Form::Object(&EDGE), "Short form of deploy, health, version, router and side for a Worker at the edge."),
            Field::optional("regions", Form::List(&Form::Object(&REGION)), "Where it runs, region by region."),
            Field::optional("hosts", HOSTS, "Where it runs, when there is one region only."),
            Field::optional("router", Form::With(HOST_PLACES, &Form::Object(&ROUTER)), "Router of every region that names none; `{region}` is filled in."),
            Field::optional("version", Form::Object(&VERSION), "How to read the version that runs."),
            Field::optional("deploy", Form::With(DEPLOY_PLACES, &Form::Object(&ACTION)), "How to bring a version to a host."),
            Field::optional("undo", Form::With(DEPLOY_PLACES, &Form::Object(&ACTION)), "How to bring the old version back; `deploy` of the old version when left out."),
            Field::optional("stop", Form::With(HOST_PLACES, &Form::Object(&ACTION)), "How what runs on a host is stopped: with it all hosts are stopped before one is started with another version. What is stopped already stays so."),
            Field::optional("health", Form::With(HOST_PLACES, &Form::Object(&ACTION)), "How to see that a host is healthy."),
            Field::optional("backup", Form::With(BACKUP_PLACES, &Form::Object(&ACTION)), "How to save data before a risky step."),
            Field::optional("restoreTest", Form::With(BACKUP_PLACES, &Form::Object(&ACTION)), "How to prove, beside what serves, that the newest backup can be restored; done before a contract."),
            Field::optional("flag", Form::With(FLAG_PLACES, &Form::Object(&FLAG)), "How a flag is set and read: `{flag}`, `{share}` in whole percent, `{value}`."),
            Field::optional("reload", Form::With(DEPLOY_PLACES, &Form::Object(&ACTION)), "How a host takes the settings of a version while it goes on serving."),
            Field::optional("replace", Form::Object(&REPLACEMENT), "How a machine is replaced."),
            Field::optional("scale", Form::Object(&SCALING), "How the number of replicas is set."),
            Field::optional("side", Form::Object(&SIDE), "How a second side stands beside the one that serves, where the router gives each its share."),
            Field::optional("failover", Form::Object(&FAILOVER), "How another region comes to take the writes."),
            Field::optional("shares", Form::Object(&SHARES), "How the regions get their shares of the traffic."),
            Field::optional("rotate", Form::Object(&ROTATION), "How a secret is renewed here."),
            Field::optional("outcomes", Form::List(&Form::Object(&OUTCOME)), "What users do that experiments compare."),
            Field::optional("database", Form::Object(&TARGET_DATABASE), "Database that `sql` steps talk to."),
            Field::optional("traffic", Form::Either(&Form::Rate, &Form::With(SELF_PLACES, &Form::Object(&QUERY))), "Requests per second: a query, or a literal that counts as assumed."),
            Field::optional("signals", Form::With(SIGNAL_PLACES, &Form::Object(&SIGNALS)), "What tells good from bad."),
            Field::optional("metrics", Form::With(METRICS_PLACES, &Form::Object(&METRICS)), "Where each host's OpenMetrics page is, or a server that answers JSON."),
            Field::optional("capacity", Form::Object(&CAPACITY), "What a replica can carry."),
            Field::optional("restart", Form::Duration, "Stop plus start time of a replica."),
            Field::optional("cost", Form::Object(&COST), "What it costs."),
            Field::optional("limits", Form::Object(&LIMITS), "What all runs together may do to it."),
            Field::optional("locks", LOCKS, "What each change of it holds beside it."),
            Field::optional("strategies", Form::List(&Form::Choice(Strategy::NAMES)), "Strategies allowed here; any that fits when left out."),
        ]
    };
}

pub(super) const TARGET: Shape = Shape::closed(
    "Target",
    "A component in an environment: where it runs, how it is changed, checked and undone.",
    target_fields!(
        Field::required("component", Form::Name, "The component that runs here."),
        Field::optional("environment", Form::Name, "The environment; may be left out when the project has one only.")
    ),
);

pub(super) const TARGET_CLASS: Shape = Shape::closed(
    "TargetClass",
    "What many targets share. Fields of the Target win.",
    target_fields!(
        Field::required("selector", Form::Object(&SELECTOR), "Which targets it is for."),
        Field::optional("environment", Form::Name, "The environment of its targets.")
    ),
);

const REPLACEMENT: Shape = Shape::closed(
    "Replacement",
    "How a machine is replaced by one of another version.",
    &[
        Field::required(
            "host",
            Form::With(DEPLOY_PLACES, &Form::Object(&ACTION)),
            "How a machine of a version comes in the place of a host.",
        ),
        Field::optional("drain", Form::With(DEPLOY_PLACES, &Form::Object(&ACTION)), "How a host is rid of its work before."),
        Field::optional(
            "admit",
            Form::With(DEPLOY_PLACES, &Form::Object(&ACTION)),
            "How a host takes work: once it is replaced, and where it was drained in vain.",
        ),
        Field::optional(
            "warmUp",
            Form::Duration,
            "How long a new machine is left to warm up before the next one is taken out, there and back.",
        ),
    ],
);

const SCALING: Shape = Shape::closed(
    "Scaling",
    "How the number of replicas is set and read.",
    &[
        Field::required("set", Form::With(SCALE_PLACES, &Form::Object(&ACTION)), "How there come to be `{replicas}` of them."),
        Field::optional("read", Form::With(SELF_PLACES, &Form::Object(&ACTION)), "An action whose answer is how many there are."),
        Field::optional("warmUp", Form::Duration, "How long new ones are left to warm up before they count."),
    ],
);

const ROTATION: Shape = Shape::closed(
    "Rotation",
    "How a secret is renewed: `make`, `discard` and `retire` where it is kept, the others where it is read.",
    &[
        Field::optional(
            "make",
            Form::With(STORE_PLACES, &Form::Object(&ACTION)),
            "How a new value is made beside the old one, which stays valid.",
        ),
        Field::optional(
            "discard",
            Form::With(STORE_PLACES, &Form::Object(&ACTION)),
            "How a new value that nobody uses is taken away again.",
        ),
        Field::optional("install", Form::With(READER_PLACES, &Form::Object(&ACTION)), "How a host takes the new value into use."),
        Field::optional("restore", Form::With(READER_PLACES, &Form::Object(&ACTION)), "How a host goes back to the old value."),
        Field::optional("verify", Form::With(READER_PLACES, &Form::Object(&ACTION)), "How a host proves that it works with the new value."),
        Field::optional(
            "retire",
            Form::With(STORE_PLACES, &Form::Object(&ACTION)),
            "How the old value is made invalid; nothing takes that back.",
        ),
    ],
);

const OUTCOME: Shape = Shape::closed(
    "UserOutcome",
    "Something users do, counted for each side.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::required("now", Form::Share, "Part of the units that have it now."),
        Field::optional("units", Form::Rate, "Visits or users that are counted, over all regions; the target's traffic when left out."),
        Field::required(
            "read",
            Form::With(OUTCOME_PLACES, &Form::Object(&ACTION)),
            "An action whose answer is what was counted on the side of `{version}` in the last `{window}` (`604800s`), such as `312 of 10400`.",
        ),
    ],
);

const SIDE: Shape = Shape::closed(
    "SecondSide",
    "How a second side, which `deploy` brought beside the first, is looked at and taken away. `{version}` names the side.",
    &[
        Field::optional(
            "health",
            Form::With(SIDE_PLACES, &Form::Object(&ACTION)),
            "How to see that the side of a version is healthy, whatever its share; `health` of the target when left out.",
        ),
        Field::optional(
            "retire",
            Form::With(SIDE_PLACES, &Form::Object(&ACTION)),
            "How the side of a version is taken away once it serves nobody; what is away already stays so. Both stay when left out.",
        ),
    ],
);

const SELECTOR: Shape = Shape::closed(
    "TargetSelector",
    "Which targets a class is for.",
    &[Field::required("matchLabels", Form::Map(&Form::Text), "Labels that a target must have, all of them.")],
);

const HOSTS: Form = Form::Either(&Form::Object(&INVENTORY), &Form::List(&Form::Text));

const INVENTORY: Shape = Shape::closed(
    "Inventory",
    "Hosts from an INI inventory.",
    &[Field::required("inventory", Form::Path, "The file."), Field::required("group", Form::Text, "The group in it.")],
);

const REGION: Shape = Shape::closed(
    "Region",
    "Hosts in one region.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::optional("hosts", HOSTS, "Hosts that serve."),
        Field::optional(
            "zones",
            Form::Map(&Form::List(&Form::Text)),
            "Hosts that serve, zone by zone, beside those of `hosts`: a batch never reaches into two zones.",
        ),
        Field::optional("standby", HOSTS, "Idle hosts that can take a second copy."),
        Field::optional("router", Form::With(HOST_PLACES, &Form::Object(&ROUTER)), "The router in front of the hosts."),
        Field::optional("pair", Form::Name, "The region that must not change at the same time."),
    ],
);

const ROUTER: Shape = Shape::closed(
    "Router",
    "A router that splits traffic: by hosts, or between two sides.",
    &[
        Field::optional("haproxy", Form::Object(&HAPROXY), "HAProxy by its runtime socket: hosts have weights."),
        Field::optional("share", Form::Object(&SHARE), "Commands that give a second side its share."),
    ],
)
.one_of(&["haproxy", "share"]);

const SHARE: Shape = Shape::closed(
    "ShareRouter",
    "A router that gives two sides their share: `{share}` and `{rest}` in percent, `{fraction}` from 0 to 1.",
    &[
        Field::required(
            "set",
            Form::With(SHARE_PLACES, &Form::Object(&ACTION)),
            "How the side of `{version}` comes to have `{share}` of the traffic, and that of `{from}` the rest. Absolute: twice is once.",
        ),
        Field::optional(
            "read",
            Form::With(SHARE_READ_PLACES, &Form::Object(&ACTION)),
            "An action whose answer is the share of `{version}`, written as `{share}` is: `5` for 5 %.",
        ),
        Field::optional(
            "cohort",
            Form::With(SHARE_PLACES, &Form::Object(&ACTION)),
            "The same as `set`, but each user stays on one side; `set` ends it. For experiments.",
        ),
        Field::optional("mirror", Form::Object(&MIRROR), "How the new side is sent a copy of reads before it answers anybody."),
        Field::optional("step", Form::Share, "The smallest share it can set; others are multiples of it. 1 % when left out."),
    ],
);

const MIRROR: Shape = Shape::closed(
    "Mirror",
    "A copy of some reads for the new side, whose answers nobody waits for. What is mirrored happens twice.",
    &[
        Field::required(
            "set",
            Form::With(MIRROR_PLACES, &Form::Object(&ACTION)),
            "How `{share}` percent of the reads are copied to the side of `{version}`, only those with `{methods}` and below `{paths}` (separated by commas). 0 ends it. Absolute.",
        ),
        Field::optional(
            "read",
            Form::With(SHARE_READ_PLACES, &Form::Object(&ACTION)),
            "An action whose answer is the share that is copied to the side of `{version}`, written as `{share}` is.",
        ),
        Field::optional(
            "check",
            Form::With(SHARE_READ_PLACES, &Form::Object(&ACTION)),
            "How to see that the side of `{version}` answers what is copied to it as it should.",
        ),
        Field::required("methods", Form::List(&Form::Choice(Mirror::SAFE_METHODS)), "Methods that are copied: safe ones only."),
        Field::required(
            "paths",
            Form::List(&Form::Text),
            "Beginnings of the paths that are copied. You vouch for it that a read below them changes nothing, wherever it is answered.",
        ),
    ],
);

const HAPROXY: Shape = Shape::closed(
    "Haproxy",
    "HAProxy.",
    &[
        Field::required("socket", Form::Template, "Path of the admin socket."),
        Field::required("backend", Form::Template, "Backend name."),
        Field::optional("server", Form::Template, "Server name of a host; `{host}` when left out."),
    ],
);

const VERSION: Shape = Shape::closed(
    "VersionSource",
    "How to read the version that runs.",
    &[Field::required(
        "probe",
        Form::With(PROBE_PLACES, &Form::Object(&ACTION)),
        "An action whose answer is the version; where it holds more, `expectText` says where the version stands, such as `shop:{version}`.",
    )],
);

const FLAG: Shape = Shape::closed(
    "Flag",
    "How the share of a flag is set, and how it is read.",
    &[
        Field::optional("exec", Form::Object(&EXEC), "A command."),
        Field::optional("http", Form::Object(&HTTP), "A request."),
        Field::optional("sql", Form::Object(&SQL), "Statements on the target's database."),
        Field::optional("timeout", Form::Duration, "Deadline of one attempt."),
        Field::optional("onUnknown", Form::Choice(&["rerun", "probe", "ask"]), "What an unknown outcome means."),
        Field::optional("attempts", Form::Integer(1, 100), "Tries at most."),
        Field::optional(
            "read",
            Form::With(FLAG_READ_PLACES, &Form::Object(&ACTION)),
            "How the share of `{flag}` is read: the answer is whole percent, as `{share}` is. Without it 0 is taken for granted, and the way back sets 0.",
        ),
    ],
)
.one_of(&["exec", "http", "sql"]);

pub(super) const ACTION: Shape = Shape::closed(
    "Action",
    "An action with its limits.",
    &[
        Field::optional("exec", Form::Object(&EXEC), "A command."),
        Field::optional("http", Form::Object(&HTTP), "A request."),
        Field::optional("sql", Form::Object(&SQL), "Statements on the target's database."),
        Field::optional("timeout", Form::Duration, "Deadline of one attempt."),
        Field::optional("onUnknown", Form::Choice(&["rerun", "probe", "ask"]), "What an unknown outcome means."),
        Field::optional("attempts", Form::Integer(1, 100), "Tries at most."),
    ],
)
.one_of(&["exec", "http", "sql"]);

pub(super) const EXEC: Shape = Shape::closed(
    "Exec",
    "A command. Each placeholder is one word or one variable, never shell text.",
    &[
        Field::required("argv", Form::List(&Form::Template), "Program and words; with `shell` exactly one text without placeholders."),
        Field::optional("shell", Form::Boolean, "Hands the text to `/bin/sh -c`; values reach it by `env` only."),
        Field::optional("env", Form::Map(&Form::Template), "Variables."),
        Field::optional("secrets", Form::Map(&Form::Secret), "Variables whose values are secrets."),
        Field::optional("cwd", Form::Path, "Folder relative to the project's root."),
        Field::optional("expectText", Form::Template, "Trimmed standard output must be this."),
    ],
);

pub(super) const HTTP: Shape = Shape::closed(
    "Http",
    "A request.",
    &[
        Field::required("url", Form::Url, "Address."),
        Field::optional("method", Form::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), "Method; `GET` when left out."),
        Field::optional("headers", Form::Map(&Form::Template), "Header fields."),
        Field::optional("secretHeaders", Form::Map(&Form::Secret), "Header fields whose values are secrets."),
        Field::optional("body", Form::Template, "Body text."),
        Field::optional("expect", Form::Integer(100, 599), "Expected status; 200 when left out."),
        Field::optional("pointer", Form::Text, "JSON Pointer of the answer, such as `/version`; the trimmed body when left out."),
        Field::optional("expectText", Form::Template, "The answer must be this."),
    ],
);

const SQL: Shape = Shape::closed(
    "Sql",
    "Statements on the target's `database`.",
    &[
        Field::optional("path", Form::Path, "File of statements."),
        Field::optional("text", Form::Text, "Statements."),
        Field::optional("transaction", Form::Boolean, "Whether everything is one transaction; true when left out."),
        Field::optional("expectText", Form::Template, "First value of the last statement must be this."),
    ],
)
.one_of(&["path", "text"]);

macro_rules! database_fields {
    ($($tail:expr),*) => {
        &[
            Field::required("engine", Form::Choice(&["postgres", "sqlite"]), "Which one."),
            Field::required("connection", Form::Text, "Secret reference of the connection string; for SQLite `path:FILE` too."),
            Field::optional("lockTimeout", Form::Duration, "How long a statement may wait for a lock; 5 s when left out."),
            Field::optional("statementTimeout", Form::Duration, "How long a statement may run; 15 min when left out."),
            Field::optional(
                "tables",
                Form::Map(&Form::Object(&TABLE)),
                "Sizes of tables by their names, where the database cannot be asked at planning."
            ),
            $($tail,)*
        ]
    };
}

pub(super) const DATABASE: Shape = Shape::closed("Database", "A database.", database_fields!());

const TARGET_DATABASE: Shape = Shape::closed(
    "TargetDatabase",
    "The database of a target.",
    database_fields!(Field::optional(
        "client",
        Form::Object(&CLIENT),
        "Short form of health, backup and restoreTest of a PostgreSQL database."
    )),
);

const TABLE: Shape = Shape::closed(
    "Table",
    "How large a table is.",
    &[
        Field::required("megabytes", Form::Integer(0, 1_000_000_000), "Megabytes on disk, its indexes included."),
        Field::optional("rows", Form::Integer(0, 1_000_000_000_000), "Rows."),
    ],
);

const QUERY: Shape = Shape::closed("Query", "A query.", &[Field::required("query", Form::Template, "PromQL; `{region}` is filled in.")]);

const METRICS: Shape = Shape::closed(
    "Metrics",
    "An OpenMetrics page.",
    &[
        Field::required("url", Form::Url, "Address of a host's page; of type `json`, of the server."),
        Field::optional("type", Form::Choice(&["openmetrics", "json"]), "What answers there; `openmetrics` when left out."),
        Field::optional("time", Form::Text, "Of type `json`: pointer to the time that the answer is for, RFC 3339 or seconds since 1970."),
        Field::optional("ageMax", Form::Duration, "Of type `json`: oldest answer that is taken for what is so now; 2 min when left out."),
        Field::optional("timeout", Form::Duration, "Of type `json`: deadline of one question; 5 s when left out."),
        BEARER,
        BASIC,
        TLS,
    ],
);

const CAPACITY: Shape = Shape::closed(
    "Capacity",
    "What a replica can carry.",
    &[Field::required("replica", Form::Rate, "Requests per second of one replica.")],
);

const COST: Shape = Shape::closed("Cost", "What it costs.", &[Field::required("replicaHour", Form::Money, "One replica for one hour.")]);

const SIGNALS: Shape = Shape::closed(
    "Signals",
    "What tells a good request from a bad one, and the new version from the old.",
    &[
        Field::optional("split", Form::Object(&SPLIT), "How the two sides are told apart."),
        Field::optional("errors", Form::Object(&ERRORS), "Failed requests."),
        Field::optional("slow", Form::Object(&SLOW), "Slow requests."),
        Field::optional(
            "thresholds",
            Form::With(THRESHOLD_PLACES, &Form::List(&Form::Object(&THRESHOLD))),
            "Values that must stay inside bounds, or meet conditions; each is a check of its own in every stage, beside all others.",
        ),
        Field::optional(
            "values",
            Form::With(VALUE_PLACES, &Form::List(&Form::Object(&VALUE))),
            "Figures such as quantiles and means, compared side against side, with their noise learnt from history.",
        ),
        Field::optional(
            "kayenta",
            Form::Object(&KAYENTA),
            "A canary config of Kayenta that judges each stage in which an old side stands beside, together with all other checks.",
        ),
    ],
);

const KAYENTA: Shape = Shape::closed(
    "Kayenta",
    "A canary config of Kayenta, and how long and how often it is judged.",
    &[
        Field::required("config", Form::Path, "The canary config, a JSON file of the project."),
        Field::optional("canary", Form::Template, "`${scope}` of the new side; `canary` of the split when left out."),
        Field::optional("baseline", Form::Template, "`${scope}` of the old side; `baseline` of the split when left out."),
        Field::optional("location", Form::Template, "`${location}` of both sides."),
        Field::optional("params", Form::Map(&Form::Template), "More words for templates: `namespace: shop` is `${namespace}`."),
        Field::required("lifetime", Form::Duration, "How long each stage is judged."),
        Field::optional(
            "interval",
            Form::Duration,
            "Time from one look to the next; `lifetime` when left out, which is one look at the end.",
        ),
        Field::optional("lookback", Form::Duration, "How far each look reaches back; to the beginning when left out."),
        Field::optional("beginAfter", Form::Duration, "Time after the opening of the gate that is left out; none when left out."),
        Field::optional("step", Form::Duration, "Time between two values of a series; 1 min when left out."),
        Field::optional("pass", Form::Decimal, "Score that the last look must reach; that of the config when left out, else 95."),
        Field::optional("marginal", Form::Decimal, "Score at or under which any look ends it; that of the config when left out, else 75."),
    ],
);

const VALUE: Shape = Shape::closed(
    "Value",
    "A figure that each side has one of at a time.",
    &[
        Field::required("name", Form::Prose, "Name for people."),
        Field::required(
            "query",
            Form::Template,
            "PromQL of one side; `{side}` is filled with its matchers, so that `x{{side}}` becomes `x{version=\"2.0.0\"}`.",
        ),
        Field::required("host", Form::Object(&VALUE_HOST), "The label that tells hosts apart, from whose history the noise is learnt."),
        Field::optional("worse", Form::Choice(&["increase", "decrease", "either"]), "Which way it gets worse; `increase` when left out."),
        Field::optional("margin", Form::Multiple, "Less than this many times worse is no regression; `1.25x` when left out."),
        Field::optional("every", Form::Duration, "Time from one value to the next; 1 min when left out."),
    ],
);

const VALUE_HOST: Shape = Shape::closed(
    "ValueHost",
    "How the series of a host are found.",
    &[
        Field::required("label", Form::Name, "Label name, such as `instance`."),
        Field::optional("value", Form::With(HOST_PLACES, &Form::Template), "Its value for a host; `{host}` when left out."),
    ],
);

const SPLIT: Shape = Shape::closed(
    "Split",
    "The label that tells the two sides apart.",
    &[
        Field::required("label", Form::Name, "Label name."),
        Field::optional("canary", Form::Template, "Value on the new side; `{version}` when left out."),
        Field::optional("baseline", Form::Template, "Value on the old side; `{from}` when left out."),
        Field::optional(
            "host",
            Form::Object(&VALUE_HOST),
            "The label that tells hosts apart: how much counts scatter is learnt from hosts that run the same.",
        ),
        Field::optional(
            "concurrentBaseline",
            Form::Boolean,
            "Start as many hosts of the old version afresh as the first stage of a canary changes, and compare with them alone; needs `host`, and is made where capacity allows.",
        ),
    ],
);

const ERRORS: Shape = Shape::closed("Errors", "Failed requests.", &[Field::required("ratio", Form::Object(&RATIO), "Failed over all.")]);

const RATIO: Shape = Shape::closed(
    "Ratio",
    "Failed over all requests, as counters.",
    &[Field::required("bad", Form::Selector, "Counter of the failed ones."), Field::required("total", Form::Selector, "Counter of all.")],
);

const SLOW: Shape = Shape::closed("Slow", "Slow requests.", &[Field::required("above", Form::Object(&ABOVE), "Slower than a bound.")]);

const ABOVE: Shape = Shape::closed(
    "Above",
    "Requests slower than a bound.",
    &[
        Field::required("histogram", Form::Selector, "The histogram, without `_bucket`."),
        Field::required("limit", Form::Duration, "The bound; one of the histogram's buckets."),
    ],
);

const THRESHOLD: Shape = Shape::closed(
    "Threshold",
    "A value that must stay inside bounds, or meet a condition.",
    &[
        Field::required("name", Form::Prose, "Name for people."),
        Field::required("query", Form::Template, "PromQL of one value; `{side}` is filled with the matchers of the new side."),
        Field::optional("min", Form::Decimal, "Least good value."),
        Field::optional("max", Form::Decimal, "Greatest good value."),
        Field::optional(
            "failuresMax",
            Form::Integer(1, 1000),
            "Bad looks in a row that fail the stage; 3 when left out. Not beside the fields below.",
        ),
        Field::optional("successCondition", Form::Prose, "What makes a value good, instead of bounds: `result < 0.05`."),
        Field::optional("failureCondition", Form::Prose, "What makes a value bad; what neither condition names is inconclusive."),
        Field::optional("interval", Form::Duration, "Time from one measurement to the next; 1 min when left out."),
        Field::optional(
            "count",
            Form::Integer(1, MEASUREMENTS_MAX),
            "Measurements after which it is through; as long as the stage is watched when left out.",
        ),
        Field::optional("failureLimit", Form::Integer(0, MEASUREMENTS_MAX), "Bad measurements that are tolerated; 0 when left out."),
        Field::optional(
            "inconclusiveLimit",
            Form::Integer(0, MEASUREMENTS_MAX),
            "Inconclusive measurements that are tolerated; 0 when left out. With more it does not pass, and people are asked.",
        ),
        Field::optional(
            "consecutiveErrorLimit",
            Form::Integer(0, MEASUREMENTS_MAX),
            "Measurements in a row without a value that are tolerated; 4 when left out. With more it does not pass, and people are asked.",
        ),
        Field::optional(
            "consecutiveSuccessLimit",
            Form::Integer(1, MEASUREMENTS_MAX),
            "Good measurements in a row without which it does not pass.",
        ),
        Field::optional("initialDelay", Form::Duration, "Time after the opening of the gate before which nothing is measured."),
    ],
);

/// Measurements of a value in one stage at most.
const MEASUREMENTS_MAX: u64 = 10_000;

const LIMITS: Shape = Shape::closed(
    "TargetLimits",
    "What all runs together may do to a target. Nothing of it holds the way back up.",
    &[
        Field::optional(
            "starts",
            Form::Either(&Form::Starts, &Form::Object(&STARTS)),
            "How often attempts may begin: `4 per 1m`, in any such stretch of time.",
        ),
        Field::optional("breaker", Form::Object(&BREAKER), "When attempts stop beginning because too many failed."),
    ],
);

const STARTS: Shape = Shape::closed(
    "Starts",
    "So many starts in so long.",
    &[
        Field::required("count", Form::Integer(1, THROTTLE_COUNT_MAX as u64), "Starts at most."),
        Field::required("per", Form::Duration, "In so long."),
    ],
);

const BREAKER: Shape = Shape::closed(
    "Breaker",
    "A circuit breaker.",
    &[
        Field::required("failures", Form::Integer(1, THROTTLE_COUNT_MAX as u64), "Failed attempts that open it."),
        Field::required("within", Form::Duration, "Within so long."),
        Field::required("open", Form::Duration, "How long it stays open before one attempt tries."),
    ],
);

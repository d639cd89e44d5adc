//! Config, Calendar and Change.

use super::access::{BASIC, BEARER, TLS};
use super::runbook::LOCKS;
use crate::shape::{Field, Form, Shape};
use glidepath_model::catalog::Supersede;
use glidepath_model::plan::Strategy;

/// What may be preferred.
const PREFERENCES: &[&str] = &["leastRisk", "fastest", "cheapest"];
/// What may happen when something fails.
const FAILURE_RULES: &[&str] = &["rollbackChange", "rollbackItem", "hold"];
/// Days of the week in order, Monday first.
pub(crate) const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(super) const CLASSES: &[&str] = &["standard", "normal", "emergency"];
const INTENTS: &[&str] = &["feature", "fix", "reliability", "security"];

pub(super) const CONFIG: Shape = Shape::closed(
    "Config",
    "Settings of the project.",
    &[
        Field::required(
            "environments",
            Form::List(&Form::Either(&Form::Name, &Form::Object(&ENVIRONMENT))),
            "Environments in the order in which a change reaches them.",
        ),
        Field::optional(
            "store",
            Form::Text,
            "Where journals are kept: `postgres://...` or a secret reference; SQLite in the state folder when left out.",
        ),
        Field::optional(
            "retention",
            Form::Duration,
            "How long an ended run stays in the store's tables before it is archived, 1d to 3650d; 60d when left out.",
        ),
        Field::optional("telemetry", Form::Object(&TELEMETRY), "Where figures come from."),
        Field::optional("defaults", Form::Object(&DEFAULTS), "What holds when a change does not say."),
        Field::optional("verification", Form::Object(&VERIFICATION), "What the judge is to find, with which certainty."),
        Field::optional("policy", Form::Object(&POLICY), "Rules: what is risky, what flies without a person, who may claim what."),
        Field::optional("notify", Form::MaybeEmptyList(&Form::Object(&NOTIFY)), "Commands that tell people when a run needs one."),
    ],
);

const POLICY: Shape = Shape::closed(
    "Policy",
    "Rules of the project.",
    &[
        Field::optional("risk", Form::Object(&RISK), "Where risk begins to be medium and high."),
        Field::optional(
            "automatic",
            Form::MaybeEmptyList(&Form::Object(&AUTOMATIC)),
            "Plans that may fly without a person: one rule must let them through in each environment. An empty list lets none; left out, no such line is drawn.",
        ),
        Field::optional("claims", Form::Object(&CLAIMS), "Who may claim a class or an intent; anybody where one is left out."),
        Field::optional("plain", Form::Object(&PLAIN), "Changes that need no plan when everything in them can be undone."),
        Field::optional("restoreTestAge", Form::Duration, "How old the restore test may be that a contract rests on; 30d when left out."),
        Field::optional(
            "burnMax",
            Form::Multiple,
            "Burn of an error budget over the last hour above which no feature starts that is not an emergency; 4x when left out.",
        ),
        Field::optional(
            "unknownBudget",
            Form::Choice(&["tell", "refuse"]),
            "What becomes of a feature when an error budget cannot be read at take-off; tell when left out.",
        ),
    ],
);

const AUTOMATIC: Shape = Shape::closed(
    "Automatic",
    "Plans that may fly without a person. What is left out stays open.",
    &[
        Field::optional("classes", Form::List(&Form::Choice(CLASSES)), "Of these classes."),
        Field::optional("intents", Form::List(&Form::Choice(INTENTS)), "Of these intents."),
        Field::optional("environments", Form::List(&Form::Name), "In these environments."),
        Field::optional("riskMax", Form::Choice(&["low", "medium", "high"]), "Of this risk at most; low when left out."),
        Field::optional("oneWay", Form::Boolean, "Even where a step cannot be undone; false when left out."),
    ],
);

const CLAIMS: Shape = Shape::closed(
    "Claims",
    "Groups or users that may own a change of a class or an intent; members of a group may, too.",
    &[
        Field::optional("standard", Form::List(&Form::Text), "Well known and pre-approved."),
        Field::optional("normal", Form::List(&Form::Text), "The usual."),
        Field::optional("emergency", Form::List(&Form::Text), "Cannot wait."),
        Field::optional("feature", Form::List(&Form::Text), "Something new."),
        Field::optional("fix", Form::List(&Form::Text), "Something repaired."),
        Field::optional("reliability", Form::List(&Form::Text), "Makes the service hold better."),
        Field::optional("security", Form::List(&Form::Text), "Closes a hole."),
    ],
);

const PLAIN: Shape = Shape::closed(
    "Plain",
    "Changes that need no plan.",
    &[
        Field::required("environments", Form::List(&Form::Name), "Environments that no user meets."),
        Field::optional("itemsMax", Form::Integer(1, 100), "Items at most; 1 when left out."),
    ],
);

const RISK: Shape = Shape::closed(
    "RiskPolicy",
    "Limits of the risk levels.",
    &[
        Field::optional("budgetMedium", Form::Share, "Expected share of an error budget above which the risk is medium; 1% when left out."),
        Field::optional("budgetHigh", Form::Share, "Expected share of an error budget above which the risk is high; 10% when left out."),
        Field::optional("failureMedium", Form::Share, "Probability of not landing above which the risk is medium; 10% when left out."),
        Field::optional("failureHigh", Form::Share, "Probability of not landing above which the risk is high; 25% when left out."),
    ],
);

const STAGES: &[&str] = &["development", "staging", "production"];

const NOTIFY: Shape = Shape::closed(
    "Notify",
    "A command that tells people; the run and the message are added as its last two words.",
    &[
        Field::required("exec", Form::Object(&NOTIFY_EXEC), "The command."),
        Field::optional("timeout", Form::Duration, "Deadline of one call; 10 s when left out."),
    ],
);

const NOTIFY_EXEC: Shape = Shape::closed(
    "NotifyExec",
    "A command.",
    &[Field::required("argv", Form::List(&Form::Text), "Program and words, without placeholders.")],
);

const ENVIRONMENT: Shape = Shape::closed(
    "Environment",
    "One environment.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::optional("local", Form::Boolean, "Whether one machine's own store suffices."),
        Field::optional("gated", Form::Boolean, "Whether only a stored plan may fly here."),
        Field::optional(
            "stage",
            Form::Choice(STAGES),
            "How much depends on it, and so how much documents say of it; production when it is gated or the last, development when it is the first of three or more, else staging.",
        ),
        Field::optional("minBake", Form::Duration, "Least time any exposed stage is watched."),
        Field::optional("maxBake", Form::Duration, "Longest planned bake of one stage."),
        Field::optional("firstStageMax", Form::Share, "Greatest share of the first canary stage."),
        Field::optional("maxWave", Form::Object(&WAVE_BOUND), "How far one wave may reach before anything has watched it."),
        Field::optional("holdLimit", Form::Duration, "How long partial exposure may last without progress."),
        Field::optional("verify", Form::MaybeEmptyList(&Form::Object(&VERIFY)), "Verification windows after a deployment, in order."),
    ],
);

const VERIFY: Shape = Shape::closed(
    "VerifyWindow",
    "One verification window.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::required("length", Form::Duration, "Its length."),
        Field::optional("observe", Form::Boolean, "Observes after landing and never holds the run."),
    ],
);

const TELEMETRY: Shape = Shape::closed(
    "Telemetry",
    "Where figures come from.",
    &[Field::optional("prometheus", Form::Object(&PROMETHEUS), "A Prometheus server, or one that speaks its API.")],
);

const PROMETHEUS: Shape = Shape::closed(
    "Prometheus",
    "A Prometheus server.",
    &[
        Field::required("url", Form::Url, "Base address."),
        BEARER,
        BASIC,
        TLS,
        Field::optional("timeout", Form::Duration, "Deadline of one query; 10 s when left out."),
    ],
);

const DEFAULTS: Shape = Shape::closed(
    "Defaults",
    "What holds when a change does not say.",
    &[
        Field::optional("planTtl", Form::Duration, "How long a plan may be flown after it was made."),
        Field::optional("factAgeMax", Form::Duration, "Age over which an observed fact counts as stale."),
        Field::optional("prefer", Form::Choice(PREFERENCES), "What to prefer among feasible candidates."),
        Field::optional(
            "supersede",
            Form::Choice(Supersede::NAMES),
            "What becomes of a change in flight when a newer plan of it is to fly.",
        ),
    ],
);

const VERIFICATION: Shape = Shape::closed(
    "Verification",
    "What the judge is to find.",
    &[
        Field::optional("effect", Form::Multiple, "Smallest rise of the bad share worth finding, up to 100x: `2x` is a doubling."),
        Field::optional("power", Form::Share, "Probability of finding it within the bake time, from 50 % to 99 %."),
        Field::optional("falseAlarm", Form::Share, "False alarms allowed over the whole change, from 0.001 % to 20 %."),
        Field::optional("dispersion", Form::Multiple, "Overdispersion of the counts, `1x` for independent requests."),
    ],
);

pub(super) const CALENDAR: Shape = Shape::closed(
    "Calendar",
    "When changes may and must not start.",
    &[
        Field::required("timeZone", Form::Text, "IANA time zone of the civil times."),
        Field::optional("environments", Form::List(&Form::Name), "Environments it holds for; all when left out."),
        Field::optional("windows", Form::List(&Form::Object(&WINDOW)), "Times when changes may start; always when left out."),
        Field::optional("freezes", Form::MaybeEmptyList(&Form::Object(&FREEZE)), "Times when changes must not start."),
        Field::optional("noFridayAfternoon", Form::Boolean, "Whether nothing starts on Fridays from 12:00; true when left out."),
    ],
);

const WINDOW: Shape = Shape::closed(
    "Window",
    "A weekly window.",
    &[
        Field::required("name", Form::Text, "Its name."),
        Field::required("days", Form::List(&Form::Choice(DAYS)), "Days on which it opens."),
        Field::required("from", Form::Clock, "When it opens, `09:00`."),
        Field::required("to", Form::Clock, "When it closes, up to `24:00`; not after `from` means the next day."),
    ],
);

const FREEZE: Shape = Shape::closed(
    "Freeze",
    "A freeze.",
    &[
        Field::required("name", Form::Text, "Its name."),
        Field::required("from", Form::CivilTime, "When it begins; a day without a time is its beginning."),
        Field::required(
            "to",
            Form::CivilTime,
            "When it is over; a day without a time is its beginning, so that the freeze holds up to the day before. `9999-12-31` is until further notice.",
        ),
        Field::optional("reason", Form::Prose, "Why."),
        Field::optional("except", Form::List(&Form::Choice(CLASSES)), "Classes of change that may pass."),
    ],
);

pub(super) const CHANGE: Shape = Shape::closed(
    "Change",
    "What a team wants to alter.",
    &[
        Field::required("title", Form::Prose, "Title for people."),
        Field::optional("reason", Form::Prose, "Problem solved or feature added."),
        Field::optional("class", Form::Choice(CLASSES), "How much ceremony it needs."),
        Field::optional("intent", Form::Choice(INTENTS), "What it is for."),
        Field::optional("environments", Form::List(&Form::Name), "Environments to reach; all in their order when left out."),
        Field::optional("owner", Form::Text, "Who answers for it, such as `group:default/payments-team`."),
        Field::optional("ticket", Form::Either(&Form::Text, &Form::Object(&TICKET)), "Where it is tracked."),
        Field::optional(
            "committedAt",
            Form::Time,
            "When it was committed, as a pipeline knows it: its lead time begins then, else when it is planned.",
        ),
        Field::required("items", Form::List(&Form::Object(&ITEM)), "What is to be altered."),
        Field::optional("onFailure", Form::Choice(FAILURE_RULES), "What happens when something fails for good."),
        Field::optional("onWindowEnd", Form::Choice(&["finish", "hold", "rollback"]), "What happens when the window closes in mid-flight."),
        Field::optional("constraints", Form::Object(&CONSTRAINTS), "Limits."),
        Field::optional("locks", LOCKS, "What a run of it holds beside its targets."),
        Field::optional("prefer", Form::Choice(PREFERENCES), "What to prefer among feasible candidates."),
        Field::optional(
            "variants",
            Form::List(&Form::Object(&VARIANT)),
            "The same items in other ways, to be set side by side by `glidepath plan --variants`.",
        ),
    ],
);

const VARIANT: Shape = Shape::closed(
    "Variant",
    "The change in another way: what stands here replaces what the change says.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::optional("about", Form::Prose, "What it is for, for people."),
        Field::optional("prefer", Form::Choice(PREFERENCES), "What to prefer among feasible candidates."),
        Field::optional("strategy", Form::Choice(Strategy::NAMES), "Strategy for every item that it can change."),
        Field::optional("onFailure", Form::Choice(FAILURE_RULES), "What happens when something fails for good."),
        Field::optional("constraints", Form::Object(&CONSTRAINTS), "Limits, in place of all that the change sets."),
    ],
);

const TICKET: Shape = Shape::closed("Ticket", "Where a change is tracked.", &[Field::required("url", Form::Url, "Address of the ticket.")]);

const ITEM_TYPES: &[&str] =
    &["code", "config", "infrastructure", "schema", "data", "contract", "flag", "secret", "capacity", "traffic", "failover"];

const ITEM: Shape = Shape::closed(
    "Item",
    "One component's part of a change.",
    &[
        Field::required("component", Form::Name, "The component."),
        Field::optional("type", Form::Choice(ITEM_TYPES), "What kind of alteration; `code` when left out."),
        Field::optional(
            "to",
            Form::Text,
            "The version to reach; for a flag the share of users, for a failover the region that is to take the writes.",
        ),
        Field::optional("expectFrom", Form::Text, "The version that must run now; for a failover the region that must take the writes."),
        Field::optional("artifact", Form::Text, "Digest of the artifact, `sha256:` and hexadecimal digits."),
        Field::optional("removes", Form::Boolean, "Whether an interface is removed: consumers then go first."),
        Field::optional("experiment", Form::Object(&EXPERIMENT), "What is to be found out before everybody gets the version."),
        Field::optional("strategy", Form::Choice(Strategy::NAMES), "Strategy asked for."),
        Field::optional("expand", Form::Either(&Form::Path, &Form::Object(&DATA_STEP)), "Additive step of a schema or data change."),
        Field::optional("backfill", Form::Either(&Form::Path, &Form::Object(&BACKFILL)), "Movement of data."),
        Field::optional(
            "contract",
            Form::Object(&CONTRACT),
            "The irreversible step: of type schema the one that follows as a change of its own, of type contract the one that is done.",
        ),
        Field::optional("of", Form::Name, "The change whose expansion a contract completes."),
        Field::optional(
            "readers",
            Form::Map(&Form::Text),
            "For each component that uses the data, the first version that does without what a contract takes away.",
        ),
        Field::optional(
            "done",
            Form::Map(&Form::Prose),
            "For each component that uses the data and that nobody can ask, because it has no target there, why it needs the data no longer.",
        ),
        Field::optional(
            "restoreTested",
            Form::Object(&RESTORE_TESTED),
            "Evidence that the backup was restored in a test, where no target declares `restoreTest`.",
        ),
        Field::optional("landed", Form::Time, "When that change landed, where no record of it is kept in this project's store."),
        Field::optional("flag", Form::Name, "Key of the flag."),
        Field::optional("removeBy", Form::Time, "When the flag is to be gone."),
        Field::optional("replicas", Form::Integer(1, 100_000), "Replicas to reach."),
        Field::optional(
            "expectReplicas",
            Form::Integer(1, 100_000),
            "Replicas that must run now; as many as hosts are declared when left out.",
        ),
        Field::optional("until", Form::Time, "Until when these replicas, or this region, are wanted."),
        Field::optional(
            "lossMax",
            Form::Duration,
            "Writes of at most so long that may be lost, where the old region cannot hand them over; none when left out.",
        ),
        Field::optional("shares", Form::Map(&Form::Share), "Shares of the traffic to reach, by region, in whole percents of everything."),
        Field::optional("expectShares", Form::Map(&Form::Share), "Shares that must hold now."),
        Field::optional("secret", Form::Name, "Name of the secret to renew."),
        Field::optional(
            "consumers",
            Form::List(&Form::Name),
            "Components that read the secret, in the order in which they get the new value; the item's own when left out.",
        ),
        Field::optional("retireAfter", Form::Duration, "How long after landing the old value stays valid at least; 1 d when left out."),
    ],
);

const EXPERIMENT: Shape = Shape::closed(
    "Experiment",
    "Whether users do more of something with the new version than with the old one.",
    &[
        Field::required("share", Form::Share, "Share of users on the new side meanwhile."),
        Field::required("effect", Form::Share, "Relative change worth finding, up or down: 20 % of 3 % is between 2.4 and 3.6 %."),
        Field::required("metric", Form::Name, "Name of the outcome, as the target declares it."),
        Field::optional("within", Form::Duration, "How long it may take at most; 14 d when left out."),
        Field::optional("decideWithin", Form::Duration, "How long a decision is waited for before the share goes back; 1 d when left out."),
    ],
);

/// Placeholders in commands of data steps.
const DATA_PLACES: &[&str] = &["version", "component", "environment"];

const DATA_STEP: Shape = Shape::closed(
    "DataStep",
    "One step of a data change.",
    &[
        Field::optional("sql", Form::Path, "File of statements."),
        Field::optional("exec", Form::With(DATA_PLACES, &Form::Object(&DATA_EXEC)), "A command."),
    ],
)
.one_of(&["sql", "exec"]);

const BACKFILL: Shape = Shape::closed(
    "Backfill",
    "Movement of data.",
    &[
        Field::optional("sql", Form::Path, "File of statements."),
        Field::optional("exec", Form::With(DATA_PLACES, &Form::Object(&DATA_EXEC)), "A command."),
        Field::optional("batches", Form::Object(&BATCHES), "Goes through a table in batches instead of at once."),
        Field::optional("verify", Form::Object(&DATA_CHECK), "What must hold once the data is moved."),
    ],
)
.one_of(&["sql", "exec"]);

const BATCHES: Shape = Shape::closed(
    "Batches",
    "How a backfill goes through its table. In its file `:first` and `:last` stand for the least and the greatest key of a batch.",
    &[
        Field::required("table", Form::Text, "The table, with its schema where it needs one."),
        Field::required("by", Form::Text, "Column whose values bound the batches: indexed, never empty, and growing with new rows."),
        Field::optional("size", Form::Integer(1, 1_000_000), "Rows of a batch; 1,000 when left out."),
        Field::optional("pause", Form::Duration, "Pause between two batches; 200 ms when left out."),
        Field::optional("lag", Form::Object(&LAG), "How far replicas may be behind when a batch begins; not asked when left out."),
        Field::optional("within", Form::Duration, "How long one try of all of them may take; 12 h when left out."),
    ],
);

const LAG: Shape = Shape::closed(
    "Lag",
    "How far replicas may be behind.",
    &[
        Field::required("max", Form::Duration, "At most so far."),
        Field::optional(
            "query",
            Form::Text,
            "Query whose first value is the lag in seconds; what PostgreSQL knows of its replicas when left out.",
        ),
    ],
);

const DATA_CHECK: Shape = Shape::closed(
    "DataCheck",
    "A question about the data.",
    &[
        Field::required("sql", Form::Path, "File of statements that only read."),
        Field::required("expectText", Form::Text, "First value of the first row of the last statement must be this."),
    ],
);

const RESTORE_TESTED: Shape = Shape::closed(
    "RestoreTested",
    "That a backup was restored in a test.",
    &[Field::required("at", Form::Time, "When."), Field::required("evidence", Form::Text, "Where that is on record.")],
);

const CONTRACT: Shape = Shape::closed(
    "Contract",
    "The irreversible step of a data change.",
    &[
        Field::optional("sql", Form::Path, "File of statements."),
        Field::optional("exec", Form::With(DATA_PLACES, &Form::Object(&DATA_EXEC)), "A command."),
        Field::required("notBefore", Form::Duration, "How long after landing at the earliest."),
    ],
)
.one_of(&["sql", "exec"]);

const DATA_EXEC: Shape =
    Shape::closed("DataExec", "A command.", &[Field::required("argv", Form::List(&Form::Template), "Program and words.")]);

const CONSTRAINTS: Shape = Shape::closed(
    "Constraints",
    "Limits a change sets itself.",
    &[
        Field::optional(
            "downtime",
            Form::Duration,
            "Downtime allowed, with everything that is down one after the other; what 95 % of such changes need must keep within it. None where it is left out, but for the writes that a failover refuses.",
        ),
        Field::optional("finishBefore", Form::Time, "Must be finished before."),
        Field::optional(
            "maxBudgetSpend",
            Form::Object(&BUDGET_SPEND),
            "Error budget it may spend. A change is not planned where nobody knows what it spends of a declared objective: state the traffic.",
        ),
        Field::optional("maxExtraCost", Form::Money, "Greatest extra cost."),
        Field::optional("compliance", Form::List(&Form::Text), "Regimes it falls under."),
    ],
);

const WAVE_BOUND: Shape = Shape::closed(
    "WaveBound",
    "A bound on what a wave exposes before its first gate has passed.",
    &[
        Field::optional("traffic", Form::Rate, "Requests per second that reach the new side."),
        Field::optional("budget", Form::Share, "Part of an error budget that a failure would spend until it is seen."),
    ],
);

const BUDGET_SPEND: Shape = Shape::closed(
    "BudgetSpend",
    "A part of the error budget.",
    &[Field::required("share", Form::Share, "How much."), Field::required("of", Form::Choice(&["remaining"]), "Of what.")],
);

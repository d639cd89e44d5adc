//! Runbook, its steps, and locks.

use super::own::CLASSES;
use super::target::{DATABASE, EXEC, HTTP};
use crate::limits::{ATTEMPTS_MAX, ELEMENTS_MAX, IN_FLIGHT_MAX, LOCK_UNITS_MAX, RETRIES_MAX};
use crate::shape::{Field, Form, Shape};

/// Placeholder of a fan-out's element.
const ITEM_PLACES: &[&str] = &["item"];
/// Types of the outputs of an event.
const OUTPUT_TYPES: &[&str] = &["boolean", "integer", "decimal", "text", "digest"];

pub(super) const RUNBOOK: Shape = Shape::closed(
    "Runbook",
    "Steps that a person wrote down, to be flown as they stand.",
    &[
        Field::required("title", Form::Prose, "Title for people."),
        Field::optional("reason", Form::Prose, "Why it exists."),
        Field::optional("class", Form::Choice(CLASSES), "How much ceremony it needs."),
        Field::optional("owner", Form::Text, "Who answers for it, such as `group:default/payments-team`."),
        Field::optional("environment", Form::Name, "Where it works; may be left out when the project has one environment only."),
        Field::optional(
            "onFailure",
            Form::Choice(&["rollback", "hold"]),
            "What happens when a step fails for good; `rollback` when left out.",
        ),
        Field::optional("limits", Form::Object(&RUN_LIMITS), "Limits of a run of it."),
        Field::optional("locks", LOCKS, "What a run of it holds, from before take-off until it has ended."),
        Field::required("steps", Form::List(&Form::Object(&STEP)), "Its steps."),
    ],
);

const RUN_LIMITS: Shape = Shape::closed(
    "RunLimits",
    "Limits of a run as a whole.",
    &[
        Field::optional("inFlight", Form::Integer(1, IN_FLIGHT_MAX), "Steps at work at the same time, at most."),
        Field::optional("retries", Form::Integer(0, RETRIES_MAX), "Retries of all steps together, at most."),
        Field::optional("deadline", Form::Duration, "Longest time from the start to the landing; then `onFailure` applies."),
    ],
);

/// Locks of a Runbook, a Change or a Target.
pub(super) const LOCKS: Form = Form::MaybeEmptyList(&Form::Object(&LOCK));

const LOCK: Shape = Shape::closed(
    "Lock",
    "A lock on a named resource: alone, together with others that share it, or some units of it.",
    &[
        Field::required("resource", Form::Name, "The resource; targets and other resources share one name space."),
        Field::optional("mode", Form::Choice(&["exclusive", "shared"]), "Whether others may share it; `exclusive` when left out."),
        Field::optional("units", Form::Integer(1, LOCK_UNITS_MAX), "Units taken, instead of a mode."),
        Field::optional("of", Form::Integer(1, LOCK_UNITS_MAX), "Units there are."),
    ],
);

const STEP: Shape = Shape::closed(
    "RunbookStep",
    "A step.",
    &[
        Field::required("id", Form::Name, "Its name, unique in the runbook."),
        Field::optional("title", Form::With(ITEM_PLACES, &Form::ProseTemplate), "One line for people."),
        Field::optional(
            "needs",
            Form::MaybeEmptyList(&Form::Name),
            "Steps that must be behind before it begins. The step written before it when left out; `[]` begins at once.",
        ),
        Field::optional("exec", Form::With(ITEM_PLACES, &Form::Object(&EXEC)), "Runs a command."),
        Field::optional("http", Form::With(ITEM_PLACES, &Form::Object(&HTTP)), "Sends a request."),
        Field::optional("sql", Form::With(ITEM_PLACES, &Form::Object(&RUNBOOK_SQL)), "Runs statements."),
        Field::optional("haproxy", Form::Object(&HAPROXY_CALL), "Sets weights of a router."),
        Field::optional("wait", Form::Duration, "Lets time pass."),
        Field::optional("ask", Form::Prose, "Asks a person, who answers with `glidepath promote RUN`."),
        Field::optional(
            "event",
            Form::Either(&Form::Name, &Form::Object(&EVENT)),
            "Waits until somebody tells the event with `glidepath signal RUN EVENT`.",
        ),
        Field::optional("run", Form::Object(&CHILD), "Flies a stored plan as a run of its own."),
        Field::optional(
            "when",
            Form::Text,
            "Tests such as `look.exitCode == 0 and look.text != 'none'`; without them the step is done always.",
        ),
        Field::optional("forEach", Form::List(&Form::Name), "Does the step once for each of these, as `{item}`."),
        Field::optional("maxInFlight", Form::Integer(1, IN_FLIGHT_MAX), "Elements at work at the same time; 1 when left out."),
        Field::optional(
            "maxFailures",
            Form::Integer(0, ELEMENTS_MAX as u64),
            "Elements that may fail for good without failing the run; 0 when left out.",
        ),
        Field::optional("stagger", Form::Duration, "Shortest time between the starts of two elements."),
        Field::optional("target", Form::Name, "The Target that it touches: its limits hold for the step, and the run holds it alone."),
        Field::optional(
            "undo",
            Form::With(ITEM_PLACES, &Form::Either(&Form::Choice(&["none"]), &Form::Object(&UNDO))),
            "How it is undone; `none` when there is nothing to undo.",
        ),
        Field::optional(
            "check",
            Form::With(ITEM_PLACES, &Form::Either(&Form::Object(&LOOK), &Form::List(&Form::Object(&LOOK)))),
            "What must hold before the step counts as done, repeated until it does or `timeout` is over.",
        ),
        Field::optional("probe", Form::With(ITEM_PLACES, &Form::Object(&LOOK)), "Says whether the step was done, when nobody knows."),
        Field::optional("retry", Form::Object(&RETRY), "Tries and the waits between them."),
        Field::optional("timeout", Form::Duration, "Deadline of one attempt, checks included."),
        Field::optional("deadline", Form::Duration, "Longest time until it is done, retries included; how long `ask` and `event` wait."),
        Field::optional("onUnknown", Form::Choice(&["rerun", "probe", "ask"]), "What an unknown outcome means."),
    ],
)
.one_of(&["exec", "http", "sql", "haproxy", "wait", "ask", "event", "run"]);

const RETRY: Shape = Shape::closed(
    "Retry",
    "Tries and the waits between them.",
    &[
        Field::optional("attempts", Form::Integer(1, ATTEMPTS_MAX), "Tries at most, the first included."),
        Field::optional("firstDelay", Form::Duration, "Wait before the second try; it doubles from try to try."),
        Field::optional("maxDelay", Form::Duration, "Longest wait."),
    ],
);

const EVENT: Shape = Shape::closed(
    "EventWait",
    "An event outside.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::optional("outputs", Form::Map(&Form::Choice(OUTPUT_TYPES)), "What it must bring, by name and type."),
    ],
);

const CHILD: Shape = Shape::closed(
    "ChildRun",
    "A run of its own.",
    &[Field::required("plan", Form::PlanId, "The stored plan: its id, or the beginning of it.")],
);

const LOOK: Shape = Shape::closed(
    "Look",
    "An action that only looks.",
    &[
        Field::optional("exec", Form::Object(&EXEC), "A command."),
        Field::optional("http", Form::Object(&HTTP), "A request."),
        Field::optional("sql", Form::Object(&RUNBOOK_SQL), "Statements."),
    ],
)
.one_of(&["exec", "http", "sql"]);

const UNDO: Shape = Shape::closed(
    "Undo",
    "The way back.",
    &[
        Field::optional("exec", Form::Object(&EXEC), "A command."),
        Field::optional("http", Form::Object(&HTTP), "A request."),
        Field::optional("sql", Form::Object(&RUNBOOK_SQL), "Statements."),
        Field::optional("haproxy", Form::Object(&HAPROXY_CALL), "Weights of a router."),
        Field::optional("leave", Form::Prose, "It may stay, and why."),
        Field::optional("forwardOnly", Form::Prose, "It cannot be undone, and why."),
        Field::optional(
            "after",
            Form::Choice(&["done", "attempt"]),
            "Whether the undo is due only when the step was done (when left out), or for any attempt that may have begun.",
        ),
        Field::optional("check", Form::Either(&Form::Object(&LOOK), &Form::List(&Form::Object(&LOOK))), "What must hold after the undo."),
        Field::optional("timeout", Form::Duration, "Deadline of one attempt."),
    ],
)
.one_of(&["exec", "http", "sql", "haproxy", "leave", "forwardOnly"]);

const RUNBOOK_SQL: Shape = Shape::closed(
    "Sql",
    "Statements.",
    &[
        Field::required(
            "database",
            Form::Either(&Form::Name, &Form::Object(&DATABASE)),
            "The Target whose `database` it is, or a database.",
        ),
        Field::optional("path", Form::Path, "File of statements."),
        Field::optional("text", Form::Text, "Statements."),
        Field::optional("transaction", Form::Boolean, "Whether everything is one transaction; true when left out."),
        Field::optional("expectText", Form::Text, "First value of the last statement must be this."),
    ],
)
.one_of(&["path", "text"]);

const HAPROXY_CALL: Shape = Shape::closed(
    "HaproxyCall",
    "Weights of a router.",
    &[
        Field::required("socket", Form::Text, "Path of the admin socket."),
        Field::required("backend", Form::Text, "Backend."),
        Field::optional("weights", Form::Map(&Form::Integer(0, 256)), "Weight of each server; 0 sends it no new traffic."),
        Field::optional("drain", Form::List(&Form::Text), "Servers to wait for until they have no session left."),
        Field::optional("drainMax", Form::Duration, "How long to wait for that."),
        Field::optional("expectServers", Form::List(&Form::Text), "Servers that the backend must have."),
    ],
);

//! OpenSLO v1. Fields we do not use are let through; near misses of those we use are pointed out.

use super::access::{BASIC, BEARER, TLS};
use crate::shape::{Field, Form, Shape};

/// Annotations of ours on OpenSLO's documents: the component a service is, the share promised to customers, and the calendar whose windows are
/// maintenance.
pub(crate) const ANNOTATIONS: &[&str] = &["glidepath.dev/component", "glidepath.dev/sla", "glidepath.dev/maintenance"];

pub(super) const METADATA: Shape = Shape::open(
    "OpenSloMetadata",
    "Name, labels and annotations.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::optional("displayName", Form::Prose, "Name for people."),
        Field::optional("labels", Form::Map(&Form::Any), "Labels."),
        Field::optional("annotations", Form::Map(&Form::Any), "Annotations."),
    ],
);

pub(super) const SERVICE: Shape = Shape::open("Service", "A service.", &[Field::optional("description", Form::Prose, "What it is.")]);

pub(super) const DATA_SOURCE: Shape = Shape::open(
    "DataSource",
    "Where series come from.",
    &[
        Field::required("type", Form::Text, "Kind of source, such as `Prometheus`."),
        Field::optional("description", Form::Prose, "What it is."),
        Field::optional("connectionDetails", Form::Object(&CONNECTION), "How to reach it."),
    ],
);

const CONNECTION: Shape = Shape::open(
    "Connection",
    "How to reach a source.",
    &[
        Field::optional("url", Form::Url, "Base address of a Prometheus server; the project's own when left out."),
        BEARER,
        BASIC,
        TLS,
        Field::optional("timeout", Form::Duration, "Deadline of one query."),
    ],
);

pub(super) const OBJECTIVE: Shape = Shape::open(
    "SLO",
    "A service-level objective.",
    &[
        Field::required("service", Form::Name, "The service, or the component of that name."),
        Field::optional("description", Form::Prose, "What is promised."),
        Field::optional("indicator", Form::Object(&INDICATOR), "What is counted."),
        Field::optional("indicatorRef", Form::Name, "Name of an SLI document."),
        Field::required("timeWindow", Form::List(&Form::Object(&TIME_WINDOW)), "Over which period."),
        Field::optional("budgetingMethod", Form::Choice(&["Occurrences", "Timeslices", "RatioTimeslices"]), "How bad is counted."),
        Field::required("objectives", Form::List(&Form::Object(&GOAL)), "What is promised."),
        Field::optional(
            "alertPolicies",
            Form::MaybeEmptyList(&Form::Either(&Form::Name, &Form::Object(&ALERT_POLICY_USE))),
            "Who hears of it: names of AlertPolicy documents, references to them, or policies in place.",
        ),
    ],
)
.one_of(&["indicator", "indicatorRef"]);

const INDICATOR: Shape = Shape::open(
    "Indicator",
    "An indicator.",
    &[Field::optional("metadata", Form::Any, "Its name."), Field::required("spec", Form::Object(&INDICATOR_SPEC), "What is counted.")],
);

pub(super) const INDICATOR_SPEC: Shape = Shape::open(
    "IndicatorSpec",
    "What is counted.",
    &[
        Field::optional("description", Form::Prose, "What it is."),
        Field::optional("ratioMetric", Form::Object(&RATIO), "Bad or good over total, or a share that was worked out elsewhere."),
        Field::optional("thresholdMetric", Form::Object(&METRIC), "A value against a bound."),
    ],
)
.one_of(&["ratioMetric", "thresholdMetric"]);

const RATIO: Shape = Shape::open(
    "RatioMetric",
    "Bad or good events over all events.",
    &[
        Field::optional("counter", Form::Boolean, "Whether the series are counters."),
        Field::optional("good", Form::Object(&METRIC), "Good events."),
        Field::optional("bad", Form::Object(&METRIC), "Bad events."),
        Field::optional("total", Form::Object(&METRIC), "All events."),
        Field::optional("raw", Form::Object(&METRIC), "A share that was worked out elsewhere."),
        Field::optional("rawType", Form::Choice(&["success", "failure"]), "What `raw` is a share of."),
    ],
)
.one_of(&["total", "raw"]);

const METRIC: Shape = Shape::open("Metric", "A series.", &[Field::required("metricSource", Form::Object(&SOURCE), "Where it comes from.")]);

const SOURCE: Shape = Shape::open(
    "MetricSource",
    "Where a series comes from.",
    &[
        Field::optional("metricSourceRef", Form::Name, "Name of a DataSource document."),
        Field::optional("type", Form::Text, "Kind of source."),
        Field::required("spec", Form::Object(&SOURCE_SPEC), "The query."),
    ],
);

const SOURCE_SPEC: Shape = Shape::open("MetricQuery", "A query.", &[Field::required("query", Form::Text, "PromQL.")]);

const TIME_WINDOW: Shape = Shape::open(
    "TimeWindow",
    "A period.",
    &[
        Field::required("duration", Form::Text, "Its length, such as `30d`, `1w`, `1M`, `1Q`, `1Y`."),
        Field::optional("isRolling", Form::Boolean, "Whether it rolls."),
        Field::optional("calendar", Form::Object(&PERIOD_START), "Where a period that follows the calendar begins."),
    ],
);

const PERIOD_START: Shape = Shape::open(
    "PeriodStart",
    "Where a period that follows the calendar begins.",
    &[
        Field::required("startTime", Form::Text, "Beginning of some period in civil time, such as `2026-01-01 00:00:00`."),
        Field::required("timeZone", Form::Text, "IANA name of its time zone, such as `Europe/Berlin`."),
    ],
);

const GOAL: Shape = Shape::open(
    "Goal",
    "What is promised.",
    &[
        Field::optional("displayName", Form::Prose, "Name for people."),
        Field::optional("target", Form::Text, "Share of good events, such as 0.999."),
        Field::optional("targetPercent", Form::Text, "The same in percent, such as 99.9."),
        Field::optional("op", Form::Choice(&["lte", "gte", "lt", "gt"]), "How the value of a threshold is compared."),
        Field::optional("value", Form::Decimal, "The bound of a threshold."),
        Field::optional("timeSliceTarget", Form::Text, "Share of good slices."),
        Field::optional("timeSliceWindow", Form::Text, "Length of a slice, such as `5m`; a number alone is minutes."),
    ],
)
.one_of(&["target", "targetPercent"]);

const ALERT_POLICY_USE: Shape = Shape::open(
    "AlertPolicyUse",
    "A policy by name, or in place.",
    &[
        Field::optional("alertPolicyRef", Form::Name, "Name of an AlertPolicy document."),
        Field::optional("kind", Form::Choice(&["AlertPolicy"]), "What stands in place."),
        Field::optional("metadata", Form::Any, "Its name."),
        Field::optional("spec", Form::Object(&ALERT_POLICY), "The policy."),
    ],
)
.one_of(&["alertPolicyRef", "spec"]);

pub(super) const ALERT_POLICY: Shape = Shape::open(
    "AlertPolicy",
    "Who hears of what.",
    &[
        Field::optional("description", Form::Prose, "What it is for."),
        Field::optional("alertWhenNoData", Form::Boolean, "Whether it fires when nothing is known."),
        Field::optional("alertWhenResolved", Form::Boolean, "Whether its end is told."),
        Field::optional("alertWhenBreaching", Form::Boolean, "Whether it fires when it burns."),
        Field::required("conditions", Form::List(&Form::Object(&ALERT_CONDITION_USE)), "When it fires; exactly one."),
        Field::optional("notificationTargets", Form::MaybeEmptyList(&Form::Object(&ALERT_TARGET_USE)), "Whom it tells."),
    ],
);

const ALERT_CONDITION_USE: Shape = Shape::open(
    "AlertConditionUse",
    "A condition by name, or in place.",
    &[
        Field::optional("conditionRef", Form::Name, "Name of an AlertCondition document."),
        Field::optional("kind", Form::Choice(&["AlertCondition"]), "What stands in place."),
        Field::optional("metadata", Form::Any, "Its name."),
        Field::optional("spec", Form::Object(&ALERT_CONDITION), "The condition."),
    ],
)
.one_of(&["conditionRef", "spec"]);

pub(super) const ALERT_CONDITION: Shape = Shape::open(
    "AlertCondition",
    "When an alert fires.",
    &[
        Field::optional("description", Form::Prose, "What it means."),
        Field::required("severity", Form::Text, "How bad it is, such as `page` or `ticket`."),
        Field::required("condition", Form::Object(&BURN_CONDITION), "The condition."),
    ],
);

const BURN_CONDITION: Shape = Shape::open(
    "BurnCondition",
    "A burn over a window.",
    &[
        Field::optional("kind", Form::Choice(&["burnrate"]), "Kind of condition."),
        Field::optional("op", Form::Choice(&["gt", "gte", "lt", "lte"]), "How burn is compared; burn that is low is no alert."),
        Field::required("threshold", Form::Decimal, "Burn at which it fires."),
        Field::required("lookbackWindow", Form::Text, "Window over which burn is taken, such as `1h`."),
        Field::optional("alertAfter", Form::Text, "How long it must burn like that."),
    ],
);

const ALERT_TARGET_USE: Shape = Shape::open(
    "AlertTargetUse",
    "A target by name, or in place.",
    &[
        Field::optional("targetRef", Form::Name, "Name of an AlertNotificationTarget document."),
        Field::optional("kind", Form::Choice(&["AlertNotificationTarget"]), "What stands in place."),
        Field::optional("metadata", Form::Any, "Its name."),
        Field::optional("spec", Form::Object(&ALERT_TARGET), "The target."),
    ],
)
.one_of(&["targetRef", "spec"]);

pub(super) const ALERT_TARGET: Shape = Shape::open(
    "AlertNotificationTarget",
    "Whom an alert tells.",
    &[
        Field::required("target", Form::Text, "Where to, such as `slack` or `email`."),
        Field::optional("description", Form::Prose, "What it is."),
    ],
);

//! OpenSLO v1. Fields we do not use are let through; near misses of those we use are pointed out.

use crate::shape::{Field, Form, Shape};

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
        Field::optional("connectionDetails", Form::Any, "How to reach it."),
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
        Field::optional("alertPolicies", Form::Any, "Alerts; not used here."),
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
        Field::optional("ratioMetric", Form::Object(&RATIO), "Bad or good over total."),
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
        Field::required("total", Form::Object(&METRIC), "All events."),
    ],
);

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
        Field::optional("calendar", Form::Any, "Where a period that follows the calendar begins."),
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
        Field::optional("timeSliceWindow", Form::Text, "Length of a slice."),
    ],
)
.one_of(&["target", "targetPercent"]);

//! Rehearsal: a game day that stands in a file.

use crate::limits::REHEARSAL_FLIGHTS_MAX;
use crate::shape::{Field, Form, Shape};

pub(super) const REHEARSAL: Shape = Shape::closed(
    "Rehearsal",
    "A game day: a change or runbook, what is made to go wrong, and what is expected all the same.",
    &[
        Field::optional("title", Form::Prose, "Title for people."),
        Field::required("of", Form::Name, "The change or runbook that is rehearsed."),
        Field::optional("runs", Form::Integer(1, REHEARSAL_FLIGHTS_MAX), "Flights; 10,000 when left out."),
        Field::optional(
            "faults",
            Form::MaybeEmptyList(&Form::Text),
            "What goes wrong, such as `dark:10m@30m` or `node-lost`; as with `glidepath rehearse --fault`.",
        ),
        Field::optional("expect", Form::Object(&EXPECT), "What must hold; `glidepath rehearse` ends with exit code 1 where it does not."),
    ],
);

const EXPECT: Shape = Shape::closed(
    "RehearsalExpectations",
    "What a rehearsal must come to.",
    &[
        Field::optional("landed", Form::Share, "Share of flights that land with nothing failing, at least."),
        Field::optional("badRequests", Form::Decimal, "Bad requests that 95 % of the failing flights stay below."),
        Field::optional("toSafety", Form::Duration, "Time from turning back to safe traffic that 95 % of the ways back stay below."),
        Field::optional("unseen", Form::Share, "Share of flights that land and fail users, at most."),
    ],
);

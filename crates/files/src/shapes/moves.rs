//! How another region comes to take the writes, and how regions get their shares of the traffic.

use super::target::ACTION;
use crate::shape::{Field, Form, Shape};

const LEADER_PLACES: &[&str] = &["component", "environment", "from", "to"];
const MOVE_PLACES: &[&str] = &["from", "to", "component", "environment"];
const LAG_PLACES: &[&str] = &["from", "to", "seconds", "component", "environment"];
const SHARES_PLACES: &[&str] = &["shares", "component", "environment"];
const SELF_PLACES: &[&str] = &["component", "environment"];
const ROOM_PLACES: &[&str] = &["region", "share", "rate", "component", "environment"];

pub(super) const FAILOVER: Shape = Shape::closed(
    "Failover",
    "How another region comes to take the writes. `{from}` and `{to}` are told anew for the way back.",
    &[
        Field::required("rpo", Form::Duration, "How far the other region may be behind when a failover begins."),
        Field::required(
            "leader",
            Form::With(LEADER_PLACES, &Form::Object(&ACTION)),
            "An action whose answer names all regions that take writes, with spaces between them; `none` where no region does.",
        ),
        Field::required(
            "lag",
            Form::With(LAG_PLACES, &Form::Object(&ACTION)),
            "Passes where `{to}` is at most `{seconds}` s behind `{from}`; 0 is to lack nothing.",
        ),
        Field::required(
            "drain",
            Form::With(MOVE_PLACES, &Form::Object(&ACTION)),
            "How `{from}` ceases to take writes, also where it does not answer.",
        ),
        Field::required(
            "promote",
            Form::With(MOVE_PLACES, &Form::Object(&ACTION)),
            "How `{to}` comes to take writes. It must refuse while another region takes them.",
        ),
        Field::optional("demote", Form::With(MOVE_PLACES, &Form::Object(&ACTION)), "How `{from}` becomes a replica of `{to}`."),
        Field::optional("verify", Form::With(MOVE_PLACES, &Form::Object(&ACTION)), "Passes where both regions hold the same."),
        Field::required("route", Form::With(MOVE_PLACES, &Form::Object(&ACTION)), "How clients come to `{to}`."),
    ],
);

pub(super) const SHARES: Shape = Shape::closed(
    "TrafficShares",
    "How the regions get their shares of the traffic.",
    &[
        Field::required(
            "set",
            Form::With(SHARES_PLACES, &Form::Object(&ACTION)),
            "How they come to be `{shares}`, all at once: `eu-north=20,eu-west=80`.",
        ),
        Field::optional("read", Form::With(SELF_PLACES, &Form::Object(&ACTION)), "An action whose answer is the shares, in the same form."),
        Field::optional(
            "headroom",
            Form::With(ROOM_PLACES, &Form::Object(&ACTION)),
            "Passes where `{region}` has room for `{share}` percent of the traffic, which are `{rate}` requests per second.",
        ),
    ],
);

//! Windows and freezes.

use super::{Context, boolean, text};
use crate::codes;
use crate::document::Document;
use crate::node::Node;
use crate::scalar;
use crate::shapes::{DAYS, Kind};
use glidepath_model::calendar::{Calendar, Freeze, Window};
use glidepath_model::{Catalog, Timestamp};
use jiff::tz::TimeZone;

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    for document in context.named(&[Kind::Calendar]) {
        let Some((time_zone, zone)) = zone(context, document) else { continue };
        let spec = &document.spec;
        let environments = context.environments(spec, catalog);
        // A calendar whose environments are all unknown must not come to hold for all of them.
        if environments.is_empty() && spec.get("environments").is_some() {
            continue;
        }
        let windows = spec.items_of("windows").iter().enumerate().filter_map(|(at, node)| window(context, node, at)).collect();
        let freezes = spec.items_of("freezes").iter().enumerate().filter_map(|(at, node)| freeze(context, node, at, &zone)).collect();
        catalog.calendars.push(Calendar {
            name: document.name.clone(),
            time_zone,
            environments,
            windows,
            freezes,
            no_friday_afternoon: boolean(spec, "noFridayAfternoon").unwrap_or(true),
        });
    }
}

fn zone(context: &mut Context<'_, '_>, document: &Document) -> Option<(String, TimeZone)> {
    let node = document.spec.get("timeZone")?;
    let name = node.text()?;
    match TimeZone::get(name) {
        Ok(zone) => Some((name.to_owned(), zone)),
        Err(_) => {
            const COMMON: [&str; 8] = [
                "UTC",
                "Europe/Berlin",
                "Europe/London",
                "Europe/Paris",
                "America/New_York",
                "America/Los_Angeles",
                "Asia/Tokyo",
                "Asia/Kolkata",
            ];
            let hint = match crate::findings::nearest(name, COMMON) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "Write an IANA name such as `Europe/Berlin`.".to_owned(),
            };
            let message = format!("`{}` is not a time zone", scalar::short(name));
            context.findings.error(
                node.at,
                "spec.timeZone",
                codes::UNKNOWN_TIME_ZONE,
                message,
                "Windows open and close in civil time.",
                hint,
            );
            None
        }
    }
}

fn window(context: &mut Context<'_, '_>, node: &Node, index: usize) -> Option<Window> {
    let days: Vec<u8> = node.texts_of("days").iter().filter_map(|d| DAYS.iter().position(|day| day == d)).map(|at| at as u8 + 1).collect();
    let (from_minute, to_minute) = (scalar::clock(node.text_of("from")?)?, scalar::clock(node.text_of("to")?)?);
    if from_minute == to_minute || from_minute == 1440 || to_minute == 0 && from_minute == 0 {
        let field = format!("spec.windows[{index}]");
        let at = node.get("from").map_or(node.at, |n| n.at);
        let hint = "For a whole day write `from: \"00:00\"` and `to: \"24:00\"`.";
        context.findings.error(
            at,
            &field,
            codes::EMPTY_WINDOW,
            "the window opens and closes at the same time",
            "It is not clear whether it means no time or a whole day.",
            hint,
        );
        return None;
    }
    // Midnight at the end of a day is minute 1440 of that day.
    let to_minute = if to_minute == 0 { 1440 } else { to_minute };
    Some(Window { name: text(node, "name")?, days, from_minute, to_minute })
}

fn freeze(context: &mut Context<'_, '_>, node: &Node, index: usize, zone: &TimeZone) -> Option<Freeze> {
    let from = moment(node.text_of("from")?, zone, Edge::Begin)?;
    let to = moment(node.text_of("to")?, zone, Edge::End)?;
    if to <= from {
        let at = node.get("to").map_or(node.at, |n| n.at);
        let message = format!("the freeze ends at {to}, not after its beginning at {from}");
        context.findings.error(
            at,
            &format!("spec.freezes[{index}].to"),
            codes::FREEZE_BACKWARDS,
            message,
            "It would hold nothing.",
            "Swap or correct the times.",
        );
        return None;
    }
    Some(Freeze { name: text(node, "name")?, from, to, reason: text(node, "reason"), except: node.texts_of("except") })
}

#[derive(Clone, Copy)]
enum Edge {
    Begin,
    End,
}

/// A moment with its zone, or a civil time in the calendar's: where the clock jumps, the freeze is widened. A day without a time is its beginning, so that the
/// day a freeze ends on is not part of it, as in iCalendar (RFC 5545, 3.6.1). Whoever writes a time that no clock here reaches, such as the last day of the
/// year 9999, means until further notice: the freeze lasts as long as any time that can be told.
fn moment(written: &str, zone: &TimeZone, edge: Edge) -> Option<Timestamp> {
    if let Some(exact) = Timestamp::parse(written) {
        return Some(exact);
    }
    let civil = scalar::civil(written)?;
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let moment = match edge {
        Edge::Begin => ambiguous.earlier(),
        Edge::End => ambiguous.later(),
    };
    let beyond = if civil.year() > 0 { jiff::Timestamp::MAX } else { jiff::Timestamp::MIN };
    Some(Timestamp::from_micros(moment.unwrap_or(beyond).as_microsecond()))
}

//! Who may hold what: the one rule by which claims on resources are granted, for every store.
//!
//! A run takes all of its claims at once or none, so that nobody who waits holds anything and no circle of waiting can arise. The queue is fair:
//! a run goes only when nothing it wants is wanted by a run that asked before, so that many small claims never starve a large one.

use glidepath_model::plan::{Claim, ClaimMode};
use glidepath_model::projection::ClaimWait;
use glidepath_model::{ResourceName, RunId, Timestamp};

/// A claim that a run holds or waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimEntry {
    /// The resource.
    pub resource: ResourceName,
    /// How much of it.
    pub mode: ClaimMode,
    /// The run.
    pub run: RunId,
    /// Its place in the queue, smaller for who asked before; `None` when it holds the resource.
    pub ticket: Option<u64>,
    /// Since when it holds or waits.
    pub since: Timestamp,
}

/// What is in the way of a run that wants these claims and asked with this ticket (`None`: it asks now); `None` when it may have them. The
/// entries are those of the resources that it wants, in any order; its own among them are passed over.
pub fn in_the_way<'a>(
    wanted: impl IntoIterator<Item = &'a Claim>,
    run: &RunId,
    ticket: Option<u64>,
    entries: &'a [ClaimEntry],
) -> Option<ClaimWait> {
    let is_before = |entry: &&ClaimEntry| entry.run != *run && entry.ticket.is_none_or(|other| ticket.is_none_or(|own| other < own));
    wanted.into_iter().find_map(|claim| {
        let mut before: Vec<&ClaimEntry> = entries.iter().filter(|entry| entry.resource == claim.resource).filter(is_before).collect();
        // Who holds comes before who waits; the oldest of each first.
        before.sort_by_key(|entry| (entry.ticket, entry.since));
        let blocker = blocker(claim.mode, &before)?;
        Some(ClaimWait { resource: claim.resource.clone(), by: blocker.run.clone(), since: blocker.since, holds: blocker.ticket.is_none() })
    })
}

/// The first of these that a claim of this mode cannot go together with.
fn blocker<'a>(mode: ClaimMode, before: &[&'a ClaimEntry]) -> Option<&'a ClaimEntry> {
    match mode {
        ClaimMode::Exclusive => before.first().copied(),
        ClaimMode::Shared => before.iter().find(|entry| entry.mode != ClaimMode::Shared).copied(),
        ClaimMode::Counted { units, of } => {
            let mut room = u64::from(of);
            let mut taken = 0_u64;
            for entry in before {
                let ClaimMode::Counted { units, of } = entry.mode else { return Some(entry) };
                room = room.min(u64::from(of));
                taken += u64::from(units.min(of));
                // More than there is counts as all there is.
                if taken + u64::from(units_wanted(mode)).min(room) > room {
                    return Some(entry);
                }
            }
            debug_assert!(units <= of, "the planner refuses claims of more than there is");
            None
        }
    }
}

const fn units_wanted(mode: ClaimMode) -> u32 {
    match mode {
        ClaimMode::Counted { units, .. } => units,
        ClaimMode::Exclusive | ClaimMode::Shared => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::collections::BTreeSet;

    fn mode(text: &str) -> ClaimMode {
        match text.split_once('/') {
            Some((units, of)) => ClaimMode::Counted { units: units.parse().unwrap(), of: of.parse().unwrap() },
            None if text == "x" => ClaimMode::Exclusive,
            None => ClaimMode::Shared,
        }
    }

    /// `run ticket-or-held resource mode`, and what the run `me` meets that wants `db` in that mode with ticket 5.
    #[test]
    fn claims_go_together_or_wait_for_the_first_in_their_way() {
        let cases: &[(&str, &[&str], Option<&str>)] = &[
            ("x", &[], None),
            ("x", &["a held db s"], Some("a")),
            ("x", &["a held other x"], None),
            ("s", &["a held db s", "b held db s"], None),
            ("s", &["a held db x"], Some("a")),
            ("s", &["a held db s", "b 1 db x"], Some("b")),
            ("s", &["a held db s", "b 9 db x"], None),
            ("x", &["me held db x"], None),
            ("1/2", &["a held db 1/2"], None),
            ("1/2", &["a held db 1/2", "b held db 1/2"], Some("b")),
            ("1/3", &["a held db 1/3", "b 1 db 2/3"], Some("b")),
            ("1/9", &["a held db 1/1"], Some("a")),
            ("1/2", &["a held db s"], Some("a")),
            ("s", &["a held db 1/2"], Some("a")),
            ("x", &["w 1 db x", "a held db s"], Some("a")),
        ];
        for (wanted, entries, by) in cases {
            let entries: Vec<ClaimEntry> = entries
                .iter()
                .map(|line| {
                    let words: Vec<&str> = line.split(' ').collect();
                    let [run, ticket, resource, how] = words.as_slice() else { panic!("{line}") };
                    ClaimEntry {
                        resource: ResourceName::new(*resource),
                        mode: mode(how),
                        run: RunId::new(*run),
                        ticket: ticket.parse().ok(),
                        since: Timestamp::EPOCH,
                    }
                })
                .collect();
            let claims = BTreeSet::from([Claim { resource: ResourceName::new("db"), mode: mode(wanted) }]);
            let found = in_the_way(&claims, &RunId::new("me"), Some(5), &entries);
            assert_eq!(found.as_ref().map(|wait| wait.by.as_str()), *by, "{wanted} among {entries:?}");
        }
    }
}

//! Hosts, as what is done to them names them.
//!
//! A plan that is made later may have hosts that the approved one did not have. What is done to one of them was approved if it is, letter by letter, what was approved
//! of another host of the same region, with its own name in the place of the other's.

use crate::lower::host::HOST_VERBS;
use glidepath_model::action::ActionCall;
use glidepath_model::ids::{RegionName, TargetName};
use glidepath_model::plan::{Phase, PlanBody, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for the host in what is compared; no name and no command holds it.
const HOST: &str = "\u{0}";

/// Where hosts stand: a region of a target.
type Home<'a> = (Option<&'a TargetName>, Option<&'a RegionName>);

/// The hosts of a plan, as its steps name them.
pub(super) struct Hosts<'a>(BTreeMap<Home<'a>, BTreeSet<&'a str>>);

impl<'a> Hosts<'a> {
    pub(super) fn of(body: &'a PlanBody) -> Self {
        let mut hosts: BTreeMap<Home<'a>, BTreeSet<&'a str>> = BTreeMap::new();
        for step in &body.steps {
            if let Some(host) = host_of(step) {
                hosts.entry((step.target.as_ref(), step.region.as_ref())).or_default().insert(host);
            }
        }
        Self(hosts)
    }

    /// The hosts that a step may speak of: those of its region, of its target where it has no region, of all targets where it has none.
    pub(super) fn of_step(&self, step: &Step) -> BTreeSet<&'a str> {
        let is_here = |home: &Home<'_>| {
            (step.target.is_none() || step.target.as_ref() == home.0) && (step.region.is_none() || step.region.as_ref() == home.1)
        };
        self.0.iter().filter(|(home, _)| is_here(home)).flat_map(|(_, hosts)| hosts.iter().copied()).collect()
    }
}

/// Hosts that would be changed before those that were approved to be the first: who goes first shows to the fewest what is wrong.
pub(super) fn put_first(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let (approved, now) = (in_order(parent), in_order(child));
    let mut found = Vec::new();
    for (home, hosts) in &now {
        let Some(known) = approved.get(home) else { continue };
        let stay: Vec<&str> = known.iter().copied().filter(|host| hosts.contains(host)).collect();
        let kept: Vec<&str> = hosts.iter().copied().filter(|host| known.contains(host)).collect();
        let ahead = hosts.iter().zip(&stay).take(1).find(|(first, approved)| first != approved).map(|(first, _)| *first);
        let ahead = ahead.or_else(|| kept.iter().zip(&stay).find(|(now, approved)| now != approved).map(|(now, _)| *now));
        let place =
            [home.0.map(ToString::to_string), home.1.map(|region| format!(" in {region}"))].into_iter().flatten().collect::<String>();
        found.extend(ahead.map(|host| format!("{host} of {place} would be changed before hosts that were approved to come first")));
    }
    found
}

/// The hosts of each region in the order in which they are first spoken of.
fn in_order(body: &PlanBody) -> BTreeMap<Home<'_>, Vec<&str>> {
    let mut found: BTreeMap<Home<'_>, Vec<&str>> = BTreeMap::new();
    for step in body.steps.iter().filter(|step| matches!(step.phase, Phase::Deploy)) {
        let Some(host) = host_of(step) else { continue };
        let hosts = found.entry((step.target.as_ref(), step.region.as_ref())).or_default();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    found
}

/// The host that a step is for, if it is for one alone.
pub(super) fn host_of(step: &Step) -> Option<&str> {
    step.target.as_ref()?;
    let name = step.id.as_str().rsplit('/').next()?;
    HOST_VERBS.iter().find_map(|verb| name.strip_prefix(verb)?.strip_prefix('-'))
}

/// A call as text.
pub(super) fn text(call: &ActionCall) -> String {
    serde_json::to_string(call).unwrap_or_default()
}

/// The text with a mark wherever the host stands as a word of its own.
pub(super) fn marked(text: &str, host: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(host).filter(|_| !host.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + host.len()..]);
        let is_word = !before.chars().next_back().or(marked.chars().next_back()).is_some_and(char::is_alphanumeric)
            && !after.starts_with(char::is_alphanumeric);
        marked.push_str(before);
        marked.push_str(if is_word { HOST } else { host });
        rest = after;
    }
    marked.push_str(rest);
    marked
}

fn names(text: &str, host: &str) -> bool {
    text.contains(host) && marked(text, host).contains(HOST)
}

/// Whether each of the texts is an approved one, or an approved one for a host that is new.
pub(super) fn are_known(approved: &BTreeSet<String>, now: &BTreeSet<String>, before: &BTreeSet<&str>, hosts: &BTreeSet<&str>) -> bool {
    let mut other = now.difference(approved).peekable();
    if other.peek().is_none() {
        return true;
    }
    let forms: BTreeSet<String> =
        approved.iter().flat_map(|text| before.iter().filter(|host| names(text, host)).map(|host| marked(text, host))).collect();
    let new: Vec<&str> = hosts.difference(before).copied().collect();
    other.all(|text| new.iter().any(|host| names(text, host) && forms.contains(&marked(text, host))))
}

/// Whether each approved text that speaks of no host, or of one that is still there, is still there.
pub(super) fn are_kept(approved: &BTreeSet<String>, now: &BTreeSet<String>, before: &BTreeSet<&str>, hosts: &BTreeSet<&str>) -> bool {
    approved.difference(now).all(|text| before.difference(hosts).any(|host| names(text, host)))
}

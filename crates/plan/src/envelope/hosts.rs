//! Hosts, as what is done to them names them.
//!
//! A plan that is made later may have hosts that the approved one did not have. What is done to one of them was approved if it is, letter by letter, what was approved
//! of another host of the same region, with its own name in the place of the other's.

use crate::lower::host::HOST_VERBS;
use glidepath_model::action::ActionCall;
use glidepath_model::ids::{RegionName, TargetName, is_host_name};
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

/// New hosts whose name says more than a name, such as `root@evil:22`: what a shell or an address reads into it was approved of no host.
pub(super) fn named_oddly(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let (approved, now) = (Hosts::of(parent), Hosts::of(child));
    let mut found = Vec::new();
    for ((target, region), hosts) in &now.0 {
        let of_target = || approved.0.iter().filter(|((other, _), _)| other == target).flat_map(|(_, known)| known);
        let is_odd = |host: &&&str| !of_target().any(|known| **known == ***host || is_like(host, known));
        for host in hosts.iter().filter(is_odd).filter(|host| !is_bare(host)) {
            let place = region.map_or_else(String::new, |region| format!(" in {region}"));
            let of = target.map(ToString::to_string).unwrap_or_default();
            found.push(format!("{host} of {of}{place} is new, and more than a name: no approved host has that user, port or path"));
        }
    }
    found
}

/// Whether a name is that of a host and nothing else: no user, no port, no path.
fn is_bare(name: &str) -> bool {
    is_host_name(name) && !name.contains(['@', ':', '/', '[', ']'])
}

/// Whether two names differ in the host alone, and have the same user and port around it.
fn is_like(new: &str, known: &str) -> bool {
    let ((user, name, port), (known_user, _, known_port)) = (parts(new), parts(known));
    // Nothing but digits and colons between the brackets: it is an address, and no shell reads more into it.
    let is_six = |six: &str| six.contains(':') && six.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let is_name = is_bare(name) || name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(is_six);
    is_name && (user, port) == (known_user, known_port)
}

/// The user, the name and the port of what an address may be.
fn parts(host: &str) -> (Option<&str>, &str, Option<&str>) {
    let (user, rest) = host.rsplit_once('@').map_or((None, host), |(user, rest)| (Some(user), rest));
    // An address of many colons stands in brackets.
    let end = if rest.starts_with('[') { rest.find(']').map_or(rest.len(), |at| at + 1) } else { rest.find(':').unwrap_or(rest.len()) };
    let (name, port) = rest.split_at(end);
    (user, name, (!port.is_empty()).then_some(port))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_host_is_a_name_and_no_more_than_an_approved_one_says_around_it() {
        for (new, known, expected) in [
            ("pay-4", "pay-1", true),
            ("pay-4.eu.example", "pay-1", true),
            ("10.0.0.4", "pay-1", true),
            ("root@evil:22", "pay-1", false),
            ("root@pay-4", "deploy@pay-1", false),
            ("deploy@pay-4", "deploy@pay-1", true),
            ("deploy@evil@pay-4", "deploy@pay-1", false),
            ("pay-4:2222", "pay-1:22", false),
            ("pay-4:22", "pay-1:22", true),
            ("[2001:db8::4]:22", "[2001:db8::1]:22", true),
            ("[evil]:22", "[2001:db8::1]:22", false),
            ("evil/pay-4", "pay-1", false),
            ("-oProxyCommand", "pay-1", false),
            ("", "pay-1", false),
        ] {
            assert_eq!(is_like(new, known), expected, "{new} beside {known}");
        }
    }
}

//! What is done, step by step: each step of a child is an approved one, and none is left out.
//!
//! Steps are found again by their role: their id without stage and batch, and without the host where they are for one. A look again before a later wave has the
//! role of the look before the first.

use super::hosts::{Hosts, are_kept, are_known, host_of, marked, text};
use super::{few, is_plain, is_whole, targets};
use glidepath_model::action::{ActionCall, HaproxyInput};
use glidepath_model::ids::{EnvironmentName, RegionName, TargetName};
use glidepath_model::plan::{Phase, PlanBody, Step, Undo, Work};
use std::collections::{BTreeMap, BTreeSet};

/// What of a step can be otherwise than was approved, in the order in which it is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Differs {
    Call,
    Pause,
    Check,
    WayBack,
    Undo,
    Safety,
    Unknown,
    Terms,
    Condition,
    Needs,
}

impl Differs {
    const fn told(self) -> &'static str {
        match self {
            Self::Call => "would call something else than was approved",
            Self::Pause => "would ask, wait or watch otherwise than was approved",
            Self::Check => "would be checked otherwise than was approved",
            Self::WayBack => "would have no way back, which was not approved",
            Self::Undo => "would not be undone as was approved",
            Self::Safety => "would bring traffic to safety otherwise than was approved",
            Self::Unknown => "would take an unknown outcome otherwise than was approved",
            Self::Terms => "would have other tries or time limits than were approved",
            Self::Condition => "would be done under another condition than was approved",
            Self::Needs => "would begin after other steps than was approved",
        }
    }
}

/// Where a step stands in any plan of the change.
type Role<'a> = (Option<&'a TargetName>, Option<&'a RegionName>, String);

/// A step's id without stage and batch; the host is taken out of its last word.
pub(super) fn path(step: &Step) -> String {
    let is_rung = |word: &&str| {
        ["stage-", "batch-"].iter().any(|rung| word.strip_prefix(rung).is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit())))
    };
    let id = match host_of(step).and_then(|host| step.id.as_str().strip_suffix(host)) {
        Some(verb) => format!("{verb}*"),
        None => step.id.to_string(),
    };
    id.split('/').filter(|word| !is_rung(word)).collect::<Vec<_>>().join("/")
}

fn role(step: &Step) -> Role<'_> {
    (step.target.as_ref(), step.region.as_ref(), path(step).replace("/again/", "/preflight/"))
}

fn by_role(body: &PlanBody) -> BTreeMap<Role<'_>, Vec<&Step>> {
    let mut roles: BTreeMap<Role<'_>, Vec<&Step>> = BTreeMap::new();
    for step in &body.steps {
        roles.entry(role(step)).or_default().push(step);
    }
    roles
}

/// What would be done that was not approved, or left out of what was.
pub(super) fn done(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let plain = is_plain(parent) && is_plain(child);
    let (approved, now) = if plain { (by_id(parent), by_id(child)) } else { (by_role(parent), by_role(child)) };
    let (before, hosts) = (Hosts::of(parent), Hosts::of(child));
    let mut new = Vec::new();
    let mut otherwise: BTreeMap<Differs, Vec<&Step>> = BTreeMap::new();
    for (role, steps) in &now {
        let Some(known) = approved.get(role) else {
            new.extend(steps.iter().copied());
            continue;
        };
        let pair = Pair { plain, before: &before, hosts: &hosts };
        for step in steps {
            for differs in pair.nearest(known, step) {
                otherwise.entry(differs).or_default().push(step);
            }
        }
    }
    let gone: Vec<&Step> = approved
        .iter()
        .filter(|(role, steps)| !now.contains_key(*role) && steps.iter().any(|step| plain || is_due(step, parent, child)))
        .flat_map(|(_, steps)| steps.iter().copied())
        .collect();
    let mut found: Vec<String> = otherwise.iter().map(|(differs, steps)| format!("{} {}", few(steps), differs.told())).collect();
    if !new.is_empty() {
        found.push(format!("{} would be done besides, which no approved step does", few(&new)));
    }
    if !gone.is_empty() {
        found.push(format!("{} would be left out", few(&gone)));
    }
    if parent.groups != child.groups && plain {
        found.push("a fan-out would have other limits than were approved".to_owned());
    }
    found
}

fn by_id(body: &PlanBody) -> BTreeMap<Role<'_>, Vec<&Step>> {
    body.steps.iter().map(|step| ((None, None, step.id.to_string()), vec![step])).collect()
}

/// Whether an approved step belongs to what the child changes, so that it may not be left out.
fn is_due(step: &Step, parent: &PlanBody, child: &PlanBody) -> bool {
    let Some(environment) = &step.environment else { return true };
    let is_here = |name: &EnvironmentName| child.assignments.iter().any(|assignment| assignment.environment == *name);
    match (&step.target, &step.region) {
        // A window is a part of its environment, whatever of it is changed; what is looked at besides is for all items together.
        (None, _) if step.phase == Phase::Verify => is_here(environment),
        (None, _) => is_here(environment) && is_whole(parent, child, environment),
        (Some(target), None) => targets(child).contains(target),
        (Some(target), Some(region)) => {
            child.steps.iter().any(|now| now.target.as_ref() == Some(target) && now.region.as_ref() == Some(region))
        }
    }
}

/// What two steps of one role are compared with.
struct Pair<'a> {
    /// Whether nothing but words may differ.
    plain: bool,
    before: &'a Hosts<'a>,
    hosts: &'a Hosts<'a>,
}

impl Pair<'_> {
    /// What is otherwise than in the approved step that is most like it.
    fn nearest(&self, approved: &[&Step], step: &Step) -> BTreeSet<Differs> {
        let own: Vec<&&Step> = approved.iter().filter(|known| self.plain || host_of(known) == host_of(step)).collect();
        let known: Vec<&Step> = if own.is_empty() { approved.to_vec() } else { own.into_iter().copied().collect() };
        let mut nearest: Option<BTreeSet<Differs>> = None;
        for known in known {
            let differs = self.differs(known, step);
            if differs.is_empty() {
                return differs;
            }
            if nearest.as_ref().is_none_or(|least| differs.len() < least.len()) {
                nearest = Some(differs);
            }
        }
        nearest.unwrap_or_default()
    }

    fn differs(&self, known: &Step, step: &Step) -> BTreeSet<Differs> {
        let like = Like { plain: self.plain, known: host_of(known), now: host_of(step) };
        let mut found = BTreeSet::new();
        let mut note = |is_same: bool, differs: Differs| {
            if !is_same {
                found.insert(differs);
            }
        };
        match (&known.work, &step.work) {
            (Work::Call(_), Work::Call(_)) if step.id.as_str().contains("/preflight/") || step.id.as_str().contains("/again/") => {
                note(self.looks_the_same(known, step), Differs::Check);
            }
            (Work::Call(before), Work::Call(call)) => {
                note(like.call(before, call), Differs::Call);
                note(like.calls(&known.validations, &step.validations), Differs::Check);
            }
            (Work::Gate(_), Work::Gate(_)) => {}
            (Work::Wait(before), Work::Wait(length)) => note(if self.plain { before == length } else { before <= length }, Differs::Pause),
            (before, now) => note(before == now, Differs::Pause),
        }
        note(known.saves_data == step.saves_data && known.phase == step.phase, Differs::Call);
        match (&known.undo, &step.undo) {
            (Undo::ForwardOnly { .. }, Undo::ForwardOnly { .. })
            | (Undo::Nothing, Undo::Nothing)
            | (Undo::LeaveInPlace { .. }, Undo::LeaveInPlace { .. }) => {}
            (_, Undo::ForwardOnly { .. }) => note(false, Differs::WayBack),
            (Undo::Call { call: before, validations: checks, timeout_ms: time, .. }, Undo::Call { call, validations, timeout_ms, .. }) => {
                note(like.call(before, call) && like.calls(checks, validations) && time == timeout_ms, Differs::Undo)
            }
            _ => note(false, Differs::Undo),
        }
        let safety = |step: &Step| step.exposure.as_ref().and_then(|exposure| exposure.safety.clone());
        note(like.call_if_any(safety(known).as_ref(), safety(step).as_ref()), Differs::Safety);
        let is_told = known.on_unknown == step.on_unknown && known.compensate_on == step.compensate_on;
        note(is_told && like.call_if_any(known.probe.as_ref(), step.probe.as_ref()), Differs::Unknown);
        let is_timed = known.timeout_ms == step.timeout_ms || (!self.plain && matches!(step.work, Work::Gate(_) | Work::Wait(_)));
        note(is_timed && known.retry == step.retry && known.deadline_ms == step.deadline_ms, Differs::Terms);
        note(known.when == step.when, Differs::Condition);
        if self.plain {
            let needs = |step: &Step| step.needs.iter().cloned().collect::<BTreeSet<_>>();
            let is_there = known.target == step.target && known.environment == step.environment && known.group == step.group;
            note(needs(known) == needs(step) && is_there, Differs::Needs);
        }
        found
    }

    /// Whether a step that only looks asks all that was approved, of the hosts that there are.
    fn looks_the_same(&self, known: &Step, step: &Step) -> bool {
        let asked = |step: &Step| -> BTreeSet<String> {
            let first = match &step.work {
                Work::Call(call) => Some(call),
                Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
            };
            first.into_iter().chain(&step.validations).map(|call| text(&unweighed(call))).collect()
        };
        let (approved, now) = (asked(known), asked(step));
        let (before, hosts) = (self.before.of_step(step), self.hosts.of_step(step));
        are_known(&approved, &now, &before, &hosts) && are_kept(&approved, &now, &before, &hosts)
    }
}

/// When two calls are one: letter by letter, but for the host that each is for.
struct Like<'a> {
    plain: bool,
    known: Option<&'a str>,
    now: Option<&'a str>,
}

impl Like<'_> {
    fn call(&self, known: &ActionCall, now: &ActionCall) -> bool {
        if known == now {
            return true;
        }
        if self.plain {
            return false;
        }
        let form = |call: &ActionCall, host: Option<&str>| {
            let text = text(&unweighed(call));
            host.map_or_else(|| text.clone(), |host| marked(&text, host))
        };
        let (one, other) = if self.known == self.now { (None, None) } else { (self.known, self.now) };
        form(known, one) == form(now, other)
    }

    fn calls(&self, known: &[ActionCall], now: &[ActionCall]) -> bool {
        known.len() == now.len() && known.iter().zip(now).all(|(known, now)| self.call(known, now))
    }

    fn call_if_any(&self, known: Option<&ActionCall>, now: Option<&ActionCall>) -> bool {
        match (known, now) {
            (Some(known), Some(now)) => self.call(known, now),
            (None, None) => true,
            _ => false,
        }
    }
}

/// A call to a router without what follows from the ladder: which servers of its backend have which weight.
fn unweighed(call: &ActionCall) -> ActionCall {
    if call.kind != "haproxy" {
        return call.clone();
    }
    let Ok(input) = serde_json::from_value::<HaproxyInput>(call.input.clone()) else { return call.clone() };
    let HaproxyInput { socket, backend, .. } = input;
    let input = serde_json::to_value(HaproxyInput { socket, backend, ..HaproxyInput::default() }).unwrap_or_default();
    ActionCall { input, ..call.clone() }
}

//! What gates and windows watch, and by which bounds: by target and region while it is changed, by window afterwards.

use super::hosts::{Hosts, are_kept, are_known, text};
use super::steps::path;
use super::{is_whole, targets};
use glidepath_model::catalog::{KayentaTiming, Measuring};
use glidepath_model::ids::{RegionName, TargetName};
use glidepath_model::plan::{CountSource, GateCheck, GateSpec, Phase, PlanBody, Step, Work};
use std::collections::{BTreeMap, BTreeSet};

/// Part of the false alarms that was approved, of which a smaller one is taken for stronger evidence wanted. How they are split follows from the ladder.
const FALSE_ALARM_PART_MIN: f64 = 0.5;

/// Where is watched.
type Place<'a> = (Option<&'a TargetName>, Option<&'a RegionName>, String);

/// What of a check would be looser than was approved; `None` where nothing is.
type Looser = Option<&'static str>;

fn gates(body: &PlanBody) -> BTreeMap<Place<'_>, Vec<(&Step, &GateSpec)>> {
    let mut gates: BTreeMap<Place<'_>, Vec<(&Step, &GateSpec)>> = BTreeMap::new();
    for step in &body.steps {
        if let Work::Gate(gate) = &step.work {
            gates.entry((step.target.as_ref(), step.region.as_ref(), path(step))).or_default().push((step, gate));
        }
    }
    gates
}

/// What a check is about. Thresholds of several regions have one name and different queries.
fn about(check: &GateCheck) -> (&str, &str) {
    match check {
        GateCheck::Threshold { name, query, .. } => (name, query),
        GateCheck::Kayenta { name, metrics, .. } => (name, metrics.first().map_or("", |series| series.canary.as_str())),
        GateCheck::Proportion { name, .. }
        | GateCheck::Values { name, .. }
        | GateCheck::Probe { name, .. }
        | GateCheck::Burn { name, .. } => (name, ""),
    }
}

/// What would not be watched as was approved.
pub(super) fn watched(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let approved = gates(parent);
    let (before, hosts) = (Hosts::of(parent), Hosts::of(child));
    let mut found = BTreeSet::new();
    for (place, now) in gates(child) {
        let Some(known) = approved.get(&place) else { continue };
        let (step, _) = now[0];
        let who = match (place.0, place.1) {
            (Some(target), Some(region)) => format!("the gates of {target} in {region}"),
            (Some(target), None) => format!("the gates of {target}"),
            (None, _) => step.id.to_string(),
        };
        let pair = Pair { before: before.of_step(step), hosts: hosts.of_step(step), is_window: place.0.is_none() };
        let due = due(parent, child, &place, known);
        if place.0.is_some() {
            found.extend(unseen(&who, known, &now));
        }
        for (step, gate) in &now {
            for lost in due.iter().filter(|lost| !gate.checks.iter().any(|check| about(check) == **lost)) {
                let is_there = gate.checks.iter().any(|check| check.name() == lost.0);
                let how = if is_there { " as was approved" } else { "" };
                found.insert(format!("{who} would not watch {}{how} any more", lost.0));
            }
            for check in &gate.checks {
                let like = alike(known, gate, check);
                if let Some(what) = pair.looser(&like, check) {
                    found.insert(format!("{who} would watch {} {what}", check.name()));
                }
            }
            if place.0.is_none() {
                found.extend(window(&who, known, step, gate));
            }
        }
    }
    found.extend(unwatched(parent, child));
    found.extend(budgets(parent, child));
    found.extend(false_alarms(parent, child));
    found.into_iter().collect()
}

/// Approved checks that one is held against: those of its name. Whether a burning budget turns back depends on whether the gate compares both sides, so that
/// a look at one is held against those of gates that do as this one.
fn alike<'a>(known: &[(&Step, &'a GateSpec)], gate: &GateSpec, check: &GateCheck) -> Vec<&'a GateCheck> {
    let compares = |gate: &GateSpec| gate.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. }));
    let of = |gates: &mut dyn Iterator<Item = &'a GateSpec>| -> Vec<&'a GateCheck> {
        gates.flat_map(|gate| &gate.checks).filter(|known| about(known) == about(check)).collect()
    };
    let own = of(&mut known.iter().map(|(_, known)| *known).filter(|known| compares(known) == compares(gate)));
    if own.is_empty() || !matches!(check, GateCheck::Burn { .. }) { of(&mut known.iter().map(|(_, known)| *known)) } else { own }
}

/// What no gate of a place would watch any more, or not from the first on. Once nothing old is left there is nothing to compare with, so that not every gate watches all.
fn unseen(who: &str, known: &[(&Step, &GateSpec)], now: &[(&Step, &GateSpec)]) -> Vec<String> {
    let all = |gates: &[(&Step, &GateSpec)]| -> BTreeSet<String> {
        gates.iter().flat_map(|(_, gate)| gate.checks.iter().map(|check| check.name().clone())).collect()
    };
    let gone = all(known).difference(&all(now)).map(|name| format!("{who} would not watch {name} any more")).collect::<Vec<_>>();
    if !gone.is_empty() {
        return gone;
    }
    let (first, first_now) = (all(&known[..1]), all(&now[..1]));
    first.difference(&first_now).map(|name| format!("the first of {who} would not watch {name} any more")).collect()
}

/// What each gate of a place must watch: what all approved ones there watch, and in windows of a smaller change what is of it.
fn due<'a>(parent: &'a PlanBody, child: &PlanBody, place: &Place<'_>, known: &[(&Step, &'a GateSpec)]) -> BTreeSet<(&'a str, &'a str)> {
    let mut sets = known.iter().map(|(_, gate)| gate.checks.iter().map(about).collect::<BTreeSet<_>>());
    let mut due = sets.next().unwrap_or_default();
    for set in sets {
        due = due.intersection(&set).copied().collect();
    }
    let Some(environment) = known.first().and_then(|(step, _)| step.environment.as_ref()).filter(|_| place.0.is_none()) else { return due };
    if is_whole(parent, child, environment) {
        return due;
    }
    let here = targets(child);
    let own: BTreeSet<(&str, &str)> = parent
        .steps
        .iter()
        .filter(|step| step.target.as_ref().is_some_and(|target| here.contains(target)))
        .filter_map(|step| match &step.work {
            Work::Gate(gate) => Some(gate),
            Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        })
        .flat_map(|gate| gate.checks.iter().map(about))
        .collect();
    let is_of = |name: &str| {
        let components = child.assignments.iter().filter(|assignment| assignment.environment == *environment).map(|a| a.component.as_str());
        let mut about = ["health of ", "error share of "].iter().filter_map(|words| name.strip_prefix(words));
        let of = about.next().and_then(|of| of.split(" in ").next());
        of.is_some_and(|of| components.into_iter().any(|component| component == of))
    };
    due.retain(|about| own.contains(about) || is_of(about.0));
    due
}

/// A window watches as long as was approved, and holds what it was to hold.
fn window(who: &str, known: &[(&Step, &GateSpec)], step: &Step, gate: &GateSpec) -> Vec<String> {
    let mut found = Vec::new();
    let longest = known.iter().map(|(_, known)| known.bake_ms).min();
    if let Some(length) = longest.filter(|length| gate.bake_ms < *length || gate.min_bake_ms < known[0].1.min_bake_ms) {
        found.push(format!("{who} would watch for {} only, at least {length} were approved", gate.bake_ms.min(gate.min_bake_ms)));
    }
    if step.after_landing && known.iter().any(|(known, _)| !known.after_landing) {
        found.push(format!("{who} would only observe, after landing, and hold nothing back"));
    }
    found
}

/// Environments of which nothing would be watched afterwards.
fn unwatched(parent: &PlanBody, child: &PlanBody) -> BTreeSet<String> {
    let watches = |body: &PlanBody, environment| {
        body.steps.iter().any(|step| step.phase == Phase::Verify && step.environment.as_ref() == Some(environment) && !step.after_landing)
    };
    let environments = child.assignments.iter().map(|assignment| &assignment.environment);
    environments
        .filter(|environment| watches(parent, environment) && !watches(child, environment))
        .map(|environment| format!("{environment} would not be watched after the deployment"))
        .collect()
}

/// Budgets that would not be looked at any more before something is exposed in a place, or while it is.
fn budgets(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    type Budgets<'a> = BTreeMap<(&'a TargetName, Option<&'a RegionName>, bool), BTreeSet<&'a str>>;
    let looks = |body: &'_ PlanBody| -> BTreeMap<(TargetName, Option<RegionName>, bool), BTreeSet<String>> {
        let mut found: Budgets<'_> = BTreeMap::new();
        for step in body.steps.iter().filter(|step| step.phase == Phase::Deploy) {
            let (Work::Gate(gate), Some(target)) = (&step.work, &step.target) else { continue };
            let names = gate.checks.iter().filter(|check| matches!(check, GateCheck::Burn { .. })).map(|check| check.name().as_str());
            found.entry((target, step.region.as_ref(), gate.is_budget_look())).or_default().extend(names);
        }
        let owned = found.into_iter().map(|((target, region, is_look), names)| {
            ((target.clone(), region.cloned(), is_look), names.into_iter().map(str::to_owned).collect())
        });
        owned.collect()
    };
    let now = looks(child);
    let exposes = |target: &TargetName, region: Option<&RegionName>| {
        child.steps.iter().any(|step| step.exposure.is_some() && step.target.as_ref() == Some(target) && step.region.as_ref() == region)
    };
    let mut found = Vec::new();
    // What a gate of a stage no longer looks at is told with the gates of its place.
    for ((target, region, is_look), names) in looks(parent).into_iter().filter(|((.., is_look), _)| *is_look) {
        let place = region.as_ref().map_or_else(|| target.to_string(), |region| format!("{target} in {region}"));
        let kept = now.get(&(target.clone(), region.clone(), is_look));
        let lost = names.iter().filter(|name| exposes(&target, region.as_ref()) && !kept.is_some_and(|kept| kept.contains(*name)));
        found.extend(lost.map(|name| format!("nothing would look at the {name} before {place} any more")));
    }
    found
}

/// What all comparisons of a plan may spend on false alarms: the less, the stronger must be the evidence that holds a bad version.
fn false_alarms(parent: &PlanBody, child: &PlanBody) -> Option<String> {
    let spent = |body: &PlanBody| -> f64 {
        let checks = body.steps.iter().filter_map(|step| match &step.work {
            Work::Gate(gate) => Some(&gate.checks),
            Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        });
        let alpha = |check: &GateCheck| match check {
            GateCheck::Proportion { alpha, .. } | GateCheck::Values { alpha, .. } => *alpha,
            GateCheck::Threshold { .. } | GateCheck::Kayenta { .. } | GateCheck::Probe { .. } | GateCheck::Burn { .. } => 0.0,
        };
        checks.flatten().map(alpha).sum()
    };
    let (approved, now) = (spent(parent), spent(child));
    let is_less = now > 0.0 && now < approved * FALSE_ALARM_PART_MIN && child.assignments.len() == parent.assignments.len();
    is_less.then(|| "gates would want stronger evidence of a bad version than was approved".to_owned())
}

struct Pair<'a> {
    before: BTreeSet<&'a str>,
    hosts: BTreeSet<&'a str>,
    is_window: bool,
}

impl Pair<'_> {
    /// What of a check is looser than in any approved one. A check that nobody approved is one more to pass, but for one that calls something.
    fn looser(&self, known: &[&GateCheck], now: &GateCheck) -> Looser {
        if known.is_empty() {
            return matches!(now, GateCheck::Probe { .. }).then_some("by calls that were not approved");
        }
        let mut worst = None;
        for known in known {
            match self.looser_than(known, now) {
                None => return None,
                Some(what) => worst = Some(what),
            }
        }
        worst
    }

    fn looser_than(&self, known: &GateCheck, now: &GateCheck) -> Looser {
        match (known, now) {
            (
                GateCheck::Threshold { source: from, min: least, max: most, failures_max: bad, measured: approved, .. },
                GateCheck::Threshold { source, min, max, failures_max, measured, .. },
            ) => {
                let is_bounded = !is_below(*min, *least) && !is_above(*max, *most);
                if !self.same_source(from, source) {
                    Some("from another source")
                } else if !is_bounded {
                    Some("by a looser bound")
                } else if failures_max > bad {
                    Some(if measured.is_some() { "with more bad measurements" } else { "with more bad looks in a row" })
                } else {
                    looser_measured(approved.as_ref(), measured.as_ref())
                }
            }
            (GateCheck::Probe { calls: asked, failures_max: bad, .. }, GateCheck::Probe { calls, failures_max, .. }) => {
                if !self.same_calls(asked, calls) {
                    Some("by calls that were not approved")
                } else {
                    (failures_max > bad).then_some("with more failed looks in a row")
                }
            }
            (GateCheck::Proportion { .. }, GateCheck::Proportion { .. }) => self.looser_share(known, now),
            (
                GateCheck::Values { source: from, canary: new, baseline: old, every_ms: distance, margin: most, .. },
                GateCheck::Values { source, canary, baseline, every_ms, margin, .. },
            ) => {
                if !self.same_source(from, source) || new != canary || old != baseline {
                    Some("by other queries")
                } else if margin > most {
                    Some("with a wider margin")
                } else {
                    (every_ms > distance).then_some("less often")
                }
            }
            (
                GateCheck::Burn { source: from, objective: promised, burn_max: most, unknown_holds: held, turns_back: back, .. },
                GateCheck::Burn { source, objective, burn_max, unknown_holds, turns_back, .. },
            ) => {
                if !self.same_source(from, source) || promised != objective {
                    Some("of another objective")
                } else if burn_max > most {
                    Some("at a faster burn only")
                } else if *held && !unknown_holds {
                    Some("and pass where nothing is known of it")
                } else {
                    (*back && !turns_back).then_some("and no longer turn back")
                }
            }
            (
                GateCheck::Kayenta { source: from, metrics: series, timing: approved, asked: question, .. },
                GateCheck::Kayenta { source, metrics, timing, asked, .. },
            ) => {
                if !self.same_source(from, source) || series != metrics {
                    Some("by other queries")
                } else if question != asked {
                    Some("by another canary config")
                } else {
                    looser_canary(approved, timing)
                }
            }
            _ => Some("in another way than was approved"),
        }
    }

    fn looser_share(&self, known: &GateCheck, now: &GateCheck) -> Looser {
        let GateCheck::Proportion {
            source: from,
            canary: new,
            baseline: old,
            effect: rise,
            dispersion: spread,
            ceiling: cap,
            tolerated: taken,
            ..
        } = known
        else {
            return None;
        };
        let GateCheck::Proportion { source, canary, baseline, effect, dispersion, ceiling, tolerated, .. } = now else { return None };
        // What is tolerated follows from what fails at present. Up to here the side that runs now would itself have passed what was approved.
        let tolerated_max = taken.map(|taken| taken * rise);
        if !self.same_source(from, source) || new != canary || old != baseline {
            Some("by other counters")
        } else if effect > rise {
            Some("for a greater rise only")
        } else if is_above(*ceiling, *cap) {
            Some("without the ceiling that was approved, or by a higher one")
        } else if tolerated.is_some_and(|now| !tolerated_max.is_some_and(|most| now <= most)) {
            Some("and tolerate more than was approved")
        } else {
            (dispersion != spread && !dispersion.zip(*spread).is_some_and(|(now, known)| now <= known)).then_some("with a wider spread")
        }
    }

    fn same_source(&self, known: &CountSource, now: &CountSource) -> bool {
        match (known, now) {
            (CountSource::Scrape { urls: known, timeout_ms: time, access: asked }, CountSource::Scrape { urls, timeout_ms, access }) => {
                let (known, urls) = (known.iter().cloned().collect(), urls.iter().cloned().collect());
                (time, asked) == (timeout_ms, access)
                    && are_known(&known, &urls, &self.before, &self.hosts)
                    && are_kept(&known, &urls, &self.before, &self.hosts)
            }
            _ => known == now,
        }
    }

    fn same_calls(&self, known: &[glidepath_model::ActionCall], now: &[glidepath_model::ActionCall]) -> bool {
        let (known, now) = (known.iter().map(text).collect(), now.iter().map(text).collect());
        // A gate of a stage asks the hosts that are new by then; a window asks all.
        let is_whole = !self.is_window || are_kept(&known, &now, &self.before, &self.hosts);
        are_known(&known, &now, &self.before, &self.hosts) && is_whole
    }
}

/// What is looser about when and how often a value is measured.
fn looser_measured(approved: Option<&Measuring>, now: Option<&Measuring>) -> Looser {
    let (approved, now) = match (approved, now) {
        (None, None) => return None,
        (Some(approved), Some(now)) => (approved, now),
        (Some(_), None) | (None, Some(_)) => return Some("in another way than was approved"),
    };
    let is_shorter = match (approved.count, now.count) {
        (Some(approved), Some(now)) => now < approved,
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    };
    if (&now.success_condition, &now.failure_condition) != (&approved.success_condition, &approved.failure_condition) {
        Some("by another condition")
    } else if is_shorter || now.consecutive_success_limit < approved.consecutive_success_limit {
        Some("by fewer measurements")
    } else if now.inconclusive_limit > approved.inconclusive_limit || now.consecutive_error_limit > approved.consecutive_error_limit {
        Some("with more measurements that say nothing")
    } else if now.initial_delay_ms > approved.initial_delay_ms {
        Some("from later on")
    } else {
        (now.interval_ms > approved.interval_ms).then_some("less often")
    }
}

/// What is looser about when a canary config is judged.
fn looser_canary(approved: &KayentaTiming, now: &KayentaTiming) -> Looser {
    let lifetime = |timing: &KayentaTiming| timing.length().0.saturating_sub(timing.begin_after_ms.0);
    if lifetime(now) < lifetime(approved) {
        Some("for a shorter time")
    } else if now.interval_ms > approved.interval_ms {
        Some("less often")
    } else if now.begin_after_ms > approved.begin_after_ms {
        Some("from later on")
    } else {
        ((now.lookback_ms, now.step_ms) != (approved.lookback_ms, approved.step_ms)).then_some("over other stretches of time")
    }
}

/// Whether an upper bound lies above an approved one, or is gone.
fn is_above(now: Option<f64>, approved: Option<f64>) -> bool {
    match (now, approved) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(now), Some(approved)) => now > approved || now.is_nan(),
    }
}

/// Whether a lower bound lies below an approved one, or is gone.
fn is_below(now: Option<f64>, approved: Option<f64>) -> bool {
    is_above(now.map(|bound| -bound), approved.map(|bound| -bound))
}

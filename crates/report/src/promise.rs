//! What a plan promises of the way back, in words that hold at every moment of it.
//!
//! The time to safe traffic grows along a plan: while the old side can carry all traffic one call is enough, later hosts must go back first. It is told
//! as the figure up to a share of a region's traffic, each region by itself, and the longest for all of them together, where the two differ enough to
//! matter. Across a step that cannot be undone nothing is promised; the step is named instead.

use crate::figures::{estimate, listed, plural};
use crate::flight::region_of;
use glidepath_model::plan::{Estimate, Exposure, Phase, Step, Undo};
use glidepath_model::{Millis, Plan, Share, StepId, TargetName};
use std::collections::{BTreeMap, BTreeSet};

/// Factor between two times to safety from which they are told apart.
const TOLD_APART_FROM: f64 = 2.0;

/// What is said of a plan without exposure.
const NOTHING_MOVES: &str = "no step moves traffic";

/// How a time is written.
pub(crate) type Form = fn(&Estimate) -> String;

/// Median and 95 % value.
pub(crate) const BOTH: Form = estimate;
/// The median alone.
pub(crate) const MEDIAN: Form = |time| time.p50_ms.to_string();
/// The 95 % value alone, and that it is one: what people are told to count on.
pub(crate) const P95: Form = |time| {
    let is_one_figure = time.p50_ms == time.p95_ms;
    if is_one_figure { time.p95_ms.to_string() } else { format!("{} (95 %)", time.p95_ms) }
};

/// The same for readers who know no percentiles.
pub(crate) const IN_WORDS: Form = |time| {
    let is_one_figure = time.p50_ms == time.p95_ms;
    if is_one_figure { time.p95_ms.to_string() } else { format!("{} in 19 of 20 cases", time.p95_ms) }
};

/// `1 s per region until 25 %, up to 3 min after`; where there is no way to safety, the step that takes it away.
pub(crate) fn safety(plan: &Plan, form: Form) -> String {
    if !moves_traffic(plan) {
        return NOTHING_MOVES.to_owned();
    }
    let longest = plan.prediction.time_to_safety.as_ref();
    let apart = apart(plan);
    let regions: BTreeSet<_> = exposures(plan).filter_map(|(_, e)| e.region.as_ref()).collect();
    let per = if regions.len() > 1 { " per region" } else { "" };
    let after = longest.map_or_else(|| no_way(plan), form);
    let stays = || data_stays(plan);
    match (apart, longest) {
        (Some((time, share)), Some(_)) => format!("{}{per} until {share}, up to {after} after{}", form(&time), stays()),
        (Some((time, share)), None) => format!("{}{per} until {share}, then {after}{}", form(&time), stays()),
        (None, Some(_)) => format!("{after}{}", stays()),
        (None, None) => after,
    }
}

/// `; this does not bring back the data that step 2 changed`: of data that is changed for good before traffic moves. Empty where none is.
fn data_stays(plan: &Plan) -> String {
    let last = plan.body.steps.iter().rposition(|step| step.exposure.is_some()).unwrap_or_default();
    let before = plan.body.steps.iter().enumerate().take(last);
    let is_data = |step: &Step| step.phase == Phase::Prepare && matches!(step.undo, Undo::ForwardOnly { .. });
    let numbers: Vec<String> = before.filter(|(_, step)| is_data(step)).map(|(at, _)| (at + 1).to_string()).collect();
    match numbers.as_slice() {
        [] => String::new(),
        [one] => format!("; this does not bring back the data that step {one} changed"),
        many => format!("; this does not bring back the data that steps {} changed", listed(many)),
    }
}

/// Whether any step moves traffic, so that there is something to bring to safety.
pub(crate) fn moves_traffic(plan: &Plan) -> bool {
    exposures(plan).next().is_some()
}

/// Whether a command leads back from anywhere: one that undoes a step, or one that moves traffic.
pub(crate) fn has_way_back(plan: &Plan) -> bool {
    plan.body.steps.iter().any(|step| matches!(step.undo, Undo::Call { .. }) || step.exposure.is_some())
}

/// How the messages begin that tell of a flight which did not land: nothing goes back where no command leads back.
pub(crate) fn turned(plan: &Plan) -> &'static str {
    if has_way_back(plan) { "Going back" } else { "Stopped" }
}

/// `safe in 1 s per region until 25 %, up to 3 min after`; of a plan that moves no traffic, what is promised of undoing it.
pub(crate) fn safe(plan: &Plan, form: Form) -> String {
    if !moves_traffic(plan) {
        return all_undone(plan, form);
    }
    let figure = safety(plan, form);
    let is_time = plan.prediction.time_to_safety.is_some() || apart(plan).is_some();
    if is_time { format!("safe in {figure}") } else { figure }
}

/// `safe in 1 s; all undone in 5 min`.
pub(crate) fn back(plan: &Plan, form: Form) -> String {
    if moves_traffic(plan) { format!("{}; {}", safe(plan, form), all_undone(plan, form)) } else { all_undone(plan, form) }
}

/// `safe here in 1 s` when the gate of a stage turns back, by what its place is exposed to then; else as for the whole plan.
pub(crate) fn safe_by(plan: &Plan, gate: Option<&Step>, form: Form) -> String {
    let of_place = |step: &Step| {
        let before = plan.body.steps.iter().take_while(|s| s.id != step.id);
        let here = before.filter(|s| s.stage > 0 && (&s.target, &s.region) == (&step.target, &step.region));
        here.filter_map(|s| s.exposure.as_ref()).last()?.safety_takes.as_ref()
    };
    gate.filter(|step| step.stage > 0).and_then(of_place).map_or_else(|| safe(plan, form), |time| format!("safe here in {}", form(time)))
}

/// What follows of a run that rests and that nobody answers: `what is partly exposed goes back after 30 min`. Where nothing is ever exposed no limit runs.
pub(crate) fn unanswered(plan: &Plan) -> String {
    if moves_traffic(plan) {
        format!("what is partly exposed goes back after {}", plan.body.hold_limit_ms)
    } else {
        "it waits, and nothing goes back by itself".to_owned()
    }
}

/// `traffic is safe within 3 min (95 %)`, for those who only need the longest.
pub(crate) fn safe_within(plan: &Plan, form: Form) -> String {
    match &plan.prediction.time_to_safety {
        _ if !moves_traffic(plan) => all_undone(plan, form),
        Some(time) => format!("traffic is safe within {}", form(time)),
        None => no_way(plan),
    }
}

/// The time until all is undone, or the step that cannot be.
pub(crate) fn undone(plan: &Plan, form: Form) -> String {
    match (one_way(plan).first(), &plan.prediction.time_to_rollback) {
        (None, Some(time)) => form(time),
        (Some(step), _) => format!("not promised: '{}' cannot be undone{}", step.title, more(plan)),
        (None, None) => "not promised".to_owned(),
    }
}

/// `all undone in 5 min`.
pub(crate) fn all_undone(plan: &Plan, form: Form) -> String {
    match (one_way(plan).first(), &plan.prediction.time_to_rollback) {
        (None, Some(time)) if time.p95_ms == Millis::ZERO => "nothing has to be undone".to_owned(),
        (None, Some(time)) => format!("all undone in {}", form(time)),
        (Some(step), _) => format!("not all can be undone: '{}' stays{}", step.title, more(plan)),
        (None, None) => "no time is promised until all is undone".to_owned(),
    }
}

/// Where users meet the new side first, in the last environment: `Users meet it first in us-east, 5 % of requests to payments.`
pub(crate) fn first_met(plan: &Plan) -> Option<String> {
    let last = plan.body.change.environments.last();
    let (step, exposure) =
        exposures(plan).find(|(step, _)| last.is_none_or(|environment| step.environment.as_ref() == Some(environment)))?;
    let component = plan
        .body
        .assignments
        .iter()
        .find(|a| a.target == exposure.target)
        .map_or_else(|| exposure.target.to_string(), |a| a.component.to_string());
    let place = region_of(step).map_or_else(String::new, |region| format!(" in {region}"));
    Some(match exposure.share {
        Share::ALL => format!("Users meet it all at once: {component}{place}."),
        share => format!("Users meet it first with {share} of {component}{place}."),
    })
}

/// Where the figure comes from, or that there is none.
pub(crate) fn source(time: Option<&Estimate>) -> String {
    time.map_or_else(|| "the plan's own steps".to_owned(), |time| time.source.clone())
}

/// `safe in 1 s`, of some targets: their own steps decide. `None` where they move no traffic, or the plan has no such figures.
pub(crate) fn safe_at(plan: &Plan, targets: &[&TargetName], form: Form) -> Option<String> {
    let own = exposures(plan).filter(|(_, e)| targets.contains(&&e.target));
    let longest = own.map(|(_, e)| e.safety_takes.as_ref()).try_fold(None::<Estimate>, |longest, takes| {
        let takes = takes?;
        Some(Some(longest.map_or_else(|| takes.clone(), |time| longer(&time, takes))))
    });
    longest.flatten().map(|time| format!("safe in {}", form(&time)))
}

/// Steps that cannot be undone, in the order of the plan.
pub(crate) fn one_way(plan: &Plan) -> Vec<&Step> {
    plan.body.steps.iter().filter(|step| matches!(step.undo, Undo::ForwardOnly { .. })).collect()
}

fn more(plan: &Plan) -> String {
    match one_way(plan).len().saturating_sub(1) {
        0 => String::new(),
        rest => format!(" (and {})", plural(rest, "other step", "other steps")),
    }
}

fn exposures(plan: &Plan) -> impl Iterator<Item = (&Step, &Exposure)> {
    plan.body.steps.iter().filter_map(|step| Some((step, step.exposure.as_ref()?)))
}

/// The time to safety of the lower shares, and up to which share it holds: cut where the time grows most. `None` where it hardly grows.
fn apart(plan: &Plan) -> Option<(Estimate, Share)> {
    // A plan without these figures has one for all.
    let has_figures = exposures(plan).any(|(_, e)| e.safety_takes.is_some());
    let mut by_share: BTreeMap<Share, Vec<Option<&Estimate>>> = BTreeMap::new();
    for (_, exposure) in exposures(plan).filter(|_| has_figures) {
        by_share.entry(exposure.share).or_default().push(exposure.safety_takes.as_ref());
    }
    let mut so_far: Option<Estimate> = None;
    let mut cut: Option<(f64, Estimate, Share)> = None;
    let mut below: Option<(Estimate, Share)> = None;
    for (share, takes) in by_share {
        let has_way = takes.iter().all(Option::is_some);
        for time in takes.into_iter().flatten() {
            so_far = Some(so_far.map_or_else(|| time.clone(), |before| longer(&before, time)));
        }
        let now = so_far.clone()?;
        if let Some((before, until)) = below.take() {
            let growth = if has_way { now.p50_ms.0 as f64 / before.p50_ms.0.max(1) as f64 } else { f64::INFINITY };
            if growth >= TOLD_APART_FROM && cut.as_ref().is_none_or(|(most, ..)| growth > *most) {
                cut = Some((growth, before, until));
            }
        }
        if !has_way {
            break;
        }
        below = Some((now, share));
    }
    cut.map(|(_, time, share)| (time, share))
}

/// The greater by each figure.
fn longer(a: &Estimate, b: &Estimate) -> Estimate {
    let source = if a.p50_ms > b.p50_ms { &a.source } else { &b.source };
    Estimate { p50_ms: a.p50_ms.max(b.p50_ms), p95_ms: a.p95_ms.max(b.p95_ms), source: source.clone() }
}

/// The step that keeps traffic on the new side.
fn no_way(plan: &Plan) -> String {
    let stuck = exposures(plan).find(|(_, e)| e.safety_takes.is_none());
    let is_one_way = |id: &&StepId| plan.body.step(id).is_some_and(|s| matches!(s.undo, Undo::ForwardOnly { .. }));
    let step = stuck.map(|(step, exposure)| {
        let blocking = std::iter::once(&step.id).chain(&exposure.safety_needs).find(is_one_way);
        blocking.and_then(|id| plan.body.step(id)).unwrap_or(step)
    });
    step.map_or_else(
        || "no way back to safe traffic".to_owned(),
        |step| format!("no way back to safe traffic: '{}' cannot be undone", step.title),
    )
}

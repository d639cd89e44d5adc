//! Rules about the steps: their way back, their order, their time.

use super::{is_of_runbook, places, steps_by_target};
use crate::bits::Bits;
use crate::codes;
use crate::downtime::stops_first;
use crate::strategy;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::{RegionName, StepId, TargetName};
use glidepath_model::plan::{Exposure, Phase, Step, Strategy, Undo, Work};
use glidepath_model::{Diagnostic, Facts, Millis, Plan, Share};
use std::collections::{BTreeMap, BTreeSet};

/// A deploy that nothing takes back.
pub(super) fn no_undo(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let lost = plan.body.steps.iter().filter(|s| is_deploy(s) && matches!(s.undo, Undo::Nothing));
    lost.map(|step| {
        Diagnostic::warning(codes::NO_UNDO, format!("{} has no undo.", step.id))
            .because("A rollback would leave it as it is.")
            .hint("Declare spec.undo on the target, or a deploy command that takes the old version.")
    })
    .collect()
}

/// Steps that cannot be undone, named before take-off.
pub(super) fn one_way(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let mut by_reason: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in &plan.body.steps {
        if let Undo::ForwardOnly { reason } = &step.undo {
            by_reason.entry(reason).or_default().push(step);
        }
    }
    by_reason
        .into_iter()
        .map(|(reason, steps)| {
            let is_sql = !is_of_runbook(plan) && steps.iter().all(|step| matches!(&step.work, Work::Call(call) if call.kind == "sql"));
            let is_contract = |step: &&Step| {
                let item = step.item.and_then(|at| plan.body.change.items.get(at as usize));
                item.is_some_and(|item| matches!(item.kind, ItemKind::Contract { .. }))
            };
            let hint = if steps.iter().all(is_contract) {
                "It is what the change is for: whoever approves it looks at the backup first."
            } else if is_sql {
                "Write values into new columns, by statements that can be read; then it may stay when the code goes back."
            } else {
                "Declare an undo, or a version probe, so that there is a way back."
            };
            let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
            Diagnostic::warning(codes::ONE_WAY, format!("{} cannot be undone: {reason}.", ids.join(", ")))
                .because("No rollback is promised across it.")
                .hint(hint)
        })
        .collect()
}

/// A data change or a one-way step without a backup before it.
pub(super) fn no_backup(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let steps = steps_by_target(plan);
    for (assignment, target) in places(plan, facts) {
        let is_risky = assignment.strategy == Strategy::ExpandContract;
        let has_backup = steps.get(&target.name).into_iter().flatten().any(|s| s.saves_data);
        if is_risky && !has_backup {
            findings.push(
                Diagnostic::warning(
                    codes::NO_BACKUP,
                    format!("The data of {} in {} is changed without a backup before.", assignment.component, assignment.environment),
                )
                .because("What a wrong statement overwrites is gone.")
                .hint(format!("Declare spec.backup on {}.", target.name)),
            );
        }
    }
    findings
}

/// Traffic on hosts whose deploy is not behind it.
pub(super) fn traffic_first(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let deployed = Deployed::of(&plan.body.steps);
    let mut findings = Vec::new();
    for (at, step) in plan.body.steps.iter().enumerate() {
        // A deploy without a router exposes itself.
        let shifts = |e: &&Exposure| e.share > Share::ZERO && e.region.is_some() && deployed.own[at].is_none();
        let Some(exposure) = step.exposure.as_ref().filter(shifts) else { continue };
        if !deployed.is_behind(at, step) {
            findings.push(
                Diagnostic::error(
                    codes::TRAFFIC_FIRST,
                    format!("{} gives the new side {} of the traffic before anything is deployed.", step.id, exposure.share),
                )
                .because("The requests would meet no host, or the old version under a new name.")
                .hint("Make it need the deploy steps of its region."),
            );
        }
    }
    findings
}

/// A target in a region.
type Place<'a> = (Option<&'a TargetName>, Option<&'a RegionName>);

/// The places in which something is deployed before each step.
struct Deployed<'a> {
    places: BTreeMap<Place<'a>, usize>,
    /// The place that each step deploys in, if it does.
    own: Vec<Option<usize>>,
    /// The places of all that each step needs, directly or through others.
    behind: Vec<Bits>,
}

impl<'a> Deployed<'a> {
    fn of(steps: &'a [Step]) -> Self {
        let mut places = BTreeMap::new();
        let own: Vec<Option<usize>> = steps
            .iter()
            .map(|step| {
                let count = places.len();
                is_deploy(step).then(|| *places.entry((step.target.as_ref(), step.region.as_ref())).or_insert(count))
            })
            .collect();
        let at: BTreeMap<&StepId, usize> = steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let needs: Vec<Vec<usize>> = steps.iter().map(|step| step.needs.iter().filter_map(|id| at.get(id).copied()).collect()).collect();
        let mut behind = vec![Bits::below(places.len()); steps.len()];
        // Steps stand after what they need, so that the second pass finds nothing new.
        let mut grew = true;
        while std::mem::take(&mut grew) {
            for (step, need) in needs.iter().enumerate().flat_map(|(step, needs)| needs.iter().map(move |need| (step, *need))) {
                let mut found = behind[need].clone();
                own[need].into_iter().for_each(|place| found.insert(place));
                grew |= behind[step].unite(&found);
            }
        }
        Self { places, own, behind }
    }

    fn is_behind(&self, at: usize, step: &Step) -> bool {
        let place = self.places.get(&(step.target.as_ref(), step.region.as_ref()));
        place.is_some_and(|place| self.behind[at].contains(*place))
    }
}

/// Whether the step brings a host to the new side, whatever its strategy calls that.
fn is_deploy(step: &Step) -> bool {
    let name = step.id.as_str().rsplit('/').next().unwrap_or_default();
    Strategy::ALL.iter().any(|one| name.strip_prefix(strategy::of(*one).doing().verb).is_some_and(|host| host.starts_with('-')))
}

/// Hosts that stop and start each by itself, so that two versions run side by side.
pub(super) fn side_by_side(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts).filter(|(assignment, _)| assignment.strategy == Strategy::Recreate) {
        let regions = target.regions.iter().filter(|region| !region.hosts.is_empty()).count();
        if target.stop.is_some() || target.hosts().count() < 2 {
            continue;
        }
        let (component, environment) = (&assignment.component, &assignment.environment);
        let until = if regions > 1 { "the last region has followed the first, its bake included" } else { "the slowest is done" };
        findings.push(
            Diagnostic::warning(
                codes::VERSIONS_BESIDE,
                format!(
                    "The hosts of {component} in {environment} are restarted each by itself: two versions run side by side until {until}."
                ),
            )
            .because("It is so on the way back, too. What must never meet another version, such as a single writer, is not safe here.")
            .hint(format!("Declare `stop` on {}: all hosts are stopped then before one is started.", target.name)),
        );
    }
    findings
}

/// A changing step whose unknown outcome would wait for a person.
pub(super) fn unknown_asks(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if is_of_runbook(plan) {
        findings.extend(unknown_asks_in_runbook(plan));
    }
    let steps = steps_by_target(plan);
    for (assignment, target) in places(plan, facts) {
        let mut asks = steps
            .get(&target.name)
            .into_iter()
            .flatten()
            .filter(|s| s.phase != Phase::Preflight && matches!(s.work, Work::Call(_)) && s.on_unknown == OnUnknown::Ask);
        if let Some(step) = asks.next() {
            let hint = match &step.work {
                Work::Call(call) if call.kind == "sql" => {
                    "Keep a statement that refuses a transaction in a file of its own, and somebody at hand who can look whether it was done.".to_owned()
                }
                _ => format!("Declare spec.version.probe on {}, or onUnknown: rerun where running twice does no harm.", target.name),
            };
            findings.push(
                Diagnostic::warning(
                    codes::UNKNOWN_ASKS,
                    format!(
                        "Steps of {} in {} would wait for a person when their outcome is unknown.",
                        assignment.component, assignment.environment
                    ),
                )
                .because("After a crash or a timeout nobody can tell whether they were done.")
                .hint(hint),
            );
        }
    }
    findings
}

/// Regions of one pair in the same wave.
pub(super) fn pair_together(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let steps = steps_by_target(plan);
    for (assignment, target) in places(plan, facts) {
        if !matches!(plan.body.change.items.get(assignment.item as usize).map(|i| &i.kind), Some(ItemKind::Version { .. })) {
            continue;
        }
        // Where all hosts are stopped before one is started no region is to be left to serve.
        if stops_first(assignment.strategy, target) {
            continue;
        }
        let waves = |region: &RegionName| -> BTreeSet<u32> {
            let own = steps.get(&target.name).into_iter().flatten();
            own.filter(|s| s.wave > 0 && s.region.as_ref() == Some(region)).map(|s| s.wave).collect()
        };
        for region in &target.regions {
            let Some(pair) = region.pair.as_ref().filter(|pair| **pair != region.name) else { continue };
            if !waves(&region.name).is_disjoint(&waves(pair)) {
                findings.push(
                    Diagnostic::error(
                        codes::PAIR_TOGETHER,
                        format!("{} and {pair} of {} change in the same wave, and they are a pair.", region.name, assignment.component),
                    )
                    .because("If the change is bad, neither can stand in for the other.")
                    .hint("Put them into different waves."),
                );
            }
        }
    }
    findings
}

fn unknown_asks_in_runbook(plan: &Plan) -> Option<Diagnostic> {
    let asks = |step: &&Step| matches!(step.work, Work::Call(_)) && step.on_unknown == OnUnknown::Ask;
    // The elements of a fan-out are alike.
    let mut listed: Vec<&str> =
        plan.body.steps.iter().filter(asks).map(|s| s.group.as_ref().map_or(s.id.as_str(), |group| group.as_str())).collect();
    listed.dedup();
    if listed.is_empty() {
        return None;
    }
    Some(
        Diagnostic::warning(codes::UNKNOWN_ASKS, format!("{} would wait for a person when the outcome is unknown.", listed.join(", ")))
            .because("After a crash or a timeout nobody can tell whether it was done.")
            .hint("Give the step a `probe`, or `onUnknown: rerun` where running twice does no harm."),
    )
}

/// A deadline that is over before what it is for usually is.
pub(super) fn deadline_short(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let short = |what: String, deadline: Millis, expected: Millis| {
        Diagnostic::warning(codes::DEADLINE_SHORT, format!("{what} has a deadline of {deadline} and is expected to take {expected}."))
            .because("The deadline would end it although nothing went wrong.")
            .hint("Raise the deadline, or shorten what it is for.")
    };
    let mut findings = Vec::new();
    let expected = plan.prediction.duration.p50_ms;
    if let Some(deadline) = plan.body.limits.deadline_ms.filter(|deadline| *deadline < expected) {
        findings.push(short("The run".to_owned(), deadline, expected));
    }
    for step in &plan.body.steps {
        if let Some(deadline) = step.deadline_ms.filter(|deadline| *deadline < step.expected.p50_ms) {
            findings.push(short(step.id.to_string(), deadline, step.expected.p50_ms));
        }
    }
    findings
}

/// A fan-out that lands although nothing of it was done.
pub(super) fn all_may_fail(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for group in &plan.body.groups {
        let elements = || plan.body.steps.iter().filter(|s| s.group.as_ref() == Some(&group.name));
        // What only cleans up takes nothing from what was done.
        if elements().all(|step| step.phase == Phase::Finish) {
            continue;
        }
        let elements = elements().count();
        if usize::try_from(group.failures_max).unwrap_or(usize::MAX) >= elements {
            findings.push(
                Diagnostic::warning(codes::ALL_MAY_FAIL, format!("{} tolerates that all its {elements} elements fail.", group.name))
                    .because("The run would land although nothing of it was done.")
                    .hint("Lower `maxFailures`."),
            );
        }
    }
    findings
}

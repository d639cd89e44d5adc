//! What stands around the steps: assignments, take-off gates, version matrices, envelope.

use crate::ladder::{Judge, JudgedStage, Ladders, Seen, bad_ratio, effect_text, tenths};
use crate::notes::Notes;
use crate::outline::{Outline, Route, Watches, rounded};
use crate::site::Site;
use crate::strategy;
use crate::values;
use crate::{HOLD_DEFAULT, codes, non_zero};
use glidepath_model::catalog::{Catalog, EdgeKind, Target};
use glidepath_model::change::{Change, ItemKind, OnFailure};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, EnvironmentName, ResourceName, TargetName, Version};
use glidepath_model::plan::{
    Assignment, Claim, Envelope, LadderStage, Phase, StageValue, Step, TakeoffGate, Throttle, Undo, VerificationKind, VersionMatrix, Work,
};
use glidepath_model::text::decimals;
use glidepath_model::{Diagnostic, Millis, Share};
use std::collections::{BTreeMap, BTreeSet};

/// How long partial exposure may be held: as long as the strictest environment allows.
pub(crate) fn hold_limit(sites: &[Site<'_>]) -> Millis {
    non_zero(sites.iter().map(|site| site.environment.hold_limit_ms).min().unwrap_or_default(), HOLD_DEFAULT)
}

/// One assignment per site, the ladder with its power.
pub(crate) fn assignments(sites: &[Site<'_>], chosen: &[&Outline], ladders: &Ladders, facts: &Facts) -> Vec<Assignment> {
    let judge = Judge { verification: facts.catalog.settings.verification.clone(), parts: ladders.parts };
    let mut seen = Seen::new();
    sites.iter().zip(chosen).map(|(site, outline)| assignment(site, outline, &judge, &mut seen)).collect()
}

fn assignment(site: &Site<'_>, outline: &Outline, judge: &Judge, seen: &mut Seen) -> Assignment {
    let ladder = ladder_stages(site, outline, judge, seen);
    let detects = ladder.iter().filter_map(|s| s.detects).fold(f64::INFINITY, f64::min);
    let longest = ladder.iter().filter(|s| s.detects.is_some()).map(|s| s.bake_ms).max().unwrap_or_default();
    let blind_to = outline
        .blind_to
        .clone()
        .or_else(|| detects.is_finite().then(|| format!("blind below a {}-fold rise of errors within {longest}", tenths(detects))));
    Assignment {
        item: site.item,
        component: site.target.component.clone(),
        target: site.target.name.clone(),
        environment: site.environment.name.clone(),
        strategy: outline.strategy,
        from: site.present().to_owned(),
        to: site.to.clone(),
        artifact: match &site.change_item.kind {
            ItemKind::Version { artifact, .. } => artifact.clone(),
            ItemKind::Schema { .. }
            | ItemKind::Contract { .. }
            | ItemKind::Flag { .. }
            | ItemKind::Secret { .. }
            | ItemKind::Capacity { .. }
            | ItemKind::Failover { .. }
            | ItemKind::Traffic { .. } => None,
        },
        verification: outline.verification,
        blind_to,
        ladder,
        reason: String::new(),
    }
}

fn ladder_stages(site: &Site<'_>, outline: &Outline, judge: &Judge, seen: &mut Seen) -> Vec<LadderStage> {
    let mut list = Vec::new();
    let moved = strategy::traffic::moved_share(site).unwrap_or(1.0);
    for path in outline.waves.iter().flatten() {
        let region = path.region.and_then(|at| site.regions.get(at));
        let rate = region.map_or_else(|| site.rate(), |r| r.rate).unwrap_or_default();
        for stage in &path.stages {
            let Some(gate) = &stage.gate else { continue };
            let share = rounded(Share::from_f64(stage.share));
            // Of a stage that is judged, the rate is that of its own hour.
            let rate = gate.judged.as_ref().map_or(rate, |judged| judged.rate);
            // Of a way between shares that is part of the traffic, and no more than that part moves.
            let canary_rate = rate * stage.share * moved;
            let mut values = Vec::new();
            let (power, detects, explanation) = match (&gate.judged, region, stage.route) {
                (_, _, Route::Mirror(copied)) => {
                    let text = format!(
                        "{copied} of the reads are copied to the new side, which answers nobody; {} watch for {}",
                        watchers(site, outline.verification),
                        gate.bake
                    );
                    (None, None, text)
                }
                (_, _, Route::Cohort { compared: true }) => {
                    let text = format!(
                        "{share} of the users for {}, each on one side; a person compares what they did, and {} watch for harm",
                        gate.bake,
                        watchers(site, outline.verification)
                    );
                    (None, None, text)
                }
                (Some(judged), Some(region), _) => {
                    let (ratio, _) = bad_ratio(region, judged.signal);
                    let now = judge.now(region, judged.signal);
                    let (power, detects) = judge.sees(rate, judged, now, site.environment.max_bake_ms, seen);
                    let assumed =
                        if judged.ratio_assumed { format!(", taking {} % as bad now", decimals(ratio * 100.0, 2)) } else { String::new() };
                    let origin = match (region.rate_assumed, &region.ahead) {
                        (true, _) => " (declared, not observed)",
                        (false, Some(_)) => " (expected at that hour)",
                        (false, None) => "",
                    };
                    let beside =
                        if judged.renewed > 0 { ", and as many on hosts of the old version that were started with it" } else { "" };
                    let text = format!(
                        "at {share} this stage sees {} requests/s{origin}{beside}; it needs {} to see {} of {} with {} power{assumed}",
                        tenths(canary_rate),
                        judged.detect,
                        effect_text(judge.verification.effect),
                        judged.signal.text(),
                        judge.verification.power
                    );
                    values = stage_values(site, judged);
                    let text = values.iter().fold(text, |text, value| format!("{text}; {}", value_text(value, judge.verification.power)));
                    (Some(power), detects, text)
                }
                _ => {
                    let is_split = gate.watches == Watches::Beside && stage.share < 1.0;
                    let why = if is_split { "the two sides are not compared" } else { "nothing old stands beside to compare with" };
                    (None, None, format!("at {share} {why}; {} watch for {}", watchers(site, outline.verification), gate.bake))
                }
            };
            list.push(LadderStage {
                region: region.map(|r| r.region.name.clone()),
                share: Share::from_f64(stage.share),
                canary_rate,
                baseline_rate: gate.judged.as_ref().map_or(rate - canary_rate, |judged| rate * judged.baseline_share()),
                bake_ms: gate.bake,
                power,
                detects,
                values,
                explanation,
            });
        }
    }
    list
}

/// What a stage sees of the figures that it compares.
fn stage_values(site: &Site<'_>, judged: &JudgedStage) -> Vec<StageValue> {
    let declared = values::declared(site);
    let named = judged.values.judged.iter().filter_map(|one| declared.get(one.at).map(|value| (one, value)));
    named
        .map(|(one, value)| StageValue { name: value.name.clone(), margin: value.margin, power: one.power, detects: one.detects })
        .collect()
}

/// `p99 latency 1.25x worse is found with 38 %, 1.4x worse with 80 %`.
fn value_text(value: &StageValue, wanted: Share) -> String {
    let detects = match value.detects {
        Some(detects) => format!(", {}x worse with {wanted}", decimals(detects, 2)),
        None => format!(", and nothing with {wanted}"),
    };
    format!("{} {}x worse is found with {:.0} %{detects}", value.name, decimals(value.margin, 2), value.power * 100.0)
}

/// Who watches where nothing is compared.
fn watchers(site: &Site<'_>, kind: VerificationKind) -> &'static str {
    match (kind, site.target.health.is_some()) {
        (VerificationKind::Threshold, true) => "thresholds and health checks",
        (VerificationKind::Threshold, false) => "thresholds",
        (VerificationKind::Statistical | VerificationKind::Probe, _) => "health checks",
    }
}

/// Conditions at take-off.
pub(crate) fn takeoff(change: &Change, facts: &Facts, sites: &[Site<'_>]) -> Vec<TakeoffGate> {
    let mut gates = vec![TakeoffGate::Fresh];
    for name in &change.environments {
        if sites.iter().any(|s| s.environment.name == *name) {
            gates.extend(calendar_gate(name, &facts.catalog));
        }
    }
    for site in sites {
        if let (ItemKind::Version { .. }, Some(from), false, true) =
            (&site.change_item.kind, &site.from, site.mixed, site.target.version_probe.is_some())
        {
            gates.push(TakeoffGate::StillRuns { target: site.target.name.clone(), version: Version::new(from.clone()) });
        }
    }
    for objective in &facts.catalog.objectives {
        if sites.iter().any(|s| s.target.component == objective.component)
            && let Some(budget) = facts.budgets.get(&objective.name).filter(|budget| budget.value.remaining.is_finite())
        {
            gates.push(TakeoffGate::Budget { objective: objective.name.clone(), remaining: budget.value.remaining });
        }
    }
    gates
}

/// The calendars that hold for an environment, as a condition to take off.
pub(crate) fn calendar_gate(name: &EnvironmentName, catalog: &Catalog) -> Option<TakeoffGate> {
    let calendars: Vec<_> =
        catalog.calendars.iter().filter(|c| c.environments.is_empty() || c.environments.contains(name)).cloned().collect();
    (!calendars.is_empty()).then(|| TakeoffGate::Calendar { environment: name.clone(), calendars })
}

/// What the change and its targets claim beside the targets themselves, which are held alone anyway.
pub(crate) fn claims(change: &Change, sites: &[Site<'_>], notes: &mut Notes) -> BTreeSet<Claim> {
    let by_target: BTreeMap<&TargetName, &Target> = sites.iter().map(|site| (&site.target.name, site.target)).collect();
    let targets: BTreeSet<ResourceName> = by_target.keys().map(|name| ResourceName::of_target(name)).collect();
    let wanted = change.locks.iter().chain(by_target.values().flat_map(|target| &target.locks));
    together(wanted.filter(|claim| !targets.contains(&claim.resource)).cloned(), notes)
}

/// One claim for each resource; more units than there are of one refuse the plan.
pub(crate) fn together(claims: impl Iterator<Item = Claim>, notes: &mut Notes) -> BTreeSet<Claim> {
    Claim::together(claims).unwrap_or_else(|impossible| {
        for claim in impossible {
            notes.wrong(
                Diagnostic::error(codes::LOCKS_TOO_MANY, format!("The lock on {claim} can never be had."))
                    .because("All that locks it here together wants more units than there are, so the run would wait for ever.")
                    .hint("Lower `units`, raise `of`, or split the work."),
            );
        }
        BTreeSet::new()
    })
}

/// Limits of the targets that a plan touches, each once.
pub(crate) fn throttles<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<Throttle> {
    let by_name: BTreeMap<&TargetName, &Target> = targets.map(|target| (&target.name, target)).collect();
    by_name.into_values().filter_map(Target::throttle).collect()
}

/// Mixes of versions that a failure can leave behind.
pub(crate) fn matrices(change: &Change, sites: &[Site<'_>], levels: &[Vec<u32>]) -> Vec<VersionMatrix> {
    if change.on_failure == OnFailure::RollbackChange {
        return Vec::new();
    }
    let mut list = Vec::new();
    for environment in &change.environments {
        let here: Vec<&Site<'_>> = sites.iter().filter(|s| s.environment.name == *environment).collect();
        for (number, level) in levels.iter().enumerate() {
            for failing in here.iter().filter(|s| level.contains(&s.item)) {
                let is_done = |site: &Site<'_>| levels[..number].iter().any(|l| l.contains(&site.item));
                let beside = here.iter().filter(|s| level.contains(&s.item)).count() > 1;
                list.push(matrix(change.on_failure, failing, &here, is_done, beside));
            }
        }
    }
    list
}

/// Refuses a failure rule that can leave a consumer where it is while its provider, which goes in the same wave, has removed what it calls. In all
/// other waves the order prevents that: consumers go before a provider that removes something.
pub(crate) fn refuse_lost_providers(change: &Change, sites: &[Site<'_>], levels: &[Vec<u32>], notes: &mut Notes) {
    let rule = match change.on_failure {
        OnFailure::RollbackChange => return,
        OnFailure::RollbackItem => "rollbackItem",
        OnFailure::Hold => "hold",
    };
    for level in levels {
        for consumer in sites.iter().filter(|site| level.contains(&site.item)) {
            let calls = consumer.component.map(|component| component.depends_on.as_slice()).unwrap_or_default();
            let beside = sites.iter().filter(|site| level.contains(&site.item) && site.environment.name == consumer.environment.name);
            for provider in beside.filter(|site| matches!(site.change_item.kind, ItemKind::Version { removes: true, .. })) {
                let is_called = calls.iter().any(|edge| edge.to == provider.target.component && edge.kind != EdgeKind::DeploysWith);
                if !is_called || consumer.item == provider.item {
                    continue;
                }
                let (name, other) = (&consumer.target.component, &provider.target.component);
                notes.wrong(
                    Diagnostic::error(
                        codes::LEFT_WITHOUT_PROVIDER,
                        format!(
                            "{} fails, {rule}: {name} {} would stay beside {other} {}, which has removed what {name} calls ({name} -> {other}).",
                            consumer.path(),
                            consumer.present(),
                            provider.to
                        ),
                    )
                    .because("Both go in one wave, so that the provider may be through when its consumer fails.")
                    .hint(format!("Write `onFailure: rollbackChange`, or let {name} go in a change of its own before {other} removes anything."))
                    .field(consumer.change_item.declared_at.clone().unwrap_or_default()),
                );
            }
        }
    }
}

fn matrix(
    on_failure: OnFailure,
    failing: &Site<'_>,
    here: &[&Site<'_>],
    is_done: impl Fn(&Site<'_>) -> bool,
    beside: bool,
) -> VersionMatrix {
    let versions: BTreeMap<ComponentName, String> = here
        .iter()
        .map(|site| {
            let version = match on_failure {
                _ if is_done(site) => site.to.clone(),
                OnFailure::Hold if site.item == failing.item => format!("{} and {} side by side", site.present(), site.to),
                OnFailure::Hold | OnFailure::RollbackItem | OnFailure::RollbackChange => site.present().to_owned(),
            };
            (site.target.component.clone(), version)
        })
        .collect();
    let (verb, note) = match on_failure {
        OnFailure::Hold => ("hold", "Both versions serve until a person decides, at most for the hold limit."),
        OnFailure::RollbackItem | OnFailure::RollbackChange => ("rollbackItem", "What went before stays; what comes after never begins."),
    };
    let note = if beside { format!("{note} Items of the same wave may be further on.") } else { note.to_owned() };
    VersionMatrix { when: format!("{} fails, {verb}", failing.path()), versions, seen_in_flight: !beside, note }
}

/// What approvers approve.
pub(crate) fn envelope(change: &Change, steps: &[Step], assignments: &[Assignment]) -> Envelope {
    let items = assignments
        .iter()
        .map(|a| {
            let artifact = a.artifact.as_ref().map(|d| format!(" {d}")).unwrap_or_default();
            format!("{} {} {} -> {}{artifact}", a.environment, a.component, a.from, a.to)
        })
        .collect();
    let mut greatest_exposure = Share::ZERO;
    for environment in &change.environments {
        let here: Vec<&Step> = steps.iter().filter(|s| s.environment.as_ref() == Some(environment)).collect();
        let watches = |step: &Step| matches!(&step.work, Work::Gate(gate) if !gate.is_budget_look());
        let last_gate = here.iter().rposition(|s| s.phase == Phase::Deploy && watches(s)).unwrap_or(here.len());
        greatest_exposure =
            here[..last_gate].iter().filter_map(|s| s.exposure.as_ref()).map(|e| e.share).fold(greatest_exposure, Share::max);
    }
    let bakes = steps.iter().filter(|s| !s.after_landing).filter_map(|s| match &s.work {
        Work::Gate(gate) if !gate.is_budget_look() => Some(gate.bake_ms),
        Work::Gate(_) | Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    });
    Envelope {
        items,
        greatest_exposure,
        least_bake_ms: bakes.min().unwrap_or(Millis::ZERO),
        one_way: steps.iter().filter(|s| matches!(s.undo, Undo::ForwardOnly { .. })).map(|s| s.id.clone()).collect(),
    }
}

//! Experiment: two sides for as long as it takes until a difference in what users do would show, then a person decides.
//!
//! Users are routed by cohort from the first share on, so that each who met the new side stays there. The window is the judge's answer for the change that is worth finding, up or down; what
//! it rests on is declared, and the plan says so. Up to its share the judge decides where it can; then the gate watches for harm only: whether more users did what was hoped for is no
//! verdict of a machine. The figures of both sides are read, and a person says whether everybody gets the new side. Nobody's word in time is a no.

use super::{Ask, Extra, Method, Shortfall, beside};
use crate::durations::Kind;
use crate::ladder::tenths;
use crate::lower::Lowering;
use crate::outline::{Outline, Route, StageGate, StagePath, Watches, plain_gate};
use crate::site::{Site, waves};
use glidepath_judge::experiment::{ExperimentQuestion, window_ms};
use glidepath_model::catalog::{UserOutcome, Verification};
use glidepath_model::change::{Experiment as Asked, ItemKind};
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;
use glidepath_model::{Millis, Share, Timestamp};

/// Two sides until a difference would show, then a decision.
pub(super) struct Experiment;

/// Longest time looked at when saying how long an experiment that is ruled out would need.
const NEEDS_SHOWN_MAX: Millis = Millis::from_mins(365 * 24 * 60);
/// Time between looks at an experiment.
const LOOK_EVERY: Millis = Millis::from_secs(5);
/// A day, in milliseconds.
const DAY: u64 = 86_400_000;

/// An experiment at a site, with all it rests on.
#[derive(Clone, Copy)]
pub(crate) struct Set<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) outcome: &'a UserOutcome,
    /// Units per second in the regions where it runs.
    pub(crate) units: f64,
}

/// What the item asks for, where it asks for an experiment.
pub(crate) fn asked<'a>(site: &Site<'a>) -> Option<&'a Asked> {
    match &site.change_item.kind {
        ItemKind::Version { experiment, .. } => experiment.as_ref(),
        _ => None,
    }
}

/// Whether the item asks for an experiment at this site: where the users are, in the change's last environment.
fn is_here(ask: &Ask<'_>) -> bool {
    asked(ask.site).is_some() && ask.change.environments.last() == Some(&ask.site.environment.name)
}

/// What an item that asks for an experiment leaves to other strategies: the environments before the last.
pub(super) fn leaves(ask: &Ask<'_>, strategy: Strategy) -> Result<(), Shortfall> {
    if is_here(ask) && strategy != Strategy::Experiment {
        return Err(Shortfall::new("the change asks for an experiment here"));
    }
    Ok(())
}

impl Method for Experiment {
    fn fits(&self, ask: &Ask<'_>) -> bool {
        is_here(ask)
    }

    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        if asked(site).is_some() && !is_here(ask) {
            return Err(Shortfall::new("an experiment needs users, who are in the last environment of the change"));
        }
        let set = possible(site)?;
        let verification = &ask.facts.catalog.settings.verification;
        let window = window(&set, verification).map_err(|needs| too_long(&set, verification, needs))?;
        let mut outline = match ask.ladder {
            Ok(ladder) => beside::judged(Strategy::Experiment, site, ladder)?,
            Err(_) => beside::by_steps(Strategy::Experiment, site)?,
        };
        for path in outline.waves.iter_mut().take(1).flatten() {
            // On the way to its share it is watched as any new version is; from there on the decision leads to everything.
            let share = set.asked.share.as_f64();
            path.stages.retain(|stage| stage.share < share);
            path.stages.iter_mut().for_each(|stage| stage.route = Route::Cohort { compared: false });
            let plain = plain_gate(site);
            let gate = StageGate { bake: window.max(plain.bake), watches: Watches::Beside, ..plain };
            let mut held =
                StagePath { route: Route::Cohort { compared: true }, ..StagePath::of_calls(share, vec![Kind::Shift], Some(gate)) };
            if path.stages.is_empty() {
                held.batches = beside::all_hosts(site, path.region);
            }
            path.stages.push(held);
            let last = StageGate { watches: Watches::Beside, ..plain_gate(site) };
            let decided = vec![Kind::Check, Kind::Decide, Kind::Shift];
            path.stages.push(StagePath { route: Route::Decided, ..StagePath::of_calls(1.0, decided, Some(last)) });
        }
        let source =
            if set.outcome.units_per_second.is_some() { "units/s, as declared" } else { "requests/s, its traffic where it begins" };
        outline.derived.push(format!(
            "{}: the window of {window} rests on {} of {} now, which is declared and was not observed, and on {} {source}.",
            site.target.name,
            set.outcome.now,
            set.outcome.name,
            tenths(set.units)
        ));
        Ok(outline)
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        beside::lower(to, site, outline, waves_before, needs)
    }

    fn extra(&self, site: &Site<'_>, outline: &Outline, _now: Timestamp) -> Extra {
        beside::extra(site, outline)
    }
}

/// All that an experiment needs, or what is missing.
pub(crate) fn possible<'a>(site: &Site<'a>) -> Result<Set<'a>, Shortfall> {
    let name = &site.target.name;
    let Some(asked) = asked(site) else {
        return Err(Shortfall::new("the item states no experiment").unless("experiment: { share, effect, metric } in the item"));
    };
    let first: Vec<usize> = waves(site).into_iter().next().unwrap_or_default();
    for region in &site.regions {
        let place = &region.region.name;
        let Some(router) = region.region.share_router() else {
            return Err(Shortfall::new(format!("{name} has no router in {place} that gives two sides their share"))
                .unless(format!("router.share on {name}")));
        };
        if router.cohort.is_none() {
            return Err(Shortfall::new(format!("the router of {name} in {place} cannot keep a user on one side"))
                .unless(format!("router.share.cohort on {name}")));
        }
        if asked.share.whole_steps(router.step) != asked.share {
            return Err(Shortfall::new(format!(
                "the router in {place} sets shares in steps of {}, and the experiment asks for {}",
                router.step, asked.share
            ))
            .unless(format!("a share of {}", asked.share.whole_steps(router.step).max(router.step))));
        }
    }
    let Some(outcome) = site.target.outcomes.iter().find(|outcome| outcome.name == asked.metric) else {
        return Err(Shortfall::new(format!("{name} declares no outcome {}", asked.metric))
            .unless(format!("{} under outcomes of {name}", asked.metric)));
    };
    let traffic =
        || site.regions.iter().enumerate().filter(|(at, _)| first.contains(at)).map(|(_, region)| region.rate).sum::<Option<f64>>();
    // Units are stated over all regions; the experiment runs in those of the first wave.
    let part = || {
        let rate = |only_first: bool| {
            let regions = site.regions.iter().enumerate().filter(|(at, _)| !only_first || first.contains(at));
            regions.map(|(_, region)| region.rate.unwrap_or(1.0)).sum::<f64>()
        };
        let all = rate(false);
        if all > 0.0 { rate(true) / all } else { 1.0 }
    };
    match outcome.units_per_second.map(|units| units * part()).or_else(traffic).filter(|units| *units > 0.0) {
        Some(units) => Ok(Set { asked, outcome, units }),
        None => Err(Shortfall::new(format!("nothing says how many users {name} has"))
            .unless(format!("units of the outcome {}, or traffic, on {name}", outcome.name))),
    }
}

fn question(set: &Set<'_>, verification: &Verification, share: Share, effect: f64) -> ExperimentQuestion {
    ExperimentQuestion {
        now: set.outcome.now.as_f64(),
        units_per_second: set.units,
        share: share.as_f64(),
        effect,
        false_alarm_max: verification.false_alarm.as_f64(),
        power: verification.power.as_f64(),
        look_interval_ms: LOOK_EVERY.0,
    }
}

/// How long it runs, or how long it would have to.
pub(crate) fn window(set: &Set<'_>, verification: &Verification) -> Result<Millis, Option<Millis>> {
    let question = question(set, verification, set.asked.share, set.asked.effect.as_f64());
    match window_ms(&question, NEEDS_SHOWN_MAX.0).map(whole_days) {
        Some(needs) if needs <= set.asked.within_ms => Ok(needs),
        needs => Err(needs),
    }
}

/// A window of more than a day ends after whole days, so that every hour of the day counts alike.
fn whole_days(window: u64) -> Millis {
    Millis(if window > DAY { window.div_ceil(DAY) * DAY } else { window })
}

fn too_long(set: &Set<'_>, verification: &Verification, needs: Option<Millis>) -> Shortfall {
    let Asked { share, effect, metric, within_ms, .. } = set.asked;
    let long = needs.map_or_else(|| format!("more than {}", days(NEEDS_SHOWN_MAX)), days);
    let mut ways: Vec<String> = needs.map(|needs| format!("within: {}d", needs.0.div_ceil(DAY))).into_iter().collect();
    let half = Share::percent(50);
    let fits = |share: Share, effect: f64| {
        let needs = window_ms(&question(set, verification, share, effect), within_ms.0).map(whole_days);
        needs.filter(|needs| needs <= within_ms)
    };
    if let Some(at_half) = fits(half, effect.as_f64()).filter(|_| *share != half) {
        ways.push(format!("a share of {half}, which needs {}", days(at_half)));
    }
    let larger = (1..100).map(Share::percent).filter(|larger| larger > effect);
    if let Some(found) = larger.into_iter().find(|larger| fits(*share, larger.as_f64()).is_some()) {
        ways.push(format!("an effect of {found}"));
    }
    let power = verification.power;
    Shortfall::new(format!(
        "needs {long} for the effect: at {share}, to see {effect} more or less of {metric} ({} now) with {power} power, within {} allowed",
        set.outcome.now,
        days(*within_ms)
    ))
    .unless(if ways.is_empty() { "more users".to_owned() } else { ways.join(", or ") })
}

/// Whole days where it is days, for people.
fn days(length: Millis) -> String {
    match length.0 / DAY {
        0 => length.to_string(),
        1 if length.0 == DAY => "1 day".to_owned(),
        _ => format!("{} days", length.0.div_ceil(DAY)),
    }
}

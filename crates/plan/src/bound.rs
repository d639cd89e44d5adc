//! How far a wave may reach before anything has watched it: the bound of an environment on users and on error budget.
//!
//! What a wave exposes at once is, region by region, the traffic times the share at the first gate. Regions that together pass the bound go in waves of
//! their own; a region that passes it alone rules the strategy out.

use crate::ladder::{Signal, bad_ratio};
use crate::outline::{Outline, RegionPath};
use crate::predict::UNSEEN;
use crate::site::Site;
use crate::strategy::{self, Ask, Shortfall};
use glidepath_model::Share;
use glidepath_model::catalog::WaveBound;
use glidepath_model::facts::Facts;

/// What a wave exposes before its first gate has passed.
#[derive(Clone, Copy, Debug, Default)]
struct Exposed {
    /// Requests per second.
    rate: f64,
    /// Part of an error budget that is spent until the gate has seen it.
    budget: f64,
}

impl Exposed {
    fn with(self, other: Self) -> Self {
        Self { rate: self.rate + other.rate, budget: self.budget + other.budget }
    }

    /// Why it is too much, and what would do.
    fn beyond(self, bound: &WaveBound) -> Option<(String, String)> {
        const ROUNDING: f64 = 1e-9;
        if let Some(most) = bound.rate.filter(|most| self.rate > most + ROUNDING) {
            let rate = self.rate;
            return Some((format!("{rate:.0} requests/s, at most {most:.0} allowed"), format!("maxWave.traffic of {rate:.0} requests/s")));
        }
        let most = bound.budget.filter(|most| self.budget > most.as_f64() + ROUNDING)?;
        let spent = Share::from_f64((self.budget.min(1.0) * 1000.0).ceil() / 1000.0);
        Some((format!("{spent} of an error budget, at most {most} allowed"), format!("maxWave.budget of {spent}")))
    }
}

/// The outline with its waves split so that each keeps within the bound of the environment.
pub(crate) fn within_bound(ask: &Ask<'_>, mut outline: Outline) -> Result<Outline, Shortfall> {
    let site = ask.site;
    let (Some(bound), environment) = (&site.environment.max_wave, &site.environment.name) else { return Ok(outline) };
    if !strategy::of(outline.strategy).meets_users() {
        return Ok(outline);
    }
    outline.derived.extend(not_held(site, bound, ask.facts));
    let before = outline.waves.len();
    let mut waves: Vec<Vec<RegionPath>> = Vec::new();
    for wave in outline.waves {
        let mut together: Option<Exposed> = None;
        for path in wave {
            let alone = exposed(site, &path, ask.facts);
            if let Some((too_much, would_do)) = alone.beyond(bound) {
                let place = path.region.and_then(|at| site.regions.get(at)).map_or("all regions", |r| r.region.name.as_str());
                return Err(Shortfall::new(format!(
                    "reaches {too_much} for a wave in {environment}, before anything watches it in {place}"
                ))
                .unless(format!("{would_do} in {environment}, or a smaller first stage")));
            }
            let joined = together.map(|so_far| so_far.with(alone)).filter(|joined| joined.beyond(bound).is_none());
            match (joined, waves.last_mut()) {
                (Some(joined), Some(last)) => {
                    last.push(path);
                    together = Some(joined);
                }
                _ => {
                    waves.push(vec![path]);
                    together = Some(alone);
                }
            }
        }
    }
    if waves.len() > before {
        outline.derived.push(format!(
            "{}: {} waves instead of {before}, so that none reaches more than maxWave of {environment} before it is watched.",
            site.path(),
            waves.len()
        ));
    }
    outline.waves = waves;
    Ok(outline)
}

/// Which part of the bound nothing is held against, and why.
fn not_held(site: &Site<'_>, bound: &WaveBound, facts: &Facts) -> Option<String> {
    let (part, why) = match (bound, site.rate()) {
        (_, None) => ("maxWave", "its traffic is not known"),
        (WaveBound { budget: Some(_), .. }, Some(_)) if events_allowed(site, facts).is_none() => {
            ("maxWave.budget", "it has no objective that allows bad requests")
        }
        _ => return None,
    };
    Some(format!("{}: {part} of {} bounds none of its waves: {why}.", site.path(), site.environment.name))
}

/// What a region's way exposes up to its first gate; without traffic figures nothing that could be counted.
fn exposed(site: &Site<'_>, path: &RegionPath, facts: &Facts) -> Exposed {
    let first = path.stages.iter().find(|stage| stage.gate.is_some()).or(path.stages.last());
    let Some(first) = first else { return Exposed::default() };
    let watched = first.gate.as_ref().map_or(UNSEEN, |gate| gate.bake).as_secs_f64();
    let regions = site.regions.iter().enumerate().filter(|(at, _)| path.region.is_none_or(|own| own == *at)).map(|(_, region)| region);
    let effect = (facts.catalog.settings.verification.effect - 1.0).max(0.0);
    let budget = events_allowed(site, facts);
    regions.fold(Exposed::default(), |so_far, region| {
        let rate = region.rate.unwrap_or_default() * first.share;
        let bad = rate * effect * bad_ratio(region, Signal::Errors).0 * watched;
        so_far.with(Exposed { rate, budget: budget.map_or(0.0, |allowed| bad / allowed) })
    })
}

/// Bad requests that the tightest objective of the component allows in its period.
fn events_allowed(site: &Site<'_>, facts: &Facts) -> Option<f64> {
    let own = facts.catalog.objectives.iter().filter(|objective| objective.component == site.target.component);
    let allowed = own.map(|objective| {
        let coming = site.rate().unwrap_or_default() * objective.period_ms.as_secs_f64();
        facts.budgets.get(&objective.name).map_or(coming, |b| b.value.total.max(coming)) * objective.target.rest().as_f64()
    });
    allowed.filter(|events| *events > 0.0 && events.is_finite()).min_by(f64::total_cmp)
}

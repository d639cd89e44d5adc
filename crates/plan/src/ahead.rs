//! Traffic to come: a stage is reckoned with the rate of the hour at which it stands, and not with that of the hour at which its plan is made.
//!
//! When a stage stands follows from the plan, and the plan from the rates. So a plan is made with the rates of its first possible start, and again with
//! those of the hours at which its stages came to stand, until these stay the same hours or [`PASSES_MAX`] were made; what a plan says of the hours is what
//! it was reckoned with. Before the first forecast hour the rate that was seen is the best there is, and beyond the last one nothing is known: both count as
//! they did without a forecast, and the second is told.

use crate::course::Course;
use crate::notes::Notes;
use crate::site::{Site, SiteRegion};
use glidepath_model::facts::{Facts, HourAhead, Sourced, TrafficAhead};
use glidepath_model::ids::{RegionName, TargetName};
use glidepath_model::plan::{Plan, Schedule, Step};
use glidepath_model::text::decimals;
use glidepath_model::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Plans made at most until the hours stay the same.
pub(crate) const PASSES_MAX: usize = 3;
const HOUR: Millis = Millis::from_mins(60);
/// No figure of requests per second is greater.
const RATE_MAX: f64 = 1e12;

/// From when to when the new side of a region may stand beside the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    from: Timestamp,
    to: Timestamp,
}

/// By target and region.
pub(crate) type Stands = BTreeMap<(TargetName, RegionName), Stand>;

/// The traffic of a region to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead<'f> {
    traffic: &'f TrafficAhead,
    stand: Stand,
}

impl Ahead<'_> {
    /// The rate that is expected so long after the first stage begins.
    pub(crate) fn expected(&self, after: Millis) -> Option<f64> {
        hour(self.traffic, self.stand.from.plus(after)).map(|hour| hour.expected)
    }

    /// The upper end of the greatest hour from the first stage on until the plan has landed.
    fn peak(&self) -> Option<f64> {
        let hours = self.stand.to.since(self.stand.from).0 / HOUR.0 + 1;
        let times = (0..hours.min(self.traffic.hours.len() as u64)).map(|number| self.stand.from.plus(Millis(number * HOUR.0)));
        let highs = times.chain([self.stand.to]).filter_map(|time| hour(self.traffic, time)).map(|hour| hour.high);
        highs.reduce(f64::max)
    }
}

/// The forecast of a moment; none before its first hour and after its last.
fn hour(traffic: &TrafficAhead, time: Timestamp) -> Option<&HourAhead> {
    if time < traffic.from {
        return None;
    }
    let number = usize::try_from(time.since(traffic.from).0 / HOUR.0).ok()?;
    traffic.hours.get(number).filter(|hour| [hour.expected, hour.high].iter().all(|rate| (0.0..=RATE_MAX).contains(rate)))
}

/// Lays forecasts over the regions of sites: rates are those of the hour at which their first stage stands, and hosts that must serve are those which carry
/// the peak until the plan has landed, and as long again as it may be held. Without a plan yet, the first stage stands at `start`, and the last one as long as partial exposure may be held.
pub(crate) fn lay<'f>(
    sites: &mut [Site<'f>],
    facts: &'f Facts,
    stands: &Stands,
    start: Option<Timestamp>,
    hold: Millis,
    notes: &mut Notes,
) {
    for site in sites {
        let target = site.target;
        let Some(ahead) = facts.targets.get(&target.name).map(|observed| &observed.traffic_ahead) else { continue };
        for region in &mut site.regions {
            let Some(fact) = ahead.get(&region.region.name) else { continue };
            let first = start.map(|from| Stand { from, to: from.plus(hold) });
            let Some(stand) = stands.get(&(target.name.clone(), region.region.name.clone())).copied().or(first) else { continue };
            let laid = Ahead { traffic: &fact.value, stand };
            let place = format!("{} in {}", target.name, region.region.name);
            match laid.expected(Millis::ZERO) {
                Some(expected) => {
                    notes.derive(told(&place, fact, &laid, region.rate));
                    (region.rate, region.rate_assumed) = (Some(expected), false);
                }
                None if stand.from < fact.value.from => {}
                None => notes.derive(format!(
                    "{place}: nothing is known of the traffic when its stages begin ({}), since the forecast ends before; what is seen now is taken.",
                    stand.from.shown_in(None)
                )),
            }
            // Where it begins before the forecast does, what is seen now has to be carried too.
            region.carry(target, laid.peak().into_iter().chain(region.rate).reduce(f64::max), notes);
            region.ahead = Some(laid);
        }
    }
}

fn told(place: &str, fact: &Sourced<TrafficAhead>, laid: &Ahead<'_>, seen: Option<f64>) -> String {
    let traffic = &fact.value;
    let Some(hour) = hour(traffic, laid.stand.from) else { return String::new() };
    let seen = seen.map_or_else(String::new, |seen| format!("; {} are seen now", decimals(seen, 1)));
    format!(
        "{place}: {} requests/s are expected when its stages begin ({}; {} to {} with {}), by {} from {} of `{}`{seen}. Stages, bad requests and the hosts that must serve are reckoned with what is expected at their hours.",
        decimals(hour.expected, 1),
        laid.stand.from.shown_in(None),
        decimals(hour.low, 1),
        decimals(hour.high, 1),
        traffic.within,
        traffic.model,
        traffic.history_ms,
        fact.source
    )
}

/// The traffic to come of all that a plan exposes.
#[derive(Debug)]
pub(crate) struct Met<'f>(Vec<&'f TrafficAhead>);

/// The traffic to come that a plan's exposures meet; nothing where it is not known of one of them.
pub(crate) fn met<'f>(plan: &Plan, facts: &'f Facts) -> Met<'f> {
    let exposed: BTreeSet<(&TargetName, &RegionName)> = plan
        .body
        .steps
        .iter()
        .filter_map(|step| step.exposure.as_ref())
        .filter_map(|exposure| Some((&exposure.target, exposure.region.as_ref()?)))
        .collect();
    let known = |(target, region): &(&TargetName, &RegionName)| Some(&facts.targets.get(*target)?.traffic_ahead.get(*region)?.value);
    Met(exposed.iter().map(known).collect::<Option<Vec<_>>>().unwrap_or_default())
}

impl Met<'_> {
    /// The beginnings of the hours to come.
    pub(crate) fn hours(&self) -> impl Iterator<Item = Timestamp> {
        self.0
            .first()
            .into_iter()
            .flat_map(|traffic| (0..traffic.hours.len() as u64).map(|number| traffic.from.plus(Millis(number * HOUR.0))))
    }

    /// Requests per second in all, as the mean over a flight of that length; none where an hour of it is not known.
    pub(crate) fn mean(&self, from: Timestamp, length: Millis) -> Option<f64> {
        let longest = self.0.iter().map(|traffic| traffic.hours.len() as u64).min().filter(|hours| *hours > length.0 / HOUR.0)?;
        let times = (0..=length.0 / HOUR.0).take(longest as usize).map(|number| from.plus(Millis(number * HOUR.0)));
        let at = |time: Timestamp| self.0.iter().map(|traffic| hour(traffic, time).map(|hour| hour.expected)).sum::<Option<f64>>();
        let rates: Vec<f64> = times.map(at).collect::<Option<_>>()?;
        Some(rates.iter().sum::<f64>() / rates.len().max(1) as f64)
    }
}

/// When the regions of a plan come to stand whose traffic to come is known.
pub(crate) fn stands(plan: &Plan, facts: &Facts) -> Option<Stands> {
    let schedule = plan.prediction.schedule.as_ref()?;
    let steps: Vec<&Step> = plan.body.steps.iter().filter(|step| !step.after_landing).collect();
    let course = Course::of(steps.iter().copied());
    let mut found = Stands::new();
    // Who is asked in flight may let it stand as long as partial exposure may be held.
    let to = schedule.lands_p95.plus(plan.body.hold_limit_ms);
    for (at, step) in steps.iter().enumerate() {
        let Some(exposure) = &step.exposure else { continue };
        let known = facts.targets.get(&exposure.target).map(|observed| &observed.traffic_ahead);
        let regions =
            known.into_iter().flat_map(BTreeMap::keys).filter(|name| exposure.region.as_ref().is_none_or(|region| region == *name));
        let from = by_the_clock(schedule, Millis((course.begin(at) * 1000.0) as u64));
        for region in regions {
            let stand = found.entry((exposure.target.clone(), region.clone())).or_insert(Stand { from, to: to.max(from) });
            stand.from = stand.from.min(from);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// When something happens after so much flying, with the times at which the flight stands still.
fn by_the_clock(schedule: &Schedule, flown: Millis) -> Timestamp {
    schedule.held.iter().fold(
        schedule.takes_off.plus(flown),
        |time, held| {
            if time >= held.from { time.plus(held.to.since(held.from)) } else { time }
        },
    )
}

/// Whether both lie in the same hours.
pub(crate) fn are_alike(one: &Stands, other: &Stands) -> bool {
    let hour = |time: Timestamp| time.since(Timestamp::EPOCH).0 / HOUR.0;
    let hours = |stands: &Stands| -> Vec<(u64, u64)> { stands.values().map(|stand| (hour(stand.from), hour(stand.to))).collect() };
    one.keys().eq(other.keys()) && hours(one) == hours(other)
}

impl SiteRegion<'_> {
    /// Requests per second so long after its first stage begins.
    pub(crate) fn rate_after(&self, after: Millis) -> f64 {
        self.ahead.and_then(|ahead| ahead.expected(after)).or(self.rate).unwrap_or_default()
    }
}

/// The rates of a target's regions that a plan was reckoned with at their first stages, where its traffic to come is known.
pub(crate) fn reckoned(plan: &Plan, facts: &Facts, target: &TargetName) -> BTreeMap<RegionName, f64> {
    let Some(observed) = facts.targets.get(target) else { return BTreeMap::new() };
    let of_target = stands(plan, facts).unwrap_or_default().into_iter().filter(|((of, _), _)| of == target);
    let rate = |((_, region), stand): ((TargetName, RegionName), Stand)| {
        let expected = hour(&observed.traffic_ahead.get(&region)?.value, stand.from)?.expected;
        Some((region, expected))
    };
    of_target.filter_map(rate).collect()
}

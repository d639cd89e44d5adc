//! What a change costs beside the usual: everything that stands extra, from the moment it is brought until it is taken away again.

use crate::course::Course;
use crate::site::Site;
use crate::strategy::{Extra, Standing};
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::ids::EnvironmentName;
use glidepath_model::plan::{Phase, Step};
use glidepath_model::{Millis, Money};
use std::collections::BTreeMap;

/// Fills in how long what stands extra does, by the steps of its site alone.
pub(crate) fn of_steps(mut extra: Extra, steps: &[Step]) -> Extra {
    if let Extra::Standing(list) = &mut extra {
        list.iter_mut().for_each(|one| one.time = stands(one, steps));
    }
    extra
}

/// From the first step of its region to the last of it, or of the whole site where it stands until everything is cleaned up.
fn stands(one: &Standing, steps: &[Step]) -> DurationEstimate {
    let deploys = || steps.iter().filter(|step| step.phase == Phase::Deploy);
    let is_here = |step: &&Step| step.region.as_ref() == Some(&one.region);
    if !one.until_cleaned_up {
        return Course::of(deploys().filter(is_here)).whole();
    }
    let wave = deploys().filter(is_here).map(|step| step.wave).min().unwrap_or_default();
    Course::of(deploys().filter(|step| step.wave >= wave)).whole()
}

/// What all sites cost, as expected and with 95 %; none where a price is missing or the currencies differ. `tails` has what follows an item's own steps
/// until its environment is cleaned up. Nothing is nothing in any currency that the change's targets name.
pub(crate) fn cost<'e>(
    sites: &[Site<'_>],
    extras: impl Iterator<Item = &'e Extra>,
    tails: &BTreeMap<(&EnvironmentName, u32), DurationEstimate>,
) -> (Option<Money>, Option<Money>) {
    let (mut expected, mut most) = (Some(Vec::new()), Vec::new());
    for (site, extra) in sites.iter().zip(extras) {
        let Some(known) = &mut expected else { break };
        match extra {
            Extra::Nothing => {}
            Extra::NotKnown => expected = None,
            Extra::Sum(cost) => {
                known.push(cost.clone());
                most.push(cost.clone());
            }
            Extra::Standing(list) => {
                for one in list {
                    let tail = tails.get(&(&site.environment.name, site.item)).copied().filter(|_| one.until_cleaned_up);
                    let time = sum(&[one.time, tail.unwrap_or_default()]);
                    let hours = |ms: u64| Millis(ms).as_secs_f64() / 3600.0;
                    known.push(one.hour.times(hours(time.p50_ms)));
                    most.push(one.hour.times(hours(time.p95_ms)));
                }
            }
        }
    }
    let Some(expected) = expected else { return (None, None) };
    let nothing = || sites.iter().find_map(|site| Some(site.target.replica_hour.as_ref()?.times(0.0)));
    if expected.is_empty() { (nothing(), None) } else { (added(expected), added(most)) }
}

fn added(parts: Vec<Money>) -> Option<Money> {
    parts.into_iter().map(Some).reduce(|sum, part| {
        let (sum, part) = (sum?, part?);
        (sum.currency == part.currency).then(|| Money { micros: sum.micros.saturating_add(part.micros), currency: sum.currency.clone() })
    })?
}

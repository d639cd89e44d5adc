//! Whether the counters of a site tell its regions apart, and the sides of a canary.
//!
//! A gate looks at one region. Where its counters are those of all regions, a small new side that fails in one hides among the traffic of those that carry the new version
//! already, and the baseline is that of regions which may fail more or less at any time.

use crate::lower::calls::site_values;
use crate::site::Site;
use crate::strategy::Shortfall;
use glidepath_model::catalog::Selector;
use glidepath_model::facts::Facts;
use glidepath_model::ids::RegionName;
use std::collections::BTreeMap;

/// Why regions cannot be judged each for itself, if so.
pub(crate) fn undivided(site: &Site<'_>) -> Option<Shortfall> {
    let (one, other, found) = alike(site)?;
    let name = &site.target.name;
    let fact = format!(
        "the counters of {name} are the same in {one} and in {other} (`{found}`), so that a new side that fails in one would hide behind the other"
    );
    Some(Shortfall::new(fact).unless(format!("`{{region}}` in the selectors under signals of {name}")))
}

/// Why the old side cannot be told from the rest, as far as somebody asked for it.
pub(crate) fn sideless(site: &Site<'_>, facts: &Facts) -> Option<Shortfall> {
    let name = &site.target.name;
    let asked = facts.targets.get(name)?.split_answers.as_ref().filter(|answers| !answers.value)?;
    let told = facts.missing.iter().find(|missing| missing.kind == "split" && missing.target.as_ref() == Some(name));
    let fact = match told.filter(|missing| !missing.why.contains("finds none")) {
        Some(missing) => format!("the sides of {name} cannot be told apart: {}", missing.why),
        None => format!("no series of the old side were found for {name} under `{}`", asked.source),
    };
    Some(Shortfall::new(fact).unless("series that carry the label of the split, from the version that runs now"))
}

/// Two regions whose counters are the same ones, with the selector that finds both.
fn alike<'s>(site: &Site<'s>) -> Option<(&'s RegionName, &'s RegionName, String)> {
    let signals = site.target.signals.as_ref()?;
    // Each host has a page of its own.
    if site.target.metrics_url.is_some() && site.target.metrics_json.is_none() {
        return None;
    }
    let asked: Vec<&Selector> = [signals.errors.as_ref().map(|errors| &errors.total), signals.slow.as_ref().map(|slow| &slow.histogram)]
        .into_iter()
        .flatten()
        .collect();
    let mut known: BTreeMap<(String, String), &RegionName> = BTreeMap::new();
    let serving = site.serving_regions().into_iter().filter_map(|at| site.regions.get(at)).map(|at| at.region);
    for region in serving {
        let values = site_values(site).with("region", region.name.as_str());
        let server = site.target.metrics_json.as_ref().map_or_else(String::new, |json| json.placed(values.values()).url);
        for selector in &asked {
            let found = (*selector).clone().map_values(|value| values.text(value, &mut Vec::new())).to_string();
            if let Some(other) = known.insert((server.clone(), found.clone()), &region.name).filter(|other| **other != region.name) {
                return Some((other, &region.name, found));
            }
        }
    }
    None
}

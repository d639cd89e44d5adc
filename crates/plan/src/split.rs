//! A change of parts that nothing orders or ties to each other, offered as smaller changes where that lowers the risk.
//!
//! Each part is held against the model of risk as a change of its own. What fails is as likely to fail, but takes back its own part alone. The strategies
//! stay as they are; what one part keeps from users of another by turning the flight back, it does not keep from them any more.

use crate::order;
use crate::risk::{self, Around, Risks};
use crate::site::Site;
use glidepath_model::Timestamp;
use glidepath_model::change::{Change, OnFailure};
use glidepath_model::facts::Facts;
use glidepath_model::ids::ChangeName;
use glidepath_model::plan::{Split, SplitPart, SplitRisk};

/// Part by which the items that are expected to be taken back must fall, so that a split is worth its further runs.
const GAIN_MIN: f64 = 0.25;

/// The smaller changes that a change could be; `None` where it is of one part, or there is little to gain.
pub(crate) fn split(
    change: &Change,
    facts: &Facts,
    around: &Around<'_>,
    sites: &[Site<'_>],
    whole: &Risks,
    burn: impl Fn(&[u32], &Risks) -> Option<f64>,
    takes_off: Option<(Timestamp, &str)>,
) -> Option<Split> {
    let parts = order::parts(change, &facts.catalog).into_iter();
    let parts = parts.map(|items| (sites.iter().filter(|site| items.contains(&site.item)).collect(), items));
    let parts: Vec<(Vec<&Site<'_>>, Vec<u32>)> = parts.filter(|(sites, _): &(Vec<_>, _)| !sites.is_empty()).collect();
    if parts.len() < 2 {
        return None;
    }
    let rest = Change { items: Vec::new(), ..change.clone() };
    let mut apart = SplitRisk { failure: 0.0, back: 0.0, bad_requests: Some(0.0) };
    let mut lands = 1.0;
    let mut offered = Vec::new();
    for (number, (sites, items)) in parts.iter().enumerate() {
        let own = items.iter().filter_map(|item| change.items.get(*item as usize)).cloned().collect();
        let part = Change { items: own, ..rest.clone() };
        let risks = risk::risks(&part, facts, around, sites, takes_off);
        let alone = expected(&part, &risks, burn(items, &risks));
        lands *= 1.0 - alone.failure;
        apart.back += alone.back;
        apart.bad_requests = apart.bad_requests.zip(alone.bad_requests).map(|(so_far, more)| so_far + more);
        offered.push(SplitPart {
            name: ChangeName::from(format!("{}-{}", change.name, number + 1).as_str()),
            items: items.clone(),
            failure: alone.failure,
        });
    }
    apart.failure = 1.0 - lands;
    let all: Vec<u32> = parts.iter().flat_map(|(_, items)| items.iter().copied()).collect();
    let together = expected(change, whole, burn(&all, whole));
    // Where the whole hardly lands, parts that land more often are a gain, however little of them is taken back.
    let likeliest = offered.iter().map(|part| part.failure).fold(0.0, f64::max);
    let is_high =
        change.on_failure == OnFailure::RollbackChange && together.failure > facts.catalog.settings.policy.risk.failure_high.as_f64();
    let lands_more = is_high && likeliest <= together.failure * (1.0 - GAIN_MIN);
    (lands_more || apart.back <= together.back * (1.0 - GAIN_MIN)).then(|| Split {
        together: tidy(together),
        apart: tidy(apart),
        parts: offered,
    })
}

/// What may come of a change with these risks.
fn expected(change: &Change, risks: &Risks, bad_requests: Option<f64>) -> SplitRisk {
    let failure = risks.whole.mean;
    let items = change.items.len() as f64;
    let failing = change.items.iter().map(|item| risks.of(&item.component).map_or(0.0, |one| one.probability)).sum();
    let back = if change.on_failure == OnFailure::RollbackChange { failure * items } else { failing };
    SplitRisk { failure, back, bad_requests }
}

/// Figures to six digits, so that they read well.
fn tidy(risk: SplitRisk) -> SplitRisk {
    let six = |value: f64| (value * 1e6).round() / 1e6;
    SplitRisk { failure: six(risk.failure), back: six(risk.back), bad_requests: risk.bad_requests.map(six) }
}

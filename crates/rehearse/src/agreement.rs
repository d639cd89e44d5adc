//! What the plan predicts against what its flights come to.
//!
//! The simulated value has an interval, since flights are few; the prediction has one too: what it states, or what its arithmetic is good for. They
//! agree where both intervals meet. Two figures are promises "at the longest": there no flight may need more.

use crate::outcome::End;
use crate::summary::{Distribution, Rehearsal, SIGMAS};
use glidepath_model::plan::{Estimate, Plan};
use serde::Serialize;

/// How far a predicted duration may be from the true one, as a share: the sum of lognormal lengths is within 4 % of its quantiles, a graph adds to that
/// what stands side by side.
pub const DURATION_TOLERANCE: f64 = 0.10;
/// How far the predicted mean of bad requests may be from the true one, as a share: it adds expectations up, stage by stage.
pub const BAD_REQUESTS_TOLERANCE: f64 = 0.25;

/// One figure, predicted and simulated.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Which figure.
    pub what: &'static str,
    /// In which unit: `ms`, `share`, `requests`.
    pub unit: &'static str,
    /// As the plan has it.
    pub predicted: f64,
    /// Where the truth lies by the prediction.
    pub predicted_low: f64,
    /// Likewise.
    pub predicted_high: f64,
    /// As it came out.
    pub simulated: f64,
    /// Where the truth lies by the simulation, at about 99 %.
    pub low: f64,
    /// Likewise.
    pub high: f64,
    /// Whether both agree.
    pub holds: bool,
}

/// Compares every figure that flights without asked-for faults can tell about.
pub fn agreement(plan: &Plan, of: &Rehearsal) -> Vec<Agreement> {
    let prediction = &plan.prediction;
    let mut found = Vec::new();
    if let Some(duration) = &of.duration_ms {
        let close = |value: f64| (value * (1.0 - DURATION_TOLERANCE), value * (1.0 + DURATION_TOLERANCE));
        // Flights are timed by the clock, standstills over closed windows with them.
        let takes = prediction.on_the_clock().unwrap_or_else(|| prediction.duration.clone());
        found.push(quantile("duration, median", &takes, duration, 0.5, close));
        found.push(quantile("duration, 95 %", &takes, duration, 0.95, close));
    }
    let lands_not = (of.runs - of.ended(End::Landed)) as f64 / of.runs.max(1) as f64;
    let error = SIGMAS * libm::sqrt(lands_not * (1.0 - lands_not) / of.runs.max(1) as f64);
    let failure = &prediction.failure;
    found.push(Agreement::new(
        "does not land",
        "share",
        (failure.mean, failure.low, failure.high),
        (lands_not, (lands_not - error).max(0.0), (lands_not + error).min(1.0)),
    ));
    found.extend(bad_requests(plan, of));
    // A way back is promised at its longest: any that is shorter keeps the promise.
    let at_longest = |value: f64| (0.0, value * (1.0 + DURATION_TOLERANCE));
    for (median, tail, promised, simulated) in [
        ("to safety at the longest, median", "to safety at the longest, 95 %", &prediction.time_to_safety, &of.to_safety_ms),
        ("to all undone at the longest, median", "to all undone at the longest, 95 %", &prediction.time_to_rollback, &of.to_undone_ms),
    ] {
        if let (Some(promised), Some(simulated)) = (promised, simulated) {
            found.push(quantile(median, promised, simulated, 0.5, at_longest));
            found.push(quantile(tail, promised, simulated, 0.95, at_longest));
        }
    }
    found
}

/// What is said of bad requests; nothing where nobody knows the traffic that would meet a failure.
fn bad_requests(plan: &Plan, of: &Rehearsal) -> Vec<Agreement> {
    let prediction = &plan.prediction;
    if !prediction.knows_traffic() {
        return Vec::new();
    }
    let about = |what, predicted: f64, flown: &Distribution| {
        let (low, high) = flown.mean_interval();
        let good_for = (predicted, predicted * (1.0 - BAD_REQUESTS_TOLERANCE), predicted * (1.0 + BAD_REQUESTS_TOLERANCE));
        Agreement::new(what, "requests", good_for, (flown.mean, low, high))
    };
    let all = about("bad requests, mean", prediction.bad_requests, &of.bad_requests);
    let failing = of.bad_requests_if_failing.as_ref();
    std::iter::once(all)
        .chain(failing.map(|flown| about("bad requests if failing, mean", prediction.bad_requests_if_failing, flown)))
        .collect()
}

fn quantile(
    what: &'static str,
    predicted: &Estimate,
    simulated: &Distribution,
    share: f64,
    about: impl Fn(f64) -> (f64, f64),
) -> Agreement {
    let value = if share > 0.5 { predicted.p95_ms } else { predicted.p50_ms }.0 as f64;
    let (low, high) = about(value);
    let (least, most) = simulated.quantile_interval(share);
    Agreement::new(what, "ms", (value, low, high), (simulated.quantile(share), least, most))
}

impl Agreement {
    fn new(what: &'static str, unit: &'static str, predicted: (f64, f64, f64), simulated: (f64, f64, f64)) -> Self {
        let (predicted, predicted_low, predicted_high) = predicted;
        let (simulated, low, high) = simulated;
        let holds = low <= predicted_high && predicted_low <= high;
        Self { what, unit, predicted, predicted_low, predicted_high, simulated, low, high, holds }
    }
}

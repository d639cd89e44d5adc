//! What was predicted, and what came of it.

use crate::load::{LoadFigures, Tally};
use crate::project::ActChange;
use serde::Serialize;
use std::collections::BTreeMap;

/// What all acts came to: the object that `--format json` ends with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The acts in order.
    pub acts: Vec<ActReport>,
    /// Folder of the project with its documents.
    pub folder: String,
    /// `haproxy` or `built-in`.
    pub router: String,
    /// `prometheus` or `scraping`.
    pub telemetry: String,
    /// How long the demo took, in milliseconds.
    pub took_ms: u64,
    /// Whether every act ended as it should.
    pub as_expected: bool,
}

/// One act.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActReport {
    /// Name: `act-1`.
    pub name: String,
    /// What was to be changed, for people.
    pub title: String,
    /// How it ended: `landed`, `rolled-back`, or what else.
    pub outcome: String,
    /// How it should end.
    pub expected: String,
    /// What the plan said.
    pub predicted: Predicted,
    /// What happened.
    pub actual: Actual,
    /// The rollout document made before, and the record made after.
    pub documents: Vec<String>,
}

/// What the plan said.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicted {
    /// Median duration, in milliseconds.
    pub duration_p50_ms: u64,
    /// 95th percentile of the duration, in milliseconds.
    pub duration_p95_ms: u64,
    /// Bad requests expected, all ends weighed by their probability.
    pub bad_requests: f64,
    /// Bad requests if it fails, on average.
    pub bad_requests_if_failing: f64,
    /// Bad requests if everything had been deployed at once and failed.
    pub bad_requests_straight: f64,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Actual {
    /// Duration, in milliseconds.
    pub duration_ms: u64,
    /// Failed requests that the new versions caused beyond what the old ones would have.
    pub bad_requests: f64,
    /// Two standard deviations of that figure.
    pub bad_requests_plus_minus: f64,
    /// Requests that users sent meanwhile.
    pub requests: u64,
    /// Requests of users that reached no service at all.
    pub lost: u64,
    /// Requests that the new versions answered.
    pub exposed: u64,
    /// From the runner's death to the next owner's first word, in milliseconds (act 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takeover_ms: Option<u64>,
}

/// What a change cost its users. Each failed request is charged to the version at which it failed; what the old version would
/// have failed of the same requests is taken off.
pub fn cost(act: &ActChange, old: &BTreeMap<String, String>, before: &LoadFigures, after: &LoadFigures) -> Actual {
    let (mut bad, mut variance, mut exposed) = (0.0, 0.0, 0);
    for (service, version) in act.items {
        let new = after.origin(service, version).since(before.origin(service, version));
        let usual = old.get(*service).map_or_else(Tally::default, |version| after.origin(service, version));
        let (sent, usual_ratio) = (new.sent as f64, usual.ratio());
        bad += new.failed as f64 - sent * usual_ratio;
        variance += sent * new.ratio() * (1.0 - new.ratio());
        variance += sent * sent * usual_ratio * (1.0 - usual_ratio) / (usual.sent.max(1) as f64);
        exposed = exposed.max(new.sent);
    }
    let all = after.total.since(before.total);
    let lost = after.lost.saturating_sub(before.lost);
    Actual {
        bad_requests: bad + lost as f64,
        bad_requests_plus_minus: 2.0 * variance.sqrt(),
        requests: all.sent,
        lost,
        exposed,
        ..Actual::default()
    }
}

/// `29 ± 12`, or that nothing stands out from the noise.
pub fn cost_text(actual: &Actual) -> String {
    if actual.lost == 0 && actual.bad_requests <= actual.bad_requests_plus_minus {
        return format!("none seen (noise ± {:.0})", actual.bad_requests_plus_minus);
    }
    format!("{:.0} ± {:.0}", actual.bad_requests, actual.bad_requests_plus_minus)
}

/// `38 s`.
pub fn seconds(ms: u64) -> String {
    format!("{:.0} s", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{ACTS, BAD_VERSION};

    fn figures(list: &[(&str, u64, u64)], lost: u64) -> LoadFigures {
        let mut figures = LoadFigures { lost, ..LoadFigures::default() };
        for (who, sent, failed) in list {
            figures.total.sent += sent;
            figures.by_origin.insert((*who).to_owned(), Tally { sent: *sent, failed: *failed });
        }
        figures
    }

    #[test]
    fn only_failures_beyond_the_usual_are_charged_to_the_change() {
        let old = BTreeMap::from([("payments".to_owned(), "4.12.0".to_owned())]);
        let bad = format!("payments@{BAD_VERSION}");
        let before = figures(&[("payments@4.12.0", 10_000, 200)], 0);
        let after = figures(&[("payments@4.12.0", 20_000, 400), (&bad, 500, 50)], 3);
        let actual = cost(&ACTS[1], &old, &before, &after);
        assert!((actual.bad_requests - (50.0 - 10.0 + 3.0)).abs() < 1e-9, "{actual:?}");
        assert!((10.0..16.0).contains(&actual.bad_requests_plus_minus), "{actual:?}");
        assert_eq!((actual.exposed, actual.lost, actual.requests), (500, 3, 10_500));
        assert_eq!(cost_text(&actual), format!("43 ± {:.0}", actual.bad_requests_plus_minus));
    }

    #[test]
    fn a_good_change_costs_nothing_that_stands_out() {
        let old = BTreeMap::from([("payments".to_owned(), "4.12.0".to_owned())]);
        let bad = format!("payments@{BAD_VERSION}");
        let actual = cost(
            &ACTS[1],
            &old,
            &figures(&[("payments@4.12.0", 10_000, 200)], 0),
            &figures(&[("payments@4.12.0", 12_000, 240), (&bad, 500, 12)], 0),
        );
        assert!(cost_text(&actual).starts_with("none seen"), "{actual:?}");
    }
}

//! From one in twenty to the probability of a plan: what each reason adds, one after the other.

use crate::figures::{percent, plural};
use glidepath_model::plan::{ComponentRisk, Prediction};

/// One step of the way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fall {
    pub(crate) what: String,
    /// Probability before it.
    pub(crate) from: f64,
    /// Probability after it.
    pub(crate) to: f64,
    /// Whether it is where the way stands, and no step of it.
    pub(crate) is_sum: bool,
}

/// The way for the component that is likeliest to fail, then for all of them. Empty where the plan does not say why.
pub(crate) fn waterfall(prediction: &Prediction) -> Vec<Fall> {
    let Some(first) = prediction.reasons.first() else { return Vec::new() };
    let sum = |what: String, at: f64| Fall { what, from: at, to: at, is_sum: true };
    let mut falls = vec![sum("any change, nothing known of it".to_owned(), first.base)];
    let mut odds = (first.base / (1.0 - first.base)).ln();
    for reason in &first.reasons {
        let from = logistic(odds);
        odds += reason.log_odds;
        falls.push(Fall { what: reason.what.clone(), from, to: logistic(odds), is_sum: false });
    }
    let own = logistic(odds);
    falls.push(sum(format!("{} fails", first.component), own));
    let others = prediction.reasons.len() - 1;
    let failure = &prediction.failure;
    let before = failure.uncorrected.unwrap_or(failure.change_fails());
    if others > 0 {
        let what = if others == 1 {
            "or the other component".to_owned()
        } else {
            format!("or one of {}", plural(others, "other component", "other components"))
        };
        falls.push(Fall { what, from: own, to: before, is_sum: false });
    }
    if prediction.failure.uncorrected.is_some() {
        let what = prediction.failure.label.clone();
        falls.push(Fall { what, from: before, to: failure.change_fails(), is_sum: false });
    }
    if let Some(from) = failure.of_change {
        let what = "or a step is ended at its deadline at every try".to_owned();
        falls.push(Fall { what, from, to: failure.mean, is_sum: false });
    }
    if falls.last().is_some_and(|last| !last.is_sum) {
        falls.push(sum("the change does not land".to_owned(), prediction.failure.mean));
    }
    falls
}

/// The strongest reasons of a component in words, strongest first, with their log-odds: `tier 1 (+0.20)`.
pub(crate) fn strongest(risk: &ComponentRisk, most: usize) -> Vec<String> {
    let mut reasons: Vec<_> = risk.reasons.iter().collect();
    reasons.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
    reasons.iter().take(most).map(|reason| format!("{} ({:+.2})", reason.what, reason.log_odds)).collect()
}

/// `+1.4 %`, in points of probability.
pub(crate) fn points(fall: &Fall) -> String {
    if fall.is_sum {
        return percent(fall.to);
    }
    let by = fall.to - fall.from;
    format!("{}{}", if by < 0.0 { "-" } else { "+" }, percent(by.abs()))
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glidepath_model::Millis;
    use glidepath_model::plan::{Estimate, ProbabilityEstimate, RiskLevel, RiskReason};

    fn predicted(uncorrected: Option<f64>, components: usize) -> Prediction {
        let reason = |what: &str, log_odds| RiskReason { about: what.to_owned(), what: what.to_owned(), log_odds };
        let one = ComponentRisk {
            component: "payments".into(),
            probability: 0.1,
            low: 0.01,
            high: 0.3,
            base: 0.05,
            reasons: vec![reason("tier 1", 0.2), reason("3.0 runs in staging", -0.5), reason("2 of its 9 runs did not land", 1.1)],
        };
        let length = Estimate { p50_ms: Millis(1), p95_ms: Millis(1), source: String::new() };
        Prediction {
            failure: ProbabilityEstimate {
                mean: 0.2,
                low: 0.1,
                high: 0.4,
                label: "corrected by 30 of your runs".to_owned(),
                uncorrected,
                of_change: None,
            },
            bad_requests: 0.0,
            bad_requests_if_failing: 0.0,
            bad_requests_straight: 0.0,
            budget_share: None,
            budgets_not_known: Vec::new(),
            duration: length,
            schedule: None,
            extra_cost: None,
            extra_cost_p95: None,
            downtime: None,
            time_to_safety: None,
            time_to_rollback: None,
            risk: RiskLevel::Low,
            risk_reasons: vec![],
            bad_requests_between: None,
            traffic_not_known: Vec::new(),
            users_not_counted: Vec::new(),
            reasons: vec![one; components],
            stages: vec![],
        }
    }

    #[test]
    fn each_step_begins_where_the_one_before_ended() {
        for (uncorrected, components, length) in [(None, 1, 5), (None, 3, 7), (Some(0.15), 1, 7), (Some(0.15), 2, 8)] {
            let falls = waterfall(&predicted(uncorrected, components));
            assert_eq!(falls.len(), length, "{falls:?}");
            // The whole of one component is its own, however it was rounded.
            let chained = falls.windows(2).filter(|pair| (pair[0].to - pair[1].from).abs() > 1e-9).count();
            assert!(chained <= usize::from(components == 1 && uncorrected.is_some()), "{falls:?}");
            assert!(falls.last().is_some_and(|last| last.is_sum));
        }
        assert_eq!(waterfall(&predicted(None, 0)), []);
        assert_eq!(strongest(&predicted(None, 1).reasons[0], 2), ["2 of its 9 runs did not land (+1.10)", "3.0 runs in staging (-0.50)"]);
    }
}

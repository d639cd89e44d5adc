//! Low, medium or high: what a plan risks, in words that say why.

use crate::ladder::tenths;
use crate::outline::Outline;
use crate::predict::Figures;
use crate::site::Site;
use crate::strategy;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::catalog::RiskPolicy;
use glidepath_model::plan::{Prediction, RiskLevel, Strategy, VerificationKind};
use glidepath_model::{Diagnostic, Millis, Severity};
use std::collections::BTreeSet;

/// Says how risky a prediction is, and why.
pub(crate) fn level(
    prediction: &mut Prediction,
    policy: &RiskPolicy,
    sites: &[Site<'_>],
    chosen: &[(&Outline, &Figures)],
    traffic_known: bool,
    (rests_over, budgets_over): (Option<Millis>, Vec<String>),
) {
    let mut level = RiskLevel::Low;
    let mut reasons = Vec::new();
    let mut raise = |to: RiskLevel, reason: String| {
        level = level.max(to);
        reasons.push(reason);
    };
    match prediction.budget_share {
        Some(share) if share > policy.budget_high.as_f64() => {
            raise(RiskLevel::High, format!("{} % of an error budget is expected to be spent", tenths(share * 100.0)))
        }
        Some(share) if share > policy.budget_medium.as_f64() => {
            raise(RiskLevel::Medium, format!("{} % of an error budget is expected to be spent", tenths(share * 100.0)))
        }
        Some(_) | None => {}
    }
    budgets_over.into_iter().for_each(|reason| raise(RiskLevel::High, reason));
    if !traffic_known {
        raise(RiskLevel::Medium, "no traffic figures, or no traffic: the cost of a failure is not known for every target".to_owned());
    }
    let failure = &prediction.failure;
    if failure.mean > policy.failure_medium.as_f64() {
        let to = if failure.mean > policy.failure_high.as_f64() { RiskLevel::High } else { RiskLevel::Medium };
        raise(to, format!("does not land with {:.0} % ({})", failure.mean * 100.0, failure.label));
    }
    if let Some(rest) = rests_over {
        raise(RiskLevel::High, format!("stands still for {rest} over a closed window, and what is exposed goes back at the hold limit"));
    }
    for (site, (outline, figures)) in sites.iter().zip(chosen) {
        if site.from.is_none() {
            raise(RiskLevel::High, format!("{} cannot go back: the version that runs now is not known", site.path()));
        } else if let Some(reason) = &figures.one_way {
            raise(RiskLevel::High, format!("{} cannot go back: {reason}", site.path()));
        } else if figures.ways_back.to_safety().is_none() || figures.ways_back.rest().is_none() {
            let reason = match figures.may_be_cut {
                true => "an undo is ended before it is usually done",
                false => "nothing takes back what brings it traffic",
            };
            raise(RiskLevel::High, format!("{} has no way back that can be promised: {reason}", site.path()));
        } else if figures.may_be_cut {
            raise(RiskLevel::Medium, format!("{} may not get back: an undo has less time than it may take", site.path()));
        }
        if site.mixed {
            raise(
                RiskLevel::Medium,
                format!(
                    "{} runs several versions now: what is watched is compared with a mixture, and a rollback brings the mixture back",
                    site.path()
                ),
            );
        }
        if site.is_granted {
            let (path, share) = (site.path(), site.from.as_deref().unwrap_or_default());
            raise(
                RiskLevel::Medium,
                format!("{path} is taken to be at {share} now, which nothing observed: the way back goes to {share}, whatever is there"),
            );
        }
        if let Some(deadline) = figures.deadline.as_ref().filter(|_| 1.0 - figures.flies_on > policy.failure_medium.as_f64()) {
            let (usual, long, given) = (deadline.takes.p50_ms, deadline.takes.p95_ms, deadline.given);
            let often = (1.0 - figures.flies_on) * 100.0;
            let reason =
                format!("{} is not done in time with {often:.0} %: a step takes {usual} (95 %: {long}) and is given {given}", site.path());
            raise(RiskLevel::Medium, reason);
        }
        if figures.downtime.time != DurationEstimate::default() {
            let (usual, long) = (Millis(figures.downtime.time.p50_ms), Millis(figures.downtime.time.p95_ms));
            let what = match outline.strategy {
                Strategy::Failover => "refuses writes while another region takes over",
                _ => "is down while it is changed",
            };
            let others: Vec<&str> = figures.costs.dependants.iter().map(|user| user.component.as_str()).collect();
            let with = if others.is_empty() { String::new() } else { format!("; so is what depends on it: {}", others.join(", ")) };
            raise(RiskLevel::Medium, format!("{} {what}: {usual} (95 %: {long}){with}", site.path()));
        }
        if figures.downtime.is_open {
            let path = site.path();
            raise(RiskLevel::Medium, format!("{path} may be down while its only host is changed: how long is not known, and in no figure"));
        }
        let important = site.component.and_then(|c| c.tier).is_some_and(|tier| tier <= 1);
        if important && outline.verification == VerificationKind::Probe && strategy::of(outline.strategy).meets_users() {
            raise(RiskLevel::Medium, format!("{} is of tier 1 and only health checks watch it", site.path()));
        }
    }
    if reasons.is_empty() {
        reasons.push("every step can be undone, and little of an error budget is at stake".to_owned());
    }
    (prediction.risk, prediction.risk_reasons) = (level, reasons);
}

/// What the findings make of it: a plan of which one says that it is wrong is of no low risk, whatever its figures say.
pub(crate) fn of_findings(prediction: &mut Prediction, findings: &[Diagnostic]) {
    let wrong: BTreeSet<String> = findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.code.to_string()).collect();
    if wrong.is_empty() {
        return;
    }
    if prediction.risk == RiskLevel::Low {
        (prediction.risk, prediction.risk_reasons) = (RiskLevel::Medium, Vec::new());
    }
    let codes: Vec<String> = wrong.into_iter().collect();
    prediction.risk_reasons.push(format!("the plan is wrong by its own findings: {}", codes.join(", ")));
}

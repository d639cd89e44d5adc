//! Values that are measured at times of their own, and held to bounds or conditions, and canary configs of Kayenta: what of them can be judged, and how long
//! that takes.
//!
//! Such a check decides beside the others of its gate. A stage lasts until every one can have its measurements. What could never pass, or would take longer
//! than a stage may, is refused before it holds a flight up; what could turn nothing back is told.

use crate::codes;
use crate::notes::Notes;
use crate::site::Site;
use glidepath_judge::condition::Condition;
use glidepath_judge::threshold::{Limits, Outcomes, ThresholdConfig};
use glidepath_model::catalog::{KayentaSignal, Measuring, ThresholdSignal};
use glidepath_model::plan::GateCheck;
use glidepath_model::{Diagnostic, Facts, Millis};

/// Thresholds of a site that are measured at times of their own.
fn declared<'s>(site: &'s Site<'_>) -> impl Iterator<Item = (&'s ThresholdSignal, &'s Measuring)> {
    let thresholds = site.target.signals.iter().flat_map(|signals| &signals.thresholds);
    thresholds.filter_map(|threshold| Some((threshold, threshold.measured.as_ref()?)))
}

/// How long the stages of a site last at least, so that each of its measurements can be made.
pub(crate) fn length(site: &Site<'_>) -> Millis {
    declared(site).map(|(_, measured)| measured.length()).max().unwrap_or(Millis::ZERO)
}

/// How long a stage lasts at least in which the canary config of a site judges both sides.
pub(crate) fn canary_length(site: &Site<'_>) -> Millis {
    canary(site).map_or(Millis::ZERO, |canary| canary.timing.length())
}

/// The canary config of a site.
pub(crate) fn canary<'s>(site: &'s Site<'_>) -> Option<&'s KayentaSignal> {
    site.target.signals.as_ref()?.kayenta.as_deref()
}

/// Whether a check has its measurements within a time.
pub(crate) fn fits(check: &GateCheck, time: Millis) -> bool {
    of_checks(std::slice::from_ref(check)).0 <= time
}

/// How long a gate with these checks lasts at least, and how often it looks at least.
pub(crate) fn of_checks(checks: &[GateCheck]) -> (Millis, Option<Millis>) {
    let times = || {
        checks.iter().filter_map(|check| match check {
            GateCheck::Threshold { measured, .. } => measured.as_ref().map(|measured| (measured.length(), measured.interval_ms)),
            GateCheck::Kayenta { timing, .. } => Some((timing.length(), timing.interval_ms)),
            GateCheck::Proportion { .. } | GateCheck::Values { .. } | GateCheck::Probe { .. } | GateCheck::Burn { .. } => None,
        })
    };
    let length = times().map(|(length, _)| length).max().unwrap_or(Millis::ZERO);
    (length, times().map(|(_, interval)| interval).min())
}

/// A check that asks a Prometheus, and none is declared.
fn unasked(name: &str, what: &str) -> Diagnostic {
    Diagnostic::error(codes::THRESHOLD_UNASKED, format!("Nothing can be asked for {name}: no Prometheus is declared."))
        .because("A check that is declared and not made would let pass what it was to stop.")
        .hint(format!("Declare telemetry.prometheus in the Config, or take {what} out."))
}

/// A check that takes longer than a stage may last.
fn too_long(site: &Site<'_>, takes: &str, length: Millis, shorter: &str) -> Option<Diagnostic> {
    let most = site.environment.max_bake_ms;
    (length > most).then(|| {
        let message = format!("{takes}, and no stage of {} may last longer than {most}.", site.environment.name);
        Diagnostic::error(codes::THRESHOLD_TOO_LONG, message)
            .because("Every stage would end undecided.")
            .hint(format!("{shorter}, or raise maxBake of the environment."))
    })
}

/// Refuses what cannot be judged in flight, and tells what would turn nothing back.
pub(crate) fn look_over(sites: &[Site<'_>], facts: &Facts, notes: &mut Notes) {
    for site in sites {
        if let Some(canary) = canary(site) {
            let name = format!("the canary config {} of {}", canary.name, site.target.name);
            if facts.catalog.settings.prometheus.is_none() {
                notes.wrong(unasked(&name, "it"));
            }
            let takes =
                format!("The canary config {} of {} takes {} to its last look", canary.name, site.target.name, canary.timing.length());
            if let Some(finding) = too_long(site, &takes, canary.timing.length(), "Write a shorter lifetime or beginAfter") {
                notes.wrong(finding);
            }
        }
        for (threshold, measured) in declared(site) {
            let name = format!("{} of {}", threshold.name, site.target.name);
            let is_in_json = site.target.metrics_json.is_some() && threshold.query.starts_with('/');
            if facts.catalog.settings.prometheus.is_none() && !is_in_json {
                notes.wrong(unasked(&name, "the threshold"));
            }
            let shorter = "Ask for fewer or closer measurements (count, interval, initialDelay)";
            if let Some(finding) = too_long(site, &format!("{name} takes {} to be measured", measured.length()), measured.length(), shorter)
            {
                notes.wrong(finding);
            }
            match outcomes(threshold, measured) {
                Err(unreadable) => unreadable.into_iter().for_each(|wrong| {
                    notes.wrong(
                        Diagnostic::error(
                            codes::CONDITION_UNREADABLE,
                            format!("The {} of {name} cannot be read: {}.", wrong.field, wrong.why),
                        )
                        .because("A condition that is read otherwise than it was meant lets bad versions pass.")
                        .hint("Compare `result` with a number, such as `result < 0.05`; `glidepath explain GP0371` shows what there is."),
                    );
                }),
                Ok(Some(Outcomes { success: false, .. })) => notes.wrong(
                    Diagnostic::error(codes::THRESHOLD_NEVER_PASSES, format!("No value of {name} could pass {}.", wanted(measured)))
                        .because("Every stage would be turned back or held, however good the new version is.")
                        .hint("Write a condition that some value meets; a failure condition wins where both are met."),
                ),
                Ok(Some(Outcomes { failure: false, .. })) => notes.find(
                    Diagnostic::warning(
                        codes::THRESHOLD_NEVER_FAILS,
                        format!("No value of {name} could turn a change back by {}.", wanted(measured)),
                    )
                    .because("The check would watch and let everything pass, or hold it at worst.")
                    .hint("Write a condition that some value does not meet, or a failureCondition."),
                ),
                Ok(_) => {}
            }
        }
    }
}

/// A condition that cannot be read.
struct Unreadable {
    field: &'static str,
    why: String,
}

/// What a measurement can come to; `None` where the conditions are too involved to say.
fn outcomes(threshold: &ThresholdSignal, measured: &Measuring) -> Result<Option<Outcomes>, Vec<Unreadable>> {
    let mut unreadable = Vec::new();
    let mut read = |field: &'static str, text: &Option<String>| {
        let problem =
            |problem: glidepath_judge::condition::ConditionProblem| unreadable.push(Unreadable { field, why: problem.to_string() });
        text.as_deref().and_then(|text| Condition::parse(text).map_err(problem).ok())
    };
    let success_condition = read("successCondition", &measured.success_condition);
    let failure_condition = read("failureCondition", &measured.failure_condition);
    if !unreadable.is_empty() {
        return Err(unreadable);
    }
    let success = Limits { min: threshold.min, max: threshold.max };
    Ok(ThresholdConfig { success, success_condition, failure_condition, ..ThresholdConfig::default() }.outcomes())
}

fn wanted(measured: &Measuring) -> String {
    let texts = [&measured.success_condition, &measured.failure_condition].into_iter().flatten();
    let texts: Vec<String> = texts.map(|text| format!("`{text}`")).collect();
    if texts.is_empty() { "its bounds".to_owned() } else { texts.join(" and ") }
}

//! What each kind of check asks, borrowed from the plan; none for a check of another kind.

use super::burn::BurnSpec;
use super::canary::CanarySpec;
use super::measured::MeasuredSpec;
use super::proportion::ProportionSpec;
use super::values::ValuesSpec;
use glidepath_model::plan::GateCheck;
use glidepath_model::verdict::VerdictKind;

/// A verdict as it is journaled.
pub(super) const fn journaled(kind: glidepath_judge::VerdictKind) -> VerdictKind {
    match kind {
        glidepath_judge::VerdictKind::Regression => VerdictKind::Regression,
        glidepath_judge::VerdictKind::NoRegression => VerdictKind::NoRegression,
        glidepath_judge::VerdictKind::Undecided => VerdictKind::Undecided,
    }
}

pub(super) fn proportion_spec(check: &GateCheck) -> Option<ProportionSpec<'_>> {
    match check {
        GateCheck::Proportion {
            name,
            source,
            canary,
            baseline,
            effect,
            alpha,
            dispersion,
            dispersion_windows,
            ceiling,
            tolerated,
            baseline_hosts: _,
        } => Some(ProportionSpec {
            name,
            source,
            canary,
            baseline,
            effect: *effect,
            alpha: *alpha,
            dispersion: *dispersion,
            dispersion_windows: *dispersion_windows,
            ceiling: *ceiling,
            tolerated: *tolerated,
        }),
        GateCheck::Values { .. }
        | GateCheck::Threshold { .. }
        | GateCheck::Kayenta { .. }
        | GateCheck::Probe { .. }
        | GateCheck::Burn { .. } => None,
    }
}

pub(super) fn values_spec(check: &GateCheck) -> Option<ValuesSpec<'_>> {
    match check {
        GateCheck::Values { name, source, canary, baseline, every_ms, asked, .. } => {
            Some(ValuesSpec { name, source, canary, baseline, every: *every_ms, asked })
        }
        GateCheck::Proportion { .. }
        | GateCheck::Threshold { .. }
        | GateCheck::Kayenta { .. }
        | GateCheck::Probe { .. }
        | GateCheck::Burn { .. } => None,
    }
}

pub(super) fn canary_spec(check: &GateCheck) -> Option<CanarySpec<'_>> {
    match check {
        GateCheck::Kayenta { name, source, metrics, timing, asked } => Some(CanarySpec { name, source, metrics, timing, asked }),
        GateCheck::Proportion { .. }
        | GateCheck::Values { .. }
        | GateCheck::Threshold { .. }
        | GateCheck::Probe { .. }
        | GateCheck::Burn { .. } => None,
    }
}

pub(super) fn burn_spec(check: &GateCheck) -> Option<BurnSpec<'_>> {
    match check {
        GateCheck::Burn { source, objective, burn_max, unknown_holds, turns_back, .. } => {
            Some(BurnSpec { source, objective, burn_max: *burn_max, unknown_holds: *unknown_holds, turns_back: *turns_back })
        }
        GateCheck::Proportion { .. }
        | GateCheck::Values { .. }
        | GateCheck::Threshold { .. }
        | GateCheck::Kayenta { .. }
        | GateCheck::Probe { .. } => None,
    }
}

pub(super) fn measured_spec(check: &GateCheck) -> Option<MeasuredSpec<'_>> {
    match check {
        GateCheck::Threshold { name, source, query, min, max, failures_max, measured: Some(measured) } => {
            Some(MeasuredSpec { name, source, query, min: *min, max: *max, failures_max: *failures_max, measured })
        }
        GateCheck::Threshold { measured: None, .. }
        | GateCheck::Proportion { .. }
        | GateCheck::Values { .. }
        | GateCheck::Kayenta { .. }
        | GateCheck::Probe { .. }
        | GateCheck::Burn { .. } => None,
    }
}

//! What a gate sees, and when: worked out once for a plan, drawn from in each flight.

use crate::random::Random;
use glidepath_judge::Dispersion;
use glidepath_judge::group::GroupConfig;
use glidepath_judge::power::{PowerQuestion, power_at, promotion_at};
use glidepath_model::catalog::Measuring;
use glidepath_model::plan::{GateCheck, GateSpec};
use glidepath_model::{ComponentName, Millis};
use glidepath_plan::assumed::{PROBES_CATCH, THRESHOLDS_CATCH, Traffic};
use serde::Deserialize as _;

/// Times at which a probability over time is asked of the judge; between them it is taken as even.
const TIMES: u64 = 24;
/// Looks after its bake that a gate gets before it asks, as the engine has it.
const LOOKS_AFTER_BAKE: u64 = 3;

/// What a gate sees.
#[derive(Clone, Debug)]
pub(crate) struct GateModel {
    /// Components that it would see fail.
    pub(crate) suspects: Vec<usize>,
    /// Components whose being down its health checks would see.
    pub(crate) rests_on: Vec<ComponentName>,
    /// Comparisons by the judge.
    judged: Vec<Judged>,
    /// Part of failures that its other checks see within its bake.
    catches: f64,
    /// Whether it rests on metrics.
    pub(crate) needs_telemetry: bool,
    /// Whether health checks or bounds look at the component as such, whatever the old side does.
    pub(crate) blames_dependencies: bool,
    /// Earliest time at which it may pass.
    least: Millis,
    bake: Millis,
    /// When it asks a person.
    pub(crate) patience: Millis,
    pub(crate) look_every: Millis,
    /// Probability that it turns a healthy change back.
    false_alarm: f64,
}

/// One comparison by the judge: by when it has said what, with which probability.
#[derive(Clone, Debug)]
struct Judged {
    sees: Curve,
    passes: Curve,
    /// Whether a failing component shows in it.
    shows: bool,
}

/// A distribution of times: probabilities at even distances, beginning at 0.
#[derive(Clone, Debug)]
struct Curve {
    step_ms: u64,
    probabilities: Vec<f64>,
}

/// What a gate comes to, counted in time of usual traffic since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes.
    Passes(Millis),
    /// It sees a failure.
    Sees(Millis),
    /// It takes a healthy change for a failing one.
    FalseAlarm(Millis),
    /// It cannot decide within its patience.
    Open,
}

impl GateModel {
    /// What a failure looks like to it.
    pub(crate) fn what_it_sees(&self) -> &'static str {
        match (self.judged.is_empty(), self.needs_telemetry) {
            (false, _) => "the new side fails more than the old one",
            (true, true) => "a bound is not kept, or health checks fail",
            (true, false) => "health checks fail",
        }
    }

    pub(crate) fn new(spec: &GateSpec, suspects: Vec<usize>, rests_on: Vec<ComponentName>, share: f64, traffic: Option<Traffic>) -> Self {
        let bake = spec.bake_ms.max(spec.min_bake_ms);
        let patience = spec.patience_ms.max(bake.plus(Millis(spec.look_every_ms.0.saturating_mul(LOOKS_AFTER_BAKE))));
        let mut gate = Self {
            suspects,
            rests_on,
            judged: Vec::new(),
            catches: 0.0,
            needs_telemetry: spec
                .checks
                .iter()
                .any(|check| !matches!(check, GateCheck::Probe { .. } | GateCheck::Burn { unknown_holds: false, .. })),
            blames_dependencies: spec.checks.iter().any(|check| matches!(check, GateCheck::Threshold { .. } | GateCheck::Probe { .. })),
            least: bake,
            bake,
            patience,
            look_every: spec.look_every_ms.max(Millis(1)),
            false_alarm: 0.0,
        };
        let has_errors = spec.checks.iter().any(|check| matches!(check, GateCheck::Proportion { name, .. } if name == ERRORS));
        // These are allowed together.
        let values = spec.checks.iter().filter(|check| matches!(check, GateCheck::Values { .. })).count().max(1) as f64;
        for check in &spec.checks {
            match check {
                GateCheck::Proportion { name, effect, alpha, dispersion, baseline_hosts, .. } => {
                    gate.false_alarm += alpha;
                    let Some((traffic, rate)) = traffic.and_then(|t| Some((t, t.rate?))) else { continue };
                    let question = PowerQuestion {
                        baseline_bad_ratio: if name == ERRORS { traffic.errors } else { traffic.slow },
                        canary_per_second: rate * share,
                        baseline_per_second: rate * if baseline_hosts.is_empty() { 1.0 - share } else { share },
                        effect: *effect,
                        false_alarm_max: *alpha,
                        dispersion: dispersion.map_or(Dispersion::Assumed, |phi| Dispersion::Stated { phi }),
                        look_interval_ms: gate.look_every.0,
                        ..PowerQuestion::default()
                    };
                    gate.judged.push(Judged {
                        sees: Curve::new(patience, |time| power_at(&question, time)),
                        passes: Curve::new(patience, |time| promotion_at(&question, *effect, time)),
                        shows: name == ERRORS || !has_errors,
                    });
                }
                GateCheck::Values { every_ms, alpha, asked, .. } => {
                    // What fails is taken to show in errors; figures are waited for.
                    gate.false_alarm += alpha / values;
                    let Ok(asked) = GroupConfig::deserialize(asked) else { continue };
                    let looks = |time: u64| u32::try_from(time / every_ms.0.max(1)).unwrap_or(u32::MAX);
                    gate.judged.push(Judged {
                        sees: Curve::new(patience, |_| 0.0),
                        passes: Curve::new(patience, |time| asked.promotion(looks(time))),
                        shows: false,
                    });
                }
                // How often Kayenta's judge turns a good version back depends on how values follow each other, which nobody has learnt here.
                GateCheck::Threshold { .. } | GateCheck::Kayenta { .. } => gate.catches = gate.catches.max(THRESHOLDS_CATCH),
                GateCheck::Probe { .. } => gate.catches = gate.catches.max(PROBES_CATCH),
                // What others do to a budget is not part of the model, and what the change does shows in the other checks first.
                GateCheck::Burn { .. } => {}
            }
        }
        if spec.early_promotion && !gate.judged.is_empty() {
            let measured = spec.checks.iter().filter_map(|check| match check {
                GateCheck::Threshold { measured, .. } => measured.as_ref().map(Measuring::length),
                GateCheck::Kayenta { timing, .. } => Some(timing.length()),
                GateCheck::Proportion { .. } | GateCheck::Values { .. } | GateCheck::Probe { .. } | GateCheck::Burn { .. } => None,
            });
            gate.least = measured.max().unwrap_or(Millis::ZERO).max(spec.min_bake_ms);
        }
        gate
    }

    /// What the gate comes to; `fails` says whether something that it looks at does.
    pub(crate) fn draw(&self, fails: bool, random: &mut Random) -> Verdict {
        let is_judged = self.judged.iter().any(|judged| judged.shows);
        if fails && is_judged {
            let seen = self.judged.iter().filter(|judged| judged.shows).filter_map(|judged| judged.sees.draw(random)).min();
            // The effect is as great as the margin, so the judge does not call it harmless: what is not seen stays open.
            return seen.map_or(Verdict::Open, |time| Verdict::Sees(self.at_a_look(time)));
        }
        if fails && random.happens(self.catches) {
            return Verdict::Sees(self.at_a_look(self.sometime(random)));
        }
        if !fails && random.happens(self.false_alarm) {
            return Verdict::FalseAlarm(self.at_a_look(self.sometime(random)));
        }
        let passes = self.judged.iter().map(|judged| judged.passes.draw(random));
        let evidence = passes.reduce(|a, b| Some(a?.max(b?))).unwrap_or(Some(Millis::ZERO));
        evidence.map_or(Verdict::Open, |time| Verdict::Passes(self.at_a_look(time.max(self.least))))
    }

    /// A failure shows at some time of the bake.
    fn sometime(&self, random: &mut Random) -> Millis {
        Millis((self.bake.0 as f64 * random.uniform()) as u64)
    }

    /// The first look at or after a time.
    fn at_a_look(&self, time: Millis) -> Millis {
        Millis(time.0.div_ceil(self.look_every.0).max(1).saturating_mul(self.look_every.0))
    }
}

/// Name of the check that compares errors.
const ERRORS: &str = "errors";

impl Curve {
    fn new(longest: Millis, probability: impl Fn(u64) -> f64) -> Self {
        let step_ms = (longest.0 / TIMES).max(1);
        let mut greatest = 0.0_f64;
        let probabilities = (0..=TIMES)
            .map(|number| {
                greatest = greatest.max(probability(number * step_ms));
                greatest
            })
            .collect();
        Self { step_ms, probabilities }
    }

    /// A time; none when it is beyond the curve.
    fn draw(&self, random: &mut Random) -> Option<Millis> {
        let wanted = random.uniform();
        let after = self.probabilities.iter().position(|probability| *probability >= wanted)?;
        let Some(before) = after.checked_sub(1) else { return Some(Millis::ZERO) };
        let (low, high) = (self.probabilities.get(before)?, self.probabilities.get(after)?);
        let part = if high > low { (wanted - low) / (high - low) } else { 1.0 };
        Some(Millis(((before as f64 + part) * self.step_ms as f64) as u64))
    }
}

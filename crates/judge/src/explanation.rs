//! The one line for people under a verdict of the sequential judge.

use crate::dispersion::Dispersion;
use crate::proportion::SequentialConfig;
use crate::verdict::{Interval, ReasonCode, Verdict, VerdictKind};

/// A number with two significant digits and no trailing zeros: `0.021`, `4.7`, `12`.
pub(crate) fn short(value: f64) -> String {
    let magnitude = libm::fabs(value);
    if magnitude >= 10.0 || magnitude == 0.0 {
        return format!("{value:.0}");
    }
    let digits = (1.0 - libm::floor(libm::log10(magnitude))).clamp(1.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number with at most two decimals and no trailing zeros: `30`, `30.44`.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A proportion as percent.
pub(crate) fn percent(bad: u64, total: u64) -> String {
    if total == 0 { "no requests".to_owned() } else { format!("{} %", short(100.0 * bad as f64 / total as f64)) }
}

/// Milliseconds in the unit people would use.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    match seconds {
        s if s < 90.0 => format!("{:.0} s", libm::ceil(s)),
        s if s < 5400.0 => format!("{:.0} min", libm::ceil(s / 60.0)),
        s if s < 129_600.0 => format!("{} h", short(s / 3600.0)),
        s => format!("{} d", short(s / 86_400.0)),
    }
}

fn interval(interval: Interval) -> String {
    match interval.high {
        Some(high) => format!("{}x to {}x", short(interval.low), short(high)),
        None if interval.low > 0.0 => format!("{}x or more", short(interval.low)),
        None => "open".to_owned(),
    }
}

fn dispersion(config: &SequentialConfig, applied: f64) -> String {
    match config.dispersion {
        Dispersion::Assumed if applied > 0.0 => format!("dispersion assumed {}, no history", short(applied)),
        Dispersion::Assumed => "dispersion assumed, no history".to_owned(),
        Dispersion::Learnt { phi, windows } => format!("dispersion {} learnt from {windows} windows", short(phi)),
        Dispersion::Stated { phi } => format!("dispersion {} as configured", short(phi)),
    }
}

fn conclusion(verdict: &Verdict, config: &SequentialConfig, tolerated: Option<f64>) -> String {
    match verdict.reason_code {
        ReasonCode::EffectAboveLimit if config.regression_above == 1.0 => "regression".to_owned(),
        ReasonCode::EffectAboveLimit => format!("regression above {}x", short(config.regression_above)),
        ReasonCode::LateRise => "regression that began during the watch".to_owned(),
        ReasonCode::WithinMargin => format!("no regression, below the margin {}x", short(config.margin)),
        ReasonCode::WithinTolerance => {
            format!("no regression, the canary is below the tolerated {} %", short(100.0 * tolerated.unwrap_or(0.0)))
        }
        ReasonCode::NoTraffic => "undecided, an arm carried no requests in this look".to_owned(),
        ReasonCode::Unknown => "undecided, no data in this look".to_owned(),
        ReasonCode::BadData => "undecided, the counts of this look contradict themselves".to_owned(),
        ReasonCode::BadConfiguration => {
            let problem = config.problem().unwrap_or("the stored state does not fit this version");
            format!("undecided, {problem}")
        }
        _ => match verdict.forecast_ms {
            Some(ms) => format!("undecided, about {} more at this rate", duration(ms)),
            None => "undecided".to_owned(),
        },
    }
}

/// The line, for example "errors 9.8 % against 2.1 % (4.7x, 95 % interval 2.9x to 7.8x), 412 and 409 requests, 6 looks: regression, ...".
pub(crate) fn explain(verdict: &Verdict, config: &SequentialConfig, applied_dispersion: f64, tolerated: Option<f64>) -> String {
    let samples = &verdict.samples;
    let mut line = format!(
        "{} {} against {}",
        config.subject,
        percent(samples.canary_bad, samples.canary_total),
        percent(samples.baseline_bad, samples.baseline_total)
    );
    match (verdict.effect, verdict.interval) {
        (Some(effect), Some(range)) => {
            line += &format!(" ({}x, 95 % interval {})", short(effect), interval(range));
        }
        (None, Some(range)) => line += &format!(" (95 % interval {})", interval(range)),
        _ => {}
    }
    let looks = if verdict.looks == 1 { "look" } else { "looks" };
    line += &format!(
        ", {} and {} requests, {} {looks}: {}",
        samples.canary_total,
        samples.baseline_total,
        verdict.looks,
        conclusion(verdict, config, tolerated)
    );
    if verdict.kind == VerdictKind::Regression {
        let share = if config.metrics == 1 { String::new() } else { format!(", {} metrics", config.metrics) };
        line += &format!(", {} % false alarms allowed over the change{share}", short(100.0 * config.false_alarm_max));
    }
    if verdict.reason_code != ReasonCode::BadConfiguration {
        line += &format!("; {}", dispersion(config, applied_dispersion));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [(0.0, "0"), (0.0214, "0.021"), (4.71, "4.7"), (4.0, "4"), (9.96, "10"), (12.3, "12"), (1.0, "1")];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
        assert_eq!(duration(12_300), "13 s");
        assert_eq!(duration(14 * 60_000), "14 min");
        assert_eq!(duration(7_200_000), "2 h");
        assert_eq!(percent(0, 0), "no requests");
    }
}

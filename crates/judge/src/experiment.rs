//! How long an experiment must run until a change of a proportion shows, in either direction, and what is chance at its end.
//!
//! The new side has some share of the units (visits, users); a part of the units of each side has the outcome. The window is the time after which the
//! sequential test of [`power`](crate::power) finds a rise by the effect, and a fall by it, with the wanted probability, each at half of the allowed
//! false alarms. That test may be read at any time and pays for it with a longer window than one that is read once; so whoever compares the
//! proportions at the end of the window, with [`chance_difference`], sees at least as much as is said here.

use crate::dispersion::Dispersion;
use crate::power::{PowerQuestion, normal_below, time_to_detect_with_ms};

/// What is asked about an experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExperimentQuestion {
    /// Proportion of units with the outcome now, above 0 and below 1.
    pub now: f64,
    /// Units per second of both sides together.
    pub units_per_second: f64,
    /// Part of them on the new side, above 0 and below 1.
    pub share: f64,
    /// Relative change worth finding, above 0 and below 1: 0.1 is a tenth more or less.
    pub effect: f64,
    /// Greatest probability to see a change where there is none.
    pub false_alarm_max: f64,
    /// Probability with which the change is to be seen.
    pub power: f64,
    /// Milliseconds between looks.
    pub look_interval_ms: u64,
}

/// Milliseconds until a rise and a fall by the effect both show; absent when that is beyond `max_ms`, or when the question has no sensible numbers.
pub fn window_ms(question: &ExperimentQuestion, max_ms: u64) -> Option<u64> {
    let ExperimentQuestion { now, units_per_second, share, effect, .. } = *question;
    if !(effect > 0.0 && effect < 1.0 && share > 0.0 && share < 1.0 && now > 0.0 && now < 1.0) {
        return None;
    }
    let asked = |ratio: f64, more: f64, less: f64, multiple: f64| PowerQuestion {
        baseline_bad_ratio: ratio,
        canary_per_second: more,
        baseline_per_second: less,
        effect: multiple,
        false_alarm_max: question.false_alarm_max / 2.0,
        // Units answer for themselves: what one user does says nothing of the next.
        dispersion: Dispersion::Stated { phi: 1.0 },
        look_interval_ms: question.look_interval_ms,
        ..PowerQuestion::default()
    };
    let (new, old) = (units_per_second * share, units_per_second * (1.0 - share));
    let rise = asked(now, new, old, 1.0 + effect);
    // A fall of the new side is a rise of the old one over it.
    let fall = asked(now * (1.0 - effect), old, new, 1.0 / (1.0 - effect));
    let times = [rise, fall].map(|one| time_to_detect_with_ms(&one, question.power, max_ms));
    Some(times[0]?.max(times[1]?))
}

/// The greatest difference of two proportions that chance alone explains, where both are `now` and as many units were counted on each side:
/// beyond it a difference is found where there is none with probability `false_alarm_max` at most (normal approximation, read once).
/// Infinite when nothing was counted.
pub fn chance_difference(now: f64, units_new: f64, units_old: f64, false_alarm_max: f64) -> f64 {
    let spread = libm::sqrt((now * (1.0 - now)).max(0.0) * (1.0 / units_new + 1.0 / units_old));
    if spread.is_finite() { spread * two_sided_quantile(false_alarm_max) } else { f64::INFINITY }
}

/// The x beyond which, on both sides together, lies `outside` of a standard normal distribution.
fn two_sided_quantile(outside: f64) -> f64 {
    let wanted = 1.0 - outside.clamp(1e-12, 1.0) / 2.0;
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal_below(middle) < wanted { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> ExperimentQuestion {
        ExperimentQuestion {
            now: 0.03,
            units_per_second: 20.0,
            share: 0.5,
            effect: 0.1,
            false_alarm_max: 0.01,
            power: 0.8,
            look_interval_ms: 30_000,
        }
    }

    const YEAR: u64 = 365 * 86_400_000;

    #[test]
    fn a_window_is_no_shorter_than_a_test_that_is_read_once_needs() {
        for (now, effect) in [(0.03, 0.1), (0.2, 0.05), (0.5, 0.1), (0.01, 0.3)] {
            let asked = ExperimentQuestion { now, effect, ..question() };
            let window = window_ms(&asked, YEAR).unwrap();
            // Two proportions, equal sides: (z + z_power)^2 (p1 q1 + p2 q2) / (p1 - p2)^2 units each.
            let (p1, p2) = (now, now * (1.0 + effect));
            let z = two_sided_quantile(0.01) + two_sided_quantile(0.4);
            let each = z * z * (p1 * (1.0 - p1) + p2 * (1.0 - p2)) / ((p1 - p2) * (p1 - p2));
            let once = (each / 10.0 * 1000.0) as u64;
            assert!(window >= once && window <= once * 12, "{now} {effect}: {window} ms against {once} ms read once");
        }
    }

    #[test]
    fn smaller_effects_fewer_units_and_uneven_sides_take_longer() {
        let usual = window_ms(&question(), YEAR).unwrap();
        for longer in [
            ExperimentQuestion { effect: 0.05, ..question() },
            ExperimentQuestion { units_per_second: 10.0, ..question() },
            ExperimentQuestion { share: 0.1, ..question() },
            ExperimentQuestion { false_alarm_max: 0.001, ..question() },
        ] {
            assert!(window_ms(&longer, YEAR).unwrap() > usual, "{longer:?}");
        }
        assert_eq!(window_ms(&question(), usual / 2), None);
    }

    #[test]
    fn odd_questions_have_no_window() {
        for odd in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(window_ms(&ExperimentQuestion { now: odd, ..question() }, YEAR), None, "{odd}");
            assert_eq!(window_ms(&ExperimentQuestion { share: odd, ..question() }, YEAR), None, "{odd}");
            assert_eq!(window_ms(&ExperimentQuestion { effect: odd, ..question() }, YEAR), None, "{odd}");
        }
        assert_eq!(window_ms(&ExperimentQuestion { units_per_second: 0.0, ..question() }, YEAR), None);
        assert!(chance_difference(0.03, 0.0, 10.0, 0.01).is_infinite());
    }

    #[test]
    fn chance_is_as_large_as_tables_say() {
        for (outside, expected) in [(0.05, 1.959_964), (0.01, 2.575_829), (0.001, 3.290_527)] {
            assert!((two_sided_quantile(outside) - expected).abs() < 1e-5, "{outside}");
        }
        let difference = chance_difference(0.5, 10_000.0, 10_000.0, 0.05);
        assert!((difference - 0.013_859).abs() < 1e-5, "{difference}");
    }
}

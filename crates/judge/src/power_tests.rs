//! Predicted power against simulations of the actual judge.

use crate::dispersion::Dispersion;
use crate::power::{
    POWER_WANTED, PowerQuestion, power_at, promotion_at, smallest_effect, time_to_detect_ms, time_to_detect_with_ms, time_to_promote_ms,
    time_to_promote_with_ms,
};
use crate::proportion::SequentialConfig;
use crate::simulation::{Arms, looks_to_promotion, looks_to_regression, median, share_within};

fn config(question: &PowerQuestion) -> SequentialConfig {
    SequentialConfig {
        false_alarm_max: question.false_alarm_max,
        metrics: question.metrics,
        regression_above: question.regression_above,
        dispersion: question.dispersion,
        ..SequentialConfig::default()
    }
}

fn arms(question: &PowerQuestion) -> Arms {
    let seconds = question.look_interval_ms as f64 / 1000.0;
    Arms {
        canary_per_look: question.canary_per_second * seconds,
        baseline_per_look: question.baseline_per_second * seconds,
        baseline_bad: question.baseline_bad_ratio,
        ratio: question.effect,
        variation: 0.0,
        dispersion: match question.dispersion {
            Dispersion::Assumed => 1.0,
            Dispersion::Learnt { phi, .. } | Dispersion::Stated { phi } => phi,
        },
    }
}

/// (baseline ratio, canary rate, baseline rate, effect, dispersion, look interval in seconds)
type Case = (f64, f64, f64, f64, Dispersion, u64);

fn question(case: Case) -> PowerQuestion {
    PowerQuestion {
        baseline_bad_ratio: case.0,
        canary_per_second: case.1,
        baseline_per_second: case.2,
        effect: case.3,
        dispersion: case.4,
        look_interval_ms: case.5 * 1000,
        ..PowerQuestion::default()
    }
}

fn greatest_difference(case: Case, runs: u32, seed: u64) -> f64 {
    let question = question(case);
    let detect_ms = time_to_detect_ms(&question, u64::MAX).unwrap();
    let looks_80 = (detect_ms / question.look_interval_ms) as u32;
    let looks_max = looks_80 * 2;
    let ends = looks_to_regression(&config(&question), arms(&question), runs, looks_max, seed);
    let mut greatest: f64 = 0.0;
    let mut line = String::new();
    for looks in [looks_80 / 3, looks_80 / 2, looks_80 * 3 / 4, looks_80, looks_80 * 3 / 2] {
        let predicted = power_at(&question, u64::from(looks) * question.look_interval_ms);
        let simulated = share_within(&ends, looks);
        line += &format!(" {looks}: {predicted:.3}/{simulated:.3}");
        greatest = greatest.max((predicted - simulated).abs());
    }
    println!("{case:?}: {greatest:.3} {line}");
    greatest
}

const INDEPENDENT: Dispersion = Dispersion::Learnt { phi: 1.0, windows: 100 };
const BURSTY: Dispersion = Dispersion::Learnt { phi: 2.0, windows: 100 };

const CASES: [Case; 14] = [
    (0.01, 20.0, 20.0, 5.0, Dispersion::Assumed, 1),
    (0.01, 20.0, 20.0, 5.0, INDEPENDENT, 1),
    (0.02, 25.0, 25.0, 5.0, Dispersion::Assumed, 5),
    (0.001, 20.0, 20.0, 5.0, Dispersion::Assumed, 10),
    (0.02, 25.0, 25.0, 2.0, Dispersion::Assumed, 5),
    (0.02, 25.0, 25.0, 2.0, INDEPENDENT, 5),
    (0.02, 25.0, 25.0, 3.0, BURSTY, 5),
    (0.02, 5.0, 95.0, 5.0, Dispersion::Assumed, 1),
    (0.02, 5.0, 95.0, 2.0, Dispersion::Assumed, 10),
    (0.005, 5.0, 495.0, 10.0, INDEPENDENT, 5),
    (0.05, 100.0, 100.0, 1.5, Dispersion::Assumed, 10),
    (0.05, 100.0, 100.0, 1.2, INDEPENDENT, 10),
    (0.01, 50.0, 50.0, 20.0, Dispersion::Assumed, 1),
    (0.01, 50.0, 50.0, 3.0, Dispersion::Assumed, 30),
];

#[test]
fn predicted_power_is_within_five_points_of_simulation() {
    let off: Vec<(Case, f64)> =
        CASES.iter().map(|case| (*case, greatest_difference(*case, 1000, 5))).filter(|(_, off)| *off > 0.05).collect();
    assert!(off.is_empty(), "{off:?}");
}

/// Cases that no constant of the prediction was chosen on.
const FRESH_CASES: [Case; 12] = [
    (0.003, 40.0, 40.0, 4.0, Dispersion::Assumed, 2),
    (0.03, 10.0, 10.0, 2.5, Dispersion::Assumed, 5),
    (0.015, 60.0, 60.0, 1.7, INDEPENDENT, 5),
    (0.01, 10.0, 90.0, 3.0, Dispersion::Assumed, 5),
    (0.01, 1.0, 99.0, 8.0, Dispersion::Assumed, 5),
    (0.02, 50.0, 950.0, 1.5, Dispersion::Assumed, 15),
    (0.002, 15.0, 15.0, 10.0, INDEPENDENT, 5),
    (0.02, 30.0, 30.0, 4.0, Dispersion::Learnt { phi: 3.0, windows: 100 }, 5),
    (0.04, 200.0, 200.0, 1.3, Dispersion::Learnt { phi: 1.7, windows: 100 }, 15),
    (0.2, 50.0, 50.0, 1.5, INDEPENDENT, 5),
    (0.01, 200.0, 200.0, 2.0, Dispersion::Assumed, 60),
    (0.0005, 100.0, 100.0, 6.0, Dispersion::Assumed, 5),
];

#[test]
#[ignore = "slow in debug"]
fn predicted_power_holds_on_fresh_cases() {
    for case in FRESH_CASES {
        assert!(greatest_difference(case, 4000, 77) <= 0.05, "{case:?}");
    }
}

#[test]
fn predicted_promotion_is_near_simulation() {
    for margin in [5.0, 2.0] {
        let question = question((0.02, 25.0, 25.0, 1.0, Dispersion::Assumed, 5));
        let promote_ms = time_to_promote_ms(&question, margin, u64::MAX).unwrap();
        let looks = (promote_ms / question.look_interval_ms) as u32;
        let config = SequentialConfig { margin, ..config(&question) };
        let ends = looks_to_promotion(&config, arms(&question), 500, looks * 2, 6);
        let simulated = share_within(&ends, looks);
        println!("margin {margin}: {promote_ms} ms, simulated {simulated:.3}, median {:?}", median(&ends));
        assert!((simulated - 0.8).abs() < 0.08, "{margin}: {simulated}");
    }
}

#[test]
fn power_is_total_and_ordered() {
    let usual = question((0.02, 25.0, 25.0, 3.0, Dispersion::Assumed, 5));
    let odd = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300];
    for number in odd {
        for odd in [
            PowerQuestion { baseline_bad_ratio: number, ..usual },
            PowerQuestion { canary_per_second: number, ..usual },
            PowerQuestion { baseline_per_second: number, ..usual },
            PowerQuestion { effect: number, ..usual },
            PowerQuestion { false_alarm_max: number, ..usual },
            PowerQuestion { regression_above: number, ..usual },
            PowerQuestion { dispersion: Dispersion::Learnt { phi: number, windows: 1 }, ..usual },
        ] {
            for duration_ms in [0, 1, 60_000, u64::MAX] {
                assert!((0.0..=1.0).contains(&power_at(&odd, duration_ms)), "{odd:?}");
                let _ = time_to_detect_ms(&odd, duration_ms);
                let _ = time_to_promote_ms(&odd, 2.0, duration_ms);
                assert!(smallest_effect(&odd, duration_ms).is_none_or(f64::is_finite));
            }
        }
    }
    assert_eq!(power_at(&PowerQuestion { look_interval_ms: 0, ..usual }, 1000), 0.0);
    let powers: Vec<f64> = (0..60).map(|looks| power_at(&usual, looks * 5000)).collect();
    assert!(powers.windows(2).all(|pair| pair[0] <= pair[1] + 0.02), "{powers:?}");
    assert_eq!(power_at(&usual, 4999), 0.0);
    // No effect is not detected, and no time is enough for it.
    assert_eq!(time_to_detect_ms(&PowerQuestion { effect: 1.0, ..usual }, 86_400_000), None);
}

#[test]
fn smallest_effect_agrees_with_time_to_detect() {
    for case in CASES {
        let question = question(case);
        for duration_ms in [120_000, 1_800_000] {
            let Some(effect) = smallest_effect(&question, duration_ms) else {
                continue;
            };
            let above = PowerQuestion { effect: effect * 1.1, ..question };
            assert!(time_to_detect_ms(&above, duration_ms).is_some(), "{case:?} {effect}");
            let below = PowerQuestion { effect: 1.0 + (effect - 1.0) * 0.8, ..question };
            assert!(power_at(&below, duration_ms) < 0.8, "{case:?} {effect}");
        }
    }
    // 1 request per second on the canary for a minute at 0.1 % shows nothing but a collapse.
    let thin = question((0.001, 1.0, 19.0, 1.0, Dispersion::Assumed, 5));
    assert!(smallest_effect(&thin, 60_000).is_none_or(|effect| effect > 50.0));
}

#[test]
#[ignore = "prints times, meaningful in release"]
fn times() {
    for case in CASES {
        let question = question(case);
        let time = |f: &dyn Fn() -> f64| {
            let start = std::time::Instant::now();
            let sum: f64 = (0..200).map(|_| f()).sum();
            assert!(sum.is_finite());
            start.elapsed().as_micros() as f64 / 200.0
        };
        println!(
            "{case:?}: power {} us, detect {} us, promote {} us, smallest {} us",
            time(&|| power_at(&question, 60_000)),
            time(&|| time_to_detect_ms(&question, u64::MAX).unwrap() as f64),
            time(&|| time_to_promote_ms(&question, 2.0, u64::MAX).unwrap() as f64),
            time(&|| smallest_effect(&question, 600_000).unwrap_or(0.0)),
        );
    }
}

#[test]
fn times_and_probabilities_say_the_same() {
    let question = PowerQuestion::default();
    for wanted in [0.5, 0.8, 0.95] {
        let detect = time_to_detect_with_ms(&question, wanted, u64::MAX).unwrap();
        let promote = time_to_promote_with_ms(&question, 2.0, wanted, u64::MAX).unwrap();
        for (found, earlier) in [
            (power_at(&question, detect), power_at(&question, detect - 2 * question.look_interval_ms)),
            (promotion_at(&question, 2.0, promote), promotion_at(&question, 2.0, promote - 2 * question.look_interval_ms)),
        ] {
            assert!(found >= wanted - 0.01 && earlier < wanted, "{wanted}: {found}, two looks earlier {earlier}");
        }
    }
}

#[test]
fn a_greater_effect_is_seen_at_least_as_surely_and_stages_are_as_long_as_they_say() {
    for (bad_ratio, canary, share) in
        [(0.001, 16.0, 0.05), (0.005, 16.0, 0.05), (0.001, 3.0, 0.01), (0.02, 50.0, 0.25), (0.0005, 200.0, 0.5)]
    {
        let asked = question((bad_ratio, canary, canary / share * (1.0 - share), 1.0, Dispersion::Assumed, 1));
        for duration_ms in [60_000, 180_000, 1_800_000] {
            let Some(smallest) = smallest_effect(&asked, duration_ms) else { continue };
            for factor in [1.5, 3.0, 10.0] {
                let effect = (smallest * factor).min(100.0);
                let power = power_at(&PowerQuestion { effect, ..asked }, duration_ms);
                assert!(
                    power >= POWER_WANTED - 0.03,
                    "{bad_ratio} {canary} {share}: {smallest} is seen in {duration_ms}, {effect} with {power}"
                );
            }
        }
        for effect in [2.0, 5.0, 20.0, 50.0, 100.0] {
            let asked = PowerQuestion { effect, ..asked };
            let Some(detect) = time_to_detect_ms(&asked, 3_600_000) else { continue };
            let power = power_at(&asked, detect);
            assert!(power >= POWER_WANTED - 0.011, "{bad_ratio} {canary} {share}: {effect} needs {detect}, and is seen then with {power}");
        }
    }
}

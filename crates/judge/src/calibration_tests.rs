//! Fleets whose truth is known: what the intervals of a calibration say of it holds as often as they promise.

use crate::calibration::{BASE_RATE, CONFIDENCE, Calibration, Flown, Length, calibration, expanding};
use crate::simulation::Random;

/// Fleets of each kind and size.
const FLEETS: u64 = 200;

/// How a fleet is predicted: logits of the predictions from those of the truth.
#[derive(Clone, Copy, Debug)]
enum Forecaster {
    Perfect,
    /// Says too little.
    Low,
    /// Too sure of itself.
    Extreme,
    /// Says the same of every run.
    Constant,
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Runs with their true probabilities of failure.
fn fleet(forecaster: Forecaster, runs: usize, seed: u64) -> (Vec<Flown>, Vec<f64>) {
    let mut random = Random::new(seed);
    let mut now = 0_i64;
    (0..runs)
        .map(|_| {
            let logit = -2.2 + 1.1 * random.normal();
            let truth = logistic(logit);
            let probability = match forecaster {
                Forecaster::Perfect => truth,
                Forecaster::Low => logistic(logit - 1.0),
                Forecaster::Extreme => logistic(2.0 * logit + 2.2),
                Forecaster::Constant => 0.05,
            };
            // Runs overlap: the outcomes of some are not known when the next ones are predicted.
            now += 1000;
            let learnt_at = now + (5000.0 * random.uniform()) as i64;
            let failed = random.uniform() < truth;
            let length = (!failed).then(|| {
                let p50_ms = 60_000;
                Length { p50_ms, p95_ms: 120_000, took_ms: (60_000.0 * (random.normal() * 2_f64.ln() / 1.644_85).exp()) as u64 }
            });
            (Flown { predicted_at: now, learnt_at, probability, failed, length }, truth)
        })
        .unzip()
}

fn squared(probability: f64, truth: f64) -> f64 {
    truth * (1.0 - probability).powi(2) + (1.0 - truth) * probability.powi(2)
}

/// What the intervals are about, with whether each covers the truth.
fn covered(flown: &[Flown], truths: &[f64], found: &Calibration) -> Vec<(&'static str, f64)> {
    let count = truths.len() as f64;
    let mean_of = |keep: &dyn Fn(&Flown) -> bool, of: &dyn Fn(&Flown, f64) -> f64| {
        let kept: Vec<f64> = flown.iter().zip(truths).filter(|(run, _)| keep(run)).map(|(run, truth)| of(run, *truth)).collect();
        kept.iter().sum::<f64>() / kept.len() as f64
    };
    let all = |_: &Flown| true;
    let inside = |low: f64, value: f64, high: f64| f64::from(u8::from(low <= value && value <= high));
    let share = mean_of(&all, &|_, truth| truth);
    let brier = mean_of(&all, &|run, truth| squared(run.probability, truth));
    let bases = expanding(flown, |learnt, _| {
        let failures = learnt.iter().filter(|run| run.failed).count() as f64 + BASE_RATE.failures;
        failures / (learnt.len() as f64 + BASE_RATE.failures + BASE_RATE.successes)
    });
    let gain = bases.iter().zip(flown).zip(truths).map(|((b, run), t)| squared(*b, *t) - squared(run.probability, *t)).sum::<f64>() / count;
    let (mut error, mut bins) = (0.0, 0.0);
    for bin in &found.bins {
        let of_bin = |run: &Flown| (bin.least..=bin.greatest).contains(&run.probability);
        let truth = mean_of(&of_bin, &|_, truth| truth);
        error += bin.failed.count / count * (truth - bin.predicted).abs();
        bins += inside(bin.failed.low, truth, bin.failed.high);
    }
    let mut results = vec![
        ("share of failures", inside(found.failed.low, share, found.failed.high)),
        ("Brier score", inside(found.brier.low, brier, found.brier.high)),
        ("gain", inside(found.gain.low, gain, found.gain.high)),
        ("calibration error", inside(found.error.low, error, found.error.high)),
        ("bins", bins / found.bins.len() as f64),
        ("within p50", inside(found.within_p50.low, 0.5, found.within_p50.high)),
        ("within p95", inside(found.within_p95.low, 0.95, found.within_p95.high)),
    ];
    for one in &found.caught {
        // What the gate catches of failures that are yet to be drawn: the likeliest part of the same runs.
        let mut order: Vec<(f64, f64)> = flown.iter().zip(truths).map(|(run, truth)| (run.probability, *truth)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let expected = if order.first().map(|o| o.0) == order.last().map(|o| o.0) {
            one.gated
        } else {
            let room = one.gated * count;
            let in_gate = |(at, (_, truth)): (usize, &(f64, f64))| (room - at as f64).clamp(0.0, 1.0) * truth;
            order.iter().enumerate().map(in_gate).sum::<f64>() / truths.iter().sum::<f64>()
        };
        results.push(("caught", inside(one.failures.low, expected, one.failures.high)));
    }
    results
}

/// Share of fleets in which each interval covers the truth, the least of all kinds of fleets.
fn coverage(sizes: &[usize], fleets: u64) -> Vec<(&'static str, usize, String, f64)> {
    let mut found = Vec::new();
    for runs in sizes {
        for forecaster in [Forecaster::Perfect, Forecaster::Low, Forecaster::Extreme, Forecaster::Constant] {
            let mut sums: Vec<(&'static str, f64, f64)> = Vec::new();
            for seed in 0..fleets {
                let (flown, truths) = fleet(forecaster, *runs, 1 + seed);
                let found = calibration(&flown, 0).unwrap();
                for (what, covers) in covered(&flown, &truths, &found) {
                    match sums.iter_mut().find(|(name, ..)| *name == what) {
                        Some((_, sum, of)) => (*sum, *of) = (*sum + covers, *of + 1.0),
                        None => sums.push((what, covers, 1.0)),
                    }
                }
            }
            found.extend(sums.into_iter().map(|(what, sum, of)| (what, *runs, format!("{forecaster:?}"), sum / of)));
        }
    }
    found
}

#[test]
fn intervals_cover_the_truth_of_simulated_fleets_at_least_as_often_as_they_say() {
    for (what, runs, forecaster, covered) in coverage(&[8, 30, 200], FLEETS) {
        assert!(covered >= CONFIDENCE, "{what}, {runs} runs, {forecaster}: {covered}");
    }
}

#[test]
fn a_bad_forecaster_is_found_out_and_a_perfect_one_is_not() {
    let found = |forecaster, seed| calibration(&fleet(forecaster, 1500, seed).0, 0).unwrap();
    let fleets = 10;
    let (mut contradicted, mut by_chance) = (0, 0);
    for seed in 0..fleets {
        let perfect = found(Forecaster::Perfect, 90 + seed);
        contradicted += u32::from(!perfect.failed.covers(perfect.predicted) || perfect.error.low > 0.0);
        by_chance += u32::from(perfect.error.value <= perfect.error_by_chance);
        assert!(perfect.gain.low > 0.0, "{perfect:?}");
        let low = found(Forecaster::Low, 90 + seed);
        assert!(low.failed.low > low.predicted && low.error.low > 0.01 && low.error.value > low.error_by_chance, "{low:?}");
        let extreme = found(Forecaster::Extreme, 90 + seed);
        assert!(extreme.error.low > 0.0 && extreme.error.value > extreme.error_by_chance, "{extreme:?}");
        let constant = found(Forecaster::Constant, 90 + seed);
        assert!(constant.gain.high < 0.0 && constant.bins.len() == 1, "{constant:?}");
    }
    assert!(contradicted <= 3 && by_chance >= 8, "{contradicted} {by_chance}");
}

#[test]
fn a_prediction_is_judged_by_what_was_known_before_it() {
    let run = |predicted_at, learnt_at, failed| Flown { predicted_at, learnt_at, probability: 0.1, failed, length: None };
    // The second was predicted while the first still flew, the third when the first had just ended, the fourth later.
    let flown = [run(10, 30, true), run(20, 25, false), run(30, 40, false), run(31, 41, true)];
    let known = expanding(&flown, |learnt, run| (run.predicted_at, learnt.iter().map(|one| one.learnt_at).collect::<Vec<_>>()));
    assert_eq!(known, [(10, vec![]), (20, vec![]), (30, vec![25]), (31, vec![25, 30])]);
    // The order in which runs are given changes nothing but that of the answers.
    let backwards: Vec<Flown> = flown.iter().rev().copied().collect();
    let known_backwards = expanding(&backwards, |learnt, _| learnt.len());
    assert_eq!(known_backwards, [2, 1, 0, 0]);
    let (one, other) = (calibration(&flown, 0).unwrap(), calibration(&backwards, 0).unwrap());
    assert!((one.brier_of_base_rate - other.brier_of_base_rate).abs() < 1e-12);
}

#[test]
fn an_outcome_that_is_learnt_later_never_changes_what_was_said_before() {
    let (flown, _) = fleet(Forecaster::Perfect, 60, 3);
    let said = expanding(&flown, |learnt, _| learnt.iter().filter(|run| run.failed).count());
    let last = flown.iter().map(|run| run.learnt_at).max().unwrap();
    let turned: Vec<Flown> = flown.iter().map(|run| Flown { failed: run.failed ^ (run.learnt_at == last), ..*run }).collect();
    assert_eq!(said, expanding(&turned, |learnt, _| learnt.iter().filter(|run| run.failed).count()));
}

#[test]
fn odd_records_give_answers() {
    assert_eq!(calibration(&[], 0), None);
    let run = |probability, failed| Flown { predicted_at: 0, learnt_at: 0, probability, failed, length: None };
    assert_eq!(calibration(&[run(f64::NAN, true), run(1.5, false)], 0), None);
    for (flown, value) in [(vec![run(0.0, true)], 1.0), (vec![run(1.0, true)], 0.0), (vec![run(0.5, false); 2], 0.25)] {
        let found = calibration(&flown, 0).unwrap();
        assert!((found.brier.value - value).abs() < 1e-12, "{found:?}");
        assert!(found.brier.low <= value && value <= found.brier.high, "{found:?}");
        assert_eq!(found.within_p95.count, 0.0);
        assert_eq!((found.within_p95.low, found.within_p95.high), (0.0, 1.0));
    }
    // Nothing tells runs of one prediction apart, so a gate catches of them what lots would.
    let alike: Vec<Flown> = (0..50).map(|at| run(0.05, at % 5 == 0)).collect();
    let found = calibration(&alike, 0).unwrap();
    assert_eq!(found.bins.len(), 1);
    assert!(found.caught.iter().all(|one| (one.failures.value() - one.gated).abs() < 1e-12), "{found:?}");
    assert!(calibration(&[run(0.3, false); 9], 0).unwrap().caught.is_empty());
}

/// The figures of the documentation, printed by `cargo test --release -p glidepath-judge calibration_figures -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures, takes a minute in release"]
fn calibration_figures() {
    const SIZES: [usize; 4] = [8, 30, 200, 600];
    let table = coverage(&SIZES, 1000);
    for what in ["share of failures", "Brier score", "gain", "calibration error", "bins", "caught", "within p50", "within p95"] {
        let least = |runs: usize| table.iter().filter(|row| row.0 == what && row.1 == runs).map(|row| row.3).fold(1.0, f64::min);
        println!("| {what} | {} |", SIZES.map(|runs| format!("{:.1} %", 100.0 * least(runs))).join(" | "));
    }
    for runs in [20, 50, 100, 200, 500, 1000] {
        let mut widths = [0.0; 4];
        for seed in 0..50 {
            let found = calibration(&fleet(Forecaster::Perfect, runs, seed).0, 0).unwrap();
            widths[0] += (found.failed.high - found.failed.low) / 50.0;
            widths[1] += f64::from(u8::from(found.gain.low > 0.0)) / 50.0;
            let low = calibration(&fleet(Forecaster::Low, runs, seed).0, 0).unwrap();
            widths[2] += f64::from(u8::from(!low.failed.covers(low.predicted))) / 50.0;
            let extreme = calibration(&fleet(Forecaster::Extreme, runs, seed).0, 0).unwrap();
            widths[3] += f64::from(u8::from(extreme.error.low > 0.0)) / 50.0;
        }
        println!(
            "| {runs} | {:.0} points | {:.0} % | {:.0} % | {:.0} % |",
            100.0 * widths[0],
            100.0 * widths[1],
            100.0 * widths[2],
            100.0 * widths[3]
        );
    }
}

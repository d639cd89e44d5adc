//! The probability that a peak passes a limit.

use crate::planning::hours;
use glidepath_forecast::peak::{Event, Outlook};
use glidepath_forecast::{History, forecast};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn the_probability_comes_true_as_often_as_it_says() {
    // Independent series of the same process: what was said of each, against how often it came.
    let (mut said, mut came, series) = (0.0, 0.0, 40);
    for seed in 0..series {
        let values = hours(seed, 24 * 16, 0.0, 0.15);
        let (known, follows) = values.split_at(24 * 14);
        let carried = forecast(&History::complete(known, 0, HOUR_MS).unwrap(), &[24], follows.len()).unwrap();
        let limit = 1080.0;
        said += carried.peak(limit, &Outlook::default(), 1).unwrap().passed();
        came += f64::from(u8::from(follows.iter().any(|load| *load > limit)));
    }
    let (said, came) = (said / f64::from(series as u32), came / f64::from(series as u32));
    // Of 40 series three standard errors are 0.2; it errs toward too high a probability, never far below.
    assert!((0.1..0.9).contains(&came) && (-0.1..0.2).contains(&(said - came)), "said {said:.2}, came {came:.2}");
}

#[test]
fn events_and_growth_raise_the_peak_and_only_while_they_last() {
    let values = hours(1, 24 * 28, 0.0, 0.05);
    let carried = forecast(&History::complete(&values, 0, HOUR_MS).unwrap(), &[24], 72).unwrap();
    let peak = |outlook: &Outlook, limit: f64| carried.peak(limit, outlook, 1).unwrap();
    let plain = peak(&Outlook::default(), 2000.0);
    assert_eq!(plain.passed(), 0.0);
    assert!(plain.floor > 0.0, "what never happened is not impossible");
    let sale = Event { from_ms: carried.at_ms(24), to_ms: carried.at_ms(48), factor: 4.0 };
    let sale = Outlook { growth_per_year: 0.0, events: vec![sale] };
    let during = peak(&sale, 2000.0);
    assert_eq!((during.passed_by[23], during.passed_by[47], during.passed()), (0.0, 1.0, 1.0));
    let expected = carried.expected(&sale).unwrap();
    assert_eq!((expected[23], expected[48]), (carried.point[23], carried.point[48]));
    assert!((expected[30] / carried.point[30] - 4.0).abs() < 1e-9);
    let doubled = Outlook { growth_per_year: 1.0, events: vec![] };
    let grown = carried.expected(&doubled).unwrap();
    let days = 71.0 / 24.0;
    assert!((grown[71] / carried.point[71] - 2.0_f64.powf(days / 365.2425)).abs() < 1e-9);
    assert!(peak(&doubled, 2000.0).quantile(0.5) > plain.quantile(0.5));
}

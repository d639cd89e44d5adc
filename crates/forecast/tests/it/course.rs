//! Which model is chosen, how far ahead it is tested, and that the same input gives the same answer.

use crate::planning::hours;
use glidepath_forecast::{Forecast, History, Model, forecast};

fn carried(values: &[f64], seasons: &[usize], horizon: usize) -> Forecast {
    forecast(&History::complete(values, 0, 3_600_000).unwrap(), seasons, horizon).unwrap()
}

#[test]
fn a_load_that_repeats_exactly_is_repeated() {
    let values: Vec<f64> = (0..24 * 15).map(|hour| f64::from(hour % 24)).collect();
    let carried = carried(&values, &[24], 48);
    assert_eq!((carried.model, carried.chosen().unwrap().mase), (Model::SeasonalNaive, 0.0));
    assert_eq!(carried.point, values[..48]);
}

#[test]
fn each_shape_has_its_model() {
    let season = [5.0, 9.0, 14.0, 8.0];
    let grows: Vec<f64> = (0..80_u32).map(|step| season[step as usize % 4] + f64::from(step / 4)).collect();
    assert_eq!(carried(&grows, &[4], 8).model, Model::SeasonalDrift, "a straight rise");
    let swings: Vec<f64> = (0..120_i32).map(|step| season[step as usize % 4] * 1.03_f64.powi(step)).collect();
    assert_eq!(carried(&swings, &[4], 8).model, Model::DecomposedLog, "growth in parts of the load");
    let noisy = hours(7, 24 * 40, 0.0, 0.2);
    let noisy = carried(&noisy, &[24], 48);
    assert!(noisy.chosen().unwrap().mase < 0.9 * noisy.naive().unwrap().mase, "noise is not repeated: {:?}", noisy.contestants);
}

#[test]
fn nothing_is_said_further_ahead_than_was_tested() {
    let values = hours(3, 24 * 30, 0.0, 0.1);
    let far = carried(&values, &[24, 168], 24 * 90);
    // 30 days, two weeks to be known by, and four more days to stand apart on; more origins between them see the same days.
    assert_eq!((far.point.len(), far.origins, far.origins_apart, far.seasons.clone()), (24 * 12, 24, 4, vec![24, 168]));
    let near = carried(&values, &[24, 168], 24 * 7);
    assert_eq!((near.point.len(), near.origins, near.origins_apart), (24 * 7, 10, 10));
    let short = carried(&values[..24 * 9], &[24, 168], 24);
    assert_eq!(short.seasons, vec![24], "nine days know no week");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let values = hours(5, 24 * 21, 0.3, 0.15);
    let whole = || {
        let carried = carried(&values, &[24, 168], 24 * 7);
        let peak = carried.peak(900.0, &Default::default(), 42).unwrap();
        format!("{carried:?} {:?} {peak:?}", carried.intervals(0.8))
    };
    assert_eq!(whole(), whole());
}

//! What is no history, and what cannot be carried on, has a name; nothing makes a panic or a NaN.

use glidepath_forecast::history::{POINTS_MAX, common_step_ms, greatest_per_step};
use glidepath_forecast::peak::{Event, Outlook, OutlookProblem};
use glidepath_forecast::race::HORIZON_MAX;
use glidepath_forecast::{History, HistoryProblem, Point, Unknown, forecast};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;

fn at(hour: i64, value: f64) -> Point {
    Point { at_ms: hour * HOUR_MS, value }
}

#[test]
fn samples_that_are_no_history_are_named() {
    let irregular: Vec<Point> = (0..100).map(|step: i64| Point { at_ms: step * HOUR_MS + (step % 3) * HOUR_MS / 3, value: 1.0 }).collect();
    let gaps: Vec<Point> = (0..50).chain(60..100).map(|hour| at(hour, 1.0)).collect();
    let gap = HistoryProblem::Gaps { share: 0.1, at_ms: 50 * HOUR_MS, steps: 10 };
    assert_eq!(History::of(&gaps, HOUR_MS, 24).map(|history| history.filled()), Ok(10), "a tenth may be missing, not {gap}");
    let wide: Vec<Point> = (0..50).chain(70..100).map(|hour| at(hour, 1.0)).collect();
    for (name, points, step_ms, expected) in [
        ("none", vec![], HOUR_MS, HistoryProblem::Empty),
        ("one", vec![at(0, 1.0)], HOUR_MS, HistoryProblem::OnePoint),
        ("nan", vec![at(0, 1.0), at(1, f64::NAN)], HOUR_MS, HistoryProblem::NotFinite { at_ms: HOUR_MS }),
        ("infinite", vec![at(0, f64::INFINITY), at(1, 1.0)], HOUR_MS, HistoryProblem::NotFinite { at_ms: 0 }),
        ("too great to be squared", vec![at(0, 1e300), at(1, 1.0)], HOUR_MS, HistoryProblem::NotFinite { at_ms: 0 }),
        ("negative", vec![at(0, 1.0), at(1, -0.5)], HOUR_MS, HistoryProblem::Negative { at_ms: HOUR_MS }),
        ("back in time", vec![at(1, 1.0), at(0, 1.0)], HOUR_MS, HistoryProblem::TimeBackwards { at_ms: 0 }),
        ("twice", vec![at(1, 1.0), at(1, 1.0)], HOUR_MS, HistoryProblem::TimeBackwards { at_ms: HOUR_MS }),
        ("no step", vec![at(0, 1.0), at(1, 1.0)], 0, HistoryProblem::Step),
        ("a long time", vec![at(0, 1.0), at(2_000_000, 1.0)], HOUR_MS, HistoryProblem::TooMany),
        ("all of time", vec![Point { at_ms: i64::MIN, value: 1.0 }, Point { at_ms: i64::MAX, value: 1.0 }], 1, HistoryProblem::TooMany),
        ("between steps", irregular, HOUR_MS, HistoryProblem::Irregular { at_ms: HOUR_MS + HOUR_MS / 3 }),
        ("gaps", wide, HOUR_MS, HistoryProblem::Gaps { share: 0.2, at_ms: 50 * HOUR_MS, steps: 20 }),
    ] {
        assert_eq!(History::of(&points, step_ms, 24), Err(expected), "{name}");
    }
}

#[test]
fn more_than_a_million_samples_are_refused_and_a_million_are_carried_on() {
    let wave = |count: usize| -> Vec<f64> { (0..count).map(|hour| 100.0 + (hour % 24) as f64 + (hour % 7) as f64).collect() };
    assert_eq!(History::complete(&wave(POINTS_MAX + 1), 0, HOUR_MS), Err(HistoryProblem::TooMany));
    let history = History::complete(&wave(POINTS_MAX), 0, HOUR_MS).unwrap();
    let carried = forecast(&history, &[24], 24).unwrap();
    assert_eq!(carried.point.len(), 24);
}

#[test]
fn a_load_that_cannot_be_carried_on_says_why() {
    let week: Vec<f64> = (0..168).map(|hour| f64::from(hour % 24) + f64::from(hour % 5)).collect();
    let mut woken = vec![0.0; 100];
    woken.extend([5.0, 9.0]);
    for (name, values, seasons, horizon, expected) in [
        ("nothing", vec![0.0; 500], vec![24], 24, Unknown::Silent),
        ("stands still", vec![12.5; 500], vec![24], 24, Unknown::Flat),
        ("one day", week[..24].to_vec(), vec![24, 168], 24, Unknown::TooShort { steps: 24, steps_min: 53 }),
        ("no step ahead", week.clone(), vec![24], 0, Unknown::Question),
        ("too far ahead", week.clone(), vec![24], HORIZON_MAX + 1, Unknown::Question),
        ("no season", week.clone(), vec![], 24, Unknown::Question),
        ("a season of one step", week.clone(), vec![1], 24, Unknown::Question),
        ("moved at the end", woken, vec![24], 2, Unknown::New),
    ] {
        let history = History::complete(&values, 0, HOUR_MS).unwrap();
        assert_eq!(forecast(&history, &seasons, horizon).map(|carried| carried.model), Err(expected), "{name}");
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn an_outlook_that_cannot_be_reckoned_with_is_named() {
    let values: Vec<f64> = (0..200).map(|hour| f64::from(hour % 24) + f64::from(hour % 5)).collect();
    let carried = forecast(&History::complete(&values, 0, HOUR_MS).unwrap(), &[24], 24).unwrap();
    let event = |from_ms, to_ms, factor| Outlook { growth_per_year: 0.0, events: vec![Event { from_ms, to_ms, factor }] };
    let growth = |growth_per_year| Outlook { growth_per_year, events: vec![] };
    for (outlook, expected) in [
        (growth(f64::NAN), OutlookProblem::Growth),
        (growth(-1.0), OutlookProblem::Growth),
        (event(0, 1, f64::NAN), OutlookProblem::Factor(0)),
        (event(0, 1, -1.0), OutlookProblem::Factor(0)),
        (event(1, 1, 2.0), OutlookProblem::Times(0)),
    ] {
        assert_eq!(carried.peak(100.0, &outlook, 1).map(|_| ()), Err(expected));
    }
}

#[test]
fn gaps_are_filled_from_the_seasons_around_and_never_scored() {
    let points: Vec<Point> = (0..240).filter(|hour| !(100..110).contains(hour)).map(|hour| at(hour, (hour % 24) as f64)).collect();
    let history = History::of(&points, HOUR_MS, 24).unwrap();
    assert_eq!(history.filled(), 10);
    assert!((100..110).all(|hour| history.values()[hour] == (hour % 24) as f64 && !history.seen()[hour]));
    let carried = forecast(&history, &[24], 24).unwrap();
    assert_eq!(carried.point, (0..24).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn the_busiest_five_minutes_of_an_hour_are_its_load() {
    let points: Vec<Point> = (0..36).map(|five: i64| Point { at_ms: five * 300_000, value: (five % 12) as f64 }).collect();
    assert_eq!(common_step_ms(&points), Some(300_000));
    assert_eq!(greatest_per_step(&points, HOUR_MS), Ok(vec![at(0, 11.0), at(1, 11.0), at(2, 11.0)]));
    assert_eq!(common_step_ms(&points[..1]), None);
}

/// Values as they come from broken counters: numbers of any size, and what is no number.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..1e4_f64,
        2 => Just(0.0),
        1 => 0.0..1e30_f64,
        1 => 1e-300..1e-290_f64,
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(f64::MAX)],
    ]
}

fn load() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..1e4_f64, 2 => Just(0.0), 1 => Just(7.0), 1 => 0.0..1e30_f64, 1 => 1e-300..1e-290_f64]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_samples_make_a_panic(
        points in prop::collection::vec((prop_oneof![-100_000..100_000_i64, any::<i64>()], value()), 0..60),
        is_sorted: bool, step_ms in -1..100_000_i64, season in 0..30_usize,
    ) {
        let mut points: Vec<Point> = points.into_iter().map(|(at_ms, value)| Point { at_ms, value }).collect();
        if is_sorted {
            points.sort_by_key(|point| point.at_ms);
        }
        let step_ms = if step_ms < 0 { common_step_ms(&points).unwrap_or(0) } else { step_ms };
        if let Ok(history) = History::of(&points, step_ms, season) {
            prop_assert!(history.values().iter().all(|value| value.is_finite() && *value >= 0.0));
        }
        let _ = greatest_per_step(&points, step_ms);
    }

    #[test]
    fn whatever_is_carried_on_is_a_number(
        values in prop::collection::vec(load(), 2..160), long in 2..40_usize, short in 2..12_usize, horizon in 1..60_usize,
        growth_per_year in -0.99..10.0_f64, factor in 0.0..1000.0_f64, limit in prop_oneof![0.0..1e5_f64, Just(f64::NAN)],
    ) {
        let history = History::complete(&values, 0, HOUR_MS).unwrap();
        let Ok(carried) = forecast(&history, &[short, long], horizon) else { return Ok(()) };
        prop_assert!(!carried.point.is_empty() && carried.point.len() <= horizon);
        prop_assert!(carried.point.iter().all(|load| load.is_finite() && *load >= 0.0));
        prop_assert!(carried.contestants.iter().all(|one| one.mase.is_finite() && one.smape.is_finite()));
        for share in [0.5, 0.8, 0.95] {
            for interval in carried.intervals(share).unwrap_or_default() {
                prop_assert!(interval.low >= 0.0 && interval.low <= interval.high && interval.high.is_finite());
            }
        }
        let outlook = Outlook { growth_per_year, events: vec![Event { from_ms: 0, to_ms: i64::MAX, factor }] };
        let peak = carried.peak(limit, &outlook, 1).unwrap();
        prop_assert!(peak.passed_by.is_sorted() && peak.passed_by.iter().all(|probability| (0.0..=1.0).contains(probability)));
        prop_assert!(peak.quantile(0.1) <= peak.quantile(0.9) && peak.quantile(1.0).is_finite());
    }
}

//! Headroom, orders and quiet hours.

use glidepath_forecast::History;
use glidepath_forecast::hours::{by_hour, quiet};
use glidepath_forecast::order::{Headroom, Order, headroom, order};

/// Hourly load with a day, a week, growth by the year and independent noise, both in parts of the load.
pub(crate) fn hours(seed: u64, count: usize, growth: f64, noise: f64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut load = |hour: usize| {
        let day = (std::f64::consts::TAU * ((hour % 24) as f64 - 9.0) / 24.0).sin();
        let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        500.0 * (0.5 * day + growth * hour as f64 / 8766.0 + noise * normal).exp()
    };
    (0..count).map(&mut load).collect()
}

#[test]
fn headroom_is_held_against_the_policy_at_its_bounds() {
    for (capacity, peak, share, state) in [
        (1000.0, 1200.0, -0.2, Headroom::Exceeded),
        (1000.0, 1000.0, 0.0, Headroom::Short),
        (1000.0, 701.0, 0.299, Headroom::Short),
        (1000.0, 700.0, 0.30, Headroom::Within),
        (1000.0, 500.0, 0.50, Headroom::Within),
        (1000.0, 499.0, 0.501, Headroom::Ample),
    ] {
        let found = headroom(capacity, peak).unwrap();
        assert!((found - share).abs() < 1e-9, "{capacity} {peak}");
        assert_eq!(Headroom::of(found), state, "{capacity} {peak}");
    }
    assert_eq!((headroom(0.0, 1.0), headroom(f64::NAN, 1.0), headroom(10.0, f64::NAN)), (None, None, None));
}

#[test]
fn an_order_is_placed_a_lead_time_before_the_probability_leaves_the_policy() {
    let at = |step: usize| 1000 + step as i64 * 10;
    let rising = [0.0, 0.02, 0.05, 0.06, 0.5];
    for (probabilities, max, lead, expected) in [
        (&rising[..], 0.05, 10, Order::By { at_ms: 1020, crossed_ms: 1030 }),
        (&rising[..], 0.05, 30, Order::By { at_ms: 1000, crossed_ms: 1030 }),
        (&rising[..], 0.05, 31, Order::Late { at_ms: 999, crossed_ms: 1030 }),
        (&rising[..], 0.5, 20, Order::NotBefore { at_ms: 1030 }),
        (&rising[..], 0.5, 500, Order::NotBefore { at_ms: 1000 }),
        (&[], 0.05, 10, Order::NotBefore { at_ms: 1000 }),
    ] {
        assert_eq!(order(probabilities, at, max, lead, 1000), expected, "{max} {lead}");
    }
}

#[test]
fn quiet_hours_are_the_quietest_apart_from_each_other() {
    let values: Vec<f64> = (0..24 * 21).map(|hour| if (2..6).contains(&(hour % 24)) { 10.0 } else { 100.0 }).collect();
    let history = History::complete(&values, 0, 3_600_000).unwrap();
    let hour_of = |at_ms: i64| (at_ms / 3_600_000 % 168) as usize;
    let hours = by_hour(&history, hour_of);
    let spans = quiet(&hours, 4, 3);
    assert_eq!(spans.iter().map(|span| (span.from, span.hours)).collect::<Vec<_>>(), [(2, 4), (26, 4), (50, 4)]);
    assert!(spans.iter().all(|span| (span.share - 0.1).abs() < 1e-9));
    let short = History::complete(&values[..48], 0, 3_600_000).unwrap();
    assert_eq!(quiet(&by_hour(&short, hour_of), 4, 3), [], "two days know no week");
}

//! Gates on native histograms: counted in whole requests, at the same bound on both sides, with what the bucket of the limit leaves open.

use crate::gates::{canary, fly, slow_requests};
use crate::sky::Sky;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_ports::telemetry::NativeHistogram;
use std::collections::BTreeMap;

/// Buckets of a schema by the numbers of their upper bounds.
fn histogram(schema: u32, counts: &[(i32, f64)]) -> NativeHistogram {
    let bound = |index: i32| (f64::from(index) / f64::from(1_u32 << schema)).exp2();
    let buckets = counts.iter().filter(|(_, count)| *count > 0.0).map(|(index, count)| (bound(index - 1), bound(*index), *count));
    NativeHistogram { count: counts.iter().map(|(_, count)| count).sum(), buckets: buckets.collect() }
}

/// 50 requests a second, of which a share is slow and one in fifty lies in the bucket of the limit.
fn at(schema: u32, seconds: f64, slow: f64) -> NativeHistogram {
    let all = (seconds * 50.0).floor();
    let (slow, open) = ((all * slow).floor(), (all * 0.02).floor());
    let fast = all - slow - open;
    match schema {
        3 => histogram(3, &[(-20, fast), (-13, open), (-3, slow)]),
        _ => histogram(1, &[(-5, fast), (-3, open), (0, slow)]),
    }
}

fn sky(native: impl Fn(bool, f64) -> Option<NativeHistogram> + Send + Sync + 'static) -> Sky {
    let sky = Sky::new();
    sky.telemetry.set_histograms(move |selector, seconds| {
        native(selector.to_string().contains("new"), seconds).map(|found| BTreeMap::from([("only".to_owned(), found)])).unwrap_or_default()
    });
    sky
}

#[tokio::test(start_paused = true)]
async fn a_gate_judges_a_native_histogram_and_says_what_its_bucket_leaves_open() {
    let even = sky(|_, seconds| Some(at(3, seconds, 0.04)));
    let (status, looks) = fly(&even, &canary(vec![slow_requests()])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
    let (_, line) = looks.last().unwrap();
    let words = "counted above 0.2973 s, the bound nearest to 300 ms, which lies in the bucket from 0.2973 to 0.3242 s";
    assert!(line.contains(words) && line.matches(" % are slow)").count() == 2, "{line}");

    let worse = sky(|new, seconds| Some(at(3, seconds, if new { 0.30 } else { 0.04 })));
    let (status, looks) = fly(&worse, &canary(vec![slow_requests()])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert_eq!(looks.last().unwrap().0, VerdictKind::Regression, "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn both_sides_are_counted_at_the_bound_of_the_coarser_one_also_when_it_coarsens_in_flight() {
    let coarser = sky(|new, seconds| Some(at(if new { 1 } else { 3 }, seconds, 0.04)));
    let (status, looks) = fly(&coarser, &canary(vec![slow_requests()])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
    assert!(looks.last().unwrap().1.contains("in the bucket from 0.2500 to 0.3536 s"), "{looks:#?}");

    let coarsens = sky(|new, seconds| Some(at(if new && seconds > 20.0 { 1 } else { 3 }, seconds, 0.04)));
    let (status, looks) = fly(&coarsens, &canary(vec![slow_requests()])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
    let changed = looks.iter().filter(|(_, line)| line.contains("the buckets of the histogram changed")).count();
    assert_eq!(changed, 1, "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_counts_from_zero_and_loses_nothing() {
    // Both sides restart at the same moment; what they count afterwards goes on in the same proportions.
    let restarted = sky(|new, seconds| {
        let since = if seconds > 30.0 { seconds - 30.0 } else { seconds };
        Some(at(3, since, if new { 0.30 } else { 0.04 }))
    });
    let (status, looks) = fly(&restarted, &canary(vec![slow_requests()])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
    assert_eq!(looks.last().unwrap().0, VerdictKind::Regression);
}

#[tokio::test(start_paused = true)]
async fn sides_of_two_kinds_and_buckets_of_no_schema_never_pass() {
    let mixed = sky(|new, seconds| new.then(|| at(3, seconds, 0.04)));
    mixed.telemetry.set_counters(|selector, seconds| {
        let old = (!selector.to_string().contains("new")).then(|| ("only".to_owned(), (seconds * 50.0).floor()));
        Ok(old.into_iter().collect())
    });
    let odd = sky(|_, seconds| Some(NativeHistogram { count: seconds.floor(), buckets: vec![(0.1, 0.25, seconds.floor())] }));
    for (sky, part) in [
        (
            mixed,
            "duration_seconds is a native histogram on the new side and classic buckets on the old side, so that they are counted at other bounds (GP0436)",
        ),
        (odd, "duration_seconds cannot be counted at 300 ms: its bucket from 0.1 to 0.25 is none of an exponential histogram (GP0436)"),
    ] {
        let (status, looks) = fly(&sky, &canary(vec![slow_requests()])).await;
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
        let (verdict, line) = looks.last().unwrap();
        assert!(*verdict == VerdictKind::Undecided && line.contains(part), "{line}");
    }
}

//! Native histograms of a real Prometheus: read in whole requests, and never taken for numbers.

use crate::support::WallClock;
use glidepath_adapters::{EnvFileSecrets, TelemetryRouter};
use glidepath_model::Millis;
use glidepath_model::catalog::{Access, PrometheusSource, Selector};
use glidepath_model::plan::CountSource;
use glidepath_ports::telemetry::RangeSpan;
use glidepath_ports::{Clock, Telemetry, TelemetryError};
use glidepath_testkit::servers::{NativeSample, Prometheus};
use std::path::Path;
use std::sync::Arc;

#[tokio::test]
async fn a_native_histogram_is_read_in_whole_requests_and_never_taken_for_a_number() {
    let server = Prometheus::with_native_histograms();
    let clock = WallClock::default();
    let fine = NativeSample { schema: 3, zero: 5, buckets: vec![(-20, 900), (-14, 60), (-13, 30), (-3, 10)] };
    let coarse = NativeSample { schema: 0, zero: 0, buckets: vec![(-1, 7), (1, 2)] };
    let at_ms = clock.now().as_micros() / 1000;
    server.write_histogram(&[("__name__", "took_seconds"), ("version", "1")], &fine, at_ms);
    server.write_histogram(&[("__name__", "took_seconds"), ("version", "2")], &coarse, at_ms);
    server.write_histogram(&[("__name__", "took_seconds"), ("version", "3")], &NativeSample::default(), at_ms);
    let router = TelemetryRouter::new(Arc::new(EnvFileSecrets::new("/")), Arc::new(WallClock::default()), Path::new("/"));
    let source = CountSource::Prometheus(PrometheusSource { url: server.url(), access: Access::default(), timeout_ms: Millis(20_000) });
    let selector = |text: &str| Selector::parse(text).unwrap();

    let reading = router.histograms(&source, &selector("took_seconds")).await.unwrap();
    let found: Vec<(&str, f64, usize)> = reading.series.iter().map(|(name, h)| (name.as_str(), h.count, h.buckets.len())).collect();
    let name = |version: u8| format!("took_seconds{{version=\"{version}\"}}");
    assert_eq!(found, [(name(1).as_str(), 1005.0, 5), (name(2).as_str(), 9.0, 2), (name(3).as_str(), 0.0, 0)]);
    let bounds = &reading.series[&name(2)].buckets;
    assert_eq!(bounds, &[(0.25, 0.5, 7.0), (1.0, 2.0, 2.0)]);
    // Where a limit is a bound, what was counted is what the server itself says; elsewhere it interpolates.
    let within =
        |bound: f64| reading.series[&name(1)].buckets.iter().filter(|(_, upper, _)| *upper <= bound).map(|(_, _, n)| n).sum::<f64>();
    for bound in [0.25, 0.5, 1.0] {
        let query =
            format!("histogram_fraction(-Inf, {bound}, took_seconds{{version=\"1\"}}) * histogram_count(took_seconds{{version=\"1\"}})");
        let said = router.value(&source, &query).await.unwrap().unwrap().value;
        assert!((said - within(bound)).abs() < 1e-6, "{bound}: {said} and {}", within(bound));
    }

    assert!(router.histograms(&source, &selector("up")).await.unwrap().series.is_empty());
    let span = RangeSpan { from: clock.now().minus(Millis(60_000)), to: clock.now(), step: Millis(15_000) };
    let wrong = [
        router.counters(&source, &selector("took_seconds")).await.map(drop),
        router.value(&source, "took_seconds{version=\"1\"}").await.map(drop),
        router.range(&source, "took_seconds", span).await.map(drop),
    ];
    for found in wrong {
        let said = matches!(&found, Err(TelemetryError::Unsupported { reason, .. }) if reason.contains("native histogram took_seconds{version=") && reason.ends_with("(GP0436)"));
        assert!(said, "{found:?}");
    }
}

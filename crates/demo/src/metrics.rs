//! Counters of one replica as a Prometheus page.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Status codes that are counted; each is there from the start, so that the first failure is seen as a rise.
const CODES: [u16; 3] = [200, 500, 502];
/// Upper bounds of the histogram's buckets, in milliseconds.
const BOUNDS_MS: [u64; 8] = [5, 10, 25, 50, 100, 300, 1000, 2500];

/// Counters of one replica.
#[derive(Debug)]
pub struct Metrics {
    labels: String,
    codes: [AtomicU64; CODES.len()],
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
    micros: AtomicU64,
}

impl Metrics {
    /// Counters at zero with these labels.
    pub fn new(labels: String) -> Self {
        Self { labels, codes: Default::default(), buckets: Default::default(), micros: AtomicU64::new(0) }
    }

    /// Counts one request.
    pub fn count(&self, code: u16, took: Duration) {
        let at = CODES.iter().position(|c| *c == code).unwrap_or(1);
        self.codes[at].fetch_add(1, Ordering::Relaxed);
        let bucket = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BOUNDS_MS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The page.
    pub fn page(&self) -> String {
        let labels = &self.labels;
        let mut page = String::from("# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n");
        for (code, count) in CODES.iter().zip(&self.codes) {
            let _ = writeln!(page, "http_requests_total{{{labels},code=\"{code}\"}} {}", count.load(Ordering::Relaxed));
        }
        page += "# HELP http_request_duration_seconds Time to answer.\n# TYPE http_request_duration_seconds histogram\n";
        let mut sum = 0;
        for (bound, count) in BOUNDS_MS.iter().zip(&self.buckets) {
            sum += count.load(Ordering::Relaxed);
            let _ = writeln!(page, "http_request_duration_seconds_bucket{{{labels},le=\"{}\"}} {sum}", *bound as f64 / 1000.0);
        }
        sum += self.buckets[BOUNDS_MS.len()].load(Ordering::Relaxed);
        let _ = writeln!(page, "http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {sum}");
        let _ = writeln!(page, "http_request_duration_seconds_sum{{{labels}}} {}", self.micros.load(Ordering::Relaxed) as f64 / 1e6);
        let _ = writeln!(page, "http_request_duration_seconds_count{{{labels}}} {sum}");
        page
    }
}

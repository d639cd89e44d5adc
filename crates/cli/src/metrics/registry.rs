//! Values of metrics by their labels, and their text for Prometheus.
//!
//! The text is OpenMetrics 1.0 (github.com/prometheus/OpenMetrics). What is not in the table of figures is not served.

use glidepath_judge::measures::{FIGURES, Kind, Measure, Unit};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Series of one family at most; what has no room is counted under [`OTHER`].
const SERIES_MAX: usize = 1_000;
/// Value of every label of what has no room of its own.
const OTHER: &str = "other";

/// Values of the labels of a series, in the order of the table.
type Labels = Vec<String>;

/// All that is served.
#[derive(Debug, Default)]
pub(super) struct Registry {
    families: BTreeMap<&'static str, BTreeMap<Labels, Series>>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
enum Series {
    Number(f64),
    /// Values under each bound, each counted once, and their sum.
    Spread {
        counts: Vec<u64>,
        above: u64,
        sum: f64,
    },
}

impl Registry {
    /// One in which what has no labels is 0, so that its first rise is seen.
    pub(super) fn new() -> Self {
        let mut registry = Self::default();
        for measure in FIGURES.iter().filter(|measure| measure.labels.is_empty() && measure.kind == Kind::Counter) {
            registry.add(measure.name, &[], 0.0);
        }
        registry.set("glidepath_build", &[env!("CARGO_PKG_VERSION")], 1.0);
        registry
    }

    /// Adds to a counter.
    pub(super) fn add(&mut self, name: &str, labels: &[&str], by: f64) {
        if let Some(Series::Number(value)) = self.series(name, labels) {
            *value += by;
        }
    }

    /// Sets a gauge.
    pub(super) fn set(&mut self, name: &str, labels: &[&str], to: f64) {
        if let Some(Series::Number(value)) = self.series(name, labels) {
            *value = to;
        }
    }

    /// Sets every series of a gauge to 0, before those that are not are set anew.
    pub(super) fn clear(&mut self, name: &str) {
        let series = self.families.get_mut(name).into_iter().flat_map(BTreeMap::values_mut);
        series.for_each(|series| *series = Series::Number(0.0));
    }

    /// Counts a value into a histogram.
    pub(super) fn observe(&mut self, name: &str, labels: &[&str], seconds: f64) {
        let Some(Kind::Histogram(bounds)) = Measure::served(name).map(|measure| measure.kind) else { return };
        let Some(Series::Spread { counts, above, sum }) = self.series(name, labels) else { return };
        *sum += seconds;
        match bounds.iter().position(|bound| seconds <= *bound).and_then(|at| counts.get_mut(at)) {
            Some(count) => *count += 1,
            None => *above += 1,
        }
    }

    fn series(&mut self, name: &str, labels: &[&str]) -> Option<&mut Series> {
        let measure = Measure::served(name)?;
        debug_assert_eq!(measure.labels.len(), labels.len(), "labels of {name}");
        let family = self.families.entry(measure.name).or_default();
        let mut key: Labels = labels.iter().map(|label| (*label).to_owned()).collect();
        if family.len() >= SERIES_MAX && !family.contains_key(&key) {
            key.fill(OTHER.to_owned());
        }
        Some(family.entry(key).or_insert_with(|| match measure.kind {
            Kind::Histogram(bounds) => Series::Spread { counts: vec![0; bounds.len()], above: 0, sum: 0.0 },
            Kind::Counter | Kind::Gauge | Kind::Info | Kind::Report | Kind::NotMeasured(_) => Series::Number(0.0),
        }))
    }

    /// The text that is served.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for measure in FIGURES.iter().filter(|measure| measure.kind.is_served()) {
            let name = measure.name;
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}", measure.definition, measure.kind.name());
            if measure.unit == Unit::Seconds {
                let _ = writeln!(text, "# UNIT {name} seconds");
            }
            for (labels, series) in self.families.get(name).into_iter().flatten() {
                samples(measure, labels, series, &mut text);
            }
        }
        text + "# EOF\n"
    }
}

fn samples(measure: &Measure, labels: &[String], series: &Series, text: &mut String) {
    let name = measure.name;
    match (series, measure.kind) {
        (Series::Spread { counts, above, sum }, Kind::Histogram(bounds)) => {
            let mut until = 0;
            for (bound, count) in bounds.iter().zip(counts) {
                until += count;
                let _ = writeln!(text, "{name}_bucket{} {until}", braces(measure, labels, Some(&format!("{bound:?}"))));
            }
            let all = until + above;
            let _ = writeln!(text, "{name}_bucket{} {all}", braces(measure, labels, Some("+Inf")));
            let _ = writeln!(text, "{name}_count{braces} {all}\n{name}_sum{braces} {sum}", braces = braces(measure, labels, None));
        }
        (Series::Number(value), kind) => {
            let ending = kind.endings().first().copied().unwrap_or_default();
            let _ = writeln!(text, "{name}{ending}{} {value}", braces(measure, labels, None));
        }
        (Series::Spread { .. }, _) => {}
    }
}

fn braces(measure: &Measure, labels: &[String], le: Option<&str>) -> String {
    let named = measure.labels.iter().copied().zip(labels.iter().map(String::as_str)).chain(le.map(|le| ("le", le)));
    let pairs: Vec<String> = named.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_gauges_and_histograms_are_written_as_openmetrics_has_them() {
        let mut registry = Registry::new();
        registry.add("glidepath_runs_started", &["prod\"u\\ction\n", "normal"], 2.0);
        registry.set("glidepath_runs_live", &["flying"], 1.0);
        for seconds in [4.0, 5.0, 100.0, 1e9] {
            registry.observe("glidepath_safety_seconds", &["production"], seconds);
        }
        let text = registry.text();
        for line in [
            "# TYPE glidepath_runs_started counter",
            "glidepath_runs_started_total{environment=\"prod\\\"u\\\\ction\\n\",class=\"normal\"} 2",
            "glidepath_runs_live{status=\"flying\"} 1",
            "# UNIT glidepath_safety_seconds seconds",
            "glidepath_safety_seconds_bucket{environment=\"production\",le=\"5.0\"} 2",
            "glidepath_safety_seconds_bucket{environment=\"production\",le=\"120.0\"} 3",
            "glidepath_safety_seconds_bucket{environment=\"production\",le=\"3600.0\"} 3",
            "glidepath_safety_seconds_bucket{environment=\"production\",le=\"+Inf\"} 4",
            "glidepath_safety_seconds_count{environment=\"production\"} 4",
            "glidepath_safety_seconds_sum{environment=\"production\"} 1000000109",
            "glidepath_clock_jumps_total 0",
        ] {
            assert!(text.lines().any(|given| given == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && text.contains("glidepath_build_info{version=\""), "{text}");
    }

    #[test]
    fn names_without_end_make_no_series_without_end() {
        let mut registry = Registry::new();
        for at in 0..2 * SERIES_MAX {
            registry.add("glidepath_retries", &[&at.to_string()], 1.0);
        }
        let text = registry.text();
        assert_eq!(text.matches("glidepath_retries_total{").count(), SERIES_MAX + 1);
        assert!(
            text.contains(&format!("glidepath_retries_total{{action=\"other\"}} {SERIES_MAX}\n")),
            "what has no room is counted all the same"
        );
        registry.clear("glidepath_retries");
        assert!(!registry.text().contains("glidepath_retries_total{action=\"7\"} 1"));
    }
}

//! What counters say: ratios, rates, and whether the old side's series can be told from the rest.

use super::{Answer, Collector, Question, answers, count_source, placed, region_values};
use glidepath_judge::native::{Cut, Parts};
use glidepath_model::catalog::{Catalog, MatchOperator, Matcher, Region, Selector, Target, TrafficSource, filled_text};
use glidepath_model::facts::{MissingFact, Sourced};
use glidepath_model::plan::{CountSelectors, CountSource};
use glidepath_model::{Millis, TargetName, Timestamp, Version};
use glidepath_ports::{CounterReading, TelemetryError};
use glidepath_runtime::gate::side::{self, Counted, Side};
use std::collections::BTreeMap;

/// Time between two readings of plain counter pages, from which a rate is made.
const SCRAPE_SPAN_MS: Millis = Millis::from_secs(2);
/// Over which time a Prometheus counts requests. Between two scrapes its counters stand still, so that two readings of them tell nothing.
const COUNTED_OVER: &str = "5m";

/// Over which time a Prometheus counts what share is bad: since its processes began, counters remember outages of months ago.
const SHARE_OVER: &str = "1h";
/// Requests in that time from which on their bad share says more than that of all that was ever counted.
const SHARE_OF_MIN: f64 = 1000.0;

/// A side that no version is called by.
const NOBODY: &str = "glidepath-nobody";

/// Anything that is not empty, as a label's value.
const ANY_VALUE: &str = ".+";

impl Collector {
    /// Error and slow ratios; and, where no traffic is declared, the rate from the same counters.
    pub(super) fn ratio_questions(&self, target: &Target, region: &Region, source: &CountSource) -> Vec<Question> {
        let Some(signals) = &target.signals else { return Vec::new() };
        let values = region_values(target, region);
        let fill = |s: &Selector| s.clone().map_values(|v| filled_text(v, &values, &mut Vec::new()));
        let asked = [
            signals.errors.as_ref().map(|e| ("errors", CountSelectors::BadOfTotal { bad: fill(&e.bad), total: fill(&e.total) })),
            signals
                .slow
                .as_ref()
                .map(|s| ("slow", CountSelectors::AboveLimit { histogram: fill(&s.histogram), limit_ms: s.limit_ms, native: false })),
        ];
        let mut questions: Vec<Question> = Vec::new();
        let rate_wanted = match (&target.traffic, source, &signals.errors) {
            (Some(TrafficSource::Assumed(_)), CountSource::Prometheus(_), Some(errors)) => {
                questions.push(self.counted_question(target, region, source, &fill(&errors.total)));
                false
            }
            (None, CountSource::Prometheus(_), Some(errors)) => {
                let what = ("traffic", format!("request rate of {} in {}", target.name, region.name));
                let make = {
                    let (name, region) = (target.name.clone(), region.clone());
                    move |fact| Answer::Rate(name, region, fact)
                };
                questions.push(self.value_question(source.clone(), rate_of(&fill(&errors.total)), what, target.name.clone(), make));
                false
            }
            (_, CountSource::Prometheus(_), _) | (Some(TrafficSource::Assumed(_)), ..) => false,
            (Some(TrafficSource::Query(query)), CountSource::Scrape { .. } | CountSource::Json(_), _) => !answers(source, query),
            (None, CountSource::Scrape { .. } | CountSource::Json(_), _) => true,
        };
        for (kind, selectors) in asked.into_iter().flatten() {
            let (this, source, name, region) = (self.clone(), source.clone(), target.name.clone(), region.clone());
            let with_rate = rate_wanted && kind == "errors";
            questions.push(Box::pin(async move { this.ask_ratio(kind, name, region, &source, &selectors, with_rate).await }));
        }
        questions
    }

    /// What the counters say of traffic that is declared; where they say nothing, nothing is missing.
    fn counted_question(&self, target: &Target, region: &Region, source: &CountSource, total: &Selector) -> Question {
        let query = rate_of(total);
        let (this, source, name, region) = (self.clone(), source.clone(), target.name.clone(), region.name.clone());
        Box::pin(async move {
            let reading = this.telemetry.value(&source, &query).await.ok().flatten();
            let fact = reading.map(|reading| Sourced::observed(reading.value, query, reading.observed_at));
            fact.map(|fact| Answer::Counted(name, region, fact)).into_iter().collect()
        })
    }

    async fn ask_ratio(
        &self,
        kind: &'static str,
        target: TargetName,
        region: Region,
        source: &CountSource,
        selectors: &CountSelectors,
        with_rate: bool,
    ) -> Vec<Answer> {
        let what = format!("{kind} of {target} in {}", region.name);
        let missing =
            |why: String| Answer::Missing(MissingFact { what: what.clone(), why, target: Some(target.clone()), kind: kind.to_owned() });
        let side = match Side::read(source, selectors, &*self.telemetry).await {
            Ok(side) => side,
            Err(error) => return vec![missing(error.to_string())],
        };
        let is_native = side.is_native() == Some(true);
        let cut = match selectors {
            CountSelectors::AboveLimit { histogram, limit_ms, .. } if is_native => {
                match side::cut(histogram.bound_of(*limit_ms), None, [&side]) {
                    Ok(cut) => cut,
                    Err(unfit) => return vec![missing(format!("{histogram} cannot be counted at {limit_ms}: {unfit} (GP0436)"))],
                }
            }
            CountSelectors::AboveLimit { .. } | CountSelectors::BadOfTotal { .. } => None,
        };
        let Counted { part: some, total: all, inside } = side.counted(cut.as_ref());
        let (part, total, part_is_good) = match selectors {
            CountSelectors::BadOfTotal { bad, total } => (bad.clone(), total.clone(), false),
            CountSelectors::AboveLimit { histogram, .. } if is_native => (histogram.clone(), histogram.clone(), true),
            CountSelectors::AboveLimit { histogram, limit_ms, .. } => {
                let (bucket, count) = histogram.histogram_parts(*limit_ms);
                (bucket, count, true)
            }
        };
        let sum = |reading: &CounterReading| reading.series.values().sum::<f64>();
        let (all_sum, some_sum) = (sum(&all), sum(&some));
        for (counters, asked) in [(&all, &total), (&some, &part)] {
            if let Some(value) = no_count(&counters.series) {
                return vec![missing(format!("{asked} counts {value}, which is no number of requests"))];
            }
        }
        if all_sum <= 0.0 {
            return vec![missing(format!("{total} counts no request"))];
        }
        if part_is_good && some.series.len() < all.series.len() {
            return vec![missing(format!(
                "{} of {} series have no bucket {part}; the limit of spec.signals.slow must be a bound of the histogram",
                all.series.len() - some.series.len(),
                all.series.len()
            ))];
        }
        let recent = if is_native { None } else { self.recent(source, &part, &total).await };
        let (some_now, all_now) = recent.unwrap_or((some_sum, all_sum));
        let ratio = if part_is_good { 1.0 - some_now / all_now } else { some_now / all_now };
        let told = match cut {
            Some(cut) => native_words(&total, &cut, Parts { within: some_sum, inside: sum(&inside) }, all_sum),
            None if recent.is_some() => format!("counters over {SHARE_OVER}: {part} over {total}"),
            None => format!("counters since the processes began: {part} over {total}"),
        };
        let fact = Sourced::observed(ratio.clamp(0.0, 1.0), told, all.observed_at);
        let mut answers = vec![if kind == "errors" {
            Answer::Errors(target.clone(), region.clone(), fact)
        } else {
            Answer::Slow(target.clone(), region.clone(), fact, is_native)
        }];
        if with_rate {
            answers.push(self.ask_rate(target.clone(), region, source, &total, &all.series, all.observed_at).await);
        }
        answers
    }

    /// What a Prometheus counted of late, part and all; none where that is little, or where nobody keeps it.
    async fn recent(&self, source: &CountSource, part: &Selector, total: &Selector) -> Option<(f64, f64)> {
        if !matches!(source, CountSource::Prometheus(_)) {
            return None;
        }
        let all = self.grown_over(source, total).await.filter(|all| *all >= SHARE_OF_MIN)?;
        Some((self.grown_over(source, part).await?.clamp(0.0, all), all))
    }

    async fn grown_over(&self, source: &CountSource, selector: &Selector) -> Option<f64> {
        let asked = format!("sum(increase({selector}[{SHARE_OVER}]))");
        let reading = self.telemetry.value(source, &asked).await.ok()?;
        Some(reading.map_or(0.0, |reading| reading.value))
    }

    async fn ask_rate(
        &self,
        target: TargetName,
        region: Region,
        source: &CountSource,
        total: &Selector,
        first: &BTreeMap<String, f64>,
        first_at: Timestamp,
    ) -> Answer {
        self.clock.sleep_until(self.clock.now().plus(SCRAPE_SPAN_MS)).await;
        let what = format!("request rate of {target} in {}", region.name);
        let missing = |why: String| {
            Answer::Missing(MissingFact { what: what.clone(), why, target: Some(target.clone()), kind: "traffic".to_owned() })
        };
        match self.telemetry.counters(source, total).await {
            Err(error) => missing(error.to_string()),
            Ok(second) => {
                let seconds = second.observed_at.since(first_at).as_secs_f64();
                if let Some(value) = no_count(&second.series) {
                    return missing(format!("{total} counts {value}, which is no number of requests"));
                }
                if seconds <= 0.0 {
                    return missing("the source's clock stood still between two readings".to_owned());
                }
                let grown = grown(first, &second.series);
                if grown <= 0.0 {
                    return missing(format!(
                        "no request was counted within {seconds:.1} s, which does not tell how many come; declare `traffic`, or let a Prometheus count them"
                    ));
                }
                Answer::Rate(
                    target.clone(),
                    region,
                    Sourced::observed(grown / seconds, format!("two readings of {total}, {seconds:.1} s apart"), second.observed_at),
                )
            }
        }
    }

    /// Whether the counters of the version that runs are there under the label of the split: a canary is compared with them.
    pub(super) fn side_questions<'v>(
        &self,
        catalog: &Catalog,
        target: &Target,
        versions: impl Iterator<Item = &'v Version>,
    ) -> Vec<Question> {
        let Some((signals, split)) = target.signals.as_ref().and_then(|signals| Some((signals, signals.split.as_ref()?))) else {
            return Vec::new();
        };
        let Some(source) = count_source(catalog, target) else { return Vec::new() };
        // Failed requests have no series before the first of them, so all of them are asked for.
        let (total, histogram) = match (&signals.errors, &signals.slow) {
            (Some(errors), _) => (errors.total.clone(), None),
            (None, Some(slow)) => (slow.histogram.histogram_parts(slow.limit_ms).1, Some(&slow.histogram.metric)),
            (None, None) => return Vec::new(),
        };
        let from = commonest(versions);
        let mut questions: Vec<Question> = Vec::new();
        for region in &target.regions {
            let mut values = region_values(target, region);
            values.extend(from.map(|from| ("from", from.to_string())));
            let mut unknown = Vec::new();
            let old = filled_text(&split.baseline, &values, &mut unknown);
            let everything = total.clone().map_values(|value| filled_text(value, &values, &mut Vec::new()));
            // Where nothing tells the version, any value of the label is the best that can be asked for.
            let asked = if unknown.is_empty() {
                everything.clone().with(&split.label, &old)
            } else {
                let mut labelled = everything.clone();
                let any = Matcher { label: split.label.clone(), operator: MatchOperator::Matches, value: ANY_VALUE.to_owned() };
                labelled.matchers.push(any);
                labelled
            };
            // A native histogram has one series where a classic one has its count.
            let native = histogram.map(|metric| Selector { metric: metric.clone(), matchers: asked.matchers.clone() });
            let (this, source, name, region) = (self.clone(), placed(&source, target, region), target.name.clone(), region.name.clone());
            let label = split.label.clone();
            questions.push(Box::pin(async move {
                let what = format!("the old side's series of {name} in {region}");
                let missing =
                    |why: String| Answer::Missing(MissingFact { what, why, target: Some(name.clone()), kind: "split".to_owned() });
                let found = match this.side_series(&source, &asked, native.as_ref()).await {
                    Ok(found) => found,
                    Err(error) => return vec![missing(error.to_string())],
                };
                let why = match no_count(&found.series) {
                    Some(value) => Some(format!("`{asked}` counts {value}, which is no number of requests")),
                    None if found.series.is_empty() => Some(format!("`{asked}` finds none, whatever else `{everything}` finds")),
                    None => this.one_for_all(&source, everything.with(&label, NOBODY), &found).await,
                };
                let answer = Answer::Split(name.clone(), Sourced::observed(why.is_none(), asked.to_string(), found.observed_at));
                std::iter::once(answer).chain(why.map(missing)).collect()
            }));
        }
        questions
    }
}

impl Collector {
    /// Why a server that is told in its address for which side to count does not do so: it has as many requests of a side that is not there. Then both sides of a canary
    /// would be the same, and no canary bad.
    async fn one_for_all(&self, source: &CountSource, nobody: Selector, found: &CounterReading) -> Option<String> {
        if !matches!(source, CountSource::Json(_)) {
            return None;
        }
        let sum = |reading: &CounterReading| reading.series.values().sum::<f64>();
        let of_nobody = sum(&self.telemetry.counters(source, &nobody).await.ok()?);
        (of_nobody > 0.0 && of_nobody >= sum(found)).then(|| {
            format!("it has {of_nobody} requests of a side called `{NOBODY}`, which is not there, so that it does not count by side; let the address say `{{side}}` as the server reads it")
        })
    }

    /// Counters, or what a native histogram counted where there are none.
    async fn side_series(
        &self,
        source: &CountSource,
        asked: &Selector,
        native: Option<&Selector>,
    ) -> Result<CounterReading, TelemetryError> {
        let found = self.telemetry.counters(source, asked).await?;
        let Some(native) = native.filter(|_| found.series.is_empty()) else { return Ok(found) };
        let histograms = self.telemetry.histograms(source, native).await?;
        let counts = histograms.series.into_iter().map(|(name, histogram)| (name, histogram.count)).collect();
        Ok(CounterReading { series: counts, observed_at: found.observed_at.max(histograms.observed_at) })
    }
}

/// What a native histogram says, and what it leaves open.
fn native_words(histogram: &Selector, cut: &Cut, parts: Parts, total: f64) -> String {
    let unit = if histogram.is_in_millis() { "ms" } else { "s" };
    let counted = format!("the native histogram {histogram} since the processes began, above {:.4} {unit}", cut.bound);
    if cut.is_exact() {
        return counted;
    }
    let (least, most) = cut.slow_between(parts, total);
    format!(
        "{counted}, the bound nearest to the limit, which lies in the bucket from {:.4} to {:.4} {unit}: {:.2} % to {:.2} % are slow",
        cut.from,
        cut.to,
        100.0 * least / total,
        100.0 * most / total
    )
}

/// The query for the requests per second that a counter counts.
fn rate_of(total: &Selector) -> String {
    format!("sum(rate({total}[{COUNTED_OVER}]))")
}

/// By how much counters have grown; one that is less than before began anew with its process.
fn grown(first: &BTreeMap<String, f64>, second: &BTreeMap<String, f64>) -> f64 {
    let of = |(key, now): (&String, &f64)| match first.get(key) {
        Some(before) if before <= now => now - before,
        Some(_) | None => *now,
    };
    second.iter().map(of).sum()
}

/// The version that most hosts run; of several, the lowest, as the planner takes it.
pub(super) fn commonest<'v>(versions: impl Iterator<Item = &'v Version>) -> Option<&'v Version> {
    let mut counts: BTreeMap<&Version, usize> = BTreeMap::new();
    for version in versions {
        *counts.entry(version).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(version, count)| (*count, std::cmp::Reverse(*version))).map(|(version, _)| version)
}

/// A value that no counter has: below nothing, or none at all.
fn no_count(series: &BTreeMap<String, f64>) -> Option<f64> {
    series.values().copied().find(|value| !value.is_finite() || *value < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_counter_can_say_is_no_count() {
        let of = |values: &[f64]| no_count(&values.iter().enumerate().map(|(at, value)| (at.to_string(), *value)).collect());
        assert_eq!([of(&[]), of(&[0.0, 5.0]), of(&[1.0, -2.0])], [None, None, Some(-2.0)]);
        assert!(of(&[1.0, f64::NAN]).is_some_and(f64::is_nan) && of(&[f64::INFINITY]).is_some());
    }

    #[test]
    fn a_counter_that_began_anew_has_counted_since() {
        let of = |values: &[(&str, f64)]| values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect::<BTreeMap<_, _>>();
        assert_eq!(grown(&of(&[("a", 10.0), ("b", 50.0)]), &of(&[("a", 14.0), ("b", 3.0), ("c", 2.0)])), 9.0);
        assert_eq!(grown(&of(&[("a", 10.0)]), &of(&[("a", 10.0)])), 0.0);
    }

    #[test]
    fn the_side_that_is_asked_for_is_the_one_that_most_hosts_run() {
        let of = |versions: &[&str]| {
            let versions: Vec<Version> = versions.iter().map(|version| Version::from(*version)).collect();
            commonest(versions.iter()).map(ToString::to_string)
        };
        assert_eq!([of(&[]), of(&["2", "1", "2"]), of(&["2", "1"])], [None, Some("2".to_owned()), Some("1".to_owned())]);
    }
}

//! How much counts scatter between hosts that run the same: one host against the others, stretch by stretch of the last hours, each time another one.
//!
//! Requests come in bursts, and a host has moods. The judge needs to know by how much more than chance equal sides differ, or it calls noise a regression.
//! Noise that lasts longer than a look adds up over looks, so that stretches longer than looks are read, and of several lengths the noisiest counts. A
//! rollout in that time cannot make it look larger: only what ran under the present version is counted.

use super::counts::commonest;
use super::{Answer, Collector, Question, labelled_hosts, region_values};
use glidepath_judge::Dispersion;
use glidepath_judge::proportion::Counts;
use glidepath_model::catalog::{Catalog, HostLabel, Matcher, Region, Selector, Split, Target, filled_text};
use glidepath_model::facts::{MissingFact, Scatter, Sourced};
use glidepath_model::plan::CountSource;
use glidepath_model::text::plural;
use glidepath_model::{Millis, Timestamp, Version};
use glidepath_ports::telemetry::RangeSpan;
use std::collections::BTreeMap;

/// How the past is read: so far back, in stretches of so long. The second where counters are scraped too seldom for the first.
const READINGS: [(Millis, Millis); 2] =
    [(Millis::from_mins(6 * 60), Millis::from_mins(1)), (Millis::from_mins(24 * 60), Millis::from_mins(5))];
/// Stretches that are taken together as one.
const TOGETHER: [usize; 2] = [1, 5];

/// Bad and all requests of each stretch of a host.
type Stretches = BTreeMap<u64, [f64; 2]>;

/// The counters of a signal on the side that runs.
struct Counted {
    name: &'static str,
    /// Bad requests, or those that were quick enough.
    part: Selector,
    total: Selector,
    /// Whether `part` counts the good ones.
    is_good: bool,
}

impl Collector {
    /// How much the counts of each signal scatter, by region, where the split says how hosts are told apart and a Prometheus keeps their past.
    pub(super) fn scatter_questions<'v>(
        &self,
        catalog: &Catalog,
        target: &Target,
        versions: impl Iterator<Item = &'v Version>,
    ) -> Vec<Question> {
        let Some((signals, split)) = target.signals.as_ref().and_then(|signals| Some((signals, signals.split.as_ref()?))) else {
            return Vec::new();
        };
        let Some(label) = split.host.as_ref() else { return Vec::new() };
        let keeps_past = target.metrics_url.is_none() && target.metrics_json.is_none();
        let Some(source) = catalog.settings.prometheus.as_ref().filter(|_| keeps_past) else {
            let missing = MissingFact {
                what: format!("scatter of the counts of {}", target.name),
                why: "only a Prometheus keeps their past, host by host".to_owned(),
                target: Some(target.name.clone()),
                kind: "scatter".to_owned(),
            };
            return vec![Box::pin(async move { vec![Answer::Missing(missing)] })];
        };
        let Some(from) = commonest(versions) else { return Vec::new() };
        let mut questions: Vec<Question> = Vec::new();
        for region in target.regions.iter().filter(|region| region.hosts.len() > 1) {
            let placed = |selector: &Selector| of_side(target, region, split, from, selector);
            let errors = signals.errors.as_ref();
            let errors = errors.map(|e| Counted { name: "errors", part: placed(&e.bad), total: placed(&e.total), is_good: false });
            let slow = signals.slow.as_ref().map(|slow| {
                let (within, all) = slow.histogram.histogram_parts(slow.limit_ms);
                Counted { name: "slow", part: placed(&within), total: placed(&all), is_good: true }
            });
            for counted in errors.into_iter().chain(slow) {
                let (this, source) = (self.clone(), CountSource::Prometheus(source.clone()));
                let (target, region, label) = (target.clone(), region.clone(), label.clone());
                questions.push(Box::pin(async move {
                    let what = format!("scatter of {} of {} in {}", counted.name, target.name, region.name);
                    match this.scatter(&source, &target, &region, &label, &counted).await {
                        Ok(fact) => vec![Answer::Scatter(target.name, region.name, counted.name, fact)],
                        Err(why) => {
                            vec![Answer::Missing(MissingFact { what, why, target: Some(target.name), kind: "scatter".to_owned() })]
                        }
                    }
                }));
            }
        }
        questions
    }

    async fn scatter(
        &self,
        source: &CountSource,
        target: &Target,
        region: &Region,
        label: &HostLabel,
        counted: &Counted,
    ) -> Result<Sourced<Scatter>, String> {
        let hosts = labelled_hosts(target, region, &label.value);
        let now = self.clock.now();
        let mut read = 0;
        for (history, length) in READINGS {
            let steps = history.0 / length.0;
            // Each value is of the stretch that ends there.
            let span = RangeSpan { from: now.minus(Millis(length.0 * (steps - 1))), to: now, step: length };
            let [part, total] = [&counted.part, &counted.total].map(|selector| query_of(selector, label, &hosts, length));
            let (part, total) =
                tokio::try_join!(self.by_host(source, &part, span, label, &hosts), self.by_host(source, &total, span, label, &hosts))?;
            let stretches = joined(&part, &total, counted.is_good);
            read = read.max(stretches.iter().map(BTreeMap::len).max().unwrap_or(0));
            if let Some(found) = noisiest(&stretches, steps, length) {
                let what = format!("`{}` of each host over {history}, in stretches of {}", counted.total, found.window_ms);
                return Ok(Sourced::observed(found, what, now));
            }
        }
        Err(match read {
            0 => format!("`{}` has no past under `{}`, host by host", counted.total, label.label),
            _ => format!("too few of {} had bad requests to tell from chance", plural(read, "stretch of time", "stretches of time")),
        })
    }

    /// The series of a query by host, by the number of their steps.
    async fn by_host(
        &self,
        source: &CountSource,
        query: &str,
        span: RangeSpan,
        label: &HostLabel,
        hosts: &[String],
    ) -> Result<Vec<BTreeMap<u64, f64>>, String> {
        let reading = self.telemetry.range(source, query, span).await.map_err(|error| error.to_string())?;
        let step = |at: Timestamp| (at.since(span.from).0 + span.step.0 / 2) / span.step.0.max(1);
        let of = |host: &String| {
            let key = format!("{{{}={host:?}}}", label.label);
            let samples = reading.series.get(&key).into_iter().flatten();
            samples.filter(|sample| sample.value.is_finite() && sample.value >= 0.0).map(|sample| (step(sample.at), sample.value)).collect()
        };
        Ok(hosts.iter().map(of).collect())
    }
}

/// A selector with its placeholders filled, narrowed to the side that runs.
fn of_side(target: &Target, region: &Region, split: &Split, from: &Version, selector: &Selector) -> Selector {
    let mut values = region_values(target, region);
    values.insert("from", from.to_string());
    let filled = |text: &str| filled_text(text, &values, &mut Vec::new());
    selector.clone().map_values(filled).with(&split.label, &filled(&split.baseline))
}

fn query_of(selector: &Selector, label: &HostLabel, hosts: &[String], length: Millis) -> String {
    let mut of_hosts = selector.clone();
    of_hosts.matchers.push(Matcher::any_of(&label.label, hosts));
    format!("sum by ({}) (increase({of_hosts}[{}s]))", label.label, length.0 / 1000)
}

/// What each host counted in each stretch; bad requests that nobody counted are none.
fn joined(part: &[BTreeMap<u64, f64>], total: &[BTreeMap<u64, f64>], is_good: bool) -> Vec<Stretches> {
    let of = |(part, total): (&BTreeMap<u64, f64>, &BTreeMap<u64, f64>)| {
        let bad = |step: &u64, all: f64| {
            let counted = part.get(step).copied();
            let bad = if is_good { all - counted? } else { counted.unwrap_or(0.0) };
            Some(bad.clamp(0.0, all))
        };
        total.iter().filter_map(|(step, all)| Some((*step, [bad(step, *all)?, *all]))).collect()
    };
    part.iter().zip(total).map(of).collect()
}

/// The noise of the stretches, taken by themselves and several together, where that can be told.
fn noisiest(hosts: &[Stretches], steps: u64, length: Millis) -> Option<Scatter> {
    let learnt = TOGETHER.into_iter().filter_map(|together| {
        let windows = windows(hosts, steps, together);
        match Dispersion::learn(&windows) {
            Dispersion::Learnt { phi, windows } => {
                Some(Scatter { dispersion: phi, windows, window_ms: Millis(length.0 * together as u64) })
            }
            Dispersion::Assumed | Dispersion::Stated { .. } => None,
        }
    });
    learnt.max_by(|a, b| a.dispersion.total_cmp(&b.dispersion))
}

/// One host against the others, another one in each window; without those in which a host said nothing.
fn windows(hosts: &[Stretches], steps: u64, together: usize) -> Vec<Counts> {
    let of = |(number, first): (usize, u64)| {
        let stretch = first..first + together as u64;
        let sums: Option<Vec<[f64; 2]>> = hosts.iter().map(|host| sum(stretch.clone().map(|step| host.get(&step)))).collect();
        let sums = sums?;
        let [canary_bad, canary_total] = *sums.get(number % hosts.len())?;
        let [all_bad, all] = sums.iter().fold([0.0, 0.0], |[bad, all], [more_bad, more]| [bad + more_bad, all + more]);
        Some(Counts { canary_bad, canary_total, baseline_bad: all_bad - canary_bad, baseline_total: all - canary_total })
    };
    (0..steps).step_by(together).enumerate().filter_map(of).collect()
}

/// The sum of pairs, of which none may be missing.
fn sum<'a>(mut pairs: impl Iterator<Item = Option<&'a [f64; 2]>>) -> Option<[f64; 2]> {
    pairs.try_fold([0.0, 0.0], |[bad, all], one| one.map(|[more_bad, more]| [bad + more_bad, all + more]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Stretches of four hosts: one request in a hundred is bad, but for a host in a mood for `mood` stretches in a row.
    fn fleet(mood: u64) -> Vec<Stretches> {
        let bad = |host: u64, step: u64| {
            // Even scatter of plus or minus three, without a source of chance.
            let scatter = ((host * 7 + step * 13) % 7) as f64 - 3.0;
            let is_moody = mood > 0 && (step / mood).is_multiple_of(8) && (step / mood / 8) % 4 == host;
            10.0 + scatter + if is_moody { 20.0 } else { 0.0 }
        };
        (0..4).map(|host| (0..360).map(|step| (step, [bad(host, step), 1000.0])).collect()).collect()
    }

    #[test]
    fn noise_that_lasts_is_found_in_longer_stretches() {
        let found = |mood| noisiest(&fleet(mood), 360, Millis::from_mins(1)).unwrap();
        let quiet = found(0);
        assert!(quiet.dispersion < 1.3, "{quiet:?}");
        let moody = found(10);
        assert!(moody.dispersion > 2.0 * quiet.dispersion && moody.window_ms == Millis::from_mins(5), "{moody:?}");
    }

    #[test]
    fn a_stretch_in_which_a_host_was_silent_is_none() {
        let mut hosts = fleet(0);
        hosts[2].retain(|step, _| *step >= 180);
        assert_eq!(windows(&hosts, 360, 1).len(), 180);
        assert_eq!(windows(&hosts, 360, 5).len(), 36);
        hosts[1].clear();
        assert_eq!(noisiest(&hosts, 360, Millis::from_mins(1)), None);
    }

    #[test]
    fn bad_requests_that_nobody_counted_are_none_and_quick_ones_that_nobody_counted_are_unknown() {
        let [part, total] = [vec![BTreeMap::from([(1, 4.0)])], vec![BTreeMap::from([(1, 10.0), (2, 10.0)])]];
        assert_eq!(joined(&part, &total, false), [BTreeMap::from([(1, [4.0, 10.0]), (2, [0.0, 10.0])])]);
        assert_eq!(joined(&part, &total, true), [BTreeMap::from([(1, [6.0, 10.0])])]);
    }
}

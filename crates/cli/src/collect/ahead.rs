//! Traffic to come: the requests per second of the last weeks, carried on by the model that would have forecast them best.
//!
//! Means of whole hours are carried on, since what a stage sees is what comes in all of its time. What `glidepath capacity` forecasts is the greatest load
//! of an hour, which is more. The hour that is under way is left out, of the past and of what is told.

use super::{Answer, Collector, Question};
use crate::commands::capacity::{question, read};
use glidepath_forecast::{History, Point, forecast};
use glidepath_model::catalog::{Catalog, Region, Target, TrafficSource};
use glidepath_model::facts::{HourAhead, MissingFact, Sourced, TrafficAhead};
use glidepath_model::plan::CountSource;
use glidepath_model::{Millis, Share, Timestamp};
use glidepath_ports::telemetry::RangeSpan;
use std::collections::BTreeMap;

/// How far back is read, and at which steps: as many samples as a Prometheus gives in one answer.
const BACK: Millis = Millis::from_mins(28 * 24 * 60);
const STEP: Millis = Millis::from_mins(5);
const HOUR_MS: i64 = 3_600_000;
/// Hours after which traffic is alike again.
const SEASONS: [usize; 2] = [24, 168];
/// Hours that are told at most: openings of calendars are seldom further away.
const HOURS_MAX: usize = 168;
/// Probability with which the rate of an hour is in its interval.
const WITHIN_PERCENT: u32 = 90;

impl Collector {
    /// The traffic to come of a target whose traffic is a query of a Prometheus.
    pub(super) fn ahead_questions(&self, catalog: &Catalog, target: &Target) -> Vec<Question> {
        if !matches!(target.traffic, Some(TrafficSource::Query(_))) {
            return Vec::new();
        }
        let asked = target.regions.iter().filter_map(|region| Some((region, question(catalog, target, region).ok()?)));
        asked.map(|(region, (source, query))| self.ahead_question(target, region, source, query)).collect()
    }

    fn ahead_question(&self, target: &Target, region: &Region, source: CountSource, query: String) -> Question {
        let (this, name, region) = (self.clone(), target.name.clone(), region.name.clone());
        Box::pin(async move {
            let now = this.clock.now();
            let found = match read(&*this.telemetry, &source, &query, RangeSpan { from: now.minus(BACK), to: now, step: STEP }).await {
                Ok(points) => {
                    let worked_out = tokio::task::spawn_blocking(move || carried_on(&points, now)).await;
                    worked_out.unwrap_or_else(|_| Err("it could not be worked out".to_owned()))
                }
                Err(why) => Err(why),
            };
            vec![match found {
                Ok(ahead) => Answer::Ahead(name, region, Sourced::observed(ahead, query, now)),
                Err(why) => Answer::Missing(MissingFact {
                    what: format!("traffic to come of {name} in {region}"),
                    why,
                    target: Some(name),
                    kind: "trafficAhead".to_owned(),
                }),
            }]
        })
    }
}

/// The hours to come after the one that is under way.
fn carried_on(points: &[Point], now: Timestamp) -> Result<TrafficAhead, String> {
    let this_hour = now.as_micros().div_euclid(1000).div_euclid(HOUR_MS) * HOUR_MS;
    let hours = hourly(points, this_hour);
    let history = History::of(&hours, HOUR_MS, SEASONS[0]).map_err(|problem| problem.to_string())?;
    // Of an old history the first hours carried on are behind as well.
    let behind = usize::try_from((this_hour - history.at_ms(history.values().len())) / HOUR_MS + 1).map_err(|error| error.to_string())?;
    let ahead = forecast(&history, &SEASONS, HOURS_MAX.saturating_add(behind)).map_err(|unknown| unknown.to_string())?;
    let within = Share::percent(WITHIN_PERCENT);
    let intervals = ahead.intervals(within.as_f64()).ok_or("its past errors are too few for an interval")?;
    let told = |(expected, interval): (&f64, &glidepath_forecast::interval::Interval)| HourAhead {
        expected: expected.max(0.0),
        low: interval.low.min(*expected).max(0.0),
        high: interval.high.max(*expected),
    };
    let hours: Vec<HourAhead> = ahead.point.iter().zip(&intervals).skip(behind).map(told).collect();
    if hours.is_empty() {
        return Err("its history is too old or too short to tell of the hours to come".to_owned());
    }
    Ok(TrafficAhead {
        from: Timestamp::from_micros((this_hour + HOUR_MS) * 1000),
        hours,
        within,
        model: ahead.model.as_str().to_owned(),
        history_ms: Millis(history.values().len() as u64 * HOUR_MS as u64),
    })
}

/// Means of the whole hours before `this_hour`.
fn hourly(points: &[Point], this_hour: i64) -> Vec<Point> {
    let mut sums: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
    for point in points.iter().filter(|point| point.at_ms < this_hour) {
        let hour = sums.entry(point.at_ms.div_euclid(HOUR_MS) * HOUR_MS).or_default();
        (hour.0, hour.1) = (hour.0 + point.value, hour.1 + 1);
    }
    sums.into_iter().map(|(at_ms, (sum, count))| Point { at_ms, value: sum / f64::from(count) }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it found")]
mod tests {
    use super::*;

    /// Sunday, 29 November 2026, 09:20 UTC.
    const NOW: Timestamp = Timestamp::from_micros(1_795_944_000_000_000);

    /// Samples of the last days: 100 and 300 requests/s by turns of twelve hours, and a little of chance.
    fn days(count: i64) -> Vec<Point> {
        let now = NOW.as_micros() / 1000;
        let load = |at_ms: i64| {
            let level = if at_ms.rem_euclid(24 * HOUR_MS) < 12 * HOUR_MS { 100.0 } else { 300.0 };
            level + ((at_ms / 300_000).wrapping_mul(7919) % 11) as f64
        };
        (0..count * 288).map(|back| now - back * 300_000).rev().map(|at_ms| Point { at_ms, value: load(at_ms) }).collect()
    }

    #[test]
    fn whole_hours_to_come_are_told_with_their_intervals() {
        let told = carried_on(&days(28), NOW).unwrap();
        let next = (NOW.as_micros() / 1000 / HOUR_MS + 1) * HOUR_MS;
        assert_eq!(told.from, Timestamp::from_micros(next * 1000), "the hour under way is not told");
        assert!(told.hours.len() >= 24, "{}", told.hours.len());
        for (number, hour) in told.hours.iter().enumerate() {
            let night = (next + number as i64 * HOUR_MS).rem_euclid(24 * HOUR_MS) < 12 * HOUR_MS;
            let level = if night { 105.0 } else { 305.0 };
            assert!((hour.expected - level).abs() < 10.0, "{number}: {hour:?}");
            assert!(hour.low <= hour.expected && hour.expected <= hour.high, "{number}: {hour:?}");
        }
        assert_eq!(carried_on(&days(28), NOW).unwrap(), told, "the same samples, the same bytes");
    }

    #[test]
    fn what_cannot_be_carried_on_says_why() {
        let why = |points: &[Point]| carried_on(points, NOW).unwrap_err();
        assert!(why(&days(1)).contains("too few"), "{}", why(&days(1)));
        assert!(why(&[]).contains("no samples"));
        let old: Vec<Point> = days(10).into_iter().map(|point| Point { at_ms: point.at_ms - 20 * 24 * HOUR_MS, ..point }).collect();
        assert!(why(&old).contains("too old"), "{}", why(&old));
    }
}

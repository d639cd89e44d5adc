//! What a source counted of one side: plain counters, a histogram's classic bucket, or a native histogram.
//!
//! Which kind a histogram is, is seen anew at each reading: a new version may bring the other kind with it. A side that has a whole classic bucket at the limit is
//! counted by it; else its native histograms are asked for. Sides of two kinds are counted at two bounds, and are not compared.

use glidepath_judge::native::{Bucket, Cut, Unfit};
use glidepath_model::Timestamp;
use glidepath_model::catalog::Selector;
use glidepath_model::plan::{CountSelectors, CountSource};
use glidepath_ports::telemetry::{HistogramReading, NativeHistogram};
use glidepath_ports::{CounterReading, Telemetry, TelemetryError};
use std::collections::BTreeMap;

/// One side, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// Counters.
    Counters {
        /// Bad requests, or those at or under the limit where the counters are of a histogram.
        part: CounterReading,
        /// All requests.
        total: CounterReading,
    },
    /// Native histograms; at least one series.
    Native(HistogramReading),
}

/// What one side counted since its processes began.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Bad requests; those at or under the bound where they are of a histogram.
    pub part: CounterReading,
    /// All requests.
    pub total: CounterReading,
    /// Requests in the bucket in which the limit lies; empty where no native histogram was read.
    pub inside: CounterReading,
}

impl Side {
    /// Reads a side. The part is read before the total, so that a bad request is rarely seen before it is counted.
    ///
    /// # Errors
    /// When the source does not answer.
    pub async fn read(source: &CountSource, selectors: &CountSelectors, telemetry: &dyn Telemetry) -> Result<Self, TelemetryError> {
        let (histogram, limit, native) = match selectors {
            CountSelectors::BadOfTotal { bad, total } => return Self::counters(source, bad, total, telemetry).await,
            CountSelectors::AboveLimit { histogram, limit_ms, native } => (histogram, *limit_ms, *native),
        };
        if native {
            let found = telemetry.histograms(source, histogram).await?;
            if !found.series.is_empty() {
                return Ok(Self::Native(found));
            }
        }
        let (bucket, count) = histogram.histogram_parts(limit);
        let classic = Self::counters(source, &bucket, &count, telemetry).await?;
        let is_whole = |part: &CounterReading, total: &CounterReading| !total.series.is_empty() && part.series.len() >= total.series.len();
        if native || matches!(&classic, Self::Counters { part, total } if is_whole(part, total)) {
            return Ok(classic);
        }
        let found = telemetry.histograms(source, histogram).await?;
        Ok(if found.series.is_empty() { classic } else { Self::Native(found) })
    }

    async fn counters(source: &CountSource, part: &Selector, total: &Selector, telemetry: &dyn Telemetry) -> Result<Self, TelemetryError> {
        let part = telemetry.counters(source, part).await?;
        Ok(Self::Counters { part, total: telemetry.counters(source, total).await? })
    }

    /// Time by the clock of the source.
    pub fn observed_at(&self) -> Timestamp {
        match self {
            Self::Counters { total, .. } => total.observed_at,
            Self::Native(reading) => reading.observed_at,
        }
    }

    /// Whether it is counted by native histograms; `None` where there is nothing yet.
    pub fn is_native(&self) -> Option<bool> {
        match self {
            Self::Counters { total, .. } => (!total.series.is_empty()).then_some(false),
            Self::Native(_) => Some(true),
        }
    }

    /// What it counted, at a cut. Without one nothing above zero has been seen, so that all is within every limit.
    pub fn counted(self, cut: Option<&Cut>) -> Counted {
        let nothing = |observed_at| CounterReading { series: BTreeMap::new(), observed_at };
        match self {
            Self::Counters { part, total } => Counted { inside: nothing(total.observed_at), part, total },
            Self::Native(HistogramReading { series, observed_at }) => {
                let mut counted = Counted { part: nothing(observed_at), total: nothing(observed_at), inside: nothing(observed_at) };
                for (name, histogram) in series {
                    let parts = cut.map(|cut| cut.parts(&buckets(&histogram)));
                    counted.part.series.insert(name.clone(), parts.map_or(histogram.count, |parts| parts.within));
                    counted.inside.series.insert(name.clone(), parts.map_or(0.0, |parts| parts.inside));
                    counted.total.series.insert(name, histogram.count);
                }
                counted
            }
        }
    }
}

/// Where native histograms of these sides are counted alike. A cut that was used before is kept as long as it can be.
///
/// # Errors
/// When one of them cannot be counted at a limit.
pub fn cut<'s>(limit: f64, known: Option<Cut>, sides: impl IntoIterator<Item = &'s Side>) -> Result<Option<Cut>, Unfit> {
    let mut all: Vec<Vec<Bucket>> = Vec::new();
    for side in sides {
        if let Side::Native(reading) = side {
            all.extend(reading.series.values().map(buckets));
        }
    }
    // Its own bucket stands for the schema that it was made for.
    let of_known = known.filter(|known| !known.is_exact()).map(|known| vec![Bucket { lower: known.from, upper: known.to, count: 0.0 }]);
    all.extend(of_known);
    Ok(Cut::of(limit, all.iter().map(Vec::as_slice))?.or(known))
}

fn buckets(histogram: &NativeHistogram) -> Vec<Bucket> {
    histogram.buckets.iter().map(|(lower, upper, count)| Bucket { lower: *lower, upper: *upper, count: *count }).collect()
}

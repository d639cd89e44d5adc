//! Native (sparse, exponential) histograms: how many requests lie at or under a limit, in whole requests.
//!
//! # Theory of operation
//!
//! Bounds of such buckets are powers of `2^(2^-schema)`; a limit rarely is one. Interpolating inside the bucket that holds the limit gives fractions of requests
//! and takes for known what is not. Instead requests are counted at the nearer bound of that bucket, on both sides at the same one, and how many lie in
//! the bucket is told beside it: the true count at the limit lies between the counts at its two bounds.
//!
//! Histograms of several processes may differ in their schema, and one process may coarsen its own. Bounds of a coarser schema are bounds of every finer one, so
//! that the coarsest of all decides where is counted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How far a bound may be off and still be the same one: answers give bounds in decimal.
const BOUND_ERROR: f64 = 1e-9;
/// How far a schema may be off a whole number.
const SCHEMA_ERROR: f64 = 1e-3;
/// Schemas that exist: from a factor of 65536 from bound to bound down to one of 1.0027.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// A bucket with its bounds and what it counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Lower bound; beyond the bucket where it is above zero.
    pub lower: f64,
    /// Upper bound; inside the bucket where it is above zero.
    pub upper: f64,
    /// Observations.
    pub count: f64,
}

/// Where requests are counted, for a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    /// The bound at which is counted.
    pub bound: f64,
    /// Lower bound of the bucket in which the limit lies; the limit where it is a bound itself.
    pub from: f64,
    /// Its upper bound.
    pub to: f64,
}

/// What a histogram counted, at a cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parts {
    /// Requests at or under the bound.
    pub within: f64,
    /// Requests in the bucket in which the limit lies; of these nobody knows on which side of it they were.
    pub inside: f64,
}

/// Why a histogram cannot be counted at a limit.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// Its buckets are none of an exponential histogram.
    NotExponential {
        /// Lower bound.
        lower: f64,
        /// Upper bound.
        upper: f64,
    },
    /// The bucket around zero holds the limit.
    ZeroBucket {
        /// Where it ends.
        upper: f64,
    },
    /// A limit that is not above zero, or no number.
    NoLimit,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExponential { lower, upper } => write!(f, "its bucket from {lower} to {upper} is none of an exponential histogram"),
            Self::ZeroBucket { upper } => write!(f, "its bucket around zero reaches to {upper}, beyond the limit"),
            Self::NoLimit => f.write_str("the limit is not above zero"),
        }
    }
}

impl Cut {
    /// Where to count requests at or under `limit` in all these histograms alike; `None` when none of them has counted anything above zero.
    ///
    /// # Errors
    /// When one of them cannot be counted so.
    pub fn of<'b>(limit: f64, histograms: impl IntoIterator<Item = &'b [Bucket]>) -> Result<Option<Self>, Unfit> {
        if !(limit.is_finite() && limit > 0.0) {
            return Err(Unfit::NoLimit);
        }
        let mut coarsest: Option<i32> = None;
        for bucket in histograms.into_iter().flatten() {
            if bucket.lower >= limit && bucket.upper == f64::INFINITY {
                // The last bucket ends where numbers end, whatever the schema.
                continue;
            }
            if bucket.lower > 0.0 {
                let schema = schema_of(bucket)?;
                coarsest = Some(coarsest.map_or(schema, |known| known.min(schema)));
            } else if bucket.upper > limit {
                return Err(Unfit::ZeroBucket { upper: bucket.upper });
            }
        }
        Ok(coarsest.map(|schema| Self::at(limit, schema)))
    }

    fn at(limit: f64, schema: i32) -> Self {
        let per_doubling = libm::exp2(f64::from(schema));
        let bound = |index: f64| libm::exp2(index / per_doubling);
        let index = libm::log2(limit) * per_doubling;
        let whole = libm::round(index);
        if is_same(bound(whole), limit) {
            return Self { bound: limit, from: limit, to: limit };
        }
        let (from, to) = (bound(libm::floor(index)), bound(libm::ceil(index)));
        Self { bound: if limit / from < to / limit { from } else { to }, from, to }
    }

    /// Whether the limit is a bound itself, so that nothing is left open.
    pub fn is_exact(&self) -> bool {
        self.from == self.to
    }

    /// What a histogram counted. Its schema must not be coarser than those that the cut was made for.
    pub fn parts(&self, buckets: &[Bucket]) -> Parts {
        let is_at_most = |value: f64, bound: f64| value <= bound || is_same(value, bound);
        let sum = |wanted: &dyn Fn(&Bucket) -> bool| buckets.iter().filter(|bucket| wanted(bucket)).map(|bucket| bucket.count).sum();
        Parts {
            within: sum(&|bucket| is_at_most(bucket.upper, self.bound)),
            inside: if self.is_exact() {
                0.0
            } else {
                sum(&|bucket| is_at_most(self.from, bucket.lower) && is_at_most(bucket.upper, self.to))
            },
        }
    }

    /// Requests above the limit at least and at most, of `total` of which `parts` were counted.
    pub fn slow_between(&self, parts: Parts, total: f64) -> (f64, f64) {
        let above_bound = (total - parts.within).max(0.0);
        if self.is_exact() {
            (above_bound, above_bound)
        } else if self.bound == self.from {
            ((above_bound - parts.inside).max(0.0), above_bound)
        } else {
            (above_bound, (above_bound + parts.inside).min(total))
        }
    }
}

fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= BOUND_ERROR * b.abs()
}

fn schema_of(bucket: &Bucket) -> Result<i32, Unfit> {
    let unfit = Unfit::NotExponential { lower: bucket.lower, upper: bucket.upper };
    if !(bucket.upper.is_finite() && bucket.upper > bucket.lower) {
        return Err(unfit);
    }
    let exact = -libm::log2(libm::log2(bucket.upper / bucket.lower));
    let schema = libm::round(exact);
    let is_whole = (exact - schema).abs() <= SCHEMA_ERROR && SCHEMAS.contains(&(schema as i32));
    let lies_on_grid = || {
        let index = libm::log2(bucket.upper) * libm::exp2(schema);
        (index - libm::round(index)).abs() <= SCHEMA_ERROR
    };
    if is_whole && lies_on_grid() { Ok(schema as i32) } else { Err(unfit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets of a schema by their numbers, each with a count.
    fn buckets(schema: i32, counts: &[(i32, f64)]) -> Vec<Bucket> {
        let bound = |index: i32| libm::exp2(f64::from(index) / libm::exp2(f64::from(schema)));
        counts.iter().map(|(index, count)| Bucket { lower: bound(index - 1), upper: bound(*index), count: *count }).collect()
    }

    #[test]
    fn requests_are_counted_at_the_nearer_bound_and_the_open_ones_are_told() {
        // 2^(-14/8) = 0.297..., 2^(-13/8) = 0.324...
        let fine = buckets(3, &[(-20, 900.0), (-14, 60.0), (-13, 30.0), (-3, 10.0)]);
        let cut = Cut::of(0.3, [fine.as_slice()]).unwrap().unwrap();
        assert!((cut.bound - 0.297_301_778).abs() < 1e-8 && cut.bound == cut.from && (cut.to - 0.324_209_889).abs() < 1e-8, "{cut:?}");
        let parts = cut.parts(&fine);
        assert_eq!(parts, Parts { within: 960.0, inside: 30.0 });
        assert_eq!(cut.slow_between(parts, 1000.0), (10.0, 40.0));
        let cut = Cut::of(0.32, [fine.as_slice()]).unwrap().unwrap();
        assert_eq!((cut.bound, cut.parts(&fine)), (cut.to, Parts { within: 990.0, inside: 30.0 }));
        assert_eq!(cut.slow_between(cut.parts(&fine), 1000.0), (10.0, 40.0));
    }

    #[test]
    fn a_limit_that_is_a_bound_leaves_nothing_open() {
        for schema in SCHEMAS {
            let per_doubling = libm::exp2(f64::from(schema));
            let at = (-16.0 * per_doubling) as i32;
            let sparse = buckets(schema, &[(at, 7.0), (at + 1, 2.0)]);
            let cut = Cut::of(sparse[0].upper, [sparse.as_slice()]).unwrap().unwrap();
            assert!(cut.is_exact(), "{schema}: {cut:?}");
            assert_eq!(cut.slow_between(cut.parts(&sparse), 9.0), (2.0, 2.0), "{schema}");
        }
    }

    #[test]
    fn the_coarsest_of_all_decides_where_both_sides_are_counted() {
        let (fine, coarse) = (buckets(4, &[(-28, 5.0), (-27, 6.0), (-26, 7.0), (-25, 8.0)]), buckets(2, &[(-7, 20.0), (-6, 9.0)]));
        let cut = Cut::of(0.3, [fine.as_slice(), coarse.as_slice()]).unwrap().unwrap();
        // From 2^(-7/4) to 2^(-6/4): the two middle ones of the finer buckets, and two more.
        assert!((cut.from - 0.297_301_778).abs() < 1e-8 && (cut.to - 0.353_553_39).abs() < 1e-8, "{cut:?}");
        assert_eq!(cut.parts(&fine), Parts { within: 5.0, inside: 21.0 });
        assert_eq!(cut.parts(&coarse), Parts { within: 20.0, inside: 9.0 });
    }

    #[test]
    fn what_is_no_exponential_histogram_is_refused() {
        let one = |lower, upper| vec![Bucket { lower, upper, count: 1.0 }];
        for (limit, buckets, expected) in [
            (0.3, one(0.1, 0.25), Err(Unfit::NotExponential { lower: 0.1, upper: 0.25 })),
            // The factor of a schema, off its grid.
            (0.3, one(0.3, 0.6), Err(Unfit::NotExponential { lower: 0.3, upper: 0.6 })),
            (0.3, one(0.1, f64::INFINITY), Err(Unfit::NotExponential { lower: 0.1, upper: f64::INFINITY })),
            (0.3, one(0.5, f64::INFINITY), Ok(None)),
            (0.3, one(-1.0, 1.0), Err(Unfit::ZeroBucket { upper: 1.0 })),
            (0.3, one(-1e-39, 1e-39), Ok(None)),
            (0.0, one(0.5, 1.0), Err(Unfit::NoLimit)),
            (f64::NAN, one(0.5, 1.0), Err(Unfit::NoLimit)),
        ] {
            assert_eq!(Cut::of(limit, [buckets.as_slice()]), expected, "{limit} {buckets:?}");
        }
        assert_eq!(Cut::of(0.3, []), Ok(None));
        // Zero and below are within every limit.
        let cut = Cut::at(0.5, 3);
        let low = [Bucket { lower: -2.0, upper: -1.0, count: 3.0 }, Bucket { lower: -1e-39, upper: 1e-39, count: 4.0 }];
        assert_eq!(cut.parts(&low), Parts { within: 7.0, inside: 0.0 });
    }

    #[test]
    fn bounds_in_decimal_are_the_bounds_that_they_stand_for() {
        // As a server writes them: seventeen digits at most.
        for schema in SCHEMAS {
            for index in [-40, -7, 0, 1, 33] {
                let bucket = buckets(schema.max(0), &[(index, 1.0)])[0];
                let read = |value: f64| format!("{value:.16e}").parse::<f64>().unwrap();
                let read = Bucket { lower: read(bucket.lower), upper: read(bucket.upper), count: 1.0 };
                assert_eq!(schema_of(&read), Ok(schema.max(0)), "{read:?}");
            }
        }
    }
}

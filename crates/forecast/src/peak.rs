//! The probability that the peak of a load passes a limit by a date.
//!
//! A mean line says nothing of that. Paths are drawn instead: the forecast, what is stated of events and growth, and the errors that the chosen model
//! made at past origins. The errors of a path are taken in blocks of one short season (a day of hourly steps), each from an origin drawn at random and
//! at the same horizon, so that errors stay as alike within a day, and grow as far ahead, as they did. The peak of a path is its greatest step.
//!
//! A forecast is itself made of noisy history, and its greatest step is the one where the noise was: with the errors on top, peaks come out too high. So
//! the same is done at each past origin, with the errors of the others, and the mean difference from the peaks that came is taken off every error.
//!
//! Errors that never happened are not drawn: with `n` origins that are apart, a probability below `1/(n+1)` is not known to be that small.
//! [`Peak::floor`] says so.

use crate::race::Forecast;
use crate::random::Random;

/// Paths that are drawn.
pub const PATHS: usize = 2000;
/// Paths that are drawn at each past origin.
const PATHS_TRIED: usize = 100;
/// Most stated events.
pub const EVENTS_MAX: usize = 1000;
/// Length of a year, in milliseconds: 365.2425 days.
const YEAR_MS: f64 = 31_556_952_000.0;
/// Greatest factor an event or growth multiplies a load by.
pub const FACTOR_MAX: f64 = 1000.0;

/// What is known to come and not to be seen in history: a sale, a launch, a holiday.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// From when, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Until when, exclusive.
    pub to_ms: i64,
    /// By what the load is multiplied meanwhile; 0 to [`FACTOR_MAX`].
    pub factor: f64,
}

/// What is stated beside history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outlook {
    /// Growth by the year that comes on top of what the model sees: 0.2 is a fifth more.
    pub growth_per_year: f64,
    /// Known events; where they overlap, their factors multiply.
    pub events: Vec<Event>,
}

/// Why an outlook cannot be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlookProblem {
    /// The growth is no number above -1, or above [`FACTOR_MAX`].
    Growth,
    /// More than [`EVENTS_MAX`] events.
    TooMany,
    /// The factor of an event (by its place) is not 0 to [`FACTOR_MAX`].
    Factor(usize),
    /// An event (by its place) ends before it begins.
    Times(usize),
}

impl std::fmt::Display for OutlookProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Growth => write!(f, "growth by the year must be above -100 % and at most {FACTOR_MAX} times"),
            Self::TooMany => write!(f, "there are more than {EVENTS_MAX} events"),
            Self::Factor(at) => write!(f, "the factor of event {} must be 0 to {FACTOR_MAX}", at + 1),
            Self::Times(at) => write!(f, "event {} ends before it begins", at + 1),
        }
    }
}

impl std::error::Error for OutlookProblem {}

impl Outlook {
    fn check(&self) -> Result<(), OutlookProblem> {
        if !(self.growth_per_year > -1.0 && self.growth_per_year <= FACTOR_MAX) {
            return Err(OutlookProblem::Growth);
        }
        if self.events.len() > EVENTS_MAX {
            return Err(OutlookProblem::TooMany);
        }
        for (at, event) in self.events.iter().enumerate() {
            if !(event.factor >= 0.0 && event.factor <= FACTOR_MAX) {
                return Err(OutlookProblem::Factor(at));
            }
            if event.to_ms <= event.from_ms {
                return Err(OutlookProblem::Times(at));
            }
        }
        Ok(())
    }

    /// What the load of a step is multiplied by.
    fn factor(&self, at_ms: i64, since_ms: i64) -> f64 {
        let years = (at_ms as f64 - since_ms as f64) / YEAR_MS;
        let grown = libm::exp(libm::log1p(self.growth_per_year) * years);
        let events = self.events.iter().filter(|event| event.from_ms <= at_ms && at_ms < event.to_ms);
        let factor = events.fold(grown, |factor, event| factor * event.factor);
        factor.clamp(0.0, f64::MAX)
    }
}

/// The peak of the steps to come.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Probability that some step up to this one passes the limit, by step.
    pub passed_by: Vec<f64>,
    /// The peak of each path, the least first.
    peaks: Vec<f64>,
    /// A smaller probability than this is not known: errors that never happened are not drawn.
    pub floor: f64,
}

impl Peak {
    /// Probability that the limit is passed within all steps.
    pub fn passed(&self) -> f64 {
        self.passed_by.last().copied().unwrap_or(0.0)
    }

    /// The peak that a share (0 to 1) of the paths stays at or below.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = libm::ceil(self.peaks.len() as f64 * share.clamp(0.0, 1.0)) as usize;
        self.peaks.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    }
}

impl Forecast {
    /// The load of each step as it is expected, with what is stated.
    pub fn expected(&self, outlook: &Outlook) -> Result<Vec<f64>, OutlookProblem> {
        outlook.check()?;
        Ok(self.point.iter().zip(self.factors(outlook)).map(|(point, factor)| (point * factor).min(f64::MAX)).collect())
    }

    fn factors(&self, outlook: &Outlook) -> Vec<f64> {
        (0..self.point.len()).map(|step| outlook.factor(self.at_ms(step), self.start_ms)).collect()
    }

    /// The peak, against a limit.
    pub fn peak(&self, limit: f64, outlook: &Outlook, seed: u64) -> Result<Peak, OutlookProblem> {
        outlook.check()?;
        let factors = self.factors(outlook);
        let mut random = Random::new(seed);
        let correction = self.peak_correction(&mut random);
        let mut first_passed = vec![0_u32; self.point.len()];
        let mut peaks = Vec::with_capacity(PATHS);
        for _ in 0..PATHS {
            let (mut peak, mut passed_at) = (0.0_f64, None);
            let mut path = Path::new(self, None);
            for ((step, point), factor) in self.point.iter().enumerate().zip(&factors) {
                // Where nothing was seen at that origin, nothing is known to have been wrong.
                let error = path.error(step, &mut random).unwrap_or(0.0) + correction;
                let load = (self.model.with_error(*point, error) * factor).min(f64::MAX);
                peak = peak.max(load);
                if load > limit && passed_at.is_none() {
                    passed_at = Some(step);
                }
            }
            peaks.push(peak);
            if let Some(count) = passed_at.and_then(|step| first_passed.get_mut(step)) {
                *count += 1;
            }
        }
        peaks.sort_by(f64::total_cmp);
        let mut paths = 0_u32;
        let cumulated = first_passed.into_iter().map(|count| {
            paths += count;
            f64::from(paths) / PATHS as f64
        });
        Ok(Peak { passed_by: cumulated.collect(), peaks, floor: 1.0 / (self.origins_apart as f64 + 1.0) })
    }
    /// The mean difference of the peaks that came at past origins from those that would have been drawn there.
    fn peak_correction(&self, random: &mut Random) -> f64 {
        let differences = (0..self.residuals.len()).filter_map(|origin| {
            let (said, errors) = (self.said.get(origin)?, self.residuals.get(origin)?);
            // Only steps at which something was seen can be compared.
            let seen = || said.iter().zip(errors).enumerate().filter_map(|(step, (said, error))| Some((step, *said, (*error)?)));
            let came = seen().map(|(_, said, error)| self.model.with_error(said, error)).fold(0.0, f64::max);
            let mut drawn: Vec<f64> = (0..PATHS_TRIED)
                .map(|_| {
                    let mut path = Path::new(self, Some(origin));
                    let loads = seen().map(|(step, said, _)| self.model.with_error(said, path.error(step, random).unwrap_or(0.0)));
                    loads.fold(0.0, f64::max)
                })
                .collect();
            drawn.sort_by(f64::total_cmp);
            self.model.error(*drawn.get(PATHS_TRIED / 2)?, came)
        });
        let (sum, count) = differences.fold((0.0, 0_u32), |(sum, count), difference| (sum + difference, count + 1));
        sum / f64::from(count.max(1))
    }
}

/// Errors drawn block by block from past origins.
struct Path<'f> {
    forecast: &'f Forecast,
    /// An origin that is not drawn from.
    without: Option<usize>,
    block: usize,
    /// The block that was drawn for, and the origin that was drawn.
    drawn: Option<(usize, usize)>,
}

impl<'f> Path<'f> {
    fn new(forecast: &'f Forecast, without: Option<usize>) -> Self {
        Self { forecast, without, block: forecast.seasons.first().copied().unwrap_or(1).max(1), drawn: None }
    }

    /// The error of a step; steps are asked for in order.
    fn error(&mut self, step: usize, random: &mut Random) -> Option<f64> {
        let block = step / self.block;
        let origin = match self.drawn {
            Some((of, origin)) if of == block => origin,
            _ => {
                let others = self.forecast.residuals.len() - usize::from(self.without.is_some());
                let origin = random.below(others);
                origin + usize::from(self.without.is_some_and(|without| without <= origin))
            }
        };
        self.drawn = Some((block, origin));
        self.forecast.residuals.get(origin)?.get(step).copied().flatten()
    }
}

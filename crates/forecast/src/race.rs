//! Which model would have forecast a series best.
//!
//! # Theory of operation
//!
//! From several origins in the past, each model is given the history up to there and asked for the steps that followed; what came is known. The model
//! with the least mean absolute scaled error over the origins carries the series on. It has to be better than a plainer one by more than a tie, since
//! the errors of few origins are themselves uncertain. Its errors by horizon, one row for each origin, are kept: intervals and peaks are made of them.
//!
//! No further ahead than was tested: where the history has no room for [`ORIGINS_MIN`] origins of the asked horizon, the horizon ends where it has. Up to one
//! longest season ahead the origins may stand close together; farther, they stand a shortest season apart at least, since close ones see the same days.

use crate::decomposed::SEASONS_MIN;
use crate::history::History;
use crate::model::{Model, combined};
use crate::score;

/// Fewest origins of a race.
pub const ORIGINS_MIN: usize = 5;
/// Origins at which one a longer season apart are enough.
const ORIGINS_WANTED: usize = 10;
/// Most origins: each costs a fit of every model.
const ORIGINS_MAX: usize = 24;
/// How much better than a plainer model one has to be, in parts of the plainer one's error.
const TIE: f64 = 0.01;
/// Most steps ahead.
pub const HORIZON_MAX: usize = 20_000;

/// How one model did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contestant {
    /// Which.
    pub model: Model,
    /// Mean absolute scaled error over the origins; below 1 is better than repeating the season is within the history.
    pub mase: f64,
    /// Symmetric mean absolute percentage error, 0 to 2.
    pub smape: f64,
}

/// A series carried on.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The model that was chosen.
    pub model: Model,
    /// The load of each step to come.
    pub point: Vec<f64>,
    /// When the first of them is, in milliseconds since the epoch.
    pub start_ms: i64,
    /// Length of a step, in milliseconds.
    pub step_ms: i64,
    /// Seasons that were seen often enough, in steps, the shortest first.
    pub seasons: Vec<usize>,
    /// Origins of the race.
    pub origins: usize,
    /// How many of them there would be, were none closer to another than the shortest season: errors of closer ones are alike.
    pub origins_apart: usize,
    /// All models that could be had, the plainest first.
    pub contestants: Vec<Contestant>,
    /// Errors of the chosen model: one row for each origin, one column for each step ahead; `None` where nothing was seen.
    pub(crate) residuals: Vec<Vec<Option<f64>>>,
    /// What the chosen model said at each origin.
    pub(crate) said: Vec<Vec<f64>>,
}

/// Why a series is not carried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Too few steps for two seasons and [`ORIGINS_MIN`] origins.
    TooShort {
        /// Steps there are.
        steps: usize,
        /// Steps that would do for the shortest season and one step ahead.
        steps_min: usize,
    },
    /// The load was nothing all the time.
    Silent,
    /// The value never moved: a reading that stands still, and no load.
    Flat,
    /// It moved only at the very end, where no model could learn it.
    New,
    /// No step was asked for, more than [`HORIZON_MAX`], or no season.
    Question,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooShort { steps, steps_min } => write!(f, "{steps} steps of history are too few; {steps_min} are the least"),
            Self::Silent => f.write_str("there was no load at all, so nothing is known of how it would come"),
            Self::Flat => f.write_str("the value never moved: a reading that stands still is no load"),
            Self::New => f.write_str("the load moved only at the end of the history, and no past tells how it goes on"),
            Self::Question => write!(f, "it was asked for no step, for more than {HORIZON_MAX}, or without a season"),
        }
    }
}

impl std::error::Error for Unknown {}

impl Forecast {
    /// When a step to come is, in milliseconds since the epoch.
    pub fn at_ms(&self, step: usize) -> i64 {
        let steps = i64::try_from(step).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(steps.saturating_mul(self.step_ms))
    }

    /// How the chosen model did.
    pub fn chosen(&self) -> Option<&Contestant> {
        self.contestants.iter().find(|contestant| contestant.model == self.model)
    }

    /// How repeating the season did.
    pub fn naive(&self) -> Option<&Contestant> {
        self.contestants.iter().find(|contestant| contestant.model == Model::SeasonalNaive)
    }
}

/// Carries a history on by `horizon` steps at most. `seasons` are numbers of steps after which the load is alike again; those that the history is too
/// short for are left out.
pub fn forecast(history: &History, seasons: &[usize], horizon: usize) -> Result<Forecast, Unknown> {
    let values = history.values();
    if values.iter().all(|value| *value == 0.0) {
        return Err(Unknown::Silent);
    }
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Unknown::Flat);
    }
    if horizon == 0 || horizon > HORIZON_MAX {
        return Err(Unknown::Question);
    }
    let seasons = usable(seasons, values.len())?;
    let course = Course::of(values.len(), &seasons, horizon);
    let races = races(history, &seasons, &course);
    let winner = winner(&races).ok_or(Unknown::New)?;
    let point = winner.contestant.model.carry_on(values, &seasons, course.horizon).ok_or(Unknown::New)?;
    Ok(Forecast {
        model: winner.contestant.model,
        point,
        start_ms: history.at_ms(values.len()),
        step_ms: history.step_ms(),
        origins: course.origins.len(),
        origins_apart: course.apart(&seasons),
        residuals: winner.residuals.clone(),
        said: winner.said.clone(),
        contestants: races.iter().map(|race| race.contestant).collect(),
        seasons,
    })
}

/// Steps that a season needs: two of it to be known by, the origins, and one of it to be tested on.
fn steps_min(season: usize, ahead: usize) -> usize {
    season.saturating_mul(SEASONS_MIN).saturating_add(ORIGINS_MIN - 1).saturating_add(ahead)
}

fn usable(seasons: &[usize], steps: usize) -> Result<Vec<usize>, Unknown> {
    let mut sorted: Vec<usize> = seasons.iter().copied().filter(|season| *season >= 2).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let shortest = *sorted.first().ok_or(Unknown::Question)?;
    let usable: Vec<usize> = sorted.iter().copied().filter(|season| steps_min(*season, *season) <= steps).collect();
    match usable.is_empty() {
        false => Ok(usable),
        true if steps_min(shortest, 1) <= steps => Ok(vec![shortest]),
        true => Err(Unknown::TooShort { steps, steps_min: steps_min(shortest, 1) }),
    }
}

/// Where a race begins, and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Course {
    /// Steps of history at each origin, the newest first.
    origins: Vec<usize>,
    horizon: usize,
}

impl Course {
    /// Origins a whole season apart stand at the phase of the present, so that their errors are those of the same hours; where there is no room for
    /// that, they are spread over what there is.
    fn of(steps: usize, seasons: &[usize], horizon: usize) -> Self {
        let known_by = seasons.last().map_or(0, |season| season * SEASONS_MIN);
        let room_for_tests = steps.saturating_sub(known_by);
        let (shortest, longest) = (seasons.first().copied().unwrap_or(1), seasons.last().copied().unwrap_or(1));
        let apart = room_for_tests.saturating_sub((ORIGINS_MIN - 1) * shortest);
        let close = room_for_tests.saturating_sub(ORIGINS_MIN - 1).min(longest);
        let horizon = horizon.min(apart.max(close)).max(1);
        let room = room_for_tests.saturating_sub(horizon);
        let strides = || seasons.iter().rev().copied().chain([1]);
        let count = |stride: usize| room / stride + 1;
        let base =
            strides().find(|stride| count(*stride) >= ORIGINS_WANTED).or_else(|| strides().find(|s| count(*s) >= ORIGINS_MIN)).unwrap_or(1);
        let stride = base * ((count(base) - 1) / (ORIGINS_MAX - 1)).max(1);
        let origins = (0..count(stride).min(ORIGINS_MAX)).map(|back| steps - horizon - back * stride).collect();
        Self { origins, horizon }
    }

    fn apart(&self, seasons: &[usize]) -> usize {
        let span = self.origins.first().zip(self.origins.last()).map_or(0, |(newest, oldest)| newest - oldest);
        (span / seasons.first().copied().unwrap_or(1).max(1) + 1).min(self.origins.len())
    }
}

struct Race {
    contestant: Contestant,
    residuals: Vec<Vec<Option<f64>>>,
    said: Vec<Vec<f64>>,
}

fn races(history: &History, seasons: &[usize], course: &Course) -> Vec<Race> {
    // By model, what it said at each origin; the combination is made of what the others said.
    let mut said: Vec<(Model, Vec<Vec<f64>>)> = Vec::new();
    for model in Model::ALL.into_iter().filter(|model| *model != Model::Combined) {
        let at = |origin: &usize| model.carry_on(&history.values()[..*origin], seasons, course.horizon);
        if let Some(carried) = course.origins.iter().map(at).collect() {
            said.push((model, carried));
        }
    }
    let together = |at: usize| combined(said.iter().map(|(model, carried)| (*model, carried.get(at).cloned())));
    if let Some(carried) = (0..course.origins.len()).map(together).collect() {
        said.push((Model::Combined, carried));
    }
    let longest = seasons.last().copied().unwrap_or(1);
    let scale = |origin: &usize| score::naive_scale(&history.values()[..*origin], &history.seen()[..*origin], longest).unwrap_or(0.0);
    let scales: Vec<f64> = course.origins.iter().map(scale).collect();
    said.iter().filter_map(|(model, carried)| Race::of(*model, carried, history, course, &scales)).collect()
}

impl Race {
    fn of(model: Model, said: &[Vec<f64>], history: &History, course: &Course, scales: &[f64]) -> Option<Self> {
        let (mut mase, mut smape, mut residuals) = (Mean::default(), Mean::default(), Vec::new());
        for ((origin, carried), scale) in course.origins.iter().copied().zip(said).zip(scales) {
            let end = origin + course.horizon;
            let (actual, seen) = (&history.values()[origin..end], &history.seen()[origin..end]);
            // Wrong, and no scale for it: a load that had not moved before.
            let scaled = score::mase(carried, actual, seen, *scale);
            if scaled.is_none() && seen.contains(&true) {
                return None;
            }
            mase.add(scaled);
            smape.add(score::smape(carried, actual, seen));
            residuals.push(row(model, carried, actual, seen));
        }
        Some(Self { contestant: Contestant { model, mase: mase.of()?, smape: smape.of()? }, residuals, said: said.to_vec() })
    }
}

/// Errors of one origin, where something was seen.
fn row(model: Model, carried: &[f64], actual: &[f64], seen: &[bool]) -> Vec<Option<f64>> {
    let steps = carried.iter().zip(actual).zip(seen);
    steps.map(|((carried, actual), seen)| model.error(*carried, *actual).filter(|_| *seen)).collect()
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn of(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// The plainest model that no other beats by more than a tie.
fn winner(races: &[Race]) -> Option<&Race> {
    let mut best: Option<&Race> = None;
    for race in races {
        let is_better = best.is_none_or(|best| race.contestant.mase < best.contestant.mase * (1.0 - TIE));
        if is_better {
            best = Some(race);
        }
    }
    best
}

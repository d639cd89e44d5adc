//! Samples onto equal steps of time.
//!
//! A load is sampled at steps, but scrapes come late and some are lost. Each sample goes to the step it is nearest to; a step without one takes the
//! mean of the same phase one season before and after, where those are there, else the line between its neighbours. What was filled is known as
//! such: it helps a model to be fitted, and no forecast is ever scored against it.

/// Most samples of a history, and most steps that they may span.
pub const POINTS_MAX: usize = 1_000_000;
/// Greatest share of steps without a sample.
pub const GAP_SHARE_MAX: f64 = 0.10;
/// How far from its step a sample may lie, in parts of a step.
pub const JITTER_MAX: f64 = 0.25;
/// Greatest share of samples that lie farther off.
pub const IRREGULAR_SHARE_MAX: f64 = 0.05;
/// Greatest value: sums and squares of it are still numbers.
pub const VALUE_MAX: f64 = 1e30;

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The load.
    pub value: f64,
}

/// A load at equal steps of time.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    start_ms: i64,
    step_ms: i64,
    values: Vec<f64>,
    /// Whether a step had a sample; what had none was filled.
    seen: Vec<bool>,
}

/// Why samples are no history of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HistoryProblem {
    /// No samples.
    Empty,
    /// One sample has no step.
    OnePoint,
    /// More than [`POINTS_MAX`] samples, or a span of more steps.
    TooMany,
    /// The step is not a time, or the samples have no common one.
    Step,
    /// A value is not a finite number, or beyond [`VALUE_MAX`].
    NotFinite {
        /// When.
        at_ms: i64,
    },
    /// A value is negative.
    Negative {
        /// When.
        at_ms: i64,
    },
    /// A sample is not later than the one before.
    TimeBackwards {
        /// When.
        at_ms: i64,
    },
    /// More than [`IRREGULAR_SHARE_MAX`] of the samples lie between the steps.
    Irregular {
        /// The first of them.
        at_ms: i64,
    },
    /// More than [`GAP_SHARE_MAX`] of the steps have no sample.
    Gaps {
        /// Share of the steps, 0 to 1.
        share: f64,
        /// Where the longest run of them begins.
        at_ms: i64,
        /// Its steps.
        steps: usize,
    },
}

impl std::fmt::Display for HistoryProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("there are no samples"),
            Self::OnePoint => f.write_str("there is one sample, and one has no course"),
            Self::TooMany => write!(f, "there are more than {POINTS_MAX} samples, or steps that they span"),
            Self::Step => f.write_str("the samples have no common step of time"),
            Self::NotFinite { .. } => f.write_str("a value is not a finite number"),
            Self::Negative { .. } => f.write_str("a value is negative, and no load is"),
            Self::TimeBackwards { .. } => f.write_str("a sample is not later than the one before"),
            Self::Irregular { .. } => write!(
                f,
                "more than {:.0} % of the samples lie between the steps of time, by more than a quarter of one",
                100.0 * IRREGULAR_SHARE_MAX
            ),
            Self::Gaps { share, steps, .. } => write!(
                f,
                "{:.0} % of the steps have no sample, {steps} of them in a row; {:.0} % may be missing",
                100.0 * share,
                100.0 * GAP_SHARE_MAX
            ),
        }
    }
}

impl std::error::Error for HistoryProblem {}

impl HistoryProblem {
    /// When, in milliseconds since the epoch, where the problem has a place.
    pub fn at_ms(&self) -> Option<i64> {
        match self {
            Self::NotFinite { at_ms }
            | Self::Negative { at_ms }
            | Self::TimeBackwards { at_ms }
            | Self::Irregular { at_ms }
            | Self::Gaps { at_ms, .. } => Some(*at_ms),
            Self::Empty | Self::OnePoint | Self::TooMany | Self::Step => None,
        }
    }
}

impl History {
    /// Lays samples onto steps. `season` is the number of steps after which the load is alike again, from which gaps are filled.
    pub fn of(points: &[Point], step_ms: i64, season: usize) -> Result<Self, HistoryProblem> {
        check(points)?;
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Err(HistoryProblem::Empty) };
        if points.len() == 1 {
            return Err(HistoryProblem::OnePoint);
        }
        if step_ms <= 0 {
            return Err(HistoryProblem::Step);
        }
        let span_ms = last.at_ms.checked_sub(first.at_ms).ok_or(HistoryProblem::TooMany)?;
        let steps = usize::try_from(span_ms / step_ms).ok().filter(|steps| *steps < POINTS_MAX).ok_or(HistoryProblem::TooMany)? + 2;
        let (mut sums, mut counts) = (vec![0.0; steps], vec![0_u32; steps]);
        let (mut irregular, mut first_irregular) = (0_usize, None);
        for point in points {
            let place = (point.at_ms - first.at_ms) as f64 / step_ms as f64;
            let step = place.round();
            if (place - step).abs() > JITTER_MAX {
                irregular += 1;
                first_irregular.get_or_insert(point.at_ms);
            }
            let step = (step as usize).min(steps - 1);
            sums[step] += point.value;
            counts[step] += 1;
        }
        if let Some(at_ms) = first_irregular.filter(|_| irregular as f64 > IRREGULAR_SHARE_MAX * points.len() as f64) {
            return Err(HistoryProblem::Irregular { at_ms });
        }
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        if used < 2 {
            return Err(HistoryProblem::OnePoint);
        }
        let seen: Vec<bool> = counts.iter().take(used).map(|count| *count > 0).collect();
        if let Some(problem) = gaps(&seen, first.at_ms, step_ms) {
            return Err(problem);
        }
        let values = sums.iter().zip(&counts).take(used).map(|(sum, count)| sum / f64::from((*count).max(1))).collect();
        let mut history = Self { start_ms: first.at_ms, step_ms, values, seen };
        history.fill(season);
        Ok(history)
    }

    /// A history whose samples are all there.
    pub fn complete(values: &[f64], start_ms: i64, step_ms: i64) -> Result<Self, HistoryProblem> {
        let at = |step: usize| i64::try_from(step).ok()?.checked_mul(step_ms)?.checked_add(start_ms);
        if values.len() > POINTS_MAX {
            return Err(HistoryProblem::TooMany);
        }
        let points: Option<Vec<Point>> =
            values.iter().enumerate().map(|(step, value)| Some(Point { at_ms: at(step)?, value: *value })).collect();
        Self::of(&points.ok_or(HistoryProblem::Step)?, step_ms, 1)
    }

    fn fill(&mut self, season: usize) {
        let known = |values: &[f64], seen: &[bool], at: Option<usize>| {
            let at = at.filter(|at| season > 1 && seen.get(*at).copied().unwrap_or(false))?;
            values.get(at).copied()
        };
        // Steps with a sample, in order: what lies around a step without one is found by bisection.
        let samples: Vec<usize> = (0..self.seen.len()).filter(|at| self.seen[*at]).collect();
        for at in (0..self.values.len()).filter(|at| !self.seen[*at]).collect::<Vec<_>>() {
            let seasons = [at.checked_sub(season), at.checked_add(season)];
            let alike: Vec<f64> = seasons.into_iter().filter_map(|other| known(&self.values, &self.seen, other)).collect();
            self.values[at] = if alike.is_empty() { self.between(&samples, at) } else { alike.iter().sum::<f64>() / alike.len() as f64 };
        }
    }

    /// The line between the samples before and after a step.
    fn between(&self, samples: &[usize], at: usize) -> f64 {
        let later = samples.partition_point(|sample| *sample < at);
        match (later.checked_sub(1).and_then(|before| samples.get(before)), samples.get(later)) {
            (Some(before), Some(after)) => {
                let part = (at - before) as f64 / (after - before) as f64;
                self.values[*before] * (1.0 - part) + self.values[*after] * part
            }
            (Some(one), None) | (None, Some(one)) => self.values[*one],
            (None, None) => 0.0,
        }
    }

    /// The load, step by step.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Which steps had a sample.
    pub fn seen(&self) -> &[bool] {
        &self.seen
    }

    /// Steps that were filled.
    pub fn filled(&self) -> usize {
        self.seen.iter().filter(|seen| !**seen).count()
    }

    /// Length of a step, in milliseconds.
    pub fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// When a step is; those after the last one are to come.
    pub fn at_ms(&self, step: usize) -> i64 {
        let steps = i64::try_from(step).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(steps.saturating_mul(self.step_ms))
    }
}

fn check(points: &[Point]) -> Result<(), HistoryProblem> {
    if points.len() > POINTS_MAX {
        return Err(HistoryProblem::TooMany);
    }
    let mut before: Option<i64> = None;
    for Point { at_ms, value } in points.iter().copied() {
        if !value.is_finite() || value.abs() > VALUE_MAX {
            return Err(HistoryProblem::NotFinite { at_ms });
        }
        if value < 0.0 {
            return Err(HistoryProblem::Negative { at_ms });
        }
        if before.is_some_and(|before| at_ms <= before) {
            return Err(HistoryProblem::TimeBackwards { at_ms });
        }
        before = Some(at_ms);
    }
    Ok(())
}

fn gaps(seen: &[bool], start_ms: i64, step_ms: i64) -> Option<HistoryProblem> {
    let missing = seen.iter().filter(|seen| !**seen).count();
    let share = missing as f64 / seen.len().max(1) as f64;
    if share <= GAP_SHARE_MAX {
        return None;
    }
    let (mut longest, mut begin, mut run) = (0, 0, 0);
    for (step, seen) in seen.iter().enumerate() {
        run = if *seen { 0 } else { run + 1 };
        if run > longest {
            (longest, begin) = (run, step + 1 - run);
        }
    }
    Some(HistoryProblem::Gaps { share, at_ms: start_ms.saturating_add(begin as i64 * step_ms), steps: longest })
}

/// The step that most samples are apart: the median of the times between them.
pub fn common_step_ms(points: &[Point]) -> Option<i64> {
    let mut apart: Vec<i64> = points.windows(2).filter_map(|pair| pair[1].at_ms.checked_sub(pair[0].at_ms)).filter(|ms| *ms > 0).collect();
    if apart.is_empty() {
        return None;
    }
    let middle = apart.len() / 2;
    let (_, median, _) = apart.select_nth_unstable(middle);
    Some(*median)
}

/// The greatest load of each whole step of time, from samples that lie closer: what has to be carried is the peak, not the mean.
pub fn greatest_per_step(points: &[Point], step_ms: i64) -> Result<Vec<Point>, HistoryProblem> {
    check(points)?;
    if step_ms <= 0 {
        return Err(HistoryProblem::Step);
    }
    let mut greatest: Vec<Point> = Vec::new();
    for point in points {
        let at_ms = point.at_ms.div_euclid(step_ms).saturating_mul(step_ms);
        match greatest.last_mut().filter(|last| last.at_ms == at_ms) {
            Some(last) => last.value = last.value.max(point.value),
            None => greatest.push(Point { at_ms, value: point.value }),
        }
    }
    Ok(greatest)
}

//! The check of bad shares, new side against old, by the sequential judge.

use super::counters::{ArmTrack, CounterTrack, Newcomers, PartMeaning};
use super::side::{self, Counted, Side};
use super::uncut::Uncut;
use glidepath_judge::budget::RequestCounts;
use glidepath_judge::native::Cut;
use glidepath_judge::verdict::Interval;
use glidepath_judge::{ASSUMED_DISPERSION, Counts, Dispersion, JUDGE_VERSION, SequentialConfig, SequentialState};
use glidepath_model::plan::{CountSelectors, CountSource};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::{Telemetry, TelemetryError};
use serde::{Deserialize, Serialize};

/// Share of a check's false alarms that is set aside for the ceiling where there is one.
const CEILING_ALPHA_SHARE: f64 = 0.1;
/// Restarts of one process of the new side, within one watch, from which on what it counts is not trusted to be all.
const RESTARTS_MAX: u32 = 3;

/// What a proportion check watches, borrowed from the plan.
pub(crate) struct ProportionSpec<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a CountSource,
    pub(crate) canary: &'a CountSelectors,
    pub(crate) baseline: &'a CountSelectors,
    pub(crate) effect: f64,
    pub(crate) alpha: f64,
    pub(crate) dispersion: Option<f64>,
    pub(crate) dispersion_windows: Option<u32>,
    pub(crate) ceiling: Option<f64>,
    pub(crate) tolerated: Option<f64>,
}

impl ProportionSpec<'_> {
    fn config(&self) -> SequentialConfig {
        SequentialConfig {
            subject: self.name.to_owned(),
            false_alarm_max: if self.ceiling.is_some() { self.alpha * (1.0 - CEILING_ALPHA_SHARE) } else { self.alpha },
            margin: self.effect,
            tolerated_proportion: self.tolerated,
            dispersion: match (self.dispersion, self.dispersion_windows) {
                (Some(phi), Some(windows)) => Dispersion::Learnt { phi, windows },
                (Some(phi), None) => Dispersion::Stated { phi },
                (None, _) => Dispersion::Assumed,
            },
            ..SequentialConfig::default()
        }
    }
}

/// What a proportion check remembers between looks; journaled, so that a new owner goes on where the last one stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProportionState {
    judge_version: u32,
    judge: Option<SequentialState>,
    /// Time of the base reading by the clock of the source; none until it could be read.
    opened_at: Option<Timestamp>,
    canary: ArmTrack,
    baseline: ArmTrack,
    seen: Counts,
    #[serde(default, skip_serializing_if = "Uncut::is_unused")]
    uncut: Uncut,
}

impl ProportionState {
    pub(crate) fn new(spec: &ProportionSpec<'_>) -> Self {
        Self {
            judge_version: JUDGE_VERSION,
            judge: SequentialState::new(spec.config()).ok(),
            opened_at: None,
            canary: ArmTrack::default(),
            baseline: ArmTrack::default(),
            seen: Counts::default(),
            uncut: Uncut::default(),
        }
    }

    /// Whether this version may go on from a stored state.
    pub(crate) fn is_continuable(&self) -> bool {
        self.judge_version == JUDGE_VERSION
    }

    /// Whole requests of the new and of the old side.
    pub(crate) fn sides(&self) -> (RequestCounts, RequestCounts) {
        // Beyond 64 bits there are no requests.
        let whole = |bad: f64, total: f64| RequestCounts { bad: bad.round() as u64, total: total.round() as u64 };
        let Counts { canary_bad, canary_total, baseline_bad, baseline_total } = self.seen;
        (whole(canary_bad, canary_total), whole(baseline_bad, baseline_total))
    }

    /// How much more often the new side fails, between what and what.
    pub(crate) fn interval(&self) -> Option<Interval> {
        self.judge.as_ref().and_then(SequentialState::interval)
    }

    /// Reads the counters and judges.
    pub(crate) async fn look(&mut self, spec: &ProportionSpec<'_>, telemetry: &dyn Telemetry) -> (VerdictKind, String) {
        let readings = match Readings::take(spec, self.uncut.cut, telemetry).await {
            Ok(Ok(readings)) => readings,
            Ok(Err(why)) => return self.without_counts(spec, None, &why),
            Err(error) => return self.without_counts(spec, None, &format!("no data: {error}")),
        };
        if let Some((series, value)) = readings.uncountable() {
            let why = format!("no data: the source answered {value} for {series}, which is no count");
            return self.without_counts(spec, Some(readings.observed_at), &why);
        }
        if let Some(why) = readings.without_bucket(spec) {
            return self.without_counts(spec, Some(readings.observed_at), &why);
        }
        let is_broken = self.uncut.is_broken_by(readings.cut);
        let Some(opened_at) = self.opened_at.filter(|_| !is_broken) else {
            self.canary.open(&readings.canary.part, &readings.canary.total);
            self.baseline.open(&readings.baseline.part, &readings.baseline.total);
            self.uncut.open(readings.cut, &readings.canary, &readings.baseline);
            if is_broken {
                return self.without_counts(
                    spec,
                    Some(readings.observed_at),
                    "the buckets of the histogram changed, so that counting goes on from here",
                );
            }
            self.opened_at = Some(readings.observed_at);
            return (VerdictKind::Undecided, format!("{}: counting begins", spec.name));
        };
        self.uncut.advance(readings.cut, &readings.canary, &readings.baseline);
        let newcomers = match spec.source {
            CountSource::Scrape { .. } => Newcomers::Count,
            CountSource::Prometheus(_) | CountSource::Json(_) => Newcomers::Base,
        };
        let (canary_bad, canary_total) =
            self.canary.advance(&readings.canary.part, &readings.canary.total, meaning(spec.canary), newcomers);
        let (baseline_bad, baseline_total) =
            self.baseline.advance(&readings.baseline.part, &readings.baseline.total, meaning(spec.baseline), newcomers);
        let counts = Counts { canary_bad, canary_total, baseline_bad, baseline_total };
        let (kind, line) = self.judge_counts(spec, counts, readings.observed_at.since(opened_at), &readings);
        match self.left_open(spec) {
            Some(open) => (kind, format!("{line}; {open}")),
            None => (kind, line),
        }
    }

    /// What a native histogram leaves open, in words.
    fn left_open(&self, spec: &ProportionSpec<'_>) -> Option<String> {
        let CountSelectors::AboveLimit { histogram, limit_ms, .. } = spec.canary else { return None };
        let unit = if histogram.is_in_millis() { "ms" } else { "s" };
        self.uncut.told(*limit_ms, unit, &self.seen)
    }

    fn judge_counts(&mut self, spec: &ProportionSpec<'_>, counts: Counts, elapsed: Millis, readings: &Readings) -> (VerdictKind, String) {
        self.seen = Counts {
            canary_bad: self.seen.canary_bad + counts.canary_bad,
            canary_total: self.seen.canary_total + counts.canary_total,
            baseline_bad: self.seen.baseline_bad + counts.baseline_bad,
            baseline_total: self.seen.baseline_total + counts.baseline_total,
        };
        let absent = readings.absent_side();
        let Some(judge) = &mut self.judge else {
            return (VerdictKind::Undecided, bad_configuration(spec));
        };
        // The clock of a source may be set back, or two servers with two clocks may answer by turns; what they counted is counted all the same.
        let verdict = judge.look(Some(counts), elapsed.0.max(judge.elapsed_ms()));
        let (kind, line) = match verdict.kind {
            glidepath_judge::VerdictKind::Regression => (VerdictKind::Regression, verdict.explanation),
            glidepath_judge::VerdictKind::NoRegression => (VerdictKind::NoRegression, verdict.explanation),
            glidepath_judge::VerdictKind::Undecided => (VerdictKind::Undecided, verdict.explanation),
        };
        if kind != VerdictKind::Regression {
            if let Some(line) = self.above_ceiling(spec) {
                return (VerdictKind::Regression, line);
            }
            if let Some(side) = absent {
                return (VerdictKind::Undecided, format!("{line}; no counter matches on the {side}"));
            }
        }
        match self.doubt(spec).filter(|_| kind == VerdictKind::NoRegression) {
            Some(doubt) => (VerdictKind::Undecided, format!("{}: undecided, {doubt}; else: {line}", spec.name)),
            None if readings.knows_no_bad(spec) => {
                (kind, format!("{line}; neither side has a counter of {}: none was, or it is misspelt", spec.name))
            }
            None => (kind, line),
        }
    }

    /// Why counts that look good are not believed.
    fn doubt(&self, spec: &ProportionSpec<'_>) -> Option<String> {
        let restarts = self.canary.total.restarts();
        if restarts >= RESTARTS_MAX {
            return Some(format!(
                "a process of the new side began anew {restarts} times, and what it failed at before each end was not counted (GP0443)"
            ));
        }
        let seen = &self.seen;
        let is_better = || self.interval().and_then(|range| range.high).is_some_and(|high| high < 1.0);
        (seen.baseline_bad * spec.effect >= seen.baseline_total && !is_better()).then(|| {
            let share = 100.0 * seen.baseline_bad / seen.baseline_total.max(1.0);
            format!(
                "{share:.0} % are bad on the old side, so that a new side that serves nothing would be within {}x of it (GP0444)",
                spec.effect
            )
        })
    }

    /// A look without usable counts: the judge counts it and keeps what it knows, a regression included.
    fn without_counts(&mut self, spec: &ProportionSpec<'_>, at: Option<Timestamp>, why: &str) -> (VerdictKind, String) {
        let Some(judge) = &mut self.judge else {
            return (VerdictKind::Undecided, bad_configuration(spec));
        };
        let elapsed = at.zip(self.opened_at).map_or(Millis::ZERO, |(at, opened)| at.since(opened));
        let verdict = judge.look(None, elapsed.0);
        match verdict.kind {
            glidepath_judge::VerdictKind::Regression => (VerdictKind::Regression, verdict.explanation),
            _ => (VerdictKind::Undecided, format!("{}: {why}", verdict.explanation)),
        }
    }

    /// The sentence that calls a regression when the new side is shown to be above the ceiling.
    ///
    /// The likelihood ratio of "twice the ceiling" (or half-way to one) against "the ceiling" is a nonnegative supermartingale for every
    /// share at or under the ceiling, so that it may be read at every look; bursts are allowed for by the dispersion. Where the old
    /// side is above the ceiling too, the ceiling says nothing about the change and is left out.
    fn above_ceiling(&self, spec: &ProportionSpec<'_>) -> Option<String> {
        let ceiling = spec.ceiling.filter(|ceiling| *ceiling > 0.0 && *ceiling < 1.0)?;
        let seen = &self.seen;
        if seen.baseline_bad > ceiling * seen.baseline_total {
            return None;
        }
        let worse = (2.0 * ceiling).min(0.5 + 0.5 * ceiling);
        let good = seen.canary_total - seen.canary_bad;
        let ln_e = (seen.canary_bad * (worse / ceiling).ln() + good * ((1.0 - worse) / (1.0 - ceiling)).ln())
            / spec.dispersion.unwrap_or(ASSUMED_DISPERSION).max(1.0);
        (ln_e >= -(spec.alpha * CEILING_ALPHA_SHARE).ln()).then(|| {
            format!(
                "{} {:.2} % of {:.0} requests on the new side, above the ceiling of {:.2} %: regression",
                spec.name,
                100.0 * seen.canary_bad / seen.canary_total,
                seen.canary_total,
                100.0 * ceiling
            )
        })
    }
}

fn bad_configuration(spec: &ProportionSpec<'_>) -> String {
    let problem = spec.config().problem().unwrap_or("the judge does not accept it");
    format!("{}: undecided, the check cannot be used: {problem}", spec.name)
}

/// What a look read of both sides.
struct Readings {
    canary: Counted,
    baseline: Counted,
    /// Where native histograms were counted.
    cut: Option<Cut>,
    is_native: bool,
    observed_at: Timestamp,
}

impl Readings {
    /// Reads both sides; the outer error is a source that did not answer, the inner one sides that cannot be compared.
    async fn take(
        spec: &ProportionSpec<'_>,
        known: Option<Cut>,
        telemetry: &dyn Telemetry,
    ) -> Result<Result<Self, String>, TelemetryError> {
        let (canary, baseline) =
            tokio::try_join!(Side::read(spec.source, spec.canary, telemetry), Side::read(spec.source, spec.baseline, telemetry))?;
        let observed_at = canary.observed_at().max(baseline.observed_at());
        let is_native = matches!((canary.is_native(), baseline.is_native()), (Some(true), _) | (_, Some(true)));
        let mut cut = None;
        if let (true, CountSelectors::AboveLimit { histogram, limit_ms, .. }) = (is_native, spec.canary) {
            if canary.is_native().zip(baseline.is_native()).is_some_and(|(new, old)| new != old) {
                let kind = |side: &Side| if side.is_native() == Some(true) { "a native histogram" } else { "classic buckets" };
                let (metric, new, old) = (&histogram.metric, kind(&canary), kind(&baseline));
                return Ok(Err(format!(
                    "{metric} is {new} on the new side and {old} on the old side, so that they are counted at other bounds (GP0436)"
                )));
            }
            match side::cut(histogram.bound_of(*limit_ms), known, [&canary, &baseline]) {
                Ok(found) => cut = found,
                Err(unfit) => return Ok(Err(format!("{} cannot be counted at {limit_ms}: {unfit} (GP0436)", histogram.metric))),
            }
        }
        Ok(Ok(Self { canary: canary.counted(cut.as_ref()), baseline: baseline.counted(cut.as_ref()), cut, is_native, observed_at }))
    }

    fn uncountable(&self) -> Option<(&str, f64)> {
        let all = [&self.canary.part, &self.canary.total, &self.baseline.part, &self.baseline.total];
        all.into_iter().find_map(CounterTrack::uncountable)
    }

    /// Why a histogram cannot be read: without a bucket at the limit every request would count as slow, on both sides alike.
    fn without_bucket(&self, spec: &ProportionSpec<'_>) -> Option<String> {
        if self.is_native {
            return None;
        }
        let sides = [
            (spec.canary, &self.canary.part, &self.canary.total, "new"),
            (spec.baseline, &self.baseline.part, &self.baseline.total, "old"),
        ];
        sides.into_iter().find_map(|(selectors, part, total, side)| match selectors {
            CountSelectors::AboveLimit { histogram, limit_ms, .. } if part.series.len() < total.series.len() => Some(format!(
                "{} of {} series of {} on the {side} side have no bucket that ends at {limit_ms}; the limit must be a bound of the histogram",
                total.series.len() - part.series.len(),
                total.series.len(),
                histogram.metric
            )),
            CountSelectors::AboveLimit { .. } | CountSelectors::BadOfTotal { .. } => None,
        })
    }

    /// Whether no counter of bad requests is there at all: before the first of them, that is usual.
    fn knows_no_bad(&self, spec: &ProportionSpec<'_>) -> bool {
        meaning(spec.canary) == PartMeaning::Bad && self.canary.part.series.is_empty() && self.baseline.part.series.is_empty()
    }

    fn absent_side(&self) -> Option<&'static str> {
        match (self.canary.total.series.is_empty(), self.baseline.total.series.is_empty()) {
            (true, true) => Some("new and the old side"),
            (true, false) => Some("new side"),
            (false, true) => Some("old side"),
            (false, false) => None,
        }
    }
}

fn meaning(selectors: &CountSelectors) -> PartMeaning {
    match selectors {
        CountSelectors::BadOfTotal { .. } => PartMeaning::Bad,
        CountSelectors::AboveLimit { .. } => PartMeaning::Good,
    }
}

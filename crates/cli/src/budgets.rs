//! Budgets of objectives, read from Prometheus.

use glidepath_judge::budget::{BudgetProblem, BudgetState as State};
use glidepath_judge::slo::{Counted, Method, Period, Status, cools_in_ms, status};
use glidepath_model::catalog::{Indicator, Objective, Settings};
use glidepath_model::facts::{BudgetFact, BudgetState, Sourced};
use glidepath_model::plan::CountSource;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::Telemetry;
pub(crate) use glidepath_runtime::objectives::promise;
use glidepath_runtime::objectives::{Slices, counted};

const HOUR_MS: i64 = 3_600_000;
/// The longest window over which burn is told.
const BURN_MAX_MS: i64 = 72 * HOUR_MS;

/// What is known of an objective.
pub(crate) struct Known {
    /// Its counts, from the beginning of the period or earlier.
    pub(crate) counted: Counted,
    /// Where its period lies.
    pub(crate) period: Period,
    /// Its state, or why there is none.
    pub(crate) status: Result<Status, BudgetProblem>,
    /// What somebody should know who trusts it.
    pub(crate) notes: Vec<String>,
}

/// Why nothing is known of an objective that has no source.
pub(crate) const NO_SOURCE: &str = "the project declares no Prometheus under `telemetry`, and the objective no source of its own";

impl Known {
    /// The same as a fact, as of the end of the last slice that was counted. Its counts are of events, whatever the method makes of them.
    pub(crate) fn fact(&self, objective: &Objective, burn_max: f64) -> Result<Sourced<BudgetFact>, BudgetProblem> {
        let status = self.status.as_ref().map_err(|problem| *problem)?;
        let (target, method) = promise(objective);
        let end_ms = self.counted.end_ms();
        let from_ms = match self.period {
            Period::Rolling(length_ms) => end_ms.saturating_sub(length_ms),
            Period::Calendar { from_ms, .. } => from_ms,
        };
        let events = self.counted.tally(from_ms, end_ms);
        let burn_1h = status.burn_over(HOUR_MS);
        let cools_ms = burn_1h.filter(|burn| *burn > burn_max).and_then(|_| cools_in_ms(&self.counted, target, method, HOUR_MS, burn_max));
        let fact = BudgetFact {
            bad_ratio: events.bad_share()?,
            total: events.total,
            remaining: status.remaining,
            state: Some(match status.state {
                State::Healthy => BudgetState::Healthy,
                State::Caution => BudgetState::Caution,
                State::Warning => BudgetState::Warning,
                State::Exhausted => BudgetState::Exhausted,
            }),
            burn_1h,
            burn_6h: status.burn_over(6 * HOUR_MS),
            cools_at: cools_ms.map(|ms| time(end_ms).plus(Millis(ms))),
        };
        let counted = match &objective.indicator {
            Indicator::Ratio { total, .. } => format!("{total}, counted exactly"),
            Indicator::Threshold { query, .. } | Indicator::Raw { query, .. } => query.clone(),
        };
        Ok(Sourced::observed(fact, counted, time(end_ms)))
    }
}

/// Where the series of an objective are.
pub(crate) fn source(objective: &Objective, settings: &Settings) -> Option<CountSource> {
    objective.terms.source.as_ref().or(settings.prometheus.as_ref()).cloned().map(CountSource::Prometheus)
}

/// Reads an objective as it was at an instant. The error says why nothing is known of it.
pub(crate) async fn read(telemetry: &dyn Telemetry, source: &CountSource, objective: &Objective, at: Timestamp) -> Result<Known, String> {
    if let Some(why) = &objective.terms.uncounted {
        return Err(why.clone());
    }
    let (target, method) = promise(objective);
    let (slices, period) = placed(objective, method, at)?;
    let (counted, notes) = counted(telemetry, source, objective, slices).await?;
    let status = status(&counted, target, method, period);
    Ok(Known { counted, period, status, notes })
}

/// The slices that are read, and the period among them.
fn placed(objective: &Objective, method: Method, at: Timestamp) -> Result<(Slices, Period), String> {
    let (whole_ms, slice_ms) = Slices::of(method);
    let end_ms = floor(millis(at), whole_ms);
    let length_ms = i64::try_from(objective.period_ms.0).unwrap_or(i64::MAX);
    let (period, from_ms) = match &objective.terms.calendar {
        None => (Period::Rolling(length_ms), end_ms.saturating_sub(length_ms)),
        Some(calendar) => {
            // Until the first slice of a period is over it has nothing to tell; the one before has.
            let inside = Timestamp::from_micros(end_ms.saturating_sub(1).saturating_mul(1000));
            let edges = glidepath_calendar::period(inside, calendar);
            let (from, to) =
                edges.ok_or_else(|| format!("its period from {} in {} cannot be placed", calendar.start, calendar.time_zone))?;
            (Period::Calendar { from_ms: millis(from), to_ms: millis(to) }, millis(from))
        }
    };
    let begin_ms = floor(from_ms.min(end_ms.saturating_sub(BURN_MAX_MS)), whole_ms);
    Ok((Slices { begin_ms, end_ms, slice_ms }, period))
}

fn floor(ms: i64, step_ms: i64) -> i64 {
    ms - ms.rem_euclid(step_ms)
}

fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1000)
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_micros(ms.saturating_mul(1000))
}

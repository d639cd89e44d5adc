//! What is told of one objective.

use crate::budgets::{Known, promise};
use glidepath_judge::budget::{BudgetProblem, BudgetState, TargetPpb, downtime};
use glidepath_judge::slo::{
    Because, BurnAlert, Counted, Exhaustion, Firing, Lint, Period, Purpose, Severity, Status, Tally, allowance, burn_alerts, burn_line,
    fires, lints,
};
use glidepath_model::catalog::Objective;
use glidepath_model::{Code, Diagnostic, Millis, Timestamp};
use serde::Serialize;

const HOUR_MS: i64 = 3_600_000;
/// Hours of burn that are drawn.
const LINE_HOURS: u32 = 24;

/// Everything that is told, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
    pub(super) component: String,
    /// Share of good promised, in percent.
    pub(super) target_percent: f64,
    pub(super) method: &'static str,
    pub(super) period: PeriodAnswer,
    /// Why nothing is known, when nothing is.
    pub(super) unknown: Option<String>,
    pub(super) state: Option<BudgetState>,
    /// Share of the budget that is left; may be negative.
    pub(super) remaining: Option<f64>,
    pub(super) bad_share: Option<f64>,
    pub(super) counts: Option<Tally>,
    /// Slices that nobody saw, and all of them, before the method made something of them.
    pub(super) unseen: Option<[usize; 2]>,
    pub(super) burn: Vec<BurnAnswer>,
    /// Burn of the last 24 hours, hour by hour, the oldest first; nothing where it is unknown.
    pub(super) burn_by_hour: Vec<Option<f64>>,
    pub(super) runs_out: Option<RunsOut>,
    pub(super) allows: Option<Allows>,
    pub(super) alerts: Vec<AlertAnswer>,
    pub(super) notes: Vec<String>,
}

/// The period that is told of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeriodAnswer {
    pub(super) rolling: bool,
    pub(super) length_ms: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Timestamp>,
    /// Zone of a period of the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_zone: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BurnAnswer {
    pub(super) window_ms: Millis,
    pub(super) burn: Option<f64>,
}

/// When the budget runs out at the burn of the last hour.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunsOut {
    /// `already`, `at`, `never` or `unknown`.
    pub(super) when: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_ms: Option<Millis>,
}

/// What the state and the burn allow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Allows {
    pub(super) features: bool,
    pub(super) fixes: bool,
    pub(super) emergencies: bool,
    pub(super) because: Because,
    pub(super) text: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertAnswer {
    pub(super) severity: Severity,
    pub(super) factor: f64,
    pub(super) long_ms: Millis,
    pub(super) short_ms: Millis,
    pub(super) burn_long: Option<f64>,
    pub(super) burn_short: Option<f64>,
    pub(super) fires: bool,
}

impl Answer {
    pub(super) fn of(objective: Objective, known: Result<Known, String>, burn_max: f64) -> Self {
        let period = known.as_ref().ok().map_or(Period::Rolling(0), |known| known.period);
        let mut answer = Self::without_state(&objective, period);
        match known {
            Err(why) => answer.unknown = Some(why),
            Ok(Known { counted, status, notes, .. }) => {
                answer.notes.extend(notes);
                let slices = counted.slices();
                answer.unseen = Some([slices.iter().filter(|slice| !slice.known).count(), slices.len()]);
                match status {
                    Err(problem) => answer.unknown = Some(problem.to_string()),
                    Ok(status) => answer.put(&objective, &counted, &status, burn_max),
                }
            }
        }
        answer
    }

    fn without_state(objective: &Objective, period: Period) -> Self {
        let (from, to) = match period {
            Period::Rolling(_) => (None, None),
            Period::Calendar { from_ms, to_ms } => (Some(instant(from_ms)), Some(instant(to_ms))),
        };
        let length_ms = from.zip(to).map_or(objective.period_ms, |(from, to)| to.since(from));
        let (target, method) = promise(objective);
        let sla = objective.terms.sla.map(|sla| TargetPpb(sla.ppb()));
        Self {
            name: objective.name.clone(),
            display_name: objective.terms.display_name.clone(),
            component: objective.component.to_string(),
            target_percent: f64::from(objective.target.ppb()) / 1e7,
            method: objective.terms.budgeting.name(),
            period: PeriodAnswer {
                rolling: objective.terms.calendar.is_none(),
                length_ms,
                from,
                to,
                time_zone: objective.terms.calendar.as_ref().map(|calendar| calendar.time_zone.clone()),
            },
            unknown: None,
            state: None,
            remaining: None,
            bad_share: None,
            counts: None,
            unseen: None,
            burn: Vec::new(),
            burn_by_hour: Vec::new(),
            runs_out: None,
            allows: None,
            alerts: Vec::new(),
            notes: lints(target, method, length_ms.0, sla).into_iter().map(told).collect(),
        }
    }

    fn put(&mut self, objective: &Objective, counted: &Counted, status: &Status, burn_max: f64) {
        let (target, method) = promise(objective);
        self.state = Some(status.state);
        self.remaining = Some(status.remaining);
        self.bad_share = Some(status.bad_share);
        self.counts = Some(status.counts);
        self.burn = status.burn.iter().map(|burn| BurnAnswer { window_ms: length(burn.window_ms), burn: burn.burn.ok() }).collect();
        let line = burn_line(counted, target, method, HOUR_MS, LINE_HOURS).unwrap_or_default();
        self.burn_by_hour = line.into_iter().map(Result::ok).collect();
        self.runs_out = Some(runs_out(status.exhaustion, counted.end_ms()));
        let burn_1h = status.burn_over(HOUR_MS);
        let allowed = |is_feature, is_emergency| allowance(status.state, burn_1h, burn_max, Purpose { is_feature, is_emergency });
        let because = allowed(true, false).because;
        self.allows = Some(Allows {
            features: allowed(true, false).starts,
            fixes: allowed(false, false).starts,
            emergencies: allowed(true, true).starts,
            because,
            text: because.text(),
        });
        let period_ms = i64::try_from(self.period.length_ms.0).unwrap_or(i64::MAX);
        for alert in burn_alerts(period_ms, target).into_iter().flatten() {
            if let Ok(firing) = fires(&alert, counted, target, method) {
                self.alerts.push(alert_answer(&alert, firing));
            }
        }
        if let ("Occurrences", Ok(down)) = (self.method, downtime(target, self.period.length_ms.0)) {
            self.notes.push(format!("the whole budget is a complete failure of {down}, as if traffic were even"));
        }
    }

    /// What is wrong, when nothing is known.
    pub(super) fn finding(&self) -> Option<Diagnostic> {
        let why = self.unknown.as_ref()?;
        Some(
            Diagnostic::error(Code(697), format!("nothing is known of the budget of {}: {why}", self.name))
                .because("a budget that nobody can read is not taken for a full one")
                .hint("mend what does not answer; `glidepath validate` says what is odd about the objective itself"),
        )
    }
}

fn alert_answer(alert: &BurnAlert, firing: Firing) -> AlertAnswer {
    let known = |burn: Result<f64, BudgetProblem>| burn.ok();
    AlertAnswer {
        severity: alert.severity,
        factor: alert.factor,
        long_ms: length(alert.long_ms),
        short_ms: length(alert.short_ms),
        burn_long: known(firing.long),
        burn_short: known(firing.short),
        fires: firing.fires,
    }
}

fn runs_out(exhaustion: Exhaustion, now_ms: i64) -> RunsOut {
    let (when, in_ms) = match exhaustion {
        Exhaustion::Already => ("already", None),
        Exhaustion::InMs(ms) => ("at", Some(ms)),
        Exhaustion::Never => ("never", None),
        Exhaustion::Unknown => ("unknown", None),
    };
    RunsOut { when, at: in_ms.map(|ms| instant(now_ms).plus(Millis(ms))), in_ms: in_ms.map(Millis) }
}

fn told(lint: Lint) -> String {
    match lint {
        Lint::SlaNotLooser => "customers are promised as much as is aimed at, or more: the promise breaks before the alarm".to_owned(),
        Lint::Unanswerable { downtime_ms } => {
            format!("the whole budget is {} of complete failure: nobody can act within it", Millis(downtime_ms))
        }
        Lint::SliceTooCoarse { share } => format!("one bad slice takes {:.0} % of the budget; shorter slices tell more", share * 100.0),
    }
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_micros(ms.saturating_mul(1000))
}

fn length(ms: i64) -> Millis {
    Millis(ms.unsigned_abs())
}

//! The look at an error budget: whether it burns so fast that nothing more is to be exposed, and whether the run may be what burns it.
//!
//! What was read is kept with the other counts, for people and for the next owner. No gate passes on an old reading: the look that passes it is the last before
//! more is exposed.

use super::proportion::ProportionState;
use crate::objectives::{Slices, counted, promise};
use glidepath_judge::budget::{BudgetProblem, TargetPpb};
use glidepath_judge::slo::{Excluded, Firing, Guilt, Onward, Purpose, fires, flight_alert, is_no_worse, onward};
use glidepath_model::catalog::Objective;
use glidepath_model::plan::CountSource;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, RunId, Timestamp};
use glidepath_ports::Telemetry;
use serde::{Deserialize, Serialize};

/// Time from one reading of a budget to the next, which are many questions each: slices end at whole seconds, so that a second has nothing new.
const READ_EVERY: Millis = Millis::from_secs(1);
/// A feature: whatever passes budgets has no look at them in its plan.
const HELD: Purpose = Purpose { is_feature: true, is_emergency: false };

/// What a look at a budget is about, borrowed from the plan.
pub(crate) struct BurnSpec<'a> {
    pub(crate) source: &'a CountSource,
    pub(crate) objective: &'a Objective,
    pub(crate) burn_max: f64,
    pub(crate) unknown_holds: bool,
    pub(crate) turns_back: bool,
}

/// What it remembers between looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BurnState {
    read_at: Option<Timestamp>,
    /// What was seen, or why nothing was.
    seen: Option<Result<Firing, String>>,
}

/// What other checks of the same gate know of the new side.
pub(crate) struct Beside<'a> {
    /// Verdict and counts of each comparison of both sides.
    pub(crate) compared: Vec<(VerdictKind, &'a ProportionState)>,
}

impl BurnState {
    /// Reads the budget, when it is time to, and says what follows.
    pub(crate) async fn look(
        &mut self,
        spec: &BurnSpec<'_>,
        beside: &Beside<'_>,
        (run, at): (&RunId, Timestamp),
        telemetry: &dyn Telemetry,
    ) -> (VerdictKind, String) {
        let is_due = self.read_at.is_none_or(|read_at| at < read_at || at.since(read_at) >= READ_EVERY);
        if is_due || !matches!(self.seen, Some(Ok(_))) {
            self.seen = Some(read(spec, at, telemetry).await);
            self.read_at = Some(at);
        }
        let unread = Err("it was not asked".to_owned());
        let seen = self.seen.as_ref().unwrap_or(&unread);
        let guilt = beside.guilt(spec);
        let follows = onward(seen.as_ref().ok(), guilt, spec.unknown_holds, HELD);
        let verdict = match follows {
            Onward::GoesOn => VerdictKind::NoRegression,
            Onward::Waits => VerdictKind::Undecided,
            Onward::GoesBack => VerdictKind::Regression,
        };
        (verdict, told(spec, seen, guilt, follows, run))
    }
}

async fn read(spec: &BurnSpec<'_>, at: Timestamp, telemetry: &dyn Telemetry) -> Result<Firing, String> {
    let (target, method) = promise(spec.objective);
    let (counted, _) = counted(telemetry, spec.source, spec.objective, Slices::of_flight(method, at)).await?;
    fires(&flight_alert(spec.burn_max), &counted, target, method).map_err(|problem| problem.to_string())
}

impl Beside<'_> {
    fn guilt(&self, spec: &BurnSpec<'_>) -> Guilt {
        if !spec.turns_back {
            return Guilt::NotAsked;
        }
        let is_passed = |(verdict, _): &(VerdictKind, &ProportionState)| *verdict == VerdictKind::NoRegression;
        if !self.compared.is_empty() && self.compared.iter().all(is_passed) {
            return Guilt::Excluded(Excluded::ByJudge);
        }
        let (target, _) = promise(spec.objective);
        // A check that sees a regression already is no witness.
        let is_regression = |(verdict, _): &(VerdictKind, &ProportionState)| *verdict == VerdictKind::Regression;
        let is_no_worse = |(_, state): &(VerdictKind, &ProportionState)| no_worse(state, target, spec.burn_max);
        if !self.compared.is_empty() && !self.compared.iter().any(is_regression) && self.compared.iter().all(is_no_worse) {
            return Guilt::Excluded(Excluded::ByTheRest);
        }
        Guilt::Open
    }
}

fn no_worse(state: &ProportionState, target: TargetPpb, burn_max: f64) -> bool {
    let (exposed, rest) = state.sides();
    is_no_worse(exposed, rest, state.interval(), target, burn_max)
}

/// One line for people, with the figures.
fn told(spec: &BurnSpec<'_>, seen: &Result<Firing, String>, guilt: Guilt, follows: Onward, run: &RunId) -> String {
    let (name, most) = (&spec.objective.name, figure(spec.burn_max));
    let all_the_same = format!("`glidepath promote {run} --reason WHY` goes on all the same");
    let why = match seen {
        Ok(firing) => match (burn(firing.long), burn(firing.short)) {
            (Ok(long), Ok(short)) => {
                let burns = format!("{name} burns {long} of its budget over 1 h and {short} over 5 min");
                return match (follows, guilt) {
                    (Onward::GoesOn, _) => format!("{burns}; both above {most} would hold"),
                    (Onward::GoesBack, _) => {
                        format!("goes back: {burns}, above {most}, and nothing shows that it is not the new side that burns it")
                    }
                    (Onward::Waits, Guilt::Excluded(Excluded::ByJudge)) => format!(
                        "waits: {burns}; it is not this run's, whose new side shows no regression; starts again at {most} or less; {all_the_same}"
                    ),
                    (Onward::Waits, Guilt::Excluded(Excluded::ByTheRest)) => format!(
                        "waits: {burns}; it is not this run's, whose new side fails no more often than the rest; starts again at {most} or less; {all_the_same}"
                    ),
                    (Onward::Waits, Guilt::NotAsked | Guilt::Open) => {
                        format!("waits: {burns}; starts again at {most} or less; {all_the_same}")
                    }
                };
            }
            (Err(problem), _) => format!("over 1 h, {problem}"),
            (_, Err(problem)) => format!("over 5 min, {problem}"),
        },
        Err(why) => why.clone(),
    };
    match follows {
        Onward::GoesOn => format!("nothing is known of the budget of {name}, which holds nothing back: {why}"),
        Onward::Waits | Onward::GoesBack => {
            format!("waits: nothing is known of the budget of {name}, and `policy.unknownBudget` is `refuse`: {why}; {all_the_same}")
        }
    }
}

fn burn(burn: Result<f64, BudgetProblem>) -> Result<String, BudgetProblem> {
    match burn {
        // Without requests nothing is spent; those that nobody counted, as in the first minute of a Prometheus, are not known.
        Err(BudgetProblem::NoTraffic) => Ok("nothing (no requests were counted)".to_owned()),
        other => other.map(figure),
    }
}

/// `6.2x`.
fn figure(burn: f64) -> String {
    let tenths = format!("{burn:.1}");
    format!("{}x", tenths.strip_suffix(".0").unwrap_or(&tenths))
}

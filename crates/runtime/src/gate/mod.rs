//! Gates: what is looked at, how often, and what the looks add up to.
//!
//! # Theory of operation
//!
//! A gate is an effect of the engine: `Watch` starts a watcher, every look comes back as one input with a verdict, one line for people, and
//! the state of all checks. The engine journals the look and decides by verdict and time alone. When the owner dies, the
//! journaled state of the last look is handed to the new watcher, so that counts gathered before are not lost and the judge's
//! error probability holds over the whole watch; the increments of the gap are counted by the first look after it.
//!
//! Checks combine so: any regression is a regression; all without regression is no regression; everything else is undecided.
//! Absent data, zero traffic, a source out of reach and a broken check are undecided with the reason, never a pass.
//!
//! Budgets are looked at last: what the comparisons of the same look say of the new side decides whether a burning budget turns the run back or holds it.
//!
//! Races. A look that is under way when the gate is closed is dropped with its task. A look that was journaled by a dead owner may be repeated
//! by the new one: the counters have then only grown. Two watchers of one gate cannot be: the loop aborts the old one before it starts
//! another, and the round in each look tells the engine's rounds apart.

mod burn;
mod canary;
mod counters;
mod in_a_row;
mod measured;
mod proportion;
pub mod side;
mod specs;
mod uncut;
mod values;

use crate::calls::CallRunner;
use burn::{Beside, BurnSpec, BurnState};
use canary::CanaryState;
use glidepath_model::event::{AttemptRef, Direction, Outcome};
use glidepath_model::plan::{CountSource, GateCheck, GateSpec};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{ActionCall, Millis, PlanId, RunId, StepId, Timestamp};
use glidepath_ports::{CancelToken, Clock, Telemetry, TelemetryError};
use in_a_row::{InARow, Pace, Unmeasured};
use measured::MeasuredState;
use proportion::ProportionState;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use specs::{burn_spec, canary_spec, measured_spec, proportion_spec, values_spec};
use std::sync::Arc;
use values::ValuesState;

/// Longest line of a look, in bytes.
const LINE_BYTES_MAX: usize = 600;

/// A probe call may take this long at most.
const PROBE_CALL_MAX: Millis = Millis::from_secs(10);

/// What a look concluded.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The combined verdict.
    pub verdict: VerdictKind,
    /// One line for people.
    pub line: String,
    /// What is needed to go on after a restart.
    pub state: Value,
}

/// What all checks of a gate remember between looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GateState {
    looks: u32,
    checks: Vec<CheckState>,
}

/// What one check remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CheckState {
    Proportion(Box<ProportionState>),
    Values(Box<ValuesState>),
    Measured(Box<MeasuredState>),
    Canary(Box<CanaryState>),
    Burn(Box<BurnState>),
    Limits(InARow),
}

/// Watches one gate.
pub struct Watcher {
    run: RunId,
    plan: PlanId,
    step: StepId,
    round: u32,
    opened_at: Timestamp,
    spec: GateSpec,
    state: GateState,
    telemetry: Arc<dyn Telemetry>,
    calls: Arc<CallRunner>,
    clock: Arc<dyn Clock>,
}

/// Which gate a watcher is for.
pub struct WatchedGate {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan: PlanId,
    /// The gate's step.
    pub step: StepId,
    /// The round of its opening.
    pub round: u32,
    /// When it was opened, as the journal has it.
    pub opened_at: Timestamp,
    /// What to watch.
    pub spec: GateSpec,
}

impl Watcher {
    /// A watcher that begins anew, or goes on from the state of an earlier look if this version can read it.
    pub fn new(
        gate: WatchedGate,
        stored: Option<&Value>,
        telemetry: Arc<dyn Telemetry>,
        calls: Arc<CallRunner>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let WatchedGate { run, plan, step, round, opened_at, spec } = gate;
        let fresh = GateState { looks: 0, checks: spec.checks.iter().map(CheckState::new).collect() };
        let stored = stored.and_then(|value| GateState::deserialize(value).ok()).filter(|state| state.fits(&spec));
        Self { run, plan, step, round, opened_at, spec, state: stored.unwrap_or(fresh), telemetry, calls, clock }
    }

    /// Time between looks.
    pub fn look_every(&self) -> Millis {
        self.spec.look_every_ms.max(crate::limits::LOOK_EVERY_MIN)
    }

    /// Looks once at everything.
    pub async fn look(&mut self, now: Timestamp) -> Look {
        self.state.looks = self.state.looks.saturating_add(1);
        let mut states = std::mem::take(&mut self.state.checks);
        let mut found = Vec::with_capacity(states.len());
        for (check, state) in self.spec.checks.iter().zip(&mut states) {
            found.push(match burn_spec(check) {
                // What the others see comes first.
                Some(_) => (VerdictKind::Undecided, String::new()),
                None => self.check(check, state, now).await,
            });
        }
        for at in 0..states.len() {
            if let Some(spec) = self.spec.checks.get(at).and_then(burn_spec) {
                found[at] = self.budget(&spec, at, &mut states, &found).await;
            }
        }
        self.state.checks = states;
        let verdict = combine(found.iter().map(|(verdict, _)| *verdict));
        let line = join_lines(&found);
        Look { verdict, line, state: serde_json::to_value(&self.state).unwrap_or(Value::Null) }
    }

    /// Looks at a budget, beside what the other checks of this look found.
    async fn budget(
        &self,
        spec: &BurnSpec<'_>,
        at: usize,
        states: &mut [CheckState],
        found: &[(VerdictKind, String)],
    ) -> (VerdictKind, String) {
        let Some(CheckState::Burn(state)) = states.get(at) else { return misfit() };
        let mut state = state.clone();
        let compared = states.iter().zip(found).filter_map(|(state, (verdict, _))| match state {
            CheckState::Proportion(state) => Some((*verdict, state.as_ref())),
            CheckState::Values(_) | CheckState::Measured(_) | CheckState::Canary(_) | CheckState::Burn(_) | CheckState::Limits(_) => None,
        });
        let beside = Beside { compared: compared.collect() };
        let said = state.look(spec, &beside, (&self.run, self.clock.now()), self.telemetry.as_ref()).await;
        if let Some(known) = states.get_mut(at) {
            *known = CheckState::Burn(state);
        }
        said
    }

    async fn check(&self, check: &GateCheck, state: &mut CheckState, now: Timestamp) -> (VerdictKind, String) {
        match (check, state) {
            (GateCheck::Threshold { measured: Some(_), .. }, CheckState::Measured(state)) => match measured_spec(check) {
                Some(spec) => state.look(&spec, now.since(self.opened_at), self.telemetry.as_ref()).await,
                None => misfit(),
            },
            (GateCheck::Kayenta { .. }, CheckState::Canary(state)) => match canary_spec(check) {
                Some(spec) => state.look(&spec, (self.opened_at, now), self.telemetry.as_ref()).await,
                None => misfit(),
            },
            (GateCheck::Proportion { .. }, CheckState::Proportion(state)) => match proportion_spec(check) {
                Some(spec) => state.look(&spec, self.telemetry.as_ref()).await,
                None => misfit(),
            },
            (GateCheck::Values { .. }, CheckState::Values(state)) => match values_spec(check) {
                Some(spec) => state.look(&spec, self.telemetry.as_ref()).await,
                None => misfit(),
            },
            (GateCheck::Threshold { name, source, query, min, max, failures_max, measured: None }, CheckState::Limits(row)) => {
                let found = self.value_problem(source, query, *min, *max).await;
                row.look(name, found, *failures_max, self.pace(now))
            }
            (GateCheck::Probe { name, calls, failures_max }, CheckState::Limits(row)) => {
                row.look(name, Ok(self.probe_problem(calls).await), *failures_max, self.pace(now))
            }
            (
                GateCheck::Proportion { .. }
                | GateCheck::Values { .. }
                | GateCheck::Threshold { .. }
                | GateCheck::Kayenta { .. }
                | GateCheck::Probe { .. }
                | GateCheck::Burn { .. },
                _,
            ) => misfit(),
        }
    }

    fn pace(&self, now: Timestamp) -> Pace {
        Pace { elapsed: now.since(self.opened_at), window: self.spec.window(), look_every: self.look_every() }
    }

    /// What was measured, as `Ok` when good and `Err` when bad; the outer error when there is no value.
    async fn value_problem(&self, source: &CountSource, query: &str, min: Option<f64>, max: Option<f64>) -> Result<Measured, Unmeasured> {
        let reading = self.telemetry.value(source, query).await.map_err(|error| match error {
            TelemetryError::NoNumber { .. } => Unmeasured::NoNumber(error.to_string()),
            _ => Unmeasured::Dark(error.to_string()),
        })?;
        let value = reading.ok_or_else(|| Unmeasured::Dark("the query has no value".to_owned()))?.value;
        if !value.is_finite() {
            return Err(Unmeasured::NoNumber("the value is not a number".to_owned()));
        }
        Ok(match (min.filter(|min| value < *min), max.filter(|max| value > *max)) {
            (Some(min), _) => Err(format!("{value} is below {min}")),
            (_, Some(max)) => Err(format!("{value} is above {max}")),
            (None, None) => Ok(format!("{value} is within its bounds")),
        })
    }

    /// Makes all probe calls side by side. A call that does not end in time is a failed one.
    async fn probe_problem(&self, probes: &[ActionCall]) -> Measured {
        // Number 0: all looks of a gate use one folder.
        let attempt = AttemptRef { step: self.step.clone(), direction: Direction::Probe, round: self.round, number: 0 };
        let timeout = self.look_every().min(PROBE_CALL_MAX);
        let outcomes = self.calls.run_probes(&self.run, &self.plan, &attempt, probes, timeout, &CancelToken::new()).await;
        let problems: Vec<String> = outcomes
            .into_iter()
            .filter_map(|outcome| match outcome {
                Outcome::Done { .. } => None,
                Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => Some(reason),
            })
            .collect();
        match problems.first() {
            None => Ok(format!("{} of {} passed", probes.len(), probes.len())),
            Some(first) => Err(format!("{} of {} failed: {first}", problems.len(), probes.len())),
        }
    }
}

/// What was found, in words: `Ok` is good, `Err` is bad.
pub(crate) type Measured = Result<String, String>;

impl CheckState {
    fn new(check: &GateCheck) -> Self {
        let proportion = || Some(Self::Proportion(Box::new(ProportionState::new(&proportion_spec(check)?))));
        let values = || Some(Self::Values(Box::new(ValuesState::new(&values_spec(check)?))));
        let measured = || Some(Self::Measured(Box::new(MeasuredState::new(&measured_spec(check)?))));
        let canary = || canary_spec(check).map(|_| Self::Canary(Box::new(CanaryState::new())));
        let burn = || burn_spec(check).map(|_| Self::Burn(Box::default()));
        proportion().or_else(values).or_else(measured).or_else(canary).or_else(burn).unwrap_or_else(|| Self::Limits(InARow::default()))
    }
}

impl GateState {
    fn fits(&self, spec: &GateSpec) -> bool {
        self.checks.len() == spec.checks.len()
            && self.checks.iter().zip(&spec.checks).all(|(state, check)| match (state, check) {
                (CheckState::Proportion(state), GateCheck::Proportion { .. }) => state.is_continuable(),
                (CheckState::Values(state), GateCheck::Values { .. }) => state.is_continuable(),
                (CheckState::Measured(state), GateCheck::Threshold { measured: Some(_), .. }) => state.is_continuable(),
                (CheckState::Canary(state), GateCheck::Kayenta { .. }) => state.is_continuable(),
                (CheckState::Limits(_), GateCheck::Threshold { measured: None, .. } | GateCheck::Probe { .. }) => true,
                (CheckState::Burn(_), GateCheck::Burn { .. }) => true,
                (
                    CheckState::Proportion(_)
                    | CheckState::Values(_)
                    | CheckState::Measured(_)
                    | CheckState::Canary(_)
                    | CheckState::Limits(_)
                    | CheckState::Burn(_),
                    _,
                ) => false,
            })
    }
}

fn misfit() -> (VerdictKind, String) {
    (VerdictKind::Undecided, "undecided, the stored state does not fit the check".to_owned())
}

/// Any regression is one; all without is none; no checks at all say nothing.
fn combine(verdicts: impl Iterator<Item = VerdictKind>) -> VerdictKind {
    let mut combined = None;
    for verdict in verdicts {
        combined = Some(match (combined, verdict) {
            (Some(VerdictKind::Regression), _) | (_, VerdictKind::Regression) => VerdictKind::Regression,
            (Some(VerdictKind::Undecided), _) | (_, VerdictKind::Undecided) => VerdictKind::Undecided,
            (None | Some(VerdictKind::NoRegression), VerdictKind::NoRegression) => VerdictKind::NoRegression,
        });
    }
    combined.unwrap_or(VerdictKind::Undecided)
}

/// The lines of the checks in one, the ones that hold the gate first.
fn join_lines(found: &[(VerdictKind, String)]) -> String {
    let mut ordered: Vec<&(VerdictKind, String)> = found.iter().collect();
    ordered.sort_by_key(|(verdict, _)| match verdict {
        VerdictKind::Regression => 0,
        VerdictKind::Undecided => 1,
        VerdictKind::NoRegression => 2,
    });
    let mut line = ordered.into_iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("; ");
    if line.len() > LINE_BYTES_MAX {
        let end = (0..=LINE_BYTES_MAX).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_regression_decides_and_nothing_undecided_passes() {
        use VerdictKind::{NoRegression, Regression, Undecided};
        let cases: [(&[VerdictKind], VerdictKind); 6] = [
            (&[], Undecided),
            (&[NoRegression], NoRegression),
            (&[NoRegression, NoRegression], NoRegression),
            (&[NoRegression, Undecided], Undecided),
            (&[Undecided, NoRegression], Undecided),
            (&[Undecided, Regression, NoRegression], Regression),
        ];
        for (verdicts, expected) in cases {
            assert_eq!(combine(verdicts.iter().copied()), expected, "{verdicts:?}");
        }
    }
}

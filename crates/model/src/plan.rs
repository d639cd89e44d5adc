//! A plan: an executable graph of steps, with what it rests on, what it predicts, and what lost against it.

use crate::action::{ActionCall, OnUnknown};
use crate::catalog::Selector;
use crate::change::{Change, OnFailure};
use crate::diagnostic::Diagnostic;
use crate::ids::*;
use crate::time::{Millis, Timestamp};
use crate::units::{Money, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A plan as made: the body that is hashed, and what stands beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// SHA-256 of `PlanBody::to_bytes`.
    pub id: PlanId,
    /// What is approved and flown.
    pub body: PlanBody,
    /// What is expected to happen.
    pub prediction: Prediction,
    /// The chosen candidate and those that lost, best first.
    pub candidates: Vec<CandidateSummary>,
    /// Strategies that were ruled out, with the fact that decided.
    pub ruled_out: Vec<RuledOut>,
    /// The linter's findings and what is missing or stale.
    pub findings: Vec<Diagnostic>,
    /// What was derived or assumed, one sentence each.
    pub derived: Vec<String>,
}

impl Plan {
    /// Puts a plan together and names it by its body.
    pub fn new(
        body: PlanBody,
        prediction: Prediction,
        candidates: Vec<CandidateSummary>,
        ruled_out: Vec<RuledOut>,
        findings: Vec<Diagnostic>,
        derived: Vec<String>,
    ) -> Self {
        let id = PlanId::new(Digest::of(&body.to_bytes()).as_str());
        Self { id, body, prediction, candidates, ruled_out, findings, derived }
    }
}

/// The hashed part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanBody {
    /// Version of this form; 1.
    pub format: u32,
    /// Version of the engine's meaning of the steps; 1.
    pub engine_semantics: u32,
    /// The change, whole.
    pub change: Change,
    /// Digest of the facts it was computed from.
    pub facts: Digest,
    /// When it was made (`--at`).
    pub created_at: Timestamp,
    /// When it expires unless in flight.
    pub expires_at: Timestamp,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Strategy of each item in each environment.
    pub assignments: Vec<Assignment>,
    /// Conditions to hold at take-off.
    pub takeoff: Vec<TakeoffGate>,
    /// Steps; each stands after all it needs.
    pub steps: Vec<Step>,
    /// What happens when something fails for good.
    pub on_failure: OnFailure,
    /// Mixes of versions that `on_failure` can leave behind.
    pub matrices: Vec<VersionMatrix>,
    /// How long partial exposure may be held without progress.
    pub hold_limit_ms: Millis,
    /// What approvers approve.
    pub envelope: Envelope,
    /// Changes that follow from this one, such as the contract half of a data change.
    pub follow_ups: Vec<FollowUp>,
}

impl PlanBody {
    /// The bytes that are stored and hashed: compact JSON with fields in the order of declaration.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The step of that id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|s| s.id == *id)
    }
}

/// One item in one environment, worked out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Index into the change's items.
    pub item: u32,
    /// The component.
    pub component: ComponentName,
    /// The target.
    pub target: TargetName,
    /// The environment.
    pub environment: EnvironmentName,
    /// How it is done.
    pub strategy: Strategy,
    /// What runs now: a version, a flag share, or a schema state.
    pub from: String,
    /// What is to run.
    pub to: String,
    /// Artifact digest, when stated.
    pub artifact: Option<String>,
    /// How success is told from failure.
    pub verification: VerificationKind,
    /// What the verification cannot see: `blind below a 20-fold rise of errors`.
    pub blind_to: Option<String>,
    /// Stages of the ladder, in order; empty where there is none.
    pub ladder: Vec<LadderStage>,
    /// Why this strategy.
    pub reason: String,
}

/// The strategies this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Batches of replicas, one after the other.
    Rolling,
    /// A small share first, judged against the rest.
    Canary,
    /// A second full copy, then a switch.
    BlueGreen,
    /// Everything at once, with downtime.
    Recreate,
    /// A flag's share, raised in stages.
    Flag,
    /// Add, move, later remove.
    ExpandContract,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rolling, Self::Canary, Self::BlueGreen, Self::Recreate, Self::Flag, Self::ExpandContract];

    /// Name as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Recreate => "recreate",
            Self::Flag => "flag",
            Self::ExpandContract => "expand-contract",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How success is told from failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerificationKind {
    /// The sequential judge, new side against old.
    Statistical,
    /// Plain thresholds.
    Threshold,
    /// Health checks only.
    Probe,
}

impl fmt::Display for VerificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Statistical => "statistical",
            Self::Threshold => "threshold",
            Self::Probe => "probe",
        })
    }
}

/// One exposure level of the ladder with its power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LadderStage {
    /// Region it is in; `None` where all regions move together (flags).
    pub region: Option<RegionName>,
    /// Share of the region's traffic on the new side.
    pub share: Share,
    /// Requests per second the new side sees.
    pub canary_rate: f64,
    /// Requests per second the old side sees.
    pub baseline_rate: f64,
    /// How long it is watched.
    pub bake_ms: Millis,
    /// Probability to find the effect within the bake time; `None` where nothing is counted.
    pub power: Option<f64>,
    /// Smallest rise it finds with the stated power, as a multiple.
    pub detects: Option<f64>,
    /// For people: `at 5 % this stage sees 21 requests/s; it needs 4 min 10 s to see a doubling of errors with 80 % power`.
    pub explanation: String,
}

/// Phase of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nothing is changed yet.
    Preflight,
    /// Backups, notices, expansions.
    Prepare,
    /// Waves and stages.
    Deploy,
    /// Windows after deployment.
    Verify,
    /// Clean-up.
    Finish,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Preflight => "preflight",
            Self::Prepare => "prepare",
            Self::Deploy => "deploy",
            Self::Verify => "verify",
            Self::Finish => "finish",
        })
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Readable path, unique in the plan.
    pub id: StepId,
    /// One line for people.
    pub title: String,
    /// Phase.
    pub phase: Phase,
    /// Index into the change's items; `None` for steps of the whole change.
    pub item: Option<u32>,
    /// Target it touches.
    pub target: Option<TargetName>,
    /// Environment it is in.
    pub environment: Option<EnvironmentName>,
    /// Region it is in.
    pub region: Option<RegionName>,
    /// Wave, counted from 1 over the plan; 0 outside waves.
    pub wave: u32,
    /// Stage of the wave, counted from 1; 0 outside stages.
    pub stage: u32,
    /// Who answers for it.
    pub owner: Option<OwnerRef>,
    /// Steps that must be done before.
    pub needs: Vec<StepId>,
    /// What it does.
    pub work: Work,
    /// What must hold after the work before the step counts as done: calls that are repeated until they pass or the timeout is reached.
    pub validations: Vec<ActionCall>,
    /// How it is undone.
    pub undo: Undo,
    /// Whether undo is due for an attempt that may have begun, or only for a step that was done.
    pub compensate_on: CompensateOn,
    /// What an unknown outcome means.
    pub on_unknown: OnUnknown,
    /// Says whether the step was done (passes) or not (fails), for `OnUnknown::Probe`.
    pub probe: Option<ActionCall>,
    /// Retries.
    pub retry: RetryPolicy,
    /// Deadline of one attempt, validations included.
    pub timeout_ms: Millis,
    /// Expected duration.
    pub expected: Estimate,
    /// Exposure that this step sets, when it shifts traffic or users.
    pub exposure: Option<Exposure>,
    /// Key under which its duration is learnt (`deploy/payments`).
    pub duration_key: Option<String>,
    /// The command for people, as it could be typed.
    pub command: String,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Calls an action.
    Call(ActionCall),
    /// Watches until a verdict.
    Gate(Box<GateSpec>),
    /// Lets time pass.
    Wait(Millis),
    /// Waits until a person promotes.
    Manual {
        /// What the person is asked.
        prompt: String,
        /// How long to wait before the plan's `on_failure` applies.
        deadline_ms: Millis,
    },
}

/// How a step is undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Undo {
    /// By a call, followed by its own validations.
    Call {
        /// The call.
        call: ActionCall,
        /// What must hold afterwards.
        validations: Vec<ActionCall>,
        /// The command for people.
        command: String,
        /// Deadline of one attempt.
        timeout_ms: Millis,
    },
    /// There is nothing to undo.
    Nothing,
    /// It may stay: additive, compatible with the old side.
    LeaveInPlace {
        /// Why it may.
        reason: String,
    },
    /// It cannot be undone; no rollback is promised across it.
    ForwardOnly {
        /// Why not.
        reason: String,
    },
}

/// When undo is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CompensateOn {
    /// When the step was done.
    Done,
    /// As soon as an attempt may have begun.
    Attempt,
}

/// Retries of a step with exponential backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Tries at most, the first included.
    pub attempts_max: u32,
    /// Wait before the second try.
    pub first_delay_ms: Millis,
    /// Longest wait.
    pub delay_max_ms: Millis,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 3, first_delay_ms: Millis(500), delay_max_ms: Millis::from_secs(30) }
    }
}

/// A duration that is not known exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Median.
    pub p50_ms: Millis,
    /// 95th percentile.
    pub p95_ms: Millis,
    /// Where from: `3 earlier steps`, `stated`, `default, never observed`.
    pub source: String,
}

/// Exposure that a step sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// Target.
    pub target: TargetName,
    /// Region; `None` where all move together.
    pub region: Option<RegionName>,
    /// Share on the new side after the step.
    pub share: Share,
    /// Brings the share to zero at once. `None` where only undoing the deploy steps does.
    pub safety: Option<ActionCall>,
    /// The safety call for people, usable without this program.
    pub safety_command: Option<String>,
    /// Deploy steps that must be undone first, because the old side could not carry the traffic otherwise.
    pub safety_needs: Vec<StepId>,
}

/// A gate on metrics or probes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateSpec {
    /// What is watched, for people: `payments in eu-west at 25 %`.
    pub subject: String,
    /// Checks; all must pass, any regression fails.
    pub checks: Vec<GateCheck>,
    /// Never passes earlier than this, whatever the evidence.
    pub min_bake_ms: Millis,
    /// Planned length. At its end `NoRegression`, or for checks without early evidence `no regression seen`, passes.
    pub bake_ms: Millis,
    /// After this an undecided gate holds the stage and asks.
    pub patience_ms: Millis,
    /// Time between looks.
    pub look_every_ms: Millis,
    /// Whether evidence may end the bake before `bake_ms`.
    pub early_promotion: bool,
}

/// One check of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GateCheck {
    /// Bad share of the new side against the old side, by the sequential judge.
    #[serde(rename_all = "camelCase")]
    Proportion {
        /// `errors` or `slow`.
        name: String,
        /// Where counts come from.
        source: CountSource,
        /// Counters of the new side.
        canary: CountSelectors,
        /// Counters of the old side.
        baseline: CountSelectors,
        /// Smallest rise worth finding, as a multiple.
        effect: f64,
        /// False alarms allowed for this check, after splitting over checks and stages.
        alpha: f64,
        /// Overdispersion frozen at plan time; `None` takes the judge's conservative default.
        dispersion: Option<f64>,
        /// Bad share of the new side, 0 to 1, above which it fails whatever the old side does; from the objective.
        ceiling: Option<f64>,
        /// Bad share of the new side, 0 to 1, below which it is accepted although the ratio to the old side stays open (no errors on both).
        #[serde(default)]
        tolerated: Option<f64>,
    },
    /// A query against bounds.
    #[serde(rename_all = "camelCase")]
    Threshold {
        /// Name for people.
        name: String,
        /// Where from.
        source: CountSource,
        /// PromQL, placeholders filled.
        query: String,
        /// Least good value.
        min: Option<f64>,
        /// Greatest good value.
        max: Option<f64>,
        /// Bad looks in a row that fail the gate.
        failures_max: u32,
    },
    /// Calls that must pass at each look.
    #[serde(rename_all = "camelCase")]
    Probe {
        /// Name for people.
        name: String,
        /// Calls, one per host.
        calls: Vec<ActionCall>,
        /// Failed looks in a row that fail the gate.
        failures_max: u32,
    },
}

/// Where counters are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountSource {
    /// A Prometheus server.
    #[serde(rename_all = "camelCase")]
    Prometheus {
        /// Base address.
        url: String,
        /// Secret reference of a bearer token.
        bearer: Option<String>,
        /// Deadline of one query.
        timeout_ms: Millis,
    },
    /// OpenMetrics pages of the hosts.
    #[serde(rename_all = "camelCase")]
    Scrape {
        /// Addresses.
        urls: Vec<String>,
        /// Deadline of one page.
        timeout_ms: Millis,
    },
}

/// Counters that give bad and total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountSelectors {
    /// Bad and total are counters of their own.
    #[serde(rename_all = "camelCase")]
    BadOfTotal {
        /// Bad ones.
        bad: Selector,
        /// All.
        total: Selector,
    },
    /// Total is `_count`, good is the bucket at the limit.
    #[serde(rename_all = "camelCase")]
    AboveLimit {
        /// Histogram without suffix.
        histogram: Selector,
        /// Limit.
        limit_ms: Millis,
    },
}

/// A condition at take-off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakeoffGate {
    /// Windows and freezes of these calendars must allow a start.
    #[serde(rename_all = "camelCase")]
    Calendar {
        /// Environment.
        environment: EnvironmentName,
        /// Calendars, whole, so that the run needs no other file.
        calendars: Vec<crate::calendar::Calendar>,
    },
    /// The plan must not have expired.
    Fresh,
    /// These hosts must still run this version.
    #[serde(rename_all = "camelCase")]
    StillRuns {
        /// Target.
        target: TargetName,
        /// Version.
        version: Version,
    },
    /// The remaining budget must be above this share.
    #[serde(rename_all = "camelCase")]
    Budget {
        /// Objective.
        objective: String,
        /// Remaining share at plan time.
        remaining: f64,
    },
}

/// A mix of versions that a failure can leave behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionMatrix {
    /// When it arises: `payments fails in eu-west, rollbackItem`.
    pub when: String,
    /// Version by component.
    pub versions: BTreeMap<ComponentName, String>,
    /// Whether the mix is one the plan passes through anyway.
    pub seen_in_flight: bool,
    /// What to know about it.
    pub note: String,
}

/// What approvers approve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Items: component, environment, to, artifact digest.
    pub items: Vec<String>,
    /// Greatest share exposed before the last gate of each environment.
    pub greatest_exposure: Share,
    /// Least bake of any gate.
    pub least_bake_ms: Millis,
    /// Steps that cannot be undone.
    pub one_way: Vec<StepId>,
}

/// A change that follows from this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowUp {
    /// One line for people.
    pub title: String,
    /// How long after landing at the earliest.
    pub not_before_ms: Millis,
    /// Command for people, or the file to write.
    pub command: String,
    /// Who.
    pub owner: Option<OwnerRef>,
}

/// What is expected to happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// Probability that the run does not land.
    pub failure: ProbabilityEstimate,
    /// Expected bad requests caused.
    pub bad_requests: f64,
    /// Bad requests if it fails at the first stage that can see it.
    pub bad_requests_if_failing: f64,
    /// Bad requests a straight deploy of everything would cause if failing, until rolled back.
    pub bad_requests_straight: f64,
    /// Expected share of the period's error budget spent; `None` without an objective.
    pub budget_share: Option<f64>,
    /// Duration.
    pub duration: Estimate,
    /// Extra cost; `None` where no unit cost is known.
    pub extra_cost: Option<Money>,
    /// Time from the decision to safe traffic, worst step.
    pub time_to_safety: Estimate,
    /// Time from the decision to everything undone, worst step.
    pub time_to_rollback: Estimate,
    /// Risk level.
    pub risk: RiskLevel,
    /// Why that level.
    pub risk_reasons: Vec<String>,
}

/// A probability with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbabilityEstimate {
    /// Mean, 0 to 1.
    pub mean: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
    /// `prior only, 0 of your runs`.
    pub label: String,
}

/// Risk level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RiskLevel {
    /// Simplified ceremony.
    Low,
    /// Standard ceremony.
    Medium,
    /// Additional gates.
    High,
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// A candidate as shown beside the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateSummary {
    /// 1 is the chosen one.
    pub rank: u32,
    /// Short name: `canary payments, rolling auth`.
    pub name: String,
    /// Strategy by component and environment: `production/payments`.
    pub strategies: BTreeMap<String, Strategy>,
    /// What it predicts.
    pub prediction: Prediction,
    /// One sentence: why it won or lost.
    pub reason: String,
}

/// A strategy that cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuledOut {
    /// Component.
    pub component: ComponentName,
    /// Environment.
    pub environment: EnvironmentName,
    /// Strategy.
    pub strategy: Strategy,
    /// The fact that decided: `needs 3 standby hosts in eu-west, 0 declared`.
    pub fact: String,
}

//! A plan: an executable graph of steps, with what it rests on, what it predicts, and what lost against it.

mod clearance;
mod gate;
mod graph;
mod prediction;
mod step;
mod strategy;

pub use clearance::{Ceremony, Clearance};
pub use gate::{CountSelectors, CountSource, GateCheck, GateSpec, TakeoffGate};
pub use graph::{
    Breaker, Claim, ClaimMode, Comparison, Condition, Group, Rate, RunLimits, STEPS_IN_FLIGHT_MAX, THROTTLE_COUNT_MAX, Test, Throttle,
    fits, may_compare,
};
pub use prediction::{
    Between, CandidateSummary, ComponentRisk, Estimate, Held, PlannedDowntime, Prediction, ProbabilityEstimate, RiskLevel, RiskReason,
    RuledOut, Schedule, Split, SplitPart, SplitRisk, StageBurn,
};
pub use step::{CompensateOn, Exposure, Phase, RetryPolicy, Step, Undo, Work};
pub use strategy::{Assignment, Back, LadderStage, Met, StageValue, Strategy, Traits, VerificationKind};

use crate::change::{Change, OnFailure};
use crate::diagnostic::{Diagnostic, Severity};
use crate::event::{AttemptRef, Direction};
use crate::ids::*;
use crate::time::{Millis, Timestamp};
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Round of the attempts that no person asked to repeat.
const FIRST_ROUND: u32 = 1;

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
    /// What the project's rules make of it; `None` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Clearance>,
    /// Smaller changes that it could be; `None` where it is of one part, or they would lower the risk by little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
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
        Self { id: body.id(), body, prediction, candidates, ruled_out, findings, derived, clearance: None, split: None }
    }

    /// Findings that call the plan itself wrong, such as an undo that is ended before it is done. It may fly all the same, once a person was asked about
    /// them: whoever starts it without having asked one has to ask here.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// The hashed part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanBody {
    /// Version of this form; 1.
    pub format: u32,
    /// Version of the engine's meaning of the steps; the least that the plan needs.
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
    /// Fan-outs; a step names the one it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// What the run holds beside its targets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub claims: BTreeSet<Claim>,
    /// Limits of what all runs together do to a target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttles: Vec<Throttle>,
    /// Limits of the run as a whole.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: RunLimits,
    /// What it does again that another run gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// The plan on whose approval it may fly, as long as it keeps within that one's envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PlanId>,
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
    /// The name of the plan: the digest of its bytes.
    pub fn id(&self) -> PlanId {
        let digest = Digest::of_json(self).unwrap_or_else(|_| Digest::of(&self.to_bytes()));
        PlanId::new(digest.as_str())
    }

    /// The bytes that are stored and hashed: compact JSON with fields in the order of declaration.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// All that a run of it holds: its targets, each alone, and what it claims beside them. In the one order in which claims are taken.
    pub fn all_claims(&self) -> BTreeSet<Claim> {
        let targets = self.assignments.iter().map(|assignment| &assignment.target);
        Claim::on_targets(targets).into_iter().chain(self.claims.iter().cloned()).collect()
    }

    /// Identity of an attempt of a run of it. The first round of what was given up before keeps the identity that it had; the way back, and what a person
    /// lets try again, are calls of their own.
    pub fn identity(&self, run: &RunId, attempt: &AttemptRef) -> String {
        let kept = self.again.as_ref().and_then(|again| again.identity.as_ref());
        kept.filter(|_| attempt.direction == Direction::Do && attempt.round == FIRST_ROUND)
            .cloned()
            .unwrap_or_else(|| attempt.idempotency_key(run))
    }

    /// The least engine semantics that know everything in it: 3 for what keeps the identity of an earlier attempt, 2 for whatever shapes the graph
    /// beside its edges, else 1.
    pub fn semantics_needed(&self) -> u32 {
        if self.again.is_some() {
            return 3;
        }
        let is_shaped = |step: &Step| step.when.is_some() || step.deadline_ms.is_some() || matches!(step.work, Work::Event { .. });
        let needs_two = !self.groups.is_empty()
            || !self.claims.is_empty()
            || !self.throttles.is_empty()
            || self.limits != RunLimits::default()
            || self.steps.iter().any(is_shaped);
        if needs_two { 2 } else { 1 }
    }

    /// The step of that id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|s| s.id == *id)
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What another run gave up, and a plan of one step does again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Again {
    /// Number of the dead letter, which is settled when the step is done and the run lands.
    pub letter: u64,
    /// The run that gave it up.
    pub run: RunId,
    /// Identity under which it was tried last, for a service that knows what it has done already; `None` where that was undone since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
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
    /// The file that plans it, where the plan can write one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FollowUpFile>,
}

/// A change that follows, as a file of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowUpFile {
    /// Name of the file, without folders.
    pub name: String,
    /// Its text.
    pub text: String,
}

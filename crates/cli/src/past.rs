//! What came of earlier runs: for calibration, and for what the next plan learns from them.

use crate::failure::Failure;
use crate::world::World;
use glidepath_judge::calibration::{Flown, Length};
use glidepath_judge::correction::Correction;
use glidepath_model::event::RunEnd;
use glidepath_model::facts::{CorrectionFact, Facts};
use glidepath_model::plan::Prediction;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::{ComponentName, OwnerRef, PlanId};
use glidepath_report::LeftOut;
use std::collections::BTreeMap;

/// Runs that the next plan learns from beside the lessons of its components: the newest, so that what is learnt is of today.
const LEARNT_FROM_MAX: usize = 100;

/// A run of a change that ended.
pub(crate) struct PastRun {
    /// What was predicted, as it was said.
    pub(crate) flown: Flown,
    /// The probability that was predicted before any correction.
    uncorrected: f64,
    owner: Option<OwnerRef>,
    components: Vec<ComponentName>,
}

/// The newest runs of changes that ended, oldest first, and how many are left out.
pub(crate) async fn runs(world: &World, runs_max: usize) -> Result<(Vec<PastRun>, LeftOut), Failure> {
    let found = world.store.runs(false, runs_max + 1).await?;
    let mut left_out = LeftOut { unreadable: found.unread.len(), older: found.len() > runs_max, ..LeftOut::default() };
    let mut plans: BTreeMap<PlanId, Option<Known>> = BTreeMap::new();
    let mut past = Vec::new();
    for summary in found.read.into_iter().take(runs_max).rev() {
        match summary.status {
            RunStatus::Ended(RunEnd::Superseded) => left_out.superseded += 1,
            RunStatus::Ended(_) => {
                if !plans.contains_key(&summary.plan) {
                    plans.insert(summary.plan.clone(), known(world, &summary.plan).await);
                }
                match plans.get(&summary.plan).and_then(Option::as_ref) {
                    None => left_out.unreadable += 1,
                    Some(plan) if !plan.has_items => left_out.without_items += 1,
                    Some(plan) => past.extend(compared(&summary, plan)),
                }
            }
            RunStatus::Flying | RunStatus::Paused | RunStatus::Holding | RunStatus::RollingBack | RunStatus::NeedsOperator => {
                left_out.unfinished += 1;
            }
        }
    }
    Ok((past, left_out))
}

/// Puts into the facts what the next plan learns from them.
pub(crate) async fn learn(world: &World, facts: &mut Facts) -> Result<(), Failure> {
    let (past, _) = runs(world, LEARNT_FROM_MAX).await?;
    for run in &past {
        if let Some(owner) = &run.owner {
            glidepath_plan::risk::add_to_owners(&mut facts.owners, owner, &run.components, !run.flown.failed);
        }
    }
    let uncorrected: Vec<Flown> = past.iter().map(|run| Flown { probability: run.uncorrected, ..run.flown }).collect();
    facts.correction =
        Correction::fitted(&uncorrected).map(|of| CorrectionFact { intercept: of.intercept, slope: of.slope, runs: of.runs });
    Ok(())
}

/// What is used of a plan.
struct Known {
    prediction: Prediction,
    made_at_ms: i64,
    has_items: bool,
    owner: Option<OwnerRef>,
}

async fn known(world: &World, plan: &PlanId) -> Option<Known> {
    let plan = world.store.load_plan(plan.as_str()).await.ok()?.plan;
    let has_items = !plan.body.change.items.is_empty() && plan.body.again.is_none();
    Some(Known {
        made_at_ms: plan.body.created_at.to_jiff().as_millisecond(),
        prediction: plan.prediction,
        has_items,
        owner: plan.body.change.owner,
    })
}

fn compared(run: &RunSummary, plan: &Known) -> Option<PastRun> {
    let ended_at = run.ended_at?;
    let failed = run.status != RunStatus::Ended(RunEnd::Succeeded);
    let (duration, failure) = (&plan.prediction.duration, &plan.prediction.failure);
    let length = Length { p50_ms: duration.p50_ms.0, p95_ms: duration.p95_ms.0, took_ms: ended_at.since(run.started_at).0 };
    let flown = Flown {
        // A plan may be made as if it were later; it was made before it flew in any case.
        predicted_at: plan.made_at_ms.min(run.started_at.to_jiff().as_millisecond()),
        learnt_at: ended_at.to_jiff().as_millisecond(),
        probability: failure.mean,
        failed,
        length: (!failed).then_some(length),
    };
    Some(PastRun {
        flown,
        uncorrected: failure.uncorrected.unwrap_or(failure.change_fails()),
        owner: plan.owner.clone(),
        components: run.components.clone(),
    })
}

//! `calibrate`: what was predicted of runs against what came of them.

use crate::args::{CalibrateArgs, CalibrationForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::world::{RUNS_MAX, World};
use glidepath_judge::calibration::{Calibration, Flown, Length, calibration};
use glidepath_model::event::RunEnd;
use glidepath_model::plan::Prediction;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::{Code, Diagnostic, PlanId};
use glidepath_report::{LeftOut, Style, calibration_markdown, calibration_svg};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Seed of the samples that say what chance does; fixed, so that the same journal gives the same answer.
const SEED: u64 = 0;

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    calibration: Option<&'a Calibration>,
    left_out: LeftOut,
}

pub(crate) async fn run(root: &Path, args: &CalibrateArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let (flown, left_out) = record(&world).await?;
    let found = calibration(&flown, SEED);
    let found = found.as_ref();
    let text = match args.format {
        CalibrationForm::Human => {
            let style = if args.out.is_none() && output::stdout_is_styled() { Style::Ansi } else { Style::Plain };
            glidepath_report::calibration(found, &left_out, style)
        }
        CalibrationForm::Json => serde_json::to_string_pretty(&Answer { calibration: found, left_out }).unwrap_or_default() + "\n",
        CalibrationForm::Markdown => calibration_markdown(found, &left_out),
        CalibrationForm::Svg => calibration_svg(found.ok_or_else(nothing_to_draw)?),
    };
    match &args.out {
        Some(file) => std::fs::write(file, text).map_err(|error| {
            Failure::usage(
                format!("{} cannot be written: {error}", file.display()),
                "name a file in a folder that exists and that you may write to",
            )
        })?,
        None if args.format == CalibrationForm::Human => output::drawn(&text),
        None => output::data(&text),
    }
    Ok(Exit::Done)
}

fn nothing_to_draw() -> Failure {
    let diagnostic = Diagnostic::error(Code(679), "there is nothing to draw: no run of a change has ended yet")
        .because("A reliability diagram sets what was predicted of runs against how they ended.")
        .hint("fly a change with `glidepath run CHANGE`; `glidepath calibrate` says how many runs there are");
    Failure::new(Exit::BadInput, diagnostic)
}

/// The newest runs of changes that ended, oldest first, and how many are left out.
async fn record(world: &World) -> Result<(Vec<Flown>, LeftOut), Failure> {
    let found = world.store.runs(false, RUNS_MAX + 1).await?;
    let mut left_out = LeftOut { unreadable: found.unread.len(), older: found.len() > RUNS_MAX, ..LeftOut::default() };
    let mut plans: BTreeMap<PlanId, Option<Known>> = BTreeMap::new();
    let mut flown = Vec::new();
    for summary in found.read.into_iter().take(RUNS_MAX).rev() {
        match summary.status {
            RunStatus::Ended(RunEnd::Superseded) => left_out.superseded += 1,
            RunStatus::Ended(_) => {
                if !plans.contains_key(&summary.plan) {
                    plans.insert(summary.plan.clone(), known(world, &summary.plan).await);
                }
                match plans.get(&summary.plan).and_then(Option::as_ref) {
                    None => left_out.unreadable += 1,
                    Some(plan) if !plan.has_items => left_out.without_items += 1,
                    Some(plan) => flown.extend(compared(&summary, plan)),
                }
            }
            RunStatus::Flying | RunStatus::Paused | RunStatus::Holding | RunStatus::RollingBack | RunStatus::NeedsOperator => {
                left_out.unfinished += 1;
            }
        }
    }
    Ok((flown, left_out))
}

/// What is used of a plan.
struct Known {
    prediction: Prediction,
    made_at_ms: i64,
    has_items: bool,
}

async fn known(world: &World, plan: &PlanId) -> Option<Known> {
    let plan = world.store.load_plan(plan.as_str()).await.ok()?.plan;
    let has_items = !plan.body.change.items.is_empty() && plan.body.again.is_none();
    Some(Known { made_at_ms: plan.body.created_at.to_jiff().as_millisecond(), prediction: plan.prediction, has_items })
}

fn compared(run: &RunSummary, plan: &Known) -> Option<Flown> {
    let ended_at = run.ended_at?;
    let failed = run.status != RunStatus::Ended(RunEnd::Succeeded);
    let duration = &plan.prediction.duration;
    let length = Length { p50_ms: duration.p50_ms.0, p95_ms: duration.p95_ms.0, took_ms: ended_at.since(run.started_at).0 };
    Some(Flown {
        // A plan may be made as if it were later; it was made before it flew in any case.
        predicted_at: plan.made_at_ms.min(run.started_at.to_jiff().as_millisecond()),
        learnt_at: ended_at.to_jiff().as_millisecond(),
        probability: plan.prediction.failure.mean,
        failed,
        length: (!failed).then_some(length),
    })
}

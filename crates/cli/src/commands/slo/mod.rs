//! `slo`: what remains of error budgets, how fast they burn, what that allows; and rules for Prometheus.

mod answer;
mod backfill;
mod rules;
mod table;

use crate::args::{Form, SloArgs, SloCommand, SloShowArgs};
use crate::budgets::{self, Known};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, project, world};
use answer::Answer;
use glidepath_adapters::TelemetryRouter;
use glidepath_judge::slo::BURN_MAX;
use glidepath_model::catalog::Objective;
use glidepath_model::{Catalog, Code, Diagnostic, Timestamp};
use glidepath_ports::{Clock, Telemetry};
use glidepath_runtime::RealClock;
use std::path::Path;
use std::sync::Arc;

/// Objectives that are read at once.
const READ_AT_ONCE: usize = 4;

pub(crate) async fn run(root: &Path, args: &SloArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(SloCommand::Rules(rules)) => rules::run(root, rules),
        Some(SloCommand::Backfill(args)) => backfill::run(root, args).await,
        None => show(root, &args.show).await,
    }
}

async fn show(root: &Path, args: &SloShowArgs) -> Result<Exit, Failure> {
    let catalog = project::load(root)?.catalog;
    let objectives = wanted(&catalog, args.name.as_deref())?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let at = args.at.unwrap_or_else(|| clock.now());
    let telemetry: Arc<dyn Telemetry> = Arc::new(TelemetryRouter::new(world::secrets(root), clock, root));
    let burn_max = catalog.settings.policy.burn_max.unwrap_or(BURN_MAX);
    let known = read(&telemetry, &catalog, objectives, at).await;
    let answers: Vec<Answer> = known.into_iter().map(|(objective, known)| Answer::of(objective, known, burn_max)).collect();
    match (args.format, &args.name) {
        (Form::Json, _) => output::json(&serde_json::json!({ "at": at, "objectives": answers })),
        (Form::Human, None) => output::data(&table::all(&answers)),
        (Form::Human, Some(_)) => answers.iter().for_each(|answer| output::data(&table::one(answer, at))),
    }
    let unknown: Vec<Diagnostic> = answers.iter().filter_map(Answer::finding).collect();
    if args.format == Form::Human {
        output::findings(&unknown);
    }
    Ok(if unknown.is_empty() { Exit::Done } else { Exit::OutOfReach })
}

/// The objectives that are meant.
fn wanted(catalog: &Catalog, name: Option<&str>) -> Result<Vec<Objective>, Failure> {
    let Some(name) = name else {
        if catalog.objectives.is_empty() {
            let advice: Vec<String> = glidepath_judge::slo::advise()
                .iter()
                .map(|advice| format!("{:.4} % for {}", f64::from(advice.target.0) / 1e7, advice.service))
                .collect();
            let advice = advice.join(", ").replace("00 %", " %");
            let finding = Diagnostic::error(Code(696), "the project has no objective")
                .because("without a target there is no budget")
                .hint(format!("write an OpenSLO document under slo/; usual targets: {advice}"));
            return Err(Failure::new(Exit::BadInput, finding));
        }
        return Ok(catalog.objectives.clone());
    };
    let found: Vec<Objective> = catalog.objectives.iter().filter(|objective| objective.name == name).cloned().collect();
    if found.is_empty() {
        let known: Vec<&str> = catalog.objectives.iter().map(|objective| objective.name.as_str()).collect();
        let hint = if known.is_empty() { "the project has none".to_owned() } else { format!("there are: {}", known.join(", ")) };
        return Err(Failure::new(Exit::BadInput, Diagnostic::error(Code(696), format!("there is no objective `{name}`")).hint(hint)));
    }
    Ok(found)
}

/// Reads objectives, some at once; the answers are in their order.
async fn read(
    telemetry: &Arc<dyn Telemetry>,
    catalog: &Catalog,
    objectives: Vec<Objective>,
    at: Timestamp,
) -> Vec<(Objective, Result<Known, String>)> {
    let permits = Arc::new(tokio::sync::Semaphore::new(READ_AT_ONCE));
    let mut tasks = tokio::task::JoinSet::new();
    for (index, objective) in objectives.into_iter().enumerate() {
        let (telemetry, permits, source) = (telemetry.clone(), permits.clone(), budgets::source(&objective, &catalog.settings));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let known = match source {
                Some(source) => budgets::read(&*telemetry, &source, &objective, at).await,
                None => Err(budgets::NO_SOURCE.to_owned()),
            };
            (index, objective, known)
        });
    }
    let mut read = Vec::new();
    while let Some(done) = tasks.join_next().await {
        read.extend(done.ok());
    }
    read.sort_by_key(|(index, ..)| *index);
    read.into_iter().map(|(_, objective, known)| (objective, known)).collect()
}

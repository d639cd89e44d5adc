//! `plan CHANGE --variants`: each way of a change, planned from the same facts, side by side.

use crate::args::{PlanArgs, PlanForm, PlanningArgs};
use crate::commands::plan::variants;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::planning::{self, Planned};
use crate::project::Wanted;
use crate::world::World;
use glidepath_files::{AS_WRITTEN, Loaded};
use glidepath_model::{Code, Diagnostic, Plan};
use glidepath_report::{Style, Way};
use std::path::Path;

/// A way with what planning it came to.
struct Tried<'a> {
    name: &'a str,
    about: Option<&'a str>,
    outcome: Result<Planned, Failure>,
}

pub(crate) async fn run(root: &Path, args: &PlanArgs, loaded: &Loaded, wanted: &Wanted) -> Result<Exit, Failure> {
    let ways = variants(loaded, wanted);
    let (Wanted::Change(change), false) = (wanted, ways.is_empty()) else {
        let hint = "write them under `spec.variants` of the change; `glidepath schema Change` says what they may hold";
        return Err(Failure::new(Exit::BadInput, Diagnostic::error(Code(685), "it has no variants").hint(hint)));
    };
    if !matches!(args.format, PlanForm::Human | PlanForm::Json) {
        return Err(Failure::usage("ways are set side by side for people or as JSON", "for the document of one: `--variant NAME`"));
    }
    let world = World::open(root).await?;
    // All at one time and from the same facts, so that they differ in nothing else.
    let planning = PlanningArgs { at: Some(args.planning.at.unwrap_or_else(|| world.clock.now())), ..args.planning.clone() };
    let facts = planning::facts_of(&world, loaded, wanted, &planning).await?;
    let others = ways.iter().map(|way| (way.name.as_str(), way.about.as_deref(), &way.change));
    let mut tried = Vec::new();
    for (name, about, change) in std::iter::once((AS_WRITTEN, None, change.as_ref())).chain(others) {
        let outcome = planning::plan_on(&world, facts.clone(), &Wanted::Change(Box::new(change.clone())), &planning).await;
        if let Ok(planned) = &outcome {
            world.store.save_plan(&planned.plan, &planned.facts_bytes).await?;
        }
        tried.push(Tried { name, about, outcome });
    }
    match args.format {
        PlanForm::Json => output::json(&tried.iter().map(data).collect::<Vec<_>>()),
        _ => show(&change.title, &tried),
    }
    // Without any plan the first reason is the command's.
    let is_hopeless = tried.iter().all(|way| way.outcome.is_err());
    match tried.into_iter().next().map(|way| way.outcome) {
        Some(Err(failure)) if is_hopeless => Err(failure),
        _ => Ok(Exit::Done),
    }
}

fn show(title: &str, tried: &[Tried<'_>]) {
    let ways: Vec<Way<'_>> = tried
        .iter()
        .map(|way| {
            let outcome = way.outcome.as_ref().map(|planned| &planned.plan).map_err(|failure| failure.diagnostics.as_slice());
            Way { name: way.name, about: way.about, outcome }
        })
        .collect();
    let style = if output::stdout_is_styled() { Style::Ansi } else { Style::Plain };
    output::drawn(&glidepath_report::variants(title, &ways, style));
    output::say("\nNext: `glidepath run PLAN` flies one of them; `glidepath plan diff A B` tells two apart.");
}

fn data(way: &Tried<'_>) -> serde_json::Value {
    let plan = way.outcome.as_ref().ok().map(|planned| &planned.plan);
    let refused = way.outcome.as_ref().err().map(|failure| failure.diagnostics.as_slice()).unwrap_or_default();
    let strategies = |plan: &Plan| plan.candidates.first().map(|winner| winner.strategies.clone());
    serde_json::json!({
        "variant": way.name,
        "about": way.about,
        "plan": plan.map(|plan| &plan.id),
        "strategies": plan.and_then(strategies),
        "prediction": plan.map(|plan| &plan.prediction),
        "refused": refused,
    })
}

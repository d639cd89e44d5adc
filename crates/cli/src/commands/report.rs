//! `report`: how changes were delivered, from the runs of the store.

use crate::args::{ReportArgs, ReportForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::world::World;
use glidepath_files::Project;
use glidepath_judge::dora::{Executed, Scope};
use glidepath_model::catalog::Catalog;
use glidepath_model::projection::RunSummary;
use glidepath_model::{Code, Diagnostic, Millis, Plan, PlanId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_report::{Missing, Style, delivery_page, delivery_report, delivery_terminal, executed, executed_by_summary};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Runs that are looked at, at most: the newest.
const RUNS_MAX: usize = 10_000;
/// How long before the window runs are looked at, too: they say which deployments inside follow on a failure.
const BEFORE_WINDOW: Millis = Millis(30 * 86_400_000);
/// Plans kept in memory while journals are read.
const PLANS_MAX: usize = 100;

pub(crate) async fn run(root: &Path, args: &ReportArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    // Files with errors are no reason to hide what was.
    let catalog = Project::load(root).catalog;
    let to = world.clock.now();
    let from = to.minus(args.since);
    let (runs, missing) = past(&world, &catalog, from).await?;
    let asked = asked(args, &runs)?;
    let report = delivery_report(&runs, asked, from, to, missing);
    let text = match args.format {
        ReportForm::Human => {
            let style = if args.out.is_none() && output::stdout_is_styled() { Style::Ansi } else { Style::Plain };
            delivery_terminal(&report, style)
        }
        ReportForm::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
        ReportForm::Html => delivery_page(&report, &catalog.settings.project),
    };
    output::deliver(args.out.as_deref(), &text, args.format == ReportForm::Human)?;
    Ok(Exit::Done)
}

/// Records of the runs of the window, and of those shortly before it.
async fn past(world: &World, catalog: &Catalog, from: Timestamp) -> Result<(Vec<Executed>, Missing), Failure> {
    let found = world.store.runs(false, RUNS_MAX + 1).await?;
    let since = from.minus(BEFORE_WINDOW);
    let mut missing = Missing { unreadable: 0, older: found.len() > RUNS_MAX };
    missing.unreadable = found.unread.iter().filter(|run| run.started_at >= since).count() as u64;
    let wanted = |run: &&RunSummary| run.started_at >= since || run.ended_at.is_none_or(|ended| ended >= from);
    let mut plans: BTreeMap<PlanId, Option<Plan>> = BTreeMap::new();
    let mut records = Vec::new();
    for summary in found.read.iter().take(RUNS_MAX).filter(wanted) {
        if !plans.contains_key(&summary.plan) {
            if plans.len() >= PLANS_MAX {
                plans.clear();
            }
            plans.insert(summary.plan.clone(), plan(world, &summary.plan).await?);
        }
        let Some(plan) = plans.get(&summary.plan).and_then(Option::as_ref) else {
            missing.unreadable += 1;
            continue;
        };
        match world.store.proven_run(&summary.run).await {
            Ok(events) => records.push(executed(summary, plan, &events, catalog)),
            Err(StoreError::Broken { .. } | StoreError::Corrupt { .. }) => records.push(executed_by_summary(summary, plan, catalog)),
            Err(error) => return Err(error.into()),
        }
    }
    // A run that landed long ago and goes back now is in the store's list by when it was accepted; older ones than are looked at stay out.
    missing.older &= found.read.get(RUNS_MAX.saturating_sub(1)).is_some_and(|oldest| oldest.started_at >= since);
    Ok((records, missing))
}

/// A plan; none where this version cannot read it.
async fn plan(world: &World, id: &PlanId) -> Result<Option<Plan>, Failure> {
    match world.store.load_plan(id.as_str()).await {
        Ok(stored) => Ok(Some(stored.plan)),
        Err(StoreError::Corrupt { .. } | StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whose figures are asked for. A name that no run has is most often a slip.
fn asked(args: &ReportArgs, runs: &[Executed]) -> Result<Option<Scope>, Failure> {
    let known = |names: fn(&Executed) -> &Vec<String>| -> BTreeSet<String> { runs.iter().flat_map(names).cloned().collect() };
    if let Some(wanted) = &args.component {
        let names = known(|run| &run.components);
        return if names.contains(wanted) { Ok(Some(Scope::Component(wanted.clone()))) } else { Err(unknown("component", wanted, &names)) };
    }
    let Some(wanted) = &args.team else { return Ok(None) };
    let names = known(|run| &run.teams);
    let is_meant = |name: &&String| *name == wanted || name.rsplit('/').next() == Some(wanted.as_str());
    match names.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
        [one] => Ok(Some(Scope::Team((*one).clone()))),
        _ => Err(unknown("team", wanted, &names)),
    }
}

fn unknown(what: &str, wanted: &str, names: &BTreeSet<String>) -> Failure {
    let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let hint = if known.is_empty() {
        "no run is in the window: name a longer one with `--since`".to_owned()
    } else {
        format!("there are: {known}")
    };
    let diagnostic = Diagnostic::error(Code(700), format!("no run of the window is of one {what} `{wanted}`"))
        .because("figures of nothing would look like those of a team that delivers nothing")
        .hint(hint);
    Failure::new(Exit::BadInput, diagnostic)
}

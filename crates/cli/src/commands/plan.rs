//! `plan CHANGE|RUNBOOK`: candidates, ranked and explained; the winner as summary, document or data.

use crate::args::{PlanArgs, PlanForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning::{self, Planned};
use crate::world::World;
use crate::{output, project};
use std::path::Path;

pub(crate) async fn run(root: &Path, args: &PlanArgs) -> Result<Exit, Failure> {
    let loaded = project::load(root)?;
    output::findings(&loaded.diagnostics);
    let wanted = project::find(&loaded, root, &args.change)?;
    let world = World::open(root).await?;
    let planned = planning::plan(&world, &loaded, &wanted, &args.planning).await?;
    world.store.save_plan(&planned.plan, &planned.facts_bytes).await?;
    if let Some(file) = &args.save_facts {
        std::fs::write(file, &planned.facts_bytes)?;
        output::say(&format!("facts: {}", file.display()));
    }
    let text = render(&planned, args);
    match &args.out {
        Some(file) => {
            std::fs::write(file, text).map_err(|error| {
                Failure::usage(
                    format!("{} cannot be written: {error}", file.display()),
                    "name a file in a folder that exists and that you may write to",
                )
            })?;
            output::say(&format!("plan {}: {}", planned.plan.id.short(), file.display()));
        }
        None if args.format == PlanForm::Human => output::drawn(&text),
        None => output::data(&text),
    }
    if args.format == PlanForm::Human && args.out.is_none() {
        if !planned.plan.findings.is_empty() && !args.all {
            output::say("\n`--all` says of each finding why it matters and what to do.");
        }
        output::say(&format!(
            "\nNext: `glidepath run {}`, or the document: `glidepath plan {} --format html --out plan.html`.",
            planned.plan.id.short(),
            args.change
        ));
    }
    Ok(Exit::Done)
}

fn render(planned: &Planned, args: &PlanArgs) -> String {
    let document = || glidepath_report::document(&planned.plan, &planned.facts);
    match args.format {
        PlanForm::Human => {
            let style = if args.out.is_none() && output::stdout_is_styled() {
                glidepath_report::Style::Ansi
            } else {
                glidepath_report::Style::Plain
            };
            let detail = if args.all { glidepath_report::Detail::Full } else { glidepath_report::Detail::Short };
            glidepath_report::summary(&planned.plan, style, detail)
        }
        PlanForm::Json => serde_json::to_string_pretty(&planned.plan).unwrap_or_default(),
        PlanForm::Markdown => glidepath_report::to_markdown(&document()),
        PlanForm::Html => glidepath_report::to_html(&document()),
    }
}

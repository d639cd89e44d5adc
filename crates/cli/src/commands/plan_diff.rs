//! `plan diff A B`: what differs between two plans.

use crate::args::{DiffArgs, DiffForm};
use crate::causes::{self, Told};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::world::World;
use crate::{output, planning};
use glidepath_model::{Digest, Plan, PlanId};
use std::path::Path;

pub(crate) async fn run(root: &Path, args: &DiffArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let (from, to) = (told(&world, &args.from).await?, told(&world, &args.to).await?);
    let mut diff = glidepath_report::plan_diff(&from.plan, &to.plan);
    causes::explain(&mut diff, &from, &to);
    match args.format {
        DiffForm::Human => {
            let style = if output::stdout_is_styled() { glidepath_report::Style::Ansi } else { glidepath_report::Style::Plain };
            output::drawn(&glidepath_report::diff_terminal(&diff, style));
        }
        DiffForm::Json => output::json(&diff),
        DiffForm::Markdown => output::data(&glidepath_report::diff_markdown(&diff)),
    }
    Ok(Exit::Done)
}

/// A plan of the store, or of a file, with its facts where the store has them.
async fn told(world: &World, what: &str) -> Result<Told, Failure> {
    if let Some(stored) = planning::stored(world, what).await? {
        return Ok(Told { plan: stored.plan, facts: Some(stored.facts) });
    }
    let hint = "give the id of a stored plan, its first six digits or more, or a file that `glidepath plan --format json --out FILE` wrote";
    let bytes = std::fs::read(what).map_err(|_| Failure::usage(format!("there is no stored plan and no file `{what}`"), hint))?;
    let mut plan: Plan = serde_json::from_slice(&bytes).map_err(|error| Failure::usage(format!("{what} holds no plan: {error}"), hint))?;
    // A plan is named by its body; the name in a file that somebody has edited is that of another plan.
    let named = std::mem::replace(&mut plan.id, PlanId::new(Digest::of(&plan.body.to_bytes()).as_str()));
    if named != plan.id {
        output::say(&format!("{what} is not plan {} any more: it was edited, and is compared as {}.", named.short(), plan.id.short()));
    }
    // A file holds the plan alone; what it was made from is where it was made.
    let facts = planning::stored(world, plan.id.as_str()).await?.map(|stored| stored.facts);
    Ok(Told { plan, facts })
}

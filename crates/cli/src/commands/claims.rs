//! `claims`: who holds what, and who waits for it.

use crate::args::Form;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::world::World;
use glidepath_model::plan::ClaimMode;
use serde_json::json;
use std::path::Path;

pub(crate) async fn run(root: &Path, format: Form) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let lines = world.store.claims().await?;
    if format == Form::Json {
        let claims = lines.iter().map(|line| {
            json!({ "claim": line.claim, "run": line.run, "holds": line.holds, "fence": line.fence, "since": line.since.to_string() })
        });
        output::json(&json!({ "claims": claims.collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        output::say("No run holds anything or waits for anything.");
    }
    let mut resource = None;
    for line in &lines {
        if resource != Some(&line.claim.resource) {
            output::data(line.claim.resource.as_str());
            resource = Some(&line.claim.resource);
        }
        let how = match line.claim.mode {
            ClaimMode::Exclusive => "alone".to_owned(),
            ClaimMode::Shared => "shared".to_owned(),
            ClaimMode::Counted { units, of } => format!("{units} of {of}"),
        };
        let number = line.fence.map(|number| format!(", number {number}")).unwrap_or_default();
        let verb = if line.holds { "held by" } else { "waited for by" };
        output::data(&format!("  {verb} {} since {} ({how}{number})", line.run, line.since.to_second()));
    }
    Ok(Exit::Done)
}

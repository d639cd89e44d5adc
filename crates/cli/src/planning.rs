//! From a change or a runbook to a plan: facts, planner, store.

use crate::args::PlanningArgs;
use crate::collect::Asked;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::past;
use crate::project::Wanted;
use crate::world::World;
use glidepath_files::Loaded;
use glidepath_model::catalog::TargetIndex;
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::event::RunEnd;
use glidepath_model::facts::{Facts, Sourced};
use glidepath_model::projection::RunStatus;
use glidepath_model::{Catalog, ChangeName, Code, Diagnostic, Digest, Plan, PlanId, RunId, Runbook, TargetName, Timestamp};
use glidepath_plan::{PlanOptions, Planning};
use glidepath_ports::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Digits that the beginning of a plan's id has at least.
const PLAN_ID_DIGITS_MIN: usize = 6;

/// A plan with the facts it rests on.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) facts: Facts,
    pub(crate) facts_bytes: Vec<u8>,
}

/// Whether it reads like the id of a plan, or the beginning of one.
pub(crate) fn may_be_id(what: &str) -> bool {
    what.len() >= PLAN_ID_DIGITS_MIN && what.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A stored plan by its id or the beginning of it; `None` where `what` is none.
pub(crate) async fn stored(world: &World, what: &str) -> Result<Option<Planned>, Failure> {
    if !may_be_id(what) {
        return Ok(None);
    }
    let stored = match world.store.load_plan(what).await {
        Ok(stored) => stored,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let facts = serde_json::from_slice(&stored.facts)
        .map_err(|error| Failure::usage(format!("the facts of plan {what} cannot be read: {error}"), "plan the change again"))?;
    Ok(Some(Planned { plan: stored.plan, facts, facts_bytes: stored.facts }))
}

/// Plans a change or a runbook; refusals and bad input are failures with every reason.
pub(crate) async fn plan(world: &World, loaded: &Loaded, wanted: &Wanted, args: &PlanningArgs) -> Result<Planned, Failure> {
    let facts = facts_of(world, loaded, wanted, args).await?;
    plan_on(world, facts, wanted, args).await
}

/// The facts that a plan is to rest on.
pub(crate) async fn facts_of(world: &World, loaded: &Loaded, wanted: &Wanted, args: &PlanningArgs) -> Result<Facts, Failure> {
    let scope = match wanted {
        Wanted::Change(change) => {
            // Said before thousands of hosts are asked for what they run.
            if let Some(refusal) = glidepath_plan::too_large(change, &loaded.catalog) {
                return Err(Failure::new(Exit::BadInput, refusal));
            }
            scope(&loaded.catalog, change)
        }
        // A runbook says itself what it does: no host has to be asked.
        Wanted::Runbook(_) => Vec::new(),
    };
    facts_about(world, &loaded.catalog, wanted.change(), &scope, args).await
}

/// Plans on facts that are known already.
pub(crate) async fn plan_on(world: &World, facts: Facts, wanted: &Wanted, args: &PlanningArgs) -> Result<Planned, Failure> {
    // Facts from a file are written anew, so that how the file is laid out does not change the plan's name.
    let facts_bytes = serde_json::to_vec(&facts).map_err(|error| Failure::usage(format!("the facts cannot be written: {error}"), ""))?;
    let options = PlanOptions {
        now: args.at.unwrap_or_else(|| world.clock.now()),
        seed: args.seed,
        accept_stale: args.accept_stale,
        facts_digest: Digest::of(&facts_bytes),
    };
    let Planning { plan, refused, diagnostics, .. } = match wanted {
        Wanted::Change(change) => glidepath_plan::plan(change, &facts, &World::descriptors(), &options),
        Wanted::Runbook(runbook) => {
            let mut runbook = runbook.clone();
            let stored = child_plans(world, &runbook).await?;
            runbook.name_child_plans(&stored);
            glidepath_plan::plan_runbook(&runbook, &facts, &World::descriptors(), &options)
        }
    };
    match plan {
        Some(plan) => Ok(Planned { plan, facts, facts_bytes }),
        None if refused.is_empty() => Err(Failure { exit: Exit::BadInput, diagnostics }),
        None => Err(Failure { exit: Exit::Refused, diagnostics: refused.into_iter().chain(diagnostics).collect() }),
    }
}

/// The stored plans that a runbook's steps fly, by what is written there. What is not stored the planner reports with its place.
async fn child_plans(world: &World, runbook: &Runbook) -> Result<BTreeMap<String, PlanId>, Failure> {
    let mut found = BTreeMap::new();
    for written in runbook.child_plans() {
        match world.store.load_plan(written).await {
            Ok(stored) => drop(found.insert(written.to_owned(), stored.plan.id)),
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// What is so now of everything that a planned change touches. A runbook touches no target that could be asked.
pub(crate) async fn present_facts(world: &World, catalog: &Catalog, change: &Change, args: &PlanningArgs) -> Result<Facts, Failure> {
    facts_about(world, catalog, Some(change), &scope(catalog, change), args).await
}

/// From the file that was named, or observed.
async fn facts_about(
    world: &World,
    catalog: &Catalog,
    change: Option<&Change>,
    scope: &[TargetName],
    args: &PlanningArgs,
) -> Result<Facts, Failure> {
    if let Some(file) = &args.facts {
        return read_facts(file);
    }
    let asked = change.map(|change| asked(catalog, change)).unwrap_or_default();
    let mut facts = collect(world, catalog, scope, &asked).await?;
    if let Some(change) = change {
        landings(world, change, &mut facts).await?;
    }
    Ok(facts)
}

/// Observes everything the change touches, and its direct dependencies.
async fn collect(world: &World, catalog: &Catalog, scope: &[TargetName], asked: &Asked) -> Result<Facts, Failure> {
    let (lessons, active) = (world.store.lessons().await?, world.active().await?);
    let collector = world.collector();
    let mut facts = collector.collect(catalog, scope, asked, lessons, active).await;
    past::learn(world, &mut facts).await?;
    let _ = std::fs::remove_dir_all(&collector.scratch);
    Ok(facts)
}

/// Tables of each target that the change goes through, and flags that it sets.
fn asked(catalog: &Catalog, change: &Change) -> Asked {
    let index = TargetIndex::of(catalog, &change.environments);
    let mut found = Asked::default();
    for item in &change.items {
        for target in change.environments.iter().filter_map(|name| index.target_of(&item.component, name)) {
            found.tables.entry(target.name.clone()).or_default().extend(glidepath_plan::tables(item, target));
            if let ItemKind::Flag { flag, .. } = &item.kind {
                found.flags.entry(target.name.clone()).or_default().insert(flag.clone());
            }
        }
    }
    found
}

/// When the changes that contracts complete landed, by target: each by its newest flight there, or that this one did not land.
async fn landings(world: &World, change: &Change, facts: &mut Facts) -> Result<(), Failure> {
    let completed: BTreeSet<&ChangeName> = change
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Contract { of, .. } => Some(of),
            _ => None,
        })
        .collect();
    if completed.is_empty() {
        return Ok(());
    }
    let mut newest: BTreeMap<(ChangeName, TargetName), (RunId, Option<Timestamp>)> = BTreeMap::new();
    // Newest first: what a later flight took back has not landed.
    for run in world.store.runs(false, usize::MAX).await?.read {
        if !completed.contains(&run.change) || matches!(run.status, RunStatus::Ended(RunEnd::Superseded)) {
            continue;
        }
        let landed = run.ended_at.filter(|_| run.status == RunStatus::Ended(RunEnd::Succeeded));
        for target in run.targets {
            newest.entry((run.change.clone(), target)).or_insert_with(|| (run.run.clone(), landed));
        }
    }
    for ((change, target), (run, landed)) in newest {
        let (source, now) = (run.to_string(), world.clock.now());
        match landed {
            Some(at) => drop(facts.landings.entry(change).or_default().insert(target, Sourced::observed(at, source, now))),
            None => drop(facts.not_landed.entry(change).or_default().insert(target, Sourced::observed(run, source, now))),
        }
    }
    Ok(())
}

/// Targets of the change's items and of what these depend on, in the change's environments; of the items also those in the environment before the
/// first of these, which shows whether it has met the change.
pub(crate) fn scope(catalog: &Catalog, change: &Change) -> Vec<TargetName> {
    let mut components = BTreeSet::new();
    for item in &change.items {
        components.extend(item.components());
        components.extend(glidepath_plan::users(item, catalog));
        components.extend(catalog.components.get(&item.component).into_iter().flat_map(|c| c.depends_on.iter().map(|d| &d.to)));
    }
    let changed: BTreeSet<_> = change.items.iter().map(|item| &item.component).collect();
    let before =
        catalog.environments.iter().map(|environment| &environment.name).take_while(|name| !change.environments.contains(name)).last();
    let wanted = |t: &&glidepath_model::catalog::Target| {
        (components.contains(&t.component) && change.environments.contains(&t.environment))
            || (changed.contains(&t.component) && before == Some(&t.environment))
    };
    catalog.targets.values().filter(wanted).map(|t| t.name.clone()).collect()
}

fn read_facts(file: &Path) -> Result<Facts, Failure> {
    let fail = |what: String| {
        Failure::new(Exit::BadInput, Diagnostic::error(Code(656), what).hint("write one with `glidepath plan CHANGE --save-facts FILE`"))
    };
    let bytes = std::fs::read(file).map_err(|error| fail(format!("{} cannot be read: {error}", file.display())))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| fail(format!("{}:{}:{}: not a snapshot of facts: {error}", file.display(), error.line(), error.column())))
}

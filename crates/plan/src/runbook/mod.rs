//! Runbooks: the steps that a person wrote down become a plan as they stand.
//!
//! There is nothing to choose: no candidates, no strategies, no exposure. What there is to do is to see that the graph can be flown, and to say
//! all that is wrong with it at once, each with its place: `graph` resolves needs and finds circles; `conditions` sees that each test asks for an
//! output that will be there and can be compared so; `events` sees that steps expect the same of one event; `lower` makes the steps, one for each element of a fan-out; `predict` says how long they
//! take by stated defaults until runs have taught better.

mod conditions;
mod events;
mod graph;
mod lower;
mod predict;

use crate::clearance::clearance;
use crate::notes::Notes;
use crate::timetable::{Joints, Timetable};
use crate::{FORMAT, HOLD_DEFAULT, PlanOptions, Planning, TTL_DEFAULT, body, check, codes, non_zero, size};
use glidepath_model::action::ActionDescriptor;
use glidepath_model::catalog::{Catalog, Target};
use glidepath_model::change::{Change, Constraints, Intent, OnWindowEnd};
use glidepath_model::ids::{ChangeName, EnvironmentName};
use glidepath_model::plan::{Claim, ClaimMode, Plan, PlanBody, TakeoffGate};
use glidepath_model::runbook::{Runbook, RunbookStep};
use glidepath_model::{Diagnostic, Facts, Place, ResourceName};
use graph::Graph;
pub(crate) use predict::prediction_of_step;

/// Plans a runbook. Total, as `plan` is.
pub fn plan_runbook(runbook: &Runbook, facts: &Facts, descriptors: &[ActionDescriptor], options: &PlanOptions) -> Planning {
    let mut notes = Notes { accept_stale: options.accept_stale, ..Notes::default() };
    let plan = work_out(runbook, facts, descriptors, options, &mut notes);
    Planning { plan, refused: notes.refused, diagnostics: notes.diagnostics }
}

/// Everything that would keep a runbook from being planned, as far as it can be seen without a store: whether the plans that its steps fly are
/// stored is not asked.
pub fn check_runbook(runbook: &Runbook, catalog: &Catalog, descriptors: &[ActionDescriptor]) -> Vec<Diagnostic> {
    let mut notes = Notes::default();
    let kinds = descriptors.iter().map(|d| (d.kind.as_str(), d)).collect();
    if let Some(graph) = sound(runbook, catalog, &mut notes) {
        conditions::check(runbook, &graph, &kinds, &mut notes);
        events::check(runbook, &mut notes);
        lower::lower(runbook, &graph, &Facts::of_catalog(catalog.clone(), glidepath_model::Timestamp::EPOCH), &kinds, &mut notes);
        claims(runbook, catalog, &mut notes);
    }
    notes.diagnostics.retain(|diagnostic| diagnostic.code != codes::CHILD_PLAN_UNKNOWN);
    notes.diagnostics
}

fn work_out(runbook: &Runbook, facts: &Facts, descriptors: &[ActionDescriptor], options: &PlanOptions, notes: &mut Notes) -> Option<Plan> {
    let kinds = descriptors.iter().map(|d| (d.kind.as_str(), d)).collect();
    let graph = sound(runbook, &facts.catalog, notes)?;
    conditions::check(runbook, &graph, &kinds, notes);
    events::check(runbook, notes);
    let (steps, groups) = lower::lower(runbook, &graph, facts, &kinds, notes);
    let claims = claims(runbook, &facts.catalog, notes);
    if notes.is_stuck() {
        return None;
    }
    say_what_is_held(runbook, facts, notes);
    say_what_stays(runbook, &kinds, notes);
    let environment = runbook.environment.as_ref();
    let change = change(runbook);
    let mut prediction = predict::prediction(runbook, &graph, &steps);
    let hold_limit =
        non_zero(environment.and_then(|name| facts.catalog.environment(name)).map(|e| e.hold_limit_ms).unwrap_or_default(), HOLD_DEFAULT);
    prediction.schedule =
        Timetable::of(&change, &facts.catalog.calendars, hold_limit, options.now).schedule(&prediction.duration, &Joints::default());
    let mut envelope = body::envelope(&change, &steps, &[]);
    let noun = if steps.len() == 1 { "step" } else { "steps" };
    envelope.items = vec![format!("runbook {}: {} {noun}", runbook.name, steps.len())];
    let mut body = PlanBody {
        format: FORMAT,
        engine_semantics: 0,
        facts: options.facts_digest.clone(),
        created_at: options.now,
        expires_at: options.now.plus(non_zero(facts.catalog.settings.plan_ttl_ms, TTL_DEFAULT)),
        seed: options.seed,
        assignments: Vec::new(),
        takeoff: takeoff(environment, facts),
        groups,
        claims,
        throttles: body::throttles(targets(runbook, &facts.catalog)),
        limits: runbook.limits,
        again: None,
        parent: None,
        on_failure: runbook.on_failure,
        matrices: Vec::new(),
        hold_limit_ms: hold_limit,
        envelope,
        follow_ups: Vec::new(),
        change,
        steps,
    };
    body.engine_semantics = body.semantics_needed();
    let (findings, derived) = (std::mem::take(&mut notes.findings), std::mem::take(&mut notes.derived));
    let mut plan = Plan::new(body, prediction, Vec::new(), Vec::new(), findings, derived);
    for finding in check(&plan, facts) {
        if !plan.findings.contains(&finding) {
            plan.findings.push(finding);
        }
    }
    plan.clearance = clearance(&plan, facts);
    Some(plan)
}

/// The graph of a runbook that is not too large to be looked at.
fn sound<'a>(runbook: &'a Runbook, catalog: &Catalog, notes: &mut Notes) -> Option<Graph<'a>> {
    if let Some(refusal) = size::too_many(runbook.steps.iter().map(|s| s.for_each.as_ref().map_or(1, |f| f.elements.len().max(1))).sum()) {
        notes.wrong(placed(refusal, runbook.place.as_ref()));
        return None;
    }
    if runbook.steps.is_empty() {
        let message = format!("The runbook {} has no steps.", runbook.name);
        let diagnostic = Diagnostic::error(codes::NO_STEPS, message).because("A run of it would land at once and prove nothing.");
        notes.wrong(placed(diagnostic.hint("Add steps."), runbook.place.as_ref()));
    }
    if let Some(name) = runbook.environment.as_ref().filter(|name| catalog.environment(name).is_none()) {
        let diagnostic = Diagnostic::error(codes::NO_ENVIRONMENT, format!("The environment {name} is not declared."))
            .because("Its calendars and limits hold for the run.")
            .hint("Declare it in glidepath.yaml, or correct `environment` of the runbook.");
        notes.wrong(placed(diagnostic, runbook.place.as_ref()));
    }
    Some(Graph::of(runbook, notes))
}

fn placed(diagnostic: Diagnostic, place: Option<&Place>) -> Diagnostic {
    match place {
        Some(place) => diagnostic.at(place.clone()),
        None => diagnostic,
    }
}

/// The runbook as the change that a plan is of: what is said of it, and no items.
fn change(runbook: &Runbook) -> Change {
    Change {
        name: ChangeName::new(runbook.name.as_str()),
        title: runbook.title.clone(),
        reason: runbook.reason.clone(),
        class: runbook.class,
        intent: Intent::default(),
        environments: runbook.environment.iter().cloned().collect(),
        owner: runbook.owner.clone(),
        ticket: None,
        committed_at: None,
        items: Vec::new(),
        on_failure: runbook.on_failure,
        on_window_end: OnWindowEnd::default(),
        constraints: Constraints::default(),
        locks: runbook.locks.clone(),
        prefer: None,
        source: runbook.source.clone(),
    }
}

fn takeoff(environment: Option<&EnvironmentName>, facts: &Facts) -> Vec<TakeoffGate> {
    let calendars = environment.and_then(|name| body::calendar_gate(name, &facts.catalog));
    std::iter::once(TakeoffGate::Fresh).chain(calendars).collect()
}

/// Targets that steps say they touch.
fn targets<'a>(runbook: &'a Runbook, catalog: &'a Catalog) -> impl Iterator<Item = &'a Target> {
    runbook.steps.iter().filter_map(|step| catalog.targets.get(step.target.as_ref()?))
}

/// What the runbook locks, the targets that its steps touch, and what these want locked beside them.
fn claims(runbook: &Runbook, catalog: &Catalog, notes: &mut Notes) -> std::collections::BTreeSet<Claim> {
    let mut touched: Vec<&Target> = targets(runbook, catalog).collect();
    touched.sort_by(|a, b| a.name.cmp(&b.name));
    touched.dedup_by(|a, b| a.name == b.name);
    let held = touched.iter().map(|target| Claim { resource: ResourceName::of_target(&target.name), mode: ClaimMode::Exclusive });
    let beside = touched.iter().flat_map(|target| target.locks.iter().cloned());
    body::together(runbook.locks.iter().cloned().chain(held).chain(beside), notes)
}

fn say_what_is_held(runbook: &Runbook, facts: &Facts, notes: &mut Notes) {
    for target in targets(runbook, &facts.catalog) {
        let Some(run) = facts.active.get(&target.name) else { continue };
        notes.find(
            Diagnostic::warning(codes::HELD, format!("{} is held by the run {run}.", target.name))
                .because("A run of this plan would wait until it is let go.")
                .hint(format!("Wait for `glidepath status {run}` to end.")),
        );
    }
}

/// Names the steps that alter something and say nothing of the way back.
fn say_what_stays(runbook: &Runbook, kinds: &crate::lower::calls::Kinds<'_>, notes: &mut Notes) {
    use glidepath_model::runbook::RunbookWork;
    let alters = |step: &&RunbookStep| match &step.work {
        RunbookWork::Call(call) => !kinds.get(call.kind.as_str()).is_some_and(|d| d.read_only),
        RunbookWork::Run { .. } => true,
        RunbookWork::Wait(_) | RunbookWork::Ask(_) | RunbookWork::Event { .. } => false,
    };
    let silent: Vec<&str> = runbook.steps.iter().filter(alters).filter(|s| s.undo.is_none()).map(|s| s.id.as_str()).collect();
    if !silent.is_empty() {
        let verb = if silent.len() == 1 { "does not say how it is undone" } else { "do not say how they are undone" };
        notes.find(
            Diagnostic::warning(codes::NO_UNDO, format!("{} {verb}.", silent.join(", ")))
                .because("A rollback would leave what was done as it is.")
                .hint("Add `undo:` with a command; or `none`, `{ leave: REASON }` or `{ forwardOnly: REASON }`."),
        );
    }
}

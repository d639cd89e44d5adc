//! Rules about people and what they promise.

use super::{is_of_runbook, listed, places};
use crate::codes;
use glidepath_model::catalog::Runway;
use glidepath_model::change::{ItemKind, VersionedKind};
use glidepath_model::ids::{ComponentName, EnvironmentName, OwnerRef};
use glidepath_model::plan::{Strategy, Undo};
use glidepath_model::{Diagnostic, Facts, Millis, Plan, Severity};
use std::collections::BTreeSet;

/// Components above which a change is large.
const COMPONENTS_MAX: usize = 10;
/// Beginning of the digest in a version that names its image for good.
const PINNED: &str = "@sha256:";
/// How long a rollback that once worked counts.
const ROLLBACK_AGE_MAX: Millis = Millis::from_mins(90 * 24 * 60);

fn components(plan: &Plan) -> BTreeSet<&ComponentName> {
    plan.body.assignments.iter().map(|a| &a.component).collect()
}

fn owner_of<'a>(component: &ComponentName, plan: &'a Plan, facts: &'a Facts) -> Option<&'a OwnerRef> {
    facts.catalog.components.get(component).and_then(|c| c.owner.as_ref()).or(plan.body.change.owner.as_ref())
}

/// Nobody answers for a component.
pub(super) fn no_owner(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    if is_of_runbook(plan) && plan.body.change.owner.is_none() {
        let diagnostic = Diagnostic::warning(codes::NO_OWNER, format!("Nobody owns the runbook {}.", plan.body.change.name))
            .because("When its steps fail there is nobody to ask.")
            .hint("Set spec.owner of the runbook.");
        return vec![diagnostic];
    }
    components(plan)
        .into_iter()
        .filter(|component| owner_of(component, plan, facts).is_none())
        .map(|component| {
            Diagnostic::warning(codes::NO_OWNER, format!("Nobody owns {component}."))
                .because("When its steps fail there is nobody to ask.")
                .hint(format!("Set spec.owner of {component} in the catalog."))
        })
        .collect()
}

/// An owner without anybody on call, or with one person and nobody after.
pub(super) fn no_on_call(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let of_runbook = plan.body.change.owner.as_ref().filter(|_| is_of_runbook(plan));
    let owners: BTreeSet<&OwnerRef> =
        components(plan).into_iter().filter_map(|component| owner_of(component, plan, facts)).chain(of_runbook).collect();
    let names = |contact: &Option<String>| contact.as_deref().is_some_and(|contact| !contact.trim().is_empty());
    let finding = |owner: &OwnerRef| match facts.catalog.owners.get(owner) {
        Some(known) if names(&known.on_call_primary) => {
            let is_alone = !names(&known.on_call_secondary) && !names(&known.escalation);
            is_alone.then(|| {
                Diagnostic::new(codes::NO_ON_CALL, Severity::Note, format!("{owner} names one contact on call and nobody after."))
                    .because("Where that one does not answer, nobody else is asked.")
                    .hint(format!("Give {owner} a secondary on-call contact or an escalation in the catalog."))
            })
        }
        Some(_) | None => Some(
            Diagnostic::warning(codes::NO_ON_CALL, format!("{owner} names nobody on call."))
                .because("A run that needs a person at night would reach no one.")
                .hint(format!("Give {owner} a primary on-call contact in the catalog.")),
        ),
    };
    owners.into_iter().filter_map(finding).collect()
}

/// A shared environment in which a run that needs somebody tells nobody.
pub(super) fn nobody_told(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let is_shared = |name: &&EnvironmentName| facts.catalog.environment(name).is_some_and(|environment| !environment.local);
    let shared: Vec<&EnvironmentName> = plan.body.change.environments.iter().filter(is_shared).collect();
    if shared.is_empty() || !facts.catalog.settings.notify.is_empty() {
        return Vec::new();
    }
    vec![
        Diagnostic::warning(codes::NOBODY_TOLD, format!("Nobody is told when a run in {} needs somebody.", listed(&shared)))
            .because("Whichever node of the shared store has the run flies it, and nobody sits in front of that one.")
            .hint("Give glidepath.yaml a `notify` command that pages, chats or mails."),
    ]
}

/// Many components at once, with a suggested split along the order of the plan.
pub(super) fn too_large(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let (mut ordered, mut seen): (Vec<&ComponentName>, BTreeSet<&ComponentName>) = (Vec::new(), BTreeSet::new());
    for step in plan.body.steps.iter().filter(|s| s.wave > 0) {
        let item = step.item.and_then(|item| plan.body.change.items.get(item as usize));
        ordered.extend(item.map(|item| &item.component).filter(|component| seen.insert(component)));
    }
    if ordered.len() <= COMPONENTS_MAX {
        return Vec::new();
    }
    let text = |part: &[&ComponentName]| part.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ");
    let (first, second) = ordered.split_at(ordered.len() / 2);
    vec![
        Diagnostic::warning(
            codes::TOO_LARGE,
            format!("The change alters {} components; more than {COMPONENTS_MAX} is large.", ordered.len()),
        )
        .because("When a large change fails, all of it goes back and the cause is hard to find.")
        .hint(format!("Split it in the order of the plan: first {}; then {}.", text(first), text(second))),
    ]
}

/// A flag that nobody is to remove, or that was to be removed already.
pub(super) fn flag_stays(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let now = plan.body.created_at;
    let mut findings = Vec::new();
    for item in &plan.body.change.items {
        let ItemKind::Flag { flag, to, remove_by } = &item.kind else { continue };
        let (what, hint) = match remove_by {
            None => (format!("Nothing says when the flag {flag} of {} is removed.", item.component), "Set removeBy on the item."),
            Some(by) if *by <= now => (
                format!("The flag {flag} of {} was to be removed by {by}, and is set to {to} instead.", item.component),
                "Remove it from the code; or set removeBy anew, if it is needed for longer.",
            ),
            Some(_) => continue,
        };
        findings.push(
            Diagnostic::warning(codes::FLAG_STAYS, what)
                .because("Flags that stay pile up, and old ones are switched by mistake.")
                .hint(hint),
        );
    }
    findings
}

/// A flag whose share nothing observed, so that the way back leads to where it may not have been.
pub(super) fn flag_unread(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let Some(ItemKind::Flag { flag, .. }) = plan.body.change.items.get(assignment.item as usize).map(|item| &item.kind) else {
            continue;
        };
        if facts.targets.get(&target.name).is_some_and(|observed| observed.flags.contains_key(flag)) {
            continue;
        }
        let hint = match target.flag_read {
            Some(_) => format!("Make `flag.read` of {} answer and plan again.", target.name),
            None => format!("Declare `flag.read` on {}, which answers the share of `{{flag}}` in whole percent.", target.name),
        };
        let message = format!(
            "The flag {flag} of {} is taken to be at {} in {}: nothing reads it.",
            assignment.component, assignment.from, assignment.environment
        );
        findings.push(
            Diagnostic::warning(codes::FLAG_UNREAD, message)
                .because(format!(
                    "The first stage sets its own share and the way back sets {}, whatever was there before.",
                    assignment.from
                ))
                .hint(hint),
        );
    }
    findings
}

/// A way back that no run has walked lately.
pub(super) fn undo_untried(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let has_undo = plan.body.steps.iter().any(|s| matches!(s.undo, Undo::Call { .. }));
    for component in components(plan) {
        let goes_back =
            has_undo && plan.body.assignments.iter().any(|a| a.component == *component && a.strategy != Strategy::ExpandContract);
        let last = facts.history.get(component).and_then(|h| h.last_rollback_at);
        let is_recent = last.is_some_and(|at| plan.body.created_at.since(at) <= ROLLBACK_AGE_MAX);
        if goes_back && !is_recent {
            let message = match last {
                None => format!("No rollback of {component} is on record."),
                Some(at) => format!("The last rollback of {component} was {} ago.", plan.body.created_at.since(at)),
            };
            findings.push(
                Diagnostic::new(codes::UNDO_UNTRIED, Severity::Note, message)
                    .because("An undo that was never exercised often fails when it is needed.")
                    .hint("Try it in another environment: fly the change there, then `glidepath rollback RUN`."),
            );
        }
    }
    findings
}

/// Code whose artifact may change between environments.
pub(super) fn artifact_mutable(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, _) in places(plan, facts) {
        let item = plan.body.change.items.get(assignment.item as usize);
        let Some(ItemKind::Version { what: VersionedKind::Code, to, artifact, .. }) = item.map(|i| &i.kind) else { continue };
        let is_pinned = artifact
            .as_deref()
            .is_some_and(|a| a.split_once(':').is_some_and(|(algorithm, digest)| algorithm.starts_with("sha") && digest.len() >= 32));
        if !is_pinned {
            let what =
                artifact.as_ref().map_or_else(|| "no artifact digest".to_owned(), |a| format!("the artifact {a}, which is not a digest"));
            findings.push(
                Diagnostic::new(codes::ARTIFACT_MUTABLE, Severity::Note, format!("{} {to} has {what}.", assignment.component))
                    .because("A name can be moved to other bytes between one environment and the next.")
                    .hint("State artifact: \"sha256:...\" on the item."),
            );
        }
    }
    findings.dedup();
    findings
}

/// Images named by tags, where the commands deploy what a name stands for.
pub(super) fn tag_moves(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let item = plan.body.change.items.get(assignment.item as usize);
        let is_version = matches!(item.map(|item| &item.kind), Some(ItemKind::Version { .. }));
        if !is_version || !target.runway.is_some_and(Runway::deploys_images) {
            continue;
        }
        let tags: Vec<&str> = [&assignment.from, &assignment.to].into_iter().map(String::as_str).filter(|v| !v.contains(PINNED)).collect();
        let (verb, noun) = if tags.len() == 1 { ("is", "a tag") } else { ("are", "tags") };
        if !tags.is_empty() {
            findings.push(
                Diagnostic::new(
                    codes::TAG_MOVES,
                    Severity::Note,
                    format!("{} of {} {verb} {noun}, which can be pushed again.", tags.join(" and "), target.name),
                )
                .because("Then the same name brings other bytes, on the way back too.")
                .hint("Write versions with their digest, such as `to: 1.5.0@sha256:...`; what runs by its digest is gone back to by its digest."),
            );
        }
    }
    findings
}

//! Section 2: what must be there and who must agree before take-off.

use super::Sources;
use crate::directory::{Reach, entity, lead, name, owner_of, owners, reach};
use crate::document::{Section, Text, Tone};
use crate::figures::{listed, percent, plural};
use glidepath_model::plan::{RiskLevel, TakeoffGate};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(2, "Prerequisites and approvals");
    approvers(of, &mut section);
    crate::clearance::told(of.plan, &mut section);
    envelope(of, &mut section);
    resources(of, &mut section);
    backups(of, &mut section);
    takeoff(of, &mut section);
    section
}

fn approvers(of: &Sources<'_>, section: &mut Section) {
    let change = &of.plan.body.change;
    let mut rows: Vec<Vec<Text>> = owners(of.plan, Some(of.catalog))
        .into_iter()
        .map(|owner| {
            let owned: Vec<&str> =
                of.components().into_iter().filter(|c| owner_of(Some(of.catalog), c) == Some(owner)).map(|c| c.as_str()).collect();
            let what = if owned.is_empty() { "the change as a whole".to_owned() } else { format!("technical lead for {}", listed(&owned)) };
            vec![what.into(), name(Some(of.catalog), owner).into(), reach(Some(of.catalog), owner, Reach::Chat)]
        })
        .collect();
    for component in of.components().into_iter().filter(|c| owner_of(Some(of.catalog), c).is_none()) {
        rows.push(vec![
            format!("technical lead for {component}").into(),
            Text::from("no owner: add ").code("spec.owner").plain(format!(" to component {component} in catalog/")),
            "".into(),
        ]);
    }
    rows.push(vec!["security".into(), emergency(of, "security"), security_words(of).into()]);
    for regime in &change.constraints.compliance {
        rows.push(vec![
            format!("compliance: {regime}").into(),
            emergency(of, "compliance"),
            "the plan's id and this document are the evidence".into(),
        ]);
    }
    let business = lead(of.plan, Some(of.catalog)).map_or_else(
        || Text::from("no owner: add ").code("spec.owner").plain(" to the change"),
        |o| reach(Some(of.catalog), o, Reach::Escalation),
    );
    rows.push(vec![
        "business".into(),
        business,
        if of.plan.prediction.risk == RiskLevel::Low { "to be told; low risk".into() } else { "to agree; see section 1".into() },
    ]);
    section.table(&["Approves", "Who", "How, or why"], rows);
}

fn security_words(of: &Sources<'_>) -> &'static str {
    match of.plan.body.change.intent {
        glidepath_model::change::Intent::Security => "the change closes a hole: must agree to its timing",
        _ if of.plan.body.change.constraints.compliance.is_empty() => "no regime is declared for this change: to be told",
        _ => "the change falls under a regime: must agree",
    }
}

fn emergency(of: &Sources<'_>, field: &str) -> Text {
    let known = owners(of.plan, Some(of.catalog)).into_iter().find_map(|o| of.catalog.owners.get(o)?.emergency.get(field));
    match (known, lead(of.plan, Some(of.catalog))) {
        (Some(contact), _) => contact.as_str().into(),
        (None, Some(owner)) => {
            Text::from("nobody: add ").code(format!("glidepath.dev/emergency-{field}")).plain(format!(" to {} in catalog/", entity(owner)))
        }
        (None, None) => Text::from("nobody: add ").code("spec.owner").plain(" to the change and its emergency contacts to catalog/"),
    }
}

fn envelope(of: &Sources<'_>, section: &mut Section) {
    let envelope = &of.plan.body.envelope;
    section.heading("What the approval covers");
    section.list(envelope.items.iter().map(|i| i.as_str().into()).collect());
    section.table(
        &["Limit", "Value"],
        vec![
            vec!["greatest exposure before the last gate".into(), envelope.greatest_exposure.to_string().into()],
            vec!["least bake of any gate".into(), envelope.least_bake_ms.to_string().into()],
            vec![
                "steps without a way back".into(),
                if envelope.one_way.is_empty() {
                    "none".into()
                } else {
                    listed(&envelope.one_way.iter().map(|s| s.as_str()).collect::<Vec<_>>()).into()
                },
            ],
        ],
    );
    section.paragraph("A plan inside these limits needs no new approval; outside them it does.");
}

fn resources(of: &Sources<'_>, section: &mut Section) {
    section.heading("Resources");
    let mut items = Vec::new();
    for assignment in &of.plan.body.assignments {
        let Some(target) = of.catalog.targets.get(&assignment.target) else { continue };
        let hosts = target.hosts().count();
        let standby: usize = target.regions.iter().map(|r| r.standby.len()).sum();
        let capacity = target.replica_capacity.map_or_else(
            || {
                Text::from("capacity per host is not known: add ")
                    .code("spec.capacity.replica")
                    .plain(format!(" to target {}", target.name))
            },
            |c| format!("each host carries {}", crate::figures::rate(c)).into(),
        );
        let mut text = Text::new()
            .strong(format!("{} in {}:", assignment.component, assignment.environment))
            .plain(" ")
            .plain(format!("{}, {standby} standby; ", plural(hosts, "host", "hosts")));
        text.0.extend(capacity.0);
        let signals = target.signals.is_some();
        items.push(text.plain(if signals { "; monitoring is declared." } else { "; no monitoring is declared: add " }));
        if !signals && let Some(last) = items.last_mut() {
            *last = std::mem::take(last).code("spec.signals").plain(format!(" to target {}.", target.name));
        }
    }
    section.list(items);
    let automated = of.plan.body.steps.iter().filter(|s| matches!(s.undo, glidepath_model::plan::Undo::Call { .. })).count();
    section
        .paragraph(format!("Rollback automation: {} by command; see section 6.", plural(automated, "step is undone", "steps are undone")));
}

fn backups(of: &Sources<'_>, section: &mut Section) {
    section.heading("Backups before the deployment");
    let prepare: Vec<Text> = of
        .plan
        .body
        .steps
        .iter()
        .filter(|s| s.saves_data)
        .map(|s| Text::new().plain(format!("{} ({}): ", s.title, crate::figures::estimate(&s.expected))).code(s.command.as_str()))
        .collect();
    if prepare.is_empty() {
        let targets: Vec<String> = of.plan.body.assignments.iter().map(|a| a.target.to_string()).collect();
        section.paragraph(
            Text::from("No backup step is in the plan. Where data can be lost, add ")
                .code("spec.backup")
                .plain(format!(" to the target ({}).", listed(&targets))),
        );
    } else {
        section.checklist(prepare);
    }
}

fn takeoff(of: &Sources<'_>, section: &mut Section) {
    section.heading("Checked at take-off");
    let items = of
        .plan
        .body
        .takeoff
        .iter()
        .map(|gate| match gate {
            TakeoffGate::Calendar { environment, calendars } => {
                let names: Vec<&str> = calendars.iter().map(|c| c.name.as_str()).collect();
                format!("Windows and freezes of {} allow a start in {environment}.", listed(&names)).into()
            }
            TakeoffGate::Fresh => {
                format!("The plan has not expired (it does at {}).", crate::figures::minute(of.plan.body.expires_at)).into()
            }
            TakeoffGate::StillRuns { target, version } => {
                Text::from("Every host of ").code(target.as_str()).plain(" still runs ").code(version.as_str()).plain(".")
            }
            TakeoffGate::Budget { objective, remaining } => {
                format!("Budget of {objective} is not exhausted: {} remains at plan time.", percent(*remaining)).into()
            }
        })
        .collect();
    section.checklist(items);
    if of.environments().iter().any(|(_, e)| e.is_some_and(|e| e.gated)) {
        section.callout(Tone::Neutral, "Gated", "A gated environment takes this stored plan only, never a change directly.");
    }
}

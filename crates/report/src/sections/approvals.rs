//! Section 2: what must be there and who must agree before take-off.

use super::Sources;
use crate::depth::Depth;
use crate::directory::{Reach, entity, lead, name, owner_of, owners, reach};
use crate::document::{Section, Text, Tone};
use crate::figures::{listed, percent, plural};
use crate::places::rows_told_once;
use crate::promise;
use glidepath_model::catalog::Target;
use glidepath_model::plan::{Phase, RiskLevel, TakeoffGate, Work};
use glidepath_model::{Millis, Share, version_shown};
use std::collections::BTreeMap;

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(2, "Prerequisites and approvals");
    approvers(of, &mut section);
    crate::clearance::told(of.plan, &mut section);
    envelope(of, &mut section);
    resources(of, &mut section);
    backups(of, &mut section);
    takeoff(of, &mut section);
    if of.plan.prediction.risk == RiskLevel::High && of.depth >= Depth::Full {
        more_gates(of, &mut section);
    }
    section
}

/// Gates that people keep, because the run does not: only for a change of high risk.
fn more_gates(of: &Sources<'_>, section: &mut Section) {
    section.heading("More gates, because the risk is high");
    section.paragraph("The run does not ask for these; people keep them before they type `run`.");
    let plan = of.plan.id.short();
    let mut items = vec![
        Text::from("Rehearsed, and read where it goes wrong: ").code(format!("glidepath rehearse {plan}")),
        Text::from("A second person has read sections 4 and 6, and not only this one."),
    ];
    items.extend(of.plan.prediction.risk_reasons.iter().map(|reason| Text::from(format!("Said yes to in so many words: {reason}."))));
    let undone = promise::one_way(of.plan);
    items.extend(
        undone
            .iter()
            .map(|step| format!("Written down how to repair it, if '{}' was wrong: there is no way back across it.", step.title).into()),
    );
    let callers: Vec<String> = of.blast.dependants().into_iter().map(|(component, _)| component.to_string()).collect();
    if !callers.is_empty() {
        items.push(format!("Those on call for {} know the time and can be reached.", listed(&callers)).into());
    }
    items.push(
        Text::from("Somebody is at the screen from take-off to landing: ")
            .code("glidepath watch RUN")
            .plain(", with the run sheet printed."),
    );
    if let Some(words) = promise::first_met(of.plan) {
        items.push(
            Text::from(format!("{words} A person looks there before it goes on: ")).code("glidepath pause RUN").plain(" as it begins."),
        );
    }
    section.checklist(items);
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
    let is_secret = of.plan.body.change.intent == glidepath_model::change::Intent::Security;
    if of.depth >= Depth::Full || is_secret {
        rows.push(vec!["security".into(), emergency(of, "security"), security_words(of).into()]);
    }
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
    if of.depth >= Depth::Full {
        rows.push(vec!["business".into(), business, "to agree; see section 1".into()]);
    }
    section.table(&["Approves", "Who", "How, or why"], rows);
}

fn security_words(of: &Sources<'_>) -> &'static str {
    match of.plan.body.change.intent {
        glidepath_model::change::Intent::Security => "the change is made for security: must agree to its timing",
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
    section.list(envelope.items.iter().map(|item| digest_once(item).replace(" -> ", " → ").into()).collect());
    section.table(
        &["Limit", "Value"],
        vec![
            vec!["greatest exposure before the last gate".into(), envelope.greatest_exposure.to_string().into()],
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
    let rows = ladders(of);
    if !rows.is_empty() {
        section.table(&["Ladder", "Exposed before its first gate", "Gates", "Least bake"], rows_told_once(rows, 0));
    }
    section.paragraph(
        "A later plan flies on this approval if every step, check, command and undo in it was approved here, in this order, with no more exposed at any gate and no gate shorter; it may do less, and more slowly. Everything else needs a new approval.",
    );
}

/// What of each region is exposed before its first gate, and how long its shortest gate watches.
fn ladders(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let mut ladders: BTreeMap<(String, String), (Share, Vec<Millis>)> = BTreeMap::new();
    for step in of.plan.body.steps.iter().filter(|step| step.phase == Phase::Deploy) {
        let (Some(environment), Some(target)) = (&step.environment, &step.target) else { continue };
        let region = step.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        let ladder = ladders.entry((environment.to_string(), format!("{target}{region}"))).or_insert((Share::ZERO, Vec::new()));
        if let (Some(exposure), true) = (&step.exposure, ladder.1.is_empty()) {
            ladder.0 = ladder.0.max(exposure.share);
        }
        if let Work::Gate(gate) = &step.work
            && !gate.is_budget_look()
        {
            ladder.1.push(gate.bake_ms);
        }
    }
    let rows = ladders.into_iter().filter_map(|((_, place), (first, bakes))| {
        let least = bakes.iter().min()?;
        Some(vec![place.into(), first.to_string().into(), bakes.len().to_string().into(), least.to_string().into()])
    });
    rows.collect()
}

/// Hosts and their capacity, then what watches them.
fn of_target(target: &Target) -> Text {
    let hosts = target.hosts().count();
    let standby: usize = target.regions.iter().map(|r| r.standby.len()).sum();
    let standby = if standby == 0 { String::new() } else { format!(" and {standby} standby") };
    let signals = match target.signals {
        Some(_) => Text::from("; its signals are watched."),
        None => Text::from("; only its health is watched: add `spec.signals` for more."),
    };
    let mut text = match (hosts, target.replica_capacity) {
        (0, _) => Text::from("no hosts of its own"),
        (hosts, Some(capacity)) => {
            format!("{}{standby}, each carries {}", plural(hosts, "host", "hosts"), crate::figures::rate(capacity)).into()
        }
        (hosts, None) => {
            format!("{}{standby}; what each carries is not known: add `spec.capacity.replica`", plural(hosts, "host", "hosts")).into()
        }
    };
    text.0.extend(signals.0);
    text
}

fn resources(of: &Sources<'_>, section: &mut Section) {
    section.heading("Resources");
    let targets = of.plan.body.assignments.iter().filter_map(|a| Some((a, of.catalog.targets.get(&a.target)?)));
    let rows = targets.map(|(a, target)| vec![format!("{} in {}", a.component, a.environment).into(), of_target(target)]).collect();
    let items = rows_told_once(rows, 0).into_iter().map(|row| {
        let mut cells = row.into_iter();
        let mut text = Text::new().strong(format!("{}:", cells.next().unwrap_or_default().words())).plain(" ");
        text.0.extend(cells.next().unwrap_or_default().0);
        text
    });
    section.list(items.collect());
    let automated = of.plan.body.steps.iter().filter(|s| matches!(s.undo, glidepath_model::plan::Undo::Call { .. })).count();
    section.paragraph(match automated {
        0 => "Rollback automation: no step is undone by a command; see section 6.".to_owned(),
        steps => format!("Rollback automation: {} by command; see section 6.", plural(steps, "step is undone", "steps are undone")),
    });
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
    let gates = &of.plan.body.takeoff;
    let mut items: Vec<Text> = gates
        .iter()
        .filter_map(|gate| match gate {
            TakeoffGate::Calendar { environment, calendars } => {
                let names: Vec<&str> = calendars.iter().map(|c| c.name.as_str()).collect();
                Some(format!("Windows and freezes of {} allow a start in {environment}.", listed(&names)).into())
            }
            TakeoffGate::Fresh => {
                Some(format!("The plan has not expired (it does at {}).", crate::figures::minute(of.plan.body.expires_at)).into())
            }
            TakeoffGate::StillRuns { .. } | TakeoffGate::Budget { .. } => None,
        })
        .collect();
    let runs = gates.iter().filter_map(|gate| match gate {
        TakeoffGate::StillRuns { target, version } => Some(vec![target.as_str().into(), Text::new().code(version_shown(version.as_str()))]),
        TakeoffGate::Calendar { .. } | TakeoffGate::Fresh | TakeoffGate::Budget { .. } => None,
    });
    items.extend(rows_told_once(runs.collect(), 0).into_iter().map(|row| {
        let mut cells = row.into_iter();
        let mut text = Text::from(format!("Every host of {} still runs ", cells.next().unwrap_or_default().words()));
        text.0.extend(cells.next().unwrap_or_default().0);
        text.plain(".")
    }));
    let budgets = gates.iter().filter_map(|gate| match gate {
        TakeoffGate::Budget { objective, remaining } => Some(vec![objective.as_str().into(), percent(*remaining).into()]),
        TakeoffGate::Calendar { .. } | TakeoffGate::Fresh | TakeoffGate::StillRuns { .. } => None,
    });
    items.extend(rows_told_once(budgets.collect(), 0).iter().map(|row| {
        let words: Vec<String> = row.iter().map(Text::words).collect();
        format!(
            "There is still a budget: of {}, {} remained when this was planned.",
            words.first().cloned().unwrap_or_default(),
            words.last().cloned().unwrap_or_default()
        )
        .into()
    }));
    section.checklist(items);
    let gated: Vec<&str> = of.environments().iter().filter(|(_, e)| e.is_some_and(|e| e.gated)).map(|(name, _)| name.as_str()).collect();
    if !gated.is_empty() {
        let words = format!(
            "{} by this stored plan only: what was approved is what flies.",
            match gated.as_slice() {
                [one] => format!("{one} is entered"),
                several => format!("{} are entered", listed(several)),
            }
        );
        section.callout(Tone::Neutral, "Gated", words);
    }
}

/// An item of the envelope, whose version may be the digest that stands behind it.
fn digest_once(item: &str) -> &str {
    item.rsplit_once(' ').filter(|(rest, digest)| digest.starts_with("sha256:") && rest.ends_with(digest)).map_or(item, |(rest, _)| rest)
}

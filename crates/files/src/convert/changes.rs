//! Changes, checked against the catalog.

use super::config::preference;
use super::data;
use super::moves::{self, FAILOVER_FIELDS, TRAFFIC_FIELDS};
use super::variants::Variant;
use super::{Context, boolean, duration, owner_reference, share, text, time};
use crate::codes;
use crate::document::Document;
use crate::findings::Source;
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::catalog::{Target, TargetIndex};
use glidepath_model::change::*;
use glidepath_model::plan::Strategy;
use glidepath_model::{
    Catalog, ChangeName, ComponentName, Digest, EnvironmentName, Millis, Money, OwnerRef, Share, VERSION_FORM, is_version,
};
use std::collections::BTreeMap;

/// How long the old value of a secret stays valid at least, where the item does not say.
const RETIRE_AFTER_DEFAULT: Millis = Millis::from_mins(24 * 60);
/// How long an experiment may take where nothing is said.
const EXPERIMENT_WITHIN_DEFAULT: Millis = Millis::from_mins(14 * 24 * 60);
/// How long its decision is waited for where nothing is said.
const DECIDE_WITHIN_DEFAULT: Millis = Millis::from_mins(24 * 60);

/// What the documents of changes come to.
pub(super) struct Changes {
    pub(super) changes: BTreeMap<ChangeName, Change>,
    pub(super) files: BTreeMap<ChangeName, String>,
    pub(super) variants: BTreeMap<ChangeName, Vec<Variant>>,
}

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &Catalog, sources: &[Source]) -> Changes {
    let (mut changes, mut files, mut variants) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let targets = TargetIndex::all(catalog);
    for document in super::runbooks::flown(context, Kind::Change) {
        let name = ChangeName::from(document.name.as_str());
        files.insert(name.clone(), context.findings.file(document.root.at).to_owned());
        let mut change = change(context, document, catalog, &targets);
        change.source = sources.get(document.root.at.file as usize).map(|s| Digest::of(s.text.as_bytes()).to_string());
        let ways = super::variants::read(context, &document.spec, &change);
        if !ways.is_empty() {
            variants.insert(name.clone(), ways);
        }
        changes.insert(name, change);
    }
    Changes { changes, files, variants }
}

fn change(context: &mut Context<'_, '_>, document: &Document, catalog: &Catalog, targets: &TargetIndex<'_>) -> Change {
    let spec = &document.spec;
    let environments = match spec.get("environments") {
        Some(_) => in_order(context, spec, catalog),
        None => catalog.environments.iter().map(|e| e.name.clone()).collect(),
    };
    let items = items(context, spec, catalog, targets, &environments);
    Change {
        name: document.name.as_str().into(),
        title: text(spec, "title").unwrap_or_else(|| document.name.clone()),
        reason: text(spec, "reason"),
        class: class(spec),
        intent: intent(spec),
        environments,
        owner: owner(context, spec, catalog),
        ticket: spec.get("ticket").and_then(|t| t.text().map(str::to_owned).or_else(|| text(t, "url"))),
        committed_at: time(spec, "committedAt"),
        items,
        on_failure: match spec.text_of("onFailure") {
            Some("rollbackItem") => OnFailure::RollbackItem,
            Some("hold") => OnFailure::Hold,
            _ => OnFailure::RollbackChange,
        },
        on_window_end: match spec.text_of("onWindowEnd") {
            Some("hold") => OnWindowEnd::Hold,
            Some("rollback") => OnWindowEnd::Rollback,
            _ => OnWindowEnd::Finish,
        },
        constraints: spec.get("constraints").map(constraints).unwrap_or_default(),
        locks: super::locks::read(context, spec),
        prefer: spec.text_of("prefer").and_then(preference),
        source: None,
    }
}

/// The environments named, in the order of the Config: a change climbs, whatever the order it was written in.
fn in_order(context: &mut Context<'_, '_>, spec: &Node, catalog: &Catalog) -> Vec<EnvironmentName> {
    let named = context.environments(spec, catalog);
    catalog.environments.iter().map(|e| e.name.clone()).filter(|name| named.contains(name)).collect()
}

pub(super) fn class(spec: &Node) -> ChangeClass {
    spec.text_of("class").and_then(ChangeClass::named).unwrap_or_default()
}

fn intent(spec: &Node) -> Intent {
    spec.text_of("intent").and_then(Intent::named).unwrap_or_default()
}

pub(super) fn owner(context: &mut Context<'_, '_>, spec: &Node, catalog: &Catalog) -> Option<OwnerRef> {
    let node = spec.get("owner")?;
    let reference = owner_reference(node.text()?);
    if !catalog.owners.contains_key(&reference) {
        context.unknown(node, "spec.owner", codes::UNKNOWN_OWNER, "group or user", super::owner_names(catalog, node));
    }
    Some(reference)
}

pub(super) fn constraints(node: &Node) -> Constraints {
    Constraints {
        downtime_ms: duration(node, "downtime"),
        finish_before: time(node, "finishBefore"),
        max_budget_share: node.get("maxBudgetSpend").and_then(|b| share(b, "share")),
        max_extra_cost: node.text_of("maxExtraCost").and_then(Money::parse),
        compliance: node.texts_of("compliance"),
    }
}

/// What an item needs of the table of types.
pub(super) struct ItemAt<'n> {
    pub(super) node: &'n Node,
    pub(super) field: String,
    kind: &'n str,
}

fn items(
    context: &mut Context<'_, '_>,
    spec: &Node,
    catalog: &Catalog,
    targets: &TargetIndex<'_>,
    environments: &[EnvironmentName],
) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (index, node) in spec.items_of("items").iter().enumerate() {
        let item = ItemAt { node, field: format!("spec.items[{index}]"), kind: node.text_of("type").unwrap_or("code") };
        let Some(component_node) = node.get("component") else { continue };
        let Some(component) = component_node.text() else { continue };
        if let Some(line) = seen.get(&(component, item.kind)) {
            let message = format!("`{component}` has an item of type {} in line {line} already", item.kind);
            context.findings.error(
                component_node.at,
                &item.field,
                codes::ITEM_TWICE,
                message,
                "It could not reach both.",
                "Keep one of them, or make a second change.",
            );
            continue;
        }
        seen.insert((component, item.kind), component_node.at.line);
        let known = known_component(context, &item, component_node, catalog);
        let Some(kind) = kind(context, &item, catalog) else { continue };
        let made = Item {
            component: component.into(),
            kind,
            strategy: strategy(context, &item),
            declared_at: Some(format!("{}:{}", context.findings.file(node.at), component_node.at.line)),
        };
        if known {
            check_targets(context, &item, component_node, &made, catalog, targets, environments);
        }
        items.push(made);
    }
    items
}

fn known_component(context: &mut Context<'_, '_>, item: &ItemAt<'_>, node: &Node, catalog: &Catalog) -> bool {
    let known = catalog.components.contains_key(&ComponentName::from(node.text().unwrap_or_default()));
    if !known {
        let field = format!("{}.component", item.field);
        context.unknown(
            node,
            &field,
            codes::UNKNOWN_COMPONENT,
            "component or resource",
            catalog.components.keys().map(ComponentName::as_str),
        );
    }
    known
}

const VERSION_FIELDS: &[&str] = &["to", "expectFrom", "artifact", "removes", "experiment"];
const SCHEMA_FIELDS: &[&str] = &["expand", "backfill", "contract"];
const CONTRACT_FIELDS: &[&str] = &["contract", "of", "readers", "done", "landed", "restoreTested"];
const FLAG_FIELDS: &[&str] = &["flag", "to", "removeBy"];
const SECRET_FIELDS: &[&str] = &["secret", "consumers", "retireAfter"];
const CAPACITY_FIELDS: &[&str] = &["replicas", "expectReplicas", "until"];
const ALL_FIELDS: [&[&str]; 8] =
    [VERSION_FIELDS, SCHEMA_FIELDS, CONTRACT_FIELDS, FLAG_FIELDS, SECRET_FIELDS, CAPACITY_FIELDS, FAILOVER_FIELDS, TRAFFIC_FIELDS];
const COMMON_FIELDS: &[&str] = &["component", "type", "strategy"];

fn kind(context: &mut Context<'_, '_>, item: &ItemAt<'_>, catalog: &Catalog) -> Option<ItemKind> {
    let (fields, needed): (&[&str], &str) = match item.kind {
        "code" | "config" | "infrastructure" => (VERSION_FIELDS, "to"),
        "schema" | "data" => (SCHEMA_FIELDS, "expand"),
        "contract" => (CONTRACT_FIELDS, "contract"),
        "flag" => (FLAG_FIELDS, "flag"),
        "secret" => (SECRET_FIELDS, "secret"),
        "capacity" => (CAPACITY_FIELDS, "replicas"),
        "failover" => (FAILOVER_FIELDS, "to"),
        "traffic" => (TRAFFIC_FIELDS, "shares"),
        _ => return None,
    };
    for entry in item.node.entries().iter().filter(|e| !COMMON_FIELDS.contains(&e.key.as_str()) && !fields.contains(&e.key.as_str())) {
        if ALL_FIELDS.iter().any(|f| f.contains(&entry.key.as_str())) {
            let message = format!("an item of type {} has no `{}`", item.kind, entry.key);
            let hint = format!("Its fields are {}.", crate::findings::quoted(fields));
            context.findings.error(
                entry.key_at,
                &format!("{}.{}", item.field, entry.key),
                codes::FIELD_OF_OTHER_TYPE,
                message,
                "It would have no effect.",
                hint,
            );
        }
    }
    let all_needed = [needed].into_iter().chain((item.kind == "traffic").then_some("expectShares"));
    let lacking: Vec<&str> = all_needed.filter(|field| item.node.get(field).is_none()).collect();
    lacking.iter().for_each(|field| missing(context, item, field));
    if !lacking.is_empty() {
        return None;
    }
    match item.kind {
        "schema" | "data" => data::schema(context, item),
        "contract" => data::contract(context, item, catalog),
        "flag" => flag(context, item),
        "secret" => secret(context, item, catalog),
        "capacity" => capacity(item),
        "failover" => moves::failover(context, item),
        "traffic" => moves::traffic(context, item),
        _ => version(context, item),
    }
}

pub(super) fn missing(context: &mut Context<'_, '_>, item: &ItemAt<'_>, needed: &str) {
    let at = item.node.entries().first().map_or(item.node.at, |e| e.key_at);
    let message = format!("an item of type {} needs `{needed}`", item.kind);
    context.findings.error(
        at,
        &format!("{}.{needed}", item.field),
        codes::MISSING_FIELD,
        message,
        "Without it nobody knows what to alter.",
        format!("Add `{needed}:` with its value."),
    );
}

fn version(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<ItemKind> {
    let to = text(item.node, "to")?;
    let expect_from = text(item.node, "expectFrom");
    for field in ["to", "expectFrom"] {
        check_version(context, item, field);
    }
    if expect_from.as_deref() == Some(to.as_str()) {
        let at = item.node.get("expectFrom").map_or(item.node.at, |n| n.at);
        let message = format!("`{to}` is both the version to reach and the one that must run now");
        context.findings.error(
            at,
            &format!("{}.expectFrom", item.field),
            codes::SAME_VERSION,
            message,
            "There is nothing to do.",
            "Correct one of them, or leave the item out.",
        );
    }
    artifact(context, item);
    Some(ItemKind::Version {
        what: match item.kind {
            "config" => VersionedKind::Config,
            "infrastructure" => VersionedKind::Infrastructure,
            _ => VersionedKind::Code,
        },
        to: to.as_str().into(),
        expect_from: expect_from.as_deref().map(Into::into),
        artifact: text(item.node, "artifact"),
        removes: boolean(item.node, "removes").unwrap_or(false),
        experiment: item.node.get("experiment").and_then(|node| experiment(context, item, node)),
    })
}

fn check_version(context: &mut Context<'_, '_>, item: &ItemAt<'_>, field: &str) {
    let Some((node, text)) = item.node.get(field).and_then(|node| Some((node, node.text()?))).filter(|(_, text)| !is_version(text)) else {
        return;
    };
    context.findings.error(
        node.at,
        &format!("{}.{field}", item.field),
        codes::BAD_NAME,
        format!("`{}` is not a version", crate::scalar::short(text)),
        "It fills `{version}` or `{from}` in commands, where a space, a quote or a leading dash would make other words of it.",
        format!("Write the version as it is released: {VERSION_FORM}."),
    );
}

/// Both sides must have users, and a change of nothing is none.
fn experiment(context: &mut Context<'_, '_>, item: &ItemAt<'_>, node: &Node) -> Option<Experiment> {
    for (field, hint) in
        [("share", "Write a share between both, such as `50%`."), ("effect", "Write a change between both, such as `10%`.")]
    {
        if let (Some(written), Some(Share::ZERO | Share::ALL)) = (node.get(field), share(node, field)) {
            let message = format!("an experiment with {field} `{}` compares nothing", written.text().unwrap_or_default());
            let path = format!("{}.experiment.{field}", item.field);
            context.findings.error(
                written.at,
                &path,
                codes::BAD_SHARE,
                message,
                "Both sides must have users, and a change must show.",
                hint,
            );
            return None;
        }
    }
    Some(Experiment {
        share: share(node, "share")?,
        effect: share(node, "effect")?,
        metric: text(node, "metric")?,
        within_ms: duration(node, "within").unwrap_or(EXPERIMENT_WITHIN_DEFAULT),
        decide_within_ms: duration(node, "decideWithin").unwrap_or(DECIDE_WITHIN_DEFAULT),
    })
}

/// An ellipsis stands for digits in examples and drafts; everything else must be a digest.
fn artifact(context: &mut Context<'_, '_>, item: &ItemAt<'_>) {
    let Some(node) = item.node.get("artifact") else { return };
    let digits = node.text().and_then(|t| t.strip_prefix("sha256:")).map(|d| d.strip_suffix("...").unwrap_or(d));
    if !digits.is_some_and(|d| !d.is_empty() && d.len() <= 64 && d.bytes().all(|b| b.is_ascii_hexdigit())) {
        let message = format!("`{}` is not an artifact digest", crate::scalar::short(node.text().unwrap_or_default()));
        let reason = "The same artifact must reach each environment, and only a digest names it for good.";
        context.findings.error(
            node.at,
            &format!("{}.artifact", item.field),
            codes::BAD_ARTIFACT,
            message,
            reason,
            "Write `sha256:` and its hexadecimal digits.",
        );
    }
}

fn flag(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<ItemKind> {
    let Some(node) = item.node.get("to") else {
        missing(context, item, "to");
        return None;
    };
    let written = node.text()?;
    let Some(to) = Some(written).filter(|t| t.ends_with('%')).and_then(Share::parse) else {
        let message = format!("`{}` is not a share of users", crate::scalar::short(written));
        context.findings.error(
            node.at,
            &format!("{}.to", item.field),
            codes::BAD_SHARE,
            message,
            "A flag is raised to a share of users.",
            "Write `to: 50%`, or `to: 100%` for everybody.",
        );
        return None;
    };
    Some(ItemKind::Flag { flag: text(item.node, "flag")?, to, remove_by: time(item.node, "removeBy") })
}

fn secret(context: &mut Context<'_, '_>, item: &ItemAt<'_>, catalog: &Catalog) -> Option<ItemKind> {
    for node in item.node.items_of("consumers") {
        if node.text().is_some_and(|name| !catalog.components.contains_key(&name.into())) {
            let known = catalog.components.keys().map(ComponentName::as_str);
            context.unknown(node, &format!("{}.consumers", item.field), codes::UNKNOWN_COMPONENT, "component or resource", known);
        }
    }
    Some(ItemKind::Secret {
        secret: text(item.node, "secret")?,
        consumers: item.node.texts_of("consumers").iter().map(|name| name.as_str().into()).collect(),
        retire_after_ms: duration(item.node, "retireAfter").unwrap_or(RETIRE_AFTER_DEFAULT),
    })
}

fn capacity(item: &ItemAt<'_>) -> Option<ItemKind> {
    let count = |field: &str| item.node.text_of(field).and_then(|text| text.parse().ok());
    Some(ItemKind::Capacity { replicas: count("replicas")?, expect_replicas: count("expectReplicas"), until: time(item.node, "until") })
}

fn strategy_fits(kind: &str, name: &str) -> bool {
    Strategy::parse(name).is_some_and(|strategy| strategy.changes(kind))
}

fn strategy(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<String> {
    let node = item.node.get("strategy")?;
    let name = node.text()?;
    if !strategy_fits(item.kind, name) && Strategy::parse(name).is_some() {
        let message = format!("an item of type {} cannot use strategy {name}", item.kind);
        context.findings.error(
            node.at,
            &format!("{}.strategy", item.field),
            codes::STRATEGY_NOT_ALLOWED,
            message,
            "The strategy works on something else.",
            "Leave `strategy` out to let the planner choose.",
        );
    }
    Some(name.to_owned())
}

fn check_targets(
    context: &mut Context<'_, '_>,
    item: &ItemAt<'_>,
    component: &Node,
    made: &Item,
    catalog: &Catalog,
    targets: &TargetIndex<'_>,
    environments: &[EnvironmentName],
) {
    let readers = item.node.items_of("consumers");
    let have = |name: &ComponentName| -> Vec<&str> {
        let environments = catalog.environments.iter().map(|environment| &environment.name);
        environments.filter(|environment| targets.target_of(name, environment).is_some()).map(EnvironmentName::as_str).collect()
    };
    for name in made.components().filter(|name| catalog.components.contains_key(name)) {
        let place = readers.iter().find(|reader| *name != made.component && reader.text() == Some(name.as_str()));
        let (place, field) = place.map_or((component, "component"), |place| (place, "consumers"));
        for environment in environments {
            match targets.target_of(name, environment) {
                Some(target) => check_target(context, item, place, made, target),
                None if declared(context, name.as_str(), environment) => {}
                None => no_target(context, place, &format!("{}.{field}", item.field), name, environment, &have(name)),
            }
        }
    }
}

fn no_target(context: &mut Context<'_, '_>, place: &Node, field: &str, name: &ComponentName, environment: &EnvironmentName, have: &[&str]) {
    let message = format!("`{name}` has no Target in `{environment}`");
    let hint = match have.is_empty() {
        true => format!("Add a Target with `component: {name}` and `environment: {environment}`."),
        false => format!("It has one in {}. Add one for `{environment}`, or list other `environments`.", crate::findings::quoted(have)),
    };
    let reason = "A Target says where it runs and how it is changed.";
    context.findings.error(place.at, field, codes::MISSING_TARGET, message, reason, hint);
}

/// Whether a Target for it stands in the files but could not be used, which has been said where it stands.
fn declared(context: &Context<'_, '_>, component: &str, environment: &EnvironmentName) -> bool {
    context.documents.iter().any(|d| {
        d.kind == Kind::Target
            && d.spec.text_of("component") == Some(component)
            && d.spec.text_of("environment").is_some_and(|e| crate::findings::nearest(e, [environment.as_str()]).is_some())
    })
}

/// What an item needs of a target that does not have it.
fn lacks(made: &Item, target: &Target) -> Vec<&'static str> {
    let rotation = target.rotate.clone().unwrap_or_default();
    let needs: Vec<(&str, bool)> = match &made.kind {
        ItemKind::Version { what, .. } => {
            let has_another = match what {
                VersionedKind::Code => false,
                VersionedKind::Config => target.reload.is_some(),
                VersionedKind::Infrastructure => target.replace.is_some(),
            };
            vec![("deploy", target.deploy.is_some() || has_another)]
        }
        ItemKind::Schema { expand: DataStep::Sql { .. }, .. } => vec![("database", target.database.is_some())],
        ItemKind::Schema { .. } => Vec::new(),
        ItemKind::Contract { contract, .. } => {
            let is_sql = matches!(contract.step, DataStep::Sql { .. });
            vec![("backup", target.backup.is_some()), ("database", target.database.is_some() || !is_sql)]
        }
        ItemKind::Flag { .. } => vec![("flag", target.flag.is_some())],
        ItemKind::Capacity { .. } => vec![("scale", target.scale.is_some())],
        ItemKind::Failover { .. } => vec![("failover", target.failover.is_some())],
        ItemKind::Traffic { .. } => vec![("shares", target.shares.is_some())],
        ItemKind::Secret { consumers, .. } => {
            let reads = consumers.contains(&target.component) || (consumers.is_empty() && target.component == made.component);
            let of_store = [("rotate.make", rotation.make.is_some())].into_iter().filter(|_| target.component == made.component);
            let of_reader = [("rotate.install", rotation.install.is_some()), ("rotate.verify", rotation.verify.is_some())];
            of_store.chain(of_reader.into_iter().filter(|_| reads)).collect()
        }
    };
    needs.into_iter().filter(|(_, has)| !has).map(|(field, _)| field).collect()
}

fn check_target(context: &mut Context<'_, '_>, item: &ItemAt<'_>, component: &Node, made: &Item, target: &Target) {
    let written = |field: &str| {
        let path: Vec<&str> = field.split('.').collect();
        context.documents.iter().any(|d| d.kind == Kind::Target && d.name == target.name.as_str() && d.spec.dig(&path).is_some())
    };
    // What is written and could not be used has been said where it stands.
    let lacking: Vec<&str> = lacks(made, target).into_iter().filter(|field| !written(field)).collect();
    for lacks in lacking {
        let message = format!("target `{}` has no `{lacks}`, which an item of type {} needs", target.name, item.kind);
        let hint = format!("Add `{lacks}:` to the Target in {}.", target.declared_at.as_deref().unwrap_or("the catalog"));
        context.findings.error(component.at, &item.field, codes::TARGET_LACKS, message, "The change could not be carried out.", hint);
    }
    moves::check_target(context, item, &made.kind, target);
    let wanted = item.node.get("strategy");
    let Some(name) = wanted.and_then(Node::text).filter(|name| strategy_fits(item.kind, name)) else { return };
    if !target.strategies_allowed.is_empty() && !target.strategies_allowed.iter().any(|s| s == name) {
        let allowed: Vec<&str> = target.strategies_allowed.iter().map(String::as_str).collect();
        let message = format!("target `{}` does not allow strategy {name}", target.name);
        let hint = format!("It allows {}.", crate::findings::quoted(&allowed));
        context.findings.error(
            wanted.map_or(item.node.at, |n| n.at),
            &format!("{}.strategy", item.field),
            codes::STRATEGY_NOT_ALLOWED,
            message,
            "The Target says what may be done there.",
            hint,
        );
    }
}

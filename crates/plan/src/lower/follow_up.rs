//! The change that follows a schema change: its contract half, as a file of the project.
//!
//! What cannot be undone is no line to paste. The file says what the planner knows; what it cannot know, which version of somebody else does without
//! the old half, it leaves open, and a plan of it is refused until a person has said it.

use crate::contract::using;
use crate::site::Site;
use glidepath_model::Millis;
use glidepath_model::catalog::{Catalog, Target};
use glidepath_model::change::{Change, ContractStep, DataStep, Item, ItemKind};
use glidepath_model::ids::{ChangeName, ComponentName, NAME_BYTES_MAX, Version};
use glidepath_model::plan::{FollowUp, FollowUpFile};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Ending of the name of a change that follows.
const ENDING: &str = "-contract";

/// The contracts of a change as one change that follows; `None` where it has none.
pub(super) fn contract(change: &Change, catalog: &Catalog, sites: &[Site<'_>]) -> Option<FollowUp> {
    let parts: Vec<(&Item, &ContractStep)> = change
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Schema { contract: Some(contract), .. } => Some((item, contract)),
            _ => None,
        })
        .collect();
    let components = parts.iter().map(|(item, _)| item.component.as_str()).collect::<Vec<_>>().join(", ");
    let not_before_ms = parts.iter().map(|(_, contract)| contract.not_before_ms).max()?;
    let name = follower(&change.name);
    let owner =
        sites.iter().find(|site| parts.iter().any(|(item, _)| item.component == site.target.component)).and_then(|s| s.owner.clone());
    Some(FollowUp {
        title: format!("Contract the schema of {components}: one-way, as a change of its own with its own approval"),
        not_before_ms,
        command: format!("glidepath plan {name}"),
        owner,
        file: Some(FollowUpFile { name: format!("{name}.yaml"), text: text(change, &name, &parts, catalog) }),
    })
}

/// Name of the change that follows.
fn follower(change: &ChangeName) -> String {
    let base = change.as_str();
    let mut end = base.len().min(NAME_BYTES_MAX - ENDING.len());
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ENDING}", &base[..end])
}

fn text(change: &Change, name: &str, parts: &[(&Item, &ContractStep)], catalog: &Catalog) -> String {
    let mut out = String::new();
    let environments = change.environments.iter().map(|name| quoted(name.as_str())).collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        out,
        "# What nobody needs any more once {} has landed everywhere. One-way: look at `readers` before it is planned.",
        change.name
    );
    let _ = writeln!(out, "apiVersion: glidepath.dev/v1\nkind: Change\nmetadata: {{ name: {} }}\nspec:", quoted(name));
    let _ = writeln!(out, "  title: {}", quoted(&format!("Contract after: {}", change.title)));
    let _ = writeln!(out, "  environments: [ {environments} ]");
    if let Some(owner) = &change.owner {
        let _ = writeln!(out, "  owner: {}", quoted(owner.as_str()));
    }
    let _ = writeln!(out, "  items:");
    for (item, contract) in parts {
        let what = match &contract.step {
            DataStep::Sql { path, .. } => format!("sql: {}", quoted(path)),
            DataStep::Exec { argv } => {
                format!("exec: {{ argv: [ {} ] }}", argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
            }
        };
        let _ = writeln!(
            out,
            "    - component: {}\n      type: contract\n      of: {}",
            quoted(item.component.as_str()),
            quoted(change.name.as_str())
        );
        let _ = writeln!(out, "      contract: {{ {what}, notBefore: {} }}", written(contract.not_before_ms));
        let is_untested = |target: &Target| {
            target.component == item.component && change.environments.contains(&target.environment) && target.restore_test.is_none()
        };
        if catalog.targets.values().any(is_untested) {
            let _ = writeln!(out, "      # When its backup was last restored in a test, as not every target declares restoreTest.");
            let _ = writeln!(out, "      # restoreTested: {{ at: TIME, evidence: WHERE }}");
        }
        readers(&mut out, change, item, catalog);
    }
    out
}

/// Who uses the data: with its new version where the change brings one, as an open question where not.
fn readers(out: &mut String, change: &Change, item: &Item, catalog: &Catalog) {
    let brought: BTreeMap<&ComponentName, &Version> = change
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Version { to, .. } => Some((&item.component, to)),
            _ => None,
        })
        .collect();
    let (known, open): (Vec<&ComponentName>, Vec<&ComponentName>) =
        using(&item.component, catalog).collect::<BTreeSet<_>>().into_iter().partition(|user| brought.contains_key(user));
    let _ = writeln!(out, "      # For each component that uses {}, the first version that does without what goes.", item.component);
    if known.is_empty() {
        let _ = writeln!(out, "      # readers:");
    } else {
        let _ = writeln!(out, "      readers:");
    }
    for user in known {
        let _ = writeln!(out, "        {}: {}", quoted(user.as_str()), quoted(brought[user].as_str()));
    }
    for user in open {
        let _ = writeln!(out, "        # {}: VERSION", quoted(user.as_str()));
    }
}

/// A text as YAML takes it whatever is in it: JSON is YAML.
fn quoted(text: &str) -> String {
    let is_plain = text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && text.starts_with(|c: char| c.is_ascii_lowercase());
    let means_itself = !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_plain && means_itself { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// A length of time as files have it.
fn written(length: Millis) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = UNITS.iter().find(|(size, _)| length.0 >= *size && length.0.is_multiple_of(*size));
    unit.map_or_else(|| format!("{}ms", length.0), |(size, unit)| format!("{}{unit}", length.0 / size))
}

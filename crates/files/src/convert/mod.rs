//! Checked documents into the model, with references resolved. Order: settings, entities, rules, targets, objectives,
//! calendars, changes, runbooks, rehearsals, templates; each may refer to those before it.

mod access;
mod actions;
mod alerts;
mod calendars;
mod changes;
mod condition;
mod config;
mod data;
mod entities;
mod graph;
mod indicators;
mod kayenta;
mod locks;
mod merge;
mod metrics;
mod moves;
mod objectives;
mod periods;
mod policy;
mod rehearsals;
mod runbooks;
mod runways;
mod sides;
mod targets;
mod templates;
mod thresholds;
mod values;
mod variants;

pub use variants::{AS_WRITTEN, Variant};

use crate::codes;
use crate::document::Document;
use crate::findings::{Findings, Source, suggest};
use crate::game_day::GameDay;
use crate::node::{At, Node};
use crate::shapes::Kind;
use crate::template::Template;
use changes::Changes;
use glidepath_model::change::Change;
use glidepath_model::{Catalog, ChangeName, EnvironmentName, Millis, OwnerRef, Runbook, RunbookName, Share, Timestamp};
use std::collections::BTreeMap;

/// What all conversions need.
pub(crate) struct Context<'a, 's> {
    documents: &'a [Document],
    companion: &'a dyn Fn(&str) -> Result<String, String>,
    findings: &'a mut Findings<'s>,
}

impl<'a, 's> Context<'a, 's> {
    pub(crate) fn new(
        documents: &'a [Document],
        companion: &'a dyn Fn(&str) -> Result<String, String>,
        findings: &'a mut Findings<'s>,
    ) -> Self {
        Self { documents, companion, findings }
    }

    /// Documents of a kind that have a name; the second of two with one name is reported and left out.
    fn named(&mut self, kinds: &[Kind]) -> Vec<&'a Document> {
        let documents = self.documents;
        let mut first: BTreeMap<&str, &Document> = BTreeMap::new();
        let mut named = Vec::new();
        for document in documents.iter().filter(|d| kinds.contains(&d.kind) && !d.name.is_empty()) {
            match first.get(document.name.as_str()) {
                Some(earlier) => self.name_taken(document, earlier),
                None => {
                    first.insert(&document.name, document);
                    named.push(document);
                }
            }
        }
        named
    }

    fn name_taken(&mut self, document: &Document, earlier: &Document) {
        let place = self.findings.show(earlier.name_at);
        let message = format!("{} `{}` is declared in {place} already", document.kind.name(), document.name);
        let reason = "References by this name could mean either.";
        self.findings.error(document.name_at, "metadata.name", codes::DUPLICATE_NAME, message, reason, "Rename or remove one of them.");
    }

    /// The text of a file named by another, or nothing and a finding.
    fn companion(&mut self, at: At, field: &str, path: &str) -> Option<String> {
        if !crate::scalar::is_inside(path) {
            return None;
        }
        match (self.companion)(path) {
            Ok(text) if !text.trim().is_empty() => Some(text),
            outcome => {
                let why = outcome.err().unwrap_or_else(|| "it is empty".to_owned());
                let message = format!("file `{path}` cannot be used: {why}");
                let reason = "What it holds becomes part of the plan.";
                self.findings.error(at, field, codes::COMPANION_UNREADABLE, message, reason, "Paths are relative to the project's root.");
                None
            }
        }
    }

    /// Reports a reference to something that is not there.
    fn unknown<'n>(
        &mut self,
        node: &Node,
        field: &str,
        code: glidepath_model::Code,
        what: &str,
        names: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let text = node.text().unwrap_or_default();
        let hint = suggest(text, names);
        let reason = "The reference leads nowhere.";
        self.findings.error(node.at, field, code, format!("there is no {what} `{text}`"), reason, hint);
    }

    /// Environments named in a list, known ones only; unknown ones are reported.
    fn environments(&mut self, spec: &Node, catalog: &Catalog) -> Vec<EnvironmentName> {
        let mut known = Vec::new();
        for (at, node) in spec.items_of("environments").iter().enumerate() {
            let Some(text) = node.text() else { continue };
            match catalog.environment(&text.into()) {
                Some(_) => known.push(text.into()),
                None => self.unknown(node, &format!("spec.environments[{at}]"), codes::UNKNOWN_ENVIRONMENT, "environment", names(catalog)),
            }
        }
        known
    }
}

/// What the documents come to.
pub(crate) struct Converted {
    pub(crate) catalog: Catalog,
    pub(crate) changes: BTreeMap<ChangeName, Change>,
    pub(crate) change_files: BTreeMap<ChangeName, String>,
    pub(crate) variants: BTreeMap<ChangeName, Vec<Variant>>,
    pub(crate) runbooks: BTreeMap<RunbookName, Runbook>,
    pub(crate) runbook_files: BTreeMap<RunbookName, String>,
    pub(crate) game_days: BTreeMap<String, GameDay>,
    pub(crate) templates: BTreeMap<String, Template>,
}

/// Everything the documents say.
pub(crate) fn all(context: &mut Context<'_, '_>, sources: &[Source]) -> Converted {
    let mut catalog = Catalog::default();
    config::read(context, &mut catalog);
    entities::read(context, &mut catalog);
    policy::read(context, &mut catalog);
    targets::read(context, &mut catalog);
    graph::check_cycles(context, &catalog);
    objectives::read(context, &mut catalog);
    calendars::read(context, &mut catalog);
    let Changes { changes, files: change_files, variants } = changes::read(context, &catalog, sources);
    let (runbooks, runbook_files) = runbooks::read(context, &catalog, sources);
    let game_days = rehearsals::read(context, &changes, &runbooks);
    let templates = templates::read(context);
    Converted { catalog, changes, change_files, variants, runbooks, runbook_files, game_days, templates }
}

fn names(catalog: &Catalog) -> Vec<&str> {
    catalog.environments.iter().map(|e| e.name.as_str()).collect()
}

/// Known owners, written the way the reference is: in short when it is short.
fn owner_names<'c>(catalog: &'c Catalog, reference: &Node) -> Vec<&'c str> {
    let full = reference.text().is_some_and(|t| t.contains(':'));
    catalog.owners.keys().map(|o| if full { o.as_str() } else { entity_name(o.as_str()) }).collect()
}

fn duration(node: &Node, field: &str) -> Option<Millis> {
    node.text_of(field).and_then(Millis::parse)
}

/// A length of time that must be longer than nothing, in a mapping found at the field `path`.
fn longer_than_nothing(context: &mut Context<'_, '_>, node: &Node, field: &str, path: &str) -> Option<Millis> {
    let length = duration(node, field)?;
    if length > Millis::ZERO {
        return Some(length);
    }
    let at = node.get(field).map_or(node.at, |n| n.at);
    let reason = "Within no time nothing can happen.";
    let hint = "Write a length of time such as `30s`, or leave the field out.";
    context.findings.error(at, &format!("{path}.{field}"), codes::BAD_DURATION, format!("`{field}` is no time at all"), reason, hint);
    None
}

fn share(node: &Node, field: &str) -> Option<Share> {
    node.text_of(field).and_then(Share::parse)
}

fn time(node: &Node, field: &str) -> Option<Timestamp> {
    node.text_of(field).and_then(Timestamp::parse)
}

fn boolean(node: &Node, field: &str) -> Option<bool> {
    node.text_of(field).and_then(|t| t.parse().ok())
}

fn text(node: &Node, field: &str) -> Option<String> {
    node.text_of(field).map(str::to_owned)
}

/// Full form of an owner's reference: `payments-team` is `group:default/payments-team`.
fn owner_reference(text: &str) -> OwnerRef {
    let (kind, rest) = text.split_once(':').unwrap_or(("group", text));
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    OwnerRef::new(format!("{}:{namespace}/{name}", kind.to_lowercase()))
}

/// Name at the end of an entity reference: `component:default/auth` is `auth`.
fn entity_name(text: &str) -> &str {
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest);
    rest.rsplit_once('/').map_or(rest, |(_, name)| name)
}

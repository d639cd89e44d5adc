//! Backstage entities: components and resources with their edges, groups and users.

use super::{Context, entity_name, owner_reference, text};
use crate::codes;
use crate::document::Document;
use crate::findings::{nearest, suggest, suggest_meant};
use crate::node::Node;
use crate::shapes::{EMERGENCY_PREFIX, Kind};
use glidepath_model::catalog::{Component, Dependency, EdgeKind, Link, Owner};
use glidepath_model::{Catalog, ComponentName, Diagnostic, OwnerRef};
use std::collections::{BTreeMap, BTreeSet};

const EDGE_KINDS: [(&str, EdgeKind); 5] = [
    ("calls", EdgeKind::Calls),
    ("reads", EdgeKind::Reads),
    ("writes", EdgeKind::Writes),
    ("publishes", EdgeKind::Publishes),
    ("deploys-with", EdgeKind::DeploysWith),
];

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    owners(context, catalog);
    let documents = context.named(&[Kind::Component, Kind::Resource]);
    let systems: BTreeSet<&str> = context.named(&[Kind::System]).iter().map(|d| d.name.as_str()).collect();
    let apis = Apis::new(context, &documents);
    let resources: BTreeSet<&str> = documents.iter().filter(|d| d.kind == Kind::Resource).map(|d| d.name.as_str()).collect();
    let names: BTreeSet<&str> = documents.iter().map(|d| d.name.as_str()).collect();
    let mut components = Vec::new();
    for document in &documents {
        let owner = owner(context, document, catalog);
        let system = system(context, document, &systems);
        let mut depends_on = edges(context, document, &names, &resources);
        for called in apis.called(context, document) {
            if called.as_str() != document.name && !depends_on.iter().any(|d| d.to == called) {
                depends_on.push(Dependency { to: called, kind: EdgeKind::Calls });
            }
        }
        components.push((document.name.as_str().into(), component(document, owner, system, depends_on)));
    }
    catalog.components = components.into_iter().collect();
    reverse_edges(context, &documents, catalog);
    tiers(context, &documents);
}

fn component(document: &Document, owner: Option<OwnerRef>, system: Option<String>, depends_on: Vec<Dependency>) -> Component {
    let none = Node::empty_map(document.root.at);
    let metadata = document.root.get("metadata").unwrap_or(&none);
    let fallback = if document.kind == Kind::Resource { "resource" } else { "service" };
    Component {
        name: document.name.as_str().into(),
        title: text(metadata, "title"),
        description: text(metadata, "description"),
        kind: text(&document.spec, "type").unwrap_or_else(|| fallback.to_owned()),
        lifecycle: text(&document.spec, "lifecycle"),
        owner,
        system,
        tier: document.annotation("glidepath.dev/tier").and_then(Node::text).and_then(|t| t.parse().ok()).filter(|t| (1..=4).contains(t)),
        depends_on,
        links: metadata.items_of("links").iter().filter_map(link).collect(),
    }
}

fn link(node: &Node) -> Option<Link> {
    let url = text(node, "url")?;
    Some(Link { title: text(node, "title").unwrap_or_else(|| url.clone()), url })
}

fn tiers(context: &mut Context<'_, '_>, documents: &[&Document]) {
    for document in documents {
        let Some(node) = document.annotation("glidepath.dev/tier") else { continue };
        if !node.text().and_then(|t| t.parse::<u8>().ok()).is_some_and(|t| (1..=4).contains(&t)) {
            let message = format!("tier `{}` is not 1, 2, 3 or 4", node.text().unwrap_or_default());
            let reason = "The tier says how important a component is; 1 is the most important.";
            context.findings.error(
                node.at,
                "metadata.annotations.glidepath.dev/tier",
                codes::BAD_NUMBER,
                message,
                reason,
                "Write `\"1\"` to `\"4\"`.",
            );
        }
    }
}

fn owner(context: &mut Context<'_, '_>, document: &Document, catalog: &Catalog) -> Option<OwnerRef> {
    let node = document.spec.get("owner")?;
    let reference = owner_reference(node.text()?);
    if !catalog.owners.contains_key(&reference) {
        context.unknown(node, "spec.owner", codes::UNKNOWN_OWNER, "group or user", super::owner_names(catalog, node));
        return None;
    }
    Some(reference)
}

fn system(context: &mut Context<'_, '_>, document: &Document, systems: &BTreeSet<&str>) -> Option<String> {
    let node = document.spec.get("system")?;
    let name = entity_name(node.text()?);
    if !systems.is_empty() && !systems.contains(name) {
        let hint = suggest(name, systems.iter().copied());
        let message = format!("there is no system `{name}`");
        context.findings.warning(node.at, "spec.system", codes::UNKNOWN_SYSTEM, message, "The component stands alone in documents.", hint);
    }
    Some(name.to_owned())
}

/// Edges of `dependsOn`, with the kinds of the annotation `glidepath.dev/edges: "payments-db=writes, auth=calls"`.
fn edges(context: &mut Context<'_, '_>, document: &Document, names: &BTreeSet<&str>, resources: &BTreeSet<&str>) -> Vec<Dependency> {
    let kinds = edge_kinds(context, document);
    let mut edges: Vec<Dependency> = Vec::new();
    for (index, node) in document.spec.items_of("dependsOn").iter().enumerate() {
        let Some(name) = node.text().map(entity_name) else { continue };
        if !names.contains(name) {
            let field = format!("spec.dependsOn[{index}]");
            if context.findings.is_full() {
                context.findings.leave_out();
                continue;
            }
            // It may have meant a component that is changed.
            let meant = nearest(name, names.iter().copied());
            let hint = suggest_meant(meant, names.iter().copied());
            let message = format!("there is no component or resource `{name}`");
            let finding =
                Diagnostic::error(codes::UNKNOWN_COMPONENT, message).because("The order of a change follows these edges.").hint(hint);
            context.findings.stray(node.at, &field, meant.into_iter().chain([document.name.as_str()]).map(Into::into), finding);
            continue;
        }
        // Without a word on it, a resource is taken to be written: the widest meaning is the careful one.
        let fallback = if resources.contains(name) { EdgeKind::Writes } else { EdgeKind::Calls };
        let kind = kinds.get(name).copied().unwrap_or(fallback);
        if !edges.iter().any(|d| d.to.as_str() == name) {
            edges.push(Dependency { to: name.into(), kind });
        }
    }
    unused_kinds(context, document, &kinds, &edges);
    edges
}

fn edge_kinds(context: &mut Context<'_, '_>, document: &Document) -> BTreeMap<String, EdgeKind> {
    let mut kinds = BTreeMap::new();
    let Some(node) = document.annotation("glidepath.dev/edges") else { return kinds };
    for part in node.text().unwrap_or_default().split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (name, word) = part.split_once('=').map_or((part, ""), |(n, w)| (n.trim(), w.trim()));
        match EDGE_KINDS.iter().find(|(known, _)| *known == word) {
            Some((_, kind)) => {
                kinds.insert(entity_name(name).to_owned(), *kind);
            }
            None => {
                let hint = suggest(word, EDGE_KINDS.iter().map(|(known, _)| *known));
                bad_edges(context, node, format!("`{part}` does not name a kind of edge"), hint);
            }
        }
    }
    kinds
}

fn bad_edges(context: &mut Context<'_, '_>, node: &Node, message: String, hint: String) {
    let reason = "Edges are written as `payments-db=writes, auth=calls`.";
    context.findings.error(node.at, "metadata.annotations.glidepath.dev/edges", codes::BAD_EDGES, message, reason, hint);
}

fn unused_kinds(context: &mut Context<'_, '_>, document: &Document, kinds: &BTreeMap<String, EdgeKind>, edges: &[Dependency]) {
    let Some(node) = document.annotation("glidepath.dev/edges") else { return };
    for name in kinds.keys().filter(|name| !edges.iter().any(|d| d.to.as_str() == name.as_str())) {
        let hint = suggest(name, edges.iter().map(|d| d.to.as_str()));
        bad_edges(context, node, format!("`{name}` is not in `dependsOn`"), hint);
    }
}

/// `dependencyOf` of a resource is `dependsOn` seen from the other side.
fn reverse_edges(context: &mut Context<'_, '_>, documents: &[&Document], catalog: &mut Catalog) {
    for document in documents {
        for (index, node) in document.spec.items_of("dependencyOf").iter().enumerate() {
            let Some(name) = node.text().map(entity_name) else { continue };
            match catalog.components.get_mut(&ComponentName::from(name)) {
                Some(user) if user.depends_on.iter().any(|d| d.to.as_str() == document.name) => {}
                Some(user) => user.depends_on.push(Dependency { to: document.name.as_str().into(), kind: EdgeKind::Writes }),
                None => {
                    let field = format!("spec.dependencyOf[{index}]");
                    context.unknown(node, &field, codes::UNKNOWN_COMPONENT, "component", documents.iter().map(|d| d.name.as_str()));
                }
            }
        }
    }
}

/// Interfaces and who provides them.
struct Apis<'a> {
    declared: BTreeSet<&'a str>,
    providers: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Apis<'a> {
    fn new(context: &mut Context<'a, '_>, documents: &[&'a Document]) -> Self {
        let declared: BTreeSet<&str> = context.named(&[Kind::Api]).iter().map(|d| d.name.as_str()).collect();
        let mut providers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for document in documents {
            for (index, node) in document.spec.items_of("providesApis").iter().enumerate() {
                let Some(name) = node.text().map(entity_name) else { continue };
                if !declared.contains(name) {
                    context.unknown(node, &format!("spec.providesApis[{index}]"), codes::UNKNOWN_API, "API", declared.iter().copied());
                }
                providers.entry(name).or_default().push(&document.name);
            }
        }
        Self { declared, providers }
    }

    /// Components whose interfaces a component calls.
    fn called(&self, context: &mut Context<'_, '_>, document: &Document) -> Vec<ComponentName> {
        let mut called = Vec::new();
        for (index, node) in document.spec.items_of("consumesApis").iter().enumerate() {
            let Some(name) = node.text().map(entity_name) else { continue };
            match self.providers.get(name) {
                Some(providers) => called.extend(providers.iter().map(|p| ComponentName::from(*p))),
                None if self.declared.contains(name) => {}
                None => {
                    context.unknown(node, &format!("spec.consumesApis[{index}]"), codes::UNKNOWN_API, "API", self.declared.iter().copied())
                }
            }
        }
        called
    }
}

fn owners(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    for kind in [Kind::Group, Kind::User] {
        for document in context.named(&[kind]) {
            let prefix = if kind == Kind::Group { "group" } else { "user" };
            let namespace = document.root.dig(&["metadata", "namespace"]).and_then(Node::text).unwrap_or("default");
            let reference = OwnerRef::new(format!("{prefix}:{namespace}/{}", document.name));
            catalog.owners.insert(reference.clone(), contact(document, reference));
        }
    }
    members(context, catalog);
}

fn contact(document: &Document, reference: OwnerRef) -> Owner {
    let annotation = |name: &str| document.annotation(name).and_then(Node::text).map(str::to_owned);
    let profile = |field: &str| document.spec.dig(&["profile", field]).and_then(Node::text).map(str::to_owned);
    let annotations = document.root.dig(&["metadata", "annotations"]).map_or(&[][..], Node::entries);
    let emergency =
        annotations.iter().filter_map(|e| Some((e.key.strip_prefix(EMERGENCY_PREFIX)?.to_owned(), e.value.text()?.to_owned()))).collect();
    let members = document.spec.items_of("members").iter().filter_map(Node::text);
    Owner {
        reference,
        display_name: profile("displayName"),
        email: profile("email"),
        chat: annotation("glidepath.dev/chat"),
        on_call_primary: annotation("glidepath.dev/on-call-primary"),
        on_call_secondary: annotation("glidepath.dev/on-call-secondary"),
        escalation: annotation("glidepath.dev/escalation"),
        members: members.map(|m| owner_reference(&if m.contains(':') { m.to_owned() } else { format!("user:{m}") })).collect(),
        emergency,
    }
}

/// `memberOf` of a user is `members` seen from the other side.
fn members(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    for document in context.documents.iter().filter(|d| d.kind == Kind::User && !d.name.is_empty()) {
        let namespace = document.root.dig(&["metadata", "namespace"]).and_then(Node::text).unwrap_or("default");
        let user = OwnerRef::new(format!("user:{namespace}/{}", document.name));
        for (index, node) in document.spec.items_of("memberOf").iter().enumerate() {
            let Some(group) = node.text().map(owner_reference) else { continue };
            match catalog.owners.get_mut(&group) {
                Some(owner) if owner.members.contains(&user) => {}
                Some(owner) => owner.members.push(user.clone()),
                None => {
                    let known: Vec<&str> = catalog.owners.keys().map(OwnerRef::as_str).collect();
                    context.unknown(node, &format!("spec.memberOf[{index}]"), codes::UNKNOWN_OWNER, "group", known);
                }
            }
        }
    }
}

//! Targets with their classes merged in.

use super::actions::template;
use super::sides;
use super::{
    Context, boolean, duration, kayenta, locks, longer_than_nothing, merge, metrics, moves, names, runways, text, thresholds, values,
};
use crate::codes;
use crate::document::Document;
use crate::inventory;
use crate::node::{At, Entry, Node, Value};
use crate::scalar;
use crate::shapes::Kind;
use glidepath_model::catalog::*;
use glidepath_model::plan::{Breaker, Rate};
use glidepath_model::{Catalog, ComponentName, EnvironmentName, HostName, Millis, Money, TargetName, is_host_name};
use std::collections::{BTreeMap, BTreeSet};

const LOCK_TIMEOUT_DEFAULT: Millis = Millis::from_secs(5);
const STATEMENT_TIMEOUT_DEFAULT: Millis = Millis::from_mins(15);
/// Name of the one region of a target that names none.
const REGION_DEFAULT: &str = "default";

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    let mut classes = merge::classes(context);
    let assume_components = catalog.components.is_empty();
    let mut targets = Vec::new();
    let mut places: BTreeMap<(ComponentName, EnvironmentName), &Document> = BTreeMap::new();
    for document in context.named(&[Kind::Target]) {
        let spec = merge::merged(context, document, &mut classes);
        let Some(component) = component(context, &spec, catalog, assume_components) else { continue };
        let Some(environment) = environment(context, document, &spec, catalog) else { continue };
        if let Some(earlier) = places.get(&(component.clone(), environment.clone())) {
            let message = format!(
                "target `{}` in {} is for `{component}` in `{environment}` already",
                earlier.name,
                context.findings.show(earlier.name_at)
            );
            let reason = "A change would not know which of them to take.";
            context.findings.error(
                document.name_at,
                "spec.component",
                codes::TWO_TARGETS,
                message,
                reason,
                "Merge them, or correct the component or environment of one.",
            );
            continue;
        }
        places.insert((component.clone(), environment.clone()), document);
        let spec = filled(spec, &[("{component}", component.as_str()), ("{environment}", environment.as_str())]);
        let (spec, runway) = runways::written_out(context, spec);
        let target = Target { runway, ..target(context, document, &spec, component, environment) };
        check(context, document, &spec, &target);
        targets.push((target.name.clone(), target));
    }
    // Built at once, its nodes are full: one after the other, they would be half empty.
    catalog.targets = targets.into_iter().collect();
    merge::report_unused(context, &classes);
}

/// The component; where the project declares none at all, a target's word is enough.
fn component(context: &mut Context<'_, '_>, spec: &Node, catalog: &mut Catalog, assume: bool) -> Option<ComponentName> {
    let node = spec.get("component")?;
    let name = ComponentName::from(node.text()?);
    if catalog.components.contains_key(&name) {
        return Some(name);
    }
    if !assume {
        context.unknown(
            node,
            "spec.component",
            codes::UNKNOWN_COMPONENT,
            "component or resource",
            catalog.components.keys().map(ComponentName::as_str),
        );
        return None;
    }
    let assumed = Component {
        name: name.clone(),
        title: None,
        description: None,
        kind: "service".to_owned(),
        lifecycle: None,
        owner: None,
        system: None,
        tier: None,
        depends_on: Vec::new(),
        links: Vec::new(),
    };
    catalog.components.insert(name.clone(), assumed);
    Some(name)
}

pub(super) fn environment(context: &mut Context<'_, '_>, document: &Document, spec: &Node, catalog: &Catalog) -> Option<EnvironmentName> {
    match (spec.get("environment"), catalog.environments.as_slice()) {
        (Some(node), environments) => {
            let name = EnvironmentName::from(node.text()?);
            // Without any environment the Config itself is at fault, which has been said.
            if catalog.environment(&name).is_none() && !environments.is_empty() {
                context.unknown(node, "spec.environment", codes::UNKNOWN_ENVIRONMENT, "environment", names(catalog));
                return None;
            }
            Some(name)
        }
        (None, [only]) => Some(only.name.clone()),
        (None, _) => {
            let message = format!("{} `{}` has no `environment`", document.kind.name().to_lowercase(), document.name);
            let hint = crate::findings::suggest("", names(catalog));
            context.findings.error(
                document.name_at,
                "spec.environment",
                codes::MISSING_FIELD,
                message,
                "The project has several environments.",
                hint,
            );
            None
        }
    }
}

/// The tree with texts replaced in every scalar.
fn filled(mut node: Node, values: &[(&str, &str)]) -> Node {
    match &mut node.value {
        Value::Empty => {}
        Value::Scalar(text) => {
            for (from, to) in values.iter().filter(|_| text.contains('{')).copied().collect::<Vec<_>>() {
                *text = text.replace(from, to);
            }
        }
        Value::List(items) => {
            for item in items.iter_mut() {
                let taken = std::mem::replace(item, Node { value: Value::Empty, at: item.at });
                *item = filled(taken, values);
            }
        }
        Value::Map(entries) => {
            for entry in entries.iter_mut() {
                let taken = std::mem::replace(&mut entry.value, Node { value: Value::Empty, at: entry.key_at });
                entry.value = filled(taken, values);
            }
        }
    }
    node
}

fn target(
    context: &mut Context<'_, '_>,
    document: &Document,
    spec: &Node,
    component: ComponentName,
    environment: EnvironmentName,
) -> Target {
    let database = spec.get("database").and_then(|node| database(context, node, "spec.database"));
    let mut action = |field: &str| template(context, spec.get(field), &format!("spec.{field}"), database.as_ref());
    let (deploy, undo, health) = (action("deploy"), action("undo"), action("health"));
    let [stop, backup, flag, reload, restore_test] =
        ["stop", "backup", "flag", "reload", "restoreTest"].map(|field| action(field).map(Box::new));
    let replace = spec.get("replace").and_then(|node| {
        let mut action = |field: &str| template(context, node.get(field), &format!("spec.replace.{field}"), database.as_ref());
        let warm_up_ms = duration(node, "warmUp").unwrap_or_default();
        Some(Replacement { drain: action("drain"), admit: action("admit"), host: action("host")?, warm_up_ms })
    });
    let scale = spec.get("scale").and_then(|node| {
        let mut action = |field: &str| template(context, node.get(field), &format!("spec.scale.{field}"), database.as_ref());
        Some(Scaling { read: action("read"), set: action("set")?, warm_up_ms: duration(node, "warmUp").unwrap_or_default() })
    });
    let side = spec.get("side").map(|node| sides::side(context, node, database.as_ref()));
    let failover = moves::declared_failover(context, spec, database.as_ref());
    let shares = moves::declared_shares(context, spec, database.as_ref());
    let rotate = spec.get("rotate").map(|node| {
        let mut action = |field: &str| template(context, node.get(field), &format!("spec.rotate.{field}"), database.as_ref());
        Rotation {
            make: action("make"),
            discard: action("discard"),
            install: action("install"),
            restore: action("restore"),
            verify: action("verify"),
            retire: action("retire"),
        }
    });
    let outcomes = sides::outcomes(context, spec, database.as_ref());
    let flag_read = template(context, spec.dig(&["flag", "read"]), "spec.flag.read", database.as_ref()).map(Box::new);
    let version_probe = template(context, spec.dig(&["version", "probe"]), "spec.version.probe", database.as_ref());
    let signals = spec.get("signals").map(|node| signals(context, node));
    let metrics = metrics::read(context, spec, signals.as_ref());
    let (regions, regions_assumed) = regions(context, spec, database.as_ref());
    Target {
        name: TargetName::from(document.name.as_str()),
        component,
        environment,
        infrastructure: infrastructure(spec),
        runway: None,
        regions,
        regions_assumed,
        version_probe,
        deploy,
        undo,
        stop,
        health,
        backup,
        restore_test,
        flag,
        flag_read,
        reload,
        replace: replace.map(Box::new),
        scale: scale.map(Box::new),
        side: side.map(Box::new),
        failover: failover.map(Box::new),
        shares: shares.map(Box::new),
        rotate: rotate.map(Box::new),
        outcomes,
        database,
        traffic: traffic(spec),
        signals,
        metrics_access: metrics.access,
        metrics_json: metrics.json,
        metrics_url: metrics.url,
        replica_capacity: spec.dig(&["capacity", "replica"]).and_then(Node::text).and_then(scalar::rate),
        restart_ms: duration(spec, "restart"),
        replica_hour: spec.dig(&["cost", "replicaHour"]).and_then(Node::text).and_then(Money::parse),
        strategies_allowed: spec.texts_of("strategies"),
        rate: rate(context, spec),
        breaker: breaker(context, spec),
        locks: locks::read(context, spec),
        declared_at: Some(format!("{}:{}", context.findings.file(document.name_at), document.name_at.line)),
    }
}

fn rate(context: &mut Context<'_, '_>, spec: &Node) -> Option<Rate> {
    let node = spec.dig(&["limits", "starts"])?;
    let (starts_max, per_ms) = match node.text() {
        Some(text) => scalar::starts(text)?,
        None => {
            let count = node.text_of("count")?.parse().ok()?;
            (count, longer_than_nothing(context, node, "per", "spec.limits.starts")?)
        }
    };
    Some(Rate { starts_max, per_ms })
}

fn breaker(context: &mut Context<'_, '_>, spec: &Node) -> Option<Breaker> {
    let node = spec.dig(&["limits", "breaker"])?;
    let field = "spec.limits.breaker";
    let (within, open) = (longer_than_nothing(context, node, "within", field), longer_than_nothing(context, node, "open", field));
    Some(Breaker { failures_max: node.text_of("failures")?.parse().ok()?, within_ms: within?, open_ms: open? })
}

fn infrastructure(spec: &Node) -> Infrastructure {
    match spec.text_of("infrastructure") {
        Some("container") => Infrastructure::Container,
        Some("kubernetes") => Infrastructure::Kubernetes,
        Some("serverless") => Infrastructure::Serverless,
        Some("database") => Infrastructure::Database,
        Some("edge") => Infrastructure::Edge,
        _ => Infrastructure::Vm,
    }
}

/// A database as declared on a target or in a step.
pub(super) fn database(context: &mut Context<'_, '_>, node: &Node, field: &str) -> Option<Database> {
    let (engine, connection) = (text(node, "engine")?, node.get("connection")?);
    let path_allowed = engine == "sqlite";
    let connection_text = connection.text()?;
    if !(scalar::is_secret(connection_text) || path_allowed && connection_text.starts_with("path:")) {
        let hint = if path_allowed { "Write `path:FILE`, `env:NAME` or `file:PATH`." } else { "Write `env:NAME` or `file:PATH`." };
        let reason = "A connection string holds a password, and secrets are never written in files.";
        context.findings.error(
            connection.at,
            &format!("{field}.connection"),
            codes::BAD_SECRET,
            "not a reference to a connection string",
            reason,
            hint,
        );
    }
    Some(Database {
        engine,
        connection: connection_text.to_owned(),
        lock_timeout_ms: duration(node, "lockTimeout").unwrap_or(LOCK_TIMEOUT_DEFAULT),
        statement_timeout_ms: duration(node, "statementTimeout").unwrap_or(STATEMENT_TIMEOUT_DEFAULT),
        tables: node.get("tables").map(Node::entries).unwrap_or_default().iter().filter_map(table).collect(),
    })
}

fn table(entry: &Entry) -> Option<(String, TableSize)> {
    let number = |field: &str| entry.value.text_of(field).and_then(|text| text.parse::<u64>().ok());
    let bytes = number("megabytes")?.saturating_mul(1_000_000);
    Some((entry.key.clone(), TableSize { bytes, rows: number("rows") }))
}

fn traffic(spec: &Node) -> Option<TrafficSource> {
    let node = spec.get("traffic")?;
    match node.text() {
        Some(literal) => scalar::rate(literal).map(TrafficSource::Assumed),
        None => text(node, "query").map(TrafficSource::Query),
    }
}

fn signals(context: &mut Context<'_, '_>, node: &Node) -> Signals {
    let selector = |node: &Node, field: &str| node.text_of(field).and_then(|t| Selector::parse(t).ok());
    let errors = node.dig(&["errors", "ratio"]).and_then(|r| Some(ErrorRatio { bad: selector(r, "bad")?, total: selector(r, "total")? }));
    let slow = node
        .dig(&["slow", "above"])
        .and_then(|a| Some(SlowRatio { histogram: selector(a, "histogram")?, limit_ms: duration(a, "limit")? }));
    Signals {
        split: node.get("split").and_then(split),
        errors,
        slow,
        thresholds: thresholds::read(context, node),
        values: values::read(context, node),
        kayenta: kayenta::read(context, node).map(Box::new),
    }
}

fn split(node: &Node) -> Option<Split> {
    Some(Split {
        label: text(node, "label")?,
        canary: text(node, "canary").unwrap_or_else(|| "{version}".to_owned()),
        baseline: text(node, "baseline").unwrap_or_else(|| "{from}".to_owned()),
        host: node.get("host").and_then(|node| {
            Some(HostLabel { label: text(node, "label")?, value: text(node, "value").unwrap_or_else(|| "{host}".to_owned()) })
        }),
        concurrent_baseline: boolean(node, "concurrentBaseline").unwrap_or(false),
    })
}

fn regions(context: &mut Context<'_, '_>, spec: &Node, database: Option<&Database>) -> (Vec<Region>, bool) {
    let shared = spec.get("router");
    let shared_share = shared.and_then(|node| sides::share_router(context, node, "spec.router", database));
    let router_of_all = |region: &str| haproxy(shared, region).or_else(|| shared_share.clone());
    let declared = spec.items_of("regions");
    if declared.is_empty() {
        let hosts = hosts(context, spec.get("hosts"), "spec.hosts");
        let region = Region {
            name: REGION_DEFAULT.into(),
            hosts,
            standby: Vec::new(),
            router: router_of_all(REGION_DEFAULT),
            pair: None,
            zones: BTreeMap::new(),
        };
        return (vec![region], true);
    }
    let mut regions: Vec<Region> = Vec::new();
    for (index, node) in declared.iter().enumerate() {
        let Some(name_node) = node.get("name") else { continue };
        let Some(name) = name_node.text() else { continue };
        let field = format!("spec.regions[{index}]");
        if regions.iter().any(|r| r.name.as_str() == name) {
            let message = format!("region `{name}` stands twice");
            context.findings.error(
                name_node.at,
                &format!("{field}.name"),
                codes::DUPLICATE_NAME,
                message,
                "A wave changes a region once.",
                "Put all its hosts into one entry.",
            );
            continue;
        }
        let (in_zones, zones) = hosts_by_zone(node.get("zones"));
        let own = node.get("router");
        let own_share = own.and_then(|node| sides::share_router(context, node, &format!("{field}.router"), database));
        regions.push(Region {
            name: name.into(),
            hosts: in_zones.into_iter().chain(hosts(context, node.get("hosts"), &format!("{field}.hosts"))).collect(),
            standby: hosts(context, node.get("standby"), &format!("{field}.standby")),
            router: if own.is_some() { haproxy(own, name).or(own_share) } else { router_of_all(name) },
            pair: node.text_of("pair").map(Into::into),
            zones,
        });
    }
    (regions, false)
}

/// Hosts in the order of their zones, and the zone of each.
fn hosts_by_zone(node: Option<&Node>) -> (Vec<HostName>, BTreeMap<HostName, String>) {
    let entries = node.map(Node::entries).unwrap_or_default();
    let placed = entries
        .iter()
        .flat_map(|zone| zone.value.items().iter().filter_map(Node::text).map(|host| (HostName::from(host), zone.key.clone())));
    let placed: Vec<(HostName, String)> = placed.collect();
    (placed.iter().map(|(host, _)| host.clone()).collect(), placed.into_iter().collect())
}

fn haproxy(node: Option<&Node>, region: &str) -> Option<Router> {
    let haproxy = node?.get("haproxy")?;
    let filled = |field: &str| haproxy.text_of(field).map(|t| t.replace("{region}", region));
    Some(Router::Haproxy {
        socket: filled("socket")?,
        backend: filled("backend")?,
        server: filled("server").unwrap_or_else(|| "{host}".to_owned()),
    })
}

fn hosts(context: &mut Context<'_, '_>, node: Option<&Node>, field: &str) -> Vec<HostName> {
    let Some(node) = node else { return Vec::new() };
    let (Some(path), Some(group)) = (node.get("inventory"), node.text_of("group")) else {
        return node.items().iter().filter_map(Node::text).map(HostName::from).collect();
    };
    let Some(file) = path.text().and_then(|p| context.companion(path.at, &format!("{field}.inventory"), p)) else { return Vec::new() };
    match inventory::hosts(&file, group) {
        Ok(hosts) => hosts.into_iter().map(HostName::new).collect(),
        Err(why) => {
            let message = format!("inventory `{}` cannot be used: {why}", path.text().unwrap_or_default());
            let at = node.get("group").map_or(node.at, |g| g.at);
            context.findings.error(
                at,
                &format!("{field}.group"),
                codes::BAD_INVENTORY,
                message,
                "The hosts of the target come from it.",
                "Name a group that the inventory has.",
            );
            Vec::new()
        }
    }
}

fn check(context: &mut Context<'_, '_>, document: &Document, spec: &Node, target: &Target) {
    check_pairs(context, spec, target);
    check_hosts(context, spec, target);
    sides::check(context, spec, target);
    if target.deploy.is_some() && target.hosts().next().is_none() {
        let broken = spec.get("hosts").is_some() || spec.items_of("regions").iter().any(|r| r.get("hosts").or(r.get("zones")).is_some());
        if !broken {
            let message = format!("target `{}` has no hosts", target.name);
            context.findings.error(
                document.name_at,
                "spec.hosts",
                codes::TARGET_LACKS,
                message,
                "A deploy command is called once for each host.",
                "Add `hosts: [ ... ]`, or `regions:` with hosts.",
            );
        }
    }
    if target.deploy.is_some() && target.health.is_none() && spec.get("health").is_none() {
        let message = format!("target `{}` has no `health`", target.name);
        let reason = "Nothing would tell whether a host works after it was changed.";
        context.findings.warning(
            document.name_at,
            "spec.health",
            codes::NO_HEALTH,
            message,
            reason,
            "Add `health: { http: { url: \"http://{host}:8080/healthz\" } }` or an `exec`.",
        );
    }
}

fn check_host_names(context: &mut Context<'_, '_>, spec: &Node, target: &Target) {
    // Those of an inventory stand in a file of their own; they are shown where it is named.
    for host in
        target.regions.iter().flat_map(|region| region.hosts.iter().chain(&region.standby)).filter(|host| !is_host_name(host.as_str()))
    {
        let at = spec.get("hosts").or(spec.get("regions")).map_or(spec.at, |node| place_of(node, host.as_str()).unwrap_or(node.at));
        let message = format!("`{host}` is not the name of a host");
        context.findings.error(
            at,
            "spec.hosts",
            codes::BAD_NAME,
            message,
            "It fills `{host}` in commands, where a space, a quote or a leading dash would make other words of it.",
            "Use up to 253 letters, digits and `.`, `-`, `_`, `:`, `/`, `@`, `[`, `]`, beginning with a letter, a digit, `_` or `[`.",
        );
    }
}

/// Where a text stands below a node.
fn place_of(node: &Node, text: &str) -> Option<At> {
    if node.text() == Some(text) {
        return Some(node.at);
    }
    let entries = node.entries().iter().map(|entry| &entry.value);
    node.items().iter().chain(entries).find_map(|below| place_of(below, text))
}

fn check_hosts(context: &mut Context<'_, '_>, spec: &Node, target: &Target) {
    check_host_names(context, spec, target);
    let mut seen = BTreeSet::new();
    let lists = spec
        .get("hosts")
        .into_iter()
        .chain(spec.items_of("regions").iter().flat_map(|r| r.get("hosts").into_iter().chain(r.get("standby"))));
    for node in lists.flat_map(Node::items) {
        let Some(host) = node.text() else { continue };
        if !seen.insert(host) {
            let message = format!("host `{host}` stands twice in target `{}`", target.name);
            context.findings.error(
                node.at,
                "spec.regions",
                codes::HOST_TWICE,
                message,
                "It would be changed and counted twice.",
                "Remove one of them.",
            );
        }
    }
}

fn check_pairs(context: &mut Context<'_, '_>, spec: &Node, target: &Target) {
    for (index, node) in spec.items_of("regions").iter().enumerate() {
        let (Some(name), Some(pair)) = (node.text_of("name"), node.get("pair")) else { continue };
        let field = format!("spec.regions[{index}].pair");
        let Some(other) = target.regions.iter().find(|r| Some(r.name.as_str()) == pair.text()) else {
            context.unknown(
                pair,
                &field,
                codes::UNKNOWN_REGION,
                "region",
                target.regions.iter().map(|r| r.name.as_str()).filter(|r| *r != name),
            );
            continue;
        };
        // A pair that names no region at all is reported where it stands.
        if other.pair.as_ref().is_some_and(|p| !target.regions.iter().any(|r| r.name == *p)) {
            continue;
        }
        if other.name.as_str() == name || other.pair.as_ref().map(|p| p.as_str()) != Some(name) {
            let message = match &other.pair {
                _ if other.name.as_str() == name => format!("region `{name}` is paired with itself"),
                Some(third) => format!("`{name}` is paired with `{}`, which is paired with `{third}`", other.name),
                None => format!("`{name}` is paired with `{}`, which names no pair", other.name),
            };
            let hint = format!("Write `pair: {name}` on the other region of the pair.");
            context.findings.error(
                pair.at,
                &field,
                codes::PAIR_NOT_MUTUAL,
                message,
                "Regions of one pair never change at the same time, which holds for both.",
                hint,
            );
        }
    }
}

//! Short forms of common infrastructure, written out as the actions they stand for.
//!
//! Each command is absolute, so that a second call does no harm, and names its place in full: no current context, no default namespace. What the
//! target writes itself wins over what its short form stands for.

use super::Context;
use crate::codes;
use crate::node::{At, Entry, Node, Value};
use glidepath_model::Millis;
use glidepath_model::catalog::Runway;

/// How long one look at a rollout waits at most; the step repeats it until its own time is over.
const LOOK_WAITS_MAX: Millis = Millis::from_secs(20);
/// Deadline of such a look.
const LOOK_TIMEOUT: &str = "30s";
/// How long a rollout may take where nothing is said.
const ROLLOUT_DEFAULT: &str = "10m";
/// Region of a target that names none.
const REGION_PLACE: &str = "{region}";

/// The short form of a target, if it has one, and the target with it written out.
pub(super) fn written_out(context: &mut Context<'_, '_>, mut spec: Node) -> (Node, Option<Runway>) {
    let there: Vec<Runway> = Runway::ALL.iter().copied().filter(|runway| spec.get(runway.name()).is_some()).collect();
    if let [_, second, ..] = there.as_slice() {
        let names: Vec<&str> = there.iter().map(|runway| runway.name()).collect();
        let at = spec.entries().iter().find(|entry| entry.key == second.name()).map_or(spec.at, |entry| entry.key_at);
        let message = format!("a target has {} at once", crate::findings::quoted(&names));
        let reason = "Each stands for commands of its own, and a version is brought by one.";
        context.findings.error(at, "spec", codes::ONE_OF, message, reason, "Keep one of them.");
    }
    let Some(runway) = there.first().copied() else { return (spec, None) };
    let Some(form) = spec.get(runway.name()).cloned() else { return (spec, None) };
    let made = match runway {
        Runway::Kubernetes => kubernetes(&form),
        Runway::Container => container(&form),
        Runway::Serverless => serverless(&form),
    };
    // What lacks a field has been said.
    let Some(Made { name, fields }) = made else { return (spec, None) };
    add(&mut spec, "infrastructure", text(runway.name(), form.at));
    for (field, node) in fields {
        add(&mut spec, field, node);
    }
    host_each_region(&mut spec, &name, form.at);
    (spec, Some(runway))
}

/// What a short form stands for.
struct Made {
    /// What is changed, for the name of a host.
    name: String,
    fields: Vec<(&'static str, Node)>,
}

fn kubernetes(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (deployment, container, image) = (of("deployment")?, of("container")?, of("image")?);
    let place = ["--context".to_owned(), of("context")?, "--namespace".to_owned(), of("namespace")?];
    let kubectl =
        |words: &[&str]| [&["kubectl".to_owned()], place.as_slice(), &words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()].concat();
    let resource = format!("deployment/{deployment}");
    let set = |version: &str| kubectl(&["set", "image", &resource, &format!("{container}={image}:{version}")]);
    let path = format!("jsonpath={{.spec.template.spec.containers[?(@.name==\"{container}\")].image}}");
    let rollout = of("rollout").unwrap_or_else(|| ROLLOUT_DEFAULT.to_owned());
    let at = form.at;
    let deploy = |version: &str| action(exec(set(version), &[], None, at), &[("timeout", &rollout), ("onUnknown", "rerun")], at);
    // A look that waits as long as the step has would be ended with it, and nobody would know what it saw.
    let waits = Millis::parse(&rollout).map_or(LOOK_WAITS_MAX, |rollout| LOOK_WAITS_MAX.min(Millis(rollout.0 / 2)));
    let waits = format!("--timeout={}ms", waits.0).replace("000ms", "s");
    let status = exec(kubectl(&["rollout", "status", &resource, &waits]), &[], None, at);
    let probe = exec(kubectl(&["get", &resource, "--output", &path]), &[], Some(format!("{image}:{{version}}")), at);
    let fields = vec![
        ("deploy", deploy("{version}")),
        ("undo", deploy("{from}")),
        ("health", action(status, &[("timeout", LOOK_TIMEOUT)], at)),
        ("version", map(vec![("probe", action(probe, &[], at))], at)),
    ];
    Some(Made { name: deployment, fields })
}

fn container(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (file, service, image, variable) = (of("compose")?, of("service")?, of("image")?, of("variable")?);
    let daemon = of("daemon").map(|daemon| vec!["--host".to_owned(), daemon]).unwrap_or_default();
    let compose = |words: &[&str]| {
        let words: Vec<String> = ["compose", "--file", &file].iter().chain(words).map(|word| (*word).to_owned()).collect();
        [&["docker".to_owned()], daemon.as_slice(), &words].concat()
    };
    let at = form.at;
    let up = |version: &str| {
        let words = compose(&["up", "--detach", "--no-deps", "--wait", &service]);
        action(exec(words, &[(&variable, version)], None, at), &[("onUnknown", "rerun")], at)
    };
    let ask = |format: &str, expected: String| exec(compose(&["ps", "--format", format, &service]), &[], Some(expected), at);
    let fields = vec![
        ("deploy", up("{version}")),
        ("undo", up("{from}")),
        ("health", action(ask("{{.State}}", "running".to_owned()), &[], at)),
        ("version", map(vec![("probe", action(ask("{{.Image}}", format!("{image}:{{version}}")), &[], at))], at)),
    ];
    Some(Made { name: service, fields })
}

fn serverless(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (function, alias) = (of("function")?, of("alias")?);
    let region = of("awsRegion").map(|region| vec!["--region".to_owned(), region]).unwrap_or_default();
    let aws = |words: &[&str]| {
        let words: Vec<String> = ["lambda"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        [&["aws".to_owned()], region.as_slice(), &words].concat()
    };
    let at = form.at;
    let point = |version: &str| {
        let words = ["update-alias", "--function-name", &function, "--name", &alias, "--function-version", version];
        // Weights that somebody left on the alias would go on sending a part of the calls elsewhere.
        let words = words.iter().chain(&["--routing-config", "AdditionalVersionWeights={}"]).copied().collect::<Vec<_>>();
        action(exec(aws(&words), &[], None, at), &[("onUnknown", "rerun")], at)
    };
    let state = ["get-function-configuration", "--function-name", &function, "--qualifier", &alias, "--query", "State", "--output", "text"];
    let points = ["get-alias", "--function-name", &function, "--name", &alias, "--query", "FunctionVersion", "--output", "text"];
    let fields = vec![
        ("deploy", point("{version}")),
        ("undo", point("{from}")),
        ("health", action(exec(aws(&state), &[], Some("Active".to_owned()), at), &[], at)),
        ("version", map(vec![("probe", action(exec(aws(&points), &[], None, at), &[], at))], at)),
    ];
    Some(Made { name: function, fields })
}

/// One host for each region, named after what is changed there, where the target names none.
fn host_each_region(spec: &mut Node, name: &str, at: At) {
    let name = name.replace(REGION_PLACE, "").trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    if spec.get("regions").is_none() {
        return add(spec, "hosts", list(vec![text(&name, at)], at));
    }
    let Value::Map(entries) = &mut spec.value else { return };
    let Some(regions) = entries.iter_mut().find(|entry| entry.key == "regions") else { return };
    let Value::List(items) = &mut regions.value.value else { return };
    for region in items {
        if let Some(place) = region.text_of("name").map(str::to_owned) {
            add(region, "hosts", list(vec![text(&format!("{name}.{place}"), at)], at));
        }
    }
}

/// Adds a field that is not there.
fn add(node: &mut Node, field: &str, value: Node) {
    if node.get(field).is_some() {
        return;
    }
    if let Value::Map(entries) = &mut node.value {
        entries.push(Entry { key: field.to_owned(), key_at: value.at, value });
    }
}

fn text(text: &str, at: At) -> Node {
    Node { value: Value::Scalar(text.to_owned()), at }
}

fn list(items: Vec<Node>, at: At) -> Node {
    Node { value: Value::List(items), at }
}

fn map(fields: Vec<(&str, Node)>, at: At) -> Node {
    let entries = fields.into_iter().map(|(key, value)| Entry { key: key.to_owned(), key_at: at, value }).collect();
    Node { value: Value::Map(entries), at }
}

fn exec(argv: Vec<String>, env: &[(&str, &str)], expected: Option<String>, at: At) -> Node {
    let mut fields = vec![("argv", list(argv.iter().map(|word| text(word, at)).collect(), at))];
    if !env.is_empty() {
        fields.push(("env", map(env.iter().map(|(name, value)| (*name, text(value, at))).collect(), at)));
    }
    fields.extend(expected.map(|expected| ("expectText", text(&expected, at))));
    map(fields, at)
}

fn action(exec: Node, limits: &[(&str, &str)], at: At) -> Node {
    map([("exec", exec)].into_iter().chain(limits.iter().map(|(name, value)| (*name, text(value, at)))).collect(), at)
}

//! Second sides: routers that give them their share, and how they are looked at and taken away.

use super::actions::template;
use super::{Context, share, text};
use crate::codes;
use crate::node::Node;
use crate::scalar;
use glidepath_model::Share;
use glidepath_model::catalog::{ActionTemplate, Database, Mirror, Router, SecondSide, ShareRouter, Target, UserOutcome};

/// The smallest share that is set where nothing is said.
const STEP_DEFAULT: Share = Share::percent(1);

/// Placeholders that say how large a share is, each in its own way.
const SHARE_WORDS: &[&str] = &["share", "rest", "fraction"];

/// Stands for the declared methods.
const METHODS: &str = "{methods}";
/// Flags that say which methods are copied.
const METHOD_FLAGS: &[&str] = &["--methods", "--method", "--only-methods", "--allow-methods", "--http-methods"];
/// Methods that change something, or that open a way past the router.
const UNSAFE_METHODS: &[&str] = &["POST", "PUT", "PATCH", "DELETE", "CONNECT"];

/// The share router of a `router` field, where it is one.
pub(super) fn share_router(context: &mut Context<'_, '_>, node: &Node, field: &str, database: Option<&Database>) -> Option<Router> {
    let node = node.get("share")?;
    let field = format!("{field}.share");
    let mut action = |name: &str| template(context, node.get(name), &format!("{field}.{name}"), database);
    let (set, read, cohort) = (action("set"), action("read"), action("cohort"));
    must_say(context, node, &field, "cohort", cohort.as_ref(), SHARE_WORDS, "It would set the same share, whatever the plan asks for.");
    must_say(context, node, &field, "set", set.as_ref(), SHARE_WORDS, "It would set the same share, whatever the plan asks for.");
    let mirror = node.get("mirror").and_then(|inner| mirror(context, inner, &format!("{field}.mirror"), database));
    let step = share(node, "step").unwrap_or(STEP_DEFAULT);
    if let (Some(written), Share::ZERO) = (node.get("step"), step) {
        let message = "a router cannot set shares in steps of nothing";
        context.findings.error(
            written.at,
            &format!("{field}.step"),
            codes::BAD_SHARE,
            message,
            "Shares are whole steps of it.",
            "Write the smallest share that the router sets, such as `1%`.",
        );
    }
    Some(Router::Share(Box::new(ShareRouter { set: set?, read, cohort, mirror, step })))
}

fn mirror(context: &mut Context<'_, '_>, node: &Node, field: &str, database: Option<&Database>) -> Option<Mirror> {
    let mut action = |name: &str| template(context, node.get(name), &format!("{field}.{name}"), database);
    let (set, read, check) = (action("set"), action("read"), action("check"));
    must_say(context, node, field, "set", set.as_ref(), &["share", "fraction"], "It would mirror the same share, and could not be ended.");
    let reason = "It would not know which reads may be mirrored, and what is mirrored happens twice.";
    must_say(context, node, field, "set", set.as_ref(), &["methods"], reason);
    must_say(context, node, field, "set", set.as_ref(), &["paths"], reason);
    only_reads(context, node, field, set.as_ref());
    Some(Mirror { set: set?, read, check, methods: node.texts_of("methods"), paths: node.texts_of("paths") })
}

/// Nothing but the declared methods may be copied, and nothing but what is below the declared paths.
fn only_reads(context: &mut Context<'_, '_>, node: &Node, field: &str, set: Option<&ActionTemplate>) {
    let mut input = set.map(|set| set.input.clone()).unwrap_or_default();
    // By which method the router itself is told says nothing of what it copies.
    if let Some(fields) = input.as_object_mut() {
        fields.remove("method");
    }
    let text = input.to_string();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    if let (Some(unsafe_one), Some(written)) = (words.find(|word| UNSAFE_METHODS.contains(word)), node.get("set")) {
        let message = format!("`set` of a mirror names {unsafe_one}, which is no safe method");
        let reason = "What is mirrored happens twice, so that everything it changes would be changed twice.";
        let hint = "Give `{methods}` to the command, and nothing beside it.";
        context.findings.error(written.at, &format!("{field}.set"), codes::MIRROR_UNSAFE, message, reason, hint);
    } else if let (Some(word), Some(written)) = (beyond_methods(&input), node.get("set")) {
        let message = format!("`set` of a mirror says `{word}`, and by that more or less than `{{methods}}`");
        let reason = "What is mirrored happens twice, and only the declared methods are vouched for.";
        let hint = "Give `{methods}` to the command as a word of its own, as `--methods={methods}` or as a variable, and let no other word speak of methods.";
        context.findings.error(written.at, &format!("{field}.set"), codes::MIRROR_UNSAFE, message, reason, hint);
    }
    for (index, path) in node.items_of("paths").iter().enumerate() {
        let written = path.text().unwrap_or_default();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/-._~%".contains(letter);
        if written == "/" {
            let message = "`/` is the beginning of every path";
            let reason = "It would vouch for all reads there are, those that nobody thought of among them.";
            let hint = "Write the paths below which a read changes nothing, such as `/search`.";
            context.findings.error(path.at, &format!("{field}.paths[{index}]"), codes::MIRROR_UNSAFE, message, reason, hint);
        } else if !written.starts_with('/') || !written.chars().all(is_plain) || written.split('/').any(|part| part == "..") {
            let message = format!("`{written}` is not the beginning of a path");
            let reason =
                "The router would be told something else than what is vouched for: `{paths}` are beginnings of paths, separated by commas.";
            let hint = "Write each path by itself and from its slash on, such as `/search`.";
            context.findings.error(path.at, &format!("{field}.paths[{index}]"), codes::MIRROR_UNSAFE, message, reason, hint);
        }
    }
}

/// A word of a mirror's call that makes something else of `{methods}` than the declared ones: what is told stands by itself, as the whole of a word or variable, of
/// a flag of that name, of a parameter of an address or of a text in a body. Another word that speaks of methods takes back what that one says.
fn beyond_methods(input: &serde_json::Value) -> Option<String> {
    let of_flag =
        |word: &str| METHOD_FLAGS.iter().any(|flag| word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest == "={methods}"));
    let bad_word = |word: &&str| *word != METHODS && !of_flag(word) && word.to_ascii_lowercase().contains("method");
    let bad_text = |text: &&str| {
        let mut parts = text.split(METHODS).peekable();
        let mut stands_alone = true;
        while let (Some(before), Some(after)) = (parts.next(), parts.peek()) {
            let is_parameter = before.ends_with('=') && (after.is_empty() || after.starts_with('&'));
            let is_text = before.ends_with('"') && after.starts_with('"');
            stands_alone &= is_parameter || is_text || (before.is_empty() && after.is_empty());
        }
        !stands_alone
    };
    let texts = |field: &str| input.get(field).into_iter().flat_map(scalars).collect::<Vec<_>>();
    let words = texts("argv").into_iter().find(bad_word);
    let others = || ["env", "headers", "url", "body"].into_iter().flat_map(texts).find(bad_text);
    words.or_else(others).map(str::to_owned)
}

/// The texts in a value, its own or those of its members.
fn scalars(value: &serde_json::Value) -> Vec<&str> {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().flat_map(scalars).collect(),
        Json::Object(fields) => fields.values().flat_map(scalars).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

/// The `outcomes` field of a target.
pub(super) fn outcomes(context: &mut Context<'_, '_>, spec: &Node, database: Option<&Database>) -> Vec<UserOutcome> {
    let mut outcomes = Vec::new();
    for (index, node) in spec.items_of("outcomes").iter().enumerate() {
        let field = format!("spec.outcomes[{index}]");
        let read = template(context, node.get("read"), &format!("{field}.read"), database);
        let now = share(node, "now");
        if let (Some(written), Some(Share::ZERO | Share::ALL)) = (node.get("now"), now) {
            let message = "an outcome that nobody or everybody has cannot be compared";
            let hint = "Write the part of the units that have it now, such as `3%`.";
            context.findings.error(written.at, &format!("{field}.now"), codes::BAD_SHARE, message, "No change of it would show.", hint);
            continue;
        }
        let name = text(node, "name");
        if let Some(written) = node.get("name").filter(|_| outcomes.iter().any(|known: &UserOutcome| Some(&known.name) == name.as_ref())) {
            let message = format!("outcome `{}` stands twice", written.text().unwrap_or_default());
            let reason = "An experiment could mean either.";
            context.findings.error(
                written.at,
                &format!("{field}.name"),
                codes::DUPLICATE_NAME,
                message,
                reason,
                "Rename or remove one of them.",
            );
            continue;
        }
        let units_per_second = node.text_of("units").and_then(scalar::rate);
        let (Some(name), Some(now), Some(read)) = (name, now, read) else { continue };
        outcomes.push(UserOutcome { name, now, units_per_second, read });
    }
    outcomes
}

/// The `side` field of a target.
pub(super) fn side(context: &mut Context<'_, '_>, node: &Node, database: Option<&Database>) -> SecondSide {
    let mut action = |name: &str| template(context, node.get(name), &format!("spec.side.{name}"), database);
    let (health, retire) = (action("health"), action("retire"));
    let reason = "It takes away the old side when all went well and the new one when not, and could not tell them apart.";
    must_say(context, node, "spec.side", "retire", retire.as_ref(), &["version"], reason);
    SecondSide { health, retire }
}

fn must_say(
    context: &mut Context<'_, '_>,
    parent: &Node,
    field: &str,
    name: &str,
    action: Option<&ActionTemplate>,
    words: &[&str],
    reason: &str,
) {
    let (Some(node), Some(action)) = (parent.get(name), action) else { return };
    let text = action.input.to_string();
    if words.iter().any(|word| text.contains(&format!("{{{word}}}"))) {
        return;
    }
    let listed: Vec<String> = words.iter().map(|word| format!("`{{{word}}}`")).collect();
    let message = format!("`{name}` does not use {}", listed.join(" or "));
    let hint = format!("Give {} to the command as a word or a variable.", listed.join(" or "));
    context.findings.error(node.at, &format!("{field}.{name}"), codes::SHARE_UNSAID, message, reason, hint);
}

/// A second side must get its share in every region, or in none.
pub(super) fn check(context: &mut Context<'_, '_>, spec: &Node, target: &Target) {
    let serving = || target.regions.iter().filter(|region| !region.hosts.is_empty());
    let without = serving().find(|region| region.share_router().is_none());
    let with = serving().find(|region| region.share_router().is_some());
    let hint = "Declare `router: { share: { set: ... } }` for every region, or for none.";
    match (with, without) {
        (Some(with), Some(without)) => {
            let at = spec.get("regions").or(spec.get("router")).map_or(spec.at, |node| node.at);
            let message = format!("`{}` has a router that gives sides their share, and `{}` has none", with.name, without.name);
            let reason = "`deploy` brings a second side beside the first, and without such a router nobody would ever reach it.";
            context.findings.error(at, "spec.regions", codes::SIDE_UNSERVED, message, reason, hint);
        }
        (None, Some(_)) if target.side.is_some() => {
            let at = spec.get("side").map_or(spec.at, |node| node.at);
            let message = format!("target `{}` has a `side`, and no router that gives sides their share", target.name);
            let reason = "No second side is ever brought, so that it would have no effect.";
            context.findings.error(at, "spec.side", codes::SIDE_UNSERVED, message, reason, hint);
        }
        (_, _) => {}
    }
}

//! `glidepath.yaml`.

use super::{Context, access, boolean, duration, share, text};
use crate::codes;
use crate::node::{At, Node};
use crate::scalar;
use crate::shapes::Kind;
use glidepath_model::catalog::{Environment, NotifyCommand, PrometheusSource, Stage, Supersede, Verification, VerifyWindow, WaveBound};
use glidepath_model::change::Preference;
use glidepath_model::{Catalog, Diagnostic, Millis, Share};
use std::collections::BTreeMap;

const PLAN_TTL_DEFAULT: Millis = Millis::from_mins(24 * 60);
const FACT_AGE_DEFAULT: Millis = Millis::from_mins(15);
const RETENTION_MIN: Millis = Millis::from_mins(24 * 60);
const RETENTION_MAX: Millis = Millis::from_mins(3650 * 24 * 60);
const QUERY_TIMEOUT_DEFAULT: Millis = Millis::from_secs(10);
const NOTIFY_TIMEOUT_DEFAULT: Millis = Millis::from_secs(10);
const MIN_BAKE_DEFAULT: Millis = Millis::from_mins(2);
const MAX_BAKE_DEFAULT: Millis = Millis::from_mins(60);
const HOLD_LIMIT_DEFAULT: Millis = Millis::from_mins(30);
/// Greatest rise that the judge's alternatives reach.
const EFFECT_MAX: f64 = 100.0;
const POWER_MIN: Share = Share::percent(50);
const POWER_MAX: Share = Share::percent(99);
/// One in a hundred thousand changes.
const FALSE_ALARM_MIN: Share = Share::from_ppb(10_000);
const FALSE_ALARM_MAX: Share = Share::percent(20);
const FIRST_STAGE_MAX_DEFAULT: Share = Share::percent(5);
/// 0-2, 2-5, 5-15 minutes, and an hour that only observes.
const VERIFY_DEFAULT: [(&str, u64, bool); 4] = [("immediate", 2, false), ("short", 3, false), ("medium", 10, false), ("long", 45, true)];

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    let mut configs = context.documents.iter().filter(|d| d.kind == Kind::Config);
    let Some(config) = configs.next() else {
        context.findings.without_place(
            Diagnostic::error(codes::NO_CONFIG, "the project has no Config")
                .because("The Config names the environments in their order.")
                .hint("Run `glidepath init`, or write `glidepath.yaml` with `kind: Config`."),
        );
        return;
    };
    for second in configs {
        let message = format!("a second Config; the first is in {}", context.findings.show(config.root.at));
        context.findings.error(
            second.root.at,
            "",
            codes::TWO_CONFIGS,
            message,
            "Their settings could contradict each other.",
            "Move everything into one.",
        );
    }
    let spec = &config.spec;
    let settings = &mut catalog.settings;
    settings.project.clone_from(&config.name);
    settings.store = text(spec, "store");
    let retention = retention(context, spec);
    let prometheus_of_all = spec.dig(&["telemetry", "prometheus"]).and_then(|node| prometheus(context, node));
    let settings = &mut catalog.settings;
    settings.retention_ms = retention;
    settings.prometheus = prometheus_of_all;
    let none = Node::empty_map(At::default());
    let defaults = spec.get("defaults").unwrap_or(&none);
    settings.plan_ttl_ms = duration(defaults, "planTtl").unwrap_or(PLAN_TTL_DEFAULT);
    settings.fact_age_max_ms = duration(defaults, "factAgeMax").unwrap_or(FACT_AGE_DEFAULT);
    settings.prefer = defaults.text_of("prefer").and_then(preference).unwrap_or_default();
    let named = |name: &str| Supersede::ALL.into_iter().find(|known| known.name() == name);
    settings.supersede = defaults.text_of("supersede").and_then(named).unwrap_or_default();
    settings.verification = spec.get("verification").map(verification).unwrap_or_default();
    verification_bounds(context, spec, &settings.verification.clone());
    settings.notify = spec.items_of("notify").iter().map(notify).collect();
    environments(context, spec, catalog);
}

/// How long ended runs stay in the tables. A day leaves time to roll back; ten years is as good as for ever.
fn retention(context: &mut Context<'_, '_>, spec: &Node) -> Option<Millis> {
    let length = duration(spec, "retention")?;
    if (RETENTION_MIN..=RETENTION_MAX).contains(&length) {
        return Some(length);
    }
    context.findings.error(
        spec.get("retention").map_or(spec.at, |node| node.at),
        "spec.retention",
        codes::BAD_DURATION,
        format!("`{}` is not from 1d to 3650d", spec.text_of("retention").unwrap_or_default()),
        "An archived run cannot be rolled back any more, and one that is never archived keeps its place in the store.",
        "Write a length of time such as `60d`, or leave the field out.",
    );
    None
}

fn notify(node: &Node) -> NotifyCommand {
    NotifyCommand {
        argv: node.get("exec").map(|exec| exec.texts_of("argv")).unwrap_or_default(),
        timeout_ms: duration(node, "timeout").unwrap_or(NOTIFY_TIMEOUT_DEFAULT),
    }
}

fn prometheus(context: &mut Context<'_, '_>, node: &Node) -> Option<PrometheusSource> {
    Some(PrometheusSource {
        url: text(node, "url")?.trim_end_matches('/').to_owned(),
        access: access::read(context, node, "spec.telemetry.prometheus"),
        timeout_ms: duration(node, "timeout").unwrap_or(QUERY_TIMEOUT_DEFAULT),
    })
}

pub(super) fn preference(word: &str) -> Option<Preference> {
    match word {
        "leastRisk" => Some(Preference::LeastRisk),
        "fastest" => Some(Preference::Fastest),
        "cheapest" => Some(Preference::Cheapest),
        _ => None,
    }
}

fn verification(node: &Node) -> Verification {
    let default = Verification::default();
    Verification {
        effect: node.text_of("effect").and_then(scalar::multiple).unwrap_or(default.effect),
        power: share(node, "power").unwrap_or(default.power),
        false_alarm: share(node, "falseAlarm").unwrap_or(default.false_alarm),
        dispersion: node.text_of("dispersion").and_then(scalar::multiple),
    }
}

/// Figures with which no comparison comes to anything, or to nothing that could be relied on.
fn verification_bounds(context: &mut Context<'_, '_>, spec: &Node, verification: &Verification) {
    let reasons = [
        (
            "effect",
            verification.effect > 1.0 && verification.effect <= EFFECT_MAX,
            format!("above 1x and up to {EFFECT_MAX}x"),
            "Without a rise there is nothing to find, and a rise beyond that is no comparison any more: nearly everything fails.",
            "Write the smallest rise that is worth turning back for, such as `2x`.",
        ),
        (
            "power",
            verification.power >= POWER_MIN && verification.power <= POWER_MAX,
            format!("from {POWER_MIN} to {POWER_MAX}"),
            "Below that a stage misses more than it sees; of certainty no number of requests is enough.",
            "Write a probability such as `80%`, or leave the field out.",
        ),
        (
            "falseAlarm",
            verification.false_alarm >= FALSE_ALARM_MIN && verification.false_alarm <= FALSE_ALARM_MAX,
            format!("from {FALSE_ALARM_MIN} to {FALSE_ALARM_MAX}"),
            "Who wants none waits for ever, and above that good versions go back for nothing.",
            "Write a probability such as `1%`, or leave the field out.",
        ),
    ];
    for (field, is_within, bounds, reason, hint) in reasons {
        let Some(node) = spec.dig(&["verification", field]).filter(|_| !is_within) else { continue };
        // What cannot be read at all is said already.
        let Some(text) = node.text().filter(|text| scalar::multiple(text).is_some() || Share::parse(text).is_some()) else { continue };
        context.findings.error(
            node.at,
            &format!("spec.verification.{field}"),
            codes::BAD_NUMBER,
            format!("`{text}` is not {bounds}"),
            reason,
            hint,
        );
    }
}

fn environments(context: &mut Context<'_, '_>, spec: &Node, catalog: &mut Catalog) {
    let mut seen: BTreeMap<&str, At> = BTreeMap::new();
    for (index, node) in spec.items_of("environments").iter().enumerate() {
        let name_node = node.get("name").unwrap_or(node);
        let Some(name) = name_node.text() else { continue };
        let field = format!("spec.environments[{index}].name");
        if let Some(earlier) = seen.get(name) {
            let message = format!("environment `{name}` is declared in {} already", context.findings.show(*earlier));
            context.findings.error(
                name_node.at,
                &field,
                codes::DUPLICATE_NAME,
                message,
                "A change reaches each environment once.",
                "Remove one of them.",
            );
            continue;
        }
        seen.insert(name, name_node.at);
        let environment = environment(name, node);
        if !environment.local && spec.get("store").is_none() {
            let message = format!("environment `{name}` is shared, but the project has no shared store");
            let reason = "A lock in one clone is no lock for a team: two people could change it at once.";
            let hint = "Add `store: env:GLIDEPATH_STORE` with a postgres address, or `local: true` if one machine makes all changes.";
            context.findings.warning(name_node.at, &field, codes::NO_SHARED_STORE, message, reason, hint);
        }
        catalog.environments.push(environment);
    }
}

fn environment(name: &str, node: &Node) -> Environment {
    let verify = match node.get("verify") {
        Some(windows) => windows.items().iter().filter_map(window).collect(),
        None => VERIFY_DEFAULT
            .iter()
            .map(|(name, minutes, observe)| VerifyWindow {
                name: (*name).to_owned(),
                length_ms: Millis::from_mins(*minutes),
                observe: *observe,
            })
            .collect(),
    };
    let min_bake_ms = duration(node, "minBake").unwrap_or(MIN_BAKE_DEFAULT);
    Environment {
        name: name.into(),
        local: boolean(node, "local").unwrap_or(false),
        gated: boolean(node, "gated").unwrap_or(false),
        stage: node.text_of("stage").and_then(stage),
        min_bake_ms,
        max_bake_ms: duration(node, "maxBake").unwrap_or(MAX_BAKE_DEFAULT).max(min_bake_ms),
        first_stage_max: share(node, "firstStageMax").unwrap_or(FIRST_STAGE_MAX_DEFAULT),
        hold_limit_ms: duration(node, "holdLimit").unwrap_or(HOLD_LIMIT_DEFAULT),
        verify,
        max_wave: node
            .get("maxWave")
            .map(|bound| WaveBound { rate: bound.text_of("traffic").and_then(scalar::rate), budget: share(bound, "budget") }),
    }
}

fn stage(text: &str) -> Option<Stage> {
    match text {
        "development" => Some(Stage::Development),
        "staging" => Some(Stage::Staging),
        "production" => Some(Stage::Production),
        _ => None,
    }
}

fn window(node: &Node) -> Option<VerifyWindow> {
    Some(VerifyWindow {
        name: text(node, "name")?,
        length_ms: duration(node, "length")?,
        observe: boolean(node, "observe").unwrap_or(false),
    })
}

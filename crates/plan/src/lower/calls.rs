//! Calls of a site: templates filled, and checked against what the action says about itself.

use crate::codes;
use crate::durations;
use crate::notes::Notes;
use crate::site::Site;
use crate::template::{Placeholders, expecting};
use glidepath_model::action::{ActionCall, ActionDescriptor, OnUnknown};
use glidepath_model::catalog::{ActionTemplate, Region, Router};
use glidepath_model::change::ItemKind;
use glidepath_model::ids::HostName;
use glidepath_model::plan::{Estimate, RetryPolicy};
use glidepath_model::{Diagnostic, Millis};
use serde_json::Value;
use std::collections::BTreeMap;

/// Deadline of an attempt where neither template nor action states one.
pub(crate) const TIMEOUT_DEFAULT: Millis = Millis::from_mins(5);
/// Deadline of a read-only look at a host.
pub(crate) const LOOK_TIMEOUT: Millis = Millis::from_secs(60);

/// Descriptors by kind.
pub(crate) type Kinds<'a> = BTreeMap<&'a str, &'a ActionDescriptor>;

/// Values that hold for the whole site.
pub(crate) fn site_values(site: &Site<'_>) -> Placeholders {
    let values =
        Placeholders::default().with("component", site.target.component.as_str()).with("environment", site.environment.name.as_str());
    match (&site.change_item.kind, &site.from) {
        (ItemKind::Secret { secret, .. }, _) => values.with("secret", secret),
        (_, Some(from)) => values.with("from", from).with("version", &site.to),
        (_, None) => values.with("version", &site.to),
    }
}

/// Values that hold for one host.
pub(crate) fn host_values(site: &Site<'_>, region: &Region, host: &HostName) -> Placeholders {
    let values = site_values(site).with("region", region.name.as_str()).with("host", host.as_str());
    // Hosts that run different versions each go back to their own.
    match site.running.get(host) {
        Some(own) => values.with("from", own.as_str()),
        None => values,
    }
}

/// A filled template; what does not fit goes to the notes and the call is left out.
pub(crate) fn filled(
    template: &ActionTemplate,
    values: &Placeholders,
    site: &Site<'_>,
    what: &str,
    kinds: &Kinds<'_>,
    notes: &mut Notes,
) -> Option<ActionCall> {
    match template.filled(values.values()) {
        Ok(call) => fits(&call, site, what, kinds, notes).then_some(call),
        Err(mut left) => {
            left.sort_unstable();
            left.dedup();
            let known = values.values().keys().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" ");
            notes.wrong(
                Diagnostic::error(
                    codes::PLACEHOLDER_LEFT,
                    format!("The {what} of {} has no value for {{{}}}.", site.target.name, left.join("}, {")),
                )
                .because("A command must be complete before it is planned.")
                .hint(format!("Known here are {known}."))
                .field(site.target.declared_at.clone().unwrap_or_default()),
            );
            None
        }
    }
}

fn fits(call: &ActionCall, site: &Site<'_>, what: &str, kinds: &Kinds<'_>, notes: &mut Notes) -> bool {
    let Err((message, hint)) = fits_descriptor(call, &format!("The {what} of {}", site.target.name), kinds) else { return true };
    notes.wrong(
        Diagnostic::error(codes::ACTION_UNFIT, message)
            .because("The step could not be carried out.")
            .hint(hint)
            .field(site.target.declared_at.clone().unwrap_or_default()),
    );
    false
}

/// Whether a call is one that its action takes; if not, what is wrong and what to do.
pub(crate) fn fits_descriptor(call: &ActionCall, who: &str, kinds: &Kinds<'_>) -> Result<(), (String, String)> {
    let Some(descriptor) = kinds.get(call.kind.as_str()) else {
        let known = kinds.keys().copied().collect::<Vec<_>>().join(", ");
        return Err((format!("{who} uses the action {}, which does not exist.", call.kind), format!("Known actions are {known}.")));
    };
    let Some(input) = call.input.as_object() else {
        return Err((format!("{who} gives {} no fields.", call.kind), "Write its input as a map.".to_owned()));
    };
    let lacking: Vec<&str> =
        descriptor.input.iter().filter(|f| f.required && !input.contains_key(&f.name)).map(|f| f.name.as_str()).collect();
    let unknown: Vec<&str> = input.keys().map(String::as_str).filter(|name| !descriptor.input.iter().any(|f| f.name == *name)).collect();
    let fields = descriptor.input.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
    if !lacking.is_empty() {
        return Err((format!("{who} lacks {} for {}.", lacking.join(", "), call.kind), format!("Its fields are {fields}.")));
    }
    if !unknown.is_empty() {
        return Err((format!("{who} gives {} the unknown {}.", call.kind, unknown.join(", ")), format!("Its fields are {fields}.")));
    }
    Ok(())
}

/// Whether `host` is healthy, as a call.
pub(crate) fn health(site: &Site<'_>, region: &Region, host: &HostName, kinds: &Kinds<'_>, notes: &mut Notes) -> Option<ActionCall> {
    filled(site.target.health.as_ref()?, &host_values(site, region, host), site, "health check", kinds, notes)
}

/// Whether the new side that stands beside the old one at `host` is healthy, as a call.
pub(crate) fn side_health(site: &Site<'_>, region: &Region, host: &HostName, kinds: &Kinds<'_>, notes: &mut Notes) -> Option<ActionCall> {
    match site.target.side.as_ref().and_then(|side| side.health.as_ref()) {
        Some(template) => filled(template, &host_values(site, region, host), site, "health check of a side", kinds, notes),
        None => health(site, region, host, kinds, notes),
    }
}

/// Whether `host` runs `version`, as a call.
pub(crate) fn runs(
    site: &Site<'_>,
    region: &Region,
    host: &HostName,
    version: &str,
    kinds: &Kinds<'_>,
    notes: &mut Notes,
) -> Option<ActionCall> {
    let template = site.target.version_probe.as_ref()?;
    let values = host_values(site, region, host).with("version", version);
    let call = filled(template, &values, site, "version probe", kinds, notes)?;
    // A probe whose answer holds more than the version says itself what the answer is then.
    if template.expected_answer().is_some() { Some(call) } else { expecting(call, version) }
}

/// A state that a host can be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Old,
    New,
}

/// Whether `host` is on a side, as a call: that it runs a version, or works with the new secret.
pub(crate) fn is_on(
    site: &Site<'_>,
    region: &Region,
    host: &HostName,
    side: Side,
    kinds: &Kinds<'_>,
    notes: &mut Notes,
) -> Option<ActionCall> {
    match (&site.change_item.kind, side) {
        (ItemKind::Secret { .. }, Side::New) => {
            let verify = site.target.rotate.as_ref()?.verify.as_ref()?;
            filled(verify, &host_values(site, region, host), site, "proof of the new secret", kinds, notes)
        }
        // A host proves the old value by being healthy.
        (ItemKind::Secret { .. }, Side::Old) => None,
        (_, Side::New) => runs(site, region, host, &site.to, kinds, notes),
        (_, Side::Old) => runs(site, region, host, site.goes_back_to(host)?, kinds, notes),
    }
}

/// Health of a host, and that it is on a side.
pub(crate) fn validations(
    site: &Site<'_>,
    region: &Region,
    host: &HostName,
    side: Side,
    kinds: &Kinds<'_>,
    notes: &mut Notes,
) -> Vec<ActionCall> {
    [health(site, region, host, kinds, notes), is_on(site, region, host, side, kinds, notes)].into_iter().flatten().collect()
}

/// Name of a host's server in the router.
pub(crate) fn server(router: &Router, site: &Site<'_>, region: &Region, host: &HostName, notes: &mut Notes) -> String {
    let Router::Haproxy { server, .. } = router else { return host.to_string() };
    let mut left = Vec::new();
    let name = host_values(site, region, host).text(server, &mut left);
    if !left.is_empty() {
        notes.wrong(
            Diagnostic::error(
                codes::PLACEHOLDER_LEFT,
                format!("The router server name of {} has no value for {{{}}}.", site.target.name, left.join("}, {")),
            )
            .because("The router would not know the host.")
            .hint("Use {host} and {region} only."),
        );
    }
    name
}

/// Deadline of one attempt.
pub(crate) fn timeout(template: &ActionTemplate, kinds: &Kinds<'_>) -> Millis {
    template.timeout_ms.or_else(|| kinds.get(template.kind.as_str()).map(|d| d.timeout_ms)).unwrap_or(TIMEOUT_DEFAULT)
}

/// Deadline of one attempt of what is expected to take that long: where nobody states one, long enough for it.
pub(crate) fn patience(template: &ActionTemplate, kinds: &Kinds<'_>, expected: &Estimate) -> Millis {
    durations::patience(template.timeout_ms, timeout(template, kinds), expected)
}

/// Tries of a template's step.
pub(crate) fn retry(template: &ActionTemplate, kinds: &Kinds<'_>) -> RetryPolicy {
    let attempts = template.attempts_max.or_else(|| kinds.get(template.kind.as_str()).map(|d| d.attempts_max));
    RetryPolicy { attempts_max: attempts.unwrap_or(RetryPolicy::default().attempts_max).max(1), ..RetryPolicy::default() }
}

/// Default meaning of an unknown outcome of a call.
pub(crate) fn on_unknown_default(kind: &str, input: &Value, kinds: &Kinds<'_>) -> OnUnknown {
    // Statements outside of a transaction may be done in part, or be at work still: a second run of them would do that part twice.
    if input.get("transaction") == Some(&Value::Bool(false)) {
        return OnUnknown::Ask;
    }
    kinds.get(kind).map_or(OnUnknown::Ask, |d| d.on_unknown)
}

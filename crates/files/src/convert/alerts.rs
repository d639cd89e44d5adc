//! OpenSLO: alert policies of objectives.

use super::{Context, boolean, text};
use crate::codes;
use crate::document::Document;
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::catalog::AlertRule;
use glidepath_model::{Millis, Share};
use std::collections::BTreeMap;

type ByName<'d> = BTreeMap<&'d str, &'d Document>;

/// The documents that alerts are made of.
pub(super) struct Policies<'d> {
    policies: ByName<'d>,
    conditions: ByName<'d>,
    targets: ByName<'d>,
}

impl<'d> Policies<'d> {
    pub(super) fn read(context: &mut Context<'d, '_>) -> Self {
        let mut of = |kind: Kind| context.named(&[kind]).into_iter().map(|d| (d.name.as_str(), d)).collect();
        Self { policies: of(Kind::AlertPolicy), conditions: of(Kind::AlertCondition), targets: of(Kind::AlertNotificationTarget) }
    }

    /// The alerts of an objective's document. Whatever cannot be used is reported.
    pub(super) fn of(&self, context: &mut Context<'_, '_>, document: &Document) -> Vec<AlertRule> {
        let uses = document.spec.items_of("alertPolicies").iter().enumerate();
        uses.filter_map(|(index, used)| self.policy(context, used, &format!("spec.alertPolicies[{index}]"))).collect()
    }

    fn policy(&self, context: &mut Context<'_, '_>, used: &Node, field: &str) -> Option<AlertRule> {
        let reference = used.get("alertPolicyRef").or_else(|| used.text().map(|_| used));
        let (name, spec, field) = match reference {
            Some(reference) => {
                let found = referred(context, reference, field, "AlertPolicy", &self.policies)?;
                (found.name.clone(), &found.spec, "spec".to_owned())
            }
            None => (name_in_place(used), used.get("spec")?, format!("{field}.spec")),
        };
        let conditions = spec.items_of("conditions");
        if let [_, second, ..] = conditions {
            let hint = "Make a policy of its own for each condition.";
            unfit(context, second, &format!("{field}.conditions[1]"), "an alert policy has one condition".to_owned(), hint);
        }
        let condition = conditions.first().and_then(|used| self.condition(context, used, &format!("{field}.conditions[0]")));
        let targets = spec.items_of("notificationTargets").iter().enumerate();
        let targets = targets.filter_map(|(at, used)| self.target(context, used, &format!("{field}.notificationTargets[{at}]"))).collect();
        Some(AlertRule {
            name,
            when_breaching: boolean(spec, "alertWhenBreaching").unwrap_or(true),
            when_resolved: boolean(spec, "alertWhenResolved").unwrap_or(false),
            when_no_data: boolean(spec, "alertWhenNoData").unwrap_or(false),
            targets,
            ..condition?
        })
    }

    fn condition(&self, context: &mut Context<'_, '_>, used: &Node, field: &str) -> Option<AlertRule> {
        let (spec, field) = match used.get("conditionRef") {
            Some(reference) => (&referred(context, reference, field, "AlertCondition", &self.conditions)?.spec, "spec".to_owned()),
            None => (used.get("spec")?, format!("{field}.spec")),
        };
        let condition = spec.get("condition")?;
        let field = format!("{field}.condition");
        if let Some(op) = condition.get("op").filter(|op| matches!(op.text(), Some("lt" | "lte"))) {
            let hint = "Leave `op` out, or write `gte`.";
            unfit(context, op, &format!("{field}.op"), "an alert on burn that is low would fire whenever all is well".to_owned(), hint);
            return None;
        }
        let threshold = condition.text_of("threshold").and_then(|t| t.parse::<f64>().ok()).filter(|t| t.is_finite())?;
        let lookback_ms = length(context, condition, &field, "lookbackWindow").filter(|length| *length > Millis::ZERO)?;
        let alert_after_ms = match condition.get("alertAfter") {
            Some(_) => length(context, condition, &field, "alertAfter")?,
            None => Millis::ZERO,
        };
        Some(AlertRule {
            name: String::new(),
            severity: text(spec, "severity")?,
            threshold,
            lookback_ms,
            alert_after_ms,
            when_breaching: true,
            when_resolved: false,
            when_no_data: false,
            targets: Vec::new(),
        })
    }

    fn target(&self, context: &mut Context<'_, '_>, used: &Node, field: &str) -> Option<String> {
        match used.get("targetRef") {
            Some(reference) => {
                referred(context, reference, field, "AlertNotificationTarget", &self.targets).map(|found| found.name.clone())
            }
            None => Some(used.dig(&["metadata", "name"]).or_else(|| used.dig(&["spec", "target"]))?.text()?.to_owned()),
        }
    }
}

/// Says which alerts tell nothing for a target: everything bad burns at 1 over the budget, and a burn of 1 uses it up exactly.
pub(super) fn check_use(context: &mut Context<'_, '_>, document: &Document, alerts: &[AlertRule], target: Share) {
    let node = document.spec.get("alertPolicies").map_or(document.name_at, |node| node.at);
    let budget = target.rest().as_f64();
    for alert in alerts {
        let (name, threshold, burn_max) = (&alert.name, alert.threshold, plain(1.0 / budget));
        let message = if threshold < 1.0 {
            format!("alert `{name}` fires at a burn of {threshold}, at which the budget lasts beyond the period")
        } else if threshold * budget >= 1.0 {
            format!("alert `{name}` can never fire: it waits for a burn of {threshold}, and everything bad burns at {burn_max}")
        } else {
            continue;
        };
        let hint = format!("Write a `threshold` of 1 or more and below {burn_max}, which is 1 over the budget of {}.", target.rest());
        let reason = "An alert that says nothing is taken for quiet, or for noise.";
        context.findings.warning(node, "spec.alertPolicies", codes::ALERT_USELESS, message, reason, hint);
    }
}

/// At most four digits behind the point, and none that say nothing.
fn plain(value: f64) -> String {
    format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn referred<'d>(context: &mut Context<'_, '_>, reference: &Node, field: &str, what: &str, known: &ByName<'d>) -> Option<&'d Document> {
    let found = known.get(reference.text()?).copied();
    if found.is_none() {
        context.unknown(reference, field, codes::ALERT_UNFIT, what, known.keys().copied());
    }
    found
}

fn name_in_place(used: &Node) -> String {
    used.dig(&["metadata", "name"]).and_then(Node::text).unwrap_or("burn").to_owned()
}

fn length(context: &mut Context<'_, '_>, node: &Node, field: &str, name: &str) -> Option<Millis> {
    let value = node.get(name)?;
    let parsed = value.text().and_then(Millis::parse);
    if parsed.is_none() {
        let message = format!("`{}` is not a length of time", value.text().unwrap_or_default());
        unfit(context, value, &format!("{field}.{name}"), message, "Write a length with its unit, such as `1h` or `5m`.");
    }
    parsed
}

fn unfit(context: &mut Context<'_, '_>, node: &Node, field: &str, message: String, hint: &str) {
    context.findings.error(node.at, field, codes::ALERT_UNFIT, message, "Nobody would hear of the burn it is about.", hint);
}

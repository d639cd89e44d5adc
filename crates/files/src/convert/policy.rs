//! The rules of the project, under `policy` of the Config. Read once owners and environments are known.

use super::{Context, boolean, duration, names, owner_names, owner_reference, share};
use crate::codes;
use crate::node::Node;
use crate::scalar;
use crate::shapes::Kind;
use glidepath_model::catalog::{Automatic, PlainPolicy, RiskPolicy, UnknownBudget};
use glidepath_model::change::{ChangeClass, Intent};
use glidepath_model::plan::RiskLevel;
use glidepath_model::{Catalog, EnvironmentName, OwnerRef};

/// Items of a change that needs no plan, where the project does not say.
const PLAIN_ITEMS_DEFAULT: u32 = 1;

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    let Some(config) = context.documents.iter().find(|document| document.kind == Kind::Config) else { return };
    let Some(policy) = config.spec.get("policy") else { return };
    let risk = policy.get("risk").map(|node| risk(context, node)).unwrap_or_default();
    let automatic = policy.get("automatic").map(|list| {
        let rule = |(at, node): (usize, &Node)| automatic(context, catalog, node, &format!("spec.policy.automatic[{at}]"));
        list.items().iter().enumerate().map(rule).collect()
    });
    let claims = policy.get("claims");
    let mut claimed = |name: &str| claims.and_then(|node| node.get(name)).map(|_| owners(context, catalog, claims, name));
    let classes = [ChangeClass::Standard, ChangeClass::Normal, ChangeClass::Emergency];
    let classes = classes.into_iter().filter_map(|class| Some((class, claimed(class.name())?))).collect();
    let intents = [Intent::Feature, Intent::Fix, Intent::Reliability, Intent::Security];
    let intents = intents.into_iter().filter_map(|intent| Some((intent, claimed(intent.name())?))).collect();
    let plain = policy.get("plain").map(|node| plain(context, catalog, node));
    let settings = &mut catalog.settings.policy;
    settings.restore_test_age_ms = duration(policy, "restoreTestAge");
    settings.burn_max = policy.text_of("burnMax").and_then(scalar::multiple);
    settings.unknown_budget = if policy.text_of("unknownBudget") == Some("refuse") { UnknownBudget::Refuse } else { UnknownBudget::Tell };
    (settings.risk, settings.automatic, settings.classes, settings.intents, settings.plain) = (risk, automatic, classes, intents, plain);
}

/// Where risk begins to be medium and high.
fn risk(context: &mut Context<'_, '_>, node: &Node) -> RiskPolicy {
    let default = RiskPolicy::default();
    let policy = RiskPolicy {
        budget_medium: share(node, "budgetMedium").unwrap_or(default.budget_medium),
        budget_high: share(node, "budgetHigh").unwrap_or(default.budget_high),
        failure_medium: share(node, "failureMedium").unwrap_or(default.failure_medium),
        failure_high: share(node, "failureHigh").unwrap_or(default.failure_high),
    };
    if policy.failure_medium > policy.failure_high {
        context.findings.error(
            node.at,
            "spec.policy.risk",
            codes::RISK_LIMITS_CROSSED,
            format!("risk would be high above a probability of {} and medium only above {}", policy.failure_high, policy.failure_medium),
            "No change could be of medium risk by how likely it fails, which nobody means.",
            "Let `failureMedium` be at most `failureHigh`; 10% and 25% hold where they are left out.",
        );
    }
    if policy.budget_medium > policy.budget_high {
        context.findings.error(
            node.at,
            "spec.policy.risk",
            codes::RISK_LIMITS_CROSSED,
            format!("risk would be high above {} of a budget and medium only above {}", policy.budget_high, policy.budget_medium),
            "No change could be of medium risk by its budget, which nobody means.",
            "Let `budgetMedium` be at most `budgetHigh`; 1% and 10% hold where they are left out.",
        );
    }
    policy
}

fn automatic(context: &mut Context<'_, '_>, catalog: &Catalog, node: &Node, field: &str) -> Automatic {
    Automatic {
        classes: node.texts_of("classes").iter().filter_map(|name| ChangeClass::named(name)).collect(),
        intents: node.texts_of("intents").iter().filter_map(|name| Intent::named(name)).collect(),
        environments: environments(context, catalog, node, field),
        risk_max: match node.text_of("riskMax") {
            Some("high") => RiskLevel::High,
            Some("medium") => RiskLevel::Medium,
            _ => RiskLevel::Low,
        },
        one_way: boolean(node, "oneWay").unwrap_or(false),
    }
}

fn plain(context: &mut Context<'_, '_>, catalog: &Catalog, node: &Node) -> PlainPolicy {
    let environments = environments(context, catalog, node, "spec.policy.plain");
    for (at, name) in environments.iter().enumerate() {
        if catalog.environment(name).is_some_and(|environment| environment.gated) {
            let place = node.items_of("environments").get(at).map_or(node.at, |node| node.at);
            context.findings.error(
                place,
                &format!("spec.policy.plain.environments[{at}]"),
                codes::PLAIN_AND_GATED,
                format!("{name} is gated, and changes of it would need no plan"),
                "A gated environment takes only plans that people have seen.",
                "Take it out of `plain`, or leave out `gated` of the environment.",
            );
        }
    }
    let items_max = node.text_of("itemsMax").and_then(|text| text.parse().ok()).unwrap_or(PLAIN_ITEMS_DEFAULT);
    PlainPolicy { environments, items_max }
}

fn environments(context: &mut Context<'_, '_>, catalog: &Catalog, node: &Node, field: &str) -> Vec<EnvironmentName> {
    let mut known = Vec::new();
    for (at, node) in node.items_of("environments").iter().enumerate() {
        let Some(text) = node.text() else { continue };
        match catalog.environment(&text.into()) {
            Some(environment) => known.push(environment.name.clone()),
            None => {
                let field = format!("{field}.environments[{at}]");
                context.unknown(node, &field, codes::UNKNOWN_ENVIRONMENT, "environment", names(catalog));
            }
        }
    }
    known
}

fn owners(context: &mut Context<'_, '_>, catalog: &Catalog, claims: Option<&Node>, name: &str) -> Vec<OwnerRef> {
    let mut known = Vec::new();
    for (at, node) in claims.iter().flat_map(|claims| claims.items_of(name)).enumerate() {
        let Some(text) = node.text() else { continue };
        let reference = owner_reference(text);
        if !catalog.owners.contains_key(&reference) {
            let field = format!("spec.policy.claims.{name}[{at}]");
            context.unknown(node, &field, codes::UNKNOWN_OWNER, "group or user", owner_names(catalog, node));
        }
        known.push(reference);
    }
    known
}

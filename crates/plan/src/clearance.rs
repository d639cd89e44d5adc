//! What the project's rules make of a change: who may claim what it claims, how much ceremony its plan needs, and whether a person must clear it.
//!
//! Rules only ever ask for more: what needs no plan can be planned, and what flies by itself can be cleared by a person.

use crate::codes;
use glidepath_model::catalog::{Automatic, Catalog, Policy};
use glidepath_model::change::{Change, ChangeClass, Intent, ItemKind};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{EnvironmentName, OwnerRef};
use glidepath_model::plan::{Ceremony, Clearance, Plan, RiskLevel, Work};
use glidepath_model::{ComponentName, Diagnostic};
use std::collections::BTreeSet;

/// Share of an error budget under which it is low.
const BUDGET_LOW: f64 = 0.25;
/// Members under which a team is small.
const TEAM_SMALL: usize = 3;
/// Kind of the action that flies another plan.
const FLIES_A_PLAN: &str = "run";

/// What the checklist looks at.
pub struct View<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    policy: &'a Policy,
}

/// A row of the checklist: the first that holds decides.
pub struct Check {
    /// When it holds, to stand behind "because".
    pub when: &'static str,
    /// What it decides.
    pub ceremony: Ceremony,
    holds: fn(&View<'_>) -> bool,
}

/// The checklist, in order.
pub const CHECKLIST: [Check; 8] = [
    Check { when: "a step cannot be undone", ceremony: Ceremony::Full, holds: |view| !view.plan.body.envelope.one_way.is_empty() },
    Check { when: "its risk is high", ceremony: Ceremony::Full, holds: |view| view.plan.prediction.risk == RiskLevel::High },
    Check {
        when: "several components change while less than a quarter of an error budget is left",
        ceremony: Ceremony::Full,
        holds: |view| view.components().len() > 1 && view.budget_left() < BUDGET_LOW,
    },
    Check { when: "it changes a schema or data", ceremony: Ceremony::Full, holds: |view| view.changes_data() },
    Check {
        when: "only plain environments are touched, by few items, and everything can be undone",
        ceremony: Ceremony::NoPlan,
        holds: |view| view.is_small() && view.is_plain(),
    },
    Check { when: "users meet what changes", ceremony: Ceremony::Full, holds: |view| view.meets_users() },
    Check {
        when: "its risk is low, it has few items, and a team of fewer than three answers for it",
        ceremony: Ceremony::Light,
        holds: |view| view.is_low() && view.is_small() && view.is_of_a_small_team(),
    },
    Check { when: "its risk is low and no user meets it", ceremony: Ceremony::Light, holds: |view| view.is_low() },
];

/// What holds when no row does.
const ELSE: &str = "nothing speaks for less";

impl View<'_> {
    fn components(&self) -> BTreeSet<&ComponentName> {
        self.plan.body.change.items.iter().flat_map(glidepath_model::change::Item::components).collect()
    }

    /// What is left of the error budget of which least is left.
    fn budget_left(&self) -> f64 {
        let components = self.components();
        let objectives = self.facts.catalog.objectives.iter().filter(|objective| components.contains(&objective.component));
        objectives.filter_map(|objective| self.facts.budgets.get(&objective.name)).map(|budget| budget.value.remaining).fold(1.0, f64::min)
    }

    fn changes_data(&self) -> bool {
        self.plan.body.change.items.iter().any(|item| matches!(item.kind, ItemKind::Schema { .. } | ItemKind::Contract { .. }))
    }

    fn is_plain(&self) -> bool {
        let plain = self.policy.plain.as_ref();
        plain.is_some_and(|plain| self.plan.body.change.environments.iter().all(|name| plain.environments.contains(name)))
            && !self.plan.body.change.items.is_empty()
    }

    fn is_small(&self) -> bool {
        let most = self.policy.plain.as_ref().map_or(1, |plain| plain.items_max as usize);
        self.plan.body.change.items.len() <= most
    }

    fn is_low(&self) -> bool {
        self.plan.prediction.risk == RiskLevel::Low
    }

    /// Whether requests arrive at what changes, or may: of a target that takes none nothing is said.
    fn meets_users(&self) -> bool {
        self.plan.body.steps.iter().any(|step| step.exposure.is_some())
    }

    fn is_of_a_small_team(&self) -> bool {
        let owner = self.plan.body.change.owner.as_ref().and_then(|owner| self.facts.catalog.owners.get(owner));
        owner.is_some_and(|owner| owner.members.len() < TEAM_SMALL)
    }
}

/// What a change claims and its owner may not, each a refusal.
pub(crate) fn not_theirs_to_claim(change: &Change, catalog: &Catalog) -> Vec<Diagnostic> {
    let policy = &catalog.settings.policy;
    let claims = [
        ("class", change.class.name(), policy.classes.get(&change.class), codes::CLASS_NOT_THEIRS),
        ("intent", change.intent.name(), policy.intents.get(&change.intent), codes::INTENT_NOT_THEIRS),
    ];
    let refusal = |(what, name, allowed, code): (&str, &str, Option<&Vec<OwnerRef>>, _)| {
        let allowed = allowed?;
        let theirs = change.owner.as_ref().is_some_and(|owner| allowed.iter().any(|of| of == owner || is_member(catalog, owner, of)));
        if theirs {
            return None;
        }
        let who = match &change.owner {
            Some(owner) => format!("{owner}, its owner, is none of them"),
            None => "it names no owner".to_owned(),
        };
        let list: Vec<&str> = allowed.iter().map(OwnerRef::as_str).collect();
        let list = if list.is_empty() { "nobody".to_owned() } else { list.join(", ") };
        Some(
            Diagnostic::error(code, format!("The change claims the {what} {name}, which {list} may; {who}."))
                .because(format!("{name} passes what holds others back, so the project says under `policy.claims` who may claim it."))
                .hint(format!("Let one of them own the change, or leave `{what}` out of it.")),
        )
    };
    claims.into_iter().filter_map(refusal).collect()
}

/// Whether somebody belongs to a group.
fn is_member(catalog: &Catalog, who: &OwnerRef, group: &OwnerRef) -> bool {
    catalog.owners.get(group).is_some_and(|group| group.members.contains(who))
}

/// What the rules make of a plan; `None` where the project has none that say anything about it.
pub(crate) fn clearance(plan: &Plan, facts: &Facts) -> Option<Clearance> {
    let policy = &facts.catalog.settings.policy;
    let has_rules = policy.automatic.is_some() || policy.plain.is_some() || !policy.classes.is_empty() || !policy.intents.is_empty();
    if !has_rules {
        return None;
    }
    let view = View { plan, facts, policy };
    let row = CHECKLIST.iter().find(|check| (check.holds)(&view));
    let (ceremony, because) = row.map_or((Ceremony::Full, ELSE), |check| (check.ceremony, check.when));
    let needs_person = policy.automatic.as_ref().map(|rules| needs_person(plan, rules)).unwrap_or_default();
    Some(Clearance { ceremony, because: because.to_owned(), needs_person, passes: passes(plan.body.change.class, plan.body.change.intent) })
}

/// Why a person must clear it, one reason for each environment that no rule lets through.
fn needs_person(plan: &Plan, rules: &[Automatic]) -> Vec<String> {
    let flies_others = plan.body.steps.iter().any(|step| matches!(&step.work, Work::Call(call) if call.kind == FLIES_A_PLAN));
    let others = flies_others.then(|| "it flies other plans, which are not looked into here".to_owned());
    let held = plan.body.change.environments.iter().filter_map(|environment| held_in(plan, rules, environment));
    others.into_iter().chain(held).collect()
}

/// Why no rule lets it through in an environment: what the nearest of them lacks.
fn held_in(plan: &Plan, rules: &[Automatic], environment: &EnvironmentName) -> Option<String> {
    let of_it = rules.iter().filter(|rule| rule.environments.is_empty() || rule.environments.contains(environment));
    let nearest = of_it.map(|rule| lacks(plan, rule)).min_by_key(Vec::len);
    match nearest {
        Some(lacks) if lacks.is_empty() => None,
        Some(lacks) => Some(format!("{environment}: {}", lacks.join(", and "))),
        None => Some(format!("{environment}: nothing flies there without a person")),
    }
}

fn lacks(plan: &Plan, rule: &Automatic) -> Vec<String> {
    let (change, risk) = (&plan.body.change, plan.prediction.risk);
    let class = !rule.classes.is_empty() && !rule.classes.contains(&change.class);
    let intent = !rule.intents.is_empty() && !rule.intents.contains(&change.intent);
    let one_way = plan.body.envelope.one_way.len();
    [
        class.then(|| format!("the class {} does not fly by itself", change.class.name())),
        intent.then(|| format!("the intent {} does not fly by itself", change.intent.name())),
        (risk > rule.risk_max).then(|| format!("the risk is {risk}, and at most {} flies by itself", rule.risk_max)),
        (one_way > 0 && !rule.one_way).then(|| format!("{one_way} of its steps cannot be undone")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn passes(class: ChangeClass, intent: Intent) -> Vec<String> {
    let by_class = match class {
        ChangeClass::Emergency => {
            Some("class emergency: windows, Friday afternoons, freezes that except it, and what error budgets hold back")
        }
        ChangeClass::Standard => Some("class standard: freezes that except it"),
        ChangeClass::Normal => None,
    };
    let by_intent = match intent {
        Intent::Feature => None,
        Intent::Fix => Some("intent fix: what error budgets hold back"),
        Intent::Reliability => Some("intent reliability: what error budgets hold back"),
        Intent::Security => Some("intent security: what error budgets hold back"),
    };
    by_class.into_iter().chain(by_intent).map(str::to_owned).collect()
}

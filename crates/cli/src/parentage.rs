//! Child plans: made on another plan's approval, and held to its envelope.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning;
use crate::world::World;
use glidepath_model::{Code, Diagnostic, Plan, PlanId};

/// A plan as the child of another one, with what of it is outside of that one's envelope.
pub(crate) struct Child {
    pub(crate) plan: Plan,
    pub(crate) parent: PlanId,
    pub(crate) outside: Vec<String>,
}

impl Child {
    /// What is outside, each thing a finding of the plan.
    fn findings(&self) -> Vec<Diagnostic> {
        let parent = self.parent.short();
        let (old, new) = (parent, self.plan.id.short());
        let finding = |what: &String| {
            Diagnostic::warning(Code(681), format!("Outside of the envelope of plan {parent}: {what}."))
                .because("Whoever approved that plan has not approved this.")
                .hint(format!("Let them see `glidepath plan diff {old} {new}`, and approve it: `glidepath run {new}` at a terminal."))
        };
        self.outside.iter().map(finding).collect()
    }

    /// What it comes to, in one line.
    pub(crate) fn verdict(&self) -> String {
        let parent = self.parent.short();
        match self.outside.len() {
            0 => format!("It keeps within the envelope of plan {parent} and may fly on the same approval."),
            1 => format!("One thing is outside of the envelope of plan {parent} and needs approval again."),
            many => format!("{many} things are outside of the envelope of plan {parent} and need approval again."),
        }
    }
}

/// Makes a plan the child of a stored one.
pub(crate) async fn adopt(world: &World, plan: Plan, parent: &str) -> Result<Child, Failure> {
    let Some(approved) = planning::stored(world, parent).await? else {
        return Err(Failure::usage(
            format!("there is no stored plan `{parent}`"),
            "give the id of a plan, its first six digits or more; `glidepath plan` prints it",
        ));
    };
    let plan = glidepath_plan::child(plan, &approved.plan);
    let outside = glidepath_plan::outside(&approved.plan.body, &plan.body);
    let mut child = Child { plan, parent: approved.plan.id, outside };
    let findings = child.findings();
    child.plan.findings.extend(findings);
    Ok(child)
}

/// Refuses a child that nobody is asked about, where it is outside of its parent's envelope.
pub(crate) async fn refuse_outside(world: &World, plan: &Plan) -> Result<(), Failure> {
    let Some(parent) = &plan.body.parent else { return Ok(()) };
    let outside = match planning::stored(world, parent.as_str()).await? {
        Some(approved) => glidepath_plan::outside(&approved.plan.body, &plan.body),
        None => vec!["that plan is not stored any more, so nobody can say what was approved".to_owned()],
    };
    if outside.is_empty() {
        return Ok(());
    }
    let (old, new) = (parent.short(), plan.id.short());
    let refusal = |what: &String| {
        Diagnostic::error(Code(681), format!("plan {new} is outside of the envelope of plan {old}: {what}"))
            .because("the approval of that plan does not cover it")
            .hint(format!(
                "look at `glidepath plan diff {old} {new}`, then approve it: `glidepath run {new}` at a terminal, without `--yes`"
            ))
    };
    Err(Failure { exit: Exit::Refused, diagnostics: outside.iter().map(refusal).collect() })
}

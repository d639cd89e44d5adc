//! Steps of a runbook into steps of a plan.

use super::graph::Graph;
use super::{placed, predict};
use crate::codes;
use crate::command::shell_line;
use crate::lower::calls::{Kinds, LOOK_TIMEOUT, TIMEOUT_DEFAULT, fits_descriptor, on_unknown_default};
use crate::notes::Notes;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::{ActionTemplate, filled_text};
use glidepath_model::ids::{GroupName, StepId};
use glidepath_model::plan::{CompensateOn, Condition, Group, Phase, RetryPolicy, Step, Undo, Work};
use glidepath_model::runbook::{Runbook, RunbookStep, RunbookUndo, RunbookWork};
use glidepath_model::{Diagnostic, Facts, Millis};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Kind of the action that flies a plan as a run of its own.
pub(super) const RUN_KIND: &str = "run";
/// Kind of the action that takes it back.
const RUN_BACK_KIND: &str = "run-back";
/// How long a step that asks, or waits for an event, waits where it does not say.
const ASK_DEADLINE_DEFAULT: Millis = Millis::from_mins(24 * 60);
/// Needs of all steps of one plan together at most: fan-outs that follow each other multiply.
const NEEDS_MAX: usize = 100_000;

/// The steps in their order, and the fan-outs; what does not fit goes to the notes.
pub(super) fn lower(runbook: &Runbook, graph: &Graph<'_>, facts: &Facts, kinds: &Kinds<'_>, notes: &mut Notes) -> (Vec<Step>, Vec<Group>) {
    let ids: Vec<Vec<StepId>> = (0..runbook.steps.len()).map(|index| graph.ids(index)).collect();
    let width = |index: &usize| ids.get(*index).map_or(0, Vec::len);
    let needs = graph.needs.iter().enumerate().map(|(index, needs)| width(&index) * needs.iter().map(width).sum::<usize>()).sum::<usize>();
    if needs > NEEDS_MAX {
        let message = format!("The steps would need each other {needs} times; at most {NEEDS_MAX} are handled.");
        let diagnostic = Diagnostic::error(codes::TOO_MANY_STEPS, message)
            .because("Each element of a fan-out needs each element of the fan-out before it.")
            .hint("Put a step such as `{ id: copied, wait: 1s }` between the two.");
        notes.wrong(placed(diagnostic, runbook.place.as_ref()));
        return (Vec::new(), Vec::new());
    }
    let (mut steps, mut groups) = (Vec::new(), Vec::new());
    // Steps in a circle are made too, so that all that is wrong with them is said at once.
    let sorted: BTreeSet<usize> = graph.order.iter().copied().collect();
    let left_out = (0..runbook.steps.len()).filter(|index| !sorted.contains(index));
    for index in graph.order.iter().copied().chain(left_out) {
        let Some(step) = runbook.steps.get(index) else { continue };
        let needs: Vec<StepId> = graph.needs.get(index).into_iter().flatten().filter_map(|at| ids.get(*at)).flatten().cloned().collect();
        let mut lowering = Lowering { runbook, step, facts, kinds, notes };
        groups.extend(lowering.group());
        for (element, id) in ids.get(index).into_iter().flatten().enumerate() {
            let element = step.for_each.as_ref().and_then(|fan_out| fan_out.elements.get(element));
            steps.extend(lowering.step(id, element.map(String::as_str), &needs));
        }
    }
    (steps, groups)
}

struct Lowering<'a, 'k> {
    runbook: &'a Runbook,
    step: &'a RunbookStep,
    facts: &'a Facts,
    kinds: &'a Kinds<'k>,
    notes: &'a mut Notes,
}

impl Lowering<'_, '_> {
    fn wrong(&mut self, diagnostic: Diagnostic) {
        self.notes.wrong(placed(diagnostic, self.step.place.as_ref()));
    }

    fn group(&mut self) -> Option<Group> {
        let fan_out = self.step.for_each.as_ref()?;
        if fan_out.elements.is_empty() {
            self.wrong(
                Diagnostic::error(codes::NO_STEPS, format!("The fan-out `{}` has no elements.", self.step.id))
                    .because("Nothing would be done, and what needs it would begin.")
                    .hint("Name at least one element, or take the step away."),
            );
        }
        for (at, element) in fan_out.elements.iter().enumerate() {
            if fan_out.elements.get(..at).is_some_and(|before| before.contains(element)) {
                self.wrong(
                    Diagnostic::error(codes::STEP_TWICE, format!("`{element}` stands twice in the fan-out `{}`.", self.step.id))
                        .because("It would be done twice.")
                        .hint("Remove one of them."),
                );
            }
        }
        Some(Group {
            name: GroupName::new(self.step.id.as_str()),
            in_flight_max: fan_out.in_flight_max.max(1),
            failures_max: fan_out.failures_max,
            stagger_ms: fan_out.stagger_ms,
        })
    }

    fn step(&mut self, id: &StepId, element: Option<&str>, needs: &[StepId]) -> Option<Step> {
        let step = self.step;
        let values: BTreeMap<&str, String> = element.map(|element| ("item", element.to_owned())).into_iter().collect();
        let work = self.work(&values);
        let called = match &step.work {
            RunbookWork::Call(template) => Some((template.kind.as_str(), &template.input)),
            RunbookWork::Run { .. } => Some((RUN_KIND, &Value::Null)),
            RunbookWork::Wait(_) | RunbookWork::Ask(_) | RunbookWork::Event { .. } => None,
        };
        let kind = called.map(|(kind, _)| kind);
        let descriptor = kind.and_then(|kind| self.kinds.get(kind).copied());
        let timeout_ms = match kind {
            Some(_) => step.timeout_ms.or_else(|| descriptor.map(|d| d.timeout_ms)).unwrap_or(TIMEOUT_DEFAULT),
            None => LOOK_TIMEOUT,
        };
        let on_unknown = match (step.on_unknown, &step.probe, called) {
            (Some(on_unknown), _, _) => on_unknown,
            (None, Some(_), _) => OnUnknown::Probe,
            (None, None, Some((kind, input))) => on_unknown_default(kind, input, self.kinds),
            (None, None, None) => OnUnknown::Rerun,
        };
        if on_unknown == OnUnknown::Probe && step.probe.is_none() {
            self.wrong(
                Diagnostic::error(codes::ACTION_UNFIT, format!("`{}` is to be probed and has no probe.", step.id))
                    .because("Nothing would say whether it was done.")
                    .hint("Add `probe:` with a command that passes when it was done."),
            );
        }
        let validations: Vec<ActionCall> = step.check.iter().filter_map(|look| self.call(look, "check", &values)).collect();
        let probe = step.probe.as_ref().and_then(|look| self.call(look, "probe", &values));
        let undo = self.undo(&values, timeout_ms);
        if let Some(target) = step.target.as_ref().filter(|target| !self.facts.catalog.targets.contains_key(target)) {
            self.wrong(
                Diagnostic::error(codes::UNKNOWN_TARGET, format!("`{}` touches the target {target}, which is not declared.", step.id))
                    .because("Its limits and its lock could not hold.")
                    .hint("Correct the name, or declare the Target."),
            );
        }
        // Everything of the step has been looked at by now, so that all that is wrong with it has been said.
        let (work, (undo, compensate_on)) = (work?, undo?);
        let duration_key = kind.map(|_| format!("runbook/{}/{}", self.runbook.name, step.id));
        let tests: Vec<_> = step.when.iter().map(|test| test.value.clone()).collect();
        Some(Step {
            id: id.clone(),
            title: title(step, element, &values),
            phase: Phase::Deploy,
            saves_data: false,
            item: None,
            target: step.target.clone(),
            environment: self.runbook.environment.clone(),
            region: None,
            wave: 0,
            stage: 0,
            owner: self.runbook.owner.clone(),
            needs: needs.to_vec(),
            after_landing: false,
            when: (!tests.is_empty()).then_some(Condition { all: tests }),
            group: element.map(|_| GroupName::new(step.id.as_str())),
            deadline_ms: step.deadline_ms.filter(|_| kind.is_some()),
            expected: predict::estimate(&work, duration_key.as_deref(), self.facts),
            command: command(&work, &validations),
            work,
            validations,
            undo,
            compensate_on,
            on_unknown,
            probe,
            retry: self.retry(kind),
            timeout_ms,
            exposure: None,
            duration_key,
        })
    }

    fn work(&mut self, values: &BTreeMap<&str, String>) -> Option<Work> {
        let step = self.step;
        let deadline_ms = match (&step.work, step.deadline_ms) {
            (RunbookWork::Ask(_) | RunbookWork::Event { .. }, None) => {
                self.notes
                    .derive(format!("A step that asks or waits for an event and names no deadline waits {ASK_DEADLINE_DEFAULT} at most."));
                ASK_DEADLINE_DEFAULT
            }
            (_, deadline) => deadline.unwrap_or(ASK_DEADLINE_DEFAULT),
        };
        match &step.work {
            RunbookWork::Wait(length) => Some(Work::Wait(*length)),
            RunbookWork::Ask(prompt) => Some(Work::Manual { prompt: prompt.clone(), deadline_ms }),
            RunbookWork::Event { event, outputs } => Some(Work::Event { event: event.clone(), deadline_ms, outputs: outputs.clone() }),
            RunbookWork::Call(template) => self.call(template, "step", values).map(Work::Call),
            RunbookWork::Run { plan, stored } => {
                if stored.is_none() {
                    let message = format!("No one plan is stored whose id begins with `{}`.", plan.value);
                    let diagnostic = Diagnostic::error(codes::CHILD_PLAN_UNKNOWN, message)
                        .because("A child run flies a plan that people have seen, exactly as it was.")
                        .hint("Make it with `glidepath plan CHANGE`, and write the id that it prints.");
                    self.notes.wrong(placed(diagnostic, plan.place.as_ref()));
                }
                let id = stored.as_ref().map_or(plan.value.as_str(), |id| id.as_str());
                let call = ActionCall { kind: RUN_KIND.to_owned(), version: 1, input: json!({ "plan": id }) };
                self.fits(call, "step").map(Work::Call)
            }
        }
    }

    /// A call with the element in it. Values become words, variables or parts of a request; statements and calls of a router are taken as they
    /// stand, and shell text never takes a value.
    fn call(&mut self, template: &ActionTemplate, what: &str, values: &BTreeMap<&str, String>) -> Option<ActionCall> {
        if !matches!(template.kind.as_str(), "exec" | "http") {
            let call = ActionCall { kind: template.kind.clone(), version: 1, input: template.input.clone() };
            return self.fits(call, what);
        }
        let call = match template.filled(values) {
            Ok(call) => call,
            Err(mut left) => {
                left.sort_unstable();
                left.dedup();
                let message = format!("The {what} of `{}` has no value for {{{}}}.", self.step.id, left.join("}, {"));
                self.wrong(
                    Diagnostic::error(codes::PLACEHOLDER_LEFT, message)
                        .because("A command must be complete before it is planned.")
                        .hint("Known is {item}, in a step with `forEach`."),
                );
                return None;
            }
        };
        let is_shell = template.input.get("shell").and_then(Value::as_bool).unwrap_or(false);
        if is_shell && template.input.get("argv") != call.input.get("argv") {
            self.wrong(
                Diagnostic::error(codes::PLACEHOLDER_LEFT, format!("The {what} of `{}` has a placeholder in shell text.", self.step.id))
                    .because("A value pasted into shell text could run as a command.")
                    .hint("Put the value into `env` and use the variable in the text."),
            );
            return None;
        }
        self.fits(call, what)
    }

    fn fits(&mut self, call: ActionCall, what: &str) -> Option<ActionCall> {
        match fits_descriptor(&call, &format!("The {what} of `{}`", self.step.id), self.kinds) {
            Ok(()) => Some(call),
            Err((message, hint)) => {
                self.wrong(Diagnostic::error(codes::ACTION_UNFIT, message).because("The step could not be carried out.").hint(hint));
                None
            }
        }
    }

    /// `None` when its call does not fit.
    fn undo(&mut self, values: &BTreeMap<&str, String>, timeout_ms: Millis) -> Option<(Undo, CompensateOn)> {
        match (&self.step.undo, &self.step.work) {
            // A child run that is on its way goes back as well as one that has landed.
            (None, RunbookWork::Run { plan, stored }) => {
                let plan = stored.as_ref().map_or(plan.value.as_str(), |id| id.as_str());
                let call = ActionCall { kind: RUN_BACK_KIND.to_owned(), version: 1, input: json!({ "plan": plan }) };
                let command = format!("glidepath rollback RUN  # the child run that `{}` flew", self.step.id);
                let timeout_ms = self.kinds.get(RUN_BACK_KIND).map_or(timeout_ms, |descriptor| descriptor.timeout_ms);
                Some((Undo::Call { call, validations: Vec::new(), command, timeout_ms }, CompensateOn::Attempt))
            }
            (None | Some(RunbookUndo::Nothing), _) => Some((Undo::Nothing, CompensateOn::Done)),
            (Some(RunbookUndo::Leave(reason)), _) => Some((Undo::LeaveInPlace { reason: reason.clone() }, CompensateOn::Done)),
            (Some(RunbookUndo::ForwardOnly(reason)), _) => Some((Undo::ForwardOnly { reason: reason.clone() }, CompensateOn::Done)),
            (Some(RunbookUndo::Call { call: template, check, compensate_on }), _) => {
                let validations: Vec<ActionCall> =
                    check.iter().filter_map(|look| self.call(look, "check after the undo", values)).collect();
                let call = self.call(template, "undo", values)?;
                let command = std::iter::once(&call).chain(&validations).map(shell_line).collect::<Vec<_>>().join("\n");
                let own = template.timeout_ms.or_else(|| self.kinds.get(template.kind.as_str()).map(|d| d.timeout_ms));
                Some((Undo::Call { call, validations, command, timeout_ms: own.unwrap_or(timeout_ms) }, *compensate_on))
            }
        }
    }

    fn retry(&self, kind: Option<&str>) -> RetryPolicy {
        let (own, default) = (self.step.retry, RetryPolicy::default());
        let of_kind = kind.and_then(|kind| self.kinds.get(kind)).map(|d| d.attempts_max);
        let first_delay_ms = own.first_delay_ms.unwrap_or(default.first_delay_ms);
        RetryPolicy {
            attempts_max: own.attempts_max.or(of_kind).unwrap_or(default.attempts_max).max(1),
            first_delay_ms,
            delay_max_ms: own.delay_max_ms.unwrap_or(default.delay_max_ms).max(first_delay_ms),
        }
    }
}

fn title(step: &RunbookStep, element: Option<&str>, values: &BTreeMap<&str, String>) -> String {
    match (&step.title, element) {
        (Some(title), _) => {
            let mut left = Vec::new();
            let filled = filled_text(title, values, &mut left);
            if left.is_empty() { filled } else { title.clone() }
        }
        (None, Some(element)) => format!("{} for {element}", step.id),
        (None, None) => step.id.clone(),
    }
}

/// What a person would type.
fn command(work: &Work, validations: &[ActionCall]) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match work {
        Work::Call(call) => std::iter::once(call).chain(validations).map(shell_line).collect::<Vec<_>>().join("\n"),
        Work::Wait(length) => format!("sleep {}", length.0.div_ceil(1000)),
        Work::Manual { prompt, .. } => format!("glidepath promote RUN  # {}", one_line(prompt)),
        Work::Event { event, outputs, .. } if outputs.is_empty() => format!("glidepath signal RUN {event}"),
        Work::Event { event, outputs, .. } => {
            let brings: Vec<String> = outputs.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
            format!("glidepath signal RUN {event}  # brings {}", brings.join(", "))
        }
        Work::Gate(gate) => format!("watch {}", gate.subject),
    }
}

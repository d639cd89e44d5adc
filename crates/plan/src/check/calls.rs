//! Rules about what the steps call, how long that may take, and what lies behind what cannot be undone.

use super::{is_of_runbook, places, steps_by_target};
use crate::codes;
use crate::deadline::{Deadline, deadline, undo_cut as cut};
use crate::durations::{deploy_unbounded, deploys, is_known};
use crate::ladder::tenths;
use crate::lower::host::renews;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::Target;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::{StepId, TargetName};
use glidepath_model::plan::{Assignment, GateCheck, Phase, Step, Strategy, Undo, Work};
use glidepath_model::{Diagnostic, Facts, Millis, Plan, Severity, Share};
use std::collections::{BTreeMap, BTreeSet};

/// Time from the decision to safe traffic that a component of tier 1 should have at most.
const SAFETY_MAX: Millis = Millis::from_mins(5);
/// Earlier steps from which on their times are evidence.
const STEPS_FEW: u32 = 3;
/// Header fields that carry a secret.
const SECRET_HEADERS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];
/// Ends of the names of variables that hold a secret rather than where it is.
const SECRET_VARIABLES: [&str; 4] = ["PASSWORD", "PASSWD", "TOKEN", "API_KEY"];

/// Something that nothing takes back, with the gates behind it.
pub(super) fn one_way_early(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    if is_of_runbook(plan) {
        return Vec::new();
    }
    let mut behind: BTreeSet<&StepId> = BTreeSet::new();
    let (mut first, mut late) = (None, 0_usize);
    // Each step stands after all that it needs.
    for step in &plan.body.steps {
        let is_one_way = matches!(step.undo, Undo::ForwardOnly { .. });
        let is_late = step.needs.iter().any(|need| behind.contains(need));
        if is_one_way && first.is_none() {
            first = Some(step);
        }
        if is_one_way || is_late {
            behind.insert(&step.id);
        }
        late += usize::from(is_late && !step.after_landing && matches!(&step.work, Work::Gate(gate) if !gate.is_budget_look()));
    }
    let Some(first) = first.filter(|_| late > 0) else { return Vec::new() };
    let gates = if late == 1 { "a gate looks".to_owned() } else { format!("{late} gates look") };
    vec![
        Diagnostic::warning(codes::ONE_WAY_EARLY, format!("{} cannot be undone, and {gates} only after it.", first.id))
            .because("What they find can no longer take it back.")
            .hint(match first.item.and_then(|item| plan.body.change.items.get(item as usize)).map(|item| &item.kind) {
                Some(ItemKind::Contract { .. }) => {
                    "It is one-way by its nature: what speaks against it must be seen by the approval and the looks before it."
                }
                _ => "Declare how it is undone, or let it be a change of its own that follows when this one has landed.",
            }),
    ]
}

/// A secret that is written into the plan, where everybody who may read the plan reads it.
pub(super) fn secret_open(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    // One text for all steps that give away the same.
    let mut found: BTreeMap<(String, &str), (&StepId, usize)> = BTreeMap::new();
    for step in &plan.body.steps {
        let given_away: BTreeSet<(String, &str)> = calls_of(step).into_iter().flat_map(secrets_in).collect();
        for what in given_away {
            found.entry(what).or_insert((&step.id, 0)).1 += 1;
        }
    }
    let finding = |((what, instead), (step, steps)): ((String, &str), (&StepId, usize))| {
        let others = if steps > 1 { format!(" and {} more steps", steps - 1) } else { String::new() };
        Diagnostic::warning(codes::SECRET_OPEN, format!("{step}{others}: {what} stands in the plan in clear."))
            .because("Plans are stored, shown and sent around; whoever reads one could use it.")
            .hint(instead)
    };
    found.into_iter().map(finding).collect()
}

/// All that a step may call.
fn calls_of(step: &Step) -> Vec<&ActionCall> {
    let mut calls: Vec<&ActionCall> = step.validations.iter().chain(&step.probe).collect();
    match &step.work {
        Work::Call(call) => calls.push(call),
        Work::Gate(gate) => calls.extend(gate.checks.iter().flat_map(|check| match check {
            GateCheck::Probe { calls, .. } => calls.as_slice(),
            GateCheck::Proportion { .. }
            | GateCheck::Values { .. }
            | GateCheck::Threshold { .. }
            | GateCheck::Kayenta { .. }
            | GateCheck::Burn { .. } => &[],
        })),
        Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => {}
    }
    if let Undo::Call { call, validations, .. } = &step.undo {
        calls.push(call);
        calls.extend(validations);
    }
    calls.extend(step.exposure.as_ref().and_then(|exposure| exposure.safety.as_ref()));
    calls
}

/// What a call gives away, and what to do instead.
fn secrets_in(call: &ActionCall) -> Vec<(String, &'static str)> {
    let texts = |name: &str| -> Vec<(&str, &str)> {
        let fields = call.input.get(name).and_then(|fields| fields.as_object());
        fields.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
    };
    let mut found = Vec::new();
    for (name, value) in texts("headers") {
        if !value.is_empty() && SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            found.push((format!("the header `{name}`"), "Give it under `secretHeaders`, as `env:NAME` or `file:PATH`."));
        }
    }
    for (name, value) in texts("env") {
        if !value.is_empty() && SECRET_VARIABLES.iter().any(|end| name.to_ascii_uppercase().ends_with(end)) {
            found.push((format!("the variable `{name}`"), "Give it under `secrets`, as `env:NAME` or `file:PATH`."));
        }
    }
    let words = call.input.get("argv").and_then(|argv| argv.as_array()).into_iter().flatten();
    if words.chain(call.input.get("url")).filter_map(|word| word.as_str()).any(has_password) {
        found.push((
            "an address with a password".to_owned(),
            "Take the password out of the address and give it as a secret: `secretHeaders` of `http`, `secrets` of `exec`.",
        ));
    }
    found
}

/// Whether a text holds an address of the form `scheme://user:password@host`.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
    })
}

/// Hosts of a target that are all given the very same command: it cannot bring each of them there, or back.
pub(super) fn hosts_alike(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let steps = steps_by_target(plan);
    let mut findings = Vec::new();
    for (_, target) in deployed(plan, facts) {
        let of_target = || steps.get(&target.name).into_iter().flatten().filter(|step| deploys(step, target) && !renews(step));
        let forward = of_target().filter_map(|step| match &step.work {
            Work::Call(call) => Some(call),
            Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        });
        let back = of_target().filter_map(|step| match &step.undo {
            Undo::Call { call, .. } => Some(call),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        });
        // Without an undo of its own the deploy is what goes back, and is told of once.
        let found = [("deploy", alike(forward)), ("undo", alike(back))].into_iter().find_map(|(field, hosts)| Some((field, hosts?)));
        let Some((field, hosts)) = found else { continue };
        findings.push(
            Diagnostic::error(codes::HOSTS_ALIKE, format!("{hosts} hosts of {} are given one and the same {field} command.", target.name))
                .because(match field {
                    "deploy" => {
                        "It is called once for each host, so that it reaches one of them again and again, or all of them at the first."
                    }
                    _ => "It is called once for each host, so that it takes back one of them again and again, or all of them at the first.",
                })
                .hint(format!("Write `{{host}}` where the name of the host belongs in `{field}`.")),
        );
    }
    findings
}

/// How many calls are the same as another one.
fn alike<'p>(calls: impl Iterator<Item = &'p ActionCall>) -> Option<usize> {
    let mut times: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for call in calls {
        *times.entry((call.kind.as_str(), call.input.to_string())).or_default() += 1;
    }
    times.into_values().max().filter(|times| *times > 1)
}

/// A deploy that is the same for each version.
pub(super) fn version_unnamed(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let slips: BTreeMap<&TargetName, bool> = deployed(plan, facts)
        .filter_map(|(_, target)| {
            let deploy = target.deploy.as_ref().filter(|deploy| deploy.kind != "manual")?;
            (!deploy.input.to_string().contains("{version}")).then_some((&target.name, target.undo.is_some()))
        })
        .collect();
    let finding = |(target, has_undo): (&TargetName, bool)| {
        let severity = if has_undo { Severity::Warning } else { Severity::Error };
        Diagnostic::new(codes::VERSION_UNNAMED, severity, format!("The deploy of {target} is not told which version to bring."))
            .because(match has_undo {
                true => "It does the same for each version, so that the plan cannot say what it brings.",
                false => {
                    "It does the same for each version. The way back calls it with the old one, and would bring the new one once more."
                }
            })
            .hint("Write `{version}` where the version belongs in `deploy`.")
    };
    slips.into_iter().map(finding).collect()
}

/// The places to which a version is deployed.
fn deployed<'a>(plan: &'a Plan, facts: &'a Facts) -> impl Iterator<Item = (&'a Assignment, &'a Target)> {
    let is_version = |assignment: &Assignment| {
        let item = plan.body.change.items.get(assignment.item as usize);
        item.is_some_and(|item| matches!(item.kind, ItemKind::Version { .. }))
    };
    places(plan, facts).filter(move |(assignment, _)| is_version(assignment))
}

/// A request by POST or PATCH that is sent again when nobody knows whether it arrived.
pub(super) fn post_repeated(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for step in plan.body.steps.iter().filter(|step| step.phase != Phase::Preflight && step.on_unknown == OnUnknown::Rerun) {
        let Work::Call(call) = &step.work else { continue };
        let method = call.input.get("method").and_then(|method| method.as_str()).unwrap_or_default().to_ascii_uppercase();
        let is_once = call.kind == "http" && matches!(method.as_str(), "POST" | "PATCH");
        if is_once && told.insert((&step.target, step.group.as_ref(), method.clone())) {
            findings.push(
                Diagnostic::new(
                    codes::POST_REPEATED,
                    Severity::Note,
                    format!("{} sends {method} again when its outcome is unknown.", step.id),
                )
                .because(format!("{method} does not promise that twice is as good as once, unless the service keeps to the `Idempotency-Key` that is sent along."))
                .hint("See that the service does, or give a `probe` that tells whether it was done."),
            );
        }
    }
    findings
}

/// Important traffic that is safe only long after somebody has decided that it should be.
pub(super) fn safety_slow(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        if facts.catalog.components.get(&assignment.component).and_then(|component| component.tier) != Some(1) {
            continue;
        }
        let exposures = plan.body.steps.iter().filter(|step| step.item == Some(assignment.item)).filter_map(|step| {
            let exposure = step.exposure.as_ref().filter(|exposure| exposure.target == target.name)?;
            Some((exposure.safety_takes.as_ref()?.p50_ms, step))
        });
        let Some((takes, step)) = exposures.max_by_key(|(takes, _)| *takes).filter(|(takes, _)| *takes > SAFETY_MAX) else { continue };
        findings.push(
            Diagnostic::warning(
                codes::SAFETY_SLOW,
                format!(
                    "From {} on it takes {takes} until traffic of {} in {} is safe.",
                    step.id, assignment.component, assignment.environment
                ),
            )
            .because(format!("A component of tier 1 should be safe within {SAFETY_MAX}; whatever fails is met by users until then."))
            .hint("A router with weights, standby hosts or a flag shorten the way back; so does a faster undo."),
        );
    }
    findings
}

/// A part of the traffic on the new side that waits for a person, which the hold limit does not end.
pub(super) fn exposed_wait(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let hold = plan.body.hold_limit_ms;
    let mut exposed: BTreeMap<&StepId, Share> = BTreeMap::new();
    let mut findings = Vec::new();
    // Each step stands after all that it needs.
    for step in &plan.body.steps {
        let before = step.needs.iter().filter_map(|need| exposed.get(need)).max().copied();
        let now = match &step.exposure {
            Some(exposure) => Some(exposure.share).filter(|share| *share > Share::ZERO && *share < Share::ALL),
            None => before,
        };
        exposed.extend(now.map(|share| (&step.id, share)));
        let deadline = match &step.work {
            Work::Manual { deadline_ms, .. } | Work::Event { deadline_ms, .. } => *deadline_ms,
            Work::Call(_) | Work::Gate(_) | Work::Wait(_) => continue,
        };
        // How long an experiment waits for its decision is its own word.
        let decides =
            |assignment: &Assignment| assignment.strategy == Strategy::Experiment && Some(&assignment.target) == step.target.as_ref();
        if plan.body.assignments.iter().any(decides) {
            continue;
        }
        let Some(share) = before.filter(|_| deadline > hold) else { continue };
        findings.push(
            Diagnostic::warning(
                codes::EXPOSED_WAIT,
                format!("{} waits up to {deadline} for an answer, with {share} of the traffic on the new side.", step.id),
            )
            .because(format!("The hold limit of {hold} does not end that wait, so the part stays exposed for as long."))
            .hint(format!("Lower its deadline to {hold} or less, or raise `holdLimit` if that is meant.")),
        );
    }
    findings
}

/// A timeout under what earlier steps of the kind took, or under what a command of the step waits by its own word.
pub(super) fn timeout_short(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    let mut cut_short = BTreeSet::new();
    for step in &plan.body.steps {
        let work = match &step.work {
            Work::Call(call) => Some(call),
            Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        };
        let (undo, undo_timeout) = match &step.undo {
            Undo::Call { call, validations, timeout_ms, .. } => (std::iter::once(call).chain(validations).collect(), *timeout_ms),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => (Vec::new(), Millis::ZERO),
        };
        let forward = work.into_iter().chain(&step.validations).map(|call| (call, step.timeout_ms, ""));
        for (call, timeout, of) in forward.chain(undo.into_iter().map(|call| (call, undo_timeout, "the undo of "))) {
            let Some(waits) = own_timeout(call).filter(|waits| *waits > timeout) else { continue };
            if cut_short.insert((step.target.clone(), of, waits, timeout)) {
                let message = format!(
                    "An attempt of {of}{} may take {timeout}, and a command in it waits up to {waits} by its own `--timeout`.",
                    step.id
                );
                findings.push(
                    Diagnostic::warning(codes::TIMEOUT_SHORT, message)
                        .because("An attempt that is ended in mid-work leaves an unknown outcome although nothing went wrong.")
                        .hint("Raise `timeout` of the action on its target above it, or lower the command's own; on Kubernetes it is `rollout` of the runway."),
                );
            }
        }
    }
    for step in &plan.body.steps {
        let Some(key) = &step.duration_key else { continue };
        let target = step.target.as_ref().and_then(|name| facts.catalog.targets.get(name));
        let known = facts.durations.get(key).map(|fact| fact.value).filter(|known| known.count >= STEPS_FEW);
        let stated = target.filter(|target| deploys(step, target)).map(|target| deploy_unbounded(target, facts));
        let (long, source) = match (known, stated) {
            (Some(known), _) => (known.p95_ms, format!("{} earlier ones took up to {} (95 %)", known.count, known.p95_ms)),
            (None, Some(takes)) if is_known(&takes) => {
                (takes.p95_ms, format!("is expected to take {} (95 %: {})", takes.p50_ms, takes.p95_ms))
            }
            (None, Some(_) | None) => continue,
        };
        // What is usually ended has a finding of its own.
        let is_usual = deadline(step, facts).is_some_and(|deadline| deadline.is_usual());
        let ended = deadline(step, facts).map_or_else(String::new, |deadline| {
            format!(
                "; a try is ended with {:.0} %, all of them with {} %",
                deadline.ends_one() * 100.0,
                tenths(deadline.ends_all() * 100.0)
            )
        });
        if long <= step.timeout_ms || is_usual || !told.insert(key) {
            continue;
        }
        findings.push(
            Diagnostic::warning(codes::TIMEOUT_SHORT, format!("{} may take {}, and {source}{ended}.", step.id, step.timeout_ms))
                .because("An attempt that is ended in mid-work leaves an unknown outcome although nothing went wrong.")
                .hint("Raise `timeout` of the action on its target."),
        );
    }
    findings
}

/// A step whose own timeout ends most of its tries before they are done.
pub(super) fn step_cut(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for step in &plan.body.steps {
        let Some(deadline) = deadline(step, facts).filter(Deadline::is_usual) else { continue };
        if !told.insert((&step.target, &step.duration_key)) {
            continue;
        }
        let (usual, long, given) = (deadline.takes.p50_ms, deadline.takes.p95_ms, deadline.given);
        let (one, all) = (deadline.ends_one() * 100.0, deadline.ends_all() * 100.0);
        let tries = match deadline.tries {
            1 => "at its only try".to_owned(),
            tries => format!("at all of its {tries} tries"),
        };
        findings.push(
            Diagnostic::error(
                codes::STEP_CUT,
                format!(
                    "{} may take {given}, and is expected to take {usual} (95 %: {long}): it is ended {tries} with {all:.0} %.",
                    step.id
                ),
            )
            .because(format!("A try is ended in mid-work with {one:.0} %, and a flight of which a step is not done turns back."))
            .hint("Raise `timeout` of the action on its target, or leave it out: then it is twice what 95 % of the tries take."),
        );
    }
    findings
}

/// An undo whose own timeout ends it before it may be done.
pub(super) fn undo_cut(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    // What a runbook's undo takes is not known from its way forward.
    for step in plan.body.steps.iter().filter(|_| !is_of_runbook(plan)) {
        let Some(cut) = cut(step, facts).filter(|_| told.insert((&step.target, &step.duration_key))) else { continue };
        let (usual, long, given) = (cut.takes.p50_ms, cut.takes.p95_ms, cut.given);
        let reason = match cut.is_usual() {
            true => "Nearly every try is ended in mid-work, so there is no way back whose time could be promised.",
            false => "A try that is ended in mid-work leaves an unknown outcome, and the way back waits for a person.",
        };
        findings.push(
            Diagnostic::error(
                codes::UNDO_CUT,
                format!("The undo of {} may take {given}, and is expected to take {usual} (95 %: {long}).", step.id),
            )
            .because(reason)
            .hint("Raise `timeout` of its undo, or leave it out: then it is long enough."),
        );
    }
    findings
}

/// How long a command says that it waits: `--timeout=20s` or `--timeout 20s`, as `kubectl rollout status` has it.
fn own_timeout(call: &ActionCall) -> Option<Millis> {
    let argv = call.input.get("argv")?.as_array()?;
    let mut words = argv.iter().filter_map(|word| word.as_str());
    while let Some(word) = words.next() {
        let given = match word.strip_prefix("--timeout") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(length) = given {
            return Millis::parse(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn an_address_with_a_password_is_told_from_one_without() {
        for open in ["https://ada:pw@db/x", "--url=postgres://u:p@h:5432/d?x=1", "a b amqp://g:g@q"] {
            assert!(has_password(open), "{open}");
        }
        for closed in
            ["https://db:5432/x", "https://ada@db/", "http://h/p?mail=a:b@c", "https://u:$PW@h", "ssh://h", "u:p@h", "https://u:@h"]
        {
            assert!(!has_password(closed), "{closed}");
        }
    }
}

//! What follows when something goes wrong, branch by branch: read from the plan's own steps, gates and rules, as the engine decides it.
//!
//! Steps and gates that are met in the same way share one tree, which names all their places. What a failure for good leads to is told once; the other
//! trees end in it.

use crate::document::{Branch, Text};
use crate::figures::{listed, plural};
use crate::flight::{place_of, region_of};
use crate::places::joined;
use crate::promise;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::{OnFailure, OnWindowEnd};
use glidepath_model::command::{HAPROXY, SQL};
use glidepath_model::plan::{GateSpec, Phase, Step, TakeoffGate, Undo, Work};
use glidepath_model::{Millis, Plan};

/// How a tree ends that leads into the one of [`for_good`].
const FOR_GOOD: &str = "fails for good";

/// A branch without branches of its own.
fn leaf(text: impl Into<Text>) -> Branch {
    Branch { text: text.into(), then: Vec::new() }
}

fn fork(text: impl Into<Text>, then: Vec<Branch>) -> Branch {
    Branch { text: text.into(), then }
}

fn cause(what: impl Into<String>) -> Text {
    Text::new().strong(what)
}

fn joined_text(mut one: Text, other: Text) -> Text {
    one.0.extend(other.0);
    one
}

fn ends_in(before: &str) -> Text {
    Text::from(before).strong(FOR_GOOD)
}

/// What a failure for good leads to.
pub(crate) fn for_good(plan: &Plan) -> Branch {
    let back = || {
        let mut then = Vec::new();
        if promise::moves_traffic(plan) {
            then.push(leaf(format!("first its traffic, everywhere at once: {}", promise::safe(plan, promise::BOTH))));
        }
        let next = if then.is_empty() { "" } else { "then " };
        then.push(fork(
            format!("{next}what was done, in reverse order: {}", promise::all_undone(plan, promise::BOTH)),
            vec![fork(
                "an undo fails: it is repeated, and then a person is asked",
                vec![
                    leaf(Text::from("after mending the cause: ").code("glidepath retry RUN")),
                    leaf(Text::from("after doing it by hand (section 6): ").code("glidepath mark-done RUN")),
                ],
            )],
        ));
        let stays: Vec<&str> =
            plan.body.steps.iter().filter(|s| matches!(s.undo, Undo::ForwardOnly { .. })).map(|s| s.title.as_str()).collect();
        if !stays.is_empty() {
            then.push(leaf(format!("what cannot be undone stays: {}", listed(&stays))));
        }
        then
    };
    let head = cause("A step or a gate fails for good.");
    match plan.body.on_failure {
        OnFailure::RollbackChange | OnFailure::RollbackItem if !promise::has_way_back(plan) => {
            let stays = promise::one_way(plan).iter().map(|step| step.title.as_str()).collect::<Vec<_>>();
            let stays = if stays.is_empty() { String::new() } else { format!(": where it was begun, {} stays", listed(&stays)) };
            fork(
                head.plain(" Nothing new starts, and no command takes back what was done"),
                vec![
                    leaf(format!("what is in place is left as it is{stays}")),
                    leaf("section 6 says what is left to do: to restore, or to go on with what is mended"),
                ],
            )
        }
        OnFailure::RollbackChange => fork(head.plain(" Nothing new starts, and the whole change goes back"), back()),
        OnFailure::RollbackItem => {
            let mut then = back();
            then.push(leaf("what other items have done stays: the mixes of versions of section 6"));
            fork(head.plain(" Nothing new of its item starts, and the item goes back"), then)
        }
        OnFailure::Hold => {
            fork(head.plain(" Exposure stays where it is, and a person is asked"), answers(plan, "once the cause is mended", "retry"))
        }
    }
}

/// What a person can say to a run that holds.
fn answers(plan: &Plan, when: &str, verb: &str) -> Vec<Branch> {
    vec![
        leaf(Text::from(format!("{when}, it goes on: ")).code(format!("glidepath {verb} RUN"))),
        leaf(Text::from("it is to go back: ").code("glidepath abort RUN")),
        leaf(format!("nobody answers: {}", promise::unanswered(plan))),
    ]
}

/// Trees of the commands on the way: of those that say they were not done, and of those of which nobody knows.
pub(crate) fn of_commands(plan: &Plan) -> Vec<Branch> {
    let steps: Vec<&Step> = plan.body.steps.iter().filter(|s| !s.after_landing && matches!(s.work, Work::Call(_))).collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let failed = alike(&steps, |step| (step.retry.attempts_max, step.retry.first_delay_ms, step.retry.delay_max_ms, is_transaction(step)));
    let failed =
        failed.iter().map(|((most, first, longest, whole), steps)| of_failed(&who(plan, steps), (*most, *first, *longest), *whole));
    let cut_off = alike(&steps, |step| (step.on_unknown, is_transaction(step)));
    let cut_off = cut_off.iter().map(|((meeting, whole), steps)| of_cut_off(&who(plan, steps), *meeting, *whole));
    vec![
        fork(cause("A command says that it was not done."), failed.collect()),
        fork(
            cause("Nobody knows whether a command was done.").plain(" It was cut off, or took longer than its limit (section 4)"),
            cut_off.collect(),
        ),
    ]
}

/// Whether a step is done whole or not at all, and knows whether it was: transactions of SQL, which carry a key of their own. Where a statement refuses
/// to be part of one, a person is asked.
fn is_transaction(step: &Step) -> bool {
    step.on_unknown == OnUnknown::Rerun && matches!(&step.work, Work::Call(call) if call.kind == SQL)
}

/// Steps by what is the same of them, in the order of the plan.
fn alike<'a, T: PartialEq>(steps: &[&'a Step], of: impl Fn(&Step) -> T) -> Vec<(T, Vec<&'a Step>)> {
    let mut groups: Vec<(T, Vec<&Step>)> = Vec::new();
    for step in steps {
        let key = of(step);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, steps)) => steps.push(step),
            None => groups.push((key, vec![step])),
        }
    }
    groups
}

/// How the name begins under which the duration of stops is learnt.
pub(crate) const HALT: &str = "halt/";

/// What commands are for, in the order in which they are told.
const ROLES: [(&str, &str); 11] = [
    ("check before take-off", "checks before take-off"),
    ("backup", "backups"),
    ("preparation", "preparations"),
    ("command that brings the new side", "commands that bring the new side"),
    ("shift of traffic", "shifts of traffic"),
    ("check at the end", "checks at the end"),
    ("command that cleans up", "commands that clean up"),
    ("statement on data", "statements on data"),
    ("look before a wave", "looks before a wave"),
    ("stop of a host", "stops of hosts"),
    ("command that takes work from a host or gives it back", "commands that take work from hosts or give it back"),
];

/// The part of an id by which looks before a wave are known.
pub(crate) const AGAIN: &str = "/again/";

fn role(step: &Step) -> (&'static str, &'static str) {
    let shifts = matches!(&step.work, Work::Call(call) if call.kind == HAPROXY);
    match step.phase {
        Phase::Preflight => ROLES[0],
        Phase::Prepare if step.saves_data => ROLES[1],
        Phase::Prepare | Phase::Deploy if matches!(&step.work, Work::Call(call) if call.kind == SQL) => ROLES[7],
        Phase::Prepare => ROLES[2],
        Phase::Deploy if shifts => ROLES[4],
        Phase::Deploy if step.id.as_str().contains(AGAIN) => ROLES[8],
        Phase::Deploy if is_learnt_as(step, &[HALT]) => ROLES[9],
        Phase::Deploy if is_learnt_as(step, &["drain/", "admit/"]) => ROLES[10],
        Phase::Deploy => ROLES[3],
        Phase::Verify => ROLES[5],
        Phase::Finish => ROLES[6],
    }
}

/// By the name under which its duration is learnt.
fn is_learnt_as(step: &Step, kinds: &[&str]) -> bool {
    step.duration_key.as_ref().is_some_and(|key| kinds.iter().any(|kind| key.starts_with(kind)))
}

/// `2 backups and 3 shifts of traffic of payments in production`.
fn who(plan: &Plan, steps: &[&Step]) -> String {
    let roles = ROLES.into_iter().filter_map(|(one, many)| {
        let count = steps.iter().filter(|step| role(step) == (one, many)).count();
        (count > 0).then(|| plural(count, one, many))
    });
    let places: Vec<String> = steps.iter().map(|step| environment_of(plan, step)).collect();
    format!("{} of {}", listed(&roles.collect::<Vec<_>>()), joined(&places))
}

fn of_failed(who: &str, (attempts_max, first_delay, delay_max): (u32, Millis, Millis), is_whole: bool) -> Branch {
    let whole = if is_whole { ", for a transaction that fails leaves nothing behind" } else { "" };
    match attempts_max {
        0 | 1 => leaf(ends_in(&format!("{who}: not tried again, it "))),
        most => fork(
            format!(
                "{who}: tried again{whole}, {most} times in all, the second time after {first_delay} and then at most {delay_max} apart"
            ),
            vec![leaf("one try succeeds: the flight goes on"), leaf(ends_in("none does: it "))],
        ),
    }
}

fn of_cut_off(who: &str, meeting: OnUnknown, is_whole: bool) -> Branch {
    let asked = || {
        vec![
            leaf(Text::from("it was done: ").code("glidepath mark-done RUN")),
            leaf(Text::from("it was not: ").code("glidepath retry RUN").plain(", or ").code("glidepath abort RUN")),
        ]
    };
    match meeting {
        OnUnknown::Rerun if is_whole => {
            leaf(format!("{who}: run again, since the database knows by a key what was done, and does it no second time"))
        }
        OnUnknown::Rerun => leaf(format!("{who}: run again, which the plan takes to do no harm")),
        OnUnknown::Probe => fork(
            format!("{who}: what is there is asked, for 30 s"),
            vec![
                leaf("it is there: the flight goes on"),
                leaf("it is not there: the same as when it says so itself, above"),
                fork("no answer: a person looks, and says", asked()),
            ],
        ),
        OnUnknown::Ask => fork(format!("{who}: a person looks, and says"), asked()),
    }
}

/// The tree of the gates on the way; `None` where there are none.
pub(crate) fn of_gates(plan: &Plan) -> Option<Branch> {
    let gates: Vec<&GateSpec> = plan
        .body
        .steps
        .iter()
        .filter(|step| !step.after_landing)
        .filter_map(|step| if let Work::Gate(gate) = &step.work { Some(&**gate) } else { None })
        .filter(|gate| !gate.is_budget_look())
        .collect();
    let patience = span(gates.iter().map(|gate| gate.patience_ms))?;
    let early = match gates.iter().filter(|gate| gate.early_promotion).count() {
        0 => "",
        all if all == gates.len() => ", or earlier by evidence",
        _ => ", some earlier by evidence",
    };
    Some(fork(
        cause("A gate watches").plain(format!(": {} of this plan", plural(gates.len(), "gate", "gates"))),
        vec![
            leaf(ends_in("it sees a regression: it closes at that look and ")),
            leaf(format!("it sees none: it passes at the end of its bake{early}")),
            fork(
                format!(
                    "it cannot tell, because telemetry is silent or nobody asks the service: it looks on, for {patience} in all, never passes by itself, then holds and asks a person"
                ),
                answers(plan, "somebody has looked at what section 5 lists and it is well", "promote"),
            ),
        ],
    ))
}

/// `6 s`, `3 min to 34 min 30 s`.
fn span(lengths: impl Iterator<Item = Millis> + Clone) -> Option<String> {
    let (least, most) = (lengths.clone().min()?, lengths.max()?);
    Some(if least == most { least.to_string() } else { format!("{least} to {most}") })
}

/// Trees of what people and others outside are waited for.
pub(crate) fn of_waits(plan: &Plan) -> Vec<Branch> {
    let trees = plan.body.steps.iter().filter_map(|step| match &step.work {
        Work::Manual { prompt, deadline_ms } => Some(fork(
            joined_text(cause("A person is asked").plain(format!(": {}: ", step.title)), prompt.as_str().into()),
            vec![
                leaf(Text::from("yes: ").code("glidepath promote RUN")),
                leaf(Text::from("no: ").code("glidepath abort RUN")),
                leaf(ends_in(&format!("no answer within {deadline_ms}: it "))),
            ],
        )),
        Work::Event { event, deadline_ms, .. } => Some(fork(
            cause("An event is waited for").plain(format!(": {}", step.title)),
            vec![
                leaf(Text::from("it happens: ").code(format!("glidepath signal RUN {event}"))),
                leaf(ends_in(&format!("nobody tells it within {deadline_ms}: the step "))),
            ],
        )),
        Work::Call(_) | Work::Gate(_) | Work::Wait(_) => None,
    });
    trees.collect()
}

/// The tree of a window that closes in mid-flight; `None` where no calendar counts.
pub(crate) fn of_window(plan: &Plan) -> Option<Branch> {
    plan.body.takeoff.iter().any(|gate| matches!(gate, TakeoffGate::Calendar { .. })).then(|| {
        let head = cause("The window closes in mid-flight");
        match plan.body.change.on_window_end {
            OnWindowEnd::Finish => leaf(head.plain(": what began is finished")),
            OnWindowEnd::Rollback => leaf(head.plain(": everything goes back, unless all of it is confirmed already")),
            OnWindowEnd::Hold => fork(
                head.plain(": nothing more starts"),
                vec![
                    leaf("it opens again: the flight goes on"),
                    leaf(Text::from("somebody wants to go on now: ").code("glidepath resume RUN --reason \"...\"")),
                    leaf(format!("nobody does: {}", promise::unanswered(plan))),
                ],
            ),
        }
    })
}

/// The guard waits a quarter of the hold limit, and no longer than this.
const GUARD_WAITS_MAX: Millis = Millis::from_secs(30);

/// The tree of a runner that is gone.
pub(crate) fn of_runner(plan: &Plan) -> Branch {
    fork(
        cause("The process that flies it dies, or its machine does"),
        vec![
            leaf(
                Text::from(format!(
                    "the guard takes over after {}, and flies on: ",
                    Millis(plan.body.hold_limit_ms.0 / 4).min(GUARD_WAITS_MAX)
                ))
                .code("glidepath watch RUN"),
            ),
            fork(
                Text::from("the guard is gone as well: ")
                    .code("glidepath status")
                    .plain(" says that nobody flies the run, and exposure stays as it is"),
                vec![
                    leaf(Text::from("fly on: ").code("glidepath resume RUN")),
                    leaf(Text::from("go back: ").code("glidepath abort RUN")),
                    leaf(format!("neither works: section 6 by hand; {}", promise::safe_within(plan, promise::P95))),
                ],
            ),
        ],
    )
}

/// `payments in production`, without the region.
fn environment_of(plan: &Plan, step: &Step) -> String {
    let place = place_of(plan, step);
    region_of(step).and_then(|region| place.strip_suffix(&format!(", {region}"))).map_or(place.clone(), str::to_owned)
}

//! Plans to simulate: the plans of the examples where they were handed in, shapes like theirs, and random small ones.

use super::Options;
use crate::plans::{canary_plan, chain_plan, parse_plan};
use glidepath_model::Millis;
use glidepath_model::plan::{PlanBody, Step, Undo, Work};
use glidepath_rehearse::Random;
use std::fmt::Write as _;

/// Shapes as the planner makes them, in the compact text of `plans`.
const SHAPES: [(&str, &str); 7] = [
    (
        "rolling behind a router",
        "plan hold-limit 60s\ncall preflight undo nothing\n\
         call drain-1 needs preflight\ncall deploy-1 needs drain-1 compensate attempt unknown probe\ncall join-1 needs deploy-1 target web share 50\n\
         gate watch-1 needs join-1 bake 6s min-bake 2s patience 20s\n\
         call drain-2 needs watch-1\ncall deploy-2 needs drain-2 compensate attempt unknown probe\ncall join-2 needs deploy-2 target web share 100\n\
         gate watch-2 needs join-2 bake 6s min-bake 2s patience 20s\n",
    ),
    (
        "rolling without a router",
        "plan hold-limit 60s\ncall deploy-1 compensate attempt target web share 33 safety none\ngate watch-1 needs deploy-1 bake 5s patience 20s\n\
         call deploy-2 needs watch-1 compensate attempt target web share 66 safety none safety-needs deploy-1\n\
         call deploy-3 needs deploy-2 compensate attempt target web share 100 safety none safety-needs deploy-1,deploy-2\ngate watch-3 needs deploy-3 bake 5s patience 20s check threshold\n",
    ),
    (
        "blue-green",
        "plan hold-limit 60s\ncall green undo call unknown probe compensate attempt\ncall smoke needs green undo nothing\n\
         call switch needs smoke target web share 100\ngate watch needs switch bake 10s min-bake 4s patience 30s\nwait settle needs watch for 20s\ncall drop-blue needs settle undo one-way\n",
    ),
    (
        "flag",
        "plan hold-limit 30s\ncall flag-5 target users share 5\ngate watch-5 needs flag-5 bake 8s min-bake 4s patience 20s early yes\n\
         call flag-50 needs watch-5 target users share 50\ngate watch-50 needs flag-50 bake 8s patience 20s\ncall flag-100 needs watch-50 target users share 100\n\
         gate watch-100 needs flag-100 bake 8s patience 20s\n",
    ),
    (
        "expand and contract",
        "plan on-failure hold hold-limit 60s items 2\ncall backup saves data undo leave\ncall expand needs backup item 0 unknown ask\n\
         call deploy needs expand item 1 compensate attempt unknown probe\ncall shift needs deploy item 1 target web share 100 safety-needs deploy\n\
         gate watch needs shift item 1 bake 6s patience 20s\nmanual sign-off needs watch for 60s\ncall contract needs sign-off item 0 undo one-way unknown ask\n",
    ),
    (
        "two regions at once, by item",
        "plan on-failure rollback-item hold-limit 60s items 2\ncall deploy/eu item 0 compensate attempt\ncall deploy/us item 1 compensate attempt\n\
         call shift/eu needs deploy/eu item 0 target web region eu share 25\ncall shift/us needs deploy/us item 1 target web region us share 25\n\
         gate watch/eu needs shift/eu item 0 bake 6s patience 20s\ngate watch/us needs shift/us item 1 bake 6s patience 20s check threshold\n\
         call all/eu needs watch/eu item 0 target web region eu share 100\ncall all/us needs watch/us item 1 target web region us share 100\n\
         wait settle needs all/eu,all/us for 5s\n",
    ),
    ("one step that asks", "plan on-failure hold\ncall only unknown ask tries 1\n"),
];

/// The number, among those that are drawn for the shape of a plan, that stands for a ready one.
const READY_SHAPE: u64 = 10;

/// A plan with the text it was made from, for people.
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) plan: PlanBody,
}

/// A plan that was made elsewhere, such as by the planner.
#[derive(Clone, Debug)]
pub struct ReadyPlan {
    name: String,
    plan: PlanBody,
}

impl ReadyPlan {
    /// The plan with its steps, needs and ways back as they are, and with lengths of time like those of the other simulated plans: a simulation
    /// lasts minutes.
    pub fn new(name: &str, plan: &PlanBody) -> Self {
        let mut plan = plan.clone();
        shorten(&mut plan.hold_limit_ms, 60);
        plan.limits.deadline_ms.iter_mut().for_each(|deadline| shorten(deadline, 300));
        plan.groups.iter_mut().for_each(|group| shorten(&mut group.stagger_ms, 3));
        plan.steps.iter_mut().for_each(shorten_step);
        Self { name: name.to_owned(), plan }
    }
}

fn shorten_step(step: &mut Step) {
    shorten(&mut step.timeout_ms, 10);
    shorten(&mut step.retry.first_delay_ms, 1);
    shorten(&mut step.retry.delay_max_ms, 5);
    step.deadline_ms.iter_mut().for_each(|deadline| shorten(deadline, 40));
    if let Undo::Call { timeout_ms, .. } = &mut step.undo {
        shorten(timeout_ms, 10);
    }
    match &mut step.work {
        Work::Call(_) => {}
        Work::Gate(gate) => {
            shorten(&mut gate.min_bake_ms, 2);
            shorten(&mut gate.bake_ms, 6);
            shorten(&mut gate.patience_ms, 20);
            shorten(&mut gate.look_every_ms, 1);
        }
        Work::Wait(length) => shorten(length, 5),
        Work::Manual { deadline_ms, .. } | Work::Event { deadline_ms, .. } => shorten(deadline_ms, 30),
    }
}

fn shorten(length: &mut Millis, secs_max: u64) {
    *length = (*length).min(Millis::from_secs(secs_max));
}

/// A plan: the ready one that is asked for; else a shape (one time in four), a ready one (one time in forty), or a random one of at most
/// as many steps as are asked for.
pub(super) fn draw(random: &mut Random, options: &Options) -> Drawn {
    let shape = random.below(4 * 10);
    let steps = random.between(1, 10);
    let mut own = Random::new(random.next());
    let named = options.plans.iter().find(|ready| Some(&ready.name) == options.only.as_ref());
    let takes_ready = shape == READY_SHAPE && options.plan_steps.is_none() && !options.plans.is_empty();
    let picked = if takes_ready { own.pick(&options.plans) } else { None };
    if let Some(ready) = named.or(picked) {
        return Drawn { name: ready.name.clone(), plan: ready.plan.clone() };
    }
    let steps_max = options.plan_steps;
    match (steps_max, shape) {
        (None, 0) => Drawn { name: "canary in two regions".to_owned(), plan: canary_plan("simulated", Millis::from_secs(4)) },
        (None, 1) => Drawn { name: "chain of six".to_owned(), plan: chain_plan("simulated", 6) },
        (None, at @ 2..10) => {
            let (name, text) = SHAPES[usize::try_from(at - 2).unwrap_or(0) % SHAPES.len()];
            read(name, text)
        }
        _ => {
            let text = sketch(&mut own, steps_max.unwrap_or(usize::try_from(steps).unwrap_or(1)));
            read(&text, &text)
        }
    }
}

/// A text that cannot be read gives a plan without steps, which lands at once and is found by the tests of the shapes.
fn read(name: &str, text: &str) -> Drawn {
    let empty = || chain_plan("simulated", 0);
    Drawn { name: name.to_owned(), plan: parse_plan("simulated", text).unwrap_or_else(|_| empty()) }
}

fn sketch(random: &mut Random, steps: usize) -> String {
    let on_failure = random.pick(&["rollback-change", "rollback-item", "hold"]).copied().unwrap_or("hold");
    let on_window_end = random.pick(&["finish", "hold", "rollback"]).copied().unwrap_or("hold");
    let hold_limit = random.between(20, 60);
    let mut text =
        format!("plan on-failure {on_failure} on-window-end {on_window_end} hold-limit {hold_limit}s items 3{}\n", header_words(random));
    let mut calls: Vec<usize> = Vec::new();
    for at in 0..steps {
        // Few needs: the last two earlier steps at most, so that plans are neither chains nor heaps.
        let near: Vec<usize> = (at.saturating_sub(2)..at).collect();
        let needs = some_of(random, &near);
        let needs = if needs.is_empty() { String::new() } else { format!(" needs {needs}") };
        let item = match random.below(4) {
            3 => String::new(),
            item => format!(" item {item}"),
        };
        let (work, rest) = match random.below(10) {
            0 => ("gate", " bake 8s min-bake 2s patience 20s early yes".to_owned()),
            1 => ("gate", " bake 5s patience 20s check threshold".to_owned()),
            2 => ("wait", " for 3s".to_owned()),
            3 if random.chance(500) => ("event", " named go for 30s".to_owned()),
            3 => ("manual", " for 30s".to_owned()),
            _ => ("call", call_words(random, &calls)),
        };
        let when = match near.iter().rev().find(|step| calls.contains(step)) {
            Some(step) if random.chance(100) => {
                format!(" when s{step}.count{}", random.pick(&["==1", "<1", ">=1"]).copied().unwrap_or_default())
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "{work} s{at}{needs}{item}{rest}{when}");
        if work == "call" {
            calls.push(at);
        }
    }
    if random.chance(250) {
        text.push_str("gate observe bake 10s patience 30s after-landing yes\n");
    }
    text
}

/// What shapes the graph beside its edges. Targets are throttled for all runs of a simulation together.
fn header_words(random: &mut Random) -> String {
    let mut words = format!(" groups many:{}:{}:{}s", random.between(1, 3), random.below(3), random.below(4));
    if random.chance(150) {
        let _ = write!(words, " in-flight {}", random.between(1, 3));
    }
    if random.chance(100) {
        let _ = write!(words, " retries {}", random.below(5));
    }
    if random.chance(50) {
        let _ = write!(words, " deadline {}s", random.between(20, 200));
    }
    if random.chance(200) {
        let _ = write!(words, " rate web:{}/{}s", random.between(1, 4), random.between(1, 20));
    }
    if random.chance(200) {
        let _ = write!(words, " breaker web:{}/60s/{}s", random.between(1, 3), random.between(5, 60));
    }
    if random.chance(500) {
        let locks = random.pick(&["db", "db:shared", "db:1/2", "db:2/2,cache", "cache,db:shared"]).copied().unwrap_or("db");
        let _ = write!(words, " locks {locks}");
    }
    words
}

fn some_of(random: &mut Random, steps: &[usize]) -> String {
    steps.iter().filter(|_| random.chance(500)).map(|step| format!("s{step}")).collect::<Vec<_>>().join(",")
}

fn call_words(random: &mut Random, calls: &[usize]) -> String {
    let mut word = |from: &[&'static str]| random.pick(from).copied().unwrap_or_default();
    let undo = word(&["call", "call", "call", "call", "nothing", "leave", "one-way"]);
    let unknown = word(&["rerun", "probe", "ask"]);
    let compensate = word(&["attempt", "done"]);
    let mut words = format!(" undo {undo} unknown {unknown} compensate {compensate} tries {}", random.between(1, 3));
    if random.chance(200) {
        words.push_str(" group many");
    }
    if random.chance(100) {
        let _ = write!(words, " step-deadline {}s", random.between(2, 40));
    }
    if random.chance(500) {
        let region = random.pick(&["eu", "us"]).copied().unwrap_or("eu");
        let share = random.pick(&[5, 25, 100]).copied().unwrap_or(5);
        let _ = write!(words, " target web region {region} share {share}");
        if random.chance(250) {
            words.push_str(" safety none");
        }
        let needs = some_of(random, calls);
        if random.chance(333) && !needs.is_empty() {
            let _ = write!(words, " safety-needs {needs}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_shape_and_every_sketch_can_be_read() {
        for (name, text) in SHAPES {
            assert!(!parse_plan("simulated", text).unwrap().steps.is_empty(), "{name}");
        }
        for seed in 0..200 {
            let text = sketch(&mut Random::new(seed), 9);
            let steps = parse_plan("simulated", &text).unwrap().steps;
            assert_eq!(steps.iter().filter(|step| !step.after_landing).count(), 9, "{text}");
        }
    }
}

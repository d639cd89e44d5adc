//! Laws that hold for every plan, every order of inputs and every outcome.

use crate::flight::{Flight, done, process, who};
use glidepath_engine::{Claiming, Input, Mode, Pilot, Progress, RunState, WindowNow, apply, decide, invariants};
use glidepath_model::change::OnWindowEnd;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, Recorded, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Undo};
use glidepath_model::projection::ClaimWait;
use glidepath_model::request::Verb;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, ResourceName, RunId, StepId};
use glidepath_testkit::plans::{canary_plan, parse_plan};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Inputs with good news only, after which every run must have come to rest.
const CALM_INPUTS_MAX: usize = 3_000;

/// One line of a plan, with numbers that are reduced to what fits at its place.
#[derive(Clone, Debug)]
struct Sketch {
    work: u8,
    needs: u16,
    item: u8,
    undo: u8,
    unknown: u8,
    tries: u8,
    exposure: u8,
    safety: u8,
    safety_needs: u16,
    attempt: bool,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    (any::<u8>(), any::<u16>(), any::<u8>(), any::<u8>(), any::<u8>(), 1_u8..4, any::<u8>(), any::<u8>(), any::<u16>(), any::<bool>())
        .prop_map(|(work, needs, item, undo, unknown, tries, exposure, safety, safety_needs, attempt)| Sketch {
            work,
            needs,
            item,
            undo,
            unknown,
            tries,
            exposure,
            safety,
            safety_needs,
            attempt,
        })
}

fn plan_of(rules: u8, sketches: &[Sketch]) -> PlanBody {
    let on_failure = ["rollback-change", "rollback-item", "hold"][usize::from(rules) % 3];
    let on_window_end = ["finish", "hold", "rollback"][usize::from(rules / 3) % 3];
    // What shapes the graph beside its edges, in some of the plans.
    let shaped = [
        "",
        " groups many:1:1:2s rate web:1/10s breaker web:1/60s/20s",
        " groups many:2:0:0s in-flight 2 retries 2",
        " groups many:3:2:1s locks db,slots:1/2 deadline 200s",
    ][usize::from(rules / 9) % 4];
    let mut text = format!("plan on-failure {on_failure} on-window-end {on_window_end} hold-limit 60s items 3{shaped}\n");
    let mut calls: Vec<usize> = Vec::new();
    let mut holds_back: Vec<usize> = Vec::new();
    for (at, s) in sketches.iter().enumerate() {
        let pick = |bits: u16, from: &[usize]| -> String {
            from.iter().filter(|i| bits >> (**i % 16) & 1 == 1).map(|i| format!("s{i}")).collect::<Vec<_>>().join(",")
        };
        // Few needs: the last two earlier steps at most, so that plans are neither chains nor heaps.
        let near: Vec<usize> = (at.saturating_sub(2)..at).filter(|earlier| holds_back.contains(earlier)).collect();
        let needs = pick(s.needs, &near);
        let needs = if needs.is_empty() { String::new() } else { format!(" needs {needs}") };
        let (work, rest) = match s.work % 10 {
            0 => ("gate", " bake 10s min-bake 2s patience 20s early yes".to_owned()),
            1 if s.item.is_multiple_of(2) => ("gate", " bake 15s patience 20s check threshold after-landing yes".to_owned()),
            1 => ("gate", " bake 5s patience 20s check threshold".to_owned()),
            2 => ("wait", " for 3s".to_owned()),
            3 if s.undo.is_multiple_of(2) => ("event", " named go for 30s".to_owned()),
            3 => ("manual", " for 30s".to_owned()),
            _ => {
                let group = if !shaped.is_empty() && s.tries > 1 { " group many" } else { "" };
                let when = calls.last().filter(|_| s.work % 10 == 9).map(|call| format!(" when s{call}.count>0")).unwrap_or_default();
                let deadline = if s.work % 10 == 8 { " step-deadline 15s" } else { "" };
                ("call", format!("{}{group}{when}{deadline}", call_words(s, &pick(s.safety_needs, &calls))))
            }
        };
        let item = if s.item % 4 == 3 { String::new() } else { format!(" item {}", s.item % 4) };
        text.push_str(&format!("{work} s{at}{needs}{item}{rest}\n"));
        if work == "call" {
            calls.push(at);
        }
        if !rest.contains("after-landing") {
            holds_back.push(at);
        }
    }
    let mut plan = parse_plan("scripted", &text).unwrap();
    plan.change.reason = Some(text);
    plan
}

fn call_words(s: &Sketch, safety_needs: &str) -> String {
    let undo = ["call", "call", "call", "call", "nothing", "leave", "one-way"][usize::from(s.undo) % 7];
    let unknown = ["rerun", "probe", "ask"][usize::from(s.unknown) % 3];
    let compensate = if s.attempt { "attempt" } else { "done" };
    let mut words = format!(" undo {undo} unknown {unknown} tries {} compensate {compensate}", s.tries);
    if s.exposure % 5 < 3 {
        let (region, share) = (["eu", "us"][usize::from(s.exposure / 5) % 2], [5, 25, 100][usize::from(s.exposure / 10) % 3]);
        words.push_str(&format!(" target web region {region} share {share}"));
        if s.safety.is_multiple_of(4) {
            words.push_str(" safety none");
        }
        if s.safety.is_multiple_of(3) && !safety_needs.is_empty() {
            words.push_str(&format!(" safety-needs {safety_needs}"));
        }
    }
    words
}

/// One rough input, chosen by a number among what is possible.
fn rough(flight: &mut Flight, choice: u32) {
    let (what, which) = (choice % 22, (choice / 22) as usize);
    let asked = flight.asked();
    let open = flight.open();
    let watched = flight.watched();
    match what {
        0..=6 if !open.is_empty() => {
            let attempt = open[which % open.len()].clone();
            let outcome = match choice / 256 % 8 {
                0 => Outcome::NotDone { reason: "broke".to_owned(), retryable: true },
                1 => Outcome::NotDone { reason: "refused".to_owned(), retryable: (choice / 4096).is_multiple_of(2) },
                2 => Outcome::Unknown { reason: "silence".to_owned() },
                3 if matches!(attempt.direction, Direction::Do | Direction::Undo) => Outcome::Unverified { reason: "sick".to_owned() },
                _ => done(),
            };
            flight.end(attempt, outcome);
        }
        7..=9 if !watched.is_empty() => {
            flight.now = flight.now.plus(Millis(u64::from(choice / 256 % 8) * 1_500));
            let verdict = match choice / 4096 % 8 {
                0 => VerdictKind::Regression,
                1 | 2 => VerdictKind::Undecided,
                _ => VerdictKind::NoRegression,
            };
            flight.look(&watched[which % watched.len()].clone(), verdict);
        }
        10 | 11 => {
            flight.now = flight.wake_at().map_or(flight.now, |at| at.max(flight.now));
            flight.input(Input::Wake);
        }
        12 => {
            let verb = Verb::ALL[which % Verb::ALL.len()];
            let steps = &flight.plan.steps;
            let step = (choice / 4096).is_multiple_of(3).then(|| steps[which / 12 % steps.len()].id.clone());
            flight.ask(verb, step, (choice / 65_536).is_multiple_of(2).then(|| "because".to_owned()));
        }
        13 => flight.state = flight.folded_anew(),
        14 => {
            flight.input(Input::Took { epoch: u64::from(choice), who: who("guard"), process: process(choice), window: None });
        }
        15 | 16 => {
            let window = if which.is_multiple_of(3) { WindowNow::Open } else { WindowNow::Closed("the window ended".to_owned()) };
            flight.input(Input::Window(window));
        }
        18 if !asked.is_empty() => {
            let step = asked[which % asked.len()].clone();
            match choice / 256 % 3 {
                0 => flight.input(Input::Delayed {
                    step,
                    until: flight.now.plus(Millis(u64::from(choice / 1024 % 20_000))),
                    reason: "too many".to_owned(),
                }),
                _ => flight.input(Input::Admitted { step }),
            };
        }
        19 => {
            let wait = ClaimWait { resource: ResourceName::from("db"), by: RunId::from("run-other"), since: flight.now, holds: true };
            let claiming = if which.is_multiple_of(2) { Claiming::Queued(wait) } else { Claiming::Granted(Vec::new()) };
            flight.input(Input::Claims(claiming));
        }
        20 => {
            flight.tell("go", BTreeMap::new());
        }
        17 if flight.state.is_observing() => {
            flight.input(Input::ObservationOver { reason: "another run began".to_owned() });
        }
        _ => {
            let step = flight.plan.steps[which % flight.plan.steps.len()].id.clone();
            let direction = [Direction::Do, Direction::Undo, Direction::Safety, Direction::Probe][which / 16 % 4];
            flight.end(AttemptRef { step, direction, round: 9, number: 9 }, done());
        }
    }
}

/// Good news only: every attempt is done, every gate is good, every question is answered.
fn calm(flight: &mut Flight) {
    for _ in 0..CALM_INPUTS_MAX {
        if matches!(flight.state.mode(), Mode::Ended(_)) && !flight.state.is_observing() {
            return;
        }
        let open = flight.open();
        let watched = flight.watched();
        if flight.state.pilot != Pilot::Fly && flight.state.rollback.is_none() && flight.state.ended.is_none() {
            flight.ask(Verb::Resume, None, None);
        } else if flight.state.ended.is_none() && flight.state.waits_for_claims().is_some() && flight.state.rollback.is_none() {
            flight.input(Input::Claims(Claiming::Granted(Vec::new())));
        } else if let Some(step) = flight.asked().into_iter().next() {
            flight.input(Input::Admitted { step });
        } else if let Some(attempt) = open.into_iter().next() {
            flight.end(attempt, done());
        } else if let Some(gate) = watched.into_iter().next() {
            flight.now = flight.now.plus(Millis::from_secs(11));
            flight.look(&gate, VerdictKind::NoRegression);
        } else if matches!(flight.state.mode(), Mode::NeedsOperator(_) | Mode::Holding(_)) {
            answer(flight);
        } else if let Some(at) = flight.wake_at() {
            let before = flight.now;
            flight.now = at.max(flight.now);
            let events = flight.input(Input::Wake);
            assert!(!events.is_empty() || before > at, "woken at {at}, nothing followed");
        } else {
            panic!("the run is stuck: {:?}", flight.state.mode());
        }
    }
    panic!("the run does not come to rest: {:?}", flight.state.mode());
}

/// Answers what the run asks with the first verb that it says it would take.
fn answer(flight: &mut Flight) {
    let verbs = flight.state.allowed_verbs(&flight.plan);
    let wanted = [Verb::MarkDone, Verb::Override, Verb::Retry, Verb::Promote, Verb::Resume];
    let (verb, step) = wanted.into_iter().find_map(|w| verbs.iter().find(|(v, _)| *v == w)).cloned().expect("a person can help");
    let events = flight.ask(verb, step, Some("asked by the run".to_owned()));
    assert!(matches!(events.first(), Some(Event::RequestTaken { granted: true, .. })), "`{verb}` was offered and then refused: {events:?}");
}

/// What must be true of the journal of a run that has ended.
fn check_journal(flight: &Flight) {
    let plan = &flight.plan;
    let mut state = RunState::new(flight.state.run.clone());
    let mut seen: BTreeSet<AttemptRef> = BTreeSet::new();
    for recorded in &flight.journal {
        if let Event::AttemptStarted { attempt, .. } = &recorded.event {
            assert!(seen.insert(attempt.clone()), "{attempt} was begun twice");
            match attempt.direction {
                Direction::Undo if (attempt.round, attempt.number) == (1, 1) => {
                    check_undo_order(plan, &state, plan.step(&attempt.step).unwrap())
                }
                Direction::Do => {
                    assert!(state.rollback.is_none(), "{attempt} begins on the way back");
                    assert_eq!(state.waits_for_claims(), None, "{attempt} begins without its claims");
                    check_limits(plan, &state, plan.step(&attempt.step).unwrap());
                    let is_closed = state.closed_window.as_ref().is_some_and(|window| !window.passed);
                    assert!(!is_closed || plan.change.on_window_end == OnWindowEnd::Finish, "{attempt} begins in a window that has closed");
                }
                _ => {}
            }
        }
        let is_of_watch = matches!(recorded.event, Event::GateOpened { .. } | Event::GateLooked { .. } | Event::GateClosed { .. });
        if state.ended.is_some() && is_of_watch {
            assert_eq!(state.ended.as_ref().map(|ended| ended.end), Some(RunEnd::Succeeded), "a run is watched that has not landed");
        }
        apply(&mut state, plan, recorded).unwrap();
    }
    assert_eq!(state, flight.state);
    check_end(flight);
}

/// One more of the step's fan-out, and of the run, may be at work.
fn check_limits(plan: &PlanBody, state: &RunState, step: &Step) {
    let others = |s: &&Step| s.id != step.id && state.step(&s.id).forward.is_running();
    let in_flight = plan.steps.iter().filter(others).count();
    assert!(plan.limits.in_flight_max.is_none_or(|max| in_flight < max as usize), "{} is one too many", step.id);
    let group = plan.groups.iter().find(|group| Some(&group.name) == step.group.as_ref());
    let in_group = plan.steps.iter().filter(others).filter(|s| s.group == step.group).count();
    assert!(group.is_none_or(|group| in_group < group.in_flight_max as usize), "{} is one too many of its fan-out", step.id);
}

fn check_undo_order(plan: &PlanBody, state: &RunState, step: &Step) {
    let rollback = state.rollback.as_ref().unwrap();
    let before_safety = rollback.safety_reached.is_none();
    let serves_safety = |s: &Step| {
        plan.steps.iter().filter_map(|x| x.exposure.as_ref()).any(|e| e.safety_needs.contains(&s.id))
            || s.exposure.as_ref().is_some_and(|e| e.safety.is_none())
    };
    if before_safety {
        assert!(serves_safety(step), "{} is undone before traffic is safe", step.id);
    }
    for dependant in dependants(plan, &step.id) {
        let own = state.step(&dependant.id);
        let was_done = own.forward.progress == Progress::Done && own.began;
        let due = was_done && matches!(dependant.undo, Undo::Call { .. }) && rollback.scope.contains(&dependant.id);
        if due && (!before_safety || (serves_safety(dependant) && carries_still(state, plan, dependant))) {
            assert!(
                matches!(own.undo.progress, Progress::Done | Progress::Skipped),
                "{} is undone before {}, which needs it",
                step.id,
                dependant.id
            );
        }
    }
}

/// Before safety only exposures without a safety call have an order among themselves.
fn carries_still(state: &RunState, plan: &PlanBody, step: &Step) -> bool {
    step.exposure
        .as_ref()
        .is_some_and(|e| e.safety.is_none() && state.exposures(plan).iter().any(|x| x.target == e.target && x.region == e.region))
        && !state.step(&step.id).cleared
}

fn dependants<'a>(plan: &'a PlanBody, id: &StepId) -> Vec<&'a Step> {
    let mut found: Vec<&Step> = Vec::new();
    for step in &plan.steps {
        if step.needs.contains(id) || found.iter().any(|f| step.needs.contains(&f.id)) {
            found.push(step);
        }
    }
    found
}

fn check_end(flight: &Flight) {
    let (plan, state) = (&flight.plan, &flight.state);
    let Some(ended) = &state.ended else { panic!("not ended") };
    if ended.end != RunEnd::RolledBack {
        return;
    }
    let rollback = state.rollback.as_ref().unwrap();
    if rollback.item.is_none() {
        assert_eq!(state.exposures(plan), Vec::new(), "something is exposed after the rollback");
    }
    // In each round: what was taken back and done again goes back again.
    let undone = |id: &StepId, round: u32| {
        let is_undo = |r: &&Recorded| matches!(&r.event, Event::AttemptEnded { attempt, outcome: Outcome::Done { .. }, .. } if attempt.step == *id && attempt.direction == Direction::Undo && attempt.round == round);
        flight.journal.iter().filter(is_undo).count()
    };
    for step in plan.steps.iter().filter(|s| rollback.scope.contains(&s.id) && matches!(s.undo, Undo::Call { .. })) {
        let own = state.step(&step.id);
        let times = (1..=own.undo.round).map(|round| undone(&step.id, round)).max().unwrap_or(0);
        assert!(times <= 1, "{} was undone {times} times", step.id);
        if own.forward.progress == Progress::Done {
            assert!(matches!(own.undo.progress, Progress::Done | Progress::Skipped), "{} was done and is not undone", step.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_comes_to_rest_and_keeps_its_promises(
        on_failure in any::<u8>(),
        sketches in prop::collection::vec(sketch(), 1..14),
        choices in prop::collection::vec(any::<u32>(), 0..90),
    ) {
        let mut flight = Flight::new(plan_of(on_failure, &sketches));
        flight.start();
        flight.input(Input::Took { epoch: 1, who: who("pilot"), process: process(1), window: None });
        for choice in choices {
            rough(&mut flight, choice);
        }
        prop_assert_eq!(&flight.folded_anew(), &flight.state);
        calm(&mut flight);
        check_journal(&flight);
    }

    #[test]
    fn an_event_out_of_place_is_an_error_that_changes_nothing(
        on_failure in any::<u8>(),
        sketches in prop::collection::vec(sketch(), 1..8),
        choices in prop::collection::vec(any::<u32>(), 10..60),
        cut in any::<prop::sample::Index>(),
        strays in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut flight = Flight::new(plan_of(on_failure, &sketches));
        flight.start();
        flight.input(Input::Took { epoch: 1, who: who("pilot"), process: process(1), window: None });
        for choice in choices {
            rough(&mut flight, choice);
        }
        let upto = cut.index(flight.journal.len()) + 1;
        let state = RunState::fold(flight.state.run.clone(), &flight.plan, &flight.journal[..upto]).unwrap();
        for stray in strays {
            let recorded = Recorded { seq: state.seq + 1, at: flight.now, ..stray.get(&flight.journal).clone() };
            let mut scratch = state.clone();
            if apply(&mut scratch, &flight.plan, &recorded).is_err() {
                prop_assert_eq!(&scratch, &state);
            }
        }
        // A journal that ends in the middle of a decision goes on from there.
        let mut resumed = Flight { plan: flight.plan.clone(), state, journal: flight.journal[..upto].to_vec(), now: flight.now, asked_at: None, pages: Vec::new(), letters: Vec::new() };
        resumed.input(Input::Wake);
        calm(&mut resumed);
    }
}

#[test]
fn a_canary_of_thirty_steps_lands_and_each_failure_turns_it_back() {
    let steps = canary_plan("scripted", Millis(40)).steps.len();
    for failing in 0..=steps {
        let mut flight = Flight::new(canary_plan("scripted", Millis(40)));
        flight.start();
        let failing_step = flight.plan.steps.get(failing).map(|s| s.id.clone());
        while flight.state.rollback.is_none() && flight.state.ended.is_none() {
            let attempt = flight.open().into_iter().next();
            let gate = flight.watched().into_iter().next();
            let fails = |id: &StepId| failing_step.as_ref() == Some(id);
            match (attempt, gate) {
                (Some(attempt), _) if fails(&attempt.step) => {
                    flight.end(attempt, Outcome::NotDone { reason: "no".to_owned(), retryable: false });
                }
                (Some(attempt), _) => {
                    flight.end(attempt, done());
                }
                (None, Some(gate)) => {
                    flight.now = flight.now.plus(Millis(50));
                    let verdict = if fails(&gate) { VerdictKind::Regression } else { VerdictKind::NoRegression };
                    flight.look(&gate, verdict);
                }
                (None, None) => {
                    flight.now = flight.wake_at().unwrap();
                    flight.input(Input::Wake);
                }
            }
        }
        calm(&mut flight);
        check_journal(&flight);
        let is_wait = failing_step.as_ref().is_some_and(|id| id.as_str().ends_with("settle"));
        let end = if failing == steps || is_wait { RunEnd::Succeeded } else { RunEnd::RolledBack };
        assert_eq!(flight.state.ended.as_ref().unwrap().end, end, "failing at {failing_step:?}");
    }
}

#[test]
fn nothing_follows_before_the_start_and_a_second_start_is_ignored() {
    let plan = canary_plan("scripted", Millis(40));
    let mut flight = Flight::new(plan.clone());
    assert_eq!(decide(&plan, &mut flight.state.clone(), Input::Wake, flight.now), Vec::new());
    flight.start();
    assert_eq!(flight.start(), Vec::new());
    assert_eq!(invariants(&plan, &flight.state), Vec::<String>::new());
}

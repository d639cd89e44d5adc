//! What figures read in journals, and how they are told.

use crate::fixture::{at, events, flying, plan, run};
use glidepath_judge::dora::{End, Executed, Predicted, Return, Scope, Wait};
use glidepath_model::catalog::Catalog;
use glidepath_model::event::{Event, RunEnd};
use glidepath_model::plan::Work;
use glidepath_model::projection::RunSummary;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Plan, Recorded, StepId, Timestamp};
use glidepath_report::{Missing, Style, delivery_page, delivery_report, delivery_terminal, executed};
use serde_json::json;

/// The second after which the fixture's journal is gone on with.
const THEN: u64 = 100_000;

fn asked(verb: Verb, by: &str, granted: bool) -> Event {
    let who = Who { name: "ada".to_owned(), known_by: by.to_owned() };
    let request = Request { run: run(), verb, step: None, who, reason: None, at: at(THEN), signal: None };
    Event::RequestTaken { request, granted, answer: "so be it".to_owned() }
}

/// The record of the fixture's flight, gone on with: seconds after [`THEN`], and what happened.
fn told(plan: &Plan, then: Vec<(u64, Event)>) -> Executed {
    let mut journal = events(plan);
    journal.pop();
    for (seconds, event) in then {
        journal.push(Recorded { seq: journal.len() as u64 + 1, epoch: 1, at: at(THEN + seconds), event });
    }
    executed(&summary(), plan, &journal, &Catalog::default())
}

/// The summary of the fixture's flight, whatever was altered in the plan.
fn summary() -> RunSummary {
    let plan = plan();
    flying(&plan).summary(&plan.body)
}

fn ms(at: Timestamp) -> i64 {
    at.as_micros() / 1000
}

fn then(seconds: u64) -> i64 {
    ms(at(THEN + seconds))
}

fn hold() -> Event {
    Event::HoldBegan { step: None, reason: "no verdict".to_owned(), until: None }
}

fn back() -> Event {
    Event::RollbackBegan { cause: "errors".to_owned(), item: None, to: None }
}

fn ended(end: RunEnd) -> Event {
    Event::RunEnded { end, leftovers: vec![] }
}

#[test]
fn a_run_that_a_person_turns_back_after_a_hold() {
    let record = told(
        &plan(),
        vec![
            (0, hold()),
            (60, asked(Verb::Abort, "os-user", true)),
            (60, back()),
            (70, Event::SafetyReached),
            (100, ended(RunEnd::RolledBack)),
        ],
    );
    assert_eq!(
        record.turned_back,
        Some(Return { began_ms: then(60), safe_ms: Some(then(70)), undone_ms: Some(then(100)), asked_for: true })
    );
    assert_eq!(record.calls_for_help, [Wait { from_ms: then(0), until_ms: Some(then(60)) }]);
    assert_eq!((record.end, record.landed_ms, record.ended_ms), (End::RolledBack, None, Some(then(100))));
    assert!(record.had_help && record.is_proven && record.deployed_ms.is_some_and(|at| at < then(0)));
    assert_eq!((record.requests, record.requests_refused), (1, 0));
    assert!(record.gates_passed > 0 && record.gates == record.gates_passed, "a gate that is cut off did not fail");
    assert_eq!(record.components, ["auth", "payments", "payments-db"]);
}

#[test]
fn what_the_guard_does_is_no_persons_doing() {
    let record = told(&plan(), vec![(0, hold()), (60, asked(Verb::Abort, "guard", true)), (60, back()), (90, Event::SafetyReached)]);
    assert_eq!(record.turned_back.map(|back| back.asked_for), Some(false));
    assert_eq!(record.calls_for_help, [Wait { from_ms: then(0), until_ms: None }]);
    assert!(!record.had_help && record.requests == 0 && record.end == End::UnderWay);
}

#[test]
fn a_run_that_lands_is_found_to_be_a_regression_and_goes_back() {
    let mut plan = plan();
    let gate = plan.body.steps.iter_mut().rev().find(|step| matches!(step.work, Work::Gate(_))).unwrap();
    gate.after_landing = true;
    let step: StepId = gate.id.clone();
    let look =
        Event::GateLooked { step: step.clone(), verdict: VerdictKind::Regression, line: "errors 5-fold".to_owned(), state: json!({}) };
    let closed = Event::GateClosed { step, passed: false, reason: "errors 5-fold".to_owned() };
    let landed = vec![(0, ended(RunEnd::Succeeded)), (300, look), (300, closed)];
    let record = told(&plan, landed.clone());
    assert_eq!((record.end, record.landed_ms, record.found_after_ms), (End::Landed, Some(then(0)), Some(then(300))));
    let went_back =
        vec![(400, asked(Verb::Rollback, "os-user", true)), (400, back()), (410, Event::SafetyReached), (500, ended(RunEnd::RolledBack))];
    let record = told(&plan, landed.into_iter().chain(went_back).collect());
    assert_eq!(
        (record.end, record.landed_ms, record.ended_ms),
        (End::RolledBack, Some(then(0)), Some(then(0))),
        "it landed, and ended first, then"
    );
    assert_eq!(record.turned_back.and_then(|back| back.undone_ms), Some(then(500)));
}

#[test]
fn approvals_and_outside_events_are_no_help() {
    let mut plan = plan();
    plan.body.steps[0].work = Work::Manual { prompt: "Go?".to_owned(), deadline_ms: Millis::from_mins(60) };
    let step = plan.body.steps[0].id.clone();
    let wait = |seconds| (seconds, Event::WaitStarted { step: step.clone(), until: at(THEN + 9_000) });
    let end = |seconds, passed| (seconds, Event::WaitEnded { step: step.clone(), passed });
    let record = told(
        &plan,
        vec![
            wait(0),
            (40, asked(Verb::Promote, "os-user", true)),
            end(40, true),
            wait(50),
            end(90, false),
            (95, asked(Verb::Signal, "os-user", true)),
        ],
    );
    assert_eq!(record.approvals, [Wait { from_ms: then(0), until_ms: Some(then(40)) }, Wait { from_ms: then(50), until_ms: None }]);
    assert!(!record.had_help);
    let refused = told(&plan, vec![wait(0), (40, asked(Verb::Skip, "os-user", false))]);
    assert_eq!((refused.requests_refused, refused.approvals.len()), (1, 1), "what waits still, waits");
    assert!(!refused.had_help, "what is refused is not done");
}

#[test]
fn an_environment_before_production_makes_no_deployment() {
    let mut plan = plan();
    for step in &mut plan.body.steps {
        step.environment = step.environment.as_ref().map(|_| "staging".into());
    }
    let staged = Catalog {
        environments: serde_json::from_value(json!([environment("staging"), environment("production")])).unwrap(),
        ..Catalog::default()
    };
    assert_eq!(executed(&summary(), &plan, &events(&plan), &staged).deployed_ms, None);
    assert!(executed(&summary(), &plan, &events(&plan), &Catalog::default()).deployed_ms.is_some(), "what nobody declares is production");
}

fn environment(name: &str) -> serde_json::Value {
    json!({ "name": name, "local": true, "gated": false, "minBakeMs": 0, "maxBakeMs": 0, "firstStageMax": 50_000_000, "holdLimitMs": 0, "verify": [] })
}

/// Twelve runs over thirty days: most land, one turns back and is mended by the next.
fn month() -> Vec<Executed> {
    let day = 86_400_000;
    let begin = ms(at(0));
    (0..12)
        .map(|number| {
            let started = begin + number * 2 * day + number * 3_600_000;
            let minutes = 20 + number * 3;
            let fails = number == 6;
            let ended = started + minutes * 60_000;
            let component = if number % 3 == 0 { "auth" } else { "payments" };
            let back = Return { began_ms: ended - 90_000, safe_ms: Some(ended - 60_000), undone_ms: Some(ended), asked_for: false };
            Executed {
                components: vec![component.to_owned()],
                teams: vec!["group:default/payments-team".to_owned()],
                made_ms: Some(started - (number + 1) * 4 * 3_600_000),
                is_committed: true,
                started_ms: started,
                deployed_ms: Some(started + 60_000),
                landed_ms: (!fails).then_some(ended),
                ended_ms: Some(ended),
                end: if fails { End::RolledBack } else { End::Landed },
                turned_back: fails.then_some(back),
                approvals: vec![Wait { from_ms: started, until_ms: Some(started + number * 60_000) }],
                attempts: 40,
                retries: u64::from(number == 3) * 2,
                gates: 6,
                gates_passed: 6 - u64::from(fails),
                is_proven: true,
                predicted: Some(Predicted { failure: 0.08, p50_ms: 1_800_000, p95_ms: 2_700_000 }),
                ..Executed::default()
            }
        })
        .collect()
}

#[test]
fn a_month_in_a_terminal() {
    let report = delivery_report(&month(), None, at(0), at(30 * 86_400), Missing { unreadable: 1, older: false });
    let text = delivery_terminal(&report, Style::Plain);
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    insta::assert_snapshot!("delivery", text);
    let one = delivery_report(&month(), Some(Scope::Component("auth".to_owned())), at(0), at(30 * 86_400), Missing::default());
    let text = delivery_terminal(&one, Style::Plain);
    assert!(
        text.contains("Component auth: 4 runs, 4 deployments to production, 1 of which failed.") && !text.contains("payments"),
        "{text}"
    );
}

#[test]
fn a_month_as_a_page_is_whole_in_itself() {
    let report = delivery_report(&month(), None, at(0), at(30 * 86_400), Missing::default());
    let page = delivery_page(&report, "<shop>");
    assert!(page.contains("&lt;shop&gt;") && !page.contains("<shop>"), "names are text");
    assert_eq!(page.matches("<svg").count(), 3);
    for outside in ["<script", "src=", "http://www.w3.org/1999/xlink", "NaN", "inf"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(report.parts.iter().map(|part| part.basis.deployments).sum::<u64>(), 12, "each deployment is in one part of the window");
    let empty = delivery_page(&delivery_report(&[], None, at(0), at(0), Missing::default()), "shop");
    assert!(empty.contains("none yet") && !empty.contains("NaN"), "{empty}");
}

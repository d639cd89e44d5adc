//! Error budgets in flight: what burns holds what is to come, and turns back what is exposed unless something shows that it is not the run.

use crate::gates::{fly, proportion, source};
use crate::plans::{gate, gate_spec, plan_of, probe_check, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_model::catalog::{Indicator, Objective, Terms};
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{GateCheck, GateSpec};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan, Share, StepId};
use glidepath_ports::{CancelToken, TelemetryError};
use glidepath_runtime::{FlightEnd, Until};
use std::collections::BTreeMap;

/// Seconds for which was counted before the flight.
const BEFORE: f64 = 600.0;

/// An objective of 99 % on all requests, new side and old.
pub(crate) fn burn(turns_back: bool, unknown_holds: bool) -> GateCheck {
    let objective = Objective {
        name: "answers".to_owned(),
        component: "payments".into(),
        target: Share::percent(99),
        period_ms: Millis::from_mins(30 * 24 * 60),
        rolling: true,
        indicator: Indicator::Ratio { bad: Some("all_errors_total".to_owned()), good: None, total: "all_requests_total".to_owned() },
        terms: Terms::default(),
    };
    let name = "burn of answers".to_owned();
    GateCheck::Burn { name, source: source(), objective: Box::new(objective), burn_max: 4.0, unknown_holds, turns_back }
}

/// Looks at the budget, shifts half, watches that, looks again, shifts all.
pub(crate) fn flight(checks: Vec<GateCheck>, before: GateCheck) -> Plan {
    let look = |checks| GateSpec {
        min_bake_ms: Millis::ZERO,
        bake_ms: Millis::ZERO,
        patience_ms: Millis::from_mins(20),
        look_every_ms: Millis::from_secs(5),
        ..gate_spec(checks)
    };
    let watch = GateSpec { bake_ms: Millis::from_secs(60), patience_ms: Millis::from_mins(20), ..gate_spec(checks) };
    plan_of(
        vec![
            step("deploy", &[]),
            gate("budgets", &["deploy"], look(vec![before])),
            shift("half", &["budgets"], 50),
            gate("watch", &["half"], watch),
            shift("all", &["watch"], 100),
        ],
        "payments",
    )
}

/// 100 requests a second for ten minutes and on, of which `bad` failed by a time; of a side, half of everything at shares of its own.
pub(crate) fn counted(sky: &Sky, bad: impl Fn(f64) -> f64 + Send + Sync + 'static, new: f64, old: f64) {
    sky.telemetry.set_counters(move |selector, seconds| {
        if seconds < -BEFORE {
            return Ok(BTreeMap::new());
        }
        let all = (seconds + BEFORE) * 100.0;
        let share = if selector.to_string().contains("new") { new } else { old };
        let value = match selector.metric.as_str() {
            "all_requests_total" => all,
            "all_errors_total" => bad(seconds),
            "errors_total" => (all / 2.0 * share).floor(),
            _ => (all / 2.0).floor(),
        };
        Ok(BTreeMap::from([("only".to_owned(), value)]))
    });
}

/// A tenth of all requests failed until then, none since.
pub(crate) fn outage_until(end: f64) -> impl Fn(f64) -> f64 + Send + Sync {
    move |seconds: f64| (seconds.min(end) + BEFORE) * 10.0
}

/// A tenth of all requests fails from then on.
fn outage_from(begin: f64) -> impl Fn(f64) -> f64 + Send + Sync {
    move |seconds: f64| (seconds - begin).max(0.0) * 10.0
}

fn lines(looks: &[(VerdictKind, String)], verdict: VerdictKind) -> Vec<&str> {
    looks.iter().filter(|(found, _)| *found == verdict).map(|(_, line)| line.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_while_a_budget_burns_and_goes_on_by_itself_under_the_figure() {
    let sky = Sky::new();
    counted(&sky, outage_until(60.0), 0.01, 0.01);
    let (status, looks) = fly(&sky, &flight(vec![probe_check("healthy")], burn(false, false))).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
    let waits = lines(&looks, VerdictKind::Undecided);
    let words = "waits: answers burns 10x of its budget over 1 h and 10x over 5 min; starts again at 4x or less; \
                 `glidepath promote run-gate --reason WHY` goes on all the same";
    assert_eq!(waits.first(), Some(&words));
    // Three minutes without failures bring five minutes under four tenths of what it was; the hour stays far above.
    assert!(waits.len() > 30, "{} looks every five seconds", waits.len());
    let passes = lines(&looks, VerdictKind::NoRegression);
    assert!(passes[0].starts_with("answers burns 7.") && passes[0].ends_with("x over 5 min; both above 4x would hold"), "{}", passes[0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_exposed_goes_back_unless_something_shows_that_it_is_not_the_run() {
    let back = Some(RunStatus::Ended(RunEnd::RolledBack));
    type Case = (&'static str, Vec<GateCheck>, f64, &'static [&'static str]);
    let cases: [Case; 3] = [
        ("nothing compares", vec![probe_check("healthy"), burn(true, false)], 0.010, &[]),
        ("the new side is a little worse, which the judge cannot tell yet", vec![proportion(None), burn(true, false)], 0.013, &[]),
        (
            "both sides fail alike",
            vec![proportion(None), burn(true, false)],
            0.010,
            &["whose new side fails no more often than the rest", "whose new side shows no regression"],
        ),
    ];
    for (what, checks, new, excluded) in cases {
        let sky = Sky::new();
        // Everything fails for a minute, soon after half is exposed.
        counted(&sky, |seconds| outage_from(5.0)(seconds.min(65.0)) * 10.0, new, 0.010);
        let (status, looks) = fly(&sky, &flight(checks, burn(false, false))).await;
        match excluded {
            [] => {
                assert_eq!(status, back, "{what}: {looks:#?}");
                let (verdict, line) = looks.last().unwrap();
                assert_eq!(*verdict, VerdictKind::Regression, "{what}: {line}");
                assert!(line.starts_with("goes back: answers burns "), "{what}: {line}");
                assert!(line.contains("nothing shows that it is not the new side"), "{what}: {line}");
                assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1, "{what}");
            }
            words => {
                for words in words {
                    assert!(lines(&looks, VerdictKind::Undecided).iter().any(|line| line.contains(words)), "{what}: {looks:#?}");
                }
                assert!(lines(&looks, VerdictKind::Regression).is_empty(), "{what}: {looks:#?}");
                assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{what}: {looks:#?}");
            }
        }
        assert_eq!(sky.world.count(&StepId::from("all"), Direction::Do), usize::from(!excluded.is_empty()), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_holds_where_it_must_and_never_turns_back() {
    for unknown_holds in [false, true] {
        let sky = Sky::new();
        sky.telemetry
            .set_counters(|_, _| Err(TelemetryError::OutOfReach { source_name: "prometheus".to_owned(), reason: "refused".to_owned() }));
        let checks = vec![probe_check("healthy"), burn(true, unknown_holds)];
        let (status, looks) = fly(&sky, &flight(checks, burn(false, false))).await;
        assert!(lines(&looks, VerdictKind::Regression).is_empty(), "{looks:#?}");
        let (verdict, line) = looks.last().unwrap();
        assert!(line.contains("nothing is known of the budget of answers") && line.contains("refused"), "{line}");
        if unknown_holds {
            assert_eq!(*verdict, VerdictKind::Undecided);
            assert!(
                sky.pages().iter().any(|page| page.contains("holds and asks") && page.contains("`policy.unknownBudget` is `refuse`")),
                "{:?}",
                sky.pages()
            );
        } else {
            assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_counter_that_has_just_come_into_sight_is_not_one_without_requests() {
    let sky = Sky::new();
    sky.telemetry.set_counters(|_, seconds| {
        let since = seconds + 20.0;
        Ok(if since < 0.0 { BTreeMap::new() } else { BTreeMap::from([("only".to_owned(), since * 100.0)]) })
    });
    let (_, looks) = fly(&sky, &flight(vec![probe_check("healthy")], burn(false, false))).await;
    let (verdict, line) = &looks[0];
    assert_eq!(*verdict, VerdictKind::NoRegression);
    assert!(line.starts_with("nothing is known of the budget of answers, which holds nothing back: over 1 h, "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_persons_word_goes_on_and_burn_alone_does_not_turn_back_any_more() {
    let (sky, run) = (Sky::new(), run_id("promoted"));
    counted(&sky, outage_until(400.0), 0.01, 0.01);
    sky.submit_start(&flight(vec![probe_check("healthy"), burn(true, false)], burn(false, false)), &run).await;
    let owner = |until: Until, cancel: CancelToken| {
        let owner = sky.runtime();
        tokio::spawn(async move { owner.own_and_fly(&until, &cancel).await })
    };
    let looked = |events: &[Event], id: &str| {
        events.iter().any(|event| matches!(event, Event::GateLooked { step, .. } if *step == StepId::from(id)))
    };
    let first = CancelToken::new();
    let flying = owner(Until::RunEnds(run.clone()), first.clone());
    sky.until(&run, "a look", |events| looked(events, "budgets")).await;
    // The next owner knows what was said to the one before.
    assert!(sky.ask(&run, Verb::Promote, Some("budgets")).await.granted);
    sky.until(&run, "a look of the stage", |events| looked(events, "watch")).await;
    first.cancel();
    flying.await.unwrap().unwrap();
    let flying = owner(Until::RunEnds(run.clone()), CancelToken::new());
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    let events = sky.events(&run).await;
    let waited = events.iter().any(|event| {
        matches!(event, Event::GateLooked { step, verdict: VerdictKind::Undecided, line, .. } if *step == StepId::from("watch") && line.contains("waits: answers burns"))
    });
    assert!(waited, "{events:#?}");
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

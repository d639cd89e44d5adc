//! Counters that deceive: a bad new side that looks good in what a source says, and a good one that looks bad.

use crate::gates::{canary, fly, proportion, source};
use crate::sky::Sky;
use glidepath_model::catalog::Selector;
use glidepath_model::event::RunEnd;
use glidepath_model::plan::GateCheck;
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use std::collections::BTreeMap;

const LANDED: Option<RunStatus> = Some(RunStatus::Ended(RunEnd::Succeeded));
const WENT_BACK: Option<RunStatus> = Some(RunStatus::Ended(RunEnd::RolledBack));

/// What a process counted: all, and bad ones.
#[derive(Clone, Copy)]
struct Count(f64, f64);

/// 50 requests a second since it began, with this bad share.
fn since(seconds: f64, bad: f64) -> Count {
    let all = (seconds.max(0.0) * 50.0).floor();
    Count(all, (all * bad).floor())
}

/// Counters of processes, by side: what each counted by a second, nothing where nobody sees it.
fn counted(of: impl Fn(bool, f64) -> Vec<(&'static str, Count)> + Send + Sync + 'static) -> Sky {
    let sky = Sky::new();
    sky.telemetry.set_counters(move |selector: &Selector, seconds| {
        let is_new = selector.to_string().contains("new");
        let side = if is_new { "new" } else { "old" };
        let value = |count: Count| if selector.metric == "errors_total" { count.1 } else { count.0 };
        let series = of(is_new, seconds).into_iter().map(|(process, count)| {
            let name = format!("{}{{instance=\"{process}\",version=\"{side}\"}}", selector.metric);
            (name, value(count))
        });
        Ok(series.collect())
    });
    sky
}

/// An old process with a bad past: a million requests, of which 5 % failed.
fn with_past(count: Count) -> Count {
    Count(count.0 + 1e6, count.1 + 5e4)
}

#[tokio::test(start_paused = true)]
async fn the_past_of_an_old_process_that_comes_into_sight_late_hides_no_bad_canary() {
    // One in a hundred fails on the old side, one in twelve on the new one. At the opening nobody sees the old side, or one of its two processes.
    for seen_at_first in [&[][..], &["old-1"]] {
        let sky = counted(move |new, seconds| match new {
            true => vec![("new-1", since(seconds, 0.08))],
            false => {
                let all = ["old-1", "old-2"].into_iter();
                let seen = all.filter(|process| seconds > 4.0 || seen_at_first.contains(process));
                seen.map(|process| (process, with_past(since(seconds, 0.01)))).collect()
            }
        });
        let (status, looks) = fly(&sky, &canary(vec![proportion(None)])).await;
        assert_eq!((status, looks.last().unwrap().0), (WENT_BACK, VerdictKind::Regression), "{looks:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_dark_and_comes_back_loses_nothing() {
    // The new side is dark from the tenth to the thirtieth second, and bad all the time.
    let sky = counted(|new, seconds| match new {
        true if (10.0..30.0).contains(&seconds) => Vec::new(),
        true => vec![("new-1", since(seconds, 0.05))],
        false => vec![("old-1", with_past(since(seconds, 0.01)))],
    });
    let (status, looks) = fly(&sky, &canary(vec![proportion(None)])).await;
    assert_eq!((status, looks.last().unwrap().0), (WENT_BACK, VerdictKind::Regression), "{looks:#?}");
    let even = counted(|new, seconds| match new {
        true if (10.0..30.0).contains(&seconds) => Vec::new(),
        true => vec![("new-1", since(seconds, 0.04))],
        false => vec![("old-1", with_past(since(seconds, 0.04)))],
    });
    let (status, looks) = fly(&even, &canary(vec![proportion(None)])).await;
    assert_eq!(status, LANDED, "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn two_servers_behind_one_address_count_nothing_twice() {
    // Each answers every other second, and the second one is behind by seven.
    let late = |seconds: f64| if seconds as u64 % 2 == 1 { seconds - 7.0 } else { seconds };
    for (bad, end, verdict) in [(0.04, LANDED, VerdictKind::NoRegression), (0.20, WENT_BACK, VerdictKind::Regression)] {
        let sky = counted(move |new, seconds| match new {
            true => vec![("new-1", since(late(seconds) + 100.0, bad))],
            false => vec![("old-1", with_past(since(late(seconds), 0.04)))],
        });
        let (status, looks) = fly(&sky, &canary(vec![proportion(None)])).await;
        assert_eq!((status, looks.last().unwrap().0), (end, verdict), "{looks:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_side_that_breaks_down_again_and_again_never_passes_on_what_it_counted() {
    // It dies at each fifth second, on a request that nobody counts; what it served before was good.
    let sky = counted(|new, seconds| match new {
        true => vec![("new-1", since(seconds % 5.0, 0.0))],
        false => vec![("old-1", since(seconds + 1000.0, 0.01))],
    });
    let (status, looks) = fly(&sky, &canary(vec![proportion(None)])).await;
    assert_eq!(status, WENT_BACK, "{looks:#?}");
    let (verdict, line) = looks.last().unwrap();
    assert_eq!(*verdict, VerdictKind::Undecided, "{line}");
    assert!(line.contains("a process of the new side began anew") && line.contains("(GP0443)"), "{line}");
    // One restart is no pattern.
    let once = counted(|new, seconds| match new {
        true => vec![("new-1", since(if seconds > 8.0 { seconds - 8.0 } else { seconds }, 0.04))],
        false => vec![("old-1", since(seconds + 1000.0, 0.04))],
    });
    assert_eq!(fly(&once, &canary(vec![proportion(None)])).await.0, LANDED);
}

#[tokio::test(start_paused = true)]
async fn no_worse_than_an_old_side_that_fails_is_no_pass_and_a_repair_of_it_is_one() {
    let of = |new: f64, old: f64| {
        counted(move |is_new, seconds| match is_new {
            true => vec![("new-1", since(seconds, new))],
            false => vec![("old-1", since(seconds, old))],
        })
    };
    let (status, looks) = fly(&of(0.6, 0.6), &canary(vec![proportion(None)])).await;
    assert_eq!(status, WENT_BACK, "{looks:#?}");
    let (verdict, line) = looks.last().unwrap();
    assert_eq!(*verdict, VerdictKind::Undecided, "{line}");
    assert!(line.contains("60 % are bad on the old side") && line.contains("(GP0444)"), "{line}");
    let (status, looks) = fly(&of(0.02, 0.6), &canary(vec![proportion(None)])).await;
    assert_eq!(status, LANDED, "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_tolerated_is_no_more_than_the_old_side_bears_out() {
    // When the plan was made the counters still remembered an outage, so that 10 % were tolerated.
    let mut check = proportion(None);
    if let GateCheck::Proportion { tolerated, alpha, .. } = &mut check {
        (*tolerated, *alpha) = (Some(0.1), 0.001);
    }
    let sky = counted(|new, seconds| match new {
        true => vec![("new-1", since(seconds, 0.03))],
        false => vec![("old-1", since(seconds, 0.001))],
    });
    let (status, looks) = fly(&sky, &canary(vec![check])).await;
    assert_eq!((status, looks.last().unwrap().0), (WENT_BACK, VerdictKind::Regression), "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_good_look_passes_no_stage_that_was_dark() {
    let threshold = GateCheck::Threshold {
        name: "heat".to_owned(),
        source: source(),
        query: "heat".to_owned(),
        min: None,
        max: Some(80.0),
        failures_max: 3,
        measured: None,
    };
    // The bake takes 60 s, patience ends after 90, and two minutes later it goes back.
    for (dark_until, end, too_few) in [(0.0, LANDED, 0), (20.0, LANDED, 0), (80.0, LANDED, 10), (300.0, WENT_BACK, 0)] {
        let sky = Sky::new();
        sky.telemetry.set_value(move |_, seconds| Ok((seconds > dark_until).then_some(70.0)));
        let (status, looks) = fly(&sky, &canary(vec![threshold.clone()])).await;
        assert_eq!(status, end, "{looks:#?}");
        let seldom = looks.iter().rev().skip(1).take_while(|(_, line)| line.contains("were seen")).count();
        assert!(seldom >= too_few, "dark until {dark_until}: {looks:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_that_were_counted_before_the_opening_are_those_of_another_time() {
    // Deployed long before, warmed up with failures, and good since.
    let sky = counted(|new, seconds| match new {
        true => vec![("new-1", with_past(since(seconds, 0.04)))],
        false => vec![("old-1", since(seconds, 0.04))],
    });
    assert_eq!(fly(&sky, &canary(vec![proportion(None)])).await.0, LANDED);
    let series = BTreeMap::from([("requests_total{version=\"new\"}".to_owned(), f64::INFINITY)]);
    let odd = Sky::new();
    odd.telemetry.set_counters(move |_, _| Ok(series.clone()));
    let (status, looks) = fly(&odd, &canary(vec![proportion(None)])).await;
    assert!(status == WENT_BACK && looks.iter().all(|(verdict, _)| *verdict == VerdictKind::Undecided), "{looks:#?}");
}

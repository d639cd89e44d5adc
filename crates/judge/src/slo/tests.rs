//! Cases of `tests/data/slo`, and what must hold of any slices.

use super::*;
use crate::budget::{BudgetProblem, BudgetState, RequestCounts, TargetPpb};
use crate::verdict::Interval;
use proptest::prelude::*;

const STATUS: &str = include_str!("../../tests/data/slo/status.txt");
const ALERTS: &str = include_str!("../../tests/data/slo/alerts.txt");
const SLICE_MS: i64 = 300_000;

/// `1h30m`, `5m`, `30d`.
fn ms(text: &str) -> i64 {
    let (mut total, mut number) = (0, 0);
    for letter in text.chars() {
        let unit = match letter {
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            digit => {
                number = number * 10 + i64::from(digit.to_digit(10).unwrap());
                continue;
            }
        };
        total += number * unit;
        number = 0;
    }
    total
}

fn target(text: &str) -> TargetPpb {
    TargetPpb((text.trim_end_matches('%').parse::<f64>().unwrap() * 1e7).round() as u32)
}

fn slices(words: &[&str]) -> Vec<SliceCounts> {
    let mut slices = Vec::new();
    for word in words {
        let (counts, times) = word.split_once('*').unwrap_or((word, "1"));
        let slice = match counts.split_once('/') {
            Some((bad, total)) => SliceCounts { bad: bad.parse().unwrap(), total: total.parse().unwrap(), known: true },
            None => SliceCounts::default(),
        };
        slices.extend(vec![slice; times.parse().unwrap()]);
    }
    slices
}

struct Case {
    target: TargetPpb,
    method: Method,
    period: Period,
    counted: Counted,
}

fn case(words: &[Vec<&str>]) -> Case {
    let rest = |name: &str| words.iter().find(|line| line[0] == name).map(|line| line[1..].to_vec());
    let start = rest("start").map_or(0, |words| ms(words[0]));
    let method = match *rest("method").unwrap() {
        ["timeslices", share, length] => Method::Timeslices { target: target(share), slice_ms: ms(length) },
        ["ratio", length] => Method::RatioTimeslices { slice_ms: ms(length) },
        _ => Method::Occurrences,
    };
    let period = match *rest("period").unwrap() {
        ["calendar", from, to] => Period::Calendar { from_ms: start + ms(from), to_ms: start + ms(to) },
        [_, length] => Period::Rolling(ms(length)),
        ref other => panic!("{other:?}"),
    };
    let line = rest("slices").unwrap();
    let counted = Counted::new(start, ms(line[0]), slices(&line[1..])).unwrap();
    Case { target: target(rest("target").unwrap()[0]), method, period, counted }
}

fn near(is: f64, wanted: &str) -> bool {
    let wanted: f64 = wanted.parse().unwrap();
    (is - wanted).abs() <= 1e-12 * wanted.abs().max(1.0)
}

fn holds(claim: &[&str], status: &Result<Status, BudgetProblem>) -> bool {
    let named = |value: serde_json::Value, name: &str| value.as_str() == Some(name);
    match (claim, status) {
        (["problem", name], Err(problem)) => named(serde_json::to_value(problem).unwrap(), name),
        (["bad-share", wanted], Ok(status)) => near(status.bad_share, wanted),
        (["remaining", wanted], Ok(status)) => near(status.remaining, wanted),
        (["state", name], Ok(status)) => named(serde_json::to_value(status.state).unwrap(), name),
        (["burn", window, wanted], Ok(status)) => near(status.burn_over(ms(window)).unwrap(), wanted),
        (["runs-out", "never"], Ok(status)) => status.exhaustion == Exhaustion::Never,
        (["runs-out", "already"], Ok(status)) => status.exhaustion == Exhaustion::Already,
        (["runs-out", "unknown"], Ok(status)) => status.exhaustion == Exhaustion::Unknown,
        (["runs-out", length], Ok(status)) => status.exhaustion == Exhaustion::InMs(ms(length).unsigned_abs()),
        (["counts", bad, total, slices, unknown, quiet], Ok(Status { counts, .. })) => {
            let wanted = [unknown, quiet, slices].map(|text| text.parse::<u32>().unwrap());
            near(counts.bad, bad) && near(counts.total, total) && [counts.unknown, counts.without_traffic, counts.slices] == wanted
        }
        _ => false,
    }
}

#[test]
fn the_states_of_objectives_are_as_the_cases_say() {
    let cases: Vec<&str> = STATUS.split("\n== ").skip(1).collect();
    assert!(cases.len() > 20);
    for text in cases {
        let (name, body) = text.split_once('\n').unwrap();
        let words: Vec<Vec<&str>> = body.lines().filter(|line| !line.is_empty()).map(|line| line.split(' ').collect()).collect();
        let case = case(&words);
        let status = status(&case.counted, case.target, case.method, case.period);
        let given = ["target", "method", "period", "start", "slices"];
        let claims: Vec<_> = words.iter().filter(|line| !given.contains(&line[0])).collect();
        assert!(!claims.is_empty(), "{name}: claims nothing");
        for claim in claims {
            assert!(holds(claim, &status), "{name}: {claim:?} does not hold: {status:?}");
        }
    }
}

#[test]
fn alerts_follow_the_period_and_say_why_there_is_none() {
    let blocks: Vec<&str> = ALERTS.split("\n\n").skip(1).collect();
    assert_eq!(blocks.len(), 6);
    for block in blocks {
        let mut lines = block.lines();
        let (period, share) = lines.next().unwrap().split_once(' ').unwrap();
        let shown = |made: Result<BurnAlert, AlertProblem>| match made {
            Ok(alert) => (alert.long_ms, alert.short_ms, (alert.factor * 1e9).round(), alert.severity == Severity::Page, String::new()),
            Err(problem) => (0, 0, 0.0, false, problem.to_string()),
        };
        let wanted = |line: &str| match *line.split(' ').collect::<Vec<_>>() {
            [long, short, factor, severity] => {
                (ms(long), ms(short), (factor.parse::<f64>().unwrap() * 1e9).round(), severity == "page", String::new())
            }
            _ => (0, 0, 0.0, false, line.to_owned()),
        };
        let made: Vec<_> = burn_alerts(ms(period), target(share)).into_iter().map(shown).collect();
        assert_eq!(made, lines.map(wanted).collect::<Vec<_>>(), "{period} {share}");
    }
}

#[test]
fn an_alert_fires_only_when_both_windows_burn() {
    let target = target("99.9%");
    let alert = burn_alerts(ms("30d"), target)[0].unwrap();
    let cases = [
        ("20/1000*12", true),
        // It stopped burning: the long window still does.
        ("20/1000*11 0/1000", false),
        // It has only begun: the short window alone does.
        ("0/1000*11 20/1000", false),
        // Exactly at the factor is not above it.
        ("144/10000*12", false),
        ("-*12", false),
        ("20/1000*11 -", false),
    ];
    for (text, expected) in cases {
        let counted = Counted::new(0, SLICE_MS, slices(&text.split(' ').collect::<Vec<_>>())).unwrap();
        let firing = fires(&alert, &counted, target, Method::Occurrences).unwrap();
        assert_eq!(firing.fires, expected, "{text}: {firing:?}");
    }
}

#[test]
fn the_line_of_burn_has_a_value_for_each_window() {
    let counted = Counted::new(0, SLICE_MS, slices(&["1/1000*12", "-*12", "4/1000*12"])).unwrap();
    let line = burn_line(&counted, target("99.9%"), Method::Occurrences, ms("1h"), 4).unwrap();
    assert_eq!(
        line.iter().map(|burn| burn.map(f64::round)).collect::<Vec<_>>(),
        [Err(BudgetProblem::Unknown), Ok(1.0), Err(BudgetProblem::Unknown), Ok(4.0)]
    );
}

#[test]
fn states_and_burn_allow_what_policy_says() {
    let purposes =
        [(true, false), (false, false), (true, true), (false, true)].map(|(is_feature, is_emergency)| Purpose { is_feature, is_emergency });
    // A feature, a fix, an emergency feature, an emergency fix.
    let cases = [
        (BudgetState::Healthy, Some(1.0), [true, true, true, true]),
        (BudgetState::Healthy, Some(4.0), [true, true, true, true]),
        (BudgetState::Healthy, Some(4.1), [false, true, true, true]),
        (BudgetState::Healthy, None, [true, true, true, true]),
        (BudgetState::Caution, None, [true, true, true, true]),
        (BudgetState::Warning, None, [false, true, true, true]),
        (BudgetState::Exhausted, Some(0.0), [false, true, true, true]),
    ];
    for (state, burn, starts) in cases {
        assert_eq!(purposes.map(|purpose| allowance(state, burn, BURN_MAX, purpose).starts), starts, "{state:?} {burn:?}");
    }
    let low = allowance(BudgetState::Warning, None, BURN_MAX, purposes[1]);
    assert!(low.canary && low.approval && low.tighter);
    assert_eq!(allowance(BudgetState::Healthy, Some(5.0), BURN_MAX, purposes[0]).because, Because::Burning);
    assert_eq!(allowance(BudgetState::Exhausted, Some(5.0), BURN_MAX, purposes[0]).because, Because::Exhausted);
}

#[test]
fn burn_cools_down_when_what_is_bad_has_left_the_window() {
    // Slices of five minutes with 1000 events each; an objective of 99.9 %, so that an hour burns at 1 for 12 bad events.
    let cools = |bad: &[f64], burn_max: f64| {
        let slices = bad.iter().map(|bad| SliceCounts { bad: *bad, total: 1000.0, known: *bad >= 0.0 }).collect();
        cools_in_ms(&Counted::new(0, 300_000, slices).unwrap(), target("99.9%"), Method::Occurrences, ms("1h"), burn_max)
    };
    let minutes = |minutes: u64| Some(minutes * 60_000);
    let hour = |first: &[f64], rest: f64| [first, &vec![rest; 12 - first.len()]].concat();
    assert_eq!(cools(&hour(&[], 0.0), 4.0), minutes(0));
    assert_eq!(cools(&hour(&[48.0], 0.0), 4.0), minutes(0), "exactly 4 is not above 4");
    assert_eq!(cools(&hour(&[49.0], 0.0), 4.0), minutes(5), "the oldest leaves first");
    assert_eq!(cools(&hour(&[0.0, 0.0, 0.0, 49.0], 0.0), 4.0), minutes(20));
    assert_eq!(cools(&hour(&[], 12.0), 4.0), minutes(40), "a third of an even burn of 12 is left after two thirds of the hour");
    assert_eq!(cools(&hour(&[0.0; 11], 500.0), 4.0), minutes(60));
    assert_eq!(cools(&hour(&[0.0; 11], 500.0), 0.0), minutes(60));
    assert_eq!(cools(&[-1.0; 12], 4.0), None, "nobody saw anything");
    assert_eq!(cools(&[&[900.0; 12][..], &[0.0; 12]].concat(), 4.0), minutes(0), "what is older than the window does not count");
    let slices = Method::Timeslices { target: target("99.9%"), slice_ms: 600_000 };
    let counted = (0..12).map(|at| SliceCounts { bad: f64::from(u8::from(at < 2)) * 50.0, total: 1000.0, known: true }).collect();
    // One of six slices is bad, which burns at 16.7 for a target of 99 %; it is the first to leave.
    assert_eq!(cools_in_ms(&Counted::new(0, 300_000, counted).unwrap(), target("99%"), slices, ms("1h"), 4.0), minutes(10));
}

#[test]
fn a_run_is_charged_with_its_own_only() {
    let counts = |bad, total| RequestCounts { bad, total };
    let ratio = |low, high| Interval { low, high };
    let own = |exposed, rest, interval| attribute(exposed, rest, interval, target("99.9%"), 1e6);
    let charged = own(counts(30, 1000), counts(90, 9000), ratio(2.0, Some(5.0))).unwrap();
    assert_eq!((charged.bad, charged.low, charged.high), (20.0, 15.0, 24.0));
    assert!((charged.budget_share - 0.02).abs() < 1e-12);
    // The rest is worse: nothing is charged, and the interval says how much it could be.
    let spared = own(counts(5, 1000), counts(90, 9000), ratio(0.3, Some(2.0))).unwrap();
    assert_eq!((spared.bad, spared.low, spared.high), (0.0, 0.0, 2.5));
    assert_eq!(own(counts(5, 1000), counts(0, 9000), ratio(1.5, None)).unwrap().high, 5.0);
    assert_eq!(own(counts(0, 0), counts(0, 9000), ratio(0.0, None)), Err(BudgetProblem::NoTraffic));
    assert_eq!(own(counts(0, 10), counts(0, 0), ratio(0.0, None)), Err(BudgetProblem::NoTraffic));
    assert_eq!(own(counts(11, 10), counts(0, 10), ratio(0.0, None)), Err(BudgetProblem::BadData));
}

#[test]
fn odd_objectives_are_told() {
    let thirty_days = ms("30d").unsigned_abs();
    let found = |text: &str, method, sla: Option<&str>| lints(target(text), method, thirty_days, sla.map(target));
    assert_eq!(found("99.95%", Method::Occurrences, Some("99.9%")), []);
    assert_eq!(found("99.9%", Method::Occurrences, Some("99.9%")), [Lint::SlaNotLooser]);
    assert_eq!(found("99.9%", Method::Occurrences, Some("99.95%")), [Lint::SlaNotLooser]);
    assert_eq!(found("99.999%", Method::Occurrences, None), [Lint::Unanswerable { downtime_ms: 25_920 }]);
    let hourly = Method::Timeslices { target: target("99%"), slice_ms: ms("1h") };
    assert!(matches!(found("99.9%", hourly, None)[..], [Lint::SliceTooCoarse { share }] if (share - 1.0 / 0.72).abs() < 1e-9));
    assert_eq!(found("99%", hourly, None), []);
    assert!(advise().is_sorted_by_key(|advice| advice.target));
}

#[test]
fn slices_that_are_none_are_refused() {
    let of = |start, length, bad, total| Counted::new(start, length, vec![SliceCounts { bad, total, known: true }]).map(|_| ());
    assert_eq!(of(0, 300_000, 0.0, 1.0), Ok(()));
    for (bad, total) in [(f64::NAN, 1.0), (0.0, f64::NAN), (f64::INFINITY, 1.0), (0.0, -1.0), (0.0, 2e15)] {
        assert_eq!(of(0, 300_000, bad, total), Err(BudgetProblem::BadData), "{bad} {total}");
    }
    assert_eq!(of(0, 0, 0.0, 1.0), Err(BudgetProblem::BadInput));
    assert_eq!(of(i64::MAX, 1, 0.0, 1.0), Err(BudgetProblem::BadInput));
    let uneven = Counted::new(0, 300_000, slices(&["0/1*12"])).unwrap();
    assert_eq!(uneven.by(Method::RatioTimeslices { slice_ms: 420_000 }), Err(BudgetProblem::BadInput));
}

fn any_slice() -> impl Strategy<Value = SliceCounts> {
    (0..40_u32, 0..1000_u32, prop::bool::weighted(0.9)).prop_map(|(bad, total, known)| SliceCounts {
        bad: f64::from(bad.min(total)),
        total: f64::from(total),
        known,
    })
}

/// Exhaustion of a rolling period by putting the mean slice of the last hour behind the old ones and looking at every window.
fn runs_out_by_force(counted: &Counted, target: TargetPpb, period: usize) -> Exhaustion {
    let budget = target.budget().unwrap();
    let recent = counted.tally(counted.end_ms() - 3_600_000, counted.end_ms());
    let seen = f64::from(recent.slices - recent.unknown);
    let mut all = counted.slices().to_vec();
    let is_spent = |window: &[SliceCounts]| {
        let known = window.iter().filter(|slice| slice.known);
        let (bad, total) = known.fold((0.0, 0.0), |(bad, total), slice| (bad + slice.bad, total + slice.total));
        // Two orders of adding up may differ in the last digit.
        total > 0.0 && bad >= budget * total - 1e-9 * total
    };
    if is_spent(&all) {
        return Exhaustion::Already;
    }
    if seen == 0.0 {
        return Exhaustion::Unknown;
    }
    for ahead in 1..=period {
        all.push(SliceCounts { bad: recent.bad / seen, total: recent.total / seen, known: true });
        if is_spent(&all[ahead..]) {
            return Exhaustion::InMs(ahead as u64 * SLICE_MS.unsigned_abs());
        }
    }
    Exhaustion::Never
}

proptest! {
    #[test]
    fn windows_add_up_wherever_they_are_split(slices in prop::collection::vec(any_slice(), 1..60), cut in 0..60_i64) {
        let counted = Counted::new(0, SLICE_MS, slices).unwrap();
        let (end, at) = (counted.end_ms(), (cut * SLICE_MS).min(counted.end_ms()));
        let (whole, first, second) = (counted.tally(0, end), counted.tally(0, at), counted.tally(at, end));
        prop_assert_eq!(whole.bad, first.bad + second.bad);
        prop_assert_eq!(whole.total, first.total + second.total);
        prop_assert_eq!(whole.slices, first.slices + second.slices);
        prop_assert_eq!(whole.unknown, first.unknown + second.unknown);
    }

    #[test]
    fn the_state_agrees_with_what_remains(slices in prop::collection::vec(any_slice(), 1..60), ppb in 900_000_000..999_999_999_u32) {
        let counted = Counted::new(0, SLICE_MS, slices).unwrap();
        let length = counted.end_ms();
        if let Ok(status) = status(&counted, TargetPpb(ppb), Method::Occurrences, Period::Rolling(length)) {
            let by_share = match status.remaining {
                r if r > 0.5 => BudgetState::Healthy,
                r if r > 0.25 => BudgetState::Caution,
                r if r > 0.0 => BudgetState::Warning,
                _ => BudgetState::Exhausted,
            };
            prop_assert_eq!(status.state, by_share);
            prop_assert!((status.remaining - (1.0 - status.bad_share / TargetPpb(ppb).budget().unwrap())).abs() < 1e-6 * status.remaining.abs().max(1.0));
        }
    }

    #[test]
    fn running_out_is_what_looking_at_every_window_says(slices in prop::collection::vec(any_slice(), 24..80), ppb in 900_000_000..999_000_000_u32) {
        let period = slices.len();
        let counted = Counted::new(0, SLICE_MS, slices).unwrap();
        if let Ok(status) = status(&counted, TargetPpb(ppb), Method::Occurrences, Period::Rolling(counted.end_ms())) {
            prop_assert_eq!(status.exhaustion, runs_out_by_force(&counted, TargetPpb(ppb), period));
        }
    }

    #[test]
    fn no_slices_make_it_panic(
        start_ms: i64,
        slice_ms: i64,
        counts in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..20),
        ppb: u32,
        (from_ms, to_ms) in any::<(i64, i64)>(),
        method_ms: i64,
    ) {
        let slices = counts.into_iter().map(|(bad, total, known)| SliceCounts { bad, total, known }).collect();
        let Ok(counted) = Counted::new(start_ms, slice_ms, slices) else { return Ok(()) };
        let target = TargetPpb(ppb);
        for method in [Method::Occurrences, Method::Timeslices { target, slice_ms: method_ms }, Method::RatioTimeslices { slice_ms: slice_ms.saturating_mul(2) }] {
            for period in [Period::Rolling(to_ms), Period::Calendar { from_ms, to_ms }] {
                if let Ok(status) = status(&counted, target, method, period) {
                    prop_assert!(status.remaining.is_finite() && status.bad_share.is_finite());
                }
            }
            let _ = burn_line(&counted, target, method, to_ms, 3);
            for alert in burn_alerts(to_ms, target).into_iter().flatten() {
                let _ = fires(&alert, &counted, target, method);
            }
        }
    }
}

/// Burn over the long and the short window, whether the run may be to blame, whether the unknown holds, what the change is for: what follows.
#[test]
fn what_burns_holds_turns_back_or_passes() {
    use Guilt::{Excluded as Not, NotAsked, Open};
    use Onward::{GoesBack, GoesOn, Waits};
    let (by_judge, by_rest) = (Not(Excluded::ByJudge), Not(Excluded::ByTheRest));
    let unknown = Err(BudgetProblem::Unknown);
    type Case = (&'static str, Option<(Result<f64, BudgetProblem>, Result<f64, BudgetProblem>)>, Guilt, bool, Onward);
    let cases: [Case; 17] = [
        ("calm", Some((Ok(0.2), Ok(0.1))), Open, true, GoesOn),
        ("at the figure", Some((Ok(4.0), Ok(4.0))), Open, true, GoesOn),
        ("a bad minute", Some((Ok(0.9), Ok(11.0))), Open, true, GoesOn),
        ("an hour that is over", Some((Ok(9.0), Ok(0.5))), Open, true, GoesOn),
        ("nobody asked for anything", Some((Err(BudgetProblem::NoTraffic), Err(BudgetProblem::NoTraffic))), Open, true, GoesOn),
        ("nothing exposed", Some((Ok(6.2), Ok(5.9))), NotAsked, false, Waits),
        ("the judge saw no regression", Some((Ok(6.2), Ok(5.9))), by_judge, false, Waits),
        ("the rest is as bad", Some((Ok(6.2), Ok(5.9))), by_rest, false, Waits),
        ("nothing says it is not the run", Some((Ok(6.2), Ok(5.9))), Open, false, GoesBack),
        ("nobody answers", None, Open, false, GoesOn),
        ("nobody answers, and somebody has to", None, Open, true, Waits),
        ("nobody answers, nothing exposed", None, NotAsked, true, Waits),
        ("nobody saw the hour", Some((unknown, Ok(9.0))), Open, false, GoesOn),
        ("nobody saw the hour, and somebody has to", Some((unknown, Ok(9.0))), Open, true, Waits),
        ("nobody saw the last minutes", Some((Ok(9.0), unknown)), Open, true, Waits),
        ("nobody saw the last minutes, which is told", Some((Ok(9.0), unknown)), Open, false, GoesOn),
        ("rubbish", Some((Err(BudgetProblem::BadData), Ok(9.0))), Open, true, Waits),
    ];
    for (what, burn, guilt, unknown_holds, expected) in cases {
        let firing =
            burn.map(|(long, short)| Firing { long, short, fires: [long, short].iter().all(|burn| burn.is_ok_and(|burn| burn > 4.0)) });
        for (is_feature, is_emergency) in [(true, false), (true, true), (false, false), (false, true)] {
            let expected = if is_feature && !is_emergency { expected } else { GoesOn };
            let found = onward(firing.as_ref(), guilt, unknown_holds, Purpose { is_feature, is_emergency });
            assert_eq!(found, expected, "{what}, a feature: {is_feature}, an emergency: {is_emergency}");
        }
    }
}

#[test]
fn a_new_side_is_no_worse_only_where_it_served_enough_to_show_it() {
    let counts = |bad, total| RequestCounts { bad, total };
    let cases = [
        ("as bad as the rest, which is bad", counts(50, 1_000), counts(500, 10_000), true),
        ("better than the rest", counts(0, 750), counts(500, 10_000), true),
        ("one request too few to show four times the budget", counts(0, 749), counts(500, 10_000), false),
        ("worse than the rest", counts(51, 1_000), counts(500, 10_000), false),
        ("a little worse than a rest without failures", counts(1, 10_000), counts(0, 10_000), false),
        ("nothing to compare with", counts(0, 10_000), counts(0, 0), false),
        ("no requests", counts(0, 0), counts(500, 10_000), false),
        ("more bad ones than requests", counts(2, 1), counts(500, 10_000), false),
    ];
    for (what, exposed, rest, expected) in cases {
        assert_eq!(is_no_worse(exposed, rest, None, target("99.9%"), 4.0), expected, "{what}");
    }
}

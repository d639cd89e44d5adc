use super::figure::{frequency_band, share_band, time_band};
use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Thirty days.
const MONTH: Window = Window { from_ms: 0, to_ms: 30 * DAY };

/// One that was made an hour before it started, at `started`, and landed half an hour later.
fn landed(component: &str, started: i64) -> Executed {
    Executed {
        components: vec![component.to_owned()],
        teams: vec![format!("{component}-team")],
        made_ms: Some(started - HOUR),
        is_committed: true,
        started_ms: started,
        deployed_ms: Some(started + 60_000),
        landed_ms: Some(started + HOUR / 2),
        ended_ms: Some(started + HOUR / 2),
        end: End::Landed,
        is_proven: true,
        ..Executed::default()
    }
}

/// One that turned back ten minutes after it started, was safe a minute later and undone another one later.
fn turned_back(component: &str, started: i64) -> Executed {
    let began = started + 600_000;
    let back = Return { began_ms: began, safe_ms: Some(began + 60_000), undone_ms: Some(began + 120_000), asked_for: false };
    Executed {
        landed_ms: None,
        ended_ms: Some(began + 120_000),
        end: End::RolledBack,
        turned_back: Some(back),
        ..landed(component, started)
    }
}

fn all(runs: &[Executed]) -> Delivery {
    delivery(runs, &Scope::All, MONTH)
}

/// Value, numerator and denominator.
#[track_caller]
fn figure(delivery: &Delivery, id: &str) -> (Option<f64>, f64, f64) {
    let figure = delivery.figure(id).unwrap_or_else(|| panic!("no figure {id}"));
    (figure.value, figure.numerator, figure.denominator)
}

#[test]
fn bands_begin_where_the_better_one_ends() {
    use Band::{Elite, High, Low, Medium};
    let day = DAY_MS;
    for (count, window_ms, band) in [
        (30, 30 * day, Elite),
        (29, 30 * day, High),
        (1, 30 * day, High),
        (1, 30 * day + 1, Medium),
        (1, 180 * day, Medium),
        (1, 180 * day + 1, Low),
        (0, 180 * day, Low),
        (u64::MAX, u64::MAX, Elite),
    ] {
        assert_eq!(frequency_band(count, window_ms), Some(band), "{count} in {window_ms} ms");
    }
    assert_eq!(frequency_band(3, 0), None);
    assert_eq!(frequency_band(0, 180 * day - 1), None, "no landing in so short a time may be medium or low");
    for (hits, of, band) in [
        (0, 1, Elite),
        (5, 100, Elite),
        (501, 10_000, High),
        (10, 100, High),
        (1001, 10_000, Medium),
        (15, 100, Medium),
        (1501, 10_000, Low),
        (100, 100, Low),
    ] {
        assert_eq!(share_band(hits, of), Some(band), "{hits} of {of}");
    }
    assert_eq!(share_band(0, 0), None);
    let (lead, recovery) = (Band::LEAD_DAYS, Band::RECOVERY_DAYS);
    for (seconds, days, band) in [
        (0.0, lead, Elite),
        (3599.999, lead, Elite),
        (3600.0, lead, High),
        (7.0 * 86_400.0 - 0.001, lead, High),
        (7.0 * 86_400.0, lead, Medium),
        (30.0 * 86_400.0 - 0.001, lead, Medium),
        (30.0 * 86_400.0, lead, Low),
        (1e12, lead, Low),
        (3600.0, recovery, High),
        (86_399.999, recovery, High),
        (86_400.0, recovery, Medium),
        (7.0 * 86_400.0, recovery, Low),
    ] {
        assert_eq!(time_band(seconds, days), band, "{seconds} s of {days:?}");
    }
}

#[test]
fn of_no_run_there_is_no_figure_but_that_of_frequency() {
    let found = all(&[]);
    for figure in &found.figures {
        let expected = (figure.id == "deployment-frequency").then_some(0.0);
        assert_eq!(figure.value, expected, "{}", figure.id);
        assert_eq!(figure.band, None, "{}", figure.id);
    }
    let no_time = delivery(&[], &Scope::All, Window { from_ms: 5, to_ms: 5 });
    assert_eq!(no_time.figure("deployment-frequency").and_then(|figure| figure.value), None);
}

#[test]
fn one_deployment_that_landed() {
    let found = all(&[landed("web", DAY)]);
    assert_eq!(found.basis, Basis { runs: 1, deployments: 1, failed: 0, under_way: 0 });
    assert_eq!(figure(&found, "deployment-frequency"), (Some(1.0 / 30.0), 1.0, 30.0));
    assert_eq!(figure(&found, "change-lead-time"), (Some(5400.0), 5400.0, 1.0));
    assert_eq!(figure(&found, "change-fail-rate"), (Some(0.0), 0.0, 1.0));
    assert_eq!(figure(&found, "recovery-time"), (None, 0.0, 0.0), "nothing failed, so there is no time of recovery, not even 0");
    assert_eq!(figure(&found, "time-between-failures"), (None, 30.0 * 86_400.0, 0.0));
    assert_eq!(figure(&found, "rework-rate"), (Some(0.0), 0.0, 1.0));
    assert_eq!(figure(&found, "run-success"), (Some(1.0), 1.0, 1.0));
    let bands: Vec<Option<Band>> = found.figures[..5].iter().map(|figure| figure.band).collect();
    assert_eq!(bands, [Some(Band::High), Some(Band::High), Some(Band::Elite), None, Some(Band::Elite)]);
    let planned = all(&[Executed { is_committed: false, ..landed("web", DAY) }]);
    let lead = planned.figure("change-lead-time").unwrap();
    assert_eq!((lead.value, lead.assumed, lead.band), (Some(5400.0), 1, None), "from planning on it is too short to be called anything");
}

#[test]
fn a_run_that_goes_back_after_it_landed_is_one_deployment_and_failed() {
    let landed_at = landed("web", DAY);
    let back = Return { began_ms: 3 * DAY, safe_ms: Some(3 * DAY + 90_000), undone_ms: Some(3 * DAY + HOUR), asked_for: true };
    let late = Executed { end: End::RolledBack, turned_back: Some(back), ..landed_at.clone() };
    let found = all(std::slice::from_ref(&late));
    assert_eq!(figure(&found, "change-fail-rate"), (Some(1.0), 1.0, 1.0));
    assert_eq!(figure(&found, "recovery-time"), (Some(90.0), 90.0, 1.0));
    assert_eq!(figure(&found, "time-to-undo"), (Some(3600.0), 3600.0, 1.0));
    assert_eq!(figure(&found, "deployment-frequency").1, 1.0, "it did land");
    assert_eq!(figure(&found, "run-success"), (Some(0.0), 0.0, 1.0), "and did not stay");
    assert_eq!((figure(&found, "rollback-rate").1, figure(&found, "automatic-rollback-rate").1), (1.0, 0.0));
    // What a watch finds after the landing is a failure from then on, not from when somebody acts.
    let watched = Executed { found_after_ms: Some(3 * DAY - 30_000), ..late };
    assert_eq!(figure(&all(&[watched]), "recovery-time"), (Some(120.0), 120.0, 1.0));
    let unmended = Executed { found_after_ms: Some(2 * DAY), ..landed_at };
    let found = all(&[unmended]);
    assert_eq!(figure(&found, "change-fail-rate"), (Some(1.0), 1.0, 1.0));
    assert_eq!(found.figure("recovery-time").map(|figure| (figure.value, figure.left_out)), Some((None, 1)), "it is not mended yet");
}

#[test]
fn what_altered_nothing_is_no_deployment() {
    let before = Executed { deployed_ms: None, ..turned_back("web", DAY) };
    let superseded = Executed { end: End::Superseded, landed_ms: None, ..landed("web", 2 * DAY) };
    let flying = Executed { end: End::UnderWay, landed_ms: None, ended_ms: None, ..landed("web", 3 * DAY) };
    let abandoned = Executed { end: End::Abandoned, landed_ms: None, ..landed("web", 4 * DAY) };
    let found = all(&[before, superseded, flying, abandoned]);
    assert_eq!(found.basis, Basis { runs: 3, deployments: 1, failed: 1, under_way: 1 });
    assert_eq!(figure(&found, "run-success"), (Some(0.0), 0.0, 2.0), "the one that went back and the abandoned one");
    assert_eq!(found.figure("recovery-time").map(|figure| figure.left_out), Some(1), "nobody knows when an abandoned one was mended");
}

#[test]
fn what_repairs_or_follows_on_a_failure_of_the_same_component_is_rework() {
    let fix = |run: Executed| Executed { repairs: true, ..run };
    let (first, failed) = (landed("web", DAY), turned_back("web", 2 * DAY));
    for (what, next, reworks) in [
        ("of the same component", landed("web", 2 * DAY + HOUR), 1.0),
        ("of another one", landed("api", 2 * DAY + HOUR), 0.0),
        ("of another one that says it repairs", fix(landed("api", 2 * DAY + HOUR)), 1.0),
        ("that began before the failure was seen", landed("web", 2 * DAY + 1), 0.0),
    ] {
        let found = all(&[first.clone(), failed.clone(), next]);
        assert_eq!(figure(&found, "rework-rate").1, reworks, "a deployment {what}");
        assert_eq!(found.basis.deployments, 3);
    }
    // A failure from before the window counts, the one after the next does not.
    let late = Window { from_ms: 2 * DAY + HOUR, to_ms: 30 * DAY };
    let runs = [failed, landed("web", 2 * DAY + HOUR), landed("web", 3 * DAY)];
    assert_eq!(figure(&delivery(&runs, &Scope::All, late), "rework-rate"), (Some(0.5), 1.0, 2.0));
    for (after, flaps) in [(600_000 + FLAPS_WITHIN_MS, 1.0), (600_001 + FLAPS_WITHIN_MS, 0.0)] {
        let found = all(&[turned_back("web", DAY), landed("web", DAY + after)]);
        assert_eq!(figure(&found, "flapping-rate").1, flaps, "{after} ms after the failed one started");
    }
}

#[test]
fn a_scope_counts_each_run_once_and_the_window_ends_before_its_end() {
    let both = Executed { components: vec!["web".to_owned(), "api".to_owned()], ..landed("web", DAY) };
    let runs = [both, landed("api", 2 * DAY), landed("old", 30 * DAY - HOUR / 2), landed("older", 30 * DAY - HOUR / 2 - 1)];
    let names: Vec<Scope> = scopes(&runs, MONTH);
    let component = |name: &str| Scope::Component(name.to_owned());
    let team = |name: &str| Scope::Team(name.to_owned());
    let expected =
        [Scope::All, component("api"), component("older"), component("web"), team("api-team"), team("older-team"), team("web-team")];
    assert_eq!(names, expected, "what landed at the end of the window is not inside");
    for (scope, count) in [(Scope::All, 3), (component("api"), 2), (component("web"), 1), (team("api-team"), 1), (team("nobody"), 0)] {
        assert_eq!(delivery(&runs, &scope, MONTH).basis.runs, count, "{scope:?}");
    }
}

#[test]
fn times_give_their_median_and_what_is_not_known_is_told() {
    let waited = |from_ms, until_ms| Wait { from_ms, until_ms };
    let approvals = vec![waited(0, Some(1000)), waited(0, Some(4000)), waited(0, Some(2000)), waited(0, None), waited(9000, Some(0))];
    let found = all(&[Executed { approvals, ..landed("web", DAY) }]);
    let figure = found.figure("approval-wait").cloned().unwrap();
    assert_eq!((figure.value, figure.numerator, figure.denominator, figure.left_out), (Some(2.0), 7.0, 3.0, 2));
    assert_eq!(figure.spread.map(|spread| (spread.p90, spread.p99)), Some((4.0, 4.0)));
    let even = all(&[landed("web", DAY), Executed { ended_ms: Some(2 * DAY + HOUR), ..landed("web", 2 * DAY) }]);
    assert_eq!(even.figure("run-duration").and_then(|figure| figure.value), Some(2700.0), "between the two in the middle");
}

#[test]
fn predictions_are_held_against_what_came() {
    let said = |failure| Some(Predicted { failure, p50_ms: 1_500_000, p95_ms: 1_800_000 });
    let slow = Executed { landed_ms: Some(3 * DAY), ended_ms: Some(3 * DAY), predicted: said(0.25), ..landed("web", 2 * DAY) };
    let runs =
        [Executed { predicted: said(0.25), ..landed("web", DAY) }, slow, Executed { predicted: said(0.5), ..turned_back("web", 4 * DAY) }];
    let found = all(&runs);
    assert_eq!(figure(&found, "failures-against-prediction"), (Some(1.0), 1.0, 1.0));
    assert_eq!(figure(&found, "within-predicted-duration"), (Some(0.5), 1.0, 2.0));
    let odd = all(&[Executed { predicted: said(f64::NAN), ..landed("web", DAY) }]);
    assert_eq!(figure(&odd, "failures-against-prediction"), (None, 0.0, 0.0), "what is no probability is not used");
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![-5_i64..50 * DAY, Just(i64::MIN), Just(i64::MAX), any::<i64>()]
}

fn executed() -> impl Strategy<Value = Executed> {
    let end = prop_oneof![Just(End::UnderWay), Just(End::Landed), Just(End::RolledBack), Just(End::Abandoned), Just(End::Superseded)];
    let maybe = || proptest::option::of(time());
    let back = proptest::option::of((time(), maybe(), maybe(), any::<bool>()))
        .prop_map(|back| back.map(|(began_ms, safe_ms, undone_ms, asked_for)| Return { began_ms, safe_ms, undone_ms, asked_for }));
    let waits = || proptest::collection::vec((time(), maybe()).prop_map(|(from_ms, until_ms)| Wait { from_ms, until_ms }), 0..3);
    let said = proptest::option::of((any::<f64>(), any::<u64>(), any::<u64>()))
        .prop_map(|said| said.map(|(failure, p50_ms, p95_ms)| Predicted { failure, p50_ms, p95_ms }));
    let times = (maybe(), time(), maybe(), maybe(), maybe(), maybe());
    let counts = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let rest = (end, back, waits(), waits(), said, any::<bool>());
    ("[ab]", times, counts, rest).prop_map(|(name, times, counts, rest)| Executed {
        components: vec![name],
        made_ms: times.0,
        started_ms: times.1,
        deployed_ms: times.2,
        landed_ms: times.3,
        ended_ms: times.4,
        found_after_ms: times.5,
        attempts: counts.0,
        retries: counts.1,
        gates: counts.2,
        gates_passed: counts.3,
        end: rest.0,
        turned_back: rest.1,
        approvals: rest.2,
        calls_for_help: rest.3,
        predicted: rest.4,
        repairs: rest.5,
        ..Executed::default()
    })
}

proptest! {
    #[test]
    fn no_record_however_odd_gives_a_figure_that_is_no_number(
        runs in proptest::collection::vec(executed(), 0..12), from_ms in time(), to_ms in time()
    ) {
        let window = Window { from_ms, to_ms };
        for scope in scopes(&runs, window) {
            let found = delivery(&runs, &scope, window);
            prop_assert!(found.basis.failed <= found.basis.deployments && found.basis.deployments <= found.basis.runs);
            for figure in &found.figures {
                prop_assert!(figure.value.is_none_or(f64::is_finite), "{figure:?}");
                prop_assert!(figure.numerator.is_finite() && figure.denominator.is_finite(), "{figure:?}");
                let spread = figure.spread.map_or(vec![], |of| vec![of.mean, of.p90, of.p95, of.p99]);
                prop_assert!(spread.iter().all(|value| value.is_finite() && *value >= 0.0), "{figure:?}");
            }
            for id in ["change-fail-rate", "rework-rate", "run-success", "rollback-rate"] {
                let value = found.figure(id).and_then(|figure| figure.value);
                prop_assert!(value.is_none_or(|share| (0.0..=1.0).contains(&share)), "{id} {value:?}");
            }
        }
    }
}

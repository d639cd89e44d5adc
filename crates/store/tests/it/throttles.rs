//! Throttled targets and dead letters, on every store (`conformance` runs these).

use crate::fixtures::*;
use glidepath_model::Millis;
use glidepath_model::action::ActionCall;
use glidepath_model::event::{AttemptRef, Direction};
use glidepath_model::plan::{Breaker, Rate, Throttle};
use glidepath_model::projection::{AttemptReport, DeadLetter, DeadLetterKind, Settled, Settlement};
use glidepath_ports::store::{Admission, DEAD_LETTERS_MAX, DeadLetters};
use glidepath_ports::{Store, StoreError};
use serde_json::json;
use std::sync::Arc;

/// Letters of one append of the test that writes more than the store keeps.
const LETTERS_PER_APPEND: u64 = 2_500;

pub(crate) fn throttle(target: &str) -> Throttle {
    Throttle {
        target: target.into(),
        rate: Some(Rate { starts_max: 2, per_ms: Millis::from_secs(10) }),
        breaker: Some(Breaker { failures_max: 2, within_ms: Millis::from_secs(60), open_ms: Millis::from_secs(100) }),
    }
}

/// Until when an attempt may not begin; `None` when it may.
async fn held_up(store: &dyn Store, target: &str, seconds: i64) -> Option<i64> {
    match store.admit(&throttle(target), time(seconds)).await.unwrap() {
        Admission::Granted => None,
        Admission::NotBefore { until, reason } => {
            assert!(reason.contains(target), "{reason}");
            Some((until.as_micros() - time(0).as_micros()) / 1_000_000)
        }
    }
}

pub(crate) async fn a_rate_binds_all_owners_together(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    assert_eq!(held_up(&*store, "payments", 0).await, None);
    assert_eq!(held_up(&*store, "payments", 4).await, None);
    assert_eq!(held_up(&*store, "payments", 5).await, Some(10));
    assert_eq!(held_up(&*store, "auth", 5).await, None, "each target has its own rate");
    first.lease.leave().await;
    let _owner = own(&*store).await;
    assert_eq!(held_up(&*store, "payments", 6).await, Some(10), "who asked before does not matter");
    assert_eq!(held_up(&*store, "payments", 10).await, None);
    assert_eq!(held_up(&*store, "payments", 11).await, Some(14));

    // Attempts of many runs at once: no more than the rate begin.
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { held_up(&*store, "cart", 0).await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|until| until.is_none()).count(), 2, "{answers:?}");
}

pub(crate) async fn failures_told_by_appends_open_the_breaker_of_their_target(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let report = |target: &str, done, seconds| AttemptReport { throttle: throttle(target), done, at: time(seconds) };
    let told = |number: u64, expected_seq, reports: &[AttemptReport]| {
        let mut one = append(&run_id(number), expected_seq, vec![noted("tried")]);
        one.reports = reports.to_vec();
        vec![one]
    };
    store.append(owner.epoch, told(1, 0, &[report("payments", false, 0), report("auth", true, 0)])).await.unwrap();
    let refused = store.append(owner.epoch, told(1, 0, &[report("payments", false, 1)])).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(held_up(&*store, "payments", 20).await, None, "what was refused counts for nothing");
    // Another run fails on the same target.
    store.append(owner.epoch, told(2, 0, &[report("payments", false, 30)])).await.unwrap();
    assert_eq!(held_up(&*store, "payments", 31).await, Some(130));
    assert_eq!(held_up(&*store, "auth", 31).await, None);
    assert_eq!(held_up(&*store, "payments", 130).await, None, "one tries");
    assert_eq!(held_up(&*store, "payments", 131).await, Some(132));
    store.append(owner.epoch, told(2, 1, &[report("payments", true, 140)])).await.unwrap();
    assert_eq!(held_up(&*store, "payments", 141).await, None, "it was done: closed");
}

fn page(number: u64) -> DeadLetter {
    let what = DeadLetterKind::Page { channel: "on-call".to_owned(), line: format!("page {number}") };
    DeadLetter { run: run_id(number), at: time(0), what, reason: "nobody \"answers\"".to_owned() }
}

fn effect() -> DeadLetter {
    let call =
        |what: &str| ActionCall { kind: "exec".to_owned(), version: 1, input: json!({ "command": [what], "share": 0.1, "nothing": null }) };
    let what = DeadLetterKind::Effect {
        attempt: AttemptRef { step: "hosts/7/restart".into(), direction: Direction::Do, round: 1, number: 3 },
        title: "Restart host 7".to_owned(),
        call: call("restart"),
        validations: vec![call("ping")],
        timeout_ms: Millis::from_secs(30),
    };
    DeadLetter { run: run_id(1), at: time(5), what, reason: "exit code 7".to_owned() }
}

fn settled(line: &str) -> Settled {
    Settled { replayed: true, who: who(), at: time(9), line: line.to_owned() }
}

pub(crate) async fn dead_letters_are_kept_until_they_are_settled_once(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    assert_eq!(store.dead_letters(10).await.unwrap(), DeadLetters::default());
    let mut one = append(&run_id(1), 0, vec![noted("gave one host up")]);
    one.dead_letters = vec![effect(), page(1)];
    store.append(owner.epoch, vec![one.clone()]).await.unwrap();
    let refused = store.append(owner.epoch, vec![one]).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    store.add_dead_letter(page(2)).await.unwrap();

    let found = store.dead_letters(10).await.unwrap();
    let letters: Vec<_> = found.letters.iter().map(|(_, letter)| letter.clone()).collect();
    assert_eq!((letters, found.count, found.lost), (vec![effect(), page(1), page(2)], 3, 0));
    let numbers: Vec<u64> = found.letters.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let first = store.dead_letters(1).await.unwrap();
    assert_eq!((first.letters.len(), first.count), (1, 3));

    let [first, second, third] = numbers.try_into().unwrap();
    assert!(store.settle_dead_letter(second, settled("done by hand")).await.unwrap());
    assert!(!store.settle_dead_letter(second, settled("once more")).await.unwrap());
    let left = store.dead_letters(10).await.unwrap();
    assert_eq!((left.letters, left.count), (vec![(first, effect()), (third, page(2))], 2));
    for missing in [0, third + 1000, u64::MAX] {
        let refused = store.settle_dead_letter(missing, settled("none")).await;
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{missing}: {refused:?}");
    }
    // A run that did it settles a letter in the append that says so, unless somebody did before; what is refused settles nothing.
    let settle = |letter| Settlement { letter, how: settled("done by run-2") };
    let did_it = |expected_seq, letters: &[u64]| {
        let mut one = append(&run_id(2), expected_seq, vec![noted("did it again")]);
        one.settlements = letters.iter().map(|letter| settle(*letter)).collect();
        vec![one]
    };
    let refused = store.append(owner.epoch, did_it(7, &[third])).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    store.append(owner.epoch, did_it(0, &[first, second, third + 1000])).await.unwrap();
    assert!(!store.settle_dead_letter(first, settled("once more")).await.unwrap());
    let left = store.dead_letters(10).await.unwrap();
    assert_eq!((left.letters, left.count), (vec![(third, page(2))], 1));
    // Those that were settled are still to be read, with what became of them.
    let told = store.settled_letters(10).await.unwrap();
    assert_eq!(told.letters, [(second, page(1), settled("done by hand")), (first, effect(), settled("done by run-2"))]);
    assert_eq!((store.settled_letters(1).await.unwrap().letters.len(), told.unread), (1, vec![]));
    owner.lease.leave().await;
    assert_eq!(store.dead_letters(10).await.unwrap().count, 1);
}

pub(crate) async fn dead_letters_beyond_the_limit_are_counted_as_lost(store: Arc<dyn Store>) {
    const LOST: u64 = 3;
    let owner = own_with_runs(&*store).await;
    let mut written = 0;
    while written < DEAD_LETTERS_MAX {
        let mut one = append(&run_id(1), written / LETTERS_PER_APPEND, vec![noted("nobody is there")]);
        let last =
            if written + LETTERS_PER_APPEND >= DEAD_LETTERS_MAX { DEAD_LETTERS_MAX + LOST - 1 } else { written + LETTERS_PER_APPEND };
        one.dead_letters = (written..last).map(page).collect();
        written = last;
        store.append(owner.epoch, vec![one]).await.unwrap();
    }
    store.add_dead_letter(page(written)).await.unwrap();
    let found = store.dead_letters(2).await.unwrap();
    assert_eq!((found.letters.len(), found.count, found.lost), (2, DEAD_LETTERS_MAX, LOST));
    let (number, oldest) = &found.letters[0];
    assert_eq!(*oldest, page(0));
    // Whoever settles one makes room for one.
    assert!(store.settle_dead_letter(*number, settled("discarded")).await.unwrap());
    store.add_dead_letter(page(1)).await.unwrap();
    store.add_dead_letter(page(2)).await.unwrap();
    let found = store.dead_letters(1).await.unwrap();
    assert_eq!((found.count, found.lost), (DEAD_LETTERS_MAX, LOST + 1));
}

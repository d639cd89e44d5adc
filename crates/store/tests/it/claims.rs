//! Claims, on every store (`conformance` runs these): who holds, who waits, and under which numbers.

use crate::fixtures::*;
use glidepath_model::Event;
use glidepath_model::projection::{ClaimWait, Fence};
use glidepath_ports::Store;
use glidepath_ports::store::{ClaimOrder, Taking};
use std::sync::Arc;

async fn ask(store: &dyn Store, epoch: u64, number: u64, order: &ClaimOrder) -> Taking {
    store.take_run(epoch, &run_id(number), order).await.unwrap()
}

/// Asks, and gives the outline of the answer.
async fn asked(store: &dyn Store, epoch: u64, number: u64, order: &ClaimOrder) -> String {
    outline(&ask(store, epoch, number, order).await)
}

async fn fences(store: &dyn Store, epoch: u64, number: u64, order: &ClaimOrder) -> Vec<Fence> {
    match ask(store, epoch, number, order).await {
        Taking::Taken { fences } => fences,
        other => panic!("run {number} was not taken: {other:?}"),
    }
}

/// Begins a run that holds these.
async fn holds(store: &dyn Store, epoch: u64, number: u64, order: &ClaimOrder) -> Vec<Fence> {
    let fences = fences(store, epoch, number, order).await;
    let mut begin = claiming(&run_id(number), 0, order);
    begin.events.push(Event::ClaimsGranted { fences: fences.clone() });
    store.append(epoch, vec![begin]).await.unwrap();
    fences
}

/// Begins a run that waits for these since some seconds.
async fn waits(store: &dyn Store, epoch: u64, number: u64, order: &ClaimOrder, since_seconds: i64) -> ClaimWait {
    let Taking::Queued(wait) = ask(store, epoch, number, order).await else { panic!("run {number} does not wait") };
    let mut begin = claiming(&run_id(number), 0, order);
    begin.events.push(Event::ClaimsQueued { wait: wait.clone() });
    begin.summary.waits_for = Some(wait.clone());
    begin.summary.started_at = time(since_seconds);
    store.append(epoch, vec![begin]).await.unwrap();
    wait
}

/// What runs 1, 2, ... hold, what the next one wants, and whether it goes together.
pub(crate) async fn claims_go_together_or_are_refused_as_their_modes_say(store: Arc<dyn Store>) {
    let cases: &[(&[&str], &str, bool)] = &[
        (&[], "x", true),
        (&["x"], "x", false),
        (&["x"], "s", false),
        (&["x"], "1/2", false),
        (&["s"], "s", true),
        (&["s", "s", "s"], "s", true),
        (&["s"], "x", false),
        (&["s"], "1/2", false),
        (&["1/2"], "1/2", true),
        (&["1/2", "1/2"], "1/2", false),
        (&["2/3"], "1/3", true),
        (&["2/3"], "2/3", false),
        (&["1/9"], "1/1", false),
        (&["1/2"], "s", false),
        (&["1/2"], "x", false),
    ];
    let owner = own(&*store).await;
    let mut number = 0;
    for (case, (held, wanted, goes)) in cases.iter().enumerate() {
        let order = |mode: &str| order(&[&format!("resource-{case} {mode}")], false);
        for mode in *held {
            number += 1;
            fences(&*store, owner.epoch, number, &order(mode)).await;
        }
        number += 1;
        let taking = ask(&*store, owner.epoch, number, &order(wanted)).await;
        assert_eq!(matches!(taking, Taking::Taken { .. }), *goes, "{wanted} beside {held:?}: {taking:?}");
        assert_eq!(matches!(taking, Taking::Held(_)), !goes, "{wanted} beside {held:?}: {taking:?}");
    }
}

pub(crate) async fn a_target_is_held_until_its_run_has_ended(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let take = async |number, claims: &[&str]| asked(&*store, owner.epoch, number, &order(claims, false)).await;
    let held = |number, target: &str| format!("held {target} of {}", run_id(number));
    assert_eq!(take(1, &["payments x", "auth x"]).await, "taken auth payments");
    assert_eq!(take(1, &["auth x", "payments x"]).await, "taken auth payments", "its own");
    assert_eq!(take(2, &["cart x", "payments x"]).await, held(1, "payments"));
    assert_eq!(take(3, &["cart x"]).await, "taken cart", "who was refused holds nothing");

    store.append(owner.epoch, vec![started(&run_id(1))]).await.unwrap();
    assert_eq!(take(4, &["auth x"]).await, held(1, "auth"));
    store.append(owner.epoch, vec![ended(&run_id(1), 1)]).await.unwrap();
    assert_eq!(take(4, &["auth x"]).await, "taken auth");
    assert_eq!(take(1, &["payments x", "auth x"]).await, held(4, "auth"), "an ended run that goes back needs its targets again");
    store.release_runs(owner.epoch, vec![run_id(4)]).await.unwrap();
    assert_eq!(take(1, &["payments x", "auth x"]).await, "taken auth payments");
    assert_eq!(take(5, &["auth x"]).await, held(1, "auth"));
    store.release_runs(owner.epoch, vec![run_id(1)]).await.unwrap();
    assert_eq!(take(5, &["auth x"]).await, "taken auth", "an ended run that was set free keeps nothing");
}

pub(crate) async fn a_run_takes_all_of_its_claims_or_none(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let take = async |number, claims: &[&str], waits| asked(&*store, owner.epoch, number, &order(claims, waits)).await;
    assert_eq!(take(1, &["db x"], false).await, "taken db");
    assert_eq!(take(2, &["auth x", "db s", "slots 1/2"], false).await, format!("held db of {}", run_id(1)));
    assert_eq!(take(3, &["auth x"], false).await, "taken auth");
    assert_eq!(take(4, &["db s", "slots 2/2"], true).await, format!("queued db of {}", run_id(1)));
    // Who waits holds nothing, but nobody overtakes it.
    assert_eq!(take(5, &["slots 1/2"], false).await, format!("held slots of {}", run_id(4)));
    assert_eq!(take(6, &["slots 1/2", "cart x"], true).await, format!("queued slots of {}", run_id(4)));
    assert_eq!(take(7, &["cart x"], false).await, format!("held cart of {}", run_id(6)));
}

pub(crate) async fn taking_again_what_one_has_gives_the_same_fences(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let both = order(&["auth x", "slots 1/2"], false);
    let first = fences(&*store, owner.epoch, 1, &both).await;
    assert_eq!(first.iter().map(|fence| fence.resource.as_str()).collect::<Vec<_>>(), ["auth", "slots"]);
    assert!(first.iter().all(|fence| fence.number > 0));
    assert_eq!(asked(&*store, owner.epoch, 2, &order(&["auth s"], true)).await, format!("queued auth of {}", run_id(1)));
    assert_eq!(fences(&*store, owner.epoch, 1, &both).await, first, "also when somebody waits for it");
    assert_eq!(fences(&*store, owner.epoch, 1, &order(&["slots 1/2"], true)).await, first[1..]);
    take(&*store, owner.epoch, &run_id(1)).await;
    assert_eq!(fences(&*store, owner.epoch, 1, &both).await, first, "who asks for nothing gives nothing up");
}

pub(crate) async fn fences_of_a_resource_grow_with_every_grant_also_under_the_next_owner(store: Arc<dyn Store>) {
    let mut owner = own(&*store).await;
    let mut newest = 0;
    for number in 1..=6 {
        let one = order(&["db x"], false);
        let [fence] = holds(&*store, owner.epoch, number, &one).await.try_into().unwrap();
        assert!(fence.number > newest, "{} after {newest}", fence.number);
        newest = fence.number;
        store.append(owner.epoch, vec![ended(&run_id(number), 2)]).await.unwrap();
        if number % 2 == 0 {
            owner.lease.leave().await;
            owner = own(&*store).await;
        }
    }
}

pub(crate) async fn who_waits_goes_in_the_order_of_the_first_asking(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let (waiting, hasty) = (order(&["db x"], true), order(&["db x"], false));
    let asks = async |number, order| asked(&*store, owner.epoch, number, order).await;
    holds(&*store, owner.epoch, 1, &hasty).await;
    assert_eq!(waits(&*store, owner.epoch, 2, &waiting, 0).await.by, run_id(1));
    assert_eq!(asks(3, &waiting).await, format!("queued db of {}", run_id(1)));
    assert_eq!(asks(2, &waiting).await, format!("queued db of {}", run_id(1)), "asking again changes nothing");

    store.append(owner.epoch, vec![ended(&run_id(1), 2)]).await.unwrap();
    assert_eq!(asks(3, &waiting).await, format!("queued db of {}", run_id(2)));
    assert_eq!(asks(4, &hasty).await, format!("held db of {}", run_id(2)));
    assert_eq!(asks(2, &waiting).await, "taken db");
    assert_eq!(asks(3, &waiting).await, format!("queued db of {}", run_id(2)));
    store.append(owner.epoch, vec![claiming(&run_id(2), 2, &waiting), ended(&run_id(2), 3)]).await.unwrap();
    assert_eq!(asks(3, &waiting).await, "taken db");
}

pub(crate) async fn small_claims_do_not_overtake_a_large_one_that_waits(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let asks = async |number, claims: &[&str], waits| asked(&*store, owner.epoch, number, &order(claims, waits)).await;
    assert_eq!(asks(1, &["slots 1/3"], false).await, "taken slots");
    assert_eq!(asks(2, &["slots 3/3"], true).await, format!("queued slots of {}", run_id(1)));
    assert_eq!(asks(3, &["slots 1/3"], true).await, format!("queued slots of {}", run_id(2)));
    store.release_runs(owner.epoch, vec![run_id(1)]).await.unwrap();
    assert_eq!(asks(3, &["slots 1/3"], true).await, format!("queued slots of {}", run_id(2)));
    assert_eq!(asks(2, &["slots 3/3"], true).await, "taken slots");
}

pub(crate) async fn a_waiting_run_that_is_released_before_it_began_loses_its_place(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let waiting = order(&["db x"], true);
    holds(&*store, owner.epoch, 1, &waiting).await;
    for number in [2, 3] {
        assert_eq!(asked(&*store, owner.epoch, number, &waiting).await, format!("queued db of {}", run_id(1)));
    }
    store.append(owner.epoch, vec![ended(&run_id(1), 2)]).await.unwrap();
    store.release_runs(owner.epoch, vec![run_id(2)]).await.unwrap();
    assert_eq!(asked(&*store, owner.epoch, 3, &waiting).await, "taken db");
    assert_eq!(asked(&*store, owner.epoch, 2, &waiting).await, format!("queued db of {}", run_id(3)));
}

pub(crate) async fn a_waiting_run_that_ended_loses_its_place(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let waiting = order(&["db x"], true);
    holds(&*store, owner.epoch, 1, &waiting).await;
    waits(&*store, owner.epoch, 2, &waiting, 0).await;
    assert_eq!(asked(&*store, owner.epoch, 3, &waiting).await, format!("queued db of {}", run_id(1)));
    store.append(owner.epoch, vec![ended(&run_id(2), 2)]).await.unwrap();
    store.append(owner.epoch, vec![ended(&run_id(1), 2)]).await.unwrap();
    assert_eq!(asked(&*store, owner.epoch, 3, &waiting).await, "taken db");
}

pub(crate) async fn a_waiting_run_that_has_begun_keeps_its_place_under_the_next_owner(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    let waiting = order(&["db x"], true);
    holds(&*store, first.epoch, 1, &waiting).await;
    // The numbers of the runs say another order than their starts.
    for (number, since_seconds) in [(9, 1), (5, 2), (7, 3)] {
        waits(&*store, first.epoch, number, &waiting, since_seconds).await;
    }
    first.lease.leave().await;
    let owner = own(&*store).await;
    let mut given = Vec::new();
    while given.len() < 4 {
        given.extend(taken(&*store, owner.epoch, time(4), 10).await);
    }
    let mut ends = 1;
    for (next, others) in [(9, [5, 7].as_slice()), (5, &[7]), (7, &[])] {
        store.append(owner.epoch, vec![ended(&run_id(ends), 2)]).await.unwrap();
        for other in others {
            assert_eq!(asked(&*store, owner.epoch, *other, &waiting).await, format!("queued db of {}", run_id(next)));
        }
        assert_eq!(asked(&*store, owner.epoch, next, &waiting).await, "taken db");
        ends = next;
    }
}

pub(crate) async fn a_new_owner_finds_what_live_runs_hold(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    let claims = order(&["auth x", "slots 2/3"], false);
    let before = holds(&*store, first.epoch, 1, &claims).await;
    holds(&*store, first.epoch, 2, &order(&["cart x"], false)).await;
    store.append(first.epoch, vec![ended(&run_id(2), 2)]).await.unwrap();
    first.lease.leave().await;

    let owner = own(&*store).await;
    let asks = async |number, claims: &[&str]| asked(&*store, owner.epoch, number, &order(claims, false)).await;
    // Nobody has taken run 1 yet.
    assert_eq!(asks(3, &["auth s"]).await, format!("held auth of {}", run_id(1)));
    assert_eq!(asks(3, &["slots 2/3"]).await, format!("held slots of {}", run_id(1)));
    assert_eq!(asks(3, &["slots 1/3", "cart x"]).await, "taken cart slots");
    assert_eq!(taken(&*store, owner.epoch, time(0), 10).await, [run_id(1)]);
    assert_eq!(fences(&*store, owner.epoch, 1, &claims).await, before, "its journal has these numbers");
}

pub(crate) async fn claims_are_listed_with_holders_first(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    assert_eq!(store.claims().await.unwrap(), []);
    let granted = holds(&*store, owner.epoch, 8, &order(&["auth x", "db s"], false)).await;
    waits(&*store, owner.epoch, 4, &order(&["db x"], true), 1).await;
    waits(&*store, owner.epoch, 2, &order(&["db s"], true), 2).await;
    let listed = async || {
        let lines = store.claims().await.unwrap();
        let numbers: Vec<u64> = lines.iter().filter_map(|line| line.fence).collect();
        assert_eq!(numbers, granted.iter().map(|fence| fence.number).collect::<Vec<_>>());
        lines.into_iter().map(|line| (line.claim, line.run, line.holds)).collect::<Vec<_>>()
    };
    let expected = [("auth x", 8, true), ("db s", 8, true), ("db x", 4, false), ("db s", 2, false)];
    let expected = expected.map(|(text, number, is_held)| (claim(text), run_id(number), is_held));
    assert_eq!(listed().await, expected);
    // A summary that replaces another one changes nothing of it.
    store.append(owner.epoch, vec![claiming(&run_id(8), 2, &order(&["auth x", "db s"], false))]).await.unwrap();
    owner.lease.leave().await;
    assert_eq!(listed().await, expected, "whoever reads is told, owner or not");
}

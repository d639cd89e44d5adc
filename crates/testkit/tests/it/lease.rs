//! The lease protocol in all its states, and what each of its rules is for.

use glidepath_testkit::sim::lease::{Protocol, explore};

#[test]
fn in_no_state_do_two_nodes_act_or_is_a_lost_owner_heard_and_from_every_state_somebody_takes_over() {
    let explored = explore(&Protocol::WHOLE);
    assert_eq!(explored.broken, None);
    assert_eq!(explored.stuck, 0);
    assert!(explored.acting > 1_000, "{explored:?}");
}

#[test]
fn without_any_one_of_its_rules_the_protocol_breaks() {
    let whole = Protocol::WHOLE;
    for (rule, without) in [
        ("a margin for slow clocks", Protocol { margin: 0, ..whole }),
        ("a lease counted from before it was asked for", Protocol { counts_from_sending: false, ..whole }),
        ("appends refused unless they come from the owner", Protocol { fences: false, ..whole }),
        ("names given only when their lease has ended", Protocol { keeps_names: false, ..whole }),
        ("runs taken only when the lease has ended", Protocol { waits_for_end: false, ..whole }),
    ] {
        let explored = explore(&without);
        assert!(explored.broken.is_some(), "nothing breaks without {rule}: {explored:?}");
    }
}

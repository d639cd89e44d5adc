//! What rules a strategy out, and that what would make it possible is enough.

use crate::fixture::*;
use glidepath_model::Facts;
use glidepath_model::Millis;
use glidepath_model::change::Change;
use glidepath_model::plan::{Plan, RuledOut, Strategy};

struct Case {
    strategy: Strategy,
    spoil: fn(&mut Change, &mut Facts),
    fact: &'static str,
    would_do: &'static str,
    mend: fn(&mut Change, &mut Facts),
}

const CASES: &[Case] = &[
    Case {
        strategy: Strategy::Rolling,
        spoil: |_, f| only_target(f).replica_capacity = Some(100.0),
        fact: "needs 3 of 3 hosts in eu-west to carry 400 requests/s, so none can be taken out",
        would_do: "2 more hosts in eu-west",
        mend: |_, f| add_hosts(f, 2),
    },
    Case {
        strategy: Strategy::Rolling,
        spoil: |_, f| {
            only_target(f).restart_ms = Some(Millis::from_secs(20));
            only_target(f).regions.iter_mut().for_each(|region| region.hosts.truncate(1));
        },
        fact: "1 host in eu-west restarts in 20 s, and no downtime is allowed",
        would_do: "1 more host in eu-west, or 20 s of downtime allowed by the change",
        mend: |_, f| add_hosts(f, 1),
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| only_target(f).signals.as_mut().unwrap().split = None,
        fact: "payments-production declares no split that tells the new side's figures from the old side's",
        would_do: "split under signals of payments-production",
        mend: |_, f| *f = payments().1,
    },
    Case {
        strategy: Strategy::BlueGreen,
        spoil: |_, _| (),
        fact: "needs 3 standby hosts in eu-west, 0 declared",
        would_do: "3 more standby hosts in eu-west while both copies run",
        mend: |_, f| {
            let standby = ["spare-1", "spare-2", "spare-3"];
            only_target(f).regions.iter_mut().for_each(|region| region.standby = standby.map(Into::into).to_vec());
        },
    },
    Case {
        strategy: Strategy::Recreate,
        spoil: |_, f| only_target(f).restart_ms = Some(Millis::from_secs(20)),
        fact: "needs 20 s of downtime, none allowed",
        would_do: "20 s of downtime allowed by the change",
        mend: |c, _| c.constraints.downtime_ms = Some(Millis::from_secs(20)),
    },
    Case {
        strategy: Strategy::Canary,
        spoil: |_, f| only_target(f).strategies_allowed = vec!["rolling".to_owned()],
        fact: "payments-production allows only rolling",
        would_do: "canary in the strategies of payments-production",
        mend: |_, f| only_target(f).strategies_allowed.push("canary".to_owned()),
    },
];

fn add_hosts(facts: &mut Facts, count: usize) {
    for region in &mut only_target(facts).regions {
        region.hosts.extend((0..count).map(|number| format!("more-{number}.{}", region.name).as_str().into()));
    }
    observe(facts, "1.0.0");
}

fn ruled_out(plan: &Plan, strategy: Strategy) -> Option<&RuledOut> {
    plan.ruled_out.iter().find(|one| one.strategy == strategy)
}

#[test]
fn what_would_do_is_said_and_is_enough() {
    for case in CASES {
        let (mut change, mut facts) = payments();
        (case.spoil)(&mut change, &mut facts);
        let planning = planned(&change, &facts);
        // Where nothing else is possible either, the fact and the way out stand in the refusal.
        if let Some(plan) = &planning.plan {
            let out = ruled_out(plan, case.strategy).unwrap();
            assert_eq!((out.fact.as_str(), out.would_do.as_deref()), (case.fact, Some(case.would_do)));
        } else {
            let refusal = &planning.diagnostics[0];
            assert!(refusal.message.contains(case.fact), "{refusal:?}");
            assert!(refusal.hint.contains(&format!("{} with {}", case.strategy, case.would_do)), "{refusal:?}");
        }
        (case.mend)(&mut change, &mut facts);
        let mended = plan_of(&change, &facts);
        assert_eq!(ruled_out(&mended, case.strategy), None, "{} with {}", case.strategy, case.would_do);
    }
}

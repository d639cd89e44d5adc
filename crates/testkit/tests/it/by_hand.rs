//! Flying by hand takes no less than the run, and in the order of the run: what that does side by side is told as such.

use crate::documents::{boxes, is_on_the_way, numbers};
use glidepath_model::plan::{Phase, Undo, Work};
use glidepath_model::{Millis, Plan, StepId};
use glidepath_report::{SheetBox, Text, by_hand, card, document, run_sheet, to_html, to_markdown};
use glidepath_testkit::examples::{Example, example, examples, planned_project};
use std::collections::{BTreeMap, BTreeSet};

/// For each step all that it waits for, directly or not.
fn before(plan: &Plan) -> BTreeMap<&StepId, BTreeSet<&StepId>> {
    let mut all: BTreeMap<&StepId, BTreeSet<&StepId>> = BTreeMap::new();
    for step in &plan.body.steps {
        let own = step.needs.iter().flat_map(|need| all.get(need).into_iter().flatten().copied().chain([need])).collect();
        all.insert(&step.id, own);
    }
    all
}

/// Whether the run has both under way at the same time.
fn are_beside(plan: &Plan, (one, other): (usize, usize)) -> bool {
    let all = before(plan);
    let id = |number: usize| &plan.body.steps[number - 1].id;
    !all[id(one)].contains(id(other)) && !all[id(other)].contains(id(one))
}

#[test]
fn what_the_run_does_side_by_side_is_told_so_and_nothing_else_is() {
    let mut told = 0;
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = run_sheet(&plan, &facts);
        for one in boxes(&sheet).filter(|one| one.lines.len() > 1) {
            let here: Vec<usize> = if is_on_the_way(one) {
                numbers(one)
            } else {
                one.lines.iter().map(|line| line.number as usize).filter(|number| *number > 0).collect()
            };
            let pairs = here.iter().enumerate().flat_map(|(at, one)| here[at + 1..].iter().map(move |other| (*one, *other)));
            let has_beside = pairs.into_iter().any(|pair| are_beside(&plan, pair));
            let words = one.beside.words();
            let says = words.contains("beside") || words.contains("side by side") || one.title.ends_with("in any order");
            assert!(says || !has_beside, "{name}: {} does not say what goes side by side", one.label);
            told += usize::from(has_beside && says);
        }
    }
    assert!(told > 0);
}

/// `3 to 5 side by side, then 6`: the numbers of each round.
fn rounds(words: &str) -> Vec<String> {
    words.split(';').next().unwrap_or_default().split(", then ").map(str::to_owned).collect()
}

#[test]
fn hosts_that_go_at_once_are_given_at_once_there_and_back() {
    let Example { plan, facts, .. } = example("recreate/ledger-2").unwrap();
    let sheet = run_sheet(&plan, &facts);
    let of = |label: &str| boxes(&sheet).find(|one| one.label == label).unwrap().beside.words();
    assert_eq!(rounds(&of("3 to 8")), ["3 to 5 side by side", "6 to 8 side by side"]);
    assert!(of("3 to 8").contains("of downtime that are planned"), "{}", of("3 to 8"));
    assert_eq!(rounds(&of("U1")), ["6 to 8 side by side", "3 to 5 side by side"]);
    // Without a command that stops a host each stops and starts by itself, and all of them at once.
    let root = glidepath_testkit::examples::folder().join("recreate");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let catalog: String = read("catalog/ledger.yaml")
        .lines()
        .filter(|line| !line.trim_start().starts_with("stop:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let (project, change) = (read("glidepath.yaml"), read("changes/ledger-2.yaml"));
    let files =
        [("glidepath.yaml", project.as_str()), ("catalog/ledger.yaml", catalog.as_str()), ("changes/ledger-2.yaml", change.as_str())];
    let Example { plan, facts, .. } = planned_project(&files, "ledger-2").unwrap();
    assert!(plan.body.steps.iter().all(|step| !step.id.as_str().contains("/stop-")), "the hosts are not stopped by a command");
    for text in [to_markdown(&run_sheet(&plan, &facts)), to_html(&run_sheet(&plan, &facts))] {
        assert!(text.contains("3 to 5 side by side; a shell for each"), "{text}");
    }
}

/// What does not fit into one box, and what other components do meanwhile, stands beside it all the same.
#[test]
fn boxes_that_do_not_wait_for_each_other_say_so() {
    let hosts = |component: &str| (1..=10).map(|host| format!("{component}-{host}")).collect::<Vec<_>>().join(", ");
    let part = |component: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{ name: {component} }}\nspec: {{ type: service, lifecycle: production, owner: team }}\n---\n\
             apiVersion: glidepath.dev/v1\nkind: Target\nmetadata: {{ name: {component}-production }}\nspec:\n  component: {component}\n  environment: production\n  hosts: [ {} ]\n  \
             deploy: {{ exec: {{ argv: [ ./deploy.sh, \"{{host}}\", \"{{version}}\" ] }}, timeout: 20s, onUnknown: rerun }}\n  \
             undo: {{ exec: {{ argv: [ ./deploy.sh, \"{{host}}\", \"{{from}}\" ] }}, timeout: 20s }}\n  \
             health: {{ exec: {{ argv: [ ./health.sh, \"{{host}}\" ] }}, timeout: 10s }}\n  version: {{ probe: {{ exec: {{ argv: [ ./version.sh, \"{{host}}\" ] }}, timeout: 10s }} }}\n  \
             restart: 2s\n  strategies: [ recreate ]\n",
            hosts(component)
        )
    };
    let team = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: { name: team }\nspec: { type: team, children: [] }\n";
    let catalog = format!("{team}---\n{}---\n{}", part("one"), part("two"));
    let root = glidepath_testkit::examples::folder().join("recreate");
    let project = std::fs::read_to_string(root.join("glidepath.yaml")).unwrap();
    let change = "apiVersion: glidepath.dev/v1\nkind: Change\nmetadata: { name: both }\nspec:\n  title: Both\n  reason: They are old.\n  owner: team\n  items:\n    - { component: one, type: code, to: 2.0.0 }\n    - { component: two, type: code, to: 2.0.0 }\n  constraints: { downtime: 10m }\n";
    let files = [("glidepath.yaml", project.as_str()), ("catalog/both.yaml", catalog.as_str()), ("changes/both.yaml", change)];
    let Example { plan, facts, .. } = planned_project(&files, "both").unwrap();
    let sheet = run_sheet(&plan, &facts);
    let all: Vec<&SheetBox> = boxes(&sheet).filter(|one| is_on_the_way(one)).collect();
    let mut told = 0;
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            let apart = numbers(one).into_iter().all(|a| numbers(other).into_iter().all(|b| are_beside(&plan, (a, b))));
            let is_deploy = |one: &SheetBox| one.lines.iter().any(|line| line.commands.starts_with("./deploy.sh"));
            if apart && is_deploy(one) && is_deploy(other) {
                told += 1;
                assert!(one.beside.words().contains("side by side with "), "{} beside {}: {:?}", one.label, other.label, one.beside);
                assert!(other.beside.words().contains("side by side with "), "{} beside {}: {:?}", other.label, one.label, other.beside);
            }
        }
    }
    assert!(told >= 2, "ten hosts at once do not fit into one box: {told}");
}

/// A fan-out with limits says them, and what is a change is not taken for a look.
#[test]
fn elements_of_a_fan_out_go_side_by_side_within_its_limits() {
    let Example { plan, facts, .. } = example("runbook/rotate-keys").unwrap();
    let sheet = run_sheet(&plan, &facts);
    let installs: Vec<&SheetBox> = boxes(&sheet).filter(|one| one.title.starts_with("Install the new key on")).collect();
    assert_eq!(installs.len(), 4);
    for one in installs {
        let words = one.beside.words();
        assert!(words.contains("of 3 to 6 at most 2 at a time, each begun 1 s after the one before"), "{words}");
        assert!(one.lines.iter().all(|line| line.takes.contains("at most")), "{one:?}");
        let otherwise = one.otherwise.words();
        assert!(
            otherwise.ends_with(&format!("; but it goes on without {}, as long as no more than 1 of 3 to 6 fails", one.label)),
            "{otherwise}"
        );
    }
    // An old side that cannot be taken away is no reason to take the new one back.
    let Example { plan, facts, .. } = example("serverless/resize-2").unwrap();
    let sheet = run_sheet(&plan, &facts);
    let retired = boxes(&sheet).find(|one| one.lines.iter().any(|line| line.title.contains("which serves nobody"))).unwrap();
    assert!(retired.otherwise.words().ends_with("; but it goes on without 26"), "{retired:?}");
}

#[test]
fn by_hand_takes_no_less_than_the_run_and_the_work_of_the_hands() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let (run, hand) = (&plan.prediction.duration, by_hand(&plan));
        assert!(hand.lines > 0 && hand.handwork == Millis(hand.lines * 15_000), "{name}: {hand:?}");
        assert!(hand.p50 >= run.p50_ms.plus(hand.handwork) && hand.p95 >= run.p95_ms.plus(hand.handwork), "{name}: {hand:?} {run:?}");
        assert_eq!(hand.p50, run.p50_ms.plus(hand.handwork).plus(hand.watches), "{name}: what it is made of");
        let words = to_markdown(&run_sheet(&plan, &facts));
        let told = words.lines().find(|line| line.contains("By hand it takes ")).unwrap();
        assert!(
            told.contains(&hand.p50.to_string()) && told.contains(&format!("{} that Glidepath would need", run.p50_ms)),
            "{name}: {told}"
        );
    }
}

/// Emptied, and left standing: both are told with the line that did it and the command that shows it.
#[test]
fn the_sheet_of_a_switch_tells_when_hosts_are_empty_and_what_becomes_of_them() {
    let Example { plan, facts, .. } = example("blue-green/shop-2").unwrap();
    let number = |name: &str| plan.body.steps.iter().position(|step| step.id.as_str().ends_with(name)).unwrap() + 1;
    let sheet = run_sheet(&plan, &facts);
    let expected = |number: usize| -> String {
        let lines = boxes(&sheet).flat_map(|one| &one.lines).filter(|line| line.number as usize == number && line.takes.contains(','));
        lines.flat_map(|line| &line.expect).map(|text| format!("{}\n", text.words())).collect()
    };
    let look = r#"echo "show stat" | socat stdio unix-connect:state/router.admin | grep -E '^shop,(shop-1|shop-2),' | cut -d, -f2,3,5"#;
    assert!(expected(number("stage-1/shift")).contains("nothing new to shop-1 and shop-2"));
    assert!(expected(number("stage-2/drain")).contains(&format!("{look}: 0,0 each, or after 30 s")));
    let text = to_markdown(&sheet);
    let (_, over) = text.split_once("When it is over").unwrap();
    assert!(text.contains("`0,0` behind a server means that nothing is queued or open there"));
    let home = number("stage-2/shift");
    assert!(
        over.contains(&format!("shop-8 and shop-9 get nothing new from {home} on")) && over.contains("no step stops or removes them"),
        "{over}"
    );
    assert!(to_markdown(&document(&plan, &facts)).contains("Validation: shop-1 and shop-2 have no session left, or 30 s are over"));
}

#[test]
fn a_side_that_is_taken_away_or_stays_is_told_with_its_line() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let text = to_markdown(&run_sheet(&plan, &facts));
        let (_, over) = text.split_once("When it is over").unwrap();
        let retires: Vec<usize> = plan
            .body
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.phase == Phase::Finish && step.id.as_str().contains("/retire-"))
            .map(|(at, _)| at + 1)
            .collect();
        if let Some(first) = retires.first() {
            assert!(over.contains(&format!("until it is taken away by {first}")), "{name}: {over}");
        }
        let stays = plan.derived.iter().any(|line| line.contains("side.retire does not say"));
        assert_eq!(stays, over.contains("no step takes it away"), "{name}: {over}");
    }
}

/// One command, one expectation: on the card, and wherever it is given without a check of its own.
#[test]
fn no_command_is_told_twice_in_a_row_or_with_two_expectations() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let card = card(&plan, Some(&facts), None, plan.body.created_at);
        let (_, back) = card.split_once("WAY BACK").unwrap();
        let (back, _) = back.split_once("VERDICT").unwrap();
        let commands: Vec<&str> = back.split("  $ ").skip(1).map(|part| part.split("    expect:").next().unwrap()).collect();
        assert!(commands.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {card}");
        let mut expected: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let sheet = run_sheet(&plan, &facts);
        for line in boxes(&sheet).filter(|one| !is_on_the_way(one)).flat_map(|one| &one.lines) {
            let is_checked = line.number > 0
                && matches!(&plan.body.steps[line.number as usize - 1].undo, Undo::Call { validations, call, .. }
                    if !validations.is_empty() || call.input.get("drain").is_some_and(|drain| drain != &serde_json::json!([])));
            if is_checked {
                continue;
            }
            let words: Vec<String> = line.expect.iter().map(Text::words).collect();
            let known = expected.entry(line.commands.as_str()).or_insert_with(|| words.clone());
            assert_eq!(*known, words, "{name}: {}", line.commands);
        }
    }
}

#[test]
fn a_backfill_by_hand_has_its_pause_and_says_how_it_goes_on_after_a_break() {
    let Example { plan, facts, .. } = example("schema/cents").unwrap();
    let sheet = run_sheet(&plan, &facts);
    let line = boxes(&sheet).flat_map(|one| &one.lines).find(|line| line.commands.contains("02_backfill.sql")).unwrap();
    let words: Vec<String> = line.expect.iter().map(Text::words).collect();
    assert!(words.contains(&"the last id of each batch of 100 rows; it pauses 50 ms after each".to_owned()), "{words:?}");
    let resume = words.iter().find(|words| words.starts_with("cut off")).unwrap();
    // What is to be put in stands in the command, and what it needs is said by it.
    assert!(resume.contains("beyond=\"where id > KEY\" in place of beyond=") && line.commands.starts_with("( beyond=; "), "{resume}");
    assert!(line.commands.contains("|| exit 1; echo \"$last\"; beyond="), "{}", line.commands);
}

/// What reads like any change, and is not so of this one.
#[test]
fn a_sheet_says_nothing_of_what_its_plan_does_not_have() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = run_sheet(&plan, &facts);
        let text = to_markdown(&sheet);
        let has_traffic = boxes(&sheet).any(|one| one.label.starts_with('W'));
        assert!(has_traffic || !text.contains("traffic first"), "{name}: no line moves traffic");
        let regions: BTreeSet<_> = plan.body.steps.iter().filter_map(|step| step.exposure.as_ref()?.region.as_ref()).collect();
        assert!(regions.len() > 1 || !to_markdown(&document(&plan, &facts)).contains(" per region until"), "{name}: one region");
        assert!(!text.contains("0 ms have passed"), "{name}");
        let waves: BTreeSet<u32> = plan.body.steps.iter().map(|step| step.wave).filter(|wave| *wave > 0).collect();
        assert!(waves.len() > 1 || !text.contains("Begin at the wave where you stand"), "{name}: one wave");
        for one in boxes(&sheet).filter(|one| is_on_the_way(one) && one.otherwise.words().ends_with("then go back")) {
            let last = *numbers(one).last().unwrap();
            let done = plan.body.steps[..last].iter();
            let has_way =
                done.into_iter().any(|step| step.exposure.is_some() || matches!(step.undo, Undo::Call { .. } | Undo::ForwardOnly { .. }));
            assert!(has_way, "{name}: {} leads back from where nothing was done", one.label);
        }
        let hosts_told =
            boxes(&sheet).filter(|one| is_on_the_way(one) && one.lines.iter().any(|line| line.title.starts_with("Replace the machine")));
        for one in hosts_told {
            assert!(one.title.contains(" on "), "{name}: {}", one.title);
        }
        let waits = plan.body.steps.iter().filter(|step| matches!(step.work, Work::Wait(Millis::ZERO))).count();
        let alone = boxes(&sheet)
            .filter(|one| is_on_the_way(one) && one.lines.len() == 1 && one.lines[0].commands.is_empty())
            .filter(|one| matches!(plan.body.steps[numbers(one)[0] - 1].work, Work::Wait(Millis::ZERO)));
        assert!(waits == 0 || alone.count() == 0, "{name}: a box with nothing in it");
    }
}

/// The document says what this plan does, each thing once and none that is not so.
#[test]
fn a_document_says_what_its_own_plan_does() {
    let of = |name: &str| {
        let Example { plan, facts, .. } = example(name).unwrap();
        to_markdown(&document(&plan, &facts))
    };
    let (switch, recreate, replace) = (of("blue-green/shop-2"), of("recreate/ledger-2"), of("replace/image-2"));
    // What goes at once stands under its heading, and no order is claimed that the run does not keep.
    for (text, order) in [
        (&switch, "Order: 9, then 10 beside 11, then 12 and 13 one after the other."),
        (&recreate, "Order: 3 to 5 side by side, then 6 to 8 side by side, then 9."),
    ] {
        assert!(text.contains(order) && !text.contains("steps in order"), "{order}");
    }
    assert!(!switch.contains("too few old hosts were left") && switch.contains("the old copy was being brought up to date"));
    assert!(recreate.contains("old and new never write at the same time") && !recreate.contains("compare what both have written"));
    assert!(recreate.contains("3 stops of hosts") && recreate.contains("3 hosts; what") && switch.contains("2 hosts and 2 standby; what"));
    assert!(recreate.contains("at the last gate (3 looks), such as by: `./scripts/host.sh health ledger-1`"));
    assert!(replace.contains("there is nothing to do; what takes it back is a pause") && !replace.contains("0 ms pass"));
    for text in [&switch, &recreate, &replace] {
        assert_eq!(text.matches("Where data can be lost, add").count(), 1, "advice once");
        assert!(text.contains("the guard takes over after 30 s"), "the figure, not its rule");
    }
}

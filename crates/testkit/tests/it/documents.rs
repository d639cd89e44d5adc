//! The documents of every example, read for what makes one look written by a machine, or lie; three of them kept whole.
//!
//! What is kept is words, not figures: those belong to the planner, and a document must not change with each of them.

use glidepath_model::Plan;
use glidepath_model::catalog::Stage;
use glidepath_model::plan::{RiskLevel, Undo, Work};
use glidepath_report::{Block, Branch, Document, document, messages, run_sheet, to_html, to_markdown};
use glidepath_testkit::examples::{Example, examples};
use std::collections::BTreeMap;

/// How often the same line may stand in the sections that people read from start to end.
const TOLD_MAX: usize = 2;
/// Lines shorter than this are headings, table rules and the like.
const SENTENCE_MIN: usize = 60;

/// Everything but the procedure, whose steps are alike by their nature, and blocks of commands.
fn prose(markdown: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut in_procedure = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if line.starts_with("## ") {
            in_procedure = line.starts_with("## 4.");
        } else if !in_code && !in_procedure {
            found.push(line);
        }
    }
    found
}

#[test]
fn a_call_for_traffic_stands_behind_the_hosts_that_must_go_back_before_it() {
    let mut behind = 0;
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let markdown = to_markdown(&document(&plan, &facts));
        let (_, rollback) = markdown.split_once("## 6. Rollback").unwrap();
        let (traffic, _) = rollback.split_once("### Undo").unwrap();
        let sheet = to_markdown(&run_sheet(&plan, &facts));
        let number = |id| plan.body.steps.iter().position(|step| step.id == id).unwrap() + 1;
        for (at, step) in plan.body.steps.iter().enumerate() {
            let Some((exposure, call)) = step.exposure.as_ref().and_then(|e| Some((e, e.safety_command.as_ref()?))) else { continue };
            let block = traffic.split("```").find(|block| block.contains(call.as_str())).unwrap_or_else(|| panic!("{name}: {call}"));
            let call_at = block.find(call.as_str()).unwrap();
            for need in &exposure.safety_needs {
                let undone = block.find(&format!("# takes back step {}:", number(need.clone())));
                let has_undo = matches!(plan.body.step(need).unwrap().undo, Undo::Call { .. });
                assert!(!has_undo || undone.is_some_and(|at| at < call_at), "{name}: {need} before {call}");
            }
            let first: Vec<String> =
                exposure.safety_needs.iter().map(|id| number(id.clone())).filter(|n| *n <= at).map(|n| n.to_string()).collect();
            if let Some((last, rest)) = first.split_last().filter(|(_, rest)| !rest.is_empty()) {
                let words = format!("first the ways back of boxes {} and {last}, in this order; then the traffic: ", rest.join(", "));
                assert!(sheet.contains(&words), "{name}: {words}");
                behind += 1;
            }
        }
    }
    assert!(behind > 0);
}

#[test]
fn a_contract_promises_neither_what_it_takes_away_nor_traffic_that_it_does_not_move() {
    let Example { plan, facts, .. } = example("schema/cents-contract");
    let mut all = to_markdown(&document(&plan, &facts));
    all.push_str(&to_markdown(&run_sheet(&plan, &facts)));
    all.extend(messages(&plan, &facts).iter().map(|message| message.text.replace('\n', " ")));
    assert!(all.contains("GP0325"), "the example rewrites a table");
    for promise in [
        "both forms stay",
        "no step moves traffic",
        "no downtime is expected",
        "none expected",
        "stops it at any time",
        "everything goes back.",
        "runs `expanded",
    ] {
        assert!(!all.contains(promise), "{promise}");
    }
    assert!(all.contains("nothing brings the old form back but the backup"));
}

/// What section 4 says beside its commands.
fn procedure(markdown: &str) -> impl Iterator<Item = &str> {
    let (_, from) = markdown.split_once("## 4.").unwrap_or_default();
    from.lines().take_while(|line| !line.starts_with("## 5.")).filter(|line| line.starts_with("- ") || line.starts_with("#    then: "))
}

#[test]
fn a_gate_that_refers_to_another_looks_at_the_same() {
    let mut referring = 0;
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = to_markdown(&run_sheet(&plan, &facts));
        let markdown = to_markdown(&document(&plan, &facts));
        let gates: Vec<_> = plan.body.steps.iter().map(|step| if let Work::Gate(gate) = &step.work { Some(gate) } else { None }).collect();
        let told =
            procedure(&markdown).filter_map(|line| line.split_once("it looks at what step ")?.1.split_once(' ')).map(|(number, _)| number);
        let told: Vec<usize> = told.map(|number| number.parse().unwrap()).collect();
        for number in &told {
            let first = gates[number - 1].unwrap_or_else(|| panic!("{name}: {number} is no gate"));
            assert!(gates[*number].is_some_and(|next| next.checks == first.checks), "{name}: {number}");
            let asked = format!("what box {number} asks for is so");
            assert!(plan.body.steps[*number].after_landing || sheet.contains(&asked), "{name}: {asked}");
        }
        referring += told.len();
    }
    assert!(referring > 0);
}

#[test]
fn nothing_is_told_over_and_over() {
    for example in examples().unwrap() {
        let markdown = to_markdown(&document(&example.plan, &example.facts));
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for line in prose(&markdown).into_iter().filter(|line| line.len() >= SENTENCE_MIN) {
            *told.entry(line).or_default() += 1;
        }
        let often: Vec<_> = told.into_iter().filter(|(_, times)| *times > TOLD_MAX).collect();
        assert!(often.is_empty(), "{}: {often:#?}", example.name);
    }
}

#[test]
fn figures_have_no_false_digits_and_stress_is_well_formed() {
    for example in examples().unwrap() {
        let document = document(&example.plan, &example.facts);
        let markdown = to_markdown(&document);
        for line in prose(&markdown).into_iter().chain(procedure(&markdown)) {
            // What is typed is as the machine wants it.
            let words: String = line.split('`').step_by(2).collect();
            let false_digits = words.split(|c: char| !c.is_ascii_digit() && c != '.').find(|number| {
                number
                    .split_once('.')
                    .is_some_and(|(whole, part)| !whole.is_empty() && part.len() > 4 && part.chars().all(|c| c.is_ascii_digit()))
            });
            assert_eq!(false_digits, None, "{}: {line}", example.name);
        }
        for line in prose(&markdown) {
            // Between two marks there is text that touches both.
            let marks: Vec<&str> = line.split("**").collect();
            assert_eq!(marks.len() % 2, 1, "{}: {line}", example.name);
            for stressed in marks.iter().skip(1).step_by(2) {
                assert!(!stressed.is_empty() && stressed.trim() == *stressed, "{}: {line}", example.name);
            }
        }
        let html = to_html(&document);
        assert!(!html.contains("NaN") && !markdown.contains("NaN"), "{}", example.name);
    }
}

fn example(name: &str) -> Example {
    examples().unwrap().into_iter().find(|example| example.name == name).unwrap_or_else(|| panic!("no example {name}"))
}

/// Each run of digits as `#`: what is left are words. What is typed keeps its digits.
fn without_figures(markdown: &str) -> String {
    let mut in_code = false;
    let masked = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            match c.is_ascii_digit() {
                true if out.ends_with('#') => {}
                true => out.push('#'),
                // `1,234.5` is one figure, and so is a longer one.
                false if matches!(c, '.' | ',') && out.ends_with('#') => out.push(c),
                false => out.push(c),
            }
        }
        out.replace("#.#", "#").replace("#,#", "#")
    };
    let lines = markdown.lines().map(|line| {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        let parts = line.split('`').enumerate().map(|(at, part)| if at % 2 == 1 && !in_code { part.to_owned() } else { masked(part) });
        parts.collect::<Vec<_>>().join("`")
    });
    // Identities follow from figures.
    lines.filter(|line| !line.starts_with("| Plan |") && !line.starts_with("| Facts |")).collect::<Vec<_>>().join("\n")
}

fn headings(markdown: &str) -> String {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        in_code ^= line.starts_with("```");
        if line.starts_with('#') && !in_code {
            found.push(line);
        }
    }
    found.join("\n")
}

#[test]
fn every_step_and_every_way_back_stands_in_the_document_and_on_the_run_sheet() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let markdown = to_markdown(&document(&plan, &facts));
        let (_, rollback) = markdown.split_once("## 6. Rollback").unwrap();
        let sheet = to_markdown(&run_sheet(&plan, &facts));
        for step in &plan.body.steps {
            assert!(markdown.contains(step.id.as_str()), "{name}: {}", step.id);
            if matches!(step.work, Work::Call(_)) {
                assert!(step.command.lines().all(|line| markdown.contains(line) && sheet.contains(line)), "{name}: {}", step.command);
            }
            if let Undo::Call { command, .. } = &step.undo {
                assert!(command.lines().all(|line| rollback.contains(line) && sheet.contains(line)), "{name}: {command}");
            }
        }
    }
}

#[test]
fn a_run_sheet_has_a_box_for_each_step_with_what_to_expect_and_what_to_do_otherwise() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = run_sheet(&plan, &facts);
        let boxes: Vec<_> = sheet
            .sections
            .iter()
            .flat_map(|s| &s.blocks)
            .filter_map(|b| if let Block::Sheet(one) = b { Some(one) } else { None })
            .collect();
        let on_the_way: Vec<_> = boxes.iter().filter(|one| one.number > 0).collect();
        let steps: Vec<_> = plan.body.steps.iter().filter(|step| !step.after_landing).collect();
        assert_eq!(on_the_way.len(), steps.len(), "{name}");
        for (one, step) in on_the_way.iter().zip(steps) {
            assert_eq!(plan.body.steps[one.number as usize - 1].id, step.id, "{name}");
            match &step.work {
                Work::Call(_) => {
                    assert!(!one.commands.is_empty() && !one.expect.is_empty() && !one.otherwise.is_empty(), "{name}: {one:?}")
                }
                Work::Gate(_) | Work::Manual { .. } => {
                    let decision = one.decision.as_ref().unwrap_or_else(|| panic!("{name}: {one:?}"));
                    assert!(!decision.go.is_empty() && !decision.back.is_empty() && !decision.unsure.is_empty(), "{name}: {one:?}");
                }
                Work::Wait(_) | Work::Event { .. } => assert!(!one.expect.is_empty(), "{name}: {one:?}"),
            }
            assert_eq!(one.one_way, matches!(step.undo, Undo::ForwardOnly { .. }), "{name}: {one:?}");
        }
        assert!(boxes.iter().filter(|one| one.number == 0).all(|one| !one.commands.is_empty() && !one.expect.is_empty()), "{name}");
    }
}

/// Of all texts: nothing unfilled, nothing of the program's own writing.
#[test]
fn nothing_unfilled_leaks_into_any_document() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sent: Vec<String> = messages(&plan, &facts).iter().map(glidepath_report::Message::to_text).collect();
        let sheet = run_sheet(&plan, &facts);
        for text in [to_markdown(&document(&plan, &facts)), to_markdown(&sheet), to_html(&sheet), sent.concat()] {
            for leak in [
                "Some(",
                "None",
                "NaN",
                "{host}",
                "{version}",
                "{region}",
                "{from}",
                "{component}",
                "  .",
                " ,",
                "..  ",
                ". .",
                "()",
                "default, default",
                " 0 dependants",
            ] {
                assert!(!text.contains(leak), "{name}: {leak} in {}", &text[text.find(leak).unwrap().saturating_sub(120)..][..160]);
            }
        }
    }
}

#[test]
fn messages_are_for_each_audience_and_carry_the_times_of_the_schedule() {
    let Example { plan, facts, .. } = example("checkout/checkout-3ds");
    let all = messages(&plan, &facts);
    let schedule = plan.prediction.schedule.clone().unwrap();
    let told: Vec<(&str, &str)> = all.iter().map(|m| (m.occasion, m.audience.word())).collect();
    let wanted = [
        ("planned", "team"),
        ("planned", "business"),
        ("started", "team"),
        ("progress", "team"),
        ("landed", "team"),
        ("landed", "business"),
        ("rolled-back", "team"),
        ("rolled-back", "business"),
    ];
    assert_eq!(told, wanted, "nothing depends on the shop, so nobody is told for that");
    let times: Vec<_> = all.iter().filter_map(|m| m.at).collect();
    assert!(times.is_sorted() && times.len() >= 5, "{times:?}");
    assert!(all.iter().filter(|m| m.occasion == "landed").all(|m| m.at == Some(schedule.lands_p50)));
    let zone = schedule.time_zone.as_deref();
    let planned = &all[0];
    assert!(planned.text.contains(&schedule.lands_p95.shown_in(zone)), "{}", planned.text);
    assert!(planned.subject.contains(&schedule.takes_off.shown_in(zone)), "{}", planned.subject);
    assert!(all.iter().all(|m| m.text.lines().all(|line| line.chars().count() <= 78)), "lines that mail programs leave alone");
}

/// The most that is said is said of production, and less of what less depends on.
#[test]
fn a_document_is_as_deep_as_what_depends_on_it() {
    let Example { plan, facts, .. } = example("checkout/checkout-3ds");
    let lines = |stage: Option<Stage>, risk: RiskLevel| {
        let (mut plan, mut facts) = (plan.clone(), facts.clone());
        plan.prediction.risk = risk;
        facts.catalog.environments.iter_mut().for_each(|environment| environment.stage = stage);
        to_markdown(&document(&plan, &facts))
    };
    let of = |stage: Stage| lines(Some(stage), RiskLevel::Medium);
    let (development, staging, production) = (of(Stage::Development), of(Stage::Staging), of(Stage::Production));
    assert!(development.len() < staging.len() && staging.len() < production.len());
    let sections = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!([&development, &staging, &production].map(|text| sections(text)), [3, 10, 10]);
    assert!(!staging.contains("### Pre-mortem") && production.contains("### Pre-mortem"));
    let (low, high) = (lines(None, RiskLevel::Low), lines(None, RiskLevel::High));
    assert!(!low.contains("### Pre-mortem") && !low.contains("More gates") && !low.contains("| business |"));
    assert!(high.contains("### More gates, because the risk is high") && high.contains("glidepath rehearse"));
    assert!(!production.contains("### More gates"));
    // Staging is in short also where production is written out.
    let usual = to_markdown(&document(&plan, &facts));
    let first =
        |environment: &str| plan.body.steps.iter().find(|s| s.environment.as_ref().is_some_and(|e| e.as_str() == environment)).unwrap();
    assert!(usual.contains(&format!("#    {}", first("staging").id)));
    assert!(usual.contains(&format!("- Step: `{}`", first("production").id)));
}

/// A tree says what follows in every case: each branch that is no end has at least one that follows, and all trees lead somewhere.
#[test]
fn contingency_trees_follow_the_plan() {
    fn ends(branch: &Branch, found: &mut Vec<String>) {
        if branch.then.is_empty() {
            found.push(branch.text.words());
        }
        branch.then.iter().for_each(|then| ends(then, found));
    }
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let document = document(&plan, &facts);
        let trees: Vec<&Branch> =
            blocks(&document, 9).filter_map(|b| if let Block::Tree { branches } = b { Some(branches) } else { None }).flatten().collect();
        let mut found = Vec::new();
        trees.iter().for_each(|tree| ends(tree, &mut found));
        let (calls, gates) = (
            |plan: &Plan| plan.body.steps.iter().any(|s| matches!(s.work, Work::Call(_))),
            |plan: &Plan| plan.body.steps.iter().any(|s| matches!(s.work, Work::Gate(_)) && !s.after_landing),
        );
        assert_eq!(calls(&plan), found.iter().any(|end| end.contains("fails for good")), "{name}: {found:?}");
        assert_eq!(gates(&plan), trees.iter().any(|tree| tree.text.words().starts_with("A gate watches")), "{name}");
        assert!(trees[0].text.words().starts_with("A step or a gate fails for good."), "{name}");
        assert!(found.iter().all(|end| !end.trim().is_empty() && !end.contains("  ")), "{name}: {found:?}");
    }
}

fn blocks(document: &Document, section: u32) -> impl Iterator<Item = &Block> {
    document.sections.iter().filter(move |s| s.number == section).flat_map(|s| &s.blocks)
}

#[test]
fn outlines_read_as_recorded() {
    let outline = |Example { name, plan, facts, .. }: Example| {
        let (whole, sheet) = (to_markdown(&document(&plan, &facts)), to_markdown(&run_sheet(&plan, &facts)));
        format!("{name}\n\n{}\n\n{}\n", headings(&whole), headings(&sheet))
    };
    let all: Vec<String> = examples().unwrap().into_iter().map(outline).collect();
    insta::assert_snapshot!("outlines", without_figures(&all.join("\n")));
}

#[test]
fn three_documents_read_as_recorded() {
    let Example { plan, facts, .. } = example("rotate/signing-key");
    insta::assert_snapshot!("rotate", without_figures(&to_markdown(&document(&plan, &facts))));
    let Example { plan, facts, .. } = example("flag/new-search");
    insta::assert_snapshot!("flag-run-sheet", without_figures(&to_markdown(&run_sheet(&plan, &facts))));
    let Example { plan, facts, .. } = example("checkout/checkout-3ds");
    let sent: Vec<String> = messages(&plan, &facts).iter().map(glidepath_report::Message::to_text).collect();
    insta::assert_snapshot!("checkout-messages", without_figures(&sent.join("\n---\n\n")));
}

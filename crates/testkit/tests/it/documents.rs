//! The documents of every example, read for what makes one look written by a machine, or lie; three of them kept whole.
//!
//! What is kept is words, not figures: those belong to the planner, and a document must not change with each of them.

use glidepath_model::catalog::Stage;
use glidepath_model::plan::{GateCheck, RiskLevel, Undo, Work};
use glidepath_model::{Plan, StepId};
use glidepath_report::{Block, Branch, Document, SheetBox, SheetLook, Text, document, measures, messages, run_sheet, to_html, to_markdown};
use glidepath_testkit::examples::{self, Example, examples};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

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
        let sheet = run_sheet(&plan, &facts);
        let number = |id| plan.body.steps.iter().position(|step| step.id == id).unwrap() + 1;
        for (at, step) in plan.body.steps.iter().enumerate() {
            let Some((exposure, call)) = step.exposure.as_ref().and_then(|e| Some((e, e.safety_command.as_ref()?))) else { continue };
            let block = traffic.split("```").find(|block| block.contains(call.as_str())).unwrap_or_else(|| panic!("{name}: {call}"));
            let call_at = block.find(call.as_str()).unwrap();
            for need in &exposure.safety_needs {
                let undone = block.find(&format!("# takes back step {};", number(need.clone())));
                let has_undo = matches!(plan.body.step(need).unwrap().undo, Undo::Call { .. });
                assert!(!has_undo || undone.is_some_and(|at| at < call_at), "{name}: {need} before {call}");
            }
            let has_call = |one: &&SheetBox| one.label.starts_with('W') && one.lines.iter().any(|line| line.commands == *call);
            let way = boxes(&sheet).find(has_call).unwrap_or_else(|| panic!("{name}: {call}"));
            let call_at = way.lines.iter().position(|line| line.number == 0 && line.commands == *call).unwrap();
            for need in &exposure.safety_needs {
                let Undo::Call { command, .. } = &plan.body.step(need).unwrap().undo else { continue };
                let at = number(need.clone());
                let undone = way.lines.iter().position(|line| line.number as usize == at && line.commands == *command);
                assert!(undone.is_some_and(|at| at < call_at), "{name}: {need} before {call}");
                behind += 1;
            }
            let here = boxes(&sheet).find(|one| numbers(one).contains(&(at + 1))).unwrap();
            // What it stays with is told behind what leads back.
            let words = here.back.words();
            let leads_back = words.split("; ").next().unwrap_or_default();
            assert!(leads_back.split(", then ").any(|label| label == way.label), "{name}: box {} leads to {}", here.label, way.label);
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
        "then go back",
        "Traffic first",
        "Somebody can turn back",
        "runs `expanded",
    ] {
        assert!(!all.contains(promise), "{promise}");
    }
    assert!(all.contains("nothing brings the old form back but the backup"));
}

#[test]
fn what_a_backfill_overwrites_is_not_said_to_be_left_alone() {
    let Example { mut plan, facts, .. } = example("schema/cents");
    let promises = ["nothing of the old version looks at it", "both forms stay"];
    let kept = to_markdown(&document(&plan, &facts));
    assert!(promises.iter().all(|promise| kept.contains(promise)));
    let backfill = plan.body.steps.iter_mut().find(|step| step.id.as_str().ends_with("/backfill")).unwrap();
    backfill.undo = Undo::ForwardOnly { reason: "it overwrites orders.amount, which this change did not add".to_owned() };
    let overwritten = to_markdown(&document(&plan, &facts));
    assert!(promises.iter().all(|promise| !overwritten.contains(promise)), "{overwritten}");
    assert!(overwritten.contains("the old version meets it: it overwrites orders.amount"));
    assert!(overwritten.contains("nothing but the backup brings it back (it overwrites orders.amount"));
    let number = plan.body.steps.iter().position(|step| step.id.as_str().ends_with("/backfill")).unwrap() + 1;
    let stays = format!("; this does not bring back the data that step {number} changed");
    let (terminal, card) = (terminal(&plan), glidepath_report::card(&plan, Some(&facts), None, plan.body.created_at));
    assert!(!kept.contains("does not bring back the data"));
    assert!(overwritten.lines().any(|line| line.starts_with("| Time to safe traffic |") && line.contains(&stays)), "{overwritten}");
    for (what, text) in [("summary", terminal), ("card", one_line(&card))] {
        assert!(text.contains(&stays), "{what}: {text}");
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The summary in the terminal.
fn terminal(plan: &Plan) -> String {
    one_line(&glidepath_report::summary(plan, glidepath_report::Style::Plain, glidepath_report::Detail::Full, 140))
}

/// A basket that asks the shop fails along with it. Its requests are not among the expected bad ones, and who reads the figure is told so.
#[test]
fn bad_requests_of_what_uses_a_changed_component_are_said_to_be_left_out() {
    let root = examples::folder().join("flag");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let catalog =
        read("catalog/shop.yaml").replace("  environment: production\n", "  environment: production\n  traffic: 100 requests/s\n");
    let [_, component, target] = catalog.splitn(3, "---\n").collect::<Vec<_>>()[..] else { panic!("{catalog}") };
    let component = component.replace("name: shop\n", "name: basket\n").replace("owner: shop-team", "owner: shop-team, USES");
    let target = target.replace("name: shop-production", "name: basket-production").replace("component: shop\n", "component: basket\n");
    let planned = |uses: &str| {
        let catalog = [catalog.as_str(), &component.replace("USES", uses), &target].join("---\n");
        let (project, change) = (read("glidepath.yaml"), read("changes/new-search.yaml"));
        let files = [("glidepath.yaml", project.as_str()), ("catalog/shop.yaml", &catalog), ("changes/new-search.yaml", &change)];
        examples::planned_project(&files, "new-search").unwrap()
    };
    let words = "; requests to basket that fail along with it are not counted here";
    for (uses, is_told) in [("dependsOn: [ \"component:shop\" ]", true), ("dependsOn: []", false)] {
        let Example { plan, facts, .. } = planned(uses);
        let markdown = to_markdown(&document(&plan, &facts));
        let row = markdown.lines().find(|line| line.starts_with("| Expected bad requests |")).unwrap();
        assert_eq!(row.contains(words), is_told, "{row}");
        assert_eq!(markdown.matches(words).count(), if is_told { 2 } else { 0 }, "at the head and in the table: {markdown}");
        assert_eq!(terminal(&plan).contains(words), is_told, "{}", terminal(&plan));
    }
}

/// What is counted where the traffic of one place is not known is a part of what a failure would cost, and is told as that wherever it stands.
#[test]
fn bad_requests_of_which_a_part_is_not_known_are_at_least_so_many() {
    let Example { mut plan, facts, .. } = example("checkout/checkout-3ds");
    assert!(plan.prediction.traffic_not_known.is_empty() && !to_markdown(&document(&plan, &facts)).contains("at least 3.7"));
    plan.prediction.traffic_not_known = vec!["production/auth".to_owned()];
    let text = to_markdown(&document(&plan, &facts));
    let told: Vec<String> = messages(&plan, &facts).iter().map(glidepath_report::Message::to_text).collect();
    for (what, text) in [("document", one_line(&text)), ("terminal", terminal(&plan)), ("messages", one_line(&told.concat()))] {
        assert!(text.contains("at least 3.7") && text.contains("the traffic of production/auth is not known"), "{what}: {text}");
    }
}

/// The shares of a way between regions are parts of that way; what moves is counted as it is.
#[test]
fn a_way_between_regions_is_told_with_the_traffic_that_moves() {
    let Example { plan, facts, .. } = example("failover/leave-west");
    let last = plan.body.assignments[0].ladder.last().unwrap();
    assert!((last.canary_rate - 120.0).abs() < 1e-6, "30 of 100 percent of 400 requests/s move, not {}", last.canary_rate);
    let text = to_markdown(&document(&plan, &facts));
    assert!(text.contains("100 % of the way, 120/s for") && !text.contains("400/s"), "{text}");
    let terminal = glidepath_report::summary(&plan, glidepath_report::Style::Plain, glidepath_report::Detail::Full, 140);
    assert!(terminal.contains("100 % of the way"), "{terminal}");
}

#[test]
fn what_is_known_of_a_database_that_nobody_comes_to_counts_no_requests_of_its_service() {
    let Example { plan, facts, .. } = example("schema/cents");
    assert!(!plan.prediction.knows_traffic(), "{:?}", plan.prediction);
    assert!(to_markdown(&document(&plan, &facts)).contains("not known: there are no traffic figures"));
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
        let sheet = run_sheet(&plan, &facts);
        let markdown = to_markdown(&document(&plan, &facts));
        let gates: Vec<_> = plan.body.steps.iter().map(|step| if let Work::Gate(gate) = &step.work { Some(gate) } else { None }).collect();
        let told =
            procedure(&markdown).filter_map(|line| line.split_once("it looks at what step ")?.1.split_once(' ')).map(|(number, _)| number);
        let told: Vec<usize> = told.map(|number| number.parse().unwrap()).collect();
        for number in &told {
            let first = gates[number - 1].unwrap_or_else(|| panic!("{name}: {number} is no gate"));
            assert!(gates[*number].is_some_and(|next| next.checks == first.checks), "{name}: {number}");
        }
        referring += told.len();
        for one in boxes(&sheet).filter(|one| one.decision.is_some()) {
            let here: Vec<_> = numbers(one).into_iter().filter_map(|number| gates[number - 1]).collect();
            assert!(here.windows(2).all(|pair| pair[0].checks == pair[1].checks), "{name}: {}", one.label);
        }
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
    examples::example(name).unwrap()
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
        let sheet = run_sheet(&plan, &facts);
        let back: Vec<&str> =
            boxes(&sheet).filter(|one| !is_on_the_way(one)).flat_map(|one| &one.lines).map(|line| line.commands.as_str()).collect();
        let asked = asked_by_name(&markdown, &functions(&sheet));
        for step in &plan.body.steps {
            assert!(markdown.contains(step.id.as_str()), "{name}: {}", step.id);
            if matches!(step.work, Work::Call(_)) {
                let is_told = |line: &str| {
                    markdown.contains(line) || line.starts_with("curl") && recorded(line).iter().all(|words| asked.contains(words))
                };
                assert!(step.command.lines().all(is_told), "{name}: {}", step.command);
            }
            if let Undo::Call { command, .. } = &step.undo {
                assert!(command.lines().all(|line| rollback.contains(line)) && back.contains(&command.as_str()), "{name}: {command}");
            }
        }
    }
}

/// What the lines of a document ask that begin with the name of a look.
fn asked_by_name(markdown: &str, functions: &str) -> BTreeSet<String> {
    let names: Vec<&str> = functions.lines().filter_map(|line| Some(line.split_once("() {")?.0)).collect();
    let is_look = |line: &&str| names.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let lines: Vec<&str> = markdown.lines().filter(is_look).collect();
    if lines.is_empty() { BTreeSet::new() } else { recorded(&format!("{functions}\n{}", lines.join("\n"))).into_iter().collect() }
}

pub(crate) fn boxes(sheet: &Document) -> impl Iterator<Item = &SheetBox> {
    sheet.sections.iter().flat_map(|s| &s.blocks).filter_map(|b| if let Block::Sheet(one) = b { Some(&**one) } else { None })
}

/// Boxes of the way back go by a letter.
pub(crate) fn is_on_the_way(one: &SheetBox) -> bool {
    one.label.starts_with(|c: char| c.is_ascii_digit())
}

/// Numbers of the steps in a box: `77 to 79`, `49, 50 and 51`.
pub(crate) fn numbers(one: &SheetBox) -> Vec<usize> {
    let found: Vec<usize> = one.label.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    match found.as_slice() {
        [first, last] if one.label.contains(" to ") => (*first..=*last).collect(),
        _ if is_on_the_way(one) => found,
        _ => Vec::new(),
    }
}

#[test]
fn a_run_sheet_has_each_step_once_with_what_to_expect_and_what_to_do_otherwise() {
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = run_sheet(&plan, &facts);
        let on_the_way: Vec<&SheetBox> = boxes(&sheet).filter(|one| is_on_the_way(one)).collect();
        let told: Vec<usize> = on_the_way.iter().flat_map(|one| numbers(one)).collect();
        let steps: Vec<usize> = (1..=plan.body.steps.len()).filter(|number| !plan.body.steps[number - 1].after_landing).collect();
        assert_eq!(told, steps, "{name}");
        for (one, number) in on_the_way.iter().flat_map(|one| numbers(one).into_iter().map(move |number| (*one, number))) {
            let step = &plan.body.steps[number - 1];
            let line = one.lines.iter().find(|line| line.number as usize == number);
            match (&step.work, line, &one.decision) {
                (Work::Call(_), Some(line), _) => {
                    assert!(!line.commands.is_empty() && !line.expect.is_empty() && !one.otherwise.is_empty(), "{name}: {one:?}");
                }
                (Work::Gate(_) | Work::Manual { .. }, _, Some(decision)) => {
                    assert!(!decision.looks.is_empty() && !decision.unsure.is_empty(), "{name}: {one:?}");
                    let is_whole = |look: &SheetLook| !look.back.is_empty() || look.go.words().ends_with("else wait");
                    assert!(decision.looks.iter().all(|look| !look.go.is_empty() && is_whole(look)), "{name}: {one:?}");
                }
                (Work::Gate(gate), Some(line), None) => {
                    let words: String = line.expect.iter().map(Text::words).collect();
                    let is_whole = match gate.is_budget_look() {
                        true => words.contains("else wait") && to_markdown(&sheet).contains("A budget burns?"),
                        false => words.contains("back, when") && words.contains("not clear"),
                    };
                    assert!(!line.commands.is_empty() && is_whole, "{name}: {one:?}");
                }
                (Work::Wait(_) | Work::Event { .. }, Some(line), _) => assert!(!line.expect.is_empty(), "{name}: {one:?}"),
                (work, _, _) => panic!("{name}: {work:?} in {one:?}"),
            }
            assert_eq!(one.one_way, matches!(step.undo, Undo::ForwardOnly { .. }), "{name}: {one:?}");
        }
        let back = boxes(&sheet).filter(|one| !is_on_the_way(one)).flat_map(|one| &one.lines);
        assert!(back.into_iter().all(|line| !line.commands.is_empty() && !line.expect.is_empty()), "{name}");
    }
}

/// Hosts and error budgets are looked at at the same moment, so they are one box on paper and one block of the document.
#[test]
fn the_looks_before_a_wave_are_told_as_one() {
    let Example { plan, facts, .. } = example("checkout/checkout-3ds");
    let (sheet, document) = (run_sheet(&plan, &facts), document(&plan, &facts));
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let blocks: Vec<&str> =
        blocks.filter_map(|block| if let Block::Code { text, .. } = block { Some(text.as_str()) } else { None }).collect();
    let mut found = 0;
    for (at, step) in plan.body.steps.iter().enumerate() {
        let Work::Gate(gate) = &step.work else { continue };
        let hosts: Vec<usize> = (0..at).filter(|other| plan.body.steps[*other].needs == step.needs).map(|other| other + 1).collect();
        if !gate.is_budget_look() || hosts.is_empty() {
            continue;
        }
        found += 1;
        let together = boxes(&sheet).find(|one| numbers(one).contains(&(at + 1))).unwrap();
        assert!(hosts.iter().all(|number| numbers(together).contains(number)), "{hosts:?} and {}: {together:?}", at + 1);
        let is_told = |text: &&str, number: usize| text.contains(&format!("# {number}. {}", plan.body.steps[number - 1].title));
        assert!(
            blocks.iter().any(|text| hosts.iter().all(|number| is_told(text, *number)) && is_told(text, at + 1)),
            "{hosts:?} and {}",
            at + 1
        );
        // Where the budget turns the run back, the line says so beside the hosts.
        let line = together.lines.iter().find(|line| line.number as usize == at + 1).unwrap();
        let turns_back = gate.checks.iter().any(|check| matches!(check, GateCheck::Burn { turns_back: true, .. }));
        assert_eq!(line.expect.iter().map(Text::words).any(|words| words.contains("back, when one above")), turns_back, "{line:?}");
    }
    assert_eq!(found, 9, "three services, in one region of staging and two of production");
}

/// The functions of a sheet.
fn functions(sheet: &Document) -> String {
    let first = sheet.sections.iter().take(1).flat_map(|section| &section.blocks);
    first.filter_map(|block| if let Block::Code { text, .. } = block { Some(text.as_str()) } else { None }).collect()
}

/// What a shell makes of a script.
fn shell(flags: &[&str], script: &str) -> String {
    let output = Command::new("sh").args(flags).arg("-c").arg(script).output().unwrap();
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// In place of `curl`: what it was given, word by word.
const RECORDED: &str = "curl() { for word; do printf '<%s>' \"$word\"; done; echo; }\n";

/// The words that `curl` was given, call by call; the names before answers are left away.
fn recorded(script: &str) -> Vec<String> {
    shell(&[], &format!("{RECORDED}{script}")).lines().filter_map(|line| Some(line.get(line.find("<-sS")?..)?.to_owned())).collect()
}

#[test]
fn a_run_sheet_flown_by_hand_asks_what_the_run_would_ask() {
    let mut short = 0;
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = run_sheet(&plan, &facts);
        let functions = functions(&sheet);
        let mut whole = functions.clone();
        for one in boxes(&sheet) {
            let looks: Vec<&str> = one.decision.iter().flat_map(|d| &d.looks).map(|look| look.commands.as_str()).collect();
            let typed: Vec<&str> = looks.iter().copied().chain(one.lines.iter().map(|line| line.commands.as_str())).collect();
            whole.extend(typed.iter().map(|commands| format!("\n{commands}")));
            let Some(step) = numbers(one).first().map(|number| &plan.body.steps[number - 1]) else { continue };
            if let (Work::Gate(gate), false) = (&step.work, looks.is_empty()) {
                let asked = |lines: &str| -> BTreeSet<String> { recorded(lines).into_iter().collect() };
                let (typed, meant) = (looks.join("\n"), measures(gate));
                let of_curl: Vec<&str> = meant.iter().map(String::as_str).filter(|line| line.starts_with("curl")).collect();
                let by_hand: Vec<&str> =
                    typed.lines().filter(|line| !meant.iter().any(|meant| meant == line && !meant.starts_with("curl"))).collect();
                assert_eq!(asked(&format!("{functions}\n{}", by_hand.join("\n"))), asked(&of_curl.join("\n")), "{name}: {}", one.label);
                short += usize::from(by_hand != of_curl);
            }
        }
        for line in boxes(&sheet).filter(|one| is_on_the_way(one)).flat_map(|one| &one.lines) {
            let step = &plan.body.steps[line.number as usize - 1];
            match &step.work {
                Work::Call(_) if line.commands != step.command => {
                    assert_eq!(recorded(&format!("{functions}\n{}", line.commands)), recorded(&step.command), "{name}: {}", line.number);
                    short += 1;
                }
                _ => {}
            }
        }
        assert_eq!(shell(&["-n"], &whole), "", "{name}");
    }
    assert!(short > 0, "the looks of the examples have short names");
}

/// Seconds from take-off at which a box begins.
fn begins_s(one: &SheetBox) -> u64 {
    let (_, clock) = one.time.split_once('+').unwrap_or_else(|| panic!("{one:?}"));
    clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap())
}

/// By hand nobody weighs evidence, so that no watch ends early: what comes after one begins when it is over, and so does the landing.
#[test]
fn the_clock_of_a_run_sheet_counts_each_watch_to_its_end() {
    let mut watched = 0;
    for Example { name, plan, facts, .. } in examples().unwrap() {
        let sheet = run_sheet(&plan, &facts);
        let box_of = |id: &StepId| {
            let number = plan.body.steps.iter().position(|step| step.id == *id).unwrap() + 1;
            boxes(&sheet).find(|one| numbers(one).contains(&number))
        };
        for step in &plan.body.steps {
            let Work::Gate(gate) = &step.work else { continue };
            let next = plan.body.steps.iter().filter(|next| next.needs.contains(&step.id) && !next.after_landing);
            for (here, next) in
                next.filter_map(|next| box_of(&step.id).zip(box_of(&next.id))).filter(|(here, next)| here.label != next.label)
            {
                assert!(begins_s(next) >= begins_s(here) + gate.window().0 / 1000, "{name}: {} after {}", next.label, here.label);
                watched += 1;
            }
        }
        let gates: Vec<_> = plan.body.steps.iter().filter(|s| !s.after_landing && matches!(s.work, Work::Gate(_))).collect();
        let first = to_markdown(&sheet);
        assert_eq!(gates.is_empty(), !first.contains("A box that watches is no rest"), "{name}");
    }
    assert!(watched > 0);
}

/// What is typed by hand answers where nothing has failed yet, and the rules say what then.
#[test]
fn a_share_is_judged_by_hand_by_figures_that_its_command_prints() {
    let Example { plan, facts, .. } = example("checkout/checkout-3ds");
    let sheet = run_sheet(&plan, &facts);
    let decisions = boxes(&sheet).filter_map(|one| one.decision.as_ref()).flat_map(|decision| &decision.looks);
    let shares: Vec<_> = decisions.filter(|look| look.what.starts_with("share of errors")).collect();
    assert!(!shares.is_empty());
    for look in shares {
        let (go, back) = (look.go.words(), look.back.words());
        // The middle between no rise and a two-fold one, by factors.
        assert!(go.starts_with("at the end at most 1.4 times the old side's") && go.contains("(old side 0: at most "), "{go}");
        assert!(back.contains("2 times the old side's or more") && back.contains("before: above 14 %"), "{back}");
    }
    assert!(functions(&sheet).contains("or vector(0)"), "no failed request is a share of 0");
    assert!(to_markdown(&sheet).contains("nobody asked the service"));
}

/// A sheet is short enough to be flown by at night: as many lines as a page holds, times the pages that are leafed through.
#[test]
fn the_run_sheet_of_a_large_change_stays_short() {
    let Example { plan, facts, .. } = example("checkout/checkout-3ds");
    let sheet = to_markdown(&run_sheet(&plan, &facts));
    let lines = sheet.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < plan.body.steps.len() * 8, "{lines} lines for {} steps", plan.body.steps.len());
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
                // Functions of a shell have them by right.
                let text = text.replace("() {", " {");
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
    assert!(usual.contains(&format!(" · {}\n", first("staging").id)));
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

//! The rollout document of every example, read for what makes one look written by a machine, or lie.

use glidepath_report::{document, to_html, to_markdown};
use glidepath_testkit::examples::examples;
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
        for line in prose(&markdown) {
            let false_digits = line.split(|c: char| !c.is_ascii_digit() && c != '.').find(|number| {
                number
                    .split_once('.')
                    .is_some_and(|(whole, part)| !whole.is_empty() && part.len() > 4 && part.chars().all(|c| c.is_ascii_digit()))
            });
            assert_eq!(false_digits, None, "{}: {line}", example.name);
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

#[test]
fn every_step_and_every_way_back_stands_in_the_document() {
    for example in examples().unwrap() {
        let markdown = to_markdown(&document(&example.plan, &example.facts));
        for step in &example.plan.body.steps {
            assert!(markdown.contains(&format!("- Step: `{}`", step.id)), "{}: {}", example.name, step.id);
            if let glidepath_model::plan::Undo::Call { command, .. } = &step.undo {
                let (_, rollback) = markdown.split_once("## 6. Rollback").unwrap();
                assert!(command.lines().all(|line| rollback.contains(line)), "{}: {command}", example.name);
            }
        }
    }
}

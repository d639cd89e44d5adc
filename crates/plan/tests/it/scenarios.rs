//! Scenarios as text: a project, what is known of it, a change, and what its plan must say. A new case is a new file and needs no Rust.
//!
//! `tests/scenarios/NN-name.txt` begins with a few words on who wants what; then come sections, each under a line of its own:
//!
//! - `== use NAME`: the sections of `tests/scenarios/shared/NAME.txt` come here;
//! - `== PATH.yaml`, or any other path with a dot: a file of the project;
//! - `== facts`: what is known, line by line (`scenarios/world.rs` has the words); a second one adds to the first;
//! - `== plan CHANGE [at TIME] [accept-stale]` and `== runbook NAME ...`: what must be so, line by line (`scenarios/claims.rs` has the words);
//! - `== files`: the same, of what reading the project says.
//!
//! Lines that begin with `#` are remarks. Words in double quotes are a part of what must be said.

mod claims;
mod outline;
mod script;
mod world;

use claims::CLAIMS;
use glidepath_files::{Loaded, SourceFile, parse};
use glidepath_model::Plan;
use glidepath_model::action::ActionDescriptor;
use glidepath_plan::{PlanOptions, Planning, plan, plan_runbook};
use script::{Head, Line, Section, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use world::World;

/// Scenarios there are at least.
const SCENARIOS_MIN: usize = 37;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// A line that does not hold, and what is so instead.
#[derive(Debug)]
struct Wrong {
    line: Line,
    is_so: String,
}

/// What became of a script: the lines that do not hold, and the outlines of the plans that they are about.
#[derive(Default)]
struct Outcome {
    wrong: Vec<Wrong>,
    outlines: Vec<String>,
    plans: Vec<Plan>,
}

/// Plans what a script asks for and holds the plans against its lines.
fn run(sections: &[Section]) -> Outcome {
    let loaded = project(sections);
    let mut world = World::new(&loaded.catalog);
    let mut outcome = Outcome::default();
    let mut claims = 0;
    for section in sections {
        let planning = match &section.head {
            Head::File(_) => continue,
            Head::Facts => {
                let told = section.lines().filter_map(|line| Some(Wrong { is_so: world.tell(&line.words).err()?, line: line.clone() }));
                outcome.wrong.extend(told);
                continue;
            }
            Head::Files => Ok(Planning { diagnostics: loaded.diagnostics.clone(), ..Planning::default() }),
            Head::Plan { name, at, accept_stale, is_runbook } => {
                let now = at.unwrap_or(world.now());
                let options = PlanOptions { now, accept_stale: *accept_stale, ..crate::fixture::options() };
                planning(&loaded, &world, name, *is_runbook, &options)
            }
        };
        let wrong_before = outcome.wrong.len();
        match &planning {
            Ok(planning) => {
                claims += section.lines().count();
                let is_so = |line: &Line| claims::check(planning, &line.words).err();
                outcome.wrong.extend(section.lines().filter_map(|line| Some(Wrong { is_so: is_so(line)?, line: line.clone() })));
                let is_refusal_told = section.lines().any(|line| line.words.first().is_some_and(|word| word.is("refused")));
                if planning.plan.is_none() && !is_refusal_told && !matches!(section.head, Head::Files) {
                    outcome.wrong.push(Wrong { line: section.title.clone(), is_so: "there is no plan".to_owned() });
                }
            }
            Err(problem) => outcome.wrong.push(Wrong { line: section.title.clone(), is_so: problem.clone() }),
        }
        if let (true, Ok(planning)) = (outcome.wrong.len() > wrong_before, &planning) {
            outcome.outlines.push(format!("{}\n{}", section.title.text, outline::of_planning(planning)));
        }
        outcome.plans.extend(planning.ok().and_then(|planning| planning.plan));
    }
    if claims == 0 {
        let line = Line::new("", 0, "");
        outcome.wrong.push(Wrong { line, is_so: "nothing is asked of any plan".to_owned() });
    }
    outcome
}

/// The files of a script, read as a project. What is no YAML is there to be read by those that are.
fn project(sections: &[Section]) -> Loaded {
    let files: Vec<(&str, String)> = sections
        .iter()
        .filter_map(|section| match &section.head {
            Head::File(path) => Some((path.as_str(), section.text())),
            _ => None,
        })
        .collect();
    let sources: Vec<SourceFile> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".yaml"))
        .map(|(path, text)| SourceFile { path: (*path).to_owned(), bytes: text.clone().into_bytes() })
        .collect();
    parse(&sources, &|path| {
        files.iter().find(|(name, _)| *name == path).map(|(_, text)| text.clone()).ok_or_else(|| "there is no such section".to_owned())
    })
}

fn planning(loaded: &Loaded, world: &World, name: &str, is_runbook: bool, options: &PlanOptions) -> Result<Planning, String> {
    if loaded.has_errors() {
        let said: Vec<String> = loaded.diagnostics.iter().map(outline::of_diagnostic).collect();
        return Err(format!("the project is wrong:\n{}", said.join("\n")));
    }
    let facts = world.facts();
    if is_runbook {
        let runbook = loaded.runbooks.get(&name.into()).ok_or_else(|| format!("no runbook {name}"))?;
        return Ok(plan_runbook(runbook, facts, &descriptors(), options));
    }
    let change = loaded.changes.get(&name.into()).ok_or_else(|| format!("no change {name}"))?;
    Ok(plan(change, facts, &descriptors(), options))
}

/// The actions with all of their fields, as files name them, and what each says of an unknown outcome.
fn descriptors() -> Vec<ActionDescriptor> {
    let said = crate::fixture::descriptors();
    let mut all = crate::fixture::runbook_descriptors();
    for descriptor in &mut all {
        descriptor.on_unknown = said.iter().find(|one| one.kind == descriptor.kind).map_or(descriptor.on_unknown, |one| one.on_unknown);
    }
    all.extend(said.into_iter().filter(|one| one.kind == "manual"));
    all
}

fn scenarios() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

/// The plans of all scenarios.
pub(crate) fn plans() -> Vec<Plan> {
    scenarios().iter().flat_map(|file| run(&read(file).unwrap_or_else(|problem| panic!("{problem}"))).plans).collect()
}

#[test]
fn every_scenario_is_planned_as_it_says() {
    let files = scenarios();
    assert!(files.len() >= SCENARIOS_MIN, "{}", files.len());
    let mut told = String::new();
    for file in files {
        let outcome = run(&read(&file).unwrap_or_else(|problem| panic!("{problem}")));
        for Wrong { line, is_so } in &outcome.wrong {
            told.push_str(&format!("{}:{}: {}\n    is so: {is_so}\n", line.file, line.number, line.text));
        }
        outcome.outlines.iter().for_each(|outline| told.push_str(&format!("{outline}\n")));
    }
    assert!(told.is_empty(), "\n{told}");
}

/// What a plan says in sentences.
fn sentences(plan: &Plan) -> Vec<&str> {
    let findings = plan.findings.iter().flat_map(|finding| [&finding.message, &finding.reason, &finding.hint]);
    let ladders = plan.body.assignments.iter().flat_map(|one| one.ladder.iter().map(|stage| &stage.explanation).chain(&one.blind_to));
    let ruled_out = plan.ruled_out.iter().flat_map(|one| one.would_do.iter().chain([&one.fact]));
    let candidates = plan.candidates.iter().map(|candidate| &candidate.reason);
    let all = findings.chain(ladders).chain(ruled_out).chain(candidates).chain(&plan.prediction.risk_reasons).chain(&plan.derived);
    all.map(String::as_str).collect()
}

/// Whether a sentence has a figure such as `100000.000` or `0.10`: zeros that nobody counted. Versions have more than one dot, and money has its cents.
fn has_idle_zeros(sentence: &str) -> bool {
    let words = sentence.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/')));
    let words: Vec<&str> = words.map(|word| word.trim_matches(|c: char| matches!(c, '.' | ':' | '-'))).collect();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_currency = |word: Option<&&str>| word.is_some_and(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase()));
    words.iter().enumerate().filter_map(|(at, word)| Some((at, word.split_once('.')?))).any(|(at, (whole, decimals))| {
        is_digits(whole) && is_digits(decimals) && decimals.ends_with('0') && !is_currency(words.get(at + 1))
    })
}

#[test]
fn no_sentence_of_any_plan_has_zeros_that_nobody_counted() {
    for (sentence, expected) in [
        ("its counters count 100000.000.", true),
        ("taking 0.10 % as bad now", true),
        ("400.0 requests/s", true),
        ("0.04 % of 12 requests at 10.5", false),
        ("payments 4.12.0 from 10.0.0.10:80", false),
        ("costs 8.10 EUR", false),
    ] {
        assert_eq!(has_idle_zeros(sentence), expected, "{sentence}");
    }
    let all = plans();
    let told: BTreeSet<&str> = all.iter().flat_map(sentences).filter(|sentence| has_idle_zeros(sentence)).collect();
    assert!(told.is_empty(), "{told:#?}");
}

/// Files under `tests/scenarios/wrong` hold nothing but lines that are not so, with every word that a scenario may use.
#[test]
fn a_line_that_is_not_so_is_told_with_what_is() {
    let mut unused: Vec<&str> = CLAIMS.iter().map(|(word, ..)| *word).collect();
    for entry in std::fs::read_dir(folder().join("wrong")).unwrap() {
        let sections = read(&entry.unwrap().path()).unwrap();
        let outcome = run(&sections);
        let expected = sections.iter().filter(|section| section.is_about_plans()).flat_map(Section::lines);
        for line in expected {
            let word = line.words.first().unwrap().text();
            unused.retain(|known| *known != word);
            let told = outcome.wrong.iter().find(|wrong| (&wrong.line.file, wrong.line.number) == (&line.file, line.number));
            let is_so = &told.unwrap_or_else(|| panic!("{}:{}: passes: {}", line.file, line.number, line.text)).is_so;
            assert!(!is_so.contains("not understood"), "{}:{}: {is_so}", line.file, line.number);
        }
        assert!(outcome.outlines.iter().any(|outline| outline.contains("production/payments")), "{:?}", outcome.outlines);
    }
    assert!(unused.is_empty(), "no wrong line shows that these can fail: {unused:?}");
}

//! The simulator: how often each judge is wrong about equal versions, and what it sees of others, under every kind of noise.
//!
//! `cargo xtask bench judge [--runs N] [--seed S] [--format json]`. Same runs and seed, same bytes, on any number of threads. What the rows are and
//! what came of them: `docs/internals/simulator.md`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A benchmark talks to its terminal.

mod judges;
mod measure;
mod noise;
mod rows;

use measure::Measured;
use rows::{Figure, GOALS, Goal};
use std::process::ExitCode;
use std::time::Instant;

/// Runs of a row from which on the upper end of the interval of false alarms is held to [`UPPER_MAX`].
const RUNS_TO_BOUND: u32 = 10_000;
/// Greatest share of false alarms that is promised.
const FALSE_ALARMS_MAX: f64 = 0.01;
/// Greatest distance of predicted from simulated power.
const PREDICTION_ERROR_MAX: f64 = 0.05;
/// Greatest upper end of its 95 % interval.
const UPPER_MAX: f64 = 0.015;

struct Arguments {
    runs: u32,
    seed: u64,
    threads: usize,
    is_json: bool,
    row: Option<String>,
    metrics: Option<usize>,
}

fn arguments() -> Result<Arguments, String> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut read = Arguments { runs: 1000, seed: 1, threads, is_json: false, row: None, metrics: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => read.runs = value()?.parse().ok().filter(|runs| *runs >= 100).ok_or("--runs must be a number, 100 or more")?,
            "--seed" => read.seed = value()?.parse().map_err(|_| "--seed must be a number")?,
            "--threads" => {
                read.threads = value()?.parse().ok().filter(|threads| *threads > 0).ok_or("--threads must be a number, 1 or more")?
            }
            "--format" => read.is_json = value()? == "json",
            "--row" => read.row = Some(value()?),
            "--metrics" => read.metrics = Some(value()?.parse().map_err(|_| "--metrics must be 1 or 10")?),
            // What `cargo bench` adds.
            "--bench" => {}
            other => {
                return Err(format!("there is no argument {other}; there are --runs, --seed, --threads, --format, --row and --metrics"));
            }
        }
    }
    Ok(read)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let started = Instant::now();
    let mut all = Vec::new();
    for (index, row) in rows::all().iter().enumerate() {
        if arguments.row.as_ref().is_some_and(|wanted| row.name != *wanted)
            || arguments.metrics.is_some_and(|metrics| row.metrics() != metrics)
        {
            continue;
        }
        let row_started = Instant::now();
        all.extend(measure::measure(row, index as u64, arguments.runs, arguments.seed, arguments.threads));
        eprintln!("{}, {} metrics: {:.1} s", row.name, row.metrics(), row_started.elapsed().as_secs_f64());
    }
    eprintln!(
        "{} runs a row, seed {}, {} threads: {:.0} s",
        arguments.runs,
        arguments.seed,
        arguments.threads,
        started.elapsed().as_secs_f64()
    );
    if arguments.is_json {
        match serde_json::to_string_pretty(&all) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("error: {error}"),
        }
    } else {
        print(&all);
    }
    let findings = findings(&all);
    for finding in &findings {
        eprintln!("{}", finding.text);
    }
    if findings.iter().any(|finding| finding.is_failure) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What the figures are against the goals.
struct Finding {
    text: String,
    is_failure: bool,
}

fn findings(all: &[Measured]) -> Vec<Finding> {
    let sequential = || all.iter().filter(|one| one.judge == "sequential");
    let mut findings: Vec<Finding> =
        sequential().filter(|one| one.effect.is_none() && !one.is_shown_only).filter_map(false_alarms).collect();
    findings.extend(sequential().filter(|one| !one.is_shown_only).filter_map(prediction));
    for goal in &GOALS {
        let measured = sequential().find(|one| one.row == goal.row && one.metrics == goal.metrics && one.effect == goal.effect);
        findings.extend(measured.and_then(|measured| reached(goal, measured)));
    }
    findings
}

/// Few runs show only that more than the promised share is wrong; many show that it is not.
fn false_alarms(one: &Measured) -> Option<Finding> {
    let is_shown = one.low > FALSE_ALARMS_MAX;
    let is_unbounded = one.runs >= RUNS_TO_BOUND && one.high > UPPER_MAX;
    (is_shown || is_unbounded).then(|| Finding {
        text: format!(
            "missed: false alarms of {}, {} metrics: {} ({} to {}), wanted {} with an upper end of {}",
            one.row,
            one.metrics,
            percent(one.regressions),
            percent(one.low),
            percent(one.high),
            percent(FALSE_ALARMS_MAX),
            percent(UPPER_MAX)
        ),
        is_failure: true,
    })
}

fn prediction(one: &Measured) -> Option<Finding> {
    let predicted = one.predicted?;
    let chance = 3.0 * (0.25 / f64::from(one.runs)).sqrt();
    let apart = (predicted - one.regressions).abs();
    (apart > PREDICTION_ERROR_MAX).then(|| Finding {
        text: format!(
            "missed: power of {}, {}: predicted {predicted:.3}, came {:.3}",
            one.row,
            one.effect.unwrap_or("equal"),
            one.regressions
        ),
        is_failure: apart > PREDICTION_ERROR_MAX + chance,
    })
}

fn reached(goal: &Goal, one: &Measured) -> Option<Finding> {
    let (figure, is_least) = match goal.figure {
        Figure::Adjusted => (one.adjusted.unwrap_or(0.0), true),
        Figure::Median => (one.median.map_or(f64::INFINITY, f64::from), false),
        Figure::Saved => (one.saved, true),
    };
    // Of a share from few runs three standard errors are chance.
    let chance = if is_least { 3.0 * (0.25 / f64::from(one.runs)).sqrt() } else { 0.0 };
    let meets = |wanted: f64, chance: f64| if is_least { figure >= wanted - chance } else { figure <= wanted };
    let is_missed = !meets(goal.wanted, 0.0);
    is_missed.then(|| Finding {
        text: format!("missed: {:?} of {}, {}: {figure:.3}, wanted {}", goal.figure, goal.row, goal.effect.unwrap_or("equal"), goal.wanted),
        is_failure: !meets(goal.held, chance),
    })
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 10.0 { format!("{percent:.2} %") } else { format!("{percent:.0} %") }
}

fn print(all: &[Measured]) {
    println!("| equal versions | metrics | judge | false alarms (95 %) | passed | watch saved | noise changed |");
    println!("|---|---|---|---|---|---|---|");
    for one in all.iter().filter(|one| one.effect.is_none()) {
        println!(
            "| {}{} | {} | {} | {} ({} to {}) | {} | {} | {} |",
            one.row,
            if one.is_shown_only { " *" } else { "" },
            one.metrics,
            one.judge,
            percent(one.regressions),
            percent(one.low),
            percent(one.high),
            percent(one.passed),
            percent(one.saved),
            if one.judge == "sequential" { percent(one.drifted) } else { "-".to_owned() }
        );
    }
    println!("\n| noise, effect | metrics | judge | power | at equal size | predicted | median and 90 % look | passed first |");
    println!("|---|---|---|---|---|---|---|---|");
    let look = |look: Option<u32>| look.map_or("-".to_owned(), |look| look.to_string());
    for one in all.iter() {
        let Some(effect) = one.effect else { continue };
        println!(
            "| {}, {effect} | {} | {} | {} | {} | {} | {}, {} | {} |",
            one.row,
            one.metrics,
            one.judge,
            percent(one.regressions),
            one.adjusted.map_or("-".to_owned(), percent),
            one.predicted.map_or("-".to_owned(), percent),
            look(one.median),
            look(one.p90),
            percent(one.passed)
        );
    }
}

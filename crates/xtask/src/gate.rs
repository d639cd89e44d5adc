//! The one gate: every check and every test, in order.

use crate::{bench, codegen, demo, documents, programs, sim, tidy, workspace};
use anyhow::{Context as _, Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};

/// The whole gate must be done within this time on two cores; beyond it the gate says so.
const GATE_GOAL: Duration = Duration::from_secs(40 * 60);

/// Tests that run side by side for each core: those with servers and processes mostly wait.
const TESTS_PER_CORE: usize = 2;

/// A step of the gate.
struct Step {
    name: &'static str,
    work: Work,
    /// What to do when it fails.
    mend: &'static str,
}

/// How a step is done.
enum Work {
    Here(fn() -> Result<()>),
    Cargo(&'static [&'static str]),
}

/// The steps, cheap ones first.
fn steps() -> Vec<Step> {
    vec![
        Step { name: "programs", work: Work::Here(programs::install_missing), mend: "install the programs named above" },
        Step { name: "format", work: Work::Cargo(&["fmt", "--all", "--check"]), mend: "run `cargo fmt --all`" },
        Step { name: "tidy", work: Work::Here(tidy::run), mend: "mend each finding above" },
        Step {
            name: "lints",
            work: Work::Cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
            mend: "mend each finding; `cargo clippy --fix` mends some",
        },
        Step { name: "codegen", work: Work::Here(|| codegen::run(true)), mend: "run `cargo xtask codegen` and commit what it writes" },
        Step { name: "docs", work: Work::Here(docs), mend: "mend the links and attributes that rustdoc names" },
        Step {
            name: "doc tests",
            work: Work::Cargo(&["test", "--doc", "--workspace", "--quiet", "--locked"]),
            mend: "run `cargo test --doc -p PACKAGE`",
        },
        Step {
            name: "simulations",
            work: Work::Here(sim::gate),
            mend: "run the command that shows the failure again, with `--trace` for all of it",
        },
        Step {
            name: "judges",
            work: Work::Here(bench::gate),
            mend: "run `cargo xtask bench judge --runs 10000` to see whether it is chance; docs/internals/simulator.md says what the rows are",
        },
        Step {
            name: "forecasts",
            work: Work::Here(bench::forecast_gate),
            mend: "run `cargo xtask bench forecast`; docs/internals/forecasts.md says what the rows were",
        },
        Step {
            name: "documents",
            work: Work::Here(documents::run),
            mend: "run `cargo xtask documents`, and look at the page in a browser (`glidepath plan CHANGE --format html --out page.html`)",
        },
        Step { name: "demo", work: Work::Here(demo::run), mend: "run `cargo run --release -- demo --fast` and look at what it says" },
        Step { name: "tests", work: Work::Here(tests), mend: "run the named test alone: `cargo test -p PACKAGE NAME`" },
    ]
}

/// Runs the steps; stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    let steps = steps();
    for (index, step) in steps.iter().enumerate() {
        println!("\n== {}/{} {}", index + 1, steps.len(), step.name);
        let step_started = Instant::now();
        let done = match step.work {
            Work::Here(work) => work(),
            Work::Cargo(arguments) => cargo(arguments),
        };
        done.with_context(|| format!("step `{}` failed; {}", step.name, step.mend))?;
        println!("== {} done in {:.1} s", step.name, step_started.elapsed().as_secs_f64());
    }
    let took = started.elapsed();
    println!("\nall {} steps passed in {:.0} s", steps.len(), took.as_secs_f64());
    if took > GATE_GOAL {
        println!("this is longer than the goal of {} min: find the slowest tests with `cargo nextest run`", GATE_GOAL.as_secs() / 60);
    }
    Ok(())
}

pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    run_to_end(workspace::cargo()?.args(arguments))
}

pub(crate) fn run_to_end(command: &mut Command) -> Result<()> {
    let status = command.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("{:?} ended with {status}", command.get_args().collect::<Vec<_>>());
    }
    Ok(())
}

/// All tests: by `cargo nextest` where it is installed (each test in its own process), else by `cargo test`.
fn tests() -> Result<()> {
    let has_nextest = workspace::cargo()?.args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    let side_by_side = (std::thread::available_parallelism().map_or(1, usize::from) * TESTS_PER_CORE).to_string();
    if has_nextest {
        cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--test-threads", &side_by_side])
    } else {
        cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast", "--", "--test-threads", &side_by_side])
    }
}

fn docs() -> Result<()> {
    run_to_end(workspace::cargo()?.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps", "--locked"]))
}

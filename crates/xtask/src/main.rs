//! Development tasks of Glidepath: `cargo xtask test`, `tidy`, `codegen`, `bench`, `sim`, `documents`.
//!
//! `test` is the one gate: what it passes may be merged, and continuous integration runs nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A development tool talks to its terminal.

mod bench;
mod codegen;
mod demo;
mod documents;
mod gate;
mod programs;
mod sim;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of Glidepath")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check and every test, in order, and stop at the first that fails
    Test,
    /// Check the rules that no compiler checks
    Tidy,
    /// Write the generated reference pages
    Codegen {
        /// Change nothing; fail when a page is stale
        #[arg(long)]
        check: bool,
    },
    /// Measure
    Bench(bench::Arguments),
    /// Print the documents of the examples by a browser, and read what stands on the paper
    Documents,
    /// Simulate nodes, store and world in virtual time, from a seed
    Sim(sim::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test => gate::run(),
        Task::Tidy => tidy::run(),
        Task::Codegen { check } => codegen::run(check),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Documents => programs::install_missing().and_then(|()| documents::run()),
        Task::Sim(arguments) => sim::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! `demo`: the whole product at work on this machine alone.

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use std::process::ExitCode;

/// A part of the demo's fleet: `__demo PART WORDS...`.
pub(crate) fn part(part: &str, words: Vec<String>) -> ExitCode {
    glidepath_demo::part_main(part, words)
}

/// `demo`.
pub(crate) async fn run(_args: &DemoArgs) -> Result<Exit, Failure> {
    Err(Failure::usage("the demo cannot be flown yet", "try again with the next version"))
}

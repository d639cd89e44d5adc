//! The fleet of the demo: services as processes, load, a small router, and the three acts that are flown on them.

use std::process::ExitCode;

/// Runs a part of the fleet in this process until it is no longer wanted.
pub fn part_main(_part: &str, _words: Vec<String>) -> ExitCode {
    ExitCode::from(2)
}

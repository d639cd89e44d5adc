//! The parts of the demo's fleet as a program of their own, for tests: `demo-part __demo PART WORDS...`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(2);
    let part = words.next().unwrap_or_default();
    glidepath_demo::part_main(&part, words.collect())
}

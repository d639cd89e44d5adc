//! Canary verdicts, power and error-budget arithmetic.
//!
//! Pure: no clock, no randomness, no input or output. Every function is total: odd input gives an answer that says so, never a panic.
//! Logarithms and the like come from `libm`, so that the same counts give the same bytes on every machine.
//!
//! - [`proportion`]: the sequential judge, canary against concurrent baseline; may be read after every scrape.
//! - [`group`]: means, gauges and quantiles against their noise, which [`noise`] learns from history and [`boundary`] draws limits from.
//! - [`canary`]: one interface over all metrics of a change, and the shares of its error probability.
//! - [`threshold`]: limits on a series of values, or a [`condition`] on them.
//! - [`kayenta`]: the judge of Kayenta, for projects that move over; its canary configs are read by [`asked`].
//! - [`power`]: how long a stage needs to see an effect, and what it is blind to; what a watch of values sees, [`boundary::Calibration::finds`] says.
//! - [`experiment`]: how long an experiment must run, and what is chance at its end.
//! - [`budget`]: error budgets and burn of whole requests; what a plan is expected to burn.
//! - [`native`]: native histograms, counted in whole requests at a limit.
//! - [`series`]: exact increases of counters; [`slo`]: objectives over time, from them.
//! - [`record`]: the probability of failure, from a prior and the record.
//! - [`risk`]: the probability of failure, from stated weights and the record; [`correction`]: corrected by what came of runs.
//! - [`duration`]: the duration of steps one after another and side by side.
//! - [`random`]: numbers from a seed, for whoever simulates.
//! - [`calibration`]: predictions against what came of them, with intervals.
//! - [`dora`]: how changes are delivered, from those that were executed; [`measures`]: what each figure means.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod asked;
pub mod boundary;
pub mod budget;
pub mod calibration;
#[cfg(test)]
mod calibration_tests;
pub mod canary;
pub mod condition;
pub mod correction;
pub mod dispersion;
pub mod dora;
pub mod duration;
mod evidence;
pub mod experiment;
mod explanation;
#[cfg(test)]
mod figures;
mod grid;
pub mod group;
#[cfg(test)]
mod group_tests;
pub mod kayenta;
pub mod measures;
pub mod native;
pub mod noise;
mod normal;
pub mod power;
#[cfg(test)]
mod power_tests;
pub mod proportion;
#[cfg(test)]
mod proportion_tests;
pub mod random;
pub mod record;
pub mod risk;
pub mod series;
#[cfg(test)]
mod simulation;
pub mod slo;
pub mod threshold;
mod values_power;
#[cfg(test)]
mod values_power_tests;
pub mod verdict;

pub use dispersion::{ASSUMED_DISPERSION, ASSUMED_LOOK_VARIATION, Dispersion};
pub use evidence::TOLERATED_MIN;
pub use proportion::{CountMode, Counts, SequentialConfig, SequentialState};
pub use verdict::{Interval, ReasonCode, Samples, Verdict, VerdictKind};

/// Version of the arithmetic. It is journaled with every verdict; a state of another version is not continued.
pub const JUDGE_VERSION: u32 = 1;

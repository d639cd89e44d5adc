//! Outputs of steps: what may be compared with what, and whether a condition holds.

use crate::state::RunState;
use glidepath_model::plan::{Comparison, Condition, Test};
pub use glidepath_model::plan::{fits, may_compare};
use serde_json::Value;
use std::cmp::Ordering;

/// The first test that does not hold, in words; `None` when the condition holds.
pub(crate) fn fails(condition: &Condition, state: &RunState) -> Option<String> {
    condition.all.iter().find(|test| !holds(test, state)).map(|test| {
        let name = format!("{}.{}", test.step, test.output);
        match state.step(&test.step).outputs.get(&test.output) {
            Some(found) => format!("{name} is {found}, not {} {}", test.is.sign(), test.value),
            None => format!("{name} was never given"),
        }
    })
}

fn holds(test: &Test, state: &RunState) -> bool {
    let Some(found) = state.step(&test.step).outputs.get(&test.output) else { return false };
    let order = compare(found, &test.value);
    match test.is {
        Comparison::Equal => order.map_or_else(|| *found == test.value, Ordering::is_eq),
        Comparison::NotEqual => order.map_or_else(|| *found != test.value, Ordering::is_ne),
        Comparison::Less => order.is_some_and(Ordering::is_lt),
        Comparison::AtMost => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order.is_some_and(Ordering::is_gt),
        Comparison::AtLeast => order.is_some_and(Ordering::is_ge),
    }
}

/// Whole numbers are compared exactly, others as decimals.
fn compare(found: &Value, wanted: &Value) -> Option<Ordering> {
    let whole = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match (whole(found), whole(wanted)) {
        (Some(found), Some(wanted)) => Some(found.cmp(&wanted)),
        _ => found.as_f64()?.partial_cmp(&wanted.as_f64()?),
    }
}

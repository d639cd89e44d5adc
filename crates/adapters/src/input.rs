//! Reading an action's input, and the outcomes that all actions share.

use glidepath_model::Code;
use glidepath_model::event::{Direction, Outcome};
use glidepath_model::text::is_unfit_to_show;
use glidepath_ports::ActionContext;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Longest text kept as an output, in bytes.
pub(crate) const TEXT_OUTPUT_BYTES_MAX: usize = 4096;

/// Longest piece of foreign text quoted in a reason, in bytes.
pub(crate) const QUOTE_BYTES_MAX: usize = 300;

/// The typed input, or the outcome that says why it is none.
pub(crate) fn read<T: DeserializeOwned>(kind: &str, input: &Value) -> Result<T, Outcome> {
    T::deserialize(input)
        .map_err(|error| never(Code(550), format!("the input of `{kind}` is not understood: {error}; make the plan again")))
}

/// Certainly not done, and trying again cannot help.
pub(crate) fn never(code: Code, reason: impl AsRef<str>) -> Outcome {
    Outcome::NotDone { reason: coded(code, reason), retryable: false }
}

/// Certainly not done; trying again may help.
pub(crate) fn not_yet(code: Code, reason: impl AsRef<str>) -> Outcome {
    Outcome::NotDone { reason: coded(code, reason), retryable: true }
}

/// Nobody knows.
pub(crate) fn unknown(code: Code, reason: impl AsRef<str>) -> Outcome {
    Outcome::Unknown { reason: coded(code, reason) }
}

/// What became of a probe that got no answer to its question: nobody knows. Taken as "not done", it would have a step done twice, or
/// count one as undone that is still in place. Everything but probes keeps its outcome.
pub(crate) fn without_answer(context: &ActionContext, outcome: Outcome) -> Outcome {
    let probes = matches!(context.attempt.direction, Direction::Probe | Direction::ProbeUndo);
    match outcome {
        Outcome::NotDone { reason, .. } if probes => Outcome::Unknown { reason },
        other => other,
    }
}

/// A sentence with its code behind it.
pub(crate) fn coded(code: Code, reason: impl AsRef<str>) -> String {
    let (reason, mark) = (reason.as_ref(), format!("({code})"));
    // A reason that was taken from elsewhere may have it already.
    if reason.ends_with(&mark) { reason.to_owned() } else { format!("{reason} {mark}") }
}

/// Time left until the attempt must have ended.
pub(crate) fn time_left(context: &ActionContext) -> Duration {
    Instant::from_std(context.deadline).saturating_duration_since(Instant::now())
}

/// The longest prefix of at most `bytes_max` bytes that ends between characters.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Foreign text for a sentence: one line, shortened.
pub(crate) fn quoted(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if is_unfit_to_show(c) { ' ' } else { c }).collect();
    let short = shortened(&line, QUOTE_BYTES_MAX);
    if short.len() < line.len() { format!("{short}...") } else { line }
}

/// An error with its causes, for a sentence.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    quoted(&text)
}

/// The nearest of `names` to `wanted`, when one is near enough to be meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .min()
        .filter(|(distance, name)| *distance <= (wanted.chars().count().max(name.chars().count()) / 3).max(1))
        .map(|(_, name)| name)
}

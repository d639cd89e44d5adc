//! Reading an action's input, and the outcomes that all actions share.

use glidepath_model::Code;
use glidepath_model::event::{Direction, Outcome};
use glidepath_model::text::is_unfit_to_show;
use glidepath_ports::ActionContext;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Longest text kept as an output, in bytes, with the mark where it was cut.
pub(crate) const TEXT_OUTPUT_BYTES_MAX: usize = 4096;

/// Room for the mark of a text that was cut, in bytes.
const CUT_MARK_BYTES_MAX: usize = 40;

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

/// A text as an output. One that is too long is cut and says at its end how much is missing, so that it is equal to no text that a condition can have: the
/// whole one is not either. `bytes_missing` were left out of it before.
pub(crate) fn text_output(text: &str, bytes_missing: u64) -> String {
    if text.len() <= TEXT_OUTPUT_BYTES_MAX && bytes_missing == 0 {
        return text.to_owned();
    }
    let kept = shortened(text, TEXT_OUTPUT_BYTES_MAX - CUT_MARK_BYTES_MAX);
    let left_out = bytes_missing + (text.len() - kept.len()) as u64;
    format!("{kept} [{left_out} bytes left out]")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_says_so_and_is_no_other_text() {
        let whole = "x".repeat(TEXT_OUTPUT_BYTES_MAX);
        assert_eq!(text_output(&whole, 0), whole, "the longest one stays whole");
        for (text, missing) in
            [(format!("{whole}y"), 0), ("\u{1f6eb}".repeat(5_000), 0), (whole.clone(), 1), ("x".repeat(9), u64::MAX >> 1)]
        {
            let cut = text_output(&text, missing);
            let (kept, mark) = cut.rsplit_once(" [").unwrap_or_default();
            assert!(cut.len() <= TEXT_OUTPUT_BYTES_MAX && text.starts_with(kept), "{cut}");
            let left_out: Option<u64> = mark.strip_suffix(" bytes left out]").and_then(|count| count.parse().ok());
            assert_eq!(left_out, Some(missing + (text.len() - kept.len()) as u64));
        }
    }
}

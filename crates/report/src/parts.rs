//! A change that could be several smaller ones, in words.

use crate::figures::{count, percent, plural};
use glidepath_model::Plan;
use glidepath_model::plan::{Split, SplitPart};

/// Components of a part, each once, in the order of its items.
pub(crate) fn part_components<'p>(plan: &'p Plan, part: &SplitPart) -> Vec<&'p str> {
    let mut found: Vec<&str> = Vec::new();
    for item in part.items.iter().filter_map(|item| plan.body.change.items.get(*item as usize)) {
        if !found.contains(&item.component.as_str()) {
            found.push(item.component.as_str());
        }
    }
    found
}

/// By how much the split lowers the risk, what it costs, and how it is done.
pub(crate) fn split_words(plan: &Plan, split: &Split) -> String {
    let (together, apart) = (&split.together, &split.apart);
    let fewer = if together.back > 0.0 { 1.0 - apart.back / together.back } else { 0.0 };
    let items: usize = split.parts.iter().map(|part| part.items.len()).sum();
    let most = split.parts.iter().map(|part| part.items.len()).max().unwrap_or_default();
    let fails = instead("with ", percent(apart.failure), percent(together.failure));
    let bad = together.bad_requests.zip(apart.bad_requests).filter(|(together, _)| *together > 0.0);
    let bad = bad.map(|(together, apart)| instead("bad requests expected: ", count(apart), count(together)));
    format!(
        "No part needs another. As {}, by the model of risk: something fails {fails}{}; a failure takes back at most {most} of {items} items instead of all; {:.2} are expected to be taken back instead of {:.2}, {} fewer. Each flies as a run of its own, with its own approvals. `glidepath plan {} --split DIR` writes them.",
        plural(split.parts.len(), "change", "changes"),
        bad.map_or_else(String::new, |bad| format!("; {bad}")),
        apart.back,
        together.back,
        percent(fewer),
        plan.body.change.name
    )
}

/// A figure apart and together, once where they read the same.
fn instead(what: &str, apart: String, together: String) -> String {
    if apart == together { format!("{what}{apart}, as together") } else { format!("{what}{apart} instead of {together}") }
}

//! What differs between two plans: for people who have seen the first and are to see the second.
//!
//! Each part of a plan is told as rows of a place and a text (`parts`); rows of the same place with other texts are differences. Differences that replace
//! the same words by the same others, as a new version does in the command of every host, are told once with all their places.

mod parts;
mod show;

use glidepath_model::{Plan, PlanId, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub use show::{diff_markdown, diff_terminal};

/// Replaced words above which two differences are not called alike.
const REPLACED_MAX: usize = 4;

/// What a difference is about, in the order in which people ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// What is changed, from where to where.
    Items,
    /// How each item is changed, and how success is told from failure.
    Strategies,
    /// Shares and bakes.
    Ladder,
    /// What gates watch.
    Gates,
    /// Steps that only one of the plans has.
    Steps,
    /// What steps do.
    Commands,
    /// How steps are undone.
    Undo,
    /// Shares that steps set, and how they are brought back.
    Exposure,
    /// What steps wait for.
    Order,
    /// Time, attempts and unknown outcomes of steps.
    Attempts,
    /// Limits of the change and the run, windows and freezes.
    Limits,
    /// What is to be done later.
    FollowUps,
    /// What is expected.
    Prediction,
    /// What the linter says.
    Findings,
}

impl About {
    const ALL: [Self; 14] = [
        Self::Items,
        Self::Strategies,
        Self::Ladder,
        Self::Gates,
        Self::Steps,
        Self::Commands,
        Self::Undo,
        Self::Exposure,
        Self::Order,
        Self::Attempts,
        Self::Limits,
        Self::FollowUps,
        Self::Prediction,
        Self::Findings,
    ];

    /// Heading for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Items => "What is changed",
            Self::Strategies => "Strategies",
            Self::Ladder => "Shares and bakes",
            Self::Gates => "Gates",
            Self::Steps => "Steps",
            Self::Commands => "Commands",
            Self::Undo => "Undo",
            Self::Exposure => "Exposure",
            Self::Order => "Order",
            Self::Attempts => "Attempts",
            Self::Limits => "Limits",
            Self::FollowUps => "Afterwards",
            Self::Prediction => "What is expected",
            Self::Findings => "Findings",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What it is about.
    pub about: About,
    /// Where: a step, an item in an environment, a limit.
    pub path: String,
    /// Other places at which the same words are replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Text of the first plan at `path`; `None` where it has nothing there.
    pub before: Option<String>,
    /// Text of the second.
    pub after: Option<String>,
    /// Which input makes the difference, in a line; `None` where nobody has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl Difference {
    /// Whether another comparison finds nothing different at this place.
    pub fn is_gone_from(&self, other: &PlanDiff) -> bool {
        let is_here = |one: &&Self| one.about == self.about && (one.path == self.path || one.also.contains(&self.path));
        !other.differences.iter().any(|one| is_here(&one))
    }
}

/// One of the plans that are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The plan.
    pub plan: PlanId,
    /// Title of its change.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Two plans, compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanDiff {
    /// The first.
    pub from: Compared,
    /// The second.
    pub to: Compared,
    /// Whether both rest on the same facts.
    pub same_facts: bool,
    /// What differs, by what it is about.
    pub differences: Vec<Difference>,
}

/// Compares two plans.
pub fn plan_diff(from: &Plan, to: &Plan) -> PlanDiff {
    let compared =
        |plan: &Plan| Compared { plan: plan.id.clone(), title: plan.body.change.title.clone(), created_at: plan.body.created_at };
    let differences = About::ALL.into_iter().flat_map(|about| gathered(differing(about, from, to))).collect();
    PlanDiff { from: compared(from), to: compared(to), same_facts: from.body.facts == to.body.facts, differences }
}

/// A place and what stands there.
type Row = (String, String);

fn differing(about: About, from: &Plan, to: &Plan) -> Vec<Difference> {
    match about {
        About::Steps => parts::steps_of_one(from, to),
        About::Commands => parts::commands(from, to),
        About::Order => parts::order(from, to),
        About::Undo => by_place(about, &parts::of_common(from, to, parts::undo), &parts::of_common(to, from, parts::undo)),
        About::Exposure => by_place(about, &parts::of_common(from, to, parts::exposure), &parts::of_common(to, from, parts::exposure)),
        About::Attempts => by_place(about, &parts::of_common(from, to, parts::attempts), &parts::of_common(to, from, parts::attempts)),
        About::Gates => by_place(about, &parts::gates(from), &parts::gates(to)),
        About::Items => by_place(about, &parts::items(from), &parts::items(to)),
        About::Strategies => by_place(about, &parts::strategies(from), &parts::strategies(to)),
        About::Ladder => by_place(about, &parts::ladder(from), &parts::ladder(to)),
        About::Limits => by_place(about, &parts::limits(from), &parts::limits(to)),
        About::FollowUps => by_place(about, &parts::follow_ups(from), &parts::follow_ups(to)),
        About::Prediction => by_place(about, &parts::prediction(from), &parts::prediction(to)),
        About::Findings => by_place(about, &parts::findings(from), &parts::findings(to)),
    }
}

/// Rows of which the texts differ, in the order of the first plan; then those that only the second has.
fn by_place(about: About, from: &[Row], to: &[Row]) -> Vec<Difference> {
    let texts: BTreeMap<&str, &str> = to.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let known: BTreeSet<&str> = from.iter().map(|(path, _)| path.as_str()).collect();
    let difference = |path: &str, before: Option<&str>, after: Option<&str>| Difference {
        about,
        path: path.to_owned(),
        also: Vec::new(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        because: None,
    };
    let changed = from.iter().filter_map(|(path, text)| {
        let after = texts.get(path.as_str()).copied();
        (after != Some(text)).then(|| difference(path, Some(text), after))
    });
    let added = to.iter().filter(|(path, _)| !known.contains(path.as_str())).map(|(path, text)| difference(path, None, Some(text)));
    changed.chain(added).collect()
}

/// Differences that replace the same words, told once.
fn gathered(differences: Vec<Difference>) -> Vec<Difference> {
    let mut told: Vec<Difference> = Vec::new();
    let mut alike: BTreeMap<Vec<(String, String)>, usize> = BTreeMap::new();
    for difference in differences {
        let Some(words) = replaced(&difference) else {
            told.push(difference);
            continue;
        };
        match alike.get(&words).and_then(|at| told.get_mut(*at)) {
            Some(first) => first.also.push(difference.path),
            None => {
                alike.insert(words, told.len());
                told.push(difference);
            }
        }
    }
    told
}

/// The few words that one text has in place of those of the other; `None` where more differs than that.
fn replaced(difference: &Difference) -> Option<Vec<(String, String)>> {
    let (before, after) = (difference.before.as_ref()?, difference.after.as_ref()?);
    let (before, after): (Vec<&str>, Vec<&str>) = (before.split_whitespace().collect(), after.split_whitespace().collect());
    let pairs = before.iter().zip(&after).filter(|(b, a)| b != a).map(|(b, a)| ((*b).to_owned(), (*a).to_owned()));
    let pairs: Vec<(String, String)> = pairs.collect();
    // A text that is replaced as a whole is like no other.
    let is_few = before.len() == after.len() && !pairs.is_empty() && pairs.len() <= REPLACED_MAX && pairs.len() < before.len();
    is_few.then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, text: &str) -> Row {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn what_replaces_the_same_words_is_told_once_with_its_places() {
        let from = [row("a", "deploy a 1.0"), row("b", "deploy b 1.0"), row("c", "stop c"), row("d", "gone")];
        let to = [row("b", "deploy b 1.1"), row("a", "deploy a 1.1"), row("c", "stop now c"), row("e", "new")];
        let told: Vec<(String, Vec<String>, Option<String>)> =
            gathered(by_place(About::Commands, &from, &to)).into_iter().map(|d| (d.path, d.also, d.after)).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("a".to_owned(), vec!["b".to_owned()], text("deploy a 1.1")),
                ("c".to_owned(), vec![], text("stop now c")),
                ("d".to_owned(), vec![], None),
                ("e".to_owned(), vec![], text("new")),
            ]
        );
    }
}

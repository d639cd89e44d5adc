//! Sentences that differ only in what they are about, told once: `auth has no digest; likewise payments`.
//!
//! Planner and linter say a thing once per place, which data must and people need not. Two sentences are alike when they have the
//! same words but for the subject and what follows from it. Nothing is folded away: what differs otherwise stays a sentence of its own.

use std::collections::BTreeSet;

/// Of this many words at most one may differ.
const WORDS_PER_DIFFERENCE: usize = 3;

/// A sentence with the other subjects it holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told<'s> {
    sentence: &'s str,
    /// Which word the subjects stand in place of, once there are others.
    at: Option<usize>,
    likewise: Vec<String>,
}

impl Told<'_> {
    /// The sentence with what it holds for beside its own subject.
    pub(crate) fn words(&self) -> String {
        match self.likewise.as_slice() {
            [] => self.sentence.to_owned(),
            others => format!("{} Likewise: {}.", ended(self.sentence), others.join(", ")),
        }
    }

    /// Takes the sentence in, when it says the same of another subject.
    fn takes(&mut self, other: &str) -> bool {
        match subject_beside(self.sentence, other) {
            Some((at, subject)) if self.at.is_none_or(|own| own == at) && !self.likewise.contains(&subject) => {
                self.at = Some(at);
                self.likewise.push(subject);
                true
            }
            Some(_) | None => false,
        }
    }
}

/// Each sentence once, in order of first appearance.
pub(crate) fn told_once<'s>(sentences: impl IntoIterator<Item = &'s str>) -> Vec<Told<'s>> {
    let mut seen = BTreeSet::new();
    let mut all: Vec<Told<'s>> = Vec::new();
    for sentence in sentences {
        if seen.insert(sentence) && !all.iter_mut().any(|told| told.takes(sentence)) {
            all.push(Told { sentence, at: None, likewise: Vec::new() });
        }
    }
    all
}

fn ended(sentence: &str) -> String {
    if sentence.ends_with('.') { sentence.to_owned() } else { format!("{sentence}.") }
}

/// What `other` is about and which word that is, when it says of it what `first` says of its own subject.
fn subject_beside(first: &str, other: &str) -> Option<(usize, String)> {
    let (mine, theirs): (Vec<&str>, Vec<&str>) = (first.split_whitespace().collect(), other.split_whitespace().collect());
    if mine.len() != theirs.len() {
        return None;
    }
    let differing: Vec<usize> = (0..mine.len()).filter(|at| mine[*at] != theirs[*at]).collect();
    let begin = *differing.first()?;
    if differing.len() * WORDS_PER_DIFFERENCE > mine.len() || [mine[begin], theirs[begin]].iter().any(|word| is_figure(word)) {
        return None;
    }
    let run = differing.iter().enumerate().take_while(|(offset, at)| begin + offset == **at).count();
    let subject = |words: &[&str]| words[begin..begin + run].join(" ").trim_end_matches([':', ',', '.', ';']).to_owned();
    // The subject is told, so it may hold a version. What differs after it is not, so it must follow from the subject.
    let follows = |words: &[&str]| {
        let name = subject(words);
        let name = name.rsplit('/').next().unwrap_or_default();
        differing.iter().skip(run).all(|at| words[*at].contains(name))
    };
    (follows(&mine) && follows(&theirs)).then(|| (begin, subject(&theirs)))
}

fn is_figure(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sentences: &[&str]) -> Vec<String> {
        told_once(sentences.iter().copied()).iter().map(Told::words).collect()
    }

    #[test]
    fn what_holds_for_several_places_is_told_once_with_the_places() {
        let alike = [
            "staging/web: health checks only: web-staging declares no signal to compare.",
            "staging/api: health checks only: api-staging declares no signal to compare.",
            "staging/web: health checks only: web-staging declares no signal to compare.",
            "staging/db: health checks only: db-staging declares no signal to compare.",
        ];
        assert_eq!(
            words(&alike),
            ["staging/web: health checks only: web-staging declares no signal to compare. Likewise: staging/api, staging/db."]
        );
        let two_ways = [
            "recreate for web in staging: 20 s of downtime",
            "recreate for api in staging: 20 s of downtime",
            "recreate for web in production: 20 s of downtime",
            "recreate for api in production: 20 s of downtime",
        ];
        let told = [
            "recreate for web in staging: 20 s of downtime. Likewise: api.",
            "recreate for web in production: 20 s of downtime. Likewise: api.",
        ];
        assert_eq!(words(&two_ways), told);
    }

    #[test]
    fn other_figures_and_other_sentences_stay() {
        let figures = ["web bakes 30 min and may be held for 10 min.", "web bakes 34 min and may be held for 10 min."];
        assert_eq!(words(&figures), figures);
        let versions = ["web 1.1.0 has no artifact digest.", "api 2.0.0 has no artifact digest."];
        assert_eq!(words(&versions), ["web 1.1.0 has no artifact digest. Likewise: api 2.0.0."]);
        let others =
            ["web has the artifact latest, which is not a digest.", "No rollback of web is on record.", "web is ill", "api is up", ""];
        assert_eq!(words(&others), others);
    }
}

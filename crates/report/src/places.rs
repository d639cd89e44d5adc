//! Where something holds, told once: `payments and auth in us-east at 5 %` instead of a line for each place.

use crate::document::Text;
use crate::figures::listed;
use std::collections::{BTreeMap, BTreeSet};

/// What stands between the parts of a place or a measure: `payments in us-east at 5 %`, `error share of payments in us-east`.
const SEPARATORS: &[&str] = &[" of ", " in ", " at ", " during "];

/// Places that share their ends are told together: `payments and auth in us-east; web in eu-west`. Order of first appearance, each once.
pub(crate) fn joined<S: AsRef<str>>(places: &[S]) -> String {
    let places: Vec<&str> = places.iter().map(AsRef::as_ref).collect();
    told(&places, SEPARATORS)
}

fn told(places: &[&str], separators: &[&str]) -> String {
    let Some((separator, rest)) = separators.split_first() else { return enumerated(places) };
    if !places.iter().any(|place| place.contains(separator)) {
        return told(places, rest);
    }
    let split = places.iter().map(|place| place.split_once(separator).unwrap_or((place, "")));
    let mut heads_of: Vec<(&str, Vec<&str>)> = Vec::new();
    for (head, tail) in split {
        add(&mut heads_of, tail, head);
    }
    let mut tails_of: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (tail, heads) in heads_of {
        add(&mut tails_of, heads, tail);
    }
    let groups: Vec<String> = tails_of
        .iter()
        .map(|(heads, tails)| match tails.as_slice() {
            [""] => told(heads, rest),
            tails => format!("{}{separator}{}", enumerated(heads), told(tails, rest)),
        })
        .collect();
    groups.join("; ")
}

/// Adds the value to those of the key, each once.
fn add<'t, K: PartialEq>(groups: &mut Vec<(K, Vec<&'t str>)>, key: K, value: &'t str) {
    match groups.iter_mut().find(|(known, _)| *known == key) {
        Some((_, values)) if values.contains(&value) => {}
        Some((_, values)) => values.push(value),
        None => groups.push((key, vec![value])),
    }
}

/// `a, b and c`; what has a comma of its own is kept apart by semicolons.
fn enumerated(words: &[&str]) -> String {
    let mut seen = BTreeSet::new();
    let words: Vec<&str> = words.iter().copied().filter(|word| seen.insert(*word)).collect();
    if words.iter().any(|word| word.contains(',')) { words.join("; ") } else { listed(&words) }
}

/// Rows that are the same in all columns but one become one row, in which that column names all places.
pub(crate) fn rows_told_once(rows: Vec<Vec<Text>>, column: usize) -> Vec<Vec<Text>> {
    let mut kept: Vec<(Vec<Text>, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for row in rows {
        let place = row.get(column).map(Text::words).unwrap_or_default();
        let rest: Vec<String> = row.iter().enumerate().filter(|(at, _)| *at != column).map(|(_, text)| format!("{text:?}")).collect();
        match known.get(&rest).and_then(|at| kept.get_mut(*at)) {
            Some((_, places)) if places.contains(&place) => {}
            Some((_, places)) => places.push(place),
            None => {
                known.insert(rest, kept.len());
                kept.push((row, vec![place]));
            }
        }
    }
    let told = kept.into_iter().map(|(mut row, places)| {
        if places.len() > 1
            && let Some(cell) = row.get_mut(column)
        {
            *cell = joined(&places).into();
        }
        row
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_share_an_end_are_told_together_and_none_is_lost() {
        for (places, told) in [
            (&["payments in us-east at 5 %"][..], "payments in us-east at 5 %"),
            (&["payments in us-east at 5 %", "auth in us-east at 5 %"], "payments and auth in us-east at 5 %"),
            (
                &["web in us-east at 5 %", "web in us-east at 25 %", "web in eu-west at 25 %"],
                "web in us-east at 5 %; us-east and eu-west at 25 %",
            ),
            (&["db in staging", "db in production"], "db in staging and production"),
            (&["db in staging", "web in production"], "db in staging; web in production"),
            (&["errors of web in eu", "errors of api in eu"], "errors of web and api in eu"),
            (&["all in staging, window 1", "all in staging, window 2"], "all in staging, window 1; staging, window 2"),
            (&["a", "b", "a"], "a and b"),
            (&[], "none"),
        ] {
            assert_eq!(joined(places), told);
        }
    }

    #[test]
    fn rows_that_differ_in_one_column_only_become_one() {
        let row = |place: &str, fact: &str| vec![Text::from(place), Text::new().code(fact)];
        let rows = vec![row("web in eu", "x"), row("db in eu", "y"), row("api in eu", "x"), row("db in eu", "y")];
        assert_eq!(rows_told_once(rows, 0), [row("web and api in eu", "x"), row("db in eu", "y")]);
    }
}

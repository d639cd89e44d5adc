//! Examples by name, and flights of them.

use glidepath_rehearse::{Fault, Model, Outcome, Rehearsal, summary};
use glidepath_testkit::examples::{Example, examples};
use std::sync::LazyLock;

/// Seed of all rehearsals here.
pub(crate) const SEED: u64 = 7;

static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(|| examples().unwrap_or_else(|problem| panic!("{problem}")));

pub(crate) fn all() -> &'static [Example] {
    &EXAMPLES
}

pub(crate) fn example(name: &str) -> &'static Example {
    all().iter().find(|example| example.name == name).unwrap_or_else(|| panic!("there is no example {name}"))
}

/// Faults as they are typed.
pub(crate) fn faults(texts: &[&str]) -> Vec<Fault> {
    texts.iter().map(|text| Fault::parse(text).unwrap()).collect()
}

/// Flies an example with faults.
pub(crate) fn fly(name: &str, texts: &[&str], runs: u64) -> (Vec<Outcome>, Rehearsal) {
    let (example, faults) = (example(name), faults(texts));
    let model = Model::new(&example.plan, &example.facts, &faults);
    assert_eq!(model.misfits(&example.facts), Vec::<String>::new());
    let flown: Vec<Outcome> = (0..runs).map(|number| model.fly(SEED, number)).collect();
    let found = summary(SEED, &flown);
    (flown, found)
}

//! How changes were delivered: the figures of past runs, for the terminal, for programs and as a page with small pictures.

mod executed;
mod page;
mod terminal;
mod words;

pub use executed::{executed, executed_by_summary};
pub use page::delivery_page;
pub use terminal::delivery_terminal;

use glidepath_judge::dora::{Delivery, Executed, Scope, Window, delivery, scopes};
use glidepath_judge::measures::{FIGURES, Kind, Measure};
use glidepath_model::Timestamp;
use serde::Serialize;

/// Parts of the window in pictures, at most.
const PARTS_MAX: u64 = 30;

/// Runs that are not in the figures, by why not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Their summaries or plans cannot be read.
    pub unreadable: u64,
    /// There are more than are looked at: the oldest are left out.
    pub older: bool,
}

/// The figures of a window, for each scope.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryReport {
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub to: Timestamp,
    /// The first run of the record, where it lies inside the window: before it nothing is known.
    pub record_begins: Option<Timestamp>,
    /// The figures of each scope, that of all first.
    pub scopes: Vec<Delivery>,
    /// Runs that are not in them.
    pub missing: Missing,
    /// What each figure means.
    pub figures: Vec<&'static Measure>,
    /// What is not measured, and what would.
    pub not_measured: Vec<NotMeasured>,
    /// The first scope, part by part of the window, oldest first.
    #[serde(skip)]
    pub parts: Vec<Delivery>,
}

/// A figure that is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotMeasured {
    /// Its name in the table of figures.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What would give it.
    pub source: &'static str,
}

/// The report. Without a scope that is asked for it has all scopes that have runs.
pub fn delivery_report(runs: &[Executed], asked: Option<Scope>, from: Timestamp, to: Timestamp, missing: Missing) -> DeliveryReport {
    let ms = |at: Timestamp| at.as_micros().div_euclid(1000);
    let window = Window { from_ms: ms(from), to_ms: ms(to) };
    let wanted = asked.map_or_else(|| scopes(runs, window), |scope| vec![scope]);
    let first = runs.iter().map(|run| run.started_ms).min().filter(|first| *first > window.from_ms && !missing.older);
    let parts = wanted.first().map_or_else(Vec::new, |scope| parts(window).into_iter().map(|part| delivery(runs, scope, part)).collect());
    DeliveryReport {
        from,
        to,
        record_begins: first.map(|first| Timestamp::from_micros(first.saturating_mul(1000))),
        scopes: wanted.iter().map(|scope| delivery(runs, scope, window)).collect(),
        missing,
        figures: FIGURES.iter().filter(|measure| measure.kind == Kind::Report).collect(),
        not_measured: FIGURES.iter().filter_map(not_measured).collect(),
        parts,
    }
}

fn not_measured(measure: &Measure) -> Option<NotMeasured> {
    match measure.kind {
        Kind::NotMeasured(source) => Some(NotMeasured { id: measure.id, name: measure.name, source }),
        Kind::Counter | Kind::Gauge | Kind::Histogram(_) | Kind::Info | Kind::Report => None,
    }
}

/// The window in equal parts of a day or more.
fn parts(window: Window) -> Vec<Window> {
    let length = window.length_ms();
    let count = length.div_ceil(glidepath_judge::dora::DAY_MS).clamp(1, PARTS_MAX);
    let edge = |at: u64| window.from_ms.saturating_add_unsigned((u128::from(length) * u128::from(at) / u128::from(count)) as u64);
    (0..count).map(|at| Window { from_ms: edge(at), to_ms: edge(at + 1) }).collect()
}

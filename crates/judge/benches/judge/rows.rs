//! What is simulated, and what has to come of it.

use crate::noise::{INDEPENDENT, Noise, Requests, Tails, USUAL};

/// Looks of a watch of values: an hour of minutes.
pub(crate) const VALUE_LOOKS: usize = 60;
/// Looks of a watch of counts: ten minutes of seconds.
pub(crate) const COUNT_LOOKS: usize = 600;
/// Seconds that make one value for the judges of values.
pub(crate) const COUNT_LOT: usize = 10;

/// Factor of the canary's values or bad share, by metric and look.
pub(crate) type Factor = fn(usize, usize) -> f64;

/// What the new version does.
#[derive(Clone, Copy)]
pub(crate) struct Effect {
    pub(crate) name: &'static str,
    pub(crate) factor: Factor,
    /// The factor, where it is the same for all metrics and looks.
    pub(crate) ratio: Option<f64>,
}

/// Where the noise is.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Values(Noise),
    Counts(Requests),
}

/// A kind of noise, and what is tried in it beside equal versions.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) effects: &'static [Effect],
    /// Outside of what is promised: shown, without a goal.
    pub(crate) is_shown_only: bool,
}

impl Row {
    pub(crate) fn metrics(&self) -> usize {
        match &self.source {
            Source::Values(noise) => noise.metrics,
            Source::Counts(requests) => requests.metrics,
        }
    }
}

const TENTH: Effect = Effect { name: "+10 %", factor: |_, _| 1.1, ratio: Some(1.1) };
const HALF: Effect = Effect { name: "+50 %", factor: |_, _| 1.5, ratio: Some(1.5) };
const RISE: Effect =
    Effect { name: "rises to +50 % over the watch", factor: |_, look| 1.0 + 0.5 * look as f64 / VALUE_LOOKS as f64, ratio: None };
const SPIKES: Effect = Effect { name: "one look in twenty 10x", factor: |_, look| if look % 20 == 9 { 10.0 } else { 1.0 }, ratio: None };
const ZONE: Effect = Effect { name: "+50 % in one zone of ten", factor: |metric, _| if metric == 0 { 1.5 } else { 1.0 }, ratio: None };
const COLD: Effect =
    Effect { name: "only cold: 2x at first, halved each look", factor: |_, look| 1.0 + 0.5_f64.powi(look as i32), ratio: None };
const FIVE: Effect = Effect { name: "5x", factor: |_, _| 5.0, ratio: Some(5.0) };
const TWO: Effect = Effect { name: "2x", factor: |_, _| 2.0, ratio: Some(2.0) };
const TAIL: Effect = Effect { name: "1 % of requests beyond the bound", factor: |_, _| 11.0, ratio: Some(11.0) };
const FIVE_IN_ZONE: Effect = Effect { name: "5x in one zone of ten", factor: |metric, _| if metric == 0 { 5.0 } else { 1.0 }, ratio: None };

/// Every row, of one metric and of ten.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = values();
    rows.extend(shown_values());
    rows.extend(counts());
    rows
}

fn values() -> Vec<Row> {
    let kinds: [(&'static str, Noise, &'static [Effect]); 14] = [
        ("independent", USUAL, &[TENTH, HALF, RISE, SPIKES, COLD]),
        ("lognormal, 50 %", Noise { tails: Tails::Lognormal, per_side: 0.5, ..USUAL }, &[HALF]),
        ("heavy tails", Noise { tails: Tails::Heavy, rho: 0.3, ..USUAL }, &[HALF]),
        ("AR 0.3", Noise { rho: 0.3, ..USUAL }, &[TENTH, HALF]),
        ("AR 0.6", Noise { rho: 0.6, ..USUAL }, &[TENTH, HALF, RISE]),
        ("AR 0.8", Noise { rho: 0.8, ..USUAL }, &[HALF]),
        ("AR 0.9", Noise { rho: 0.9, ..USUAL }, &[HALF]),
        ("day", Noise { day: 0.5, rho: 0.3, ..USUAL }, &[]),
        ("bursts", Noise { bursts: 0.01, ..USUAL }, &[HALF]),
        ("gaps", Noise { gaps: 0.05, rho: 0.6, ..USUAL }, &[HALF]),
        ("restarts", Noise { restarts: 0.01, ..USUAL }, &[HALF]),
        ("1 % of traffic", Noise { tails: Tails::Lognormal, share: 0.01, history_share: 0.01, ..USUAL }, &[HALF]),
        ("10 % of traffic", Noise { tails: Tails::Lognormal, share: 0.1, history_share: 0.1, ..USUAL }, &[HALF]),
        ("uneven hosts", Noise { hosts: 0.1, rho: 0.3, ..USUAL }, &[HALF]),
    ];
    let one = kinds.into_iter().map(|(name, noise, effects)| Row { name, source: Source::Values(noise), effects, is_shown_only: false });
    let ten = kinds.into_iter().map(|(name, noise, _)| {
        let effects: &'static [Effect] = if name == "AR 0.3" { &[ZONE] } else { &[] };
        Row { name, source: Source::Values(Noise { metrics: 10, ..noise }), effects, is_shown_only: false }
    });
    one.chain(ten).collect()
}

fn shown_values() -> Vec<Row> {
    let kinds: [(&'static str, Noise); 4] = [
        ("AR 0.6, 5 % per side", Noise { rho: 0.6, per_side: 0.05, ..USUAL }),
        ("AR 0.6, 20 % per side", Noise { rho: 0.6, per_side: 0.2, ..USUAL }),
        ("AR 0.6, four hours of history", Noise { rho: 0.6, history: 240, ..USUAL }),
        ("1 % of traffic, history of halves", Noise { tails: Tails::Lognormal, share: 0.01, ..USUAL }),
    ];
    let louder = ("noise a quarter louder at the day's peak", Noise { day: 0.5, louder: 0.25, rho: 0.3, ..USUAL });
    let row = |(name, noise)| Row { name, source: Source::Values(noise), effects: &[TENTH, HALF], is_shown_only: true };
    kinds.into_iter().chain([louder]).map(row).collect()
}

fn counts() -> Vec<Row> {
    let fast = Requests { per_look: 200.0, bad: 0.02, ..INDEPENDENT };
    let kinds: [(&'static str, Requests, &'static [Effect]); 13] = [
        ("counts", INDEPENDENT, &[TWO, FIVE]),
        ("counts, 0.1 % bad", Requests { bad: 0.001, ..INDEPENDENT }, &[FIVE, TAIL]),
        ("counts, 100/s per side", fast, &[TWO, FIVE]),
        ("counts, gamma variance 0.1", Requests { variation: 0.1, ..fast }, &[FIVE]),
        ("counts, gamma variance 1", Requests { variation: 1.0, ..fast }, &[FIVE]),
        ("counts, gamma variance 2", Requests { variation: 2.0, ..fast }, &[FIVE]),
        ("counts, no history", Requests { history: 0, ..INDEPENDENT }, &[FIVE]),
        ("counts, day", Requests { day: 0.5, ..fast }, &[]),
        ("counts, gaps", Requests { gaps: 0.05, ..fast }, &[]),
        ("counts, counter resets", Requests { restarts: 0.01, ..fast }, &[FIVE]),
        ("counts, 1 % of traffic", Requests { per_look: 2000.0, share: 0.01, ..fast }, &[FIVE]),
        ("counts, 10 % of traffic", Requests { share: 0.1, ..fast }, &[FIVE]),
        ("counts, uneven hosts", Requests { hosts: 0.1, ..fast }, &[]),
    ];
    let mut rows: Vec<Row> = kinds
        .into_iter()
        .map(|(name, requests, effects)| Row { name, source: Source::Counts(requests), effects, is_shown_only: false })
        .collect();
    let ten = |name, requests: Requests, effects| Row {
        name,
        source: Source::Counts(Requests { metrics: 10, ..requests }),
        effects,
        is_shown_only: false,
    };
    rows.push(ten("counts", INDEPENDENT, &[FIVE_IN_ZONE]));
    rows.push(ten("counts, gamma variance 1", Requests { variation: 1.0, ..fast }, &[]));
    let blind = Requests { variation: 1.0, history: 0, ..fast };
    rows.push(Row { name: "counts, gamma variance 1, no history", source: Source::Counts(blind), effects: &[], is_shown_only: true });
    rows
}

/// A figure of the sequential judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Power with the critical values at which equal versions alarm in exactly 1 %.
    Adjusted,
    /// Median looks until a regression.
    Median,
    /// Mean part of the watch that equal versions are spared.
    Saved,
}

/// What a figure has to be.
pub(crate) struct Goal {
    pub(crate) row: &'static str,
    pub(crate) metrics: usize,
    pub(crate) effect: Option<&'static str>,
    pub(crate) figure: Figure,
    /// What is wanted.
    pub(crate) wanted: f64,
    /// What is held where more is out of reach: beyond it the simulator fails.
    pub(crate) held: f64,
}

/// Goals beside that of false alarms, which every row has.
pub(crate) const GOALS: [Goal; 8] = [
    goal("AR 0.6", Some("+10 %"), Figure::Adjusted, 0.52),
    goal("independent", Some("+50 %"), Figure::Median, 2.0),
    // Two looks at this noise carry 3.6 deviations; the early boundary is at 4.
    Goal { held: 3.0, ..goal("AR 0.3", Some("+50 %"), Figure::Median, 2.0) },
    goal("AR 0.6", Some("+50 %"), Figure::Median, 5.0),
    goal("counts", Some("5x"), Figure::Median, 20.0),
    goal("independent", None, Figure::Saved, 0.4),
    goal("AR 0.6", None, Figure::Saved, 0.4),
    goal("counts, 100/s per side", None, Figure::Saved, 0.4),
];

const fn goal(row: &'static str, effect: Option<&'static str>, figure: Figure, wanted: f64) -> Goal {
    Goal { row, metrics: 1, effect, figure, wanted, held: wanted }
}

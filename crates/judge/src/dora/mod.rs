//! How changes are delivered: the five figures of DORA and what else the records of runs tell, from changes that were executed.
//!
//! # What is counted
//!
//! - A run counts in the window in which it landed, or else ended, or else turned back. One that is under way counts nowhere yet.
//! - A *deployment* is a run of a change that began to alter production, and was not superseded. It *failed* when it turned back, wholly or for
//!   one item, before or after it landed, when it was abandoned, or when a watch found a regression after it landed. What is counted are
//!   deployments, not incidents, so that no more of them fail than there are; each counts once, however often it turns back.
//! - It is *rework* when its change says that it repairs (intent `fix`, class `emergency`), or when the deployment before it of one of its
//!   components failed.
//! - A scope (a component, a team, all) counts a run once if it has a part in it. The parts of two scopes may be the same run: they do not add up.
//!
//! The five are those of the DORA research programme (dora.dev); where its reports leave gaps between the bands, these are closed: each band
//! begins where the better one ends, and every value has one. There are no published bands for rework: it is held to those of failures.
//!
//! What is not known is left out of a figure and told in `left_out`; a figure of nothing has no value. No figure is ever NaN.

mod figure;
#[cfg(test)]
mod tests;

pub use figure::{Band, Figure, Spread};

use figure::{frequency_band, of_share, of_times, share_band, time_band};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Length of a day in milliseconds.
pub const DAY_MS: u64 = 86_400_000;
/// A deployment that begins so soon after one of the same component turned back is the same fault once more.
pub const FLAPS_WITHIN_MS: i64 = 600_000;

/// A stretch of time, in milliseconds since 1970: from (inclusive) to (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from_ms: i64,
    /// Its end.
    pub to_ms: i64,
}

impl Window {
    fn has(&self, at_ms: i64) -> bool {
        self.from_ms <= at_ms && at_ms < self.to_ms
    }

    /// How long it is.
    pub fn length_ms(&self) -> u64 {
        u64::try_from(i128::from(self.to_ms) - i128::from(self.from_ms)).unwrap_or(0)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It has not.
    #[default]
    UnderWay,
    /// Everything landed.
    Landed,
    /// Everything that was changed went back.
    RolledBack,
    /// A person ended it; what is in place stays.
    Abandoned,
    /// Another run took over its intent.
    Superseded,
}

/// A wait, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When somebody was asked.
    pub from_ms: i64,
    /// When there was an answer; none where there was none.
    pub until_ms: Option<i64>,
}

/// The first time that a run turned back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// When that was decided.
    pub began_ms: i64,
    /// When no user was on the new side any more.
    pub safe_ms: Option<i64>,
    /// When all was undone.
    pub undone_ms: Option<i64>,
    /// Whether a person asked for it.
    pub asked_for: bool,
}

/// What was predicted of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predicted {
    /// Probability that it does not land.
    pub failure: f64,
    /// Median of its duration.
    pub p50_ms: u64,
    /// 95 % quantile of its duration.
    pub p95_ms: u64,
}

/// The record of a run, as far as figures need it. Times are in milliseconds since 1970, by the clock of the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executed {
    /// Components that it touches.
    pub components: Vec<String>,
    /// Teams that own them.
    pub teams: Vec<String>,
    /// When the change was there: committed, or else planned.
    pub made_ms: Option<i64>,
    /// Whether that is when it was committed.
    pub is_committed: bool,
    /// When it was accepted.
    pub started_ms: i64,
    /// When it began to alter production; none where it never did, and for what is no change.
    pub deployed_ms: Option<i64>,
    /// When it landed first; kept when it went back later.
    pub landed_ms: Option<i64>,
    /// When it ended first.
    pub ended_ms: Option<i64>,
    /// How it ended last.
    pub end: End,
    /// How it turned back, if it did.
    pub turned_back: Option<Return>,
    /// When a watch found something after it landed.
    pub found_after_ms: Option<i64>,
    /// Whether its change says that it repairs.
    pub repairs: bool,
    /// Approvals that it waited for.
    pub approvals: Vec<Wait>,
    /// Times when it could not go on without a person.
    pub calls_for_help: Vec<Wait>,
    /// Whether a person did anything about it once it was accepted, approvals apart.
    pub had_help: bool,
    /// Whether it waited for what another run held.
    pub waited_for_claims: bool,
    /// Attempts of steps, of all kinds.
    pub attempts: u64,
    /// Those of them that were repeated because one before did not do.
    pub retries: u64,
    /// Gates that ended.
    pub gates: u64,
    /// Those of them that passed.
    pub gates_passed: u64,
    /// Requests of people.
    pub requests: u64,
    /// Those of them that were refused.
    pub requests_refused: u64,
    /// Whether its journal is whole, as it was written.
    pub is_proven: bool,
    /// What was predicted.
    pub predicted: Option<Predicted>,
}

impl Executed {
    /// When it counts.
    fn counts_at(&self) -> Option<i64> {
        self.landed_ms.or(self.ended_ms).or(self.turned_back.map(|back| back.began_ms))
    }

    fn is_deployment(&self) -> bool {
        self.deployed_ms.is_some() && self.end != End::Superseded
    }

    fn has_failed(&self) -> bool {
        self.turned_back.is_some() || self.found_after_ms.is_some() || self.end == End::Abandoned
    }

    /// When it was known to have failed: the first sign.
    fn failure_seen_ms(&self) -> Option<i64> {
        let abandoned = self.ended_ms.filter(|_| self.end == End::Abandoned);
        [self.found_after_ms, self.turned_back.map(|back| back.began_ms), abandoned].into_iter().flatten().min()
    }

    fn recovery(&self) -> Option<Wait> {
        Some(Wait { from_ms: self.failure_seen_ms()?, until_ms: self.turned_back.and_then(|back| back.safe_ms) })
    }
}

/// Whose figures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "of", content = "name")]
pub enum Scope {
    /// Of all runs.
    All,
    /// Of runs that touch a component.
    Component(String),
    /// Of runs that touch what a team owns.
    Team(String),
}

impl Scope {
    fn has(&self, run: &Executed) -> bool {
        match self {
            Self::All => true,
            Self::Component(name) => run.components.contains(name),
            Self::Team(name) => run.teams.contains(name),
        }
    }
}

/// How much a report rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// Runs that count.
    pub runs: u64,
    /// Those of them that are deployments.
    pub deployments: u64,
    /// Deployments that failed.
    pub failed: u64,
    /// Runs of the scope that are under way: they count nowhere yet.
    pub under_way: u64,
}

/// The figures of a scope in a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Whose.
    pub scope: Scope,
    /// In which time.
    #[serde(skip)]
    pub window: Window,
    /// How much they rest on.
    pub basis: Basis,
    /// The figures, in the order of their table.
    pub figures: Vec<Figure>,
}

impl Delivery {
    /// The figure of that name.
    pub fn figure(&self, id: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.id == id)
    }
}

/// The figures of a scope. Runs from before the window are used too: they say which deployments are rework.
pub fn delivery(runs: &[Executed], scope: &Scope, window: Window) -> Delivery {
    let follows = follows(runs);
    let inside: Vec<(&Executed, Follows)> =
        runs.iter().zip(follows).filter(|(run, _)| scope.has(run) && run.counts_at().is_some_and(|at| window.has(at))).collect();
    let counted = Counted {
        runs: inside.iter().map(|(run, _)| *run).collect(),
        deployments: inside.iter().filter(|(run, _)| run.is_deployment()).map(|(run, _)| *run).collect(),
        follows: inside.iter().filter(|(run, _)| run.is_deployment()).map(|(_, follows)| *follows).collect(),
        window,
    };
    let basis = Basis {
        runs: counted.runs.len() as u64,
        deployments: counted.deployments.len() as u64,
        failed: counted.failed().count() as u64,
        under_way: runs.iter().filter(|run| scope.has(run) && run.end == End::UnderWay).count() as u64,
    };
    let figures = counted.dora().into_iter().chain(counted.of_times()).chain(counted.of_shares()).chain(counted.of_predictions()).collect();
    Delivery { scope: scope.clone(), window, basis, figures }
}

/// Scopes that have runs in the window: all, then components, then teams.
pub fn scopes(runs: &[Executed], window: Window) -> Vec<Scope> {
    let inside = || runs.iter().filter(|run| run.counts_at().is_some_and(|at| window.has(at)));
    let components: BTreeSet<&String> = inside().flat_map(|run| &run.components).collect();
    let teams: BTreeSet<&String> = inside().flat_map(|run| &run.teams).collect();
    std::iter::once(Scope::All)
        .chain(components.into_iter().cloned().map(Scope::Component))
        .chain(teams.into_iter().cloned().map(Scope::Team))
        .collect()
}

/// What stands between a deployment and the one before it of the same component.
#[derive(Clone, Copy, Debug, Default)]
struct Follows {
    /// The one before failed.
    a_failure: bool,
    /// It had turned back just before.
    at_once: bool,
}

/// For each run, what it follows on. A deployment is followed by the next one that begins after it was known to have failed.
fn follows(runs: &[Executed]) -> Vec<Follows> {
    let mut order: Vec<usize> = (0..runs.len()).filter(|at| runs[*at].is_deployment()).collect();
    order.sort_by_key(|at| (runs[*at].started_ms, *at));
    let mut found = vec![Follows::default(); runs.len()];
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for at in order {
        let run = &runs[at];
        for component in &run.components {
            let before = last.insert(component, at).map(|before| &runs[before]).filter(|before| before.has_failed());
            let seen = before.and_then(Executed::failure_seen_ms).filter(|seen| *seen <= run.started_ms);
            let Some(seen) = seen else { continue };
            found[at].a_failure = true;
            found[at].at_once |= run.started_ms.saturating_sub(seen) <= FLAPS_WITHIN_MS;
        }
    }
    found
}

/// What counts in a scope and window.
struct Counted<'a> {
    runs: Vec<&'a Executed>,
    deployments: Vec<&'a Executed>,
    /// Beside `deployments`.
    follows: Vec<Follows>,
    window: Window,
}

impl<'a> Counted<'a> {
    fn failed(&self) -> impl Iterator<Item = &'a Executed> + '_ {
        self.deployments.iter().copied().filter(|run| run.has_failed())
    }

    fn count(&self, what: impl Fn(&Executed) -> bool) -> u64 {
        self.runs.iter().filter(|run| what(run)).count() as u64
    }

    fn sum(&self, what: impl Fn(&Executed) -> u64) -> u64 {
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(what(run)))
    }

    fn dora(&self) -> Vec<Figure> {
        let landed: Vec<&Executed> = self.deployments.iter().copied().filter(|run| run.landed_ms.is_some()).collect();
        let (landings, deployments) = (landed.len() as u64, self.deployments.len() as u64);
        let length_ms = self.window.length_ms();
        let days = length_ms as f64 / DAY_MS as f64;
        let frequency = Figure {
            value: (days > 0.0).then(|| landings as f64 / days),
            band: frequency_band(landings, length_ms),
            ..Figure::new("deployment-frequency", landings as f64, days)
        };
        let times = landed.iter().filter_map(|run| run.landed_ms.map(|landed| span(run.made_ms, Some(landed))));
        let assumed = landed.iter().filter(|run| !run.is_committed).count() as u64;
        let lead = Figure { assumed, ..of_times("change-lead-time", times) };
        let recovery = of_times("recovery-time", self.failed().map(|run| wait(run.recovery())));
        let reworks = self.deployments.iter().zip(&self.follows).filter(|(run, follows)| run.repairs || follows.a_failure).count() as u64;
        let failures = self.failed().count() as u64;
        vec![
            frequency,
            // A time that begins when the change was planned flatters: it has no band.
            Figure { band: lead.value.filter(|_| assumed == 0).map(|seconds| time_band(seconds, Band::LEAD_DAYS)), ..lead },
            Figure { band: share_band(failures, deployments), ..of_share("change-fail-rate", failures, deployments) },
            Figure { band: recovery.value.map(|seconds| time_band(seconds, Band::RECOVERY_DAYS)), ..recovery },
            Figure { band: share_band(reworks, deployments), ..of_share("rework-rate", reworks, deployments) },
        ]
    }

    fn of_times(&self) -> Vec<Figure> {
        let runs = || self.runs.iter().copied();
        let back =
            |of: fn(&Return) -> Option<i64>| runs().filter_map(move |run| run.turned_back.map(|back| span(Some(back.began_ms), of(&back))));
        vec![
            of_times("run-duration", runs().map(|run| span(Some(run.started_ms), run.ended_ms))),
            of_times("approval-wait", runs().flat_map(|run| run.approvals.iter().map(|one| wait(Some(*one))))),
            of_times("time-to-acknowledge", runs().flat_map(|run| run.calls_for_help.iter().map(|one| wait(Some(*one))))),
            of_times("time-to-detect", self.failed().map(|run| span(run.deployed_ms, run.failure_seen_ms()))),
            of_times("time-to-safety", back(|back| back.safe_ms)),
            of_times("time-to-undo", back(|back| back.undone_ms)),
            self.time_between_failures(),
        ]
    }

    /// Time in which nothing had failed, over how often something did.
    fn time_between_failures(&self) -> Figure {
        let broken_ms = self.failed().filter_map(|run| wait(run.recovery())).fold(0_u64, u64::saturating_add);
        let whole = self.window.length_ms().saturating_sub(broken_ms) as f64 / 1000.0;
        let failures = self.failed().count();
        let value = (failures > 0).then(|| whole / failures as f64);
        Figure { value, ..Figure::new("time-between-failures", whole, failures as f64) }
    }

    fn of_shares(&self) -> Vec<Figure> {
        let ended = self.count(|run| !matches!(run.end, End::UnderWay | End::Superseded));
        let runs = self.runs.len() as u64;
        let flaps = self.follows.iter().filter(|follows| follows.at_once).count() as u64;
        let turned_back = self.count(|run| run.turned_back.is_some());
        let by_itself = self.count(|run| run.turned_back.is_some_and(|back| !back.asked_for));
        vec![
            of_share("run-success", self.count(|run| run.end == End::Landed), ended),
            of_share("rollback-rate", turned_back, runs),
            of_share("automatic-rollback-rate", by_itself, runs),
            of_share("flapping-rate", flaps, self.deployments.len() as u64),
            of_share("intervention-rate", self.count(|run| run.had_help), runs),
            of_share("gate-pass-rate", self.sum(|run| run.gates_passed), self.sum(|run| run.gates)),
            of_share("retry-rate", self.sum(|run| run.retries), self.sum(|run| run.attempts)),
            of_share("conflict-rate", self.count(|run| run.waited_for_claims), runs),
            of_share("denial-rate", self.sum(|run| run.requests_refused), self.sum(|run| run.requests)),
            of_share("journal-completeness", self.count(|run| run.is_proven), runs),
        ]
    }

    fn of_predictions(&self) -> Vec<Figure> {
        let of_changes =
            |run: &&&Executed| run.predicted.is_some_and(|said| (0.0..=1.0).contains(&said.failure)) && run.end != End::UnderWay;
        let predicted: Vec<&Executed> = self.runs.iter().filter(of_changes).copied().filter(|run| run.end != End::Superseded).collect();
        let expected: f64 = predicted.iter().filter_map(|run| run.predicted).map(|said| said.failure).sum();
        let failures = predicted.iter().filter(|run| run.end != End::Landed).count() as f64;
        let took = |run: &Executed| span(Some(run.started_ms), run.landed_ms).zip(run.predicted);
        let landed: Vec<(u64, Predicted)> = self.runs.iter().filter_map(|run| took(run)).collect();
        let within = landed.iter().filter(|(took_ms, said)| *took_ms <= said.p95_ms).count() as u64;
        vec![
            Figure {
                value: Some(failures / expected).filter(|value| value.is_finite()),
                ..Figure::new("failures-against-prediction", failures, expected)
            },
            of_share("within-predicted-duration", within, landed.len() as u64),
        ]
    }
}

/// How long, in milliseconds; none where an end is not known or lies before the beginning.
fn span(from_ms: Option<i64>, until_ms: Option<i64>) -> Option<u64> {
    u64::try_from(i128::from(until_ms?) - i128::from(from_ms?)).ok()
}

fn wait(wait: Option<Wait>) -> Option<u64> {
    wait.and_then(|wait| span(Some(wait.from_ms), wait.until_ms))
}

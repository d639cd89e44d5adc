//! The limits that a change and its targets set, what keeps a candidate outside them, and what would let it in.

use crate::codes;
use crate::durations::plain;
use crate::ladder::tenths;
use crate::notes::Notes;
use crate::outline::Outline;
use crate::predict::Figures;
use crate::site::{Site, names};
use crate::strategy::Extra;
use crate::timetable::{Timetable, up_to_the_minute};
use crate::users::Users;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::change::{Change, Item};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, TargetName};
use glidepath_model::plan::{Prediction, Strategy};
use glidepath_model::{Diagnostic, Millis, Money, Share, Timestamp};
use std::collections::BTreeSet;

/// Relative change that stands for a limit without a size, such as a strategy that is not allowed: as if a figure were doubled.
const NO_SIZE: f64 = 1.0;

/// A limit that somebody set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    /// The deadline.
    FinishBefore,
    /// The share of what is left of an error budget.
    BudgetSpend,
    /// The extra cost.
    ExtraCost,
    /// The downtime.
    Downtime,
    /// The strategy that an item asks for.
    Strategy(u32),
    /// The strategies that a target allows.
    Allowed(TargetName),
}

/// A limit that a candidate does not keep.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    pub(crate) limit: Limit,
    /// The limit as it stands: `` `maxBudgetSpend` 10 % ``.
    pub(crate) stands: String,
    /// What the candidate does instead, after its name: `costs 3.00 EUR, at most 1.00 EUR allowed`.
    pub(crate) does: String,
    /// What would let it in; `None` where no value of the limit does.
    pub(crate) relax: Option<Relax>,
}

/// A limit as it would have to be.
#[derive(Clone, Debug)]
pub(crate) struct Relax {
    /// What to write: `` `maxExtraCost: 3.00 EUR` ``.
    pub(crate) write: String,
    /// By how much it is more than what stands, as a part of that.
    pub(crate) by: f64,
    /// The same, so that it can be tried.
    pub(crate) to: Loosened,
}

/// A limit with the value that it would have to have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Loosened {
    FinishBefore(Timestamp),
    BudgetSpend(Share),
    ExtraCost(Money),
    Downtime(Millis),
    Strategy(u32, Strategy),
    Allowed(TargetName, Strategy),
}

impl Loosened {
    /// Writes it where the limit stands.
    pub(crate) fn apply(&self, change: &mut Change, facts: &mut Facts) {
        let constraints = &mut change.constraints;
        match self {
            Self::FinishBefore(time) => constraints.finish_before = Some(*time),
            Self::BudgetSpend(share) => constraints.max_budget_share = Some(*share),
            Self::ExtraCost(cost) => constraints.max_extra_cost = Some(cost.clone()),
            Self::Downtime(length) => constraints.downtime_ms = Some(*length),
            Self::Strategy(item, strategy) => {
                if let Some(item) = change.items.get_mut(*item as usize) {
                    item.strategy = Some(strategy.name().to_owned());
                }
            }
            Self::Allowed(target, strategy) => {
                if let Some(target) = facts.catalog.targets.get_mut(target) {
                    target.strategies_allowed.push(strategy.name().to_owned());
                }
            }
        }
    }
}

/// The limits on the figures of a candidate.
pub(crate) struct Limits<'a> {
    change: &'a Change,
    timetable: &'a Timetable<'a>,
    /// The least that is left of the error budgets of the changed components, of 1.
    left: f64,
}

impl<'a> Limits<'a> {
    pub(crate) fn of(change: &'a Change, left: f64, timetable: &'a Timetable<'a>) -> Self {
        Self { change, timetable, left }
    }

    /// All limits that a candidate does not keep.
    pub(crate) fn broken(&self, chosen: &[(&Outline, &Figures)], predicted: &Prediction) -> Vec<Breach> {
        let costs_extra = chosen.iter().any(|(_, figures)| figures.extra != Extra::Nothing);
        let costs = self.costs(costs_extra, predicted);
        self.late(predicted).into_iter().chain(self.spends(predicted)).chain(costs).chain(self.stops(chosen, predicted)).collect()
    }

    fn late(&self, predicted: &Prediction) -> Option<Breach> {
        let deadline = self.change.constraints.finish_before?;
        let does = self.timetable.late(predicted, deadline)?;
        let relax = predicted.schedule.as_ref().map(|schedule| {
            let now = self.timetable.now();
            let (given, needed) = (deadline.since(now).as_secs_f64(), schedule.lands_p95.since(now).as_secs_f64());
            let until = up_to_the_minute(schedule.lands_p95);
            let write = format!("`finishBefore: {}`", self.timetable.written(until));
            Relax { write, by: needed / given.max(1.0) - 1.0, to: Loosened::FinishBefore(until) }
        });
        Some(Breach { limit: Limit::FinishBefore, stands: format!("`finishBefore` {}", self.timetable.words(deadline)), does, relax })
    }

    fn spends(&self, predicted: &Prediction) -> Option<Breach> {
        let most = self.change.constraints.max_budget_share?;
        let stands = format!("`maxBudgetSpend` {most}");
        if self.left <= 0.0 {
            let does = format!("may spend {most} of what is left of an error budget, and nothing is left");
            return Some(Breach { limit: Limit::BudgetSpend, stands, does, relax: None });
        }
        if !predicted.budgets_not_known.is_empty() {
            let does = format!(
                "spends nobody knows how much of the error budget of {}, and at most {most} is allowed: state the traffic of each target, and the restart of what has one host",
                names(&predicted.budgets_not_known)
            );
            return Some(Breach { limit: Limit::BudgetSpend, stands, does, relax: None });
        }
        let share = predicted.budget_share?;
        if share <= most.as_f64() * self.left {
            return None;
        }
        let does = format!(
            "is expected to spend {} % of an error budget, at most {most} of the remaining {:.0} % allowed",
            tenths(share * 100.0),
            self.left * 100.0
        );
        let relax = tenth_above(share / self.left).map(|share| Relax {
            write: format!("`maxBudgetSpend: {{ share: {}, of: remaining }}`", share.to_string().replace(' ', "")),
            by: share.as_f64() / most.as_f64().max(1e-9) - 1.0,
            to: Loosened::BudgetSpend(share),
        });
        Some(Breach { limit: Limit::BudgetSpend, stands, does, relax })
    }

    fn stops(&self, chosen: &[(&Outline, &Figures)], predicted: &Prediction) -> Option<Breach> {
        let takes = &predicted.downtime.as_ref()?.takes;
        let is_within = match self.change.constraints.downtime_ms {
            Some(allowed) => takes.p95_ms <= allowed,
            // Who asks for a failover asks for the writes that it refuses: there is no other way to do it. A stated limit holds for it as well.
            None => chosen.iter().all(|(outline, f)| outline.strategy == Strategy::Failover || f.downtime.time.p95_ms == 0),
        };
        (!is_within).then(|| downtime(self.change, plain(takes)))
    }

    fn costs(&self, costs_extra: bool, predicted: &Prediction) -> Option<Breach> {
        let most = self.change.constraints.max_extra_cost.as_ref()?;
        let stands = format!("`maxExtraCost` {most}");
        let Some(cost) = &predicted.extra_cost else {
            let does = format!(
                "costs nobody knows how much more, and at most {most} is allowed: state cost.replicaHour of each target, in one currency"
            );
            return costs_extra.then_some(Breach { limit: Limit::ExtraCost, stands, does, relax: None });
        };
        // What may come is held against the limit, not what is likely.
        let (most_likely, cost) = (cost, predicted.extra_cost_p95.as_ref().unwrap_or(cost));
        let breach = |does: String, by: f64| {
            let to = cent_above(cost);
            let relax = Some(Relax { write: format!("`maxExtraCost: {to}`"), by, to: Loosened::ExtraCost(to) });
            Some(Breach { limit: Limit::ExtraCost, stands: stands.clone(), does, relax })
        };
        if most.currency != cost.currency && cost.micros > 0 {
            return breach(format!("costs {cost}, and the limit is in {}", most.currency), NO_SIZE);
        }
        let by = cost.micros as f64 / most.micros.max(1) as f64 - 1.0;
        let costs = if cost == most_likely { cost.to_string() } else { format!("{most_likely} (95 %: {cost})") };
        if cost.micros > most.micros { breach(format!("costs {costs}, at most {most} allowed"), by) } else { None }
    }
}

/// The least that is left of the error budgets a change may spend a part of; all, where it touches none.
pub(crate) fn budget_left(change: &Change, facts: &Facts, sites: &[Site<'_>], notes: &mut Notes) -> f64 {
    let Some(most) = change.constraints.max_budget_share else { return 1.0 };
    let mut left: f64 = 1.0;
    // What fails takes the calls of its users with it, and so their budgets.
    let users = Users::of(facts);
    let mut touched: BTreeSet<&ComponentName> = sites.iter().map(|site| &site.target.component).collect();
    touched.extend(sites.iter().flat_map(|site| users.of_target(site.target)).map(|target| &target.component));
    let mut objectives = facts.catalog.objectives.iter().filter(|o| touched.contains(&o.component)).peekable();
    if objectives.peek().is_none() {
        let listed = names(&touched);
        notes.derive(format!("`maxBudgetSpend` of {most} holds nothing back: no objective is declared for {listed}."));
    }
    for objective in objectives {
        match facts.budgets.get(&objective.name).map(|budget| budget.value.remaining).filter(|remaining| remaining.is_finite()) {
            Some(remaining) => left = left.min(remaining),
            None => notes.unsure(
                Diagnostic::error(
                    codes::FACT_MISSING,
                    format!("What is left of the error budget of {} is not known, and the change may spend {most} of it.", objective.name),
                )
                .because("A part of what nobody knows cannot be kept.")
                .hint("Make the telemetry answer and plan again; or take maxBudgetSpend out of the change, or plan with --accept-stale, which takes the budget for whole."),
            ),
        }
    }
    left
}

/// Of a strategy that needs downtime.
pub(crate) fn downtime(change: &Change, takes: DurationEstimate) -> Breach {
    let (usual, needed) = (Millis(takes.p50_ms), Millis(takes.p95_ms));
    let allowed = change.constraints.downtime_ms;
    let stands = allowed.map_or_else(|| "`downtime` of none".to_owned(), |allowed| format!("`downtime` of {allowed}"));
    let by = allowed.map_or(NO_SIZE, |allowed| needed.as_secs_f64() / allowed.as_secs_f64().max(1.0) - 1.0);
    let write = format!("`downtime: {}s`", needed.0.div_ceil(1000));
    Breach {
        limit: Limit::Downtime,
        stands,
        does: format!("needs {usual} (95 %: {needed}) of downtime"),
        relax: Some(Relax { write, by, to: Loosened::Downtime(up_to_the_second(needed)) }),
    }
}

/// As files say it.
const fn up_to_the_second(length: Millis) -> Millis {
    Millis(length.0.div_ceil(1000).saturating_mul(1000))
}

/// Of a strategy that the target does not allow.
pub(crate) fn not_allowed(site: &Site<'_>, strategy: Strategy) -> Breach {
    let name = &site.target.name;
    Breach {
        limit: Limit::Allowed(name.clone()),
        stands: format!("the strategies of {name} (only {})", names(&site.target.strategies_allowed)),
        does: "is not among them".to_owned(),
        relax: Some(Relax {
            write: format!("{strategy} in the strategies of {name}"),
            by: NO_SIZE,
            to: Loosened::Allowed(name.clone(), strategy),
        }),
    }
}

/// Of a strategy that the change does not ask for.
pub(crate) fn not_asked(item: u32, asked: &str, of: &Item, strategy: Strategy) -> Breach {
    Breach {
        limit: Limit::Strategy(item),
        stands: format!("`strategy: {asked}` of {}", of.component),
        does: "is another strategy".to_owned(),
        relax: Some(Relax { write: format!("`strategy: {strategy}`"), by: NO_SIZE, to: Loosened::Strategy(item, strategy) }),
    }
}

/// The next tenth of a percent, which the file can say; `None` above everything.
fn tenth_above(share: f64) -> Option<Share> {
    let tenths = (share * 1000.0 + 1e-9).ceil();
    (share.is_finite() && tenths <= 1000.0).then(|| Share::from_f64(tenths / 1000.0))
}

/// The next hundredth of the currency.
fn cent_above(cost: &Money) -> Money {
    const CENT_MICROS: i64 = 10_000;
    let rest = cost.micros.rem_euclid(CENT_MICROS);
    let micros = if rest == 0 { cost.micros } else { cost.micros.saturating_add(CENT_MICROS - rest) };
    Money { micros, currency: cost.currency.clone() }
}

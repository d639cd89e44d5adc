//! Why no candidate keeps within the limits: the fewest of them that conflict, and the cheapest way out.
//!
//! Limits conflict when every candidate breaks one of them. Of such sets the smallest is named; each limit in it is broken by a candidate that keeps
//! the others of the set, since else it would not belong there, and that candidate shows what the limit would have to be.

use crate::codes;
use crate::downtime;
use crate::limits::{self, Breach, Limit, Loosened};
use crate::outline::Outline;
use crate::strategy::{self, Ask};
use glidepath_model::{Diagnostic, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// Limits of which every combination is looked at; of more, those that most candidates break.
const LIMITS_MAX: usize = 12;
/// Ways out that are named.
pub(crate) const WAYS_OUT_MAX: usize = 2;

/// A candidate with all limits it breaks.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    pub(crate) name: String,
    pub(crate) breaches: Vec<Breach>,
}

/// What would let a candidate in: in words, and so that it can be tried.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Way {
    pub(crate) words: String,
    pub(crate) to: Vec<Loosened>,
}

/// Limits that no candidate keeps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) diagnostic: Diagnostic,
    /// What would let candidates in, as far as is known of each by itself; the cheapest first.
    pub(crate) ways: Vec<Way>,
}

/// What to do where no value of a limit helps.
pub(crate) fn no_way(limits: &BTreeSet<&Limit>) -> String {
    let mut hint = "No value of these limits lets a candidate in: split the change, or start at another time.".to_owned();
    if limits.contains(&Limit::BudgetSpend) {
        hint.push_str(" Or wait until there is an error budget again, or leave `maxBudgetSpend` out of the change.");
    }
    if limits.contains(&Limit::ExtraCost) {
        hint.push_str(" Or state `cost.replicaHour` of each target, so that the cost is known, or leave `maxExtraCost` out of the change.");
    }
    hint
}

/// The ways that were tried and let a candidate in.
pub(crate) fn cheapest(ways: &[String]) -> String {
    format!("Cheapest: {}.", ways.join(", or "))
}

/// Refuses limits that no candidate keeps. `None` where one does, or where there is no candidate at all.
pub(crate) fn refusal(tried: &[Tried]) -> Option<Refusal> {
    let conflict = smallest(tried)?;
    let stands: BTreeMap<&Limit, &str> = tried.iter().flat_map(|one| &one.breaches).map(|b| (&b.limit, b.stands.as_str())).collect();
    let named: Vec<&str> = conflict.iter().filter_map(|limit| stands.get(limit).copied()).collect();
    let shown: Vec<String> = conflict.iter().filter_map(|limit| nearest(tried, limit, &conflict)).collect();
    let ways = ways_out(tried);
    let fewest = ways.first().map_or(0, |way| way.to.len());
    // A way that needs more limits changed than the cheapest is no alternative to it.
    let told: Vec<String> = ways.iter().take_while(|way| way.to.len() == fewest).take(WAYS_OUT_MAX).map(|way| way.words.clone()).collect();
    let hint = if told.is_empty() { no_way(&conflict) } else { cheapest(&told) };
    let (code, message) = match named.as_slice() {
        [only] => (codes::LIMITS_BROKEN, format!("{only} cannot be kept: {}.", shown.join("; "))),
        [one, other] => (codes::LIMITS_CONFLICT, format!("{one} and {other} cannot both hold: {}.", shown.join("; "))),
        [first @ .., last] => (codes::LIMITS_CONFLICT, format!("{} and {last} cannot all hold: {}.", first.join(", "), shown.join("; "))),
        [] => return None,
    };
    let what = if named.len() == 1 { "it" } else { "one of them" };
    let reason = match tried.len() {
        1 => format!("The only candidate breaks {what}."),
        count => format!("Each of the {count} candidates that were worked out breaks {what}."),
    };
    Some(Refusal { diagnostic: Diagnostic::error(code, message).because(reason).hint(hint), ways })
}

/// The fewest limits of which every candidate breaks one.
fn smallest(tried: &[Tried]) -> Option<BTreeSet<&Limit>> {
    let mut counts: BTreeMap<&Limit, usize> = BTreeMap::new();
    for limit in tried.iter().flat_map(|one| one.breaches.iter().map(|breach| &breach.limit).collect::<BTreeSet<_>>()) {
        *counts.entry(limit).or_default() += 1;
    }
    let mut limits: Vec<(&Limit, usize)> = counts.into_iter().collect();
    limits.sort_by_key(|(limit, count)| (std::cmp::Reverse(*count), *limit));
    limits.truncate(LIMITS_MAX);
    let limits: Vec<&Limit> = limits.into_iter().map(|(limit, _)| limit).collect();
    let masks: Vec<u32> = tried.iter().map(|one| mask(one, &limits)).collect();
    if masks.is_empty() || masks.contains(&0) {
        return None;
    }
    let hits = |set: &u32| masks.iter().all(|mask| mask & set != 0);
    let set = (1..1_u32 << limits.len()).filter(hits).min_by_key(|set| (set.count_ones(), *set))?;
    Some(limits.into_iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).map(|(_, limit)| limit).collect())
}

fn mask(tried: &Tried, limits: &[&Limit]) -> u32 {
    let broken = |limit: &Limit| tried.breaches.iter().any(|breach| breach.limit == *limit);
    limits.iter().enumerate().filter(|(_, limit)| broken(limit)).fold(0, |mask, (at, _)| mask | 1 << at)
}

/// The candidate that comes nearest to a limit among those that keep the others of the conflict, and what it does.
fn nearest(tried: &[Tried], limit: &Limit, conflict: &BTreeSet<&Limit>) -> Option<String> {
    let keeps_others = |one: &&Tried| one.breaches.iter().all(|breach| breach.limit == *limit || !conflict.contains(&breach.limit));
    let of_limit = |one: &'_ &Tried| one.breaches.iter().position(|breach| breach.limit == *limit);
    let by = |one: &Tried, at: usize| one.breaches[at].relax.as_ref().map_or(f64::INFINITY, |relax| relax.by);
    tried
        .iter()
        .filter(keeps_others)
        .filter_map(|one| Some((one, of_limit(&one)?)))
        .min_by(|(a, at), (b, bt)| a.breaches.len().cmp(&b.breaches.len()).then(by(a, *at).total_cmp(&by(b, *bt))))
        .map(|(one, at)| format!("{} {}", one.name, one.breaches[at].does))
}

/// The candidates that need the fewest and the smallest changes of limits, one for each set of limits.
fn ways_out(tried: &[Tried]) -> Vec<Way> {
    let mut best: BTreeMap<BTreeSet<&Limit>, (f64, Way)> = BTreeMap::new();
    for one in tried {
        let Some(relaxed) = one.breaches.iter().map(|breach| breach.relax.as_ref()).collect::<Option<Vec<_>>>() else { continue };
        let by: f64 = relaxed.iter().map(|relax| relax.by).sum();
        let writes: BTreeSet<&str> = relaxed.iter().map(|relax| relax.write.as_str()).collect();
        let words = format!("{} ({})", writes.into_iter().collect::<Vec<_>>().join(" and "), one.name);
        let mut to: Vec<Loosened> = Vec::new();
        for relax in &relaxed {
            if !to.contains(&relax.to) {
                to.push(relax.to.clone());
            }
        }
        let way = Way { words, to };
        let limits: BTreeSet<&Limit> = one.breaches.iter().map(|breach| &breach.limit).collect();
        match best.get(&limits) {
            Some((least, _)) if *least <= by => {}
            Some(_) | None => drop(best.insert(limits, (by, way))),
        }
    }
    let mut ways: Vec<(usize, f64, Way)> = best.into_iter().map(|(limits, (by, way))| (limits.len(), by, way)).collect();
    ways.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    ways.into_iter().map(|(_, _, way)| way).collect()
}

/// The ways at a site that nothing but limits rules out, each with those that do.
pub(crate) fn beyond_limits(ask: &Ask<'_>) -> Vec<(Outline, Vec<Breach>)> {
    let Ask { site, change, .. } = *ask;
    let asked = site.change_item.strategy.as_deref();
    let mut with_downtime = change.clone();
    with_downtime.constraints.downtime_ms = Some(Millis(u64::MAX));
    let mut found = Vec::new();
    for strategy in strategy::fitting(ask) {
        let mut breaches = Vec::new();
        if let Some(asked) = asked.filter(|asked| *asked != strategy.name()) {
            breaches.push(limits::not_asked(site.item, asked, site.change_item, strategy));
        }
        if strategy::allowed(site, strategy).is_err() {
            breaches.push(limits::not_allowed(site, strategy));
        }
        let outline = match strategy::outlined(ask, strategy) {
            Ok(outline) => outline,
            Err(_) => {
                let Ok(outline) = strategy::outlined(&Ask { change: &with_downtime, ..*ask }, strategy) else { continue };
                breaches.push(limits::downtime(change, downtime::of_outline(site, &outline, ask.facts).time));
                outline
            }
        };
        if !breaches.is_empty() {
            found.push((outline, breaches));
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::limits::Relax;

    fn tried(name: &str, breaches: &[(Limit, f64)]) -> Tried {
        let breach = |(limit, by): &(Limit, f64)| Breach {
            limit: limit.clone(),
            stands: format!("{limit:?}"),
            does: format!("needs {by} of {limit:?}"),
            relax: (*by < 9.0).then(|| Relax {
                write: format!("{limit:?} + {by}"),
                by: *by,
                to: Loosened::Downtime(Millis((by * 1000.0) as u64)),
            }),
        };
        Tried { name: name.to_owned(), breaches: breaches.iter().map(breach).collect() }
    }

    #[test]
    fn the_fewest_limits_that_conflict_are_named_with_the_cheapest_ways_out() {
        use Limit::{BudgetSpend, Downtime, ExtraCost, FinishBefore};
        let canary = tried("canary", &[(FinishBefore, 0.5), (ExtraCost, 0.1)]);
        let slow = tried("slow canary", &[(FinishBefore, 0.7)]);
        let rolling = tried("rolling", &[(BudgetSpend, 0.4)]);
        let recreate = tried("recreate", &[(BudgetSpend, 3.0), (Downtime, 1.0)]);
        for (candidates, code, message, hint) in [
            (
                vec![canary.clone(), slow.clone(), rolling.clone(), recreate],
                codes::LIMITS_CONFLICT,
                "FinishBefore and BudgetSpend cannot both hold: slow canary needs 0.7 of FinishBefore; rolling needs 0.4 of BudgetSpend.",
                "Cheapest: BudgetSpend + 0.4 (rolling), or FinishBefore + 0.7 (slow canary).",
            ),
            (
                vec![canary, slow],
                codes::LIMITS_BROKEN,
                "FinishBefore cannot be kept: slow canary needs 0.7 of FinishBefore.",
                "Cheapest: FinishBefore + 0.7 (slow canary).",
            ),
            (
                vec![rolling, tried("fast", &[(FinishBefore, 9.0)]), tried("dear", &[(ExtraCost, 0.2)])],
                codes::LIMITS_CONFLICT,
                "FinishBefore, BudgetSpend and ExtraCost cannot all hold: fast needs 9 of FinishBefore; rolling needs 0.4 of BudgetSpend; dear needs 0.2 of ExtraCost.",
                "Cheapest: ExtraCost + 0.2 (dear), or BudgetSpend + 0.4 (rolling).",
            ),
            (
                vec![tried("fast", &[(FinishBefore, 9.0)])],
                codes::LIMITS_BROKEN,
                "FinishBefore cannot be kept: fast needs 9 of FinishBefore.",
                "No value of these limits lets a candidate in: split the change, or start at another time.",
            ),
        ] {
            let refusal = refusal(&candidates).unwrap().diagnostic;
            assert_eq!((refusal.code, refusal.message.as_str(), refusal.hint.as_str()), (code, message, hint));
        }
        assert_eq!(refusal(&[tried("good", &[]), tried("late", &[(FinishBefore, 1.0)])]), None);
        assert_eq!(refusal(&[]), None);
    }
}

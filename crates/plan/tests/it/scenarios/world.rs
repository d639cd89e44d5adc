//! What is known in a scenario, told line by line:
//!
//! - `now TIME`, and `age DURATION`: how long ago the facts below were seen;
//! - `hosts TARGET run VERSION`, `host HOST runs VERSION`, `host HOST is ill`, `host HOST is silent`;
//! - `rate TARGET REGION NUMBER`, `errors TARGET REGION SHARE`, `slow TARGET REGION SHARE`, `router TARGET REGION up|down`, `weights TARGET REGION SERVER=WEIGHT...`;
//! - `flag TARGET KEY SHARE`, `budget OBJECTIVE SHARE of EVENTS`, `held TARGET RUN`, `missing KIND TARGET "what" "why"`;
//! - `history COMPONENT landed COUNT failed COUNT [undone]`, `took KEY P50 P95 COUNT`.

use super::script::Word;
use glidepath_model::catalog::Catalog;
use glidepath_model::facts::{BudgetFact, DurationFact, History, MissingFact, Sourced, TargetFacts};
use glidepath_model::ids::{HostName, RunId};
use glidepath_model::{Facts, Millis, Share, Timestamp};

/// What is known, and since when.
pub(super) struct World {
    facts: Facts,
    age: Millis,
}

impl World {
    /// Nothing but the catalog.
    pub(super) fn new(catalog: &Catalog) -> Self {
        Self { facts: Facts::of_catalog(catalog.clone(), crate::fixture::now()), age: Millis::ZERO }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn now(&self) -> Timestamp {
        self.facts.collected_at
    }

    /// Takes a line in, or says what is wrong with it.
    pub(super) fn tell(&mut self, words: &[Word]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(Word::text).collect();
        let seen = self.now().minus(self.age);
        match words.as_slice() {
            ["now", time] => self.facts.collected_at = Timestamp::parse(time).ok_or_else(|| format!("{time} is no time"))?,
            ["age", length] => self.age = millis(length)?,
            ["hosts", target, "run", version] => self.run_everywhere(target, version, seen)?,
            ["host", host, "runs", version] => {
                let host = HostName::from(*host);
                self.of_host(&host)?.versions.insert(host, Sourced::observed((*version).into(), "probe", seen));
            }
            ["host", host, "is", "ill"] => {
                let host = HostName::from(*host);
                self.of_host(&host)?.healthy.insert(host, Sourced::observed(false, "probe", seen));
            }
            ["host", host, "is", "silent"] => {
                let host = HostName::from(*host);
                let observed = self.of_host(&host)?;
                observed.healthy.remove(&host);
                observed.versions.remove(&host);
            }
            ["rate", target, region, value] => {
                let value = number(value)?;
                self.target(target)?.request_rate.insert((*region).into(), Sourced::observed(value, "prometheus", seen));
            }
            ["errors", target, region, value] => {
                let value = share(value)?;
                self.target(target)?.error_ratio.insert((*region).into(), Sourced::observed(value, "prometheus", seen));
            }
            ["slow", target, region, value] => {
                let value = share(value)?;
                self.target(target)?.slow_ratio.insert((*region).into(), Sourced::observed(value, "prometheus", seen));
            }
            ["router", target, region, state @ ("up" | "down")] => {
                self.target(target)?.routers.insert((*region).into(), Sourced::observed(*state == "up", "socket", seen));
            }
            ["weights", target, region, rest @ ..] => {
                let weight = |word: &&str| {
                    let (server, weight) = word.split_once('=')?;
                    Some((server.to_owned(), weight.parse::<u16>().ok()?))
                };
                let weights =
                    rest.iter().map(|word| weight(word).ok_or_else(|| format!("{word} is no server=weight"))).collect::<Result<_, _>>()?;
                self.target(target)?.weights.insert((*region).into(), Sourced::observed(weights, "socket", seen));
            }
            ["flag", target, key, value] => {
                let value = share(value)?;
                self.target(target)?.flags.insert((*key).to_owned(), Sourced::observed(value, "provider", seen));
            }
            ["budget", objective, left, "of", events] => {
                let allowed = self.facts.catalog.objectives.iter().find(|o| o.name == *objective).map(|o| o.target.rest().as_f64());
                let allowed = allowed.ok_or_else(|| format!("no objective {objective}"))?;
                let (remaining, total) = (share(left)?, number(events)?);
                let fact = BudgetFact { bad_ratio: allowed * (1.0 - remaining), total, remaining, ..BudgetFact::default() };
                self.facts.budgets.insert((*objective).to_owned(), Sourced::observed(fact, "prometheus", seen));
            }
            ["held", target, run] => {
                let name = self.target(target).map(|_| (*target).into())?;
                self.facts.active.insert(name, RunId::new(*run));
            }
            ["missing", kind, target, what, why] => {
                let target = self.target(target).map(|_| Some((*target).into()))?;
                self.facts.missing.push(MissingFact { what: (*what).to_owned(), why: (*why).to_owned(), target, kind: (*kind).to_owned() });
            }
            ["history", component, "landed", landed, "failed", failed, rest @ ..] => {
                if !self.facts.catalog.components.contains_key(&(*component).into()) {
                    return Err(format!("no component {component}"));
                }
                let undone = matches!(rest, ["undone"]).then_some(seen);
                let history =
                    History { landed: count(landed)?, failed: count(failed)?, last_ended_at: Some(seen), last_rollback_at: undone };
                self.facts.history.insert((*component).into(), history);
            }
            ["took", key, p50, p95, times] => {
                let fact = DurationFact { p50_ms: millis(p50)?, p95_ms: millis(p95)?, count: count(times)? };
                self.facts.durations.insert((*key).to_owned(), Sourced::observed(fact, "store", seen));
            }
            _ => return Err("not understood".to_owned()),
        }
        Ok(())
    }

    fn target(&mut self, name: &str) -> Result<&mut TargetFacts, String> {
        if !self.facts.catalog.targets.contains_key(&name.into()) {
            return Err(format!("no target {name}"));
        }
        Ok(self.facts.targets.entry(name.into()).or_default())
    }

    fn of_host(&mut self, host: &HostName) -> Result<&mut TargetFacts, String> {
        let found = self.facts.catalog.targets.values().find(|target| target.hosts().any(|(_, one)| one == host));
        let name = found.map(|target| target.name.clone()).ok_or_else(|| format!("no host {host}"))?;
        Ok(self.facts.targets.entry(name).or_default())
    }

    fn run_everywhere(&mut self, target: &str, version: &str, seen: Timestamp) -> Result<(), String> {
        let declared = self.facts.catalog.targets.get(&target.into());
        let hosts: Vec<HostName> = declared.into_iter().flat_map(|target| target.hosts()).map(|(_, host)| host.clone()).collect();
        if hosts.is_empty() {
            return Err(format!("no target {target}, or none with hosts"));
        }
        let observed = self.target(target)?;
        for host in hosts {
            observed.versions.insert(host.clone(), Sourced::observed(version.into(), "probe", seen));
            observed.healthy.insert(host, Sourced::observed(true, "probe", seen));
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text} is no count"))
}

fn millis(text: &str) -> Result<Millis, String> {
    Millis::parse(text).ok_or_else(|| format!("{text} is no duration"))
}

/// A share, which for a budget may be below nothing.
fn share(text: &str) -> Result<f64, String> {
    match text.strip_prefix('-') {
        Some(rest) => Share::parse(rest).map(|share| -share.as_f64()),
        None => Share::parse(text).map(Share::as_f64),
    }
    .ok_or_else(|| format!("{text} is no share"))
}

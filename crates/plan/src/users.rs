//! Who meets the downtime of a component beside those who come to it themselves: whoever depends on it and cannot answer without it.
//!
//! *Hard* is a dependency by a call, by a read or by a write: while the provider serves nobody, what needs it for an answer has none, and so on through
//! others. What is published waits in its queue, and what only flies in the same wave needs nothing. A provider's region is met by the region of the same
//! name; where a user has none of that name, its traffic is taken to be spread over the provider's regions alike.

use crate::notes::Notes;
use crate::site::{Site, names, regions};
use glidepath_model::catalog::{EdgeKind, Target};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, EnvironmentName, RegionName};
use std::collections::{BTreeMap, BTreeSet};

/// A component that depends on another one in an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The component.
    pub component: ComponentName,
    /// Requests per second of it that come to nothing while the provider serves nobody; `None` where its traffic is not known.
    pub rate: Option<f64>,
}

/// The users of all components of a catalog.
#[derive(Debug)]
pub struct Users<'f> {
    pub(crate) facts: &'f Facts,
    /// Of each component, what depends on it directly.
    direct: BTreeMap<&'f ComponentName, BTreeSet<&'f ComponentName>>,
    targets: BTreeMap<(&'f ComponentName, &'f EnvironmentName), &'f Target>,
}

impl<'f> Users<'f> {
    /// Those of a catalog, with the traffic that the facts know.
    pub fn of(facts: &'f Facts) -> Self {
        let mut direct: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for component in facts.catalog.components.values() {
            for edge in component.depends_on.iter().filter(|edge| is_hard(edge.kind)) {
                direct.entry(&edge.to).or_default().insert(&component.name);
            }
        }
        let targets = facts.catalog.targets.values().map(|target| ((&target.component, &target.environment), target)).collect();
        Self { facts, direct, targets }
    }

    /// Who meets the downtime of a target in a region, or in all of them.
    pub fn of_region(&self, target: &Target, region: Option<&RegionName>) -> Vec<User> {
        let told = |own: &&Target| User { component: own.component.clone(), rate: self.rate(own, target, region) };
        self.of_target(target).iter().map(told).collect()
    }

    /// Who depends on a target for an answer and has an error budget of its own.
    pub(crate) fn with_budgets(&self, target: &Target) -> Vec<User> {
        let has_one = |own: &&&Target| self.facts.catalog.objectives.iter().any(|objective| objective.component == own.component);
        let told = |own: &&Target| User { component: own.component.clone(), rate: self.rate(own, target, None) };
        self.of_target(target).iter().filter(has_one).map(told).collect()
    }

    /// The targets that cannot answer while one cannot, in its environment, by name of their components.
    pub(crate) fn of_target(&self, target: &Target) -> Vec<&'f Target> {
        let mut open = vec![&target.component];
        let mut found: BTreeSet<&'f ComponentName> = BTreeSet::new();
        while let Some(provider) = open.pop() {
            for user in self.direct.get(provider).into_iter().flatten().copied() {
                if *user != target.component && found.insert(user) {
                    open.push(user);
                }
            }
        }
        found.into_iter().filter_map(|user| self.targets.get(&(user, &target.environment)).copied()).collect()
    }

    fn rate(&self, user: &Target, provider: &Target, region: Option<&RegionName>) -> Option<f64> {
        let arriving = regions(user, self.facts.targets.get(&user.name), &mut Notes::default());
        let all = || arriving.iter().map(|at| at.rate).sum::<Option<f64>>().filter(|_| !arriving.is_empty());
        let Some(region) = region else { return all() };
        match arriving.iter().find(|at| at.region.name == *region) {
            Some(same) => same.rate,
            None => all().map(|rate| rate / provider.regions.len().max(1) as f64),
        }
    }
}

fn is_hard(kind: EdgeKind) -> bool {
    match kind {
        EdgeKind::Calls | EdgeKind::Reads | EdgeKind::Writes => true,
        EdgeKind::Publishes | EdgeKind::DeploysWith => false,
    }
}

/// Says whose budgets bear what fails at a site beside its own.
pub(crate) fn say_whose_budgets(site: &Site<'_>, users: &[User], notes: &mut Notes) {
    if !users.is_empty() {
        let listed = names(users.iter().map(|user| &user.component));
        notes.derive(format!(
            "{}: every call to what fails of it is taken to fail with it, and counts against the error budgets of {listed}.",
            site.path()
        ));
    }
}

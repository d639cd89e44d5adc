//! Where components run, looked up once: a catalog of ten thousand targets must not be gone through for each of them.

use super::{Catalog, Target};
use crate::ids::{ComponentName, EnvironmentName};
use std::collections::BTreeMap;

/// Targets by component and environment.
#[derive(Debug, Default)]
pub struct TargetIndex<'a> {
    targets: BTreeMap<(&'a ComponentName, &'a EnvironmentName), &'a Target>,
}

impl<'a> TargetIndex<'a> {
    /// All targets of a catalog.
    pub fn all(catalog: &'a Catalog) -> Self {
        Self::of_those(catalog, |_| true)
    }

    /// The targets of these environments.
    pub fn of(catalog: &'a Catalog, environments: &[EnvironmentName]) -> Self {
        Self::of_those(catalog, |target| environments.contains(&target.environment))
    }

    /// The targets that are wanted.
    pub fn of_those(catalog: &'a Catalog, is_wanted: impl Fn(&Target) -> bool) -> Self {
        let mut targets = BTreeMap::new();
        for target in catalog.targets.values().filter(|target| is_wanted(target)) {
            targets.entry((&target.component, &target.environment)).or_insert(target);
        }
        Self { targets }
    }

    /// The target of a component in an environment; the first by name where there are several.
    pub fn target_of(&self, component: &ComponentName, environment: &EnvironmentName) -> Option<&'a Target> {
        self.targets.get(&(component, environment)).copied()
    }
}

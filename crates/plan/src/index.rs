//! Where the components of a change run, looked up once: a catalog of ten thousand targets must not be gone through for each of them.

use glidepath_model::catalog::{Catalog, Target};
use glidepath_model::ids::{ComponentName, EnvironmentName};
use std::collections::{BTreeMap, BTreeSet};

/// Targets by component and environment.
pub(crate) struct Index<'a> {
    targets: BTreeMap<(&'a ComponentName, &'a EnvironmentName), &'a Target>,
}

impl<'a> Index<'a> {
    /// The targets of these environments.
    pub(crate) fn of(catalog: &'a Catalog, environments: &[EnvironmentName]) -> Self {
        let wanted: BTreeSet<&EnvironmentName> = environments.iter().collect();
        let mut targets = BTreeMap::new();
        for target in catalog.targets.values().filter(|target| wanted.contains(&target.environment)) {
            targets.entry((&target.component, &target.environment)).or_insert(target);
        }
        Self { targets }
    }

    /// The target of a component in an environment; the first by name where there are several.
    pub(crate) fn target_of(&self, component: &ComponentName, environment: &EnvironmentName) -> Option<&'a Target> {
        self.targets.get(&(component, environment)).copied()
    }
}

//! The graph of components by number, walked once: a catalog of ten thousand components must not be searched for each edge.

use super::{Catalog, EdgeKind};
use crate::ids::ComponentName;
use std::collections::HashMap;

/// Components and what they depend on, by number.
#[derive(Clone, Debug, Default)]
pub struct Edges<'a> {
    /// Names by their numbers, in the order in which they came up.
    pub names: Vec<&'a ComponentName>,
    /// Of each, what it depends on; nothing for names that no catalog knows.
    pub depends_on: Vec<Vec<(usize, EdgeKind)>>,
    numbers: HashMap<&'a ComponentName, usize>,
}

impl<'a> Edges<'a> {
    /// Walks along what components depend on. `first` come first, in their order, and then whatever they lead to.
    pub fn from(catalog: &'a Catalog, first: impl IntoIterator<Item = &'a ComponentName>) -> Self {
        let mut walk = Self::default();
        for name in first {
            walk.put(name);
        }
        // Names that come up are numbered and then looked at in their turn.
        while let Some(name) = walk.names.get(walk.depends_on.len()).copied() {
            let declared = catalog.components.get(name).map(|component| component.depends_on.as_slice()).unwrap_or_default();
            let edges = declared.iter().map(|edge| (walk.put(&edge.to), edge.kind)).collect();
            walk.depends_on.push(edges);
        }
        walk
    }

    /// The number of a name that has come up.
    pub fn number_of(&self, name: &ComponentName) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// Of each, what depends on it.
    pub fn dependants(&self) -> Vec<Vec<usize>> {
        let mut dependants = vec![Vec::new(); self.names.len()];
        for (from, list) in self.depends_on.iter().enumerate() {
            for (to, _) in list {
                dependants[*to].push(from);
            }
        }
        dependants
    }

    fn put(&mut self, name: &'a ComponentName) -> usize {
        *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Component, Dependency};

    fn component(name: &str, needs: &[&str]) -> (ComponentName, Component) {
        let depends_on = needs.iter().map(|to| Dependency { to: (*to).into(), kind: EdgeKind::Calls }).collect();
        let component = Component {
            name: name.into(),
            title: None,
            description: None,
            kind: "service".to_owned(),
            lifecycle: None,
            owner: None,
            system: None,
            tier: None,
            depends_on,
            links: Vec::new(),
        };
        (name.into(), component)
    }

    #[test]
    fn a_walk_begins_where_it_is_told_and_ends_in_circles_and_at_strangers() {
        let components = [component("a", &["b", "stranger"]), component("b", &["a"]), component("aside", &["a"])];
        let catalog = Catalog { components: components.into_iter().collect(), ..Catalog::default() };
        let from = ComponentName::from("b");
        let walk = Edges::from(&catalog, [&from, &from]);
        assert_eq!(walk.names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["b", "a", "stranger"]);
        assert_eq!(walk.dependants(), [vec![1], vec![0], vec![1]]);
        assert_eq!(walk.number_of(&"aside".into()), None);
        let whole = Edges::from(&catalog, catalog.components.keys());
        assert_eq!(whole.dependants().len(), 4);
    }
}

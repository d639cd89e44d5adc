//! Findings as a SARIF log, with paths as the repository around the project has them.

use crate::commands::explain;
use glidepath_model::{Catalog, Change, Diagnostic};
use glidepath_report::{SarifPlaces, SarifTool};
use std::path::Path;

/// Where targets, and the items of changes, are declared, by the names that findings use.
pub(crate) fn declared<'a>(catalog: &Catalog, changes: impl IntoIterator<Item = &'a Change>) -> Vec<(String, String)> {
    let items = changes.into_iter().flat_map(|change| &change.items);
    let items = items.filter_map(|item| Some((item.component.to_string(), item.declared_at.clone()?)));
    let targets = catalog.targets.values().filter_map(|target| Some((target.name.to_string(), target.declared_at.clone()?)));
    items.chain(targets).collect()
}

/// The log of findings in a project; `otherwise` is the file of those that neither have a place nor name what is declared.
pub(crate) fn log(root: &Path, findings: &[Diagnostic], otherwise: Option<&str>, declared: &[(String, String)]) -> String {
    let prefix = prefix(root);
    let pages_at = pages_at();
    let tool = SarifTool { version: env!("CARGO_PKG_VERSION"), pages_at: pages_at.as_deref(), pages: explain::PAGES };
    glidepath_report::sarif(findings, SarifPlaces { prefix: &prefix, otherwise, declared }, tool)
}

/// Where the pages of this version are published, once the package says where its repository is.
fn pages_at() -> Option<String> {
    let repository = env!("CARGO_PKG_REPOSITORY").trim_end_matches('/');
    (!repository.is_empty()).then(|| format!("{repository}/blob/v{}/docs/errors", env!("CARGO_PKG_VERSION")))
}

/// The way from the root of the repository to the project, `/` at its end: who shows findings knows files by their place in the repository.
fn prefix(root: &Path) -> String {
    let repository = root.ancestors().find(|folder| folder.join(".git").exists());
    let inside = repository.and_then(|repository| root.strip_prefix(repository).ok());
    let parts = inside.into_iter().flat_map(Path::components).map(|part| part.as_os_str().to_string_lossy());
    parts.map(|part| format!("{part}/")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it found")]
mod tests {
    use super::prefix;

    #[test]
    fn paths_begin_at_the_repository_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("ops/shop");
        std::fs::create_dir_all(&project).unwrap();
        assert_eq!(prefix(&project), "");
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(prefix(&project), "ops/shop/");
        assert_eq!(prefix(folder.path()), "");
    }
}

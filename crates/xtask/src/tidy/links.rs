//! Links between pages lead somewhere.

use super::{Project, TextFile};
use std::path::{Component, Path, PathBuf};

pub(super) fn check(project: &Project) -> Vec<String> {
    project.files.iter().filter(|file| file.has_extension("md")).flat_map(|file| broken_links(&project.root, file)).collect()
}

fn broken_links(root: &Path, file: &TextFile) -> Vec<String> {
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        for target in link_targets(line).into_iter().filter(|_| !in_code) {
            if !root.join(resolve(folder, &target)).exists() {
                findings.push(format!("{}:{} links to {target}, which does not exist", file.path.display(), index + 1));
            }
        }
    }
    findings
}

/// Local files that a line links to, without anchors.
fn link_targets(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("` `");
    let mut targets = Vec::new();
    for (at, _) in prose.match_indices("](") {
        let rest = &prose[at + 2..];
        let target = rest.split([')', ' ']).next().unwrap_or_default();
        let file = target.split('#').next().unwrap_or_default();
        if !file.is_empty() && !target.contains(':') {
            targets.push(file.to_owned());
        }
    }
    targets
}

/// A link's path from the root, with `..` taken back by hand, so that a missing folder is not needed to exist.
fn resolve(folder: &Path, target: &str) -> PathBuf {
    let joined = if let Some(absolute) = target.strip_prefix('/') { PathBuf::from(absolute) } else { folder.join(target) };
    let mut resolved = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => resolved.push(part),
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_links_outside_code_are_followed() {
        for (line, targets) in [
            ("see [a](b/c.md#d) and [e](../f.md \"title\")", vec!["b/c.md", "../f.md"]),
            ("[web](https://example.com/x) [here](#part)", vec![]),
            ("`[not](a.md)` but [this](b.md)", vec!["b.md"]),
        ] {
            assert_eq!(link_targets(line), targets, "{line}");
        }
        assert_eq!(resolve(Path::new("docs/guides"), "../errors/x.md"), PathBuf::from("docs/errors/x.md"));
    }
}

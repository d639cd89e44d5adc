//! Files in memory into a catalog, changes, runbooks and findings.

use crate::codes;
use crate::convert::{self, Context, Converted, Variant};
use crate::document::{self, Document, NoKind};
use crate::findings::{Findings, Source, Stray};
use crate::game_day::GameDay;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX};
use crate::node::At;
use crate::shared_store::{self, SharedStore};
use crate::template::{self, Fill, Template};
use crate::yaml;
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::{Catalog, ChangeName, Code, ComponentName, Diagnostic, Place, Runbook, RunbookName, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Everything a project's files say, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Components, targets, objectives, calendars, environments, settings.
    pub catalog: Catalog,
    /// Changes by name, each that could be read.
    pub changes: BTreeMap<ChangeName, Change>,
    /// Where each change was declared, `changes/checkout-3ds.yaml`.
    pub change_files: BTreeMap<ChangeName, String>,
    /// Runbooks by name, each that could be read.
    pub runbooks: BTreeMap<RunbookName, Runbook>,
    /// Where each runbook was declared, `runbooks/rotate-keys.yaml`.
    pub runbook_files: BTreeMap<RunbookName, String>,
    /// Game days by name, each that could be read.
    pub game_days: BTreeMap<String, GameDay>,
    /// Variants of changes that have some, in the order of their file.
    pub variants: BTreeMap<ChangeName, Vec<Variant>>,
    /// Templates by name, each that could be read.
    pub templates: BTreeMap<String, Template>,
    /// Name of the change that came of the template that was to be filled.
    pub filled: Option<ChangeName>,
    /// All findings, in the order of file, line and column.
    pub diagnostics: Vec<Diagnostic>,
    /// Those of them that are errors of edges, with the components that they are of.
    pub strays: Vec<Stray>,
    /// Which store the project shares, as far as that can be told.
    pub shared_store: SharedStore,
    /// Files read.
    pub files: usize,
}

impl Loaded {
    /// Makes warnings of errors of edges that do not concern a change: neither what it changes, nor what depends on that or is depended on, whatever lies between.
    /// `None` is for what has no graph of components, such as a runbook.
    pub fn leave_aside(&mut self, change: Option<&Change>) {
        // Whoever uses the data of a contract is found by these edges, and a wrong one may hide a user.
        if change.is_some_and(|change| change.items.iter().any(|item| matches!(item.kind, ItemKind::Contract { .. }))) {
            return;
        }
        let touched = change.map(|change| self.touched(change)).unwrap_or_default();
        let aside: Vec<&Diagnostic> =
            self.strays.iter().filter(|stray| stray.components.is_disjoint(&touched)).map(|stray| &stray.finding).collect();
        for finding in &mut self.diagnostics {
            if finding.severity == Severity::Error && aside.contains(&&*finding) {
                finding.severity = Severity::Warning;
            }
        }
    }

    /// What a change alters, with all that depends on it and all that it depends on.
    fn touched(&self, change: &Change) -> BTreeSet<ComponentName> {
        let mut users: BTreeMap<&ComponentName, Vec<&ComponentName>> = BTreeMap::new();
        for component in self.catalog.components.values() {
            component.depends_on.iter().for_each(|edge| users.entry(&edge.to).or_default().push(&component.name));
        }
        let changed: Vec<&ComponentName> = change.items.iter().flat_map(|item| item.components()).collect();
        let up = |name: &ComponentName| users.get(name).cloned().unwrap_or_default();
        let down = |name: &ComponentName| {
            self.catalog
                .components
                .get(name)
                .map(|component| component.depends_on.iter().map(|edge| &edge.to).collect())
                .unwrap_or_default()
        };
        reached(&changed, up).into_iter().chain(reached(&changed, down)).cloned().collect()
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// All that a way leads to from some components, those included.
fn reached<'c>(from: &[&'c ComponentName], next: impl Fn(&ComponentName) -> Vec<&'c ComponentName>) -> BTreeSet<&'c ComponentName> {
    let mut reached: BTreeSet<&ComponentName> = from.iter().copied().collect();
    let mut open: Vec<&ComponentName> = from.to_vec();
    while let Some(name) = open.pop() {
        open.extend(next(name).into_iter().filter(|name| reached.insert(name)));
    }
    reached
}

/// A file's path relative to the project's root, and its bytes.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path with `/` between the parts.
    pub path: String,
    /// Contents.
    pub bytes: Vec<u8>,
}

/// Reads files that are already in memory. `companion` gives the text of SQL files and inventories by their path
/// relative to the root, or a sentence saying why it cannot.
pub fn parse(files: &[SourceFile], companion: &dyn Fn(&str) -> Result<String, String>) -> Loaded {
    parse_beside(files, &[], companion, None)
}

/// The same for files beside which there are others that could not be read.
pub(crate) fn parse_beside(
    files: &[SourceFile],
    unread: &[Place],
    companion: &dyn Fn(&str) -> Result<String, String>,
    fill: Option<&Fill>,
) -> Loaded {
    let mut problems = Vec::new();
    let sources: Vec<Source> = files.iter().take(FILES_MAX).enumerate().map(|(at, file)| decode(file, at, &mut problems)).collect();
    let mut findings = Findings::new(&sources);
    let mut torn: BTreeSet<u32> = problems.iter().map(|problem| problem.at.file).collect();
    for problem in problems {
        findings.error(problem.at, "", problem.code, problem.message, problem.reason, problem.hint);
    }
    if files.len() > FILES_MAX {
        findings.without_place(too_many_files());
    }
    let mut documents = documents(&sources, &mut torn, &mut findings);
    let shared_store = shared_store::named(&shared_store::Read { files, torn: &torn, unread, documents: &documents }, &findings);
    let change = fill.and_then(|fill| template::filled(&documents, fill, &mut findings));
    let filled = change.as_ref().map(|document| ChangeName::from(document.name.as_str()));
    documents.extend(change);
    let mut context = Context::new(&documents, companion, &mut findings);
    let Converted { catalog, changes, change_files, variants, runbooks, runbook_files, game_days, templates } =
        convert::all(&mut context, &sources);
    let strays = findings.strays();
    let (diagnostics, files) = (findings.finish(), sources.len());
    Loaded {
        catalog,
        changes,
        change_files,
        runbooks,
        runbook_files,
        game_days,
        variants,
        templates,
        filled,
        diagnostics,
        strays,
        shared_store,
        files,
    }
}

/// What is said of a project with more files than are read.
pub(crate) fn too_many_files() -> Diagnostic {
    Diagnostic::error(codes::TOO_MANY_FILES, format!("the project has more than {FILES_MAX} files"))
        .because("Only that many are read, so that a wrong folder does not fill the memory.")
        .hint("Check that `glidepath.yaml` lies in the right folder.")
}

/// The documents of all files; those of which something was lost are marked as torn.
fn documents(sources: &[Source], torn: &mut BTreeSet<u32>, findings: &mut Findings<'_>) -> Vec<Document> {
    let mut documents = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let file = u32::try_from(at).unwrap_or(u32::MAX);
        let read = yaml::read_documents(&source.text, file, findings);
        let mut is_torn = read.is_torn;
        for node in read.documents {
            match document::read(node, findings) {
                Ok(document) => documents.extend(document),
                Err(NoKind) => is_torn = true,
            }
        }
        if is_torn {
            torn.insert(file);
        }
    }
    documents
}

struct Problem {
    at: At,
    code: Code,
    message: String,
    reason: &'static str,
    hint: &'static str,
}

fn decode(file: &SourceFile, index: usize, problems: &mut Vec<Problem>) -> Source {
    let at = At { file: u32::try_from(index).unwrap_or(u32::MAX), line: 1, column: 1, length: 1 };
    let mut source = Source { path: file.path.clone(), text: String::new() };
    if file.bytes.len() as u64 > FILE_BYTES_MAX {
        problems.push(Problem {
            at,
            code: codes::FILE_TOO_LARGE,
            message: format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", file.bytes.len()),
            reason: "Files are written and reviewed by people.",
            hint: "Split it, or move what is not configuration elsewhere.",
        });
        return source;
    }
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).clone_into(&mut source.text),
        Err(error) => {
            let before = String::from_utf8_lossy(&file.bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            problems.push(Problem {
                at: At { line: narrow(line), column: narrow(column), ..at },
                code: codes::NOT_UTF8,
                message: format!("byte {} is not UTF-8", error.valid_up_to() + 1),
                reason: "Text in another encoding would be read as other characters.",
                hint: "Save the file as UTF-8.",
            });
        }
    }
    source
}

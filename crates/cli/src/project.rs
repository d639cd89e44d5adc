//! The project a command works in: where it is and what its files say.

use crate::exit::Exit;
use crate::failure::Failure;
use glidepath_files::{Fill, Loaded, Project};
use glidepath_model::change::Change;
use glidepath_model::{ChangeName, Code, Diagnostic, EnvironmentName, Runbook, RunbookName};
use std::path::{Path, PathBuf};

/// Folder of the state inside the project.
pub(crate) const STATE_FOLDER: &str = ".glidepath";

/// Finds the root of the project.
pub(crate) fn root(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let from = match given {
        Some(folder) => folder.to_path_buf(),
        None => std::env::current_dir()?,
    };
    let from = from.canonicalize().map_err(|error| {
        Failure::new(Exit::BadInput, Diagnostic::error(Code(654), format!("{} is not a folder that can be read: {error}", from.display())))
    })?;
    glidepath_files::find_root(&from).ok_or_else(|| {
        let message = format!("there is no glidepath.yaml in {} or above it", from.display());
        Failure::new(
            Exit::BadInput,
            Diagnostic::error(Code(654), message)
                .because("every command works in a project")
                .hint("go to the project's folder, name it with `--project DIR`, or begin one with `glidepath init`"),
        )
    })
}

/// Reads the project; all errors of all files make it fail.
pub(crate) fn load(root: &Path) -> Result<Loaded, Failure> {
    let loaded = Project::load(root);
    if loaded.has_errors() {
        return Err(Failure { exit: Exit::BadInput, diagnostics: loaded.diagnostics });
    }
    Ok(loaded)
}

/// Reads the project for what is meant in it: errors of edges between other components are warnings then.
pub(crate) fn load_for(root: &Path, wanted: &str) -> Result<(Loaded, Wanted), Failure> {
    let mut loaded = Project::load(root);
    let found = find(&loaded, root, wanted);
    if let Ok(wanted) = &found {
        loaded.leave_aside(wanted.change());
    }
    if loaded.has_errors() {
        return Err(Failure { exit: Exit::BadInput, diagnostics: loaded.diagnostics });
    }
    Ok((loaded, found?))
}

/// The catalog for a change that was planned before.
pub(crate) fn load_about(root: &Path, change: &Change) -> Result<Loaded, Failure> {
    let mut loaded = Project::load(root);
    loaded.leave_aside(Some(change));
    if loaded.has_errors() {
        return Err(Failure { exit: Exit::BadInput, diagnostics: loaded.diagnostics });
    }
    Ok(loaded)
}

/// Reads the project with one more change, which comes of a template; everything that is wrong with its values is said at once.
pub(crate) fn load_filled(root: &Path, fill: &Fill) -> Result<Loaded, Failure> {
    let plain = load(root)?;
    let unfit = |messages: Vec<String>, hint: String| Failure {
        exit: Exit::BadInput,
        diagnostics: messages.into_iter().map(|message| Diagnostic::error(Code(685), message).hint(hint.clone())).collect(),
    };
    let Some(template) = plain.templates.get(&fill.template) else {
        let known: Vec<&str> = plain.templates.keys().map(String::as_str).collect();
        let hint = if known.is_empty() { "write one under templates/".to_owned() } else { format!("there are: {}", known.join(", ")) };
        return Err(unfit(vec![format!("there is no template `{}`", fill.template)], hint));
    };
    let wrong = template.against(&fill.values);
    if !wrong.is_empty() {
        let takes: Vec<String> = template.parameters.iter().map(|parameter| format!("--set {}=...", parameter.name)).collect();
        return Err(unfit(wrong, format!("it takes {}; {} says what they are", takes.join(" "), template.file)));
    }
    let loaded = Project::load_filled(root, fill);
    if loaded.has_errors() {
        return Err(Failure { exit: Exit::BadInput, diagnostics: loaded.diagnostics });
    }
    Ok(loaded)
}

/// What a plan is made of.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A change: the planner chooses how.
    Change(Box<Change>),
    /// A runbook: its steps stand as they are.
    Runbook(Box<Runbook>),
}

impl Wanted {
    /// The change, where it is one.
    pub(crate) fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::Runbook(_) => None,
        }
    }

    /// Environments in which something is altered.
    pub(crate) fn environments(&self) -> Vec<&EnvironmentName> {
        match self {
            Self::Change(change) => change.environments.iter().collect(),
            Self::Runbook(runbook) => runbook.environment.iter().collect(),
        }
    }
}

/// The change or runbook that is meant by a name or by the path of its file.
pub(crate) fn find(loaded: &Loaded, root: &Path, wanted: &str) -> Result<Wanted, Failure> {
    let path = Path::new(wanted);
    let full = path.canonicalize().unwrap_or_else(|_| root.join(path));
    let is_here = |file: &str| root.join(file) == full;
    let change = loaded.changes.get(&ChangeName::new(wanted)).or_else(|| {
        let by_file = loaded.change_files.iter().find(|(_, file)| is_here(file));
        by_file.and_then(|(name, _)| loaded.changes.get(name))
    });
    if let Some(change) = change {
        return Ok(Wanted::Change(Box::new(change.clone())));
    }
    let runbook = loaded.runbooks.get(&RunbookName::new(wanted)).or_else(|| {
        let by_file = loaded.runbook_files.iter().find(|(_, file)| is_here(file));
        by_file.and_then(|(name, _)| loaded.runbooks.get(name))
    });
    if let Some(runbook) = runbook {
        return Ok(Wanted::Runbook(Box::new(runbook.clone())));
    }
    let known: Vec<&str> = loaded.changes.keys().map(ChangeName::as_str).chain(loaded.runbooks.keys().map(RunbookName::as_str)).collect();
    let hint = match known.as_slice() {
        [] => "write one under changes/ or runbooks/; `glidepath schema Change` says what it may hold".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    };
    Err(Failure::new(Exit::BadInput, Diagnostic::error(Code(655), format!("there is no change or runbook `{wanted}`")).hint(hint)))
}

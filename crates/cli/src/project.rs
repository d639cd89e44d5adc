//! The project a command works in: where it is and what its files say.

use crate::exit::Exit;
use crate::failure::Failure;
use glidepath_files::{Loaded, Project};
use glidepath_model::change::Change;
use glidepath_model::{ChangeName, Code, Diagnostic};
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

/// The change that is meant by a name or by the path of its file.
pub(crate) fn find_change<'a>(loaded: &'a Loaded, root: &Path, wanted: &str) -> Result<&'a Change, Failure> {
    if let Some(change) = loaded.changes.get(&ChangeName::new(wanted)) {
        return Ok(change);
    }
    let path = Path::new(wanted);
    let full = path.canonicalize().unwrap_or_else(|_| root.join(path));
    let by_file = loaded.change_files.iter().find(|(_, file)| root.join(file.as_str()) == full);
    if let Some(change) = by_file.and_then(|(name, _)| loaded.changes.get(name)) {
        return Ok(change);
    }
    let known: Vec<&str> = loaded.changes.keys().map(ChangeName::as_str).collect();
    let hint = match known.as_slice() {
        [] => "write one under changes/; `glidepath schema Change` says what it may hold".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    };
    Err(Failure::new(Exit::BadInput, Diagnostic::error(Code(655), format!("there is no change `{wanted}`")).hint(hint)))
}

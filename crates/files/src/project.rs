//! Reading the folder of a project: the one place of this crate that touches the file system.

use crate::codes;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX, FOLDER_DEPTH_MAX};
use crate::parse::{Loaded, SourceFile, parse_beside, too_many_files};
use crate::scalar::is_inside;
use crate::template::Fill;
use glidepath_model::{Code, Diagnostic, Place, Severity};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Folders of a project that hold documents.
const FOLDERS: [&str; 8] = ["calendar", "catalog", "changes", "rehearsals", "runbooks", "slo", "targets", "templates"];
/// The file that makes a folder a project.
pub const CONFIG_FILE: &str = "glidepath.yaml";

/// A project on disk.
#[derive(Clone, Copy, Debug)]
pub struct Project;

impl Project {
    /// Reads all files of the project whose `glidepath.yaml` lies in `root`.
    pub fn load(root: &Path) -> Loaded {
        Self::read(root, None)
    }

    /// The same with one more change: what comes of a template.
    pub fn load_filled(root: &Path, fill: &Fill) -> Loaded {
        Self::read(root, Some(fill))
    }

    fn read(root: &Path, fill: Option<&Fill>) -> Loaded {
        let mut found = Walk { root, files: Vec::new(), problems: Vec::new(), unread: Vec::new(), full: false };
        found.file(CONFIG_FILE);
        for folder in FOLDERS {
            found.folder(folder, 0);
        }
        let Walk { files, problems, unread, full, .. } = found;
        let mut loaded = parse_beside(&files, &unread, &|path| companion(root, path), fill);
        loaded.diagnostics.extend(problems);
        if full {
            loaded.diagnostics.push(too_many_files());
        }
        loaded.diagnostics.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
        loaded
    }
}

/// The nearest folder at or above `from` that holds a `glidepath.yaml`.
pub fn find_root(from: &Path) -> Option<PathBuf> {
    from.ancestors().find(|folder| folder.join(CONFIG_FILE).is_file()).map(Path::to_path_buf)
}

/// The text of a file that another one names.
fn companion(root: &Path, path: &str) -> Result<String, String> {
    if !is_inside(path) {
        return Err("its path leads out of the project".to_owned());
    }
    let bytes = read(&root.join(path)).map_err(|(_, why)| why)?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

/// Reads a regular file up to the limit.
fn read(path: &Path) -> Result<Vec<u8>, (Code, String)> {
    let unreadable = |error: std::io::Error| (codes::FILE_UNREADABLE, plain(&error));
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err((codes::NOT_A_FILE, "it is not a regular file".to_owned()));
    }
    // One byte more than allowed is read, so that a file that grows meanwhile is still seen to be too large.
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err((codes::FILE_TOO_LARGE, format!("it has more than {FILE_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission is denied".to_owned(),
        _ => error.to_string(),
    }
}

/// A file or folder as a place.
fn whole(path: &str) -> Place {
    Place { file: path.to_owned(), line: 1, column: 1, length: 1, snippet: String::new() }
}

struct Walk<'r> {
    root: &'r Path,
    files: Vec<SourceFile>,
    problems: Vec<Diagnostic>,
    /// Files and folders in which anything may stand.
    unread: Vec<Place>,
    full: bool,
}

impl Walk<'_> {
    fn file(&mut self, path: &str) {
        if self.files.len() >= FILES_MAX {
            if !self.full {
                self.unread.push(whole(path));
            }
            self.full = true;
            return;
        }
        match read(&self.root.join(path)) {
            Ok(bytes) => self.files.push(SourceFile { path: path.to_owned(), bytes }),
            Err(_) if path == CONFIG_FILE && !self.root.join(path).exists() => {}
            Err((codes::FILE_TOO_LARGE, why)) => self.problem(
                path,
                Diagnostic::error(codes::FILE_TOO_LARGE, format!("the file is not read: {why}"))
                    .because("What it says is missing from the project.")
                    .hint("Split it into several files: each document of it may stand in a file of its own, and where files lie in their folder does not matter."),
            ),
            Err((code, why)) => self.problem(path, Diagnostic::error(code, format!("the file cannot be read: {why}"))),
        }
    }

    fn problem(&mut self, path: &str, finding: Diagnostic) {
        if finding.severity == Severity::Error {
            self.unread.push(whole(path));
        }
        let finding = match finding.reason.is_empty() {
            true => finding.because("What it says is missing from the project.").hint("Mend or remove it."),
            false => finding,
        };
        self.problems.push(finding.at(whole(path)));
    }

    fn folder(&mut self, path: &str, depth: usize) {
        let full_path = self.root.join(path);
        if !full_path.is_dir() {
            return;
        }
        if depth > FOLDER_DEPTH_MAX {
            let message = format!("folders are nested more than {FOLDER_DEPTH_MAX} deep");
            return self.problem(path, Diagnostic::error(codes::FOLDERS_TOO_DEEP, message));
        }
        let mut names: Vec<(String, bool, bool)> = match std::fs::read_dir(&full_path) {
            Ok(entries) => entries
                .filter_map(Result::ok)
                .filter_map(|e| Some((e.file_name().into_string().ok()?, e.file_type().ok()?)))
                .map(|(name, kind)| (name, kind.is_dir(), kind.is_symlink()))
                .collect(),
            Err(error) => {
                let message = format!("the folder cannot be read: {}", plain(&error));
                return self.problem(path, Diagnostic::error(codes::FILE_UNREADABLE, message));
            }
        };
        names.sort();
        for (name, is_folder, is_link) in names.into_iter().filter(|(name, ..)| !name.starts_with('.')) {
            self.entry(&format!("{path}/{name}"), is_folder, is_link, depth);
        }
    }

    fn entry(&mut self, path: &str, is_folder: bool, is_link: bool, depth: usize) {
        let is_yaml = path.ends_with(".yaml") || path.ends_with(".yml");
        if is_folder && is_yaml {
            self.problem(path, Diagnostic::error(codes::NOT_A_FILE, "a folder is named like a YAML file"));
        }
        if is_folder {
            return self.folder(path, depth + 1);
        }
        // Links to folders are not followed: they could lead round in a circle or out of what is reviewed.
        if is_link && self.root.join(path).is_dir() {
            let finding = Diagnostic::warning(codes::FILE_IGNORED, "a link to a folder is not followed")
                .because("It could lead round in a circle or out of the project.")
                .hint("Put the files themselves here.");
            return self.problem(path, finding);
        }
        if is_yaml {
            return self.file(path);
        }
        if path.ends_with(".ics") {
            let finding = Diagnostic::warning(codes::FILE_IGNORED, "this version does not read .ics files")
                .because("Its freezes have no effect.")
                .hint("Write them as `kind: Calendar`.");
            self.problem(path, finding);
        }
    }
}

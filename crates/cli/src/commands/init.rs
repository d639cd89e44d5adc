//! `init`: a small, commented, valid project.

use crate::args::InitArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use glidepath_model::{Code, Diagnostic};
use std::path::PathBuf;

pub(crate) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => std::env::current_dir()?,
    };
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::usage(
            format!("{} cannot be written: {error}", folder.display()),
            "name a folder that you may write to: `glidepath init my-project`",
        )
    })?;
    let name = args.name.clone().unwrap_or_else(|| folder_name(&folder));
    if !glidepath_model::is_valid_name(&name) {
        return Err(Failure::usage(
            format!("`{name}` cannot be a project's name"),
            "use letters, digits and dashes: `glidepath init --name my-project`",
        ));
    }
    let files = glidepath_files::init_files(&name);
    let taken: Vec<Diagnostic> = files
        .iter()
        .filter(|(path, _)| folder.join(path).exists())
        .map(|(path, _)| {
            Diagnostic::error(Code(653), format!("{path} is there already"))
                .because("init never overwrites a file")
                .hint("choose an empty folder: `glidepath init my-project`")
        })
        .collect();
    if !taken.is_empty() {
        return Err(Failure { exit: Exit::BadInput, diagnostics: taken });
    }
    for (path, text) in &files {
        write(folder.join(path), text).map_err(|error| {
            Failure::usage(
                format!("{} cannot be written: {error}", folder.join(path).display()),
                "name a folder that you may write to: `glidepath init my-project`",
            )
        })?;
        output::say(&format!("wrote {path}"));
    }
    output::say("\nNext: `glidepath validate`, then `glidepath plan` with the name of a file under changes/.");
    Ok(Exit::Done)
}

/// The folder's name, made fit to be a name.
fn folder_name(folder: &std::path::Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let name = full.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let fit: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    let fit = fit.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if fit.is_empty() { "project".to_owned() } else { fit.to_owned() }
}

fn write(path: PathBuf, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&path, text)?;
    if text.starts_with("#!") {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

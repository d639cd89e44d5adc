//! `plan CHANGE --split DIR`: the smaller changes that a change could be, as files.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::planning::Planned;
use glidepath_files::{Loaded, split_change};
use glidepath_model::{ChangeName, Code, Diagnostic};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// The change is not written as smaller ones.
const NOT_SPLIT: Code = Code(688);

/// Writes a file for each part of the plan's split; none that stands there is overwritten.
pub(crate) fn write(root: &Path, loaded: &Loaded, planned: &Planned, folder: &Path) -> Result<(), Failure> {
    let change = &planned.plan.body.change;
    let Some(split) = &planned.plan.split else {
        return Err(not_split(
            format!("{} is offered in no smaller changes", change.name),
            "its items depend on each other or are tied, or apart they are little less at risk",
            "plan it without `--split`",
        ));
    };
    let unread = |why: String| {
        not_split(
            format!("{} cannot be taken apart: {why}", change.name),
            "its file is split line by line",
            "write the smaller changes by hand",
        )
    };
    let file = loaded.change_files.get(&change.name).ok_or_else(|| unread("its file is not known".to_owned()))?;
    let text = std::fs::read_to_string(root.join(file)).map_err(|error| unread(format!("{file}: {error}")))?;
    let parts: Vec<(ChangeName, Vec<u32>)> = split.parts.iter().map(|part| (part.name.clone(), part.items.clone())).collect();
    let texts = split_change(&text, &change.name, &parts).map_err(|why| unread(format!("{file}: {why}")))?;
    for ((name, _), text) in parts.iter().zip(texts) {
        let path = folder.join(format!("{name}.yaml"));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path))
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            not_split(
                format!("{} cannot be written: {error}", path.display()),
                "no file that stands there is overwritten",
                "name an empty folder that you may write to",
            )
        })?;
        output::say(&format!("part: {}", path.display()));
    }
    Ok(())
}

fn not_split(message: String, reason: &str, hint: &str) -> Failure {
    Failure::new(Exit::BadInput, Diagnostic::error(NOT_SPLIT, message).because(reason).hint(hint))
}

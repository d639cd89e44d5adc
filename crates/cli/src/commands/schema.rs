//! `schema KIND`: the JSON Schema of a kind of file.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use glidepath_files::Kind;

pub(crate) fn run(kind: Option<&str>) -> Result<Exit, Failure> {
    let Some(wanted) = kind else {
        for kind in Kind::ALL {
            output::data(kind.name());
        }
        return Ok(Exit::Done);
    };
    let found = Kind::ALL.into_iter().find(|k| k.name().eq_ignore_ascii_case(wanted));
    let kind = found.ok_or_else(|| Failure::usage(format!("there is no kind `{wanted}`"), "`glidepath schema` lists all kinds"))?;
    output::json(&glidepath_files::schema(kind));
    Ok(Exit::Done)
}

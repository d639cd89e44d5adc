//! `explain CODE`: the page of an error code.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Every page, by code, in order.
pub(crate) const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

pub(crate) fn run(code: Option<&str>) -> Result<Exit, Failure> {
    let Some(code) = code else {
        for (code, page) in PAGES {
            output::data(&format!("{code}  {}", title(page)));
        }
        return Ok(Exit::Done);
    };
    let digits = code.trim().to_ascii_uppercase();
    let digits = digits.strip_prefix("GP").unwrap_or(&digits);
    let wanted = format!("GP{digits:0>4}");
    match PAGES.iter().find(|(code, _)| *code == wanted) {
        Some((_, page)) => {
            output::data(page);
            Ok(Exit::Done)
        }
        None => Err(Failure::usage(format!("there is no code {wanted}"), "`glidepath explain` lists all codes")),
    }
}

/// Title of a page.
pub(crate) fn title(page: &str) -> &str {
    let line = page.lines().next().unwrap_or("");
    line.split_once(": ").map_or(line, |(_, title)| title)
}

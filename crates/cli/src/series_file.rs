//! Files of figures over time that a command is given.

use std::path::Path;

/// Bytes of a file that are read at most.
const BYTES_MAX: u64 = 64 << 20;

/// The text of a file, without the mark that some programs put before it; or why it cannot be had, as a part of a sentence.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("it cannot be read: {error}"))?.len();
    if size > BYTES_MAX {
        return Err(format!("it has {size} bytes; {BYTES_MAX} are read at most"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

//! Puts the pages of error codes into the binary.

use std::path::Path;
use std::{env, fs};

fn main() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    println!("cargo:rerun-if-changed={}", pages.display());
    let mut rows: Vec<(String, String)> = fs::read_dir(&pages)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let code = name.strip_suffix(".md").filter(|code| code.starts_with("GP"))?.to_owned();
            Some((code, fs::read_to_string(entry.path()).ok()?))
        })
        .collect();
    rows.sort();
    let out = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("error_pages.rs");
    let text = format!("&{rows:?}");
    if let Err(error) = fs::write(&out, text) {
        println!("cargo:error={} cannot be written: {error}", out.display());
    }
}

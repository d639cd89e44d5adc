//! The supervisor of `exec` as a program of its own: `glidepath-supervise --dir FOLDER`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match (words.next().as_deref().and_then(|w| w.to_str()), words.next()) {
        (Some("--dir"), Some(dir)) => glidepath_adapters::exec::supervise_main(&PathBuf::from(dir)),
        _ => ExitCode::from(2),
    }
}

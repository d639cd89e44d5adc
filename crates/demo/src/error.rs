//! Why the demo cannot go on.

use std::path::Path;
use thiserror::Error;

/// Why the demo ended early, with the number of its page under `docs/errors`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DemoError {
    /// Digits of the code `GPnnnn`.
    pub code: u16,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl DemoError {
    /// The folder cannot be used.
    pub const FOLDER: u16 = 750;
    /// A part of the fleet did not start.
    pub const PART: u16 = 751;
    /// The folder's path is too long for a Unix socket.
    pub const PATH_LENGTH: u16 = 752;
    /// No ports are free.
    pub const PORTS: u16 = 753;
    /// A command of the demo could not be run or answered something unexpected.
    pub const COMMAND: u16 = 754;
    /// An act ended otherwise than it should, or the fleet is not as the run says.
    pub const ACT: u16 = 755;
    /// The machine is too slow or too busy.
    pub const BUSY: u16 = 757;
    /// Something was left behind.
    pub const LEFT: u16 = 756;

    /// An error with its code, what happened, and what to do.
    pub fn new(code: u16, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// A folder that cannot be used.
    pub fn folder(folder: &Path, why: impl std::fmt::Display) -> Self {
        Self::new(
            Self::FOLDER,
            format!("the demo cannot use the folder {}: {why}", folder.display()),
            "name another one with `--dir DIR`; it may not exist yet, or be empty",
        )
    }
}

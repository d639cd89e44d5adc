//! A command that could not do its work: with a code, what, why and what next.

use crate::exit::Exit;
use glidepath_model::{Code, Diagnostic, Severity};
use glidepath_ports::StoreError;

/// Why a command ends early.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) exit: Exit,
    /// What is wrong; all of it.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// One finding.
    pub(crate) fn new(exit: Exit, diagnostic: Diagnostic) -> Self {
        Self { exit, diagnostics: vec![diagnostic] }
    }

    /// A command line that cannot be used.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, Diagnostic::error(Code(650), message).hint(hint))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, exit, hint) = match &error {
            StoreError::NotFound { .. } => {
                (Code(651), Exit::BadInput, "see `glidepath status --all` and `glidepath history` for what there is")
            }
            StoreError::Fenced { .. } => {
                (Code(500), Exit::Internal, "another process flies the runs of this project now; `glidepath watch` shows it")
            }
            StoreError::Conflict { .. } => (Code(501), Exit::Internal, "run `glidepath audit verify` and report what it says"),
            StoreError::Full { .. } => {
                (Code(502), Exit::Internal, "free space on the disk that holds .glidepath, then run the command again")
            }
            StoreError::Unavailable { .. } => {
                (Code(503), Exit::Internal, "check that the .glidepath folder exists and can be written by you")
            }
            StoreError::Corrupt { .. } => (Code(504), Exit::Internal, "run `glidepath audit verify`; a newer version may have written it"),
        };
        Self::new(exit, Diagnostic::new(code, Severity::Error, error.to_string()).hint(hint))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(
            Exit::Internal,
            Diagnostic::error(Code(652), format!("the operating system refused: {error}"))
                .hint("check that the folder exists, that you may write to it and that its disk has room"),
        )
    }
}

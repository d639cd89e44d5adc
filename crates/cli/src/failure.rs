//! A command that could not do its work: with a code, what, why and what next.

use crate::exit::Exit;
use glidepath_model::{Code, Diagnostic, Severity};
use glidepath_ports::StoreError;
use glidepath_runtime::RuntimeError;

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

/// What to do where the store is a folder of the project, and what instead where it is a database that it shares with others.
struct Next {
    own: &'static str,
    shared: &'static str,
}

const FULL: Next = Next {
    own: "free space on the disk that holds .glidepath (`df -h .glidepath`), then run the command again",
    shared: "free space on the disk of the database server (`df -h` there), then run the command again",
};
const UNAVAILABLE: Next = Next {
    own: "see that the folder exists and that you may write to it (`ls -ld .glidepath`), and who keeps the database locked (`fuser .glidepath/glidepath.db`)",
    shared: "see that the database server runs and can be reached from here (`pg_isready`); its nodes go on by themselves once it answers (`glidepath status`)",
};
const CORRUPT: Next = Next {
    own: "where a newer version wrote it, use that one (`glidepath --version` shows this one); where it is damaged, \
          `glidepath db restore FILE --replace` brings a backup back; to begin anew without its history, once nothing is in flight: `mv .glidepath .glidepath.old`, then plan again",
    shared: "where a newer version wrote it, use that one (`glidepath --version` shows this one); where it is damaged, keep it (`pg_dump`), make an empty \
             database (`createdb`), name it in the project's `store`, and bring a backup back with `glidepath db restore FILE`, or, once nothing is in flight, \
             begin in it anew without the history: start the nodes and plan again",
};

impl Failure {
    /// The same for a project that shares its store: there is no folder that could be looked at, copied or moved away.
    pub(crate) fn of_shared_store(mut self) -> Self {
        for diagnostic in &mut self.diagnostics {
            for Next { own, shared } in [FULL, UNAVAILABLE, CORRUPT] {
                diagnostic.hint = diagnostic.hint.replace(own, shared);
            }
        }
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, exit) = match &error {
            StoreError::NotFound { .. } => (Code(651), Exit::BadInput),
            StoreError::Fenced { .. } => (Code(500), Exit::Internal),
            StoreError::Conflict { .. } => (Code(501), Exit::Internal),
            StoreError::Full { .. } => (Code(502), Exit::Internal),
            StoreError::Unavailable { .. } => (Code(503), Exit::Internal),
            StoreError::Broken { .. } => (Code(422), Exit::Internal),
            StoreError::Corrupt { .. } => (Code(504), Exit::Internal),
            StoreError::Denied { .. } => (Code(505), Exit::BadInput),
            StoreError::OtherSchema { .. } => (Code(506), Exit::BadInput),
            StoreError::LeaseOver { .. } => (Code(507), Exit::Internal),
            StoreError::Archived { .. } => (Code(508), Exit::Refused),
        };
        Self::new(exit, Diagnostic::new(code, Severity::Error, error.to_string()).hint(next_after(&error)))
    }
}

/// What to do about a store that failed.
fn next_after(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotFound { .. } => "see `glidepath status --all` and `glidepath history` for what there is",
        StoreError::Fenced { .. } => "another process flies the runs of this project now; `glidepath watch` shows it",
        StoreError::Conflict { .. } => {
            "run the command again; if it comes again, `glidepath audit verify` says whether something else wrote to the journal"
        }
        StoreError::Full { .. } => FULL.own,
        StoreError::Unavailable { .. } => UNAVAILABLE.own,
        StoreError::Archived { .. } => {
            "`glidepath history RUN` shows what it did; to go back to what was in place before it, plan a change to that version (`glidepath plan`)"
        }
        StoreError::LeaseOver { .. } => "nothing is lost: another node goes on with the runs; `glidepath status` shows which",
        StoreError::Denied { .. } => {
            "see user, password and database in the connection string; the user needs the right to use the schema `glidepath`, and to make it the first time"
        }
        StoreError::OtherSchema { .. } => "use the version of Glidepath that the other nodes use (`glidepath --version` shows this one)",
        StoreError::Broken { .. } => {
            "`glidepath audit verify` tells everything that was changed; the other runs are not concerned (`glidepath status`)"
        }
        StoreError::Corrupt { .. } => CORRUPT.own,
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let digits = error.code().trim_start_matches("GP").parse().unwrap_or(652);
        let text = error.to_string();
        let message = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
        let hint = match &error {
            RuntimeError::Fenced { .. } => "nothing is lost: `glidepath watch` shows the process that flies the runs now".to_owned(),
            RuntimeError::LeaseOver { .. } => "nothing is lost: `glidepath status` shows which node goes on with the runs".to_owned(),
            RuntimeError::Store(store) => format!("{}; `glidepath resume RUN` goes on with a run", next_after(store)),
            RuntimeError::BrokenRun { run, .. } => format!(
                "`glidepath audit verify` says whether the journal was changed; .glidepath/cards/{run}.txt has the commands that bring traffic to safety by hand"
            ),
            RuntimeError::NoProcessMark(_) => "mount /proc where the program runs: `mount -t proc proc /proc`".to_owned(),
        };
        Self::new(Exit::Internal, Diagnostic::error(Code(digits), message).hint(hint))
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

#[cfg(test)]
#[allow(clippy::panic, reason = "a test says what it found")]
mod tests {
    use super::*;
    use glidepath_model::RunId;

    /// All errors of the store.
    fn stores() -> Vec<StoreError> {
        let reason = || "x".to_owned();
        vec![
            StoreError::NotFound { what: reason() },
            StoreError::Fenced { mine: 1, present: 2 },
            StoreError::Conflict { run: RunId::new("run-1"), present: 2, expected: 1 },
            StoreError::Full { reason: reason() },
            StoreError::Unavailable { place: reason(), reason: reason() },
            StoreError::Corrupt { reason: reason() },
            StoreError::Archived { run: RunId::new("run-1") },
            StoreError::Broken { run: RunId::new("run-1"), reason: reason() },
        ]
    }

    #[test]
    fn every_failure_of_store_and_runtime_names_a_command_to_type_next() {
        let runtime = stores().into_iter().map(RuntimeError::Store).chain([
            RuntimeError::Fenced { mine: 1, present: 2 },
            RuntimeError::BrokenRun { run: RunId::new("run-1"), reason: "x".to_owned() },
            RuntimeError::NoProcessMark("x".to_owned()),
        ]);
        for failure in stores().into_iter().map(Failure::from).chain(runtime.map(Failure::from)) {
            for diagnostic in failure.diagnostics {
                assert!(diagnostic.hint.matches('`').count() >= 2, "{}: {}", diagnostic.code, diagnostic.hint);
            }
        }
    }

    #[test]
    fn nobody_who_shares_a_store_is_sent_to_a_folder() {
        let runtime = stores().into_iter().map(RuntimeError::Store).map(Failure::from);
        for failure in stores().into_iter().map(Failure::from).chain(runtime).map(Failure::of_shared_store) {
            for Diagnostic { code, hint, .. } in failure.diagnostics {
                assert!(!hint.contains(".glidepath") && !hint.contains("--replace"), "{code}: {hint}");
            }
        }
    }

    #[test]
    fn a_store_that_is_not_understood_says_how_to_begin_anew() {
        let failure = Failure::from(StoreError::Corrupt { reason: "schema version 3".to_owned() });
        let Some(diagnostic) = failure.diagnostics.first() else { panic!("no diagnostic") };
        assert!(diagnostic.hint.contains("`mv .glidepath .glidepath.old`"), "{}", diagnostic.hint);
    }
}

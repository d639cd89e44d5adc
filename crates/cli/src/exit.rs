//! Exit codes. They are part of the interface: scripts branch on them.

/// How a command ended, as the calling shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Something went wrong and was rolled back.
    RolledBack = 1,
    /// The command line or an input file cannot be used.
    BadInput = 2,
    /// A gate refused: policy, window, freeze, budget, stale facts.
    Refused = 3,
    /// A person has to decide.
    NeedsOperator = 4,
    /// A target or a telemetry source is out of reach.
    OutOfReach = 5,
    /// The store or the program itself failed.
    Internal = 6,
    /// A person aborted; everything went back.
    Aborted = 7,
    /// Another run holds a target.
    Claimed = 8,
    /// Interrupted; the run is safe in the journal.
    Interrupted = 130,
}

impl Exit {
    /// All of them with their meaning, for the reference page.
    pub(crate) const ALL: [(Self, &str); 10] = [
        (Self::Done, "done"),
        (Self::RolledBack, "something went wrong and was rolled back"),
        (Self::BadInput, "bad usage or input"),
        (
            Self::Refused,
            "refused by a gate: window, freeze, budget, stale or missing facts, a gated environment; `judge` found a regression",
        ),
        (Self::NeedsOperator, "needs an operator; `judge` could not decide; `capacity` says that an order is late"),
        (Self::OutOfReach, "a target or a telemetry source is out of reach"),
        (Self::Internal, "the store or the program itself failed"),
        (Self::Aborted, "aborted by a person, rolled back"),
        (Self::Claimed, "a target is held by another run"),
        (Self::Interrupted, "interrupted; the run is safe in the journal and the message says how to go on"),
    ];
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

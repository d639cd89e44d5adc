//! What may go wrong in a simulation, by name, so that a failure can be replayed with fewer faults.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A statement fails and nothing is written.
    StatementError,
    /// A statement is done, but its answer does not come.
    LostAnswer,
    /// A statement is on its way for longer than its sender waits, and is done all the same.
    SlowStatement,
    /// The store is away for a while.
    StoreAway,
    /// A node is killed and started again later.
    Crash,
    /// A node stands still for a while and then goes on, unaware.
    Pause,
    /// The clock of a node jumps.
    ClockJump,
    /// A call fails.
    CallFails,
    /// Nobody knows how a call ended.
    CallUnknown,
    /// A call takes longer than its deadline, or never ends.
    CallHangs,
    /// A call says something other than what it did.
    CallLies,
    /// A result comes late, or twice, or after a later one.
    ResultAstray,
    /// A call keeps failing until an operator mends its target.
    TargetBroken,
    /// Somebody asks something of a run.
    Request,
    /// A gate sees a regression, or sees nothing.
    GateTrouble,
    /// The window for changes closes for a while.
    WindowCloses,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::StatementError,
        Self::LostAnswer,
        Self::SlowStatement,
        Self::StoreAway,
        Self::Crash,
        Self::Pause,
        Self::ClockJump,
        Self::CallFails,
        Self::CallUnknown,
        Self::CallHangs,
        Self::CallLies,
        Self::ResultAstray,
        Self::TargetBroken,
        Self::Request,
        Self::GateTrouble,
        Self::WindowCloses,
    ];

    /// Name as typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StatementError => "statement-error",
            Self::LostAnswer => "lost-answer",
            Self::SlowStatement => "slow-statement",
            Self::StoreAway => "store-away",
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::ClockJump => "clock-jump",
            Self::CallFails => "call-fails",
            Self::CallUnknown => "call-unknown",
            Self::CallHangs => "call-hangs",
            Self::CallLies => "call-lies",
            Self::ResultAstray => "result-astray",
            Self::TargetBroken => "target-broken",
            Self::Request => "request",
            Self::GateTrouble => "gate-trouble",
            Self::WindowCloses => "window-closes",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Greatest rate: per statement, per call, per look, or per second for what happens by itself.
    pub(super) const fn permille_max(self) -> u64 {
        match self {
            Self::StatementError | Self::LostAnswer | Self::SlowStatement => 60,
            Self::StoreAway | Self::Pause | Self::ClockJump | Self::WindowCloses => 20,
            Self::Crash => 40,
            Self::CallFails | Self::CallUnknown => 250,
            Self::CallHangs | Self::CallLies => 80,
            Self::ResultAstray => 200,
            Self::TargetBroken => 60,
            Self::Request => 80,
            Self::GateTrouble => 400,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A deliberate mistake in the node or the store, to show that the simulator would find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Effects are dispatched before their intents are in the journal.
    DispatchBeforeAppend,
    /// An append that got no answer counts as written.
    TrustSilence,
    /// The store takes appends of any epoch, wherever the stream ends by now.
    IgnoreEpoch,
    /// A node goes on acting when its lease has ended.
    ActAfterLease,
    /// A new owner does not account for what its predecessor left open.
    ForgetRecovery,
    /// A repeated append dispatches its effects once more.
    DispatchTwice,
    /// Timers are not kept.
    ForgetWake,
    /// A new owner does not repeat the pages that its predecessor may have owed.
    ForgetPages,
    /// A request that was journaled but not answered is taken once more.
    TakeRequestsTwice,
    /// A probe that its owner did not live to ask counts as one that found nothing.
    AnswerForProbes,
    /// The store lets every run hold what it claims, whoever holds it already.
    GrantEveryClaim,
    /// A grant gets no greater number than the one before it.
    RepeatFences,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::DispatchBeforeAppend,
        Self::TrustSilence,
        Self::IgnoreEpoch,
        Self::ActAfterLease,
        Self::ForgetRecovery,
        Self::DispatchTwice,
        Self::ForgetWake,
        Self::ForgetPages,
        Self::TakeRequestsTwice,
        Self::AnswerForProbes,
        Self::GrantEveryClaim,
        Self::RepeatFences,
    ];
}

//! JSON Schemas of the kinds of files.

use serde_json::Value;

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `glidepath.yaml`.
    Config,
    /// Where and how a component runs.
    Target,
    /// What many targets share.
    TargetClass,
    /// Windows and freezes.
    Calendar,
    /// What a team wants to alter.
    Change,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Config, Self::Target, Self::TargetClass, Self::Calendar, Self::Change];

    /// Name as in `kind:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::Target => "Target",
            Self::TargetClass => "TargetClass",
            Self::Calendar => "Calendar",
            Self::Change => "Change",
        }
    }
}

/// The JSON Schema of a kind.
pub fn schema(kind: Kind) -> Value {
    serde_json::json!({ "title": kind.name() })
}

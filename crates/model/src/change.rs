//! What a team wants to alter.

use crate::action::SqlBatches;
use crate::ids::*;
use crate::plan::Claim;
use crate::time::{Millis, Timestamp};
use crate::units::{Money, Share};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A change as its file states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its name.
    pub name: ChangeName,
    /// Title for people.
    pub title: String,
    /// Problem solved or feature added.
    pub reason: Option<String>,
    /// How much ceremony it needs.
    pub class: ChangeClass,
    /// What it is for.
    pub intent: Intent,
    /// Environments in order.
    pub environments: Vec<EnvironmentName>,
    /// Who answers for it.
    pub owner: Option<OwnerRef>,
    /// Where it is tracked.
    pub ticket: Option<String>,
    /// When it was committed, as its file says; its lead time begins then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
    /// What is to be altered.
    pub items: Vec<Item>,
    /// What happens when something goes wrong.
    pub on_failure: OnFailure,
    /// What happens when the window closes in mid-flight.
    pub on_window_end: OnWindowEnd,
    /// Limits.
    pub constraints: Constraints,
    /// What it claims beside its targets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub locks: BTreeSet<Claim>,
    /// What to prefer among feasible candidates; the project's default when `None`.
    pub prefer: Option<Preference>,
    /// Digest of the file it was read from.
    pub source: Option<String>,
}

/// How much ceremony a change needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeClass {
    /// Well known and pre-approved.
    Standard,
    /// The usual.
    #[default]
    Normal,
    /// Cannot wait.
    Emergency,
}

impl ChangeClass {
    /// Name as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Normal => "normal",
            Self::Emergency => "emergency",
        }
    }

    /// By its name in files.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Standard, Self::Normal, Self::Emergency].into_iter().find(|class| class.name() == name)
    }
}

/// What a change is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Intent {
    /// Something new.
    #[default]
    Feature,
    /// Something repaired.
    Fix,
    /// Makes the service hold better.
    Reliability,
    /// Closes a hole.
    Security,
}

impl Intent {
    /// Name as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Fix => "fix",
            Self::Reliability => "reliability",
            Self::Security => "security",
        }
    }

    /// By its name in files.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Feature, Self::Fix, Self::Reliability, Self::Security].into_iter().find(|intent| intent.name() == name)
    }
}

/// One component's part of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The component.
    pub component: ComponentName,
    /// What kind of alteration, with its particulars.
    pub kind: ItemKind,
    /// Strategy asked for by name, if any.
    pub strategy: Option<String>,
    /// File and line of the declaration, for messages.
    pub declared_at: Option<String>,
}

/// The kinds of alteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
#[allow(clippy::large_enum_variant, reason = "a change has few items")]
pub enum ItemKind {
    /// A new version of code or configuration.
    #[serde(rename_all = "camelCase")]
    Version {
        /// `code`, `config` or `infrastructure`.
        what: VersionedKind,
        /// The version to reach.
        to: Version,
        /// The version that must run now, if stated.
        expect_from: Option<Version>,
        /// Digest of the artifact, the same in each environment.
        artifact: Option<String>,
        /// Whether an interface is removed: consumers then go first.
        removes: bool,
        /// What is to be found out before everybody gets it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        experiment: Option<Experiment>,
    },
    /// A schema or data change by expand, backfill, contract.
    #[serde(rename_all = "camelCase")]
    Schema {
        /// Additive step.
        expand: DataStep,
        /// Data movement, if any.
        backfill: Option<DataStep>,
        /// How the data movement goes through its table; at once when `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batches: Option<Batches>,
        /// What must hold once the data is moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verify: Option<DataCheck>,
        /// The one irreversible step, which becomes a follow-up change.
        contract: Option<ContractStep>,
    },
    /// The contract half of a schema change that has landed: what the old code needed goes, and nothing brings it back.
    #[serde(rename_all = "camelCase")]
    Contract {
        /// What to do, and how long after that landing at the earliest.
        contract: ContractStep,
        /// The change whose expansion it completes.
        of: ChangeName,
        /// For each component that uses the data, the first version that does without what goes.
        readers: BTreeMap<ComponentName, Version>,
        /// Why components need the data no longer that use it by the catalog and that nobody can ask.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        done: BTreeMap<ComponentName, String>,
        /// When that change landed, where it is stated because no record of it is kept here.
        landed_at: Option<Timestamp>,
        /// Evidence that its backup was restored in a test, for where no target says how that is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restore_tested: Option<RestoreTested>,
    },
    /// A feature flag.
    #[serde(rename_all = "camelCase")]
    Flag {
        /// Flag key.
        flag: String,
        /// Share of users that are to see it.
        to: Share,
        /// Who removes the flag and when, if stated.
        remove_by: Option<Timestamp>,
    },
    /// A secret, renewed where it is kept and at everything that reads it.
    #[serde(rename_all = "camelCase")]
    Secret {
        /// Its name.
        secret: String,
        /// Components that read it, in the order in which they get the new value; the item's own when empty.
        consumers: Vec<ComponentName>,
        /// How long after landing the old value stays valid at least.
        retire_after_ms: Millis,
    },
    /// More or fewer replicas.
    #[serde(rename_all = "camelCase")]
    Capacity {
        /// Replicas to reach.
        replicas: u32,
        /// Replicas that must run now, if stated.
        expect_replicas: Option<u32>,
        /// Until when they are wanted, if stated.
        until: Option<Timestamp>,
    },
    /// Another region that takes the writes.
    #[serde(rename_all = "camelCase")]
    Failover {
        /// The region that is to take them.
        to: RegionName,
        /// The region that must take them now; the other one of two where it is not stated.
        expect_from: Option<RegionName>,
        /// Writes of at most so long may be lost; none where it is zero.
        #[serde(default)]
        loss_max_ms: Millis,
        /// When it is to go back, if stated.
        until: Option<Timestamp>,
    },
    /// Other shares of the traffic for the regions.
    #[serde(rename_all = "camelCase")]
    Traffic {
        /// Shares to reach, which make up everything.
        shares: BTreeMap<RegionName, Share>,
        /// Shares that must hold now.
        expect_shares: BTreeMap<RegionName, Share>,
    },
}

impl Item {
    /// Components whose targets it touches, in that order: its own, then those that read its secret.
    pub fn components(&self) -> impl Iterator<Item = &ComponentName> {
        let readers = match &self.kind {
            ItemKind::Secret { consumers, .. } => consumers.as_slice(),
            ItemKind::Version { .. }
            | ItemKind::Schema { .. }
            | ItemKind::Contract { .. }
            | ItemKind::Flag { .. }
            | ItemKind::Capacity { .. }
            | ItemKind::Failover { .. }
            | ItemKind::Traffic { .. } => &[],
        };
        std::iter::once(&self.component).chain(readers.iter().filter(|reader| **reader != self.component))
    }
}

impl ItemKind {
    /// Type of the item as in files.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Version { what: VersionedKind::Code, .. } => "code",
            Self::Version { what: VersionedKind::Config, .. } => "config",
            Self::Version { what: VersionedKind::Infrastructure, .. } => "infrastructure",
            Self::Schema { .. } => "schema",
            Self::Contract { .. } => "contract",
            Self::Flag { .. } => "flag",
            Self::Secret { .. } => "secret",
            Self::Capacity { .. } => "capacity",
            Self::Failover { .. } => "failover",
            Self::Traffic { .. } => "traffic",
        }
    }
}

/// Whether users do more of something with the new version than with the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Experiment {
    /// Share of users on the new side meanwhile.
    pub share: Share,
    /// Relative change worth finding, up or down.
    pub effect: Share,
    /// Name of the outcome that is compared.
    pub metric: String,
    /// How long it may take at most.
    pub within_ms: Millis,
    /// How long a decision is waited for.
    pub decide_within_ms: Millis,
}

/// That a backup was restored in a test, by the word of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreTested {
    /// When.
    pub at: Timestamp,
    /// Where that is on record.
    pub evidence: String,
}

/// What a version is a version of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VersionedKind {
    /// A program.
    Code,
    /// Settings.
    Config,
    /// What programs run on.
    Infrastructure,
}

/// One step of a data change: SQL from a file, or a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataStep {
    /// SQL text frozen at plan time.
    #[serde(rename_all = "camelCase")]
    Sql {
        /// Path as declared.
        path: String,
        /// The file's text.
        text: String,
    },
    /// A command; placeholders `{version}`, `{component}`, `{environment}`.
    #[serde(rename_all = "camelCase")]
    Exec {
        /// Words.
        argv: Vec<String>,
    },
}

/// How a backfill goes through its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batches {
    /// Table, key, size, pause and limit of lag.
    pub each: SqlBatches,
    /// How long all of them together may take.
    pub within_ms: Millis,
}

/// A question about the data, and the answer that it must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataCheck {
    /// Path as declared.
    pub path: String,
    /// The file's text, which only reads.
    pub text: String,
    /// First value of the first row of its last statement.
    pub expect_text: String,
}

/// The contract half of a data change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractStep {
    /// What to do.
    pub step: DataStep,
    /// How long after landing at the earliest.
    pub not_before_ms: Millis,
}

/// What happens when a step or gate fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Everything goes back.
    #[default]
    RollbackChange,
    /// The failed item goes back, earlier ones stay.
    RollbackItem,
    /// Exposure stays where it is and a person is asked.
    Hold,
}

/// What happens when the window closes in mid-flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnWindowEnd {
    /// Finish what began.
    #[default]
    Finish,
    /// Start no further wave.
    Hold,
    /// Go back.
    Rollback,
}

/// Limits a change sets itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Constraints {
    /// Downtime allowed; none when `None`.
    pub downtime_ms: Option<Millis>,
    /// Must be finished before.
    pub finish_before: Option<Timestamp>,
    /// Greatest share of the remaining error budget it may spend.
    pub max_budget_share: Option<Share>,
    /// Greatest extra cost.
    pub max_extra_cost: Option<Money>,
    /// Regimes it falls under, such as `pci-dss`.
    pub compliance: Vec<String>,
}

/// What to prefer among feasible candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Preference {
    /// Least expected budget burn.
    #[default]
    LeastRisk,
    /// Shortest duration.
    Fastest,
    /// Least extra cost.
    Cheapest,
}

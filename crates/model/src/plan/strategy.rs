//! How each item is changed in each environment: strategy, ladder of exposure, kind of verification.

use super::RiskLevel;
use crate::ids::*;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One item in one environment, worked out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Index into the change's items.
    pub item: u32,
    /// The component.
    pub component: ComponentName,
    /// The target.
    pub target: TargetName,
    /// The environment.
    pub environment: EnvironmentName,
    /// How it is done.
    pub strategy: Strategy,
    /// What runs now: a version, a flag share, or a schema state.
    pub from: String,
    /// What is to run.
    pub to: String,
    /// Artifact digest, when stated.
    pub artifact: Option<String>,
    /// How success is told from failure.
    pub verification: VerificationKind,
    /// What the verification cannot see: `blind below a 20-fold rise of errors`.
    pub blind_to: Option<String>,
    /// Stages of the ladder, in order; empty where there is none.
    pub ladder: Vec<LadderStage>,
    /// Why this strategy.
    pub reason: String,
}

/// The strategies this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Batches of replicas, one after the other.
    Rolling,
    /// A small share first, judged against the rest.
    Canary,
    /// A second full copy, then a switch.
    BlueGreen,
    /// Everything at once, with downtime.
    Recreate,
    /// A flag's share, raised in stages.
    Flag,
    /// Add, move, later remove.
    ExpandContract,
    /// A new secret beside the old one, host by host.
    Rotate,
    /// New settings read anew while the host serves.
    InPlace,
    /// Machines emptied and replaced one by one.
    DrainAndReplace,
    /// More or fewer replicas.
    Capacity,
    /// A new version of a function beside the old one, and the alias moved to it share by share.
    AliasShift,
    /// Another region that takes the writes.
    Failover,
    /// Traffic moved from region to region, behind checks that there is room.
    Traffic,
    /// The new side is sent a copy of the reads first, then it gets its share.
    Shadow,
    /// Two sides until a difference in what users do would show, then a person decides.
    Experiment,
}

/// What a strategy needs, gives and costs, in words: the row of each under `docs/strategies/` and in the documents of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Types of items it changes, as in files.
    pub items: &'static [&'static str],
    /// What must be there for it.
    pub needs: &'static str,
    /// What kind of rollback it has.
    pub rollback: &'static str,
    /// How fast that is.
    pub speed: &'static str,
    /// What it costs.
    pub costs: &'static str,
    /// Who meets the new side before anything has watched it there.
    pub met: Met,
    /// How those who meet it are brought to safety.
    pub back: Back,
    /// From where on there is no way back.
    pub no_return: &'static str,
    /// Whether it stops the target while it works.
    pub takes_down: bool,
}

/// Who meets the new side of a region before anything has watched it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// Nobody.
    Nobody,
    /// Those of a share that policy bounds.
    FirstShare,
    /// Those whom the first hosts serve: with a single host, everybody.
    FirstHosts,
    /// Everybody.
    Everybody,
}

/// How those who meet the new side first are brought to safety.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Back {
    /// By one call, which changes no host; or there is nobody to bring.
    OneCall,
    /// By one call of the router in front of the hosts, and host by host where there is none.
    ByRouter,
    /// By undoing what was done.
    StepByStep,
}

impl Traits {
    /// How much a failure can do before it is over, as far as the way decides and at worst short of a point of no return: low where one call ends it.
    pub fn risk(&self) -> RiskLevel {
        if self.back == Back::OneCall && !self.takes_down { RiskLevel::Low } else { RiskLevel::Medium }
    }

    /// The same in words, with what makes it so.
    pub fn risk_words(&self) -> String {
        let met = match self.met {
            Met::Nobody => "nobody meets it unwatched",
            Met::FirstShare => "a small share meets it first",
            Met::FirstHosts => "those of the first hosts meet it first",
            Met::Everybody => "everybody of a region meets it at once",
        };
        let back = match (self.met, self.back) {
            (Met::Nobody, _) => "",
            (_, Back::OneCall) => ", one call takes all of them back",
            (_, Back::ByRouter) => ", one call takes them back behind a router, else host by host",
            (_, Back::StepByStep) => ", what was done is undone step by step",
        };
        let level = if self.back == Back::ByRouter { "medium, low behind a router".to_owned() } else { self.risk().to_string() };
        let down = if self.takes_down { ", and it is down meanwhile" } else { "" };
        let beyond = if self.no_return == NONE { "" } else { "; high where there is no way back" };
        format!("{level}: {met}{back}{down}{beyond}")
    }
}

impl Strategy {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Rolling,
        Self::Canary,
        Self::BlueGreen,
        Self::Recreate,
        Self::Flag,
        Self::ExpandContract,
        Self::Rotate,
        Self::InPlace,
        Self::DrainAndReplace,
        Self::Capacity,
        Self::AliasShift,
        Self::Failover,
        Self::Traffic,
        Self::Shadow,
        Self::Experiment,
    ];

    /// Names of all of them, in the same order.
    pub const NAMES: &'static [&'static str] = &Self::names();

    const fn names() -> [&'static str; Self::ALL.len()] {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    }

    /// Name as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Recreate => "recreate",
            Self::Flag => "flag",
            Self::ExpandContract => "expand-contract",
            Self::Rotate => "rotate",
            Self::InPlace => "in-place",
            Self::DrainAndReplace => "drain-and-replace",
            Self::Capacity => "capacity",
            Self::AliasShift => "alias-shift",
            Self::Failover => "failover",
            Self::Traffic => "traffic",
            Self::Shadow => "shadow",
            Self::Experiment => "experiment",
        }
    }

    /// The strategy of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|strategy| strategy.name() == name)
    }

    /// Whether it changes items of a type, as in files.
    pub fn changes(self, item_type: &str) -> bool {
        self.traits().items.contains(&item_type)
    }

    /// What it needs, gives and costs.
    pub const fn traits(self) -> Traits {
        match self {
            Self::Rolling => Traits {
                items: VERSIONS,
                needs: "a host to spare, or a router that gives two sides their share; versions that stand side by side; or one host and an allowed downtime",
                rollback: "version rollback, host by host",
                speed: "minutes",
                costs: "versions stand side by side; nothing extra",
                met: Met::FirstHosts,
                back: Back::ByRouter,
                no_return: NONE,
                takes_down: false,
            },
            Self::Canary => Traits {
                items: VERSIONS,
                needs: "two hosts, or a router that gives two sides their share, and signals with a split that show the effect at a small share in time",
                rollback: "traffic shift",
                speed: "seconds; minutes once hosts must go back first",
                costs: "time for evidence at each stage",
                met: Met::FirstShare,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::BlueGreen => Traits {
                items: VERSIONS,
                needs: "a router that can switch, and as many standby hosts as regular ones or a second side beside the first",
                rollback: "switch back to the old copy",
                speed: "seconds",
                costs: "a second full copy while both run",
                met: Met::Everybody,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::Recreate => Traits {
                items: VERSIONS,
                needs: "an allowed downtime of stop plus start",
                rollback: "redeploy of the old version",
                speed: "stop plus start",
                costs: "downtime",
                met: Met::Everybody,
                back: Back::StepByStep,
                no_return: NONE,
                takes_down: true,
            },
            Self::Flag => Traits {
                items: &["flag"],
                needs: "a flag in the code, and a command that sets its share",
                rollback: "flag off",
                speed: "at once",
                costs: "a flag to remove later",
                met: Met::FirstShare,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::ExpandContract => Traits {
                items: &["schema", "data", "contract"],
                needs: "statements that leave the running version alone",
                rollback: "additive part stays, contract part comes later",
                speed: "nothing to undo before the contract",
                costs: "two schema states for a while",
                met: Met::Nobody,
                back: Back::OneCall,
                no_return: "the contract, which is a change of its own",
                takes_down: false,
            },
            Self::Rotate => Traits {
                items: &["secret"],
                needs: "a store that keeps two values, readers that take a new one and prove that they work with it",
                rollback: "old value back, host by host",
                speed: "minutes",
                costs: "two valid values until the old one is retired",
                met: Met::FirstHosts,
                back: Back::StepByStep,
                no_return: "the retirement of the old value, which is a change of its own",
                takes_down: false,
            },
            Self::InPlace => Traits {
                items: &["config"],
                needs: "a program that reads its settings anew while it serves; behind a router a host to spare",
                rollback: "old settings read again, host by host",
                speed: "seconds for each host",
                costs: "two states of the settings for a while; nothing extra",
                met: Met::FirstHosts,
                back: Back::ByRouter,
                no_return: NONE,
                takes_down: false,
            },
            Self::DrainAndReplace => Traits {
                items: &["infrastructure"],
                needs: "a host to spare, and a command that replaces a machine",
                rollback: "machines of the old version again, one by one",
                speed: "as long as a replacement, for each host",
                costs: "a host out at all times, and time for each new one to warm up",
                met: Met::FirstHosts,
                back: Back::ByRouter,
                no_return: NONE,
                takes_down: false,
            },
            Self::Capacity => Traits {
                items: &["capacity"],
                needs: "a command that sets the number of replicas; for fewer of them, a capacity that the rest carries",
                rollback: "the old number again",
                speed: "as long as replicas take to begin or end",
                costs: "replicas beside the usual for as long as they are wanted",
                met: Met::Nobody,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::AliasShift => Traits {
                items: &["code", "config"],
                needs: "a serverless target, and a router that sets the share of a version",
                rollback: "alias back to the old version",
                speed: "seconds; as long as a deployment once the old version was taken away",
                costs: "two versions side by side, of which each costs what it serves",
                met: Met::FirstShare,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::Failover => Traits {
                items: &["failover"],
                needs: "a replica in the other region, and commands that read who leads, stop writes, promote, demote and route",
                rollback: "the same way in the other direction",
                speed: "as long as the way there",
                costs: "writes are refused between the drain and the new route",
                met: Met::Everybody,
                back: Back::StepByStep,
                no_return: "the promotion, where writes may be lost or the old region cannot follow the new one",
                takes_down: false,
            },
            Self::Traffic => Traits {
                items: &["traffic"],
                needs: "a command that sets the shares of all regions, and a known or checked capacity where they rise",
                rollback: "the old shares again",
                speed: "one call",
                costs: "less room in the regions that take more",
                met: Met::FirstShare,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::Shadow => Traits {
                items: &["code", "config", "infrastructure"],
                needs: "a router that gives two sides their share and can mirror, reads that change nothing, and something that looks at the new side",
                rollback: "mirror off, afterwards traffic shift",
                speed: "nobody is exposed under the mirror; seconds afterwards",
                costs: "a second side, and the mirrored reads twice",
                met: Met::Nobody,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
            Self::Experiment => Traits {
                items: &["code", "config", "infrastructure"],
                needs: "a router that keeps each user on one side, an outcome that is counted for each side, and enough users for the effect",
                rollback: "traffic shift",
                speed: "seconds",
                costs: "time until the effect would show, two sides meanwhile, and a decision by a person",
                met: Met::FirstShare,
                back: Back::OneCall,
                no_return: NONE,
                takes_down: false,
            },
        }
    }
}

/// Items that bring a version to hosts.
const VERSIONS: &[&str] = &["code", "config", "infrastructure"];
/// Of a strategy that can go back from everywhere.
const NONE: &str = "none";

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How success is told from failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerificationKind {
    /// The sequential judge, new side against old.
    Statistical,
    /// Plain thresholds.
    Threshold,
    /// Health checks only.
    Probe,
}

impl fmt::Display for VerificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Statistical => "statistical",
            Self::Threshold => "threshold",
            Self::Probe => "probe",
        })
    }
}

/// What a stage sees of a figure that it compares (`signals.values`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageValue {
    /// Name of the figure.
    pub name: String,
    /// How much worse the new side is for `power`, as a multiple: the margin of the figure.
    pub margin: f64,
    /// Probability to find that within the bake time. What is not found does not pass for that: the margin is not ruled out.
    pub power: f64,
    /// Smallest worsening it finds with the wanted power, as a multiple; `None` where it finds none.
    pub detects: Option<f64>,
}

/// One exposure level of the ladder with its power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LadderStage {
    /// Region it is in; `None` where all regions move together (flags).
    pub region: Option<RegionName>,
    /// Share of the region's traffic on the new side.
    pub share: Share,
    /// Requests per second the new side sees.
    pub canary_rate: f64,
    /// Requests per second the old side sees.
    pub baseline_rate: f64,
    /// How long it is watched.
    pub bake_ms: Millis,
    /// Probability to find the effect within the bake time; `None` where nothing is counted.
    pub power: Option<f64>,
    /// Smallest rise it finds with the stated power, as a multiple.
    pub detects: Option<f64>,
    /// What it sees of figures that are compared beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<StageValue>,
    /// For people: `at 5 % this stage sees 21 requests/s; it needs 4 min 10 s to see a doubling of errors with 80 % power`.
    pub explanation: String,
}

//! What a team has: components, owners, targets, objectives, environments.

mod access;
mod edges;
mod entity;
mod index;
mod objective;
mod policy;
mod selector;
mod settings;
mod signals;
mod target;
mod template;

pub use access::{Access, BasicAuth, ClientCertificate, TlsFiles};
pub use edges::Edges;
pub use entity::{Component, Dependency, EdgeKind, Link, Owner};
pub use index::TargetIndex;
pub use objective::{AlertRule, Budgeting, CalendarPeriod, Indicator, Objective, PeriodUnit, Terms, counter_of};
pub use policy::{Automatic, PlainPolicy, Policy, RiskPolicy, UnknownBudget};
pub use selector::{MatchOperator, Matcher, Selector};
pub use settings::{
    Environment, JsonSource, NotifyCommand, PrometheusSource, Settings, Stage, Supersede, Verification, VerifyWindow, WaveBound,
};
pub use signals::{
    ErrorRatio, HostLabel, KayentaSeries, KayentaSignal, KayentaTiming, Measuring, Signals, SlowRatio, Split, ThresholdSignal, ValueSignal,
    Worse,
};
pub use target::{
    Database, Failover, Infrastructure, Mirror, Region, Replacement, Rotation, Router, Runway, Scaling, SecondSide, ShareRouter, TableSize,
    Target, TrafficShares, TrafficSource, UserOutcome,
};
pub use template::{ActionTemplate, filled_text, version_in};

use crate::ids::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything declared about a project, references resolved by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// Components and resources, by name.
    pub components: BTreeMap<ComponentName, Component>,
    /// Groups and users, by reference (`group:default/payments-team`).
    pub owners: BTreeMap<OwnerRef, Owner>,
    /// Targets with their classes merged in, by name.
    pub targets: BTreeMap<TargetName, Target>,
    /// Service-level objectives.
    pub objectives: Vec<Objective>,
    /// Windows and freezes.
    pub calendars: Vec<crate::calendar::Calendar>,
    /// Environments in their promotion order.
    pub environments: Vec<Environment>,
    /// Project settings.
    pub settings: Settings,
}

impl Catalog {
    /// The environment of that name.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.iter().find(|e| e.name == *name)
    }
}

//! The tables of all kinds.

mod access;
mod backstage;
mod moves;
mod own;
mod rehearsal;
mod runbook;
mod runways;
mod slo;
mod target;
mod template;

pub(crate) use backstage::{ANNOTATIONS, EMERGENCY_PREFIX};
pub(crate) use own::DAYS;
pub(crate) use slo::ANNOTATIONS as SLO_ANNOTATIONS;

use crate::shape::{Field, Form, Shape};

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
    /// Steps that a person wrote down.
    Runbook,
    /// A game day.
    Rehearsal,
    /// A change with parameters.
    Template,
    /// Backstage: a piece of software.
    Component,
    /// Backstage: an interface.
    Api,
    /// Backstage: a database, queue or bucket.
    Resource,
    /// Backstage: components that belong together.
    System,
    /// Backstage: a team.
    Group,
    /// Backstage: a person.
    User,
    /// OpenSLO: a service.
    Service,
    /// OpenSLO: an objective.
    Slo,
    /// OpenSLO: an indicator that objectives share.
    Sli,
    /// OpenSLO: where series come from.
    DataSource,
    /// OpenSLO: who hears of what, for objectives to share.
    AlertPolicy,
    /// OpenSLO: when an alert fires.
    AlertCondition,
    /// OpenSLO: whom an alert tells.
    AlertNotificationTarget,
}

/// Our own files.
pub(crate) const GLIDEPATH: &str = "glidepath.dev/v1";
/// Backstage's files.
pub(crate) const BACKSTAGE: &str = "backstage.io/v1alpha1";
/// OpenSLO's files.
pub(crate) const OPENSLO: &str = "openslo/v1";

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Config,
        Self::Target,
        Self::TargetClass,
        Self::Calendar,
        Self::Change,
        Self::Runbook,
        Self::Rehearsal,
        Self::Template,
        Self::Component,
        Self::Api,
        Self::Resource,
        Self::System,
        Self::Group,
        Self::User,
        Self::Service,
        Self::Slo,
        Self::Sli,
        Self::DataSource,
        Self::AlertPolicy,
        Self::AlertCondition,
        Self::AlertNotificationTarget,
    ];

    /// Name as in `kind:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::Target => "Target",
            Self::TargetClass => "TargetClass",
            Self::Calendar => "Calendar",
            Self::Change => "Change",
            Self::Runbook => "Runbook",
            Self::Rehearsal => "Rehearsal",
            Self::Template => "Template",
            Self::Component => "Component",
            Self::Api => "API",
            Self::Resource => "Resource",
            Self::System => "System",
            Self::Group => "Group",
            Self::User => "User",
            Self::Service => "Service",
            Self::Slo => "SLO",
            Self::Sli => "SLI",
            Self::DataSource => "DataSource",
            Self::AlertPolicy => "AlertPolicy",
            Self::AlertCondition => "AlertCondition",
            Self::AlertNotificationTarget => "AlertNotificationTarget",
        }
    }

    /// The `apiVersion` it stands under.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Config
            | Self::Target
            | Self::TargetClass
            | Self::Calendar
            | Self::Change
            | Self::Runbook
            | Self::Rehearsal
            | Self::Template => GLIDEPATH,
            Self::Component | Self::Api | Self::Resource | Self::System | Self::Group | Self::User => BACKSTAGE,
            Self::Service
            | Self::Slo
            | Self::Sli
            | Self::DataSource
            | Self::AlertPolicy
            | Self::AlertCondition
            | Self::AlertNotificationTarget => OPENSLO,
        }
    }

    /// The table of the kind's `spec`.
    pub(crate) fn spec(self) -> &'static Shape {
        match self {
            Self::Config => &own::CONFIG,
            Self::Target => &target::TARGET,
            Self::TargetClass => &target::TARGET_CLASS,
            Self::Calendar => &own::CALENDAR,
            Self::Change => &own::CHANGE,
            Self::Runbook => &runbook::RUNBOOK,
            Self::Rehearsal => &rehearsal::REHEARSAL,
            Self::Template => &template::TEMPLATE,
            Self::Component => &backstage::COMPONENT,
            Self::Api => &backstage::API,
            Self::Resource => &backstage::RESOURCE,
            Self::System => &backstage::SYSTEM,
            Self::Group => &backstage::GROUP,
            Self::User => &backstage::USER,
            Self::Service => &slo::SERVICE,
            Self::Slo => &slo::OBJECTIVE,
            Self::Sli => &slo::INDICATOR_SPEC,
            Self::DataSource => &slo::DATA_SOURCE,
            Self::AlertPolicy => &slo::ALERT_POLICY,
            Self::AlertCondition => &slo::ALERT_CONDITION,
            Self::AlertNotificationTarget => &slo::ALERT_TARGET,
        }
    }

    /// The table of the kind's `metadata`.
    pub(crate) fn metadata(self) -> &'static Shape {
        match self.api_version() {
            GLIDEPATH => &METADATA,
            BACKSTAGE => &backstage::METADATA,
            _ => &slo::METADATA,
        }
    }

    /// Whether a document of the kind is nothing without its `spec`.
    pub(crate) fn spec_required(self) -> bool {
        self.spec().fields.iter().any(|f| f.required)
    }
}

/// `metadata` of our own kinds.
const METADATA: Shape = Shape::closed(
    "Metadata",
    "Name and labels.",
    &[
        Field::required("name", Form::Name, "Name, unique among the documents of its kind."),
        Field::optional("labels", Form::Map(&Form::Text), "Labels by which TargetClasses select."),
        Field::optional("annotations", Form::Map(&Form::Text), "Notes for other tools."),
        Field::optional("description", Form::Prose, "One line for people."),
    ],
);

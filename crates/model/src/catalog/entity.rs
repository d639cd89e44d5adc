//! Components and who answers for them.

use crate::ids::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A component or resource of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// Title for people.
    pub title: Option<String>,
    /// One line on what it does.
    pub description: Option<String>,
    /// `service`, `website`, `database`, ...
    pub kind: String,
    /// Lifecycle as Backstage has it.
    pub lifecycle: Option<String>,
    /// The one owner.
    pub owner: Option<OwnerRef>,
    /// System it belongs to.
    pub system: Option<String>,
    /// 1 (most important) to 4.
    pub tier: Option<u8>,
    /// What it depends on.
    pub depends_on: Vec<Dependency>,
    /// Links for people: title and address.
    pub links: Vec<Link>,
}

/// A titled address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// What it leads to.
    pub title: String,
    /// Address.
    pub url: String,
}

/// A dependency edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// What is depended on.
    pub to: ComponentName,
    /// How.
    pub kind: EdgeKind,
}

/// How one component depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// Calls its interface.
    Calls,
    /// Reads its data.
    Reads,
    /// Writes its data.
    Writes,
    /// Publishes messages to it.
    Publishes,
    /// Must be deployed in the same wave.
    DeploysWith,
}

/// A group or a user that can own and be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Reference: `group:default/payments-team` or `user:default/ada`.
    pub reference: OwnerRef,
    /// Name for people.
    pub display_name: Option<String>,
    /// Address of mail.
    pub email: Option<String>,
    /// Chat channel.
    pub chat: Option<String>,
    /// Primary on-call: how to reach.
    pub on_call_primary: Option<String>,
    /// Secondary on-call: how to reach.
    pub on_call_secondary: Option<String>,
    /// Escalation: who comes after the on-calls.
    pub escalation: Option<String>,
    /// Members, for a group.
    pub members: Vec<OwnerRef>,
    /// Emergency contacts by field (`infrastructure`, `security`, `database`, `networking`).
    pub emergency: BTreeMap<String, String>,
}

//! Windows and freezes as declared. Whether one holds at a time is for `glidepath-calendar` to say.

use crate::ids::EnvironmentName;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A calendar: when changes may and must not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// Its name.
    pub name: String,
    /// IANA time zone the civil times are in.
    pub time_zone: String,
    /// Environments it holds for; empty means all.
    pub environments: Vec<EnvironmentName>,
    /// Times when changes may start; none declared means always.
    pub windows: Vec<Window>,
    /// Times when changes must not start.
    pub freezes: Vec<Freeze>,
    /// Whether the built-in rule against Friday afternoons (from 12:00) is on.
    pub no_friday_afternoon: bool,
}

/// A weekly window in civil time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its name.
    pub name: String,
    /// Days, Monday = 1 to Sunday = 7.
    pub days: Vec<u8>,
    /// Minute of the day at which it opens, 0 to 1439.
    pub from_minute: u16,
    /// Minute of the day at which it closes, 1 to 1440; not after `from_minute` means the next day.
    pub to_minute: u16,
}

/// A freeze between two points in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub to: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// Classes of change that may pass, such as `emergency`.
    pub except: Vec<String>,
}

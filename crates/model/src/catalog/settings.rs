//! What holds for the whole project, and for each environment.

use super::{Access, Policy};
use crate::ids::*;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};

/// Project-wide settings from `glidepath.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Name of the project.
    pub project: String,
    /// `sqlite` in the state folder when `None`, else a store URL.
    pub store: Option<String>,
    /// How long an ended run stays in the tables of the store before it is archived, when the project says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_ms: Option<Millis>,
    /// Telemetry source that all targets use unless they scrape.
    pub prometheus: Option<PrometheusSource>,
    /// How long a plan may be flown after it was made.
    pub plan_ttl_ms: Millis,
    /// Age over which an observed fact counts as stale.
    pub fact_age_max_ms: Millis,
    /// What a change prefers when it does not say.
    pub prefer: crate::change::Preference,
    /// How regressions are sought.
    pub verification: Verification,
    /// Commands that tell people when a run needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyCommand>,
    /// What becomes of a change in flight when a newer plan of it is to fly.
    #[serde(default, skip_serializing_if = "Supersede::is_default")]
    pub supersede: Supersede,
    /// Rules of the project.
    #[serde(default, skip_serializing_if = "crate::plan::is_default")]
    pub policy: Policy,
}

/// What becomes of a change in flight when a newer plan of it is to fly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supersede {
    /// It flies on, and the newer plan is refused.
    #[default]
    Refuse,
    /// It flies to its end first.
    Finish,
    /// It ends where it is, where no user is on its new side; what it did stays in place.
    Stop,
    /// It goes back first.
    Rollback,
}

impl Supersede {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Refuse, Self::Finish, Self::Stop, Self::Rollback];
    /// Their names, as written.
    pub const NAMES: &'static [&'static str] = &["refuse", "finish", "stop", "rollback"];

    /// Name as written.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Whether it is what holds where nothing is said.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "called by serde")]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A command that tells people. It gets the run and the message as its last two words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotifyCommand {
    /// Program and words.
    pub argv: Vec<String>,
    /// Deadline of one call.
    pub timeout_ms: Millis,
}

/// A Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSource {
    /// Base address, such as `http://127.0.0.1:9090`.
    pub url: String,
    /// As whom it is asked, and whose certificates are trusted.
    #[serde(flatten)]
    pub access: Access,
    /// Deadline of one query.
    pub timeout_ms: Millis,
}

/// A server that answers JSON over HTTP, at one address for each region. Where a metric is named otherwise, a pointer into its answer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsonSource {
    /// Address. `{side}` is the side that is asked for, and empty where both are; `{since}` is the time from which is counted.
    pub url: String,
    /// Pointer to the time that the answer is for; when it came, where there is none.
    pub time: Option<String>,
    /// Oldest answer that is taken for what is so now.
    pub age_max_ms: Millis,
    /// Deadline of one question.
    pub timeout_ms: Millis,
    /// As whom it is asked, and whose certificates are trusted.
    #[serde(default, skip_serializing_if = "Access::is_open")]
    pub access: Access,
}

impl JsonSource {
    /// Placeholders that are filled when it is asked.
    pub const PLACES: [(&str, &str); 2] = [("side", "{side}"), ("since", "{since}")];

    /// The same for a place; what is filled later stays.
    #[must_use]
    pub fn placed(&self, values: &std::collections::BTreeMap<&str, String>) -> Self {
        let mut values = values.clone();
        values.extend(Self::PLACES.map(|(name, kept)| (name, kept.to_owned())));
        Self { url: super::filled_text(&self.url, &values, &mut Vec::new()), ..self.clone() }
    }
}

/// What the judge is to find, with which certainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Smallest rise of the bad share worth finding, as a multiple (2.0 = a doubling).
    pub effect: f64,
    /// Probability of finding it within the bake time.
    pub power: Share,
    /// False alarms allowed over the whole change.
    pub false_alarm: Share,
    /// Overdispersion of the counts; `None` takes the judge's conservative default.
    pub dispersion: Option<f64>,
}

impl Default for Verification {
    fn default() -> Self {
        Self { effect: 2.0, power: Share::percent(80), false_alarm: Share::percent(1), dispersion: None }
    }
}

/// An environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Whether one machine's own store suffices (a lock in one clone is no lock for a team).
    pub local: bool,
    /// Whether only a stored plan may fly here, not a change directly.
    pub gated: bool,
    /// How much depends on it, when the project says so; else see [`Stage::of`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Least time any exposed stage is watched; never waived by evidence.
    pub min_bake_ms: Millis,
    /// Longest planned bake of one stage; a stage that needs longer cannot detect.
    pub max_bake_ms: Millis,
    /// Greatest share of the first canary stage.
    pub first_stage_max: Share,
    /// How long a partial exposure may be held without progress before traffic goes to safety.
    pub hold_limit_ms: Millis,
    /// Verification windows after deployment: name and length. The last one observes after landing when `observe` is set.
    pub verify: Vec<VerifyWindow>,
    /// How far one wave may reach before anything has watched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wave: Option<WaveBound>,
}

/// A bound on what a wave exposes before its first gate has passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaveBound {
    /// Requests per second that reach the new side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Part of an error budget that a failure would spend until it is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Share>,
}

/// How much depends on an environment, and so how much is written about a change of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Those who write the change.
    Development,
    /// Those who try it before others meet it.
    Staging,
    /// Users.
    Production,
}

impl Stage {
    /// Environments from which on the first is one of development.
    const BEFORE_STAGING_FROM: usize = 3;

    /// The stage of an environment of the project. One that does not say is production when it is gated or the last, development when it is the first of
    /// three or more, else staging. One that nobody declares is taken for production.
    pub fn of(environments: &[Environment], name: &EnvironmentName) -> Self {
        let Some(at) = environments.iter().position(|environment| environment.name == *name) else { return Self::Production };
        let environment = &environments[at];
        match environment.stage {
            Some(stage) => stage,
            None if environment.gated || at + 1 == environments.len() => Self::Production,
            None if at == 0 && environments.len() >= Self::BEFORE_STAGING_FROM => Self::Development,
            None => Self::Staging,
        }
    }
}

/// One verification window after a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyWindow {
    /// `immediate`, `short`, `medium`, `long`, or the project's own name.
    pub name: String,
    /// Length.
    pub length_ms: Millis,
    /// Observes after landing and never holds the run.
    pub observe: bool,
}

//! What shapes the graph beside its edges: fan-outs with limits, conditions on outputs, claims on resources, limits of the run and of its targets.

use crate::action::OutputType;
use crate::ids::*;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Longest short text among outputs, in bytes.
const SHORT_TEXT_BYTES_MAX: usize = 4_096;
/// Digits of a digest.
const DIGEST_DIGITS: usize = 64;

/// Most starts of a rate, and most failures of a breaker, that a throttle counts: each one of them is remembered.
pub const THROTTLE_COUNT_MAX: u32 = 1_000;

/// A fan-out: steps that do the same to each element of a list that was known when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Name, unique in the plan; its steps carry it.
    pub name: GroupName,
    /// Elements at work at the same time, at most; at least 1.
    pub in_flight_max: u32,
    /// Elements that may fail for good without failing the run. Each goes to the dead letters.
    pub failures_max: u32,
    /// Shortest time between the starts of two elements.
    #[serde(default)]
    pub stagger_ms: Millis,
}

/// Whether a step is done at all: every test must hold once all that the step needs is behind. A test of an output that was never given does
/// not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Tests that must all hold.
    pub all: Vec<Test>,
}

/// A comparison of an earlier step's output with a value of the output's type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// The earlier step.
    pub step: StepId,
    /// Its output.
    pub output: String,
    /// How it is compared.
    pub is: Comparison,
    /// With what.
    pub value: Value,
}

/// How an output is compared with a value. Order is for numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Comparison {
    /// The same.
    Equal,
    /// Another one.
    NotEqual,
    /// Less than.
    Less,
    /// Less than or the same.
    AtMost,
    /// Greater than.
    Greater,
    /// Greater than or the same.
    AtLeast,
}

impl Comparison {
    /// As it is written: `==`, `!=`, `<`, `<=`, `>`, `>=`.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it asks for an order, which only numbers have.
    pub const fn is_of_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// Whether a value is of that type.
pub fn fits(value: &Value, kind: OutputType) -> bool {
    match (kind, value) {
        (OutputType::Boolean, Value::Bool(_)) => true,
        (OutputType::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
        (OutputType::Decimal, Value::Number(number)) => number.as_f64().is_some_and(f64::is_finite),
        (OutputType::ShortText, Value::String(text)) => text.len() <= SHORT_TEXT_BYTES_MAX,
        (OutputType::Digest, Value::String(text)) => text.len() == DIGEST_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit()),
        _ => false,
    }
}

/// Whether an output of that type can be compared so with such a value.
pub fn may_compare(kind: OutputType, is: Comparison, value: &Value) -> bool {
    let has_order = matches!(kind, OutputType::Integer | OutputType::Decimal);
    let is_number = has_order && value.is_number();
    (is_number || fits(value, kind)) && (has_order || !is.is_of_order())
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, test) in self.all.iter().enumerate() {
            let and = if index > 0 { " and " } else { "" };
            write!(f, "{and}{}.{} {} {}", test.step, test.output, test.is.sign(), test.value)?;
        }
        Ok(())
    }
}

/// A lock on a named resource, held from before take-off until the run has ended. Targets are claimed exclusively without being named here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The resource; targets and other resources share one name space.
    pub resource: ResourceName,
    /// How much of it.
    pub mode: ClaimMode,
}

/// How much of a resource a claim takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClaimMode {
    /// All of it, alone.
    Exclusive,
    /// It, together with others that share it.
    Shared,
    /// Some units of it.
    #[serde(rename_all = "camelCase")]
    Counted {
        /// Units taken; at least 1.
        units: u32,
        /// Units there are. Where holders disagree, the least counts.
        of: u32,
    },
}

impl ClaimMode {
    /// What holds as much as both together. Sharing and counting shut each other out, so that who does both holds it alone.
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Shared, Self::Shared) => Self::Shared,
            (Self::Counted { units, of }, Self::Counted { units: more, of: other }) => {
                Self::Counted { units: units.saturating_add(more), of: of.min(other) }
            }
            (Self::Exclusive | Self::Shared | Self::Counted { .. }, _) => Self::Exclusive,
        }
    }

    /// Whether it can ever be held.
    pub const fn is_possible(self) -> bool {
        match self {
            Self::Exclusive | Self::Shared => true,
            Self::Counted { units, of } => units >= 1 && units <= of,
        }
    }
}

impl Claim {
    /// Claims of one run with one claim for each resource: two of a resource become the one that holds as much as both.
    ///
    /// # Errors
    /// Resources of which more units are wanted together than there are.
    pub fn together(claims: impl IntoIterator<Item = Self>) -> Result<BTreeSet<Self>, Vec<Self>> {
        let mut by_resource: BTreeMap<ResourceName, ClaimMode> = BTreeMap::new();
        for Self { resource, mode } in claims {
            let joined = match by_resource.get(&resource) {
                Some(other) => other.joined(mode),
                None => mode,
            };
            by_resource.insert(resource, joined);
        }
        let merged = by_resource.into_iter().map(|(resource, mode)| Self { resource, mode });
        let (possible, impossible): (Vec<Self>, Vec<Self>) = merged.partition(|claim| claim.mode.is_possible());
        if impossible.is_empty() { Ok(possible.into_iter().collect()) } else { Err(impossible) }
    }

    /// Exclusive claims on targets.
    pub fn on_targets<'a>(targets: impl IntoIterator<Item = &'a TargetName>) -> BTreeSet<Self> {
        targets.into_iter().map(|target| Self { resource: ResourceName::of_target(target), mode: ClaimMode::Exclusive }).collect()
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            ClaimMode::Exclusive => write!(f, "{}", self.resource),
            ClaimMode::Shared => write!(f, "{} (shared)", self.resource),
            ClaimMode::Counted { units, of } => write!(f, "{} ({units} of {of})", self.resource),
        }
    }
}

/// Attempts of one run that may be open at the same time; more wait their turn. Safety attempts are not counted.
pub const STEPS_IN_FLIGHT_MAX: usize = 64;

/// Limits of a run as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunLimits {
    /// Steps at work at the same time, at most; the engine's own limit where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// Retries of all forward steps together, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries_max: Option<u32>,
    /// Longest time from the start to the landing; then the plan's failure rule applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<Millis>,
}

/// Limits of what all runs together do to one target. They bind forward attempts only: nothing holds the way back up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttle {
    /// The target.
    pub target: TargetName,
    /// How often attempts may begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// When attempts stop beginning because too many failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
}

/// So many starts in any such stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// Starts at most; at least 1.
    pub starts_max: u32,
    /// In so long.
    pub per_ms: Millis,
}

/// A circuit breaker: open after so many failures within some time, for some time; then one attempt tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// Failed attempts that open it; at least 1.
    pub failures_max: u32,
    /// Within so long.
    pub within_ms: Millis,
    /// How long it stays open before one attempt tries.
    pub open_ms: Millis,
}

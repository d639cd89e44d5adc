//! What a step calls, and what an action says about itself.
//!
//! A plan holds `ActionCall`s; an adapter publishes an `ActionDescriptor` as plain data, which the pure planner
//! checks the call against. The inputs of the built-in kinds are typed here, because planner and adapter must agree.

use crate::ids::PlanId;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A call of an action with its input, complete: no placeholder is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionCall {
    /// Kind, such as `exec`.
    pub kind: String,
    /// Version of the kind's input.
    pub version: u32,
    /// Input, as the kind's input type has it.
    pub input: Value,
}

/// What an unknown outcome of an attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnUnknown {
    /// The action may simply be run again.
    Rerun,
    /// The step's probe says whether it was done.
    Probe,
    /// A person must say.
    Ask,
}

/// An action's description of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionDescriptor {
    /// Kind, such as `exec`.
    pub kind: String,
    /// Version of the input.
    pub version: u32,
    /// One line for people.
    pub summary: String,
    /// Fields of the input: name, type, whether required.
    pub input: Vec<InputField>,
    /// Default meaning of an unknown outcome.
    pub on_unknown: OnUnknown,
    /// Default deadline of one attempt.
    pub timeout_ms: Millis,
    /// Default of tries at most.
    pub attempts_max: u32,
    /// Whether running it twice with the same input has the effect of once.
    pub idempotent: bool,
    /// Whether it can set a share of traffic.
    pub shifts_traffic: bool,
    /// Whether it only reads.
    pub read_only: bool,
    /// Typed outputs.
    pub outputs: BTreeMap<String, OutputType>,
}

/// One field of an action's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputField {
    /// Name as in the YAML.
    pub name: String,
    /// `text`, `texts`, `map`, `integer`, `boolean`, `object`.
    pub kind: String,
    /// Whether it must be there.
    pub required: bool,
    /// One line for people.
    pub summary: String,
}

/// Type of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutputType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// At most 4,096 bytes of text.
    ShortText,
    /// A SHA-256 digest.
    Digest,
}

impl OutputType {
    /// Name for people and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::ShortText => "text",
            Self::Digest => "digest",
        }
    }
}

impl fmt::Display for OutputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Input of `exec`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecInput {
    /// Program and words; with `shell` exactly one text.
    pub argv: Vec<String>,
    /// Whether `argv[0]` is handed to `/bin/sh -c`; values then reach it by `env` only.
    #[serde(default)]
    pub shell: bool,
    /// Variables beside the minimal ones.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables whose values are secret references (`env:NAME`, `file:PATH`).
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Folder relative to the project's root.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Trimmed standard output must be this.
    #[serde(default)]
    pub expect_text: Option<String>,
}

/// Input of `run` and `run-back`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunInput {
    /// The plan.
    pub plan: PlanId,
}

/// Input of `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpInput {
    /// Method; `GET` when left out.
    #[serde(default = "get")]
    pub method: String,
    /// Address.
    pub url: String,
    /// Header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Header fields whose values are secret references.
    #[serde(default)]
    pub secret_headers: BTreeMap<String, String>,
    /// Body text.
    #[serde(default)]
    pub body: Option<String>,
    /// Expected status; 200 when left out.
    #[serde(default = "ok")]
    pub expect: u16,
    /// JSON Pointer whose value is the answer, such as `/version`; the trimmed body when left out.
    #[serde(default)]
    pub pointer: Option<String>,
    /// The answer must be this.
    #[serde(default)]
    pub expect_text: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// Input of `sql`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqlInput {
    /// `postgres` or `sqlite`.
    pub engine: String,
    /// Secret reference of the connection string; for SQLite `path:FILE` is allowed too.
    pub connection: String,
    /// Statements.
    pub text: String,
    /// Where the statements came from.
    #[serde(default)]
    pub path: Option<String>,
    /// How long to wait for a lock.
    pub lock_timeout_ms: Millis,
    /// How long one statement may run.
    pub statement_timeout_ms: Millis,
    /// Whether everything is one transaction; true when left out.
    #[serde(default = "yes")]
    pub transaction: bool,
    /// First value of the first row of the last statement must be this text.
    #[serde(default)]
    pub expect_text: Option<String>,
    /// Applies the text batch by batch instead of once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<SqlBatches>,
}

/// How a text goes through a table, batch by batch: each is a transaction of its own, in which `:first` and `:last` stand for the least and the greatest
/// key of the batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqlBatches {
    /// The table.
    pub table: String,
    /// Column by whose values it is gone through, from the least to the greatest. No row may lack one.
    pub by: String,
    /// Rows of a batch, but for rows that share the last key.
    pub size: u32,
    /// Pause between two batches.
    pub pause_ms: Millis,
    /// How far replicas may be behind when a batch begins; not asked when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_max_ms: Option<Millis>,
    /// Query whose first value says in seconds how far they are; what PostgreSQL knows of its replicas when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_query: Option<String>,
}

impl SqlBatches {
    /// What stands for the least key of a batch.
    pub const FIRST: &str = ":first";
    /// What stands for the greatest.
    pub const LAST: &str = ":last";

    /// Whether a name of a table or column can be put into a statement as it is: letters, digits and underscores, with dots between its parts.
    pub fn is_name(text: &str) -> bool {
        text.split('.').all(|part| {
            let starts_well = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            starts_well && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    }
}

fn yes() -> bool {
    true
}

/// Input of `haproxy`: absolute weights, so that running twice has the effect of once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HaproxyInput {
    /// Path of the admin socket.
    pub socket: String,
    /// Backend name.
    pub backend: String,
    /// Weight of each server, 0 to 256, read back afterwards; empty only reads.
    #[serde(default)]
    pub weights: BTreeMap<String, u16>,
    /// Servers to wait for until they have no session left (their weight is 0).
    #[serde(default)]
    pub drain: Vec<String>,
    /// How long to wait for that; sessions left over then are reported, not failed.
    #[serde(default)]
    pub drain_max_ms: Millis,
    /// Servers that must be known to the router.
    #[serde(default)]
    pub expect_servers: Vec<String>,
    /// Weights that servers must have before anything is set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect_weights: BTreeMap<String, u16>,
}

//! What a team has: components, owners, targets, objectives, environments.

use crate::action::OnUnknown;
use crate::ids::*;
use crate::time::Millis;
use crate::units::{Money, Share};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    /// The target of a component in an environment.
    pub fn target_of(&self, component: &ComponentName, environment: &EnvironmentName) -> Option<&Target> {
        self.targets.values().find(|t| t.component == *component && t.environment == *environment)
    }

    /// The environment of that name.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.iter().find(|e| e.name == *name)
    }

    /// Components that depend on `component` directly, with the kind of the edge.
    pub fn dependants_of<'a>(&'a self, component: &'a ComponentName) -> impl Iterator<Item = (&'a Component, EdgeKind)> {
        self.components.values().flat_map(move |c| c.depends_on.iter().filter(move |d| d.to == *component).map(move |d| (c, d.kind)))
    }
}

/// Project-wide settings from `glidepath.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Name of the project.
    pub project: String,
    /// `sqlite` in the state folder when `None`, else a store URL.
    pub store: Option<String>,
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
}

/// A Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSource {
    /// Base address, such as `http://127.0.0.1:9090`.
    pub url: String,
    /// Bearer token, as a secret reference (`env:NAME` or `file:PATH`).
    pub bearer: Option<String>,
    /// Deadline of one query.
    pub timeout_ms: Millis,
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

/// A component in an environment: where it runs, how it is changed, checked and undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name.
    pub name: TargetName,
    /// The component that runs here.
    pub component: ComponentName,
    /// The environment.
    pub environment: EnvironmentName,
    /// Kind of runway.
    pub infrastructure: Infrastructure,
    /// Regions with their hosts. A target that declares none has one region named `default`.
    pub regions: Vec<Region>,
    /// Whether the single region was assumed.
    pub regions_assumed: bool,
    /// How to read the version that runs on a host. Placeholders `{host}`, `{region}`.
    pub version_probe: Option<ActionTemplate>,
    /// How to bring `{version}` to `{host}`.
    pub deploy: Option<ActionTemplate>,
    /// How to bring `{from}` back to `{host}`; `deploy` with `{version}` = the old version when left out.
    pub undo: Option<ActionTemplate>,
    /// How to see that `{host}` is healthy.
    pub health: Option<ActionTemplate>,
    /// How to save data before a risky step.
    pub backup: Option<ActionTemplate>,
    /// How a flag is set: placeholders `{flag}`, `{share}` (whole percent), `{value}`.
    pub flag: Option<ActionTemplate>,
    /// Database connection for `sql` steps.
    pub database: Option<Database>,
    /// Requests per second arriving, as a PromQL query or a literal.
    pub traffic: Option<TrafficSource>,
    /// What tells good from bad.
    pub signals: Option<Signals>,
    /// Where each host's OpenMetrics page is, for those without Prometheus. Placeholder `{host}`.
    pub metrics_url: Option<String>,
    /// Requests per second one replica can carry.
    pub replica_capacity: Option<f64>,
    /// Stop plus start time of a replica, where stated.
    pub restart_ms: Option<Millis>,
    /// Cost of one replica for one hour.
    pub replica_hour: Option<Money>,
    /// What may be strategies here; empty means any that fits.
    pub strategies_allowed: Vec<String>,
    /// File and line of the declaration, for messages.
    pub declared_at: Option<String>,
}

impl Target {
    /// All hosts with their regions, in order.
    pub fn hosts(&self) -> impl Iterator<Item = (&Region, &HostName)> {
        self.regions.iter().flat_map(|r| r.hosts.iter().map(move |h| (r, h)))
    }
}

/// Kind of runway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Infrastructure {
    /// Virtual or real machines.
    Vm,
    /// Containers without an orchestrator of their own.
    Container,
    /// Kubernetes.
    Kubernetes,
    /// Functions.
    Serverless,
    /// A database.
    Database,
    /// Routers, caches, feature-flag services.
    Edge,
}

/// Hosts of a target in one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// Its name.
    pub name: RegionName,
    /// Hosts that serve.
    pub hosts: Vec<HostName>,
    /// Idle hosts that can take a second copy, for blue-green.
    pub standby: Vec<HostName>,
    /// The router in front of the hosts.
    pub router: Option<Router>,
    /// The region that must not change at the same time.
    pub pair: Option<RegionName>,
}

/// A router that can weigh hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Router {
    /// HAProxy by its runtime socket.
    Haproxy {
        /// Path of the admin socket.
        socket: String,
        /// Backend name.
        backend: String,
        /// Server name of a host; placeholder `{host}`.
        server: String,
    },
}

/// A database that `sql` steps talk to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// `postgres` or `sqlite`.
    pub engine: String,
    /// Secret reference (`env:NAME`, `file:PATH`) of the connection string; for SQLite a path.
    pub connection: String,
    /// How long a statement may wait for a lock.
    pub lock_timeout_ms: Millis,
    /// How long a statement may run.
    pub statement_timeout_ms: Millis,
}

/// Where a request rate comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TrafficSource {
    /// PromQL; placeholder `{region}`.
    Query(String),
    /// Requests per second over all regions, as declared: counts as assumed.
    Assumed(f64),
}

/// What tells a good request from a bad one, and the new version from the old.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signals {
    /// How the two sides are told apart.
    pub split: Option<Split>,
    /// Failed requests.
    pub errors: Option<ErrorRatio>,
    /// Slow requests.
    pub slow: Option<SlowRatio>,
    /// Plain thresholds on queries.
    pub thresholds: Vec<ThresholdSignal>,
}

/// The label that tells the two sides apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// Label name.
    pub label: String,
    /// Value on the new side; placeholder `{version}`.
    pub canary: String,
    /// Value on the old side; placeholder `{from}`.
    pub baseline: String,
}

/// Failed over all requests, as counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorRatio {
    /// Selector of the failed ones.
    pub bad: Selector,
    /// Selector of all.
    pub total: Selector,
}

/// Requests slower than a bound, from a histogram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowRatio {
    /// Selector of the histogram, without `_bucket`.
    pub histogram: Selector,
    /// Bound; must be one of the histogram's bucket bounds.
    pub limit_ms: Millis,
}

/// A value that must stay inside bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdSignal {
    /// Name for people.
    pub name: String,
    /// PromQL; placeholders `{region}`, `{version}`, `{from}`.
    pub query: String,
    /// Least good value.
    pub min: Option<f64>,
    /// Greatest good value.
    pub max: Option<f64>,
    /// How many bad looks in a row fail the stage.
    pub failures_max: u32,
}

/// A metric with label matchers, in PromQL's notation. Placeholders may stand in values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Metric name.
    pub metric: String,
    /// Matchers, all of which must hold.
    pub matchers: Vec<Matcher>,
}

/// One label matcher.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// Label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: MatchOperator,
    /// Value or fully anchored regular expression.
    pub value: String,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchOperator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

impl Selector {
    /// Reads `name{label="value",other=~"a|b"}`.
    ///
    /// # Errors
    /// A sentence that says what was expected where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (metric, inside) = match text.split_once('{') {
            None => (text, None),
            Some((metric, rest)) => (metric.trim(), Some(rest.strip_suffix('}').ok_or("a closing brace is missing at the end")?)),
        };
        let name_ok = |s: &str, colon: bool| {
            s.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || (colon && b == b':'))
        };
        if !name_ok(metric, true) {
            return Err(format!("`{metric}` is not a metric name"));
        }
        let mut matchers = Vec::new();
        let mut rest = inside.unwrap_or("").trim();
        while !rest.is_empty() {
            let operator_at = rest.find(['=', '!']).ok_or_else(|| format!("`{rest}` has no comparison"))?;
            let label = rest[..operator_at].trim();
            if !name_ok(label, false) {
                return Err(format!("`{label}` is not a label name"));
            }
            let tail = &rest[operator_at..];
            let (operator, width) = match tail.as_bytes() {
                [b'=', b'~', ..] => (MatchOperator::Matches, 2),
                [b'!', b'~', ..] => (MatchOperator::NotMatches, 2),
                [b'!', b'=', ..] => (MatchOperator::NotEqual, 2),
                [b'=', ..] => (MatchOperator::Equal, 1),
                _ => return Err(format!("`{tail}` does not begin with =, !=, =~ or !~")),
            };
            let quoted = tail[width..]
                .trim_start()
                .strip_prefix('"')
                .ok_or_else(|| format!("the value of `{label}` must stand in double quotes"))?;
            let mut value = String::new();
            let mut end = None;
            let mut chars = quoted.char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = Some(at);
                        break;
                    }
                    '\\' => match chars.next() {
                        Some((_, 'n')) => value.push('\n'),
                        Some((_, escaped)) => value.push(escaped),
                        None => break,
                    },
                    c => value.push(c),
                }
            }
            let end = end.ok_or_else(|| format!("the value of `{label}` has no closing quote"))?;
            matchers.push(Matcher { label: label.to_owned(), operator, value });
            rest = quoted[end + 1..].trim_start();
            rest = match rest.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(format!("a comma is missing before `{rest}`")),
            };
        }
        Ok(Self { metric: metric.to_owned(), matchers })
    }

    /// This selector with one more equality.
    #[must_use]
    pub fn with(mut self, label: &str, value: &str) -> Self {
        self.matchers.push(Matcher { label: label.to_owned(), operator: MatchOperator::Equal, value: value.to_owned() });
        self
    }

    /// This selector with every value passed through `replace`.
    #[must_use]
    pub fn map_values(mut self, replace: impl Fn(&str) -> String) -> Self {
        for matcher in &mut self.matchers {
            matcher.value = replace(&matcher.value);
        }
        self
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.metric)?;
        if self.matchers.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        for (at, matcher) in self.matchers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let operator = match matcher.operator {
                MatchOperator::Equal => "=",
                MatchOperator::NotEqual => "!=",
                MatchOperator::Matches => "=~",
                MatchOperator::NotMatches => "!~",
            };
            let value = matcher.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{comma}{}{operator}\"{value}\"", matcher.label)?;
        }
        f.write_str("}")
    }
}

/// An action as declared on a target, placeholders not yet filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionTemplate {
    /// Action kind: `exec`, `http`, `sql`, `manual`, ...
    pub kind: String,
    /// Input as the action's descriptor has it, with placeholders inside strings.
    pub input: Value,
    /// Deadline of one attempt; `None` takes the default of the kind.
    pub timeout_ms: Option<Millis>,
    /// What an unknown outcome means; `None` takes the default of the step.
    pub on_unknown: Option<OnUnknown>,
    /// Times to try at most; `None` takes the default.
    pub attempts_max: Option<u32>,
}

impl ActionTemplate {
    /// The call with every `{name}` replaced by its value. Values are put in as text of one word or variable; nothing is parsed again.
    ///
    /// # Errors
    /// The names that have no value, in order of appearance.
    pub fn filled(&self, values: &BTreeMap<&str, String>) -> Result<crate::action::ActionCall, Vec<String>> {
        let mut unknown = Vec::new();
        let input = filled_value(&self.input, values, &mut unknown);
        if unknown.is_empty() { Ok(crate::action::ActionCall { kind: self.kind.clone(), version: 1, input }) } else { Err(unknown) }
    }
}

fn filled_value(value: &Value, values: &BTreeMap<&str, String>, unknown: &mut Vec<String>) -> Value {
    match value {
        Value::String(text) => Value::String(filled_text(text, values, unknown)),
        Value::Array(items) => Value::Array(items.iter().map(|v| filled_value(v, values, unknown)).collect()),
        Value::Object(fields) => Value::Object(fields.iter().map(|(k, v)| (k.clone(), filled_value(v, values, unknown))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `text` with every `{name}` replaced; names are lower-case letters. Braces around anything else stay as they are.
pub fn filled_text(text: &str, values: &BTreeMap<&str, String>, unknown: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let tail = &rest[open + 1..];
        match tail.find('}').map(|close| (&tail[..close], &tail[close + 1..])) {
            Some((name, after)) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()) => {
                match values.get(name) {
                    Some(value) => out.push_str(value),
                    None => unknown.push(name.to_owned()),
                }
                rest = after;
            }
            _ => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A service-level objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// Component it is about.
    pub component: ComponentName,
    /// Share of good events promised.
    pub target: Share,
    /// Length of the period.
    pub period_ms: Millis,
    /// Whether the period rolls (true) or follows the calendar.
    pub rolling: bool,
    /// What is counted.
    pub indicator: Indicator,
}

/// What an objective counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Indicator {
    /// Bad (or good) over total, as PromQL.
    Ratio {
        /// Query of bad events, when stated.
        bad: Option<String>,
        /// Query of good events, when stated.
        good: Option<String>,
        /// Query of all events.
        total: String,
    },
    /// A value against a bound, as PromQL.
    Threshold {
        /// Query.
        query: String,
        /// `lt`, `lte`, `gt` or `gte`.
        operator: String,
        /// Bound.
        value: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_written_as_prometheus_does() {
        for text in ["up", r#"http_requests_total{app="payments",code=~"5..",x!="a\"b",y!~"q"}"#] {
            let read = Selector::parse(text);
            assert_eq!(read.map(|s| s.to_string()), Ok(text.to_owned()));
        }
        for bad in ["", "{a=\"b\"}", "m{a=b}", "m{a=\"b\"", "m{a=\"b}", "m{a=\"b\" c=\"d\"}", "9m", "sum(rate(x[5m]))", "m{=\"x\"}"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}

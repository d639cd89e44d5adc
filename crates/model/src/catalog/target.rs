//! Where a component runs, and how it is changed, checked and undone there.

use super::{Access, ActionTemplate, JsonSource, Signals};
use crate::ids::*;
use crate::plan::{Breaker, Claim, Rate, Throttle};
use crate::time::Millis;
use crate::units::{Money, Share};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A component in an environment: where it runs, how it is changed, checked and undone. What few targets have is boxed: a catalog holds thousands.
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
    /// The short form that its actions were written out from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runway: Option<Runway>,
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
    /// How what runs on `{host}` is stopped, so that `deploy` and `undo` have to start it. What is stopped already stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Box<ActionTemplate>>,
    /// How to see that `{host}` is healthy.
    pub health: Option<ActionTemplate>,
    /// How to save data before a risky step.
    pub backup: Option<Box<ActionTemplate>>,
    /// How to prove that the newest backup can be restored, beside what serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_test: Option<Box<ActionTemplate>>,
    /// How a flag is set: placeholders `{flag}`, `{share}` (whole percent), `{value}`.
    pub flag: Option<Box<ActionTemplate>>,
    /// How the share of a flag is read, as whole percent: placeholder `{flag}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag_read: Option<Box<ActionTemplate>>,
    /// How `{host}` takes the settings of `{version}` while it goes on serving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Box<ActionTemplate>>,
    /// How the machine of `{host}` is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<Box<Replacement>>,
    /// How the number of replicas is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Box<Scaling>>,
    /// How a second side stands beside the one that serves, where a router gives each its share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Box<SecondSide>>,
    /// How another region comes to take the writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Box<Failover>>,
    /// How the regions get their shares of the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Box<TrafficShares>>,
    /// How a secret is renewed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<Box<Rotation>>,
    /// What users do that experiments compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<UserOutcome>,
    /// Database connection for `sql` steps.
    pub database: Option<Database>,
    /// Requests per second arriving, as a PromQL query or a literal.
    pub traffic: Option<TrafficSource>,
    /// What tells good from bad.
    pub signals: Option<Signals>,
    /// Where each host's OpenMetrics page is, for those without Prometheus. Placeholder `{host}`.
    pub metrics_url: Option<String>,
    /// As whom those pages are asked, and whose certificates are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_access: Option<Box<Access>>,
    /// A server that answers JSON, in the place of those pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_json: Option<Box<JsonSource>>,
    /// Requests per second one replica can carry.
    pub replica_capacity: Option<f64>,
    /// Stop plus start time of a replica, where stated.
    pub restart_ms: Option<Millis>,
    /// Cost of one replica for one hour.
    pub replica_hour: Option<Money>,
    /// What may be strategies here; empty means any that fits.
    pub strategies_allowed: Vec<String>,
    /// How often attempts may begin on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// When attempts stop beginning on it because too many failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// What each change of it claims beside it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub locks: BTreeSet<Claim>,
    /// File and line of the declaration, for messages.
    pub declared_at: Option<String>,
}

impl Target {
    /// Its limits for a plan that touches it; `None` when it declares none.
    pub fn throttle(&self) -> Option<Throttle> {
        let is_limited = self.rate.is_some() || self.breaker.is_some();
        is_limited.then(|| Throttle { target: self.name.clone(), rate: self.rate, breaker: self.breaker })
    }

    /// Whether every region has a router that gives sides their share, so that `deploy` brings a second side.
    pub fn is_steered_by_share(&self) -> bool {
        let mut serving = self.regions.iter().filter(|region| !region.hosts.is_empty()).peekable();
        serving.peek().is_some() && serving.all(|region| region.share_router().is_some())
    }

    /// All hosts with their regions, in order.
    pub fn hosts(&self) -> impl Iterator<Item = (&Region, &HostName)> {
        self.regions.iter().flat_map(|r| r.hosts.iter().map(move |h| (r, h)))
    }

    /// Requests per second of a declared traffic that arrive in a region: where the hosts are, each its part; where none are declared, in all regions alike.
    /// `None` where traffic is not declared as a number, and of a region without hosts beside others that have some.
    pub fn declared_rate(&self, region: &Region) -> Option<f64> {
        let Some(TrafficSource::Assumed(rate)) = self.traffic else { return None };
        match (region.hosts.len(), self.hosts().count()) {
            (_, 0) => Some(rate / self.regions.len().max(1) as f64),
            (0, _) => None,
            (here, all) => Some(rate * here as f64 / all as f64),
        }
    }
}

/// How a machine is replaced by one of another version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    /// How a machine of `{version}` comes in the place of `{host}`.
    pub host: ActionTemplate,
    /// How `{host}` is rid of its work before.
    pub drain: Option<ActionTemplate>,
    /// How `{host}` takes work: once it is replaced, and where it was drained in vain.
    pub admit: Option<ActionTemplate>,
    /// How long a new machine is left to warm up before the next one is taken out, there and back.
    pub warm_up_ms: Millis,
}

/// How the number of replicas is set and read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// How there come to be `{replicas}` of them.
    pub set: ActionTemplate,
    /// How to read how many there are.
    pub read: Option<ActionTemplate>,
    /// How long new ones are left to warm up before they count.
    pub warm_up_ms: Millis,
}

/// Something users do, counted for each side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserOutcome {
    /// Its name.
    pub name: String,
    /// Part of the units that have it now, as declared.
    pub now: Share,
    /// Units (visits, users) per second over all regions, as declared; the traffic when `None`.
    pub units_per_second: Option<f64>,
    /// How to read what was counted on the side of `{version}` in the last `{window}`, for people.
    pub read: ActionTemplate,
}

/// How a second side is looked at and taken away. Placeholders `{version}`, which names the side, `{host}` and `{region}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondSide {
    /// How to see that the side of `{version}` is healthy, whatever its share.
    pub health: Option<ActionTemplate>,
    /// How the side of `{version}` is taken away once it serves nobody. What is away already stays so.
    pub retire: Option<ActionTemplate>,
}

/// How another region comes to take the writes. Placeholders `{from}`, `{to}` everywhere, told anew for the way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// How far `{to}` may be behind when a failover begins.
    pub rpo_ms: Millis,
    /// How to read which regions take writes: their names, or `none`.
    pub leader: ActionTemplate,
    /// Passes where `{to}` is at most `{seconds}` s behind `{from}`.
    pub lag: ActionTemplate,
    /// How `{from}` ceases to take writes.
    pub drain: ActionTemplate,
    /// How `{to}` comes to take writes, unless another region does.
    pub promote: ActionTemplate,
    /// How `{from}` becomes a replica of `{to}`.
    pub demote: Option<ActionTemplate>,
    /// Passes where both hold the same.
    pub verify: Option<ActionTemplate>,
    /// How clients come to `{to}`.
    pub route: ActionTemplate,
}

/// How the regions get their shares of the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficShares {
    /// How they come to be `{shares}`, all at once.
    pub set: ActionTemplate,
    /// How to read them, in the same form.
    pub read: Option<ActionTemplate>,
    /// Passes where `{region}` has room for `{share}` percent of the traffic, which are `{rate}` requests per second.
    pub headroom: Option<ActionTemplate>,
}

/// How a secret is renewed: `make`, `discard` and `retire` where it is kept, the others where it is read. Placeholder `{secret}` everywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// How a new value is made beside the old one, which stays valid.
    pub make: Option<ActionTemplate>,
    /// How a new value that nobody uses is taken away again.
    pub discard: Option<ActionTemplate>,
    /// How `{host}` takes the new value into use.
    pub install: Option<ActionTemplate>,
    /// How `{host}` goes back to the old value.
    pub restore: Option<ActionTemplate>,
    /// How `{host}` proves that it works with the new value.
    pub verify: Option<ActionTemplate>,
    /// How the old value is made invalid, which nothing takes back.
    pub retire: Option<ActionTemplate>,
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

/// Infrastructure whose commands a short form stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Runway {
    /// A Deployment of Kubernetes.
    Kubernetes,
    /// A service of Docker Compose.
    Container,
    /// An alias of an AWS Lambda function.
    Serverless,
    /// A Cloudflare Worker.
    Edge,
    /// A PostgreSQL database, by its own programs.
    Database,
}

impl Runway {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Kubernetes, Self::Container, Self::Serverless, Self::Edge, Self::Database];

    /// Name of the short form, as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Container => "container",
            Self::Serverless => "serverless",
            Self::Edge => "edge",
            Self::Database => "database",
        }
    }

    /// The program whose commands are used.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubectl",
            Self::Container => "docker compose",
            Self::Serverless => "aws lambda",
            Self::Edge => "wrangler",
            Self::Database => "psql, pg_dump and pg_restore",
        }
    }

    /// What no adapter does there, so that commands of the program do it.
    pub const fn by_commands(self) -> &'static str {
        match self {
            Self::Kubernetes | Self::Container | Self::Serverless | Self::Edge => self.name(),
            Self::Database => "health, backup and restore test of a database",
        }
    }

    /// Whether a version is a tag of an image, which can be pushed again.
    pub const fn deploys_images(self) -> bool {
        match self {
            Self::Kubernetes | Self::Container => true,
            Self::Serverless | Self::Edge | Self::Database => false,
        }
    }
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
    /// The zone of each host, where stated. Hosts of one zone stand together in `hosts`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<HostName, String>,
}

impl Region {
    /// The router that gives sides their share, where it has one.
    pub fn share_router(&self) -> Option<&ShareRouter> {
        match self.router.as_ref()? {
            Router::Share(share) => Some(share),
            Router::Haproxy { .. } => None,
        }
    }
}

/// A router that splits traffic.
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
    /// Commands that give two sides their share.
    Share(Box<ShareRouter>),
}

/// A router that is told the share of the new side. Placeholders `{share}` and `{rest}` in percent, `{fraction}` from 0 to 1, `{version}` and `{from}`,
/// which name the sides, and `{region}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareRouter {
    /// How the side of `{version}` comes to have `{share}` of the traffic, and that of `{from}` the rest. It is absolute: doing it twice is doing it once.
    pub set: ActionTemplate,
    /// How to read the share that the side of `{version}` has, written as `{share}` is.
    pub read: Option<ActionTemplate>,
    /// How the share is set such that each user stays on one side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<ActionTemplate>,
    /// How the side of `{version}` is sent a copy of reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// The smallest share it can set; every other one is a multiple of it.
    pub step: Share,
}

/// A mirror: the new side is sent a copy of some reads, and nobody waits for its answers. Placeholders as for the share, and `{methods}` and `{paths}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// How `{share}` of the reads are copied to the side of `{version}`; 0 ends the mirror. It is absolute.
    pub set: ActionTemplate,
    /// How to read which share is copied to the side of `{version}`.
    pub read: Option<ActionTemplate>,
    /// How to see that the side of `{version}` answers what is copied to it as it should.
    pub check: Option<ActionTemplate>,
    /// Safe methods that are copied.
    pub methods: Vec<String>,
    /// Beginnings of the paths that are copied: a read below them changes nothing, wherever it is answered.
    pub paths: Vec<String>,
}

impl Mirror {
    /// Methods that a mirror may copy: what is asked by them changes nothing (RFC 9110, section 9.2.1). TRACE is safe as well, and of no use here.
    pub const SAFE_METHODS: &'static [&'static str] = &["GET", "HEAD", "OPTIONS"];
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
    /// Sizes of tables as they are declared, for those that nobody can ask for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, TableSize>,
}

/// How large a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSize {
    /// Bytes on disk, its indexes included.
    pub bytes: u64,
    /// Rows, where somebody counts or estimates them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
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

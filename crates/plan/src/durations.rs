//! How long steps take: observed, stated, or a default that says so.

use crate::command::HAPROXY;
use crate::site::Site;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Millis;
use glidepath_model::action::ActionCall;
use glidepath_model::catalog::Target;
use glidepath_model::facts::Facts;
use glidepath_model::ids::ComponentName;
use glidepath_model::plan::{Estimate, Step};

/// Factor from a stated length to its 95 % quantile.
const STATED_SPREAD: u64 = 2;

/// How long it takes until somebody who is asked has looked and decided: median and 95 % quantile. Stated, until your own record says better.
pub const PEOPLE_ANSWER: DurationEstimate = DurationEstimate { p50_ms: 10 * 60_000, p95_ms: 30 * 60_000 };

/// A kind of step whose duration is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Deploy,
    Drain,
    Shift,
    Check,
    Flag,
    Backup,
    Expand,
    Backfill,
    Contract,
    Make,
    Install,
    Reload,
    Replace,
    Scale,
    Retire,
    Stop,
    Promote,
    Demote,
    RestoreTest,
    Approval,
    Decide,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Drain => "drain",
            Self::Shift => "shift",
            Self::Check => "check",
            Self::Flag => "flag",
            Self::Backup => "backup",
            Self::Expand => "expand",
            Self::Backfill => "backfill",
            Self::Contract => "contract",
            Self::Make => "make",
            Self::Install => "install",
            Self::Reload => "reload",
            Self::Replace => "replace",
            Self::Scale => "scale",
            Self::Retire => "retire",
            Self::Stop => "stop",
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::RestoreTest => "restore-test",
            Self::Approval => "approval",
            Self::Decide => "decide",
        }
    }

    /// Median and 95 % quantile without any observation, in milliseconds.
    fn default_ms(self) -> (u64, u64) {
        match self {
            Self::Deploy => (30_000, 90_000),
            Self::Drain => (5_000, 30_000),
            Self::Shift => (1_000, 3_000),
            Self::Check => (1_000, 5_000),
            Self::Flag => (2_000, 5_000),
            Self::Backup => (60_000, 300_000),
            Self::Expand | Self::Backfill | Self::Contract => (10_000, 60_000),
            // No wider than sums of durations are good for.
            Self::Make | Self::Reload => (3_000, 9_000),
            Self::Stop => (5_000, 15_000),
            Self::Install | Self::Retire | Self::Promote => (10_000, 30_000),
            Self::Replace | Self::RestoreTest => (300_000, 900_000),
            Self::Scale | Self::Demote => (60_000, 180_000),
            Self::Approval => (900_000, 3_600_000),
            Self::Decide => (PEOPLE_ANSWER.p50_ms, PEOPLE_ANSWER.p95_ms),
        }
    }

    /// Key under which the duration is learnt.
    pub(crate) fn key(self, component: &ComponentName) -> String {
        format!("{}/{component}", self.name())
    }

    fn default(self) -> Estimate {
        let (p50, p95) = self.default_ms();
        Estimate { p50_ms: Millis(p50), p95_ms: Millis(p95), source: "default, never observed".to_owned() }
    }
}

/// Expected duration of a kind of step at a site: no longer than one attempt may take, where that is stated.
pub(crate) fn estimate(kind: Kind, site: &Site<'_>, facts: &Facts) -> Estimate {
    at_target(kind, site.target, facts)
}

fn at_target(kind: Kind, target: &Target, facts: &Facts) -> Estimate {
    let estimate = learnt(kind, &target.component, facts).unwrap_or_else(|| match (kind, target.restart_ms) {
        (Kind::Deploy, Some(restart)) => {
            Estimate { p50_ms: restart, p95_ms: Millis(restart.0.saturating_mul(STATED_SPREAD)), source: "stated".to_owned() }
        }
        _ => kind.default(),
    });
    let template = match kind {
        Kind::Deploy => target.deploy.as_ref(),
        Kind::Backup => target.backup.as_deref(),
        Kind::Flag => target.flag.as_deref(),
        Kind::Make => target.rotate.as_ref().and_then(|rotate| rotate.make.as_ref()),
        Kind::Install => target.rotate.as_ref().and_then(|rotate| rotate.install.as_ref()),
        Kind::Reload => target.reload.as_deref(),
        Kind::Replace => target.replace.as_ref().map(|replace| &replace.host),
        Kind::Scale => target.scale.as_ref().map(|scale| &scale.set),
        Kind::Retire => target.side.as_ref().and_then(|side| side.retire.as_ref()),
        Kind::Stop => target.failover.as_ref().map(|failover| &failover.drain),
        Kind::Promote => target.failover.as_ref().map(|failover| &failover.promote),
        Kind::Demote => target.failover.as_ref().and_then(|failover| failover.demote.as_ref()),
        Kind::RestoreTest => target.restore_test.as_deref(),
        Kind::Drain | Kind::Shift | Kind::Check | Kind::Expand | Kind::Backfill | Kind::Contract | Kind::Approval | Kind::Decide => None,
    };
    let longest = template.and_then(|template| template.timeout_ms).unwrap_or(Millis(u64::MAX));
    Estimate { p50_ms: estimate.p50_ms.min(longest), p95_ms: estimate.p95_ms.min(longest), ..estimate }
}

/// Expected duration of the way back of a step by `call`: what speaks to a router takes as long as such calls do, what was taken away as long as its
/// deployment, everything else as long as the way forward.
pub fn back(step: &Step, call: &ActionCall, facts: &Facts) -> Estimate {
    if call.kind != HAPROXY {
        let target = step.target.as_ref().and_then(|name| facts.catalog.targets.get(name));
        let is_retired = |target: &Target| step.duration_key.as_deref() == Some(Kind::Retire.key(&target.component).as_str());
        return target
            .filter(|target| is_retired(target))
            .map_or_else(|| step.expected.clone(), |target| at_target(Kind::Deploy, target, facts));
    }
    let drains = call.input.get("drain").and_then(|list| list.as_array()).is_some_and(|list| !list.is_empty());
    let kind = if drains { Kind::Drain } else { Kind::Shift };
    let target = step.target.as_ref().and_then(|name| facts.catalog.targets.get(name));
    target.and_then(|target| learnt(kind, &target.component, facts)).unwrap_or_else(|| kind.default())
}

fn learnt(kind: Kind, component: &ComponentName, facts: &Facts) -> Option<Estimate> {
    let fact = facts.durations.get(&kind.key(component))?;
    let (p50_ms, p95_ms) = (fact.value.p50_ms, fact.value.p95_ms.max(fact.value.p50_ms));
    let noun = if fact.value.count == 1 { "step" } else { "steps" };
    Some(Estimate { p50_ms, p95_ms, source: format!("{} earlier {noun}", fact.value.count) })
}

/// As the judge's arithmetic takes it.
pub(crate) fn plain(estimate: &Estimate) -> DurationEstimate {
    DurationEstimate { p50_ms: estimate.p50_ms.0, p95_ms: estimate.p95_ms.0 }
}

//! How long steps take: observed, stated, or a default that says so.

use crate::command::{HAPROXY, pause_of};
use crate::deadline::Deadline;
use crate::lower::host::STOP;
use crate::site::Site;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Millis;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::{ActionTemplate, Target};
use glidepath_model::facts::{DurationFact, Facts};
use glidepath_model::ids::ComponentName;
use glidepath_model::plan::{Estimate, RetryPolicy, Step};

/// Factor from a stated length to its 95 % quantile.
const STATED_SPREAD: u64 = 2;
/// Source of an estimate of which nothing is known.
const NEVER_OBSERVED: &str = "default, never observed";
/// How the source of an estimate begins of which only the deadline is known.
const WITHIN_DEADLINE: &str = "assumed, never observed";
/// What the source of an estimate says whose every try is ended.
const ENDED: &str = "until its deadline has ended every try";
/// Steps that the usual spread of a kind counts for beside those that were seen: of one alone nobody can tell how much the next will differ.
const USUAL_COUNTS: f64 = 4.0;
/// Tail of a time that nobody stated beyond the 95 % quantile, as a multiple of it, that an attempt is given.
const PATIENCE: u64 = 2;

/// How long it takes until somebody who is asked has looked and decided: median and 95 % quantile. Stated, until your own record says better.
pub const PEOPLE_ANSWER: DurationEstimate = DurationEstimate { p50_ms: 10 * 60_000, p95_ms: 30 * 60_000 };

/// A kind of step whose duration is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Deploy,
    Halt,
    Drain,
    Admit,
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
    const ALL: [Self; 23] = [
        Self::Deploy,
        Self::Halt,
        Self::Drain,
        Self::Admit,
        Self::Shift,
        Self::Check,
        Self::Flag,
        Self::Backup,
        Self::Expand,
        Self::Backfill,
        Self::Contract,
        Self::Make,
        Self::Install,
        Self::Reload,
        Self::Replace,
        Self::Scale,
        Self::Retire,
        Self::Stop,
        Self::Promote,
        Self::Demote,
        Self::RestoreTest,
        Self::Approval,
        Self::Decide,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Halt => "halt",
            Self::Drain => "drain",
            Self::Admit => "admit",
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
            Self::Check | Self::Admit => (1_000, 5_000),
            Self::Flag => (2_000, 5_000),
            Self::Backup => (60_000, 300_000),
            // No wider from here on than sums of durations are good for.
            Self::Expand | Self::Backfill | Self::Contract => (10_000, 30_000),
            Self::Make | Self::Reload => (3_000, 9_000),
            Self::Halt | Self::Stop => (5_000, 15_000),
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
        Estimate { p50_ms: Millis(p50), p95_ms: Millis(p95), source: NEVER_OBSERVED.to_owned() }
    }
}

/// Expected duration of a kind of step at a site, with the tries that their own deadline ends before one is done.
pub(crate) fn estimate(kind: Kind, site: &Site<'_>, facts: &Facts) -> Estimate {
    at_target(kind, site.target, facts)
}

/// What one try takes that nobody ends.
pub(crate) fn of_one_try(kind: Kind, site: &Site<'_>, facts: &Facts) -> Estimate {
    usual(kind, site.target, facts)
}

fn usual(kind: Kind, target: &Target, facts: &Facts) -> Estimate {
    learnt(kind, &target.component, facts).unwrap_or_else(|| match (kind, target.restart_ms) {
        // What goes on serving while it is changed is not changed in no time.
        (Kind::Deploy | Kind::Halt, Some(Millis::ZERO)) => kind.default(),
        (Kind::Deploy, Some(restart)) => {
            Estimate { p50_ms: restart, p95_ms: Millis(restart.0.saturating_mul(STATED_SPREAD)), source: "stated".to_owned() }
        }
        // A stop is a part of stop plus start, and may be all of it.
        (Kind::Halt, Some(restart)) => {
            Estimate { p50_ms: Millis(restart.0 / 2), p95_ms: restart, source: "stated, with the start".to_owned() }
        }
        _ => kind.default(),
    })
}

fn at_target(kind: Kind, target: &Target, facts: &Facts) -> Estimate {
    let estimate = usual(kind, target, facts);
    let template = template(kind, target);
    let Some((template, given)) = template.and_then(|template| Some((template, template.timeout_ms?))) else { return estimate };
    if !is_known(&estimate) {
        return within(estimate, given);
    }
    let can_tell = match template.on_unknown {
        Some(OnUnknown::Rerun) => true,
        Some(OnUnknown::Ask) => false,
        Some(OnUnknown::Probe) | None => target.version_probe.is_some(),
    };
    let tries = if can_tell { template.attempts_max.unwrap_or(RetryPolicy::default().attempts_max) } else { 1 };
    match Deadline::of(&estimate, given, tries) {
        Some(deadline) => {
            let DurationEstimate { p50_ms, p95_ms } = deadline.done_in();
            // The time after which it is given up is nothing that was seen of it.
            let source = if deadline.ends_always() { ENDED.to_owned() } else { estimate.source };
            Estimate { p50_ms: Millis(p50_ms), p95_ms: Millis(p95_ms), source }
        }
        None => estimate,
    }
}

/// What a target declares for a kind of step.
fn template(kind: Kind, target: &Target) -> Option<&ActionTemplate> {
    match kind {
        Kind::Deploy => target.deploy.as_ref(),
        Kind::Halt => target.stop.as_deref(),
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
        Kind::Drain
        | Kind::Admit
        | Kind::Shift
        | Kind::Check
        | Kind::Expand
        | Kind::Backfill
        | Kind::Contract
        | Kind::Approval
        | Kind::Decide => None,
    }
}

/// A default, bounded by a deadline that somebody stated: who gives a try so long takes it to be done well within it, and nobody knows by how much.
fn within(default: Estimate, given: Millis) -> Estimate {
    let room = Millis(given.0.saturating_mul(2) / 3);
    if default.p95_ms <= room {
        return default;
    }
    let source = format!("{WITHIN_DEADLINE}: well within the {given} that a try is given");
    Estimate { p50_ms: default.p50_ms.min(Millis(room.0 / STATED_SPREAD)), p95_ms: room, source }
}

/// What is taken of a step of which only the deadline is known, for people.
pub(crate) fn assumed(step: &Step) -> Option<String> {
    let Estimate { p50_ms, p95_ms, source } = &step.expected;
    let (kind, component) = step.duration_key.as_deref()?.split_once('/')?;
    source.starts_with(WITHIN_DEADLINE).then(|| {
        let given = step.timeout_ms;
        let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{component}: {article} {kind} is taken to be done in {p50_ms} (95 %: {p95_ms}), well within the {given} that it is given; none was seen yet, and nothing is stated.")
    })
}

/// How long a try of a step takes that nobody ends; `None` where nothing is known of it.
pub(crate) fn unbounded(step: &Step, facts: &Facts) -> Option<Estimate> {
    let (key, target) = (step.duration_key.as_deref()?, facts.catalog.targets.get(step.target.as_ref()?)?);
    let kind = Kind::ALL.into_iter().find(|kind| kind.key(&target.component) == key)?;
    Some(usual(kind, target, facts)).filter(is_known)
}

/// Expected duration of the way back of a step by `call`: a pause takes what it says, what speaks to a router as long as such calls do, what was taken away as
/// long as its deployment, a host that is emptied again as long as that takes on the way forward, everything else as long as the way forward.
pub fn back(step: &Step, call: &ActionCall, facts: &Facts) -> Estimate {
    if let Some(length) = pause_of(call) {
        return Estimate { p50_ms: length, p95_ms: length, source: "stated".to_owned() };
    }
    if call.kind != HAPROXY {
        let target = step.target.as_ref().and_then(|name| facts.catalog.targets.get(name));
        let is = |kind: Kind, target: &Target| step.duration_key.as_deref() == Some(kind.key(&target.component).as_str());
        // What goes back by a deployment takes as long as it takes, however long the way forward was given. Of what nobody knows, what it is given says most.
        let is_known = |target: &Target| is_known(&usual(Kind::Deploy, target, facts));
        return match target {
            // What was stopped goes back by being started, and what was started after a stop by being stopped.
            Some(target) if is(Kind::Halt, target) => at_target(Kind::Deploy, target, facts),
            Some(target) if deploys(step, target) && starts_again(step) => at_target(Kind::Halt, target, facts),
            Some(target) if is(Kind::Retire, target) => at_target(Kind::Deploy, target, facts),
            // Each of the two is the way back of the other.
            Some(target) if is(Kind::Drain, target) => at_target(Kind::Admit, target, facts),
            Some(target) if is(Kind::Admit, target) => at_target(Kind::Drain, target, facts),
            Some(target) if deploys(step, target) && is_known(target) => usual(Kind::Deploy, target, facts),
            Some(_) | None => unbounded(step, facts).unwrap_or_else(|| step.expected.clone()),
        };
    }
    let drains = call.input.get("drain").and_then(|list| list.as_array()).is_some_and(|list| !list.is_empty());
    let kind = if drains { Kind::Drain } else { Kind::Shift };
    let target = step.target.as_ref().and_then(|name| facts.catalog.targets.get(name));
    target.and_then(|target| learnt(kind, &target.component, facts)).unwrap_or_else(|| kind.default())
}

fn learnt(kind: Kind, component: &ComponentName, facts: &Facts) -> Option<Estimate> {
    let fact = facts.durations.get(&kind.key(component))?;
    Some(of_seen(&fact.value, kind.default_ms()))
}

/// What was seen, no surer than so few steps make it: its spread is weighed with that of the `usual` median and 95 % quantile.
pub(crate) fn of_seen(seen: &DurationFact, (p50_ms, p95_ms): (u64, u64)) -> Estimate {
    let own = DurationEstimate { p50_ms: seen.p50_ms.0, p95_ms: seen.p95_ms.max(seen.p50_ms).0 };
    let widened = own.weighed(f64::from(seen.count), DurationEstimate { p50_ms, p95_ms }, USUAL_COUNTS);
    let noun = if seen.count == 1 { "step" } else { "steps" };
    Estimate { p50_ms: seen.p50_ms, p95_ms: Millis(widened.p95_ms.max(own.p95_ms)), source: format!("{} earlier {noun}", seen.count) }
}

/// How long an attempt is given: what is stated, else the default of its action, and never less than it may well take.
pub(crate) fn patience(stated: Option<Millis>, default: Millis, expected: &Estimate) -> Millis {
    stated.unwrap_or_else(|| default.max(Millis(expected.p95_ms.0.saturating_mul(PATIENCE))))
}

/// Whether a step deploys its target.
pub fn deploys(step: &Step, target: &Target) -> bool {
    step.duration_key.as_deref() == Some(Kind::Deploy.key(&target.component).as_str())
}

/// Whether a step stops what runs on a host of its target, so that another one starts it.
pub fn halts(step: &Step, target: &Target) -> bool {
    step.duration_key.as_deref() == Some(Kind::Halt.key(&target.component).as_str())
}

/// Whether a deployment starts what was stopped before, on its host and on all others.
fn starts_again(step: &Step) -> bool {
    step.needs
        .iter()
        .any(|need| need.as_str().rsplit('/').next().is_some_and(|name| name.strip_prefix(STOP).is_some_and(|host| host.starts_with('-'))))
}

/// How long a deployment takes, whatever it is given.
pub(crate) fn deploy_unbounded(target: &Target, facts: &Facts) -> Estimate {
    usual(Kind::Deploy, target, facts)
}

/// Whether an estimate rests on something that is known of the place.
pub fn is_known(estimate: &Estimate) -> bool {
    estimate.source != NEVER_OBSERVED && !estimate.source.starts_with(WITHIN_DEADLINE)
}

/// As the judge's arithmetic takes it.
pub(crate) fn plain(estimate: &Estimate) -> DurationEstimate {
    DurationEstimate { p50_ms: estimate.p50_ms.0, p95_ms: estimate.p95_ms.0 }
}

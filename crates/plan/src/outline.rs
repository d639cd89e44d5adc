//! A strategy at a site in outline: waves, stages, batches and gates.

use crate::durations::Kind;
use crate::ladder::JudgedStage;
use crate::measured;
use crate::site::Site;
use crate::traffic::Batch;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::plan::{Strategy, VerificationKind};
use glidepath_model::{Millis, Share};

/// A strategy at a site, worked out.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) strategy: Strategy,
    pub(crate) verification: VerificationKind,
    pub(crate) blind_to: Option<String>,
    /// Waves, one after the other; the regions of one go together.
    pub(crate) waves: Vec<Vec<RegionPath>>,
    /// Sentences for the plan.
    pub(crate) derived: Vec<String>,
}

impl Outline {
    /// Whether the standby hosts serve for a while.
    pub(crate) fn uses_standby(&self) -> bool {
        self.gates().any(|gate| gate.watches == Watches::Standby)
    }

    /// Whether the new version stands as a second side beside the old one.
    pub(crate) fn stands_beside(&self) -> bool {
        self.gates().any(|gate| matches!(gate.watches, Watches::Beside | Watches::Mirror))
    }

    /// How its stages are watched, where they are.
    pub(crate) fn gates(&self) -> impl Iterator<Item = &StageGate> {
        self.waves.iter().flatten().flat_map(|path| &path.stages).filter_map(|stage| stage.gate.as_ref())
    }
}

/// A region's way to the new version.
#[derive(Clone, Debug)]
pub(crate) struct RegionPath {
    /// Index into the site's regions; `None` where all regions move together.
    pub(crate) region: Option<usize>,
    pub(crate) stages: Vec<StagePath>,
}

/// One exposure level and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct StagePath {
    /// Share of traffic or users on the new side at its end, 0 to 1.
    pub(crate) share: f64,
    /// Hosts that are changed, batch by batch.
    pub(crate) batches: Vec<Batch>,
    /// How long each batch, or what is done once, is left alone before it counts as done.
    pub(crate) settle: Millis,
    /// What is done once for the whole region after that, one step after the other.
    pub(crate) once: Vec<Kind>,
    /// What that takes beside what steps of its kind take, for what it has to go through is large.
    pub(crate) beside: DurationEstimate,
    /// How it is watched before the next stage; `None` where the next stage follows at once.
    pub(crate) gate: Option<StageGate>,
    /// How a second side meets traffic, where there is one.
    pub(crate) route: Route,
}

/// How a second side meets traffic at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// By its share.
    Share,
    /// By a copy of that share of the reads, which nobody waits for; nothing ends it.
    Mirror(Share),
    /// By a share of users, each of whom stays on one side; `compared` where the figures of both sides are read afterwards.
    Cohort { compared: bool },
    /// By its share, once the figures of the stage before were read and a person has decided for it.
    Decided,
}

impl StagePath {
    /// A stage without hosts.
    pub(crate) fn of_calls(share: f64, once: Vec<Kind>, gate: Option<StageGate>) -> Self {
        Self { share, batches: Vec::new(), settle: Millis::ZERO, once, beside: DurationEstimate::certain(0), gate, route: Route::Share }
    }

    /// A stage that changes hosts.
    pub(crate) fn of_hosts(share: f64, batches: Vec<Batch>, gate: Option<StageGate>) -> Self {
        Self { share, batches, settle: Millis::ZERO, once: Vec::new(), beside: DurationEstimate::certain(0), gate, route: Route::Share }
    }
}

/// How a stage is watched.
#[derive(Clone, Debug)]
pub(crate) struct StageGate {
    pub(crate) bake: Millis,
    pub(crate) judged: Option<JudgedStage>,
    /// Whose health is asked.
    pub(crate) watches: Watches,
}

/// Whose health a gate asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watches {
    /// The regular hosts.
    Regular,
    /// The standby hosts, which serve meanwhile.
    Standby,
    /// The second side, whatever share it has.
    Beside,
    /// The second side, and how it answers what is mirrored to it.
    Mirror,
}

/// Verification where no old side stands beside: thresholds if declared, else health checks, with what they cannot see.
pub(crate) fn plain_verification(site: &Site<'_>) -> (VerificationKind, Option<String>) {
    let thresholds = site.target.signals.as_ref().map_or(0, |s| s.thresholds.len());
    if thresholds > 0 {
        let plural = if thresholds == 1 { "threshold" } else { "thresholds" };
        return (VerificationKind::Threshold, Some(format!("blind to any rise that stays within the {thresholds} declared {plural}")));
    }
    (VerificationKind::Probe, Some("blind to everything that leaves the health checks green".to_owned()))
}

/// A gate without an old side to compare with.
pub(crate) fn plain_gate(site: &Site<'_>) -> StageGate {
    StageGate { bake: site.environment.min_bake_ms.max(measured::length(site)), judged: None, watches: Watches::Regular }
}

/// A share for people, to a tenth of a percent.
pub(crate) fn rounded(share: Share) -> Share {
    Share::from_ppb((share.ppb() + 500_000) / 1_000_000 * 1_000_000)
}

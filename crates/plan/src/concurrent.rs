//! A concurrent baseline: as many hosts of the old version as the first stage changes, started afresh at the same time and given the same share.
//!
//! A version that has just been started answers otherwise than one that has served for days: its caches are cold, its memory is whole. Compared with hosts
//! that were started when it was, and that have as much to do, what is left of the difference is the version's. It takes twice as many hosts out at once,
//! and an old side that is no larger than the new one shows an effect later; where capacity or time does not allow it, the whole old side is compared.

use crate::ladder::JudgedStage;
use crate::outline::rounded;
use crate::site::{Site, SiteRegion, names};
use glidepath_model::catalog::Split;
use glidepath_model::text::plural;
use glidepath_model::{HostName, Share};

/// Share above which both sides together would be more than everything.
const SHARE_MAX: f64 = 0.5;
/// Difference of shares of traffic that no host feels.
const SHARE_TIE: f64 = 1e-9;

/// Whether the target asks for a concurrent baseline.
pub(crate) fn asked(site: &Site<'_>) -> bool {
    split(site).is_some_and(|split| split.concurrent_baseline)
}

fn split<'s>(site: &'s Site<'_>) -> Option<&'s Split> {
    site.target.signals.as_ref()?.split.as_ref()
}

/// Whether a first stage of `hosts` new ones with a share can have as many old ones started afresh beside it, or what is missing.
pub(crate) fn allowed(site: &Site<'_>, region: &SiteRegion<'_>, share: Share, hosts: usize) -> Result<(), String> {
    let (place, all, both) = (&region.region.name, region.region.hosts.len(), 2 * hosts);
    let target = &site.target.name;
    if site.is_split_by_share() {
        return Err(format!("the router of {target} gives shares to two sides, and to no third one"));
    }
    if split(site).is_none_or(|split| split.host.is_none()) {
        return Err(format!("the split of {target} does not say how hosts are told apart (`host`)"));
    }
    if site.target.deploy.as_ref().is_none_or(|deploy| deploy.kind == "manual") {
        return Err(format!("a host of {target} is not started afresh by a command"));
    }
    if site.target.metrics_url.is_some() || site.target.metrics_json.is_some() {
        return Err(format!("the counters of {target} do not come from a Prometheus, where a label names the host"));
    }
    if site.mixed || site.from.is_none() {
        return Err(format!("the hosts of {target} do not run one version that is known"));
    }
    if all < both {
        return Err(format!("it takes {both} hosts in {place}, and there are {all}"));
    }
    let zone = region.zone_ends.first().copied().unwrap_or(all);
    if zone < both {
        return Err(format!("it takes {both} hosts in the first zone of {place}, and there are {zone}"));
    }
    let missing = (region.needed + both).saturating_sub(all);
    if missing > 0 {
        let more = plural(missing, "more host", "more hosts");
        return Err(format!("it takes {more} in {place}, so that {} serve while {both} are started", region.needed));
    }
    if !region.weighs_hosts() {
        return Ok(());
    }
    let share = share.as_f64();
    let rest = 1.0 - 2.0 * share;
    if share > SHARE_MAX || (all == both && rest > SHARE_TIE) {
        return Err(format!("{both} of {all} hosts in {place} cannot have {} each", rounded(Share::from_f64(share))));
    }
    if all > both && rest / (all - both) as f64 > 1.0 / region.needed as f64 + SHARE_TIE {
        let carry = (rest * region.needed as f64 - SHARE_TIE).ceil() as usize + both;
        let more = plural(carry.saturating_sub(all), "more host", "more hosts");
        return Err(format!("it takes {more} in {place}, so that the others carry what the two sides do not"));
    }
    Ok(())
}

/// The hosts that stand for the old side at a stage, where some are started afresh for it.
pub(crate) fn hosts<'r>(region: &'r SiteRegion<'_>, stage: &JudgedStage) -> &'r [HostName] {
    region.region.hosts.get(stage.hosts..stage.hosts + stage.renewed).unwrap_or_default()
}

/// What is said of the first stage of a region, where a concurrent baseline is asked for.
pub(crate) fn told(site: &Site<'_>, region: &SiteRegion<'_>, first: &JudgedStage) -> Option<String> {
    if !asked(site) {
        return None;
    }
    let place = format!("{} in {} at {}", site.target.name, region.region.name, rounded(first.share));
    if first.renewed > 0 {
        let (new, old) = (names(&region.region.hosts[..first.hosts]), names(hosts(region, first)));
        let present = site.present();
        return Some(format!(
            "{place}: {new} is compared with {old}, started afresh beside it on {present} and given the same share. That rests on `deploy`: \
             it is taken to restart a host that runs {present} already, and where it leaves such a host alone, a cold cache counts against the new side."
        ));
    }
    let why = allowed(site, region, first.share, first.hosts).err();
    let why = why.unwrap_or_else(|| format!("between equal sides the effect is not seen within {}", site.environment.max_bake_ms));
    Some(format!("{place}: compared with the whole old side, which was not started afresh: {why}."))
}

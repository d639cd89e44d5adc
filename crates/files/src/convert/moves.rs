//! Items that move regions: who takes the writes, and who takes how much of the traffic.

use super::actions::template;
use super::changes::ItemAt;
use super::{Context, duration, text, time};
use crate::codes;
use crate::node::Node;
use glidepath_model::catalog::{Database, Failover, Target, TrafficShares};
use glidepath_model::change::ItemKind;
use glidepath_model::{Millis, RegionName, Share};
use std::collections::BTreeMap;

pub(super) const FAILOVER_FIELDS: &[&str] = &["to", "expectFrom", "lossMax", "until"];
pub(super) const TRAFFIC_FIELDS: &[&str] = &["shares", "expectShares"];
/// One percent, as what a share is counted in.
const PERCENT_PPB: u32 = 10_000_000;

/// How another region comes to take the writes, as declared on a target.
pub(super) fn declared_failover(context: &mut Context<'_, '_>, spec: &Node, database: Option<&Database>) -> Option<Failover> {
    let node = spec.get("failover")?;
    let mut action = |field: &str| template(context, node.get(field), &format!("spec.failover.{field}"), database);
    Some(Failover {
        rpo_ms: duration(node, "rpo")?,
        leader: action("leader")?,
        lag: action("lag")?,
        drain: action("drain")?,
        promote: action("promote")?,
        demote: action("demote"),
        verify: action("verify"),
        route: action("route")?,
    })
}

/// How regions get their shares, as declared on a target.
pub(super) fn declared_shares(context: &mut Context<'_, '_>, spec: &Node, database: Option<&Database>) -> Option<TrafficShares> {
    let node = spec.get("shares")?;
    let mut action = |field: &str| template(context, node.get(field), &format!("spec.shares.{field}"), database);
    Some(TrafficShares { set: action("set")?, read: action("read"), headroom: action("headroom") })
}

pub(super) fn failover(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<ItemKind> {
    let (to, expect_from) = (text(item.node, "to")?, text(item.node, "expectFrom"));
    if expect_from.as_deref() == Some(to.as_str()) {
        let at = item.node.get("expectFrom").map_or(item.node.at, |n| n.at);
        let message = format!("`{to}` is both the region that is to take the writes and the one that must take them now");
        let field = format!("{}.expectFrom", item.field);
        context.findings.error(at, &field, codes::SAME_VERSION, message, "There is nothing to do.", "Correct one of them.");
    }
    Some(ItemKind::Failover {
        to: to.as_str().into(),
        expect_from: expect_from.as_deref().map(Into::into),
        loss_max_ms: duration(item.node, "lossMax").unwrap_or(Millis::ZERO),
        until: time(item.node, "until"),
    })
}

pub(super) fn traffic(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<ItemKind> {
    let (shares, expect_shares) = (shares(context, item, "shares"), shares(context, item, "expectShares"));
    let (shares, expect_shares) = (shares?, expect_shares?);
    if shares == expect_shares {
        let at = item.node.get("shares").map_or(item.node.at, |n| n.at);
        let message = "the shares to reach are those that must hold now";
        let field = format!("{}.shares", item.field);
        context.findings.error(at, &field, codes::SAME_VERSION, message, "There is nothing to do.", "Correct one of them.");
    }
    Some(ItemKind::Traffic { shares, expect_shares })
}

/// Shares by region: whole percents that make up everything.
fn shares(context: &mut Context<'_, '_>, item: &ItemAt<'_>, field: &str) -> Option<BTreeMap<RegionName, Share>> {
    let node = item.node.get(field)?;
    let path = format!("{}.{field}", item.field);
    let mut shares = BTreeMap::new();
    for entry in node.entries() {
        // What is no share at all has been said.
        let share = entry.value.text().and_then(Share::parse)?;
        if !share.ppb().is_multiple_of(PERCENT_PPB) {
            let message =
                format!("`{}` of {} is no whole percent", crate::scalar::short(entry.value.text().unwrap_or_default()), entry.key);
            let reason = "Routers and name servers weigh regions in whole numbers.";
            context.findings.error(entry.value.at, &path, codes::SHARES_UNFIT, message, reason, "Write whole percents, such as `20%`.");
            return None;
        }
        shares.insert(RegionName::from(entry.key.as_str()), share);
    }
    let whole: u64 = shares.values().map(|share| u64::from(share.ppb())).sum();
    if whole != u64::from(Share::ALL.ppb()) {
        let message = format!("`{field}` comes to {} %", whole / u64::from(PERCENT_PPB));
        let reason = "All the traffic arrives somewhere: what is missing, or is too much, would be made up by the router.";
        let hint = "Write the shares of all regions, so that they come to 100 %.";
        context.findings.error(node.at, &path, codes::SHARES_UNFIT, message, reason, hint);
        return None;
    }
    Some(shares)
}

/// Regions that the target does not have, and more loss than it allows.
pub(super) fn check_target(context: &mut Context<'_, '_>, item: &ItemAt<'_>, kind: &ItemKind, target: &Target) {
    let known: Vec<&str> = target.regions.iter().map(|region| region.name.as_str()).collect();
    match kind {
        ItemKind::Failover { loss_max_ms, .. } => {
            for field in ["to", "expectFrom"] {
                if let Some(node) = item.node.get(field).filter(|node| node.text().is_some_and(|name| !known.contains(&name))) {
                    context.unknown(node, &format!("{}.{field}", item.field), codes::UNKNOWN_REGION, "region", known.iter().copied());
                }
            }
            let Some((allowed, node)) = target.failover.as_ref().map(|failover| failover.rpo_ms).zip(item.node.get("lossMax")) else {
                return;
            };
            if *loss_max_ms > allowed {
                let message = format!("`lossMax` is {loss_max_ms}, and target `{}` allows {allowed} (failover.rpo)", target.name);
                let reason = "The Target says how much may be lost at most, and a change may only ask for less.";
                let hint = format!("Write {allowed} or less, or change the rpo of the Target.");
                context.findings.error(node.at, &format!("{}.lossMax", item.field), codes::LOSS_TOO_LARGE, message, reason, hint);
            }
        }
        ItemKind::Traffic { .. } => {
            for field in ["shares", "expectShares"] {
                for entry in item.node.get(field).map(Node::entries).unwrap_or_default() {
                    if !known.contains(&entry.key.as_str()) {
                        let message = format!("there is no region `{}`", entry.key);
                        let hint = crate::findings::suggest(&entry.key, known.iter().copied());
                        let path = format!("{}.{field}", item.field);
                        let reason = "The reference leads nowhere.";
                        context.findings.error(entry.key_at, &path, codes::UNKNOWN_REGION, message, reason, hint);
                    }
                }
            }
        }
        ItemKind::Version { .. }
        | ItemKind::Schema { .. }
        | ItemKind::Contract { .. }
        | ItemKind::Flag { .. }
        | ItemKind::Secret { .. }
        | ItemKind::Capacity { .. } => {}
    }
}

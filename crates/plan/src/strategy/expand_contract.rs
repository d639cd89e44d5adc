//! Expand-contract: add, move, later remove.
//!
//! Nobody meets the first two but the database; the steps, and what may stand in them, are the matter of `lower::schema`. The removal is an item and
//! a change of its own, with steps of its own: `lower::contract`.

use super::{Ask, Method, Shortfall};
use crate::contract::readers;
use crate::durations::Kind;
use crate::lock_time;
use crate::lower::Lowering;
use crate::outline::{Outline, RegionPath, StagePath};
use crate::site::Site;
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::change::ItemKind;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{Strategy, VerificationKind};

/// Add, move, later remove.
pub(super) struct ExpandContract;

impl Method for ExpandContract {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let item = ask.site.change_item;
        let blind = "blind to everything but the success of the statements";
        let (parts, blind_to) = match &item.kind {
            ItemKind::Contract { .. } => (contract_parts(ask), format!("{blind} and the health of those that use the data")),
            ItemKind::Schema { backfill, verify, .. } => {
                let parts = [(true, Kind::Expand), (backfill.is_some(), Kind::Backfill), (verify.is_some(), Kind::Check)];
                (parts.into_iter().filter(|(is_there, _)| *is_there).map(|(_, kind)| kind).collect(), blind.to_owned())
            }
            _ => (vec![Kind::Expand], blind.to_owned()),
        };
        let stage = StagePath { beside: beside(ask), ..StagePath::of_calls(0.0, parts, None) };
        Ok(Outline {
            strategy: Strategy::ExpandContract,
            verification: VerificationKind::Probe,
            blind_to: Some(blind_to),
            waves: vec![vec![RegionPath { region: None, stages: vec![stage] }]],
            derived: Vec::new(),
        })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, _outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        match &site.change_item.kind {
            ItemKind::Schema { .. } => to.schema(site, waves_before + 1, needs),
            _ => to.contract(site, waves_before + 1, needs),
        }
    }

    fn meets_users(&self) -> bool {
        false
    }
}

/// What tables take that are gone through, as far as their sizes are known.
fn beside(ask: &Ask<'_>) -> DurationEstimate {
    let of_parts = lock_time::of_item(ask.site.change_item, ask.site.target, ask.facts);
    sum(&of_parts.into_iter().map(|length| DurationEstimate { p50_ms: length.p50.0, p95_ms: length.p95.0 }).collect::<Vec<_>>())
}

/// What a contract does one after the other, beside the backup.
fn contract_parts(ask: &Ask<'_>) -> Vec<Kind> {
    let site = ask.site;
    let is_tested = site.target.restore_test.is_some();
    let looks = !readers(site.change_item, &site.environment.name, &ask.facts.catalog).is_empty();
    let parts =
        [(is_tested, Kind::RestoreTest), (true, Kind::Approval), (looks, Kind::Check), (true, Kind::Contract), (looks, Kind::Check)];
    parts.into_iter().filter(|(is_there, _)| *is_there).map(|(_, kind)| kind).collect()
}

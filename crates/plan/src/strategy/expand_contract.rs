//! Expand-contract: add, move, later remove.
//!
//! Nobody meets it but the database; the steps, and what may stand in them, are the matter of `lower::schema`.

use super::{Ask, Method, Shortfall};
use crate::durations::Kind;
use crate::lower::Lowering;
use crate::outline::{Outline, RegionPath, StagePath};
use crate::site::Site;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{Strategy, VerificationKind};

/// Add, move, later remove.
pub(super) struct ExpandContract;

impl Method for ExpandContract {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let halves = match &ask.site.change_item.kind {
            ItemKind::Schema { backfill: Some(_), .. } => vec![Kind::Data; 2],
            _ => vec![Kind::Data],
        };
        let stage = StagePath::of_calls(0.0, halves, None);
        Ok(Outline {
            strategy: Strategy::ExpandContract,
            verification: VerificationKind::Probe,
            blind_to: Some("blind to everything but the success of the statements".to_owned()),
            waves: vec![vec![RegionPath { region: None, stages: vec![stage] }]],
            derived: Vec::new(),
        })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, _outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let ItemKind::Schema { expand, backfill, contract } = &site.change_item.kind else { return needs };
        to.schema(site, expand, backfill.as_ref(), contract.as_ref(), waves_before + 1, needs)
    }

    fn meets_users(&self) -> bool {
        false
    }
}

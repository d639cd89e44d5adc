//! Alias-shift: a new version of a function beside the old one, and the alias moved to it share by share.
//!
//! Versions of a function cost nothing until they are called, so the new one is published in full and the alias alone decides who meets it. Where
//! the judge can tell the two apart the shares are those of its ladder; where it cannot, they rise in fixed steps under thresholds or health checks.

use super::{Ask, Method, Shortfall, beside};
use crate::lower::Lowering;
use crate::outline::Outline;
use crate::site::Site;
use glidepath_model::catalog::Infrastructure;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;

/// A new version of a function beside the old one.
pub(super) struct AliasShift;

impl Method for AliasShift {
    fn fits(&self, ask: &Ask<'_>) -> bool {
        ask.site.target.infrastructure == Infrastructure::Serverless
    }

    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let name = &site.target.name;
        if !self.fits(ask) {
            return Err(Shortfall::new(format!("{name} is no serverless target")).unless(format!("infrastructure: serverless on {name}")));
        }
        if !site.is_split_by_share() {
            return Err(Shortfall::new(format!("{name} declares no router that sets the share of a version"))
                .unless(format!("router.share on {name}")));
        }
        match ask.ladder {
            Ok(ladder) => beside::judged(Strategy::AliasShift, site, ladder),
            Err(_) => beside::by_steps(Strategy::AliasShift, site),
        }
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        beside::lower(to, site, outline, waves_before, needs)
    }
}

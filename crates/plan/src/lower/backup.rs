//! Backups before anything of an item begins.

use super::calls;
use super::fleet::on_unknown;
use super::{Lowering, Spot};
use crate::durations::Kind;
use crate::site::Site;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{Phase, Undo, Work};

impl Lowering<'_> {
    /// Saves data before the item begins, where the target says how.
    pub(super) fn backup(&mut self, site: &Site<'_>, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(template) = &site.target.backup else { return needs };
        let kinds = self.kinds;
        let Some(call) = calls::filled(template, &calls::site_values(site), site, "backup", kinds, self.notes) else { return needs };
        let spot = Spot { phase: Phase::Prepare, wave: 0, stage: 0, region: None, prefix: site.path() };
        let title = format!("Back up {}", site.target.component);
        let mut step = self.draft(site, &spot, "backup", title, Work::Call(call), Kind::Backup);
        step.undo = Undo::LeaveInPlace { reason: "a backup does no harm".to_owned() };
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.on_unknown = on_unknown(template, false, step.on_unknown);
        step.needs = needs;
        vec![self.push(step)]
    }
}

//! The contract half of a schema change, as a change of its own.
//!
//! Nothing brings back what it takes away, so all that can be made sure of comes before, the surest last: the backup (`backup`), the proof that it can
//! be restored, the word of a person who sees what goes, a look at every host that uses the data, and only then the statements. The look comes
//! after the approval because that may take hours, in which somebody may have brought an old version back.

use super::calls;
use super::schema::Half;
use super::{Lowering, Spot};
use crate::contract::{readers, seen};
use crate::durations::Kind;
use crate::lower::fleet::on_unknown;
use crate::site::Site;
use crate::sql::News;
use glidepath_model::Millis;
use glidepath_model::action::ActionCall;
use glidepath_model::catalog::Region;
use glidepath_model::change::{DataStep, ItemKind};
use glidepath_model::ids::{HostName, StepId};
use glidepath_model::plan::{Phase, Undo, Work};

/// How long the approval of a contract is waited for.
const APPROVAL_DEADLINE: Millis = Millis::from_mins(4 * 60);
/// Statements of a contract that its approval quotes; of more it tells the number.
const QUOTED_MAX: usize = 6;

impl Lowering<'_> {
    /// Restore test, approval, the look at whoever uses the data, the statements, and the look at whether they still work.
    pub(crate) fn contract(&mut self, site: &Site<'_>, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let ItemKind::Contract { contract, .. } = &site.change_item.kind else { return needs };
        let spot = Spot { phase: Phase::Prepare, wave, stage: 0, region: None, prefix: site.path() };
        let needs = self.restore_test(site, &spot, needs);
        let Some(ready) = self.made_ready(site, Half::Contract, &contract.step, &mut News::default()) else { return needs };
        let needs = self.approval(site, &spot, &contract.step, &ready.shown(), needs);
        let needs = self.readers_do_without(site, &spot, needs);
        let deploy = Spot { phase: Phase::Deploy, ..spot.clone() };
        let work = Work::Call(ready.call.clone());
        let mut step = self.draft(site, &deploy, Half::Contract.name(), Half::Contract.title(site, None), work, Half::Contract.kind());
        ready.apply_to(&mut step);
        step.undo = Undo::ForwardOnly { reason: "what it takes away is in the backup alone".to_owned() };
        step.needs = needs;
        let done = vec![self.push(step)];
        let verify = Spot { phase: Phase::Verify, ..spot };
        self.readers_work(site, &verify, done)
    }

    /// Proves that the newest backup can be restored, where the target says how; where it does not, the change has brought evidence (`contract`).
    fn restore_test(&mut self, site: &Site<'_>, spot: &Spot, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(template) = &site.target.restore_test else { return needs };
        let kinds = self.kinds;
        let Some(call) = calls::filled(template, &calls::site_values(site), site, "restore test", kinds, self.notes) else { return needs };
        let title = format!("Restore the backup of {} in a test", site.target.component);
        let mut step = self.draft(site, spot, "restore-test", title, Work::Call(call), Kind::RestoreTest);
        step.undo = Undo::LeaveInPlace { reason: "it restores beside what serves".to_owned() };
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.on_unknown = on_unknown(template, false, step.on_unknown);
        step.needs = needs;
        vec![self.push(step)]
    }

    /// A person sees what goes, and says whether it may.
    fn approval(&mut self, site: &Site<'_>, spot: &Spot, data: &DataStep, shown: &[String], needs: Vec<StepId>) -> Vec<StepId> {
        let what = match data {
            DataStep::Sql { path, .. } if shown.len() > QUOTED_MAX => {
                format!("{} statements of {path}, the first {}", shown.len(), shown[0])
            }
            DataStep::Sql { path, .. } => {
                format!("{path}: {}", shown.join("; "))
            }
            DataStep::Exec { .. } => shown.join(" "),
        };
        let stated = match &site.change_item.kind {
            ItemKind::Contract { restore_tested, .. } => restore_tested.as_ref(),
            _ => None,
        };
        let tested = match stated {
            _ if site.target.restore_test.is_some() => "The backup was restored in a test".to_owned(),
            Some(stated) => {
                format!("The backup was restored in a test at {}, as the change states: {}", stated.at.to_second(), stated.evidence)
            }
            None => "The backup was never restored in a test".to_owned(),
        };
        let prompt =
            format!("Apply to {} in {}: {what}? Nothing brings back what goes. {tested}.", site.target.component, site.environment.name);
        let title = format!("Approve the one-way step on {}", site.target.component);
        let work = Work::Manual { prompt: prompt.clone(), deadline_ms: APPROVAL_DEADLINE };
        let mut step = self.draft(site, spot, "approve", title, work, Kind::Approval);
        step.command = format!("glidepath promote RUN  # {prompt}");
        step.timeout_ms = APPROVAL_DEADLINE;
        step.needs = needs;
        vec![self.push(step)]
    }

    /// Each host that uses the data still runs the version that was seen at planning.
    fn readers_do_without(&mut self, site: &Site<'_>, spot: &Spot, needs: Vec<StepId>) -> Vec<StepId> {
        self.look_at_readers(site, spot, "does without what goes", "runs", needs, |this, reader, region, host| {
            let version = seen(reader.target, host, this.facts)?;
            calls::runs(reader, region, host, version.as_str(), this.kinds, this.notes)
        })
    }

    fn readers_work(&mut self, site: &Site<'_>, spot: &Spot, needs: Vec<StepId>) -> Vec<StepId> {
        self.look_at_readers(site, spot, "works without what has gone", "health", needs, |this, reader, region, host| {
            calls::health(reader, region, host, this.kinds, this.notes)
        })
    }

    /// One look at all hosts of each reader; what cannot be asked is left out.
    fn look_at_readers(
        &mut self,
        site: &Site<'_>,
        spot: &Spot,
        what: &str,
        name: &str,
        needs: Vec<StepId>,
        call: impl Fn(&mut Self, &Site<'_>, &Region, &HostName) -> Option<ActionCall>,
    ) -> Vec<StepId> {
        let begin = self.steps.len();
        for reader in readers(site.change_item, &site.environment.name, &self.facts.catalog) {
            let neighbour = self.neighbour(site, reader.target);
            let calls: Vec<ActionCall> = reader.target.hosts().filter_map(|(region, host)| call(self, &neighbour, region, host)).collect();
            let user = &reader.target.component;
            let title = format!("{user} {what}");
            let place = Spot { prefix: format!("{}/users/{user}", spot.prefix), ..spot.clone() };
            let count = self.steps.len();
            self.look(&neighbour, &place, name, title, calls, &needs);
            if let Some(step) = self.steps.get_mut(count) {
                (step.item, step.target) = (Some(site.item), None);
            }
        }
        let made: Vec<StepId> = self.steps[begin..].iter().map(|step| step.id.clone()).collect();
        if made.is_empty() { needs } else { made }
    }
}

//! Flag: a flag's share, raised in stages.

use super::{Ask, Method, Shortfall};
use crate::codes;
use crate::command::shell_line;
use crate::durations::Kind;
use crate::lower::calls;
use crate::lower::fleet::{on_unknown, undo_call};
use crate::lower::{Lowering, Spot};
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification, rounded};
use crate::site::Site;
use crate::template::{Placeholders, expecting};
use glidepath_model::action::ActionCall;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{CompensateOn, Exposure, FollowUp, Phase, Step, Strategy, Work};
use glidepath_model::{Diagnostic, Millis, Share, Timestamp};

/// Shares of users a flag is raised through, in percent.
const FLAG_PERCENT: [u32; 4] = [5, 10, 25, 50];
/// When a flag without a date is to be looked at.
const FLAG_REVIEW: Millis = Millis::from_mins(30 * 24 * 60);

/// A flag's share, raised in stages.
pub(super) struct Flag;

impl Method for Flag {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let (verification, blind_to) = plain_verification(site);
        let from = present(site);
        let to = Share::parse(&site.to).unwrap_or(Share::ALL);
        let first_max = site.environment.first_stage_max;
        let mut shares: Vec<Share> = FLAG_PERCENT.iter().map(|p| Share::percent(*p)).filter(|share| *share > from && *share < to).collect();
        if shares.first().is_some_and(|first| *first > first_max) && first_max > from && first_max >= Share::percent(1) {
            // Providers take whole percents.
            shares.insert(0, Share::percent(first_max.ppb() / 10_000_000));
        }
        shares.push(to);
        let stage = |share: Share| StagePath::of_calls(share.as_f64(), vec![Kind::Flag], Some(plain_gate(site)));
        let stages = shares.into_iter().map(stage).collect();
        let waves = vec![vec![RegionPath { region: None, stages }]];
        Ok(Outline { strategy: Strategy::Flag, verification, blind_to, waves, derived: Vec::new() })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let ItemKind::Flag { flag, remove_by, .. } = &site.change_item.kind else { return needs };
        to.flag(site, outline, flag, *remove_by, waves_before + 1, needs)
    }

    fn kind(&self) -> Kind {
        Kind::Flag
    }
}

/// The share that is there before.
fn present(site: &Site<'_>) -> Share {
    site.from.as_deref().and_then(Share::parse).unwrap_or(Share::ZERO)
}

/// A share as commands are told it.
fn percent(share: Share) -> u32 {
    (share.ppb() + 5_000_000) / 10_000_000
}

impl Lowering<'_> {
    fn flag(
        &mut self,
        site: &Site<'_>,
        outline: &Outline,
        flag: &str,
        remove_by: Option<Timestamp>,
        wave: u32,
        needs: Vec<StepId>,
    ) -> Vec<StepId> {
        if site.target.flag.is_none() {
            self.notes.wrong(
                Diagnostic::error(codes::TARGET_CANNOT, format!("{} does not say how a flag is set.", site.target.name))
                    .because("Without it nothing can be done.")
                    .hint(format!("Declare spec.flag on {}, with the placeholders {{flag}} and {{share}}.", site.target.name)),
            );
            return needs;
        }
        let from = present(site);
        let back = self.flag_call(site, flag, from);
        let mut frontier = self.still_at(site, flag, from, needs);
        for (number, stage) in outline.waves.iter().flatten().flat_map(|path| &path.stages).enumerate() {
            let stage_number = number as u32 + 1;
            let spot = Spot {
                phase: Phase::Deploy,
                wave,
                stage: stage_number,
                region: None,
                prefix: format!("{}/stage-{stage_number}", site.path()),
            };
            let Some(step) = self.flag_step(site, flag, stage, back.as_ref(), &spot, frontier.clone()) else { return frontier };
            frontier = vec![self.push(step)];
            if let Some(gate) = &stage.gate {
                frontier = vec![self.stage_gate(site, 0, stage, gate, usize::MAX, &spot, &frontier)];
            }
        }
        self.follow_ups.push(FollowUp {
            title: format!("Remove the flag {flag} from {}", site.target.component),
            not_before_ms: remove_by.map_or(FLAG_REVIEW, |by| by.since(self.options.now)),
            command: format!("remove {flag} from the code of {} and from the flag service", site.target.component),
            owner: site.owner.clone(),
            file: None,
        });
        frontier
    }

    fn flag_step(
        &mut self,
        site: &Site<'_>,
        flag: &str,
        stage: &StagePath,
        back: Option<&ActionCall>,
        spot: &Spot,
        needs: Vec<StepId>,
    ) -> Option<Step> {
        let template = site.target.flag.as_deref()?;
        let share = rounded(Share::from_f64(stage.share));
        let call = self.flag_call(site, flag, share)?;
        let kinds = self.kinds;
        let title = format!("Show {flag} to {share} of the users");
        let mut step = self.draft(site, spot, "set", title, Work::Call(call), Kind::Flag);
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.probe = self.flag_is(site, flag, share);
        step.on_unknown = on_unknown(template, step.probe.is_some(), step.on_unknown);
        step.validations = step.probe.iter().cloned().collect();
        step.compensate_on = CompensateOn::Attempt;
        step.exposure = Some(Exposure {
            target: site.target.name.clone(),
            region: None,
            share,
            safety: back.cloned(),
            safety_command: back.map(shell_line),
            safety_needs: Vec::new(),
            safety_takes: None,
        });
        if let (1, Some(back)) = (spot.stage, back) {
            let from = present(site);
            step.undo = undo_call(back.clone(), self.flag_is(site, flag, from).into_iter().collect(), step.timeout_ms);
        }
        step.needs = needs;
        Some(step)
    }

    /// A look that nobody has set another share meanwhile.
    fn still_at(&mut self, site: &Site<'_>, flag: &str, from: Share, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(call) = self.flag_is(site, flag, from).filter(|_| !site.is_granted) else { return needs };
        let prefix = format!("{}/preflight", site.path());
        let spot = Spot { phase: Phase::Preflight, wave: 0, stage: 0, region: None, prefix };
        let title = format!("{flag} is still shown to {from} of the users of {}", site.target.component);
        let begin = self.steps.len();
        self.look(site, &spot, "flag", title, vec![call], &needs);
        self.steps.get(begin).map_or(needs, |step| vec![step.id.clone()])
    }

    /// A read that answers this share, where the target says how one is read.
    fn flag_is(&mut self, site: &Site<'_>, flag: &str, share: Share) -> Option<ActionCall> {
        let template = site.target.flag_read.as_deref()?;
        let values = calls::site_values(site).with("flag", flag);
        let call = calls::filled(template, &values, site, "share of a flag", self.kinds, self.notes)?;
        expecting(call, &percent(share).to_string())
    }

    fn flag_call(&mut self, site: &Site<'_>, flag: &str, share: Share) -> Option<ActionCall> {
        let template = site.target.flag.as_deref()?;
        let percent = percent(share);
        let values: Placeholders = calls::site_values(site)
            .with("flag", flag)
            .with("share", percent.to_string())
            .with("value", if percent > 0 { "true" } else { "false" });
        calls::filled(template, &values, site, "flag command", self.kinds, self.notes)
    }
}

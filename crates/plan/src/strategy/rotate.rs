//! Rotate: a new secret beside the old one, taken into use host by host, the old one kept until it is retired.
//!
//! The store makes the new value while the old one stays valid, so that at every moment each host has a value that works, whichever it is.
//! Readers take it one after the other, each as a rolling change of its own: one host first, which proves that it works with the new value. The
//! way back is the old value, which is still valid; so the retirement, which ends that, is no part of the flight but a follow-up.

use super::rolling::by_hosts;
use super::{Ask, Method, Shortfall, by_region};
use crate::command::shell_line;
use crate::durations::Kind;
use crate::lower::fleet::{on_unknown, undo_call};
use crate::lower::host::Doing;
use crate::lower::{Lowering, Spot, calls};
use crate::outline::{Outline, RegionPath, StagePath, plain_verification};
use crate::site::Site;
use glidepath_model::Millis;
use glidepath_model::catalog::{ActionTemplate, Rotation, Target};
use glidepath_model::change::ItemKind;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{CompensateOn, FollowUp, Phase, Strategy, Undo, Work};

/// A new secret beside the old one, host by host.
pub(super) struct Rotate;

/// A new secret taken into use by the target's `rotate.install`.
const INSTALL: Doing = Doing {
    verb: "install",
    kind: Kind::Install,
    title: |site, host| format!("Let {host} take {} into use", site.to),
    forward: |target| declared(target, |rotation| rotation.install.as_ref()),
    back: |target| declared(target, |rotation| rotation.restore.as_ref()),
    goes_back_itself: false,
    vacate: |_| None,
    halt: |_| None,
    settle: |_| Millis::ZERO,
};

fn declared(target: &Target, field: fn(&Rotation) -> Option<&ActionTemplate>) -> Option<&ActionTemplate> {
    target.rotate.as_deref().and_then(field)
}

impl Method for Rotate {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let mut needed: Vec<(&str, &str, Option<&ActionTemplate>)> = Vec::new();
        if site.is_own() {
            needed.push(("rotate.make", "is made", declared(site.target, |rotation| rotation.make.as_ref())));
        }
        if site.changes_hosts() {
            needed.push(("rotate.install", "is taken into use", declared(site.target, |rotation| rotation.install.as_ref())));
            needed.push(("rotate.verify", "is proven to work", declared(site.target, |rotation| rotation.verify.as_ref())));
        }
        if let Some((field, what, _)) = needed.iter().find(|(_, _, template)| template.is_none()) {
            let name = &site.target.name;
            return Err(Shortfall::new(format!("{name} does not say how {} {what}", site.to)).unless(format!("{field} on {name}")));
        }
        if site.changes_hosts() && site.regions.is_empty() {
            let name = &site.target.name;
            return Err(Shortfall::new(format!("{name} has no hosts that could take {}", site.to)).unless(format!("hosts on {name}")));
        }
        let (verification, blind_to) = plain_verification(site);
        let (mut waves, derived) = if site.changes_hosts() { by_hosts(ask)? } else { (Vec::new(), Vec::new()) };
        if site.is_own() {
            let make = StagePath::of_calls(0.0, vec![Kind::Make], None);
            waves.insert(0, vec![RegionPath { region: None, stages: vec![make] }]);
        }
        Ok(Outline { strategy: Strategy::Rotate, verification, blind_to, waves, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let ItemKind::Secret { secret, retire_after_ms, .. } = &site.change_item.kind else { return needs };
        let needs = if site.is_own() { to.make_secret(site, secret, *retire_after_ms, waves_before + 1, needs) } else { needs };
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.fleet(site, at, path, wave, outline.strategy, needs))
    }

    fn doing(&self) -> Doing {
        INSTALL
    }
}

impl Lowering<'_> {
    /// The new value beside the old one; that one's retirement becomes a follow-up.
    fn make_secret(&mut self, site: &Site<'_>, secret: &str, retire_after: Millis, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(rotation) = &site.target.rotate else { return needs };
        let Some(template) = &rotation.make else { return needs };
        let (kinds, values) = (self.kinds, calls::site_values(site));
        let Some(call) = calls::filled(template, &values, site, "command that makes a secret", kinds, self.notes) else { return needs };
        let discard = rotation.discard.as_ref().and_then(|template| {
            let call = calls::filled(template, &values, site, "command that discards a secret", kinds, self.notes)?;
            Some(undo_call(call, Vec::new(), calls::timeout(template, kinds)))
        });
        let spot = Spot { phase: Phase::Prepare, wave, stage: 0, region: None, prefix: site.path() };
        let title = format!("Make a new {secret} beside the present one");
        let mut step = self.draft(site, &spot, "make", title, Work::Call(call), Kind::Make);
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.on_unknown = on_unknown(template, false, step.on_unknown);
        step.compensate_on = if discard.is_some() { CompensateOn::Attempt } else { CompensateOn::Done };
        step.undo =
            discard.unwrap_or_else(|| Undo::LeaveInPlace { reason: "the new value stays in the store, and nobody uses it".to_owned() });
        step.needs = needs;
        let made = self.push(step);
        self.retire_later(site, secret, rotation, retire_after);
        self.notes.derive(format!(
            "{}: both values of {secret} are valid from its making until the old one is retired, {retire_after} after landing at the earliest.",
            site.target.name
        ));
        vec![made]
    }

    /// What cannot be undone is no line to paste: whoever does it looks first, and asks.
    fn retire_later(&mut self, site: &Site<'_>, secret: &str, rotation: &Rotation, not_before_ms: Millis) {
        let call = rotation.retire.as_ref().and_then(|template| {
            calls::filled(template, &calls::site_values(site), site, "command that retires a secret", self.kinds, self.notes)
        });
        let how = call.map_or_else(|| format!("the retirement of the old {secret}"), |call| format!("`{}`", shell_line(&call)));
        self.follow_ups.push(FollowUp {
            title: format!("Retire the old {secret} in {}: one-way, as a change of its own with its own approval", site.environment.name),
            not_before_ms,
            command: format!("plan {how} as a runbook of its own: look that nothing uses the old value, ask, then do it"),
            owner: site.owner.clone(),
            file: None,
        });
    }
}

//! What is done on one host to bring it to the new side, and how it comes back.

use super::calls::{self, Side};
use super::fleet::{on_unknown, undo_call};
use super::{Lowering, Spot};
use crate::codes;
use crate::command::pause_call;
use crate::durations::{self, Kind};
use crate::site::Site;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::{ActionTemplate, Target};
use glidepath_model::ids::{HostName, StepId};
use glidepath_model::plan::{CompensateOn, Step, Undo, Work};
use glidepath_model::version_shown;
use glidepath_model::{Diagnostic, Millis};

/// How long a person may take to do a step by hand.
const MANUAL_DEADLINE: Millis = Millis::from_mins(60);

/// What a strategy does on each host.
#[derive(Clone, Copy)]
pub(crate) struct Doing {
    /// Beginning of the step's name: `deploy` makes `deploy-pay-1`.
    pub(crate) verb: &'static str,
    pub(crate) kind: Kind,
    /// The step for people.
    pub(crate) title: fn(&Site<'_>, &HostName) -> String,
    pub(crate) forward: fn(&Target) -> Option<&ActionTemplate>,
    /// The way back of its own.
    pub(crate) back: fn(&Target) -> Option<&ActionTemplate>,
    /// Whether without one the same command goes back by being told the old version.
    pub(crate) goes_back_itself: bool,
    /// How a host is rid of its work before, and how it takes work again.
    pub(crate) vacate: fn(&Target) -> Option<(&ActionTemplate, &ActionTemplate)>,
    /// How what runs on a host is stopped before, where no host is started until all of them are. The way back of a start is the stop.
    pub(crate) halt: fn(&Target) -> Option<&ActionTemplate>,
    /// How long a host is left alone afterwards.
    pub(crate) settle: fn(&Target) -> Millis,
}

/// A host that is rid of its work, or takes work again: each is the other turned round.
pub(super) struct Handover<'a> {
    verb: &'static str,
    kind: Kind,
    /// The step for people.
    title: String,
    /// The way forward and the way back, with what they are called.
    calls: [(&'a ActionTemplate, &'static str); 2],
}

impl Doing {
    /// Rids a host of its work before it is changed, where the target says how.
    pub(super) fn vacates<'a>(&self, target: &'a Target, host: &HostName) -> Option<Handover<'a>> {
        let calls = self.handover(target)?;
        Some(Handover { verb: "vacate", kind: Kind::Drain, title: format!("Rid {host} of its work"), calls })
    }

    /// Lets a changed host take work; on the way back it is rid of it again before it is changed back.
    pub(super) fn admits<'a>(&self, target: &'a Target, host: &HostName) -> Option<Handover<'a>> {
        let [drain, admit] = self.handover(target)?;
        Some(Handover { verb: "admit", kind: Kind::Admit, title: format!("Let {host} take work"), calls: [admit, drain] })
    }

    fn handover<'a>(&self, target: &'a Target) -> Option<[(&'a ActionTemplate, &'static str); 2]> {
        let (drain, admit) = (self.vacate)(target)?;
        Some([(drain, "command that drains a host"), (admit, "command that admits a host")])
    }
}

/// A version brought by the target's `deploy`.
pub(crate) const DEPLOY: Doing = Doing {
    verb: "deploy",
    kind: Kind::Deploy,
    title: |site, host| format!("Deploy {} {} to {host}", site.target.component, version_shown(&site.to)),
    forward: |target| target.deploy.as_ref(),
    back: |target| target.undo.as_ref(),
    goes_back_itself: true,
    vacate: |_| None,
    halt: |_| None,
    settle: |_| Millis::ZERO,
};

/// Beginnings of the names of steps that are for one host: `deploy-pay-1`.
pub(crate) const HOST_VERBS: [&str; 9] = ["deploy", "reload", "replace", "install", "vacate", "admit", "retire", STOP, RENEW];

/// Beginning of the name of a step that stops what runs on a host.
pub(crate) const STOP: &str = "stop";

/// Beginning of the name of a step that starts the old version of a host afresh.
pub(crate) const RENEW: &str = "renew";

/// Whether a step starts the old version of a host afresh.
pub(crate) fn renews(step: &Step) -> bool {
    step.id.as_str().rsplit('/').next().and_then(|name| name.strip_prefix(RENEW)).is_some_and(|host| host.starts_with('-'))
}

/// Name of the place before hosts are taken.
pub(crate) const TURN: &str = "turn";

/// Time that a wait may take beyond its length.
const SETTLE_GRACE: Millis = Millis::from_mins(1);

impl Lowering<'_> {
    /// Stops what runs on a host, where the target says how; its undo starts the old version there.
    pub(super) fn halt_step(
        &mut self,
        doing: Doing,
        site: &Site<'_>,
        at: usize,
        host: &HostName,
        spot: &Spot,
        needs: &[StepId],
    ) -> Option<Step> {
        let template = (doing.halt)(site.target)?;
        let kinds = self.kinds;
        let values = calls::host_values(site, site.regions[at].region, host);
        let call = calls::filled(template, &values, site, "command that stops a host", kinds, self.notes)?;
        let title = format!("Stop {} {} on {host}", site.target.component, site.present());
        let mut step = self.draft(site, spot, &format!("{STOP}-{host}"), title, Work::Call(call), Kind::Halt);
        step.undo = self.host_undo(doing, site, at, host);
        step.compensate_on = CompensateOn::Attempt;
        step.timeout_ms = calls::patience(template, kinds, &step.expected);
        step.retry = calls::retry(template, kinds);
        step.on_unknown = on_unknown(template, false, step.on_unknown);
        step.needs = needs.to_vec();
        Some(step)
    }

    /// The way back of a start: to be stopped again. There is none where the old version could not be started then.
    fn start_undo(&mut self, doing: Doing, site: &Site<'_>, at: usize, host: &HostName) -> Undo {
        let old = self.host_undo(doing, site, at, host);
        let (Undo::Call { .. }, Some(template)) = (&old, (doing.halt)(site.target)) else { return old };
        let kinds = self.kinds;
        let values = calls::host_values(site, site.regions[at].region, host);
        let Some(call) = calls::filled(template, &values, site, "command that stops a host", kinds, self.notes) else {
            return Undo::Nothing;
        };
        let expected = durations::of_one_try(Kind::Halt, site, self.facts);
        undo_call(call, Vec::new(), calls::patience(template, kinds, &expected))
    }

    /// Hands the work of a host over, where the target says how; its undo hands it back.
    pub(super) fn handover_step(
        &mut self,
        over: Handover<'_>,
        site: &Site<'_>,
        at: usize,
        host: &HostName,
        spot: &Spot,
        needs: &[StepId],
    ) -> Option<Step> {
        let kinds = self.kinds;
        let values = calls::host_values(site, site.regions[at].region, host);
        let [(forward, what), (back, what_back)] = over.calls;
        let call = calls::filled(forward, &values, site, what, kinds, self.notes)?;
        let call_back = calls::filled(back, &values, site, what_back, kinds, self.notes)?;
        let mut step = self.draft(site, spot, &format!("{}-{host}", over.verb), over.title, Work::Call(call), over.kind);
        step.undo = undo_call(call_back, Vec::new(), calls::timeout(back, kinds));
        step.compensate_on = CompensateOn::Attempt;
        step.timeout_ms = calls::timeout(forward, kinds);
        step.retry = calls::retry(forward, kinds);
        step.on_unknown = on_unknown(forward, false, step.on_unknown);
        step.needs = needs.to_vec();
        Some(step)
    }

    /// The place before hosts are taken: on the way forward nothing is left to do there, on the way back those that were just changed back are left alone
    /// for as long as on the way there, before the next are taken.
    pub(super) fn turn_step(&self, doing: Doing, site: &Site<'_>, spot: &Spot, hosts: &str, needs: &[StepId]) -> Option<Step> {
        let length = (doing.settle)(site.target);
        if length == Millis::ZERO {
            return None;
        }
        let title = format!("Turn to {hosts}");
        let mut step = self.draft(site, spot, TURN, title, Work::Wait(Millis::ZERO), Kind::Check);
        step.undo = undo_call(pause_call(length), Vec::new(), length.plus(SETTLE_GRACE));
        step.on_unknown = OnUnknown::Rerun;
        step.needs = needs.to_vec();
        Some(step)
    }

    /// Leaves changed hosts alone for as long as the target says, before they count.
    pub(super) fn settle_step(&self, doing: Doing, site: &Site<'_>, spot: &Spot, needs: &[StepId]) -> Option<Step> {
        self.wait_step(site, spot, (doing.settle)(site.target), needs)
    }

    /// A wait of some length, if any.
    pub(crate) fn wait_step(&self, site: &Site<'_>, spot: &Spot, length: Millis, needs: &[StepId]) -> Option<Step> {
        if length == Millis::ZERO {
            return None;
        }
        let title = format!("Let what is new of {} warm up for {length}", site.target.component);
        let mut step = self.draft(site, spot, "warm-up", title, Work::Wait(length), Kind::Check);
        step.timeout_ms = length.plus(SETTLE_GRACE);
        step.needs = needs.to_vec();
        Some(step)
    }

    /// Brings a host to the new side.
    pub(crate) fn host_step(&mut self, doing: Doing, site: &Site<'_>, at: usize, host: &HostName, spot: &Spot, needs: &[StepId]) -> Step {
        let region = site.regions[at].region;
        let kinds = self.kinds;
        let values = calls::host_values(site, region, host);
        let title = (doing.title)(site, host);
        let verb = doing.verb;
        let template = (doing.forward)(site.target);
        if template.is_none() {
            self.notes.wrong(
                Diagnostic::error(codes::TARGET_CANNOT, format!("{} does not say how a version is deployed.", site.target.name))
                    .because("Without it nothing can be done.")
                    .hint(format!(
                        "Declare spec.deploy on {}, for example exec: {{ argv: [ ./deploy.sh, \"{{host}}\", \"{{version}}\" ] }}.",
                        site.target.name
                    )),
            );
        }
        let call = template.and_then(|t| calls::filled(t, &values, site, &format!("{verb} command"), kinds, self.notes));
        let work = match (template, call) {
            (Some(template), Some(call)) if template.kind == "manual" => by_hand(&call, &title),
            (_, Some(call)) => Work::Call(call),
            (_, None) => Work::Wait(Millis::ZERO),
        };
        let mut step = self.draft(site, spot, &format!("{verb}-{host}"), title, work, doing.kind);
        if !self.is_sketch {
            step.validations = calls::validations(site, region, host, Side::New, kinds, self.notes);
            step.probe = calls::is_on(site, region, host, Side::New, kinds, self.notes);
        }
        step.undo = self.start_undo(doing, site, at, host);
        step.compensate_on = CompensateOn::Attempt;
        if let Some(template) = template {
            step.timeout_ms = calls::patience(template, kinds, &step.expected);
            step.retry = calls::retry(template, kinds);
            // A sketch has no probe, and is tried again as often as what it is a sketch of.
            let has_probe = step.probe.is_some() || (self.is_sketch && site.target.version_probe.is_some());
            step.on_unknown = on_unknown(template, has_probe, step.on_unknown);
        }
        step.needs = needs.to_vec();
        step
    }

    /// Starts the old version of a host afresh, to be compared with. It goes back the same way: where it was cut off, nobody knows what is left of it.
    pub(super) fn renew_step(
        &mut self,
        doing: Doing,
        site: &Site<'_>,
        at: usize,
        host: &HostName,
        spot: &Spot,
        needs: &[StepId],
    ) -> Option<Step> {
        let (region, kinds) = (site.regions[at].region, self.kinds);
        let template = (doing.forward)(site.target)?;
        let values = calls::host_values(site, region, host).with("version", site.goes_back_to(host)?);
        let call = calls::filled(template, &values, site, "deploy command", kinds, self.notes)?;
        let title = format!("Start {} {} on {host} afresh, to be compared with", site.target.component, site.present());
        let mut step = self.draft(site, spot, &format!("{RENEW}-{host}"), title, Work::Call(call), doing.kind);
        if !self.is_sketch {
            step.validations = calls::validations(site, region, host, Side::Old, kinds, self.notes);
            step.probe = calls::is_on(site, region, host, Side::Old, kinds, self.notes);
        }
        step.undo = self.host_undo(doing, site, at, host);
        step.compensate_on = CompensateOn::Attempt;
        step.timeout_ms = calls::patience(template, kinds, &step.expected);
        step.retry = calls::retry(template, kinds);
        let has_probe = step.probe.is_some() || (self.is_sketch && site.target.version_probe.is_some());
        step.on_unknown = on_unknown(template, has_probe, step.on_unknown);
        step.needs = needs.to_vec();
        Some(step)
    }

    fn host_undo(&mut self, doing: Doing, site: &Site<'_>, at: usize, host: &HostName) -> Undo {
        let region = site.regions[at].region;
        let kinds = self.kinds;
        let component = &site.target.component;
        let own = (doing.back)(site.target);
        let template = match (own, (doing.forward)(site.target)) {
            (Some(undo), _) => undo,
            (None, Some(_)) if !doing.goes_back_itself => {
                return Undo::ForwardOnly {
                    reason: format!("{} does not say how a host goes back to {}", site.target.name, site.present()),
                };
            }
            (None, Some(forward)) if forward.kind != "manual" => forward,
            (None, Some(_)) => return Undo::ForwardOnly { reason: format!("{component} is deployed by hand and declares no undo") },
            (None, None) => return Undo::Nothing,
        };
        let values = calls::host_values(site, region, host);
        let values = match site.goes_back_to(host) {
            Some(from) if own.is_none() => values.with("version", from),
            Some(_) => values,
            None if own.is_some() && template.filled(values.values()).is_ok() => values,
            None => return Undo::ForwardOnly { reason: format!("the version of {component} that runs now is not known") },
        };
        let Some(call) = calls::filled(template, &values, site, "undo command", kinds, self.notes) else { return Undo::Nothing };
        let validations = if self.is_sketch { Vec::new() } else { calls::validations(site, region, host, Side::Old, kinds, self.notes) };
        let expected = durations::of_one_try(doing.kind, site, self.facts);
        undo_call(call, validations, calls::patience(template, kinds, &expected))
    }
}

fn by_hand(call: &ActionCall, title: &str) -> Work {
    let text = call.input.get("text").and_then(|t| t.as_str()).unwrap_or(title);
    let deadline = call.input.get("deadlineMs").and_then(serde_json::Value::as_u64).map_or(MANUAL_DEADLINE, Millis);
    Work::Manual { prompt: text.to_owned(), deadline_ms: deadline }
}

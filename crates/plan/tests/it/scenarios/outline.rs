//! A plan in lines, as the author of a scenario reads it when a line does not hold.

use glidepath_model::Diagnostic;
use glidepath_model::plan::{CountSelectors, Estimate, GateCheck, Plan, Step, Undo, Work};
use glidepath_model::text::plain;
use glidepath_plan::Planning;
use std::fmt::Write as _;

/// The plan, or why there is none.
pub(super) fn of_planning(planning: &Planning) -> String {
    let mut out = String::new();
    for diagnostic in planning.refused.iter().chain(&planning.diagnostics) {
        let _ = writeln!(out, "refused {}", of_diagnostic(diagnostic));
    }
    planning.plan.as_ref().map_or(out.clone(), |plan| out + &of_plan(plan))
}

pub(super) fn of_diagnostic(diagnostic: &Diagnostic) -> String {
    format!("{} {} | {} | {}", diagnostic.code, diagnostic.message, diagnostic.reason, diagnostic.hint)
}

pub(super) fn of_plan(plan: &Plan) -> String {
    let (body, mut out) = (&plan.body, String::new());
    for a in &body.assignments {
        let _ = writeln!(out, "{}/{}: {} {} -> {}, {}", a.environment, a.component, a.strategy, a.from, a.to, a.verification);
        let _ = a.blind_to.iter().try_for_each(|blind| writeln!(out, "  {blind}"));
        for stage in &a.ladder {
            let place = stage.region.as_ref().map_or("all", |region| region.as_str());
            let _ = writeln!(out, "  {place} {} bakes {}: {}", percent(stage.share.as_f64()), stage.bake_ms, stage.explanation);
        }
    }
    for r in &plan.ruled_out {
        let would_do = r.would_do.as_ref().map_or(String::new(), |would_do| format!("; possible with {would_do}"));
        let _ = writeln!(out, "ruled out {}/{} {}: {}{would_do}", r.environment, r.component, r.strategy, r.fact);
    }
    for candidate in &plan.candidates {
        let _ = writeln!(out, "candidate {}: {} ({})", candidate.rank, candidate.name, candidate.reason);
    }
    body.steps.iter().for_each(|step| write_step(&mut out, step));
    for follow in &body.follow_ups {
        let _ = writeln!(out, "follow-up after {}: {}: {}", follow.not_before_ms, follow.title, follow.command);
    }
    let _ = writeln!(out, "one-way {:?}", body.envelope.one_way.iter().map(|id| id.as_str()).collect::<Vec<_>>());
    for group in &body.groups {
        let (name, at_once, may_fail) = (&group.name, group.in_flight_max, group.failures_max);
        let _ = writeln!(out, "group {name}: {at_once} in flight, {may_fail} may fail, {} between starts", group.stagger_ms);
    }
    for throttle in &body.throttles {
        let plural = |count: u32, noun: &str| if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
        let rate = throttle.rate.map(|rate| format!("{} in {}", plural(rate.starts_max, "start"), rate.per_ms));
        let breaker = throttle.breaker.map(|b| format!("breaker after {} in {}", plural(b.failures_max, "failure"), b.within_ms));
        let _ = writeln!(out, "throttle {}: {}", throttle.target, rate.into_iter().chain(breaker).collect::<Vec<_>>().join(", "));
    }
    for claim in body.all_claims() {
        let _ = writeln!(out, "claims {claim}");
    }
    for gate in &body.takeoff {
        let _ = writeln!(out, "take-off {}", takeoff(gate));
    }
    for matrix in &body.matrices {
        let versions: Vec<String> = matrix.versions.iter().map(|(component, version)| format!("{component} {version}")).collect();
        let _ = writeln!(out, "mix {}: {}; {}", matrix.when, versions.join(", "), matrix.note);
    }
    for finding in &plan.findings {
        let _ = writeln!(out, "finding {}", of_diagnostic(finding));
    }
    for sentence in &plan.derived {
        let _ = writeln!(out, "derived {sentence}");
    }
    if let Some(clearance) = &plan.clearance {
        let _ = writeln!(out, "clearance: {} ceremony, because {}", clearance.ceremony, clearance.because);
        let who = if clearance.needs_person.is_empty() { "flies without a person".to_owned() } else { clearance.needs_person.join("; ") };
        let _ = writeln!(out, "  {who}");
        clearance.passes.iter().for_each(|passes| out.push_str(&format!("  passes: {passes}\n")));
    }
    for part in plan.split.iter().flat_map(|split| &split.parts) {
        let _ = writeln!(out, "could go alone: {} with the items {:?}", part.name, part.items);
    }
    write_prediction(&mut out, plan);
    out
}

fn write_step(out: &mut String, step: &Step) {
    let needs: Vec<&str> = step.needs.iter().map(|need| need.as_str()).collect();
    let needs = if needs.len() > 3 { format!("{} steps", needs.len()) } else { needs.join(", ") };
    let after = if step.after_landing { ", after landing" } else { "" };
    let _ = writeln!(out, "{} [{} w{} s{}{after}] <- {needs}: {}", step.id, step.phase, step.wave, step.stage, step.title);
    let _ = match &step.work {
        Work::Call(_) => writeln!(out, "  $ {}", step.command.lines().collect::<Vec<_>>().join(" ")),
        Work::Gate(_) => writeln!(out, "  {}", gate(step).unwrap_or_default()),
        Work::Wait(length) => writeln!(out, "  waits {length}"),
        Work::Manual { prompt, .. } => writeln!(out, "  asks {prompt}"),
        Work::Event { event, .. } => writeln!(out, "  awaits {event}"),
    };
    if let Some(when) = &step.when {
        let _ = writeln!(out, "  when {when}");
    }
    if matches!(step.work, Work::Call(_)) {
        let _ = writeln!(out, "  tries {}, unknown {}", step.retry.attempts_max, format!("{:?}", step.on_unknown).to_lowercase());
    }
    if step.undo != Undo::Nothing {
        let _ = writeln!(out, "  {}", undo(&step.undo));
    }
    if let Some(exposure) = &step.exposure {
        let safety = exposure.safety_command.as_deref().unwrap_or("undo of the deploys");
        let _ = writeln!(out, "  exposes {}, safe by {safety}", percent(exposure.share.as_f64()));
    }
}

/// A gate in a line: what it watches, how long, by which checks.
pub(super) fn gate(step: &Step) -> Option<String> {
    let Work::Gate(gate) = &step.work else { return None };
    let checks: Vec<String> = gate
        .checks
        .iter()
        .map(|check| match check {
            GateCheck::Proportion { name, effect, baseline: CountSelectors::BadOfTotal { total, .. }, baseline_hosts, .. }
                if !baseline_hosts.is_empty() =>
            {
                format!("judges {name} against {total} for a {effect:.1}-fold rise")
            }
            GateCheck::Proportion { name, effect, .. } => format!("judges {name} against the old side for a {effect:.1}-fold rise"),
            GateCheck::Values { name, margin, .. } => format!("compares {name}, at most {margin} times worse"),
            GateCheck::Threshold { name, .. } => format!("threshold {name}"),
            GateCheck::Kayenta { name, metrics, timing, .. } => {
                format!(
                    "{name}, {} metrics at {} looks, such as {} against {}",
                    metrics.len(),
                    timing.looks,
                    metrics[0].canary,
                    metrics[0].baseline
                )
            }
            GateCheck::Probe { name, .. } => format!("probe {name}"),
            GateCheck::Burn { name, burn_max, turns_back, .. } => {
                format!("{name} above {burn_max} {}", if *turns_back { "holds or turns back" } else { "holds" })
            }
        })
        .collect();
    Some(format!("watches {}, {}: {}", gate.subject, gate.bake_ms, checks.join("; ")))
}

pub(super) fn undo(undo: &Undo) -> String {
    match undo {
        Undo::Call { command, .. } => format!("undo call {}", command.lines().collect::<Vec<_>>().join(" ")),
        Undo::Nothing => "undo nothing".to_owned(),
        Undo::LeaveInPlace { reason } => format!("undo stays: {reason}"),
        Undo::ForwardOnly { reason } => format!("undo one-way: {reason}"),
    }
}

pub(super) fn takeoff(gate: &glidepath_model::plan::TakeoffGate) -> String {
    serde_json::to_string(gate).unwrap_or_default()
}

fn write_prediction(out: &mut String, plan: &Plan) {
    let p = &plan.prediction;
    let time =
        |time: &Option<Estimate>| time.as_ref().map_or("never".to_owned(), |time| format!("within {} ({})", time.p50_ms, time.p95_ms));
    let why = p.time_to_safety.as_ref().map_or("", |time| &time.source);
    let _ = writeln!(out, "safe {}: {why}; undone {}", time(&p.time_to_safety), time(&p.time_to_rollback));
    let _ = writeln!(out, "takes {} ({})", p.duration.p50_ms, p.duration.p95_ms);
    let spent = p.budget_share.map_or("an unknown part".to_owned(), |share| format!("{} %", plain(share * 100.0)));
    let (bad, straight) = (plain(p.bad_requests), plain(p.bad_requests_straight));
    let _ = match p.bad_requests_straight > 0.0 {
        true => writeln!(out, "expects {bad} bad requests, {straight} with a straight deploy, and {spent} of a budget spent"),
        false => writeln!(out, "expects nobody knows how many bad requests, and {spent} of a budget spent"),
    };
    if !p.traffic_not_known.is_empty() {
        let _ = writeln!(out, "traffic not known of {}", p.traffic_not_known.join(", "));
    }
    if let Some(schedule) = &p.schedule {
        let zone = schedule.time_zone.as_deref();
        let _ = writeln!(out, "takes off {}, lands {}", schedule.takes_off.written_in(zone), schedule.lands_p95.written_in(zone));
    }
    let cost = p.extra_cost.as_ref().map_or("not known".to_owned(), ToString::to_string);
    let _ = writeln!(out, "costs {cost}, risk {}: {}", p.risk, p.risk_reasons.join("; "));
}

/// A share for people, to a tenth of a percent.
pub(super) fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    format!("{tenths} %")
}

//! What a line of a scenario claims of a plan. [`CLAIMS`] has the words with what comes after them.
//!
//! A PATTERN finds steps by their path: consecutive parts of it, in which `*` stands for anything and `**` for any number of parts. `payments/eu-west`
//! finds all steps of payments in eu-west, `auth/**/deploy-*` all deploys of auth. A claim about a pattern that finds nothing does not hold. A PLACE is
//! an environment and a component, `production/payments`.

use super::outline::{gate, of_diagnostic, of_plan, percent, takeoff, undo};
use super::script::Word;
use glidepath_model::plan::{Assignment, Plan, Step, Undo};
use glidepath_model::{Diagnostic, Millis, Share, StepId, Timestamp};
use glidepath_plan::Planning;
use std::collections::{BTreeMap, BTreeSet};

type Check = fn(&Plan, &[&str]) -> Result<(), String>;

/// Every claim: its word, what comes after it, and how it is checked.
pub(super) const CLAIMS: &[(&str, &str, Check)] = &[
    ("strategy", "PLACE NAME", strategy),
    ("ruled-out", "PLACE NAME \"fact\" [\"what would make it possible\"]", ruled_out),
    ("candidate", "PLACE NAME", candidate),
    ("verification", "PLACE statistical|threshold|probe [\"what it is blind to\"]", verification),
    ("stages", "PLACE REGION SHARE...", stages),
    ("order", "PATTERN < PATTERN [< PATTERN ...]: all of the first are behind before any of the next begins", order),
    ("apart", "PATTERN PATTERN: no wave has steps of both", apart),
    ("wave", "PATTERN NUMBER", wave),
    ("count", "PATTERN NUMBER: so many steps", count),
    ("share", "PATTERN SHARE: the greatest that they expose", share),
    ("gate", "PATTERN \"text\"...: each gate says all of it", gate_says),
    ("bakes", "PATTERN DURATION: each gate at least so long", bakes),
    ("undo", "PATTERN call|stays|one-way|nothing [\"text\"]: of each", undo_is),
    ("command", "PATTERN \"text\"...: each has all of it", command),
    ("safety", "PATTERN \"text\": what brings each exposure to safety", safety),
    ("one-way", "none | PATTERN", one_way),
    ("follow-up", "\"text\" [DURATION]: not before so long after landing", follow_up),
    ("finding", "CODE \"text\"...", finding),
    ("no-finding", "CODE", no_finding),
    ("safe", "within DURATION | never", safe),
    ("undone", "within DURATION | never", undone),
    ("takes-off", "TIME", takes_off),
    ("lands", "before TIME | after TIME", lands),
    ("risk", "low|medium|high [\"reason\"]", risk),
    ("takeoff", "\"text\": a condition at take-off", takeoff_says),
    ("says", "\"text\"...: somewhere in the outline", says),
    ("never", "\"text\": nowhere in the outline", never),
    ("refused", "CODE \"text\"...: there is no plan", |_, _| Err("there is a plan".to_owned())),
];

/// Holds a line against what planning came to; says what is so where it does not hold.
pub(super) fn check(planning: &Planning, words: &[Word]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(Word::text).collect();
    let (word, rest) = words.split_first().ok_or("not understood")?;
    let (_, usage, check) = CLAIMS.iter().find(|(known, ..)| known == word).ok_or_else(|| {
        let known: Vec<&str> = CLAIMS.iter().map(|(known, ..)| *known).collect();
        format!("not understood; known are {}", known.join(", "))
    })?;
    let is_so = match (&planning.plan, *word) {
        (None, "refused") => diagnosed(planning.refused.iter().chain(&planning.diagnostics), rest),
        (None, _) => Err("there is no plan".to_owned()),
        (Some(plan), _) => check(plan, rest),
    };
    is_so.map_err(|problem| if problem == USAGE { format!("not understood; `{word} {usage}` is") } else { problem })
}

/// What a check says where it does not understand its words.
const USAGE: &str = "usage";

fn usage<T>() -> Result<T, String> {
    Err(USAGE.to_owned())
}

fn so(holds: bool, what_is: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what_is()) }
}

/// The first of the texts that is not in `whole`.
fn says_all(whole: &str, texts: &[&str]) -> Result<(), String> {
    match texts.iter().find(|text| !whole.contains(**text)) {
        Some(missing) => Err(format!("\"{missing}\"")),
        None => Ok(()),
    }
}

fn diagnosed<'d>(all: impl Iterator<Item = &'d Diagnostic>, words: &[&str]) -> Result<(), String> {
    let Some((code, texts)) = words.split_first() else { return usage() };
    let all: Vec<&Diagnostic> = all.collect();
    let holds = all.iter().any(|d| d.code.to_string() == *code && says_all(&of_diagnostic(d), texts).is_ok());
    so(holds, || match all.iter().map(|d| of_diagnostic(d)).collect::<Vec<_>>() {
        said if said.is_empty() => "nothing is said".to_owned(),
        said => said.join("\n           "),
    })
}

/// Whether consecutive parts of the id match the parts of the pattern.
fn is_match(id: &StepId, pattern: &str) -> bool {
    let (parts, wanted): (Vec<&str>, Vec<&str>) = (id.as_str().split('/').collect(), pattern.split('/').collect());
    (0..parts.len()).any(|from| begins(&parts[from..], &wanted))
}

fn begins(parts: &[&str], wanted: &[&str]) -> bool {
    match (wanted.split_first(), parts.split_first()) {
        (None, _) => true,
        (Some((&"**", further)), _) => (0..=parts.len()).any(|skipped| begins(&parts[skipped..], further)),
        (Some((pattern, further)), Some((part, rest))) => is_part(part, pattern) && begins(rest, further),
        (Some(_), None) => false,
    }
}

fn is_part(part: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => part == pattern,
        Some((head, tail)) => match part.strip_prefix(head) {
            Some(rest) => rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_part(&rest[at..], tail)),
            None => false,
        },
    }
}

fn found<'p>(plan: &'p Plan, pattern: &str) -> Result<Vec<&'p Step>, String> {
    let steps: Vec<&Step> = plan.body.steps.iter().filter(|step| is_match(&step.id, pattern)).collect();
    if steps.is_empty() { Err(format!("no step is {pattern}")) } else { Ok(steps) }
}

fn at_place<'p>(plan: &'p Plan, place: &str) -> Result<Vec<&'p Assignment>, String> {
    let is_here = |a: &&Assignment| format!("{}/{}", a.environment, a.component) == place;
    let here: Vec<&Assignment> = plan.body.assignments.iter().filter(is_here).collect();
    if here.is_empty() { Err(format!("nothing is assigned to {place}")) } else { Ok(here) }
}

fn strategy(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [place, name] = words else { return usage() };
    let here: Vec<String> = at_place(plan, place)?.iter().map(|a| a.strategy.to_string()).collect();
    so(here.iter().any(|strategy| strategy == name), || here.join(", "))
}

fn ruled_out(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [place, name, texts @ ..] = words else { return usage() };
    let line = |r: &glidepath_model::plan::RuledOut| format!("{}: {} | {}", r.strategy, r.fact, r.would_do.as_deref().unwrap_or("-"));
    let here: Vec<_> = plan.ruled_out.iter().filter(|r| format!("{}/{}", r.environment, r.component) == *place).collect();
    let holds = here.iter().any(|r| r.strategy.name() == *name && says_all(&line(r), texts).is_ok());
    so(holds, || here.iter().map(|r| line(r)).collect::<Vec<_>>().join("; "))
}

fn candidate(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [place, name] = words else { return usage() };
    let holds = plan.candidates.iter().any(|c| c.strategies.get(*place).is_some_and(|strategy| strategy.name() == *name));
    so(holds, || plan.candidates.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join("; "))
}

fn verification(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [place, kind, blind @ ..] = words else { return usage() };
    let here = at_place(plan, place)?;
    let line = |a: &Assignment| format!("{}, {}", a.verification, a.blind_to.as_deref().unwrap_or("blind to nothing"));
    let holds = here.iter().any(|a| a.verification.to_string() == *kind && says_all(&line(a), blind).is_ok());
    so(holds, || here.iter().map(|a| line(a)).collect::<Vec<_>>().join("; "))
}

fn stages(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [place, region, wanted @ ..] = words else { return usage() };
    let wanted: Vec<f64> = wanted.iter().map(|share| Ok(read_share(share)?.as_f64())).collect::<Result<_, String>>()?;
    let of_region = |a: &&Assignment| -> Vec<String> {
        let here = |stage: &&glidepath_model::plan::LadderStage| stage.region.as_ref().map_or("all", |r| r.as_str()) == *region;
        a.ladder.iter().filter(here).map(|stage| percent(stage.share.as_f64())).collect()
    };
    let is: Vec<Vec<String>> = at_place(plan, place)?.iter().map(of_region).collect();
    let wanted: Vec<String> = wanted.into_iter().map(percent).collect();
    so(is.contains(&wanted), || format!("{is:?}"))
}

/// Steps by how each is reached: the ids of all that are behind it.
fn behind(plan: &Plan) -> BTreeMap<&StepId, BTreeSet<&StepId>> {
    let mut all: BTreeMap<&StepId, BTreeSet<&StepId>> = BTreeMap::new();
    for step in &plan.body.steps {
        let mut before: BTreeSet<&StepId> = step.needs.iter().collect();
        step.needs.iter().filter_map(|need| all.get(need)).for_each(|further| before.extend(further));
        all.insert(&step.id, before);
    }
    all
}

fn order(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let patterns: Vec<&&str> = words.iter().step_by(2).collect();
    if words.len() < 3 || words.iter().skip(1).step_by(2).any(|word| *word != "<") {
        return usage();
    }
    let behind = behind(plan);
    for pair in patterns.windows(2) {
        let (first, second) = (found(plan, pair[0])?, found(plan, pair[1])?);
        for (early, late) in first.iter().flat_map(|early| second.iter().map(move |late| (early, late))) {
            so(behind[&late.id].contains(&early.id), || format!("{} does not wait for {}", late.id, early.id))?;
        }
    }
    Ok(())
}

fn apart(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [first, second] = words else { return usage() };
    let waves = |pattern: &str| -> Result<BTreeSet<u32>, String> {
        Ok(found(plan, pattern)?.iter().map(|step| step.wave).filter(|wave| *wave > 0).collect())
    };
    let (first, second) = (waves(first)?, waves(second)?);
    so(!first.is_empty() && !second.is_empty() && first.is_disjoint(&second), || format!("waves {first:?} and {second:?}"))
}

fn wave(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, number] = words else { return usage() };
    let number: u32 = number.parse().or_else(|_| usage())?;
    let waves: BTreeSet<u32> = found(plan, pattern)?.iter().map(|step| step.wave).collect();
    so(waves == BTreeSet::from([number]), || format!("waves {waves:?}"))
}

fn count(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, number] = words else { return usage() };
    let number: usize = number.parse().or_else(|_| usage())?;
    let ids: Vec<&str> = found(plan, pattern).unwrap_or_default().iter().map(|step| step.id.as_str()).collect();
    so(ids.len() == number, || format!("{}: {}", ids.len(), ids.join(", ")))
}

fn read_share(text: &str) -> Result<Share, String> {
    Share::parse(text).ok_or_else(|| USAGE.to_owned())
}

fn share(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, wanted] = words else { return usage() };
    let wanted = percent(read_share(wanted)?.as_f64());
    let exposed = found(plan, pattern)?.iter().filter_map(|step| step.exposure.as_ref()).map(|e| e.share).max();
    let is = exposed.map_or("nothing is exposed".to_owned(), |share| percent(share.as_f64()));
    so(is == wanted, || is)
}

fn gates<'p>(plan: &'p Plan, pattern: &str) -> Result<Vec<(&'p Step, String)>, String> {
    let gates: Vec<(&Step, String)> = found(plan, pattern)?.into_iter().filter_map(|step| Some((step, gate(step)?))).collect();
    if gates.is_empty() { Err(format!("no gate is {pattern}")) } else { Ok(gates) }
}

fn gate_says(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, texts @ ..] = words else { return usage() };
    let gates = gates(plan, pattern)?;
    gates.into_iter().try_for_each(|(step, line)| so(says_all(&line, texts).is_ok(), || format!("{}: {line}", step.id)))
}

fn bakes(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, least] = words else { return usage() };
    let least = read_millis(least)?;
    gates(plan, pattern)?.into_iter().try_for_each(|(step, line)| {
        let glidepath_model::plan::Work::Gate(gate) = &step.work else { return usage() };
        so(gate.bake_ms >= least && gate.min_bake_ms <= gate.bake_ms, || format!("{}: {line}", step.id))
    })
}

fn undo_is(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, kind, texts @ ..] = words else { return usage() };
    for step in found(plan, pattern)? {
        let is_kind = match &step.undo {
            Undo::Call { .. } => *kind == "call",
            Undo::Nothing => *kind == "nothing",
            Undo::LeaveInPlace { .. } => *kind == "stays",
            Undo::ForwardOnly { .. } => *kind == "one-way",
        };
        let line = undo(&step.undo);
        so(is_kind && says_all(&line, texts).is_ok(), || format!("{}: {line}", step.id))?;
    }
    Ok(())
}

fn command(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, texts @ ..] = words else { return usage() };
    let steps = found(plan, pattern)?;
    steps.iter().try_for_each(|step| so(says_all(&step.command, texts).is_ok(), || format!("{}: {}", step.id, step.command)))
}

fn safety(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern, text] = words else { return usage() };
    let exposures = found(plan, pattern)?.into_iter().filter_map(|step| Some((step, step.exposure.as_ref()?)));
    let lines: Vec<(&Step, &str)> = exposures.map(|(step, e)| (step, e.safety_command.as_deref().unwrap_or("undo only"))).collect();
    so(!lines.is_empty(), || "nothing is exposed".to_owned())?;
    lines.into_iter().try_for_each(|(step, line)| so(line.contains(*text), || format!("{}: {line}", step.id)))
}

fn one_way(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [pattern] = words else { return usage() };
    let steps = &plan.body.envelope.one_way;
    let holds = if *pattern == "none" { steps.is_empty() } else { steps.iter().any(|id| is_match(id, pattern)) };
    so(holds, || format!("{:?}", steps.iter().map(|id| id.as_str()).collect::<Vec<_>>()))
}

fn follow_up(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [text, rest @ ..] = words else { return usage() };
    let not_before = rest.first().map_or(Ok(Millis::ZERO), |length| read_millis(length))?;
    let line = |f: &glidepath_model::plan::FollowUp| format!("{}: {}", f.title, f.command);
    let all = &plan.body.follow_ups;
    let holds = all.iter().any(|f| line(f).contains(*text) && (rest.is_empty() || f.not_before_ms == not_before));
    so(holds, || all.iter().map(|f| format!("{} after {}", line(f), f.not_before_ms)).collect::<Vec<_>>().join("; "))
}

fn finding(plan: &Plan, words: &[&str]) -> Result<(), String> {
    diagnosed(plan.findings.iter(), words)
}

fn no_finding(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [code] = words else { return usage() };
    match plan.findings.iter().find(|finding| finding.code.to_string() == *code) {
        Some(finding) => Err(of_diagnostic(finding)),
        None => Ok(()),
    }
}

fn read_millis(text: &str) -> Result<Millis, String> {
    Millis::parse(text).ok_or_else(|| USAGE.to_owned())
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| USAGE.to_owned())
}

fn within(time: Option<&glidepath_model::plan::Estimate>, words: &[&str]) -> Result<(), String> {
    let holds = match (words, time) {
        (["never"], time) => time.is_none(),
        (["within", length], Some(time)) => time.p50_ms <= read_millis(length)?,
        (["within", _], None) => false,
        _ => return usage(),
    };
    so(holds, || time.map_or("never".to_owned(), |time| format!("within {}", time.p50_ms)))
}

fn safe(plan: &Plan, words: &[&str]) -> Result<(), String> {
    within(plan.prediction.time_to_safety.as_ref(), words)
}

fn undone(plan: &Plan, words: &[&str]) -> Result<(), String> {
    within(plan.prediction.time_to_rollback.as_ref(), words)
}

fn takes_off(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [time] = words else { return usage() };
    let schedule = plan.prediction.schedule.as_ref().ok_or("no start lands")?;
    let zone = schedule.time_zone.as_deref();
    so(schedule.takes_off == read_time(time)?, || schedule.takes_off.written_in(zone))
}

fn lands(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [side, time] = words else { return usage() };
    let (schedule, time) = (plan.prediction.schedule.as_ref().ok_or("no start lands")?, read_time(time)?);
    let holds = match *side {
        "before" => schedule.lands_p95 < time,
        "after" => schedule.lands_p50 > time,
        _ => return usage(),
    };
    so(holds, || schedule.lands_p95.written_in(schedule.time_zone.as_deref()))
}

fn risk(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [level, texts @ ..] = words else { return usage() };
    let p = &plan.prediction;
    let line = format!("{}: {}", p.risk, p.risk_reasons.join("; "));
    so(p.risk.to_string() == *level && says_all(&line, texts).is_ok(), || line)
}

fn takeoff_says(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [text] = words else { return usage() };
    let gates: Vec<String> = plan.body.takeoff.iter().map(takeoff).collect();
    so(gates.iter().any(|gate| gate.contains(*text)), || gates.join("\n           "))
}

fn says(plan: &Plan, words: &[&str]) -> Result<(), String> {
    says_all(&of_plan(plan), words).map_err(|missing| format!("nothing says {missing}"))
}

fn never(plan: &Plan, words: &[&str]) -> Result<(), String> {
    let [text] = words else { return usage() };
    let outline = of_plan(plan);
    let line = outline.lines().find(|line| line.contains(*text));
    so(line.is_none(), || line.unwrap_or_default().to_owned())
}

//! What a gate looks at, as it is typed, and what is decided by it.

use super::shell::{Look, Shell};
use crate::calls::answer;
use crate::document::{Decision, SheetLook, Span, Text};
use crate::figures::{fold, percent};
use crate::places::joined;
use crate::sections::criteria;
use glidepath_model::action::HttpInput;
use glidepath_model::change::OnFailure;
use glidepath_model::command::{quoted, shell_line};
use glidepath_model::plan::{CountSelectors, CountSource, GateCheck, GateSpec, Undo};
use glidepath_model::{ActionCall, Millis, Plan};
use std::collections::BTreeSet;

/// Nobody looks more often than this by hand.
const LOOK_MIN: Millis = Millis::from_secs(30);
/// Least window of a query by hand: shorter ones see too few scrapes.
const WINDOW_MIN_S: u64 = 120;
/// The share of bad requests goes by this name on a sheet.
const BAD: &str = "bad";

/// The commands that show what the gate looks at.
pub fn measures(gate: &GateSpec) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let lines = gate.checks.iter().flat_map(|check| looks_of(gate, check)).map(|look| look.line);
    lines.filter(|line| seen.insert(line.clone())).collect()
}

/// What shows one check, line by line, the new side before the old one.
pub(super) fn looks_of(gate: &GateSpec, check: &GateCheck) -> Vec<Look> {
    let window = format!("{}s", (gate.bake_ms.0 / 1000).max(WINDOW_MIN_S));
    let scraped = |urls: &[String]| urls.iter().map(|url| named(last_word(url), format!("curl -sS {}", quoted(url)))).collect();
    match check {
        GateCheck::Proportion { name, source: CountSource::Prometheus { url, .. }, canary, baseline, .. } => {
            let name = if name == criteria::ERRORS { BAD } else { name };
            let [new, old] = [canary, baseline].map(|side| query(url, &share_of(side, &window)));
            vec![Look { name: name.to_owned(), line: new, against: Some(old.clone()) }, named(name, old)]
        }
        GateCheck::Threshold { name, source: CountSource::Prometheus { url, .. }, query: asked, .. } => {
            let name = [" of ", " in "].iter().find_map(|word| name.split_once(word)).map_or(name.as_str(), |(name, _)| name);
            vec![named(name, query(url, asked))]
        }
        GateCheck::Proportion { source: CountSource::Scrape { urls, .. }, .. }
        | GateCheck::Threshold { source: CountSource::Scrape { urls, .. }, .. } => scraped(urls),
        GateCheck::Probe { calls, .. } => calls.iter().map(look_of).collect(),
    }
}

/// A call that shows something.
pub(super) fn look_of(call: &ActionCall) -> Look {
    let url = serde_json::from_value::<HttpInput>(call.input.clone()).ok().filter(|_| call.kind == "http").map(|input| input.url);
    named(url.as_deref().map_or(Look::UNNAMED, last_word), shell_line(call))
}

fn named(name: &str, line: String) -> Look {
    Look { name: name.to_owned(), line, against: None }
}

/// `healthz` of `http://pay-1:8080/healthz?deep=1`.
fn last_word(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, path)| path);
    path.split('/').skip(1).filter(|word| !word.is_empty()).last().unwrap_or("answer")
}

fn query(url: &str, text: &str) -> String {
    format!("curl -sSG {}/api/v1/query --data-urlencode {}", quoted(url.trim_end_matches('/')), quoted(&format!("query={text}")))
}

/// Bad requests over all requests of one side.
fn share_of(side: &CountSelectors, window: &str) -> String {
    match side {
        CountSelectors::BadOfTotal { bad, total } => format!("sum(increase({bad}[{window}])) / sum(increase({total}[{window}]))"),
        CountSelectors::AboveLimit { histogram, limit_ms } => {
            let (bucket, count) = histogram.histogram_parts(*limit_ms);
            format!("1 - sum(increase({bucket}[{window}])) / sum(increase({count}[{window}]))")
        }
    }
}

/// The commands that show what the gate looks at, by their short names.
pub(crate) fn typed(shell: &Shell, gate: &GateSpec) -> Vec<String> {
    looks(shell, gate).into_iter().filter(|look| !look.commands.is_empty()).map(|look| look.commands).collect()
}

/// What is looked at, and what follows from it. Checks that ask the same of several places are one look.
pub(super) fn looks(shell: &Shell, gate: &GateSpec) -> Vec<SheetLook> {
    struct Alike {
        names: Vec<String>,
        lines: Vec<String>,
        go: Text,
        back: Text,
    }
    let mut all: Vec<Alike> = Vec::new();
    for check in &gate.checks {
        let lines: Vec<String> = looks_of(gate, check).into_iter().map(|look| look.line).collect();
        let (name, go, back) = asked_of(check);
        match all.iter_mut().find(|known| {
            (&known.go, &known.back) == (&go, &back) && matches!(check, GateCheck::Threshold { .. } | GateCheck::Probe { .. })
        }) {
            Some(known) => {
                known.names.push(name);
                known.lines.extend(lines);
            }
            None => all.push(Alike { names: vec![name], lines, go, back }),
        }
    }
    let look = |alike: Alike| {
        let mut seen = BTreeSet::new();
        let lines = alike.lines.iter().map(String::as_str).filter(|line| seen.insert(*line));
        SheetLook { what: joined(&alike.names), commands: shell.typed(lines).join("\n"), go: alike.go, back: alike.back }
    };
    all.into_iter().map(look).collect()
}

/// What a check is about, when it says to go on, and when to go back.
fn asked_of(check: &GateCheck) -> (String, Text, Text) {
    match check {
        GateCheck::Proportion { name, effect, ceiling, .. } => {
            let what = if name == criteria::SLOW { "slow requests" } else { name };
            let times = fold(*effect).replace("-fold", " times");
            let above = ceiling.map_or_else(String::new, |ceiling| format!(", or above {}", percent(ceiling)));
            // A noisy figure is not judged by one look; the run's own judge counts, people look again.
            (
                format!("share of {what}, new side first"),
                format!("at the end well below {times} that of the old side").into(),
                format!("{times} that of the old side or more{above}, at two looks in a row").into(),
            )
        }
        GateCheck::Threshold { name, min, max, failures_max, .. } => {
            let figure = criteria::figure_of(name);
            let bounds = [min.map(|v| format!("below {}", figure(v))), max.map(|v| format!("above {}", figure(v)))];
            let bounds = bounds.into_iter().flatten().collect::<Vec<_>>().join(" or ");
            (name.clone(), format!("never {bounds}").into(), format!("{bounds} at {}", looks_in_a_row(*failures_max)).into())
        }
        GateCheck::Probe { name, calls, failures_max } => {
            let mut answers: Vec<Text> = Vec::new();
            for answer in calls.iter().map(answer) {
                if !answers.contains(&answer) {
                    answers.push(answer);
                }
            }
            let mut go = Text::new();
            for answer in answers {
                go = if go.is_empty() { go } else { go.plain("; ") };
                // What is typed as it stands is what must come back.
                if matches!(answer.0.first(), Some(Span::Code(_))) {
                    go = go.plain("it says ");
                }
                go.0.extend(answer.0);
            }
            if calls.len() > 1 {
                go = go.plain(", each");
            }
            (name.clone(), go, format!("one does not answer so at {}", looks_in_a_row(*failures_max)).into())
        }
    }
}

fn looks_in_a_row(failures_max: u32) -> String {
    if failures_max == 1 { "one look".to_owned() } else { format!("{failures_max} looks in a row") }
}

/// `look every 30 s for 7 min 30 s`.
pub(super) fn rhythm(gate: &GateSpec) -> String {
    let bake = gate.bake_ms.max(gate.min_bake_ms);
    match gate.look_every_ms.max(LOOK_MIN) {
        every if every < bake => format!("look every {every} for {bake}"),
        _ => format!("look once, after {bake}"),
    }
}

/// How long to look when it is not clear; then it goes the way of the plan.
pub(super) fn unsure(plan: &Plan, gate: &GateSpec) -> String {
    format!("look on, for {} in all; then {}", gate.patience_ms, then(plan))
}

/// What follows when somebody is not sure.
pub(super) fn then(plan: &Plan) -> &'static str {
    let has_way = plan.body.steps.iter().any(|step| matches!(step.undo, Undo::Call { .. }) || step.exposure.is_some());
    match plan.body.on_failure {
        OnFailure::RollbackChange | OnFailure::RollbackItem if !has_way => "stop here, and call the owner",
        OnFailure::RollbackChange | OnFailure::RollbackItem => "go back",
        OnFailure::Hold => "hold, and call the owner",
    }
}

/// The decision of gates that look at the same, one after the other.
pub(super) fn decision(plan: &Plan, shell: &Shell, gates: &[&GateSpec]) -> Decision {
    let Some(first) = gates.first() else { return Decision::default() };
    let is_one = gates.len() == 1;
    Decision {
        question: if is_one { rhythm(first) } else { "the same look for all windows, one after the other".to_owned() },
        looks: looks(shell, first),
        unsure: if is_one { unsure(plan, first) } else { format!("look on for as long as the window says; then {}", then(plan)) },
    }
}

/// A question that a person answers.
pub(super) fn asked(prompt: &str, deadline: Millis) -> Decision {
    let go = "somebody who may decide says yes".into();
    let back = format!("somebody who may decide says no, or nobody answers within {deadline}").into();
    Decision {
        question: prompt.to_owned(),
        looks: vec![SheetLook { go, back, ..SheetLook::default() }],
        unsure: format!("ask once more; the limit is {deadline}"),
    }
}

/// The whole decision as one line: for gates that ask hosts whether they are well, and nothing else.
pub(super) fn in_a_line(plan: &Plan, shell: &Shell, gate: &GateSpec) -> Vec<Text> {
    let mut told: Vec<Text> = Vec::new();
    for look in looks(shell, gate) {
        let mut text = look.go.plain("; ").strong("back").plain(", when ");
        text.0.extend(look.back.0);
        told.push(text);
    }
    told.push(format!("not clear: {}", unsure(plan, gate)).into());
    told
}

/// Whether hosts are asked for their health, and nothing else.
pub(super) fn is_of_health(gate: &GateSpec) -> bool {
    gate.checks.iter().all(|check| matches!(check, GateCheck::Probe { .. }))
}

//! What a gate looks at, as it is typed, and what is decided by it.

use super::curl;
use super::shell::{Look, Shell};
use crate::calls::{answer, drained};
use crate::canary;
use crate::document::{Decision, SheetLook, Span, Text};
use crate::figures::{fold, percent, plain, plural};
use crate::places::joined;
use crate::promise;
use crate::sections::criteria;
use glidepath_model::action::HttpInput;
use glidepath_model::catalog::{Access, Indicator, JsonSource, KayentaSeries, Objective, PrometheusSource, counter_of};
use glidepath_model::change::OnFailure;
use glidepath_model::command::{quoted, shell_line};
use glidepath_model::plan::{CountSelectors, CountSource, GateCheck, GateSpec, Work};
use glidepath_model::{ActionCall, Millis, Plan};
use std::collections::BTreeSet;

/// Nobody looks more often than this by hand.
const LOOK_MIN: Millis = Millis::from_secs(30);
/// Where one look is enough, a look that is not clear is followed by as many as a gate needs to turn back.
const LOOKS_AGAIN: Millis = Millis::from_secs(90);
/// Least window of a query by hand: shorter ones see too few scrapes.
const WINDOW_MIN_S: u64 = 120;
/// Burns that are looked at together stand on one line of so many characters at most.
const LINE_MAX: usize = 100;
/// An answer of JSON goes by this name on a sheet.
const LOOK_JSON: &str = "counts";
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
    let window = format!("{}s", (gate.window().0 / 1000).max(WINDOW_MIN_S));
    let scraped = |urls: &[String], access: &Access| {
        let options = curl::options(access);
        urls.iter().map(|url| named(last_word(url), format!("curl -sS {options}{}", quoted(url)))).collect()
    };
    match check {
        GateCheck::Proportion { name, source: CountSource::Prometheus(source), canary, baseline, .. } => {
            let name = if name == criteria::ERRORS { BAD } else { name };
            let [new, old] = [canary, baseline].map(|side| query(source, &share_of(side, &window)));
            vec![Look { name: name.to_owned(), line: new, against: Some(old.clone()) }, named(name, old)]
        }
        GateCheck::Values { name, source: CountSource::Prometheus(source), canary, baseline, .. } => {
            let [new, old] = [canary, baseline].map(|side| query(source, side));
            vec![Look { name: name.to_owned(), line: new, against: Some(old.clone()) }, named(name, old)]
        }
        GateCheck::Threshold { name, source: CountSource::Prometheus(source), query: asked, .. } => {
            let name = [" of ", " in "].iter().find_map(|word| name.split_once(word)).map_or(name.as_str(), |(name, _)| name);
            vec![named(name, query(source, asked))]
        }
        GateCheck::Kayenta { source: CountSource::Prometheus(source), metrics, .. } => {
            let of_metric = |series: &KayentaSeries| {
                let [new, old] = [&series.canary, &series.baseline].map(|side| query(source, side));
                [Look { name: series.metric.clone(), line: new, against: Some(old.clone()) }, named(&series.metric, old)]
            };
            metrics.iter().flat_map(of_metric).collect()
        }
        GateCheck::Proportion { source: CountSource::Scrape { urls, access, .. }, .. }
        | GateCheck::Values { source: CountSource::Scrape { urls, access, .. }, .. }
        | GateCheck::Kayenta { source: CountSource::Scrape { urls, access, .. }, .. }
        | GateCheck::Threshold { source: CountSource::Scrape { urls, access, .. }, .. } => scraped(urls, access),
        GateCheck::Proportion { source: CountSource::Json(source), canary, baseline, .. } => {
            [canary, baseline].map(|side| named(LOOK_JSON, json(source, side_of(side)))).into()
        }
        GateCheck::Values { source: CountSource::Json(source), .. }
        | GateCheck::Kayenta { source: CountSource::Json(source), .. }
        | GateCheck::Threshold { source: CountSource::Json(source), .. } => {
            vec![named(LOOK_JSON, json(source, ""))]
        }
        GateCheck::Probe { calls, .. } => calls.iter().map(look_of).collect(),
        GateCheck::Burn { source: CountSource::Prometheus(source), objective, .. } => {
            ["1h", "5m"].iter().map(|window| named("burn", query(source, &burn_of(objective, window)))).collect()
        }
        GateCheck::Burn { source: CountSource::Scrape { urls, access, .. }, .. } => scraped(urls, access),
        GateCheck::Burn { source: CountSource::Json(source), .. } => vec![named(LOOK_JSON, json(source, ""))],
    }
}

/// The whole answer of a server; the pointers of the gate say where in it the counts are.
fn json(source: &JsonSource, side: &str) -> String {
    let asked = quoted(&source.url.replace("{side}", side));
    let since = "'\"$(date -u -d '-1 hour' +%FT%TZ)\"'";
    format!("curl -sS {}{}", curl::options(&source.access), asked.replace("{since}", since))
}

/// The side that counters are of.
fn side_of(selectors: &CountSelectors) -> &str {
    let (CountSelectors::BadOfTotal { total: selector, .. } | CountSelectors::AboveLimit { histogram: selector, .. }) = selectors;
    selector.matchers.first().map_or("", |matcher| matcher.value.as_str())
}

/// Burn of an objective over a window: its bad share over the allowed one.
fn burn_of(objective: &Objective, window: &str) -> String {
    let budget = plain(objective.target.rest().as_f64());
    let grown = |query: &str| match counter_of(query) {
        Some(selector) => format!("sum(increase({selector}[{window}]))"),
        None => query.to_owned(),
    };
    let share = match &objective.indicator {
        Indicator::Ratio { bad: Some(bad), total, .. } => format!("(({}) or vector(0)) / {}", grown(bad), grown(total)),
        Indicator::Ratio { good, total, .. } => format!("(1 - {} / {})", grown(good.as_deref().unwrap_or(total)), grown(total)),
        Indicator::Threshold { query, operator, value } => {
            let sign = match operator.as_str() {
                "lt" => ">=",
                "lte" => ">",
                "gt" => "<=",
                _ => "<",
            };
            format!("avg_over_time((({query}) {sign} bool {value})[{window}:1m])")
        }
        Indicator::Raw { query, is_bad: true } => format!("avg_over_time(({query})[{window}:1m])"),
        Indicator::Raw { query, is_bad: false } => format!("(1 - avg_over_time(({query})[{window}:1m]))"),
    };
    format!("{share} / {budget}")
}

/// A call that shows something.
pub(super) fn look_of(call: &ActionCall) -> Look {
    let url = serde_json::from_value::<HttpInput>(call.input.clone()).ok().filter(|_| call.kind == "http").map(|input| input.url);
    named(url.as_deref().map_or(Look::UNNAMED, last_word), shell_line(call))
}

/// What shows whether servers are empty that a call waits for.
pub(super) fn sessions_of(call: &ActionCall) -> Option<Look> {
    drained(call).map(|(line, ..)| named("sessions", line))
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

fn query(source: &PrometheusSource, text: &str) -> String {
    let (url, options) = (source.url.trim_end_matches('/'), curl::options(&source.access));
    format!("curl -sSG {options}{}/api/v1/query --data-urlencode {}", quoted(url), quoted(&format!("query={text}")))
}

/// Bad requests over all requests of one side. Where none has failed yet there is no series of failures, and the share is 0; without requests there is
/// no answer.
fn share_of(side: &CountSelectors, window: &str) -> String {
    match side {
        CountSelectors::BadOfTotal { bad, total } => {
            format!("(sum(increase({bad}[{window}])) or vector(0)) / sum(increase({total}[{window}]))")
        }
        CountSelectors::AboveLimit { histogram, limit_ms, native: true } => {
            format!("1 - histogram_fraction(-Inf, {}, sum(increase({histogram}[{window}])))", histogram.bound_of(*limit_ms))
        }
        CountSelectors::AboveLimit { histogram, limit_ms, native: false } => {
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
        lines: Vec<(usize, String)>,
        is_burn: bool,
        go: Text,
        back: Text,
    }
    let mut all: Vec<Alike> = Vec::new();
    for check in &gate.checks {
        // Burns over the longer window are looked at before those over the shorter one, so that each is one line for all objectives.
        let is_burn = matches!(check, GateCheck::Burn { .. });
        let lines =
            looks_of(gate, check).into_iter().enumerate().map(|(at, look)| (if is_burn { at } else { 0 }, look.line)).collect::<Vec<_>>();
        let (name, go, back) = asked_of(gate, check);
        match all.iter_mut().find(|known| {
            (&known.go, &known.back) == (&go, &back)
                && matches!(check, GateCheck::Threshold { .. } | GateCheck::Probe { .. } | GateCheck::Burn { .. })
        }) {
            Some(known) => {
                known.names.push(name);
                known.lines.extend(lines);
            }
            None => all.push(Alike { names: vec![name], lines, is_burn, go, back }),
        }
    }
    let look = |mut alike: Alike| {
        alike.names.dedup();
        let mut seen = BTreeSet::new();
        alike.lines.sort_by_key(|(rank, _)| *rank);
        let lines = alike.lines.iter().map(|(_, line)| line.as_str()).filter(|line| seen.insert(*line));
        let typed = shell.typed(lines);
        let length = typed.iter().map(|line| line.len() + 2).sum::<usize>();
        let apart = if alike.is_burn && length <= LINE_MAX { "; " } else { "\n" };
        SheetLook { what: joined(&alike.names), commands: typed.join(apart), go: alike.go, back: alike.back }
    };
    all.into_iter().map(look).collect()
}

/// What a check is about, when it says to go on, and when to go back.
fn asked_of(gate: &GateSpec, check: &GateCheck) -> (String, Text, Text) {
    match check {
        GateCheck::Proportion { name, effect, ceiling, tolerated, .. } => {
            let what = if name == criteria::SLOW { "slow requests" } else { name };
            let [go, back] = ByHand::of(*effect, *ceiling, *tolerated).words(gate.window());
            (format!("share of {what}, new side first"), go.into(), back.into())
        }
        GateCheck::Values { name, margin, .. } => {
            let times = format!("{} times", plain(*margin));
            (
                format!("{name}, new side first"),
                format!("at the end within {times} of the old side").into(),
                format!("more than {times} worse than the old side at every look from {} on", Millis(gate.window().0 / 2)).into(),
            )
        }
        GateCheck::Threshold { name, min, max, failures_max, measured: Some(how), .. } => {
            let [good, bad] = criteria::limits_in_words(name, *min, *max, how);
            let number = how.consecutive_success_limit.unwrap_or(0).max(how.count.unwrap_or(1));
            let go = match how.count {
                Some(count) => format!("{good}, looked at {}, {}", plural(count as usize, "time", "times"), criteria::times(how)),
                None => format!("{good} at {} and more, {}", plural(number as usize, "look", "looks"), criteria::times(how)),
            };
            let back =
                format!("{bad} at {} in all; no value is no good one: ask who decides", plural(*failures_max as usize, "look", "looks"));
            (name.clone(), go.into(), back.into())
        }
        GateCheck::Threshold { name, min, max, failures_max, measured: None, .. } => {
            let figure = criteria::figure_of(name);
            let good = [min.map(|v| format!("not below {}", figure(v))), max.map(|v| format!("not above {}", figure(v)))];
            let bad = [min.map(|v| format!("below {}", figure(v))), max.map(|v| format!("above {}", figure(v)))];
            let words = |bounds: [Option<String>; 2], word: &str| bounds.into_iter().flatten().collect::<Vec<_>>().join(word);
            let back = format!("{} at {}", words(bad, " or "), looks_in_a_row(*failures_max));
            (name.clone(), format!("at the end {}", words(good, " and ")).into(), back.into())
        }
        GateCheck::Kayenta { name, timing, asked, .. } => (
            format!("{name}, each metric with the new side first"),
            format!("at each look no metric is worse on the new side; {}", canary::looks(timing)).into(),
            canary::back_by_hand(asked).into(),
        ),
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
            (name.clone(), go, format!("no such answer at {}", looks_in_a_row(*failures_max)).into())
        }
        GateCheck::Burn { name, burn_max, turns_back, .. } => {
            let most = plain(*burn_max);
            let go = format!("none above {most} over both; else wait");
            let back = format!("one above {most} over both, and the new side is worse, or not compared");
            // The look before the wave names them.
            let name = if gate.is_budget_look() { name.clone() } else { "error budgets".to_owned() };
            (name, go.into(), if *turns_back { back.into() } else { Text::new() })
        }
    }
}

fn looks_in_a_row(failures_max: u32) -> String {
    if failures_max == 1 { "one look".to_owned() } else { format!("{failures_max} looks in a row") }
}

/// When a share is judged without a judge.
///
/// The program weighs each request and decides as soon as the evidence suffices; people compare two shares. The window of a gate is as long as it takes
/// to see the effect, so that at its end the middle between no rise and the effect tells one from the other. At the half of it the noise is about half
/// as large again, and the effect itself is what is far from chance; before that a few requests make any multiple, and only a share that is bad by
/// itself counts.
#[derive(Clone, Copy, Debug)]
struct ByHand {
    /// The smallest rise worth finding, as a multiple.
    effect: f64,
    /// The middle between no rise and the effect, by factors.
    middle: f64,
    ceiling: Option<f64>,
    /// What counts as no rise where the old side has nothing to be compared with.
    tolerated: Option<f64>,
    /// What is bad however few the requests were.
    outright: f64,
}

/// A share that is bad outright is as many times the tolerated one.
const OUTRIGHT_TOLERATED: f64 = 5.0;
/// And as many times the ceiling: the judge's own idea of what is clearly above it.
const OUTRIGHT_CEILING: f64 = 2.0;
/// Less is not bad outright: a request or two of the first dozens.
const OUTRIGHT_MIN: f64 = 0.05;
/// More than this is bad outright wherever the old side is not as bad.
const OUTRIGHT_MAX: f64 = 0.5;

impl ByHand {
    fn of(effect: f64, ceiling: Option<f64>, tolerated: Option<f64>) -> Self {
        let of_ceiling = ceiling.unwrap_or_default() * OUTRIGHT_CEILING;
        let of_tolerated = tolerated.unwrap_or_default() * OUTRIGHT_TOLERATED;
        let outright = of_ceiling.max(of_tolerated).clamp(OUTRIGHT_MIN, OUTRIGHT_MAX);
        Self { effect, middle: effect.max(1.0).sqrt(), ceiling, tolerated, outright }
    }

    /// When to go on, and when to go back.
    fn words(self, window: Millis) -> [String; 2] {
        let times = |factor: f64| fold(factor).replace("-fold", " times");
        let (least, most) = match self.tolerated {
            Some(tolerated) => (format!("at most {}", percent(tolerated)), format!("above {}", percent(tolerated))),
            None => ("0 as well".to_owned(), "not 0".to_owned()),
        };
        let under = self.ceiling.map_or_else(String::new, |ceiling| format!(", not above {}", percent(ceiling)));
        let above = self.ceiling.map_or_else(String::new, |ceiling| format!(", or above {}", percent(ceiling)));
        let effect = times(self.effect);
        let go = format!("at the end at most {} the old side's{under} (old side 0: {least})", times(self.middle));
        let back = format!(
            "two looks in a row from {} on: {effect} the old side's or more{above} (old side 0: {most}); before: above {} and {effect}",
            Millis(window.0 / 2),
            percent(self.outright)
        );
        [go, back]
    }
}

/// Whether a gate is looked at more than once.
fn looks_often(gate: &GateSpec) -> bool {
    gate.look_every_ms.max(LOOK_MIN) < gate.window()
}

/// `look every 30 s for 7 min 30 s`.
pub(super) fn rhythm(gate: &GateSpec) -> String {
    let (every, window) = (gate.look_every_ms.max(LOOK_MIN), gate.window());
    if gate.is_budget_look() {
        "one look".to_owned()
    } else if looks_often(gate) {
        format!("look every {every} for {window}")
    } else {
        format!("look after {window}")
    }
}

/// How long to look when it is not clear, if longer than is looked anyway.
fn patience(gate: &GateSpec) -> Option<Millis> {
    let most = if looks_often(gate) { gate.patience_ms } else { gate.patience_ms.max(gate.window().plus(LOOKS_AGAIN)) };
    (most > gate.window()).then_some(most)
}

/// How long to look when it is not clear; then it goes the way of the plan.
pub(super) fn unsure(plan: &Plan, gate: &GateSpec) -> String {
    if gate.is_budget_look() {
        return format!("look again every {LOOK_MIN}; after {} ask who answers for the change", gate.patience_ms);
    }
    match patience(gate) {
        Some(most) if looks_often(gate) => format!("look on, for {most} in all; then {}", then(plan)),
        Some(most) => format!("look again every {LOOK_MIN}, for {most} in all; then {}", then(plan)),
        None => format!("{} at the end", then(plan)),
    }
}

/// `look every 30 s for 5 min; not clear: 15 min in all`.
pub(super) fn rhythm_and_patience(gate: &GateSpec) -> String {
    let patience = patience(gate).filter(|_| !gate.is_budget_look()).map_or_else(String::new, |most| format!("; not clear: {most} in all"));
    format!("{}{patience}", rhythm(gate))
}

/// What follows when somebody is not sure.
pub(super) fn then(plan: &Plan) -> &'static str {
    match plan.body.on_failure {
        OnFailure::RollbackChange | OnFailure::RollbackItem if !promise::has_way_back(plan) => "stop here, and call the owner",
        OnFailure::RollbackChange | OnFailure::RollbackItem => "go back",
        OnFailure::Hold => "hold, and call the owner",
    }
}

/// The decision of gates that look at the same, one after the other.
pub(super) fn decision(plan: &Plan, shell: &Shell, gates: &[&GateSpec]) -> Decision {
    let Some(first) = gates.first() else { return Decision::default() };
    let is_one = gates.len() == 1;
    Decision {
        question: if is_one { rhythm(first).into() } else { "the same look for all windows, one after the other".into() },
        looks: looks(shell, first),
        unsure: if is_one { unsure(plan, first) } else { format!("look on for as long as the window says; then {}", then(plan)) },
    }
}

/// A question that a person answers.
pub(super) fn asked(prompt: &str, deadline: Millis) -> Decision {
    let go = "somebody who may decide says yes".into();
    let back = format!("somebody who may decide says no, or nobody answers within {deadline}").into();
    Decision {
        question: prompt.into(),
        looks: vec![SheetLook { go, back, ..SheetLook::default() }],
        unsure: format!("ask once more; the limit is {deadline}"),
    }
}

/// The whole decision as one line: for gates that ask hosts whether they are well, and budgets whether they burn.
pub(super) fn in_a_line(plan: &Plan, shell: &Shell, gate: &GateSpec) -> Vec<Text> {
    let mut told: Vec<Text> = Vec::new();
    for look in looks(shell, gate) {
        let mut text = if look.back.is_empty() { look.go } else { look.go.plain("; ").strong("back").plain(", when ") };
        text.0.extend(look.back.0);
        told.push(text);
    }
    // What is done about a budget that burns stands among the rules.
    if !gate.is_budget_look() {
        told.push(format!("not clear: {}", unsure(plan, gate)).into());
    }
    told
}

/// What is done about a budget that burns; `None` where none is looked at.
pub(super) fn burning(plan: &Plan) -> Option<String> {
    let gates = plan.body.steps.iter().filter_map(|step| if let Work::Gate(gate) = &step.work { Some(gate) } else { None });
    let (burn_max, patience) = gates.filter(|gate| gate.is_budget_look()).find_map(|gate| {
        let most =
            gate.checks.iter().find_map(|check| if let GateCheck::Burn { burn_max, .. } = check { Some(*burn_max) } else { None })?;
        Some((most, gate.patience_ms))
    })?;
    Some(format!(
        "It does where it is above {} over 1 h and over 5 min. Wait, look again every {LOOK_MIN}, and after {patience} ask who answers for the change. Back only where the box says so.",
        plain(burn_max)
    ))
}

/// Whether a gate compares nothing, so that its decision fits in a line.
pub(super) fn is_in_a_line(gate: &GateSpec) -> bool {
    gate.checks.iter().all(|check| matches!(check, GateCheck::Probe { .. } | GateCheck::Burn { .. }))
}

//! `judge`: what a judge says of series in files; needs no project.

mod config;
mod sequential;
mod series;
mod verdicts;

use crate::args::{Form, JudgeArgs, JudgeName};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use glidepath_judge::kayenta::KayentaConfig;
use glidepath_judge::threshold::ThresholdConfig;
use glidepath_judge::{JUDGE_VERSION, VerdictKind};
use glidepath_model::{Code, Diagnostic, Severity};
use serde::Serialize;
use series::{History, Side, has_counts};
use std::collections::{BTreeMap, BTreeSet};
use verdicts::{Answer, MetricAnswer, Score};

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    judge: &'static str,
    judge_version: u32,
    verdict: VerdictKind,
    reason: &'a str,
    score: Option<&'a Score>,
    metrics: &'a [MetricAnswer],
    findings: &'a [Diagnostic],
}

pub(crate) fn run(args: &JudgeArgs) -> Result<Exit, Failure> {
    let mut problems = Vec::new();
    let canary = series::read(&args.canary, &mut problems);
    let baseline = match &args.baseline {
        Some(file) => series::read(file, &mut problems),
        None if args.judge == JudgeName::Threshold => Side::new(),
        None => {
            problems.push(
                Diagnostic::error(Code(690), "there is no baseline to compare with")
                    .because("only `--judge threshold` judges the canary by itself")
                    .hint("give the old side's series with `--baseline FILE`"),
            );
            Side::new()
        }
    };
    let history = args.history.as_ref().map(|file| series::read_history(file, &mut problems)).unwrap_or_default();
    if args.history.is_some() && args.judge != JudgeName::Sequential {
        problems.push(
            Diagnostic::error(Code(690), "a history is given to a judge that reads none")
                .because("only `--judge sequential` learns from the history of the old side")
                .hint("leave `--history` out, or judge with `--judge sequential`"),
        );
    }
    problems.extend(mismatched(&canary, &baseline));
    let given: BTreeSet<String> = canary.keys().chain(baseline.keys()).cloned().collect();
    let asked = asked(args, &given, &mut problems);
    let Some(asked) = asked.filter(|_| problems.is_empty()) else {
        return Err(Failure { exit: Exit::BadInput, diagnostics: problems });
    };
    let mut findings = findings(&asked, &canary, &baseline, args.baseline.is_some());
    let (name, answer) = match asked {
        Asked::Sequential(judged) => ("sequential", sequential::judge(&judged, &Sides { canary, baseline, history }, &mut findings)),
        Asked::Threshold(judged) => ("threshold", verdicts::threshold(judged, &canary)),
        Asked::Kayenta(config) => ("kayenta", verdicts::kayenta(&config, &canary, &baseline)),
    };
    match args.format {
        Form::Json => output::json(&Written {
            judge: name,
            judge_version: JUDGE_VERSION,
            verdict: answer.verdict,
            reason: &answer.reason,
            score: answer.score.as_ref(),
            metrics: &answer.metrics,
            findings: &findings,
        }),
        Form::Human => {
            output::findings(&findings);
            output::data(&told(&answer));
        }
    }
    Ok(match answer.verdict {
        VerdictKind::NoRegression => Exit::Done,
        VerdictKind::Regression => Exit::Refused,
        VerdictKind::Undecided => Exit::NeedsOperator,
    })
}

/// Everything that was measured.
struct Sides {
    canary: Side,
    baseline: Side,
    history: History,
}

/// What the judge is asked.
enum Asked {
    Sequential(config::Sequential),
    Threshold(BTreeMap<String, ThresholdConfig>),
    Kayenta(KayentaConfig),
}

impl Asked {
    fn judges(&self, metric: &str) -> bool {
        match self {
            Self::Sequential(judged) => judged.metrics.contains_key(metric),
            Self::Threshold(judged) => judged.contains_key(metric),
            Self::Kayenta(config) => config.metrics.iter().any(|judged| judged.name == metric),
        }
    }
}

fn asked(args: &JudgeArgs, given: &BTreeSet<String>, problems: &mut Vec<Diagnostic>) -> Option<Asked> {
    let file = args.config.as_deref();
    match args.judge {
        JudgeName::Sequential => Some(Asked::Sequential(config::sequential(file, given, problems))),
        JudgeName::Kayenta => Some(Asked::Kayenta(config::kayenta(file, given, problems))),
        JudgeName::Threshold => match file {
            Some(file) => Some(Asked::Threshold(config::threshold(file, problems))),
            None => {
                problems.push(
                    Diagnostic::error(Code(691), "there are no limits to hold the values to")
                        .because("`--judge threshold` has no limits of its own")
                        .hint("give them with `--config FILE`; `glidepath explain GP0691` shows what such a file looks like"),
                );
                None
            }
        },
    }
}

/// Metrics that have values on one side and counts on the other.
fn mismatched(canary: &Side, baseline: &Side) -> Vec<Diagnostic> {
    let differ = canary.iter().filter(|(name, series)| {
        let other = baseline.get(*name).and_then(has_counts);
        has_counts(series).zip(other).is_some_and(|(one, other)| one != other)
    });
    let found = differ.map(|(name, _)| {
        Diagnostic::error(Code(690), format!("{name} has values on one side and counts on the other"))
            .because("the sides cannot be compared")
            .hint("give both sides alike")
    });
    found.collect()
}

/// What people should know beside the verdict: metrics of one side only, and ones that nobody asked about.
fn findings(asked: &Asked, canary: &Side, baseline: &Side, both: bool) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for name in canary.keys().chain(baseline.keys()).collect::<BTreeSet<_>>() {
        let (new, old) = (canary.contains_key(name), baseline.contains_key(name));
        if !asked.judges(name) {
            findings.push(
                Diagnostic::new(Code(692), Severity::Note, format!("{name} is not judged: the config does not list it"))
                    .because("what is not judged is not seen")
                    .hint("list it under `metrics`, or leave it out of the series"),
            );
        } else if both && new != old {
            let (has, lacks) = if new { ("canary", "baseline") } else { ("baseline", "canary") };
            findings.push(
                Diagnostic::warning(Code(692), format!("{name}: only the {has} has it, the {lacks} does not"))
                    .because("what one side does not measure cannot be compared, and never passes")
                    .hint("see whether the metric has another name there, or whether the new version no longer reports it"),
            );
        }
    }
    findings
}

fn told(answer: &Answer) -> String {
    let word = |verdict| match verdict {
        VerdictKind::Regression => "regression",
        VerdictKind::NoRegression => "no regression",
        VerdictKind::Undecided => "undecided",
    };
    let width = answer.metrics.iter().map(|metric| metric.metric.chars().count()).max().unwrap_or_default();
    let mut text = format!("{}: {}\n", word(answer.verdict).to_uppercase(), answer.reason);
    for metric in &answer.metrics {
        text += &format!("  {:width$}  {:13}  {}\n", metric.metric, word(metric.verdict), metric.reason);
    }
    text
}

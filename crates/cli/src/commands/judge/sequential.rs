//! The sequential judge on series in files: counts by the first boundary, values by the second where there is a history.

use super::Sides;
use super::config::{Sequential, SequentialAsked};
use super::series::{Point, Series, has_counts};
use super::verdicts::{Answer, MetricAnswer, Numbers, elapsed_ms};
use glidepath_judge::boundary::{Calibration, LOOKS_MAX, LOOKS_MIN};
use glidepath_judge::canary::{Family, Metric, MetricState, MetricVerdict, Question, Reading, fold};
use glidepath_judge::group::{GroupConfig, Values};
use glidepath_judge::noise::{Learnt, Scale, learn};
use glidepath_judge::{Counts, Dispersion};
use glidepath_model::{Code, Diagnostic, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Where the drawing of limits begins: the same files give the same answer.
const SEED: u64 = 1;
/// How far the distance of looks in the history may be from that in the watch, as a part of it.
const STEP_ERROR_MAX: f64 = 0.05;

/// What is known of a metric of values before its watch.
struct Prepared {
    learnt: Learnt,
    scale: Scale,
    looks: u32,
}

pub(super) fn judge(asked: &Sequential, sides: &Sides, findings: &mut Vec<Diagnostic>) -> Answer {
    let metrics = questions(asked, sides);
    let mut verdicts = Vec::new();
    let mut answers = Vec::new();
    for metric in &metrics {
        let (verdict, unpaired, moments) = watch(metric, sides);
        let mut answer = answer(metric, &verdict);
        if unpaired > 0 {
            answer.reason += &format!("; {unpaired} of {moments} moments have data on one side only, or on none");
        }
        if matches!(metric.question, Question::Unlearnt(_)) {
            findings.push(
                Diagnostic::warning(Code(695), format!("{}: its values are not judged: {}", metric.name, answer.reason))
                    .because("how far equal versions differ has to be learnt before a difference means anything")
                    .hint("give the old side's own series, from before the change, with `--history FILE`; `--judge threshold` and `--judge kayenta` need none"),
            );
        }
        verdicts.push(verdict);
        answers.push(answer);
    }
    let change = fold(&verdicts);
    Answer { verdict: change.kind, reason: change.explanation, score: None, metrics: answers }
}

/// How each metric is judged. Values whose histories lie side by side are judged together.
fn questions(asked: &Sequential, sides: &Sides) -> Vec<Metric> {
    // What one side lacks is not compared, whatever it holds: the judge of counts says so.
    let is_values = |name: &str| {
        let both = [sides.canary.get(name), sides.baseline.get(name)];
        both.iter().all(Option::is_some) && both.into_iter().flatten().find_map(has_counts) == Some(false)
    };
    let values = asked.metrics.keys().filter(|name| is_values(name)).count() as u32;
    let counts = asked.metrics.len() as u32 - values;
    let shares = Family { false_alarm_max: asked.false_alarm_max, stages: 1, counts, values }.shares();
    let prepared: BTreeMap<&str, Result<Prepared, String>> =
        asked.metrics.keys().filter(|name| is_values(name)).map(|name| (name.as_str(), prepare(name, asked, sides))).collect();
    let mut questions: BTreeMap<&str, Question> = BTreeMap::new();
    let mut together: BTreeMap<(Vec<usize>, u32), Vec<&str>> = BTreeMap::new();
    for (name, prepared) in &prepared {
        match prepared {
            Ok(one) => together.entry((one.learnt.lengths().to_vec(), one.looks)).or_default().push(name),
            Err(why) => drop(questions.insert(name, Question::Unlearnt(why.clone()))),
        }
    }
    for ((_, looks), names) in together {
        let share = shares.values * names.len() as f64 / f64::from(values);
        let members: Vec<(&str, &Prepared, &SequentialAsked)> =
            names.iter().filter_map(|name| Some((*name, prepared.get(name)?.as_ref().ok()?, asked.metrics.get(*name)?))).collect();
        let drawn: Vec<_> = members.iter().map(|(_, one, asked)| (&one.learnt, asked.direction)).collect();
        let boundaries = Calibration::new(&drawn, looks, SEED).and_then(|calibration| calibration.boundaries(share));
        match boundaries {
            Ok(boundaries) => questions.extend(members.iter().zip(boundaries).map(|((name, one, asked), boundary)| {
                let config = GroupConfig {
                    subject: asked.subject.clone(),
                    scale: one.scale,
                    direction: asked.direction,
                    margin: asked.margin,
                    noise: *one.learnt.model(),
                    boundary,
                };
                (*name, Question::Values(Box::new(config)))
            })),
            Err(why) => questions.extend(names.iter().map(|name| (*name, Question::Unlearnt(format!("no limits can be drawn: {why}"))))),
        }
    }
    let question = |name: &String, asked: &SequentialAsked| {
        questions.remove(name.as_str()).unwrap_or_else(|| {
            let mut config = asked.counts.clone();
            if config.dispersion == Dispersion::Assumed {
                config.dispersion = Dispersion::learn(&stable_counts(name, sides));
            }
            Question::Counts(config)
        })
    };
    let mut question = question;
    asked.metrics.iter().map(|(name, asked)| Metric { name: name.clone(), question: question(name, asked), advisory: false }).collect()
}

/// Counts of the halves of the old side, at moments that both have.
fn stable_counts(name: &str, sides: &Sides) -> Vec<Counts> {
    let mut all = Vec::new();
    for halves in sides.history.values() {
        let (Some(new), Some(old)) = (halves.canary.get(name), halves.baseline.get(name)) else { continue };
        all.extend(new.iter().filter_map(|(at, point)| match reading(*point, old.get(at).copied().flatten())? {
            Reading::Counts(counts) => Some(counts),
            _ => None,
        }));
    }
    all
}

/// Learns the noise of a metric, or says why not.
fn prepare(name: &str, asked: &Sequential, sides: &Sides) -> Result<Prepared, String> {
    let empty = Series::new();
    let of = |side: &'_ super::Side| side.get(name).cloned().unwrap_or_default();
    let (new, old) = (of(&sides.canary), of(&sides.baseline));
    let moments: BTreeSet<Timestamp> = new.keys().chain(old.keys()).copied().collect();
    let step = step_ms(&moments).ok_or("the watch has fewer than two moments")?;
    let last = moments.first().zip(moments.last()).map_or(0, |(first, last)| grid(*first, *last, step));
    let looks = asked.looks.unwrap_or(last as u32 + 1);
    if !(LOOKS_MIN..=LOOKS_MAX).contains(&looks) {
        return Err(format!("the watch has {looks} looks, {LOOKS_MIN} to {LOOKS_MAX} can be judged"));
    }
    if sides.history.is_empty() {
        return Err("there is no history to learn the noise from".to_owned());
    }
    let pairs: Vec<(&Series, &Series)> = sides
        .history
        .values()
        .map(|halves| (halves.canary.get(name).unwrap_or(&empty), halves.baseline.get(name).unwrap_or(&empty)))
        .collect();
    let of_history = pairs.iter().flat_map(|(new, old)| new.values().chain(old.values()));
    let scale = scale(of_history.chain(new.values()).chain(old.values()));
    let mut windows = Vec::new();
    for (new, old) in pairs {
        windows.push(window(new, old, step, scale)?);
    }
    let learnt = learn(&windows).map_err(|why| why.to_string())?;
    Ok(Prepared { learnt, scale, looks })
}

/// Ratios where all values are above 0, else differences in units of a usual value.
fn scale<'a>(points: impl Iterator<Item = &'a Option<Point>>) -> Scale {
    let mut values: Vec<f64> = points
        .filter_map(|point| match point {
            Some(Point::Value(value)) if value.is_finite() => Some(*value),
            _ => None,
        })
        .collect();
    if values.iter().all(|value| *value > 0.0) {
        return Scale::Ratio;
    }
    values.iter_mut().for_each(|value| *value = value.abs());
    values.sort_unstable_by(f64::total_cmp);
    let usual = values.get(values.len() / 2).copied().filter(|usual| *usual > 0.0);
    Scale::Difference { unit: usual.unwrap_or(1.0) }
}

/// The differences of two halves, on the grid of looks.
fn window(new: &Series, old: &Series, step: u64, scale: Scale) -> Result<Vec<Option<f64>>, String> {
    let moments: BTreeSet<Timestamp> = new.keys().chain(old.keys()).copied().collect();
    let Some((first, own)) = moments.first().zip(step_ms(&moments)) else { return Ok(Vec::new()) };
    if (own as f64 - step as f64).abs() > STEP_ERROR_MAX * step as f64 {
        return Err(format!("the history has a look every {} s, the watch every {} s", own as f64 / 1000.0, step as f64 / 1000.0));
    }
    let length = moments.last().map_or(0, |last| grid(*first, *last, step)) + 1;
    if length > glidepath_judge::noise::HISTORY_POINTS_MAX {
        return Err("the history is longer than can be learnt from".to_owned());
    }
    let mut window = vec![None; length];
    for at in &moments {
        if let Some(Reading::Values(values)) = reading(new.get(at).copied().flatten(), old.get(at).copied().flatten())
            && let Some(place) = window.get_mut(grid(*first, *at, step))
        {
            *place = scale.difference(values.canary, values.baseline);
        }
    }
    Ok(window)
}

/// The usual distance of moments, in milliseconds.
fn step_ms(moments: &BTreeSet<Timestamp>) -> Option<u64> {
    let times: Vec<Timestamp> = moments.iter().copied().collect();
    let mut steps: Vec<u64> = times.windows(2).filter_map(|pair| Some(pair.last()?.since(*pair.first()?).0)).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().filter(|step| *step > 0)
}

/// The look that a moment belongs to, from 0.
fn grid(first: Timestamp, at: Timestamp, step: u64) -> usize {
    (at.since(first).0 as f64 / step as f64).round() as usize
}

/// What both sides have at a moment.
fn reading(new: Option<Point>, old: Option<Point>) -> Option<Reading> {
    match (new, old) {
        (Some(Point::Counts { good, bad }), Some(Point::Counts { good: old_good, bad: old_bad })) => Some(Reading::Counts(Counts {
            canary_bad: bad,
            canary_total: good + bad,
            baseline_bad: old_bad,
            baseline_total: old_good + old_bad,
        })),
        (Some(Point::Value(canary)), Some(Point::Value(baseline))) => Some(Reading::Values(Values { canary, baseline })),
        (Some(_), None) => Some(Reading::CanaryOnly),
        (None, Some(_)) => Some(Reading::BaselineOnly),
        _ => None,
    }
}

/// Looks at a metric at each of its moments; for values, also at those of the grid that are missing. Tells how many moments lacked a side, and of how many.
fn watch(metric: &Metric, sides: &Sides) -> (MetricVerdict, usize, usize) {
    let empty = Series::new();
    let of = |side: &'_ super::Side| side.get(&metric.name).cloned().unwrap_or_else(|| empty.clone());
    let (new, old) = (of(&sides.canary), of(&sides.baseline));
    let moments: BTreeSet<Timestamp> = new.keys().chain(old.keys()).copied().collect();
    let mut state = MetricState::new(metric);
    let mut unpaired = 0;
    let mut verdict = None;
    let mut before: Option<Timestamp> = None;
    let step = step_ms(&moments).unwrap_or(1);
    for at in &moments {
        let missing = before.map_or(0, |before| grid(before, *at, step).saturating_sub(1));
        if matches!(metric.question, Question::Values(_)) {
            for _ in 0..missing.min(LOOKS_MAX as usize) {
                state.look(metric, None, elapsed_ms(moments.first(), *at));
            }
        }
        before = Some(*at);
        let read = reading(new.get(at).copied().flatten(), old.get(at).copied().flatten());
        unpaired += usize::from(!matches!(read, Some(Reading::Counts(_) | Reading::Values(_))));
        verdict = Some(state.look(metric, read, elapsed_ms(moments.first(), *at)));
    }
    let verdict = verdict.unwrap_or_else(|| state.look(metric, None, 0));
    (verdict, unpaired, moments.len())
}

fn answer(metric: &Metric, verdict: &MetricVerdict) -> MetricAnswer {
    let effect_is = match &metric.question {
        _ if verdict.effect.is_none() && verdict.interval.is_none() => "none",
        Question::Counts(_) => "ratioOfBadShares",
        Question::Values(config) => match config.scale {
            Scale::Ratio => "ratioOfValues",
            Scale::Difference { .. } => "differenceOfValues",
        },
        Question::Unlearnt(_) => "none",
    };
    let [canary, baseline] = verdict.samples;
    // The line names the metric for whoever reads it alone; here it stands beside its name.
    let reason = verdict.explanation.strip_prefix(&format!("{}: undecided, ", metric.name)).unwrap_or(&verdict.explanation);
    MetricAnswer {
        metric: metric.name.clone(),
        verdict: verdict.kind,
        reason_code: verdict.reason.as_str().to_owned(),
        reason: reason.to_owned(),
        effect: verdict.effect,
        effect_is,
        interval: verdict.interval,
        interval_is: effect_is,
        n: Numbers { canary, baseline },
        looks: verdict.looks,
    }
}

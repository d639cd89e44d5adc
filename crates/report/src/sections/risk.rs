//! Why it fails with that probability, and where a failure would cost what.

use super::Sources;
use crate::document::{Section, Text};
use crate::figures::{count, percent, plural};
use crate::svg;
use crate::waterfall::strongest;
use glidepath_model::plan::StageBurn;
use std::cmp::Reverse;

/// Components told one by one; likelier ones first.
const COMPONENTS_MAX: usize = 12;
/// Reasons of a component.
const REASONS_MAX: usize = 4;
/// Stages told one by one; those that cost most.
const STAGES_MAX: usize = 8;

/// Adds both to the section; nothing of plans that do not say.
pub(super) fn reasons(of: &Sources<'_>, section: &mut Section) {
    let prediction = &of.plan.prediction;
    if let Some(figure) = svg::reasons(of.plan) {
        section.figure(figure);
    }
    if !prediction.reasons.is_empty() {
        let rows = prediction.reasons.iter().take(COMPONENTS_MAX).map(|risk| {
            let because = strongest(risk, REASONS_MAX);
            let because = if because.is_empty() { "nothing is known that moves it".to_owned() } else { because.join("; ") };
            let fails = format!("{} (90 %: {} to {})", percent(risk.probability), percent(risk.low), percent(risk.high));
            vec![risk.component.as_str().into(), fails.into(), because.into()]
        });
        section.table(&["Component", "Fails with", "Strongest reasons (log-odds)"], rows.collect());
        if prediction.reasons.len() > COMPONENTS_MAX {
            let more = prediction.reasons.len() - COMPONENTS_MAX;
            section.paragraph(format!(
                "{} less likely to fail; the plan as JSON has them all.",
                plural(more, "more component is", "more components are")
            ));
        }
    }
    burn(&prediction.stages, section);
}

fn burn(stages: &[StageBurn], section: &mut Section) {
    if stages.is_empty() {
        return;
    }
    let mut dearest: Vec<&StageBurn> = stages.iter().collect();
    dearest.sort_by_key(|stage| Reverse(stage.bad_requests.to_bits()));
    let row = |stage: &&StageBurn| -> Vec<Text> {
        let region = stage.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
        let what = match stage.stage {
            Some(number) => format!("{}{region}, stage {number} at {}", stage.place, percent(stage.share)),
            None => format!("{}, after its stages", stage.place),
        };
        vec![what.into(), between(stage.bad_requests, stage.between.low, stage.between.high).into()]
    };
    let (told, rest) = dearest.split_at(dearest.len().min(STAGES_MAX));
    let mut rows: Vec<Vec<Text>> = told.iter().map(row).collect();
    if !rest.is_empty() {
        let sum = |of: fn(&StageBurn) -> f64| rest.iter().map(|stage| of(stage)).sum::<f64>();
        let figures = between(sum(|stage| stage.bad_requests), sum(|stage| stage.between.low), sum(|stage| stage.between.high));
        rows.push(vec![plural(rest.len(), "other stage", "other stages").into(), figures.into()]);
    }
    section.table(&["Where a failure is expected to cost", "Bad requests (90 %)"], rows);
}

/// `12 (0.4 to 61)`.
fn between(value: f64, low: f64, high: f64) -> String {
    format!("{} ({} to {})", count(value), count(low), count(high))
}

//! A rehearsal as a document: how flights end and how they are distributed as pictures, what saved them, the worst of them as a story.

use crate::document::{Badge, DOCUMENT_FORMAT, Document, DocumentKind, Entry, Highlight, Section, Text, Tone};
use crate::figures::{count, percent, plural, stopwatch};
use crate::rehearsal::{AGREES, Rehearsed, end_words, figure_of, flights, good_for, turned_words};
use crate::sections::badges;
use crate::svg::{self, Ended, Histogram};
use glidepath_model::Millis;
use glidepath_rehearse::{Distribution, End, Turned};

/// Things that turned flights back, at most; the rest is counted together.
const TURNED_MAX: usize = 20;
/// Moments of a story at most; of a longer one the beginning and the end are told.
const MOMENTS_MAX: usize = 60;

/// The document of a rehearsal.
pub fn rehearsal_document(found: &Rehearsed<'_>) -> Document {
    let (plan, rehearsal) = (found.plan, found.rehearsal);
    let faults = found.faults.iter().map(|_| Badge { text: "with faults".to_owned(), tone: Tone::Caution }).take(1);
    let mut sections = vec![endings(found), turned(found), story(found), agreement(found)];
    sections.retain(|section| !section.blocks.is_empty());
    for (at, section) in sections.iter_mut().enumerate() {
        section.number = u32::try_from(at + 1).unwrap_or(u32::MAX);
    }
    let entry = |name: &str, value: Text| Entry { name: name.to_owned(), value };
    Document {
        format: DOCUMENT_FORMAT,
        kind: DocumentKind::Rehearsal,
        title: plan.body.change.title.clone(),
        subtitle: format!(
            "{} in virtual time, on the engine itself. Nothing was touched; what is counted is what the plan came to.",
            flights(rehearsal.runs)
        ),
        badges: badges(plan).into_iter().chain(faults).collect(),
        identity: vec![
            entry("Change", Text::new().code(plan.body.change.name.as_str())),
            entry("Plan", Text::new().code(plan.id.as_str())),
            entry("Flights", format!("{}, seed {}", count(rehearsal.runs as f64), rehearsal.seed).into()),
            entry("Steps", plan.body.steps.len().to_string().into()),
        ],
        highlights: highlights(found),
        card: String::new(),
        sections,
    }
}

fn share(found: &Rehearsed<'_>, of: u64) -> f64 {
    of as f64 / found.rehearsal.runs.max(1) as f64
}

fn length(value: f64) -> String {
    Millis(value.max(0.0) as u64).to_string()
}

fn highlights(found: &Rehearsed<'_>) -> Vec<Highlight> {
    let rehearsal = found.rehearsal;
    let highlight = |name: &str, value: String, note: String| Highlight { name: name.to_owned(), value, note };
    let ended = |end| percent(share(found, rehearsal.ended(end)));
    let saved: u64 = rehearsal.saved_by.values().sum();
    let mut all = vec![
        highlight(
            "Lands",
            ended(End::Landed),
            format!("{} go back; {} land and fail users", ended(End::RolledBack), ended(End::LandedFailing)),
        ),
        match found.plan.prediction.knows_traffic() {
            true => highlight(
                "Bad requests",
                count(rehearsal.bad_requests.mean),
                rehearsal.bad_requests_if_failing.as_ref().map_or_else(
                    || "on average; no flight failed".to_owned(),
                    |of| format!("on average; where it fails {} (95 %: {})", count(of.p50), count(of.p95)),
                ),
            ),
            false => highlight("Bad requests", "not known".to_owned(), "there are no traffic figures".to_owned()),
        },
    ];
    if let Some(safe) = &rehearsal.to_safety_ms {
        let note =
            format!("95 %: {}; worst {}; {}", length(safe.p95), length(safe.most), plural(safe.count as usize, "way back", "ways back"));
        all.push(highlight("Back to safety", length(safe.p50), note));
    }
    if rehearsal.failing > 0 {
        let note = format!("{} of {} flights in which something failed", count(saved as f64), count(rehearsal.failing as f64));
        all.push(highlight("Saved by a gate", percent(saved as f64 / rehearsal.failing as f64), note));
    }
    all
}

fn endings(found: &Rehearsed<'_>) -> Section {
    let mut section = Section::new(0, "How it ends");
    for fault in found.faults {
        section.callout(Tone::Caution, "Made to go wrong", format!("{fault}."));
    }
    let ended = |end| Ended {
        words: end_words(end).to_owned(),
        share: share(found, found.rehearsal.ended(end)),
        class: match end {
            End::Landed => "win",
            End::RolledBack => "person",
            End::LandedFailing | End::GivenUp => "bad",
        },
    };
    section.figure(svg::endings(&End::ALL.map(ended)));
    distributions(found, &mut section);
    section
}

fn distributions(found: &Rehearsed<'_>, section: &mut Section) {
    let rehearsal = found.rehearsal;
    let knows_traffic = found.plan.prediction.knows_traffic();
    let of =
        |title: &str, of: Option<&Distribution>, shown: fn(f64) -> String, among: &str| of.map(|of| histogram(title, of, shown, among));
    let all: Vec<Histogram> = [
        of("Take-off to landing", rehearsal.duration_ms.as_ref(), length, "landings"),
        of("Bad requests where it fails", rehearsal.bad_requests_if_failing.as_ref().filter(|_| knows_traffic), count, "failing changes"),
        of("Turning back to safe traffic", rehearsal.to_safety_ms.as_ref(), length, "ways back"),
        of("Turning back to all undone", rehearsal.to_undone_ms.as_ref(), length, "ways back"),
        of("Waiting for people", rehearsal.asked_ms.as_ref(), length, "flights that asked"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(figure) = svg::histograms(&all) {
        section.figure(figure);
        section.paragraph("Dashed: median and 95 %. The last bar holds all that is longer.");
    }
}

fn histogram(title: &str, of: &Distribution, shown: fn(f64) -> String, among: &str) -> Histogram {
    let at = |value: f64| if of.bars_end > of.least { (value - of.least) / (of.bars_end - of.least) } else { 0.0 };
    Histogram {
        title: title.to_owned(),
        among: format!("{} {among}", count(of.count as f64)),
        bars: of.bars.clone(),
        ends: [shown(of.least), shown(of.bars_end)],
        marks: [of.p50, of.p95].map(|value| (at(value), shown(value))),
        worst: shown(of.most),
    }
}

fn turned(found: &Rehearsed<'_>) -> Section {
    let mut section = Section::new(0, "What turned it back");
    let rehearsal = found.rehearsal;
    if rehearsal.failing > 0 {
        let saved: u64 = rehearsal.saved_by.values().sum();
        section.paragraph(format!(
            "Something about the change failed in {} of {}; gates saw it in {}.",
            count(rehearsal.failing as f64),
            flights(rehearsal.runs),
            count(saved as f64)
        ));
    }
    let row = |(by, number): &(Turned, u64)| {
        let (what, which) = turned_words(found.plan, by);
        vec![count(*number as f64).into(), percent(share(found, *number)).into(), what.into(), which.into()]
    };
    let mut rows: Vec<Vec<Text>> = rehearsal.turned.iter().take(TURNED_MAX).map(row).collect();
    let rest: u64 = rehearsal.turned.iter().skip(TURNED_MAX).map(|(_, number)| number).sum();
    if rest > 0 {
        let more = plural(rehearsal.turned.len() - TURNED_MAX, "other place", "other places");
        rows.push(vec![count(rest as f64).into(), percent(share(found, rest)).into(), more.into(), Text::new()]);
    }
    section.table(&["Flights", "Of all", "By", "Where"], rows);
    section
}

/// A flight as people tell it: first what came of it, then what happened when.
fn story(found: &Rehearsed<'_>) -> Section {
    let outcome = &found.story.outcome;
    let is_worst = outcome.number == found.rehearsal.worst;
    let title = if is_worst { "The worst flight" } else { "One flight" };
    let mut section = Section::new(0, title);
    let fails = if outcome.fails { "something about the change fails" } else { "nothing about the change fails" };
    let mut words = format!("Flight {} of seed {}: {fails}; it {}", outcome.number, found.rehearsal.seed, end_words(outcome.end));
    if outcome.exposed > Millis::ZERO {
        words.push_str(&format!(" after users were exposed to it for {}", outcome.exposed));
    }
    if found.plan.prediction.knows_traffic() {
        words.push_str(&format!(", at the cost of {} bad requests", count(outcome.bad_requests)));
    }
    if outcome.asked > Millis::ZERO {
        words.push_str(&format!(" and {} of waiting for people", outcome.asked));
    }
    section.paragraph(words + ".");
    if let Some(by) = &outcome.turned {
        let (what, which) = turned_words(found.plan, by);
        let safe = outcome.to_safety.map_or_else(String::new, |time| format!(" Traffic was safe {time} after that"));
        let undone = outcome.to_undone.map_or_else(String::new, |time| format!(", all undone {time} after it"));
        let end = if safe.is_empty() { "" } else { "." };
        let (tone, title) = match by {
            Turned::Gate(_) => (Tone::Good, "Saved by a gate"),
            Turned::FalseAlarm(_) => (Tone::Caution, "Turned back without need"),
            Turned::People | Turned::Step(_) | Turned::Asked(_) | Turned::Limit => (Tone::Bad, "No gate saved it"),
        };
        let which = if which.is_empty() { String::new() } else { format!(": {which}") };
        section.callout(
            tone,
            title,
            format!("Turned back by {what}{which}.{safe}{}{end}", if safe.is_empty() { String::new() } else { undone }),
        );
    }
    let moments = &found.story.moments;
    let cut = moments.len().saturating_sub(MOMENTS_MAX);
    let begin = if cut > 0 { MOMENTS_MAX / 2 } else { moments.len() };
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for (at, moment) in moments.iter().enumerate().filter(|(at, _)| *at < begin || *at >= begin + cut) {
        if cut > 0 && at == begin + cut {
            rows.push(vec![Text::new(), plural(cut, "more moment", "more moments").into()]);
        }
        rows.push(vec![format!("+{}", stopwatch(moment.at_ms)).into(), moment.line.as_str().into()]);
    }
    section.table(&["After take-off", "What happens"], rows);
    section.paragraph(
        Text::from("Another flight: ")
            .code(format!("glidepath rehearse {} --seed {} --flight NUMBER", found.plan.body.change.name, found.rehearsal.seed))
            .plain("."),
    );
    section
}

fn agreement(found: &Rehearsed<'_>) -> Section {
    let mut section = Section::new(0, "What the plan predicts, against this");
    let row = |one: &glidepath_rehearse::Agreement| {
        let shown = |value| figure_of(one, value);
        vec![
            one.what.into(),
            shown(one.predicted).into(),
            good_for(one).into(),
            shown(one.simulated).into(),
            format!("{} to {}", shown(one.low), shown(one.high)).into(),
            if one.holds { "agrees".into() } else { Text::new().strong("disagrees") },
        ]
    };
    section.table(&["", "Predicted", "Good for", "Rehearsed", "Its interval", ""], found.agreement.iter().map(row).collect());
    if !found.agreement.is_empty() {
        section.paragraph(AGREES);
    }
    let disagreeing = found.agreement.iter().filter(|one| !one.holds).count();
    if disagreeing > 0 {
        section.callout(
            Tone::Caution,
            "Do not trust these figures of the plan",
            format!("{} of {} are not what its flights came to.", disagreeing, found.agreement.len()),
        );
    }
    section
}

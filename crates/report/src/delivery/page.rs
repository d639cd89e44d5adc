//! The report as one self-contained page: no script, no request to anywhere, light and dark, and fit for paper.

use super::DeliveryReport;
use super::words::{DORA, basis_of, name, notes, rests_on, row, scope, value, window};
use crate::svg;
use glidepath_judge::dora::{Band, Delivery, Figure, Scope};
use glidepath_judge::measures::Measure;
use glidepath_model::text::is_hidden;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const CSS: &str = include_str!("../page.css");

/// The report as a page. `project` is whose it is.
pub fn delivery_page(report: &DeliveryReport, project: &str) -> String {
    let first = report.scopes.first();
    let of = |wanted: fn(&Scope) -> bool| -> Vec<&Delivery> {
        report.scopes.iter().skip(1).filter(|delivery| wanted(&delivery.scope)).collect()
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (project) " · Delivery" }
                style { (PreEscaped(CSS)) }
            }
            body {
                div class="page sheet" {
                    header class="top" {
                        p class="kind" { span { "Glidepath" } span class="what" { "Delivery" } }
                        h1 { (project) @if let Some(delivery) = first.filter(|delivery| delivery.scope != Scope::All) { ": " (scope(&delivery.scope)) } }
                        p class="subtitle" { (window(report)) }
                        @if let Some(delivery) = first { p class="subtitle" { (rests_on(&delivery.basis)) } }
                        @if let Some(delivery) = first { div class="highlights" { @for figure in five(delivery) { (highlight(figure)) } } }
                    }
                    main {
                        @for note in notes(report) { aside class="callout caution" { strong { "Note" } " " (note) } }
                        @if let Some(delivery) = first { (pictures(delivery, &report.parts)) }
                        (compared("Components", &of(|scope| matches!(scope, Scope::Component(_)))))
                        (compared("Teams", &of(|scope| matches!(scope, Scope::Team(_)))))
                        @if let Some(delivery) = first { (all_figures(delivery)) }
                        section { h2 { "Not measured" } (table(&["figure", "what would give it"], &not_measured(report))) }
                    }
                    footer { "Made by Glidepath from the journals of runs." }
                }
            }
        }
    }
    .into_string()
    .replace(is_hidden, " ")
}

fn five(delivery: &Delivery) -> impl Iterator<Item = &Figure> {
    delivery.figures.iter().filter(|figure| DORA.contains(&figure.id))
}

fn highlight(figure: &Figure) -> Markup {
    html! {
        div class="highlight" {
            p class="name" { (name(figure)) }
            p class="value" { (value(figure)) }
            p class="note" { (worded(&basis_of(figure))) }
            @if let Some(band) = figure.band { p { span class=(format!("badge {}", tone(band))) { (band.name()) } } }
        }
    }
}

const fn tone(band: Band) -> &'static str {
    match band {
        Band::Elite | Band::High => "good",
        Band::Medium => "caution",
        Band::Low => "bad",
    }
}

fn pictures(delivery: &Delivery, parts: &[Delivery]) -> Markup {
    let rows: Vec<(String, String, Option<Band>)> =
        five(delivery).map(|figure| (name(figure).to_owned(), value(figure), figure.band)).collect();
    let pictures = [
        ("The five, and the bands in which they lie", svg::delivery_bands(&rows)),
        ("Deployments", svg::deployments(parts)),
        ("Change lead time, median", svg::lead_times(parts)),
    ];
    html! {
        section {
            h2 { "At a glance" }
            @for (title, drawing) in &pictures {
                figure class="picture" { figcaption { (title) } div class="drawing" { (PreEscaped(drawing)) } }
            }
        }
    }
}

fn compared(title: &str, deliveries: &[&Delivery]) -> Markup {
    let rows: Vec<Vec<String>> = deliveries.iter().map(|delivery| row(delivery)).collect();
    html! {
        @if !rows.is_empty() {
            section { h2 { (title) } (table(&["", "frequency", "lead time", "failed", "recovery", "rework"], &rows)) }
        }
    }
}

fn all_figures(delivery: &Delivery) -> Markup {
    let meaning = |figure: &Figure| Measure::of(figure.id).map_or("", |measure| measure.definition).to_owned();
    let rows: Vec<Vec<String>> =
        delivery.figures.iter().map(|figure| vec![name(figure).to_owned(), value(figure), basis_of(figure), meaning(figure)]).collect();
    html! { section { h2 { "All figures" } (table(&["figure", "value", "from", "what exactly"], &rows)) } }
}

fn not_measured(report: &DeliveryReport) -> Vec<Vec<String>> {
    report.not_measured.iter().map(|missing| vec![missing.name.to_owned(), missing.source.to_owned()]).collect()
}

/// Text in which what stands between backquotes is code.
fn worded(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn table(header: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div class="table" {
            table {
                thead { tr { @for name in header { th scope="col" { (name) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (worded(cell)) } } } } }
            }
        }
    }
}

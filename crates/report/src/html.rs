//! Documents as one self-contained page: no script, no request to anywhere, light and dark, and fit for paper.

use crate::document::{
    Badge, Block, Branch, Decision, Document, DocumentKind, Highlight, Section, SheetBox, SheetLine, Span, StepBlock, Text, Tone,
};
use glidepath_model::text::is_hidden;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const CSS: &str = include_str!("page.css");

/// Lines of a box on a run sheet up to which it stays on one page.
const SHEET_LINES_TOGETHER: usize = 5;

/// The document as a page.
pub fn to_html(document: &Document) -> String {
    let kind = match document.kind {
        DocumentKind::RolloutPlan => "Rollout plan",
        DocumentKind::RunRecord => "Run record",
        DocumentKind::RunSheet => "Run sheet",
        DocumentKind::Rehearsal => "Rehearsal",
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (document.title) " · " (kind) }
                style { (PreEscaped(CSS)) }
            }
            body {
                div class=(if document.kind == DocumentKind::RunSheet { "page sheet" } else { "page" }) {
                    (header(document, kind))
                    @if !document.card.is_empty() { (card(&document.card)) }
                    div class="body" {
                        (contents(document))
                        main { @for section in &document.sections { (section_markup(section)) } }
                    }
                    footer { "Made by Glidepath. The plan is what its SHA-256 names; this page only shows it." }
                }
            }
        }
    }
    .into_string()
    .replace(is_hidden, " ")
}

fn header(document: &Document, kind: &str) -> Markup {
    html! {
        header class="top" {
            p class="kind" { (mark()) span { "Glidepath" } span class="what" { (kind) } }
            h1 { (document.title) }
            p class="subtitle" { (document.subtitle) }
            p class="badges" { @for badge in &document.badges { (badge_markup(badge)) } }
            @if !document.highlights.is_empty() {
                div class="highlights" { @for highlight in &document.highlights { (highlight_markup(highlight)) } }
            }
            dl class="identity" {
                @for entry in &document.identity { div { dt { (entry.name) } dd { (inline(&entry.value)) } } }
            }
        }
    }
}

/// The sign of the project: a descent to a runway.
fn mark() -> Markup {
    html! {
        svg class="logo" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" {
            path d="M2 5 L17 16" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" {}
            path d="M10 20 H22" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" {}
            circle cx="17" cy="16" r="2.4" fill="currentColor" {}
        }
    }
}

fn badge_markup(badge: &Badge) -> Markup {
    html! { span class=(format!("badge {}", tone(badge.tone))) { (badge.text) } }
}

fn highlight_markup(highlight: &Highlight) -> Markup {
    html! { div class="highlight" { p class="name" { (highlight.name) } p class="value" { (highlight.value) } p class="note" { (highlight.note) } } }
}

const fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "neutral",
        Tone::Good => "good",
        Tone::Caution => "caution",
        Tone::Bad => "bad",
    }
}

fn card(text: &str) -> Markup {
    html! { section class="card" aria-label="Flight card" { pre { (text.trim_end()) } } }
}

fn contents(document: &Document) -> Markup {
    html! {
        nav aria-label="Contents" {
            ol { @for section in &document.sections { li { a href=(format!("#section-{}", section.number)) { span class="n" { (section.number) } (section.title) } } } }
        }
    }
}

fn section_markup(section: &Section) -> Markup {
    html! {
        section id=(format!("section-{}", section.number)) class=[section.on_new_page.then_some("apart")] {
            h2 { span class="n" { (section.number) } " " (section.title) }
            @for block in &section.blocks { (block_markup(block)) }
        }
    }
}

fn block_markup(block: &Block) -> Markup {
    match block {
        Block::Heading { text } => html! { h3 { (text) } },
        Block::Paragraph { text } => html! { p { (inline(text)) } },
        Block::List { ordered: true, items } => html! { ol class="list" { @for item in items { li { (inline(item)) } } } },
        Block::List { ordered: false, items } => html! { ul class="list" { @for item in items { li { (inline(item)) } } } },
        Block::Checklist { items } => {
            html! { ul class="checks" { @for item in items { li { span class="box" aria-hidden="true" {} span { (inline(item)) } } } } }
        }
        Block::Table { header, rows } => html! {
            div class="table" {
                table {
                    thead { tr { @for name in header { th scope="col" { (name) } } } }
                    tbody { @for row in rows { tr { @for cell in row { td { (inline(cell)) } } } } }
                }
            }
        },
        Block::Code { caption, text } => html! {
            figure class="code" {
                pre { code { (text) } }
                @if !caption.is_empty() { figcaption { (caption) } }
            }
        },
        Block::Callout { tone: feeling, title, text } => {
            html! { aside class=(format!("callout {}", tone(*feeling))) { strong { (title) } " " (inline(text)) } }
        }
        Block::Notice { when, to, subject, text } => html! {
            article class="notice" {
                p class="when" { (when) }
                dl { div { dt { "To" } dd { (to) } } div { dt { "Subject" } dd class="subject" { (subject) } } }
                pre { (text) }
            }
        },
        Block::Tree { branches } => html! { div class="trees" { @for branch in branches { (tree_markup(branch)) } } },
        Block::Step(step) => step_markup(step),
        Block::Sheet(sheet) => sheet_markup(sheet),
        Block::Figure(figure) => html! {
            figure class="picture" {
                figcaption { (figure.title) }
                div class="drawing" { (PreEscaped(&figure.svg)) }
            }
        },
    }
}

fn step_markup(step: &StepBlock) -> Markup {
    html! {
        article class=(if step.one_way { "step oneway" } else { "step" }) {
            header {
                span class="n" { (step.number) }
                h4 { (step.title) }
                p class="expected" { (step.expected) }
            }
            @if !step.command.is_empty() { pre { code { (step.command) } } }
            dl {
                @if !step.validation.is_empty() {
                    div { dt { "Validation" } dd { @for (at, line) in step.validation.iter().enumerate() { @if at > 0 { " · " } (inline(line)) } } }
                }
                @if !step.undo.is_empty() { div { dt { "Undo" } dd { (inline(&step.undo)) } } }
                div { dt { "Step" } dd class="id" { (step.id) } }
            }
        }
    }
}

/// A tree that can be folded; its branches cannot, so that what is open is open whole.
fn tree_markup(root: &Branch) -> Markup {
    html! { details class="tree" open { summary { (inline(&root.text)) } (branches(&root.then)) } }
}

fn branches(then: &[Branch]) -> Markup {
    html! { @if !then.is_empty() { ul { @for branch in then { li { (inline(&branch.text)) (branches(&branch.then)) } } } } }
}

fn sheet_markup(sheet: &SheetBox) -> Markup {
    let class = match sheet {
        SheetBox { one_way: true, .. } => "sheetbox oneway",
        // What does not fit on a page is broken between its lines.
        SheetBox { lines, .. } if lines.len() > SHEET_LINES_TOGETHER => "sheetbox long",
        SheetBox { decision: Some(_), .. } => "sheetbox decide",
        _ => "sheetbox",
    };
    let is_alone = sheet.lines.len() <= 1;
    html! {
        article class=(class) {
            header {
                span class="tick" aria-hidden="true" {}
                h4 { @if !sheet.label.is_empty() { span class="n" { (sheet.label) } } (sheet.title) }
                p class="time" { (sheet.time) }
                p class="done" { "done at" span {} "by" span {} }
            }
            @if sheet.one_way { p class="warn" { "No way back across this step. Look twice." } }
            @if !sheet.beside.is_empty() { p class="question" { strong { "Order. " } (inline(&sheet.beside)) } }
            @if let Some(decision) = &sheet.decision { (decision_markup(decision)) }
            @for line in &sheet.lines { (line_markup(line, is_alone)) }
            @if !sheet.otherwise.is_empty() || !sheet.back.is_empty() || sheet.decision.is_some() {
                p class="foot" {
                    @if let Some(decision) = &sheet.decision { span class="way" { "Not clear?" } " " (decision.unsure) ". " }
                    @if !sheet.otherwise.is_empty() { span class="way" { "Not so?" } " " (inline(&sheet.otherwise)) ". " }
                    @if !sheet.back.is_empty() { span class="way" { "Way back" } " " (inline(&sheet.back)) }
                }
            }
        }
    }
}

fn line_markup(line: &SheetLine, is_alone: bool) -> Markup {
    html! {
        div class=(if is_alone { "line alone" } else { "line" }) {
            @if !is_alone { span class="tick" aria-hidden="true" {} span class="n" { @if line.number > 0 { (line.number) } } }
            div {
                @if !line.title.is_empty() { p class="what" { span { (line.title) } span class="takes" { (line.takes) } } }
                div class="typed" {
                    @if !line.commands.is_empty() { pre { code { (line.commands) } } }
                    @if !line.expect.is_empty() { p class="expect" { @for (at, text) in line.expect.iter().enumerate() { @if at > 0 { " · " } (inline(text)) } } }
                    @if line.title.is_empty() && !line.takes.is_empty() { p class="takes" { (line.takes) } }
                }
            }
        }
    }
}

fn decision_markup(decision: &Decision) -> Markup {
    html! {
        div class="ways" {
            p class="question" { strong { "Decide. " } (inline(&decision.question)) } p class="way go" { "ON, if all of this" } p class="way back" { "BACK, if one of this" }
            @for look in &decision.looks {
                div { @if !look.what.is_empty() { p { (look.what) } } @if !look.commands.is_empty() { pre { code { (look.commands) } } } }
                p { (inline(&look.go)) }
                p { (inline(&look.back)) }
            }
        }
    }
}

fn inline(text: &Text) -> Markup {
    html! {
        @for span in &text.0 {
            @match span {
                Span::Plain(t) => { (t) }
                Span::Code(t) => { code { (t) } }
                Span::Strong(t) => { strong { (t) } }
                Span::Link(t) if t.starts_with("https://") || t.starts_with("http://") => { a href=(t) rel="noreferrer" { (t) } }
                Span::Link(t) => { (t) }
            }
        }
    }
}

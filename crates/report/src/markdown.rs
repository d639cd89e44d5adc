//! Documents as CommonMark with GitHub tables. Text from outside is escaped, so that it cannot become markup.

use crate::document::{Block, Branch, Document, SheetBox, SheetLine, Span, StepBlock, Text};
use glidepath_model::text::is_unfit_to_show;

/// Characters of what is expected that stand in one line of a run sheet.
const EXPECTED_TOGETHER_MAX: usize = 140;

/// The document as Markdown. Sections are headed `## N. Title`. Control characters become spaces.
pub fn to_markdown(document: &Document) -> String {
    let mut out = format!("# {}\n\n{}\n", escape(&document.title), escape(&document.subtitle));
    if !document.badges.is_empty() {
        let badges: Vec<String> = document.badges.iter().map(|b| format!("**{}**", escape(&b.text))).collect();
        out.push_str(&format!("\n{}\n", badges.join(" · ")));
    }
    out.push_str("\n| | |\n|---|---|\n");
    for entry in &document.identity {
        out.push_str(&format!("| {} | {} |\n", escape(&entry.name), cell(&entry.value)));
    }
    for highlight in &document.highlights {
        let note = if highlight.note.is_empty() { String::new() } else { format!(" ({})", escape(&highlight.note)) };
        out.push_str(&format!("| {} | **{}**{note} |\n", escape(&highlight.name), escape(&highlight.value)));
    }
    if !document.card.is_empty() {
        out.push_str(&format!("\nFlight card:\n\n{}\n", fenced(&document.card, "text")));
    }
    for section in &document.sections {
        out.push_str(&format!("\n## {}. {}\n", section.number, escape(&section.title)));
        for block in &section.blocks {
            out.push('\n');
            out.push_str(&block_text(block));
        }
    }
    // A file may be shown by a terminal, and is read by people in any case.
    out.chars().map(|c| if is_unfit_to_show(c) && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect()
}

fn block_text(block: &Block) -> String {
    match block {
        Block::Heading { text } => format!("### {}\n", escape(text)),
        Block::Paragraph { text } => format!("{}\n", inline(text)),
        Block::List { ordered, items } => items
            .iter()
            .enumerate()
            .map(|(at, item)| if *ordered { format!("{}. {}\n", at + 1, inline(item)) } else { format!("- {}\n", inline(item)) })
            .collect(),
        Block::Checklist { items } => items.iter().map(|item| format!("- [ ] {}\n", inline(item))).collect(),
        Block::Table { header, rows } => table(header, rows),
        Block::Code { caption, text } => {
            let caption = if caption.is_empty() { String::new() } else { format!("{}:\n\n", escape(caption)) };
            format!("{caption}{}", fenced(text, "sh"))
        }
        Block::Callout { title, text, .. } => format!("> **{}.** {}\n", escape(title), inline(text)),
        Block::Notice { when, to, subject, text } => {
            format!("**{}**, to {}. Subject: {}\n\n{}", escape(when), escape(to), escape(subject), fenced(text, "text"))
        }
        Block::Tree { branches } => tree(branches, 0),
        Block::Step(step) => step_text(step),
        Block::Sheet(sheet) => sheet_text(sheet),
        Block::Figure(figure) => {
            // The text says the same as the description, in lines.
            format!("**{}**\n\n{}", escape(&figure.title), fenced(&figure.text, "text"))
        }
    }
}

fn step_text(step: &StepBlock) -> String {
    let one_way = if step.one_way { " **No way back across this step.**" } else { "" };
    let mut out = format!("**{}. {}** ({}){one_way}\n\n", step.number, escape(&step.title), escape(&step.expected));
    if !step.command.is_empty() {
        out.push_str(&fenced(&step.command, "sh"));
    }
    out.push_str(&format!("\n- Step: {}\n", code(&step.id)));
    for validation in &step.validation {
        out.push_str(&format!("- Validation: {}\n", inline(validation)));
    }
    if !step.undo.is_empty() {
        out.push_str(&format!("- Undo: {}\n", inline(&step.undo)));
    }
    out
}

/// Branches as nested lists.
fn tree(branches: &[Branch], level: usize) -> String {
    let branch = |branch: &Branch| format!("{}- {}\n{}", "  ".repeat(level), inline(&branch.text), tree(&branch.then, level + 1));
    branches.iter().map(branch).collect()
}

/// A box is an item to tick; what is typed in it is one text that a shell reads, with all else as comments.
fn sheet_text(sheet: &SheetBox) -> String {
    let label = if sheet.label.is_empty() { String::new() } else { format!("{}. ", sheet.label) };
    let time = if sheet.time.is_empty() { String::new() } else { format!(" · {}", escape(&sheet.time)) };
    let mut out = format!("- [ ] **{}{}**{time}\n", escape(&label), escape(&sheet.title));
    let mut told = |name: &str, text: String| out.push_str(&format!("  - {name}: {text}\n"));
    if sheet.one_way {
        told("**No way back across this step**", "look twice".to_owned());
    }
    if !sheet.beside.is_empty() {
        told("Order", inline(&sheet.beside));
    }
    let mut typed: Vec<String> = Vec::new();
    if let Some(decision) = &sheet.decision {
        told("**Decide**", inline(&decision.question));
        for look in decision.looks.iter().filter(|look| look.commands.is_empty()) {
            told("On, if", inline(&look.go));
            if !look.back.is_empty() {
                told("Back, if", inline(&look.back));
            }
        }
        told("Not clear", escape(&decision.unsure));
        typed.extend(decision.looks.iter().filter(|look| !look.commands.is_empty()).map(|look| {
            let back = if look.back.is_empty() { String::new() } else { format!("\n# back, if {}", one_line(&look.back.words())) };
            format!("# {}\n{}\n# on, if {}{back}", one_line(&look.what), look.commands, one_line(&look.go.words()))
        }));
    }
    let is_alone = sheet.lines.len() == 1;
    for line in &sheet.lines {
        if line.commands.is_empty() && is_alone {
            line.expect.iter().for_each(|text| told("Expect", inline(text)));
        } else {
            typed.push(line_text(line, is_alone));
        }
    }
    if !sheet.otherwise.is_empty() {
        told("If not", inline(&sheet.otherwise));
    }
    if !sheet.back.is_empty() {
        told("Way back", inline(&sheet.back));
    }
    if !typed.is_empty() {
        out.push_str(&format!("\n{}", fenced(&typed.join("\n\n"), "sh")));
    }
    out
}

fn line_text(line: &SheetLine, is_alone: bool) -> String {
    let number = if line.number > 0 && !is_alone { format!("{}.", line.number) } else { String::new() };
    let head: Vec<String> = [number, one_line(&line.title), line.takes.clone()].into_iter().filter(|part| !part.is_empty()).collect();
    let mut lines = Vec::new();
    if !head.is_empty() {
        lines.push(format!("# {}", head.join(" · ").replacen(". · ", ". ", 1)));
    }
    if !line.commands.is_empty() {
        lines.push(line.commands.clone());
    }
    if !line.expect.is_empty() {
        let expected: Vec<String> = line.expect.iter().map(|text| one_line(&text.words())).collect();
        let is_short = expected.iter().map(String::len).sum::<usize>() <= EXPECTED_TOGETHER_MAX;
        lines.push(format!("# expect: {}", expected.join(if is_short { " · " } else { "\n# expect: " })));
    }
    lines.join("\n")
}

fn table(header: &[String], rows: &[Vec<Text>]) -> String {
    let mut out = format!("| {} |\n|{}\n", header.iter().map(|h| escape(h)).collect::<Vec<_>>().join(" | "), "---|".repeat(header.len()));
    for row in rows {
        out.push_str(&format!("| {} |\n", row.iter().map(cell).collect::<Vec<_>>().join(" | ")));
    }
    out
}

fn cell(text: &Text) -> String {
    let written: Vec<String> = text
        .0
        .iter()
        .map(|span| match span {
            Span::Code(t) => code(&one_line(t)).replace('|', "\\|"),
            other => span_text(other),
        })
        .collect();
    written.concat()
}

fn inline(text: &Text) -> String {
    text.0.iter().map(span_text).collect()
}

fn span_text(span: &Span) -> String {
    match span {
        Span::Plain(t) => escape(t),
        Span::Code(t) => code(&one_line(t)),
        Span::Strong(t) => strong(t),
        Span::Link(t) if t.starts_with("http://") || t.starts_with("https://") => format!("<{}>", one_line(t).replace(['<', '>', ' '], "")),
        Span::Link(t) => escape(t),
    }
}

/// Stressed text. A mark beside a space does not count as one, so that outer spaces stay outside.
fn strong(text: &str) -> String {
    let inner = text.trim();
    if inner.is_empty() {
        return text.to_owned();
    }
    let (before, after) = (text.len() - text.trim_start().len(), text.trim_end().len());
    format!("{}**{}**{}", &text[..before], escape(inner), &text[after..])
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text, '`') + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

fn fenced(text: &str, language: &str) -> String {
    let fence = "`".repeat((longest_run(text, '`') + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut current) = (0, 0);
    for c in text.chars() {
        current = if c == of { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    longest
}

/// Escapes what CommonMark would read as markup; line breaks become spaces.
pub(crate) fn escape(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, c) in characters.iter().enumerate() {
        let word = |i: Option<usize>| i.and_then(|i| characters.get(i)).is_some_and(|c| c.is_alphanumeric());
        let inside_word = word(at.checked_sub(1)) && word(Some(at + 1));
        let starts = at == 0 && matches!(c, '#' | '+' | '-' | '=' | '~');
        match c {
            '\n' | '\r' => out.push(' '),
            '_' if inside_word => out.push('_'),
            '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '|' => {
                out.push('\\');
                out.push(*c);
            }
            '&' => out.push_str("&amp;"),
            c if starts => {
                out.push('\\');
                out.push(*c);
            }
            c => out.push(*c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        for (text, written) in [
            ("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"),
            ("a|b *c* _d_ e_f [g]", "a\\|b \\*c\\* \\_d\\_ e_f \\[g\\]"),
            ("# no heading\nnor this", "\\# no heading nor this"),
            ("payments-db", "payments-db"),
        ] {
            assert_eq!(escape(text), written);
        }
        for (text, written) in [("Why. ", "**Why.** "), (" a*b", " **a\\*b**"), ("  ", "  "), ("web", "**web**")] {
            assert_eq!(strong(text), written);
        }
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(fenced("```\nx", "sh"), "````sh\n```\nx\n````\n");
        assert_eq!(cell(&Text::new().code("a | b")), "`a \\| b`");
    }
}

//! Lines for a terminal: coloured pieces that know their width, so that nothing is cut inside an escape sequence.

use glidepath_model::text::is_unfit_to_show;

/// Whether a terminal reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// ANSI escape sequences for colour and weight.
    Ansi,
}

/// How a piece is shown; on a plain terminal all look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Strong,
    Dim,
    Good,
    Caution,
    Bad,
    Accent,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Good => "\u{1b}[32m",
            Self::Caution => "\u{1b}[33m",
            Self::Bad => "\u{1b}[1;31m",
            Self::Accent => "\u{1b}[36m",
        }
    }
}

/// One line in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(Ink, String)>);

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A line of one piece.
    pub(crate) fn of(ink: Ink, text: impl AsRef<str>) -> Self {
        Self::new().with(ink, text)
    }

    /// Adds a piece. Control characters, which could drive the terminal, and hidden ones, which change the look of others, become spaces.
    #[must_use]
    pub(crate) fn with(mut self, ink: Ink, text: impl AsRef<str>) -> Self {
        let safe = text.as_ref().chars().map(|c| if is_unfit_to_show(c) { ' ' } else { c }).collect();
        self.0.push((ink, safe));
        self
    }

    /// Spaces up to a column.
    #[must_use]
    pub(crate) fn padded_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.with(Ink::Plain, " ".repeat(missing))
    }

    /// Puts a piece at the right edge of `width` columns when there is room for it.
    #[must_use]
    pub(crate) fn right(self, width: usize, ink: Ink, text: &str) -> Self {
        let length = text.chars().count();
        if self.width() + length + 1 > width { self } else { self.padded_to(width - length).with(ink, text) }
    }

    pub(crate) fn starts_with(&self, text: &str) -> bool {
        self.0.first().is_some_and(|(_, first)| first.starts_with(text))
    }

    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, t)| t.chars().count()).sum()
    }

    /// The line in at most `width` columns, ending in an ellipsis when it was cut.
    pub(crate) fn render(&self, width: usize, style: Style) -> String {
        let mut left = width;
        let cut = self.width() > width;
        let mut out = String::new();
        for (ink, text) in &self.0 {
            let length = text.chars().count();
            let room = if cut { left.saturating_sub(1) } else { left };
            let shown: String = if cut && length > room { text.chars().take(room).chain(['…']).collect() } else { text.clone() };
            let code = if style == Style::Ansi { ink.code() } else { "" };
            if code.is_empty() || shown.is_empty() {
                out.push_str(&shown);
            } else {
                out.push_str(&format!("{code}{shown}\u{1b}[0m"));
            }
            if cut && length > room {
                return out;
            }
            left = left.saturating_sub(length);
        }
        if style == Style::Plain { out.trim_end().to_owned() } else { out }
    }
}

/// Text cut to `most` characters with an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// A bar of `width` cells filled to `fraction`.
pub(crate) fn bar(fraction: f64, width: usize) -> String {
    let filled = (fraction.clamp(0.0, 1.0) * width as f64).round() as usize;
    let filled = if fraction > 0.0 { filled.max(1) } else { 0 }.min(width);
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

/// Text in lines of at most `width` columns, broken at spaces; a percent sign stays with its number.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(number) if word.starts_with('%') || is_unit(word) && number.ends_with(|c: char| c.is_ascii_digit()) => {
                *number = format!("{number} {word}")
            }
            Some(_) | None => words.push(word.to_owned()),
        }
    }
    let mut lines = vec![String::new()];
    for word in &words {
        let last = lines.len() - 1;
        let length = lines[last].chars().count();
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(word.clone());
        } else {
            if length > 0 {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

/// Text after a prefix, its further lines under where it began. What has no room in `lines_max` lines ends in an ellipsis after a whole word,
/// so that no number is ever shown in part.
pub(crate) fn hung(prefix: Line, ink: Ink, text: &str, width: usize, lines_max: usize) -> Vec<Line> {
    let column = prefix.width();
    let room = width.saturating_sub(column).max(1);
    let mut parts = wrapped(text, room);
    if parts.len() > lines_max {
        parts.truncate(lines_max);
        if let Some(last) = parts.last_mut() {
            while last.chars().count() + 2 > room
                && let Some(space) = last.rfind(' ')
            {
                last.truncate(space);
            }
            last.push_str(" …");
        }
    }
    let below = Line::of(Ink::Plain, " ".repeat(column));
    parts.iter().enumerate().map(|(at, part)| if at == 0 { prefix.clone() } else { below.clone() }.with(ink, part)).collect()
}

/// Whether a word is the unit of the number before it.
fn is_unit(word: &str) -> bool {
    matches!(word.trim_end_matches(['.', ',', ';', ':', ')']), "ms" | "s" | "min" | "h" | "d")
}

/// Rows under a header; each column as wide as its widest cell, the last one takes what is left.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<Line> {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(at, h)| rows.iter().filter_map(|r| r.get(at)).map(|c| c.chars().count()).max().unwrap_or(0).max(h.chars().count()))
        .collect();
    let line = |cells: Vec<&str>, ink: Ink| {
        let mut line = Line::of(Ink::Plain, "  ");
        for (at, cell) in cells.into_iter().enumerate() {
            let start = 2 + widths.iter().take(at).map(|w| w + 2).sum::<usize>();
            line = line.padded_to(start).with(ink, cell);
        }
        line
    };
    std::iter::once(line(header.to_vec(), Ink::Dim))
        .chain(rows.iter().map(|row| line(row.iter().map(String::as_str).collect(), Ink::Plain)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hung_text_is_broken_at_words_under_where_it_began() {
        let shown = |lines_max: usize| {
            hung(Line::of(Ink::Plain, "gate  "), Ink::Plain, "errors 1.1-fold, 95 % interval 0.7 to 1.6", 24, lines_max)
                .iter()
                .map(|l| l.render(24, Style::Plain))
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(3), ["gate  errors 1.1-fold,", "      95 % interval 0.7", "      to 1.6"]);
        assert_eq!(shown(2), ["gate  errors 1.1-fold,", "      95 % interval …"]);
        assert_eq!(shown(1), ["gate  errors 1.1-fold, …"]);
    }

    #[test]
    fn lines_are_cut_by_columns_and_never_inside_a_colour() {
        let line = Line::of(Ink::Strong, "payments").with(Ink::Bad, " regression\u{1b}[2J");
        assert_eq!(Line::of(Ink::Plain, "pay\u{202e}gnp\u{200b}").render(40, Style::Plain).trim_end(), "pay gnp");
        assert_eq!(line.render(12, Style::Plain), "payments re…");
        assert_eq!(line.render(40, Style::Plain), "payments regression [2J");
        assert_eq!(line.render(12, Style::Ansi), "\u{1b}[1mpayments\u{1b}[0m\u{1b}[1;31m re…\u{1b}[0m");
        assert_eq!(bar(0.01, 4), "█░░░");
        assert_eq!(bar(0.0, 2), "░░");
    }
}

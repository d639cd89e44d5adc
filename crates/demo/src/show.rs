//! What the audience sees: headings, sentences, a table. Talk goes where the caller says; colour only where it is a terminal.

use std::io::Write;

/// Width of headings and paragraphs, in columns.
const WIDTH: usize = 96;

/// Where talk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, for people.
    Stdout,
    /// Standard error, when standard output is for data.
    Stderr,
}

/// Says things.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    /// Where to.
    pub stream: Stream,
    /// Whether in colour.
    pub styled: bool,
}

impl Show {
    /// One line, as it is.
    pub fn line(&self, text: &str) {
        // An audience that went away is no error.
        let _ = match self.stream {
            Stream::Stdout => writeln!(std::io::stdout().lock(), "{text}"),
            Stream::Stderr => writeln!(std::io::stderr().lock(), "{text}"),
        };
    }

    /// A heading with a rule.
    pub fn heading(&self, text: &str) {
        let rule = "─".repeat(WIDTH.saturating_sub(text.chars().count() + 4));
        self.line("");
        self.line(&format!("{} {} {}", self.paint("36", "──"), self.paint("1;36", text), self.paint("36", &rule)));
        self.line("");
    }

    /// A paragraph, wrapped.
    pub fn say(&self, text: &str) {
        for line in wrapped(text, WIDTH - 2) {
            self.line(&format!("  {line}"));
        }
    }

    /// A command as it is typed.
    pub fn command(&self, text: &str) {
        self.line(&format!("\n  {} {}\n", self.paint("32", "$"), self.paint("1", text)));
    }

    /// A good or a bad finding.
    pub fn check(&self, good: bool, text: &str) {
        let mark = if good { self.paint("1;32", "✓") } else { self.paint("1;31", "✗") };
        let mut lines = wrapped(text, WIDTH - 4).into_iter();
        self.line(&format!("  {mark} {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| self.line(&format!("    {line}")));
    }

    /// A table; the first row is the head.
    pub fn table(&self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            let text = cells.join("   ");
            self.line(&format!("  {}", if number == 0 { self.paint("1", text.trim_end()) } else { text.trim_end().to_owned() }));
            if number == 0 {
                self.line(&format!(
                    "  {}",
                    self.paint("2", &"─".repeat(widths.iter().sum::<usize>() + 3 * widths.len().saturating_sub(1)))
                ));
            }
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.styled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width);
        match line {
            Some(line) => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

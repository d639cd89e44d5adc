//! Two plans, compared, for the terminal and as Markdown.

use super::{About, Difference, PlanDiff};
use crate::figures::{minute, plural};
use crate::markdown::{code, escape};
use crate::terminal::{Ink, Line, Style, hung, wrapped};
use glidepath_model::text::is_unfit_to_show;

/// Columns at most.
const COLUMNS_MAX: usize = 100;
/// Differences of one part shown in a terminal at most; the other forms have all.
const SHOWN_MAX: usize = 12;
/// Lines of one text at most.
const TEXT_LINES_MAX: usize = 4;
/// Other places that are named; more are counted.
const ALSO_MAX: usize = 2;

/// The differences in at most 100 columns.
pub fn diff_terminal(diff: &PlanDiff, style: Style) -> String {
    let mut lines = vec![Line::of(Ink::Strong, title(diff))];
    lines.extend(wrapped(&beneath(diff), COLUMNS_MAX).into_iter().map(|line| Line::of(Ink::Dim, line)));
    for (about, differences) in parts(diff) {
        lines.extend([Line::new(), Line::of(Ink::Strong, about.title())]);
        for difference in differences.iter().take(SHOWN_MAX) {
            lines.extend(told(difference));
        }
        if differences.len() > SHOWN_MAX {
            lines.push(Line::of(Ink::Dim, format!("  and {} more; `--format markdown` has all", differences.len() - SHOWN_MAX)));
        }
    }
    lines.iter().map(|line| line.render(COLUMNS_MAX, style) + "\n").collect()
}

fn told(difference: &Difference) -> Vec<Line> {
    let mut lines = hung(Line::of(Ink::Plain, "  "), Ink::Accent, &places(difference), COLUMNS_MAX, TEXT_LINES_MAX);
    for (sign, ink, text) in [("    - ", Ink::Bad, &difference.before), ("    + ", Ink::Good, &difference.after)] {
        if let Some(text) = text {
            lines.extend(hung(Line::of(ink, sign), ink, text, COLUMNS_MAX, TEXT_LINES_MAX));
        }
    }
    if let Some(because) = &difference.because {
        lines.extend(hung(Line::of(Ink::Dim, "    why: "), Ink::Dim, because, COLUMNS_MAX, TEXT_LINES_MAX));
    }
    lines
}

fn places(difference: &Difference) -> String {
    let named: Vec<&str> = difference.also.iter().take(ALSO_MAX).map(String::as_str).collect();
    match (named.is_empty(), difference.also.len().saturating_sub(ALSO_MAX)) {
        (true, _) => difference.path.clone(),
        (false, 0) => format!("{}, likewise {}", difference.path, named.join(", ")),
        (false, more) => format!("{}, likewise {} and {more} more", difference.path, named.join(", ")),
    }
}

/// The differences as Markdown, all of them.
pub fn diff_markdown(diff: &PlanDiff) -> String {
    let mut out = format!("# {}\n\n{}\n", escape(&title(diff)), escape(&beneath(diff)));
    for (about, differences) in parts(diff) {
        out += &format!("\n## {}\n\n", escape(about.title()));
        for difference in differences {
            let also: Vec<String> = difference.also.iter().map(|path| code(path)).collect();
            let also = if also.is_empty() { String::new() } else { format!(", likewise {}", also.join(", ")) };
            out += &format!("- {}{also}\n", code(&difference.path));
            for (word, text) in [("was", &difference.before), ("is", &difference.after)] {
                let lines = text.as_ref().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
                out += &lines.map(|text| format!("  - {word}: {}\n", code(&text))).unwrap_or_default();
            }
            if let Some(because) = &difference.because {
                out += &format!("  - why: {}\n", escape(because));
            }
        }
    }
    out.chars().map(|c| if is_unfit_to_show(c) && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect()
}

fn title(diff: &PlanDiff) -> String {
    let (from, to) = (&diff.from, &diff.to);
    let title = if from.title == to.title { to.title.clone() } else { format!("{} against {}", from.title, to.title) };
    format!("{title}: plan {} to plan {}", from.plan.short(), to.plan.short())
}

fn beneath(diff: &PlanDiff) -> String {
    let (from, to) = (&diff.from, &diff.to);
    if from.plan == to.plan {
        return "It is one and the same plan.".to_owned();
    }
    let times = format!("Made {} and {}", minute(from.created_at), minute(to.created_at));
    let facts = if diff.same_facts { "from the same facts" } else { "from other facts" };
    let count = match diff.differences.len() {
        0 => "they do and expect the same".to_owned(),
        count => plural(count, "difference", "differences"),
    };
    format!("{times}, {facts}; {count}.")
}

/// The differences by what they are about.
fn parts(diff: &PlanDiff) -> Vec<(About, Vec<&Difference>)> {
    let mut parts: Vec<(About, Vec<&Difference>)> = Vec::new();
    for difference in &diff.differences {
        match parts.last_mut().filter(|(about, _)| *about == difference.about) {
            Some((_, list)) => list.push(difference),
            None => parts.push((difference.about, vec![difference])),
        }
    }
    parts
}

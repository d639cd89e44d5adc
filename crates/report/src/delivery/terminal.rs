//! The report in a terminal.

use super::DeliveryReport;
use super::words::{DORA, NOTHING, basis_of, name, notes, rests_on, row, scope, value, window};
use crate::terminal::{Ink, Line, Style, table, wrapped};
use glidepath_judge::dora::{Band, Delivery, Figure, Scope};

/// Columns at most.
const COLUMNS_MAX: usize = 120;
/// Columns of the name of a figure, of its value and of its band.
const COLUMNS: [usize; 3] = [34, 14, 8];

/// The report in lines of at most 120 columns.
pub fn delivery_terminal(report: &DeliveryReport, style: Style) -> String {
    let mut lines = vec![Line::of(Ink::Strong, "How changes were delivered"), Line::of(Ink::Dim, window(report))];
    lines.extend(notes(report).iter().flat_map(|note| wrapped(note, COLUMNS_MAX)).map(|line| Line::of(Ink::Caution, line)));
    for delivery in report.scopes.iter().take(1) {
        lines.extend(whole(delivery));
    }
    let of = |wanted: fn(&Scope) -> bool| report.scopes.iter().skip(1).filter(move |delivery| wanted(&delivery.scope));
    lines.extend(compared("component", of(|scope| matches!(scope, Scope::Component(_)))));
    lines.extend(compared("team", of(|scope| matches!(scope, Scope::Team(_)))));
    lines.extend([Line::new(), Line::of(Ink::Dim, "Not measured, and what would give it")]);
    for missing in &report.not_measured {
        let mut parts = wrapped(missing.source, COLUMNS_MAX - COLUMNS[0] - 2).into_iter();
        lines.push(
            Line::of(Ink::Plain, format!("  {}", missing.name)).padded_to(COLUMNS[0] + 2).with(Ink::Dim, parts.next().unwrap_or_default()),
        );
        lines.extend(parts.map(|part| Line::new().padded_to(COLUMNS[0] + 2).with(Ink::Dim, part)));
    }
    lines.iter().map(|line| line.render(COLUMNS_MAX, style) + "\n").collect()
}

/// Everything about one scope.
fn whole(delivery: &Delivery) -> Vec<Line> {
    let title = match &delivery.scope {
        Scope::All => "All".to_owned(),
        Scope::Component(_) => format!("Component {}", scope(&delivery.scope)),
        Scope::Team(_) => format!("Team {}", scope(&delivery.scope)),
    };
    let (five, others): (Vec<&Figure>, Vec<&Figure>) = delivery.figures.iter().partition(|figure| DORA.contains(&figure.id));
    let mut lines =
        vec![Line::new(), Line::of(Ink::Strong, title).with(Ink::Plain, format!(": {}", rests_on(&delivery.basis))), Line::new()];
    lines.extend(five.into_iter().map(line));
    lines.push(Line::new());
    lines.extend(others.into_iter().map(line));
    lines
}

fn line(figure: &Figure) -> Line {
    let is_known = figure.value.is_some();
    let [first, second, third] = COLUMNS;
    let band = figure.band.map_or("", Band::name);
    let ink = match figure.band {
        Some(Band::Elite | Band::High) => Ink::Good,
        Some(Band::Medium) => Ink::Caution,
        Some(Band::Low) => Ink::Bad,
        None => Ink::Plain,
    };
    Line::of(Ink::Plain, format!("  {}", name(figure)))
        .padded_to(first + 2)
        .with(if is_known { Ink::Strong } else { Ink::Dim }, value(figure))
        .padded_to(first + second + 2)
        .with(ink, band)
        .padded_to(first + second + third + 2)
        .with(Ink::Dim, basis_of(figure))
}

/// The five of several scopes.
fn compared<'a>(what: &str, deliveries: impl Iterator<Item = &'a Delivery>) -> Vec<Line> {
    let rows: Vec<Vec<String>> = deliveries
        .map(row)
        .map(|row| row.into_iter().map(|cell| if cell.is_empty() { NOTHING.to_owned() } else { cell }).collect())
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::new()];
    lines.extend(table(&[what, "frequency", "lead time", "failed", "recovery", "rework"], &rows));
    lines
}

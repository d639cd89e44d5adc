//! What a benchmark says.

use anyhow::Result;
use serde::Serialize;

/// One figure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Stable name.
    pub(crate) name: &'static str,
    /// What was measured.
    pub(crate) figure: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// What it is to be; `None` for figures of the machine.
    pub(crate) goal: Option<Goal>,
    /// The machine's own measured limit that the figure rests on, in the same unit.
    pub(crate) limit: Option<f64>,
    /// Whether the goal is met.
    pub(crate) met: Option<bool>,
}

/// A goal.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Goal {
    /// The figure is at most this.
    AtMost(f64),
    /// The figure is at least this.
    AtLeast(f64),
}

impl Row {
    /// A figure of the machine, without a goal.
    pub(crate) fn of_machine(name: &'static str, figure: f64, unit: &'static str) -> Self {
        Self { name, figure, unit, goal: None, limit: None, met: None }
    }

    /// A figure with a goal.
    pub(crate) fn with_goal(name: &'static str, figure: f64, unit: &'static str, goal: Goal) -> Self {
        let met = match goal {
            Goal::AtMost(most) => figure <= most,
            Goal::AtLeast(least) => figure >= least,
        };
        Self { name, figure, unit, goal: Some(goal), limit: None, met: Some(met) }
    }

    /// Adds the machine's limit.
    #[must_use]
    pub(crate) fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// Prints rows: a table for people, or one JSON array.
pub(crate) fn print(rows: &[Row], format: &str) -> Result<()> {
    if format == "json" {
        println!("{}", serde_json::to_string_pretty(rows)?);
        return Ok(());
    }
    println!("{:<28} {:>12}  {:<10} {:>12} {:>12}  met", "name", "figure", "unit", "goal", "limit");
    for row in rows {
        let goal = match row.goal {
            None => String::new(),
            Some(Goal::AtMost(most)) => format!("<= {}", short(most)),
            Some(Goal::AtLeast(least)) => format!(">= {}", short(least)),
        };
        let met = row.met.map_or("", |met| if met { "yes" } else { "no" });
        let limit = row.limit.map(short).unwrap_or_default();
        println!("{:<28} {:>12}  {:<10} {goal:>12} {limit:>12}  {met}", row.name, short(row.figure), row.unit);
    }
    Ok(())
}

/// Three digits that count.
fn short(figure: f64) -> String {
    match figure.abs() {
        large if large >= 100.0 => format!("{figure:.0}"),
        middle if middle >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

//! Figures in words.

use super::DeliveryReport;
use crate::figures::{count, percent, plural};
use glidepath_judge::dora::{Basis, Delivery, Figure, Scope};
use glidepath_judge::measures::{Measure, Unit};
use glidepath_model::Millis;

/// Ids of the five figures of DORA.
pub(super) const DORA: [&str; 5] = ["deployment-frequency", "change-lead-time", "change-fail-rate", "recovery-time", "rework-rate"];
/// What is said in place of a figure that there is nothing to compute from.
pub(super) const NOTHING: &str = "none yet";

/// The name of a figure.
pub(super) fn name(figure: &Figure) -> &'static str {
    Measure::of(figure.id).map_or(figure.id, |measure| measure.name)
}

/// The figure with its unit.
pub(super) fn value(figure: &Figure) -> String {
    figure.value.map_or_else(|| NOTHING.to_owned(), |value| of_unit(unit(figure), value))
}

/// What it was computed from.
pub(super) fn basis_of(figure: &Figure) -> String {
    let whole = |number: f64| number.round() as usize;
    let text = match unit(figure) {
        Unit::PerDay => format!(
            "{} in {}",
            plural(whole(figure.numerator), "landing", "landings"),
            of_unit(Unit::Seconds, figure.denominator * 86_400.0)
        ),
        Unit::Share | Unit::Ratio if figure.denominator <= 0.0 => String::new(),
        Unit::Share => format!("{} of {}", count(figure.numerator), count(figure.denominator)),
        Unit::Ratio => format!("{} came, {} predicted", count(figure.numerator), count(figure.denominator)),
        Unit::Seconds | Unit::Count | Unit::Money => match &figure.spread {
            Some(_) if figure.denominator < 2.0 => "of 1".to_owned(),
            Some(spread) => {
                let of = |seconds| of_unit(Unit::Seconds, seconds);
                let (mean, p95, p99) = (of(spread.mean), of(spread.p95), of(spread.p99));
                format!("of {}; mean {mean}, 95 % {p95}, 99 % {p99}", whole(figure.denominator))
            }
            None if figure.denominator > 0.0 => format!(
                "{} without one, {}",
                of_unit(Unit::Seconds, figure.numerator),
                plural(whole(figure.denominator), "failure", "failures")
            ),
            None => String::new(),
        },
    };
    let text = match figure.assumed {
        0 => text,
        assumed => format!("{text}; {assumed} from planning on, without `committedAt`"),
    };
    match figure.left_out {
        0 => text,
        left_out if text.is_empty() => format!("{left_out} not known"),
        left_out => format!("{text}; {left_out} not known"),
    }
}

pub(super) fn of_unit(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => percent(value),
        Unit::Seconds => Millis((value * 1000.0).round().max(0.0) as u64).to_string(),
        Unit::PerDay => frequency(value),
        Unit::Ratio | Unit::Count | Unit::Money => crate::figures::plain((value * 100.0).round() / 100.0),
    }
}

/// How often, in the greatest unit in which it is once or more.
fn frequency(per_day: f64) -> String {
    match per_day {
        none if none <= 0.0 => "none".to_owned(),
        daily if daily >= 1.0 => format!("{} a day", count(daily)),
        weekly if weekly * 7.0 >= 1.0 => format!("{} a week", count(weekly * 7.0)),
        rare => format!("{} a month", count(rare * 30.0)),
    }
}

/// The name of a scope.
pub(super) fn scope(scope: &Scope) -> String {
    match scope {
        Scope::All => "all".to_owned(),
        Scope::Component(name) | Scope::Team(name) => name.clone(),
    }
}

/// What the figures of a scope rest on.
pub(super) fn rests_on(basis: &Basis) -> String {
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut text = format!(
        "{}, {}",
        plural(number(basis.runs), "run", "runs"),
        plural(number(basis.deployments), "deployment to production", "deployments to production")
    );
    if basis.deployments > 0 {
        text += &format!(", {} of which failed", if basis.failed == 0 { "none".to_owned() } else { basis.failed.to_string() });
    }
    match basis.under_way {
        0 => text + ".",
        1 => text + ". 1 run is under way and counts nowhere yet.",
        many => format!("{text}. {many} runs are under way and count nowhere yet."),
    }
}

/// What a reader must know before the figures.
pub(super) fn notes(report: &DeliveryReport) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(begins) = report.record_begins {
        notes.push(format!(
            "The record begins at {} only; frequency and the time between failures are over the whole window all the same.",
            begins.to_second()
        ));
    }
    if report.missing.unreadable > 0 {
        notes.push(format!(
            "{} cannot be read and {} left out.",
            plural(usize::try_from(report.missing.unreadable).unwrap_or(usize::MAX), "run", "runs"),
            if report.missing.unreadable == 1 { "is" } else { "are" }
        ));
    }
    if report.missing.older {
        notes.push("There are more runs than are looked at; the oldest are left out. A shorter window is whole.".to_owned());
    }
    notes
}

/// The window in words.
pub(super) fn window(report: &DeliveryReport) -> String {
    format!("{} to {} ({}), by the clock of the store", report.from.to_second(), report.to.to_second(), report.to.since(report.from))
}

/// A row of the five for a scope: value and band of each.
pub(super) fn row(delivery: &Delivery) -> Vec<String> {
    let cell = |id: &&str| {
        let figure = delivery.figure(id);
        let band = figure.and_then(|figure| figure.band).map_or_else(String::new, |band| format!(" ({})", band.name()));
        figure.map_or_else(String::new, value) + &band
    };
    std::iter::once(scope(&delivery.scope)).chain(DORA.iter().map(cell)).collect()
}

fn unit(figure: &Figure) -> Unit {
    Measure::of(figure.id).map_or(Unit::Count, |measure| measure.unit)
}

//! Arguments of `capacity`.

use super::Form;
use clap::Args;
use glidepath_model::{Millis, Timestamp};
use std::path::PathBuf;

/// Arguments of `capacity`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CapacityArgs {
    /// A target or a component, told in full; all targets in a table when left out.
    pub(crate) name: Option<String>,
    /// The load from a file instead of Prometheus, CSV: time and value, and target and region where it holds several.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Days of history that are asked of Prometheus, which answers with those it has kept; 90 when left out.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(2..=730))]
    pub(crate) back: u32,
    /// Days ahead; 28 when left out.
    #[arg(long, value_name = "DAYS", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub(crate) days: u32,
    /// Load that is not to be passed, in requests per second; the capacity less 30 % headroom when left out.
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub(crate) limit: Option<f64>,
    /// How long it takes from an order until more hosts serve; `14d` when left out.
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = length)]
    pub(crate) lead: Millis,
    /// Greatest probability, in percent, with which the limit may be passed; 5 when left out.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    pub(crate) probability: f64,
    /// Growth in percent by the year that comes on top of what history shows; none when left out.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = growth, allow_negative_numbers = true)]
    pub(crate) growth: f64,
    /// A known event: from when to when, and by what it multiplies the load, such as `2026-12-04T00:00:00Z/2026-12-06T00:00:00Z=1.8`. May be repeated.
    #[arg(long, value_name = "FROM/TO=FACTOR", value_parser = event)]
    pub(crate) event: Vec<KnownEvent>,
    /// IANA time zone of the hours of the week and of the times told; UTC when left out.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) zone: String,
    /// As it was at this time; now, or the end of the file, when left out.
    #[arg(long, value_name = "TIME", value_parser = super::plan::time)]
    pub(crate) at: Option<Timestamp>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// What is known to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownEvent {
    /// From when.
    pub(crate) from: Timestamp,
    /// Until when, exclusive.
    pub(crate) to: Timestamp,
    /// By what the load is multiplied.
    pub(crate) factor: f64,
}

fn number(text: &str, low: f64, high: f64) -> Option<f64> {
    text.trim_end_matches('%').trim_end().parse().ok().filter(|number| (low..=high).contains(number))
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, f64::MIN_POSITIVE, 1e12).ok_or_else(|| "a rate above 0, in requests per second".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    number(text, 0.1, 50.0).ok_or_else(|| "a percentage from 0.1 to 50".to_owned())
}

fn growth(text: &str) -> Result<f64, String> {
    number(text, -99.0, 1000.0).ok_or_else(|| "a percentage from -99 to 1000".to_owned())
}

fn length(text: &str) -> Result<Millis, String> {
    Millis::parse(text).ok_or_else(|| "a length of time, such as 14d or 36h".to_owned())
}

fn event(text: &str) -> Result<KnownEvent, String> {
    let parsed = text.split_once('=').and_then(|(times, factor)| {
        let (from, to) = times.split_once('/')?;
        let (from, to) = (Timestamp::parse(from.trim())?, Timestamp::parse(to.trim())?);
        let factor = number(factor, 0.0, glidepath_forecast::peak::FACTOR_MAX)?;
        (from < to).then_some(KnownEvent { from, to, factor })
    });
    parsed.ok_or_else(|| "FROM/TO=FACTOR, two times in RFC 3339, the earlier first, and what the load is multiplied by".to_owned())
}

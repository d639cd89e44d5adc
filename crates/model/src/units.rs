//! Shares, ratios and money, exact.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A share or ratio between 0 and 1 in parts per billion, so that 99.9 % is exactly 99.9 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(1_000_000_000);

    /// From parts per billion; more than a billion is taken as everything.
    pub const fn from_ppb(ppb: u32) -> Self {
        if ppb > 1_000_000_000 { Self::ALL } else { Self(ppb) }
    }

    /// Parts per billion.
    pub const fn ppb(self) -> u32 {
        self.0
    }

    /// From whole percent.
    pub const fn percent(percent: u32) -> Self {
        Self::from_ppb(percent.saturating_mul(10_000_000))
    }

    /// From a fraction; clamped to 0 and 1, NaN is 0.
    pub fn from_f64(fraction: f64) -> Self {
        Self::from_ppb((fraction.clamp(0.0, 1.0) * 1e9).round() as u32)
    }

    /// As a fraction.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e9
    }

    /// The number of percent without its sign, as commands take it: `5`, `0.5`.
    pub fn percent_text(self) -> String {
        self.decimal(7)
    }

    /// The fraction of the whole, as commands take it: `0.05`, `1`.
    pub fn fraction_text(self) -> String {
        self.decimal(9)
    }

    fn decimal(self, digits: usize) -> String {
        let unit = 10_u32.pow(digits as u32);
        let text = format!("{}.{:0digits$}", self.0 / unit, self.0 % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The greatest multiple of a step that is not above it; itself where the step is nothing.
    pub const fn whole_steps(self, step: Self) -> Self {
        if step.0 == 0 { self } else { Self(self.0 - self.0 % step.0) }
    }

    /// What is left of the whole.
    pub const fn rest(self) -> Self {
        Self(1_000_000_000 - self.0)
    }

    /// Reads `5%`, `99.95%`, and decimals between 0 and 1 such as `0.999`, without passing through floating point.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, digits_after) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), 7),
            None => (text, 9),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > digits_after {
            return None;
        }
        let scale = 10_u64.pow(digits_after as u32);
        let padded = format!("{fraction:0<digits_after$}");
        let ppb = whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(padded.parse::<u64>().ok()?)?;
        u32::try_from(ppb).ok().filter(|ppb| *ppb <= 1_000_000_000).map(Self)
    }
}

impl fmt::Display for Share {
    /// Percent with as many digits as it needs: `5 %`, `99.95 %`; a third is `33.3 %`, because more digits tell nobody more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_multiple_of(1_000) && (10_000_000..980_000_000).contains(&self.0) {
            let tenths = (self.0 + 500_000) / 1_000_000;
            let text = if tenths.is_multiple_of(10) { format!("{} %", tenths / 10) } else { format!("{}.{} %", tenths / 10, tenths % 10) };
            return f.pad(&text);
        }
        let whole = self.0 / 10_000_000;
        let fraction = self.0 % 10_000_000;
        let digits = format!("{fraction:07}");
        let digits = digits.trim_end_matches('0');
        let text = if digits.is_empty() { format!("{whole} %") } else { format!("{whole}.{digits} %") };
        f.pad(&text)
    }
}

/// An amount of money: millionths of the currency's unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    /// Millionths of one unit of the currency.
    pub micros: i64,
    /// ISO 4217 code, such as `EUR`.
    pub currency: String,
}

impl Money {
    /// Reads `12.50 EUR`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, currency) = text.trim().split_once(' ')?;
        let currency = currency.trim();
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 6 {
            return None;
        }
        let micros = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(format!("{fraction:0<6}").parse().ok()?)?;
        Some(Self { micros, currency: currency.to_owned() })
    }

    /// This much `count` times over, saturating.
    pub fn times(&self, count: f64) -> Self {
        Self { micros: (self.micros as f64 * count).round() as i64, currency: self.currency.clone() }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} {}", self.micros as f64 / 1e6, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_commands_take_them_and_cut_to_whole_steps() {
        for (text, percent, fraction) in [("0%", "0", "0"), ("5%", "5", "0.05"), ("0.5%", "0.5", "0.005"), ("100%", "100", "1")] {
            let written = Share::parse(text).map(|share| (share.percent_text(), share.fraction_text()));
            assert_eq!(written, Some((percent.to_owned(), fraction.to_owned())), "{text}");
        }
        assert_eq!(Share::percent(25).whole_steps(Share::percent(10)), Share::percent(20));
        assert_eq!(Share::percent(25).whole_steps(Share::ZERO), Share::percent(25));
    }

    #[test]
    fn shares_are_exact_decimals() {
        for (text, ppb, shown) in [
            ("5%", 50_000_000, "5 %"),
            ("99.95%", 999_500_000, "99.95 %"),
            ("0.999", 999_000_000, "99.9 %"),
            ("100%", 1_000_000_000, "100 %"),
            ("1", 1_000_000_000, "100 %"),
            ("0", 0, "0 %"),
        ] {
            assert_eq!(Share::parse(text).map(Share::ppb), Some(ppb), "{text}");
            assert_eq!(Share::from_ppb(ppb).to_string(), shown);
        }
        for bad in ["101%", "-1%", "5 percent", "", "%", "1.5", ".5", "0.9999999999", "nan"] {
            assert_eq!(Share::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_needs_a_currency() {
        assert_eq!(Money::parse("12.50 EUR").map(|m| m.to_string()).as_deref(), Some("12.50 EUR"));
        for bad in ["12.50", "12.50 eur", "EUR 12", "x EUR", "1.0000001 EUR"] {
            assert_eq!(Money::parse(bad), None, "{bad}");
        }
    }
}

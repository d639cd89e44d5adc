//! Points in time and lengths of time.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A point in time: UTC microseconds since 1970. Shown and serialised as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The first moment that can be written down, and the last, in every time zone: about the years -9999 and 9999.
const FIRST_MICROS: i64 = -377_705_023_201_000_000;
const LAST_MICROS: i64 = 253_402_207_200_999_999;

impl Timestamp {
    /// The beginning of 1970 in UTC.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This point plus a length, at most the last moment that can be written down.
    pub const fn plus(self, length: Millis) -> Self {
        let sum = self.0.saturating_add(length.as_micros());
        Self(if sum > LAST_MICROS { LAST_MICROS } else { sum })
    }

    /// This point minus a length, at least the first moment that can be written down.
    pub const fn minus(self, length: Millis) -> Self {
        let rest = self.0.saturating_sub(length.as_micros());
        Self(if rest < FIRST_MICROS { FIRST_MICROS } else { rest })
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Millis {
        let micros = self.0.saturating_sub(earlier.0);
        Millis(if micros > 0 { micros as u64 / 1000 } else { 0 })
    }

    /// The second that it lies in, for people.
    pub const fn to_second(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(1_000_000)))
    }

    /// Reads RFC 3339 text with a zone.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_microsecond()))
    }

    /// For people, to the minute, as clocks in an IANA time zone show it: `Tue 2026-11-24 11:00 CET`. In UTC without a zone, or in one that is
    /// not known here.
    pub fn shown_in(self, zone: Option<&str>) -> String {
        self.zoned(zone).strftime("%a %Y-%m-%d %H:%M %Z").to_string()
    }

    /// For files and commands, to the second, with the offset of an IANA time zone: `2026-11-24T11:00:00+01:00`. In UTC as [`Self::shown_in`] is.
    pub fn written_in(self, zone: Option<&str>) -> String {
        self.zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    fn zoned(self, zone: Option<&str>) -> jiff::Zoned {
        let time = self.to_jiff();
        zone.and_then(|zone| time.in_tz(zone).ok()).unwrap_or_else(|| time.to_zoned(jiff::tz::TimeZone::UTC))
    }

    /// As a `jiff` timestamp; saturates at its limits.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX })
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second when the fraction is zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("not an RFC 3339 time with a zone: {text}")))
    }
}

/// A length of time in whole milliseconds. Serialised as a number; field names end in `Ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole minutes.
    pub const fn from_mins(minutes: u64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// As seconds with a fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Sum, saturating.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// As whole microseconds, saturating.
    const fn as_micros(self) -> i64 {
        let micros = self.0.saturating_mul(1000);
        if micros > i64::MAX as u64 { i64::MAX } else { micros as i64 }
    }

    /// As `std::time::Duration`.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// Reads `90s`, `15m`, `2h`, `1d`, `250ms`, and sums such as `1h30m`. `None` for anything else, a bare number included.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut total: u64 = 0;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, next) = tail.split_at(unit_end);
            let factor: u64 = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 604_800_000,
                _ => return None,
            };
            let value: f64 = number.parse().ok()?;
            let millis = value * factor as f64;
            if !(0.0..=9.0e15).contains(&millis) {
                return None;
            }
            total = total.checked_add(millis.round() as u64)?;
            rest = next;
        }
        Some(Self(total))
    }
}

impl fmt::Display for Millis {
    /// For people: at most two units, `4 min 10 s`, `2 h`, `350 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
        let text = match UNITS.iter().position(|(size, _)| self.0 >= *size) {
            None => format!("{} ms", self.0),
            Some(3) if self.0 < 10_000 && !self.0.is_multiple_of(1000) => format!("{:.1} s", self.as_secs_f64()),
            Some(at) => {
                let (size, unit) = UNITS[at];
                let head = self.0 / size;
                match UNITS.get(at + 1).map(|(small, name)| (self.0 % size / small, name)) {
                    Some((tail, name)) if tail > 0 => format!("{head} {unit} {tail} {name}"),
                    _ => format!("{head} {unit}"),
                }
            }
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_are_shown_in_two_units_at_most() {
        let cases = [
            ("90s", 90_000, "1 min 30 s"),
            ("15m", 900_000, "15 min"),
            ("1h30m", 5_400_000, "1 h 30 min"),
            ("250ms", 250, "250 ms"),
            ("1.5s", 1500, "1.5 s"),
            ("1d", 86_400_000, "1 d"),
        ];
        for (text, millis, shown) in cases {
            let read = Millis::parse(text);
            assert_eq!(read, Some(Millis(millis)), "{text}");
            assert_eq!(read.map(|m| m.to_string()).as_deref(), Some(shown));
        }
        for bad in ["", "90", "s", "5 x", "-3s", "1e9d", "9999999999999999999d", "1..s"] {
            assert_eq!(Millis::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_keep_microseconds_through_text() {
        let time = Timestamp::from_micros(1_764_543_600_123_456);
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::parse("2026-12-01T00:00:00+01:00").map(|t| t.to_string()).as_deref(), Some("2026-11-30T23:00:00Z"));
        assert_eq!(Timestamp::parse("2026-12-01T00:00:00"), None);
    }

    #[test]
    fn a_length_beyond_all_time_saturates_and_does_not_turn_back() {
        let time = Timestamp::from_micros(1_764_543_600_000_000);
        for length in [Millis(u64::MAX), Millis(i64::MAX as u64), Millis(i64::MAX as u64 / 1000 + 1)] {
            for end in [time.plus(length), time.minus(length)] {
                assert_eq!(Timestamp::parse(&end.to_string()), Some(end), "{length:?}");
            }
            assert!(time.plus(length) > time && time.minus(length) < Timestamp::EPOCH, "{length:?}");
        }
        assert_eq!(time.plus(Millis(1500)).minus(Millis(1500)), time);
    }

    #[test]
    fn a_time_is_shown_as_the_clocks_of_its_place_show_it() {
        for (text, zone, shown) in [
            ("2026-11-24T10:00:59Z", Some("Europe/Berlin"), "Tue 2026-11-24 11:00 CET"),
            ("2026-10-25T00:30:00Z", Some("Europe/Berlin"), "Sun 2026-10-25 02:30 CEST"),
            ("2026-10-25T01:30:00Z", Some("Europe/Berlin"), "Sun 2026-10-25 02:30 CET"),
            ("2026-11-24T10:00:00Z", Some("Mars/Base"), "Tue 2026-11-24 10:00 UTC"),
            ("2026-11-24T10:00:00Z", None, "Tue 2026-11-24 10:00 UTC"),
        ] {
            let time = Timestamp::parse(text);
            assert_eq!(time.map(|time| time.shown_in(zone)).as_deref(), Some(shown));
            assert_eq!(time.and_then(|time| Timestamp::parse(&time.written_in(zone))), time);
        }
        assert_eq!(Timestamp::EPOCH.written_in(Some("Europe/Berlin")), "1970-01-01T01:00:00+01:00");
        assert!(!Timestamp::from_micros(i64::MAX).shown_in(Some("Asia/Tokyo")).is_empty());
    }
}

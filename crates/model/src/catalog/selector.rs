//! Metrics with label matchers, in the notation of PromQL.

use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// A metric with label matchers, in PromQL's notation. Placeholders may stand in values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Metric name.
    pub metric: String,
    /// Matchers, all of which must hold.
    pub matchers: Vec<Matcher>,
}

/// One label matcher.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// Label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: MatchOperator,
    /// Value or fully anchored regular expression.
    pub value: String,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchOperator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

/// Characters that mean something in a regular expression of Prometheus.
const REGEX_MARKS: &str = r"\.+*?()|[]{}^$";

impl Matcher {
    /// That a label has a value.
    pub fn equal(label: &str, value: &str) -> Self {
        Self { label: label.to_owned(), operator: MatchOperator::Equal, value: value.to_owned() }
    }

    /// That a label has one of some values, each letter by letter.
    pub fn any_of(label: &str, values: &[String]) -> Self {
        let literal = |value: &String| {
            let escaped = value.chars().flat_map(|c| REGEX_MARKS.contains(c).then_some('\\').into_iter().chain([c]));
            escaped.collect::<String>()
        };
        let value = values.iter().map(literal).collect::<Vec<_>>().join("|");
        Self { label: label.to_owned(), operator: MatchOperator::Matches, value }
    }
}

impl Selector {
    /// Whether the metric's name states milliseconds.
    pub fn is_in_millis(&self) -> bool {
        self.metric.ends_with("_milliseconds") || self.metric.ends_with("_ms")
    }

    /// A limit in the unit that the metric's name states; in seconds where it states none.
    pub fn bound_of(&self, limit: Millis) -> f64 {
        if self.is_in_millis() { limit.0 as f64 } else { limit.as_secs_f64() }
    }

    /// Counters of a histogram: its bucket that ends at a limit, and all that it saw. The limit is taken in the unit that the metric's name states.
    pub fn histogram_parts(&self, limit: Millis) -> (Self, Self) {
        let suffixed = |suffix: &str| Self { metric: format!("{}{suffix}", self.metric), matchers: self.matchers.clone() };
        let bound = self.bound_of(limit);
        let mut bucket = suffixed("_bucket");
        bucket.matchers.push(Matcher { label: "le".to_owned(), operator: MatchOperator::Matches, value: bound_pattern(bound) });
        (bucket, suffixed("_count"))
    }

    /// Whether it is a pointer into a JSON answer, where no metric has a name.
    pub fn is_pointer(&self) -> bool {
        self.metric.starts_with('/')
    }

    /// Reads `name{label="value",other=~"a|b"}`, or a pointer into a JSON answer (RFC 6901), which begins with `/`.
    ///
    /// # Errors
    /// A sentence that says what was expected where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('/') {
            let is_escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            let pointer = Self { metric: text.to_owned(), matchers: Vec::new() };
            return is_escaped
                .then_some(pointer)
                .ok_or_else(|| "in a JSON pointer, `~` is written `~0`, and `/` in a name `~1`".to_owned());
        }
        let (metric, inside) = match text.split_once('{') {
            None => (text, None),
            Some((metric, rest)) => (metric.trim(), Some(rest.strip_suffix('}').ok_or("a closing brace is missing at the end")?)),
        };
        let name_ok = |s: &str, colon: bool| {
            s.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || (colon && b == b':'))
        };
        if !name_ok(metric, true) {
            return Err(format!("`{metric}` is not a metric name"));
        }
        let mut matchers = Vec::new();
        let mut rest = inside.unwrap_or("").trim();
        while !rest.is_empty() {
            let operator_at = rest.find(['=', '!']).ok_or_else(|| format!("`{rest}` has no comparison"))?;
            let label = rest[..operator_at].trim();
            if !name_ok(label, false) {
                return Err(format!("`{label}` is not a label name"));
            }
            let tail = &rest[operator_at..];
            let (operator, width) = match tail.as_bytes() {
                [b'=', b'~', ..] => (MatchOperator::Matches, 2),
                [b'!', b'~', ..] => (MatchOperator::NotMatches, 2),
                [b'!', b'=', ..] => (MatchOperator::NotEqual, 2),
                [b'=', ..] => (MatchOperator::Equal, 1),
                _ => return Err(format!("`{tail}` does not begin with =, !=, =~ or !~")),
            };
            let quoted = tail[width..]
                .trim_start()
                .strip_prefix('"')
                .ok_or_else(|| format!("the value of `{label}` must stand in double quotes"))?;
            let mut value = String::new();
            let mut end = None;
            let mut chars = quoted.char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = Some(at);
                        break;
                    }
                    '\\' => match chars.next() {
                        Some((_, 'n')) => value.push('\n'),
                        Some((_, escaped)) => value.push(escaped),
                        None => break,
                    },
                    c => value.push(c),
                }
            }
            let end = end.ok_or_else(|| format!("the value of `{label}` has no closing quote"))?;
            matchers.push(Matcher { label: label.to_owned(), operator, value });
            rest = quoted[end + 1..].trim_start();
            rest = match rest.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(format!("a comma is missing before `{rest}`")),
            };
        }
        // A catalog holds tens of thousands of them.
        matchers.shrink_to_fit();
        Ok(Self { metric: metric.to_owned(), matchers })
    }

    /// This selector with one more equality.
    #[must_use]
    pub fn with(mut self, label: &str, value: &str) -> Self {
        self.matchers.push(Matcher::equal(label, value));
        self
    }

    /// This selector with every value passed through `replace`.
    #[must_use]
    pub fn map_values(mut self, replace: impl Fn(&str) -> String) -> Self {
        for matcher in &mut self.matchers {
            matcher.value = replace(&matcher.value);
        }
        self
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.metric)?;
        if self.matchers.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        for (at, matcher) in self.matchers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{matcher}")?;
        }
        f.write_str("}")
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = match self.operator {
            MatchOperator::Equal => "=",
            MatchOperator::NotEqual => "!=",
            MatchOperator::Matches => "=~",
            MatchOperator::NotMatches => "!~",
        };
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{operator}\"{value}\"", self.label)
    }
}

/// A regular expression for the ways a bucket bound is written: `0.3`, `0.30`; `1`, `1.0`.
fn bound_pattern(bound: f64) -> String {
    let text = bound.to_string();
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{whole}[.]{fraction}0*"),
        None => format!("{text}([.]0+)?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_read_at_the_bucket_of_its_limit_in_the_unit_of_its_name() {
        for (histogram, limit, bucket) in [
            (r#"took_seconds{app="a"}"#, 300, r#"took_seconds_bucket{app="a",le=~"0[.]30*"}"#),
            ("took_seconds", 1000, r#"took_seconds_bucket{le=~"1([.]0+)?"}"#),
            ("took_milliseconds", 300, r#"took_milliseconds_bucket{le=~"300([.]0+)?"}"#),
            ("took_ms", 2500, r#"took_ms_bucket{le=~"2500([.]0+)?"}"#),
        ] {
            let parts = Selector::parse(histogram).map(|histogram| histogram.histogram_parts(Millis(limit)));
            let all = histogram.replacen("seconds", "seconds_count", 1).replace("_ms", "_ms_count");
            assert_eq!(parts.map(|(good, all)| (good.to_string(), all.to_string())), Ok((bucket.to_owned(), all)));
        }
    }

    #[test]
    fn selectors_are_read_and_written_as_prometheus_does() {
        for text in ["up", r#"http_requests_total{app="payments",code=~"5..",x!="a\"b",y!~"q"}"#] {
            let read = Selector::parse(text);
            assert_eq!(read.map(|s| s.to_string()), Ok(text.to_owned()));
        }
        let pointer = Selector::parse("/requests/a~1b").map(|pointer| (pointer.is_pointer(), pointer.with("side", "2").to_string()));
        assert_eq!(pointer, Ok((true, r#"/requests/a~1b{side="2"}"#.to_owned())));
        for bad in
            ["/a~b", "/a~", "", "{a=\"b\"}", "m{a=b}", "m{a=\"b\"", "m{a=\"b}", "m{a=\"b\" c=\"d\"}", "9m", "sum(rate(x[5m]))", "m{=\"x\"}"]
        {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}

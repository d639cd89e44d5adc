//! Reading the pages that services publish: Prometheus' text format and OpenMetrics.
//!
//! Tolerant: a line that is not understood is passed over and counted, because one broken exporter must not hide the
//! metric that is asked for. A page without any line that is understood is rubbish.

use glidepath_model::catalog::{MatchOperator, Selector};
use regex::Regex;
use std::collections::BTreeMap;

/// Longest line read, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Most memory of one compiled label matcher, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// A selector ready to match.
pub(super) struct Matchers {
    metric: String,
    matchers: Vec<(String, Test)>,
}

enum Test {
    Is(String),
    IsNot(String),
    Matches(Regex),
    MatchesNot(Regex),
}

impl Matchers {
    /// Compiles the selector's expressions; they hold for the whole value, as in Prometheus.
    pub(super) fn new(selector: &Selector) -> Result<Self, String> {
        let compile = |text: &str| {
            let anchored = format!("^(?s:{text})$");
            let regex = regex::RegexBuilder::new(&anchored).size_limit(PATTERN_BYTES_MAX).build();
            regex.map_err(|_| format!("`{text}` is not a regular expression, or too large a one"))
        };
        let matchers = selector.matchers.iter().map(|matcher| {
            let test = match matcher.operator {
                MatchOperator::Equal => Test::Is(matcher.value.clone()),
                MatchOperator::NotEqual => Test::IsNot(matcher.value.clone()),
                MatchOperator::Matches => Test::Matches(compile(&matcher.value)?),
                MatchOperator::NotMatches => Test::MatchesNot(compile(&matcher.value)?),
            };
            Ok((matcher.label.clone(), test))
        });
        Ok(Self { metric: selector.metric.clone(), matchers: matchers.collect::<Result<_, String>>()? })
    }

    /// A label that is missing counts as empty, as in Prometheus.
    fn hold(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matchers.iter().all(|(label, test)| {
            let value = labels.get(label).map_or("", String::as_str);
            match test {
                Test::Is(wanted) => value == wanted,
                Test::IsNot(unwanted) => value != unwanted,
                Test::Matches(regex) => regex.is_match(value),
                Test::MatchesNot(regex) => !regex.is_match(value),
            }
        })
    }
}

/// The samples of a page that match, `None` when the page is no page of metrics. An empty page is one.
pub(super) fn samples(page: &str, matchers: &Matchers) -> Option<Vec<Sample>> {
    let mut found = Vec::new();
    let (mut understood, mut not_understood) = (0_usize, 0_usize);
    for line in page.lines().map(str::trim) {
        if line.is_empty() {
            continue;
        }
        if line.starts_with('#') {
            understood += 1;
            continue;
        }
        match sample(line, &matchers.metric) {
            Line::Rubbish => not_understood += 1,
            Line::Other => understood += 1,
            Line::Found(sample) => {
                understood += 1;
                if matchers.hold(&sample.labels) {
                    found.push(sample);
                }
            }
        }
    }
    (understood > 0 || not_understood == 0).then_some(found)
}

enum Line {
    Found(Sample),
    Other,
    Rubbish,
}

/// `name{label="value"} 1 1700000000 # exemplar`.
fn sample(line: &str, metric: &str) -> Line {
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || line.len() > LINE_BYTES_MAX {
        return Line::Rubbish;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        None => (BTreeMap::new(), rest),
        Some(inside) => match labels(inside) {
            Some(parsed) => parsed,
            None => return Line::Rubbish,
        },
    };
    let Some(value) = rest.split_ascii_whitespace().next().and_then(number) else { return Line::Rubbish };
    if name == metric { Line::Found(Sample { labels, value }) } else { Line::Other }
}

/// Go's numbers: `1`, `1.5e-3`, `NaN`, `+Inf`. Rust reads all of them, and `infinity`, which does no harm.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Labels up to the closing brace, and what follows it.
fn labels(inside: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = inside.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted_value(after.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').map_or(rest, str::trim_start);
    }
}

/// A value up to its closing quote; `\\`, `\"` and `\n` are escapes, other backslashes stand for themselves.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn values(page: &str, selector: &str) -> Option<Vec<f64>> {
        let matchers = Matchers::new(&Selector::parse(selector).unwrap()).unwrap();
        samples(page, &matchers).map(|found| found.into_iter().map(|s| s.value).collect())
    }

    const PAGE: &str = "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n\
        http_requests_total{code=\"200\",path=\"/a\\\"b\\\\c\\nd\"} 1027 1395066363000\n\
        http_requests_total{ code = \"500\" , path=\"/}{,\" , } 3 # {trace=\"x\"} 0.5\n\
        http_requests_total 7\nhttp_requests_total_created 1e9\n\
        broken line {\n{\"quoted.name\"} 1\nhttp_requests_total{code=\"404\" 5\n\
        up NaN\ndown +Inf\nsmall 1.5e-3\n# EOF\n";

    #[test]
    fn samples_are_read_with_escapes_timestamps_and_exemplars_and_broken_lines_are_passed_over() {
        let cases: [(&str, &[f64]); 10] = [
            ("http_requests_total", &[1027.0, 3.0, 7.0]),
            ("http_requests_total{code=\"500\"}", &[3.0]),
            ("http_requests_total{code=~\"5..\"}", &[3.0]),
            ("http_requests_total{code=~\"5\"}", &[]),
            ("http_requests_total{code!~\"5..|2..\"}", &[7.0]),
            ("http_requests_total{code!=\"500\"}", &[1027.0, 7.0]),
            ("http_requests_total{code=\"\"}", &[7.0]),
            ("http_requests_total{path=~\"(?s).*\\\\n.*\"}", &[1027.0]),
            ("down", &[f64::INFINITY]),
            ("small", &[0.0015]),
        ];
        for (selector, expected) in cases {
            assert_eq!(values(PAGE, selector).as_deref(), Some(expected), "{selector}");
        }
        // A metric that says nothing is there all the same.
        assert!(matches!(values(PAGE, "up").as_deref(), Some([value]) if value.is_nan()));
    }

    #[test]
    fn a_page_that_is_no_page_of_metrics_is_told_from_an_empty_one() {
        assert_eq!(values("<!doctype html>\n<html><body>404</body></html>", "up"), None);
        assert_eq!(values("{\"status\": \"ok\"}", "up"), None);
        assert_eq!(values("", "up"), Some(vec![]));
        assert_eq!(values("# nothing yet", "up"), Some(vec![]));
    }
}

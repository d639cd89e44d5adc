//! Series from a file: CSV with a header, or a JSON list of objects, with the columns `time`, `metric`, and `value` or `good` and `bad`.

use crate::series_file::text;
use glidepath_model::{Code, Diagnostic, Place, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Most rows of a file.
const ROWS_MAX: usize = 1_000_000;
/// Problems of a file that are told one by one.
const TOLD_MAX: usize = 20;
/// Last second since 1970 that is taken for one: the end of the year 9998. Milliseconds lie beyond.
const SECONDS_MAX: f64 = 253_370_764_800.0;

/// What was measured at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    /// A value; may be infinite, never "not a number".
    Value(f64),
    /// Requests since the moment before: finite, not negative.
    Counts {
        /// Good ones.
        good: f64,
        /// Bad ones.
        bad: f64,
    },
}

/// A metric of one side: what was measured when, nothing where a row has no value.
pub(super) type Series = BTreeMap<Timestamp, Option<Point>>;

/// The metrics of a side by name.
pub(super) type Side = BTreeMap<String, Series>;

/// One split of the old side's hosts: the metrics of the half that plays the canary, and of the other.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// Of the half that plays the canary.
    pub(super) canary: Side,
    /// Of the other half.
    pub(super) baseline: Side,
}

/// Splits by their names.
pub(super) type History = BTreeMap<String, Halves>;

/// Which half of a split a row of a history is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    #[default]
    Canary,
    Baseline,
}

/// Whose series it is. Only a history has pairs and halves.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    pair: String,
    half: Half,
    metric: String,
}

/// Whether a series has counts; nothing where it has only rows without a value.
pub(super) fn has_counts(series: &Series) -> Option<bool> {
    series.values().flatten().next().map(|point| matches!(point, Point::Counts { .. }))
}

/// Reads a file; what is wrong with it is added to the problems.
pub(super) fn read(path: &Path, problems: &mut Vec<Diagnostic>) -> Side {
    series(path, false, problems).into_iter().map(|(key, series)| (key.metric, series)).collect()
}

/// Reads the file of a history; what is wrong with it is added to the problems.
pub(super) fn read_history(path: &Path, problems: &mut Vec<Diagnostic>) -> History {
    let mut history = History::new();
    for (key, series) in self::series(path, true, problems) {
        let halves = history.entry(key.pair).or_default();
        let side = if key.half == Half::Canary { &mut halves.canary } else { &mut halves.baseline };
        side.insert(key.metric, series);
    }
    history
}

fn series(path: &Path, is_history: bool, problems: &mut Vec<Diagnostic>) -> BTreeMap<Key, Series> {
    let mut reader = Reader {
        file: path.display().to_string(),
        is_history,
        side: BTreeMap::new(),
        counts: BTreeMap::new(),
        problems: Vec::new(),
        untold: 0,
    };
    match text(path) {
        Ok(text) if text.trim_start().starts_with(['[', '{']) => reader.json(&text),
        Ok(text) => reader.csv(&text),
        Err(why) => reader.problem(None, why),
    }
    if reader.side.is_empty() && reader.problems.is_empty() {
        reader.problem(None, "it has no rows".to_owned());
    }
    if reader.untold > 0 {
        let message = format!("{}: {} more problems of this kind", reader.file, reader.untold);
        reader.problems.push(Diagnostic::error(Code(690), message).hint("mend those that are told first"));
    }
    problems.append(&mut reader.problems);
    reader.side
}

/// A row as it was written; absent where the file has no such column or an empty cell.
#[derive(Debug, Default)]
struct Row {
    time: Option<String>,
    metric: Option<String>,
    value: Option<String>,
    good: Option<String>,
    bad: Option<String>,
    half: Option<String>,
    pair: Option<String>,
}

const COLUMNS: [&str; 7] = ["time", "metric", "value", "good", "bad", "half", "pair"];

impl Row {
    fn new(mut cell: impl FnMut(&str) -> Option<String>) -> Self {
        let [time, metric, value, good, bad, half, pair] = COLUMNS.map(|name| cell(name).filter(|text| !text.is_empty()));
        Self { time, metric, value, good, bad, half, pair }
    }

    /// The moment, whose series it is and what was measured, or everything that is wrong.
    fn read(&self, is_history: bool) -> Result<(Timestamp, Key, Option<Point>), Vec<String>> {
        let mut wrong = Vec::new();
        let half = match self.half.as_deref() {
            _ if !is_history => Half::default(),
            Some("canary") => Half::Canary,
            Some("baseline") => Half::Baseline,
            other => {
                wrong.push(format!("half must be canary or baseline, and is {}", other.unwrap_or("empty")));
                Half::default()
            }
        };
        let pair = self.pair.clone().filter(|_| is_history).unwrap_or_default();
        let mut number = |name: &str, text: &Option<String>| match text.as_ref().map(|text| text.parse::<f64>()) {
            None => None,
            Some(Ok(number)) => Some(number).filter(|number| !number.is_nan()),
            Some(Err(_)) => {
                wrong.push(format!("{name} is not a number: {}", text.as_deref().unwrap_or_default()));
                None
            }
        };
        let (value, good, bad) = (number("value", &self.value), number("good", &self.good), number("bad", &self.bad));
        for (name, count) in [("good", good), ("bad", bad)] {
            if count.is_some_and(|count| !(count.is_finite() && count >= 0.0)) {
                wrong
                    .push(format!("{name} must be a count, 0 or more: the requests since the row before, not a counter that may be reset"));
            }
        }
        let point = match (value, good, bad) {
            (None, None, None) => None,
            (Some(value), None, None) => Some(Point::Value(value)),
            (None, Some(good), Some(bad)) => Some(Point::Counts { good, bad }),
            (Some(_), _, _) => {
                wrong.push("it has a value and counts; a metric has one or the other".to_owned());
                None
            }
            (None, Some(_), None) | (None, None, Some(_)) => {
                wrong.push("it has only one of good and bad; both are needed, 0 where there were none".to_owned());
                None
            }
        };
        let time = self.time.as_deref().and_then(moment);
        if time.is_none() {
            let given = self.time.as_deref().unwrap_or("nothing");
            wrong.push(format!("time is neither RFC 3339 nor seconds since 1970: {given}"));
        }
        if self.metric.is_none() {
            wrong.push("it names no metric".to_owned());
        }
        match (time, &self.metric, wrong.is_empty()) {
            (Some(time), Some(metric), true) => Ok((time, Key { pair, half, metric: metric.clone() }, point)),
            _ => Err(wrong),
        }
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| {
        let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))?;
        Some(Timestamp::from_micros((seconds * 1e6).round() as i64))
    })
}

struct Reader {
    file: String,
    is_history: bool,
    side: BTreeMap<Key, Series>,
    /// Metrics that have counts, and those that have values.
    counts: BTreeMap<String, bool>,
    problems: Vec<Diagnostic>,
    untold: usize,
}

impl Reader {
    fn problem(&mut self, place: Option<Place>, what: String) {
        if self.problems.len() >= TOLD_MAX {
            self.untold += 1;
            return;
        }
        let message = if place.is_some() { what } else { format!("{}: {what}", self.file) };
        let finding = Diagnostic::error(Code(690), message)
            .because("a judge that leaves out what it cannot read would judge something else")
            .hint("`glidepath explain GP0690` shows what the files look like");
        self.problems.push(match place {
            Some(place) => finding.at(place),
            None => finding,
        });
    }

    /// Adds a row. `place` and `name` say where it stands.
    fn add(&mut self, row: &Row, place: Option<&Place>, name: &str) {
        let tell = |what: String| if place.is_some() { what } else { format!("{name}: {what}") };
        let (time, key, point) = match row.read(self.is_history) {
            Ok(read) => read,
            Err(wrong) => return wrong.into_iter().for_each(|what| self.problem(place.cloned(), tell(what))),
        };
        let metric = key.metric.clone();
        let counts = point.map(|point| matches!(point, Point::Counts { .. }));
        if counts.is_some_and(|counts| *self.counts.entry(metric.clone()).or_insert(counts) != counts) {
            self.problem(place.cloned(), tell(format!("{metric} has values and counts; a metric has one or the other")));
        } else if self.side.entry(key).or_default().insert(time, point).is_some() {
            self.problem(place.cloned(), tell(format!("{metric} is there twice at {time}; it would count twice")));
        }
    }

    fn csv(&mut self, text: &str) {
        let mut records = Records { rest: text, line: 1 };
        let file = self.file.clone();
        let Some((first, header)) = records.next() else { return };
        let place = |line, cells: &[String]| Place { file: file.clone(), line, column: 1, length: 1, snippet: cells.join(",") };
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let has = |name: &str| columns.iter().any(|column| column == name);
        if !(has("time") && has("metric") && (has("value") || (has("good") && has("bad")))) {
            let what = "the first line must name the columns: time, metric, and value or good and bad, in any order".to_owned();
            return self.problem(Some(place(first, &header)), what);
        }
        if self.is_history && !has("half") {
            let what =
                "the first line of a history must name the column half: which side, canary or baseline, that half of the hosts plays"
                    .to_owned();
            return self.problem(Some(place(first, &header)), what);
        }
        for (number, (line, cells)) in records.enumerate() {
            if number == ROWS_MAX {
                return self.problem(None, format!("it has more than {ROWS_MAX} rows"));
            }
            let row = Row::new(|name| {
                let index = columns.iter().position(|column| column == name)?;
                Some(cells.get(index)?.trim().to_owned())
            });
            let place = place(line, &cells);
            if cells.len() == columns.len() {
                self.add(&row, Some(&place), "");
            } else {
                self.problem(Some(place), format!("it has {} cells, the first line has {}", cells.len(), columns.len()));
            }
        }
    }

    fn json(&mut self, text: &str) {
        let rows: Vec<Map<String, Value>> = match serde_json::from_str(text) {
            Ok(rows) => rows,
            Err(error) => return self.problem(None, format!("it is not a JSON list of objects: {error}")),
        };
        if rows.len() > ROWS_MAX {
            return self.problem(None, format!("it has {} rows; {ROWS_MAX} are read at most", rows.len()));
        }
        for (index, object) in rows.iter().enumerate() {
            let row = Row::new(|name| match object.get(name)? {
                Value::Null => None,
                Value::String(text) => Some(text.trim().to_owned()),
                other => Some(other.to_string()),
            });
            self.add(&row, None, &format!("row {}", index + 1));
        }
    }
}

/// Records of a CSV text with the lines they begin in: cells between commas, in quotes where they hold commas, quotes (doubled) or line breaks. Empty lines are left out.
struct Records<'a> {
    rest: &'a str,
    line: u32,
}

impl Iterator for Records<'_> {
    type Item = (u32, Vec<String>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let begins = self.line;
            let cells = self.record();
            if cells.len() > 1 || cells.iter().any(|cell| !cell.trim().is_empty()) {
                return Some((begins, cells));
            }
        }
    }
}

impl Records<'_> {
    fn record(&mut self) -> Vec<String> {
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut chars = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            if c == '\n' {
                self.line += 1;
            }
            match c {
                '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    chars.next();
                    cell.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if cell.is_empty() => quoted = true,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                '\n' if !quoted => {
                    end = at + 1;
                    break;
                }
                '\r' if !quoted && chars.peek().is_none_or(|(_, next)| *next == '\n') => {}
                other => cell.push(other),
            }
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        cells.push(cell);
        cells
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it found")]
mod tests {
    use super::*;

    fn said(text: &str) -> (Side, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("series");
        std::fs::write(&file, text).unwrap();
        let mut problems = Vec::new();
        let side = read(&file, &mut problems);
        (
            side,
            problems.into_iter().map(|problem| format!("{}: {}", problem.place.map_or(0, |place| place.line), problem.message)).collect(),
        )
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let csv = "\u{feff}metric,TIME,note,value,good,bad\r\n\"p99, ms\",2026-11-28T10:00:00Z,\"a \"\"b\"\"\nc\",12.5,,\r\n\r\nerrors,60,,,90,10\r\nerrors,120.5,,NaN,,\r\n";
        let json = r#"[{"metric":"p99, ms","time":"2026-11-28T11:00:00+01:00","value":"12.5","note":true},
            {"metric":"errors","time":60,"good":90,"bad":10}, {"metric":"errors","time":120.5,"value":null}]"#;
        let (side, problems) = said(csv);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(said(json), (side.clone(), Vec::new()));
        let errors = &side["errors"];
        assert_eq!(errors[&Timestamp::from_micros(60_000_000)], Some(Point::Counts { good: 90.0, bad: 10.0 }));
        assert_eq!(errors[&Timestamp::from_micros(120_500_000)], None);
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let text = "time,metric,value,good,bad\nyesterday,,x,,\n60,a,1,2,3\n60,b,1,,\n60,b,2,,\n61,b,,1,0\n60,c,,1,\n60,d,,-1,inf\n60,e\n1764324000000,f,1,,\n";
        let (_, problems) = said(text);
        let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["2", "2", "2", "3", "5", "6", "7", "8", "8", "9", "10"], "{problems:#?}");
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for text in [
            "",
            "time,metric\n1,a\n",
            "time,metric,value\n",
            "<html></html>",
            "[1]",
            "{\"a\":1}",
            "[{\"time\":1,\"metric\":\"a\",\"value\":true}]",
        ] {
            assert_eq!(said(text).1.len(), 1, "{text}");
        }
        let many = format!("time,metric,value\n{}", "x,y,1\n".repeat(50));
        assert_eq!(said(&many).1.last().unwrap().rsplit(": ").next(), Some("30 more problems of this kind"));
    }
}

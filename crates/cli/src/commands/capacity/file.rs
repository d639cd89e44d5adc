//! The load from a file: CSV with a header, `time` and `value`, and `target` and `region` where it holds several.

use crate::series_file::text;
use glidepath_forecast::Point;
use glidepath_model::{Code, Diagnostic, Place, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

/// Problems of a file that are told one by one.
const TOLD_MAX: usize = 20;

/// Loads by what the file calls them: target and region, both empty where it has no such columns.
pub(super) type Loads = BTreeMap<(String, String), Vec<Point>>;

struct Columns {
    time: usize,
    value: usize,
    target: Option<usize>,
    region: Option<usize>,
}

/// Reads a file, or says everything that is wrong with it. Rows without a value are left out: they are gaps.
pub(super) fn read(path: &Path) -> Result<Loads, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let unusable = |place: Option<Place>, what: String| Diagnostic {
        place,
        ..Diagnostic::error(Code(702), what)
            .hint("the file must have a header with the columns time and value; times are RFC 3339, or seconds since 1970")
    };
    let text = text(path).map_err(|why| vec![unusable(None, format!("{name}: {why}"))])?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header = lines.next().map(|(_, line)| line).unwrap_or_default();
    let columns = columns(header).map_err(|why| vec![unusable(Some(place(&name, 0, header)), why)])?;
    let (mut loads, mut problems, mut untold) = (Loads::new(), Vec::new(), 0_usize);
    for (at, line) in lines {
        match row(line, &columns) {
            Ok((key, point)) => loads.entry(key).or_default().extend(point),
            Err(_) if problems.len() >= TOLD_MAX => untold += 1,
            Err(why) => problems.push(unusable(Some(place(&name, at, line)), why)),
        }
    }
    if untold > 0 {
        problems.push(unusable(None, format!("{name}: {untold} more rows like these")));
    }
    if loads.is_empty() && problems.is_empty() {
        problems.push(unusable(None, format!("{name} has no rows")));
    }
    if problems.is_empty() { Ok(loads) } else { Err(problems) }
}

fn place(file: &str, at: usize, line: &str) -> Place {
    let length = u32::try_from(line.chars().count()).unwrap_or(u32::MAX).max(1);
    Place { file: file.to_owned(), line: u32::try_from(at + 1).unwrap_or(u32::MAX), column: 1, length, snippet: line.to_owned() }
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"')).collect()
}

fn columns(header: &str) -> Result<Columns, String> {
    let names = cells(header);
    let find = |name: &str| names.iter().position(|cell| *cell == name);
    match (find("time"), find("value")) {
        (Some(time), Some(value)) => Ok(Columns { time, value, target: find("target"), region: find("region") }),
        (time, value) => {
            let missing: Vec<&str> =
                [("time", time), ("value", value)].into_iter().filter(|(_, at)| at.is_none()).map(|(name, _)| name).collect();
            Err(format!("the header has no column {}", missing.join(" and no column ")))
        }
    }
}

fn row(line: &str, columns: &Columns) -> Result<((String, String), Option<Point>), String> {
    let cells = cells(line);
    let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
    let named = |at: Option<usize>| at.map(cell).unwrap_or_default().to_owned();
    let at = moment(cell(columns.time)).ok_or_else(|| format!("`{}` is no time", cell(columns.time)))?;
    let value = match cell(columns.value) {
        "" => None,
        text => Some(text.parse::<f64>().map_err(|_| format!("`{text}` is no number"))?),
    };
    let point = value.filter(|value| !value.is_nan()).map(|value| Point { at_ms: at.as_micros().div_euclid(1000), value });
    Ok(((named(columns.target), named(columns.region)), point))
}

fn moment(text: &str) -> Option<Timestamp> {
    /// Last second since 1970 that is taken for one: the end of the year 9998. Milliseconds lie beyond.
    const SECONDS_MAX: f64 = 253_370_764_800.0;
    Timestamp::parse(text).or_else(|| {
        let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))?;
        Some(Timestamp::from_micros((seconds * 1e6).round() as i64))
    })
}

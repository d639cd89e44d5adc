//! How good forecasts are, on public series.
//!
//! `cargo xtask bench forecast [--format json]`, or with `--data FOLDER` on series of one's own. From each of the last origins of a series everything
//! is done as the product does it, knowing nothing of what follows: the race on earlier origins, the choice, the intervals. What followed is compared.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A benchmark talks to its terminal.

use glidepath_forecast::{Forecast, History, Model, forecast, score};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Origins of each series.
const ORIGINS: usize = 12;
/// Greatest part of a series in which they lie.
const TESTED_MAX: f64 = 0.5;
/// Greatest mean error that is wanted.
const MASE_MAX: f64 = 0.80;
/// Share of what followed that is wanted within the 80 % interval.
const COVERAGE: std::ops::RangeInclusive<f64> = 0.75..=0.85;
/// A day: any step does where only the order of values counts.
const STEP_MS: i64 = 86_400_000;

struct Series {
    name: String,
    seasons: Vec<usize>,
    horizon: usize,
    values: Vec<f64>,
}

#[derive(Default)]
struct Measured {
    name: String,
    chosen: Vec<Model>,
    mase: Mean,
    naive: Mean,
    smape: Mean,
    covered_80: Mean,
    covered_95: Mean,
    milliseconds: f64,
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn of(&self) -> f64 {
        self.sum / self.count
    }
}

fn read(path: &Path) -> Result<Series, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut series = Series { name, seasons: Vec::new(), horizon: 0, values: Vec::new() };
    let bad = |line: &str| format!("{}: `{line}` is no number", path.display());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(seasons) = line.strip_prefix("seasons ") {
            series.seasons = seasons.split(' ').map(|season| season.parse().map_err(|_| bad(line))).collect::<Result<_, _>>()?;
        } else if let Some(horizon) = line.strip_prefix("horizon ") {
            series.horizon = horizon.parse().map_err(|_| bad(line))?;
        } else {
            series.values.push(line.parse().map_err(|_| bad(line))?);
        }
    }
    Ok(series)
}

fn measure(series: &Series) -> Result<Measured, String> {
    let mut measured = Measured { name: series.name.clone(), ..Measured::default() };
    let steps = series.values.len();
    let season = series.seasons.iter().copied().max().unwrap_or(1);
    let room = ((steps as f64 * TESTED_MAX) as usize).saturating_sub(series.horizon);
    let stride = (room / (ORIGINS - 1)).max(1);
    let started = Instant::now();
    for back in 0..ORIGINS {
        let origin = steps - series.horizon - back * stride;
        let known = History::complete(&series.values[..origin], 0, STEP_MS).map_err(|problem| format!("{}: {problem}", series.name))?;
        let carried = forecast(&known, &series.seasons, series.horizon).map_err(|unknown| format!("{}: {unknown}", series.name))?;
        compare(&mut measured, &carried, &known, season, &series.values[origin..]);
    }
    measured.milliseconds = started.elapsed().as_secs_f64() * 1000.0 / ORIGINS as f64;
    Ok(measured)
}

fn compare(measured: &mut Measured, carried: &Forecast, known: &History, season: usize, actual: &[f64]) {
    let seen = vec![true; actual.len()];
    let scale = score::naive_scale(known.values(), known.seen(), season).unwrap_or(0.0);
    let mase = |point: &[f64]| score::mase(point, actual, &seen, scale).unwrap_or(f64::NAN);
    measured.mase.add(mase(&carried.point));
    let naive = Model::SeasonalNaive.carry_on(known.values(), &[season], carried.point.len());
    measured.naive.add(naive.map_or(f64::NAN, |naive| mase(&naive)));
    measured.smape.add(score::smape(&carried.point, actual, &seen).unwrap_or(f64::NAN));
    for (share, covered) in [(0.80, &mut measured.covered_80), (0.95, &mut measured.covered_95)] {
        for (interval, actual) in carried.intervals(share).unwrap_or_default().iter().zip(actual) {
            covered.add(f64::from(u8::from(interval.low <= *actual && *actual <= interval.high)));
        }
    }
    measured.chosen.push(carried.model);
}

/// The models that were chosen, with how often.
fn chosen(models: &[Model]) -> String {
    let count = |model: Model| models.iter().filter(|chosen| **chosen == model).count();
    let counted = Model::ALL.into_iter().map(|model| (model, count(model))).filter(|(_, count)| *count > 0);
    counted.map(|(model, count)| format!("{} {count}", model.as_str())).collect::<Vec<_>>().join(", ")
}

fn mean(all: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    all.iter().map(of).sum::<f64>() / all.len().max(1) as f64
}

fn print(all: &[Measured]) {
    println!("| series | MASE | naive | sMAPE | within 80 % | within 95 % | chosen, of {ORIGINS} origins | one forecast |");
    println!("|---|---|---|---|---|---|---|---|");
    for one in all {
        println!(
            "| {} | {:.3} | {:.3} | {:.1} % | {:.1} % | {:.1} % | {} | {:.0} ms |",
            one.name,
            one.mase.of(),
            one.naive.of(),
            100.0 * one.smape.of(),
            100.0 * one.covered_80.of(),
            100.0 * one.covered_95.of(),
            chosen(&one.chosen),
            one.milliseconds
        );
    }
    println!(
        "| **mean** | {:.3} | {:.3} | {:.1} % | {:.1} % | {:.1} % | | |",
        mean(all, |one| one.mase.of()),
        mean(all, |one| one.naive.of()),
        100.0 * mean(all, |one| one.smape.of()),
        100.0 * mean(all, |one| one.covered_80.of()),
        100.0 * mean(all, |one| one.covered_95.of())
    );
}

fn print_json(all: &[Measured]) {
    let row = |one: &Measured| {
        format!(
            "{{\"series\":\"{}\",\"mase\":{:.4},\"naive\":{:.4},\"smape\":{:.4},\"within80\":{:.4},\"within95\":{:.4}}}",
            one.name,
            one.mase.of(),
            one.naive.of(),
            one.smape.of(),
            one.covered_80.of(),
            one.covered_95.of()
        )
    };
    println!("[{}]", all.iter().map(row).collect::<Vec<_>>().join(",\n"));
}

fn run() -> Result<bool, String> {
    let (mut folder, mut is_json) = (PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data"), false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--data" => folder = value()?.into(),
            "--format" => is_json = value()? == "json",
            // What `cargo bench` adds.
            "--bench" => {}
            other => return Err(format!("there is no argument {other}; there are --data and --format")),
        }
    }
    let list = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = list.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    let all: Vec<Measured> = paths.iter().map(|path| measure(&read(path)?)).collect::<Result<_, _>>()?;
    if is_json {
        print_json(&all)
    } else {
        print(&all)
    }
    let (mase, covered) = (mean(&all, |one| one.mase.of()), mean(&all, |one| one.covered_80.of()));
    let mut is_met = true;
    if !(0.0..=MASE_MAX).contains(&mase) {
        eprintln!("missed: mean MASE {mase:.3}, wanted {MASE_MAX} at most");
        is_met = false;
    }
    if !COVERAGE.contains(&covered) {
        eprintln!("missed: {covered:.3} within the 80 % interval, wanted {} to {}", COVERAGE.start(), COVERAGE.end());
        is_met = false;
    }
    Ok(is_met)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

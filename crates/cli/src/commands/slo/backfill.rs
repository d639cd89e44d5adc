//! `slo backfill`: what the recording rules of an objective would have recorded before they were there.
//!
//! The expressions are those of `slo rules`, evaluated by Prometheus itself each minute of the past, as its own rules would. Burns are sums of what was
//! recorded, which nobody has recorded yet, so that they are added up here, by the same slices. Where nothing could be computed there is no sample, and it is
//! told.

use super::rules::windows;
use super::wanted;
use crate::args::SloBackfillArgs;
use crate::budgets;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, project, world};
use glidepath_adapters::TelemetryRouter;
use glidepath_model::catalog::Objective;
use glidepath_model::plan::CountSource;
use glidepath_model::{Code, Diagnostic, Millis, Timestamp};
use glidepath_ports::telemetry::RangeSpan;
use glidepath_ports::{Clock, Telemetry};
use glidepath_report::{BurnRecording, Recording, Recordings, slo_recordings};
use glidepath_runtime::RealClock;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Prometheus takes a sample for that of a time when it is no older.
const LOOKBACK_MS: i64 = 300_000;
/// The file is read anew for each block; the usual two hours would take minutes.
const BLOCK: &str = "--max-block-duration=24h";
/// Gaps that are told one by one.
const GAPS_TOLD_MAX: usize = 10;

/// Value by time in milliseconds.
type Samples = BTreeMap<i64, f64>;

pub(super) async fn run(root: &Path, args: &SloBackfillArgs) -> Result<Exit, Failure> {
    let catalog = project::load(root)?.catalog;
    let [objective] = <[Objective; 1]>::try_from(wanted(&catalog, Some(&args.name))?).map_err(|_| ambiguous(&args.name))?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let to_ms = floor(args.at.unwrap_or_else(|| clock.now()).as_micros().div_euclid(1000), MINUTE_MS);
    let from_ms = to_ms - i64::from(args.days) * DAY_MS;
    let recordings = slo_recordings(&objective, (time(from_ms), time(to_ms)), |calendar, from, to| windows(&catalog, calendar, from, to))
        .map_err(|why| no_rules(&objective, &why))?;
    let source = budgets::source(&objective, &catalog.settings).ok_or_else(|| unread(&objective, budgets::NO_SOURCE))?;
    let telemetry = TelemetryRouter::new(world::secrets(root), clock, root);
    let read = |recording| read(&telemetry, &source, recording, from_ms, to_ms);
    let (total, bad) = tokio::try_join!(read(&recordings.total), read(&recordings.bad)).map_err(|why| unread(&objective, &why))?;
    if total.is_empty() {
        return Err(unread(&objective, &format!("`{}` has no value in {} days", recordings.total.expr, args.days)));
    }
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("slo-{}.om", objective.name)));
    std::fs::write(&out, page(&recordings, &total, &bad))?;
    output::say(&format!("wrote {}: {} of {} minutes", out.display(), total.len(), (to_ms - from_ms) / MINUTE_MS));
    output::findings(&gaps(&objective, &total, from_ms, to_ms));
    make_blocks(&out)
}

/// What an expression gave each minute.
async fn read(telemetry: &dyn Telemetry, source: &CountSource, recording: &Recording, from_ms: i64, to_ms: i64) -> Result<Samples, String> {
    let span = RangeSpan { from: time(from_ms + MINUTE_MS), to: time(to_ms), step: Millis(MINUTE_MS.unsigned_abs()) };
    let found = telemetry.range(source, &recording.expr, span).await.map_err(|error| error.to_string())?;
    let samples = found.series.into_values().flatten();
    Ok(samples.filter(|sample| sample.value.is_finite()).map(|sample| (sample.at.as_micros().div_euclid(1000), sample.value)).collect())
}

/// All samples as OpenMetrics.
fn page(recordings: &Recordings, total: &Samples, bad: &Samples) -> String {
    let mut text = String::new();
    for (recording, samples) in [(&recordings.total, total), (&recordings.bad, bad)] {
        family(&mut text, recording.name);
        series(&mut text, recording.name, &recording.labels, samples);
    }
    let (totals, bads) = (Sums::of(total, recordings), Sums::of(bad, recordings));
    for (at, burn) in recordings.burns.iter().enumerate() {
        if at == 0 {
            family(&mut text, burn.name);
        }
        let value = |at_ms: &i64| {
            let (bad, total) = (bads.over(burn, *at_ms)?, totals.over(burn, *at_ms)?);
            (total > 0.0).then_some((*at_ms, bad / total / burn.budget))
        };
        series(&mut text, burn.name, &burn.labels, &total.keys().filter_map(value).collect());
    }
    text + "# EOF\n"
}

fn family(text: &mut String, name: &str) {
    let _ = writeln!(text, "# TYPE {name} gauge");
}

fn series(text: &mut String, name: &str, labels: &BTreeMap<String, String>, samples: &Samples) {
    let pairs: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={}", serde_json::Value::from(value.as_str()))).collect();
    let labels = pairs.join(",");
    for (at_ms, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value} {}", at_ms / 1000);
    }
}

/// Sums over slices that end at whole multiples of their length, as a subquery adds them up.
struct Sums {
    /// What stood at the end of each slice, and how many slices and what sum there were up to it.
    up_to: BTreeMap<i64, (u32, f64)>,
}

impl Sums {
    fn of(samples: &Samples, recordings: &Recordings) -> Self {
        let slice_ms = recordings.burns.first().map_or(LOOKBACK_MS, |burn| burn.slice_ms);
        let (mut up_to, mut count, mut sum) = (BTreeMap::new(), 0, 0.0);
        let Some((first, last)) = samples.keys().next().zip(samples.keys().next_back()) else { return Self { up_to } };
        let mut at_ms = floor(*first, slice_ms);
        while at_ms <= last + LOOKBACK_MS {
            if let Some((_, value)) = samples.range(at_ms - LOOKBACK_MS + 1..=at_ms).next_back() {
                count += 1;
                sum += value;
                up_to.insert(at_ms, (count, sum));
            }
            at_ms += slice_ms;
        }
        Self { up_to }
    }

    /// The sum of the slices of a window; none where there is no slice.
    fn over(&self, burn: &BurnRecording, at_ms: i64) -> Option<f64> {
        let known = |at_ms: i64| self.up_to.range(..=at_ms).next_back().map_or((0, 0.0), |(_, known)| *known);
        let ((before, sum_before), (count, sum)) = (known(at_ms - burn.reach_ms()), known(at_ms));
        (count > before).then_some(sum - sum_before)
    }
}

/// Stretches of time without a sample.
fn gaps(objective: &Objective, total: &Samples, from_ms: i64, to_ms: i64) -> Vec<Diagnostic> {
    let mut found: Vec<(i64, i64)> = Vec::new();
    let mut before = from_ms;
    for at_ms in total.keys().copied().chain([to_ms + MINUTE_MS]) {
        if at_ms - before > MINUTE_MS {
            found.push((before, at_ms - MINUTE_MS));
        }
        before = at_ms;
    }
    let minutes: i64 = found.iter().map(|(from, to)| (to - from) / MINUTE_MS).sum();
    if minutes == 0 {
        return Vec::new();
    }
    let mut told: Vec<String> = found.iter().take(GAPS_TOLD_MAX).map(|(from, to)| format!("{} to {}", time(*from), time(*to))).collect();
    if found.len() > GAPS_TOLD_MAX {
        told.push(format!("{} more", found.len() - GAPS_TOLD_MAX));
    }
    let message = format!("nothing could be computed for {} in {minutes} minutes: {}", objective.name, told.join(", "));
    vec![
        Diagnostic::warning(Code(706), message)
            .because("the counters had no two samples within five minutes then, or it was maintenance; a gap is no time without failures")
            .hint("where the series have another name for that time, state it in the objective and work it out again"),
    ]
}

/// Makes blocks of the file, where there is a promtool.
fn make_blocks(file: &Path) -> Result<Exit, Failure> {
    let folder = file.with_extension("blocks");
    let words = ["tsdb", "create-blocks-from", "openmetrics", BLOCK];
    let by_hand = format!("promtool {} {} {}", words.join(" "), file.display(), folder.display());
    let made = Command::new("promtool").args(words).arg(file).arg(&folder).output();
    match made {
        Ok(made) if made.status.success() => {
            output::say(&format!(
                "wrote blocks to {}; move them into the data folder of Prometheus, which takes them up by itself",
                folder.display()
            ));
            Ok(Exit::Done)
        }
        Ok(made) => {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            let finding = Diagnostic::error(Code(707), format!("promtool made no blocks of {}: {why}", file.display()));
            Err(Failure::new(Exit::OutOfReach, finding.hint(format!("the samples are written; try `{by_hand}`"))))
        }
        Err(_) => {
            output::say(&format!("there is no promtool here; `{by_hand}` makes blocks of it where there is one"));
            Ok(Exit::Done)
        }
    }
}

fn ambiguous(name: &str) -> Failure {
    Failure::new(
        Exit::BadInput,
        Diagnostic::error(Code(696), format!("there are several objectives `{name}`")).hint("give each a name of its own"),
    )
}

fn no_rules(objective: &Objective, why: &str) -> Failure {
    let finding = Diagnostic::error(Code(698), format!("no rules for {}: {why}", objective.name));
    Failure::new(Exit::BadInput, finding.because("what no rule records has no history to fill in"))
}

fn unread(objective: &Objective, why: &str) -> Failure {
    let finding = Diagnostic::error(Code(697), format!("nothing is known of {}: {why}", objective.name));
    Failure::new(Exit::OutOfReach, finding.hint(format!("`glidepath slo {}` asks again", objective.name)))
}

fn floor(ms: i64, step_ms: i64) -> i64 {
    ms - ms.rem_euclid(step_ms)
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_micros(ms.saturating_mul(1000))
}

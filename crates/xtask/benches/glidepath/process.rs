//! The product's binary as a user starts it: wall-clock time, memory, processor.

use crate::machine::Machine;
use crate::project;
use crate::rows::{Goal, Row};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts of which the median is taken.
const STARTS: usize = 11;
/// Services of the change that is planned.
const PLANNED_SERVICES: usize = 10;
/// Catalog files that are validated; two for each service.
const VALIDATED_FILES: usize = 1000;
/// How long an idle run is watched.
const IDLE_FOR: Duration = Duration::from_secs(10);
/// How long a run may take to deploy and come to rest in its window.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks at whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Clock ticks per second in `/proc`; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Measures memory of a process that ends.
const TIME_PROGRAM: &str = "/usr/bin/time";
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// `plan` of a change of ten components from saved facts, with a cold start each time.
pub(crate) fn plan_cold(machine: &mut Machine) -> Result<Vec<Row>> {
    let folder = machine.folder().join("plan");
    project::write(&folder, PLANNED_SERVICES, None)?;
    succeed(glidepath(&folder)?.args(["plan", "all", "--save-facts", "facts.json", "--accept-stale"]), "plan")?;
    let arguments = ["plan", "all", "--facts", "facts.json", "--accept-stale", "--format", "json"];
    let millis = median_millis(&folder, &arguments)?;
    let megabytes = peak_megabytes(&folder, &arguments)?;
    Ok(vec![
        Row::with_goal("plan.cold", millis, "ms", Goal::AtMost(50.0)),
        Row::with_goal("plan.cold-memory", megabytes, "MB", Goal::AtMost(40.0)),
    ])
}

/// `validate` of a catalog of a thousand files.
pub(crate) fn validate_many_files(machine: &mut Machine) -> Result<Vec<Row>> {
    let folder = machine.folder().join("validate");
    project::write(&folder, VALIDATED_FILES / 2, None)?;
    let millis = median_millis(&folder, &["validate"])?;
    Ok(vec![Row::with_goal("validate.1000-files", millis, "ms", Goal::AtMost(300.0))])
}

/// `run` while it waits in a verification window.
pub(crate) fn run_idle(machine: &mut Machine) -> Result<Vec<Row>> {
    let folder = machine.folder().join("idle");
    project::write(&folder, 1, Some("10m"))?;
    let mut run = Flight::start(&folder)?;
    run.wait_until_idle(&folder)?;
    let (before, started) = (run.processor_seconds()?, Instant::now());
    std::thread::sleep(IDLE_FOR);
    let share = (run.processor_seconds()? - before) / started.elapsed().as_secs_f64();
    let megabytes = run.resident_megabytes()?;
    run.end(&folder)?;
    Ok(vec![
        Row::with_goal("run.idle-memory", megabytes, "MB", Goal::AtMost(40.0)),
        Row::with_goal("run.idle-cpu", share * 100.0, "% of core", Goal::AtMost(1.0)),
    ])
}

fn binary() -> Result<PathBuf> {
    let path =
        std::env::var_os("GLIDEPATH_BENCH_BINARY").context("start the benchmarks as `cargo xtask bench`, which builds the binary")?;
    Ok(PathBuf::from(path))
}

fn glidepath(folder: &Path) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.current_dir(folder).stdin(Stdio::null());
    Ok(command)
}

fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().context("the binary cannot be started")?;
    ensure!(output.status.success(), "`glidepath {what}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn median_millis(folder: &Path, arguments: &[&str]) -> Result<f64> {
    let mut millis = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let mut command = glidepath(folder)?;
        command.args(arguments);
        let started = Instant::now();
        succeed(&mut command, arguments[0])?;
        millis.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    millis.sort_by(f64::total_cmp);
    Ok(millis[STARTS / 2])
}

fn peak_megabytes(folder: &Path, arguments: &[&str]) -> Result<f64> {
    let output = Command::new(TIME_PROGRAM)
        .args(["--format", "%M", "--output", "peak-memory"])
        .arg(binary()?)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{TIME_PROGRAM} is missing; install the package `time`"))?;
    ensure!(output.status.success(), "`glidepath {}` ended with {}", arguments[0], output.status);
    let kibibytes: f64 = fs::read_to_string(folder.join("peak-memory"))?.trim().parse().context("unexpected output of time")?;
    Ok(kibibytes * 1024.0 / MEGABYTE)
}

/// A run in flight; ended when dropped.
struct Flight {
    child: Child,
}

impl Flight {
    fn start(folder: &Path) -> Result<Self> {
        let mut command = glidepath(folder)?;
        command.args(["run", "all", "--yes", "--accept-stale"]).stdout(Stdio::null()).stderr(fs::File::create(folder.join("run.log"))?);
        Ok(Self { child: command.spawn().context("the binary cannot be started")? })
    }

    /// Waits until every host runs the new version, and the run has used no processor for a second.
    fn wait_until_idle(&mut self, folder: &Path) -> Result<()> {
        let started = Instant::now();
        let (mut used, mut used_since) = (0.0, Instant::now());
        while !(all_raised(folder)? && used_since.elapsed() > Duration::from_secs(1)) {
            if let Some(status) = self.child.try_wait()? {
                bail!("`glidepath run` ended with {status}: {}", fs::read_to_string(folder.join("run.log"))?.trim());
            }
            ensure!(started.elapsed() < SETTLE_MAX, "the run did not come to rest within {} s", SETTLE_MAX.as_secs());
            let now = self.processor_seconds()?;
            if now - used > 0.02 {
                (used, used_since) = (now, Instant::now());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn processor_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in brackets may hold anything; user and system time are the 12th and 13th field after it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).context("unexpected form of /proc/PID/stat");
        Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
    }

    fn resident_megabytes(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/PID/status")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().context("unexpected form of VmRSS")?;
        Ok(kibibytes * 1024.0 / MEGABYTE)
    }

    /// Turns the run back, so that it ends, and its guard with it.
    fn end(mut self, folder: &Path) -> Result<()> {
        succeed(glidepath(folder)?.args(["abort", "--reason", "the measurement is over"]), "abort")?;
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(started.elapsed() < SETTLE_MAX, "the aborted run did not end within {} s", SETTLE_MAX.as_secs());
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Already ended, in the good case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn all_raised(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder.join("versions"))? {
        if fs::read_to_string(entry?.path())?.trim() != "2.0.0" {
            return Ok(false);
        }
    }
    Ok(true)
}

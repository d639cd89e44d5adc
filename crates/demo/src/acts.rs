//! The three acts, flown by the real program on the real fleet.
//!
//! 1. A good change of all three services lands through canary stages.
//! 2. A bad version is seen by the judge and rolled back.
//! 3. The process that flies a good change is killed; the guard takes the run over and the change lands.
//!
//! After each act every replica is asked what it serves: a run that says otherwise than the fleet fails the demo.

use crate::command::Glidepath;
use crate::error::DemoError;
use crate::fleet::{Fleet, FleetOptions, find_program};
use crate::layout::{REGIONS, REPLICAS, SERVICES};
use crate::load::LoadFigures;
use crate::outcome::{ActReport, Actual, Predicted, Report, cost, cost_text, seconds};
use crate::project::{ACTS, ActChange, BAD_FACTOR, BAD_VERSION, ERRORS_USUAL, FIRST_VERSIONS, Pace};
use crate::show::{Show, Stream};
use glidepath_model::event::RunEnd;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::{Event, Plan, Recorded, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::process::Child;

/// How long users are served before the first change, so that rates and error ratios are known.
const WARM_UP: Duration = Duration::from_secs(7);
/// Longest flight of an act.
const FLIGHT_MAX: Duration = Duration::from_secs(300);
/// How long a stage is watched before its runner is killed.
const BEFORE_KILL: Duration = Duration::from_millis(1200);
/// Between two looks for the moment to kill.
const KILL_LOOK: Duration = Duration::from_millis(150);
/// Seconds over which users must be served as usual before a change begins.
const STEADY_SECONDS: u64 = 3;
/// Part of the usual rate that is enough.
const STEADY_RATE: f64 = 0.85;
/// Times the usual share of failures that is still taken as usual.
const STEADY_ERRORS: f64 = 2.0;
/// How long that may take.
const STEADY_MAX: Duration = Duration::from_secs(20);
/// How long the users' figures take to be written.
const FIGURES_SETTLE: Duration = Duration::from_millis(600);

/// What the audience asked for.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// This program.
    pub program: PathBuf,
    /// Folder for the project; a new one in the temporary folder when `None`.
    pub dir: Option<PathBuf>,
    /// Within two minutes.
    pub fast: bool,
    /// Leave the fleet up.
    pub keep: bool,
    /// Use HAProxy where it is installed.
    pub haproxy: bool,
    /// Use Prometheus where it is installed.
    pub prometheus: bool,
    /// Where talk goes.
    pub stream: Stream,
    /// Whether in colour.
    pub styled: bool,
}

/// Runs the demo to its end, or until the audience leaves (Ctrl-C, `None`). Nothing runs afterwards unless it was asked to stay.
///
/// # Errors
/// When the fleet does not come up, a command fails, or something would not end.
pub async fn run(options: DemoOptions) -> Result<Option<Report>, DemoError> {
    let begun = Instant::now();
    let (root, ours) = folder(options.dir.clone())?;
    let show = Show { stream: options.stream, styled: options.styled };
    let result = tokio::select! {
        result = perform(&options, &root, show, begun) => result.map(Some),
        () = interrupted() => Ok(None),
    };
    // Whatever happened above, dropping the fleet has ended it by now, unless it is to stay.
    let kept = options.keep && !matches!(result, Ok(None));
    if !kept {
        let _ = std::fs::remove_file(root.join("fleet/keep"));
        let left = crate::keeper::end_all(&root.canonicalize().unwrap_or_else(|_| root.clone()));
        if left > 0 {
            return Err(DemoError::new(
                DemoError::LEFT,
                format!("{left} processes of the demo would not end"),
                format!("`ps` shows them; all have {} in their words or environment", root.display()),
            ));
        }
    }
    if matches!(result, Ok(None)) {
        show.line("");
        show.say("Interrupted: every process of the demo has ended.");
        if ours {
            let _ = std::fs::remove_dir_all(&root);
        }
    }
    result
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut end), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = end.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// The folder, made when it is not there, and whether it is a temporary one of ours.
fn folder(dir: Option<PathBuf>) -> Result<(PathBuf, bool), DemoError> {
    let (folder, ours) = match dir {
        Some(folder) => (folder, false),
        None => {
            let base = std::env::temp_dir();
            let free = (0..1000).map(|n| base.join(format!("glidepath-demo-{}", std::process::id() + n))).find(|f| !f.exists());
            (free.ok_or_else(|| DemoError::folder(&base, "no name is free in it"))?, true)
        }
    };
    std::fs::create_dir_all(&folder).map_err(|error| DemoError::folder(&folder, error))?;
    let mut entries = std::fs::read_dir(&folder).map_err(|error| DemoError::folder(&folder, error))?;
    if entries.next().is_some() {
        return Err(DemoError::folder(&folder, "it is not empty"));
    }
    Ok((folder, ours))
}

async fn perform(options: &DemoOptions, root: &std::path::Path, show: Show, begun: Instant) -> Result<Report, DemoError> {
    let pace = if options.fast { Pace::FAST } else { Pace::USUAL };
    let haproxy = options.haproxy.then(|| find_program("haproxy")).flatten();
    let prometheus = options.prometheus.then(|| find_program("prometheus")).flatten();
    let fleet_options = FleetOptions { program: options.program.clone(), haproxy, prometheus, pace };
    introduce(show, &fleet_options);
    let mut fleet = Fleet::start(root, &fleet_options).await?;
    if options.keep {
        // From now on, so that what goes wrong later can be looked at.
        fleet.keep().map_err(|error| DemoError::folder(&fleet.root, error))?;
    }
    let up_at = Instant::now();
    let glidepath = Glidepath { program: options.program.clone(), root: fleet.root.clone(), stream: options.stream };
    show.check(true, &format!("Everything is up after {:.1} s, in {}.", begun.elapsed().as_secs_f64(), fleet.root.display()));
    glidepath.text(&["validate", "--format", "json"]).await?;
    fleet.wait_until_observed().await?;
    tokio::time::sleep(WARM_UP.saturating_sub(up_at.elapsed())).await;
    let versions = FIRST_VERSIONS.iter().map(|(s, v)| ((*s).to_owned(), (*v).to_owned())).collect();
    let mut stage = StageHands { fleet, glidepath, show, versions };
    let mut acts = Vec::new();
    for (number, act) in ACTS.iter().enumerate() {
        let report = stage.act(number + 1, act).await?;
        acts.push(report);
    }
    let report = Report {
        as_expected: acts.iter().all(|act| act.outcome == act.expected),
        acts,
        folder: stage.fleet.root.display().to_string(),
        router: if stage.fleet.layout.haproxy { "haproxy" } else { "built-in" }.to_owned(),
        telemetry: if stage.fleet.layout.prometheus.is_some() { "prometheus" } else { "scraping" }.to_owned(),
        took_ms: millis(begun.elapsed()),
    };
    stage.finish(&report, options.keep)?;
    Ok(report)
}

fn introduce(show: Show, options: &FleetOptions) {
    show.heading("glidepath demo");
    let router = if options.haproxy.is_some() { "HAProxy" } else { "a small router of our own (HAProxy is not used)" };
    let telemetry =
        if options.prometheus.is_some() { "Prometheus" } else { "reading each replica's metrics page (Prometheus is not used)" };
    show.say(&format!(
        "A shop on this machine alone: {} in {} regions, {REPLICAS} replicas each, all real processes that call each other over HTTP. \
         Traffic is routed by {router}; figures come from {telemetry}. Users send {:.0} requests/s into each region, and {:.0} % of them fail \
         on an ordinary day. Everything below is done by calling this same program.",
        SERVICES.join(" -> "),
        REGIONS.len(),
        options.pace.rate,
        ERRORS_USUAL * 100.0
    ));
    show.line("");
}

struct StageHands {
    fleet: Fleet,
    glidepath: Glidepath,
    show: Show,
    /// What every replica of a service should serve.
    versions: BTreeMap<String, String>,
}

impl StageHands {
    async fn act(&mut self, number: usize, act: &ActChange) -> Result<ActReport, DemoError> {
        let (title, story, expected) = match number {
            1 => ("a good change of three services", "Payments, auth and frontend get new versions, callee before caller. Each goes to a small share of one region first and is compared with the old version beside it.".to_owned(), "landed"),
            2 => ("a bad version", format!("Payments {BAD_VERSION} fails {BAD_FACTOR:.0} times as many requests. Nobody is told; the judge has to see it."), "rolled-back"),
            _ => ("the pilot drops dead", "Payments 4.12.2 is good. In the middle of a stage, with traffic split between two versions, the process that flies it is killed with SIGKILL.".to_owned(), "landed"),
        };
        self.show.heading(&format!("Act {number} of {}: {title}", ACTS.len()));
        self.show.say(&story);
        self.wait_until_steady().await?;
        let (plan, document) = self.plan(act).await?;
        let before = self.figures()?;
        let id = plan.id.short();
        let words = ["run", id, "--yes"];
        self.show.command(&Glidepath::typed(&words));
        let mut child = self.glidepath.start(&words)?;
        let takeover = if number == ACTS.len() { Some(self.kill_in_mid_stage(act, &mut child).await?) } else { None };
        let takeover_ms = match takeover {
            None => {
                self.glidepath.wait(child, &words, FLIGHT_MAX).await?;
                None
            }
            Some((run, killed_at)) => Some(self.watch_takeover(&run, killed_at).await?),
        };
        self.conclude(act, expected, plan, document, &before, takeover_ms).await
    }

    /// Plans the change, shows the plan, and writes its document.
    async fn plan(&self, act: &ActChange) -> Result<(Plan, String), DemoError> {
        let words = ["plan", act.name];
        self.show.command(&Glidepath::typed(&words));
        let facts = format!("documents/{}-facts.json", act.name);
        let observed: Plan = self.glidepath.json(&["plan", act.name, "--format", "json", "--save-facts", &facts]).await?;
        // The same facts at the same time give the same plan, byte for byte: what is shown, documented and flown is one plan.
        let at = observed.body.created_at.to_string();
        let again = ["plan", act.name, "--facts", &facts, "--at", &at];
        let plan: Plan = self.glidepath.json(&[&again[..], &["--format", "json"]].concat()).await?;
        let document = format!("documents/{}-plan.html", act.name);
        self.glidepath.text(&[&again[..], &["--format", "html", "--out", &document]].concat()).await?;
        let summary = self.glidepath.text(&again).await?;
        for line in summary.trim_end().lines() {
            self.show.line(&format!("  {line}"));
        }
        Ok((plan, document))
    }

    fn figures(&self) -> Result<LoadFigures, DemoError> {
        LoadFigures::read(&self.fleet.root).map_err(|error| {
            DemoError::new(
                DemoError::PART,
                format!("the users' figures cannot be read: {error}"),
                "see fleet/log/load.log in the demo's folder",
            )
        })
    }

    /// Waits until users are served as on an ordinary day: a change is not begun on a fleet that is in trouble already.
    async fn wait_until_steady(&self) -> Result<(), DemoError> {
        let begun = Instant::now();
        let wanted = self.fleet.layout.rate * REGIONS.len() as f64;
        loop {
            let second = now().as_micros().unsigned_abs() / 1_000_000;
            // The newest second may not have been written yet.
            let lately = self.figures()?.lately(second - 1, STEADY_SECONDS);
            let rate = lately.sent as f64 / STEADY_SECONDS as f64;
            if rate >= wanted * STEADY_RATE && lately.ratio() <= ERRORS_USUAL * STEADY_ERRORS {
                return Ok(());
            }
            if begun.elapsed() > STEADY_MAX {
                let message = format!(
                    "the fleet is not well before anything was changed: {rate:.0} of {wanted:.0} requests/s are answered, {:.1} % of them fail",
                    100.0 * lately.ratio()
                );
                return Err(DemoError::new(
                    DemoError::BUSY,
                    message,
                    "this machine is too busy or too slow for the demo; build with --release, and try again when less runs beside it",
                ));
            }
            tokio::time::sleep(KILL_LOOK).await;
        }
    }

    /// Waits for a gate that watches a partial exposure, then kills the runner.
    async fn kill_in_mid_stage(&self, act: &ActChange, child: &mut Child) -> Result<(RunSummary, Timestamp), DemoError> {
        let begun = Instant::now();
        loop {
            if let Some(run) = self.glidepath.newest_run(act.name).await?
                && self.is_in_mid_stage(&run).await?
            {
                tokio::time::sleep(BEFORE_KILL).await;
                let killed_at = now();
                let pid = child.id().unwrap_or_default();
                child.start_kill().map_err(|error| {
                    DemoError::new(DemoError::COMMAND, format!("the runner cannot be killed: {error}"), "run the demo again")
                })?;
                let _ = child.wait().await;
                self.show.line("");
                self.show.command(&format!("kill -9 {pid}"));
                self.show.say("The runner is gone. Two versions serve, nobody watches: this is what the guard is for.");
                return Ok((run, killed_at));
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(DemoError::new(
                    DemoError::ACT,
                    format!("the runner ended ({status}) before a stage could be seen to be watched"),
                    "run the demo again; the machine may be very busy",
                ));
            }
            if begun.elapsed() > FLIGHT_MAX {
                return Err(DemoError::new(DemoError::ACT, "no stage was watched in time", "see `glidepath logs` in the demo's folder"));
            }
            tokio::time::sleep(KILL_LOOK).await;
        }
    }

    async fn is_in_mid_stage(&self, run: &RunSummary) -> Result<bool, DemoError> {
        let shown: Value = self.glidepath.json(&["status", run.run.as_str(), "--format", "json"]).await?;
        let list = |name: &str| shown.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let partial = list("exposures").iter().filter_map(|e| e.get("share")?.as_f64()).any(|share| share > 0.0 && share < 1.0);
        let watched =
            list("steps").iter().filter_map(|s| s.get("status")?.as_str().map(str::to_owned)).any(|status| status.starts_with("Watching"));
        Ok(partial && watched)
    }

    /// Follows the run that nobody but the guard can fly; gives the time from the kill to the new owner's first word.
    async fn watch_takeover(&self, run: &RunSummary, killed_at: Timestamp) -> Result<u64, DemoError> {
        let words = ["watch", run.run.as_str()];
        self.show.command(&Glidepath::typed(&words));
        let child = self.glidepath.start(&words)?;
        self.glidepath.wait(child, &words, FLIGHT_MAX).await?;
        let journal = self.glidepath.text(&["logs", run.run.as_str(), "--format", "json"]).await?;
        let taken =
            journal.lines().filter_map(|line| serde_json::from_str::<Recorded>(line).ok()).find_map(|recorded| match recorded.event {
                Event::OwnerTook { .. } if recorded.at > killed_at => Some(recorded.at),
                _ => None,
            });
        taken.map(|at| at.since(killed_at).0).ok_or_else(|| {
            DemoError::new(
                DemoError::ACT,
                "nobody took the run over after its runner was killed",
                "see .glidepath/guard.log in the demo's folder",
            )
        })
    }

    async fn conclude(
        &mut self,
        act: &ActChange,
        expected: &str,
        plan: Plan,
        document: String,
        before: &LoadFigures,
        takeover_ms: Option<u64>,
    ) -> Result<ActReport, DemoError> {
        tokio::time::sleep(FIGURES_SETTLE).await;
        let run = self.glidepath.newest_run(act.name).await?.ok_or_else(|| {
            DemoError::new(DemoError::ACT, format!("no run of {} was started", act.name), "see what the program said above")
        })?;
        let mut outcome = outcome_of(&run);
        let actual = Actual {
            duration_ms: run.ended_at.map_or(0, |end| end.since(run.started_at).0),
            takeover_ms,
            ..cost(act, &self.versions, before, &self.figures()?)
        };
        let record = format!("documents/{}-record.html", act.name);
        self.glidepath.text(&["history", run.run.as_str(), "--format", "html", "--out", &record]).await?;
        self.show.line("");
        self.show.check(
            outcome == expected,
            &format!("The run {} after {}.", if outcome == "landed" { "landed" } else { "was rolled back" }, seconds(actual.duration_ms)),
        );
        if outcome == "landed" {
            self.versions.extend(act.items.iter().map(|(service, version)| ((*service).to_owned(), (*version).to_owned())));
        }
        if let Some(trouble) = self.reality().await {
            self.show.check(false, &trouble);
            outcome = format!("{outcome}, but {trouble}");
        }
        let predicted = Predicted {
            duration_p50_ms: plan.prediction.duration.p50_ms.0,
            duration_p95_ms: plan.prediction.duration.p95_ms.0,
            bad_requests: plan.prediction.bad_requests,
            bad_requests_if_failing: plan.prediction.bad_requests_if_failing,
            bad_requests_straight: plan.prediction.bad_requests_straight,
        };
        self.tell_cost(act, &predicted, &actual);
        let documents = [document, record].map(|d| self.fleet.root.join(d).display().to_string()).to_vec();
        Ok(ActReport {
            name: act.name.to_owned(),
            title: plan.body.change.title,
            outcome,
            expected: expected.to_owned(),
            predicted,
            actual,
            documents,
        })
    }

    /// Asks every replica what it serves; a sentence when one serves something else than it should.
    async fn reality(&self) -> Option<String> {
        let mut asked = 0;
        for service in SERVICES {
            let wanted = self.versions.get(service)?;
            for (host, serves) in self.fleet.versions(service).await {
                asked += 1;
                if serves != *wanted {
                    return Some(format!("{host} serves {serves} and should serve {wanted}"));
                }
            }
        }
        let versions: Vec<String> = SERVICES.iter().filter_map(|s| self.versions.get(*s).map(|v| format!("{s} {v}"))).collect();
        self.show.check(true, &format!("All {asked} replicas were asked: {}.", versions.join(", ")));
        None
    }

    fn tell_cost(&self, act: &ActChange, predicted: &Predicted, actual: &Actual) {
        if actual.lost > 0 {
            self.show.check(false, &format!("{} requests reached no service at all.", actual.lost));
        } else {
            self.show.check(true, &format!("Of {} requests that users sent meanwhile, none was lost.", actual.requests));
        }
        if act.items.iter().any(|(_, version)| *version == BAD_VERSION) {
            self.show.check(
                true,
                &format!(
                    "The bad version answered {} requests and failed {} more of them than the old one would have. The plan said about {:.0} \
                     if it fails, and about {:.0} for a straight deploy to all replicas.",
                    actual.exposed,
                    cost_text(actual),
                    predicted.bad_requests_if_failing,
                    predicted.bad_requests_straight
                ),
            );
        }
        if let Some(takeover) = actual.takeover_ms {
            self.show.check(true, &format!("The guard flew on {takeover} ms after the kill."));
        }
    }

    /// The table, the documents, and the end of the fleet.
    fn finish(mut self, report: &Report, keep: bool) -> Result<(), DemoError> {
        self.show.heading("What was predicted, and what came of it");
        // Narrow enough for 100 columns; a straight deploy is one to all replicas that nothing watches.
        let head = ["act", "outcome", "predicted", "took", "bad if failing", "bad", "straight deploy"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for act in &report.acts {
            let (predicted, actual) = (&act.predicted, &act.actual);
            rows.push(vec![
                act.name.clone(),
                act.outcome.clone(),
                seconds(predicted.duration_p50_ms),
                seconds(actual.duration_ms),
                format!("{:.0}", predicted.bad_requests_if_failing),
                cost_text(actual),
                format!("{:.0}", predicted.bad_requests_straight),
            ]);
        }
        self.show.table(&rows);
        self.show.line("");
        self.show.say("Predicted: the plan's median duration, and the bad requests if the change is bad. Straight deploy: the same bad change on all replicas, noticed after 30 min, and then taken back.");
        self.show.line("");
        self.show.say("Documents, each a page that needs nothing else:");
        for document in report.acts.iter().flat_map(|act| &act.documents) {
            self.show.line(&format!("    {document}"));
        }
        self.show.line("");
        if keep {
            self.tell_how_to_play();
            return Ok(());
        }
        let left = self.fleet.end();
        if left > 0 {
            return Err(DemoError::new(
                DemoError::LEFT,
                format!("{left} processes of the demo would not end"),
                format!("`{} __demo left {}` lists them", self.glidepath.program.display(), self.fleet.root.display()),
            ));
        }
        self.show.say(&format!(
            "The fleet has ended. The project stays in {}; remove it when you have read the documents.",
            self.fleet.root.display()
        ));
        Ok(())
    }

    fn tell_how_to_play(&self) {
        self.show.say("The fleet stays up. To play with it:");
        let program = self.glidepath.program.display();
        for (what, command) in [
            ("go there", format!("cd {}", self.fleet.root.display())),
            ("bring a bad version again", format!("{program} run act-2 --yes")),
            ("see what flew", format!("{program} status --all")),
            ("change versions and how they behave", "edit changes/*.yaml, fleet/fleet.json".to_owned()),
            ("end it all", format!("{}/stop.sh", self.fleet.root.display())),
        ] {
            self.show.line(&format!("    {what:<36} {command}"));
        }
    }
}

fn outcome_of(run: &RunSummary) -> String {
    match run.status {
        RunStatus::Ended(RunEnd::Succeeded) => "landed".to_owned(),
        RunStatus::Ended(RunEnd::RolledBack) => "rolled-back".to_owned(),
        other => format!("{other}: {}", run.now),
    }
}

fn now() -> Timestamp {
    let micros = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

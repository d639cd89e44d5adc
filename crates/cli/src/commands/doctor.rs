//! `doctor`: is everything as the promises say, and what is to be done where it is not.
//!
//! Every check is made, whatever the others find. A check ends well, with a warning (somebody should look), or
//! failed (a promise is not kept), and the last two say what to do next.

use crate::args::Form;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::project::STATE_FOLDER;
use crate::stores;
use crate::world::{Dossier, GUARD_LOCK, OWNER_LOCK, RUNS_MAX, UNREAD, World, is_locked};
use glidepath_engine::{Owner, RunState, StepStatus, invariants};
use glidepath_model::projection::RunSummary;
use glidepath_model::text::plural;
use glidepath_model::{Code, Diagnostic, Millis, PlanBody, RunId, Step, Timestamp};
use glidepath_ports::{Clock, StoreError};
use glidepath_runtime::RealClock;

use glidepath_ports::store::{DEAD_LETTERS_MAX, Node, UnreadRun, Waiting};
use rustix::fs::statvfs;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Writes by which the disk is measured.
const DISK_WRITES: usize = 20;
/// Bytes of each.
const DISK_WRITE_BYTES: usize = 4096;
/// Median time of a synced write above which every step is felt to be slow.
const DISK_SLOW: Duration = Duration::from_millis(50);
/// Looks by which a shared store is measured.
const DATABASE_LOOKS: usize = 5;
/// Median time of a look above which every step is felt to be slow.
const DATABASE_SLOW: Duration = Duration::from_millis(50);
/// Free space below which the journal may soon find no room, in bytes: some 100,000 events.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Free space in which whoever flies makes the reserve anew, in bytes: that of the reserve, and as much beside it.
const RESERVE_ROOM_BYTES: u64 = 2 * 1024 * 1024;
/// How far the clock of the file system may be from that of this machine; event times in the future count likewise.
const CLOCK_OFF_MAX: Millis = Millis::from_secs(30);
/// How long a timer may be due before somebody should have acted.
const OVERDUE_MAX: Millis = Millis::from_secs(60);

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Finding {
    Well,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    /// What was looked at: `disk`, `journal`, `run-...`.
    name: String,
    finding: Finding,
    /// What was seen, one sentence.
    line: String,
    /// What to do about it; empty when all is well.
    next: String,
    /// Whether it concerns the store rather than a run.
    #[serde(skip)]
    of_store: bool,
}

impl Check {
    fn new(name: &str, finding: Finding, line: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding, line: line.into(), next: next.into(), of_store: true }
    }

    fn well(name: &str, line: impl Into<String>) -> Self {
        Self::new(name, Finding::Well, line, "")
    }

    fn of_run(run: &RunSummary, finding: Finding, line: impl Into<String>, next: impl Into<String>) -> Self {
        Self { of_store: false, ..Self::new(run.run.as_str(), finding, line, next) }
    }
}

/// `doctor`.
pub(crate) async fn run(root: &Path, form: Form) -> Result<Exit, Failure> {
    let state = root.join(STATE_FOLDER);
    let mut checks = Vec::new();
    match World::open(root).await {
        Ok(world) => {
            let fliers = Fliers::of(&world).await;
            match &fliers.nodes {
                Some(nodes) => checks.extend([database(&world).await, living(nodes), clock_of_the_database(&world)]),
                None => checks.extend([disk(&state), space(&state), permissions(&state), clock(&world, &state)]),
            }
            checks.push(journal(&world).await);
            checks.extend(runs(&world, &fliers).await);
            checks.push(requests(&world).await);
            checks.push(claims(&world).await);
            checks.push(dead_letters(&world).await);
        }
        Err(failure) => {
            let is_shared = matches!(stores::named_by_files(root), Ok(Some(_)));
            let failure = if is_shared { failure.of_shared_store() } else { failure };
            checks.extend(failure.diagnostics.into_iter().map(unopened));
        }
    }
    show(&checks, form);
    let failed: Vec<&Check> = checks.iter().filter(|check| check.finding == Finding::Failed).collect();
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let exit = if failed.iter().any(|check| check.of_store) { Exit::Internal } else { Exit::NeedsOperator };
    let names: Vec<&str> = failed.iter().map(|check| check.name.as_str()).collect();
    let diagnostic = Diagnostic::error(Code(668), format!("{} of {} checks failed: {}", failed.len(), checks.len(), names.join(", ")))
        .hint("do what is said above, then run `glidepath doctor` again");
    Err(Failure::new(exit, diagnostic))
}

fn show(checks: &[Check], form: Form) {
    if form == Form::Json {
        let healthy = checks.iter().all(|check| check.finding != Finding::Failed);
        output::json(&serde_json::json!({ "healthy": healthy, "checks": checks }));
        return;
    }
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    for check in checks {
        let word = match check.finding {
            Finding::Well => "well   ",
            Finding::Warning => "warning",
            Finding::Failed => "FAILED ",
        };
        output::data(&format!("{word}  {:<width$}  {}", check.name, check.line));
        if !check.next.is_empty() {
            output::data(&format!("{:width$}             → {}", "", check.next));
        }
    }
}

/// The store cannot be opened: its own finding is the check.
fn unopened(diagnostic: Diagnostic) -> Check {
    Check::new("store", Finding::Failed, diagnostic.message, diagnostic.hint)
}

/// Measures synced writes beside the database.
fn disk(state: &Path) -> Check {
    match measure_disk(&state.join("doctor.tmp")) {
        Ok((median, worst)) => {
            let line = format!("a synced write takes {}, at worst {} ({DISK_WRITES} measured)", in_ms(median), in_ms(worst));
            if median <= DISK_SLOW {
                return Check::well("disk", line);
            }
            let next = format!(
                "every step waits for one or two of these; put {STATE_FOLDER} on a local disk, or see what else writes to this one (`iostat -x 1`)"
            );
            Check::new("disk", Finding::Warning, line, next)
        }
        Err(error) => {
            let next = format!(
                "make room (`df -h {STATE_FOLDER}`) and see who may write (`ls -ld {STATE_FOLDER}`): nothing starts without a journal"
            );
            Check::new("disk", Finding::Failed, format!("{} cannot be written: {error}", state.display()), next)
        }
    }
}

fn measure_disk(path: &Path) -> io::Result<(Duration, Duration)> {
    let measured = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
        let mut times = Vec::with_capacity(DISK_WRITES);
        for _ in 0..DISK_WRITES {
            let began = Instant::now();
            file.write_all(&[0; DISK_WRITE_BYTES])?;
            file.sync_data()?;
            times.push(began.elapsed());
        }
        times.sort();
        Ok((times.get(DISK_WRITES / 2).copied().unwrap_or_default(), times.last().copied().unwrap_or_default()))
    })();
    // What was measured is of no use to anybody; a file that cannot be removed is overwritten next time.
    let _ = std::fs::remove_file(path);
    measured
}

fn in_ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn space(state: &Path) -> Check {
    let free = match statvfs(state) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            return Check::new(
                "space",
                Finding::Warning,
                format!("the free space is not known: {error}"),
                format!("`df -h {STATE_FOLDER}`"),
            );
        }
    };
    let line = format!("{} MiB are free", free / 1024 / 1024);
    let reserve = state.join("reserve").exists();
    match (free >= FREE_BYTES_MIN, reserve) {
        (true, _) => Check::well("space", line),
        (false, true) => Check::new(
            "space",
            Finding::Warning,
            line,
            "make room before the next change; the reserve file still keeps 1 MiB for a rollback",
        ),
        (false, false) if free >= RESERVE_ROOM_BYTES => Check::new(
            "space",
            Finding::Warning,
            format!("{line}, and the reserve for a rollback was used up"),
            "there is room for it again: whoever flies next makes it anew; make more room before the next change",
        ),
        (false, false) => Check::new(
            "space",
            Finding::Failed,
            format!("{line}, and the reserve for a rollback is used up"),
            "make room now: no step starts without a journal",
        ),
    }
}

/// The journal holds what was done and by whom; outputs of commands lie beside it.
fn permissions(state: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::metadata(state) {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => {
            Check::well("permissions", "only the owner of the folder reads the journal")
        }
        Ok(found) => Check::new(
            "permissions",
            Finding::Warning,
            format!("others may look into {} (mode {:o})", state.display(), found.permissions().mode() & 0o777),
            format!("`chmod 700 {STATE_FOLDER}`"),
        ),
        Err(error) => Check::new(
            "permissions",
            Finding::Warning,
            format!("the folder's mode is not known: {error}"),
            format!("`ls -ld {STATE_FOLDER}`"),
        ),
    }
}

/// Runs of a shared store go by the database's time; commands, certificates and logs go by this machine's.
fn clock_of_the_database(world: &World) -> Check {
    let (here, there) = (RealClock.now(), world.clock.now());
    match clock_is_off(here, there) {
        None => Check::well("clock", format!("it is {there} by the database's clock, and this machine's agrees")),
        Some(off) => Check::new("clock", Finding::Warning, off, "set both by NTP (`timedatectl status`): people compare their times"),
    }
}

/// How far this machine's clock is from the database's, which counts; `None` when they agree.
pub(crate) fn clock_is_off(here: Timestamp, there: Timestamp) -> Option<String> {
    let told = |off: Millis, how: &str| {
        (off > CLOCK_OFF_MAX)
            .then(|| format!("this machine's clock is {off} {how} the database's, by which windows, deadlines and bakes go"))
    };
    told(here.since(there), "ahead of").or_else(|| told(there.since(here), "behind"))
}

/// The file system's own time may come from another machine.
fn clock(world: &World, state: &Path) -> Check {
    let path = state.join("doctor-clock.tmp");
    let written = File::create(&path).and_then(|file| file.metadata()?.modified());
    // As with the disk's file.
    let _ = std::fs::remove_file(&path);
    let now = SystemTime::now();
    match written {
        Ok(at) => {
            let off = now.duration_since(at).or_else(|_| at.duration_since(now)).unwrap_or_default();
            if off.as_millis() <= u128::from(CLOCK_OFF_MAX.0) {
                return Check::well("clock", format!("it is {}, and the file system agrees", world.clock.now()));
            }
            Check::new(
                "clock",
                Finding::Failed,
                format!("the file system's clock is {} s away from this machine's", off.as_secs()),
                "set both by NTP (`timedatectl status`): windows, deadlines and bakes rest on it",
            )
        }
        Err(error) => {
            Check::new("clock", Finding::Warning, format!("the file system's time is not known: {error}"), "`timedatectl status`")
        }
    }
}

async fn journal(world: &World) -> Check {
    match world.store.verify().await {
        Ok(audit) if audit.findings.is_empty() => Check::well(
            "journal",
            format!("{} in {}, every chain closed", plural(audit.events, "event", "events"), plural(audit.streams, "stream", "streams")),
        ),
        Ok(audit) => {
            let first = audit.findings.first().map(String::as_str).unwrap_or_default();
            let more = audit.findings.len() - 1;
            let line = if more == 0 { first.to_owned() } else { format!("{first} (and {more} more)") };
            Check::new(
                "journal",
                Finding::Failed,
                line,
                "`glidepath audit verify` lists all; keep a copy of the folder before you touch it",
            )
        }
        Err(error) => Check::new("journal", Finding::Failed, format!("it cannot be read: {error}"), "`glidepath audit verify`"),
    }
}

/// Who flies runs.
struct Fliers {
    /// Whether a guard lives.
    guarded: bool,
    /// Whether a process owns the local store: it wakes runs that sleep, whoever put them to sleep.
    owned: bool,
    /// The living nodes of a shared store; `None` for a local one.
    nodes: Option<Vec<Node>>,
}

impl Fliers {
    async fn of(world: &World) -> Self {
        let nodes = match &world.shared {
            Some(_) => Some(world.store.nodes().await.ok().flatten().unwrap_or_default()),
            None => None,
        };
        Self { guarded: is_locked(&world.state, GUARD_LOCK), owned: is_locked(&world.state, OWNER_LOCK), nodes }
    }

    /// Whether the owner of a run lives.
    fn has(&self, owner: &Owner) -> bool {
        match &self.nodes {
            Some(nodes) => nodes.iter().any(|node| node.epoch == owner.epoch),
            None => glidepath_runtime::process::is_alive(&owner.process),
        }
    }

    /// Whether somebody goes on when the owner dies.
    fn has_others(&self) -> bool {
        self.nodes.as_ref().map_or(self.guarded, |nodes| !nodes.is_empty())
    }
}

/// Measures looks into the shared store.
async fn database(world: &World) -> Check {
    let place = world.shared.as_deref().unwrap_or_default();
    let mut times = Vec::new();
    for _ in 0..DATABASE_LOOKS {
        let began = Instant::now();
        if let Err(error) = world.store.change_counter().await {
            return Check::new(
                "database",
                Finding::Failed,
                error.to_string(),
                "nothing flies until it can be reached; nodes go on by themselves then",
            );
        }
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let line = format!("a look into {place} takes {} ({DATABASE_LOOKS} measured)", in_ms(median));
    if median <= DATABASE_SLOW {
        return Check::well("database", line);
    }
    Check::new("database", Finding::Warning, line, "every step waits for one or two of these; bring nodes and database closer together")
}

fn living(nodes: &[Node]) -> Check {
    let of = |node: &Node| {
        format!("{} with {}{}", node.name, plural(node.runs, "run", "runs"), if node.is_draining { ", draining" } else { "" })
    };
    let line = nodes.iter().map(of).collect::<Vec<_>>().join("; ");
    match nodes {
        [] => Check::new("nodes", Finding::Failed, "none lives, so that nothing flies", "`glidepath node` starts one"),
        [_] => Check::new("nodes", Finding::Warning, line, "start a second one on another machine: should this one die, nobody goes on"),
        _ => Check::well("nodes", line),
    }
}

/// Every live run must have somebody or something that moves it, and a landed one that is watched somebody who watches.
async fn runs(world: &World, fliers: &Fliers) -> Vec<Check> {
    let live = match world.store.runs(true, RUNS_MAX).await {
        Ok(live) => live,
        Err(error) => {
            return vec![Check::new("runs", Finding::Failed, format!("they cannot be listed: {error}"), "`glidepath audit verify`")];
        }
    };
    if live.is_empty() {
        return vec![Check { of_store: false, ..Check::well("runs", "nothing flies") }];
    }
    let mut checks: Vec<Check> = live.unread.iter().map(unread_run).collect();
    for summary in &live.read {
        checks.push(match world.dossier(summary).await {
            Ok(dossier) => live_run(world, summary, &dossier, fliers).await,
            Err(failure) => unreadable(summary, &failure.diagnostics.first().map(|d| d.message.clone()).unwrap_or_default()),
        });
    }
    checks
}

/// Whether it moves cannot be told from here.
fn unread_run(unread: &UnreadRun) -> Check {
    let line = format!("it was {UNREAD}, so that nobody can tell here whether it moves: {}", unread.reason);
    let next = "look at it with the glidepath that flies it (`glidepath --version` shows this one)";
    Check { of_store: false, ..Check::new(unread.run.as_str(), Finding::Failed, line, next) }
}

fn unreadable(summary: &RunSummary, why: &str) -> Check {
    let next = format!(
        "it is left alone and keeps its targets; {STATE_FOLDER}/cards/{}.txt has the commands that bring traffic to safety, `glidepath audit verify` says what was changed",
        summary.run
    );
    Check::of_run(summary, Finding::Failed, format!("its journal cannot be followed: {why}"), next)
}

async fn live_run(world: &World, summary: &RunSummary, dossier: &Dossier, fliers: &Fliers) -> Check {
    let run = &summary.run;
    let body = &dossier.plan.body;
    let state = match RunState::fold(run.clone(), body, &dossier.events) {
        Ok(state) => state,
        Err(error) => return unreadable(summary, &error.to_string()),
    };
    if let Some(broken) = invariants(body, &state).first() {
        return Check::of_run(
            summary,
            Finding::Failed,
            broken,
            format!("`glidepath abort {run}` brings traffic to safety; please report it with `glidepath audit export {run}`"),
        );
    }
    let now = world.clock.now();
    let ahead = state.last_at.since(now);
    if ahead > CLOCK_OFF_MAX {
        let line = format!("its last event is dated {ahead} in the future: a clock was wrong");
        return Check::of_run(summary, Finding::Failed, line, "set the clock by NTP (`timedatectl status`); until then its timers wait");
    }
    if state.rests_as_a_whole() {
        let next = format!("`glidepath card {run}` lists the verbs; until one of them, nothing moves it");
        return Check::of_run(summary, Finding::Warning, format!("{}{}", summary.now, answered_by(body, &state)), next);
    }
    let owner_lives = state.owner.as_ref().is_some_and(|owner| fliers.has(owner)) || (summary.sleeps && fliers.owned);
    let guarded = fliers.has_others();
    let stopped = state
        .owner
        .as_ref()
        .map(|owner| &owner.process)
        .filter(|process| fliers.nodes.is_none() && glidepath_runtime::process::is_stopped(process));
    if let Some(process) = stopped {
        let next = format!(
            "`kill -CONT {0}` lets it go on; `kill -9 {0}` ends it, and its guard or the next command takes the run over",
            process.pid
        );
        return Check::of_run(
            summary,
            Finding::Failed,
            format!("its owner, process {}, is stopped, and nothing moves the run", process.pid),
            next,
        );
    }
    let is_live = summary.status.is_live();
    if !owner_lives && !guarded && !is_live {
        let next = format!("look at it yourself, `glidepath rollback {run}` goes back; the next `glidepath run` takes the watch up");
        return Check::of_run(
            summary,
            Finding::Warning,
            "it has landed, but nobody watches it any more: its owner and its guard are dead",
            next,
        );
    }
    if !owner_lives && !guarded {
        let next = format!("`glidepath resume {run}` goes on, `glidepath abort {run}` brings traffic to safety and turns back");
        return Check::of_run(
            summary,
            Finding::Failed,
            "nobody flies it: its owner and its guard are dead, and nothing acts, not even its hold limit",
            next,
        );
    }
    let overdue = summary.wake_at.map(|at| now.since(at)).filter(|late| *late > OVERDUE_MAX);
    if let Some(late) = overdue {
        let next = format!("its owner may be stopped or starved (`ps -o stat,pid,args`); `glidepath watch {run}` shows whether it moves");
        return Check::of_run(summary, Finding::Failed, format!("a timer is due since {late} and nobody acts"), next);
    }
    if !guarded && is_live {
        let next = format!(
            "should its owner die, nothing acts until somebody types: `glidepath resume {run}` goes on then, `glidepath abort {run}` turns back"
        );
        return Check::of_run(summary, Finding::Warning, format!("{}; no guard lives beside its owner", summary.now), next);
    }
    if state.is_resting() || state.operator.is_some() {
        return Check::of_run(
            summary,
            Finding::Warning,
            format!("it waits for a person: {}{}", summary.now, answered_by(body, &state)),
            format!("`glidepath card {run}` lists the verbs"),
        );
    }
    let person = asked_step(body, &state).map(|_| answered_by(body, &state)).unwrap_or_default();
    Check::of_run(summary, Finding::Well, moved_by(summary, now) + &person, "")
}

/// Who answers for what a run waits with: the owner of the step that needs a person, or else of the change.
fn answered_by(body: &PlanBody, state: &RunState) -> String {
    let step = match state.operator.as_ref().and_then(|need| need.step.as_ref()) {
        Some(step) => body.step(step),
        None => asked_step(body, state),
    };
    match step.and_then(|step| step.owner.as_ref()).or(body.change.owner.as_ref()) {
        Some(owner) => format!(" ({owner} answers for it)"),
        None => String::new(),
    }
}

/// A step at which a person is asked.
fn asked_step<'a>(body: &'a PlanBody, state: &RunState) -> Option<&'a Step> {
    body.steps.iter().find(|step| matches!(state.step(&step.id).status(), StepStatus::AskingPerson(_)))
}

fn moved_by(summary: &RunSummary, now: Timestamp) -> String {
    match summary.wake_at {
        Some(at) if at > now => format!("{}; its next timer is at {at}", summary.now),
        Some(_) | None => summary.now.clone(),
    }
}

/// What is held is held by a run that is live, and so is a place in the queue.
async fn claims(world: &World) -> Check {
    let found = async { Ok::<_, StoreError>((world.store.claims().await?, world.store.runs(true, usize::MAX).await?)) };
    let (lines, live) = match found.await {
        Ok(found) => found,
        Err(error) => return Check::new("claims", Finding::Failed, format!("they cannot be read: {error}"), "`glidepath audit verify`"),
    };
    let unread = live.unread.iter().map(|run| &run.run);
    let live: BTreeSet<&RunId> = live.read.iter().filter(|run| run.status.is_live()).map(|run| &run.run).chain(unread).collect();
    let orphans: Vec<String> =
        lines.iter().filter(|line| !live.contains(&line.run)).map(|line| format!("{} by {}", line.claim, line.run)).collect();
    let waiting = lines.iter().filter(|line| !line.holds).count();
    match orphans.is_empty() {
        true => Check::well("claims", format!("{} are held, {waiting} are waited for, all by live runs", lines.len() - waiting)),
        false => Check::new(
            "claims",
            Finding::Failed,
            format!("held or waited for by runs that are not live: {}", orphans.join(", ")),
            "look again in a minute: a run that is just beginning or going back is not live yet; if they stay, please report it",
        ),
    }
}

/// Nothing that was given up lies around for long.
async fn dead_letters(world: &World) -> Check {
    let found = match world.store.dead_letters(1).await {
        Ok(found) => found,
        Err(error) => {
            return Check::new("dead letters", Finding::Failed, format!("they cannot be read: {error}"), "`glidepath audit verify`");
        }
    };
    let next = "`glidepath dlq list` shows them; `replay` or `discard` each";
    let line = format!("{} of at most {DEAD_LETTERS_MAX} wait, {} were lost", found.count, found.lost);
    match (found.count, found.lost) {
        (0, 0) => Check::well("dead letters", "none waits"),
        (count, lost) if lost > 0 || count >= DEAD_LETTERS_MAX / 10 * 8 => Check::new("dead letters", Finding::Failed, line, next),
        _ => Check::new("dead letters", Finding::Warning, line, next),
    }
}

/// Requests are answered within moments by whoever flies.
async fn requests(world: &World) -> Check {
    match world.store.submissions_waiting().await {
        Ok(Waiting { count: 0, .. }) => Check::well("requests", "none waits for an answer"),
        Ok(Waiting { count, unread }) => {
            let line = format!("{count} wait for an answer");
            match unread.first() {
                None => Check::new(
                    "requests",
                    Finding::Warning,
                    line,
                    "they are taken when somebody flies who knows them: see the runs above, and the versions of their nodes, or start one",
                ),
                Some(first) => Check::new(
                    "requests",
                    Finding::Failed,
                    format!("{line}, of which {} cannot be read: number {} was {UNREAD}: {}", unread.len(), first.number, first.reason),
                    "leave them to a glidepath of the version that wrote them, or start a node of it; this one leaves them alone (`glidepath --version` shows it)",
                ),
            }
        }
        Err(error) => Check::new("requests", Finding::Failed, format!("they cannot be read: {error}"), "`glidepath audit verify`"),
    }
}

//! What stands in the way of a landed run that is to go back: newer runs on its targets, and abandoned replays of what it gave up. Replays that stand, and
//! the run that flew it, are looked at by the owner.
//!
//! A newer run that can go back goes first. One that was abandoned cannot go back any more, so that a person says with a reason that the older one goes back
//! beneath it. Every refusal names the command that works now, also where what is in the way has something in its own way.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::world::{EVENTS_MAX, RUNS_MAX, UNREAD, World};
use glidepath_model::event::RunEnd;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::{Code, Diagnostic, Event, RunId};
use glidepath_ports::Store;
use glidepath_ports::store::UnreadRun;
use glidepath_runtime::again;

/// Abandoned runs that a refusal names, and lines about what each left in place.
const ABANDONED_LISTED_MAX: usize = 10;
const LEFT_LISTED_MAX: usize = 10;

/// Refuses to roll a landed run back over a newer one that stays: its undo would jump past the newer versions, which the newer run still vouches for.
/// Gives the abandoned runs beneath which it goes back, when that was asked for.
pub(super) async fn nothing_newer_stays(world: &World, summary: &RunSummary, over_abandoned: bool) -> Result<Vec<RunId>, Failure> {
    if summary.status != RunStatus::Ended(RunEnd::Succeeded) {
        return Ok(Vec::new());
    }
    let newer = newer_that_stay(world.store.as_ref(), summary, RUNS_MAX).await?;
    let mut abandoned: Vec<RunSummary> = abandoned_over(&newer, summary).into_iter().cloned().collect();
    let replays = abandoned_replays(world, summary).await?;
    abandoned.extend(replays.into_iter().filter(|replay| abandoned.iter().all(|known| known.run != replay.run)).collect::<Vec<_>>());
    let is_passed = abandoned.is_empty() || over_abandoned;
    let Some(run) = in_the_way(&newer, summary) else {
        return match is_passed {
            true => Ok(abandoned.into_iter().map(|run| run.run).collect()),
            false => Err(beneath_abandoned(world, summary, &abandoned).await?),
        };
    };
    let then = if is_passed { "this one".to_owned() } else { format!("`{}`", over_abandoned_command(summary)) };
    Err(Failure::new(
        Exit::Refused,
        Diagnostic::error(Code(659), format!("{} changed the same targets after {}", run.run, summary.run))
            .because("rolling the older run back would jump past what the newer one brought")
            .hint(format!("first `{}`, then {then}", first_back(&newer, run))),
    ))
}

/// Runs that began after this one and did not go back, newest first; on whatever targets. At first so many runs are looked at, and more until one is not newer.
async fn newer_that_stay(store: &dyn Store, summary: &RunSummary, mut runs_max: usize) -> Result<Vec<RunSummary>, Failure> {
    loop {
        let found = store.runs(false, runs_max).await?;
        if let Some(unread) = found.unread.iter().rfind(|unread| unread.started_at > summary.started_at) {
            return Err(unreadable_above(unread, summary));
        }
        let (is_all, mut runs) = (found.len() < runs_max, found.read);
        if is_all || runs.last().is_some_and(|oldest| oldest.started_at < summary.started_at) {
            runs.retain(|r| r.started_at > summary.started_at && r.status != RunStatus::Ended(RunEnd::RolledBack));
            return Ok(runs);
        }
        runs_max = runs_max.saturating_mul(2);
    }
}

/// What cannot be read may have changed the same targets.
fn unreadable_above(unread: &UnreadRun, summary: &RunSummary) -> Failure {
    Failure::new(
        Exit::Refused,
        Diagnostic::error(
            Code(659),
            format!("{} began after {}, and what it changed cannot be read here: it was {UNREAD}", unread.run, summary.run),
        )
        .because("rolling the older run back could jump past what the newer one brought")
        .hint("ask for the rollback with the glidepath that wrote it (`glidepath --version` shows this one)"),
    )
}

/// Those of the runs that began after this one and touch the same targets.
fn over<'r>(newer: &'r [RunSummary], summary: &RunSummary) -> impl Iterator<Item = &'r RunSummary> {
    newer.iter().filter(move |r| r.run != summary.run && r.started_at > summary.started_at && shares_a_target(r, summary))
}

fn shares_a_target(run: &RunSummary, other: &RunSummary) -> bool {
    run.targets.iter().any(|target| other.targets.contains(target))
}

/// Whether a run has ended so that no verb takes back what it left in place.
fn is_out_of_reach(summary: &RunSummary) -> bool {
    matches!(summary.status, RunStatus::Ended(RunEnd::Abandoned | RunEnd::Superseded))
}

fn abandoned_over<'r>(newer: &'r [RunSummary], summary: &RunSummary) -> Vec<&'r RunSummary> {
    over(newer, summary).filter(|r| is_out_of_reach(r)).collect()
}

/// The newest run that must go back before this one can.
fn in_the_way<'r>(newer: &'r [RunSummary], summary: &RunSummary) -> Option<&'r RunSummary> {
    let has_landed = summary.status == RunStatus::Ended(RunEnd::Succeeded);
    over(newer, summary).find(|r| has_landed && !is_out_of_reach(r))
}

/// The command that works now and must come first: what is in the way of a run may have others in its own way.
fn first_back(newer: &[RunSummary], in_the_way_of: &RunSummary) -> String {
    let mut first = in_the_way_of;
    while let Some(run) = in_the_way(newer, first) {
        first = run;
    }
    let is_beneath = first.status == RunStatus::Ended(RunEnd::Succeeded) && !abandoned_over(newer, first).is_empty();
    if is_beneath { over_abandoned_command(first) } else { format!("glidepath rollback {}", first.run) }
}

fn over_abandoned_command(summary: &RunSummary) -> String {
    format!("glidepath rollback {} --override-abandoned \"...\"", summary.run)
}

/// Runs that tried again what this one had given up, and were abandoned.
async fn abandoned_replays(world: &World, summary: &RunSummary) -> Result<Vec<RunSummary>, Failure> {
    let dossier = world.dossier(summary).await?;
    let tries = again::tries(world.store.as_ref(), |_| None, &dossier.plan.body, &dossier.state(&summary.run)?).await?;
    let mut abandoned = Vec::new();
    for (run, status) in tries {
        if matches!(status, RunStatus::Ended(RunEnd::Abandoned | RunEnd::Superseded)) {
            abandoned.extend(world.store.runs_like(run.as_str(), 1).await?.one()?);
        }
    }
    Ok(abandoned)
}

/// The refusal that names what abandoned runs left in place.
async fn beneath_abandoned(world: &World, summary: &RunSummary, abandoned: &[RunSummary]) -> Result<Failure, Failure> {
    let mut diagnostics = Vec::new();
    for run in abandoned.iter().take(ABANDONED_LISTED_MAX) {
        let left = left_in_place(world, &run.run).await?;
        let more = left.len().saturating_sub(LEFT_LISTED_MAX);
        let mut listed = left.into_iter().take(LEFT_LISTED_MAX).collect::<Vec<_>>().join("; ");
        if more > 0 {
            listed += &format!("; and {more} more (`glidepath history {}`)", run.run);
        }
        if listed.is_empty() {
            "nothing that its journal knows of".clone_into(&mut listed);
        }
        let does = if shares_a_target(run, summary) { "changed the same targets after" } else { "tried again what was given up by" };
        let message = format!("{} {does} {} and ended {}; it left in place: {listed}", run.run, summary.run, run.status);
        diagnostics.push(
            Diagnostic::error(Code(659), message)
                .because("no verb takes that back any more, and rolling the older run back may overwrite some of it and leave the rest")
                .hint(format!("look at what is in place, then `{}` goes back beneath it", over_abandoned_command(summary))),
        );
    }
    let more = abandoned.len().saturating_sub(ABANDONED_LISTED_MAX);
    if more > 0 {
        diagnostics.push(
            Diagnostic::error(Code(659), format!("{more} more runs on the same targets were abandoned after {}", summary.run))
                .hint("`glidepath status --all` lists them"),
        );
    }
    Ok(Failure { exit: Exit::Refused, diagnostics })
}

/// What the end of a run says of what stays, a line each.
async fn left_in_place(world: &World, run: &RunId) -> Result<Vec<String>, Failure> {
    let events = world.store.read_run(run, 0, EVENTS_MAX).await?;
    let end = events.into_iter().rev().find_map(|recorded| match recorded.event {
        Event::RunEnded { leftovers, .. } => Some(leftovers),
        _ => None,
    });
    Ok(end.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it found")]
mod tests {
    use super::*;
    use glidepath_model::event::ProcessMark;
    use glidepath_model::request::Who;
    use glidepath_model::{PlanId, Timestamp};
    use glidepath_ports::store::{ClaimOrder, StreamAppend};
    use glidepath_store::MemoryStore;

    fn summary(number: i64, status: RunStatus) -> RunSummary {
        let at = Timestamp::from_micros(number);
        RunSummary {
            run: RunId::new(format!("run-{number}")),
            plan: PlanId::new("ab".repeat(32)),
            change: "checkout".into(),
            title: String::new(),
            status,
            now: String::new(),
            started_at: at,
            ended_at: Some(at),
            wake_at: None,
            targets: vec!["payments".into()],
            components: Vec::new(),
            observing_until: None,
            claims: Default::default(),
            waits_for: None,
            sleeps: false,
        }
    }

    #[tokio::test]
    async fn however_many_runs_came_after_one_all_of_them_are_looked_at() {
        let store = MemoryStore::new();
        let who = Who { name: "pilot".to_owned(), known_by: "os-user".to_owned() };
        let mark = ProcessMark { pid: 1, start_ticks: 1, boot_id: String::new() };
        let owner = store.try_own(who, mark).await.unwrap().unwrap();
        for number in 1..=9 {
            let end = if number == 5 { RunEnd::RolledBack } else { RunEnd::Succeeded };
            let summary = summary(number, RunStatus::Ended(end));
            store.take_run(owner.epoch, &summary.run, &ClaimOrder::default()).await.unwrap();
            let (run, at, events) = (summary.run.clone(), summary.started_at, vec![Event::RunEnded { end, leftovers: Vec::new() }]);
            let (lessons, reports, dead_letters, settlements) = Default::default();
            let append = StreamAppend { run, expected_seq: 0, at, events, summary, lessons, reports, dead_letters, settlements };
            store.append(owner.epoch, vec![append]).await.unwrap();
        }
        for first in [1, 2, 3, 100] {
            let newer = newer_that_stay(&store, &summary(3, RunStatus::Ended(RunEnd::Succeeded)), first).await.unwrap();
            let names: Vec<&str> = newer.iter().map(|run| run.run.as_str()).collect();
            assert_eq!(names, ["run-9", "run-8", "run-7", "run-6", "run-4"], "{first}");
        }
    }
}

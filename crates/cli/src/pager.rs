//! Tells people that a run needs one: a line on standard error, and the commands that the project names under `notify`.
//!
//! A page never holds a run: commands are started beside it and end at their deadline. What fails three times is said as trouble and kept as a dead letter. Whoever ends waits for the
//! pages under way, so that the last word of a flight reaches people as well; a page that outlives even that is kept to its deadline by its
//! supervisor.

use crate::collect::Collector;
use crate::output;
use crate::world::World;
use glidepath_files::Project;
use glidepath_model::catalog::NotifyCommand;
use glidepath_model::event::Outcome;
use glidepath_model::projection::{DeadLetter, DeadLetterKind};
use glidepath_model::{ActionCall, Millis, RunId};
use glidepath_ports::{Clock, Notifier, Store};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Commands under way at once; more pages than these are said on standard error only.
const PAGES_MAX: usize = 16;
/// Pauses between tries of one page; there is one try more than pauses.
const PAGE_PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// What a command may take beyond its deadline to be ended.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// Where lines for people go.
type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Pages by a line, and by the project's commands.
pub(crate) struct Pager {
    commands: Vec<NotifyCommand>,
    collector: Arc<Collector>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tell: Tell,
    under_way: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    started: u64,
    tasks: JoinSet<()>,
}

impl Pager {
    /// A pager with the commands that the project names now. A project that cannot be read is flown on, and the missing commands are said.
    pub(crate) fn new(world: &World, tell: Tell) -> Self {
        let loaded = Project::load(&world.root);
        if loaded.has_errors() {
            tell("the project's files have errors, so that commands under `notify` may be missing; `glidepath validate` lists them");
        }
        let mut collector = world.collector();
        collector.scratch = world.state.join("pages").join(std::process::id().to_string());
        Self {
            commands: loaded.catalog.settings.notify,
            collector: Arc::new(collector),
            store: world.store.clone(),
            clock: world.clock.clone(),
            tell,
            under_way: Mutex::default(),
        }
    }

    /// Waits for the commands under way, at most as long as they may take.
    pub(crate) async fn settle(&self) {
        let mut tasks = std::mem::take(&mut self.under_way.lock().unwrap_or_else(PoisonError::into_inner).tasks);
        let longest = self.commands.iter().map(|c| c.timeout_ms).max().unwrap_or(Millis::ZERO);
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        let tries = u32::try_from(PAGE_PAUSES.len()).unwrap_or(0) + 1;
        let all_tries = longest.to_std() * tries + PAGE_PAUSES.iter().sum::<Duration>();
        if tokio::time::timeout(all_tries + ENDING_MAX, all_ended).await.is_err() {
            (self.tell)("a notify command has not ended at its deadline; it is left to its supervisor");
            tasks.detach_all();
        }
        let _ = std::fs::remove_dir(&self.collector.scratch);
    }

    fn start(&self, command: &NotifyCommand, run: &RunId, line: &str) {
        let mut pages = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        while pages.tasks.try_join_next().is_some() {}
        let program = command.argv.first().cloned().unwrap_or_default();
        if pages.tasks.len() >= PAGES_MAX {
            (self.tell)(&format!("trouble: {PAGES_MAX} notify commands are under way, so `{program}` was not started for {run}"));
            return;
        }
        pages.started += 1;
        let label = format!("page-{}", pages.started);
        let call = call_of(command, run, line);
        let (collector, tell, run, timeout) = (self.collector.clone(), self.tell.clone(), run.clone(), command.timeout_ms);
        let (store, clock, line) = (self.store.clone(), self.clock.clone(), line.to_owned());
        pages.tasks.spawn(async move {
            let Err(reason) = tell_patiently(&collector, &run, &call, timeout, &label).await else { return };
            tell(&format!("trouble: `{program}` could not tell people about {run}: {reason}; look at its command under `notify`, then `glidepath dlq list`"));
            let what = DeadLetterKind::Page { channel: program.clone(), line };
            let letter = DeadLetter { run: run.clone(), at: clock.now(), what, reason };
            if let Err(error) = store.add_dead_letter(letter).await {
                tell(&format!("trouble: the message that `{program}` could not tell is not kept either: {error}"));
            }
        });
    }

    /// Tells a message once more by the command of that program; how it went.
    pub(crate) async fn tell_again(&self, channel: &str, run: &RunId, line: &str) -> Outcome {
        let Some(command) = self.commands.iter().find(|command| command.argv.first().is_some_and(|program| program == channel)) else {
            return Outcome::NotDone { reason: format!("the project names no `{channel}` under `notify` any more"), retryable: false };
        };
        let outcome = self.collector.call_for(run.clone(), &call_of(command, run, line), command.timeout_ms, "page-again").await;
        let _ = std::fs::remove_dir(&self.collector.scratch);
        outcome
    }
}

fn call_of(command: &NotifyCommand, run: &RunId, line: &str) -> ActionCall {
    let argv: Vec<&str> = command.argv.iter().map(String::as_str).chain([run.as_str(), line]).collect();
    ActionCall { kind: "exec".to_owned(), version: 1, input: json!({ "argv": argv, "env": { "GLIDEPATH_MESSAGE": line } }) }
}

/// Calls a few times with pauses between, as long as that can help; the last reason when none told people. A command that hangs is not
/// called again: whoever ends waits for it.
async fn tell_patiently(collector: &Collector, run: &RunId, call: &ActionCall, timeout: Millis, label: &str) -> Result<(), String> {
    let mut pauses = PAGE_PAUSES.iter();
    loop {
        let reason = match collector.call_for(run.clone(), call, timeout, label).await {
            Outcome::Done { .. } => return Ok(()),
            Outcome::NotDone { reason, retryable: true } => reason,
            Outcome::NotDone { reason, retryable: false } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => {
                return Err(reason);
            }
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => return Err(reason),
        }
    }
}

impl Notifier for Pager {
    fn page(&self, run: &RunId, line: &str) {
        output::ring();
        (self.tell)(&format!("{run}: {line}"));
        for command in &self.commands {
            self.start(command, run, line);
        }
    }
}

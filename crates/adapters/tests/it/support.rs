//! What an attempt gets in these tests, recorded.

use glidepath_adapters::EnvFileSecrets;
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::{ActionContext, BoxFuture, CancelToken, Clock, ProcessJournal, ProgressSink, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Bound of every wait in the tests.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// What the process journal of a test does.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Journal {
    Works,
    Fails,
    /// Never answers: the owner dies while it writes.
    Hangs,
}

/// Records what an attempt tells its owner.
pub(crate) struct Recorder {
    journal: Journal,
    pub(crate) marks: Mutex<Vec<ProcessMark>>,
    pub(crate) lines: Mutex<Vec<String>>,
    /// How long processes worked.
    pub(crate) worked: Mutex<Vec<Millis>>,
    /// Where it says until when processes may work, if it does.
    pub(crate) work_time: Mutex<Option<PathBuf>>,
}

impl ProcessJournal for Recorder {
    fn started(&self, _attempt: &AttemptRef, process: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>> {
        self.marks.lock().unwrap().push(process);
        Box::pin(async {
            match self.journal {
                Journal::Works => Ok(()),
                Journal::Fails => Err(StoreError::Fenced { mine: 1, present: 2 }),
                Journal::Hangs => std::future::pending().await,
            }
        })
    }

    fn ended(&self, _attempt: &AttemptRef, took: Millis) {
        self.worked.lock().unwrap().push(took);
    }

    fn work_time_file(&self) -> Option<PathBuf> {
        self.work_time.lock().unwrap().clone()
    }
}

impl ProgressSink for Recorder {
    fn line(&self, _attempt: &AttemptRef, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

/// The span of an attempt.
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A project folder with one attempt in it.
pub(crate) struct Attempt {
    pub(crate) folder: TempDir,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) context: ActionContext,
}

impl Attempt {
    pub(crate) fn new(time: Duration) -> Self {
        Self::with(time, Journal::Works)
    }

    pub(crate) fn with(time: Duration, journal: Journal) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let attempt_dir = folder.path().join("attempt");
        std::fs::create_dir(&attempt_dir).unwrap();
        let recorder = Arc::new(Recorder {
            journal,
            marks: Mutex::default(),
            lines: Mutex::default(),
            worked: Mutex::default(),
            work_time: Mutex::default(),
        });
        let attempt = AttemptRef { step: "production/payments/eu/deploy".into(), direction: Direction::Do, round: 0, number: 1 };
        let run = "run-000000000001".into();
        let context = ActionContext {
            idempotency_key: attempt.idempotency_key(&run),
            traceparent: Some(TRACEPARENT.to_owned()),
            run,
            plan: "feedfacefeedface".into(),
            attempt,
            deadline: Instant::now() + time,
            fences: Vec::new(),
            cancel: CancelToken::new(),
            processes: recorder.clone(),
            progress: recorder.clone(),
            secrets: Arc::new(EnvFileSecrets::new(folder.path())),
            root: folder.path().to_owned(),
            attempt_dir,
        };
        Self { folder, recorder, context }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn mark(&self) -> ProcessMark {
        self.recorder.marks.lock().unwrap().last().unwrap().clone()
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64)
}

/// The clock of this machine, set forward by so much.
#[derive(Default)]
pub(crate) struct WallClock {
    pub(crate) ahead: Millis,
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        now().plus(self.ahead)
    }

    fn steady(&self) -> Duration {
        now().since(Timestamp::EPOCH).to_std()
    }

    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move { tokio::time::sleep(time.since(self.now()).to_std()).await })
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < WAIT_MAX, "not within {WAIT_MAX:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The number in a file, once it is there.
pub(crate) async fn number_in(path: &Path) -> u32 {
    let read = || std::fs::read_to_string(path).ok().and_then(|t| t.ends_with('\n').then(|| t.trim().parse().ok())?);
    eventually("a number in a file", || read().is_some()).await;
    read().unwrap()
}

/// `done`, `not-done`, `never`, `unverified` or `unknown`, and the words with it.
pub(crate) fn told(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Done { outputs } => ("done", outputs.get("text").and_then(|t| t.as_str()).unwrap_or("").to_owned()),
        Outcome::NotDone { reason, retryable: true } => ("not-done", reason.clone()),
        Outcome::NotDone { reason, retryable: false } => ("never", reason.clone()),
        Outcome::Unverified { reason } => ("unverified", reason.clone()),
        Outcome::Unknown { reason } => ("unknown", reason.clone()),
    }
}

/// Asserts an outcome's kind and that its words hold `part`.
#[track_caller]
pub(crate) fn assert_told(outcome: &Outcome, kind: &str, part: &str) {
    let (told_kind, words) = told(outcome);
    assert!(told_kind == kind && words.contains(part), "expected {kind} with `{part}`, got {told_kind}: {words}");
}

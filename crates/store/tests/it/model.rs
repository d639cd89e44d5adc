//! Any sequence of calls has the same answers on SQLite and on PostgreSQL as in memory.

use crate::fixtures::*;
use glidepath_model::event::RunEnd;
use glidepath_model::plan::Claim;
use glidepath_model::projection::{ClaimWait, Lesson, RunStatus};
use glidepath_model::{Millis, PlanId, RunId};
use glidepath_ports::store::{Answer, ClaimLine, ClaimOrder, StreamAppend, Submission, Taking};
use glidepath_ports::{Ownership, Store};
use glidepath_store::{MemoryStore, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::servers::Postgres;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs that the calls are about.
const RUNS: u64 = 4;

/// One call, or an accident.
#[derive(Clone, Debug)]
enum Call {
    /// Takes runs and appends to them; `wrong` is added to the expected length, `late` taken from the epoch, and some runs end. A run that has
    /// not begun and must wait begins as one that waits.
    Append {
        streams: Vec<(u64, usize, i64)>,
        wrong: u64,
        late: u64,
        ends: bool,
    },
    /// Takes a run with what it claims, or a place in the queue.
    Take {
        number: u64,
        waits: bool,
    },
    /// A run that waits ends instead.
    GiveUp(u64),
    /// Takes a run, lets it sleep until some seconds are over, and sets it free.
    Sleep {
        number: u64,
        wake_at: Option<i64>,
    },
    /// Takes what is free and live at that second.
    TakeAll(i64),
    Release(u64),
    Submit(u64),
    Answer {
        number: u64,
        granted: bool,
    },
    SaveBlob(Vec<u8>),
    SavePlan(u8),
    /// The owner goes and comes back.
    Own,
    /// The process ends and starts again.
    Reopen,
}

/// True once in so many times.
fn one_in(times: u32) -> impl Strategy<Value = bool> {
    prop_oneof![times - 1 => Just(false), 1 => Just(true)]
}

fn call() -> impl Strategy<Value = Call> {
    let stream = (0..RUNS, 0..4_usize, -5..20_i64);
    prop_oneof![
        6 => (prop::collection::vec(stream, 1..3), one_in(6), one_in(9), one_in(4))
            .prop_map(|(streams, wrong, late, ends)| Call::Append { streams, wrong: u64::from(wrong), late: u64::from(late), ends }),
        3 => (0..RUNS, any::<bool>()).prop_map(|(number, waits)| Call::Take { number, waits }),
        1 => (0..RUNS).prop_map(Call::GiveUp),
        1 => (0..RUNS, prop::option::of(0..20_i64)).prop_map(|(number, wake_at)| Call::Sleep { number, wake_at }),
        2 => (0..20_i64).prop_map(Call::TakeAll),
        1 => (0..RUNS).prop_map(Call::Release),
        1 => (0..RUNS).prop_map(Call::Submit),
        1 => (0..5_u64, any::<bool>()).prop_map(|(number, granted)| Call::Answer { number, granted }),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Call::SaveBlob),
        1 => any::<u8>().prop_map(Call::SavePlan),
        1 => Just(Call::Own),
        1 => Just(Call::Reopen),
    ]
}

/// What a run claims. Each target is claimed by two runs, all want the database in one way or another, and there is not enough for everybody.
fn claims(number: u64, waits: bool) -> ClaimOrder {
    let targets = [number, (number + 1) % RUNS].map(|target| format!("target-{target} x"));
    let others: &[&str] = match number {
        0 => &["db s", "slots 1/3"],
        1 => &["db x"],
        2 => &["db s", "slots 2/3"],
        _ => &["slots 1/3"],
    };
    order(&targets.iter().map(String::as_str).chain(others.iter().copied()).collect::<Vec<_>>(), waits)
}

/// The model and a store, and who owns them.
struct Pair {
    memory: MemoryStore,
    store: Arc<dyn Store>,
    owners: (Ownership, Ownership),
    /// Runs that have begun and wait, with the second of their start. The seconds go on with every run that begins to wait, so that the order of
    /// the starts is that of the queue.
    waiting: BTreeMap<u64, i64>,
    seconds: i64,
}

/// Says the same of both.
macro_rules! both {
    ($pair:expr, |$store:ident, $owner:ident| $call:expr) => {{
        let one = {
            let ($store, $owner): (&dyn Store, &Ownership) = (&$pair.memory, &$pair.owners.0);
            $call.await
        };
        let two = {
            let ($store, $owner): (&dyn Store, &Ownership) = (&*$pair.store, &$pair.owners.1);
            $call.await
        };
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
        one
    }};
}

impl Pair {
    async fn open(memory: MemoryStore, store: Arc<dyn Store>, waiting: BTreeMap<u64, i64>, seconds: i64) -> Self {
        let owners = (own(&memory).await, own(&*store).await);
        assert_eq!(owners.0.epoch, owners.1.epoch);
        let pair = Self { memory, store, owners, waiting, seconds };
        // As every owner does first.
        pair.take_all(0).await;
        pair
    }

    async fn take_all(&self, seconds: i64) {
        both!(self, |store, owner| async { BTreeSet::from_iter(store.take_runs(owner.epoch, time(seconds), 10).await.unwrap()) });
    }

    /// Takes a run, and says whether it is taken. One that waits has begun after this, and one that waits no more has told so.
    async fn take(&mut self, number: u64, waits: bool) -> bool {
        let order = claims(number, waits || self.waiting.contains_key(&number));
        let answer = both!(self, |store, owner| async { in_short(&store.take_run(owner.epoch, &run_id(number), &order).await.unwrap()) });
        let was_waiting = self.waiting.remove(&number);
        match (answer.as_str(), was_waiting) {
            ("taken", Some(since)) => self.tell(number, |one| one.summary.started_at = time(since)).await,
            ("taken", None) => {}
            (_, Some(since)) => drop(self.waiting.insert(number, since)),
            (answer, None) if answer.starts_with("queued") => {
                self.seconds += 1;
                let since = self.seconds;
                self.waiting.insert(number, since);
                let wait = ClaimWait { resource: "db".into(), by: run_id(number), since: time(0), holds: true };
                self.tell(number, |one| (one.summary.started_at, one.summary.waits_for) = (time(since), Some(wait.clone()))).await;
            }
            (_, None) => {}
        }
        answer == "taken"
    }

    /// Appends one event, and what else is to be said.
    async fn tell(&self, number: u64, mut change: impl FnMut(&mut StreamAppend)) {
        let mut appends = appends(&self.memory, &[(number, 1, 0)], 0, false).await;
        appends.iter_mut().for_each(&mut change);
        both!(self, |store, owner| store.append(owner.epoch, appends.clone())).unwrap();
    }

    /// Makes the call on both, and compares what they answer.
    async fn make(mut self, call: Call, reopen: &impl AsyncFn() -> Arc<dyn Store>) -> Self {
        let run = |number: u64| run_id(number);
        match call {
            Call::Own | Call::Reopen => {
                let Self { memory, store, owners, waiting, seconds } = self;
                owners.0.lease.leave().await;
                owners.1.lease.leave().await;
                let store = if matches!(call, Call::Own) {
                    store
                } else {
                    drop(store);
                    reopen().await
                };
                return Self::open(memory, store, waiting, seconds).await;
            }
            Call::Append { streams, wrong, late, ends } => {
                for (number, ..) in &streams {
                    if !self.take(*number, false).await {
                        return self;
                    }
                }
                let appends = appends(&self.memory, &streams, wrong, ends).await;
                let _ = both!(self, |store, owner| store.append(owner.epoch - late, appends.clone()));
            }
            Call::Take { number, waits } => drop(self.take(number, waits).await),
            Call::GiveUp(number) => {
                if self.waiting.remove(&number).is_some() {
                    self.tell(number, |one| one.summary.status = RunStatus::Ended(RunEnd::Abandoned)).await;
                }
            }
            Call::Sleep { number, wake_at } => {
                if self.take(number, false).await {
                    self.tell(number, |one| (one.summary.sleeps, one.summary.wake_at) = (true, wake_at.map(time))).await;
                    both!(self, |store, owner| store.release_runs(owner.epoch, vec![run(number)])).unwrap();
                }
            }
            Call::TakeAll(seconds) => self.take_all(seconds).await,
            // Whether a run that waits keeps its place then is the store's.
            Call::Release(number) if self.waiting.contains_key(&number) => {}
            Call::Release(number) => both!(self, |store, owner| store.release_runs(owner.epoch, vec![run(number)])).unwrap(),
            Call::Submit(number) => {
                let start = Submission::Start {
                    plan: PlanId::new("ab".repeat(32)),
                    run: run(number),
                    who: who(),
                    at: time(7),
                    waits: number % 2 == 0,
                };
                both!(self, |store, _owner| store.submit(start.clone())).unwrap();
            }
            Call::Answer { number, granted } => {
                let answer = Answer { granted, line: "so be it".to_owned() };
                let _ = both!(self, |store, _owner| store.answer(number, answer.clone()));
            }
            Call::SaveBlob(bytes) => {
                both!(self, |store, _owner| store.save_blob(bytes.clone())).unwrap();
            }
            Call::SavePlan(seconds) => {
                let plan = plan("proposed", time(i64::from(seconds)));
                both!(self, |store, _owner| store.save_plan(&plan, &[seconds])).unwrap();
            }
        }
        self
    }

    /// Compares everything that can be read.
    async fn compare(&self) {
        for number in 0..RUNS {
            let run: RunId = run_id(number);
            both!(self, |store, _owner| store.read_run(&run, 0, usize::MAX)).unwrap();
        }
        both!(self, |store, _owner| store.runs(false, 10)).unwrap();
        both!(self, |store, _owner| async { queue_and_holders(store.claims().await.unwrap()) });
        both!(self, |store, owner| store.submissions(owner.epoch, 0)).unwrap();
        both!(self, |store, _owner| store.plans(300)).unwrap();
        both!(self, |store, _owner| store.lessons()).unwrap();
        both!(self, |store, _owner| store.verify()).unwrap();
    }
}

/// What came of taking a run, without what may differ: the numbers, and which of several runs in the way is named.
fn in_short(taking: &Taking) -> String {
    match taking {
        Taking::Taken { fences } => {
            assert!(fences.is_sorted_by(|a, b| a.resource < b.resource), "{fences:?}");
            "taken".to_owned()
        }
        Taking::Held(wait) => format!("held {}", wait.resource),
        Taking::Queued(wait) => format!("queued {}", wait.resource),
        other => format!("{other:?}"),
    }
}

/// A claim and whose it is.
type Claimed = (Claim, RunId);

/// The queue in its order, and who holds what in any order.
fn queue_and_holders(lines: Vec<ClaimLine>) -> (Vec<Claimed>, BTreeSet<Claimed>) {
    let (held, waiting): (Vec<ClaimLine>, Vec<ClaimLine>) = lines.into_iter().partition(|line| line.holds);
    let pair = |line: ClaimLine| (line.claim, line.run);
    (waiting.into_iter().map(pair).collect(), held.into_iter().map(pair).collect())
}

async fn appends(store: &MemoryStore, streams: &[(u64, usize, i64)], wrong: u64, ends: bool) -> Vec<StreamAppend> {
    let mut lengths = BTreeMap::new();
    for (number, _, _) in streams {
        lengths.insert(*number, store.read_run(&run_id(*number), 0, usize::MAX).await.unwrap().len() as u64);
    }
    let one = |&(number, events, seconds): &(u64, usize, i64)| {
        let length = lengths.get_mut(&number).unwrap();
        let mut one = append(&run_id(number), *length + wrong, (0..events).map(|event| noted(format!("{number}.{event}"))).collect());
        *length += events as u64;
        one.at = time(seconds);
        (one.summary.targets, one.summary.claims) = (vec![], claims(number, false).claims);
        if ends {
            one.summary.status = RunStatus::Ended(RunEnd::Succeeded);
        }
        one.lessons = vec![Lesson::Duration { key: format!("deploy/{number}"), took_ms: Millis(seconds.unsigned_abs()), at: one.at }];
        one
    };
    streams.iter().map(one).collect()
}

/// Makes the calls on the model and on what `reopen` opens.
async fn answers_as_memory_does(calls: Vec<Call>, reopen: impl AsyncFn() -> Arc<dyn Store>) {
    let mut pair = Pair::open(MemoryStore::new(), reopen().await, BTreeMap::new(), 0).await;
    for call in calls {
        pair = pair.make(call, &reopen).await;
    }
    pair.compare().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(calls in prop::collection::vec(call(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let open = async || Arc::new(SqliteStore::open(folder.path()).unwrap()) as Arc<dyn Store>;
        tokio::runtime::Runtime::new().unwrap().block_on(answers_as_memory_does(calls, open));
    }
}

/// One server for all sequences, a database for each.
#[test]
fn postgres_answers_as_memory_does() {
    let (server, cases) = (Postgres::start(), AtomicU32::new(0));
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(calls in prop::collection::vec(call(), 1..24))| {
        let url = server.database(&format!("case{}", cases.fetch_add(1, Ordering::SeqCst)));
        let open = async || Arc::new(PostgresStore::open(&url, PostgresOptions::new("one")).await.unwrap()) as Arc<dyn Store>;
        tokio::runtime::Runtime::new().unwrap().block_on(answers_as_memory_does(calls, open));
    });
}

//! Any sequence of calls has the same answers on SQLite and on PostgreSQL as in memory.

use crate::fixtures::*;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::Lesson;
use glidepath_model::projection::RunStatus;
use glidepath_model::{Millis, PlanId, RunId, TargetName};
use glidepath_ports::store::{Answer, StreamAppend, Submission, Taking};
use glidepath_ports::{Ownership, Store};
use glidepath_store::{MemoryStore, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::servers::Postgres;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs that the calls are about.
const RUNS: u64 = 4;

/// One call, or an accident.
#[derive(Clone, Debug)]
enum Call {
    /// Takes runs and appends to them; `wrong` is added to the expected length, `late` taken from the epoch, and some runs end.
    Append {
        streams: Vec<(u64, usize, i64)>,
        wrong: u64,
        late: u64,
        ends: bool,
    },
    /// Takes a run with the targets it needs.
    Take(u64),
    /// Takes what is free and live.
    TakeAll,
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
        2 => (0..RUNS).prop_map(Call::Take),
        1 => Just(Call::TakeAll),
        1 => (0..RUNS).prop_map(Call::Release),
        1 => (0..RUNS).prop_map(Call::Submit),
        1 => (0..5_u64, any::<bool>()).prop_map(|(number, granted)| Call::Answer { number, granted }),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Call::SaveBlob),
        1 => any::<u8>().prop_map(Call::SavePlan),
        1 => Just(Call::Own),
        1 => Just(Call::Reopen),
    ]
}

/// What a run needs: each target is needed by two runs.
fn targets(number: u64) -> Vec<TargetName> {
    [number, (number + 1) % RUNS].map(|target| TargetName::new(format!("target-{target}"))).to_vec()
}

/// The model and a store, and who owns them.
struct Pair {
    memory: MemoryStore,
    store: Arc<dyn Store>,
    owners: (Ownership, Ownership),
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
    async fn open(memory: MemoryStore, store: Arc<dyn Store>) -> Self {
        let owners = (own(&memory).await, own(&*store).await);
        assert_eq!(owners.0.epoch, owners.1.epoch);
        let pair = Self { memory, store, owners };
        // As every owner does first.
        pair.take_all().await;
        pair
    }

    async fn take_all(&self) {
        both!(self, |store, owner| async { BTreeSet::from_iter(store.take_runs(owner.epoch, 10).await.unwrap()) });
    }

    /// Makes the call on both, and compares what they answer.
    async fn make(self, call: Call, reopen: &impl AsyncFn() -> Arc<dyn Store>) -> Self {
        let run = |number: u64| run_id(number);
        match call {
            Call::Own | Call::Reopen => {
                let Self { memory, store, owners } = self;
                owners.0.lease.leave().await;
                owners.1.lease.leave().await;
                let store = if matches!(call, Call::Own) {
                    store
                } else {
                    drop(store);
                    reopen().await
                };
                return Self::open(memory, store).await;
            }
            Call::Append { streams, wrong, late, ends } => {
                for (number, ..) in &streams {
                    let taken = both!(self, |store, owner| store.take_run(owner.epoch, &run(*number), &targets(*number))).unwrap();
                    if taken != Taking::Taken {
                        return self;
                    }
                }
                let appends = appends(&self.memory, &streams, wrong, ends).await;
                let _ = both!(self, |store, owner| store.append(owner.epoch - late, appends.clone()));
            }
            Call::Take(number) => {
                both!(self, |store, owner| store.take_run(owner.epoch, &run(number), &targets(number))).unwrap();
            }
            Call::TakeAll => self.take_all().await,
            Call::Release(number) => both!(self, |store, owner| store.release_runs(owner.epoch, vec![run(number)])).unwrap(),
            Call::Submit(number) => {
                let start = Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run(number), who: who(), at: time(7) };
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
        both!(self, |store, owner| store.submissions(owner.epoch, 0)).unwrap();
        both!(self, |store, _owner| store.plans(300)).unwrap();
        both!(self, |store, _owner| store.lessons()).unwrap();
        both!(self, |store, _owner| store.verify()).unwrap();
    }
}

async fn appends(store: &MemoryStore, streams: &[(u64, usize, i64)], wrong: u64, ends: bool) -> Vec<StreamAppend> {
    let mut lengths = std::collections::BTreeMap::new();
    for (number, _, _) in streams {
        lengths.insert(*number, store.read_run(&run_id(*number), 0, usize::MAX).await.unwrap().len() as u64);
    }
    let one = |&(number, events, seconds): &(u64, usize, i64)| {
        let length = lengths.get_mut(&number).unwrap();
        let mut one = append(&run_id(number), *length + wrong, (0..events).map(|event| noted(format!("{number}.{event}"))).collect());
        *length += events as u64;
        one.at = time(seconds);
        one.summary.targets = targets(number);
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
    let mut pair = Pair::open(MemoryStore::new(), reopen().await).await;
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

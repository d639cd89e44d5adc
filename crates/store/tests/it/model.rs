//! Any sequence of calls has the same answers on disk as in memory.

use crate::fixtures::*;
use glidepath_model::projection::Lesson;
use glidepath_model::{Millis, PlanId};
use glidepath_ports::store::{Answer, StreamAppend, Submission};
use glidepath_ports::{Ownership, Store};
use glidepath_store::{MemoryStore, SqliteStore};
use proptest::prelude::*;
use std::path::Path;

/// Runs that the calls are about.
const RUNS: u64 = 3;

/// One call, or an accident.
#[derive(Clone, Debug)]
enum Call {
    /// Appends to runs; `wrong` is added to the expected length, `late` taken from the epoch.
    Append {
        streams: Vec<(u64, usize, i64)>,
        wrong: u64,
        late: u64,
    },
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

fn call() -> impl Strategy<Value = Call> {
    let stream = (0..RUNS, 0..4_usize, -5..20_i64);
    prop_oneof![
        6 => (prop::collection::vec(stream, 1..3), prop_oneof![5 => Just(0_u64), 1 => Just(1)], prop_oneof![8 => Just(0_u64), 1 => Just(1)])
            .prop_map(|(streams, wrong, late)| Call::Append { streams, wrong, late }),
        1 => (0..RUNS).prop_map(Call::Submit),
        1 => (0..5_u64, any::<bool>()).prop_map(|(number, granted)| Call::Answer { number, granted }),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Call::SaveBlob),
        1 => any::<u8>().prop_map(Call::SavePlan),
        1 => Just(Call::Own),
        1 => Just(Call::Reopen),
    ]
}

struct Pair {
    memory: MemoryStore,
    sqlite: SqliteStore,
    owners: (Ownership, Ownership),
}

impl Pair {
    async fn open(memory: MemoryStore, state_dir: &Path) -> Self {
        let sqlite = SqliteStore::open(state_dir).unwrap();
        let owners = (own(&memory).await, own(&sqlite).await);
        Self { memory, sqlite, owners }
    }

    /// Makes the call on both, and compares what they answer.
    async fn make(self, call: Call, state_dir: &Path) -> Self {
        let Self { memory, sqlite, owners } = self;
        assert_eq!(owners.0.epoch, owners.1.epoch);
        let answers = match call {
            Call::Own => {
                drop(owners);
                let owners = (own(&memory).await, own(&sqlite).await);
                return Self { memory, sqlite, owners };
            }
            Call::Reopen => {
                drop((owners, sqlite));
                return Self::open(memory, state_dir).await;
            }
            Call::Append { streams, wrong, late } => {
                let appends = appends(&memory, &streams, wrong).await;
                let epoch = owners.0.epoch - late;
                let (one, two) = (memory.append(epoch, appends.clone()).await, sqlite.append(epoch, appends).await);
                (format!("{one:?}"), format!("{two:?}"))
            }
            Call::Submit(number) => {
                let start = Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run_id(number), who: who(), at: time(7) };
                let (one, two) = (memory.submit(start.clone()).await, sqlite.submit(start).await);
                (format!("{one:?}"), format!("{two:?}"))
            }
            Call::Answer { number, granted } => {
                let answer = Answer { granted, line: "so be it".to_owned() };
                let (one, two) = (memory.answer(number, answer.clone()).await, sqlite.answer(number, answer).await);
                (format!("{one:?}"), format!("{two:?}"))
            }
            Call::SaveBlob(bytes) => {
                let (one, two) = (memory.save_blob(bytes.clone()).await, sqlite.save_blob(bytes).await);
                (format!("{one:?}"), format!("{two:?}"))
            }
            Call::SavePlan(seconds) => {
                let plan = plan("proposed", time(i64::from(seconds)));
                let (one, two) = (memory.save_plan(&plan, &[seconds]).await, sqlite.save_plan(&plan, &[seconds]).await);
                (format!("{one:?}"), format!("{two:?}"))
            }
        };
        assert_eq!(answers.0, answers.1);
        Self { memory, sqlite, owners }
    }

    /// Compares everything that can be read.
    async fn compare(&self) {
        let (one, two): (&dyn Store, &dyn Store) = (&self.memory, &self.sqlite);
        for number in 0..RUNS {
            let run = run_id(number);
            assert_eq!(one.read_run(&run, 0, usize::MAX).await, two.read_run(&run, 0, usize::MAX).await);
        }
        assert_eq!(one.runs(false, 10).await, two.runs(false, 10).await);
        assert_eq!(one.submissions(0).await, two.submissions(0).await);
        assert_eq!(one.plans(300).await, two.plans(300).await);
        assert_eq!(one.lessons().await, two.lessons().await);
        assert_eq!(one.verify().await, two.verify().await);
    }
}

async fn appends(store: &MemoryStore, streams: &[(u64, usize, i64)], wrong: u64) -> Vec<StreamAppend> {
    let mut lengths = std::collections::BTreeMap::new();
    for (number, _, _) in streams {
        lengths.insert(*number, store.read_run(&run_id(*number), 0, usize::MAX).await.unwrap().len() as u64);
    }
    let one = |&(number, events, seconds): &(u64, usize, i64)| {
        let length = lengths.get_mut(&number).unwrap();
        let mut one = append(&run_id(number), *length + wrong, (0..events).map(|event| noted(format!("{number}.{event}"))).collect());
        *length += events as u64;
        one.at = time(seconds);
        one.lessons = vec![Lesson::Duration { key: format!("deploy/{number}"), took_ms: Millis(seconds.unsigned_abs()), at: one.at }];
        one
    };
    streams.iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(calls in prop::collection::vec(call(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut pair = Pair::open(MemoryStore::new(), folder.path()).await;
            for call in calls {
                pair = pair.make(call, folder.path()).await;
            }
            pair.compare().await;
        });
    }
}

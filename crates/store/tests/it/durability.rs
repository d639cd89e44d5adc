//! What was acknowledged survives SIGKILL.

use crate::child::Role;
use crate::fixtures::*;
use glidepath_ports::Store;
use glidepath_store::SqliteStore;

/// Kills of one store, one after the other.
const KILLS: u64 = 8;

#[tokio::test]
async fn everything_acknowledged_is_there_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut writer = Role::start("append_until_killed", folder.path());
        let enough = acknowledged + 3 + kill * 7;
        while acknowledged < enough {
            acknowledged = writer.next_number("acknowledged ").expect("the writer goes on until it is killed");
        }
        writer.kill();
        // What it said before it died counts as well.
        while let Some(number) = writer.next_number("acknowledged ") {
            acknowledged = number;
        }
        let store = SqliteStore::open(folder.path()).unwrap();
        let events = store.read_run(&run_id(1), 0, usize::MAX).await.unwrap();
        assert!(events.len() as u64 >= acknowledged, "{} of {acknowledged} acknowledged events are there", events.len());
        for (index, recorded) in events.iter().enumerate() {
            assert_eq!((recorded.seq, &recorded.event), (index as u64 + 1, &noted(format!("event {}", index + 1))));
        }
        assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    }
}

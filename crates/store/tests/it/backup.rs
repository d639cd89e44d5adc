//! Backups hold what the store held, and come back whole or not at all.

use crate::child::{self, Role};
use crate::fixtures::*;
use glidepath_engine::{Input, RunState, decide};
use glidepath_model::projection::RunStatus;
use glidepath_ports::Store;
use glidepath_ports::store::{Answer, Submission, Taking};
use glidepath_store::{BackupError, DATABASE_FILE, RestoreOrder, SqliteStore, restore};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Kills of one loop of backups or restores.
const KILLS: u32 = 12;
/// How much later after a sign of life each kill comes than the one before.
const KILL_STEP: Duration = Duration::from_millis(8);

fn order(file: &Path, state_dir: &Path, replace: bool) -> RestoreOrder {
    RestoreOrder { file: file.to_owned(), state_dir: state_dir.to_owned(), replace, who: who(), process: process(), now: time(500) }
}

/// A folder with a store of so many runs in `state`, the last of them live, and its backup in `backups`.
async fn backed_up(runs: u64) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, backups) = (folder.path().join("state"), folder.path().join("backups"));
    std::fs::create_dir(&backups).unwrap();
    let store = SqliteStore::open(&state_dir).unwrap();
    let owner = own(&store).await;
    for number in 1..=runs {
        let text = if number == runs { "plan\ncall shift target web region eu share 5 timeout 10s\n" } else { "plan\n" };
        begin_run(&store, owner.epoch, &run_id(number), &flown_plan(text)).await;
    }
    let file = backups.join(format!("of-{runs}-runs"));
    let facts = store.back_up(&file, time(100)).await.unwrap();
    assert_eq!((facts.runs, facts.runs_with_work, facts.made_at), (runs, 1, time(100)));
    assert_eq!(facts.bytes, std::fs::metadata(&file).unwrap().len());
    (folder, state_dir, file)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_made_while_another_process_writes_holds_what_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("state");
    let store = SqliteStore::open(&state_dir).unwrap();
    let mut writer = Role::start("append_until_killed", &state_dir);
    for number in 0..5 {
        let acknowledged = writer.next_number("acknowledged ").expect("the writer goes on until it is killed");
        let file = folder.path().join(format!("backup-{number}"));
        let facts = store.back_up(&file, time(number)).await.unwrap();
        assert!(facts.events >= acknowledged, "{} of {acknowledged} acknowledged events are in it", facts.events);
        let restored_dir = folder.path().join(format!("restored-{number}"));
        restore(order(&file, &restored_dir, false)).await.unwrap();
        let restored = SqliteStore::open(&restored_dir).unwrap();
        assert_eq!(restored.read_run(&run_id(1), 0, usize::MAX).await.unwrap().len() as u64, facts.events);
        assert_eq!(restored.verify().await.unwrap().findings, Vec::<String>::new());
    }
    writer.kill();
}

#[tokio::test]
async fn a_run_that_was_live_rests_until_a_person_speaks_and_open_requests_are_refused() {
    let (folder, state_dir, _) = backed_up(2).await;
    let store = SqliteStore::open(&state_dir).unwrap();
    let start = store
        .submit(Submission::Start { plan: flown_plan("plan\n").id, run: run_id(9), who: who(), at: time(100), waits: true })
        .await
        .unwrap();
    let file = folder.path().join("backups/with-a-request");
    store.back_up(&file, time(100)).await.unwrap();
    drop(store);
    std::fs::remove_dir_all(&state_dir).unwrap();

    let restored = restore(order(&file, &state_dir, false)).await.unwrap();
    assert_eq!((restored.refused_requests, &restored.moved_aside, restored.resting.len()), (1, &None, 1));
    let store = SqliteStore::open(&state_dir).unwrap();
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    assert!(
        matches!(store.answer_to(start).await.unwrap(), Some(Answer { granted: false, line }) if line.contains("restored from a backup"))
    );
    let live = store.runs(true, 10).await.unwrap().read;
    assert_eq!(live, restored.resting);
    assert_eq!((live[0].status, live[0].wake_at), (RunStatus::NeedsOperator, None));
    assert!(live[0].now.contains("`resume`") && live[0].now.contains(&time(100).to_string()), "{}", live[0].now);
    // 4,096 owners and four more for each of the 400 seconds since the backup may have been here.
    assert_eq!(own(&store).await.epoch, 1 + 4_096 + 4 * 400 + 1 + 1, "the restore was an owner of its own");

    let plan = store.load_plan(live[0].plan.as_str()).await.unwrap().plan;
    let events = store.read_run(&run_id(2), 0, 100).await.unwrap();
    let mut state = RunState::fold(run_id(2), &plan.body, &events).unwrap();
    assert_eq!(decide(&plan.body, &mut state, Input::Wake, time(1_000_000)), vec![], "nothing follows by itself, however late");
}

#[tokio::test]
async fn the_former_state_is_moved_aside_whole_and_only_when_that_is_asked_for() {
    let (folder, state_dir, file) = backed_up(1).await;
    std::fs::write(state_dir.join("guard.log"), "kept").unwrap();
    let store = SqliteStore::open(&state_dir).unwrap();
    let owner = own(&store).await;
    begin_run(&store, owner.epoch, &run_id(7), &flown_plan("plan\n")).await;
    drop((owner, store));

    let refused = restore(order(&file, &state_dir, false)).await.unwrap_err();
    assert_eq!(refused, BackupError::NotEmpty { state_dir: state_dir.clone() });
    assert_eq!(names(folder.path()), ["backups", "state"]);
    let restored = restore(order(&file, &state_dir, true)).await.unwrap();
    let aside = restored.moved_aside.unwrap();
    assert_eq!(aside.file_name().unwrap().to_str().unwrap(), format!("state.replaced-{}", time(500).to_string().replace([':', '-'], "")));
    assert_eq!(std::fs::read_to_string(aside.join("guard.log")).unwrap(), "kept");
    for (folder, runs) in [(&aside, 2), (&state_dir, 1)] {
        let store = SqliteStore::open(folder).unwrap();
        assert_eq!(store.runs(false, 10).await.unwrap().read.len(), runs);
        assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_guards_a_resource_never_sees_a_smaller_number_after_a_restore() {
    let (_folder, state_dir, file) = backed_up(1).await;
    let mut newest = 0;
    // More owners than an old backup is given for the time since: they are known from the folder that is replaced.
    for number in 0..30 {
        let connection = Connection::open(state_dir.join(DATABASE_FILE)).unwrap();
        connection.execute("UPDATE epochs SET epoch = epoch + 1000 WHERE epoch = (SELECT max(epoch) FROM epochs)", []).unwrap();
        drop(connection);
        let store = SqliteStore::open(&state_dir).unwrap();
        newest = number_of_a_new_claim(&store, 100 + number).await.max(newest);
    }
    let mut file = file;
    for (round, replace) in [(0, true), (1, false), (2, true)] {
        if !replace {
            std::fs::remove_dir_all(&state_dir).unwrap();
        }
        restore(RestoreOrder { now: time(500 + round), ..order(&file, &state_dir, replace) }).await.unwrap();
        let store = SqliteStore::open(&state_dir).unwrap();
        // It knows nothing of the claims of the round.
        file = state_dir.with_file_name(format!("of-round-{round}"));
        store.back_up(&file, time(500 + round)).await.unwrap();
        for number in 0..3 {
            let given = number_of_a_new_claim(&store, 200 + 10 * round.unsigned_abs() + number).await;
            assert!(given > newest, "round {round}: {given} after {newest}");
            newest = given;
        }
    }
}

/// The number that a run gets from an owner of its own.
async fn number_of_a_new_claim(store: &SqliteStore, run: u64) -> u64 {
    let owner = own(store).await;
    let order = crate::fixtures::order(&[&format!("resource-{run} x")], false);
    let Taking::Taken { fences } = store.take_run(owner.epoch, &run_id(run), &order).await.unwrap() else { panic!() };
    fences[0].number
}

#[tokio::test]
async fn a_store_that_was_open_during_the_restore_writes_to_neither() {
    let (_folder, state_dir, file) = backed_up(1).await;
    let open = SqliteStore::open(&state_dir).unwrap();
    let aside = restore(order(&file, &state_dir, true)).await.unwrap().moved_aside.unwrap();
    open.save_blob(vec![1]).await.unwrap_err();
    assert!(open.try_own(who(), process()).await.is_err());
    for folder in [&aside, &state_dir] {
        assert_eq!(SqliteStore::open(folder).unwrap().load_blob(&glidepath_model::Digest::of(&[1])).await.unwrap(), None);
    }
}

#[tokio::test]
async fn nothing_is_restored_while_somebody_owns_or_guards_the_runs() {
    let (folder, _, file) = backed_up(1).await;
    let state_dir = folder.path().join("state-in-use");
    let mut owner = Role::start("own_until_told", &state_dir);
    owner.next_number("owns ").unwrap();
    let refused = restore(order(&file, &state_dir, true)).await.unwrap_err();
    assert_eq!(refused, BackupError::InUse { who: "the owner", state_dir: state_dir.clone() });
    owner.kill();
    let guard = std::fs::File::create(state_dir.join("guard.lock")).unwrap();
    guard.lock().unwrap();
    let refused = restore(order(&file, &state_dir, true)).await.unwrap_err();
    assert_eq!(refused, BackupError::InUse { who: "the guard", state_dir: state_dir.clone() });
    drop(guard);
    assert_eq!(names(folder.path()), ["backups", "state", "state-in-use"]);
    restore(order(&file, &state_dir, true)).await.unwrap();
}

#[tokio::test]
async fn a_backup_never_replaces_a_file_and_a_store_that_was_changed_has_none() {
    let (folder, state_dir, file) = backed_up(1).await;
    let before = std::fs::read(&file).unwrap();
    let store = SqliteStore::open(&state_dir).unwrap();
    assert_eq!(store.back_up(&file, time(1)).await.unwrap_err(), BackupError::Exists { file: file.clone() });
    assert_eq!(std::fs::read(&file).unwrap(), before);
    Connection::open(state_dir.join(DATABASE_FILE)).unwrap().execute_batch("UPDATE events SET at = at + 1 WHERE seq = 2").unwrap();
    let refused = store.back_up(&folder.path().join("backups/of-changed"), time(1)).await.unwrap_err();
    assert!(matches!(&refused, BackupError::Damaged { findings } if findings[0].contains("event 2 of run")), "{refused:?}");
    assert!(store.back_up(&folder.path().join("nowhere/file"), time(1)).await.unwrap_err().to_string().contains("nowhere"));
    assert_eq!(names(&folder.path().join("backups")), ["of-1-runs"]);
}

/// How a backup is spoilt, and what the refusal says.
enum Spoilt {
    Bytes(fn(&mut Vec<u8>)),
    Sql(&'static str),
}

const SPOILT: [(Spoilt, &str); 9] = [
    (Spoilt::Bytes(|bytes| *bytes = b"garbage, and nothing of ours at all".to_vec()), "not a file that `glidepath db backup` wrote"),
    (Spoilt::Bytes(Vec::clear), "not a file that `glidepath db backup` wrote"),
    (Spoilt::Bytes(|bytes| bytes.truncate(bytes.len() / 2)), "damaged"),
    (Spoilt::Bytes(|bytes| bytes.truncate(100)), "damaged or cut"),
    (
        Spoilt::Bytes(|bytes| {
            let payload = b"AttemptStarted";
            let at = bytes.windows(payload.len()).position(|window| window == payload).unwrap();
            bytes[at] ^= 1;
        }),
        "its chains do not close",
    ),
    (Spoilt::Sql("PRAGMA application_id = 0"), "not one that `glidepath db backup` wrote"),
    (Spoilt::Sql("UPDATE backup SET format = 99"), "backup format 99"),
    (Spoilt::Sql("PRAGMA user_version = 99"), "schema version 99"),
    (
        Spoilt::Sql(
            "DELETE FROM events WHERE position > 1; UPDATE streams SET count = 1, head = (SELECT head FROM events);
                     UPDATE journal SET count = 1",
        ),
        "its chains do not close",
    ),
];

#[tokio::test]
async fn a_backup_that_was_spoilt_is_refused_before_anything_is_touched() {
    let (folder, state_dir, file) = backed_up(1).await;
    let database = std::fs::read(state_dir.join(DATABASE_FILE)).unwrap();
    for (spoilt, expected) in SPOILT {
        let copy = folder.path().join("backups/spoilt");
        std::fs::copy(&file, &copy).unwrap();
        match spoilt {
            Spoilt::Bytes(spoil) => {
                let mut bytes = std::fs::read(&copy).unwrap();
                spoil(&mut bytes);
                std::fs::write(&copy, bytes).unwrap();
            }
            Spoilt::Sql(text) => Connection::open(&copy).unwrap().execute_batch(text).unwrap(),
        }
        let refused = restore(order(&copy, &state_dir, true)).await.unwrap_err();
        assert!(matches!(refused, BackupError::Unusable { .. }) && refused.to_string().contains(expected), "{expected}: {refused}");
        assert_eq!(std::fs::read(state_dir.join(DATABASE_FILE)).unwrap(), database);
        assert_eq!(names(folder.path()), ["backups", "state"]);
    }
    let missing = restore(order(&folder.path().join("no-such-file"), &state_dir, true)).await.unwrap_err();
    assert!(matches!(missing, BackupError::Unusable { .. }), "{missing}");
}

/// A mount of its own is seen by the role alone, and ends with it.
#[tokio::test]
async fn on_a_full_disk_a_backup_says_so_and_leaves_nothing() {
    let (folder, state_dir, file) = backed_up(1).await;
    std::fs::remove_file(&file).unwrap();
    SqliteStore::open(&state_dir).unwrap().save_blob((0..400_000_u32).flat_map(u32::to_le_bytes).collect()).await.unwrap();
    let role = child::command(&std::env::current_exe().unwrap(), "back_up_to_a_small_disk", &state_dir);
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs -o size=512k none \"$1\" && shift && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(folder.path().join("backups")).arg(role.get_program()).args(role.get_args());
    command.envs(role.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().expect("`unshare` is there: apt-get install util-linux");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.lines().any(|line| line == "full 0"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits a little longer for each kill, so that they fall into different moments of the work.
fn let_it_work(kill: u32) {
    let begun = Instant::now();
    while begun.elapsed() < KILL_STEP * kill {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_file_under_the_name_of_a_backup_is_whole_whenever_the_program_was_killed() {
    let (folder, state_dir, _) = backed_up(2).await;
    let backups = folder.path().join("backups");
    for kill in 0..KILLS {
        let mut role = Role::start("back_up_until_killed", &state_dir);
        role.next_number("made ").expect("the role goes on until it is killed");
        let_it_work(kill);
        role.kill();
        for name in names(&backups).into_iter().filter(|name| !name.contains(".partial-")) {
            let restored_dir = folder.path().join(format!("restored-{kill}-{name}"));
            restore(order(&backups.join(&name), &restored_dir, false)).await.unwrap();
            std::fs::remove_dir_all(&restored_dir).unwrap();
            std::fs::remove_file(backups.join(&name)).unwrap();
        }
        assert_eq!(SqliteStore::open(&state_dir).unwrap().verify().await.unwrap().findings, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_state_or_the_new() {
    let (folder, state_dir, _) = backed_up(1).await;
    let (other, _, file) = backed_up(2).await;
    std::fs::copy(file, folder.path().join("backups/of-2-runs")).unwrap();
    drop(other);
    for kill in 0..KILLS {
        let mut role = Role::start("restore_until_killed", &state_dir);
        role.next_number("restored ").expect("the role goes on until it is killed");
        let_it_work(kill);
        role.kill();
        let store = SqliteStore::open(&state_dir).unwrap();
        let live = store.runs(true, 10).await.unwrap().read;
        assert!(live.len() == 1 && live[0].status == RunStatus::NeedsOperator, "{live:?}");
        assert!(matches!(store.runs(false, 10).await.unwrap().read.len(), 1 | 2));
        assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
        assert!(own(&store).await.epoch > 1);
        drop(store);
        for name in names(folder.path()).into_iter().filter(|name| name != "state" && name != "backups") {
            assert!(name.starts_with("state.restoring-") || name.starts_with("state.replaced-"), "{name}");
            std::fs::remove_dir_all(folder.path().join(name)).unwrap();
        }
    }
}

//! Flights of a small fleet: landing, failing, verbs from another terminal, the guard, interruption.

use crate::harness::{Pace, Project, kill, wait_for};
use serde_json::Value;

fn status_of(project: &Project) -> Value {
    project.runs()[0]["status"].clone()
}

fn versions(project: &Project, service: &str, hosts: usize) -> Vec<String> {
    (1..=hosts).map(|n| project.read(&format!("versions/{service}-{n}")).trim().to_owned()).collect()
}

fn position(events: &[Value], wanted: &dyn Fn(&Value) -> bool) -> usize {
    events.iter().position(|e| wanted(&e["event"])).unwrap_or(usize::MAX)
}

#[test]
fn a_good_change_lands_provider_before_consumer() {
    let project = Project::fleet(&["front", "back"], 3, 10);
    let said = project.ok(&["run", "upgrade", "--yes"], 0);
    assert!(said.out.contains("landed"), "{}", said.out);
    assert_eq!(versions(&project, "front", 3), ["2.0.0"; 3]);
    assert_eq!(versions(&project, "back", 3), ["2.0.0"; 3]);
    let effects = project.read("effects.log");
    let (back, front) = (effects.rfind("back-").unwrap(), effects.find("front-").unwrap());
    assert!(back < front, "front calls back, so back goes first:\n{effects}");
    project.ok(&["audit", "verify"], 0);
}

#[test]
fn the_card_of_a_run_is_a_file_that_tells_its_end() {
    let project = Project::fleet(&["front"], 1, 10);
    let said = project.ok(&["run", "upgrade", "--yes"], 0);
    assert!(!said.err.contains("panicked"), "{}", said.err);
    let card = project.read(&format!(".glidepath/cards/{}.txt", project.run_id()));
    assert!(card.contains("NOW      landed"), "{card}");
}

#[test]
fn a_deploy_that_fails_for_good_brings_everything_back() {
    let project = Project::fleet(&["front", "back"], 3, 10);
    project.write("refuse/front-2-2.0.0", "no\n");
    project.ok(&["run", "upgrade", "--yes"], 1);
    assert_eq!(versions(&project, "front", 3), ["1.0.0"; 3]);
    assert_eq!(versions(&project, "back", 3), ["1.0.0"; 3]);
    assert_eq!(status_of(&project), serde_json::json!({ "ended": "rolledBack" }));
}

#[test]
fn abort_from_another_terminal_rolls_back_and_is_journaled_with_who_and_why() {
    let project = Project::fleet(&["front"], 4, 400);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    project.ok(&["abort", "--reason", "customers complain"], 0);
    assert_eq!(run.wait().unwrap().code(), Some(7), "{}", project.read("run.log"));
    assert_eq!(versions(&project, "front", 4), ["1.0.0"; 4]);
    let asked = project.events().into_iter().find(|e| e["event"]["kind"] == "requestTaken").unwrap();
    assert_eq!(asked["event"]["request"]["who"]["name"], "pilot");
    assert_eq!(asked["event"]["request"]["reason"], "customers complain");
}

#[test]
fn pause_starts_nothing_new_and_resume_goes_on() {
    let project = Project::fleet(&["front"], 4, 300);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    project.ok(&["pause", "--reason", "lunch"], 0);
    wait_for("open attempts to end", || {
        let events = project.events();
        let count = |kind: &str| events.iter().filter(|e| e["event"]["kind"] == kind).count();
        count("attemptStarted") == count("attemptEnded")
    });
    let begun = project.read("effects.log");
    assert!(begun.lines().count() < 4, "it was paused too late to show anything:\n{begun}");
    assert_eq!(status_of(&project), "paused");
    assert_eq!(project.read("effects.log"), begun);
    project.ok(&["resume"], 0);
    assert_eq!(run.wait().unwrap().code(), Some(0), "{}", project.read("run.log"));
    assert_eq!(versions(&project, "front", 4), ["2.0.0"; 4]);
}

#[test]
fn a_second_run_on_the_same_targets_is_refused_with_the_name_of_the_first() {
    let project = Project::fleet(&["front"], 3, 500);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let id = project.run_id();
    let said = project.say(&["run", "upgrade", "--yes", "--accept-stale"]);
    assert_eq!(said.code, 8, "{}", said.err);
    assert!(said.err.contains(&id), "{}", said.err);
    run.wait().unwrap();
}

#[test]
fn a_landed_run_can_be_rolled_back_later() {
    let project = Project::fleet(&["front", "back"], 2, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    project.say(&["rollback", "--reason", "the finance report is empty"]);
    wait_for("the rollback to end", || status_of(&project) == serde_json::json!({ "ended": "rolledBack" }));
    assert_eq!(versions(&project, "front", 2), ["1.0.0"; 2]);
    assert_eq!(versions(&project, "back", 2), ["1.0.0"; 2]);
}

#[test]
fn the_guard_flies_on_when_the_runner_is_killed() {
    let project = Project::fleet(&["front"], 4, 300);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    kill(run.id());
    run.wait().unwrap();
    wait_for("the guard to land the change", || !project.is_live());
    assert_eq!(status_of(&project), serde_json::json!({ "ended": "succeeded" }));
    assert_eq!(versions(&project, "front", 4), ["2.0.0"; 4]);
    assert_eq!(project.read("effects.log").lines().count(), 4, "{}", project.read("effects.log"));
    let takes = project.events().iter().filter(|e| e["event"]["kind"] == "ownerTook").count();
    assert!(takes >= 2, "nobody took over");
    wait_for("the guard to leave", || project.processes().is_empty());
}

#[test]
fn ctrl_c_says_how_to_go_on_and_the_run_goes_on() {
    let project = Project::fleet(&["front"], 4, 300);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let pid = rustix::process::Pid::from_raw(i32::try_from(run.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130), "{}", project.read("run.log"));
    assert!(project.read("run.log").contains("glidepath watch"), "{}", project.read("run.log"));
    wait_for("the guard to land the change", || !project.is_live());
    assert_eq!(versions(&project, "front", 4), ["2.0.0"; 4]);
}

#[test]
fn a_deploy_that_hangs_is_ended_with_its_children_and_undone() {
    let project = Project::fleet(&["front"], 2, 10);
    let text = project
        .read("scripts/deploy.sh")
        .replace("set -eu", "set -eu\nif [ \"$2\" = 2.0.0 ] && [ \"$1\" = front-2 ]; then sleep 600 & sleep 600; fi");
    project.write("scripts/deploy.sh", &text);
    let catalog = project.read("catalog/services.yaml").replace("timeout: 20s", "timeout: 1s");
    project.write("catalog/services.yaml", &catalog);
    project.ok(&["run", "upgrade", "--yes"], 1);
    assert_eq!(versions(&project, "front", 2), ["1.0.0"; 2]);
    wait_for("no process to be left", || project.processes().is_empty());
}

#[test]
fn secrets_reach_the_command_and_nothing_else() {
    let project = Project::fleet(&["front"], 1, 10);
    let secret = "hunter2-very-secret";
    project.write("token.txt", secret);
    let text =
        project.read("scripts/deploy.sh").replace("set -eu", "set -eu\necho \"token is $TOKEN\"\ntest \"$TOKEN\" = hunter2-very-secret");
    project.write("scripts/deploy.sh", &text);
    let catalog = project.read("catalog/services.yaml").replace(
        "exec: { argv: [ ./scripts/deploy.sh, \"{host}\", \"{version}\" ] }",
        "exec: { argv: [ ./scripts/deploy.sh, \"{host}\", \"{version}\" ], secrets: { TOKEN: \"file:token.txt\" } }",
    );
    project.write("catalog/services.yaml", &catalog);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let found = project.files_with(secret.as_bytes());
    assert!(found.is_empty(), "the secret is in {found:?}");
    assert!(!project.ok(&["logs", "--format", "json"], 0).out.contains(secret));
}

#[test]
fn the_journal_is_a_chain_and_a_changed_byte_is_found() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let database = project.path().join(".glidepath/glidepath.db");
    wait_for("the guard to leave", || project.processes().is_empty());
    let changed = std::process::Command::new("python3")
        .args(["-c", "import sqlite3,sys\nd=sqlite3.connect(sys.argv[1])\nt=[r[0] for r in d.execute(\"select name from sqlite_master where type='table' and name like '%event%'\")][0]\nc=[r[1] for r in d.execute(f'pragma table_info({t})') if r[1] in('json','payload','body','bytes')][0]\nd.execute(f\"update {t} set {c}=replace(cast({c} as text),'upgrade','upgrad3')\")\nd.execute(f\"update {t} set {c}=replace(cast({c} as text),'pilot','pil0t')\")\nd.commit()"])
        .arg(&database)
        .status()
        .unwrap();
    assert!(changed.success());
    project.ok(&["audit", "verify"], 6);
}

#[test]
fn order_of_events_is_intent_before_effect() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let events = project.events();
    let deploy =
        |kind: &'static str| move |e: &Value| e["kind"] == kind && e["attempt"]["step"].as_str().is_some_and(|s| s.contains("deploy"));
    let (intent, process, end) = (
        position(&events, &deploy("attemptStarted")),
        position(&events, &deploy("processStarted")),
        position(&events, &deploy("attemptEnded")),
    );
    assert!(intent < process && process < end && end < usize::MAX, "{intent} {process} {end}");
}

/// Bakes that are long enough to act in.
const PATIENT: Pace = Pace { min_bake: "4s", hold_limit: "8s", window: "2s" };

/// The flag example, flying its first stage.
fn exposed_flag() -> (Project, std::process::Child) {
    let project = Project::flag(&PATIENT, "");
    let run = project.start(&["run", "new-search", "--yes"]);
    wait_for("the first stage to bake", || project.events().iter().any(|e| e["event"]["kind"] == "gateOpened"));
    wait_for("the guard to begin", || !project.processes_of("__guard").is_empty());
    (project, run)
}

/// Kills the runner and spoils the store while the guard, which has read the journal, is held still; then lets the guard go on.
fn leave_the_guard_alone_without_a_store(project: &Project, run: &mut std::process::Child) {
    wait_for("the guard to begin", || !project.processes_of("__guard").is_empty());
    let guard = project.processes_of("__guard")[0];
    let seen_at = std::time::Instant::now();
    wait_for("the guard to have looked a few times", || seen_at.elapsed() > std::time::Duration::from_secs(1));
    send(guard, rustix::process::Signal::STOP);
    kill(run.id());
    run.wait().unwrap();
    for name in ["glidepath.db", "glidepath.db-wal"] {
        let path = project.path().join(".glidepath").join(name);
        let length = std::fs::metadata(&path).map_or(0, |meta| usize::try_from(meta.len()).unwrap());
        std::fs::write(&path, vec![0x5a; length]).unwrap();
    }
    send(guard, rustix::process::Signal::CONT);
}

pub(crate) fn send(pid: u32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

fn guard_log(project: &Project) -> String {
    project.read(".glidepath/guard.log")
}

#[test]
fn an_owner_stopped_by_ctrl_z_does_not_hold_an_exposure_for_ever() {
    let (project, mut run) = exposed_flag();
    let stopped_at = std::time::Instant::now();
    send(run.id(), rustix::process::Signal::STOP);
    wait_for("the guard to take over", || project.events().iter().filter(|e| e["event"]["kind"] == "ownerTook").count() == 2);
    assert!(stopped_at.elapsed() < std::time::Duration::from_secs(8), "the exposure was nobody's for {:?}", stopped_at.elapsed());
    run.wait().unwrap();
    assert!(guard_log(&project).contains("was stopped for"), "{}", guard_log(&project));
    project.ok(&["abort", "--reason", "enough seen"], 0);
    wait_for("the run to end", || !project.is_live());
    assert_eq!(project.last_share().as_deref(), Some("0"));
}

#[test]
fn without_owner_and_store_the_guard_brings_exposure_to_safety_within_the_hold_limit() {
    let (project, mut run) = exposed_flag();
    let spoilt_at = std::time::Instant::now();
    leave_the_guard_alone_without_a_store(&project, &mut run);
    wait_for("the flag to be at zero", || project.last_share().as_deref() == Some("0"));
    assert!(spoilt_at.elapsed() < std::time::Duration::from_secs(8), "it took {:?}", spoilt_at.elapsed());
    wait_for("the page", || guard_log(&project).contains("to safety without the store"));
    let folder = project.path().join(".glidepath");
    let written =
        std::fs::read_dir(&folder).unwrap().flatten().any(|e| e.file_name().to_str().is_some_and(|n| n.starts_with("guard-safety-")));
    assert!(written, "what was done without a journal stands nowhere");
}

#[test]
fn a_guard_whose_state_folder_was_deleted_brings_exposure_to_safety_and_ends() {
    let (project, mut run) = exposed_flag();
    let seen_at = std::time::Instant::now();
    wait_for("the guard to have looked a few times", || seen_at.elapsed() > std::time::Duration::from_secs(1));
    kill_without_state_folder(&project, &mut run);
    wait_for("the flag to be at zero", || project.last_share().as_deref() == Some("0"));
    wait_for("the guard to end", || project.processes_of("__guard").is_empty());
}

/// The guard is held still meanwhile, so that it finds neither an owner nor a folder.
fn kill_without_state_folder(project: &Project, run: &mut std::process::Child) {
    let guard = project.processes_of("__guard")[0];
    send(guard, rustix::process::Signal::STOP);
    kill(run.id());
    run.wait().unwrap();
    std::fs::remove_dir_all(project.path().join(".glidepath")).unwrap();
    send(guard, rustix::process::Signal::CONT);
}

#[test]
fn a_shift_that_was_under_way_does_not_spoil_what_the_guard_made_safe() {
    let project = Project::flag(&PATIENT, "if [ \"$1\" = set ] && [ \"$3\" != 0 ]; then sleep 6; fi");
    let mut run = project.start(&["run", "new-search", "--yes"]);
    let is_shift =
        |e: &Value| e["event"]["kind"] == "processStarted" && e["event"]["attempt"]["step"].as_str().is_some_and(|s| s.ends_with("/set"));
    wait_for("the first shift", || project.events().iter().any(is_shift));
    leave_the_guard_alone_without_a_store(&project, &mut run);
    wait_for("the flag to be at zero", || project.last_share().as_deref() == Some("0"));
    wait_for("every command to end", || project.processes_of("__supervise").is_empty() && project.processes_of("set").is_empty());
    assert_eq!(project.read("flags/new-search").trim(), "0", "{}", project.read("shares.log"));
}

#[test]
fn with_owner_and_guard_dead_an_exposure_stays_and_status_says_who_can_act() {
    let (project, mut run) = exposed_flag();
    for pid in project.processes() {
        kill(pid);
    }
    run.wait().unwrap();
    let before = project.shares();
    let said = project.ok(&["status"], 0);
    assert!(said.err.contains("nobody flies") && said.err.contains("glidepath abort run-"), "{}", said.err);
    assert_eq!(project.shares(), before, "nobody is there to act");
    let aborted = project.say(&["abort", "--reason", "the machine was restarted"]);
    assert_eq!(aborted.code, 0, "{}{}", aborted.out, aborted.err);
    assert_eq!(project.last_share().as_deref(), Some("0"));
}

#[test]
fn resume_takes_a_deserted_run_over_at_once_and_ends_with_what_became_of_it() {
    let project = Project::fleet(&["front"], 4, 100);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    for word in ["run", "__guard"] {
        project.processes_of(word).into_iter().for_each(kill);
    }
    run.wait().unwrap();
    let resumed_at = std::time::Instant::now();
    let mut resumed = project.start(&["resume"]);
    wait_for("it to take over", || project.events().iter().filter(|e| e["event"]["kind"] == "ownerTook").count() == 2);
    assert!(resumed_at.elapsed() < std::time::Duration::from_secs(3), "it took {:?}", resumed_at.elapsed());
    assert_eq!(resumed.wait().unwrap().code(), Some(0), "{}", project.read("run.log"));
    assert_eq!(project.read("effects.log").lines().count(), 4, "{}", project.read("effects.log"));
}

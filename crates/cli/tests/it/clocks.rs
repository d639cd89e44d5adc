//! The wall clock of the machine is set while a change flies.

use crate::harness::{PACE, Pace, Project, wait_for};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bake of every gate.
const BAKE: Duration = Duration::from_secs(5);
/// What watching from outside may be late by.
const SLACK: Duration = Duration::from_millis(1500);
/// How long a flight of two gates and a window may last.
const FLIGHT_MAX: Duration = Duration::from_secs(45);
/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// What the program may see of a jump beside the jump itself.
const JUMP_TOLERANCE_MS: i64 = 10_000;

/// The library that fakes the wall clock of a program by the words in a file.
fn faketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|e| e.path().join("faketime/libfaketimeMT.so.1"));
    let found = folders.chain(["/usr/lib/faketime/libfaketimeMT.so.1".into()]).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("libfaketime is not installed: apt-get install faketime")).display().to_string()
}

/// Variables that let a program live by the clock in a file; its scripts and processes keep the machine's.
pub(crate) fn by_the_clock_in(file: &Path) -> [(&'static str, String); 5] {
    [
        ("LD_PRELOAD", faketime()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ]
}

/// A fleet whose program lives by the clock in the file `clock`.
fn fleet_on_a_clock() -> Project {
    let project = Project::fleet(&["front"], 2, 10);
    project.pace(&Pace { min_bake: "5s", ..PACE });
    on_a_clock(project)
}

/// The same project, whose program lives by the clock in the file `clock`.
fn on_a_clock(project: Project) -> Project {
    project.write("clock", "+0\n");
    let settings = by_the_clock_in(&project.path().join("clock"));
    settings.iter().fold(project, |project, (name, value)| project.with_variable(name, value))
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|e| e["event"]["kind"] == kind).count()
}

/// Flies while the clock jumps in the middle of the first bake.
fn fly_through_a_jump(by: &str, by_ms: i64) {
    let project = fleet_on_a_clock();
    let began = Instant::now();
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first gate", || count(&project.events(), "gateOpened") > 0);
    let opened = Instant::now();
    project.write("clock", &format!("{by}\n"));
    wait_for("the first gate to close", || count(&project.events(), "gateClosed") > 0);
    assert!(opened.elapsed() + SLACK > BAKE, "the gate passed after {:?} of {BAKE:?}: {}", opened.elapsed(), project.read("run.log"));
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", project.read("run.log"));
    assert!(began.elapsed() < FLIGHT_MAX, "it took {:?}: {}", began.elapsed(), project.read("run.log"));
    let events = project.events();
    let jumps: Vec<i64> = events.iter().filter_map(|e| e["event"]["byMs"].as_i64()).collect();
    assert!(matches!(jumps[..], [seen] if (seen - by_ms).abs() < JUMP_TOLERANCE_MS), "{jumps:?}");
    for host in ["front-1", "front-2"] {
        assert_eq!(project.read(&format!("versions/{host}")).trim(), "2.0.0");
    }
    let took = events.iter().filter_map(|e| e["event"]["tookMs"].as_i64()).max().unwrap_or_default();
    assert!(took < JUMP_TOLERANCE_MS, "an attempt is said to have taken {took} ms");
    project.ok(&["audit", "verify"], 0);
    project.ok(&["history", &project.run_id()], 0);
}

#[test]
fn a_clock_set_forward_by_an_hour_shortens_no_bake() {
    fly_through_a_jump("+1h", HOUR_MS);
}

#[test]
fn a_clock_set_back_by_an_hour_holds_nothing_up() {
    fly_through_a_jump("-1h", -HOUR_MS);
}

/// A command that works until it is told that it may end, and another one after it.
const WORKS: &str = "  steps:
    - { id: act, exec: { argv: [ sh, -c, 'echo act >> effects.log; until test -e go; do sleep 0.1; done; echo end >> effects.log' ] }, onUnknown: ask, undo: none, timeout: 2m }
    - { id: next, exec: { argv: [ sh, -c, 'echo next >> effects.log' ] }, onUnknown: ask, undo: none, timeout: 2m }
";

#[test]
fn a_clock_that_is_set_ends_no_command_that_is_at_work() {
    for (by, by_ms) in [("+2h", 2 * HOUR_MS), ("-2h", -2 * HOUR_MS)] {
        let project = on_a_clock(crate::shaped::project(&[("works", WORKS)]));
        let mut run = project.start(&["run", "works", "--yes"]);
        wait_for("the command", || project.read("effects.log").contains("act"));
        project.write("clock", &format!("{by}\n"));
        wait_for("the jump", || count(&project.events(), "clockJumped") > 0);
        project.write("go", "");
        let status = run.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{by}: {}", project.read("run.log"));
        assert_eq!(project.read("effects.log"), "act\nend\nnext\n", "{by}: {}", project.read("run.log"));
        let events = project.events();
        let jumps: Vec<i64> = events.iter().filter_map(|e| e["event"]["byMs"].as_i64()).collect();
        assert!(matches!(jumps[..], [seen] if (seen - by_ms).abs() < JUMP_TOLERANCE_MS), "{jumps:?}");
    }
}

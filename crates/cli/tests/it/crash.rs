//! The runner is killed again and again; the change lands all the same, and nothing is done twice.

use crate::harness::{Project, kill, wait_for};
use std::collections::BTreeMap;
use std::time::Duration;

/// Times the runner is killed at a random moment, over all rounds.
const KILLS: u32 = 200;
/// Kills in one flight before it is left to land.
const KILLS_PER_FLIGHT: u32 = 8;

/// A small generator, so that a failure can be repeated from its printed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn a_flight_killed_at_random_moments_lands_with_every_effect_once() {
    let seed = 0x9e37_79b9_7f4a_7c15;
    let mut random = Random(seed);
    for flight in 0..KILLS / KILLS_PER_FLIGHT {
        let fails = flight % 5 == 4;
        println!("flight {flight}, seed {:#x}, fails: {fails}", random.0);
        one_flight(&mut random, fails);
    }
}

fn one_flight(random: &mut Random, fails: bool) {
    let project = Project::fleet(&["front", "back"], 4, 30);
    if fails {
        project.write("refuse/front-4-2.0.0", "the last host refuses the new version\n");
    }
    let mut owner = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the run to be accepted", || !project.runs().is_empty() || owner.try_wait().unwrap().is_some());
    let run = project.run_id();
    assert!(!run.is_empty(), "the run never began: {}", project.read("run.log"));
    for _ in 0..KILLS_PER_FLIGHT {
        std::thread::sleep(Duration::from_millis(20 + random.below(400)));
        // The whole crew at times, the runner alone at others: then the guard is the one who takes over.
        if random.below(2) == 0 {
            kill_crew(&project);
        } else {
            kill(owner.id());
        }
        let _ = owner.wait();
        if !project.is_live() {
            break;
        }
        owner = project.start(&["resume", &run]);
    }
    wait_for("the run to end", || !project.is_live());
    let _ = owner.wait();
    check(&project, fails);
}

/// Kills runner and guard, but not the supervisors of commands: those are what a new owner has to account for.
fn kill_crew(project: &Project) {
    for pid in project.processes() {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if line.contains("glidepath") && !line.contains("__supervise") {
            kill(pid);
        }
    }
}

fn check(project: &Project, fails: bool) {
    let wanted = if fails { "1.0.0\n" } else { "2.0.0\n" };
    let status = project.runs()[0]["status"].clone();
    let landed = serde_json::json!({ "ended": if fails { "rolledBack" } else { "succeeded" } });
    assert_eq!(status, landed, "{}", project.read("run.log"));
    for service in ["front", "back"] {
        for host in 1..=4 {
            let version = project.read(&format!("versions/{service}-{host}"));
            assert_eq!(version, wanted, "{service}-{host} after {}", project.read("run.log"));
        }
    }
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for line in project.read("effects.log").lines() {
        *times.entry(line.to_owned()).or_default() += 1;
    }
    // The supervisors live on, so every command's end is known: a deploy is done twice only where it failed and was tried again.
    let twice: Vec<_> = times.iter().filter(|(line, n)| **n > 1 && !line.contains("front-4 2.0.0")).collect();
    assert!(twice.is_empty(), "done more than once: {twice:?}");
    wait_for("every process of the flight to be gone", || project.processes().is_empty());
    let said = project.ok(&["audit", "verify"], 0);
    assert!(said.out.starts_with("intact"), "{}", said.out);
}

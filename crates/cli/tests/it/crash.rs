//! The program is killed again and again, at random moments and in every combination; what it flies ends as if nothing had happened.
//!
//! Each attack kills with SIGKILL: the owner alone (then the guard or a runner that follows takes over), runner and guard together (then
//! `glidepath resume` takes over), these and the supervisors of commands, supervisors alone, or everything down to the commands. Afterwards
//! the world is compared with what the journal promises:
//!
//! - the run has the end that it would have had without the attacks, and so has every host and every share;
//! - a command that is known to have done its work is never begun again with the same key; one is begun again only when an attack tore it
//!   away from its supervisor and the probe said that it was not done, so no oftener than there were such attacks;
//! - two commands never work on the same host at once;
//! - no partial share lasts longer than the hold limit;
//! - no process is left, and the chains of the journal are whole.

use crate::harness::{Pace, Project, kill, wait_for};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::{Duration, Instant};

/// Attacks over all flights.
const KILLS: u32 = 200;
/// Attacks on one flight before it is left to land.
const KILLS_PER_FLIGHT: u32 = 20;
/// Attacks on supervisors alone in one flight: their owner lives and counts each as a try of the step, and a step has three.
const SUPERVISOR_KILLS_PER_FLIGHT: u32 = 2;
/// Longest pause between two attacks, in milliseconds.
const PAUSE_MAX_MS: u64 = 400;
/// A flight that is attacked lasts at least this many steps.
const STEPS_MIN: usize = 30;
/// Hosts per service; two services make more than `STEPS_MIN` steps.
const HOSTS: usize = 12;
/// Short bakes: what is tested is what happens between events, not how long they are apart.
const QUICK: Pace = Pace { min_bake: "300ms", hold_limit: "20s", window: "500ms" };
/// The hold limit of `QUICK`.
const HOLD_LIMIT: Duration = Duration::from_secs(20);
/// Longest time from the end of a flight until all its processes are gone. A guard that came too late to see the run waits for one that may be on
/// its way, for 15 s.
const LEAVE_MAX: Duration = Duration::from_secs(20);

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

/// What an attack kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Attack {
    Owner,
    Crew,
    CrewAndSupervisors,
    Supervisors,
    Everything,
}

impl Attack {
    fn random(random: &mut Random) -> Self {
        match random.below(10) {
            0..=3 => Self::Owner,
            4..=6 => Self::Crew,
            7 => Self::CrewAndSupervisors,
            8 => Self::Supervisors,
            _ => Self::Everything,
        }
    }
}

/// What is counted over all flights.
#[derive(Default)]
struct Tally {
    kills: BTreeMap<Attack, u32>,
    takeovers: usize,
    begun_again: usize,
}

impl Tally {
    fn all(&self) -> u32 {
        self.kills.values().sum()
    }
}

#[test]
fn killed_200_times_at_random_every_flight_ends_as_if_nothing_had_happened() {
    let given = std::env::var("GLIDEPATH_CRASH_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(0x9e37_79b9_7f4a_7c15);
    println!("seed {seed} (GLIDEPATH_CRASH_SEED repeats another one)");
    let (mut random, mut tally, began) = (Random(seed), Tally::default(), Instant::now());
    let kinds: [fn(&mut Random, &mut Tally); 4] = [fleet_lands, flag_lands, fleet_turns_back, flag_turns_back];
    for flight in kinds.iter().cycle() {
        if tally.all() >= KILLS {
            break;
        }
        let flight_began = Instant::now();
        flight(&mut random, &mut tally);
        println!("{} kills after {:?}, this flight took {:?}", tally.all(), began.elapsed(), flight_began.elapsed());
    }
    println!("{:?}; {} takeovers; {} commands begun again", tally.kills, tally.takeovers, tally.begun_again);
    assert!(tally.takeovers > KILLS as usize / 4, "hardly ever did anybody take over: {}", tally.takeovers);
}

fn fleet_lands(random: &mut Random, tally: &mut Tally) {
    let project = fleet();
    let torn = fly_under_attack(&project, "upgrade", random, tally);
    check_end(&project, "succeeded");
    check_fleet(&project, "2.0.0", torn, tally);
    check_nothing_is_left(&project);
}

fn fleet_turns_back(random: &mut Random, tally: &mut Tally) {
    let project = fleet();
    project.write(&format!("refuse/front-{HOSTS}-2.0.0"), "the last host refuses the new version\n");
    let torn = fly_under_attack(&project, "upgrade", random, tally);
    check_end(&project, "rolledBack");
    check_fleet(&project, "1.0.0", torn, tally);
    check_nothing_is_left(&project);
}

fn flag_lands(random: &mut Random, tally: &mut Tally) {
    let project = flag();
    fly_under_attack(&project, "new-search", random, tally);
    check_end(&project, "succeeded");
    check_shares(&project, "100");
    check_nothing_is_left(&project);
}

fn flag_turns_back(random: &mut Random, tally: &mut Tally) {
    let project = flag();
    project.write("breaks-at", "25\n");
    fly_under_attack(&project, "new-search", random, tally);
    check_end(&project, "rolledBack");
    check_shares(&project, "0");
    check_nothing_is_left(&project);
}

fn fleet() -> Project {
    let project = Project::fleet(&["front", "back"], HOSTS, 60);
    project.write("scripts/deploy.sh", DEPLOY);
    project.pace(&QUICK);
    let plan: serde_json::Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    let steps = plan["body"]["steps"].as_array().map_or(0, Vec::len);
    assert!(steps >= STEPS_MIN, "the plan has {steps} steps only");
    project
}

fn flag() -> Project {
    let project = Project::flag(&QUICK, "");
    project.write("scripts/health.sh", FLAG_HEALTH);
    project
}

/// Flies the change under `KILLS_PER_FLIGHT` attacks, then to its end; gives how many commands were torn away from their supervisors at most.
fn fly_under_attack(project: &Project, change: &str, random: &mut Random, tally: &mut Tally) -> usize {
    let mut runner = project.start(&["run", change, "--yes"]);
    wait_for("the run to be accepted", || !project.runs().is_empty() || runner.try_wait().unwrap().is_some());
    let run = project.run_id();
    assert!(!run.is_empty(), "the run never began: {}", project.read("run.log"));
    let (mut kills, mut torn, mut supervisor_kills) = (0, 0, 0);
    while kills < KILLS_PER_FLIGHT && tally.all() < KILLS {
        std::thread::sleep(Duration::from_millis(20 + random.below(PAUSE_MAX_MS)));
        if !project.is_live() {
            break;
        }
        let attack = match Attack::random(random) {
            Attack::Supervisors if supervisor_kills >= SUPERVISOR_KILLS_PER_FLIGHT => Attack::Owner,
            other => other,
        };
        if let Some(torn_now) = attack_with(project, attack, &mut runner) {
            torn += torn_now;
            kills += 1;
            supervisor_kills += u32::from(attack == Attack::Supervisors);
            *tally.kills.entry(attack).or_default() += 1;
        }
        if crew(project).is_empty() && project.is_live() {
            let _ = runner.wait();
            runner = project.start(&["resume", &run]);
        }
    }
    wait_for("the run to end", || !project.is_live());
    let _ = runner.wait();
    torn
}

/// Kills; gives how many commands may have been torn away from their supervisors, or nothing when there was nobody to kill.
fn attack_with(project: &Project, attack: Attack, runner: &mut Child) -> Option<usize> {
    let supervisors = project.processes_of("__supervise");
    let victims = match attack {
        Attack::Owner => project.owner().into_iter().collect(),
        Attack::Crew => crew(project),
        Attack::CrewAndSupervisors => [crew(project), supervisors.clone()].concat(),
        Attack::Supervisors => supervisors.clone(),
        Attack::Everything => project.processes(),
    };
    for pid in &victims {
        kill(*pid);
    }
    wait_for("the killed to be dead", || {
        let left = project.processes();
        victims.iter().all(|pid| !left.contains(pid))
    });
    let _ = runner.try_wait();
    let torn = match attack {
        Attack::Owner | Attack::Crew => 0,
        Attack::CrewAndSupervisors | Attack::Supervisors | Attack::Everything => supervisors.len(),
    };
    (!victims.is_empty()).then_some(torn)
}

/// Runner and guard.
fn crew(project: &Project) -> Vec<u32> {
    ["run", "resume", "__guard"].iter().flat_map(|word| project.processes_of(word)).collect()
}

fn check_end(project: &Project, wanted: &str) {
    let runs = project.runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    let status = &runs[0]["status"];
    assert_eq!(*status, serde_json::json!({ "ended": wanted }), "{}\n{}", project.read("run.log"), project.say(&["logs"]).out);
}

fn check_fleet(project: &Project, wanted: &str, torn: usize, tally: &mut Tally) {
    for service in ["front", "back"] {
        for host in 1..=HOSTS {
            let version = project.read(&format!("versions/{service}-{host}"));
            assert_eq!(version.trim(), wanted, "{service}-{host} after {}", project.read("run.log"));
        }
    }
    let refused = format!("front-{HOSTS} 2.0.0");
    let (mut begun, mut done) = (BTreeSet::new(), BTreeSet::new());
    let mut again = 0;
    for line in project.read("effects.log").lines() {
        let (word, effect) = line.split_once(' ').unwrap();
        match word {
            "began" => {
                assert!(!done.contains(effect), "{effect} was done and begun again:\n{}", project.read("effects.log"));
                again += usize::from(!begun.insert(effect.to_owned()) && !effect.ends_with(&refused));
            }
            "done" => assert!(done.insert(effect.to_owned()), "{effect} was done twice"),
            _ => panic!("{line}:\n{}", project.read("effects.log")),
        }
    }
    assert!(again <= torn, "{again} commands were begun again, but only {torn} were torn away:\n{}", project.read("effects.log"));
    tally.begun_again += again;
    tally.takeovers += takeovers(project);
}

fn check_shares(project: &Project, wanted: &str) {
    assert_eq!(project.read("flags/new-search").trim(), wanted, "{}", project.read("shares.log"));
    let mut partial_since: Option<(u64, String)> = None;
    for (at, share) in project.shares() {
        if let Some((since, was)) = partial_since.take() {
            let lasted = Duration::from_millis(at - since);
            assert!(lasted <= HOLD_LIMIT, "{was} % lasted for {lasted:?}:\n{}", project.read("shares.log"));
        }
        partial_since = (share != "0" && share != "100").then_some((at, share));
    }
    assert_eq!(partial_since, None);
}

/// How often a run changed hands.
fn takeovers(project: &Project) -> usize {
    project.events().iter().filter(|e| e["event"]["kind"] == "ownerTook").count().saturating_sub(1)
}

fn check_nothing_is_left(project: &Project) {
    let ended = Instant::now();
    wait_for("every process of the flight to be gone", || project.processes().is_empty());
    assert!(ended.elapsed() < LEAVE_MAX, "processes stayed for {:?}", ended.elapsed());
    let said = project.ok(&["audit", "verify"], 0);
    assert!(said.out.starts_with("intact"), "{}", said.out);
}

/// Says when it begins, when another one works on the same host, and when its work is done.
const DEPLOY: &str = "\
#!/bin/sh
set -eu
mkdir -p working
other=$(cat \"working/$1\" 2>/dev/null || echo none)
if grep -q '^State:.[^ZX]' \"/proc/$other/status\" 2>/dev/null; then echo \"overlap $1\" >> effects.log; fi
echo $$ > \"working/$1\"
echo \"began $GLIDEPATH_IDEMPOTENCY_KEY $1 $2\" >> effects.log
sleep 0.06
if [ -e \"refuse/$1-$2\" ]; then rm \"working/$1\"; exit 1; fi
echo \"$2\" > \"versions/$1.new\"
mv \"versions/$1.new\" \"versions/$1\"
echo \"done $GLIDEPATH_IDEMPOTENCY_KEY $1 $2\" >> effects.log
rm \"working/$1\"
";

/// Healthy up to the share in `breaks-at`.
const FLAG_HEALTH: &str = "\
#!/bin/sh
set -eu
share=$(cat flags/new-search 2>/dev/null || echo 0)
[ \"$share\" -lt \"$(cat breaks-at 2>/dev/null || echo 101)\" ]
";

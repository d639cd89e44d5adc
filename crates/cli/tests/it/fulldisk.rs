//! A state folder on a disk that is really full: nothing goes forward, the way back does.

use crate::harness::{Project, wait_for};
use serde_json::Value;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of the disk in bytes: the database, the reserve, and little else.
const DISK_BYTES: u64 = 6 * 1024 * 1024;

/// A disk of its own in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nobody may mount anything, which is said.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={DISK_BYTES},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output().unwrap();
        if mounted.status.success() {
            return Some(Self(at.to_owned()));
        }
        println!("SKIPPED: a tmpfs cannot be mounted here: {}", String::from_utf8_lossy(&mounted.stderr).trim());
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for bytes in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![7; bytes]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_a_run_pauses_goes_back_when_asked_and_the_next_one_has_a_reserve_again() {
    let project = Project::fleet(&["front"], 6, 1_500);
    let state = project.path().join(".glidepath");
    let Some(disk) = SmallDisk::mount(&state) else { return };
    let mut flying = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the second deploy", || project.read("effects.log").lines().count() >= 2);
    assert!(state.join("reserve").exists());
    disk.fill();
    wait_for("the pause for want of room", || project.runs().first().is_some_and(|run| run["status"] == "paused"));
    assert!(!state.join("reserve").exists(), "what was kept back is in use");
    let run = project.run_id();

    let refused = project.say(&["run", "upgrade", "--yes"]);
    assert!(refused.code != 0 && ["GP0502", "GP0433"].iter().any(|code| refused.err.contains(code)), "{}", refused.err);
    let doctor: Value = serde_json::from_str(&project.say(&["doctor", "--format", "json"]).out).unwrap();
    let space = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "space").unwrap();
    assert!(space["finding"] == "failed" && space["line"].as_str().unwrap().contains("used up"), "{space}");

    let aborted = project.say(&["abort", &run, "--reason", "there is no room"]);
    wait_for("the way back", || !project.is_live());
    assert_eq!(project.runs()[0]["status"]["ended"], "rolledBack", "{}{}", aborted.out, aborted.err);
    for host in 1..=6 {
        assert_eq!(project.read(&format!("versions/front-{host}")), "1.0.0\n", "host {host}");
    }
    flying.wait().unwrap();
    project.ok(&["audit", "verify"], 0);

    disk.make_room();
    project.ok(&["run", "upgrade", "--yes"], 0);
    assert!(state.join("reserve").exists(), "it is kept back anew");
    project.ok(&["audit", "verify"], 0);
}

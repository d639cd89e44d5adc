//! What may be wrong outside the words of the files: programs, folders, the state folder. Each is refused with a code, an exit code and
//! what to do next, before anything is touched.

use crate::harness::{PACE, Project, Said, wait_for};

#[track_caller]
fn refused(said: &Said, code: &str) {
    assert!(said.err.contains(&format!("error[{code}]")), "{code} is not in:\n{}", said.err);
    assert!(said.err.contains("hint: "), "no hint in:\n{}", said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
}

#[test]
fn a_program_that_is_missing_or_not_executable_is_found_before_anything_starts() {
    let project = Project::fleet(&["front"], 2, 10);
    let catalog = project.read("catalog/services.yaml");
    for (program, word) in [
        ("./scripts/deploi.sh", "was not found"),
        ("./catalog/services.yaml", "may not be executed"),
        ("./scripts", "is a folder"),
        ("no-such-program-at-all", "was not found"),
    ] {
        project.write("catalog/services.yaml", &catalog.replace("./scripts/deploy.sh", program));
        let said = project.ok(&["run", "upgrade", "--yes"], 2);
        refused(&said, "GP0667");
        assert!(said.err.contains(&format!("`{program}` {word}")), "{}", said.err);
        assert_eq!(project.read("effects.log"), "");
        assert_eq!(project.runs().len(), 0);
    }
}

#[test]
fn a_state_folder_that_cannot_be_used_is_said_with_its_code() {
    type Spoil = fn(&Project);
    let junk: Spoil = |project| project.write(".glidepath/glidepath.db", &"not a database ".repeat(1000));
    let folder: Spoil = |project| std::fs::create_dir_all(project.path().join(".glidepath/glidepath.db")).unwrap();
    let file: Spoil = |project| project.write(".glidepath", "");
    let cases: [(Spoil, &str); 3] = [(junk, "GP0504"), (folder, "GP0503"), (file, "GP0503")];
    for (spoil, code) in cases {
        let project = Project::fleet(&["front"], 1, 10);
        spoil(&project);
        for words in [&["status"][..], &["run", "upgrade", "--yes"], &["audit", "verify"]] {
            refused(&project.ok(words, 6), code);
        }
        assert_eq!(project.read("effects.log"), "");
    }
}

/// Takes the right to write from everybody, or gives it back to the owner.
fn set_writable(path: &std::path::Path, is_writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    let mode = if is_writable { mode | 0o200 } else { mode & !0o222 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_state_folder_that_may_only_be_read_is_refused_and_nothing_is_flown() {
    let project = Project::fleet(&["front"], 1, 10).without_rights();
    let folder = project.path().to_owned();
    set_writable(&folder, false);
    refused(&project.ok(&["run", "upgrade", "--yes"], 6), "GP0503");
    set_writable(&folder, true);
    assert_eq!((project.read("effects.log"), project.read("versions/front-1")), (String::new(), "1.0.0\n".to_owned()));

    project.ok(&["run", "upgrade", "--yes"], 0);
    let run = project.run_id();
    let flown = project.read("effects.log");
    let change = project.read("changes/upgrade.yaml");
    project.write("changes/upgrade.yaml", &change.replace("to: 2.0.0", "to: 3.0.0"));
    wait_for("the guard to leave", || project.processes().is_empty());
    let state = folder.join(".glidepath");
    for spoilt in [vec![state.clone()], vec![state.join("glidepath.db")], vec![state.join("owner.lock")]] {
        spoilt.iter().for_each(|path| set_writable(path, false));
        for words in [&["run", "upgrade", "--yes"][..], &["rollback", &run]] {
            let said = project.ok(words, 6);
            refused(&said, "GP0503");
            assert!(said.err.contains(".glidepath"), "{spoilt:?}: {}", said.err);
        }
        spoilt.iter().for_each(|path| set_writable(path, true));
        assert_eq!((project.read("effects.log"), project.read("versions/front-1")), (flown.clone(), "2.0.0\n".to_owned()), "{spoilt:?}");
        assert_eq!(project.runs().len(), 1, "{spoilt:?}");
    }
    project.ok(&["run", "upgrade", "--yes"], 0);
}

#[test]
fn answers_that_cannot_be_written_name_the_file() {
    let project = Project::fleet(&["front"], 1, 10);
    let said = project.ok(&["plan", "upgrade", "--format", "html", "--out", "nowhere/plan.html"], 2);
    assert!(said.err.contains("nowhere/plan.html cannot be written"), "{}", said.err);
    project.write("taken", "");
    let said = project.ok(&["init", "taken/new"], 2);
    assert!(said.err.contains("cannot be written"), "{}", said.err);
}

#[test]
fn a_deploy_that_floods_its_output_and_leaves_processes_lands_within_limits() {
    let project = Project::fleet(&["front"], 1, 10);
    let deploy = project.read("scripts/deploy.sh");
    project.write("scripts/deploy.sh", &format!("{deploy}\nhead -c 20000000 /dev/zero | tr '\\0' x\n"));
    project.ok(&["run", "upgrade", "--yes"], 0);
    let kept: u64 = walk(&project.path().join(".glidepath"));
    assert!(kept < 8_000_000, "{kept} bytes are kept of 20 MB of output");
}

fn walk(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|e| if e.path().is_dir() { walk(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) })
        .sum()
}

#[test]
fn a_gate_that_says_the_same_again_is_printed_once_for_people_and_always_for_programs() {
    let project = Project::fleet(&["front"], 1, 10);
    let config = project.read("glidepath.yaml");
    project.write("glidepath.yaml", &config.replace("minBake: 1s", "minBake: 3s"));
    let said = project.ok(&["run", "upgrade", "--yes"], 0);
    let lines: Vec<&str> = said.out.lines().filter(|l| l.contains("/stage-1/gate: ")).map(|l| &l[11..]).collect();
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(lines, once, "{}", said.out);
    assert!(!said.out.is_empty());
}

#[test]
fn an_older_run_does_not_go_back_over_a_newer_one() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let older = project.run_id();
    let change = project.read("changes/upgrade.yaml");
    project.write("changes/upgrade.yaml", &change.replace("to: 2.0.0", "to: 3.0.0"));
    project.ok(&["run", "upgrade", "--yes"], 0);
    let newer = project.run_id();
    let said = project.ok(&["rollback", &older], 3);
    refused(&said, "GP0659");
    assert!(said.err.contains(&newer), "{}", said.err);
    assert_eq!(project.read("versions/front-1").trim(), "3.0.0");
    project.ok(&["rollback", &newer], 0);
    project.ok(&["rollback", &older], 0);
    assert_eq!(project.read("versions/front-1").trim(), "1.0.0");
}

/// The command in backticks that begins with these words, with a reason where it asks for one.
fn command_of(said: &Said, begin: &str) -> Vec<String> {
    let command = said.err.split('`').find(|part| part.starts_with(begin)).unwrap_or_else(|| panic!("no `{begin}` in:\n{}", said.err));
    let words = command.split_whitespace().skip(1);
    words.map(|word| if word == "\"...\"" { "it was put right by hand".to_owned() } else { word.to_owned() }).collect()
}

#[test]
fn an_older_run_goes_back_beneath_an_abandoned_one_when_somebody_says_so() {
    let project = Project::fleet(&["front"], 2, 300);
    let change = project.read("changes/upgrade.yaml");
    let fly = |version: &str| {
        project.write("changes/upgrade.yaml", &change.replace("to: 2.0.0", &format!("to: {version}")));
        project.start(&["run", "upgrade", "--yes"])
    };
    let land = |version: &str| {
        assert!(fly(version).wait().unwrap().success(), "{}", project.read("run.log"));
        project.run_id()
    };
    let (older, newer) = (land("2.0.0"), land("3.0.0"));
    let mut last = fly("4.0.0");
    wait_for("the first host", || project.read("versions/front-1").trim() == "4.0.0");
    let abandoned = project.run_id();
    project.ok(&["pause", &abandoned], 0);
    wait_for("the run to rest and to be abandoned", || project.say(&["abandon", &abandoned, "--reason", "it is done by hand"]).code == 0);
    last.wait().unwrap();

    // The oldest one needs the one in between to go back first, and that one a word about the abandoned one above it.
    let said = project.ok(&["rollback", &older], 3);
    assert!(said.err.contains(&format!("then `glidepath rollback {older} --override-abandoned")), "{}", said.err);
    let between = command_of(&said, "glidepath rollback");
    assert_eq!(between[..3], ["rollback", &newer, "--override-abandoned"]);
    let said = project.ok(&["rollback", &newer, "--reason", "it is slow"], 3);
    refused(&said, "GP0659");
    assert!(said.err.contains(&abandoned) && said.err.contains("left in place: ") && said.err.contains("front-1"), "{}", said.err);
    assert_eq!(command_of(&said, "glidepath rollback"), between);
    project.ok(&["rollback", &newer, "--override-abandoned", " "], 2);
    assert_eq!(project.read("versions/front-1").trim(), "4.0.0", "nothing was touched");

    project.ok(&between.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    wait_for("the way back", || !project.is_live());
    assert_eq!(["front-1", "front-2"].map(|host| project.read(&format!("versions/{host}"))), ["2.0.0\n", "2.0.0\n"]);
    let journal = project.ok(&["logs", &newer], 0).out;
    assert!(journal.contains("it was put right by hand") && journal.contains(&format!("beneath {abandoned}")), "{journal}");
    let last = command_of(&project.ok(&["rollback", &older], 3), "glidepath rollback");
    project.ok(&last.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    wait_for("the way back", || !project.is_live());
    assert_eq!(["front-1", "front-2"].map(|host| project.read(&format!("versions/{host}"))), ["1.0.0\n", "1.0.0\n"]);
}

#[test]
fn a_verb_that_a_landed_run_does_not_take_is_refused_with_one_that_it_does() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let run = project.run_id();
    for verb in ["abort", "resume"] {
        let said = project.ok(&[verb, &run], 3);
        refused(&said, "GP0659");
        assert!(said.err.contains(&format!("`glidepath rollback {run}` goes back")), "{}", said.err);
        assert!(!said.err.contains("Nobody flies"), "{}", said.err);
    }
    project.ok(&["rollback", &run], 0);
    let said = project.ok(&["rollback", &run], 3);
    refused(&said, "GP0659");
    assert_eq!(project.read("versions/front-1").trim(), "1.0.0");
}

#[test]
fn status_of_a_project_whose_store_nobody_can_tell_is_refused_and_makes_no_store_of_its_own() {
    let project = Project::empty();
    project.pace(&PACE);
    let sound = project.read("glidepath.yaml");
    let named = |how: &str| sound.replace("spec:\n", &format!("spec:\n{how}"));
    let torn = "---\n{ open\n";
    let moved =
        "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: { name: flown }\nspec: { store: env:NOWHERE, environments: [ production ]\n";
    for (config, other, place) in [
        (named("  \"store\": env:NOWHERE\n") + torn, "", "GP0671"),
        ("apiVersion: glidepath.dev/v1\nkind: Config\nspec: {store: env:NOWHERE\n".to_owned(), "", "--> glidepath.yaml:3:8"),
        (named("  \"store\": env:NOWHERE\n  telemetry: [ open\n"), "", "--> glidepath.yaml:5:4"),
        ("# it is elsewhere\n".to_owned(), moved, "--> catalog/config.yaml:4:9"),
        (String::new(), "", "--> glidepath.yaml:1:1"),
    ] {
        project.write("glidepath.yaml", &config);
        project.write("catalog/config.yaml", other);
        for words in [&["status"][..], &["abort"], &["db", "backup", "kept"], &["node"]] {
            let said = project.ok(words, 2);
            assert!(said.err.contains(place) && said.err.contains("hint: "), "{words:?} {config}\n{}", said.err);
            assert!(place.starts_with("GP") || said.err.contains("error[GP0670]"), "{}", said.err);
        }
        assert!(!project.path().join(".glidepath/glidepath.db").exists(), "{config}");
    }
    // What is wrong with the file is said at once.
    project.write("glidepath.yaml", &named("  store: env:NOWHERE\n  store: env:ELSEWHERE\n"));
    let said = project.ok(&["status"], 2).err;
    assert!(said.contains("error[GP0670]") && said.contains("error[GP0011]") && said.contains("--> glidepath.yaml:6:3"), "{said}");
}

#[test]
fn a_run_of_a_local_store_is_seen_and_rolled_back_while_the_files_are_broken() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let (run, config) = (project.run_id(), project.read("glidepath.yaml"));
    project.write("changes/upgrade.yaml", "kind: [ a store of other things\n");
    assert!(project.ok(&["status", "--all"], 0).out.contains(&run));
    // A word in a comment names nothing.
    for broken in [format!("{config}  telemetry: [ open # a team adds `store: env:X`\n"), String::new(), "\t\u{0}".to_owned()] {
        project.write("glidepath.yaml", &broken);
        project.write("changes/upgrade.yaml", "kind: [\n");
        assert!(project.ok(&["status", "--all"], 0).out.contains(&run), "{broken:?}");
    }
    project.ok(&["rollback", &run], 0);
    assert_eq!(project.read("versions/front-1"), "1.0.0\n");
}

//! The guides, done as they say: files are written, commands are given, and what the page says is answered must be answered.

use crate::harness::Project;
use std::path::Path;

/// A part of a page that can be done.
#[derive(Debug)]
enum Part {
    /// A file that is to be written.
    File { name: String, text: String },
    /// A command, and what the page says it answers.
    Command { words: String, answer: Vec<String> },
    /// A line that is to be put into the script that deploys.
    Line(String),
}

/// Where on a page something was left out.
const LEFT_OUT: &str = "...";

#[test]
fn the_first_change_goes_as_its_guide_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/first-change.md")).unwrap();
    let project = Project::empty();
    let mut last_exit = 0;
    let mut landed = None;
    let parts = parts(&page);
    assert!(parts.iter().filter(|part| matches!(part, Part::Command { .. })).count() >= 8, "{parts:#?}");
    for part in parts {
        match part {
            Part::File { name, text } => project.write(&name, &text),
            Part::Line(line) => {
                let script = project.read("scripts/deploy.sh");
                project.write("scripts/deploy.sh", &script.replace("set -eu\n", &format!("set -eu\n{line}\n")));
                let change = project.read("changes/first-change.yaml");
                project.write("changes/first-change.yaml", &change.replace("2.0.0", "3.0.0").replace("2.1.0", "3.0.0"));
            }
            Part::Command { words, answer } => {
                let given = with_run(&words, landed.as_deref());
                let (exit, said) = shell(&project, last_exit, &given);
                last_exit = exit;
                landed = landed.or_else(|| Some(project.run_id()).filter(|run| !run.is_empty()));
                compare(&words, &answer, &said);
            }
        }
    }
}

/// What a page asks to be done, in its order.
fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = page.lines().peekable();
    let mut name = None;
    while let Some(line) = lines.next() {
        if let Some(file) = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:")) {
            name = Some(file.to_owned());
        } else if line == "```yaml" {
            let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            parts.extend(name.take().map(|name| Part::File { name, text }));
        } else if let Some(words) = line.strip_prefix("    $ ") {
            let mut answer = Vec::new();
            while let Some(line) = lines.next_if(|next| next.is_empty() || (next.starts_with("    ") && !next.starts_with("    $ "))) {
                answer.push(line.strip_prefix("    ").unwrap_or_default().to_owned());
            }
            while answer.last().is_some_and(String::is_empty) {
                answer.pop();
            }
            parts.push(Part::Command { words: words.to_owned(), answer });
        } else if let Some(line) = line.strip_prefix("    [ ") {
            parts.push(Part::Line(format!("[ {line}")));
        }
    }
    parts
}

/// The words with this run where the page names the one of its author.
fn with_run(words: &str, run: Option<&str>) -> String {
    let named = |word: &str| if normal(word) == "RUN" { run.unwrap_or(word).to_owned() } else { word.to_owned() };
    words.split(' ').map(named).collect::<Vec<_>>().join(" ")
}

/// Gives a command to a shell that was left with this exit code; its exit code, and all it said.
fn shell(project: &Project, last_exit: i32, words: &str) -> (i32, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_glidepath")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n(exit {last_exit})\n{words}")])
        .current_dir(project.path())
        .env_clear()
        .envs([("PATH", path.as_str()), ("HOME", project.path().to_str().unwrap()), ("USER", "pilot"), ("NO_COLOR", "1")])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
}

/// The answer must be the page's, but for times and names that differ each time. Where the page leaves something out, each line that it has must be there.
#[track_caller]
fn compare(words: &str, answer: &[String], said: &str) {
    let told: Vec<String> = said.trim_end().lines().map(normal).collect();
    let wanted: Vec<String> = answer.iter().map(|line| normal(line)).collect();
    if wanted.iter().any(|line| line == LEFT_OUT) {
        for line in wanted.iter().filter(|line| *line != LEFT_OUT && !line.is_empty()) {
            assert!(told.contains(line), "`{words}` does not answer\n{line}\n--- but\n{said}");
        }
    } else if !wanted.is_empty() {
        assert_eq!(told, wanted, "`{words}` answers\n{said}");
    }
}

/// A line without what differs each time: moments, how long anything takes, names of runs and plans, how many events there were, and the distance of columns.
fn normal(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let after = words.get(at + 1).map_or("", |next| next.trim_end_matches([':', ',']));
        kept.push(match word.trim_end_matches([':', ',', '.']) {
            bare if is_moment(bare) => "MOMENT",
            bare if bare.strip_prefix("run-").is_some_and(is_digest) => "RUN",
            bare if is_digest(bare) => "DIGEST",
            bare if bare.parse::<f64>().is_ok() && after == "events" => "MANY",
            bare if bare.parse::<f64>().is_ok() && ["ms", "s", "min"].contains(&after) => {
                at += 1;
                "LONG"
            }
            _ => word,
        });
        if kept.ends_with(&["LONG", "LONG"]) {
            kept.pop();
        }
        at += 1;
    }
    kept.join(" ")
}

/// `2026-11-22`, `02:20` or `02:20:22Z`.
fn is_moment(word: &str) -> bool {
    let word = word.trim_end_matches('Z');
    let is_made_of =
        |separator: char| word.len() >= 5 && word.contains(separator) && word.chars().all(|c| c.is_ascii_digit() || c == separator);
    is_made_of(':') || is_made_of('-')
}

/// The first twelve digits of a digest.
fn is_digest(word: &str) -> bool {
    word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit())
}

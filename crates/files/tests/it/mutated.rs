//! Sound files, damaged: whatever is in them, reading them ends soon and says something or nothing, but never fails.

use super::good::example;
use glidepath_files::{SourceFile, parse};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
enum Damage {
    Flip(usize, u8),
    Cut(usize),
    Swap(usize, usize),
    Nest(usize, usize),
    Insert(usize, &'static str),
    Repeat(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let words = prop::sample::select(vec![
        "*a",
        "&a ",
        "{",
        "[",
        "!!binary ",
        "|\n",
        "? ",
        "<<: ",
        "---\n",
        "\t",
        "\u{feff}",
        "'",
        "%YAML 9\n",
        "é",
        "\0",
    ]);
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        any::<usize>().prop_map(Damage::Cut),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Damage::Swap(a, b)),
        (any::<usize>(), 1..400_usize).prop_map(|(at, deep)| Damage::Nest(at, deep)),
        (any::<usize>(), words).prop_map(|(at, word)| Damage::Insert(at, word)),
        any::<usize>().prop_map(Damage::Repeat),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match damage {
        Damage::Flip(at, byte) => bytes[at % length] = *byte,
        Damage::Cut(at) => bytes.truncate(at % length),
        Damage::Nest(at, deep) => drop(bytes.splice(at % length..at % length, "[{a: ".bytes().cycle().take(deep * 5))),
        Damage::Insert(at, word) => drop(bytes.splice(at % length..at % length, word.bytes())),
        Damage::Swap(..) | Damage::Repeat(_) => {
            let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            let count = lines.len();
            match damage {
                Damage::Swap(a, b) => lines.swap(a % count, b % count),
                Damage::Repeat(at) => lines.insert(at % count, lines[at % count].clone()),
                Damage::Flip(..) | Damage::Cut(_) | Damage::Nest(..) | Damage::Insert(..) => {}
            }
            *bytes = lines.join(&b'\n');
        }
    }
}

const FILES: [&str; 7] = [
    "glidepath.yaml",
    "catalog/teams.yaml",
    "catalog/components.yaml",
    "catalog/targets.yaml",
    "slo/checkout.yaml",
    "calendar/calendar.yaml",
    "changes/checkout-3ds.yaml",
];

const RUNBOOK_FILES: [&str; 4] = ["runbooks/rotate-keys.yaml", "glidepath.yaml", "catalog/teams.yaml", "runbooks/announce.yaml"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_stop_the_reader(file in 0..FILES.len(), damages in prop::collection::vec(damage(), 1..6)) {
        let root = example("checkout");
        let mut files: Vec<SourceFile> = FILES.iter().map(|path| SourceFile { path: (*path).to_owned(), bytes: std::fs::read(root.join(path)).unwrap() }).collect();
        for damage in &damages {
            apply(&mut files[file].bytes, damage);
        }
        let begun = Instant::now();
        let loaded = parse(&files, &|_| Ok("select 1;".to_owned()));
        prop_assert!(begun.elapsed() < Duration::from_secs(10));
        for finding in loaded.diagnostics {
            prop_assert!(!finding.message.is_empty() && !finding.hint.is_empty() && !finding.reason.is_empty(), "{finding:?}");
        }
    }

    #[test]
    fn damaged_runbooks_never_stop_the_reader(damages in prop::collection::vec(damage(), 1..6)) {
        let root = example("runbook");
        let mut files: Vec<SourceFile> = RUNBOOK_FILES.iter().map(|path| SourceFile { path: (*path).to_owned(), bytes: std::fs::read(root.join(path)).unwrap() }).collect();
        for damage in &damages {
            apply(&mut files[0].bytes, damage);
        }
        for finding in parse(&files, &|_| Ok("select 1;".to_owned())).diagnostics {
            prop_assert!(!finding.message.is_empty() && !finding.hint.is_empty() && !finding.reason.is_empty(), "{finding:?}");
        }
    }

    #[test]
    fn any_condition_is_answered(text in "[a-z./ '=<>!0-9-]{0,40}") {
        let text = format!("apiVersion: glidepath.dev/v1\nkind: Runbook\nmetadata: {{ name: x }}\nspec:\n  title: X\n  steps:\n    - id: a\n      wait: 1s\n      when: \"{text}\"\n");
        parse(&[SourceFile { path: "r.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        parse(&[SourceFile { path: "glidepath.yaml".into(), bytes }], &|_| Err("no".into()));
    }
}

/// How long a file takes; the shortest of some tries, since others want the machine too.
fn time_of(text: &str) -> Duration {
    let tries = (0..3).map(|_| {
        let begun = Instant::now();
        let loaded = parse(&[SourceFile { path: "catalog/long.yaml".into(), bytes: text.as_bytes().to_vec() }], &|_| Err("no".into()));
        assert!(!loaded.diagnostics.is_empty());
        begun.elapsed()
    });
    tries.min().unwrap()
}

#[test]
fn ten_times_the_lines_take_no_hundred_times_as_long() {
    let keys = |lines: usize| (0..lines).map(|n| format!("k{n}: v\n")).collect::<String>();
    let merged = |lines: usize| format!("a: &a\n{}b:\n  <<: *a\n", (0..lines).map(|n| format!("  k{n}: v\n")).collect::<String>());
    for (few, many) in [(keys(10_000), keys(100_000)), (merged(2_400), merged(24_000))] {
        let (few, many) = (time_of(&few), time_of(&many));
        assert!(many < few * 40, "{few:?}, and {many:?} for ten times as many");
    }
}

//! Every file under `tests/broken` is put beside a sound project; what is said must be what its `.expected` file has.
//! `BLESS=1` writes the expected files anew. A case that begins with `# without base` is a project alone.

use super::good::shown;
use glidepath_files::{Project, SourceFile, codes, parse};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    cases.sort();
    cases
}

fn said(case: &Path) -> String {
    let bytes = std::fs::read(case).unwrap();
    let alone = bytes.starts_with(b"# without base");
    let base = SourceFile { path: "glidepath.yaml".into(), bytes: include_bytes!("../base.yaml").to_vec() };
    let broken = SourceFile { path: "broken.yaml".into(), bytes };
    let files = if alone { vec![broken] } else { vec![base, broken] };
    shown(&parse(&files, &|path| match path {
        "hosts.ini" => Ok("[web]\nweb-1\n".to_owned()),
        "canary.json" => Ok(include_str!("../companions/canary.json").to_owned()),
        "torn.json" => Ok("{\n  \"metrics\": [\n}\n".to_owned()),
        _ => Err("it does not exist".to_owned()),
    }))
}

#[test]
fn every_broken_input_is_answered_with_its_place_and_what_to_do() {
    let cases = cases();
    assert!(cases.len() >= 45, "{}", cases.len());
    let mut different = Vec::new();
    for case in cases {
        let expected_path = case.with_extension("expected");
        let said = said(&case);
        assert!(!said.is_empty(), "nothing is said of {}", case.display());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected_path, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if said != expected {
            different.push(format!("{}\n--- expected\n{expected}--- said\n{said}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_code_has_a_page_that_begins_with_its_title() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for (code, title) in codes::ALL {
        let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# {code}: {title}\n")), "{code} {title}");
        assert!(page.lines().count() >= 6, "{code}");
    }
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("glidepath.yaml"), include_bytes!("../base.yaml")).unwrap();
    std::fs::create_dir_all(folder.path().join("catalog")).unwrap();
    folder
}

fn codes_of(folder: &Path) -> Vec<String> {
    Project::load(folder).diagnostics.iter().map(|d| d.code.to_string()).collect()
}

#[test]
fn odd_things_in_the_folder_are_named_and_nothing_is_followed_in_circles() {
    let folder = project();
    let catalog = folder.path().join("catalog");
    std::fs::create_dir(catalog.join("folder.yaml")).unwrap();
    std::fs::write(catalog.join("large.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    std::os::unix::fs::symlink(&catalog, catalog.join("circle")).unwrap();
    std::os::unix::fs::symlink(catalog.join("self.yaml"), catalog.join("self.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", catalog.join("zero.yaml")).unwrap();
    std::fs::write(catalog.join("holidays.ics"), "BEGIN:VCALENDAR").unwrap();
    let mut deep = catalog.clone();
    for _ in 0..20 {
        deep = deep.join("d");
    }
    std::fs::create_dir_all(deep).unwrap();
    let mut codes = codes_of(folder.path());
    codes.sort();
    codes.dedup();
    assert_eq!(codes, ["GP0001", "GP0002", "GP0008", "GP0009", "GP0087"]);
}

#[test]
fn an_empty_folder_asks_for_init() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(codes_of(folder.path()), ["GP0040"]);
}

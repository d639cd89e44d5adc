//! Which store the files name, also where some of them cannot be read.

use glidepath_files::{Project, SharedStore, SourceFile, parse};

/// A Config whose spec goes on with `more`.
fn config(more: &str) -> String {
    format!(
        "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: {{ name: shop, labels: {{ store: berlin }} }}\nspec:\n  environments: [ {{ name: production, local: true }} ]\n{more}"
    )
}

fn read(files: &[(&str, &[u8])]) -> SharedStore {
    let files: Vec<SourceFile> = files.iter().map(|(path, bytes)| SourceFile { path: (*path).to_owned(), bytes: bytes.to_vec() }).collect();
    parse(&files, &|_| Err("no".to_owned())).shared_store
}

fn said(files: &[(&str, &str)]) -> String {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    match read(&files) {
        SharedStore::Unnamed => "none".to_owned(),
        SharedStore::Named(name) => name,
        SharedStore::Unclear(doubts) => doubts.iter().map(|doubt| doubt.place.to_string()).collect::<Vec<_>>().join(" "),
    }
}

/// A file that is not YAML.
const BROKEN: &str = "apiVersion: glidepath.dev/v1\nkind: Change\nmetadata: { name: [ open\n";

#[test]
fn a_config_that_can_be_read_decides_however_it_is_written() {
    for (more, expected) in [
        ("", "none"),
        ("  # store: env:X\n", "none"),
        ("  store:\n", "none"),
        ("  store: env:X\n", "env:X"),
        ("  \"store\": env:X\n", "env:X"),
        ("  'store': \"env:X\"\n", "env:X"),
        ("  \"st\\x6fre\": env:X\n", "env:X"),
        ("  ? store\n  : env:X\n", "env:X"),
        ("  retention: soon\n  store: env:X\n", "env:X"),
        ("  retention: soon\n  nonsense: 1\n", "none"),
        // Meant as one, but not read as one.
        ("  Store: env:X\n", "glidepath.yaml:6:3"),
        ("  stor: env:X\n", "glidepath.yaml:6:3"),
        ("store: env:X\n", "glidepath.yaml:6:1"),
        ("  defaults: { store: env:X }\n", "glidepath.yaml:6:15"),
        ("  store: { env: X }\n", "glidepath.yaml:6:10"),
        ("  store: [ env:X ]\n", "glidepath.yaml:6:10"),
        ("  store: \"env:X\\a\"\n", "glidepath.yaml:6:10"),
    ] {
        assert_eq!(said(&[("glidepath.yaml", &config(more))]), expected, "{more}");
        // What is wrong with other files changes nothing about it.
        let named = said(&[("glidepath.yaml", &config(more)), ("changes/c.yaml", &format!("{BROKEN}  title: the store\n"))]);
        assert_eq!(named, expected, "{more}");
    }
    let flow = "{ apiVersion: glidepath.dev/v1, kind: Config, metadata: { name: shop }, spec: {environments: [production], store: env:X} }";
    assert_eq!(said(&[("glidepath.yaml", flow)]), "env:X");
    assert_eq!(said(&[("glidepath.yaml", "# elsewhere\n"), ("catalog/config.yaml", &config("  store: env:X\n"))]), "env:X");
}

#[test]
fn a_torn_file_may_name_a_store_where_the_word_stands() {
    let torn = |more: &str| config(&format!("{more}  telemetry: {{ prometheus: [ open\n"));
    for (more, expected) in [
        ("", "none"),
        ("  # a team adds `store: env:X`\n", "none"),
        ("  retention: 60d # a team adds `store: env:X`\n", "none"),
        ("  retention: restored-by-datastore\n", "none"),
        ("  store: env:X\n", "glidepath.yaml:6:3"),
        ("  \"store\": env:X\n", "glidepath.yaml:6:4"),
        ("  {store: env:X}\n", "glidepath.yaml:6:4"),
        ("  ? store\n  : env:X\n", "glidepath.yaml:6:5"),
        ("  STORE: env:X\n", "glidepath.yaml:6:3"),
        ("  a: { b: \"x # y\", store: env:X }\n", "glidepath.yaml:6:20"),
        ("  a: \"x\n # y\", store: env:X }\n", "glidepath.yaml:7:8"),
        ("  # a line that ends\r  store: env:X\n", "glidepath.yaml:7:3"),
        ("<<<<<<< ours\n  store: env:X\n=======\n  store: env:Y\n>>>>>>> theirs\n", "glidepath.yaml:7:3"),
    ] {
        // The word among the labels is taken out: it would be one of those that count.
        let text = torn(more).replace(", labels: { store: berlin }", "");
        assert_eq!(said(&[("glidepath.yaml", &text)]), expected, "{more}");
    }
    // In another file it counts where no Config was read, or where the file looks like one.
    let (sound, other) =
        (config(""), config("  store: env:X\n  telemetry: { prometheus: [ open\n").replace(", labels: { store: berlin }", ""));
    assert_eq!(said(&[("glidepath.yaml", ""), ("catalog/config.yaml", &other)]), "catalog/config.yaml:6:3");
    assert_eq!(said(&[("glidepath.yaml", ""), ("changes/c.yaml", &format!("{BROKEN}  store: 1\n"))]), "changes/c.yaml:4:3");
    assert_eq!(said(&[("glidepath.yaml", &sound), ("changes/c.yaml", &format!("{BROKEN}  store: 1\n"))]), "none");
    assert_eq!(said(&[("glidepath.yaml", &sound), ("catalog/config.yaml", &other)]), "catalog/config.yaml:6:3");
    assert_eq!(said(&[("glidepath.yaml", &sound), ("catalog/config.yaml", BROKEN)]), "none");
    let wide: Vec<u8> = other.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(matches!(read(&[("glidepath.yaml", &wide)]), SharedStore::Unclear(_)));
    let latin = [config("  store: env:X # f").as_bytes(), b"\xfcr alle\n"].concat();
    assert!(matches!(read(&[("glidepath.yaml", &latin)]), SharedStore::Unclear(_)));
}

#[test]
fn documents_that_are_no_config_and_two_that_are_leave_it_open() {
    let named = config("  store: env:X\n").replace(", labels: { store: berlin }", "");
    for (from, to) in [
        ("kind: Config", "kind: Confg"),
        ("kind: Config\n", ""),
        ("glidepath.dev/v1", "glidepath.dev/v9"),
        ("kind: Config", "kind: Change"),
    ] {
        let text = named.replace(from, to);
        assert!(said(&[("glidepath.yaml", &text)]).starts_with("glidepath.yaml:"), "{text}");
    }
    let twice = config("  store: env:X\nspec: { store: env:Y }\n").replace(", labels: { store: berlin }", "");
    assert_eq!(said(&[("glidepath.yaml", &twice)]), "glidepath.yaml:7:9");
    let lost = config("spec: { store: env:Y }\n").replace(", labels: { store: berlin }", "");
    assert_eq!(said(&[("glidepath.yaml", &lost)]), "glidepath.yaml:6:9");
    assert_eq!(said(&[("glidepath.yaml", &named), ("catalog/config.yaml", &named)]), "env:X");
    assert!(said(&[("glidepath.yaml", &config("")), ("catalog/config.yaml", &named)]).starts_with("catalog/config.yaml:"));
    assert!(said(&[("glidepath.yaml", &named), ("catalog/config.yaml", &config(""))]).starts_with("catalog/config.yaml:"));
}

#[test]
fn what_cannot_be_opened_may_hold_the_config_where_no_other_file_does() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("catalog")).unwrap();
    std::fs::write(at("catalog/large.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    std::fs::write(at("glidepath.yaml"), config("")).unwrap();
    assert_eq!(Project::load(folder.path()).shared_store, SharedStore::Unnamed);
    std::fs::write(at("glidepath.yaml"), "").unwrap();
    let SharedStore::Unclear(doubts) = Project::load(folder.path()).shared_store else { panic!("a local store is opened") };
    assert_eq!(doubts.iter().map(|doubt| doubt.place.file.as_str()).collect::<Vec<_>>(), ["catalog/large.yaml"]);
    std::fs::write(at("glidepath.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    std::fs::write(at("catalog/large.yaml"), config("")).unwrap();
    assert!(matches!(Project::load(folder.path()).shared_store, SharedStore::Unclear(_)));
}

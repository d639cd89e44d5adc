//! The published schemas and the reader agree.

use glidepath_files::{Kind, SourceFile, parse, schema};
use serde_json::Value;

fn definitions(kind: Kind) -> Vec<(String, Value)> {
    schema(kind)["$defs"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn every_field_is_documented_and_in_camel_case() {
    for kind in Kind::ALL {
        for (name, definition) in definitions(kind) {
            for (field, value) in definition["properties"].as_object().unwrap() {
                assert!(value["description"].as_str().is_some_and(|d| d.ends_with('.')), "{name}.{field}");
                assert!(field.starts_with(|c: char| c.is_ascii_lowercase()) && !field.contains(['_', '-']), "{name}.{field}");
            }
        }
    }
}

/// A field that the schema of `spec` has is read; one that it has not is refused (by our own kinds).
#[test]
fn the_reader_takes_the_fields_of_the_schema_and_no_others() {
    for kind in [Kind::Config, Kind::Target, Kind::TargetClass, Kind::Calendar, Kind::Change, Kind::Runbook, Kind::Rehearsal] {
        let schema = schema(kind);
        let of_spec = schema["properties"]["spec"]["$ref"].as_str().unwrap().trim_start_matches("#/$defs/").to_owned();
        let mut fields: Vec<String> = schema["$defs"][&of_spec]["properties"].as_object().unwrap().keys().cloned().collect();
        fields.push("nonsense".to_owned());
        let lines: String = fields.iter().map(|f| format!("  {f}: {{ zzz: 1 }}\n")).collect();
        let text = format!("apiVersion: glidepath.dev/v1\nkind: {}\nmetadata: {{ name: x }}\nspec:\n{lines}", kind.name());
        let loaded = parse(&[SourceFile { path: "f.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
        let unknown: Vec<String> =
            loaded.diagnostics.iter().filter(|d| d.code.0 == 20 && d.field.matches('.').count() == 1).map(|d| d.field.clone()).collect();
        assert_eq!(unknown, ["spec.nonsense"], "{}", kind.name());
    }
}

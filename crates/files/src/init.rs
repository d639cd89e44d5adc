//! The files of a new project.

/// The files of a small, commented, valid project: paths relative to its root, with their texts.
pub fn init_files(name: &str) -> Vec<(String, String)> {
    vec![("glidepath.yaml".to_owned(), format!("apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: {{ name: {name} }}\n"))]
}

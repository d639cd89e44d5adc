//! Placeholder entry point while the workspace is laid out.
fn main() {}

//! Reads a Glidepath project from YAML, with the position of every value, into the domain model.
//!
//! Invariants: every problem of every file is reported at once, each with file, line and column; a document that is
//! partly wrong still contributes what is right, so that one typo does not raise a dozen unknown references; any bytes
//! give diagnostics, never a panic. Only `project` touches the file system; `parse` is pure.

mod init;
mod project;
mod schema;

pub use init::init_files;
pub use project::{Loaded, Project, SourceFile, find_root, parse};
pub use schema::{Kind, schema};

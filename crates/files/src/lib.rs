//! Reads a Glidepath project from YAML, with the position of every value, into the domain model.
//!
//! Text becomes a tree in which every value knows its place (`yaml`, `node`); the tree is checked against tables of
//! what a document may look like (`shape`, `shapes`, `check`), which are the JSON Schemas too (`schema`); then each
//! kind is turned into the model and its references are resolved (`convert`).
//!
//! Invariants: every problem of every file is reported at once, each with file, line and column; a document that is
//! partly wrong still contributes what is right, so that one typo does not raise a dozen unknown references; any bytes
//! give diagnostics, never a panic. Only `project` touches the file system; `parse` is pure.

mod check;
pub mod codes;
mod convert;
mod document;
mod findings;
mod game_day;
mod init;
mod inventory;
pub mod limits;
mod node;
mod parse;
mod project;
mod scalar;
mod schema;
mod shape;
mod shapes;
mod shared_store;
mod split;
mod template;
mod yaml;

pub use convert::{AS_WRITTEN, Variant};
pub use findings::Stray;
pub use game_day::{Expectations, GameDay};
pub use init::init_files;
pub use parse::{Loaded, SourceFile, parse};
pub use project::{CONFIG_FILE, Project, find_root};
pub use schema::schema;
pub use shapes::Kind;
pub use shared_store::{Doubt, SharedStore};
pub use split::split_change;
pub use template::{Fill, Parameter, Template};

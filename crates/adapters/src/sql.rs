//! The action `sql`.
use crate::descriptors;
use crate::input::unknown;
use glidepath_model::event::Outcome;
use glidepath_model::{ActionDescriptor, Code};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::Value;

/// The action `sql`.
#[derive(Default)]
pub struct SqlAction {}

impl SqlAction {
    /// The action.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Action for SqlAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::sql()
    }

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { unknown(Code(559), "not yet") })
    }
}

//! The action `http`.
use crate::descriptors;
use crate::input::unknown;
use glidepath_model::event::Outcome;
use glidepath_model::{ActionDescriptor, Code};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::Value;

/// The action `http`.
#[derive(Default)]
pub struct HttpAction {}

impl HttpAction {
    /// The action.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Action for HttpAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::http()
    }

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { unknown(Code(559), "not yet") })
    }
}

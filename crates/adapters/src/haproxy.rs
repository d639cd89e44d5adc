//! The action `haproxy`.
use crate::descriptors;
use crate::input::unknown;
use glidepath_model::event::Outcome;
use glidepath_model::{ActionDescriptor, Code};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::Value;

/// The action `haproxy`.
#[derive(Default)]
pub struct HaproxyAction {}

impl HaproxyAction {
    /// The action.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Action for HaproxyAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::haproxy()
    }

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { unknown(Code(559), "not yet") })
    }
}

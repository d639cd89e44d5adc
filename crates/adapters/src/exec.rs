//! Commands on this machine.
use crate::descriptors;
use crate::input::unknown;
use glidepath_model::event::Outcome;
use glidepath_model::{ActionDescriptor, Code};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The program that stands between a run and its command.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// Program.
    pub program: PathBuf,
    /// Words before `--dir FOLDER`.
    pub args: Vec<String>,
}

/// Runs commands.
pub struct ExecAction {
    supervisor: Supervisor,
}

impl ExecAction {
    /// An action that starts its commands through this supervisor.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor }
    }
}

impl Action for ExecAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::exec()
    }

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        let program = self.supervisor.program.display().to_string();
        Box::pin(async move { unknown(Code(559), program) })
    }
}

/// Main function of the supervisor.
pub fn supervise_main(_dir: &Path) -> ExitCode {
    ExitCode::FAILURE
}

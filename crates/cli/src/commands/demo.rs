//! `demo`: the whole product at work on this machine alone.

use crate::args::{DemoArgs, Form};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use glidepath_demo::acts::{DemoOptions, run as perform};
use glidepath_demo::error::DemoError;
use glidepath_demo::show::Stream;
use glidepath_model::{Code, Diagnostic};
use std::process::ExitCode;

/// A part of the demo's fleet: `__demo PART WORDS...`.
pub(crate) fn part(part: &str, words: Vec<String>) -> ExitCode {
    glidepath_demo::part_main(part, words)
}

/// `demo`.
pub(crate) async fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let (stream, styled) = match args.format {
        Form::Human => (Stream::Stdout, output::stdout_is_styled()),
        Form::Json => (Stream::Stderr, output::stderr_is_styled()),
    };
    let options = DemoOptions {
        program: std::env::current_exe()?,
        dir: args.dir.clone(),
        fast: args.fast,
        keep: args.keep,
        haproxy: !args.no_haproxy,
        prometheus: !args.no_prometheus,
        stream,
        styled,
    };
    let Some(report) = perform(options).await? else { return Ok(Exit::Interrupted) };
    if args.format == Form::Json {
        output::data(&serde_json::to_string(&report).unwrap_or_default());
    }
    if report.as_expected {
        return Ok(Exit::Done);
    }
    let unlike: Vec<String> =
        report.acts.iter().filter(|a| a.outcome != a.expected).map(|a| format!("{} ended as {}", a.name, a.outcome)).collect();
    let error = DemoError::new(
        DemoError::ACT,
        unlike.join("; "),
        "the record of the act says what happened; run the demo again on a machine that is less busy",
    );
    Err(error.into())
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        let exit = if error.code == DemoError::FOLDER || error.code == DemoError::PATH_LENGTH { Exit::BadInput } else { Exit::Internal };
        Self::new(exit, Diagnostic::error(Code(error.code), error.message).hint(error.hint))
    }
}

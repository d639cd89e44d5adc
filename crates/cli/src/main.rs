//! The binary `glidepath`: parses the command line, calls one command, says how it ended.

mod airspace;
mod args;
mod budgets;
mod causes;
mod collect;
mod commands;
mod deny;
mod exit;
mod failure;
mod flight;
mod log;
mod metrics;
mod output;
mod pager;
mod parentage;
mod past;
mod planning;
mod project;
mod sarif;
mod series_file;
mod splitting;
mod stores;
mod traces;
mod view;
mod world;

use args::{AuditCommand, Cli, Command};
use clap::{CommandFactory, Parser};
use exit::Exit;
use failure::Failure;
use glidepath_model::request::Verb;
use glidepath_model::{Code, Diagnostic};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let speaks_json = error.use_stderr() && log::begin(None).is_ok() && log::is_json();
            match speaks_json {
                true => log::finding(&Diagnostic::error(Code(650), error.to_string().trim())),
                false => _ = error.print(),
            }
            return if error.use_stderr() { Exit::BadInput.into() } else { Exit::Done.into() };
        }
    };
    match log::begin(cli.log_format).and_then(|()| dispatch(cli)) {
        Ok(Outcome::Exit(exit)) => exit.into(),
        Ok(Outcome::Code(code)) => code,
        Err(failure) => {
            output::findings(&failure.diagnostics);
            failure.exit.into()
        }
    }
}

/// How a command ended: by our codes, or by those of a part that speaks for itself.
enum Outcome {
    Exit(Exit),
    Code(ExitCode),
}

fn dispatch(cli: Cli) -> Result<Outcome, Failure> {
    let given = cli.project.as_deref();
    match cli.command {
        Command::Supervise { words } => return Ok(Outcome::Code(supervise(&words))),
        Command::DemoPart { part, words } => return Ok(Outcome::Code(commands::demo::part(&part, words))),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "glidepath", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Explain { code } => commands::explain::run(code.as_deref()),
        Command::Schema { kind } => commands::schema::run(kind.as_deref()),
        Command::Reference { page } => commands::reference::run(&page),
        Command::Init(args) => commands::init::run(&args),
        Command::Validate(args) => commands::validate::run(&project::root(given)?, &args),
        Command::Judge(args) => commands::judge::run(&args),
        Command::Slo(args) => block_on(commands::slo::run(&project::root(given)?, &args)),
        Command::Capacity(args) => block_on(commands::capacity::run(&project::root(given)?, &args)),
        Command::Demo(args) => block_on(commands::demo::run(&args)),
        Command::Guard { root, otlp } => block_on(flight::guard(&root, otlp.as_deref())),
        command => {
            let root: PathBuf = project::root(given)?;
            let shares_its_store = || matches!(stores::named_by_files(&root), Ok(Some(_)));
            block_on(in_project(&root, command)).map_err(|failure| if shares_its_store() { failure.of_shared_store() } else { failure })
        }
    }
    .map(Outcome::Exit)
}

async fn in_project(root: &Path, command: Command) -> Result<Exit, Failure> {
    let verb = |verb, args| async move { commands::verbs::run(root, verb, &args).await };
    match command {
        Command::Plan(args) => commands::plan::run(root, &args).await,
        Command::Rehearse(args) => commands::rehearse::run(root, &args).await,
        Command::Calibrate(args) => commands::calibrate::run(root, &args).await,
        Command::Report(args) => commands::report::run(root, &args).await,
        Command::Run(args) => commands::run::run(root, &args).await,
        Command::Status(args) => commands::status::status(root, &args).await,
        Command::Node(args) => commands::node::node(root, &args).await,
        Command::Drain(args) => commands::node::drain(root, &args).await,
        Command::Watch(args) => commands::status::watch(root, &args).await,
        Command::Logs(args) => commands::status::logs(root, &args).await,
        Command::History(args) => commands::status::history(root, &args).await,
        Command::Card(args) => commands::status::card(root, &args).await,
        Command::Pause(args) => verb(Verb::Pause, args).await,
        Command::Resume(args) => verb(Verb::Resume, args).await,
        Command::Promote(args) => verb(Verb::Promote, args).await,
        Command::Stop(args) => verb(Verb::Stop, args).await,
        Command::Abort(args) => verb(Verb::Abort, args).await,
        Command::Rollback(args) => commands::verbs::rollback(root, args).await,
        Command::Signal(args) => commands::verbs::signal(root, args).await,
        Command::Claims { format } => commands::claims::run(root, format).await,
        Command::Dlq { command } => commands::dlq::run(root, &command).await,
        Command::Retry(args) => verb(Verb::Retry, args).await,
        Command::Skip(args) => verb(Verb::Skip, args).await,
        Command::Override(args) => verb(Verb::Override, args).await,
        Command::MarkDone(args) => verb(Verb::MarkDone, args).await,
        Command::Abandon(args) => verb(Verb::Abandon, args).await,
        Command::Reconcile(args) => verb(Verb::Reconcile, args).await,
        Command::Audit { command: AuditCommand::Verify { format } } => commands::audit::verify(root, format).await,
        Command::Db { command } => commands::db::run(root, &command).await,
        Command::Doctor { format } => commands::doctor::run(root, format).await,
        Command::Audit { command: AuditCommand::Export { run } } => commands::audit::export(root, run.as_deref()).await,
        Command::Init(_)
        | Command::Validate(_)
        | Command::Judge(_)
        | Command::Slo(_)
        | Command::Capacity(_)
        | Command::Demo(_)
        | Command::Explain { .. }
        | Command::Schema { .. }
        | Command::Completions { .. }
        | Command::Guard { .. }
        | Command::Supervise { .. }
        | Command::Reference { .. }
        | Command::DemoPart { .. } => Ok(Exit::Internal),
    }
}

fn supervise(words: &[String]) -> ExitCode {
    match words {
        [flag, dir] if flag == "--dir" => glidepath_adapters::supervise_main(Path::new(dir)),
        _ => Exit::BadInput.into(),
    }
}

fn block_on(future: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(future);
    // Blocking reads (a slow host, a terminal) must not keep a finished command alive.
    runtime.shutdown_background();
    result
}

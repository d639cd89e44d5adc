//! The command line.

mod capacity;
mod figures;
mod judge;
mod plan;
mod slo;

pub(crate) use capacity::{CapacityArgs, KnownEvent};
pub(crate) use figures::{ReportArgs, ReportForm};
pub(crate) use judge::{JudgeArgs, JudgeName};
pub(crate) use plan::{DiffArgs, DiffForm, DocumentForm, FindingsForm, PlanArgs, PlanCommand, PlanForm, PlanningArgs, ValidateArgs};
pub(crate) use slo::{SloArgs, SloBackfillArgs, SloCommand, SloRulesArgs, SloShowArgs};

use crate::log::LogForm;
use clap::{Args, Parser, Subcommand, ValueEnum};
use glidepath_model::Millis;
use glidepath_model::catalog::Supersede;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Air-traffic control for production changes: plans a change, clears it, flies it, and turns back by itself.
#[derive(Debug, Parser)]
#[command(name = "glidepath", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Folder of the project; found by walking up to `glidepath.yaml` when left out.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// Form of what is said on standard error: for people, or one JSON object a line; what `GLIDEPATH_LOG` says when left out.
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub(crate) log_format: Option<LogForm>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a small, commented, valid project into a folder.
    Init(InitArgs),
    /// Check every file of the project; every problem at once.
    Validate(ValidateArgs),
    /// Work out candidate plans for a change, ranked and explained.
    Plan(Box<PlanArgs>),
    /// Fly a plan many times in virtual time, with failures and faults: how it ends, how long it takes, what saves it.
    Rehearse(RehearseArgs),
    /// Fly a plan (or a change): show it, ask, fly it live.
    Run(RunArgs),
    /// What flies now; with a run, its flight card.
    Status(StatusArgs),
    /// Watch a run live.
    Watch(WatchArgs),
    /// The journal of a run, event by event.
    Logs(LogsArgs),
    /// Runs that ended, newest first; with a run, its record.
    History(HistoryArgs),
    /// What was predicted of runs against what came of them: whether the predictions can be trusted.
    Calibrate(CalibrateArgs),
    /// How changes were delivered: DORA's five figures and more, by component, by team and in all.
    Report(ReportArgs),
    /// Judge series in files as gates do, or as Kayenta does: canary against baseline. Needs no project.
    Judge(JudgeArgs),
    /// Error budgets: what is left, how fast it burns, when it runs out, what that allows.
    Slo(SloArgs),
    /// Capacity: what targets carry, what load will come, how likely it is too much, when more has to be ordered.
    Capacity(Box<CapacityArgs>),
    /// The flight card of a run.
    Card(CardArgs),
    /// Start nothing new; gates go on watching.
    Pause(VerbArgs),
    /// Go on after pause, stop or hold.
    Resume(VerbArgs),
    /// Pass the manual step or the gate that waits.
    Promote(VerbArgs),
    /// Freeze exposure where it is, until the hold limit.
    Stop(VerbArgs),
    /// Go to safety: roll back.
    Abort(VerbArgs),
    /// Roll a run back, also after it landed.
    Rollback(RollbackArgs),
    /// Try the step again that needs an operator.
    Retry(VerbArgs),
    /// Leave the step out that needs an operator.
    Skip(VerbArgs),
    /// Pass a gate against its verdict (needs --reason).
    Override(VerbArgs),
    /// Say that the step was done by hand.
    MarkDone(VerbArgs),
    /// End the run here; what is in place stays (needs --reason).
    Abandon(VerbArgs),
    /// Probe what is in place and journal it.
    Reconcile(VerbArgs),
    /// Tell an event that a step of a run waits for.
    Signal(SignalArgs),
    /// Who holds what, and who waits for it.
    Claims {
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// What kept failing and was given up: list it, try it again, discard it.
    Dlq {
        /// What to do with dead letters.
        #[command(subcommand)]
        command: DlqCommand,
    },
    /// Check the journal's chains.
    Audit {
        /// What to do with the journal.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Back up, restore and check what `.glidepath` holds.
    Db {
        /// What to do with the store.
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Check that everything is as it should be, and say what to do where it is not.
    Doctor {
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// See the whole product at work on this machine alone.
    Demo(DemoArgs),
    /// Explain an error code, such as GP0123.
    Explain {
        /// The code.
        code: Option<String>,
    },
    /// Print the JSON Schema of a kind of file.
    Schema {
        /// The kind, such as `Change`; all kinds are listed when left out.
        kind: Option<String>,
    },
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Fly the runs of a shared store, beside other nodes, until told to end.
    Node(NodeArgs),
    /// Ask a node to hand its runs over and to leave.
    Drain(DrainArgs),
    /// Bring traffic to safety or fly on when the owner of a run has died.
    #[command(name = "__guard", hide = true)]
    Guard {
        /// Root of the project.
        root: PathBuf,
        /// Where traces go, as its maker was told.
        #[arg(long, value_name = "URL")]
        otlp: Option<String>,
    },
    /// Run one command for an attempt, on behalf of an owner that may die.
    #[command(name = "__supervise", hide = true)]
    Supervise {
        /// What the supervising adapter passes on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Print a reference page.
    #[command(name = "__reference", hide = true)]
    Reference {
        /// Which.
        page: String,
    },
    /// A part of the demo's fleet.
    #[command(name = "__demo", hide = true)]
    DemoPart {
        /// `service`, `load` or `router`.
        part: String,
        /// Its words.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// Form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    #[default]
    Human,
    /// For programs; documented and stable.
    Json,
}

/// What becomes of a change in flight when a newer plan of it is to fly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// It flies on; the newer plan is refused where both want the same.
    Refuse,
    /// It flies to its end first.
    Finish,
    /// It ends where it is, where no user is on its new side; what it did stays in place.
    Stop,
    /// It goes back first.
    Rollback,
}

impl From<How> for Supersede {
    fn from(how: How) -> Self {
        match how {
            How::Refuse => Self::Refuse,
            How::Finish => Self::Finish,
            How::Stop => Self::Stop,
            How::Rollback => Self::Rollback,
        }
    }
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder to write to; the present one when left out.
    pub(crate) folder: Option<PathBuf>,
    /// Name of the project; the folder's name when left out.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// A length of time with a unit, longer than nothing.
fn age(text: &str) -> Result<Millis, String> {
    let parsed = Millis::parse(text).filter(|length| *length > Millis::ZERO);
    parsed.ok_or_else(|| "this is no length of time such as `60d`, `12h` or `1d12h`".to_owned())
}

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// A plan's id (its first six digits or more), a change or runbook, or a game day of `rehearsals/`.
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Flights; 10,000 where neither this nor the game day says otherwise.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=glidepath_rehearse::RUNS_MAX))]
    pub(crate) runs: Option<u64>,
    /// What goes wrong, such as `dark:10m@30m`, `step-fails:20%`, `node-lost`, `approval-late:1h`, `dependency-down:ledger:5m`,
    /// `traffic-drop:10%:1h` or `slow-rollback:4`; may be given several times. Without a time after take-off each flight draws one.
    #[arg(long = "fault", value_name = "FAULT")]
    pub(crate) faults: Vec<String>,
    /// Tell this flight instead of the worst one.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) flight: Option<u64>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DocumentForm,
    /// Write the answer to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Form of a calibration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CalibrationForm {
    /// For people, with the reliability diagram in characters.
    #[default]
    Human,
    /// For programs; documented and stable.
    Json,
    /// The reliability diagram as a picture.
    Svg,
    /// Tables for a document.
    Markdown,
}

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CalibrationForm,
    /// Write the answer to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A plan's id (its first six digits or more), or a change or runbook.
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Do not ask. Never stands for an approval.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print every effect in order, start none.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Fly on the approval of this plan: what is planned now must keep within its envelope, or nothing is started.
    #[arg(long, value_name = "PLAN")]
    pub(crate) parent: Option<String>,
    /// Wait in the queue for what other runs hold, instead of being refused.
    #[arg(long)]
    pub(crate) wait: bool,
    /// What becomes of an older run of the same change that is in flight; `defaults.supersede` of the project when left out.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) supersede: Option<How>,
    /// Take off although a calendar or budget says no; needs a reason, which is journaled.
    #[arg(long, value_name = "REASON")]
    pub(crate) override_gates: Option<String>,
    /// Say for a person, where nobody is at the terminal, why a plan may fly that needs one, or that has a finding of severity error; journaled.
    #[arg(long, value_name = "REASON")]
    pub(crate) cleared_by: Option<String>,
    /// Serve metrics for Prometheus while this process flies: a port of this machine, such as `9464`, or an address with one.
    #[arg(long, value_name = "ADDR", value_parser = figures::metrics_address)]
    pub(crate) metrics_addr: Option<SocketAddr>,
    /// Send traces to a receiver of OTLP over HTTP, such as `http://127.0.0.1:4318`; what `OTEL_EXPORTER_OTLP_ENDPOINT` says when left out.
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// Form of the answer: a line per event, or one JSON object per event.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// A run; all live ones when left out.
    pub(crate) run: Option<String>,
    /// Ended ones too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The run; the newest live one when left out.
    pub(crate) run: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The run; the newest when left out.
    pub(crate) run: Option<String>,
    /// Only this step, with the captured output of its attempts.
    #[arg(long)]
    pub(crate) step: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// A run, for its record: predicted against actual, timeline, who did what.
    pub(crate) run: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DocumentForm,
    /// Write the answer to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `card`.
#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// The run; the newest when left out.
    pub(crate) run: Option<String>,
}

/// Arguments of the pilot's and operator's verbs.
#[derive(Debug, Args)]
pub(crate) struct VerbArgs {
    /// The run; the only live one when left out.
    pub(crate) run: Option<String>,
    /// The step, where there is a choice.
    #[arg(long)]
    pub(crate) step: Option<String>,
    /// Why; journaled.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The run; the only live one when left out.
    pub(crate) run: Option<String>,
    /// Go back to this step only and rest there; what came after it is undone.
    #[arg(long, value_name = "STEP")]
    pub(crate) to: Option<String>,
    /// Why; journaled.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Go back although newer runs on the same targets were abandoned, and what they left stays; needs a reason, which is journaled.
    #[arg(long, value_name = "REASON", conflicts_with = "reason")]
    pub(crate) override_abandoned: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `signal`.
#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    /// The run.
    pub(crate) run: String,
    /// The event.
    pub(crate) event: String,
    /// What the event brings, as `NAME=VALUE`; numbers and `true`/`false` are taken as such where the step declares them.
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) outputs: Vec<String>,
    /// Why; journaled.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `dlq replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Number of the dead letter.
    pub(crate) number: u64,
    /// Wait in the queue for what other runs hold, instead of being refused.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Take off although a calendar says no; needs a reason, which is journaled.
    #[arg(long, value_name = "REASON")]
    pub(crate) override_gates: Option<String>,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Those that wait, oldest first.
    List {
        /// Also those that were settled, newest first, with who did it, when and why.
        #[arg(long, conflicts_with = "metrics")]
        all: bool,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
        /// Print how many wait, and the limit, for OpenMetrics.
        #[arg(long)]
        metrics: bool,
    },
    /// One of them, whole.
    Show {
        /// Its number.
        number: u64,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// Do it once more: a step as a run of its own, with the same identity; a message by the project's own command.
    Replay(ReplayArgs),
    /// Leave it undone for good.
    Discard {
        /// Its number.
        number: u64,
        /// Why; kept with it.
        #[arg(long)]
        reason: String,
    },
}

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Find changed bytes, missing tails and missing streams.
    Verify {
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// Print every event of a run (or of all) as JSON lines.
    Export {
        /// The run; all when left out.
        run: Option<String>,
    },
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Write the journal, plans and lessons to one new file, also while runs fly.
    Backup {
        /// The file; it must not be there yet.
        file: PathBuf,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// Make a backup the state of the project; runs that were live in it rest until you speak.
    Restore {
        /// A file that `glidepath db backup` wrote.
        file: PathBuf,
        /// Move a state folder that holds a journal aside; its new name says when.
        #[arg(long)]
        replace: bool,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// Archive ended runs now, each as one compressed file that `history` and `audit verify` read as before.
    Archive {
        /// Only runs in which nothing has happened for this long, such as `60d`; the project's `retention` when left out.
        #[arg(long, value_name = "DURATION", value_parser = age)]
        older_than: Option<Millis>,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
    /// Check pages, references, chains, every run's summary and the reserve.
    Check {
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
    },
}

/// Arguments of `node`.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// The shared store: `env:NAME` or `file:PATH` with a PostgreSQL address, or the address itself; the project's `store` when left out.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Name of the node; the machine's name when left out. No two living nodes have the same.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// State folder of this node, for records of its commands, cards and the mirror of its journals; `.glidepath` when left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Length of its lease in seconds: how long others wait for it when it is not heard of.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) lease_seconds: u64,
    /// Serve metrics for Prometheus: a port of this machine, such as `9464`, or an address with one, such as `0.0.0.0:9464`.
    #[arg(long, value_name = "ADDR", value_parser = figures::metrics_address)]
    pub(crate) metrics_addr: Option<SocketAddr>,
    /// Send traces to a receiver of OTLP over HTTP, such as `http://127.0.0.1:4318`; what `OTEL_EXPORTER_OTLP_ENDPOINT` says when left out.
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// Form of what it tells: a line per event of a run, or every event as JSON.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The node; the only one when left out.
    pub(crate) node: Option<String>,
    /// The shared store, as for `node`.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// How long to wait until it has left, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) wait_seconds: u64,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Within two minutes.
    #[arg(long)]
    pub(crate) fast: bool,
    /// Leave the fleet up to play with.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Folder for the demo's project; a new one in the temporary folder when left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Do not use HAProxy, even if installed.
    #[arg(long, hide = true)]
    pub(crate) no_haproxy: bool,
    /// Do not use Prometheus, even if installed.
    #[arg(long, hide = true)]
    pub(crate) no_prometheus: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

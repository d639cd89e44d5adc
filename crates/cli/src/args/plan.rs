//! Arguments of the commands that look at files and make plans.

use crate::deny::{self, Denied};
use clap::{Args, Subcommand, ValueEnum};
use glidepath_model::Timestamp;
use std::path::PathBuf;

/// Form of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanForm {
    /// A summary for the terminal.
    #[default]
    Human,
    /// The plan, whole.
    Json,
    /// The rollout document.
    Markdown,
    /// The rollout document as one self-contained page.
    Html,
    /// The run sheet as a page for print: for flying by hand when everything else is down.
    Runsheet,
    /// The run sheet as Markdown.
    RunsheetMarkdown,
    /// The findings, for tools that show them beside the lines they are about: SARIF 2.1.0.
    Sarif,
}

/// Form of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentForm {
    /// For the terminal.
    #[default]
    Human,
    /// The document as data.
    Json,
    /// Markdown.
    Markdown,
    /// One self-contained page.
    Html,
}

/// Form of what was found in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsForm {
    /// For people.
    #[default]
    Human,
    /// For programs; documented and stable.
    Json,
    /// For tools that show findings beside the lines they are about: SARIF 2.1.0.
    Sarif,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Also prove that hosts, probes, routers and both sides of the split answer.
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) deny: DenyArgs,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FindingsForm,
}

/// What makes a look at files or a plan end with exit code 3.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DenyArgs {
    /// End with exit code 3, once all is printed, where there is a finding of this severity or worse (`note`, `warning`, `error`), or one of this code
    /// (`GP0306`); several with commas.
    #[arg(long, value_delimiter = ',', value_parser = deny::parse, value_name = "LEVEL|CODE")]
    pub(crate) deny: Vec<Denied>,
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not a time with a zone, such as 2026-12-01T09:00:00+01:00"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "write it as `parameter=value`".to_owned())?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// What planning rests on.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlanningArgs {
    /// Plan as if it were this time.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// Seed of everything random in the plan.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Replay saved facts instead of observing.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Plan on stale or missing facts; the plan names them.
    #[arg(long)]
    pub(crate) accept_stale: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct PlanArgs {
    /// What to do with plans that there are.
    #[command(subcommand)]
    pub(crate) command: Option<PlanCommand>,
    /// The change or runbook: its name, or a file; or the id of a stored plan (its first six digits or more), which is shown as it is.
    #[arg(required_unless_present = "template")]
    pub(crate) change: Option<String>,
    /// Plan what comes of this template of `templates/`.
    #[arg(long, value_name = "NAME", conflicts_with = "change")]
    pub(crate) template: Option<String>,
    /// Give a parameter of the template its value; once for each.
    #[arg(long = "set", value_name = "PARAMETER=VALUE", requires = "template", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Plan this variant of the change.
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Plan the change and each of its variants from the same facts, and set them side by side.
    #[arg(long, conflicts_with_all = ["variant", "parent", "save_facts", "deny", "all", "out"])]
    pub(crate) variants: bool,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Make it a child of this plan: inside of the envelope that was approved of that one it flies on the same approval; what is outside is said.
    #[arg(long, value_name = "PLAN")]
    pub(crate) parent: Option<String>,
    /// Save the facts to a file, for `--facts`.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_facts: Option<PathBuf>,
    /// Write the changes that follow from this one, such as a contract, to this folder; files that are there stay as they are.
    #[arg(long, value_name = "DIR")]
    pub(crate) follow_ups: Option<PathBuf>,
    /// Write the smaller changes that it could be into a folder, where the plan offers some.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["variants", "template"])]
    pub(crate) split: Option<PathBuf>,
    /// Show every candidate with its figures, and of every finding why it matters and what to do.
    #[arg(long)]
    pub(crate) all: bool,
    /// Show the plan also where the project's rules say that none is needed.
    #[arg(long)]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) deny: DenyArgs,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanForm,
    /// Write the answer to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the messages of section 7 of the document to a folder, one file for each.
    #[arg(long, value_name = "DIR")]
    pub(crate) messages: Option<PathBuf>,
}

/// What to do with plans that there are.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// What differs between two plans: items, strategies, ladder, gates, commands, undo, order, limits, prediction.
    Diff(DiffArgs),
}

/// Arguments of `plan diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The first plan: its id (its first six digits or more), or a file that `plan --format json` wrote.
    pub(crate) from: String,
    /// The second plan.
    pub(crate) to: String,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DiffForm,
}

/// Form of what differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffForm {
    /// For the terminal.
    #[default]
    Human,
    /// For programs; documented and stable.
    Json,
    /// Markdown, with every difference.
    Markdown,
}

//! Calling the real program, as a person would.

use crate::error::DemoError;
use crate::keeper::MARK;
use crate::show::Stream;
use glidepath_model::projection::RunSummary;
use serde::de::DeserializeOwned;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a command that only reads or plans may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// The program in the demo's project.
#[derive(Debug, Clone)]
pub struct Glidepath {
    /// The program.
    pub program: PathBuf,
    /// Root of the project.
    pub root: PathBuf,
    /// Where commands whose output is for the audience write.
    pub stream: Stream,
}

impl Glidepath {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // In a group of its own, so that Ctrl-C reaches the demo alone, which then ends everything in order.
        command.args(words).current_dir(&self.root).env(MARK, &self.root).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        command
    }

    /// Runs a command to its end and gives what it wrote.
    ///
    /// # Errors
    /// When it cannot be run or takes too long.
    pub async fn output(&self, words: &[&str]) -> Result<Output, DemoError> {
        let run = self.command(words).output();
        match timeout(ANSWER_MAX, run).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(failed(words, &error.to_string())),
            Err(_) => Err(failed(words, &format!("no end within {} s", ANSWER_MAX.as_secs()))),
        }
    }

    /// Runs a command that must succeed; gives its standard output.
    ///
    /// # Errors
    /// When it does not, with what it said.
    pub async fn text(&self, words: &[&str]) -> Result<String, DemoError> {
        let output = self.output(words).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        Err(failed(words, said.iter().find(|text| !text.is_empty()).map_or("it said nothing", String::as_str)))
    }

    /// Runs a command that must succeed; gives its standard output as JSON.
    ///
    /// # Errors
    /// When it does not, or answers something else.
    pub async fn json<T: DeserializeOwned>(&self, words: &[&str]) -> Result<T, DemoError> {
        let text = self.text(words).await?;
        serde_json::from_str(&text).map_err(|error| failed(words, &format!("its answer is not what was asked for: {error}")))
    }

    /// Starts a command whose output goes to the audience.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, words: &[&str]) -> Result<Child, DemoError> {
        let mut command = self.command(words);
        if self.stream == Stream::Stderr {
            let stderr = std::io::stderr().as_fd().try_clone_to_owned().map_err(|error| failed(words, &error.to_string()))?;
            command.stdout(Stdio::from(stderr));
        }
        command.spawn().map_err(|error| failed(words, &error.to_string()))
    }

    /// Waits for a command that `start` gave.
    ///
    /// # Errors
    /// When it does not end within `longest`; it is killed then.
    pub async fn wait(&self, mut child: Child, words: &[&str], longest: Duration) -> Result<ExitStatus, DemoError> {
        match timeout(longest, child.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(failed(words, &error.to_string())),
            Err(_) => Err(failed(words, &format!("no end within {} s", longest.as_secs()))),
        }
    }

    /// The newest run of a change, as `status --all` lists it.
    ///
    /// # Errors
    /// When the list cannot be had.
    pub async fn newest_run(&self, change: &str) -> Result<Option<RunSummary>, DemoError> {
        let words = ["status", "--all", "--format", "json"];
        let runs: Vec<RunSummary> = self.json(&words).await?;
        Ok(runs.into_iter().filter(|run| run.change.as_str() == change).max_by_key(|run| run.started_at))
    }

    /// How it is typed.
    pub fn typed(words: &[&str]) -> String {
        format!("glidepath {}", words.join(" "))
    }
}

fn failed(words: &[&str], why: &str) -> DemoError {
    DemoError::new(
        DemoError::COMMAND,
        format!("`{}` failed: {why}", Glidepath::typed(words)),
        "run the demo with --keep, and the command by hand in its folder",
    )
}

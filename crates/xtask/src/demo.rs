//! The demo as a test: both ways, each act with the outcome it promises.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the three acts must come to.
const OUTCOMES: [&str; 3] = ["landed", "rolled-back", "landed"];

/// Tries of one demo. Its judge is the real one: by design it calls one good change in a hundred bad, and misses a few bad ones, so that one
/// unlucky demo says nothing. Two in a row do.
const TRIES_MAX: u32 = 2;

/// Flies the demo with HAProxy and Prometheus, then with the small ones of our own.
pub(crate) fn run() -> Result<()> {
    let binary = workspace::glidepath_binary(false)?;
    for flags in [&[][..], &["--no-haproxy", "--no-prometheus"]] {
        let mut tries = 1;
        while let Err(error) = fly(&binary, flags) {
            if tries == TRIES_MAX {
                return Err(error);
            }
            println!("try {tries}: {error:#}; once more");
            tries += 1;
        }
    }
    Ok(())
}

fn fly(binary: &Path, flags: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for the demo can be made")?;
    let project = folder.path().join("demo");
    let output = Command::new(binary)
        .args(["demo", "--fast", "--format", "json", "--dir"])
        .arg(&project)
        .args(flags)
        .stderr(Stdio::inherit())
        .output()
        .context("the demo cannot be started")?;
    let said: Value = serde_json::from_slice(&output.stdout).context("the demo did not end with one JSON object")?;
    let acts: Vec<&str> = said["acts"].as_array().into_iter().flatten().filter_map(|act| act["outcome"].as_str()).collect();
    if acts != OUTCOMES || !output.status.success() {
        bail!("the demo {flags:?} ended with {} and the outcomes {acts:?}", output.status);
    }
    println!("demo {flags:?}: {}", acts.join(", "));
    Ok(())
}

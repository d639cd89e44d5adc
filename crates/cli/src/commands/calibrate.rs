//! `calibrate`: what was predicted of runs against what came of them.

use crate::args::{CalibrateArgs, CalibrationForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::world::{RUNS_MAX, World};
use crate::{output, past};
use glidepath_judge::calibration::{Calibration, Flown, calibration};
use glidepath_model::{Code, Diagnostic};
use glidepath_report::{LeftOut, Style, calibration_markdown, calibration_svg};
use serde::Serialize;
use std::path::Path;

/// Seed of the samples that say what chance does; fixed, so that the same journal gives the same answer.
const SEED: u64 = 0;

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    calibration: Option<&'a Calibration>,
    left_out: LeftOut,
}

pub(crate) async fn run(root: &Path, args: &CalibrateArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let (past, left_out) = past::runs(&world, RUNS_MAX).await?;
    let flown: Vec<Flown> = past.iter().map(|run| run.flown).collect();
    let found = calibration(&flown, SEED);
    let found = found.as_ref();
    let text = match args.format {
        CalibrationForm::Human => {
            let style = if args.out.is_none() && output::stdout_is_styled() { Style::Ansi } else { Style::Plain };
            glidepath_report::calibration(found, &left_out, style)
        }
        CalibrationForm::Json => serde_json::to_string_pretty(&Answer { calibration: found, left_out }).unwrap_or_default() + "\n",
        CalibrationForm::Markdown => calibration_markdown(found, &left_out),
        CalibrationForm::Svg => calibration_svg(found.ok_or_else(nothing_to_draw)?),
    };
    output::deliver(args.out.as_deref(), &text, args.format == CalibrationForm::Human)?;
    Ok(Exit::Done)
}

fn nothing_to_draw() -> Failure {
    let diagnostic = Diagnostic::error(Code(679), "there is nothing to draw: no run of a change has ended yet")
        .because("A reliability diagram sets what was predicted of runs against how they ended.")
        .hint("fly a change with `glidepath run CHANGE`; `glidepath calibrate` says how many runs there are");
    Failure::new(Exit::BadInput, diagnostic)
}

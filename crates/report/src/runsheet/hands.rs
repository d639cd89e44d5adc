//! How long a flight by hand takes: what the run itself is predicted to take, the watches that nobody ends early, and the work of the hands.

use super::gates;
use super::shell::Shell;
use super::{is_look, shell_by_hand};
use crate::calls::drained;
use crate::clock::Clock;
use glidepath_model::command::shell_line;
use glidepath_model::plan::{Step, Work};
use glidepath_model::{Millis, Plan};

/// To find one line on the sheet, to give it, and to read what comes back.
pub(super) const LINE_BY_HAND: Millis = Millis::from_secs(15);

/// What a flight by hand takes, and what that is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// In half of the cases at most.
    pub p50: Millis,
    /// In 95 % of the cases at most.
    pub p95: Millis,
    /// Lines that are given: commands, and what shows their outcome.
    pub lines: u64,
    /// The work of the hands in it.
    pub handwork: Millis,
    /// What watches take longer, because nobody weighs evidence to end them early.
    pub watches: Millis,
}

/// How long the plan takes by hand.
pub fn by_hand(plan: &Plan) -> ByHand {
    let shell = shell_by_hand(plan);
    of(plan, &shell, &Clock::by_hand(plan, |step| handwork(&shell, step)))
}

pub(super) fn of(plan: &Plan, shell: &Shell, clock: &Clock<'_>) -> ByHand {
    let lines = plan.body.steps.iter().filter(|step| !step.after_landing).map(|step| lines(shell, step)).sum();
    let (handwork, run) = (times(lines), &plan.prediction.duration);
    let p50 = clock.length().max(run.p50_ms.0.saturating_add(handwork.0));
    ByHand {
        p50: Millis(p50),
        p95: Millis(p50.saturating_add(run.p95_ms.0.saturating_sub(run.p50_ms.0))),
        lines,
        handwork,
        watches: Millis(p50.saturating_sub(run.p50_ms.0).saturating_sub(handwork.0)),
    }
}

/// How long the hands are busy with a step.
pub(super) fn handwork(shell: &Shell, step: &Step) -> Millis {
    times(lines(shell, step))
}

fn times(lines: u64) -> Millis {
    Millis(LINE_BY_HAND.0.saturating_mul(lines))
}

/// Lines that are given for a step, at its end where it is a watch.
fn lines(shell: &Shell, step: &Step) -> u64 {
    let typed = |commands: &[String]| shell.typed(commands.iter().map(String::as_str)).len();
    let lines = match &step.work {
        Work::Call(_) if is_look(step) => shell.typed(step.command.lines()).len(),
        Work::Call(call) => {
            let checks: Vec<String> = step.validations.iter().map(shell_line).collect();
            step.command.lines().count() + usize::from(drained(call).is_some()) + typed(&checks)
        }
        Work::Gate(gate) => gates::typed(shell, gate).iter().map(|commands| commands.lines().count()).sum(),
        Work::Wait(_) => 0,
        Work::Manual { .. } | Work::Event { .. } => 1,
    };
    u64::try_from(lines).unwrap_or(u64::MAX)
}

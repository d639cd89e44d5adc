//! Backups, schema changes and flags.

use super::calls;
use super::fleet::{on_unknown, undo_call};
use super::{Lowering, Spot};
use crate::codes;
use crate::command::shell_line;
use crate::durations::Kind;
use crate::outline::{Outline, StagePath, rounded};
use crate::site::Site;
use crate::template::Placeholders;
use glidepath_model::action::{ActionCall, ExecInput, SqlInput};
use glidepath_model::change::{ContractStep, DataStep};
use glidepath_model::ids::StepId;
use glidepath_model::plan::{CompensateOn, Exposure, FollowUp, Phase, RetryPolicy, Step, Undo, Work};
use glidepath_model::{Diagnostic, Millis, Share, Timestamp};
use serde_json::Value;

/// Deadline of a data step beyond its statement timeout.
const DATA_GRACE: Millis = Millis::from_secs(30);
/// Deadline of a data step by command.
const DATA_EXEC_TIMEOUT: Millis = Millis::from_mins(60);
/// Statements of one SQL text that the deadline allows for at most.
const STATEMENTS_MAX: u64 = 50;
/// When a flag without a date is to be looked at.
const FLAG_REVIEW: Millis = Millis::from_mins(30 * 24 * 60);

impl Lowering<'_> {
    /// Saves data before the item begins, where the target says how.
    pub(super) fn backup(&mut self, site: &Site<'_>, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(template) = &site.target.backup else { return needs };
        let kinds = self.kinds;
        let Some(call) = calls::filled(template, &calls::site_values(site), site, "backup", kinds, self.notes) else { return needs };
        let spot = Spot { phase: Phase::Prepare, wave: 0, stage: 0, region: None, prefix: site.path() };
        let title = format!("Back up {}", site.target.component);
        let mut step = self.draft(site, &spot, "backup", title, Work::Call(call), Kind::Backup);
        step.undo = Undo::LeaveInPlace { reason: "a backup does no harm".to_owned() };
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.on_unknown = on_unknown(template, false, step.on_unknown);
        step.needs = needs;
        vec![self.push(step)]
    }

    /// Expand, then backfill; the contract half becomes a follow-up.
    pub(super) fn schema(
        &mut self,
        site: &Site<'_>,
        expand: &DataStep,
        backfill: Option<&DataStep>,
        contract: Option<&ContractStep>,
        wave: u32,
        needs: Vec<StepId>,
    ) -> Vec<StepId> {
        let component = &site.target.component;
        let mut frontier = needs;
        for (name, title, step, reason) in [
            ("expand", format!("Expand the schema of {component}"), Some(expand), "additive: the old version does not look at it"),
            ("backfill", format!("Fill the new columns of {component}"), backfill, "additive: it fills only what the expansion added"),
        ] {
            let Some(data) = step else { continue };
            let spot = Spot { phase: Phase::Prepare, wave, stage: 0, region: None, prefix: site.path() };
            let Some(mut step) = self.data_step(site, &spot, name, title, data) else { continue };
            step.undo = Undo::LeaveInPlace { reason: reason.to_owned() };
            step.needs = frontier;
            frontier = vec![self.push(step)];
        }
        if let Some(contract) = contract
            && let Some(call) = self.data_call(site, &contract.step)
        {
            self.follow_ups.push(FollowUp {
                title: format!(
                    "Contract the schema of {component} in {}: one-way, as a change of its own with its own approval",
                    site.environment.name
                ),
                not_before_ms: contract.not_before_ms,
                command: shell_line(&call),
                owner: site.owner.clone(),
            });
        }
        frontier
    }

    fn data_step(&mut self, site: &Site<'_>, spot: &Spot, name: &str, title: String, data: &DataStep) -> Option<Step> {
        let call = self.data_call(site, data)?;
        let mut step = self.draft(site, spot, name, title, Work::Call(call), Kind::Data);
        step.timeout_ms = match (&site.target.database, data) {
            (Some(database), DataStep::Sql { text, .. }) => {
                let statements = (text.matches(';').count() as u64).clamp(1, STATEMENTS_MAX);
                Millis(database.statement_timeout_ms.0.saturating_mul(statements)).plus(DATA_GRACE)
            }
            _ => DATA_EXEC_TIMEOUT,
        };
        step.retry = RetryPolicy { attempts_max: 5, ..RetryPolicy::default() };
        Some(step)
    }

    fn data_call(&mut self, site: &Site<'_>, data: &DataStep) -> Option<ActionCall> {
        match data {
            DataStep::Sql { path, text } => {
                let Some(database) = &site.target.database else {
                    self.notes.wrong(
                        Diagnostic::error(codes::TARGET_CANNOT, format!("{} declares no database, and {path} is SQL.", site.target.name))
                            .because("The statements need a connection and time limits.")
                            .hint(format!("Declare spec.database on {}, with engine, connection and timeouts.", site.target.name)),
                    );
                    return None;
                };
                let input = SqlInput {
                    engine: database.engine.clone(),
                    connection: database.connection.clone(),
                    text: text.clone(),
                    path: Some(path.clone()),
                    lock_timeout_ms: database.lock_timeout_ms,
                    statement_timeout_ms: database.statement_timeout_ms,
                    // An index that is built concurrently refuses to be part of a transaction.
                    transaction: !text.to_ascii_lowercase().contains("concurrently"),
                    expect_text: None,
                };
                Some(ActionCall { kind: "sql".to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) })
            }
            DataStep::Exec { argv } => {
                let values = calls::site_values(site);
                let mut left = Vec::new();
                let argv = argv.iter().map(|word| values.text(word, &mut left)).collect();
                if !left.is_empty() {
                    self.notes.wrong(
                        Diagnostic::error(
                            codes::PLACEHOLDER_LEFT,
                            format!("A data step of {} has no value for {{{}}}.", site.target.component, left.join("}, {")),
                        )
                        .because("A command must be complete before it is planned.")
                        .hint("Known here are {version}, {component} and {environment}."),
                    );
                    return None;
                }
                let input = ExecInput { argv, ..ExecInput::default() };
                Some(ActionCall { kind: "exec".to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) })
            }
        }
    }

    /// Raises a flag stage by stage.
    pub(super) fn flag(
        &mut self,
        site: &Site<'_>,
        outline: &Outline,
        flag: &str,
        remove_by: Option<Timestamp>,
        wave: u32,
        needs: Vec<StepId>,
    ) -> Vec<StepId> {
        if site.target.flag.is_none() {
            self.notes.wrong(
                Diagnostic::error(codes::TARGET_CANNOT, format!("{} does not say how a flag is set.", site.target.name))
                    .because("Without it nothing can be done.")
                    .hint(format!("Declare spec.flag on {}, with the placeholders {{flag}} and {{share}}.", site.target.name)),
            );
            return needs;
        }
        let from = site.from.as_deref().and_then(Share::parse).unwrap_or(Share::ZERO);
        let back = self.flag_call(site, flag, from);
        let mut frontier = needs;
        for (number, stage) in outline.waves.iter().flatten().flat_map(|path| &path.stages).enumerate() {
            let stage_number = number as u32 + 1;
            let spot = Spot {
                phase: Phase::Deploy,
                wave,
                stage: stage_number,
                region: None,
                prefix: format!("{}/stage-{stage_number}", site.path()),
            };
            let Some(step) = self.flag_step(site, flag, stage, back.as_ref(), &spot, frontier.clone()) else { return frontier };
            frontier = vec![self.push(step)];
            if let Some(gate) = &stage.gate {
                frontier = vec![self.stage_gate(site, 0, stage, gate, usize::MAX, &spot, &frontier)];
            }
        }
        self.follow_ups.push(FollowUp {
            title: format!("Remove the flag {flag} from {}", site.target.component),
            not_before_ms: remove_by.map_or(FLAG_REVIEW, |by| by.since(self.options.now)),
            command: format!("remove {flag} from the code of {} and from the flag service", site.target.component),
            owner: site.owner.clone(),
        });
        frontier
    }

    fn flag_step(
        &mut self,
        site: &Site<'_>,
        flag: &str,
        stage: &StagePath,
        back: Option<&ActionCall>,
        spot: &Spot,
        needs: Vec<StepId>,
    ) -> Option<Step> {
        let template = site.target.flag.as_ref()?;
        let share = rounded(Share::from_f64(stage.share));
        let call = self.flag_call(site, flag, share)?;
        let kinds = self.kinds;
        let title = format!("Show {flag} to {share} of the users");
        let mut step = self.draft(site, spot, "set", title, Work::Call(call), Kind::Flag);
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.on_unknown = on_unknown(template, false, step.on_unknown);
        step.compensate_on = CompensateOn::Attempt;
        step.exposure = Some(Exposure {
            target: site.target.name.clone(),
            region: None,
            share,
            safety: back.cloned(),
            safety_command: back.map(shell_line),
            safety_needs: Vec::new(),
        });
        if let (1, Some(back)) = (spot.stage, back) {
            step.undo = undo_call(back.clone(), Vec::new(), step.timeout_ms);
        }
        step.needs = needs;
        Some(step)
    }

    fn flag_call(&mut self, site: &Site<'_>, flag: &str, share: Share) -> Option<ActionCall> {
        let template = site.target.flag.as_ref()?;
        let percent = (share.ppb() + 5_000_000) / 10_000_000;
        let values: Placeholders = calls::site_values(site)
            .with("flag", flag)
            .with("share", percent.to_string())
            .with("value", if percent > 0 { "true" } else { "false" });
        calls::filled(template, &values, site, "flag command", self.kinds, self.notes)
    }
}

//! What planning has to say beside the plan.

use crate::conflict::{Refusal, Way};
use glidepath_model::diagnostic::{Diagnostic, Severity};

/// Collected while planning; nothing hides anything else.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Whether stale and missing facts are findings.
    pub(crate) accept_stale: bool,
    /// What is wrong with the input.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What forbids the plan.
    pub(crate) refused: Vec<Diagnostic>,
    /// What the plan should be read with.
    pub(crate) findings: Vec<Diagnostic>,
    /// What was derived or assumed.
    pub(crate) derived: Vec<String>,
    /// What would let candidates in that only limits rule out, not yet tried; the cheapest first.
    pub(crate) ways: Vec<Way>,
}

impl Notes {
    /// Input that cannot be planned.
    pub(crate) fn wrong(&mut self, diagnostic: Diagnostic) {
        push_new(&mut self.diagnostics, diagnostic);
    }

    /// Limits that no candidate keeps.
    pub(crate) fn beyond_limits(&mut self, refusal: Refusal) {
        self.ways.extend(refusal.ways);
        self.wrong(refusal.diagnostic);
    }

    /// A fact the plan rests on is missing or stale: refuses the plan, unless that was accepted.
    pub(crate) fn unsure(&mut self, mut diagnostic: Diagnostic) {
        if self.accept_stale {
            diagnostic.severity = Severity::Warning;
            push_new(&mut self.findings, diagnostic);
        } else {
            push_new(&mut self.refused, diagnostic);
        }
    }

    /// Refuses the plan whatever was accepted.
    pub(crate) fn refuse(&mut self, diagnostic: Diagnostic) {
        push_new(&mut self.refused, diagnostic);
    }

    /// Worth knowing.
    pub(crate) fn find(&mut self, diagnostic: Diagnostic) {
        push_new(&mut self.findings, diagnostic);
    }

    /// Says what was derived or assumed, once.
    pub(crate) fn derive(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.derived.contains(&sentence) {
            self.derived.push(sentence);
        }
    }

    /// Whether no plan can come of this.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.refused.is_empty() || self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

fn push_new(list: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if !list.contains(&diagnostic) {
        list.push(diagnostic);
    }
}

//! Questions about error budgets: read as `glidepath slo` reads them, so that a plan and a person see the same figures.

use super::{Answer, Collector, Question};
use crate::budgets::{NO_SOURCE, read, source};
use glidepath_judge::slo::BURN_MAX;
use glidepath_model::catalog::{Catalog, Objective};
use glidepath_model::facts::MissingFact;
use glidepath_model::ids::TargetName;

/// Kind of what is missing where nothing was asked, because nobody could be.
pub(crate) const UNCOUNTED: &str = "uncounted";

impl Collector {
    /// One question for each objective of a component in `scope`. What cannot be read is missing, and neither full nor spent.
    pub(super) fn budget_questions(&self, catalog: &Catalog, scope: &[TargetName]) -> Vec<Question> {
        let is_touched =
            |objective: &&Objective| scope.iter().filter_map(|n| catalog.targets.get(n)).any(|t| t.component == objective.component);
        let burn_max = catalog.settings.policy.burn_max.unwrap_or(BURN_MAX);
        let touched = catalog.objectives.iter().filter(is_touched).cloned();
        touched
            .map(|objective| -> Question {
                let (this, source) = (self.clone(), source(&objective, &catalog.settings));
                Box::pin(async move {
                    let at = this.clock.now();
                    let kind = if source.is_some() && objective.terms.uncounted.is_none() { "budget" } else { UNCOUNTED };
                    let known = match source {
                        Some(source) => read(&*this.telemetry, &source, &objective, at).await,
                        None => Err(NO_SOURCE.to_owned()),
                    };
                    let fact = known.and_then(|known| known.fact(&objective, burn_max).map_err(|problem| problem.to_string()));
                    vec![match fact {
                        Ok(fact) => Answer::Budget(objective.name, fact),
                        Err(why) => Answer::Missing(MissingFact {
                            what: format!("error budget of {}", objective.name),
                            why,
                            target: None,
                            kind: kind.to_owned(),
                        }),
                    }]
                })
            })
            .collect()
    }
}

//! What is made to go wrong in a rehearsal.

use glidepath_model::{ComponentName, Millis, StepId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that goes wrong. Where a fault has no time, each flight draws one within the expected duration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Fault {
    /// Every try of a step fails.
    #[serde(rename_all = "camelCase")]
    StepFails {
        /// Which; one that each flight draws when `None`.
        step: Option<StepId>,
        /// In this share of all flights, 0 to 1.
        chance: f64,
    },
    /// No telemetry answers: what rests on metrics is undecided, health checks still look.
    #[serde(rename_all = "camelCase")]
    Dark {
        /// Since when, after take-off.
        from_ms: Option<Millis>,
        /// For how long.
        length_ms: Millis,
    },
    /// The node that flies the run is lost with all processes on it; another takes the run over.
    #[serde(rename_all = "camelCase")]
    NodeLost {
        /// When, after take-off.
        at_ms: Option<Millis>,
    },
    /// Whoever is asked answers later.
    #[serde(rename_all = "camelCase")]
    ApprovalLate {
        /// By how much.
        by_ms: Millis,
    },
    /// A component does not answer: calls on it and on those that use it fail, and their health checks too.
    #[serde(rename_all = "camelCase")]
    DependencyDown {
        /// Which.
        component: ComponentName,
        /// Since when, after take-off.
        from_ms: Option<Millis>,
        /// For how long.
        length_ms: Millis,
    },
    /// Fewer requests arrive, so evidence gathers more slowly.
    #[serde(rename_all = "camelCase")]
    TrafficDrop {
        /// What is left of the traffic, 0 to 1.
        factor: f64,
        /// Since when, after take-off.
        from_ms: Option<Millis>,
        /// For how long.
        length_ms: Millis,
    },
    /// The way back takes longer.
    #[serde(rename_all = "camelCase")]
    SlowRollback {
        /// As a multiple.
        factor: f64,
    },
}

impl Fault {
    /// Kinds by the name that is typed, with the arguments that follow it.
    pub const KINDS: [(&'static str, &'static str); 7] = [
        ("step-fails", "[STEP][:CHANCE%]"),
        ("dark", "LENGTH[@TIME]"),
        ("node-lost", "[@TIME]"),
        ("approval-late", "LENGTH"),
        ("dependency-down", "COMPONENT:LENGTH[@TIME]"),
        ("traffic-drop", "PERCENT%:LENGTH[@TIME]"),
        ("slow-rollback", "FACTOR"),
    ];

    /// When it begins, after take-off, where that was said.
    pub const fn begins(&self) -> Option<Millis> {
        match self {
            Self::Dark { from_ms, .. } | Self::DependencyDown { from_ms, .. } | Self::TrafficDrop { from_ms, .. } => *from_ms,
            Self::NodeLost { at_ms } => *at_ms,
            Self::StepFails { .. } | Self::ApprovalLate { .. } | Self::SlowRollback { .. } => None,
        }
    }

    /// Reads `dark:10m@30m`, `step-fails:production/backup`, `dependency-down:ledger:5m`, as listed in [`Self::KINDS`].
    ///
    /// # Errors
    /// One sentence: what cannot be read, and how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, at) = match text.rsplit_once('@') {
            Some((head, time)) => (head, Some(Millis::parse(time).ok_or_else(|| format!("`{time}` is no length of time such as 30m"))?)),
            None => (text, None),
        };
        let (kind, rest) = head.split_once(':').unwrap_or((head, ""));
        let Some((_, form)) = Self::KINDS.iter().find(|(name, _)| *name == kind) else {
            let names: Vec<&str> = Self::KINDS.iter().map(|(name, _)| *name).collect();
            return Err(format!("`{kind}` is no fault; there are {}", names.join(", ")));
        };
        let separator = if form.starts_with('[') { "" } else { ":" };
        let unreadable = || format!("`{text}` cannot be read; it is written {kind}{separator}{form}");
        let length = |text: &str| Millis::parse(text).filter(|length| *length > Millis::ZERO).ok_or_else(unreadable);
        let percent = |text: &str| {
            let share = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok()).map(|number| number / 100.0);
            share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(unreadable)
        };
        let may_have_time = !matches!(kind, "step-fails" | "approval-late" | "slow-rollback");
        if at.is_some() && !may_have_time {
            return Err(unreadable());
        }
        Ok(match kind {
            "step-fails" => {
                let (step, chance) = match rest.rsplit_once(':') {
                    Some((step, chance)) => (step, percent(chance)?),
                    None if rest.ends_with('%') => ("", percent(rest)?),
                    None => (rest, 1.0),
                };
                Self::StepFails { step: (!step.is_empty()).then(|| StepId::new(step)), chance }
            }
            "dark" => Self::Dark { from_ms: at, length_ms: length(rest)? },
            "node-lost" if rest.is_empty() => Self::NodeLost { at_ms: at },
            "approval-late" => Self::ApprovalLate { by_ms: length(rest)? },
            "dependency-down" => {
                let (component, time) = rest.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or_else(unreadable)?;
                Self::DependencyDown { component: component.into(), from_ms: at, length_ms: length(time)? }
            }
            "traffic-drop" => {
                let (left, time) = rest.split_once(':').ok_or_else(unreadable)?;
                Self::TrafficDrop { factor: percent(left)?, from_ms: at, length_ms: length(time)? }
            }
            "slow-rollback" => {
                let factor = rest.parse().ok().filter(|factor| (1.0..=1000.0).contains(factor)).ok_or_else(unreadable)?;
                Self::SlowRollback { factor }
            }
            _ => return Err(unreadable()),
        })
    }
}

impl fmt::Display for Fault {
    /// For people: `telemetry is dark for 10 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |at: &Option<Millis>| match at {
            Some(at) => format!("{at} after take-off"),
            None => "at some time of the flight".to_owned(),
        };
        match self {
            Self::StepFails { step, chance } => {
                let which = step.as_ref().map_or_else(|| "some step".to_owned(), |step| format!("'{step}'"));
                write!(f, "{which} fails at every try")?;
                if *chance < 1.0 { write!(f, ", in {:.0} % of all flights", chance * 100.0) } else { Ok(()) }
            }
            Self::Dark { from_ms, length_ms } => write!(f, "telemetry is dark for {length_ms}, {}", since(from_ms)),
            Self::NodeLost { at_ms } => write!(f, "the node that flies the run is lost, {}", since(at_ms)),
            Self::ApprovalLate { by_ms } => write!(f, "whoever is asked answers {by_ms} later than usual"),
            Self::DependencyDown { component, from_ms, length_ms } => write!(f, "{component} is down for {length_ms}, {}", since(from_ms)),
            Self::TrafficDrop { factor, from_ms, length_ms } => {
                write!(f, "traffic drops to {:.0} % for {length_ms}, {}", factor * 100.0, since(from_ms))
            }
            Self::SlowRollback { factor } => write!(f, "the way back takes {factor} times as long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_told_and_what_cannot_be_read_says_how_it_is_written() {
        for (text, told) in [
            ("dark:10m@30m", "telemetry is dark for 10 min, 30 min after take-off"),
            ("dark:10m", "telemetry is dark for 10 min, at some time of the flight"),
            ("step-fails", "some step fails at every try"),
            ("step-fails:production/backup:20%", "'production/backup' fails at every try, in 20 % of all flights"),
            ("node-lost@5m", "the node that flies the run is lost, 5 min after take-off"),
            ("approval-late:45m", "whoever is asked answers 45 min later than usual"),
            ("dependency-down:ledger:5m", "ledger is down for 5 min, at some time of the flight"),
            ("traffic-drop:10%:1h", "traffic drops to 10 % for 1 h, at some time of the flight"),
            ("slow-rollback:4", "the way back takes 4 times as long"),
        ] {
            assert_eq!(Fault::parse(text).map(|fault| fault.to_string()).as_deref(), Ok(told), "{text}");
        }
        for (text, told) in [
            ("fire", "`fire` is no fault"),
            ("dark", "written dark:LENGTH[@TIME]"),
            ("dark:0s", "written dark:LENGTH"),
            ("dark:10m@noon", "`noon` is no length of time"),
            ("step-fails:a:200%", "written step-fails[STEP]"),
            ("approval-late:5m@3m", "written approval-late:LENGTH"),
            ("dependency-down:5m", "written dependency-down:COMPONENT"),
            ("slow-rollback:0", "written slow-rollback:FACTOR"),
        ] {
            let problem = Fault::parse(text).expect_err(text);
            assert!(problem.contains(told), "{text}: {problem}");
        }
    }
}

//! What is written about figures from their table: the reference page, dashboards for Grafana, alert rules for Prometheus and their
//! tests; and of objectives: their recording and alert rules.

mod alerts;
mod dashboards;
#[cfg(test)]
mod lint;
mod reference;
mod slo_rules;

pub use alerts::{alert_rules, alert_tests};
pub use dashboards::{BOARDS, dashboard};
pub use reference::metrics_page;
pub use slo_rules::{BurnRecording, Recording, Recordings, SloRules, slo_recordings, slo_rules};

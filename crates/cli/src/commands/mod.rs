//! One file per command.

pub(crate) mod audit;
pub(crate) mod calibrate;
pub(crate) mod capacity;
pub(crate) mod claims;
pub(crate) mod db;
pub(crate) mod demo;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod judge;
pub(crate) mod node;
pub(crate) mod plan;
pub(crate) mod plan_diff;
pub(crate) mod plan_variants;
pub(crate) mod reference;
pub(crate) mod rehearse;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod slo;
pub(crate) mod status;
pub(crate) mod supersede;
pub(crate) mod takeoff;
pub(crate) mod validate;
pub(crate) mod verbs;

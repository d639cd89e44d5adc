//! Tests of the planner through its public functions.
#![allow(clippy::unwrap_used, clippy::panic)]

mod attacks;
mod beside;
mod clearance;
mod contract;
mod data;
mod envelope;
mod exposure;
mod fixture;
mod limits;
mod plans;
mod promises;
mod property;
mod refusals;
mod regions;
mod revalidate;
mod risk;
mod rotate;
mod rules;
mod runbook_flight;
mod runbook_property;
mod runbooks;
mod scenarios;
mod speed;
mod strategies;
mod windows;

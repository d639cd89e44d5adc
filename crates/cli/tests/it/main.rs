//! The program as its users meet it: real binary, real files, real processes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod airspace;
mod badinput;
mod beside;
mod budgets;
mod calibrating;
mod capacity;
mod causes;
mod checkout;
mod clearance;
mod clocks;
mod crash;
mod database;
mod db;
mod doctor;
mod figures;
mod flights;
mod fulldisk;
mod harness;
mod judging;
mod newer;
mod nodes;
mod notify;
mod planning;
mod processes;
mod projects;
mod rehearsing;
mod replays;
mod requests;
mod runbooks;
mod shaped;
mod spending;
mod takeoff;
mod telemetry;
mod values;
mod worlds;

//! Rehearsals: ten thousand flights of a plan of fifty steps, on all processors.

use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Result, ensure};
use glidepath_model::{Catalog, Facts};
use glidepath_rehearse::{Model, Outcome, summary};
use glidepath_testkit::plans::{MADE_AT, text_plan, whole_plan};
use std::fmt::Write as _;
use std::time::Instant;

/// Flights in all.
const FLIGHTS: u64 = 10_000;
/// Steps of the plan.
const STEPS: usize = 50;
/// Hosts of each region, whose deploys go on side by side.
const HOSTS: usize = 14;
/// Longest time that all flights may take, in seconds.
const SECONDS_MAX: f64 = 5.0;

/// 10,000 flights of 50 steps: a backup and a migration, then in each of two regions 14 deploys, three stages with gates, and a clean-up.
pub(crate) fn rehearse(_: &mut Machine) -> Result<Vec<Row>> {
    let plan = whole_plan(text_plan("nothing", &steps()));
    ensure!(plan.body.steps.len() == STEPS, "the plan has {} steps", plan.body.steps.len());
    let facts = Facts::of_catalog(Catalog::default(), MADE_AT);
    let began = Instant::now();
    let model = Model::new(&plan, &facts, &[]);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let flown: Vec<Outcome> = std::thread::scope(|scope| {
        let model = &model;
        let fly =
            |thread: u64| scope.spawn(move || (thread..FLIGHTS).step_by(threads as usize).map(|n| model.fly(1, n)).collect::<Vec<_>>());
        let flying: Vec<_> = (0..threads).map(fly).collect();
        flying.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let found = summary(1, &flown);
    let seconds = began.elapsed().as_secs_f64();
    ensure!(found.runs == FLIGHTS && found.landed_share() > 0.8, "{:?} of {}", found.ends, found.runs);
    Ok(vec![Row::with_goal("rehearse.10000x50", seconds, "s", Goal::AtMost(SECONDS_MAX))])
}

fn steps() -> String {
    let mut text =
        String::from("plan hold-limit 60m items 2\ncall preflight undo nothing\ncall backup needs preflight saves data undo leave\n");
    text.push_str("call migrate needs backup item 0 undo leave\n");
    let mut before = "migrate".to_owned();
    for region in ["eu-west", "us-east"] {
        let deploys: Vec<String> = (1..=HOSTS).map(|host| format!("{region}/deploy-{host}")).collect();
        for deploy in &deploys {
            let _ = writeln!(text, "call {deploy} needs {before} item 1 target payments region {region}");
        }
        let mut needs = deploys.join(",");
        for share in [5, 25, 100] {
            let place = format!("item 1 target payments region {region}");
            let _ = writeln!(text, "call {region}/shift-{share} needs {needs} {place} share {share} undo nothing");
            let _ = writeln!(
                text,
                "gate {region}/gate-{share} needs {region}/shift-{share} {place} bake 10m min-bake 5m patience 30m look 10s"
            );
            needs = format!("{region}/gate-{share}");
        }
        let _ = writeln!(text, "wait {region}/settle needs {needs} item 1 for 1m");
        let _ = writeln!(text, "call {region}/verify needs {region}/settle item 1 undo nothing");
        let _ = writeln!(text, "call {region}/clean-up needs {region}/verify item 1");
        before = format!("{region}/clean-up");
    }
    let _ = writeln!(text, "call finish needs {before} undo nothing");
    text
}

//! `capacity`: what targets carry, what will come, how likely that is too much, and when more has to be ordered.

mod answer;
mod file;
mod table;

use crate::args::{CapacityArgs, Form};
use crate::collect::{count_source, region_values};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, project, world};
use answer::{Answer, Place};
use file::Loads;
use glidepath_adapters::TelemetryRouter;
use glidepath_forecast::Point;
use glidepath_model::catalog::{Region, Target, TrafficSource, filled_text};
use glidepath_model::plan::CountSource;
use glidepath_model::{Catalog, Code, Diagnostic, Millis, Timestamp};
use glidepath_ports::telemetry::RangeSpan;
use glidepath_ports::{Clock, Telemetry};
use glidepath_runtime::RealClock;
use std::path::Path;
use std::sync::Arc;

/// Time between two samples that are asked for; the greatest of an hour is its load.
const STEP: Millis = Millis::from_mins(5);
/// Places that are read at once.
const READ_AT_ONCE: usize = 4;

pub(crate) async fn run(root: &Path, args: &CapacityArgs) -> Result<Exit, Failure> {
    let catalog = project::load(root)?.catalog;
    if Timestamp::EPOCH.to_jiff().in_tz(&args.zone).is_err() {
        return Err(Failure::usage(format!("`{}` is no time zone", args.zone), "give a name such as Europe/Berlin"));
    }
    let mut places = wanted(&catalog, args.name.as_deref())?;
    let loads = match &args.history {
        None => None,
        Some(path) => Some(file::read(path).map_err(|diagnostics| Failure { exit: Exit::BadInput, diagnostics })?),
    };
    if let Some(loads) = &loads {
        assigned(loads, &places)?;
        if args.name.is_none() {
            places.retain(|asked| loads.keys().any(|key| fits(key, &asked.place)));
        }
    }
    let answers = answers(root, &catalog, places, loads, args).await;
    match (args.format, &args.name) {
        (Form::Json, _) => output::json(&serde_json::json!({
            "days": args.days,
            "leadMs": args.lead,
            "probabilityMax": args.probability / 100.0,
            "growthPerYear": args.growth / 100.0,
            "places": answers,
        })),
        (Form::Human, None) => output::data(&table::all(&answers, args)),
        (Form::Human, Some(_)) => output::data(&answers.iter().map(|answer| table::one(answer, args)).collect::<Vec<_>>().join("\n\n")),
    }
    let findings: Vec<Diagnostic> = answers.iter().flat_map(|answer| answer.findings.iter().cloned()).collect();
    if args.format == Form::Human {
        output::findings(&findings);
    }
    Ok(match () {
        () if answers.iter().any(Answer::is_late) => Exit::NeedsOperator,
        () if answers.iter().any(|answer| answer.unknown.is_some()) => Exit::OutOfReach,
        () => Exit::Done,
    })
}

/// A place with what its load is asked by.
struct Asked<'c> {
    place: Place,
    target: &'c Target,
    region: &'c Region,
}

/// The places that are meant: those of targets that serve something.
fn wanted<'c>(catalog: &'c Catalog, name: Option<&str>) -> Result<Vec<Asked<'c>>, Failure> {
    let is_meant = |target: &&Target| name.is_none_or(|name| target.name.as_str() == name || target.component.as_str() == name);
    let serves = |target: &&Target| name.is_some() || target.traffic.is_some() || target.replica_capacity.is_some();
    let targets: Vec<&Target> = catalog.targets.values().filter(is_meant).filter(serves).collect();
    if targets.is_empty() {
        let known: Vec<&str> = catalog.targets.keys().map(|name| name.as_str()).collect();
        let (message, hint) = match name {
            Some(name) => (format!("there is no target or component `{name}`"), format!("there are the targets {}", known.join(", "))),
            None => (
                "no target declares its traffic or what a host carries".to_owned(),
                "declare `traffic` and `capacity` on a target, or name one to look at".to_owned(),
            ),
        };
        return Err(Failure::new(Exit::BadInput, Diagnostic::error(Code(703), message).hint(hint)));
    }
    let places = targets.into_iter().flat_map(|target| target.regions.iter().map(move |region| (target, region)));
    let asked = places.map(|(target, region)| Asked {
        place: Place {
            target: target.name.to_string(),
            component: target.component.to_string(),
            region: region.name.to_string(),
            hosts: region.hosts.len(),
            per_host: target.replica_capacity,
        },
        target,
        region,
    });
    Ok(asked.collect())
}

/// Every load of the file must be that of a place, or nobody would see that it was not used.
fn assigned(loads: &Loads, places: &[Asked<'_>]) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for key in loads.keys() {
        let fitting = places.iter().filter(|asked| fits(key, &asked.place)).count();
        let called = match key {
            (target, _) if target.is_empty() => "the load without a target".to_owned(),
            (target, region) if region.is_empty() => format!("the load of {target}"),
            (target, region) => format!("the load of {target} in {region}"),
        };
        if fitting != 1 {
            let names: Vec<String> = places.iter().map(|asked| format!("{} in {}", asked.place.target, asked.place.region)).collect();
            let message =
                if fitting == 0 { format!("{called} is that of no place looked at") } else { format!("{called} fits {fitting} places") };
            problems.push(
                Diagnostic::error(Code(703), message)
                    .hint(format!("name the target, and use the columns target and region; there are {}", names.join(", "))),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::BadInput, diagnostics: problems }) }
}

/// Whether what a file calls a load is a place; what it leaves out is any.
fn fits((target, region): &(String, String), place: &Place) -> bool {
    (target.is_empty() || *target == place.target || *target == place.component) && (region.is_empty() || *region == place.region)
}

/// Reads and forecasts places, some at once; the answers are in their order.
async fn answers(root: &Path, catalog: &Catalog, places: Vec<Asked<'_>>, loads: Option<Loads>, args: &CapacityArgs) -> Vec<Answer> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let to = args.at.unwrap_or_else(|| clock.now());
    // What a server answers is held against the clock; a file may be of any time.
    let at = if loads.is_some() { args.at } else { Some(to) };
    let telemetry: Arc<dyn Telemetry> = Arc::new(TelemetryRouter::new(world::secrets(root), clock, root));
    let permits = Arc::new(tokio::sync::Semaphore::new(READ_AT_ONCE));
    let span = RangeSpan { from: to.minus(Millis::from_mins(u64::from(args.back) * 24 * 60)), to, step: STEP };
    let mut tasks = tokio::task::JoinSet::new();
    for (index, asked) in places.into_iter().enumerate() {
        let given = loads.as_ref().map(|loads| {
            let load = loads.iter().find(|(key, _)| fits(key, &asked.place)).map(|(_, points)| points.clone());
            load.ok_or_else(|| "the file has no load of it".to_owned())
        });
        let question = question(catalog, asked.target, asked.region);
        let (telemetry, permits, place, args) = (telemetry.clone(), permits.clone(), asked.place, args.clone());
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let load = match (given, question) {
                (Some(given), _) => given,
                (None, Ok((source, query))) => read(&*telemetry, &source, &query, span).await,
                (None, Err(why)) => Err(why),
            };
            let worked_out = tokio::task::spawn_blocking(move || Answer::of(&place, load, at, &args)).await;
            worked_out.ok().map(|answer| (index, answer))
        });
    }
    let mut answers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        answers.extend(done.ok().flatten());
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Where the load of a place is asked, and by what.
pub(crate) fn question(catalog: &Catalog, target: &Target, region: &Region) -> Result<(CountSource, String), String> {
    match (&target.traffic, count_source(catalog, target)) {
        (Some(TrafficSource::Query(query)), Some(source @ CountSource::Prometheus(_))) => {
            Ok((source, filled_text(query, &region_values(target, region), &mut Vec::new())))
        }
        (Some(TrafficSource::Query(_)), _) => Err("its traffic is a query, and there is no Prometheus to ask".to_owned()),
        (Some(TrafficSource::Assumed(_)), _) => Err("its traffic is declared as one number, which has no course".to_owned()),
        (None, _) => Err("its target declares no query for its traffic".to_owned()),
    }
}

pub(crate) async fn read(telemetry: &dyn Telemetry, source: &CountSource, query: &str, span: RangeSpan) -> Result<Vec<Point>, String> {
    let reading = telemetry.range(source, query, span).await.map_err(|error| error.to_string())?;
    let mut series = reading.series.into_values();
    match (series.next(), series.next()) {
        (Some(samples), None) => {
            Ok(samples.into_iter().map(|sample| Point { at_ms: sample.at.as_micros().div_euclid(1000), value: sample.value }).collect())
        }
        (Some(_), Some(_)) => Err(format!("`{query}` gives several series; a load is one, such as a sum")),
        (None, _) => Err(format!("`{query}` has no series in that time")),
    }
}

//! `rehearse PLAN|CHANGE|RUNBOOK|GAME-DAY`: a plan flown many times in virtual time, with failures and with faults that are asked for.

use crate::args::{DocumentForm, RehearseArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning::{self, Planned};
use crate::world::World;
use crate::{output, project};
use glidepath_files::{Expectations, GameDay, Loaded};
use glidepath_model::text::plural;
use glidepath_model::{Code, Diagnostic, Millis, Plan};
use glidepath_rehearse::{Agreement, End, Fault, Model, Outcome, Rehearsal, Story, agreement, summary};
use glidepath_report::{Rehearsed, Style, rehearsal_document, to_html, to_markdown};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// Threads that fly, at most.
const THREADS_MAX: usize = 64;

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    plan: &'a str,
    change: &'a str,
    faults: &'a [Fault],
    rehearsal: Value,
    agreement: &'a [Agreement],
    story: Value,
    /// Why bad requests are `null`, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_requests_not_known: Option<&'static str>,
}

impl<'a> Answer<'a> {
    /// Bad requests that nobody can count are not 0.
    fn of(plan: &'a Plan, faults: &'a [Fault], rehearsal: &Rehearsal, agreement: &'a [Agreement], story: &Story) -> Self {
        let told = |value: serde_json::Result<Value>| value.unwrap_or(Value::Null);
        let (mut rehearsal, mut story) = (told(serde_json::to_value(rehearsal)), told(serde_json::to_value(story)));
        let is_known = plan.prediction.knows_traffic();
        if !is_known {
            (rehearsal["badRequests"], rehearsal["badRequestsIfFailing"]) = (Value::Null, Value::Null);
            story["outcome"]["badRequests"] = Value::Null;
        }
        Self {
            plan: plan.id.as_str(),
            change: plan.body.change.name.as_str(),
            faults,
            agreement,
            bad_requests_not_known: (!is_known).then_some("there are no traffic figures, so that no bad requests can be counted"),
            rehearsal,
            story,
        }
    }
}

/// Flights where neither the command nor the file says how many.
const RUNS_DEFAULT: u64 = 10_000;

pub(crate) async fn run(root: &Path, args: &RehearseArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let (Planned { plan, facts, .. }, game_day) = find_or_make(&world, root, args).await?;
    let given = game_day.iter().flat_map(|game_day| &game_day.faults).chain(&args.faults);
    let faults = read_faults(given)?;
    let runs = args.runs.or(game_day.as_ref().and_then(|game_day| game_day.runs)).unwrap_or(RUNS_DEFAULT);
    let model = Model::new(&plan, &facts, &faults);
    let misfits = model.misfits(&facts);
    if !misfits.is_empty() {
        let diagnostics = misfits.into_iter().map(|misfit| unfit(format!("{misfit}, so this fault would never happen")));
        return Err(Failure { exit: Exit::BadInput, diagnostics: diagnostics.collect() });
    }
    let (seed, began) = (args.planning.seed, Instant::now());
    let flown = fly(&model, seed, runs);
    let longest = flown.iter().map(|flight| flight.took).max().unwrap_or_default();
    let never = faults.iter().filter(|fault| fault.begins().is_some_and(|at| at > longest));
    let never: Vec<Diagnostic> =
        never.map(|fault| unfit(format!("the longest flight takes {longest}, so this fault would never happen: {fault}"))).collect();
    if !never.is_empty() {
        return Err(Failure { exit: Exit::BadInput, diagnostics: never });
    }
    let found = summary(seed, &flown);
    // What is asked to go wrong is not what the plan predicts.
    let compared = if faults.is_empty() { agreement(&plan, &found) } else { Vec::new() };
    let story = model.tell(seed, args.flight.unwrap_or(found.worst));
    let told = Rehearsed { plan: &plan, faults: &faults, rehearsal: &found, agreement: &compared, story: &story };
    let text = match args.format {
        DocumentForm::Human => {
            let style = if args.out.is_none() && output::stdout_is_styled() { Style::Ansi } else { Style::Plain };
            glidepath_report::rehearsal(&told, style)
        }
        DocumentForm::Json => {
            let answer = Answer::of(&plan, &faults, &found, &compared, &story);
            serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n"
        }
        DocumentForm::Markdown => to_markdown(&rehearsal_document(&told)),
        DocumentForm::Html => to_html(&rehearsal_document(&told)),
    };
    output::deliver(args.out.as_deref(), &text, args.format == DocumentForm::Human)?;
    if args.format == DocumentForm::Human {
        output::say(&format!("\n{} in {:.1} s.", plural(runs, "flight", "flights"), began.elapsed().as_secs_f64()));
    }
    let broken = game_day.iter().flat_map(|game_day| broken(&game_day.expect, plan.prediction.knows_traffic(), &found)).collect::<Vec<_>>();
    output::findings(&broken);
    Ok(if broken.is_empty() { Exit::Done } else { Exit::RolledBack })
}

/// What a game day expected and did not find.
fn broken(expect: &Expectations, knows_traffic: bool, found: &Rehearsal) -> Vec<Diagnostic> {
    let share = |share: f64| format!("{:.1} %", share * 100.0);
    let landed = found.landed_share();
    let unseen = found.ended(End::LandedFailing) as f64 / found.runs.max(1) as f64;
    let bad = found.bad_requests_if_failing.as_ref().map_or(0.0, |of| of.p95);
    let problems = [
        expect
            .landed
            .filter(|least| landed < least.as_f64())
            .map(|least| format!("{} land, at least {least} were expected", share(landed))),
        expect
            .unseen
            .filter(|most| unseen > most.as_f64())
            .map(|most| format!("{} land and fail users, at most {most} were expected", share(unseen))),
        expect.bad_requests.filter(|most| bad > *most || !knows_traffic).map(|most| match knows_traffic {
            true => format!("95 % of the failing flights cause up to {bad:.0} bad requests, at most {most:.0} were expected"),
            false => {
                format!("nobody knows how many requests come, so that no bad ones can be counted, and at most {most:.0} were expected")
            }
        }),
        expect.to_safety.and_then(|most| match &found.to_safety_ms {
            // What no flight has shown is not kept.
            None => Some(format!("no flight turned back, so that no way to safety was measured, and at most {most} was expected")),
            Some(safe) if safe.p95 > most.0 as f64 => {
                Some(format!("95 % of the ways back take up to {} to safety, at most {most} was expected", Millis(safe.p95 as u64)))
            }
            Some(_) => None,
        }),
    ];
    let finding = |problem| {
        Diagnostic::error(Code(683), problem)
            .because("The game day expects it, and the rehearsal did not come to it.")
            .hint("look at what turned flights back, and at single ones with `glidepath rehearse NAME --flight NUMBER`")
    };
    problems.into_iter().flatten().map(finding).collect()
}

/// All faults, or every problem of them at once.
fn read_faults<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<Fault>, Failure> {
    let (read, problems): (Vec<_>, Vec<_>) = texts.map(|text| Fault::parse(text)).partition(Result::is_ok);
    if problems.is_empty() {
        return Ok(read.into_iter().flatten().collect());
    }
    Err(Failure { exit: Exit::BadInput, diagnostics: problems.into_iter().filter_map(Result::err).map(unfit).collect() })
}

fn unfit(message: String) -> Diagnostic {
    Diagnostic::error(Code(684), message)
        .because("A rehearsal without its fault would look better than it is.")
        .hint("see `glidepath rehearse --help` for the faults, and `glidepath plan CHANGE --format json` for the steps")
}

/// A stored plan, or one made now, which is not stored: nobody flies a rehearsal.
async fn find_or_make(world: &World, root: &Path, args: &RehearseArgs) -> Result<(Planned, Option<GameDay>), Failure> {
    if let Some(stored) = planning::stored(world, &args.what).await? {
        return Ok((stored, None));
    }
    if let Ok((loaded, wanted)) = project::load_for(root, &args.what) {
        output::findings(&loaded.diagnostics);
        return Ok((planning::plan(world, &loaded, &wanted, &args.planning).await?, None));
    }
    let loaded = project::load(root)?;
    output::findings(&loaded.diagnostics);
    let game_day = game_day(&loaded, root, &args.what);
    let wanted = project::find(&loaded, root, game_day.map_or(args.what.as_str(), |game_day| game_day.of.as_str()))?;
    Ok((planning::plan(world, &loaded, &wanted, &args.planning).await?, game_day.cloned()))
}

/// The game day that is meant by a name or by the path of its file.
fn game_day<'a>(loaded: &'a Loaded, root: &Path, wanted: &str) -> Option<&'a GameDay> {
    let full = Path::new(wanted).canonicalize().unwrap_or_else(|_| root.join(wanted));
    loaded.game_days.get(wanted).or_else(|| loaded.game_days.values().find(|game_day| root.join(&game_day.file) == full))
}

/// Flies all numbers, some on each processor. The order is that of the numbers, so that it does not show who flew which.
fn fly(model: &Model<'_>, seed: u64, runs: u64) -> Vec<Outcome> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX) as u64;
    let share = runs.div_ceil(threads);
    std::thread::scope(|scope| {
        let flying: Vec<_> = (0..threads)
            .map(|thread| {
                let numbers = (thread * share).min(runs)..((thread + 1) * share).min(runs);
                scope.spawn(move || numbers.map(|number| model.fly(seed, number)).collect::<Vec<_>>())
            })
            .collect();
        flying.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

//! The pre-mortem of section 9: how this change will have failed, told as if it had, from what the plan knows of itself.
//!
//! What no gate would see stands first, then what only people can end, then what a gate ends but late; what a gate ends at once stands last.

use super::{Sources, criteria};
use crate::clock::Clock;
use crate::directory::{Reach, lead, owner_of, owners, reach};
use crate::document::Text;
use crate::figures::{about_bad_requests, knows_traffic, listed, percent, plural};
use crate::places::joined;
use crate::promise;
use crate::timeline::component_of;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::{Item, ItemKind, OnFailure};
use glidepath_model::plan::{GateSpec, LadderStage, Phase, Step, Strategy, Undo, Work};
use glidepath_model::{ComponentName, Severity};

/// Stories told.
const STORIES_MAX: usize = 5;
/// Reasons told of the component that is likeliest to fail.
const REASONS_MAX: usize = 3;
/// A way back from which on it counts as slow.
const SLOW_BACK_S: u64 = 30;

/// What ends a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ends {
    /// Nothing in the plan.
    Unseen,
    /// A person.
    ByPeople,
    /// A gate, when going back takes long.
    Late,
    /// A gate.
    AtOnce,
}

struct Story {
    ends: Ends,
    what: Text,
    shows: Text,
    saves: Text,
}

/// The day on which it will have failed, and the stories, worst first.
pub(super) fn stories(of: &Sources<'_>) -> (String, Vec<Vec<Text>>) {
    let clock = Clock::of(of.plan);
    let day = clock.at(clock.length()).map_or_else(
        || "it has landed".to_owned(),
        |lands| format!("it is {}", clock.shown(lands).split(' ').take(2).collect::<Vec<_>>().join(" ")),
    );
    let mut all: Vec<Story> = [
        contract(of),
        below_the_gates(of),
        no_way_back(of),
        dependency(of),
        not_known(of),
        unreachable(of),
        finding(of),
        stands_still(of, &clock),
        lock(of),
        reader(of),
        kept_connection(of),
        slow_back(of),
        first_stage(of),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|story| story.ends);
    all.truncate(STORIES_MAX);
    all.extend(likeliest(of));
    (day, all.into_iter().map(|story| vec![story.what, story.shows, story.saves]).collect())
}

fn story(ends: Ends, what: impl Into<Text>, shows: impl Into<Text>, saves: impl Into<Text>) -> Option<Story> {
    Some(Story { ends, what: what.into(), shows: shows.into(), saves: saves.into() })
}

/// A follow-up with no way back was done too early.
fn contract(of: &Sources<'_>) -> Option<Story> {
    let has_contract = |item: &Item| matches!(&item.kind, ItemKind::Schema { contract: Some(_), .. });
    let follow_up = of.plan.body.follow_ups.last().filter(|_| of.plan.body.change.items.iter().any(has_contract))?;
    let users: Vec<String> = of.components().iter().map(ToString::to_string).collect();
    story(
        Ends::Unseen,
        format!(
            "The change itself was well. '{}' was done too early, while something still needed the old form: a host that had been left out, or a report nobody thought of.",
            follow_up.title.split(':').next().unwrap_or_default()
        ),
        format!("errors that name the old form, in the logs of whatever reads {}", listed(&users)),
        format!(
            "only waiting: not before {} after landing, and not before everything that reads it is known to be new",
            follow_up.not_before_ms
        ),
    )
}

/// The rise was smaller than what any gate finds.
fn below_the_gates(of: &Sources<'_>) -> Option<Story> {
    let last = of.plan.body.change.environments.last();
    let judged = of.plan.body.assignments.iter().filter(|a| last.is_none_or(|environment| a.environment == *environment));
    let (assignment, stage) = judged
        .clone()
        .flat_map(|a| a.ladder.iter().filter(|s| s.detects.is_some()).map(move |stage| (a, stage)))
        .min_by(|a, b| detects(b.1).total_cmp(&detects(a.1)))
        .unzip();
    let changed = of.components();
    let objectives: Vec<&str> = of.catalog.objectives.iter().filter(|o| changed.contains(&&o.component)).map(|o| o.name.as_str()).collect();
    let shows = match objectives.as_slice() {
        [] => Text::from("nothing that is declared: what users say, and the logs"),
        names => format!("the budget of {}, over hours", joined(names)).into(),
    };
    let after = of.plan.body.steps.iter().find(|step| step.after_landing);
    let saves = after.map_or_else(
        || Text::from("nobody in the plan: look again after 1 h and 24 h (section 8)"),
        |_| Text::from("the watch after landing tells people; nothing goes back by itself: ").code("glidepath rollback RUN"),
    );
    if let (Some(assignment), Some(stage)) = (assignment, stage) {
        return story(
            Ends::Unseen,
            format!(
                "Errors of {} rose, but by less than the {}-fold that the stage at {} finds within {}. Every gate passed.",
                assignment.component,
                crate::figures::plain((detects(stage) * 10.0).round() / 10.0),
                stage.share,
                stage.bake_ms
            ),
            shows,
            saves,
        );
    }
    let blind = judged.clone().find(|a| a.blind_to.is_some())?;
    let words = blind.blind_to.clone().unwrap_or_default();
    let blind_there: Vec<&str> = judged.clone().filter(|a| a.blind_to == blind.blind_to).map(|a| a.component.as_str()).collect();
    story(
        Ends::Unseen,
        format!(
            "{} answered every check and {} wrong all the same: the gates were {words}.",
            listed(&blind_there),
            if blind_there.len() == 1 { "was" } else { "were" }
        ),
        shows,
        saves,
    )
}

fn detects(stage: &LadderStage) -> f64 {
    stage.detects.unwrap_or(0.0)
}

fn no_way_back(of: &Sources<'_>) -> Option<Story> {
    let step = of.plan.body.steps.iter().find(|step| matches!(step.undo, Undo::ForwardOnly { .. }))?;
    let Undo::ForwardOnly { reason } = &step.undo else { return None };
    story(
        Ends::Unseen,
        format!("What was wrong showed only after '{}', and there was no way back across it: {reason}.", step.title),
        "what section 6 lists, too late",
        "only what comes before it: look twice before this step, and have its repair written down",
    )
}

/// Both sides suffer at once, so that a comparison sees nothing.
fn dependency(of: &Sources<'_>) -> Option<Story> {
    let (needed, callers) = of.blast.needed().into_iter().next()?;
    let team = owner_of(Some(of.catalog), needed).map_or_else(
        || format!("its owner, whom the catalog does not know (add spec.owner to {needed})"),
        |owner| reach(Some(of.catalog), owner, Reach::Primary).words(),
    );
    story(
        Ends::ByPeople,
        format!(
            "{needed} failed while the change was half-way. Old and new side of {} had the same errors, so no comparison saw anything.",
            listed(&callers)
        ),
        format!("errors of {} on both sides, and whatever {needed} shows itself", listed(&callers)),
        Text::new().code("glidepath pause RUN").plain(format!(", and {team}")),
    )
}

/// Nobody knows whether a step was done, and a person must look.
fn not_known(of: &Sources<'_>) -> Option<Story> {
    let asks = |step: &&Step| step.phase != Phase::Preflight && step.on_unknown == OnUnknown::Ask && matches!(step.work, Work::Call(_));
    let steps: Vec<&Step> = of.plan.body.steps.iter().filter(asks).collect();
    let first = steps.first()?;
    story(
        Ends::ByPeople,
        format!(
            "'{}' was cut off, and nobody could say whether it had been done. {} of the plan wait for a person then, and nobody came.",
            first.title,
            plural(steps.len(), "step", "steps")
        ),
        Text::from("a page, and ").code("glidepath status").plain(": needs an operator"),
        format!("somebody at hand who can look; until then {}", promise::unanswered(of.plan)),
    )
}

fn unreachable(of: &Sources<'_>) -> Option<Story> {
    let known = Some(of.catalog);
    let without: Vec<&ComponentName> = of.components().into_iter().filter(|component| owner_of(known, component).is_none()).collect();
    let silent = lead(of.plan, known).filter(|owner| of.catalog.owners.get(*owner).is_none_or(|o| o.on_call_primary.is_none()));
    let who = match (without.first(), silent) {
        (Some(component), _) => format!("who answers for {component}"),
        (None, Some(_)) => "on whom to call".to_owned(),
        (None, None) if owners(of.plan, known).is_empty() => "who answers for the change".to_owned(),
        (None, None) => return None,
    };
    story(
        Ends::ByPeople,
        format!("It held and asked, and nobody knew {who}."),
        "the empty fields of section 10",
        format!("fill them before take-off; where nobody comes, {}", promise::unanswered(of.plan)),
    )
}

/// The linter had said it.
fn finding(of: &Sources<'_>) -> Option<Story> {
    let worst = of.plan.findings.iter().filter(|finding| finding.severity != Severity::Note).max_by_key(|finding| finding.severity)?;
    let more = of.plan.findings.iter().filter(|finding| finding.severity != Severity::Note).count() - 1;
    let more = if more == 0 { String::new() } else { format!(" {more} more stand in section 1.") };
    story(
        Ends::ByPeople,
        Text::from("The plan had said it, and nobody acted: ").code(worst.code.to_string()).plain(format!(" {}{more}", worst.message)),
        format!("what it warned of: {}", worst.reason),
        worst.hint.as_str(),
    )
}

fn stands_still(of: &Sources<'_>, clock: &Clock<'_>) -> Option<Story> {
    let held = of.plan.prediction.schedule.as_ref()?.held.first()?;
    story(
        Ends::ByPeople,
        format!(
            "It was not through when the window closed at {}, and stood half-way until {}.",
            clock.shown(held.from),
            clock.shown(held.to)
        ),
        "what section 5 lists, with both versions in place",
        format!("{}; or take off earlier", promise::unanswered(of.plan)),
    )
}

/// A statement waits for a lock, and everything behind it waits too.
fn lock(of: &Sources<'_>) -> Option<Story> {
    let assignment = of
        .plan
        .body
        .assignments
        .iter()
        .rev()
        .find(|a| matches!(of.plan.body.change.items.get(a.item as usize).map(|item| &item.kind), Some(ItemKind::Schema { .. })))?;
    let database = of.catalog.targets.get(&assignment.target)?.database.as_ref()?;
    story(
        Ends::Late,
        format!(
            "The expansion of {} waited for a lock behind a long query, and every query that came after it waited too.",
            assignment.component
        ),
        format!("slow requests of everything that uses {}, all at once", assignment.component),
        format!("its lock timeout of {}: the statement gives up and is tried again", database.lock_timeout_ms),
    )
}

fn reader(of: &Sources<'_>) -> Option<Story> {
    of.plan.body.change.items.iter().find_map(|item| match &item.kind {
        ItemKind::Secret { secret, retire_after_ms, .. } => story(
            Ends::Unseen,
            format!("Everything that the change names had the new {secret}. Something that it does not name still used the old one, and failed when that was retired."),
            format!("uses of the old {secret}, in the logs of its store"),
            format!("the {retire_after_ms} until the old one is retired: look for its uses before"),
        ),
        ItemKind::Contract { of: expansion, .. } => story(
            Ends::Unseen,
            format!("A report or a job that no catalog names still read what {expansion} had replaced. It ran once a week, and failed when that was gone."),
            format!("errors about a missing column or table at whatever reads {}, days later", item.component),
            "the look before it: search for the old names in the queries that the database keeps, over the longest time between two runs of any job".to_owned(),
        ),
        ItemKind::Version { .. }
        | ItemKind::Schema { .. }
        | ItemKind::Flag { .. }
        | ItemKind::Capacity { .. }
        | ItemKind::Failover { .. }
        | ItemKind::Traffic { .. } => None,
    })
}

/// Writes moved, and somebody did not notice.
fn kept_connection(of: &Sources<'_>) -> Option<Story> {
    let (component, to) = of.plan.body.change.items.iter().find_map(|item| match &item.kind {
        ItemKind::Failover { to, .. } => Some((&item.component, to)),
        _ => None,
    })?;
    story(
        Ends::Unseen,
        format!("{to} took the writes and was well. Something had kept its connection to the old region, and its writes were refused."),
        format!("refused writes, in the logs of whatever uses {component}"),
        format!("looking for connections to the old region, once clients are routed to {to}"),
    )
}

/// It is seen when hosts must go back before traffic can.
fn slow_back(of: &Sources<'_>) -> Option<Story> {
    let worst = of.plan.prediction.time_to_safety.as_ref()?;
    if worst.p95_ms.0 < SLOW_BACK_S * 1000 {
        return None;
    }
    let exposures = of.plan.body.steps.iter().filter_map(|step| Some((step, step.exposure.as_ref()?)));
    let (step, exposure) = exposures.max_by_key(|(_, e)| e.safety_takes.as_ref().map_or(0, |takes| takes.p95_ms.0))?;
    let place = crate::flight::place_of(of.plan, step);
    let is_switch = of.plan.body.assignments.iter().any(|a| a.target == exposure.target && a.strategy == Strategy::BlueGreen);
    let why = match exposure.safety {
        Some(_) if is_switch => {
            "by then the old copy was being brought up to date, so its hosts had to go back before it could carry the traffic"
        }
        Some(_) => "too few old hosts were left to carry the traffic, so hosts had to go back before it could",
        None => "by then most hosts had it, and there is no other way back than host by host",
    };
    story(
        Ends::Late,
        format!("It showed only at {} of {place}: {why}. Users waited up to {} for it.", exposure.share, worst.p95_ms),
        "what the gates of the last stages watch (section 5)",
        match of.plan.body.on_failure {
            OnFailure::Hold => Text::from("a person: the plan holds and asks"),
            OnFailure::RollbackChange | OnFailure::RollbackItem => {
                Text::from("the gate there, at once; the time it takes is the price of going on so far")
            }
        },
    )
}

/// What the figures say: the component that is likeliest to fail, and where that is seen first.
fn likeliest(of: &Sources<'_>) -> Option<Story> {
    // Of a single component the usual failure says as much.
    let [risk, _, ..] = of.plan.prediction.reasons.as_slice() else { return None };
    let mut against: Vec<_> = risk.reasons.iter().filter(|reason| reason.log_odds > 0.0).collect();
    against.sort_by(|a, b| b.log_odds.total_cmp(&a.log_odds));
    let against: Vec<&str> = against.iter().take(REASONS_MAX).map(|reason| reason.what.as_str()).collect();
    let because = if against.is_empty() { String::new() } else { format!(" What speaks against it: {}.", listed(&against)) };
    let what =
        format!("By the figures it was {}, whose change fails in {} of such flights.{because}", risk.component, percent(risk.probability));
    let own = |step: &Step| component_of(of.plan, step).is_some_and(|name| name == risk.component.as_str());
    if let Some((step, gate)) = criteria::gates(of.plan, false).find(|(step, _)| own(step)) {
        let place = criteria::place(of.plan, step, gate);
        let saves = format!("first the gate on {place}: {}", promise::safe_by(of.plan, Some(step), promise::BOTH));
        return story(Ends::AtOnce, what, criteria::line(of.plan, step, gate), saves);
    }
    let first = of.plan.body.steps.iter().find(|step| step.phase == Phase::Deploy && own(step))?;
    let shows = format!("'{}' does not end well; what is wrong without that shows at the gates that come after it", first.title);
    story(Ends::AtOnce, what, shows, "the plan's failure rule (section 6)")
}

/// The usual way to fail.
fn first_stage(of: &Sources<'_>) -> Option<Story> {
    let last = of.plan.body.change.environments.last();
    let (step, gate): (&Step, &GateSpec) =
        criteria::gates(of.plan, false).find(|(step, _)| step.wave > 0 && step.environment.as_ref() == last)?;
    let p = &of.plan.prediction;
    let place = criteria::place(of.plan, step, gate);
    story(
        Ends::AtOnce,
        match knows_traffic(of.plan) {
            true => format!(
                "The new side was bad from its first request, as the usual failure is: {} of such flights do not land. On average {} requests are bad until such a change is back.",
                percent(p.failure.mean),
                about_bad_requests(p, p.bad_requests_if_failing)
            ),
            false => format!(
                "The new side was bad from its first request, as the usual failure is: {} of such flights do not land.",
                percent(p.failure.mean)
            ),
        },
        criteria::line(of.plan, step, gate),
        format!("the gate on {place}: {}", promise::safe_by(of.plan, Some(step), promise::BOTH)),
    )
}

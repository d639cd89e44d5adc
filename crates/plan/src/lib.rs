//! The planner: a change and a snapshot of facts become one executable, explained plan.
//!
//! Pure and total: no clock, no randomness, no input or output; odd input gives diagnostics, never a panic. Equal inputs give equal bytes.
//!
//! The way of a change: `site` puts each item into each environment with what the facts say of the place; `size` refuses what is too large; `order` sorts the items over
//! the dependency graph; `ladder` asks the judge which shares can see what in which time; `strategy` draws each way in outline or names the fact that
//! rules it out; `risk` says how likely each component's change fails and why, `predict` gives each way figures (`burn` bad requests along the `course` of its steps, `downtime` and `extra` what it stops for its own `users` and for those of what depends on it, and what it costs), and `way_back` those of its way back; what a deadline ends before it is done, `deadline` counts; `timetable` says when it takes off and lands; `rank` picks one
//! strategy per site; `lower` makes the steps; `body` puts the rest around them; `check` looks the result over. What a schema change asks of its
//! database is read by `sql`, never assumed; whether its contract half may fly says `contract`. Whether a later plan keeps within what people approved of an earlier one, `envelope` says. A runbook, whose steps a
//! person wrote down, has a short way of its own: `runbook`; so has a step that a run gave up and that is done again: `again`. At take-off `revalidate` holds what
//! is so then against what a plan was made from, and `allowed` says what the error budgets of then let start.

mod again;
mod ahead;
pub mod allowed;
mod apart;
pub mod assumed;
mod bits;
mod body;
mod bound;
mod burn;
mod check;
pub mod clearance;
pub mod codes;
mod command;
mod concurrent;
mod conflict;
mod contract;
mod course;
mod deadline;
mod downtime;
mod durations;
mod envelope;
mod extra;
mod ladder;
mod level;
mod limits;
mod lock_time;
mod lower;
mod measured;
mod notes;
mod order;
mod outline;
mod predict;
mod rank;
mod revalidate;
pub mod risk;
mod runbook;
mod site;
mod size;
mod split;
mod sql;
mod strategy;
mod template;
mod timetable;
mod traffic;
mod users;
mod values;
mod way_back;

pub use again::plan_again;
pub use check::{RULES, Rule, check};
pub use contract::users;
pub use envelope::{child, outside};
pub use lock_time::tables;
pub use revalidate::revalidate;
pub use runbook::{check_runbook, plan_runbook};
pub use size::too_large;

use crate::ahead::Stands;
use crate::conflict::{Refusal, Tried};
use crate::ladder::Ladders;
use crate::lower::Lowered;
use crate::notes::Notes;
use crate::outline::Outline;
use crate::predict::Figures;
use crate::rank::{Options, Ranking};
use crate::site::{Site, names};
use crate::strategy::{Ask, Shortfall, choices};
use crate::timetable::Timetable;
use glidepath_model::action::ActionDescriptor;
use glidepath_model::catalog::TargetIndex;
use glidepath_model::change::ItemKind;
use glidepath_model::diagnostic::Diagnostic;
use glidepath_model::ids::Digest;
use glidepath_model::plan::{Assignment, Plan, PlanBody, Prediction, RuledOut, RunLimits, Strategy, VerificationKind};
use glidepath_model::{Change, Facts, Millis, Timestamp};

/// Version of the plan's form.
const FORMAT: u32 = 1;
/// How long a plan holds where the project does not say.
const TTL_DEFAULT: Millis = Millis::from_mins(24 * 60);
/// How long partial exposure may be held where no environment says.
const HOLD_DEFAULT: Millis = Millis::from_mins(60);

/// What a plan is computed with, beside the change and the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// The time the plan is made for (`--at`).
    pub now: Timestamp,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// Whether stale and missing facts are findings (true) or refuse the plan (false).
    pub accept_stale: bool,
    /// Digest of the stored snapshot of the facts.
    pub facts_digest: Digest,
}

/// What planning came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planning {
    /// The winning plan; `None` where something refuses it.
    pub plan: Option<Plan>,
    /// Facts that forbid a plan: missing, stale, or other than expected. Exit code 3.
    pub refused: Vec<Diagnostic>,
    /// What is wrong with the input. Exit code 2.
    pub diagnostics: Vec<Diagnostic>,
}

/// Plans a change.
pub fn plan(change: &Change, facts: &Facts, descriptors: &[ActionDescriptor], options: &PlanOptions) -> Planning {
    let mut notes = Notes { accept_stale: options.accept_stale, ..Notes::default() };
    let mut stands = Stands::new();
    let mut plan = work_out(change, facts, descriptors, options, &stands, &mut notes);
    for _ in 1..ahead::PASSES_MAX {
        let Some(found) = plan.as_ref().and_then(|plan| ahead::stands(plan, facts)).filter(|found| !ahead::are_alike(found, &stands))
        else {
            break;
        };
        (stands, notes) = (found, Notes { accept_stale: options.accept_stale, ..Notes::default() });
        plan = work_out(change, facts, descriptors, options, &stands, &mut notes);
    }
    if plan.is_none() {
        try_ways_out(change, facts, descriptors, options, &stands, &mut notes);
    }
    Planning { plan, refused: notes.refused, diagnostics: notes.diagnostics }
}

/// Names as ways out only what lets a plan be made: each is written into the change and the facts, and planned with. Where that alone does not do, its own
/// cheapest way out is written beside it.
fn try_ways_out(
    change: &Change,
    facts: &Facts,
    descriptors: &[ActionDescriptor],
    options: &PlanOptions,
    stands: &Stands,
    notes: &mut Notes,
) {
    let is_limit = |diagnostic: &Diagnostic| [codes::LIMITS_BROKEN, codes::LIMITS_CONFLICT].contains(&diagnostic.code);
    let ways = std::mem::take(&mut notes.ways);
    let [refusal] = notes.diagnostics.as_mut_slice() else { return };
    if ways.is_empty() || !notes.refused.is_empty() || !is_limit(refusal) {
        return;
    }
    let mut tries = WAYS_TRIED_MAX;
    let mut open: Vec<String> = Vec::new();
    // What refuses the plan once the first way out is taken: the other half of the conflict.
    let mut other: Option<String> = None;
    for way in &ways {
        if open.len() == conflict::WAYS_OUT_MAX {
            break;
        }
        let (mut change, mut facts, mut way, mut words) = (change.clone(), facts.clone(), Some(way.clone()), Vec::new());
        while let Some(step) = way.take().filter(|_| tries > 0) {
            tries -= 1;
            step.to.iter().for_each(|to| to.apply(&mut change, &mut facts));
            words.push(step.words);
            let mut tried = Notes { accept_stale: options.accept_stale, ..Notes::default() };
            if work_out(&change, &facts, descriptors, options, stands, &mut tried).is_some() {
                open.push(words.join(", with "));
            } else {
                let refusals = tried.refused.iter().chain(&tried.diagnostics);
                let refusal = refusals.map(|refusal| refusal.message.as_str()).next();
                other = other.or_else(|| Some(format!("With {} it is refused all the same: {}", words.join(", with "), refusal?)));
                way = tried.ways.into_iter().next();
            }
        }
    }
    refusal.hint = match (open.as_slice(), other) {
        ([], Some(other)) => format!("{other} {NO_WAY_OPEN}"),
        ([], None) => NO_WAY_OPEN.to_owned(),
        (open, _) => conflict::cheapest(open),
    };
}

/// Plans made at most to see which way out is one.
const WAYS_TRIED_MAX: usize = 6;
/// What is left where none is.
const NO_WAY_OPEN: &str =
    "No change of these limits that was tried lets a plan be made: split the change, start at another time, or leave a limit out.";

fn work_out(
    change: &Change,
    facts: &Facts,
    descriptors: &[ActionDescriptor],
    options: &PlanOptions,
    stands: &Stands,
    notes: &mut Notes,
) -> Option<Plan> {
    let levels = order::levels(change, &facts.catalog, notes);
    let index = TargetIndex::of(&facts.catalog, &change.environments);
    let mut sites = site::resolve(change, facts, &index, options.now, notes);
    clearance::not_theirs_to_claim(change, &facts.catalog).into_iter().for_each(|refusal| notes.refuse(refusal));
    let levels = levels?;
    if notes.is_stuck() || sites.is_empty() {
        return None;
    }
    if let Some(refusal) = size::too_large_together(&sites) {
        notes.wrong(refusal);
        return None;
    }
    let timetable = Timetable::of(change, &facts.catalog.calendars, body::hold_limit(&sites), options.now);
    let start = timetable.first().map(|opening| opening.from);
    ahead::lay(&mut sites, facts, stands, start, timetable.hold_limit(), notes);
    body::refuse_lost_providers(change, &sites, &levels, notes);
    measured::look_over(&sites, facts, notes);
    let ladders = ladder::ladders(&sites, facts);
    let around = risk::Around::of(&facts.catalog, sites.iter());
    let risks = risk::risks(change, facts, &around, &sites.iter().collect::<Vec<_>>(), timetable.takes_off());
    let users = users::Users::of(facts);
    let kinds = descriptors.iter().map(|d| (d.kind.as_str(), d)).collect();
    let figures = |site: &Site<'_>, outline: &Outline| {
        let steps = lower::alone(change, facts, options, &kinds, &ladders, site, outline);
        predict::figures(site, outline, &steps, &users, &risks, options.now)
    };
    let mut ruled_out = Vec::new();
    let asks = || sites.iter().enumerate().map(|(at, site)| Ask { site, change, facts, ladder: ladders.of_site(at) });
    let usable: Vec<Options> = asks().map(|ask| usable(&ask, &figures, &mut ruled_out, notes)).collect();
    if notes.is_stuck() {
        return None;
    }
    let beyond_limits = || {
        let priced = |site, (outline, breaches)| (figures(site, &outline), outline, breaches);
        asks().map(|ask| conflict::beyond_limits(&ask).into_iter().map(|way| priced(ask.site, way)).collect()).collect()
    };
    let mut ranking = rank::rank(change, facts, &sites, &usable, beyond_limits, &levels, &risks, &timetable, notes)?;
    refuse_gone_before_landing(change, &ranking.prediction, &timetable, notes);
    if notes.is_stuck() {
        return None;
    }
    let chosen: Vec<&Outline> = rank::chosen(&usable, &ranking.winner).into_iter().map(|(outline, _)| outline).collect();
    let Lowered { mut steps, follow_ups, groups } =
        lower::lower(change, facts, &index, options, &kinds, &ladders, &sites, &chosen, &levels, notes);
    if notes.is_stuck() {
        return None;
    }
    // Of the winner the whole graph is known, and with it the true way back over all sites.
    way_back::ways_back(&steps, facts).tell(&mut steps, &mut ranking.prediction);
    if let Some(first) = ranking.summaries.first_mut() {
        first.prediction =
            Prediction { reasons: Vec::new(), stages: Vec::new(), users_not_counted: Vec::new(), ..ranking.prediction.clone() };
    }
    for outline in &chosen {
        outline.derived.iter().for_each(|sentence| notes.derive(sentence.clone()));
    }
    for (site, (_, figures)) in sites.iter().zip(rank::chosen(&usable, &ranking.winner)) {
        users::say_whose_budgets(site, &figures.budgets_of, notes);
    }
    say_what_watches(&sites, &chosen, &ladders, notes);
    say_what_acts(&sites, notes);
    steps.iter().filter_map(durations::assumed).for_each(|sentence| notes.derive(sentence));
    let assignments = assignments(&sites, &chosen, &ladders, facts, &ranking, change);
    let mut body = PlanBody {
        format: FORMAT,
        engine_semantics: 0,
        change: change.clone(),
        facts: options.facts_digest.clone(),
        created_at: options.now,
        expires_at: expires_at(&sites, facts, options.now),
        seed: options.seed,
        takeoff: body::takeoff(change, facts, &sites),
        on_failure: change.on_failure,
        matrices: body::matrices(change, &sites, &levels),
        hold_limit_ms: body::hold_limit(&sites),
        envelope: body::envelope(change, &steps, &assignments),
        follow_ups,
        assignments,
        steps,
        groups,
        claims: body::claims(change, &sites, notes),
        throttles: body::throttles(sites.iter().map(|site| site.target)),
        limits: RunLimits::default(),
        again: None,
        parent: None,
    };
    if notes.is_stuck() {
        return None;
    }
    body.engine_semantics = body.semantics_needed();
    let findings = std::mem::take(&mut notes.findings);
    let mut plan = Plan::new(body, ranking.prediction, ranking.summaries, ruled_out, findings, std::mem::take(&mut notes.derived));
    let chosen = rank::chosen(&usable, &ranking.winner);
    let burn = |items: &[u32], risks: &risk::Risks| predict::alone(change, facts, &sites, &chosen, &levels, (items, risks));
    plan.split = split::split(change, facts, &around, &sites, &risks, burn, timetable.takes_off());
    let linted = check(&plan, facts);
    for finding in linted {
        if !plan.findings.contains(&finding) {
            plan.findings.push(finding);
        }
    }
    level::of_findings(&mut plan.prediction, &plan.findings);
    if let Some(first) = plan.candidates.first_mut() {
        (first.prediction.risk, first.prediction.risk_reasons) = (plan.prediction.risk, plan.prediction.risk_reasons.clone());
    }
    plan.clearance = clearance::clearance(&plan, facts);
    Some(plan)
}

/// Extra capacity that is wanted until a time before the plan lands would be taken away while it is being brought.
fn refuse_gone_before_landing(change: &Change, predicted: &Prediction, timetable: &Timetable<'_>, notes: &mut Notes) {
    let Some(schedule) = &predicted.schedule else { return };
    for item in &change.items {
        let ItemKind::Capacity { until: Some(until), .. } = &item.kind else { continue };
        if *until < schedule.lands_p95 {
            let (until, lands) = (timetable.words(*until), timetable.words(schedule.lands_p95));
            notes.wrong(
                Diagnostic::error(
                    codes::CAPACITY_GONE,
                    format!("{} is to have its extra capacity until {until}, and the plan lands {lands} (95 %).", item.component),
                )
                .because("What is wanted until then would be taken away before it is there, and what it costs cannot be told.")
                .hint("Write a time after the landing as `until`, or leave it out.")
                .field(item.declared_at.clone().unwrap_or_default()),
            );
        }
    }
}

/// A plan holds for as long as the project says, and no longer than the evidence that a contract rests on.
fn expires_at(sites: &[Site<'_>], facts: &Facts, now: Timestamp) -> Timestamp {
    let recent = sites.iter().filter_map(|site| contract::recent_until(site.change_item, site.target, facts));
    recent.fold(now.plus(non_zero(facts.catalog.settings.plan_ttl_ms, TTL_DEFAULT)), Ord::min)
}

fn non_zero(length: Millis, default: Millis) -> Millis {
    if length == Millis::ZERO { default } else { length }
}

/// The strategies that can be used at a site; the others go to `ruled_out`.
fn usable(ask: &Ask<'_>, figures: &dyn Fn(&Site<'_>, &Outline) -> Figures, ruled_out: &mut Vec<RuledOut>, notes: &mut Notes) -> Options {
    let site = ask.site;
    let mut options = Options::new();
    let mut against = Vec::new();
    let asked = site.change_item.strategy.as_deref();
    for (strategy, choice) in choices(ask) {
        let is_asked = asked.is_none_or(|name| name == strategy.name());
        match choice {
            Ok(outline) if is_asked => {
                let figures = figures(site, &outline);
                options.push((outline, figures));
            }
            Ok(_) => {
                let asks = Shortfall::new(format!("the change asks for {}", asked.unwrap_or_default()));
                against.push((strategy, asks.unless(format!("`strategy: {strategy}` on the item, or none"))));
            }
            Err(shortfall) => against.push((strategy, shortfall)),
        }
    }
    if options.is_empty() {
        let ways = conflict::beyond_limits(ask).into_iter();
        let tried: Vec<Tried> =
            ways.map(|(outline, breaches)| Tried { name: format!("{} {}", outline.strategy, site.target.component), breaches }).collect();
        // One limit alone is said with the facts against each strategy.
        let conflict = conflict::refusal(&tried).filter(|refusal| refusal.diagnostic.code == codes::LIMITS_CONFLICT);
        let place = site.change_item.declared_at.clone().unwrap_or_default();
        match conflict {
            Some(refusal) => notes.beyond_limits(Refusal { diagnostic: refusal.diagnostic.field(place), ..refusal }),
            None => notes.wrong(no_option(site, asked, &against)),
        }
    }
    ruled_out.extend(against.into_iter().map(|(strategy, shortfall)| RuledOut {
        component: site.target.component.clone(),
        environment: site.environment.name.clone(),
        strategy,
        fact: shortfall.fact,
        would_do: shortfall.would_do,
    }));
    options
}

fn no_option(site: &Site<'_>, asked: Option<&str>, against: &[(Strategy, Shortfall)]) -> Diagnostic {
    let path = site.path();
    let diagnostic = match asked.map(|name| (name, against.iter().find(|(strategy, _)| strategy.name() == name))) {
        Some((name, Some((_, shortfall)))) => {
            let instead = shortfall.would_do.as_ref().map_or_else(|| "mend the fact".to_owned(), |would_do| format!("provide {would_do}"));
            Diagnostic::error(codes::STRATEGY_UNFIT, format!("{path} cannot be done as asked: {name}: {}.", shortfall.fact))
                .because(format!("The change asks for {name}."))
                .hint(format!("Leave `strategy` out to let the planner choose, or {instead}."))
        }
        Some((name, None)) => {
            let hint = match Strategy::parse(name) {
                Some(_) => "Leave `strategy` out to let the planner choose.".to_owned(),
                None => format!("Strategies are {}.", names(Strategy::NAMES)),
            };
            Diagnostic::error(codes::STRATEGY_UNFIT, format!("{name} is not a strategy for {path}."))
                .because("The item is of another kind.")
                .hint(hint)
        }
        None => {
            let facts: Vec<String> = against.iter().map(|(strategy, shortfall)| format!("{strategy}: {}", shortfall.fact)).collect();
            let ways: Vec<String> =
                against.iter().filter_map(|(strategy, s)| Some(format!("{strategy} with {}", s.would_do.as_ref()?))).collect();
            let hint =
                if ways.is_empty() { "Mend one of the facts.".to_owned() } else { format!("Possible would be {}.", ways.join("; ")) };
            Diagnostic::error(codes::NO_STRATEGY, format!("No strategy fits {path}: {}.", facts.join("; ")))
                .because("Each one is ruled out by a fact.")
                .hint(hint)
        }
    };
    diagnostic.field(site.change_item.declared_at.clone().unwrap_or_default())
}

fn assignments(
    sites: &[Site<'_>],
    chosen: &[&Outline],
    ladders: &Ladders,
    facts: &Facts,
    ranking: &Ranking,
    change: &Change,
) -> Vec<Assignment> {
    let mut list = body::assignments(sites, chosen, ladders, facts);
    let why = ranking.summaries.first().map(|s| s.reason.clone()).unwrap_or_default();
    for (assignment, site) in list.iter_mut().zip(sites) {
        assignment.reason = match (&site.change_item.strategy, change.prefer) {
            (Some(name), _) => format!("The change asks for {name}."),
            (None, _) => why.clone(),
        };
    }
    list
}

/// Says where no adapter speaks to the infrastructure, so that its own commands are used.
fn say_what_acts(sites: &[Site<'_>], notes: &mut Notes) {
    for target in sites.iter().map(|site| site.target) {
        if let Some(runway) = target.runway {
            notes.derive(format!(
                "{}: no adapter for {} yet, so exact {} commands are used.",
                target.name,
                runway.by_commands(),
                runway.program()
            ));
        }
    }
}

/// Says where health checks are all there is, and why.
fn say_what_watches(sites: &[Site<'_>], chosen: &[&Outline], ladders: &Ladders, notes: &mut Notes) {
    for ((site, outline), ladder) in sites.iter().zip(chosen).zip(&ladders.by_site) {
        let is_version = matches!(site.change_item.kind, ItemKind::Version { .. });
        if let (true, VerificationKind::Probe, Err(Shortfall { fact, .. })) = (is_version, outline.verification, ladder) {
            notes.find(
                Diagnostic::new(
                    codes::HEALTH_ONLY,
                    glidepath_model::Severity::Note,
                    format!("{}: health checks only: {fact}.", site.path()),
                )
                .because("A version that answers its health check and fails its users would pass.")
                .hint("Declare traffic and signals on the target, so that stages can be judged."),
            );
        }
    }
}

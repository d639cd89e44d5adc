//! Section 1: what, why, when, how risky, who is touched, and why in this way.

use super::{Sources, WAITS, criteria, regions_words};
use crate::alike::{Told, told_once};
use crate::candidates::names;
use crate::depth::Depth;
use crate::directory::{name, owner_of};
use crate::document::{Section, Text, Tone};
use crate::figures::{
    NO_TAKE_OFF, about_bad_requests, bad_requests, duration, estimate, extra_cost, flight_times, knows_traffic, left_out, listed,
    no_budget, not_counted, percent, places_listed, plural, spent, standstills, stops,
};
use crate::parts::{part_components, split_words};
use crate::places::{joined, rows_told_once};
use crate::promise;
use crate::svg;
use glidepath_model::change::OnFailure;
use glidepath_model::plan::{PlannedDowntime, Strategy, Undo};
use glidepath_model::{Diagnostic, Millis, Plan, Severity, TargetName, version_shown};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(1, "Executive summary");
    let change = &of.plan.body.change;
    if !of.depth.words().is_empty() {
        section.paragraph(of.depth.words());
    }
    if let Some(reason) = &change.reason {
        section.paragraph(Text::new().strong("Why. ").plain(reason.as_str()));
    }
    figures(of, &mut section);
    items(of, &mut section);
    if of.depth > Depth::Minimal {
        if !of.plan.body.assignments.is_empty() {
            section.figure(svg::graph(of.plan, of.catalog, of.blast));
        }
        dependants(of, &mut section);
        risk(of, &mut section);
        strategy(of, &mut section);
    }
    if of.depth >= Depth::Standard {
        section.figure(svg::gantt(of.plan));
        if let Some(figure) = svg::ladder(of.plan) {
            section.figure(figure);
        }
    }
    if !of.plan.derived.is_empty() {
        section.heading("Derived and assumed");
        section.list(told_once(of.plan.derived.iter().map(String::as_str)).iter().map(|told| told.words().into()).collect());
    }
    findings(of, &mut section);
    section
}

/// Rows that stand after the time to safe traffic.
const AFTER_SAFETY: usize = 3;

fn figures(of: &Sources<'_>, section: &mut Section) {
    let p = &of.plan.prediction;
    let spent = p.budget_share.map(|s| format!("{} of the period's error budget", spent(s, p.bad_requests)));
    let budget = match (spent, no_budget(of.plan)) {
        (None, None) => "no objective is declared: add an OpenSLO file to slo/".to_owned(),
        (spent, unknown) => spent.into_iter().chain(unknown).collect::<Vec<_>>().join("; "),
    };
    let strategies = of.plan.body.assignments.iter().map(|a| a.strategy);
    let cost = match extra_cost(p.extra_cost.as_ref(), strategies.clone()) {
        unknown if unknown != "not known" => unknown,
        unknown if strategies.clone().any(|strategy| strategy == Strategy::Capacity) => {
            format!("{unknown}: add `spec.cost.replicaHour` to the targets, and `until` to items of capacity")
        }
        unknown => format!("{unknown}: add `spec.cost.replicaHour` to the targets"),
    };
    let waits = of.plan.findings.iter().find(|finding| WAITS.contains(&finding.code.to_string().as_str()));
    let downtime = match (&p.downtime, waits) {
        (None, Some(finding)) => format!("not known: requests wait while the database changes its tables (`{}`)", finding.code),
        (planned, _) => downtime(of.plan, planned.as_ref()),
    };
    let allowed = match of.plan.body.change.constraints.downtime_ms {
        Some(Millis::ZERO) => "; none is allowed".to_owned(),
        Some(allowed) => format!("; {allowed} are allowed"),
        None => String::new(),
    };
    let (expected, if_failing) = if knows_traffic(of.plan) {
        let straight = bad_requests(p, p.bad_requests_straight);
        let if_failing =
            format!("{}, against {straight} by a straight deploy that nothing watches", bad_requests(p, p.bad_requests_if_failing));
        (format!("{}{}{}", bad_requests(p, p.bad_requests), left_out(p), not_counted(p)), if_failing)
    } else {
        ("not known: there are no traffic figures".to_owned(), "not known".to_owned())
    };
    let mut rows = vec![
        row("Duration", duration(p), &p.duration.source),
        row("When", when(of), "calendars and duration; change"),
        row(
            "Does not land",
            format!("{} (90 %: {} to {})", percent(p.failure.mean), percent(p.failure.low), percent(p.failure.high)),
            &p.failure.label,
        ),
        row("Expected bad requests", expected, "exposure x rate x time to see it and turn back"),
        row("Bad requests if it fails", if_failing, "same model"),
        row("Error budget", budget, "same model"),
        row("Time until all is undone", promise::undone(of.plan, promise::BOTH), &promise::source(p.time_to_rollback.as_ref())),
        row("Downtime", format!("{downtime}{allowed}"), "strategies"),
        row("Extra cost", cost, "replica hours x declared unit cost"),
    ];
    if promise::moves_traffic(of.plan) {
        let at = rows.len() - AFTER_SAFETY;
        rows.insert(at, row("Time to safe traffic", promise::safety(of.plan, promise::BOTH), &promise::source(p.time_to_safety.as_ref())));
    }
    section.table(&["What", "Figure", "Source or label"], rows);
}

/// Take-off, landing, standstills between, and the bounds of both.
fn when(of: &Sources<'_>) -> String {
    let schedule = of.plan.prediction.schedule.as_ref();
    let zone = schedule.and_then(|schedule| schedule.time_zone.as_deref());
    let mut parts = match schedule {
        Some(schedule) => {
            let (takes_off, lands) = flight_times(schedule);
            vec![format!("takes off {takes_off}"), format!("lands {lands}")]
        }
        None => vec![format!("takes off {NO_TAKE_OFF}")],
    };
    let standstills = schedule.iter().flat_map(|schedule| standstills(schedule));
    parts.extend(standstills.map(|held| format!("stands still {held} ({})", promise::unanswered(of.plan))));
    let expires_at = of.plan.body.expires_at;
    let expires = expires_at.shown_in(zone);
    parts.push(match schedule {
        Some(schedule) if schedule.takes_off >= expires_at => format!("this plan expires before, at {expires}: plan it anew then"),
        Some(_) | None => format!("the plan holds until {expires}"),
    });
    parts.push(match of.plan.body.change.constraints.finish_before {
        Some(deadline) => format!("must be finished before {}", deadline.shown_in(zone)),
        None => "no deadline is set".to_owned(),
    });
    parts.join("; ")
}

fn downtime(plan: &Plan, planned: Option<&PlannedDowntime>) -> String {
    let Some(planned) = planned else { return no_downtime(plan) };
    let (stop, refuse) = stops(plan, planned);
    let mut parts = Vec::new();
    if !stop.is_empty() {
        parts.push(format!("{} stops and starts", listed(&stop)));
    }
    if !refuse.is_empty() {
        parts.push(format!("{} refuses writes until clients are routed to the other region, and again on the way back", listed(&refuse)));
    }
    if !planned.users.is_empty() {
        parts.push(format!("{}, which depends on it, answers nobody meanwhile and is counted with it", listed(&planned.users)));
    }
    let takes = (!parts.is_empty()).then(|| format!("{}: {}", estimate(&planned.takes), parts.join("; ")));
    let open = || format!("how long {} is down is not known: no restart time is stated", places_listed(&planned.not_known));
    takes.into_iter().chain((!planned.not_known.is_empty()).then(open)).collect::<Vec<_>>().join("; ")
}

/// Why nothing is down, where that is known.
fn no_downtime(plan: &Plan) -> String {
    let has_new_side = |strategy: Strategy| {
        matches!(strategy, Strategy::Canary | Strategy::BlueGreen | Strategy::AliasShift | Strategy::Shadow | Strategy::Experiment)
    };
    let strategies = || plan.body.assignments.iter().map(|assignment| assignment.strategy);
    if plan.body.assignments.is_empty() {
        "not known: nothing says what its steps stop".to_owned()
    } else if strategies().all(has_new_side) {
        "none expected: the old side serves until the new one is ready".to_owned()
    } else {
        "none expected".to_owned()
    }
}

fn row(what: &str, figure: impl Into<Text>, source: &str) -> Vec<Text> {
    vec![what.into(), figure.into(), source.into()]
}

fn items(of: &Sources<'_>, section: &mut Section) {
    // A runbook says itself what it does.
    if of.plan.body.assignments.is_empty() {
        return;
    }
    section.heading("What changes");
    section.table(
        &["Environment", "Component", "From", "To", "Strategy", "Where", "Verified by"],
        of.plan
            .body
            .assignments
            .iter()
            .map(|a| {
                let verified =
                    a.blind_to.as_ref().map_or_else(|| a.verification.to_string(), |blind| format!("{}: {blind}", a.verification));
                vec![
                    a.environment.as_str().into(),
                    a.component.as_str().into(),
                    Text::new().code(version_shown(&a.from)),
                    Text::new().code(version_shown(&a.to)),
                    a.strategy.name().into(),
                    regions_words(of, &a.target).into(),
                    verified.into(),
                ]
            })
            .collect(),
    );
}

fn dependants(of: &Sources<'_>, section: &mut Section) {
    let rows: Vec<Vec<Text>> = of
        .blast
        .dependants()
        .into_iter()
        .map(|(component, distance)| {
            let owner = owner_of(Some(of.catalog), component).map_or_else(
                || Text::from("no owner: add ").code("spec.owner").plain(format!(" to component {component} in catalog/")),
                |o| name(Some(of.catalog), o).into(),
            );
            let tier = of.catalog.components.get(component).and_then(|c| c.tier).map_or_else(|| "not stated".to_owned(), |t| t.to_string());
            vec![component.as_str().into(), distance.to_string().into(), tier.into(), owner]
        })
        .collect();
    section.heading("Affected systems and user impact");
    if rows.is_empty() {
        section.paragraph("Nothing outside this change depends on what is changed, as far as the catalog says.");
    } else {
        section.paragraph(format!(
            "{} users see a failure of it too.",
            plural(rows.len(), "component depends on what is changed; its", "components depend on what is changed; their")
        ));
        section.table(&["Component", "Distance", "Tier", "Owner"], rows);
    }
    if let Some(words) = promise::first_met(of.plan) {
        let bad = if knows_traffic(of.plan) {
            format!(
                " If it fails, {} requests are bad on average until it is back.",
                about_bad_requests(&of.plan.prediction, of.plan.prediction.bad_requests_if_failing)
            )
        } else {
            String::new()
        };
        section.paragraph(format!("{words}{bad}"));
    }
}

fn risk(of: &Sources<'_>, section: &mut Section) {
    section.heading("Risk");
    section.paragraph(Text::new().plain("Risk level: ").strong(of.plan.prediction.risk.to_string()).plain("."));
    section.list(of.plan.prediction.risk_reasons.iter().map(|r| r.as_str().into()).collect());
    super::risk::reasons(of, section);
    let one_way = of.plan.body.steps.iter().filter_map(|s| match &s.undo {
        Undo::ForwardOnly { reason } => Some((s, reason)),
        Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
    });
    for (step, reason) in one_way {
        section.callout(
            Tone::Bad,
            "Point of no return",
            Text::new().plain(step.title.as_str()).plain(" (").code(step.id.as_str()).plain(format!("): {reason}")),
        );
    }
}

fn strategy(of: &Sources<'_>, section: &mut Section) {
    section.heading(if of.plan.body.assignments.is_empty() { "When it fails" } else { "Why in this way" });
    chosen(of, section);
    let names = names(&of.plan.candidates);
    let rows: Vec<Vec<Text>> = of
        .plan
        .candidates
        .iter()
        .zip(&names)
        .map(|(c, name)| {
            let p = &c.prediction;
            vec![
                c.rank.to_string().into(),
                if c.rank == 1 { Text::new().strong(name.as_str()) } else { name.as_str().into() },
                p.risk.to_string().into(),
                percent(p.failure.mean).into(),
                bad_requests(p, p.bad_requests).into(),
                duration(p).into(),
                p.time_to_safety.as_ref().map_or_else(|| "no way back".to_owned(), estimate).into(),
                extra_cost(p.extra_cost.as_ref(), c.strategies.values().copied()).into(),
                match c.dominated_by.filter(|_| !c.on_front) {
                    Some(better) => format!("{better} is at least as good in all").into(),
                    None if c.rank == 1 => "chosen".into(),
                    None => c.reason.as_str().into(),
                },
            ]
        })
        .collect();
    if rows.len() > 1 {
        compared(rows, section);
    }
    if let Some(figure) = svg::candidates(of.plan).filter(|_| of.depth >= Depth::Standard) {
        section.figure(figure);
    }
    let ruled_out = of
        .plan
        .ruled_out
        .iter()
        .map(|r| {
            let place = format!("{} in {}", r.component, r.environment);
            let would_do = r.would_do.as_deref().unwrap_or("-");
            vec![r.strategy.name().into(), place.into(), r.fact.as_str().into(), would_do.into()]
        })
        .collect();
    section.table(&["Ruled out", "For", "The fact that decided", "Possible with"], rows_told_once(ruled_out, 1));
    if of.depth >= Depth::Standard {
        trade_offs(of, section);
    }
    parts(of, section);
    let on_failure = match of.plan.body.on_failure {
        OnFailure::RollbackChange | OnFailure::RollbackItem if !promise::has_way_back(of.plan) => {
            "the flight stops, and no command takes back what was done"
        }
        OnFailure::RollbackChange if !promise::one_way(of.plan).is_empty() => "all goes back that can; what has no way back stays",
        OnFailure::RollbackChange => "everything goes back",
        OnFailure::RollbackItem => "the failed item goes back, earlier ones stay",
        OnFailure::Hold => "exposure stays where it is and a person is asked",
    };
    let is_watched = criteria::gates(of.plan, false).next().is_some() && promise::moves_traffic(of.plan);
    let watch = if is_watched { " A gate that watches is no rest, however long it takes." } else { "" };
    section.paragraph(format!(
        "When a step or gate fails for good, {on_failure}. Where the run rests (on a pause, on a gate that cannot tell, on a person who does not answer), {}.{watch}",
        promise::unanswered(of.plan)
    ));
}

/// Candidates side by side. What is the same of all is told in a sentence.
fn compared(rows: Vec<Vec<Text>>, section: &mut Section) {
    const NAMES: [&str; 9] = ["Rank", "Candidate", "Risk", "Fails", "Bad requests", "Duration", "Safe in", "Extra cost", "Why"];
    let is_alike = |at: usize| rows.windows(2).all(|pair| pair[0].get(at) == pair[1].get(at));
    let (alike, differing): (Vec<usize>, Vec<usize>) = (0..NAMES.len()).partition(|at| is_alike(*at));
    let same = alike.iter().filter_map(|at| Some(format!("{}: {}", NAMES.get(*at)?.to_lowercase(), rows.first()?.get(*at)?.words())));
    let same = same.collect::<Vec<_>>().join("; ");
    let header: Vec<&str> = differing.iter().filter_map(|at| NAMES.get(*at).copied()).collect();
    let kept = rows.iter().map(|row| differing.iter().filter_map(|at| row.get(*at).cloned()).collect());
    section.table(&header, kept.collect());
    if !same.is_empty() {
        section.paragraph(format!("The same of all candidates: {same}."));
    }
}

/// The smaller changes that it could be.
fn parts(of: &Sources<'_>, section: &mut Section) {
    let Some(split) = &of.plan.split else { return };
    let rows = split.parts.iter().map(|part| {
        vec![Text::new().code(part.name.as_str()), percent(part.failure).into(), part_components(of.plan, part).join(", ").into()]
    });
    section.table(&["Could go as a change of its own", "Fails", "Components"], rows.collect());
    section.paragraph(split_words(of.plan, split));
}

/// Which strategy is chosen where, and the reasons, each once.
fn chosen(of: &Sources<'_>, section: &mut Section) {
    let rows = of.plan.body.assignments.iter();
    let rows =
        rows.map(|a| vec![a.strategy.name().into(), format!("{} in {}", a.component, a.environment).into(), a.reason.as_str().into()]);
    let rows = rows_told_once(rows.collect(), 1);
    let reason_of = |row: &[Text]| row.last().map(Text::words).unwrap_or_default();
    let is_one_reason = rows.iter().all(|row| Some(reason_of(row)) == rows.first().map(|first| reason_of(first)));
    let items = rows.iter().map(|row| {
        let (strategy, place) = (row.first().map(Text::words).unwrap_or_default(), row.get(1).map(Text::words).unwrap_or_default());
        let text = Text::new().strong(strategy).plain(format!(" for {place}"));
        text.plain(format!(": {}", reason_of(row)))
    });
    match rows.first().filter(|_| is_one_reason) {
        // What is chosen where stands in the table above.
        Some(row) => section.paragraph(reason_of(row)),
        None => section.list(items.collect()),
    }
}

/// How each strategy that the plan weighs goes back here.
fn trade_offs(of: &Sources<'_>, section: &mut Section) {
    let rows = Strategy::ALL
        .iter()
        .copied()
        .filter_map(|strategy| {
            let chosen: Vec<String> = of
                .plan
                .body
                .assignments
                .iter()
                .filter(|a| a.strategy == strategy)
                .map(|a| format!("{} in {}", a.component, a.environment))
                .collect();
            let lost: Vec<String> = of
                .plan
                .candidates
                .iter()
                .skip(1)
                .filter(|c| c.strategies.values().any(|s| *s == strategy))
                .map(|c| c.rank.to_string())
                .collect();
            let out = of.plan.ruled_out.iter().filter(|r| r.strategy == strategy).count();
            if chosen.is_empty() && lost.is_empty() && out == 0 {
                return None;
            }
            let traits = strategy.traits();
            let here = if !chosen.is_empty() {
                format!("chosen for {}{}", joined(&chosen), slowest_way(of, strategy))
            } else if !lost.is_empty() {
                format!("possible, lost: see candidate {}", listed(&lost))
            } else {
                format!("ruled out in {}, see above", plural(out, "place", "places"))
            };
            Some(vec![strategy.name().into(), traits.rollback.into(), traits.speed.into(), traits.costs.into(), here.into()])
        })
        .collect();
    let rows: Vec<Vec<Text>> = rows;
    if !rows.is_empty() {
        section.heading("Strategies weighed");
    }
    section.table(&["Strategy", "Kind of rollback", "Speed of it", "What it costs", "Here"], rows);
}

/// The longest way to safety of the targets of a strategy, where they move traffic.
fn slowest_way(of: &Sources<'_>, strategy: Strategy) -> String {
    let targets: Vec<&TargetName> = of.plan.body.assignments.iter().filter(|a| a.strategy == strategy).map(|a| &a.target).collect();
    promise::safe_at(of.plan, &targets, promise::P95).map_or_else(String::new, |words| format!("; {words}"))
}

fn findings(of: &Sources<'_>, section: &mut Section) {
    if of.plan.findings.is_empty() {
        return;
    }
    section.heading("Findings");
    let rows = of.plan.findings.chunk_by(|one, next| (one.code, one.severity) == (next.code, next.severity));
    let rows = rows.filter_map(|alike| {
        let first = alike.first()?;
        // The reason is told once where it is the same of all.
        let is_one_reason = alike.iter().all(|finding| finding.reason == first.reason);
        let sentence =
            |f: &Diagnostic| if is_one_reason { f.message.clone() } else { format!("{} {}", f.message, f.reason).trim().to_owned() };
        let sentences: Vec<String> = alike.iter().map(sentence).collect();
        let mut told: Vec<String> = told_once(sentences.iter().map(String::as_str)).iter().map(Told::words).collect();
        if is_one_reason && !first.reason.is_empty() {
            told.push(first.reason.clone());
        }
        let code = Text::new().code(first.code.to_string());
        let hints: Vec<String> = told_once(alike.iter().map(|finding| finding.hint.as_str())).iter().map(Told::words).collect();
        Some(vec![code, severity_word(first.severity).into(), told.join(" ").into(), hints.join(" ").into()])
    });
    let rows = rows.collect();
    section.table(&["Code", "Severity", "What and why", "What to do"], rows);
}

const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

//! The frame of the live view: title, traffic, waves and stages, the gate, what is spent, what comes next, last events.

use crate::figures::{bad_requests, count, knows_traffic, percent, stopwatch};
use crate::flight::{Room, counted, serving, sign, status_words, timed_lines, verdict, watching};
use crate::terminal::{Ink, Line, Style, bar, cut, hung, wrapped};
use crate::timeline::{Row, rows};
use glidepath_engine::{Mode, RunState, StepStatus};
use glidepath_model::event::RunEnd;
use glidepath_model::plan::Work;
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Facts, Millis, Plan, Share, Timestamp, version_shown};

/// Smallest frame that is drawn; a smaller terminal cuts it.
const WIDTH_MIN: usize = 40;
const HEIGHT_MIN: usize = 10;
/// Width from which bars are drawn in full.
const WIDE: usize = 84;
/// Lines that one statement of the lower part takes at most, in a tall frame and in a small one.
const TALL_LINES_MAX: usize = 4;
const SHORT_LINES_MAX: usize = 2;
const BUDGET: &str = " budget  ";

/// The live view as at most `height` lines of at most `width` columns.
pub fn live(
    plan: &Plan,
    state: &RunState,
    facts: Option<&Facts>,
    now: Timestamp,
    width: usize,
    height: usize,
    style: Style,
) -> Vec<String> {
    let (width, height) = (width.max(WIDTH_MIN), height.max(HEIGHT_MIN));
    let tall = height >= 24;
    let title = title(plan, state, now, width);
    let traffic = traffic(plan, state, facts, width, if tall { height / 5 } else { 2 });
    let mut below = gate(plan, state, now, width, tall);
    below.extend(spent(plan, state, width, tall));
    below.extend(next(plan, state, now, width, tall));
    let keys = keys(plan, state, width, tall);
    let heads = if tall { 4 } else { 1 };
    let fixed = 1 + traffic.len() + below.len() + keys.len() + heads;
    let free = height.saturating_sub(fixed);
    let events_room = if tall { (free / 3).clamp(1, 5) } else { usize::from(free > 4) };
    let tree = tree(plan, state, now, width, free.saturating_sub(events_room));
    let mut lines = vec![title];
    let rule = |text: &str| Line::of(Ink::Dim, format!("── {text} {}", "─".repeat(width.saturating_sub(text.chars().count() + 4))));
    if tall {
        lines.push(rule("traffic"));
    }
    lines.extend(traffic);
    lines.push(rule("waves and stages"));
    lines.extend(tree);
    if tall {
        lines.push(rule("gate, budget, next"));
    }
    lines.extend(below);
    if tall {
        lines.push(rule("last events"));
    }
    let room = Room { columns: width, events_max: events_room, lines_max: events_room };
    lines.extend(timed_lines(state, plan, now, Line::new(), Ink::Dim, room));
    lines.truncate(height - keys.len());
    lines.extend(keys);
    lines.iter().map(|line| line.render(width, style)).collect()
}

fn title(plan: &Plan, state: &RunState, now: Timestamp, width: usize) -> Line {
    let elapsed = state.ended.as_ref().map_or(now, |e| e.at).since(state.started_at);
    let eta = match remaining(plan, state, now) {
        Some(left) if width >= WIDE => format!("{} elapsed, about {} to go", stopwatch(elapsed), stopwatch(left)),
        Some(left) => format!("{} +{}", stopwatch(elapsed), stopwatch(left)),
        None => format!("{} elapsed", stopwatch(elapsed)),
    };
    let status = status_words(state).to_uppercase();
    let room = width.saturating_sub(state.run.as_str().len() + status.len() + eta.len() + 8);
    Line::of(status_ink(state), format!("● {status}"))
        .with(Ink::Plain, "  ")
        .with(Ink::Strong, cut(&plan.body.change.title, room))
        .with(Ink::Dim, format!("  {}", state.run))
        .right(width, Ink::Plain, &eta)
}

fn status_ink(state: &RunState) -> Ink {
    match state.status() {
        RunStatus::Flying => Ink::Accent,
        RunStatus::Paused | RunStatus::Holding => Ink::Caution,
        RunStatus::RollingBack | RunStatus::NeedsOperator => Ink::Bad,
        RunStatus::Ended(RunEnd::Succeeded) => Ink::Good,
        RunStatus::Ended(RunEnd::RolledBack) => Ink::Caution,
        RunStatus::Ended(RunEnd::Abandoned | RunEnd::Superseded) => Ink::Bad,
    }
}

/// Expected time until the plan is flown or undone; `None` when the run rests or is over.
fn remaining(plan: &Plan, state: &RunState, now: Timestamp) -> Option<Millis> {
    match state.mode() {
        Mode::Ended(_) | Mode::Paused | Mode::Stopped | Mode::Holding(_) | Mode::NeedsOperator(_) => None,
        Mode::RollingBack(rollback) => {
            let expected = plan.prediction.time_to_rollback.as_ref()?.p50_ms.0;
            Some(Millis(expected.saturating_sub(now.since(rollback.began_at).0)))
        }
        Mode::Flying => {
            let placed: Vec<_> = crate::timeline::placed(plan).into_iter().filter(|p| !p.step.after_landing).collect();
            let end = placed.iter().map(|p| p.ends).max().unwrap_or(0);
            let open: Vec<u64> = placed
                .iter()
                .filter(|p| !state.step(&p.step.id).is_behind())
                .map(|p| {
                    let spent = state.step(&p.step.id).started_at.map_or(0, |at| now.since(at).0);
                    (p.begins + spent).min(p.ends)
                })
                .collect();
            open.into_iter().min().map(|reached| Millis(end.saturating_sub(reached)))
        }
    }
}

fn traffic(plan: &Plan, state: &RunState, facts: Option<&Facts>, width: usize, lines_max: usize) -> Vec<Line> {
    let all = serving(plan, facts, Some(state));
    let mut order: Vec<usize> = (0..all.len()).collect();
    // A place between two versions matters more than one that is settled.
    order.sort_by_key(|at| (all[*at].is_whole(), *at));
    order.truncate(lines_max.max(1));
    order.sort_unstable();
    let name_width = all.iter().map(|s| s.component.chars().count()).max().unwrap_or(0).min(18);
    let place_width = all.iter().map(|s| s.place.chars().count()).max().unwrap_or(0).min(24);
    let bar_width = if width >= WIDE { 24 } else { 10 };
    order
        .into_iter()
        .map(|at| {
            let s = &all[at];
            let (share, ink) = match s.share {
                Some(Share::ZERO) => (0.0, Ink::Dim),
                Some(Share::ALL) => (1.0, Ink::Good),
                Some(share) => (share.as_f64(), Ink::Accent),
                None => (0.5, Ink::Accent),
            };
            let words = match s.share {
                _ if s.is_stopped => "nobody is served".to_owned(),
                Some(share) => share.to_string(),
                None => "hosts half done".to_owned(),
            };
            let line = Line::of(Ink::Plain, " ")
                .with(Ink::Strong, cut(&s.component, name_width))
                .padded_to(name_width + 2)
                .with(Ink::Plain, cut(&s.place, place_width))
                .padded_to(name_width + place_width + 4)
                .with(ink, bar(share, bar_width))
                .with(Ink::Plain, format!(" {words:>6}"));
            if width >= WIDE {
                line.with(Ink::Dim, format!("  {} → {}", version_shown(&s.from), version_shown(&s.to)))
            } else {
                line.with(Ink::Dim, format!(" {}", s.to))
            }
        })
        .collect()
}

fn tree(plan: &Plan, state: &RunState, now: Timestamp, width: usize, room: usize) -> Vec<Line> {
    let mut lines: Vec<(bool, Line)> = Vec::new();
    for row in rows(plan) {
        let status = row_status(&row, state);
        let active = matches!(status, RowStatus::Active | RowStatus::Failed | RowStatus::Undoing);
        lines.push((active, row_line(&row, status, state, now, width)));
        if active {
            lines.extend(row.steps.iter().filter_map(|p| step_line(p.step, state, now, width)).map(|l| (true, l)));
        }
    }
    if lines.len() <= room {
        return lines.into_iter().map(|(_, l)| l).collect();
    }
    // Two lines tell what stands outside the window; the window shows what is active and a little before.
    let inner = room.saturating_sub(2).max(1);
    let focus = lines.iter().position(|(active, _)| *active).unwrap_or_else(|| if state.ended.is_some() { lines.len() } else { 0 });
    let start = focus.saturating_sub(inner / 3).min(lines.len().saturating_sub(inner));
    let after = lines.len().saturating_sub(start + inner);
    let mut shown: Vec<Line> = Vec::new();
    if room >= 3 {
        shown.push(Line::of(Ink::Dim, if start > 0 { format!("   … {start} lines above") } else { String::new() }));
    }
    shown.extend(lines.into_iter().skip(start).take(inner).map(|(_, l)| l));
    if room >= 3 && after > 0 {
        shown.push(Line::of(Ink::Dim, format!("   … {after} lines below")));
    }
    shown.truncate(room);
    shown
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowStatus {
    Waiting,
    Active,
    Done,
    Failed,
    Undoing,
    Undone,
}

fn row_status(row: &Row<'_>, state: &RunState) -> RowStatus {
    let all: Vec<StepStatus> = row.steps.iter().map(|p| state.step(&p.step.id).status()).collect();
    let any = |test: fn(&StepStatus) -> bool| all.iter().any(test);
    if any(|s| matches!(s, StepStatus::Failed(_) | StepStatus::UndoFailed(_))) {
        RowStatus::Failed
    } else if any(|s| *s == StepStatus::Undoing) {
        RowStatus::Undoing
    } else if any(|s| *s == StepStatus::Undone) {
        RowStatus::Undone
    } else if any(|s| {
        matches!(
            s,
            StepStatus::Running | StepStatus::Watching | StepStatus::RetryAt(_) | StepStatus::WaitingUntil(_) | StepStatus::AskingPerson(_)
        )
    }) {
        RowStatus::Active
    } else if all.iter().all(|s| matches!(s, StepStatus::Done | StepStatus::Skipped)) {
        RowStatus::Done
    } else if any(|s| *s == StepStatus::Done) && state.ended.is_none() {
        RowStatus::Active
    } else {
        RowStatus::Waiting
    }
}

fn row_line(row: &Row<'_>, status: RowStatus, state: &RunState, now: Timestamp, width: usize) -> Line {
    let (sign, ink) = match status {
        RowStatus::Waiting => ("·", Ink::Dim),
        RowStatus::Active => ("▶", Ink::Accent),
        RowStatus::Done => ("✓", Ink::Good),
        RowStatus::Failed => ("✗", Ink::Bad),
        RowStatus::Undoing => ("◀", Ink::Caution),
        RowStatus::Undone => ("↩", Ink::Caution),
    };
    let behind = row.steps.iter().filter(|p| state.step(&p.step.id).is_behind()).count();
    let began = row.steps.iter().filter_map(|p| state.step(&p.step.id).started_at).min();
    let ended = row.steps.iter().filter_map(|p| state.step(&p.step.id).ended_at).max();
    let expected = Millis(row.ends().saturating_sub(row.begins()));
    let time = match (status, began) {
        (RowStatus::Waiting, _) | (_, None) => format!("about {}", stopwatch(expected)),
        (RowStatus::Active | RowStatus::Failed | RowStatus::Undoing, Some(began)) => {
            format!("{} of {}", stopwatch(state.ended.as_ref().map_or(now, |e| e.at).since(began)), stopwatch(expected))
        }
        (RowStatus::Done | RowStatus::Undone, Some(began)) => stopwatch(ended.unwrap_or(now).since(began)),
    };
    let steps = format!("{behind}/{}", row.steps.len());
    Line::of(Ink::Plain, " ")
        .with(ink, sign)
        .with(Ink::Plain, " ")
        .with(if status == RowStatus::Waiting { Ink::Dim } else { Ink::Plain }, cut(&row.label, width.saturating_sub(28)))
        .right(width, Ink::Dim, &format!("{steps:>6}  {time:>15}"))
}

fn step_line(step: &glidepath_model::Step, state: &RunState, now: Timestamp, width: usize) -> Option<Line> {
    let own = state.step(&step.id);
    let status = own.status();
    let (ink, more) = match &status {
        StepStatus::Waiting | StepStatus::Done | StepStatus::Skipped | StepStatus::Undone => return None,
        StepStatus::Running | StepStatus::Watching => (Ink::Accent, own.started_at.map_or(String::new(), |at| stopwatch(now.since(at)))),
        StepStatus::WaitingUntil(at) => (Ink::Accent, format!("{} left", stopwatch(at.since(now)))),
        StepStatus::RetryAt(at) => (Ink::Caution, format!("again in {}", stopwatch(at.since(now)))),
        StepStatus::AskingPerson(at) => (Ink::Caution, format!("{} to answer", stopwatch(at.since(now)))),
        StepStatus::AwaitingEvent(at) => (Ink::Caution, format!("{} for the event", stopwatch(at.since(now)))),
        StepStatus::Throttled(None) => (Ink::Caution, "asks for its turn".to_owned()),
        StepStatus::Throttled(Some(at)) => (Ink::Caution, format!("its turn in {}", stopwatch(at.since(now)))),
        StepStatus::Tolerated(reason) => (Ink::Caution, cut(reason, width / 2)),
        StepStatus::Undoing => (Ink::Caution, "undoing".to_owned()),
        StepStatus::Failed(reason) | StepStatus::UndoFailed(reason) => (Ink::Bad, cut(reason, width / 2)),
    };
    let line = Line::of(Ink::Plain, "     ")
        .with(ink, sign(&status))
        .with(Ink::Plain, format!(" {}", cut(&step.title, width.saturating_sub(more.chars().count() + 9))));
    Some(line.right(width, ink, &more))
}

fn gate(plan: &Plan, state: &RunState, now: Timestamp, width: usize, tall: bool) -> Vec<Line> {
    let open = watching(plan, state);
    let Some((step, opened_at, look)) = open.first() else {
        let said = verdict(plan, state, now).unwrap_or_default();
        return if said.is_empty() { Vec::new() } else { named(" gate    ", Ink::Dim, &said, width, tall) };
    };
    let Work::Gate(spec) = &step.work else { return Vec::new() };
    let bake = spec.bake_ms.max(spec.min_bake_ms);
    let watched = now.since(*opened_at);
    let more = if open.len() > 1 { format!(" (+{} more)", open.len() - 1) } else { String::new() };
    let fraction = watched.0 as f64 / bake.0.max(1) as f64;
    let bar_width = if width >= WIDE { 24 } else { 10 };
    let baked = Line::of(Ink::Plain, " gate    ")
        .with(Ink::Accent, bar(fraction, bar_width))
        .with(Ink::Plain, format!(" {} of {}  ", stopwatch(watched.min(bake)), stopwatch(bake)));
    let mut lines = hung(baked, Ink::Plain, &format!("{}{more}", spec.subject), width, SHORT_LINES_MAX);
    let (ink, words) = match look {
        None => (Ink::Dim, "not looked yet".to_owned()),
        Some(look) => {
            let ink = match look.verdict {
                VerdictKind::Regression => Ink::Bad,
                VerdictKind::NoRegression => Ink::Good,
                VerdictKind::Undecided => Ink::Caution,
            };
            (ink, format!("{}: {}", look.verdict, look.line))
        }
    };
    lines.extend(named("         ", ink, &words, width, tall));
    lines
}

/// A line of the lower part, with as many lines as the frame has room for.
fn named(name: &str, ink: Ink, words: &str, width: usize, tall: bool) -> Vec<Line> {
    hung(Line::of(Ink::Plain, name), ink, words, width, if tall { TALL_LINES_MAX } else { SHORT_LINES_MAX })
}

fn spent(plan: &Plan, state: &RunState, width: usize, tall: bool) -> Vec<Line> {
    let p = &plan.prediction;
    let bad = match knows_traffic(plan) {
        true => format!("predicted {} bad", bad_requests(p, p.bad_requests)),
        false => "no traffic figures".to_owned(),
    };
    let predicted = match p.budget_share {
        Some(share) => format!("{bad}, {} of the budget", percent(share)),
        None => format!("{bad}; no objective, so no budget"),
    };
    let counts: Vec<_> = watching(plan, state).into_iter().filter_map(|(_, _, look)| counted(&look?.state)).collect();
    if counts.is_empty() {
        return named(BUDGET, Ink::Plain, &predicted, width, tall);
    }
    let (bad, total, excess) = counts.iter().fold((0.0, 0.0, 0.0), |(b, t, e), c| (b + c.bad, t + c.total, e + c.excess));
    let ink = if excess > p.bad_requests_if_failing.max(p.bad_requests) { Ink::Bad } else { Ink::Plain };
    let counted = format!("{} bad of {} on the new side, {} too many", count(bad), count(total), count(excess));
    let line = Line::of(Ink::Plain, BUDGET).with(ink, &counted).with(Ink::Dim, format!("; {predicted}"));
    if line.width() <= width { vec![line] } else { named(BUDGET, ink, &format!("{counted}; {predicted}"), width, tall) }
}

fn next(plan: &Plan, state: &RunState, now: Timestamp, width: usize, tall: bool) -> Vec<Line> {
    let words = match state.next_automatic(&plan.body) {
        Some((what, Some(at))) => format!("in {}: {what}", stopwatch(at.since(now))),
        Some((what, None)) => what,
        None => "nothing happens by itself".to_owned(),
    };
    let mut lines = Vec::new();
    // A gate that watches says more than the line about what is done now.
    if watching(plan, state).is_empty() {
        lines.extend(named(" now     ", Ink::Strong, &state.now_line(&plan.body), width, tall));
    }
    lines.extend(named(" next    ", Ink::Plain, &words, width, tall));
    lines
}

/// What may be typed in another terminal now. It is copied from the screen, so a tall frame gives it a second line before it is cut.
fn keys(plan: &Plan, state: &RunState, width: usize, tall: bool) -> Vec<Line> {
    let split = |line: Line, words: &str| {
        if line.width() <= width || !tall {
            vec![line]
        } else {
            wrapped(words, width.saturating_sub(1)).iter().map(|l| Line::of(Ink::Dim, format!(" {l}"))).collect()
        }
    };
    if state.ended.is_some() {
        let words = format!("glidepath history {0}   glidepath rollback {0}", state.run);
        return split(Line::of(Ink::Dim, format!(" {words}")), &words);
    }
    let mut verbs: Vec<&str> = Vec::new();
    for (verb, _) in state.allowed_verbs(&plan.body) {
        if !verbs.contains(&verb.name()) {
            verbs.push(verb.name());
        }
    }
    let verbs = verbs.join("|");
    let line = Line::of(Ink::Dim, " in another terminal: glidepath ").with(Ink::Plain, &verbs).with(Ink::Dim, format!(" {}", state.run));
    split(line, &format!("in another terminal: glidepath {verbs} {}", state.run))
}

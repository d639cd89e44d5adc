//! The flight card: one screen of plain text that is useful when everything else is gone.

use crate::directory::{Reach, lead, name, reach};
use crate::figures::{bad_requests, knows_traffic, minute, moment, percent, plural};
use crate::flight::{Room, Serving, one_way_behind, serving, status_words, timed_lines, verdict, watching};
use crate::promise;
use crate::terminal::{Ink, Line, Style, hung};
use crate::waterfall::strongest;
use crate::way_back::{WayBack, way_back};
use glidepath_engine::RunState;
use glidepath_model::{Code, Facts, Plan, Share, Timestamp, version_shown};

/// Columns of the card at most.
pub const CARD_COLUMNS_MAX: usize = 100;
/// Lines of the card at most.
pub const CARD_LINES_MAX: usize = 40;
/// The finding that a way back leads to where nobody looked.
const FLAG_UNREAD: Code = Code(363);
/// Two versions run side by side while hosts are restarted, on the way back as well.
const VERSIONS_BESIDE: Code = Code(362);
/// How a command begins on the card.
const COMMAND: &str = "  $ ";
const SERVING_LINES_MAX: usize = 10;
const WAY_BACK_COMMANDS_MAX: usize = 4;
const FACT_COLUMN: usize = 9;
const FACT_LINES_MAX: usize = 2;
/// How long the way back takes is promised per share, and must not be cut in the middle.
const TIMES_LINES_MAX: usize = 3;
/// A verdict carries the numbers that decide; it is the last to be cut.
const VERDICT_LINES_MAX: usize = 4;
const EVENTS_MAX: usize = 5;

/// The flight card at `now`. Without a state it is the card before take-off.
pub fn card(plan: &Plan, facts: Option<&Facts>, state: Option<&RunState>, now: Timestamp) -> String {
    let mut lines = vec![head(plan, state), Line::of(Ink::Plain, format!("  as of {} {}", minute(now), identity(plan, state)))];
    lines.push(Line::of(Ink::Plain, "─".repeat(CARD_COLUMNS_MAX)));
    lines.extend(serving_lines(plan, facts, state));
    let said = state.map_or_else(|| before(plan), |s| verdict(plan, s, now).unwrap_or_else(|| "no gate has looked yet".to_owned()));
    let mut said = fact_of("VERDICT", &said, VERDICT_LINES_MAX);
    said.extend(next_lines(plan, state, now));
    let holder = holder_lines(plan, facts, state);
    // Commands that find no room are counted, and never push out what follows them.
    let room = CARD_LINES_MAX.saturating_sub(lines.len() + said.len() + holder.len() + 1);
    lines.extend(way_back_lines(plan, state, room));
    lines.extend(said);
    // Events give way to who can be reached when the screen is too small for both.
    let room = CARD_LINES_MAX.saturating_sub(lines.len() + holder.len() + 1);
    lines.push(Line::of(Ink::Plain, "LAST EVENTS"));
    lines.extend(event_lines(plan, state, now, room));
    lines.extend(holder);
    let mut shown: Vec<String> = lines.iter().map(|l| l.render(columns(l), Style::Plain)).collect();
    shown.truncate(CARD_LINES_MAX);
    shown.join("\n") + "\n"
}

/// Columns a line may take: commands are whole.
fn columns(line: &Line) -> usize {
    if line.starts_with(COMMAND) || line.starts_with("     ") { line.width().max(CARD_COLUMNS_MAX) } else { CARD_COLUMNS_MAX }
}

fn head(plan: &Plan, state: Option<&RunState>) -> Line {
    let status = state.map_or_else(|| "not flown yet".to_owned(), status_words);
    Line::of(Ink::Plain, format!("FLIGHT CARD  {}", crate::terminal::cut(&plan.body.change.title, 60))).right(
        CARD_COLUMNS_MAX,
        Ink::Plain,
        &status.to_uppercase(),
    )
}

fn identity(plan: &Plan, state: Option<&RunState>) -> String {
    let run = state.map_or(String::new(), |s| format!(", {}", s.run));
    format!("· change {}, plan {}{run}, risk {}", plan.body.change.name, plan.id.short(), plan.prediction.risk)
}

fn serving_lines(plan: &Plan, facts: Option<&Facts>, state: Option<&RunState>) -> Vec<Line> {
    let all = serving(plan, facts, state);
    let mut lines = vec![Line::of(Ink::Plain, "SERVES TRAFFIC NOW (component, place, version and share)")];
    if all.is_empty() {
        lines.push(Line::of(Ink::Dim, "  nothing of this run: it moves no traffic"));
    }
    // Nothing is more urgent than what is exposed, so that stands first when the screen is too small for all.
    let mut ordered: Vec<_> = all.iter().collect();
    // Where nothing is exposed, the last environment stands first: that is where users are.
    let order = |s: &Serving| plan.body.change.environments.iter().position(|e| s.place.split(' ').next() == Some(e.as_str())).unwrap_or(0);
    ordered.sort_by_key(|s| (s.is_whole(), std::cmp::Reverse(order(s))));
    for serving in ordered.iter().take(SERVING_LINES_MAX) {
        let shares = match serving.share {
            _ if serving.is_stopped => "nobody is served: stopped on the way".to_owned(),
            Some(Share::ZERO) => all_of(&version_shown(&serving.from)),
            Some(Share::ALL) => all_of(&version_shown(&serving.to)),
            Some(share) => format!("{} {}, {} {share}", version_shown(&serving.from), share.rest(), version_shown(&serving.to)),
            None => format!("{} and {} side by side, hosts half done", version_shown(&serving.from), version_shown(&serving.to)),
        };
        lines.push(
            Line::of(Ink::Plain, format!("  {}", serving.component))
                .padded_to(20)
                .with(Ink::Plain, format!(" {}", serving.place))
                .padded_to(46)
                .with(Ink::Plain, format!(" {shares}")),
        );
    }
    if all.len() > SERVING_LINES_MAX {
        lines.push(Line::of(
            Ink::Plain,
            match ordered.iter().skip(SERVING_LINES_MAX).any(|s| !s.is_whole()) {
                true => format!("  and {} more, some of them between two versions", all.len() - SERVING_LINES_MAX),
                false => format!("  and {} more, none of them between two versions", all.len() - SERVING_LINES_MAX),
            },
        ));
    }
    lines
}

/// `1.0.0 100 %`; a split of traffic over places says its shares itself.
fn all_of(version: &str) -> String {
    if version.ends_with(" %") { version.to_owned() } else { format!("{version} 100 %") }
}

fn way_back_lines(plan: &Plan, state: Option<&RunState>, room: usize) -> Vec<Line> {
    let one_way = match state {
        Some(state) => {
            let behind = one_way_behind(plan, state);
            behind.first().map_or_else(|| "no one-way step is behind us".to_owned(), |s| format!("ONE-WAY STEP BEHIND US: {}", s.title))
        }
        None => match promise::one_way(plan).len() {
            0 => "the plan has no one-way step".to_owned(),
            steps => format!("the plan has {}", plural(steps, "one-way step", "one-way steps")),
        },
    };
    let mut lines = vec![Line::of(Ink::Plain, "WAY BACK (raw commands; they need nothing of this program)")];
    let times = format!("{}; {one_way}", promise::back(plan, promise::BOTH));
    lines.extend(hung(Line::of(Ink::Plain, "  "), Ink::Plain, &times, CARD_COLUMNS_MAX, TIMES_LINES_MAX));
    for granted in plan.findings.iter().filter(|finding| [FLAG_UNREAD, VERSIONS_BESIDE].contains(&finding.code)) {
        let text = format!("{} {}", granted.message, granted.reason);
        lines.extend(hung(Line::of(Ink::Plain, "  "), Ink::Caution, &text, CARD_COLUMNS_MAX, TIMES_LINES_MAX));
    }
    let mut commands = way_back(plan, state);
    if state.is_none() {
        // Before take-off the card shows the calls that come first; what must go back before them later is for section 6.
        commands.retain(|command| !command.safety || command.undoes.is_none());
    }
    // What takes a step back may be the call that stands before it.
    commands.dedup_by(|next, before| next.command == before.command);
    if commands.is_empty() {
        lines.push(Line::of(Ink::Plain, "  nothing is exposed and nothing is in place that would have to go back"));
    }
    let (safety, undo): (Vec<_>, Vec<_>) = commands.iter().partition(|c| c.safety);
    let wanted = safety
        .iter()
        .take(WAY_BACK_COMMANDS_MAX)
        .chain(undo.iter().take(WAY_BACK_COMMANDS_MAX - safety.len().min(WAY_BACK_COMMANDS_MAX - 1)));
    let mut shown = 0;
    for command in wanted {
        let typed = typed(&command.command);
        // The first is shown whatever it takes; a line is kept for how many are left.
        if shown > 0 && lines.len() + typed.len() + 2 > room {
            break;
        }
        lines.extend(typed.iter().map(|part| Line::of(Ink::Plain, part)));
        lines.push(Line::of(Ink::Plain, format!("    expect: {}{}", command.reaches, later(command, state))));
        shown += 1;
    }
    if commands.len() > shown {
        lines.push(Line::of(
            Ink::Plain,
            format!("  and {} more, in order, in section 6 of the document", plural(commands.len() - shown, "command", "commands")),
        ));
    }
    lines
}

/// Until when a call is enough by itself, where that is not known to be so now.
fn later(command: &WayBack, state: Option<&RunState>) -> String {
    match (command.enough_until, state) {
        (Some(step), None) => format!("; enough until step {step} begins (section 6)"),
        (Some(_) | None, _) => String::new(),
    }
}

/// A command is never cut, since half a command is worse than a long line; it is continued at a space outside quotes where it has one.
fn typed(command: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, source) in command.lines().enumerate() {
        let mut current = if at == 0 { COMMAND.to_owned() } else { "    ".to_owned() };
        for piece in pieces(source) {
            if current.chars().count() + piece.chars().count() + 3 > CARD_COLUMNS_MAX && current.trim().len() > 1 {
                lines.push(format!("{current} \\"));
                current = "     ".to_owned();
            }
            current = if current.ends_with(' ') { format!("{current}{piece}") } else { format!("{current} {piece}") };
        }
        lines.push(current);
    }
    lines
}

/// Pieces of a command between spaces that stand outside quotes.
fn pieces(command: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, ' ') => pieces.push(String::new()),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None | Some(_), _) => {}
        }
        if quote.is_some() || c != ' ' {
            let last = pieces.len() - 1;
            pieces[last].push(c);
        }
    }
    pieces.retain(|p| !p.is_empty());
    pieces
}

fn before(plan: &Plan) -> String {
    let p = &plan.prediction;
    let because = p.reasons.first().map(|risk| (risk, strongest(risk, 2))).filter(|(_, reasons)| !reasons.is_empty());
    let because = because.map_or_else(String::new, |(risk, reasons)| format!("; mostly {}: {}", risk.component, reasons.join(", ")));
    format!(
        "not flown; {}, {} of such flights do not land ({} to {}; {}){because}",
        if knows_traffic(plan) {
            format!("expects {} bad requests", bad_requests(p, p.bad_requests))
        } else {
            "no traffic figures".to_owned()
        },
        percent(p.failure.mean),
        percent(p.failure.low),
        percent(p.failure.high),
        p.failure.label
    )
}

fn next_lines(plan: &Plan, state: Option<&RunState>, now: Timestamp) -> Vec<Line> {
    let Some(state) = state else {
        let first = plan.body.steps.first().map_or("nothing", |s| s.title.as_str());
        return fact("NEXT", format!("nothing by itself; on take-off: {first}; the plan expires {}", minute(plan.body.expires_at)));
    };
    let line = match state.next_automatic(&plan.body) {
        Some((what, Some(at))) => format!("{} (in {}): {what}", moment(at, now), at.since(now)),
        Some((what, None)) => what,
        None => "nothing happens by itself".to_owned(),
    };
    let mut lines = fact("NEXT", line);
    if watching(plan, state).is_empty() {
        lines.splice(0..0, fact("NOW", state.now_line(&plan.body)));
    }
    if let Some(at) = state.hold_until(&plan.body) {
        lines.extend(fact("LIMIT", format!("{} (in {}): traffic goes to safety if nobody speaks", moment(at, now), at.since(now))));
    }
    lines
}

fn event_lines(plan: &Plan, state: Option<&RunState>, now: Timestamp, room: usize) -> Vec<Line> {
    let indent = Line::of(Ink::Plain, "  ");
    let room = Room { columns: CARD_COLUMNS_MAX, events_max: EVENTS_MAX, lines_max: room };
    let lines = state.map_or_else(Vec::new, |s| timed_lines(s, plan, now, indent, Ink::Plain, room));
    if lines.is_empty() { vec![Line::of(Ink::Plain, format!("  {} plan made", moment(plan.body.created_at, now)))] } else { lines }
}

fn holder_lines(plan: &Plan, facts: Option<&Facts>, state: Option<&RunState>) -> Vec<Line> {
    let catalog = facts.map(|f| &f.catalog);
    let owner = state.and_then(|s| s.owner.as_ref()).map(|o| format!("{}, process {}", o.who, o.process.pid));
    let held = owner.unwrap_or_else(|| "nobody: not in flight".to_owned());
    let mut lines = fact("HELD BY", held);
    match lead(plan, catalog) {
        Some(owner) => {
            lines.extend(fact("REACH", format!("{}: {}", name(catalog, owner), reach(catalog, owner, Reach::Primary).words())));
            lines.extend(fact(
                "THEN",
                format!("{}; {}", reach(catalog, owner, Reach::Secondary).words(), reach(catalog, owner, Reach::Escalation).words()),
            ));
        }
        None => lines.extend(fact("REACH", format!("no owner: add `spec.owner` to changes/{}", plan.body.change.name))),
    }
    lines
}

/// A named statement, continued under its words when it is long.
fn fact(name: &str, text: String) -> Vec<Line> {
    fact_of(name, &text, FACT_LINES_MAX)
}

fn fact_of(name: &str, text: &str, lines_max: usize) -> Vec<Line> {
    hung(Line::of(Ink::Plain, name).padded_to(FACT_COLUMN), Ink::Plain, text, CARD_COLUMNS_MAX, lines_max)
}

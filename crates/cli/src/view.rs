//! What a person sees of a flight: a painted frame on a terminal, a line per event elsewhere, JSON lines for programs.
//!
//! The view only consumes what was journaled. On a terminal a painter redraws the latest state four times a second, so that clocks and
//! bars move while nothing happens; everywhere else each committed event becomes one line.

use crate::args::Form;
use crate::output;
use glidepath_engine::RunState;
use glidepath_model::event::AttemptRef;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Facts, Millis, Plan, PlanId, RunId, StepId, Timestamp};
use glidepath_ports::{Clock, ProgressSink};
use glidepath_runtime::Observer;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Time between two frames.
const FRAME_EVERY: Duration = Duration::from_millis(250);

/// A gate says the same again in plain lines at most this often.
const SAME_LOOK_EVERY: Millis = Millis(10_000);

/// Shows one run.
pub(crate) struct View {
    run: RunId,
    form: Form,
    painted: bool,
    /// Which plan flies is said when the journal says it: the one that this process wanted to be flown, if it wanted one, may not be it.
    names_plan: Option<Option<PlanId>>,
    /// The time by which runs go.
    clock: Arc<dyn Clock>,
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    plan: Option<Arc<Plan>>,
    facts: Option<Arc<Facts>>,
    state: Option<RunState>,
    lines_on_screen: u16,
    size: (u16, u16),
    looks: BTreeMap<StepId, Look>,
}

/// What a gate said last, and when it was printed.
struct Look {
    at: Timestamp,
    verdict: VerdictKind,
    line: String,
}

impl Latest {
    /// Whether a gate's look is worth a plain line: something changed, or nothing was said for a while.
    fn is_news(&mut self, at: Timestamp, event: &Event) -> bool {
        let Event::GateLooked { step, verdict, line, .. } = event else { return true };
        let same = self.looks.get(step).is_some_and(|l| l.verdict == *verdict && l.line == *line && at.since(l.at) < SAME_LOOK_EVERY);
        if !same {
            self.looks.insert(step.clone(), Look { at, verdict: *verdict, line: line.clone() });
        }
        !same
    }
}

impl View {
    /// A view that paints when standard output is a terminal.
    pub(crate) fn new(run: RunId, form: Form, clock: Arc<dyn Clock>) -> Self {
        let painted = form == Form::Human && std::io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb");
        Self { run, form, painted, names_plan: None, clock, latest: Mutex::new(Latest::default()) }
    }

    /// Gives the facts that frames may use.
    pub(crate) fn with_facts(self, facts: Option<Facts>) -> Self {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).facts = facts.map(Arc::new);
        self
    }

    /// Lets it say which plan flies, as soon as one does, and when that is not the one that was to be flown.
    pub(crate) fn that_names_the_plan(self, wanted: Option<PlanId>) -> Self {
        Self { names_plan: Some(wanted), ..self }
    }

    fn name_plan(&self, plan: &Plan) {
        let is_known = self.latest.lock().unwrap_or_else(PoisonError::into_inner).plan.is_some();
        let (Some(wanted), false) = (&self.names_plan, is_known) else { return };
        if wanted.as_ref().is_some_and(|wanted| *wanted != plan.id) {
            self.announce(&format!("Somebody else began {} first; this follows it.", self.run));
        }
        self.announce(&format!("{} flies plan {} ({}).", self.run, plan.id.short(), plan.body.change.title));
    }

    /// Starts to redraw; ends with `Painter::stop`.
    pub(crate) fn start_painting(self: Arc<Self>) -> Painter {
        let (stop, mut stopped) = watch::channel(false);
        let view = self;
        let task = tokio::spawn(async move {
            if !view.painted {
                return;
            }
            loop {
                tokio::select! {
                    _ = stopped.changed() => break,
                    () = tokio::time::sleep(FRAME_EVERY) => view.paint(),
                }
            }
            view.paint();
        });
        Painter { stop, task }
    }

    fn paint(&self) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(plan), Some(state)) = (latest.plan.clone(), latest.state.clone()) else { return };
        let (width, height) = crossterm::terminal::size().unwrap_or((100, 30));
        let style = if output::stdout_is_styled() { glidepath_report::Style::Ansi } else { glidepath_report::Style::Plain };
        let facts = latest.facts.clone();
        let now = self.clock.now();
        let frame =
            glidepath_report::live(&plan, &state, facts.as_deref(), now, usize::from(width), usize::from(height.saturating_sub(1)), style);
        let mut out = std::io::stdout().lock();
        // The terminal shows the frame when it is complete (mode 2026; terminals without it ignore it).
        let mut text = "\x1b[?2026h".to_owned();
        if latest.size != (width, height) && latest.lines_on_screen > 0 {
            // After a resize the old lines may be wrapped: nobody knows how many rows they take.
            text += "\x1b[2J\x1b[H";
        } else if latest.lines_on_screen > 0 {
            text += &format!("\x1b[{}A\r", latest.lines_on_screen);
        }
        for line in &frame {
            text += &format!("{line}\x1b[K\n");
        }
        text += "\x1b[J\x1b[?2026l";
        latest.size = (width, height);
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
        latest.lines_on_screen = u16::try_from(frame.len()).unwrap_or(u16::MAX);
    }

    /// Says a line to the person; where a frame stands, above it.
    pub(crate) fn announce(&self, line: &str) {
        self.above_frame(|| output::say(line));
    }

    /// Nothing is painted meanwhile.
    fn above_frame(&self, say: impl FnOnce()) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if self.painted && latest.lines_on_screen > 0 {
            let mut out = std::io::stdout().lock();
            let _ = write!(out, "\x1b[{}A\r\x1b[J", latest.lines_on_screen);
            let _ = out.flush();
            latest.lines_on_screen = 0;
        }
        say();
    }

    fn tell(&self, at: Timestamp, event: &Event) {
        match self.form {
            Form::Json => output::data(&serde_json::json!({ "run": self.run, "at": at, "event": event }).to_string()),
            Form::Human if !self.painted => {
                let news = self.latest.lock().unwrap_or_else(PoisonError::into_inner).is_news(at, event);
                if news && let Some(line) = glidepath_report::event_line(event, at) {
                    output::row(&format!("{}  {line}", clock_text(at, self.clock.now())));
                }
            }
            Form::Human => {}
        }
    }
}

/// Time of day of an event, in UTC; with its date when that is not today.
fn clock_text(at: Timestamp, now: Timestamp) -> String {
    let (text, today) = (at.to_second().to_string(), now.to_string());
    match text.get(11..19) {
        Some(clock) if text.get(..10) == today.get(..10) => format!("{clock}Z"),
        Some(_) | None => text,
    }
}

impl Observer for View {
    fn committed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        if state.run != self.run {
            return;
        }
        self.name_plan(plan);
        for event in events {
            self.tell(state.last_at, event);
        }
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.plan.is_none() {
            latest.plan = Some(Arc::new(plan.clone()));
        }
        latest.state = Some(state.clone());
    }

    fn trouble(&self, line: &str) {
        self.above_frame(|| output::warn(line));
    }
}

impl ProgressSink for View {
    fn line(&self, _: &AttemptRef, _: &str) {}
}

/// Redraws until told to stop.
pub(crate) struct Painter {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Painter {
    /// Draws the last frame and ends.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

//! What people and stores are shown of a run.

use crate::state::{Mode, Pilot, Progress, RunState, StepState, Track};
use crate::{Observed, next, next_wake, requests, window};
use glidepath_model::change::OnWindowEnd;
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Work};
use glidepath_model::projection::RunSummary;
use glidepath_model::request::Verb;
use glidepath_model::text::plural;
use glidepath_model::{ComponentName, PlanId, StepId, TargetName, Timestamp};
use std::collections::BTreeSet;

impl RunState {
    /// One line: what the run does or waits for.
    pub fn now_line(&self, plan: &PlanBody) -> String {
        let counted = || plan.steps.iter().filter(|s| !s.after_landing);
        let behind = counted().filter(|s| self.step(&s.id).is_behind()).count();
        let tolerated = counted().filter(|s| matches!(self.step(&s.id).forward.progress, Progress::Tolerated { .. })).count();
        let failed = if tolerated > 0 { format!(", {tolerated} failed and tolerated") } else { String::new() };
        let of = format!("{} of {} done{failed}", behind - tolerated, plural(counted().count(), "step", "steps"));
        match self.mode() {
            Mode::Ended(ended) => match ended.end {
                RunEnd::Succeeded => format!("{}; {of}", landed_words(self, plan)),
                RunEnd::RolledBack => format!("rolled back; {}", self.rollback.as_ref().map_or("", |r| r.cause.as_str())),
                RunEnd::Abandoned => "abandoned; what is in place stays".to_owned(),
                RunEnd::Superseded => "superseded by another run".to_owned(),
            },
            Mode::NeedsOperator(need) => format!("needs an operator: {}", need.reason),
            Mode::RollingBack(rollback) => {
                let doing = doing(plan, self).unwrap_or_else(|| "waits for open attempts".to_owned());
                let end = rollback.to.as_ref().map(|to| format!(", back to {to}")).unwrap_or_default();
                let safe = if rollback.safety_reached.is_some() { "traffic is safe, undoing" } else { "taking traffic to safety" };
                format!("{safe}{end}: {doing}")
            }
            Mode::Holding(hold) => format!("holds and asks: {}", hold.reason),
            Mode::Stopped => format!("exposure is frozen; {of}"),
            Mode::Paused if self.pilot == Pilot::GiveWay => format!("gives way to another run once nothing is under way; {of}"),
            Mode::Paused => match &self.went_back_to {
                Some(step) => format!("rests at {step}, to which it went back: `resume` flies on, `rollback` goes all the way; {of}"),
                None => format!("paused; {of}"),
            },
            Mode::Flying if self.waits_for_claims().is_some() => self.waits_for_claims().map(ToString::to_string).unwrap_or_default(),
            Mode::Flying => match doing(plan, self) {
                Some(doing) => format!("{doing}; {of}"),
                None => of,
            },
        }
    }

    /// What happens next without anybody's help, and when, if the time is known.
    pub fn next_automatic(&self, plan: &PlanBody) -> Option<(String, Option<Timestamp>)> {
        match self.mode() {
            Mode::Ended(_) => {
                let until = self.observing_until(plan)?;
                Some(("the watch after landing ends; what it finds is told, and nothing goes back by itself".to_owned(), Some(until)))
            }
            Mode::Holding(_) if window::is_held(self) && self.hold_until(plan).is_none() => {
                Some(("it goes on when changes may start again".to_owned(), None))
            }
            Mode::NeedsOperator(_) | Mode::Holding(_) | Mode::Stopped | Mode::Paused => {
                self.hold_until(plan).map(|at| ("traffic goes back by itself".to_owned(), Some(at)))
            }
            Mode::RollingBack(rollback) => Some(match rollback.safety_reached {
                None => ("traffic is taken off the new side, then steps are undone".to_owned(), None),
                Some(_) => ("the remaining steps are undone".to_owned(), None),
            }),
            Mode::Flying => plan.steps.iter().find_map(|step| automatic_of(self, step)).or_else(|| {
                let waits = |s: &&Step| !s.after_landing && self.step(&s.id).forward.progress == Progress::Waiting;
                let waiting = plan.steps.iter().find(waits)?;
                Some((format!("then: {}", waiting.title), None))
            }),
        }
    }

    /// The summary that stores keep beside the journal.
    pub fn summary(&self, plan: &PlanBody) -> RunSummary {
        let targets: BTreeSet<TargetName> =
            plan.assignments.iter().map(|a| a.target.clone()).chain(plan.steps.iter().filter_map(|s| s.target.clone())).collect();
        let components: BTreeSet<ComponentName> = plan.change.items.iter().map(|i| i.component.clone()).collect();
        RunSummary {
            run: self.run.clone(),
            plan: self.plan.clone().unwrap_or_else(|| PlanId::new("")),
            change: plan.change.name.clone(),
            title: plan.change.title.clone(),
            status: self.status(),
            now: self.now_line(plan),
            started_at: self.started_at,
            ended_at: self.ended.as_ref().map(|e| e.at),
            wake_at: next_wake(self, plan),
            targets: targets.into_iter().collect(),
            components: components.into_iter().collect(),
            observing_until: self.observing_until(plan),
            claims: if self.ended.is_none() { plan.claims.clone() } else { BTreeSet::new() },
            waits_for: self.waits_for_claims().filter(|_| self.ended.is_none()).cloned(),
            sleeps: self.sleeps(plan),
        }
    }

    /// Whether nothing but a time or a request moves it, and nobody has to look at anything meanwhile.
    pub fn sleeps(&self, plan: &PlanBody) -> bool {
        let is_awake = |track: &Track| {
            matches!(track.progress, Progress::Running { .. } | Progress::Watching { .. } | Progress::Asked | Progress::RetryAt(_))
        };
        let looks_at_windows = plan.change.on_window_end != OnWindowEnd::Finish;
        self.ended.is_none()
            && self.rollback.is_none()
            && self.waits_for_claims().is_none()
            && !looks_at_windows
            && self.exposures(plan).is_empty()
            && !self.steps.values().flat_map(StepState::tracks).any(is_awake)
            // An owner that hands its runs over records results and leaves to the next one what follows from them.
            && next::next(plan, self, self.last_at).is_none()
    }

    /// Verbs that would be granted now, with the step each is about where one must be named.
    pub fn allowed_verbs(&self, plan: &PlanBody) -> Vec<(Verb, Option<StepId>)> {
        requests::allowed(plan, self)
    }
}

/// `landed, watched until ...`, then what the watch came to.
fn landed_words(state: &RunState, plan: &PlanBody) -> String {
    if let Some(until) = state.observing_until(plan) {
        return format!("landed, watched until {until}");
    }
    // What was found is said before what nobody knows.
    let mut observed: Vec<Observed> = state.observed(plan).map(|(_, observed)| observed).collect();
    observed.sort_by_key(|one| match one {
        Observed::Regression(_) => 0,
        Observed::Undecided(_) => 1,
        Observed::Nothing => 2,
    });
    match observed.first() {
        None => "landed".to_owned(),
        Some(Observed::Nothing) => "landed, and nothing was found after landing".to_owned(),
        Some(Observed::Regression(line)) => format!("landed, but the watch after landing found: {line}"),
        Some(Observed::Undecided(line)) => format!("landed; the watch after landing ended without a verdict: {line}"),
    }
}

/// What is being done right now: the first step in flight, and how many more.
fn doing(plan: &PlanBody, state: &RunState) -> Option<String> {
    let mut lines = plan.steps.iter().filter_map(|step| doing_of(step, state.step(&step.id)));
    let first = lines.next()?;
    match lines.count() {
        0 => Some(first),
        more => Some(format!("{first} (and {more} more)")),
    }
}

fn doing_of(step: &Step, own: &StepState) -> Option<String> {
    own.tracks().into_iter().find_map(|track| match &track.progress {
        Progress::Running { attempt, .. } => {
            let verb = match attempt.direction {
                Direction::Do => "doing",
                Direction::Safety => "taking traffic off:",
                Direction::Undo => "undoing",
                Direction::Probe | Direction::ProbeUndo => "probing",
            };
            let again = if attempt.number > 1 { format!(" (try {})", attempt.number) } else { String::new() };
            Some(format!("{verb} {}{again}", step.title))
        }
        Progress::RetryAt(at) => Some(format!("{} is tried again at {at}", step.title)),
        Progress::Watching { last, .. } => {
            let seen = last.as_ref().map_or("no look yet", |look| look.line.as_str());
            Some(format!("watching {}: {seen}", gate_subject(step)))
        }
        Progress::WaitingUntil(until) => Some(format!("{} until {until}", step.title)),
        Progress::AskingPerson { until } => Some(format!("waits for a person until {until}: {}", manual_prompt(step))),
        Progress::AwaitingEvent { until } => Some(format!("waits for {} until {}", awaited_event(step), until.to_second())),
        Progress::Asked => Some(format!("{} waits for its turn", step.title)),
        Progress::Delayed { until, reason } => Some(format!("{} begins at {}: {reason}", step.title, until.to_second())),
        Progress::Waiting
        | Progress::Done
        | Progress::Skipped
        | Progress::Tolerated { .. }
        | Progress::Failed { .. }
        | Progress::Unsure { .. } => None,
    })
}

fn gate_subject(step: &Step) -> &str {
    match &step.work {
        Work::Gate(spec) => &spec.subject,
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => &step.title,
    }
}

fn manual_prompt(step: &Step) -> &str {
    match &step.work {
        Work::Manual { prompt, .. } => prompt,
        Work::Call(_) | Work::Wait(_) | Work::Gate(_) | Work::Event { .. } => &step.title,
    }
}

fn awaited_event(step: &Step) -> &str {
    match &step.work {
        Work::Event { event, .. } => event.as_str(),
        Work::Call(_) | Work::Wait(_) | Work::Gate(_) | Work::Manual { .. } => &step.title,
    }
}

fn automatic_of(state: &RunState, step: &Step) -> Option<(String, Option<Timestamp>)> {
    match (&state.step(&step.id).forward.progress, &step.work) {
        (Progress::Watching { opened_at, .. }, Work::Gate(spec)) => Some((
            format!("the gate on {} passes at the end of its bake, or turns the run back", spec.subject),
            Some(opened_at.plus(spec.bake_ms)),
        )),
        (Progress::WaitingUntil(until), _) => Some((format!("{} is over", step.title), Some(*until))),
        (Progress::AskingPerson { until }, _) => Some(("without an answer the plan's failure rule applies".to_owned(), Some(*until))),
        (Progress::AwaitingEvent { until }, _) => Some(("without the event the plan's failure rule applies".to_owned(), Some(*until))),
        (Progress::Delayed { until, .. }, _) => Some((format!("{} asks again whether it may begin", step.title), Some(*until))),
        (Progress::RetryAt(at), _) => Some((format!("{} is tried again", step.title), Some(*at))),
        (Progress::Running { deadline, .. }, _) => Some((format!("{} ends, at the latest", step.title), Some(*deadline))),
        _ => None,
    }
}

/// What is wrong with a state, one sentence each; empty when all is well. A live run must never be silently stuck:
/// it has an open attempt, a timer, a gate that watches, or a named human.
pub fn invariants(plan: &PlanBody, state: &RunState) -> Vec<String> {
    let mut found = Vec::new();
    let tracks = || state.steps.values().flat_map(StepState::tracks);
    let open = tracks().any(Track::is_running);
    if state.seq > 0 && state.ended.is_none() {
        let watches = tracks().any(|t| matches!(t.progress, Progress::Watching { .. }));
        let asks = state.is_resting() || state.operator.is_some();
        let queues = state.waits_for_claims().is_some() || tracks().any(|t| t.progress == Progress::Asked);
        if !open && !watches && !asks && !queues && next_wake(state, plan).is_none() {
            found.push(format!("run {} is live, but nothing and nobody moves it", state.run));
        }
    }
    if state.is_observing() && next_wake(state, plan).is_none() {
        found.push(format!("run {} is watched after landing, but nothing ends the watch", state.run));
    }
    if state.ended.is_some() && open {
        found.push(format!("run {} has ended with an attempt open", state.run));
    }
    if state.ended.as_ref().is_some_and(|ended| ended.end == RunEnd::Superseded) && !state.exposures(plan).is_empty() {
        found.push(format!("run {} gave way with users on its new side", state.run));
    }
    let safe = state.rollback.as_ref().is_some_and(|r| r.safety_reached.is_some() && r.is_whole());
    if safe && !state.exposures(plan).is_empty() {
        found.push(format!("run {} says that traffic is safe, but something is exposed", state.run));
    }
    for step in &plan.steps {
        let own = state.step(&step.id);
        let begun_early = own.started_at.is_some() && !step.needs.iter().all(|id| state.step(id).is_behind());
        if begun_early {
            found.push(format!("step {} began before what it needs", step.id));
        }
    }
    found
}

//! A run in a test: the journal, the state, and a clock that only tests move.

use glidepath_engine::{
    Claiming, Effect, Input, RunState, apply, dead_letters, decide, effects, event_time, invariants, next_wake, recovery, stored,
};
use glidepath_model::event::{AttemptRef, Event, Outcome, ProcessMark, Recorded};
use glidepath_model::plan::PlanBody;
use glidepath_model::projection::DeadLetter;
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{EventName, Millis, PlanId, RunId, StepId, Timestamp};
use glidepath_testkit::plans::MADE_AT;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) struct Flight {
    pub(crate) plan: PlanBody,
    pub(crate) state: RunState,
    pub(crate) journal: Vec<Recorded>,
    pub(crate) now: Timestamp,
    /// When the next request was left, where not now.
    pub(crate) asked_at: Option<Timestamp>,
    /// What people were told after the last input.
    pub(crate) pages: Vec<String>,
    /// Dead letters after the last input.
    pub(crate) letters: Vec<String>,
}

pub(crate) fn who(name: &str) -> Who {
    Who { name: name.to_owned(), known_by: "os-user".to_owned() }
}

pub(crate) fn process(pid: u32) -> ProcessMark {
    ProcessMark { boot_id: "boot".to_owned(), pid, start_ticks: 1 }
}

pub(crate) fn done() -> Outcome {
    Outcome::Done { outputs: BTreeMap::new() }
}

impl Flight {
    pub(crate) fn new(plan: PlanBody) -> Self {
        Self {
            plan,
            state: RunState::new(RunId::from("run-000000000001")),
            journal: Vec::new(),
            now: MADE_AT,
            asked_at: None,
            pages: Vec::new(),
            letters: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self) -> Vec<Event> {
        self.start_with(Claiming::Granted(Vec::new()))
    }

    pub(crate) fn start_with(&mut self, claims: Claiming) -> Vec<Event> {
        self.input(Input::Start { plan: PlanId::from("aaaaaaaaaaaa"), who: who("pilot"), seed: 42, claims })
    }

    pub(crate) fn tell(&mut self, event: &str, outputs: BTreeMap<String, Value>) -> Vec<Event> {
        let signal = Some(Signal { event: EventName::new(event), outputs });
        let (run, who, at) = (self.state.run.clone(), who("pilot"), self.now);
        self.input(Input::Request(Request { run, verb: Verb::Signal, step: None, who, reason: None, at, signal }))
    }

    /// Steps whose target was asked whether they may begin.
    pub(crate) fn asked(&self) -> Vec<StepId> {
        let step = |effect: Effect| match effect {
            Effect::Admit { step, .. } => Some(step),
            _ => None,
        };
        recovery(&self.plan, &self.state).admissions.into_iter().filter_map(step).collect()
    }

    /// Decides, journals, folds, and checks what must hold after every input.
    pub(crate) fn input(&mut self, input: Input) -> Vec<Event> {
        let mut decided = self.state.clone();
        let at = event_time(&self.state, Some(&input), self.now);
        let events = decide(&self.plan, &mut decided, input, self.now);
        for event in &events {
            let seq = self.state.seq + 1;
            let recorded = Recorded { seq, epoch: 1, at, event: event.clone() };
            apply(&mut self.state, &self.plan, &recorded).unwrap();
            self.journal.push(recorded);
        }
        decided.recent.clone_from(&self.state.recent);
        assert_eq!(decided, self.state, "the fold of the journal is not what was decided on");
        self.check(&events);
        events
    }

    fn check(&mut self, events: &[Event]) {
        assert_eq!(invariants(&self.plan, &self.state), Vec::<String>::new());
        assert_eq!(
            decide(&self.plan, &mut self.state.clone(), Input::Wake, self.now),
            Vec::new(),
            "something followed and was not decided"
        );
        self.pages.clear();
        let letter = |letter: DeadLetter| format!("{:?}: {}", letter.what, letter.reason);
        self.letters = dead_letters(&self.plan, &self.state, events).into_iter().map(letter).collect();
        for effect in effects(&self.plan, &self.state, events) {
            match effect {
                Effect::Attempt { attempt, .. } => {
                    assert!(self.open().contains(&attempt), "{attempt} is asked of the world but not open");
                }
                Effect::Watch { step, .. } => assert!(self.watched().contains(&step), "{step} is to be watched but not open"),
                Effect::Admit { step, .. } => {
                    assert!(self.asked().contains(&step), "{step} is asked about but does not wait for the answer")
                }
                Effect::Page { line } => self.pages.push(line),
                Effect::StopWatching { .. } | Effect::Cancel { .. } => {}
            }
        }
    }

    /// The state folded anew from stored forms of the journal, as a new owner would.
    pub(crate) fn folded_anew(&self) -> RunState {
        let read = |r: &Recorded| Recorded { event: stored::decode(&stored::encode(&r.event)).unwrap(), ..r.clone() };
        let journal: Vec<Recorded> = self.journal.iter().map(read).collect();
        RunState::fold(self.state.run.clone(), &self.plan, &journal).unwrap()
    }

    pub(crate) fn open(&self) -> Vec<AttemptRef> {
        recovery(&self.plan, &self.state).open.into_iter().map(|open| open.attempt).collect()
    }

    pub(crate) fn watched(&self) -> Vec<StepId> {
        let step = |effect: Effect| match effect {
            Effect::Watch { step, .. } => Some(step),
            _ => None,
        };
        recovery(&self.plan, &self.state).watches.into_iter().filter_map(step).collect()
    }

    pub(crate) fn end(&mut self, attempt: AttemptRef, outcome: Outcome) -> Vec<Event> {
        self.input(Input::AttemptEnded { attempt, outcome, took_ms: Millis(100) })
    }

    pub(crate) fn look(&mut self, step: &StepId, verdict: VerdictKind) -> Vec<Event> {
        self.input(Input::GateLook { step: step.clone(), verdict, line: format!("it looks like {verdict}"), state: json!({"looks": 1}) })
    }

    pub(crate) fn ask(&mut self, verb: Verb, step: Option<StepId>, reason: Option<String>) -> Vec<Event> {
        let request = Request {
            run: self.state.run.clone(),
            verb,
            step,
            who: who("pilot"),
            reason,
            at: self.asked_at.unwrap_or(self.now),
            signal: None,
        };
        self.input(Input::Request(request))
    }

    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        next_wake(&self.state, &self.plan)
    }
}

impl Drop for Flight {
    /// A test that fails shows the plan and what happened; of a shrunk case the last one printed is the smallest.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journal: Vec<String> = self.journal.iter().map(crate::scenarios::told).collect();
            eprintln!("{}{}\n", self.plan.change.reason.as_deref().unwrap_or_default(), journal.join("\n"));
        }
    }
}

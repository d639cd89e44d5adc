//! How long the way back takes, read from the steps themselves: until traffic is safe, and until everything is undone.
//!
//! *Safety.* A place, a target in a region, is brought to safety by the call of the step that exposed it last. Before that call everything goes back
//! that it needs and that can have begun by then: what stands before the step, and what follows it up to the next exposure of the place. Where no call
//! takes the traffic away, the deploys that brought it do, all of the place that can have begun, with what each of them needs.
//! *All traffic.* Places whose call needs nothing are safe at once. The others wait for one another: what goes back in one place may rest on what goes
//! back in another, and then it is undone first. So the time for all is that of everything that any safety call of the plan needs.
//! *Undo.* Once all traffic is safe, the rest goes back.
//!
//! Both go against `needs`, as the engine does: a step waits for all that rests on it, directly or through others. Steps that wait for the same ones
//! are a *batch* and go back side by side; batches follow one another. Where more are due than the engine has under way at once, the work of all, shared
//! out among those, comes on top: no order of work that leaves no room unused takes longer (Graham, Bounds on Multiprocessing Timing Anomalies, 1969).
//! *One way.* A step that cannot be undone ends the way: there is no figure across it, and none across one whose undo has less time than it takes.

use crate::deadline::undo_cut;
use crate::durations::{back, plain};
use glidepath_judge::duration::{DurationEstimate, slowest, sum};
use glidepath_model::Millis;
use glidepath_model::facts::Facts;
use glidepath_model::ids::{RegionName, StepId, TargetName};
use glidepath_model::plan::{Estimate, Exposure, Phase, Prediction, STEPS_IN_FLIGHT_MAX, Step, Undo};
use std::collections::{BTreeMap, BTreeSet};

/// Index of a step in the plan.
type At = usize;

/// The ways back of a graph of steps.
#[derive(Clone, Debug)]
pub(crate) struct WaysBack {
    /// Of each exposing step, in the order of the plan.
    exposures: Vec<Exposed>,
    /// Until all traffic is safe, with everything undone that any safety call needs.
    safe: Row,
    /// After that, until everything else is undone.
    rest: Row,
    /// Whether some step cannot be undone, or not in the time that its undo has.
    one_way: bool,
}

/// Steps one after another: the longest time they take, and the most of them in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    time: DurationEstimate,
    steps: usize,
}

/// The way to safety of a step's place, while its exposure is in force.
#[derive(Clone, Debug)]
struct Exposed {
    step: At,
    /// `None` where what is in place cannot be undone.
    safe_in: Option<DurationEstimate>,
    /// Steps that go back first.
    first: usize,
}

impl WaysBack {
    /// Until all traffic is safe, at the longest; zero where nothing is exposed, `None` where a step exposes what cannot be undone.
    pub(crate) fn to_safety(&self) -> Option<DurationEstimate> {
        self.exposures.iter().all(|exposed| exposed.safe_in.is_some()).then_some(self.safe.time)
    }

    /// Once all traffic is safe, until everything is undone; `None` where a step cannot be.
    pub(crate) fn rest(&self) -> Option<DurationEstimate> {
        (!self.one_way).then_some(self.rest.time)
    }

    /// Time to safety while the exposure of a step is in force; `None` where there is no way, or nothing of it is exposed.
    pub(crate) fn while_exposed_by(&self, step: usize) -> Option<DurationEstimate> {
        let at = self.exposures.binary_search_by_key(&step, |exposed| exposed.step).ok()?;
        self.exposures.get(at)?.safe_in
    }

    /// Writes the figures into the steps and the prediction.
    pub(crate) fn tell(&self, steps: &mut [Step], prediction: &mut Prediction) {
        let to_safety = self.to_safety();
        prediction.time_to_safety = to_safety.map(|time| {
            let source = match (self.exposures.len(), self.safe.steps) {
                (0, _) => "no step moves traffic".to_owned(),
                (_, 0) => "one call for each region".to_owned(),
                (_, 1) => "1 step goes back first".to_owned(),
                (_, many) => format!("{many} steps in a row go back first"),
            };
            let source = match self.exposures.first().and_then(|exposed| left_before(steps, exposed.step)) {
                Some(left) => format!("{source}; the old version then meets what {left} did"),
                None => source,
            };
            told(time, source)
        });
        prediction.time_to_rollback = to_safety.and_then(|safe| {
            let source = match self.rest.steps {
                0 => "safety first, and nothing after it".to_owned(),
                1 => "safety first, then 1 step".to_owned(),
                many => format!("safety first, then {many} steps in a row"),
            };
            Some(told(sum(&[safe, self.rest()?]), source))
        });
        for exposed in &self.exposures {
            let takes = exposed.safe_in.map(|time| told(time, exposed.words()));
            if let Some(exposure) = steps.get_mut(exposed.step).and_then(|step| step.exposure.as_mut()) {
                exposure.safety_takes = takes;
            }
        }
    }
}

/// The first step before `exposed` that changed data for good: traffic that is safe is then served by a version that finds them changed.
fn left_before(steps: &[Step], exposed: usize) -> Option<&str> {
    let is_data = |step: &&Step| step.phase == Phase::Prepare && matches!(step.undo, Undo::ForwardOnly { .. });
    steps.iter().take(exposed).find(is_data).map(|step| step.title.as_str())
}

impl Exposed {
    fn words(&self) -> String {
        match self.first {
            0 => "one call".to_owned(),
            1 => "1 step goes back first".to_owned(),
            many => format!("{many} steps go back first"),
        }
    }
}

/// The ways back of these steps, each of which stands after all it needs.
pub(crate) fn ways_back(steps: &[Step], facts: &Facts) -> WaysBack {
    let graph = Graph::new(steps, facts);
    let mut places: BTreeMap<(&TargetName, Option<&RegionName>), Vec<At>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        if let Some(exposure) = &step.exposure {
            places.entry((&exposure.target, exposure.region.as_ref())).or_default().push(at);
        }
    }
    let mut exposures = Vec::new();
    let mut before_safety = BTreeSet::new();
    let mut call = DurationEstimate::default();
    for place in places.values() {
        let mut rows = Rows::new(&graph);
        for at in place {
            let first = graph.first(*at, place);
            let own = graph.call(*at);
            let safe_in = first.as_ref().map(|first| sum(&[rows.longest(first).time, own]));
            exposures.push(Exposed { step: *at, safe_in, first: first.as_ref().map_or(0, BTreeSet::len) });
            before_safety.extend(first.unwrap_or_default());
            call = longer(call, own);
        }
    }
    exposures.sort_by_key(|exposed| exposed.step);
    let first = Rows::new(&graph).longest(&before_safety);
    let rest: BTreeSet<At> = (0..steps.len()).filter(|at| graph.undo(*at).is_some() && !before_safety.contains(at)).collect();
    WaysBack {
        exposures,
        safe: Row { time: sum(&[first.time, call]), steps: first.steps },
        rest: Rows::new(&graph).longest(&rest),
        one_way: graph.stays.contains(&true),
    }
}

/// The steps by index.
struct Graph<'a> {
    steps: &'a [Step],
    needs: Vec<Vec<At>>,
    at: BTreeMap<&'a StepId, At>,
    /// Time of the undo, where there is one.
    back: Vec<Option<DurationEstimate>>,
    /// Time of the safety call, where there is one.
    safety: Vec<Option<DurationEstimate>>,
    /// Steps that cannot be undone, or whose undo is ended before it is usually done.
    stays: Vec<bool>,
}

impl<'a> Graph<'a> {
    fn new(steps: &'a [Step], facts: &Facts) -> Self {
        let at: BTreeMap<&StepId, At> = steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let needs = steps.iter().map(|step| step.needs.iter().filter_map(|id| at.get(id).copied()).collect()).collect();
        let undo = |step: &Step| match &step.undo {
            Undo::Call { call, .. } => Some(plain(&back(step, call, facts))),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        };
        let safety = |step: &Step| step.exposure.as_ref().and_then(|e| e.safety.as_ref()).map(|call| plain(&back(step, call, facts)));
        let stays = |step: &Step| matches!(step.undo, Undo::ForwardOnly { .. }) || undo_cut(step, facts).is_some_and(|cut| cut.is_usual());
        Self {
            steps,
            needs,
            at,
            back: steps.iter().map(undo).collect(),
            safety: steps.iter().map(safety).collect(),
            stays: steps.iter().map(stays).collect(),
        }
    }

    /// What goes back before the traffic of a place is safe, while the exposure of the step is in force; `None` where something
    /// of it cannot.
    fn first(&self, exposing: At, place: &[At]) -> Option<BTreeSet<At>> {
        let Some(exposure) = self.steps.get(exposing).and_then(|step| step.exposure.as_ref()) else { return Some(BTreeSet::new()) };
        let needs = |exposure: &'a Exposure| exposure.safety_needs.iter().filter_map(|id| self.at.get(id).copied());
        let has_call = exposure.safety.is_some();
        let of_place = place.iter().filter_map(|at| self.steps.get(*at)?.exposure.as_ref());
        let candidates: BTreeSet<At> =
            if has_call { needs(exposure).collect() } else { of_place.flat_map(needs).chain(place.iter().copied()).collect() };
        let last = candidates.last().copied().unwrap_or_default();
        let after = self.resting_on(&BTreeSet::from([exposing]), last);
        // A later exposure has a figure of its own, which counts what rests on it.
        let later: BTreeSet<At> = place.iter().copied().filter(|at| after.contains(at)).collect();
        let past = self.resting_on(&later, last);
        let mut first = BTreeSet::new();
        for at in candidates.into_iter().filter(|at| !later.contains(at) && !past.contains(at)) {
            if self.stays.get(at) == Some(&true) {
                return None;
            }
            match self.steps.get(at).map(|step| &step.undo) {
                Some(Undo::Call { .. }) => drop(first.insert(at)),
                // What brought the traffic and has no undo keeps it.
                Some(Undo::Nothing | Undo::LeaveInPlace { .. }) if !has_call => return None,
                Some(Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. }) | None => {}
            }
        }
        Some(first)
    }

    /// Time of the safety call of a step; none is needed where undo takes the traffic away.
    fn call(&self, at: At) -> DurationEstimate {
        self.safety.get(at).copied().flatten().unwrap_or_default()
    }

    /// Time of the undo of a step, where it has one.
    fn undo(&self, at: At) -> Option<DurationEstimate> {
        self.back.get(at).copied().flatten()
    }

    /// Steps up to `last` that rest on some of `ground`, directly or through others.
    fn resting_on(&self, ground: &BTreeSet<At>, last: At) -> BTreeSet<At> {
        let mut found = BTreeSet::new();
        let Some(begin) = ground.first() else { return found };
        for at in begin + 1..=last {
            let rests = |need: &At| ground.contains(need) || found.contains(need);
            if self.needs.get(at).is_some_and(|needs| needs.iter().any(rests)) {
                found.insert(at);
            }
        }
        found
    }
}

/// Steps that go back side by side. They rest on the same batches, which go back after them.
struct Batch {
    beneath: BTreeSet<usize>,
    members: Vec<DurationEstimate>,
}

/// The rows in which steps go back, built from the earliest step up: seen from below the longest way is as long, and what was found for the steps of one
/// exposure holds for those of the next, which mostly adds to them.
struct Rows<'g, 'a> {
    graph: &'g Graph<'a>,
    due: BTreeSet<At>,
    /// The first step that was looked at.
    begin: At,
    /// The batches that each step from there on is part of or rests on.
    reached: Vec<BTreeSet<usize>>,
    batches: Vec<Batch>,
    numbers: BTreeMap<BTreeSet<usize>, usize>,
    /// Of each batch, the row that it ends.
    ends: Vec<Row>,
    /// Batches that no other rests on.
    tops: BTreeSet<usize>,
    /// Time of all undos together, in milliseconds.
    work_ms: u64,
}

impl<'g, 'a> Rows<'g, 'a> {
    fn new(graph: &'g Graph<'a>) -> Self {
        Self {
            graph,
            due: BTreeSet::new(),
            begin: 0,
            reached: Vec::new(),
            batches: Vec::new(),
            numbers: BTreeMap::new(),
            ends: Vec::new(),
            tops: BTreeSet::new(),
            work_ms: 0,
        }
    }

    /// The longest way until all of `due` is undone.
    fn longest(&mut self, due: &BTreeSet<At>) -> Row {
        let (Some(begin), Some(last)) = (due.first().copied(), due.last().copied()) else { return Row::default() };
        let adds_on_top = self.due.is_subset(due) && due.range(..self.looked_at()).count() == self.due.len();
        if self.due.is_empty() || !adds_on_top {
            *self = Self { begin, ..Self::new(self.graph) };
        }
        for at in self.looked_at()..=last {
            let reached = self.reach(at, due.contains(&at));
            self.reached.push(reached);
        }
        self.due.clone_from(due);
        for batch in self.batches.iter().skip(self.ends.len()) {
            let before = latest(batch.beneath.iter().filter_map(|number| self.ends.get(*number)));
            self.ends.push(Row { time: sum(&[before.time, side_by_side(&batch.members)]), steps: before.steps + 1 });
        }
        let mut longest = latest(self.tops.iter().filter_map(|number| self.ends.get(*number)));
        if due.len() > STEPS_IN_FLIGHT_MAX {
            longest.time = sum(&[longest.time, DurationEstimate::certain(self.work_ms / STEPS_IN_FLIGHT_MAX as u64)]);
        }
        longest
    }

    /// The step up to which everything was looked at.
    fn looked_at(&self) -> At {
        self.begin + self.reached.len()
    }

    fn reach(&mut self, at: At, is_due: bool) -> BTreeSet<usize> {
        let needs = self.graph.needs.get(at).into_iter().flatten().filter_map(|need| self.reached.get(need.checked_sub(self.begin)?));
        let beneath: BTreeSet<usize> = needs.flatten().copied().collect();
        if !is_due {
            return beneath;
        }
        let number = *self.numbers.entry(beneath.clone()).or_insert_with(|| {
            self.tops.retain(|top| !beneath.contains(top));
            self.tops.insert(self.batches.len());
            self.batches.push(Batch { beneath, members: Vec::new() });
            self.batches.len() - 1
        });
        // A batch that grows ends later, and with it all that were built on it.
        self.ends.truncate(number);
        if let (Some(batch), Some(time)) = (self.batches.get_mut(number), self.graph.undo(at)) {
            batch.members.push(time);
            self.work_ms = self.work_ms.saturating_add(time.p50_ms);
        }
        BTreeSet::from([number])
    }
}

/// When the last of several ways ends.
fn latest<'e>(ends: impl Iterator<Item = &'e Row>) -> Row {
    let (times, steps): (Vec<DurationEstimate>, Vec<usize>) = ends.map(|end| (end.time, end.steps)).unzip();
    Row { time: side_by_side(&times), steps: steps.into_iter().max().unwrap_or_default() }
}

/// The slowest of several that go on at the same time; nothing takes no time.
pub(crate) fn side_by_side(times: &[DurationEstimate]) -> DurationEstimate {
    match times {
        [] => DurationEstimate::default(),
        [one] => *one,
        many => slowest(many),
    }
}

/// The greater by each figure, so that none of the two is promised too early.
fn longer(a: DurationEstimate, b: DurationEstimate) -> DurationEstimate {
    DurationEstimate { p50_ms: a.p50_ms.max(b.p50_ms), p95_ms: a.p95_ms.max(b.p95_ms) }
}

fn told(time: DurationEstimate, source: String) -> Estimate {
    Estimate { p50_ms: Millis(time.p50_ms), p95_ms: Millis(time.p95_ms), source }
}

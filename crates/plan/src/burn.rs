//! Bad requests of a site: what a failing change is expected to cost while it goes its way, and what is refused because nothing serves.
//!
//! A failing version raises the bad share of its component by [`rise`]. It is followed along the course of the site's own steps: each second costs what is
//! exposed then, while hosts are changed as well as while a gate watches. A gate sees its part of all failures at some time of its bake, or when the judge
//! does, which holds what fails where it is until then, however soon it passes what is well; from there the way back costs what is exposed until it is safe. Where a call takes all traffic away at once that is the whole share for the whole
//! time; where deploys are undone one after the other it falls with them. What no gate sees goes on, until people notice it [`UNSEEN`] after
//! everything of a place was on the new side: in the last environment only, since nobody is in those before it to notice.
//! A step that is ended at its deadline at every try turns all flights back, whatever comes of their change.
//! While nothing of a region serves, every request of it is refused, whether the change fails or not; going back the same way is the same again. So it is
//! with a failover, between the steps in which nobody takes writes. What depends on the place answers nobody meanwhile either, and is counted beside it.

use crate::course::{Course, mean_secs, together};
use crate::deadline::deadline;
use crate::downtime::{Stop, part, refusal, stop, stops_first};
use crate::durations::{deploys, halts, plain};
use crate::ladder::{Signal, bad_ratio, look_every};
use crate::lower::gates::SKETCHED;
use crate::outline::{Outline, StageGate};
use crate::predict::{PROBES_CATCH, THRESHOLDS_CATCH, UNSEEN};
use crate::site::Site;
use crate::users::{User, Users};
use crate::way_back::WaysBack;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, RegionName};
use glidepath_model::plan::{Phase, Step, Strategy};

/// Times in its bake at which a gate is taken to see what it sees, each as likely as the others.
const SIGHTS: usize = 5;
/// Standard normal 80 % quantile: the judge says by when it sees an effect with that probability.
const NORMAL_80: f64 = 0.841_621_233_572_914_2;
/// Standard normal quantiles in the middle of each fifth.
const NORMAL_FIFTHS: [f64; SIGHTS] = [-1.281_551_565_544_6, -0.524_400_512_708_041, 0.0, 0.524_400_512_708_041, 1.281_551_565_544_6];

/// By how much a failing version raises a share of bad requests; none of it can be worse than everything.
pub fn rise(bad_ratio: f64, effect: f64) -> f64 {
    ((bad_ratio * effect).min(1.0) - bad_ratio).max(0.0)
}

/// What one stage costs, were it the first place where the change meets users.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) region: Option<RegionName>,
    pub(crate) number: u32,
    pub(crate) share: f64,
    /// Bad requests if the change fails, on average.
    pub(crate) failing: f64,
    /// Requests that are refused meanwhile, whether it fails or not.
    pub(crate) refused: f64,
}

/// Requests of a component that depends on the site's, which come to nothing while that serves nobody.
#[derive(Clone, Debug)]
pub(crate) struct Dependant {
    pub(crate) component: ComponentName,
    /// Whether its traffic is known; what is counted is 0 where it is not.
    pub(crate) is_known: bool,
    pub(crate) rate: f64,
    /// Whether the change fails or not.
    pub(crate) refused: f64,
    /// If it fails, on the way back, on average.
    pub(crate) failing: f64,
    /// If it fails and no stage sees it, on the way back.
    pub(crate) way_back: f64,
}

/// What is exposed for a while, in seconds from the beginning of the site.
#[derive(Clone, Debug)]
pub(crate) struct Spell {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Index of the stage.
    pub(crate) stage: usize,
    /// Bad requests per second if the change fails, on average.
    pub(crate) failing: f64,
    /// Whether people notice it by themselves.
    pub(crate) is_noticed: bool,
}

/// What a site costs.
#[derive(Clone, Debug)]
pub(crate) struct Burn {
    pub(crate) stages: Vec<Stage>,
    /// Part of failures that nothing has seen when the stages are behind.
    pub(crate) missed: f64,
    /// Bad requests per second then.
    pub(crate) after: f64,
    /// Seconds from then on until people notice.
    pub(crate) noticed_in: f64,
    /// Bad requests of the way back from there.
    pub(crate) way_back: f64,
    /// Seconds from the beginning until something sees a failure or people notice it, on average.
    pub(crate) seen_after: f64,
    /// Part of all flights of which no step is ended at its deadline.
    pub(crate) flies_on: f64,
    /// What is exposed when, in order.
    pub(crate) spells: Vec<Spell>,
    /// What depends on it, where it is down for a while.
    pub(crate) dependants: Vec<Dependant>,
}

impl Default for Burn {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            missed: 0.0,
            after: 0.0,
            noticed_in: 0.0,
            way_back: 0.0,
            seen_after: 0.0,
            flies_on: 1.0,
            spells: Vec::new(),
            dependants: Vec::new(),
        }
    }
}

impl Burn {
    /// Bad requests of a failing change in its stages, on average.
    pub(crate) fn failing(&self) -> f64 {
        self.stages.iter().map(|stage| stage.failing).sum()
    }

    /// What is exposed right before some second from the beginning of the site.
    pub(crate) fn exposed_at(&self, second: f64) -> impl Iterator<Item = &Spell> {
        self.spells.iter().filter(move |spell| spell.from < second && second <= spell.to)
    }

    /// Requests that are refused, whether it fails or not.
    pub(crate) fn refused(&self) -> f64 {
        self.stages.iter().map(|stage| stage.refused).sum()
    }
}

/// A place where the site meets users: a region, or all of them.
struct Place {
    region: Option<RegionName>,
    /// Bad requests per second, were all traffic on the failing side.
    bad: f64,
    /// Requests per second that are refused while it is down.
    refused: f64,
    /// What depends on it, where it is down for a while.
    users: Vec<User>,
    stops: Option<f64>,
    share: f64,
    /// Index of the stage that it stands at.
    stage: usize,
    /// Steps whose exposure is in force.
    exposed_by: Vec<usize>,
    /// Deployments under way that it is down for.
    down: usize,
}

/// Something that happens on the way.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// An exposing step begins.
    Begins(usize),
    /// It is done.
    Ends(usize),
    /// A host goes down.
    Stops(usize),
    /// It serves again.
    Serves(usize),
    /// A gate sees a part of the failures, or will so many seconds later: until then it holds what fails where it is.
    Sees(usize, f64, f64),
    /// A step is ended at its deadline at every try, with that probability, the last one so many seconds later.
    Ended(f64, f64),
    /// People notice.
    Noticed,
}

/// What a site is expected to cost if its change fails, and what it refuses.
pub(crate) fn burn(site: &Site<'_>, outline: &Outline, steps: &[Step], ways: &WaysBack, users: &Users<'_>) -> Burn {
    let mut walk = Walk::new(site, outline, steps, ways, users);
    let (mut happenings, ends) = walk.happenings();
    happenings.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, happening) in happenings {
        walk.until(at);
        walk.take(happening);
    }
    walk.until(ends);
    walk.end()
}

struct Walk<'w> {
    steps: &'w [Step],
    ways: &'w WaysBack,
    outline: &'w Outline,
    site: &'w Site<'w>,
    facts: &'w Facts,
    course: Course,
    places: Vec<Place>,
    stages: Vec<Stage>,
    /// Part of failures that a gate without an old side to compare with sees.
    catches: f64,
    /// Part of failures that each gate has seen.
    seen: Vec<f64>,
    /// Part of failures that nothing has seen.
    unseen: f64,
    /// Part of all flights of which no step was ended at its deadline.
    flies_on: f64,
    spells: Vec<Spell>,
    dependants: Vec<Dependant>,
    now: f64,
    /// When the first place was on the new side altogether.
    full_since: Option<f64>,
    /// Seconds until each part of the failures is seen, times the part.
    seen_after: f64,
}

impl<'w> Walk<'w> {
    fn new(site: &'w Site<'w>, outline: &'w Outline, steps: &'w [Step], ways: &'w WaysBack, users: &Users<'w>) -> Self {
        let facts = users.facts;
        let effect = facts.catalog.settings.verification.effect;
        let (mut places, mut stages) = (Vec::new(), Vec::new());
        for path in outline.waves.iter().flatten() {
            let regions = path.region.map_or_else(|| (0..site.regions.len()).collect::<Vec<_>>(), |at| vec![at]);
            let here = || regions.iter().filter_map(|at| site.regions.get(*at));
            let region = path.region.and_then(|at| site.regions.get(at)).map(|at| at.region);
            let stops = region.and_then(|region| match stop(outline.strategy, site.target, region) {
                Stop::Down(restart) => Some(restart),
                Stop::Serves | Stop::Unknown => None,
            });
            let deploy = steps.iter().find(|step| is_deploy(site, step)).map(|step| &step.expected);
            let is_down = stops.is_some() || outline.strategy == Strategy::Failover;
            places.push(Place {
                region: region.map(|region| region.name.clone()),
                bad: here().map(|at| at.rate.unwrap_or(1.0) * rise(bad_ratio(at, Signal::Errors).0, effect)).sum(),
                refused: here().map(|at| at.rate.unwrap_or(1.0)).sum(),
                users: if is_down { users.of_region(site.target, region.map(|region| &region.name)) } else { Vec::new() },
                stops: match outline.strategy {
                    Strategy::Failover => Some(1.0),
                    _ if stops_first(outline.strategy, site.target) => stops.map(|_| 1.0),
                    _ => stops.zip(deploy).map(|(restart, deploy)| part(restart, deploy)),
                },
                share: 0.0,
                stage: stages.len(),
                exposed_by: Vec::new(),
                down: 0,
            });
            let name = region.map(|region| region.name.clone());
            stages.extend(path.stages.iter().zip(1..).map(|(stage, number)| Stage {
                region: name.clone(),
                number,
                share: stage.share,
                failing: 0.0,
                refused: 0.0,
            }));
        }
        let (course, unseen) = (Course::of(steps), 1.0);
        let health = site.target.health.is_some() || site.target.side.as_ref().is_some_and(|side| side.health.is_some());
        let catches = match &site.target.signals {
            Some(signals) if !signals.thresholds.is_empty() || signals.kayenta.is_some() => THRESHOLDS_CATCH,
            Some(_) | None if health => PROBES_CATCH,
            Some(_) | None => 0.0,
        };
        Self {
            steps,
            ways,
            outline,
            site,
            facts,
            course,
            places,
            stages,
            catches,
            seen: Vec::new(),
            unseen,
            flies_on: 1.0,
            spells: Vec::new(),
            dependants: Vec::new(),
            now: 0.0,
            full_since: None,
            seen_after: 0.0,
        }
    }

    fn place_of(&self, step: &Step) -> Option<usize> {
        self.places.iter().position(|place| place.region == step.region)
    }

    /// What happens, in any order, and when the stages are behind.
    fn happenings(&mut self) -> (Vec<(f64, Happening)>, f64) {
        let mut found = Vec::new();
        let mut full: Option<f64> = None;
        let mut stopped: Vec<(usize, f64, Vec<DurationEstimate>)> = Vec::new();
        for (at, step) in self.steps.iter().enumerate().filter(|(_, step)| step.phase != Phase::Finish && !step.after_landing) {
            if let Some(deadline) = deadline(step, self.facts) {
                // What is given up goes no further than this step, until its last try is ended.
                let (gives_up, end) = (self.course.begin(at) + deadline.gives_up_after().as_secs_f64(), self.course.end(at));
                found.push((end, Happening::Ended(deadline.ends_all(), (gives_up - end).max(0.0))));
            }
            let Some(place) = self.place_of(step) else { continue };
            let (begin, end) = (self.course.begin(at), self.course.end(at));
            if let Some(exposure) = &step.exposure {
                found.extend([(begin, Happening::Begins(at)), (end, Happening::Ends(at))]);
                if exposure.share.as_f64() >= 1.0 {
                    full = Some(full.map_or(end, |known: f64| known.min(end)));
                }
            }
            if self.places[place].stops.is_some() && (is_deploy(self.site, step) || halts(step, self.site.target)) {
                // Hosts that go down together: the last of them to serve again ends it.
                match stopped.iter_mut().find(|(known, since, _)| *known == place && *since == begin) {
                    Some((.., times)) => times.push(plain(&step.expected)),
                    None => stopped.push((place, begin, vec![plain(&step.expected)])),
                }
            }
            if let Some(planned) = self.gate_of(step) {
                let gate = self.seen.len();
                self.seen.push(0.0);
                let is_judged = planned.judged.is_some();
                found.extend(sights(planned, self.catches).into_iter().map(|(secs, part)| {
                    // The judge passes nothing that fails by as much as it looks for, however soon it passes what is well.
                    let sees = if is_judged { (begin + secs).min(end.max(begin)) } else { begin + secs };
                    (sees, Happening::Sees(gate, part, begin + secs - sees))
                }));
            }
        }
        if let (Strategy::Failover, Some(refusal)) = (self.outline.strategy, refusal(self.steps, &self.site.target.name)) {
            let at = |of: &Step| self.steps.iter().position(|step| step.id == of.id).unwrap_or_default();
            let (begin, end) = (self.course.begin(at(refusal.drain)), self.course.end(at(refusal.route)));
            let places = 0..self.places.len();
            found.extend(places.flat_map(|place| [(begin, Happening::Stops(place)), (end, Happening::Serves(place))]));
        }
        for (place, begin, times) in stopped {
            found.extend([(begin, Happening::Stops(place)), (begin + mean_secs(together(&times)), Happening::Serves(place))]);
        }
        self.full_since = full;
        let last = self.steps.iter().enumerate().filter(|(_, step)| step.phase == Phase::Deploy).map(|(at, _)| self.course.end(at));
        let last = last.fold(0.0, f64::max);
        let noticed = full.filter(|_| self.site.is_last).map(|full| full + UNSEEN.as_secs_f64()).filter(|noticed| *noticed < last);
        found.extend(noticed.map(|noticed| (noticed, Happening::Noticed)));
        // What happens after people have noticed happens to nobody.
        let ends = noticed.unwrap_or(last);
        let last_ended = found.iter().filter(|(_, one)| matches!(one, Happening::Ended(..))).map(|(at, _)| *at).fold(ends, f64::max);
        let ends = if noticed.is_some() { ends } else { last_ended };
        found.retain(|(at, _)| *at <= ends);
        (found, ends)
    }

    /// The gate that a step is, if it is one.
    fn gate_of(&self, step: &Step) -> Option<&'w StageGate> {
        if step.phase != Phase::Deploy || step.id.as_str().rsplit('/').next() != Some(SKETCHED) {
            return None;
        }
        let name = |region: Option<usize>| region.and_then(|at| self.site.regions.get(at)).map(|at| &at.region.name);
        let path = self.outline.waves.iter().flatten().find(|path| name(path.region) == step.region.as_ref())?;
        path.stages.get((step.stage as usize).checked_sub(1)?)?.gate.as_ref()
    }

    /// Time passes.
    fn until(&mut self, at: f64) {
        let passed = (at - self.now).max(0.0);
        for place in &self.places {
            let Some(stage) = self.stages.get_mut(place.stage) else { continue };
            let rate = self.flies_on * self.unseen * place.share * place.bad;
            if passed > 0.0 && place.share > 0.0 {
                let is_noticed = self.site.is_last && self.full_since.is_some_and(|full| full <= self.now);
                self.spells.push(Spell { from: self.now, to: at, stage: place.stage, failing: rate, is_noticed });
            }
            let mut failing = rate * passed;
            if let Some(part) = place.stops.filter(|_| place.down > 0) {
                // For the rest of its deployment a host serves.
                stage.refused += self.flies_on * place.refused * passed * part;
                let secs = self.flies_on * passed * part;
                meet(&mut self.dependants, &place.users, |user, rate| user.refused += rate * secs);
                failing *= 1.0 - part;
            }
            stage.failing += failing;
        }
        self.now = self.now.max(at);
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Begins(at) => {
                let Some((place, exposure)) = self.place_of(&self.steps[at]).zip(self.steps[at].exposure.as_ref()) else { return };
                let stage = self.stages.iter().position(|s| s.region == self.steps[at].region && s.number == self.steps[at].stage);
                let place = &mut self.places[place];
                place.stage = stage.unwrap_or(place.stage);
                place.share = place.share.max(exposure.share.as_f64());
                place.exposed_by.push(at);
            }
            Happening::Ends(at) => {
                if let Some((place, exposure)) = self.place_of(&self.steps[at]).zip(self.steps[at].exposure.as_ref()) {
                    self.places[place].share = exposure.share.as_f64();
                }
            }
            Happening::Stops(place) => self.places[place].down += 1,
            Happening::Serves(place) => self.places[place].down = self.places[place].down.saturating_sub(1),
            Happening::Sees(gate, part, later) => {
                if let Some(seen) = self.seen.get_mut(gate) {
                    *seen += part;
                }
                let unseen: f64 = self.seen.iter().map(|seen| (1.0 - seen).max(0.0)).product();
                self.goes_back(self.unseen - unseen, later);
                self.unseen = unseen;
            }
            Happening::Ended(part, later) => self.is_ended(part, later),
            Happening::Noticed => {
                self.goes_back(self.unseen, 0.0);
                self.unseen = 0.0;
            }
        }
    }

    /// A part of all flights goes back, whatever comes of the change: a step of them was not done.
    fn is_ended(&mut self, part: f64, later: f64) {
        let part = self.flies_on * part;
        for place in &self.places {
            let until = match place.stops {
                Some(stops) if place.down > 0 => place.refused * stops * later,
                Some(_) => 0.0,
                None => place.share * place.bad * later,
            };
            let costs = until + way_back(self.steps, self.ways, place, self.outline.strategy);
            let Some(stage) = self.stages.get_mut(place.stage) else { continue };
            match place.stops {
                Some(_) => {
                    stage.refused += part * costs;
                    let down = if place.down > 0 { place.stops.unwrap_or_default() * later } else { 0.0 };
                    let secs = part * (down + down_back(self.ways, place, self.outline.strategy).unwrap_or_default());
                    meet(&mut self.dependants, &place.users, |user, rate| user.refused += rate * secs);
                }
                None => stage.failing += part * self.unseen * costs,
            }
        }
        self.seen_after += part * self.unseen * self.now;
        self.flies_on -= part;
    }

    /// A part of all failures is seen now, or held until it is seen later, and goes back.
    fn goes_back(&mut self, part: f64, later: f64) {
        let part = self.flies_on * part;
        self.seen_after += part * (self.now + later);
        for place in &self.places {
            let failing = part * (place.share * place.bad * later + way_back(self.steps, self.ways, place, self.outline.strategy));
            if let Some(stage) = self.stages.get_mut(place.stage) {
                stage.failing += failing;
            }
            let secs = part * down_back(self.ways, place, self.outline.strategy).unwrap_or_default();
            meet(&mut self.dependants, &place.users, |user, rate| user.failing += rate * secs);
        }
    }

    fn end(mut self) -> Burn {
        let after = self.places.iter().map(|place| place.share * place.bad).sum();
        let way_back = self.places.iter().map(|place| way_back(self.steps, self.ways, place, self.outline.strategy)).sum();
        for place in &self.places {
            let secs = down_back(self.ways, place, self.outline.strategy).unwrap_or_default();
            meet(&mut self.dependants, &place.users, |user, rate| user.way_back += rate * secs);
        }
        let noticed_in = self.full_since.map_or(UNSEEN.as_secs_f64(), |full| (full + UNSEEN.as_secs_f64() - self.now).max(0.0));
        let seen_after = self.seen_after + self.flies_on * self.unseen * (self.now + noticed_in);
        Burn {
            missed: self.unseen,
            after,
            noticed_in,
            way_back,
            seen_after,
            flies_on: self.flies_on,
            stages: self.stages,
            spells: self.spells,
            dependants: self.dependants,
        }
    }
}

/// Bad requests of a place from the decision to turn back until it is safe.
fn way_back(steps: &[Step], ways: &WaysBack, place: &Place, strategy: Strategy) -> f64 {
    let takes = |at: usize| back_in(ways, at);
    let share = |at: usize| steps[at].exposure.as_ref().map_or(0.0, |exposure| exposure.share.as_f64());
    let Some(last) = place.exposed_by.last().copied() else { return 0.0 };
    if let Some(secs) = down_back(ways, place, strategy) {
        return place.refused * secs;
    }
    if steps[last].exposure.as_ref().is_some_and(|exposure| exposure.safety.is_some()) {
        return place.share * place.bad * takes(last);
    }
    let mut row: Vec<(f64, f64)> = place.exposed_by.iter().map(|at| (takes(*at), share(*at))).collect();
    row.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut before = 0.0;
    let parts = row.into_iter().map(|(until, share)| {
        let costs = share * (until - before);
        before = until;
        costs
    });
    place.bad * parts.sum::<f64>()
}

/// Seconds of the way back, while the exposure of a step is in force.
fn back_in(ways: &WaysBack, at: usize) -> f64 {
    ways.while_exposed_by(at).map_or(UNSEEN.as_secs_f64(), mean_secs)
}

/// Seconds for which a place serves nobody on its way back; `None` where something serves.
fn down_back(ways: &WaysBack, place: &Place, strategy: Strategy) -> Option<f64> {
    let last = place.exposed_by.last().copied()?;
    // A failover from which no way leads back refuses nothing more: the new side serves until people have found one.
    let part = place.stops.filter(|_| strategy != Strategy::Failover || ways.while_exposed_by(last).is_some())?;
    Some(back_in(ways, last) * part)
}

/// Counts what the users of a place meet.
fn meet(dependants: &mut Vec<Dependant>, users: &[User], count: impl Fn(&mut Dependant, f64)) {
    for user in users {
        let known = dependants.iter().position(|known| known.component == user.component);
        let at = known.unwrap_or_else(|| {
            let component = user.component.clone();
            dependants.push(Dependant { component, is_known: true, rate: 0.0, refused: 0.0, failing: 0.0, way_back: 0.0 });
            dependants.len() - 1
        });
        if let Some(dependant) = dependants.get_mut(at) {
            let rate = user.rate.unwrap_or_default();
            dependant.is_known &= user.rate.is_some();
            dependant.rate = dependant.rate.max(rate);
            count(dependant, rate);
        }
    }
}

/// Whether a step brings a host to the new version.
fn is_deploy(site: &Site<'_>, step: &Step) -> bool {
    step.phase == Phase::Deploy && deploys(step, site.target)
}

/// Seconds after which a gate sees a failure, with the part of all failures that it sees then. What the judge does not see it does not pass either, but
/// asks about; without an old side to compare with, a gate sees the part that it `catches`.
fn sights(gate: &StageGate, catches: f64) -> Vec<(f64, f64)> {
    let bake = gate.bake.as_secs_f64();
    let caught = if gate.judged.is_some() { 1.0 } else { catches };
    if caught <= 0.0 {
        return Vec::new();
    }
    let half_a_look = look_every(gate.bake).as_secs_f64() / 2.0;
    let after = |fifth: usize| match &gate.judged {
        Some(judged) => {
            let half = judged.detect_half.as_secs_f64().max(1.0);
            let sigma = libm::log(judged.detect.as_secs_f64().max(half) / half) / NORMAL_80;
            half * libm::exp(sigma * NORMAL_FIFTHS[fifth])
        }
        None => bake * (fifth as f64 + 0.5) / SIGHTS as f64 + half_a_look,
    };
    (0..SIGHTS).map(|fifth| (after(fifth), caught / SIGHTS as f64)).collect()
}

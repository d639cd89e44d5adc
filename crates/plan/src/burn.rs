//! Bad requests of a site: what a failing change is expected to cost while it goes its way, and what is refused because nothing serves.
//!
//! A failing version raises the bad share of its component by [`rise`]. It is followed along the course of the site's own steps: each second costs what is
//! exposed then, while hosts are changed as well as while a gate watches. A gate sees its part of all failures at some time of its bake, or when the judge
//! does, which holds what fails where it is until then, however soon it passes what is well; from there the way back costs what is exposed until it is safe. Where a call takes all traffic away at once that is the whole share for the whole
//! time; where deploys are undone one after the other it falls with them. What no gate sees goes on, until people notice it [`UNSEEN`] after
//! everything of a place was on the new side: in the last environment only, since nobody is in those before it to notice.
//! While nothing of a region serves, every request of it is refused, whether the change fails or not; going back the same way is the same again. So it is
//! with a failover, between the steps in which nobody takes writes.

use crate::course::{Course, mean_secs, together};
use crate::downtime::{Stop, part, refusal, stop};
use crate::durations::{deploys, plain};
use crate::ladder::{Signal, bad_ratio, look_every};
use crate::lower::gates::SKETCHED;
use crate::outline::{Outline, StageGate};
use crate::predict::{PROBES_CATCH, THRESHOLDS_CATCH, UNSEEN};
use crate::site::Site;
use crate::way_back::WaysBack;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::ids::RegionName;
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

/// What a site costs.
#[derive(Clone, Debug, Default)]
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
}

impl Burn {
    /// Bad requests of a failing change in its stages, on average.
    pub(crate) fn failing(&self) -> f64 {
        self.stages.iter().map(|stage| stage.failing).sum()
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
    /// People notice.
    Noticed,
}

/// What a site is expected to cost if its change fails, and what it refuses.
pub(crate) fn burn(site: &Site<'_>, outline: &Outline, steps: &[Step], ways: &WaysBack, effect: f64) -> Burn {
    let mut walk = Walk::new(site, outline, steps, ways, effect);
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
    course: Course,
    places: Vec<Place>,
    stages: Vec<Stage>,
    /// Part of failures that a gate without an old side to compare with sees.
    catches: f64,
    /// Part of failures that each gate has seen.
    seen: Vec<f64>,
    /// Part of failures that nothing has seen.
    unseen: f64,
    now: f64,
    /// When the first place was on the new side altogether.
    full_since: Option<f64>,
    /// Seconds until each part of the failures is seen, times the part.
    seen_after: f64,
}

impl<'w> Walk<'w> {
    fn new(site: &'w Site<'w>, outline: &'w Outline, steps: &'w [Step], ways: &'w WaysBack, effect: f64) -> Self {
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
            places.push(Place {
                region: region.map(|region| region.name.clone()),
                bad: here().map(|at| at.rate.unwrap_or(1.0) * rise(bad_ratio(at, Signal::Errors).0, effect)).sum(),
                refused: here().map(|at| at.rate.unwrap_or(1.0)).sum(),
                stops: match outline.strategy {
                    Strategy::Failover => Some(1.0),
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
            Some(signals) if !signals.thresholds.is_empty() => THRESHOLDS_CATCH,
            Some(_) | None if health => PROBES_CATCH,
            Some(_) | None => 0.0,
        };
        Self {
            steps,
            ways,
            outline,
            site,
            course,
            places,
            stages,
            catches,
            seen: Vec::new(),
            unseen,
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
            let Some(place) = self.place_of(step) else { continue };
            let (begin, end) = (self.course.begin(at), self.course.end(at));
            if let Some(exposure) = &step.exposure {
                found.extend([(begin, Happening::Begins(at)), (end, Happening::Ends(at))]);
                if exposure.share.as_f64() >= 1.0 {
                    full = Some(full.map_or(end, |known: f64| known.min(end)));
                }
            }
            if self.places[place].stops.is_some() && is_deploy(self.site, step) {
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
            let mut failing = self.unseen * place.share * place.bad * passed;
            if let Some(part) = place.stops.filter(|_| place.down > 0) {
                // For the rest of its deployment a host serves.
                stage.refused += place.refused * passed * part;
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
            Happening::Noticed => {
                self.goes_back(self.unseen, 0.0);
                self.unseen = 0.0;
            }
        }
    }

    /// A part of all failures is seen now, or held until it is seen later, and goes back.
    fn goes_back(&mut self, part: f64, later: f64) {
        self.seen_after += part * (self.now + later);
        for place in &self.places {
            let failing = part * (place.share * place.bad * later + way_back(self.steps, self.ways, place, self.outline.strategy));
            if let Some(stage) = self.stages.get_mut(place.stage) {
                stage.failing += failing;
            }
        }
    }

    fn end(self) -> Burn {
        let after = self.places.iter().map(|place| place.share * place.bad).sum();
        let way_back = self.places.iter().map(|place| way_back(self.steps, self.ways, place, self.outline.strategy)).sum();
        let noticed_in = self.full_since.map_or(UNSEEN.as_secs_f64(), |full| (full + UNSEEN.as_secs_f64() - self.now).max(0.0));
        let seen_after = self.seen_after + self.unseen * (self.now + noticed_in);
        Burn { missed: self.unseen, after, noticed_in, way_back, seen_after, stages: self.stages }
    }
}

/// Bad requests of a place from the decision to turn back until it is safe.
fn way_back(steps: &[Step], ways: &WaysBack, place: &Place, strategy: Strategy) -> f64 {
    let takes = |at: usize| ways.while_exposed_by(at).map_or(UNSEEN.as_secs_f64(), mean_secs);
    let share = |at: usize| steps[at].exposure.as_ref().map_or(0.0, |exposure| exposure.share.as_f64());
    let Some(last) = place.exposed_by.last().copied() else { return 0.0 };
    // A failover from which no way leads back refuses nothing more: the new side serves until people have found one.
    if let Some(part) = place.stops.filter(|_| strategy != Strategy::Failover || ways.while_exposed_by(last).is_some()) {
        return place.refused * takes(last) * part;
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

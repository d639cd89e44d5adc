//! What a store that has one owner at a time knows of the runs with work: which the present owner was given, which are free, which sleep until
//! when, and what each claims.
//!
//! It is kept in the memory of the owner, which is enough there: nobody else gives runs away, and the next owner reads every run with work once,
//! when it becomes the owner. From then on every append says what changes, so that asking for runs, which an owner does all the time, looks at
//! nothing else. A run that sleeps and holds nothing costs its id twice and a time.

use crate::claim_book::{ClaimBook, Claimed, Grants, OwnClaims};
use glidepath_model::plan::Claim;
use glidepath_model::projection::RunSummary;
use glidepath_model::{RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{ClaimLine, ClaimOrder, StreamAppend, Taking};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the present owner was given, what is free, and what is held.
pub(crate) struct Holdings {
    epoch: u64,
    /// The newest time that the owner told: claims are held and waited for since then.
    now: Timestamp,
    runs: HashMap<RunId, HeldRun>,
    book: ClaimBook,
    /// Free runs that are awake, in the order in which they became free.
    free: BTreeMap<u64, RunId>,
    turns: u64,
    /// Free runs that sleep until a time.
    sleepers: BTreeSet<(Timestamp, RunId)>,
}

/// A run with work, or one that the owner took.
#[derive(Default)]
struct HeldRun {
    place: Place,
    rest: Rest,
    /// Whether something was appended to it.
    has_begun: bool,
    is_live: bool,
    claims: OwnClaims,
}

/// Whose a run is.
#[derive(Clone, Copy, Default)]
enum Place {
    /// The owner's.
    #[default]
    Given,
    /// Nobody's, and awake; with its turn.
    Free(u64),
    /// Nobody's until its time.
    Asleep,
}

/// Whether a run sleeps when it is nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rest {
    #[default]
    Awake,
    /// Until then; until somebody takes it when no time is known.
    Asleep(Option<Timestamp>),
}

impl Rest {
    pub(crate) const fn of(summary: &RunSummary) -> Self {
        if summary.sleeps { Self::Asleep(summary.wake_at) } else { Self::Awake }
    }
}

/// What a new owner is told of a run with work.
pub(crate) struct Standing {
    pub(crate) run: RunId,
    pub(crate) started_at: Timestamp,
    pub(crate) rest: Rest,
    /// What it holds or waits for: nothing when it is not live.
    pub(crate) claims: BTreeSet<Claim>,
    /// Whether it is live and nobody can tell what it holds.
    pub(crate) is_unclear: bool,
    pub(crate) waits: bool,
    pub(crate) grants: Option<Grants>,
}

impl Standing {
    pub(crate) fn of(summary: &RunSummary, grants: Option<Grants>) -> Self {
        Self {
            run: summary.run.clone(),
            started_at: summary.started_at,
            rest: Rest::of(summary),
            claims: if summary.status.is_live() { claims_of(summary) } else { BTreeSet::new() },
            is_unclear: false,
            waits: summary.waits_for.is_some(),
            grants,
        }
    }
}

/// Targets are claimed exclusively.
pub(crate) fn claims_of(summary: &RunSummary) -> BTreeSet<Claim> {
    let mut claims = Claim::on_targets(&summary.targets);
    claims.extend(summary.claims.iter().cloned());
    claims
}

/// What an append changes for those who give runs away.
pub(crate) struct Appended {
    run: RunId,
    is_live: bool,
    has_work: bool,
    rest: Rest,
}

impl Appended {
    pub(crate) fn of(append: &StreamAppend) -> Self {
        Self {
            run: append.run.clone(),
            is_live: append.summary.status.is_live(),
            has_work: append.summary.has_work(),
            rest: Rest::of(&append.summary),
        }
    }
}

impl Default for Holdings {
    fn default() -> Self {
        Self::of_nobody()
    }
}

impl Holdings {
    /// A new owner was given nothing yet; it is to be told of every run with work ([`Holdings::know`]).
    pub(crate) fn of_owner(epoch: u64) -> Self {
        Self {
            epoch,
            now: Timestamp::EPOCH,
            runs: HashMap::new(),
            book: ClaimBook::of_owner(epoch),
            free: BTreeMap::new(),
            turns: 0,
            sleepers: BTreeSet::new(),
        }
    }

    /// Nobody's: for looking at what runs claim that the store tells of.
    pub(crate) fn of_nobody() -> Self {
        Self::of_owner(0)
    }

    /// Tells of a run that is free. The queue of claims gets the order in which it is told.
    pub(crate) fn know(&mut self, standing: Standing) {
        let Standing { run, started_at, rest, claims, is_unclear, waits, grants } = standing;
        let mut held = HeldRun { rest, has_begun: true, is_live: is_unclear || !claims.is_empty(), ..HeldRun::default() };
        if is_unclear {
            self.book.hold_unclear(&run, started_at);
        } else if waits {
            self.book.queue(&run, &mut held.claims, &claims, started_at);
        } else if !claims.is_empty() {
            let since = grants.as_ref().map_or(started_at, |grants| grants.at);
            self.book.hold(&run, &mut held.claims, claims.into_iter().collect(), grants.as_ref(), since);
        }
        self.now = self.now.max(started_at);
        held.place = self.place(&run, rest);
        self.runs.insert(run, held);
    }

    /// Refuses an owner that is not the present one.
    pub(crate) fn check(&self, epoch: u64) -> Result<(), StoreError> {
        if self.epoch == epoch { Ok(()) } else { Err(StoreError::Fenced { mine: epoch, present: self.epoch }) }
    }

    /// Gives what is free: first what is awake, then what was to be woken first.
    pub(crate) fn take_runs(&mut self, now: Timestamp, runs_max: usize) -> Vec<RunId> {
        self.now = now;
        let mut given = Vec::new();
        while given.len() < runs_max
            && let Some(run) = self.next_free(now)
        {
            if let Some(held) = self.runs.get_mut(&run) {
                held.place = Place::Given;
            }
            given.push(run);
        }
        given
    }

    fn next_free(&mut self, now: Timestamp) -> Option<RunId> {
        if let Some((_, run)) = self.free.pop_first() {
            return Some(run);
        }
        if self.sleepers.first()?.0 > now {
            return None;
        }
        self.sleepers.pop_first().map(|(_, run)| run)
    }

    /// Gives one run, and what it claims.
    pub(crate) fn take_run(&mut self, run: &RunId, order: &ClaimOrder) -> Taking {
        let mut held = self.runs.remove(run).unwrap_or_default();
        let is_new = !held.has_begun && matches!(held.claims, OwnClaims::Nothing);
        let taking = match self.book.claim(run, &mut held.claims, order, self.now) {
            Claimed::Granted(fences) => Taking::Taken { fences },
            Claimed::Queued(wait) => Taking::Queued(wait),
            Claimed::Refused(wait) => {
                if !is_new {
                    self.runs.insert(run.clone(), held);
                }
                return Taking::Held(wait);
            }
        };
        self.leave_place(run, &held);
        held.place = Place::Given;
        self.runs.insert(run.clone(), held);
        taking
    }

    /// Takes note of what was appended: a run that has ended holds nothing, and one that nobody has work with is nobody's.
    pub(crate) fn appended(&mut self, appended: Appended) {
        let Appended { run, is_live, has_work, rest } = appended;
        if !has_work {
            return self.forget(&run);
        }
        let Some(mut held) = self.runs.remove(&run) else {
            let place = self.place(&run, rest);
            self.runs.insert(run, HeldRun { place, rest, has_begun: true, is_live, claims: OwnClaims::Nothing });
            return;
        };
        if !is_live {
            self.book.leave(&run, &mut held.claims);
        }
        let is_free = !matches!(held.place, Place::Given);
        if is_free && held.rest != rest {
            self.leave_place(&run, &held);
            held.place = self.place(&run, rest);
        }
        (held.rest, held.has_begun, held.is_live) = (rest, true, is_live);
        self.runs.insert(run, held);
    }

    /// Sets a run free. Only a live one keeps its claims, or its place in their queue; one that has not begun is forgotten.
    pub(crate) fn release(&mut self, run: &RunId) {
        let Some(mut held) = self.runs.remove(run) else { return };
        if !held.has_begun || !held.is_live {
            self.book.leave(run, &mut held.claims);
        }
        if !held.has_begun {
            return;
        }
        if matches!(held.place, Place::Given) {
            held.place = self.place(run, held.rest);
        }
        self.runs.insert(run.clone(), held);
    }

    /// Puts a free run where it is found when it is to be given.
    fn place(&mut self, run: &RunId, rest: Rest) -> Place {
        match rest {
            Rest::Awake => {
                self.turns += 1;
                self.free.insert(self.turns, run.clone());
                Place::Free(self.turns)
            }
            Rest::Asleep(wake_at) => {
                self.sleepers.extend(wake_at.map(|at| (at, run.clone())));
                Place::Asleep
            }
        }
    }

    fn leave_place(&mut self, run: &RunId, held: &HeldRun) {
        match (held.place, held.rest) {
            (Place::Free(turn), _) => drop(self.free.remove(&turn)),
            (Place::Asleep, Rest::Asleep(Some(at))) => drop(self.sleepers.remove(&(at, run.clone()))),
            (Place::Asleep, Rest::Asleep(None) | Rest::Awake) | (Place::Given, _) => {}
        }
    }

    fn forget(&mut self, run: &RunId) {
        let Some(mut held) = self.runs.remove(run) else { return };
        self.leave_place(run, &held);
        self.book.leave(run, &mut held.claims);
    }

    /// How many runs sleep, whosever they are.
    pub(crate) fn sleeping(&self) -> u64 {
        self.runs.values().filter(|held| matches!(held.rest, Rest::Asleep(_))).count() as u64
    }

    /// Who holds and who waits for what.
    pub(crate) fn claims(&self) -> Vec<ClaimLine> {
        self.book.lines(|run, resource| self.runs.get(run)?.claims.number(resource))
    }
}

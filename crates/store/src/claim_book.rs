//! The book of claims of a store that has one owner at a time: who holds and who waits for which resource.
//!
//! The rule is the engine's (`glidepath_engine::claims`); the book keeps what the rule looks at, and gives the numbers. It lies in the memory of the
//! owner, which is enough there: nobody else gives claims away, and the next owner writes it anew from the runs that are live.
//!
//! The number of a grant is made of the owner's epoch and a count of its grants, so that it is greater than that of every grant before it,
//! also one of an earlier owner. A claim that a live run brings into the book of a new owner keeps the number that its journal has; where
//! the journal has none (it is older than claims), it gets a new one, which is greater.

use glidepath_engine::claims::{ClaimEntry, in_the_way};
use glidepath_model::plan::{Claim, ClaimMode};
use glidepath_model::projection::{ClaimWait, Fence};
use glidepath_model::{ResourceName, RunId, Timestamp};
use glidepath_ports::store::{ClaimLine, ClaimOrder};
use std::collections::{BTreeMap, BTreeSet};

/// Bits of a number that count the grants of one owner; the epoch lies above them.
pub(crate) const GRANTS_PER_OWNER_BITS: u32 = 32;
/// Entries among which what is in the way is looked for first; it is nearly always the oldest.
const OLDEST_ENTRIES: usize = 16;

/// Who holds and who waits for what.
#[derive(Default)]
pub(crate) struct ClaimBook {
    /// Nobody's when 0: a book that is only read gives no numbers.
    epoch: u64,
    grants: u64,
    tickets: u64,
    /// Entries of each resource: those that hold it, then the queue; the oldest of each first.
    resources: BTreeMap<ResourceName, Vec<ClaimEntry>>,
    /// Live runs of which nobody can tell here what they hold, and since when: they may hold anything, so that nothing is given to others.
    unclear: BTreeMap<RunId, Timestamp>,
}

/// What one run has in the book; it goes with the run, so that the book need not know runs.
#[derive(Default)]
pub(crate) enum OwnClaims {
    #[default]
    Nothing,
    /// It holds these, in the order of the resources.
    Held(Box<[Fence]>),
    /// It waits.
    Waits(Box<Waiting>),
}

/// A place in the queue.
pub(crate) struct Waiting {
    ticket: u64,
    since: Timestamp,
    claims: BTreeSet<Claim>,
}

/// What came of asking for claims.
pub(crate) enum Claimed {
    Granted(Vec<Fence>),
    Refused(ClaimWait),
    Queued(ClaimWait),
}

/// The numbers that the journal of a run has, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grants {
    pub(crate) at: Timestamp,
    pub(crate) fences: Vec<Fence>,
}

impl OwnClaims {
    fn fences(&self) -> &[Fence] {
        match self {
            Self::Held(fences) => fences,
            Self::Nothing | Self::Waits(_) => &[],
        }
    }

    /// The number under which a resource is held.
    pub(crate) fn number(&self, resource: &ResourceName) -> Option<u64> {
        let fences = self.fences();
        let index = fences.binary_search_by(|fence| fence.resource.cmp(resource)).ok()?;
        fences.get(index).map(|fence| fence.number)
    }
}

impl ClaimBook {
    pub(crate) fn of_owner(epoch: u64) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Lets a run hold what it orders, all or none, or gives it a place in the queue when it waits. Who holds something never waits for more:
    /// circles of waiting would follow.
    pub(crate) fn claim(&mut self, run: &RunId, own: &mut OwnClaims, order: &ClaimOrder, now: Timestamp) -> Claimed {
        let missing: Vec<&Claim> = order.claims.iter().filter(|claim| !self.is_held(run, own, claim)).collect();
        if let Some(wait) = missing.iter().find_map(|claim| self.in_the_way(run, own, claim)) {
            if !order.waits || matches!(own, OwnClaims::Held(_)) {
                return Claimed::Refused(wait);
            }
            self.queue(run, own, &order.claims, now);
            return Claimed::Queued(wait);
        }
        if !missing.is_empty() {
            let missing: Vec<Claim> = missing.into_iter().cloned().collect();
            self.hold(run, own, missing, None, now);
        }
        let mut resources: Vec<&ResourceName> = order.claims.iter().map(|claim| &claim.resource).collect();
        resources.dedup();
        let fence = |resource: &ResourceName| Some(Fence { resource: resource.clone(), number: own.number(resource)? });
        Claimed::Granted(resources.into_iter().filter_map(fence).collect())
    }

    /// Whether the run holds as much of the resource already.
    fn is_held(&self, run: &RunId, own: &OwnClaims, claim: &Claim) -> bool {
        let is_enough = |entry: &ClaimEntry| {
            entry.run == *run && entry.ticket.is_none() && (entry.mode == claim.mode || entry.mode == ClaimMode::Exclusive)
        };
        own.number(&claim.resource).is_some() && self.entries(&claim.resource).iter().any(is_enough)
    }

    /// What is in the way of one claim. The rule looks at the oldest entry first, so that what it finds among the oldest is what it would find among
    /// all: a long queue costs little to whoever stands in it.
    fn in_the_way(&self, run: &RunId, own: &OwnClaims, claim: &Claim) -> Option<ClaimWait> {
        if let Some((by, since)) = self.unclear.iter().find(|(unclear, _)| *unclear != run) {
            return Some(ClaimWait { resource: claim.resource.clone(), by: by.clone(), since: *since, holds: true });
        }
        let ticket = match own {
            OwnClaims::Waits(waiting) => Some(waiting.ticket),
            OwnClaims::Nothing | OwnClaims::Held(_) => None,
        };
        let entries = self.entries(&claim.resource);
        let oldest = entries.get(..OLDEST_ENTRIES).and_then(|oldest| in_the_way([claim], run, ticket, oldest));
        oldest.or_else(|| in_the_way([claim], run, ticket, entries))
    }

    fn entries(&self, resource: &ResourceName) -> &[ClaimEntry] {
        self.resources.get(resource).map(Vec::as_slice).unwrap_or_default()
    }

    /// Lets a run hold claims whatever is in the way, in place of a place in the queue and beside what it holds. Numbers of the journal are kept.
    pub(crate) fn hold(&mut self, run: &RunId, own: &mut OwnClaims, claims: Vec<Claim>, grants: Option<&Grants>, since: Timestamp) {
        if matches!(own, OwnClaims::Waits(_)) {
            self.leave(run, own);
        }
        let mut numbers: BTreeMap<ResourceName, u64> = own.fences().iter().map(|fence| (fence.resource.clone(), fence.number)).collect();
        for Claim { resource, mode } in claims {
            let of_journal = || grants?.fences.iter().find(|fence| fence.resource == resource).map(|fence| fence.number);
            if !numbers.contains_key(&resource) {
                let number = of_journal().unwrap_or_else(|| self.next_number());
                numbers.insert(resource.clone(), number);
            }
            self.enter(ClaimEntry { resource, mode, run: run.clone(), ticket: None, since });
        }
        *own = OwnClaims::Held(numbers.into_iter().map(|(resource, number)| Fence { resource, number }).collect());
    }

    /// Gives a run a place in the queue; one that it has is kept, also for other claims.
    pub(crate) fn queue(&mut self, run: &RunId, own: &mut OwnClaims, claims: &BTreeSet<Claim>, now: Timestamp) {
        let (ticket, since) = match own {
            OwnClaims::Waits(waiting) if waiting.claims == *claims => return,
            OwnClaims::Waits(waiting) => (waiting.ticket, waiting.since),
            OwnClaims::Nothing | OwnClaims::Held(_) => {
                self.tickets += 1;
                (self.tickets, now)
            }
        };
        self.leave(run, own);
        for Claim { resource, mode } in claims.iter().cloned() {
            self.enter(ClaimEntry { resource, mode, run: run.clone(), ticket: Some(ticket), since });
        }
        *own = OwnClaims::Waits(Box::new(Waiting { ticket, since, claims: claims.clone() }));
    }

    /// Takes note of a live run of which nobody can tell what it holds.
    pub(crate) fn hold_unclear(&mut self, run: &RunId, since: Timestamp) {
        self.unclear.insert(run.clone(), since);
    }

    /// Takes everything of a run out.
    pub(crate) fn leave(&mut self, run: &RunId, own: &mut OwnClaims) {
        self.unclear.remove(run);
        match std::mem::take(own) {
            OwnClaims::Nothing => {}
            OwnClaims::Held(fences) => fences.iter().for_each(|fence| self.take_out(run, &fence.resource)),
            OwnClaims::Waits(waiting) => waiting.claims.iter().for_each(|claim| self.take_out(run, &claim.resource)),
        }
    }

    fn enter(&mut self, entry: ClaimEntry) {
        // Most resources have one entry; there may be very many resources.
        let entries = self.resources.entry(entry.resource.clone()).or_insert_with(|| Vec::with_capacity(1));
        let place = entries.partition_point(|other| (other.ticket, other.since) <= (entry.ticket, entry.since));
        entries.insert(place, entry);
    }

    fn take_out(&mut self, run: &RunId, resource: &ResourceName) {
        let Some(entries) = self.resources.get_mut(resource) else { return };
        entries.retain(|entry| entry.run != *run);
        if entries.is_empty() {
            self.resources.remove(resource);
        }
    }

    /// Of nobody's book it is 0, which is no number of any grant.
    fn next_number(&mut self) -> u64 {
        if self.epoch == 0 {
            return 0;
        }
        self.grants += 1;
        (self.epoch << GRANTS_PER_OWNER_BITS) + self.grants
    }

    /// All entries by resource, holders first; `number` knows under which number a run holds a resource.
    pub(crate) fn lines(&self, number: impl Fn(&RunId, &ResourceName) -> Option<u64>) -> Vec<ClaimLine> {
        let line = |entry: &ClaimEntry| ClaimLine {
            claim: Claim { resource: entry.resource.clone(), mode: entry.mode },
            run: entry.run.clone(),
            holds: entry.ticket.is_none(),
            fence: if entry.ticket.is_some() { None } else { number(&entry.run, &entry.resource).filter(|number| *number > 0) },
            since: entry.since,
        };
        self.resources.values().flatten().map(line).collect()
    }
}

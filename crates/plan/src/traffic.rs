//! Router weights and the batches that keep capacity ahead of traffic, forward and back.

use glidepath_model::Share;

/// Weight of a host that takes its full part.
pub(crate) const WEIGHT_FULL: u16 = 100;
/// Greatest weight a router takes.
const WEIGHT_MAX: u16 = 256;

/// Difference of shares that does not matter.
const SHARE_TIE: f64 = 5e-4;

/// Weights of the hosts of both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weights {
    /// Of each new host.
    pub(crate) new: u16,
    /// Of each old host.
    pub(crate) old: u16,
    /// Share that the new side truly gets.
    pub(crate) share: f64,
}

/// Whole weights that give `new_hosts` beside `old_hosts` a share closest to `wanted` without passing it, except that a share above zero never becomes zero.
pub(crate) fn weights(new_hosts: usize, old_hosts: usize, wanted: f64) -> Weights {
    if new_hosts == 0 || wanted <= 0.0 {
        return Weights { new: 0, old: WEIGHT_FULL, share: 0.0 };
    }
    if old_hosts == 0 || wanted >= 1.0 {
        return Weights { new: WEIGHT_FULL, old: 0, share: 1.0 };
    }
    let (n, o) = (new_hosts as f64, old_hosts as f64);
    let share = |new: u16, old: u16| n * f64::from(new) / (n * f64::from(new) + o * f64::from(old));
    let ratio = wanted * o / ((1.0 - wanted) * n);
    let mut best: Option<Weights> = None;
    for old in 1..=WEIGHT_MAX {
        let new = (ratio * f64::from(old) + 1e-9).floor().clamp(1.0, f64::from(WEIGHT_MAX)) as u16;
        let candidate = Weights { new, old, share: share(new, old) };
        let is_better = best.as_ref().is_none_or(|b| is_better(&candidate, b, wanted));
        if is_better {
            best = Some(candidate);
        }
    }
    best.unwrap_or(Weights { new: 1, old: WEIGHT_MAX, share: share(1, WEIGHT_MAX) })
}

/// Whether `a` serves better than `b`: not above the wanted share, then nearer to it, then nearer to full weight.
fn is_better(a: &Weights, b: &Weights, wanted: f64) -> bool {
    let over = |w: &Weights| w.share > wanted + 1e-9;
    let far = |w: &Weights| (w.share - wanted).abs();
    match (over(a), over(b)) {
        (false, true) => true,
        (true, false) => false,
        (false, false) if (far(a) - far(b)).abs() < SHARE_TIE => a.old.abs_diff(WEIGHT_FULL) < b.old.abs_diff(WEIGHT_FULL),
        _ => far(a) < far(b),
    }
}

/// Hosts changed together, counted from the first host of the region.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// Hosts already on the new version before it.
    pub(crate) begin: usize,
    /// Hosts on the new version after it.
    pub(crate) end: usize,
    /// Share of traffic on the new side while the batch is out.
    pub(crate) share_during: f64,
    /// Share of traffic on the new side once the batch serves.
    pub(crate) share_after: f64,
    /// Hosts right after it that are started afresh with it on the old version, and then have the same share as the new side.
    pub(crate) renewed: usize,
}

impl Batch {
    /// The hosts that are out while it is changed.
    pub(crate) fn out(&self) -> std::ops::Range<usize> {
        self.begin..self.end + self.renewed
    }

    /// Weights of the new side among `hosts` once it serves; those started afresh have the weight of the new side.
    pub(crate) fn weights_after(&self, hosts: usize) -> Weights {
        if self.renewed == 0 {
            return weights(self.end, hosts - self.end, self.share_after);
        }
        let both = self.end + self.renewed;
        let Weights { new, old, share } = weights(both, hosts - both, 2.0 * self.share_after);
        Weights { new, old, share: share / 2.0 }
    }
}

/// The hosts of a region in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet<'z> {
    pub(crate) hosts: usize,
    /// Hosts that must serve.
    pub(crate) needed: usize,
    /// Whether a router gives hosts weights; without one, shares are whole hosts.
    pub(crate) weighted: bool,
    /// How many hosts stand up to the end of each zone: a batch never goes over one.
    pub(crate) zone_ends: &'z [usize],
}

impl Fleet<'_> {
    /// Batches that bring the new side from `from` to `to` hosts and from share `share_now` to `share_to`, never with fewer than the needed hosts
    /// serving, and never in two zones at once. `None` where not a single host can be spared.
    ///
    /// While a batch is out the others share evenly, unless the new side has more already; both keep each host within `1/needed` of the traffic,
    /// and the new side at or below `share_to` (see the property test).
    pub(crate) fn batches(&self, from: usize, to: usize, share_now: f64, share_to: f64) -> Option<Vec<Batch>> {
        let Self { hosts, needed, weighted, .. } = *self;
        let spare = hosts.checked_sub(needed).filter(|spare| *spare > 0);
        let mut list = Vec::new();
        let (mut begin, mut share) = (from, share_now);
        while begin < to {
            let zone_end = self.zone_ends.iter().copied().find(|end| *end > begin).unwrap_or(hosts);
            let end = to.min(begin + spare?).min(zone_end);
            let serving = hosts - (end - begin);
            let even = if serving == 0 { 1.0 } else { begin as f64 / serving as f64 };
            let during = if begin == 0 { 0.0 } else { even.max(share).min(1.0) };
            let whole = end as f64 / hosts as f64;
            let after = if !weighted || end == hosts {
                whole
            } else if end == to {
                share_to
            } else {
                share_to.min(whole).max(during)
            };
            list.push(Batch { begin, end, share_during: during, share_after: after, renewed: 0 });
            (begin, share) = (end, after);
        }
        Some(list)
    }
}

/// Hosts that carry a share of the traffic: `needed` carry all of it.
pub(crate) fn hosts_for(share: Share, needed: usize) -> usize {
    ((share.as_f64() * needed as f64 - 1e-9).ceil().max(1.0)) as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weights_come_close_and_say_what_they_truly_give() {
        for (new, old, wanted, expected) in
            [(1, 2, 0.05, (11, 105)), (1, 1, 0.5, (100, 100)), (1, 9, 0.01, (9, 100)), (0, 3, 0.5, (0, 100)), (3, 0, 0.5, (100, 0))]
        {
            let given = weights(new, old, wanted);
            assert_eq!((given.new, given.old), expected, "{new} {old} {wanted} {given:?}");
        }
    }

    proptest! {
        #[test]
        fn weights_never_pass_the_wanted_share_by_more_than_rounding(new in 1_usize..20, old in 1_usize..20, percent in 1_u32..100) {
            let wanted = f64::from(percent) / 100.0;
            let given = weights(new, old, wanted);
            let smallest = new as f64 / (new as f64 + old as f64 * 256.0);
            prop_assert!(given.share <= wanted.max(smallest) + 1e-6, "{given:?}");
            prop_assert!(given.share > 0.0);
        }

        #[test]
        fn no_host_ever_gets_more_than_it_can_carry(
            hosts in 2_usize..30,
            spare in 1_usize..10,
            percent in 1_u32..=100,
            zones in prop::collection::btree_set(1_usize..30, 0..4),
        ) {
            let needed = hosts.saturating_sub(spare).max(1);
            let zone_ends: Vec<usize> = zones.into_iter().filter(|end| *end < hosts).chain([hosts]).collect();
            let fleet = Fleet { hosts, needed, weighted: true, zone_ends: &zone_ends };
            let share = Share::percent(percent);
            let to = hosts_for(share, needed).min(hosts);
            let first = fleet.batches(0, to, 0.0, if to == hosts { 1.0 } else { share.as_f64() }).unwrap();
            let stage_share = if to == hosts { 1.0 } else { share.as_f64() };
            let rest = fleet.batches(to, hosts, stage_share, 1.0).unwrap();
            let limit = 1.0 / needed as f64 + 1e-9;
            for (list, most) in [(first, stage_share), (rest, 1.0)] {
                for batch in list {
                    let out = batch.end - batch.begin;
                    prop_assert!(zone_ends.iter().all(|end| *end <= batch.begin || *end >= batch.end), "two zones {batch:?}");
                    for (new, old, share) in [
                        (batch.begin, hosts - out - batch.begin, batch.share_during),
                        (batch.end, hosts - batch.end, batch.share_after),
                    ] {
                        prop_assert!(share <= most + 1e-9);
                        prop_assert!(new + old >= needed);
                        prop_assert!(new > 0 || share == 0.0);
                        prop_assert!(old > 0 || share == 1.0);
                        if new > 0 { prop_assert!(share / new as f64 <= limit, "new {batch:?}"); }
                        if old > 0 { prop_assert!((1.0 - share) / old as f64 <= limit, "old {batch:?}"); }
                    }
                }
            }
        }
    }
}

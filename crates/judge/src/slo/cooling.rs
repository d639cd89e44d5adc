//! When a burn that holds changes back is low enough again, at the earliest.

use super::slices::{Counted, Method};
use crate::budget::TargetPpb;

/// Milliseconds until burn over the last `window_ms` milliseconds is `burn_max` at most, if nothing is bad from now on and as much goes on as did
/// in that window. None when it is so already; the whole window at the longest, for by then all that is bad now has left it. Absent where
/// nothing is known of the window.
///
/// Goes through the coming slices one by one: each is good and as large as the mean, while an old one leaves. It is a lower limit, not a forecast:
/// what is bad after now only makes it later.
pub fn cools_in_ms(counted: &Counted, target: TargetPpb, method: Method, window_ms: i64, burn_max: f64) -> Option<u64> {
    let counted = counted.by(method).ok()?;
    let (budget, end_ms) = (target.budget()?, counted.end_ms());
    let window_ms = window_ms.max(counted.slice_ms());
    let old = counted.within(end_ms.saturating_sub(window_ms), end_ms);
    let seen = old.iter().filter(|slice| slice.known).count();
    if seen == 0 {
        return None;
    }
    let (mut bad, mut total) = old.iter().filter(|slice| slice.known).fold((0.0, 0.0), |(bad, total), s| (bad + s.bad, total + s.total));
    let mean = total / seen as f64;
    let is_low = |bad: f64, total: f64| total <= 0.0 || bad <= burn_max * budget * total;
    if is_low(bad, total) {
        return Some(0);
    }
    for (ahead, leaves) in (1_u64..).zip(old) {
        if leaves.known {
            bad -= leaves.bad;
            total -= leaves.total;
        }
        total += mean;
        if is_low(bad, total) {
            return Some(ahead.saturating_mul(counted.slice_ms().unsigned_abs()));
        }
    }
    Some(window_ms.unsigned_abs())
}

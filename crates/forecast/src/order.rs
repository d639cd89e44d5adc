//! Headroom, and when more has to be ordered.

/// Least headroom of the policy, in parts of the capacity: below it, the loss of a third of the fleet is an outage.
pub const HEADROOM_MIN: f64 = 0.30;
/// Greatest headroom of the policy: above it, capacity is paid for and not used.
pub const HEADROOM_MAX: f64 = 0.50;

/// What a peak leaves of a capacity, against the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headroom {
    /// Nothing: the peak is more than can be carried.
    Exceeded,
    /// Less than [`HEADROOM_MIN`].
    Short,
    /// From [`HEADROOM_MIN`] to [`HEADROOM_MAX`], both included.
    Within,
    /// More than [`HEADROOM_MAX`].
    Ample,
}

impl Headroom {
    /// Its name in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exceeded => "exceeded",
            Self::Short => "short",
            Self::Within => "within",
            Self::Ample => "ample",
        }
    }

    /// The state of a share of headroom.
    pub fn of(share: f64) -> Self {
        match share {
            share if share < 0.0 => Self::Exceeded,
            share if share < HEADROOM_MIN => Self::Short,
            share if share <= HEADROOM_MAX => Self::Within,
            _ => Self::Ample,
        }
    }
}

/// The part of a capacity that a peak leaves; negative where it is more than can be carried. `None` without a capacity above nothing.
pub fn headroom(capacity: f64, peak: f64) -> Option<f64> {
    let share = 1.0 - peak / capacity;
    (capacity > 0.0 && share.is_finite()).then_some(share)
}

/// When more has to be ordered, so that the probability stays within the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Not before this time: the probability stays within the policy for as far as was forecast.
    NotBefore {
        /// In milliseconds since the epoch.
        at_ms: i64,
    },
    /// By this time at the latest.
    By {
        /// In milliseconds since the epoch.
        at_ms: i64,
        /// When the probability leaves the policy.
        crossed_ms: i64,
    },
    /// It is too late: what is ordered now arrives after the probability has left the policy.
    Late {
        /// When it should have been ordered, in milliseconds since the epoch.
        at_ms: i64,
        /// When the probability leaves the policy.
        crossed_ms: i64,
    },
}

/// From the probabilities by step, when to order. `at_ms(step)` is when a step is.
pub fn order(passed_by: &[f64], at_ms: impl Fn(usize) -> i64, probability_max: f64, lead_ms: i64, now_ms: i64) -> Order {
    match passed_by.iter().position(|probability| *probability > probability_max) {
        None => Order::NotBefore { at_ms: at_ms(passed_by.len()).saturating_sub(lead_ms).max(now_ms) },
        Some(step) => {
            let crossed_ms = at_ms(step);
            let at_ms = crossed_ms.saturating_sub(lead_ms);
            if at_ms < now_ms { Order::Late { at_ms, crossed_ms } } else { Order::By { at_ms, crossed_ms } }
        }
    }
}

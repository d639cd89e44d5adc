//! The faults of one flight with their times, and how fast evidence gathers meanwhile.

use crate::fault::Fault;
use crate::random::Random;
use glidepath_model::{ComponentName, Millis, Timestamp};

/// A stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Span {
    pub(crate) fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// What the faults of a flight come to.
#[derive(Debug, Default)]
pub(crate) struct Weather<'f> {
    /// When telemetry is dark.
    pub(crate) dark: Vec<Span>,
    /// When fewer requests arrive, and what is left of them.
    drops: Vec<(Span, f64)>,
    pub(crate) down: Vec<(Span, &'f ComponentName)>,
    pub(crate) node_lost: Vec<Timestamp>,
    pub(crate) late: Millis,
    /// The way back takes so many times as long.
    pub(crate) slow: f64,
}

impl<'f> Weather<'f> {
    /// Draws what has no time yet within `expected`.
    pub(crate) fn draw(faults: &'f [Fault], began: Timestamp, expected: Millis, random: &mut Random) -> Self {
        let mut weather = Self { slow: 1.0, ..Self::default() };
        let mut time = |given: &Option<Millis>| {
            // Drawn in any case, so that giving a time to one fault changes nothing else.
            let drawn = Millis(random.below(expected.0.max(1)));
            began.plus(given.unwrap_or(drawn))
        };
        let span = |from: Timestamp, length: &Millis| Span { from, to: from.plus(*length) };
        for fault in faults {
            match fault {
                Fault::StepFails { .. } => {}
                Fault::Dark { from_ms, length_ms } => weather.dark.push(span(time(from_ms), length_ms)),
                Fault::NodeLost { at_ms } => weather.node_lost.push(time(at_ms)),
                Fault::ApprovalLate { by_ms } => weather.late = weather.late.plus(*by_ms),
                Fault::DependencyDown { component, from_ms, length_ms } => weather.down.push((span(time(from_ms), length_ms), component)),
                Fault::TrafficDrop { factor, from_ms, length_ms } => weather.drops.push((span(time(from_ms), length_ms), *factor)),
                Fault::SlowRollback { factor } => weather.slow *= factor.max(1.0),
            }
        }
        weather
    }

    pub(crate) fn is_dark(&self, at: Timestamp) -> bool {
        self.dark.iter().any(|span| span.holds(at))
    }

    /// What is left of the traffic.
    fn traffic_at(&self, at: Timestamp) -> f64 {
        self.drops.iter().filter(|(span, _)| span.holds(at)).map(|(_, left)| *left).product()
    }

    /// Seconds of usual traffic that pass between two times.
    pub(crate) fn traffic_between(&self, from: Timestamp, to: Timestamp) -> f64 {
        let mut passed = 0.0;
        let mut at = from;
        while at < to {
            let until = self.next_edge(at).map_or(to, |edge| edge.min(to));
            passed += self.traffic_at(at) * until.since(at).as_secs_f64();
            at = until;
        }
        passed
    }

    /// When so much evidence has gathered that was to gather in `needed` of usual traffic; never in the dark, and not at all once the weather stays bad
    /// beyond `patience`.
    pub(crate) fn gathered(&self, from: Timestamp, needed: Millis, counts: bool, patience: Timestamp) -> Option<Timestamp> {
        let mut left = needed.0 as f64;
        let mut at = from;
        loop {
            let speed = if self.is_dark(at) {
                0.0
            } else if counts {
                self.traffic_at(at)
            } else {
                1.0
            };
            let edge = self.next_edge(at);
            let ready = (speed > 0.0).then(|| at.plus(Millis(libm::ceil(left / speed) as u64)));
            match (ready, edge) {
                (Some(ready), None) => return Some(ready),
                (Some(ready), Some(edge)) if ready <= edge => return Some(ready),
                (_, Some(edge)) if edge <= patience => {
                    left -= speed * edge.since(at).0 as f64;
                    at = edge;
                }
                (_, Some(_) | None) => return None,
            }
        }
    }

    fn next_edge(&self, after: Timestamp) -> Option<Timestamp> {
        let spans = self.dark.iter().copied().chain(self.drops.iter().map(|(span, _)| *span));
        spans.flat_map(|span| [span.from, span.to]).filter(|edge| *edge > after).min()
    }
}

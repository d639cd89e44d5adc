//! The load by hour of the week.

use crate::history::History;

/// Hours of a week.
pub const HOURS: usize = 168;

/// The load of one hour of the week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hour {
    /// Mean of the weeks.
    pub mean: f64,
    /// Greatest of the weeks.
    pub greatest: f64,
    /// Samples it rests on; without any, nothing is known of the hour.
    pub samples: u32,
}

/// Hours in a row with little load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quiet {
    /// First hour of the week, 0 to 167.
    pub from: usize,
    /// Hours; it may go over the end of the week.
    pub hours: usize,
    /// Greatest load of them, in parts of the greatest hour of the week.
    pub share: f64,
}

/// The load by hour of the week. `hour_of` says which hour (0 is the first of Monday) a time is in; in which zone is the caller's to know. Times
/// for which it answers anything above 167 are left out.
pub fn by_hour(history: &History, hour_of: impl Fn(i64) -> usize) -> Vec<Hour> {
    let mut hours = vec![Hour::default(); HOURS];
    for (step, value) in history.values().iter().enumerate().filter(|(step, _)| history.seen()[*step]) {
        if let Some(hour) = hours.get_mut(hour_of(history.at_ms(step))) {
            hour.mean += value;
            hour.greatest = hour.greatest.max(*value);
            hour.samples += 1;
        }
    }
    for hour in &mut hours {
        hour.mean /= f64::from(hour.samples.max(1));
    }
    hours
}

/// The spans of `length` hours with the least load, the quietest first, none over another. None while an hour of the week is not known.
pub fn quiet(hours: &[Hour], length: usize, count: usize) -> Vec<Quiet> {
    let greatest = hours.iter().map(|hour| hour.mean).fold(0.0, f64::max);
    if hours.len() != HOURS || length == 0 || length > HOURS || greatest <= 0.0 || hours.iter().any(|hour| hour.samples == 0) {
        return Vec::new();
    }
    let load = |from: usize| (0..length).map(|hour| hours[(from + hour) % HOURS].mean).fold(0.0, f64::max);
    let mut spans: Vec<Quiet> = (0..HOURS).map(|from| Quiet { from, hours: length, share: load(from) / greatest }).collect();
    spans.sort_by(|a, b| a.share.total_cmp(&b.share).then(a.from.cmp(&b.from)));
    let mut taken = [false; HOURS];
    let mut chosen = Vec::new();
    for span in spans {
        let places: Vec<usize> = (0..length).map(|hour| (span.from + hour) % HOURS).collect();
        if chosen.len() < count && places.iter().all(|place| !taken[*place]) {
            places.iter().for_each(|place| taken[*place] = true);
            chosen.push(span);
        }
    }
    chosen
}

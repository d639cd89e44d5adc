//! Noise of values and of counts, drawn from a seed.

use glidepath_judge::Counts;
use glidepath_judge::random::Random;

/// Looks of a day of minutes.
const DAY: usize = 1440;
/// The usual value of a metric.
const LEVEL: f64 = 200.0;

/// How the deviations of a side are distributed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tails {
    /// 1 plus a normal deviation.
    Normal,
    /// The exponential of a normal deviation.
    Lognormal,
    /// The exponential of Student's t with three degrees of freedom, scaled to the same deviation.
    Heavy,
}

/// What moves one value of a side; both sides have the same of it, each for itself.
#[derive(Clone, Copy)]
pub(crate) struct Noise {
    pub(crate) tails: Tails,
    /// Deviation of a side with half of the traffic, relative to its level.
    pub(crate) per_side: f64,
    /// Correlation with the look before.
    pub(crate) rho: f64,
    /// How far the hour of the day moves both sides, relative to their level.
    pub(crate) day: f64,
    /// How much louder the noise is at the loudest hour of the day.
    pub(crate) louder: f64,
    /// Probability per look and side that a burst of 1 to 10 looks begins, in which values are twice as high.
    pub(crate) bursts: f64,
    /// Probability per look that a gap of 1 to 5 looks begins, in which one side has no values.
    pub(crate) gaps: f64,
    /// Probability per look and side of a restart: one look without a value, then twice the value, half as far off with each look.
    pub(crate) restarts: f64,
    /// Share of the traffic on the canary; the deviation of a side goes with the root of its share.
    pub(crate) share: f64,
    /// The share of the smaller side in the history; differs from `share` only to show what that does.
    pub(crate) history_share: f64,
    /// Lasting deviation of single hosts, ten on each side.
    pub(crate) hosts: f64,
    pub(crate) metrics: usize,
    /// Points of history.
    pub(crate) history: usize,
}

pub(crate) const USUAL: Noise = Noise {
    tails: Tails::Normal,
    per_side: 0.1,
    rho: 0.0,
    day: 0.0,
    louder: 0.0,
    bursts: 0.0,
    gaps: 0.0,
    restarts: 0.0,
    share: 0.5,
    history_share: 0.5,
    hosts: 0.0,
    metrics: 1,
    history: DAY,
};

/// Correlation of what is new in the metrics of one side.
const SHARED: f64 = 0.5;
/// Hosts of a side.
const HOSTS: usize = 10;
/// Pairs of halves in the history where hosts differ.
const PAIRS: usize = 12;

/// Values of one metric in one look.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) canary: Option<f64>,
    pub(crate) baseline: Option<f64>,
}

/// The old side's hosts: lasting deviations, metric by metric.
pub(crate) struct Fleet(Vec<Vec<f64>>);

/// What a side remembers from look to look.
#[derive(Clone, Default)]
struct Side {
    levels: Vec<f64>,
    offsets: Vec<f64>,
    burst: u32,
    absent: u32,
    cold: f64,
}

impl Noise {
    pub(crate) fn fleet(&self, random: &mut Random) -> Fleet {
        let hosts = |random: &mut Random| (0..2 * HOSTS).map(|_| self.hosts * random.normal()).collect();
        Fleet((0..self.metrics).map(|_| hosts(random)).collect())
    }

    /// Windows of pairs of halves of the old side, at the same hour.
    pub(crate) fn history(&self, fleet: &Fleet, random: &mut Random) -> Vec<Vec<Vec<Pair>>> {
        let windows = if self.hosts > 0.0 { PAIRS } else { 1 };
        let share = self.history_share;
        let window = |index: usize, random: &mut Random| {
            let halves = halves(fleet, random);
            let length = self.history / windows;
            self.draw(length, index * length, share, halves, |_, _| 1.0, random)
        };
        (0..windows).map(|index| window(index, random)).collect()
    }

    /// A watch: the canary on new hosts against half of the old ones.
    pub(crate) fn watch(&self, fleet: &Fleet, looks: usize, effect: impl Fn(usize, usize) -> f64, random: &mut Random) -> Vec<Vec<Pair>> {
        let canary = self.fleet(random).0.iter().map(|hosts| mean(hosts.iter().take(HOSTS))).collect();
        let baseline = fleet.0.iter().map(|hosts| mean(hosts.iter().take(HOSTS))).collect();
        let hour = (random.uniform() * DAY as f64) as usize;
        self.draw(looks, hour, self.share, [canary, baseline], effect, random)
    }

    fn draw(
        &self,
        looks: usize,
        hour: usize,
        share: f64,
        offsets: [Vec<f64>; 2],
        effect: impl Fn(usize, usize) -> f64,
        random: &mut Random,
    ) -> Vec<Vec<Pair>> {
        let shares = [share, 1.0 - share];
        let mut sides = offsets.map(|offsets| Side { levels: vec![0.0; self.metrics], offsets, ..Side::default() });
        let mut drawn = vec![Vec::with_capacity(looks); self.metrics];
        for look in 0..looks {
            let angle = std::f64::consts::TAU * (hour + look) as f64 / DAY as f64;
            let load = (1.0 + self.day * angle.sin(), 1.0 + self.louder * angle.sin());
            if random.uniform() < self.gaps {
                let side = usize::from(random.uniform() < 0.5);
                sides[side].absent = sides[side].absent.max(1 + random.below(5) as u32);
            }
            let [canary, baseline] = [0, 1].map(|index| self.side(&mut sides[index], look, shares[index], load, random));
            for (metric, series) in drawn.iter_mut().enumerate() {
                series.push(Pair { canary: canary[metric].map(|value| value * effect(metric, look)), baseline: baseline[metric] });
            }
        }
        drawn
    }

    /// Values of one look of one side, metric by metric.
    fn side(&self, side: &mut Side, look: usize, share: f64, load: (f64, f64), random: &mut Random) -> Vec<Option<f64>> {
        let sd = self.per_side * (0.5 / share).sqrt() * load.1;
        if random.uniform() < self.bursts {
            side.burst = 1 + random.below(10) as u32;
        }
        if random.uniform() < self.restarts {
            (side.absent, side.cold) = (side.absent.max(1), 1.0);
        }
        let disturbed = (if side.burst > 0 { 2.0 } else { 1.0 }) * (1.0 + side.cold);
        let is_absent = side.absent > 0;
        side.burst = side.burst.saturating_sub(1);
        side.absent = side.absent.saturating_sub(1);
        if !is_absent {
            side.cold *= 0.5;
        }
        let common = self.news(random);
        let mut values = Vec::with_capacity(self.metrics);
        for (level, offset) in side.levels.iter_mut().zip(&side.offsets) {
            let own = self.news(random);
            let news = if self.metrics == 1 { own } else { SHARED.sqrt() * common + (1.0 - SHARED).sqrt() * own };
            *level = if look == 0 { news } else { self.rho * *level + (1.0 - self.rho * self.rho).sqrt() * news };
            let factor = if self.tails == Tails::Normal { (1.0 + sd * *level).max(0.01) } else { (sd * *level).exp() };
            values.push((!is_absent).then_some(LEVEL * load.0 * disturbed * factor * offset.exp()));
        }
        values
    }

    fn news(&self, random: &mut Random) -> f64 {
        if self.tails != Tails::Heavy {
            return random.normal();
        }
        let squares: f64 = (0..3).map(|_| random.normal()).map(|z| z * z).sum();
        // Student's t with three degrees of freedom has the variance 3.
        random.normal() / squares.sqrt()
    }
}

fn mean<'a>(values: impl ExactSizeIterator<Item = &'a f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// The means of two random halves of the hosts.
fn halves(fleet: &Fleet, random: &mut Random) -> [Vec<f64>; 2] {
    let mut order: Vec<usize> = (0..2 * HOSTS).collect();
    for index in (1..order.len()).rev() {
        order.swap(index, random.below(index + 1));
    }
    let half = |places: &[usize]| {
        let of = |hosts: &Vec<f64>| places.iter().map(|place| hosts[*place]).sum::<f64>() / HOSTS as f64;
        fleet.0.iter().map(of).collect()
    };
    [half(&order[..HOSTS]), half(&order[HOSTS..])]
}

/// Requests of two sides, and the bad ones among them.
#[derive(Clone, Copy)]
pub(crate) struct Requests {
    /// Of both sides together, in one look.
    pub(crate) per_look: f64,
    pub(crate) share: f64,
    /// Bad share of the baseline.
    pub(crate) bad: f64,
    /// Variance of a gamma multiplier of each side and look.
    pub(crate) variation: f64,
    /// How far the hour moves the traffic and the bad share of both sides.
    pub(crate) day: f64,
    /// Probability per look that nothing is read.
    pub(crate) gaps: f64,
    /// Probability per look and side that counters begin again at 0.
    pub(crate) restarts: f64,
    /// Lasting deviation of the bad share of single hosts, ten on each side.
    pub(crate) hosts: f64,
    pub(crate) metrics: usize,
    /// Looks of history from which the dispersion is learnt; 0 for none.
    pub(crate) history: usize,
}

pub(crate) const INDEPENDENT: Requests = Requests {
    per_look: 40.0,
    share: 0.5,
    bad: 0.01,
    variation: 0.0,
    day: 0.0,
    gaps: 0.0,
    restarts: 0.0,
    hosts: 0.0,
    metrics: 1,
    history: 1200,
};

impl Requests {
    /// Increments of both sides for one metric, look by look; `effect` is by look.
    pub(crate) fn increments(&self, looks: usize, share: f64, effect: impl Fn(usize) -> f64, random: &mut Random) -> Vec<Counts> {
        let hour = random.uniform() * DAY as f64 * 60.0;
        let mut host = || (0..HOSTS).map(|_| (self.hosts * random.normal()).exp()).sum::<f64>() / HOSTS as f64;
        let hosts = [host(), host()];
        let mut look = |look: usize| {
            let angle = std::f64::consts::TAU * (hour + look as f64) / (DAY as f64 * 60.0);
            let mut side = |share: f64, factor: f64| {
                // Traffic moves by up to a fifth from look to look, on each side for itself.
                let total = self.per_look * share * (1.0 + self.day * angle.sin()) * (0.8 + 0.4 * random.uniform());
                let bad = random.burst(total * self.bad * (1.0 + self.day * angle.sin()) * factor, self.variation);
                (bad, bad.max(total))
            };
            let (canary_bad, canary_total) = side(share, hosts[0] * effect(look));
            let (baseline_bad, baseline_total) = side(1.0 - share, hosts[1]);
            Counts { canary_bad, canary_total, baseline_bad, baseline_total }
        };
        (0..looks).map(&mut look).collect()
    }

    /// What a reader of counters sees of increments: sums since the start or the last restart, or nothing.
    pub(crate) fn counters(&self, increments: &[Counts], random: &mut Random) -> Vec<Option<Counts>> {
        let mut now = Counts::default();
        let mut look = |step: &Counts| {
            if random.uniform() < self.restarts {
                (now.canary_bad, now.canary_total) = (0.0, 0.0);
            }
            if random.uniform() < self.restarts {
                (now.baseline_bad, now.baseline_total) = (0.0, 0.0);
            }
            now.canary_bad += step.canary_bad;
            now.canary_total += step.canary_total;
            now.baseline_bad += step.baseline_bad;
            now.baseline_total += step.baseline_total;
            (random.uniform() >= self.gaps).then_some(now)
        };
        increments.iter().map(&mut look).collect()
    }
}

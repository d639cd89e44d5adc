//! How the judges see: watches of versions that are as good, and worse, against the limits. Drawn by the judges themselves, from random numbers of a fixed
//! seed, so that the pages which explain them show what they do.

use super::{WIDTH, label, line, number, picture};
use glidepath_judge::boundary::Calibration;
use glidepath_judge::group::{Direction, GroupConfig, GroupState, Values};
use glidepath_judge::noise::{Scale, learn};
use glidepath_judge::random::Random;
use glidepath_judge::{Counts, SequentialConfig, SequentialState, VerdictKind};
use maud::{Markup, html};

const HEIGHT: f64 = 330.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 268.0;
/// Left and right ends of the two charts.
const CHARTS: [(f64, f64); 2] = [(64.0, 444.0), (548.0, 928.0)];
/// Where the random numbers begin.
const SEED: u64 = 1;
/// Colours of the three watches, and their fainter areas.
const COLOURS: [&str; 3] = ["var(--green,#009e73)", "var(--orange,#e69f00)", "var(--red,#d55e00)"];
/// Ratios between which intervals are drawn.
const RATIOS: (f64, f64) = (0.5, 8.0);

/// One look at one watch.
struct Look {
    /// What speaks for a regression, in the unit of the first chart; absent where the verdict tells of something else.
    evidence: Option<f64>,
    low: f64,
    high: f64,
    kind: VerdictKind,
}

/// A watch, up to the look that decided it.
struct Watch {
    ratio: f64,
    looks: Vec<Look>,
}

/// What the picture is about.
struct Page {
    id: &'static str,
    title: &'static str,
    /// Titles of the two charts.
    charts: [&'static str; 2],
    /// Name of the axis of time; a look is one unit of it.
    time: &'static str,
    /// What a worse version is more of: `bad`.
    worse: &'static str,
    looks: u32,
    ticks: &'static [u32],
    /// Values and names of the lines of the first chart, from its foot to its top; values lie between them in equal distances.
    lines: &'static [(f64, &'static str)],
    /// The limit of the first chart, at each look.
    limit: Vec<f64>,
    limit_name: &'static str,
    margin: f64,
}

/// Counts: one request in fifty is bad on the old side, forty requests a second reach each side, and each second is a look.
pub fn counts_picture() -> Option<String> {
    const LOOKS: u32 = 180;
    const RATE: f64 = 40.0;
    const BAD: f64 = 0.02;
    let config = SequentialConfig::default();
    let watch = |(at, ratio): (usize, f64)| {
        let mut random = Random::new(SEED + at as u64);
        let mut state = SequentialState::new(config.clone()).ok()?;
        let look = |second| {
            let mut bad = |share: f64| random.poisson(RATE * share).min(RATE);
            let counts = Counts { canary_bad: bad(BAD * ratio), canary_total: RATE, baseline_bad: bad(BAD), baseline_total: RATE };
            let verdict = state.look(Some(counts), u64::from(second) * 1000);
            let interval = verdict.interval;
            Look {
                evidence: verdict.e_value.filter(|_| verdict.kind != VerdictKind::NoRegression).map(f64::log10),
                low: interval.map_or(0.0, |interval| interval.low),
                high: interval.and_then(|interval| interval.high).unwrap_or(f64::INFINITY),
                kind: verdict.kind,
            }
        };
        Some(Watch::new(ratio, (1..=LOOKS).map(look)))
    };
    let watches = [1.0, 2.0, 5.0].into_iter().enumerate().map(watch).collect::<Option<Vec<_>>>()?;
    let page = Page {
        id: "counts",
        title: "Counts: three watches, looked at every second",
        charts: ["evidence for a regression: what a bettor has made of 1", "95 % interval of the ratio of bad shares"],
        time: "seconds",
        worse: "bad",
        looks: LOOKS,
        ticks: &[0, 30, 60, 90, 120, 150, 180],
        lines: &[(-2.0, "1/100"), (-1.0, "1/10"), (0.0, "1"), (1.0, "10"), (2.0, "100"), (3.0, "1000"), (4.0, "10000")],
        limit: vec![config.regression_threshold().log10(); LOOKS as usize],
        limit_name: "100: taken back",
        margin: config.margin,
    };
    Some(draw(&page, &watches))
}

/// Values: a figure a minute on each side with a tenth of noise, of which six tenths are left at the next look; limits from a day of it.
pub fn values_picture() -> Option<String> {
    const LOOKS: u32 = 60;
    const HISTORY: usize = 1440;
    const ERROR: f64 = 0.01;
    let history = sides(Random::new(SEED), HISTORY).map(|[one, other]| Scale::Ratio.difference(one, other)).collect();
    let learnt = learn(&[history]).ok()?;
    let boundary = Calibration::new(&[(&learnt, Direction::Increase)], LOOKS, SEED).ok()?.boundaries(ERROR).ok()?.into_iter().next()?;
    let config = GroupConfig {
        subject: "p99 latency".to_owned(),
        scale: Scale::Ratio,
        direction: Direction::Increase,
        margin: 1.5,
        noise: *learnt.model(),
        boundary,
    };
    let looks = |ratio: f64, seed: u64| {
        let mut state = GroupState::default();
        let values = sides(Random::new(seed), LOOKS as usize).zip(1..);
        let looks = values
            .map(|([canary, baseline], minute)| state.look(&config, Some(Values { canary: ratio * canary, baseline }), minute * 60_000));
        looks.collect::<Vec<_>>()
    };
    let watch = |(at, ratio): (usize, f64)| {
        let looks = looks(ratio, SEED + 1 + at as u64).into_iter().map(|verdict| Look {
            evidence: verdict.statistic,
            low: verdict.interval.map_or(0.0, |interval| interval.low),
            high: verdict.interval.map_or(f64::INFINITY, |interval| interval.high),
            kind: verdict.kind,
        });
        Watch::new(ratio, looks)
    };
    let page = Page {
        id: "values",
        title: "Values: three watches, looked at every minute",
        charts: ["distance in standard errors, and how far noise strays", "95 % interval of the ratio of latencies"],
        time: "minutes",
        worse: "slow",
        looks: LOOKS,
        ticks: &[0, 10, 20, 30, 40, 50, 60],
        lines: &[(-2.0, "-2"), (0.0, "0"), (2.0, "2"), (4.0, "4"), (6.0, "6"), (8.0, "8")],
        limit: looks(1.0, SEED).into_iter().filter_map(|verdict| verdict.critical).collect(),
        limit_name: "taken back",
        margin: config.margin,
    };
    Some(draw(&page, &[1.0, 1.25, 1.5].into_iter().enumerate().map(watch).collect::<Vec<_>>()))
}

/// Two sides of one version, look after look.
fn sides(mut random: Random, looks: usize) -> impl Iterator<Item = [f64; 2]> {
    const NOISE: f64 = 0.1;
    const CARRIED: f64 = 0.6;
    let mut state = [random.normal(), random.normal()];
    (0..looks).map(move |_| {
        state = state.map(|value| CARRIED * value + (1.0 - CARRIED * CARRIED).sqrt() * random.normal());
        state.map(|value| (NOISE * value).exp())
    })
}

impl Watch {
    /// Looks up to the one that decides.
    fn new(ratio: f64, looks: impl Iterator<Item = Look>) -> Self {
        let mut taken = Vec::new();
        for look in looks {
            let is_decided = look.kind != VerdictKind::Undecided;
            taken.push(look);
            if is_decided {
                break;
            }
        }
        Self { ratio, looks: taken }
    }

    fn words(&self, page: &Page) -> String {
        let Page { time, worse, .. } = page;
        let version = if self.ratio == 1.0 { "no worse".to_owned() } else { format!("{}x as {worse}", self.ratio) };
        let looks = self.looks.len();
        match self.looks.last().map(|look| look.kind) {
            Some(VerdictKind::Regression) => format!("{version}: taken back after {looks} {time}"),
            Some(VerdictKind::NoRegression) => format!("{version}: passed after {looks} {time}"),
            _ => format!("{version}: undecided after {looks} {time}"),
        }
    }
}

fn draw(page: &Page, watches: &[Watch]) -> String {
    let words: Vec<String> = watches.iter().map(|watch| watch.words(page)).collect();
    let description = format!("Left: {}. Right: {}. {}.", page.charts[0], page.charts[1], words.join("; "));
    let shapes = html! {
        rect width=(number(WIDTH)) height=(number(HEIGHT)) fill="var(--paper,#fff)" {}
        @for (at, told) in words.iter().enumerate() {
            @let left = 14.0 + 310.0 * at as f64;
            circle cx=(number(left + 4.0)) cy="14" r="5" fill=(COLOURS[at % COLOURS.len()]) {}
            (label("", "start", left + 15.0, 18.0, told))
        }
        @for (chart, title) in CHARTS.iter().zip(page.charts) {
            (label("strong", "start", chart.0 - 50.0, TOP - 16.0, title))
            (time(page, *chart))
        }
        (evidence(page, watches))
        (intervals(page, watches))
    };
    picture(page.id, HEIGHT, page.title, &description, &shapes)
}

/// The axis of time under a chart.
fn time(page: &Page, chart: (f64, f64)) -> Markup {
    html! {
        (line("axis", chart.0, BOTTOM, chart.1, BOTTOM))
        @for tick in page.ticks {
            @let x = page.x(chart, *tick);
            (line("axis", x, BOTTOM, x, BOTTOM + 4.0))
            (label("small dim", "middle", x, BOTTOM + 18.0, &tick.to_string()))
        }
        (label("small dim", "middle", (chart.0 + chart.1) / 2.0, BOTTOM + 38.0, &format!("{} of watch", page.time)))
    }
}

/// What speaks for a regression, against the limit.
fn evidence(page: &Page, watches: &[Watch]) -> Markup {
    let chart = CHARTS[0];
    let (least, most) = (page.lines.first().map_or(0.0, |line| line.0), page.lines.last().map_or(1.0, |line| line.0));
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * ((value - least) / (most - least)).clamp(0.0, 1.0);
    let limit: Vec<_> = page.limit.iter().zip(1..).map(|(value, look)| (page.x(chart, look), y(*value))).collect();
    html! {
        @for (value, name) in page.lines {
            (line("grid", chart.0, y(*value), chart.1, y(*value)))
            (label("small dim", "end", chart.0 - 8.0, y(*value) + 4.0, name))
        }
        path d=(path(&limit)) fill="none" stroke="var(--ink,#17202b)" stroke-width="1.6" stroke-dasharray="6 4" {}
        @if let Some((x, y)) = limit.last() { (label("small", "end", *x, y - 7.0, page.limit_name)) }
        @for (watch, colour) in watches.iter().zip(COLOURS) {
            @let points: Vec<_> = watch.looks.iter().zip(1..).filter_map(|(look, at)| Some((page.x(chart, at), y(look.evidence?)))).collect();
            path d=(path(&points)) fill="none" stroke=(colour) stroke-width="1.8" {}
            @if let Some((x, y)) = points.last() { circle cx=(number(*x)) cy=(number(*y)) r="4" fill=(colour) {} }
        }
    }
}

/// What is known of the ratio, against the margin.
fn intervals(page: &Page, watches: &[Watch]) -> Markup {
    let chart = CHARTS[1];
    let (least, most) = (RATIOS.0.ln(), RATIOS.1.ln());
    let y = |ratio: f64| BOTTOM - (BOTTOM - TOP) * ((ratio.ln() - least) / (most - least)).clamp(0.0, 1.0);
    html! {
        @for ratio in [0.5, 1.0, 2.0, 4.0, 8.0] {
            (line(if ratio == 1.0 { "axis" } else { "grid" }, chart.0, y(ratio), chart.1, y(ratio)))
            (label("small dim", "end", chart.0 - 8.0, y(ratio) + 4.0, &format!("{ratio}x")))
        }
        @for (watch, colour) in watches.iter().zip(COLOURS) {
            @let x = |at: usize| page.x(chart, at as u32 + 1);
            @let upper: Vec<_> = watch.looks.iter().enumerate().map(|(at, look)| (x(at), y(look.high))).collect();
            @let lower: Vec<_> = watch.looks.iter().enumerate().map(|(at, look)| (x(at), y(look.low))).collect();
            @let around: Vec<_> = upper.iter().chain(lower.iter().rev()).copied().collect();
            path d=(path(&around)) fill=(colour) fill-opacity="0.16" stroke="none" {}
            @for edge in [&upper, &lower] { path d=(path(edge)) fill="none" stroke=(colour) stroke-width="1.6" {} }
            @if let (Some((x, high)), Some((_, low))) = (upper.last(), lower.last()) {
                path d=(path(&[(*x, *high), (*x, *low)])) fill="none" stroke=(colour) stroke-width="3" {}
            }
        }
        path d=(path(&[(chart.0, y(page.margin)), (chart.1, y(page.margin))])) fill="none" stroke="var(--ink,#17202b)" stroke-width="1.6" stroke-dasharray="6 4" {}
        (label("small", "end", chart.1, y(page.margin) - 7.0, &format!("margin {}x: passes when the interval ends below", page.margin)))
    }
}

impl Page {
    fn x(&self, chart: (f64, f64), look: u32) -> f64 {
        chart.0 + (chart.1 - chart.0) * f64::from(look) / f64::from(self.looks)
    }
}

/// A line through points.
fn path(points: &[(f64, f64)]) -> String {
    let part = |(at, (x, y)): (usize, &(f64, f64))| format!("{}{} {}", if at == 0 { "M" } else { "L" }, number(*x), number(*y));
    points.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::{counts_picture, values_picture};

    #[test]
    fn each_picture_shows_a_version_that_passes_and_one_that_is_taken_back() {
        for picture in [counts_picture(), values_picture()].map(|picture| picture.expect("these judges have what they need")) {
            assert!(picture.contains("no worse: passed after"));
            assert!(picture.contains("5x as bad: taken back after") || picture.contains("1.5x as slow: taken back after"));
            assert!(!picture.contains("NaN") && !picture.contains("inf\""));
        }
    }
}

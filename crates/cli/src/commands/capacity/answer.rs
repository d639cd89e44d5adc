//! What is told of the capacity of one place: a target in a region.

use crate::args::CapacityArgs;
use glidepath_forecast::history::{common_step_ms, greatest_per_step};
use glidepath_forecast::hours::{HOURS, Quiet, by_hour, quiet};
use glidepath_forecast::order::{HEADROOM_MIN, Headroom, Order, headroom, order};
use glidepath_forecast::peak::{Event, Outlook, Peak};
use glidepath_forecast::{Forecast, History, HistoryProblem, Model, Point, forecast};
use glidepath_model::{Code, Diagnostic, Millis, Timestamp};
use serde::Serialize;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
/// Where paths of the future begin: the same load gives the same answer.
const SEED: u64 = 1;
/// Quiet hours in a row that are looked for, and how many spans of them are told.
const QUIET_HOURS: usize = 4;
const QUIET_SPANS: usize = 3;
/// Days of peaks that are drawn before the present, and after it.
const DRAWN_DAYS: usize = 14;
/// A load that is older than this is told to be old.
const AGE_MAX_MS: i64 = 2 * HOUR_MS;

/// What to do where there is no load, where its samples are no history, and where they cannot be carried on.
const NO_LOAD: &str =
    "declare `traffic: { query: ... }` on the target and a Prometheus under `telemetry`, or give the load with `--history FILE`";
const BAD_SAMPLES: &str =
    "look at the samples of that time: the query in `traffic` must give the requests per second, one value for each step, or the file must";
const NO_FORECAST: &str = "give a longer history with `--back DAYS`, or one from elsewhere with `--history FILE`; where the value is wrong, look at the query in `traffic`";

/// A target in a region, as it is declared.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) target: String,
    pub(super) component: String,
    pub(super) region: String,
    pub(super) hosts: usize,
    /// Requests per second that one host carries, as declared.
    pub(super) per_host: Option<f64>,
}

/// Everything that is told, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) target: String,
    pub(super) component: String,
    pub(super) region: String,
    pub(super) hosts: usize,
    /// Requests per second that are carried; nothing where it is not declared.
    pub(super) capacity: Option<f64>,
    /// Load that is not to be passed.
    pub(super) limit: Option<f64>,
    /// As of when, the end of the history that was used.
    pub(super) at: Option<Timestamp>,
    /// Why nothing is known of the load to come.
    pub(super) unknown: Option<String>,
    pub(super) now: Option<Now>,
    pub(super) ahead: Option<Ahead>,
    pub(super) order: Option<OrderAnswer>,
    pub(super) quiet: Vec<QuietAnswer>,
    pub(super) model: Option<ModelAnswer>,
    pub(super) history: Option<HistoryAnswer>,
    /// Greatest load of each day, the last of the past and the first to come.
    pub(super) peaks: Peaks,
    pub(super) notes: Vec<String>,
    /// What is wrong, for people.
    #[serde(skip)]
    pub(super) findings: Vec<Diagnostic>,
}

/// The greatest load of the last week.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Now {
    pub(super) peak: f64,
    pub(super) headroom: Option<f64>,
    pub(super) state: Option<&'static str>,
}

/// The greatest load to come.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ahead {
    /// Until when the model was tested.
    pub(super) until: Timestamp,
    /// The median peak, and between what it is with 80 %.
    pub(super) peak: f64,
    pub(super) peak_low: f64,
    pub(super) peak_high: f64,
    pub(super) headroom: Option<f64>,
    /// Headroom at the upper end of the peak.
    pub(super) headroom_low: Option<f64>,
    pub(super) state: Option<&'static str>,
    /// Probability that the limit is passed.
    pub(super) passes_limit: Option<f64>,
    /// Probability that the capacity is passed.
    pub(super) passes_capacity: Option<f64>,
    /// Smaller probabilities are not known from this history.
    pub(super) probability_floor: f64,
    /// Probability that the limit is passed by the end of each day.
    pub(super) by_day: Vec<ByDay>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByDay {
    pub(super) at: Timestamp,
    pub(super) passes_limit: f64,
}

/// When more has to be ordered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderAnswer {
    /// `notBefore`, `by` or `late`.
    pub(super) when: &'static str,
    pub(super) at: Timestamp,
    /// When the probability leaves the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) crossed_at: Option<Timestamp>,
}

/// Hours with little load.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QuietAnswer {
    /// Day of the week on which they begin.
    pub(super) day: &'static str,
    /// Hour of that day.
    pub(super) from: usize,
    pub(super) hours: usize,
    /// Load in parts of the greatest hour of the week.
    pub(super) share: f64,
}

/// The model that was chosen, and how all of them did.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelAnswer {
    pub(super) chosen: &'static str,
    pub(super) origins: usize,
    /// How many of them see different days.
    pub(super) origins_apart: usize,
    /// Seasons in steps.
    pub(super) seasons: Vec<usize>,
    pub(super) contestants: Vec<ContestantAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContestantAnswer {
    pub(super) model: &'static str,
    pub(super) mase: f64,
    pub(super) smape: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryAnswer {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) step_ms: Millis,
    pub(super) steps: usize,
    /// Steps without a sample, which were filled.
    pub(super) filled: usize,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Peaks {
    pub(super) past: Vec<f64>,
    pub(super) ahead: Vec<f64>,
}

/// A history and the seasons of its steps.
struct Course {
    history: History,
    seasons: Vec<usize>,
}

impl Answer {
    /// What is told of a place, from its load up to `at`, or to its end; the error is why there is none.
    pub(super) fn of(place: &Place, load: Result<Vec<Point>, String>, at: Option<Timestamp>, args: &CapacityArgs) -> Self {
        let capacity = place.per_host.map(|per_host| per_host * place.hosts as f64).filter(|capacity| *capacity > 0.0);
        let mut answer = Self {
            target: place.target.clone(),
            component: place.component.clone(),
            region: place.region.clone(),
            hosts: place.hosts,
            capacity,
            limit: args.limit.or_else(|| capacity.map(|capacity| capacity * (1.0 - HEADROOM_MIN))),
            at: None,
            unknown: None,
            now: None,
            ahead: None,
            order: None,
            quiet: Vec::new(),
            model: None,
            history: None,
            peaks: Peaks::default(),
            notes: Vec::new(),
            findings: Vec::new(),
        };
        if capacity.is_none() {
            answer.findings.push(
                Diagnostic::warning(Code(705), format!("nothing is known of the capacity of {}", answer.name()))
                    .because("without it there is no headroom to tell, and no limit but a stated one")
                    .hint("declare `capacity: { replica: 320 requests/s }` on the target, and its hosts; or give `--limit`"),
            );
        }
        let points = match load {
            Ok(points) => points,
            Err(why) => {
                answer.unknown(704, why, NO_LOAD);
                return answer;
            }
        };
        match answer.learn(&points, at, args) {
            Ok(course) => answer.carry_on(&course, args),
            Err(why) => answer.unknown(699, why, BAD_SAMPLES),
        }
        answer
    }

    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.target, self.region)
    }

    fn unknown(&mut self, code: u16, why: String, hint: &str) {
        let of = if code == 704 { "the load" } else { "the load to come" };
        self.findings.push(
            Diagnostic::error(Code(code), format!("nothing is known of {of} of {}: {why}", self.name()))
                .because("a load that nobody knows is not taken for a small one")
                .hint(hint),
        );
        self.unknown = Some(why);
    }

    /// The history on its steps: hours, of which the greatest sample counts, unless the samples lie farther apart.
    fn learn(&mut self, points: &[Point], at: Option<Timestamp>, args: &CapacityArgs) -> Result<Course, String> {
        let at_ms = at.map(|at| at.as_micros().div_euclid(1000));
        let known: Vec<Point> = points.iter().copied().filter(|point| at_ms.is_none_or(|at_ms| point.at_ms <= at_ms)).collect();
        let told = |problem: HistoryProblem| match problem.at_ms() {
            Some(at_ms) => format!("{problem} ({})", instant(at_ms)),
            None => problem.to_string(),
        };
        // Asked first for what is wrong with the samples themselves, a step later for what is wrong with their times.
        let mut hourly = greatest_per_step(&known, HOUR_MS).map_err(told)?;
        let step_ms =
            common_step_ms(&known).ok_or_else(|| told(if known.is_empty() { HistoryProblem::Empty } else { HistoryProblem::OnePoint }))?;
        let step_ms = if step_ms < HOUR_MS {
            // An hour of which only a part was seen has not had its peak.
            let end_ms = known.last().map_or(0, |last| last.at_ms.saturating_add(step_ms));
            if hourly.last().is_some_and(|last| last.at_ms.saturating_add(HOUR_MS) > end_ms) {
                hourly.pop();
            }
            HOUR_MS
        } else {
            hourly = known;
            step_ms
        };
        let seasons: Vec<usize> = [DAY_MS, WEEK_MS]
            .into_iter()
            .filter(|season_ms| season_ms % step_ms == 0 && season_ms / step_ms >= 2)
            .filter_map(|season_ms| usize::try_from(season_ms / step_ms).ok())
            .collect();
        let longest = *seasons.last().ok_or_else(|| format!("its samples are {} apart, which is no part of a week", length(step_ms)))?;
        let history = History::of(&hourly, step_ms, longest).map_err(told)?;
        let steps = history.values().len();
        let end_ms = history.at_ms(steps);
        self.at = Some(instant(end_ms));
        self.history = Some(HistoryAnswer {
            from: instant(history.at_ms(0)),
            to: instant(end_ms),
            step_ms: length(step_ms),
            steps,
            filled: history.filled(),
        });
        if let Some(age_ms) = at_ms.map(|at_ms| at_ms - end_ms).filter(|age_ms| *age_ms > AGE_MAX_MS.max(step_ms)) {
            self.notes.push(format!("the newest sample is {} old: all of this is as of then", length(age_ms)));
        }
        self.now(&history, usize::try_from(WEEK_MS / step_ms).unwrap_or(1));
        self.quiet = quiet_hours(&history, &args.zone);
        Ok(Course { history, seasons })
    }

    fn now(&mut self, history: &History, week: usize) {
        let values = history.values();
        let newest = &values[values.len().saturating_sub(week)..];
        let peak = newest.iter().copied().fold(0.0, f64::max);
        let headroom = self.capacity.and_then(|capacity| headroom(capacity, peak));
        self.now = Some(Now { peak, headroom, state: headroom.map(|share| Headroom::of(share).as_str()) });
        let day = usize::try_from(DAY_MS / history.step_ms()).unwrap_or(1).max(1);
        self.peaks.past = days(values, day, true);
    }

    fn carry_on(&mut self, Course { history, seasons }: &Course, args: &CapacityArgs) {
        let step_ms = history.step_ms();
        let horizon = usize::try_from(i64::from(args.days) * DAY_MS / step_ms).unwrap_or(0);
        let carried = match forecast(history, seasons, horizon) {
            Ok(carried) => carried,
            Err(unknown) => return self.unknown(699, unknown.to_string(), NO_FORECAST),
        };
        let event = |event: &crate::args::KnownEvent| Event {
            from_ms: event.from.as_micros().div_euclid(1000),
            to_ms: event.to.as_micros().div_euclid(1000),
            factor: event.factor,
        };
        let outlook = Outlook { growth_per_year: args.growth / 100.0, events: args.event.iter().map(event).collect() };
        self.ahead(&carried, &outlook, args);
        self.limits_of(&carried, horizon, seasons, args);
        self.model = Some(model(&carried));
    }

    fn ahead(&mut self, carried: &Forecast, outlook: &Outlook, args: &CapacityArgs) {
        let drawn = |limit: f64| carried.peak(limit, outlook, SEED);
        let (peak, expected) = match (drawn(self.limit.unwrap_or(f64::INFINITY)), carried.expected(outlook)) {
            (Ok(peak), Ok(expected)) => (peak, expected),
            (Err(problem), _) | (_, Err(problem)) => return self.unknown(699, problem.to_string(), NO_FORECAST),
        };
        let headroom_at = |share: f64| self.capacity.and_then(|capacity| headroom(capacity, peak.quantile(share)));
        let state = headroom_at(0.5).map(|share| Headroom::of(share).as_str());
        let day = usize::try_from(DAY_MS / carried.step_ms).unwrap_or(1).max(1);
        let has_limit = self.limit.is_some();
        self.ahead = Some(Ahead {
            until: instant(carried.at_ms(carried.point.len())),
            peak: peak.quantile(0.5),
            peak_low: peak.quantile(0.1),
            peak_high: peak.quantile(0.9),
            headroom: headroom_at(0.5),
            headroom_low: headroom_at(0.9),
            state,
            passes_limit: has_limit.then(|| peak.passed()),
            passes_capacity: self.capacity.and_then(|capacity| Some(drawn(capacity).ok()?.passed())),
            probability_floor: peak.floor,
            by_day: if has_limit { by_day(carried, &peak, day) } else { Vec::new() },
        });
        self.peaks.ahead = days(&expected, day, false);
        if has_limit {
            self.order(carried, &peak, args);
        }
    }

    fn order(&mut self, carried: &Forecast, peak: &Peak, args: &CapacityArgs) {
        let lead_ms = i64::try_from(args.lead.0).unwrap_or(i64::MAX);
        let allowed = args.probability / 100.0;
        // What the history cannot tell from nothing does not leave the policy.
        let told = allowed.max(peak.floor);
        let found = order(&peak.passed_by, |step| carried.at_ms(step), told, lead_ms, carried.start_ms);
        if matches!(found, Order::NotBefore { .. }) && peak.floor > allowed {
            self.notes.push(format!(
                "tested from {} times that are a season apart, {} % cannot be told from {:.0} %: when to order is not known; a longer history, or fewer days ahead, tells more",
                carried.origins_apart,
                args.probability,
                (100.0 * peak.floor).ceil()
            ));
            return;
        }
        self.order = Some(match found {
            Order::NotBefore { at_ms } => OrderAnswer { when: "notBefore", at: instant(at_ms), crossed_at: None },
            Order::By { at_ms, crossed_ms } => OrderAnswer { when: "by", at: instant(at_ms), crossed_at: Some(instant(crossed_ms)) },
            Order::Late { at_ms, crossed_ms } => OrderAnswer { when: "late", at: instant(at_ms), crossed_at: Some(instant(crossed_ms)) },
        });
    }

    /// What the history was too short for.
    fn limits_of(&mut self, carried: &Forecast, horizon: usize, seasons: &[usize], args: &CapacityArgs) {
        if let Some(week) = seasons.iter().find(|season| !carried.seasons.contains(season)) {
            let days = 3 * *week as i64 * carried.step_ms / DAY_MS + 1;
            self.notes
                .push(format!("the history is too short to know a season of {week} steps, such as the week; {days} days are the least"));
        }
        if carried.point.len() < horizon {
            let longest = carried.seasons.last().copied().unwrap_or(0) as i64 * carried.step_ms;
            let needed = 2 * longest / DAY_MS + i64::from(args.days) + 5;
            self.notes.push(format!(
                "tested until {} only, so nothing is said of later; {} days ahead need {needed} days of history",
                instant(carried.at_ms(carried.point.len())).shown_in(Some(&args.zone)),
                args.days
            ));
        }
    }

    /// Whether more should have been ordered already, or the capacity is passed now.
    pub(super) fn is_late(&self) -> bool {
        self.order.as_ref().is_some_and(|order| order.when == "late") || self.now.as_ref().is_some_and(|now| now.state == Some("exceeded"))
    }
}

fn model(carried: &Forecast) -> ModelAnswer {
    let of = |model: Model, mase: f64, smape: f64| ContestantAnswer { model: model.as_str(), mase, smape };
    ModelAnswer {
        chosen: carried.model.as_str(),
        origins: carried.origins,
        origins_apart: carried.origins_apart,
        seasons: carried.seasons.clone(),
        contestants: carried.contestants.iter().map(|one| of(one.model, one.mase, one.smape)).collect(),
    }
}

fn by_day(carried: &Forecast, peak: &Peak, day: usize) -> Vec<ByDay> {
    let ends = peak.passed_by.chunks(day).enumerate().filter_map(|(at, chunk)| Some((at * day + chunk.len(), *chunk.last()?)));
    ends.map(|(end, passes_limit)| ByDay { at: instant(carried.at_ms(end)), passes_limit }).collect()
}

/// The greatest load of each day: of the last days, counted back from the end, or of the first.
fn days(values: &[f64], day: usize, is_past: bool) -> Vec<f64> {
    let greatest = |chunk: &[f64]| chunk.iter().copied().fold(0.0, f64::max);
    if !is_past {
        return values.chunks(day).take(DRAWN_DAYS).map(greatest).collect();
    }
    let mut peaks: Vec<f64> = values.rchunks(day).take(DRAWN_DAYS).map(greatest).collect();
    peaks.reverse();
    peaks
}

fn quiet_hours(history: &History, zone: &str) -> Vec<QuietAnswer> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    if history.step_ms() != HOUR_MS {
        return Vec::new();
    }
    let hour_of = |at_ms: i64| {
        let in_zone = instant(at_ms).to_jiff().in_tz(zone).ok();
        in_zone
            .and_then(|at| usize::try_from(i64::from(at.weekday().to_monday_zero_offset()) * 24 + i64::from(at.hour())).ok())
            .unwrap_or(HOURS)
    };
    let hours = by_hour(history, hour_of);
    let told = |span: Quiet| {
        let day = DAYS.get(span.from / 24).copied().unwrap_or_default();
        QuietAnswer { day, from: span.from % 24, hours: span.hours, share: span.share }
    };
    quiet(&hours, QUIET_HOURS, QUIET_SPANS).into_iter().map(told).collect()
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_micros(ms.saturating_mul(1000))
}

fn length(ms: i64) -> Millis {
    Millis(ms.unsigned_abs())
}

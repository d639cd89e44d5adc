//! The judge for values: a little simulation, its odd inputs, its words.

use proptest::prelude::*;

use crate::boundary::{Boundary, Calibration, LOOKS_MAX, NoBoundary};
use crate::group::{Direction, GroupConfig, GroupState, GroupVerdict, Values};
use crate::noise::{Learnt, NoNoise, NoiseModel, Scale, learn};
use crate::random::Random;
use crate::verdict::{ReasonCode, VerdictKind};

const MINUTE_MS: u64 = 60_000;
const LOOKS: u32 = 60;

/// Noise of one metric: both sides scatter by `per_side` and remember `rho` of it.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) rho: f64,
    pub(crate) per_side: f64,
    /// Correlation of what is new in the metrics.
    pub(crate) shared: f64,
    /// Deviation of the lasting offset between two sets of hosts.
    pub(crate) offset: f64,
}

pub(crate) const USUAL: Kind = Kind { rho: 0.0, per_side: 0.1, shared: 0.0, offset: 0.0 };

impl Kind {
    /// Differences of canary and baseline, metric by metric.
    pub(crate) fn draw(&self, metrics: usize, points: usize, random: &mut Random) -> Vec<Vec<Option<f64>>> {
        let sd = self.per_side * 2.0_f64.sqrt();
        let mut drawn = vec![Vec::with_capacity(points); metrics];
        let mut levels = vec![0.0; metrics];
        let offsets: Vec<f64> = (0..metrics).map(|_| self.offset * random.normal()).collect();
        for at in 0..points {
            let common = random.normal();
            for ((series, level), offset) in drawn.iter_mut().zip(&mut levels).zip(&offsets) {
                let fresh = self.shared.sqrt() * common + (1.0 - self.shared).sqrt() * random.normal();
                *level = if at == 0 { fresh } else { self.rho * *level + (1.0 - self.rho * self.rho).sqrt() * fresh };
                series.push(Some(offset + sd * *level));
            }
        }
        drawn
    }

    pub(crate) fn learn(&self, metrics: usize, windows: usize, points: usize, random: &mut Random) -> Vec<Learnt> {
        // Three histories in a thousand look by chance as if the sides differed for good, and are refused.
        loop {
            let drawn: Vec<Vec<Vec<Option<f64>>>> = (0..windows).map(|_| self.draw(metrics, points, random)).collect();
            let of = |metric: usize| drawn.iter().map(|window| window[metric].clone()).collect::<Vec<_>>();
            match (0..metrics).map(|metric| learn(&of(metric))).collect::<Result<Vec<_>, _>>() {
                Ok(learnt) => return learnt,
                Err(NoNoise::Offset { .. }) => {}
                Err(problem) => panic!("{problem}"),
            }
        }
    }
}

fn configs(learnt: &[Learnt], looks: u32, false_alarm_max: f64, margin: f64, seed: u64) -> Vec<GroupConfig> {
    let metrics: Vec<(&Learnt, Direction)> = learnt.iter().map(|learnt| (learnt, Direction::Increase)).collect();
    let boundaries = Calibration::new(&metrics, looks, seed).unwrap().boundaries(false_alarm_max).unwrap();
    let config = |(learnt, boundary): (&Learnt, Boundary)| GroupConfig {
        subject: "p99 latency".to_owned(),
        scale: Scale::Ratio,
        direction: Direction::Increase,
        margin,
        noise: *learnt.model(),
        boundary,
    };
    learnt.iter().zip(boundaries).map(config).collect()
}

/// Values whose logarithms differ by `d`.
fn values(d: f64) -> Values {
    Values { canary: 200.0 * d.exp(), baseline: 200.0 }
}

/// Looks of a regression and of the drift monitor, in one watch of one metric; `effect` is the ratio by look.
fn fly(config: &GroupConfig, kind: &Kind, effect: impl Fn(u32) -> f64, random: &mut Random) -> (Option<u32>, Option<u32>) {
    let drawn = kind.draw(1, LOOKS as usize, random).remove(0);
    let mut state = GroupState::default();
    let (mut regression, mut drift) = (None, None);
    for (look, d) in (1..).zip(drawn) {
        let verdict = state.look(config, d.map(|d| values(d + effect(look).ln())), u64::from(look) * MINUTE_MS);
        if verdict.kind == VerdictKind::Regression {
            regression = regression.or(Some(look));
        }
        if verdict.reason == ReasonCode::NoiseChanged {
            drift = drift.or(Some(look));
        }
    }
    (regression, drift)
}

/// A few watches, so that a slip of the arithmetic shows; the promises are shown by the simulator, `cargo xtask bench judge`.
#[test]
fn equal_versions_rarely_alarm_and_bad_ones_do() {
    let (config, kind) = (usual_config(), Kind { rho: 0.6, ..USUAL });
    let mut random = Random::new(11);
    let equal: Vec<_> = (0..300).map(|_| fly(config, &kind, |_| 1.0, &mut random)).collect();
    // Of 300 watches with the promised 1 %, 10 or more alarm in one of a thousand times; likewise the monitor's 0.5 %.
    assert!(equal.iter().filter(|(regression, _)| regression.is_some()).count() < 10);
    assert!(equal.iter().filter(|(_, drift)| drift.is_some()).count() < 8);
    for (effect, looks) in [(1.5, 30), (2.0, 5)] {
        let mut ends: Vec<u32> = (0..40).map(|_| fly(config, &kind, |_| effect, &mut random).0.unwrap_or(u32::MAX)).collect();
        ends.sort_unstable();
        assert!(ends[38] <= looks, "{effect}: {ends:?}");
    }
    let late: Vec<_> = (0..40).map(|_| fly(config, &kind, |look| if look > 20 { 1.5 } else { 1.0 }, &mut random)).collect();
    assert!(late.iter().filter(|(regression, _)| regression.is_some()).count() >= 36, "{late:?}");
}

#[test]
fn one_wild_look_is_no_regression_and_two_are() {
    let config = usual_config();
    for wild in [1, 7, 60] {
        let mut state = GroupState::default();
        for look in 1..=60 {
            let d = if look == wild { 8.0 } else { 0.0 };
            let verdict = state.look(config, Some(values(d)), look * MINUTE_MS);
            assert_ne!(verdict.kind, VerdictKind::Regression, "{wild} {look}: {}", verdict.explanation);
        }
    }
    let mut state = GroupState::default();
    let kinds: Vec<_> = (1..=4).map(|look| state.look(config, Some(values(8.0)), look * MINUTE_MS).kind).collect();
    assert_eq!(kinds.last(), Some(&VerdictKind::Regression), "{kinds:?}");
}

#[test]
fn louder_noise_is_noticed_and_not_judged() {
    let config = usual_config();
    let loud = Kind { rho: 0.6, per_side: 0.2, ..USUAL };
    let mut random = Random::new(16);
    let flown: Vec<_> = (0..60).map(|_| fly(config, &loud, |_| 1.0, &mut random)).collect();
    let noticed = flown.iter().filter(|(regression, drift)| regression.is_some() || drift.is_some()).count();
    // Twice the deviation: the first looks are over before the monitor can tell.
    let guessed = flown.iter().filter(|(regression, _)| regression.is_some()).count();
    assert!(noticed >= 57 && guessed <= 18, "{noticed} {guessed}");
}

#[test]
fn what_history_does_not_show_is_refused() {
    let known = |values: &[f64]| values.iter().map(|value| Some(*value)).collect::<Vec<_>>();
    let mut random = Random::new(18);
    let noisy: Vec<f64> = (0..200).map(|_| random.normal()).collect();
    let shifted: Vec<f64> = noisy.iter().map(|x| x + 1.0).collect();
    let mut gappy = known(&noisy);
    gappy.iter_mut().skip(1).step_by(2).for_each(|value| *value = None);
    let cases = [
        (vec![], NoNoise::TooShort { points: 0 }),
        (vec![known(&noisy[..119])], NoNoise::TooShort { points: 119 }),
        (vec![known(&noisy[..29]); 10], NoNoise::TooShort { points: 0 }),
        (vec![gappy; 4], NoNoise::Scattered { pairs: 0 }),
        (vec![vec![None; 500]], NoNoise::TooShort { points: 0 }),
        (vec![known(&[0.25; 300])], NoNoise::Constant),
        (vec![vec![Some(0.0); 1_048_577]], NoNoise::TooLong),
        (vec![known(&noisy), vec![Some(f64::NAN)]], NoNoise::BadData),
        (vec![vec![Some(1e300); 130]], NoNoise::BadData),
        (vec![known(&shifted)], NoNoise::Offset { windows: 1 }),
        (vec![known(&shifted); 7], NoNoise::Offset { windows: 7 }),
    ];
    for (history, expected) in cases {
        assert_eq!(learn(&history).unwrap_err(), expected);
        assert!(!expected.to_string().is_empty());
    }
    assert!(learn(&vec![known(&shifted); 8]).unwrap().model().tau >= 1.0);

    let learnt = learn(&[known(&noisy)]).unwrap();
    let other = learn(&[known(&noisy[..150])]).unwrap();
    let metric = (&learnt, Direction::Either);
    let new = |metrics: &[(&Learnt, Direction)], looks| Calibration::new(metrics, looks, 1).err();
    assert_eq!(new(&[], 10), Some(NoBoundary::Metrics));
    assert_eq!(new(&[metric; 65], 10), Some(NoBoundary::Metrics));
    assert_eq!(new(&[metric], 2), Some(NoBoundary::Looks));
    assert_eq!(new(&[metric], LOOKS_MAX + 1), Some(NoBoundary::Looks));
    assert_eq!(new(&[metric, (&other, Direction::Either)], 10), Some(NoBoundary::Windows));
    let calibration = Calibration::new(&[metric], 10, 1).unwrap();
    for odd in [0.0, -1.0, f64::NAN, 0.6, 0.000_34] {
        assert_eq!(calibration.boundaries(odd).unwrap_err(), NoBoundary::FalseAlarms, "{odd}");
    }
    assert_eq!(calibration.boundaries(0.002).unwrap()[0].paths, 17_143);
    assert_eq!(calibration.boundaries(0.01).unwrap()[0].paths, 4000);
    assert_eq!(calibration.power(1, &calibration.boundaries(0.01).unwrap()[0], Scale::Ratio, 2.0, 5), None);
}

#[test]
fn noise_is_learnt_as_it_is() {
    let mut random = Random::new(19);
    for rho in [0.0, 0.3, 0.6, 0.9] {
        let kind = Kind { rho, ..USUAL };
        let models: Vec<NoiseModel> = (0..40).map(|_| *kind.learn(1, 4, 360, &mut random)[0].model()).collect();
        let mean = |of: &dyn Fn(&NoiseModel) -> f64| models.iter().map(of).sum::<f64>() / 40.0;
        let (rho_learnt, sd_learnt) = (mean(&|model| model.rho_learnt), mean(&|model| model.sd_learnt));
        // Without bias: within a few standard errors of forty histories; negative correlations count as none.
        assert!((rho_learnt - rho).abs() < 0.015, "{rho}: {rho_learnt}");
        assert!((sd_learnt / 0.1 / 2.0_f64.sqrt() - 1.0).abs() < 0.025, "{rho}: {sd_learnt}");
        assert!(models.iter().all(|model| model.rho > model.rho_learnt && model.sd > model.sd_learnt));
    }
    let uneven = Kind { offset: 0.2, rho: 0.3, ..USUAL };
    let tau = (0..20).map(|_| uneven.learn(1, 20, 100, &mut random)[0].model().tau).sum::<f64>() / 20.0;
    assert!((0.19..0.27).contains(&tau), "{tau}");
}

#[test]
fn metrics_that_move_together_pay_less_than_a_split_would() {
    let mut random = Random::new(20);
    let learnt = USUAL.learn(6, 1, 480, &mut random);
    let late = |metrics: &[Learnt]| configs(metrics, 10, 0.01, 1.5, 1)[0].boundary.late;
    let alone: Vec<f64> = learnt.iter().map(|learnt| late(std::slice::from_ref(learnt))).collect();
    // Six times the same metric is one metric; six different ones are more than any of them.
    let copies = vec![learnt[0].clone(); 6];
    assert!((late(&copies) - alone[0]).abs() < 0.1, "{} {}", late(&copies), alone[0]);
    assert!(alone.iter().all(|one| late(&learnt) > *one), "{} {alone:?}", late(&learnt));
}

/// Noise of autocorrelation 0.6, an hour of looks; drawn once.
fn usual_config() -> &'static GroupConfig {
    static USUAL_CONFIG: std::sync::LazyLock<GroupConfig> = std::sync::LazyLock::new(|| {
        let learnt = Kind { rho: 0.6, ..USUAL }.learn(1, 1, 1440, &mut Random::new(21));
        configs(&learnt, LOOKS, 0.01, 1.5, 1).remove(0)
    });
    &USUAL_CONFIG
}

#[test]
fn what_cannot_be_used_is_undecided_and_never_passes() {
    let config = usual_config();
    let mut state = GroupState::default();
    for look in 1..=30 {
        state.look(config, Some(values(0.0)), look * MINUTE_MS);
    }
    let good = state.clone();
    let pair = |canary, baseline| Some(Values { canary, baseline });
    let cases = [
        (None, 31, ReasonCode::Unknown),
        (pair(f64::NAN, 1.0), 31, ReasonCode::BadData),
        (pair(1.0, f64::INFINITY), 31, ReasonCode::BadData),
        (pair(0.0, 1.0), 31, ReasonCode::BadData),
        (pair(1.0, -1.0), 31, ReasonCode::BadData),
        (pair(1.0, 1.0), 3, ReasonCode::BadData),
    ];
    for (values, minute, reason) in cases {
        let mut state = good.clone();
        let verdict = state.look(config, values, minute * MINUTE_MS);
        assert_eq!((verdict.kind, verdict.reason), (VerdictKind::Undecided, reason), "{values:?}");
        // The next good look passes again: nothing but the number of looks changed.
        assert_eq!(state.look(config, pair(1.0, 1.0), 40 * MINUTE_MS).kind, VerdictKind::NoRegression);
    }
    let mut over = good;
    for look in 31..=60 {
        assert_eq!(over.look(config, pair(1.0, 1.0), look * MINUTE_MS).kind, VerdictKind::NoRegression);
    }
    assert_eq!(over.look(config, pair(9.0, 1.0), 61 * MINUTE_MS).reason, ReasonCode::WatchOver);
    let mut early = GroupState::default();
    for look in 1..=2 {
        assert_eq!(early.look(config, pair(1.0, 1.0), look * MINUTE_MS).reason, ReasonCode::NotEnoughEvidence);
    }
}

#[test]
fn a_regression_stands_whatever_comes_after() {
    let config = usual_config();
    let mut state = GroupState::default();
    let mut look = 0;
    while state.look(config, Some(values(0.5)), look * MINUTE_MS).kind != VerdictKind::Regression {
        look += 1;
        assert!(look < 10);
    }
    for values in [None, Some(values(-0.5)), Some(values(40.0)), Some(values(-40.0)), Some(values(f64::NAN))] {
        look += 1;
        assert_eq!(state.look(config, values, look * MINUTE_MS).kind, VerdictKind::Regression);
    }
    for _ in 0..100 {
        assert_eq!(state.look(config, None, look * MINUTE_MS).kind, VerdictKind::Regression);
    }
}

#[test]
fn directions_and_differences_are_kept_apart() {
    let learnt = Kind { rho: 0.3, ..USUAL }.learn(1, 1, 480, &mut Random::new(22));
    let scales = [Scale::Ratio, Scale::Difference { unit: 50.0 }];
    for (direction, is_up_bad, is_down_bad) in
        [(Direction::Increase, true, false), (Direction::Decrease, false, true), (Direction::Either, true, true)]
    {
        let boundary = Calibration::new(&[(&learnt[0], direction)], 20, 1).unwrap().boundaries(0.01).unwrap().remove(0);
        for scale in scales {
            let config = GroupConfig {
                subject: "queue".to_owned(),
                scale,
                direction,
                margin: 1.5,
                noise: *learnt[0].model(),
                boundary: boundary.clone(),
            };
            let after = |canary: f64| {
                let mut state = GroupState::default();
                (1..=20).map(|look| state.look(&config, Some(Values { canary, baseline: 50.0 }), look * MINUTE_MS)).last().unwrap()
            };
            assert_eq!(after(100.0).kind == VerdictKind::Regression, is_up_bad, "{direction:?} {scale:?}");
            assert_eq!(after(20.0).kind == VerdictKind::Regression, is_down_bad, "{direction:?} {scale:?}");
            let equal = after(50.0);
            assert_eq!(equal.kind, VerdictKind::NoRegression, "{direction:?} {scale:?}: {}", equal.explanation);
            let doubled = after(100.0);
            let effect = if scale == Scale::Ratio { 2.0 } else { 50.0 };
            assert!((doubled.effect.unwrap() - effect).abs() < 1e-9, "{doubled:?}");
        }
    }
}

#[test]
fn explanations_read_well() {
    let noise = NoiseModel { sd: 0.09, rho: 0.6, tau: 0.0, news_max: 4.0, sd_learnt: 0.088, rho_learnt: 0.59, points: 1440, windows: 1 };
    let boundary = Boundary {
        looks_max: 60,
        late: 2.5,
        early: 3.5,
        interval: 2.1,
        drift: vec![100.0; 59],
        false_alarm_max: 0.01,
        metrics: 3,
        paths: 4000,
        seed: 1,
    };
    let mut config = GroupConfig {
        subject: "p99 latency".to_owned(),
        scale: Scale::Ratio,
        direction: Direction::Increase,
        margin: 1.5,
        noise,
        boundary,
    };
    let mut state = GroupState::default();
    let mut line = |config: &GroupConfig, d: Option<f64>, look: u64| state.look(config, d.map(values), look * MINUTE_MS).explanation;
    let learnt = "noise 9 % (autocorrelation 0.6) learnt from 1440 points";
    assert_eq!(
        line(&config, Some(0.27), 1),
        format!("p99 latency 1.31x (95 % interval 0.62x to 2.77x), 1 point each, {learnt}: undecided, about 2 min more if it stays so")
    );
    line(&config, Some(0.27), 2);
    assert_eq!(
        line(&config, Some(0.27), 3),
        format!(
            "p99 latency 1.31x (95 % interval 0.79x to 2.16x), 3 points each, {learnt}: regression, 1 % false alarms allowed over all looks, 3 metrics together"
        )
    );
    assert_eq!(
        GroupState::default().look(&config, None, 0).explanation,
        format!("p99 latency, no points, {learnt}: undecided, no value in this look")
    );
    config.margin = 1.0;
    assert_eq!(
        GroupState::default().look(&config, None, 0).explanation,
        "p99 latency, no points: undecided, margin must be a ratio between 1.01 and 50"
    );
}

#[test]
fn the_forecast_comes_true_at_constant_values() {
    for d in [0.0, 0.12, 0.2] {
        let config = usual_config();
        let mut state = GroupState::default();
        let mut forecast = None;
        for look in 1..=60 {
            let verdict = state.look(config, Some(values(d)), look * MINUTE_MS);
            if verdict.kind != VerdictKind::Undecided {
                assert_eq!(forecast, Some(look), "{d}");
                break;
            }
            forecast = verdict.forecast_ms.map(|ms| look + ms / MINUTE_MS);
        }
        assert!(forecast.is_some());
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![0.5..2.0_f64, Just(0.0), Just(-1.0), Just(f64::NAN), Just(f64::INFINITY), Just(5e-324), Just(1e308), any::<f64>()]
}

fn is_finite(verdict: &GroupVerdict) -> bool {
    let interval = verdict.interval.map_or([0.0, 0.0], |range| [range.low, range.high]);
    let numbers = [verdict.effect, verdict.statistic, verdict.critical];
    interval.iter().chain(numbers.iter().flatten()).all(|number| number.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn garbage_never_panics_and_equal_looks_give_equal_verdicts(
        looks in proptest::collection::vec((proptest::option::weighted(0.9, (any_number(), any_number())), 0_u64..1_000_000), 1..80),
        is_ratio in any::<bool>(),
        unit in prop_oneof![Just(1.0), Just(1e-300), Just(1e300)],
    ) {
        let scale = if is_ratio { Scale::Ratio } else { Scale::Difference { unit } };
        let config = GroupConfig { scale, direction: Direction::Either, ..usual_config().clone() };
        let (mut one, mut other) = (GroupState::default(), GroupState::default());
        for (pair, elapsed_ms) in looks {
            let values = pair.map(|(canary, baseline)| Values { canary, baseline });
            let verdict = one.look(&config, values, elapsed_ms);
            other = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
            let again = other.look(&config, values, elapsed_ms);
            prop_assert!(is_finite(&verdict), "{verdict:?}");
            prop_assert_eq!(&verdict, &again);
            prop_assert_eq!(&one, &other);
            prop_assert!(verdict.kind != VerdictKind::NoRegression || values.is_some());
        }
    }

    #[test]
    fn any_history_is_learnt_or_refused(
        windows in proptest::collection::vec(proptest::collection::vec(proptest::option::weighted(0.9, any_number()), 0..200), 0..6),
        repeated in 1_usize..4,
    ) {
        let windows: Vec<Vec<Option<f64>>> = windows.iter().map(|window| window.repeat(repeated)).collect();
        let tame: Vec<Vec<Option<f64>>> =
            windows.iter().map(|window| window.iter().map(|d| d.filter(|d| d.abs() < 1e3)).collect()).collect();
        for history in [windows, tame] {
            if let Ok(learnt) = learn(&history) {
                prop_assert!(learnt.model().is_usable());
                let calibration = Calibration::new(&[(&learnt, Direction::Increase)], 5, 1).unwrap();
                prop_assert!(calibration.boundaries(0.05).unwrap()[0].is_usable());
            }
        }
    }
}

#[test]
fn the_foretold_time_to_pass_is_that_of_watches() {
    for (rho, margin) in [(0.0, 1.2), (0.6, 1.3)] {
        let kind = Kind { rho, ..USUAL };
        let mut random = Random::new(11);
        let learnt = kind.learn(1, 8, 180, &mut random);
        let config = configs(&learnt, LOOKS, 0.01, margin, 3).remove(0);
        let half = config.looks_to_pass(0.5).unwrap();
        let mut passed = 0;
        for _ in 0..400 {
            let mut state = GroupState::default();
            let watch = kind.draw(1, half as usize, &mut random).remove(0);
            let said = watch.iter().zip(1..).map(|(d, look)| {
                let values = d.map(|d| Values { canary: libm::exp(d), baseline: 1.0 });
                state.look(&config, values, look * MINUTE_MS).kind
            });
            passed += usize::from(said.last() == Some(VerdictKind::NoRegression));
        }
        // The noise that is worked with is raised above the learnt one, so that somewhat more pass than half.
        assert!((180..=300).contains(&passed), "rho {rho}: {passed} of 400 pass within {half} looks");
        assert!(config.promotion(half) >= 0.5 && config.promotion(half - 1) < 0.5);
        assert!(config.looks_to_pass(0.95).unwrap() > half);
    }
}

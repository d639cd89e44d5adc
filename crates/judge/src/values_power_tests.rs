//! Predicted power of values against watches by the actual judge.

use crate::boundary::Calibration;
use crate::group::{Direction, GroupConfig, GroupState, Values};
use crate::group_tests::{Kind, USUAL};
use crate::noise::{Learnt, Scale};
use crate::random::Random;

/// Looks that limits are drawn for, and those that the bake of a stage has: a gate has more patience than its bake.
const PATIENCE: u32 = 45;
const BAKE: u32 = 15;
/// Histories, and watches of each.
const HISTORIES: usize = 30;
const WATCHES: usize = 50;

fn asked(learnt: &Learnt, direction: Direction, scale: Scale) -> GroupConfig {
    let boundary = Calibration::new(&[(learnt, direction)], PATIENCE, 1).unwrap().boundaries(0.01).unwrap().remove(0);
    GroupConfig { subject: "p99 latency".to_owned(), scale, direction, margin: 1.25, noise: *learnt.model(), boundary }
}

/// Share of watches on this noise that end with a regression within the bake.
fn found(config: &GroupConfig, kind: &Kind, shift: f64, random: &mut Random) -> f64 {
    let watch = |random: &mut Random| {
        let mut state = GroupState::default();
        for (look, drawn) in (1..).zip(kind.draw(1, BAKE as usize, random).remove(0)) {
            let d = drawn.unwrap() + shift;
            let values = match config.scale {
                Scale::Ratio => Values { canary: 200.0 * d.exp(), baseline: 200.0 },
                Scale::Difference { unit } => Values { canary: unit * (1.0 + d), baseline: unit },
            };
            state.look(config, Some(values), look * 60_000);
        }
        state.has_regression()
    };
    (0..WATCHES).filter(|_| watch(random)).count() as f64 / WATCHES as f64
}

#[test]
fn predicted_power_of_values_is_within_five_points_of_simulation() {
    let difference = Scale::Difference { unit: 200.0 };
    let remembering = Kind { rho: 0.6, ..USUAL };
    let cases = [
        ("half as often as not", USUAL, Direction::Increase, Scale::Ratio, 1.15),
        ("mostly", USUAL, Direction::Increase, Scale::Ratio, 1.22),
        ("noise that remembers", remembering, Direction::Increase, Scale::Ratio, 1.4),
        ("less is worse", USUAL, Direction::Decrease, Scale::Ratio, 1.2),
        ("less is worse, by differences", remembering, Direction::Decrease, difference, 1.35),
        ("both are worse", USUAL, Direction::Either, Scale::Ratio, 1.18),
    ];
    let mut random = Random::new(31);
    for (name, kind, direction, scale, worse) in cases {
        let (mut predicted, mut came) = (0.0, 0.0);
        for _ in 0..HISTORIES {
            let learnt = kind.learn(1, 8, 180, &mut random).remove(0);
            let config = asked(&learnt, direction, scale);
            let calibration = Calibration::new(&[(&learnt, direction)], PATIENCE, 1).unwrap();
            predicted += calibration.finds(0, &config, worse, BAKE).unwrap() / HISTORIES as f64;
            let towards = if direction == Direction::Decrease { -1.0 } else { 1.0 };
            came += found(&config, &kind, towards * scale.distance(worse), &mut random) / HISTORIES as f64;
        }
        assert!((0.1..0.97).contains(&came), "{name}: {came} tells nothing of the arithmetic");
        assert!((predicted - came).abs() <= 0.05, "{name}: predicted {predicted:.3}, came {came:.3}");
    }
}

#[test]
fn the_least_worsening_is_found_with_the_wanted_power_and_a_smaller_one_is_not() {
    let mut random = Random::new(32);
    for (direction, scale) in
        [(Direction::Increase, Scale::Ratio), (Direction::Decrease, Scale::Ratio), (Direction::Increase, Scale::Difference { unit: 3.0 })]
    {
        let learnt = USUAL.learn(1, 8, 180, &mut random).remove(0);
        let config = asked(&learnt, direction, scale);
        let calibration = Calibration::new(&[(&learnt, direction)], PATIENCE, 1).unwrap();
        let least = |power, looks| calibration.least_found(0, &config, power, looks).unwrap();
        for power in [0.5, 0.8, 0.99] {
            let worse = least(power, BAKE);
            assert!(calibration.finds(0, &config, worse, BAKE).unwrap() >= power);
            assert!(calibration.finds(0, &config, worse / 1.01, BAKE).unwrap() < power, "{direction:?} {power}: {worse}");
        }
        assert!(least(0.8, BAKE) > least(0.8, PATIENCE), "more looks see less");
    }
    // With as much noise as this not even fifty times as much is found at the first look.
    let wild = Kind { per_side: 4.0, ..USUAL };
    let learnt = wild.learn(1, 8, 180, &mut random).remove(0);
    let config = asked(&learnt, Direction::Increase, Scale::Ratio);
    assert_eq!(Calibration::new(&[(&learnt, Direction::Increase)], PATIENCE, 1).unwrap().least_found(0, &config, 0.8, 1), None);
}

//! The figures of the documentation, printed by `cargo test --release -p glidepath-judge figures -- --ignored --nocapture`.

use crate::dispersion::Dispersion;
use crate::proportion::SequentialConfig;
use crate::simulation::{Arms, looks_to_promotion, looks_to_regression, median, share_within};

#[test]
#[ignore = "prints figures, takes a minute in release"]
fn figures() {
    let assumed = SequentialConfig::default();
    let independent = SequentialConfig { dispersion: Dispersion::Learnt { phi: 1.0, windows: 100 }, ..assumed.clone() };
    for (name, config) in [("assumed 1.5", &assumed), ("learnt 1.0", &independent)] {
        println!("== {name}: false alarms in 600 looks, identical arms");
        for (arms, what) in [
            (Arms::equal(20.0, 0.01, 1.0), "20/s 1 %"),
            (Arms::equal(25.0, 0.02, 1.0), "25/s 2 %"),
            (Arms::equal(100.0, 0.05, 1.0), "100/s 5 %"),
            (Arms { canary_per_look: 5.0, ..Arms::equal(95.0, 0.02, 1.0) }, "5 % of 100/s, 2 %"),
            (Arms { variation: 1.0, ..Arms::equal(25.0, 0.02, 1.0) }, "25/s 2 %, variance 1"),
            (Arms { variation: 2.0, ..Arms::equal(25.0, 0.02, 1.0) }, "25/s 2 %, variance 2"),
            (Arms { variation: 0.1, ..Arms::equal(100.0, 0.05, 1.0) }, "100/s 5 %, variance 0.1"),
            (Arms { variation: 0.04, ..Arms::equal(1000.0, 0.05, 1.0) }, "1000/s 5 %, variance 0.04"),
            (Arms { variation: 1.0, canary_per_look: 5.0, ..Arms::equal(95.0, 0.02, 1.0) }, "5 % of 100/s, 2 %, v 1"),
        ] {
            let ends = looks_to_regression(config, arms, 3000, 600, 1);
            println!("{what}: {:.2} %", 100.0 * share_within(&ends, 600));
        }
        println!("== {name}: median seconds to a regression");
        for (arms, what) in [
            (Arms::equal(20.0, 0.01, 5.0), "20/s 1 % 5x"),
            (Arms::equal(20.0, 0.001, 5.0), "20/s 0.1 % 5x"),
            (Arms::equal(25.0, 0.02, 5.0), "25/s 2 % 5x"),
            (Arms::equal(25.0, 0.02, 2.0), "25/s 2 % 2x"),
            (Arms { canary_per_look: 5.0, ..Arms::equal(95.0, 0.02, 5.0) }, "5 % of 100/s, 2 % 5x"),
            (Arms { canary_per_look: 1.0, ..Arms::equal(19.0, 0.02, 5.0) }, "5 % of 20/s, 2 % 5x"),
        ] {
            let ends = looks_to_regression(config, arms, 1000, 2000, 2);
            let mut sorted: Vec<u32> = ends.iter().flatten().copied().collect();
            sorted.sort_unstable();
            println!("{what}: {:?} (80 % in {:?}, 90 % {:?})", median(&ends), sorted.get(800), sorted.get(900));
        }
        println!("== {name}: median seconds to NoRegression");
        for margin in [5.0, 3.0, 2.0, 1.5] {
            let config = SequentialConfig { margin, ..config.clone() };
            let ends = looks_to_promotion(&config, Arms::equal(25.0, 0.02, 1.0), 500, 3000, 3);
            let wrong = looks_to_promotion(&config, Arms::equal(25.0, 0.02, margin), 2000, 600, 4);
            println!(
                "margin {margin}: {:?}, false passes in 600 looks at the margin {:.2} %",
                median(&ends),
                100.0 * share_within(&wrong, 600)
            );
        }
    }
}

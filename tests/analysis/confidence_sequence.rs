//! Confidence sequences.

use verdigris::analysis::ByVersion;
use verdigris::analysis::confidence_sequence::{ConfidenceSequence, Limits};
use verdigris::analysis::moments::Moments;

fn limits(blue: Moments, green: Moments) -> Limits {
    let versions = ByVersion { blue, green };
    ConfidenceSequence::from_moments(versions, 0.05).unwrap().limits().unwrap()
}

#[test]
fn without_values_of_a_version_there_is_no_interval() {
    let versions = ByVersion { blue: Moments::from_rate(10, 1), green: Moments::default() };
    assert_eq!(ConfidenceSequence::from_moments(versions, 0.05), None);
}

#[test]
fn the_interval_narrows_around_the_difference() {
    let mut width = f64::INFINITY;
    for scale in [1, 10, 100, 1000] {
        let blue = Moments::from_rate(100 * scale, 5 * scale);
        let green = Moments::from_rate(50 * scale, 5 * scale);
        let Limits { low, high } = limits(blue, green);
        assert!(low < 0.05 && 0.05 < high && high - low < width, "{low} {high}");
        width = high - low;
    }
    assert!(width < 0.02, "{width}");
}

/// The limit of a rate without events in closed form: `1 − (α/2 · B(½, n + ½) / B(½, ½))^(1/n)`.
fn limit_without_events(count: u64) -> f64 {
    let log_mixture = (1..=count).map(|n| (1.0 - 0.5 / n as f64).ln()).sum::<f64>();
    -((0.025_f64.ln() + log_mixture) / count as f64).exp_m1()
}

#[test]
fn without_events_the_limits_are_those_of_the_closed_form() {
    for (blue, green) in [(1, 1), (300, 300), (10_000, 40), (1_000_000, 1)] {
        let of_blue = limit_without_events(blue);
        let of_green = limit_without_events(green);
        let none = limits(Moments::from_rate(blue, 0), Moments::from_rate(green, 0));
        assert!((none.low + of_blue).abs() < 1e-6, "{blue}: {none:?} {of_blue}");
        assert!((none.high - of_green).abs() < 1e-6, "{green}: {none:?} {of_green}");
        let all = limits(Moments::from_rate(blue, blue), Moments::from_rate(green, green));
        assert!((all.low + of_green).abs() < 1e-6 && (all.high - of_blue).abs() < 1e-6);
    }
}

#[test]
fn events_of_one_version_alone_are_a_difference() {
    let (none, some) = (Moments::from_rate(500, 0), Moments::from_rate(500, 20));
    let (worse, better) = (limits(none, some), limits(some, none));
    assert!(worse.low > 0.0 && better.high < 0.0, "{worse:?} {better:?}");
    assert!((worse.low + better.high).abs() < 1e-12 && (worse.high + better.low).abs() < 1e-12);
}

/// With a look after each unit, the interval misses the true difference in less than α of runs.
#[test]
fn the_interval_is_valid_at_every_look() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as f64 / (1_u64 << 53) as f64
    };
    for (blue_rate, green_rate) in [(0.001, 0.001), (0.01, 0.03), (0.3, 0.3)] {
        let misses = (0..300).filter(|_| {
            let (mut blue, mut green) = (Moments::default(), Moments::default());
            (0..600).any(|_| {
                blue.add(f64::from(u8::from(draw() < blue_rate)));
                green.add(f64::from(u8::from(draw() < green_rate)));
                let Limits { low, high } = limits(blue, green);
                !(low..=high).contains(&(green_rate - blue_rate))
            })
        });
        let misses = misses.count();
        assert!(misses <= 15, "{blue_rate} {green_rate}: {misses} of 300");
    }
}

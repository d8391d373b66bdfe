//! The parts that the verdicts are made of.

use proptest::prelude::*;
use verdigris::analysis::confidence_sequence::{ConfidenceSequence, Limits, Moments};
use verdigris::analysis::design_effect::RandomGroups;
use verdigris::analysis::power::PowerQuery;
use verdigris::analysis::rate_ratio::RateRatioBets;
use verdigris::analysis::tripwire::{Reading, Window};
use verdigris::analysis::wealth::Wealth;
use verdigris::analysis::{
    ByVersion, Measurements, Metric, Observation, Probability, Tripwire, absolute_rate,
    across_steps, mann_whitney,
};
use verdigris::assignment::Version;

use crate::contingency::TwoByTwo;

fn chance(chance: f64) -> Probability {
    Probability::new(chance).unwrap()
}

#[test]
fn a_chance_is_neither_nothing_nor_certain() {
    for wrong in [0.0, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Probability::new(wrong), None, "{wrong}");
    }
    assert_eq!(Probability::of_new_unit(0.05, 0.05), None);
    assert_eq!(Probability::of_new_unit(0.5, 1.0), None);
}

proptest! {
    /// What a fair game is: whatever the share and the margin, a bad event that is
    /// green's with the hypothesis' own chance earns each bet nothing on average.
    #[test]
    fn bets_on_rates_are_fair(r in 0.001..0.999, margin in 0.0..3.0, is_worse: bool) {
        let bets = if is_worse { RateRatioBets::for_harm } else { RateRatioBets::for_non_inferiority };
        let bets = bets(chance(r), margin);
        let is_green = r * (1.0 + margin) / (r * (1.0 + margin) + 1.0 - r);
        let after = |bad| bets.wealth(bad).log_mean().exp();
        let green = after(ByVersion { blue: 0, green: 1 });
        let blue = after(ByVersion { blue: 1, green: 0 });
        prop_assert!((is_green * green + (1.0 - is_green) * blue - 1.0).abs() < 1e-9);
        prop_assert_eq!(green > blue, is_worse);
    }

    /// A unit that is bad with the ceiling's own chance earns nothing on average.
    #[test]
    fn bets_on_a_ceiling_are_fair(of in 0.0001..0.5) {
        let after = |bad| absolute_rate::wealth(of, 1, bad).log_mean().exp();
        prop_assert!((of * after(1) + (1.0 - of) * after(0) - 1.0).abs() < 1e-9);
    }

    /// Swapping the versions turns the comparison round, and monotone changes of scale
    /// do not matter.
    #[test]
    fn ranks_compare(
        blue in prop::collection::vec(0..20_u8, 1..20),
        green in prop::collection::vec(0..20_u8, 1..20),
    ) {
        let scale = |values: &[u8], by: fn(f64) -> f64| -> Vec<f64> {
            values.iter().map(|value| by(f64::from(*value))).collect()
        };
        let [plain, root] = [|value| value, f64::sqrt];
        let excess = |green: &[u8], blue: &[u8], by| {
            mann_whitney::excess(scale(green, by).into_iter(), &scale(blue, by))
        };
        let there = excess(&green, &blue, plain);
        prop_assert!((there + excess(&blue, &green, plain)).abs() < 1e-9);
        prop_assert_eq!(there, excess(&green, &blue, root));
        prop_assert!((-0.5..=0.5).contains(&there));
    }

    /// A capital lives on any sequence of rounds, and rounds apart add up.
    #[test]
    fn capitals_add_up(rounds in prop::collection::vec(-1.5..1.5, 0..50), at in 0..50_usize) {
        let play = |rounds: &[f64]| {
            let mut capital = Wealth::default();
            rounds.iter().for_each(|outcome| capital.bet(*outcome));
            capital
        };
        let (before, after) = rounds.split_at(at.min(rounds.len()));
        let apart = (play(before) + play(after)).log_mean();
        prop_assert!((apart - play(&rounds).log_mean()).abs() < 1e-9);
        prop_assert!(apart.is_finite());
    }
}

#[test]
fn steps_share_the_stake() {
    let rich = Wealth::from_log_bets(|_| 10.0);
    let poor = Wealth::from_log_bets(|_| -10.0);
    let log_e = |capitals: &[Wealth], of| across_steps::log_e(capitals, of);
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-3, "{found}");
    close(log_e(&[], 4), 0.0);
    close(log_e(&[rich], 1), 10.0);
    // Half plays from the first step on, and a sixth begins with the second.
    close(log_e(&[rich], 4), 10.0 + 0.5_f64.ln());
    close(log_e(&[poor, rich], 4), 10.0 + (1.0 / 6.0_f64).ln());
    // What has not begun is still there.
    close(log_e(&[poor], 4), 0.5_f64.ln());
}

#[test]
fn requests_of_few_users_tell_less() {
    let effect = |users: u64, is_bad: &dyn Fn(u64, u64) -> bool| {
        let mut groups = RandomGroups::default();
        for at in 0..64_000 {
            groups.add(at % users, is_bad(at % users, at / users));
        }
        groups.design_effect()
    };
    let even = effect(64_000, &|user, _| user.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57 == 0);
    assert!((1.0..1.7).contains(&even), "{even}");
    // One in sixteen users fails always.
    let of_users = effect(640, &|user, _| user / 64 == 0 && user % 16 < 3);
    assert!(of_users > 10.0, "{of_users}");
    assert_eq!(RandomGroups::default().design_effect(), 1.0);
    assert_eq!(effect(64, &|_, _| false), 1.0);
}

/// The judge's test and one that was made on other grounds agree where it matters.
#[test]
fn another_test_of_two_rates_agrees() {
    for (green_every, is_worse) in [(100, false), (20, true)] {
        let mut other = TwoByTwo::new(0.18);
        let mut bad = ByVersion { blue: 0, green: 0 };
        let mut e = 1.0;
        for block in 1..=4000_u64 {
            let blue = u64::from(block % 25 == 0);
            let green = u64::from(block % green_every == 0);
            bad.blue += blue;
            bad.green += green;
            e = other.block((4.0, blue as f64), (1.0, green as f64));
        }
        let ours = RateRatioBets::for_harm(chance(0.2), 0.0).wealth(bad).log_mean();
        assert_eq!(ours > 20_f64.ln(), is_worse, "{ours}");
        assert_eq!(e > 20.0, is_worse, "{e}");
    }
}

/// One response in a window: of green or of blue, of this unit, bad or not.
fn noted(
    wire: &Tripwire,
    window: &mut Window,
    second: u64,
    version: Version,
    unit: u64,
    told: Measurements,
) {
    let at = second * 1_000_000_000;
    let (is_new, is_assignment) = (true, true);
    wire.record(
        window,
        &Observation {
            at_ns: at,
            unit,
            epoch: 0,
            version,
            is_newly_exposed: is_new,
            is_assignment,
            measurements: told,
        },
    );
}

const ERRORS: Tripwire = Tripwire {
    metric: Metric::ErrorRate,
    limit: 0.5,
    min_samples: 10,
    min_units: 2,
    window_s: 30,
    is_absolute: false,
};

/// What a tripwire says, as a word.
fn read(wire: &Tripwire, window: &Window) -> &'static str {
    match wire.evaluate(window) {
        Reading::Within => "within",
        Reading::Tripped { .. } => "tripped",
        Reading::Incident { .. } => "incident",
    }
}

#[test]
fn a_tripwire_compares_and_wants_enough() {
    let absolute = Tripwire { is_absolute: true, min_units: 1, ..ERRORS };
    // Of green and of blue: responses, how many of each ten are bad, and of how many units.
    type Seen = (u64, u64, u64);
    let none: Seen = (0, 0, 1);
    let table: [(&str, Tripwire, Seen, Seen, &str); 13] = [
        ("too few responses", ERRORS, (9, 10, 9), (90, 0, 90), "within"),
        ("enough", ERRORS, (10, 10, 10), (90, 0, 90), "tripped"),
        ("at the limit", ERRORS, (40, 5, 40), (90, 0, 90), "within"),
        ("above the limit", ERRORS, (40, 7, 40), (90, 0, 90), "tripped"),
        ("one unit alone", ERRORS, (500, 10, 1), (90, 0, 90), "within"),
        ("two units", ERRORS, (10, 10, 2), (90, 0, 90), "tripped"),
        ("nothing of blue", ERRORS, (20, 10, 20), none, "tripped"),
        ("too little of blue", ERRORS, (20, 10, 20), (9, 10, 9), "tripped"),
        ("blue as bad", ERRORS, (20, 10, 20), (90, 10, 90), "incident"),
        ("blue half as bad", ERRORS, (20, 10, 20), (90, 5, 90), "incident"),
        ("blue a third as bad", ERRORS, (20, 10, 20), (90, 3, 90), "tripped"),
        ("absolute, blue as bad", absolute, (20, 10, 20), (90, 10, 90), "tripped"),
        ("absolute, one unit", absolute, (20, 10, 1), none, "tripped"),
    ];
    for (what, wire, green, blue, expected) in table {
        let mut window = Window::default();
        for (version, (count, bad, units)) in [(Version::Green, green), (Version::Blue, blue)] {
            for at in 0..count {
                let told = Measurements::default()
                    .with_rate(Metric::ErrorRate, at * bad / 10 != (at + 1) * bad / 10);
                noted(&wire, &mut window, at / 5, version, at % units, told);
            }
        }
        assert_eq!(read(&wire, &window), expected, "{what}");
    }
}

/// One client with most of the requests is one unit among the others.
#[test]
fn a_tripwire_counts_each_group_of_units_alike() {
    let mut window = Window::default();
    let bad = |is_bad| Measurements::default().with_rate(Metric::ErrorRate, is_bad);
    for request in 0..100 {
        noted(&ERRORS, &mut window, 0, Version::Green, 0, bad(true));
        noted(&ERRORS, &mut window, 0, Version::Green, 1 + request % 20, bad(request % 20 == 3));
    }
    assert_eq!(read(&ERRORS, &window), "within", "two of 21 units are bad");
}

/// A mean, of which less is worse or more.
#[test]
fn a_tripwire_on_values_looks_at_their_mean() {
    let score = Tripwire { metric: Metric::Score, limit: 0.3, ..ERRORS };
    let duration = Tripwire { metric: Metric::Duration, limit: 1000.0, ..ERRORS };
    let table = [
        (score, 0.25, 0.9, "tripped"),
        (score, 0.25, 0.3, "incident"),
        (score, 0.5, 0.9, "within"),
        (duration, 1500.0, 100.0, "tripped"),
        (duration, 1500.0, 900.0, "incident"),
        (duration, 900.0, 100.0, "within"),
    ];
    for (wire, green, blue, expected) in table {
        let mut window = Window::default();
        for unit in 0..20 {
            for (version, value) in [(Version::Green, green), (Version::Blue, blue)] {
                let told = Measurements::default().with_value(wire.metric, value);
                noted(&wire, &mut window, 0, version, unit, told);
            }
        }
        assert_eq!(read(&wire, &window), expected, "{wire:?} {green} {blue}");
    }
}

/// Shared limits say nothing where nothing is compared.
#[test]
fn an_absolute_tripwire_leaves_limits_out() {
    let absolute = Tripwire { is_absolute: true, ..ERRORS };
    for (wire, expected) in [(ERRORS, "tripped"), (absolute, "within")] {
        let mut window = Window::default();
        for unit in 0..20 {
            let told =
                Measurements::default().with_rate(Metric::ErrorRate, true).with_rate_limited();
            noted(&wire, &mut window, 0, Version::Green, unit, told);
        }
        assert_eq!(read(&wire, &window), expected);
    }
}

#[test]
fn a_tripwire_forgets() {
    let wire = Tripwire { min_samples: 2, ..ERRORS };
    let mut window = Window::default();
    let bad = Measurements::default().with_rate(Metric::ErrorRate, true);
    noted(&wire, &mut window, 99, Version::Green, 1, bad);
    noted(&wire, &mut window, 100, Version::Green, 2, bad);
    wire.expire(&mut window, 120);
    assert_eq!(read(&wire, &window), "tripped");
    wire.expire(&mut window, 132);
    assert_eq!(read(&wire, &window), "within");
}

#[test]
fn intervals_narrow_and_hold_the_difference() {
    let of = |count: u64, ones: u64| Moments::from_rate(count, ones);
    assert_eq!(
        ConfidenceSequence::from_moments(ByVersion { blue: of(10, 1), green: of(0, 0) }, 0.05),
        None
    );
    let mut before = f64::INFINITY;
    for scale in [1, 10, 100, 1000] {
        let versions =
            ByVersion { blue: of(100 * scale, 5 * scale), green: of(50 * scale, 5 * scale) };
        let Limits { low, high } =
            ConfidenceSequence::from_moments(versions, 0.05).unwrap().limits().unwrap();
        assert!(low < 0.05 && 0.05 < high && high - low < before, "{low} {high}");
        before = high - low;
    }
    assert!(before < 0.02, "{before}");
}

/// The limits of a rate without events are those of its closed form, and the difference of
/// two lies between them.
#[test]
fn without_events_the_interval_has_a_width() {
    for (blue, green) in [(1, 1), (300, 300), (10_000, 40), (1_000_000, 1)] {
        // 1 − (α/2 · B(½, n + ½) / B(½, ½))^(1/n)
        let closed = |count: u64| {
            let count = count as f64;
            let mixture = (1..=count as u64).map(|n| (1.0 - 0.5 / n as f64).ln()).sum::<f64>();
            -((0.025_f64.ln() + mixture) / count).exp_m1()
        };
        let rates =
            ByVersion { blue: Moments::from_rate(blue, 0), green: Moments::from_rate(green, 0) };
        let Limits { low, high } =
            ConfidenceSequence::from_moments(rates, 0.05).unwrap().limits().unwrap();
        assert!((low + closed(blue)).abs() < 1e-6, "{blue}: {low} {}", closed(blue));
        assert!((high - closed(green)).abs() < 1e-6, "{green}: {high} {}", closed(green));
        let all = ByVersion {
            blue: Moments::from_rate(blue, blue),
            green: Moments::from_rate(green, green),
        };
        let Limits { low, high } =
            ConfidenceSequence::from_moments(all, 0.05).unwrap().limits().unwrap();
        assert!((low + closed(green)).abs() < 1e-6 && (high - closed(blue)).abs() < 1e-6);
    }
    let (none, some) = (Moments::from_rate(500, 0), Moments::from_rate(500, 20));
    let limits = |blue, green| {
        ConfidenceSequence::from_moments(ByVersion { blue, green }, 0.05).unwrap().limits().unwrap()
    };
    let (worse, better) = (limits(none, some), limits(some, none));
    assert!(worse.low > 0.0 && better.high < 0.0, "{worse:?} {better:?}");
    assert!((worse.low + better.high).abs() < 1e-12 && (worse.high + better.low).abs() < 1e-12);
}

/// Looked at after each unit, the interval misses the true difference in fewer than α of runs.
#[test]
fn intervals_of_rare_events_hold_at_all_times() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as f64 / (1_u64 << 53) as f64
    };
    for (blue, green) in [(0.001, 0.001), (0.01, 0.03), (0.3, 0.3)] {
        let missed = (0..300).filter(|_| {
            let (mut of_blue, mut of_green) = (Moments::default(), Moments::default());
            (0..600).any(|_| {
                of_blue.add(f64::from(u8::from(draw() < blue)));
                of_green.add(f64::from(u8::from(draw() < green)));
                let pair = ByVersion { blue: of_blue, green: of_green };
                let Limits { low, high } =
                    ConfidenceSequence::from_moments(pair, 0.05).unwrap().limits().unwrap();
                !(low..=high).contains(&(green - blue))
            })
        });
        let missed = missed.count();
        assert!(missed <= 15, "{blue} {green}: {missed} of 300");
    }
}

/// The growth of a bet on a rate is the formula that a small share has.
#[test]
fn a_plan_is_what_the_formula_says() {
    let question =
        PowerQuery { per_second: 50.0, green: chance(0.01), margin: 0.25, regression: 2.0 };
    let expected = question.for_rate(0.01, 0.05, 7, 1).unwrap();
    let rho: f64 = 3.0 / 1.25;
    let nats = 50.0 * 0.01 * 0.01 * 1.25 * (rho * rho.ln() - rho + 1.0);
    let seconds = (8.0 * 7.0 / 0.05_f64).ln() / nats;
    assert!((expected.seconds / seconds - 1.0).abs() < 0.1, "{expected:?} {seconds}");
    assert!((expected.green_responses / expected.seconds - 0.5).abs() < 1e-9);
    let within = PowerQuery { regression: 0.2, ..question };
    assert_eq!(within.for_rate(0.01, 0.05, 7, 1), None);
    assert_eq!(within.for_values(0.8, 0.05, 7, 1), None);
}

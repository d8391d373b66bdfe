//! Tripwires.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use verdigris::analysis::{Measurements, Metric, Observation, Reading, Tripwire, TripwireWindow};
use verdigris::assignment::Version;

use crate::observe;

const ERRORS: Tripwire = Tripwire {
    metric: Metric::ErrorRate,
    limit: 0.5,
    min_samples: 10,
    min_units: 2,
    window_s: 30,
    is_absolute: false,
};

/// A tripwire with its window.
struct Watched {
    tripwire: Tripwire,
    window: TripwireWindow,
}

impl Watched {
    fn new(tripwire: Tripwire) -> Self {
        Self { tripwire, window: TripwireWindow::default() }
    }

    fn record(&mut self, second: u64, version: Version, unit: u64, measurements: Measurements) {
        let observed = observe(second * 1_000_000_000, unit, 0, version, measurements);
        self.tripwire.record(&mut self.window, &observed.observation);
    }

    fn reading(&self) -> &'static str {
        match self.tripwire.evaluate(&self.window) {
            Reading::Within => "within",
            Reading::Tripped { .. } => "tripped",
            Reading::Incident { .. } => "incident",
        }
    }
}

fn error(is_bad: bool) -> Measurements {
    Measurements::default().with_rate(Metric::ErrorRate, is_bad)
}

#[test]
fn a_tripwire_needs_enough_responses_and_compares() {
    let absolute = Tripwire { is_absolute: true, min_units: 1, ..ERRORS };
    // Responses, how many of ten are bad, and how many units they come from.
    type Responses = (u64, u64, u64);
    let none: Responses = (0, 0, 1);
    // The case; green's responses; blue's; the reading.
    let table: [(&str, Tripwire, Responses, Responses, &str); 17] = [
        ("too few responses", ERRORS, (9, 10, 9), (90, 0, 90), "within"),
        ("enough responses", ERRORS, (10, 10, 10), (90, 0, 90), "tripped"),
        ("at the limit", ERRORS, (40, 5, 40), (90, 0, 90), "within"),
        ("above the limit", ERRORS, (40, 7, 40), (90, 0, 90), "tripped"),
        ("one unit alone", ERRORS, (500, 10, 1), (90, 0, 90), "within"),
        ("two units", ERRORS, (10, 10, 2), (90, 0, 90), "tripped"),
        ("no response of blue", ERRORS, (20, 10, 20), none, "tripped"),
        ("too few responses of blue", ERRORS, (20, 10, 20), (1, 10, 1), "tripped"),
        ("a few bad responses of blue", ERRORS, (20, 10, 20), (2, 10, 2), "incident"),
        ("a few good responses of blue", ERRORS, (20, 10, 20), (2, 0, 2), "tripped"),
        ("blue is as bad", ERRORS, (20, 10, 20), (90, 10, 90), "incident"),
        ("blue is half as bad", ERRORS, (20, 10, 20), (90, 5, 90), "incident"),
        ("blue is a third as bad", ERRORS, (20, 10, 20), (90, 3, 90), "tripped"),
        ("blue is better by chance", ERRORS, (20, 6, 20), (90, 3, 90), "incident"),
        ("blue is better by more", ERRORS, (400, 6, 400), (90, 3, 90), "tripped"),
        ("absolute, blue is as bad", absolute, (20, 10, 20), (90, 10, 90), "tripped"),
        ("absolute, one unit", absolute, (20, 10, 1), none, "tripped"),
    ];
    for (what, tripwire, green, blue, expected) in table {
        let mut watched = Watched::new(tripwire);
        for (version, (count, bad, units)) in [(Version::Green, green), (Version::Blue, blue)] {
            for index in 0..count {
                let is_bad = index * bad / 10 != (index + 1) * bad / 10;
                watched.record(index / 5, version, index % units, error(is_bad));
            }
        }
        assert_eq!(watched.reading(), expected, "{what}");
    }
}

/// Otherwise such responses counted as open beside those that fail, until the window has settled.
#[test]
fn a_response_that_reveals_nothing_is_not_open() {
    let silent = Measurements::of_ended_response();
    for is_late in [false, true] {
        for metric in [Metric::ErrorRate, Metric::SlowRate] {
            let mut watched = Watched::new(Tripwire { metric, ..ERRORS });
            let bad = Measurements::default().with_rate(metric, true);
            let mut record = |second: u64, unit: u64, is_assignment: bool, measurements| {
                let observed =
                    observe(second * 1_000_000_000, unit, 0, Version::Green, measurements);
                let observation = Observation { is_assignment, ..observed.observation };
                watched.tripwire.record(&mut watched.window, &observation);
            };
            for unit in 0..20 {
                record(unit, unit, true, bad);
                if is_late {
                    record(unit, unit, true, Measurements::default());
                }
                record(unit, unit, !is_late, silent);
            }
            assert_eq!(watched.reading(), "tripped", "{is_late} {metric}");
        }
    }
    // One that was reported as slow is counted as ended by that.
    let mut watched = Watched::new(Tripwire { metric: Metric::SlowRate, ..ERRORS });
    let mut record = |unit: u64, is_assignment: bool, measurements| {
        let observed = observe(1_000_000_000, unit, 0, Version::Green, measurements);
        let observation = Observation { is_assignment, ..observed.observation };
        watched.tripwire.record(&mut watched.window, &observation);
    };
    for unit in 0..20 {
        (0..2).for_each(|_| record(unit, true, Measurements::default()));
        record(unit, false, Measurements::of_slow_response());
        record(unit, false, silent.without_reported_slowness());
    }
    assert_eq!(watched.reading(), "within");
}

/// Requests from the beginning of a step on.
struct Beginning {
    rps: f64,
    /// Green's share of the requests.
    share: f64,
    /// The share of requests that fail, on blue and on green, and after how long, in seconds.
    failing: [f64; 2],
    fails_after_s: f64,
    /// The median duration of other responses, in seconds.
    median_s: f64,
    /// From when on requests fail, in seconds.
    from_s: f64,
}

impl Beginning {
    /// The first reading other than "within" in the first minutes, and its second.
    fn first_reading(&self, seed: u64) -> Option<(&'static str, f64)> {
        const TICK_S: f64 = 0.5;
        let tripwire = Tripwire { min_samples: 20, ..ERRORS };
        let mut random = SmallRng::seed_from_u64(seed);
        let duration = LogNormal::new(self.median_s.ln(), 0.8).unwrap();
        let mut watched = Watched::new(tripwire);
        // When each open request ends, of which version and unit it is, and how it ends.
        let mut open: Vec<(f64, Version, u64, bool)> = Vec::new();
        let record =
            |watched: &mut Watched, at: f64, version, unit, is_assignment, measurements| {
                let mut observed =
                    observe((at * 1e9) as u64, unit, 0, version, measurements).observation;
                observed.is_assignment = is_assignment;
                tripwire.record(&mut watched.window, &observed);
            };
        for tick in 1..=400 {
            let now = f64::from(tick) * TICK_S;
            for _ in 0..(self.rps * TICK_S).round() as u64 {
                let is_green = random.random_bool(self.share);
                let version = if is_green { Version::Green } else { Version::Blue };
                let fails =
                    now >= self.from_s && random.random_bool(self.failing[usize::from(is_green)]);
                let lasts = if fails { self.fails_after_s } else { duration.sample(&mut random) };
                let unit = random.random();
                record(&mut watched, now, version, unit, true, Measurements::default());
                open.push((now + lasts, version, unit, fails));
            }
            for (_, version, unit, is_bad) in open.extract_if(.., |it| it.0 <= now) {
                record(&mut watched, now, version, unit, false, error(is_bad));
            }
            tripwire.expire(&mut watched.window, now as u64);
            if watched.reading() != "within" {
                return Some((watched.reading(), now));
            }
        }
        None
    }
}

/// Failures end sooner than long answers, so the first responses of a step to end are bad ones.
#[test]
fn a_few_failures_at_the_beginning_of_a_step_trip_nothing() {
    let few = Beginning {
        rps: 100.0,
        share: 1.0,
        failing: [0.05; 2],
        fails_after_s: 0.05,
        median_s: 20.0,
        from_s: 0.0,
    };
    for world in [
        Beginning { ..few },
        Beginning { rps: 200.0, failing: [0.1; 2], median_s: 4.0, ..few },
        Beginning { failing: [0.1; 2], median_s: 60.0, ..few },
        Beginning { share: 0.5, ..few },
        Beginning { share: 2.0 / 3.0, rps: 200.0, ..few },
    ] {
        let found: Vec<_> = (0..20).filter_map(|seed| world.first_reading(seed)).collect();
        assert_eq!(found, [], "{} requests a second, {}", world.rps, world.median_s);
    }
}

/// How a green fails that has all requests, or half of them beside a good blue; and the latest second in
/// which it is found.
#[test]
fn a_green_that_fails_is_found_at_the_beginning_of_a_step() {
    let bad = Beginning {
        rps: 20.0,
        share: 0.5,
        failing: [0.01, 1.0],
        fails_after_s: 0.05,
        median_s: 4.0,
        from_s: 0.0,
    };
    for (world, latest_s) in [
        (Beginning { ..bad }, 4.0),
        (Beginning { share: 1.0, ..bad }, 3.0),
        (Beginning { median_s: 20.0, ..bad }, 4.0),
        // Most of all requests have failed after twice the time that it takes.
        (Beginning { fails_after_s: 4.0, ..bad }, 12.0),
        (Beginning { fails_after_s: 60.0, ..bad }, 66.0),
        (Beginning { failing: [0.01, 0.8], fails_after_s: 1.0, ..bad }, 12.0),
        // It begins to fail when the window has settled.
        (Beginning { failing: [0.01, 1.0], from_s: 70.0, ..bad }, 95.0),
    ] {
        for seed in 0..20 {
            let found = world.first_reading(seed);
            assert!(
                found.is_some_and(|(reading, at_s)| reading == "tripped" && at_s <= latest_s),
                "failing after {} s: {found:?}",
                world.fails_after_s
            );
        }
    }
}

/// In steps in which both versions have about as many responses as green needs.
#[test]
fn an_outage_of_both_versions_is_an_incident_with_little_traffic() {
    for rps in [1.0, 1.33, 1.6, 2.0, 4.0] {
        let outage = Beginning {
            rps: rps * 2.0,
            share: 0.5,
            failing: [1.0; 2],
            fails_after_s: 0.05,
            median_s: 4.0,
            from_s: 100.0,
        };
        for seed in 0..50 {
            let found = outage.first_reading(seed);
            assert!(found.is_none_or(|(reading, _)| reading == "incident"), "{rps}: {found:?}");
        }
    }
}

#[test]
fn a_client_with_many_requests_counts_as_one_group_of_units() {
    let mut watched = Watched::new(ERRORS);
    for request in 0..100 {
        watched.record(0, Version::Green, 0, error(true));
        watched.record(0, Version::Green, 1 + request % 20, error(request % 20 == 3));
    }
    assert_eq!(watched.reading(), "within", "two of 21 units are bad");
}

#[test]
fn a_tripwire_on_values_compares_means() {
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
    for (tripwire, green, blue, expected) in table {
        let mut watched = Watched::new(tripwire);
        for unit in 0..20 {
            for (version, value) in [(Version::Green, green), (Version::Blue, blue)] {
                let measurements = Measurements::default().with_value(tripwire.metric, value);
                watched.record(0, version, unit, measurements);
            }
        }
        assert_eq!(watched.reading(), expected, "{tripwire:?} {green} {blue}");
    }
}

/// Rate limits that both versions share say nothing where nothing is compared.
#[test]
fn an_absolute_tripwire_ignores_rate_limits() {
    let absolute = Tripwire { is_absolute: true, ..ERRORS };
    for (tripwire, expected) in [(ERRORS, "tripped"), (absolute, "within")] {
        let mut watched = Watched::new(tripwire);
        (0..20).for_each(|unit| {
            watched.record(0, Version::Green, unit, error(true).with_rate_limited());
        });
        assert_eq!(watched.reading(), expected);
    }
}

#[test]
fn responses_leave_the_window() {
    let mut watched = Watched::new(Tripwire { min_samples: 2, ..ERRORS });
    watched.record(99, Version::Green, 1, error(true));
    watched.record(100, Version::Green, 2, error(true));
    for (now_s, expected) in [(120, "tripped"), (132, "within")] {
        watched.tripwire.expire(&mut watched.window, now_s);
        assert_eq!(watched.reading(), expected, "{now_s}");
    }
}

/// A limit on errors, in the longest window.
const LONG: Tripwire = Tripwire { window_s: 600, ..ERRORS };

/// In each case one unit of green has bad responses alone. Only where it is all that green has
/// had for ten minutes does a tripwire trip.
#[test]
fn one_unit_alone_trips_nothing_unless_it_is_all_that_green_has() {
    let three = Tripwire { min_units: 3, ..LONG };
    let one = Tripwire { min_units: 1, ..ERRORS };
    let absolute = Tripwire { is_absolute: true, ..ERRORS };
    let duration = Tripwire { metric: Metric::Duration, limit: 1000.0, ..ERRORS };
    // The case; the tripwire; bad units of green, its good units; the seconds that they send
    // for; the reading.
    let table = [
        ("one of many", LONG, 1, 20, 700, "within"),
        ("one of two, half of the groups", LONG, 1, 1, 700, "within"),
        ("all there is, for too short a time", LONG, 1, 0, 500, "within"),
        ("all there is, in a short window", ERRORS, 1, 0, 700, "within"),
        ("all there is", LONG, 1, 0, 700, "by all units"),
        ("both that there are, of three", three, 2, 0, 700, "by all units"),
        ("two of three that are needed, one is good", three, 2, 1, 700, "within"),
        ("two", LONG, 2, 0, 700, "tripped"),
        ("two, in a short window", ERRORS, 2, 0, 700, "tripped"),
        ("absolute", absolute, 1, 0, 700, "within"),
        ("the operator wants one", one, 1, 0, 700, "tripped"),
        ("a slow one of many", duration, 1, 20, 700, "within"),
        ("a slow one alone", duration, 1, 0, 700, "within"),
        ("two slow ones", duration, 2, 1, 700, "tripped"),
    ];
    for (what, tripwire, bad, good, seconds, expected) in table {
        let mut watched = Watched::new(tripwire);
        for second in 0..seconds {
            for unit in 0..bad + good {
                let measurements = match (tripwire.metric, unit < bad) {
                    (Metric::ErrorRate, is_bad) => error(is_bad),
                    // So slow that the mean of 21 groups is beyond the limit.
                    (metric, true) => Measurements::default().with_value(metric, 60_000.0),
                    (metric, false) => Measurements::default().with_value(metric, 100.0),
                };
                watched.record(second, Version::Green, unit, measurements);
                watched.record(second, Version::Blue, unit + 100, good_response(tripwire.metric));
            }
            watched.tripwire.expire(&mut watched.window, second);
        }
        let reading = match watched.tripwire.evaluate(&watched.window) {
            Reading::Tripped { is_by_all_units: true, .. } => "by all units",
            _ => watched.reading(),
        };
        assert_eq!(reading, expected, "{what}");
    }
}

/// Units 0 and 32 are in one group. Then the others have no response, but there are no others.
#[test]
fn two_units_in_one_group_trip_if_they_are_all_that_green_has() {
    for (other, expected) in [(None, "tripped"), (Some(1), "within")] {
        let mut watched = Watched::new(LONG);
        for second in 0..700 {
            [0, 32].into_iter().for_each(|unit| {
                watched.record(second, Version::Green, unit, error(true));
            });
            if let Some(unit) = other.filter(|_| second % 200 == 0) {
                watched.record(second, Version::Green, unit, error(second == 0));
            }
            watched.tripwire.expire(&mut watched.window, second);
        }
        assert_eq!(watched.reading(), expected, "{other:?}");
    }
}

fn good_response(metric: Metric) -> Measurements {
    match metric {
        Metric::ErrorRate => error(false),
        metric => Measurements::default().with_value(metric, 100.0),
    }
}

//! From the outcome of a response to measurements.

use std::time::Duration;

use verdigris::analysis::{CensoredValue, Measurements, Metric};
use verdigris::response::answer::ModelName;
use verdigris::response::{
    Answer, ClassificationRules, LimitPolicy, Method, Outcome, Phrases, Price, Prices,
    ResponseFlags, StreamEnd, Tokens, UnreadReason,
};

/// A complete streamed answer.
fn complete_answer() -> Outcome {
    let tokens =
        Tokens { input: Some(1000), cached: Some(900), output: Some(100), ..Tokens::default() };
    let model = Some(ModelName::new(b"m"));
    let (finished, has_answer, has_content) = (true, true, true);
    let answer = Answer { tokens, model, finished, has_answer, has_content, ..Answer::default() };
    Outcome {
        status: Some(200),
        is_model_path: true,
        has_body: true,
        is_stream: true,
        answer: Some(Ok(answer)),
        duration: Duration::from_millis(2500),
        ttft: Some(Duration::from_micros(400_250)),
        ..Outcome::default()
    }
}

/// The measurements of a complete answer that was changed.
fn with(change: impl FnOnce(&mut Outcome)) -> Measurements {
    let mut outcome = complete_answer();
    change(&mut outcome);
    let mut prices = Prices::default();
    let price = Price {
        input: 1_000_000,
        cached_input: 100_000,
        cache_write: 1_000_000,
        output: 10_000_000,
    };
    assert!(prices.add("*", price));
    let phrases = Phrases::default();
    let (limits, objective) = (LimitPolicy::default(), Some(Duration::from_secs(2)));
    let rules = ClassificationRules { phrases: &phrases, prices: &prices, limits };
    Measurements::from_outcome(&outcome.classify(rules), objective)
}

fn answer(outcome: &mut Outcome) -> &mut Answer {
    outcome.answer.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn a_complete_answer_reveals_everything() {
    let measurements = with(|_| {});
    let rates = [
        (Metric::ErrorRate, false),
        (Metric::ClientErrorRate, false),
        (Metric::RefusalRate, false),
        (Metric::EmptyRate, false),
        (Metric::TruncationRate, false),
        (Metric::AbortRate, false),
        (Metric::SlowRate, true),
    ];
    for (metric, is_bad) in rates {
        assert_eq!(measurements.is_bad(metric), Some(is_bad), "{metric}");
    }
    let assert_value = |metric, expected: f64| {
        let value = measurements.value_of(metric).unwrap();
        assert!((value / expected - 1.0).abs() < 1e-6, "{metric} {value}");
    };
    assert_value(Metric::Duration, 2500.0);
    // With fractions of milliseconds, or fast answers would all be equal.
    assert_value(Metric::Ttft, 400.25);
    assert_value(Metric::OutputTokens, 100.0);
    // As if no input had been cached: 1000 + 100 × 10 millionths.
    assert_value(Metric::Cost, 0.002);
}

/// The metrics of the table below, in three groups: from the status and the end, from the answer's
/// content, and values.
const METRICS: [Metric; 11] = [
    Metric::ErrorRate,
    Metric::ClientErrorRate,
    Metric::AbortRate,
    Metric::SlowRate,
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::TruncationRate,
    Metric::Duration,
    Metric::Ttft,
    Metric::OutputTokens,
    Metric::Cost,
];

/// What is known of a metric, as a letter.
///
/// `B` bad, `G` good, `V` a value, `m` missing, `g` good but partly missing, `v` a value but partly
/// missing, `.` nothing.
fn letter(measurements: &Measurements, metric: Metric) -> char {
    let is_missing = measurements.is_missing(metric);
    match (measurements.value_of(metric), measurements.is_bad(metric)) {
        (Some(_), _) => {
            if is_missing {
                'v'
            } else {
                'V'
            }
        }
        (None, Some(true)) => 'B',
        (None, Some(false)) => {
            if is_missing {
                'g'
            } else {
                'G'
            }
        }
        (None, None) => {
            if is_missing {
                'm'
            } else {
                '.'
            }
        }
    }
}

#[test]
fn each_outcome_has_its_measurements() {
    type Change = fn(&mut Outcome);
    // The response; how it differs from a complete answer; what is known, in the order of METRICS.
    let table: [(&str, Change, &str); 21] = [
        ("a complete answer", |_| {}, "GGGB GGG VVVV"),
        (
            "503 after the objective",
            |it| (it.status, it.answer, it.ttft) = (Some(503), None, None),
            "B..B ... ....",
        ),
        (
            "503 before the objective, neither fast nor slow",
            |it| (it.status, it.answer, it.duration) = (Some(503), None, Duration::ZERO),
            "B... ... ....",
        ),
        (
            "400",
            |it| (it.status, it.answer, it.duration) = (Some(400), None, Duration::ZERO),
            ".B.. ... ....",
        ),
        (
            "200 without an answer",
            |it| (answer(it).has_answer, answer(it).has_content) = (false, false),
            "B..B ... ....",
        ),
        ("an empty answer", |it| answer(it).has_content = false, "GGGB GBG VVVV"),
        (
            "an answer cut off by the upstream",
            |it| (it.ending, answer(it).finished) = (StreamEnd::Cut, false),
            "B..B ... ....",
        ),
        (
            "a refusal cut off by the upstream",
            |it| {
                it.ending = StreamEnd::Cut;
                (answer(it).finished, answer(it).refusal) = (false, true);
            },
            "B..B B.. ....",
        ),
        (
            "aborted by the client before the objective",
            |it| {
                (it.ending, it.duration) = (StreamEnd::Aborted, Duration::from_millis(100));
                answer(it).finished = false;
            },
            ".GB. ... VV..",
        ),
        (
            "aborted by the client after the objective",
            |it| (it.ending, answer(it).finished) = (StreamEnd::Aborted, false),
            ".GBB ... VV..",
        ),
        (
            "aborted by a client that has not ended its request",
            |it| {
                (it.ending, it.is_request_open) = (StreamEnd::Aborted, true);
                answer(it).finished = false;
            },
            ".GB. ... ....",
        ),
        (
            "aborted by a client that does not read",
            |it| {
                (it.ending, it.flags) = (StreamEnd::Aborted, ResponseFlags(1 << 16));
                answer(it).finished = false;
            },
            ".GB. ... ....",
        ),
        (
            "answered in time after a long upload",
            |it| it.upload = Duration::from_secs(1),
            "GGGG GGG VVVV",
        ),
        (
            "an encoded answer",
            |it| (it.answer, it.ttft) = (Some(Err(UnreadReason::Encoded)), None),
            "gGGB mmm Vmmm",
        ),
        (
            "answered by the other version after a failover",
            |it| it.has_failed_over = true,
            "B... ... ....",
        ),
        ("a malformed answer", |it| answer(it).malformed = true, "gGGB mmm Vvmm"),
        (
            "an answer without tokens that does not stream",
            |it| {
                (it.ttft, it.is_stream) = (None, false);
                answer(it).tokens = Tokens::default();
            },
            "GGGB GGG V.mm",
        ),
        ("a stream whose first content was not seen", |it| it.ttft = None, "GGGB GGG VmVV"),
        (
            "204 to a POST",
            |it| (it.status, it.answer, it.has_body) = (Some(204), None, false),
            "gG.m mmm mmmm",
        ),
        (
            "204 to OPTIONS",
            |it| {
                (it.status, it.answer, it.has_body) = (Some(204), None, false);
                it.method = Method::Bodyless;
            },
            ".... ... ....",
        ),
        (
            "a WebSocket",
            |it| {
                (it.status, it.answer) = (Some(101), None);
                it.protocol = verdigris::response::Protocol::Tunnel;
            },
            "GGG. ... ....",
        ),
    ];
    for (name, change, expected) in table {
        let measurements = with(change);
        let expected = expected.replace(' ', "");
        let found: String = METRICS.map(|metric| letter(&measurements, metric)).iter().collect();
        assert_eq!(found, expected, "{name}: {METRICS:?}");
    }
}

#[test]
fn an_abort_before_the_first_token_censors_both_times() {
    let measurements = with(|it| {
        (it.ending, it.ttft, it.duration) = (StreamEnd::Aborted, None, Duration::from_secs(9));
        answer(it).finished = false;
    });
    let at_least = |value| Some(CensoredValue { value, is_censored: true });
    assert_eq!(measurements.censored_value_of(Metric::Ttft), at_least(9000.0));
    assert_eq!(measurements.censored_value_of(Metric::Duration), at_least(9000.0));
}

/// How long a response would have lasted is not known if the client has left. When its content
/// began is known.
#[test]
fn an_abort_after_the_first_token_censors_the_duration_alone() {
    let measurements = with(|it| {
        (it.ending, it.ttft) = (StreamEnd::Aborted, Some(Duration::from_secs(1)));
        it.duration = Duration::from_secs(9);
        answer(it).finished = false;
    });
    let is_censored = |metric| {
        measurements.censored_value_of(metric).map(|CensoredValue { is_censored, .. }| is_censored)
    };
    assert_eq!(is_censored(Metric::Ttft), Some(false));
    assert_eq!(is_censored(Metric::Duration), Some(true));
    let complete = with(|_| {}).censored_value_of(Metric::Duration);
    assert_eq!(complete, Some(CensoredValue::from(2500.0)));
}

#[test]
fn a_response_whose_status_is_not_known_reveals_nothing() {
    let unknown = with(|it| (it.status, it.answer, it.ttft) = (None, None, None));
    for metric in
        [Metric::ErrorRate, Metric::ClientErrorRate, Metric::RefusalRate, Metric::Duration]
    {
        assert!(unknown.is_missing(metric), "{metric:?}");
    }
    let without = [Metric::ErrorRate, Metric::ClientErrorRate, Metric::Duration];
    assert!(without.into_iter().all(|metric| !unknown.is_known(metric)));
}

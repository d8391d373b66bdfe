//! What an outcome tells the judge.

use std::time::Duration;

use verdigris::analysis::{Measurements, Metric};
use verdigris::response::answer::ModelName;
use verdigris::response::{
    Answer, ClassificationRules, LimitPolicy, Method, Outcome, Phrases, Price, Prices, StreamEnd,
    Tokens, UnreadReason,
};

/// A streamed answer that came whole.
fn whole() -> Outcome {
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

fn with(change: impl FnOnce(&mut Outcome)) -> Measurements {
    let mut outcome = whole();
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
fn a_whole_answer_tells_everything() {
    let told = with(|_| {});
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
        assert_eq!(told.is_bad(metric), Some(is_bad), "{metric}");
    }
    let close = |metric, expected: f64| {
        let value = told.value_of(metric).unwrap();
        assert!((value / expected - 1.0).abs() < 1e-6, "{metric} {value}");
    };
    close(Metric::Duration, 2500.0);
    // What is finer than a millisecond is kept, or fast answers would all be equal.
    close(Metric::Ttft, 400.25);
    close(Metric::OutputTokens, 100.0);
    // All of the input as if nothing of it had been cached: 1000 + 100 × 10 of a million.
    close(Metric::Cost, 0.002);
}

/// How a metric is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    /// It is bad, or is not, or has a value.
    Bad,
    Good,
    Value,
    /// It should be told and is not, or not all of it.
    Missing,
    GoodWithMissing,
    ValueWithMissing,
    /// It has nothing to do with it.
    Nothing,
}

fn known(told: &Measurements, metric: Metric) -> Known {
    let is_missing = told.is_missing(metric);
    match (told.value_of(metric), told.is_bad(metric)) {
        (Some(_), _) if is_missing => Known::ValueWithMissing,
        (Some(_), _) => Known::Value,
        (None, Some(true)) => Known::Bad,
        (None, Some(false)) if is_missing => Known::GoodWithMissing,
        (None, Some(false)) => Known::Good,
        (None, None) if is_missing => Known::Missing,
        (None, None) => Known::Nothing,
    }
}

/// What is known of each metric where a response went otherwise.
#[test]
fn what_is_not_known_is_not_told() {
    use Known::{
        Bad, Good, GoodWithMissing, Missing, Nothing, Value, ValueWithMissing as SomeValue,
    };
    type Change = fn(&mut Outcome);
    let metrics = [
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
    let nothing = [Nothing; 11];
    let table: [(&str, Change, [Known; 11]); 17] = [
        (
            "a whole answer",
            |_| {},
            [Good, Good, Good, Bad, Good, Good, Good, Value, Value, Value, Value],
        ),
        (
            "503 after the objective",
            |it| (it.status, it.answer, it.ttft) = (Some(503), None, None),
            [
                Bad, Nothing, Nothing, Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing,
            ],
        ),
        (
            "503 at once is neither fast nor slow",
            |it| (it.status, it.answer, it.duration) = (Some(503), None, Duration::ZERO),
            [
                Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing, Nothing,
            ],
        ),
        (
            "400",
            |it| (it.status, it.answer, it.duration) = (Some(400), None, Duration::ZERO),
            [
                Nothing, Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing, Nothing,
            ],
        ),
        (
            "no answer in a 200",
            |it| (answer(it).has_answer, answer(it).has_content) = (false, false),
            [
                Bad, Nothing, Nothing, Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing,
            ],
        ),
        (
            "an empty answer",
            |it| answer(it).has_content = false,
            [Good, Good, Good, Bad, Good, Bad, Good, Value, Value, Value, Value],
        ),
        (
            "an upstream that broke off",
            |it| (it.ending, answer(it).finished) = (StreamEnd::Cut, false),
            [
                Bad, Nothing, Nothing, Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing,
            ],
        ),
        (
            "a refusal that broke off",
            |it| {
                it.ending = StreamEnd::Cut;
                (answer(it).finished, answer(it).refusal) = (false, true);
            },
            [Bad, Nothing, Nothing, Bad, Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing],
        ),
        (
            "a client that left early",
            |it| {
                (it.ending, it.duration) = (StreamEnd::Aborted, Duration::from_millis(100));
                answer(it).finished = false;
            },
            [
                Nothing, Good, Bad, Nothing, Nothing, Nothing, Nothing, Value, Value, Nothing,
                Nothing,
            ],
        ),
        (
            "a client that left late",
            |it| (it.ending, answer(it).finished) = (StreamEnd::Aborted, false),
            [Nothing, Good, Bad, Bad, Nothing, Nothing, Nothing, Value, Value, Nothing, Nothing],
        ),
        (
            "one that could not be read",
            |it| (it.answer, it.ttft) = (Some(Err(UnreadReason::Encoded)), None),
            [
                GoodWithMissing,
                Good,
                Good,
                Bad,
                Missing,
                Missing,
                Missing,
                Value,
                Missing,
                Missing,
                Missing,
            ],
        ),
        (
            "one by another version",
            |it| it.has_failed_over = true,
            [
                Bad, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing, Nothing,
            ],
        ),
        (
            "one that is not what its format says",
            |it| answer(it).malformed = true,
            [
                GoodWithMissing,
                Good,
                Good,
                Bad,
                Missing,
                Missing,
                Missing,
                Value,
                SomeValue,
                Missing,
                Missing,
            ],
        ),
        (
            "an answer that tells no tokens, and does not stream",
            |it| {
                (it.ttft, it.is_stream) = (None, false);
                answer(it).tokens = Tokens::default();
            },
            [Good, Good, Good, Bad, Good, Good, Good, Value, Missing, Missing, Missing],
        ),
        (
            "204 to a POST",
            |it| (it.status, it.answer, it.has_body) = (Some(204), None, false),
            [
                GoodWithMissing,
                Good,
                Nothing,
                Missing,
                Missing,
                Missing,
                Missing,
                Missing,
                Missing,
                Missing,
                Missing,
            ],
        ),
        (
            "204 to OPTIONS",
            |it| {
                (it.status, it.answer, it.has_body) = (Some(204), None, false);
                it.method = Method::Bodyless;
            },
            nothing,
        ),
        (
            "a WebSocket",
            |it| {
                (it.status, it.answer) = (Some(101), None);
                it.protocol = verdigris::response::Protocol::Tunnel;
            },
            [
                Good, Good, Good, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing,
                Nothing,
            ],
        ),
    ];
    for (name, change, expected) in table {
        let told = with(change);
        let actual = metrics.map(|metric| known(&told, metric));
        assert_eq!(actual, expected, "{name}: {metrics:?}");
    }
}

/// A client that waits for the first token in vain has waited at least so long.
#[test]
fn a_client_that_left_before_the_first_token_tells_of_it() {
    let told = with(|it| {
        (it.ending, it.ttft, it.duration) = (StreamEnd::Aborted, None, Duration::from_secs(9));
        answer(it).finished = false;
    });
    assert_eq!(told.value_of(Metric::Ttft), Some(9000.0));
    assert_eq!(told.value_of(Metric::Duration), Some(9000.0));
}

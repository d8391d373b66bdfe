//! What an outcome tells the judge.

use std::time::Duration;

use verdigris::judge::{Metric, Told};
use verdigris::observe::answer::ModelName;
use verdigris::observe::{Answer, Ending, Outcome, Phrases, Price, Prices, Tokens, Unread};
use verdigris::ramp::told;

/// A streamed answer that came whole.
fn whole() -> Outcome {
    let tokens =
        Tokens { input: Some(1000), cached: Some(900), output: Some(100), ..Tokens::default() };
    let model = Some(ModelName::of(b"m"));
    let answer = Answer { tokens, model, finished: true, ..Answer::default() };
    Outcome {
        has_failed_over: false,
        status: Some(200),
        ending: Ending::Complete,
        is_stream: true,
        answer: Some(Ok(answer)),
        duration_ms: 2500,
        ttft_ms: Some(400),
    }
}

fn with(change: impl FnOnce(&mut Outcome)) -> Told {
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
    told(&outcome, &Phrases::default(), &prices, Some(Duration::from_secs(2)))
}

fn answer(outcome: &mut Outcome) -> &mut Answer {
    outcome.answer.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn a_whole_answer_tells_everything() {
    let told = with(|_| {});
    let rates = [
        (Metric::ErrorRate, false),
        (Metric::RefusalRate, false),
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
    close(Metric::Ttft, 400.0);
    close(Metric::OutputTokens, 100.0);
    // All of the input as if nothing of it had been cached: 1000 + 100 × 10 of a million.
    close(Metric::Cost, 0.002);
}

/// What is known of each metric where a response went otherwise.
#[test]
fn what_is_not_known_is_not_told() {
    use Metric::{AbortRate, Cost, ErrorRate, RefusalRate, SlowRate, TruncationRate, Ttft};
    type Change = fn(&mut Outcome);
    type Known = &'static [(Metric, Option<bool>)];
    let table: [(&str, Change, Known); 8] = [
        (
            "a status of 503",
            |it| (it.status, it.answer, it.ttft_ms) = (Some(503), None, None),
            &[(ErrorRate, Some(true)), (RefusalRate, None), (Ttft, None), (Cost, None)],
        ),
        (
            "an upstream that broke off",
            |it| {
                it.ending = Ending::Cut;
                answer(it).finished = false;
            },
            &[(ErrorRate, Some(true)), (RefusalRate, None), (Cost, None)],
        ),
        (
            "a refusal that broke off",
            |it| {
                it.ending = Ending::Cut;
                (answer(it).finished, answer(it).refusal) = (false, true);
            },
            &[(RefusalRate, Some(true)), (TruncationRate, None)],
        ),
        (
            "a client that left early",
            |it| {
                (it.ending, it.duration_ms) = (Ending::Aborted, 100);
                answer(it).finished = false;
            },
            &[(AbortRate, Some(true)), (ErrorRate, None), (SlowRate, None), (RefusalRate, None)],
        ),
        (
            "a client that left late",
            |it| {
                it.ending = Ending::Aborted;
                answer(it).finished = false;
            },
            &[(AbortRate, Some(true)), (ErrorRate, None), (SlowRate, Some(true))],
        ),
        (
            "one that could not be read",
            |it| it.answer = Some(Err(Unread::Encoded)),
            &[(ErrorRate, Some(false)), (RefusalRate, None), (Cost, None)],
        ),
        (
            "one by another version",
            |it| it.has_failed_over = true,
            &[
                (ErrorRate, Some(true)),
                (RefusalRate, None),
                (TruncationRate, None),
                (SlowRate, None),
                (AbortRate, None),
            ],
        ),
        (
            "one that is not what its format says",
            |it| answer(it).malformed = true,
            &[(ErrorRate, Some(false)), (RefusalRate, None), (Cost, None)],
        ),
    ];
    for (name, change, expected) in table {
        let told = with(change);
        for (metric, known) in expected {
            assert_eq!(told.is_bad(*metric), *known, "{name}: {metric}");
        }
    }
}

/// A client that waits for the first token in vain has waited at least so long.
#[test]
fn a_client_that_left_before_the_first_token_tells_of_it() {
    let told = with(|it| {
        (it.ending, it.ttft_ms, it.duration_ms) = (Ending::Aborted, None, 9000);
        answer(it).finished = false;
    });
    assert_eq!(told.value_of(Metric::Ttft), Some(9000.0));
    assert_eq!(told.value_of(Metric::Duration), Some(9000.0));
}

//! The counters and histograms of a response.

use std::time::Duration;

use verdigris::response::answer::ModelName;
use verdigris::response::{
    Answer, ClassificationRules, LimitPolicy, Outcome, Phrases, Price, Prices, StreamEnd, Tokens,
    UnreadReason,
};
use verdigris::stats::{Counter, Histogram, count_outcome, record_outcome};

/// A complete answer with tokens, in a stream of 3 s whose first content came after 1 s.
fn answered() -> Outcome {
    let tokens = Tokens {
        input: Some(100),
        cached: Some(40),
        cache_write: None,
        output: Some(50),
        reasoning: Some(0),
    };
    let model = Some(ModelName::new(b"m"));
    let (finished, has_answer, has_content) = (true, true, true);
    let answer = Answer { tokens, model, finished, has_answer, has_content, ..Answer::default() };
    Outcome {
        is_model_path: true,
        is_stream: true,
        answer: Some(Ok(answer)),
        duration: Duration::from_millis(3000),
        ttft: Some(Duration::from_millis(1000)),
        ..status(200)
    }
}

fn status(status: u16) -> Outcome {
    Outcome { status: Some(status), has_body: true, ..Outcome::default() }
}

fn with_answer(change: impl FnOnce(&mut Answer)) -> Outcome {
    let mut outcome = answered();
    change(outcome.answer.as_mut().unwrap().as_mut().unwrap());
    outcome
}

/// The counters of an outcome, as `name=count`.
fn counters(outcome: &Outcome) -> String {
    let (mut prices, phrases) = (Prices::default(), Phrases::default());
    let price = Price { input: 1_000_000, cached_input: 0, cache_write: 0, output: 2_000_000 };
    assert!(prices.add("m", price));
    let limits = LimitPolicy::Compare;
    let rules = ClassificationRules { phrases: &phrases, prices: &prices, limits };
    let mut counters = Vec::new();
    count_outcome(&outcome.classify(rules), |counter, count| {
        assert!(count > 0 && Counter::OUTCOMES.contains(&counter), "{counter}");
        counters.push(format!("{counter}={count}"));
    });
    counters.join(" ")
}

fn histograms(outcome: &Outcome) -> Vec<(Histogram, u64)> {
    let mut histograms = Vec::new();
    record_outcome(outcome, |histogram, value| histograms.push((histogram, value)));
    histograms
}

#[test]
fn an_outcome_counts_by_status_class_and_answer() {
    let tokens = "tokens_input=100 tokens_output=50 tokens_cached=40 cost_microusd=160".to_owned();
    let answer = format!("responses_2xx=1 answers=1 {tokens}");
    let unread = |reason| Outcome { answer: Some(Err(reason)), ..answered() };
    let cut = |ending, outcome| Outcome { ending, ..outcome };
    let table = [
        ("an answer", answered(), answer.clone()),
        (
            "an answer that is left out",
            Outcome { is_left_out: true, answer: None, ..answered() },
            "responses_2xx=1 unread_by_sampling=1".into(),
        ),
        (
            "one that is cut",
            cut(StreamEnd::Cut, Outcome { is_left_out: true, answer: None, ..answered() }),
            "responses_2xx=1 errors=1 unread_by_sampling=1".into(),
        ),
        ("another path", status(200), "responses_2xx=1".into()),
        ("a redirect", status(302), "responses_3xx=1".into()),
        ("a client error", status(404), "responses_4xx=1 client_errors=1".into()),
        ("a limit", status(429), "responses_429=1 errors=1".into()),
        ("an error", status(503), "responses_5xx=1 errors=1".into()),
        (
            "no response",
            cut(StreamEnd::Cut, Outcome::default()),
            "responses_none=1 errors=1".into(),
        ),
        (
            "the client left",
            cut(StreamEnd::Aborted, Outcome::default()),
            "responses_none=1 aborted=1".into(),
        ),
        (
            "the client left an error",
            cut(StreamEnd::Aborted, status(500)),
            "responses_5xx=1 errors=1 aborted=1".into(),
        ),
        (
            "a refusal",
            with_answer(|it| it.refusal = true),
            format!("responses_2xx=1 answers=1 refusals=1 {tokens}"),
        ),
        (
            "a truncation",
            with_answer(|it| it.truncation = true),
            format!("responses_2xx=1 answers=1 truncations=1 {tokens}"),
        ),
        (
            "an empty answer",
            with_answer(|it| it.has_content = false),
            format!("responses_2xx=1 answers=1 empty=1 {tokens}"),
        ),
        (
            "an empty answer without an end",
            with_answer(|it| (it.has_content, it.finished) = (false, false)),
            format!("responses_2xx=1 errors=1 answers=1 {tokens}"),
        ),
        (
            "implausible token counts, which were dropped",
            with_answer(|it| {
                (it.tokens, it.has_implausible_tokens) = (Tokens::default(), true);
            }),
            "responses_2xx=1 answers=1 unread_implausible=1".into(),
        ),
        (
            "a model without a price",
            with_answer(|it| it.model = None),
            answer.replace(" cost_microusd=160", ""),
        ),
        (
            "an encoded answer",
            unread(UnreadReason::Encoded),
            "responses_2xx=1 unread=1 unread_encoded=1".into(),
        ),
        (
            "an answer that is not JSON",
            with_answer(|it| it.malformed = true),
            "responses_2xx=1 unread=1 unread_malformed=1".into(),
        ),
        (
            "an answer that is not ready",
            with_answer(|it| it.is_pending = true),
            "responses_2xx=1".into(),
        ),
        (
            "an answer of the other version",
            Outcome { has_failed_over: true, ..answered() },
            "responses_2xx=1 errors=1 failed_over=1".into(),
        ),
    ];
    for (name, outcome, expected) in table {
        assert_eq!(counters(&outcome), expected, "{name}");
    }
}

#[test]
fn histograms_have_times_and_tokens() {
    let all = [
        (Histogram::DurationMs, 3000),
        (Histogram::TtftMs, 1000),
        (Histogram::AnswerTokens, 50),
        (Histogram::TokensPerSecond, 25),
    ];
    assert_eq!(histograms(&answered()), all);
    let plain = Outcome { ttft: None, ..answered() };
    assert_eq!(histograms(&plain), [all[0], all[2]], "without a first content");
    let unread = Outcome { answer: None, ..answered() };
    assert_eq!(histograms(&unread), all[..2]);
    let fast = Outcome { ttft: Some(Duration::from_micros(2_999_500)), ..answered() };
    assert_eq!(histograms(&fast).len(), 3, "no rate of less than a millisecond");
    assert_eq!(histograms(&Outcome { has_failed_over: true, ..answered() }), []);
}

//! What is exported of an outcome.

use std::time::Duration;

use verdigris::export::{ExchangeAnswer, FinishReason};
use verdigris::response::{
    Answer, ClassificationRules, LimitPolicy, Outcome, Phrases, Prices, StreamEnd, Tokens,
};

fn answered() -> Answer {
    Answer { has_answer: true, has_content: true, finished: true, ..Answer::default() }
}

fn outcome(status: u16, answer: Answer) -> Outcome {
    let answer = Some(Ok(answer));
    Outcome {
        status: Some(status),
        has_body: true,
        is_model_path: true,
        answer,
        ..Outcome::default()
    }
}

fn export(outcome: &Outcome) -> ExchangeAnswer {
    let (phrases, prices) = (Phrases::default(), Prices::default());
    let limits = LimitPolicy::Compare;
    ExchangeAnswer::from_outcome(&outcome.classify(ClassificationRules {
        phrases: &phrases,
        prices: &prices,
        limits,
    }))
}

#[test]
fn an_outcome_has_a_finish_reason_and_an_error() {
    let cut = || Outcome {
        ending: StreamEnd::Cut,
        ..outcome(200, Answer { finished: false, ..answered() })
    };
    let left = || Outcome { ending: StreamEnd::Aborted, ..cut() };
    let empty = || outcome(200, Answer { finished: true, ..Answer::default() });
    use FinishReason::{ContentFilter, Error, Length, Stop, ToolCall};
    let cases = [
        ("complete", outcome(200, answered()), Some(Stop), None),
        ("limit", outcome(200, Answer { truncation: true, ..answered() }), Some(Length), None),
        (
            "refusal",
            outcome(200, Answer { refusal: true, ..answered() }),
            Some(ContentFilter),
            None,
        ),
        ("tool", outcome(200, Answer { tool_stop: true, ..answered() }), Some(ToolCall), None),
        (
            "error",
            outcome(200, Answer { error: true, ..answered() }),
            Some(Error),
            Some("answer_error"),
        ),
        ("cut", cut(), Some(Error), Some("stream_cut")),
        ("left", left(), Some(Error), Some("client_aborted")),
        ("missing", empty(), None, Some("answer_missing")),
        ("500", Outcome { answer: None, ..outcome(500, Answer::default()) }, None, Some("500")),
        ("429", Outcome { answer: None, ..outcome(429, Answer::default()) }, None, Some("429")),
        (
            "no response",
            Outcome { ending: StreamEnd::Cut, ..Outcome::default() },
            None,
            Some("no_response"),
        ),
        (
            // The answer is the other version's.
            "failed over",
            Outcome { has_failed_over: true, ..outcome(200, answered()) },
            None,
            Some("failed_over"),
        ),
    ];
    for (case, outcome, finish_reason, error) in cases {
        let answer = export(&outcome);
        let has_failed_over = outcome.has_failed_over;
        assert!(!has_failed_over || (answer.model.is_none() && answer.tokens == Tokens::default()));
        assert_eq!(
            (answer.finish_reason, answer.error.as_deref()),
            (finish_reason, error),
            "{case}"
        );
    }
}

#[test]
fn an_outcome_has_times_and_tokens() {
    let tokens = Tokens { input: Some(3), output: Some(5), ..Tokens::default() };
    let outcome = Outcome {
        duration: Duration::from_millis(40),
        ttft: Some(Duration::from_millis(10)),
        is_stream: true,
        ..outcome(200, Answer { tokens, ..answered() })
    };
    let answer = export(&outcome);
    assert_eq!((answer.duration, answer.ttft), (outcome.duration, outcome.ttft));
    assert_eq!((answer.tokens, answer.is_stream, answer.status), (tokens, true, Some(200)));
}

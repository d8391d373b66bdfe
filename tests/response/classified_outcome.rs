//! An outcome under a configuration's rules.

use verdigris::response::answer::ModelName;
use verdigris::response::{
    Answer, AnswerParser, Class, ClassificationRules, Format, Framing, LimitPolicy, Outcome,
    Phrases, Price, Prices, Tokens,
};

fn phrases() -> Phrases {
    let mut phrases = Phrases::default();
    assert!(phrases.add("I'm sorry") && phrases.add("I cannot"));
    phrases
}

fn price(input: u64) -> Price {
    Price { input, cached_input: input / 10, cache_write: input * 2, output: 4_000_000 }
}

fn prices() -> Prices {
    let mut prices = Prices::default();
    for (model, input) in [("*", 1_000_000), ("gpt-*", 2_000_000), ("gpt-5", 3_000_000)] {
        assert!(prices.add(model, price(input)));
    }
    prices
}

fn answered(answer: Answer) -> Outcome {
    let answer = Answer { finished: true, has_answer: true, has_content: true, ..answer };
    Outcome { status: Some(200), has_body: true, answer: Some(Ok(answer)), ..Outcome::default() }
}

fn with_classified<T>(
    outcome: &Outcome,
    check: impl FnOnce(verdigris::response::ClassifiedOutcome<'_>) -> T,
) -> T {
    let (phrases, prices, limits) = (phrases(), prices(), LimitPolicy::Neutral);
    check(outcome.classify(ClassificationRules { phrases: &phrases, prices: &prices, limits }))
}

/// An answer whose text opens so.
fn opening(text: &str) -> Answer {
    let phrases = phrases();
    let mut parser = AnswerParser::new(Format::Chat, Framing::Json, phrases.longest());
    let content = serde_json::Value::from(text);
    parser.feed(format!(r#"{{"choices": [{{"message": {{"content": {content}}}}}]}}"#).as_bytes());
    parser.finish()
}

#[test]
fn a_refusal_is_stated_or_opens_with_a_phrase() {
    let table = [
        ("stated", Answer { refusal: true, ..Answer::default() }, true),
        ("a phrase", opening("I'm sorry, but no."), true),
        ("a phrase after white space, in other case", opening("\n\n i CANNOT help"), true),
        ("a phrase later in the text", opening("Well, I cannot"), false),
        ("a part of a phrase", opening("I'm"), false),
        ("no text", opening(""), false),
    ];
    for (name, answer, expected) in table {
        let outcome = answered(answer);
        assert_eq!(with_classified(&outcome, |it| it.is_refusal()), expected, "{name}");
    }
    let malformed = answered(Answer { refusal: true, malformed: true, ..Answer::default() });
    assert!(!with_classified(&malformed, |it| it.is_refusal()), "an answer that was not read");
}

#[test]
fn the_cost_is_that_of_the_closest_price() {
    let tokens = Tokens {
        input: Some(1_000),
        cached: Some(400),
        cache_write: Some(100),
        output: Some(10),
        reasoning: Some(5),
    };
    // For a price of 1 dollar: 500 + 40 + 200 of the input, 40 of the output.
    let table =
        [("gpt-5", 2260, 3040), ("gpt-5-mini", 1520, 2040), ("claude", 780, 1040), ("", 780, 1040)];
    for (model, cost, uncached) in table {
        let model = (!model.is_empty()).then(|| ModelName::new(model.as_bytes()));
        let outcome = answered(Answer { tokens, model, ..Answer::default() });
        let costs =
            with_classified(&outcome, |it| (it.cost_microusd(), it.uncached_cost_microusd()));
        assert_eq!(costs, (Some(cost), Some(uncached)), "{model:?}");
    }
}

#[test]
fn the_class_follows_the_limit_policy() {
    let limited = Outcome { status: Some(429), ..Outcome::default() };
    assert_eq!(with_classified(&limited, |it| it.class()), Class::Neutral);
    assert_eq!(
        with_classified(&limited, |it| (it.cost_microusd(), it.is_refusal())),
        (None, false)
    );
}

#[test]
fn a_model_name_is_valid_with_one_star_at_its_end() {
    let mut prices = Prices::default();
    for (model, is_valid) in [("", false), ("*a", false), ("a**", false), ("a*", true), ("*", true)]
    {
        assert_eq!(prices.add(model, price(1)), is_valid, "{model:?}");
    }
}

/// One count that is not plausible drops all: what remains would contradict itself. The bound itself
/// is plausible.
#[test]
fn token_counts_beyond_the_bound_are_dropped_and_reported() {
    const MOST: u64 = Tokens::MAX_PLAUSIBLE;
    let read = |input: &str, output: &str| {
        let mut parser = AnswerParser::new(Format::Chat, Framing::Json, 0);
        let usage =
            format!(r#""usage": {{"prompt_tokens": {input}, "completion_tokens": {output}}}"#);
        parser.feed(
            format!(r#"{{"choices": [{{"message": {{"content": "Hi"}}}}], {usage}}}"#).as_bytes(),
        );
        parser.finish()
    };
    let (most, more) = (MOST.to_string(), (MOST + 1).to_string());
    let table = [
        ("7", most.as_str(), Some((7, MOST))),
        (most.as_str(), "7", Some((MOST, 7))),
        ("7", more.as_str(), None),
        (more.as_str(), "7", None),
        ("7", "18446744073709551615", None),
    ];
    for (input, output, expected) in table {
        let answer = read(input, output);
        let found = answer.tokens.input.zip(answer.tokens.output);
        assert_eq!(found, expected, "{input} {output}");
        assert_eq!(answer.has_implausible_tokens, expected.is_none(), "{input} {output}");
        let outcome = answered(answer);
        with_classified(&outcome, |it| {
            assert_eq!(it.class(), Class::Success);
            assert_eq!(it.has_implausible_tokens(), expected.is_none());
            assert_eq!(it.cost_microusd().unwrap() > 0, expected.is_some());
        });
    }
}

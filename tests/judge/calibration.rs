//! How often judges agree with the labels, asked once and asked in both orders.

use std::fmt;

use serde_json::json;
use verdigris::callout::HttpResponse;
use verdigris::config::Plugin;
use verdigris::judge::{
    JudgeParameters, JudgeQuestion, JudgeReply, PairVerdict, Preference, agreed_preference,
};
use verdigris::sampling::Message;

use crate::labelled_pairs::{LabelledPair, labelled_pairs};
use crate::small_model::SmallModel;

/// What a judge has said of the labelled pairs.
#[derive(Debug, Default)]
struct Calibration {
    pairs: u32,
    /// Verdicts for the better answer, of those that were asked for in one order only.
    right_if_first: u32,
    right_if_second: u32,
    /// Verdicts in both orders that agree.
    agreed: u32,
    agreed_and_right: u32,
    /// Answers to a question about a pair that are no verdict.
    errors: u32,
    /// Pairs of which both answers have a score, and those whose better answer has the higher one.
    scored: u32,
    scored_higher: u32,
}

impl Calibration {
    fn of(judge: impl Fn(Vec<u8>) -> Vec<u8>) -> Self {
        let mut found = Self::default();
        // The kinds of questions one after the other, because a model keeps what it has read of the last
        // one, and the beginning of a question is the same.
        labelled_pairs().iter().for_each(|pair| found.add_pair(pair, &judge));
        labelled_pairs().iter().for_each(|pair| found.add_scores(pair, &judge));
        found
    }

    fn add_pair(&mut self, pair: &LabelledPair, judge: &impl Fn(Vec<u8>) -> Vec<u8>) {
        let (rubric, request) = (default_rubric(), messages(pair));
        let question = JudgeQuestion {
            model: "judge-model",
            rubric: &rubric,
            parameters: &JudgeParameters::default(),
            request: &request,
        };
        self.pairs += 1;
        // As blue's answer is the first one in the first question.
        let verdicts = [
            ask(judge, question.pair(&pair.better, &pair.worse)).pair(),
            ask(judge, question.pair(&pair.worse, &pair.better)).pair(),
        ];
        self.errors += u32::try_from(verdicts.iter().filter(|it| it.is_err()).count()).unwrap();
        self.right_if_first += u32::from(verdicts[0] == Ok(PairVerdict::A));
        self.right_if_second += u32::from(verdicts[1] == Ok(PairVerdict::B));
        if let [Ok(better_is_a), Ok(better_is_b)] = verdicts
            && let Some(preference) = agreed_preference(better_is_a, better_is_b)
        {
            self.agreed += 1;
            self.agreed_and_right += u32::from(preference == Preference::Blue);
        }
    }

    fn add_scores(&mut self, pair: &LabelledPair, judge: &impl Fn(Vec<u8>) -> Vec<u8>) {
        let (rubric, request) = (default_rubric(), messages(pair));
        let question = JudgeQuestion {
            model: "judge-model",
            rubric: &rubric,
            parameters: &JudgeParameters::default(),
            request: &request,
        };
        let score = |answer: &str| ask(judge, question.score(answer)).score();
        if let (Ok(better), Ok(worse)) = (score(&pair.better), score(&pair.worse)) {
            self.scored += 1;
            self.scored_higher += u32::from(better > worse);
        }
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, right_if_first, right_if_second, agreed, agreed_and_right, .. } = self;
        write!(
            f,
            "{pairs} pairs. Asked once: right in {right_if_first} with the better answer first, in \
             {right_if_second} with it second. Asked in both orders: {agreed} verdicts agree, \
             {agreed_and_right} of them are right; {} answers are no verdict. Scores: both answers of \
             {} pairs have one, and the better answer has the higher one in {}.",
            self.errors, self.scored, self.scored_higher
        )
    }
}

fn ask(judge: &impl Fn(Vec<u8>) -> Vec<u8>, question: Vec<u8>) -> JudgeReply {
    let bytes = question.len();
    let response = HttpResponse { status: 200, retry_after_s: None, body: judge(question) };
    JudgeReply::read(&Ok(response), JudgeReply::assumed_tokens(bytes, 100))
}

fn messages(pair: &LabelledPair) -> [Message; 1] {
    [Message { role: "user".to_owned(), text: pair.request.clone() }]
}

fn default_rubric() -> Box<str> {
    let config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "judge": {"cluster": "judge", "model": "judge-model"},
    });
    match Plugin::parse(config.to_string().as_bytes()).unwrap() {
        Plugin::Rollout(config) => config.judge.unwrap().rubric,
        Plugin::Console(_) => unreachable!("a rollout's configuration"),
    }
}

/// The calibration itself: of a judge that knows the labels, it finds that all is right.
#[test]
fn a_judge_that_knows_the_labels_is_right_in_both_orders() {
    let is_good = |text: &serde_json::Value| {
        labelled_pairs().iter().any(|it| Some(it.better.as_str()) == text.as_str())
    };
    let found = Calibration::of(|question| {
        let question: serde_json::Value = serde_json::from_slice(&question).unwrap();
        let texts = question["messages"][1]["content"].as_str().unwrap();
        let texts: serde_json::Value = serde_json::from_str(texts).unwrap();
        let verdict = match texts.get("answer") {
            Some(answer) => json!({"score": if is_good(answer) { 0.9 } else { 0.1 }}),
            None => json!({"better": if is_good(&texts["answers"]["A"]) { "A" } else { "B" }}),
        };
        let message = json!({"role": "assistant", "content": verdict.to_string()});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        json!({"choices": [choice]}).to_string().into_bytes()
    });
    let all = found.pairs;
    let of_pairs = [found.right_if_first, found.right_if_second, found.agreed];
    assert_eq!(of_pairs, [all; 3], "{found}");
    assert_eq!([found.agreed_and_right, found.scored_higher, found.errors], [all, all, 0]);
}

/// A model of 135 million parameters prefers the answer that comes first. Asked once it seems to be
/// right, or wrong, by the order alone; asked in both orders it says almost nothing.
#[test]
#[ignore = "installs a model: make judge"]
fn the_order_decides_for_a_small_model_and_the_swap_finds_it() {
    let model = SmallModel::start();
    let found = Calibration::of(|question| model.ask(question));
    println!("{found}");
    let Calibration { pairs, right_if_first, right_if_second, agreed, errors, .. } = found;
    assert_eq!(errors, 0);
    assert!(right_if_first * 10 >= pairs * 9, "{found:?}");
    assert!(right_if_second * 10 <= pairs && agreed * 10 <= pairs, "{found:?}");
    // What an answer of this judge is worth, if it is asked once and the order is chosen by chance.
    let right = right_if_first + right_if_second;
    assert!((pairs..=pairs + pairs / 10).contains(&right), "{found:?}");
}

//! A real small model as the judge, in front of two versions that answer equally well.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::pairs::{assert_no_user_was_on_green, of_shadow, shadow_step, verdict};
use super::score::under_load_of;
use super::scripted_judge::{Question, Reply, ScriptedJudge};
use super::{GOOD, start};
use crate::envoy::Envoy;
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::envoy_only::ramp_fixture::{
    GOOD_MODEL, decision_log, read_gauge, set_models, wait_for_gauges,
};
use crate::proxy::phase::ROLLED_BACK;
use crate::small_model::SmallModel;

/// As good as blue's answer, and recognised by its text.
const ALSO_GOOD: &str = "It is copper.";

/// Different questions are enough; the model needs seconds for each.
const REQUESTS: [&str; 6] = [
    "Which metal has the symbol Cu?",
    "What are pennies coated with?",
    "Name a metal that conducts electricity well.",
    "Which metal turns green in the rain?",
    "What is a wire in the wall made of?",
    "Which metal is bronze made of, besides tin?",
];

/// The time in which the model has answered each question once, even on a busy machine.
const MODEL_TIMEOUT: Duration = Duration::from_secs(1200);

/// The model's answers. With temperature 0 it gives the same one to the same question, so that each
/// question is asked once.
struct Answers {
    model: SmallModel,
    known: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Answers {
    fn of(&mut self, question: &Value) -> Vec<u8> {
        let question = question.to_string().into_bytes();
        if let Some(answer) = self.known.get(&question) {
            return answer.clone();
        }
        // The client must not block a thread of the server.
        let ask = || self.model.ask(question.clone());
        let answer = std::thread::scope(|scope| scope.spawn(ask).join().unwrap());
        self.known.insert(question, answer.clone());
        answer
    }
}

/// Blue and green under the load of users, while the model judges the pairs.
fn release(script: impl FnMut(&Question) -> Reply + Send + 'static, work: impl FnOnce(&Envoy)) {
    let scripted = ScriptedJudge::start(script);
    let mut config = shadow_step();
    // The model answers one question after the other, and all others wait.
    config["judge"]["timeout"] = json!("10m");
    let envoy = start(&scripted, &config, 2);
    set_models(&envoy, [GOOD_MODEL, Model { text: ALSO_GOOD, ..GOOD_MODEL }]);
    let body = |user: usize| {
        let text = REQUESTS[user % REQUESTS.len()];
        json!({"messages": [{"role": "user", "content": text}]}).to_string()
    };
    under_load_of(&envoy, body, || work(&envoy));
    let [judged, inconsistent, blue, green] =
        ["judged", "judge_inconsistent", "preferred_blue", "preferred_green"]
            .map(|it| of_shadow(&envoy, it));
    println!("{judged} pairs: {inconsistent} inconsistent, {blue} for blue, {green} for green");
    assert_no_user_was_on_green(&envoy);
}

/// The model prefers the answer that comes first, so that its verdicts in both orders contradict each
/// other, and nothing is decided.
#[test]
#[ignore = "installs a model: make judge"]
fn with_the_swap_a_small_model_moves_no_gate() {
    let mut answers = Answers { model: SmallModel::start(), known: BTreeMap::new() };
    let script = move |question: &Question| Reply::Completion(answers.of(&question.body));
    release(script, |envoy| {
        // More pairs than the decision without the swap takes.
        wait_at_most(MODEL_TIMEOUT, "judged pairs", || {
            (of_shadow(envoy, "judged") > 150).then_some(())
        });
        let (judged, inconsistent) =
            (of_shadow(envoy, "judged"), of_shadow(envoy, "judge_inconsistent"));
        // Few of the questions get one verdict in both orders.
        assert!(inconsistent * 4 >= judged * 3, "{inconsistent} of {judged}");
        let log = decision_log(envoy);
        assert_eq!(read_gauge(envoy, "shadow_step"), 1, "{log}");
        assert!(!log.contains("preference fail") && !log.contains("preference pass"), "{log}");
    });
}

/// The same model, whose answer to the swapped question is its first verdict again: as if each pair
/// were asked once. A green that is as good as blue is rolled back.
#[test]
#[ignore = "installs a model: make judge"]
fn without_the_swap_a_small_model_rolls_back_a_good_green() {
    let mut answers = Answers { model: SmallModel::start(), known: BTreeMap::new() };
    let script = move |question: &Question| {
        let is_swapped = question.texts["answers"]["B"] == GOOD;
        if !is_swapped {
            return Reply::Completion(answers.of(&question.body));
        }
        let mut texts = question.texts.clone();
        texts["answers"] = json!({"A": texts["answers"]["B"], "B": texts["answers"]["A"]});
        let mut first = question.body.clone();
        first["messages"][1]["content"] = Value::from(texts.to_string());
        let answer: Value = serde_json::from_slice(&answers.of(&first)).unwrap();
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        let better = serde_json::from_str::<Value>(text).unwrap()["better"].clone();
        verdict(match better.as_str().unwrap() {
            "A" => "B",
            "B" => "A",
            tie => tie,
        })
    };
    release(script, |envoy| {
        wait_for_gauges(envoy, &[("phase", ROLLED_BACK), ("shadow_step", 0)]);
        let log = decision_log(envoy);
        assert!(log.contains("green is worse: ") && log.contains("preference fail"), "{log}");
    });
}

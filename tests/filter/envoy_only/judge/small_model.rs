//! A real small model as the judge, in front of two versions that answer equally well.
//!
//! Both versions have the same two wordings of an answer, and each user gets one of them from blue and
//! the other one from green. So green is as good as blue whatever a judge thinks of the wordings: what it
//! prefers helps either version as often. Only the order can make a difference.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::pairs::{assert_no_user_was_on_green, of_shadow, shadow_step, verdict};
use super::score::under_load_of;
use super::scripted_judge::{Question, Reply, ScriptedJudge};
use super::start;
use crate::envoy::Envoy;
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::envoy_only::ramp_fixture::{GOOD_MODEL, decision_log, read_gauge, set_models};
use crate::proxy::phase::ROLLED_BACK;
use crate::small_model::SmallModel;

/// The wordings. Users with an even number get the first one from blue, the others from green.
const WORDINGS: [&str; 2] = ["Copper.", "It is copper."];

/// An odd number of questions, so that each one meets both wordings of each version. A few are enough: the
/// model needs seconds for each. On that of bronze it prefers the shorter wording in both orders, on each
/// other one whatever comes first.
const REQUESTS: [&str; 7] = [
    "Which metal has the symbol Cu?",
    "What are pennies coated with?",
    "Name a metal that conducts electricity well.",
    "Which metal turns green in the rain?",
    "What is a wire in the wall made of?",
    "Which metal is bronze made of, besides tin?",
    "Which metal comes from malachite?",
];

/// How many pairs the judge compares with the swap: more than those with which green is rolled back
/// without it.
const PAIRS: u64 = 150;

/// The time in which the model has answered each question once, even on a busy machine.
const MODEL_TIMEOUT: Duration = Duration::from_secs(1200);

/// The model's answers. With temperature 0 it gives the same one to the same question, so that each
/// question is asked once.
struct Answers {
    model: SmallModel,
    known: BTreeMap<String, Vec<u8>>,
}

// === impl Answers ===

impl Answers {
    fn start() -> Self {
        Self { model: SmallModel::start(), known: BTreeMap::new() }
    }

    /// The model's answer to a question about the pair of a user, and the user. The model does not see
    /// whose pair it is.
    fn of(&mut self, question: &Question) -> (String, &[u8]) {
        let mut texts = question.texts.clone();
        let user = texts["request"].as_array_mut().unwrap().remove(0);
        let mut body = question.body.clone();
        body["messages"][1]["content"] = texts.to_string().into();
        let model = &self.model;
        let answer = self.known.entry(body.to_string()).or_insert_with_key(|body| {
            let ask = || model.ask(body.clone().into_bytes());
            // The client must not block a thread of the server.
            std::thread::scope(|scope| scope.spawn(ask).join().unwrap())
        });
        (user["text"].as_str().unwrap().to_owned(), answer)
    }

    /// The better one of both answers by the model, `A`, `B` or `tie`, and the user.
    fn better(&mut self, question: &Question) -> (String, String) {
        let (user, answer) = self.of(question);
        let answer: Value = serde_json::from_slice(answer).unwrap();
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        let verdict: Value = serde_json::from_str(text).unwrap();
        (user, verdict["better"].as_str().unwrap().to_owned())
    }
}

/// Blue and green under the load of users, while the model judges the pairs.
fn release(script: impl FnMut(&Question) -> Reply + Send + 'static, work: impl FnOnce(&Envoy)) {
    let scripted = ScriptedJudge::start(script);
    let mut config = shadow_step();
    // The model answers one question after the other, and all others wait.
    config["judge"]["timeout"] = json!("10m");
    let envoy = start(&scripted, &config, 2);
    let [first, second] = WORDINGS;
    set_models(
        &envoy,
        [(first, second), (second, first)].map(|(text, odd)| Model {
            text,
            text_for_odd_user: Some(odd),
            ..GOOD_MODEL
        }),
    );
    let body = |user: usize| {
        let text = REQUESTS[user % REQUESTS.len()];
        let whose = json!({"role": "system", "content": format!("user-{user}")});
        json!({"messages": [whose, {"role": "user", "content": text}]}).to_string()
    };
    under_load_of(&envoy, body, || work(&envoy));
    let [judged, inconsistent, blue, green] =
        ["judged", "judge_inconsistent", "preferred_blue", "preferred_green"]
            .map(|it| of_shadow(&envoy, it));
    println!("{judged} pairs: {inconsistent} inconsistent, {blue} for blue, {green} for green");
    assert_no_user_was_on_green(&envoy);
}

/// The model prefers the answer that comes first, so that its verdicts in both orders contradict each
/// other. The few that agree are about as often for blue as for green, and nothing is decided.
#[test]
#[ignore = "installs a model: make judge"]
fn with_the_swap_a_small_model_moves_no_gate() {
    let mut answers = Answers::start();
    let script = move |question: &Question| Reply::Completion(answers.of(question).1.to_vec());
    release(script, |envoy| {
        wait_at_most(MODEL_TIMEOUT, "judged pairs", || {
            (of_shadow(envoy, "judged") >= PAIRS).then_some(())
        });
        let log = decision_log(envoy);
        assert_eq!(read_gauge(envoy, "shadow_step"), 1, "{log}");
        assert!(!log.contains("preference fail") && !log.contains("preference pass"), "{log}");
        let (inconsistent, judged) =
            (of_shadow(envoy, "judge_inconsistent"), of_shadow(envoy, "judged"));
        // On six of the seven questions.
        assert!(inconsistent * 4 >= judged * 3, "{inconsistent} of {judged}");
    });
}

/// The same model, whose answer to the swapped question is its first verdict again: as if each pair
/// were asked once. A green that is as good as blue is rolled back.
#[test]
#[ignore = "installs a model: make judge"]
fn without_the_swap_a_small_model_rolls_back_a_good_green() {
    let mut answers = Answers::start();
    // The verdict on each user's pair whose order has not been swapped.
    let mut first = BTreeMap::new();
    let script = move |question: &Question| {
        let (user, better) = answers.better(question);
        let Some(before) = first.remove(&user) else {
            let reply = verdict(&better);
            first.insert(user, better);
            return reply;
        };
        verdict(match before.as_str() {
            "A" => "B",
            "B" => "A",
            tie => tie,
        })
    };
    release(script, |envoy| {
        wait_at_most(MODEL_TIMEOUT, "a rollback", || {
            (read_gauge(envoy, "phase") == ROLLED_BACK).then_some(())
        });
        assert_eq!(read_gauge(envoy, "shadow_step"), 0);
        let log = decision_log(envoy);
        assert!(log.contains("green is worse: ") && log.contains("preference fail"), "{log}");
        let judged = of_shadow(envoy, "judged");
        assert!(judged < PAIRS, "{judged} pairs decide, of {PAIRS} with the swap");
    });
}

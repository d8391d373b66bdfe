//! Pairs of answers of which a person has said which one is better.

use serde::Deserialize;

use crate::small_model::data;

/// A request, and two answers to it.
#[derive(Clone, Debug, Deserialize)]
pub struct LabelledPair {
    pub request: String,
    pub better: String,
    pub worse: String,
}

/// The pairs in `tests/data/judge`.
pub fn labelled_pairs() -> Vec<LabelledPair> {
    let text = std::fs::read(data("labelled_pairs.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A judge that only looks at lengths must not be right by that.
#[test]
fn the_better_answer_is_neither_always_the_longer_nor_always_the_shorter_one() {
    let pairs = labelled_pairs();
    let longer = pairs.iter().filter(|it| it.better.len() > it.worse.len()).count();
    let shorter = pairs.iter().filter(|it| it.better.len() < it.worse.len()).count();
    assert!(pairs.len() >= 30 && longer * 5 >= pairs.len() * 2 && shorter * 5 >= pairs.len() * 2);
    assert!(pairs.iter().all(|it| it.better != it.worse && !it.request.is_empty()));
}

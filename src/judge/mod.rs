//! A model that judges sampled answers.
//!
//! | file | concept |
//! |---|---|
//! | [`mode`] | which questions a judge gets |
//! | [`question`] | a request to the judge |
//! | [`parameters`] | its parameters, such as how many tokens the answer may have |
//! | [`answer`] | the judge's answer, or why there is none |
//! | [`swap`] | two verdicts on a pair, asked in both orders |
//! | [`task`] | a question that waits |
//! | [`ledger`] | what the judge has cost today |
//!
//! A judge is a model, and its answer is not trusted. Only an answer of exactly the form that was asked
//! for is evidence. Anything else is an error with a counter of its own: never a score, never a tie.
//!
//! Judges have known biases. They prefer the answer that comes first, longer answers, and answers of
//! their own family of models (Zheng et al., arXiv 2306.05685; Shi et al., arXiv 2406.07791). So the
//! judge compares a pair twice, in both orders, and only verdicts that agree count; the rubric is neutral to length;
//! and the judge is another model than the versions'.

pub mod answer;
pub mod ledger;
pub mod mode;
pub mod parameters;
mod question;
pub mod swap;
pub mod task;

pub use answer::{JudgeError, JudgeReply, PairVerdict};
pub use ledger::Ledger;
pub use mode::JudgeMode;
pub use parameters::JudgeParameters;
pub use question::JudgeQuestion;
pub use swap::{Preference, agreed_preference};
pub use task::JudgeTask;

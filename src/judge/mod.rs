//! A model that judges sampled answers.
//!
//! | file | concept |
//! |---|---|
//! | [`mode`] | what the judge is asked |

pub mod mode;

pub use mode::JudgeMode;

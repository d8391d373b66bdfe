//! JSON without a document tree: scanning, rewriting and pointers.
//!
//! | file | concept |
//! |---|---|
//! | [`scanner`] | a push scanner that reports scalars with their path |
//! | [`bounded_text`] | a string value of which a bounded part is kept |
//! | [`prefix`] | the first bytes of a text of any length |
//! | [`splice`] | replaces members of a document and keeps all other bytes |
//! | [`mod@pointer`] | finds a value by a JSON pointer |

pub mod bounded_text;
pub mod pointer;
pub mod prefix;
pub mod scanner;
pub mod splice;

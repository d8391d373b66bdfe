//! JSON without a document tree: scanning, pointers and splicing. Nothing here knows an API.
//!
//! | file | concept |
//! |---|---|
//! | [`scanner`] | a push scanner that reports values with their path |
//! | [`token`] | what the scanner reports, and the key type that its caller defines |
//! | `number` | numbers as whole ones |
//! | `lone_surrogate` | text with halves of surrogate pairs |
//! | `string_decoder` | strings with escapes, or in several pieces |
//! | [`bounded_text`] | a string or number of which a bounded part is kept |
//! | [`prefix`] | a fixed-size buffer for the first bytes of a text |
//! | [`find`] | search for the first of two bytes |
//! | [`mod@pointer`] | JSON pointers |
//! | [`splice`] | replaces values of a document and keeps all other bytes |

pub mod bounded_text;
pub mod find;
mod lone_surrogate;
mod number;
pub mod pointer;
pub mod prefix;
pub mod scanner;
pub mod splice;
mod string_decoder;
pub mod token;

pub use bounded_text::BoundedText;
pub use lone_surrogate::without_lone_surrogates;
pub use number::{number_length, parse_number, whole_number};
pub use pointer::JsonPointer;
pub use prefix::Prefix;
pub use scanner::Scanner;
pub use string_decoder::unescaped_string;
pub use token::{PathKey, Token};

//! JSON: scanning, pointers and splicing.

mod find;
mod number;
mod pointer;
mod scanner;
#[path = "../support/mod.rs"]
mod support;

//! JSON: scanning, pointers and splicing.

mod find;
mod number;
mod pointer;
mod scanner;
mod splice;
#[path = "../support/mod.rs"]
mod support;

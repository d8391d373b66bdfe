//! The judge: its questions, its answers and how they are read, and what it costs.

mod answer;
mod ledger;
mod question;
mod swap;

//! What only a real Envoy can show.

mod answers;
mod demo;
mod logs_and_stats;
mod reload;
mod startup;
mod trap;
mod upstreams;

//! What only a real Envoy can show.

mod answers;
mod bodies;
mod classification;
mod console;
mod conversations;
mod cut_short;
mod demo;
mod feedback;
mod logs_and_stats;
mod page;
mod passing;
mod ramp;
mod releases;
mod reload;
mod shadow;
mod startup;
mod trap;
mod upstreams;
mod watching;

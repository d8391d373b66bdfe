//! Tests that need a real Envoy.

mod answers;
mod bodies;
mod broken;
mod checked;
mod classification;
mod console;
mod conversations;
mod cookies;
mod cut_short;
mod demo;
mod failover;
mod feedback;
mod logs_and_stats;
mod page;
mod passing;
mod ramp;
mod ramp_fixture;
mod redirects;
mod releases;
mod reload;
mod rewritten;
mod shadow;
mod startup;
mod trap;
mod upstreams;
mod watching;

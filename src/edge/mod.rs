//! The edge: the only code that knows the proxy.
//!
//! | file | concept |
//! |---|---|
//! | [`arrival`] | who answers a request, by what it brings |
//! | [`by_hand`] | weights by hand, and what was ordered in their place |
//! | [`chronicle`] | which shares were in force when, as VMs share it |
//! | [`console`] | the operator's page, and orders |
//! | [`evidence`] | counters of what the gates have seen |
//! | [`exports`] | every call of the host, and no more than are needed |
//! | [`feedback`] | receipts given with answers, votes taken with requests |
//! | [`contexts`] | which root or stream a call is for |
//! | [`generation`] | which configuration of a ramp is the newest |
//! | [`host`] | every call to the host, none of which can panic |
//! | [`lease`] | which VM decides |
//! | [`logger`] | the `log` crate's records, and a trap's message, in Envoy's log |
//! | [`memory`] | the units that the gates have seen, as VMs share them |
//! | [`metrics`] | a rollout's counters and gauges, defined once per VM |
//! | [`pairs`] | a whole header map |
//! | [`patching`] | a request as its version has it, written to the host |
//! | [`random`] | draws for requests without a unit |
//! | [`rejections`] | configurations that were rejected, as VMs share it |
//! | [`root`] | the plugin configuration's life |
//! | [`steering`] | whether a rollout can be steered, and an order's way to it |
//! | [`stream`] | one request |
//! | [`value`] | bytes that the host hands over, and their memory |
//! | [`walker`] | a ramp in this VM, and the one VM that moves it |
//! | [`watch`] | its response, where the configuration asks for it |
//!
//! There is no SDK between this and the host. The Rust SDK (proxy-wasm 0.2.5)
//! exports every callback that there is, which costs an Envoy 8,000 more
//! instructions a request than these do; and its host calls panic on a status that
//! they do not know and on text that is not UTF-8, where a panic ends every stream
//! of the worker.

mod arrival;
mod by_hand;
mod chronicle;
mod console;
mod contexts;
mod evidence;
mod exports;
mod failover;
mod feedback;
mod generation;
mod host;
mod lease;
mod logger;
mod memory;
mod metrics;
mod pairs;
mod patching;
mod random;
mod redirect;
mod rejections;
mod root;
mod steering;
mod stream;
mod value;
mod walker;
mod watch;

//! The layer between Envoy and the core, built on the `proxy-wasm` SDK.
//!
//! | file | concept |
//! |---|---|
//! | [`root_context`] | a plugin configuration: configured, ticked, dropped |
//! | [`runtime`] | what the streams of one configuration share |
//! | [`activate`], [`activation`] | when a configuration comes into force, and whether it has |
//! | [`active_rollouts`] | the rollouts that this VM runs |
//! | [`adopted_rollouts`] | the rollouts that other VMs run, for the console |
//! | [`http_stream`] | one HTTP stream: the SDK's callbacks, and its end |
//! | [`stream_state`] | a request planned and committed, its response observed |
//! | [`routing`] | which version a request gets, and its route |
//! | [`pending_body`] | a request whose body has not arrived |
//! | [`awaited_body`] | a body that has come after the request was routed, or that does not come |
//! | [`routed_patch`] | a request that is routed before its body has arrived |
//! | [`waiting_streams`] | requests whose headers wait for their body |
//! | [`request_rewrite`] | a patched request, written to the host |
//! | [`response_observer`] | one response, up to its outcome |
//! | [`shared_pairing`], [`pair_half`] | pairs of responses in a shadow step |
//! | [`shared_samples`] | the sampled requests of a rollout in this VM |
//! | [`sample_capture`], [`sampled_body`] | the texts of a sampled request, copied while they pass |
//! | [`failover`] | whether another version has answered |
//! | [`sent_request`] | what a request is when it is sent |
//! | [`exporter`], [`exported_request`] | sampled requests, sent to an OTLP receiver |
//! | [`redirect`] | streams that end by an internal redirect and begin again |
//! | [`feedback`] | signed exposures sent, feedback received |
//! | [`judge`], [`judge_link`] | the judge: asked on ticks, its verdicts counted and recorded |
//! | [`shared_key`] | random keys that all VMs share |
//! | [`console_stream`], [`console_view`] | one request to the console, and what it shows |
//! | [`console_at_path`] | the console at a path of the release's listener |
//! | [`command_answer`] | the answer to a command that is committed later |
//! | [`commands`], [`console_token`] | an operator's command, applied in this VM; the token for it |
//! | [`shared_ramp`] | a ramp in this VM: the core's worker on shared data |
//! | [`fleet`], [`fleet_link`], [`fleet_store`] | a ramp that several Envoys share; this VM's link to the store |
//! | [`manual_worker`] | a rollout without a ramp in this VM |
//! | [`metrics`] | a rollout's counters and histograms, defined once per VM |
//! | [`gauges`], [`shown_gauges`] | a rollout's gauges, and what a configuration shows in them |
//! | [`metric_table`] | metrics with the host's ids |
//! | [`evidence_counters`] | the host's counters of a ramp's evidence |
//! | [`store`] | shared data: keys, compare-and-swap, the store of a rollout |
//! | [`permits`] | a bounded number of permits, such as for open calls |
//! | [`registry`] | values by rollout that outlive a configuration |
//! | [`removed_section`] | whether the configuration in force lacks a queue's section |
//! | [`listener_role`] | what the filter does at a stream's listener |
//! | [`callout`] | calls from a root context to clusters of Envoy |
//! | [`hostcalls`] | every other call to the host; none can panic |
//! | [`clock`] | the host's clocks |
//! | [`host_error`] | a call that the host has refused |
//! | [`build`] | which build of the filter this is |
//! | [`attributes`] | Envoy's attributes that the filter reads |
//! | [`header_map`] | all headers of a message in one value |
//! | [`logger`] | the `log` crate's records in Envoy's log |
//! | [`limited_log`], [`failure_log`] | lines of the log that requests, and servers that fail, cause |
//! | [`random`] | draws for requests without a unit |
//!
//! The SDK owns the contexts and calls them; its dispatcher drops a context when Envoy deletes it,
//! which is how a stream learns that it has ended. `make build` leaves out the callbacks that
//! nothing here implements (`link.sh`), since Envoy calls whatever a module exports.

#![cfg_attr(
    feature = "route",
    allow(dead_code, reason = "the build that routes calls a part of it")
)]

mod activate;
mod activation;
mod active_rollouts;
mod adopted_rollouts;
mod attributes;
mod awaited_body;
mod build;
mod callout;
mod clock;
mod command_answer;
mod commands;
mod console_at_path;
mod console_stream;
mod console_token;
mod console_view;
mod evidence_counters;
mod exported_request;
mod exporter;
mod failover;
mod failure_log;
mod feedback;
mod fleet;
mod fleet_link;
mod fleet_store;
mod gauges;
mod header_map;
mod host_error;
mod hostcalls;
mod http_stream;
mod judge;
mod judge_link;
mod limited_log;
mod listener_role;
mod logger;
mod manual_worker;
mod metric_table;
mod metrics;
mod pair_half;
mod pending_body;
mod permits;
mod random;
mod redirect;
mod registry;
mod removed_section;
mod request_rewrite;
mod response_observer;
mod root_context;
mod routed_patch;
mod routing;
mod runtime;
mod sample_capture;
mod sampled_body;
mod sent_request;
mod shared_key;
mod shared_pairing;
mod shared_ramp;
mod shared_samples;
mod shown_gauges;
mod store;
mod stream_state;
mod waiting_streams;

use proxy_wasm::traits::RootContext;
use root_context::RolloutRoot;

proxy_wasm::main! {{
    logger::install();
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> {
        Box::new(RolloutRoot::new(context_id))
    });
}}

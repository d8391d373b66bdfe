//! The edge: the only code that knows the proxy.
//!
//! | file | concept |
//! |---|---|
//! | [`host`] | every call to the host, none of which can panic |
//! | [`logger`] | the `log` crate's records, and a trap's message, in Envoy's log |
//! | [`metrics`] | a rollout's counters and gauges, defined once per VM |
//! | [`random`] | draws for requests without a unit |
//! | [`root`] | the plugin configuration's life |
//! | [`stream`] | one request |
//! | [`watch`] | its response, where the configuration asks for it |
//!
//! The SDK is used for what it is good at, handing callbacks to contexts. Its
//! host calls are not used, by lint: they panic on a status that they do not
//! know and on text that is not UTF-8, and a panic here ends every stream of the
//! worker.

mod host;
mod logger;
mod metrics;
mod random;
mod root;
mod stream;
mod watch;

// Called once per VM, before any callback.
proxy_wasm::main! {{
    logger::install();
    proxy_wasm::set_root_context(|context_id| Box::new(root::Root::new(context_id)));
}}

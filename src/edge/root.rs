//! The life of a plugin configuration.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::metrics::RolloutMetrics;
use super::random::Draws;
use super::stream::Stream;
use super::{host, logger};
use crate::config::Config;

/// A plugin in one VM. Envoy makes a new root context for a new configuration and
/// keeps the old one while streams that began under it last.
pub struct Root {
    context_id: u32,
    running: Option<Rc<Running>>,
}

/// What the streams of one configuration share.
pub struct Running {
    pub context_id: u32,
    pub config: Config,
    pub metrics: Rc<RolloutMetrics>,
    pub random: Draws,
}

// === impl Root ===

impl Root {
    pub fn new(context_id: u32) -> Self {
        Self { context_id, running: None }
    }

    fn configure(&mut self) -> Result<(), String> {
        let text = host::plugin_configuration()
            .map_err(|error| format!("the host did not give it: {error:?}"))?;
        let config = Config::parse(&text).map_err(|refused| refused.to_string())?;
        let metrics = RolloutMetrics::of(config.rollout.as_str());
        if config.answers.is_some() {
            metrics.define_outcomes(config.rollout.as_str());
        }
        let running =
            Running { context_id: self.context_id, config, metrics, random: Draws::default() };
        running.metrics.begin(running.context_id, running.config.share);
        self.running = Some(Rc::new(running));
        Ok(())
    }
}

impl Context for Root {
    // The last stream of this configuration has ended.
    fn on_done(&mut self) -> bool {
        if let Some(running) = &self.running {
            running.metrics.end(running.context_id);
        }
        true
    }
}

impl RootContext for Root {
    // Runs in every VM, also in the one in which Envoy tries a configuration out:
    // the answer depends on the configuration's text alone.
    fn on_configure(&mut self, _size: usize) -> bool {
        logger::follow_host_level();
        match self.configure() {
            Ok(()) => true,
            Err(message) => {
                log::error!("configuration refused, the one in force stays: {message}");
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        // The SDK panics on `None`, so without a configuration there is a stream
        // too: one that lets everything pass.
        Some(Box::new(Stream::new(self.running.clone())))
    }
}

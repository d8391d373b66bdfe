//! The life of a plugin configuration.

use std::rc::Rc;

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

    pub fn context_id(&self) -> u32 {
        self.context_id
    }

    /// Takes the plugin configuration over; whether it can be run on.
    ///
    /// Runs in every VM, also in the one in which Envoy tries a configuration out:
    /// the answer depends on the configuration's text alone.
    pub fn configure(&mut self) -> bool {
        logger::follow_host_level();
        match self.run() {
            Ok(()) => true,
            Err(message) => {
                log::error!("configuration refused, the one in force stays: {message}");
                false
            }
        }
    }

    fn run(&mut self) -> Result<(), String> {
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

    /// A stream under this configuration. Without one it lets everything pass.
    pub fn stream(&self) -> Stream {
        Stream::new(self.running.clone())
    }

    /// The last stream of this configuration has ended.
    pub fn end(&self) {
        if let Some(running) = &self.running {
            running.metrics.end(running.context_id);
        }
    }
}

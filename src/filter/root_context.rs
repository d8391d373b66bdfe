//! A plugin configuration's life: the SDK's `RootContext`.

use std::cell::Cell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::active_rollouts::{self, Plugin};
use super::build::{BUILD, IS_ROUTE};
use super::callout::Callouts;
use super::console_at_path::ConsoleAtPath;
use super::console_stream::{ConsoleContext, ConsoleStream};
use super::console_token;
use super::host_error::HostError;
use super::http_stream::HttpStream;
use super::random::random_u64;
use super::runtime::RolloutRuntime;
use super::shared_ramp::TICK_MS;
use super::store::config_revision::RevisionTracker;
use super::store::rejections;
use super::store::running::{RunningNote, SLOW_TICK_MS};
use super::{hostcalls, logger, redirect};
use crate::config::{self, Config};
use crate::console::PluginKind;

/// A plugin configuration in one VM. Envoy makes a new root context for a new configuration, and keeps
/// the old one while streams that began under it last.
pub struct RolloutRoot {
    context_id: u32,
    plugin: Rc<Plugin>,
    /// Set where the configuration is a console's.
    console: Option<Rc<ConsoleContext>>,
    /// Set where the configuration is a rollout's with a console at a path.
    console_at_path: Option<Rc<ConsoleAtPath>>,
    callouts: Rc<Callouts>,
    /// How its configuration is noted for other VMs, once it runs a rollout.
    note: Option<RunningNote>,
    /// How often it is ticked, in milliseconds; 0 is never.
    period_ms: Cell<u32>,
}

// === impl RolloutRoot ===

impl RolloutRoot {
    pub fn new(context_id: u32) -> Self {
        let callouts = Callouts::new(context_id);
        Self {
            context_id,
            plugin: Plugin::register(),
            console: None,
            console_at_path: None,
            callouts,
            note: None,
            period_ms: Cell::default(),
        }
    }

    fn configure(&mut self) -> Result<(), String> {
        let text = configuration_text()
            .map_err(|error| format!("the host did not return it: {error:?}"))?;
        let plugin = config::Plugin::parse(&text).and_then(|it| BUILD.check(&it).map(|()| it));
        match plugin.map_err(|invalid| invalid.to_string())? {
            config::Plugin::Rollout(config) => self.run(*config, &text),
            config::Plugin::Console(config) => {
                if IS_ROUTE {
                    return Ok(());
                }
                let console = ConsoleContext::new(config, &self.callouts);
                if console.token().is_some() {
                    console_token::announce();
                    // A command to a fleet is a task, which continues on ticks.
                    let _ = hostcalls::set_tick_period(TICK_MS);
                }
                self.console = Some(Rc::new(console));
                rejections::accept(PluginKind::Console, &text);
            }
        }
        Ok(())
    }

    fn run(&mut self, config: Config, text: &[u8]) {
        let at_path = config.console.clone().filter(|_| !IS_ROUTE);
        self.console_at_path = at_path.map(|at| Rc::new(ConsoleAtPath::new(at, &self.callouts)));
        let plugin = rejections::plugin();
        // A shadow is shown with its release.
        self.note = (!config.is_shadow()).then(|| {
            let owner = self.note.take().map_or_else(random_u64, |it| it.owner());
            RunningNote::new(&plugin, text, owner)
        });
        let runtime = RolloutRuntime::new(self.context_id, plugin, config, text, &self.callouts);
        let runtime = Rc::new(runtime);
        self.set_tick_period(if self.note.is_some() { TICK_MS } else { runtime.tick_period_ms() });
        rejections::accept(PluginKind::Rollout, text);
        runtime.configure();
        self.plugin.set_runtime(runtime);
    }

    /// Activates the configuration once it is used, and notes for other VMs that it runs.
    fn activate(&self, runtime: &RolloutRuntime) {
        if self.plugin.is_newest() {
            runtime.activate_on_tick();
        }
        let Some(note) = self.note.as_ref().filter(|_| runtime.activation.is_active()) else {
            return;
        };
        let was_published = note.is_published();
        if was_published {
            note.renew();
        } else {
            note.publish();
        }
        // A console may have come since the last slow tick.
        let is_due = !was_published || self.period_ms.get() == SLOW_TICK_MS;
        if note.is_published() && is_due {
            self.set_tick_period(runtime.tick_period_ms());
        }
    }

    fn set_tick_period(&self, period_ms: u32) {
        // A host that refuses leaves the ramp where it is, and requests alone.
        if self.period_ms.replace(period_ms) != period_ms {
            let _ = hostcalls::set_tick_period(period_ms);
        }
    }
}

/// The JSON text of the plugin configuration.
fn configuration_text() -> Result<Vec<u8>, HostError> {
    hostcalls::plugin_configuration().map(config::text_from_envoy)
}

impl Context for RolloutRoot {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        self.callouts.on_http_response(token, headers, body_size);
    }

    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        self.callouts.on_grpc_response(token, status, size);
    }

    fn on_grpc_stream_message(&mut self, stream: u32, size: usize) {
        self.callouts.on_stream_message(stream, size);
    }

    fn on_grpc_stream_close(&mut self, stream: u32, status: u32) {
        self.callouts.on_stream_close(stream, status);
    }
}

impl RootContext for RolloutRoot {
    /// Returns whether the configuration is accepted.
    ///
    /// It runs in every VM, also in the one in which Envoy tries a configuration out. So the answer
    /// depends on the configuration's text alone.
    fn on_configure(&mut self, _size: usize) -> bool {
        logger::follow_host_level();
        match self.configure() {
            Ok(()) => {
                self.plugin.record_configuration();
                true
            }
            Err(message) => {
                log::error!("configuration rejected, the one in force stays: {message}");
                let text = configuration_text();
                rejections::reject(text.as_deref().unwrap_or_default(), &message);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(runtime) = self.plugin.runtime() {
            self.activate(&runtime);
            runtime.release_waiting();
        }
        redirect::discard_late();
        if let Some(runtime) = self.plugin.runtime().filter(|_| self.plugin.is_in_force()) {
            runtime.tick(self.plugin.last_use());
            if runtime.revisions().is_some_and(RevisionTracker::take_return) {
                self.note.iter().for_each(RunningNote::publish);
            }
        }
        self.callouts.poll();
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        if let Some(console) = self.console.as_ref().filter(|_| !IS_ROUTE) {
            return Some(Box::new(ConsoleStream::new(context_id, Rc::clone(console))));
        }
        let is_switched_back = self.plugin.record_stream();
        let runtime = self.plugin.runtime();
        if let Some(runtime) = &runtime {
            runtime.activate();
            if is_switched_back {
                runtime.on_switched_back();
            }
        }
        Some(Box::new(HttpStream::new(context_id, runtime, self.console_at_path.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Envoy has deleted the root context, since the last stream of its configuration has ended.
impl Drop for RolloutRoot {
    fn drop(&mut self) {
        self.callouts.cancel_all();
        // Envoy keeps the timer of a root context that it has deleted.
        let _ = hostcalls::set_tick_period(0);
        self.note.iter().for_each(RunningNote::withdraw);
        let left = self.plugin.unregister();
        if let Some(runtime) = self.plugin.runtime() {
            redirect::clear(&runtime);
            // First, so that the gauges go from one to the other.
            active_rollouts::activate_successor(&runtime);
            runtime.stop(&left);
        }
    }
}

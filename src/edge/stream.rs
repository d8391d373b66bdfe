//! One request.

use std::rc::Rc;

use super::host::{self, HostError};
use super::root::Running;
use super::watch::{Lot, Watch};
use crate::assign::unit::with_unit;
use crate::assign::{Ask, Decision, Reason, Version, bucket_hash, decide, unit_hash};

/// The filter state that names the reason: `wasm.verdigris.reason` in the
/// access log's `%FILTER_STATE(…)%`.
const REASON_STATE: &str = "verdigris.reason";

/// The context of one HTTP stream.
pub struct Stream {
    running: Option<Rc<Running>>,
    watch: Option<Watch>,
}

// === impl Stream ===

// Where the configuration asks for no answers there is no watch, and nothing is done
// after the request's headers.
impl Stream {
    pub fn new(running: Option<Rc<Running>>) -> Self {
        Self { running, watch: None }
    }

    pub fn request_headers(&mut self) {
        #[cfg(feature = "trap-for-tests")]
        trap_if_marked();
        if let Some(running) = &self.running {
            self.watch =
                running.assign().and_then(|(decision, lot)| Watch::new(running, decision, lot));
        }
    }

    pub fn response_headers(&mut self, ends: bool) {
        if let Some(watch) = &mut self.watch {
            watch.headers(ends);
        }
    }

    pub fn response_body(&mut self, size: usize, ends: bool) {
        if let Some(watch) = &mut self.watch {
            watch.body(size, ends);
        }
    }

    pub fn response_trailers(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.trailers();
        }
    }

    /// The stream has ended, however it did.
    pub fn end(self) {
        if let Some(watch) = self.watch {
            watch.count();
        }
    }
}

// === impl Running ===

impl Running {
    /// Decides, has Envoy route accordingly, and counts. The decision, if it could be
    /// applied, and what a ramp need know of it.
    fn assign(&self) -> Option<(Decision, Option<Lot>)> {
        let config = &self.config;
        self.metrics.show(self.context_id, self.shown());
        let forced = config.force_header.as_ref().and_then(|name| {
            let value = host::request_header(name.as_str())?;
            Version::from_bytes(&value)
        });
        let decide = |unit: Option<&[u8]>| {
            let ask = Ask { unit, forced };
            let decision = decide(config, self.standing(), ask, || self.random.draw());
            (decision, unit.and_then(|unit| self.lot(decision, unit)))
        };
        let (decision, lot) = match forced {
            // It is decided without its unit, which need not be read.
            Some(_) => decide(None),
            None => with_unit(&config.unit, host::request_header, decide),
        };
        if let Err(error) = self.route(decision.version) {
            // Envoy goes on with what early header mutation put, and that is not
            // to be booked on the version that was meant.
            log::error!("{decision:?} not applied: the host answered {error:?}");
            return None;
        }
        self.metrics.count(decision);
        if decision.reason != Reason::Weight {
            // A reason that the host refuses is missing from the access log only.
            let _ = host::set_filter_state(REASON_STATE, decision.reason.as_str());
        }
        Some((decision, lot))
    }

    /// What a ramp need know of a decision, if it is evidence.
    fn lot(&self, decision: Decision, unit: &[u8]) -> Option<Lot> {
        let in_force = self.walker.as_ref()?.in_force();
        if decision.reason != Reason::Weight {
            return None;
        }
        let rollout = self.config.rollout.as_str();
        let place = bucket_hash(rollout, unit);
        in_force.compared.contains(place).then(|| Lot {
            unit: unit_hash(rollout, unit),
            step: in_force.number,
            is_new: !in_force.before.contains(place),
        })
    }

    /// Writes only what differs from what Envoy's early header mutation has put:
    /// each write of a request header makes Envoy choose the route again.
    fn route(&self, version: Version) -> Result<(), HostError> {
        let config = &self.config;
        let names_version = |version: Version| {
            host::replace_request_header(config.version_header.as_str(), version.as_str())
        };
        if version == Version::Green {
            names_version(version)?;
        }
        let cluster = config.cluster(version);
        if *cluster == config.default_cluster {
            return Ok(());
        }
        host::replace_request_header(config.cluster_header.as_str(), cluster.as_str()).inspect_err(
            |_| {
                // The request stays where it was, and must not claim otherwise.
                let _ = names_version(Version::Blue);
            },
        )
    }
}

/// Traps the VM on a marked request, as a bug in the filter would.
#[cfg(feature = "trap-for-tests")]
fn trap_if_marked() {
    if host::request_header("x-verdigris-trap").is_some() {
        core::arch::wasm32::unreachable();
    }
}

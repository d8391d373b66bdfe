//! Internal redirects: Envoy answers an upstream's redirect itself, by sending the request
//! through the filters once more.
//!
//! The stream ends without a response, and a new one begins at once, with the headers and the
//! body as the filter and the route left them: patched, named, and without the cluster header.
//! So nothing is decided, patched or counted again; the new stream goes on where the old one
//! ended, on the same cluster.

use std::cell::RefCell;

use super::host;
use super::root::Running;
use super::stream::Stream;
use crate::assignment::Assignment;
use crate::config::{Config, Role};

/// The header that Envoy adds to a redirected request, and takes from clients.
const ORIGINAL_URL: &str = "x-envoy-original-url";

/// A filter before this one may deny a redirected request, which is then held for ever.
const MOST: usize = 64;

/// The streams that have ended by a redirect.
#[derive(Default)]
pub struct Redirects(RefCell<Vec<Stream>>);

// === impl Redirects ===

impl Redirects {
    /// Holds a stream until its request comes again.
    pub fn hold(&self, stream: Stream) {
        let mut held = self.0.borrow_mut();
        if held.len() >= MOST {
            held.remove(0);
        }
        held.push(stream);
    }

    /// Lets go of what is held, and with it of the configuration.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// The stream that was held last of those whose version header says so.
    fn take(&self, named: &[u8]) -> Option<Stream> {
        let mut held = self.0.borrow_mut();
        let is_it = |it: &Stream| it.named().is_some_and(|it| it.as_bytes() == named);
        let at = held.iter().rposition(is_it)?;
        Some(held.remove(at))
    }
}

// === impl Stream ===

impl Stream {
    /// What its request's version header says.
    fn named(&self) -> Option<&'static str> {
        let Assignment { version, .. } = self.settled?;
        Some(match self.role {
            Role::Release => version.as_str(),
            Role::Shadow | Role::Green => self.role.as_str(),
        })
    }
}

// === impl Running ===

impl Running {
    /// The stream that the request at hand goes on with, if it is one that was redirected. It
    /// is sent to the same cluster again.
    ///
    /// Without a stream that is held, which is nearly always, the host is not asked. No client
    /// can feign it: early header mutation gives each request that comes from outside a cluster
    /// header.
    pub fn redirected(&self) -> Option<Stream> {
        if self.redirects.0.borrow().is_empty() {
            return None;
        }
        host::request_header(ORIGINAL_URL)?;
        let Config { cluster_header, version_header, green_cluster, .. } = &self.config;
        if host::request_header(cluster_header.as_str()).is_some() {
            return None;
        }
        let named = host::request_header(version_header.as_str())?;
        let stream = self.redirects.take(&named)?;
        let decision = stream.settled?;
        let cluster = match stream.role {
            Role::Release => self.config.cluster_for_release(decision.version),
            Role::Shadow | Role::Green => green_cluster,
        };
        let routed = host::replace_request_header(cluster_header.as_str(), cluster.as_str());
        if let Err(error) = routed {
            log::error!("a redirect is not followed: the host answered {error:?}");
        }
        Self::show_reason(decision);
        Some(stream)
    }
}

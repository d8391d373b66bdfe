//! Pairs of responses in this VM, of which the release's listener sees one half and the shadow's
//! listener the other.

use std::cell::RefCell;
use std::rc::Rc;

use super::registry::Registry;
use crate::config::Config;
use crate::rollout::Pairing;

thread_local! {
    /// The two listeners may have configurations of their own.
    static PAIRINGS: Registry<SharedPairing> = const { Registry::new() };
}

/// The requests of a rollout whose halves are being joined in this VM.
#[derive(Default)]
pub struct SharedPairing(pub RefCell<Pairing>);

// === impl SharedPairing ===

impl SharedPairing {
    /// The pairing of a configuration; `None` if it has no part in a shadow step.
    pub fn for_config(config: &Config) -> Option<Rc<Self>> {
        let has_step = config.ramp.as_ref().is_some_and(|ramp| ramp.shadow.is_some());
        let has_part = has_step || config.is_shadow();
        has_part
            .then(|| PAIRINGS.with(|it| it.get_or_insert(config.rollout.as_str(), Self::default)))
    }
}

//! The configuration as it was written, as close to the JSON as types can be.
//!
//! | file | concept |
//! |---|---|
//! | [`reader`] | reads objects field by field and collects every error |
//! | [`root`] | the plugin configuration itself |
//! | [`release`] | conversations, shadows, feedback and request patches |
//! | [`ramp`] | the ramp, its gates and its tripwires |

pub(in crate::config) mod ramp;
pub(in crate::config) mod reader;
pub(in crate::config) mod release;
pub(in crate::config) mod root;

pub(in crate::config) use root::json_of;
pub use root::{MissingUnitPolicy, RawConfig};

//! The raw configuration: types as close to the JSON as possible.
//!
//! | file | concept |
//! |---|---|
//! | [`reader`] | reads objects field by field, and collects all errors |
//! | [`json_text`] | parses the JSON text |
//! | [`common`] | parts that several sections share |
//! | [`root`] | the plugin configuration and its small sections |
//! | [`sections`] | conversations, shadows, feedback and request patches |
//! | [`judge`] | the judge of sampled answers |
//! | [`samples`] | the export of sampled requests |
//! | [`ramp`] | the ramp, its gates and its tripwires |

pub(super) mod common;
pub(super) mod json_text;
pub(super) mod judge;
pub(super) mod ramp;
pub(super) mod reader;
pub(super) mod root;
pub(super) mod samples;
pub(super) mod sections;

//! The configuration as it was written, as close to the JSON as types can be.
//!
//! | file | concept |
//! |---|---|
//! | [`reader`] | reads objects field by field and collects every error |
//! | [`json_text`] | the text as JSON |
//! | [`common`] | parts that several sections have |
//! | [`root`] | the plugin configuration itself |
//! | [`release`] | conversations, shadows, feedback and request patches |
//! | [`ramp`] | the ramp, its gates and its tripwires |

pub(super) mod common;
pub(super) mod json_text;
pub(super) mod ramp;
pub(super) mod reader;
pub(super) mod release;
pub(super) mod root;

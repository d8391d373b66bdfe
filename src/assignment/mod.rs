//! The assignment of requests to versions.
//!
//! | file | concept |
//! |---|---|
//! | [`version`] | blue and green |
//! | [`mod@unit`] | the unit, and the headers and cookies that carry it |
//! | [`bucket`] | the hash of a unit, and green's share of all hashes |
//! | [`pins`] | units that are pinned to a version |
//! | [`id_timestamp`] | start times of conversations, from their ids |
//! | [`start_marker`] | start times of conversations, from a header or cookie |
//! | [`epoch`] | the stays of a ramp in its steps |
//! | [`share_history`] | the shares that were in force, and when |
//! | [`conversation`] | the share by which a conversation is assigned |
//! | [`mod@assign`] | the rules, and the order in which they apply |
//! | [`exposure`] | the assignments that are evidence for a ramp |
//! | [`unit_key`], [`sip_key`] | the key of the hash by which the analysis knows a unit |
//! | [`mirroring`] | the selection of requests that are mirrored to green |
//! | `reading` | the selection of requests whose answers are read |
//!
//! All functions are pure. Units are bytes, not strings, because a header may hold anything but
//! line breaks and NUL.

pub mod assign;
pub mod bucket;
pub mod conversation;
pub mod epoch;
pub mod exposure;
pub mod id_timestamp;
pub mod mirroring;
pub mod pins;
mod reading;
pub mod share_history;
pub mod sip_key;
pub mod start_marker;
pub mod unit;
pub mod unit_key;
pub mod version;

pub use assign::{
    Assignment, AssignmentRequest, AssignmentRules, EffectiveShare, MissingUnitPolicy, Reason,
    assign,
};
pub use bucket::{Share, bucket_hash, sampling_hash};
pub use conversation::{Conversation, ConversationStart, StartStep, StartTime, StickyShare};
pub use epoch::{Epoch, StepExposure};
pub use exposure::{Exposure, StepShares};
pub use pins::Pins;
pub use reading::ReadAnswers;
pub use share_history::{RollbackPolicy, ShareHistory, ShareInterval, ShareSetting};
pub use sip_key::SipKey;
pub use unit::UnitSource;
pub use unit_key::UnitKey;
pub use version::Version;

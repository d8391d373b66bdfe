//! Who gets which version, and why.
//!
//! | file | concept |
//! |---|---|
//! | [`version`] | blue and green |
//! | [`mod@unit`] | what is kept on one version, and where a request carries it |
//! | [`bucket`] | a unit's hash, and green's share of all hashes |
//! | [`pins`] | units that are always on one version |
//! | [`id_timestamp`] | when a conversation began, by its id |
//! | [`start_marker`] | the same, by what was given to the client |
//! | [`epoch`] | which stay of a ramp in a step decided |
//! | [`share_history`] | which share was in force when |
//! | [`conversation`] | the share that a conversation has a claim to |
//! | [`mod@assign`] | the order in which these are asked |
//! | [`mirroring`] | which of blue's requests green is asked as well |
//!
//! Everything here is a pure function of its arguments. Units are bytes, never
//! strings: a header may hold anything but line breaks and NUL.

pub mod assign;
pub mod bucket;
pub mod conversation;
pub mod epoch;
pub mod id_timestamp;
pub mod mirroring;
pub mod pins;
pub mod share_history;
pub mod start_marker;
pub mod unit;
pub mod version;

pub use assign::{Assignment, AssignmentRequest, EffectiveShare, Reason, assign};
pub use bucket::{Share, analysis_hash, bucket_hash};
pub use conversation::{StartTime, StickyShare};
pub use epoch::{AnalysedShare, Epoch, StepExposure};
pub use pins::Pins;
pub use share_history::{ShareHistory, ShareInterval};
pub use unit::UnitSource;
pub use version::Version;

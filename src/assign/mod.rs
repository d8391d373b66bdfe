//! Who gets which version, and why.
//!
//! | file | concept |
//! |---|---|
//! | [`version`] | blue and green |
//! | [`unit`] | what is kept on one version, and where a request carries it |
//! | [`bucket`] | a unit's hash, and green's share of all hashes |
//! | [`pins`] | units that are always on one version |
//! | [`began`] | when a conversation began, by its id |
//! | [`marker`] | the same, by what was given to the client |
//! | [`history`] | which share was in force when |
//! | [`conversation`] | the share that a conversation has a claim to |
//! | [`decision`] | the order in which these are asked |
//! | [`shadow`] | which of blue's requests green is asked as well |
//!
//! Everything here is a pure function of its arguments. Units are bytes, never
//! strings: a header may hold anything but line breaks and NUL.

pub mod began;
pub mod bucket;
pub mod conversation;
pub mod decision;
pub mod history;
pub mod marker;
pub mod pins;
pub mod shadow;
pub mod unit;
pub mod version;

pub use bucket::{Share, bucket_hash, unit_hash};
pub use conversation::{Beginning, Claim};
pub use decision::{Ask, Decision, Reason, Standing, decide};
pub use history::{Era, History};
pub use pins::Pins;
pub use unit::UnitSource;
pub use version::Version;

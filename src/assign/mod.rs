//! Who gets which version, and why.
//!
//! | file | concept |
//! |---|---|
//! | [`version`] | blue and green |
//! | [`unit`] | what is kept on one version, and where a request carries it |
//! | [`bucket`] | a unit's hash, and green's share of all hashes |
//! | [`pins`] | units that are always on one version |
//! | [`decision`] | the order in which these are asked |
//!
//! Everything here is a pure function of its arguments. Units are bytes, never
//! strings: a header may hold anything but line breaks and NUL.

pub mod bucket;
pub mod decision;
pub mod pins;
pub mod unit;
pub mod version;

pub use bucket::{Share, bucket_hash, unit_hash};
pub use decision::{Ask, Decision, Reason, Standing, decide};
pub use pins::Pins;
pub use unit::UnitSource;
pub use version::Version;

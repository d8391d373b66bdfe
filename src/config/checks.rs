//! Checks of values that several sections of the configuration have.

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::examples::write_example;
use super::raw::common::RawWeights;
use crate::assignment::Share;
use crate::assignment::bucket::MAX_TOTAL_WEIGHT;
use crate::names::{ClusterName, CookieName, HeaderName};

pub(super) fn cluster_name(name: &str) -> Result<ClusterName, &'static str> {
    ClusterName::new(name).ok_or(ClusterName::RULE)
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::new(name).ok_or(HeaderName::RULE)
}

/// The name of a header that the filter may overwrite.
pub(super) fn own_header_name(name: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(name)?;
    if name.is_standard() { Err(HeaderName::OWN_RULE) } else { Ok(name) }
}

pub(super) fn cookie_name(name: &str) -> Result<CookieName, &'static str> {
    CookieName::new(name).ok_or(CookieName::RULE)
}

pub(super) fn share(written: Option<RawWeights>, problems: &mut Diagnostics) -> Option<Share> {
    match written {
        Some(written) => share_from_weights("weights", written, problems),
        None => Some(Share::ZERO),
    }
}

/// The share of weights that are written in `field`.
pub(super) fn share_from_weights(
    field: &str,
    written: RawWeights,
    problems: &mut Diagnostics,
) -> Option<Share> {
    let RawWeights { blue, green } = written;
    if blue.is_none() {
        problems.push(FieldError::missing(format!("{field}.blue"), write_example("weights")));
    }
    if green.is_none() {
        problems.push(FieldError::missing(format!("{field}.green"), write_example("weights")));
    }
    let (blue, green) = (blue?, green?);
    let share = Share::new(blue, green);
    if share.is_none() {
        let mend = if (blue, green) == (0, 0) {
            "give at least one of them a positive weight".to_owned()
        } else {
            format!("make their sum at most {MAX_TOTAL_WEIGHT}")
        };
        problems.push(FieldError::new(field, &json!({"blue": blue, "green": green}), mend));
    }
    share
}

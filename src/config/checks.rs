//! Checks that several sections of the configuration share.

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::raw::common::RawWeights;
use crate::assignment::Share;
use crate::assignment::bucket::MAX_TOTAL_WEIGHT;
use crate::names::{ClusterName, CookieName, HeaderName};

pub(super) fn check_cluster_name(name: &str) -> Result<ClusterName, &'static str> {
    ClusterName::new(name).ok_or(ClusterName::RULE)
}

pub(super) fn check_header_name(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::new(name).ok_or(HeaderName::RULE)
}

/// Accepts the names of headers that the filter may overwrite.
pub(super) fn check_own_header_name(name: &str) -> Result<HeaderName, &'static str> {
    let name = check_header_name(name)?;
    if name.is_standard() { Err(HeaderName::OWN_RULE) } else { Ok(name) }
}

pub(super) fn check_cookie_name(name: &str) -> Result<CookieName, &'static str> {
    CookieName::new(name).ok_or(CookieName::RULE)
}

/// The share of the weights in `field`.
pub(super) fn check_weights(
    field: &str,
    weights: RawWeights,
    diagnostics: &mut Diagnostics,
) -> Option<Share> {
    let RawWeights { blue, green } = weights;
    if blue.is_none() {
        diagnostics.push(FieldError::missing(format!("{field}.blue"), example_fix("weights")));
    }
    if green.is_none() {
        diagnostics.push(FieldError::missing(format!("{field}.green"), example_fix("weights")));
    }
    let (blue, green) = (blue?, green?);
    let share = Share::new(blue, green);
    if share.is_none() {
        let fix = if (blue, green) == (0, 0) {
            "make at least one weight positive".to_owned()
        } else {
            format!("make their sum at most {MAX_TOTAL_WEIGHT}")
        };
        diagnostics.push(FieldError::new(field, &json!({"blue": blue, "green": green}), fix));
    }
    share
}

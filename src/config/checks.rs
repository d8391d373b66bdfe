//! Checks that several sections of the configuration share.

use serde_json::{Value, json};

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

/// Checks the name of a header that the filter overwrites. `default` is the field's default.
pub(super) fn check_own_header_name(
    field: &str,
    name: Option<&str>,
    default: &str,
    diagnostics: &mut Diagnostics,
) -> Option<HeaderName> {
    let name = diagnostics.checked(field, name.unwrap_or(default), check_header_name)?;
    if name.is_standard() {
        let fix = format!(
            "the filter overwrites this header, but requests need it; use a custom header, such as \
             \"{default}\""
        );
        diagnostics.push(FieldError::new(field, &json!(name.as_str()), fix));
        return None;
    }
    Some(name)
}

pub(super) fn check_cookie_name(name: &str) -> Result<CookieName, &'static str> {
    CookieName::new(name).ok_or(CookieName::RULE)
}

/// The field of one of `count` sources, which are written as a list if there are several.
pub(super) fn source_field(field: &str, index: usize, count: usize) -> String {
    if count > 1 { format!("{field}[{index}]") } else { field.to_owned() }
}

/// An object as it was written: without the fields that are absent, which are null here.
pub(super) fn as_written(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
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

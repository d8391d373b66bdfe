//! Which requests green is asked as well, for nobody.

use serde_json::json;

use super::FieldError;
use super::checks::own_header_name;
use super::diagnostics::Diagnostics;
use super::examples::write_example;
use super::raw::release::RawShadow;
use crate::assignment::Share;
use crate::names::HeaderName;

/// Which requests green is asked as well, for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// Whose requests: a share of all units.
    pub share: Share,
    /// The request header that has Envoy's route make a copy.
    pub header: HeaderName,
}

impl ShadowConfig {
    /// How large a request may be that is copied, in bytes. Envoy passes a request on only
    /// as fast as its copy is taken; this much always is (tried, 1.40: from 1 MB on a copy
    /// that nobody takes held an upload up).
    pub const MAX_BODY: usize = 1_000_000;
}

/// The shadow; `blue_changes` says whether blue's requests are changed.
pub(super) fn shadow(
    written: RawShadow,
    blue_changes: bool,
    problems: &mut Diagnostics,
) -> Option<ShadowConfig> {
    let header = written.header.as_deref().unwrap_or("x-verdigris-shadow");
    let header = problems.checked("shadow.header", header, own_header_name);
    if blue_changes {
        let mend = "a shadow is a copy of what blue is sent, which blue's request has changed by \
                    then: leave out shadow or versions.blue.request";
        problems.push(FieldError { field: "shadow".into(), value: "set".into(), fix: mend.into() });
    }
    let Some(percent) = written.percent else {
        problems.push(FieldError::missing("shadow.percent", write_example("shadow")));
        return None;
    };
    let share = 100_u64.checked_sub(percent).and_then(|rest| Share::new(rest, percent));
    if share.is_none() {
        let mend = "write a whole number from 0 to 100";
        problems.push(FieldError::new("shadow.percent", &json!(percent), mend));
    }
    Some(ShadowConfig { share: share?, header: header? })
}

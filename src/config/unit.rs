//! Where the unit is looked for.

use serde_json::json;

use super::FieldError;
use super::checks::{cookie_name, header_name};
use super::diagnostics::Diagnostics;
use super::examples::write_example;
use super::raw::common::{RawUnitSource, RawUnitSources};
use crate::assignment::UnitSource;

pub(super) fn unit(
    written: Option<RawUnitSources>,
    problems: &mut Diagnostics,
) -> Option<Vec<UnitSource>> {
    let Some(RawUnitSources(sources)) = written else {
        problems.push(FieldError::missing("unit", write_example("unit")));
        return None;
    };
    if sources.is_empty() {
        problems.push(FieldError::new("unit", &json!([]), write_example("unit")));
        return None;
    }
    sources
        .iter()
        .map(|source| match source {
            RawUnitSource { header: Some(name), cookie: None, pointer: None } => {
                problems.checked("unit.header", name, header_name).map(UnitSource::Header)
            }
            RawUnitSource { header: None, cookie: Some(name), pointer: None } => {
                problems.checked("unit.cookie", name, cookie_name).map(UnitSource::Cookie)
            }
            RawUnitSource { pointer: Some(pointer), .. } => {
                let mend = "the unit is in a header or a cookie; a pointer is for conversation.id";
                problems.push(FieldError::new("unit.pointer", &json!(pointer), mend));
                None
            }
            RawUnitSource { header, cookie, .. } => {
                let value = match (header, cookie) {
                    (Some(header), Some(cookie)) => json!({"header": header, "cookie": cookie}),
                    _ => json!({}),
                };
                problems.push(FieldError::new(
                    "unit",
                    &value,
                    "a source is one header or one cookie; list the sources one by one, such as \
                     [{\"header\": \"x-user-id\"}, {\"cookie\": \"uid\"}]",
                ));
                None
            }
        })
        // Not lazily: the second bad source is to be told as well as the first.
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

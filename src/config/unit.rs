//! The `unit` section: the headers and cookies that carry the unit.

use serde_json::json;

use super::FieldError;
use super::checks::{as_written, check_cookie_name, check_header_name, source_field};
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::raw::common::{RawUnitSource, RawUnitSources};
use crate::assignment::UnitSource;

/// Checks the `unit` section.
pub(super) fn check_unit(
    raw: Option<RawUnitSources>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<UnitSource>> {
    let Some(RawUnitSources(sources)) = raw else {
        diagnostics.push(FieldError::missing("unit", example_fix("unit")));
        return None;
    };
    if sources.is_empty() {
        diagnostics.push(FieldError::new("unit", &json!([]), example_fix("unit")));
        return None;
    }
    let check = |(index, source)| {
        let field = source_field("unit", index, sources.len());
        check_unit_source(&field, source, diagnostics)
    };
    let sources: Vec<_> = sources.iter().enumerate().map(check).collect();
    let sources: Vec<UnitSource> = sources.into_iter().collect::<Option<_>>()?;
    // Headers are compared with those of the other fields, too.
    for (index, source) in sources.iter().enumerate() {
        if let UnitSource::Cookie(name) = source
            && sources.iter().take(index).any(|it| it == source)
        {
            let fix = "is listed twice; remove one";
            diagnostics.push(FieldError::new("unit", &json!(name.as_str()), fix));
        }
    }
    Some(sources)
}

fn check_unit_source(
    field: &str,
    source: &RawUnitSource,
    diagnostics: &mut Diagnostics,
) -> Option<UnitSource> {
    let inner = |name| format!("{field}.{name}");
    match source {
        RawUnitSource { header: Some(name), cookie: None, pointer: None } => {
            diagnostics.checked(&inner("header"), name, check_header_name).map(UnitSource::Header)
        }
        RawUnitSource { header: None, cookie: Some(name), pointer: None } => {
            diagnostics.checked(&inner("cookie"), name, check_cookie_name).map(UnitSource::Cookie)
        }
        RawUnitSource { pointer: Some(pointer), .. } => {
            let fix = "a unit is in a header or a cookie; pointer is valid only in conversation.id";
            diagnostics.push(FieldError::new(inner("pointer"), &json!(pointer), fix));
            None
        }
        RawUnitSource { header, cookie, .. } => {
            let value = as_written(json!({"header": header, "cookie": cookie}));
            let fix = "a source is one header or one cookie; write several sources as a list, \
                       such as [{\"header\": \"x-user-id\"}, {\"cookie\": \"uid\"}]";
            diagnostics.push(FieldError::new(field, &value, fix));
            None
        }
    }
}

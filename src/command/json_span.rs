//! The position of a field in a JSON text.

use crate::json::splice::{Array, Object};

/// The byte offset of the value of `field`, such as `ramp.gates[0].margin`. If the field is
/// missing, the offset of the innermost value that exists.
pub fn offset(json: &str, field: &str) -> usize {
    let (mut value, mut rest) = (json.trim_start(), field);
    while let Some((inner, after)) = step(value, rest) {
        (value, rest) = (inner, after);
    }
    // Both slices are of the same text, so the difference of their addresses is the offset.
    (value.as_ptr() as usize).saturating_sub(json.as_ptr() as usize)
}

/// The byte offset of the name before the value at `value`; `None` if it has none, as in a list.
pub fn name_offset(json: &str, value: usize) -> Option<usize> {
    let name = json.get(..value)?.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    name.rfind('"')
}

/// The byte range of the value at this path of field names; `None` if it is missing.
pub fn span(json: &str, field: &[&str]) -> Option<std::ops::Range<usize>> {
    let value = field.iter().try_fold(json, |value, name| Object::parse(value)?.get(name))?;
    let start = (value.as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
    Some(start..start + value.len())
}

/// Descends by one element of the path: the inner value and the rest of the path. A field name
/// may contain dots, as names of models do, so the longest name that exists is taken.
fn step<'j, 'f>(value: &'j str, path: &'f str) -> Option<(&'j str, &'f str)> {
    if let Some(path) = path.strip_prefix('[') {
        let (index, rest) = path.split_once(']')?;
        let item = Array::parse(value)?.items().get(index.parse::<usize>().ok()?).copied()?;
        return Some((item, rest));
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return None;
    }
    let object = Object::parse(value)?;
    let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
    let ends: Vec<usize> = ends.collect();
    ends.into_iter().rev().find_map(|end| {
        let (name, rest) = path.split_at_checked(end)?;
        Some((object.get(name)?, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_of_a_field_is_found() {
        let json =
            r#" {"a": 1, "unit": [{"x": 2}, {"y": 3}], "prices": {"gpt-4.1": {"input": 4}}}"#;
        for (field, expected) in [
            ("a", "1,"),
            ("unit[1].y", "3}"),
            ("unit[1].z", r#"{"y""#),
            ("prices.gpt-4.1.input", "4}"),
            ("prices.gpt-4.1.output", r#"{"input""#),
            ("plugin configuration", r#"{"a""#),
        ] {
            let found = &json[offset(json, field)..];
            assert!(found.starts_with(expected), "{field}: {found}");
        }
    }
}

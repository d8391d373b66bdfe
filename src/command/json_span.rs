//! Where in a JSON text a field stands that a problem names.

use crate::json::splice::{Array, Object};

/// The byte at which the value of `field` begins, such as `ramp.gates[0].margin`; where it
/// is missing, what it is missing in.
pub fn offset(json: &str, field: &str) -> usize {
    let (mut value, mut rest) = (json.trim_start(), field);
    while let Some((inner, after)) = step(value, rest) {
        (value, rest) = (inner, after);
    }
    // Both are slices of the same text.
    (value.as_ptr() as usize).saturating_sub(json.as_ptr() as usize)
}

/// The bytes of `field`'s value in a JSON text; `None` where it is not there.
pub fn span(json: &str, field: &[&str]) -> Option<std::ops::Range<usize>> {
    let value = field.iter().try_fold(json, |value, name| Object::parse(value)?.get(name))?;
    let start = (value.as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
    Some(start..start + value.len())
}

/// One step down, and what is left of the path. A name may have points in it, as those of
/// models have, so the longest that is there counts.
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
    use super::offset;

    #[test]
    fn a_field_is_found() {
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

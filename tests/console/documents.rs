//! The documents of the page and of `/state.json`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::fixtures;

const STATE: &str = include_str!("../../docs/reference/state.md");

/// The keys of all objects in a value, without the counters' names.
fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                keys.insert(key.clone());
                if key != "counters" {
                    collect_keys(value, keys);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        _ => (),
    }
}

#[test]
fn every_key_of_the_state_is_described() {
    let mut keys = BTreeSet::new();
    for (_, view) in fixtures::all() {
        collect_keys(&serde_json::to_value(view).unwrap(), &mut keys);
    }
    assert!(keys.len() > 60, "{keys:?}");
    let missing: Vec<_> = keys.iter().filter(|key| !STATE.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The picture that `make screenshots` takes is as wide as a window, and small enough for a README.
#[test]
fn the_picture_of_the_page_is_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/page.png");
    let png = std::fs::read(path).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() < 250_000, "{}", png.len());
    assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 1280);
}

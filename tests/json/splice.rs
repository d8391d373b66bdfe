//! Replacing values of a document.

use proptest::prelude::*;
use verdigris::json::splice::{Array, Change};

proptest! {
    #[test]
    fn each_item_that_changes_is_changed(
        items in prop::collection::vec(prop::option::of(prop::option::of(0..9_u8)), 0..20),
    ) {
        let text = format!("[{}]", vec!["null"; items.len()].join(", "));
        let changes: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(index, change)| {
                let set = |value: u8| Change::Set(value.to_string());
                Some((index, (*change)?.map_or(Change::Remove, set)))
            })
            .collect();
        let expected: Vec<Option<u8>> = items
            .iter()
            .filter(|it| **it != Some(None))
            .map(|it| it.flatten())
            .collect();
        let changed = Array::parse(&text).unwrap().with_items(&changes);
        prop_assert_eq!(serde_json::from_str::<Vec<Option<u8>>>(&changed).unwrap(), expected);
    }
}

/// A search of all changes for each item would take hours.
#[test]
fn many_items_change_at_once() {
    let count = 1_000_000;
    let text = format!("[{}]", vec!["0"; count].join(","));
    let changes: Vec<_> = (0..count).map(|index| (index, Change::Remove)).collect();
    assert_eq!(Array::parse(&text).unwrap().with_items(&changes), "[]");
}

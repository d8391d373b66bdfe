//! The scanner against a parser that keeps its document.

use proptest::prelude::*;
use serde_json::Value;
use verdigris::json::scanner::{Scanner, Token};
use verdigris::response::find::find_either;
use verdigris::response::json_key::Key;

use crate::support::any_json;

/// What the scanner should report of a document, by a parser that keeps it.
fn walk(value: &Value, path: &mut Vec<Key>, report: &mut Vec<String>) {
    let said = match value {
        Value::Object(_) => Some("object".to_owned()),
        Value::Bool(true) => Some("true".to_owned()),
        Value::String(text) => Some(format!("{:?}", &text.as_bytes()[..text.len().min(128)])),
        Value::Number(number) => Some(format!("{:?}", number.as_u64())),
        _ => None,
    };
    if !path.contains(&Key::Other) {
        report.extend(said.map(|said| format!("{path:?} {said}")));
    }
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                path.push(Key::from_bytes(key.as_bytes()));
                walk(value, path, report);
                path.pop();
            }
        }
        Value::Array(items) => {
            for value in items {
                path.push(Key::Item);
                walk(value, path, report);
                path.pop();
            }
        }
        _ => {}
    }
}

fn scan(pieces: &[&[u8]]) -> (Vec<String>, bool) {
    let mut report = Vec::new();
    let mut scanner = Scanner::default();
    for piece in pieces {
        scanner.feed(piece, &mut |path, token| {
            let said = match token {
                Token::Object => "object".to_owned(),
                Token::True => "true".to_owned(),
                Token::String(text) => format!("{:?}", text.bytes()),
                Token::Number(number) => format!("{number:?}"),
                Token::End => return,
            };
            report.push(format!("{path:?} {said}"));
        });
    }
    (report, scanner.is_between_documents())
}

fn any_document() -> impl Strategy<Value = Value> {
    let text = prop_oneof![".{0,20}", "(usage|model|🦆|\\PC){0,60}", "[a-z]{200}"];
    any_json(text.boxed(), prop_oneof!["usage", "choices", "model", ".{0,8}"].boxed(), 5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_scanner_reports_what_a_parser_finds(value in any_document(), pretty: bool, piece in 1..40usize) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        } + "\n";
        let mut expected = Vec::new();
        walk(&value, &mut Vec::new(), &mut expected);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
        prop_assert_eq!(scan(&pieces), (expected, true));
    }

    #[test]
    fn the_first_of_two_bytes_is_found(one: u8, other: u8, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        // Neighbours of the bytes looked for, where a borrow between two bytes would show.
        for one in [one, bytes.last().copied().unwrap_or(one)] {
            for bytes in [bytes.clone(), bytes.iter().map(|byte| one ^ (byte & 1)).collect()] {
                let place = bytes.iter().position(|byte| *byte == one || *byte == other);
                prop_assert_eq!(find_either(one, other, &bytes), place);
            }
        }
    }

    #[test]
    fn escapes_are_read_as_a_parser_reads_them(
        text in r#"([a-z"]|\\[nrtbf/\\"]|\\u[0-9a-f]{4}|\\ud83e\\udd86){0,20}"#,
        piece in 1..9usize,
    ) {
        let document = format!("\"{}\"\n", text.replace('"', ""));
        let pieces: Vec<&[u8]> = document.as_bytes().chunks(piece).collect();
        let (report, complete) = scan(&pieces);
        if let Ok(text) = serde_json::from_str::<String>(&document) {
            let cut = &text.as_bytes()[..text.len().min(128)];
            prop_assert_eq!(report, vec![format!("[] {cut:?}")]);
            prop_assert!(complete);
        }
    }
}

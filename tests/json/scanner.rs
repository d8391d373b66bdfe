//! The scanner, against a parser that builds the document.

use proptest::prelude::*;
use serde_json::Value;
use verdigris::json::{BoundedText, PathKey, Scanner, Token};

use crate::support::any_json;

/// The keys that these tests read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum TestKey {
    Item,
    Ignored,
    Usage,
    Choices,
    Model,
    Delta,
}

impl PathKey for TestKey {
    const ITEM: Self = Self::Item;
    const IGNORED: Self = Self::Ignored;

    fn from_name(name: &[u8]) -> Self {
        match name {
            b"usage" => Self::Usage,
            b"choices" => Self::Choices,
            b"model" => Self::Model,
            b"delta" => Self::Delta,
            _ => Self::Ignored,
        }
    }

    fn is_text(self) -> bool {
        self == Self::Delta
    }
}

/// The first bytes of a text that the scanner reports.
fn kept(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(BoundedText::MAX_BYTES)]
}

/// The number as the scanner reports it.
fn rounded(number: &serde_json::Number) -> Option<u64> {
    let is_in_range =
        |number: &f64| number.is_sign_positive() && *number < 18_446_744_073_709_551_616.0;
    let fraction = || number.as_f64().filter(is_in_range).map(|number| number.round() as u64);
    number.as_u64().or_else(fraction)
}

/// A number as far as both have it: the scanner has all digits that are written, and the parser those of a
/// `double`.
fn shown(number: Option<u64>) -> String {
    match number {
        Some(large @ 9_007_199_254_740_992..) => format!("{:?}", large as f64),
        number => format!("{number:?}"),
    }
}

/// Adds the lines that the scanner should report for a value.
fn expect(value: &Value, path: &mut Vec<TestKey>, lines: &mut Vec<String>) {
    let token = match value {
        Value::Object(_) => Some("object".to_owned()),
        Value::Bool(literal) => Some(literal.to_string()),
        // A text key has the whole string.
        Value::String(text) if path.last() == Some(&TestKey::Delta) => {
            (!text.is_empty()).then(|| format!("text {:?}", text.as_bytes()))
        }
        Value::String(text) => Some(format!("{:?}", kept(text))),
        Value::Number(number) => Some(shown(rounded(number))),
        _ => None,
    };
    if !path.contains(&TestKey::Ignored) {
        lines.extend(token.map(|token| format!("{path:?} {token}")));
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                path.push(TestKey::from_name(name.as_bytes()));
                expect(value, path, lines);
                path.pop();
            }
        }
        Value::Array(items) => {
            for value in items {
                path.push(TestKey::Item);
                expect(value, path, lines);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The lines that the scanner reports, and the scanner at the end of the input.
fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Scanner<TestKey>) {
    let mut lines = Vec::new();
    let mut scanner = Scanner::default();
    let (mut text, mut open) = (Vec::new(), None);
    for piece in pieces {
        scanner.feed(piece, &mut |path: &[TestKey], token| {
            if let Token::Text(piece) = token {
                assert!(!piece.is_empty());
                if open.replace(path.to_vec()).as_deref() != Some(path) {
                    text.clear();
                    lines.push(String::new());
                }
                text.extend_from_slice(piece);
                *lines.last_mut().unwrap() = format!("{path:?} text {text:?}");
                return;
            }
            open = None;
            let token = match token {
                Token::Object => "object".to_owned(),
                Token::True => "true".to_owned(),
                Token::False => "false".to_owned(),
                Token::Text(_) => return,
                Token::String(text) => format!("{:?}", text.bytes()),
                Token::Number(number) => shown(number),
                Token::End => return,
            };
            lines.push(format!("{path:?} {token}"));
        });
    }
    (lines, scanner)
}

fn any_document() -> impl Strategy<Value = Value> {
    let text = prop_oneof![".{0,20}", "(usage|model|🦆|\\PC){0,60}", "[a-z]{200}"];
    any_json(text.boxed(), prop_oneof!["usage", "choices", "model", "delta", ".{0,8}"].boxed(), 5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_scanner_reports_what_a_parser_finds(
        value in any_document(),
        is_pretty: bool,
        piece in 1..40usize,
    ) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        } + "\n";
        let mut expected = Vec::new();
        expect(&value, &mut Vec::new(), &mut expected);
        let (lines, scanner) = scan(text.as_bytes().chunks(piece));
        prop_assert_eq!(lines, expected);
        prop_assert!(scanner.is_between_documents());
    }

    #[test]
    fn escapes_are_decoded_as_a_parser_decodes_them(
        text in r#"([a-z"]|\\[nrtbf/\\"]|\\u[0-9a-f]{4}|\\ud83e\\udd86){0,20}"#,
        piece in 1..9usize,
    ) {
        let document = format!("\"{}\"\n", text.replace('"', ""));
        let (lines, scanner) = scan(document.as_bytes().chunks(piece));
        if let Ok(text) = serde_json::from_str::<String>(&document) {
            prop_assert_eq!(lines, vec![format!("[] {:?}", kept(&text))]);
            prop_assert!(scanner.is_between_documents());
        }
    }
}

/// serde_json rejects half a surrogate pair, so the property above does not cover it.
#[test]
fn half_a_surrogate_pair_is_replaced() {
    let cases = [
        (r#""\ud83e""#, "\u{fffd}"),
        (r#""\ud83ea""#, "\u{fffd}a"),
        (r#""\ud83e\n""#, "\u{fffd}\n"),
        (r#""\ud83e\ud83e\udd86""#, "\u{fffd}🦆"),
        (r#""\udd86""#, "\u{fffd}"),
    ];
    for (document, text) in cases {
        for piece in 1..=document.len() {
            let (lines, _) = scan(document.as_bytes().chunks(piece));
            assert_eq!(lines, [format!("[] {:?}", text.as_bytes())], "{document} {piece}");
        }
    }
}

#[test]
fn a_bad_escape_breaks_the_scan() {
    for document in [r#""\x""#, r#""\u12g4""#, r#"{"\q": 1}"#] {
        for piece in 1..=document.len() {
            assert!(scan(document.as_bytes().chunks(piece)).1.is_broken(), "{document} {piece}");
        }
    }
}

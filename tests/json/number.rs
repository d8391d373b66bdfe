//! Numbers, through the scanner.

use proptest::prelude::*;
use verdigris::json::{PathKey, Scanner, Token};

#[derive(Clone, Copy, PartialEq)]
enum NoKey {
    Item,
    Ignored,
}

impl PathKey for NoKey {
    const ITEM: Self = Self::Item;
    const IGNORED: Self = Self::Ignored;

    fn from_name(_: &[u8]) -> Self {
        Self::Ignored
    }
}

fn number(text: &str) -> Option<u64> {
    let mut number = None;
    Scanner::<NoKey>::default().feed(format!("{text} ").as_bytes(), &mut |_, token| {
        if let Token::Number(value) = token {
            number = value;
        }
    });
    number
}

#[test]
fn numbers_are_rounded() {
    let table = [
        ("0", Some(0)),
        ("57.0", Some(57)),
        ("14417.92", Some(14418)),
        ("0.5", Some(1)),
        ("0.49", Some(0)),
        ("1.5e3", Some(1500)),
        ("12E-1", Some(1)),
        ("15E-1", Some(2)),
        ("5e-1", Some(1)),
        ("5e-2", Some(0)),
        ("1e19", Some(10_000_000_000_000_000_000)),
        ("1e20", None),
        ("0e999999999", Some(0)),
        ("1e999999999", None),
        ("1e-999999999", Some(0)),
        ("1e99999999999", None),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("18446744073709551615.5", None),
        ("-1", None),
        ("-0.1", None),
        ("1.2.3", None),
        ("1.5-", None),
        ("1-2", None),
    ];
    for (text, expected) in table {
        assert_eq!(number(text), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fraction_is_rounded_as_the_standard_library_rounds(thousandths in 0..10_u64.pow(12)) {
        let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let rounded = text.parse::<f64>().unwrap().round() as u64;
        prop_assert_eq!(number(&text), Some(rounded));
    }
}

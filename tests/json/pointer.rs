//! JSON pointers.

use verdigris::json::JsonPointer;

#[test]
fn a_pointer_finds_strings_only() {
    let body = r#"{"conversation": {"id": "c1"}, "a/b": {"~": ["x", "y\u00e9"]}, "n": 1}"#;
    let table = [
        ("/conversation/id", Some("c1")),
        ("/a~1b/~0/1", Some("yé")),
        ("/a~1b/~0/01", None),
        ("/a~1b/~0/2", None),
        ("/conversation", None),
        ("/n", None),
        ("/missing/deep", None),
    ];
    for (text, expected) in table {
        let pointer = JsonPointer::parse(text).unwrap();
        assert_eq!(pointer.find_string(body).as_deref(), expected, "{text}");
    }
}

#[test]
fn a_pointer_finds_the_json_of_any_value() {
    let body = r#"{"n": 1e2, "list": [ {"a": null} ]}"#;
    let table = [("/n", Some("1e2")), ("/list/0", Some(r#"{"a": null}"#)), ("/list/-1", None)];
    for (text, expected) in table {
        assert_eq!(JsonPointer::parse(text).unwrap().find(body), expected, "{text}");
    }
}

#[test]
fn a_pointer_begins_with_a_slash() {
    assert_eq!(JsonPointer::parse("conversation"), None);
    assert_eq!(JsonPointer::parse(""), None);
}

#[test]
fn a_pointer_finds_nothing_in_text_that_is_not_json() {
    assert_eq!(JsonPointer::parse("/a").unwrap().find("not JSON"), None);
}

#[test]
fn a_pointer_is_displayed_without_escapes() {
    assert_eq!(JsonPointer::parse("/a~1b/0").unwrap().to_string(), "/a/b/0");
}

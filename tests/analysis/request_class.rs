//! The class of a request, from its headers.

use verdigris::analysis::RequestClass;

fn class(headers: &[(&str, &str)]) -> RequestClass {
    RequestClass::from_headers(
        headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    )
}

const PATH: (&str, &str) = (":path", "/v1/chat/completions");

#[test]
fn sizes_are_octaves() {
    let of_size = |size: &str| class(&[PATH, ("content-length", size)]);
    for (one, other, are_alike) in [
        ("1", "127", true),
        ("128", "255", true),
        ("255", "256", false),
        ("1024", "2047", true),
        ("2047", "2048", false),
        ("524288", "1048575", true),
        ("524287", "524288", false),
        ("4000000", "400000000", true),
    ] {
        assert_eq!(of_size(one) == of_size(other), are_alike, "{one} {other}");
    }
}

#[test]
fn a_size_that_is_not_known_has_a_class_of_its_own() {
    let unknown = class(&[PATH]);
    assert_ne!(unknown, class(&[PATH, ("content-length", "1")]));
    for size in ["", "-1", "many", "99999999999999999999999"] {
        assert_eq!(class(&[PATH, ("content-length", size)]), unknown, "{size}");
    }
}

#[test]
fn the_path_without_its_query_and_streaming_make_the_kind() {
    assert_eq!(class(&[PATH]), class(&[(":path", "/v1/chat/completions?user=7")]));
    let stream = ("accept", "text/event-stream");
    assert_ne!(class(&[PATH]), class(&[PATH, stream]));
    let models = ["a", "b", "c", "d", "e", "f", "g", "h"]
        .map(|model| class(&[(":path", &format!("/model/{model}/converse"))]));
    let distinct: std::collections::BTreeSet<_> = models.into_iter().collect();
    assert!(distinct.len() > 4, "{distinct:?}");
}

#[test]
fn nothing_is_known_without_headers() {
    assert_eq!(class(&[]).get() >> 4, 0);
}

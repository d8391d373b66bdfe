//! What the headers of a request say.

use verdigris::patch::{BodyPatch, PatchScope, RequestHead, RequestPatch};
use verdigris::response::Format;

use super::model;

fn head(headers: &[(&str, &str)], has_body: bool) -> RequestHead {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    RequestHead::from_headers(headers, has_body)
}

#[test]
fn a_body_can_be_buffered_if_it_is_plain_json_of_known_length() {
    let (json, length) = (("content-type", "application/json"), ("content-length", "10"));
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], bool, bool);
    let table: [Row<'_>; 8] = [
        ("JSON", &[json, length], true, true),
        ("identity", &[json, length, ("content-encoding", "identity")], true, true),
        ("no body", &[json, length], false, false),
        ("another type", &[("content-type", "text/plain"), length], true, false),
        ("no type", &[length], true, false),
        ("an encoding", &[json, length, ("content-encoding", "gzip")], true, false),
        ("no length", &[json], true, false),
        ("too long", &[json, ("content-length", "11")], true, false),
    ];
    for (name, headers, has_body, expected) in table {
        assert_eq!(head(headers, has_body).is_bufferable(10), expected, "{name}");
    }
}

#[test]
fn a_patch_has_a_scope() {
    let json: &[(&str, &str)] = &[("content-type", "application/json"), ("content-length", "10")];
    let body = |body| RequestPatch { body, ..RequestPatch::default() };
    let table = [
        ("headers only", body(BodyPatch::default()), true, Some(Format::Chat), PatchScope::Head),
        ("no body", body(model("m")), false, Some(Format::Chat), PatchScope::Head),
        ("the path", body(model("m")), true, Some(Format::Gemini), PatchScope::Head),
        ("the body", body(model("m")), true, Some(Format::Chat), PatchScope::Body(Format::Chat)),
        ("no format", body(model("m")), true, None, PatchScope::NotPatchable),
    ];
    for (name, patch, has_body, format, expected) in table {
        assert_eq!(patch.patch_scope(&head(json, has_body), format, 10), expected, "{name}");
    }
    let scope = body(model("m")).patch_scope(&head(json, true), Some(Format::Chat), 9);
    assert_eq!(scope, PatchScope::NotPatchable, "the body is too long");
}

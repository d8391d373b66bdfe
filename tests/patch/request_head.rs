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
    let content = [("content-type", "application/json"), ("content-length", "10")];
    let at = |path| [(":path", path), content[0], content[1]];
    let (chat, gemini) = (at("/v1/chat/completions"), at("/v1beta/models/g:generateContent"));
    let body = |body| RequestPatch { body, ..RequestPatch::default() };
    let table = [
        ("headers only", &chat, BodyPatch::default(), true, Some(Format::Chat), PatchScope::Head),
        ("no body", &chat, model("m"), false, Some(Format::Chat), PatchScope::Head),
        ("the path", &gemini, model("m"), true, Some(Format::Gemini), PatchScope::Head),
        (
            "a path without a model",
            &chat,
            model("m"),
            true,
            Some(Format::Gemini),
            PatchScope::NotPatchable,
        ),
        ("the body", &chat, model("m"), true, Some(Format::Chat), PatchScope::Body(Format::Chat)),
        ("no format", &chat, model("m"), true, None, PatchScope::NotPatchable),
    ];
    for (name, headers, patch, has_body, format, expected) in table {
        let scope = body(patch).patch_scope(&head(headers, has_body), format, 10);
        assert_eq!(scope, expected, "{name}");
    }
    let scope = body(model("m")).patch_scope(&head(&chat, true), Some(Format::Chat), 9);
    assert_eq!(scope, PatchScope::NotPatchable, "the body is too long");
}

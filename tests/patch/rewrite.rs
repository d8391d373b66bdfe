//! The changes of one request, as they are written to the host.

use verdigris::names::HeaderName;
use verdigris::patch::{
    HeaderChange, HeaderPatch, PATCH_ROOM, RequestHead, RequestPatch, RequestRewrite,
};
use verdigris::response::Format;

use super::model;

fn patch() -> RequestPatch {
    let name = |name| HeaderName::new(name).unwrap();
    let set = vec![(name("x-team"), "a".into())];
    let headers = HeaderPatch { remove: vec![name("x-old")], set };
    RequestPatch { headers, body: model("m"), ..RequestPatch::default() }
}

fn head(path: &str, length: Option<usize>) -> RequestHead {
    RequestHead { path: path.as_bytes().into(), has_body: true, is_json: true, length }
}

fn header_changes(rewrite: &RequestRewrite<'_>) -> Vec<String> {
    let mut changes = Vec::new();
    rewrite.write_headers(|change| {
        changes.push(match change {
            HeaderChange::Remove(name) => format!("-{name}"),
            HeaderChange::Set(name, value) => format!("{name}: {value}"),
        });
    });
    changes
}

#[test]
fn a_new_body_has_its_own_length() {
    let (patch, body) = (patch(), br#"{"model": "long-name"}"#);
    let head = head("/v1/chat/completions", Some(body.len()));
    let rewrite = RequestRewrite::new(&patch, &head, Some(Format::Chat), Some(body), 100).unwrap();
    assert_eq!(rewrite.body(), Some(r#"{"model": "m"}"#));
    assert_eq!(header_changes(&rewrite), ["content-length: 14", "-x-old", "x-team: a"]);
}

/// Envoy would answer 413.
#[test]
fn a_new_body_above_the_limit_is_not_written() {
    let patch = RequestPatch { body: model(&"x".repeat(PATCH_ROOM)), ..RequestPatch::default() };
    let head = head("/v1/chat/completions", Some(2));
    let new = |max| RequestRewrite::new(&patch, &head, Some(Format::Chat), Some(b"{}"), max);
    let beyond = r#"{"model":""}"#.len();
    assert!(new(beyond).unwrap().body().is_some());
    assert_eq!(new(beyond - 1), None);
}

#[test]
fn a_length_that_the_request_does_not_state_is_not_added() {
    let patch = patch();
    let head = head("/v1/chat/completions", None);
    let rewrite = RequestRewrite::new(&patch, &head, Some(Format::Chat), Some(b"{}"), 100).unwrap();
    assert_eq!(header_changes(&rewrite), ["-x-old", "x-team: a"]);
}

#[test]
fn a_model_in_the_path_changes_the_path() {
    let patch = patch();
    let new = |path, has_body| {
        let head = RequestHead { has_body, ..head(path, Some(2)) };
        let rewrite = RequestRewrite::new(&patch, &head, Some(Format::Gemini), None, 100)?;
        Some(header_changes(&rewrite))
    };
    let path = "/v1beta/models/a:generateContent";
    let patched = [":path: /v1beta/models/m:generateContent", "-x-old", "x-team: a"];
    assert_eq!(new(path, true).unwrap(), patched);
    assert_eq!(new("/v1beta/other", true), None, "the path names no model");
    assert_eq!(new("/v1beta/models", false).unwrap(), ["-x-old", "x-team: a"], "no body");
}

#[test]
fn a_body_of_another_format_is_not_rewritten() {
    let (patch, head) = (patch(), head("/v1/chat/completions", Some(4)));
    assert_eq!(RequestRewrite::new(&patch, &head, Some(Format::Chat), Some(b"null"), 100), None);
    // Without a format only the headers change.
    let rewrite = RequestRewrite::new(&patch, &head, None, None, 100).unwrap();
    assert_eq!(header_changes(&rewrite), ["-x-old", "x-team: a"]);
}

#[test]
fn the_default_changes_nothing() {
    let rewrite = RequestRewrite::default();
    assert_eq!((rewrite.body(), header_changes(&rewrite).len()), (None, 0));
}

//! What is done with a request that was assigned a version.

use verdigris::assignment::Version::{self, Blue, Green};
use verdigris::patch::{
    BodyPatch, BodyState, PlanAction, PlanContext, RequestHead, RequestPatch, RequestPlan,
};
use verdigris::response::{Format, Formats};

use super::model;

const CHAT: &str = "/v1/chat/completions";

const BODY: &[u8] = br#"{"model": "a"}"#;

/// A request with a body that can be patched.
fn head(path: &str) -> RequestHead {
    let length = Some(BODY.len());
    RequestHead { path: path.as_bytes().into(), has_body: true, is_json: true, length }
}

fn with_body(body: BodyPatch) -> RequestPatch {
    RequestPatch { body, ..RequestPatch::default() }
}

fn context<'a>(
    version: Version,
    patches: [Option<&'a RequestPatch>; 2],
    formats: &'a Formats,
) -> PlanContext<'a> {
    let [blue_patch, green_patch] = patches;
    PlanContext {
        version,
        blue_patch,
        green_patch,
        formats,
        max_body_bytes: 1_000,
        max_mirrored_bytes: 100,
        is_evidence: true,
        is_mirrored: false,
    }
}

/// The action of a plan, in a word.
fn action(plan: &RequestPlan<'_>) -> &'static str {
    match &plan.action {
        PlanAction::AwaitBody => "await",
        PlanAction::FallBackToBlue => "blue",
        PlanAction::Send(rewrite) if rewrite.body().is_some() => "patched",
        PlanAction::Send(_) => "send",
    }
}

#[test]
fn each_row_of_the_table_has_its_action() {
    let required = with_body(model("m"));
    let passing = RequestPatch { passes_unpatchable: true, ..required.clone() };
    let usage = with_body(BodyPatch { asks_for_usage: true, ..BodyPatch::default() });
    let (whole, other) = (BodyState::Complete(BODY), BodyState::Complete(b"null"));
    let (known, unknown) = (Some(CHAT), Some("/ask"));
    let table = [
        ("no patch", None, known, BodyState::Pending, "send"),
        ("no headers", Some(&required), None, BodyState::Pending, "blue"),
        ("the body has not arrived", Some(&required), known, BodyState::Pending, "await"),
        ("the body has arrived", Some(&required), known, whole, "patched"),
        ("the body is too large", Some(&required), known, BodyState::Unavailable, "blue"),
        ("a body of another format", Some(&required), known, other, "blue"),
        ("an unknown format", Some(&required), unknown, BodyState::Pending, "blue"),
        ("the same, passed", Some(&passing), unknown, BodyState::Pending, "send"),
        ("a body that is passed", Some(&passing), known, other, "send"),
        ("only token counts", Some(&usage), unknown, BodyState::Pending, "send"),
        ("only token counts, in the body", Some(&usage), known, BodyState::Pending, "await"),
        ("token counts of a body of another format", Some(&usage), known, other, "send"),
    ];
    let formats = Formats::default();
    for (name, patch, path, body, expected) in table {
        let context = context(Green, [None, patch], &formats);
        let plan = context.plan(path.map(head).as_ref(), body);
        assert_eq!(action(&plan), expected, "{name}");
        assert_eq!(plan.is_evidence, expected != "blue", "{name}");
        assert_eq!(context.needs_head(), patch.is_some(), "{name}");
    }
}

#[test]
fn blue_is_compared_only_where_green_could_have_answered() {
    let required = with_body(model("m"));
    let usage = with_body(BodyPatch { asks_for_usage: true, ..BodyPatch::default() });
    let formats = Formats::default();
    let table = [
        ("green has no patch", None, Some("/ask"), true),
        ("green's patch is not required", Some(&usage), Some("/ask"), true),
        ("green's patch can be applied", Some(&required), Some(CHAT), true),
        ("green's patch cannot be applied", Some(&required), Some("/ask"), false),
    ];
    for (name, green_patch, path, expected) in table {
        let plan = context(Blue, [None, green_patch], &formats)
            .plan(path.map(head).as_ref(), BodyState::Pending);
        assert_eq!((action(&plan), plan.is_evidence), ("send", expected), "{name}");
    }
    let compared = context(Blue, [None, Some(&required)], &formats);
    assert_eq!(action(&compared.plan(None, BodyState::None)), "blue", "no headers");
    let not_compared = PlanContext { is_evidence: false, ..compared };
    assert!(!not_compared.needs_head());
    assert_eq!(action(&not_compared.plan(None, BodyState::None)), "send");
}

/// Blue's own format also decides whether green's patch can be applied, where green has none.
#[test]
fn greens_patch_uses_the_format_of_green_or_of_the_request() {
    let required = with_body(model("m"));
    for (blue, green, expected) in
        [(Some(Format::Chat), None, true), (None, Some(Format::Chat), true), (None, None, false)]
    {
        let formats = Formats { blue, green, ..Formats::default() };
        let plan = context(Blue, [None, Some(&required)], &formats)
            .plan(Some(&head("/ask")), BodyState::Pending);
        assert_eq!(plan.is_evidence, expected, "{blue:?} {green:?}");
    }
}

#[test]
fn a_request_is_mirrored_where_green_can_answer_it() {
    let required = with_body(model("m"));
    let formats = Formats::default();
    let long = RequestHead { length: Some(101), ..head(CHAT) };
    let table = [
        ("a request to a model", None, Some(head(CHAT)), true),
        ("a patched request", Some(&required), Some(head(CHAT)), true),
        ("another path", None, Some(head("/ask")), false),
        ("a long body", None, Some(long), false),
        ("no headers", None, None, false),
    ];
    for (name, green_patch, head, expected) in table {
        let context = PlanContext {
            is_mirrored: true,
            is_evidence: false,
            ..context(Blue, [None, green_patch], &formats)
        };
        assert!(context.needs_head());
        let plan = context.plan(head.as_ref(), BodyState::Pending);
        assert_eq!((action(&plan), plan.is_mirrored), ("send", expected), "{name}");
    }
}

#[test]
fn waiting_for_the_body_keeps_what_the_headers_decided() {
    let (blue, green) = (with_body(model("b")), with_body(model("g")));
    let formats = Formats { blue: Some(Format::Chat), ..Formats::default() };
    let context =
        PlanContext { is_mirrored: true, ..context(Blue, [Some(&blue), Some(&green)], &formats) };
    let plan = context.plan(Some(&head("/ask")), BodyState::Pending);
    assert_eq!((action(&plan), plan.is_evidence, plan.is_mirrored), ("await", true, false));
}

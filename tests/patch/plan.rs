//! What is done with a request that was assigned a version.

use verdigris::assignment::Version::{self, Blue, Green};
use verdigris::patch::{
    BodyPatch, BodyState, PATCH_ROOM, Placement, PlanAction, PlanContext, RequestHead,
    RequestPatch, RequestPlan, System,
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
        PlanAction::FallBackToBlue(rewrite) if rewrite.body().is_some() => "blue, patched",
        PlanAction::FallBackToBlue(_) => "blue",
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
        ("no patch", None, known, BodyState::Pending, "send", true),
        ("no headers", Some(&required), None, BodyState::Pending, "blue", false),
        ("the body has not arrived", Some(&required), known, BodyState::Pending, "await", true),
        ("the body has arrived", Some(&required), known, whole, "patched", true),
        ("the body is too large", Some(&required), known, BodyState::Unavailable, "blue", true),
        ("a body of another format", Some(&required), known, other, "blue", true),
        ("an unknown format", Some(&required), unknown, BodyState::Pending, "blue", false),
        ("the same, passed", Some(&passing), unknown, BodyState::Pending, "send", false),
        ("a body that is passed", Some(&passing), known, other, "send", true),
        ("only token counts", Some(&usage), unknown, BodyState::Pending, "send", true),
        ("only token counts, in the body", Some(&usage), known, BodyState::Pending, "await", true),
        ("token counts of a body of another format", Some(&usage), known, other, "send", true),
    ];
    let formats = Formats::default();
    for (name, patch, path, body, expected, is_evidence) in table {
        let context = context(Green, [None, patch], &formats);
        let plan = context.plan(path.map(head).as_ref(), body);
        assert_eq!(action(&plan), expected, "{name}");
        assert_eq!(plan.is_evidence, is_evidence, "{name}");
        assert_eq!(context.needs_head(), patch.is_some(), "{name}");
    }
}

#[test]
fn a_version_is_compared_only_where_the_other_could_have_answered() {
    let required = with_body(model("m"));
    let passing = RequestPatch { passes_unpatchable: true, ..required.clone() };
    let usage = with_body(BodyPatch { asks_for_usage: true, ..BodyPatch::default() });
    let formats = Formats::default();
    let table = [
        ("the other has no patch", None, Some("/ask"), true),
        ("the other's patch is not required", Some(&usage), Some("/ask"), true),
        ("the other's patch can be applied", Some(&required), Some(CHAT), true),
        ("the other's patch cannot be applied", Some(&required), Some("/ask"), false),
        ("the other takes it unchanged", Some(&passing), Some("/ask"), false),
    ];
    for (name, other, path, expected) in table {
        for (version, patches) in [(Blue, [None, other]), (Green, [other, None])] {
            let plan = context(version, patches, &formats)
                .plan(path.map(head).as_ref(), BodyState::Pending);
            assert_eq!((action(&plan), plan.is_evidence), ("send", expected), "{version:?} {name}");
        }
    }
    let compared = context(Blue, [None, Some(&required)], &formats);
    assert_eq!(action(&compared.plan(None, BodyState::None)), "blue", "no headers");
    let not_compared = PlanContext { is_evidence: false, ..compared };
    assert!(!not_compared.needs_head());
    assert_eq!(action(&not_compared.plan(None, BodyState::None)), "send");
}

#[test]
fn blue_gets_what_green_cannot_be_given_as_its_own_requests() {
    let formats = Formats::default();
    let system = Some(System { placement: Placement::Append, text: "s".into() });
    let green = with_body(BodyPatch { system, ..BodyPatch::default() });
    let passing = RequestPatch { passes_unpatchable: true, ..green.clone() };
    let blue = with_body(model("m"));
    let whole = BodyState::Complete(br#"{"model": "a", "prompt": "p"}"#);
    let completions = "/v1/completions";
    let table = [
        ("the body has not arrived", &green, Some(&blue), completions, BodyState::Pending, "await"),
        ("it has", &green, Some(&blue), completions, whole, "blue, patched"),
        ("it does not arrive", &green, Some(&blue), completions, BodyState::Unavailable, "blue"),
        ("blue's patch cannot be applied either", &green, Some(&blue), "/ask", whole, "blue"),
        ("blue has none", &green, None, completions, whole, "blue"),
        ("green takes it unchanged", &passing, Some(&blue), completions, whole, "send"),
        (
            "green's body cannot be patched",
            &green,
            Some(&blue),
            CHAT,
            BodyState::Complete(BODY),
            "blue, patched",
        ),
    ];
    for (name, green, blue, path, body, expected) in table {
        let plan = context(Green, [blue, Some(green)], &formats).plan(Some(&head(path)), body);
        assert_eq!(action(&plan), expected, "{name}");
    }
}

/// At each path, with each format and each body, either both versions have evidence or neither has: also
/// where only the body shows that the patch of one cannot be applied.
#[test]
fn evidence_of_one_version_has_evidence_of_the_other_to_compare_with() {
    let system = Some(System { placement: Placement::Append, text: "s".into() });
    let system = BodyPatch { system, ..BodyPatch::default() };
    let bodies = [BodyPatch::default(), model("m"), system];
    let patches = bodies.map(with_body).map(|patch| {
        let passing = RequestPatch { passes_unpatchable: true, ..patch.clone() };
        [patch, passing]
    });
    let patches: Vec<_> = patches.as_flattened().iter().map(Some).chain([None]).collect();
    let chat = Some(Format::Chat);
    let formats = [
        Formats::default(),
        Formats { default: chat, ..Formats::default() },
        Formats { blue: chat, ..Formats::default() },
        Formats { green: chat, ..Formats::default() },
        Formats { green: chat, default: Some(Format::Gemini), ..Formats::default() },
        Formats { paths: vec![(Box::from(*b"/v1/emb"), Format::Chat)], ..Formats::default() },
    ];
    let paths = [CHAT, "/ask", "/v1/embeddings", "/v1/completions", "/v1/images/generations"];
    let mut both = 0;
    for (blue, green) in patches.iter().flat_map(|it| patches.iter().map(move |to| (*it, *to))) {
        for (formats, path) in formats.iter().flat_map(|it| paths.map(|path| (it, path))) {
            let bodies = [b"null", BODY].map(BodyState::Complete);
            for body in [BodyState::Unavailable].into_iter().chain(bodies) {
                let is_evidence = |version| {
                    let context = context(version, [blue, green], formats);
                    let plan = context.plan(Some(&head(path)), BodyState::Pending);
                    // A version that waits for the body plans again.
                    match plan.action {
                        PlanAction::AwaitBody => context.plan(Some(&head(path)), body).is_evidence,
                        _ => plan.is_evidence,
                    }
                };
                let name = format!("{path} {body:?} {blue:?} {green:?} {formats:?}");
                assert_eq!(is_evidence(Blue), is_evidence(Green), "{name}");
                both += usize::from(is_evidence(Blue));
            }
        }
    }
    assert!(both > 0);
}

/// The length alone shows that the patched body would be too large, so neither version counts the request.
#[test]
fn a_body_that_the_patch_may_make_too_large_is_no_evidence_on_either_version() {
    let body = model(&"x".repeat(PATCH_ROOM));
    let max_growth = body.max_growth();
    let beyond = max_growth - PATCH_ROOM;
    let patch = RequestPatch { max_growth, ..with_body(body) };
    let formats = Formats::default();
    for (length, green, is_evidence) in
        [(1_000 - beyond, "await", true), (1_001 - beyond, "blue", false)]
    {
        let head = RequestHead { length: Some(length), ..head(CHAT) };
        for (version, expected) in [(Green, green), (Blue, "send")] {
            let plan = context(version, [None, Some(&patch)], &formats)
                .plan(Some(&head), BodyState::Pending);
            let got = (action(&plan), plan.is_evidence);
            assert_eq!(got, (expected, is_evidence), "{version:?} {length}");
        }
    }
}

/// OpenAI's completions have a `prompt` in place of messages.
#[test]
fn a_system_prompt_has_no_place_in_completions() {
    let system = Some(System { placement: Placement::Replace, text: "s".into() });
    let system = with_body(BodyPatch { system, ..BodyPatch::default() });
    let model = with_body(model("m"));
    let configured =
        Formats { paths: vec![(Box::from(*b"/ask"), Format::Chat)], ..Formats::default() };
    let table = [
        (CHAT, &system, "await"),
        ("/v1/completions", &system, "blue"),
        ("/v1/completions?x=1", &system, "blue"),
        ("/v1/fim/completions", &system, "blue"),
        ("/openai/deployments/gpt/completions", &system, "blue"),
        ("/v1/agents/completions", &system, "await"),
        ("/ask/completions", &system, "await"),
        ("/v1/completions", &model, "await"),
    ];
    for (path, patch, expected) in table {
        let plan = context(Green, [None, Some(patch)], &configured)
            .plan(Some(&head(path)), BodyState::Pending);
        assert_eq!(action(&plan), expected, "{path}");
        let plan = context(Blue, [None, Some(patch)], &configured)
            .plan(Some(&head(path)), BodyState::Pending);
        assert_eq!(plan.is_evidence, expected != "blue", "{path}");
    }
}

#[test]
fn other_apis_are_not_patched_by_a_format_of_all_paths() {
    let patch = with_body(model("m"));
    let chat = Some(Format::Chat);
    let formats = [
        Formats { default: chat, ..Formats::default() },
        Formats { green: chat, ..Formats::default() },
    ];
    for path in ["/v1/embeddings", "/v1/moderations", "/v1/images/generations", "/v1/audio/speech"]
    {
        for formats in &formats {
            let plan = context(Green, [None, Some(&patch)], formats)
                .plan(Some(&head(path)), BodyState::Pending);
            assert_eq!((action(&plan), plan.is_evidence), ("blue", false), "{path}");
        }
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
        ("a path that an application may have", None, Some(head("/rooms/7/messages")), false),
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
    let formats = Formats { default: Some(Format::Chat), ..Formats::default() };
    let context =
        PlanContext { is_mirrored: true, ..context(Blue, [Some(&blue), Some(&green)], &formats) };
    let plan = context.plan(Some(&head("/ask")), BodyState::Pending);
    assert_eq!((action(&plan), plan.is_evidence, plan.is_mirrored), ("await", true, true));
}

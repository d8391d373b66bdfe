//! The model, in the body or in the path.

use verdigris::response::Format;

use super::model;

#[test]
fn the_model_is_replaced_where_the_format_has_it() {
    let patch = model("gpt-\"5\"");
    let chat = patch.body(br#"{"model": "gpt-4", "n": 1e2}"#, Format::Chat).unwrap();
    assert_eq!(chat, r#"{"model": "gpt-\"5\"", "n": 1e2}"#);
    let without = patch.body(b"{}", Format::Anthropic).unwrap();
    assert_eq!(without, r#"{"model":"gpt-\"5\""}"#);
    assert!(!patch.needs_body(Format::Gemini));
    let paths = [
        ("/v1beta/models/a:generateContent", "/v1beta/models/gpt-%225%22:generateContent"),
        (
            "/v1/publishers/x/models/a:b?k=/models/c:d",
            "/v1/publishers/x/models/gpt-%225%22:b?k=/models/c:d",
        ),
    ];
    for (path, new) in paths {
        assert_eq!(patch.path(path, Format::Gemini).unwrap().as_deref(), Some(new));
    }
    assert!(patch.path("/v1beta/other", Format::Gemini).is_err());
    assert_eq!(patch.path("/v1/chat/completions", Format::Chat), Ok(None));
    let azure = patch.path("/openai/deployments/a/chat/completions?v=1", Format::Chat).unwrap();
    assert_eq!(azure.as_deref(), Some("/openai/deployments/gpt-%225%22/chat/completions?v=1"));
    assert!(!patch.needs_body(Format::Bedrock));
    let nova = model("us.amazon.nova-micro-v1:0");
    for end in ["converse", "converse-stream"] {
        let path = format!("/model/arn%3Aaws%3Abedrock%2Fx/{end}");
        let new = format!("/model/us.amazon.nova-micro-v1%3A0/{end}");
        assert_eq!(nova.path(&path, Format::Bedrock), Ok(Some(new)));
    }
    assert!(nova.path("/converse", Format::Bedrock).is_err());
    // A Chat request has the model in its body, even if its path looks like Bedrock's.
    assert_eq!(nova.path("/model/a/chat/completions", Format::Chat), Ok(None));
}

//! The model, in the body or in the path.

use verdigris::patch::Placement;
use verdigris::response::Format;

use super::{model, system};

#[test]
fn the_model_is_replaced_where_the_format_has_it() {
    let patch = model("gpt-\"5\"");
    let chat = patch.body(br#"{"model": "gpt-4", "n": 1e2}"#, Format::Chat, "/").unwrap();
    assert_eq!(chat, r#"{"model": "gpt-\"5\"", "n": 1e2}"#);
    let without = patch.body(b"{}", Format::Anthropic, "/").unwrap();
    assert_eq!(without, r#"{"model":"gpt-\"5\""}"#);
    assert!(!patch.needs_body(Format::Gemini, "/"));
    let paths = [
        ("/v1beta/models/a:generateContent", "/v1beta/models/gpt-%225%22:generateContent"),
        ("/v1beta/models/a%3AgenerateContent", "/v1beta/models/gpt-%225%22%3AgenerateContent"),
        ("/v1beta/models/a%3agenerateContent?b", "/v1beta/models/gpt-%225%22%3agenerateContent?b"),
        ("/v1beta/models/a%3Ab:generateContent", "/v1beta/models/gpt-%225%22:generateContent"),
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
    assert!(!patch.needs_body(Format::Bedrock, "/"));
    let nova = model("us.amazon.nova-micro-v1:0");
    for end in ["converse", "converse-stream"] {
        let path = format!("/model/arn%3Aaws%3Abedrock%2Fx/{end}");
        let new = format!("/model/us.amazon.nova-micro-v1%3A0/{end}");
        assert_eq!(nova.path(&path, Format::Bedrock), Ok(Some(new)));
    }
    assert!(nova.path("/converse", Format::Bedrock).is_err());
    // A managed prompt has its own model and system prompt.
    for arn in ["arn%3Aaws%3Abedrock%3Ax%3A1%3Aprompt%2FID%3A1", "arn:aws:bedrock:x:1:prompt/ID:1"]
    {
        let path = format!("/model/{arn}/converse");
        assert!(nova.path(&path, Format::Bedrock).is_err(), "{path}");
        let with_system = system(Placement::Replace, "S").body(b"{}", Format::Bedrock, &path);
        assert!(with_system.is_err(), "{path}");
    }
    // Bodies of InvokeModel and of Claude on Vertex AI have no model.
    let without_model = [
        ("/model/anthropic.claude-3/invoke", "/model/us.amazon.nova-micro-v1%3A0/invoke"),
        (
            "/model/anthropic.claude-3/invoke-with-response-stream?a=1",
            "/model/us.amazon.nova-micro-v1%3A0/invoke-with-response-stream?a=1",
        ),
        (
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude-3:streamRawPredict",
            "/v1/projects/p/locations/l/publishers/anthropic/models/us.amazon.nova-micro-v1%3A0:streamRawPredict",
        ),
        (
            "/v1/publishers/anthropic/models/claude-3%3ArawPredict/",
            "/v1/publishers/anthropic/models/us.amazon.nova-micro-v1%3A0%3ArawPredict/",
        ),
    ];
    for (path, new) in without_model {
        assert_eq!(nova.path(path, Format::Anthropic).unwrap().as_deref(), Some(new));
        assert!(!nova.needs_body(Format::Anthropic, path));
        let body = nova.body(br#"{"max_tokens": 1}"#, Format::Anthropic, path);
        assert_eq!(body.unwrap(), r#"{"max_tokens": 1}"#);
    }
    let mistral = "/v1/projects/p/publishers/mistralai/models/m:rawPredict";
    assert!(
        nova.needs_body(Format::Chat, mistral)
            && nova.path(mistral, Format::Chat).unwrap().is_some()
    );
    // A Chat request has the model in its body, even if its path looks like Bedrock's.
    assert_eq!(nova.path("/model/a/chat/completions", Format::Chat), Ok(None));
}

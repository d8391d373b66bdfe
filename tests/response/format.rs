//! The format of a path and the framing of a content type.

use verdigris::response::{Format, Framing};

#[test]
fn a_path_has_its_format() {
    let cases: [(&[u8], Option<Format>); 16] = [
        (b"/v1/chat/completions", Some(Format::Chat)),
        (b"/openai/deployments/x/chat/completions?api-version=1", Some(Format::Chat)),
        (b"/v1/completions", Some(Format::Chat)),
        (b"/v1/responses", Some(Format::Responses)),
        (b"/anthropic/v1/messages", Some(Format::Anthropic)),
        (b"/v1beta/models/g:generateContent", Some(Format::Gemini)),
        (b"/v1beta/models/g:streamGenerateContent?alt=sse", Some(Format::Gemini)),
        (b"/api/chat", Some(Format::Ollama)),
        (b"/api/generate", Some(Format::Ollama)),
        (b"/cohere/v2/chat", Some(Format::Cohere)),
        (b"/model/us.amazon.nova-micro-v1%3A0/converse", Some(Format::Bedrock)),
        (b"/model/us.amazon.nova-micro-v1%3A0/converse-stream", Some(Format::Bedrock)),
        (b"/model/us.amazon.nova-micro-v1%3A0/invoke-with-response-stream", None),
        (b"/api/embed", None),
        (b"/v1/messages/count_tokens", None),
        (b"/v1/embeddings", None),
    ];
    for (path, format) in cases {
        assert_eq!(Format::from_path(path), format, "{}", path.escape_ascii());
    }
}

#[test]
fn a_content_type_has_its_framing() {
    for content_type in
        ["application/json", "application/json; charset=utf-8", "application/problem+json"]
    {
        assert_eq!(
            Framing::from_content_type(content_type.as_bytes()),
            Framing::Json,
            "{content_type}"
        );
    }
    let framing = |content_type: &str| Framing::from_content_type(content_type.as_bytes());
    assert_eq!(framing("Application/X-NDJSON; charset=utf-8"), Framing::JsonLines);
    assert_eq!(framing("application/vnd.amazon.eventstream"), Framing::AwsEventStream);
    for content_type in ["text/event-stream", "text/event-stream; charset=utf-8", "", "text/plain"]
    {
        assert_eq!(
            Framing::from_content_type(content_type.as_bytes()),
            Framing::Sse,
            "{content_type}"
        );
    }
}

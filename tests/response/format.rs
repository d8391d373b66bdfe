//! The format of a path and the framing of a content type.

use verdigris::response::known_path::{KnownApi, known_api};
use verdigris::response::{Format, Framing};

#[test]
fn a_path_has_its_format() {
    let table: [(Option<Format>, &[&str]); 8] = [
        (
            Some(Format::Chat),
            &[
                "/v1/chat/completions",
                "/v1/chat/completions/",
                "/openai/deployments/x/chat/completions?api-version=1",
                "/v1/completions",
                "/v1/fim/completions",
                "/api/chat/completions",
                "/v1beta/openai/chat/completions",
                "/serving-endpoints/e/invocations",
                "/endpoints/e/invocations",
                "/v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict",
                "/v1/projects/p/locations/l/publishers/mistralai/models/m:streamRawPredict",
                "/v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions",
            ],
        ),
        (
            Some(Format::Responses),
            &[
                "/v1/responses",
                "/openai/responses?api-version=preview",
                "/backend-api/codex/responses",
                "/v1/responses/compact",
                "/v1/responses/resp_1?stream=true&starting_after=10",
            ],
        ),
        (
            Some(Format::Anthropic),
            &[
                "/anthropic/v1/messages",
                "/v1/messages?beta=true",
                "/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict",
                "/v1/projects/p/locations/l/publishers/anthropic/models/c@1:streamRawPredict",
                "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
                "/model/anthropic.claude-3/invoke-with-response-stream",
            ],
        ),
        (
            Some(Format::Gemini),
            &[
                "/v1beta/models/g:generateContent",
                "/v1beta/models/g:streamGenerateContent?alt=sse",
                "/v1beta/models/g%3AstreamGenerateContent",
                "/v1/projects/p/locations/l/publishers/google/models/g:generateContent",
                "/v1internal:streamGenerateContent?alt=sse",
            ],
        ),
        (Some(Format::Ollama), &["/api/chat", "/api/generate", "/ollama/api/chat/"]),
        (Some(Format::Cohere), &["/cohere/v2/chat", "/v2/chat"]),
        (
            Some(Format::Bedrock),
            &[
                "/model/us.amazon.nova-micro-v1%3A0/converse",
                "/model/us.amazon.nova-micro-v1%3A0/converse-stream",
                "/model/us.amazon.nova-micro-v1%3A0/invoke-with-response-stream",
                "/model/meta.llama3-8b-instruct-v1:0/invoke",
            ],
        ),
        (
            None,
            &[
                "/",
                "/ask",
                "/api/embed",
                "/v1/messages/count_tokens",
                "/v1/messages/batches",
                "/v1/messages/batches/b_1/results",
                "/v1/embeddings",
                "/v1/rerank",
                "/v1/moderations",
                "/v1/images/generations",
                "/v1/audio/speech",
                "/v1/audio/transcriptions",
                "/v1/batches",
                "/v1/files/f_1/content",
                "/v1/models/gpt-5",
                "/v1/threads/t_1/messages",
                "/v1/threads/t_1/runs",
                "/v1/responses/resp_1",
                "/v1/responses/resp_1/cancel",
                "/v1/responses/input_tokens",
                "/v1/chat/completions/c_1",
                "/async/chat/completions",
                "/api/paas/v4/async/chat/completions",
                "/v1beta/models/g:countTokens",
                "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
                "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens%3ArawPredict",
                "/v1/projects/p/locations/l/publishers/mistralai/models/mistral-ocr-2505:rawPredict",
                "/v1beta/models/g:embedContent",
                "/v1beta/models/g:batchEmbedContents",
                "/v1beta/models/imagen:predict",
                "/model/m/count-tokens",
                "/model/amazon.titan-embed-text-v2:0/invoke",
                "/model/us.cohere.embed-v4%3A0/invoke",
                "/model/cohere.rerank-v3-5:0/invoke",
                "/model/us.stability.stable-image-style-guide-v1:0/invoke",
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-canvas-v1%3A0/invoke",
                "/guardrail/g/version/1/apply",
                "/v1beta/interactions?alt=sse",
            ],
        ),
    ];
    for (format, paths) in table {
        for path in paths {
            assert_eq!(Format::from_path(path.as_bytes()), format, "{path}");
        }
    }
}

#[test]
fn a_path_of_one_api_alone_makes_its_format_certain() {
    let table: [(&[&str], bool); 2] = [
        (
            &[
                "/v1/chat/completions",
                "/v1/completions",
                "/v1/responses",
                "/v1/messages",
                "/v1beta/models/g:generateContent",
                "/v2/chat",
                "/model/m/converse",
                "/model/m/invoke",
            ],
            true,
        ),
        (
            &[
                "/api/chat",
                "/api/generate",
                "/orders/1/messages",
                "/surveys/2/responses",
                "/tasks/3/completions",
                "/app/v2/chat",
                "/units/converse",
                "/functions/f/invocations",
            ],
            false,
        ),
    ];
    for (paths, expected) in table {
        for path in paths {
            let is_certain = match known_api(path.as_bytes()) {
                Some(KnownApi::Answers { is_certain, .. }) => is_certain,
                api => panic!("{path}: {api:?}"),
            };
            assert_eq!(is_certain, expected, "{path}");
        }
    }
}

#[test]
fn a_request_is_patched_where_its_form_is_known() {
    let table: [(&str, Option<Format>); 14] = [
        ("/v1/chat/completions", Some(Format::Chat)),
        ("/v1/responses", Some(Format::Responses)),
        ("/model/m/converse", Some(Format::Bedrock)),
        ("/model/anthropic.claude-3/invoke", None),
        ("/serving-endpoints/e/invocations", None),
        ("/v1beta/interactions", None),
        ("/v1/responses/compact", None),
        ("/v1/responses/resp_1?stream=true", None),
        ("/v1beta/models/g:streamGenerateContent?alt=sse", Some(Format::Gemini)),
        ("/v1internal:streamGenerateContent?alt=sse", None),
        ("/v1internal%3AgenerateContent", None),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict", None),
        ("/api/paas/v4/async/chat/completions", Some(Format::Chat)),
        ("/async/chat/completions", None),
    ];
    for (path, format) in table {
        assert_eq!(Format::of_requests_at(path.as_bytes()), format, "{path}");
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

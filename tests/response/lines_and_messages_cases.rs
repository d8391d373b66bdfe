//! Written bodies in JSON lines and in Amazon's event streams, and Cohere's, after the
//! documentation of the providers.

use verdigris::response::{Format, Framing};

use crate::aws_eventstream::message;
use crate::sse_and_json_cases::{Case, events};

fn lines(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// Messages with these event types and payloads. A type that ends with `Exception` makes an
/// exception.
fn messages(events: &[(&str, &str)]) -> Vec<u8> {
    let events = events.iter().flat_map(|(name, payload)| {
        let (message_type, header) = match name.ends_with("Exception") {
            true => ("exception", ":exception-type"),
            false => ("event", ":event-type"),
        };
        let json = (":content-type", "application/json");
        message(&[(header, *name), json, (":message-type", message_type)], payload)
    });
    events.collect()
}

/// The written bodies.
pub fn lines_and_messages_cases() -> Vec<Case> {
    use Format::{Bedrock, Cohere, Ollama};
    use Framing::{AwsEventStream, Json, JsonLines, Sse};
    let case = |name, format, framing, body: Vec<u8>, flags, tokens| Case {
        name,
        format,
        framing,
        body,
        flags,
        tokens,
    };
    let sky = r#"{"model":"gemma3","message":{"role":"assistant","content":"The"},"done":false}"#;
    let done = r#"{"model":"gemma3","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":4883583458,"prompt_eval_count":26,"eval_count":282}"#;
    let start = ("messageStart", r#"{"role":"assistant"}"#);
    let hi = ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"ab"}"#);
    let stop = ("messageStop", r#"{"stopReason":"end_turn"}"#);
    let metadata = (
        "metadata",
        r#"{"metrics":{"latencyMs":9},"usage":{"inputTokens":13,"outputTokens":82,"cacheReadInputTokens":100,"cacheWriteInputTokens":1000,"totalTokens":1195}}"#,
    );
    let throttled = ("throttlingException", r#"{"message":"Too many tokens, please wait."}"#);
    let converse = messages(&[start, hi, stop, metadata]);
    let ollama = lines(&[sky, done]);
    let v2_start = r#"{"type":"message-start","id":"1","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[]}}}"#;
    let v2_begin = r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#;
    let v2_hi =
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#;
    let v2_end = r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":3,"output_tokens":7},"tokens":{"input_tokens":69,"output_tokens":9},"cached_tokens":32}}}"#;
    vec![
        case("Ollama's lines", Ollama, JsonLines, ollama.clone(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's lines with the content type of JSON", Ollama, Json, ollama.clone(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's lines without a content type", Ollama, Sse, ollama.clone(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's last line without a line break", Ollama, JsonLines, ollama[..ollama.len() - 1].to_vec(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's last line cut", Ollama, JsonLines, ollama[..ollama.len() - 2].to_vec(), "content", [26, -1, -1, -1, -1]),
        case("Ollama without a last line", Ollama, JsonLines, lines(&[sky, sky]), "content", [-1; 5]),
        case("an error in a line of Ollama", Ollama, JsonLines, lines(&[sky, r#"{"error":"an error was encountered while running the model"}"#]), "content error", [-1; 5]),
        case("text among Ollama's lines", Ollama, JsonLines, lines(&[sky, "oops", done]), "content malformed", [-1; 5]),
        case("no line of Ollama", Ollama, JsonLines, Vec::new(), "", [-1; 5]),
        case(
            "Ollama reasons up to its token limit",
            Ollama,
            JsonLines,
            lines(&[
                r#"{"message":{"role":"assistant","content":"","thinking":"Okay"},"done":false}"#,
                r#"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"length","prompt_eval_count":5,"eval_count":9}"#,
            ]),
            "finished content truncation",
            [5, -1, -1, 9, -1],
        ),
        case(
            "a tool call of Ollama",
            Ollama,
            JsonLines,
            lines(&[r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"done":true}}}]},"done":false}"#]),
            "content",
            [-1; 5],
        ),
        case(
            "Ollama's generate API",
            Ollama,
            Json,
            br#"{"model":"gemma3","response":"{\n\"done\": true}","done":true,"done_reason":"stop","context":[1,2],"prompt_eval_count":26,"eval_count":290}"#.to_vec(),
            "finished content",
            [26, -1, -1, 290, -1],
        ),
        case("Ollama only loads a model", Ollama, Json, br#"{"model":"gemma3","response":"","done":true,"done_reason":"load"}"#.to_vec(), "finished", [-1; 5]),
        case(
            "Cohere's `tokens` count, not `billed_units`",
            Cohere,
            Sse,
            events(&[v2_start, v2_begin, v2_hi, v2_end]).into(),
            "finished content",
            [69, 32, -1, 9, -1],
        ),
        case("a stream of Cohere without content", Cohere, Sse, events(&[v2_start, v2_begin]).into(), "", [-1; 5]),
        case("a stream of Cohere without an end", Cohere, Sse, events(&[v2_start, v2_hi]).into(), "content", [-1; 5]),
        case(
            "Cohere reasons, plans and calls a tool",
            Cohere,
            Sse,
            format!(
                "event: content-delta\n{}",
                events(&[
                    r#"{"type":"content-delta","delta":{"message":{"content":{"thinking":"Okay"}}}}"#,
                    r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}"#,
                    r#"{"type":"tool-call-start","delta":{"message":{"tool_calls":{"type":"function","function":{"name":"f","arguments":""}}}}}"#,
                    r#"{"type":"message-end","delta":{"finish_reason":"MAX_TOKENS","usage":{"billed_units":{"input_tokens":3,"output_tokens":7}}}}"#,
                ])
            )
            .into(),
            "finished content truncation",
            [3, -1, -1, 7, -1],
        ),
        case(
            "an error at the end of Cohere's stream",
            Cohere,
            Sse,
            events(&[v2_hi, r#"{"type":"message-end","delta":{"error":"internal","finish_reason":"ERROR"}}"#]).into(),
            "finished content error",
            [-1; 5],
        ),
        case(
            "a timeout of Cohere",
            Cohere,
            Json,
            br#"{"finish_reason":"TIMEOUT","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"usage":{"tokens":{"input_tokens":2,"output_tokens":1},"billed_units":{"input_tokens":1,"output_tokens":1}}}"#.to_vec(),
            "finished content error",
            [2, -1, -1, 1, -1],
        ),
        case("Bedrock adds its cache", Bedrock, AwsEventStream, converse.clone(), "finished content", [1113, 100, 1000, 82, -1]),
        case("a role of Bedrock is not content", Bedrock, AwsEventStream, messages(&[start]), "", [-1; 5]),
        case("a stream of Bedrock without an end", Bedrock, AwsEventStream, messages(&[start, hi]), "content", [-1; 5]),
        case("a stream of Bedrock without usage", Bedrock, AwsEventStream, messages(&[start, hi, stop]), "finished content", [-1; 5]),
        case("Bedrock's last message is cut", Bedrock, AwsEventStream, converse[..converse.len() - 1].to_vec(), "content", [1113, 100, 1000, 82, -1]),
        case("a throttling exception in a stream of Bedrock", Bedrock, AwsEventStream, messages(&[start, hi, throttled]), "content error", [-1; 5]),
        case(
            "an error of Bedrock without an exception type",
            Bedrock,
            AwsEventStream,
            message(&[(":message-type", "error"), (":error-code", "500"), (":error-message", "m")], ""),
            "error",
            [-1; 5],
        ),
        case(
            "Bedrock reasons up to its token limit",
            Bedrock,
            AwsEventStream,
            messages(&[
                start,
                ("contentBlockDelta", r#"{"delta":{"reasoningContent":{"text":"Okay"}}}"#),
                ("messageStop", r#"{"stopReason":"max_tokens"}"#),
            ]),
            "finished content truncation",
            [-1; 5],
        ),
        case(
            "a tool call of Bedrock",
            Bedrock,
            AwsEventStream,
            messages(&[("contentBlockDelta", r#"{"delta":{"toolUse":{"input":"{\"a\":"}}}"#), stop]),
            "finished content",
            [-1; 5],
        ),
        case(
            "a guardrail of Bedrock intervenes",
            Bedrock,
            Json,
            br#"{"metrics":{"latencyMs":1},"output":{"message":{"role":"assistant","content":[{"text":"Sorry"}]}},"stopReason":"guardrail_intervened","usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9}}"#.to_vec(),
            "finished content refusal",
            [7, -1, -1, 2, -1],
        ),
        case(
            "a guardrail intervenes in an answer of InvokeModel",
            Bedrock,
            Json,
            br#"{"generation":"Sorry","prompt_token_count":7,"generation_token_count":2,"stop_reason":"stop","amazon-bedrock-guardrailAction":"INTERVENED"}"#.to_vec(),
            "finished content refusal",
            [7, -1, -1, 2, -1],
        ),
        case(
            "a guardrail does not intervene in it",
            Bedrock,
            Json,
            br#"{"generation":"Hi","prompt_token_count":7,"generation_token_count":2,"stop_reason":"stop","amazon-bedrock-guardrailAction":"NONE"}"#.to_vec(),
            "finished content",
            [7, -1, -1, 2, -1],
        ),
        case(
            "a guardrail intervenes in a Claude message",
            Format::Anthropic,
            Json,
            br#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Sorry"}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":2},"amazon-bedrock-guardrailAction":"INTERVENED"}"#.to_vec(),
            "finished content refusal",
            [7, -1, -1, 2, -1],
        ),
        case("a payload of Bedrock that is not complete", Bedrock, AwsEventStream, messages(&[start, ("messageStop", "{"), stop]), "finished malformed", [-1; 5]),
        case("text instead of an event stream", Bedrock, AwsEventStream, b"upstream connect error or disconnect".to_vec(), "malformed", [-1; 5]),
    ]
}

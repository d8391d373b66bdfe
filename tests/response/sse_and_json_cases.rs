//! Written bodies in server-sent events and in JSON, after the documentation of providers that
//! cannot be run here.

use verdigris::response::{Format, Framing};

use crate::lines_and_messages_cases::lines_and_messages_cases;

/// Server-sent events with these data.
pub fn events(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("data: {line}\n\n")).collect()
}

/// A body, and what its answer has.
pub struct Case {
    pub name: &'static str,
    pub format: Format,
    pub framing: Framing,
    pub body: Vec<u8>,
    /// The flags of the answer that are set.
    pub flags: &'static str,
    /// Input, cached, written to the cache, output, reasoning; -1 is "not stated".
    pub tokens: [i64; 5],
}

/// All written bodies.
pub fn cases() -> Vec<Case> {
    use Format::{Anthropic, Chat, Gemini, Responses};
    use Framing::{Json, Sse};
    let case = |name, format, framing, body: String, flags, tokens| Case {
        name,
        format,
        framing,
        body: body.into_bytes(),
        flags,
        tokens,
    };
    let role = r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#;
    let hi = r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}"#;
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":5}}}"#;
    let mut cases = vec![
        case("a role is not content", Chat, Sse, events(&[role]), "", [-1; 5]),
        case(
            "usage in a chunk of its own",
            Chat,
            Sse,
            events(&[role, hi, stop, usage, "[DONE]"]),
            "finished content",
            [9, 4, -1, 7, 5],
        ),
        case(
            "a later null clears nothing",
            Chat,
            Sse,
            events(&[hi, usage, stop, "[DONE]"]),
            "finished content",
            [9, 4, -1, 7, 5],
        ),
        case("no end", Chat, Sse, events(&[role, hi]), "content", [-1; 5]),
        case(
            "a finish reason is an end",
            Chat,
            Sse,
            events(&[role, hi, stop]),
            "finished content",
            [-1; 5],
        ),
        case(
            "one of two choices has ended",
            Chat,
            Sse,
            events(&[
                r#"{"choices":[{"delta":{"content":"a"},"index":0}]}"#,
                r#"{"choices":[{"delta":{"content":"b"},"index":1}]}"#,
                r#"{"choices":[{"delta":{},"finish_reason":"stop","index":1}]}"#,
            ]),
            "content",
            [-1; 5],
        ),
        case(
            "the end without its empty line",
            Chat,
            Sse,
            format!("{}data: [DONE]", events(&[hi, stop])),
            "finished content",
            [-1; 5],
        ),
        case(
            "vLLM states cumulative usage in each chunk",
            Chat,
            Sse,
            events(&[
                r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
                r#"{"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
                "[DONE]",
            ]),
            "finished content",
            [3, -1, -1, 2, -1],
        ),
        case(
            "an error of vLLM in a stream",
            Chat,
            Sse,
            events(&[hi, r#"{"error":{"message":"out of memory","code":500}}"#, "[DONE]"]),
            "finished content error",
            [-1; 5],
        ),
        case(
            "llama.cpp states timings instead of usage",
            Chat,
            Sse,
            events(&[
                hi,
                r#"{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"timings":{"prompt_n":11,"predicted_n":6}}"#,
                "[DONE]",
            ]),
            "finished content",
            [11, -1, -1, 6, -1],
        ),
        case(
            "llama.cpp with two choices sends usage twice",
            Chat,
            Sse,
            events(&[
                r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":6},"timings":{"prompt_n":11,"predicted_n":6}}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":8},"timings":{"prompt_n":1,"predicted_n":8}}"#,
                "[DONE]",
            ]),
            "finished",
            [11, -1, -1, 14, -1],
        ),
        case(
            "Groq's error event, and its usage",
            Chat,
            Sse,
            format!(
                "{}event: error\ndata: {{\"error\":{{\"message\":\"m\"}},\"x_groq\":{{\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":2}}}}}}\n\n",
                events(&[hi])
            ),
            "content error",
            [1, -1, -1, 2, -1],
        ),
        case(
            "OpenRouter sends comments, and an error beside choices",
            Chat,
            Sse,
            format!(
                ": OPENROUTER PROCESSING\n\n:\n\n{}",
                events(&[r#"{"error":{"code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#, "[DONE]"])
            ),
            "finished error",
            [-1; 5],
        ),
        case(
            "Mistral reasons in a list",
            Chat,
            Sse,
            events(&[
                r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Okay"}]}]}}]}"#,
                r#"{"choices":[{"delta":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":9}}"#,
                "[DONE]",
            ]),
            "finished content truncation",
            [5, -1, -1, 9, -1],
        ),
        case(
            "a refusal with its own text",
            Chat,
            Json,
            r#"{"choices":[{"message":{"role":"assistant","content":null,"refusal":"I can't."},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#.into(),
            "finished content refusal",
            [2, -1, -1, 3, -1],
        ),
        case(
            "a filtered answer",
            Chat,
            Json,
            r#"{"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]}"#.into(),
            "finished refusal",
            [-1; 5],
        ),
        case(
            "all tokens spent on reasoning: no content",
            Chat,
            Json,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"length"}],"usage":{"completion_tokens":100,"completion_tokens_details":{"reasoning_tokens":100}}}"#.into(),
            "finished truncation",
            [-1, -1, -1, 100, 100],
        ),
        case(
            "the older Completions",
            Chat,
            Sse,
            events(&[r#"{"choices":[{"text":" +","finish_reason":null}]}"#, "[DONE]"]),
            "finished content",
            [-1; 5],
        ),
        case("a tool call is content", Chat, Sse, events(&[r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#]), "content", [-1; 5]),
        case("text instead of JSON", Chat, Sse, events(&["hello", "[DONE]"]), "finished malformed", [-1; 5]),
        case("a chunk that is not complete", Chat, Sse, events(&[hi, "{\"choices\":", "[DONE]"]), "finished content malformed", [-1; 5]),
        case("a chunk that is cut", Chat, Sse, "data: {\"choices\":[{\"del".into(), "", [-1; 5]),
        case("a plain answer that is cut", Chat, Json, "{\"choices\":[{\"del".into(), "", [-1; 5]),
        case("HTML", Chat, Json, "<html>".into(), "malformed", [-1; 5]),
        case("nothing", Chat, Sse, String::new(), "", [-1; 5]),
        case(
            "an incomplete response states its usage",
            Responses,
            Sse,
            events(&[
                r#"{"type":"response.created","response":{"status":"in_progress","error":null,"incomplete_details":null,"usage":null,"model":"gpt"}}"#,
                r#"{"type":"response.output_text.delta","delta":"Hi"}"#,
                r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":8,"input_tokens_details":{"cached_tokens":2},"output_tokens":16,"output_tokens_details":{"reasoning_tokens":3}}}}"#,
            ]),
            "finished content truncation",
            [8, 2, -1, 16, 3],
        ),
        case(
            "an error event and the failed response are one error",
            Responses,
            Sse,
            events(&[
                r#"{"type":"error","code":"server_error","message":"m"}"#,
                r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"},"usage":null}}"#,
            ]),
            "finished error",
            [-1; 5],
        ),
        case(
            "the code of a code interpreter is content",
            Responses,
            Sse,
            events(&[
                r#"{"type":"response.code_interpreter_call_code.delta","output_index":0,"item_id":"ci_1","delta":"import"}"#,
                r#"{"type":"response.code_interpreter_call_code.done","output_index":0,"item_id":"ci_1","code":"import math"}"#,
                r#"{"type":"response.code_interpreter_call_code.done","output_index":1,"item_id":"ci_2","code":"run(\"moderation\")"}"#,
                r#"{"code":"check_content_policy()","type":"response.code_interpreter_call_code.done"}"#,
                r#"{"type":"response.completed","response":{"status":"completed","error":null,"usage":{"input_tokens":1,"output_tokens":2}}}"#,
            ]),
            "finished content",
            [1, -1, -1, 2, -1],
        ),
        case(
            "code without earlier pieces is content",
            Responses,
            Sse,
            events(&[
                r#"{"type":"response.code_interpreter_call_code.done","code":"import math"}"#,
                r#"{"type":"response.completed","response":{"usage":null}}"#,
            ]),
            "finished content",
            [-1; 5],
        ),
        case(
            "the code of an error event before its type",
            Responses,
            Sse,
            events(&[r#"{"code":"content_policy_violation","message":"m","type":"error"}"#]),
            "finished refusal",
            [-1; 5],
        ),
        case(
            "a code without a type",
            Responses,
            Json,
            r#"{"code":"InvalidApiKey","message":"m","request_id":"1"}"#.into(),
            "finished error",
            [-1; 5],
        ),
        case(
            "a refusal in Responses",
            Responses,
            Sse,
            events(&[
                r#"{"type":"response.refusal.delta","delta":"I can't"}"#,
                r#"{"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":2}}}"#,
            ]),
            "finished content refusal",
            [1, -1, -1, 2, -1],
        ),
        case(
            "a plain response",
            Responses,
            Json,
            r#"{"status":"completed","error":null,"output":[{"content":[{"type":"refusal","refusal":"no"}]}],"usage":{"input_tokens":1,"output_tokens":2}}"#.into(),
            "finished content refusal",
            [1, -1, -1, 2, -1],
        ),
        case(
            "Anthropic's later counts replace earlier ones, and its cache is added",
            Anthropic,
            Sse,
            events(&[
                r#"{"type":"message_start","message":{"model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":1000,"output_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}        "#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":7,"output_tokens":25}}"#,
                r#"{"type":"message_stop"}"#,
            ]),
            "finished content",
            [1107, 100, 1000, 25, -1],
        ),
        case(
            "Anthropic refuses",
            Anthropic,
            Sse,
            events(&[
                r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal"}},"usage":{"output_tokens":5}}"#,
                r#"{"type":"message_stop"}"#,
            ]),
            "finished refusal",
            [-1, -1, -1, 5, -1],
        ),
        case(
            "Anthropic is overloaded",
            Anthropic,
            Sse,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n".into(),
            "error",
            [-1; 5],
        ),
        case(
            "a paused turn of Anthropic is neither a refusal nor truncated",
            Anthropic,
            Json,
            r#"{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"pause_turn","usage":{"input_tokens":1,"output_tokens":2}}"#.into(),
            "finished content",
            [1, -1, -1, 2, -1],
        ),
        case(
            "Gemini counts thoughts separately",
            Gemini,
            Json,
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":18,"candidatesTokenCount":80,"thoughtsTokenCount":35,"totalTokenCount":133}}"#.into(),
            "finished content",
            [18, -1, -1, 115, 35],
        ),
        case(
            "Gemini in an array",
            Gemini,
            Json,
            r#"[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":{"promptTokenCount":4}}
,
{"candidates":[{"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":6}}]"#
                .into(),
            "finished content truncation",
            [4, -1, -1, 6, -1],
        ),
        case(
            "Gemini with CRLF, blocked",
            Gemini,
            Sse,
            "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\r\n\r\n".into(),
            "finished refusal",
            [-1; 5],
        ),
        case(
            "an error of Gemini without framing",
            Gemini,
            Sse,
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\r\n\r\n{\n \"error\": {\n  \"code\": 503\n }\n}\n".into(),
            "content error",
            [-1; 5],
        ),
        case(
            "data on two lines",
            Gemini,
            Sse,
            "data:{\"candidates\":[{\"finishReason\"\ndata::\"STOP\"}]}\n\n".into(),
            "finished",
            [-1; 5],
        ),
    ];
    cases.extend(lines_and_messages_cases());
    cases
}

//! Bodies written by hand of the formats that come in lines, in messages of Amazon's,
//! and Cohere's, after the providers' documentation.

use verdigris::response::{Format, Framing};

use crate::aws_eventstream::message;
use crate::cases::{Case, events};

fn lines(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// Messages by event type and payload; a type that ends with `Exception` is one.
fn messages(events: &[(&str, &str)]) -> Vec<u8> {
    let events = events.iter().flat_map(|(name, payload)| {
        let (kind, header) = match name.ends_with("Exception") {
            true => ("exception", ":exception-type"),
            false => ("event", ":event-type"),
        };
        let json = (":content-type", "application/json");
        message(&[(header, *name), json, (":message-type", kind)], payload)
    });
    events.collect()
}

pub fn by_lines_and_messages() -> Vec<Case> {
    use Format::{Bedrock, Cohere, Ollama};
    use Framing::{Amazon, Events, Json, Lines};
    let case = |what, format, framing, body: Vec<u8>, verdicts, tokens| Case {
        what,
        format,
        framing,
        body,
        verdicts,
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
        case("Ollama's lines", Ollama, Lines, ollama.clone(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's lines called JSON", Ollama, Json, ollama.clone(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's lines called nothing", Ollama, Events, ollama.clone(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's last line without its end", Ollama, Lines, ollama[..ollama.len() - 1].to_vec(), "finished content", [26, -1, -1, 282, -1]),
        case("Ollama's last line cut", Ollama, Lines, ollama[..ollama.len() - 2].to_vec(), "content", [26, -1, -1, -1, -1]),
        case("Ollama without a last line", Ollama, Lines, lines(&[sky, sky]), "content", [-1; 5]),
        case("Ollama errs in a line", Ollama, Lines, lines(&[sky, r#"{"error":"an error was encountered while running the model"}"#]), "content error", [-1; 5]),
        case("Ollama in words", Ollama, Lines, lines(&[sky, "oops", done]), "content malformed", [-1; 5]),
        case("Ollama has not begun", Ollama, Lines, Vec::new(), "", [-1; 5]),
        case(
            "Ollama thinks until its tokens end",
            Ollama,
            Lines,
            lines(&[
                r#"{"message":{"role":"assistant","content":"","thinking":"Okay"},"done":false}"#,
                r#"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"length","prompt_eval_count":5,"eval_count":9}"#,
            ]),
            "finished content truncation",
            [5, -1, -1, 9, -1],
        ),
        case(
            "Ollama calls a tool",
            Ollama,
            Lines,
            lines(&[r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"done":true}}}]},"done":false}"#]),
            "content",
            [-1; 5],
        ),
        case(
            "Ollama generates",
            Ollama,
            Json,
            br#"{"model":"gemma3","response":"{\n\"done\": true}","done":true,"done_reason":"stop","context":[1,2],"prompt_eval_count":26,"eval_count":290}"#.to_vec(),
            "finished content",
            [26, -1, -1, 290, -1],
        ),
        case("Ollama loads a model", Ollama, Json, br#"{"model":"gemma3","response":"","done":true,"done_reason":"load"}"#.to_vec(), "finished", [-1; 5]),
        case(
            "Cohere's tokens count, not what it bills",
            Cohere,
            Events,
            events(&[v2_start, v2_begin, v2_hi, v2_end]).into(),
            "finished content",
            [69, 32, -1, 9, -1],
        ),
        case("Cohere has not begun", Cohere, Events, events(&[v2_start, v2_begin]).into(), "", [-1; 5]),
        case("Cohere without an end", Cohere, Events, events(&[v2_start, v2_hi]).into(), "content", [-1; 5]),
        case(
            "Cohere thinks, plans and calls a tool",
            Cohere,
            Events,
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
            "Cohere errs at the end",
            Cohere,
            Events,
            events(&[v2_hi, r#"{"type":"message-end","delta":{"error":"internal","finish_reason":"ERROR"}}"#]).into(),
            "finished content error",
            [-1; 5],
        ),
        case(
            "Cohere has no time left",
            Cohere,
            Json,
            br#"{"finish_reason":"TIMEOUT","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"usage":{"tokens":{"input_tokens":2,"output_tokens":1},"billed_units":{"input_tokens":1,"output_tokens":1}}}"#.to_vec(),
            "finished content error",
            [2, -1, -1, 1, -1],
        ),
        case("Bedrock adds its cache", Bedrock, Amazon, converse.clone(), "finished content", [1113, 100, 1000, 82, -1]),
        case("Bedrock's role is no content", Bedrock, Amazon, messages(&[start]), "", [-1; 5]),
        case("Bedrock without an end", Bedrock, Amazon, messages(&[start, hi]), "content", [-1; 5]),
        case("Bedrock without its usage", Bedrock, Amazon, messages(&[start, hi, stop]), "finished content", [-1; 5]),
        case("Bedrock's last message cut", Bedrock, Amazon, converse[..converse.len() - 1].to_vec(), "content", [1113, 100, 1000, 82, -1]),
        case("Bedrock throttles in a stream", Bedrock, Amazon, messages(&[start, hi, throttled]), "content error", [-1; 5]),
        case(
            "Bedrock errs without a name for it",
            Bedrock,
            Amazon,
            message(&[(":message-type", "error"), (":error-code", "500"), (":error-message", "m")], ""),
            "error",
            [-1; 5],
        ),
        case(
            "Bedrock reasons until its tokens end",
            Bedrock,
            Amazon,
            messages(&[
                start,
                ("contentBlockDelta", r#"{"delta":{"reasoningContent":{"text":"Okay"}}}"#),
                ("messageStop", r#"{"stopReason":"max_tokens"}"#),
            ]),
            "finished content truncation",
            [-1; 5],
        ),
        case(
            "Bedrock calls a tool",
            Bedrock,
            Amazon,
            messages(&[("contentBlockDelta", r#"{"delta":{"toolUse":{"input":"{\"a\":"}}}"#), stop]),
            "finished content",
            [-1; 5],
        ),
        case(
            "Bedrock's guardrail stops it",
            Bedrock,
            Json,
            br#"{"metrics":{"latencyMs":1},"output":{"message":{"role":"assistant","content":[{"text":"Sorry"}]}},"stopReason":"guardrail_intervened","usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9}}"#.to_vec(),
            "finished content refusal",
            [7, -1, -1, 2, -1],
        ),
        case("Bedrock with half a payload", Bedrock, Amazon, messages(&[start, ("messageStop", "{"), stop]), "finished malformed", [-1; 5]),
        case("Bedrock in words", Bedrock, Amazon, b"upstream connect error or disconnect".to_vec(), "malformed", [-1; 5]),
    ]
}

//! Why a model stopped.

use verdigris::json::BoundedText;
use verdigris::response::Format;
use verdigris::response::finish_reason::{FinishReason, reasons};

fn reason(format: Format, text: &str) -> Option<FinishReason> {
    FinishReason::new(format, BoundedText::new(text.as_bytes()))
}

/// A reason that the format's own table has not is searched for in the others.
#[test]
fn no_two_tables_disagree() {
    for format in Format::ALL {
        for (name, expected) in reasons(format) {
            for other in Format::ALL {
                assert_eq!(reason(other, name), Some(expected), "{name} in {other:?}");
            }
        }
    }
}

/// The values in the types of the vendors' SDKs for Python: openai 3.51.0, anthropic 2.12.0,
/// google-genai 3.4.0, botocore 1.44.8, cohere 5, mistralai 1.
#[test]
fn the_values_of_the_vendors_are_known() {
    use FinishReason::{Complete, Failed, Refused, ToolCall, Truncated, Unknown};
    let table: [(Format, &[(&str, FinishReason)]); 7] = [
        (
            Format::Chat,
            &[
                ("stop", Complete),
                ("length", Truncated),
                ("tool_calls", ToolCall),
                ("content_filter", Refused),
                ("function_call", ToolCall),
                ("model_length", Truncated),
                ("error", Failed),
            ],
        ),
        (
            Format::Responses,
            &[
                ("max_output_tokens", Truncated),
                ("max_messages", Truncated),
                ("content_filter", Refused),
                ("steered", Complete),
            ],
        ),
        (
            Format::Anthropic,
            &[
                ("end_turn", Complete),
                ("max_tokens", Truncated),
                ("stop_sequence", Complete),
                ("tool_use", ToolCall),
                ("pause_turn", Complete),
                ("compaction", Complete),
                ("refusal", Refused),
                ("model_context_window_exceeded", Truncated),
            ],
        ),
        (
            Format::Gemini,
            &[
                ("FINISH_REASON_UNSPECIFIED", Unknown),
                ("STOP", Complete),
                ("MAX_TOKENS", Truncated),
                ("SAFETY", Refused),
                ("RECITATION", Refused),
                ("LANGUAGE", Refused),
                ("OTHER", Refused),
                ("BLOCKLIST", Refused),
                ("PROHIBITED_CONTENT", Refused),
                ("SPII", Refused),
                ("MALFORMED_FUNCTION_CALL", Failed),
                ("IMAGE_SAFETY", Refused),
                ("IMAGE_PROHIBITED_CONTENT", Refused),
                ("IMAGE_OTHER", Refused),
                ("NO_IMAGE", Failed),
                ("IMAGE_RECITATION", Refused),
                ("UNEXPECTED_TOOL_CALL", Failed),
                ("TOO_MANY_TOOL_CALLS", Failed),
                ("MISSING_THOUGHT_SIGNATURE", Failed),
                ("MALFORMED_RESPONSE", Failed),
                ("ESCALATION", Refused),
                ("PUP_LIMITED_DISABLED", Failed),
                ("CONTINUATION", Truncated),
                ("MODEL_ARMOR", Refused),
            ],
        ),
        (Format::Ollama, &[("stop", Complete), ("length", Truncated)]),
        (
            Format::Cohere,
            &[
                ("COMPLETE", Complete),
                ("STOP_SEQUENCE", Complete),
                ("MAX_TOKENS", Truncated),
                ("TOOL_CALL", ToolCall),
                ("ERROR", Failed),
                ("TIMEOUT", Failed),
            ],
        ),
        (
            Format::Bedrock,
            &[
                ("end_turn", Complete),
                ("tool_use", ToolCall),
                ("max_tokens", Truncated),
                ("stop_sequence", Complete),
                ("guardrail_intervened", Refused),
                ("content_filtered", Refused),
                ("malformed_model_output", Failed),
                ("malformed_tool_use", Failed),
                ("model_context_window_exceeded", Truncated),
            ],
        ),
    ];
    for (format, values) in table {
        for (value, expected) in values {
            assert_eq!(reason(format, value), Some(*expected), "{value} in {format:?}");
        }
    }
}

#[test]
fn reasons_are_compared_in_one_form() {
    use FinishReason::{Complete, Failed, Refused, ToolCall, Truncated, Unknown};
    let table = [
        ("", None),
        ("null", None),
        ("None", None),
        ("max-tokens", Some(Truncated)),
        ("maxTokens", Some(Truncated)),
        ("Max Tokens", Some(Truncated)),
        (" length ", Some(Truncated)),
        ("toolCalls", Some(ToolCall)),
        ("content-filter", Some(Refused)),
        ("FinishReason.SAFETY", Some(Refused)),
        ("FINISH_REASON_STOP", Some(Complete)),
        ("content_filter: PROHIBITED_CONTENT", Some(Refused)),
        ("content_filter: a new reason", Some(Refused)),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", Some(Failed)),
        ("a new filter: SPII", Some(Refused)),
        ("a new filter: a new reason", Some(Unknown)),
        ("stopped", Some(Unknown)),
    ];
    for (text, expected) in table {
        assert_eq!(reason(Format::Chat, text), expected, "{text:?}");
    }
    let long = "x".repeat(1000);
    assert_eq!(reason(Format::Chat, &long), Some(Unknown));
}

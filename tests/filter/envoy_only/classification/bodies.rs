//! The content types and bodies that `table.md` names.

pub const GRPC_WEB: &str = "application/grpc-web+proto";
pub const GRPC_WEB_TEXT: &str = "application/grpc-web-text+proto";

/// The gRPC frame of an empty message.
pub const EMPTY_MESSAGE: &str = "\0\0\0\0\0";

/// A text frame of a WebSocket server.
pub const WEBSOCKET_FRAME: &[u8] = b"\x81\x02hi";

pub fn content_type(kind: &str) -> &'static str {
    match kind {
        "json" => "application/json",
        "sse" => "text/event-stream",
        "html" => "text/html",
        "grpc" => "application/grpc",
        "grpc+proto" => "application/grpc+proto",
        "grpc-web" => GRPC_WEB,
        "grpc-web-text" => GRPC_WEB_TEXT,
        _ => panic!("{kind}"),
    }
}

/// The body with this name.
pub fn body(name: &str) -> Vec<u8> {
    let message = |fields: &str, reason: &str| {
        format!(
            r#"{{"model":"m","choices":[{{"index":0,"message":{{"role":"assistant",{fields}}},"finish_reason":"{reason}"}}]}}"#
        )
    };
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    let last = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let text = match name {
        "" => String::new(),
        "{}" | "[]" | "null" => name.to_owned(),
        "answer" => message(r#""content":"Copper.""#, "stop"),
        "null-content" => message(r#""content":null"#, "stop"),
        "empty-content" => message(r#""content":"""#, "stop"),
        "truncated" => message(r#""content":"""#, "length"),
        "refusal" => message(r#""content":null,"refusal":"No.""#, "stop"),
        "reasoning" => message(r#""content":"","reasoning_content":"Copper?""#, "stop"),
        "tool-call" => message(
            r#""content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
            "tool_calls",
        ),
        "no-choices" => r#"{"choices":null,"base_resp":{"status_code":1004}}"#.into(),
        "empty-choices" => r#"{"choices":[]}"#.into(),
        "error" => r#"{"error":{"message":"m"}}"#.into(),
        "begin" => r#"{"model":"m","choices":[{"index":0,"#.into(),
        "page" => "<html>Sign in</html>".into(),
        "first" => first.into(),
        "stream-error" => format!("{first}data: {{\"error\":{{\"message\":\"m\"}}}}\n\n"),
        "last" => last.into(),
        // More than Envoy and the kernel buffer for a client that does not read, over any protocol.
        "flood" => first.repeat((32 << 20) / first.len()),
        "stream" => format!("{first}{last}"),
        // The last frame of gRPC-Web contains the trailers. A space may follow the colon.
        "text-0" => "AAAAAAJoaQ==gAAAAA9ncnBjLXN0YXR1czowDQo=".into(),
        "text-14" => "AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czoxNA0K".into(),
        "message" => return MESSAGE.to_vec(),
        "web-0" => return with_trailers("grpc-status:0\r\n"),
        "web-3" => return with_trailers("grpc-status:3\r\n"),
        "web-14" => return with_trailers("grpc-status: 14\r\ngrpc-message: gone\r\n"),
        _ => panic!("{name}"),
    };
    text.into_bytes()
}

/// The gRPC frame of a message.
const MESSAGE: &[u8] = b"\0\0\0\0\x02hi";

fn with_trailers(trailers: &str) -> Vec<u8> {
    let mut body = MESSAGE.to_vec();
    body.extend([0x80, 0, 0, 0, u8::try_from(trailers.len()).unwrap()]);
    body.extend(trailers.bytes());
    body
}

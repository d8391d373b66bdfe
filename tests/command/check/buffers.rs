//! Envoy's buffers.

use serde_json::json;

use super::{ENVOY, Expected, LISTENER, Setup, patched, plugin, reading, replaced, with_envoy};

const PREFIX: &str = "          stat_prefix: llm\n";
const LIMIT: &str = "per_connection_buffer_limit_bytes: ";
const WINDOW: &str = "http2_protocol_options: {initial_stream_window_size: ";

/// The shipped bootstrap with a buffer limit of the release's listener, and a rollout that changes bodies.
fn with_limit(bytes: &str) -> Setup {
    let limit = format!("{LISTENER}    {LIMIT}{bytes}\n");
    with_envoy(replaced(ENVOY, LISTENER, &limit)).with_filter(&patched())
}

/// The same with an HTTP/2 window of the release's connection manager, and further fields.
fn with_window(bytes: &str, fields: &str) -> Setup {
    let window = format!("{PREFIX}          {WINDOW}{bytes}}}\n{fields}");
    with_envoy(replaced(ENVOY, PREFIX, &window)).with_filter(&patched())
}

#[test]
fn buffers_below_max_request_body_are_warned_of() {
    let cases = [
        (with_limit("32768"), LIMIT, "per_connection_buffer_limit_bytes: 32768: is less than"),
        (with_limit("1000000"), LIMIT, "per_connection_buffer_limit_bytes: 1000000: is less than"),
        (
            with_window("65536", ""),
            WINDOW,
            "http2_protocol_options.initial_stream_window_size: 65536: is less than \
             max_request_body, 1000000, and the",
        ),
    ];
    for (setup, at, text) in cases {
        setup.expect(&Expected { kind: "warning", file: "envoy.yaml", at, text });
    }
    let id = plugin(json!({"conversation": {"id": {"pointer": "/id"}}}));
    let text = "per_connection_buffer_limit_bytes: 32768: is less than";
    let expected = Expected { kind: "warning", file: "envoy.yaml", at: LIMIT, text };
    with_limit("32768").with_filter(&id).expect(&expected);
}

#[test]
fn a_body_above_the_default_buffer_is_warned_of() {
    let with_max = |bytes: u64| {
        plugin(json!({
            "max_request_body": bytes,
            "versions": {
                "blue": {"cluster": "llm-blue"},
                "green": {"cluster": "llm-green", "request": {"model": "m"}},
            },
        }))
    };
    let text = "per_connection_buffer_limit_bytes: 1048576, the default: is less than \
                max_request_body, 4000000, and the";
    let expected = Expected { kind: "warning", file: "envoy.yaml", at: LISTENER.trim_end(), text };
    with_envoy(ENVOY.to_owned()).with_filter(&with_max(4_000_000)).expect(&expected);
    with_envoy(ENVOY.to_owned()).with_filter(&with_max(1_000_000)).expect_none();
    with_limit("4194304").with_filter(&with_max(4_000_000)).expect_none();
}

#[test]
fn buffers_that_hold_every_body_are_not_warned_of() {
    let small = plugin(json!({
        "max_request_body": 30_000,
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "m"}},
        },
    }));
    let headers = plugin(json!({"versions": {
        "blue": {"cluster": "llm-blue"},
        "green": {"cluster": "llm-green", "request": {"headers": {"set": {"x-a": "1"}}}},
    }}));
    let setups = [
        with_limit("1000000")
            .with_filter(&plugin(json!({"conversation": {"id": {"pointer": "/id"}}}))),
        with_limit("1048576"),
        with_window("1048576", ""),
        with_window("65536", "          codec_type: HTTP1\n"),
        with_limit("32768").with_filter(&small),
        with_limit("32768").with_filter(&headers),
        with_limit("32768").with_filter(&reading()),
    ];
    for setup in setups {
        setup.expect_none();
    }
}

//! The trace of a span.

use proptest::prelude::*;
use verdigris::export::{SpanId, TraceContext, TraceId};

#[test]
fn a_traceparent_names_trace_and_parent() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = "b7ad6b7169203331";
    let cases = [
        (format!("00-{trace}-{parent}-01"), true),
        (format!("00-{trace}-{parent}-00"), true),
        (format!("01-{trace}-{parent}-01"), true),
        (format!("cc-{trace}-{parent}-01-what-comes-later"), true),
        (format!("00-{trace}-{parent}-01-"), false),
        (format!("ff-{trace}-{parent}-01"), false),
        (format!("00-{}-{parent}-01", "0".repeat(32)), false),
        (format!("00-{trace}-{}-01", "0".repeat(16)), false),
        (format!("00-{}-{parent}-01", trace.to_uppercase()), false),
        (format!("00-{trace}-{parent}-0x"), false),
        (format!("00-{trace}-{parent}"), false),
        (format!("00-+{}-{parent}-01", &trace[1..]), false),
        (format!(" 00-{trace}-{parent}-01"), false),
        (String::new(), false),
    ];
    for (header, is_valid) in cases {
        let context = TraceContext::parse(header.as_bytes());
        let ids = context.map(|it| (it.trace.to_string(), it.parent.unwrap().to_string()));
        let expected = is_valid.then(|| (trace.to_owned(), parent.to_owned()));
        assert_eq!(ids, expected, "{header}");
    }
}

#[test]
fn both_halves_of_a_pair_have_one_trace() {
    let trace = |rollout, id: &str| TraceContext::of_pair(rollout, id.as_bytes()).trace;
    assert_eq!(trace("assistant-v8", "0a1b"), trace("assistant-v8", "0a1b"));
    assert_ne!(trace("assistant-v8", "0a1b"), trace("assistant-v8", "0a1c"));
    assert_ne!(trace("assistant-v8", "0a1b"), trace("assistant-v9", "0a1b"));
    assert_eq!(TraceContext::of_pair("assistant-v8", b"0a1b").parent, None);
}

#[test]
fn no_id_is_zero() {
    assert_eq!(TraceId::new(0).to_string(), format!("{}1", "0".repeat(31)));
    assert_eq!(SpanId::new(0).to_string(), "0000000000000001");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(header: Vec<u8>) {
        prop_assert_eq!(TraceContext::parse(&header), None);
    }
}

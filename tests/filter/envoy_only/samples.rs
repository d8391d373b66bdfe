//! Sampled requests, exported to an OTLP receiver, and scores that come back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::envoy::process::wait_for;
use crate::envoy::span_receiver::SpanReceiver;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Answer, Proxy as _, Request, config, counter, set_fields};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const PATH: &str = "/v1/chat/completions";

/// Both versions with half of all users, and all of their requests exported.
fn release(samples: Value, others: Value) -> Value {
    let mut all = json!({"cluster": "otel-collector", "sample": 100});
    set_fields(&mut all, &samples);
    let mut release = config(json!({
        "weights": {"blue": 50, "green": 50},
        "feedback": {"path": "/feedback", "score": "/score", "step": "/receipt"},
        "samples": all,
    }));
    set_fields(&mut release, &others);
    release
}

fn start(config: &Value) -> (Envoy, SpanReceiver) {
    start_with_workers(config, Setup::default().workers)
}

fn start_with_workers(config: &Value, workers: u32) -> (Envoy, SpanReceiver) {
    let receiver = SpanReceiver::start();
    let filter = filter_yaml(config);
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        workers,
        edit_bootstrap: &|bootstrap, _| receiver.add_to(bootstrap),
        ..Setup::default()
    });
    (envoy, receiver)
}

fn ask(user: &str) -> Request {
    let question =
        json!({"model": "gpt-5", "messages": [{"role": "user", "content": "Why green?"}]});
    Request::from_user(user).post(PATH, question.to_string())
}

/// The spans once there are `count`.
fn await_spans(receiver: &SpanReceiver, count: usize) -> Vec<Value> {
    wait_for("the spans", || (receiver.span_count() >= count).then_some(()));
    let spans = receiver.spans();
    assert_eq!(spans.len(), count, "{spans:#?}");
    spans
}

/// What users of both versions have got, by version.
fn send_of_both(envoy: &mut Envoy, request: impl Fn(&str) -> Request) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for user in 0..40 {
        let answer = envoy.send(&request(&format!("user-{user}")));
        answers.entry(answer.version.clone()).or_insert(answer);
    }
    assert_eq!(answers.len(), 2, "both versions have users");
    answers
}

fn messages(span: &Value, key: &str) -> Value {
    let text = span["attributes"][key].as_str().unwrap_or_else(|| panic!("{key}: {span:#?}"));
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_sample_has_texts_and_a_receipt_with_which_a_score_comes_back() {
    let (mut envoy, receiver) = start(&release(json!({"content": "full"}), json!({})));
    send_of_both(&mut envoy, ask);
    let spans = await_spans(&receiver, 40);
    let text = |role: &str, text: &str| json!({"role": role, "parts": [{"type": "text", "content": text}]});
    let mut sent = BTreeMap::<String, u64>::new();
    for span in &spans {
        let attributes = &span["attributes"];
        assert_eq!(messages(span, "gen_ai.input.messages"), json!([text("user", "Why green?")]));
        let mut answer = text("assistant", "Copper.");
        answer["finish_reason"] = json!("stop");
        assert_eq!(messages(span, "gen_ai.output.messages"), json!([answer]));
        assert_eq!(attributes["gen_ai.request.model"], "gpt-5");
        assert_eq!(attributes["gen_ai.response.finish_reasons"], json!(["stop"]));
        assert_eq!(attributes["verdigris.rollout"], "assistant-v8");
        assert_eq!(attributes["verdigris.content"], "full");
        assert_eq!((&span["name"], &span["status"]), (&json!("chat gpt-5"), &json!(0)));
        assert_eq!(span["parentSpanId"], "", "the request names no trace");
        *sent.entry(attributes["verdigris.version"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    // One trace for each request, and one receipt.
    for key in ["traceId", "spanId"] {
        let ids: BTreeSet<&str> = spans.iter().map(|span| span[key].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 40, "{key}");
    }
    for request in receiver.requests() {
        assert_eq!(request.path, "/v1/traces");
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("authorization"), "Basic cGs6c2s=", "the cluster adds the key");
        assert_eq!(header("x-langfuse-ingestion-version"), "4", "and other headers");
        assert_eq!(header("host"), "otel-collector", "the host is the cluster's name");
        assert!(!request.body.contains("user-"), "the user is not exported");
    }
    // The evaluator knows no user. It posts a score for each span.
    for span in &spans {
        let receipt = &span["attributes"]["verdigris.receipt"];
        let score = json!({"score": 0.5, "receipt": receipt}).to_string();
        let answer = envoy.send_to("/feedback", &Request::anonymous().post("/feedback", score));
        assert_eq!(answer.unwrap().status(), 204, "{receipt}");
    }
    for (version, count) in sent {
        let stat = |name: &str| counter(&version, name);
        envoy.wait_for_stats(&[
            (stat("score_count"), count),
            (stat("score_milli_sum"), 500 * count),
            (stat("feedback_unproved"), 0),
            (stat("samples_sent"), count),
            (stat("samples_failed"), 0),
            (stat("samples_dropped"), 0),
        ]);
    }
    let forged = json!({"score": 0.5, "receipt": "green.1.new.0123456789abcdef.0123456789abcdef.0123456789abcdef"});
    let answer =
        envoy.send_to("/feedback", &Request::anonymous().post("/feedback", forged.to_string()));
    assert_eq!(answer.unwrap().status(), 400, "a forged receipt names no unit");
}

#[test]
fn metadata_has_no_text_and_the_trace_of_the_request() {
    let (envoy, receiver) = start(&release(json!({"path": "/api/otel/v1/traces"}), json!({})));
    let traced = |user: &str| {
        let traceparent = format!("00-{TRACE}-{PARENT}-01");
        let request = ask(user).header("traceparent", traceparent);
        request.header("x-replay", "chat-stream")
    };
    let answer = envoy.send_to(PATH, &traced("ada")).unwrap();
    let version = answer.headers()["x-verdigris-version"].to_str().unwrap().to_owned();
    let whole = answer.text().unwrap();
    assert!(whole.contains("gpt-4o-mini."), "{whole}");
    let spans = await_spans(&receiver, 1);
    let attributes = &spans[0]["attributes"];
    assert_eq!((&spans[0]["traceId"], &spans[0]["parentSpanId"]), (&json!(TRACE), &json!(PARENT)));
    assert_eq!(attributes["verdigris.version"], json!(version));
    assert_eq!(attributes["verdigris.content"], "metadata");
    assert_eq!(attributes["gen_ai.response.model"], "gpt-4o-mini");
    assert_eq!(attributes["gen_ai.usage.input_tokens"], 10);
    assert_eq!(attributes["gen_ai.usage.output_tokens"], 13);
    assert_eq!(attributes["gen_ai.request.stream"], true);
    assert!(attributes["gen_ai.response.time_to_first_chunk"].as_f64().unwrap() > 0.0);
    assert!(spans[0]["durationNs"].as_u64().unwrap() > 0);
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(request.path, "/api/otel/v1/traces");
    for text in ["Why green?", "Hello", "gen_ai.input", "gen_ai.output.messages"] {
        assert!(!request.body.contains(text), "{text}: {}", request.body);
    }
}

#[test]
fn texts_above_the_bound_are_left_out_and_requests_are_not_touched() {
    let samples = json!({"content": "full", "max_bytes": 1000});
    let (mut envoy, receiver) = start(&release(samples, json!({})));
    let long = "x".repeat(100_000);
    let body = json!({"messages": [{"role": "user", "content": long}]}).to_string();
    let answer = envoy.send(&Request::from_user("ada").post(PATH, &body));
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    let spans = await_spans(&receiver, 1);
    let attributes = &spans[0]["attributes"];
    assert_eq!(attributes["verdigris.content"], "partial");
    assert!(attributes.get("gen_ai.input.messages").is_none());
    assert_eq!(messages(&spans[0], "gen_ai.output.messages")[0]["parts"][0]["content"], "Copper.");
}

#[test]
fn what_a_receiver_does_not_take_is_counted_and_not_sent_again() {
    let (mut envoy, receiver) = start(&release(json!({}), json!({})));
    let failed = |envoy: &Envoy| {
        let of = |version| envoy.read_stat(&counter(version, "samples_failed"));
        of("blue").unwrap_or_default() + of("green").unwrap_or_default()
    };
    let answers = [
        (503, "no"),
        (400, "{}"),
        (200, r#"{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}"#),
    ];
    for (at, (status, body)) in answers.into_iter().enumerate() {
        receiver.set_answer(status, body);
        assert_eq!(envoy.send(&ask("ada")).status, 200);
        let expected = at as u64 + 1;
        wait_for("the failure", || (failed(&envoy) == expected).then_some(()));
    }
    receiver.set_answer(200, "{}");
    let version = envoy.send(&ask("ada")).version;
    envoy.wait_for_stats(&[(counter(&version, "samples_sent"), 1)]);
    assert_eq!((receiver.span_count(), failed(&envoy)), (4, 3), "no span is sent twice");
    let log = envoy.log();
    assert_eq!(
        log.matches("samples are not exported: the receiver answers 503").count(),
        1,
        "{log}"
    );
    wait_for("the log", || envoy.log().contains("samples are exported again").then_some(()));
}

#[test]
fn a_receiver_that_does_not_exist_costs_samples_and_no_request() {
    let (mut envoy, receiver) = start(&release(json!({"cluster": "nowhere"}), json!({})));
    let answer = envoy.send(&ask("ada"));
    assert_eq!((answer.status, answer.cluster.starts_with("llm-")), (200, true));
    envoy.wait_for_stats(&[
        (counter(&answer.version, "samples_failed"), 1),
        (counter(&answer.version, "samples_sent"), 0),
        (counter(&answer.version, "requests"), 1),
    ]);
    assert!(receiver.requests().is_empty());
    assert!(
        envoy.log().contains("samples are not exported: the call was not sent"),
        "{}",
        envoy.log()
    );
}

/// Blue's answer and the copy's are spans of one trace, in a shadow step and with a mere shadow.
#[test]
fn both_halves_of_a_mirrored_request_are_in_one_trace() {
    let ramp = json!({"steps": [{"shadow": 100, "pairs": 100_000}, 50, 100], "gates": [{"metric": "error_rate"}], "tripwires": []});
    let cases = [
        json!({"ramp": ramp, "weights": null}),
        json!({"weights": {"blue": 1, "green": 0}, "shadow": {"percent": 100}}),
    ];
    for others in cases {
        let mut release = release(json!({"content": "full"}), others.clone());
        if release["weights"].is_null() {
            release.as_object_mut().unwrap().remove("weights");
        }
        let (envoy, receiver) = start(&release);
        let pair = |spans: &[Value], trace: &Value| {
            let of_trace = spans.iter().filter(|span| span["traceId"] == *trace);
            let mut of_trace: Vec<Value> = of_trace.cloned().collect();
            of_trace.sort_by_key(|span| span["attributes"]["verdigris.shadow"] == true);
            of_trace
        };
        // Until the ramp has begun, and while Envoy's shadow cluster connects, nothing is mirrored.
        let mirrored =
            ask("ada").header("content-type", "application/json").header("x-replay", "chat-stream");
        let found = wait_for("a pair", || {
            envoy.send_to(PATH, &mirrored).unwrap().bytes().unwrap();
            let spans = receiver.spans();
            let pairs = spans.iter().map(|span| pair(&spans, &span["traceId"]));
            pairs.into_iter().find(|pair| pair.len() == 2)
        });
        let [blue, shadow] = &found[..] else { panic!("{found:#?}") };
        let attribute = |span: &Value, name: &str| span["attributes"][name].clone();
        assert_eq!(attribute(blue, "verdigris.version"), "blue", "{others}");
        assert_eq!(attribute(shadow, "verdigris.version"), "green", "{others}");
        assert_eq!(attribute(shadow, "verdigris.shadow"), true, "{others}");
        assert!(attribute(blue, "verdigris.pair").is_string(), "{others}");
        assert_eq!(attribute(blue, "verdigris.pair"), attribute(shadow, "verdigris.pair"));
        let text = |span| {
            let answer = messages(span, "gen_ai.output.messages");
            answer[0]["parts"][0]["content"].as_str().unwrap().to_owned()
        };
        assert!(text(blue).contains("gpt-4o-mini."), "{}", text(blue));
        assert_eq!(text(blue), text(shadow));
        assert!(attribute(shadow, "verdigris.receipt").is_null(), "nobody has got that answer");
        assert!(envoy.read_stat(&counter("shadow", "samples_sent")) > Some(0));
    }
}

/// A score that a receipt carries is evidence for the step of its answer.
#[test]
fn a_score_with_a_receipt_is_evidence() {
    let gates = json!([{"metric": "error_rate"}, {"metric": "score", "critical": false}]);
    let ramp = json!({"steps": [50, 100], "bake": "1h", "gates": gates, "tripwires": []});
    let mut release = release(json!({}), json!({"ramp": ramp}));
    release.as_object_mut().unwrap().remove("weights");
    let (mut envoy, receiver) = start(&release);
    wait_for("the ramp to begin", || {
        (envoy.read_stat("wasmcustom.verdigris.assistant-v8.green_bp") == Some(5000)).then_some(())
    });
    let of_version = |spans: &[Value], version: &str| {
        let found = spans.iter().find(|span| {
            span["attributes"]["verdigris.version"] == version
                && span["attributes"]["verdigris.receipt"].is_string()
        });
        found.map(|span| span["attributes"].clone())
    };
    let mut user = 0;
    let found = wait_for("spans of both versions", || {
        user += 1;
        envoy.send(&ask(&format!("user-{user}")));
        let spans = receiver.spans();
        Some([of_version(&spans, "blue")?, of_version(&spans, "green")?])
    });
    for attributes in found {
        assert_eq!(attributes["verdigris.step"], 0);
        let receipt = attributes["verdigris.receipt"].as_str().unwrap();
        let version = attributes["verdigris.version"].as_str().unwrap();
        assert!(receipt.starts_with(&format!("{version}.1.")), "{receipt}");
        let score = Request::anonymous().header("x-verdigris-step", receipt);
        let answer = envoy.send_to("/feedback", &score.post("/feedback", r#"{"score": 1}"#));
        assert_eq!(answer.unwrap().status(), 204);
        envoy.wait_for_stats(&[
            (counter(version, "score_count"), 1),
            (counter(version, "feedback_unproved"), 0),
            (counter(version, "evidence_scores.s0"), 1),
        ]);
    }
}

/// The texts of a release that is rolled back are not kept for a receiver that is slow to take them.
#[test]
fn a_rollback_drops_the_samples_that_wait() {
    let gates = json!([{"metric": "error_rate"}]);
    let ramp = json!({"steps": [50, 100], "bake": "1h", "gates": gates, "tripwires": []});
    let mut release = release(json!({"content": "full"}), json!({"ramp": ramp}));
    release.as_object_mut().unwrap().remove("weights");
    let (mut envoy, receiver) = start_with_workers(&release, 1);
    wait_for("the ramp to begin", || {
        (envoy.read_stat("wasmcustom.verdigris.assistant-v8.green_bp") == Some(5000)).then_some(())
    });
    receiver.set_stalled(true);
    let mut user = 0;
    wait_for("an export without an answer", || {
        user += 1;
        envoy.send(&ask(&format!("user-{user}")));
        (!receiver.requests().is_empty()).then_some(())
    });
    // More than one batch, so that some wait behind the one that has no answer.
    for user in 0..100 {
        envoy.send(&ask(&format!("another-{user}")));
    }
    release["ramp"]["rolled_back"] = json!(true);
    envoy.push(&release).unwrap();
    let of_both = |envoy: &Envoy, name: &str| {
        let of = |version| envoy.read_stat(&counter(version, name)).unwrap_or_default();
        of("blue") + of("green")
    };
    wait_for("the samples to be dropped", || {
        (of_both(&envoy, "samples_dropped") > 0).then_some(())
    });
    receiver.set_stalled(false);
    // Not all of the first requests are sampled: the worker may not know yet that the ramp has begun.
    wait_for("what became of the samples", || {
        let known = ["samples_sent", "samples_failed", "samples_dropped"];
        let known: u64 = known.iter().map(|name| of_both(&envoy, name)).sum();
        (known > 100).then_some(())
    });
    let (sent, dropped) = (receiver.span_count() as u64, of_both(&envoy, "samples_dropped"));
    assert!(sent + dropped <= user + 100, "{sent} and {dropped} of {user} and 100");
}

/// A response that ends after its configuration was replaced by one without `samples` is not kept for
/// the receiver of a later one.
#[test]
fn a_response_that_ends_after_samples_were_removed_is_not_exported() {
    let with_samples = release(json!({}), json!({}));
    let mut without = with_samples.clone();
    without.as_object_mut().unwrap().remove("samples");
    let (mut envoy, receiver) = start_with_workers(&with_samples, 1);
    let answers = send_of_both(&mut envoy, ask);
    await_spans(&receiver, 40);
    let of_user_of = |version: &str| {
        ask(std::str::from_utf8(answers[version].forwarded("x-user-id")[0]).unwrap())
    };
    let (late, other) = (of_user_of("blue"), of_user_of("green"));
    let dropped = counter("blue", "samples_dropped");
    envoy.upstreams[0].set_stalled(true);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| envoy.send_to(PATH, &late).unwrap().status());
        wait_for("the request to be open", || {
            (envoy.read_stat("cluster.llm-blue.upstream_rq_active") == Some(1)).then_some(())
        });
        envoy.write_filter(&filter_yaml(&without)).unwrap();
        // The first request of the configuration begins it.
        assert_eq!(envoy.send_to(PATH, &other).unwrap().status(), 200);
        envoy.upstreams[0].set_stalled(false);
        assert_eq!(answer.join().unwrap(), 200);
    });
    envoy.wait_for_stats(&[(dropped, 1)]);
    envoy.push(&with_samples).unwrap();
    envoy.send(&other);
    let spans = await_spans(&receiver, 41);
    assert_eq!(spans[40]["attributes"]["verdigris.version"], "green");
}

//! A release at Envoy AI Gateway, by the objects in `docs/how-to/llm-gateways.md`: the Envoy
//! configuration that the control plane writes from them, with an external processor that does
//! what the gateway's does, and two providers with different APIs.

mod messages;
mod processor;
mod provider;
mod translation;
mod written;

use std::io::Read as _;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::processor::Processor;
use self::provider::{ANSWER_HEADER, Api, Provider, Received, Sent};
use self::written::{HOST, Objects};
use super::ramp_fixture::{RAMP_TIMEOUT, read_gauge};
use crate::assignment::is_green;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, release_listener_offset};
use crate::patching::{CHAT, json_post};
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::{ROLLOUT, Request, counter};
use crate::version_header::{SPOOFED, spoofing};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

const TOKEN: &str = "a-token-that-is-long";

/// The text of all answers.
const TEXT: &str = "Copper turns green.";

/// A running gateway. Blue's provider has OpenAI's API, green's Anthropic's.
struct Gateway {
    envoy: Envoy,
    openai: Provider,
    claude: Provider,
    _processor: Processor,
}

/// What a client gets.
struct Reply {
    status: u16,
    /// `None` for a response that breaks off.
    text: Option<String>,
}

// === impl Gateway ===

impl Gateway {
    fn start(objects: &Objects) -> Self {
        let [openai, claude] = [Api::OpenAi, Api::Anthropic].map(Provider::start);
        let processor = Processor::start(objects.backends(), objects.has_costs());
        let port = |name: &str| match name {
            "openai" => openai.port(),
            "claude" => claude.port(),
            _ => panic!("there is no provider {name}"),
        };
        let clusters = objects.clusters(port, &processor.socket());
        let listener = objects.listener();
        let edit = |bootstrap: String, _: &[Upstream; 3]| {
            let (before, _) = bootstrap.split_at(release_listener_offset(&bootstrap));
            let clusters: String = clusters.iter().map(|it| format!("  - {it}\n")).collect();
            format!("{before}  - {listener}\n  clusters:\n{clusters}")
        };
        let setup = Setup { token: Some(TOKEN), edit_bootstrap: &edit, ..Setup::default() };
        let envoy = Envoy::start_with(&setup);
        Self { envoy, openai, claude, _processor: processor }
    }

    fn send(&self, request: &Request) -> Reply {
        let request = request.clone().header("host", HOST);
        let response = self.envoy.send_to(request.path(), &request);
        let response = response.unwrap_or_else(|error| panic!("{error}\n{}", self.envoy.log()));
        Reply { status: response.status().as_u16(), text: response.text().ok() }
    }

    /// Reads the beginning of a response, and closes the connection.
    fn leave_after_the_first_words(&self, request: &Request) {
        let request = request.clone().header("host", HOST);
        let mut response = self.envoy.send_to(request.path(), &request).unwrap();
        let (mut text, mut piece) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&text).contains(TEXT) {
            let size = response.read(&mut piece).unwrap();
            assert_ne!(size, 0, "{:?}", text.escape_ascii());
            text.extend_from_slice(&piece[..size]);
        }
    }

    fn forget_received(&self) {
        drop([&self.openai, &self.claude].map(Provider::take_received));
    }

    /// The only request that the providers have received since the last time, and whether it was
    /// Anthropic's.
    fn take_received(&self) -> (Received, bool) {
        let [openai, claude] = [&self.openai, &self.claude].map(Provider::take_received);
        assert_eq!(openai.len() + claude.len(), 1, "{openai:?} {claude:?}");
        let is_claude = !claude.is_empty();
        (openai.into_iter().chain(claude).next().unwrap(), is_claude)
    }

    /// Waits until Verdigris has counted what the providers have sent, and nothing else.
    fn wait_for_counts(&self, [blue, green]: [Sent; 2]) {
        let mut expected = Vec::new();
        for (version, sent) in [("blue", blue), ("green", green)] {
            let counts = [
                ("requests", sent.requests),
                ("errors", sent.errors),
                ("client_errors", sent.client_errors),
                ("aborted", sent.aborted),
                ("refusals", sent.refusals),
                ("tokens_input", sent.tokens_input),
                ("tokens_output", sent.tokens_output),
                ("unread", 0),
                ("empty", 0),
            ];
            expected.extend(counts.map(|(name, count)| (counter(version, name), count)));
        }
        self.envoy.wait_for_stats(&expected);
    }

    fn sent(&self) -> [Sent; 2] {
        [self.openai.sent(), self.claude.sent()]
    }

    /// Waits until all workers send all users to OpenAI.
    fn wait_until_all_are_on_blue(&self) {
        wait_for("all workers to send all users to blue", || {
            let is_blue = |number| {
                let Request { body, .. } = question("", false);
                let request = self.envoy.unpooled_client.post(format!("{}{CHAT}", self.envoy.url));
                let request = request.header("host", HOST).body(body.unwrap());
                let answer = request.header("x-user-id", format!("user-{number}")).send().unwrap();
                let (_, is_claude) = self.take_received();
                answer.status() == 200 && !is_claude
            };
            (0..24).all(is_blue).then_some(())
        });
    }

    /// Sends a request for the console.
    fn console(&self, path: &str, command: Option<&Value>) -> u16 {
        let url = format!("{}/verdigris/{path}", self.envoy.url);
        let client = &self.envoy.unpooled_client;
        let request = match command {
            None => client.get(url),
            Some(command) => client.post(url).header("x-verdigris-command", command.to_string()),
        };
        request.header("host", HOST).bearer_auth(TOKEN).send().unwrap().status().as_u16()
    }
}

/// A user's question for the model `assistant`.
fn question(user: &str, is_stream: bool) -> Request {
    let body = json!({
        "model": "assistant", "stream": is_stream, "max_tokens": 100,
        "messages": [{"role": "user", "content": "Why is the roof green?"}],
    });
    let mut request = json_post(CHAT, &body.to_string());
    request.headers.retain(|(name, _)| name != "x-user-id");
    request.header("x-user-id", user)
}

/// The text of an answer in OpenAI's format.
fn answer_text(text: &str, is_stream: bool) -> String {
    let choice = |text: &str, field: &str| {
        let document: Value = serde_json::from_str(text).unwrap();
        document["choices"][0][field]["content"].as_str().unwrap_or_default().to_owned()
    };
    if !is_stream {
        return choice(text, "message");
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| choice(data, "delta")).collect()
}

/// What green's and blue's provider get of a [`question`].
fn assert_translated(received: &Received, is_claude: bool, is_stream: bool) {
    let body = received.json();
    if is_claude {
        let method = if is_stream { "streamRawPredict" } else { "rawPredict" };
        let model = format!("publishers/anthropic/models/claude-haiku-4-5:{method}");
        assert!(received.path.ends_with(&model), "{}", received.path);
        assert_eq!(body["messages"][0]["content"][0]["text"], "Why is the roof green?");
        assert_eq!(body["anthropic_version"], "vertex-2023-10-16");
    } else {
        assert_eq!((received.path.as_str(), &body["model"]), (CHAT, &json!("gpt-4o-mini")));
        assert_eq!(body["messages"][0]["content"], "Why is the roof green?");
    }
    assert_eq!(received.header("content-length"), Some(received.body.len().to_string().as_str()));
    assert_eq!(received.header("x-ai-eg-model"), Some("assistant"));
}

#[test]
fn versions_are_backends_of_the_gateway() {
    let mut objects = Objects::of_guide();
    objects.rollout_mut()["weights"] = json!({"blue": 1, "green": 1});
    let gateway = Gateway::start(&objects);
    let version = |user: &str| if is_green(user.as_bytes(), 1, 1) { "green" } else { "blue" };

    // The split, and nobody chooses.
    for user in 0..12 {
        let user = format!("user-{user}");
        for (index, values) in SPOOFED.into_iter().enumerate() {
            let is_stream = index % 2 == 1;
            let request = question(&user, is_stream).header("x-ai-eg-model", "another");
            let reply = gateway.send(&spoofing(request, values));
            let (received, is_claude) = gateway.take_received();
            assert_eq!(received.header("x-verdigris-version"), Some(version(&user)), "{values:?}");
            assert_eq!(is_claude, version(&user) == "green");
            assert_translated(&received, is_claude, is_stream);
            assert_eq!(reply.status, 200);
            assert_eq!(answer_text(&reply.text.unwrap(), is_stream), TEXT);
        }
    }

    // Each end of an answer, on both versions.
    let users = ["blue", "green"].map(|it| {
        let mut users = (0..).map(|number| format!("user-{number}"));
        users.find(|user| version(user) == it).unwrap()
    });
    for user in &users {
        for (answer, status) in [("refusal", 200), ("overloaded", 503), ("invalid", 400)] {
            for is_stream in [false, true] {
                let reply = gateway.send(&question(user, is_stream).header(ANSWER_HEADER, answer));
                assert_eq!(reply.status, status, "{user} {answer}");
                assert!(reply.text.is_some());
            }
        }
        // The gateway fails a stream with an error that it cannot translate.
        let reply = gateway.send(&question(user, true).header(ANSWER_HEADER, "broken"));
        let text = reply.text.unwrap_or_default();
        assert!(!text.contains("[DONE]"), "{text}");
        let request = question(user, true).header(ANSWER_HEADER, "endless");
        gateway.leave_after_the_first_words(&request);
    }

    // The gateway answers these before Verdigris.
    let mut invalid = question(&users[1], false);
    invalid.body = Some(b"no JSON".to_vec());
    assert_eq!(gateway.send(&invalid).status, 400);
    let mut unsupported = question(&users[1], false);
    unsupported.path = Some("/v1/files".to_owned());
    assert_eq!(gateway.send(&unsupported).status, 404);

    // No rule has the model.
    let mut unknown = question(&users[1], false);
    unknown.body = Some(br#"{"model":"unknown","messages":[]}"#.to_vec());
    assert_eq!(gateway.send(&unknown).status, 404);

    let [blue, mut green] = gateway.sent();
    assert!(blue.tokens_input > 2000 && green.tokens_input > 2000, "{blue:?} {green:?}");
    green.requests += 1;
    green.client_errors += 1;
    gateway.wait_for_counts([blue, green]);
    gateway.forget_received();

    // The console, and an operator's command.
    assert_eq!(gateway.console("state.json", None), 200);
    let command = json!({"reason": "as asked", "weights": {"blue": 1, "green": 0}});
    assert_eq!(gateway.console(&format!("weights?rollout={ROLLOUT}"), Some(&command)), 200);
    gateway.wait_until_all_are_on_blue();
}

/// A rule for a model, with all versions of it at this backend.
fn rule(model: &str, backend: Value) -> Value {
    json!({
        "matches": [{"headers": [{"type": "Exact", "name": "x-ai-eg-model", "value": model}]}],
        "backendRefs": [backend],
    })
}

/// The second filter replaces the body, where it has to change it, by one that it makes of the
/// client's. Elsewhere it leaves the body as it is.
#[test]
fn a_patch_of_a_body_is_lost_where_the_gateway_replaces_the_body() {
    let mut objects = Objects::of_guide();
    let patch = json!({
        "headers": {"set": {"x-team": "copper"}}, "system": {"append": "Be brief."},
    });
    let rollout = objects.rollout_mut();
    rollout["weights"] = json!({"blue": 0, "green": 1});
    rollout["versions"] = json!({"blue": {}, "green": {"request": patch}});
    objects.get_mut("AIGatewayRoute", "llm")["spec"]["rules"] = json!([
        rule("kept", json!({"name": "openai"})),
        rule("renamed", json!({"name": "openai", "modelNameOverride": "gpt-4o-mini"})),
        rule("translated", json!({"name": "claude", "modelNameOverride": "claude-haiku-4-5"})),
    ]);
    let gateway = Gateway::start(&objects);
    let usage = json!({"include_usage": true});
    let cases = [
        ("kept", false, None, true),
        // The gateway asks the stream for its usage, which it needs for `llmRequestCosts`.
        ("kept", true, None, false),
        ("kept", true, Some(usage), true),
        ("renamed", false, None, false),
        ("renamed", true, None, false),
        ("translated", false, None, false),
        ("translated", true, None, false),
    ];
    let mut count = 0;
    for padding in ["a", &"x".repeat(300_000)] {
        for (model, is_stream, options, is_patched) in &cases {
            let mut body = json!({
                "model": model, "stream": is_stream, "max_tokens": 100,
                "messages": [{"role": "user", "content": padding}],
            });
            if let Some(options) = options {
                body["stream_options"] = options.clone();
            }
            let case = format!("{model}, stream: {is_stream}, {} bytes", padding.len());
            let reply = gateway.send(&json_post(CHAT, &body.to_string()));
            assert_eq!(reply.status, 200, "{case}: {:?}", reply.text);
            assert_eq!(answer_text(&reply.text.unwrap(), *is_stream), TEXT, "{case}");
            let (received, _) = gateway.take_received();
            let has_patch = received.json().to_string().contains("Be brief.");
            assert_eq!(has_patch, *is_patched, "{case}");
            assert!(received.json().to_string().contains(padding), "{case}");
            assert_eq!(received.header("x-team"), Some("copper"), "{case}");
            count += 1;
        }
    }
    // Verdigris has patched them all, and does not see what becomes of a patch.
    gateway.envoy.wait_for_stats(&[
        (counter("green", "decisions_weight"), count),
        (counter("green", "decisions_unpatchable"), 0),
        (counter("green", "responses_2xx"), count),
    ]);
}

#[test]
fn a_backend_that_fails_is_rolled_back() {
    let mut objects = Objects::of_guide();
    let rollout = objects.rollout_mut();
    rollout.as_object_mut().unwrap().remove("weights");
    rollout["ramp"] = json!({
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}],
        "tripwires": [{"metric": "error_rate", "limit": 0.2, "window": "10s", "minimum": 20}],
    });
    let gateway = Gateway::start(&objects);
    gateway.claude.overload();
    let mut user = 0;
    wait_at_most(RAMP_TIMEOUT, "the rollback", || {
        user += 1;
        let reply = gateway.send(&question(&format!("user-{user}"), user % 2 == 0));
        let (_, is_claude) = gateway.take_received();
        assert_eq!(reply.status, if is_claude { 503 } else { 200 });
        let is_due = user % 20 == 0;
        (is_due && read_gauge(&gateway.envoy, "phase") == ROLLED_BACK).then_some(())
    });
    gateway.wait_until_all_are_on_blue();
    let [blue, green] = gateway.sent();
    assert!(green.errors > 0);
    gateway.wait_for_counts([blue, green]);
}

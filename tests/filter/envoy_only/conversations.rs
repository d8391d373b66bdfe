//! Conversations in a real Envoy, across steps of a ramp, reloads and a rollback.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::ramp_fixture::{GOOD_MODEL, RAMP_TIMEOUT, read_gauge};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::phase::{PROMOTED, ROLLED_BACK};
use crate::proxy::{config, counter};

const QUICK_MODEL: Model = Model { first_token_ms: 1, tokens: 5, ..GOOD_MODEL };

const MARKER_HEADER: &str = "x-verdigris-began";

struct Conversation {
    id: String,
    marker: String,
    version: String,
}

impl Conversation {
    /// Begins a conversation. Each request of the module has its own connection, so that any
    /// worker may handle it.
    fn begin(envoy: &Envoy, id: String) -> Self {
        let (version, marker) = send(envoy, &id, None);
        Self { id, marker: marker.expect("a marker"), version }
    }

    fn current_version(&self, envoy: &Envoy) -> String {
        let (version, marker) = send(envoy, &self.id, Some(&self.marker));
        assert_eq!(marker, None, "a client with a marker gets no second one");
        version
    }
}

/// The version that answers in the conversation, and the marker of the response.
fn send(envoy: &Envoy, id: &str, marker: Option<&str>) -> (String, Option<String>) {
    let mut request =
        envoy.unpooled_client.post(format!("{}/model/completions", envoy.url)).header("x-chat", id);
    if let Some(marker) = marker {
        request = request.header(MARKER_HEADER, marker);
    }
    let response = request.send().unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let version_and_marker = (header("x-verdigris-version").unwrap(), header(MARKER_HEADER));
    // A client that hangs up would not count as evidence.
    response.bytes().unwrap();
    version_and_marker
}

fn start_with_quick_models(config: &Value) -> Envoy {
    let filter = filter_yaml(config);
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    envoy.upstreams.iter().for_each(|upstream| upstream.set_model(QUICK_MODEL));
    envoy
}

fn begin_24(envoy: &Envoy, name: &str) -> Vec<Conversation> {
    let conversations: Vec<_> =
        (0..24).map(|number| Conversation::begin(envoy, format!("{name}-{number}"))).collect();
    for version in ["blue", "green"] {
        assert!(
            conversations.iter().any(|conversation| conversation.version == version),
            "no conversation is {version}"
        );
    }
    conversations
}

fn assert_all_keep_their_version(envoy: &Envoy, conversations: &[Conversation]) {
    for conversation in conversations {
        assert_eq!(
            conversation.current_version(envoy),
            conversation.version,
            "{}",
            conversation.id
        );
    }
}

/// Runs `work` while clients begin new conversations.
fn under_load_of_new_conversations(envoy: &Envoy, work: impl FnOnce()) {
    let (is_stopped, begun) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_stopped.load(Ordering::Relaxed) {
                    send(envoy, &format!("load-{}", begun.fetch_add(1, Ordering::Relaxed)), None);
                }
            });
        }
        // The clients must stop if `work` panics, because the scope waits for them.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_stopped.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn a_conversation_keeps_its_version_across_three_steps_and_a_reload_but_not_a_rollback() {
    let mut ramp = config(json!({
        "conversation": {"id": {"header": "x-chat"}},
        "ramp": {
            "steps": [25, 50, 75, 100],
            "bake": "3s",
            "warmup": "500ms",
            "gates": [{"metric": "error_rate"}],
            "tripwires": [{"metric": "error_rate", "limit": 0.5, "minimum": 10, "window": "10s"}],
        },
    }));
    let envoy = start_with_quick_models(&ramp);
    wait_at_most(RAMP_TIMEOUT, "the first step", || {
        (send(&envoy, &format!("first-{}", next_number()), None).0 == "green").then_some(())
    });
    let conversations = begin_24(&envoy, "talk");
    under_load_of_new_conversations(&envoy, || {
        let mut is_reloaded = false;
        wait_at_most(RAMP_TIMEOUT, "green to be promoted", || {
            assert_all_keep_their_version(&envoy, &conversations);
            if read_gauge(&envoy, "step") >= 1 && !is_reloaded {
                // Pins do not belong to the ramp, so that its state is kept.
                ramp["pins"] = json!({"green": ["qa-7"]});
                envoy.write_filter(&filter_yaml(&ramp)).unwrap();
                is_reloaded = true;
            }
            (read_gauge(&envoy, "phase") == PROMOTED).then_some(())
        });
        assert!(is_reloaded);
    });
    assert_all_keep_their_version(&envoy, &conversations);
    assert!(envoy.read_stat(&counter("blue", "decisions_drained")) > Some(0));
    let evidence = |version| envoy.read_stat(&counter(version, "evidence_units.s2"));
    assert!(evidence("blue") > Some(20) && evidence("green") > Some(20));
    wait_at_most(RAMP_TIMEOUT, "a new conversation on green", || {
        let new = Conversation::begin(&envoy, format!("new-{}", next_number()));
        (new.version == "green").then_some(())
    });

    envoy.upstreams[1].set_model(Model { fails_one_in: 1, ..QUICK_MODEL });
    under_load_of_new_conversations(&envoy, || {
        wait_at_most(RAMP_TIMEOUT, "the rollback", || {
            (read_gauge(&envoy, "phase") == ROLLED_BACK).then_some(())
        });
    });
    wait_at_most(RAMP_TIMEOUT, "all conversations on blue", || {
        let is_blue = |conversation: &Conversation| conversation.current_version(&envoy) == "blue";
        (conversations.iter().all(is_blue) && send(&envoy, "one more", None).0 == "blue")
            .then_some(())
    });
}

#[test]
fn changed_weights_apply_to_new_conversations() {
    let config_with_weights = |blue: u32, green: u32| {
        config(json!({
            "conversation": {"id": {"header": "x-chat"}},
            "weights": {"blue": blue, "green": green},
        }))
    };
    let push = |envoy: &Envoy, blue, green| {
        envoy.write_filter(&filter_yaml(&config_with_weights(blue, green))).unwrap();
    };
    let envoy = start_with_quick_models(&config_with_weights(1, 1));
    let conversations = begin_24(&envoy, "talk");
    push(&envoy, 1, 99_999);
    wait_at_most(RAMP_TIMEOUT, "new conversations to follow the weights", || {
        let is_green = || send(&envoy, &format!("new-{}", next_number()), None).0 == "green";
        (0..20).all(|_| is_green()).then_some(())
    });
    assert_all_keep_their_version(&envoy, &conversations);
    // A share of 0 % moves all conversations to blue at once.
    push(&envoy, 100, 0);
    for conversation in &conversations {
        assert_eq!(conversation.current_version(&envoy), "blue", "{}", conversation.id);
    }
    // A conversation that was moved stays on blue.
    push(&envoy, 1, 99_999);
    wait_at_most(RAMP_TIMEOUT, "new conversations to follow the weights again", || {
        (send(&envoy, &format!("new-{}", next_number()), None).0 == "green").then_some(())
    });
    for conversation in &conversations {
        assert_eq!(conversation.current_version(&envoy), "blue", "{}", conversation.id);
    }
}

/// A different number with each call.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

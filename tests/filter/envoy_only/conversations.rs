//! Conversations in a real Envoy, across steps of a ramp, reloads and a rollback.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::{Failure, Model};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, config, counter};

/// How long a ramp may take on a busy machine.
const RAMP: Duration = Duration::from_secs(300);

const GOOD: Model = Model {
    fails_one_in: 0,
    failure: Failure::Status(500),
    refuses_one_in: 0,
    first_ms: 1,
    tokens: 5,
};

const BEGAN: &str = "x-verdigris-began";

/// A conversation that is under way.
struct Talk {
    id: String,
    marker: String,
    version: String,
}

impl Talk {
    /// Begins one, over a connection of its own: workers get these in turn.
    fn begin(envoy: &Envoy, id: String) -> Self {
        let (version, marker) = ask(envoy, &id, None);
        Self { id, marker: marker.expect("a marker"), version }
    }

    fn version_now(&self, envoy: &Envoy) -> String {
        let (version, marker) = ask(envoy, &self.id, Some(&self.marker));
        assert_eq!(marker, None, "it is known when it began");
        version
    }
}

/// The version that answers in the conversation, and the marker that comes with it.
fn ask(envoy: &Envoy, id: &str, marker: Option<&str>) -> (String, Option<String>) {
    let mut request =
        envoy.one_off.post(format!("{}/model/completions", envoy.url)).header("x-chat", id);
    if let Some(marker) = marker {
        request = request.header(BEGAN, marker);
    }
    let response = request.send().unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let told = (header("x-verdigris-version").unwrap(), header(BEGAN));
    // Who hangs up is no evidence.
    response.bytes().unwrap();
    told
}

fn gauge(envoy: &Envoy, name: &str) -> u64 {
    envoy.read_stat(&format!("wasmcustom.verdigris.{ROLLOUT}.{name}")).unwrap_or_default()
}

fn start(config: &Value) -> Envoy {
    let filter = filter_yaml(config);
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    envoy.upstreams.iter().for_each(|upstream| upstream.set_model(GOOD));
    envoy
}

fn begin_some(envoy: &Envoy, name: &str) -> Vec<Talk> {
    let talks: Vec<_> = (0..24).map(|it| Talk::begin(envoy, format!("{name}-{it}"))).collect();
    for version in ["blue", "green"] {
        assert!(talks.iter().any(|talk| talk.version == version), "none is {version}");
    }
    talks
}

fn assert_all_stay(envoy: &Envoy, talks: &[Talk]) {
    for talk in talks {
        assert_eq!(talk.version_now(envoy), talk.version, "{}", talk.id);
    }
}

/// New conversations come until `work` is done.
fn under_load(envoy: &Envoy, work: impl FnOnce()) {
    let (is_over, begun) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    ask(envoy, &format!("load-{}", begun.fetch_add(1, Ordering::Relaxed)), None);
                }
            });
        }
        // Clients stop also where the work fails.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn a_conversation_lives_across_three_steps_a_reload_and_no_rollback() {
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
    let envoy = start(&ramp);
    wait_at_most(RAMP, "the first step", || {
        (ask(&envoy, &format!("first-{}", fresh()), None).0 == "green").then_some(())
    });
    let talks = begin_some(&envoy, "talk");
    under_load(&envoy, || {
        let mut is_reloaded = false;
        wait_at_most(RAMP, "green to be promoted", || {
            assert_all_stay(&envoy, &talks);
            if gauge(&envoy, "step") >= 1 && !is_reloaded {
                // No part of the ramp: its state stays.
                ramp["pins"] = json!({"green": ["qa-7"]});
                envoy.write_filter(&filter_yaml(&ramp)).unwrap();
                is_reloaded = true;
            }
            (gauge(&envoy, "phase") == 3).then_some(())
        });
        assert!(is_reloaded);
    });
    assert_all_stay(&envoy, &talks);
    assert!(envoy.read_stat(&counter("blue", "decisions_drained")) > Some(0));
    let evidence = |version| envoy.read_stat(&counter(version, "evidence_units.s2"));
    assert!(evidence("blue") > Some(20) && evidence("green") > Some(20));
    wait_at_most(RAMP, "new ones to be green", || {
        let new = Talk::begin(&envoy, format!("new-{}", fresh()));
        (new.version == "green").then_some(())
    });

    envoy.upstreams[1].set_model(Model { fails_one_in: 1, ..GOOD });
    under_load(&envoy, || {
        wait_at_most(RAMP, "the rollback", || (gauge(&envoy, "phase") == 4).then_some(()));
    });
    wait_at_most(RAMP, "everyone to be on blue", || {
        let is_blue = |talk: &Talk| talk.version_now(&envoy) == "blue";
        (talks.iter().all(is_blue) && ask(&envoy, "one more", None).0 == "blue").then_some(())
    });
}

#[test]
fn weights_by_hand_are_those_of_new_conversations() {
    let of = |blue: u32, green: u32| {
        config(json!({
            "conversation": {"id": {"header": "x-chat"}},
            "weights": {"blue": blue, "green": green},
        }))
    };
    let push = |envoy: &Envoy, blue, green| {
        envoy.write_filter(&filter_yaml(&of(blue, green))).unwrap();
    };
    let envoy = start(&of(1, 1));
    let talks = begin_some(&envoy, "talk");
    push(&envoy, 1, 99_999);
    wait_at_most(RAMP, "new ones to follow", || {
        let is_green = || ask(&envoy, &format!("new-{}", fresh()), None).0 == "green";
        (0..20).all(|_| is_green()).then_some(())
    });
    assert_all_stay(&envoy, &talks);
    // Back: everyone, at once.
    push(&envoy, 100, 0);
    for talk in &talks {
        assert_eq!(talk.version_now(&envoy), "blue", "{}", talk.id);
    }
    // And nobody is taken back to green who was moved.
    push(&envoy, 1, 99_999);
    wait_at_most(RAMP, "new ones to follow again", || {
        (ask(&envoy, &format!("new-{}", fresh()), None).0 == "green").then_some(())
    });
    for talk in &talks {
        assert_eq!(talk.version_now(&envoy), "blue", "{}", talk.id);
    }
}

/// A number that was not there before.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

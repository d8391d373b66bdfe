//! A plugin configuration that is written as YAML, in a `google.protobuf.Struct`.

use serde_json::{Value, json};

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup};
use crate::proxy::{Proxy as _, Request, counter};

/// The shipped file `name` with this plugin configuration as YAML.
fn as_struct(name: &str, yaml: &str) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped(name)).unwrap();
    let (head, _) = shipped.split_once("value: ").unwrap();
    let head = head.replace("google.protobuf.StringValue", "google.protobuf.Struct");
    let lines: String = yaml.lines().map(|line| format!("          {line}\n")).collect();
    format!("{head}value:\n{lines}")
}

fn filter(weights: &str, further: &str) -> String {
    let yaml = format!(
        "rollout: assistant-v8\nunit: {{header: x-user-id}}\nversions:\n  blue: {{cluster: \
         llm-blue}}\n  green:\n    cluster: llm-green\n    request: {{model: green-1, merge: \
         {{temperature: 0.5, max_tokens: 100, stream: no}}}}\nweights: {weights}\nmax_request_body: \
         100000\n{further}"
    );
    as_struct("config/filter.yaml", &yaml)
}

/// How many of 200 users are on green.
fn green_users(envoy: &mut Envoy) -> usize {
    let users = (0..200).map(|index| format!("user-{index}"));
    users.filter(|user| envoy.send(&Request::from_user(user)).version == "green").count()
}

#[test]
fn envoy_runs_a_configuration_that_is_yaml() {
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter("{blue: 50, green: 50}", "")),
        ..Setup::default()
    });
    let before = green_users(&mut envoy);
    assert!((60..140).contains(&before), "{before} of 200 users are on green\n{}", envoy.log());

    // A reload moves users in one direction.
    envoy.write_filter(&filter("{blue: 0x4B, green: 25.0}", "")).unwrap();
    let after = green_users(&mut envoy);
    assert!(after < before && after > 20, "{after} after {before}");
    envoy.write_filter(&filter("{blue: 0, green: 2147483647}", "")).unwrap();
    assert_eq!(green_users(&mut envoy), 200);

    // What is merged into requests are the numbers of the YAML, decimals too.
    let request = Request::from_user("ada")
        .post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#)
        .header("content-type", "application/json");
    let answer = envoy.send(&request);
    assert_eq!(answer.version, "green");
    let sent: Value = serde_json::from_slice(&answer.body).unwrap();
    let expected = json!({
        "model": "green-1", "messages": [], "max_tokens": 100, "stream": false, "temperature": 0.5,
    });
    assert_eq!(sent, expected);

    // Errors name the fields. Envoy keeps the configuration in force.
    for (weights, further, expected) in [
        ("{blue: 1.5, green: 1}", "", "weights.blue: \"1.5\": is not a whole number"),
        ("{blue: 1, green: 0}", "wieghts: {}", "unknown field; did you mean weights?"),
        ("{blue: 1, green: 2147483648}", "", "make their sum at most 2147483647"),
        ("{blue: 1, green: 0}", "default_cluster: on", "default_cluster: true: is not a string"),
    ] {
        let log = envoy.write_filter(&filter(weights, further)).unwrap_err();
        assert!(log.contains(expected), "{expected}\n{log}");
        assert_eq!(envoy.send(&Request::from_user("ada")).version, "green");
    }
    assert!(envoy.read_stat(&counter("green", "requests")).is_some_and(|it| it > 200));
}

#[test]
fn the_console_can_be_configured_by_yaml() {
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter("{blue: 1, green: 1}", "")),
        ..Setup::default()
    });
    let url = format!("{}/state.json", envoy.console.as_ref().unwrap());
    let state = |host: &str| envoy.client.get(&url).header("host", host).send().unwrap();
    assert_eq!(state("a.example").status(), 403);
    let console = as_struct("config/console.yaml", "role: console\nconsole: {hosts: [a.example]}");
    let new = envoy.folder.path().join("config/console.yaml.new");
    std::fs::write(&new, console).unwrap();
    std::fs::rename(&new, envoy.folder.path().join("config/console.yaml")).unwrap();
    let answer = wait_for("the console's configuration to be in force", || {
        Some(state("a.example")).filter(|it| it.status() == 200)
    });
    let answer: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
    assert_eq!(answer["rollouts"][0]["rollout"], "assistant-v8");
    assert_eq!(state("b.example").status(), 403);
}

//! A patched body is JSON that differs from the request's in nothing but what the patch changes, and is
//! larger by no more than the patch can add, or the request is not patched. A patched path still has its
//! query.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use verdigris::config::Config;
use verdigris::response::Format;

const SYSTEMS: [&str; 3] =
    [r#"{"replace": "S"}"#, r#"{"prepend": "S"}"#, r#"{"append": "S"}"#];

/// The members that a patch may change: model, options, and where a format has its system prompt.
const CHANGED: [&str; 8] = [
    "model", "stream_options", "messages", "system", "instructions", "input", "systemInstruction",
    "system_instruction",
];

fn config(request: &str) -> Config {
    let text = format!(
        r#"{{"rollout": "r", "unit": {{"header": "u"}}, "weights": {{"blue": 1, "green": 1}},
            "versions": {{"blue": {{"cluster": "b"}}, "green": {{"cluster": "g", "request": {request}}}}}}}"#
    );
    Config::parse(text.as_bytes()).unwrap()
}

/// Checks a patch that changes only these members.
fn check(config: &Config, body: &[u8], changed: &[&str]) {
    let patch = config.green_request.as_ref().unwrap();
    for format in Format::ALL {
        let Ok(patched) = patch.body.body(body, format, "/") else { continue };
        assert!(patched.len() <= body.len() + patch.max_growth, "{format:?}");
        let (Ok(mut before), Ok(mut after)) =
            (serde_json::from_slice::<Value>(body), serde_json::from_str::<Value>(&patched))
        else {
            // serde_json limits depth and numbers; the patch does neither.
            continue;
        };
        for document in [&mut before, &mut after] {
            let object = document.as_object_mut().unwrap();
            changed.iter().for_each(|name| drop(object.remove(*name)));
        }
        assert_eq!(before, after, "{format:?}");
    }
}

thread_local! {
    static MODEL: Config = config(r#"{"model": "m"}"#);
    static SYSTEM: [Config; 3] = SYSTEMS.map(|system| config(&format!(r#"{{"system": {system}}}"#)));
    static MERGE: Config =
        config(r#"{"merge": {"temperature": 0.2, "user": null, "a": {"b": 1}}}"#);
}

fuzz_target!(|input: (u8, &[u8], &str)| {
    let (which, body, path) = input;
    MODEL.with(|config| check(config, body, &["model", "stream_options"]));
    SYSTEM.with(|configs| check(&configs[usize::from(which) % SYSTEMS.len()], body, &CHANGED));
    MERGE.with(|config| check(config, body, &["temperature", "user", "a", "stream_options"]));
    MODEL.with(|config| check_path(config, path));
});

/// A patched path still has its query.
fn check_path(config: &Config, path: &str) {
    let patch = config.green_request.as_ref().unwrap();
    for format in Format::ALL {
        if let Ok(Some(patched)) = patch.body.path(path, format) {
            let query = |path: &str| path.split_once('?').map(|(_, query)| query.to_owned());
            assert_eq!(query(&patched), query(path), "{path} {patched}");
        }
    }
}

//! A patched body is JSON that differs from the request's in nothing but what the patch changes, or
//! the request is not patched.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use verdigris::config::Config;
use verdigris::response::Format;

const CONFIG: &str = r#"{
    "rollout": "r", "unit": {"header": "u"},
    "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g", "request": {"model": "m"}}},
    "weights": {"blue": 1, "green": 1}
}"#;

fuzz_target!(|body: &[u8]| {
    let config = Config::parse(CONFIG.as_bytes()).unwrap();
    let patch = config.green_request.as_ref().unwrap();
    for format in Format::ALL {
        let Ok(patched) = patch.body.body(body, format) else { continue };
        let (Ok(mut before), Ok(mut after)) =
            (serde_json::from_slice::<Value>(body), serde_json::from_str::<Value>(&patched))
        else {
            // serde_json limits depth and numbers; the patch does neither.
            continue;
        };
        for document in [&mut before, &mut after] {
            let object = document.as_object_mut().unwrap();
            object.remove("model");
            object.remove("stream_options");
        }
        assert_eq!(before, after, "{format:?}");
    }
});

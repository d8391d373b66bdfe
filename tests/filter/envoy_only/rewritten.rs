//! A filter before this one rewrites the path.

use serde_json::json;

use super::ramp::counter;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener};
use crate::failover::release;
use crate::patching::{CHAT, json_post};
use crate::proxy::Proxy as _;

/// `/old` becomes `/v1` before the release's filter; what is routed by the old path fails.
fn rewriting(bootstrap: String, _: &[Upstream; 3]) -> String {
    let lua = "          - name: envoy.filters.http.lua
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code:
                inline_string: |
                  function envoy_on_request(handle)
                    local headers = handle:headers()
                    headers:replace(':path', (headers:get(':path'):gsub('^/old', '/v1')))
                  end
";
    let route = "              - {match: {prefix: /old}, direct_response: {status: 418}}\n";
    let mut bootstrap = bootstrap;
    for (place, text) in [("          http_filters:\n", lua), ("              routes:\n", route)] {
        let begin = release_listener(&bootstrap);
        let at = begin + bootstrap[begin..].find(place).unwrap() + place.len();
        bootstrap.insert_str(at, text);
    }
    bootstrap
}

#[test]
fn both_versions_are_routed_and_read_by_the_new_path() {
    for (version, green) in [("blue", 0), ("green", 1)] {
        let weights = json!({"weights": {"blue": 1 - green, "green": green}});
        let filter = filter_yaml(&release(false, weights));
        let mut envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            change: &rewriting,
            ..Setup::default()
        });
        let answer = envoy.send(&json_post("/old/chat/completions", r#"{"messages":[]}"#));
        assert_eq!((answer.status, answer.version.as_str()), (200, version));
        assert_eq!(answer.path, CHAT);
        // Its format is known by the path: it is read, and green's request was patched.
        wait_for("the answer", || (counter(&envoy, version, "answers") == 1).then_some(()));
        assert_eq!(answer.forwarded("x-team").len(), green);
    }
}

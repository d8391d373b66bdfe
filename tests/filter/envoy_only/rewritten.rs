//! Another filter rewrites the path before the release's filter runs.

use serde_json::json;

use super::ramp_fixture::read_counter;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener_offset};
use crate::failover::green_release;
use crate::patching::{CHAT, json_post};
use crate::proxy::Proxy as _;

/// Inserts a filter that rewrites `/old` to `/v1`. A request that is routed by the old path fails.
fn rewrite_paths(bootstrap: String, _: &[Upstream; 3]) -> String {
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
        let begin = release_listener_offset(&bootstrap);
        let at = begin + bootstrap[begin..].find(place).unwrap() + place.len();
        bootstrap.insert_str(at, text);
    }
    bootstrap
}

#[test]
fn both_versions_are_routed_and_read_by_the_rewritten_path() {
    for (version, green) in [("blue", 0), ("green", 1)] {
        let weights = json!({"weights": {"blue": 1 - green, "green": green}});
        let filter = filter_yaml(&green_release(false, weights));
        let mut envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            edit_bootstrap: &rewrite_paths,
            ..Setup::default()
        });
        let answer = envoy.send(&json_post("/old/chat/completions", r#"{"messages":[]}"#));
        assert_eq!((answer.status, answer.version.as_str()), (200, version));
        assert_eq!(answer.path, CHAT);
        // The path tells the format: the answer is read, and green's request is patched.
        wait_for("the answer", || (read_counter(&envoy, version, "answers") == 1).then_some(()));
        assert_eq!(answer.forwarded("x-team").len(), green);
    }
}

//! The console at a path of the release's listener, in a real Envoy.

use reqwest::StatusCode;
use reqwest::blocking::Response;
use serde_json::json;
use verdigris::console::View;

use crate::console_path::{TOKEN, release};
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, route_by_version};
use crate::proxy::Request;

/// Starts Envoy with the plugin as Istio and Envoy Gateway configure it: headers may not wait, and
/// no other filter is in its VM.
fn start(token: Option<&'static str>) -> Envoy {
    let release = release(json!({"route_by": "version_header", "versions": {}}));
    let flag = "      allow_on_headers_stop_iteration: true\n";
    let filter = filter_yaml(&release).replace(flag, "").replace("vm_id: verdigris", "vm_id: own");
    let by_version = |bootstrap: String, _: &[Upstream; 3]| route_by_version(&bootstrap);
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        token,
        edit_bootstrap: &by_version,
        ..Setup::default()
    })
}

fn get(envoy: &Envoy, path: &str) -> Response {
    envoy.unpooled_client.get(format!("{}{path}", envoy.url)).bearer_auth(TOKEN).send().unwrap()
}

fn view(envoy: &Envoy) -> View {
    let answer = get(envoy, "/ops/state.json");
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().unwrap()).unwrap()
}

#[test]
fn a_release_is_seen_and_steered_at_its_own_listener() {
    let envoy = start(Some(TOKEN));
    let page = get(&envoy, "/ops/");
    assert_eq!(
        (page.status(), &page.headers()["x-frame-options"]),
        (StatusCode::OK, &"DENY".parse().unwrap())
    );
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src"));
    assert!(page.text().unwrap().contains("header <code>x-verdigris-version: green</code>"));
    assert_eq!(view(&envoy).rollouts.len(), 1);

    let send = |path: &str, body: &str| {
        let request = envoy.unpooled_client.post(format!("{}{path}", envoy.url));
        request.bearer_auth(TOKEN).body(body.to_owned())
    };
    let command = json!({"reason": "as asked", "weights": {"blue": 0, "green": 1}}).to_string();
    // The body does not arrive while the headers wait: it must not be waited for.
    let in_body = send("/ops/weights", &command).send().unwrap();
    assert_eq!(in_body.status(), 400, "{}", in_body.text().unwrap());
    let in_header = send("/ops/weights", &command).header("x-verdigris-command", &command);
    let answer = in_header.send().unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
    wait_for("all workers to apply the command", || {
        let clusters = (0..32).map(|_| envoy.send_on_new_connection().cluster);
        clusters.into_iter().all(|name| name == "llm-green").then_some(())
    });
    wait_for("the state", || (view(&envoy).rollouts[0].green_bp == 10_000).then_some(()));
}

/// The upstream answers 200 with its name to everything that it gets.
#[test]
fn no_request_to_the_path_reaches_an_upstream() {
    for token in [None, Some(TOKEN)] {
        let envoy = start(token);
        let paths = [
            "/ops",
            "/ops/",
            "/ops/state.json",
            "/ops/pause",
            "/ops/x",
            "/ops/../v1",
            "/ops//",
            "/ops?a",
        ];
        for path in paths {
            for request in [Request::anonymous(), Request::anonymous().post(path, "{}")] {
                for authorization in ["", "Bearer x", "Basic eDp4"] {
                    let request = request.clone().header("authorization", authorization);
                    let raw = envoy.send_to(path, &request).unwrap();
                    let status = raw.status().as_u16();
                    let text = raw.text().unwrap();
                    // The client resolves `..` before it sends the request.
                    let is_own = path != "/ops/../v1";
                    let expected = if !is_own {
                        200
                    } else if token.is_some() {
                        401
                    } else {
                        404
                    };
                    assert_eq!(status, expected, "{path} {authorization} {text}");
                    assert_eq!(text.contains("\"cluster\""), !is_own, "{path} {text}");
                }
            }
        }
    }
}

/// A browser asks without credentials first, and prompts for the password once it is asked for it.
#[test]
fn nobody_can_keep_a_browser_from_the_page_at_a_path() {
    let envoy = start(Some(TOKEN));
    let url = format!("{}/ops/", envoy.url);
    let asked = (0..150).map(|_| envoy.unpooled_client.get(&url).send().unwrap());
    for response in asked {
        assert_eq!(response.status(), 401);
        assert!(response.headers().contains_key("www-authenticate"));
    }
}

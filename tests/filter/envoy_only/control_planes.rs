//! The Envoy configuration that Istio and Envoy Gateway write from the manifests in
//! `envoy/kubernetes`, with the scenarios of a release.
//!
//! No control plane runs here. What each writes, by its source, from which field:
//!
//! | Envoy | Istio | Envoy Gateway |
//! |---|---|---|
//! | routes: match by the exact header, cluster, timeout, response header | `VirtualService.spec.http[]` | `HTTPRoute.spec.rules[]` |
//! | `early_header_mutation_extensions` | `EnvoyFilter`, merged as it stands | `ClientTrafficPolicy.spec.headers.earlyRequestHeaders.remove` |
//! | the Wasm filter | ECDS, `pluginConfig` as JSON text, `vm_id` empty | inline, `config` as JSON text, a `vm_id` of its own |
//! | where the filter runs | everywhere | on the routes of `targetRefs`, by `typed_per_filter_config` |
//! | `failure_policy` | `failStrategy` | none; `fail_open` from `failOpen` |
//! | `environment_variables.host_env_keys` | `vmConfig.env` with `valueFrom: HOST` | `env.hostKeys` |
//! | `allow_on_headers_stop_iteration` | never | never |
//! | names of clusters | `outbound\|8080\|\|llm-green.…` | `httproute/llm/llm/rule/0` |

use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use verdigris::console::View;

use super::ramp_fixture::{GOOD_MODEL, RAMP_TIMEOUT, set_models};
use crate::after_routing;
use crate::assignment::is_green;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::upstream::{LAST_EVENT, Model, Upstream};
use crate::envoy::{Envoy, Setup, release_listener_offset};
use crate::patching::{CHAT, json_post};
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::{Proxy as _, ROLLOUT, Request, counter, set_fields};
use crate::version_header::{SPOOFED, spoofing};

const HOST: &str = "llm.example.com";
const TOKEN: &str = "a-token-that-is-long";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
pub const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
pub const FILTER_CONFIG: &str = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
pub const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
pub const MUTATION: &str = "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plane {
    Istio,
    EnvoyGateway,
}

const PLANES: [Plane; 2] = [Plane::Istio, Plane::EnvoyGateway];

/// What a control plane writes.
struct Written {
    routes: Vec<Value>,
    early: Value,
    wasm: Value,
    /// Blue's and green's cluster.
    clusters: [String; 2],
}

/// The first document of a manifest.
fn manifest(path: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = "import json, sys, yaml; \
                  print(json.dumps(next(yaml.safe_load_all(open(sys.argv[1])))))";
    let mut python = Command::new(root.join(".tools/venv/bin/python"));
    let output = python.args(["-c", script]).arg(root.join("envoy/kubernetes").join(path));
    let output = output.output().expect("make tools");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{path}: {output:?}"))
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn route(header: Option<(&str, &str)>, cluster: &str, timeout: &Value, set: &Value) -> Value {
    let mut matcher = json!({"prefix": "/"});
    if let Some((name, value)) = header {
        matcher["headers"] = json!([{"name": name, "string_match": {"exact": value}}]);
    }
    json!({
        "match": matcher,
        "route": {"cluster": cluster, "timeout": timeout},
        "response_headers_to_add": [
            {"header": set, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        ],
    })
}

/// Sets the fields of `change`, and removes those that are null there.
fn change_fields(rollout: &mut Value, change: &Value) {
    set_fields(rollout, change);
    rollout.as_object_mut().unwrap().retain(|_, value| !value.is_null());
}

/// The Wasm filter around a plugin configuration.
pub fn wasm(name: &str, root_id: &Value, keys: Value, rollout: &Value, more: Value) -> Value {
    let mut config = json!({
        "name": name,
        "root_id": root_id,
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": "verdigris.wasm"}},
            "environment_variables": {"host_env_keys": keys},
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": rollout.to_string(),
        },
    });
    if let Some(vm_id) = more.get("vm_id") {
        config["vm_config"]["vm_id"] = vm_id.clone();
    }
    for (field, value) in more.as_object().unwrap().iter().filter(|(field, _)| *field != "vm_id") {
        config[field] = value.clone();
    }
    json!({"@type": WASM, "config": config})
}

fn istio(change: &Value) -> Written {
    let service = manifest("istio/virtual-service.yaml");
    let cluster = |rule: &Value| {
        let destination = &rule["route"][0]["destination"];
        format!("outbound|{}||{}", destination["port"]["number"], text(&destination["host"]))
    };
    let rules = service["spec"]["http"].as_array().unwrap();
    let routes = rules.iter().map(|rule| {
        let set = rule["route"][0]["headers"]["response"]["set"].as_object().unwrap();
        let (key, value) = set.iter().next().unwrap();
        let headers = rule["match"][0]["headers"].as_object();
        let header = headers.and_then(|it| it.iter().next());
        let header = header.map(|(name, it)| (name.as_str(), text(&it["exact"])));
        // `setTimeout` in Istio's pilot/pkg/networking/core/route/route.go: 0 where there is none.
        let timeout = rule.get("timeout").cloned().unwrap_or_else(|| json!("0s"));
        route(header, &cluster(rule), &timeout, &json!({"key": key, "value": value}))
    });
    let filter = manifest("istio/envoy-filter.yaml");
    let merged = &filter["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
    let plugin = manifest("istio/wasm-plugin.yaml");
    let spec = &plugin["spec"];
    let keys: Vec<_> =
        spec["vmConfig"]["env"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let mut rollout = spec["pluginConfig"].clone();
    change_fields(&mut rollout, change);
    let more = json!({"failure_policy": spec["failStrategy"]});
    Written {
        routes: routes.collect(),
        early: merged["early_header_mutation_extensions"].clone(),
        wasm: wasm("istio-ingress.verdigris", &spec["pluginName"], json!(keys), &rollout, more),
        clusters: [cluster(&rules[1]), cluster(&rules[0])],
    }
}

fn envoy_gateway(change: &Value) -> Written {
    let manifest = |name: &str| manifest(&format!("envoy-gateway/{name}.yaml"));
    let http_route = manifest("http-route");
    let rules = http_route["spec"]["rules"].as_array().unwrap();
    let routes = rules.iter().enumerate().map(|(index, rule)| {
        let header = rule.pointer("/matches/0/headers/0");
        let header = header.map(|it| (text(&it["name"]), text(&it["value"])));
        let set = &rule["filters"][0]["responseHeaderModifier"]["set"][0];
        let set = json!({"key": set["name"], "value": set["value"]});
        let cluster = format!("httproute/llm/llm/rule/{index}");
        route(header, &cluster, &rule["timeouts"]["request"], &set)
    });
    let policy = manifest("client-traffic-policy");
    let removed = policy["spec"]["headers"]["earlyRequestHeaders"]["remove"].as_array().unwrap();
    let mutations: Vec<_> = removed.iter().map(|name| json!({"remove": name})).collect();
    let policy = manifest("envoy-extension-policy");
    let spec = &policy["spec"]["wasm"][0];
    let mut rollout = spec["config"].clone();
    change_fields(&mut rollout, change);
    let name = "envoyextensionpolicy/llm/verdigris/wasm/0";
    let more = json!({"vm_id": name, "fail_open": spec["failOpen"]});
    Written {
        routes: routes.collect(),
        early: json!([{
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": {"@type": MUTATION, "mutations": mutations},
        }]),
        wasm: wasm(name, &spec["rootID"], spec["env"]["hostKeys"].clone(), &rollout, more),
        clusters: [1, 0].map(|index| format!("httproute/llm/llm/rule/{index}")),
    }
}

/// The resource that ECDS sends.
fn ecds(wasm: &Value) -> String {
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "verdigris",
        "typed_config": wasm,
    });
    json!({"resources": [resource]}).to_string()
}

fn write(plane: Plane, change: &Value) -> Written {
    match plane {
        Plane::Istio => istio(change),
        Plane::EnvoyGateway => envoy_gateway(change),
    }
}

/// Starts Envoy with what a control plane writes from the manifests, with these fields of the plugin
/// configuration changed.
fn start(plane: Plane, change: &Value) -> Envoy {
    let Written { routes, early, wasm, clusters } = write(plane, change);
    let filter = match plane {
        Plane::Istio => json!({
            "name": "verdigris",
            "config_discovery": {
                "config_source": {"path_config_source": {
                    "path": "config/filter.yaml", "watched_directory": {"path": "config"},
                }},
                "type_urls": [WASM],
            },
        }),
        Plane::EnvoyGateway => json!({"name": "verdigris", "typed_config": wasm, "disabled": true}),
    };
    let mut routes = routes;
    if plane == Plane::EnvoyGateway {
        for route in &mut routes {
            route["typed_per_filter_config"] =
                json!({"verdigris": {"@type": FILTER_CONFIG, "config": {}}});
        }
    }
    let virtual_host = json!({
        "name": "llm", "domains": [HOST, format!("{HOST}:*")], "routes": routes,
    });
    let manager = json!({
        "@type": MANAGER,
        "stat_prefix": "llm",
        "early_header_mutation_extensions": early,
        "route_config": {"name": "llm", "virtual_hosts": [virtual_host]},
        "http_filters": [filter, {"name": "router", "typed_config": {"@type": ROUTER}}],
    });
    let listener = json!({
        "name": "llm",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
        }]}],
    });
    let edit = |bootstrap: String, upstreams: &[Upstream; 3]| {
        let (before, rest) = bootstrap.split_at(release_listener_offset(&bootstrap));
        let (_, rest) = rest.split_once("  # Gets a copy").unwrap();
        let (_, clusters_text) = rest.split_once("  clusters:\n").unwrap();
        let mut bootstrap = format!("{before}  - {listener}\n  clusters:\n{clusters_text}");
        for (name, upstream) in clusters.iter().zip(upstreams) {
            let address = json!({"address": "127.0.0.1", "port_value": upstream.port});
            let endpoint = json!({"endpoint": {"address": {"socket_address": address}}});
            let cluster = json!({
                "name": name,
                "type": "STATIC",
                "load_assignment": {
                    "cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}],
                },
            });
            bootstrap.push_str(&format!("  - {cluster}\n"));
        }
        // The shipped clusters' internal listeners do not exist here.
        without_internal_clusters(&bootstrap)
    };
    let filter = ecds(&wasm);
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        token: Some(TOKEN),
        edit_bootstrap: &edit,
        ..Setup::default()
    })
}

/// The bootstrap without the clusters of shadow and failover.
fn without_internal_clusters(bootstrap: &str) -> String {
    let (head, clusters) = bootstrap.split_once("  clusters:\n").unwrap();
    let mut kept = format!("{head}  clusters:\n");
    for cluster in clusters.split("\n  - ") {
        let cluster = cluster.strip_prefix("  - ").unwrap_or(cluster);
        if !cluster.starts_with("name: verdigris-")
            && !cluster.starts_with("name: llm-green-failover")
        {
            kept.push_str(&format!("  - {}\n", cluster.trim_end()));
        }
    }
    kept
}

fn at_host(request: Request) -> Request {
    request.header("host", HOST)
}

fn cluster(version: &str) -> String {
    format!("llm-{version}")
}

fn half(green: u32) -> Value {
    json!({"weights": {"blue": 100 - green, "green": green}})
}

#[test]
fn users_are_split_and_no_client_chooses() {
    for plane in PLANES {
        let mut envoy = start(plane, &half(50));
        for user in 0..30 {
            let user = format!("user-{user}");
            let version = if is_green(user.as_bytes(), 50, 50) { "green" } else { "blue" };
            for values in SPOOFED {
                let request = spoofing(at_host(Request::from_user(&user)), values);
                let answer = envoy.send(&request);
                let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
                assert_eq!(got, (200, cluster(version).as_str(), version), "{plane:?} {values:?}");
            }
        }
        let answer = envoy.send(&at_host(Request::anonymous()));
        assert_eq!(answer.cluster, "llm-blue");
    }
}

#[test]
fn a_prompt_is_released() {
    for plane in PLANES {
        let mut change = half(100);
        change["versions"] = json!({"blue": {}, "green": {"request": after_routing::request()}});
        let mut envoy = start(plane, &change);
        let answer = envoy.send(&at_host(json_post(CHAT, r#"{"model":"now","messages":[]}"#)));
        let got = (answer.status, answer.cluster.as_str());
        assert_eq!(got, (200, "llm-green"), "{plane:?}");
        let patched: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(patched["model"], "next");
        assert_eq!(patched["messages"][0]["content"], "Be brief.");
    }
}

/// Sends a command to the console's path.
fn command(envoy: &Envoy, name: &str, command: &Value) {
    let url = format!("{}/verdigris/{name}?rollout={ROLLOUT}", envoy.url);
    let request = envoy.unpooled_client.post(url).header("host", HOST).bearer_auth(TOKEN);
    let answer = request.header("x-verdigris-command", command.to_string()).send().unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
}

#[test]
fn weights_change_during_a_stream_that_is_not_cut() {
    PLANES.into_iter().for_each(|plane| change_weights_during_a_stream(plane, Duration::ZERO));
}

/// Longer than the drain time that cuts streams in Envoy Gateway by default.
#[test]
#[ignore = "takes 90 s a control plane: make gateways"]
fn weights_change_during_a_stream_of_90_seconds() {
    PLANES.into_iter().for_each(|plane| change_weights_during_a_stream(plane, STREAM));
}

const STREAM: Duration = Duration::from_secs(90);

/// The weights change by a command, and in Istio by a push too. A stream that began before continues,
/// for `at_least` this time.
fn change_weights_during_a_stream(plane: Plane, at_least: Duration) {
    let mut envoy = start(plane, &half(100));
    envoy.upstreams.iter().for_each(Upstream::hold_streams);
    let held = || envoy.send_to("/hold", &at_host(Request::from_user("ada"))).unwrap();
    let mut streams = vec![held()];
    let began = Instant::now();
    let weights = json!({"reason": "as asked", "weights": {"blue": 1, "green": 0}});
    command(&envoy, "weights", &weights);
    wait_for("all workers to apply the command", || {
        let send = |_| {
            let request = envoy.unpooled_client.get(&envoy.url).header("host", HOST);
            let answer = request.header("x-user-id", "ada").send().unwrap();
            answer.text().unwrap().contains("\"cluster\":\"llm-blue\"")
        };
        (0..24).all(send).then_some(())
    });
    if plane == Plane::Istio {
        streams.push(envoy.send_to("/hold", &at_host(Request::from_user("bob"))).unwrap());
        envoy.write_filter(&ecds(&write(plane, &half(80)).wasm)).unwrap();
        let answer = envoy.send(&at_host(Request::from_user("ada")));
        assert_eq!(answer.status, 200);
    }
    wait_for("the stream to have lasted", || (began.elapsed() >= at_least).then_some(()));
    envoy.upstreams.iter().for_each(Upstream::release_streams);
    for mut stream in streams {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.ends_with(LAST_EVENT), "{plane:?}: {text}");
    }
}

#[test]
fn the_page_is_served_at_its_path() {
    for plane in PLANES {
        let envoy = start(plane, &half(5));
        let get =
            |path: &str| envoy.client.get(format!("{}{path}", envoy.url)).header("host", HOST);
        assert_eq!(get("/verdigris/").send().unwrap().status(), 401);
        let page = get("/verdigris/").bearer_auth(TOKEN).send().unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().unwrap().contains(ROLLOUT));
        let state = get("/verdigris/state.json").bearer_auth(TOKEN).send().unwrap();
        let view: View = serde_json::from_slice(&state.bytes().unwrap()).unwrap();
        assert_eq!((view.rollouts.len(), view.rollouts[0].green_bp), (1, 500), "{plane:?}");
    }
}

#[test]
fn a_bad_green_is_rolled_back() {
    for plane in PLANES {
        let mut change = json!({"weights": null, "ramp": {
            "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}],
            "tripwires": [{"metric": "error_rate", "limit": 0.2, "window": "10s", "minimum": 20}],
        }});
        change["answers"] = json!({"paths": [{"prefix": "/model/", "format": "chat"}]});
        let envoy = start(plane, &change);
        set_models(&envoy, [GOOD_MODEL, Model { fails_one_in: 1, ..GOOD_MODEL }]);
        let phase = format!("wasmcustom.verdigris.{ROLLOUT}.phase");
        let mut user = 0;
        wait_at_most(RAMP_TIMEOUT, "the rollback", || {
            user += 1;
            let request = envoy.client.post(format!("{}/model/completions", envoy.url));
            let request = request.header("host", HOST).header("x-user-id", format!("user-{user}"));
            let _ = request.send().unwrap().bytes();
            let is_due = user % 20 == 0;
            (is_due && envoy.read_stat(&phase) == Some(ROLLED_BACK)).then_some(())
        });
        wait_for("all users on blue", || {
            let request = envoy.unpooled_client.get(&envoy.url).header("host", HOST);
            let answer = request.header("x-user-id", "ada").send().unwrap();
            answer.text().unwrap().contains("\"cluster\":\"llm-blue\"").then_some(())
        });
        assert!(envoy.read_stat(&counter("green", "errors")).unwrap() > 0, "{plane:?}");
    }
}

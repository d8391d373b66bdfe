//! The Envoy configuration that Envoy AI Gateway and Envoy Gateway write from the objects in
//! `docs/how-to/llm-gateways.md`.
//!
//! No control plane runs here. What is written, from which field, by the sources of Envoy AI
//! Gateway 1.1.0 (`internal/extensionserver/post_translate_modify.go`,
//! `internal/controller/ai_gateway_route.go`) and of Envoy Gateway 1.9.0 (`internal/gatewayapi`,
//! `internal/xds/translator`), both of August 2026:
//!
//! | Envoy | object | written by |
//! |---|---|---|
//! | `ext_proc/aigateway` before all Wasm filters, disabled | any `AIGatewayRoute` | `insertAIGatewayExtProcFilter` |
//! | the Wasm filter, disabled | `EnvoyExtensionPolicy.spec.wasm[]` | Envoy Gateway |
//! | routes by path, number of headers, order of rules | `AIGatewayRoute.spec.rules[].matches[]`, `HTTPRoute.spec.rules[]` | `newHTTPRoute`, `sort.go` |
//! | a last route that answers 404 | none | `newHTTPRoute`, `route-not-found` |
//! | `typed_per_filter_config` of each route | the policy's `targetRefs`; `ext_proc/aigateway` on the routes of an `AIGatewayRoute` | Envoy Gateway; `enableRouterLevelAIGatewayExtProcOnRoute` |
//! | clusters `httproute/llm/llm/rule/0` with `per_route_rule_backend_name` in the endpoint's metadata | `rules[].backendRefs[]` | `maybeModifyCluster` |
//! | `ext_proc/aigateway`, `header_mutation` and `upstream_codec` of a cluster | any of `backendRefs[]` | `maybeModifyCluster` |
//! | `per_connection_buffer_limit_bytes` of the listener | `ClientTrafficPolicy.spec.connection.bufferLimit` | Envoy Gateway |
//! | `early_header_mutation_extensions` | `ClientTrafficPolicy.spec.headers.earlyRequestHeaders.remove` | Envoy Gateway |
//! | `ai-gateway-extproc-uds` | none | `PostTranslateModify` |
//!
//! The module is in a file here, and comes from Envoy Gateway by HTTP there. Routes are static.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::super::control_planes::{FILTER_CONFIG, MANAGER, MUTATION, ROUTER, text, wasm};
use super::translation::{Backend, Schema};
use crate::artifacts;
use crate::documents::page;

pub const HOST: &str = "llm.example.com";

/// The attribute in which the second filter names the backend.
pub const BACKEND_ATTRIBUTE: &str = "xds.upstream_host_metadata.filter_metadata['aigateway.envoy.io']['per_route_rule_backend_name']";
/// The namespace of the gateway's dynamic metadata.
pub const METADATA: &str = "io.envoy.ai_gateway";

const EXT_PROC: &str =
    "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor";
const EXT_PROC_NAME: &str = "envoy.filters.http.ext_proc/aigateway";
const EXT_PROC_CLUSTER: &str = "ai-gateway-extproc-uds";
const WASM_NAME: &str = "envoy.filters.http.wasm/envoyextensionpolicy/llm/verdigris/wasm/0";
const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Kubernetes objects.
pub struct Objects(Vec<Value>);

// === impl Objects ===

impl Objects {
    /// The objects of the guide.
    pub fn of_guide() -> Self {
        let guide = page("how-to/llm-gateways.md");
        let (_, section) = guide.split_once("## Envoy AI Gateway\n").unwrap();
        let blocks: Vec<_> = section.split("```yaml\n").skip(1).collect();
        let blocks = blocks.iter().map(|block| block.split_once("```").unwrap().0);
        let script =
            "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";
        let mut python = Command::new(artifacts::python())
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let yaml = blocks.collect::<Vec<_>>().join("---\n");
        python.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn find(&self, kind: &str, name: &str) -> &Value {
        let mut objects = self.0.iter();
        let found = objects.find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("the guide has no {kind} {name}"))
    }

    pub fn get_mut(&mut self, kind: &str, name: &str) -> &mut Value {
        let mut objects = self.0.iter_mut();
        let found = objects.find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("the guide has no {kind} {name}"))
    }

    /// The plugin configuration.
    pub fn rollout_mut(&mut self) -> &mut Value {
        &mut self.get_mut("EnvoyExtensionPolicy", "verdigris")["spec"]["wasm"][0]["config"]
    }

    fn rules(&self) -> &[Value] {
        self.find("AIGatewayRoute", "llm")["spec"]["rules"].as_array().unwrap()
    }

    pub fn has_costs(&self) -> bool {
        self.find("AIGatewayRoute", "llm")["spec"]["llmRequestCosts"].is_array()
    }

    /// The backends of the external processor's configuration.
    pub fn backends(&self) -> BTreeMap<String, Backend> {
        let rules = self.rules().iter().enumerate();
        let backends = rules.map(|(index, rule)| {
            let reference = &rule["backendRefs"][0];
            let object = self.find("AIServiceBackend", text(&reference["name"]));
            let backend = Backend {
                schema: Schema::from_name(text(&object["spec"]["schema"]["name"])),
                model_name_override: reference["modelNameOverride"].as_str().map(str::to_owned),
            };
            (backend_name(index, reference), backend)
        });
        backends.collect()
    }

    fn wasm_filter(&self) -> Value {
        let spec = &self.find("EnvoyExtensionPolicy", "verdigris")["spec"]["wasm"][0];
        let name = "envoyextensionpolicy/llm/verdigris/wasm/0";
        let more = json!({"vm_id": name, "fail_open": spec["failOpen"]});
        let keys = spec["env"]["hostKeys"].clone();
        let config = wasm(name, &spec["rootID"], keys, &spec["config"], more);
        json!({"name": WASM_NAME, "disabled": true, "typed_config": config})
    }

    /// Whether the policy's targets have this route.
    fn has_wasm(&self, route: &str) -> bool {
        let policy = self.find("EnvoyExtensionPolicy", "verdigris");
        let targets = policy["spec"]["targetRefs"].as_array().unwrap();
        targets.iter().any(|it| it["kind"] == "HTTPRoute" && it["name"] == route)
    }

    /// The routes in the order of `sort.go`: longer paths, then more headers, then the order of rules.
    fn routes(&self) -> Vec<Value> {
        let mut rules: Vec<_> = self.rules().iter().enumerate().collect();
        rules.sort_by_key(|(_, rule)| {
            std::cmp::Reverse(rule["matches"][0]["headers"].as_array().unwrap().len())
        });
        let mut routes = vec![self.console_route()];
        routes.extend(rules.into_iter().map(|(index, rule)| self.model_route(index, rule)));
        let last = json!({
            "name": format!("httproute/llm/llm/rule/{}/match/0", self.rules().len()),
            "match": {"prefix": "/"},
            "direct_response": {
                "status": 404, "body": {"inline_string": "No matching route found."},
            },
        });
        routes.push(self.of_model_route(last));
        routes
    }

    fn console_route(&self) -> Value {
        let spec = &self.find("HTTPRoute", "llm-console")["spec"];
        assert_eq!(spec["hostnames"], json!([HOST]));
        let rule = &spec["rules"][0];
        let filter = text(&rule["filters"][0]["extensionRef"]["name"]);
        let filter = self.find("HTTPRouteFilter", filter);
        let mut route = json!({
            "name": "httproute/llm/llm-console/rule/0/match/0",
            "match": {"path_separated_prefix": rule["matches"][0]["path"]["value"]},
            "direct_response": {"status": filter["spec"]["directResponse"]["statusCode"]},
        });
        if self.has_wasm("llm-console") {
            route["typed_per_filter_config"] = json!({WASM_NAME: enabled()});
        }
        route
    }

    fn model_route(&self, index: usize, rule: &Value) -> Value {
        let headers = rule["matches"][0]["headers"].as_array().unwrap().iter();
        let headers =
            headers.map(|it| json!({"name": it["name"], "string_match": {"exact": it["value"]}}));
        let timeout = rule.pointer("/timeouts/request").cloned().unwrap_or_else(|| json!("60s"));
        self.of_model_route(json!({
            "name": format!("httproute/llm/llm/rule/{index}/match/0"),
            "match": {"prefix": "/", "headers": headers.collect::<Vec<_>>()},
            "route": {
                "cluster": cluster_name(index),
                "timeout": timeout,
                "auto_host_rewrite": true,
                "upgrade_configs": [{"upgrade_type": "websocket"}],
            },
        }))
    }

    /// A route that is made of the `AIGatewayRoute`, with its metadata and filters.
    fn of_model_route(&self, mut route: Value) -> Value {
        let resource = json!({
            "kind": "HTTPRoute", "namespace": "llm", "name": "llm",
            "annotations": {"ai-gateway-generated": "true"},
        });
        route["metadata"] = json!({"filter_metadata": {
            "envoy-gateway": {"resources": [resource]},
            "aigateway.envoy.io": {"aigw_route_name": "llm/llm"},
        }});
        route["typed_per_filter_config"] = json!({EXT_PROC_NAME: enabled()});
        if self.has_wasm("llm") {
            route["typed_per_filter_config"][WASM_NAME] = enabled();
        }
        route
    }

    /// The listener, under the name that the tests look for.
    pub fn listener(&self) -> Value {
        let traffic = &self.find("ClientTrafficPolicy", "verdigris")["spec"];
        let removed = traffic["headers"]["earlyRequestHeaders"]["remove"].as_array().unwrap();
        let mutations: Vec<_> = removed.iter().map(|name| json!({"remove": name})).collect();
        assert_eq!(traffic["connection"]["bufferLimit"], "50Mi");
        assert_eq!(self.find("AIGatewayRoute", "llm")["spec"]["hostnames"], json!([HOST]));
        let virtual_host = json!({
            "name": "llm", "domains": [HOST, format!("{HOST}:*")], "routes": self.routes(),
        });
        let manager = json!({
            "@type": MANAGER,
            "stat_prefix": "http-10080",
            "use_remote_address": true,
            "normalize_path": true,
            "server_header_transformation": "PASS_THROUGH",
            "scheme_header_transformation": {"match_upstream": true},
            "early_header_mutation_extensions": [{
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {"@type": MUTATION, "mutations": mutations},
            }],
            "route_config": {"name": "http-10080", "virtual_hosts": [virtual_host]},
            "http_filters": [
                {"name": EXT_PROC_NAME, "disabled": true, "typed_config": listener_processor()},
                self.wasm_filter(),
                {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}},
            ],
        });
        json!({
            "name": "llm",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "per_connection_buffer_limit_bytes": 50 << 20,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
            }]}],
        })
    }

    /// The clusters of all rules, with the ports of their backends, and that of the processor.
    pub fn clusters(&self, port: impl Fn(&str) -> u16, socket: &Path) -> Vec<Value> {
        let rules = self.rules().iter().enumerate();
        let mut clusters: Vec<_> = rules
            .map(|(index, rule)| {
                let reference = &rule["backendRefs"][0];
                model_cluster(index, reference, port(text(&reference["name"])))
            })
            .collect();
        clusters.push(processor_cluster(socket));
        clusters
    }
}

fn enabled() -> Value {
    json!({"@type": FILTER_CONFIG, "config": {}})
}

fn cluster_name(rule: usize) -> String {
    format!("httproute/llm/llm/rule/{rule}")
}

/// `PerRouteRuleRefBackendName`.
fn backend_name(rule: usize, reference: &Value) -> String {
    format!("llm/{}/route/llm/rule/{rule}/ref/0", text(&reference["name"]))
}

/// The first filter.
fn listener_processor() -> Value {
    json!({
        "@type": EXT_PROC,
        "grpc_service": {"envoy_grpc": {"cluster_name": EXT_PROC_CLUSTER}},
        "metadata_options": {"receiving_namespaces": {"untyped": [METADATA]}},
        "processing_mode": {
            "request_header_mode": "SEND",
            "request_body_mode": "BUFFERED",
            "request_trailer_mode": "SKIP",
            "response_header_mode": "SEND",
            "response_body_mode": "BUFFERED",
            "response_trailer_mode": "SKIP",
        },
        "message_timeout": "10s",
        "allow_mode_override": true,
    })
}

/// The second filter.
fn cluster_processor() -> Value {
    json!({
        "@type": EXT_PROC,
        "grpc_service": {
            "envoy_grpc": {"cluster_name": EXT_PROC_CLUSTER}, "timeout": "30s",
        },
        "metadata_options": {"receiving_namespaces": {"untyped": [METADATA]}},
        "request_attributes": [
            BACKEND_ATTRIBUTE,
            "xds.cluster_metadata.filter_metadata['aigateway.envoy.io']['per_route_rule_backend_name']",
            "xds.upstream_host_metadata.filter_metadata['aigateway.envoy.io']['upstream_host']",
            "xds.route_metadata.filter_metadata['aigateway.envoy.io']['aigw_route_name']",
        ],
        "processing_mode": {
            "request_header_mode": "SEND",
            "request_body_mode": "NONE",
            "response_header_mode": "SKIP",
            "response_body_mode": "NONE",
        },
        "message_timeout": "10s",
        "allow_mode_override": true,
    })
}

fn model_cluster(rule: usize, reference: &Value, port: u16) -> Value {
    let name = cluster_name(rule);
    let address = json!({"address": "127.0.0.1", "port_value": port});
    let backend = json!({"per_route_rule_backend_name": backend_name(rule, reference)});
    let endpoint = json!({
        "endpoint": {"address": {"socket_address": address}},
        "metadata": {"filter_metadata": {"aigateway.envoy.io": backend}},
    });
    let length = json!({
        "header": {
            "key": "content-length", "value": format!("%DYNAMIC_METADATA({METADATA}:content_length)%"),
        },
        "append_action": "ADD_IF_ABSENT",
    });
    let filters = json!([
        {"name": EXT_PROC_NAME, "typed_config": cluster_processor()},
        {"name": "envoy.filters.http.header_mutation", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": [{"append": length}]},
        }},
        {"name": "envoy.filters.http.upstream_codec", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        }},
    ]);
    json!({
        "name": name,
        "type": "STATIC",
        "per_connection_buffer_limit_bytes": 32768,
        "load_assignment": {
            "cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "typed_extension_protocol_options": {OPTIONS: {
            "@type": format!("type.googleapis.com/{OPTIONS}"),
            "explicit_http_config": {"http_protocol_options": {}},
            "http_filters": filters,
        }},
    })
}

fn processor_cluster(socket: &Path) -> Value {
    let endpoint = json!({"endpoint": {"address": {"pipe": {"path": socket}}}});
    let http2 =
        json!({"initial_connection_window_size": 1_048_576, "initial_stream_window_size": 65_536});
    json!({
        "name": EXT_PROC_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "10s",
        "per_connection_buffer_limit_bytes": 52_428_800,
        "load_assignment": {
            "cluster_name": EXT_PROC_CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "typed_extension_protocol_options": {OPTIONS: {
            "@type": format!("type.googleapis.com/{OPTIONS}"),
            "explicit_http_config": {"http2_protocol_options": http2},
        }},
    })
}

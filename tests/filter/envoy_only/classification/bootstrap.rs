//! The shipped bootstrap with the additions that the rows need: HTTP/3, upgrades, timeouts,
//! limits and failing clusters. The header `x-route` selects them for a request.

use super::client::http3::Certificate;
use crate::envoy::upstream::Upstream;

/// The access log with one line for each row.
pub const LOG: &str = "cases.log";

/// The file with the injected resource usage, from 0 to 1, which can overload Envoy.
pub const PRESSURE: &str = "pressure";

const OVERLOAD: &str = r#"
  refresh_interval: 0.1s
  actions:
  - name: envoy.overload_actions.stop_accepting_requests
    triggers: [{name: envoy.resource_monitors.injected_resource, threshold: {value: 0.9}}]
"#;

const MONITOR: &str = r#"
  - name: envoy.resource_monitors.injected_resource
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig
      filename: ./pressure
"#;

/// Variants of green's cluster.
const CLUSTERS: &str = r#"
  - name: green-http2
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {allow_connect: true}}
    load_assignment: {cluster_name: green-http2, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: GREEN}}}}]}]}
  - name: green-gone
    type: STATIC
    connect_timeout: 1s
    load_assignment: {cluster_name: green-gone, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}
  - name: green-empty
    type: STATIC
    connect_timeout: 1s
    load_assignment: {cluster_name: green-empty}
  - name: green-full
    type: STATIC
    connect_timeout: 1s
    circuit_breakers: {thresholds: [{max_requests: 0, max_connections: 0, max_pending_requests: 0}]}
    load_assignment: {cluster_name: green-full, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: GREEN}}}}]}]}
  - name: green-dropping
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: green-dropping
      # Envoy handles 100 % differently.
      policy: {drop_overloads: [{category: drop_overload, drop_percentage: {numerator: 999999, denominator: MILLION}}]}
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: GREEN}}}}]}]
  - name: green-dropping-all
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: green-dropping-all
      policy: {drop_overloads: [{category: drop_overload, drop_percentage: {numerator: 100}}]}
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: GREEN}}}}]}]
  - name: authz
    type: STATIC
    connect_timeout: 1s
    load_assignment: {cluster_name: authz, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: AUTHZ}}}}]}]}
"#;

/// The value of `x-route`, the route, and the filter that the route enables.
const ROUTES: [(&str, &str, &str); 22] = [
    ("http2", "{cluster: green-http2, timeout: 0s}", ""),
    ("gone", "{cluster: green-gone, timeout: 0s}", ""),
    ("empty", "{cluster: green-empty, timeout: 0s}", ""),
    ("unknown", "{cluster_header: x-nowhere, timeout: 0s}", ""),
    ("full", "{cluster: green-full, timeout: 0s}", ""),
    ("dropping", "{cluster: green-dropping, timeout: 0s}", ""),
    ("dropping-all", "{cluster: green-dropping-all, timeout: 0s}", ""),
    ("timeout", "{cluster: llm-green, timeout: 1s}", ""),
    ("idle", "{cluster: llm-green, timeout: 0s, idle_timeout: 1s}", ""),
    (
        "longest",
        "{cluster: llm-green, timeout: 0s, max_stream_duration: {max_stream_duration: 1s}}",
        "",
    ),
    (
        "per-try",
        "{cluster: llm-green, timeout: 0s, retry_policy: {retry_on: 'reset,5xx', num_retries: 1, per_try_timeout: 1s}}",
        "",
    ),
    (
        "per-try-idle",
        "{cluster: llm-green, timeout: 0s, retry_policy: {retry_on: 'reset', num_retries: 0, per_try_idle_timeout: 1s}}",
        "",
    ),
    (
        "retry",
        "{cluster: llm-green, timeout: 0s, retry_policy: {retry_on: '5xx,reset,retriable-4xx', num_retries: 1}}",
        "",
    ),
    (
        "retry-http2",
        "{cluster: green-http2, timeout: 0s, retry_policy: {retry_on: '5xx,reset,unavailable', num_retries: 1}}",
        "",
    ),
    ("limited", "{cluster: llm-green, timeout: 0s}", "limit"),
    ("limited-503", "{cluster: llm-green, timeout: 0s}", "limit-503"),
    ("limited-grpc", "{cluster: green-http2, timeout: 0s}", "limit-grpc"),
    ("denied-before", "{cluster: llm-green, timeout: 0s}", "authz-before"),
    ("denied-gone", "{cluster: llm-green, timeout: 0s}", "authz-gone"),
    ("denied", "{cluster: llm-green, timeout: 0s}", "authz"),
    ("grpc-web", "{cluster: green-http2, timeout: 0s}", "grpc-web"),
    ("cors", "{cluster: llm-green, timeout: 0s}", "cors"),
];

const FILTERS: &str = r#"
          - name: limit
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {max_tokens: 1, tokens_per_fill: 1, fill_interval: 86400s}
              filter_enabled: {default_value: {numerator: 100}}
              filter_enforced: {default_value: {numerator: 100}}
          - name: limit-503
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit_503
              status: {code: ServiceUnavailable}
              token_bucket: {max_tokens: 1, tokens_per_fill: 1, fill_interval: 86400s}
              filter_enabled: {default_value: {numerator: 100}}
              filter_enforced: {default_value: {numerator: 100}}
          - name: authz
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              http_service: {server_uri: {uri: "http://authz", cluster: authz, timeout: 1s}}
          - name: authz-gone
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              http_service: {server_uri: {uri: "http://authz", cluster: green-gone, timeout: 1s}}
          - name: limit-grpc
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit_grpc
              token_bucket: {max_tokens: 1, tokens_per_fill: 1, fill_interval: 86400s}
              filter_enabled: {default_value: {numerator: 100}}
              filter_enforced: {default_value: {numerator: 100}}
              rate_limited_as_resource_exhausted: true
          - name: grpc-web
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb
          - name: cors
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors
"#;

/// A filter that runs before the release's filter and hides refused requests from it.
const FILTERS_BEFORE: &str = r#"
          - name: authz-before
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              http_service: {server_uri: {uri: "http://authz", cluster: authz, timeout: 1s}}
"#;

const ACCESS_LOG: &str = r#"
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: cases.log
              log_format:
                text_format_source:
                  inline_string: "%REQ(x-case)%\t%RESPONSE_CODE%\t%RESPONSE_FLAGS%\t%RESPONSE_CODE_DETAILS%\t%GRPC_STATUS_NUMBER%\n"
"#;

/// Adds everything above to the shipped bootstrap.
pub fn edit(
    shipped: &str,
    upstreams: &[Upstream; 3],
    green: u16,
    authz: u16,
    certificate: &Certificate,
) -> String {
    let insert_before = |text: &str, anchor: &str, insertion: &str| {
        let at = text.find(anchor).unwrap_or_else(|| panic!("{anchor}"));
        format!("{}{}{}", &text[..at], insertion.trim_start_matches('\n'), &text[at..])
    };
    let green_port = format!("port_value: {}}}", upstreams[1].port);
    let changed = shipped.replace(&green_port, &format!("port_value: {green}}}"));
    let changed = insert_before(&changed, "  resource_monitors:", OVERLOAD);
    let changed = insert_before(&changed, "  - name: envoy.resource_monitors.", MONITOR);
    let (begin, end) =
        (changed.find("  - name: llm\n").unwrap(), changed.find("  # Gets a copy of").unwrap());
    let shipped_upgrades = "          upgrade_configs: [{upgrade_type: websocket}]\n";
    let llm = changed[begin..end].replace(shipped_upgrades, "");
    let llm = insert_before(&llm, "              # Requests that the filter marks", &routes());
    let llm = insert_before(&llm, "          - name: envoy.filters.http.router", FILTERS);
    let llm = insert_before(&llm, "          - name: verdigris", FILTERS_BEFORE);
    let llm = insert_before(&llm, "          - name: envoy.access_loggers.stdout", ACCESS_LOG);
    let llm = insert_before(
        &llm,
        "          # Before anything else",
        "          upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: example}]\n          \
         http2_protocol_options: {allow_connect: true}\n          \
         delayed_close_timeout: 0.1s\n",
    );
    let quic = llm
        .replace("- name: llm\n", "- name: llm-http3\n")
        .replace(
            "{socket_address: {address: 127.0.0.1, port_value: 0}}",
            "{socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 0}}\n    \
             udp_listener_config: {quic_options: {}}",
        )
        .replace("    - filters:\n", &format!("{}      filters:\n", tls(certificate)))
        .replace("stat_prefix: llm\n", "stat_prefix: llm-http3\n          codec_type: HTTP3\n")
        .replace("http2_protocol_options", "http3_protocol_options")
        .replace("{allow_connect: true}", "{allow_extended_connect: true}");
    let clusters =
        CLUSTERS.replace("GREEN", &green.to_string()).replace("AUTHZ", &authz.to_string());
    format!("{}{llm}{quic}{}{clusters}", &changed[..begin], &changed[end..])
}

fn routes() -> String {
    let route = |(name, route, filter): &(&str, &str, &str)| {
        let filters = match *filter {
            "" => String::new(),
            "cors" => r#"
                typed_per_filter_config:
                  cors:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                    allow_origin_string_match: [{prefix: "http"}]
                    allow_methods: POST"#
                .to_owned(),
            filter => format!(
                r#"
                typed_per_filter_config:
                  {filter}: {{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {{}}}}"#
            ),
        };
        format!(
            r#"
              - match: {{prefix: /, headers: [{{name: x-route, string_match: {{exact: {name}}}}}]}}
                route: {route}{filters}"#
        )
    };
    ROUTES.iter().map(route).collect::<String>() + "\n"
}

fn tls(certificate: &Certificate) -> String {
    let text = |pem: &str| serde_json::Value::from(pem).to_string();
    format!(
        r#"    - transport_socket:
          name: envoy.transport_sockets.quic
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport
            downstream_tls_context:
              common_tls_context:
                tls_certificates:
                - certificate_chain: {{inline_string: {}}}
                  private_key: {{inline_string: {}}}
"#,
        text(&certificate.certificate),
        text(&certificate.key),
    )
}

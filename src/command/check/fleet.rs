//! Checks that Envoy's bootstrap has what `fleet` needs, the store's cluster and a node id, and that tripwires
//! see what other Envoys have answered.

use std::rc::Rc;
use std::time::Duration;

use super::bootstrap::Bootstrap;
use super::clusters;
use super::envoy::{Envoy, Scope};
use super::findings::Findings;
use super::plugin::ParsedPlugin;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::{Config, FleetConfig, FleetStoreConfig};

const FIELD: &str = "fleet.cluster";
/// The node id of the shipped bootstrap.
const SHIPPED_NODE_ID: &str = "envoy";
/// The key of a cluster's protocol in `typed_extension_protocol_options`.
const PROTOCOL: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/// An Envoy writes its responses to the store once an interval, and the deciding instance reads them once an interval.
const WINDOW_INTERVALS: u32 = 2;
/// The `connect_timeout` of a cluster in Envoy.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks a rollout's fleet.
pub fn check(
    envoy: &Envoy<'_>,
    bootstrap: &Bootstrap,
    plugin: &ParsedPlugin<'_>,
    findings: &mut Findings,
) {
    let Some(config) = plugin.release() else { return };
    let Some(fleet) = &config.fleet else { return };
    findings.warnings.extend(short_window(plugin, config, fleet));
    let name = fleet.cluster.as_str();
    let fix = format!(
        "without the store, the ramp does not begin; add a cluster with the endpoints of {}",
        fleet.store.name()
    );
    plugin.check_cluster(bootstrap, FIELD, name, &fix, findings);
    for scope in &envoy.scopes {
        if let Some(cluster) = clusters::find(*scope, name) {
            findings.warnings.extend(match &fleet.store {
                FleetStoreConfig::Etcd { .. } => other_protocol(*scope, cluster, name)
                    .or_else(|| no_keepalive(*scope, cluster, name)),
                FleetStoreConfig::Kubernetes { .. } => no_tls(*scope, cluster, name),
            });
            findings.warnings.extend(long_connect_timeout(*scope, cluster, fleet));
        }
        findings.warnings.extend(shared_node_id(*scope, fleet));
    }
}

/// A response that is older than the window when the fleet reads it is not in it.
fn short_window(
    plugin: &ParsedPlugin<'_>,
    config: &Config,
    fleet: &FleetConfig,
) -> Option<Finding> {
    let tripwires = config.ramp.iter().flat_map(|it| &it.tripwires);
    let shortest = tripwires.min_by_key(|it| it.window_s)?;
    let needed = fleet.interval * WINDOW_INTERVALS;
    let window = Duration::from_secs(shortest.window_s);
    if window >= needed {
        return None;
    }
    let fix = format!(
        "ramp.tripwires has a window of {} s, for {}, which is shorter than two intervals, so the fleet \
         sees in it only a part of what other Envoys have answered: write an interval of at most {} s, or \
         a window of at least {} s",
        window.as_secs(),
        shortest.metric.as_str(),
        (window / WINDOW_INTERVALS).as_secs_f64(),
        needed.as_secs_f64().ceil()
    );
    let value = format!("{:?}", fleet.interval);
    Some(plugin.finding_at_field("fleet.interval", &value, fix))
}

/// The options of a cluster's protocol.
fn protocol(cluster: &YamlNode) -> Option<&Rc<YamlNode>> {
    cluster.get("typed_extension_protocol_options")?.get(PROTOCOL)
}

/// etcd's API is gRPC, which needs HTTP/2. Envoy's default is HTTP/1.1.
fn other_protocol(scope: Scope<'_>, cluster: &YamlNode, name: &str) -> Option<Finding> {
    let protocol = protocol(cluster);
    let explicit = protocol.and_then(|it| it.get("explicit_http_config"));
    let is_http2 = explicit.is_some_and(|it| it.get("http2_protocol_options").is_some())
        // By ALPN, etcd selects HTTP/2.
        || protocol.is_some_and(|it| it.get("auto_config").is_some())
        || cluster.get("http2_protocol_options").is_some();
    if is_http2 {
        return None;
    }
    let fix = format!(
        "does not speak HTTP/2, which etcd's gRPC API needs, so every call to the store fails: write \
         typed_extension_protocol_options: {{{PROTOCOL}: {{\"@type\": \
         type.googleapis.com/{PROTOCOL}, explicit_http_config: {{http2_protocol_options: {{}}}}}}}}"
    );
    let at = explicit.or(protocol).map_or(cluster, |it| &**it);
    Some(scope.finding(at, "explicit_http_config", Some(name), fix))
}

/// A call that times out ends its stream, and not the HTTP/2 connection.
fn no_keepalive(scope: Scope<'_>, cluster: &YamlNode, name: &str) -> Option<Finding> {
    const HTTP2: &str = "http2_protocol_options";
    let of_protocol = protocol(cluster).and_then(|it| {
        it.get("explicit_http_config").or_else(|| it.get("auto_config"))?.get(HTTP2)
    });
    let http2 = of_protocol.or_else(|| cluster.get(HTTP2));
    if http2.is_some_and(|it| it.get("connection_keepalive").is_some()) {
        return None;
    }
    let fix = "has no keepalive, so after a connection has died without notice, calls to the store fail until \
               TCP gives it up, up to a quarter of an hour: write http2_protocol_options: \
               {connection_keepalive: {interval: 5s, timeout: 2s}}";
    let at = http2.map_or(cluster, |it| &**it);
    Some(scope.finding(at, "connection_keepalive", Some(name), fix.to_owned()))
}

/// The API server speaks TLS alone.
fn no_tls(scope: Scope<'_>, cluster: &YamlNode, name: &str) -> Option<Finding> {
    if cluster.get("transport_socket").is_some()
        || cluster.get("transport_socket_matches").is_some()
    {
        return None;
    }
    let fix = "does not speak TLS, which the Kubernetes API needs, so every call to the store fails: \
               write a transport_socket with the API's certificate authority";
    Some(scope.finding(cluster, "transport_socket", Some(name), fix.to_owned()))
}

/// A call must not end before Envoy has tried another endpoint of the store.
fn long_connect_timeout(
    scope: Scope<'_>,
    cluster: &YamlNode,
    fleet: &FleetConfig,
) -> Option<Finding> {
    let call_timeout = fleet.call_timeout();
    let node = cluster.get("connect_timeout");
    let configured = node.and_then(|it| it.text());
    if node.is_none() && DEFAULT_CONNECT_TIMEOUT < call_timeout {
        return None;
    }
    let seconds = configured.and_then(|it| it.strip_suffix('s')?.parse().ok());
    let connect_timeout = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
    if connect_timeout.is_some_and(|it| it < call_timeout) {
        return None;
    }
    let what = if node.is_some() { "this is" } else { "the default, 5 s, is" };
    let fix = format!(
        "{what} not shorter than a call to the store may take, {} s, so a call ends before Envoy has \
         noticed that {} is unreachable: write 1s",
        call_timeout.as_secs_f64(),
        match &fleet.store {
            FleetStoreConfig::Etcd { .. } => "a member of etcd",
            FleetStoreConfig::Kubernetes { .. } => "an API server",
        }
    );
    let at = node.map_or(cluster, |it| &**it);
    Some(scope.finding(at, "connect_timeout", configured.or(Some("missing")), fix))
}

/// Two Envoys with one name have one row on the page, and one name in the log of decisions.
fn shared_node_id(scope: Scope<'_>, fleet: &FleetConfig) -> Option<Finding> {
    let root = &scope.document.root;
    let is_bootstrap = root.get("static_resources").is_some() || root.get("node").is_some();
    if fleet.instance.is_some() || !is_bootstrap {
        return None;
    }
    let node = root.at(&["node", "id"]);
    let id = node.and_then(YamlNode::text).filter(|it| !it.is_empty());
    if id.is_some_and(|it| it != SHIPPED_NODE_ID) {
        return None;
    }
    let fix = "is the name of this Envoy in its fleet, and each Envoy needs its own: write the host's \
               name, or give it to each Envoy with --service-node, which cannot be checked here";
    let at = node.unwrap_or(root);
    Some(scope.finding(at, "node.id", id.or(Some("missing")), fix))
}

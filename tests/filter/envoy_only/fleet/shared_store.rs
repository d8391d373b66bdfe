//! The stores that the Envoys of a test share a ramp through.

use serde_json::{Value, json};

use crate::etcd_server::Etcd;
use crate::kube_server::KubeServer;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// etcd, with so many members.
    Etcd(usize),
    /// The Kubernetes API.
    Kubernetes,
}

/// A store.
pub enum SharedStore {
    Etcd(Etcd),
    Kubernetes(KubeServer),
}

impl Kind {
    /// The section `fleet` for it.
    pub fn fleet(self) -> Value {
        match self {
            Self::Etcd(_) => json!({"store": "etcd", "cluster": "etcd"}),
            // A second, so that the tests do not wait for the default of five.
            Self::Kubernetes => json!({
                "store": "kubernetes", "cluster": "kubernetes", "namespace": "gateways",
                "interval": "1s",
            }),
        }
    }

    pub fn start(self) -> SharedStore {
        match self {
            Self::Etcd(members) => SharedStore::Etcd(Etcd::start_cluster(members, &[])),
            Self::Kubernetes => SharedStore::Kubernetes(KubeServer::start()),
        }
    }
}

impl SharedStore {
    /// The cluster of Envoy's bootstrap, as the documents have it.
    pub fn cluster(&self) -> String {
        match self {
            Self::Etcd(etcd) => {
                let ports: Vec<u16> = (0..etcd.size()).map(|member| etcd.port(member)).collect();
                etcd_cluster(&ports)
            }
            Self::Kubernetes(server) => server.cluster(),
        }
    }

    /// Answers nothing any more.
    pub fn go_away(&mut self) {
        match self {
            Self::Etcd(etcd) => etcd.kill_all(),
            Self::Kubernetes(server) => server.go_away(),
        }
    }

    /// Answers again.
    pub fn come_back(&mut self) {
        match self {
            Self::Etcd(etcd) => etcd.restart(),
            Self::Kubernetes(server) => server.come_back(),
        }
    }

    /// Loses everything.
    pub fn wipe(&mut self) {
        match self {
            Self::Etcd(etcd) => etcd.wipe(),
            Self::Kubernetes(server) => server.wipe(),
        }
    }

    /// Whether something is in force.
    pub fn has_state(&self) -> bool {
        match self {
            Self::Etcd(etcd) => etcd.get("/verdigris/assistant-v8/in_force").is_some(),
            Self::Kubernetes(server) => server.has("verdigris-assistant-v8-rollout"),
        }
    }

    /// Kills a member of etcd.
    pub fn kill_member(&mut self, member: usize) {
        match self {
            Self::Etcd(etcd) => etcd.kill(member),
            Self::Kubernetes(_) => panic!("one API server"),
        }
    }
}

/// The cluster of etcd, as docs/how-to/fleet.md has it.
fn etcd_cluster(ports: &[u16]) -> String {
    let mut yaml = String::from(
        "  - name: etcd\n    type: STATIC\n    connect_timeout: 1s\n    \
         typed_extension_protocol_options:\n      \
         envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n        \
         \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n        \
         explicit_http_config: {http2_protocol_options: {}}\n    load_assignment:\n      \
         cluster_name: etcd\n      endpoints:\n      - lb_endpoints:\n",
    );
    for port in ports {
        yaml += &format!(
            "        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}\n"
        );
    }
    yaml
}

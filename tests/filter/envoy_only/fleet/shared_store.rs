//! The stores that the Envoys of a test share a ramp through.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::etcd_server::Etcd;
use crate::faulty_grpc::{Fault, FaultyGrpc};
use crate::kube_server::{ApiFault, KubeServer};

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// etcd, with so many members.
    Etcd(usize),
    /// etcd behind a proxy that fails.
    FaultyEtcd,
    /// The Kubernetes API.
    Kubernetes,
}

/// A store.
pub enum SharedStore {
    Etcd(Etcd),
    FaultyEtcd(Etcd, FaultyGrpc),
    Kubernetes(KubeServer),
}

impl Kind {
    /// The section `fleet` for it.
    pub fn fleet(self) -> Value {
        match self {
            Self::Etcd(_) | Self::FaultyEtcd => json!({"store": "etcd", "cluster": "etcd"}),
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
            Self::FaultyEtcd => {
                let etcd = Etcd::start();
                let proxy = FaultyGrpc::before(etcd.port(0));
                SharedStore::FaultyEtcd(etcd, proxy)
            }
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
            Self::FaultyEtcd(_, proxy) => etcd_cluster(&[proxy.port]),
            Self::Kubernetes(server) => server.cluster(),
        }
    }

    /// Answers nothing any more.
    pub fn go_away(&mut self) {
        match self {
            Self::Etcd(etcd) | Self::FaultyEtcd(etcd, _) => etcd.kill_all(),
            Self::Kubernetes(server) => server.go_away(),
        }
    }

    /// Answers again.
    pub fn come_back(&mut self) {
        match self {
            Self::Etcd(etcd) | Self::FaultyEtcd(etcd, _) => etcd.restart(),
            Self::Kubernetes(server) => server.come_back(),
        }
    }

    /// Loses everything.
    pub fn wipe(&mut self) {
        match self {
            Self::Etcd(etcd) | Self::FaultyEtcd(etcd, _) => etcd.wipe(),
            Self::Kubernetes(server) => server.wipe(),
        }
    }

    /// Whether something is in force.
    pub fn has_state(&self) -> bool {
        match self {
            Self::Etcd(etcd) | Self::FaultyEtcd(etcd, _) => {
                etcd.get("/verdigris/assistant-v8/in_force").is_some()
            }
            Self::Kubernetes(server) => server.has("verdigris-assistant-v8-rollout"),
        }
    }

    /// Kills a member of etcd.
    pub fn kill_member(&mut self, member: usize) {
        match self {
            Self::Etcd(etcd) | Self::FaultyEtcd(etcd, _) => etcd.kill(member),
            Self::Kubernetes(_) => panic!("one API server"),
        }
    }

    /// Grows with each write.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Etcd(etcd) | Self::FaultyEtcd(etcd, _) => etcd.revision(),
            Self::Kubernetes(server) => server.revision(),
        }
    }

    /// Has four of ten calls meet a fault from now on, as the seed has it.
    pub fn set_random_faults(&self, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        match self {
            Self::Etcd(_) => panic!("only a store behind a proxy has faults"),
            Self::FaultyEtcd(_, proxy) => proxy.set_faults(move |path| {
                if !rng.random_bool(0.4) {
                    return None;
                }
                // A watch is a stream: it is refused.
                let is_watch = path.ends_with("/Watch");
                let fault = FAULTS[rng.random_range(0..FAULTS.len())];
                Some(if is_watch { Fault::RefuseWith(14) } else { fault })
            }),
            Self::Kubernetes(server) => server.set_faults(move |_| {
                rng.random_bool(0.4).then(|| API_FAULTS[rng.random_range(0..API_FAULTS.len())])
            }),
        }
    }

    /// Has no call meet a fault from now on.
    pub fn end_faults(&self) {
        match self {
            Self::Etcd(_) => {}
            Self::FaultyEtcd(_, proxy) => proxy.set_faults(|_| None),
            Self::Kubernetes(server) => server.set_faults(|_| None),
        }
    }

    /// How many calls have met a fault since the last time.
    pub fn take_fault_count(&self) -> usize {
        match self {
            Self::Etcd(_) => 0,
            Self::FaultyEtcd(_, proxy) => {
                proxy.take_calls().iter().filter(|(_, fault)| fault.is_some()).count()
            }
            Self::Kubernetes(server) => {
                server.take_calls().iter().filter(|it| it.fault.is_some()).count()
            }
        }
    }
}

const FAULTS: [Fault; 12] = [
    Fault::LoseRequest,
    Fault::LoseAnswer,
    Fault::Repeat,
    Fault::RefuseWith(7),
    Fault::RefuseWith(8),
    Fault::RefuseWith(14),
    Fault::FailAfterwardsWith(13),
    Fault::FailAfterwardsWith(14),
    Fault::HttpStatus(503),
    Fault::Page,
    Fault::CutAnswer(500),
    Fault::Delay(Duration::from_millis(300)),
];

const API_FAULTS: [ApiFault; 10] = [
    ApiFault::LoseRequest,
    ApiFault::LoseAnswer,
    ApiFault::CutAnswer(500),
    ApiFault::Status(401),
    ApiFault::Status(403),
    ApiFault::Status(409),
    ApiFault::Status(500),
    ApiFault::TooMany(1),
    ApiFault::Page(200),
    ApiFault::Delay(Duration::from_millis(300)),
];

/// The cluster of etcd, as docs/how-to/fleet.md has it.
pub fn etcd_cluster(ports: &[u16]) -> String {
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

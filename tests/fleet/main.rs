//! One rollout across many Envoys, natively: instances, their store, and a network that fails. Those
//! in [`etcd_live`] start a real etcd, which `make tools` installs.

mod cost;
mod decisions;
mod etcd_answers;
mod etcd_faults;
mod etcd_live;
#[path = "../support/etcd.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod etcd_server;
mod etcd_watch;
mod faulty_api;
#[path = "../support/faulty_grpc.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod faulty_grpc;
mod faulty_store;
mod fleet;
#[path = "../support/grpc_client.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod grpc_client;
mod interleavings;
#[path = "../support/kube_api.rs"]
mod kube_api;
mod kubernetes_answers;
mod kubernetes_objects;
mod leader_memory;
mod model;
mod moving;
mod network;
#[path = "../support/pending_once.rs"]
mod pending_once;
#[path = "../support/port.rs"]
mod port;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod process;
mod scenarios;
mod scripted_calls;
mod store_call;
#[path = "../support/tcp_gate.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod tcp_gate;
mod test_store;
mod workers;

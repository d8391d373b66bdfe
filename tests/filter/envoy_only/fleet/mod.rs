//! Several real Envoys that share a ramp through a real etcd, or through the Kubernetes API.

/// Runs scenarios on each kind of store.
macro_rules! on_each_store {
    ($($scenario:ident),+ $(,)?) => {
        mod on_etcd {
            $(
                #[test]
                fn $scenario() {
                    super::$scenario($crate::envoy_only::fleet::shared_store::Kind::Etcd(1));
                }
            )+
        }

        mod on_kubernetes {
            $(
                #[test]
                fn $scenario() {
                    super::$scenario($crate::envoy_only::fleet::shared_store::Kind::Kubernetes);
                }
            )+
        }
    };
}

mod any_envoy;
mod changes;
mod cost;
mod failures;
mod gateways;
mod kubernetes;
mod schedules;
mod shared_store;
mod steering;
mod store_failures;
mod store_refusals;
mod whole_ramps;

use crate::envoy::Envoy;
use crate::proxy::{Proxy as _, Request};

/// Sends requests, each of which must be answered, and asserts that no VM has trapped.
fn assert_requests_flow(envoy: &mut Envoy) {
    for user in ["ada", "grace", "edsger"] {
        let answer = envoy.send(&Request::from_user(user));
        assert_eq!(answer.status, 200, "{}", envoy.log());
    }
    let log = envoy.log();
    assert!(!log.contains("panicked") && !log.contains("Uncaught RuntimeError"), "{log}");
    let reloads = envoy.read_stat("wasm.verdigris.vm_reload_success").unwrap_or_default();
    assert_eq!(reloads, 0, "{log}");
}

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

mod failures;
mod gateways;
mod kubernetes;
mod shared_store;
mod steering;
mod store_failures;
mod whole_ramps;

//! The store of a fleet, of any kind, as this VM reaches it.

use std::rc::Rc;

use super::callout::Callouts;
use super::callout::grpc::GrpcCluster;
use super::callout::http::HttpCluster;
use super::callout::streams::StreamCluster;
use crate::config::{FleetConfig, FleetStoreConfig};
use crate::fleet::etcd::{EtcdStore, WatchStream};
use crate::fleet::kubernetes::KubernetesStore;
use crate::fleet::{
    FleetRecord, FleetStore, Folder, FoundRecord, Revision, StoreError, Transaction,
};

/// The store of a fleet.
pub enum StoreOfFleet {
    /// etcd, with the stream of its watch.
    Etcd(EtcdStore<GrpcCluster>, WatchStream<StreamCluster>),
    /// The Kubernetes API.
    Kubernetes(KubernetesStore<HttpCluster>),
}

/// The name of the API server in every Kubernetes cluster.
const API_SERVER: &str = "kubernetes.default.svc";

// === impl StoreOfFleet ===

impl StoreOfFleet {
    /// The store of a rollout's fleet. Nothing is called yet.
    pub fn new(config: &FleetConfig, rollout: &str, callouts: &Rc<Callouts>) -> Self {
        let (cluster, timeout) = (config.cluster.as_str(), config.call_timeout());
        let callouts = || Rc::clone(callouts);
        match &config.store {
            FleetStoreConfig::Etcd { prefix } => {
                let calls = GrpcCluster::new(callouts(), cluster, timeout);
                let watch = WatchStream::new(StreamCluster::new(callouts(), cluster));
                Self::Etcd(EtcdStore::new(calls, prefix, rollout), watch)
            }
            FleetStoreConfig::Kubernetes { namespace } => {
                let calls = HttpCluster::new(callouts(), cluster, API_SERVER, timeout);
                Self::Kubernetes(KubernetesStore::new(calls, namespace, rollout))
            }
        }
    }

    /// Keeps the watch open, where the store has one.
    ///
    /// # Errors
    /// Why it has ended. A later call opens it again.
    pub fn drive_watch(&self, now_ms: u64) -> Result<(), String> {
        match self {
            Self::Etcd(store, watch) => watch.drive(store.watch(), now_ms),
            Self::Kubernetes(_) => Ok(()),
        }
    }

    /// Closes the watch, while another VM talks to the store.
    pub fn close_watch(&self) {
        if let Self::Etcd(store, watch) = self {
            watch.rest(store.watch());
        }
    }
}

impl FleetStore for StoreOfFleet {
    async fn read(&self, record: &FleetRecord) -> Result<Option<FoundRecord>, StoreError> {
        match self {
            Self::Etcd(store, _) => store.read(record).await,
            Self::Kubernetes(store) => store.read(record).await,
        }
    }

    async fn list_each(
        &self,
        folder: Folder,
        after: Revision,
        each: &mut impl FnMut(FleetRecord, FoundRecord),
    ) -> Result<Revision, StoreError> {
        match self {
            Self::Etcd(store, _) => store.list_each(folder, after, each).await,
            Self::Kubernetes(store) => store.list_each(folder, after, each).await,
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision, StoreError> {
        match self {
            Self::Etcd(store, _) => store.commit(transaction).await,
            Self::Kubernetes(store) => store.commit(transaction).await,
        }
    }

    fn orders_writes(&self) -> bool {
        match self {
            Self::Etcd(store, _) => store.orders_writes(),
            Self::Kubernetes(store) => store.orders_writes(),
        }
    }

    fn take_pause_s(&self) -> Option<u64> {
        match self {
            Self::Etcd(store, _) => store.take_pause_s(),
            Self::Kubernetes(store) => store.take_pause_s(),
        }
    }

    fn take_pushed(&self) -> Option<FoundRecord> {
        match self {
            Self::Etcd(store, _) => store.take_pushed(),
            Self::Kubernetes(store) => store.take_pushed(),
        }
    }

    fn is_pushing(&self) -> bool {
        match self {
            Self::Etcd(store, _) => store.is_pushing(),
            Self::Kubernetes(store) => store.is_pushing(),
        }
    }

    fn take_replacement(&self) -> Option<String> {
        match self {
            Self::Etcd(store, _) => store.take_replacement(),
            Self::Kubernetes(store) => store.take_replacement(),
        }
    }
}

//! Several real Envoys that share a ramp through a real etcd.

mod failures;
mod gateways;
mod steering;
mod store_failures;
mod whole_ramps;

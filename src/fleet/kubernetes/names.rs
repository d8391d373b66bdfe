//! The names, labels and paths of a rollout's objects.
//!
//! The rollout's object is `verdigris-<rollout>-rollout`. The others have that name, a dot, and a suffix,
//! so that no two rollouts share a name: a rollout's has no dot.

use super::super::store::{FleetRecord, Folder, InstanceId, StoreError};

/// The names of one rollout's objects in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    namespace: String,
    rollout: String,
}

/// The label with the rollout's name.
pub const ROLLOUT_LABEL: &str = "verdigris/rollout";
/// The label with the kind of records that an object has.
pub const KIND_LABEL: &str = "verdigris/kind";
/// The annotation with the path of the record that an object has.
pub const RECORD_ANNOTATION: &str = "verdigris/record";
/// The annotation with what is in force.
pub const IN_FORCE_ANNOTATION: &str = "verdigris/in-force";

// === impl Names ===

impl Names {
    /// The names of a rollout's objects in a namespace.
    pub fn new(namespace: &str, rollout: &str) -> Self {
        Self { namespace: namespace.to_owned(), rollout: rollout.to_owned() }
    }

    /// The object with everything that a decision writes.
    pub fn of_rollout(&self) -> String {
        format!("verdigris-{}-rollout", self.rollout)
    }

    /// The object with the keys of the fleet.
    pub fn of_keys(&self) -> String {
        format!("{}.keys", self.of_rollout())
    }

    /// The object with an instance's outbox. The boot, a random number, keeps names apart that differ in
    /// characters that Kubernetes does not allow.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the instance's name is empty or contains a slash.
    pub fn of_outbox(&self, id: &InstanceId) -> Result<String, StoreError> {
        let record = FleetRecord::Outbox(id.clone());
        if FleetRecord::from_path(&record.path()).as_ref() != Some(&record) {
            let message = format!(
                "{} is no record: the instance's name must not be empty or contain a slash",
                record.path()
            );
            return Err(StoreError::Failed(message));
        }
        let allowed =
            |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' };
        let name: String = id.name.chars().take(128).map(allowed).collect();
        Ok(format!("{}{name}-{:016x}", self.start_of(Folder::Outboxes), id.boot))
    }

    /// The object with a full chunk of units. `guard` is the resource version that the decision with the
    /// chunk replaces, and `hash` that of the chunk: two decisions never give one name to two chunks.
    pub fn of_chunk(&self, key: &str, guard: u64, hash: u64) -> String {
        let key = key.trim_start_matches("units.").replace('.', "-");
        format!("{}{key}-{guard}-{hash:016x}", self.start_of(Folder::SeenUnits))
    }

    /// What the names of a folder's objects begin with.
    pub fn start_of(&self, folder: Folder) -> String {
        format!("{}.{}-", self.of_rollout(), folder.path())
    }

    /// The labels of the objects of a kind, with a value that Kubernetes allows: a rollout's name may
    /// begin or end with a dash. So a label alone does not say which rollout it is.
    pub fn labels(&self, kind: &str) -> [(&'static str, String); 2] {
        let rollout = self.rollout.trim_matches('-').to_owned();
        [(ROLLOUT_LABEL, rollout), (KIND_LABEL, kind.to_owned())]
    }

    /// The path of the collection of ConfigMaps.
    pub fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    /// The path of an object.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.collection())
    }

    /// The selector of a folder's objects, as a part of a query.
    pub fn selector(&self, folder: Folder) -> String {
        let [(rollout_label, rollout), (kind_label, kind)] = self.labels(folder.path());
        let encode = |label: &str| label.replace('/', "%2F");
        format!(
            "labelSelector={}%3D{rollout}%2C{}%3D{kind}",
            encode(rollout_label),
            encode(kind_label)
        )
    }
}

/// The key of a record in the rollout's object; `None` for a record that is not in it under a key.
pub fn key_of(record: &FleetRecord) -> Option<String> {
    match record {
        FleetRecord::State
        | FleetRecord::Participants
        | FleetRecord::Differences
        | FleetRecord::SeenUnits { .. } => Some(record.path().replace('/', ".")),
        FleetRecord::InForce | FleetRecord::Keys | FleetRecord::Outbox(_) => None,
    }
}

/// The record with a key.
pub fn record_of(key: &str) -> Option<FleetRecord> {
    let record = FleetRecord::from_path(&key.replace('.', "/"))?;
    (key_of(&record).as_deref() == Some(key)).then_some(record)
}

//! The log of seen units, as it is in the rollout's object and in those of full chunks.

use std::collections::{BTreeMap, BTreeSet};

use super::super::store::{FleetRecord, FoundRecord, Listing};
use super::names::{self, RECORD_ANNOTATION};
use super::object::Object;

/// The chunks in the rollout's object, and those in the objects that it refers to.
///
/// # Errors
/// A message, where an object is not one of those.
pub fn listing(rollout: &Object, objects: &[Object]) -> Result<Listing, String> {
    let revision = rollout.revision()?;
    let mut listing = Listing { records: Vec::new(), revision };
    for key in rollout.binary_data.iter().flat_map(BTreeMap::keys) {
        let Some(record @ FleetRecord::SeenUnits { .. }) = names::record_of(key) else { continue };
        if let Some(value) = rollout.bytes(key)? {
            listing.records.push((record, FoundRecord { value, revision }));
        }
    }
    let referred: BTreeSet<&String> = rollout.data.iter().flat_map(BTreeMap::values).collect();
    for object in objects.iter().filter(|it| referred.contains(&it.metadata.name)) {
        let record = object.annotation(RECORD_ANNOTATION).and_then(FleetRecord::from_path);
        let Some(record @ FleetRecord::SeenUnits { .. }) = record else { continue };
        let value = object.only_record(&record.path())?;
        listing.records.push((record, FoundRecord { value, revision: object.revision()? }));
    }
    Ok(listing)
}

//! The lists of a rollout's objects.

use std::collections::BTreeMap;

use super::super::store::{FleetRecord, Folder, FoundRecord, Listing, StoreError};
use super::answer::Failure;
use super::names::RECORD_ANNOTATION;
use super::object::Object;
use super::page::Page;
use super::store::{KubernetesStore, WHOLE};
use super::units;
use crate::callout::HttpCalls;

// === impl KubernetesStore ===

impl<C: HttpCalls> KubernetesStore<C> {
    /// Passes all objects of a folder to `each`.
    async fn each_object(
        &self,
        folder: Folder,
        mut each: impl FnMut(Object) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let start = self.names.start_of(folder);
        let mut page = Some(Page::first(&self.names, folder));
        while let Some(asked) = page {
            let body = self.call("GET", asked.path(&self.names), WHOLE, Vec::new()).await;
            let (items, next) = body.and_then(|it| asked.read(&it)).map_err(Failure::of_read)?;
            let mut ours = items.into_iter().filter(|it| it.metadata.name.starts_with(&start));
            ours.try_for_each(&mut each)?;
            page = next;
        }
        Ok(())
    }

    /// Passes the outboxes to `each`.
    pub(super) async fn each_outbox(
        &self,
        each: &mut impl FnMut(FleetRecord, FoundRecord),
    ) -> Result<(), StoreError> {
        let mut versions = BTreeMap::new();
        let each_object = self.each_object(Folder::Outboxes, |object| {
            let record = object.annotation(RECORD_ANNOTATION).and_then(FleetRecord::from_path);
            let Some(FleetRecord::Outbox(id)) = record else { return Ok(()) };
            let record = FleetRecord::Outbox(id.clone());
            let value = object.only_record(&record.path()).map_err(StoreError::Failed)?;
            let revision = object.revision().map_err(StoreError::Failed)?;
            versions.insert(id, revision.0);
            each(record, FoundRecord { value, revision });
            Ok(())
        });
        each_object.await?;
        self.outboxes.replace(versions);
        Ok(())
    }

    /// The log of seen units.
    pub(super) async fn list_units(&self) -> Result<Listing, StoreError> {
        let whole = self.whole().await?;
        let mut objects = Vec::new();
        let all = self.each_object(Folder::SeenUnits, |object| {
            objects.push(object);
            Ok(())
        });
        all.await?;
        let names = objects.iter().map(|it| it.metadata.name.clone());
        self.chunks.borrow_mut().on_listed(names.collect());
        let Some(whole) = whole else { return Ok(Listing::default()) };
        units::listing(&whole, &objects).map_err(StoreError::Failed)
    }
}

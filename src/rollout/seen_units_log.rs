//! The log of seen units, as it is stored.
//!
//! It consists of chunks to which each tick appends, so that a chunk is not written again once it
//! is full. A worker that becomes the leader reads all of them.
//!
//! The chunks are written after the state that counts their entries. So they contain nothing of
//! a tick whose state was not committed: its units are not seen yet.
//!
//! The chunks of steps that are forgotten become empty a few at a time, since a store of a fleet bounds
//! the writes of one commit.

use super::spec::RampSpec;
use super::state::{RampState, StoredUnits};
use super::store::{Record, RolloutStore, WriteCondition};
use crate::analysis::UnitFlags;
use crate::assignment::Epoch;

/// How many entries a chunk has.
pub const CHUNK_ENTRIES: usize = 4096;

/// What the leader has to write to the log.
#[derive(Debug, Default)]
pub struct SeenUnitsLog {
    /// The chunk of each epoch that is not full yet.
    open: Vec<OpenChunk>,
    /// Chunks to be written a last time: full ones, and dropped ones, which become empty.
    closed: Vec<ClosedChunk>,
}

/// How many chunks of forgotten steps become empty in a tick.
const MAX_DROPPED: usize = 32;

#[derive(Debug)]
struct OpenChunk {
    epoch: Epoch,
    bytes: Vec<u8>,
    /// How many of the bytes are written.
    written: usize,
}

#[derive(Debug)]
struct ClosedChunk {
    epoch: Epoch,
    chunk: usize,
    bytes: Vec<u8>,
}

// === impl SeenUnitsLog ===

impl SeenUnitsLog {
    /// Reads the log into the evidence of a state. Entries that cannot be read are missing.
    pub async fn load(store: &impl RolloutStore, spec: &RampSpec, state: &mut RampState) -> Self {
        let mut log = Self::default();
        for StoredUnits { epoch, entries } in state.seen_units.clone() {
            let step = state.step_of_epoch(epoch).filter(|_| is_kept(state, epoch));
            let Some(step) = step else { continue };
            let last = entries / CHUNK_ENTRIES;
            for chunk in 0..=last {
                let record = Record::SeenUnits { epoch, chunk };
                let Ok(Some(found)) = store.read(record).await else { continue };
                for flags in UnitFlags::decode_all(step, &found.value) {
                    state.evidence.restore(&spec.analysis, flags);
                }
                if chunk == last {
                    let written = found.value.len();
                    log.open.push(OpenChunk { epoch, bytes: found.value, written });
                }
            }
        }
        log
    }

    /// Appends what the last tick has seen, and drops the units of steps that are forgotten. The
    /// state counts the entries; [`Self::write`] writes them once the state is committed.
    pub fn append(&mut self, state: &mut RampState) {
        for flags in state.evidence.new_flags().to_vec() {
            let epoch = state.epoch_of_step(flags.step);
            let Some(open) = self.open_chunk_mut(epoch) else { continue };
            flags.encode(&mut open.bytes);
            let Some(entries) = count_entry(&mut state.seen_units, epoch) else { continue };
            if entries.is_multiple_of(CHUNK_ENTRIES) {
                let chunk = entries / CHUNK_ENTRIES - 1;
                let bytes = std::mem::take(&mut open.bytes);
                open.written = 0;
                self.closed.push(ClosedChunk { epoch, chunk, bytes });
            }
        }
        self.drop_forgotten(state);
    }

    /// Writes what was appended. Call it once the state is committed.
    ///
    /// A write that fails is repeated in the next tick where the chunk is still open; the units of a full
    /// one are forgotten when the leader changes. An open chunk to which nothing was added is not written.
    pub async fn write(&mut self, store: &impl RolloutStore, state: &RampState) {
        for ClosedChunk { epoch, chunk, bytes } in std::mem::take(&mut self.closed) {
            let record = Record::SeenUnits { epoch, chunk };
            let _ = store.write(record, &bytes, WriteCondition::Always).await;
        }
        for OpenChunk { epoch, bytes, written } in &mut self.open {
            if *written == bytes.len() {
                continue;
            }
            let stored = state.seen_units.iter().find(|it| it.epoch == *epoch);
            let chunk = stored.map_or(0, |it| it.entries) / CHUNK_ENTRIES;
            let record = Record::SeenUnits { epoch: *epoch, chunk };
            if store.write(record, bytes, WriteCondition::Always).await.is_ok() {
                *written = bytes.len();
            }
        }
    }

    /// Whether nothing is left to be written.
    pub fn is_written(&self) -> bool {
        self.closed.is_empty() && self.open.iter().all(|it| it.written == it.bytes.len())
    }

    /// The open chunk of an epoch; added if there is none.
    fn open_chunk_mut(&mut self, epoch: Epoch) -> Option<&mut OpenChunk> {
        if !self.open.iter().any(|it| it.epoch == epoch) {
            self.open.push(OpenChunk { epoch, bytes: Vec::new(), written: 0 });
        }
        self.open.iter_mut().find(|it| it.epoch == epoch)
    }

    /// Drops the units of all steps but the current one and the one before it, a few chunks at a time. What
    /// is left of them stays counted, and is dropped in later ticks.
    fn drop_forgotten(&mut self, state: &mut RampState) {
        let mut budget = MAX_DROPPED;
        let mut kept = Vec::new();
        for StoredUnits { epoch, entries } in std::mem::take(&mut state.seen_units) {
            if is_kept(state, epoch) {
                kept.push(StoredUnits { epoch, entries });
                continue;
            }
            let chunks = entries / CHUNK_ENTRIES + 1;
            let left = chunks.saturating_sub(budget);
            budget -= chunks - left;
            let emptied = |chunk| ClosedChunk { epoch, chunk, bytes: Vec::new() };
            self.closed.extend((left..chunks).map(emptied));
            if left > 0 {
                kept.push(StoredUnits { epoch, entries: left * CHUNK_ENTRIES - 1 });
            }
        }
        state.seen_units = kept;
        self.open.retain(|open| is_kept(state, open.epoch));
    }
}

/// Whether the units of an epoch are kept: it is that of the current step, or of the one before it.
fn is_kept(state: &RampState, epoch: Epoch) -> bool {
    state.step_of_epoch(epoch).is_some_and(|step| state.step.since(step) <= 1)
}

/// Counts one more entry of an epoch. Returns how many there are.
fn count_entry(stored: &mut Vec<StoredUnits>, epoch: Epoch) -> Option<usize> {
    if !stored.iter().any(|it| it.epoch == epoch) {
        stored.push(StoredUnits { epoch, entries: 0 });
    }
    let units = stored.iter_mut().find(|it| it.epoch == epoch)?;
    units.entries += 1;
    Some(units.entries)
}

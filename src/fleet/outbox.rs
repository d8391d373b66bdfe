//! How an instance hands over its evidence, so that each observation counts exactly once.
//!
//! An instance writes what it has gathered to its outbox, and writes it again with more only once a
//! decision has consumed it. Until then the outbox stays as it is, whatever happens to the answer:
//!
//! - Each write is guarded by the revision of the one before it. If a write is repeated, delayed or
//!   duplicated, at most one of them takes effect.
//! - If it is not known whether a write took effect, the outbox is read: it holds the sequence number.
//! - A decision consumes the outboxes of all, and says which ([`Consumed`]). It keeps the sequence number
//!   of each instance, so that an outbox that was restored or was written again counts once too.

use super::consumption::Consumed;
use super::format;
use super::records::{LocalRollback, Outbox};
use super::store::{FleetRecord, FleetStore, InstanceId, Revision, StoreError, Transaction};

/// The outbox of one instance.
#[derive(Debug)]
pub struct OutboxSender {
    record: FleetRecord,
    boot: u64,
    next_sequence: u64,
    /// What is known of the record in the store.
    stored: Stored,
    /// What was or is to be written, until it is consumed.
    pending: Option<Pending>,
}

/// What is known of the outbox in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// It was last written at this revision; `None`: it does not exist.
    At(Option<Revision>),
    /// A write may have taken effect.
    Unknown,
}

#[derive(Debug)]
struct Pending {
    sequence: u64,
    bytes: Vec<u8>,
    /// The revision of the write; `None` until it is known that it took effect.
    written_at: Option<Revision>,
    /// When it was written, on the instance's monotonic clock.
    written_ns: u64,
}

/// What an instance writes beside its sequence number.
#[derive(Clone, Debug, Default)]
pub struct OutboxContent {
    /// The revision of the snapshot that the instance assigns by.
    pub follows: u64,
    /// Green's share that it assigns by, in basis points.
    pub green_bp: u32,
    /// The configuration that it has.
    pub fingerprint: u64,
    /// The rollback that it has made by itself.
    pub rollback: Option<LocalRollback>,
    /// Encoded observations, in the fleet's time.
    pub observations: Vec<u8>,
}

/// After this time without being consumed, an outbox is read again: the store may have lost it.
/// In nanoseconds.
const VERIFY_AFTER_NS: u64 = 15_000_000_000;

// === impl OutboxSender ===

impl OutboxSender {
    /// The outbox of an instance that has not written yet.
    pub fn new(id: &InstanceId) -> Self {
        Self {
            record: FleetRecord::Outbox(id.clone()),
            boot: id.boot,
            next_sequence: 1,
            stored: Stored::At(None),
            pending: None,
        }
    }

    /// Whether there is room for more evidence: the outbox has been consumed.
    pub fn is_free(&self) -> bool {
        self.pending.is_none()
    }

    /// Notes that outboxes have been consumed.
    pub fn on_consumed(&mut self, consumed: &Consumed) {
        let boot = self.boot;
        let is_consumed = |it: &Pending| consumed.contains(boot, it.sequence, it.written_at);
        self.pending.take_if(|it| is_consumed(it));
    }

    /// The store has lost what was written: revisions begin again.
    pub fn on_store_replaced(&mut self) {
        self.stored = Stored::Unknown;
        if let Some(pending) = &mut self.pending {
            pending.written_at = None;
        }
    }

    /// Puts this into the outbox; [`Self::send`] writes it. Call it only if the outbox is free.
    pub fn fill(&mut self, content: OutboxContent) {
        let sequence = self.next_sequence;
        let OutboxContent { follows, green_bp, fingerprint, rollback, observations } = content;
        let outbox = Outbox { sequence, follows, green_bp, fingerprint, rollback, observations };
        let Some(bytes) = format::encode(&outbox) else { return };
        self.next_sequence += 1;
        self.pending = Some(Pending { sequence, bytes, written_at: None, written_ns: 0 });
    }

    /// Writes the outbox, if that is not done yet. `now_ns` is the instance's monotonic clock.
    ///
    /// # Errors
    /// [`StoreError`] where it is not known to be written. The next call finds out, and tries again.
    pub async fn send(&mut self, store: &impl FleetStore, now_ns: u64) -> Result<(), StoreError> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        let is_stale = now_ns.saturating_sub(pending.written_ns) >= VERIFY_AFTER_NS;
        match pending.written_at {
            Some(_) if !is_stale => return Ok(()),
            Some(_) => self.stored = Stored::Unknown,
            None => {}
        }
        let guard = match self.stored {
            Stored::At(guard) => guard,
            Stored::Unknown => {
                let found = store.read(&self.record).await?;
                let revision = found.as_ref().map(|it| it.revision);
                self.stored = Stored::At(revision);
                let sequence = found.and_then(|it| format::decode::<Outbox>(&it.value).ok());
                let is_written = sequence.is_some_and(|it| it.sequence == pending.sequence);
                pending.written_at = revision.filter(|_| is_written);
                if is_written {
                    pending.written_ns = now_ns;
                    return Ok(());
                }
                revision
            }
        };
        self.stored = Stored::Unknown;
        let transaction = Transaction {
            guards: vec![(self.record.clone(), guard)],
            puts: vec![(self.record.clone(), pending.bytes.clone())],
            ..Transaction::default()
        };
        match store.commit(transaction).await {
            Ok(revision) => {
                self.stored = Stored::At(Some(revision));
                (pending.written_at, pending.written_ns) = (Some(revision), now_ns);
                Ok(())
            }
            Err(error) => {
                if matches!(error, StoreError::Failed(_)) {
                    self.stored = Stored::At(guard);
                }
                Err(error)
            }
        }
    }
}

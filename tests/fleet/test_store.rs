//! The stores that a fleet of the tests can have.

use std::rc::Rc;

use verdigris::fleet::{FleetRecord, FleetStore};

use super::network::{Call, Fate, Network};

/// A store whose network loses, delays and repeats what is sent. Clones are the same store.
pub trait TestStore: Clone + Default + 'static {
    /// How one instance reaches it.
    type Client: FleetStore + 'static;
    /// What is sent to it.
    type Sent;
    /// All that it has at one moment.
    type Backup;

    fn client(&self) -> Rc<Self::Client>;

    /// The network before it.
    fn network(&self) -> &Network<Self::Sent>;

    /// A write arrives that was delayed.
    fn arrive_late(&self, sent: Self::Sent);

    /// Draws the fate of each call from now on.
    fn with_fates(&self, fate: impl FnMut(Call) -> Fate + 'static) {
        self.network().fate.replace(Some(Box::new(fate)));
    }

    /// Answers each call from now on.
    fn heal(&self) {
        self.network().fate.take();
        self.network().is_down.set(false);
    }

    /// Answers no call from now on.
    fn go_down(&self) {
        self.network().is_down.set(true);
    }

    /// Lets one delayed write arrive.
    fn deliver_delayed(&self, index: usize) {
        let sent = self.network().take_delayed(index);
        sent.into_iter().for_each(|sent| self.arrive_late(sent));
    }

    /// Loses everything, and begins with the first revision.
    fn wipe(&self);

    /// All that it has now, to be restored later.
    fn backup(&self) -> Self::Backup;

    /// Goes back to a backup.
    fn restore(&self, backup: Self::Backup);

    /// How many calls there were since the last time, and the bytes that were sent and received.
    fn take_calls(&self) -> (u64, u64, u64) {
        self.network().calls.take()
    }

    /// The bytes of a record.
    fn get(&self, record: &FleetRecord) -> Option<Vec<u8>>;

    /// Writes a record, as somebody else does.
    fn put(&self, record: FleetRecord, value: Vec<u8>);
}

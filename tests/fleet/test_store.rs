//! The stores that a fleet of the tests can have.

use std::rc::Rc;

use verdigris::fleet::{FleetRecord, FleetStore};

use super::faulty_store::Fate;

/// A store whose network loses, delays and repeats what is sent. Clones are the same store.
pub trait TestStore: Clone + Default + 'static {
    /// How one instance reaches it.
    type Client: FleetStore + 'static;
    /// All that it has at one moment.
    type Backup;

    fn client(&self) -> Rc<Self::Client>;

    /// Draws the fate of each call from now on.
    fn with_fates(&self, fate: impl FnMut() -> Fate + 'static);

    /// Answers each call from now on.
    fn heal(&self);

    /// Answers no call from now on.
    fn go_down(&self);

    /// Lets one delayed write arrive.
    fn deliver_delayed(&self, index: usize);

    /// Loses everything, and begins with the first revision.
    fn wipe(&self);

    /// All that it has now, to be restored later.
    fn backup(&self) -> Self::Backup;

    /// Goes back to a backup.
    fn restore(&self, backup: Self::Backup);

    /// How many calls there were since the last time, and the bytes that were sent and received.
    fn take_calls(&self) -> (u64, u64, u64);

    /// The bytes of a record.
    fn get(&self, record: &FleetRecord) -> Option<Vec<u8>>;

    /// Writes a record, as somebody else does.
    fn put(&self, record: FleetRecord, value: Vec<u8>);
}

//! The last seconds of one tripwire's metric.
//!
//! Units are put into groups by their hash, and each group has the same weight. So a single
//! client with many requests is one group among others, and the state stays small.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::observation::Observation;
use crate::assignment::Version;

/// The last seconds of one tripwire's metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TripwireWindow {
    slots: VecDeque<WindowSlot>,
    /// Green's units with a bad response. The newest are kept.
    bad_units: VecDeque<BadUnit>,
}

/// One slot of a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct WindowSlot {
    /// Its first second, divided by its length.
    index: u64,
    groups: ByVersion<Vec<GroupSum>>,
}

/// The values of one group in one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct GroupSum {
    count: u32,
    sum: f32,
}

/// A unit with a bad response.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct BadUnit {
    unit: u64,
    last_s: u64,
}

/// A version's value in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct WindowMean {
    /// The number of responses.
    pub responses: u64,
    /// The mean over groups of the mean of each group's values.
    pub mean: f64,
}

/// The number of groups of units.
const GROUPS: u64 = 32;

// === impl TripwireWindow ===

impl TripwireWindow {
    /// A version's value; `None` without responses.
    pub(super) fn mean(&self, version: Version) -> Option<WindowMean> {
        let (mut responses, mut sum, mut groups) = (0, 0.0, 0_u32);
        for group in 0..GROUPS as usize {
            let in_slot = |slot: &WindowSlot| slot.groups.get(version).get(group).copied();
            let (mut count, mut total) = (0_u64, 0.0);
            for it in self.slots.iter().filter_map(in_slot) {
                count += u64::from(it.count);
                total += f64::from(it.sum);
            }
            if count > 0 {
                responses += count;
                sum += total / count as f64;
                groups += 1;
            }
        }
        (groups > 0).then(|| WindowMean { responses, mean: sum / f64::from(groups) })
    }

    /// The number of green's units with a bad response.
    pub(super) fn bad_units(&self) -> usize {
        self.bad_units.len()
    }

    /// Adds a value to the slot with this index.
    pub(super) fn add(&mut self, observation: &Observation, index: u64, value: f64) {
        let at = self.slots.partition_point(|slot| slot.index < index);
        if self.slots.get(at).is_none_or(|slot| slot.index != index) {
            self.slots.insert(at, WindowSlot { index, ..WindowSlot::default() });
        }
        let Some(slot) = self.slots.get_mut(at) else { return };
        let groups = slot.groups.get_mut(observation.version);
        let group = (observation.unit % GROUPS) as usize;
        if groups.len() <= group {
            groups.resize(group + 1, GroupSum::default());
        }
        if let Some(GroupSum { count, sum }) = groups.get_mut(group) {
            *count = count.saturating_add(1);
            *sum += value as f32;
        }
    }

    /// Adds a bad response of a unit of green's. Keeps the newest `max_units` units.
    pub(super) fn add_bad_unit(&mut self, unit: u64, second: u64, max_units: usize) {
        self.bad_units.retain(|it| it.unit != unit);
        self.bad_units.push_back(BadUnit { unit, last_s: second });
        while self.bad_units.len() > max_units {
            self.bad_units.pop_front();
        }
    }

    /// Removes what is older than `window_s` seconds.
    pub(super) fn expire(&mut self, window_s: u64, slot_s: u64, now_s: u64) {
        self.slots.retain(|slot| (slot.index + 1) * slot_s + window_s > now_s);
        self.bad_units.retain(|it| it.last_s.saturating_add(window_s) > now_s);
    }
}

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
    bad_units: VecDeque<WindowUnit>,
    /// Green's units. The newest are kept, as many as a tripwire needs.
    green_units: VecDeque<WindowUnit>,
    /// The second in which the window began.
    began_s: Option<u64>,
    /// Whether it began its whole length ago.
    is_full: bool,
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

/// A unit with a response.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct WindowUnit {
    unit: u64,
    /// The second of its last response.
    last_s: u64,
}

/// A version's value in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct WindowMean {
    /// The number of responses.
    pub responses: u64,
    /// The number of responses in the group that has most.
    pub responses_of_largest: u64,
    /// The mean over groups of the mean of each group's values.
    pub mean: f64,
    /// The variance of the mean, as a fraction of that of a value: values vary alike in each group.
    pub variance_factor: f64,
}

/// The number of groups of units.
const GROUPS: u64 = 32;

// === impl TripwireWindow ===

impl TripwireWindow {
    /// A version's value; `None` without responses.
    pub(super) fn mean(&self, version: Version) -> Option<WindowMean> {
        let (mut responses, mut responses_of_largest) = (0, 0);
        let (mut sum, mut groups, mut inverse_counts) = (0.0, 0_u32, 0.0);
        for group in 0..GROUPS as usize {
            let in_slot = |slot: &WindowSlot| slot.groups.get(version).get(group).copied();
            let (mut count, mut total) = (0_u64, 0.0);
            for it in self.slots.iter().filter_map(in_slot) {
                count += u64::from(it.count);
                total += f64::from(it.sum);
            }
            if count > 0 {
                responses += count;
                responses_of_largest = count.max(responses_of_largest);
                sum += total / count as f64;
                groups += 1;
                inverse_counts += 1.0 / count as f64;
            }
        }
        let mean = sum / f64::from(groups);
        let variance_factor = inverse_counts / f64::from(groups).powi(2);
        (groups > 0).then_some(WindowMean {
            responses,
            responses_of_largest,
            mean,
            variance_factor,
        })
    }

    /// The number of green's units with a bad response, up to [`MAX_MIN_UNITS`](super::tripwire::MAX_MIN_UNITS).
    pub fn bad_units(&self) -> usize {
        self.bad_units.len()
    }

    /// The number of green's units, if it is below the number that is kept.
    pub(super) fn green_units(&self) -> usize {
        self.green_units.len()
    }

    /// Whether the window has seen its whole length.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
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
        add_unit(&mut self.bad_units, unit, second, max_units);
    }

    /// Adds a response of a unit of green's. Keeps the newest `max_units` units.
    pub(super) fn add_green_unit(&mut self, unit: u64, second: u64, max_units: usize) {
        add_unit(&mut self.green_units, unit, second, max_units);
    }

    /// Removes what is older than `window_s` seconds.
    pub(super) fn expire(&mut self, window_s: u64, slot_s: u64, now_s: u64) {
        self.slots.retain(|slot| (slot.index + 1) * slot_s + window_s > now_s);
        for units in [&mut self.bad_units, &mut self.green_units] {
            units.retain(|it| it.last_s.saturating_add(window_s) > now_s);
        }
        let began_s = *self.began_s.get_or_insert(now_s);
        self.is_full = now_s.saturating_sub(began_s) >= window_s;
    }

    /// The seconds in which [`Self::expire`] removes something, or finds that the window is full.
    pub(super) fn expiries_s(&self, window_s: u64, slot_s: u64) -> impl Iterator<Item = u64> {
        let slots = self.slots.iter().map(move |slot| (slot.index + 1) * slot_s);
        let units = self.bad_units.iter().chain(&self.green_units).map(|it| it.last_s);
        slots.chain(units).chain(self.began_s).map(move |it| it.saturating_add(window_s))
    }
}

fn add_unit(units: &mut VecDeque<WindowUnit>, unit: u64, second: u64, max_units: usize) {
    units.retain(|it| it.unit != unit);
    units.push_back(WindowUnit { unit, last_s: second });
    while units.len() > max_units {
        units.pop_front();
    }
}

//! The last seconds of one tripwire's metric.
//!
//! Units are put into groups by their hash, and each group has the same weight. So a single
//! client with many requests is one group among others, and the state stays small.
//!
//! When a step begins, responses that fail at once end before those that succeed, so that the first
//! responses to end are bad ones, however few of all are bad. So for twice its length, a window counts
//! requests that are still open beside the responses that have ended: they are not bad so far.

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
    /// The requests of each group that are open, until the window has settled.
    open: ByVersion<Vec<u32>>,
    /// Whether the window began twice its length ago.
    has_settled: bool,
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
    /// The mean over groups of the mean of each group's values. Of a rate, requests that are counted as
    /// open are among them, as not bad.
    pub mean: f64,
    /// The variance of the mean, as a fraction of that of a value: values vary alike in each group.
    pub variance_factor: f64,
}

/// The number of groups of units.
const GROUPS: u64 = 32;

/// A window has settled after so many times its length.
const SETTLES_AFTER: u64 = 2;

// === impl TripwireWindow ===

impl TripwireWindow {
    /// A version's value; `None` without responses. For a rate, requests that are open count.
    pub(super) fn mean(&self, version: Version, is_rate: bool) -> Option<WindowMean> {
        let (mut responses, mut responses_of_largest) = (0, 0);
        let (mut sum, mut groups, mut inverse_counts) = (0.0, 0_u32, 0.0);
        for group in 0..GROUPS as usize {
            let in_slot = |slot: &WindowSlot| slot.groups.get(version).get(group).copied();
            let (mut count, mut total) = (0_u64, 0.0);
            for it in self.slots.iter().filter_map(in_slot) {
                count += u64::from(it.count);
                total += f64::from(it.sum);
            }
            responses += count;
            responses_of_largest = count.max(responses_of_largest);
            let open = self.open.get(version).get(group).filter(|_| is_rate);
            let requests = count + u64::from(open.copied().unwrap_or_default());
            if requests > 0 {
                sum += total / requests as f64;
                groups += 1;
                inverse_counts += 1.0 / requests as f64;
            }
        }
        let mean = sum / f64::from(groups);
        let variance_factor = inverse_counts / f64::from(groups).powi(2);
        (responses > 0).then_some(WindowMean {
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

    /// Counts the request as open, from its assignment on, or no longer: `has_ended`.
    pub(super) fn count_open(&mut self, observation: &Observation, has_ended: bool) {
        let Observation { is_assignment, version, unit, .. } = *observation;
        if self.has_settled || is_assignment == has_ended {
            return;
        }
        let groups = self.open.get_mut(version);
        let group = (unit % GROUPS) as usize;
        if groups.len() <= group {
            groups.resize(group + 1, 0);
        }
        if let Some(open) = groups.get_mut(group) {
            // Requests that were open when the window began end, too.
            *open = if is_assignment { open.saturating_add(1) } else { open.saturating_sub(1) };
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
        let age_s = now_s.saturating_sub(began_s);
        self.is_full = age_s >= window_s;
        if age_s >= window_s.saturating_mul(SETTLES_AFTER) {
            (self.has_settled, self.open) = (true, ByVersion::default());
        }
    }

    /// The seconds in which [`Self::expire`] removes something, or finds that the window is full or has
    /// settled.
    pub(super) fn expiries_s(&self, window_s: u64, slot_s: u64) -> impl Iterator<Item = u64> {
        let slots = self.slots.iter().map(move |slot| (slot.index + 1) * slot_s);
        let units = self.bad_units.iter().chain(&self.green_units).map(|it| it.last_s);
        let settles =
            self.began_s.map(|it| it.saturating_add(window_s.saturating_mul(SETTLES_AFTER)));
        let others = slots.chain(units).chain(self.began_s);
        others.map(move |it| it.saturating_add(window_s)).chain(settles)
    }
}

fn add_unit(units: &mut VecDeque<WindowUnit>, unit: u64, second: u64, max_units: usize) {
    units.retain(|it| it.unit != unit);
    units.push_back(WindowUnit { unit, last_s: second });
    while units.len() > max_units {
        units.pop_front();
    }
}

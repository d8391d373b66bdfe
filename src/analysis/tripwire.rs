//! Tripwires: limits that roll back at once, looked at over a short time.
//!
//! A tripwire is the operator's word that above a limit nothing needs to be tested. It has no
//! statistical guarantee, and so three guards: it takes a minimum of green's responses, it
//! takes a minimum of units that had a bad one, and it compares: where blue is about as bad,
//! the cause is not green but an incident that hits both.
//!
//! Units are put into groups by their hash, and each group counts alike. So a single client
//! with many requests is one group among the others, and the state stays small.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::metric::{Comparison, Metric};
use super::observation::Observation;
use crate::assignment::Version;

/// A limit on green.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tripwire {
    /// What is limited: a rate's share of responses, or a value's mean.
    pub metric: Metric,
    /// The most that it may be; for a metric of which less is worse, the least.
    pub limit: f64,
    /// How many of green's responses it takes, at least.
    pub min_samples: u64,
    /// How many different units with a bad response it takes, at least: of a rate, with one
    /// that counts, of a value, with any.
    pub min_units: usize,
    /// How many seconds are looked back.
    pub window_s: u64,
    /// Whether green's own number decides, whatever blue's is.
    pub is_absolute: bool,
}

/// What a tripwire sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Green is within the limit, or not enough is known of it.
    Within,
    /// Green is beyond the limit, and blue is not about as bad, or not enough is known of blue.
    Tripped {
        /// Green's number.
        green: f64,
        /// Blue's, if enough is known of it.
        blue: Option<f64>,
    },
    /// Green is beyond the limit, and blue is about as bad.
    Incident {
        /// Green's number.
        green: f64,
        /// Blue's.
        blue: f64,
    },
}

/// The last seconds of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    slots: VecDeque<WindowSlot>,
    /// Units of green's with a bad response, each with the second of the last one. The
    /// newest are kept.
    bad_units: VecDeque<(u64, u64)>,
}

/// A part of a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct WindowSlot {
    /// Its first second, divided by its length.
    number: u64,
    groups: ByVersion<Vec<GroupSum>>,
}

/// The values of one group in one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct GroupSum {
    count: u32,
    sum: f32,
}

/// Into how many slots a window is divided.
const SLOTS: u64 = 10;

/// Into how many groups units are put.
const GROUPS: u64 = 32;

/// The largest minimum of units.
pub const MAX_MIN_UNITS: usize = 16;

/// Blue is about as bad as green where it is at least this part as bad, and
const MIN_RATIO_OF_BLUE: f64 = 0.5;

/// at least this near to the limit: a limit may lie close above what is usual.
const MIN_RATIO_OF_LIMIT: f64 = 0.75;

// === impl Tripwire ===

impl Tripwire {
    /// What it sees.
    pub fn evaluate(&self, window: &Window) -> Reading {
        let (count, green) = window.mean(Version::Green);
        let Some(green) = green.filter(|_| count >= self.min_samples) else {
            return Reading::Within;
        };
        let is_beyond = match self.metric.comparison() {
            Comparison::Lower => green < self.limit,
            _ => green > self.limit,
        };
        if !is_beyond || window.bad_units.len() < self.min_units {
            return Reading::Within;
        }
        let (count, blue) = window.mean(Version::Blue);
        let blue = blue.filter(|_| count >= self.min_samples);
        match blue {
            Some(blue) if !self.is_absolute && self.is_about_as_bad(blue, green) => {
                Reading::Incident { green, blue }
            }
            _ => Reading::Tripped { green, blue },
        }
    }

    /// Notes a response of either version in its window.
    pub fn record(&self, window: &mut Window, observation: &Observation) {
        let told = &observation.measurements;
        // A limit that both versions share says nothing where nothing is compared.
        if self.is_absolute && self.metric == Metric::ErrorRate && told.is_rate_limited() {
            return;
        }
        let is_bad = told.is_bad(self.metric);
        let share = || Some(f64::from(u8::from(is_bad?)));
        let Some(value) = told.value_of(self.metric).or_else(share) else { return };
        let counts = match self.metric.comparison() {
            Comparison::Rate | Comparison::Share => is_bad == Some(true),
            Comparison::Higher | Comparison::Lower | Comparison::Either => true,
        };
        let second = observation.at_ns / SECOND_NS;
        window.add(observation, second / self.slot_s(), value);
        if counts && observation.version == Version::Green {
            window.note_bad(observation.unit, second);
        }
    }

    /// Forgets what is older than the window.
    pub fn expire(&self, window: &mut Window, now_s: u64) {
        let slot_s = self.slot_s();
        let is_kept = |number: u64| (number + 1) * slot_s + self.window_s > now_s;
        window.slots.retain(|slot| is_kept(slot.number));
        window.bad_units.retain(|(_, second)| second.saturating_add(self.window_s) > now_s);
    }

    fn slot_s(&self) -> u64 {
        self.window_s.div_ceil(SLOTS).max(1)
    }

    fn is_about_as_bad(&self, blue: f64, green: f64) -> bool {
        match self.metric.comparison() {
            Comparison::Lower => {
                let least = ((1.0 - green) * MIN_RATIO_OF_BLUE)
                    .max((1.0 - self.limit) * MIN_RATIO_OF_LIMIT);
                1.0 - blue >= least
            }
            _ => blue >= (green * MIN_RATIO_OF_BLUE).max(self.limit * MIN_RATIO_OF_LIMIT),
        }
    }
}

const SECOND_NS: u64 = 1_000_000_000;

// === impl Window ===

impl Window {
    /// How many responses of a version there were, and the mean over its groups of units.
    fn mean(&self, version: Version) -> (u64, Option<f64>) {
        let (mut count, mut sum, mut groups) = (0, 0.0, 0_u32);
        for group in 0..GROUPS as usize {
            let of_slot = |slot: &WindowSlot| slot.groups.get(version).get(group).copied();
            let (mut values, mut total) = (0_u64, 0.0);
            for it in self.slots.iter().filter_map(of_slot) {
                values += u64::from(it.count);
                total += f64::from(it.sum);
            }
            if values > 0 {
                count += values;
                sum += total / values as f64;
                groups += 1;
            }
        }
        (count, (groups > 0).then(|| sum / f64::from(groups)))
    }

    fn add(&mut self, observation: &Observation, number: u64, value: f64) {
        let at = self.slots.partition_point(|slot| slot.number < number);
        if self.slots.get(at).is_none_or(|slot| slot.number != number) {
            self.slots.insert(at, WindowSlot { number, ..WindowSlot::default() });
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

    fn note_bad(&mut self, unit: u64, second: u64) {
        self.bad_units.retain(|(it, _)| *it != unit);
        self.bad_units.push_back((unit, second));
        while self.bad_units.len() > MAX_MIN_UNITS {
            self.bad_units.pop_front();
        }
    }
}

//! Which of several configurations of a rollout decides.
//!
//! While a new configuration is rolled out, some instances have it and some do not. Nothing in a
//! configuration says which one is newer, and clocks are not compared. What is known:
//!
//! - An instance whose configuration changes while it runs has the newer one.
//! - A configuration that has never decided is newer than one that has: it is announced by the first
//!   instance that has it.
//! - A configuration that was replaced is superseded. An instance that has it follows, and decides
//!   only if no other instance does.

use serde::{Deserialize, Serialize};

/// The configuration that decides, and those that it has replaced, each as a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// Grows by one with each change of the configuration that decides.
    pub number: u64,
    /// The configuration that decides.
    pub current: u64,
    /// The newest of those that were replaced, the oldest first.
    superseded: Vec<u64>,
}

/// How an instance's configuration relates to the one that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigStatus {
    /// It is the one that decides.
    Current,
    /// It is newer, and is to replace the one that decides.
    New,
    /// It was replaced.
    Superseded,
}

/// How many replaced configurations are remembered, at ten bytes each in what all instances read. An instance
/// with one that is forgotten would count as newer.
const MAX_SUPERSEDED: usize = 256;

// === impl Generations ===

impl Generations {
    /// The first configuration.
    pub fn new(current: u64) -> Self {
        Self { number: 1, current, superseded: Vec::new() }
    }

    /// The status of a configuration. `has_changed` says whether it has replaced another configuration in
    /// the running instance, and was not announced since.
    pub fn status_of(&self, fingerprint: u64, has_changed: bool) -> ConfigStatus {
        match fingerprint == self.current {
            true => ConfigStatus::Current,
            false if has_changed || !self.superseded.contains(&fingerprint) => ConfigStatus::New,
            false => ConfigStatus::Superseded,
        }
    }

    /// Makes a configuration the one that decides.
    pub fn replace(&mut self, fingerprint: u64) {
        if fingerprint == self.current {
            return;
        }
        self.number += 1;
        let replaced = std::mem::replace(&mut self.current, fingerprint);
        self.superseded.retain(|it| *it != fingerprint && *it != replaced);
        self.superseded.push(replaced);
        if self.superseded.len() > MAX_SUPERSEDED {
            self.superseded.remove(0);
        }
    }
}

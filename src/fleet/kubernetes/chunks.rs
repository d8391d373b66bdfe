//! The objects of full chunks of units, and when they can be deleted.
//!
//! An object whose decision was not committed is left behind, and so is one that a later decision does
//! not refer to any more. Both can be deleted only once no decision that refers to them can still be
//! committed. A decision is committed only if the rollout's object has the version that its chunks' names
//! contain. So what existed before a commit of this instance, and is not referred to after it, can be
//! deleted from then on.

use std::collections::{BTreeMap, BTreeSet};

/// What an instance knows of the objects of full chunks.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    /// The version of the rollout's object, and the object of each chunk by its key.
    referred: Option<(u64, BTreeMap<String, String>)>,
    /// Those that were listed and are not referred to.
    found: BTreeSet<String>,
    /// Those that can be deleted.
    garbage: BTreeSet<String>,
}

// === impl Chunks ===

impl Chunks {
    /// Takes what the rollout's object at a version refers to; `None`: it does not exist.
    pub fn on_read(&mut self, referred: Option<(u64, BTreeMap<String, String>)>) {
        self.referred = referred;
    }

    /// Takes the names of the objects that exist.
    pub fn on_listed(&mut self, names: BTreeSet<String>) {
        self.found = names;
    }

    /// What the rollout's object at a version refers to, if that is known.
    pub fn referred_at(&self, version: u64) -> Option<&BTreeMap<String, String>> {
        self.referred.as_ref().filter(|(known, _)| *known == version).map(|(_, it)| it)
    }

    /// Takes what is referred to after a commit of this instance that has replaced a version. `None`:
    /// it is not known.
    pub fn on_committed(
        &mut self,
        replaced: u64,
        version: u64,
        after: Option<BTreeMap<String, String>>,
    ) {
        let before = self.referred_at(replaced).cloned();
        let found = std::mem::take(&mut self.found);
        let Some(after) = after else {
            self.referred = None;
            return;
        };
        let old = before.unwrap_or_default().into_values().chain(found);
        let names: BTreeSet<&String> = after.values().collect();
        self.garbage.extend(old.filter(|it| !names.contains(it)));
        self.referred = Some((version, after));
    }

    /// Takes the names of some objects that can be deleted.
    pub fn take_garbage(&mut self, most: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(name) = self.garbage.pop_first()
        {
            taken.push(name);
        }
        taken
    }

    /// Keeps the name of an object that was not deleted.
    pub fn keep_garbage(&mut self, name: String) {
        self.garbage.insert(name);
    }
}

//! A pair of values, one for each version.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::assignment::Version;

/// Blue's value and green's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByVersion<T> {
    /// Blue's value.
    pub blue: T,
    /// Green's value.
    pub green: T,
}

// === impl ByVersion ===

impl<T> ByVersion<T> {
    /// The value of this version.
    pub fn get(&self, version: Version) -> &T {
        match version {
            Version::Blue => &self.blue,
            Version::Green => &self.green,
        }
    }

    /// The value of this version, to change it.
    pub fn get_mut(&mut self, version: Version) -> &mut T {
        match version {
            Version::Blue => &mut self.blue,
            Version::Green => &mut self.green,
        }
    }
}

impl<T: Add<Output = T>> Add for ByVersion<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { blue: self.blue + other.blue, green: self.green + other.green }
    }
}

impl<T: AddAssign> AddAssign for ByVersion<T> {
    fn add_assign(&mut self, other: Self) {
        self.blue += other.blue;
        self.green += other.green;
    }
}

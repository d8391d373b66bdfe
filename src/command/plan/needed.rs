//! The traffic that a ramp needs.

use serde::Serialize;

use super::inputs::PlanInputs;
use crate::simulate::{Users, World};

/// The least traffic with which a green like blue completes the ramp nearly always.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct NeededTraffic {
    /// The number of users at the same number of requests; `None` if it is not the users that are
    /// missing.
    pub users: Option<u32>,
    /// Requests per second, each of another user; `None` if more users are enough, or if no traffic
    /// is.
    pub requests_per_second: Option<f64>,
}

/// The share of ramps that a green like blue should complete.
pub(super) const ENOUGH: f64 = 0.9;

/// The largest number of users and of requests per second that advice suggests.
const MAX_USERS: u32 = 1_000_000;
pub(super) const MAX_RPS: f64 = 100_000.0;

// === impl NeededTraffic ===

impl NeededTraffic {
    /// The traffic that the ramp needs; `None` if the given traffic is enough.
    pub fn new(inputs: &PlanInputs<'_>) -> Option<Self> {
        if inputs.completes() >= ENOUGH {
            return None;
        }
        let is_enough = |world: &World| PlanInputs { world, ..*inputs }.completes() >= ENOUGH;
        if let Users::Sticky { count, shape } = inputs.world.users {
            let more = round_numbers().map(|it| it as u32).take_while(|it| *it <= MAX_USERS);
            let users = more.filter(|it| *it as usize > count).find(|users| {
                let users = Users::Sticky { count: *users as usize, shape };
                is_enough(&World { users, ..inputs.world.clone() })
            });
            if users.is_some() {
                return Some(Self { users, ..Self::default() });
            }
        }
        let now = inputs.world.per_second;
        let more = round_numbers().take_while(|it| *it <= MAX_RPS).filter(|it| *it > now);
        let requests_per_second = more.into_iter().find(|rps| {
            let world = World { per_second: *rps, ..inputs.world.clone() };
            is_enough(&World { users: Users::Independent, ..world })
        });
        Some(Self { requests_per_second, ..Self::default() })
    }
}

/// 1, 2, 3, 5, 7, 10, 20, …
fn round_numbers() -> impl Iterator<Item = f64> {
    let powers = std::iter::successors(Some(1.0), |it| Some(it * 10.0));
    powers.flat_map(|power| [1.0, 2.0, 3.0, 5.0, 7.0].map(|digit| digit * power))
}

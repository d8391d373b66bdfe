//! Profiles of a ramp: the defaults of its fields, by the size of the service.

use std::time::Duration;

use serde::Serialize;

use crate::analysis::metric::Comparison;
use crate::analysis::{GateSpec, Metric};

/// The defaults of a ramp's fields. A field that is written wins over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RampProfile {
    /// For hundreds or thousands of users: one step of half of the users, and large tolerances.
    Small,
    /// For tens of thousands of users.
    #[default]
    Default,
    /// For hundreds of thousands of users: more steps, and small tolerances.
    Large,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Below so many users or requests per second, [`RampProfile::Default`] often does not end within a
/// day (`docs/explanation/sizing.md`). The exact numbers are a choice.
const MIN_USERS: f64 = 10_000.0;
const MIN_RPS: f64 = 10.0;

/// From so many users and requests per second on, [`RampProfile::Large`] applies. A choice; with a
/// million users and 200 requests per second it decides (`docs/reference/simulated.md`).
const MIN_USERS_OF_LARGE: f64 = 200_000.0;
const MIN_RPS_OF_LARGE: f64 = 200.0;

// === impl RampProfile ===

impl RampProfile {
    /// All profiles, from the smallest one.
    pub const ALL: [Self; 3] = [Self::Small, Self::Default, Self::Large];

    /// The profile for a service with this traffic. `users` is `None` if each request comes from
    /// another user.
    pub fn for_traffic(users: Option<f64>, requests_per_second: f64) -> Self {
        let users = users.unwrap_or(f64::INFINITY);
        match () {
            () if users < MIN_USERS || requests_per_second < MIN_RPS => Self::Small,
            () if users >= MIN_USERS_OF_LARGE && requests_per_second >= MIN_RPS_OF_LARGE => {
                Self::Large
            }
            () => Self::Default,
        }
    }

    /// The profile's name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Default => "default",
            Self::Large => "large",
        }
    }

    /// Green's shares, in basis points.
    pub fn steps_bp(self) -> &'static [u64] {
        match self {
            Self::Small => &[5_000, 10_000],
            Self::Default => &[100, 500, 2_500, 5_000, 10_000],
            Self::Large => &[100, 500, 1_000, 2_500, 5_000, 10_000],
        }
    }

    /// Whether values are adjusted by default: see [`AnalysisPlan::adjusts`](crate::analysis::AnalysisPlan::adjusts).
    pub fn adjusts(self) -> bool {
        self == Self::Small
    }

    /// How long all units stay on blue before the first step, where values are adjusted and a step
    /// lasts at least `bake`.
    ///
    /// In a third of six hours, a user who sends 5 requests an hour has shown nine tenths of how the
    /// user's values differ from others' (`docs/explanation/sizing.md`).
    pub fn baseline(self, bake: Duration) -> Duration {
        match self {
            Self::Small => bake / 3,
            Self::Default | Self::Large => Duration::ZERO,
        }
    }

    /// The minimum duration of a step.
    ///
    /// Of few users, the first minutes may be lucky: a long time lets luck even out.
    pub fn bake(self) -> Duration {
        match self {
            Self::Small => 6 * HOUR,
            Self::Default => HOUR / 6,
            Self::Large => HOUR / 2,
        }
    }

    /// The duration after which a step is overdue.
    pub fn timeout(self) -> Duration {
        24 * HOUR
    }

    /// The default settings of a gate on `metric`, for steps with these shares of traffic, each
    /// from 0 to 1.
    pub fn gate(self, metric: Metric, shares: &[f64]) -> GateSpec {
        let tolerance = |share: &f64| self.tolerance(metric, *share);
        GateSpec {
            tolerance: shares.iter().map(tolerance).collect(),
            ..GateSpec::with_defaults(metric, shares)
        }
    }

    /// The regression that must be ruled out before the ramp advances from a step with this share,
    /// from 0 to 1.
    fn tolerance(self, metric: Metric, share: f64) -> f64 {
        let default = metric.default_tolerance(share);
        match (self, metric, metric.comparison()) {
            (Self::Default, ..) => default,
            (Self::Small, Metric::Preference, _) => default,
            // Other rates are lower than that of errors in most services, or matter less.
            (Self::Small, Metric::ErrorRate, _) => 1.75,
            (Self::Small, _, Comparison::Rate) => 4.0,
            // Two groups of 100 users differ by much, but not from their own past.
            (Self::Small, _, Comparison::Higher | Comparison::Either) => 0.3,
            (Self::Small, _, Comparison::Quantile) => 1.0,
            (Self::Small, _, Comparison::Lower) => 0.1,
            (Self::Small, _, Comparison::Share) => 0.15,
            // Halfway from the default to the margin.
            (Self::Large, ..) => (default + metric.default_margin()) / 2.0,
        }
    }
}

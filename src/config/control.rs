//! The `control` field of a ramp: what green is compared with.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::raw::ramp::RawControl;
use crate::analysis::StepDesign;
use crate::assignment::Share;
use crate::json::whole_number;

/// What green is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// All of blue.
    All,
    /// As many of blue's units as are newly exposed to green.
    Equal,
    /// A multiple of green's units.
    Ratio(ControlRatio),
}

/// How many of blue's units are compared for each one on green.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ControlRatio(NonZeroU32);

/// Smaller ratios have no meaning, and with a larger one hardly any step leaves units out.
const ALLOWED_RATIOS: RangeInclusive<u64> = 1..=99;

/// Checks the field; `None` if it is invalid.
pub(super) fn check_control(raw: &RawControl, diagnostics: &mut Diagnostics) -> Option<Control> {
    let ratio = match raw {
        RawControl::All => return Some(Control::All),
        RawControl::Equal => return Some(Control::Equal),
        RawControl::Ratio(ratio) => ratio.as_ref(),
    };
    let checked = ratio.and_then(ControlRatio::new);
    if checked.is_none() {
        let fix = "write how many of blue's units are compared for each one on green: a whole number \
                   from 1 to 99, such as 4";
        diagnostics.push(FieldError::new("ramp.control.ratio", &json!(ratio), fix));
    }
    checked.map(Control::Ratio)
}

// === impl Control ===

impl Control {
    /// The designs of the steps with these shares of units on green.
    pub fn step_designs(self, shares: &[f64], has_conversations: bool) -> Vec<StepDesign> {
        let ratio = match self {
            Self::All => f64::INFINITY,
            // All conversations that begin in a step are newly exposed.
            Self::Equal => 1.0,
            Self::Ratio(ControlRatio(ratio)) => ratio.get().into(),
        };
        match (self, has_conversations) {
            (_, true) => StepDesign::for_conversations(shares, ratio),
            (Self::Equal, false) => StepDesign::with_equal_control(shares),
            (Self::All | Self::Ratio(_), false) => StepDesign::with_control_ratio(shares, ratio),
        }
    }

    /// Whether answers of units that are not compared are left unread.
    pub fn reads_compared_only(self) -> bool {
        matches!(self, Self::Ratio(_))
    }
}

// === impl ControlRatio ===

impl ControlRatio {
    fn new(ratio: &Number) -> Option<Self> {
        let ratio = whole_number(ratio).filter(|it| ALLOWED_RATIOS.contains(it))?;
        NonZeroU32::new(u32::try_from(ratio).ok()?).map(Self)
    }

    /// The share of all units that is compared where green has `share` of them: green's, and its
    /// control on blue. Where blue has fewer units than that, all.
    pub fn analysed_share(self, share: Share) -> Share {
        let green_bp = u64::from(share.basis_points());
        let analysed_bp = green_bp * (u64::from(self.0.get()) + 1);
        Share::from_basis_points(analysed_bp).unwrap_or(Share::ALL)
    }
}

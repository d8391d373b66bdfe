//! The rules by which other tools roll back, on the traffic that the gate sees.
//!
//! Each rule is a file, and names its source. Where a tool leaves a number to its operator, the
//! number is the one that suits the world best: see [`PeerSettings`].
//!
//! | file | concept |
//! |---|---|
//! | `minute` | what a metrics system has of one minute |
//! | `peer_rule` | a rule |
//! | `settings` | the thresholds of the rules |
//! | `flagger` | Flagger: thresholds, and a counter of failed checks |
//! | `kayenta` | Kayenta, the judge of Spinnaker: a Mann-Whitney test at the end of a step |
//! | `two_proportions` | a test of two proportions at each minute |
//! | `mean_sequence` | an asymptotic confidence sequence at each minute |

mod flagger;
mod kayenta;
mod mean_sequence;
mod minute;
mod peer_rule;
mod settings;
mod two_proportions;

pub use minute::EndedResponse;
pub(super) use minute::Minute;
pub use settings::PeerSettings;

use flagger::Flagger;
use kayenta::Kayenta;
use mean_sequence::MeanSequence;
use peer_rule::PeerRule;
use two_proportions::TwoProportions;

/// The names of the rules, in the order of [`rules`].
pub const NAMES: [&str; 5] =
    ["Flagger", "Kayenta", "z test", "z test, all looks", "confidence sequence"];

/// All rules.
pub(super) fn rules(settings: PeerSettings) -> [Box<dyn PeerRule>; NAMES.len()] {
    [
        Box::new(Flagger::new(settings)),
        Box::new(Kayenta::default()),
        Box::new(TwoProportions::new(settings, 1)),
        Box::new(TwoProportions::new(settings, settings.minutes_of_step)),
        Box::new(MeanSequence::new(settings)),
    ]
}

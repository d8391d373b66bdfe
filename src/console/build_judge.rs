//! The judge, as the console shows it.

use super::view::{JudgeView, JudgedAnswersView, JudgedPairsView, VersionView};
use crate::analysis::confidence_sequence::share_limits;
use crate::config::JudgeConfig;
use crate::judge::Ledger;

/// The probability that an interval misses the share that it is of, at any look.
const ALPHA: f64 = 0.05;

// === impl JudgeView ===

impl JudgeView {
    /// The view of a judge at a time in milliseconds since 1970. `versions` has the counters.
    pub fn new(
        config: &JudgeConfig,
        ledger: &Ledger,
        versions: &[VersionView],
        unix_ms: u64,
    ) -> Self {
        let of = |version| versions.iter().find(|it| it.version == version);
        let max_cost_microusd = config.max_cost_microusd;
        Self {
            model: config.model.to_string(),
            mode: config.mode.as_str().to_owned(),
            spent_microusd: ledger.spent_microusd(unix_ms),
            max_cost_microusd,
            is_exhausted: max_cost_microusd.is_some_and(|max| ledger.is_exhausted(max, unix_ms)),
            blue: of("blue").map(JudgedAnswersView::new).unwrap_or_default(),
            green: of("green").map(JudgedAnswersView::new).unwrap_or_default(),
            pairs: of("shadow").filter(|_| config.mode.has_pairs()).map(JudgedPairsView::new),
        }
    }
}

// === impl JudgedAnswersView, JudgedPairsView ===

impl JudgedAnswersView {
    fn new(version: &VersionView) -> Self {
        Self {
            judged: counter(version, "judged"),
            unjudged: unjudged(version),
            errors: counter(version, "judge_errors"),
        }
    }
}

impl JudgedPairsView {
    fn new(shadow: &VersionView) -> Self {
        let judged = counter(shadow, "judged");
        let inconsistent = counter(shadow, "judge_inconsistent");
        let (blue, green) = (counter(shadow, "preferred_blue"), counter(shadow, "preferred_green"));
        let interval = share_limits(blue.saturating_add(green), green, ALPHA);
        Self {
            judged,
            unjudged: unjudged(shadow),
            errors: counter(shadow, "judge_errors"),
            preferred_blue: blue,
            preferred_green: green,
            preferred_neither: counter(shadow, "preferred_neither"),
            inconsistent,
            agreement: (judged > 0)
                .then(|| judged.saturating_sub(inconsistent) as f64 / judged as f64),
            green_wins: interval.map(|it| [it.low, it.high]),
        }
    }
}

fn unjudged(version: &VersionView) -> u64 {
    let counters = version.counters.iter().filter(|(name, _)| name.starts_with("unjudged_"));
    counters.map(|(_, count)| *count).fold(0, u64::saturating_add)
}

fn counter(version: &VersionView, name: &str) -> u64 {
    version.counters.iter().find(|(it, _)| it == name).map_or(0, |(_, count)| *count)
}

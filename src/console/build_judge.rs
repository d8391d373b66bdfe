//! The judge, as the console shows it.

use super::view::{JudgeView, JudgedAnswersView, JudgedPairsView, VersionView};
use crate::analysis::confidence_sequence::share_limits;
use crate::config::JudgeConfig;
use crate::judge::Ledger;

/// What a judge has cost.
#[derive(Clone, Copy, Debug)]
pub struct JudgeSpending {
    /// What it has cost in this Envoy.
    pub ledger: Ledger,
    /// How many Envoys share the ceiling, in a fleet.
    pub instances: Option<u32>,
}

/// The probability that an interval misses the share that it is of, at any look.
const ALPHA: f64 = 0.05;

// === impl JudgeView ===

impl JudgeView {
    /// The view of a judge at a time in milliseconds since 1970. `versions` has the counters.
    pub fn new(
        config: &JudgeConfig,
        JudgeSpending { ledger, instances }: JudgeSpending,
        versions: &[VersionView],
        unix_ms: u64,
    ) -> Self {
        let of = |version| versions.iter().find(|it| it.version == version);
        let whole = config.max_cost_microusd;
        let max_cost_microusd =
            whole.map(|it| Ledger::part_of_ceiling(it, instances.unwrap_or_default()));
        Self {
            model: config.model.to_string(),
            mode: config.mode.as_str().to_owned(),
            spent_microusd: ledger.spent_microusd(unix_ms),
            max_cost_microusd,
            fleet_max_cost_microusd: whole.filter(|_| instances.is_some()),
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
            judged: version.counter("judged").unwrap_or_default(),
            unjudged: unjudged(version),
            errors: version.counter("judge_errors").unwrap_or_default(),
        }
    }
}

impl JudgedPairsView {
    fn new(shadow: &VersionView) -> Self {
        let judged = shadow.counter("judged").unwrap_or_default();
        let inconsistent = shadow.counter("judge_inconsistent").unwrap_or_default();
        let (blue, green) = (
            shadow.counter("preferred_blue").unwrap_or_default(),
            shadow.counter("preferred_green").unwrap_or_default(),
        );
        let interval = share_limits(blue.saturating_add(green), green, ALPHA);
        Self {
            judged,
            unjudged: unjudged(shadow),
            errors: shadow.counter("judge_errors").unwrap_or_default(),
            preferred_blue: blue,
            preferred_green: green,
            preferred_neither: shadow.counter("preferred_neither").unwrap_or_default(),
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

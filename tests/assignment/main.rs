//! The assignment of requests to versions: test vectors, properties and tables.

mod assign;
mod bucket;
mod conversation;
mod exposure;
mod share_history;
mod start_marker;
mod unit;
mod unit_key;

use serde_json::{Value, json};
use verdigris::assignment::{Epoch, Share, ShareHistory, ShareInterval, ShareSetting};
use verdigris::config::Config;

/// The time at which the filter starts, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_764_000_000_000;

const DAY_MS: u64 = 86_400_000;

/// A minimal configuration with these fields added.
fn config_with(fields: Value) -> Config {
    let mut config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Config::parse(config.to_string().as_bytes()).unwrap()
}

fn percent(green: u64) -> Share {
    Share::new(100 - green, green).unwrap()
}

/// The share of a ramp's step that compares all units.
fn setting(share: Share, epoch: u32) -> ShareSetting {
    ShareSetting { share, analysed_share: Share::ALL, epoch: Epoch::new(epoch) }
}

/// The history of a ramp whose first step is in force since the start.
fn history_since_start(share: Share) -> ShareHistory {
    ShareHistory::new(vec![ShareInterval::new(START_MS, setting(share, 1))])
}

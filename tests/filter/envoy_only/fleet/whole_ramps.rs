//! Ramps of a fleet from their first step to their end.

use serde_json::json;

use super::gateways::{Gateways, fleet_config};
use super::shared_store::Kind;
use crate::envoy::upstream::Model;
use crate::envoy_only::ramp_fixture::{GOOD_MODEL, read_counter};
use crate::proxy::phase::{PROMOTED, ROLLED_BACK};

on_each_store!(
    a_good_green_is_promoted_on_all_and_each_decision_is_logged_once,
    a_bad_green_is_rolled_back_on_all
);

fn a_good_green_is_promoted_on_all_and_each_decision_is_logged_once(kind: Kind) {
    let gateways = Gateways::start(3, kind, &fleet_config(kind, json!({})));
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
    gateways.wait_for_gauge("green_bp", 10_000);
    for decision in [
        "the ramp begins",
        "-> ramping at 50 %: green is safe",
        "-> ramping at 100 %: green is safe",
        "-> promoted at 100 %",
    ] {
        let lines = gateways.log_lines(decision);
        assert_eq!(lines.len(), 1, "{decision}: {lines:#?}");
    }
}

fn a_bad_green_is_rolled_back_on_all(kind: Kind) {
    let gateways = Gateways::start(3, kind, &fleet_config(kind, json!({})));
    gateways.set_models([GOOD_MODEL, Model { fails_one_in: 5, ..GOOD_MODEL }]);
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", ROLLED_BACK));
    gateways.wait_for_gauge("green_bp", 0);
    let lines = gateways.log_lines("green is worse");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    // One instance counts what all have seen.
    let counted = |index: usize| {
        let envoy = &gateways.envoys[index];
        read_counter(envoy, "blue", "evidence_units.s0")
            + read_counter(envoy, "green", "evidence_units.s0")
    };
    let all: Vec<_> = (0..3).map(counted).collect();
    assert_eq!(all.iter().filter(|it| **it > 0).count(), 1, "{all:?}");
}
